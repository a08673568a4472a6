/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text of a file of leases, as OpenVPN's ifconfig-pool-persist has it: a line "name,address" or
 * "name,address4,address6" each; '#' and ';' begin comments.
 */
#ifndef LNL_CONTROL_LEASE_H
#define LNL_CONTROL_LEASE_H

#include "wire/buf.h"
#include "wire/ip.h"

#define LNL_LEASE_NAME 64

/*
 * Tells each address of each good line of |len| bytes at |text|. Returns how many lines were no
 * leases; those are passed over.
 */
unsigned lnl_lease_read(const char *text, size_t len, void *ctx,
			void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip));
/*
 * Writes one line. A name that could not be read back (with a comma, a control byte, or a comment's
 * sign in front) is left out. Sticky errors of |w|.
 */
void lnl_lease_write(struct lnl_writer *w, const char *name, const struct lnl_ip *ip);

#endif
