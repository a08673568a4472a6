/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `lunel.core` as the launcher's state has it: about this build, what a program asks of its system,
 * and hosts.
 *
 *   core.build()              { version, wolfssl, assembly, libev, cares, luajit }
 *   core.ciphers()            names, separated by commas
 *   core.pki                  keys and certificates (bindings/pki.h)
 *   core.host{ level = }      a host (bindings/host.h); it ends when collected or closed
 *     h:policy{ scripts =, memory = }
 *                             a new policy VM, or nil and why
 *     h:start{ level =, user =, group =, stay_root =, signals = {} }
 *                             makes the engine: true, or nil and why
 *     h:attach(vm)            gives |vm| the events (nil: nobody)
 *     h:turn()                one turn: alive, { signal numbers that arrived }
 *     h:records()             a batch of log records and how many were lost (bindings/record.h)
 *     h:close()
 *   vm:call(name, ...)        lunel.instance's function |name| with plain values: true and its
 *                             results, or false and the error
 *   vm:close()
 */
#ifndef LNL_BINDINGS_MODULE_H
#define LNL_BINDINGS_MODULE_H

#include <lua.h>

int luaopen_lunel_core(lua_State *L);

#endif
