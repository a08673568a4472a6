/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* A server of three workers: which of them is told what of whom. */
#include "test_engine_house.h"

#define WORKERS 3

static int open_house(void **state)
{
	(void)state;
	house_init();
	house.o.workers = WORKERS;
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

/* Worker |i|'s socket of the one listening address. */
static uint32_t udp_of(unsigned i)
{
	return HOUSE_UDP * WORKERS + i;
}

/* A guest whose packets come in by worker |i|'s socket. */
static struct guest *guest_at(const char *cn, unsigned i, uint16_t port)
{
	struct guest *g = guest_new(cn, "192.0.2.2", port);

	g->link = udp_of(i);
	return g;
}

static struct guest *comes(const char *cn, unsigned i, uint16_t port)
{
	struct guest *g = guest_at(cn, i, port);

	guest_come(g, NULL, NULL);
	house_turn();
	assert_true(g->up);
	return g;
}

static unsigned told(unsigned worker, enum lnl_command_kind kind)
{
	return house.told[worker][kind].n;
}

/* Only |owner| was told of |kind|. */
static void expect_alone(unsigned owner, enum lnl_command_kind kind)
{
	for (unsigned i = 0; i < WORKERS; i++)
		if ((told(i, kind) > 0) != (i == owner))
			fail_msg("command %d: worker %u was told %u times", (int)kind, i,
				 told(i, kind));
}

static void expect_each(enum lnl_command_kind kind, unsigned times)
{
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(told(i, kind), times);
}

/* ---- peers ---- */

static void test_a_peer_is_ones(void **state)
{
	uint32_t id;
	uint64_t serial;

	(void)state;
	assert_int_equal(house.n_workers, WORKERS);
	assert_int_equal(house.connected, WORKERS);
	expect_each(LNL_CMD_RELAY, 1);
	comes("anna", 1, 40001);
	id = house_peer("anna")->id;
	expect_alone(1, LNL_CMD_PEER_ADD);
	expect_alone(1, LNL_CMD_KEY_INSTALL);
	expect_alone(1, LNL_CMD_LINK_SEND);
	assert_int_equal(house.told[1][LNL_CMD_PEER_ADD].id, udp_of(1));
	serial = house.told[1][LNL_CMD_PEER_ADD].serial;
	expect_each(LNL_CMD_ROUTE_ADD, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct house_told *t = &house.told[i][LNL_CMD_PEER_ELSEWHERE];

		assert_int_equal(t->n, i != 1);
		if (i == 1)
			continue;
		assert_int_equal(t->id, udp_of(1));
		assert_int_equal(t->peer, id);
		assert_int_equal(t->serial, serial);
	}
	/* The next one is another. */
	comes("ben", 0, 40002);
	assert_int_not_equal(house.told[0][LNL_CMD_PEER_ADD].serial, serial);
	assert_int_equal(house.told[1][LNL_CMD_PEER_ELSEWHERE].serial,
			 house.told[0][LNL_CMD_PEER_ADD].serial);
	assert_int_equal(lnl_peer_kill(house.e, house.s->id, id, NULL), 0);
	house_run(3 * LNL_SECOND);
	assert_null(house_peer("anna"));
	expect_each(LNL_CMD_PEER_DEL, 1);
}

/* As the sockets are opened one by one, the first packets may come in by another one. */
static void test_the_last_socket_counts(void **state)
{
	struct guest *g = guest_at("anna", 0, 40001);

	(void)state;
	guest_come(g, NULL, NULL);
	guest_turn(g);
	g->link = udp_of(2);
	house_turn();
	assert_true(g->up);
	assert_int_equal(house.s->n_served, 1);
	expect_alone(2, LNL_CMD_PEER_ADD);
	expect_alone(2, LNL_CMD_KEY_INSTALL);
	assert_int_equal(house.told[2][LNL_CMD_PEER_ADD].id, udp_of(2));
}

/* One listening address is one place, whatever the worker; another one is not. */
static void test_one_place(void **state)
{
	struct guest *g, *other;
	const struct lnl_served *v;
	unsigned renewals;

	(void)state;
	g = comes("anna", 1, 40001);
	v = house_peer("anna");
	renewals = told(1, LNL_CMD_KEY_INSTALL);
	for (unsigned i = 0; i < WORKERS; i++) {
		g->link = udp_of(i);
		assert_int_equal(lnl_client_renegotiate(g->c, house.now), 0);
		house_run(61 * LNL_SECOND);
		assert_true(g->up && !g->closed);
		assert_ptr_equal(house_peer("anna"), v);
		assert_true(told(1, LNL_CMD_KEY_INSTALL) > renewals);
		renewals = told(1, LNL_CMD_KEY_INSTALL);
	}
	expect_alone(1, LNL_CMD_KEY_INSTALL);
	expect_alone(1, LNL_CMD_PEER_ADD);
	other = guest_at("ben", 0, 40001);
	other->link += WORKERS;
	guest_come(other, NULL, NULL);
	house_turn();
	assert_true(other->up);
	assert_ptr_equal(house_peer("anna"), v);
	assert_int_equal(house.s->n_up, 2);
}

/* Who has moved stays its worker's, and is who it is wherever its packets come in. */
static void test_a_float_moves_no_peer(void **state)
{
	struct guest *g = comes("anna", 1, 40001);
	struct lnl_served *v = house.s->served[house_peer("anna")->id];

	(void)state;
	g->at = house_addr("192.0.2.7", 40007);
	lnl_door_moved(v, udp_of(1), &g->at);
	g->link = udp_of(2);
	assert_int_equal(lnl_client_renegotiate(g->c, house.now), 0);
	house_run(61 * LNL_SECOND);
	assert_true(g->up && !g->closed);
	assert_int_equal(house.s->n_served, 1);
	expect_alone(1, LNL_CMD_KEY_INSTALL);
}

/* ---- TCP ---- */

static void test_streams_in_turns(void **state)
{
	static const char *const names[] = { "anna", "ben", "carl" };
	unsigned seen[WORKERS] = { 0 };

	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		struct guest *g = guest_new(names[i], "192.0.2.2", 0);
		const struct lnl_served *v;

		guest_come(g, NULL, NULL);
		v = house.s->served[i];
		assert_non_null(v);
		house_turn();
		assert_true(g->up);
		assert_int_equal(house.told[v->worker][LNL_CMD_LINK_ADD].id, v->link);
		assert_int_equal(house.told[v->worker][LNL_CMD_PEER_ADD].peer, v->id);
		assert_int_equal(v->link % WORKERS, v->worker);
		seen[v->worker]++;
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(seen[i], 1);
}

/* After as many connections as there are numbers the ones that are free come again. */
static void test_numbers_come_again(void **state)
{
	struct lnl_addr at = house_addr("192.0.2.9", 50000);
	uint32_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint32_t link;

		/* Each is there when its number would come again. */
		if (i % 3 == 0)
			house.s->next_link = UINT32_MAX / WORKERS - 1;
		lnl_door_accept(house.s, open("/dev/null", O_RDONLY | O_CLOEXEC), &at);
		link = house.s->served[i]->link;
		assert_true(link / WORKERS > LNL_SERVICE_LISTEN);
		assert_true(link > last);
		assert_non_null(lnl_door_by_link(house.s, link));
		last = link;
	}
}

/* ---- counters ---- */

static void test_all_are_counted(void **state)
{
	struct lnl_counters own = { .rx_bytes = 100, .tx_packets = 7, .drops[LNL_DROP_QUEUE] = 2 };
	struct lnl_counters other = { .drops[LNL_DROP_QUEUE] = 5 };
	struct lnl_stats stats;
	struct lnl_served *v;
	uint32_t id;

	(void)state;
	comes("anna", 1, 40001);
	id = house_peer("anna")->id;
	v = house.s->served[id];
	house.hold_counters = true;
	house.n_counters = 0;
	assert_int_equal(lnl_peer_stats(house.e, house.s->id, id, &stats), 0);
	assert_int_equal(house.n_counters, WORKERS);
	lnl_service_counted(v, 0, &other);
	lnl_service_counted(v, 1, &own);
	/* Asked once more only when all have answered. */
	lnl_peer_stats(house.e, house.s->id, id, &stats);
	assert_int_equal(house.n_counters, WORKERS);
	lnl_service_counted(v, 2, &other);
	lnl_peer_stats(house.e, house.s->id, id, &stats);
	assert_int_equal(house.n_counters, 2 * WORKERS);
	assert_int_equal(stats.rx_bytes, 100);
	assert_int_equal(stats.tx_packets, 7);
	assert_int_equal(stats.drops[LNL_DROP_QUEUE], 12);
	own.drops[LNL_DROP_QUEUE] = 3;
	own.rx_bytes = 150;
	for (unsigned i = 0; i < WORKERS; i++)
		lnl_service_counted(v, i, i == 1 ? &own : &other);
	lnl_served_stats(v, &stats);
	assert_int_equal(stats.drops[LNL_DROP_QUEUE], 23);
	/* It is gone once the last has answered. */
	lnl_served_end(v, LNL_CAUSE_USER, NULL);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_ptr_equal(house.s->served[id], v);
		lnl_service_counted(v, i, i == 1 ? &own : &other);
	}
	assert_null(house.s->served[id]);
}

/* ---- options ---- */

static void test_how_many(void **state)
{
	static const struct {
		unsigned workers;
		bool ok;
	} rows[] = { { 0, false }, { 1, true }, { 16, true }, { 17, false } };

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lnl_reason why;

		house.o.workers = rows[i].workers;
		why.text[0] = 0;
		house.o.sec.cert = house.ca_bytes; /* of another key: said after that */
		assert_true(lnl_server_check(house.e, &house.o, &why) < 0);
		assert_int_equal(strcmp(why.text, "workers: 1 to 16") != 0, rows[i].ok);
	}
}

#define HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE(test_a_peer_is_ones),   HOUSE(test_the_last_socket_counts),
		HOUSE(test_one_place),	      HOUSE(test_a_float_moves_no_peer),
		HOUSE(test_streams_in_turns), HOUSE(test_numbers_come_again),
		HOUSE(test_all_are_counted),  HOUSE(test_how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
