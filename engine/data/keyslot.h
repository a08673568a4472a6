/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One installed key: both directions' ciphers, the next packet id, the replay window and what has
 * been used up.
 */
#ifndef LNL_DATA_KEYSLOT_H
#define LNL_DATA_KEYSLOT_H

#include "data/bytes.h"
#include "data/data.h"
#include "wire/replay.h"

#define LNL_PID_LEN	4  /* a packet id in its short form, the only one on the data channel */
#define LNL_IMPLICIT_IV 8  /* bytes of the nonce that are not sent */
#define LNL_NONCE_ROOM	16 /* LNL_NONCE_LEN as a whole vector */

#define LNL_PID_WARN UINT32_C(0xff000000) /* OpenVPN packet_id.h: time to renegotiate */

/*
 * AES-GCM: messages plus blocks stay below 2^36 for an advantage of 2^-57 (OpenVPN crypto.c
 * cipher_get_aead_limits). The owner is told at 7/8 of it, early enough for a renegotiation.
 */
#define LNL_GCM_LIMIT ((UINT64_C(1) << 36) - 1)
#define LNL_GCM_WARN  (LNL_GCM_LIMIT / 8 * 7)
/* Packets that failed to authenticate, any cipher: the key receives nothing from here on. */
#define LNL_FAILED_LIMIT (UINT64_C(1) << 36)

struct lnl_ivs;

/* Half of a key: what is needed to send, or to receive. */
struct lnl_keyslot_half {
	uint64_t used;		       /* messages plus blocks */
	struct lnl_aead *aead;	       /* NULL: CBC */
	uint8_t nonce[LNL_NONCE_ROOM]; /* the id's place, then the implicit IV */
};

/* What CBC has instead of |aead|. */
struct lnl_keyslot_cbc {
	struct lnl_cbc *cipher;
	struct lnl_hmac *hmac;
};

/*
 * By lines of the cache, as struct lnl_peer is: the first two are all that sealing needs; opening
 * needs them, too, and from the second's end on its own half.
 */
struct lnl_keyslot {
	uint8_t id;
	uint8_t mac_len; /* 0: AEAD */
	bool limit_said; /* LNL_NOTICE_KEY_LIMIT has been given */
	uint64_t expires;
	uint64_t limit;	  /* for `used`; UINT64_MAX: none */
	uint64_t next_id; /* above UINT32_MAX: used up */
	struct lnl_keyslot_half send;

	uint64_t warn;
	uint64_t bytes; /* datagrams that passed, both ways, and the owner's limits for them */
	uint64_t packets;
	uint64_t limit_bytes;
	uint64_t limit_packets;
	uint64_t failed;
	struct lnl_keyslot_half recv;
	struct lnl_replay replay;

	struct lnl_keyslot_cbc cbc_send;
	struct lnl_keyslot_cbc cbc_recv;
};

/* Builds a slot from |conf|. LNL_E_NOMEM, LNL_E_UNSUPPORTED, LNL_E_KEY. */
int lnl_keyslot_new(struct lnl_keyslot **out, const struct lnl_env *env,
		    const struct lnl_key_conf *conf);
/* Wipes and releases; |k| may be NULL. */
void lnl_keyslot_free(struct lnl_keyslot *k, const struct lnl_env *env);

/* Counts a datagram of |len| bytes that was sealed or opened. */
static inline void lnl_keyslot_count(struct lnl_keyslot *k, uint32_t len)
{
	k->bytes += len;
	k->packets++;
}

/* Whether the owner should be told to renegotiate because of |k|. */
static inline bool lnl_keyslot_is_worn(const struct lnl_keyslot *k)
{
	return k->next_id > LNL_PID_WARN || k->send.used >= k->warn || k->recv.used >= k->warn ||
	       k->failed >= LNL_FAILED_LIMIT || k->bytes >= k->limit_bytes ||
	       k->packets >= k->limit_packets;
}

/*
 * Takes the next packet id for a message of |len| bytes, before anything is encrypted with it, so
 * that none is ever used twice. False when ids or blocks are used up.
 */
static inline bool lnl_keyslot_take_id(struct lnl_keyslot *k, uint32_t len, uint32_t *id)
{
	uint64_t used = k->send.used + 1 + (len + LNL_BLOCK_LEN - 1) / LNL_BLOCK_LEN;

	if (k->next_id > UINT32_MAX || used > k->limit)
		return false;
	*id = (uint32_t)k->next_id++;
	k->send.used = used;
	return true;
}

/*
 * Bytes that header, MAC, IV and id take in front of the payload, and padding behind it, at most.
 */
unsigned lnl_keyslot_overhead(enum lnl_cipher cipher, enum lnl_digest digest, bool data_v2);

/* Bytes of a header. */
static inline uint32_t lnl_keyslot_header_len(uint32_t wire_id)
{
	return wire_id == LNL_PEER_ID_NONE ? 1 : 4;
}

/* Writes the opcode byte, and the peer-id unless it is LNL_PEER_ID_NONE, in front of |pkt|. */
static inline void lnl_keyslot_put_header(const struct lnl_keyslot *k, struct lnl_packet *pkt,
					  uint32_t wire_id)
{
	uint32_t n = lnl_keyslot_header_len(wire_id);

	pkt->p -= n;
	pkt->len += n;
	if (n == 1)
		pkt->p[0] = lnl_op_byte(LNL_OP_DATA_V1, k->id);
	else
		lnl_store32(pkt->p, (uint32_t)lnl_op_byte(LNL_OP_DATA_V2, k->id) << 24 | wire_id);
}

/*
 * Seal: the payload of |pkt| becomes a datagram. Open: a datagram with |header| bytes of header (1
 * or 4) becomes a payload, which CBC may leave empty. In place, but for sealing AEAD where pkt->to
 * says; enum lnl_drop. The IVs for CBC come
 * from |ivs|.
 */
uint16_t lnl_keyslot_seal_aead(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t wire_id);
uint16_t lnl_keyslot_open_aead(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t header);
uint16_t lnl_keyslot_seal_cbc(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t wire_id,
			      struct lnl_ivs *ivs);
uint16_t lnl_keyslot_open_cbc(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t header);

#endif
