/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packet lanes as Lua sees them.
 *
 * In a policy VM (`lunel.core`), with the host's lanes:
 *
 *   lane_check(path, args [, id])
 *                      { id, name, origin, points, overhead, super, on_error }, or nil and why:
 *                      checks it and keeps it for the workers, in the place of |id| if given
 *   lane_forget(id)
 *   lane_alone(path)   what lane_check says, of a file whose arguments are not known; `unsure` when
 *                      they may have a say. It is not kept.
 *   lane_counters()    { name = what all workers have counted }
 *   lane_open{ file = or text =, args =, jit = true }
 *                      a lane that runs here, with counters of its own, for tests; or nil and why
 *
 * In the launcher's, lane_open alone, which is told where the `scripts` are. Of a lane:
 *
 *   l:facts()          as of lane_check
 *   l:run(point, { texts } [, { head = 64, tail = 64, peer =, segment = }])
 *                      a list of { data =, verdict = "pass" or "drop", failed = }; and the first
 *                      error's text
 *   l:counters(), l:close()
 */
#ifndef LNL_BINDINGS_LANE_LUA_H
#define LNL_BINDINGS_LANE_LUA_H

#include <lua.h>

/* Adds to the table at the top of |L|, a policy VM's. */
void lnl_lane_policy(lua_State *L);
/* Adds to the table at the top of |L|, the launcher's. */
void lnl_lane_launcher(lua_State *L);

#endif
