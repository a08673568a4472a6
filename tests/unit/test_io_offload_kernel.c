/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Segmentation offload against the kernel of this machine: what lnl_coalesce makes is taken, and
 * what the kernel gives is what lnl_split expects. The test is the other host, 10.8.0.1 or
 * fd00::1, behind a TUN of its own namespace; the kernel's sockets are at .2.
 */
#include "test_io_namespace.h"

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

#include "unit/test_data_groups.h"

/* As in linux/if_tun.h and linux/udp.h, which Debian 12's headers have not all of. */
#define OFFLOAD_CSUM  0x01
#define OFFLOAD_TSO4  0x02
#define OFFLOAD_TSO6  0x04
#define OFFLOAD_USO4  0x20
#define OFFLOAD_USO6  0x40
#define OFFLOAD_TCP   (OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6)
#define OFFLOAD_UDP   (OFFLOAD_TCP | OFFLOAD_USO4 | OFFLOAD_USO6)
#define OPTION_UDP    17  /* SOL_UDP */
#define SEGMENT_UDP   103 /* UDP_SEGMENT */
#define OUR_PORT      5555
#define WAIT_MAX_MS   10000
#define SERVICE_TCP   443 /* as build_packet says */
#define SERVICE_UDP   53
#define SEGMENT_BYTES 1000

static struct batch batch;
static int tun;
static uint8_t packet[SUPER_MAX + sizeof(struct lnl_vnet)], out[SUPER_MAX];

static const uint8_t ours6[16] = { 0xfd, [15] = 1 }, kernels6[16] = { 0xfd, [15] = 2 };

/* ---- the device ---- */

static void set_address4(const char *name)
{
	struct ifreq ifr = { 0 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	sin.sin_addr.s_addr = htonl(0x0a080002);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &ifr), 0);
	sin.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &ifr), 0);
	close(fd);
}

/* False where the kernel has no IPv6. */
static bool set_address6(const char *name)
{
	struct {
		uint8_t address[16];
		uint32_t bits;
		int index;
	} request = { .bits = 64, .index = (int)if_nametoindex(name) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	memcpy(request.address, kernels6, 16);
	int rc = ioctl(fd, SIOCSIFADDR, &request);
	close(fd);
	return rc == 0;
}

/* A TUN with |offload|: NULL, or what the kernel has not got. */
static const char *open_tun(unsigned long offload, bool ipv4)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	const char *lacks = NULL;
	int size = sizeof(struct lnl_vnet);

	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(tun >= 0);
	assert_int_equal(ioctl(tun, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(tun, TUNSETVNETHDRSZ, &size), 0);
	if (ioctl(tun, TUNSETOFFLOAD, offload) != 0)
		lacks = "this kernel's TUN does not take UDP super-packets (Linux 6.2 does)";
	set_address4(ifr.ifr_name);
	test_link_up(ifr.ifr_name);
	if (!ipv4 && !set_address6(ifr.ifr_name))
		lacks = "this kernel has no IPv6";
	if (lacks != NULL)
		close(tun);
	return lacks;
}

#define need_tun(offload, ipv4)                                                                    \
	do {                                                                                       \
		test_need_tun();                                                                   \
		if (!test_namespace())                                                             \
			test_skip("no network namespace");                                         \
		const char *lacks_ = open_tun(offload, ipv4);                                      \
		if (lacks_ != NULL)                                                                \
			test_skip_optional(lacks_);                                                \
	} while (0)

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, WAIT_MAX_MS) != 1)
		fail_msg("nothing came within %d ms", WAIT_MAX_MS);
}

/* The next packet of |s|'s kind to our port, past what else the kernel says on a new device. */
static uint32_t read_packet(const struct shape *s, struct lnl_vnet *vnet)
{
	for (;;) {
		wait_for(tun);
		ssize_t n = read(tun, packet, sizeof(packet));
		assert_true(n > (ssize_t)sizeof(*vnet));
		const uint8_t *p = packet + sizeof(*vnet);
		memcpy(vnet, packet, sizeof(*vnet));
		if (p[0] >> 4 == (s->ipv4 ? 4 : 6) && p[s->ipv4 ? 9 : 6] == (s->tcp ? TCP : UDP) &&
		    get16(p + shape_l4(s) + 2) == OUR_PORT)
			return (uint32_t)n - (uint32_t)sizeof(*vnet);
	}
}

/* ---- packets ---- */

/* build_packet, from us to the kernel. */
static uint32_t build(const struct shape *s, uint8_t *p, uint32_t ack)
{
	struct lnl_vnet vnet;
	uint32_t len = build_packet(s, p, &vnet);

	if (!s->ipv4) {
		memcpy(p + 8, ours6, 16);
		memcpy(p + 24, kernels6, 16);
	}
	if (s->tcp)
		put32(p + shape_l4(s) + 8, ack);
	if (s->tcp && (s->flags & SYN) != 0) /* an MSS of 1,400, and windows of 64 KiB */
		memcpy(p + shape_l4(s) + 20, "\2\4\5\170\1\3\3\7", 8);
	naive_finish(s, p, len);
	return len;
}

static void add(struct shape *s, uint32_t ack)
{
	uint32_t len = build(s, out, ack);

	assert_true(batch_add(&batch, out, len));
	s->seq += s->payload;
	s->id++;
}

static void write_alone(const struct shape *s, uint32_t ack)
{
	struct lnl_vnet none = { 0 };
	struct iovec iov[2] = { { &none, sizeof(none) }, { out, build(s, out, ack) } };

	assert_int_equal(writev(tun, iov, 2), sizeof(none) + iov[1].iov_len);
}

/* All groups, as io will write them. */
static void write_groups(void)
{
	for (unsigned k = 0; k < batch.c.n; k++) {
		struct lnl_group *g = &batch.c.groups[k];
		struct iovec iov[1 + LNL_COALESCE_MAX] = { { &g->vnet, sizeof(g->vnet) } };
		int n = 1;

		for (unsigned i = g->first; i != LNL_COALESCE_NONE; i = batch.c.next[i]) {
			uint32_t skip = i == g->first ? 0 : g->headers;
			iov[n].iov_base = batch.pkts[i].p + skip;
			iov[n++].iov_len = batch.pkts[i].len - skip;
		}
		assert_int_equal(writev(tun, iov, n), sizeof(g->vnet) + g->len);
	}
}

static void assert_checksums(const struct shape *s, const uint8_t *p, uint32_t len)
{
	unsigned l4 = shape_l4(s);

	if (s->ipv4) {
		assert_int_equal(get16(p + 2), len);
		assert_int_equal(naive_sum(0, p, 20), 0xffff);
	} else {
		assert_int_equal(get16(p + 4), len - 40);
	}
	if (!s->tcp)
		assert_int_equal(get16(p + l4 + 4), len - l4);
	assert_int_equal(naive_sum(naive_pseudo(s, p, len - l4), p + l4, len - l4), 0xffff);
}

static int kernel_socket(const struct shape *s, unsigned port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int type = (s->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
	int fd = socket(s->ipv4 ? AF_INET : AF_INET6, type, 0);

	assert_true(fd >= 0);
	sin.sin_addr.s_addr = htonl(0x0a080002);
	memcpy(&sin6.sin6_addr, kernels6, 16);
	if (s->ipv4) {
		assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
		return fd;
	}
	/* A new IPv6 address is not there until a thread of the kernel's has been at it. */
	for (int tries = 0; bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)) != 0; tries++) {
		assert_int_equal(errno, EADDRNOTAVAIL);
		assert_true(tries < WAIT_MAX_MS);
		poll(NULL, 0, 1);
	}
	return fd;
}

static void connect_to_us(int fd, const struct shape *s)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(OUR_PORT) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(OUR_PORT) };

	sin.sin_addr.s_addr = htonl(0x0a080001);
	memcpy(&sin6.sin6_addr, ours6, 16);
	if (s->ipv4)
		assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	else
		assert_int_equal(connect(fd, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
}

/* ---- UDP ---- */

/* A group arrives at a socket as the datagrams that it was made of. */
static void udp_group(bool ipv4)
{
	struct shape s = { .ipv4 = ipv4, .port = OUR_PORT, .payload = SEGMENT_BYTES, .seed = 5 };
	int fd = kernel_socket(&s, SERVICE_UDP);
	uint8_t got[2000];

	batch_init(&batch, LNL_COALESCE_UDP, 0);
	for (unsigned i = 0; i < 20; i++) {
		s.seed = i;
		s.payload = i == 19 ? 77 : SEGMENT_BYTES;
		if (!s.ipv4)
			s.seed = 5;
		add(&s, 0);
	}
	batch_run(&batch);
	assert_int_equal(batch.c.n, 1);
	assert_int_equal(batch.c.groups[0].n, 20);
	write_groups();
	for (unsigned i = 0; i < 20; i++) {
		wait_for(fd);
		ssize_t n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
		assert_int_equal(n, i == 19 ? 77 : SEGMENT_BYTES);
		assert_memory_equal(got, batch.was[i] + shape_headers(&s), n);
	}
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	close(fd);
	close(tun);
}

static void udp4_group_is_taken(void **state)
{
	(void)state;
	need_tun(OFFLOAD_UDP, true);
	udp_group(true);
}

static void udp6_group_is_taken(void **state)
{
	(void)state;
	need_tun(OFFLOAD_UDP, false);
	udp_group(false);
}

/*
 * What a program sends with UDP_SEGMENT comes in one piece and is cut as the kernel would; without
 * the offload the kernel does it, and leaves the checksums to us.
 */
static void udp_super(bool ipv4, bool offload)
{
	struct shape s = { .ipv4 = ipv4 };
	int fd = kernel_socket(&s, SERVICE_UDP), size = SEGMENT_BYTES;
	struct lnl_split split;
	struct lnl_vnet vnet;
	uint8_t data[10500], *p;
	uint32_t len;
	unsigned n = 0, reads = 0;

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	connect_to_us(fd, &s);
	assert_int_equal(setsockopt(fd, OPTION_UDP, SEGMENT_UDP, &size, sizeof(size)), 0);
	assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
	for (; n < 11; reads++) {
		len = read_packet(&s, &vnet);
		assert_int_equal(vnet.gso_type, offload ? LNL_VNET_GSO_UDP : LNL_VNET_GSO_NONE);
		assert_int_equal(vnet.gso_size, offload ? SEGMENT_BYTES : 0);
		assert_int_equal(lnl_split_init(&split, packet + sizeof(vnet), len, &vnet, 0), 0);
		for (; lnl_split_next(&split, &p, &len); n++) {
			assert_checksums(&s, p, len);
			assert_int_equal(len - shape_headers(&s), n < 10 ? SEGMENT_BYTES : 500);
			assert_memory_equal(p + shape_headers(&s), data + n * SEGMENT_BYTES,
					    len - shape_headers(&s));
		}
	}
	assert_int_equal(n, 11);
	assert_int_equal(reads, offload ? 1 : 11);
	close(fd);
	close(tun);
}

static void udp4_super_is_split(void **state)
{
	(void)state;
	need_tun(OFFLOAD_UDP, true);
	udp_super(true, true);
}

static void udp6_super_is_split(void **state)
{
	(void)state;
	need_tun(OFFLOAD_UDP, false);
	udp_super(false, true);
}

static void udp_without_the_offload(void **state)
{
	(void)state;
	need_tun(OFFLOAD_TCP, true);
	udp_super(true, false);
}

/* ---- TCP ---- */

/* Connects to the kernel's listener by hand; leaves in |s| and |ack| where both sides are. */
static int handshake(struct shape *s, uint32_t *ack)
{
	struct shape from = *s;
	int fd, listener = kernel_socket(s, SERVICE_TCP);
	struct lnl_split split;
	struct lnl_vnet vnet;
	uint8_t *p;
	uint32_t len;

	assert_int_equal(listen(listener, 1), 0);
	s->flags = SYN;
	s->tcp_more = 8;
	write_alone(s, 0);
	len = read_packet(&from, &vnet);
	assert_int_equal(lnl_split_init(&split, packet + sizeof(vnet), len, &vnet, 0), 0);
	assert_true(lnl_split_next(&split, &p, &len));
	assert_int_equal(p[shape_l4(s) + 13], SYN | ACK);
	assert_checksums(s, p, len);
	*ack = get32(p + shape_l4(s) + 4) + 1;
	s->flags = ACK;
	s->tcp_more = 0;
	s->seq++;
	s->id++;
	write_alone(s, *ack);
	wait_for(listener);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(listener);
	return fd;
}

/* A group arrives as a stream. */
static void send_group(int fd, struct shape *s, uint32_t ack)
{
	uint8_t got[2000];

	batch_init(&batch, LNL_COALESCE_TCP, 0);
	for (unsigned i = 0; i < 20; i++) {
		s->payload = i == 19 ? 77 : SEGMENT_BYTES;
		s->flags = i == 19 ? ACK | PSH : ACK;
		add(s, ack);
	}
	batch_run(&batch);
	assert_int_equal(batch.c.n, 1);
	assert_int_equal(batch.c.groups[0].n, 20);
	write_groups();
	for (unsigned i = 0; i < 20; i++) {
		size_t want = i == 19 ? 77 : SEGMENT_BYTES, n = 0;
		while (n < want) {
			wait_for(fd);
			ssize_t more = recv(fd, got + n, want - n, MSG_DONTWAIT);
			assert_true(more > 0);
			n += (size_t)more;
		}
		assert_memory_equal(got, batch.was[i] + shape_headers(s), want);
	}
}

/* What the kernel sends as super-packets is cut into segments that are right. */
static void read_supers(int fd, const struct shape *s, uint32_t seq)
{
	static uint8_t data[12000];
	struct lnl_split split;
	struct lnl_vnet vnet;
	uint32_t done = 0, len;
	unsigned cut = 0;
	uint8_t *p;

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
	while (done < sizeof(data)) {
		len = read_packet(s, &vnet);
		assert_int_equal(lnl_split_init(&split, packet + sizeof(vnet), len, &vnet, 0), 0);
		for (unsigned n = 0; lnl_split_next(&split, &p, &len); n++) {
			const uint8_t *tcp = p + shape_l4(s);
			uint32_t headers = shape_l4(s) + (tcp[12] >> 4) * 4u;

			assert_checksums(s, p, len);
			cut += n > 0;
			if (len == headers)
				continue; /* it acknowledges what we sent */
			assert_int_equal(get32(tcp + 4), seq + done);
			assert_in_range(len - headers, 1, sizeof(data) - done);
			assert_memory_equal(p + headers, data + done, len - headers);
			done += len - headers;
		}
	}
	assert_true(cut > 0);
}

static void tcp(bool ipv4)
{
	struct shape s = { .ipv4 = ipv4, .tcp = true, .port = OUR_PORT, .seq = 77, .id = 3 };
	uint32_t ack;
	int fd = handshake(&s, &ack);

	send_group(fd, &s, ack);
	read_supers(fd, &s, ack);
	close(fd);
	close(tun);
}

static void tcp4_goes_both_ways(void **state)
{
	(void)state;
	need_tun(OFFLOAD_TCP, true);
	tcp(true);
}

static void tcp6_goes_both_ways(void **state)
{
	(void)state;
	need_tun(OFFLOAD_TCP, false);
	tcp(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp4_group_is_taken),	   cmocka_unit_test(udp6_group_is_taken),
		cmocka_unit_test(udp4_super_is_split),	   cmocka_unit_test(udp6_super_is_split),
		cmocka_unit_test(udp_without_the_offload), cmocka_unit_test(tcp4_goes_both_ways),
		cmocka_unit_test(tcp6_goes_both_ways),
	};

	return cmocka_run_group_tests_name("io/offload_kernel", tests, NULL, NULL);
}
