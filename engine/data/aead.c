/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * op(1) [peer-id(3)] | id(4) | tag(16) | ciphertext. The nonce is the id and eight bytes of the
 * HMAC key; what is authenticated beside the text is everything before the tag with DATA_V2, the id
 * alone with DATA_V1.
 */
#include "data/keyslot.h"

#include <string.h>

#include "data/bytes.h"

typedef uint32_t vector __attribute__((vector_size(LNL_NONCE_ROOM)));

/*
 * The nonce of the packet whose id stands at |pid|. It is stored in one piece, as ciphers read it:
 * a load of what was just stored in parts would wait until all stores before it are in the cache,
 * those of the packet before among them.
 */
static inline vector nonce_of(const struct lnl_keyslot_half *h, const uint8_t *pid)
{
	vector nonce;
	uint32_t id;

	memcpy(&nonce, h->nonce, sizeof(nonce));
	memcpy(&id, pid, sizeof(id));
	nonce[0] = id;
	return nonce;
}

uint16_t lnl_keyslot_seal_aead(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t wire_id)
{
	const uint8_t *text = pkt->p;
	uint32_t len = pkt->len;
	uint32_t id;

	if (!lnl_keyslot_take_id(k, len, &id))
		return LNL_DROP_KEY_LIMIT;
	if (pkt->to != NULL)
		pkt->p = pkt->to + lnl_keyslot_header_len(wire_id) + LNL_PID_LEN + LNL_TAG_LEN;
	uint8_t *sealed = pkt->p;
	pkt->p -= LNL_PID_LEN + LNL_TAG_LEN;
	pkt->len += LNL_PID_LEN + LNL_TAG_LEN;
	uint8_t *pid = pkt->p;
	lnl_store32(pid, id);
	vector nonce = nonce_of(&k->send, pid);
	lnl_keyslot_put_header(k, pkt, wire_id);

	const uint8_t *ad = pkt->p;
	if (wire_id == LNL_PEER_ID_NONE)
		ad = pid;
	if (lnl_aead_seal(k->send.aead, (const uint8_t *)&nonce, ad,
			  (size_t)(pid + LNL_PID_LEN - ad), sealed, text, len,
			  pid + LNL_PID_LEN) != 0)
		return LNL_DROP_NO_KEY;
	return LNL_DROP_NONE;
}

uint16_t lnl_keyslot_open_aead(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t header)
{
	if (pkt->len < header + LNL_PID_LEN + LNL_TAG_LEN + 1)
		return LNL_DROP_SHORT;
	uint8_t *pid = pkt->p + header;
	uint8_t *text = pid + LNL_PID_LEN + LNL_TAG_LEN;
	uint32_t len = pkt->len - header - LNL_PID_LEN - LNL_TAG_LEN;
	uint32_t id = lnl_load32(pid);

	if (!lnl_replay_check(&k->replay, id))
		return LNL_DROP_REPLAY;
	vector nonce = nonce_of(&k->recv, pid);
	const uint8_t *ad = header == 1 ? pid : pkt->p;
	if (lnl_aead_open(k->recv.aead, (const uint8_t *)&nonce, ad,
			  (size_t)(pid + LNL_PID_LEN - ad), text, text, len,
			  pid + LNL_PID_LEN) != 0)
		return LNL_DROP_AUTH;
	if (!lnl_replay_accept(&k->replay, id))
		return LNL_DROP_REPLAY;
	k->recv.used += 1 + (len + LNL_BLOCK_LEN - 1) / LNL_BLOCK_LEN;
	pkt->p = text;
	pkt->len = len;
	return LNL_DROP_NONE;
}
