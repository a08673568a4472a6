/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wrapping of control packets: known answers, TRUST W1 and W4 as far as a packet goes, replay. The
 * known answers were made with python3 (hmac, struct) and the openssl command (enc -aes-256-ctr).
 */
#include "control/wrap.h"
#include "test_crypto_env.h"

#define TIME	   UINT32_C(1767225600)
#define PACKET_MAX 2048

enum kind { RESET, ACK, CONTROL, KINDS };

struct fixture {
	struct test_env world;
	struct lnl_static_key key;
};

static struct fixture *fixture(void **state)
{
	return *state;
}

static int set_up(void **state)
{
	static struct fixture f;

	test_env_init(&f.world);
	for (unsigned i = 0; i < sizeof(f.key.bytes); i++)
		f.key.bytes[i] = (uint8_t)i;
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	return fixture(state)->world.live == 0 ? 0 : -1;
}

static void make(struct lnl_control *c, enum kind kind)
{
	static const uint8_t sid[LNL_SID_LEN] = { 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8 };
	static const uint8_t peer[LNL_SID_LEN] = { 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8 };
	static const uint8_t ops[] = { LNL_OP_HARD_RESET_CLIENT_V2, LNL_OP_ACK_V1,
				       LNL_OP_CONTROL_V1 };

	memset(c, 0, sizeof(*c));
	c->op = ops[kind];
	c->key_id = (uint8_t)kind;
	memcpy(c->sid, sid, sizeof(sid));
	if (kind == RESET)
		return;
	memcpy(c->peer_sid, peer, sizeof(peer));
	if (kind == ACK) {
		c->n_acks = 2;
		c->acks[0] = 3;
		c->acks[1] = 4;
		return;
	}
	c->n_acks = 1;
	c->acks[0] = 7;
	c->id = 9;
	c->payload = (const uint8_t *)"hello, peer";
	c->payload_len = 11;
}

static void assert_same(const struct lnl_control *got, const struct lnl_control *want)
{
	assert_int_equal(got->op, want->op);
	assert_int_equal(got->key_id, want->key_id);
	assert_int_equal(got->n_acks, want->n_acks);
	assert_memory_equal(got->sid, want->sid, LNL_SID_LEN);
	assert_memory_equal(got->peer_sid, want->peer_sid, LNL_SID_LEN);
	assert_memory_equal(got->acks, want->acks, sizeof(got->acks));
	assert_int_equal(got->id, want->id);
	assert_int_equal(got->payload_len, want->payload_len);
	if (want->payload_len > 0)
		assert_memory_equal(got->payload, want->payload, want->payload_len);
}

/*
 * A way to wrap, with the keys of both ends; |side| is tls-auth's direction or tls-crypt's
 * "server".
 */
struct mode {
	const char *name;
	enum lnl_wrap_mode mode;
	enum lnl_digest digest;
	int side;
	size_t overhead;
};

static const struct mode modes[] = {
	{ "none", LNL_WRAP_NONE, LNL_DIGEST_NONE, 0, 9 },
	{ "tls-auth 0 SHA1", LNL_WRAP_AUTH, LNL_DIGEST_SHA1, 0, 37 },
	{ "tls-auth 1 SHA1", LNL_WRAP_AUTH, LNL_DIGEST_SHA1, 1, 37 },
	{ "tls-auth SHA1", LNL_WRAP_AUTH, LNL_DIGEST_SHA1, -1, 37 },
	{ "tls-auth 0 SHA256", LNL_WRAP_AUTH, LNL_DIGEST_SHA256, 0, 49 },
	{ "tls-auth 1 SHA512", LNL_WRAP_AUTH, LNL_DIGEST_SHA512, 1, 81 },
	{ "tls-auth 0 MD5", LNL_WRAP_AUTH, LNL_DIGEST_MD5, 0, 33 },
	{ "tls-crypt client", LNL_WRAP_CRYPT, LNL_DIGEST_NONE, 0, 49 },
	{ "tls-crypt server", LNL_WRAP_CRYPT, LNL_DIGEST_NONE, 1, 49 },
};

#define N_MODES (sizeof(modes) / sizeof(modes[0]))

static void make_key(struct fixture *f, struct lnl_wrap_key *k, const struct mode *m, bool other)
{
	int side = other && m->side >= 0 ? !m->side : m->side;
	int error = 0;

	if (m->mode == LNL_WRAP_NONE)
		lnl_wrap_key_none(k);
	else if (m->mode == LNL_WRAP_AUTH)
		error = lnl_wrap_key_auth(k, &f->world.env, &f->key, side, m->digest);
	else
		error = lnl_wrap_key_crypt(k, &f->world.env, &f->key, side == 1);
	assert_int_equal(error, 0);
}

/* Both ends of a connection. */
struct ends {
	struct lnl_wrap_key keys[2];
	struct lnl_wrap send, recv;
};

static void open_ends(struct fixture *f, struct ends *e, const struct mode *m)
{
	make_key(f, &e->keys[0], m, false);
	make_key(f, &e->keys[1], m, true);
	lnl_wrap_init(&e->send, &e->keys[0], 0, TIME);
	lnl_wrap_init(&e->recv, &e->keys[1], 0, TIME);
}

static void close_ends(struct ends *e)
{
	lnl_wrap_key_deinit(&e->keys[0]);
	lnl_wrap_key_deinit(&e->keys[1]);
}

static size_t write_kind(struct lnl_wrap *w, enum kind kind, uint8_t *out)
{
	struct lnl_control c;
	int len;

	make(&c, kind);
	len = lnl_wrap_write(w, &c, out, PACKET_MAX);
	assert_true(len > 0);
	return (size_t)len;
}

/* Reads a copy of exactly |len| bytes, so that AddressSanitizer sees one too far. */
static enum lnl_drop read_exact(struct lnl_wrap *w, struct lnl_control *c, const uint8_t *data,
				size_t len)
{
	static uint8_t scratch[PACKET_MAX];
	uint8_t *copy = malloc(len + 1);
	enum lnl_drop drop;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy + 1, data, len);
	drop = lnl_wrap_read(w, c, copy + 1, len, scratch, sizeof(scratch));
	/* What it points to is gone: only whether it is there still counts. */
	free(copy);
	return drop;
}

static const struct {
	unsigned mode;
	enum kind kind;
	uint32_t first_id;
	const char *hex;
} answers[] = {
	{ 0, RESET, 0, "38a1a2a3a4a5a6a7a80000000000" },
	{ 0, ACK, 0, "29a1a2a3a4a5a6a7a8020000000300000004b1b2b3b4b5b6b7b8" },
	{ 0, CONTROL, 0,
	  "22a1a2a3a4a5a6a7a80100000007b1b2b3b4b5b6b7b80000000968656c6c6f2c2070656572" },
	{ 1, RESET, 0,
	  "38a1a2a3a4a5a6a7a84dfe40ba92284a982abebfdc077a5ac609965c5e000000016955b900000000"
	  "0000" },
	{ 2, ACK, 0,
	  "29a1a2a3a4a5a6a7a85848735cc5b4b39056d3ec2dd09736baf815c4c0000000016955b900020000"
	  "000300000004b1b2b3b4b5b6b7b8" },
	{ 3, RESET, 0,
	  "38a1a2a3a4a5a6a7a84dfe40ba92284a982abebfdc077a5ac609965c5e000000016955b900000000"
	  "0000" },
	{ 4, CONTROL, 0,
	  "22a1a2a3a4a5a6a7a8269939ca8c2e7eae9b94d0b82e8f8758b5dfc350b4ea4fde44321e05032e7a"
	  "d7000000016955b9000100000007b1b2b3b4b5b6b7b80000000968656c6c6f2c2070656572" },
	{ 5, CONTROL, 0,
	  "22a1a2a3a4a5a6a7a83b169b5b6740f958ae461021c134a3887628397322d45a527a1110e720c632"
	  "c7e5697eb7fbbf165c041ad6aabc71902841d46def3dd318dee70f6d014a76da87000000016955b9"
	  "000100000007b1b2b3b4b5b6b7b80000000968656c6c6f2c2070656572" },
	{ 6, RESET, 0,
	  "38a1a2a3a4a5a6a7a829dd74065f6b596be322ce636ba5cc34000000016955b9000000000000" },
	{ 7, RESET, 0,
	  "38a1a2a3a4a5a6a7a8000000016955b900dfd894204e094602cfeada78435a58d29eab763e8d116e"
	  "c26d9476f15265c0dcf79c0ccb40" },
	{ 7, RESET, LNL_WRAP_EARLY_ID,
	  "38a1a2a3a4a5a6a7a80f0000016955b90046be2d882027e6f3a86ded9f273255530646831d9d4a02"
	  "1ef26e1bc966f5ee1b197121098c" },
	{ 8, ACK, 0,
	  "29a1a2a3a4a5a6a7a8000000016955b900e74c36837d32f0183c3ff3d2c59e4b0c25921ef7b9c28d"
	  "10e74c02190a0a77436f425d2efe36a937d4a6f8a6fb974a4e43" },
	{ 7, CONTROL, 0,
	  "22a1a2a3a4a5a6a7a8000000016955b90051722a4fab01f4ab44670b048dfc720ecfbd6db7d6cf57"
	  "8e6b78d316ebddb4f2140781f4ef43fc4c935ed9f5a59c7c7e323abd67af4504df1ca03f49" },
	{ 8, CONTROL, 0,
	  "22a1a2a3a4a5a6a7a8000000016955b900645dcfbfead4d39e5fccdcb9843caba3ee2a02f97f2566"
	  "a4f958c1d3e5491e94f12d57c35ef3c4153f17c3916d34f41d6918b04c115801ce6dc36db5" },
};

static void known_answers(void **state)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct mode *m = &modes[answers[i].mode];
		uint8_t want[PACKET_MAX], out[PACKET_MAX], scratch[PACKET_MAX];
		size_t len = test_hex(want, sizeof(want), answers[i].hex);
		struct lnl_control c, sent;
		struct ends e;

		open_ends(fixture(state), &e, m);
		lnl_wrap_init(&e.send, &e.keys[0], answers[i].first_id, TIME);
		make(&sent, answers[i].kind);
		assert_int_equal(lnl_wrap_overhead(&e.keys[0]), m->overhead);
		assert_int_equal(lnl_wrap_write(&e.send, &sent, out, sizeof(out)), len);
		assert_memory_equal(out, want, len);
		assert_int_equal(lnl_wrap_read(&e.recv, &c, want, len, scratch, sizeof(scratch)),
				 LNL_DROP_NONE);
		assert_same(&c, &sent);
		close_ends(&e);
	}
}

/* What is authentic and yet refused; made with the same tools as the known answers. */
static void authentic_but_wrong(void **state)
{
	static const struct {
		unsigned mode; /* the reader's */
		enum lnl_drop drop;
		const char *hex;
	} rows[] = {
		/* packet id 0 */
		{ 2, LNL_DROP_REPLAY,
		  "22a1a2a3a4a5a6a7a8bb586cb093bd1f9946b553155417477535de9ad3000000006955b900010000"
		  "0007b1b2b3b4b5b6b7b80000000968656c6c6f2c2070656572" },
		{ 8, LNL_DROP_REPLAY,
		  "22a1a2a3a4a5a6a7a8000000006955b900aefabf156b25ed8680f5be7a9e1f61b5985d53bc82110f"
		  "c77a539ecc8a697b90084aafc1cb52d69d6871e499f74731245dfcd7deb5d8cd84898b771e" },
		/* one ack is announced, three bytes follow */
		{ 8, LNL_DROP_SHORT,
		  "20a1a2a3a4a5a6a7a8000000016955b900f0224d3ac80c1d41ed573ee4f03edd55af94ebe2b0cfae"
		  "886771270b5365553b8436b0cf" },
		/* nine acks */
		{ 2, LNL_DROP_FORMAT,
		  "28a1a2a3a4a5a6a7a8830a871b8f62cc1a3ad7e75810062d3c188989cc000000016955b900090000"
		  "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
		  "0000" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t packet[PACKET_MAX];
		size_t len = test_hex(packet, sizeof(packet), rows[i].hex);
		struct lnl_wrap_key k;
		struct lnl_control c;
		struct lnl_wrap w;

		make_key(fixture(state), &k, &modes[rows[i].mode], false);
		lnl_wrap_init(&w, &k, 0, TIME);
		assert_int_equal(read_exact(&w, &c, packet, len), rows[i].drop);
		assert_int_equal(c.n_acks, 0);
		assert_int_equal(c.payload_len, 0);
		lnl_wrap_key_deinit(&k);
	}
}

/*
 * TRUST W1: every truncation and every change of one byte, in each role; and then the packet
 * itself.
 */
static void w1_first_packet(void **state)
{
	for (size_t m = 0; m < N_MODES; m++) {
		bool wrapped = modes[m].mode != LNL_WRAP_NONE;
		uint8_t packet[PACKET_MAX], good[PACKET_MAX];
		struct lnl_wrap before;
		struct lnl_control c;
		struct ends e;

		open_ends(fixture(state), &e, &modes[m]);
		before = e.recv;
		for (enum kind kind = RESET; kind < KINDS; kind++) {
			size_t len = write_kind(&e.send, kind, good);

			for (size_t n = 0; n < len; n++) {
				enum lnl_drop drop = read_exact(&e.recv, &c, good, n);

				if (wrapped)
					assert_int_not_equal(drop, LNL_DROP_NONE);
				assert_memory_equal(&e.recv, &before, sizeof(before));
			}
			memcpy(packet, good, len);
			for (size_t at = 0; at < len; at++) {
				for (unsigned change = 1; change < 256; change++) {
					packet[at] = good[at] ^ (uint8_t)change;
					if (wrapped)
						assert_int_not_equal(read_exact(&e.recv, &c, packet,
										len),
								     LNL_DROP_NONE);
					else
						read_exact(&e.recv, &c, packet, len);
					assert_memory_equal(&e.recv, &before, sizeof(before));
				}
				packet[at] = good[at];
			}
			assert_int_equal(read_exact(&e.recv, &c, good, len), LNL_DROP_NONE);
			before = e.recv;
		}
		close_ends(&e);
	}
}

/*
 * TRUST W1, W4: junk and control packets of every size. Nothing above the limit is even looked at.
 */
static void w4_control_size(void **state)
{
	uint8_t *junk = malloc(65507);
	uint32_t seed = 1;

	assert_non_null(junk);
	for (size_t i = 0; i < 65507; i++) {
		seed = seed * 1664525 + 1013904223;
		junk[i] = (uint8_t)(seed >> 24);
	}
	for (size_t m = 0; m < N_MODES; m++) {
		struct lnl_wrap before;
		struct lnl_control c;
		struct ends e;

		open_ends(fixture(state), &e, &modes[m]);
		before = e.recv;
		for (size_t len = 0; len <= 65507; len += len < 2200 ? 1 : 997) {
			enum lnl_drop drop;

			junk[0] = LNL_OP_CONTROL_V1 << 3;
			drop = read_exact(&e.recv, &c, junk, len);
			if (len > LNL_WRAP_PACKET_MAX)
				assert_int_equal(drop, LNL_DROP_LONG);
			else if (modes[m].mode != LNL_WRAP_NONE)
				assert_int_equal(drop, len <= modes[m].overhead ? LNL_DROP_SHORT
										: LNL_DROP_AUTH);
			assert_memory_equal(&e.recv, &before, sizeof(before));
		}
		close_ends(&e);
	}
	free(junk);
}

/* The twin: the largest packet that is taken, and the scratch that it needs. */
static void largest_packet(void **state)
{
	static uint8_t payload[PACKET_MAX], out[PACKET_MAX + 1], scratch[PACKET_MAX];

	for (size_t m = 0; m < N_MODES; m++) {
		size_t body = PACKET_MAX - modes[m].overhead;
		struct lnl_control c, sent;
		struct ends e;

		open_ends(fixture(state), &e, &modes[m]);
		make(&sent, CONTROL);
		sent.payload = payload;
		sent.payload_len = body - 17;
		assert_int_equal(lnl_wrap_write(&e.send, &sent, out, PACKET_MAX - 1), LNL_E_SPACE);
		assert_int_equal(lnl_wrap_write(&e.send, &sent, out, sizeof(out)), PACKET_MAX);
		if (modes[m].mode == LNL_WRAP_CRYPT)
			assert_int_equal(lnl_wrap_read(&e.recv, &c, out, PACKET_MAX, scratch,
						       body - 1),
					 LNL_DROP_LONG);
		assert_int_equal(lnl_wrap_read(&e.recv, &c, out, PACKET_MAX, scratch, body),
				 LNL_DROP_NONE);
		assert_same(&c, &sent);
		sent.payload_len++;
		assert_int_equal(lnl_wrap_write(&e.send, &sent, out, sizeof(out)), PACKET_MAX + 1);
		assert_int_equal(lnl_wrap_read(&e.recv, &c, out, PACKET_MAX + 1, scratch,
					       sizeof(scratch)),
				 LNL_DROP_LONG);
		close_ends(&e);
	}
}

static void opcodes(void **state)
{
	struct lnl_wrap_key k;
	struct lnl_wrap w;

	(void)state;
	lnl_wrap_key_none(&k);
	lnl_wrap_init(&w, &k, 0, TIME);
	for (unsigned op = 0; op < 32; op++) {
		/* one ack and id 0: well-formed for all of them but ACK_V1, which has no id */
		uint8_t packet[26] = { (uint8_t)(op << 3 | 5), [9] = 1 };
		size_t len = op == LNL_OP_ACK_V1 ? 22 : sizeof(packet);
		struct lnl_control c;

		assert_int_equal(read_exact(&w, &c, packet, len),
				 lnl_op_is_control(op) ? LNL_DROP_NONE : LNL_DROP_OPCODE);
		assert_int_equal(c.op, lnl_op_is_control(op) ? op : 0);
	}
}

/* tls-crypt and tls-auth with a direction: our own packets, sent back to us, are not the peer's. */
static void reflected(void **state)
{
	for (size_t m = 1; m < N_MODES; m++) {
		uint8_t packet[PACKET_MAX];
		struct lnl_control c;
		struct ends e;
		size_t len;

		open_ends(fixture(state), &e, &modes[m]);
		len = write_kind(&e.send, CONTROL, packet);
		assert_int_equal(read_exact(&e.send, &c, packet, len),
				 modes[m].side < 0 ? LNL_DROP_NONE : LNL_DROP_AUTH);
		assert_int_equal(read_exact(&e.recv, &c, packet, len), LNL_DROP_NONE);
		close_ends(&e);
	}
}

static void wrong_key(void **state)
{
	struct fixture *f = fixture(state);

	for (size_t m = 1; m < N_MODES; m++) {
		struct lnl_static_key right = f->key;
		uint8_t packet[PACKET_MAX];
		struct lnl_control c;
		struct ends e;
		size_t len;

		open_ends(f, &e, &modes[m]);
		len = write_kind(&e.send, CONTROL, packet);
		lnl_wrap_key_deinit(&e.keys[1]);
		/* one bit of each part that is in use somewhere */
		for (unsigned part = 0; part < 4; part++)
			f->key.bytes[64 * part + 1] ^= 1;
		make_key(f, &e.keys[1], &modes[m], true);
		f->key = right;
		assert_int_equal(read_exact(&e.recv, &c, packet, len), LNL_DROP_AUTH);
		close_ends(&e);
	}
}

/*
 * PROTOCOL 1.3: ids once each, within the window; a later time starts anew, an earlier one is
 * refused.
 */
static void replay(void **state)
{
	static const struct {
		uint32_t time, id;
		enum lnl_drop drop;
	} rows[] = {
		{ TIME, 1, LNL_DROP_NONE },
		{ TIME, 1, LNL_DROP_REPLAY },
		{ TIME, 5, LNL_DROP_NONE },
		{ TIME, 3, LNL_DROP_NONE },
		{ TIME, 3, LNL_DROP_REPLAY },
		{ TIME, 5, LNL_DROP_REPLAY },
		{ TIME, 68, LNL_DROP_NONE },
		{ TIME, 4, LNL_DROP_REPLAY },
		{ TIME, 6, LNL_DROP_NONE },
		{ TIME - 1, 100, LNL_DROP_REPLAY },
		{ TIME + 1, 1, LNL_DROP_NONE },
		{ TIME + 1, 1, LNL_DROP_REPLAY },
		{ TIME, 200, LNL_DROP_REPLAY },
		{ TIME + 1, 2, LNL_DROP_NONE },
		{ TIME + 1, 0xffffffff, LNL_DROP_NONE },
		{ TIME + 1, 3, LNL_DROP_REPLAY },
		{ 0xffffffff, 1, LNL_DROP_NONE },
		{ TIME + 2, 1, LNL_DROP_REPLAY },
		{ 0, 1, LNL_DROP_REPLAY },
	};

	for (size_t m = 1; m < N_MODES; m++) {
		struct ends e;

		open_ends(fixture(state), &e, &modes[m]);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			uint8_t packet[PACKET_MAX];
			struct lnl_control c;
			size_t len;

			lnl_wrap_init(&e.send, &e.keys[0], rows[i].id - 1, rows[i].time);
			len = write_kind(&e.send, CONTROL, packet);
			assert_int_equal(read_exact(&e.recv, &c, packet, len), rows[i].drop);
		}
		close_ends(&e);
	}
}

/*
 * A retransmission is a new packet; the ids end before they repeat; time stays (OpenVPN
 * packet_id.c).
 */
static void ids_of_ours(void **state)
{
	struct fixture *f = fixture(state);

	for (size_t m = 0; m < N_MODES; m++) {
		bool wrapped = modes[m].mode != LNL_WRAP_NONE;
		uint8_t a[PACKET_MAX], b[PACKET_MAX];
		struct lnl_control c;
		struct ends e;
		size_t len;

		open_ends(f, &e, &modes[m]);
		len = write_kind(&e.send, CONTROL, a);
		assert_int_equal(write_kind(&e.send, CONTROL, b), len);
		assert_true(wrapped == (memcmp(a, b, len) != 0));
		assert_int_equal(e.send.send_id, wrapped ? 2 : 0);
		e.send.send_id = UINT32_MAX - 1;
		len = write_kind(&e.send, CONTROL, a);
		assert_int_equal(read_exact(&e.recv, &c, a, len), LNL_DROP_NONE);
		make(&c, CONTROL);
		if (wrapped)
			assert_int_equal(lnl_wrap_write(&e.send, &c, a, sizeof(a)), LNL_E_LIMIT);
		close_ends(&e);
	}
}

static void allocates_nothing(void **state)
{
	struct fixture *f = fixture(state);

	for (size_t m = 0; m < N_MODES; m++) {
		struct lnl_control c;
		unsigned before;
		struct ends e;

		open_ends(f, &e, &modes[m]);
		before = f->world.allocations;
		for (unsigned i = 0; i < 100; i++) {
			uint8_t packet[PACKET_MAX], scratch[PACKET_MAX];
			size_t len = write_kind(&e.send, CONTROL, packet);

			assert_int_equal(lnl_wrap_read(&e.recv, &c, packet, len, scratch,
						       sizeof(scratch)),
					 LNL_DROP_NONE);
		}
		assert_int_equal(f->world.allocations, before);
		close_ends(&e);
	}
}

static void assert_is_none(const struct lnl_wrap_key *k)
{
	static const struct lnl_wrap_key none;

	assert_memory_equal(k, &none, sizeof(none));
}

static void keys_that_fail(void **state)
{
	struct fixture *f = fixture(state);
	const struct lnl_env *env = &f->world.env;
	struct lnl_wrap_key k;

	assert_int_equal(lnl_wrap_key_auth(&k, env, &f->key, 0, LNL_DIGEST_NONE),
			 LNL_E_UNSUPPORTED);
	assert_is_none(&k);
	/* Thousands of connections have their own: they take no memory of their own beside. */
	f->world.fail_at = f->world.allocations + 1;
	assert_int_equal(lnl_wrap_key_auth(&k, env, &f->key, 0, LNL_DIGEST_SHA1), 0);
	lnl_wrap_key_deinit(&k);
	assert_is_none(&k);
	assert_int_equal(lnl_wrap_key_crypt(&k, env, &f->key, true), 0);
	f->world.fail_at = 0;
	lnl_wrap_key_deinit(&k);
	assert_is_none(&k);
	lnl_wrap_key_deinit(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(authentic_but_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(w1_first_packet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(w4_control_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(largest_packet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(opcodes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reflected, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ids_of_ours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(allocates_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_that_fail, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
