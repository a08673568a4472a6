/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Longest prefix match against a plain list; TRUST R4. */
#include "test_data_world.h"

#include "data/routes.h"

static struct lnl_prefix prefix_of(const char *text)
{
	struct lnl_prefix p;

	assert_int_equal(lnl_prefix_parse(&p, text), 0);
	return p;
}

static struct lnl_ip ip_of(const char *text)
{
	struct lnl_ip ip;

	assert_int_equal(lnl_ip_parse(&ip, text), 0);
	return ip;
}

static uint32_t find(const struct lnl_routes *r, const struct lnl_ip *ip)
{
	return ip->family == 4 ? lnl_routes_find4(r, ip->bytes) : lnl_routes_find6(r, ip->bytes);
}

static struct lnl_data *plane_of(struct test_env *env, uint32_t peers)
{
	struct lnl_data *d;

	test_env_init(env);
	assert_int_equal(lnl_data_new(&d, &env->env, peers), 0);
	for (uint32_t id = 0; id < peers; id++) {
		struct lnl_peer_conf conf = { .id = id, .wire_id = id };
		assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	}
	return d;
}

static int add(struct lnl_data *d, const char *text, uint32_t peer)
{
	struct lnl_prefix p = prefix_of(text);

	return lnl_data_route_add(d, &p, peer);
}

static int del(struct lnl_data *d, const char *text)
{
	struct lnl_prefix p = prefix_of(text);

	return lnl_data_route_del(d, &p);
}

static uint32_t where(const struct lnl_data *d, const char *text)
{
	struct lnl_ip ip = ip_of(text);

	return lnl_data_route_find(d, &ip);
}

/* ---- the longest one wins ---- */

static void longest_prefix_wins(void **state)
{
	(void)state;
	static const struct {
		const char *prefix;
		uint32_t peer;
	} routes[] = {
		{ "0.0.0.0/0", 0 },   { "10.0.0.0/8", 1 },	  { "10.8.0.0/16", 2 },
		{ "10.8.0.5/32", 3 }, { "10.8.0.4/31", 4 },	  { "128.0.0.0/1", 5 },
		{ "fd00::/8", 1 },    { "fd00:0:0:1::/64", 2 },	  { "fd00:0:0:1::5/128", 3 },
		{ "fd00::/33", 4 },   { "fd00:0:0:1::4/127", 5 },
	};
	static const struct {
		const char *ip;
		uint32_t peer;
	} rows[] = {
		{ "10.8.0.5", 3 },
		{ "10.8.0.4", 4 },
		{ "10.8.0.6", 2 },
		{ "10.9.0.5", 1 },
		{ "11.0.0.0", 0 },
		{ "0.0.0.0", 0 },
		{ "127.255.255.255", 0 },
		{ "128.0.0.0", 5 },
		{ "255.255.255.255", 5 },
		{ "fd00:0:0:1::5", 3 },
		{ "fd00:0:0:1::4", 5 },
		{ "fd00:0:0:1::6", 2 },
		{ "fd00:0:0:2::5", 4 },
		{ "fd00:0:8000::", 1 },
		{ "fd00:0:7fff:ffff::", 4 },
		{ "fdff:ffff::", 1 },
		{ "fc00::", LNL_PEER_ID_NONE },
		{ "::", LNL_PEER_ID_NONE },
		{ "ffff::", LNL_PEER_ID_NONE },
	};
	struct test_env env;
	struct lnl_data *d = plane_of(&env, 6);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(where(d, rows[i].ip), LNL_PEER_ID_NONE);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		assert_int_equal(add(d, routes[i].prefix, routes[i].peer), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(where(d, rows[i].ip), rows[i].peer);
	/* The next longest takes over, and in the end there is none. */
	assert_int_equal(del(d, "10.8.0.5/32"), 0);
	assert_int_equal(where(d, "10.8.0.5"), 4);
	assert_int_equal(del(d, "10.8.0.4/31"), 0);
	assert_int_equal(where(d, "10.8.0.5"), 2);
	assert_int_equal(del(d, "0.0.0.0/0"), 0);
	assert_int_equal(where(d, "11.0.0.0"), LNL_PEER_ID_NONE);
	assert_int_equal(where(d, "10.8.0.5"), 2);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

static void answers_each_call(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d = plane_of(&env, 3);
	struct lnl_ip none = { 0 };

	assert_int_equal(add(d, "10.1.2.3/24", 1), 0);
	assert_int_equal(where(d, "10.1.2.200"), 1);
	/* Host bits are passed over; the same again is fine, another's is not. */
	assert_int_equal(add(d, "10.1.2.99/24", 1), 0);
	assert_int_equal(add(d, "10.1.2.0/24", 2), LNL_E_EXIST);
	assert_int_equal(add(d, "10.1.2.0/25", 2), 0);
	assert_int_equal(add(d, "10.1.2.0/26", 3), LNL_E_NOTFOUND);
	assert_int_equal(where(d, "10.1.2.1"), 2);
	assert_int_equal(where(d, "10.1.2.200"), 1);
	assert_int_equal(del(d, "10.1.2.77/25"), 0);
	assert_int_equal(del(d, "10.1.2.0/25"), LNL_E_NOTFOUND);
	assert_int_equal(del(d, "fd00::/8"), LNL_E_NOTFOUND);
	assert_int_equal(where(d, "10.1.2.1"), 1);
	/* What is no prefix. */
	static const struct lnl_prefix bad[] = {
		{ { 0, { 0 } }, 0 },
		{ { 4, { 10 } }, 33 },
		{ { 6, { 0xfd } }, 129 },
		{ { 5, { 0xfd } }, 8 },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(lnl_data_route_add(d, &bad[i], 1), LNL_E_INVAL);
		assert_int_equal(lnl_data_route_del(d, &bad[i]), LNL_E_NOTFOUND);
	}
	assert_int_equal(lnl_data_route_find(d, &none), LNL_PEER_ID_NONE);
	/* No randomness, no table. */
	lnl_data_free(d);
	d = plane_of(&env, 1);
	env.no_random = true;
	assert_int_equal(add(d, "10.0.0.0/8", 0), LNL_E_RANDOM);
	assert_int_equal(where(d, "10.0.0.0"), LNL_PEER_ID_NONE);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* Wherever memory ends, the route is not there and the rest is as it was. */
static void runs_out_of_memory(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d = plane_of(&env, 1);
	unsigned refused = 0, added = 0;

	for (uint32_t i = 0; i < LNL_ROUTES_PEER; i++) {
		struct lnl_prefix p = { { 4, { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } }, 32 };
		for (unsigned more = 1; more <= 3; more++) {
			env.fail_at = env.allocations + more;
			int rc = lnl_data_route_add(d, &p, 0);
			if (rc == 0)
				break;
			refused++;
			assert_int_equal(rc, LNL_E_NOMEM);
			assert_int_equal(lnl_data_route_find(d, &p.ip), LNL_PEER_ID_NONE);
			assert_int_equal(lnl_data_route_del(d, &p), LNL_E_NOTFOUND);
		}
		env.fail_at = 0;
		assert_int_equal(lnl_data_route_add(d, &p, 0), 0);
		added++;
		for (uint32_t k = 0; k <= i; k++) {
			struct lnl_ip ip = { 4, { 10, 0, (uint8_t)(k >> 8), (uint8_t)k } };
			assert_int_equal(lnl_data_route_find(d, &ip), 0);
		}
	}
	assert_true(refused > added);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* ---- against a list ---- */

#define LIST 400

struct entry {
	struct lnl_prefix prefix;
	uint32_t peer; /* LNL_PEER_ID_NONE: not there */
};

static uint32_t find_in(const struct entry *list, const struct lnl_ip *ip)
{
	uint32_t peer = LNL_PEER_ID_NONE;
	int bits = -1;

	for (unsigned i = 0; i < LIST; i++) {
		if (list[i].peer == LNL_PEER_ID_NONE || list[i].prefix.bits <= bits ||
		    !lnl_prefix_has(&list[i].prefix, ip))
			continue;
		bits = list[i].prefix.bits;
		peer = list[i].peer;
	}
	return peer;
}

/* Few distinct bits, so that prefixes lie in each other and addresses meet them. */
static void random_ip(uint64_t *seed, struct lnl_ip *ip, uint8_t family)
{
	memset(ip, 0, sizeof(*ip));
	ip->family = family;
	for (unsigned i = 0; i < (family == 4 ? 4u : 16u); i++)
		ip->bytes[i] = next_random(seed) % 4 == 0 ? (uint8_t)(next_random(seed) & 0x81) : 0;
}

static void make_list(struct entry *list, uint64_t *seed)
{
	for (unsigned i = 0; i < LIST; i++) {
		struct lnl_prefix p;
		bool twice;
		do {
			uint8_t family = i % 2 != 0 ? 4 : 6;
			random_ip(seed, &p.ip, family);
			p.bits = (uint8_t)(next_random(seed) % (family == 4 ? 33 : 129));
			lnl_prefix_mask(&p);
			twice = false;
			for (unsigned k = 0; k < i; k++)
				twice |= list[k].prefix.bits == p.bits &&
					 lnl_ip_equal(&list[k].prefix.ip, &p.ip);
		} while (twice);
		list[i] = (struct entry){ p, LNL_PEER_ID_NONE };
	}
}

static void agrees_with_a_list(void **state)
{
	(void)state;
	static struct entry list[LIST];
	struct test_env env;
	struct lnl_routes r;
	uint64_t seed = 11;
	unsigned hits = 0;

	test_env_init(&env);
	lnl_routes_init(&r);
	make_list(list, &seed);
	for (unsigned step = 0; step < 40000; step++) {
		struct entry *e = &list[next_random(&seed) % LIST];
		struct lnl_ip ip;

		assert_int_equal(lnl_routes_owner(&r, &e->prefix), e->peer);
		if (e->peer != LNL_PEER_ID_NONE) {
			lnl_routes_remove(&r, &e->prefix);
			e->peer = LNL_PEER_ID_NONE;
		} else {
			e->peer = next_random(&seed) % LNL_PEER_ID_NONE;
			assert_int_equal(lnl_routes_add(&r, &env.env, &e->prefix, e->peer), 0);
		}
		random_ip(&seed, &ip, step % 2 != 0 ? 4 : 6);
		assert_int_equal(find(&r, &ip), find_in(list, &ip));
		hits += find(&r, &ip) != LNL_PEER_ID_NONE;
	}
	assert_true(hits > 10000);
	for (unsigned i = 0; i < LIST; i++) {
		if (list[i].peer != LNL_PEER_ID_NONE)
			lnl_routes_remove(&r, &list[i].prefix);
	}
	assert_int_equal(r.v4.n + r.v6.n, 0);
	assert_int_equal(r.v4.n_lens + r.v6.n_lens, 0);
	lnl_routes_deinit(&r, &env.env);
	assert_int_equal(env.live, 0);
}

static void many_route(uint32_t i, struct lnl_prefix *p)
{
	memset(p, 0, sizeof(*p));
	p->ip.family = i % 2 != 0 ? 4 : 6;
	p->ip.bytes[0] = i % 2 != 0 ? 10 : 0xfd;
	p->ip.bytes[1] = (uint8_t)(i >> 16);
	p->ip.bytes[2] = (uint8_t)(i >> 8);
	p->ip.bytes[3] = (uint8_t)i;
	p->bits = i % 2 != 0 ? 32 : 64;
}

/* 10^5 routes of 1,000 peers: each leads to its peer, and goes with it. */
static void holds_many(void **state)
{
	(void)state;
	enum { PEERS = 1000, ROUTES = 100000 };
	struct test_env env;
	struct lnl_data *d = plane_of(&env, PEERS);
	struct lnl_prefix p;

	for (uint32_t i = 0; i < ROUTES; i++) {
		many_route(i, &p);
		assert_int_equal(lnl_data_route_add(d, &p, i % PEERS), 0);
	}
	assert_int_equal(d->routes->v4.n + d->routes->v6.n, ROUTES);
	for (uint32_t i = 0; i < ROUTES; i++) {
		many_route(i, &p);
		assert_int_equal(lnl_data_route_find(d, &p.ip), i % PEERS);
	}
	for (uint32_t id = 0; id < PEERS; id += 2)
		assert_int_equal(lnl_data_peer_del(d, id), 0);
	assert_int_equal(d->routes->v4.n + d->routes->v6.n, ROUTES / 2);
	for (uint32_t i = 0; i < ROUTES; i++) {
		uint32_t peer = i % PEERS;
		many_route(i, &p);
		assert_int_equal(lnl_data_route_find(d, &p.ip),
				 peer % 2 != 0 ? peer : LNL_PEER_ID_NONE);
	}
	for (uint32_t id = 1; id < PEERS; id += 2)
		assert_int_equal(lnl_data_peer_del(d, id), 0);
	assert_int_equal(d->routes->v4.n_lens + d->routes->v6.n_lens, 0);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* ---- R4 ---- */

static void r4_a_peer_has_a_limit(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d = plane_of(&env, 2);
	struct lnl_prefix p = { { 4, { 10 } }, 32 };

	for (unsigned i = 0; i < LNL_ROUTES_PEER; i++) {
		p.ip.bytes[3] = (uint8_t)i;
		assert_int_equal(lnl_data_route_add(d, &p, 0), 0);
	}
	p.ip.bytes[2] = 1;
	unsigned before = env.allocations;
	for (unsigned i = 0; i < 1000; i++) {
		p.ip.bytes[3] = (uint8_t)i;
		assert_int_equal(lnl_data_route_add(d, &p, 0), LNL_E_LIMIT);
		assert_int_equal(lnl_data_route_find(d, &p.ip), LNL_PEER_ID_NONE);
	}
	assert_int_equal(env.allocations, before);
	/* One that is there is no other one, and who has room is not hindered. */
	assert_int_equal(add(d, "10.0.0.7/32", 0), 0);
	assert_int_equal(add(d, "10.0.1.0/32", 1), 0);
	assert_int_equal(del(d, "10.0.0.7/32"), 0);
	assert_int_equal(add(d, "10.0.2.0/32", 0), 0);
	assert_int_equal(add(d, "10.0.3.0/32", 0), LNL_E_LIMIT);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* The longest run of cells that a lookup may have to walk. */
static uint32_t longest_run(const struct lnl_route_table *t)
{
	uint32_t run = 0, longest = 0;

	for (uint32_t i = 0; i < 2 * (t->mask + 1); i++) {
		bool used = t->cells[(size_t)(i & t->mask) * (1 + t->words)] != UINT32_MAX;
		run = used ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	return longest;
}

/* The cell of |ip| in a table that is empty otherwise. */
static uint32_t cell_of(struct lnl_routes *r, const struct test_env *env, const struct lnl_ip *ip)
{
	struct lnl_prefix p = { *ip, 32 };
	uint32_t at = 0;

	assert_int_equal(lnl_routes_add(r, &env->env, &p, 1), 0);
	while (r->v4.cells[2 * (size_t)at] == UINT32_MAX)
		at++;
	lnl_routes_remove(r, &p);
	return at;
}

static void add_all(struct lnl_routes *r, const struct test_env *env, const struct lnl_ip *ips,
		    unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct lnl_prefix p = { ips[i], 32 };
		assert_int_equal(lnl_routes_add(r, &env->env, &p, i), 0);
	}
}

/* Addresses that all meet in one table are as good as any in one with other seeds. */
static void r4_collisions_cannot_be_aimed(void **state)
{
	(void)state;
	enum { N = 100 };
	static struct lnl_ip aimed[N];
	struct test_env env;
	struct lnl_routes known, other;
	uint64_t seed = 5;
	unsigned n = 0;

	test_env_init(&env);
	lnl_routes_init(&known);
	for (unsigned i = 0; i < N; i++)
		aimed[i] = (struct lnl_ip){ 4, { 1, 2, 3, (uint8_t)i } };
	add_all(&known, &env, aimed, N); /* so that it has the size */
	for (unsigned i = 0; i < N; i++) {
		struct lnl_prefix p = { aimed[i], 32 };
		lnl_routes_remove(&known, &p);
	}
	while (n < N) {
		uint32_t v = next_random(&seed);
		struct lnl_ip ip = { 4, { 10 } };
		memcpy(ip.bytes, &v, sizeof(v));
		if (cell_of(&known, &env, &ip) < 2)
			aimed[n++] = ip;
	}
	add_all(&known, &env, aimed, N);
	assert_true(longest_run(&known.v4) >= N);
	lnl_routes_init(&other);
	add_all(&other, &env, aimed, N);
	assert_int_equal(other.v4.mask, known.v4.mask);
	assert_true(longest_run(&other.v4) <= N / 3);
	lnl_routes_deinit(&known, &env.env);
	lnl_routes_deinit(&other, &env.env);
	assert_int_equal(env.live, 0);
}

/* Pools and iroutes are regular; no step makes runs. */
static void r4_regular_addresses_spread(void **state)
{
	(void)state;
	static const uint32_t steps[] = { 1, 2, 4, 256, 4096, 65536, 0x01000193, 0x9e3779b9 };
	struct test_env env;

	test_env_init(&env);
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		struct lnl_routes r;
		lnl_routes_init(&r);
		for (uint32_t i = 0; i < 16384; i++) {
			uint32_t v = i * steps[s] + (uint32_t)((uint64_t)i * steps[s] >> 32);
			struct lnl_prefix p = { { 4, { 0 } }, 32 };
			for (unsigned k = 0; k < 4; k++)
				p.ip.bytes[k] = (uint8_t)(v >> (24 - 8 * k));
			assert_int_equal(lnl_routes_add(&r, &env.env, &p, i), 0);
		}
		assert_true(longest_run(&r.v4) < 100);
		lnl_routes_deinit(&r, &env.env);
	}
	assert_int_equal(env.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_prefix_wins),
		cmocka_unit_test(answers_each_call),
		cmocka_unit_test(runs_out_of_memory),
		cmocka_unit_test(agrees_with_a_list),
		cmocka_unit_test(holds_many),
		cmocka_unit_test(r4_a_peer_has_a_limit),
		cmocka_unit_test(r4_collisions_cannot_be_aimed),
		cmocka_unit_test(r4_regular_addresses_spread),
	};

	return cmocka_run_group_tests_name("data/routes", tests, crypto_up, crypto_down);
}
