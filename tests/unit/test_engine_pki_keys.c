/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenVPN's key files as they are made, read back as the engine reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "lunel.h"
#include "wire/keyfile.h"

static struct lnl_reason why;

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

static void give_back(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static const struct lnl_env env = { .alloc = take, .release = give_back };

static void test_files(void **state)
{
	static const struct {
		int (*make)(struct lnl_pki_text *, struct lnl_reason *);
		const char *name;
		unsigned lines;
	} rows[] = {
		{ lnl_pki_static_key, "OpenVPN Static key V1", 18 },
		{ lnl_pki_v2_server_key, "OpenVPN tls-crypt-v2 server key", 5 },
		{ lnl_pki_auth_token_key, "OpenVPN auth-token server key", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_pki_text one, two;
		unsigned lines = 0;

		assert_int_equal(rows[i].make(&one, &why), 0);
		assert_int_equal(rows[i].make(&two, &why), 0);
		assert_string_not_equal(one.data, two.data);
		assert_int_equal(one.len, strlen(one.data));
		assert_memory_equal(one.data, "-----BEGIN ", 11);
		assert_memory_equal(one.data + 11, rows[i].name, strlen(rows[i].name));
		for (const char *c = one.data; *c; c++)
			lines += *c == '\n';
		assert_int_equal(lines, rows[i].lines);
		lnl_pki_text_free(&one);
		lnl_pki_text_free(&two);
	}
}

static void test_static_key_reads_back(void **state)
{
	struct lnl_static_key key, none = { { 0 } };
	struct lnl_pki_text text;

	(void)state;
	assert_int_equal(lnl_pki_static_key(&text, &why), 0);
	assert_int_equal(lnl_keyfile_static(&key, text.data, text.len), 0);
	assert_memory_not_equal(key.bytes, none.bytes, sizeof(key.bytes));
	lnl_pki_text_free(&text);
}

/* PROTOCOL 1.5, step by step as a server does it. */
static void test_wrapped_key_opens(void **state)
{
	struct lnl_pki_text server_file, client_file;
	uint8_t server[LNL_V2_SERVER_KEY_LEN], plain[LNL_STATIC_KEY_LEN + 9], tag[32];
	struct lnl_v2_client_key client;
	struct lnl_hmac *hmac;

	(void)state;
	assert_int_equal(lnl_pki_v2_server_key(&server_file, &why), 0);
	assert_int_equal(lnl_pki_v2_client_key((struct lnl_bytes){ server_file.data,
								   server_file.len },
					       UINT64_C(0x0102030405060708), &client_file, &why),
			 0);
	assert_int_equal(lnl_keyfile_v2_server(server, server_file.data, server_file.len), 0);
	assert_int_equal(lnl_keyfile_v2_client(&client, client_file.data, client_file.len), 0);
	assert_int_equal(client.wkc_len, 32 + sizeof(plain) + 2);

	assert_int_equal(lnl_crypto_init(NULL), 0);
	assert_int_equal(lnl_ctr_run(server, client.wkc, plain, client.wkc + 32, sizeof(plain)), 0);
	assert_int_equal(lnl_hmac_new(&hmac, &env, LNL_DIGEST_SHA256, server + 64, 32), 0);
	const struct lnl_piece pieces[] = { { client.wkc + client.wkc_len - 2, 2 },
					    { plain, sizeof(plain) } };
	assert_int_equal(lnl_hmac_run(hmac, pieces, 2, tag), 0);
	lnl_hmac_free(hmac);
	lnl_crypto_deinit();
	assert_memory_equal(tag, client.wkc, sizeof(tag));
	assert_memory_equal(plain, client.kc.bytes, LNL_STATIC_KEY_LEN);
	assert_memory_equal(plain + LNL_STATIC_KEY_LEN, "\1\1\2\3\4\5\6\7\10", 9);

	lnl_pki_text_free(&client_file);
	lnl_pki_text_free(&server_file);
}

static void test_bad_server_key(void **state)
{
	struct lnl_pki_text text, out;

	(void)state;
	assert_int_equal(lnl_pki_auth_token_key(&text, &why), 0);
	assert_int_equal(lnl_pki_v2_client_key((struct lnl_bytes){ text.data, text.len }, 0, &out,
					       &why),
			 LNL_E_KEY);
	assert_null(out.data);
	assert_true(why.text[0] != '\0');
	lnl_pki_text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_static_key_reads_back),
		cmocka_unit_test(test_wrapped_key_opens),
		cmocka_unit_test(test_bad_server_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
