/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_control_pair.h"

#include "control/negotiation.h"

static const struct lnl_km2 km2 = { "V4", "", "", "" };

#define ROOM 1100

static int crypto_up(void **state)
{
	(void)state;
	return lnl_crypto_init(NULL);
}

static int crypto_down(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return 0;
}

/* Hands over what |from| has due; returns the number of packets. */
static unsigned move(struct sessions *p, struct lnl_negotiation *from, struct lnl_negotiation *to)
{
	const struct lnl_reliable_sent *sent;
	uint32_t acks[LNL_ACKS_MAX];
	unsigned n = 0;

	while ((sent = lnl_reliable_due(&from->rel, p->now))) {
		lnl_reliable_receive(&to->rel, sent->op, sent->id, sent->data, sent->len);
		n++;
	}
	for (unsigned k = lnl_reliable_take_acks(&from->rel, acks, LNL_ACKS_MAX, false); k > 0; k--)
		lnl_reliable_acked(&to->rel, acks[k - 1], p->now);
	lnl_negotiation_advance(to, ROOM, p->now);
	return n;
}

static void start(struct sessions *p, struct lnl_negotiation n[2])
{
	sessions_init(p);
	memset(n, 0, 2 * sizeof(n[0]));
	assert_int_equal(lnl_negotiation_init(&n[0], &p->conf[0], 0, LNL_OP_HARD_RESET_CLIENT_V2,
					      p->now),
			 0);
	assert_int_equal(lnl_negotiation_init(&n[1], &p->conf[1], 0, LNL_OP_HARD_RESET_SERVER_V2,
					      p->now),
			 0);
}

static void stop(struct sessions *p, struct lnl_negotiation n[2])
{
	lnl_negotiation_deinit(&n[0]);
	lnl_negotiation_deinit(&n[1]);
	sessions_deinit(p);
}

static void exchange(struct sessions *p, struct lnl_negotiation n[2])
{
	for (unsigned i = 0; i < 40; i++) {
		move(p, &n[0], &n[1]);
		move(p, &n[1], &n[0]);
	}
}

static void test_steps(void **state)
{
	struct lnl_negotiation n[2];
	struct lnl_km2 got;
	struct sessions p;

	(void)state;
	start(&p, n);
	assert_int_equal(n[0].step, LNL_NEG_RESET);
	/* A server that only heard a reset has no TLS yet. */
	move(&p, &n[0], &n[1]);
	assert_null(n[1].tls);
	exchange(&p, n);
	assert_int_equal(n[0].step, LNL_NEG_VERIFY);
	assert_int_equal(n[1].step, LNL_NEG_VERIFY);
	assert_true(n[0].tell_verify && n[1].tell_verify);
	assert_int_equal(n[0].deadline, p.now + 60 * LNL_SECOND);
	/* A server waits for its owner's word, then for the client's record. */
	assert_int_equal(lnl_negotiation_send_record(&n[1], &km2, p.now), LNL_E_STATE);
	assert_int_equal(lnl_negotiation_send_record(&n[0], &km2, p.now), 0);
	assert_int_equal(n[0].step, LNL_NEG_RECORD);
	assert_int_equal(lnl_negotiation_send_record(&n[0], &km2, p.now), LNL_E_STATE);
	lnl_negotiation_advance(&n[0], ROOM, p.now);
	exchange(&p, n);
	assert_false(n[1].tell_record);
	n[1].step = LNL_NEG_RECORD;
	lnl_negotiation_advance(&n[1], ROOM, p.now);
	assert_true(n[1].tell_record);
	assert_int_equal(lnl_negotiation_read_record(&n[1], &got, p.now), 0);
	assert_string_equal(got.options, "V4");
	assert_int_equal(n[1].step, LNL_NEG_REPLY);
	lnl_negotiation_took(&n[1]);
	assert_int_equal(lnl_negotiation_send_record(&n[1], &km2, p.now), 0);
	assert_int_equal(n[1].step, LNL_NEG_DONE);
	assert_true(n[1].tell_negotiated);
	assert_true(n[1].deadline == LNL_NEVER);
	lnl_negotiation_advance(&n[1], ROOM, p.now);
	exchange(&p, n);
	assert_true(n[0].tell_record);
	assert_int_equal(lnl_negotiation_read_record(&n[0], &got, p.now), 0);
	assert_int_equal(n[0].step, LNL_NEG_DONE);
	assert_memory_equal(n[0].keys, n[1].keys, sizeof(*n[0].keys));
	stop(&p, n);
}

/* Its first failure counts; afterwards it does nothing. */
static void test_failure(void **state)
{
	struct lnl_negotiation n[2];
	struct sessions p;

	(void)state;
	start(&p, n);
	lnl_negotiation_fail(&n[0], LNL_E_TLS, "first\n");
	lnl_negotiation_fail(&n[0], LNL_E_CERT, "second");
	assert_int_equal(n[0].error, LNL_E_TLS);
	assert_string_equal(n[0].why, "first?");
	assert_true(n[0].tell_failed);
	exchange(&p, n);
	assert_int_equal(n[0].step, LNL_NEG_FAILED);
	assert_null(n[0].tls);
	assert_int_equal(lnl_negotiation_send_record(&n[0], &km2, p.now), LNL_E_STATE);
	stop(&p, n);
}

/* No packet is longer than the room, and the one that brings a WKc leaves room for it. */
static void test_room(void **state)
{
	static const uint8_t wkc[300];

	(void)state;
	for (unsigned with_wkc = 0; with_wkc < 2; with_wkc++) {
		const struct lnl_reliable_sent *sent;
		struct lnl_negotiation n[2];
		struct sessions p;
		unsigned packets = 0;

		start(&p, n);
		if (with_wkc) {
			p.conf[0].wkc = wkc;
			p.conf[0].wkc_len = sizeof(wkc);
			n[0].wkc_wanted = true;
		}
		assert_non_null(lnl_reliable_due(&n[0].rel, p.now));
		lnl_reliable_acked(&n[0].rel, 0, p.now);
		lnl_reliable_receive(&n[0].rel, LNL_OP_HARD_RESET_SERVER_V2, 0, "", 0);
		lnl_negotiation_advance(&n[0], 320, p.now);
		while ((sent = lnl_reliable_due(&n[0].rel, p.now))) {
			bool first = with_wkc && packets == 0;

			assert_int_equal(sent->op,
					 first ? LNL_OP_CONTROL_WKC_V1 : LNL_OP_CONTROL_V1);
			assert_in_range(sent->len, 1, first ? 20 : 320);
			packets++;
		}
		assert_true(packets > 0);
		stop(&p, n);
	}
}

static void test_no_memory(void **state)
{
	struct lnl_negotiation n;
	struct sessions p;

	(void)state;
	sessions_init(&p);
	for (unsigned k = 1; k < 3; k++) {
		memset(&n, 0, sizeof(n));
		p.env.fail_at = p.env.allocations + k;
		assert_int_equal(lnl_negotiation_init(&n, &p.conf[0], 0,
						      LNL_OP_HARD_RESET_CLIENT_V2, p.now),
				 LNL_E_NOMEM);
		lnl_negotiation_deinit(&n);
	}
	p.env.fail_at = 0;
	sessions_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
