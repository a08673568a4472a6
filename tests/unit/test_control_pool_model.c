/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pool of addresses beside a model that is only simple. */
#include "test_pool_world.h"

enum { MODEL_MAX = 1100, NAMES = 900, NOBODY = -1 };

/* Walks over everything, each time. */
struct model {
	int n;
	uint64_t clock;
	unsigned version;
	bool used[MODEL_MAX], own[MODEL_MAX], touched[MODEL_MAX];
	int name[MODEL_MAX];
	uint64_t since[MODEL_MAX];
};

static void model_init(struct model *m, int n)
{
	memset(m, 0, sizeof(*m));
	m->n = n;
	for (int i = 0; i < n; i++)
		m->name[i] = NOBODY;
}

static int model_find(const struct model *m, int name)
{
	for (int i = 0; i < m->n; i++)
		if (name != NOBODY && m->name[i] == name)
			return i;
	return -1;
}

static int model_choose(const struct model *m)
{
	int fresh = -1, bare = -1, leased = -1, n_bare = 0;

	for (int i = m->n - 1; i >= 0; i--) {
		int *best = m->name[i] == NOBODY ? &bare : &leased;

		if (!m->touched[i]) {
			fresh = i;
			continue;
		}
		if (m->used[i])
			continue;
		n_bare += m->name[i] == NOBODY;
		if (*best < 0 || m->since[i] < m->since[*best])
			*best = i;
	}
	if (fresh >= 0 && n_bare < 256)
		return fresh;
	return bare >= 0 ? bare : fresh >= 0 ? fresh : leased;
}

/* |i| is leased to |name| alone. */
static void model_settle(struct model *m, int i, int name)
{
	int old = model_find(m, name);

	if (m->name[i] == name)
		return;
	if (m->name[i] != NOBODY) {
		m->version++;
		m->own[i] = false;
	}
	m->name[i] = name;
	if (name == NOBODY)
		return;
	m->version++;
	if (old < 0)
		return;
	m->name[old] = NOBODY;
	m->own[old] = false;
	if (!m->used[old])
		m->since[old] = m->clock++;
}

static int model_take(struct model *m, int name)
{
	int i = model_find(m, name), old = i;

	if (i < 0 || m->used[i]) {
		i = model_choose(m);
		if (i < 0)
			return -1;
		if (old >= 0 && m->own[old])
			name = NOBODY;
	}
	m->touched[i] = true;
	model_settle(m, i, name);
	m->used[i] = true;
	m->own[i] = name != NOBODY;
	return i;
}

static int model_reserve(struct model *m, int i)
{
	if (m->used[i])
		return LNL_E_EXIST;
	m->touched[i] = true;
	m->used[i] = true;
	m->own[i] = false;
	return 0;
}

static void model_release(struct model *m, int i)
{
	if (!m->used[i])
		return;
	m->used[i] = false;
	m->own[i] = false;
	m->since[i] = m->clock++;
}

static void model_lease(struct model *m, int i, int name)
{
	if (m->name[i] == name)
		return;
	m->touched[i] = true;
	model_settle(m, i, name);
	m->since[i] = m->clock++;
}

struct walk {
	const struct model *model;
	struct lnl_ip first;
	int at; /* the next address to be looked at */
};

static void walk_on(void *ctx, const char *name, const struct lnl_ip *address)
{
	struct walk *w = ctx;

	while (w->at < w->model->n && w->model->name[w->at] == NOBODY)
		w->at++;
	assert_true(w->at < w->model->n);
	assert_int_equal(atoi(name + 1), w->model->name[w->at]);
	assert_int_equal(address->bytes[2] * 256 + address->bytes[3],
			 w->first.bytes[2] * 256 + w->first.bytes[3] + w->at);
	w->at++;
}

static void compare(struct fixture *f, const struct model *m, const struct lnl_ip *first)
{
	struct walk w = { m, *first, 0 };
	int used = 0, leases = 0;

	lnl_pool_each(f->pool, &w, walk_on);
	for (int i = 0; i < m->n; i++) {
		used += m->used[i];
		leases += m->name[i] != NOBODY;
		assert_true(i < w.at || m->name[i] == NOBODY);
	}
	assert_int_equal(lnl_pool_used(f->pool), used);
	assert_int_equal(lnl_pool_leases(f->pool), leases);
}

/* One random call on both. |busy|: of 16, how many are to take. */
static void step(struct fixture *f, struct model *m, const struct lnl_ip *first, uint32_t busy)
{
	int name = draw(f, 5) == 0 ? NOBODY : (int)draw(f, NAMES), i = (int)draw(f, (uint32_t)m->n);
	uint32_t what = draw(f, 16);
	struct lnl_ip address = nth(first, i), got;
	char text[16] = "";

	if (name != NOBODY)
		snprintf(text, sizeof(text), "n%d", name);
	if (what < busy) {
		int want = model_take(m, name), rc = lnl_pool_take(f->pool, text, &got);

		assert_int_equal(rc, want < 0 ? LNL_E_LIMIT : 0);
		address = nth(first, want);
		assert_true(want < 0 || lnl_ip_equal(&got, &address));
	} else if (what == 15) {
		assert_int_equal(lnl_pool_reserve(f->pool, &address), model_reserve(m, i));
	} else if (what == 14 && name != NOBODY) {
		assert_int_equal(lnl_pool_lease(f->pool, text, &address), 0);
		model_lease(m, i, name);
	} else {
		lnl_pool_release(f->pool, &address);
		model_release(m, i);
	}
	assert_int_equal(lnl_pool_version(f->pool), m->version);
}

static void beside_a_model(void **state)
{
	static const struct {
		const char *first, *last;
		unsigned steps;
	} t[] = {
		{ "10.8.0.2", "10.8.0.2", 20000 },    { "10.8.0.2", "10.8.0.6", 80000 },
		{ "10.8.0.1", "10.8.0.64", 200000 },  { "10.8.0.250", "10.8.1.50", 300000 },
		{ "10.8.1.0", "10.8.4.255", 400000 },
	};
	static struct model m;
	struct fixture *f = fixture(state);
	unsigned total = 0;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_ip first = ip(t[i].first);

		must_make(f, LNL_POOL_SINGLE, t[i].first, t[i].last);
		model_init(&m, (int)lnl_pool_size(f->pool));
		for (unsigned j = 0; j < t[i].steps; j++, total++) {
			/* It fills and empties by turns. */
			step(f, &m, &first, j / 8192 % 2 ? 4 : 10);
			if (j % 1024 == 0)
				compare(f, &m, &first);
		}
		compare(f, &m, &first);
	}
	assert_int_equal(total, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(beside_a_model, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
