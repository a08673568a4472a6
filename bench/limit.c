/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bare forwarder: what this machine allows a tunnel in one thread. TUN with offload, one socket
 * with offload, one key each way by wolfSSL itself, OpenVPN's sizes on the wire, and nothing of a VPN
 * else: no protocol, no peers, no replay window. bench/tunnel.sh measures it beside the engine.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/engine_raw.h"
#include "bench/limit.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef TUN_F_USO4 /* Debian 12's headers */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define AD_LEN	     8 /* opcode, peer-id, packet id */
#define TAG_LEN	     16
#define HEADER	     (AD_LEN + TAG_LEN)
#define DATA_V2	     0x48000000u
#define FRAME	     2	   /* the length in front, over TCP */
#define GSO_SEGMENTS 64	   /* that any kernel takes */
#define GSO_BYTES    65507 /* the payload of the largest datagram of IPv4 */
#define OUT_ROOM     (1u << 20)
#define OUT_ENOUGH   (128u << 10) /* a write over TCP */
#define IN_ROOM	     (256u << 10)
#define BURST	     32 /* calls in one direction before the other has its turn */
#define SOCKET_ROOM  (4 << 20)

struct settings {
	const char *tun;
	struct sockaddr_in local;
	struct sockaddr_in remote;
	enum lnl_cipher cipher;
	bool tcp, udp;
	bool listen;
	bool single;
};

struct limit {
	int tun;
	int net;
	bool tcp;
	bool uso;
	bool single; /* nothing is put together */
	struct raw *seal;
	struct raw *open;
	uint32_t id;
	/* Out: datagrams of one size behind each other, the last may be shorter; or frames. */
	size_t out_len;
	size_t out_sent; /* over TCP */
	size_t segment;
	unsigned n_segments;
	bool short_one;
	/* In, over TCP: what has been read and not been taken. */
	size_t in_len;
	bool told;
	struct limit_join join;
	uint8_t super[LIMIT_VNET + LIMIT_PACKET_MAX];
	uint8_t out[OUT_ROOM];
	uint8_t in[IN_ROOM];
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "limit: %s\n", what);
	exit(1);
}

/* ---- TUN ---- */

static void open_tun(struct limit *l, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	unsigned offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	if (strlen(name) >= IFNAMSIZ)
		give_up("the name of the device is too long");
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	l->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (l->tun < 0)
		die("/dev/net/tun");
	if (ioctl(l->tun, TUNSETIFF, &ifr) < 0)
		die(name);
	/* The kernel wants both or none. */
	l->uso = ioctl(l->tun, TUNSETOFFLOAD, offload | TUN_F_USO4 | TUN_F_USO6) == 0;
	if (!l->uso && ioctl(l->tun, TUNSETOFFLOAD, offload) < 0)
		die("TUN takes no offload");
}

static void write_tun(struct limit *l, const uint8_t *packet, size_t len)
{
	/* Down (EIO) or out of memory: lost, as a network loses. */
	if (write(l->tun, packet, len) < 0 && errno == EINVAL)
		die("TUN refuses a packet");
}

static void write_group(struct limit *l)
{
	if (l->join.len > 0) {
		size_t len = limit_join_end(&l->join);
		write_tun(l, l->join.buffer, len);
	}
}

/* ---- out ---- */

static void send_datagrams(struct limit *l)
{
	char control[CMSG_SPACE(sizeof(uint16_t))] = { 0 };
	struct iovec iov = { .iov_base = l->out, .iov_len = l->out_len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct pollfd fd = { .fd = l->net, .events = POLLOUT };
	uint16_t size = (uint16_t)l->segment;

	if (l->n_segments > 1) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
	}
	while (sendmsg(l->net, &msg, 0) < 0) {
		if (errno == EINVAL || errno == EMSGSIZE) {
			fprintf(stderr, "limit: %u datagrams of %zu bytes in one call\n",
				l->n_segments, l->segment);
			die("sendmsg");
		}
		if (errno != EAGAIN)
			break; /* lost: no memory, or nobody there yet */
		poll(&fd, 1, -1);
	}
}

static void write_stream(struct limit *l)
{
	ssize_t n = send(l->net, l->out + l->out_sent, l->out_len - l->out_sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		die("send");
	if (n > 0)
		l->out_sent += (size_t)n;
}

static void flush(struct limit *l)
{
	if (l->out_len == 0)
		return;
	if (l->tcp) {
		write_stream(l);
		if (l->out_sent < l->out_len)
			return;
	} else {
		send_datagrams(l);
	}
	l->out_len = l->out_sent = 0;
	l->n_segments = 0;
	l->short_one = false;
}

/* Where the next datagram of |len| bytes goes. */
static uint8_t *out_place(struct limit *l, size_t len)
{
	if (l->tcp) {
		if (l->out_len + FRAME + len > OUT_ROOM)
			give_up("a packet in segments this small is more than there is room for");
		uint8_t *p = l->out + l->out_len;
		p[0] = (uint8_t)(len >> 8);
		p[1] = (uint8_t)len;
		l->out_len += FRAME + len;
		return p + FRAME;
	}
	if (l->n_segments == GSO_SEGMENTS || l->out_len + len > GSO_BYTES || l->short_one ||
	    (l->n_segments > 0 && len > l->segment))
		flush(l);
	if (l->n_segments == 0)
		l->segment = len;
	l->short_one = len < l->segment;
	l->n_segments++;
	l->out_len += len;
	return l->out + l->out_len - len;
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, sizeof(v));
}

static void send_packet(struct limit *l, const uint8_t *read, size_t len)
{
	struct virtio_net_hdr vnet;
	struct limit_split split;

	memcpy(&vnet, read, LIMIT_VNET);
	if (!limit_split_begin(&split, &vnet, read + LIMIT_VNET, len - LIMIT_VNET))
		give_up("the kernel gave a packet that this program does not understand");
	for (size_t n; (n = limit_split_len(&split)) > 0;) {
		uint8_t *p = out_place(l, HEADER + n);
		struct raw_packet one = {
			.ad = p, .tag = p + AD_LEN, .text = p + HEADER, .len = (uint32_t)n
		};
		limit_split_take(&split, p + HEADER);
		put32(p, DATA_V2);
		put32(p + 4, ++l->id);
		if (!raw_seal(l->seal, &one, 1, l->id))
			give_up("wolfSSL cannot seal");
	}
}

static void from_tun(struct limit *l)
{
	for (unsigned i = 0; i < BURST && (!l->tcp || l->out_len < OUT_ENOUGH); i++) {
		ssize_t n = read(l->tun, l->super, sizeof(l->super));
		if (n < 0 && errno != EAGAIN && errno != EBADFD)
			die("read from TUN");
		if (n <= (ssize_t)LIMIT_VNET)
			break;
		send_packet(l, l->super, (size_t)n);
	}
	flush(l);
}

/* ---- in ---- */

static bool join(struct limit *l, const uint8_t *packet, size_t len)
{
	return !l->single && limit_join_add(&l->join, packet, len, l->uso);
}

/* One datagram; what is in front of |p| is of no use to anybody any more. */
static void take(struct limit *l, uint8_t *p, size_t len)
{
	uint32_t id;

	if (len <= HEADER)
		return;
	struct raw_packet one = {
		.ad = p, .tag = p + AD_LEN, .text = p + HEADER, .len = (uint32_t)(len - HEADER)
	};
	memcpy(&id, p + 4, sizeof(id));
	if (!raw_open(l->open, &one, 1, ntohl(id))) {
		if (!l->told)
			fputs("limit: a datagram does not open: has the other end that cipher?\n",
			      stderr);
		l->told = true;
		return;
	}
	if (join(l, one.text, one.len))
		return;
	write_group(l);
	if (join(l, one.text, one.len))
		return;
	memset(one.text - LIMIT_VNET, 0, LIMIT_VNET);
	write_tun(l, one.text - LIMIT_VNET, LIMIT_VNET + one.len);
}

/* How large each datagram in what was read is. */
static size_t gro_size(struct msghdr *msg, size_t whole)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		int size;
		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		if (size > 0)
			return (size_t)size;
	}
	return whole;
}

static bool receive_datagrams(struct limit *l)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = l->in, .iov_len = IN_ROOM };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(l->net, &msg, 0);

	if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED)
		die("recvmsg");
	if (n <= 0)
		return false;
	size_t size = gro_size(&msg, (size_t)n);
	for (size_t at = 0, len = (size_t)n; at < len; at += size)
		take(l, l->in + at, len - at < size ? len - at : size);
	return true;
}

static bool receive_stream(struct limit *l)
{
	ssize_t n = recv(l->net, l->in + l->in_len, IN_ROOM - l->in_len, 0);
	size_t at = 0;

	if (n == 0) {
		fputs("limit: the other end has gone\n", stderr);
		exit(0);
	}
	if (n < 0) {
		if (errno != EAGAIN)
			die("recv");
		return false;
	}
	l->in_len += (size_t)n;
	while (l->in_len - at >= FRAME) {
		size_t len = (size_t)(l->in[at] << 8 | l->in[at + 1]);
		if (l->in_len - at - FRAME < len)
			break;
		take(l, l->in + at + FRAME, len);
		at += FRAME + len;
	}
	l->in_len -= at;
	memmove(l->in, l->in + at, l->in_len);
	return true;
}

static void from_net(struct limit *l)
{
	for (unsigned i = 0; i < BURST; i++)
		if (!(l->tcp ? receive_stream(l) : receive_datagrams(l)))
			break;
	write_group(l);
}

static _Noreturn void forward(struct limit *l)
{
	struct pollfd fds[] = { { .fd = l->tun }, { .fd = l->net } };

	for (;;) {
		/* Only over TCP does something stay, and then TUN waits. */
		bool waits = l->out_len > 0;
		fds[0].events = waits ? 0 : POLLIN;
		fds[1].events = waits ? POLLIN | POLLOUT : POLLIN;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			die("poll");
		if (fds[1].revents & POLLOUT)
			flush(l);
		if (fds[1].revents & ~POLLOUT)
			from_net(l);
		if (fds[0].revents & POLLIN)
			from_tun(l);
	}
}

/* ---- the socket ---- */

static void more_room(int fd, int option, int forced)
{
	int room = SOCKET_ROOM;

	if (setsockopt(fd, SOL_SOCKET, forced, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, option, &room, sizeof(room));
}

static int new_socket(const struct settings *s, int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (const struct sockaddr *)&s->local, sizeof(s->local)) < 0)
		die("bind");
	return fd;
}

static int connect_udp(const struct settings *s)
{
	int fd = new_socket(s, SOCK_DGRAM), one = 1;

	more_room(fd, SO_RCVBUF, SO_RCVBUFFORCE);
	more_room(fd, SO_SNDBUF, SO_SNDBUFFORCE);
	if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one)) < 0)
		die("UDP_GRO");
	if (connect(fd, (const struct sockaddr *)&s->remote, sizeof(s->remote)) < 0)
		die("connect");
	return fd;
}

static int connect_tcp(const struct settings *s)
{
	int fd = new_socket(s, SOCK_STREAM), one = 1;

	if (s->listen) {
		if (listen(fd, 1) < 0)
			die("listen");
		puts("limit: listening");
		int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (accepted < 0)
			die("accept");
		close(fd);
		fd = accepted;
	} else if (connect(fd, (const struct sockaddr *)&s->remote, sizeof(s->remote)) < 0) {
		die("connect");
	}
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		die("TCP_NODELAY");
	return fd;
}

static void open_net(struct limit *l, const struct settings *s)
{
	l->tcp = s->tcp;
	l->net = s->tcp ? connect_tcp(s) : connect_udp(s);
	if (fcntl(l->net, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
}

/* ---- keys ---- */

/* A pattern: whoever wants secrets has the wrong program. The ends differ in their nonces. */
static void set_keys(struct limit *l, const struct settings *s)
{
	uint8_t key[32], lower[8], higher[8];
	bool low = memcmp(&s->local.sin_addr, &s->remote.sin_addr, 4) < 0;

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 7 + 1);
	memset(lower, 0x11, sizeof(lower));
	memset(higher, 0x22, sizeof(higher));
	if (lnl_crypto_init(NULL) != 0)
		give_up("cannot start wolfSSL");
	l->seal = raw_new(s->cipher, key, low ? lower : higher);
	l->open = raw_new(s->cipher, key, low ? higher : lower);
	if (l->seal == NULL || l->open == NULL)
		give_up("wolfSSL lacks that cipher");
}

/* ---- arguments ---- */

static void help(void)
{
	puts("limit --tun NAME --udp|--tcp --local ADDR:PORT --remote ADDR:PORT [OPTION...]\n"
	     "The bare forwarder, the yardstick of ./run bench tunnel: a TUN device and one socket with\n"
	     "all the offload that the kernel has, and AES-GCM by wolfSSL between them, in one thread.\n"
	     "It has no protocol, no peers and no secrets (its keys are a fixed pattern): measure with\n"
	     "it, carry nothing of yours. Addresses are IPv4, and the ends' differ; who starts it sets\n"
	     "up the device. It says \"ready\" when it forwards.\n"
	     "  --tun NAME          the device, which it makes\n"
	     "  --udp               over UDP, from --local to --remote\n"
	     "  --tcp               over a TCP connection from --local to --remote\n"
	     "  --local ADDR:PORT   ours\n"
	     "  --remote ADDR:PORT  the other end's\n"
	     "  --listen            with --tcp: wait at --local for one connection\n"
	     "  --single            write each packet by itself, for the kernel to check its checksum\n"
	     "  --cipher NAME       AES-256-GCM (the default) or another that is AEAD\n"
	     "  --help              this text");
}

static _Noreturn void wrong(const char *what, const char *why)
{
	fprintf(stderr, "limit: %s %s, see --help\n", what, why);
	exit(2);
}

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	char *end;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		wrong(text, "is not ADDR:PORT");
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	unsigned long port = strtoul(colon + 1, &end, 10);
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1 || end == colon + 1 || *end != '\0' ||
	    port < 1 || port > 65535)
		wrong(text, "is not ADDR:PORT");
	a.sin_port = htons((uint16_t)port);
	return a;
}

static void check(const struct settings *s)
{
	if (s->tun == NULL)
		wrong("--tun", "is missing");
	if (s->udp == s->tcp)
		wrong("--udp or --tcp", "is needed, and not both");
	if (s->listen && !s->tcp)
		wrong("--listen", "is for --tcp");
	if (s->local.sin_port == 0 || s->remote.sin_port == 0)
		wrong("--local and --remote", "are needed");
	if (s->local.sin_addr.s_addr == s->remote.sin_addr.s_addr)
		wrong("--local and --remote", "need addresses that differ");
}

static struct settings parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tun", required_argument, NULL, 'd' },
		{ "udp", no_argument, NULL, 'u' },
		{ "tcp", no_argument, NULL, 't' },
		{ "local", required_argument, NULL, 'l' },
		{ "remote", required_argument, NULL, 'r' },
		{ "listen", no_argument, NULL, 'w' },
		{ "single", no_argument, NULL, 's' },
		{ "cipher", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct settings s = { .cipher = LNL_CIPHER_AES_256_GCM };

	for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (o) {
		case 'd':
			s.tun = optarg;
			break;
		case 'u':
			s.udp = true;
			break;
		case 't':
			s.tcp = true;
			break;
		case 'l':
			s.local = address(optarg);
			break;
		case 'r':
			s.remote = address(optarg);
			break;
		case 'w':
			s.listen = true;
			break;
		case 's':
			s.single = true;
			break;
		case 'c':
			if (lnl_cipher_find(optarg, &s.cipher) != 0 ||
			    !lnl_cipher_is_aead(s.cipher))
				wrong(optarg, "is no AEAD cipher");
			break;
		case 'h':
			help();
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind != argc)
		wrong(argv[optind], "is unexpected");
	check(&s);
	return s;
}

int main(int argc, char **argv)
{
	static struct limit l;
	struct settings s = parse(argc, argv);

	setvbuf(stdout, NULL, _IOLBF, 0);
	l.single = s.single;
	set_keys(&l, &s);
	open_tun(&l, s.tun);
	open_net(&l, &s);
	printf("limit: ready, %s over %s, %s\n", lnl_cipher_name(s.cipher), s.tcp ? "TCP" : "UDP",
	       l.uso ? "TSO and USO" : "TSO");
	forward(&l);
}
