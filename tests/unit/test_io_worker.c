/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker from outside: packets from TUN to TUN over real sockets with real keys, and all that
 * may go wrong with either. TUN is a pair of datagram sockets here, but where the kernel's
 * behaviour counts.
 */
/* lunel-test: timeout 120 */
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

#define PATIENCE 20000 /* ms that something may take before the test has failed */
#define PEER	 7
#define LINK	 1

static void *env_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

static void env_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static int env_random(void *ctx, uint8_t *out, size_t len)
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
};

static void wake(void *ctx)
{
	const struct side *s = ctx;
	uint64_t one = 1;
	ssize_t n = write(s->woken, &one, sizeof(one));

	(void)n;
}

static void command(struct side *s, const struct lnl_command *cmd)
{
	assert_int_equal(lnl_worker_command(s->worker, cmd), 0);
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE) != 1)
		fail_msg("nothing happened");
}

/* The next notification, however long it takes. */
static void next(struct side *s, struct lnl_ntf *n)
{
	uint64_t count;

	while (!lnl_worker_next(s->worker, n)) {
		wait_readable(s->woken);
		assert_int_equal(read(s->woken, &count, sizeof(count)), sizeof(count));
	}
}

/* The next of |kind|; others before it are not looked at. */
static void next_of(struct side *s, enum lnl_ntf_kind kind, struct lnl_ntf *n)
{
	do {
		next(s, n);
	} while (n->kind != kind);
}

static void open_side(struct side *s)
{
	int tun[2];

	s->woken = eventfd(0, EFD_CLOEXEC);
	assert_true(s->woken >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, tun), 0);
	s->tun = tun[0];
	s->tun_given = tun[1];
	assert_int_equal(lnl_worker_new(&s->worker, &env, 4, wake, s), 0);
}

static void close_side(struct side *s)
{
	lnl_worker_free(s->worker);
	close(s->woken);
	if (s->tun >= 0)
		close(s->tun);
}

static void give_tun(struct side *s)
{
	command(s, &(struct lnl_command){ .kind = LNL_CMD_TUN_ADD, .u.tun.fd = s->tun_given });
}

static void give_link(struct side *s, uint32_t id, int fd, enum lnl_link_kind kind)
{
	command(s, &(struct lnl_command){
			   .kind = LNL_CMD_LINK_ADD,
			   .u.link = { .id = id, .fd = fd, .kind = kind, .peer = PEER } });
}

static void give_peer(struct side *s, const struct lnl_peer_conf *conf)
{
	command(s, &(struct lnl_command){ .kind = LNL_CMD_PEER_ADD, .id = LINK, .u.conf = *conf });
}

static const struct lnl_peer_conf plain_peer = { .id = PEER, .wire_id = 0 };

/* |server| swaps the directions. */
static void give_key(struct side *s, enum lnl_cipher cipher, bool server)
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

static int nonblocking(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

static void bind_loopback(int fd, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
}

static void udp_pair(int fds[2])
{
	struct sockaddr_in at[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = nonblocking(SOCK_DGRAM);
		bind_loopback(fds[i], &at[i]);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(connect(fds[i], (struct sockaddr *)&at[1 - i], sizeof(at[0])), 0);
}

static void tcp_pair(int fds[2])
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at;

	bind_loopback(listener, &at);
	assert_int_equal(listen(listener, 1), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&at, sizeof(at)), 0);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fds[1] >= 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	close(listener);
}

static void link_pair(int fds[2], enum lnl_link_kind kind)
{
	if (kind == LNL_LINK_UDP)
		udp_pair(fds);
	else
		tcp_pair(fds);
}

/* Two workers with a link between them, peers, keys and TUN. */
static void open_pair(struct side s[2], enum lnl_link_kind kind, enum lnl_cipher cipher)
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
static int open_raw(struct side *s, enum lnl_link_kind kind)
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

static void counters(struct side *s, uint32_t peer, struct lnl_counters *out)
{
	struct lnl_ntf n;

	command(s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = peer });
	next_of(s, LNL_NTF_COUNTERS, &n);
	assert_int_equal(n.peer, peer);
	*out = n.u.counters;
}

/* An IPv4 packet, as far as anybody looks: version, length, a number and a pattern. */
static size_t make_packet(uint8_t *out, uint32_t number, size_t len)
{
	memset(out, (int)(number & 0x7f), len);
	out[0] = 0x45;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	out[9] = 17;
	memcpy(out + 20, &number, sizeof(number));
	return len;
}

static void expect_packet(int tun, uint32_t number, size_t len)
{
	uint8_t want[2048], got[2048];
	ssize_t n;

	wait_readable(tun);
	n = read(tun, got, sizeof(got));
	assert_int_equal(n, make_packet(want, number, len));
	assert_memory_equal(got, want, len);
}

/* ---- what has to work ---- */

static const struct {
	enum lnl_link_kind kind;
	enum lnl_cipher cipher;
} roads[] = {
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM },
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_CBC },
	{ LNL_LINK_TCP, LNL_CIPHER_CHACHA20_POLY1305 },
	{ LNL_LINK_TCP, LNL_CIPHER_AES_256_CBC },
};

/* One by one, then by the batch, both ways. */
static void packets_run_from_tun_to_tun(void **state)
{
	uint8_t packet[1500];

	(void)state;
	for (size_t r = 0; r < sizeof(roads) / sizeof(*roads); r++) {
		struct side s[2];
		struct lnl_counters c;

		open_pair(s, roads[r].kind, roads[r].cipher);
		/* The other side has its key before anything is sent. */
		counters(&s[1], PEER, &c);
		for (uint32_t i = 0; i < 100; i++) {
			size_t len = make_packet(packet, i, 24 + i * 14);

			assert_int_equal(write(s[i & 1].tun, packet, len), len);
			expect_packet(s[~i & 1].tun, i, len);
		}
		for (uint32_t i = 0; i < 200; i += 8) {
			for (uint32_t k = i; k < i + 8; k++) {
				make_packet(packet, k, 1400);
				assert_int_equal(write(s[0].tun, packet, 1400), 1400);
			}
			for (uint32_t k = i; k < i + 8; k++)
				expect_packet(s[1].tun, k, 1400);
		}
		counters(&s[0], PEER, &c);
		assert_int_equal(c.tx_packets, 250);
		assert_int_equal(c.rx_packets, 50);
		counters(&s[1], PEER, &c);
		assert_int_equal(c.rx_packets, 250);
		assert_int_equal(c.drops[LNL_DROP_AUTH], 0);
		close_side(&s[0]);
		close_side(&s[1]);
	}
}

static void send_control(struct side *s, uint8_t op, uint32_t number, size_t len)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = LINK };

	cmd.u.datagram.len = (uint16_t)len;
	memset(cmd.u.datagram.bytes, (int)number, len);
	cmd.u.datagram.bytes[0] = (uint8_t)(op << 3);
	if (len > 4)
		memcpy(cmd.u.datagram.bytes + 1, &number, sizeof(number));
	command(s, &cmd);
}

static void control_packets_reach_the_control_thread(void **state)
{
	static const enum lnl_link_kind kinds[] = { LNL_LINK_UDP, LNL_LINK_TCP };
	static const uint8_t ops[] = { LNL_OP_HARD_RESET_CLIENT_V2, LNL_OP_CONTROL_V1,
				       LNL_OP_ACK_V1, LNL_OP_SOFT_RESET_V1 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct side s[2];
		struct lnl_counters c;
		struct lnl_ntf n;

		open_pair(s, kinds[k], LNL_CIPHER_AES_128_GCM);
		for (uint32_t i = 0; i < 4; i++) {
			/*
			 * What is no control packet never gets there; a forged one ends a stream.
			 */
			if (kinds[k] == LNL_LINK_UDP)
				send_control(&s[i & 1], LNL_OP_DATA_V2, i, 40);
			send_control(&s[i & 1], 31, i, 40);
			send_control(&s[i & 1], 0, i, 40);
			send_control(&s[i & 1], ops[i], i, i == 3 ? LNL_DATAGRAM_MAX : 100);
			do {
				next(&s[~i & 1], &n);
				assert_int_not_equal(n.kind, LNL_NTF_FAILED);
			} while (n.kind != LNL_NTF_PACKET);
			assert_int_equal(n.id, LINK);
			assert_int_equal(n.u.datagram.len, i == 3 ? LNL_DATAGRAM_MAX : 100);
			assert_int_equal(n.u.datagram.bytes[0], ops[i] << 3);
			assert_memory_equal(n.u.datagram.bytes + 1, &i, sizeof(i));
		}
		/* The others were the data plane's to count: two of each four. */
		counters(&s[1], PEER, &c);
		assert_int_equal(c.drops[LNL_DROP_OPCODE], 4);
		close_side(&s[0]);
		close_side(&s[1]);
	}
}

static void a_datagram_that_is_too_long_is_refused(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = LINK };
	struct side s;

	(void)state;
	open_side(&s);
	cmd.u.datagram.len = LNL_DATAGRAM_MAX + 1;
	assert_int_equal(lnl_worker_command(s.worker, &cmd), LNL_E_INVAL);
	close(s.tun_given);
	close_side(&s);
}

static void pings_go_out_and_their_lack_is_told(void **state)
{
	struct lnl_peer_conf conf = plain_peer;
	struct side s;
	struct lnl_ntf n;
	uint8_t got[256];
	int raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	conf.ping_interval = 20 * LNL_MSEC;
	conf.ping_timeout = 100 * LNL_MSEC;
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_SET, .u.conf = conf });
	for (int i = 0; i < 3; i++) {
		wait_readable(raw);
		/* header, id, tag and the sixteen bytes of a ping */
		assert_int_equal(recv(raw, got, sizeof(got), 0), 4 + 4 + 16 + 16);
		assert_int_equal(lnl_op_of(got[0]), LNL_OP_DATA_V2);
	}
	next_of(&s, LNL_NTF_NOTICE, &n);
	assert_int_equal(n.u.notice.kind, LNL_NOTICE_PING_TIMEOUT);
	assert_int_equal(n.u.notice.peer, PEER);
	close(raw);
	close_side(&s);
}

static void goodbyes_are_sent_and_heard(void **state)
{
	struct side s[2];
	struct lnl_ntf n;

	(void)state;
	open_pair(s, LNL_LINK_TCP, LNL_CIPHER_AES_256_GCM);
	command(&s[0], &(struct lnl_command){ .kind = LNL_CMD_SPECIAL,
					      .peer = PEER,
					      .u.special = LNL_SPECIAL_OCC_EXIT });
	next_of(&s[1], LNL_NTF_NOTICE, &n);
	assert_int_equal(n.u.notice.kind, LNL_NOTICE_EXIT);
	close_side(&s[0]);
	close_side(&s[1]);
}

/* A peer moves to another link, and from nothing to a link that comes later. */
static void a_peer_changes_its_link(void **state)
{
	struct side s;
	uint8_t packet[100], got[256];
	int fds[2], raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	make_packet(packet, 1, sizeof(packet));
	udp_pair(fds);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_LINK, .peer = PEER, .id = 2 });
	give_link(&s, 2, fds[0], LNL_LINK_UDP);
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	wait_readable(fds[1]);
	assert_int_equal(recv(fds[1], got, sizeof(got), 0), sizeof(packet) + 24);
	assert_int_equal(recv(raw, got, sizeof(got), MSG_DONTWAIT), -1);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_LINK, .peer = PEER, .id = LINK });
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = 2 });
	struct lnl_counters c;
	counters(&s, PEER, &c);
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), sizeof(packet) + 24);
	close(raw);
	close(fds[1]);
	close_side(&s);
}

/* ---- what may go wrong on a link ---- */

/* Sends |bytes| or ends the stream in some way; the link has to close with |error|. */
static void expect_end(const void *bytes, size_t len, bool reset, int error)
{
	struct linger at_once = { .l_onoff = 1 };
	struct side s;
	struct lnl_ntf n;
	uint8_t packet[100], got[200];
	int raw = open_raw(&s, LNL_LINK_TCP);

	/* Something has happened before, and left an errno. */
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), sizeof(packet) + 26);
	if (len > 0)
		assert_int_equal(send(raw, bytes, len, 0), len);
	if (reset)
		setsockopt(raw, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (reset || error == 0)
		close(raw);
	next_of(&s, LNL_NTF_LINK_CLOSED, &n);
	assert_int_equal(n.id, LINK);
	assert_int_equal(n.error, error);
	/* It is gone: sending into it is no failure, deleting it neither. */
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_COUNTERS);
	close_side(&s);
	if (!reset && error != 0)
		close(raw);
}

/* Undecryptable packets are the next test's. */
static void streams_end(void **state)
{
	static const uint8_t cut[] = "\0\x30\x20"
				     "beginning";

	(void)state;
	expect_end(NULL, 0, false, 0);
	expect_end(cut, sizeof(cut), false, 0);
	expect_end(NULL, 0, true, ECONNRESET);
	expect_end("\0\0", 2, false, EPROTO);
}

/* The notice comes before the end, so that its owner can say why. */
static void a_stream_that_does_not_decrypt_is_told_first(void **state)
{
	struct side s;
	struct lnl_ntf n;
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	assert_int_equal(send(raw,
			      "\0\x28\x48\0\0\0"
			      "\0\0\0\1"
			      "0123456789abcdef"
			      "0123456789abcdef",
			      42, 0),
			 42);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_NOTICE);
	assert_int_equal(n.u.notice.kind, LNL_NOTICE_DECRYPT);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_LINK_CLOSED);
	assert_int_equal(n.error, EBADMSG);
	close(raw);
	close_side(&s);
}

/* The same over UDP is told once and changes nothing. */
static void a_datagram_that_does_not_decrypt_changes_nothing(void **state)
{
	struct lnl_counters c = { 0 };
	struct side s;
	struct lnl_ntf n;
	int raw = open_raw(&s, LNL_LINK_UDP);
	unsigned told = 0;

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(send(raw,
				      "\x48\0\0\0\0\0\0\1"
				      "0123456789abcdef"
				      "0123456789abcdef",
				      40, 0),
				 40);
		while (c.drops[LNL_DROP_AUTH] < i) {
			command(&s,
				&(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
			do {
				next(&s, &n);
				assert_int_not_equal(n.kind, LNL_NTF_LINK_CLOSED);
				told += n.kind == LNL_NTF_NOTICE;
			} while (n.kind != LNL_NTF_COUNTERS);
			c = n.u.counters;
		}
	}
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	do {
		next(&s, &n);
		told += n.kind == LNL_NTF_NOTICE;
	} while (n.kind != LNL_NTF_COUNTERS);
	/* Twice if it took more than a second. */
	assert_in_range(told, 1, 2);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	wait_readable(raw);
	close(raw);
	close_side(&s);
}

static void a_refused_datagram_is_told_and_survived(void **state)
{
	struct sockaddr_in at;
	struct side s;
	struct lnl_ntf n;
	socklen_t len = sizeof(at);
	uint8_t got[64];
	int raw = open_raw(&s, LNL_LINK_UDP);
	struct sockaddr_in peer;

	(void)state;
	assert_int_equal(getsockname(raw, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(getpeername(raw, (struct sockaddr *)&peer, &len), 0);
	close(raw);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_LINK_ERROR);
	assert_int_equal(n.id, LINK);
	assert_int_equal(n.error, ECONNREFUSED);
	/* Not again within the second. */
	for (int i = 0; i < 10; i++)
		send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_COUNTERS);
	/* The server is back, and the link as good as before. */
	raw = nonblocking(SOCK_DGRAM);
	assert_int_equal(bind(raw, (struct sockaddr *)&at, sizeof(at)), 0);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 20);
	close(raw);
	close_side(&s);
}

/*
 * Reads frames off a stream and checks that they are of the ids |first| on, in order; returns the
 * next id.
 */
static uint32_t read_frames(int raw, uint32_t first, uint32_t until)
{
	static uint8_t data[70000];
	size_t held = 0;

	while (first < until) {
		size_t at = 0;
		ssize_t n;

		wait_readable(raw);
		n = recv(raw, data + held, sizeof(data) - held, 0);
		assert_true(n > 0);
		held += (size_t)n;
		while (held - at >= 2) {
			size_t len = (size_t)data[at] << 8 | data[at + 1];
			uint32_t id;

			if (held - at - 2 < len)
				break;
			memcpy(&id, data + at + 2 + 4, sizeof(id));
			assert_int_equal(lnl_op_of(data[at + 2]), LNL_OP_DATA_V2);
			assert_int_equal(ntohl(id), first);
			first++;
			at += 2 + len;
		}
		memmove(data, data + at, held - at);
		held -= at;
	}
	assert_int_equal(held, 0);
	return first;
}

/* A peer that does not read: TUN is left alone until it does, and nothing is lost or reordered. */
static void a_full_stream_holds_tun_back(void **state)
{
	struct side s;
	struct lnl_counters c, before;
	uint8_t packet[1400];
	uint32_t written = 0;
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	/* Until the pair is full and stays so over a whole turn of the worker. */
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			written++;
		assert_int_equal(errno, EAGAIN);
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	assert_true(c.tx_packets < written);
	assert_true(c.tx_packets * sizeof(packet) > LNL_BACKLOG_HIGH);
	assert_int_equal(c.drops[LNL_DROP_QUEUE], 0);
	/* Control packets still find room. */
	read_frames(raw, 1, written + 1);
	counters(&s, PEER, &c);
	assert_int_equal(c.tx_packets, written);
	assert_int_equal(c.drops[LNL_DROP_QUEUE] + c.drops[LNL_DROP_SEND], 0);
	close(raw);
	close_side(&s);
}

/* The same for datagrams: a socket that would block, and a reader that takes its time. */
static void a_full_datagram_socket_holds_tun_back(void **state)
{
	struct side s;
	struct lnl_counters c = { 0 }, before;
	uint8_t packet[1400], got[2048];
	uint32_t written = 0;
	int fds[2];

	(void)state;
	/* Of this kind the kernel tells when the other end is full. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	open_side(&s);
	give_link(&s, LINK, fds[0], LNL_LINK_UDP);
	give_peer(&s, &plain_peer);
	give_key(&s, LNL_CIPHER_AES_256_GCM, false);
	give_tun(&s);
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			written++;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	assert_true(c.tx_packets < written);
	for (uint32_t i = 0; i < written; i++) {
		uint32_t id;

		wait_readable(fds[1]);
		assert_int_equal(recv(fds[1], got, sizeof(got), 0), sizeof(packet) + 24);
		memcpy(&id, got + 4, sizeof(id));
		assert_int_equal(ntohl(id), i + 1);
	}
	counters(&s, PEER, &c);
	assert_int_equal(c.tx_packets, written);
	assert_int_equal(c.drops[LNL_DROP_SEND] + c.drops[LNL_DROP_QUEUE], 0);
	/* Blocked, and then the link goes: TUN does not wait for it. */
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	for (unsigned i = 0; i < 200; i++) {
		struct pollfd p = { .fd = s.tun, .events = POLLOUT };

		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	}
	counters(&s, PEER, &c);
	assert_true(c.drops[LNL_DROP_SEND] > 0);
	close(fds[1]);
	close_side(&s);
}

/*
 * Control packets find room behind data that fills a stream; when that is full, too, they are lost
 * alone.
 */
static void control_packets_have_room_of_their_own(void **state)
{
	struct side s;
	struct lnl_counters c, before;
	uint8_t packet[1400];
	static uint8_t data[70000];
	unsigned controls = 0, frames = 0;
	size_t held = 0;
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	for (uint32_t i = 0; i < 10; i++)
		send_control(&s, LNL_OP_CONTROL_V1, i, 1000);
	while (controls < 10) {
		size_t at = 0;
		ssize_t n;

		wait_readable(raw);
		n = recv(raw, data + held, sizeof(data) - held, 0);
		assert_true(n > 0);
		held += (size_t)n;
		while (held - at >= 2 && held - at - 2 >= ((size_t)data[at] << 8 | data[at + 1])) {
			if (lnl_op_of(data[at + 2]) == LNL_OP_CONTROL_V1) {
				assert_int_equal(data[at + 3], controls);
				controls++;
			}
			frames++;
			at += 2 + ((size_t)data[at] << 8 | data[at + 1]);
		}
		memmove(data, data + at, held - at);
		held -= at;
	}
	assert_true(frames > 10);
	close(raw);
	close_side(&s);
}

/* Too long for a frame once it is sealed: it is dropped, and takes nothing along. */
static void what_outgrows_a_frame_is_dropped(void **state)
{
	static uint8_t packet[65535];
	struct side s;
	struct lnl_counters c;
	uint8_t got[256];
	int raw = open_raw(&s, LNL_LINK_TCP), size = 1 << 20;

	(void)state;
	setsockopt(s.tun, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	make_packet(packet, 2, 100);
	assert_int_equal(write(s.tun, packet, 100), 100);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 2 + 24 + 100);
	assert_int_equal(got[1], 24 + 100);
	counters(&s, PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_LONG], 1);
	close(raw);
	close_side(&s);
}

/* A link that is full and ends lets TUN go on. */
static void a_full_stream_that_ends_lets_tun_go(void **state)
{
	struct side s;
	struct lnl_counters c, before;
	struct lnl_ntf n;
	uint8_t packet[1400];
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	close(raw);
	next_of(&s, LNL_NTF_LINK_CLOSED, &n);
	for (unsigned i = 0; i < 1000; i++) {
		struct pollfd p = { .fd = s.tun, .events = POLLOUT };

		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	}
	counters(&s, PEER, &c);
	assert_true(c.drops[LNL_DROP_SEND] > 0);
	close_side(&s);
}

/* What was queued is sent before the socket closes, and the end is not told to who asked for it. */
static void a_deleted_link_sends_what_it_has(void **state)
{
	struct side s;
	struct lnl_ntf n;
	uint8_t got[64];
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_COUNTERS);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 22);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 0);
	close(raw);
	close_side(&s);
}

/* ---- rings ---- */

/*
 * More commands than the ring holds, each with an answer, which nobody takes: none is lost, in
 * order.
 */
static void rings_that_overflow_lose_no_command(void **state)
{
	enum { N = 20000 };
	struct side s;
	struct lnl_ntf n;

	(void)state;
	open_side(&s);
	close(s.tun_given);
	for (uint32_t i = 0; i < N; i++)
		command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 100 + i });
	for (uint32_t i = 0; i < N; i++) {
		next(&s, &n);
		assert_int_equal(n.kind, LNL_NTF_COUNTERS);
		assert_int_equal(n.peer, 100 + i);
	}
	assert_int_equal(lnl_worker_lost(s.worker), 0);
	close_side(&s);
}

/* Long and short commands, so that a short one could find room before a long one that waits. */
static void rings_that_overflow_keep_the_order(void **state)
{
	enum { N = 6000 };
	struct lnl_command install = { .kind = LNL_CMD_KEY_INSTALL };
	struct side s;
	struct lnl_ntf n;

	(void)state;
	open_side(&s);
	close(s.tun_given);
	for (uint32_t i = 0; i < N; i++) {
		install.peer = 100 + i;
		if (i % 3 == 0)
			command(&s, &install);
		else
			command(&s,
				&(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 100 + i });
	}
	for (uint32_t i = 0; i < N; i++) {
		next(&s, &n);
		assert_int_equal(n.kind, i % 3 == 0 ? LNL_NTF_FAILED : LNL_NTF_COUNTERS);
		assert_int_equal(n.peer, 100 + i);
	}
	close_side(&s);
}

/*
 * Nobody answers these: the control thread is woken all the same, to send what waits on its side.
 */
static void what_waits_is_sent_once_there_is_room(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = 99 };
	struct side s;
	struct lnl_ntf n;
	uint64_t count;
	int raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	cmd.u.datagram.len = LNL_DATAGRAM_MAX;
	for (unsigned i = 0; i < 5000; i++)
		command(&s, &cmd);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	for (;;) {
		struct pollfd p[2] = { { .fd = raw, .events = POLLIN },
				       { .fd = s.woken, .events = POLLIN } };

		assert_true(poll(p, 2, PATIENCE) > 0);
		if (p[0].revents != 0)
			break;
		assert_int_equal(read(s.woken, &count, sizeof(count)), sizeof(count));
		while (lnl_worker_next(s.worker, &n))
			;
	}
	close(raw);
	close_side(&s);
}

/* Control packets that nobody takes are lost and counted; the news of the link's end is not. */
static void packets_that_overflow_are_counted(void **state)
{
	enum { N = 2000, LEN = 1000 };
	uint8_t frame[2 + LEN] = { LEN >> 8, LEN & 0xff, LNL_OP_CONTROL_V1 << 3 };
	struct side s;
	struct lnl_ntf n;
	unsigned got = 0;
	int raw = open_raw(&s, LNL_LINK_TCP);
	int flags = fcntl(raw, F_GETFL);

	(void)state;
	fcntl(raw, F_SETFL, flags & ~O_NONBLOCK);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(send(raw, frame, sizeof(frame), 0), sizeof(frame));
	shutdown(raw, SHUT_WR);
	while (lnl_worker_lost(s.worker) == 0)
		sched_yield();
	/* Until the worker has closed its end. */
	wait_readable(raw);
	do {
		next(&s, &n);
		got += n.kind == LNL_NTF_PACKET;
	} while (n.kind != LNL_NTF_LINK_CLOSED);
	assert_int_equal(n.error, 0);
	assert_int_equal(got + lnl_worker_lost(s.worker), N);
	close(raw);
	close_side(&s);
}

/* ---- failures and the end ---- */

static void commands_that_cannot_be_done_are_told(void **state)
{
	static const struct {
		enum lnl_command_kind kind;
		uint32_t peer;
		int error;
	} t[] = {
		{ LNL_CMD_PEER_LINK, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_PEER_DEL, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_KEY_SWAP, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_KEY_DEL, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_SPECIAL, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_KEY_EXPIRE, 99, LNL_E_NOTFOUND },
	};
	struct side s;
	struct lnl_ntf n;
	int fds[2], raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		command(&s, &(struct lnl_command){ .kind = t[i].kind, .peer = t[i].peer });
		next(&s, &n);
		assert_int_equal(n.kind, LNL_NTF_FAILED);
		assert_int_equal(n.id, t[i].kind);
		assert_int_equal(n.peer, t[i].peer);
		assert_int_equal(n.error, t[i].error);
	}
	give_peer(&s, &plain_peer);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_FAILED);
	assert_int_equal(n.peer, PEER);
	assert_int_equal(n.error, LNL_E_EXIST);
	/* The socket of a link that cannot be is closed all the same. */
	udp_pair(fds);
	give_link(&s, LINK, fds[0], LNL_LINK_UDP);
	next(&s, &n);
	assert_int_equal(n.error, LNL_E_EXIST);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	give_link(&s, 0, fds[1], LNL_LINK_UDP);
	next(&s, &n);
	assert_int_equal(n.error, LNL_E_INVAL);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	close(raw);
	close_side(&s);
}

/* The other end of TUN is gone: what came for it is a drop, and no delivery. */
static void a_packet_that_tun_does_not_take_is_a_drop(void **state)
{
	struct side s[2];
	struct lnl_counters c = { 0 };
	uint8_t packet[200];

	(void)state;
	open_pair(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM);
	close(s[1].tun);
	s[1].tun = -1;
	counters(&s[1], PEER, &c);
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s[0].tun, packet, sizeof(packet)), sizeof(packet));
	while (c.link_rx_bytes == 0)
		counters(&s[1], PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_TUN], 1);
	assert_int_equal(c.rx_packets, 0);
	assert_int_equal(c.rx_bytes, 0);
	close_side(&s[0]);
	close_side(&s[1]);
}

/* Packets of TUN before there is a peer, and after it went, are nobody's. */
static void packets_without_a_peer_are_counted(void **state)
{
	struct lnl_counters c = { 0 };
	struct side s;
	uint8_t packet[200];
	int raw;

	(void)state;
	raw = open_raw(&s, LNL_LINK_UDP);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = PEER });
	counters(&s, PEER, &c);
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	while (c.drops[LNL_DROP_PEER] == 0)
		counters(&s, LNL_PEER_ID_NONE, &c);
	assert_int_equal(c.drops[LNL_DROP_PEER], 1);
	close(raw);
	close_side(&s);
}

static void the_end_is_told_when_asked_for(void **state)
{
	struct side s;
	struct lnl_ntf n;
	int raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_STOP });
	next_of(&s, LNL_NTF_STOPPED, &n);
	close(raw);
	close_side(&s);
}

/* Nothing handed over stays open, wherever it is when the worker goes; also with full rings. */
static void nothing_stays_open(void **state)
{
	struct side s;
	int fds[2], raw = open_raw(&s, LNL_LINK_TCP);
	char byte;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++)
		command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = i });
	tcp_pair(fds);
	give_link(&s, 2, fds[0], LNL_LINK_TCP);
	close_side(&s);
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? raw : fds[1];

		wait_readable(fd);
		assert_int_equal(recv(fd, &byte, 1, 0), 0);
		close(fd);
	}
}

/* A link given to a worker that has stopped already. */
static void nothing_stays_open_behind_a_stop(void **state)
{
	struct side s;
	struct lnl_ntf n;
	int fds[2], tun[2];
	char byte;

	(void)state;
	open_side(&s);
	close(s.tun_given);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_STOP });
	next_of(&s, LNL_NTF_STOPPED, &n);
	tcp_pair(fds);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tun), 0);
	give_link(&s, 2, fds[0], LNL_LINK_TCP);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_TUN_ADD, .u.tun.fd = tun[0] });
	close_side(&s);
	wait_readable(fds[1]);
	assert_int_equal(recv(fds[1], &byte, 1, 0), 0);
	assert_int_equal(recv(tun[1], &byte, 1, 0), 0);
	close(fds[1]);
	close(tun[1]);
}

/* ---- the kernel's TUN ---- */

static void del_device(const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "ip link del %s", name);
	assert_int_equal(system(line), 0);
}

static void a_deleted_device_is_told(void **state)
{
	const struct lnl_tun_conf conf = { .name = "tun", .node = -1 };
	struct lnl_reason why;
	struct lnl_tun tun;
	struct lnl_ntf n;
	struct side s;

	(void)state;
	test_need_tun();
	if (!test_namespace())
		test_skip("no network namespace");
	assert_int_equal(lnl_tun_open(&tun, &conf, &why), 0);
	test_link_up(tun.name);
	open_side(&s);
	close(s.tun_given);
	s.tun_given = tun.fd;
	give_tun(&s);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next_of(&s, LNL_NTF_COUNTERS, &n);
	del_device(tun.name);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_TUN_ERROR);
	assert_int_equal(n.error, EBADFD);
	close_side(&s);
}

/* A device that is down takes nothing; up again, it does. */
static void a_device_that_is_down_is_survived(void **state)
{
	const struct lnl_tun_conf conf = { .name = "tun", .node = -1 };
	struct lnl_counters c = { 0 };
	struct lnl_reason why;
	struct lnl_tun tun;
	struct side s[2];
	uint8_t packet[100];

	(void)state;
	test_need_tun();
	if (!test_namespace())
		test_skip("no network namespace");
	open_pair(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM);
	assert_int_equal(lnl_tun_open(&tun, &conf, &why), 0);
	s[1].tun_given = tun.fd;
	give_tun(&s[1]);
	counters(&s[1], PEER, &c);
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s[0].tun, packet, sizeof(packet)), sizeof(packet));
	while (c.link_rx_bytes == 0)
		counters(&s[1], PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_TUN], 1);
	test_link_up(tun.name);
	assert_int_equal(write(s[0].tun, packet, sizeof(packet)), sizeof(packet));
	while (c.rx_packets == 0)
		counters(&s[1], PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_TUN], 1);
	close_side(&s[0]);
	close_side(&s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_run_from_tun_to_tun),
		cmocka_unit_test(control_packets_reach_the_control_thread),
		cmocka_unit_test(a_datagram_that_is_too_long_is_refused),
		cmocka_unit_test(pings_go_out_and_their_lack_is_told),
		cmocka_unit_test(goodbyes_are_sent_and_heard),
		cmocka_unit_test(a_peer_changes_its_link),
		cmocka_unit_test(streams_end),
		cmocka_unit_test(a_stream_that_does_not_decrypt_is_told_first),
		cmocka_unit_test(a_datagram_that_does_not_decrypt_changes_nothing),
		cmocka_unit_test(a_refused_datagram_is_told_and_survived),
		cmocka_unit_test(a_full_stream_holds_tun_back),
		cmocka_unit_test(a_full_stream_that_ends_lets_tun_go),
		cmocka_unit_test(a_full_datagram_socket_holds_tun_back),
		cmocka_unit_test(control_packets_have_room_of_their_own),
		cmocka_unit_test(what_outgrows_a_frame_is_dropped),
		cmocka_unit_test(a_deleted_link_sends_what_it_has),
		cmocka_unit_test(rings_that_overflow_lose_no_command),
		cmocka_unit_test(rings_that_overflow_keep_the_order),
		cmocka_unit_test(what_waits_is_sent_once_there_is_room),
		cmocka_unit_test(packets_that_overflow_are_counted),
		cmocka_unit_test(commands_that_cannot_be_done_are_told),
		cmocka_unit_test(a_packet_that_tun_does_not_take_is_a_drop),
		cmocka_unit_test(packets_without_a_peer_are_counted),
		cmocka_unit_test(the_end_is_told_when_asked_for),
		cmocka_unit_test(nothing_stays_open),
		cmocka_unit_test(nothing_stays_open_behind_a_stop),
		cmocka_unit_test(a_deleted_device_is_told),
		cmocka_unit_test(a_device_that_is_down_is_survived),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
