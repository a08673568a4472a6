/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What engine_pki.c and engine_pki_keys.c share: cryptography for a call that has no engine. */
#ifndef LNL_ENGINE_PKI_H
#define LNL_ENGINE_PKI_H

#include "crypto/pki.h"
#include "io/reason.h"
#include "lunel.h"

extern const struct lnl_env lnl_pki_env;

/* Starts cryptography for one call; lnl_crypto_deinit ends it. LNL_E_RANDOM with |why|. */
int lnl_pki_begin(struct lnl_pki_text *out, struct lnl_reason *why);

#endif
