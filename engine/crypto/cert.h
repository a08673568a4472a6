/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of reading certificates that CRLs need, too. */
#ifndef LNL_CRYPTO_CERT_H
#define LNL_CRYPTO_CERT_H

#include "crypto/crypto.h"

/* Reads the distinguished name at |r| as struct lnl_cert has it. False when it is malformed. */
bool lnl_cert_read_name(struct lnl_reader *r, char out[LNL_NAME_MAX]);

#endif
