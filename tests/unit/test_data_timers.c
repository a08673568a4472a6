/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

#define SECONDS(n) ((n)*LNL_SECOND)

/* A plane at time 1000 s with one peer, id 5; |key| installs a key that |expires|. */
static struct lnl_data *one_peer(struct test_env *env, const struct lnl_peer_conf *conf,
				 uint64_t expires)
{
	struct lnl_data *d;
	struct lnl_key_conf key;

	test_env_init(env);
	assert_int_equal(lnl_data_new(&d, &env->env, 100), 0);
	assert_int_equal(lnl_data_next_due(d), LNL_NEVER);
	assert_int_equal(lnl_data_tick(d, SECONDS(1000)), LNL_PEER_ID_NONE);
	assert_int_equal(lnl_data_peer_add(d, conf, SECONDS(1000)), 0);
	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	key.key_id = 3;
	key.expires = expires;
	if (expires != 0)
		assert_int_equal(lnl_data_key_install(d, 5, LNL_SLOT_PRIMARY, &key), 0);
	return d;
}

static void send_one(struct lnl_data *d, uint64_t now)
{
	struct test_buffer b;
	struct lnl_packet pkt = test_packet(&b, 5, small_packet, sizeof(small_packet));

	assert_int_equal(lnl_data_seal(d, &pkt, 1, now), 1);
}

static void pings_when_silent(void **state)
{
	(void)state;
	struct lnl_peer_conf conf = { .id = 5, .wire_id = 5, .ping_interval = SECONDS(10) };
	struct test_env env;
	struct test_buffer b;
	struct lnl_packet pkt = test_packet(&b, 0, NULL, 0);
	struct lnl_data *d = one_peer(&env, &conf, LNL_NEVER);

	assert_int_equal(lnl_data_next_due(d), SECONDS(1010));
	assert_int_equal(lnl_data_tick(d, SECONDS(1010) - 1), LNL_PEER_ID_NONE);
	assert_int_equal(lnl_data_tick(d, SECONDS(1010)), 5);
	assert_int_equal(lnl_data_special(d, 5, LNL_SPECIAL_PING, &pkt, SECONDS(1010)), 0);
	assert_int_equal(lnl_data_tick(d, SECONDS(1010)), LNL_PEER_ID_NONE);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1020));

	/* A packet puts it off; the heap learns of that when it looks. */
	send_one(d, SECONDS(1015));
	assert_int_equal(lnl_data_tick(d, SECONDS(1020)), LNL_PEER_ID_NONE);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1025));

	/* Asked for and not sent: once an interval all the same. */
	assert_int_equal(lnl_data_tick(d, SECONDS(1025)), 5);
	assert_int_equal(lnl_data_tick(d, SECONDS(1025)), LNL_PEER_ID_NONE);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1035));
	assert_int_equal(counters_of(d, 5).pings_sent, 1);
	expect_no_notice(d);
	lnl_data_free(d);
}

/*
 * Without a key there is nothing to ping with; with one it is due from the last packet, here from
 * the start.
 */
static void pings_need_a_key(void **state)
{
	(void)state;
	struct lnl_peer_conf conf = { .id = 5, .wire_id = 5, .ping_interval = SECONDS(10) };
	struct test_env env;
	struct lnl_key_conf key;
	struct lnl_data *d = one_peer(&env, &conf, 0);

	assert_int_equal(lnl_data_next_due(d), LNL_NEVER);
	assert_int_equal(lnl_data_tick(d, SECONDS(2000)), LNL_PEER_ID_NONE);
	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	assert_int_equal(lnl_data_key_install(d, 5, LNL_SLOT_SECONDARY, &key), 0);
	assert_int_equal(lnl_data_next_due(d), LNL_NEVER);
	assert_int_equal(lnl_data_key_swap(d, 5), 0);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1010));
	assert_int_equal(lnl_data_tick(d, SECONDS(2000)), 5);
	assert_int_equal(lnl_data_key_del(d, 5, LNL_SLOT_PRIMARY), 0);
	assert_int_equal(lnl_data_next_due(d), LNL_NEVER);
	lnl_data_free(d);
}

static void times_out(void **state)
{
	(void)state;
	struct lnl_peer_conf conf = { .id = 5, .wire_id = 5, .ping_timeout = SECONDS(60) };
	struct test_env env;
	struct lnl_data *d = one_peer(&env, &conf, 0);

	assert_int_equal(lnl_data_tick(d, SECONDS(1060) - 1), LNL_PEER_ID_NONE);
	expect_no_notice(d);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1060));
	assert_int_equal(lnl_data_tick(d, SECONDS(1060)), LNL_PEER_ID_NONE);
	expect_notice(d, LNL_NOTICE_PING_TIMEOUT, 5, 0);
	expect_no_notice(d);

	/* Told again after each further timeout; two that nobody fetched are one. */
	assert_int_equal(lnl_data_tick(d, SECONDS(1120)), LNL_PEER_ID_NONE);
	assert_int_equal(lnl_data_tick(d, SECONDS(1180)), LNL_PEER_ID_NONE);
	expect_notice(d, LNL_NOTICE_PING_TIMEOUT, 5, 0);
	expect_no_notice(d);
	lnl_data_free(d);
}

/* What is received puts the timeout off, but only when it is authentic. */
static void hears(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID };

	world_init_gcm(&w);
	conf.ping_timeout = SECONDS(60);
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	w.now += SECONDS(30);
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_NONE);
	w.now += SECONDS(20);
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_REPLAY);
	pkt.p[7] ^= 0x80;
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_AUTH);
	expect_notice(w.server, LNL_NOTICE_DECRYPT, WIRE_ID, 0);
	w.now += SECONDS(40) - 1;
	assert_int_equal(lnl_data_tick(w.server, w.now), LNL_PEER_ID_NONE);
	expect_no_notice(w.server);
	w.now += 1;
	assert_int_equal(lnl_data_tick(w.server, w.now), LNL_PEER_ID_NONE);
	expect_notice(w.server, LNL_NOTICE_PING_TIMEOUT, WIRE_ID, 0);
	world_deinit(&w);
}

/* ping-timer-rem: silence before the first packet is no timeout, silence after it is. */
static void timer_rem_waits_for_the_first_packet(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID };

	world_init_gcm(&w);
	conf.ping_timeout = SECONDS(60);
	conf.ping_timer_rem = true;
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	assert_int_equal(lnl_data_next_due(w.server), LNL_NEVER);
	w.now += SECONDS(1000);
	assert_int_equal(lnl_data_tick(w.server, w.now), LNL_PEER_ID_NONE);
	expect_no_notice(w.server);
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(lnl_data_next_due(w.server), w.now + SECONDS(60));
	assert_int_equal(lnl_data_tick(w.server, w.now + SECONDS(60)), LNL_PEER_ID_NONE);
	expect_notice(w.server, LNL_NOTICE_PING_TIMEOUT, WIRE_ID, 0);
	world_deinit(&w);
}

static void expires_keys(void **state)
{
	(void)state;
	struct lnl_peer_conf conf = { .id = 5, .wire_id = 5, .ping_interval = SECONDS(10) };
	struct test_env env;
	struct lnl_data *d = one_peer(&env, &conf, SECONDS(1005));
	unsigned live = env.live;

	assert_int_equal(lnl_data_next_due(d), SECONDS(1005));
	assert_int_equal(lnl_data_tick(d, SECONDS(1005) - 1), LNL_PEER_ID_NONE);
	expect_no_notice(d);
	assert_int_equal(lnl_data_tick(d, SECONDS(1005)), LNL_PEER_ID_NONE);
	expect_notice(d, LNL_NOTICE_KEY_EXPIRED, 5, 3);
	expect_no_notice(d);
	assert_true(env.live < live);
	assert_int_equal(lnl_data_next_due(d), LNL_NEVER);
	assert_int_equal(lnl_data_key_expire(d, 5, LNL_SLOT_PRIMARY, 1), LNL_E_NOTFOUND);
	lnl_data_free(d);
}

/* tran-window: the time is set, moved earlier and later after the installation. */
static void expiry_moves(void **state)
{
	(void)state;
	struct lnl_peer_conf conf = { .id = 5, .wire_id = 5 };
	struct test_env env;
	struct lnl_data *d = one_peer(&env, &conf, LNL_NEVER);

	assert_int_equal(lnl_data_next_due(d), LNL_NEVER);
	assert_int_equal(lnl_data_key_expire(d, 5, LNL_SLOT_PRIMARY, SECONDS(1100)), 0);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1100));
	assert_int_equal(lnl_data_key_expire(d, 5, LNL_SLOT_PRIMARY, SECONDS(1050)), 0);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1050));
	assert_int_equal(lnl_data_key_expire(d, 5, LNL_SLOT_PRIMARY, SECONDS(1200)), 0);
	assert_int_equal(lnl_data_tick(d, SECONDS(1100)), LNL_PEER_ID_NONE);
	expect_no_notice(d);
	send_one(d, SECONDS(1200) - 1);
	assert_int_equal(lnl_data_tick(d, SECONDS(1300)), LNL_PEER_ID_NONE);
	expect_notice(d, LNL_NOTICE_KEY_EXPIRED, 5, 3);
	lnl_data_free(d);
}

/* A changed interval counts from the change; an unchanged one goes on. */
static void peer_set_changes_timers(void **state)
{
	(void)state;
	struct lnl_peer_conf conf = { .id = 5, .wire_id = 5, .ping_interval = SECONDS(10) };
	struct test_env env;
	struct lnl_data *d = one_peer(&env, &conf, LNL_NEVER);

	assert_int_equal(lnl_data_peer_set(d, &conf, SECONDS(1005)), 0);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1010));
	conf.ping_interval = SECONDS(3);
	conf.ping_timeout = SECONDS(4);
	assert_int_equal(lnl_data_peer_set(d, &conf, SECONDS(1006)), 0);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1009));
	conf.ping_interval = 0;
	assert_int_equal(lnl_data_peer_set(d, &conf, SECONDS(1007)), 0);
	assert_int_equal(lnl_data_next_due(d), SECONDS(1010));
	conf.ping_timeout = UINT64_MAX; /* no overflow */
	assert_int_equal(lnl_data_peer_set(d, &conf, SECONDS(1007)), 0);
	assert_int_equal(lnl_data_next_due(d), LNL_NEVER);
	lnl_data_free(d);
}

/* The heap stays one through every change, and its root is the earliest of a plain search. */
static void heap_keeps_its_order(void **state)
{
	(void)state;
	enum { IDS = 300 };
	struct test_env env;
	struct lnl_data *d;
	uint64_t timeouts[IDS] = { 0 };
	bool in[IDS] = { false };
	uint64_t seed = 3;

	test_env_init(&env);
	assert_int_equal(lnl_data_new(&d, &env.env, IDS), 0);
	for (unsigned step = 0; step < 50000; step++) {
		struct lnl_peer_conf conf = { .id = next_random(&seed) % IDS };
		conf.ping_timeout = 1 + next_random(&seed) % 100000;
		if (!in[conf.id]) {
			assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
			in[conf.id] = true;
		} else if (next_random(&seed) % 3 != 0) {
			assert_int_equal(lnl_data_peer_set(d, &conf, 0), 0);
		} else {
			assert_int_equal(lnl_data_peer_del(d, conf.id), 0);
			in[conf.id] = false;
		}
		timeouts[conf.id] = conf.ping_timeout;
		uint64_t first = LNL_NEVER;
		for (unsigned i = 0; i < IDS; i++) {
			if (in[i] && timeouts[i] < first)
				first = timeouts[i];
		}
		assert_int_equal(lnl_data_next_due(d), first);
	}
	for (uint32_t i = 0; i < d->heap_n; i++) {
		assert_int_equal(d->heap[i].peer->heap_at, i);
		assert_true(i == 0 || d->heap[(i - 1) / 2].at <= d->heap[i].at);
	}
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* All of 10,000 peers due at once: one ping each, then silence until the next interval. */
static void ten_thousand_peers(void **state)
{
	(void)state;
	enum { PEERS = 10000 };
	static uint8_t pinged[PEERS];
	struct test_env env;
	struct lnl_data *d;
	struct lnl_key_conf key;
	uint32_t id;

	test_env_init(&env);
	test_key(&key, LNL_CIPHER_CHACHA20_POLY1305, LNL_DIGEST_NONE);
	assert_int_equal(lnl_data_new(&d, &env.env, PEERS), 0);
	for (uint32_t i = 0; i < PEERS; i++) {
		struct lnl_peer_conf conf = { .id = i, .wire_id = i, .ping_interval = 1000 };
		assert_int_equal(lnl_data_peer_add(d, &conf, i % 7), 0);
		assert_int_equal(lnl_data_key_install(d, i, LNL_SLOT_PRIMARY, &key), 0);
	}
	assert_int_equal(lnl_data_next_due(d), 1000);
	while ((id = lnl_data_tick(d, 1006)) != LNL_PEER_ID_NONE)
		pinged[id]++;
	for (uint32_t i = 0; i < PEERS; i++)
		assert_int_equal(pinged[i], 1);
	assert_int_equal(lnl_data_next_due(d), 2006);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pings_when_silent),
		cmocka_unit_test(pings_need_a_key),
		cmocka_unit_test(times_out),
		cmocka_unit_test(hears),
		cmocka_unit_test(timer_rem_waits_for_the_first_packet),
		cmocka_unit_test(expires_keys),
		cmocka_unit_test(expiry_moves),
		cmocka_unit_test(peer_set_changes_timers),
		cmocka_unit_test(heap_keeps_its_order),
		cmocka_unit_test(ten_thousand_peers),
	};

	return cmocka_run_group_tests_name("data/timers", tests, crypto_up, crypto_down);
}
