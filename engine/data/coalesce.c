/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet is compared with the first of its flow's open group as it came from the wire; that one
 * is made the head of its group only when all packets have been seen. What is asked first costs
 * least: checksums come last, and of a packet that no other joins none is looked at.
 */
#include "data/coalesce.h"

#include <string.h>

#include "data/bytes.h"
#include "data/csum.h"

#define GROUP_MAX 65535 /* bytes from the IP header on */

/* ---- words of a packet, in the machine's order ---- */

static inline uint64_t word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t half(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* What of two words has to be equal. */
struct mask {
	uint8_t bytes[8];
};

static inline uint64_t differ(const uint8_t *a, const uint8_t *b, const struct mask *mask)
{
	return (word(a) ^ word(b)) & word(mask->bytes);
}

static inline uint64_t differ_all(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint64_t d = 0;

	for (; len >= 8; len -= 8, a += 8, b += 8)
		d |= word(a) ^ word(b);
	if (len >= 4) {
		d |= half(a) ^ half(b);
		len -= 4, a += 4, b += 4;
	}
	for (; len > 0; len--)
		d |= (uint64_t)(*a++ ^ *b++);
	return d;
}

/* ---- headers ---- */

/* All but lengths, ids, checksums, the sequence number and PSH. */
static bool same_headers(const uint8_t *a, const uint8_t *b, const struct lnl_headers *h)
{
	static const struct mask ipv4_0 = { { 255, 255, 0, 0, 0, 0, 255, 255 } },
				 ipv4_8 = { { 255, 255, 0, 0, 255, 255, 255, 255 } },
				 ipv6_0 = { { 255, 255, 255, 255, 0, 0, 255, 255 } },
				 tcp_0 = { { 255, 255, 255, 255, 0, 0, 0, 0 } },
				 tcp_8 = { { 255, 255, 255, 255, 255, 255 - LNL_TCP_PSH, 255,
					     255 } };
	uint64_t d = differ_all(a, b, h->ip);

	a += h->ip;
	b += h->ip;
	uint32_t ip_len = h->l4 - h->ip;
	if (h->ipv4) {
		d |= differ(a, b, &ipv4_0) | differ(a + 8, b + 8, &ipv4_8);
		d |= differ_all(a + 16, b + 16, ip_len - 16);
	} else {
		d |= differ(a, b, &ipv6_0) | differ_all(a + 8, b + 8, ip_len - 8);
	}
	a += ip_len;
	b += ip_len;
	if (h->tcp) {
		d |= differ(a, b, &tcp_0) | differ(a + 8, b + 8, &tcp_8);
		d |= differ_all(a + LNL_TCP_URGENT, b + LNL_TCP_URGENT,
				h->end - h->l4 - LNL_TCP_URGENT);
	} else {
		d |= half(a) ^ half(b);
	}
	return d == 0;
}

/* A number that packets of one flow share and that those of another rarely have. */
static uint64_t flow_key(const uint8_t *p, const struct lnl_headers *h, uint32_t peer)
{
	uint64_t ports = half(p + h->l4);
	uint64_t key = (ports + h->tcp) * UINT64_C(0x9e3779b97f4a7c15) ^ peer;
	const uint8_t *ip = p + h->ip;

	if (h->ipv4)
		return key ^ word(ip + LNL_IPV4_SOURCE);
	key ^= word(ip + LNL_IPV6_SOURCE) ^ word(ip + LNL_IPV6_SOURCE + 8) * 3;
	return key ^ word(ip + LNL_IPV6_SOURCE + 16) * 5 ^ word(ip + LNL_IPV6_SOURCE + 24) * 7;
}

/* Whether two packets are of one flow, whatever else their headers |ha| and |h| say. */
static bool same_flow(const uint8_t *a, const struct lnl_headers *ha, const uint8_t *b,
		      const struct lnl_headers *h)
{
	if (ha->tcp != h->tcp || ha->ipv4 != h->ipv4 || half(a + ha->l4) != half(b + h->l4))
		return false;
	uint32_t from = h->ip + (h->ipv4 ? LNL_IPV4_SOURCE : LNL_IPV6_SOURCE);
	return differ_all(a + from, b + from, h->ipv4 ? 8 : 32) == 0;
}

/*
 * Whether IPv4's and TCP's or UDP's checksums are right, and of the two forms of zero have the one
 * that lnl_split writes.
 */
static bool sums_are_right(const uint8_t *p, const struct lnl_headers *h)
{
	const uint8_t *l4 = p + h->l4;
	uint32_t len = h->total - h->l4;

	if (h->ipv4) {
		uint64_t sum = lnl_csum_add_header(0, p + h->ip, h->l4 - h->ip);
		if (lnl_csum_fold(sum) != 0xffff ||
		    lnl_load16(p + h->ip + LNL_IPV4_CHECK) == 0xffff)
			return false;
	}
	uint64_t sum = lnl_csum_add16(lnl_headers_pseudo(h, p), (uint16_t)len);
	if (lnl_csum_fold(lnl_csum_add(sum, l4, len)) != 0xffff)
		return false;
	return !h->tcp || lnl_load16(l4 + LNL_TCP_CHECK) != 0xffff;
}

/* ---- what may be put together ---- */

/* Whether the packet can be in a group at all, TCP's flags aside. */
static bool is_candidate(const struct lnl_packet *pkt, const struct lnl_headers *h)
{
	const uint8_t *l4 = pkt->p + h->l4;

	/* What is behind IP's end (an Ethernet frame's padding) would become payload. */
	if (h->total != pkt->len || h->end == pkt->len || pkt->len - h->ip > GROUP_MAX)
		return false;
	return h->tcp || (lnl_load16(l4 + LNL_UDP_LENGTH) == pkt->len - h->l4 &&
			  lnl_load16(l4 + LNL_UDP_CHECK) != 0);
}

static bool has_push(const uint8_t *p, const struct lnl_headers *h)
{
	return h->tcp && (p[h->l4 + LNL_TCP_FLAGS] & LNL_TCP_PSH) != 0;
}

/* Whether others may follow it. ECE and the flags that are none of ours have to be equal in all. */
static bool can_head(const uint8_t *p, const struct lnl_headers *h)
{
	const uint8_t last =
		LNL_TCP_SYN | LNL_TCP_FIN | LNL_TCP_RST | LNL_TCP_URG | LNL_TCP_CWR | LNL_TCP_PSH;

	return !h->tcp || (p[h->l4 + LNL_TCP_FLAGS] & last) == 0;
}

/* Whether |p|'s IPv4 id comes next; the second packet of a group says how they go on. */
static bool id_follows(struct lnl_coalesce_open *o, unsigned n, const uint8_t *p)
{
	const uint8_t *ip = p + o->h.ip;
	uint16_t past = (uint16_t)(lnl_load16(ip + LNL_IPV4_ID) - o->ip_id);

	if (n > 1)
		return past == (uint16_t)(n * o->step);
	if (past == 0 && (lnl_load16(ip + LNL_IPV4_FLAGS) & LNL_IPV4_DF) == 0)
		return false;
	o->step = past;
	return past <= 1;
}

static bool can_join(const struct lnl_coalesce *c, struct lnl_coalesce_open *o,
		     const struct lnl_packet *pkts, unsigned i, const struct lnl_headers *h)
{
	const struct lnl_group *g = &c->groups[o->group];
	const struct lnl_packet *pkt = &pkts[i], *head = &pkts[g->first];
	uint32_t payload = pkt->len - h->end;

	if (h->l4 != o->h.l4 || h->end != o->h.end)
		return false;
	if (payload > o->size || g->len - h->ip + payload > GROUP_MAX)
		return false;
	if (!same_headers(head->p, pkt->p, h))
		return false;
	if (h->tcp && lnl_load32(pkt->p + h->l4 + LNL_TCP_SEQ) != o->seq)
		return false;
	if (h->ipv4 && !id_follows(o, g->n, pkt->p))
		return false;
	if (!o->checked && !sums_are_right(head->p, &o->h))
		return false;
	o->checked = true;
	return sums_are_right(pkt->p, h);
}

/* ---- groups ---- */

static struct lnl_group *begin(struct lnl_coalesce *c, const struct lnl_packet *pkts, unsigned i)
{
	struct lnl_group *g = &c->groups[c->n++];

	*g = (struct lnl_group){ .first = (uint16_t)i, .last = (uint16_t)i, .n = 1 };
	g->len = pkts[i].len;
	g->peer = pkts[i].peer;
	return g;
}

static void join(struct lnl_coalesce *c, struct lnl_coalesce_open *o, unsigned i, uint32_t payload)
{
	struct lnl_group *g = &c->groups[o->group];

	if (g->n == 1) {
		g->headers = (uint16_t)o->h.end;
		g->vnet.flags = LNL_VNET_NEEDS_CSUM;
		g->vnet.gso_type = !o->h.tcp   ? LNL_VNET_GSO_UDP
				   : o->h.ipv4 ? LNL_VNET_GSO_TCP4
					       : LNL_VNET_GSO_TCP6;
		g->vnet.hdr_len = (uint16_t)o->h.end;
		g->vnet.gso_size = o->size;
		g->vnet.csum_start = (uint16_t)o->h.l4;
		g->vnet.csum_offset = (uint16_t)lnl_headers_check(o->h.tcp);
	}
	c->next[g->last] = (uint16_t)i;
	g->last = (uint16_t)i;
	g->n++;
	g->len += payload;
	o->seq += payload;
}

/* Makes place |k| of the open ones the first. */
static void to_front(struct lnl_coalesce *c, unsigned k)
{
	struct lnl_coalesce_open o = c->open[k];

	memmove(c->open + 1, c->open, k * sizeof(o));
	c->open[0] = o;
}

static void close_at(struct lnl_coalesce *c, unsigned k)
{
	c->n_open--;
	memmove(c->open + k, c->open + k + 1, (c->n_open - k) * sizeof(*c->open));
}

static void close_peer(struct lnl_coalesce *c, uint32_t peer)
{
	unsigned k = c->n_open;

	while (k-- > 0)
		if (c->groups[c->open[k].group].peer == peer)
			close_at(c, k);
}

/* The group that was begun last waits for more; the one that has waited longest gives way. */
static void open_last(struct lnl_coalesce *c, const struct lnl_packet *pkt,
		      const struct lnl_headers *h, uint64_t key)
{
	if (c->n_open < LNL_COALESCE_FLOWS)
		c->n_open++;
	memmove(c->open + 1, c->open, (c->n_open - 1) * sizeof(*c->open));
	struct lnl_coalesce_open *o = &c->open[0];
	*o = (struct lnl_coalesce_open){ .key = key, .h = *h, .group = (uint16_t)(c->n - 1) };
	o->size = (uint16_t)(pkt->len - h->end);
	if (h->tcp)
		o->seq = lnl_load32(pkt->p + h->l4 + LNL_TCP_SEQ) + o->size;
	if (h->ipv4)
		o->ip_id = lnl_load16(pkt->p + h->ip + LNL_IPV4_ID);
}

/* Tries the open group of the packet's flow; where the packet cannot join, the group is closed. */
static bool try_flow(struct lnl_coalesce *c, const struct lnl_packet *pkts, unsigned i,
		     const struct lnl_headers *h, uint64_t key, bool candidate)
{
	for (unsigned k = 0; k < c->n_open; k++) {
		struct lnl_coalesce_open *o = &c->open[k];
		const struct lnl_group *g = &c->groups[o->group];
		if (o->key != key || g->peer != pkts[i].peer ||
		    !same_flow(pkts[g->first].p, &o->h, pkts[i].p, h))
			continue;
		if (!candidate || !can_join(c, o, pkts, i, h)) {
			/* Later packets of the flow must not overtake this one. */
			close_at(c, k);
			return false;
		}
		uint32_t payload = pkts[i].len - h->end;
		join(c, o, i, payload);
		if (payload < o->size || has_push(pkts[i].p, h))
			close_at(c, k);
		else if (k > 0)
			to_front(c, k);
		return true;
	}
	return false;
}

static void take(struct lnl_coalesce *c, const struct lnl_packet *pkts, unsigned i)
{
	const struct lnl_packet *pkt = &pkts[i];
	struct lnl_headers h;
	enum lnl_headers_kind kind = lnl_headers_find(&h, pkt->p, pkt->len, c->link);

	/* Whatever flow a fragment or the like belongs to, that flow's packets stay in order. */
	if (kind == LNL_HEADERS_ODD)
		close_peer(c, pkt->peer);
	/* Frames with VLAN tags are never put together; they are other networks' besides. */
	if (kind != LNL_HEADERS_FOUND || h.ip != c->link ||
	    (c->of & (h.tcp ? LNL_COALESCE_TCP : LNL_COALESCE_UDP)) == 0) {
		(void)begin(c, pkts, i);
		return;
	}
	uint64_t key = flow_key(pkt->p, &h, pkt->peer);
	bool candidate = is_candidate(pkt, &h);
	if (try_flow(c, pkts, i, &h, key, candidate))
		return;
	(void)begin(c, pkts, i);
	if (candidate && can_head(pkt->p, &h))
		open_last(c, pkt, &h, key);
}

/* The first packet becomes the head of all. */
static void write_head(const struct lnl_group *g, struct lnl_packet *pkts, uint32_t link)
{
	uint8_t *p = pkts[g->first].p, *ip = p + link, *l4 = p + g->vnet.csum_start;
	struct lnl_headers h = { .ip = link, .l4 = g->vnet.csum_start, .ipv4 = ip[0] >> 4 == 4 };
	uint16_t len = (uint16_t)(g->len - h.l4);

	h.tcp = g->vnet.gso_type != LNL_VNET_GSO_UDP;
	if (h.ipv4) {
		lnl_store16(ip + LNL_IPV4_LENGTH, (uint16_t)(g->len - link));
		memset(ip + LNL_IPV4_CHECK, 0, 2);
		uint64_t sum = lnl_csum_add_header(0, ip, h.l4 - link);
		lnl_store16(ip + LNL_IPV4_CHECK, (uint16_t)~lnl_csum_fold(sum));
	} else {
		lnl_store16(ip + LNL_IPV6_LENGTH, (uint16_t)(g->len - link - LNL_IPV6_LEN));
	}
	if (h.tcp)
		l4[LNL_TCP_FLAGS] |= pkts[g->last].p[h.l4 + LNL_TCP_FLAGS] & LNL_TCP_PSH;
	else
		lnl_store16(l4 + LNL_UDP_LENGTH, len);
	uint64_t sum = lnl_csum_add16(lnl_headers_pseudo(&h, p), len);
	lnl_store16(l4 + lnl_headers_check(h.tcp), lnl_csum_fold(sum));
}

void lnl_coalesce(struct lnl_coalesce *c, struct lnl_packet *pkts, unsigned n)
{
	c->n = 0;
	c->n_open = 0;
	for (unsigned i = 0; i < n && i < LNL_COALESCE_MAX; i++) {
		c->next[i] = LNL_COALESCE_NONE;
		if (pkts[i].drop == LNL_DROP_NONE && pkts[i].relay == LNL_PEER_ID_NONE)
			take(c, pkts, i);
	}
	for (unsigned k = 0; k < c->n; k++)
		if (c->groups[k].n > 1)
			write_head(&c->groups[k], pkts, c->link);
}
