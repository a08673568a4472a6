/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What segments have in common is summed up once, at the beginning; a segment then costs a copy of
 * the headers and one pass over its payload.
 */
#include "data/split.h"

#include <string.h>

#include "data/bytes.h"
#include "data/csum.h"
#include "lunel_codes.h"

/* One's complement has two zeros; UDP's 0 says that there is no checksum. */
static uint16_t udp_check(uint16_t check)
{
	return check == 0 ? 0xffff : check;
}

/* A packet that stays as it is, but for its checksum. */
static int take_whole(struct lnl_split *s, uint8_t *p, uint32_t len, const struct lnl_vnet *vnet)
{
	if ((vnet->flags & LNL_VNET_NEEDS_CSUM) != 0) {
		uint32_t at = (uint32_t)vnet->csum_start + vnet->csum_offset;
		if (at + 2 > len)
			return LNL_E_FORMAT;
		uint64_t sum = lnl_csum_add(0, p + vnet->csum_start, len - vnet->csum_start);
		uint16_t check = (uint16_t)~lnl_csum_fold(sum);
		if (vnet->csum_offset == LNL_UDP_CHECK)
			check = udp_check(check);
		lnl_store16(p + at, check);
	}
	s->whole = true;
	s->at = p;
	s->left = len;
	s->n = 0;
	return 0;
}

/* Whether |vnet| says of the packet what |h| found in it. */
static bool agrees(const struct lnl_headers *h, const struct lnl_vnet *vnet)
{
	switch (vnet->gso_type) {
	case LNL_VNET_GSO_TCP4:
	case LNL_VNET_GSO_TCP4 | LNL_VNET_GSO_ECN:
		if (!h->tcp || !h->ipv4)
			return false;
		break;
	case LNL_VNET_GSO_TCP6:
	case LNL_VNET_GSO_TCP6 | LNL_VNET_GSO_ECN:
		if (!h->tcp || h->ipv4)
			return false;
		break;
	case LNL_VNET_GSO_UDP:
		if (h->tcp)
			return false;
		break;
	default:
		return false;
	}
	if (vnet->gso_size == 0)
		return false;
	return (vnet->flags & LNL_VNET_NEEDS_CSUM) == 0 ||
	       (vnet->csum_start == h->l4 && vnet->csum_offset == lnl_headers_check(h->tcp));
}

/* Keeps the headers, without what each segment has of its own, and sums them up. */
static void keep_headers(struct lnl_split *s, const uint8_t *p, uint64_t pseudo)
{
	uint8_t *ip = s->first + s->ip, *l4 = s->first + s->l4;

	memcpy(s->first, p, s->headers);
	if (s->ipv4) {
		s->ip_id = lnl_load16(ip + LNL_IPV4_ID);
		memset(ip + LNL_IPV4_LENGTH, 0, 2);
		memset(ip + LNL_IPV4_ID, 0, 2);
		memset(ip + LNL_IPV4_CHECK, 0, 2);
		s->ip_sum = lnl_csum_add_header(0, ip, s->l4 - s->ip);
	}
	if (s->tcp) {
		s->seq = lnl_load32(l4 + LNL_TCP_SEQ);
		s->tcp_flags = l4[LNL_TCP_FLAGS];
		memset(l4 + LNL_TCP_SEQ, 0, 4);
		l4[LNL_TCP_FLAGS] = 0;
		memset(l4 + LNL_TCP_CHECK, 0, 2);
	} else {
		memset(l4 + LNL_UDP_LENGTH, 0, 2);
		memset(l4 + LNL_UDP_CHECK, 0, 2);
	}
	s->sum = lnl_csum_add(pseudo, l4, s->headers - s->l4);
}

int lnl_split_init(struct lnl_split *s, uint8_t *p, uint32_t len, const struct lnl_vnet *vnet,
		   uint32_t link)
{
	struct lnl_headers h;

	if (vnet->gso_type == LNL_VNET_GSO_NONE)
		return take_whole(s, p, len, vnet);
	/* Bytes behind IP's end would become payload. */
	if (lnl_headers_find(&h, p, len, link) != LNL_HEADERS_FOUND || h.total != len ||
	    !agrees(&h, vnet))
		return LNL_E_FORMAT;

	uint64_t pseudo;
	if ((vnet->flags & LNL_VNET_NEEDS_CSUM) != 0)
		pseudo = lnl_csum_sub16(lnl_csum_add(0, p + h.l4 + lnl_headers_check(h.tcp), 2),
					(uint16_t)(len - h.l4));
	else
		pseudo = lnl_headers_pseudo(&h, p);
	s->whole = false;
	s->at = p + h.end;
	s->left = len - h.end;
	s->headers = h.end;
	s->segment = vnet->gso_size;
	s->n = 0;
	s->ip = h.ip;
	s->l4 = h.l4;
	s->ipv4 = h.ipv4;
	s->tcp = h.tcp;
	s->ecn = (vnet->gso_type & LNL_VNET_GSO_ECN) != 0;
	keep_headers(s, p, pseudo);
	return 0;
}

static void write_ip(struct lnl_split *s, uint8_t *ip, uint32_t len)
{
	if (!s->ipv4) {
		lnl_store16(ip + LNL_IPV6_LENGTH, (uint16_t)(len - LNL_IPV6_LEN));
		return;
	}
	uint64_t sum = lnl_csum_add16(lnl_csum_add16(s->ip_sum, (uint16_t)len), s->ip_id);
	lnl_store16(ip + LNL_IPV4_LENGTH, (uint16_t)len);
	lnl_store16(ip + LNL_IPV4_ID, s->ip_id);
	lnl_store16(ip + LNL_IPV4_CHECK, (uint16_t)~lnl_csum_fold(sum));
	s->ip_id++;
}

/* |len| bytes of header and payload at |tcp|. */
static void write_tcp(struct lnl_split *s, uint8_t *tcp, uint32_t len, uint32_t payload, bool last)
{
	uint8_t flags = s->tcp_flags;

	if (!last)
		flags &= (uint8_t) ~(LNL_TCP_FIN | LNL_TCP_PSH);
	if (s->n > 0 && s->ecn)
		flags &= (uint8_t)~LNL_TCP_CWR;
	uint64_t sum = lnl_csum_add16(s->sum, (uint16_t)len);
	sum = lnl_csum_add32(sum, s->seq);
	sum = lnl_csum_add16(sum, flags);
	sum = lnl_csum_add(sum, tcp + len - payload, payload);
	lnl_store32(tcp + LNL_TCP_SEQ, s->seq);
	tcp[LNL_TCP_FLAGS] = flags;
	lnl_store16(tcp + LNL_TCP_CHECK, (uint16_t)~lnl_csum_fold(sum));
	s->seq += payload;
}

static void write_udp(struct lnl_split *s, uint8_t *udp, uint32_t len)
{
	/* The length is in the pseudo header, too. */
	uint64_t sum = lnl_csum_add16(lnl_csum_add16(s->sum, (uint16_t)len), (uint16_t)len);

	sum = lnl_csum_add(sum, udp + LNL_UDP_LEN, len - LNL_UDP_LEN);
	lnl_store16(udp + LNL_UDP_LENGTH, (uint16_t)len);
	lnl_store16(udp + LNL_UDP_CHECK, udp_check((uint16_t)~lnl_csum_fold(sum)));
}

bool lnl_split_next(struct lnl_split *s, uint8_t **p, uint32_t *len)
{
	/* A packet without payload is a segment, too. */
	if (s->n > 0 && s->left == 0)
		return false;
	if (s->whole) {
		*p = s->at;
		*len = s->left;
		s->left = 0;
		s->n++;
		return true;
	}
	uint32_t payload = s->left < s->segment ? s->left : s->segment;
	uint32_t total = s->headers + payload;
	uint8_t *first = s->at - s->headers;
	memcpy(first, s->first, s->headers);
	write_ip(s, first + s->ip, total - s->ip);
	if (s->tcp)
		write_tcp(s, first + s->l4, total - s->l4, payload, payload == s->left);
	else
		write_udp(s, first + s->l4, total - s->l4);
	s->at += payload;
	s->left -= payload;
	s->n++;
	*p = first;
	*len = total;
	return true;
}
