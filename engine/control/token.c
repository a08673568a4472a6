/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/token.h"

#include <string.h>

#include "wire/base64.h"

#define PREFIX	   "SESS_ID_AT_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define MAC_LEN	   32			       /* HMAC-SHA256 */
#define FACTS_LEN  (LNL_TOKEN_SESSION + 8 + 8) /* session id, initial, renewed */
#define RAW_LEN	   (FACTS_LEN + MAC_LEN)
#define AHEAD	   60 /* seconds that the clocks of servers with one key may be apart */

/* Without padding a token has just one text. */
_Static_assert(RAW_LEN % 3 == 0, "whole groups of base64");
_Static_assert(LNL_TOKEN_TEXT > PREFIX_LEN + RAW_LEN / 3 * 4, "a token has room");

int lnl_tokens_init(struct lnl_tokens *t, const struct lnl_env *env, const uint8_t key[64],
		    uint64_t lifetime, uint64_t renewal)
{
	uint8_t drawn[LNL_TOKEN_KEY_LEN];
	int rc = 0;

	memset(t, 0, sizeof(*t));
	t->lifetime = lifetime;
	t->renewal = renewal;
	if (key == NULL)
		rc = env->random(env->ctx, drawn, sizeof(drawn));
	if (rc == 0)
		rc = lnl_hmac_new(&t->hmac, env, LNL_DIGEST_SHA256, key != NULL ? key : drawn,
				  LNL_TOKEN_KEY_LEN);
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
	return lnl_keyfile_token(out, text, len);
}

int lnl_token_begin(struct lnl_token_facts *f, const struct lnl_env *env, uint64_t wall)
{
	f->initial = wall;
	f->renewed = wall;
	return env->random(env->ctx, f->session, sizeof(f->session));
}

/* The user's name first, as OpenVPN does: what follows has a fixed length, so nothing can shift. */
static int sign(const struct lnl_tokens *t, const char *user, const uint8_t facts[FACTS_LEN],
		uint8_t mac[MAC_LEN])
{
	const struct lnl_piece pieces[] = { { user, strlen(user) }, { facts, FACTS_LEN } };

	return lnl_hmac_run(t->hmac, pieces, 2, mac);
}

int lnl_token_write(const struct lnl_tokens *t, struct lnl_token_facts *f, const char *user,
		    uint64_t wall, char out[LNL_TOKEN_TEXT])
{
	uint8_t raw[RAW_LEN];
	struct lnl_writer w;
	int rc;

	/* A clock that was set back does not make a token that nobody believes. */
	f->renewed = wall > f->initial ? wall : f->initial;
	lnl_writer_init(&w, raw, sizeof(raw));
	lnl_write_bytes(&w, f->session, sizeof(f->session));
	lnl_write_u64(&w, f->initial);
	lnl_write_u64(&w, f->renewed);
	rc = sign(t, user, raw, raw + FACTS_LEN);
	lnl_writer_init(&w, out, LNL_TOKEN_TEXT);
	if (rc == 0) {
		lnl_write_str(&w, PREFIX);
		lnl_base64_write(&w, raw, sizeof(raw));
	}
	lnl_write_u8(&w, '\0');
	lnl_secret_wipe(raw, sizeof(raw));
	return rc;
}

static enum lnl_token_state judge_age(const struct lnl_tokens *t, const struct lnl_token_facts *f,
				      uint64_t wall)
{
	/* With `initial` not above it, only `renewed` can lie in the future. */
	if (f->renewed < f->initial)
		return LNL_TOKEN_INVALID;
	if (f->renewed > wall && f->renewed - wall >= AHEAD)
		return LNL_TOKEN_INVALID;
	if (t->lifetime != 0 && wall > f->initial && wall - f->initial > t->lifetime)
		return LNL_TOKEN_EXPIRED;
	if (t->renewal != 0 && wall > f->renewed && (wall - f->renewed) / 2 >= t->renewal)
		return LNL_TOKEN_EXPIRED;
	return LNL_TOKEN_VALID;
}

/* Whether |raw| is what we wrote for |user|. */
static bool is_ours(const struct lnl_tokens *t, const char *user, const uint8_t raw[RAW_LEN])
{
	uint8_t mac[MAC_LEN];
	bool same = sign(t, user, raw, mac) == 0 && lnl_secret_equal(mac, raw + FACTS_LEN, MAC_LEN);

	lnl_secret_wipe(mac, sizeof(mac));
	return same;
}

static void read_facts(struct lnl_token_facts *f, const uint8_t raw[RAW_LEN])
{
	struct lnl_reader r;

	lnl_reader_init(&r, raw, FACTS_LEN);
	lnl_read_copy(&r, f->session, sizeof(f->session));
	f->initial = lnl_read_u64(&r);
	f->renewed = lnl_read_u64(&r);
}

enum lnl_token_state lnl_token_check(const struct lnl_tokens *t, const char *user,
				     const char *password, uint64_t wall, struct lnl_token_facts *f)
{
	enum lnl_token_state state = LNL_TOKEN_INVALID;
	const char *text = password + PREFIX_LEN;
	uint8_t raw[RAW_LEN];

	memset(f, 0, sizeof(*f));
	if (strncmp(password, PREFIX, PREFIX_LEN) != 0)
		return LNL_TOKEN_NONE;
	if (lnl_base64_read(raw, sizeof(raw), text, strlen(text)) == RAW_LEN &&
	    is_ours(t, user, raw)) {
		read_facts(f, raw);
		state = judge_age(t, f, wall);
		if (state == LNL_TOKEN_INVALID)
			memset(f, 0, sizeof(*f));
	}
	lnl_secret_wipe(raw, sizeof(raw));
	return state;
}
