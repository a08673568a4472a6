/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client's session, a server's door, and the session that it resumes: a handshake in every way
 * to wrap, whatever gets lost or comes twice on the way.
 */
#include "test_control_door.h"
#include "test_control_pair.h"

#define HALF_OPEN_MAX 4096 /* TRUST S5: before the first TLS record */

struct meeting {
	struct door d; /* its `env` is the server's */
	struct sessions p;
	struct lnl_wrap_key kc; /* of the client that was admitted */
	bool stream;
	unsigned sent[2];
	uint64_t lose[2];		    /* bit i: this side's packet i gets lost */
	uint64_t twice[2];		    /* likewise, comes twice */
	unsigned loss;			    /* percent of all */
	unsigned answers;		    /* stateless ones */
	unsigned admitted;		    /* how often */
	uint8_t reset[LNL_WRAP_PACKET_MAX]; /* the client's first packet */
	size_t reset_len;
};

static int crypto_up(void **state)
{
	(void)state;
	return lnl_crypto_init(NULL);
}

static int crypto_down(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return 0;
}

static void meet(struct meeting *m, enum door_mode mode)
{
	memset(m, 0, sizeof(*m));
	door_open(&m->d, mode);
	sessions_init(&m->p);
	lnl_wrap_key_none(&m->kc);
	m->p.now = m->d.now;
	m->p.conf[CLIENT].wrap = &m->d.client;
	m->p.conf[SERVER].wrap = &m->d.server;
	m->p.conf[SERVER].env = &m->d.env.env;
	if (mode == DOOR_V2) {
		m->p.conf[CLIENT].wkc = m->d.wkc;
		m->p.conf[CLIENT].wkc_len = m->d.wkc_len;
	}
	assert_int_equal(lnl_session_new(&m->p.s[CLIENT], &m->p.conf[CLIENT], m->p.now), 0);
}

static void part(struct meeting *m)
{
	lnl_session_free(m->p.s[SERVER]);
	m->p.s[SERVER] = NULL;
	lnl_wrap_key_deinit(&m->kc);
	sessions_deinit(&m->p);
	door_close(&m->d);
}

static bool chance(struct meeting *m, unsigned percent)
{
	uint8_t byte = 0;

	test_env_random(&m->p.env, &byte, 1);
	return byte < percent * 256 / 100;
}

static void begin(struct meeting *m, const struct lnl_admitted *got)
{
	struct lnl_session_conf *conf = &m->p.conf[SERVER];
	int rc;

	m->admitted++;
	if (got->has_v2) {
		rc = lnl_wrap_key_crypt(&m->kc, conf->env, &got->v2.kc, true);
		assert_int_equal(rc, 0);
		conf->wrap = &m->kc;
	}
	if (got->resume)
		rc = lnl_session_resume(&m->p.s[SERVER], conf, got->server_sid, got->client_sid,
					got->wrap_id, m->p.now);
	else
		rc = lnl_session_new(&m->p.s[SERVER], conf, m->p.now);
	assert_int_equal(rc, 0);
}

static void to_client(struct meeting *m, const uint8_t *packet, size_t len)
{
	unsigned i = m->sent[SERVER]++;
	unsigned times = i < 64 && m->twice[SERVER] >> i & 1 ? 2 : 1;

	if ((i < 64 && m->lose[SERVER] >> i & 1) || chance(m, m->loss))
		return;
	while (times-- > 0)
		lnl_session_input(m->p.s[CLIENT], packet, len, m->p.now);
	sessions_take(&m->p, CLIENT);
}

static void at_the_door(struct meeting *m, const uint8_t *packet, size_t len)
{
	struct door *d = &m->d;

	if (m->stream)
		lnl_admission_stream(d->a, packet, len, m->p.now, &d->got);
	else
		lnl_admission_datagram(d->a, &d->ip, d->port, packet, len, d->reply,
				       sizeof(d->reply), m->p.now, &d->got);
	if (d->got.verdict == LNL_ADMISSION_REPLY) {
		m->answers++;
		to_client(m, d->reply, d->got.reply_len);
	}
	if (d->got.verdict != LNL_ADMISSION_ADMIT)
		return;
	begin(m, &d->got);
	assert_int_equal(lnl_session_input(m->p.s[SERVER], packet, d->got.len, m->p.now),
			 LNL_DROP_NONE);
}

static void take_in(struct meeting *m, const uint8_t *packet, size_t len)
{
	size_t without = lnl_admission_without_wkc(packet, len);

	if (!m->p.s[SERVER])
		at_the_door(m, packet, len);
	else
		lnl_session_input(m->p.s[SERVER], packet, without ? without : len, m->p.now);
	if (m->p.s[SERVER])
		sessions_take(&m->p, SERVER);
}

static void to_server(struct meeting *m, const uint8_t *packet, size_t len)
{
	unsigned i = m->sent[CLIENT]++;
	unsigned times = i < 64 && m->twice[CLIENT] >> i & 1 ? 2 : 1;

	if (i == 0) {
		memcpy(m->reset, packet, len);
		m->reset_len = len;
	}
	if ((i < 64 && m->lose[CLIENT] >> i & 1) || chance(m, m->loss))
		return;
	while (times-- > 0)
		take_in(m, packet, len);
}

static bool turn(struct meeting *m)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX + LNL_WKC_MAX];
	bool more = false;

	for (int i = 0; i < 2; i++) {
		size_t len;

		if (!m->p.s[i])
			continue;
		lnl_session_tick(m->p.s[i], m->p.now);
		sessions_take(&m->p, i);
		while ((len = lnl_session_output(m->p.s[i], packet, sizeof(packet), m->p.now))) {
			if (i == CLIENT)
				to_server(m, packet, len);
			else
				to_client(m, packet, len);
			more = true;
		}
	}
	return more;
}

static bool is_up(const struct meeting *m)
{
	return m->p.events[CLIENT][LNL_SESSION_NEGOTIATED] &&
	       m->p.events[SERVER][LNL_SESSION_NEGOTIATED] && lnl_session_idle(m->p.s[CLIENT]) &&
	       lnl_session_idle(m->p.s[SERVER]);
}

/* Until both have negotiated, or the hand-window is over. */
static void run(struct meeting *m)
{
	uint64_t end = m->p.now + 59 * LNL_SECOND;

	while (m->p.now < end && (turn(m) || !is_up(m))) {
		m->p.now += 100 * LNL_MSEC;
		m->p.env.now = m->d.env.now = TEST_NOW + m->p.now / LNL_SECOND;
	}
}

static void assert_up(struct meeting *m)
{
	struct lnl_direction_key send[2], recv[2];

	assert_true(is_up(m));
	assert_int_equal(m->admitted, 1);
	assert_int_equal(m->p.error[CLIENT], 0);
	assert_int_equal(m->p.error[SERVER], 0);
	/* The PRF is over both session ids, so they are the same at both ends. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(lnl_session_derive(m->p.s[i], 0, false, &send[i], &recv[i]), 0);
	assert_memory_equal(&send[0], &recv[1], sizeof(send[0]));
	lnl_session_send_text(m->p.s[CLIENT], "to you", m->p.now);
	lnl_session_send_text(m->p.s[SERVER], "to me", m->p.now);
	m->loss = 0;
	while (turn(m))
		;
	assert_string_equal(m->p.text[SERVER], "to you");
	assert_string_equal(m->p.text[CLIENT], "to me");
}

/* What the network does to the first packets of each side. */
static void on_the_way(void **state)
{
	static const struct {
		const char *what;
		uint64_t lose[2], twice[2];
		unsigned answers;
	} rows[] = {
		{ "nothing", { 0, 0 }, { 0, 0 }, 1 },
		{ "the reset is lost", { 1, 0 }, { 0, 0 }, 1 },
		{ "the answer is lost", { 0, 1 }, { 0, 0 }, 2 },
		{ "two answers are lost", { 0, 3 }, { 0, 0 }, 3 },
		{ "what brings the cookie is lost", { 2, 0 }, { 0, 0 }, 1 },
		{ "twice", { 6, 0 }, { 0, 0 }, 1 },
		{ "the server's first own packet is lost", { 0, 2 }, { 0, 0 }, 1 },
		{ "the reset comes twice", { 0, 0 }, { 1, 0 }, 2 },
		{ "the answer comes twice", { 0, 0 }, { 0, 1 }, 1 },
		{ "what brings the cookie comes twice", { 0, 0 }, { 2, 0 }, 1 },
		{ "everything comes twice", { 0, 0 }, { UINT64_MAX, UINT64_MAX }, 2 },
	};

	(void)state;
	for (enum door_mode mode = 0; mode < DOOR_MODES; mode++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct meeting m;

			meet(&m, mode);
			memcpy(m.lose, rows[i].lose, sizeof(m.lose));
			memcpy(m.twice, rows[i].twice, sizeof(m.twice));
			run(&m);
			if (!is_up(&m) || m.answers != rows[i].answers)
				fail_msg("%s, %s: %u answers", door_names[mode], rows[i].what,
					 m.answers);
			assert_up(&m);
			part(&m);
		}
	}
}

static void a_fifth_of_all_is_lost(void **state)
{
	(void)state;
	for (enum door_mode mode = 0; mode < DOOR_MODES; mode++) {
		for (unsigned seed = 1; seed <= 10; seed++) {
			struct meeting m;

			meet(&m, mode);
			m.p.env.seed = seed * 1000;
			m.loss = 20;
			run(&m);
			if (!is_up(&m))
				fail_msg("%s, seed %u", door_names[mode], seed);
			assert_up(&m);
			part(&m);
		}
	}
}

/* The client's first packet, late: it is acknowledged, and the session stays what it is. */
static void the_reset_comes_late(void **state)
{
	(void)state;
	for (enum door_mode mode = 0; mode < DOOR_MODES; mode++) {
		for (unsigned after = 0; after < 2; after++) {
			struct meeting m;

			meet(&m, mode);
			while (!m.p.s[SERVER] || (after && !is_up(&m)))
				assert_true(turn(&m));
			take_in(&m, m.reset, m.reset_len);
			run(&m);
			take_in(&m, m.reset, m.reset_len);
			assert_up(&m);
			assert_int_equal(m.p.events[SERVER][LNL_SESSION_NEGOTIATED], 1);
			part(&m);
		}
	}
}

/* The first packet that a session sends follows the answer: in the same second, its id is 2. */
static void packet_ids_go_on(void **state)
{
	static const size_t id_at[DOOR_MODES] = { 0, 1 + 8 + 20, 1 + 8 + 64, 1 + 8, 1 + 8 };

	(void)state;
	for (enum door_mode mode = DOOR_AUTH; mode < DOOR_MODES; mode++) {
		uint8_t packet[LNL_WRAP_PACKET_MAX];
		struct meeting m;
		size_t len;

		meet(&m, mode);
		m.lose[SERVER] = ~UINT64_C(1); /* all but the answer */
		len = lnl_session_output(m.p.s[CLIENT], packet, sizeof(packet), m.p.now);
		to_server(&m, packet, len);
		assert_memory_equal(m.d.reply + id_at[mode], "\0\0\0\1", 4);
		len = lnl_session_output(m.p.s[CLIENT], packet, sizeof(packet), m.p.now);
		to_server(&m, packet, len);
		len = lnl_session_output(m.p.s[SERVER], packet, sizeof(packet), m.p.now);
		assert_true(len > 0);
		assert_memory_equal(packet + id_at[mode], "\0\0\0\2", 4);
		/* and the time is not before the answer's */
		assert_memory_equal(packet + id_at[mode] + 4, m.d.reply + id_at[mode] + 4, 4);
		part(&m);
	}
}

/* S5: what a client costs that has proven its address and no more. */
static void S5_half_open(void **state)
{
	(void)state;
	for (enum door_mode mode = 0; mode < DOOR_V2; mode++) {
		uint8_t packet[LNL_WRAP_PACKET_MAX];
		struct lnl_control c;
		struct meeting m;
		size_t before;

		meet(&m, mode);
		door_knock(&m.d);
		before = m.d.env.bytes;
		c = door_return(&m.d, true);
		take_in(&m, packet, door_write(&m.d, &c, packet, sizeof(packet)));
		assert_non_null(m.p.s[SERVER]);
		assert_null(lnl_session_tls(m.p.s[SERVER], 0));
		print_message("S5: %-15s %zu bytes half open\n", door_names[mode],
			      m.d.env.bytes - before);
		assert_true(m.d.env.bytes - before <= HALF_OPEN_MAX);
		part(&m);
	}
}

static void over_a_stream(void **state)
{
	(void)state;
	for (enum door_mode mode = 0; mode < DOOR_MODES; mode++) {
		struct meeting m;

		meet(&m, mode);
		m.stream = true;
		m.p.conf[CLIENT].tcp = m.p.conf[SERVER].tcp = true;
		run(&m);
		assert_int_equal(m.answers, 0);
		assert_up(&m);
		part(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_the_way),		cmocka_unit_test(a_fifth_of_all_is_lost),
		cmocka_unit_test(the_reset_comes_late), cmocka_unit_test(packet_ids_go_on),
		cmocka_unit_test(S5_half_open),		cmocka_unit_test(over_a_stream),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
