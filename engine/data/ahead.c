/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * With thousands of peers nothing of one is in a near cache when a packet for it comes: peer, key
 * slot and cipher lead to each other, and each is waited for. The table's cell knows all three, so
 * that they are asked for at once; and where several packets are at hand, those of all of them.
 */
#include <stddef.h>

#include "data/bytes.h"
#include "data/plane.h"

#define FEW    256	      /* peers that are in a near cache anyway */
#define TRAINS LNL_DATA_AHEAD /* peers that are looked for together */
#define LINE   64
#define CIPHER 384 /* bytes of a cipher that every packet needs: round keys, hash key */

/*
 * A load in earnest, whose value nobody waits for: a mere prefetch may be dropped where the page's
 * address is not at hand either.
 */
static inline void touch(const void *p)
{
	(void)*(const volatile char *)p;
}

static void fetch(const void *p, size_t bytes)
{
	if (p == NULL)
		return;
	touch(p);
	for (size_t i = LINE; i < bytes; i += LINE)
		__builtin_prefetch((const char *)p + i);
}

static void fetch_cell(const struct lnl_peer_cell *cell, const struct lnl_aead *cipher)
{
	fetch(cell->peer, offsetof(struct lnl_peer, counters.drops));
	fetch(cell->key, sizeof(*cell->key));
	fetch(cipher, CIPHER);
}

void lnl_ahead_seal(const struct lnl_data *d, uint32_t id)
{
	const struct lnl_peer_cell *cell;

	if (d->peers.n < FEW)
		return;
	cell = lnl_table_home(&d->peers, id);
	fetch_cell(cell, cell->send);
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
		touch(cells[trains++]);
	}
	for (unsigned t = 0; t < trains; t++)
		fetch_cell(cells[t], cells[t]->send);
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
		touch(cells[trains++]);
	}
	for (unsigned t = 0; t < trains; t++)
		fetch_cell(cells[t], cells[t]->recv);
	return i;
}
