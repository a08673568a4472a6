/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Super-packets cut into segments, beside segments that are written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/split.h"
#include "lunel_codes.h"

#include "test_data_offload.h"

/* In a block that ends where the packet ends. */
static uint8_t *exact(const uint8_t *p, uint32_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	return copy;
}

static int init(struct lnl_split *s, uint8_t *p, uint32_t len, const struct lnl_vnet *v,
		unsigned link)
{
	memset(s, 0xa5, sizeof(*s));
	return lnl_split_init(s, p, len, v, link);
}

/* Splits what |shape| says; each segment is, byte for byte, what it should be. */
static void check_shape(const struct shape *shape, uint8_t vnet_flags)
{
	static uint8_t super[SUPER_MAX], want[SUPER_MAX];
	struct lnl_split split;
	struct lnl_vnet vnet;
	uint32_t len = build_packet(shape, super, &vnet), got;
	uint8_t *p, *copy;
	unsigned n = 0;

	vnet.flags = vnet_flags;
	copy = exact(super, len);
	assert_int_equal(init(&split, copy, len, &vnet, shape->link), 0);
	while (lnl_split_next(&split, &p, &got)) {
		assert_true(n < naive_segments(shape));
		assert_int_equal(got, naive_segment(shape, super, n, want));
		assert_memory_equal(p, want, got);
		n++;
	}
	assert_int_equal(n, naive_segments(shape));
	assert_false(lnl_split_next(&split, &p, &got));
	free(copy);
}

static const struct shape base4 = { .ipv4 = true,
				    .tcp = true,
				    .payload = 5000,
				    .gso_size = 1400,
				    .flags = ACK | PSH,
				    .id = 7,
				    .seq = 1000,
				    .port = 5555 };
static const struct shape base6 = { .tcp = true,
				    .payload = 5000,
				    .gso_size = 1400,
				    .flags = ACK | PSH,
				    .seq = 1000,
				    .port = 5555,
				    .seed = 3 };

static void every_kind(void **state)
{
	static const unsigned payloads[] = { 0, 1, 2, 99, 100, 101, 199, 200, 201, 1000, 1001 };
	static const unsigned links[][2] = { { 0, 0 }, { 14, 0 }, { 14, 1 }, { 14, 2 } };
	static const unsigned more[] = { 0, 4, 8, 24, 40 };

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned i = 0; i < sizeof(payloads) / sizeof(*payloads); i++)
			for (unsigned k = 0; k < 4; k++)
				for (unsigned m = 0; m < 25; m++) {
					struct shape s = kind & 1 ? base4 : base6;
					s.tcp = kind & 2;
					s.payload = payloads[i];
					s.gso_size = 100;
					s.link = links[k][0];
					s.tags = links[k][1];
					s.ip_more =
						more[m % 5] / (s.ipv4 ? 4 : 8) * (s.ipv4 ? 4 : 8);
					s.tcp_more = more[m / 5];
					check_shape(&s, LNL_VNET_NEEDS_CSUM);
				}
}

/* FIN and PSH are the last segment's, CWR the first's, the others everyone's. */
static void flags(void **state)
{
	(void)state;
	for (unsigned f = 0; f < 256; f++) {
		struct shape s = f & 1 ? base4 : base6;
		s.flags = f;
		check_shape(&s, LNL_VNET_NEEDS_CSUM);
		s.payload = 1400;
		check_shape(&s, LNL_VNET_NEEDS_CSUM);
	}
}

/* Without the ECN bit nobody has said that CWR is the first segment's alone. */
static void cwr_without_ecn(void **state)
{
	static uint8_t super[SUPER_MAX];
	struct shape s = base4;
	struct lnl_split split;
	struct lnl_vnet vnet;
	uint8_t *p;
	uint32_t len;

	(void)state;
	s.flags = ACK | CWR;
	len = build_packet(&s, super, &vnet);
	vnet.gso_type = LNL_VNET_GSO_TCP4;
	assert_int_equal(init(&split, super, len, &vnet, 0), 0);
	while (lnl_split_next(&split, &p, &len)) {
		struct shape one = s;
		uint8_t copy[1500];

		assert_int_equal(p[33], ACK | CWR);
		one.payload = len - 40;
		memcpy(copy, p, len);
		naive_finish(&one, copy, len);
		assert_memory_equal(p, copy, len);
	}
}

static void numbers_wrap(void **state)
{
	struct shape s = base4;

	(void)state;
	s.id = 0xfffe;
	s.seq = UINT32_MAX - 1500;
	check_shape(&s, LNL_VNET_NEEDS_CSUM);
}

/* The longest packets, and one byte a segment. */
static void extremes(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct shape s = kind & 1 ? base4 : base6;
		s.tcp = kind & 2;
		s.link = 14;
		s.payload = 65535 - (shape_headers(&s) - 14);
		s.gso_size = 1448;
		check_shape(&s, LNL_VNET_NEEDS_CSUM);
		s.gso_size = 65535;
		check_shape(&s, LNL_VNET_NEEDS_CSUM);
		if (!s.ipv4) { /* whose own header does not count */
			s.payload += 40;
			s.gso_size = 1448;
			check_shape(&s, LNL_VNET_NEEDS_CSUM);
		}
		s.payload = 3000;
		s.gso_size = 1;
		check_shape(&s, LNL_VNET_NEEDS_CSUM);
	}
}

static void random_shapes(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		struct shape s = random_shape(&seed);
		/* Without NEEDS_CSUM nobody has said what the pseudo header's sum is. */
		check_shape(&s, i % 4 == 0 ? 0 : LNL_VNET_NEEDS_CSUM);
	}
}

/* UDP's checksum is never 0, which would say that there is none. */
static void udp_is_never_zero(void **state)
{
	static uint8_t super[SUPER_MAX];
	struct shape s = { .ipv4 = true, .payload = 300, .gso_size = 100, .port = 9 };
	struct lnl_split split;
	struct lnl_vnet vnet;
	uint8_t *p;
	uint32_t len = build_packet(&s, super, &vnet);
	unsigned n = 0;

	(void)state;
	/* Two bytes of each payload are chosen so that the sum is all ones. */
	for (unsigned i = 0; i < 3; i++) {
		uint8_t want[200], *two = super + 28 + i * 100;
		put16(two, 0);
		naive_segment(&s, super, i, want);
		put16(two, get16(want + 26));
	}
	assert_int_equal(init(&split, super, len, &vnet, 0), 0);
	for (; lnl_split_next(&split, &p, &len); n++)
		assert_int_equal(get16(p + 26), 0xffff);
	assert_int_equal(n, 3);
}

/* ---- packets that need no cutting ---- */

static void whole(const uint8_t *p, uint32_t len, struct lnl_vnet vnet, const uint8_t *want)
{
	struct lnl_split split;
	uint8_t *copy = exact(p, len), *got;
	uint32_t n;

	assert_int_equal(init(&split, copy, len, &vnet, 0), 0);
	assert_true(lnl_split_next(&split, &got, &n));
	assert_ptr_equal(got, copy);
	assert_int_equal(n, len);
	assert_memory_equal(got, want, len);
	assert_false(lnl_split_next(&split, &got, &n));
	free(copy);
}

static void whole_packets(void **state)
{
	uint8_t p[3000], want[3000], noise[100] = { 0x12, 0x34 };
	struct lnl_vnet vnet, none = { 0 };
	uint64_t seed = 11;

	(void)state;
	whole(noise, sizeof(noise), none, noise);
	whole(noise, 0, none, noise);
	none.flags = LNL_VNET_DATA_VALID;
	whole(noise, 1, none, noise);
	for (unsigned i = 0; i < 500; i++) {
		struct shape s = random_shape(&seed);
		s.gso_size = 0;
		s.payload = next_random(&seed) % 1400;
		uint32_t len = build_packet(&s, want, &vnet);
		memcpy(p, want, len);
		whole(p, len, vnet, want);
		put16(p + shape_check(&s), naive_pseudo(&s, p, len - shape_l4(&s)));
		vnet.flags = LNL_VNET_NEEDS_CSUM;
		vnet.csum_start = (uint16_t)shape_l4(&s);
		vnet.csum_offset = s.tcp ? 16 : 6;
		whole(p, len, vnet, want);
	}
}

/* Any protocol's checksum, at odd places, and up to the last byte. */
static void whole_of_any_protocol(void **state)
{
	uint64_t seed = 12;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		uint8_t p[400], want[400];
		uint32_t len = 2 + next_random(&seed) % 398;
		struct lnl_vnet vnet = { .flags = LNL_VNET_NEEDS_CSUM };
		vnet.csum_start = (uint16_t)(next_random(&seed) % (len - 1));
		vnet.csum_offset = (uint16_t)(next_random(&seed) % (len - 1 - vnet.csum_start));
		for (uint32_t k = 0; k < len; k++)
			p[k] = (uint8_t)next_random(&seed);
		memcpy(want, p, len);
		uint16_t check =
			(uint16_t)~naive_sum(0, p + vnet.csum_start, len - vnet.csum_start);
		put16(want + vnet.csum_start + vnet.csum_offset, check);
		whole(p, len, vnet, want);
	}
}

/* A completed UDP checksum of 0 is written as 0xffff, another's is not. */
static void whole_zero(void **state)
{
	uint8_t p[20] = { 0 }, want[20] = { 0 };
	struct lnl_vnet vnet = { .flags = LNL_VNET_NEEDS_CSUM, .csum_offset = 6 };

	(void)state;
	put16(p, 0xffff);
	put16(want, 0xffff);
	put16(want + 6, 0xffff);
	whole(p, sizeof(p), vnet, want);
	vnet.csum_offset = 16;
	put16(want + 6, 0);
	whole(p, sizeof(p), vnet, want);
}

/* ---- what does not fit ---- */

static void refused_by(const struct shape *s, struct lnl_vnet vnet, const uint8_t *p, uint32_t len)
{
	struct lnl_split split, before;
	uint8_t *copy = exact(p, len);

	memset(&before, 0xa5, sizeof(before));
	assert_int_equal(init(&split, copy, len, &vnet, s->link), LNL_E_FORMAT);
	assert_memory_equal(copy, p, len);
	assert_memory_equal(&split, &before, sizeof(before));
	free(copy);
}

static void refuses_vnet(void **state)
{
	static const uint8_t types[] = { 1, 0x81, 4, 0x84, 5 };
	static uint8_t p[SUPER_MAX];
	struct lnl_vnet good, bad;

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct shape s = kind & 1 ? base4 : base6;
		s.tcp = kind & 2;
		s.link = kind == 3 ? 14 : 0;
		uint32_t len = build_packet(&s, p, &good);

		for (unsigned type = 1; type < 256; type++) {
			bool fits = false;
			for (unsigned i = 0; i < sizeof(types); i++)
				fits |= type == types[i] &&
					(s.tcp ? (type & 7) == (s.ipv4 ? 1 : 4) : type == 5);
			bad = good;
			bad.gso_type = (uint8_t)type;
			if (!fits)
				refused_by(&s, bad, p, len);
		}
		bad = good;
		bad.gso_size = 0;
		refused_by(&s, bad, p, len);
		bad = good;
		bad.csum_start++;
		refused_by(&s, bad, p, len);
		bad = good;
		bad.csum_start--;
		refused_by(&s, bad, p, len);
		bad = good;
		bad.csum_offset = s.tcp ? 6 : 16;
		refused_by(&s, bad, p, len);
		bad.csum_offset = 0xffff;
		refused_by(&s, bad, p, len);
	}
	bad = (struct lnl_vnet){ .flags = LNL_VNET_NEEDS_CSUM, .csum_start = 30, .csum_offset = 9 };
	refused_by(&base4, bad, p, 40);
	bad.csum_start = 0xffff;
	bad.csum_offset = 0xffff;
	refused_by(&base4, bad, p, 40);
	refused_by(&base4, bad, p, 0);
}

/* Cut at any length, and with lengths that IP does not say. */
static void refuses_lengths(void **state)
{
	static uint8_t p[SUPER_MAX];
	struct lnl_vnet vnet;

	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		struct shape s = kind & 1 ? base4 : base6;
		s.tcp = kind & 2;
		s.ip_more = 8;
		s.payload = 200;
		s.gso_size = 100;
		s.link = kind & 4 ? 14 : 0;
		uint32_t len = build_packet(&s, p, &vnet);

		for (uint32_t cut = 0; cut < len; cut++)
			refused_by(&s, vnet, p, cut);
		refused_by(&s, vnet, p, len + 1);
	}
}

/* One byte of the headers changed: where, and to what. */
static void refused_byte(struct shape s, unsigned at, uint8_t value)
{
	static uint8_t p[SUPER_MAX];
	struct lnl_vnet vnet;
	uint32_t len = build_packet(&s, p, &vnet);

	assert_int_not_equal(p[at], value);
	p[at] = value;
	refused_by(&s, vnet, p, len);
}

static void refuses_headers(void **state)
{
	struct shape s = base4, v6 = base6, udp = base4;
	static uint8_t p[SUPER_MAX];
	struct lnl_vnet vnet;

	(void)state;
	udp.tcp = false;
	refused_byte(s, 0, 0x55);
	refused_byte(s, 0, 0x44); /* IHL */
	refused_byte(s, 0, 0x4f);
	refused_byte(s, 6, 0x20); /* more fragments */
	refused_byte(s, 7, 1);	  /* a fragment */
	refused_byte(udp, 7, 1);
	refused_byte(s, 9, 1);	   /* ICMP */
	refused_byte(s, 32, 0x40); /* TCP's data offset */
	s.link = 14;
	refused_byte(s, 12, 0x86); /* the EtherType of another version, or of no IP */
	refused_byte(s, 13, 0xdd);
	refused_byte(s, 13, 6);
	s.tags = 2;
	refused_byte(s, 20, 0x81); /* a third tag */
	refused_byte(v6, 0, 0x40);
	refused_byte(v6, 6, 44); /* fragment, AH, ESP, nothing, ICMP */
	refused_byte(v6, 6, 51);
	refused_byte(v6, 6, 50);
	refused_byte(v6, 6, 59);
	refused_byte(v6, 6, 58);
	v6.ip_more = 16;
	refused_byte(v6, 41, 255); /* an extension longer than the packet or than we take */
	refused_byte(v6, 41, 40);
	refused_byte(v6, 49, 30);
	/* Extensions without end: eight are followed. */
	v6.ip_more = 64;
	check_shape(&v6, LNL_VNET_NEEDS_CSUM);
	v6.ip_more = 72;
	uint32_t len = build_packet(&v6, p, &vnet);
	refused_by(&v6, vnet, p, len);
}

/* 256 bytes of headers go, four more do not. */
static void limit_of_headers(void **state)
{
	static uint8_t p[SUPER_MAX];
	struct shape s = base6;
	struct lnl_vnet vnet;

	(void)state;
	/* One destination header of 160 bytes. */
	s.tcp_more = 36;
	s.ip_more = 160;
	uint32_t len = build_packet(&s, p, &vnet);
	p[6] = 60;
	memset(p + 40, 0, 160);
	p[40] = TCP;
	p[41] = 160 / 8 - 1;
	struct lnl_split split;
	assert_int_equal(shape_headers(&s), LNL_SPLIT_HEADERS);
	assert_int_equal(init(&split, exact(p, len), len, &vnet, 0), 0);
	free(split.at - split.headers);
	s.tcp_more = 40;
	p[shape_l4(&s) + 12] = 15 << 4;
	refused_by(&s, vnet, p, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(flags),
		cmocka_unit_test(cwr_without_ecn),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(extremes),
		cmocka_unit_test(random_shapes),
		cmocka_unit_test(udp_is_never_zero),
		cmocka_unit_test(whole_packets),
		cmocka_unit_test(whole_of_any_protocol),
		cmocka_unit_test(whole_zero),
		cmocka_unit_test(refuses_vnet),
		cmocka_unit_test(refuses_lengths),
		cmocka_unit_test(refuses_headers),
		cmocka_unit_test(limit_of_headers),
	};

	return cmocka_run_group_tests_name("data/split", tests, NULL, NULL);
}
