/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data plane's interface, shaped like the kernel's `ovpn` module: peers, key slots, routes,
 * counters and notifications. Bytes in, bytes out: it knows no sockets, threads or clock.
 */
#ifndef LNL_DATA_DATA_H
#define LNL_DATA_DATA_H

#include "crypto/crypto.h"
#include "wire/env.h"
#include "wire/header.h"
#include "wire/ip.h"

#define LNL_KEY_IDS 8 /* three bits on the wire */

/*
 * Room that a packet buffer has before and behind its payload, so that headers and tags are written
 * in place.
 */
#define LNL_HEADROOM 96	 /* header 4, id 4 to 8, tag or HMAC 64, IV 16, framing 2 */
#define LNL_TAILROOM 128 /* padding or tag; a lane's overhead */

#define LNL_ROUTES_PEER 256 /* of one peer, its own addresses included (max-routes-per-client) */

/* Compression framing (never compression): what stands before the payload inside the encryption. */
enum lnl_framing {
	LNL_FRAMING_NONE,
	LNL_FRAMING_LZO,     /* comp-lzo no: one byte 0xfa in front */
	LNL_FRAMING_STUB,    /* compress stub: 0xfb in front, first byte moved to the end */
	LNL_FRAMING_STUB_V2, /* compress stub-v2: nothing, unless the payload starts with 0x50 */
};

/* What the plane can do; the kernel's has none of the last five. */
enum lnl_data_cap {
	LNL_DATA_CAP_DATA_V2 = 1 << 0,
	LNL_DATA_CAP_DATA_V1 = 1 << 1,
	LNL_DATA_CAP_CBC = 1 << 2,
	LNL_DATA_CAP_EPOCH = 1 << 3,
	LNL_DATA_CAP_ROUTES = 1 << 4,
	LNL_DATA_CAP_RATES = 1 << 5,
};

/* One direction's key material: enough for every cipher. Wiped by who holds it. */
struct lnl_direction_key {
	uint8_t cipher[64];
	uint8_t hmac[64];
};

/* What installs a key. */
struct lnl_key_conf {
	uint8_t key_id;
	enum lnl_cipher cipher;
	enum lnl_digest digest; /* with CBC; NONE with AEAD */
	struct lnl_direction_key send;
	struct lnl_direction_key recv;
	uint32_t replay_window; /* ids; 0: the default, LNL_REPLAY_DEFAULT */
	uint32_t first_id;	/* 0: 1. A test's hook to come near the end of the ids. */
	/* KEY_LIMIT is told once this much has passed, both ways together; 0: no limit. */
	uint64_t limit_bytes;
	uint64_t limit_packets;
	uint64_t expires; /* time at which it stops working, LNL_NEVER if it does not */
};

enum lnl_slot {
	LNL_SLOT_PRIMARY,   /* sends and receives */
	LNL_SLOT_SECONDARY, /* receives only: the key before a renegotiation, or one unconfirmed */
};

struct lnl_peer_conf {
	uint32_t id;	  /* our handle: 24 bits, unique in this plane; a server's is on the wire */
	uint32_t wire_id; /* peer-id in packets that we send; LNL_PEER_ID_NONE: send DATA_V1 */
	enum lnl_framing framing;
	uint16_t mss; /* clamp TCP SYNs to this MSS for IPv4 (IPv6: 20 less); 0: leave */
	/* Of one byte together: a server has very many of these. */
	bool ping_timer_rem : 1; /* the timeout only counts once something came (ping-timer-rem) */
	bool tap : 1;		 /* payload is Ethernet: IP, if any, stands behind its header */
	/* Opened packets must have a source address that routes to this peer (a server's); not tap. */
	bool check_source : 1;
	uint64_t ping_interval; /* microseconds without sending, then a ping; 0: none */
	uint64_t ping_timeout;	/* microseconds without receiving, then a notice; 0: none */
	uint64_t rate_down,
		rate_up; /* bytes a second inside, to the peer and from it; 0: no limit */
};

/*
 * Nothing is lost from sight: packets given to lnl_data_seal are tx_packets and drops, those given
 * to lnl_data_open are rx_packets, pings_received, occ_received and drops.
 */
struct lnl_counters {
	uint64_t tx_packets, tx_bytes; /* plaintext of TUN that was sealed */
	uint64_t link_tx_bytes;	       /* datagrams: sealed ones */
	uint64_t rx_packets, rx_bytes; /* plaintext delivered to TUN */
	uint64_t link_rx_bytes;	       /* datagrams: authentic ones */
	uint64_t pings_sent, pings_received;
	uint64_t occ_sent, occ_received;
	/* Of all its keys so far: ids that the other side has used, and those that came. */
	uint64_t ids_used, ids_came;
	uint64_t drops[LNL_DROP_COUNT];
};

/* What the plane tells its owner. */
enum lnl_notice_kind {
	LNL_NOTICE_NONE,
	LNL_NOTICE_PING_TIMEOUT, /* nothing received for ping_timeout */
	LNL_NOTICE_KEY_LIMIT,	 /* the primary key is used up or nearly: said once a key */
	LNL_NOTICE_KEY_EXPIRED,	 /* a slot's lifetime ended and it was deleted */
	LNL_NOTICE_EXIT,	 /* the peer said goodbye (OCC EXIT) */
	LNL_NOTICE_DECRYPT, /* a packet failed to decrypt (over TCP the connection has to end) */
};

struct lnl_notice {
	enum lnl_notice_kind kind;
	uint32_t peer;
	uint8_t key_id; /* of KEY_LIMIT, KEY_EXPIRED and DECRYPT; else 0 */
};

struct lnl_data;
struct lnl_packet;

/*
 * A plane for at most |max_peers|. It keeps |env|. Everything that packets need is allocated here
 * and in peer and key calls; lnl_data_seal and lnl_data_open allocate nothing. LNL_E_NOMEM,
 * LNL_E_INVAL.
 */
int lnl_data_new(struct lnl_data **out, const struct lnl_env *env, uint32_t max_peers);
/* Wipes keys, releases all; |d| may be NULL. */
void lnl_data_free(struct lnl_data *d);
/* enum lnl_data_cap bits. */
unsigned lnl_data_caps(const struct lnl_data *d);

/*
 * Adds a peer without keys at |now|. LNL_E_EXIST, LNL_E_LIMIT, LNL_E_NOMEM; LNL_E_INVAL when an id
 * is wider than 24 bits or |conf|->id is LNL_PEER_ID_NONE.
 */
int lnl_data_peer_add(struct lnl_data *d, const struct lnl_peer_conf *conf, uint64_t now);
/*
 * Changes what |conf| says of peer conf->id; keys and counters stay, a changed ping interval or
 * timeout counts from |now|. LNL_E_NOTFOUND, LNL_E_INVAL.
 */
int lnl_data_peer_set(struct lnl_data *d, const struct lnl_peer_conf *conf, uint64_t now);
/* Removes a peer, its keys wiped. LNL_E_NOTFOUND. */
int lnl_data_peer_del(struct lnl_data *d, uint32_t id);

/*
 * Installs a key in |slot|, replacing (and wiping) what is there. |key| is copied, the caller wipes
 * its own. LNL_E_NOTFOUND (peer), LNL_E_KEY, LNL_E_UNSUPPORTED (also CBC without a digest),
 * LNL_E_NOMEM.
 */
int lnl_data_key_install(struct lnl_data *d, uint32_t peer, enum lnl_slot slot,
			 const struct lnl_key_conf *key);
/* Swaps primary and secondary. LNL_E_NOTFOUND. */
int lnl_data_key_swap(struct lnl_data *d, uint32_t peer);
/* Deletes the key in |slot|; an empty slot is no error. LNL_E_NOTFOUND (peer). */
int lnl_data_key_del(struct lnl_data *d, uint32_t peer, enum lnl_slot slot);
/* Sets when the key in |slot| expires (tran-window). LNL_E_NOTFOUND. */
int lnl_data_key_expire(struct lnl_data *d, uint32_t peer, enum lnl_slot slot, uint64_t when);

/* ---- routes: which destinations inside the tunnel belong to which peer (a server's) ---- */

/*
 * Leads |prefix| (host bits are passed over) to |peer|. LNL_E_EXIST when just this prefix is
 * another peer's; again for the same is fine. LNL_E_NOTFOUND (peer), LNL_E_INVAL (no prefix),
 * LNL_E_LIMIT (more than LNL_ROUTES_PEER of one peer), LNL_E_NOMEM, LNL_E_RANDOM.
 */
int lnl_data_route_add(struct lnl_data *d, const struct lnl_prefix *prefix, uint32_t peer);
/* LNL_E_NOTFOUND. Deleting a peer deletes its routes. */
int lnl_data_route_del(struct lnl_data *d, const struct lnl_prefix *prefix);
/*
 * Sets `peer` of |n| packets of TUN by the longest prefix that has their destination; LNL_DROP_ROUTE
 * when there is none, counted on the plane. Packets with a drop reason are passed over, and
 * lnl_data_seal passes over those of this one. Returns how many have a peer.
 */
unsigned lnl_data_route(struct lnl_data *d, struct lnl_packet *pkts, unsigned n);
#define LNL_DATA_AHEAD 16
/*
 * Has the memory that sealing |n| packets needs, whose `peer` is set, brought near all at once, as
 * far as it pays: that of the first LNL_DATA_AHEAD peers, where there are hundreds. Changes nothing;
 * for packets that lnl_data_seal then gets one by one. Those with a drop reason are passed over.
 * lnl_data_open does the same by itself.
 */
void lnl_data_ahead(const struct lnl_data *d, const struct lnl_packet *pkts, unsigned n);
/* The peer that |ip| routes to, or LNL_PEER_ID_NONE. */
uint32_t lnl_data_route_find(const struct lnl_data *d, const struct lnl_ip *ip);
/*
 * client-to-client: from now on lnl_data_open sets `relay` of opened packets whose destination
 * routes to another peer.
 */
void lnl_data_set_relay(struct lnl_data *d, bool on);

/*
 * Copies the counters of |peer|. LNL_E_NOTFOUND. Drops that belong to no peer: peer =
 * LNL_PEER_ID_NONE.
 */
int lnl_data_counters(const struct lnl_data *d, uint32_t peer, struct lnl_counters *out);

/*
 * A packet in a buffer. Sealing in place needs LNL_HEADROOM before |p| and LNL_TAILROOM behind |len|;
 * opening needs neither. Both move |p| and |len|; of a dropped packet neither means anything.
 */
struct lnl_packet {
	uint8_t *p;
	uint32_t len;
	uint32_t peer; /* in for seal; in and out for open */
	uint16_t drop; /* out: enum lnl_drop; NONE: go on with it */
	/* out of open: with client-to-client, the peer it goes on to; else LNL_PEER_ID_NONE: TUN */
	uint32_t relay;
	/*
	 * For seal: where the datagram is written, LNL_HEADROOM + len + LNL_TAILROOM bytes; with AEAD
	 * it begins there. NULL: in place. Of the payload at |p| the two bytes before it may then be
	 * written, and an MSS in it be lowered; nothing behind it is.
	 */
	uint8_t *to;
};

/*
 * Seals |n| plaintext packets of TUN for their peers, in place or elsewhere: MSS clamp, framing, id, encryption,
 * header. A packet with a drop reason is not to be sent (counted already). Returns how many are to
 * be sent.
 */
unsigned lnl_data_seal(struct lnl_data *d, struct lnl_packet *pkts, unsigned n, uint64_t now);

/*
 * Opens |n| data packets in place. On entry `peer` says whom the address belongs to: it decides,
 * whatever peer-id the packet carries (a client has one peer, and OpenVPN does not look either).
 * LNL_PEER_ID_NONE when unknown: then DATA_V2's peer-id decides, and DATA_V1 is dropped. `peer`
 * comes back as found; LNL_DROP_SOURCE where check_source is not met. Pings and OCC messages are
 * consumed: they come back as LNL_DROP_EMPTY, not counted as dropped. Returns how many are for TUN. Notices are queued, see lnl_data_notice.
 */
unsigned lnl_data_open(struct lnl_data *d, struct lnl_packet *pkts, unsigned n, uint64_t now);

/*
 * Whether |pkt|, as lnl_data_open left it, is authentic and not seen before, whatever became of it
 * then: only such a packet says where its peer is.
 */
static inline bool lnl_packet_is_fresh(const struct lnl_packet *pkt)
{
	return pkt->drop == LNL_DROP_NONE || pkt->drop == LNL_DROP_EMPTY ||
	       pkt->drop == LNL_DROP_COMPRESSED || pkt->drop == LNL_DROP_INNER ||
	       pkt->drop == LNL_DROP_SOURCE;
}

/*
 * A ping or an OCC EXIT to send: writes a sealed packet to |pkt| (a buffer of at least LNL_HEADROOM
 * + 64 + LNL_TAILROOM bytes, pkt->p at its LNL_HEADROOM). LNL_E_NOTFOUND, LNL_E_STATE (no key that
 * works), LNL_E_LIMIT (the key is used up).
 */
enum lnl_special { LNL_SPECIAL_PING, LNL_SPECIAL_OCC_EXIT };
int lnl_data_special(struct lnl_data *d, uint32_t peer, enum lnl_special what,
		     struct lnl_packet *pkt, uint64_t now);

/*
 * Timers: call at or after lnl_data_next_due. Returns the id of a peer whose ping is due (send it
 * by lnl_data_special and call again), or LNL_PEER_ID_NONE when nothing is left to do. Expires keys
 * and queues notices on the way; a ping timeout is told again after each further timeout.
 */
uint32_t lnl_data_tick(struct lnl_data *d, uint64_t now);
/* When to tick next, or LNL_NEVER; may be early, since packets put a peer's timers off. */
uint64_t lnl_data_next_due(const struct lnl_data *d);
/*
 * Takes the next notice: true, or false when there is none. Bounded: equal notices of one peer
 * collapse.
 */
bool lnl_data_notice(struct lnl_data *d, struct lnl_notice *out);

/*
 * Bytes that sealing adds to a payload with this cipher, digest and wire id (without UDP or TCP
 * headers), at most.
 */
unsigned lnl_data_overhead(enum lnl_cipher c, enum lnl_digest digest, bool data_v2,
			   enum lnl_framing framing);

#endif
