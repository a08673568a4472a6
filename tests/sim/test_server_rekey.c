/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Renegotiation between the engine's own ends: from either side and both, under traffic. D2, Z3. */
/* lunel-test: both */
#include "control/server_state.h"
#include "sim/server_check.h"
#include "unit/pki/pki.h"

static struct sim_real *up(uint64_t seed, enum sim_wrap wrap, bool tcp)
{
	struct sim_real *r = real_new(seed, wrap, tcp);

	real_up(r);
	return r;
}

/* Nothing is lost, doubled or reordered, whoever renegotiates: 10^4 packets a way, a key id cycle. */
static void test_traffic(void **state)
{
	(void)state;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct sim_real *r = up(1 + tcp, SIM_WRAP_CRYPT, tcp);

		r->w->net.faults.delay = 15 * LNL_MSEC;
		for (unsigned round = 0; round < 10; round++) {
			if (round % 3 != 1)
				assert_int_equal(lnl_client_renegotiate(r->w->client, r->w->now),
						 0);
			if (round % 3 != 0)
				assert_int_equal(lnl_server_renegotiate(r->server, r->w->now), 0);
			sim_world_traffic(r->w, 1000, 100 * LNL_MSEC);
			assert_int_equal(r->keys_installed, round + 2);
			assert_int_equal(r->keys_swapped, round + 1);
			assert_int_equal(r->w->keys_installed, round + 2);
			assert_int_equal(r->w->keys_swapped, round + 1);
			assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], round + 2);
			assert_true(r->again);
		}
		assert_true(sim_world_all_arrived(r->w));
		assert_int_equal(r->counts[LNL_SERVER_AUTHORIZE], 1);
		assert_int_equal(r->counts[LNL_SERVER_UP], 1);
		assert_false(r->closed);
		real_delete(r);
	}
}

/* Both send their reset in the same moment, over and over. */
static void test_simultaneous(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_real *r = up(10 + i, (enum sim_wrap)i, false);

		r->w->net.faults.delay = 10 * LNL_MSEC;
		for (unsigned round = 0; round < 9; round++) {
			lnl_client_renegotiate(r->w->client, r->w->now);
			lnl_server_renegotiate(r->server, r->w->now);
			sim_world_traffic(r->w, 700, 100 * LNL_MSEC);
			assert_int_equal(r->keys_installed, round + 2);
		}
		assert_true(sim_world_all_arrived(r->w));
		real_delete(r);
	}
}

/* By time, at both ends' own intervals, long and short. */
static void test_intervals(void **state)
{
	static const struct {
		unsigned client, server;
	} rows[] = {
		{ 100, 70 }, { 70, 100 }, { 0, 60 }, { 60, 0 }, { 0, 4 }, { 8, 0 }, { 20, 20 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_real *r = real_new(20 + i, SIM_WRAP_V2, false);
		unsigned shorter = rows[i].client ? rows[i].client : rows[i].server;

		if (rows[i].server && rows[i].server < shorter)
			shorter = rows[i].server;
		r->w->net.faults.delay = 5 * LNL_MSEC;
		r->w->conf.session.reneg_interval = rows[i].client * LNL_SECOND;
		r->w->server_conf.session.reneg_interval = rows[i].server * LNL_SECOND;
		real_up(r);
		sim_world_traffic(r->w, 100 * shorter, 100 * LNL_MSEC);
		assert_in_range(r->keys_installed, 9, 12);
		if (!sim_world_all_arrived(r->w))
			fail_msg("client %u s, server %u s", rows[i].client, rows[i].server);
		real_delete(r);
	}
}

/*
 * Those that came all at once do not come again all at once: each draws its interval when it begins,
 * and keeps to it.
 */
static void test_spread(void **state)
{
	uint64_t least = LNL_NEVER, most = 0;

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		struct sim_real *r = real_new(900 + i, SIM_WRAP_CRYPT, i & 1);
		uint64_t began, took, interval;

		r->w->server_conf.session.reneg_interval = 100 * LNL_SECOND;
		r->w->server_conf.session.reneg_spread = 10 * LNL_SECOND;
		real_up(r);
		interval = lnl_session_reneg_interval(r->server->session);
		assert_in_range(interval, 90 * LNL_SECOND, 100 * LNL_SECOND);
		for (unsigned round = 1; round <= 3; round++) {
			began = r->w->now;
			while (r->keys_installed == round)
				sim_world_run(r->w, 100 * LNL_MSEC);
			took = r->w->now - began;
			assert_in_range(took, interval - 2 * LNL_SECOND, interval + LNL_SECOND);
		}
		least = lnl_earlier(least, interval);
		most = interval > most ? interval : most;
		real_delete(r);
	}
	assert_in_range(least, 90 * LNL_SECOND, 92 * LNL_SECOND);
	assert_in_range(most, 98 * LNL_SECOND, 100 * LNL_SECOND);
}

static struct sim_real *bounded(uint64_t seed, enum sim_wrap wrap, bool tcp)
{
	struct sim_real *r = real_new(seed, wrap, tcp);

	r->w->server_conf.session.peer_interval = 5 * LNL_SECOND;
	real_up(r);
	return r;
}

/*
 * A client that never stops renegotiating gets one handshake in five seconds, and the server says
 * nothing to what is above that. Ours are not bounded by it, and traffic goes on.
 */
static void test_client_without_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_real *r = bounded(950 + i, (enum sim_wrap)i, i & 1);

		r->w->net.faults.delay = 10 * LNL_MSEC;
		for (unsigned second = 0; second < 300; second++) {
			lnl_client_renegotiate(r->w->client, r->w->now);
			sim_world_traffic(r->w, 10, 100 * LNL_MSEC);
		}
		assert_in_range(r->keys_installed, 1 + 300 / 8, 1 + 300 / 5);
		assert_true(r->drops[LNL_DROP_RATE] >= 300 / 8);
		assert_true(sim_world_all_arrived(r->w));
		assert_false(r->closed);
		real_delete(r);
	}
}

/* The twin: who asks each five seconds is answered at once, and we may ask in between. */
static void test_client_within_the_bound(void **state)
{
	struct sim_real *r = bounded(960, SIM_WRAP_CRYPT, false);

	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		lnl_client_renegotiate(r->w->client, r->w->now);
		sim_world_traffic(r->w, 20, 100 * LNL_MSEC);
		assert_int_equal(r->keys_installed, 2 * round + 2);
		lnl_server_renegotiate(r->server, r->w->now);
		sim_world_traffic(r->w, 30, 100 * LNL_MSEC);
		assert_int_equal(r->keys_installed, 2 * round + 3);
	}
	assert_int_equal(r->drops[LNL_DROP_RATE], 0);
	assert_true(sim_world_all_arrived(r->w));
	real_delete(r);
}

/* The verdict on a renegotiation takes its time: the old keys carry on, nothing is lost. */
static void test_late_verdict(void **state)
{
	struct sim_real *r = up(30, SIM_WRAP_CRYPT, false);

	(void)state;
	r->verdict_after = 40 * LNL_SECOND;
	for (unsigned by_server = 0; by_server < 2; by_server++) {
		if (by_server)
			lnl_server_renegotiate(r->server, r->w->now);
		else
			lnl_client_renegotiate(r->w->client, r->w->now);
		sim_world_traffic(r->w, 390, 100 * LNL_MSEC);
		assert_int_equal(r->keys_installed, by_server + 1);
		sim_world_traffic(r->w, 600, 100 * LNL_MSEC);
		assert_int_equal(r->keys_installed, by_server + 2);
		assert_int_equal(r->keys_swapped, by_server + 1);
	}
	assert_true(sim_world_all_arrived(r->w));
	real_delete(r);
}

/* From the moment that our record is on its way, for some seconds. */
static uint64_t lost_until;

static bool lose_control(void *ctx, unsigned from, uint8_t *bytes, size_t *len)
{
	const struct sim_real *r = ctx;

	return from != SIM_SERVER || *len == 0 || !lnl_op_is_control(lnl_op_of(bytes[0])) ||
	       r->w->now >= lost_until ||
	       !(r->server->auth_waits || r->server->swap_at != LNL_NEVER);
}

/* Our record gets lost for a while: the new key waits for it, and no packet is lost. */
static void test_lost_record(void **state)
{
	struct sim_real *r = up(35, SIM_WRAP_CRYPT, false);

	(void)state;
	r->w->net.tap = lose_control;
	r->w->net.tap_ctx = r;
	r->verdict_after = LNL_SECOND;
	lost_until = r->w->now + 5 * LNL_SECOND;
	lnl_client_renegotiate(r->w->client, r->w->now);
	sim_world_traffic(r->w, 45, 100 * LNL_MSEC);
	assert_int_equal(r->keys_installed, 2);
	assert_int_equal(r->keys_swapped, 0);
	sim_world_traffic(r->w, 200, 100 * LNL_MSEC);
	assert_int_equal(r->keys_swapped, 1);
	assert_true(sim_world_all_arrived(r->w));
	real_delete(r);
}

/* A denial at a renegotiation: told, packets stop, closed. */
static void test_denied(void **state)
{
	struct sim_real *r = real_new(31, SIM_WRAP_CRYPT, false);

	(void)state;
	r->w->setup.username = r->username = "anna";
	r->w->setup.password = r->password = "old";
	r->w->conf.auth_user_pass = true;
	real_up(r);
	r->password = "new";
	r->refusal = "password changed";
	lnl_server_renegotiate(r->server, r->w->now);
	assert_true(sim_real_closes(r, 10 * LNL_SECOND));
	assert_int_equal(r->cause, LNL_CAUSE_AUTH_FAILED);
	assert_int_equal(r->counts[LNL_SERVER_KEY_DEL], 2);
	assert_int_equal(r->keys_installed, 1);
	assert_true(r->w->closed);
	assert_int_equal(r->w->cause, LNL_CAUSE_AUTH_FAILED);
	assert_string_equal(r->w->why, "password changed");
	real_delete(r);
}

/* Nobody judges it: the old keys end with tran-window, and the connection with them. */
static void test_never_judged(void **state)
{
	struct sim_real *r = real_new(32, SIM_WRAP_CRYPT, false);

	(void)state;
	r->w->server_conf.session.tran_window = 100 * LNL_SECOND;
	real_up(r);
	r->verdict_after = LNL_NEVER;
	lnl_client_renegotiate(r->w->client, r->w->now);
	sim_world_run(r->w, LNL_SECOND);
	/* Then our record has to go, verdict or not. */
	assert_true(lnl_server_next_due(r->server) <= r->w->now + 30 * LNL_SECOND);
	sim_world_traffic(r->w, 55, LNL_SECOND);
	assert_true(sim_world_all_arrived(r->w));
	assert_false(r->closed);
	assert_true(sim_real_closes(r, 60 * LNL_SECOND));
	assert_int_equal(r->cause, LNL_CAUSE_TIMEOUT);
	assert_int_equal(r->w->cause, LNL_CAUSE_AUTH_FAILED);
	real_delete(r);
}

static void test_state(void **state)
{
	struct sim_real *r = real_new(33, SIM_WRAP_CRYPT, false);

	(void)state;
	r->grant_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, 5 * LNL_SECOND);
	assert_int_equal(lnl_server_renegotiate(r->server, r->w->now), LNL_E_STATE);
	assert_int_equal(lnl_server_judged(r->server, LNL_JUDGED_OK, NULL, r->w->now), LNL_E_STATE);
	assert_int_equal(sim_real_grant(r), 0);
	sim_world_run(r->w, LNL_SECOND);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(lnl_server_renegotiate(r->server, r->w->now), 0);
	sim_world_run(r->w, 5 * LNL_SECOND);
	assert_int_equal(r->keys_installed, 2);
	real_delete(r);
}

/* The old key goes when tran-window is over. */
static void test_expiry(void **state)
{
	struct sim_real *r = up(34, SIM_WRAP_CRYPT, false);

	(void)state;
	lnl_server_renegotiate(r->server, r->w->now);
	sim_world_run(r->w, 3 * LNL_SECOND);
	assert_int_equal(r->counts[LNL_SERVER_KEY_EXPIRE], 1);
	/* The client sends with the old key yet. */
	sim_world_send(r->w, SIM_CLIENT, SIM_PACKET);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(r->w->traffic[SIM_CLIENT].got, 1);
	/* As if the client had no such limit. */
	sim_world_run(r->w, 70 * LNL_SECOND);
	lnl_data_key_expire(r->w->data, SIM_OUR_PEER, LNL_SLOT_SECONDARY, LNL_NEVER);
	sim_world_run(r->w, 3500 * LNL_SECOND);
	lnl_data_key_swap(r->w->data, SIM_OUR_PEER);
	sim_world_send(r->w, SIM_CLIENT, SIM_PACKET);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(r->w->traffic[SIM_CLIENT].got, 2);
	sim_world_run(r->w, 40 * LNL_SECOND);
	sim_world_send(r->w, SIM_CLIENT, SIM_PACKET);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(r->w->traffic[SIM_CLIENT].got, 2);
	assert_true(r->data_drops[LNL_DROP_KEY_ID] > 0);
	real_delete(r);
}

/* D2: near the end of the ids a new key is asked for; no id is sent twice or wrapped. */
static void near_the_end(uint32_t first, enum lnl_cipher cipher, bool by_server)
{
	struct sim_real *r = real_new(first ^ cipher, SIM_WRAP_CRYPT, false);
	struct sim_world *w = r->w;

	w->conf.ciphers[0] = r->conf.ciphers[0] = cipher;
	w->conf.auth = r->conf.auth = LNL_DIGEST_SHA256;
	w->net.faults.delay = LNL_MSEC;
	if (by_server)
		r->conf.first_data_id = first;
	else
		w->conf.first_data_id = first;
	real_up(r);
	w->conf.first_data_id = r->conf.first_data_id = 0;
	sim_world_traffic(w, 600, 10 * LNL_MSEC);
	assert_true(r->keys_installed >= 2);
	assert_false(w->closed || r->closed);
	if (first < UINT32_C(0xff000000))
		assert_true(sim_world_all_arrived(w));
	assert_int_equal(w->traffic[0].doubled + w->traffic[1].doubled, 0);
	memset(w->traffic, 0, sizeof(w->traffic));
	sim_world_traffic(w, 100, 10 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	real_delete(r);
}

static void test_last_packet_ids(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		near_the_end(i & 1 ? UINT32_C(0xfeffff00) : UINT32_C(0xfffffff0),
			     i & 2 ? LNL_CIPHER_AES_256_GCM : LNL_CIPHER_AES_256_CBC, i & 4);
}

/*
 * reneg-pkts on either side or both: each key is left after so many, without loss, at once by a
 * client of ours; also when the verdict takes its time.
 */
static void test_packet_limit(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 8; i++) {
		struct sim_real *r = real_new(40 + i, SIM_WRAP_CRYPT, false);

		r->verdict_after = i & 4 ? 1500 * LNL_MSEC : 0;
		r->w->net.faults.delay = 5 * LNL_MSEC;
		r->conf.reneg_packets = i & 1 ? 400 : 0;
		r->w->conf.reneg_packets = i & 2 ? 400 : 0;
		real_up(r);
		sim_world_traffic(r->w, 2000, 20 * LNL_MSEC);
		if (i & 3)
			assert_in_range(r->keys_installed, 4, 14);
		if (!sim_world_all_arrived(r->w))
			fail_msg("row %u", i);
		real_delete(r);
	}
}

/* Another certificate than the connection began with, or none: nobody's business here. */
static void other_certificate(const char *cert)
{
	struct sim_real *r = up(50, SIM_WRAP_CRYPT, false);
	struct lnl_tls_settings settings = {
		.ca = { pki_ca, strlen(pki_ca) },
		.cert = { cert, cert ? strlen(cert) : 0 },
		.key = { cert ? pki_key : NULL, cert ? strlen(pki_key) : 0 },
	};
	struct lnl_tls_conf *was = r->w->conf.session.tls;
	bool same = cert && strcmp(cert, pki_client) == 0;

	assert_int_equal(lnl_tls_conf_new(&r->w->conf.session.tls, &r->w->env.env, &settings, NULL),
			 0);
	lnl_client_renegotiate(r->w->client, r->w->now);
	sim_world_run(r->w, 10 * LNL_SECOND);
	assert_int_equal(r->closed, !same);
	assert_int_equal(r->keys_installed, same ? 2 : 1);
	if (!same) {
		assert_int_equal(r->cause, LNL_CAUSE_CERT);
		assert_int_equal(r->w->cause, LNL_CAUSE_AUTH_FAILED);
	}
	lnl_client_free(r->w->client);
	r->w->client = NULL;
	lnl_tls_conf_free(r->w->conf.session.tls);
	r->w->conf.session.tls = was;
	real_delete(r);
}

static void test_other_certificate(void **state)
{
	(void)state;
	other_certificate(pki_client);
	other_certificate(pki_bare);
	other_certificate(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_simultaneous),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_late_verdict),
		cmocka_unit_test(test_lost_record),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_never_judged),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_last_packet_ids),
		cmocka_unit_test(test_packet_limit),
		cmocka_unit_test(test_other_certificate),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_client_without_end),
		cmocka_unit_test(test_client_within_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
