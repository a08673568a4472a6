/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What protects control packets: nothing, an HMAC (tls-auth), encryption (tls-crypt and kin). */
#ifndef LNL_CONTROL_WRAP_H
#define LNL_CONTROL_WRAP_H

#include "crypto/crypto.h"
#include "wire/header.h"
#include "wire/keyfile.h"
#include "wire/replay.h"

enum lnl_wrap_mode { LNL_WRAP_NONE, LNL_WRAP_AUTH, LNL_WRAP_CRYPT };

/* Where a tls-crypt-v2 client starts to say "I can do the cookie" (PROTOCOL 1.5). */
#define LNL_WRAP_EARLY_ID UINT32_C(0x0f000000)
/* The longest packet that is read: the most that OpenVPN's max-packet-size allows (ssl.c). */
#define LNL_WRAP_PACKET_MAX 2048

/* The keys of a wrapping; several sessions can share them. */
struct lnl_wrap_key {
	enum lnl_wrap_mode mode;
	enum lnl_digest digest;
	uint8_t hmac_send[LNL_DIGEST_MAX]; /* the digest's length counts */
	uint8_t hmac_recv[LNL_DIGEST_MAX];
	uint8_t ctr_send[32];
	uint8_t ctr_recv[32];
};

/* No wrapping. */
void lnl_wrap_key_none(struct lnl_wrap_key *k);
/*
 * tls-auth with |direction| 0, 1 or -1 (none: keys[0] both ways; PROTOCOL 1.2) and |digest|
 * (`auth`). LNL_E_UNSUPPORTED; |k| is then as after none. Neither of these takes memory of |env|.
 */
int lnl_wrap_key_auth(struct lnl_wrap_key *k, const struct lnl_env *env,
		      const struct lnl_static_key *key, int direction, enum lnl_digest digest);
/* tls-crypt, tls-crypt-v2's Kc, dyn-tls-crypt: the server sends with keys[0]. 0. */
int lnl_wrap_key_crypt(struct lnl_wrap_key *k, const struct lnl_env *env,
		       const struct lnl_static_key *key, bool server);
/* Wipes; leaves |k| as after none. */
void lnl_wrap_key_deinit(struct lnl_wrap_key *k);

/* One session's use of such keys: its packet ids, and the peer's. */
struct lnl_wrap {
	const struct lnl_wrap_key *key;
	uint32_t send_id;   /* of the last packet sent */
	uint32_t send_time; /* constant for the session's life */
	struct lnl_replay replay;
};

/*
 * Starts packet ids behind |first_id| (0, or LNL_WRAP_EARLY_ID) with |time| in seconds since 1970.
 * |key| must outlive |w|.
 */
void lnl_wrap_init(struct lnl_wrap *w, const struct lnl_wrap_key *key, uint32_t first_id,
		   uint32_t time);

/* Bytes that the wrapping adds to a packet: opcode and session id included, body excluded. */
size_t lnl_wrap_overhead(const struct lnl_wrap_key *k);

/*
 * Writes |c| as a complete packet to |out|: its length, or LNL_E_SPACE, LNL_E_LIMIT (packet ids
 * used up), LNL_E_KEY. Each call uses a new packet id, as every retransmission needs one.
 */
int lnl_wrap_write(struct lnl_wrap *w, const struct lnl_control *c, uint8_t *out, size_t cap);

/*
 * Verifies and reads the packet of |len| bytes at |data|; with tls-crypt the body is decrypted to
 * |scratch| (|cap| bytes; the payload of |c| then points there, else into |data|). A WKc must have
 * been cut off before. Returns LNL_DROP_NONE or the reason: SHORT, LONG, OPCODE, AUTH, REPLAY,
 * FORMAT (what the body breaks, SHORT when it is cut). State changes only after the tag verified.
 */
enum lnl_drop lnl_wrap_read(struct lnl_wrap *w, struct lnl_control *c, const uint8_t *data,
			    size_t len, uint8_t *scratch, size_t cap);

#endif
