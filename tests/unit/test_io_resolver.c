/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names to addresses, against a name server of the test's own in a namespace of its own. */
#include "test_io_namespace.h"

#include <arpa/inet.h>
#include <ev.h>
#include <sys/mount.h>
#include <unistd.h>

#include "io/resolver.h"
#include "lunel_codes.h"

#define LIMIT 20.0

/* ---- a name server ---- */

static const struct {
	const char *name;
	const char *a;	  /* NULL: none */
	const char *aaaa; /* NULL: none */
} zone[] = {
	{ "four.test", "192.0.2.4", NULL },
	{ "six.test", NULL, "2001:db8::6" },
	{ "both.test", "192.0.2.44", "2001:db8::66" },
	{ "none.test", NULL, NULL },
};

struct server {
	struct ev_io io;
	unsigned asked;
	const char *only; /* answers this address to every question for an A */
};

static size_t name_of(const uint8_t *q, size_t len, char *out)
{
	size_t at = 12, n = 0;

	while (at < len && q[at] != 0) {
		size_t label = q[at++];

		if (n > 0)
			out[n++] = '.';
		memcpy(out + n, q + at, label);
		n += label;
		at += label;
	}
	out[n] = '\0';
	return at + 5;
}

static size_t put_answer(uint8_t *at, uint16_t type, const char *text)
{
	static const uint8_t head[] = { 0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0 };
	struct lnl_ip ip;
	size_t len = type == 1 ? 4 : 16;

	assert_int_equal(lnl_ip_parse(&ip, text), 0);
	memcpy(at, head, sizeof(head));
	at[3] = (uint8_t)type;
	at[11] = (uint8_t)len;
	memcpy(at + sizeof(head), ip.bytes, len);
	return sizeof(head) + len;
}

static void serve(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct server *s = io->data;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t m[1024];
	char name[256];
	ssize_t len = recvfrom(io->fd, m, 512, 0, (struct sockaddr *)&from, &from_len);
	size_t end = name_of(m, (size_t)len, name);
	uint16_t type = m[end - 3];
	bool known = false;

	(void)loop;
	(void)revents;
	s->asked++;
	if (strcmp(name, "silent.test") == 0)
		return;
	m[2] = 0x81;
	m[3] = 0x80;
	m[6] = m[7] = m[8] = m[9] = m[10] = m[11] = 0;
	for (size_t i = 0; i < sizeof(zone) / sizeof(*zone); i++) {
		const char *text = type == 1 ? zone[i].a : zone[i].aaaa;

		if (strcmp(name, zone[i].name) != 0)
			continue;
		known = true;
		if (s->only != NULL)
			text = type == 1 ? s->only : NULL;
		if (text != NULL) {
			m[7] = 1;
			end += put_answer(m + end, type, text);
		}
	}
	if (!known)
		m[3] |= 3; /* no such name */
	sendto(io->fd, m, end, 0, (struct sockaddr *)&from, from_len);
}

static void open_server(struct server *s, struct ev_loop *loop, const char *at)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(s, 0, sizeof(*s));
	inet_pton(AF_INET, at, &in.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	ev_io_init(&s->io, serve, fd, EV_READ);
	s->io.data = s;
	ev_io_start(loop, &s->io);
	ev_unref(loop);
}

static void close_server(struct server *s, struct ev_loop *loop)
{
	ev_ref(loop);
	ev_io_stop(loop, &s->io);
	close(s->io.fd);
}

/* ---- the world around it ---- */

static void mount_file(const char *path, const char *text)
{
	char name[] = "mount.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	/* On a file that is gone nothing can be mounted: the one of the test before. */
	umount2(path, MNT_DETACH);
	assert_int_equal(mount(name, path, NULL, MS_BIND, NULL), 0);
	unlink(name);
}

static bool own_world(void)
{
	if (!test_namespace() || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	mount_file("/etc/resolv.conf", "nameserver 127.0.0.1\n");
	mount_file("/etc/hosts", "127.0.0.1 localhost\n203.0.113.5 listed.test\n"
				 "2001:db8::5 listed.test\n");
	if (access("/etc/nsswitch.conf", F_OK) == 0)
		mount_file("/etc/nsswitch.conf", "hosts: files dns\n");
	return true;
}

#define need_world()                                                                               \
	do {                                                                                       \
		if (!own_world())                                                                  \
			test_skip("no namespaces");                                                \
	} while (0)

struct outcome {
	unsigned times;
	int error;
	unsigned n;
	char list[1024]; /* sorted by nobody: as they came, each with a blank behind */
	char why[256];
};

static struct ev_loop *loop;

static void resolved(void *ctx, int error, const struct lnl_addr *list, unsigned n, const char *why)
{
	struct outcome *o = ctx;
	char text[LNL_ADDR_TEXT];
	size_t len = 0;

	o->times++;
	o->error = error;
	o->n = n;
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(o->list + len, sizeof(o->list) - len, "%s ",
					lnl_addr_text(&list[i], text));
	snprintf(o->why, sizeof(o->why), "%s", why != NULL ? why : "");
}

static void too_long(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
	fail_msg("nothing happened");
}

static void wait_for(const struct outcome *o)
{
	struct ev_timer limit;

	ev_timer_init(&limit, too_long, LIMIT, 0);
	ev_timer_start(loop, &limit);
	while (o->times == 0)
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &limit);
}

static void look_up(struct lnl_resolver *r, struct outcome *o, const char *host, int family)
{
	memset(o, 0, sizeof(*o));
	assert_non_null(lnl_resolver_lookup(r, host, 1194, family, resolved, o));
	/* Never from within the call. */
	assert_int_equal(o->times, 0);
	wait_for(o);
	assert_int_equal(o->times, 1);
}

static int open_loop(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	return loop != NULL ? 0 : -1;
}

static int close_loop(void **state)
{
	(void)state;
	ev_loop_destroy(loop);
	return 0;
}

/* ---- tests ---- */

static void literals_need_nobody(void **state)
{
	static const struct {
		const char *host;
		int family;
		int error;
		const char *list;
	} t[] = {
		{ "192.0.2.1", 0, 0, "192.0.2.1:1194 " },
		{ "192.0.2.1", 4, 0, "192.0.2.1:1194 " },
		{ "192.0.2.1", 6, LNL_E_NOTFOUND, "" },
		{ "2001:db8::1", 0, 0, "[2001:db8::1]:1194 " },
		{ "2001:db8::1", 4, LNL_E_NOTFOUND, "" },
	};
	struct lnl_resolver *r;
	struct outcome o;

	(void)state;
	assert_int_equal(lnl_resolver_new(&r, loop), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		look_up(r, &o, t[i].host, t[i].family);
		assert_int_equal(o.error, t[i].error);
		assert_string_equal(o.list, t[i].list);
	}
	lnl_resolver_free(r);
	lnl_resolver_free(NULL);
}

static void names_are_asked_for(void **state)
{
	static const struct {
		const char *host;
		int family;
		int error;
		unsigned n;
		const char *has;
	} t[] = {
		{ "four.test", 0, 0, 1, "192.0.2.4:1194 " },
		{ "four.test", 4, 0, 1, "192.0.2.4:1194 " },
		{ "four.test", 6, LNL_E_NOTFOUND, 0, "" },
		{ "six.test", 0, 0, 1, "[2001:db8::6]:1194 " },
		{ "both.test", 0, 0, 2, "192.0.2.44:1194 " },
		{ "both.test", 0, 0, 2, "[2001:db8::66]:1194 " },
		{ "both.test", 4, 0, 1, "192.0.2.44:1194 " },
		{ "both.test", 6, 0, 1, "[2001:db8::66]:1194 " },
		{ "none.test", 0, LNL_E_NOTFOUND, 0, "" },
		{ "missing.test", 0, LNL_E_NOTFOUND, 0, "" },
		{ "listed.test", 4, 0, 1, "203.0.113.5:1194 " },
		{ "listed.test", 6, 0, 1, "[2001:db8::5]:1194 " },
	};
	struct lnl_resolver *r;
	struct server s;
	struct outcome o;

	(void)state;
	need_world();
	open_server(&s, loop, "127.0.0.1");
	assert_int_equal(lnl_resolver_new(&r, loop), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		unsigned before = s.asked;

		look_up(r, &o, t[i].host, t[i].family);
		assert_int_equal(o.error, t[i].error);
		assert_int_equal(o.n, t[i].n);
		assert_non_null(strstr(o.list, t[i].has));
		if (o.error != 0)
			assert_string_not_equal(o.why, "");
		/*
		 * What the hosts file knows is not asked for; of what was asked before, newer c-ares
		 * remember the answer.
		 */
		if (strcmp(t[i].host, "listed.test") == 0)
			assert_int_equal(s.asked, before);
		else if (i == 0 || strcmp(t[i].host, t[i - 1].host) != 0)
			assert_true(s.asked > before);
	}
	lnl_resolver_free(r);
	close_server(&s, loop);
}

static void without_a_name_server_it_is_said(void **state)
{
	struct lnl_resolver *r;
	struct outcome o;

	(void)state;
	need_world();
	assert_int_equal(lnl_resolver_new(&r, loop), 0);
	look_up(r, &o, "four.test", 0);
	assert_true(o.error < 0);
	assert_int_equal(o.n, 0);
	assert_string_not_equal(o.why, "");
	lnl_resolver_free(r);
}

static void cancelled_is_silent(void **state)
{
	struct lnl_resolver *r;
	struct lnl_resolve *q;
	struct server s;
	struct outcome o = { 0 }, late = { 0 }, literal = { 0 };

	(void)state;
	need_world();
	open_server(&s, loop, "127.0.0.1");
	assert_int_equal(lnl_resolver_new(&r, loop), 0);
	q = lnl_resolver_lookup(r, "silent.test", 1, 0, resolved, &late);
	while (s.asked == 0)
		ev_run(loop, EVRUN_ONCE);
	lnl_resolver_cancel(q);
	q = lnl_resolver_lookup(r, "192.0.2.1", 1, 0, resolved, &literal);
	lnl_resolver_cancel(q);
	lnl_resolver_cancel(NULL);
	/* Another goes its way meanwhile; what is under way when the resolver goes is not told. */
	look_up(r, &o, "four.test", 0);
	assert_int_equal(o.error, 0);
	assert_non_null(lnl_resolver_lookup(r, "silent.test", 1, 0, resolved, &late));
	lnl_resolver_free(r);
	assert_int_equal(late.times, 0);
	assert_int_equal(literal.times, 0);
	close_server(&s, loop);
}

static void many_at_once(void **state)
{
	static const char *const hosts[] = { "four.test",    "six.test",    "both.test",
					     "missing.test", "listed.test", "192.0.2.9" };
	struct lnl_resolver *r;
	struct server s;
	struct outcome o[60];

	(void)state;
	need_world();
	open_server(&s, loop, "127.0.0.1");
	assert_int_equal(lnl_resolver_new(&r, loop), 0);
	memset(o, 0, sizeof(o));
	for (unsigned i = 0; i < 60; i++)
		assert_non_null(lnl_resolver_lookup(r, hosts[i % 6], 1, 0, resolved, &o[i]));
	for (unsigned i = 0; i < 60; i++) {
		wait_for(&o[i]);
		assert_int_equal(o[i].times, 1);
		assert_int_equal(o[i].error, i % 6 == 3 ? LNL_E_NOTFOUND : 0);
	}
	lnl_resolver_free(r);
	close_server(&s, loop);
}

/* The machine moves: the next name is asked of the name server that is named then. */
static void changed_settings_are_read_again(void **state)
{
	struct lnl_resolver *r;
	struct server home, away;
	struct outcome o;

	(void)state;
	need_world();
	open_server(&home, loop, "127.0.0.1");
	open_server(&away, loop, "127.0.0.2");
	away.only = "198.51.100.7";
	assert_int_equal(lnl_resolver_new(&r, loop), 0);
	look_up(r, &o, "four.test", 4);
	assert_string_equal(o.list, "192.0.2.4:1194 ");
	mount_file("/etc/resolv.conf", "nameserver 127.0.0.2\n");
	look_up(r, &o, "four.test", 4);
	assert_string_equal(o.list, "198.51.100.7:1194 ");
	lnl_resolver_free(r);
	close_server(&home, loop);
	close_server(&away, loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(literals_need_nobody, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(names_are_asked_for, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(without_a_name_server_it_is_said, open_loop,
						close_loop),
		cmocka_unit_test_setup_teardown(cancelled_is_silent, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(many_at_once, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(changed_settings_are_read_again, open_loop,
						close_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
