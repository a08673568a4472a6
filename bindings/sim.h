/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `lunel.sim`: what `lunel.core` is to the launcher (bindings/module.h), over the simulator, and `sim`,
 * with which a test moves its world (engine/include/lunel_sim.h):
 *
 *   sim.reset(wall)           a new world; all hosts of the one before are closed
 *   sim.wall(seconds)         sets the wall clock
 *   sim.now()                 seconds since the world began
 *   sim.work() sim.busy()     workers' turn; whether anybody has something to do now
 *   sim.hosts()               those whose engine has something to do in a turn, a list of numbers
 *   sim.step(until)           "nothing", "moved", or "note" and its number
 *   sim.note(at, number)
 *   sim.enter(host, address)  whose is what is opened from now on
 *   sim.everywhere(host) sim.network(delay, loss) sim.gone(address, gone)
 *   sim.lookup()              { id, asker, name, port, family }, or nil
 *   sim.found(id, address)
 *   sim.put(host, packet) sim.take(host)
 *   sim.file(path)            what an engine has written, or nil
 *   sim.equip(vm)             gives the policy VM's core test_ask(name) and test_await(ticket)
 *   sim.unpark(number)        what waits in test_await goes on
 *   sim.parks()               how many calls of test_ask there have been
 */
#ifndef LNL_BINDINGS_SIM_H
#define LNL_BINDINGS_SIM_H

#include <lua.h>

int luaopen_lunel_sim(lua_State *L);

#endif
