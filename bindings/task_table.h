/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tasks of a policy VM, found by their number, their owner and the tickets they wait for in
 * about the same time however many there are; and the queue of those that can run. For task.c and
 * task_join.c alone.
 */
#ifndef LNL_BINDINGS_TASK_TABLE_H
#define LNL_BINDINGS_TASK_TABLE_H

#include "bindings/vm.h"

/* A task's place in one table; |at| is NULL while it is in none. */
struct lnl_mark {
	struct lnl_mark *next, **at;
	uint64_t key;
	struct lnl_task *task;
};

struct lnl_task {
	struct lnl_task *next, **at;		 /* of all, oldest first */
	struct lnl_task *ready_next, **ready_at; /* in the queue, while |ready| */
	struct lnl_mark number, owned_by;	 /* |number.key| is its number */
	struct lnl_mark op, timer;		 /* tickets: what it waits for, its deadline */
	struct lnl_task *parent, *child;	 /* it ends with |parent|; |child| is its first */
	struct lnl_task *sibling, **among; /* the next of |parent|'s, and where this one hangs */
	struct lnl_task *target;	   /* whose end it waits for */
	struct lnl_task *joiner;	   /* the first that waits for its end */
	struct lnl_task *join_next, **join_at;
	lua_State *co;
	lua_State *waiter; /* the coroutine that waits: |co|, or one that the script made in it */
	int ref;	   /* keeps |co| */
	int done;	   /* the function to call at the end, or LUA_NOREF */
	int nargs;
	bool ready;	 /* |nargs| values on top of |co| are what to go on with */
	bool waiting;	 /* for |op|, or to be woken */
	bool parked;	 /* it may be woken: |woken| is what it goes on with */
	bool woken;	 /* by another task, and not by the clock */
	bool resumed;	 /* |woken| is still to be pushed */
	bool cancelled;	 /* while it runs: removed afterwards */
	bool keep;	 /* it answers a question */
	double deadline; /* seconds; the timer starts at the first wait, as nothing ends before */
	char name[64];
	char where[96]; /* "file:line" of its function, or empty */
};

/* Each returns false when there is no memory. */
bool lnl_marks_put(struct lnl_marks *m, struct lnl_mark *mark, uint64_t key, struct lnl_task *t);
void lnl_marks_take(struct lnl_marks *m, struct lnl_mark *mark);
/* The task with |key| there, or NULL. */
struct lnl_task *lnl_marks_find(struct lnl_marks *m, uint64_t key);
void lnl_marks_free(struct lnl_marks *m);

/* A new task at the end of all, or NULL without memory. */
struct lnl_task *lnl_task_add(struct lnl_vm *vm, uint64_t owner);
/*
 * Makes it one that nobody finds any more, by its number or owner, in the queue or its family. Its
 * tickets stay.
 */
void lnl_task_hide(struct lnl_vm *vm, struct lnl_task *t);
struct lnl_task *lnl_task_find(struct lnl_vm *vm, uint64_t number);

/* It goes on in its turn, with the |nargs| values on its stack. */
void lnl_task_ready(struct lnl_vm *vm, struct lnl_task *t);
/* The next that can run, taken out of the queue; or NULL. */
struct lnl_task *lnl_task_next(struct lnl_vm *vm);

/* |t| ends with |parent|; with NULL, with nobody. */
void lnl_task_adopt(struct lnl_task *parent, struct lnl_task *t);
/* |t| waits for the end of |target|; with NULL, for nobody's. */
void lnl_task_target(struct lnl_task *target, struct lnl_task *t);

/* Ends |t|, or has it end at its next wait when it runs. For task_join.c. */
void lnl_task_end(struct lnl_vm *vm, struct lnl_task *t);
/* Takes |t| out of its wait; the clock's answer is false. */
void lnl_task_wake(struct lnl_vm *vm, struct lnl_task *t, bool woken);

#endif
