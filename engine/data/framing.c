/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/framing.h"

/* OpenVPN comp.h: the first byte of a framed payload. */
enum framing_byte {
	BYTE_V2 = 0x50, /* an algorithm follows */
	BYTE_LZO = 0x66,
	BYTE_LZ4 = 0x69,
	BYTE_PLAIN = 0xfa,
	BYTE_SWAPPED = 0xfb, /* the payload's first byte stands at the end instead */
};

#define V2_PLAIN 0 /* the one algorithm of version 2 that is none */

void lnl_framing_add(enum lnl_framing framing, struct lnl_packet *pkt)
{
	switch (framing) {
	case LNL_FRAMING_NONE:
		break;
	case LNL_FRAMING_LZO:
		*--pkt->p = BYTE_PLAIN;
		pkt->len++;
		break;
	case LNL_FRAMING_STUB:
		pkt->p[pkt->len++] = pkt->p[0];
		pkt->p[0] = BYTE_SWAPPED;
		break;
	case LNL_FRAMING_STUB_V2:
		if (pkt->p[0] != BYTE_V2)
			break;
		*--pkt->p = V2_PLAIN;
		*--pkt->p = BYTE_V2;
		pkt->len += 2;
		break;
	}
}

/*
 * Version 1. OpenVPN sends the plain byte with comp-lzo and the swapped one with compress; each
 * says what it is, so both are taken whichever was configured.
 */
static uint16_t strip_v1(struct lnl_packet *pkt)
{
	switch (pkt->p[0]) {
	case BYTE_PLAIN:
		pkt->p++;
		pkt->len--;
		break;
	case BYTE_SWAPPED:
		pkt->len--;
		pkt->p[0] = pkt->p[pkt->len];
		break;
	case BYTE_LZO:
	case BYTE_LZ4:
		return LNL_DROP_COMPRESSED;
	default:
		return LNL_DROP_FORMAT;
	}
	return pkt->len > 0 ? LNL_DROP_NONE : LNL_DROP_EMPTY;
}

static uint16_t strip_v2(struct lnl_packet *pkt)
{
	if (pkt->p[0] != BYTE_V2)
		return LNL_DROP_NONE;
	if (pkt->len < 2)
		return LNL_DROP_FORMAT;
	if (pkt->p[1] != V2_PLAIN)
		return LNL_DROP_COMPRESSED;
	pkt->p += 2;
	pkt->len -= 2;
	return pkt->len > 0 ? LNL_DROP_NONE : LNL_DROP_EMPTY;
}

uint16_t lnl_framing_strip(enum lnl_framing framing, struct lnl_packet *pkt)
{
	if (pkt->len == 0)
		return LNL_DROP_EMPTY;
	switch (framing) {
	case LNL_FRAMING_LZO:
	case LNL_FRAMING_STUB:
		return strip_v1(pkt);
	case LNL_FRAMING_STUB_V2:
		return strip_v2(pkt);
	case LNL_FRAMING_NONE:
		break;
	}
	return LNL_DROP_NONE;
}
