/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Traffic with a meaning, for the interop tests: bytes that are known at both ends, and datagrams
 * that are numbered.
 *
 *   traffic serve ADDRESS PORT                       the other end of both, until it is killed
 *   traffic copy ADDRESS PORT UP DOWN                so many bytes each way at the same time
 *   traffic flood ADDRESS PORT RATE SIZE SECONDS     numbered datagrams, which come back
 *   traffic mss ADDRESS PORT                         what a connection agreed upon
 *
 * copy ends with 0 when each side received what the other made, byte by byte, and both sums agree.
 * flood says how many were lost, and where; it ends with 0 when none was.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK	     16384
#define IDLE_SECONDS 20
#define DATAGRAM_MAX 9000

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, errno ? strerror(errno) : "failed");
	exit(1);
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_socket(const char *address, const char *port, int type, bool listening)
{
	struct addrinfo hints = { .ai_socktype = type,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *info;
	struct timeval idle = { .tv_sec = IDLE_SECONDS };
	int fd, one = 1;

	if (getaddrinfo(address, port, &hints, &info) != 0)
		die(address);
	fd = socket(info->ai_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listening ? bind(fd, info->ai_addr, info->ai_addrlen)
		      : connect(fd, info->ai_addr, info->ai_addrlen))
		die(listening ? "bind" : "connect");
	if (listening && type == SOCK_STREAM && listen(fd, 8) < 0)
		die("listen");
	if (!listening)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	freeaddrinfo(info);
	return fd;
}

/* ---- a stream of bytes that both ends can make ---- */

struct source {
	uint64_t state, sum;
};

static void source_init(struct source *s, uint64_t seed)
{
	s->state = seed;
	s->sum = 14695981039346656037U;
}

/* xorshift64, and FNV-1a over what came of it. */
static void source_fill(struct source *s, uint8_t *out, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % 8 == 0) {
			s->state ^= s->state << 13;
			s->state ^= s->state >> 7;
			s->state ^= s->state << 17;
		}
		out[i] = (uint8_t)(s->state >> 8 * (i % 8));
		s->sum = (s->sum ^ out[i]) * 1099511628211U;
	}
}

static bool write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool read_all(int fd, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

struct stream {
	int fd;
	uint64_t bytes, sum;
	uint64_t seed;
	bool ok;
};

static void *send_stream(void *arg)
{
	struct stream *s = arg;
	struct source source;
	uint8_t chunk[CHUNK];
	uint64_t left = s->bytes;

	source_init(&source, s->seed);
	s->ok = true;
	while (left && s->ok) {
		size_t len = left < CHUNK ? (size_t)left : CHUNK;

		source_fill(&source, chunk, len);
		s->ok = write_all(s->fd, chunk, len);
		left -= len;
	}
	s->sum = source.sum;
	return NULL;
}

static bool receive_stream(struct stream *s)
{
	struct source source;
	uint8_t chunk[CHUNK], want[CHUNK];
	uint64_t left = s->bytes;

	source_init(&source, s->seed);
	while (left) {
		size_t len = left < CHUNK ? (size_t)left : CHUNK;

		if (!read_all(s->fd, chunk, len))
			return false;
		source_fill(&source, want, len);
		if (memcmp(chunk, want, len) != 0) {
			errno = EBADMSG;
			return false;
		}
		left -= len;
	}
	s->sum = source.sum;
	return true;
}

/* Both directions at once, then the sums are exchanged: each end tells what it received. */
static bool exchange(int fd, struct stream *out, struct stream *in)
{
	pthread_t thread;
	uint64_t theirs = 0;
	bool ok;

	out->fd = in->fd = fd;
	if (pthread_create(&thread, NULL, send_stream, out))
		return false;
	ok = receive_stream(in);
	if (!ok)
		shutdown(fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	return ok && out->ok && write_all(fd, &in->sum, sizeof(in->sum)) &&
	       read_all(fd, &theirs, sizeof(theirs)) && theirs == out->sum;
}

static int copy(const char *address, const char *port, const char *up, const char *down)
{
	uint64_t head[2] = { strtoull(up, NULL, 10), strtoull(down, NULL, 10) };
	struct stream out = { .bytes = head[0], .seed = 0x5bd1e995 },
		      in = { .bytes = head[1], .seed = 0x2545f491 };
	double start = seconds_now(), took;
	int fd = open_socket(address, port, SOCK_STREAM, false);

	errno = 0;
	if (!write_all(fd, head, sizeof(head)) || !exchange(fd, &out, &in))
		die("copy");
	took = seconds_now() - start;
	printf("copied %" PRIu64 " bytes up (sum %016" PRIx64 "), %" PRIu64
	       " bytes down (sum %016" PRIx64 ") in %.2f s\n",
	       out.bytes, out.sum, in.bytes, in.sum, took);
	close(fd);
	return 0;
}

/* ---- the other end ---- */

static void *answer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t head[2];
	struct stream out = { .seed = 0x2545f491 }, in = { .seed = 0x5bd1e995 };

	if (read_all(fd, head, sizeof(head))) {
		in.bytes = head[0];
		out.bytes = head[1];
		if (!exchange(fd, &out, &in))
			fprintf(stderr, "traffic: a copy failed: %s\n", strerror(errno));
	}
	close(fd);
	return NULL;
}

static void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t packet[DATAGRAM_MAX];
	ssize_t n;

	for (;; len = sizeof(from)) {
		n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &len);
		if (n >= 0)
			sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
	return NULL;
}

static int serve(const char *address, const char *port)
{
	int tcp = open_socket(address, port, SOCK_STREAM, true);
	int udp = open_socket(address, port, SOCK_DGRAM, true);
	pthread_t thread;

	if (pthread_create(&thread, NULL, echo, (void *)(intptr_t)udp))
		die("thread");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int fd = accept(tcp, NULL, NULL);

		if (fd < 0)
			continue;
		if (pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
		else
			close(fd);
	}
}

/* ---- numbered datagrams ---- */

struct flood {
	int fd;
	unsigned total;
	unsigned char *seen;
	unsigned received, twice;
	size_t size;
};

static void take_answer(struct flood *f, const uint8_t *packet, ssize_t n)
{
	uint32_t number;

	if (n != (ssize_t)f->size)
		return;
	memcpy(&number, packet, sizeof(number));
	if (number >= f->total)
		return;
	if (f->seen[number]) {
		f->twice++;
		return;
	}
	f->seen[number] = 1;
	f->received++;
}

/* Takes answers until |until|; ends earlier when all |n| are there. */
static void collect(struct flood *f, double until, unsigned n)
{
	uint8_t packet[DATAGRAM_MAX];

	while (f->received < n) {
		struct pollfd p = { .fd = f->fd, .events = POLLIN };
		double left = until - seconds_now();
		struct timespec wait = { .tv_sec = (time_t)left };

		if (left <= 0)
			return;
		wait.tv_nsec = (long)((left - (double)wait.tv_sec) * 1e9);
		if (ppoll(&p, 1, &wait, NULL) > 0)
			take_answer(f, packet, recv(f->fd, packet, sizeof(packet), MSG_DONTWAIT));
	}
}

static void tell_lost(const struct flood *f, double rate)
{
	unsigned i, from, told = 0;

	for (i = 0; i < f->total && told < 10; i++) {
		if (f->seen[i])
			continue;
		for (from = i; i < f->total && !f->seen[i];)
			i++;
		printf("lost: %u to %u, at %.2f s\n", from, i - 1, from / rate);
		told++;
	}
}

static int flood(const char *address, const char *port, char **args)
{
	double rate = atof(args[0]), start;
	struct flood f = { .size = (size_t)atoi(args[1]),
			   .total = (unsigned)(rate * atof(args[2])) };
	uint8_t packet[DATAGRAM_MAX] = { 0 };
	uint32_t i;

	if (f.size < sizeof(i) || f.size > sizeof(packet) || f.total == 0)
		die("flood: arguments");
	f.seen = calloc(f.total, 1);
	if (!f.seen)
		die("memory");
	f.fd = open_socket(address, port, SOCK_DGRAM, false);
	start = seconds_now();
	for (i = 0; i < f.total; i++) {
		memcpy(packet, &i, sizeof(i));
		while (send(f.fd, packet, f.size, 0) < 0 && errno == ENOBUFS)
			;
		collect(&f, start + (i + 1) / rate, f.total + 1);
	}
	collect(&f, seconds_now() + 1.5, f.total);
	printf("sent %u received %u lost %u twice %u in %.1f s\n", f.total, f.received,
	       f.total - f.received, f.twice, seconds_now() - start);
	tell_lost(&f, rate);
	free(f.seen);
	return f.received == f.total ? 0 : 1;
}

static int mss(const char *address, const char *port)
{
	int fd = open_socket(address, port, SOCK_STREAM, false);
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &value, &len) < 0)
		die("TCP_MAXSEG");
	printf("mss %d\n", value);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv[3]);
	if (argc == 6 && strcmp(argv[1], "copy") == 0)
		return copy(argv[2], argv[3], argv[4], argv[5]);
	if (argc == 7 && strcmp(argv[1], "flood") == 0)
		return flood(argv[2], argv[3], argv + 4);
	if (argc == 4 && strcmp(argv[1], "mss") == 0)
		return mss(argv[2], argv[3]);
	fprintf(stderr, "usage: see the head of traffic.c\n");
	return 2;
}
