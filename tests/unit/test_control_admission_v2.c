/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The door with tls-crypt-v2: TRUST W3, the wrapped keys that clients bring along. */
#include "test_control_door.h"

#define PACKET_MAX (LNL_WRAP_PACKET_MAX + LNL_WKC_MAX)

/* Every length that a packet can tell of its WKc, in packets of forty sizes. */
static void W3_every_length(void **state)
{
	static const size_t sizes[] = {
		0,    1,    2,	  3,	8,    9,    10,	  48,	49,   50,   51,	  52,  288, 289,
		290,  291,  338,  339,	340,  341,  349,  350,	351,  352,  400,  512, 600, 800,
		1023, 1024, 1025, 1074, 1075, 1500, 1600, 2048, 2049, 3071, 3072, 3073
	};
	uint8_t *end = malloc(4096), *stop = end + 4096;
	unsigned answered = 0, live;
	struct door d;

	(void)state;
	assert_non_null(end);
	door_open(&d, DOOR_V2);
	live = d.env.live;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		size_t len = sizes[s];
		uint8_t *packet = stop - len, good[PACKET_MAX];
		size_t good_len = door_reset(&d, good, sizeof(good));

		memset(end, 0x3c, 4096);
		/* A good one, cut or with something before its WKc. */
		memcpy(packet, good, len < good_len ? len : good_len - d.wkc_len);
		if (len >= good_len)
			memcpy(stop - d.wkc_len, d.wkc, d.wkc_len);
		for (unsigned wkc = 0; wkc < 2 * 65536; wkc++) {
			if (len > 0)
				packet[0] = (uint8_t)((wkc & 65536 ? LNL_OP_CONTROL_WKC_V1
								   : LNL_OP_HARD_RESET_CLIENT_V3)
						      << 3);
			if (len > 2) {
				packet[len - 2] = (uint8_t)(wkc >> 8);
				packet[len - 1] = (uint8_t)wkc;
			}
			lnl_admission_datagram(d.a, &d.ip, d.port, packet, len, d.reply,
					       sizeof(d.reply), d.now, &d.got);
			answered += d.got.verdict != LNL_ADMISSION_DROP;
			if (d.got.verdict != LNL_ADMISSION_DROP)
				assert_int_equal(len, good_len);
		}
	}
	assert_int_equal(answered, 1);
	assert_int_equal(d.env.live, live);
	door_close(&d);
	free(end);
}

/* A WKc that is all there is, or all but a few bytes; a packet without payload is fine. */
static void W3_nothing_before_the_wkc(void **state)
{
	static const uint8_t ops[] = { LNL_OP_HARD_RESET_CLIENT_V3, LNL_OP_CONTROL_WKC_V1 };

	(void)state;
	for (unsigned i = 0; i < sizeof(ops); i++) {
		uint8_t good[PACKET_MAX], packet[PACKET_MAX];
		struct lnl_control c;
		struct door d;
		size_t len;

		door_open(&d, DOOR_V2);
		door_knock(&d);
		c = door_return(&d, false);
		c.payload_len = 0;
		len = i ? door_write(&d, &c, good, sizeof(good))
			: door_reset(&d, good, sizeof(good));
		assert_int_equal(lnl_op_of(good[0]), ops[i]);
		for (size_t before = 0; before < len - d.wkc_len; before++) {
			memcpy(packet, good, before);
			memcpy(packet + before, d.wkc, d.wkc_len);
			door_give(&d, packet, before + d.wkc_len);
			assert_int_equal(d.got.verdict, LNL_ADMISSION_DROP);
		}
		door_give(&d, good, len);
		assert_int_equal(d.got.verdict, i ? LNL_ADMISSION_ADMIT : LNL_ADMISSION_REPLY);
		door_close(&d);
	}
}

/* Valid ones and such with a wrong tag, one after the other: CVE-2026-12932, CVE-2026-13698. */
static void W3_many(void **state)
{
	const char *all = getenv("LUNEL_ALL");
	unsigned n = all && strcmp(all, "1") == 0 ? 1000000 : 30000, answered = 0, live;
	uint8_t packet[PACKET_MAX];
	size_t len, bytes;
	struct door d;

	(void)state;
	door_open(&d, DOOR_V2);
	len = door_reset(&d, packet, sizeof(packet));
	door_give(&d, packet, len);
	live = d.env.live;
	bytes = d.env.bytes;
	for (unsigned i = 0; i < 2 * n; i++) {
		size_t at = len - d.wkc_len + i / 2 % 32;

		packet[at] ^= (uint8_t)(i & 1);
		lnl_admission_datagram(d.a, &d.ip, d.port, packet, len, d.reply, sizeof(d.reply),
				       d.now, &d.got);
		packet[at] ^= (uint8_t)(i & 1);
		assert_int_equal(d.got.drop, i & 1 ? LNL_DROP_AUTH : LNL_DROP_NONE);
		answered += d.got.verdict == LNL_ADMISSION_REPLY;
	}
	assert_int_equal(answered, n);
	assert_int_equal(d.env.live, live);
	assert_int_equal(d.env.bytes, bytes);
	door_close(&d);
}

/* What the WKc can tell, and how old it may be. The test's clock stands at TEST_NOW. */
static void W3_metadata_and_age(void **state)
{
	static uint8_t longest[LNL_V2_METADATA_MAX];
	static const struct {
		uint64_t max_age, made;
		size_t len; /* 9: type 1 and |made| */
		uint8_t type;
		enum lnl_drop drop;
	} rows[] = {
		{ 0, 0, 0, 0, LNL_DROP_NONE },
		{ 0, 0, 1, 0, LNL_DROP_NONE },
		{ 0, 0, LNL_V2_METADATA_MAX, 0, LNL_DROP_NONE },
		{ 0, 0, 9, 1, LNL_DROP_NONE },
		{ 100, TEST_NOW, 9, 1, LNL_DROP_NONE },
		{ 100, TEST_NOW - 100, 9, 1, LNL_DROP_NONE },
		{ 100, TEST_NOW - 101, 9, 1, LNL_DROP_KEY_LIMIT },
		{ 100, 0, 9, 1, LNL_DROP_KEY_LIMIT },
		{ 100, TEST_NOW + 1000, 9, 1, LNL_DROP_NONE },
		{ UINT64_MAX, 0, 9, 1, LNL_DROP_NONE },
		{ 100, TEST_NOW, 9, 0, LNL_DROP_KEY_LIMIT },
		{ 100, TEST_NOW, 8, 1, LNL_DROP_KEY_LIMIT },
		{ 100, TEST_NOW, 10, 1, LNL_DROP_KEY_LIMIT },
		{ 100, TEST_NOW, 1, 1, LNL_DROP_KEY_LIMIT },
		{ 100, TEST_NOW, 0, 0, LNL_DROP_KEY_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t packet[PACKET_MAX];
		struct lnl_writer w;
		struct door d;

		door_open(&d, DOOR_V2);
		d.conf.v2_max_age = rows[i].max_age;
		door_reopen(&d);
		lnl_writer_init(&w, longest, sizeof(longest));
		lnl_write_u8(&w, rows[i].type);
		lnl_write_u64(&w, rows[i].made);
		door_wkc(&d, longest, rows[i].len);
		if (door_give(&d, packet, door_reset(&d, packet, sizeof(packet))) != rows[i].drop)
			fail_msg("row %zu: %s", i, lnl_drop_name(d.got.drop));
		lnl_admission_stream(d.a, packet, door_reset(&d, packet, sizeof(packet)), d.now,
				     &d.got);
		assert_int_equal(d.got.drop, rows[i].drop);
		if (rows[i].drop == LNL_DROP_NONE) {
			assert_int_equal(d.got.v2.metadata_len, rows[i].len);
			assert_memory_equal(d.got.v2.metadata, longest, rows[i].len);
		}
		door_close(&d);
	}
}

/* Another server's key, no key, another client's packet before the WKc. */
static void W3_wrong_keys(void **state)
{
	uint8_t packet[PACKET_MAX], other_wkc[LNL_WKC_MAX];
	struct door d;
	size_t len;

	(void)state;
	for (unsigned half = 0; half < 2; half++) {
		door_open(&d, DOOR_V2);
		len = door_reset(&d, packet, sizeof(packet));
		d.v2_key[64 * half + 3] ^= 1;
		door_reopen(&d);
		assert_int_equal(door_give(&d, packet, len), LNL_DROP_AUTH);
		d.v2_key[64 * half + 3] ^= 1;
		door_reopen(&d);
		assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
		door_close(&d);
	}
	door_open(&d, DOOR_V2);
	d.kc.bytes[200] ^= 1;
	door_wkc(&d, "\0user", 5);
	memcpy(other_wkc, d.wkc, d.wkc_len);
	len = door_reset(&d, packet, sizeof(packet));
	memcpy(packet + len - d.wkc_len, other_wkc, d.wkc_len);
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_AUTH);
	d.conf.v2_key = NULL;
	door_reopen(&d);
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_OPCODE);
	door_close(&d);
}

/* A client that does not announce that it can send its WKc again is let in at once, or never. */
static void W3_without_the_cookie(void **state)
{
	static const struct {
		uint32_t first_id;
		bool cookie;
	} rows[] = {
		{ 0, false },	       { 0x0effffff - 1, false }, { 0x0f000000 - 1, true },
		{ 0x0f000000, true },  { 0x0fffffff - 1, true },  { 0x10000000 - 1, false },
		{ 0x8f000000, false },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t packet[PACKET_MAX];
		struct door d;
		size_t len;

		door_open(&d, DOOR_V2);
		d.conf.v2_force_cookie = i % 2;
		door_reopen(&d);
		lnl_wrap_init(&d.send, &d.client, rows[i / 2].first_id, 1000);
		len = door_reset(&d, packet, sizeof(packet));
		door_give(&d, packet, len);
		if (rows[i / 2].cookie) {
			assert_int_equal(d.got.verdict, LNL_ADMISSION_REPLY);
		} else if (i % 2) {
			assert_int_equal(d.got.drop, LNL_DROP_STATE);
		} else {
			assert_int_equal(d.got.verdict, LNL_ADMISSION_ADMIT);
			assert_false(d.got.resume);
			assert_int_equal(d.got.wrap_id, 0);
			assert_int_equal(d.got.len, len - d.wkc_len);
			assert_memory_equal(&d.got.v2.kc, &d.kc, sizeof(d.kc));
		}
		door_close(&d);
	}
}

/* A control packet without its WKc does not tell the key, whatever else is right. */
static void W3_return_without_wkc(void **state)
{
	uint8_t packet[PACKET_MAX];
	struct lnl_control c;
	struct door d;
	size_t len;

	(void)state;
	door_open(&d, DOOR_V2);
	door_knock(&d);
	c = door_return(&d, false);
	len = door_write(&d, &c, packet, sizeof(packet));
	assert_int_equal(door_give(&d, packet, len - d.wkc_len), LNL_DROP_FORMAT);
	c.op = LNL_OP_CONTROL_V1;
	len = door_write(&d, &c, packet, sizeof(packet));
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_AUTH);
	memcpy(packet + len, d.wkc, d.wkc_len);
	assert_int_equal(door_give(&d, packet, len + d.wkc_len), LNL_DROP_AUTH);
	door_close(&d);
}

static void W3_behind_a_known_session(void **state)
{
	uint8_t packet[PACKET_MAX] = { 0 };

	(void)state;
	for (unsigned op = 0; op < 32; op++) {
		bool may = op == LNL_OP_HARD_RESET_CLIENT_V3 || op == LNL_OP_CONTROL_WKC_V1;

		packet[0] = (uint8_t)(op << 3);
		packet[400 - 2] = 290 >> 8;
		packet[400 - 1] = 290 & 255;
		assert_int_equal(lnl_admission_without_wkc(packet, 400), may ? 110 : 0);
	}
	for (size_t len = 0; len <= 1200; len++) {
		for (size_t wkc = 0; wkc <= 1300; wkc++) {
			bool good = wkc >= 290 && wkc <= 1024 && wkc + 50 <= len;

			packet[0] = LNL_OP_CONTROL_WKC_V1 << 3;
			if (len > 2) {
				packet[len - 2] = (uint8_t)(wkc >> 8);
				packet[len - 1] = (uint8_t)wkc;
			}
			if (lnl_admission_without_wkc(packet, len) != (good ? len - wkc : 0))
				fail_msg("%zu of %zu", wkc, len);
		}
		if (len > 2)
			packet[len - 2] = packet[len - 1] = 0;
	}
}

static void assert_no_key(const struct lnl_admitted *got)
{
	static const struct lnl_v2_facts none;

	assert_false(got->has_v2);
	assert_memory_equal(&got->v2, &none, sizeof(none));
}

/* The client's key is given to nobody but who begins a session. */
static void keys_are_wiped(void **state)
{
	uint8_t packet[PACKET_MAX];
	struct lnl_control c;
	struct door d;
	size_t len;

	(void)state;
	door_open(&d, DOOR_V2);
	d.env.secret = d.kc.bytes + 64;
	door_knock(&d);
	assert_no_key(&d.got);
	c = door_return(&d, false);
	c.id = 2;
	len = door_write(&d, &c, packet, sizeof(packet));
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_WINDOW);
	assert_no_key(&d.got);
	packet[20] ^= 1;
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_AUTH);
	assert_no_key(&d.got);
	d.conf.v2_max_age = 1;
	door_reopen(&d);
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_KEY_LIMIT);
	assert_no_key(&d.got);
	door_close(&d);
	assert_int_equal(d.env.leaks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(W3_every_length),
		cmocka_unit_test(W3_nothing_before_the_wkc),
		cmocka_unit_test(W3_many),
		cmocka_unit_test(W3_metadata_and_age),
		cmocka_unit_test(W3_wrong_keys),
		cmocka_unit_test(W3_without_the_cookie),
		cmocka_unit_test(W3_return_without_wkc),
		cmocka_unit_test(W3_behind_a_known_session),
		cmocka_unit_test(keys_are_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
