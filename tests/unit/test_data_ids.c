/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many packet ids the other side has used, and how many came, over all keys of a peer. */
#include "test_data_world.h"

static void expect_ids(struct world *w, uint64_t used, uint64_t came)
{
	struct lnl_counters c = counters_of(w->server, WIRE_ID);

	assert_int_equal(c.ids_used, used);
	assert_int_equal(c.ids_came, came);
}

/* |n| packets, of which only those whose bit is set in |come| arrive. */
static void pass(struct world *w, unsigned n, unsigned come)
{
	for (unsigned i = 0; i < n; i++) {
		struct test_buffer b;
		struct lnl_packet pkt = world_seal(w, &b, small_packet, sizeof(small_packet));

		if (come >> i & 1) {
			assert_int_equal(world_open_copy(w, &pkt), LNL_DROP_NONE);
			/* a copy is no other packet */
			assert_int_equal(world_open(w, &pkt), LNL_DROP_REPLAY);
		}
	}
}

static void all_keys(enum lnl_cipher cipher, enum lnl_digest digest)
{
	struct lnl_key_conf key;
	struct world w;

	world_init(&w, cipher, digest, LNL_FRAMING_NONE, true);
	expect_ids(&w, 0, 0);
	pass(&w, 5, 0x17); /* not the fourth */
	expect_ids(&w, 5, 4);
	/* the next key */
	test_key(&key, cipher, digest);
	key.key_id = 1;
	world_install(&w, LNL_SLOT_SECONDARY, &key);
	lnl_data_key_swap(w.client, CLIENT_PEER);
	lnl_data_key_swap(w.server, WIRE_ID);
	pass(&w, 4, 0xc); /* not the first two */
	expect_ids(&w, 9, 6);
	/* deleted, put in the place of, expired: what came under it still counts */
	assert_int_equal(lnl_data_key_del(w.server, WIRE_ID, LNL_SLOT_SECONDARY), 0);
	expect_ids(&w, 9, 6);
	key.key_id = 2;
	world_install(&w, LNL_SLOT_PRIMARY, &key);
	expect_ids(&w, 9, 6);
	pass(&w, 1, 1);
	assert_int_equal(lnl_data_key_expire(w.server, WIRE_ID, LNL_SLOT_PRIMARY, w.now), 0);
	lnl_data_tick(w.server, w.now);
	expect_ids(&w, 10, 7);
	world_deinit(&w);
}

static void test_ids(void **state)
{
	(void)state;
	all_keys(LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	all_keys(LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA256);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ids) };

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
