/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * With thousands of peers nothing of one is in a near cache when a packet for it comes: peer, key
 * slot and cipher lead to each other, and each is waited for. The table's cell knows all three, so
 * that they are asked for at once; and where several packets are at hand, those of all of them.
 */
#include <stddef.h>

#include "data/bytes.h"
#include "data/plane.h"

#define FEW    32	      /* peers that are in the nearest cache anyway */
#define TRAINS LNL_DATA_AHEAD /* peers that are looked for together */

/* Lines that a packet needs beside the first: see struct lnl_peer and struct lnl_keyslot. */
#define PEER_SEAL 2
#define PEER_OPEN 1
#define PEER_CAME 3

/* Where pointers are shorter, what follows them lies elsewhere, and is asked for in part. */
#define OR_ELSEWHERE(so) (sizeof(void *) < 8 || (so))

_Static_assert(OR_ELSEWHERE(sizeof(struct lnl_peer) % LNL_LINE == 0 &&
			    sizeof(struct lnl_keyslot) % LNL_LINE == 0),
	       "whole lines begin one");
_Static_assert(OR_ELSEWHERE(offsetof(struct lnl_peer, up) == PEER_OPEN * LNL_LINE &&
			    offsetof(struct lnl_peer, queued) < (PEER_OPEN + 1) * LNL_LINE),
	       "what opening needs is one line");
_Static_assert(OR_ELSEWHERE(offsetof(struct lnl_peer, sent_at) == PEER_SEAL * LNL_LINE &&
			    offsetof(struct lnl_peer, counters.rx_packets) == PEER_CAME * LNL_LINE),
	       "what sealing needs is one line, and what opening counts begins the next");
_Static_assert(OR_ELSEWHERE(offsetof(struct lnl_keyslot, warn) == LNL_LINE &&
			    offsetof(struct lnl_keyslot, recv.nonce) == 2 * LNL_LINE),
	       "sealing needs two lines of a key");

static inline void ask_for(const void *p, size_t line)
{
	__builtin_prefetch((const char *)p + line * LNL_LINE);
}

static void fetch_to_seal(const struct lnl_peer_cell *cell)
{
	if (cell->peer == NULL)
		return;
	lnl_touch(cell->peer);
	ask_for(cell->peer, PEER_SEAL);
	if (cell->key == NULL)
		return;
	lnl_touch(cell->key);
	ask_for(cell->key, 1);
	lnl_aead_near(cell->send);
}

static void fetch_to_open(const struct lnl_peer_cell *cell)
{
	if (cell->peer == NULL)
		return;
	lnl_touch(cell->peer);
	ask_for(cell->peer, PEER_OPEN);
	ask_for(cell->peer, PEER_CAME);
	if (cell->key == NULL)
		return;
	lnl_touch(cell->key);
	for (size_t i = 1; i * LNL_LINE < offsetof(struct lnl_keyslot, cbc_send); i++)
		ask_for(cell->key, i);
	lnl_aead_near(cell->recv);
}

void lnl_ahead_seal(const struct lnl_data *d, uint32_t id)
{
	if (d->peers.n >= FEW)
		fetch_to_seal(lnl_table_home(&d->peers, id));
}

void lnl_data_ahead(const struct lnl_data *d, const struct lnl_packet *pkts, unsigned n)
{
	const struct lnl_peer_cell *cells[TRAINS];
	uint32_t last = LNL_PEER_ID_NONE;
	unsigned trains = 0;

	if (d->peers.n < FEW)
		return;
	for (unsigned i = 0; i < n && trains < TRAINS; i++) {
		if (pkts[i].drop != LNL_DROP_NONE || pkts[i].peer == last)
			continue;
		last = pkts[i].peer;
		cells[trains] = lnl_table_home(&d->peers, last);
		lnl_touch(cells[trains++]);
	}
	for (unsigned t = 0; t < trains; t++)
		fetch_to_seal(cells[t]);
}

/* Whose |pkt| is, as find_owner has it; LNL_PEER_ID_NONE when that is not to be seen. */
static uint32_t owner_of(const struct lnl_packet *pkt)
{
	if (pkt->peer != LNL_PEER_ID_NONE || pkt->len < 4 || lnl_op_of(pkt->p[0]) != LNL_OP_DATA_V2)
		return pkt->peer;
	return lnl_load24(pkt->p + 1);
}

unsigned lnl_ahead_open(const struct lnl_data *d, const struct lnl_packet *pkts, unsigned n)
{
	const struct lnl_peer_cell *cells[TRAINS];
	uint32_t last = LNL_PEER_ID_NONE;
	unsigned trains = 0, i = 0;

	if (d->peers.n < FEW)
		return n;
	for (; i < n && trains < TRAINS; i++) {
		uint32_t id = owner_of(&pkts[i]);

		if (id == last)
			continue;
		last = id;
		cells[trains] = lnl_table_home(&d->peers, id);
		lnl_touch(cells[trains++]);
	}
	for (unsigned t = 0; t < trains; t++)
		fetch_to_open(cells[t]);
	return i;
}
