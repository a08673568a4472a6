/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/keys.h"

#include <string.h>

#define KEY_METHOD 2

/* The second step of the PRF binds the keys to both session ids; the longest seed of the two. */
#define LABEL_MASTER "OpenVPN master secret"
#define LABEL_EXPAND "OpenVPN key expansion"
#define SEED_LEN     (32 + 32 + 8 + 8)

int lnl_key_source_init(struct lnl_key_source *s, const struct lnl_env *env, bool client)
{
	int error = 0;

	memset(s, 0, sizeof(*s));
	if (client)
		error = env->random(env->ctx, s->pre_master, sizeof(s->pre_master));
	if (error == 0)
		error = env->random(env->ctx, s->random1, sizeof(s->random1));
	if (error == 0)
		error = env->random(env->ctx, s->random2, sizeof(s->random2));
	if (error != 0)
		lnl_secret_wipe(s, sizeof(*s));
	return error;
}

static void write_string(struct lnl_writer *w, const char *s)
{
	size_t len = strlen(s) + 1;

	if (len > UINT16_MAX) {
		if (!w->error)
			w->error = LNL_E_SPACE;
		return;
	}
	lnl_write_u16(w, (uint16_t)len);
	lnl_write_bytes(w, s, len);
}

/* OpenVPN's own readers want the NUL of the options, and no byte at all of what is not there. */
static void write_optional(struct lnl_writer *w, const char *s)
{
	if (*s != '\0')
		write_string(w, s);
	else
		lnl_write_u16(w, 0);
}

int lnl_km2_write(struct lnl_writer *w, bool client, const struct lnl_key_source *s,
		  const struct lnl_km2 *m)
{
	lnl_write_u32(w, 0);
	lnl_write_u8(w, KEY_METHOD);
	if (client)
		lnl_write_bytes(w, s->pre_master, sizeof(s->pre_master));
	lnl_write_bytes(w, s->random1, sizeof(s->random1));
	lnl_write_bytes(w, s->random2, sizeof(s->random2));
	write_string(w, m->options);
	write_optional(w, m->username);
	write_optional(w, m->password);
	write_optional(w, m->peer_info);
	return w->error;
}

/* The next |len| bytes as a string whose only NUL is its last byte. */
static int take_string(struct lnl_reader *r, size_t len, const char **out)
{
	const uint8_t *p = lnl_read_bytes(r, len);

	if (!p)
		return r->error;
	if (memchr(p, 0, len) != p + len - 1)
		return LNL_E_FORMAT;
	*out = (const char *)p;
	return 0;
}

static int read_options(struct lnl_reader *r, const char **out)
{
	size_t len = lnl_read_u16(r);

	if (r->error)
		return r->error;
	/* OpenVPN, too, refuses a peer that leaves out even the NUL. */
	if (len == 0 || len > LNL_KM2_OPTIONS)
		return LNL_E_FORMAT;
	return take_string(r, len, out);
}

static int read_optional(struct lnl_reader *r, const char **out)
{
	size_t len;

	if (lnl_reader_left(r) == 0)
		return 0;
	len = lnl_read_u16(r);
	if (r->error)
		return r->error;
	return len == 0 ? 0 : take_string(r, len, out);
}

static int read_strings(struct lnl_reader *r, struct lnl_km2 *m)
{
	int error = read_options(r, &m->options);

	if (error == 0)
		error = read_optional(r, &m->username);
	if (error == 0)
		error = read_optional(r, &m->password);
	if (error == 0)
		error = read_optional(r, &m->peer_info);
	return error;
}

int lnl_km2_read(const uint8_t *data, size_t len, bool client, struct lnl_key_source *s,
		 struct lnl_km2 *m)
{
	static const struct lnl_km2 nothing = { "", "", "", "" };
	struct lnl_reader r;
	unsigned method;
	int error;

	memset(s, 0, sizeof(*s));
	*m = nothing;
	if (len > LNL_KM2_MAX)
		return LNL_E_FORMAT;
	lnl_reader_init(&r, data, len);
	/* Called a literal zero, but OpenVPN looks at none of it. */
	lnl_read_u32(&r);
	method = lnl_read_u8(&r);
	if (!r.error && method != KEY_METHOD)
		return LNL_E_FORMAT;
	if (client)
		lnl_read_copy(&r, s->pre_master, sizeof(s->pre_master));
	lnl_read_copy(&r, s->random1, sizeof(s->random1));
	lnl_read_copy(&r, s->random2, sizeof(s->random2));
	error = r.error ? r.error : read_strings(&r, m);
	if (error != 0) {
		lnl_secret_wipe(s, sizeof(*s));
		*m = nothing;
	}
	return error;
}

/* One step of the PRF: |a| and |b|, and the session ids when there are any, are its seed. */
static int prf(uint8_t *out, size_t out_len, const uint8_t master[48], const char *label,
	       const uint8_t a[32], const uint8_t b[32], const uint8_t *sid_a, const uint8_t *sid_b)
{
	uint8_t seed[SEED_LEN];
	struct lnl_writer w;
	int error;

	lnl_writer_init(&w, seed, sizeof(seed));
	lnl_write_bytes(&w, a, 32);
	lnl_write_bytes(&w, b, 32);
	if (sid_a) {
		lnl_write_bytes(&w, sid_a, 8);
		lnl_write_bytes(&w, sid_b, 8);
	}
	error = lnl_prf_tls10(out, out_len, master, 48, label, seed, lnl_writer_len(&w));
	lnl_secret_wipe(seed, sizeof(seed));
	return error;
}

int lnl_keys_prf(uint8_t out[LNL_KEYS_LEN], const struct lnl_key_source *client,
		 const struct lnl_key_source *server, const uint8_t client_sid[8],
		 const uint8_t server_sid[8])
{
	uint8_t master[48];
	int error = prf(master, sizeof(master), client->pre_master, LABEL_MASTER, client->random1,
			server->random1, NULL, NULL);

	if (error == 0)
		error = prf(out, LNL_KEYS_LEN, master, LABEL_EXPAND, client->random2,
			    server->random2, client_sid, server_sid);
	if (error != 0)
		lnl_secret_wipe(out, LNL_KEYS_LEN);
	lnl_secret_wipe(master, sizeof(master));
	return error;
}

static void take_direction(const uint8_t *part, struct lnl_direction_key *out)
{
	memcpy(out->cipher, part, sizeof(out->cipher));
	memcpy(out->hmac, part + sizeof(out->cipher), sizeof(out->hmac));
}

void lnl_keys_split(const uint8_t block[LNL_KEYS_LEN], bool client, struct lnl_direction_key *send,
		    struct lnl_direction_key *recv)
{
	const uint8_t *c2s = block;
	const uint8_t *s2c = block + LNL_KEYS_LEN / 2;

	take_direction(client ? c2s : s2c, send);
	take_direction(client ? s2c : c2s, recv);
}
