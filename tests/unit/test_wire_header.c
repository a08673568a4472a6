/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte and the body of control packets; W1 as far as parsing goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/header.h"

#define SID "\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8"

static void the_first_byte(void **state)
{
	static const struct {
		enum lnl_opcode op;
		unsigned key_id;
		uint8_t byte;
	} row[] = {
		{ LNL_OP_HARD_RESET_CLIENT_V2, 0, 0x38 },
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 0x40 },
		{ LNL_OP_HARD_RESET_CLIENT_V3, 0, 0x50 },
		{ LNL_OP_CONTROL_V1, 0, 0x20 },
		{ LNL_OP_ACK_V1, 0, 0x28 },
		{ LNL_OP_DATA_V2, 0, 0x48 },
		{ LNL_OP_DATA_V1, 7, 0x37 },
		{ LNL_OP_SOFT_RESET_V1, 3, 0x1b },
		{ LNL_OP_CONTROL_WKC_V1, 0, 0x58 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(lnl_op_byte(row[i].op, row[i].key_id), row[i].byte);
		assert_int_equal(lnl_op_of(row[i].byte), row[i].op);
		assert_int_equal(lnl_key_id_of(row[i].byte), row[i].key_id);
	}
	assert_int_equal(lnl_op_byte(LNL_OP_ACK_V1, 8), 0x28); /* three bits of key id, no more */
}

/* All 32 opcodes that five bits hold: c control, h hard reset (control too), d data. */
static void opcodes_have_a_kind(void **state)
{
	static const char kind[] = "---ccc"
				   "dhhdhc--------------------";

	(void)state;
	for (unsigned op = 0; op < 32; op++) {
		assert_int_equal(lnl_op_is_data(op), kind[op] == 'd');
		assert_int_equal(lnl_op_is_control(op), kind[op] == 'c' || kind[op] == 'h');
		assert_int_equal(lnl_op_is_hard_reset(op), kind[op] == 'h');
	}
	assert_false(lnl_op_is_control(256 + LNL_OP_ACK_V1));
}

struct body {
	const char *name;
	uint8_t op;
	const char *bytes;
	size_t len;
	int code;
	unsigned n_acks;
	uint32_t last_ack;
	uint32_t id;
	size_t payload_len;
};

#define BODY(s) s, sizeof(s) - 1
#define ACKS7	"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7"

static const struct body bodies[] = {
	{ "client reset", 7, BODY("\0\0\0\0\0"), 0, 0, 0, 0, 0 },
	{ "client reset with payload", 7, BODY("\0\0\0\0\0zz"), 0, 0, 0, 0, 2 },
	{ "server reset, one ack", 8, BODY("\1\0\0\0\0" SID "\0\0\0\0"), 0, 1, 0, 0, 0 },
	{ "v3 reset", 10, BODY("\0\0\0\0\0"), 0, 0, 0, 0, 0 },
	{ "soft reset", 3, BODY("\0\0\0\0\0"), 0, 0, 0, 0, 0 },
	{ "wkc", 11, BODY("\1\0\0\0\0" SID "\0\0\0\1hello"), 0, 1, 0, 1, 5 },
	{ "control", 4, BODY("\0\0\0\0\1x"), 0, 0, 0, 1, 1 },
	{ "control, no payload", 4, BODY("\0\0\0\0\1"), 0, 0, 0, 1, 0 },
	{ "control, last id", 4, BODY("\0\xff\xff\xff\xff"), 0, 0, 0, UINT32_MAX, 0 },
	{ "control, 8 acks", 4, BODY("\x8" ACKS7 "\0\0\0\x9" SID "\0\0\0\2abc"), 0, 8, 9, 2, 3 },
	{ "ack", 5, BODY("\1\0\0\0\7" SID), 0, 1, 7, 0, 0 },
	{ "8 acks", 5, BODY("\x8" ACKS7 "\xff\xff\xff\xff" SID), 0, 8, UINT32_MAX, 0, 0 },

	{ "reset of id 1", 7, BODY("\0\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "server reset of id 1", 8, BODY("\0\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "v3 reset of id 2^24", 10, BODY("\0\1\0\0\0"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "soft reset of id 1", 3, BODY("\0\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "9 acks", 4, BODY("\x9" ACKS7 "\0\0\0\x8\0\0\0\x9" SID "\0\0\0\2"), LNL_E_FORMAT, 0, 0, 0,
	  0 },
	{ "9 acks in an ack", 5, BODY("\x9" ACKS7 "\0\0\0\x8\0\0\0\x9" SID), LNL_E_FORMAT, 0, 0, 0,
	  0 },
	{ "ack without acks", 5, BODY("\0"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "ack with a byte behind", 5, BODY("\1\0\0\0\7" SID "x"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "ack with an id", 5, BODY("\1\0\0\0\7" SID "\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "empty", 4, BODY(""), LNL_E_SHORT, 0, 0, 0, 0 },
	{ "empty ack", 5, BODY(""), LNL_E_SHORT, 0, 0, 0, 0 },
	{ "no id", 4, BODY("\0"), LNL_E_SHORT, 0, 0, 0, 0 },
	{ "half an id", 4, BODY("\0\0\0\0"), LNL_E_SHORT, 0, 0, 0, 0 },
	{ "acks cut", 4, BODY("\2\0\0\0\1\0\0\0"), LNL_E_SHORT, 0, 0, 0, 0 },
	{ "sid cut", 5, BODY("\1\0\0\0\1\1\2\3\4\5\6\7"), LNL_E_SHORT, 0, 0, 0, 0 },
	{ "key method 1", 1, BODY("\0\0\0\0\0"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "data", 6, BODY("\0\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "data v2", 9, BODY("\0\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "opcode 12", 12, BODY("\0\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
	{ "opcode 31", 31, BODY("\0\0\0\0\1"), LNL_E_FORMAT, 0, 0, 0, 0 },
};

/* Parses a copy of exactly |len| bytes, so that ASan sees a read of one more. */
static int parse(struct lnl_control *c, uint8_t op, const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	struct lnl_reader r;
	int code;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	memset(c, 0x5a, sizeof(*c));
	c->op = op;
	lnl_reader_init(&r, copy, len);
	code = lnl_control_read_body(c, &r);
	if (code) {
		assert_int_equal(c->n_acks, 0);
		assert_int_equal(c->payload_len, 0);
		assert_null(c->payload);
	} else {
		assert_true(c->n_acks <= LNL_ACKS_MAX);
		assert_int_equal(lnl_control_body_len(op, c->n_acks) + c->payload_len, len);
		if (c->payload_len > 0)
			assert_memory_equal(c->payload,
					    (const uint8_t *)bytes + len - c->payload_len,
					    c->payload_len);
		c->payload = (const uint8_t *)bytes + len - c->payload_len;
	}
	free(copy);
	return code;
}

static void bodies_are_read(void **state)
{
	struct lnl_control c;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct body *b = &bodies[i];
		int code = parse(&c, b->op, b->bytes, b->len);

		if (code != b->code)
			fail_msg("%s: %d", b->name, code);
		if (code)
			continue;
		assert_int_equal(c.n_acks, b->n_acks);
		assert_int_equal(c.id, b->id);
		assert_int_equal(c.payload_len, b->payload_len);
		assert_memory_equal(c.peer_sid, b->n_acks ? SID : "\0\0\0\0\0\0\0\0", LNL_SID_LEN);
		if (b->n_acks)
			assert_int_equal(c.acks[b->n_acks - 1], b->last_ack);
	}
}

static void bodies_are_written_as_read(void **state)
{
	uint8_t out[64];
	struct lnl_control c;
	struct lnl_writer w;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct body *b = &bodies[i];

		if (b->code)
			continue;
		assert_int_equal(parse(&c, b->op, b->bytes, b->len), 0);
		lnl_writer_init(&w, out, sizeof(out));
		assert_int_equal(lnl_control_write_body(&c, &w), 0);
		assert_int_equal(lnl_writer_len(&w), b->len);
		assert_memory_equal(out, b->bytes, b->len);
		for (size_t cap = 0; cap < b->len; cap++) {
			lnl_writer_init(&w, out, cap);
			assert_int_equal(lnl_control_write_body(&c, &w), LNL_E_SPACE);
		}
	}
}

static void too_many_acks_are_not_written(void **state)
{
	uint8_t out[64];
	struct lnl_control c = { .op = LNL_OP_ACK_V1, .n_acks = LNL_ACKS_MAX + 1 };
	struct lnl_writer w;

	(void)state;
	lnl_writer_init(&w, out, sizeof(out));
	assert_int_equal(lnl_control_write_body(&c, &w), LNL_E_INVAL);
	assert_int_equal(lnl_writer_len(&w), 0);
	c.n_acks = LNL_ACKS_MAX;
	assert_int_equal(lnl_control_write_body(&c, &w), 0);
	assert_int_equal(lnl_writer_len(&w), lnl_control_body_len(LNL_OP_ACK_V1, LNL_ACKS_MAX));
}

static void body_lengths(void **state)
{
	(void)state;
	assert_int_equal(lnl_control_body_len(LNL_OP_CONTROL_V1, 0), 5);
	assert_int_equal(lnl_control_body_len(LNL_OP_CONTROL_V1, 4), 29);
	assert_int_equal(lnl_control_body_len(LNL_OP_ACK_V1, 1), 13);
	assert_int_equal(lnl_control_body_len(LNL_OP_ACK_V1, 8), 41);
}

/* What the layout says of |len| bytes, written down a second time and without shared code. */
static bool plausible(uint8_t op, const uint8_t *p, size_t len)
{
	bool ack = op == LNL_OP_ACK_V1;
	bool reset = op == 3 || op == 7 || op == 8 || op == 10;
	size_t need;

	if (len < 1 || p[0] > 8)
		return false;
	need = 1 + (p[0] ? 4u * p[0] + 8 : 0) + (ack ? 0 : 4);
	if (len < need || (ack && (p[0] == 0 || len != need)))
		return false;
	return !reset || (p[need - 4] | p[need - 3] | p[need - 2] | p[need - 1]) == 0;
}

static void W1_every_truncation(void **state)
{
	struct lnl_control c;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct body *b = &bodies[i];

		if (!lnl_op_is_control(b->op))
			continue;
		for (size_t len = 0; len <= b->len; len++)
			assert_int_equal(parse(&c, b->op, b->bytes, len) == 0,
					 plausible(b->op, (const uint8_t *)b->bytes, len));
	}
}

static void W1_every_single_byte_change(void **state)
{
	struct lnl_control c;
	uint8_t copy[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct body *b = &bodies[i];

		if (!lnl_op_is_control(b->op))
			continue;
		memcpy(copy, b->bytes, b->len);
		for (size_t at = 0; at < b->len; at++) {
			for (unsigned change = 1; change < 256; change++) {
				copy[at] = (uint8_t)((uint8_t)b->bytes[at] ^ change);
				assert_int_equal(parse(&c, b->op, copy, b->len) == 0,
						 plausible(b->op, copy, b->len));
			}
			copy[at] = (uint8_t)b->bytes[at];
		}
	}
}

/* W5 too: each ack count with each shorter body. */
static void W5_ack_count_with_short_body(void **state)
{
	uint8_t bytes[1 + 4 * 8 + 8 + 4] = { 0 };
	struct lnl_control c;

	(void)state;
	for (unsigned n = 0; n < 256; n++) {
		for (size_t len = 1; len <= sizeof(bytes); len++) {
			int code;

			bytes[0] = (uint8_t)n;
			code = parse(&c, LNL_OP_CONTROL_V1, bytes, len);
			if (n > LNL_ACKS_MAX)
				assert_int_equal(code, LNL_E_FORMAT);
			else if (len < lnl_control_body_len(LNL_OP_CONTROL_V1, n))
				assert_int_equal(code, LNL_E_SHORT);
			else
				assert_int_equal(code, 0);
			assert_int_equal(parse(&c, LNL_OP_ACK_V1, bytes, len) == 0,
					 plausible(LNL_OP_ACK_V1, bytes, len));
		}
	}
}

/* Junk of 1 to 65,507 bytes under each opcode. */
static void W1_junk(void **state)
{
	size_t max = 65507;
	uint8_t *junk = malloc(max);
	uint32_t seed = 7;
	struct lnl_control c;

	(void)state;
	assert_non_null(junk);
	for (size_t len = 1; len <= max; len += 1 + len / 64) {
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			junk[i] = (uint8_t)(seed >> 24);
		}
		junk[0] &= 15;
		for (uint8_t op = 0; op < 32; op++)
			assert_int_equal(parse(&c, op, junk, len) == 0,
					 lnl_op_is_control(op) && plausible(op, junk, len));
	}
	free(junk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_byte),
		cmocka_unit_test(opcodes_have_a_kind),
		cmocka_unit_test(bodies_are_read),
		cmocka_unit_test(bodies_are_written_as_read),
		cmocka_unit_test(too_many_acks_are_not_written),
		cmocka_unit_test(body_lengths),
		cmocka_unit_test(W1_every_truncation),
		cmocka_unit_test(W1_every_single_byte_change),
		cmocka_unit_test(W5_ack_count_with_short_body),
		cmocka_unit_test(W1_junk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
