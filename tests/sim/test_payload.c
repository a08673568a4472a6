/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes out of TLS and is not what was hoped for: TRUST W7, W8. */
/* lunel-test: both */
#include <stdio.h>

#include "sim/check.h"

static struct sim_world *up(uint64_t seed)
{
	struct sim_world *w = world_new(seed, SIM_WRAP_CRYPT, false);

	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	return w;
}

/* One TLS record with just these bytes. */
static void send_raw(struct sim_world *w, const void *data, size_t len)
{
	struct lnl_tls *tls = lnl_session_tls(w->server.session, 0);

	assert_int_equal(lnl_tls_write(tls, data, len), 0);
	/* which lets it go */
	assert_int_equal(lnl_session_send_text(w->server.session, "X-MARK", w->now), 0);
	sim_world_run(w, 2 * LNL_SECOND);
}

/* W7: texts end with NUL or with their record, and what is in between is judged as it stands. */
static void test_payloads(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		unsigned texts; /* that the owner is told, beside the mark */
		bool ends;
	} rows[] = {
		{ "\0", 1, 0, false },
		{ "\0\0\0\0\0", 5, 0, false },
		{ "a", 1, 1, false },
		{ "ab", 2, 1, false },
		{ "abc", 3, 1, false },
		{ "abcd", 4, 1, false },
		{ "abcde", 5, 1, false },
		{ "a\0b\0c", 5, 3, false },
		{ "INFO,no NUL", 11, 1, false },
		{ "INFO,x\0INFO,y\0", 14, 2, false },
		{ "\xff\xfe\xfd\xfc", 4, 1, false },
		{ "\1\2\3", 3, 0, false },
		{ "PUSH_REPLY", 10, 0, false },
		{ "AUTH_FAILED", 11, 0, true },
		{ "x\0AUTH_FAILED\0y", 15, 1, true },
		{ "HALT", 4, 0, true },
		{ "AUTH_FAILE\0D", 12, 2, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = up(1 + i);
		unsigned texts;

		send_raw(w, rows[i].data, rows[i].len);
		texts = w->counts[LNL_CLIENT_TEXT] - !rows[i].ends;
		if (w->closed != rows[i].ends || texts != rows[i].texts)
			fail_msg("row %u: closed %d, %u texts", i, w->closed, texts);
		world_delete(w);
	}
}

/* W7: the longest record, in parts of our buffer; each part is a text. */
static void test_long_payload(void **state)
{
	static char text[16384];
	struct sim_world *w = up(30);

	(void)state;
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 4; i++)
		send_raw(w, text, sizeof(text));
	assert_false(w->closed);
	assert_in_range(w->counts[LNL_CLIENT_TEXT], 4 + 4, 4 + 4 * 5);
	assert_true(w->env.live_bytes < 300000);
	sim_world_traffic(w, 5, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

/* W7: many messages in one record, more than there are events: none is lost, none ends the session. */
static void test_many_payloads(void **state)
{
	static char text[7000];
	struct sim_world *w = up(31);
	unsigned rounds = 100;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 7)
		memcpy(text + i, "INFO,x", 7);
	for (unsigned i = 0; i < rounds; i++)
		send_raw(w, text, sizeof(text));
	assert_false(w->closed);
	assert_in_range(w->counts[LNL_CLIENT_TEXT], rounds * (sizeof(text) / 7 + 1),
			rounds * (sizeof(text) / 7 + 4));
	world_delete(w);
}

/* ---- W8: the server's key-method-2 record ---- */

#define RANDOMS 64 /* random1, random2 */

struct km2_row {
	const char *what;
	uint8_t method;
	const char *tail; /* behind the randoms */
	size_t tail_len;
	bool taken;
};

/* W8: each field, right and wrong. */
static void test_records(void **state)
{
	static const struct km2_row rows[] = {
		{ "whole", 2, "\0\3V4\0\0\0\0\0\0\0", 11, true },
		{ "empty strings with a NUL", 2, "\0\3V4\0\0\1\0\0\1\0\0\1\0", 14, true },
		{ "no peer info", 2, "\0\3V4\0\0\0\0\0", 9, true },
		{ "no tail", 2, "\0\3V4\0", 5, true },
		{ "method 0", 0, "\0\3V4\0", 5, false },
		{ "method 1", 1, "\0\3V4\0", 5, false },
		{ "method 3", 3, "\0\3V4\0", 5, false },
		{ "method 255", 255, "\0\3V4\0", 5, false },
		{ "length one more", 2, "\0\4V4\0", 5, false },
		{ "length one less", 2, "\0\2V4\0", 5, false },
		{ "length 0", 2, "\0\0V4\0", 5, false },
		{ "length 65535", 2, "\xff\xffV4\0", 5, false },
		{ "no NUL", 2, "\0\2V4", 4, false },
		{ "NUL inside", 2, "\0\4V\0004\0", 6, false },
		{ "half a length", 2, "\0", 1, false },
		{ "nothing", 2, "", 0, false },
		{ "user's length 65535", 2, "\0\3V4\0\xff\xff", 7, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = world_new(40 + i, SIM_WRAP_CRYPT, false);
		uint8_t raw[5 + RANDOMS + 32] = { 0, 0, 0, 0, rows[i].method };

		memcpy(raw + 5 + RANDOMS, rows[i].tail, rows[i].tail_len);
		w->server_conf.raw_record = raw;
		w->server_conf.raw_len = 5 + RANDOMS + rows[i].tail_len;
		assert_int_equal(sim_world_start(w), 0);
		if (sim_world_connect(w, 10 * LNL_SECOND) != rows[i].taken)
			fail_msg("%s: %s", rows[i].what, w->why);
		if (!rows[i].taken) {
			assert_int_equal(w->cause, LNL_CAUSE_TLS);
			assert_int_equal(w->keys_installed, 0);
		}
		world_delete(w);
	}
}

/* W8: each cut and many changes of a whole record, after a handshake. */
static void test_changed_records(void **state)
{
	static const char tail[] = "\0\3V4\0\0\0\0\0\0";
	const size_t len = 5 + RANDOMS + sizeof(tail);
	uint64_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct sim_world *w = world_new(100 + i, SIM_WRAP_NONE, false);
		uint8_t raw[5 + RANDOMS + sizeof(tail)] = { 0, 0, 0, 0, 2 };

		memcpy(raw + 5 + RANDOMS, tail, sizeof(tail));
		if (i >= len)
			raw[5 + sim_random(&seed) % (len - 5)] = (uint8_t)sim_random(&seed);
		if (i >= len && i % 2)
			raw[5 + RANDOMS + sim_random(&seed) % sizeof(tail)] = 0xff;
		w->server_conf.raw_record = raw;
		w->server_conf.raw_len = i < len ? i + 1 : len;
		assert_int_equal(sim_world_start(w), 0);
		/* Keys by export do not depend on it, so what is taken connects. */
		if (!sim_world_connect(w, 10 * LNL_SECOND))
			assert_int_equal(w->cause, LNL_CAUSE_TLS);
		else
			assert_true(i + 1 >= 5 + RANDOMS + 5);
		world_delete(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payloads),	cmocka_unit_test(test_long_payload),
		cmocka_unit_test(test_many_payloads),	cmocka_unit_test(test_records),
		cmocka_unit_test(test_changed_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
