/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bad path for UDP, for the interop tests: between one client and a server.
 *
 *   relay LISTEN PORT SERVER PORT SEED DROP REORDER DOUBLE
 *
 * DROP, REORDER and DOUBLE are per mille of the datagrams of each direction. A datagram that is
 * reordered waits 3 to 15 ms while others pass. SIGTERM prints what was done and ends it.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELD	     256
#define DATAGRAM_MAX 65536

struct held {
	double due;
	bool to_server;
	size_t len;
	uint8_t *bytes;
};

struct relay {
	int inside, outside; /* towards the server, towards the client */
	struct sockaddr_in client;
	bool has_client;
	uint64_t random;
	unsigned drop, reorder, twice;
	unsigned passed, dropped, reordered, doubled;
	struct held held[HELD];
	unsigned n_held;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned draw(struct relay *r, unsigned below)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return (unsigned)(r->random >> 33) % below;
}

static void pass(struct relay *r, bool to_server, const uint8_t *bytes, size_t len)
{
	if (to_server)
		send(r->inside, bytes, len, 0);
	else if (r->has_client)
		sendto(r->outside, bytes, len, 0, (struct sockaddr *)&r->client, sizeof(r->client));
	r->passed++;
}

static bool hold(struct relay *r, bool to_server, const uint8_t *bytes, size_t len)
{
	struct held *h = &r->held[r->n_held];

	if (r->n_held == HELD)
		return false;
	h->bytes = malloc(len + 1);
	if (!h->bytes)
		return false;
	memcpy(h->bytes, bytes, len);
	h->len = len;
	h->to_server = to_server;
	h->due = now() + (3 + draw(r, 13)) / 1e3;
	r->n_held++;
	return true;
}

static void take(struct relay *r, bool to_server, const uint8_t *bytes, size_t len)
{
	if (draw(r, 1000) < r->drop) {
		r->dropped++;
		return;
	}
	if (draw(r, 1000) < r->reorder && hold(r, to_server, bytes, len)) {
		r->reordered++;
		return;
	}
	pass(r, to_server, bytes, len);
	if (draw(r, 1000) < r->twice) {
		pass(r, to_server, bytes, len);
		r->doubled++;
	}
}

static void receive(struct relay *r, bool to_server)
{
	static uint8_t bytes[DATAGRAM_MAX];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(to_server ? r->outside : r->inside, bytes, sizeof(bytes), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);

	if (n < 0)
		return;
	if (to_server) {
		r->client = from;
		r->has_client = true;
	}
	take(r, to_server, bytes, (size_t)n);
}

static void release_due(struct relay *r)
{
	unsigned i = 0;

	while (i < r->n_held) {
		struct held h = r->held[i];

		if (h.due > now()) {
			i++;
			continue;
		}
		r->held[i] = r->held[--r->n_held];
		pass(r, h.to_server, h.bytes, h.len);
		free(h.bytes);
	}
}

static int udp(const char *address, const char *port, bool listening)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    (listening ? bind(fd, (struct sockaddr *)&a, sizeof(a))
		       : connect(fd, (struct sockaddr *)&a, sizeof(a)))) {
		perror("relay");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	static struct relay r;

	if (argc != 9) {
		fprintf(stderr, "usage: see the head of relay.c\n");
		return 2;
	}
	r.outside = udp(argv[1], argv[2], true);
	r.inside = udp(argv[3], argv[4], false);
	r.random = strtoull(argv[5], NULL, 10) * 2 + 1;
	r.drop = (unsigned)atoi(argv[6]);
	r.reorder = (unsigned)atoi(argv[7]);
	r.twice = (unsigned)atoi(argv[8]);
	signal(SIGTERM, stop);
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		struct pollfd p[2] = { { .fd = r.outside, .events = POLLIN },
				       { .fd = r.inside, .events = POLLIN } };

		if (poll(p, 2, r.n_held ? 1 : 100) > 0) {
			if (p[0].revents)
				receive(&r, true);
			if (p[1].revents)
				receive(&r, false);
		}
		release_due(&r);
	}
	printf("passed %u dropped %u reordered %u doubled %u\n", r.passed, r.dropped, r.reordered,
	       r.doubled);
	return 0;
}
