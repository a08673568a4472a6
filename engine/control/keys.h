/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Key method 2: the record that both ends exchange inside TLS, and the data channel's keys that
 * come of it.
 */
#ifndef LNL_CONTROL_KEYS_H
#define LNL_CONTROL_KEYS_H

#include "crypto/crypto.h"
#include "data/data.h"
#include "wire/buf.h"

#define LNL_KEYS_LEN	256  /* a key block: as laid out in a static key file */
#define LNL_KM2_MAX	4096 /* longest record that is read */
#define LNL_KM2_OPTIONS 512

#define LNL_LABEL_DATA_KEYS "EXPORTER-OpenVPN-datakeys"
#define LNL_LABEL_DYN_CRYPT "EXPORTER-OpenVPN-dynamic-tls-crypt"

/* One side's contribution of randomness; pre_master is the client's alone. */
struct lnl_key_source {
	uint8_t pre_master[48];
	uint8_t random1[32];
	uint8_t random2[32];
};

/*
 * What a record says beside that. Strings end with NUL; read ones point into the buffer that was
 * read, or are "".
 */
struct lnl_km2 {
	const char *options;
	const char *username; /* "" for none */
	const char *password;
	const char *peer_info;
};

/* Fills |s| with randomness; |client| decides on pre_master. LNL_E_RANDOM. */
int lnl_key_source_init(struct lnl_key_source *s, const struct lnl_env *env, bool client);

/*
 * Writes a record: zero(4) | 2 | [pre_master] random1 random2 | options | username | password |
 * peer info, strings as 16-bit length with their NUL, empty ones but options as length 0 without a
 * byte, as OpenVPN does. LNL_E_SPACE.
 */
int lnl_km2_write(struct lnl_writer *w, bool client, const struct lnl_key_source *s,
		  const struct lnl_km2 *m);

/*
 * Reads the record of a client (|client|) or server out of |len| bytes. User name, password and
 * peer info are taken with and without a byte for "empty", and so is a missing tail behind the
 * options (which need their NUL, as in OpenVPN). LNL_E_SHORT; LNL_E_FORMAT for another key method,
 * a string without its NUL or with one inside, options above LNL_KM2_OPTIONS or a record above
 * LNL_KM2_MAX bytes. After an error |s| is zero and the strings of |m| are empty. The caller wipes
 * |s|.
 */
int lnl_km2_read(const uint8_t *data, size_t len, bool client, struct lnl_key_source *s,
		 struct lnl_km2 *m);

/*
 * The key block by the TLS 1.0 PRF (PROTOCOL 1.6), for peers without TLS key export.
 * LNL_E_UNSUPPORTED, LNL_E_KEY.
 */
int lnl_keys_prf(uint8_t out[LNL_KEYS_LEN], const struct lnl_key_source *client,
		 const struct lnl_key_source *server, const uint8_t client_sid[8],
		 const uint8_t server_sid[8]);

/* Cuts a key block into directions: the client sends with keys[0], the server with keys[1]. */
void lnl_keys_split(const uint8_t block[LNL_KEYS_LEN], bool client, struct lnl_direction_key *send,
		    struct lnl_direction_key *recv);

#endif
