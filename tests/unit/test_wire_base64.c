/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64: RFC 4648 section 10, every byte value, and what is not base64. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/base64.h"

static const struct {
	const char *plain, *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void rfc_4648_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t plain_len = strlen(vectors[i].plain), len = strlen(vectors[i].text);
		uint8_t out[16];
		struct lnl_writer w;

		lnl_writer_init(&w, out, len);
		lnl_base64_write(&w, vectors[i].plain, plain_len);
		assert_int_equal(w.error, 0);
		assert_int_equal(lnl_writer_len(&w), len);
		assert_memory_equal(out, vectors[i].text, len);
		assert_int_equal(lnl_base64_read(out, plain_len, vectors[i].text, len), plain_len);
		assert_memory_equal(out, vectors[i].plain, plain_len);
		assert_int_equal(lnl_base64_count(vectors[i].text, len), plain_len);
		if (plain_len == 0)
			continue;
		assert_int_equal(lnl_base64_read(out, plain_len - 1, vectors[i].text, len),
				 LNL_E_SPACE);
		lnl_writer_init(&w, out, len - 1);
		lnl_base64_write(&w, vectors[i].plain, plain_len);
		assert_int_equal(w.error, LNL_E_SPACE);
	}
}

static void all_bytes_survive(void **state)
{
	uint8_t from[256], to[256];
	char text[344];
	struct lnl_writer w;

	(void)state;
	for (size_t len = 0; len <= 256; len++) {
		for (size_t i = 0; i < len; i++)
			from[i] = (uint8_t)(255 - i + len);
		lnl_writer_init(&w, text, sizeof(text));
		lnl_base64_write(&w, from, len);
		assert_int_equal(w.error, 0);
		assert_int_equal(lnl_base64_read(to, len, text, lnl_writer_len(&w)), len);
		assert_memory_equal(from, to, len);
	}
}

static void what_is_not_base64(void **state)
{
	static const char *const bad[] = {
		"Z",	"Zg",	    "Zg=",	"Zm9vY",    "====",	  "Z===",     "=Zg=",
		"Zg=v", "Zg==Zg==", "Zm8=Zm9v", "Zm9v Zg=", "Zm9\n",	  "Zm9-",     "Zm9_",
		"Zh==", "Zm9=",	    "Zm8\xff",	"Zm8\x80",  "Zm9vYg==\n", "Zm9v====",
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (lnl_base64_read(out, sizeof(out), bad[i], strlen(bad[i])) != LNL_E_FORMAT)
			fail_msg("\"%s\" was read", bad[i]);
		assert_int_equal(lnl_base64_count(bad[i], strlen(bad[i])), LNL_E_FORMAT);
	}
	assert_int_equal(lnl_base64_read(out, sizeof(out), "Zm\0v", 4), LNL_E_FORMAT);
	assert_int_equal(lnl_base64_read(out, sizeof(out), "", (size_t)INT_MAX + 1), LNL_E_FORMAT);
	assert_int_equal(lnl_base64_count("", (size_t)INT_MAX + 1), LNL_E_FORMAT);
}

/* Of the 256 characters exactly 64 are digits. */
static void the_alphabet(void **state)
{
	unsigned digits = 0;
	uint8_t out[3];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char text[4] = { (char)c, 'A', 'A', 'A' };

		digits += lnl_base64_read(out, 3, text, 4) == 3;
	}
	assert_int_equal(digits, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_4648_vectors),
		cmocka_unit_test(all_bytes_survive),
		cmocka_unit_test(what_is_not_base64),
		cmocka_unit_test(the_alphabet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
