/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/plane.h"

#include "data/framing.h"

int lnl_data_new(struct lnl_data **out, const struct lnl_env *env, uint32_t max_peers)
{
	*out = NULL;
	if (max_peers == 0 || max_peers > LNL_PEER_ID_NONE)
		return LNL_E_INVAL;
	struct lnl_data *d = lnl_alloc(env, sizeof(*d));
	if (d == NULL)
		return LNL_E_NOMEM;
	d->env = env;
	d->max_peers = max_peers;
	lnl_ivs_init(&d->ivs, env);
	if (lnl_table_init(&d->peers, env) != 0) {
		lnl_release(env, d);
		return LNL_E_NOMEM;
	}
	*out = d;
	return 0;
}

static void free_peer(struct lnl_data *d, struct lnl_peer *p)
{
	for (unsigned i = 0; i < LNL_SLOTS; i++)
		lnl_keyslot_free(p->slots[i], d->env);
	while (p->routes != NULL) {
		struct lnl_peer_route *r = p->routes;
		p->routes = r->next;
		lnl_release(d->env, r);
	}
	lnl_release(d->env, p);
}

void lnl_data_free(struct lnl_data *d)
{
	if (d == NULL)
		return;
	for (uint32_t i = 0; i < d->heap_n; i++)
		free_peer(d, d->heap[i].peer);
	lnl_release(d->env, d->heap);
	lnl_table_deinit(&d->peers, d->env);
	if (d->routes != NULL)
		lnl_routes_deinit(d->routes, d->env);
	lnl_release(d->env, d->routes);
	lnl_ivs_deinit(&d->ivs);
	lnl_release(d->env, d);
}

unsigned lnl_data_caps(const struct lnl_data *d)
{
	(void)d;
	return LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_DATA_V1 | LNL_DATA_CAP_CBC |
	       LNL_DATA_CAP_ROUTES | LNL_DATA_CAP_RATES;
}

static bool is_valid(const struct lnl_peer_conf *conf)
{
	return conf->id < LNL_PEER_ID_NONE && conf->wire_id <= LNL_PEER_ID_NONE;
}

static void configure(struct lnl_peer *p, const struct lnl_peer_conf *conf)
{
	p->conf = *conf;
	lnl_rate_set(&p->down, conf->rate_down);
	lnl_rate_set(&p->up, conf->rate_up);
}

int lnl_data_peer_add(struct lnl_data *d, const struct lnl_peer_conf *conf, uint64_t now)
{
	if (!is_valid(conf))
		return LNL_E_INVAL;
	if (lnl_table_find(&d->peers, conf->id) != NULL)
		return LNL_E_EXIST;
	if (d->peers.n >= d->max_peers)
		return LNL_E_LIMIT;
	struct lnl_peer *p = lnl_alloc(d->env, sizeof(*p));
	if (p == NULL)
		return LNL_E_NOMEM;
	configure(p, conf);
	p->sent_at = p->heard_at = now;
	if (lnl_timer_reserve(d) != 0 || lnl_table_add(&d->peers, d->env, p) != 0) {
		lnl_release(d->env, p);
		return LNL_E_NOMEM;
	}
	lnl_timer_add(d, p);
	return 0;
}

/*
 * A new interval or timeout counts from now: the old one's start may lie further back than it is
 * long.
 */
int lnl_data_peer_set(struct lnl_data *d, const struct lnl_peer_conf *conf, uint64_t now)
{
	if (!is_valid(conf))
		return LNL_E_INVAL;
	struct lnl_peer *p = lnl_table_find(&d->peers, conf->id);
	if (p == NULL)
		return LNL_E_NOTFOUND;
	if (conf->ping_interval != p->conf.ping_interval)
		p->sent_at = now;
	if (conf->ping_timeout != p->conf.ping_timeout)
		p->heard_at = now;
	configure(p, conf);
	lnl_timer_update(d, p);
	return 0;
}

int lnl_data_peer_del(struct lnl_data *d, uint32_t id)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, id);

	if (p == NULL)
		return LNL_E_NOTFOUND;
	lnl_notice_forget(d, p);
	lnl_timer_remove(d, p);
	lnl_table_remove(&d->peers, p);
	if (d->last == p)
		d->last = NULL;
	for (const struct lnl_peer_route *r = p->routes; r != NULL; r = r->next)
		lnl_routes_remove(d->routes, &r->prefix);
	free_peer(d, p);
	return 0;
}

static void count_ids(struct lnl_counters *c, const struct lnl_keyslot *k)
{
	if (k == NULL)
		return;
	c->ids_used += k->replay.highest;
	c->ids_came += k->replay.accepted;
}

void lnl_data_slot_drop(struct lnl_data *d, struct lnl_peer *p, unsigned slot)
{
	count_ids(&p->counters, p->slots[slot]);
	lnl_keyslot_free(p->slots[slot], d->env);
	p->slots[slot] = NULL;
}

static void keys_changed(struct lnl_data *d, struct lnl_peer *p)
{
	lnl_table_note_key(&d->peers, p);
	lnl_timer_update(d, p);
}

int lnl_data_key_install(struct lnl_data *d, uint32_t peer, enum lnl_slot slot,
			 const struct lnl_key_conf *key)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);
	struct lnl_keyslot *k;

	if (p == NULL)
		return LNL_E_NOTFOUND;
	int r = lnl_keyslot_new(&k, d->env, key);
	if (r != 0)
		return r;
	lnl_data_slot_drop(d, p, slot);
	p->slots[slot] = k;
	keys_changed(d, p);
	return 0;
}

int lnl_data_key_swap(struct lnl_data *d, uint32_t peer)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);

	if (p == NULL)
		return LNL_E_NOTFOUND;
	struct lnl_keyslot *k = p->slots[LNL_SLOT_PRIMARY];
	p->slots[LNL_SLOT_PRIMARY] = p->slots[LNL_SLOT_SECONDARY];
	p->slots[LNL_SLOT_SECONDARY] = k;
	keys_changed(d, p);
	return 0;
}

int lnl_data_key_del(struct lnl_data *d, uint32_t peer, enum lnl_slot slot)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);

	if (p == NULL)
		return LNL_E_NOTFOUND;
	lnl_data_slot_drop(d, p, slot);
	keys_changed(d, p);
	return 0;
}

int lnl_data_key_expire(struct lnl_data *d, uint32_t peer, enum lnl_slot slot, uint64_t when)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);

	if (p == NULL || p->slots[slot] == NULL)
		return LNL_E_NOTFOUND;
	p->slots[slot]->expires = when;
	lnl_timer_update(d, p);
	return 0;
}

/* A client has none, and no memory for them. */
static int have_routes(struct lnl_data *d)
{
	if (d->routes != NULL)
		return 0;
	d->routes = lnl_alloc(d->env, sizeof(*d->routes));
	if (d->routes == NULL)
		return LNL_E_NOMEM;
	lnl_routes_init(d->routes);
	return 0;
}

static uint32_t owner_of(const struct lnl_data *d, const struct lnl_prefix *masked)
{
	return d->routes != NULL ? lnl_routes_owner(d->routes, masked) : LNL_PEER_ID_NONE;
}

static int add_route(struct lnl_data *d, struct lnl_peer *p, const struct lnl_prefix *masked)
{
	struct lnl_peer_route *r = lnl_alloc(d->env, sizeof(*r));
	int rc = r != NULL ? have_routes(d) : LNL_E_NOMEM;

	if (rc == 0)
		rc = lnl_routes_add(d->routes, d->env, masked, p->conf.id);
	if (rc != 0) {
		lnl_release(d->env, r);
		return rc;
	}
	d->route_changes++;
	r->prefix = *masked;
	r->next = p->routes;
	p->routes = r;
	p->n_routes++;
	return 0;
}

int lnl_data_route_add(struct lnl_data *d, const struct lnl_prefix *prefix, uint32_t peer)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);
	struct lnl_prefix masked = *prefix;

	if (p == NULL)
		return LNL_E_NOTFOUND;
	if (!lnl_routes_is_valid(prefix))
		return LNL_E_INVAL;
	lnl_prefix_mask(&masked);
	uint32_t owner = owner_of(d, &masked);
	if (owner != LNL_PEER_ID_NONE)
		return owner == peer ? 0 : LNL_E_EXIST;
	if (p->n_routes >= LNL_ROUTES_PEER)
		return LNL_E_LIMIT;
	return add_route(d, p, &masked);
}

int lnl_data_route_del(struct lnl_data *d, const struct lnl_prefix *prefix)
{
	struct lnl_prefix masked = *prefix;

	if (!lnl_routes_is_valid(prefix))
		return LNL_E_NOTFOUND;
	lnl_prefix_mask(&masked);
	uint32_t owner = owner_of(d, &masked);
	if (owner == LNL_PEER_ID_NONE)
		return LNL_E_NOTFOUND;
	struct lnl_peer *p = lnl_table_find(&d->peers, owner);
	struct lnl_peer_route **at = &p->routes, *r;
	while ((r = *at)->prefix.bits != masked.bits || !lnl_ip_equal(&r->prefix.ip, &masked.ip))
		at = &r->next;
	*at = r->next;
	p->n_routes--;
	d->route_changes++;
	lnl_release(d->env, r);
	lnl_routes_remove(d->routes, &masked);
	return 0;
}

uint32_t lnl_data_route_find(const struct lnl_data *d, const struct lnl_ip *ip)
{
	if (d->routes == NULL)
		return LNL_PEER_ID_NONE;
	switch (ip->family) {
	case 4:
		return lnl_routes_find4(d->routes, ip->bytes);
	case 6:
		return lnl_routes_find6(d->routes, ip->bytes);
	default:
		return LNL_PEER_ID_NONE;
	}
}

void lnl_data_set_relay(struct lnl_data *d, bool on)
{
	d->relay = on;
}

int lnl_data_counters(const struct lnl_data *d, uint32_t peer, struct lnl_counters *out)
{
	if (peer == LNL_PEER_ID_NONE) {
		*out = d->strays;
		return 0;
	}
	const struct lnl_peer *p = lnl_table_find(&d->peers, peer);
	if (p == NULL)
		return LNL_E_NOTFOUND;
	*out = p->counters;
	for (unsigned i = 0; i < LNL_SLOTS; i++)
		count_ids(out, p->slots[i]);
	return 0;
}

unsigned lnl_data_overhead(enum lnl_cipher c, enum lnl_digest digest, bool data_v2,
			   enum lnl_framing framing)
{
	unsigned n = lnl_keyslot_overhead(c, digest, data_v2);

	switch (framing) {
	case LNL_FRAMING_LZO:
	case LNL_FRAMING_STUB:
		return n + 1;
	case LNL_FRAMING_STUB_V2:
		return n + LNL_FRAMING_HEAD_MAX;
	case LNL_FRAMING_NONE:
		break;
	}
	return n;
}
