/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream socket of this machine that is spoken to in lines, and answered in text: what `management`
 * is served over, off the packets' path. Everything that a stranger could make large is bounded:
 *
 *   - a line: LNL_LINE_MAX bytes, or LNL_LINE_LONG where that is asked for; what is longer, is binary or comes from a browser ends the connection,
 *   - connections: LNL_LINES_MOST, some 2 KiB each; one more takes the place of the one that is the
 *     longest without a word, those first that did not log in,
 *   - lines under way: one a connection; what follows stays in the kernel until it is answered,
 *   - answers that are not read: LNL_LINES_UNREAD bytes together, each for LNL_LINES_PATIENCE seconds.
 *
 * With a password, a line reaches nobody before the password came; three wrong ones end a connection.
 */
#ifndef LNL_IO_LINES_H
#define LNL_IO_LINES_H

#include "io/listen.h"

#define LNL_LINES_MOST	   32
#define LNL_LINES_UNREAD   ((size_t)16 << 20)
#define LNL_LINES_PATIENCE 30.0
#define LNL_LINES_PASSWORD 128 /* bytes of a password, at most */

struct lnl_lines;

/*
 * |connection| (never 0) said |text|, and is deaf until lnl_lines_answer, which comes later, not from
 * in here. False: it cannot be answered, and ends.
 */
typedef bool lnl_line_said(void *ctx, uint32_t connection, const char *text);
/* A connection was ended for what it did, or none can be accepted; told at most once a second. */
typedef void lnl_line_refused(void *ctx, const char *why);

struct lnl_lines_conf {
	const char *path; /* of a Unix socket; NULL: TCP at |local|. Not copied beyond the call */
	struct lnl_socket_owner owner; /* of |path| */
	bool peer_group; /* who connects, but root, is of owner.gid, by its process's group */
	bool peer_user;	 /* who connects, but root, is |user|, by its process's effective user */
	uid_t user;
	bool long_lines; /* LNL_LINE_LONG */
	struct lnl_addr local;
	struct lnl_process *helper;
	const char *greeting; /* for who is let in; NULL: none */
	const char *password; /* copied; NULL: none is asked for */
	double patience;      /* seconds; 0: LNL_LINES_PATIENCE */
};

/*
 * Listens. LNL_E_EXIST (somebody listens there, or something else is there), LNL_E_PERM,
 * LNL_E_NOTFOUND, LNL_E_LIMIT (path or password too long), LNL_E_NOMEM, LNL_E_SYSTEM; |why| is a
 * sentence that names the socket.
 */
int lnl_lines_new(struct lnl_lines **out, struct ev_loop *loop, const struct lnl_lines_conf *conf,
		  lnl_line_said *said, lnl_line_refused *refused, void *ctx,
		  struct lnl_reason *why);
/* Ends all connections at once, and removes the socket; |l| may be NULL. */
void lnl_lines_free(struct lnl_lines *l);

/*
 * Answers the line of |connection| with |len| bytes, copied; with |end| it is closed once it has read
 * them. LNL_E_NOTFOUND when it is gone, LNL_E_STATE when it asked nothing. LNL_E_LIMIT, LNL_E_NOMEM: too
 * much waits to be read; it was ended.
 */
int lnl_lines_answer(struct lnl_lines *l, uint32_t connection, const char *text, size_t len,
		     bool end);
/* How many are connected. */
unsigned lnl_lines_connected(const struct lnl_lines *l);

#endif
