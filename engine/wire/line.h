/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines out of a stream of bytes, each bounded: what people and programs say over a local socket.
 * What is no line of text, or what a browser can be made to send, is told apart.
 */
#ifndef LNL_WIRE_LINE_H
#define LNL_WIRE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LNL_LINE_MAX  1024  /* bytes, without its end: a command */
#define LNL_LINE_LONG 16384 /* the same of code, and of what programs say */

enum lnl_line {
	LNL_LINE_MORE,	   /* no line has ended yet */
	LNL_LINE_TEXT,	   /* `text` is one */
	LNL_LINE_TOO_LONG, /* there is no room for it */
	LNL_LINE_BINARY,   /* a control character that is neither a tab nor the end */
	LNL_LINE_HTTP,	   /* the first line of a request of HTTP */
};

/* At the start of a stream zeroed, but for `text` and `room`, which are the owner's. */
struct lnl_line_reader {
	size_t len;
	bool whole; /* `text` was handed out: the next byte begins another */
	char *text; /* |room| bytes: one more than the longest line has, and at least 2 */
	size_t room;
};

/*
 * Takes of |len| bytes those up to the end of the next line ("\n" or "\r\n"), |*used| says how many.
 * With TEXT, |r|->text and |r|->len are the line without its end and with a NUL behind it, until the
 * next call. All others but MORE are for good: the stream makes no sense any more.
 */
enum lnl_line lnl_line_take(struct lnl_line_reader *r, const void *data, size_t len, size_t *used);

#endif
