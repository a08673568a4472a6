/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/routes.h"

#include <string.h>

#include "data/plane.h"

#define CELLS_MIN 16u
#define V4_LEN	  20u
#define V6_LEN	  40u

static unsigned bytes_of(int family)
{
	return family == 6 ? 16 : 4;
}

/* Zeroes what lies behind |bits|. */
static void masked(uint8_t *out, const uint8_t *address, unsigned len, unsigned bits)
{
	unsigned whole = bits / 8;

	memcpy(out, address, whole);
	if (whole == len)
		return;
	out[whole] = (uint8_t)(address[whole] & (0xff00u >> bits % 8));
	memset(out + whole + 1, 0, len - whole - 1);
}

/* Two rounds of multiply and fold over the address and its length. */
static uint32_t hash(uint64_t seed, const uint8_t *address, unsigned len, unsigned bits)
{
	uint64_t h = (seed ^ bits) * UINT64_C(0x9e3779b97f4a7c15), word;
	uint32_t small;

	if (len == 4) {
		memcpy(&small, address, 4);
		h = (h ^ small) * UINT64_C(0xd6e8feb86659fd93);
		return (uint32_t)(h >> 32);
	}
	memcpy(&word, address, 8);
	h = (h ^ word) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	memcpy(&word, address + 8, 8);
	h = (h ^ word) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(h >> 32);
}

static bool is_it(const struct lnl_data_route *e, const uint8_t *address, unsigned len,
		  unsigned bits)
{
	return e->prefix.bits == bits && memcmp(e->prefix.ip.bytes, address, len) == 0;
}

static uint32_t home_of(const struct lnl_routes *r, const struct lnl_route_table *t,
			const struct lnl_data_route *e)
{
	return hash(r->seed, e->prefix.ip.bytes, bytes_of(e->prefix.ip.family), e->prefix.bits) &
	       t->mask;
}

static struct lnl_route_table *table_of(struct lnl_routes *r, int family)
{
	return family == 6 ? &r->v6 : &r->v4;
}

/* The cell of just this prefix, or the free one where it would stand. */
static uint32_t cell_of(const struct lnl_routes *r, const struct lnl_route_table *t,
			const uint8_t *address, unsigned len, unsigned bits)
{
	uint32_t i = hash(r->seed, address, len, bits) & t->mask;

	while (t->cells[i] && !is_it(t->cells[i], address, len, bits))
		i = (i + 1) & t->mask;
	return i;
}

/* ---- lengths ---- */

static void use_length(struct lnl_route_table *t, uint8_t bits)
{
	unsigned at = 0;

	if (t->count[bits]++ > 0)
		return;
	while (at < t->n_lengths && t->lengths[at] > bits)
		at++;
	memmove(&t->lengths[at + 1], &t->lengths[at], t->n_lengths - at);
	t->lengths[at] = bits;
	t->n_lengths++;
}

static void leave_length(struct lnl_route_table *t, uint8_t bits)
{
	unsigned at = 0;

	if (--t->count[bits] > 0)
		return;
	while (t->lengths[at] != bits)
		at++;
	t->n_lengths--;
	memmove(&t->lengths[at], &t->lengths[at + 1], t->n_lengths - at);
}

/* ---- changing ---- */

static int make_room(struct lnl_routes *r, struct lnl_route_table *t)
{
	uint32_t cells = t->cells ? t->mask + 1 : 0;
	struct lnl_route_table wider = *t;
	uint32_t i, at;

	if ((t->n + 1) * 2 <= cells)
		return 0;
	wider.mask = (cells ? cells * 2 : CELLS_MIN) - 1;
	wider.cells = lnl_alloc(r->env, (size_t)(wider.mask + 1) * sizeof(struct lnl_data_route *));
	if (!wider.cells)
		return LNL_E_NOMEM;
	for (i = 0; i < cells; i++) {
		if (!t->cells[i])
			continue;
		at = home_of(r, &wider, t->cells[i]);
		while (wider.cells[at])
			at = (at + 1) & wider.mask;
		wider.cells[at] = t->cells[i];
	}
	lnl_release(r->env, t->cells);
	*t = wider;
	return 0;
}

int lnl_routes_init(struct lnl_routes *r, const struct lnl_env *env)
{
	memset(r, 0, sizeof(*r));
	r->env = env;
	return env->random(env->ctx, (uint8_t *)&r->seed, sizeof(r->seed));
}

void lnl_routes_deinit(struct lnl_routes *r)
{
	lnl_release(r->env, r->v4.cells);
	lnl_release(r->env, r->v6.cells);
}

static bool is_valid(const struct lnl_prefix *p)
{
	return (p->ip.family == 4 && p->bits <= 32) || (p->ip.family == 6 && p->bits <= 128);
}

int lnl_routes_add(struct lnl_routes *r, const struct lnl_prefix *prefix, struct lnl_peer *peer)
{
	struct lnl_prefix clean = *prefix;
	struct lnl_route_table *t;
	struct lnl_data_route *e;
	uint32_t at;

	if (!is_valid(prefix))
		return LNL_E_INVAL;
	lnl_prefix_mask(&clean);
	t = table_of(r, clean.ip.family);
	if (make_room(r, t) < 0)
		return LNL_E_NOMEM;
	at = cell_of(r, t, clean.ip.bytes, bytes_of(clean.ip.family), clean.bits);
	if (t->cells[at])
		return t->cells[at]->peer == peer ? 0 : LNL_E_EXIST;
	if (peer->n_routes >= LNL_ROUTES_PEER)
		return LNL_E_LIMIT;
	e = lnl_alloc(r->env, sizeof(*e));
	if (!e)
		return LNL_E_NOMEM;
	e->prefix = clean;
	e->peer = peer;
	e->next = peer->routes;
	peer->routes = e;
	peer->n_routes++;
	t->cells[at] = e;
	t->n++;
	use_length(t, clean.bits);
	return 0;
}

/*
 * Empties cell |gap|: every later entry of the run that would not be found any more moves back.
 */
static void close_gap(const struct lnl_routes *r, struct lnl_route_table *t, uint32_t gap)
{
	uint32_t i;

	for (i = (gap + 1) & t->mask; t->cells[i]; i = (i + 1) & t->mask) {
		uint32_t home = home_of(r, t, t->cells[i]);

		if (((i - home) & t->mask) < ((i - gap) & t->mask))
			continue;
		t->cells[gap] = t->cells[i];
		gap = i;
	}
	t->cells[gap] = NULL;
}

/* Takes |e| out of its table and releases it; it is off its peer's list already. */
static void take_out(struct lnl_routes *r, struct lnl_data_route *e)
{
	struct lnl_route_table *t = table_of(r, e->prefix.ip.family);

	close_gap(r, t,
		  cell_of(r, t, e->prefix.ip.bytes, bytes_of(e->prefix.ip.family), e->prefix.bits));
	t->n--;
	leave_length(t, e->prefix.bits);
	e->peer->n_routes--;
	lnl_release(r->env, e);
}

int lnl_routes_del(struct lnl_routes *r, const struct lnl_prefix *prefix)
{
	struct lnl_prefix clean = *prefix;
	struct lnl_data_route *e, **p;
	struct lnl_route_table *t;

	if (!is_valid(prefix))
		return LNL_E_NOTFOUND;
	lnl_prefix_mask(&clean);
	t = table_of(r, clean.ip.family);
	if (!t->cells)
		return LNL_E_NOTFOUND;
	e = t->cells[cell_of(r, t, clean.ip.bytes, bytes_of(clean.ip.family), clean.bits)];
	if (!e)
		return LNL_E_NOTFOUND;
	for (p = &e->peer->routes; *p != e; p = &(*p)->next)
		;
	*p = e->next;
	take_out(r, e);
	return 0;
}

void lnl_routes_forget(struct lnl_routes *r, struct lnl_peer *peer)
{
	struct lnl_data_route *e;

	while ((e = peer->routes)) {
		peer->routes = e->next;
		take_out(r, e);
	}
}

/* ---- looking ---- */

struct lnl_peer *lnl_routes_find(const struct lnl_routes *r, int family, const uint8_t *address)
{
	const struct lnl_route_table *t = family == 6 ? &r->v6 : &r->v4;
	unsigned len = bytes_of(family), i;
	uint8_t key[16];

	for (i = 0; i < t->n_lengths; i++) {
		const struct lnl_data_route *e;

		masked(key, address, len, t->lengths[i]);
		e = t->cells[cell_of(r, t, key, len, t->lengths[i])];
		if (e)
			return e->peer;
	}
	return NULL;
}

const uint8_t *lnl_inner_address(const uint8_t *packet, uint32_t len, bool source, int *family)
{
	if (len >= V4_LEN && packet[0] >> 4 == 4) {
		*family = 4;
		return packet + (source ? 12 : 16);
	}
	if (len >= V6_LEN && packet[0] >> 4 == 6) {
		*family = 6;
		return packet + (source ? 8 : 24);
	}
	return NULL;
}

/* ---- the plane's interface ---- */

int lnl_data_route_add(struct lnl_data *d, const struct lnl_prefix *prefix, uint32_t peer)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);

	return p ? lnl_routes_add(&d->routes, prefix, p) : LNL_E_NOTFOUND;
}

int lnl_data_route_del(struct lnl_data *d, const struct lnl_prefix *prefix)
{
	return lnl_routes_del(&d->routes, prefix);
}

uint32_t lnl_data_route_find(const struct lnl_data *d, const struct lnl_ip *ip)
{
	const struct lnl_peer *p = NULL;

	if (ip->family == 4 || ip->family == 6)
		p = lnl_routes_find(&d->routes, ip->family, ip->bytes);
	return p ? p->conf.id : LNL_PEER_ID_NONE;
}

unsigned lnl_data_route(struct lnl_data *d, struct lnl_packet *pkts, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		struct lnl_packet *pkt = &pkts[i];
		const struct lnl_peer *p = NULL;
		const uint8_t *address;
		int family;

		if (pkt->drop != LNL_DROP_NONE)
			continue;
		address = lnl_inner_address(pkt->p, pkt->len, false, &family);
		if (address)
			p = lnl_routes_find(&d->routes, family, address);
		pkt->peer = p ? p->conf.id : LNL_PEER_ID_NONE;
		if (p) {
			found++;
			continue;
		}
		pkt->drop = address ? LNL_DROP_ROUTE : LNL_DROP_INNER;
		d->strays.drops[pkt->drop]++;
	}
	return found;
}

void lnl_data_set_relay(struct lnl_data *d, bool on)
{
	d->relay = on;
}
