/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets to peers: what is set on them, UDP's and TCP's beginnings and how each fails. */
#include "test_io_namespace.h"

#include <netinet/tcp.h>
#include <sys/wait.h>

#include "io/tcp.h"
#include "io/udp.h"

static const struct lnl_socket_conf defaults = { .mtu_disc = -1 };

static struct lnl_addr make(const char *ip, uint16_t port)
{
	struct lnl_ip i;

	assert_int_equal(lnl_ip_parse(&i, ip), 0);
	return lnl_addr_from(&i, port);
}

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static struct lnl_addr local_of(int fd)
{
	struct sockaddr_storage s;
	struct lnl_addr a;
	socklen_t len = sizeof(s);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&s, &len), 0);
	assert_int_equal(lnl_addr_from_sockaddr(&a, (struct sockaddr *)&s, len), 0);
	return a;
}

/* A socket of the test's that others reach at |*at|. */
static int serve(int type, const char *ip, struct lnl_addr *at)
{
	struct lnl_addr a = make(ip, 0);
	int fd = socket(a.u.sa.sa_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &a.u.sa, a.len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	*at = local_of(fd);
	return fd;
}

static void udp_sockets_are_connected(void **state)
{
	static const char *const ips[] = { "127.0.0.1", "::1" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lnl_reason why;
		struct lnl_addr at, from;
		char got[8];
		int server, fd;

		if (i == 1 && access("/proc/net/if_inet6", R_OK) < 0)
			test_skip("no IPv6");
		server = serve(SOCK_DGRAM, ips[i], &at);
		fd = lnl_udp_open(&at, &defaults, &why);
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(send(fd, "hello", 5, 0), 5);
		assert_int_equal(recv(server, got, sizeof(got), 0), 5);
		if (i == 1)
			assert_int_equal(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
		from = local_of(fd);
		assert_int_not_equal(lnl_addr_port(&from), 0);
		close(fd);
		close(server);
	}
}

static void options_are_set(void **state)
{
	struct lnl_socket_conf conf = defaults;
	struct lnl_reason why;
	struct lnl_addr at;
	int server = serve(SOCK_DGRAM, "127.0.0.1", &at);
	int plain, fd, forced = 1 << 20;

	(void)state;
	plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fd = lnl_udp_open(&at, &conf, &why);
	/* Raised, or where the system allows no more, as it was. */
	assert_true(get(fd, SOL_SOCKET, SO_RCVBUF) >= get(plain, SOL_SOCKET, SO_RCVBUF));
	/* Twice what is asked for, whatever the system's limit, where the process may. */
	if (setsockopt(plain, SOL_SOCKET, SO_RCVBUFFORCE, &forced, sizeof(forced)) == 0) {
		assert_int_equal(get(fd, SOL_SOCKET, SO_RCVBUF), 2 * 4 * 1024 * 1024);
		assert_int_equal(get(fd, SOL_SOCKET, SO_SNDBUF), 2 * 4 * 1024 * 1024);
	}
	assert_true(get(fd, SOL_SOCKET, SO_SNDBUF) >= get(plain, SOL_SOCKET, SO_SNDBUF));
	close(fd);
	conf.rcvbuf = 20000;
	conf.sndbuf = 30000;
	conf.mtu_disc = 2;
	conf.local = make("127.0.0.2", 0);
	fd = lnl_udp_open(&at, &conf, &why);
	/* The kernel doubles what it is asked for. */
	assert_int_equal(get(fd, SOL_SOCKET, SO_RCVBUF), 40000);
	assert_int_equal(get(fd, SOL_SOCKET, SO_SNDBUF), 60000);
	assert_int_equal(get(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
	assert_int_equal(local_of(fd).u.in4.sin_addr.s_addr, htonl(INADDR_LOOPBACK + 1));
	close(fd);
	fd = lnl_socket_open(SOCK_STREAM, &at,
			     &(struct lnl_socket_conf){ .mtu_disc = -1, .tcp_nodelay = true },
			     &why);
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	close(fd);
	close(plain);
	close(server);
}

static void ports_are_bound(void **state)
{
	struct lnl_socket_conf conf = defaults;
	struct lnl_reason why;
	struct lnl_addr at, mine;
	int server = serve(SOCK_DGRAM, "127.0.0.1", &at);
	int fd = lnl_udp_open(&at, &conf, &why);
	int other;

	(void)state;
	/* A port that is free for certain: the one that was just given up. */
	mine = local_of(fd);
	close(fd);
	conf.lport = lnl_addr_port(&mine);
	fd = lnl_udp_open(&at, &conf, &why);
	assert_true(fd >= 0);
	mine = local_of(fd);
	assert_int_equal(lnl_addr_port(&mine), conf.lport);
	other = lnl_udp_open(&at, &conf, &why);
	assert_int_equal(other, LNL_E_SYSTEM);
	assert_non_null(strstr(why.text, "cannot bind to 0.0.0.0:"));
	assert_non_null(strstr(why.text, "Address already in use"));
	close(fd);
	conf.local = make("::1", 0);
	assert_int_equal(lnl_udp_open(&at, &conf, &why), LNL_E_INVAL);
	conf.local = make("192.0.2.77", 0);
	assert_int_equal(lnl_udp_open(&at, &conf, &why), LNL_E_SYSTEM);
	assert_non_null(strstr(why.text, "cannot bind to 192.0.2.77:0: "));
	close(server);
}

static void marks_and_devices_are_set(void **state)
{
	struct lnl_socket_conf conf = { .mtu_disc = -1, .mark = 77, .bind_dev = "lo" };
	struct lnl_reason why;
	struct lnl_addr at;
	int server, fd, status;
	char dev[IFNAMSIZ] = "";
	socklen_t len = sizeof(dev);
	pid_t pid;

	(void)state;
	test_need_root();
	server = serve(SOCK_DGRAM, "127.0.0.1", &at);
	fd = lnl_udp_open(&at, &conf, &why);
	assert_true(fd >= 0);
	assert_int_equal(get(fd, SOL_SOCKET, SO_MARK), 77);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev, &len), 0);
	assert_string_equal(dev, "lo");
	close(fd);
	conf.bind_dev = "nothere0";
	assert_int_equal(lnl_udp_open(&at, &conf, &why), LNL_E_NOTFOUND);
	assert_string_equal(why.text, "cannot bind a socket to device nothere0: No such device");
	/* Nobody may not mark. */
	pid = fork();
	if (pid == 0) {
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		_exit(lnl_udp_open(&at, &conf, &why) == LNL_E_PERM ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(server);
}

static void what_has_no_route_is_said(void **state)
{
	struct lnl_addr at = make("192.0.2.1", 1194), none = { 0 };
	struct lnl_reason why;

	(void)state;
	assert_true(lnl_udp_open(&none, &defaults, &why) < 0);
	if (!test_namespace())
		test_skip("not root");
	assert_int_equal(lnl_udp_open(&at, &defaults, &why), LNL_E_SYSTEM);
	assert_string_equal(why.text,
			    "cannot reach 192.0.2.1:1194 over UDP: Network is unreachable");
}

/* ---- TCP ---- */

struct outcome {
	int times;
	int fd;
	struct lnl_reason why;
};

static void done(void *ctx, int fd, const struct lnl_reason *why)
{
	struct outcome *o = ctx;

	o->times++;
	o->fd = fd;
	if (fd < 0)
		o->why = *why;
}

static void tcp_connects(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct lnl_addr at;
	struct lnl_reason why;
	struct outcome o = { 0 };
	struct lnl_tcp t;
	int server = serve(SOCK_STREAM, "127.0.0.1", &at);
	int peer;
	char got[8];

	(void)state;
	lnl_tcp_init(&t);
	assert_int_equal(lnl_tcp_connect(&t, loop, &at, &defaults, 10, done, &o, &why), 0);
	assert_int_equal(lnl_tcp_connect(&t, loop, &at, &defaults, 10, done, &o, &why),
			 LNL_E_STATE);
	assert_int_equal(o.times, 0);
	ev_run(loop, 0);
	assert_int_equal(o.times, 1);
	assert_true(o.fd >= 0);
	assert_true(fcntl(o.fd, F_GETFL) & O_NONBLOCK);
	peer = accept(server, NULL, NULL);
	assert_int_equal(send(o.fd, "hello", 5, 0), 5);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 5);
	close(peer);
	close(o.fd);
	close(server);
	ev_loop_destroy(loop);
}

/* The lowest free descriptor: the same again when nothing was left open. */
static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void tcp_refused(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct lnl_addr at;
	struct lnl_reason why;
	struct outcome o = { 0 };
	struct lnl_tcp t;
	int lowest;

	(void)state;
	close(serve(SOCK_STREAM, "127.0.0.1", &at));
	lnl_tcp_init(&t);
	ev_run(loop, EVRUN_NOWAIT);
	lowest = lowest_free();
	assert_int_equal(lnl_tcp_connect(&t, loop, &at, &defaults, 10, done, &o, &why), 0);
	ev_run(loop, 0);
	assert_int_equal(o.times, 1);
	assert_int_equal(o.fd, LNL_E_SYSTEM);
	assert_non_null(strstr(o.why.text, "cannot connect to 127.0.0.1:"));
	assert_non_null(strstr(o.why.text, "over TCP: Connection refused"));
	assert_int_equal(lowest_free(), lowest);
	ev_loop_destroy(loop);
}

/* A listener whose queue is full does not answer: what the time limit and cancel are for. */
static int silent(struct lnl_addr *at, int fillers[8])
{
	struct lnl_addr a = make("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, &a.u.sa, a.len), 0);
	assert_int_equal(listen(fd, 0), 0);
	*at = local_of(fd);
	for (int i = 0; i < 8; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fillers[i], &at->u.sa, at->len);
	}
	return fd;
}

static void tcp_gives_up(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct lnl_addr at;
	struct lnl_reason why;
	struct outcome o = { 0 };
	struct lnl_tcp t;
	int fillers[8];
	int server = silent(&at, fillers);

	(void)state;
	lnl_tcp_init(&t);
	lnl_tcp_cancel(&t);
	assert_int_equal(lnl_tcp_connect(&t, loop, &at, &defaults, 0.05, done, &o, &why), 0);
	ev_run(loop, 0);
	assert_int_equal(o.times, 1);
	assert_int_equal(o.fd, LNL_E_TIMEOUT);
	assert_non_null(strstr(o.why.text, "Connection timed out"));
	/* Cancelled, nothing is called and nothing keeps the loop. */
	assert_int_equal(lnl_tcp_connect(&t, loop, &at, &defaults, 60, done, &o, &why), 0);
	lnl_tcp_cancel(&t);
	lnl_tcp_cancel(&t);
	ev_run(loop, 0);
	assert_int_equal(o.times, 1);
	for (int i = 0; i < 8; i++)
		close(fillers[i]);
	close(server);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_sockets_are_connected),
		cmocka_unit_test(options_are_set),
		cmocka_unit_test(ports_are_bound),
		cmocka_unit_test(marks_and_devices_are_set),
		cmocka_unit_test(tcp_connects),
		cmocka_unit_test(tcp_refused),
		cmocka_unit_test(tcp_gives_up),
		cmocka_unit_test(what_has_no_route_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
