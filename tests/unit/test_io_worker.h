/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers for tests: with sockets between them or to the test, and a pair of datagram sockets for
 * TUN.
 */
#ifndef LNL_TEST_IO_WORKER_H
#define LNL_TEST_IO_WORKER_H

#include "test_io_namespace.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "crypto/crypto.h"
#include "io/backlog.h"
#include "io/clock.h"
#include "io/tun.h"
#include "io/worker.h"
#include "wire/stream.h"

#define PATIENCE 20000 /* ms that something may take before the test has failed */
#define PEER	 7
#define LINK	 1

static inline void *env_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

static inline void env_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static inline int env_random(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)i;
	return 0;
}

static const struct lnl_env env = {
	.alloc = env_alloc,
	.release = env_release,
	.random = env_random,
	.wallclock = lnl_clock_wall,
};

/* One worker and its control thread, which is the test. */
struct side {
	struct lnl_worker *worker;
	int woken; /* eventfd */
	int tun;   /* our end */
	int tun_given;
	unsigned tun_offload; /* of it: enum lnl_tun_offload */
};

static inline void wake(void *ctx)
{
	const struct side *s = ctx;
	uint64_t one = 1;
	ssize_t n = write(s->woken, &one, sizeof(one));

	(void)n;
}

static inline void command(struct side *s, const struct lnl_command *cmd)
{
	assert_int_equal(lnl_worker_command(s->worker, cmd), 0);
}

static inline void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE) != 1)
		fail_msg("nothing happened");
}

/* The next notification, however long it takes. */
static inline void next(struct side *s, struct lnl_ntf *n)
{
	uint64_t count;

	while (!lnl_worker_next(s->worker, n)) {
		wait_readable(s->woken);
		assert_int_equal(read(s->woken, &count, sizeof(count)), sizeof(count));
	}
}

/* The next of |kind|; others before it are not looked at. */
static inline void next_of(struct side *s, enum lnl_ntf_kind kind, struct lnl_ntf *n)
{
	do {
		next(s, n);
	} while (n->kind != kind);
}

static inline void open_side_with(struct side *s, uint32_t max_peers, void (*waker)(void *ctx),
				  void *ctx)
{
	int tun[2];

	s->woken = eventfd(0, EFD_CLOEXEC);
	assert_true(s->woken >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, tun), 0);
	s->tun = tun[0];
	s->tun_given = tun[1];
	s->tun_offload = 0;
	assert_int_equal(lnl_worker_new(&s->worker, &env, max_peers, max_peers, waker, ctx), 0);
}

static inline void open_side_for(struct side *s, uint32_t max_peers)
{
	open_side_with(s, max_peers, wake, s);
}

static inline void open_side(struct side *s)
{
	open_side_for(s, 4);
}

static inline void close_side(struct side *s)
{
	lnl_worker_free(s->worker);
	close(s->woken);
	if (s->tun >= 0)
		close(s->tun);
}

static inline void give_tun(struct side *s)
{
	command(s, &(struct lnl_command){ .kind = LNL_CMD_TUN_ADD,
					  .u.tun.fd = s->tun_given,
					  .u.tun.offload = s->tun_offload });
}

static inline void give_link(struct side *s, uint32_t id, int fd, enum lnl_link_kind kind)
{
	command(s, &(struct lnl_command){
			   .kind = LNL_CMD_LINK_ADD,
			   .u.link = { .id = id, .fd = fd, .kind = kind, .peer = PEER } });
}

static inline void give_peer(struct side *s, const struct lnl_peer_conf *conf)
{
	command(s, &(struct lnl_command){
			   .kind = LNL_CMD_PEER_ADD, .id = LINK, .u.peer.conf = *conf });
}

static const struct lnl_peer_conf plain_peer = { .id = PEER, .wire_id = 0 };

/* |server| swaps the directions. */
static inline void give_key(struct side *s, enum lnl_cipher cipher, bool server)
{
	struct lnl_command cmd = { .kind = LNL_CMD_KEY_INSTALL, .peer = PEER };
	struct lnl_key_conf *k = &cmd.u.key.key;

	cmd.u.key.slot = LNL_SLOT_PRIMARY;
	k->cipher = cipher;
	k->digest = lnl_cipher_is_aead(cipher) ? LNL_DIGEST_NONE : LNL_DIGEST_SHA256;
	k->expires = LNL_NEVER;
	memset(server ? &k->recv : &k->send, 0x11, sizeof(k->send));
	memset(server ? &k->send : &k->recv, 0x22, sizeof(k->send));
	command(s, &cmd);
}

static inline int nonblocking(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

static inline void bind_loopback(int fd, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
}

static inline void udp_pair(int fds[2])
{
	struct sockaddr_in at[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = nonblocking(SOCK_DGRAM);
		bind_loopback(fds[i], &at[i]);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(connect(fds[i], (struct sockaddr *)&at[1 - i], sizeof(at[0])), 0);
}

/*
 * Ports rest for a minute after a connection, and an address has 28,000: each thousand pairs have an
 * address of their own, and none is 127.0.0.1, which others need.
 */
static inline void tcp_pair(int fds[2])
{
	static uint32_t n;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in at = { .sin_family = AF_INET }, from;
	socklen_t len = sizeof(at);

	at.sin_addr.s_addr = htonl(UINT32_C(0x7f010001) + n++ / 1000);
	from = at;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(listen(listener, 1), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fds[0], IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	assert_int_equal(bind(fds[0], (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&at, sizeof(at)), 0);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fds[1] >= 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	close(listener);
}

static inline void link_pair(int fds[2], enum lnl_link_kind kind)
{
	if (kind == LNL_LINK_UDP)
		udp_pair(fds);
	else
		tcp_pair(fds);
}

/* Two workers with a link between them, peers, keys and TUN. */
static inline void open_pair(struct side s[2], enum lnl_link_kind kind, enum lnl_cipher cipher)
{
	int fds[2];

	link_pair(fds, kind);
	for (int i = 0; i < 2; i++) {
		open_side(&s[i]);
		give_link(&s[i], LINK, fds[i], kind);
		give_peer(&s[i], &plain_peer);
		give_key(&s[i], cipher, i == 1);
		give_tun(&s[i]);
	}
}

/* One worker with the other end of its link in our hand. */
static inline int open_raw(struct side *s, enum lnl_link_kind kind)
{
	int fds[2];

	link_pair(fds, kind);
	open_side(s);
	give_link(s, LINK, fds[0], kind);
	give_peer(s, &plain_peer);
	give_key(s, LNL_CIPHER_AES_256_GCM, false);
	give_tun(s);
	return fds[1];
}

/* The server's data plane, with the worker's keys the other way round. */
static inline struct lnl_data *server_plane(void)
{
	struct lnl_key_conf k = { .cipher = LNL_CIPHER_AES_256_GCM, .expires = LNL_NEVER };
	struct lnl_data *d;

	memset(&k.recv, 0x11, sizeof(k.recv));
	memset(&k.send, 0x22, sizeof(k.send));
	assert_int_equal(lnl_data_new(&d, &env, 1), 0);
	assert_int_equal(lnl_data_peer_add(d, &plain_peer, 1), 0);
	assert_int_equal(lnl_data_key_install(d, PEER, LNL_SLOT_PRIMARY, &k), 0);
	return d;
}

static inline void counters(struct side *s, uint32_t peer, struct lnl_counters *out)
{
	struct lnl_ntf n;

	command(s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = peer });
	next_of(s, LNL_NTF_COUNTERS, &n);
	assert_int_equal(n.peer, peer);
	*out = n.u.counters;
}

/* An IPv4 packet, as far as anybody looks: version, length, a number and a pattern. */
static inline size_t make_packet(uint8_t *out, uint32_t number, size_t len)
{
	memset(out, (int)(number & 0x7f), len);
	out[0] = 0x45;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	out[9] = 17;
	memcpy(out + 20, &number, sizeof(number));
	return len;
}

/* Packet |number|, 100 bytes, sealed and framed, by the stream |fd|. */
static inline void send_in_stream(int fd, struct lnl_data *plane, uint32_t number)
{
	uint8_t room[2 + LNL_HEADROOM + 256 + LNL_TAILROOM];
	struct lnl_packet pkt = { .p = room + 2 + LNL_HEADROOM, .peer = PEER };

	pkt.len = (uint32_t)make_packet(pkt.p, number, 100);
	assert_int_equal(lnl_data_seal(plane, &pkt, 1, 1), 1);
	pkt.p -= 2;
	pkt.p[0] = 0;
	pkt.p[1] = (uint8_t)pkt.len;
	assert_int_equal(send(fd, pkt.p, pkt.len + 2, 0), pkt.len + 2);
}

static inline void expect_packet(int tun, uint32_t number, size_t len)
{
	uint8_t want[2048], got[2048];
	ssize_t n;

	wait_readable(tun);
	n = read(tun, got, sizeof(got));
	assert_int_equal(n, make_packet(want, number, len));
	assert_memory_equal(got, want, len);
}

/* Waits for what comes by |fd|, and puts it behind what |in| has. */
static inline void take_stream(int fd, struct lnl_stream *in)
{
	size_t room;
	uint8_t *p;
	ssize_t n;

	wait_readable(fd);
	p = lnl_stream_room(in, &room);
	n = recv(fd, p, room, 0);
	assert_true(n > 0);
	lnl_stream_added(in, (size_t)n);
}

static inline void send_control(struct side *s, uint8_t op, uint32_t number, size_t len)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = LINK };

	cmd.u.datagram.len = (uint16_t)len;
	memset(cmd.u.datagram.bytes, (int)number, len);
	cmd.u.datagram.bytes[0] = (uint8_t)(op << 3);
	if (len > 4)
		memcpy(cmd.u.datagram.bytes + 1, &number, sizeof(number));
	command(s, &cmd);
}

#endif
