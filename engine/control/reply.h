/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's PUSH_REPLY: the options for one client, cut into messages with push-continuation
 * (PROTOCOL 1.9, 1.10).
 */
#ifndef LNL_CONTROL_REPLY_H
#define LNL_CONTROL_REPLY_H

#include "control/push.h"

#define LNL_REPLY_MESSAGE 1024 /* of one message, with its NUL (OpenVPN common.h, push bundle) */

/* What the engine adds by itself to what the owner pushes. */
struct lnl_reply_facts {
	uint32_t peer_id;	/* LNL_PEER_ID_NONE: leave it out */
	enum lnl_cipher cipher; /* NONE: leave it out */
	unsigned flags;		/* enum lnl_protocol_flag: cc-exit, tls-ekm, dyn-tls-crypt */
	bool protocol_flags;	/* the client knows the option; else key-derivation with tls-ekm */
	unsigned tun_mtu;	/* 0: leave it out */
	const char *extensions; /* a whole custom-control, which outlives it; NULL: leave it out */
};

struct lnl_reply {
	const char *const *options; /* the owner's, in order: "route 10.0.0.0 255.0.0.0" */
	unsigned n;
	struct lnl_reply_facts facts;
	unsigned at; /* the next option to write; the facts' come last */
	bool done, split;
};

/*
 * Begins a reply with |n| |options|, which must outlive it. LNL_E_INVAL, with |*bad| its place,
 * when an option is empty, longer than a message has room for, or has a comma, a control byte or a
 * byte above 0x7e in it.
 */
int lnl_reply_init(struct lnl_reply *r, const char *const *options, unsigned n,
		   const struct lnl_reply_facts *facts, unsigned *bad);
/*
 * Writes the next message, terminated: 1, 0 when there are no more. A reply that fits one message
 * has no push-continuation; of others all but the last end in ",push-continuation 2" and the last
 * in ",push-continuation 1"; each begins with "PUSH_REPLY".
 */
int lnl_reply_next(struct lnl_reply *r, char out[LNL_REPLY_MESSAGE]);

#endif
