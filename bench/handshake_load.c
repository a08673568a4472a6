/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many clients at once over UDP sockets of their own, each from another address of 127.0.0.0/8, as
 * servers limit what one source may do. Nobody has a device: who is up has done its part, and leaves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/handshake.h"

#define EVENTS	     64
#define LAST_SECONDS 20 /* for those that are under way when the time is over */

struct slot {
	int fd; /* -1: idle */
	struct lnl_client *client;
	bool up, closed;
};

struct hs_load {
	struct hs_ends ends;
	int epoll;
	uint16_t port;
	uint32_t sockets; /* so far */
	unsigned n;
	unsigned busy, done, failed;
	bool holds; /* who is up stays */
	struct slot slots[];
};

static uint64_t now_us(void)
{
	return hs_clock_ns() / 1000;
}

struct hs_load *hs_load_new(const struct hs_pki *p, unsigned clients)
{
	struct hs_load *l = calloc(1, sizeof(*l) + clients * sizeof(l->slots[0]));

	if (!l || (l->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		hs_die("out of memory");
	hs_ends_init(&l->ends, p);
	l->n = clients;
	for (unsigned i = 0; i < clients; i++)
		l->slots[i].fd = -1;
	return l;
}

/* ---- one client ---- */

static void open_socket(struct hs_load *l, struct slot *s)
{
	uint32_t n = l->sockets++;
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(l->port) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

	/* Each from a /24 of its own. */
	from.sin_addr.s_addr = htonl(127u << 24 | (1 + n % 250) << 16 | (n / 250 % 250) << 8 | 1);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		hs_die("no socket for a client");
}

static void take_closed(struct hs_load *l, struct slot *s, const struct lnl_client_event *e)
{
	s->closed = true;
	if (s->up && !l->holds)
		return;
	if (l->failed++ == 0)
		fprintf(stderr, "bench/handshake: a client is not let in: %s (%s)\n", e->text,
			lnl_cause_name(e->cause));
}

static void take_event(struct hs_load *l, struct slot *s, const struct lnl_client_event *e)
{
	switch (e->kind) {
	case LNL_CLIENT_PULLED:
		lnl_client_configure(s->client, NULL, 0, NULL, now_us());
		break;
	case LNL_CLIENT_UP:
		s->up = true;
		l->done++;
		if (!l->holds)
			lnl_client_close(s->client, LNL_CAUSE_USER, now_us());
		break;
	case LNL_CLIENT_CLOSED:
		take_closed(l, s, e);
		break;
	default:
		break;
	}
}

static void finish(struct hs_load *l, struct slot *s)
{
	lnl_client_free(s->client);
	close(s->fd);
	s->client = NULL;
	s->fd = -1;
	l->busy--;
}

static void run(struct hs_load *l, struct slot *s)
{
	uint8_t out[LNL_SESSION_PACKET_MAX];
	struct lnl_client_event e;
	size_t len;
	bool more;

	do {
		/* What the kernel does not take is sent again in time. */
		while ((len = lnl_client_output(s->client, out, sizeof(out), now_us())))
			(void)!send(s->fd, out, len, 0);
		more = lnl_client_next(s->client, &e, now_us());
		if (more)
			take_event(l, s, &e);
		lnl_client_event_wipe(&e);
	} while (more);
	if (s->closed)
		finish(l, s);
}

static void start(struct hs_load *l, struct slot *s)
{
	open_socket(l, s);
	s->up = s->closed = false;
	if (lnl_client_new(&s->client, &l->ends.client, NULL, NULL, now_us()) < 0)
		hs_die("no client");
	l->busy++;
	run(l, s);
}

static void receive(struct hs_load *l, struct slot *s)
{
	uint8_t in[2048];
	ssize_t len;

	while (s->fd >= 0 && (len = recv(s->fd, in, sizeof(in), 0)) > 0) {
		if (lnl_op_is_data(lnl_op_of(in[0])))
			continue;
		lnl_client_input(s->client, in, (size_t)len, now_us());
		run(l, s);
	}
}

/* ---- all of them ---- */

static uint64_t tick(struct hs_load *l)
{
	uint64_t due = LNL_NEVER;

	for (unsigned i = 0; i < l->n; i++) {
		struct slot *s = &l->slots[i];

		if (s->fd < 0)
			continue;
		if (lnl_client_next_due(s->client) <= now_us()) {
			lnl_client_tick(s->client, now_us());
			run(l, s);
		}
		if (s->fd >= 0 && lnl_client_next_due(s->client) < due)
			due = lnl_client_next_due(s->client);
	}
	return due;
}

static void turn(struct hs_load *l)
{
	struct epoll_event events[EVENTS];
	uint64_t due = tick(l), now = now_us();
	int wait = due == LNL_NEVER ? 100 : due > now ? (int)((due - now) / LNL_MSEC) + 1 : 0;
	int n = epoll_wait(l->epoll, events, EVENTS, wait < 100 ? wait : 100);

	for (int i = 0; i < n; i++)
		receive(l, events[i].data.ptr);
}

void hs_load_free(struct hs_load *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->slots[i].fd >= 0)
			finish(l, &l->slots[i]);
	close(l->epoll);
	hs_ends_deinit(&l->ends);
	free(l);
}

void hs_load_run(struct hs_load *l, uint16_t port, double seconds, struct hs_loaded *out)
{
	uint64_t at = now_us(), until = at + (uint64_t)(seconds * 1e6);

	l->port = port;
	l->done = l->failed = 0;
	do {
		for (unsigned i = 0; i < l->n; i++)
			if (l->slots[i].fd < 0)
				start(l, &l->slots[i]);
		turn(l);
	} while (now_us() < until);
	out->rate = (double)l->done * 1e6 / (double)(now_us() - at);
	until += LAST_SECONDS * LNL_SECOND;
	while (l->busy > 0 && now_us() < until)
		turn(l);
	l->failed += l->busy;
	for (unsigned i = 0; i < l->n; i++)
		if (l->slots[i].fd >= 0)
			finish(l, &l->slots[i]);
	out->done = l->done;
	out->failed = l->failed;
}

unsigned hs_load_hold(struct hs_load *l, uint16_t port, unsigned at_once, double seconds)
{
	uint64_t until = now_us() + (uint64_t)(seconds * 1e6);
	unsigned next = 0;

	l->port = port;
	l->holds = true;
	l->done = l->failed = 0;
	while (l->done < l->n && l->failed == 0 && now_us() < until) {
		while (next < l->n && next - l->done < at_once)
			start(l, &l->slots[next++]);
		turn(l);
	}
	return l->done;
}

unsigned hs_load_idle(struct hs_load *l)
{
	turn(l);
	return l->failed;
}
