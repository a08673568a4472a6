/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

#include "data/special.h"

#define PING "2a187bf3641eb4cb07ed2d0a981fc748"
#define OCC  "287f346bd4ef7a812d56b8d3afc5459c"

static const struct {
	const char *payload;
	enum lnl_message message;
} rows[] = {
	{ PING, LNL_MESSAGE_PING },
	{ PING "00", LNL_MESSAGE_PING }, /* never a packet either */
	{ "2a187bf3641eb4cb07ed2d0a981fc7", LNL_MESSAGE_NONE },
	{ "2a187bf3641eb4cb07ed2d0a981fc749", LNL_MESSAGE_NONE },
	{ "2a", LNL_MESSAGE_NONE },
	{ OCC, LNL_MESSAGE_OCC_OTHER },
	{ OCC "00", LNL_MESSAGE_OCC_OTHER },
	{ OCC "0156342c6465762d7479706520", LNL_MESSAGE_OCC_OTHER },
	{ OCC "06", LNL_MESSAGE_OCC_EXIT },
	{ OCC "0600", LNL_MESSAGE_OCC_EXIT },
	{ OCC "ff", LNL_MESSAGE_OCC_OTHER },
	{ "287f346bd4ef7a812d56b8d3afc5459d06", LNL_MESSAGE_NONE },
	{ "287f346bd4ef7a812d56b8d3afc545", LNL_MESSAGE_NONE },
	{ "4500001c00010000401166cf0a0800020a080001", LNL_MESSAGE_NONE },
	{ "", LNL_MESSAGE_NONE },
};

static void finds_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].payload) / 2;
		uint8_t *exact = malloc(len + 1);
		assert_non_null(exact);
		test_hex(exact + 1, len, rows[i].payload);
		assert_int_equal(lnl_special_find(exact + 1, (uint32_t)len), rows[i].message);
		free(exact);
	}
}

static void writes_what_it_finds(void **state)
{
	(void)state;
	uint8_t out[LNL_SPECIAL_LEN_MAX];

	assert_int_equal(lnl_special_write(LNL_SPECIAL_PING, out), 16);
	test_hex_equal(out, PING);
	assert_int_equal(lnl_special_write(LNL_SPECIAL_OCC_EXIT, out), 17);
	test_hex_equal(out, OCC "06");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_messages),
		cmocka_unit_test(writes_what_it_finds),
	};

	return cmocka_run_group_tests_name("data/special", tests, NULL, NULL);
}
