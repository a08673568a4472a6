/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's pools of addresses, and the file that keeps who had which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_service.h"

#define FIRST6 0x1000 /* where OpenVPN's pools begin in an IPv6 network */

/* ---- ranges ---- */

static struct lnl_ip plus(const struct lnl_ip *ip, uint32_t n)
{
	unsigned len = ip->family == 6 ? 16 : 4;
	struct lnl_ip out = *ip;
	uint64_t carry = n;
	unsigned i;

	for (i = len; i > 0 && carry; i--) {
		carry += out.bytes[i - 1];
		out.bytes[i - 1] = (uint8_t)carry;
		carry >>= 8;
	}
	return out;
}

/* The last address of the prefix, or of the first 2^LNL_POOL_BITS behind |first|. */
static struct lnl_ip last_of(const struct lnl_prefix *p, const struct lnl_ip *first)
{
	unsigned len = p->ip.family == 6 ? 16 : 4, bit;
	struct lnl_ip out = p->ip;

	if (len * 8 - p->bits > LNL_POOL_BITS)
		return plus(first, (UINT32_C(1) << LNL_POOL_BITS) - 1);
	for (bit = p->bits; bit < len * 8; bit++)
		out.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return out;
}

static struct lnl_ip minus_one(const struct lnl_ip *ip)
{
	struct lnl_ip out = *ip;
	unsigned i = ip->family == 6 ? 16 : 4;

	while (i-- > 0 && out.bytes[i]-- == 0)
		;
	return out;
}

/* What of our own network clients get: not our addresses, not the broadcast. */
static void own_range(const struct lnl_service_conf *c, const struct lnl_prefix *net,
		      struct lnl_pool_conf *out)
{
	if (net->ip.family == 6) {
		out->first = plus(&net->ip, net->bits < 112 ? FIRST6 : 2);
		out->last = last_of(net, &out->first);
		return;
	}
	if (c->o.topology == LNL_SERVER_NET30) {
		out->kind = LNL_POOL_NET30;
		out->first = plus(&net->ip, 4);
		out->last = last_of(net, &out->first);
		return;
	}
	out->first = plus(&net->ip, 2);
	out->last = last_of(net, &out->first);
	out->last = minus_one(&out->last);
}

static int named_range(const struct lnl_service_conf *c, const struct lnl_pool_range *r,
		       struct lnl_pool_conf *out)
{
	struct lnl_prefix p;

	if (!r->first)
		return LNL_E_INVAL;
	if (r->last) {
		if (lnl_ip_parse(&out->first, r->first) < 0)
			return LNL_E_FORMAT;
		return lnl_ip_parse(&out->last, r->last);
	}
	if (lnl_prefix_parse(&p, r->first) < 0)
		return LNL_E_FORMAT;
	lnl_prefix_mask(&p);
	out->first = p.ip;
	out->last = last_of(&p, &p.ip);
	/* A pool that is our whole network, or begins as it does, leaves our own address out. */
	if (lnl_ip_equal(&p.ip, &c->net4.ip) || lnl_ip_equal(&p.ip, &c->net6.ip))
		own_range(c, &p, out);
	return 0;
}

/* ---- making them ---- */

static int add(struct lnl_service *s, const char *name, const struct lnl_pool_conf *conf,
	       struct lnl_reason *why)
{
	struct lnl_named_pool *p = &s->pools[s->n_pools];
	int rc = lnl_pool_new(&p->pool, &s->engine->env, conf);

	if (rc < 0)
		return lnl_reason_set(why, rc, "pool '%s': %s", name,
				      rc == LNL_E_NOMEM ? lnl_error_text(rc)
							: "it is no range of addresses");
	p->name = name;
	p->family = conf->first.family;
	s->n_pools++;
	return 0;
}

static int add_ranges(struct lnl_service *s, struct lnl_reason *why)
{
	const struct lnl_service_conf *c = &s->conf;
	unsigned i;
	int rc = 0;

	for (i = 0; rc == 0 && i < c->o.n_pools; i++) {
		const struct lnl_pool_range *r = &c->o.pools[i];
		struct lnl_pool_conf conf = { .kind = LNL_POOL_SINGLE };

		if (named_range(c, r, &conf) < 0)
			return lnl_reason_set(why, LNL_E_INVAL,
					      "pool '%s': '%s' is no network or address", r->name,
					      r->first ? r->first : "");
		if (c->o.topology == LNL_SERVER_NET30 && conf.first.family == 4)
			conf.kind = LNL_POOL_NET30;
		rc = add(s, r->name, &conf, why);
	}
	return rc;
}

struct lnl_pool *lnl_pools_find(const struct lnl_service *s, const char *name, int family)
{
	unsigned i;

	for (i = 0; i < s->n_pools; i++)
		if (s->pools[i].family == family && strcmp(s->pools[i].name, name ? name : "") == 0)
			return s->pools[i].pool;
	return NULL;
}

/* Marks |ip| in all pools that have it but |except|; in none when it fails. */
static int mark(struct lnl_service *s, const struct lnl_ip *ip, const struct lnl_pool *except,
		bool *in)
{
	unsigned i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->n_pools; i++) {
		if (s->pools[i].family != ip->family || s->pools[i].pool == except)
			continue;
		rc = lnl_pool_reserve(s->pools[i].pool, ip);
		if (rc == 0)
			*in = true;
		else if (rc == LNL_E_NOTFOUND)
			rc = 0;
	}
	if (rc == 0)
		return 0;
	for (i--; i-- > 0;)
		if (s->pools[i].family == ip->family && s->pools[i].pool != except)
			lnl_pool_release(s->pools[i].pool, ip);
	*in = false;
	return rc;
}

int lnl_pools_take(struct lnl_service *s, struct lnl_pool *from, const char *name,
		   struct lnl_ip *out)
{
	int rc = lnl_pool_take(from, name, out);
	bool in = false;

	if (rc < 0)
		return rc;
	rc = mark(s, out, from, &in);
	if (rc < 0)
		lnl_pool_release(from, out);
	return rc;
}

int lnl_pools_reserve(struct lnl_service *s, const struct lnl_ip *ip, bool *in)
{
	*in = false;
	return mark(s, ip, NULL, in);
}

void lnl_pools_release(struct lnl_service *s, const struct lnl_ip *ip)
{
	unsigned i;

	for (i = 0; i < s->n_pools; i++)
		if (s->pools[i].family == ip->family)
			lnl_pool_release(s->pools[i].pool, ip);
}

void lnl_pools_deinit(struct lnl_service *s)
{
	unsigned i;

	for (i = 0; i < s->n_pools; i++)
		lnl_pool_free(s->pools[i].pool);
	s->n_pools = 0;
}

/* ---- leases ---- */

static void restore(void *ctx, const char *name, const struct lnl_ip *ip)
{
	struct lnl_service *s = ctx;
	unsigned i;

	/* Of a pool that is gone, or now has other addresses, nothing is left. */
	for (i = 0; i < s->n_pools; i++)
		if (s->pools[i].family == ip->family &&
		    lnl_pool_lease(s->pools[i].pool, name, ip) == 0)
			return;
}

static unsigned version(const struct lnl_service *s)
{
	unsigned v = 0, i;

	for (i = 0; i < s->n_pools; i++)
		v += lnl_pool_version(s->pools[i].pool);
	return v;
}

/* No file of ours is larger; the rest is for comments. */
static size_t largest_file(const struct lnl_service *s)
{
	size_t n = 4096, i;

	for (i = 0; i < s->n_pools; i++)
		n += lnl_pool_size(s->pools[i].pool);
	return n * LNL_LEASE_LINE;
}

static void load_leases(struct lnl_service *s)
{
	struct lnl_reason why = { "" };
	char *text = NULL;
	size_t len = 0;
	unsigned bad = 0;
	int rc;

	if (!s->conf.o.leases)
		return;
	rc = lnl_store_load(s->conf.o.leases, largest_file(s), &text, &len, &why);
	/* Read again after privileges were dropped. */
	if (rc == LNL_E_PERM)
		rc = lnl_process_read(s->engine->process, s->conf.o.leases, &text, &len);
	if (rc == 0)
		bad = lnl_lease_read(text, len, s, restore);
	free(text);
	if (rc < 0 && rc != LNL_E_NOTFOUND)
		lnl_log(&s->engine->log, LNL_LEVEL_WARN, "leases.unreadable",
			LNL_F("why", why.text));
	if (bad)
		lnl_log(&s->engine->log, LNL_LEVEL_WARN, "leases.bad_lines",
			LNL_F("file", s->conf.o.leases), LNL_F("lines", (int64_t)bad));
	s->leases_version = version(s);
}

static int make_pools(struct lnl_service *s, struct lnl_reason *why)
{
	const struct lnl_prefix *nets[] = { &s->conf.net4, &s->conf.net6 };
	int rc = add_ranges(s, why);
	unsigned i;

	for (i = 0; rc == 0 && i < 2; i++) {
		struct lnl_pool_conf conf = { .kind = LNL_POOL_SINGLE };

		if (!nets[i]->ip.family || lnl_pools_find(s, "", nets[i]->ip.family))
			continue;
		own_range(&s->conf, nets[i], &conf);
		rc = add(s, "", &conf, why);
	}
	return rc;
}

int lnl_pools_init(struct lnl_service *s, struct lnl_reason *why)
{
	int rc = make_pools(s, why);

	if (rc == 0)
		load_leases(s);
	return rc;
}

/* ---- other pools while clients are there ---- */

struct pools {
	struct lnl_named_pool list[LNL_SERVICE_POOLS];
	unsigned n, n_ranges;
	const struct lnl_pool_range *ranges;
};

static void keep(const struct lnl_service *s, struct pools *out)
{
	memcpy(out->list, s->pools, sizeof(out->list));
	out->n = s->n_pools;
	out->ranges = s->conf.o.pools;
	out->n_ranges = s->conf.o.n_pools;
}

static void put_back(struct lnl_service *s, const struct pools *old)
{
	lnl_pools_deinit(s);
	memcpy(s->pools, old->list, sizeof(s->pools));
	s->n_pools = old->n;
	s->conf.o.pools = old->ranges;
	s->conf.o.n_pools = old->n_ranges;
}

struct moving {
	struct lnl_service *s;
	struct lnl_pool *to; /* of the same name; NULL: there is none */
};

/* A lease stays in the pool of its name, or goes where such an address is. */
static void move_lease(void *ctx, const char *name, const struct lnl_ip *ip)
{
	struct moving *m = ctx;

	if (!m->to || lnl_pool_lease(m->to, name, ip) != 0)
		restore(m->s, name, ip);
}

static void move_leases(struct lnl_service *s, const struct lnl_named_pool *old)
{
	struct moving m = { s, lnl_pools_find(s, old->name, old->family) };

	lnl_pool_each(old->pool, &m, move_lease);
}

static int hold_one(struct lnl_service *s, const struct lnl_ip *ip, bool wanted, bool *in)
{
	int rc = wanted && ip->family ? lnl_pools_reserve(s, ip, in) : 0;

	return rc == LNL_E_EXIST ? 0 : rc;
}

/*
 * What clients have is in use, in whichever pool it lies now: first what came from a pool, then what
 * lay in none (|fixed|). A preview of another's address is nobody's.
 */
static int hold_used(struct lnl_service *s, bool fixed, bool *in4, bool *in6)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->n_slots; i++) {
		const struct lnl_served *v = s->served[i];
		bool others = v && fixed && !v->ended && v->waits != LNL_WAIT_GRANT;

		if (!v)
			continue;
		rc = hold_one(s, &v->address4, v->took4 ? !fixed : others, &in4[i]);
		if (rc == 0)
			rc = hold_one(s, &v->address6, v->took6 ? !fixed : others, &in6[i]);
	}
	return rc;
}

static int move_in(struct lnl_service *s, const struct pools *old, bool *in4, bool *in6,
		   struct lnl_reason *why)
{
	unsigned i;
	int rc;

	s->n_pools = 0;
	rc = make_pools(s, why);
	for (i = 0; rc == 0 && i < old->n; i++)
		move_leases(s, &old->list[i]);
	if (rc == 0)
		rc = hold_used(s, false, in4, in6);
	return rc == 0 ? hold_used(s, true, in4, in6) : rc;
}

static void settle_in(struct lnl_service *s, struct pools *old, const bool *in4, const bool *in6)
{
	uint32_t i;

	for (i = 0; i < s->n_slots; i++) {
		if (!s->served[i])
			continue;
		s->served[i]->took4 = in4[i];
		s->served[i]->took6 = in6[i];
	}
	for (i = 0; i < old->n; i++)
		lnl_pool_free(old->list[i].pool);
	s->leases_version = version(s) - 1; /* they are written in their new order */
}

int lnl_pools_replace(struct lnl_service *s, const struct lnl_pool_range *ranges, unsigned n,
		      bool check, struct lnl_reason *why)
{
	bool *in = calloc(2 * (size_t)s->n_slots + 1, sizeof(*in));
	struct pools old;
	int rc = in ? 0 : LNL_E_NOMEM;

	if (rc < 0)
		return rc;
	keep(s, &old);
	s->conf.o.pools = ranges;
	s->conf.o.n_pools = n;
	rc = move_in(s, &old, in, in + s->n_slots, why);
	if (rc < 0 || check)
		put_back(s, &old);
	else
		settle_in(s, &old, in, in + s->n_slots);
	free(in);
	return rc;
}

void lnl_pools_rename(struct lnl_service *s)
{
	const struct lnl_server_options *o = &s->conf.o;
	unsigned i;

	/* add_ranges made them first and in this order; the name of the others is a constant. */
	for (i = 0; i < o->n_pools && i < s->n_pools; i++)
		s->pools[i].name = o->pools[i].name;
}

static void put(void *ctx, const char *name, const struct lnl_ip *ip)
{
	lnl_lease_write(ctx, name, ip);
}

static void measure(void *ctx, const char *name, const struct lnl_ip *ip)
{
	size_t *len = ctx;

	*len += lnl_lease_len(name, ip);
}

/* What all leases take as text. */
static size_t text_len(const struct lnl_service *s)
{
	size_t len = 0;
	unsigned i;

	for (i = 0; i < s->n_pools; i++)
		lnl_pool_each(s->pools[i].pool, &len, measure);
	return len;
}

void lnl_leases_save(struct lnl_service *s, bool now)
{
	uint64_t interval = (uint64_t)s->conf.o.leases_interval * LNL_SECOND;
	struct lnl_reason why = { "" };
	struct lnl_writer w;
	size_t cap;
	char *text;
	unsigned i;

	if (!s->conf.o.leases || !interval || version(s) == s->leases_version ||
	    (!now && lnl_clock_now() < s->leases_at))
		return;
	cap = text_len(s);
	text = malloc(cap + 1);
	if (!text)
		return; /* the next time */
	s->leases_at = lnl_clock_now() + interval;
	lnl_writer_init(&w, text, cap);
	for (i = 0; i < s->n_pools; i++)
		lnl_pool_each(s->pools[i].pool, &w, put);
	if (!w.error && lnl_process_write(s->engine->process, s->conf.o.leases, text,
					  lnl_writer_len(&w), true, &why) == 0)
		s->leases_version = version(s);
	else
		lnl_log(&s->engine->log, LNL_LEVEL_WARN, "leases.unwritten",
			LNL_F("why", why.text));
	free(text);
}
