/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets put together, and above all those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/test_data_groups.h"

#define BOTH (LNL_COALESCE_TCP | LNL_COALESCE_UDP)

static struct batch b;

static const struct shape tcp4 = { .ipv4 = true,
				   .tcp = true,
				   .tcp_more = 12,
				   .payload = 100,
				   .flags = ACK,
				   .id = 7,
				   .seq = 1000,
				   .port = 5555,
				   .seed = 1 };
static const struct shape tcp6 = { .tcp = true,
				   .tcp_more = 12,
				   .payload = 100,
				   .flags = ACK,
				   .seq = 1000,
				   .port = 5555,
				   .seed = 2 };
static const struct shape udp4 = { .ipv4 = true, .payload = 100, .id = 7, .port = 5555, .seed = 3 };
static const struct shape udp6 = { .payload = 100, .port = 5555, .seed = 4 };
static const struct shape *const kinds[] = { &tcp4, &tcp6, &udp4, &udp6 };

static bool add(const struct shape *s)
{
	static uint8_t p[SUPER_MAX];
	struct lnl_vnet vnet;

	return batch_add(&b, p, build_packet(s, p, &vnet));
}

/* Adds the packet and leaves in |s| the one that follows on it. */
static void add_next(struct shape *s)
{
	assert_true(add(s));
	s->seq += s->payload;
	s->id = (s->id + 1) & 0xffff;
}

/* The last packet added, now and as it was, changed by hand: both are the same again. */
static uint8_t *last(void)
{
	return b.pkts[b.n - 1].p;
}

static void changed(void)
{
	memcpy(b.was[b.n - 1], last(), b.pkts[b.n - 1].len);
}

static bool is_alone(unsigned i)
{
	for (unsigned k = 0; k < b.c.n; k++)
		if (b.c.groups[k].first == i)
			return b.c.groups[k].n == 1;
	return false;
}

/* ---- what goes together ---- */

static void follow_on_each_other(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned n = 1; n <= 512; n = n * 3 + 1) {
			struct shape s = *kinds[kind];
			batch_init(&b, BOTH, 0);
			for (unsigned i = 0; i < n; i++)
				add_next(&s);
			batch_run(&b);
			assert_int_equal(b.c.n, 1);
			assert_int_equal(b.c.groups[0].n, n);
			assert_int_equal(b.c.groups[0].peer, 1);
		}
}

/* What the device does not take is left alone. */
static void only_what_is_taken(void **state)
{
	(void)state;
	for (unsigned of = 0; of < 4; of++)
		for (unsigned kind = 0; kind < 4; kind++) {
			struct shape s = *kinds[kind];
			batch_init(&b, of, 0);
			add_next(&s);
			add_next(&s);
			batch_run(&b);
			assert_int_equal(b.c.n, (of & (s.tcp ? 1u : 2u)) != 0 ? 1 : 2);
		}
}

/* A shorter packet is the last, a longer one begins anew. */
static void sizes(void **state)
{
	static const unsigned payloads[] = { 100, 100, 99, 100, 100, 101, 101, 1, 1, 1, 2 };
	static const unsigned want[] = { 3, 2, 3, 2, 1 };

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct shape s = *kinds[kind];
		batch_init(&b, BOTH, 0);
		for (unsigned i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
			s.payload = payloads[i];
			add_next(&s);
		}
		batch_run(&b);
		assert_int_equal(b.c.n, 5);
		for (unsigned k = 0; k < 5; k++)
			assert_int_equal(b.c.groups[k].n, want[k]);
	}
}

/* Without payload nothing goes together, and nothing goes past it. */
static void empty_packets(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct shape s = *kinds[kind], none = s;
		batch_init(&b, BOTH, 0);
		none.payload = 0;
		add_next(&none);
		add_next(&s);
		none = s;
		none.payload = 0;
		add_next(&none);
		s.id = none.id;
		add_next(&s);
		batch_run(&b);
		assert_int_equal(b.c.n, 4);
	}
}

/* PSH ends a group and is its head's then. */
static void push(void **state)
{
	struct shape s = tcp4;

	(void)state;
	batch_init(&b, BOTH, 0);
	for (unsigned i = 0; i < 7; i++) {
		s.flags = i == 2 || i == 3 ? ACK | PSH : ACK;
		add_next(&s);
	}
	batch_run(&b);
	assert_int_equal(b.c.n, 3);
	assert_int_equal(b.c.groups[0].n, 3);
	assert_int_equal(b.pkts[0].p[33], ACK | PSH);
	assert_int_equal(b.c.groups[1].n, 1);
	assert_int_equal(b.c.groups[2].n, 3);
	assert_int_equal(b.pkts[4].p[33], ACK);
}

/* ---- the property ---- */

static uint8_t super[8][SUPER_MAX], piece[SUPER_MAX], written[SUPER_MAX];

/* The groups that |shapes| were cut into are those super-packets again. */
static void assert_back(const struct shape *shapes, const struct lnl_vnet *vnets,
			const unsigned *firsts, unsigned n)
{
	unsigned k, i;

	for (i = 0; i < n; i++) {
		const struct shape *s = &shapes[i];
		struct lnl_vnet want = vnets[i];
		uint32_t len = shape_len(s);

		for (k = 0; k < b.c.n && b.c.groups[k].first != firsts[i]; k++)
			;
		assert_true(k < b.c.n);
		assert_int_equal(b.c.groups[k].n, naive_segments(s));
		if (b.c.groups[k].n == 1)
			continue; /* whose checksums are whole: batch_run has compared it */
		assert_int_equal(group_write(&b, k, written), len);
		assert_memory_equal(written, super[i], len);
		want.hdr_len = (uint16_t)shape_headers(s);
		assert_memory_equal(&b.c.groups[k].vnet, &want, sizeof(want));
	}
	assert_int_equal(b.c.n, n);
}

/* Up to eight flows at once, their packets mixed at random but each in its order. */
static void split_and_back(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		unsigned n = 1 + next_random(&seed) % 8, link = next_random(&seed) % 2 * 14;
		unsigned done[8] = { 0 }, firsts[8], left = 0;
		struct shape shapes[8];
		struct lnl_vnet vnets[8];

		batch_init(&b, BOTH, link);
		for (unsigned i = 0; i < n; i++) {
			struct shape s = random_shape(&seed);
			s.link = link;
			s.tags = 0;
			s.port = 1024 + i;
			s.flags &= ~(unsigned)CWR;
			while (shape_len(&s) - link > 65535)
				s.payload -= s.gso_size;
			shapes[i] = s;
			build_packet(&s, super[i], &vnets[i]);
			left += naive_segments(&s);
		}
		for (; left > 0; left--) {
			unsigned i = next_random(&seed) % n;
			while (done[i] == naive_segments(&shapes[i]))
				i = (i + 1) % n;
			if (done[i] == 0)
				firsts[i] = b.n;
			uint32_t len = naive_segment(&shapes[i], super[i], done[i]++, piece);
			assert_true(batch_add(&b, piece, len));
		}
		batch_run(&b);
		assert_back(shapes, vnets, firsts, n);
	}
}

/* FIN and CWR stay alone, the others come together; batch_run looks at the bytes. */
static void fin_and_cwr(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 2; kind++) {
		struct shape s = *kinds[kind];
		struct lnl_vnet vnet;
		s.payload = 1000;
		s.gso_size = 100;
		s.flags = ACK | PSH | FIN | CWR | ECE;
		build_packet(&s, super[0], &vnet);
		batch_init(&b, BOTH, 0);
		for (unsigned i = 0; i < 10; i++)
			batch_add(&b, piece, naive_segment(&s, super[0], i, piece));
		batch_run(&b);
		assert_int_equal(b.c.n, 3);
		assert_int_equal(b.c.groups[0].n, 1);
		assert_int_equal(b.c.groups[1].n, 8);
		assert_int_equal(b.c.groups[2].n, 1);
	}
}

/* ---- never merges what differs ---- */

/* Whether a bit of the headers may differ between two packets of a group. */
static bool counts_on(const struct shape *s, unsigned at, unsigned bit)
{
	unsigned ip = at - shape_ip(s), l4 = at - shape_l4(s);

	if (at >= shape_l4(s) && s->tcp)
		return (l4 >= 4 && l4 < 8) || l4 == 16 || l4 == 17 || (l4 == 13 && bit == 3);
	if (at >= shape_l4(s))
		return l4 >= 4;
	if (at < shape_ip(s))
		return false;
	return s->ipv4 ? (ip >= 2 && ip < 6) || ip == 10 || ip == 11 : ip == 4 || ip == 5;
}

/*
 * Each bit of the headers in which two packets differ, their checksums right: link layer, version,
 * ToS, DF, TTL, protocol, addresses, options, extensions, ports, flags, ack, window, urgent.
 */
static void each_bit(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		struct shape one = *kinds[kind % 4], two;
		one.link = kind >= 4 ? 14 : 0;
		one.ip_more = kind % 3 * 8;
		for (unsigned i = 0; i < shape_headers(&one) * 8; i++) {
			struct shape s = one;
			if (counts_on(&one, i / 8, i % 8))
				continue;
			batch_init(&b, BOTH, one.link);
			add_next(&s);
			two = s;
			add_next(&s);
			last()[i / 8] ^= (uint8_t)(1 << i % 8);
			naive_finish(&two, last(), b.pkts[1].len);
			changed();
			add(&s);
			batch_run(&b);
			if (!is_alone(1))
				fail_msg("kind %u: byte %u, bit %u", kind, i / 8, i % 8);
		}
		/* And without such a change they go together. */
		struct shape s = one;
		batch_init(&b, BOTH, one.link);
		add_next(&s);
		add_next(&s);
		batch_run(&b);
		assert_int_equal(b.c.n, 1);
	}
}

/* Flags with which TCP packets stay alone although they are equal. */
static void flags_of_loners(void **state)
{
	(void)state;
	for (unsigned f = 0; f < 256; f++) {
		struct shape s = tcp4;
		s.flags = f;
		batch_init(&b, BOTH, 0);
		for (unsigned i = 0; i < 3; i++)
			add_next(&s);
		batch_run(&b);
		assert_int_equal(b.c.n, (f & (SYN | FIN | RST | URG | CWR | PSH)) != 0 ? 3 : 1);
	}
}

/* Every order of sequence numbers but the right one. */
static void sequence(void **state)
{
	static const int steps[] = { 0, -100, 101, 99, 200, 1 << 30, INT32_MIN };

	(void)state;
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct shape s = tcp4;
		batch_init(&b, BOTH, 0);
		add_next(&s);
		s.seq = 1000 + (unsigned)steps[i];
		add(&s);
		batch_run(&b);
		assert_int_equal(b.c.n, 2);
	}
}

/* A gap, what fills it too late, and a duplicate: each closes its flow's group. */
static void out_of_order(void **state)
{
	static const unsigned order[] = { 0, 1, 3, 4, 2, 5, 6, 6, 7 };
	static const unsigned want[] = { 2, 2, 1, 2, 2 };

	(void)state;
	batch_init(&b, BOTH, 0);
	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++) {
		struct shape s = tcp4;
		s.seq += order[i] * 100;
		s.id += order[i];
		add(&s);
	}
	batch_run(&b);
	assert_int_equal(b.c.n, 5);
	for (unsigned k = 0; k < 5; k++)
		assert_int_equal(b.c.groups[k].n, want[k]);
}

/* What cannot join lets nothing of its flow pass; UDP has no numbers that would hold it back. */
static void nothing_overtakes(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned how = 0; how < 4; how++) {
			struct shape s = *kinds[kind], odd;
			batch_init(&b, BOTH, 0);
			add_next(&s);
			odd = s;
			odd.seed = s.seed;
			add(&odd);
			if (how == 0) /* another TTL or hop limit */
				last()[s.ipv4 ? 8 : 7]--;
			else if (how == 1) /* another ToS or class */
				last()[1] ^= 0x10;
			else if (how == 2) /* a fragment */
				last()[s.ipv4 ? 7 : 6] = s.ipv4 ? 9 : 44;
			naive_finish(&odd, last(), b.pkts[1].len);
			if (how == 3) /* a wrong checksum */
				last()[shape_check(&odd)] ^= 1;
			changed();
			add_next(&s); /* the numbers would fit the first */
			batch_run(&b);
			assert_int_equal(b.c.n, 3);
		}
}

/* ---- IPv4 ids ---- */

static unsigned groups_of_ids(const struct shape *kind, bool df, const unsigned *ids, unsigned n)
{
	struct shape s = *kind;

	batch_init(&b, BOTH, 0);
	s.df = df;
	for (unsigned i = 0; i < n; i++) {
		s.id = ids[i] & 0xffff;
		add(&s);
		s.seq += s.payload;
	}
	batch_run(&b);
	return b.c.n;
}

static void ids(void **state)
{
	static const unsigned count[] = { 65534, 65535, 0, 1 }, equal[] = { 5, 5, 5, 5 },
			      zero[] = { 0, 0, 0, 0 }, gap[] = { 1, 2, 4, 5 },
			      mixed[] = { 1, 2, 2, 2 }, late[] = { 1, 1, 2, 3 },
			      down[] = { 9, 8, 7, 6 }, twos[] = { 2, 4, 6, 8 };

	(void)state;
	for (unsigned kind = 0; kind < 4; kind += 2) {
		const struct shape *s = kinds[kind];
		for (unsigned df = 0; df < 2; df++) {
			assert_int_equal(groups_of_ids(s, df, count, 4), 1);
			assert_int_equal(groups_of_ids(s, df, equal, 4), df ? 1 : 4);
			assert_int_equal(groups_of_ids(s, df, zero, 4), df ? 1 : 4);
			assert_int_equal(groups_of_ids(s, df, gap, 4), 2);
			assert_int_equal(groups_of_ids(s, df, mixed, 4), df ? 2 : 3);
			assert_int_equal(groups_of_ids(s, df, late, 4), 2);
			assert_int_equal(groups_of_ids(s, df, down, 4), 4);
			assert_int_equal(groups_of_ids(s, df, twos, 4), 4);
		}
	}
}

/* ---- checksums ---- */

/* Any one bit wrong, in the first packet, the second or the third: that one is alone. */
static void wrong_checksums(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned which = 0; which < 3; which++) {
			const struct shape *k = kinds[kind];
			for (unsigned at = 0; at < shape_len(k); at++) {
				struct shape s = *k;
				batch_init(&b, BOTH, 0);
				for (unsigned i = 0; i < 3; i++) {
					add_next(&s);
					if (i != which)
						continue;
					last()[at] ^= 0x40;
					changed();
				}
				batch_run(&b);
				assert_true(is_alone(which));
			}
		}
}

/* Zeros that another machine would write otherwise, and UDP without a checksum. */
static void forms_of_zero(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned form = 0; form < 2; form++) {
			struct shape s = *kinds[kind];
			batch_init(&b, BOTH, 0);
			add_next(&s);
			add(&s);
			/* Two bytes of payload are chosen so that the sum is all ones. */
			uint8_t *two = last() + shape_len(&s) - 2;
			memset(two, 0, 2);
			naive_finish(&s, last(), b.pkts[1].len);
			put16(two, get16(last() + shape_check(&s)));
			put16(last() + shape_check(&s), form ? 0xffff : 0);
			changed();
			batch_run(&b);
			assert_int_equal(b.c.n, s.tcp == !form ? 1 : 2);
		}
	struct shape s = udp4;
	batch_init(&b, BOTH, 0);
	for (unsigned i = 0; i < 2; i++) {
		add_next(&s);
		put16(last() + 26, 0);
		changed();
	}
	batch_run(&b);
	assert_int_equal(b.c.n, 2);
	/* An IPv4 header whose sum is right only by the other zero. */
	s = tcp4;
	batch_init(&b, BOTH, 0);
	add_next(&s);
	add(&s);
	put16(last() + 4, 0);
	put16(last() + 10, 0);
	s.id = (uint16_t)~naive_sum(0, last(), 20);
	batch_init(&b, BOTH, 0);
	s.id--;
	s.seq -= 100;
	add_next(&s);
	add(&s);
	assert_int_equal(get16(last() + 10), 0);
	put16(last() + 10, 0xffff);
	changed();
	batch_run(&b);
	assert_int_equal(b.c.n, 2);
	put16(b.pkts[1].p + 10, 0);
	changed();
	batch_run(&b);
	assert_int_equal(b.c.n, 1);
}

/* UDP lengths that do not say what IP says, and bytes behind IP's end. */
static void lengths(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct shape s = udp4;
		batch_init(&b, BOTH, 0);
		for (unsigned i = 0; i < 2; i++) {
			add_next(&s);
			if (i != which)
				continue;
			put16(last() + 24, 107);
			put16(last() + 26, 0);
			put16(last() + 26, (uint16_t)~naive_sum(naive_pseudo(&s, last(), 108),
								last() + 20, 108));
			changed();
		}
		batch_run(&b);
		assert_int_equal(b.c.n, 2);
	}
	/* Four bytes behind the first packet's end or behind a shorter second one's. */
	for (unsigned kind = 0; kind < 8; kind++) {
		struct shape s = *kinds[kind % 4];
		s.link = 14;
		batch_init(&b, BOTH, 14);
		for (unsigned i = 0; i < 2; i++) {
			static uint8_t p[200];
			struct lnl_vnet vnet;
			s.payload -= i * 20;
			uint32_t len = build_packet(&s, p, &vnet), more = i == kind / 4 ? 4 : 0;
			memset(p + len, 0, 4);
			assert_true(batch_add(&b, p, len + more));
			s.seq += s.payload + more;
			s.id++;
		}
		batch_run(&b);
		assert_int_equal(b.c.n, 2);
	}
}

/* ---- flows, peers, frames ---- */

static void interleaved(void **state)
{
	(void)state;
	for (unsigned flows = 1; flows <= 9; flows++) {
		struct shape s[9];
		batch_init(&b, BOTH, 0);
		for (unsigned i = 0; i < flows; i++) {
			s[i] = *kinds[i % 4];
			s[i].port += i;
		}
		for (unsigned round = 0; round < 5; round++)
			for (unsigned i = 0; i < flows; i++)
				add_next(&s[i]);
		batch_run(&b);
		/* With nine by turns each finds that its group has just been closed. */
		assert_int_equal(b.c.n, flows <= LNL_COALESCE_FLOWS ? flows : 45);
	}
}

/* The flow that waited longest gives way, not the one that has just been added to. */
static void eldest_gives_way(void **state)
{
	struct shape s[9];

	(void)state;
	batch_init(&b, BOTH, 0);
	for (unsigned i = 0; i < 9; i++) {
		s[i] = tcp4;
		s[i].port += i;
		if (i == 8)
			add_next(&s[0]);
		add_next(&s[i]);
	}
	add_next(&s[0]); /* still open; flow 1 is not */
	add_next(&s[1]);
	batch_run(&b);
	assert_int_equal(b.c.n, 10);
	assert_int_equal(b.c.groups[0].n, 3);
	assert_int_equal(b.c.groups[1].n, 1);
}

/*
 * Two flows whose keys are made equal, as somebody may do who reads coalesce.c, are still two: a
 * group that was begun while the other flow's hid the first does not overtake it.
 */
static void keys_that_meet(void **state)
{
	struct shape s = udp4;

	(void)state;
	s.df = true;
	batch_init(&b, BOTH, 0);
	add(&s);
	add(&s);
	uint32_t was, is;
	uint64_t both;
	memcpy(&was, last() + 20, 4);
	put16(last() + 20, 4444);
	memcpy(&is, last() + 20, 4);
	memcpy(&both, last() + 12, 8);
	both ^= was * UINT64_C(0x9e3779b97f4a7c15) ^ is * UINT64_C(0x9e3779b97f4a7c15);
	memcpy(last() + 12, &both, 8);
	naive_finish(&s, last(), b.pkts[1].len);
	changed();
	add(&s);
	s.payload = 50;
	add(&s);
	s.payload = 100;
	add(&s);
	batch_run(&b);
	assert_int_equal(b.c.n, 3);
	assert_int_equal(b.c.groups[0].n, 3);
}

/* Same flow, other peers; dropped packets; packets for another peer. */
static void peers_drops_relays(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		struct shape s = tcp4;
		batch_init(&b, BOTH, 0);
		add_next(&s);
		add(&s);
		if (how == 0)
			b.pkts[1].peer = 2;
		else if (how == 1)
			b.pkts[1].drop = LNL_DROP_AUTH;
		else
			b.pkts[1].relay = 3;
		add_next(&s);
		batch_run(&b);
		assert_int_equal(b.c.n, how == 0 ? 2 : 1);
		assert_int_equal(b.c.groups[0].n, 2);
		assert_int_equal(b.c.groups[0].last, 2);
	}
	/* A fragment closes its own peer's groups; what is neither TCP nor UDP closes none. */
	for (unsigned how = 0; how < 3; how++) {
		struct shape s = tcp4, other = udp4;
		batch_init(&b, BOTH, 0);
		add_next(&s);
		add(&other);
		if (how < 2)
			last()[6] = 0x20;
		else
			last()[9] = 1;
		changed();
		b.pkts[1].peer = how == 0 ? 2 : 1;
		add_next(&s);
		batch_run(&b);
		assert_int_equal(b.c.n, how == 1 ? 3 : 2);
	}
}

static void frames(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned tags = 0; tags < 3; tags++) {
			struct shape s = *kinds[kind];
			s.link = 14;
			s.tags = tags;
			batch_init(&b, BOTH, 14);
			for (unsigned i = 0; i < 4; i++)
				add_next(&s);
			batch_run(&b);
			assert_int_equal(b.c.n, tags == 0 ? 1 : 4);
		}
}

/* 65,535 bytes from the IP header on, and not one more. */
static void longest_group(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++)
		for (unsigned more = 0; more < 2; more++) {
			struct shape s = *kinds[kind % 4];
			s.link = kind >= 4 ? 14 : 0;
			s.payload = 1000;
			unsigned room = 65535 - (shape_headers(&s) - s.link);
			batch_init(&b, BOTH, s.link);
			for (unsigned i = 0; i < 65; i++)
				add_next(&s);
			assert_in_range(room - 65000, 1, 1000);
			s.payload = room - 65000 + more;
			add_next(&s);
			batch_run(&b);
			assert_int_equal(b.c.n, 1 + more);
			if (more == 0)
				assert_int_equal(b.c.groups[0].len, 65535 + s.link);
		}
}

/* Whatever is not IP, or nothing at all. */
static void noise(void **state)
{
	uint64_t seed = 5;
	struct lnl_vnet vnet;
	uint8_t p[200];

	(void)state;
	batch_init(&b, BOTH, 0);
	batch_run(&b);
	assert_int_equal(b.c.n, 0);
	for (unsigned round = 0; round < 2000; round++) {
		batch_init(&b, BOTH, round % 2 * 14);
		for (unsigned i = 0; i < 40; i++) {
			struct shape s = *kinds[next_random(&seed) % 4];
			s.link = b.c.link;
			for (unsigned k = 0; k < sizeof(p); k++)
				p[k] = (uint8_t)next_random(&seed);
			if (next_random(&seed) % 2)
				batch_add(&b, p, next_random(&seed) % sizeof(p));
			else
				batch_add(&b, p,
					  next_random(&seed) % (build_packet(&s, p, &vnet) + 1));
		}
		batch_run(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follow_on_each_other),
		cmocka_unit_test(only_what_is_taken),
		cmocka_unit_test(sizes),
		cmocka_unit_test(empty_packets),
		cmocka_unit_test(push),
		cmocka_unit_test(split_and_back),
		cmocka_unit_test(fin_and_cwr),
		cmocka_unit_test(each_bit),
		cmocka_unit_test(flags_of_loners),
		cmocka_unit_test(sequence),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(nothing_overtakes),
		cmocka_unit_test(ids),
		cmocka_unit_test(wrong_checksums),
		cmocka_unit_test(forms_of_zero),
		cmocka_unit_test(lengths),
		cmocka_unit_test(interleaved),
		cmocka_unit_test(eldest_gives_way),
		cmocka_unit_test(keys_that_meet),
		cmocka_unit_test(peers_drops_relays),
		cmocka_unit_test(frames),
		cmocka_unit_test(longest_group),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests_name("data/coalesce", tests, NULL, NULL);
}
