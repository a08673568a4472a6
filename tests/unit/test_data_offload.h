/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets for the tests of segmentation offload, and checksums by the slowest and plainest way,
 * which shares nothing with the engine's.
 */
#ifndef LNL_TEST_DATA_OFFLOAD_H
#define LNL_TEST_DATA_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "data/vnet.h"

/* Bytes of a packet, IPv6 not counting its own header, with its link layer. */
#define SUPER_MAX (65535 + 40 + 14 + 8)

enum { TCP = 6, UDP = 17 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

/* The same sequence for the same seed. */
static inline uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* RFC 1071, byte by byte, from |sum| on. */
static inline uint16_t naive_sum(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;

	for (size_t i = 0; i < len; i++) {
		s += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		if (s > 0xffff)
			s = s - 0xffff;
	}
	return (uint16_t)s;
}

/* What a packet is like. */
struct shape {
	bool ipv4, tcp;
	unsigned link;	   /* 0, or 14: Ethernet */
	unsigned tags;	   /* VLAN tags behind it */
	unsigned ip_more;  /* bytes of IPv4 options (by 4) or IPv6 extension headers (by 8) */
	unsigned tcp_more; /* bytes of TCP options (by 4) */
	unsigned payload;  /* bytes */
	unsigned gso_size; /* 0: a packet of its own, its checksums whole */
	unsigned flags;	   /* TCP's */
	unsigned id, seq;  /* the first ones */
	unsigned port;	   /* the source's */
	bool df;
	uint64_t seed; /* of what else there is */
};

static inline unsigned shape_ip(const struct shape *s)
{
	return s->link + 4 * s->tags;
}

static inline unsigned shape_l4(const struct shape *s)
{
	return shape_ip(s) + (s->ipv4 ? 20 : 40) + s->ip_more;
}

static inline unsigned shape_headers(const struct shape *s)
{
	return shape_l4(s) + (s->tcp ? 20 + s->tcp_more : 8);
}

static inline unsigned shape_len(const struct shape *s)
{
	return shape_headers(s) + s->payload;
}

static inline unsigned shape_check(const struct shape *s)
{
	return shape_l4(s) + (s->tcp ? 16 : 6);
}

/* The pseudo header's sum for |len| bytes of TCP or UDP. */
static inline uint16_t naive_pseudo(const struct shape *s, const uint8_t *p, uint32_t len)
{
	uint8_t rest[4] = { 0, s->tcp ? TCP : UDP };
	uint16_t sum = s->ipv4 ? naive_sum(0, p + shape_ip(s) + 12, 8)
			       : naive_sum(0, p + shape_ip(s) + 8, 32);

	put16(rest + 2, len);
	return naive_sum(sum, rest, 4);
}

/* Writes lengths and full checksums for |len| bytes in all. */
static inline void naive_finish(const struct shape *s, uint8_t *p, uint32_t len)
{
	unsigned ip = shape_ip(s), l4 = shape_l4(s);
	uint16_t check;

	if (s->ipv4) {
		put16(p + ip + 2, len - ip);
		put16(p + ip + 10, 0);
		put16(p + ip + 10, (uint16_t)~naive_sum(0, p + ip, l4 - ip));
	} else {
		put16(p + ip + 4, len - ip - 40);
	}
	if (!s->tcp)
		put16(p + l4 + 4, len - l4);
	put16(p + shape_check(s), 0);
	check = (uint16_t)~naive_sum(naive_pseudo(s, p, len - l4), p + l4, len - l4);
	put16(p + shape_check(s), !s->tcp && check == 0 ? 0xffff : check);
}

static inline void build_link(const struct shape *s, uint8_t *p)
{
	for (unsigned i = 0; i < 12 && i < s->link; i++)
		p[i] = (uint8_t)(2 + 16 * i);
	if (s->link == 0)
		return;
	for (unsigned i = 0; i < s->tags; i++) {
		put16(p + 12 + 4 * i, i == 0 && s->tags == 2 ? 0x88a8 : 0x8100);
		put16(p + 14 + 4 * i, 0x2000 + 77 * i);
	}
	put16(p + 12 + 4 * s->tags, s->ipv4 ? 0x0800 : 0x86dd);
}

static inline void build_ip(const struct shape *s, uint8_t *ip, uint64_t *seed)
{
	if (s->ipv4) {
		ip[0] = (uint8_t)(0x45 + s->ip_more / 4);
		ip[1] = 0x28;
		put16(ip + 4, s->id);
		put16(ip + 6, s->df ? 0x4000 : 0);
		ip[8] = 64;
		ip[9] = s->tcp ? TCP : UDP;
		put32(ip + 12, 0x0a080001);
		put32(ip + 16, 0x0a080002);
		memset(ip + 20, 1, s->ip_more); /* NOPs */
		return;
	}
	put32(ip, 0x62812345);
	ip[6] = s->tcp ? TCP : UDP;
	ip[7] = 64;
	for (unsigned i = 8; i < 40; i++)
		ip[i] = (uint8_t)next_random(seed);
	/* Hop by hop first, destination options as long as there is room; eight bytes each. */
	for (unsigned at = 0; at < s->ip_more; at += 8) {
		uint8_t *next = at == 0 ? ip + 6 : ip + 40 + at - 8;
		ip[40 + at] = *next;
		*next = at == 0 ? 0 : 60;
		ip[41 + at] = 0;
		put16(ip + 42 + at, 0x0104); /* PadN of four */
		put32(ip + 44 + at, 0);
	}
}

static inline void build_tcp(const struct shape *s, uint8_t *tcp, uint64_t *seed)
{
	put16(tcp + 2, 443);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, 0xfedcba98);
	tcp[12] = (uint8_t)((20 + s->tcp_more) / 4 << 4);
	tcp[13] = (uint8_t)s->flags;
	put16(tcp + 14, 501);
	put16(tcp + 18, 0);
	memset(tcp + 20, 1, s->tcp_more);
	if (s->tcp_more >= 12) {
		put16(tcp + 22, 0x080a); /* timestamps */
		for (unsigned i = 24; i < 32; i++)
			tcp[i] = (uint8_t)next_random(seed);
	}
}

/*
 * Writes the packet to |p| of SUPER_MAX bytes and its |vnet|, hdr_len wrong on purpose. Returns its
 * length.
 */
static inline uint32_t build_packet(const struct shape *s, uint8_t *p, struct lnl_vnet *vnet)
{
	uint64_t seed = s->seed;
	uint32_t len = shape_len(s);

	build_link(s, p);
	build_ip(s, p + shape_ip(s), &seed);
	if (s->tcp)
		build_tcp(s, p + shape_l4(s), &seed);
	else
		put16(p + shape_l4(s) + 2, 53);
	put16(p + shape_l4(s), s->port);
	for (unsigned i = shape_headers(s); i < len; i++)
		p[i] = (uint8_t)next_random(&seed);
	naive_finish(s, p, len);
	memset(vnet, 0, sizeof(*vnet));
	if (s->gso_size == 0)
		return len;
	put16(p + shape_check(s), naive_pseudo(s, p, len - shape_l4(s)));
	vnet->flags = LNL_VNET_NEEDS_CSUM;
	vnet->gso_type = !s->tcp   ? LNL_VNET_GSO_UDP
			 : s->ipv4 ? LNL_VNET_GSO_TCP4
				   : LNL_VNET_GSO_TCP6;
	if (s->tcp && (s->flags & CWR) != 0)
		vnet->gso_type |= LNL_VNET_GSO_ECN;
	vnet->hdr_len = (uint16_t)next_random(&seed);
	vnet->gso_size = (uint16_t)s->gso_size;
	vnet->csum_start = (uint16_t)shape_l4(s);
	vnet->csum_offset = s->tcp ? 16 : 6;
	return len;
}

static inline unsigned naive_segments(const struct shape *s)
{
	return s->payload == 0 ? 1 : (s->payload + s->gso_size - 1) / s->gso_size;
}

/* Writes to |out| what segment |i| of the super-packet |p| has to be; returns its length. */
static inline uint32_t naive_segment(const struct shape *s, const uint8_t *p, unsigned i,
				     uint8_t *out)
{
	unsigned headers = shape_headers(s), from = i * s->gso_size;
	unsigned payload = s->payload - from < s->gso_size ? s->payload - from : s->gso_size;
	uint8_t *ip = out + shape_ip(s), *tcp = out + shape_l4(s);

	memcpy(out, p, headers);
	memcpy(out + headers, p + headers + from, payload);
	if (s->ipv4)
		put16(ip + 4, s->id + i);
	if (s->tcp) {
		put32(tcp + 4, s->seq + from);
		if (i + 1 < naive_segments(s))
			tcp[13] &= (uint8_t) ~(FIN | PSH);
		if (i > 0)
			tcp[13] &= (uint8_t)~CWR;
	}
	naive_finish(s, out, headers + payload);
	return headers + payload;
}

/* Any shape; of a super-packet, or of one alone. */
static inline struct shape random_shape(uint64_t *seed)
{
	struct shape s = { .ipv4 = next_random(seed) % 2, .tcp = next_random(seed) % 2 };

	s.link = next_random(seed) % 2 * 14;
	s.tags = s.link != 0 && next_random(seed) % 3 == 0 ? next_random(seed) % 3 : 0;
	if (next_random(seed) % 4 == 0)
		s.ip_more = s.ipv4 ? next_random(seed) % 11 * 4 : next_random(seed) % 4 * 8;
	s.tcp_more = next_random(seed) % 2 * 12;
	if (next_random(seed) % 4 == 0)
		s.tcp_more = next_random(seed) % 11 * 4;
	s.gso_size = 1 + next_random(seed) % (next_random(seed) % 2 ? 1460 : 200);
	s.payload = 1 + next_random(seed) % (s.gso_size * 45);
	if (next_random(seed) % 4 == 0)
		s.payload = s.gso_size * (1 + next_random(seed) % 45);
	while (shape_len(&s) - shape_ip(&s) > 65535)
		s.payload -= s.gso_size;
	s.flags = ACK | (next_random(seed) & (PSH | ECE));
	s.id = next_random(seed) & 0xffff;
	s.seq = next_random(seed) * 2 + 1;
	if (next_random(seed) % 8 == 0) /* the end of the numbers */
		s.id = 0xfffe, s.seq = UINT32_MAX - 1000;
	s.port = 1024 + next_random(seed) % 60000;
	s.df = next_random(seed) % 2;
	s.seed = next_random(seed);
	return s;
}

#endif
