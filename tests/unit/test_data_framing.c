/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TRUST D7: framing bytes of every kind, compressed packets, and that nothing is ever compressed.
 */
#include "test_data_world.h"

#include "data/framing.h"

struct form {
	enum lnl_framing framing;
	const char *payload;
	const char *framed;
};

/* As OpenVPN's lzo.c and compstub.c send; the last shows why it is called a swap. */
static const struct form forms[] = {
	{ LNL_FRAMING_NONE, "450102", "450102" },
	{ LNL_FRAMING_NONE, "fa0102", "fa0102" },
	{ LNL_FRAMING_LZO, "450102", "fa450102" },
	{ LNL_FRAMING_LZO, "fa", "fafa" },
	{ LNL_FRAMING_STUB, "450102", "fb010245" },
	{ LNL_FRAMING_STUB, "45", "fb45" },
	{ LNL_FRAMING_STUB_V2, "450102", "450102" },
	{ LNL_FRAMING_STUB_V2, "500102", "5000500102" },
	{ LNL_FRAMING_STUB_V2, "50", "500050" },
};

static void adds_and_strips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *f = &forms[i];
		uint8_t payload[16];
		struct test_buffer b;
		size_t len = test_hex(payload, sizeof(payload), f->payload);
		struct lnl_packet pkt = test_packet(&b, 0, payload, len);

		lnl_framing_add(f->framing, &pkt);
		assert_int_equal(pkt.len, strlen(f->framed) / 2);
		test_hex_equal(pkt.p, f->framed);
		assert_true(pkt.len - len <= LNL_FRAMING_HEAD_MAX);

		assert_int_equal(lnl_framing_strip(f->framing, &pkt), LNL_DROP_NONE);
		assert_int_equal(pkt.len, len);
		assert_memory_equal(pkt.p, payload, len);
	}
}

struct refusal {
	enum lnl_framing framing;
	const char *framed;
	uint16_t drop;
	const char *payload; /* when it is taken after all */
};

static const struct refusal refusals[] = {
	{ LNL_FRAMING_NONE, "", LNL_DROP_EMPTY, NULL },
	{ LNL_FRAMING_NONE, "66010203", LNL_DROP_NONE, "66010203" }, /* an IPv6 packet */
	{ LNL_FRAMING_LZO, "", LNL_DROP_EMPTY, NULL },
	{ LNL_FRAMING_LZO, "fa", LNL_DROP_EMPTY, NULL },
	{ LNL_FRAMING_LZO, "66010203", LNL_DROP_COMPRESSED, NULL },
	{ LNL_FRAMING_LZO, "69010203", LNL_DROP_COMPRESSED, NULL },
	{ LNL_FRAMING_LZO, "45010203", LNL_DROP_FORMAT, NULL },
	{ LNL_FRAMING_LZO, "00", LNL_DROP_FORMAT, NULL },
	{ LNL_FRAMING_LZO, "fb010245", LNL_DROP_NONE, "450102" },
	{ LNL_FRAMING_STUB, "", LNL_DROP_EMPTY, NULL },
	{ LNL_FRAMING_STUB, "fb", LNL_DROP_EMPTY, NULL },
	{ LNL_FRAMING_STUB, "66010203", LNL_DROP_COMPRESSED, NULL },
	{ LNL_FRAMING_STUB, "69010203", LNL_DROP_COMPRESSED, NULL },
	{ LNL_FRAMING_STUB, "50010203", LNL_DROP_FORMAT, NULL },
	{ LNL_FRAMING_STUB, "fa450102", LNL_DROP_NONE, "450102" },
	{ LNL_FRAMING_STUB_V2, "", LNL_DROP_EMPTY, NULL },
	{ LNL_FRAMING_STUB_V2, "50", LNL_DROP_FORMAT, NULL },
	{ LNL_FRAMING_STUB_V2, "5000", LNL_DROP_EMPTY, NULL },
	{ LNL_FRAMING_STUB_V2, "500045", LNL_DROP_NONE, "45" },
	{ LNL_FRAMING_STUB_V2, "500145", LNL_DROP_COMPRESSED, NULL }, /* LZ4 */
	{ LNL_FRAMING_STUB_V2, "500245", LNL_DROP_COMPRESSED, NULL }, /* LZO */
	{ LNL_FRAMING_STUB_V2, "50ff45", LNL_DROP_COMPRESSED, NULL },
	{ LNL_FRAMING_STUB_V2, "66010203", LNL_DROP_NONE, "66010203" }, /* an IPv6 packet */
};

static void d7_refuses_what_is_no_stub(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *f = &refusals[i];
		size_t len = strlen(f->framed) / 2;
		uint8_t *exact = malloc(len + 1); /* so that ASan sees a read behind the end */

		assert_non_null(exact);
		uint8_t *p = exact + 1;
		test_hex(p, len, f->framed);
		struct lnl_packet pkt = { .p = p, .len = (uint32_t)len };
		assert_int_equal(lnl_framing_strip(f->framing, &pkt), f->drop);
		if (f->payload != NULL) {
			assert_int_equal(pkt.len, strlen(f->payload) / 2);
			test_hex_equal(pkt.p, f->payload);
		}
		free(exact);
	}
}

/* A compressed packet of an authentic peer is counted by name, and the next one passes. */
static void d7_counts_compressed_packets(void **state)
{
	(void)state;
	static const uint8_t lzo_bomb[64] = { 0x66, 0x00, 0x00, 0x00, 0xff };
	static const uint8_t lz4_bomb[64] = { 0x69, 0xff, 0xff, 0xff, 0xff };
	struct world w;
	struct test_buffer b;
	struct lnl_packet pkt;

	/* The client sends without framing whatever it likes; the server expects framing. */
	world_init(&w, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, LNL_FRAMING_NONE, true);
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID };
	conf.framing = LNL_FRAMING_LZO;
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	pkt = world_seal(&w, &b, lzo_bomb, sizeof(lzo_bomb));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_COMPRESSED);
	pkt = world_seal(&w, &b, lz4_bomb, sizeof(lz4_bomb));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_COMPRESSED);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_FORMAT);

	conf.framing = LNL_FRAMING_NONE;
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);

	struct lnl_counters c = counters_of(w.server, WIRE_ID);
	assert_int_equal(c.drops[LNL_DROP_COMPRESSED], 2);
	assert_int_equal(c.drops[LNL_DROP_FORMAT], 1);
	assert_int_equal(c.rx_packets, 1);
	world_deinit(&w);
}

/* However well it would compress, a payload leaves with its own length and what the table says. */
static void d7_never_compresses(void **state)
{
	(void)state;
	static const uint8_t zeroes[1400] = { 0x45 };

	for (int f = LNL_FRAMING_NONE; f <= LNL_FRAMING_STUB_V2; f++) {
		struct world w;
		struct test_buffer b;

		world_init(&w, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, (enum lnl_framing)f, true);
		struct lnl_packet pkt = world_seal(&w, &b, zeroes, sizeof(zeroes));
		assert_true(pkt.len >= sizeof(zeroes) + 24);
		assert_true(pkt.len <= sizeof(zeroes) + lnl_data_overhead(LNL_CIPHER_AES_256_GCM,
									  LNL_DIGEST_NONE, true,
									  (enum lnl_framing)f));
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
		assert_int_equal(pkt.len, sizeof(zeroes));
		assert_memory_equal(pkt.p, zeroes, sizeof(zeroes));
		world_deinit(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_and_strips),
		cmocka_unit_test(d7_refuses_what_is_no_stub),
		cmocka_unit_test(d7_counts_compressed_packets),
		cmocka_unit_test(d7_never_compresses),
	};

	return cmocka_run_group_tests_name("data/framing", tests, crypto_up, crypto_down);
}
