/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * op(1) [peer-id(3)] | HMAC | IV(16) | AES-CBC(id(4) payload, PKCS#7). The HMAC covers IV and
 * ciphertext, not the header: so it is in OpenVPN, whatever the RFC draft says.
 */
#include "data/keyslot.h"

#include <string.h>

#include "data/bytes.h"
#include "data/framing.h"
#include "data/ivs.h"

_Static_assert(4 + LNL_DIGEST_MAX + LNL_BLOCK_LEN + LNL_PID_LEN + LNL_FRAMING_HEAD_MAX <=
		       LNL_HEADROOM,
	       "headroom");
_Static_assert(2 * LNL_BLOCK_LEN + LNL_FRAMING_TAIL_MAX <= LNL_TAILROOM, "tailroom");

/*
 * Moves the text to where its blocks are aligned: AES instructions want them so, and a library that
 * does not find them so encrypts a copy on the heap.
 */
static uint8_t *align(uint8_t *text, uint32_t len)
{
	size_t off = (uintptr_t)text % LNL_BLOCK_LEN;

	if (off == 0)
		return text;
	uint8_t *to = text + (LNL_BLOCK_LEN - off);
	memmove(to, text, len);
	return to;
}

uint16_t lnl_keyslot_seal_cbc(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t wire_id,
			      struct lnl_ivs *ivs)
{
	uint32_t id;

	if (!lnl_keyslot_take_id(k, pkt->len, &id))
		return LNL_DROP_KEY_LIMIT;
	uint8_t *text = align(pkt->p - LNL_PID_LEN, pkt->len + LNL_PID_LEN);
	uint32_t len = pkt->len + LNL_PID_LEN;
	uint8_t pad = (uint8_t)(LNL_BLOCK_LEN - len % LNL_BLOCK_LEN);
	lnl_store32(text, id);
	memset(text + len, pad, pad);
	len += pad;

	uint8_t *iv = text - LNL_BLOCK_LEN;
	if (lnl_ivs_take(ivs, iv) != 0)
		return LNL_DROP_STATE;
	if (lnl_cbc_run(k->cbc_send.cipher, iv, text, text, len) != 0)
		return LNL_DROP_NO_KEY;

	struct lnl_piece signed_part = { iv, LNL_BLOCK_LEN + len };
	pkt->p = iv - k->mac_len;
	pkt->len = k->mac_len + LNL_BLOCK_LEN + len;
	if (lnl_hmac_run(k->cbc_send.hmac, &signed_part, 1, pkt->p) != 0)
		return LNL_DROP_NO_KEY;
	lnl_keyslot_put_header(k, pkt, wire_id);
	return LNL_DROP_NONE;
}

/*
 * Bytes of padding at the end of |len| (a multiple of the block) authentic bytes; 0 when malformed.
 */
static uint32_t padding_len(const uint8_t *text, uint32_t len)
{
	uint8_t pad = text[len - 1];

	if (pad == 0 || pad > LNL_BLOCK_LEN)
		return 0;
	for (uint32_t i = 2; i <= pad; i++) {
		if (text[len - i] != pad)
			return 0;
	}
	return pad;
}

static bool is_authentic(struct lnl_keyslot *k, const uint8_t *mac, const uint8_t *iv, uint32_t len)
{
	uint8_t expected[LNL_DIGEST_MAX];
	struct lnl_piece signed_part = { iv, len };

	return lnl_hmac_run(k->cbc_recv.hmac, &signed_part, 1, expected) == 0 &&
	       lnl_secret_equal(expected, mac, k->mac_len);
}

/*
 * The id is inside the encryption, so the replay window is asked last; the MAC has been checked by
 * then.
 */
uint16_t lnl_keyslot_open_cbc(struct lnl_keyslot *k, struct lnl_packet *pkt, uint32_t header)
{
	uint32_t front = header + k->mac_len + LNL_BLOCK_LEN;

	if (pkt->len < front + LNL_BLOCK_LEN)
		return LNL_DROP_SHORT;
	uint8_t *mac = pkt->p + header;
	uint8_t *iv = mac + k->mac_len;
	uint8_t *text = iv + LNL_BLOCK_LEN;
	uint32_t len = pkt->len - front;

	if (!is_authentic(k, mac, iv, LNL_BLOCK_LEN + len))
		return LNL_DROP_AUTH;
	if (len % LNL_BLOCK_LEN != 0 || lnl_cbc_run(k->cbc_recv.cipher, iv, text, text, len) != 0)
		return LNL_DROP_FORMAT;
	uint32_t pad = padding_len(text, len);
	if (pad == 0 || len < pad + LNL_PID_LEN)
		return LNL_DROP_FORMAT;
	if (!lnl_replay_accept(&k->replay, lnl_load32(text)))
		return LNL_DROP_REPLAY;
	k->recv.used += 1 + len / LNL_BLOCK_LEN;
	pkt->p = text + LNL_PID_LEN;
	pkt->len = len - pad - LNL_PID_LEN;
	return LNL_DROP_NONE;
}
