/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Root's powers given up, but for what tunnels need. */
#ifndef LNL_IO_PRIVILEGE_H
#define LNL_IO_PRIVILEGE_H

#include "lunel.h"

/*
 * Makes the process |user| (a name or number; NULL: as it is) of |group| (NULL: the user's),
 * without supplementary groups, with CAP_NET_ADMIN alone and no way to more (no_new_privs). With
 * neither user nor group, root stays root, but keeps no other power than that. Not root: only
 * no_new_privs. Before threads exist. LNL_E_NOTFOUND (no such user or group), LNL_E_PERM,
 * LNL_E_SYSTEM; |why| names the cause.
 */
int lnl_privilege_drop(const char *user, const char *group, struct lnl_reason *why);

/*
 * No core dumps and no reading of this process's memory by others of its user: it will hold keys.
 */
void lnl_privilege_hide(void);

#endif
