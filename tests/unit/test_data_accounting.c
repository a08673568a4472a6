/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TRUST Z1: nothing is lost from sight. */
#include "test_data_world.h"

/*
 * Batches for several peers at once, with every kind of damage: what went in came out or has its
 * reason.
 */
static void z1_everything_is_counted(void **state)
{
	(void)state;
	enum { BATCH = 32, ROUNDS = 2000, PEERS = 4 };
	static struct test_buffer buffers[BATCH];
	struct lnl_packet pkts[BATCH];
	struct test_env env;
	struct lnl_data *from, *to;
	uint64_t seed = 5, in_seal = 0, in_open = 0, out_seal = 0, out_open = 0, messages = 0;

	test_env_init(&env);
	assert_int_equal(lnl_data_new(&from, &env.env, PEERS), 0);
	assert_int_equal(lnl_data_new(&to, &env.env, PEERS), 0);
	for (uint32_t id = 0; id < PEERS; id++) {
		struct lnl_peer_conf conf = { .id = id, .wire_id = id };
		struct lnl_key_conf key, other;
		assert_int_equal(lnl_data_peer_add(from, &conf, 0), 0);
		assert_int_equal(lnl_data_peer_add(to, &conf, 0), 0);
		test_key(&key, id % 2 != 0 ? LNL_CIPHER_AES_128_CBC : LNL_CIPHER_AES_128_GCM,
			 LNL_DIGEST_SHA1);
		key.send.cipher[0] = (uint8_t)id;
		other = test_key_of_other_end(&key);
		if (id != 3) /* one peer has no key */
			assert_int_equal(lnl_data_key_install(from, id, LNL_SLOT_PRIMARY, &key), 0);
		assert_int_equal(lnl_data_key_install(to, id, LNL_SLOT_PRIMARY, &other), 0);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < BATCH; i++) {
			uint32_t len = next_random(&seed) % 64;
			uint32_t peer = next_random(&seed) % (PEERS + 1);
			uint8_t data[64] = { 0x45 };
			if (next_random(&seed) % 16 == 0)
				data[0] = 0;
			pkts[i] = test_packet(&buffers[i], peer, data, len);
		}
		in_seal += BATCH;
		out_seal += lnl_data_seal(from, pkts, BATCH, round);
		unsigned n = 0;
		for (unsigned i = 0; i < BATCH; i++) {
			if (pkts[i].drop != LNL_DROP_NONE) {
				uint32_t peer = next_random(&seed) % 3;
				pkts[i] = test_packet(&buffers[i], peer, NULL, 0);
				assert_int_equal(lnl_data_special(from, peer, LNL_SPECIAL_PING,
								  &pkts[i], round),
						 0);
			}
			if (next_random(&seed) % 8 == 0)
				pkts[i].p[next_random(&seed) % pkts[i].len] ^= 1;
			if (next_random(&seed) % 8 == 0)
				pkts[i].len = next_random(&seed) % (pkts[i].len + 1);
			pkts[i].peer = LNL_PEER_ID_NONE;
			n++;
		}
		in_open += n;
		out_open += lnl_data_open(to, pkts, n, round);
	}
	uint64_t sealed = 0, opened = 0, seal_drops = 0, open_drops = 0, pings = 0;
	for (uint32_t id = 0; id <= PEERS; id++) {
		uint32_t who = id < PEERS ? id : LNL_PEER_ID_NONE;
		struct lnl_counters c = counters_of(from, who);
		sealed += c.tx_packets;
		seal_drops += drops_of(&c);
		pings += c.pings_sent;
		c = counters_of(to, who);
		opened += c.rx_packets;
		open_drops += drops_of(&c);
		messages += c.pings_received + c.occ_received;
	}
	assert_int_equal(sealed, out_seal);
	assert_int_equal(opened, out_open);
	assert_int_equal(in_seal, sealed + seal_drops);
	assert_int_equal(in_open, opened + messages + open_drops);
	assert_int_equal(in_open, sealed + pings);
	assert_true(messages > 1000 && open_drops > 1000 && opened > 10000);
	lnl_data_free(from);
	lnl_data_free(to);
	assert_int_equal(env.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(z1_everything_is_counted),
	};

	return cmocka_run_group_tests_name("data/accounting", tests, crypto_up, crypto_down);
}
