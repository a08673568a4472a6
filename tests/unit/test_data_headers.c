/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where headers are found, and that nothing is believed which says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/headers.h"

#include "test_data_offload.h"

/* In a block that ends where the packet ends. */
static enum lnl_headers_kind find(struct lnl_headers *h, const uint8_t *p, uint32_t len,
				  uint32_t link)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	enum lnl_headers_kind kind = lnl_headers_find(h, copy, len, link);
	free(copy);
	return kind;
}

/* Every kind, cut at every length: what is found lies within the packet. */
static void found_or_odd(void **state)
{
	static const struct {
		unsigned link, tags;
	} links[] = { { 0, 0 }, { 14, 0 }, { 14, 1 }, { 14, 2 } };
	uint8_t p[400];
	struct lnl_vnet vnet;
	struct lnl_headers h;

	(void)state;
	for (unsigned i = 0; i < 4 * 4 * 3; i++) {
		struct shape s = { .ipv4 = i & 1, .tcp = i & 2, .payload = 30 };
		s.link = links[i / 4 % 4].link;
		s.tags = links[i / 4 % 4].tags;
		s.ip_more = i / 16 * 16;
		uint32_t len = build_packet(&s, p, &vnet);
		assert_int_equal(find(&h, p, len, s.link), LNL_HEADERS_FOUND);
		assert_int_equal(h.ip, shape_ip(&s));
		assert_int_equal(h.l4, shape_l4(&s));
		assert_int_equal(h.end, shape_headers(&s));
		assert_int_equal(h.total, len);
		assert_true(h.ipv4 == s.ipv4 && h.tcp == s.tcp);
		/* Bytes behind IP's end are none of its. */
		memset(p + len, 0, 6);
		assert_int_equal(find(&h, p, len + 6, s.link), LNL_HEADERS_FOUND);
		assert_int_equal(h.total, len);
		unsigned least = shape_ip(&s) + (s.ipv4 ? 20 : 40);
		for (uint32_t cut = 0; cut < len; cut++)
			assert_int_equal(find(&h, p, cut, s.link),
					 cut < least ? LNL_HEADERS_OTHER : LNL_HEADERS_ODD);
	}
}

static const struct shape tcp4 = { .ipv4 = true, .tcp = true, .payload = 4 },
			  udp4 = { .ipv4 = true, .payload = 4 },
			  tcp6 = { .tcp = true, .payload = 4 },
			  udp6 = { .payload = 0, .ip_more = 8 },
			  frame = { .ipv4 = true, .tcp = true, .payload = 4, .link = 14 };

/* A packet with two bytes changed. */
static const struct {
	const struct shape *shape;
	unsigned at;
	uint16_t value;
	enum lnl_headers_kind kind;
} changes[] = {
	{ &tcp4, 0, 0x4400, LNL_HEADERS_ODD }, /* IHL: less than a header, more than there is */
	{ &tcp4, 0, 0x4000, LNL_HEADERS_ODD },
	{ &tcp4, 0, 0x4f00, LNL_HEADERS_ODD },
	{ &tcp4, 0, 0x5500, LNL_HEADERS_OTHER }, /* version */
	{ &tcp4, 2, 45, LNL_HEADERS_ODD },	 /* total length: more than there is */
	{ &tcp4, 2, 43, LNL_HEADERS_FOUND },	 /* less */
	{ &tcp4, 2, 39, LNL_HEADERS_ODD },	 /* less than the headers */
	{ &tcp4, 2, 19, LNL_HEADERS_ODD },
	{ &tcp4, 2, 0, LNL_HEADERS_ODD },
	{ &tcp4, 2, 0xffff, LNL_HEADERS_ODD },
	{ &tcp4, 6, 0x4000, LNL_HEADERS_FOUND }, /* DF */
	{ &tcp4, 6, 0x8000, LNL_HEADERS_FOUND }, /* reserved */
	{ &tcp4, 6, 0x2000, LNL_HEADERS_ODD },	 /* fragments */
	{ &tcp4, 6, 0x0001, LNL_HEADERS_ODD },
	{ &udp4, 6, 0x1000, LNL_HEADERS_ODD },
	{ &tcp4, 8, 0x4001, LNL_HEADERS_OTHER }, /* ICMP */
	{ &tcp4, 32, 0x4010, LNL_HEADERS_ODD },	 /* TCP's data offset */
	{ &tcp4, 32, 0x6010, LNL_HEADERS_FOUND },
	{ &tcp4, 32, 0x7010, LNL_HEADERS_ODD },
	{ &tcp6, 4, 25, LNL_HEADERS_ODD }, /* payload length */
	{ &tcp6, 4, 23, LNL_HEADERS_FOUND },
	{ &tcp6, 4, 19, LNL_HEADERS_ODD },
	{ &tcp6, 4, 0, LNL_HEADERS_ODD },
	{ &tcp6, 4, 0xffff, LNL_HEADERS_ODD },
	{ &tcp6, 6, 44 << 8, LNL_HEADERS_ODD },	  /* a fragment */
	{ &tcp6, 6, 51 << 8, LNL_HEADERS_OTHER }, /* AH, ESP, nothing, ICMP */
	{ &tcp6, 6, 50 << 8, LNL_HEADERS_OTHER },
	{ &tcp6, 6, 59 << 8, LNL_HEADERS_OTHER },
	{ &tcp6, 6, 58 << 8, LNL_HEADERS_OTHER },
	{ &udp6, 40, 17 << 8 | 1, LNL_HEADERS_ODD }, /* an extension up to the end and past it */
	{ &udp6, 40, 17 << 8 | 2, LNL_HEADERS_ODD },
	{ &udp6, 40, 17 << 8 | 9, LNL_HEADERS_ODD },
	{ &udp6, 40, 17 << 8 | 255, LNL_HEADERS_ODD },
	{ &udp6, 40, 60 << 8, LNL_HEADERS_ODD },   /* UDP's header taken for one, then nothing */
	{ &frame, 12, 0x86dd, LNL_HEADERS_OTHER }, /* another version than it says */
	{ &frame, 12, 0x0806, LNL_HEADERS_OTHER }, /* ARP */
	{ &frame, 12, 0x8100, LNL_HEADERS_OTHER }, /* a tag, and no protocol behind it */
};

static void one_change(void **state)
{
	uint8_t p[400];
	struct lnl_vnet vnet;
	struct lnl_headers h;

	(void)state;
	for (unsigned i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		uint32_t len = build_packet(changes[i].shape, p, &vnet);
		put16(p + changes[i].at, changes[i].value);
		enum lnl_headers_kind kind = find(&h, p, len, changes[i].shape->link);
		if (kind != changes[i].kind)
			fail_msg("change %u: %d, not %d", i, kind, changes[i].kind);
	}
}

/* Two tags, eight extensions and 256 bytes go, one more does not. */
static void limits(void **state)
{
	uint8_t p[400];
	struct lnl_vnet vnet;
	struct lnl_headers h;

	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		struct shape s = { .tcp = true, .payload = 30, .link = 14, .tags = 2 + more };
		uint32_t len = build_packet(&s, p, &vnet);
		assert_int_equal(find(&h, p, len, 14),
				 more ? LNL_HEADERS_OTHER : LNL_HEADERS_FOUND);
		s.tags = 0;
		s.ip_more = 64 + more * 8;
		len = build_packet(&s, p, &vnet);
		assert_int_equal(find(&h, p, len, 14), more ? LNL_HEADERS_ODD : LNL_HEADERS_FOUND);
		/* 14, 40, an extension of 168, and 34 of which 20 or 24 are TCP's header */
		s.ip_more = 168;
		s.link = 8; /* no Ethernet header is that short: nothing is looked at */
		s.tcp_more = 20 + more * 4;
		len = build_packet(&s, p, &vnet);
		p[8 + 6] = 60;
		p[8 + 40] = TCP;
		p[8 + 41] = 168 / 8 - 1;
		assert_int_equal(shape_headers(&s), LNL_HEADERS_MAX + more * 4);
		assert_int_equal(find(&h, p, len, 8), more ? LNL_HEADERS_ODD : LNL_HEADERS_FOUND);
	}
}

/* Whatever the bytes are, what is found has its bounds. */
static void noise(void **state)
{
	uint64_t seed = 8;
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct shape s = random_shape(&seed);
		static uint8_t p[SUPER_MAX];
		struct lnl_vnet vnet;
		struct lnl_headers h;

		s.payload %= 50;
		uint32_t len = build_packet(&s, p, &vnet);
		for (unsigned k = next_random(&seed) % 3; k > 0; k--)
			p[next_random(&seed) % shape_headers(&s)] = (uint8_t)next_random(&seed);
		if (next_random(&seed) % 4 == 0)
			len = next_random(&seed) % (len + 1);
		if (find(&h, p, len, s.link) != LNL_HEADERS_FOUND)
			continue;
		found++;
		assert_true(h.ip >= s.link && h.l4 >= h.ip + (h.ipv4 ? 20 : 40));
		assert_true(h.end >= h.l4 + (h.tcp ? 20 : 8) && h.end <= LNL_HEADERS_MAX);
		assert_true(h.end <= h.total && h.total <= len);
	}
	assert_in_range(found, 10000, 199999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_or_odd),
		cmocka_unit_test(one_change),
		cmocka_unit_test(limits),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests_name("data/headers", tests, NULL, NULL);
}
