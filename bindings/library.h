/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lunel's own Lua modules, as they were when this process first read them: a policy VM that takes the
 * place of another has to find them where the process may read them no more (its privileges are
 * dropped, and they are in a folder of root's), and to be of one piece with this program where an
 * upgrade has put others in their place.
 */
#ifndef LNL_BINDINGS_LIBRARY_H
#define LNL_BINDINGS_LIBRARY_H

#include "bindings/file.h"

/*
 * The text of the module at |path|, from the disk the first time: 0, with |data| and |len| of |*f|
 * the library's, for good (not to be freed). Else -1 with |error| and |why| set. Any thread.
 */
int lnl_library_read(const char *path, struct lnl_file *f);

#endif
