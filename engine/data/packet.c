/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packet's way through the plane: what is done in which order, and what is counted. */
#include "data/plane.h"

#include <string.h>

#include "data/bytes.h"
#include "data/framing.h"
#include "data/inner.h"
#include "data/mss.h"
#include "data/special.h"

#define DATAGRAM_MAX 65535
#define PAYLOAD_MAX  (DATAGRAM_MAX - LNL_HEADROOM - LNL_TAILROOM)

_Static_assert(LNL_SPECIAL_LEN_MAX <= 64, "what lnl_data_special asks of its buffer");

/* Whether peer |id| is where the packet before went. */
static inline bool is_last(const struct lnl_data *d, uint32_t id)
{
	return d->last != NULL && d->last->conf.id == id;
}

static inline struct lnl_peer *find_peer(struct lnl_data *d, uint32_t id)
{
	if (is_last(d, id))
		return d->last;
	struct lnl_peer *p = lnl_table_find(&d->peers, id);
	if (p != NULL)
		d->last = p;
	return p;
}

static inline void clamp(const struct lnl_peer *p, uint8_t *packet, uint32_t len)
{
	if (p->conf.mss != 0 && lnl_mss_concerns(packet, len, p->conf.tap))
		lnl_mss_clamp(packet, len, p->conf.mss, p->conf.tap);
}

static bool works(const struct lnl_keyslot *k, uint64_t now)
{
	return k != NULL && k->expires > now;
}

/* Said once a key, and only for the key that a renegotiation would replace. */
static void watch_limit(struct lnl_data *d, struct lnl_peer *p, struct lnl_keyslot *k)
{
	if (k->limit_said || k != p->slots[LNL_SLOT_PRIMARY] || !lnl_keyslot_is_worn(k))
		return;
	k->limit_said = true;
	lnl_notice_put(d, p, LNL_NOTICE_KEY_LIMIT, k->id);
}

/* ---- sealing ---- */

/*
 * AEAD seals from one place to another. What needs room behind the payload as well, padding or a
 * byte of framing, is copied there and sealed in place.
 */
static void move_first(const struct lnl_peer *p, const struct lnl_keyslot *k,
		       struct lnl_packet *pkt)
{
	if (pkt->to == NULL || (k->mac_len == 0 && p->conf.framing != LNL_FRAMING_STUB))
		return;
	memcpy(pkt->to + LNL_HEADROOM, pkt->p, pkt->len);
	pkt->p = pkt->to + LNL_HEADROOM;
	pkt->to = NULL;
}

/* From payload to datagram. */
static inline uint16_t seal(struct lnl_data *d, struct lnl_peer *p, struct lnl_packet *pkt,
			    uint64_t now)
{
	struct lnl_keyslot *k = p->slots[LNL_SLOT_PRIMARY];
	uint16_t drop;

	if (!works(k, now))
		return LNL_DROP_NO_KEY;
	move_first(p, k, pkt);
	if (p->conf.framing != LNL_FRAMING_NONE)
		lnl_framing_add(p->conf.framing, pkt);
	if (k->mac_len == 0)
		drop = lnl_keyslot_seal_aead(k, pkt, p->conf.wire_id);
	else
		drop = lnl_keyslot_seal_cbc(k, pkt, p->conf.wire_id, &d->ivs);
	if (drop == LNL_DROP_NONE)
		lnl_keyslot_count(k, pkt->len);
	watch_limit(d, p, k);
	if (drop != LNL_DROP_NONE)
		return drop;
	p->sent_at = now;
	p->counters.link_tx_bytes += pkt->len;
	return LNL_DROP_NONE;
}

static uint16_t seal_payload(struct lnl_data *d, struct lnl_peer *p, struct lnl_packet *pkt,
			     uint64_t now)
{
	uint32_t len = pkt->len;

	if (len == 0)
		return LNL_DROP_SHORT;
	if (len > PAYLOAD_MAX)
		return LNL_DROP_LONG;
	if (!lnl_rate_pass(&p->down, len, now))
		return LNL_DROP_RATE;
	clamp(p, pkt->p, len);
	uint16_t drop = seal(d, p, pkt, now);
	if (drop != LNL_DROP_NONE)
		return drop;
	p->counters.tx_packets++;
	p->counters.tx_bytes += len;
	return LNL_DROP_NONE;
}

unsigned lnl_data_seal(struct lnl_data *d, struct lnl_packet *pkts, unsigned n, uint64_t now)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < n; i++) {
		struct lnl_packet *pkt = &pkts[i];
		if (pkt->drop == LNL_DROP_ROUTE)
			continue; /* counted when no route was found */
		if (!is_last(d, pkt->peer))
			lnl_ahead_seal(d, pkt->peer);
		struct lnl_peer *p = find_peer(d, pkt->peer);
		if (p == NULL) {
			pkt->drop = LNL_DROP_PEER;
			d->strays.drops[LNL_DROP_PEER]++;
			continue;
		}
		pkt->drop = seal_payload(d, p, pkt, now);
		if (pkt->drop != LNL_DROP_NONE)
			p->counters.drops[pkt->drop]++;
		else
			sent++;
	}
	return sent;
}

int lnl_data_special(struct lnl_data *d, uint32_t peer, enum lnl_special what,
		     struct lnl_packet *pkt, uint64_t now)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);

	if (p == NULL)
		return LNL_E_NOTFOUND;
	pkt->peer = peer;
	pkt->to = NULL;
	pkt->len = lnl_special_write(what, pkt->p);
	pkt->drop = seal(d, p, pkt, now);
	if (pkt->drop == LNL_DROP_KEY_LIMIT)
		return LNL_E_LIMIT;
	if (pkt->drop != LNL_DROP_NONE)
		return LNL_E_STATE;
	if (what == LNL_SPECIAL_PING)
		p->counters.pings_sent++;
	else
		p->counters.occ_sent++;
	return 0;
}

/* ---- opening ---- */

/* The peer that a datagram is for: its address's, else the one that it names. */
static uint16_t find_owner(struct lnl_data *d, const struct lnl_packet *pkt, struct lnl_peer **p,
			   uint32_t *header)
{
	bool named = pkt->peer == LNL_PEER_ID_NONE;

	*p = named ? NULL : find_peer(d, pkt->peer);
	if (pkt->len == 0)
		return LNL_DROP_SHORT;
	switch (lnl_op_of(pkt->p[0])) {
	case LNL_OP_DATA_V1:
		*header = 1;
		break;
	case LNL_OP_DATA_V2:
		*header = 4;
		if (pkt->len < 4)
			return LNL_DROP_SHORT;
		if (named)
			*p = find_peer(d, lnl_load24(pkt->p + 1));
		break;
	default:
		return LNL_DROP_OPCODE;
	}
	return *p != NULL ? LNL_DROP_NONE : LNL_DROP_PEER;
}

static uint16_t find_key(const struct lnl_peer *p, uint8_t key_id, uint64_t now,
			 struct lnl_keyslot **out)
{
	bool any = false;

	for (unsigned i = 0; i < LNL_SLOTS; i++) {
		struct lnl_keyslot *k = p->slots[i];
		if (!works(k, now))
			continue;
		if (k->id == key_id) {
			*out = k;
			return LNL_DROP_NONE;
		}
		any = true;
	}
	return any ? LNL_DROP_KEY_ID : LNL_DROP_NO_KEY;
}

/*
 * From datagram to framed payload. Nothing of the peer changes unless the packet proves to be its.
 */
static uint16_t decrypt(struct lnl_data *d, struct lnl_peer *p, struct lnl_packet *pkt,
			uint32_t header, uint64_t now)
{
	struct lnl_keyslot *k;
	uint16_t drop = find_key(p, (uint8_t)lnl_key_id_of(pkt->p[0]), now, &k);

	if (drop != LNL_DROP_NONE)
		return drop;
	if (k->failed >= LNL_FAILED_LIMIT)
		return LNL_DROP_KEY_LIMIT;
	uint32_t len = pkt->len;
	if (k->mac_len == 0)
		drop = lnl_keyslot_open_aead(k, pkt, header);
	else
		drop = lnl_keyslot_open_cbc(k, pkt, header);
	if (drop == LNL_DROP_NONE)
		lnl_keyslot_count(k, len);
	else if (drop == LNL_DROP_AUTH)
		k->failed++;
	watch_limit(d, p, k);
	if (drop != LNL_DROP_NONE)
		lnl_notice_put(d, p, LNL_NOTICE_DECRYPT, k->id);
	return drop;
}

/* An authentic datagram of |len| bytes came. */
static void hear(struct lnl_data *d, struct lnl_peer *p, uint32_t len, uint64_t now)
{
	p->counters.link_rx_bytes += len;
	p->heard_at = now;
	if (p->heard)
		return;
	p->heard = true;
	lnl_timer_update(d, p);
}

/* Acts on a message of the other engine; false when the payload is a packet. */
static bool consume(struct lnl_data *d, struct lnl_peer *p, const struct lnl_packet *pkt)
{
	switch (lnl_special_find(pkt->p, pkt->len)) {
	case LNL_MESSAGE_NONE:
		return false;
	case LNL_MESSAGE_PING:
		p->counters.pings_received++;
		break;
	case LNL_MESSAGE_OCC_EXIT:
		lnl_notice_put(d, p, LNL_NOTICE_EXIT, 0);
		p->counters.occ_received++;
		break;
	case LNL_MESSAGE_OCC_OTHER:
		p->counters.occ_received++;
		break;
	}
	return true;
}

/* Opens one datagram of |p|. True when it was counted already, as a message and not as a drop. */
static bool open_datagram(struct lnl_data *d, struct lnl_peer *p, struct lnl_packet *pkt,
			  uint32_t header, uint64_t now)
{
	uint32_t len = pkt->len;

	pkt->drop = decrypt(d, p, pkt, header, now);
	if (pkt->drop != LNL_DROP_NONE)
		return false;
	hear(d, p, len, now);
	if (p->conf.framing != LNL_FRAMING_NONE || pkt->len == 0) {
		pkt->drop = lnl_framing_strip(p->conf.framing, pkt);
		if (pkt->drop != LNL_DROP_NONE)
			return false;
	}
	if (consume(d, p, pkt)) {
		pkt->drop = LNL_DROP_EMPTY;
		return true;
	}
	if (!lnl_inner_is_sane(pkt->p, pkt->len, p->conf.tap)) {
		pkt->drop = LNL_DROP_INNER;
		return false;
	}
	if ((p->conf.check_source || d->relay) && !p->conf.tap) {
		pkt->drop = lnl_steer(d, p, pkt);
		if (pkt->drop != LNL_DROP_NONE)
			return false;
	}
	if (!lnl_rate_pass(&p->up, pkt->len, now)) {
		pkt->drop = LNL_DROP_RATE;
		return false;
	}
	clamp(p, pkt->p, pkt->len);
	p->counters.rx_packets++;
	p->counters.rx_bytes += pkt->len;
	return false;
}

unsigned lnl_data_open(struct lnl_data *d, struct lnl_packet *pkts, unsigned n, uint64_t now)
{
	unsigned delivered = 0, ahead = 0;

	for (unsigned i = 0; i < n; i++) {
		struct lnl_packet *pkt = &pkts[i];
		if (i == ahead)
			ahead += lnl_ahead_open(d, pkt, n - i);
		struct lnl_peer *p;
		uint32_t header = 0;
		bool message = false;

		pkt->relay = LNL_PEER_ID_NONE;
		pkt->drop = find_owner(d, pkt, &p, &header);
		if (p != NULL)
			pkt->peer = p->conf.id;
		if (pkt->drop == LNL_DROP_NONE)
			message = open_datagram(d, p, pkt, header, now);
		if (pkt->drop == LNL_DROP_NONE)
			delivered++;
		else if (!message)
			(p != NULL ? &p->counters : &d->strays)->drops[pkt->drop]++;
	}
	return delivered;
}
