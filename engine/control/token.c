/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/token.h"

#include <string.h>

#include "wire/base64.h"

#define PREFIX	   "SESS_ID_AT_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define MAC_LEN	   32
#define TIMES_LEN  16
#define BODY_LEN   (LNL_TOKEN_SESSION + TIMES_LEN)
#define RAW_LEN	   (BODY_LEN + MAC_LEN)
#define AHEAD	   60 /* seconds that clocks of one server's machines may differ */
#define KEY_NAME   "OpenVPN auth-token server key"

int lnl_tokens_init(struct lnl_tokens *t, const struct lnl_env *env, const uint8_t key[64],
		    uint64_t lifetime, uint64_t renewal)
{
	uint8_t drawn[64];
	int rc = 0;

	memset(t, 0, sizeof(*t));
	t->lifetime = lifetime;
	t->renewal = renewal;
	if (!key)
		rc = env->random(env->ctx, drawn, sizeof(drawn));
	if (rc == 0)
		rc = lnl_hmac_new(&t->hmac, env, LNL_DIGEST_SHA256, key ? key : drawn, 64);
	lnl_secret_wipe(drawn, sizeof(drawn));
	return rc;
}

void lnl_tokens_deinit(struct lnl_tokens *t)
{
	lnl_hmac_free(t->hmac);
	t->hmac = NULL;
}

int lnl_token_key(uint8_t out[64], const char *text, size_t len)
{
	static const char begin[] = "-----BEGIN " KEY_NAME "-----";
	static const char end[] = "-----END " KEY_NAME "-----";
	uint8_t raw[256];
	char body[512];
	size_t n = 0, i = 0, stop = len;
	int got;

	for (i = 0; i + sizeof(begin) - 1 <= len; i++)
		if (memcmp(text + i, begin, sizeof(begin) - 1) == 0)
			break;
	i = i + sizeof(begin) - 1 <= len ? i + sizeof(begin) - 1 : 0;
	for (stop = i; stop + sizeof(end) - 1 <= len; stop++)
		if (memcmp(text + stop, end, sizeof(end) - 1) == 0)
			break;
	/* A key that begins as PEM has to end so. */
	if (i > 0 && stop + sizeof(end) - 1 > len)
		return LNL_E_FORMAT;
	if (i == 0)
		stop = len;
	for (; i < stop && n < sizeof(body); i++)
		if (text[i] != '\n' && text[i] != '\r' && text[i] != ' ' && text[i] != '\t')
			body[n++] = text[i];
	got = n < sizeof(body) ? lnl_base64_read(raw, sizeof(raw), body, n) : LNL_E_FORMAT;
	if (got >= 64)
		memcpy(out, raw, 64);
	lnl_secret_wipe(raw, sizeof(raw));
	lnl_secret_wipe(body, sizeof(body));
	return got >= 64 ? 0 : LNL_E_FORMAT;
}

int lnl_token_begin(struct lnl_token_facts *f, const struct lnl_env *env, uint64_t wall)
{
	f->initial = f->renewed = wall;
	return env->random(env->ctx, f->session, sizeof(f->session));
}

static void put64(uint8_t *out, uint64_t v)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		out[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *in)
{
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		v = v << 8 | in[i];
	return v;
}

static int sign(const struct lnl_tokens *t, const char *user, const uint8_t *body,
		uint8_t mac[LNL_DIGEST_MAX])
{
	const struct lnl_piece pieces[] = { { user, strlen(user) }, { body, BODY_LEN } };

	return lnl_hmac_run(t->hmac, pieces, 2, mac);
}

int lnl_token_write(const struct lnl_tokens *t, struct lnl_token_facts *f, const char *user,
		    uint64_t wall, char out[LNL_TOKEN_TEXT])
{
	uint8_t raw[RAW_LEN], mac[LNL_DIGEST_MAX];
	struct lnl_writer w;
	int rc;

	f->renewed = wall;
	memcpy(raw, f->session, LNL_TOKEN_SESSION);
	put64(raw + LNL_TOKEN_SESSION, f->initial);
	put64(raw + LNL_TOKEN_SESSION + 8, f->renewed);
	rc = sign(t, user, raw, mac);
	memcpy(raw + BODY_LEN, mac, MAC_LEN);
	lnl_writer_init(&w, out, LNL_TOKEN_TEXT);
	lnl_write_str(&w, PREFIX);
	lnl_base64_write(&w, raw, sizeof(raw));
	lnl_write_u8(&w, 0);
	lnl_secret_wipe(raw, sizeof(raw));
	lnl_secret_wipe(mac, sizeof(mac));
	return rc < 0 ? rc : w.error;
}

static enum lnl_token_state judge_age(const struct lnl_tokens *t, const struct lnl_token_facts *f,
				      uint64_t wall)
{
	if (f->initial > wall + AHEAD || f->renewed > wall + AHEAD || f->renewed < f->initial)
		return LNL_TOKEN_INVALID;
	if (t->lifetime && wall > f->initial && wall - f->initial > t->lifetime)
		return LNL_TOKEN_EXPIRED;
	if (t->renewal && wall > f->renewed && wall - f->renewed > 2 * t->renewal)
		return LNL_TOKEN_EXPIRED;
	return LNL_TOKEN_VALID;
}

enum lnl_token_state lnl_token_check(const struct lnl_tokens *t, const char *user,
				     const char *password, uint64_t wall, struct lnl_token_facts *f)
{
	uint8_t raw[RAW_LEN + 3], mac[LNL_DIGEST_MAX];
	enum lnl_token_state state = LNL_TOKEN_INVALID;
	const char *text = password + PREFIX_LEN;

	memset(f, 0, sizeof(*f));
	if (strncmp(password, PREFIX, PREFIX_LEN) != 0)
		return LNL_TOKEN_NONE;
	if (lnl_base64_read(raw, sizeof(raw), text, strlen(text)) == RAW_LEN &&
	    sign(t, user, raw, mac) == 0 && lnl_secret_equal(mac, raw + BODY_LEN, MAC_LEN)) {
		memcpy(f->session, raw, LNL_TOKEN_SESSION);
		f->initial = get64(raw + LNL_TOKEN_SESSION);
		f->renewed = get64(raw + LNL_TOKEN_SESSION + 8);
		state = judge_age(t, f, wall);
	}
	if (state == LNL_TOKEN_INVALID)
		memset(f, 0, sizeof(*f));
	lnl_secret_wipe(raw, sizeof(raw));
	lnl_secret_wipe(mac, sizeof(mac));
	return state;
}
