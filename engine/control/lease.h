/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text of a file of leases, as OpenVPN's ifconfig-pool-persist has it: lines "name,address4",
 * "name,,address6" or "name,address4,address6"; '#' and ';' begin comments. In a name "%XX" is the byte
 * with that number in hex, so that every name can be written; OpenVPN would take it as it stands.
 */
#ifndef LNL_CONTROL_LEASE_H
#define LNL_CONTROL_LEASE_H

#include "wire/buf.h"
#include "wire/ip.h"

#define LNL_LEASE_NAME 256 /* room for a name, terminated; there are no longer ones */
#define LNL_LEASE_LINE 832 /* no line is longer */

/*
 * Tells each address of each good line of |len| bytes at |text|; |name| holds any bytes but NUL.
 * Returns how many lines were neither leases nor comments nor empty; nothing is told of those.
 */
unsigned lnl_lease_read(const char *text, size_t len, void *ctx,
			void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip));
/*
 * Writes one line, which is read back as the same name and address. Sticky errors of |w|:
 * LNL_E_SPACE; LNL_E_INVAL for what no line can say (a name that is empty or too long, no address).
 */
void lnl_lease_write(struct lnl_writer *w, const char *name, const struct lnl_ip *ip);
/* The bytes of that line; 0 when there is none. */
size_t lnl_lease_len(const char *name, const struct lnl_ip *ip);

#endif
