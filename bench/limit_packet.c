/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Super-packets cut into segments and segments put together, in the plain form: one copy, with the
 * checksum in the same pass on the way out and none on the way in. Written for this yardstick alone,
 * so that it shares nothing with what it measures.
 */
#include <string.h>

#include "bench/limit.h"

#define IPV6_HEADER 40
#define TCP_FIN	    0x01
#define TCP_PSH	    0x08
#define TCP_ACK	    0x10
#define TCP_CWR	    0x80
#define PROTO_TCP   6
#define PROTO_UDP   17
#define UDP_HEADER  8
#define JOIN_UDP    64 /* datagrams that the kernel takes in one */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* ---- checksums: sums of words as they lie in memory ---- */

static uint64_t sum_tail(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	/* The words' places in it do not matter when it is folded. */
	memcpy(&v, p, n);
	return (uint32_t)v + (v >> 32);
}

static uint64_t sum(const uint8_t *p, size_t n)
{
	uint64_t low = 0, high = 0, v;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&v, p, 8);
		low += (uint32_t)v;
		high += v >> 32;
	}
	return low + high + sum_tail(p, n);
}

static uint64_t copy_and_sum(uint8_t *to, const uint8_t *p, size_t n)
{
	uint64_t low[2] = { 0, 0 }, high[2] = { 0, 0 }, v[2];

	for (; n >= 16; p += 16, to += 16, n -= 16) {
		memcpy(v, p, 16);
		memcpy(to, v, 16);
		low[0] += (uint32_t)v[0];
		low[1] += (uint32_t)v[1];
		high[0] += v[0] >> 32;
		high[1] += v[1] >> 32;
	}
	memcpy(to, p, n);
	return low[0] + low[1] + high[0] + high[1] + sum(p, n);
}

static uint16_t fold(uint64_t s)
{
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static void put_checksum(uint8_t *p, uint64_t s, bool udp)
{
	uint16_t v = (uint16_t)~fold(s);

	if (v == 0 && udp)
		v = 0xffff;
	memcpy(p, &v, 2);
}

static uint64_t pseudo(const uint8_t *ip, size_t l4_len, bool tcp)
{
	uint8_t end[4];

	put16(end, l4_len);
	put16(end + 2, tcp ? PROTO_TCP : PROTO_UDP);
	if (ip[0] >> 4 == 4)
		return sum(ip + 12, 8) + sum(end, 4);
	return sum(ip + 8, 32) + sum(end, 4);
}

/* The IP header of a packet of |len| bytes, whose length has changed. */
static void put_ip_length(uint8_t *ip, size_t len)
{
	if (ip[0] >> 4 == 4) {
		put16(ip + 2, len);
		put16(ip + 10, 0);
		put_checksum(ip + 10, sum(ip, (size_t)(ip[0] & 15) * 4), false);
	} else {
		put16(ip + 4, len - IPV6_HEADER);
	}
}

/* ---- out ---- */

bool limit_split_begin(struct limit_split *s, const struct virtio_net_hdr *vnet,
		       const uint8_t *packet, size_t len)
{
	uint8_t kind = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	*s = (struct limit_split){ .packet = packet, .len = len, .l4 = vnet->csum_start };
	s->checksum = vnet->csum_offset;
	if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (s->l4 + s->checksum + 2 > len)
			return false;
	} else {
		s->l4 = 0;
	}
	if (kind == VIRTIO_NET_HDR_GSO_NONE) {
		s->headers = len;
		return true;
	}
	s->tcp = kind == VIRTIO_NET_HDR_GSO_TCPV4 || kind == VIRTIO_NET_HDR_GSO_TCPV6;
	s->size = vnet->gso_size;
	if ((!s->tcp && kind != VIRTIO_NET_HDR_GSO_UDP_L4) || s->size == 0 || s->l4 < 20 ||
	    s->l4 + 20 > len + (s->tcp ? 0 : 12))
		return false;
	s->headers = s->l4 + (s->tcp ? (size_t)(packet[s->l4 + 12] >> 4) * 4 : UDP_HEADER);
	return s->headers < len;
}

size_t limit_split_len(const struct limit_split *s)
{
	size_t left = s->len - s->headers - s->at;

	if (s->done)
		return 0;
	return s->headers + (s->size != 0 && left > s->size ? s->size : left);
}

static void take_whole(struct limit_split *s, uint8_t *to)
{
	memcpy(to, s->packet, s->len);
	/* The kernel has left the pseudo-header's sum there. */
	if (s->l4 != 0)
		put_checksum(to + s->l4 + s->checksum, sum(to + s->l4, s->len - s->l4),
			     s->checksum == 6);
	s->done = true;
}

void limit_split_take(struct limit_split *s, uint8_t *to)
{
	size_t len = limit_split_len(s), payload = len - s->headers;
	uint8_t *l4 = to + s->l4;

	if (s->size == 0) {
		take_whole(s, to);
		return;
	}
	memcpy(to, s->packet, s->headers);
	uint64_t total = copy_and_sum(to + s->headers, s->packet + s->headers + s->at, payload);
	s->done = s->headers + s->at + payload == s->len;
	if (to[0] >> 4 == 4)
		put16(to + 4, get16(to + 4) + s->i);
	put_ip_length(to, len);
	if (s->tcp) {
		put32(l4 + 4, get32(l4 + 4) + (uint32_t)s->at);
		if (!s->done)
			l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		if (s->i > 0)
			l4[13] &= (uint8_t)~TCP_CWR;
	} else {
		put16(l4 + 4, len - s->l4);
	}
	put16(l4 + s->checksum, 0);
	total += pseudo(to, len - s->l4, s->tcp) + sum(l4, s->headers - s->l4);
	put_checksum(l4 + s->checksum, total, !s->tcp);
	s->at += payload;
	s->i++;
}

/* ---- in ---- */

/* What may begin a group: TCP with payload and no flag of note, or UDP; else false. */
static bool find_flow(const uint8_t *p, size_t len, size_t *l4, size_t *headers, bool *tcp)
{
	uint8_t proto;

	if (len < 20)
		return false;
	if (p[0] >> 4 == 4) {
		*l4 = (size_t)(p[0] & 15) * 4;
		proto = p[9];
		if (get16(p + 2) != len || (get16(p + 6) & 0x3fff) != 0)
			return false;
	} else {
		*l4 = IPV6_HEADER;
		if (len < IPV6_HEADER || get16(p + 4) + (size_t)IPV6_HEADER != len)
			return false;
		proto = p[6];
	}
	*tcp = proto == PROTO_TCP;
	if ((!*tcp && proto != PROTO_UDP) || *l4 + (*tcp ? 20 : UDP_HEADER) >= len)
		return false;
	p += *l4;
	*headers = *l4 + (*tcp ? (size_t)(p[12] >> 4) * 4 : UDP_HEADER);
	return *headers < len && (!*tcp || (p[13] & ~TCP_PSH) == TCP_ACK);
}

/* All that has to be equal of two packets whose headers have the same length. */
static bool same_flow(const uint8_t *a, const uint8_t *b, size_t l4, size_t headers, bool tcp)
{
	if (a[0] >> 4 == 4) {
		if (memcmp(a, b, 2) != 0 || memcmp(a + 6, b + 6, 4) != 0 ||
		    memcmp(a + 12, b + 12, l4 - 12) != 0)
			return false;
	} else if (memcmp(a, b, 4) != 0 || memcmp(a + 6, b + 6, IPV6_HEADER - 6) != 0) {
		return false;
	}
	a += l4;
	b += l4;
	if (memcmp(a, b, 4) != 0)
		return false;
	/* Acknowledged, header's length, window, urgent pointer, options. */
	return !tcp || (memcmp(a + 8, b + 8, 5) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
			memcmp(a + 18, b + 18, headers - l4 - 18) == 0);
}

static void begin(struct limit_join *j, const uint8_t *packet, size_t len)
{
	memcpy(j->buffer + LIMIT_VNET, packet, len);
	j->len = len;
	j->size = len - j->headers;
	j->n = 1;
	j->seq = j->tcp ? get32(packet + j->l4 + 4) + (uint32_t)j->size : 0;
	j->full = j->tcp && (packet[j->l4 + 13] & TCP_PSH);
}

bool limit_join_add(struct limit_join *j, const uint8_t *packet, size_t len, bool udp_too)
{
	uint8_t *head = j->buffer + LIMIT_VNET;
	size_t l4, headers;
	bool tcp;

	if (len > LIMIT_PACKET_MAX || !find_flow(packet, len, &l4, &headers, &tcp) ||
	    (!tcp && !udp_too))
		return false;
	if (j->len == 0) {
		j->l4 = l4;
		j->headers = headers;
		j->tcp = tcp;
		begin(j, packet, len);
		return true;
	}
	size_t payload = len - headers;
	if (j->full || tcp != j->tcp || l4 != j->l4 || headers != j->headers || payload > j->size ||
	    j->len + payload > LIMIT_PACKET_MAX || (!tcp && j->n == JOIN_UDP) ||
	    !same_flow(head, packet, l4, headers, tcp) || (tcp && get32(packet + l4 + 4) != j->seq))
		return false;
	memcpy(head + j->len, packet + headers, payload);
	j->len += payload;
	j->n++;
	j->seq += (uint32_t)payload;
	j->full = payload < j->size;
	if (tcp && (packet[l4 + 13] & TCP_PSH)) {
		head[l4 + 13] |= TCP_PSH;
		j->full = true;
	}
	return true;
}

size_t limit_join_end(struct limit_join *j)
{
	struct virtio_net_hdr vnet = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
	uint8_t *head = j->buffer + LIMIT_VNET, *l4 = head + j->l4;
	bool v4 = head[0] >> 4 == 4;
	size_t len = j->len;

	if (j->n > 1) {
		vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.gso_type = !j->tcp ? VIRTIO_NET_HDR_GSO_UDP_L4
				: v4	? VIRTIO_NET_HDR_GSO_TCPV4
					: VIRTIO_NET_HDR_GSO_TCPV6;
		vnet.gso_size = (uint16_t)j->size;
		vnet.hdr_len = (uint16_t)j->headers;
		vnet.csum_start = (uint16_t)j->l4;
		vnet.csum_offset = j->tcp ? 16 : 6;
		put_ip_length(head, len);
		if (!j->tcp)
			put16(l4 + 4, len - j->l4);
		/* The kernel adds the rest to the pseudo-header's sum. */
		uint16_t begun = fold(pseudo(head, len - j->l4, j->tcp));
		memcpy(l4 + vnet.csum_offset, &begun, 2);
	}
	memcpy(j->buffer, &vnet, LIMIT_VNET);
	j->len = 0;
	return LIMIT_VNET + len;
}
