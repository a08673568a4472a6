/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenVPN's own key files, made: static keys, tls-crypt-v2 keys, the key of auth-tokens. */
#include <stdlib.h>
#include <string.h>

#include "engine_pki.h"
#include "wire/base64.h"
#include "wire/keyfile.h"

#define TEXT_MAX   2048
#define SECRET_LEN 128 /* of the server's keys */
#define TAG_LEN	   32
/* Kc, the type of what follows (1: a time), and the time (PROTOCOL 1.5). */
#define WRAPPED_LEN (LNL_STATIC_KEY_LEN + 1 + 8)
#define WKC_LEN	    (TAG_LEN + WRAPPED_LEN + 2)

/* Ends a call with what |w| holds, which |rc| may say is nothing. */
static int end(int rc, struct lnl_writer *w, struct lnl_pki_text *out, struct lnl_reason *why)
{
	if (rc == 0)
		rc = w->error;
	if (rc == 0) {
		*out = (struct lnl_pki_text){ calloc(1, TEXT_MAX), lnl_writer_len(w) };
		if (out->data)
			memcpy(out->data, w->base, out->len);
		else
			rc = LNL_E_NOMEM;
	}
	lnl_secret_wipe(w->base, TEXT_MAX);
	lnl_crypto_deinit();
	if (rc == 0)
		return 0;
	*out = (struct lnl_pki_text){ 0 };
	return lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
}

static void label(struct lnl_writer *w, const char *which, const char *name)
{
	lnl_write_str(w, which);
	lnl_write_str(w, name);
	lnl_write_str(w, "-----\n");
}

/* A block of base64 in lines of 64 characters. */
static void write_block(struct lnl_writer *w, const char *name, const uint8_t *data, size_t len)
{
	label(w, "-----BEGIN ", name);
	for (size_t at = 0; at < len; at += 48) {
		lnl_base64_write(w, data + at, len - at < 48 ? len - at : 48);
		lnl_write_u8(w, '\n');
	}
	label(w, "-----END ", name);
}

/* The same as hex in lines of 32 characters. */
static void write_hex_block(struct lnl_writer *w, const char *name, const uint8_t *data, size_t len)
{
	label(w, "-----BEGIN ", name);
	for (size_t at = 0; at < len; at += 16) {
		lnl_write_hex(w, data + at, 16);
		lnl_write_u8(w, '\n');
	}
	label(w, "-----END ", name);
}

typedef void block_writer(struct lnl_writer *w, const char *name, const uint8_t *data, size_t len);

/* |len| random bytes, at most a static key's, as a block named |name|. */
static int random_block(const char *name, block_writer *write, size_t len, struct lnl_pki_text *out,
			struct lnl_reason *why)
{
	uint8_t key[LNL_STATIC_KEY_LEN];
	char text[TEXT_MAX];
	struct lnl_writer w;
	int rc = lnl_pki_begin(out, why);

	if (rc < 0)
		return rc;
	rc = lnl_crypto_random(NULL, key, len);
	lnl_writer_init(&w, text, sizeof(text));
	if (rc == 0)
		write(&w, name, key, len);
	lnl_secret_wipe(key, sizeof(key));
	return end(rc, &w, out, why);
}

int lnl_pki_static_key(struct lnl_pki_text *out, struct lnl_reason *why)
{
	return random_block("OpenVPN Static key V1", write_hex_block, LNL_STATIC_KEY_LEN, out, why);
}

int lnl_pki_v2_server_key(struct lnl_pki_text *out, struct lnl_reason *why)
{
	return random_block("OpenVPN tls-crypt-v2 server key", write_block, SECRET_LEN, out, why);
}

int lnl_pki_auth_token_key(struct lnl_pki_text *out, struct lnl_reason *why)
{
	return random_block("OpenVPN auth-token server key", write_block, SECRET_LEN, out, why);
}

/* WKc of |plain| (Kc and metadata) under the server's {Ke, Ka}. */
static int wrap(uint8_t wkc[WKC_LEN], const uint8_t server[LNL_V2_SERVER_KEY_LEN],
		const uint8_t plain[WRAPPED_LEN])
{
	static const uint8_t len[2] = { WKC_LEN >> 8, WKC_LEN & 0xff };
	const struct lnl_piece pieces[] = { { len, sizeof(len) }, { plain, WRAPPED_LEN } };
	struct lnl_hmac *hmac;
	int rc = lnl_hmac_new(&hmac, &lnl_pki_env, LNL_DIGEST_SHA256, server + 64, 32);

	if (rc < 0)
		return rc;
	rc = lnl_hmac_run(hmac, pieces, 2, wkc);
	lnl_hmac_free(hmac);
	if (rc == 0)
		rc = lnl_ctr_run(server, wkc, wkc + TAG_LEN, plain, WRAPPED_LEN);
	memcpy(wkc + WKC_LEN - sizeof(len), len, sizeof(len));
	return rc;
}

int lnl_pki_v2_client_key(struct lnl_bytes server_key, uint64_t when, struct lnl_pki_text *out,
			  struct lnl_reason *why)
{
	uint8_t server[LNL_V2_SERVER_KEY_LEN];
	uint8_t key[LNL_STATIC_KEY_LEN + WKC_LEN]; /* Kc, WKc */
	uint8_t plain[WRAPPED_LEN];
	char text[TEXT_MAX];
	struct lnl_writer w;
	int rc = lnl_pki_begin(out, why);

	if (rc < 0)
		return rc;
	lnl_writer_init(&w, text, sizeof(text));
	rc = lnl_keyfile_v2_server(server, server_key.data, server_key.len);
	if (rc < 0)
		rc = LNL_E_KEY;
	if (rc == 0)
		rc = lnl_crypto_random(NULL, plain, LNL_STATIC_KEY_LEN);
	if (rc == 0) {
		plain[LNL_STATIC_KEY_LEN] = 1;
		for (unsigned i = 0; i < 8; i++)
			plain[LNL_STATIC_KEY_LEN + 1 + i] = (uint8_t)(when >> (56 - 8 * i));
		memcpy(key, plain, LNL_STATIC_KEY_LEN);
		rc = wrap(key + LNL_STATIC_KEY_LEN, server, plain);
	}
	if (rc == 0)
		write_block(&w, "OpenVPN tls-crypt-v2 client key", key, sizeof(key));
	lnl_secret_wipe(server, sizeof(server));
	lnl_secret_wipe(plain, sizeof(plain));
	lnl_secret_wipe(key, sizeof(key));
	return end(rc, &w, out, why);
}
