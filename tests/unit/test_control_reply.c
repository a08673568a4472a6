/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/reply.h"

static const struct lnl_reply_facts nothing = { .peer_id = LNL_PEER_ID_NONE };

static void expect_one(const char *const *options, unsigned n, const struct lnl_reply_facts *f,
		       const char *text)
{
	char out[LNL_REPLY_MESSAGE];
	struct lnl_reply r;
	unsigned bad = 99;

	assert_int_equal(lnl_reply_init(&r, options, n, f, &bad), 0);
	assert_int_equal(bad, 99);
	assert_int_equal(lnl_reply_next(&r, out), 1);
	assert_string_equal(out, text);
	assert_int_equal(lnl_reply_next(&r, out), 0);
	assert_int_equal(lnl_reply_next(&r, out), 0);
}

/* PROTOCOL 1.10: what OpenVPN 2.6 pushes to a client of its own. */
static void test_usual(void **state)
{
	static const char *const options[] = {
		"route-gateway 10.8.0.1",	   "topology subnet", "ping 10", "ping-restart 60",
		"ifconfig 10.8.0.2 255.255.255.0",
	};
	const struct lnl_reply_facts f = {
		.peer_id = 0,
		.cipher = LNL_CIPHER_AES_256_GCM,
		.flags = LNL_PROTOCOL_CC_EXIT | LNL_PROTOCOL_TLS_EKM | LNL_PROTOCOL_DYN_TLS_CRYPT,
		.protocol_flags = true,
		.tun_mtu = 1500,
	};

	(void)state;
	expect_one(options, 5, &f,
		   "PUSH_REPLY,route-gateway 10.8.0.1,topology subnet,ping 10,ping-restart 60,"
		   "ifconfig 10.8.0.2 255.255.255.0,peer-id 0,cipher AES-256-GCM,"
		   "protocol-flags cc-exit tls-ekm dyn-tls-crypt,tun-mtu 1500");
}

static void test_facts(void **state)
{
	static const char *const one[] = { "ping 10" };
	static const struct {
		struct lnl_reply_facts f;
		const char *text;
	} rows[] = {
		{ { .peer_id = LNL_PEER_ID_NONE }, "PUSH_REPLY,ping 10" },
		{ { .peer_id = 0xfffffe }, "PUSH_REPLY,ping 10,peer-id 16777214" },
		{ { .peer_id = LNL_PEER_ID_NONE, .cipher = LNL_CIPHER_CHACHA20_POLY1305 },
		  "PUSH_REPLY,ping 10,cipher CHACHA20-POLY1305" },
		{ { .peer_id = LNL_PEER_ID_NONE, .flags = LNL_PROTOCOL_TLS_EKM },
		  "PUSH_REPLY,ping 10,key-derivation tls-ekm" },
		/* What the older option cannot say is not said. */
		{ { .peer_id = LNL_PEER_ID_NONE,
		    .flags = LNL_PROTOCOL_TLS_EKM | LNL_PROTOCOL_CC_EXIT },
		  "PUSH_REPLY,ping 10,key-derivation tls-ekm" },
		{ { .peer_id = LNL_PEER_ID_NONE, .flags = LNL_PROTOCOL_CC_EXIT },
		  "PUSH_REPLY,ping 10" },
		{ { .peer_id = LNL_PEER_ID_NONE, .protocol_flags = true }, "PUSH_REPLY,ping 10" },
		{ { .peer_id = LNL_PEER_ID_NONE,
		    .protocol_flags = true,
		    .flags = LNL_PROTOCOL_CC_EXIT },
		  "PUSH_REPLY,ping 10,protocol-flags cc-exit" },
		{ { .peer_id = LNL_PEER_ID_NONE,
		    .protocol_flags = true,
		    .flags = LNL_PROTOCOL_DYN_TLS_CRYPT | LNL_PROTOCOL_TLS_EKM },
		  "PUSH_REPLY,ping 10,protocol-flags tls-ekm dyn-tls-crypt" },
		{ { .peer_id = LNL_PEER_ID_NONE, .tun_mtu = 1420 },
		  "PUSH_REPLY,ping 10,tun-mtu 1420" },
		{ { .peer_id = LNL_PEER_ID_NONE, .extensions = "custom-control 2047 6:A a:b" },
		  "PUSH_REPLY,ping 10,custom-control 2047 6:A a:b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_one(one, 1, &rows[i].f, rows[i].text);
	expect_one(NULL, 0, &nothing, "PUSH_REPLY");
}

static void test_refused(void **state)
{
	static char longest[993], longer[994];
	static const char *const bad_ones[] = {
		"", "a,b", "a\nb", "a\tb", "a\x7f", "a\x80", "\x1f"
	};
	const char *options[3] = { "ping 10", "ok", "ok" };
	char out[LNL_REPLY_MESSAGE];
	struct lnl_reply r;
	unsigned bad;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(bad_ones[0]); i++) {
		options[i % 3] = bad_ones[i];
		bad = 99;
		assert_int_equal(lnl_reply_init(&r, options, 3, &nothing, &bad), LNL_E_INVAL);
		assert_int_equal(bad, i % 3);
		assert_int_equal(lnl_reply_next(&r, out), 0);
		options[i % 3] = "ok ~ \"'\\";
		assert_int_equal(lnl_reply_init(&r, options, 3, &nothing, &bad), 0);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	memset(longer, 'x', sizeof(longer) - 1);
	options[1] = longest;
	assert_int_equal(lnl_reply_init(&r, options, 3, &nothing, &bad), 0);
	options[1] = longer;
	assert_int_equal(lnl_reply_init(&r, options, 3, &nothing, &bad), LNL_E_INVAL);
	assert_int_equal(bad, 1);
}

/* ---- continuation ---- */

/* Reads a whole reply as a client does: every option once and in order, marks where they belong. */
static unsigned read_back(struct lnl_reply *r, char *all, size_t cap)
{
	char out[LNL_REPLY_MESSAGE];
	unsigned messages = 0;
	bool ended = false;

	all[0] = 0;
	while (lnl_reply_next(r, out)) {
		char *mark = strstr(out, ",push-continuation ");

		assert_false(ended);
		assert_true(strlen(out) < sizeof(out));
		assert_int_equal(strncmp(out, "PUSH_REPLY", 10), 0);
		messages++;
		if (mark) {
			assert_true(mark[19] == '1' || mark[19] == '2');
			assert_int_equal(mark[20], 0);
			ended = mark[19] == '1';
			*mark = 0;
		} else {
			assert_int_equal(messages, 1);
			ended = true;
		}
		assert_true(strlen(all) + strlen(out) < cap);
		strcat(all, out + 10);
	}
	assert_true(ended);
	return messages;
}

static void test_continuation(void **state)
{
	static char text[400][40], all[400 * 40], want[400 * 40];
	const char *options[400];
	const struct lnl_reply_facts f = { .peer_id = 7, .tun_mtu = 1400 };
	unsigned bad, messages, most = 0;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		snprintf(text[i], sizeof(text[i]), "route 10.%u.%u.0 255.255.255.0", i / 100,
			 i % 100);
		options[i] = text[i];
	}
	for (unsigned n = 0; n <= 400; n++) {
		struct lnl_reply r;

		want[0] = 0;
		for (unsigned i = 0; i < n; i++) {
			strcat(want, ",");
			strcat(want, text[i]);
		}
		strcat(want, ",peer-id 7,tun-mtu 1400");
		assert_int_equal(lnl_reply_init(&r, options, n, &f, &bad), 0);
		messages = read_back(&r, all, sizeof(all));
		assert_string_equal(all, want);
		assert_true(messages >= most);
		most = messages;
	}
	assert_in_range(most, 12, 13);
}

/* Around the one message: the last option alone may fill it. */
static void test_edges(void **state)
{
	static char first[993], last[993], all[4096];
	char out[LNL_REPLY_MESSAGE];
	const char *options[2] = { first, last };

	(void)state;
	for (unsigned a = 1; a <= 992; a++) {
		unsigned b = 1023 - 10 - 1 - 1 - a; /* fills the message to the last byte */
		struct lnl_reply r;
		unsigned bad;

		if (b < 1 || b > 992)
			continue;
		memset(first, 'a', sizeof(first));
		memset(last, 'b', sizeof(last));
		first[a] = last[b] = 0;
		assert_int_equal(lnl_reply_init(&r, options, 2, &nothing, &bad), 0);
		assert_int_equal(lnl_reply_next(&r, out), 1);
		/* The first of two keeps room for a mark behind it. */
		assert_int_equal(strlen(out), 1023);
		assert_null(strstr(out, "push-continuation"));
		assert_int_equal(lnl_reply_next(&r, out), 0);
		if (b == 992)
			continue;
		last[b] = 'b';
		last[b + 1] = 0;
		assert_int_equal(lnl_reply_init(&r, options, 2, &nothing, &bad), 0);
		assert_int_equal(read_back(&r, all, sizeof(all)), 2);
		assert_int_equal(strlen(all), a + b + 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),	cmocka_unit_test(test_facts),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_continuation),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
