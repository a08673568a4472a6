/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A folder of secrets as `lunel pki` keeps it: files appear whole or not at all, no key is written
 * over, two commands at once wait for each other. For the launcher's state alone.
 *
 *   core.make_folder(path)      a folder for nobody else (0700); one that is there must be empty
 *   core.lock_folder(path)      waits until nobody else has it locked; what core.unlock() takes
 *   core.absolute(path)         without links and dots
 *   core.write_file(path, text, mode, replace)
 *                               a text or secret with those permission bits; unless |replace|, a
 *                               file that is there stays
 *
 * Each returns nil and why when it fails.
 */
#ifndef LNL_BINDINGS_VAULT_H
#define LNL_BINDINGS_VAULT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Adds those functions to the table on top of the stack. */
void lnl_vault_open(lua_State *L);

/*
 * Writes |path| by way of a file beside it, synced before it gets its name. 0, or -1 with errno;
 * EEXIST: it is there and was not to be replaced.
 */
int lnl_vault_write(const char *path, const void *data, size_t len, mode_t mode, bool replace);

#endif
