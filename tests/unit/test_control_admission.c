/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who gets an answer at the door, who gets in, and that nothing is left of the others: TRUST W1,
 * W2, W6, S1, S3 as far as one packet goes. W3 is in test_control_admission_v2.c.
 */
#include "test_control_door.h"

#define PACKET_MAX (LNL_WRAP_PACKET_MAX + LNL_WKC_MAX)

static const struct lnl_limiter_conf usual = { 20, 5, 100, 10 * LNL_SECOND };

/* ---- the way in ---- */

static void answered_and_admitted(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		for (unsigned ack = 0; ack < (m == DOOR_V2 ? 1 : 2); ack++) {
			uint8_t packet[PACKET_MAX];
			struct lnl_control c;
			struct door d;
			size_t len;

			door_open(&d, m);
			door_knock(&d);
			c = door_return(&d, ack);
			len = door_write(&d, &c, packet, sizeof(packet));
			assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
			assert_int_equal(d.got.verdict, LNL_ADMISSION_ADMIT);
			assert_true(d.got.resume);
			assert_int_equal(d.got.wrap_id, 1);
			assert_memory_equal(d.got.client_sid, d.sid, LNL_SID_LEN);
			assert_memory_equal(d.got.server_sid, d.cookie, LNL_SID_LEN);
			assert_int_equal(d.got.has_v2, m == DOOR_V2);
			assert_int_equal(d.got.len, m == DOOR_V2 ? len - d.wkc_len : len);
			if (m == DOOR_V2) {
				assert_memory_equal(&d.got.v2.kc, &d.kc, sizeof(d.kc));
				assert_int_equal(d.got.v2.metadata_len, 5);
				assert_memory_equal(d.got.v2.metadata, "\0user", 5);
			}
			door_close(&d);
		}
	}
}

/* Each retransmitted reset is answered, in the same slot by the same cookie. */
static void answers_are_the_same(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		uint8_t first[LNL_SID_LEN];
		struct door d;

		door_open(&d, m);
		door_knock(&d);
		memcpy(first, d.cookie, sizeof(first));
		d.now += LNL_SECOND;
		door_knock(&d);
		assert_memory_equal(first, d.cookie, sizeof(first));
		d.now += 30 * LNL_SECOND;
		door_knock(&d);
		assert_memory_not_equal(first, d.cookie, sizeof(first));
		door_close(&d);
	}
}

/* S1: how much longer the answer is than what asked for it. */
static void S1_amplification(void **state)
{
	static const double most[] = { 1.9, 1.3, 1.3, 1.3, 0.25 };

	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		uint8_t packet[PACKET_MAX];
		double ratio;
		struct door d;
		size_t len;

		door_open(&d, m);
		len = door_reset(&d, packet, sizeof(packet));
		door_give(&d, packet, len);
		door_read(&d);
		ratio = (double)d.got.reply_len / (double)len;
		print_message("S1: %-15s %3zu bytes are answered by %2zu: %.2f (at most %.2f)\n",
			      door_names[m], len, d.got.reply_len, ratio, most[m]);
		assert_true(ratio <= most[m]);
		door_close(&d);
	}
}

/* ---- W1 ---- */

/* A packet that is not the client's as it was sent. |good| would be admitted or answered. */
static void give_changed(struct door *d, const uint8_t *packet, size_t len, bool plain_ok)
{
	size_t bytes = d->env.bytes;
	unsigned live = d->env.live;

	door_give(d, packet, len);
	if (d->mode == DOOR_NONE && plain_ok)
		assert_int_not_equal(d->got.verdict, LNL_ADMISSION_DROP);
	else
		assert_int_equal(d->got.verdict, LNL_ADMISSION_DROP);
	assert_int_equal(d->env.live, live);
	assert_int_equal(d->env.bytes, bytes);
}

/* Without a wrapping a change of these makes another packet that is as good. */
static bool is_free(uint8_t op, size_t at, uint8_t x)
{
	/* behind n_acks, one ack, our sid */
	size_t id = 1 + 8 + 1 + 4 + 8;

	if (op == LNL_OP_HARD_RESET_CLIENT_V2)
		return at >= 1 && at < 9; /* the session id */
	/* message id 0 for 1, payload */
	return op == LNL_OP_CONTROL_V1 && (at >= id + 4 || (at == id + 3 && x == 1));
}

static void W1_truncated_and_changed(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		struct door d;

		door_open(&d, m);
		door_knock(&d);
		for (unsigned kind = 0; kind < 3; kind++) {
			uint8_t packet[PACKET_MAX];
			struct lnl_control c = door_return(&d, kind == 1);
			size_t len = kind == 0 ? door_reset(&d, packet, sizeof(packet))
					       : door_write(&d, &c, packet, sizeof(packet));
			uint8_t op = (uint8_t)lnl_op_of(packet[0]);

			for (size_t n = 0; n < len; n++)
				give_changed(&d, packet, n,
					     op == LNL_OP_CONTROL_V1 && n >= len - 5);
			for (size_t at = 0; at < len; at++) {
				uint8_t right = packet[at];

				for (unsigned x = 1; x < 256; x++) {
					packet[at] ^= (uint8_t)x;
					give_changed(&d, packet, len, is_free(op, at, (uint8_t)x));
					packet[at] = right;
				}
			}
			door_give(&d, packet, len);
			/* with tls-crypt-v2 a bare ack does not tell the key */
			assert_int_equal(d.got.verdict, kind == 0 ? LNL_ADMISSION_REPLY
							: m == DOOR_V2 && kind == 1
								? LNL_ADMISSION_DROP
								: LNL_ADMISSION_ADMIT);
		}
		door_close(&d);
	}
}

/* Everything from 1 to 65,507 bytes, with each opcode that is heard; ends where memory does. */
static void W1_junk(void **state)
{
	static const uint8_t ops[] = { 4, 5, 7, 10, 11 };
	uint8_t *end = malloc(65507), *junk = end + 65507;

	(void)state;
	assert_non_null(end);
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		unsigned live;
		struct door d;

		door_open(&d, m);
		d.env.env.random(&d.env, end, 65507);
		live = d.env.live;
		for (size_t len = 1; len <= 65507; len++) {
			uint8_t *packet = junk - len;

			packet[0] = (uint8_t)(ops[len % sizeof(ops)] << 3);
			lnl_admission_datagram(d.a, &d.ip, d.port, packet, len, d.reply,
					       sizeof(d.reply), d.now, &d.got);
			/* a reset of 14 bytes has a free form, but five of them have to be zero */
			assert_int_equal(d.got.verdict, LNL_ADMISSION_DROP);
		}
		assert_int_equal(d.env.live, live);
		door_close(&d);
	}
	free(end);
}

static void W2_without_the_key_no_answer(void **state)
{
	(void)state;
	for (enum door_mode m = DOOR_AUTH; m < DOOR_MODES; m++) {
		uint8_t packet[PACKET_MAX];
		struct door d, other;
		size_t len;

		door_open(&d, m);
		door_open(&other, m);
		memset(other.key.bytes, 0x5c, sizeof(other.key.bytes));
		memset(other.kc.bytes, 0x5c, sizeof(other.kc.bytes));
		lnl_wrap_key_deinit(&other.server);
		lnl_wrap_key_deinit(&other.client);
		door_keys(&other);
		len = door_reset(&other, packet, sizeof(packet));
		assert_int_equal(door_give(&d, packet, len), LNL_DROP_AUTH);
		/* and what has no wrapping at all */
		other.mode = DOOR_NONE;
		lnl_wrap_key_deinit(&other.client);
		len = door_reset(&other, packet, sizeof(packet));
		assert_int_not_equal(door_give(&d, packet, len), LNL_DROP_NONE);
		door_close(&d);
		door_close(&other);
	}
}

/* ---- W2 ---- */

enum what {
	NOTHING,
	PORT,
	ADDRESS,
	FAMILY,
	CLIENT_ID,
	COOKIE_BIT,
	NO_COOKIE,
	LATER,
	KEY_ID,
	OPCODE,
	MESSAGE_ID,
	ACKS_1,
	ACKS_2
};

static const struct return_row {
	enum what what;
	uint32_t value;
	enum lnl_drop drop;
} return_rows[] = {
	{ NOTHING, 0, LNL_DROP_NONE },
	{ PORT, 40001, LNL_DROP_SESSION },
	{ PORT, 40000 ^ 0x8000, LNL_DROP_SESSION },
	{ PORT, 40000, LNL_DROP_NONE },
	{ ADDRESS, 0, LNL_DROP_SESSION },
	{ ADDRESS, 3, LNL_DROP_SESSION },
	{ ADDRESS, 4, LNL_DROP_NONE }, /* no part of an IPv4 address */
	{ FAMILY, 6, LNL_DROP_SESSION },
	{ FAMILY, 0, LNL_DROP_ADDRESS },
	{ CLIENT_ID, 0, LNL_DROP_SESSION },
	{ CLIENT_ID, 63, LNL_DROP_SESSION },
	{ COOKIE_BIT, 0, LNL_DROP_SESSION },
	{ COOKIE_BIT, 63, LNL_DROP_SESSION },
	{ NO_COOKIE, 0, LNL_DROP_SESSION },
	{ LATER, 10, LNL_DROP_NONE }, /* the slot before: door_open's time is at 10 s of 30 */
	{ LATER, 69, LNL_DROP_NONE },
	{ LATER, 80, LNL_DROP_SESSION },
	{ LATER, 3600, LNL_DROP_SESSION },
	{ KEY_ID, 1, LNL_DROP_KEY_ID },
	{ KEY_ID, 7, LNL_DROP_KEY_ID },
	{ OPCODE, LNL_OP_SOFT_RESET_V1, LNL_DROP_OPCODE },
	{ OPCODE, LNL_OP_HARD_RESET_SERVER_V2, LNL_DROP_OPCODE },
	{ MESSAGE_ID, 0, LNL_DROP_NONE },
	{ MESSAGE_ID, 1, LNL_DROP_NONE },
	{ MESSAGE_ID, 2, LNL_DROP_WINDOW },
	{ MESSAGE_ID, UINT32_MAX, LNL_DROP_WINDOW },
	{ ACKS_1, 0, LNL_DROP_NONE },
	{ ACKS_1, 1, LNL_DROP_WINDOW }, /* nobody has seen our packet 1 yet */
	{ ACKS_1, 2, LNL_DROP_WINDOW },
	{ ACKS_1, UINT32_MAX, LNL_DROP_WINDOW },
	{ ACKS_2, 1, LNL_DROP_NONE },
	{ ACKS_2, 2, LNL_DROP_WINDOW },
};

static void change(struct door *d, struct lnl_control *c, const struct return_row *row)
{
	uint8_t bit = (uint8_t)(1 << row->value % 8);

	switch (row->what) {
	case NOTHING:
		break;
	case PORT:
		d->port = (uint16_t)row->value;
		break;
	case ADDRESS:
		d->ip.bytes[row->value] ^= 1;
		break;
	case FAMILY:
		d->ip.family = (uint8_t)row->value;
		break;
	case CLIENT_ID:
		c->sid[row->value / 8] ^= bit;
		break;
	case COOKIE_BIT:
		c->peer_sid[row->value / 8] ^= bit;
		break;
	case NO_COOKIE:
		c->n_acks = 0;
		break;
	case LATER:
		d->now += row->value * LNL_SECOND;
		break;
	case KEY_ID:
		c->key_id = (uint8_t)row->value;
		break;
	case OPCODE:
		c->op = (uint8_t)row->value;
		c->id = 0;
		break;
	case MESSAGE_ID:
		c->id = row->value;
		break;
	case ACKS_2:
		c->n_acks = 2;
		c->acks[1] = row->value;
		break;
	case ACKS_1:
		c->acks[0] = row->value;
		break;
	}
}

/* An ACK_V1 is given only what it can carry. */
static bool applies(const struct return_row *row, bool ack)
{
	return !ack || (row->what != NO_COOKIE && row->what != MESSAGE_ID && row->what != OPCODE);
}

static void W2_S4_cookie_table(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		for (size_t i = 0; i < 2 * sizeof(return_rows) / sizeof(return_rows[0]); i++) {
			const struct return_row *row = &return_rows[i / 2];
			uint8_t packet[PACKET_MAX];
			struct lnl_control c;
			struct door d;

			if (!applies(row, i % 2) || (m == DOOR_V2 && i % 2))
				continue;
			door_open(&d, m);
			door_knock(&d);
			c = door_return(&d, i % 2);
			change(&d, &c, row);
			if (door_give(&d, packet, door_write(&d, &c, packet, sizeof(packet))) !=
			    row->drop)
				fail_msg("%s, row %zu: %s", door_names[m], i / 2,
					 lnl_drop_name(d.got.drop));
			assert_int_equal(d.got.verdict, row->drop == LNL_DROP_NONE
								? LNL_ADMISSION_ADMIT
								: LNL_ADMISSION_DROP);
			door_close(&d);
		}
	}
}

static void W2_S4_random_cookies(void **state)
{
	uint8_t packet[PACKET_MAX];
	struct lnl_control c;
	unsigned allocations;
	struct door d;
	size_t len;

	(void)state;
	door_open(&d, DOOR_NONE);
	door_knock(&d);
	c = door_return(&d, true);
	len = door_write(&d, &c, packet, sizeof(packet));
	allocations = d.env.allocations;
	for (unsigned i = 0; i < 1000000; i++) {
		/* behind opcode, session id, number of acks, ack */
		d.env.env.random(&d.env, packet + 14, LNL_SID_LEN);
		lnl_admission_datagram(d.a, &d.ip, d.port, packet, len, d.reply, sizeof(d.reply),
				       d.now, &d.got);
		assert_int_equal(d.got.drop, LNL_DROP_SESSION);
	}
	assert_int_equal(d.env.allocations, allocations);
	memcpy(packet + 14, d.cookie, LNL_SID_LEN);
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
	door_close(&d);
}

/* What no door is for. */
static void heads(void **state)
{
	static const struct {
		uint8_t first;
		uint8_t sid;
		size_t len;
		enum lnl_drop drop;
	} rows[] = {
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1, 14, LNL_DROP_NONE },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 0, 14, LNL_DROP_SESSION },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3 | 1, 1, 14, LNL_DROP_KEY_ID },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1, 13, LNL_DROP_SHORT },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1, 8, LNL_DROP_SHORT },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1, 0, LNL_DROP_SHORT },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1, 2048, LNL_DROP_NONE },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1, 2049, LNL_DROP_LONG },
		{ LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1, 4000, LNL_DROP_LONG },
		{ LNL_OP_HARD_RESET_SERVER_V2 << 3, 1, 14, LNL_DROP_OPCODE },
		{ LNL_OP_HARD_RESET_CLIENT_V3 << 3, 1, 400, LNL_DROP_OPCODE },
		{ LNL_OP_CONTROL_WKC_V1 << 3, 1, 400, LNL_DROP_OPCODE },
		{ LNL_OP_SOFT_RESET_V1 << 3, 1, 14, LNL_DROP_OPCODE },
		{ LNL_OP_DATA_V1 << 3, 1, 100, LNL_DROP_PEER },
		{ LNL_OP_DATA_V2 << 3, 1, 100, LNL_DROP_PEER },
		{ 0, 1, 14, LNL_DROP_OPCODE },
		{ 31 << 3, 1, 14, LNL_DROP_OPCODE },
	};
	uint8_t packet[4096] = { 0 };
	struct door d;

	(void)state;
	door_open(&d, DOOR_NONE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		packet[0] = rows[i].first;
		packet[8] = rows[i].sid;
		if (door_give(&d, packet, rows[i].len) != rows[i].drop)
			fail_msg("row %zu: %s", i, lnl_drop_name(d.got.drop));
	}
	door_close(&d);
}

/* ---- W6 ---- */

/*
 * W6, before there is a session: each opcode with each key id from who has no cookie, and from who
 * has it. A reset is answered, the cookie admitted, both with key id 0 alone.
 */
static void W6_without_a_session(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		struct door d;

		door_open(&d, m);
		door_knock(&d);
		for (unsigned i = 0; i < 2 * 32 * 8; i++) {
			unsigned op = i % 32, key_id = i / 32 % 8;
			bool cookie = i >= 32 * 8, v2 = m == DOOR_V2;
			bool reset = op == (v2 ? LNL_OP_HARD_RESET_CLIENT_V3
					       : LNL_OP_HARD_RESET_CLIENT_V2);
			bool back = v2 ? op == LNL_OP_CONTROL_WKC_V1
				       : op == LNL_OP_CONTROL_V1 || op == LNL_OP_ACK_V1;
			enum lnl_admission_verdict want = LNL_ADMISSION_DROP;
			struct lnl_control c = door_return(&d, op == LNL_OP_ACK_V1);
			uint8_t packet[PACKET_MAX];

			c.op = (uint8_t)op;
			c.key_id = (uint8_t)key_id;
			c.id = back && op != LNL_OP_ACK_V1;
			c.n_acks = cookie || op == LNL_OP_ACK_V1;
			if (!cookie)
				c.peer_sid[3] ^= 1;
			if (reset)
				c.n_acks = 0;
			if (key_id == 0 && reset)
				want = LNL_ADMISSION_REPLY;
			if (key_id == 0 && back && cookie)
				want = LNL_ADMISSION_ADMIT;
			door_give(&d, packet, door_write(&d, &c, packet, sizeof(packet)));
			if (d.got.verdict != want)
				fail_msg("%s, opcode %u, key id %u, cookie %u", door_names[m], op,
					 key_id, cookie);
		}
		door_close(&d);
	}
}

/* ---- several wrappings on one socket ---- */

static void beside_tls_crypt_v2(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_V2; m++) {
		for (unsigned only = 0; only < 2; only++) {
			uint8_t packet[PACKET_MAX];
			struct door d, v2;
			size_t len;

			door_open(&d, m);
			door_open(&v2, DOOR_V2);
			d.conf.v2_key = v2.v2_key;
			d.conf.v2_only = only;
			door_reopen(&d);
			len = door_reset(&v2, packet, sizeof(packet));
			assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
			len = door_reset(&d, packet, sizeof(packet));
			assert_int_equal(door_give(&d, packet, len),
					 only ? LNL_DROP_OPCODE : LNL_DROP_NONE);
			if (only) {
				d.conf.wrap = NULL;
				door_reopen(&d);
				assert_int_equal(door_give(&d, packet, len), LNL_DROP_OPCODE);
			}
			door_close(&d);
			door_close(&v2);
		}
	}
}

/* ---- limits ---- */

/* Only what is authentic counts, and who comes back with the cookie is never limited. */
static void limits(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		uint8_t packet[PACKET_MAX];
		struct lnl_control c;
		struct door d;
		size_t len;

		door_open(&d, m);
		d.conf.limits = usual;
		door_reopen(&d);
		len = door_reset(&d, packet, sizeof(packet));
		for (unsigned i = 0; i < 1000; i++) {
			size_t at = m == DOOR_NONE ? 9 : 12 + i % (len - 12);

			packet[at] ^= 0xff;
			assert_int_not_equal(door_give(&d, packet, len), LNL_DROP_NONE);
			packet[at] ^= 0xff;
		}
		for (unsigned i = 0; i < 5; i++)
			door_knock(&d);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(door_give(&d, packet, len), LNL_DROP_RATE);
		c = door_return(&d, false);
		for (unsigned i = 0; i < 1000; i++) {
			len = door_write(&d, &c, packet, sizeof(packet));
			assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
			assert_int_equal(d.got.verdict, LNL_ADMISSION_ADMIT);
		}
		d.ip.bytes[2]++;
		door_knock(&d);
		/* a reset that is admitted without the cookie counts as one that is answered */
		for (unsigned i = 0; m == DOOR_V2 && i < 6; i++) {
			d.ip.bytes[2] = 77;
			lnl_wrap_init(&d.send, &d.client, 0, 1000);
			len = door_reset(&d, packet, sizeof(packet));
			assert_int_equal(door_give(&d, packet, len),
					 i < 5 ? LNL_DROP_NONE : LNL_DROP_RATE);
		}
		door_close(&d);
	}
}

/* S3: 10^5 resets from anywhere, answered or not, leave nothing. */
static void S3_nothing_is_kept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * DOOR_MODES; i++) {
		enum door_mode m = i / 2;
		unsigned count = m == DOOR_V2 ? 20000 : 100000, live, allocations, answered = 0;
		uint8_t packet[PACKET_MAX];
		size_t len, bytes;
		struct door d;

		door_open(&d, m);
		if (i % 2)
			d.conf.limits = usual;
		door_reopen(&d);
		/* the first answer draws the key that holds from now on */
		len = door_reset(&d, packet, sizeof(packet));
		assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
		live = d.env.live;
		bytes = d.env.bytes;
		allocations = d.env.allocations;
		for (unsigned k = 0; k < count; k++) {
			d.env.env.random(&d.env, d.ip.bytes, 4);
			d.now += 20; /* 50,000 a second */
			lnl_admission_datagram(d.a, &d.ip, d.port, packet, len, d.reply,
					       sizeof(d.reply), d.now, &d.got);
			answered += d.got.verdict == LNL_ADMISSION_REPLY;
		}
		assert_int_equal(d.env.live, live);
		assert_int_equal(d.env.bytes, bytes);
		if (m != DOOR_V2)
			assert_int_equal(d.env.allocations, allocations);
		assert_int_equal(answered, i % 2 ? 99 : count);
		door_close(&d);
	}
}

/* ---- streams ---- */

static void streams(void **state)
{
	(void)state;
	for (enum door_mode m = 0; m < DOOR_MODES; m++) {
		uint8_t packet[PACKET_MAX];
		struct lnl_control c;
		struct door d;
		size_t len;

		door_open(&d, m);
		d.conf.limits = (struct lnl_limiter_conf){ 1, 1, 1, LNL_SECOND };
		d.conf.v2_force_cookie = true; /* a cookie is for datagrams */
		door_reopen(&d);
		for (unsigned i = 0; i < 10; i++) {
			len = door_reset(&d, packet, sizeof(packet));
			lnl_admission_stream(d.a, packet, len, d.now, &d.got);
			assert_int_equal(d.got.verdict, LNL_ADMISSION_ADMIT);
			assert_int_equal(d.got.len, m == DOOR_V2 ? len - d.wkc_len : len);
			assert_false(d.got.resume);
			assert_int_equal(d.got.wrap_id, 0);
			assert_int_equal(d.got.has_v2, m == DOOR_V2);
			if (m == DOOR_V2)
				assert_memory_equal(&d.got.v2.kc, &d.kc, sizeof(d.kc));
			assert_memory_equal(d.got.client_sid, d.sid, LNL_SID_LEN);
		}
		packet[len - 1] ^= 1;
		lnl_admission_stream(d.a, packet, len, d.now, &d.got);
		assert_int_equal(d.got.verdict, LNL_ADMISSION_DROP);
		door_knock(&d);
		for (unsigned ack = 0; ack < 2; ack++) {
			c = door_return(&d, ack);
			len = door_write(&d, &c, packet, sizeof(packet));
			lnl_admission_stream(d.a, packet, len, d.now, &d.got);
			assert_int_equal(d.got.drop, LNL_DROP_OPCODE);
		}
		door_close(&d);
	}
}

/* ---- failures ---- */

static void no_memory(void **state)
{
	uint8_t packet[PACKET_MAX];
	struct lnl_admission *a;
	struct door d;
	size_t len;

	(void)state;
	door_open(&d, DOOR_V2);
	for (unsigned k = 1; k <= 4; k++) {
		d.env.fail_at = d.env.allocations + k;
		assert_int_equal(lnl_admission_new(&a, &d.conf, d.now), LNL_E_NOMEM);
		assert_null(a);
	}
	d.env.fail_at = 0;
	d.env.no_random = true;
	assert_int_equal(lnl_admission_new(&a, &d.conf, d.now), LNL_E_RANDOM);
	assert_null(a);
	d.env.no_random = false;
	len = door_reset(&d, packet, sizeof(packet));
	/* The door itself needs none, whatever comes. */
	d.env.fail_at = d.env.allocations + 1;
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
	d.env.fail_at = 0;
	/* Where a new key for cookies is due and cannot be had, nobody is answered. */
	d.now += 7200 * LNL_SECOND;
	d.env.no_random = true;
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_NO_KEY);
	d.env.no_random = false;
	assert_int_equal(door_give(&d, packet, len), LNL_DROP_NONE);
	door_close(&d);
	lnl_admission_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answered_and_admitted),
		cmocka_unit_test(answers_are_the_same),
		cmocka_unit_test(S1_amplification),
		cmocka_unit_test(W1_truncated_and_changed),
		cmocka_unit_test(W1_junk),
		cmocka_unit_test(W2_without_the_key_no_answer),
		cmocka_unit_test(W2_S4_cookie_table),
		cmocka_unit_test(W2_S4_random_cookies),
		cmocka_unit_test(heads),
		cmocka_unit_test(W6_without_a_session),
		cmocka_unit_test(beside_tls_crypt_v2),
		cmocka_unit_test(limits),
		cmocka_unit_test(S3_nothing_is_kept),
		cmocka_unit_test(streams),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
