/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client costs a server, everything counted: the engine proper, control, TLS, the worker, the
 * data plane, their tables. TRUST L2 and S5.
 */
/* lunel-test: crowd */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/crowd/crowd.h"
#include "sim/crowd/loop.h"
#include "sim/server.h"

/* Its allocator does not tell what is in use; the way there is worth something. */
#ifdef __SANITIZE_ADDRESS__
#define MANY 50
#define SOME 20
#else
#define MANY 1000
#define SOME 200 /* where every moment is looked at */
#endif

#define STEPS 40	     /* moments of a renegotiation */
#define STEP  (5 * LNL_MSEC) /* half the way of a packet */

/*
 * Bytes in use for the server alone, the C library's own words for each block included: in a copy of
 * this process guests and network are forgotten, and what is left is counted.
 */
static size_t in_use(void)
{
	struct mallinfo2 m;
	size_t bytes = 0;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		crowd_forget();
		m = mallinfo2();
		bytes = m.uordblks + m.hblkhd;
		_exit(write(ends[1], &bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], &bytes, sizeof(bytes)), sizeof(bytes));
	close(ends[0]);
	close(ends[1]);
	return bytes;
}

static size_t each(size_t before)
{
	size_t now = in_use();

	return now > before ? (now - before + crowd.conf.n - 1) / crowd.conf.n : 0;
}

static void expect_below(size_t bytes, size_t limit, const char *what)
{
	printf("%s: %zu bytes a peer, at most %zu\n", what, bytes, limit);
	if (bytes > limit)
		fail_msg("%s: %zu bytes a peer", what, bytes);
}

/* No loss, so that all are at the same point, and the host answers when it is told to. */
static struct crowd_conf quiet(unsigned n)
{
	struct crowd_conf c = crowd_usual(n);

	c.loss = c.duplicate = c.reorder = 0;
	c.delay = 10 * LNL_MSEC;
	c.jitter = 0;
	c.think = 0;
	c.payloads = 2;
	c.payload_every = 10 * LNL_SECOND;
	c.reneg_sec = 0;
	c.float_every = 0;
	c.v2 = true;
	return c;
}

static void start(const struct crowd_conf *c, size_t *before)
{
	crowd_start(c);
	*before = in_use();
}

/* ---- connected ---- */

static void renegotiate_all(void)
{
	for (uint32_t id = 0; id < crowd.s->n_slots; id++)
		if (crowd.s->served[id])
			assert_int_equal(lnl_peer_renegotiate(crowd.e, crowd.s->id, id), 0);
	crowd_settle();
}

static void expect_all_up(void)
{
	if (!crowd_all_up(600 * LNL_SECOND))
		fail_msg("%u are up: %s", crowd.up, crowd.why);
	crowd_run(150 * LNL_SECOND);
}

/* Every five milliseconds of a renegotiation of all at once: what is most. */
static size_t most_of_renegotiation(size_t before)
{
	size_t most = 0;

	renegotiate_all();
	for (unsigned i = 0; i < STEPS; i++) {
		size_t now = each(before);

		most = now > most ? now : most;
		crowd_run(STEP);
	}
	return most;
}

/* With the host's answers after up to |think|; |what| NULL: moments are passed over. */
static void connected(unsigned n, uint64_t think, const char *what)
{
	const struct crowd_conf c = quiet(n);
	size_t before;

	start(&c, &before);
	expect_all_up();
	expect_below(each(before), 16384, "connected and idle");
	crowd.conf.think = think;
	/* From the second on there is a key of before to keep. */
	for (unsigned i = 0; i < 3; i++) {
		if (what)
			expect_below(most_of_renegotiation(before), 24576, what);
		else
			renegotiate_all();
		crowd_run(150 * LNL_SECOND);
		expect_below(each(before), 16384, "idle after it");
	}
	assert_int_equal(crowd.up, n);
	assert_int_equal(crowd.logins, 4 * n);
	crowd_end();
}

static void test_L2_idle(void **state)
{
	(void)state;
	connected(MANY, 0, NULL);
}

static void test_L2_renegotiating(void **state)
{
	(void)state;
	connected(SOME, 0, "while it renegotiates");
}

static void test_L2_judged_late(void **state)
{
	(void)state;
	connected(SOME, 2 * STEPS * STEP, "while its login is judged");
}

/* ---- half-open ---- */

/* What a guest is that only knocks. */
static struct knocker {
	struct lnl_wrap wrap;
	uint8_t sid[LNL_SID_LEN];
	bool answered;
} knockers[MANY];

static uint8_t longest_wkc[LNL_WKC_MAX];
static size_t longest_wkc_len;

static void knock(struct crowd_guest *g, struct lnl_control *c)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	int len;

	memcpy(c->sid, knockers[g->index].sid, LNL_SID_LEN);
	len = lnl_wrap_write(&knockers[g->index].wrap, c, packet, sizeof(packet));
	assert_true(len > 0);
	if (c->op == LNL_OP_HARD_RESET_CLIENT_V3) {
		memcpy(packet + len, longest_wkc, longest_wkc_len);
		len += (int)longest_wkc_len;
	}
	crowd_send_up(g, packet, (size_t)len, -1);
}

/* The cookie is sent back, and nothing follows. */
static void acknowledge(struct crowd_guest *g, uint8_t *bytes, size_t len)
{
	struct lnl_control c = { .op = LNL_OP_ACK_V1, .n_acks = 1 };

	assert_true(len > 1 + LNL_SID_LEN);
	if (knockers[g->index].answered || lnl_op_of(bytes[0]) != LNL_OP_HARD_RESET_SERVER_V2)
		return;
	knockers[g->index].answered = true;
	memcpy(c.peer_sid, bytes + 1, LNL_SID_LEN);
	knock(g, &c);
}

static void knock_all(enum lnl_opcode op)
{
	struct lnl_control c = { .op = (uint8_t)op };

	memset(knockers, 0, sizeof(knockers));
	crowd.tap = acknowledge;
	for (unsigned i = 0; i < MANY; i++) {
		struct crowd_guest *g = &crowd.guests[i];

		crowd_guest_free(g); /* it will not come */
		memcpy(knockers[i].sid, "knocker", LNL_SID_LEN - 1);
		memcpy(knockers[i].sid, &i, sizeof(i));
		lnl_wrap_init(&knockers[i].wrap, &crowd.wrap[op != LNL_OP_HARD_RESET_CLIENT_V2], 0,
			      (uint32_t)SIM_WALLCLOCK);
		knock(g, &c);
		crowd_run(10 * LNL_MSEC);
	}
	crowd_run(LNL_SECOND);
}

static void half_open(enum lnl_opcode op, const char *what)
{
	struct crowd_conf c = quiet(MANY);
	size_t before;

	c.max_clients = 10 * MANY; /* a tenth may be half-open */
	c.noncookie = true;
	start(&c, &before);
	knock_all(op);
	assert_int_equal(crowd.s->n_half_open, MANY);
	expect_below(each(before), 4096, what);
	/* They go by themselves, and take everything along. */
	crowd_run(70 * LNL_SECOND);
	assert_int_equal(crowd.s->n_served, 0);
	expect_below(each(before), 64, "when they are gone");
	crowd_end();
}

static void test_S5_half_open(void **state)
{
	(void)state;
	half_open(LNL_OP_HARD_RESET_CLIENT_V2, "half-open, by its cookie");
}

/* tls-crypt-v2 without the cookie, and with the most that its key can tell. */
static void test_S5_half_open_v2(void **state)
{
	uint8_t metadata[LNL_V2_METADATA_MAX];
	struct crowd_conf c = quiet(MANY);

	(void)state;
	memset(metadata, 0, sizeof(metadata));
	crowd_start(&c); /* for its keys, which its seed decides */
	longest_wkc_len = sim_wkc_make_with(longest_wkc, crowd.v2_key, &crowd.kc, metadata,
					    sizeof(metadata), &crowd.env);
	crowd_end();
	assert_true(longest_wkc_len > 0);
	half_open(LNL_OP_HARD_RESET_CLIENT_V3, "half-open, by a tls-crypt-v2 key");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_L2_idle),		cmocka_unit_test(test_L2_renegotiating),
		cmocka_unit_test(test_L2_judged_late),	cmocka_unit_test(test_S5_half_open),
		cmocka_unit_test(test_S5_half_open_v2),
	};

	(void)argc;
	/* The C library's cache of free blocks would count as in use. */
	if (!getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
		execv("/proc/self/exe", argv);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
