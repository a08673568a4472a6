/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protocol extensions: messages of the host's own on the control channel, in OpenVPN 3's ACC envelope,
 * to peers that have the same. Part of lunel.h, which includes it.
 */
#ifndef LUNEL_ACC_H
#define LUNEL_ACC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lnl_bytes;
struct lnl_engine;
struct lnl_reason;

struct lnl_extension {
	const char *name; /* 1 to 32 letters, digits, '-', '_' and '.' */
	unsigned max;	  /* bytes of a message, 1 to 65536 */
	unsigned count;	  /* messages that one peer may send ... */
	double per;	  /* ... in so many seconds; more are dropped and counted */
};

/*
 * Those that all tunnels and servers have, in place of the ones before: announced to peers in
 * handshakes from now on; connections that stand keep what they agreed on. At most 8. LNL_E_INVAL,
 * LNL_E_LIMIT, LNL_E_EXIST (a name twice); |why| is a sentence.
 */
int lnl_engine_extensions(struct lnl_engine *e, const struct lnl_extension *list, unsigned n,
			  struct lnl_reason *why);
/*
 * Whether the server of |tunnel| (|peer| LNL_NO_PEER) or the client |peer| of the server |tunnel| has
 * it, too: known once that is up.
 */
bool lnl_extension_known(struct lnl_engine *e, uint32_t tunnel, uint32_t peer, const char *name);
/*
 * Sends a message. LNL_E_STATE (not up), LNL_E_NOTFOUND (the peer does not have it), LNL_E_INVAL (it is
 * longer than `max`), LNL_E_LIMIT (128 KiB wait to be sent to it), LNL_E_UNSUPPORTED (it takes text
 * alone), LNL_E_NOMEM.
 */
int lnl_extension_send(struct lnl_engine *e, uint32_t tunnel, uint32_t peer, const char *name,
		       struct lnl_bytes message);

/* What LNL_EVENT_MESSAGE tells. */
struct lnl_extension_message {
	const char *protocol;
	const char *data; /* with a NUL behind it */
	size_t len;
};

/* Messages of one connection, of all its extensions. */
struct lnl_extension_stats {
	uint64_t received, sent;
	unsigned n_dropped;
	struct {
		const char *reason; /* "rate"; static storage */
		uint64_t n;
	} dropped[8];
};
/* LNL_E_STATE. */
int lnl_extension_stats(struct lnl_engine *e, uint32_t tunnel, uint32_t peer,
			struct lnl_extension_stats *out);

#endif
