/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is brought near, and remembered of the packet before, never decides anything. */
#include "test_data_world.h"

#define MANY  1000
#define FIRST 0x0a0000 /* their ids */

/* A server with many peers: each third has no key, each fifth CBC. */
static void crowd_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	test_env_init(&w->env);
	w->now = 1000 * LNL_SECOND;
	assert_int_equal(lnl_data_new(&w->server, &w->env.env, MANY), 0);
	for (uint32_t id = FIRST; id < FIRST + MANY; id++) {
		struct lnl_peer_conf conf = { .id = id, .wire_id = id };
		struct lnl_key_conf key;

		assert_int_equal(lnl_data_peer_add(w->server, &conf, w->now), 0);
		if (id % 3 == 0)
			continue;
		test_key(&key, id % 5 == 0 ? LNL_CIPHER_AES_256_CBC : LNL_CIPHER_AES_256_GCM,
			 id % 5 == 0 ? LNL_DIGEST_SHA256 : LNL_DIGEST_NONE);
		key.recv = key.send;
		assert_int_equal(lnl_data_key_install(w->server, id, LNL_SLOT_PRIMARY, &key), 0);
	}
}

static uint16_t expected(uint32_t id)
{
	if (id >= FIRST + MANY)
		return LNL_DROP_PEER;
	return id % 3 == 0 ? LNL_DROP_NO_KEY : LNL_DROP_NONE;
}

/* More than a look takes, for peers at random, some of them nobody; then the same packets back. */
static void batches_for_many(void **state)
{
	(void)state;
	enum { PACKETS = 100 };
	static struct test_buffer b[PACKETS];
	struct lnl_packet pkts[PACKETS];
	uint32_t ids[PACKETS];
	struct world w;
	uint64_t seed = 5;

	crowd_init(&w);
	for (unsigned round = 0; round < 50; round++) {
		unsigned good = 0;

		for (unsigned i = 0; i < PACKETS; i++) {
			ids[i] = i % 4 == 1 ? ids[i - 1] : FIRST + next_random(&seed) % (MANY + 50);
			pkts[i] = test_packet(&b[i], ids[i], small_packet, sizeof(small_packet));
			good += expected(ids[i]) == LNL_DROP_NONE;
		}
		assert_int_equal(lnl_data_seal(w.server, pkts, PACKETS, w.now), good);
		for (unsigned i = 0; i < PACKETS; i++) {
			assert_int_equal(pkts[i].drop, expected(ids[i]));
			pkts[i].peer = LNL_PEER_ID_NONE;
			/* What is nobody's or too short to say whose it is. */
			if (pkts[i].drop != LNL_DROP_NONE) {
				pkts[i].len = i % 5;
				pkts[i].p[0] =
					lnl_op_byte(i % 2 != 0 ? LNL_OP_DATA_V2 : LNL_OP_DATA_V1,
						    0);
			}
		}
		assert_int_equal(lnl_data_open(w.server, pkts, PACKETS, w.now), good);
		for (unsigned i = 0; i < PACKETS; i++) {
			assert_true((pkts[i].drop == LNL_DROP_NONE) ==
				    (expected(ids[i]) == LNL_DROP_NONE));
			if (pkts[i].drop == LNL_DROP_NONE)
				assert_int_equal(pkts[i].peer, ids[i]);
		}
	}
	lnl_data_free(w.server);
	assert_int_equal(w.env.live, 0);
}

static uint16_t seal_for(struct world *w, uint32_t id)
{
	struct test_buffer b;
	struct lnl_packet pkt = test_packet(&b, id, small_packet, sizeof(small_packet));

	lnl_data_seal(w->server, &pkt, 1, w->now);
	return pkt.drop;
}

/* The peer of the packet before may be gone, and another may have its id. */
static void forgets_who_is_gone(void **state)
{
	(void)state;
	const uint32_t id = FIRST + 3; /* with a key */
	struct lnl_peer_conf conf = { .id = id, .wire_id = id };
	struct world w;

	crowd_init(&w);
	assert_int_equal(seal_for(&w, id), LNL_DROP_NONE);
	assert_int_equal(lnl_data_peer_del(w.server, id), 0);
	assert_int_equal(seal_for(&w, id), LNL_DROP_PEER);
	assert_int_equal(lnl_data_peer_add(w.server, &conf, w.now), 0);
	assert_int_equal(seal_for(&w, id), LNL_DROP_NO_KEY);
	/* Another's removal leaves it alone. */
	assert_int_equal(lnl_data_peer_del(w.server, id + 1), 0);
	assert_int_equal(seal_for(&w, id), LNL_DROP_NO_KEY);
	assert_int_equal(counters_of(w.server, id).drops[LNL_DROP_NO_KEY], 2);
	lnl_data_free(w.server);
	assert_int_equal(w.env.live, 0);
}

/* Every cell of the table says what its peer's slot does. */
static void expect_true_cells(const struct lnl_data *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= d->peers.mask; i++) {
		const struct lnl_peer_cell *c = &d->peers.cells[i];
		const struct lnl_keyslot *k;

		if (c->peer == NULL) {
			assert_true(c->key == NULL && c->send == NULL && c->recv == NULL);
			continue;
		}
		n++;
		k = c->peer->slots[LNL_SLOT_PRIMARY];
		assert_ptr_equal(c->key, k);
		assert_ptr_equal(c->send, k != NULL ? k->send.aead : NULL);
		assert_ptr_equal(c->recv, k != NULL ? k->recv.aead : NULL);
	}
	assert_int_equal(n, d->peers.n);
}

/* No cell leads to a key that is no more, whatever took it away. */
static void cells_follow_keys(void **state)
{
	(void)state;
	const uint32_t id = FIRST + 3;
	struct lnl_key_conf key;
	struct world w;

	crowd_init(&w);
	expect_true_cells(w.server);
	test_key(&key, LNL_CIPHER_AES_128_GCM, LNL_DIGEST_NONE);
	assert_int_equal(lnl_data_key_install(w.server, id, LNL_SLOT_SECONDARY, &key), 0);
	expect_true_cells(w.server);
	assert_int_equal(lnl_data_key_swap(w.server, id), 0);
	expect_true_cells(w.server);
	assert_int_equal(lnl_data_key_install(w.server, id, LNL_SLOT_PRIMARY, &key), 0);
	expect_true_cells(w.server);
	assert_int_equal(lnl_data_key_expire(w.server, id, LNL_SLOT_PRIMARY, w.now + 1), 0);
	lnl_data_tick(w.server, w.now + 1);
	expect_notice(w.server, LNL_NOTICE_KEY_EXPIRED, id, 0);
	expect_true_cells(w.server);
	assert_int_equal(lnl_data_key_del(w.server, id + 4, LNL_SLOT_PRIMARY), 0);
	expect_true_cells(w.server);
	for (uint32_t i = 0; i < MANY; i += 2)
		assert_int_equal(lnl_data_peer_del(w.server, FIRST + i), 0);
	expect_true_cells(w.server);
	lnl_data_free(w.server);
	assert_int_equal(w.env.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_for_many),
		cmocka_unit_test(forgets_who_is_gone),
		cmocka_unit_test(cells_follow_keys),
	};

	return cmocka_run_group_tests_name("data/ahead", tests, crypto_up, crypto_down);
}
