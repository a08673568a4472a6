/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of extensions between the engine's two ends, over a network that loses and damages. */
/* lunel-test: both */
#include "sim/server_check.h"

static const struct sim_faults rough = {
	.drop = 16,
	.duplicate = 16,
	.corrupt = 32,
	.reorder = 8,
	.delay = 10 * LNL_MSEC,
	.jitter = 10 * LNL_MSEC,
};

static const struct lnl_acc_conf ours = {
	.n = 2,
	.protocol = { { "lnk1", LNL_ACC_MAX, 1000, LNL_SECOND }, { "mine", 64, 3, LNL_SECOND } },
};
static const struct lnl_acc_conf theirs = {
	.n = 2,
	.protocol = { { "yours", 64, 3, LNL_SECOND }, { "lnk1", LNL_ACC_MAX, 1000, LNL_SECOND } },
};

static struct sim_real *make(uint64_t seed, enum sim_wrap wrap, bool tcp)
{
	struct sim_real *r = real_new(seed, wrap, tcp);

	r->w->conf.acc = &ours;
	r->conf.acc = &theirs;
	if (!tcp)
		r->w->net.faults = rough;
	/* Damage ends a session that nothing wraps. */
	if (wrap == SIM_WRAP_NONE)
		r->w->net.faults.corrupt = 0;
	return r;
}

static void fill(uint8_t *data, size_t len, uint64_t seed, bool text)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(sim_random(&seed) >> 16);

		data[i] = text ? (uint8_t)(0x20 + byte % 95) : byte;
	}
}

/* Runs until both ends have a message, which is |data|. */
static void both_get(struct sim_real *r, unsigned n, const uint8_t *data, size_t len)
{
	struct sim_world *w = r->w;
	struct lnl_acc_message m;

	for (unsigned k = 0;
	     k < 600 && (r->counts[LNL_SERVER_MESSAGE] < n || w->counts[LNL_CLIENT_MESSAGE] < n);
	     k++)
		sim_world_run(w, LNL_SECOND / 4);
	assert_int_equal(r->counts[LNL_SERVER_MESSAGE], n);
	assert_int_equal(w->counts[LNL_CLIENT_MESSAGE], n);
	assert_true(lnl_server_message(r->server, &m));
	assert_string_equal(m.name, "lnk1");
	assert_int_equal(m.len, len);
	assert_memory_equal(m.data, data, len);
	assert_false(lnl_server_message(r->server, &m));
	assert_true(lnl_client_message(w->client, &m));
	assert_string_equal(m.name, "lnk1");
	assert_int_equal(m.len, len);
	assert_memory_equal(m.data, data, len);
	assert_false(lnl_client_message(w->client, &m));
}

static void test_messages_come_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 1500, 2033, 2048, 6000, 40000, LNL_ACC_MAX };
	uint8_t *data = malloc(LNL_ACC_MAX);

	(void)state;
	assert_non_null(data);
	for (unsigned seed = 0; seed < 4; seed++) {
		struct sim_real *r = make(seed, (enum sim_wrap)(seed % SIM_WRAPS), seed == 3);
		unsigned n = 0;

		real_up(r);
		assert_true(lnl_client_supports(r->w->client, "lnk1"));
		assert_true(lnl_server_supports(r->server, "lnk1"));
		assert_false(lnl_client_supports(r->w->client, "mine"));
		assert_false(lnl_server_supports(r->server, "mine"));
		for (unsigned i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
			size_t len = sizes[i / 2];
			uint64_t now = r->w->now;

			fill(data, len, seed * 100 + i, i % 2);
			assert_int_equal(lnl_client_send_message(r->w->client, "lnk1", data, len,
								 now),
					 0);
			assert_int_equal(lnl_server_send_message(r->server, "lnk1", data, len, now),
					 0);
			/* in the middle of it, new keys */
			if (i % 5 == 4)
				lnl_client_renegotiate(r->w->client, now);
			both_get(r, ++n, data, len);
		}
		assert_int_equal(lnl_server_messages(r->server)->sent, n);
		assert_int_equal(lnl_client_messages(r->w->client)->received, n);
		assert_true(r->w->up && !r->closed);
		real_delete(r);
	}
	free(data);
}

static void test_both_send_before_they_hear(void **state)
{
	struct sim_real *r = make(9, SIM_WRAP_CRYPT, false);
	static uint8_t data[6000];

	(void)state;
	real_start(r);
	while (r->server == NULL || lnl_server_phase(r->server) != LNL_PHASE_UP)
		sim_world_run(r->w, 10 * LNL_MSEC);
	/* the reply is not there yet: the message comes behind it */
	assert_int_equal(lnl_server_send_message(r->server, "lnk1", data, sizeof(data), r->w->now),
			 0);
	assert_true(sim_real_connect(r, 60 * LNL_SECOND));
	assert_int_equal(lnl_client_send_message(r->w->client, "lnk1", data, sizeof(data),
						 r->w->now),
			 0);
	both_get(r, 1, data, sizeof(data));
	real_delete(r);
}

/* Who has nothing in common, or nothing at all, notices nothing. */
static void test_without_the_extension(void **state)
{
	static const struct lnl_acc_conf other = { .n = 1,
						   .protocol = { { "x", 64, 3, LNL_SECOND } } };
	static const struct lnl_acc_conf *const rows[][2] = {
		{ NULL, &theirs }, { &ours, NULL }, { &other, &theirs }, { NULL, NULL }
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sim_real *r = make(20 + i, SIM_WRAP_NONE, false);
		uint64_t now;

		r->w->conf.acc = rows[i][0];
		r->conf.acc = rows[i][1];
		real_up(r);
		now = r->w->now;
		assert_false(lnl_client_supports(r->w->client, "lnk1"));
		assert_false(lnl_server_supports(r->server, "lnk1"));
		assert_int_equal(lnl_client_send_message(r->w->client, "lnk1", "x", 1, now),
				 LNL_E_NOTFOUND);
		assert_int_equal(lnl_server_send_message(r->server, "lnk1", "x", 1, now),
				 LNL_E_NOTFOUND);
		/* what nobody agreed on is dropped, and harms nobody */
		lnl_client_send_text(r->w->client, "ACC,lnk1,1,A,x", now);
		lnl_server_send_text(r->server, "ACC,lnk1,1,A,x", now);
		sim_world_run(r->w, 10 * LNL_SECOND);
		assert_int_equal(r->counts[LNL_SERVER_MESSAGE] + r->counts[LNL_SERVER_TEXT], 0);
		assert_int_equal(r->w->counts[LNL_CLIENT_MESSAGE] + r->w->counts[LNL_CLIENT_TEXT],
				 0);
		assert_true(r->w->up && !r->closed);
		real_delete(r);
	}
}

/* Before it is let in, nothing of it is heard, and it gets nothing. */
static void test_before_authentication(void **state)
{
	struct sim_real *r = make(30, SIM_WRAP_NONE, true);
	struct lnl_acc_message m;

	(void)state;
	r->verdict_after = LNL_NEVER;
	strcpy(r->w->wanted, "acc.dropped");
	real_start(r);
	while (r->counts[LNL_SERVER_AUTHENTICATE] == 0)
		sim_world_run(r->w, 10 * LNL_MSEC);
	for (unsigned i = 0; i < 10; i++) {
		lnl_client_send_text(r->w->client, "ACC,lnk1,1,A,x", r->w->now);
		lnl_server_send_text(r->server, "ACC,lnk1,1,A,x", r->w->now);
		sim_world_run(r->w, LNL_SECOND);
	}
	assert_false(lnl_server_supports(r->server, "lnk1"));
	assert_null(lnl_server_messages(r->server));
	assert_int_equal(lnl_server_send_message(r->server, "lnk1", "x", 1, r->w->now),
			 LNL_E_STATE);
	assert_int_equal(lnl_client_send_message(r->w->client, "lnk1", "x", 1, r->w->now),
			 LNL_E_STATE);
	assert_int_equal(r->w->wanted_seen, 0); /* nor does it write into the log */
	assert_int_equal(sim_real_judge(r), 0);
	assert_true(sim_real_connect(r, 60 * LNL_SECOND));
	sim_world_run(r->w, 5 * LNL_SECOND);
	assert_int_equal(r->counts[LNL_SERVER_MESSAGE], 0);
	assert_int_equal(r->w->counts[LNL_CLIENT_MESSAGE], 0);
	assert_false(lnl_server_message(r->server, &m));
	real_delete(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_come_whole),
		cmocka_unit_test(test_both_send_before_they_hear),
		cmocka_unit_test(test_without_the_extension),
		cmocka_unit_test(test_before_authentication),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
