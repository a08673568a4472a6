/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* What a server does when its worker cannot do what it was told. */
#include "test_engine_house.h"

static int prepare(void **state)
{
	(void)state;
	house_init();
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

/* Nobody is left up without its packets. */
static void test_worker_failed(void **state)
{
	static const struct {
		enum lnl_command_kind kind;
		int error;
		bool ends;
	} rows[] = {
		{ LNL_CMD_PEER_ADD, LNL_E_LIMIT, true },
		{ LNL_CMD_PEER_ADD, LNL_E_NOMEM, true },
		{ LNL_CMD_PEER_ELSEWHERE, LNL_E_NOMEM, true },
		{ LNL_CMD_ROUTE_ADD, LNL_E_EXIST, true },
		{ LNL_CMD_ROUTE_ADD, LNL_E_NOMEM, true },
		{ LNL_CMD_KEY_INSTALL, LNL_E_NOMEM, true },
		{ LNL_CMD_KEY_EXPIRE, LNL_E_NOTFOUND, false },
		{ LNL_CMD_KEY_DEL, LNL_E_NOTFOUND, false },
		{ LNL_CMD_SPECIAL, LNL_E_NOTFOUND, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct guest *g = guest_new("anna", "192.0.2.2", (uint16_t)(40001 + i));

		guest_come(g, NULL, NULL);
		house_turn();
		assert_true(g->up);
		lnl_served_failed(house.s->served[house_peer("anna")->id], rows[i].kind,
				  rows[i].error);
		house_run(3 * LNL_SECOND);
		if (g->closed != rows[i].ends || !house_peer("anna") != rows[i].ends)
			fail_msg("row %u: closed %d", i, g->closed);
		if (rows[i].ends)
			assert_int_equal(house.peers, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_worker_failed, prepare, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
