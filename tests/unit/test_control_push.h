/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gives option texts to a struct lnl_pulled, and sees to it that a refused one changes nothing. */
#ifndef LNL_TEST_CONTROL_PUSH_H
#define LNL_TEST_CONTROL_PUSH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/push.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

struct push_test {
	struct lnl_pulled p;
	struct lnl_pulled before;
	struct lnl_why why;
};

static inline int push_set_up(void **state)
{
	struct push_test *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	lnl_pulled_init(&t->p, false);
	*state = t;
	return 0;
}

static inline int push_tear_down(void **state)
{
	free(*state);
	return 0;
}

#define PUSH_TEST(f) cmocka_unit_test_setup_teardown(f, push_set_up, push_tear_down)

static inline int give_words(struct push_test *t, enum lnl_option_source from,
			     const struct lnl_option *o)
{
	int error;

	memcpy(&t->before, &t->p, sizeof(t->p));
	memset(&t->why, 'x', sizeof(t->why));
	error = lnl_pulled_option(&t->p, o, from, &t->why);
	assert_non_null(memchr(t->why.text, 0, sizeof(t->why.text)));
	if (error != 0) {
		assert_memory_equal(&t->p, &t->before, sizeof(t->p));
		/* "option: cause" */
		assert_non_null(strstr(t->why.text, ": "));
	}
	return error;
}

/* Gives the one option that |text| holds. */
static inline int give(struct push_test *t, enum lnl_option_source from, const char *text)
{
	size_t len = strlen(text);
	struct lnl_option o;
	int rc = lnl_option_next(&o, &text, &len);

	assert_int_equal(rc, 1);
	return give_words(t, from, &o);
}

static inline int pushed(struct push_test *t, const char *text)
{
	return give(t, LNL_FROM_SERVER, text);
}

/* Starts anew. */
static inline void push_reset(struct push_test *t)
{
	lnl_pulled_init(&t->p, false);
}

static inline void assert_ip(const struct lnl_ip *ip, const char *want)
{
	char text[LNL_IP_TEXT];

	assert_string_equal(lnl_ip_text(ip, text), want);
}

#endif
