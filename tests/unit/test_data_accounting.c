/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TRUST Z1: nothing is lost from sight. */
#include "test_data_world.h"

enum { BATCH = 32, ROUNDS = 2000, PEERS = 4 };

/* Two planes with the same peers, and what went in and came out. */
struct tally {
	struct test_env env;
	struct lnl_data *from, *to;
	uint64_t seed, in_seal, in_open, out_seal, out_open;
};

static void add_peers(struct tally *t)
{
	for (uint32_t id = 0; id < PEERS; id++) {
		struct lnl_peer_conf conf = { .id = id, .wire_id = id };
		struct lnl_key_conf key, other;

		assert_int_equal(lnl_data_peer_add(t->from, &conf, 0), 0);
		assert_int_equal(lnl_data_peer_add(t->to, &conf, 0), 0);
		test_key(&key, id % 2 != 0 ? LNL_CIPHER_AES_128_CBC : LNL_CIPHER_AES_128_GCM,
			 LNL_DIGEST_SHA1);
		key.send.cipher[0] = (uint8_t)id;
		other = test_key_of_other_end(&key);
		if (id != 3) /* one peer has no key */
			assert_int_equal(lnl_data_key_install(t->from, id, LNL_SLOT_PRIMARY, &key),
					 0);
		assert_int_equal(lnl_data_key_install(t->to, id, LNL_SLOT_PRIMARY, &other), 0);
	}
}

/* A batch of good and bad packets is sealed; pings take the places of what was dropped. */
static void seal_batch(struct tally *t, struct lnl_packet *pkts, struct test_buffer *buffers,
		       uint64_t now)
{
	for (unsigned i = 0; i < BATCH; i++) {
		uint32_t len = next_random(&t->seed) % 64;
		uint32_t peer = next_random(&t->seed) % (PEERS + 1);
		uint8_t data[64] = { 0x45 };

		if (next_random(&t->seed) % 16 == 0)
			data[0] = 0;
		pkts[i] = test_packet(&buffers[i], peer, data, len);
	}
	t->in_seal += BATCH;
	t->out_seal += lnl_data_seal(t->from, pkts, BATCH, now);
	for (unsigned i = 0; i < BATCH; i++) {
		uint32_t peer = next_random(&t->seed) % 3;

		if (pkts[i].drop == LNL_DROP_NONE)
			continue;
		pkts[i] = test_packet(&buffers[i], peer, NULL, 0);
		assert_int_equal(lnl_data_special(t->from, peer, LNL_SPECIAL_PING, &pkts[i], now),
				 0);
	}
}

/* One in eight is damaged, one in eight cut. */
static void open_batch(struct tally *t, struct lnl_packet *pkts, uint64_t now)
{
	for (unsigned i = 0; i < BATCH; i++) {
		if (next_random(&t->seed) % 8 == 0)
			pkts[i].p[next_random(&t->seed) % pkts[i].len] ^= 1;
		if (next_random(&t->seed) % 8 == 0)
			pkts[i].len = next_random(&t->seed) % (pkts[i].len + 1);
		pkts[i].peer = LNL_PEER_ID_NONE;
	}
	t->in_open += BATCH;
	t->out_open += lnl_data_open(t->to, pkts, BATCH, now);
}

static void compare(const struct tally *t)
{
	uint64_t sealed = 0, opened = 0, seal_drops = 0, open_drops = 0, pings = 0, messages = 0;

	for (uint32_t id = 0; id <= PEERS; id++) {
		uint32_t who = id < PEERS ? id : LNL_PEER_ID_NONE;
		struct lnl_counters c = counters_of(t->from, who);

		sealed += c.tx_packets;
		seal_drops += drops_of(&c);
		pings += c.pings_sent;
		c = counters_of(t->to, who);
		opened += c.rx_packets;
		open_drops += drops_of(&c);
		messages += c.pings_received + c.occ_received;
	}
	assert_int_equal(sealed, t->out_seal);
	assert_int_equal(opened, t->out_open);
	assert_int_equal(t->in_seal, sealed + seal_drops);
	assert_int_equal(t->in_open, opened + messages + open_drops);
	assert_int_equal(t->in_open, sealed + pings);
	assert_true(messages > 1000 && open_drops > 1000 && opened > 10000);
}

/*
 * Batches for several peers at once, with every kind of damage: what went in came out or has its
 * reason.
 */
static void z1_everything_is_counted(void **state)
{
	static struct test_buffer buffers[BATCH];
	struct lnl_packet pkts[BATCH];
	struct tally t = { .seed = 5 };

	(void)state;
	test_env_init(&t.env);
	assert_int_equal(lnl_data_new(&t.from, &t.env.env, PEERS), 0);
	assert_int_equal(lnl_data_new(&t.to, &t.env.env, PEERS), 0);
	add_peers(&t);
	for (unsigned round = 0; round < ROUNDS; round++) {
		seal_batch(&t, pkts, buffers, round);
		open_batch(&t, pkts, round);
	}
	compare(&t);
	lnl_data_free(t.from);
	lnl_data_free(t.to);
	assert_int_equal(t.env.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(z1_everything_is_counted),
	};

	return cmocka_run_group_tests_name("data/accounting", tests, crypto_up, crypto_down);
}
