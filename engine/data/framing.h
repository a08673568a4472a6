/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes that peers with compression options put around a payload; nothing is ever compressed or
 * expanded.
 */
#ifndef LNL_DATA_FRAMING_H
#define LNL_DATA_FRAMING_H

#include "data/data.h"

#define LNL_FRAMING_HEAD_MAX 2 /* bytes that framing puts in front, at most */
#define LNL_FRAMING_TAIL_MAX 1 /* and behind */

/* Frames the payload of |pkt|, which has at least one byte. */
void lnl_framing_add(enum lnl_framing framing, struct lnl_packet *pkt);

/*
 * Takes the framing off. enum lnl_drop: NONE; COMPRESSED when the peer did compress, FORMAT when
 * its bytes are no framing of this kind, EMPTY when nothing is left.
 */
uint16_t lnl_framing_strip(enum lnl_framing framing, struct lnl_packet *pkt);

#endif
