/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's sockets: what they are bound to, who binds them, and accepting when it is hard. */
/* lunel-test: serial */
#include "test_io_namespace.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/clock.h"
#include "io/listen.h"

static struct lnl_addr make(const char *ip, uint16_t port)
{
	struct lnl_ip i;

	assert_int_equal(lnl_ip_parse(&i, ip), 0);
	return lnl_addr_from(&i, port);
}

static struct lnl_listen_conf conf_of(const char *ip, uint16_t port)
{
	return (struct lnl_listen_conf){ .local = make(ip, port), .socket.mtu_disc = -1 };
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

static bool has_ipv6(void)
{
	struct lnl_addr a = make("::1", 0);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, &a.u.sa, a.len) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* ---- UDP ---- */

static bool hears(int fd, const char *from, uint16_t port, struct lnl_addr *who)
{
	struct lnl_addr to = make(from, port);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int s = socket(to.u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char got[8];
	bool ok;

	sendto(s, "hello", 5, 0, &to.u.sa, to.len);
	ok = poll(&p, 1, 200) == 1 &&
	     recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&sa, &len) == 5;
	if (ok)
		assert_int_equal(lnl_addr_from_sockaddr(who, (struct sockaddr *)&sa, len), 0);
	close(s);
	return ok;
}

static void udp_sockets_hear_many(void **state)
{
	struct lnl_listen_conf conf = conf_of("127.0.0.1", 0);
	struct lnl_reason why;
	struct lnl_addr who;
	int fd, other;

	(void)state;
	fd = lnl_listen_udp(&conf, &why);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(get(fd, SOL_SOCKET, SO_RCVBUF) > 212992 / 2);
	for (unsigned i = 0; i < 3; i++)
		assert_true(hears(fd, "127.0.0.1",
				  lnl_addr_port((struct lnl_addr[]){ local_of(fd) }), &who));
	/* A second server on the same port is told so. */
	conf.local = local_of(fd);
	other = lnl_listen_udp(&conf, &why);
	assert_int_equal(other, LNL_E_SYSTEM);
	assert_non_null(strstr(why.text, "cannot listen on 127.0.0.1:"));
	assert_non_null(strstr(why.text, "in use"));
	close(fd);
}

/* One socket for both families, or two beside each other. */
static void families_are_joined_or_apart(void **state)
{
	struct lnl_listen_conf conf = conf_of("::", 0), v4 = conf_of("0.0.0.0", 0);
	struct lnl_reason why;
	struct lnl_addr who;
	uint16_t port;
	int fd, second;

	(void)state;
	if (!has_ipv6())
		test_skip("no IPv6");
	conf.socket.mtu_disc = IP_PMTUDISC_DO;
	fd = lnl_listen_udp(&conf, &why);
	assert_true(fd >= 0);
	assert_int_equal(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	assert_int_equal(get(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IP_PMTUDISC_DO);
	assert_int_equal(get(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
	port = lnl_addr_port((struct lnl_addr[]){ local_of(fd) });
	assert_true(hears(fd, "::1", port, &who));
	assert_true(hears(fd, "127.0.0.1", port, &who));
	assert_int_equal(who.u.sa.sa_family, AF_INET6);
	assert_int_equal(lnl_addr_ip(&who).family, 4);
	close(fd);

	conf.v6only = true;
	fd = lnl_listen_udp(&conf, &why);
	assert_true(fd >= 0);
	port = lnl_addr_port((struct lnl_addr[]){ local_of(fd) });
	assert_true(hears(fd, "::1", port, &who));
	assert_false(hears(fd, "127.0.0.1", port, &who));
	lnl_addr_set_port(&v4.local, port);
	second = lnl_listen_udp(&v4, &why);
	assert_true(second >= 0);
	assert_true(hears(second, "127.0.0.1", port, &who));
	assert_int_equal(who.u.sa.sa_family, AF_INET);
	close(fd);
	close(second);
}

/* Several of one address: each sender has one of them for good, and not all the same. */
static void shared_sockets_share(void **state)
{
	enum { SENDERS = 64 };
	struct lnl_listen_conf conf = conf_of("127.0.0.1", 0);
	struct lnl_reason why;
	unsigned heard[2] = { 0 };
	int fds[2], senders[SENDERS];
	struct pollfd p[2];
	uint8_t by[SENDERS];

	(void)state;
	conf.shared = true;
	for (unsigned i = 0; i < 2; i++) {
		fds[i] = lnl_listen_udp(&conf, &why);
		assert_true(fds[i] >= 0);
		conf.local = local_of(fds[0]);
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	}
	for (uint8_t n = 0; n < SENDERS * 2; n++) {
		uint8_t i = n % SENDERS, got[2];

		if (n < SENDERS)
			senders[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_int_equal(sendto(senders[i], &i, 1, 0, &conf.local.u.sa, conf.local.len), 1);
		assert_int_equal(poll(p, 2, 5000), 1);
		unsigned which = p[0].revents != 0 ? 0 : 1;
		assert_int_equal(recv(fds[which], got, sizeof(got), 0), 1);
		assert_int_equal(got[0], i);
		if (n < SENDERS)
			by[i] = (uint8_t)which;
		assert_int_equal(by[i], which);
		heard[which]++;
	}
	assert_true(heard[0] > 0 && heard[1] > 0);
	/* One that does not share gets no part, and lets nobody in. */
	conf.shared = false;
	assert_int_equal(lnl_listen_udp(&conf, &why), LNL_E_SYSTEM);
	close(fds[0]);
	close(fds[1]);
	fds[0] = lnl_listen_udp(&conf, &why);
	assert_true(fds[0] >= 0);
	conf.shared = true;
	assert_int_equal(lnl_listen_udp(&conf, &why), LNL_E_SYSTEM);
	close(fds[0]);
	for (unsigned i = 0; i < SENDERS; i++)
		close(senders[i]);
}

static void what_cannot_be_bound_is_said(void **state)
{
	struct lnl_listen_conf conf = conf_of("192.0.2.77", 0);
	struct lnl_reason why;

	(void)state;
	assert_int_equal(lnl_listen_udp(&conf, &why), LNL_E_SYSTEM);
	assert_non_null(strstr(why.text, "192.0.2.77"));
	conf.local.len = 0;
	assert_int_equal(lnl_listen_udp(&conf, &why), LNL_E_UNSUPPORTED);
	conf = conf_of("127.0.0.1", 0);
	conf.socket.bind_dev = "nodevice0";
	assert_true(lnl_listen_udp(&conf, &why) < 0);
	assert_non_null(strstr(why.text, "nodevice0"));
}

/* ---- TCP ---- */

struct door {
	struct ev_loop *loop;
	struct lnl_listener l;
	struct lnl_addr at;
	unsigned accepted, failed;
	int last;
	struct lnl_addr from;
	bool stop;
};

static void came(void *ctx, int fd, const struct lnl_addr *from)
{
	struct door *d = ctx;

	d->accepted++;
	if (d->last >= 0)
		close(d->last);
	d->last = fd;
	d->from = *from;
	if (d->stop)
		lnl_listener_stop(&d->l);
}

static void could_not(void *ctx, const struct lnl_reason *why)
{
	struct door *d = ctx;

	assert_non_null(strstr(why->text, "cannot accept"));
	d->failed++;
}

/* False where |conf|'s port is another program's. */
static bool try_door(struct door *d, struct lnl_listen_conf conf)
{
	struct lnl_reason why;

	memset(d, 0, sizeof(*d));
	d->last = -1;
	d->loop = ev_loop_new(EVFLAG_AUTO);
	conf.socket.tcp_nodelay = true;
	lnl_listener_init(&d->l);
	if (lnl_listen_tcp(&d->l, d->loop, &conf, came, could_not, d, &why) != 0) {
		if (!strstr(why.text, "in use"))
			fail_msg("%s", why.text);
		ev_loop_destroy(d->loop);
		return false;
	}
	assert_int_equal(lnl_listen_tcp(&d->l, d->loop, &conf, came, could_not, d, &why),
			 LNL_E_STATE);
	d->at = local_of(d->l.io.fd);
	return true;
}

static void open_door_at(struct door *d, struct lnl_listen_conf conf)
{
	if (!try_door(d, conf))
		fail_msg("port %u is in use", (unsigned)lnl_addr_port(&conf.local));
}

static void open_door(struct door *d)
{
	open_door_at(d, conf_of("127.0.0.1", 0));
}

static void close_door(struct door *d)
{
	lnl_listener_stop(&d->l);
	lnl_listener_stop(&d->l);
	if (d->last >= 0)
		close(d->last);
	ev_loop_destroy(d->loop);
}

static int knock(const struct door *d)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &d->at.u.sa, d->at.len), 0);
	return fd;
}

static void expired(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void run_for(struct door *d, double seconds)
{
	struct ev_timer t;

	ev_timer_init(&t, expired, seconds, 0);
	ev_now_update(d->loop);
	ev_timer_start(d->loop, &t);
	ev_run(d->loop, 0);
	ev_timer_stop(d->loop, &t);
}

static void tcp_is_accepted(void **state)
{
	struct door d;
	int fds[40];

	(void)state;
	open_door(&d);
	fds[0] = knock(&d);
	while (d.accepted == 0)
		ev_run(d.loop, EVRUN_ONCE);
	struct lnl_addr client = local_of(fds[0]);
	assert_true(lnl_addr_equal(&d.from, &client));
	assert_true(fcntl(d.last, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(d.last, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(get(d.last, IPPROTO_TCP, TCP_NODELAY), 1);
	/* More than are taken in one go. */
	for (unsigned i = 1; i < 40; i++)
		fds[i] = knock(&d);
	while (d.accepted < 40)
		ev_run(d.loop, EVRUN_ONCE);
	for (unsigned i = 0; i < 40; i++)
		close(fds[i]);
	close_door(&d);
}

/* Whether somebody at |ip| gets in; who it was is in |d|. */
static bool lets_in(struct door *d, const char *ip)
{
	struct lnl_addr to = make(ip, lnl_addr_port(&d->at));
	int fd = socket(to.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned before = d->accepted;

	assert_true(fd >= 0);
	if (connect(fd, &to.u.sa, to.len) < 0) {
		assert_int_equal(errno, ECONNREFUSED);
		close(fd);
		return false;
	}
	while (d->accepted == before)
		ev_run(d->loop, EVRUN_ONCE);
	close(fd);
	return true;
}

/* As with UDP: one socket for both families, or two beside each other. */
static void tcp_families_are_joined_or_apart(void **state)
{
	struct lnl_listen_conf conf = conf_of("::", 0);
	struct door both, v6, v4;
	unsigned tries = 0;
	char text[LNL_ADDR_TEXT];
	struct lnl_addr from;

	(void)state;
	if (!has_ipv6())
		test_skip("no IPv6");
	open_door_at(&both, conf);
	assert_true(lets_in(&both, "::1"));
	assert_int_equal(lnl_addr_ip(&both.from).family, 6);
	assert_true(lets_in(&both, "127.0.0.1"));
	assert_int_equal(both.from.u.sa.sa_family, AF_INET6);
	from = lnl_addr_plain(&both.from);
	assert_non_null(strstr(lnl_addr_text(&from, text), "127.0.0.1:"));
	close_door(&both);

	conf.v6only = true;
	/* A port that is free for IPv6 was found, and IPv4's may be another program's. */
	for (bool open = false; !open; tries++) {
		assert_in_range(tries, 0, 9);
		open_door_at(&v6, conf);
		assert_false(lets_in(&v6, "127.0.0.1"));
		open = try_door(&v4, conf_of("0.0.0.0", lnl_addr_port(&v6.at)));
		if (!open)
			close_door(&v6);
	}
	assert_true(lets_in(&v6, "::1"));
	assert_true(lets_in(&v4, "127.0.0.1"));
	assert_int_equal(v4.from.u.sa.sa_family, AF_INET);
	assert_int_equal(v6.accepted, 1);
	close_door(&v4);
	close_door(&v6);
}

/*
 * A second server is told that the port is in use, and leaves the first as it was; the connections of
 * a server that has ended do not keep the port from the next.
 */
static void tcp_ports_in_use_and_used(void **state)
{
	struct door d, next;
	struct lnl_listen_conf conf;
	struct lnl_listener second;
	struct lnl_reason why;
	int fd;

	(void)state;
	open_door(&d);
	conf = (struct lnl_listen_conf){ .local = d.at, .socket.mtu_disc = -1 };
	lnl_listener_init(&second);
	assert_int_equal(lnl_listen_tcp(&second, d.loop, &conf, came, could_not, &d, &why),
			 LNL_E_SYSTEM);
	assert_non_null(strstr(why.text, "cannot listen on 127.0.0.1:"));
	assert_non_null(strstr(why.text, "over TCP"));
	assert_non_null(strstr(why.text, "in use"));
	assert_null(second.loop);
	lnl_listener_stop(&second);
	/* UDP's ports are others. */
	fd = lnl_listen_udp(&conf, &why);
	assert_true(fd >= 0);
	close(fd);
	fd = knock(&d);
	while (d.accepted == 0)
		ev_run(d.loop, EVRUN_ONCE);
	/* We end first, so it is our side that lingers in TIME-WAIT. */
	close_door(&d);
	close(fd);
	open_door_at(&next, conf);
	assert_true(lets_in(&next, "127.0.0.1"));
	close_door(&next);
}

/* A callback may close the door behind who came, with others before it. */
static void a_listener_stops_in_its_callback(void **state)
{
	struct door d;
	int fds[3];

	(void)state;
	open_door(&d);
	d.stop = true;
	for (unsigned i = 0; i < 3; i++)
		fds[i] = knock(&d);
	run_for(&d, 0.1);
	assert_int_equal(d.accepted, 1);
	assert_null(d.l.loop);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	close_door(&d);
}

/* Who is gone before it is accepted takes nobody along. */
static void t1_resets_before_accept(void **state)
{
	struct linger at_once = { .l_onoff = 1 };
	struct door d;
	int fd;

	(void)state;
	open_door(&d);
	for (unsigned i = 0; i < 20; i++) {
		fd = knock(&d);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
	}
	fd = knock(&d);
	struct lnl_addr client = local_of(fd);
	while (!lnl_addr_equal(&d.from, &client))
		ev_run(d.loop, EVRUN_ONCE);
	assert_int_equal(d.failed, 0);
	close(fd);
	close_door(&d);
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* F17: no descriptors left. It waits without spinning, and goes on when there are some. */
static void t1_accept_waits_for_descriptors(void **state)
{
	struct rlimit before, none;
	struct door d;
	double used;
	int fds[2];

	(void)state;
	open_door(&d);
	fds[0] = knock(&d);
	fds[1] = knock(&d);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
	run_for(&d, 0); /* what the loop opens for itself */
	/* Those may have come already: what counts is who comes now. */
	unsigned accepted = d.accepted;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	if (accepted == 2) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		close(fds[0]);
		fds[0] = knock(&d);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	}
	used = cpu();
	run_for(&d, 1.5);
	used = cpu() - used;
	assert_int_equal(d.accepted, accepted);
	assert_in_range(d.failed, 1, 2);
	assert_true(used < 0.3); /* 0.03 where nothing else wants the processor; spinning: 1.5 */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	run_for(&d, 1.2);
	assert_true(d.accepted > accepted);
	close(fds[0]);
	close(fds[1]);
	close_door(&d);
}

/* ---- low ports ---- */

/* As nobody: by the helper, until it is sealed. */
static int bind_as_nobody(struct lnl_process *p)
{
	struct lnl_listen_conf conf = conf_of("127.0.0.1", 443);
	struct lnl_listener l;
	struct lnl_reason why;
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	int fd;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 10;
	if (lnl_listen_udp(&conf, &why) != LNL_E_PERM)
		return 1;
	conf.helper = p;
	fd = lnl_listen_udp(&conf, &why);
	if (fd < 0 || local_of(fd).u.in4.sin_port != htons(443))
		return 2;
	if (!(fcntl(fd, F_GETFL) & O_NONBLOCK) || !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		return 3;
	/* In use: the helper's errno is the reason. */
	if (lnl_listen_udp(&conf, &why) != LNL_E_SYSTEM || !strstr(why.text, "in use"))
		return 4;
	lnl_listener_init(&l);
	if (lnl_listen_tcp(&l, loop, &conf, came, NULL, NULL, &why) != 0)
		return 5;
	lnl_listener_stop(&l);
	/* Two of one address, if both share it. */
	conf.shared = true;
	if (lnl_listen_udp(&conf, &why) != LNL_E_SYSTEM)
		return 11;
	conf.local = make("127.0.0.1", 444);
	if (lnl_listen_udp(&conf, &why) < 0 || lnl_listen_udp(&conf, &why) < 0)
		return 12;
	conf.shared = false;
	if (lnl_process_bind(p, SOCK_RAW, &conf.local, false) != -EINVAL)
		return 6;
	conf.local.len = 4;
	if (lnl_process_bind(p, SOCK_DGRAM, &conf.local, false) != -EINVAL)
		return 7;
	conf.local = make("127.0.0.1", 80);
	lnl_process_seal(p);
	if (lnl_process_bind(p, SOCK_DGRAM, &conf.local, false) != -EPERM ||
	    lnl_process_bind_shared(p, &conf.local, false) != -EPERM)
		return 8;
	if (lnl_listen_udp(&conf, &why) != LNL_E_PERM)
		return 9;
	return 0;
}

static void low_ports_come_from_the_helper(void **state)
{
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_process *p;
	struct lnl_reason why;
	int status;
	pid_t pid;

	(void)state;
	test_need_root();
	if (!test_namespace())
		test_skip("no network namespace");
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	pid = fork();
	if (pid == 0)
		_exit(bind_as_nobody(p));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(lnl_process_bind(NULL, SOCK_DGRAM, (struct lnl_addr[]){ make("::", 1) },
					  false),
			 -ENOSYS);
	lnl_process_free(p);
	ev_loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_sockets_hear_many),
		cmocka_unit_test(families_are_joined_or_apart),
		cmocka_unit_test(shared_sockets_share),
		cmocka_unit_test(what_cannot_be_bound_is_said),
		cmocka_unit_test(tcp_is_accepted),
		cmocka_unit_test(tcp_families_are_joined_or_apart),
		cmocka_unit_test(tcp_ports_in_use_and_used),
		cmocka_unit_test(a_listener_stops_in_its_callback),
		cmocka_unit_test(t1_resets_before_accept),
		cmocka_unit_test(t1_accept_waits_for_descriptors),
		cmocka_unit_test(low_ports_come_from_the_helper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
