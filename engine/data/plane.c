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
	int rc = lnl_routes_init(&d->routes, env);
	if (rc == 0)
		rc = lnl_table_init(&d->peers, env);
	if (rc != 0) {
		lnl_release(env, d);
		return rc;
	}
	*out = d;
	return 0;
}

static void free_peer(struct lnl_data *d, struct lnl_peer *p)
{
	for (unsigned i = 0; i < LNL_SLOTS; i++)
		lnl_keyslot_free(p->slots[i], d->env);
	lnl_routes_forget(&d->routes, p);
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
	lnl_routes_deinit(&d->routes);
	lnl_ivs_deinit(&d->ivs);
	lnl_release(d->env, d);
}

unsigned lnl_data_caps(const struct lnl_data *d)
{
	(void)d;
	return LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_DATA_V1 | LNL_DATA_CAP_CBC | LNL_DATA_CAP_ROUTES;
}

static bool is_valid(const struct lnl_peer_conf *conf)
{
	return conf->id < LNL_PEER_ID_NONE && conf->wire_id <= LNL_PEER_ID_NONE;
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
	p->conf = *conf;
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
	p->conf = *conf;
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
	free_peer(d, p);
	return 0;
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
	lnl_keyslot_free(p->slots[slot], d->env);
	p->slots[slot] = k;
	lnl_timer_update(d, p);
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
	lnl_timer_update(d, p);
	return 0;
}

int lnl_data_key_del(struct lnl_data *d, uint32_t peer, enum lnl_slot slot)
{
	struct lnl_peer *p = lnl_table_find(&d->peers, peer);

	if (p == NULL)
		return LNL_E_NOTFOUND;
	lnl_keyslot_free(p->slots[slot], d->env);
	p->slots[slot] = NULL;
	lnl_timer_update(d, p);
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
