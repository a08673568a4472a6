/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_io_namespace.h"

#include "io/nodes.h"

#define THINGS 20000

struct thing {
	int before;
	struct lnl_node node;
	bool in;
};

static struct thing things[THINGS];

static struct thing *of(struct lnl_node *node)
{
	return node != NULL ? LNL_NODE_OF(node, struct thing, node) : NULL;
}

static void finds_what_was_put(void **state)
{
	struct lnl_nodes t = { 0 };

	(void)state;
	assert_null(lnl_nodes_find(&t, 0));
	for (uint32_t i = 0; i < THINGS; i++)
		lnl_nodes_put(&t, &things[i].node, i);
	assert_int_equal(t.n, THINGS);
	assert_true((UINT32_C(1) << t.log2) >= THINGS);
	for (uint32_t i = 0; i < THINGS; i++)
		assert_ptr_equal(of(lnl_nodes_find(&t, i)), &things[i]);
	assert_null(lnl_nodes_find(&t, THINGS));
	for (uint32_t i = 0; i < THINGS; i += 2)
		lnl_nodes_take(&t, &things[i].node);
	for (uint32_t i = 0; i < THINGS; i++)
		assert_ptr_equal(of(lnl_nodes_find(&t, i)), i % 2 != 0 ? &things[i] : NULL);
	lnl_nodes_deinit(&t);
}

/* Addresses whose hash is the same are told apart by who looks. */
static void several_have_one_key(void **state)
{
	struct lnl_nodes t = { 0 };
	unsigned n = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		lnl_nodes_put(&t, &things[i].node, i % 10);
	for (struct lnl_node *node = lnl_nodes_find(&t, 3); node; node = lnl_nodes_again(node)) {
		assert_int_equal((of(node) - things) % 10, 3);
		n++;
	}
	assert_int_equal(n, 10);
	lnl_nodes_deinit(&t);
}

static void gives_any_until_there_is_none(void **state)
{
	struct lnl_nodes t = { 0 };
	struct lnl_node *node;
	uint32_t from = 0, n = 0;

	(void)state;
	assert_null(lnl_nodes_any(&t, &from));
	for (uint32_t i = 0; i < 1000; i++) {
		things[i].in = true;
		lnl_nodes_put(&t, &things[i].node, i * 7919);
	}
	for (from = 0; (node = lnl_nodes_any(&t, &from)) != NULL; n++) {
		assert_true(of(node)->in);
		of(node)->in = false;
		lnl_nodes_take(&t, node);
	}
	assert_int_equal(n, 1000);
	assert_int_equal(t.n, 0);
	lnl_nodes_deinit(&t);
}

static unsigned longest_bucket(const struct lnl_nodes *t)
{
	unsigned longest = 0;

	for (uint32_t i = 0; i < UINT32_C(1) << t->log2; i++) {
		unsigned n = 0;

		for (const struct lnl_node *node = t->buckets[i]; node != NULL; node = node->next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* Numbers given out one after another, and hashes of addresses: a search takes a few steps. */
static void takes_few_steps(void **state)
{
	struct lnl_nodes t = { 0 };
	uint64_t hash = 1;

	(void)state;
	for (uint32_t i = 0; i < THINGS; i++)
		lnl_nodes_put(&t, &things[i].node, i);
	assert_true(longest_bucket(&t) <= 3);
	lnl_nodes_deinit(&t);
	t = (struct lnl_nodes){ 0 };
	for (uint32_t i = 0; i < THINGS; i++) {
		hash = hash * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		lnl_nodes_put(&t, &things[i].node, (uint32_t)(hash >> 32));
	}
	assert_true(longest_bucket(&t) <= 10);
	lnl_nodes_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_put),
		cmocka_unit_test(several_have_one_key),
		cmocka_unit_test(gives_any_until_there_is_none),
		cmocka_unit_test(takes_few_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
