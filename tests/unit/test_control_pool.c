/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pools of addresses: ranges, who gets which, leases, and what it costs. */
#include <time.h>

#include "test_pool_world.h"

/* ---- ranges ---- */

static void ranges(void **state)
{
	static const struct {
		enum lnl_pool_kind kind;
		const char *first, *last;
		int size; /* or error */
	} t[] = {
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.254", 253 },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.2", 1 },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.1", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "10.8.1.0", "10.8.0.255", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "0.0.0.0", "0.0.0.0", 1 },
		{ LNL_POOL_SINGLE, "255.255.255.255", "255.255.255.255", 1 },
		{ LNL_POOL_SINGLE, "10.0.0.0", "10.63.255.255", 1 << 22 },
		{ LNL_POOL_SINGLE, "10.0.0.0", "10.64.0.0", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "0.0.0.0", "255.255.255.255", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "10.8.0.2", "fd00::1", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "fd00::1", "10.8.0.2", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "fd00::1", "fd00::1", 1 },
		{ LNL_POOL_SINGLE, "fd00::1000", "fd00::ffff", 0xf000 },
		{ LNL_POOL_SINGLE, "fd00::2", "fd00::1", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "fd00:1::", "fd00::ffff", LNL_E_INVAL },
		{ LNL_POOL_SINGLE, "fd00::", "fd00::3f:ffff", 1 << 22 },
		{ LNL_POOL_SINGLE, "fd00::", "fd00::40:0", 1 << 22 },
		{ LNL_POOL_SINGLE, "fd00::", "fd00::ffff:ffff:ffff:ffff", 1 << 22 },
		{ LNL_POOL_SINGLE, "fd00::", "fd00:0:0:1::", 1 << 22 },
		{ LNL_POOL_SINGLE, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1 << 22 },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.7", 1 },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.6", LNL_E_INVAL },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.10", 1 },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.11", 2 },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.255", 63 },
		{ LNL_POOL_NET30, "10.8.0.5", "10.8.0.8", LNL_E_INVAL },
		{ LNL_POOL_NET30, "10.8.0.6", "10.8.0.255", LNL_E_INVAL },
		{ LNL_POOL_NET30, "10.0.0.0", "10.255.255.255", 1 << 22 },
		{ LNL_POOL_NET30, "10.0.0.0", "11.0.0.3", LNL_E_INVAL },
		{ LNL_POOL_NET30, "fd00::4", "fd00::7", LNL_E_INVAL },
	};
	struct lnl_pool_conf none = { LNL_POOL_SINGLE, { 0 }, { 0 } };
	struct fixture *f = fixture(state);

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int rc = make(f, t[i].kind, t[i].first, t[i].last);

		if (t[i].size < 0) {
			assert_int_equal(rc, t[i].size);
			assert_null(f->pool);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(lnl_pool_size(f->pool), t[i].size);
		assert_int_equal(lnl_pool_used(f->pool), 0);
		assert_int_equal(lnl_pool_leases(f->pool), 0);
	}
	assert_int_equal(lnl_pool_new(&f->pool, &f->world.env, &none), LNL_E_INVAL);
	f->world.no_random = true;
	assert_int_equal(make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9"), LNL_E_RANDOM);
	assert_int_equal(f->world.live, 0);
}

/* Every address of a range is given out once, and no other. */
static void every_address(void **state)
{
	static const struct {
		enum lnl_pool_kind kind;
		const char *first, *last, *first_given, *last_given;
	} t[] = {
		{ LNL_POOL_SINGLE, "10.8.0.250", "10.8.3.5", "10.8.0.250", "10.8.3.5" },
		{ LNL_POOL_SINGLE, "255.255.255.0", "255.255.255.255", "255.255.255.0",
		  "255.255.255.255" },
		{ LNL_POOL_SINGLE, "fd00::fffe:fff0", "fd00::1:0:0:1f", "fd00::fffe:fff0", NULL },
		{ LNL_POOL_SINGLE, "fd00::ff:ffff:fff0", "fd00::100:0:1f", "fd00::ff:ffff:fff0",
		  "fd00::100:0:1f" },
		{ LNL_POOL_SINGLE, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:0",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:1ff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:0",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:1ff" },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.1.255", "10.8.0.6", "10.8.1.254" },
		{ LNL_POOL_NET30, "10.8.0.248", "10.8.1.3", "10.8.0.250", "10.8.1.2" },
	};
	struct fixture *f = fixture(state);

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_ip address, before = { 0 };
		unsigned n;

		must_make(f, t[i].kind, t[i].first, t[i].last);
		n = lnl_pool_size(f->pool) < 4096 ? lnl_pool_size(f->pool) : 4096;
		expect_take(f, "", t[i].first_given);
		for (unsigned j = 1; j < n; j++) {
			assert_int_equal(lnl_pool_take(f->pool, "", &address), 0);
			assert_true(j == 1 || memcmp(before.bytes, address.bytes, 16) < 0);
			before = address;
			assert_int_equal(lnl_pool_reserve(f->pool, &address), LNL_E_EXIST);
		}
		assert_int_equal(lnl_pool_used(f->pool), n);
		if (t[i].last_given == NULL)
			continue;
		address = ip(t[i].last_given);
		assert_true(lnl_ip_equal(&before, &address));
		expect_take(f, "", NULL);
	}
}

static void outside(void **state)
{
	static const struct {
		enum lnl_pool_kind kind;
		const char *first, *last, *address;
		int code;
	} t[] = {
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9", "10.8.0.1", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9", "10.8.0.2", 0 },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9", "10.8.0.9", 0 },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9", "10.8.0.10", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9", "11.8.0.2", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9", "9.8.0.2", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9", "::a08:2", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "fd00::2", "fd00::9", "10.8.0.2", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "fd00::2", "fd00::9", "fd00::9", 0 },
		{ LNL_POOL_SINGLE, "fd00::2", "fd00::9", "fd00::a", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "fd00::2", "fd00::9", "fd00::1:0:0:2", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "fd00::2", "fd00::9", "fd01::2", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "fd00::2", "fd00::9", "fcff::2", LNL_E_NOTFOUND },
		{ LNL_POOL_SINGLE, "fd00::", "fd01::", "fd00::3f:ffff", 0 },
		{ LNL_POOL_SINGLE, "fd00::", "fd01::", "fd00::40:0", LNL_E_NOTFOUND },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.14", "10.8.0.3", LNL_E_NOTFOUND },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.14", "10.8.0.4", 0 },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.14", "10.8.0.11", 0 },
		{ LNL_POOL_NET30, "10.8.0.4", "10.8.0.14", "10.8.0.12", LNL_E_NOTFOUND },
	};
	struct fixture *f = fixture(state);

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		must_make(f, t[i].kind, t[i].first, t[i].last);
		release(f, t[i].address);
		assert_int_equal(lease(f, "a", t[i].address), t[i].code);
		assert_int_equal(lnl_pool_leases(f->pool), t[i].code == 0);
		assert_int_equal(reserve(f, t[i].address), t[i].code);
		assert_int_equal(lnl_pool_used(f->pool), t[i].code == 0);
		release(f, t[i].address);
		assert_int_equal(lnl_pool_used(f->pool), 0);
	}
}

/* Any of the four stands for all: no two clients share a network. */
static void fours(void **state)
{
	struct fixture *f = fixture(state);

	must_make(f, LNL_POOL_NET30, "10.8.0.4", "10.8.0.19");
	assert_int_equal(reserve(f, "10.8.0.5"), 0);
	assert_int_equal(reserve(f, "10.8.0.4"), LNL_E_EXIST);
	assert_int_equal(reserve(f, "10.8.0.7"), LNL_E_EXIST);
	expect_take(f, "a", "10.8.0.10");
	/* As OpenVPN writes a net30 lease. */
	assert_int_equal(lease(f, "b", "10.8.0.16"), 0);
	expect_leases(f, "a=10.8.0.10 b=10.8.0.18 ");
	expect_take(f, "b", "10.8.0.18");
	release(f, "10.8.0.6");
	release(f, "10.8.0.9");
	assert_int_equal(lnl_pool_used(f->pool), 1);
}

/* ---- who gets which ---- */

static void order(void **state)
{
	struct fixture *f = fixture(state);

	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.6");
	expect_take(f, "a", "10.8.0.2");
	expect_take(f, "b", "10.8.0.3");
	expect_take(f, "c", "10.8.0.4");
	release(f, "10.8.0.3");
	release(f, "10.8.0.2");
	/* What was never used comes before what is leased. */
	expect_take(f, "d", "10.8.0.5");
	expect_take(f, "", "10.8.0.6");
	/* Everybody gets back what they had. */
	expect_take(f, "a", "10.8.0.2");
	release(f, "10.8.0.2");
	/* Nobody's comes before somebody's. */
	release(f, "10.8.0.6");
	expect_take(f, "e", "10.8.0.6");
	/* Then the one that is free the longest: b's, not a's. */
	expect_take(f, "f", "10.8.0.3");
	expect_leases(f, "a=10.8.0.2 f=10.8.0.3 c=10.8.0.4 d=10.8.0.5 e=10.8.0.6 ");
	expect_take(f, "b", "10.8.0.2");
	expect_take(f, "a", NULL);
	expect_take(f, "", NULL);
	expect_take(f, "c", NULL); /* who has it twice? */
	assert_int_equal(lnl_pool_used(f->pool), 5);
}

static void nobody_ends_a_lease(void **state)
{
	struct fixture *f = fixture(state);

	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.2");
	expect_take(f, "a", "10.8.0.2");
	release(f, "10.8.0.2");
	expect_leases(f, "a=10.8.0.2 ");
	expect_take(f, "", "10.8.0.2");
	expect_leases(f, "");
	release(f, "10.8.0.2");
	expect_take(f, "b", "10.8.0.2");
	expect_leases(f, "b=10.8.0.2 ");
}

static void name_in_use(void **state)
{
	struct fixture *f = fixture(state);

	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.9");
	expect_take(f, "a", "10.8.0.2");
	/* A second connection of the name is nobody's, and does not take the lease with it. */
	expect_take(f, "a", "10.8.0.3");
	expect_leases(f, "a=10.8.0.2 ");
	release(f, "10.8.0.3");
	release(f, "10.8.0.2");
	expect_take(f, "a", "10.8.0.2");
	release(f, "10.8.0.2");
	/* When somebody else has the address for good, the lease moves. */
	assert_int_equal(reserve(f, "10.8.0.2"), 0);
	expect_leases(f, "a=10.8.0.2 ");
	expect_take(f, "a", "10.8.0.4");
	expect_leases(f, "a=10.8.0.4 ");
	release(f, "10.8.0.4");
	release(f, "10.8.0.2");
	expect_take(f, "a", "10.8.0.4");
}

static void reserving(void **state)
{
	struct fixture *f = fixture(state);
	unsigned version;

	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.4");
	assert_int_equal(reserve(f, "10.8.0.2"), 0);
	assert_int_equal(reserve(f, "10.8.0.2"), LNL_E_EXIST);
	expect_take(f, "a", "10.8.0.3");
	assert_int_equal(reserve(f, "10.8.0.3"), LNL_E_EXIST);
	release(f, "10.8.0.3");
	version = lnl_pool_version(f->pool);
	assert_int_equal(reserve(f, "10.8.0.3"), 0);
	release(f, "10.8.0.3");
	release(f, "10.8.0.3");
	release(f, "10.8.0.4");
	assert_int_equal(lnl_pool_used(f->pool), 1);
	assert_int_equal(lnl_pool_version(f->pool), version);
	expect_leases(f, "a=10.8.0.3 ");
	expect_take(f, "a", "10.8.0.3");
}

/* So many returned addresses rest, so that none is given again at once; then memory is bounded. */
static void returned_ones_rest(void **state)
{
	struct fixture *f = fixture(state);
	struct lnl_ip address, first;
	size_t bytes;

	must_make(f, LNL_POOL_SINGLE, "fd00::", "fd00::3f:ffff");
	first = ip("fd00::");
	for (int i = 0; i < 256; i++) {
		assert_int_equal(lnl_pool_take(f->pool, "", &address), 0);
		assert_true(i == 0 || !lnl_ip_equal(&address, &first));
		lnl_pool_release(f->pool, &address);
	}
	assert_int_equal(lnl_pool_take(f->pool, "", &address), 0);
	assert_true(lnl_ip_equal(&address, &first));
	lnl_pool_release(f->pool, &address);
	bytes = f->world.bytes;
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(lnl_pool_take(f->pool, "", &address), 0);
		lnl_pool_release(f->pool, &address);
	}
	assert_int_equal(f->world.bytes, bytes);
}

/* ---- leases ---- */

static void restored(void **state)
{
	struct fixture *f = fixture(state);
	unsigned version;

	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.5");
	assert_int_equal(lease(f, "", "10.8.0.2"), LNL_E_INVAL);
	assert_int_equal(lease(f, "a", "10.8.0.2"), 0);
	assert_int_equal(lease(f, "b", "10.8.0.3"), 0);
	version = lnl_pool_version(f->pool);
	assert_int_equal(lease(f, "b", "10.8.0.3"), 0);
	assert_int_equal(lnl_pool_version(f->pool), version);
	assert_int_equal(lnl_pool_used(f->pool), 0);
	/* New clients do not take what others are to get back, as long as there is another. */
	expect_take(f, "x", "10.8.0.4");
	expect_take(f, "b", "10.8.0.3");
	expect_take(f, "y", "10.8.0.5");
	expect_take(f, "z", "10.8.0.2");
	expect_leases(f, "z=10.8.0.2 b=10.8.0.3 x=10.8.0.4 y=10.8.0.5 ");

	/* The last word counts, for names as for addresses. */
	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.5");
	assert_int_equal(lease(f, "a", "10.8.0.2"), 0);
	assert_int_equal(lease(f, "a", "10.8.0.3"), 0);
	expect_leases(f, "a=10.8.0.3 ");
	assert_int_equal(lease(f, "b", "10.8.0.3"), 0);
	expect_leases(f, "b=10.8.0.3 ");
	assert_int_equal(lnl_pool_leases(f->pool), 1);
	/* Also of one that is in use: whoever has it keeps it until they go. */
	expect_take(f, "b", "10.8.0.3");
	assert_int_equal(lease(f, "c", "10.8.0.3"), 0);
	expect_take(f, "b", "10.8.0.4");
	release(f, "10.8.0.3");
	expect_take(f, "c", "10.8.0.3");
}

static void names(void **state)
{
	static const char long1[] =
		"0123456789012345678901234567890123456789012345678901234567890123-one";
	static const char long2[] =
		"0123456789012345678901234567890123456789012345678901234567890123-two";
	struct fixture *f = fixture(state);
	char name[8] = "anna";
	char want[128];

	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.20");
	/* A copy is kept. */
	expect_take(f, name, "10.8.0.2");
	memset(name, 'x', 4);
	release(f, "10.8.0.2");
	expect_take(f, "anna", "10.8.0.2");
	/* All of it counts, and each byte as it is. */
	expect_take(f, "ann", "10.8.0.3");
	expect_take(f, "Anna", "10.8.0.4");
	expect_take(f, "anna ", "10.8.0.5");
	expect_take(f, "j\xc3\xb6rg", "10.8.0.6");
	expect_take(f, "j\xc3\xbcrg", "10.8.0.7");
	release(f, "10.8.0.6");
	release(f, "10.8.0.7");
	expect_take(f, "j\xc3\xbcrg", "10.8.0.7");
	/* But for what is cut. */
	expect_take(f, long1, "10.8.0.8");
	release(f, "10.8.0.8");
	expect_take(f, long2, "10.8.0.8");
	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.20");
	assert_int_equal(lease(f, long1, "10.8.0.9"), 0);
	snprintf(want, sizeof(want), "%.63s=10.8.0.9 ", long1);
	expect_leases(f, want);
}

static void version(void **state)
{
	struct fixture *f = fixture(state);
	unsigned v;

	must_make(f, LNL_POOL_SINGLE, "10.8.0.2", "10.8.0.3");
	v = lnl_pool_version(f->pool);
	expect_take(f, "", "10.8.0.2");
	release(f, "10.8.0.2");
	assert_int_equal(lnl_pool_version(f->pool), v);
	expect_take(f, "a", "10.8.0.3"); /* made */
	assert_int_not_equal(lnl_pool_version(f->pool), v);
	v = lnl_pool_version(f->pool);
	release(f, "10.8.0.3");
	expect_take(f, "a", "10.8.0.3");
	release(f, "10.8.0.3");
	assert_int_equal(lnl_pool_version(f->pool), v);
	assert_int_equal(lease(f, "a", "10.8.0.2"), 0); /* moved */
	assert_int_not_equal(lnl_pool_version(f->pool), v);
	assert_int_equal(reserve(f, "10.8.0.3"), 0);
	v = lnl_pool_version(f->pool);
	expect_take(f, "", "10.8.0.2"); /* ended */
	assert_int_not_equal(lnl_pool_version(f->pool), v);
}

/* Without memory every call fails, and the same call succeeds later as if nothing had been. */
static void no_memory(void **state)
{
	struct fixture *f = fixture(state);
	struct lnl_ip address;

	for (unsigned at = 1;; at++) {
		f->world.allocations = 0;
		f->world.fail_at = at;
		if (make(f, LNL_POOL_SINGLE, "10.8.0.0", "10.8.255.255") == 0)
			break;
		assert_null(f->pool);
		assert_int_equal(f->world.live, 0);
		assert_in_range(at, 1, 10);
	}
	for (int round = 0; round < 2; round++) {
		f->world.allocations = 0;
		f->world.fail_at = round + 1;
		assert_int_equal(lnl_pool_take(f->pool, "a", &address), LNL_E_NOMEM);
		f->world.allocations = 0;
		assert_int_equal(lease(f, "a", "10.8.1.0"), LNL_E_NOMEM);
		assert_int_equal(lnl_pool_leases(f->pool), 0);
		assert_int_equal(lnl_pool_used(f->pool), 0);
		assert_int_equal(lnl_pool_version(f->pool), 0);
	}
	f->world.allocations = 0;
	f->world.fail_at = 1;
	assert_int_equal(reserve(f, "10.8.2.0"), LNL_E_NOMEM);
	f->world.fail_at = 0;
	expect_take(f, "a", "10.8.0.0");
	assert_int_equal(reserve(f, "10.8.2.0"), 0);
}

/* Where only the table cannot grow, nothing fails, and everything is found. */
static void table_cannot_grow(void **state)
{
	struct fixture *f = fixture(state);
	struct lnl_ip first, address;
	char name[16];

	must_make(f, LNL_POOL_SINGLE, "10.8.0.0", "10.8.255.255");
	first = ip("10.8.0.0");
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		/* What is behind the lease, and before that sometimes more addresses, is the table. */
		f->world.allocations = 0;
		f->world.fail_at = i % 256 == 0 ? 3 : 2;
		assert_int_equal(lnl_pool_take(f->pool, name, &address), 0);
		lnl_pool_release(f->pool, &address);
	}
	for (int i = 0; i < 2000; i++) {
		struct lnl_ip want = nth(&first, i);

		snprintf(name, sizeof(name), "n%d", i);
		f->world.allocations = 0;
		f->world.fail_at = 1;
		assert_int_equal(lnl_pool_take(f->pool, name, &address), 0);
		assert_true(lnl_ip_equal(&address, &want));
	}
}

/* ---- what it costs ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Nanoseconds of a take and a release in a pool with |n| leases, the best of many short runs. */
static double cost_at(struct fixture *f, unsigned n)
{
	double best = 1;
	char name[16];
	struct lnl_ip address;

	for (int run = 0; run < 50; run++) {
		double start = seconds();

		for (unsigned i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "n%u", draw(f, n));
			assert_int_equal(lnl_pool_take(f->pool, name, &address), 0);
			lnl_pool_release(f->pool, &address);
		}
		start = seconds() - start;
		best = start < best ? start : best;
	}
	return best / 200 * 1e9;
}

/*
 * With a thousand times the leases a call costs what slower memory costs, far from a thousand times as
 * much; and none of the calls on the way there allocates (so clears, or moves) more than a little.
 */
static void cost_does_not_grow(void **state)
{
	static const unsigned sizes[] = { 1000, 10000, 100000, 1000000 };
	struct fixture *f = fixture(state);
	double cost[4];
	unsigned n = 0;

	must_make(f, LNL_POOL_SINGLE, "10.0.0.0", "10.63.255.255");
	f->largest = 0;
	for (size_t i = 0; i < 4; i++) {
		for (; n < sizes[i]; n++) {
			struct lnl_ip address;
			char name[16];

			snprintf(name, sizeof(name), "n%u", n);
			assert_int_equal(lnl_pool_take(f->pool, name, &address), 0);
			lnl_pool_release(f->pool, &address);
		}
		cost[i] = cost_at(f, n);
		print_message("%u leases: %.0f ns\n", n, cost[i]);
	}
	assert_in_range(f->largest, 1, 8192);
	assert_true(cost[3] < 30 * cost[0] + 3000);
	assert_int_equal(lnl_pool_leases(f->pool), 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ranges, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(outside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_ends_a_lease, set_up, tear_down),
		cmocka_unit_test_setup_teardown(name_in_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reserving, set_up, tear_down),
		cmocka_unit_test_setup_teardown(returned_ones_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(restored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(version, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(table_cannot_grow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cost_does_not_grow, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
