/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets sealed one behind the other, and sent: in segments, many a call, one a call. */
#include "test_io_datagrams.h"

#include "io/clock.h"
#include "io/outgoing.h"

#define PEER	 7
#define OVERHEAD 24 /* of AES-GCM with DATA_V2 */

static void *env_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

static void env_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static const struct lnl_env env = {
	.alloc = env_alloc,
	.release = env_release,
	.random = lnl_crypto_random,
	.wallclock = lnl_clock_wall,
};

struct world {
	struct lnl_data *data;
	struct lnl_outgoing o;
	struct lnl_addr to;
	int out, in; /* sockets */
	uint8_t text[64 + 2000];
};

static struct world *open_world(enum lnl_cipher cipher, enum lnl_framing framing)
{
	struct lnl_peer_conf conf = { .id = PEER, .wire_id = PEER, .framing = framing };
	struct lnl_key_conf key = { .cipher = cipher, .expires = LNL_NEVER };
	struct world *w = calloc(1, sizeof(*w));
	struct lnl_addr from;

	assert_non_null(w);
	if (!lnl_cipher_is_aead(cipher))
		key.digest = LNL_DIGEST_SHA256;
	assert_int_equal(lnl_data_new(&w->data, &env, 1), 0);
	assert_int_equal(lnl_data_peer_add(w->data, &conf, 0), 0);
	assert_int_equal(lnl_data_key_install(w->data, PEER, LNL_SLOT_PRIMARY, &key), 0);
	assert_int_equal(lnl_outgoing_init(&w->o), 0);
	w->out = open_udp(&from);
	w->in = open_udp(&w->to);
	return w;
}

static void close_world(struct world *w)
{
	lnl_outgoing_deinit(&w->o);
	lnl_data_free(w->data);
	close(w->out);
	close(w->in);
	free(w);
}

static void seal(struct world *w, uint32_t len, uint32_t prefix)
{
	uint8_t *text = w->text + 64;

	memset(text, 0x45, len);
	assert_true(lnl_outgoing_has_room(&w->o, len));
	assert_true(lnl_outgoing_seal(&w->o, w->data, text, len, PEER, prefix, 1));
}

/* Receives one datagram and opens it: the payload's length. */
static uint32_t receive(struct world *w)
{
	static uint8_t data[65536];
	struct lnl_packet pkt = { .p = data, .peer = PEER };
	ssize_t n;

	wait_for(w->in, POLLIN);
	n = recv(w->in, data, sizeof(data), 0);
	assert_true(n > 0);
	pkt.len = (uint32_t)n;
	assert_int_equal(lnl_data_open(w->data, &pkt, 1, 1), 1);
	for (uint32_t i = 0; i < pkt.len; i++)
		assert_int_equal(pkt.p[i], 0x45);
	return pkt.len;
}

/* Whatever has to move to be sealed: the payload behind is not touched, what arrives is right. */
static void packets_lie_behind_each_other(void **state)
{
	static const struct {
		enum lnl_cipher cipher;
		enum lnl_framing framing;
		uint32_t prefix;
		bool packed; /* nothing between one's end and the next one's beginning */
	} rows[] = {
		{ LNL_CIPHER_AES_256_GCM, LNL_FRAMING_NONE, 0, true },
		{ LNL_CIPHER_CHACHA20_POLY1305, LNL_FRAMING_LZO, 0, true },
		{ LNL_CIPHER_AES_256_GCM, LNL_FRAMING_STUB_V2, 0, true },
		{ LNL_CIPHER_AES_256_GCM, LNL_FRAMING_STUB, 0, false },
		{ LNL_CIPHER_AES_256_CBC, LNL_FRAMING_NONE, 0, false },
		{ LNL_CIPHER_AES_256_GCM, LNL_FRAMING_NONE, LNL_OUT_PREFIX, false },
	};

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		struct world *w = open_world(rows[r].cipher, rows[r].framing);

		for (uint32_t i = 0; i < 40; i++) {
			w->text[64 + 100 + i] = 0x99;
			seal(w, 100 + i, rows[r].prefix);
			assert_int_equal(w->text[64 + 100 + i], 0x99);
			assert_true(w->o.pkts[i].p >= w->o.memory + rows[r].prefix);
			if (i > 0)
				assert_true(w->o.pkts[i].p >= w->o.pkts[i - 1].p +
								      w->o.pkts[i - 1].len +
								      rows[r].prefix);
			if (i > 0 && rows[r].packed)
				assert_ptr_equal(w->o.pkts[i].p,
						 w->o.pkts[i - 1].p + w->o.pkts[i - 1].len);
		}
		assert_int_equal(w->o.n, 40);
		for (unsigned at = 0; at < 40;) {
			int n;

			lnl_outgoing_begin(&w->o);
			for (unsigned i = at; i < 40; i++)
				assert_int_equal(lnl_outgoing_add(&w->o, i, 1, 1, &w->to), 1);
			n = lnl_outgoing_send(&w->o, w->out);
			assert_true(n > 0);
			at += (unsigned)n;
		}
		for (uint32_t i = 0; i < 40; i++)
			assert_int_equal(receive(w), 100 + i);
		close_world(w);
	}
}

/* What fits into a message of segments: equal ones, a shorter one at the end. */
static void segments_end_where_they_must(void **state)
{
	static const struct {
		uint32_t lengths[8];
		unsigned n[8]; /* of each message */
	} rows[] = {
		{ { 100, 100, 100 }, { 3 } },
		{ { 100, 100, 40, 40 }, { 3, 1 } },
		{ { 100, 200, 200, 100, 100 }, { 1, 3, 1 } },
		{ { 100 }, { 1 } },
		{ { 50, 60, 70 }, { 1, 1, 1 } },
	};

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		struct world *w = open_world(LNL_CIPHER_AES_256_GCM, LNL_FRAMING_NONE);
		unsigned at = 0;

		for (unsigned i = 0; i < 8 && rows[r].lengths[i] != 0; i++)
			seal(w, rows[r].lengths[i], 0);
		lnl_outgoing_begin(&w->o);
		for (unsigned m = 0; at < w->o.n; m++) {
			unsigned n =
				lnl_outgoing_add(&w->o, at, w->o.n - at, LNL_UDP_SEGMENTS, &w->to);

			assert_int_equal(n, rows[r].n[m]);
			assert_int_equal(lnl_outgoing_packets(&w->o, m), n);
			at += n;
		}
		if (lnl_offload_segment(w->out)) {
			assert_int_equal(lnl_outgoing_send(&w->o, w->out), w->o.messages);
			for (unsigned i = 0; i < w->o.n; i++)
				assert_int_equal(receive(w), rows[r].lengths[i]);
		}
		close_world(w);
	}
}

/* Not more segments than the kernel takes, nor bytes than IP does. */
static void messages_are_bounded(void **state)
{
	struct world *w = open_world(LNL_CIPHER_AES_256_GCM, LNL_FRAMING_NONE);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		seal(w, 100, 0);
	lnl_outgoing_begin(&w->o);
	assert_int_equal(lnl_outgoing_add(&w->o, 0, 100, LNL_UDP_SEGMENTS, &w->to), 64);
	assert_int_equal(lnl_outgoing_add(&w->o, 64, 36, LNL_UDP_SEGMENTS, &w->to), 36);
	lnl_outgoing_clear(&w->o);
	for (unsigned i = 0; i < 60; i++)
		seal(w, 1420, 0);
	lnl_outgoing_begin(&w->o);
	assert_int_equal(lnl_outgoing_add(&w->o, 0, 60, LNL_UDP_SEGMENTS, &w->to),
			 LNL_UDP_BYTES / (1420 + OVERHEAD));
	close_world(w);
}

/* Room ends before the longest packet would not fit, and comes back. */
static void room_is_bounded(void **state)
{
	static uint8_t longest[65535 + 64];
	struct world *w = open_world(LNL_CIPHER_AES_256_CBC, LNL_FRAMING_STUB);
	const uint32_t len = 65535 - LNL_HEADROOM - LNL_TAILROOM;
	unsigned n = 0;

	(void)state;
	while (lnl_outgoing_has_room(&w->o, len)) {
		assert_true(lnl_outgoing_seal(&w->o, w->data, longest + 64, len, PEER,
					      LNL_OUT_PREFIX, 1));
		n++;
	}
	assert_in_range(n, 5, 7);
	lnl_outgoing_clear(&w->o);
	for (n = 0; lnl_outgoing_has_room(&w->o, 1); n++)
		seal(w, 1, 0);
	assert_int_equal(n, LNL_OUT_PACKETS - LNL_OUT_RESERVE);
	for (n = 0; n < LNL_OUT_RESERVE; n++)
		assert_true(lnl_outgoing_append(&w->o, &w->o.pkts[0], LNL_OUT_PREFIX));
	assert_memory_equal(w->o.pkts[w->o.n - 1].p, w->o.pkts[0].p, w->o.pkts[0].len);
	assert_false(lnl_outgoing_append(&w->o, &w->o.pkts[0], LNL_OUT_PREFIX));
	/* What the plane drops takes none. */
	lnl_outgoing_clear(&w->o);
	assert_false(lnl_outgoing_seal(&w->o, w->data, longest, 10, PEER + 1, 0, 1));
	assert_int_equal(w->o.n, 0);
	close_world(w);
}

/* One at a time where there is no other call; an error concerns the first. */
static void single_calls_send_one(void **state)
{
	struct world *w = open_world(LNL_CIPHER_AES_256_GCM, LNL_FRAMING_NONE);

	(void)state;
	w->o.single = true;
	for (unsigned i = 0; i < 3; i++)
		seal(w, 100, 0);
	for (unsigned at = 0; at < 3; at++) {
		lnl_outgoing_begin(&w->o);
		assert_int_equal(lnl_outgoing_add(&w->o, at, 3 - at, 1, &w->to), 1);
		assert_int_equal(lnl_outgoing_add(&w->o, at + 1, 1, 1, &w->to), 0);
		assert_int_equal(lnl_outgoing_send(&w->o, w->out), 1);
		assert_int_equal(receive(w), 100);
	}
	assert_int_equal(lnl_outgoing_send(&w->o, -1), -EBADF);
	close_world(w);
}

static int works_without(int err)
{
	struct world *w = open_world(LNL_CIPHER_AES_256_GCM, LNL_FRAMING_NONE);

	for (unsigned i = 0; i < 3; i++)
		seal(w, 100, 0);
	forbid(err);
	lnl_outgoing_begin(&w->o);
	lnl_outgoing_add(&w->o, 0, 1, 1, &w->to);
	lnl_outgoing_add(&w->o, 1, 1, 1, &w->to);
	if (lnl_outgoing_send(&w->o, w->out) != 1 || !w->o.single)
		return 1;
	lnl_outgoing_begin(&w->o);
	if (lnl_outgoing_add(&w->o, 1, 1, 1, &w->to) != 1 || lnl_outgoing_send(&w->o, w->out) != 1)
		return 2;
	return receive(w) == 100 && receive(w) == 100 ? 0 : 3;
}

static void a_refused_call_is_done_without(void **state)
{
	(void)state;
	check_refused(works_without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_lie_behind_each_other),
		cmocka_unit_test(segments_end_where_they_must),
		cmocka_unit_test(messages_are_bounded),
		cmocka_unit_test(room_is_bounded),
		cmocka_unit_test(single_calls_send_one),
		cmocka_unit_test(a_refused_call_is_done_without),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
