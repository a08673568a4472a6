/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What scripts wait for: timers, names, programs, HTTP, sockets, probes; part of lunel.h, which
 * includes it. Each operation gives a ticket, never 0 (0: out of memory), whose event comes exactly
 * once unless cancelled.
 */
#ifndef LUNEL_SERVICES_H
#define LUNEL_SERVICES_H

#include "lunel.h"

uint64_t lnl_op_timer(struct lnl_engine *e, double seconds);
/* |family| 0, 4 or 6. */
uint64_t lnl_op_resolve(struct lnl_engine *e, const char *host, int family);
/*
 * Runs argv[0] without a shell; |env| is NAME=value or NULL; |input| may be empty. 0 when out
 * of memory.
 */
uint64_t lnl_op_exec(struct lnl_engine *e, const char *const *argv, const char *const *env,
		     struct lnl_bytes input, double timeout);
/* No event follows; a program is killed. A dead ticket is a no-op. */
void lnl_op_cancel(struct lnl_engine *e, uint64_t ticket);

/* ---- HTTP ---- */

#define LNL_HTTP_CALLS 64 /* at once */

/* All that it points to is copied, and wiped at the end. */
struct lnl_http_request {
	const char *method;
	const char *url; /* http or https; a name in it is looked up by the engine's resolver */
	const char *const *headers; /* "Name: value", ended by NULL; may be NULL */
	struct lnl_bytes body;	    /* data NULL: none */
	struct lnl_bytes ca;	    /* PEM, instead of the system's authorities */
	struct lnl_bytes cert, key; /* PEM: who we are */
	bool insecure;		    /* the server's certificate is not checked */
	unsigned redirects;	    /* so many are followed */
	double timeout;		    /* seconds, for all of it */
	size_t max;		    /* bytes of the answer's body; more is an error */
	const char *bind_dev;	    /* device to leave by; NULL: as routes say */
	uint32_t mark;		    /* 0: none */
};

struct lnl_http_answer {
	const char *why; /* NULL: there is an answer; else what failed, as "connect: ..." */
	long status;
	const char *const *headers; /* as they came, without line ends */
	unsigned n_headers;
	struct lnl_bytes body;
};

/*
 * A request by the ordinary routes, also while a tunnel is up; without proxies. LNL_EVENT_HTTP
 * follows: `u.http`.
 */
uint64_t lnl_op_http(struct lnl_engine *e, const struct lnl_http_request *r);

/* ---- sockets for scripts ---- */

#define LNL_DIALS     256      /* at once */
#define LNL_DIAL_MAX  1048576u /* bytes of one receive or send */
#define LNL_DIAL_LINE 65536u   /* bytes of a line */

enum lnl_dial_proto { LNL_DIAL_TCP, LNL_DIAL_UDP, LNL_DIAL_UNIX };

struct lnl_dial_request {
	enum lnl_dial_proto proto;
	const char *host; /* UNIX: the path */
	uint16_t port;
	double timeout; /* seconds, for name and connection */
	const char *bind_dev;
	uint32_t mark;
};

enum lnl_dial_wanted {
	LNL_DIAL_SOME,	/* what there is; of UDP one datagram, whatever is wanted */
	LNL_DIAL_EXACT, /* so many bytes */
	LNL_DIAL_TO_LF, /* a line, without its end */
	LNL_DIAL_ALL,	/* up to the other side's end */
};

/* What came of opening, sending, receiving. */
struct lnl_dial_answer {
	const char *why; /* NULL: it worked; "closed" and "timeout" are to be compared with */
	uint32_t dial;	 /* opened: the handle */
	/* Received; with |why| "closed": what came before the end. data NULL: it was no receive. */
	struct lnl_bytes bytes;
};

/* Each of these ends with LNL_EVENT_DIAL: `u.dial`. |timeout| in seconds, 0: none. */
uint64_t lnl_op_dial_open(struct lnl_engine *e, const struct lnl_dial_request *r);
/*
 * One at a time; the event comes when the kernel has taken all. After one that was cut short by
 * time or cancelled nothing more can be sent.
 */
uint64_t lnl_op_dial_send(struct lnl_engine *e, uint32_t dial, struct lnl_bytes data,
			  double timeout);
/* One at a time. What came stays for the next one when its time is over, or it is cancelled. */
uint64_t lnl_op_dial_receive(struct lnl_engine *e, uint32_t dial, enum lnl_dial_wanted wanted,
			     size_t n, double timeout);
/* Who waits for it is told "closed". LNL_E_NOTFOUND. */
int lnl_dial_close(struct lnl_engine *e, uint32_t dial);

/* ---- probes ---- */

#define LNL_PROBES 16 /* at once */

struct lnl_probe_answer {
	const char *why; /* NULL: the server answered */
	double seconds; /* from the first packet (TCP: from the start of the connection) to the answer */
};

/*
 * Sends a client's first packet to |remote|, wrapped with the keys of |tunnel| from a socket like its
 * own, and waits |timeout| seconds for an answer that is authentic; no handshake follows. While the
 * tunnel is up it goes around it. LNL_EVENT_PROBED follows: `u.probe`.
 */
uint64_t lnl_op_probe(struct lnl_engine *e, uint32_t tunnel, const struct lnl_remote *remote,
		      double timeout);

#endif
