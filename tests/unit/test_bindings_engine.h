/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host with an engine and a policy VM, for tests of the bindings that need all three. */
#ifndef LNL_TEST_BINDINGS_ENGINE_H
#define LNL_TEST_BINDINGS_ENGINE_H

#include "test_bindings_vm.h"

#include <stdlib.h>

static inline int set_up_engine(void **state)
{
	struct lnl_host *h = calloc(1, sizeof(*h));
	const struct lnl_engine_options o = { .level = LNL_LEVEL_DEBUG, .stay_root = true };
	struct lnl_reason why;

	assert_non_null(h);
	h->log.levels.all = LNL_LEVEL_DEBUG;
	if (lnl_engine_new(&h->engine, &o, &why))
		fail_msg("%s", why.text);
	h->vm = new_test_vm(h);
	*state = h;
	return 0;
}

static inline int tear_down_engine(void **state)
{
	struct lnl_host *h = *state;

	lnl_vm_free(h->vm);
	lnl_engine_free(h->engine);
	lnl_record_clear(&h->log);
	free(h);
	return 0;
}

#endif
