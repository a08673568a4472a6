/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random IVs for CBC, drawn many at a time because one draw per packet costs more than the packet.
 */
#ifndef LNL_DATA_IVS_H
#define LNL_DATA_IVS_H

#include "crypto/crypto.h"

#define LNL_IVS_POOL 64

struct lnl_ivs {
	const struct lnl_env *env;
	unsigned left; /* IVs at the start of the pool that nobody has had */
	uint8_t pool[LNL_IVS_POOL][LNL_BLOCK_LEN];
};

void lnl_ivs_init(struct lnl_ivs *v, const struct lnl_env *env);
/* An IV nobody has had, in |out|. 0 or LNL_E_RANDOM. */
int lnl_ivs_take(struct lnl_ivs *v, uint8_t out[LNL_BLOCK_LEN]);
/* Wipes what is left, which a key would have been used with. */
void lnl_ivs_deinit(struct lnl_ivs *v);

#endif
