/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: rooms */
/*
 * Packets that a stranger sends to a server's UDP port, from addresses that are not its own, and
 * what comes back. It speaks raw IP and takes answers off the wire, so it wants root and a device
 * over which all its addresses (11.0.0.0/8) are reached: see bench/flood.sh.
 *
 *   flood reset ADDRESS PORT NAME=VALUE...     first packets, as a client sends them
 *   flood probe ADDRESS PORT NAME=VALUE...     one good first packet, then changed and cut ones
 *   flood cookie ADDRESS PORT NAME=VALUE...    one good first packet, then wrong cookies
 *   flood half ADDRESS PORT NAME=VALUE...      first packets, and the cookie back; then silence
 *   flood discard ADDRESS PORT                 the other end: receives and forgets, until killed
 *
 *   dev=NAME      where to send and listen (needed)
 *   wrap=none|tls-auth|tls-crypt|tls-crypt-v2, key=FILE   what the client has
 *   from=random|one|spread    a new address each; one with many ports; one in each /24
 *   rate=N        packets a second; count=N, seconds=N: how many, for how long
 *   linger=N      seconds to listen afterwards
 *
 * It says what it saw as lines of "name value".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/wrap.h"

#define HEADERS	 ((size_t)28) /* IPv4 and UDP */
#define ROOM	 (HEADERS + LNL_WRAP_PACKET_MAX + LNL_WKC_MAX)
#define BATCH	 64
#define PATTERNS 64 /* first packets that differ */
#define TIMES	 (1u << 20)
#define SEEN	 (1u << 21)
#define ME	 UINT32_C(0x0b000001)

enum from { FROM_RANDOM, FROM_ONE, FROM_SPREAD };

struct packet {
	size_t len;
	uint8_t bytes[ROOM];
};

/* Who knocked, by its number. */
struct client {
	uint8_t sid[LNL_SID_LEN], cookie[LNL_SID_LEN];
	unsigned answers;
};

static struct flood {
	struct lnl_wrap_key key;
	bool v2;
	uint8_t wkc[LNL_WKC_MAX];
	size_t wkc_len;
	int out, in;
	uint32_t to;
	uint16_t port;
	enum from from;
	double rate, seconds, linger;
	unsigned count;
	uint64_t random;
	/* what was sent and seen */
	unsigned long sent, sent_bytes, answers, answer_bytes, twice, late;
	double times[TIMES];
	uint64_t seen[SEEN]; /* address and port of who was answered */
	struct client *clients;
	double quiet_after; /* what comes later is `late` */
	void (*answered)(unsigned client, const uint8_t *data, size_t len);
} f = { .from = FROM_RANDOM, .random = 88172645463325252, .quiet_after = 1e300 };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, errno ? strerror(errno) : "failed");
	exit(1);
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw(void)
{
	f.random ^= f.random << 13;
	f.random ^= f.random >> 7;
	f.random ^= f.random << 17;
	return f.random * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

/* ---- what the engine's rooms ask for ---- */

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

static uint64_t env_wallclock(void *ctx)
{
	(void)ctx;
	return (uint64_t)time(NULL);
}

static const struct lnl_env env = {
	.alloc = env_alloc,
	.release = env_release,
	.random = lnl_crypto_random,
	.wallclock = env_wallclock,
};

/* ---- packets ---- */

static void read_key(const char *wrap, const char *path)
{
	static char text[65536];
	struct lnl_v2_client_key v2;
	struct lnl_static_key k;
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, sizeof(text), file) : 0;
	int rc;

	if (!file)
		die(path);
	fclose(file);
	f.v2 = strcmp(wrap, "tls-crypt-v2") == 0;
	rc = f.v2 ? lnl_keyfile_v2_client(&v2, text, len) : lnl_keyfile_static(&k, text, len);
	errno = 0;
	if (rc == 0 && f.v2) {
		f.wkc_len = v2.wkc_len;
		memcpy(f.wkc, v2.wkc, v2.wkc_len);
		k = v2.kc;
	}
	if (rc == 0 && strcmp(wrap, "tls-auth") == 0)
		rc = lnl_wrap_key_auth(&f.key, &env, &k, -1, LNL_DIGEST_SHA1);
	else if (rc == 0)
		rc = lnl_wrap_key_crypt(&f.key, &env, &k, false);
	if (rc < 0)
		die(path);
}

/* |c| as a client wraps it, with its own key behind it where that belongs; |id| of the wrapping. */
static void write_packet(struct packet *p, const struct lnl_control *c, uint32_t id)
{
	struct lnl_wrap w;
	int len;

	lnl_wrap_init(&w, &f.key, (f.v2 ? LNL_WRAP_EARLY_ID : 0) + id, (uint32_t)time(NULL));
	len = lnl_wrap_write(&w, c, p->bytes + HEADERS, LNL_WRAP_PACKET_MAX);
	errno = 0;
	if (len < 0)
		die("a packet");
	p->len = HEADERS + (size_t)len;
	if (c->op == LNL_OP_HARD_RESET_CLIENT_V3 || c->op == LNL_OP_CONTROL_WKC_V1) {
		memcpy(p->bytes + p->len, f.wkc, f.wkc_len);
		p->len += f.wkc_len;
	}
}

static void write_reset(struct packet *p, const uint8_t sid[LNL_SID_LEN])
{
	struct lnl_control c = { .op = f.v2 ? LNL_OP_HARD_RESET_CLIENT_V3
					    : LNL_OP_HARD_RESET_CLIENT_V2 };

	memcpy(c.sid, sid, LNL_SID_LEN);
	write_packet(p, &c, 0);
}

/* What follows the answer: the cookie back, with the first bytes of TLS where |tls|. */
static void write_return(struct packet *p, const struct client *who, const uint8_t *cookie,
			 bool tls)
{
	static const uint8_t record[] = { 22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3 };
	struct lnl_control c = { .op = LNL_OP_ACK_V1, .n_acks = 1 };

	memcpy(c.sid, who->sid, LNL_SID_LEN);
	memcpy(c.peer_sid, cookie, LNL_SID_LEN);
	if (tls || f.v2) {
		c.op = f.v2 ? LNL_OP_CONTROL_WKC_V1 : LNL_OP_CONTROL_V1;
		c.id = 1;
		c.payload = record;
		c.payload_len = tls ? sizeof(record) : 0;
	}
	write_packet(p, &c, 1);
}

/* The headers of a packet from |from|; UDP's sum may be zero, IP's is the kernel's. */
static void address(struct packet *p, uint32_t from, uint16_t port)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	struct udphdr udp = { .source = htons(port), .dest = htons(f.port) };

	ip.tot_len = htons((uint16_t)p->len);
	ip.saddr = htonl(from);
	ip.daddr = htonl(f.to);
	udp.len = htons((uint16_t)(p->len - sizeof(ip)));
	memcpy(p->bytes, &ip, sizeof(ip));
	memcpy(p->bytes + sizeof(ip), &udp, sizeof(udp));
}

static void address_of(struct packet *p, unsigned client)
{
	if (f.from == FROM_ONE)
		address(p, ME, (uint16_t)(1024 + client));
	else
		address(p, ME + (client << 8), 20000);
}

static void send_all(struct packet *p, unsigned n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(f.to) };
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++) {
		iovs[i] = (struct iovec){ p[i].bytes, p[i].len };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iovs[i],
							 .msg_iovlen = 1,
							 .msg_name = &to,
							 .msg_namelen = sizeof(to) } };
		f.sent_bytes += p[i].len - HEADERS;
	}
	while (done < n) {
		int rc = sendmmsg(f.out, msgs + done, n - done, 0);

		if (rc > 0)
			done += (unsigned)rc;
		else if (errno != ENOBUFS && errno != EAGAIN)
			die("send");
	}
	f.sent += n;
}

/* ---- answers ---- */

static void open_sockets(const char *dev)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int one = 1, size = 8 << 20;

	ll.sll_ifindex = (int)if_nametoindex(dev);
	if (ll.sll_ifindex == 0)
		die(dev);
	f.out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	f.in = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_IP));
	if (f.out < 0 || f.in < 0)
		die("socket");
	setsockopt(f.out, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(f.in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (setsockopt(f.in, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    bind(f.in, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		die("bind");
}

/* Whether |who| was answered before. */
static bool again(uint64_t who)
{
	uint64_t at = (who * UINT64_C(0x9e3779b97f4a7c15)) >> 32;

	while (f.seen[at % SEEN] != 0) {
		if (f.seen[at % SEEN] == who)
			return true;
		at++;
	}
	f.seen[at % SEEN] = who;
	return false;
}

static void take(const uint8_t *p, size_t len)
{
	struct iphdr ip;
	struct udphdr udp;
	uint32_t to;

	if (len < HEADERS)
		return;
	memcpy(&ip, p, sizeof(ip));
	memcpy(&udp, p + sizeof(ip), sizeof(udp));
	if (ip.protocol != IPPROTO_UDP || ip.saddr != htonl(f.to) || udp.source != htons(f.port))
		return;
	if (f.answers < SEEN / 2) {
		to = ntohl(ip.daddr);
		f.twice += again((uint64_t)to << 16 | ntohs(udp.dest));
		if (f.answered)
			f.answered(f.from == FROM_ONE ? ntohs(udp.dest) - 1024u : (to - ME) >> 8,
				   p + HEADERS, len - HEADERS);
	}
	if (f.answers < TIMES)
		f.times[f.answers] = seconds_now();
	f.late += seconds_now() > f.quiet_after;
	f.answers++;
	f.answer_bytes += ntohs(udp.len) - sizeof(udp);
}

static void listen_now(void)
{
	uint8_t p[2048];
	ssize_t n;

	while ((n = recv(f.in, p, sizeof(p), 0)) > 0)
		take(p, (size_t)n);
}

static void pass(double seconds)
{
	double end = seconds_now() + seconds;

	for (;;) {
		listen_now();
		if (seconds_now() >= end)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

/* The most answers in any |span| seconds. */
static unsigned most_in(double span)
{
	unsigned most = 0, first = 0, n = f.answers < TIMES ? (unsigned)f.answers : TIMES;

	for (unsigned i = 0; i < n; i++) {
		while (f.times[i] - f.times[first] >= span)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	return most;
}

static void report(void)
{
	printf("sent %lu\nsent_bytes %lu\nanswers %lu\nanswer_bytes %lu\n", f.sent, f.sent_bytes,
	       f.answers, f.answer_bytes);
	printf("most_in_1s %u\nmost_in_10s %u\ntwice %lu\n", most_in(1), most_in(10), f.twice);
}

/* Sends |n| packets at f.rate, 64 at a time at most; |make| makes number i. */
static void pace(unsigned long n, void (*make)(struct packet *p, unsigned long i))
{
	static struct packet batch[BATCH];
	double start = seconds_now();
	unsigned long done = 0;

	while (done < n) {
		unsigned long due = (unsigned long)((seconds_now() - start) * f.rate) + 1;
		unsigned k = 0;

		while (done < n && done < due && k < BATCH)
			make(&batch[k++], done++);
		send_all(batch, k);
		listen_now();
		if (done >= due)
			nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	}
	printf("took %.2f\n", seconds_now() - start);
}

/* ---- first packets ---- */

static struct packet patterns[PATTERNS];

static void make_reset(struct packet *p, unsigned long i)
{
	const struct packet *like = &patterns[i % PATTERNS];

	p->len = like->len;
	memcpy(p->bytes, like->bytes, like->len);
	if (f.from == FROM_RANDOM) {
		address(p, UINT32_C(0x0b000000) | ((uint32_t)draw() & 0xffffff),
			(uint16_t)(1024 + draw() % 60000));
	} else {
		address_of(p, (unsigned)(i % 60000));
	}
}

static void run_reset(void)
{
	uint8_t sid[LNL_SID_LEN];

	for (unsigned i = 0; i < PATTERNS; i++) {
		for (unsigned k = 0; k < sizeof(sid); k++)
			sid[k] = (uint8_t)(draw() | 1);
		write_reset(&patterns[i], sid);
	}
	pace(f.count ? f.count : (unsigned long)(f.rate * f.seconds), make_reset);
	f.quiet_after = seconds_now() + 0.5;
	pass(f.linger);
	report();
	printf("late %lu\n", f.late);
}

/* ---- changed ones ---- */

static void run_probe(void)
{
	static const uint8_t sid[LNL_SID_LEN] = "\1prober";
	struct packet good, p;
	unsigned long before;
	size_t len;

	f.from = FROM_SPREAD;
	write_reset(&good, sid);
	address_of(&good, 0);
	send_all(&good, 1);
	pass(0.3);
	len = good.len - HEADERS;
	printf("request %zu\nreply %lu\nreplies %lu\n", len, f.answer_bytes, f.answers);
	before = f.answers;
	f.sent = 0;
	for (unsigned i = 1; i < 2 * len; i++) {
		size_t at = i < len ? i : i - len;

		p = good;
		/* Without a wrapping another session id makes another good packet. */
		if (i >= len)
			p.bytes[HEADERS + at] ^= (uint8_t)(1 + draw() % 255);
		else
			p.len = HEADERS + i;
		if (f.key.mode == LNL_WRAP_NONE && i >= len && at >= 1 && at <= LNL_SID_LEN)
			continue;
		address_of(&p, i);
		send_all(&p, 1);
		pass(0.001);
	}
	pass(0.5);
	printf("changed %lu\nchanged_answers %lu\n", f.sent, f.answers - before);
}

/* ---- who comes back ---- */

static void remember(unsigned client, const uint8_t *data, size_t len)
{
	uint8_t scratch[LNL_WRAP_PACKET_MAX];
	struct lnl_control c;
	struct lnl_wrap w;

	if (client >= f.count || len > sizeof(scratch))
		return;
	lnl_wrap_init(&w, &f.key, 0, 0);
	if (lnl_wrap_read(&w, &c, data, len, scratch, sizeof(scratch)) != LNL_DROP_NONE)
		return;
	if (c.op == LNL_OP_HARD_RESET_SERVER_V2 && f.clients[client].answers++ == 0)
		memcpy(f.clients[client].cookie, c.sid, LNL_SID_LEN);
}

static void make_clients(unsigned n)
{
	f.count = n;
	f.clients = calloc(n, sizeof(*f.clients));
	if (!f.clients)
		die("memory");
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < LNL_SID_LEN; k++)
			f.clients[i].sid[k] = (uint8_t)(draw() | 1);
	f.answered = remember;
}

static void make_knock(struct packet *p, unsigned long i)
{
	write_reset(p, f.clients[i].sid);
	address_of(p, (unsigned)i);
}

static void make_return(struct packet *p, unsigned long i)
{
	write_return(p, &f.clients[i], f.clients[i].cookie, false);
	/* Who has no cookie says something that nobody hears. */
	if (f.clients[i].answers == 0)
		p->len = HEADERS + 1;
	address_of(p, (unsigned)i);
}

static void run_half(void)
{
	unsigned held = 0;

	make_clients(f.count ? f.count : 100);
	pace(f.count, make_knock);
	pass(0.3);
	for (unsigned i = 0; i < f.count; i++)
		held += f.clients[i].answers > 0;
	f.answers = f.answer_bytes = 0;
	pace(f.count, make_return);
	pass(0.3);
	printf("answered %u\nready\n", held);
	fflush(stdout);
	pass(f.linger);
	printf("silent_answers %lu\nsilent_bytes %lu\n", f.answers, f.answer_bytes);
}

static void make_wrong(struct packet *p, unsigned long i)
{
	uint64_t cookie = draw() ^ draw() << 32;

	(void)i;
	write_return(p, &f.clients[0], (const uint8_t *)&cookie, true);
	address_of(p, 0);
}

static void run_cookie(void)
{
	unsigned long n = f.count ? f.count : 1000000;
	struct packet p;

	f.from = FROM_SPREAD;
	make_clients(1);
	make_knock(&p, 0);
	send_all(&p, 1);
	pass(0.3);
	if (f.clients[0].answers == 0)
		die("no answer to the first packet");
	f.answers = 0;
	pace(n, make_wrong);
	pass(0.5);
	printf("wrong %lu\nwrong_answers %lu\n", n, f.answers);
	f.answers = 0;
	write_return(&p, &f.clients[0], f.clients[0].cookie, true);
	address_of(&p, 0);
	send_all(&p, 1);
	pass(1.5);
	printf("right_answers %lu\n", f.answers);
}

/* ---- the other end ---- */

static int discard(void)
{
	static uint8_t room[BATCH][2048];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(f.port),
				  .sin_addr.s_addr = htonl(f.to) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 2 << 20;
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("discard");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	puts("ready");
	fflush(stdout);
	for (;;) {
		for (unsigned i = 0; i < BATCH; i++) {
			iovs[i] = (struct iovec){ room[i], sizeof(room[i]) };
			msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iovs[i],
								 .msg_iovlen = 1 } };
		}
		if (recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL) < 0 && errno != EINTR)
			die("receive");
	}
}

/* ---- arguments ---- */

static const char *value_of(int argc, char **argv, const char *name, const char *otherwise)
{
	size_t len = strlen(name);

	for (int i = 4; i < argc; i++)
		if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
			return argv[i] + len + 1;
	return otherwise;
}

/* A number from |least| on, or the end: rate=0 would never send a packet. */
static double number_of(int argc, char **argv, const char *name, const char *otherwise,
			double least)
{
	const char *text = value_of(argc, argv, name, otherwise);
	char *end;
	double n = strtod(text, &end);

	if (*end != '\0' || end == text || !(n >= least) || n > 1e9) {
		fprintf(stderr, "flood: %s=%s: a number from %g on is wanted\n", name, text, least);
		exit(2);
	}
	return n;
}

/* What is not known would be passed over in silence. */
static void check_words(int argc, char **argv)
{
	static const char *const known[] = { "from",   "wrap",	"rate", "seconds",
					     "linger", "count", "key",	"dev" };

	for (int i = 4; i < argc; i++) {
		bool found = false;

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
			size_t len = strlen(known[k]);

			found = found ||
				(strncmp(argv[i], known[k], len) == 0 && argv[i][len] == '=');
		}
		if (!found) {
			fprintf(stderr, "flood: there is no '%s'\n", argv[i]);
			exit(2);
		}
	}
}

static void read_settings(int argc, char **argv)
{
	const char *from = value_of(argc, argv, "from", "random"),
		   *wrap = value_of(argc, argv, "wrap", "none");

	check_words(argc, argv);
	if (strcmp(from, "one") != 0 && strcmp(from, "spread") != 0 &&
	    strcmp(from, "random") != 0) {
		fprintf(stderr, "flood: from=%s: one, spread or random is wanted\n", from);
		exit(2);
	}
	f.from = strcmp(from, "one") == 0      ? FROM_ONE
		 : strcmp(from, "spread") == 0 ? FROM_SPREAD
					       : FROM_RANDOM;
	f.rate = number_of(argc, argv, "rate", "1000", 1);
	f.seconds = number_of(argc, argv, "seconds", "1", 0);
	f.linger = number_of(argc, argv, "linger", "0.5", 0);
	f.count = (unsigned)number_of(argc, argv, "count", "0", 0);
	lnl_wrap_key_none(&f.key);
	if (strcmp(wrap, "none") != 0)
		read_key(wrap, value_of(argc, argv, "key", ""));
	open_sockets(value_of(argc, argv, "dev", ""));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} what[] = { { "reset", run_reset },
		     { "probe", run_probe },
		     { "cookie", run_cookie },
		     { "half", run_half } };
	struct in_addr to;

	if (argc >= 4 && inet_pton(AF_INET, argv[2], &to) == 1) {
		f.to = ntohl(to.s_addr);
		f.port = (uint16_t)atoi(argv[3]);
		if (strcmp(argv[1], "discard") == 0)
			return discard();
		for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
			if (strcmp(argv[1], what[i].name) != 0)
				continue;
			if (lnl_crypto_init(NULL) != 0)
				die("crypto");
			read_settings(argc, argv);
			what[i].run();
			return 0;
		}
	}
	fprintf(stderr,
		"usage: flood reset|probe|cookie|half|discard ADDRESS PORT [NAME=VALUE...]\n");
	return 2;
}
