/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fake TLS: both ends agree, sizes are as usual, and every change on the way ends the session.
 */

/* The unit tests of this room link the real thing; what is defined here goes before it. */
#include "crypto/fake.c"
#include "crypto/fake_tls.c"

#include "test_crypto_pair.h"

static struct test_env world;

static int begin(void **state)
{
	(void)state;
	test_env_init(&world);
	return lnl_crypto_init(&world.env);
}

static int end(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return world.live == 0 ? 0 : -1;
}

static struct lnl_tls_settings usual(bool server)
{
	return (struct lnl_tls_settings){
		.server = server,
		.ca = test_blob("a fake CA"),
		.cert = test_blob(server ? "subject=O=Example, CN=vpn.example.net\n" : "CN=alice"),
		.key = test_blob("key"),
	};
}

static void connects(void **state)
{
	static const size_t cuts[] = { SIZE_MAX, 1, 1200 };
	struct lnl_tls_settings client = usual(false), server = usual(true);
	uint8_t keys[2][256], got[64];
	struct pair p;

	(void)state;
	client.name_check = LNL_NAME_CN;
	client.name = "vpn.example.net";
	for (unsigned i = 0; i < 6; i++) {
		client.version_max = i % 2 == 0 ? LNL_TLS_ANY : LNL_TLS_1_2;
		pair_configure(&p, &world.env, &client, &server);
		pair_connect(&p);
		pair_run(&p, cuts[i / 2]);
		assert_int_equal(p.result[0], 1);
		assert_int_equal(p.result[1], 1);
		assert_string_equal(lnl_tls_version_name(p.tls[1]),
				    i % 2 == 0 ? "TLSv1.3" : "TLSv1.2");
		assert_string_equal(lnl_tls_chain(p.tls[1], 0)->cn, "alice");
		for (unsigned e = 0; e < 2; e++) {
			assert_int_equal(lnl_tls_export(p.tls[e], "label", keys[e], 256), 0);
			lnl_tls_exported(p.tls[e]);
			assert_int_equal(lnl_tls_export(p.tls[e], "label", keys[e], 256),
					 LNL_E_STATE);
		}
		assert_memory_equal(keys[0], keys[1], 256);
		for (unsigned e = 0; e < 2; e++) {
			assert_int_equal(lnl_tls_write(p.tls[e], "hello", 5), 0);
			pair_move(&p, e, SIZE_MAX);
			assert_int_equal(lnl_tls_read(p.tls[!e], got, 2), 2);
			assert_int_equal(lnl_tls_read(p.tls[!e], got + 2, sizeof(got) - 2), 3);
			assert_memory_equal(got, "hello", 5);
			assert_int_equal(lnl_tls_read(p.tls[!e], got, sizeof(got)), 0);
		}
		pair_release(&p);
	}
}

/* What a step leaves to be sent. */
static size_t flight(struct pair *p, unsigned from, uint8_t *out, size_t cap)
{
	pair_step(p, from);
	return lnl_tls_output(p->tls[from], out, cap);
}

/* One byte of any flight changed or the flight cut: the handshake does not complete. */
static void changes_end_it(void **state)
{
	static const size_t sizes[] = { 300 + 21, 2500 + 21, 1200 + 21 };
	struct lnl_tls_settings client = usual(false), server = usual(true);
	uint8_t buf[4096];
	struct pair p;

	(void)state;
	pair_configure(&p, &world.env, &client, &server);
	for (unsigned which = 0; which < 3; which++) {
		for (size_t at = 0; at < sizes[which]; at += at < 8 ? 1 : 13) {
			pair_connect(&p);
			for (unsigned i = 0; i < 3; i++) {
				size_t n = flight(&p, i % 2, buf, sizeof(buf));

				if (i <= which)
					assert_int_equal(n, sizes[i]);
				if (i == which)
					buf[at] ^= 0x10;
				lnl_tls_input(p.tls[!(i % 2)], buf, n);
			}
			pair_run(&p, SIZE_MAX);
			assert_int_not_equal(p.result[1], 1);
			pair_disconnect(&p);
		}
	}
	pair_release(&p);
}

static void refusals(void **state)
{
	uint8_t fingerprint[32];
	struct lnl_why why;
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		struct lnl_tls_settings client = usual(false), server = usual(true);
		enum lnl_cert_failure failure = LNL_CERT_OK;

		if (i == 0) {
			client.ca = test_blob("another CA");
			failure = LNL_CERT_UNTRUSTED;
		} else if (i == 1) {
			client.name_check = LNL_NAME_CN;
			client.name = "other";
			failure = LNL_CERT_NAME;
		} else if (i == 2) {
			memset(fingerprint, 1, sizeof(fingerprint));
			client.fingerprints = &fingerprint;
			client.n_fingerprints = 1;
			failure = LNL_CERT_FINGERPRINT;
		} else if (i == 3) {
			client.cert = client.key = test_blob(NULL);
		} else if (i == 4) {
			client.version_max = LNL_TLS_1_2;
			server.version_min = LNL_TLS_1_3;
		} else if (i == 5) {
			client.cert = client.key = test_blob(NULL);
			server.optional_peer_cert = true;
		} else {
			client.ca = test_blob(NULL);
			assert_int_equal(lnl_tls_conf_new(&p.conf[0], &world.env, &client, &why),
					 LNL_E_CERT);
			continue;
		}
		pair_configure(&p, &world.env, &client, &server);
		pair_connect(&p);
		pair_run(&p, SIZE_MAX);
		assert_int_equal(lnl_tls_cert_failure(p.tls[0], NULL), failure);
		assert_int_equal(p.result[1] == 1, i == 5);
		if (i == 3)
			assert_int_equal(lnl_tls_cert_failure(p.tls[1], NULL), LNL_CERT_MISSING);
		if (failure != LNL_CERT_OK)
			assert_int_equal(p.result[0], LNL_E_CERT);
		pair_release(&p);
	}
}

static void bounds(void **state)
{
	struct lnl_tls_settings client = usual(false), server = usual(true);
	uint8_t *big = calloc(1, 70000);
	struct pair p;

	(void)state;
	pair_configure(&p, &world.env, &client, &server);
	pair_connect(&p);
	assert_int_equal(lnl_tls_input(p.tls[0], big, 65536), 0);
	assert_int_equal(lnl_tls_input(p.tls[0], big, 1), LNL_E_LIMIT);
	assert_int_equal(lnl_tls_step(p.tls[0]), LNL_E_TLS);
	assert_int_equal(lnl_tls_write(p.tls[1], big, 1), LNL_E_STATE);
	assert_int_equal(lnl_tls_read(p.tls[1], big, 1), LNL_E_STATE);
	pair_disconnect(&p);
	pair_connect(&p);
	pair_run(&p, SIZE_MAX);
	assert_int_equal(lnl_tls_write(p.tls[1], big, 0), LNL_E_LIMIT);
	assert_int_equal(lnl_tls_write(p.tls[1], big, 16385), LNL_E_LIMIT);
	assert_int_equal(lnl_tls_write(p.tls[1], big, 16384), 0);
	pair_release(&p);
	free(big);
}

/* Allocation k fails, for every k: an error, never a crash or a leak. */
static void memory_runs_out(void **state)
{
	struct lnl_tls_settings client = usual(false), server = usual(true);
	bool done = false;
	struct pair p;

	(void)state;
	pair_configure(&p, &world.env, &client, &server);
	for (unsigned k = 1; !done; k++) {
		assert_true(k < 1000);
		world.fail_at = world.allocations + k;
		if (lnl_tls_new(&p.tls[0], p.conf[0]) == 0 &&
		    lnl_tls_new(&p.tls[1], p.conf[1]) == 0) {
			pair_run(&p, SIZE_MAX);
			done = p.result[0] == 1 && p.result[1] == 1;
		}
		world.fail_at = 0;
		pair_disconnect(&p);
	}
	pair_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connects, begin, end),
		cmocka_unit_test_setup_teardown(changes_end_it, begin, end),
		cmocka_unit_test_setup_teardown(refusals, begin, end),
		cmocka_unit_test_setup_teardown(bounds, begin, end),
		cmocka_unit_test_setup_teardown(memory_runs_out, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
