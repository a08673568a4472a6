/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Renegotiation: from either side and both, under traffic, at the end of packet ids: D1, D2, Z3. */
/* lunel-test: both */
#include "sim/check.h"

static struct sim_world *up(uint64_t seed, enum sim_wrap wrap, bool tcp)
{
	struct sim_world *w = world_new(seed, wrap, tcp);

	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	return w;
}

/* Nothing is lost, doubled or reordered, whoever renegotiates: 10^5 packets, a key id cycle. */
static void test_traffic(void **state)
{
	struct sim_world *w = up(1, SIM_WRAP_CRYPT, false);

	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		if (round % 3 != 1)
			lnl_client_renegotiate(w->client, w->now);
		if (round % 3 != 0)
			lnl_session_renegotiate(w->server.session, w->now);
		sim_world_traffic(w, 5000, 20 * LNL_MSEC);
		assert_int_equal(w->keys_installed, round + 2);
		assert_int_equal(w->keys_swapped, round + 1);
		assert_int_equal(w->server.negotiations, round + 2);
		assert_int_equal(w->last_key_id, round % 7 + 1);
	}
	assert_true(sim_world_all_arrived(w));
	assert_false(w->closed);
	world_delete(w);
}

/* W6: both send their reset in the same moment, over and over. */
static void test_simultaneous(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_world *w = up(10 + i, (enum sim_wrap)i, false);

		for (unsigned round = 0; round < 9; round++) {
			lnl_client_renegotiate(w->client, w->now);
			lnl_session_renegotiate(w->server.session, w->now);
			sim_world_traffic(w, 700, 100 * LNL_MSEC);
			assert_int_equal(w->server.negotiations, round + 2);
		}
		assert_true(sim_world_all_arrived(w));
		world_delete(w);
	}
}

/* By time, at both ends' own intervals. */
static void test_intervals(void **state)
{
	struct sim_world *w = world_new(20, SIM_WRAP_V2, false);

	(void)state;
	w->conf.session.reneg_interval = 100 * LNL_SECOND;
	w->server_conf.session.reneg_interval = 70 * LNL_SECOND;
	w->server_conf.swap_after = 35 * LNL_SECOND;
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	sim_world_traffic(w, 1000, LNL_SECOND);
	assert_true(w->keys_installed >= 14 && w->keys_installed <= 16);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

/* A second wish while one is under way, or before the first keys, is none. */
static void test_once_at_a_time(void **state)
{
	struct sim_world *w = world_new(21, SIM_WRAP_NONE, false);

	(void)state;
	assert_int_equal(sim_world_start(w), 0);
	assert_int_equal(lnl_client_renegotiate(w->client, w->now), LNL_E_STATE);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(lnl_client_renegotiate(w->client, w->now), 0);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_int_equal(w->keys_installed, 2);
	world_delete(w);
}

/* ---- when the new key starts and the old one ends ---- */

static void test_key_lifetime(void **state)
{
	struct sim_world *w = up(22, SIM_WRAP_CRYPT, false);
	struct lnl_counters c;

	(void)state;
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, 59 * LNL_SECOND);
	assert_int_equal(w->keys_installed, 2);
	assert_int_equal(w->keys_swapped, 0);
	sim_world_run(w, 2 * LNL_SECOND);
	assert_int_equal(w->keys_swapped, 1);
	/* The old one still opens, and no more once tran-window is over. */
	lnl_data_key_swap(w->server.data, SIM_PEER_ID);
	sim_world_send(w, SIM_SERVER, SIM_PACKET);
	sim_world_run(w, LNL_SECOND);
	assert_int_equal(w->traffic[SIM_SERVER].got, 1);
	w->server.conf = &w->server_conf;
	lnl_data_key_expire(w->server.data, SIM_PEER_ID, LNL_SLOT_PRIMARY, LNL_NEVER);
	sim_world_run(w, 3600 * LNL_SECOND);
	sim_world_send(w, SIM_SERVER, SIM_PACKET);
	sim_world_run(w, LNL_SECOND);
	assert_int_equal(w->traffic[SIM_SERVER].got, 1);
	assert_true(w->data_drops[LNL_DROP_KEY_ID] > 0);
	assert_int_equal(lnl_data_counters(w->data, SIM_OUR_PEER, &c), 0);
	world_delete(w);
}

/* A server that sends with its new key at once is heard. */
static void test_eager_server(void **state)
{
	struct sim_world *w = world_new(23, SIM_WRAP_CRYPT, false);

	(void)state;
	w->server_conf.swap_after = 100 * LNL_MSEC;
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	for (unsigned i = 0; i < 4; i++) {
		lnl_session_renegotiate(w->server.session, w->now);
		sim_world_traffic(w, 700, 100 * LNL_MSEC);
	}
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

/* A second new key while the first waits for its time: that one sends now. */
static void test_two_in_a_row(void **state)
{
	struct sim_world *w = up(48, SIM_WRAP_CRYPT, false);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		lnl_client_renegotiate(w->client, w->now);
		sim_world_run(w, 5 * LNL_SECOND);
		assert_int_equal(w->keys_installed, i + 2);
		assert_int_equal(w->keys_swapped, i);
	}
	sim_world_traffic(w, 10, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

/* One that renews in haste forgets the key before the last with its next wish. */
static void test_hasty_server(void **state)
{
	(void)state;
	for (unsigned seconds = 4; seconds <= 40; seconds *= 2) {
		struct sim_world *w = world_new(50 + seconds, SIM_WRAP_CRYPT, false);

		w->server_conf.session.reneg_interval = seconds * LNL_SECOND;
		w->server_conf.swap_after = seconds * LNL_SECOND / 2;
		assert_int_equal(sim_world_start(w), 0);
		assert_true(sim_world_connect(w, 30 * LNL_SECOND));
		sim_world_traffic(w, 200 * seconds, 50 * LNL_MSEC);
		assert_in_range(w->keys_installed, 9, 12);
		assert_true(sim_world_all_arrived(w));
		world_delete(w);
	}
}

/* ---- limits ---- */

/* D2: near the end of the ids a new key is asked for, and no id is sent twice or wrapped. */
static void near_the_end(uint32_t first, enum lnl_cipher cipher, bool by_server)
{
	struct sim_world *w = world_new(first ^ cipher, SIM_WRAP_CRYPT, false);

	sim_world_cipher(w, cipher, LNL_DIGEST_SHA256);
	if (by_server)
		w->server_conf.first_data_id = first;
	else
		w->conf.first_data_id = first;
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	/* Renegotiated keys begin at 1. */
	w->conf.first_data_id = w->server_conf.first_data_id = 0;
	sim_world_traffic(w, 600, 10 * LNL_MSEC);
	assert_true(w->keys_installed >= 2);
	assert_false(w->closed);
	if (first < UINT32_C(0xff000000))
		assert_true(sim_world_all_arrived(w));
	assert_int_equal(w->traffic[0].doubled + w->traffic[1].doubled, 0);
	memset(w->traffic, 0, sizeof(w->traffic));
	sim_world_traffic(w, 100, 10 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

static void test_last_packet_ids(void **state)
{
	(void)state;
	for (unsigned by_server = 0; by_server < 2; by_server++) {
		near_the_end(UINT32_C(0xfeffff00), LNL_CIPHER_AES_256_GCM, by_server);
		near_the_end(UINT32_C(0xfffffff0), LNL_CIPHER_AES_256_GCM, by_server);
		near_the_end(UINT32_C(0xfeffff00), LNL_CIPHER_AES_256_CBC, by_server);
		near_the_end(UINT32_C(0xfffffff0), LNL_CIPHER_AES_256_CBC, by_server);
	}
}

/* reneg-pkts: each key is left after so many, at once and without loss. */
static void test_packet_limit(void **state)
{
	struct sim_world *w = world_new(24, SIM_WRAP_CRYPT, false);

	(void)state;
	w->conf.reneg_packets = 200;
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	sim_world_traffic(w, 1000, 20 * LNL_MSEC);
	assert_in_range(w->keys_installed, 5, 11);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

/* The limit passes while a newer key waits for its time: that one takes over, and none is made. */
static void test_limit_while_a_key_waits(void **state)
{
	struct sim_world *w = world_new(25, SIM_WRAP_CRYPT, false);

	(void)state;
	w->conf.reneg_packets = 200;
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	sim_world_traffic(w, 50, 20 * LNL_MSEC);
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, LNL_SECOND);
	assert_int_equal(w->keys_installed, 2);
	assert_int_equal(w->keys_swapped, 0);
	sim_world_traffic(w, 80, 20 * LNL_MSEC);
	assert_int_equal(w->keys_installed, 2);
	assert_int_equal(w->keys_swapped, 1);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

/* ---- old negotiations ---- */

/* The negotiation before the last may end as it likes, the connection stays. */
static void test_old_negotiation_breaks(void **state)
{
	static const uint8_t junk[] = "this is no TLS record";
	struct sim_world *w = up(26, SIM_WRAP_NONE, false);
	struct lnl_control c = { .op = LNL_OP_CONTROL_V1,
				 .payload = junk,
				 .payload_len = sizeof(junk) };
	uint8_t packet[256];
	struct lnl_writer writer;

	(void)state;
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_int_equal(w->keys_installed, 2);
	/* As the server would send it: its session id stands in every packet of its. */
	for (uint32_t id = 1; id < 40 && !w->closed; id++) {
		lnl_writer_init(&writer, packet, sizeof(packet));
		lnl_write_u8(&writer, lnl_op_byte(LNL_OP_CONTROL_V1, 0));
		lnl_write_bytes(&writer, w->server_sid, LNL_SID_LEN);
		c.id = id;
		lnl_control_write_body(&c, &writer);
		lnl_client_input(w->client, packet, lnl_writer_len(&writer), w->now);
		sim_world_turn(w);
	}
	assert_false(w->closed);
	sim_world_traffic(w, 10, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

/* A5: TLS's own renegotiation is asked for; nothing comes of it but the end, and never a handshake. */
static void test_hello_request(void **state)
{
	static const uint8_t hello_request[] = { 22, 3, 3, 0, 4, 0, 0, 0, 0 };
	struct sim_world *w = up(27, SIM_WRAP_NONE, false);
	struct lnl_control c = { .op = LNL_OP_CONTROL_V1,
				 .payload = hello_request,
				 .payload_len = sizeof(hello_request) };
	uint8_t packet[256];
	unsigned long sent;
	struct lnl_writer writer;

	(void)state;
	sim_world_run(w, LNL_SECOND);
	sent = w->net.bytes[SIM_CLIENT];
	for (uint32_t id = 1; id < 40; id++) {
		lnl_writer_init(&writer, packet, sizeof(packet));
		lnl_write_u8(&writer, lnl_op_byte(LNL_OP_CONTROL_V1, 0));
		lnl_write_bytes(&writer, w->server_sid, LNL_SID_LEN);
		c.id = id;
		lnl_control_write_body(&c, &writer);
		lnl_client_input(w->client, packet, lnl_writer_len(&writer), w->now);
		sim_world_turn(w);
	}
	assert_true(w->closed);
	assert_int_equal(w->cause, LNL_CAUSE_TLS);
	assert_int_equal(w->counts[LNL_CLIENT_UP], 1);
	/* acks and an alert, no ClientHello */
	assert_true(w->net.bytes[SIM_CLIENT] - sent < 40 * 60 + 100);
	world_delete(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_simultaneous),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_once_at_a_time),
		cmocka_unit_test(test_key_lifetime),
		cmocka_unit_test(test_eager_server),
		cmocka_unit_test(test_two_in_a_row),
		cmocka_unit_test(test_hasty_server),
		cmocka_unit_test(test_last_packet_ids),
		cmocka_unit_test(test_packet_limit),
		cmocka_unit_test(test_limit_while_a_key_waits),
		cmocka_unit_test(test_old_negotiation_breaks),
		cmocka_unit_test(test_hello_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
