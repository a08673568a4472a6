/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker's insides, shared by the worker*.c files only. All but the first part is its thread's
 * own.
 */
#ifndef LNL_IO_WORKER_STATE_H
#define LNL_IO_WORKER_STATE_H

#include <ev.h>
#include <pthread.h>

#include "data/coalesce.h"
#include "data/split.h"
#include "io/backlog.h"
#include "io/incoming.h"
#include "io/nodes.h"
#include "io/outgoing.h"
#include "io/pace.h"
#include "io/ring.h"
#include "io/worker.h"
#include "wire/stream.h"

#define LNL_WORKER_SEEDS  7	       /* of the hash of addresses */
#define LNL_WORKER_STREAM (256 * 1024) /* read from a TCP socket at once */
#define LNL_WORKER_REST	  2048 /* of an unfinished packet; a longer one has memory of its own */
#define LNL_WORKER_RESTS  16   /* kept */
#define LNL_WORKER_TURNS  4    /* batches from one socket before others have their turn */
/* No peer can have it: the data plane counts the packet as nobody's. */
#define LNL_WORKER_STRANGER (LNL_PEER_ID_NONE + 1)
#define LNL_WORKER_SPECIAL  (LNL_OUT_PREFIX + LNL_HEADROOM + 64 + LNL_TAILROOM)
/*
 * Where TUN's packets are read, as many as the data plane looks at together: each with what stands in
 * front of it (framing, vnet's header, Ethernet's) and some room behind it.
 */
#define LNL_WORKER_SUPER_BEFORE 64
#define LNL_WORKER_LONG		(65536 + 64) /* the last may be as long */
#define LNL_WORKER_SHORT	2048	     /* the others */
#define LNL_WORKER_SHORT_ROOM	(LNL_WORKER_SUPER_BEFORE + LNL_WORKER_SHORT + 64)
#define LNL_WORKER_SUPER                                                                           \
	((LNL_DATA_AHEAD - 1) * LNL_WORKER_SHORT_ROOM + LNL_WORKER_SUPER_BEFORE + LNL_WORKER_LONG)

struct lnl_worker;

struct lnl_link {
	struct lnl_node node;  /* by id */
	struct lnl_link *next; /* in the list of those that ended */
	struct lnl_worker *worker;
	struct lnl_carrier *carriers; /* the peers behind it */
	struct lnl_link_conf conf;
	struct ev_io readable;
	struct ev_io writable;
	bool closed;   /* it ended: its socket is no more */
	bool gro;      /* UDP: it gives datagrams of one sender together */
	bool segments; /* UDP: it takes many of one length for one receiver */
	bool errored;  /* an error was told at `error_at` */
	uint64_t error_at;
	int ended; /* errno to tell in LNL_NTF_LINK_CLOSED */
	/* TCP: the beginning of a packet whose rest has not come; NULL: there is none */
	uint8_t *rest;
	size_t rest_len;
	struct lnl_backlog out; /* TCP */
	struct lnl_pace pace;	/* TCP: how it is read */
	struct lnl_link *pace_next;
	struct lnl_link **pace_on; /* what points to it in `paced`; NULL: it is read as it comes */
	uint64_t read_at;	   /* TCP: when it was read, which brought something */
	bool answered;		   /* and something was sent since, first at `answered_at` */
	uint64_t answered_at;
	uint32_t prompt; /* TCP: reads that are acknowledged at once */
};

/* Peers that have moved. */
struct lnl_floats {
	struct lnl_carrier *first;
	struct lnl_carrier *last;
};

/*
 * What the worker knows of a peer beside the data plane: its way out, and what was lost after
 * sealing or opening.
 */
struct lnl_carrier {
	struct lnl_node node;  /* by peer */
	struct lnl_node place; /* by link and address, where it is `placed` */
	bool placed;
	struct lnl_carrier *older; /* added before */
	struct lnl_carrier *newer;
	uint32_t peer;
	uint64_t serial;
	uint32_t link_id;
	struct lnl_link *link;	 /* NULL: none */
	struct lnl_addr address; /* behind a link of many */
	bool unsegmented;	 /* the way there takes no segments of this length (path MTU) */
	struct lnl_carrier *next_on_link;
	struct lnl_carrier **on_link; /* what points to it in that list */

	struct lnl_floats *floats; /* the list that it is in; NULL: there is no news of it */
	struct lnl_carrier *float_next;
	struct lnl_carrier *float_prev;
	bool float_told; /* at `float_at`, or to be told again then */
	uint64_t float_at;

	/* where its packets go when a turn's are put in order: worker_send.c */
	uint32_t turn;
	uint16_t place_in_turn;

	uint64_t drops_tun, drops_tun_bytes;
	uint64_t drops_send, drops_queue;

	struct lnl_lane *lane; /* of its plaintext; NULL: none */
	uint64_t drops_lane, drops_lane_bad;
	uint64_t lane_rx, lane_rx_bytes; /* of those, what the data plane took for delivered */
};

/* A packet that TUN gave. */
struct lnl_drawn {
	uint8_t *p;
	uint32_t len;
	uint32_t peer; /* whose it is */
	uint8_t link;  /* bytes of link-layer header */
	bool gone;     /* nobody's, or its peer went */
	struct lnl_vnet vnet;
};

/* A command that did not fit into the ring. */
struct lnl_waiting {
	struct lnl_waiting *next;
	size_t len;
	struct lnl_command cmd; /* only `len` bytes of it are there */
};

struct lnl_worker_lanes;

struct lnl_worker {
	/* The control thread's. */
	struct lnl_waiting *waiting;
	struct lnl_waiting **waiting_end;
	pthread_t thread;
	bool started;
	struct lnl_across *connected; /* to be released */

	/* Shared. */
	struct lnl_ring commands;
	struct lnl_ring notes;
	struct ev_loop *loop;
	struct ev_async async;
	atomic_bool
		/* commands wait on the control thread's side: wake it once there is room */
		overflowed;
	atomic_bool starved; /* notifications wait on this side: wake us once there is room */
	atomic_bool quit;    /* nobody takes notifications any more */
	_Atomic uint64_t lost;
	void (*wake)(void *ctx);
	void *wake_ctx;
	atomic_bool capturing;	       /* `captured` is there */
	_Atomic uint32_t capture_peer; /* LNL_PEER_ID_NONE: all */
	_Atomic uint32_t capture_keep; /* bytes of a packet */
	_Atomic uint64_t capture_lost;
	struct lnl_ring captured;

	/* The worker's. */
	struct ev_prepare prepare;
	struct ev_timer timer;
	uint64_t armed;	     /* what the timer waits for; LNL_NEVER: it is off */
	bool noted;	     /* the control thread has to be woken */
	bool strange;	     /* and for packets of strangers, which may wait a moment */
	uint64_t strange_at; /* when it was woken for such */
	bool stopping;
	struct lnl_data *data;
	struct lnl_nodes links; /* by id */
	struct lnl_link *ended, *last_ended;
	struct lnl_nodes carriers;  /* by peer */
	struct lnl_nodes addresses; /* carriers by link and address, keyed with `seeds` */
	uint64_t seeds[LNL_WORKER_SEEDS];
	struct lnl_carrier *unlinked;	/* carriers whose link is not there */
	struct lnl_carrier *newest;	/* TUN's packets are its */
	struct lnl_floats floats;	/* to be told now */
	struct lnl_floats floats_later; /* and at their `float_at`, in its order */
	struct lnl_carrier nobody;	/* counts what is no peer's */
	struct lnl_notice notice;	/* one that found no room; kind NONE: there is none */
	bool decrypt_told;
	uint64_t decrypt_at;

	int tun_fd; /* -1: none */
	bool tap;
	bool routed;   /* a server's: packets go where routes lead */
	bool vnet;     /* a struct lnl_vnet in front of every packet */
	bool unread;   /* another worker reads it */
	int tun_error; /* to be told; 0: nothing */
	struct ev_io tun_readable;
	bool dry;	/* the device gave no more in this turn */
	uint8_t *super; /* where its packets are read, LNL_WORKER_SUPER */
	struct lnl_drawn drawn[LNL_DATA_AHEAD];
	unsigned drawn_n, drawn_at; /* those before it have been begun */
	bool splitting;		    /* the last of those is not all sealed */
	uint32_t super_peer;	    /* whose it is */
	struct lnl_split split;
	struct lnl_coalesce coalesce;

	struct lnl_link *blocked; /* what the rest of `tx` waits for */
	unsigned tx_at;		  /* packets of `tx` before it are gone */
	uint32_t turn;		  /* counts the batches that were put in order */
	/*
	 * Memory that streams gave back, so that traffic allocates nothing: a queue's, and blocks of
	 * LNL_WORKER_REST for the beginnings of packets.
	 */
	uint8_t *spare_queue;
	uint8_t *spare_rests[LNL_WORKER_RESTS];
	unsigned spare_n;
	uint8_t *stream; /* where TCP sockets are read, LNL_WORKER_STREAM; NULL: there was none */
	struct lnl_link *paced;	     /* links that are read by the clock */
	struct lnl_link *paced_next; /* of them, whose turn is next */
	int pace_clock;		     /* timerfd; -1: none */
	struct ev_io pace_ticked;
	struct lnl_incoming in;
	struct lnl_outgoing tx;
	struct lnl_outgoing relay; /* without memory until it is asked for */
	uint8_t special[LNL_WORKER_SPECIAL];

	struct lnl_across *across;	/* NULL: there is no other worker */
	struct lnl_worker_lanes *lanes; /* NULL: there is no lane */
};

/* ---- worker.c ---- */

/* Puts a notification into the ring, its first |len| bytes; false when there is no room. */
bool lnl_worker_note(struct lnl_worker *w, const struct lnl_ntf *n, size_t len);
/*
 * A control packet for the control thread, |from| NULL unless of a link of many; one that finds no
 * room is lost. Those of strangers leave room to those of peers.
 */
void lnl_worker_note_packet(struct lnl_worker *w, uint32_t link, const struct lnl_packet *pkt,
			    const struct lnl_addr *from);
/* A short one: no union. Lost when there is no room. */
void lnl_worker_note_error(struct lnl_worker *w, enum lnl_ntf_kind kind, uint32_t id, uint32_t peer,
			   int error);
/*
 * Room for the longest notification that is no packet. When there is none, we are woken once there
 * is.
 */
bool lnl_worker_has_room(struct lnl_worker *w);

/* ---- worker_command.c ---- */

/* Bytes of a command that its kind uses. */
size_t lnl_worker_command_len(const struct lnl_command *cmd);
/* Closes what a command that was never carried out hands over, and wipes it. */
void lnl_worker_command_discard(struct lnl_command *cmd);
/* Carries out one command and wipes it. */
void lnl_worker_run(struct lnl_worker *w, struct lnl_command *cmd);

/* ---- worker_peer.c ---- */

struct lnl_carrier *lnl_worker_carrier(struct lnl_worker *w, uint32_t peer); /* NULL: none */
/* The same, or the one that counts what is nobody's. */
struct lnl_carrier *lnl_worker_counting(struct lnl_worker *w, uint32_t peer);
/* LNL_E_NOMEM. */
int lnl_worker_carrier_add(struct lnl_worker *w, uint32_t peer, uint32_t link_id,
			   const struct lnl_addr *address, uint64_t serial);
/* |c| is behind |link_id| from now on, and at |address| (NULL: where it was). */
void lnl_worker_carrier_link(struct lnl_worker *w, struct lnl_carrier *c, uint32_t link_id,
			     const struct lnl_addr *address);
/* Who is at |address| behind a link of many, or NULL. */
struct lnl_carrier *lnl_worker_at(struct lnl_worker *w, uint32_t link_id,
				  const struct lnl_addr *address);
/* The number under which |address| behind |link_id| is looked for. */
uint32_t lnl_worker_address_key(const struct lnl_worker *w, uint32_t link_id,
				const struct lnl_addr *address);
void lnl_worker_carrier_del(struct lnl_worker *w, uint32_t peer);
void lnl_worker_carriers_free(struct lnl_worker *w);
/* |link| has come, or goes: so for the peers behind it. */
void lnl_worker_carriers_link(struct lnl_worker *w, struct lnl_link *link);
void lnl_worker_carriers_unlink(struct lnl_worker *w, struct lnl_link *link);
/* The data plane's counters and ours. */
void lnl_worker_count(struct lnl_worker *w, uint32_t peer, struct lnl_counters *out);

/* ---- worker_many.c ---- */

/* Sets the peers of what a link of many received; |owners| (NULL: nobody's), LNL_IN_PACKETS. */
void lnl_worker_owners(struct lnl_link *l, struct lnl_carrier **owners);
/* Once they are opened: who has moved? */
void lnl_worker_follow(struct lnl_link *l, struct lnl_carrier **owners, uint64_t now);
/* Nothing is told of |c| any more. */
void lnl_worker_float_forget(struct lnl_worker *w, struct lnl_carrier *c);
/* Tells of moves as far as there is room and time has come. */
void lnl_worker_floats_tell(struct lnl_worker *w);
/* When the next is to be told, or LNL_NEVER. */
uint64_t lnl_worker_floats_due(const struct lnl_worker *w);
/* LNL_E_NOMEM. */
int lnl_worker_set_relay(struct lnl_worker *w, bool on);
/* Sends those of what was received that go on to another peer. */
void lnl_worker_relay(struct lnl_worker *w, uint64_t now);

/* ---- worker_across.c, all but the first and the last for who has `across` ---- */

/* Packets that would be made of one of |len| bytes that a device gave with |vnet|. */
uint32_t lnl_worker_segments(uint32_t len, const struct lnl_vnet *vnet);

/*
 * Hands a packet of TUN's or of a peer's to the worker whose peer it is for; false when that is ours.
 * What finds no room is dropped and counted.
 */
bool lnl_worker_hand_packet(struct lnl_worker *w, uint32_t peer, const uint8_t *p, uint32_t len,
			    const struct lnl_vnet *vnet);
/* The same with a datagram that names |peer| and came by |l|, a link of many, from |from|. */
bool lnl_worker_hand_datagram(struct lnl_link *l, uint32_t peer, const struct lnl_packet *pkt,
			      const struct lnl_addr *from);
/* Tells the others where |c| is now. */
void lnl_worker_across_moved(struct lnl_worker *w, const struct lnl_carrier *c);
/* Whether a peer of another worker's is at |address|, behind our link of its listening address. */
bool lnl_worker_across_at(const struct lnl_worker *w, uint32_t link_id,
			  const struct lnl_addr *address);
/* Wakes those that something was handed to. */
void lnl_worker_across_wake(struct lnl_worker *w);
/* Takes what others have handed over, as far as it is our turn and sockets have room. */
void lnl_worker_across_take(struct lnl_worker *w);
/* A link has room again: what waited for it goes on. */
void lnl_worker_across_go_on(struct lnl_worker *w);
/* Of an LNL_CMD_PEER_ELSEWHERE. LNL_E_NOMEM, LNL_E_EXIST, LNL_E_INVAL: our own, or no worker. */
int lnl_worker_across_add(struct lnl_worker *w, const struct lnl_command *cmd);
/* |peer|, ours or another's, is no more. */
void lnl_worker_across_del(struct lnl_worker *w, uint32_t peer);
/* Tells in |out| of what was lost on the way to |peer|; false when it is not another worker's. */
bool lnl_worker_across_count(struct lnl_worker *w, uint32_t peer, struct lnl_counters *out);
/* |a| may be NULL. */
void lnl_worker_across_free(struct lnl_across *a);

/* ---- worker_lane.c: lanes come and go; all but the first are for who has `lanes` ---- */

/* Of an LNL_CMD_LANE_ADD. LNL_E_NOMEM, LNL_E_LIMIT, LNL_E_INVAL: it is not there at all. */
int lnl_worker_lane_add(struct lnl_worker *w, const struct lnl_command *cmd);
/* LNL_E_NOTFOUND. */
int lnl_worker_lane_del(struct lnl_worker *w, uint32_t id);
/* Gives |c| the lane |id| (0: none). One that is not there drops all. LNL_E_NOMEM. */
int lnl_worker_lane_give(struct lnl_worker *w, struct lnl_carrier *c, uint32_t id);
/* Tells of faults as far as there is room. */
void lnl_worker_lanes_tell(struct lnl_worker *w);
/* When there is more to be told, or LNL_NEVER. */
uint64_t lnl_worker_lanes_due(const struct lnl_worker *w);
/* Frees the VM; from the worker's thread. */
void lnl_worker_lanes_stop(struct lnl_worker *w);
void lnl_worker_lanes_free(struct lnl_worker *w);

/* ---- worker_tap.c: packets on their way through lanes, for who has `lanes` ---- */

/* Opened packets of `in`: those that lanes took have LNL_DROP_LANE, and are counted. */
void lnl_worker_tap_in(struct lnl_worker *w);
/* What `in` has of |l|, before anybody looked at it: those that the lane took are gone. */
void lnl_worker_tap_wire_in(struct lnl_link *l);
/* Packets of |o| that the lane has not seen: those that it took are gone. */
void lnl_worker_tap_wire_out(struct lnl_worker *w, struct lnl_outgoing *o);
/*
 * The same for one packet of |c|'s or of a stranger's, with LNL_OUT_PREFIX and LNL_LANE_OVERHEAD
 * bytes of room before it, and the latter behind it. False: it was dropped.
 */
bool lnl_worker_tap_wire_one(struct lnl_worker *w, struct lnl_packet *pkt, struct lnl_carrier *c);
/* Whether a lane sees what is sent. */
bool lnl_worker_tap_sends(const struct lnl_worker *w);
/*
 * A packet of TUN for |peer|, to lanes that want it as TUN gave it. False: it was dropped.
 */
bool lnl_worker_tap_super(struct lnl_worker *w, uint32_t peer, uint8_t *p, uint32_t len,
			  const struct lnl_vnet *vnet);
/* Whether packets to |peer| have to be staged one by one. */
bool lnl_worker_tap_stages(struct lnl_worker *w, uint32_t peer);
/* Whether a lane wants packets to |peer| as TUN gives them. */
bool lnl_worker_tap_supers(struct lnl_worker *w, uint32_t peer);
/* Whether a packet of any length finds room in the stage. */
bool lnl_worker_stage_has_room(const struct lnl_worker *w);
/* Copies a packet for |peer| there; |whole|: lanes that want super-packets have not seen it. */
void lnl_worker_stage(struct lnl_worker *w, const uint8_t *p, uint32_t len, uint32_t peer,
		      bool whole);
/*
 * Shows lanes what is staged, and seals what they leave into |o|, as far as there is room. True once
 * the stage is empty.
 */
bool lnl_worker_stage_seal(struct lnl_worker *w, struct lnl_outgoing *o, uint64_t now);
bool lnl_worker_stage_is_empty(const struct lnl_worker *w);
/* |peer| goes: what is staged is no longer its. */
void lnl_worker_stage_forget(struct lnl_worker *w, uint32_t peer);

/* ---- worker_link.c ---- */

struct lnl_link *lnl_worker_link(struct lnl_worker *w, uint32_t id); /* NULL: none */
/* Takes over the socket. LNL_E_INVAL, LNL_E_EXIST, LNL_E_NOMEM: it is closed. */
int lnl_worker_link_add(struct lnl_worker *w, const struct lnl_link_conf *conf);
/* Takes the link out and closes it; |tell|: LNL_NTF_LINK_CLOSED with |error|. */
void lnl_worker_link_end(struct lnl_link *l, bool tell, int error);
/* Tells of an error that the link survives, at most one a second. */
void lnl_worker_link_error(struct lnl_link *l, int error);
/* Whether an error says that the socket is of no use any more. */
bool lnl_worker_link_is_useless(int err);
/* What `in` has, which is the link's, goes its ways: to control, or through the data plane to TUN. */
void lnl_worker_link_take(struct lnl_link *l);
/* Reads what a TCP link has. It may end here, and how it is read change. */
void lnl_worker_link_read(struct lnl_link *l);
/* Tells of links that ended, as far as there is room. */
void lnl_worker_links_tell(struct lnl_worker *w);
void lnl_worker_links_free(struct lnl_worker *w);

/* ---- worker_pace.c ---- */

/* Makes the clock, if there is none. Without one all is read as it comes. */
void lnl_worker_pace_init(struct lnl_worker *w);
void lnl_worker_pace_deinit(struct lnl_worker *w);
/* |l|, a TCP link, was read at |now|; |packets| ended in what came. How it is read may change. */
void lnl_worker_pace_read(struct lnl_link *l, uint64_t now, size_t bytes, size_t packets);
/* |l| goes. */
void lnl_worker_pace_forget(struct lnl_link *l);

/* ---- worker_ack.c ---- */

/* |l|, a TCP link, was read at |now|, which brought something: acknowledges it where its sender waits. */
void lnl_worker_ack_read(struct lnl_link *l, uint64_t now);
/* Something was sent by |l|. */
void lnl_worker_ack_sent(struct lnl_link *l);

/* ---- worker_send.c ---- */

/* Sends `tx` from `tx_at` on, as far as links take it; it is empty then, or `blocked` is set. */
void lnl_worker_flush(struct lnl_worker *w);
/* Sends all of |o|; what finds no room is dropped and counted. */
void lnl_worker_send_or_drop(struct lnl_worker *w, struct lnl_outgoing *o);
/* Bytes that |peer|'s link wants in front of a packet. */
uint32_t lnl_worker_prefix(struct lnl_worker *w, uint32_t peer);
/*
 * Sends one packet with LNL_OUT_PREFIX before it: control, ping. |to| is where, by a link of many.
 * False when it was dropped, but by a lane, which is counted.
 */
bool lnl_worker_send(struct lnl_link *l, struct lnl_packet *pkt, const struct lnl_addr *to);
/* Asks the data plane for a ping or a goodbye and sends it. LNL_E_* as lnl_data_special. */
int lnl_worker_special(struct lnl_worker *w, uint32_t peer, enum lnl_special what);
/* Sends what is queued as far as it needs no waiting. Returns 0 or an errno that ends the link. */
int lnl_worker_drain(struct lnl_link *l);
/* libev's callback for a link that was full. */
void lnl_worker_writable(struct ev_loop *loop, struct ev_io *io, int revents);

/* ---- worker_capture.c ---- */

static inline bool lnl_worker_captures(const struct lnl_worker *w)
{
	return atomic_load_explicit(&w->capturing, memory_order_relaxed);
}
/* |len| bytes at |p| of |peer| passed, or not (|drop|); where |captures|. */
void lnl_worker_capture_note(struct lnl_worker *w, bool out, uint32_t peer, const uint8_t *p,
			     uint32_t len, enum lnl_drop drop);
/* Where datagrams of `in` are, before they are opened; lnl_worker_capture_in tells what came of them. */
struct lnl_seen {
	const uint8_t *p[LNL_IN_PACKETS];
	uint32_t len[LNL_IN_PACKETS];
};
void lnl_worker_capture_look(const struct lnl_worker *w, struct lnl_seen *seen);
void lnl_worker_capture_in(struct lnl_worker *w, const struct lnl_seen *seen);
/* As lnl_outgoing_seal, where a capture sees it. */
bool lnl_worker_seal(struct lnl_worker *w, struct lnl_outgoing *o, uint8_t *p, uint32_t len,
		     uint32_t peer, uint32_t prefix, uint64_t now);

/* ---- worker_tun.c ---- */

void lnl_worker_tun_add(struct lnl_worker *w, const struct lnl_worker_tun *tun);
void lnl_worker_tun_del(struct lnl_worker *w);
/* Reads TUN, or stops reading, as links have room. */
void lnl_worker_tun_watch(struct lnl_worker *w);
/*
 * Brings what was begun to an end, and what is staged on its way: until nothing is left, or a link is
 * full.
 */
void lnl_worker_tun_end(struct lnl_worker *w);
/* A link has room again, or is gone: what waited for it goes on. */
void lnl_worker_tun_go_on(struct lnl_worker *w);
/* |peer| goes: what waits is no longer its, nor of who has its id next. */
void lnl_worker_tun_forget(struct lnl_worker *w, uint32_t peer);
/* Writes what was received, opened and goes on to nobody. */
void lnl_worker_tun_write(struct lnl_worker *w);

#endif
