/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Very many clients at one server for an hour, through loss: all come, all stay, each gets its
 * packets. Ten thousand with the fake crypto, and with wolfSSL when matrices run whole (LUNEL_ALL).
 */
/* lunel-test: both */
/* lunel-test: crowd */
/* lunel-test: timeout 900 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/crowd/crowd.h"

#define MANY 10000
#define SOME 1000
#define FEW  500 /* instrumented */

static unsigned wanted; /* by the command line */

static unsigned how_many(void)
{
	const char *all = getenv("LUNEL_ALL");

	if (wanted > 0)
		return wanted;
#ifdef __SANITIZE_ADDRESS__
	return FEW;
#endif
	if (strstr(lnl_crypto_version(), "fake") || (all && strcmp(all, "1") == 0))
		return MANY;
	return SOME;
}

static void say(void)
{
	printf("%u guests: %lu packets up, %lu lost; %lu down, %lu lost, of them %lu to where "
	       "nobody was\n",
	       crowd.conf.n, crowd.packets[CROWD_UP], crowd.lost[CROWD_UP],
	       crowd.packets[CROWD_DOWN], crowd.lost[CROWD_DOWN], crowd.nowhere);
	printf("numbered packets: %lu up, %lu lost; %lu down, %lu lost; %u logins, %u records\n",
	       crowd.payloads[CROWD_UP], crowd.payloads_lost[CROWD_UP], crowd.payloads[CROWD_DOWN],
	       crowd.payloads_lost[CROWD_DOWN], crowd.logins, crowd.records);
}

/* Data packets that arrived and went no further: only what the network doubled. */
static void expect_doubled_only(const unsigned long *drops)
{
	for (unsigned i = 0; i < LNL_DROP_COUNT; i++)
		if (drops[i] && i != LNL_DROP_REPLAY)
			fail_msg("%lu data packets dropped: %s", drops[i],
				 lnl_drop_name((enum lnl_drop)i));
}

static void expect_server_drops(void)
{
	unsigned long drops[LNL_DROP_COUNT] = { 0 };
	struct lnl_counters c;

	for (uint32_t id = 0; id <= crowd.s->n_slots; id++) {
		uint32_t peer = id < crowd.s->n_slots ? id : LNL_PEER_ID_NONE;

		if (lnl_data_counters(crowd.w->data, peer, &c) < 0)
			continue;
		for (unsigned i = 0; i < LNL_DROP_COUNT; i++)
			drops[i] += c.drops[i];
	}
	expect_doubled_only(drops);
}

/* The address leads to the peer of that name alone. */
static void expect_address(const struct crowd_guest *g, const struct lnl_ip *ip)
{
	uint32_t id = lnl_data_route_find(crowd.w->data, ip);
	const struct lnl_served *v = lnl_served_find(crowd.s, id);
	char name[32];

	snprintf(name, sizeof(name), "user%06u", g->index);
	assert_non_null(v);
	assert_true(v->up);
	assert_string_equal(v->name, name);
}

static void expect_guest(const struct crowd_guest *g)
{
	assert_true(g->up);
	/* The first key, and a renegotiation each quarter of an hour. */
	assert_true(g->keys >= 4);
	for (unsigned end = 0; end < CROWD_ENDS; end++) {
		assert_true(g->sent[end] >= crowd.conf.payloads - 1);
		if ((g->got[end] ^ g->lost[end]) != (UINT32_C(1) << g->sent[end]) - 1)
			fail_msg("guest %u: %u sent, %x lost, %x arrived", g->index, g->sent[end],
				 g->lost[end], g->got[end]);
	}
	expect_address(g, &g->own4);
	expect_address(g, &g->own6);
}

/* All are in the table, and looking for one looks at few others. */
static void expect_short(struct lnl_served *const *buckets, bool by_name)
{
	unsigned longest = 0, all = 0;

	for (uint32_t i = 0; i <= crowd.s->mask; i++) {
		const struct lnl_served *v = buckets[i];
		unsigned n = 0;

		for (; v; v = by_name ? v->next_name : v->next_address)
			n++;
		longest = n > longest ? n : longest;
		all += n;
	}
	assert_int_equal(all, crowd.conf.n);
	if (longest > 10)
		fail_msg("%u clients are in one bucket", longest);
}

static void test_hour(void **state)
{
	struct crowd_conf conf = crowd_usual(how_many());

	(void)state;
	crowd_start(&conf);
	if (!crowd_all_up(600 * LNL_SECOND))
		fail_msg("%u of %u are up: %s", crowd.up, conf.n, crowd.why);
	crowd_run(3600 * LNL_SECOND);
	say();
	if (crowd.guests_closed || crowd.peers_closed)
		fail_msg("%u guests and %u peers closed: %s", crowd.guests_closed,
			 crowd.peers_closed, crowd.why);
	assert_int_equal(crowd.up, conf.n);
	assert_int_equal(crowd.established, conf.n);
	assert_int_equal(crowd.s->n_up, conf.n);
	assert_int_equal(crowd.s->n_half_open, 0);
	if (crowd.warnings || crowd.lost_records)
		fail_msg("%u warnings: %s", crowd.warnings, crowd.warning);
	for (unsigned end = 0; end < CROWD_ENDS; end++) {
		assert_true(crowd.lost[end] > 0);
		assert_int_equal(crowd.payloads[end],
				 crowd.payloads_got[end] + crowd.payloads_lost[end]);
	}
	assert_int_equal(crowd.wrong, 0);
	for (unsigned i = 0; i < conf.n; i++)
		expect_guest(&crowd.guests[i]);
	expect_doubled_only(crowd.guest_drops);
	expect_server_drops();
	expect_short(crowd.s->by_address, false);
	expect_short(crowd.s->by_name, true);
	crowd_end();
}

/* After a server's restart: all come in five seconds, and the host thinks for up to eight. */
static void test_at_once(void **state)
{
	unsigned n = how_many();
	struct crowd_conf conf = crowd_usual(n < SOME ? n : SOME);

	(void)state;
	conf.arrive_in = 5 * LNL_SECOND;
	conf.think = 8 * LNL_SECOND;
	conf.answers = 100 * conf.n;
	conf.max_clients = 10 * conf.n; /* so many may be half-open */
	crowd_start(&conf);
	if (!crowd_all_up(60 * LNL_SECOND))
		fail_msg("%u of %u are up: %s", crowd.up, conf.n, crowd.why);
	printf("%u guests at once: at most %u questions were open\n", conf.n, crowd.most_tickets);
	assert_true(crowd.most_tickets > conf.n / 4);
	assert_int_equal(crowd.e->tickets.n, 0);
	assert_int_equal(crowd.s->n_half_open, 0);
	assert_int_equal(crowd.s->n_served + crowd.s->n_free, crowd.s->n_slots);
	crowd_end();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hour),
					    cmocka_unit_test(test_at_once) };

	wanted = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
