/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/ivs.h"

#include <string.h>

void lnl_ivs_init(struct lnl_ivs *v, const struct lnl_env *env)
{
	v->env = env;
	v->left = 0;
}

int lnl_ivs_take(struct lnl_ivs *v, uint8_t out[LNL_BLOCK_LEN])
{
	if (v->left == 0) {
		if (v->env->random(v->env->ctx, v->pool[0], sizeof(v->pool)) != 0)
			return LNL_E_RANDOM;
		v->left = LNL_IVS_POOL;
	}
	memcpy(out, v->pool[--v->left], LNL_BLOCK_LEN);
	return 0;
}

void lnl_ivs_deinit(struct lnl_ivs *v)
{
	v->left = 0;
	lnl_secret_wipe(v->pool, sizeof(v->pool));
}
