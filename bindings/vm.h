/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy VM: a Lua state of its own for scripts that decide, with a memory limit, without
 * compiler and without what a policy must not do. Made by the module so that a reload can put
 * another in its place. Whatever enters it goes through bindings/call.h.
 */
#ifndef LNL_BINDINGS_VM_H
#define LNL_BINDINGS_VM_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lnl_host;
struct lnl_mark;
struct lnl_socket;
struct lnl_task;
struct lnl_sinks;
struct lnl_metrics;

/* The time a stretch of Lua may run; see bindings/call.h. */
struct lnl_slice {
	int64_t end;	   /* in microseconds of this thread's CPU time */
	int64_t length;	   /* microseconds; 0: none runs */
	const char *what;  /* for messages: "hook 'pulled'" */
	const char *where; /* "file:line" of what runs, or NULL */
	bool spent;
	bool hurried; /* the hook fires at the next instruction, once */
};

/* Tasks by a key (task_table.h). */
struct lnl_marks {
	struct lnl_mark **chains;
	size_t size, count;
};

struct lnl_vm {
	lua_State *L;
	struct lnl_host *host; /* may be NULL in tests: then nothing that needs an engine works */
	size_t used, limit;    /* bytes */
	size_t churned;	       /* bytes allocated since the clock was looked at for it */
	size_t fresh;	       /* bytes allocated since all garbage was collected */
	bool crowded;	       /* it should be collected before the limit is reached */
	struct lnl_slice slice;
	uint64_t owner;		/* whose code runs: what it spawns is cancelled with it */
	struct lnl_task *tasks; /* oldest first */
	struct lnl_task **tasks_end;
	struct lnl_task *ready, **ready_end; /* those that can run, in turn */
	struct lnl_task *current;	     /* the task that runs, or NULL in a sync context */
	struct lnl_marks numbers, owners, tickets;
	uint64_t last_task;
	struct lnl_vm *next; /* among those that a reload has replaced */
	uint32_t *keeps;     /* those tunnels end with it */
	unsigned n_keeps;
	struct lnl_socket *sockets; /* of scripts, open; see bindings/ops_services.h */
	uint64_t nudge;		    /* ticket of a timer: tasks were left for the next turn, or 0 */
	lua_State *barred; /* it resumed a coroutine from where nothing can wait; or NULL */
	bool attached;	   /* it is, or was, the host's */
	struct lnl_metrics *metrics; /* vpn.metrics'; NULL: none */
	struct lnl_sinks *sinks;     /* vpn.log.sink's; NULL: none */
	int instance;		     /* reference to what `require "lunel.instance"` returned */
};

struct lnl_vm_options {
	const char *scripts; /* the folder that holds lunel/ */
	size_t limit;	     /* bytes */
};

/*
 * Makes the state: libraries without what a policy must not have, `lunel.core`, and
 * `lunel.instance` loaded. On failure returns NULL with a sentence in |err|.
 */
struct lnl_vm *lnl_vm_new(struct lnl_host *host, const struct lnl_vm_options *o, char *err,
			  size_t err_len);
/* Ends its tasks and releases it, wiping what it held; |vm| may be NULL. */
void lnl_vm_free(struct lnl_vm *vm);

/* The VM that |L| (a state or coroutine of it) belongs to. */
static inline struct lnl_vm *lnl_vm_of(lua_State *L)
{
	void *vm;

	lua_getallocf(L, &vm);
	return vm;
}

#endif
