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
 *     h:replace(vm, gone)     |vm| in the place of that one, which ends with the tunnels |gone| and its
 *                             open questions (bindings/reload.h): true, or nil and why not
 *     h:turn()                one turn: alive, { signal numbers that arrived }, lines of the control
 *                             socket
 *     h:control(options)      that is opened; h:control_answer(ticket, text, end), h:control_told()
 *                             (bindings/control.h)
 *     h:records()             a batch of log records and how many were lost (bindings/record.h)
 *     h:close()
 *   vm:call(name, ...)        lunel.instance's function |name| with plain values: true and its
 *                             results, or false and the error
 *   vm:ask(name, other, fn)   the same of |other| with what this one's |name| gave
 *   vm:close()
 *   core.attach(path)         the other end of a control socket (bindings/attach.h)
 */
#ifndef LNL_BINDINGS_MODULE_H
#define LNL_BINDINGS_MODULE_H

#include <lua.h>

struct lnl_host;
struct lnl_vm;

int luaopen_lunel_core(lua_State *L);
/* The policy VM at |index|; raises an error where there is none. */
struct lnl_vm *lnl_module_vm(lua_State *L, int index);

/* The host at index 1, which has to be started; else an error. */
struct lnl_host *lnl_module_host(lua_State *L);

#endif
