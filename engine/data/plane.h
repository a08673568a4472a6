/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plane's insides, shared by the files of this room only: peers, where they are found, when
 * they are due.
 */
#ifndef LNL_DATA_PLANE_H
#define LNL_DATA_PLANE_H

#include "data/data.h"
#include "data/ivs.h"
#include "data/keyslot.h"
#include "data/rate.h"
#include "data/routes.h"

#define LNL_SLOTS	 2
#define LNL_NOTICE_KINDS (LNL_NOTICE_DECRYPT + 1)

/* A prefix that leads to a peer, in the peer's list. */
struct lnl_peer_route {
	struct lnl_peer_route *next;
	struct lnl_prefix prefix;
};

/*
 * In the order in which packets need it, by lines of the cache, since each that is far away costs
 * as much as a short packet's cipher: the first is everybody's, the second is for opening, the third
 * for sealing, and the fourth has what opening counts.
 */
struct lnl_peer {
	struct lnl_peer_conf conf;
	struct lnl_keyslot *slots[LNL_SLOTS]; /* by enum lnl_slot; NULL: empty */

	struct lnl_rate up;
	uint64_t heard_at; /* the last authentic datagram, or timeout that was told */
	/*
	 * The source that was last found to route to this peer, and as of which change of the
	 * routes; family 0: none.
	 */
	uint64_t source_change;
	struct lnl_ip source;
	bool heard;  /* something came */
	bool queued; /* in the plane's list of peers with notices */

	uint64_t sent_at; /* the last datagram, or ping that was asked for */
	struct lnl_rate down;
	uint32_t heap_at;
	uint32_t n_routes;
	struct lnl_counters counters;

	uint8_t notices[LNL_NOTICE_KINDS]; /* waiting: for each kind a bit per key id */
	struct lnl_peer *next_noticed;
	struct lnl_peer *prev_noticed;
	struct lnl_peer_route *routes;
};

/* A peer, and its primary key, which is there only to be brought near: see ahead.c. */
struct lnl_peer_cell {
	struct lnl_peer *peer; /* NULL: empty */
	const struct lnl_keyslot *key;
	const struct lnl_aead *send, *recv;
};

/* Peers by id: open addressing, at most half full. */
struct lnl_peer_table {
	struct lnl_peer_cell *cells;
	uint32_t shift; /* 32 - log2 of the number of cells */
	uint32_t mask;
	uint32_t n;
};

/*
 * Peers by when they are due. A packet only moves its peer's times, never the heap: an entry may be
 * early, and whoever finds it due computes it anew.
 */
struct lnl_due {
	uint64_t at;
	struct lnl_peer *peer;
};

struct lnl_data {
	const struct lnl_env *env;
	uint32_t max_peers;
	struct lnl_peer_table peers;
	struct lnl_peer *last; /* found by a packet: packets come in trains. NULL: it is gone */
	struct lnl_due *heap;
	uint32_t heap_n;
	uint32_t heap_cap;
	struct lnl_peer *first_noticed;
	struct lnl_peer *last_noticed;
	struct lnl_counters strays; /* packets of nobody */
	struct lnl_ivs ivs;
	bool relay;		   /* client-to-client */
	struct lnl_routes *routes; /* NULL: there has been none */
	/* How often a route came, or was taken from a peer that stays: see lnl_peer's source. */
	uint64_t route_changes;
};

/* ---- table.c ---- */

int lnl_table_init(struct lnl_peer_table *t, const struct lnl_env *env);
void lnl_table_deinit(struct lnl_peer_table *t, const struct lnl_env *env);
/* The peer, or NULL. */
struct lnl_peer *lnl_table_find(const struct lnl_peer_table *t, uint32_t id);
/* Adds |p|, whose id is not in the table. LNL_E_NOMEM. */
int lnl_table_add(struct lnl_peer_table *t, const struct lnl_env *env, struct lnl_peer *p);
/* Notes the primary key of |p|, which is in the table. */
void lnl_table_note_key(struct lnl_peer_table *t, const struct lnl_peer *p);
/* Where |id| is in most tables; what is there may be another peer, or none. */
const struct lnl_peer_cell *lnl_table_home(const struct lnl_peer_table *t, uint32_t id);
/* Takes out |p|, which is in the table. */
void lnl_table_remove(struct lnl_peer_table *t, const struct lnl_peer *p);

/* ---- ahead.c ---- */

/* They have memory brought near and change nothing. */

/* What sealing needs for the peer |id|. */
void lnl_ahead_seal(const struct lnl_data *d, uint32_t id);
/*
 * What opening needs for the first of |n| packets; returns for how many of them, at least 1.
 */
unsigned lnl_ahead_open(const struct lnl_data *d, const struct lnl_packet *pkts, unsigned n);

/* ---- timers.c ---- */

/* Makes room for one peer more. LNL_E_NOMEM. */
int lnl_timer_reserve(struct lnl_data *d);
void lnl_timer_add(struct lnl_data *d, struct lnl_peer *p);
void lnl_timer_remove(struct lnl_data *d, struct lnl_peer *p);
/* Computes anew when |p| is due, after anything but a packet changed it. */
void lnl_timer_update(struct lnl_data *d, struct lnl_peer *p);

/* ---- steer.c ---- */

/*
 * What a server asks of an opened IP packet of |p|: LNL_DROP_SOURCE when it may not be from there;
 * sets `relay` when it is for another peer.
 */
uint16_t lnl_steer(const struct lnl_data *d, struct lnl_peer *p, struct lnl_packet *pkt);

/* ---- notice.c ---- */

/* Queues a notice on |p|; one that waits already is not doubled. */
void lnl_notice_put(struct lnl_data *d, struct lnl_peer *p, enum lnl_notice_kind kind,
		    uint8_t key_id);
/* Forgets what waits on |p|. */
void lnl_notice_forget(struct lnl_data *d, struct lnl_peer *p);

/* Frees the key in |slot|, if there is one; what came under it stays counted. (plane.c) */
void lnl_data_slot_drop(struct lnl_data *d, struct lnl_peer *p, unsigned slot);

#endif
