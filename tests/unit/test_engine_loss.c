/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the other side's packets that does not come, over the last minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine_state.h"

static struct lnl_counters at(uint64_t used, uint64_t came)
{
	return (struct lnl_counters){ .ids_used = used, .ids_came = came };
}

static int percent(const struct lnl_loss *l, const struct lnl_counters *c)
{
	double loss = lnl_loss_now(l, c);

	return loss < 0 ? -1 : (int)(loss * 100 + 0.5);
}

/* Counters of every |step| seconds: 10 ids a second, of which |lost| do not come. */
static void pass(struct lnl_loss *l, struct lnl_counters *c, uint64_t *now, unsigned seconds,
		 unsigned step, unsigned lost)
{
	for (unsigned s = 0; s < seconds; s += step) {
		*now += step * LNL_SECOND;
		c->ids_used += 10 * step;
		c->ids_came += (10 - lost) * step;
		lnl_loss_take(l, c, *now);
	}
}

static void test_minute(void **state)
{
	struct lnl_loss l = { .n = 0 };
	struct lnl_counters c = at(0, 0);
	uint64_t now = 7;

	(void)state;
	assert_int_equal(percent(&l, &c), -1);
	lnl_loss_take(&l, &c, now);
	assert_int_equal(percent(&l, &c), -1);
	/* from the start, while it is young */
	pass(&l, &c, &now, 5, 1, 5);
	assert_int_equal(percent(&l, &c), 50);
	pass(&l, &c, &now, 15, 5, 5);
	assert_int_equal(percent(&l, &c), 50);
	/* a good time: what was lost before fades, and is gone after a minute */
	pass(&l, &c, &now, 20, 1, 0);
	assert_int_equal(percent(&l, &c), 25);
	pass(&l, &c, &now, 65, 1, 0);
	assert_int_equal(percent(&l, &c), 0);
	/* a bad one is seen before it is looked for again */
	c.ids_used += 1000;
	assert_in_range(percent(&l, &c), 55, 65);
	/* late ones count once they are there */
	c.ids_came += 1000;
	assert_int_equal(percent(&l, &c), 0);
}

/* One of a thousand clients is looked at once a minute. */
static void test_seldom(void **state)
{
	struct lnl_loss l = { .n = 0 };
	struct lnl_counters c = at(0, 0);
	uint64_t now = 7;

	(void)state;
	pass(&l, &c, &now, 600, 60, 2);
	assert_int_equal(percent(&l, &c), 20);
	pass(&l, &c, &now, 120, 60, 0);
	assert_int_equal(percent(&l, &c), 0);
}

static void test_again(void **state)
{
	struct lnl_loss l = { .n = 0 };
	struct lnl_counters c = at(1000, 500);
	uint64_t now = 7;

	(void)state;
	lnl_loss_take(&l, &c, now);
	pass(&l, &c, &now, 20, 5, 10);
	/* another connection begins at 0 */
	c = at(10, 10);
	lnl_loss_take(&l, &c, now + LNL_SECOND);
	assert_int_equal(percent(&l, &c), 0);
	/* a window never came to more than was sent, whatever is counted */
	c = at(10, 11);
	assert_int_equal(percent(&l, &c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minute),
		cmocka_unit_test(test_seldom),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
