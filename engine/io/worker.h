/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A data worker: a thread with its own libev loop that owns links (sockets to peers), the TUN
 * device and a data plane. The control thread talks to it by two rings alone: commands go in,
 * notifications come out, nothing waits for an answer.
 *
 * A client's packets of TUN go to the peer that was added last and is there still. When its link is
 * full (TCP, or a UDP socket that would block), TUN is not read until it has room: the kernel's
 * queue and the senders behind it feel that. A server's go where routes lead; there a full TCP link
 * drops its own peer's packets (queue_full) and holds up nobody else. Packets from peer to peer wait
 * for nothing.
 *
 * A server may have several, that know of one another (lnl_worker_connect). Each peer is one
 * worker's, both ways: keys, packet ids, replay window. What comes to another one (from TUN, from a
 * peer, or from an address that the kernel leads to that one's socket) goes to it by a bounded ring.
 */
#ifndef LNL_IO_WORKER_H
#define LNL_IO_WORKER_H

#include "data/data.h"
#include "io/address.h"
#include "io/offload.h"
#include "lunel_packet.h"

#define LNL_WORKERS_MAX 16

/* A control packet in a message; data packets never travel by ring. Longer ones are dropped. */
#define LNL_DATAGRAM_MAX 2048

/* Lanes of a worker, at most. */
#define LNL_WORKER_LANES 66
/* Of what a lane's host says. */
#define LNL_LANE_TEXT 256

enum lnl_link_kind { LNL_LINK_UDP, LNL_LINK_TCP };

/* A socket handed over: connected, non-blocking, close-on-exec. The worker closes it. */
struct lnl_link_conf {
	/*
	 * The control thread's number for it, never 0. Of several workers the last digit of it (to
	 * the base of how many they are) is the worker's place among them; their links of one
	 * listening address differ in that alone.
	 */
	uint32_t id;
	int fd;
	enum lnl_link_kind kind;
	/*
	 * With an address (`float`): the UDP socket is not connected; packets go there, and from where
	 * an authentic data packet comes, there they go from then on.
	 */
	struct lnl_addr remote;
	/*
	 * Data packets belong to this peer (a client's link). LNL_PEER_ID_NONE: their peer-id
	 * decides; but over TCP they are nobody's until the link has a peer.
	 */
	uint32_t peer;
	/*
	 * A server's UDP socket: not connected, of many peers. Data packets belong to the peer that
	 * they name, or (DATA_V1) whose address they come from; whose authentic packet comes from
	 * another address than before has moved there (LNL_NTF_FLOAT), unless that address is
	 * another peer's. What names a peer behind TCP is nobody's. `remote` is not used; not TCP's.
	 */
	bool many;
	enum lnl_offload offload; /* how much of the kernel's is used */
};

/* A TUN device handed over, owned from then on. */
struct lnl_worker_tun {
	int fd;
	bool tap;
	/* its packets go where routes lead (a server's), else to the peer that was added last */
	bool routed;
	/* it is not read: a device without a queue for each worker, which another one reads */
	bool unread;
	unsigned offload; /* enum lnl_tun_offload */
};

struct lnl_across;

/* Whose packets a lane sees. */
enum lnl_lane_of {
	LNL_LANE_OF_PEERS, /* plaintext of the peers that it is given to */
	LNL_LANE_OF_ALL,   /* plaintext of every peer, before the lane that it has besides */
	LNL_LANE_OF_WIRE,  /* datagrams, and packets within a stream's framing */
};

/* A lane for a worker: what of struct lnl_lane_conf it looks at. */
struct lnl_worker_lane {
	const struct lnl_lane_host *host; /* the same for all; it outlives the worker */
	enum lnl_lane_of of;
	unsigned points, overhead;
	bool super;
	enum lnl_lane_on_error on_error;
};

enum lnl_command_kind {
	/* link. An id of 0 or in use is LNL_NTF_FAILED, and the new socket is closed. */
	LNL_CMD_LINK_ADD,
	/*
	 * id: what is queued is sent first where that needs no waiting, then the socket is closed.
	 * An id that is not there is fine: the link may have ended by itself.
	 */
	LNL_CMD_LINK_DEL,
	/* id, datagram: one control packet; dropped where there is no link, no room or no `to` */
	LNL_CMD_LINK_SEND,
	/*
	 * tun: the device; one that was there is closed
	 */
	LNL_CMD_TUN_ADD,
	LNL_CMD_TUN_DEL, /* closed */
	/*
	 * peer, id: its link (0: none yet); address: where it is behind a link of many; who was
	 * there before is found by its peer-id alone. A TCP link without a peer has this one from
	 * now on, until it is deleted.
	 */
	LNL_CMD_PEER_ADD,
	/*
	 * peer, elsewhere: a peer of another worker's, so that routes can lead to it; id, address: its
	 * link and where it is, as that one was told them
	 */
	LNL_CMD_PEER_ELSEWHERE,
	LNL_CMD_PEER_SET,    /* conf */
	LNL_CMD_PEER_LINK,   /* peer: data goes out by link id from now on */
	LNL_CMD_PEER_DEL,    /* peer, whosever it is */
	LNL_CMD_KEY_INSTALL, /* peer, key.slot, key.key (wiped in the ring once read) */
	LNL_CMD_KEY_SWAP,    /* peer */
	LNL_CMD_KEY_DEL,     /* peer, key.slot */
	LNL_CMD_KEY_EXPIRE,  /* peer, key.slot, key.when */
	LNL_CMD_SPECIAL,     /* peer, special: OCC EXIT or ping */
	LNL_CMD_ROUTE_ADD,   /* peer, route */
	LNL_CMD_ROUTE_DEL,   /* route */
	LNL_CMD_RELAY,	     /* relay: client-to-client on or off */
	/*
	 * id, lane: loaded, in place of the one of that id; where that fails (LNL_NTF_LANE) the old
	 * one stays. One that never loaded drops all that it should have seen. There is one of all
	 * peers and one of the wire at most: the last.
	 */
	LNL_CMD_LANE_ADD,
	LNL_CMD_LANE_DEL, /* id; the packets of peers that have it are dropped */
	/* peer, id: the lane that it has from now on; 0: none */
	LNL_CMD_PEER_LANE,
	/*
	 * peer: answered by LNL_NTF_COUNTERS; LNL_PEER_ID_NONE: what is nobody's. Of another
	 * worker's peer: packets for it (`queue_full`) that were lost on the way to that one since
	 * this was asked last.
	 */
	LNL_CMD_COUNTERS,
	LNL_CMD_CONNECT, /* across: lnl_worker_connect's alone */
	LNL_CMD_STOP, /* the thread ends after LNL_NTF_STOPPED; commands behind it are not done */
};

struct lnl_command {
	enum lnl_command_kind kind;
	uint32_t id;
	uint32_t peer;
	union {
		struct lnl_link_conf link;
		struct lnl_worker_tun tun;
		struct lnl_peer_conf conf; /* of PEER_SET */
		struct {
			struct lnl_peer_conf conf;
			struct lnl_addr address;
			/*
			 * Another one for each peer that ever was: ids come again, and a packet that
			 * is on its way between workers must not find its peer's successor.
			 */
			uint64_t serial;
			uint32_t lane; /* as with PEER_LANE */
		} peer;
		struct {
			unsigned worker;
			uint64_t serial; /* as with PEER_ADD */
			struct lnl_addr address;
		} elsewhere;
		struct lnl_across *across;
		struct lnl_prefix route;
		bool relay;
		struct lnl_worker_lane lane;
		struct {
			enum lnl_slot slot;
			uint64_t when;
			struct lnl_key_conf key;
		} key;
		enum lnl_special special;
		struct {
			struct lnl_addr to; /* of a link of many; else none */
			uint16_t len;
			uint8_t bytes[LNL_DATAGRAM_MAX];
		} datagram;
	} u;
};

enum lnl_ntf_kind {
	/*
	 * id: a control packet arrived (opcode checked to be control, nothing else); from a link of
	 * many its sender is in `from`
	 */
	LNL_NTF_PACKET,
	/*
	 * id, error: the link ended and is no more. TCP: 0 for EOF, EPROTO for a bad frame, EBADMSG
	 * for a packet that did not decrypt, else the socket's. UDP: only what makes the socket
	 * useless.
	 */
	LNL_NTF_LINK_CLOSED,
	/*
	 * id, error: a send or receive error that the link survives (UDP: ECONNREFUSED, EMSGSIZE);
	 * at most one a second and link.
	 */
	LNL_NTF_LINK_ERROR,
	/*
	 * id, peer (LNL_PEER_ID_NONE: all of the link's), error: datagrams go out one by one from now
	 * on, since a message of many failed; id 0: packets go to TUN one by one
	 */
	LNL_NTF_LOWERED,
	LNL_NTF_TUN_ERROR, /* error: the device failed for good (deleted) and was closed */
	/*
	 * notice of the data plane. LNL_NOTICE_DECRYPT: over TCP with the link's end behind it,
	 * over UDP at most one a second.
	 */
	LNL_NTF_NOTICE,
	LNL_NTF_COUNTERS, /* peer, counters; zeroes for a peer that is not there */
	/*
	 * peer, id: its link, address: where it is now (its packets go there already); at most one
	 * a second and peer, the last of them within two
	 */
	LNL_NTF_FLOAT,
	/* id: a lane, lane: what of it; `error` of FAILED is an LNL_E_* */
	LNL_NTF_LANE,
	LNL_NTF_FAILED, /* id: the command's kind, peer, error: LNL_E_*: it could not be done */
	LNL_NTF_STOPPED,
};

enum lnl_lane_news {
	LNL_LANE_FAILED,   /* it could not be loaded */
	LNL_LANE_ERRORS,   /* it failed at packets; at most once a second */
	LNL_LANE_DETACHED, /* it was taken off: packets pass */
	LNL_LANE_STOPPED,  /* it cannot go on, and is no lane to pass by: packets are dropped */
};

struct lnl_ntf {
	enum lnl_ntf_kind kind;
	uint32_t id;
	uint32_t peer;
	int error; /* an errno */
	union {
		struct lnl_notice notice;
		struct lnl_counters counters;
		struct lnl_addr address;
		struct {
			enum lnl_lane_news news;
			uint32_t errors; /* since they were told last */
			char text[LNL_LANE_TEXT];
		} lane;
		struct {
			struct lnl_addr from;
			uint16_t len;
			uint8_t bytes[LNL_DATAGRAM_MAX];
		} datagram;
	} u;
};

struct lnl_worker;

/*
 * Starts the thread, for |max_peers| peers and about |max_links| sockets at once; how it waits for
 * them depends on their number (worker.c), but any number may come. |wake| is called from the
 * worker's thread whenever notifications may wait (it must be async-safe: an ev_async_send). |env| is
 * used by the worker's data plane from the worker's thread: it must be thread-safe. LNL_E_NOMEM,
 * LNL_E_SYSTEM, LNL_E_RANDOM.
 */
int lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
		   uint32_t max_links, void (*wake)(void *ctx), void *ctx);
/*
 * Lets |n| workers (2 to LNL_WORKERS_MAX) know of one another; before any of them has a link or a
 * peer. From then on none may be freed before all are stopped. LNL_E_NOMEM, LNL_E_INVAL: they are
 * as they were, or to be freed.
 */
int lnl_worker_connect(struct lnl_worker *const *workers, unsigned n);
/*
 * Sends LNL_CMD_STOP and joins the thread. Commands sent before are done first. Blocks for at most
 * the loop turns in progress.
 */
void lnl_worker_stop(struct lnl_worker *w);
/* Stops |w| (may be NULL), wipes and releases everything. */
void lnl_worker_free(struct lnl_worker *w);

/*
 * Puts a command into the ring (only the part that its kind uses is copied), from the control
 * thread. When the ring is full the command waits on the control thread's side and is sent before
 * later ones (from here and from lnl_worker_next): nothing is lost, order is kept. LNL_E_NOMEM;
 * LNL_E_INVAL for a datagram that is too long.
 */
int lnl_worker_command(struct lnl_worker *w, const struct lnl_command *cmd);
/* Takes the next notification: true, or false when there is none. Call until false after |wake|. */
bool lnl_worker_next(struct lnl_worker *w, struct lnl_ntf *out);
/* ---- a capture: copies of what passes, for who looks ---- */

#define LNL_CAPTURED_MAX 65535 /* bytes kept of one packet, at most */

/* A packet that passed the data plane. */
struct lnl_captured {
	uint64_t time; /* as lnl_clock_now */
	uint32_t peer; /* LNL_PEER_ID_NONE: nobody's */
	uint32_t len;  /* bytes that it had */
	uint16_t kept; /* of them */
	uint16_t
		drop; /* enum lnl_drop; then it is the datagram as it came, or the payload that was not sealed */
	bool out; /* from TUN to the peer */
};

/*
 * From now on packets of |peer| (LNL_PEER_ID_NONE: of all) are copied, |keep| bytes of each, into a
 * ring of 4 MiB, which stays until the worker goes; called again it changes them. From the control
 * thread. LNL_E_NOMEM.
 */
int lnl_worker_capture(struct lnl_worker *w, uint32_t peer, uint32_t keep);
void lnl_worker_capture_end(struct lnl_worker *w);
/* Takes the oldest one, its bytes to |data| (LNL_CAPTURED_MAX); false when there is none. */
bool lnl_worker_captured(struct lnl_worker *w, struct lnl_captured *out, uint8_t *data);
/* Packets that found no room since this was asked last. */
uint64_t lnl_worker_capture_lost(struct lnl_worker *w);

/* Notifications dropped because the ring was full (packets only: the peer sends them again). */
uint64_t lnl_worker_lost(const struct lnl_worker *w);

#endif
