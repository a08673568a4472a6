/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TRUST D6: SYNs of every shape, and a million packets that are not quite SYNs. */
#include "test_data_world.h"

#include "data/mss.h"

#define MSS 1300

/*
 * A packet under construction; the checksum is computed in full here, and by difference in the
 * engine.
 */
struct syn {
	uint8_t p[512];
	uint32_t len;
	uint32_t tcp; /* where the TCP header starts */
	uint32_t ip;  /* and the IP header */
};

struct shape {
	const char *name;
	const char *link; /* Ethernet header */
	bool v6;
	const char *ip_extra; /* IPv4 options, or IPv6 extension headers */
	uint8_t proto;	      /* what the IPv6 header, or the IPv4 header, names */
	uint8_t flags;
	const char *options;  /* TCP's */
	const char *expected; /* the same after clamping to MSS; NULL: unchanged */
};

#define MAC "020000000001020000000002"

static const struct shape shapes[] = {
	{ "v4 SYN", "", false, "", 6, 0x02, "020405b4", "02040514" },
	{ "v4 SYN-ACK", "", false, "", 6, 0x12, "020405b4", "02040514" },
	{ "v4 SYN, ECN", "", false, "", 6, 0xc2, "020405b4", "02040514" },
	{ "largest", "", false, "", 6, 0x02, "0204ffff", "02040514" },
	{ "exact", "", false, "", 6, 0x02, "02040514", NULL },
	{ "one more", "", false, "", 6, 0x02, "02040515", "02040514" },
	{ "smaller", "", false, "", 6, 0x02, "020400d8", NULL },
	{ "ACK", "", false, "", 6, 0x10, "020405b4", NULL },
	{ "RST", "", false, "", 6, 0x04, "020405b4", NULL },
	{ "UDP", "", false, "", 17, 0x02, "020405b4", NULL },
	{ "behind others", "", false, "", 6, 0x02,
	  "0402080a00000001000000000103030701020405b4010101",
	  "0402080a0000000100000000010303070102040514010101" },
	{ "usual Linux", "", false, "", 6, 0x02, "020405b40402080a112233440000000001030307",
	  "020405140402080a112233440000000001030307" },
	{ "odd place", "", false, "", 6, 0x02, "01020405b4010101", "0102040514010101" },
	{ "odd, then even", "", false, "", 6, 0x02, "01020405b401020405b40101010101",
	  "01020405140102040514"
	  "0101010101" },
	{ "odd high byte", "", false, "", 6, 0x02, "010204ff01010101", "0102040514010101" },
	{ "behind the end", "", false, "", 6, 0x02, "00000000020405b4", NULL },
	{ "wrong length 3", "", false, "", 6, 0x02, "020305b4", NULL },
	{ "wrong length 6", "", false, "", 6, 0x02, "020605b400000000", NULL },
	{ "length 0", "", false, "", 6, 0x02, "03000000020405b4", NULL },
	{ "length 1", "", false, "", 6, 0x02, "03010000020405b4", NULL },
	{ "too long", "", false, "", 6, 0x02, "03090000020405b4", NULL },
	{ "cut off", "", false, "", 6, 0x02, "01010204", NULL },
	{ "no options", "", false, "", 6, 0x02, "", NULL },
	{ "IPv4 options", "", false, "9404000001010101", 6, 0x02, "020405b4", "02040514" },
	{ "v6 SYN", "", true, "", 6, 0x02, "020405b4", "02040500" },
	{ "v6 exact", "", true, "", 6, 0x02, "02040500", NULL },
	{ "v6 odd", "", true, "", 6, 0x12, "01020405b4010101", "0102040500010101" },
	{ "v6 hop by hop", "", true, "0600010400000000", 0, 0x02, "020405b4", "02040500" },
	{ "v6 long destination", "", true, "06010104000000000000000000000000", 60, 0x02, "020405b4",
	  "02040500" },
	{ "v6 three", "", true, "2b000104000000003c000000000000000600010400000000", 0, 0x02,
	  "020405b4", "02040500" },
	{ "v6 first fragment", "", true, "0600000112345678", 44, 0x02, "020405b4", "02040500" },
	{ "v6 later fragment", "", true, "0600000912345678", 44, 0x02, "020405b4", NULL },
	{ "v6 AH", "", true, "060400000000000100000001000000000000000000000000", 51, 0x02,
	  "020405b4", "02040500" },
	{ "v6 ESP", "", true, "", 50, 0x02, "020405b4", NULL },
	{ "v6 none", "", true, "", 59, 0x02, "020405b4", NULL },
	{ "v6 header too long", "", true, "06ff010400000000", 0, 0x02, "020405b4", NULL },
	{ "v6 nine headers", "", true,
	  "000001040000000000000104000000000000010400000000000001040000000000000104000000000000"
	  "010400000000000001040000000000000104000000000600010400000000",
	  0, 0x02, "020405b4", NULL },
	{ "v6 eight headers", "", true,
	  "000001040000000000000104000000000000010400000000000001040000000000000104000000000000"
	  "01040000000000000104000000000600010400000000",
	  0, 0x02, "020405b4", "02040500" },
	{ "Ethernet v4", MAC "0800", false, "", 6, 0x02, "020405b4", "02040514" },
	{ "Ethernet v6", MAC "86dd", true, "", 6, 0x02, "020405b4", "02040500" },
	{ "802.1Q", MAC "810000050800", false, "", 6, 0x02, "020405b4", "02040514" },
	{ "802.1ad", MAC "88a80005810000060800", false, "", 6, 0x02, "020405b4", "02040514" },
	{ "three tags", MAC "8100000581000006810000070800", false, "", 6, 0x02, "020405b4", NULL },
	{ "ARP", MAC "0806", false, "", 6, 0x02, "020405b4", NULL },
	{ "802.3", MAC "0040", false, "", 6, 0x02, "020405b4", NULL },
};

#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static uint32_t sum_words(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 != 0 ? p[i] : (uint32_t)p[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The sum over pseudo header and segment: 0xffff when the checksum is right. */
static uint32_t tcp_sum(const struct syn *s, bool v6)
{
	uint32_t seg = s->len - s->tcp;
	uint32_t sum = 6 + seg;

	sum = v6 ? sum_words(sum, s->p + s->ip + 8, 32) : sum_words(sum, s->p + s->ip + 12, 8);
	return sum_words(sum, s->p + s->tcp, seg);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t append(struct syn *s, const char *hex)
{
	uint32_t n = (uint32_t)test_hex(s->p + s->len, sizeof(s->p) - s->len, hex);

	s->len += n;
	return n;
}

static void build(struct syn *s, const struct shape *shape, const char *options)
{
	memset(s, 0, sizeof(*s));
	append(s, shape->link);
	s->ip = s->len;
	append(s, shape->v6 ? "60000000000006400000000000000000000000000000000120010db8"
			      "000000000000000000000002"
			    : "450000000001400040060000"
			      "0a080002"
			      "c0000201");
	uint32_t extra = append(s, shape->ip_extra);
	s->tcp = s->len;
	append(s, "8000005011223344556677880002faf000000000");
	uint32_t n = append(s, options);
	while (n % 4 != 0) { /* the header counts words */
		append(s, "01");
		n++;
	}
	s->p[s->tcp + 12] = (uint8_t)((20 + n) / 4 << 4);
	s->p[s->tcp + 13] = shape->flags;
	append(s, "aabbcc"); /* an odd amount of payload */

	uint8_t *ip = s->p + s->ip;
	if (shape->v6) {
		put16(ip + 4, s->len - s->ip - 40);
		ip[6] = shape->proto;
	} else {
		ip[0] = (uint8_t)(0x40 | (20 + extra) / 4);
		put16(ip + 2, s->len - s->ip);
		ip[9] = shape->proto;
	}
	put16(s->p + s->tcp + 16, ~tcp_sum(s, shape->v6));
}

static bool is_tap(const struct shape *shape)
{
	return shape->link[0] != '\0';
}

/*
 * Runs the clamp over an exact copy on the heap, where ASan guards both ends. What it changes is a
 * packet that it should have been asked for.
 */
static void clamp_exact(uint8_t *p, uint32_t len, uint16_t mss, bool tap)
{
	uint8_t *exact = malloc(len + 1);

	assert_non_null(exact);
	if (len > 0)
		memcpy(exact + 1, p, len);
	bool concerned = lnl_mss_concerns(exact + 1, len, tap);
	lnl_mss_clamp(exact + 1, len, mss, tap);
	assert_true(concerned || memcmp(p, exact + 1, len) == 0);
	if (len > 0)
		memcpy(p, exact + 1, len);
	free(exact);
}

static void clamps_what_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SHAPES; i++) {
		const struct shape *shape = &shapes[i];
		struct syn got, want, before;

		build(&before, shape, shape->options);
		assert_int_equal(tcp_sum(&before, shape->v6), 0xffff);
		got = before;
		clamp_exact(got.p, got.len, MSS, is_tap(shape));
		if (shape->expected == NULL)
			want = before;
		else
			build(&want, shape, shape->expected);
		if (memcmp(got.p, want.p, want.len) != 0)
			fail_msg("%s", shape->name);
	}
}

/* A SYN that has lost bytes is left alone from where its TCP header is not whole. */
static void leaves_truncated_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SHAPES; i++) {
		const struct shape *shape = &shapes[i];
		struct syn s, before;

		build(&before, shape, shape->options);
		for (uint32_t len = 0; len < before.len; len++) {
			s = before;
			clamp_exact(s.p, len, MSS, is_tap(shape));
			assert_memory_equal(s.p, before.p, before.len);
		}
	}
}

/*
 * Bytes behind the packet's own end (Ethernet pads) belong to nothing, though they look like
 * options.
 */
static void believes_the_shorter_length(void **state)
{
	(void)state;
	const struct shape *shape = &shapes[0];
	struct syn s, before;

	build(&before, shape, shape->options);
	put16(before.p + 2, 20 + 20);
	s = before;
	clamp_exact(s.p, s.len, MSS, false);
	assert_memory_equal(s.p, before.p, before.len);
	put16(s.p + 2, 20 + 24);
	clamp_exact(s.p, s.len, MSS, false);
	assert_int_equal(s.p[s.tcp + 22] << 8 | s.p[s.tcp + 23], MSS);
}

static void small_limits(void **state)
{
	(void)state;
	static const struct {
		bool v6;
		uint16_t mss, expected;
	} rows[] = {
		{ false, 1, 1 },   { false, 20, 20 },	   { true, 20, 1460 },	  { true, 21, 1 },
		{ true, 1, 1460 }, { false, 65535, 1460 }, { true, 65535, 1460 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shape shape = shapes[0];
		struct syn s;
		shape.v6 = rows[i].v6;
		build(&s, &shape, shape.options);
		clamp_exact(s.p, s.len, rows[i].mss, false);
		assert_int_equal(s.p[s.tcp + 22] << 8 | s.p[s.tcp + 23], rows[i].expected);
		assert_int_equal(tcp_sum(&s, shape.v6), 0xffff);
	}
}

/* Every checksum value, at both alignments: the sum stays right through all carries. */
static void every_checksum(void **state)
{
	(void)state;
	static const char *const options[] = { "020405b4", "01020405b4010101" };

	for (size_t o = 0; o < 2; o++) {
		struct syn s;
		build(&s, &shapes[0], options[o]);
		for (uint32_t ack = 0; ack <= 0xffff; ack++) {
			struct syn t = s;
			put16(t.p + t.tcp + 8, ack); /* makes the checksum run through its values */
			put16(t.p + t.tcp + 16, 0);
			put16(t.p + t.tcp + 16, ~tcp_sum(&t, false));
			lnl_mss_clamp(t.p, t.len, MSS, false);
			assert_int_equal(tcp_sum(&t, false), 0xffff);
		}
	}
}

/* Changes a few bytes of |s|, most of them in the headers, and sometimes its length. */
static uint32_t mutate(struct syn *s, uint64_t *seed)
{
	static const uint8_t values[] = { 0, 1, 2, 3, 4, 6, 20, 44, 51, 60, 0x7f, 0x80, 0xff };
	uint32_t changes = 1 + next_random(seed) % 4;

	for (uint32_t i = 0; i < changes; i++) {
		uint32_t at = next_random(seed) % s->len;
		if (next_random(seed) % 2 != 0)
			s->p[at] = values[next_random(seed) % sizeof(values)];
		else
			s->p[at] ^= (uint8_t)(1u << next_random(seed) % 8);
	}
	return next_random(seed) % 8 == 0 ? next_random(seed) % (s->len + 1) : s->len;
}

/*
 * What the clamp may do to any bytes at all: replace 16-bit values and make up for it in another,
 * so that the sum of all stays as it was, and find nothing to do the second time.
 */
static void d6_mutants(void **state)
{
	(void)state;
	enum { MUTANTS = 1000000, ROOM = 512 };
	static struct syn built[N_SHAPES];
	uint64_t seed = 42;
	uint8_t *guarded = malloc(ROOM); /* packets stand at its end: ASan sees what reads on */
	unsigned clamped = 0;

	assert_non_null(guarded);
	for (size_t i = 0; i < N_SHAPES; i++)
		build(&built[i], &shapes[i], shapes[i].options);
	for (unsigned i = 0; i < MUTANTS; i++) {
		const struct shape *shape = &shapes[i % N_SHAPES];
		struct syn s = built[i % N_SHAPES];
		uint32_t len = mutate(&s, &seed);
		uint8_t *p = guarded + ROOM - len;
		uint32_t skip = (s.tcp & 1) != 0 ? 1 : 0;
		if (len <= skip)
			continue;
		memcpy(p, s.p, len);
		lnl_mss_clamp(p, len, MSS, is_tap(shape));
		if (memcmp(p, s.p, len) == 0)
			continue;
		clamped++;
		assert_int_equal(sum_words(0, p + skip, len - skip) % 0xffff,
				 sum_words(0, s.p + skip, len - skip) % 0xffff);
		memcpy(s.p, p, len);
		lnl_mss_clamp(p, len, MSS, is_tap(shape));
		assert_memory_equal(p, s.p, len);
	}
	free(guarded);
	assert_in_range(clamped, MUTANTS / 10, MUTANTS); /* the mutants are not all rubbish */
}

/* In both directions, and only when asked. */
static void the_plane_clamps_both_ways(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct syn s, want;
	struct lnl_packet pkt;
	struct lnl_peer_conf conf = { .id = CLIENT_PEER, .wire_id = WIRE_ID };

	world_init_gcm(&w);
	build(&s, &shapes[0], shapes[0].options);
	build(&want, &shapes[0], shapes[0].expected);
	pkt = world_seal(&w, &b, s.p, s.len);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_memory_equal(pkt.p, s.p, s.len);

	conf.mss = MSS;
	assert_int_equal(lnl_data_peer_set(w.client, &conf, w.now), 0);
	pkt = world_seal(&w, &b, s.p, s.len);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_memory_equal(pkt.p, want.p, want.len);

	conf.mss = 0;
	assert_int_equal(lnl_data_peer_set(w.client, &conf, w.now), 0);
	conf.id = WIRE_ID;
	conf.mss = MSS;
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	pkt = world_seal(&w, &b, s.p, s.len);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(pkt.len, want.len);
	assert_memory_equal(pkt.p, want.p, want.len);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clamps_what_it_should),
		cmocka_unit_test(leaves_truncated_packets),
		cmocka_unit_test(believes_the_shorter_length),
		cmocka_unit_test(small_limits),
		cmocka_unit_test(every_checksum),
		cmocka_unit_test(d6_mutants),
		cmocka_unit_test(the_plane_clamps_both_ways),
	};

	return cmocka_run_group_tests_name("data/mss", tests, crypto_up, crypto_down);
}
