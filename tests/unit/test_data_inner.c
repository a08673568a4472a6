/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

#include "data/inner.h"

static const struct {
	uint8_t first;
	uint32_t len;
	bool tap;
	bool sane;
} rows[] = {
	{ 0x45, 20, false, true },   { 0x45, 19, false, false },  { 0x45, 1, false, false },
	{ 0x44, 100, false, false }, { 0x40, 100, false, false }, { 0x46, 24, false, true },
	{ 0x46, 23, false, false },  { 0x4f, 60, false, true },	  { 0x4f, 59, false, false },
	{ 0x60, 40, false, true },   { 0x60, 39, false, false },  { 0x6f, 40, false, true },
	{ 0x00, 100, false, false }, { 0x15, 100, false, false }, { 0x2a, 100, false, false },
	{ 0x55, 100, false, false }, { 0x75, 100, false, false }, { 0xf5, 100, false, false },
	{ 0x45, 0, false, false },   { 0x00, 14, true, true },	  { 0xff, 13, true, false },
	{ 0x45, 0, true, false },
};

static void knows_sane_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *exact = calloc(1, rows[i].len + 1);
		assert_non_null(exact);
		uint8_t *p = exact + 1;
		if (rows[i].len > 0)
			p[0] = rows[i].first;
		assert_int_equal(lnl_inner_is_sane(p, rows[i].len, rows[i].tap), rows[i].sane);
		free(exact);
	}
}

/* Both verdicts as the plane gives them. */
static void insane_packets_are_dropped(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	uint8_t packet[40] = { 0x15 };

	world_init_gcm(&w);
	struct lnl_packet pkt = world_seal(&w, &b, packet, sizeof(packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_INNER);
	packet[0] = 0x60;
	pkt = world_seal(&w, &b, packet, sizeof(packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(counters_of(w.server, WIRE_ID).drops[LNL_DROP_INNER], 1);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_sane_packets),
		cmocka_unit_test(insane_packets_are_dropped),
	};

	return cmocka_run_group_tests_name("data/inner", tests, crypto_up, crypto_down);
}
