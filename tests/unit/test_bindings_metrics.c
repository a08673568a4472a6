/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpn.metrics: names as OpenMetrics has them, bounded, and as text; and that text by HTTP, from the loop. */
#include "test_bindings_vm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bindings/metrics.h"
#include "bindings/scrape.h"

static int set_up(void **state)
{
	struct lnl_host *h = calloc(1, sizeof(*h));
	const struct lnl_engine_options o = { .level = LNL_LEVEL_INFO, .stay_root = true };
	const struct lnl_vm_options v = { .scripts = LUNEL_TESTS_DIR "/../scripts",
					  .limit = (size_t)64 << 20 };
	struct lnl_reason why;
	char err[2048];

	assert_non_null(h);
	h->levels.all = LNL_LEVEL_INFO;
	if (lnl_engine_new(&h->engine, &o, &why))
		fail_msg("%s", why.text);
	h->vm = lnl_vm_new(h, &v, err, sizeof(err));
	if (!h->vm)
		fail_msg("%s", err);
	lnl_host_levels(h);
	expect_lua(h->vm, "package.loaded.m = require('lunel').metrics return 1", "1");
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct lnl_host *h = *state;

	lnl_vm_free(h->vm);
	lnl_scrape_close(h);
	lnl_engine_free(h->engine);
	lnl_record_clear(&h->log);
	free(h);
	return 0;
}

static void expect(struct lnl_host *h, const char *code, const char *want)
{
	char text[4096];

	snprintf(text, sizeof(text), "local m, core = require 'm', require 'lunel.core' %s", code);
	expect_lua(h->vm, text, want);
}

static void refuse(struct lnl_host *h, const char *code, const char *want)
{
	char text[1024];

	snprintf(text, sizeof(text), "local m = require 'm' %s", code);
	refuse_lua(h->vm, text, want);
}

/* What of the whole text comes from |from| on. */
static void expect_text(const struct lnl_host *h, const char *from, const char *want)
{
	struct lnl_text t = { 0 };
	const char *at;

	lnl_metrics_openmetrics(h, &t);
	assert_false(t.failed);
	t.data = realloc(t.data, t.len + 1);
	t.data[t.len] = 0;
	at = strstr(t.data, from);
	assert_non_null(at);
	assert_string_equal(at, want);
	free(t.data);
}

static void all_kinds_as_text(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "local c = m.counter('visits', { b = 'x', a = 1 }) c:add() c:add(2.5) "
	       "m.counter('visits_total', { a = '1', b = 'x' }):add() " /* the same */
	       "m.counter('visits'):add(1e15) "
	       "m.gauge('heat', { q = 'a\"\\\\\\n\\255', ok = true }):set(-1.5) "
	       "m.gauge('heat', { q = 'a\"\\\\\\n\\254', ok = true }):add(1) "
	       "local t = m.histogram('took', nil, { buckets = { 0.1, 1, 2.5 } }) "
	       "t:observe(0.1) t:observe(1.5) t:observe(100)",
	       "nil");
	expect_text(h, "# TYPE visits",
		    "# TYPE visits counter\n"
		    "visits_total{a=\"1\",b=\"x\"} 4.5\n"
		    "visits_total 1000000000000000\n"
		    "# TYPE heat gauge\n"
		    "heat{ok=\"true\",q=\"a\\\"\\\\\\n?\"} -0.5\n"
		    "# TYPE took histogram\n"
		    "took_bucket{le=\"0.1\"} 1\n"
		    "took_bucket{le=\"1.0\"} 1\n"
		    "took_bucket{le=\"2.5\"} 2\n"
		    "took_bucket{le=\"+Inf\"} 3\n"
		    "took_sum 101.59999999999999\n"
		    "took_count 3\n"
		    "# EOF\n");
}

static void the_engines_are_there(void **state)
{
	struct lnl_host *h = *state;
	struct lnl_text t = { 0 };

	expect(h,
	       "local seen = {} for _, s in ipairs(m.snapshot()) do seen[s.name .. (s.labels.reason "
	       "or '')] = s.value end return seen.lunel_tunnels .. ' ' .. "
	       "seen.lunel_drops_totalreplay .. ' ' .. seen.lunel_metrics_dropped_total",
	       "0 0 0");
	expect(h, "core.hook_ran('up') core.hook_ran('up', 0.5, 'error') core.hook_ran('down')",
	       "nil");
	expect_text(
		h, "# TYPE lunel_hook_seconds",
		"# TYPE lunel_hook_seconds counter\n"
		"# HELP lunel_hook_seconds Time that hooks took that ended, their waits among it.\n"
		"lunel_hook_seconds_total{hook=\"up\"} 0.5\n"
		"lunel_hook_seconds_total{hook=\"down\"} 0\n"
		"# TYPE lunel_metrics_dropped counter\n"
		"# HELP lunel_metrics_dropped Calls for a metric beyond the number there can be.\n"
		"lunel_metrics_dropped_total 0\n"
		"# EOF\n");
	lnl_metrics_json(h, &t);
	t.data = realloc(t.data, t.len + 1);
	t.data[t.len] = 0;
	assert_memory_equal(t.data, "{\"tunnels\":0,", 13);
	assert_non_null(strstr(t.data, ",\"drops\":{\"short\":0,"));
	assert_non_null(strstr(t.data, "\"hook_errors\":{\"up\":1,\"down\":0},"));
	free(t.data);
}

static void names_are_checked(void **state)
{
	struct lnl_host *h = *state;

	refuse(h, "m.counter('a-b')", "'a-b' is no metric's name");
	refuse(h, "m.counter('')", "is no metric's name");
	refuse(h, "m.counter('1a')", "is no metric's name");
	refuse(h, "m.counter('a:b')", "is no metric's name");
	refuse(h, "m.counter(('a'):rep(128))", "is no metric's name");
	refuse(h, "m.counter(5)", "a name expected");
	refuse(h, "m.gauge('x_total')", "no gauge's name ends with _total");
	refuse(h, "m.counter('x_count')", "ends with _count");
	refuse(h, "m.gauge('lunel_x')", "are the engine's");
	refuse(h, "m.gauge('g') m.counter('g')", "'g' is a gauge already");
	refuse(h, "m.gauge('g', { ['a-b'] = 1 })", "is no label's name");
	refuse(h, "m.gauge('g', { 'x' })", "is no label's name");
	refuse(h, "m.gauge('g', { __x = 1 })", "is no label's name");
	refuse(h, "m.histogram('h', { le = 1 })", "has a label le already");
	refuse(h, "m.gauge('g', { a = {} })", "label a: a text expected, got a table");
	refuse(h, "m.gauge('g', { a = require('lunel.core').secret 'x' })", "got a userdata");
	refuse(h, "m.gauge('g', { a = ('x'):rep(257) })", "at most 256 bytes");
	refuse(h, "local t = {} for i = 1, 17 do t['a' .. i] = i end m.gauge('g', t)",
	       "at most 16 labels");
	refuse(h, "m.gauge('g', 5)", "a table of labels expected");
	refuse(h, "m.histogram('h', nil, { bucket = {} })", "did you mean 'buckets'?");
	refuse(h, "m.histogram('h', nil, { buckets = {} })", "1 to 64 upper bounds");
	refuse(h, "m.histogram('h', nil, { buckets = { 2, 1 } })", "bounds that rise");
	refuse(h, "m.histogram('h', nil, { buckets = { 1/0 } })", "bounds that rise");
	refuse(h, "m.histogram('k') m.histogram('k', nil, { buckets = { 1 } })", "other buckets");
	refuse(h, "return m.guage", "did you mean 'gauge'?");
}

static void values_are_checked(void **state)
{
	struct lnl_host *h = *state;

	refuse(h, "m.counter('c'):add(-1)", "a counter only rises; use a gauge");
	refuse(h, "m.counter('c'):set(1)", "a counter has no set: use a gauge");
	refuse(h, "m.gauge('g'):set()", "finite expected");
	refuse(h, "m.gauge('g'):set(0/0)", "finite expected");
	refuse(h, "m.gauge('g'):set(1/0)", "finite expected");
	refuse(h, "m.gauge('g'):observe(1)", "a gauge has no observe");
	refuse(h, "m.histogram('h'):add(1)", "a histogram has no add");
	refuse(h, "m.histogram('h'):observe(0/0)", "finite expected");
}

/* What is too much is counted, and said once. */
static void series_are_bounded(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "for i = 1, 10010 do m.counter('peers_seen', { name = 'p' .. i }):add() end "
	       "m.counter('another'):add() "
	       "m.counter('peers_seen', { name = 'p1' }):add() " /* is there already */
	       "local n, last = 0 for _, s in ipairs(m.snapshot()) do "
	       "if s.name == 'peers_seen_total' then n = n + 1 end "
	       "if s.name == 'lunel_metrics_dropped_total' then last = s.value end end "
	       "return n .. ' ' .. last",
	       "10000 11");
	assert_int_equal(h->log.n, 1);
	expect(h,
	       "for i = 1, 600 do pcall(m.gauge, 'g' .. i) end local n = 0 "
	       "for _, s in ipairs(m.snapshot()) do "
	       "if s.name == 'lunel_metrics_dropped_total' then n = s.value end end return n",
	       "611");
	assert_int_equal(h->log.n, 1);
}

/* ---- HTTP ---- */

/* Asks with |request|, turning the loop; the answer. */
static const char *ask(struct lnl_host *h, uint16_t port, const char *request)
{
	static char got[65536];
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	for (;;) {
		ssize_t n = recv(fd, got + len, sizeof(got) - 1 - len, MSG_DONTWAIT);

		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		else if (errno != EAGAIN)
			fail_msg("%s", strerror(errno));
		else
			lnl_host_turn(h);
	}
	close(fd);
	got[len] = 0;
	return got;
}

static int status(const char *answer)
{
	assert_memory_equal(answer, "HTTP/1.", 7);
	return atoi(answer + 9);
}

/* A port that is free now; the loop runs as long as a task waits. */
static uint16_t serve(struct lnl_host *h)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char code[256];

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	snprintf(code, sizeof(code),
		 "assert(core.scrape('127.0.0.1', %d)) assert(core.scrape('127.0.0.1', %d)) "
		 "core.spawn(0, 'task', nil, nil, function() core.sleep(1000) end)",
		 ntohs(a.sin_port), ntohs(a.sin_port));
	expect(h, code, "nil");
	return ntohs(a.sin_port);
}

static void metrics_are_served(void **state)
{
	struct lnl_host *h = *state;
	uint16_t port = serve(h);
	const char *got;

	expect(h, "m.counter('visits'):add(3)", "nil");
	got = ask(h, port, "GET /metrics HTTP/1.0\r\n\r\n");
	assert_int_equal(status(got), 200);
	assert_non_null(strstr(
		got,
		"Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
	assert_non_null(strstr(got, "\nvisits_total 3\n# EOF\n"));
	got = ask(h, port, "GET /status HTTP/1.0\r\n\r\n");
	assert_non_null(strstr(got, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(got, "{\"tunnels\":0,"));
	got = ask(h, port, "GET /x HTTP/1.0\r\n\r\n");
	assert_int_equal(status(got), 404);
	got = ask(h, port, "POST /metrics HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
	assert_int_equal(status(got), 405);
	got = ask(h, port, "nonsense\r\n\r\n");
	assert_null(strstr(got, "200 OK"));
	/* A request that is too large does no harm. */
	{
		static char large[20000] = "GET /metrics HTTP/1.0\r\nX: ";

		memset(large + strlen(large), 'x', sizeof(large) - 1 - strlen(large));
		memcpy(large + sizeof(large) - 5, "\r\n\r\n", 5);
		got = ask(h, port, large);
		assert_null(strstr(got, "200 OK"));
	}
	got = ask(h, port, "GET /metrics HTTP/1.0\r\n\r\n");
	assert_int_equal(status(got), 200);
}

/* Connections that say nothing take nothing from who serves them, but the number there can be. */
static void the_silent_are_bounded(void **state)
{
	struct lnl_host *h = *state;
	uint16_t port = serve(h);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[12];

	for (int i = 0; i < 12; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&a, sizeof(a)), 0);
	}
	assert_non_null(strstr(ask(h, port, "GET /metrics HTTP/1.0\r\n\r\n"), "# EOF\n"));
	for (int i = 0; i < 12; i++)
		close(fds[i]);
}

static void an_address_in_use_is_told(void **state)
{
	struct lnl_host *h = *state;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char code[256], want[128];

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(code, sizeof(code), "return (select(2, core.scrape('127.0.0.1', %d)))",
		 ntohs(a.sin_port));
	snprintf(want, sizeof(want), "cannot listen at 127.0.0.1, port %d: Address already in use",
		 ntohs(a.sin_port));
	expect(h, code, want);
	close(fd);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(all_kinds_as_text),      test(the_engines_are_there),
		test(names_are_checked),      test(values_are_checked),
		test(series_are_bounded),     test(metrics_are_served),
		test(the_silent_are_bounded), test(an_address_in_use_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
