/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A data worker: a thread with its own libev loop that owns links (sockets to peers), the TUN device and a data plane. The
 * control thread talks to it by two rings alone: commands go in, notifications come out, nothing waits for an answer.
 */
#ifndef LNL_IO_WORKER_H
#define LNL_IO_WORKER_H

#include "data/data.h"
#include "io/address.h"

#define LNL_DATAGRAM_MAX 2048 /* a control packet in a message; data packets never travel by ring */

enum lnl_link_kind { LNL_LINK_UDP, LNL_LINK_TCP };

/* A socket handed over: connected, non-blocking, close-on-exec. The worker closes it. */
struct lnl_link_conf {
	uint32_t id; /* the control thread's number for it, never 0 */
	int fd;
	enum lnl_link_kind kind;
	uint32_t peer; /* data packets belong to this peer (a client's link); LNL_PEER_ID_NONE: by peer-id and address */
};

enum lnl_command_kind {
	LNL_CMD_LINK_ADD,     /* link */
	LNL_CMD_LINK_DEL,     /* id: what is queued is sent first where that needs no waiting, then the socket is closed */
	LNL_CMD_LINK_SEND,    /* id, datagram */
	LNL_CMD_TUN_ADD,      /* fd, tap: the device, owned from now on */
	LNL_CMD_TUN_DEL,      /* closed */
	LNL_CMD_PEER_ADD,     /* peer conf, id: its link */
	LNL_CMD_PEER_SET,
	LNL_CMD_PEER_LINK,    /* peer: data goes out by link id from now on */
	LNL_CMD_PEER_DEL,
	LNL_CMD_KEY_INSTALL,  /* peer, slot, key (wiped in the ring once read) */
	LNL_CMD_KEY_SWAP,
	LNL_CMD_KEY_DEL,
	LNL_CMD_KEY_EXPIRE,   /* peer, slot, when */
	LNL_CMD_SPECIAL,      /* peer, special: OCC EXIT or ping */
	LNL_CMD_COUNTERS,     /* peer: answered by LNL_NTF_COUNTERS */
	LNL_CMD_STOP,
};

struct lnl_command {
	enum lnl_command_kind kind;
	uint32_t id;
	uint32_t peer;
	union {
		struct lnl_link_conf link;
		struct {
			int fd;
			bool tap;
		} tun;
		struct lnl_peer_conf conf;
		struct {
			enum lnl_slot slot;
			uint64_t when;
			struct lnl_key_conf key;
		} key;
		enum lnl_special special;
		struct {
			uint16_t len;
			uint8_t bytes[LNL_DATAGRAM_MAX];
		} datagram;
	} u;
};

enum lnl_ntf_kind {
	LNL_NTF_PACKET,	     /* id: a control packet arrived (opcode checked to be control, nothing else) */
	LNL_NTF_LINK_CLOSED, /* id, error: the link ended (TCP: EOF 0, RST, bad frame; UDP: only fatal errors) */
	LNL_NTF_LINK_ERROR,  /* id, error: a send or receive error that the link survives (UDP: ECONNREFUSED); at most one a second */
	LNL_NTF_TUN_ERROR,   /* error: the device failed for good */
	LNL_NTF_NOTICE,	     /* notice of the data plane */
	LNL_NTF_COUNTERS,    /* peer, counters */
	LNL_NTF_STOPPED,
};

struct lnl_ntf {
	enum lnl_ntf_kind kind;
	uint32_t id;
	uint32_t peer;
	int error; /* an errno */
	union {
		struct lnl_notice notice;
		struct lnl_counters counters;
		struct {
			uint16_t len;
			uint8_t bytes[LNL_DATAGRAM_MAX];
		} datagram;
	} u;
};

struct lnl_worker;

/*
 * Starts the thread. |wake| is called from the worker's thread whenever notifications may wait (it must be async-safe: an
 * ev_async_send). |env| is used by the worker's data plane from the worker's thread: it must be thread-safe.
 * LNL_E_NOMEM, LNL_E_SYSTEM.
 */
int lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
		   void (*wake)(void *ctx), void *ctx);
/* Sends LNL_CMD_STOP, joins the thread, wipes and releases everything. Blocks for at most the loop turn in progress. */
void lnl_worker_free(struct lnl_worker *w);

/*
 * Puts a command into the ring (only the part that its kind uses is copied), from the control thread. When the ring is full
 * the command waits on the control thread's side and is sent before later ones: nothing is lost, order is kept. LNL_E_NOMEM.
 */
int lnl_worker_command(struct lnl_worker *w, const struct lnl_command *cmd);
/* Takes the next notification: true, or false when there is none. Call until false after |wake|. */
bool lnl_worker_next(struct lnl_worker *w, struct lnl_ntf *out);
/* Notifications dropped because the ring was full (packets only: the peer sends them again). */
uint64_t lnl_worker_lost(const struct lnl_worker *w);

#endif
