/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Key method 2: the record (TRUST W8), the keys of the TLS 1.0 PRF, and how a key block is cut. The
 * known key block was computed with python3 (hmac, hashlib) from RFC 2246's definition.
 */
#include "control/keys.h"
#include "count.h"
#include "test_crypto_env.h"

#define HEAD_CLIENT (4 + 1 + 48 + 32 + 32)
#define HEAD_SERVER (4 + 1 + 32 + 32)

static const struct lnl_km2 full = {
	.options = "V4,dev-type tun,link-mtu 1549,tun-mtu 1500,proto UDPv4",
	.username = "alice",
	.password = "correct horse",
	.peer_info = "IV_VER=1\nIV_PROTO=990\n",
};

static void fill_source(struct lnl_key_source *s, unsigned start)
{
	uint8_t *p = (uint8_t *)s;

	for (size_t i = 0; i < sizeof(*s); i++)
		p[i] = (uint8_t)(start + i);
}

static size_t write_record(uint8_t *out, size_t cap, bool client, const struct lnl_key_source *s,
			   const struct lnl_km2 *m)
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, cap);
	assert_int_equal(lnl_km2_write(&w, client, s, m), 0);
	return lnl_writer_len(&w);
}

/* Reads a copy of exactly |len| bytes, so that AddressSanitizer sees one too far. */
static int read_exact(const uint8_t *data, size_t len, bool client)
{
	uint8_t *copy = malloc(len + 1);
	struct lnl_key_source s;
	struct lnl_km2 m;
	int error;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy + 1, data, len);
	error = lnl_km2_read(copy + 1, len, client, &s, &m);
	/* Whatever was taken, every string ends inside the record. */
	assert_true(strlen(m.options) < len + 1);
	assert_true(strlen(m.username) < len + 1);
	assert_true(strlen(m.password) < len + 1);
	assert_true(strlen(m.peer_info) < len + 1);
	if (error != 0) {
		static const struct lnl_key_source zero;

		assert_memory_equal(&s, &zero, sizeof(s));
		assert_string_equal(m.options, "");
		assert_string_equal(m.username, "");
		assert_string_equal(m.password, "");
		assert_string_equal(m.peer_info, "");
	}
	free(copy);
	return error;
}

static void layout(void **state)
{
	static const struct lnl_km2 little = { "o", "", "pw", "" };
	struct lnl_key_source s;
	uint8_t out[512];

	(void)state;
	fill_source(&s, 1);
	assert_int_equal(write_record(out, sizeof(out), true, &s, &little), HEAD_CLIENT + 13);
	test_hex_equal(out, "0000000002");
	assert_memory_equal(out + 5, s.pre_master, 48);
	assert_memory_equal(out + 53, s.random1, 32);
	assert_memory_equal(out + 85, s.random2, 32);
	/* "o", nothing, "pw", nothing: what is empty is a length of 0 and no byte. */
	test_hex_equal(out + HEAD_CLIENT, "00026f00"
					  "0000"
					  "0003707700"
					  "0000");
	assert_int_equal(write_record(out, sizeof(out), false, &s, &little), HEAD_SERVER + 13);
	test_hex_equal(out, "0000000002");
	assert_memory_equal(out + 5, s.random1, 32);
	assert_memory_equal(out + 37, s.random2, 32);
}

static void round_trip(void **state)
{
	(void)state;
	for (unsigned client = 0; client < 2; client++) {
		struct lnl_key_source s, got;
		struct lnl_km2 m;
		uint8_t out[512];
		size_t len;

		fill_source(&s, 7);
		if (!client)
			memset(s.pre_master, 0, sizeof(s.pre_master));
		len = write_record(out, sizeof(out), client, &s, &full);
		assert_int_equal(lnl_km2_read(out, len, client, &got, &m), 0);
		assert_memory_equal(&got, &s, sizeof(s));
		assert_string_equal(m.options, full.options);
		assert_string_equal(m.username, full.username);
		assert_string_equal(m.password, full.password);
		assert_string_equal(m.peer_info, full.peer_info);
	}
}

static void writes_no_further(void **state)
{
	struct lnl_key_source s;
	uint8_t out[512];
	size_t len;

	(void)state;
	fill_source(&s, 7);
	len = write_record(out, sizeof(out), true, &s, &full);
	for (size_t cap = 0; cap < len; cap++) {
		struct lnl_writer w;

		lnl_writer_init(&w, out, cap);
		assert_int_equal(lnl_km2_write(&w, true, &s, &full), LNL_E_SPACE);
	}
}

/* No length field says more than 65,535, however much room there is. */
static void string_too_long(void **state)
{
	static char text[UINT16_MAX + 1];
	static uint8_t out[2 * UINT16_MAX];
	struct lnl_km2 m = { "", "", "", text };
	struct lnl_key_source s;
	struct lnl_writer w;

	(void)state;
	fill_source(&s, 7);
	memset(text, 'a', UINT16_MAX);
	lnl_writer_init(&w, out, sizeof(out));
	assert_int_equal(lnl_km2_write(&w, true, &s, &m), LNL_E_SPACE);
	text[UINT16_MAX - 1] = '\0';
	write_record(out, sizeof(out), true, &s, &m);
}

/* What other implementations send for "empty", and where old ones stop. */
static void forms_of_nothing(void **state)
{
	static const struct {
		const char *tail; /* behind the random numbers */
		int error;
	} rows[] = {
		{ "000100", 0 },
		{ "00026f00", 0 },
		{ "00026f000000", 0 },
		{ "00026f0000000000", 0 },
		{ "00026f00000000000000", 0 },
		{ "00026f00000100000100000100", 0 },
		{ "00026f00000000000000ff", 0 }, /* what a later version may add */
		{ "00026f0000", LNL_E_SHORT },
		{ "00026f00000000", LNL_E_SHORT },
		{ "0001004100", LNL_E_SHORT }, /* a user name of 0x4100 bytes */
		{ "00026f000001", LNL_E_SHORT },
		{ "", LNL_E_SHORT },
		{ "00", LNL_E_SHORT },
		{ "0000", LNL_E_FORMAT }, /* OpenVPN, too, wants the options' NUL */
		{ "0001", LNL_E_SHORT },
		{ "000141", LNL_E_FORMAT },
		{ "00026f6f", LNL_E_FORMAT },
		{ "00020000", LNL_E_FORMAT },
		{ "00036f0000", LNL_E_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t record[HEAD_CLIENT + 64] = { [4] = 2 };
		size_t tail = test_hex(record + HEAD_CLIENT, 64, rows[i].tail);

		assert_int_equal(read_exact(record, HEAD_CLIENT + tail, true), rows[i].error);
	}
}

/* TRUST W8: the method, and each length field. */
static void w8_fields(void **state)
{
	static const uint8_t methods[] = { 0, 1, 3, 0x12, 255 };
	uint8_t record[512], bad[512];
	struct lnl_key_source s;
	size_t len, at;

	(void)state;
	fill_source(&s, 7);
	len = write_record(record, sizeof(record), true, &s, &full);
	assert_int_equal(read_exact(record, len, true), 0);
	for (size_t i = 0; i < sizeof(methods); i++) {
		memcpy(bad, record, len);
		bad[4] = methods[i];
		assert_int_equal(read_exact(bad, len, true), LNL_E_FORMAT);
	}
	at = HEAD_CLIENT;
	for (unsigned field = 0; field < 4; field++) {
		unsigned right = (unsigned)record[at] << 8 | record[at + 1];
		const unsigned lies[] = { right - 1, right + 1, 0, 65535 };

		for (size_t i = 0; i < 4; i++) {
			int error;

			memcpy(bad, record, len);
			bad[at] = (uint8_t)(lies[i] >> 8);
			bad[at + 1] = (uint8_t)lies[i];
			error = read_exact(bad, len, true);
			/*
			 * Peer info of length 0 leaves bytes behind it, which may be a later
			 * version's.
			 */
			if (field == 3 && lies[i] == 0)
				assert_int_equal(error, 0);
			else
				assert_true(error == LNL_E_FORMAT || error == LNL_E_SHORT);
		}
		memcpy(bad, record, len);
		bad[at + 2 + right - 1] = 'x'; /* its NUL */
		assert_int_equal(read_exact(bad, len, true), LNL_E_FORMAT);
		bad[at + 2 + right - 1] = '\0';
		bad[at + 2] = '\0'; /* a NUL inside */
		assert_int_equal(read_exact(bad, len, true), LNL_E_FORMAT);
		at += 2 + right;
	}
	assert_int_equal(at, len);
}

/* TRUST W8: every truncation; only those between two strings are records, of older peers. */
static void w8_truncations(void **state)
{
	uint8_t record[512];
	struct lnl_key_source s;
	size_t len, ends[4];

	(void)state;
	fill_source(&s, 7);
	len = write_record(record, sizeof(record), true, &s, &full);
	ends[0] = HEAD_CLIENT + 2 + strlen(full.options) + 1;
	ends[1] = ends[0] + 2 + strlen(full.username) + 1;
	ends[2] = ends[1] + 2 + strlen(full.password) + 1;
	ends[3] = len;
	for (size_t n = 0; n <= len; n++) {
		bool whole = n == ends[0] || n == ends[1] || n == ends[2] || n == ends[3];

		assert_int_equal(read_exact(record, n, true), whole ? 0 : LNL_E_SHORT);
	}
}

/* TRUST W8: limits. */
static void w8_limits(void **state)
{
	static const struct {
		unsigned field, chars; /* of options or user name */
		int error;
	} rows[] = {
		{ 0, LNL_KM2_OPTIONS - 1, 0 },
		{ 0, LNL_KM2_OPTIONS, LNL_E_FORMAT },
		{ 1, 128, 0 },
		{ 1, LNL_KM2_MAX - HEAD_CLIENT - 10, 0 }, /* the record is LNL_KM2_MAX long */
		{ 1, LNL_KM2_MAX - HEAD_CLIENT - 9, LNL_E_FORMAT },
		{ 1, 4096 + 1, LNL_E_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static uint8_t record[3 * LNL_KM2_MAX];
		static char text[2 * LNL_KM2_MAX];
		struct lnl_km2 m = { "", "", "", "" };
		struct lnl_key_source s;
		size_t len;

		fill_source(&s, 7);
		memset(text, 'a', rows[i].chars);
		text[rows[i].chars] = '\0';
		if (rows[i].field == 0)
			m.options = text;
		else
			m.username = text;
		len = write_record(record, sizeof(record), true, &s, &m);
		assert_int_equal(read_exact(record, len, true), rows[i].error);
	}
}

/* TRUST W8: mutants of both roles' records, read as either: 10^5, or 10^6 when all run (LUNEL_ALL). */
static void w8_mutants(void **state)
{
	unsigned count = test_count(100000, 1000000), taken = 0;
	uint8_t record[2][512], mutant[512];
	struct lnl_key_source s;
	struct test_env world;
	size_t len[2];

	(void)state;
	test_env_init(&world);
	fill_source(&s, 7);
	len[0] = write_record(record[0], sizeof(record[0]), false, &s, &full);
	len[1] = write_record(record[1], sizeof(record[1]), true, &s, &full);
	for (unsigned i = 0; i < count; i++) {
		uint8_t dice[12];
		size_t n = len[i & 1];

		world.env.random(world.env.ctx, dice, sizeof(dice));
		memcpy(mutant, record[i & 1], n);
		/* where the randomness stands, no change matters: most of them hit the strings */
		for (unsigned k = 0; k < 1u + dice[0] % 4; k++) {
			size_t from = dice[1] & 1 ? 0 : (i & 1 ? HEAD_CLIENT : HEAD_SERVER);
			size_t at = from + (dice[2 + 2 * k] * 7u + dice[3 + 2 * k]) % (n - from);

			mutant[at] ^= (uint8_t)(1u << (dice[10] + k) % 8);
		}
		if (dice[11] < 32)
			n -= dice[11];
		taken += read_exact(mutant, n, (dice[1] & 2) != 0) == 0;
	}
	assert_in_range(taken, 1, count - 1);
}

static void sources(void **state)
{
	static const uint8_t zero[48];
	struct lnl_key_source a, b;
	struct test_env world;

	(void)state;
	test_env_init(&world);
	assert_int_equal(lnl_key_source_init(&a, &world.env, true), 0);
	assert_int_equal(lnl_key_source_init(&b, &world.env, false), 0);
	assert_memory_not_equal(a.pre_master, zero, 48);
	assert_memory_equal(b.pre_master, zero, 48);
	assert_memory_not_equal(a.random1, a.random2, 32);
	assert_memory_not_equal(a.random1, b.random1, 32);
	assert_memory_not_equal(a.random2, b.random2, 32);
	world.no_random = true;
	assert_int_equal(lnl_key_source_init(&a, &world.env, true), LNL_E_RANDOM);
	assert_memory_equal(&a, zero, 48);
	assert_memory_equal(a.random1, zero, 32);
	assert_int_equal(lnl_key_source_init(&b, &world.env, false), LNL_E_RANDOM);
}

static void prf_known_answer(void **state)
{
	static const uint8_t client_sid[] = { 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8 };
	static const uint8_t server_sid[] = { 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8 };
	struct lnl_key_source client, server;
	uint8_t block[LNL_KEYS_LEN], other[LNL_KEYS_LEN];

	(void)state;
	for (unsigned i = 0; i < 48; i++)
		client.pre_master[i] = (uint8_t)i;
	memset(server.pre_master, 0, sizeof(server.pre_master));
	for (unsigned i = 0; i < 32; i++) {
		client.random1[i] = (uint8_t)(0x40 + i);
		client.random2[i] = (uint8_t)(0x60 + i);
		server.random1[i] = (uint8_t)(0x80 + i);
		server.random2[i] = (uint8_t)(0xa0 + i);
	}
	assert_int_equal(lnl_keys_prf(block, &client, &server, client_sid, server_sid), 0);
	test_hex_equal(
		block,
		"1ae8e0fe792d42f69cdf0bfd087b33dfde152640321739e91bb49e4a1c5ac5263dc17c6def33196e"
		"003bcc559fa3ce86db0d888b3d7942746695c4c5ab8edfec5293249a2820448f6599ba58cdfa339e"
		"3c8e8e94ec990cbdcab18c9542afb5125e01e9d38f3ce3a0d178da6ef506a7f6d7e8a5288729aa93"
		"77ecdd36ca98d23e586fec38444368e132fe51b3def3891272cc678b76495d97efc07f3ad3e41bd2"
		"bc4c88ce599fab80107b6421f154d63d25cf1680cfdc65bece6aa0bc6411faccc03417812667920e"
		"c904c4d4db38abf60a866dc40bb4dec5cc1cdee92d532b68ba3a63a54619873e4723a89113e6ad7b"
		"be885128a296cc1e043e5aaa42f9bc86");
	/* The order of the session ids counts. */
	assert_int_equal(lnl_keys_prf(other, &client, &server, server_sid, client_sid), 0);
	assert_memory_not_equal(other, block, sizeof(block));
}

/* PROTOCOL 1.2: the client sends with keys[0], the opposite of tls-crypt. */
static void split(void **state)
{
	struct lnl_direction_key client[2], server[2];
	uint8_t block[LNL_KEYS_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)i;
	lnl_keys_split(block, true, &client[0], &client[1]);
	lnl_keys_split(block, false, &server[0], &server[1]);
	assert_memory_equal(client[0].cipher, block, 64);
	assert_memory_equal(client[0].hmac, block + 64, 64);
	assert_memory_equal(client[1].cipher, block + 128, 64);
	assert_memory_equal(client[1].hmac, block + 192, 64);
	assert_memory_equal(&server[0], &client[1], sizeof(server[0]));
	assert_memory_equal(&server[1], &client[0], sizeof(server[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(writes_no_further),
		cmocka_unit_test(string_too_long),
		cmocka_unit_test(forms_of_nothing),
		cmocka_unit_test(w8_fields),
		cmocka_unit_test(w8_truncations),
		cmocka_unit_test(w8_limits),
		cmocka_unit_test(w8_mutants),
		cmocka_unit_test(sources),
		cmocka_unit_test(prf_known_answer),
		cmocka_unit_test(split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
