/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: poor */
/* What a client logs in with, and the memory that it is written into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_state.h"

/* ---- memory that ends ---- */

static int left = -1; /* allocations until there is no more; below 0: plenty */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	if (left == 0)
		return NULL;
	if (left > 0)
		left--;
	return __real_calloc(n, size);
}

/* ---- a tunnel that has to log in ---- */

#define LONG 5000

struct tunnel {
	struct lnl_tunnel t;
	struct lnl_arena arena;
	char user[16], password[LONG + 1], response[LONG + 1];
};

static struct tunnel *tunnel_new(size_t password, size_t response)
{
	struct tunnel *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	memset(n->password, 'p', password);
	memset(n->response, 'r', response);
	memcpy(n->user, "anna", 5);
	n->t.username = n->user;
	n->t.password = n->password;
	n->t.conf.o.auth_user_pass = true;
	return n;
}

static void tunnel_free(struct tunnel *n)
{
	lnl_arena_free(&n->arena);
	free(n);
}

static void test_print(void **state)
{
	static const size_t lengths[] = { 0, 1, 1022, 1023, 1024, 1025, LONG };
	struct lnl_arena a = { NULL };
	char text[LONG + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		char *out;

		memset(text, 'x', lengths[i]);
		text[lengths[i]] = 0;
		out = lnl_arena_print(&a, "%s%c%d", text, '=', 7);
		assert_non_null(out);
		assert_int_equal(strlen(out), lengths[i] + 2);
		assert_memory_equal(out, text, lengths[i]);
		assert_string_equal(out + lengths[i], "=7");
	}
	left = 0;
	assert_null(lnl_arena_print(&a, "%s", "nothing left"));
	left = -1;
	lnl_arena_free(&a);
}

/* Four of base64 for three, after "SCRV1:" and ":". */
static size_t static_len(size_t password, size_t response)
{
	return 6 + (password + 2) / 3 * 4 + 1 + (response + 2) / 3 * 4;
}

/* A password of OpenVPN's greatest length and a long answer go out whole. */
static void test_static_challenge(void **state)
{
	static const size_t lengths[][2] = {
		{ 1, 1 }, { 8, 6 }, { 128, 128 }, { 700, 100 }, { 4096, 4096 }, { LONG, LONG },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct tunnel *n = tunnel_new(lengths[i][0], lengths[i][1]);
		const char *user, *password;

		n->t.conf.o.static_challenge = "PIN";
		n->t.response = n->response;
		assert_int_equal(lnl_auth_pair(&n->t, &n->arena, &user, &password), 0);
		assert_string_equal(user, "anna");
		assert_memory_equal(password, "SCRV1:", 6);
		assert_int_equal(strlen(password), static_len(lengths[i][0], lengths[i][1]));
		tunnel_free(n);
	}
}

static void test_dynamic_challenge(void **state)
{
	struct tunnel *n = tunnel_new(8, 3000);
	const char *user, *password;

	(void)state;
	n->t.challenge_open = true;
	memcpy(n->t.challenge_state, "state", 6);
	memcpy(n->t.challenge_user, "her", 4);
	n->t.response = n->response;
	assert_int_equal(lnl_auth_pair(&n->t, &n->arena, &user, &password), 0);
	assert_string_equal(user, "her");
	assert_memory_equal(password, "CRV1::state::rrr", 16);
	assert_int_equal(strlen(password), 13 + 3000);
	n->t.response = NULL;
	assert_int_equal(lnl_auth_pair(&n->t, &n->arena, &user, &password), 0);
	assert_string_equal(password, "CRV1::state::");
	tunnel_free(n);
}

static void test_plain(void **state)
{
	struct tunnel *n = tunnel_new(8, 0);
	const char *user, *password;
	char token[] = "SESS_ID_AT_x", token_user[] = "anna2";

	(void)state;
	assert_int_equal(lnl_auth_pair(&n->t, &n->arena, &user, &password), 0);
	assert_string_equal(user, "anna");
	assert_string_equal(password, "pppppppp");
	n->t.token = token;
	assert_int_equal(lnl_auth_pair(&n->t, &n->arena, &user, &password), 0);
	assert_string_equal(user, "anna");
	assert_string_equal(password, "SESS_ID_AT_x");
	n->t.token_user = token_user;
	n->t.password = NULL;
	assert_int_equal(lnl_auth_pair(&n->t, &n->arena, &user, &password), 0);
	assert_string_equal(user, "anna2");
	n->t.conf.o.auth_user_pass = false;
	assert_int_equal(lnl_auth_pair(&n->t, &n->arena, &user, &password), 0);
	assert_null(user);
	assert_null(password);
	tunnel_free(n);
}

/* No memory is an error, not a login without a password, nor with the word "(null)". */
static void test_no_memory(void **state)
{
	const char *user, *password;
	int rc;

	(void)state;
	for (int dynamic = 0; dynamic <= 1; dynamic++) {
		struct tunnel *n = tunnel_new(8, 6);
		int k = 0;

		n->t.conf.o.static_challenge = "PIN";
		n->t.response = n->response;
		n->t.challenge_open = dynamic;
		do {
			left = k++;
			rc = lnl_auth_pair(&n->t, &n->arena, &user, &password);
			left = -1;
			if (rc < 0)
				assert_int_equal(rc, LNL_E_NOMEM);
		} while (rc < 0);
		assert_int_equal(k - 1, dynamic ? 1 : 3);
		assert_null(strstr(password, "(null)"));
		tunnel_free(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_static_challenge),
		cmocka_unit_test(test_dynamic_challenge),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
