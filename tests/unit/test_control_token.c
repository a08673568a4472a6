/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tokens of auth-gen-token (TRUST A4). The known answers were made with python3 (hmac, struct, base64)
 * from OpenVPN's format; the key file by OpenVPN 2.6.14 (--genkey auth-token).
 */
#include <stdio.h>

#include "control/token.h"
#include "test_crypto_env.h"
#include "wire/base64.h"

#define HOUR   UINT64_C(3600)
#define BEGUN  TEST_NOW
#define RENEW  (TEST_NOW + HOUR)
#define PREFIX "SESS_ID_AT_"

static const char anna_text[] =
	PREFIX "oKGio6SlpqeoqaqrAAAAAGlVuQAAAAAAaVXHEPvAHr0+tS7umokZKBTa2+BlDYB0T3XoawCPY947cqEM";
static const char nobody_text[] =
	PREFIX "oKGio6SlpqeoqaqrAAAAAGlVuQAAAAAAaVW5ADXbziasqXq9CxuxB3u34PCPvEkordM8qI/l6rBFq0Vr";

struct fixture {
	struct test_env world;
	struct lnl_tokens tokens;
	uint8_t key[64];
	struct lnl_token_facts facts;
};

static struct fixture *fixture(void **state)
{
	return *state;
}

static void start(struct fixture *f, const uint8_t *key, uint64_t lifetime, uint64_t renewal)
{
	lnl_tokens_deinit(&f->tokens);
	assert_int_equal(lnl_tokens_init(&f->tokens, &f->world.env, key, lifetime, renewal), 0);
}

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	test_env_init(&f.world);
	for (unsigned i = 0; i < sizeof(f.key); i++)
		f.key[i] = (uint8_t)i;
	for (unsigned i = 0; i < LNL_TOKEN_SESSION; i++)
		f.facts.session[i] = (uint8_t)(0xa0 + i);
	f.facts.initial = BEGUN;
	f.world.secret = f.key;
	start(&f, f.key, 0, 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = fixture(state);

	lnl_tokens_deinit(&f->tokens);
	lnl_tokens_deinit(&f->tokens);
	return f->world.live == 0 && f->world.leaks == 0 ? 0 : -1;
}

static void write_token(struct fixture *f, const char *user, uint64_t renewed,
			char out[LNL_TOKEN_TEXT])
{
	f->facts.initial = BEGUN;
	assert_int_equal(lnl_token_write(&f->tokens, &f->facts, user, renewed, out), 0);
	assert_true(strlen(out) < LNL_TOKEN_TEXT);
}

static bool all_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i] != 0)
			return false;
	return true;
}

/* Judges a copy just as long, so that a read past its end is seen. */
static enum lnl_token_state check(struct fixture *f, const char *user, const char *token,
				  size_t len, uint64_t wall)
{
	char *copy = malloc(len + 1);
	struct lnl_token_facts got;
	enum lnl_token_state state;

	assert_non_null(copy);
	memcpy(copy, token, len);
	copy[len] = '\0';
	memset(&got, 0x5a, sizeof(got));
	state = lnl_token_check(&f->tokens, user, copy, wall, &got);
	free(copy);
	if (state == LNL_TOKEN_NONE || state == LNL_TOKEN_INVALID) {
		assert_true(all_zero(&got, sizeof(got)));
	} else {
		assert_memory_equal(got.session, f->facts.session, LNL_TOKEN_SESSION);
		assert_int_equal(got.initial, f->facts.initial);
	}
	return state;
}

static enum lnl_token_state check_text(struct fixture *f, const char *user, const char *token)
{
	return check(f, user, token, strlen(token), RENEW);
}

/* ---- what is written ---- */

static void known_answers(void **state)
{
	struct fixture *f = fixture(state);
	struct lnl_token_facts got;
	char out[LNL_TOKEN_TEXT];

	write_token(f, "anna", RENEW, out);
	assert_string_equal(out, anna_text);
	assert_int_equal(f->facts.renewed, RENEW);
	write_token(f, "", BEGUN, out);
	assert_string_equal(out, nobody_text);
	assert_int_equal(lnl_token_check(&f->tokens, "anna", anna_text, RENEW, &got),
			 LNL_TOKEN_VALID);
	assert_memory_equal(got.session, f->facts.session, LNL_TOKEN_SESSION);
	assert_int_equal(got.initial, BEGUN);
	assert_int_equal(got.renewed, RENEW);
	assert_int_equal(check_text(f, "", nobody_text), LNL_TOKEN_VALID);
}

static void begun(void **state)
{
	struct fixture *f = fixture(state);
	struct lnl_token_facts a, b;
	char out[LNL_TOKEN_TEXT];

	assert_int_equal(lnl_token_begin(&a, &f->world.env, BEGUN), 0);
	assert_int_equal(lnl_token_begin(&b, &f->world.env, BEGUN), 0);
	assert_int_equal(a.initial, BEGUN);
	assert_int_equal(a.renewed, BEGUN);
	assert_memory_not_equal(a.session, b.session, sizeof(a.session));
	f->world.no_random = true;
	assert_int_equal(lnl_token_begin(&a, &f->world.env, BEGUN), LNL_E_RANDOM);
	/* The session stays the same over renewals, and each token is another. */
	f->facts = b;
	assert_int_equal(lnl_token_write(&f->tokens, &b, "anna", RENEW, out), 0);
	assert_int_equal(check_text(f, "anna", out), LNL_TOKEN_VALID);
	/* A clock that was set back: what is written is still believed. */
	assert_int_equal(lnl_token_write(&f->tokens, &b, "anna", BEGUN - 10, out), 0);
	assert_int_equal(b.renewed, BEGUN);
	assert_int_equal(check(f, "anna", out, strlen(out), BEGUN - 10), LNL_TOKEN_VALID);
}

static void starting(void **state)
{
	struct fixture *f = fixture(state);
	struct lnl_tokens t;

	f->world.no_random = true;
	assert_int_equal(lnl_tokens_init(&t, &f->world.env, NULL, 0, 0), LNL_E_RANDOM);
	lnl_tokens_deinit(&t);
	assert_int_equal(lnl_tokens_init(&t, &f->world.env, f->key, 0, 0), 0);
	lnl_tokens_deinit(&t);
	f->world.allocations = 0;
	f->world.fail_at = 1;
	assert_int_equal(lnl_tokens_init(&t, &f->world.env, f->key, 0, 0), LNL_E_NOMEM);
	lnl_tokens_deinit(&t);
}

/* ---- A4 ---- */

static void a4_every_truncation(void **state)
{
	struct fixture *f = fixture(state);
	size_t len = strlen(anna_text);

	for (size_t n = 0; n < len; n++)
		assert_int_equal(check(f, "anna", anna_text, n, RENEW),
				 n < strlen(PREFIX) ? LNL_TOKEN_NONE : LNL_TOKEN_INVALID);
	assert_int_equal(check(f, "anna", anna_text, len, RENEW), LNL_TOKEN_VALID);
}

static void a4_every_flip(void **state)
{
	struct fixture *f = fixture(state);
	char token[sizeof(anna_text)];

	for (size_t bit = 0; bit < 8 * strlen(anna_text); bit++) {
		memcpy(token, anna_text, sizeof(token));
		token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(check_text(f, "anna", token),
				 bit / 8 < strlen(PREFIX) ? LNL_TOKEN_NONE : LNL_TOKEN_INVALID);
	}
	assert_int_equal(check_text(f, "anna", anna_text), LNL_TOKEN_VALID);
}

/* Every flip of what is encoded, whether or not a character's flip can make it. */
static void a4_every_flip_inside(void **state)
{
	struct fixture *f = fixture(state);
	uint8_t raw[60];
	char token[LNL_TOKEN_TEXT];

	assert_int_equal(lnl_base64_read(raw, sizeof(raw), anna_text + strlen(PREFIX),
					 strlen(anna_text) - strlen(PREFIX)),
			 sizeof(raw));
	for (size_t bit = 0; bit <= 8 * sizeof(raw); bit++) {
		struct lnl_writer w;

		if (bit < 8 * sizeof(raw))
			raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
		lnl_writer_init(&w, token, sizeof(token));
		lnl_write_str(&w, PREFIX);
		lnl_base64_write(&w, raw, sizeof(raw));
		lnl_write_u8(&w, '\0');
		assert_int_equal(w.error, 0);
		if (bit == 8 * sizeof(raw)) {
			assert_int_equal(check_text(f, "anna", token), LNL_TOKEN_VALID);
			break;
		}
		assert_int_equal(check_text(f, "anna", token), LNL_TOKEN_INVALID);
		raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* CVE-2026-13122, CVE-2020-36382: whatever stands behind the prefix, nothing is read or asserted. */
static void a4_short_and_odd(void **state)
{
	static char longest[4096];
	static const struct {
		const char *text;
		enum lnl_token_state want;
	} t[] = {
		{ "", LNL_TOKEN_NONE },
		{ "S", LNL_TOKEN_NONE },
		{ "SESS_ID_AT", LNL_TOKEN_NONE },
		{ "SESS_ID_AT-", LNL_TOKEN_NONE },
		{ "sess_id_at_", LNL_TOKEN_NONE },
		{ " SESS_ID_AT_", LNL_TOKEN_NONE },
		{ "SESS_ID_oKGio6SlpqeoqaqrAAAAAGlVuQA", LNL_TOKEN_NONE },
		{ "correct horse", LNL_TOKEN_NONE },
		{ PREFIX, LNL_TOKEN_INVALID },
		{ PREFIX "A", LNL_TOKEN_INVALID },
		{ PREFIX "AAAA", LNL_TOKEN_INVALID },
		{ PREFIX "====", LNL_TOKEN_INVALID },
		{ PREFIX "oKGio6SlpqeoqaqrAAAA", LNL_TOKEN_INVALID },
		{ PREFIX PREFIX, LNL_TOKEN_INVALID },
		{ longest, LNL_TOKEN_INVALID },
	};
	struct fixture *f = fixture(state);
	char longer[sizeof(anna_text) + 8];

	memset(longest, 'A', sizeof(longest) - 1);
	memcpy(longest, PREFIX, strlen(PREFIX));
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		assert_int_equal(check_text(f, "anna", t[i].text), t[i].want);
	snprintf(longer, sizeof(longer), "%sAAAA", anna_text);
	assert_int_equal(check_text(f, "anna", longer), LNL_TOKEN_INVALID);
	snprintf(longer, sizeof(longer), "%s=", anna_text);
	assert_int_equal(check_text(f, "anna", longer), LNL_TOKEN_INVALID);
	snprintf(longer, sizeof(longer), "%s\n", anna_text);
	assert_int_equal(check_text(f, "anna", longer), LNL_TOKEN_INVALID);
}

/* 61 bytes and more, and 59: the right bytes in the wrong number. */
static void a4_other_lengths(void **state)
{
	struct fixture *f = fixture(state);
	uint8_t raw[96] = { 0 };

	assert_int_equal(lnl_base64_read(raw, sizeof(raw), anna_text + strlen(PREFIX),
					 strlen(anna_text) - strlen(PREFIX)),
			 60);
	for (size_t n = 0; n <= sizeof(raw); n++) {
		char token[256];
		struct lnl_writer w;

		lnl_writer_init(&w, token, sizeof(token));
		lnl_write_str(&w, PREFIX);
		lnl_base64_write(&w, raw, n);
		lnl_write_u8(&w, '\0');
		assert_int_equal(w.error, 0);
		assert_int_equal(check_text(f, "anna", token),
				 n == 60 ? LNL_TOKEN_VALID : LNL_TOKEN_INVALID);
	}
}

static void a4_users(void **state)
{
	/* The last ones move bytes between the name and what follows. */
	static const char *const others[] = {
		"", "ann", "annaa", "Anna", "anna ", "bob", "anna\xa0"
	};
	struct fixture *f = fixture(state);

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		char token[LNL_TOKEN_TEXT];

		assert_int_equal(check_text(f, others[i], anna_text), LNL_TOKEN_INVALID);
		write_token(f, others[i], RENEW, token);
		assert_int_equal(check_text(f, others[i], token), LNL_TOKEN_VALID);
		assert_int_equal(check_text(f, "anna", token), LNL_TOKEN_INVALID);
	}
}

static void a4_keys(void **state)
{
	struct fixture *f = fixture(state);
	char token[LNL_TOKEN_TEXT];

	for (unsigned i = 0; i < 64; i++) {
		f->key[i] ^= 0x80;
		start(f, f->key, 0, 0);
		assert_int_equal(check_text(f, "anna", anna_text), LNL_TOKEN_INVALID);
		f->key[i] ^= 0x80;
	}
	/* A key that is drawn is another each time, and works. */
	for (int i = 0; i < 2; i++) {
		start(f, NULL, 0, 0);
		assert_int_equal(check_text(f, "anna", anna_text), LNL_TOKEN_INVALID);
		if (i == 1)
			assert_int_equal(check_text(f, "anna", token), LNL_TOKEN_INVALID);
		write_token(f, "anna", RENEW, token);
		assert_int_equal(check_text(f, "anna", token), LNL_TOKEN_VALID);
	}
	start(f, f->key, 0, 0);
	assert_int_equal(check_text(f, "anna", anna_text), LNL_TOKEN_VALID);
}

static void a4_ages(void **state)
{
	static const struct {
		uint64_t lifetime, renewal, initial, renewed, wall;
		enum lnl_token_state want;
	} t[] = {
		/* no limits */
		{ 0, 0, BEGUN, BEGUN, BEGUN, LNL_TOKEN_VALID },
		{ 0, 0, BEGUN, BEGUN, BEGUN + 1000 * HOUR, LNL_TOKEN_VALID },
		{ 0, 0, 0, 0, UINT64_MAX, LNL_TOKEN_VALID },
		/* lifetime counts from the login */
		{ HOUR, 0, BEGUN, BEGUN, BEGUN + HOUR, LNL_TOKEN_VALID },
		{ HOUR, 0, BEGUN, BEGUN, BEGUN + HOUR + 1, LNL_TOKEN_EXPIRED },
		{ HOUR, 0, BEGUN, BEGUN + HOUR, BEGUN + HOUR + 1, LNL_TOKEN_EXPIRED },
		{ UINT64_MAX, 0, 0, 0, UINT64_MAX, LNL_TOKEN_VALID },
		/* renewal from when it was made */
		{ 0, HOUR, BEGUN, BEGUN, BEGUN + 2 * HOUR - 1, LNL_TOKEN_VALID },
		{ 0, HOUR, BEGUN, BEGUN, BEGUN + 2 * HOUR, LNL_TOKEN_EXPIRED },
		{ 0, HOUR, BEGUN, BEGUN + HOUR, BEGUN + 3 * HOUR - 1, LNL_TOKEN_VALID },
		{ 0, HOUR, BEGUN, BEGUN + HOUR, BEGUN + 3 * HOUR, LNL_TOKEN_EXPIRED },
		{ 0, UINT64_MAX, 0, 0, UINT64_MAX, LNL_TOKEN_VALID },
		{ 0, UINT64_MAX / 2, 0, 0, UINT64_MAX, LNL_TOKEN_EXPIRED },
		/* both */
		{ 4 * HOUR, HOUR, BEGUN, BEGUN + 3 * HOUR, BEGUN + 4 * HOUR, LNL_TOKEN_VALID },
		{ 4 * HOUR, HOUR, BEGUN, BEGUN + 3 * HOUR, BEGUN + 4 * HOUR + 1,
		  LNL_TOKEN_EXPIRED },
		/* from the future: clocks may differ by less than a minute */
		{ HOUR, HOUR, BEGUN, BEGUN, BEGUN - 59, LNL_TOKEN_VALID },
		{ HOUR, HOUR, BEGUN, BEGUN, BEGUN - 60, LNL_TOKEN_INVALID },
		{ 0, 0, BEGUN, BEGUN + 100, BEGUN + 41, LNL_TOKEN_VALID },
		{ 0, 0, BEGUN, BEGUN + 100, BEGUN + 40, LNL_TOKEN_INVALID },
		{ 0, 0, BEGUN, UINT64_MAX, BEGUN, LNL_TOKEN_INVALID },
		{ 0, 0, UINT64_MAX, UINT64_MAX, BEGUN, LNL_TOKEN_INVALID },
		{ 0, 0, UINT64_MAX, UINT64_MAX, UINT64_MAX, LNL_TOKEN_VALID },
	};
	struct fixture *f = fixture(state);

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		char token[LNL_TOKEN_TEXT];

		start(f, f->key, t[i].lifetime, t[i].renewal);
		f->facts.initial = t[i].initial;
		assert_int_equal(lnl_token_write(&f->tokens, &f->facts, "anna", t[i].renewed,
						 token),
				 0);
		if (check(f, "anna", token, strlen(token), t[i].wall) != t[i].want)
			fail_msg("row %zu", i);
	}
}

/* A token whose times are in the wrong order was made by somebody else with our key. */
static void a4_renewed_before_it_began(void **state)
{
	struct fixture *f = fixture(state);

	for (int early = 0; early < 2; early++) {
		uint8_t raw[60], mac[LNL_DIGEST_MAX];
		struct lnl_writer w;
		char token[LNL_TOKEN_TEXT];

		lnl_writer_init(&w, raw, sizeof(raw));
		lnl_write_bytes(&w, f->facts.session, LNL_TOKEN_SESSION);
		lnl_write_u64(&w, BEGUN);
		lnl_write_u64(&w, BEGUN - (uint64_t)early);
		assert_int_equal(lnl_hmac_run(f->tokens.hmac,
					      (struct lnl_piece[]){ { "anna", 4 }, { raw, 28 } }, 2,
					      mac),
				 0);
		lnl_write_bytes(&w, mac, 32);
		lnl_writer_init(&w, token, sizeof(token));
		lnl_write_str(&w, PREFIX);
		lnl_base64_write(&w, raw, sizeof(raw));
		lnl_write_u8(&w, '\0');
		assert_int_equal(check_text(f, "anna", token),
				 early ? LNL_TOKEN_INVALID : LNL_TOKEN_VALID);
	}
}

/* Tags are compared by the one function that takes constant time: see also check_layers.sh. */
static void a4_constant_time(void **state)
{
	char line[512];
	unsigned n = 0;
	FILE *file = fopen(LUNEL_TESTS_DIR "/../engine/control/token.c", "r");

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		assert_null(strstr(line, "memcmp"));
		assert_null(strstr(line, "strcmp"));
		n += strstr(line, "lnl_secret_equal(mac") != NULL;
	}
	fclose(file);
	assert_int_equal(n, 1);
}

/* ---- the key's file ---- */

static void key_file(void **state)
{
	static const char text[] =
		"-----BEGIN OpenVPN auth-token server key-----\n"
		"gL3X4fnGA7g+hVywrNnoZkg/zjckKWkYfwVDjoLx88S2MLgTXNKlHfOVRhbg3L8j\n"
		"SK8LpGFYeBhLaOW56PRnojSQeVFjDLCyPk0TT9xv4z3ds2JYxGUrrFpyUtGOZ+bl\n"
		"goxHNqMPYiIvja4n0n+4EC/nASipQJHZ0ajboddapAo=\n"
		"-----END OpenVPN auth-token server key-----\n";
	struct fixture *f = fixture(state);
	uint8_t key[64];

	assert_int_equal(lnl_token_key(key, text, strlen(text)), 0);
	test_hex_equal(key, "80bdd7e1f9c603b8");
	test_hex_equal(key + 62, "67a2");
	start(f, key, 0, 0);
	assert_int_equal(check_text(f, "anna", anna_text), LNL_TOKEN_INVALID);
	assert_int_equal(lnl_token_key(key, text, strlen(text) / 2), LNL_E_FORMAT);
	assert_true(all_zero(key, sizeof(key)));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(known_answers),	TEST(begun),
		TEST(starting),		TEST(a4_every_truncation),
		TEST(a4_every_flip),	TEST(a4_every_flip_inside),
		TEST(a4_short_and_odd), TEST(a4_other_lengths),
		TEST(a4_users),		TEST(a4_keys),
		TEST(a4_ages),		TEST(a4_renewed_before_it_began),
		TEST(a4_constant_time), TEST(key_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
