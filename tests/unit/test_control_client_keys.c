/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which key goes to which slot, when it takes over, and what renegotiations need. */
#include "test_control_client.h"

/* The last key that was installed is the one that the server has of |key_id|. */
static void expect_key(struct attempt *a, uint8_t key_id, bool ekm, enum lnl_slot slot)
{
	const struct lnl_client_event *e = attempt_event(a, LNL_CLIENT_KEY_INSTALL);
	struct lnl_direction_key send, recv;

	assert_int_equal(e->key.key_id, key_id);
	assert_int_equal(e->slot, slot);
	assert_true(e->key.expires == LNL_NEVER);
	assert_int_equal(lnl_session_derive(a->p.s[SERVER], key_id, ekm, &send, &recv), 0);
	assert_memory_equal(&e->key.send, &recv, sizeof(recv));
	assert_memory_equal(&e->key.recv, &send, sizeof(send));
}

static void test_keys(void **state)
{
	struct attempt *a = *state;

	a->conf.replay_window = 128;
	a->conf.first_data_id = 9;
	a->conf.reneg_bytes = 1000;
	a->conf.reneg_packets = 100;
	for (unsigned ekm = 0; ekm < 2; ekm++) {
		const struct lnl_key_conf *key;

		bring_up(a, ekm ? EKM : "echo x");
		expect_key(a, 0, ekm, LNL_SLOT_PRIMARY);
		key = &attempt_event(a, LNL_CLIENT_KEY_INSTALL)->key;
		assert_int_equal(key->cipher, LNL_CIPHER_AES_256_GCM);
		assert_int_equal(key->digest, LNL_DIGEST_NONE);
		assert_int_equal(key->replay_window, 128);
		assert_int_equal(key->first_id, 9);
		assert_int_equal(key->limit_bytes, 1000);
		assert_int_equal(key->limit_packets, 100);
	}
}

/* Renegotiates as |who| wishes; the new key is received with, and not yet sent with. */
static void renegotiate(struct attempt *a, int who, uint8_t key_id)
{
	unsigned installed = attempt_count(a, LNL_CLIENT_KEY_INSTALL);

	if (who == CLIENT)
		assert_int_equal(lnl_client_renegotiate(a->c, a->p.now), 0);
	else
		assert_int_equal(lnl_session_renegotiate(a->p.s[SERVER], a->p.now), 0);
	attempt_run(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_INSTALL), installed + 1);
	expect_key(a, key_id, true, LNL_SLOT_SECONDARY);
}

/* When the newest key takes over, to the microsecond. */
static void expect_swap(struct attempt *a, uint64_t after)
{
	unsigned swaps = attempt_count(a, LNL_CLIENT_KEY_SWAP);
	const struct lnl_client_event *e;

	a->p.now += after - 1;
	lnl_client_tick(a->c, a->p.now);
	attempt_take(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), swaps);
	assert_true(lnl_client_next_due(a->c) == a->p.now + 1);
	lnl_client_tick(a->c, ++a->p.now);
	attempt_take(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), swaps + 1);
	/* The one before lives on, for packets under way. */
	e = attempt_event(a, LNL_CLIENT_KEY_EXPIRE);
	assert_int_equal(e->slot, LNL_SLOT_SECONDARY);
	assert_true(e->when == a->p.now + 3600 * LNL_SECOND);
	lnl_client_tick(a->c, a->p.now + LNL_SECOND);
	attempt_take(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), swaps + 1);
}

static void test_swap(void **state)
{
	static const struct {
		int who;
		unsigned reneg, age, wait; /* seconds */
	} rows[] = {
		/* as long as a server may think about credentials: the handshake's time */
		{ CLIENT, 0, 1000, 60 },
		{ CLIENT, 0, 1, 60 },
		{ CLIENT, 3600, 1000, 60 },
		/* but half of what is between two renegotiations at most */
		{ CLIENT, 100, 40, 50 },
		/* and half of what was between the server's last two */
		{ SERVER, 0, 1000, 60 },
		{ SERVER, 0, 100, 50 },
		{ SERVER, 0, 10, 5 },
		{ SERVER, 100, 40, 20 },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		a->conf.session.reneg_interval = rows[i].reneg * LNL_SECOND;
		bring_up(a, EKM);
		expect_key(a, 0, true, LNL_SLOT_PRIMARY);
		a->p.now += rows[i].age * LNL_SECOND;
		renegotiate(a, rows[i].who, 1);
		expect_swap(a, rows[i].wait * LNL_SECOND);
	}
}

/* A key that is nearly used up does not wait. */
static void test_swap_at_limit(void **state)
{
	static const struct lnl_notice limit = { .kind = LNL_NOTICE_KEY_LIMIT };
	struct attempt *a = *state;

	bring_up(a, EKM);
	expect_key(a, 0, true, LNL_SLOT_PRIMARY);
	lnl_client_notice(a->c, &limit, a->p.now);
	attempt_run(a);
	expect_key(a, 1, true, LNL_SLOT_SECONDARY);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), 1);
	/* The next one is an ordinary one again. */
	a->p.now += 200 * LNL_SECOND;
	renegotiate(a, CLIENT, 2);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), 1);
	expect_swap(a, 60 * LNL_SECOND);
}

/* There are two slots: a third key moves the second one up, whatever it still waited for. */
static void test_two_in_a_row(void **state)
{
	struct attempt *a = *state;
	unsigned at;

	bring_up(a, EKM);
	expect_key(a, 0, true, LNL_SLOT_PRIMARY);
	a->p.now += 100 * LNL_SECOND;
	renegotiate(a, CLIENT, 1);
	a->p.now += 2 * LNL_SECOND;
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), 0);
	at = a->n;
	renegotiate(a, CLIENT, 2);
	while (at < a->n && a->events[at].kind != LNL_CLIENT_KEY_SWAP)
		at++;
	assert_int_equal(a->n - at, 3);
	assert_int_equal(a->events[at + 1].kind, LNL_CLIENT_KEY_EXPIRE);
	assert_int_equal(a->events[at + 2].kind, LNL_CLIENT_KEY_INSTALL);
	expect_swap(a, 60 * LNL_SECOND);
}

/* Renegotiations by keys of their own, if both ends have them. */
static void test_dyn_crypt(void **state)
{
	struct attempt *a = *state;

	for (unsigned both = 0; both < 2; both++) {
		bring_up(a, "protocol-flags tls-ekm dyn-tls-crypt");
		if (both)
			assert_int_equal(lnl_session_dyn_crypt(a->p.s[SERVER], 0), 0);
		expect_key(a, 0, true, LNL_SLOT_PRIMARY);
		a->p.now += 100 * LNL_SECOND;
		assert_int_equal(lnl_client_renegotiate(a->c, a->p.now), 0);
		attempt_run(a);
		assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_INSTALL), 1 + both);
	}
	/* Keys that are there already: not asked for twice, but an end. */
	attempt_connect(a);
	assert_int_equal(lnl_session_dyn_crypt(a->c->session, 0), 0);
	attempt_hear(a, "PUSH_REPLY," USUAL ",protocol-flags dyn-tls-crypt");
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_TLS);
	assert_int_equal(attempt_count(a, LNL_CLIENT_PEER_ADD), 0);
}

/*
 * The ack that lets the server use a key is not sent before the key is taken, whoever looks for
 * packets first.
 */
static void test_key_before_ack(void **state)
{
	struct attempt *a = *state;
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	unsigned installed;
	size_t len, early = 1;

	bring_up(a, EKM);
	expect_key(a, 0, true, LNL_SLOT_PRIMARY);
	installed = attempt_count(a, LNL_CLIENT_KEY_INSTALL);
	assert_int_equal(lnl_client_renegotiate(a->c, a->p.now), 0);
	for (unsigned i = 0; attempt_count(a, LNL_CLIENT_KEY_INSTALL) == installed; i++) {
		assert_true(i < 100);
		lnl_client_tick(a->c, a->p.now);
		lnl_session_tick(a->p.s[SERVER], a->p.now);
		while ((len = lnl_client_output(a->c, packet, sizeof(packet), a->p.now)) > 0) {
			lnl_session_input(a->p.s[SERVER], packet, len, a->p.now);
			sessions_take(&a->p, SERVER);
		}
		len = lnl_session_output(a->p.s[SERVER], packet, sizeof(packet), a->p.now);
		if (len > 0)
			lnl_client_input(a->c, packet, len, a->p.now);
		early = lnl_client_output(a->c, packet, sizeof(packet), a->p.now);
		if (early > 0)
			lnl_session_input(a->p.s[SERVER], packet, early, a->p.now);
		sessions_take(&a->p, SERVER);
		attempt_take(a);
	}
	assert_int_equal(early, 0);
	assert_true(lnl_client_output(a->c, packet, sizeof(packet), a->p.now) > 0);
}

/* A key that cannot be derived is not installed by half. */
static void test_no_such_key(void **state)
{
	struct attempt *a = *state;

	for (unsigned ekm = 0; ekm < 2; ekm++) {
		bring_up(a, ekm ? EKM : "echo x");
		lnl_client_install_key(a->c, 5, a->p.now);
		attempt_take(a);
		assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_INSTALL), 1);
		assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_TLS);
		assert_int_equal(strstr(attempt_closed(a)->text, "export") != NULL, ekm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTEMPT_TEST(test_keys),	  ATTEMPT_TEST(test_swap),
		ATTEMPT_TEST(test_swap_at_limit), ATTEMPT_TEST(test_two_in_a_row),
		ATTEMPT_TEST(test_dyn_crypt),	  ATTEMPT_TEST(test_key_before_ack),
		ATTEMPT_TEST(test_no_such_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
