/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PEM blocks: found among other text, never beyond the end. */
#include "crypto/pem.h"

#include "test_crypto_env.h"

#define BLOCK(label) "-----BEGIN " label "-----\nAAAA\n-----END " label "-----"

static void finds_blocks(void **state)
{
	static const char text[] =
		"# a comment -----\n" BLOCK("CERTIFICATE") "\r\nbetween\n" BLOCK("RSA PRIVATE KEY")
			BLOCK("X509 CRL");
	struct lnl_blob b = { text, sizeof(text) - 1 };
	struct lnl_pem p;
	size_t at = 0;

	(void)state;
	assert_true(lnl_pem_next(&b, &at, &p));
	assert_true(lnl_pem_is(&p, "CERTIFICATE"));
	assert_false(lnl_pem_is(&p, "PRIVATE KEY"));
	assert_int_equal(p.len, strlen(BLOCK("CERTIFICATE")));
	assert_memory_equal(p.text, BLOCK("CERTIFICATE"), p.len);
	assert_true(lnl_pem_next(&b, &at, &p));
	assert_true(lnl_pem_is(&p, "PRIVATE KEY"));
	assert_true(lnl_pem_has(&p, "AAAA"));
	assert_false(lnl_pem_has(&p, "ENCRYPTED"));
	assert_true(lnl_pem_next(&b, &at, &p));
	assert_true(lnl_pem_is(&p, "X509 CRL"));
	assert_int_equal(at, b.len);
	assert_false(lnl_pem_next(&b, &at, &p));
}

/* Each cut of a block, on the heap so that a read behind the end shows. */
static void cuts(void **state)
{
	static const char text[] = BLOCK("CERTIFICATE");

	(void)state;
	for (size_t len = 0; len <= sizeof(text) - 1; len++) {
		char *copy = malloc(len > 0 ? len : 1);
		struct lnl_blob b = { copy, len };
		struct lnl_pem p;
		size_t at = 0;

		memcpy(copy, text, len);
		assert_int_equal(lnl_pem_next(&b, &at, &p), len == sizeof(text) - 1);
		free(copy);
	}
	struct lnl_blob none = { NULL, 0 };
	struct lnl_pem p;
	size_t at = 0;
	assert_false(lnl_pem_next(&none, &at, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_blocks),
		cmocka_unit_test(cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
