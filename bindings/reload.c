/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/crossing.h"
#include "bindings/events.h"
#include "bindings/sink.h"
#include "bindings/task.h"

/* ---- the swap ---- */

/* One piece: 1 when there was one, 0 when there are no more, -1 with |fault|. */
static int pass_piece(struct lnl_vm *from, struct lnl_vm *to, unsigned i, struct lnl_fault *fault)
{
	struct lnl_crossing out = { .name = "hand_over" }, in = { .name = "take_over" };
	int rc = 0;

	if (!lnl_plain_number(&out.in, i)) {
		snprintf(fault->text, sizeof(fault->text), "out of memory");
		rc = -1;
	}
	if (rc == 0)
		rc = lnl_cross(from, &out, fault);
	if (rc == 0 && out.out.n > 0) {
		in.in = out.out; /* wiped by lnl_cross */
		memset(&out.out, 0, sizeof(out.out));
		rc = lnl_cross(to, &in, fault) ? -1 : 1;
	}
	lnl_crossing_clear(&out);
	lnl_crossing_clear(&in);
	return rc;
}

static int retire(struct lnl_vm *vm, struct lnl_fault *fault)
{
	struct lnl_crossing c = { .name = "retire" };
	int rc = 0;

	for (unsigned i = 0; i < vm->n_keeps && rc == 0; i++)
		rc = lnl_plain_number(&c.in, vm->keeps[i]) ? 0 : -1;
	snprintf(fault->text, sizeof(fault->text), "out of memory");
	if (rc == 0)
		rc = lnl_cross(vm, &c, fault);
	lnl_crossing_clear(&c);
	return rc;
}

/* A question may have no deadline: whoever reloads again and again does not fill the memory. */
static bool has_room(const struct lnl_host *h, struct lnl_fault *fault)
{
	unsigned n = 0;

	for (const struct lnl_vm *vm = h->old; vm; vm = vm->next)
		n++;
	snprintf(fault->text, sizeof(fault->text),
		 "%u scripts that were replaced still wait for answers to their hooks; try again "
		 "when those have come",
		 n);
	return n < LNL_RELOAD_OLD;
}

int lnl_reload_swap(struct lnl_host *h, struct lnl_vm *fresh, const uint32_t *gone, unsigned n,
		    struct lnl_fault *fault)
{
	struct lnl_vm *old = h->vm;
	uint32_t *keeps;
	int rc;

	if (!has_room(h, fault))
		return -1;
	snprintf(fault->text, sizeof(fault->text), "out of memory");
	keeps = calloc(n + 1, sizeof(*keeps));
	rc = keeps ? 1 : -1;
	for (unsigned i = 1; rc > 0; i++)
		rc = pass_piece(old, fresh, i, fault);
	if (rc < 0) {
		free(keeps);
		return -1;
	}
	if (n > 0)
		memcpy(keeps, gone, n * sizeof(*keeps));
	old->keeps = keeps;
	old->n_keeps = n;
	lnl_sinks_drain(old); /* what was said in its time is its sinks' */
	h->vm = fresh;
	lnl_host_levels(h);
	if (retire(old, fault))
		lnl_host_fault(h, "retire", fault);
	lnl_task_retire(old);
	old->next = h->old;
	h->old = old;
	return 0;
}

/* ---- events ---- */

static bool keeps(const struct lnl_vm *vm, uint32_t tunnel)
{
	for (unsigned i = 0; i < vm->n_keeps; i++)
		if (vm->keeps[i] == tunnel)
			return true;
	return false;
}

static void let_go(struct lnl_vm *vm, uint32_t tunnel)
{
	for (unsigned i = 0; i < vm->n_keeps; i++)
		if (vm->keeps[i] == tunnel)
			vm->keeps[i--] = vm->keeps[--vm->n_keeps];
}

struct lnl_vm *lnl_reload_owner(const struct lnl_host *h, const struct lnl_event *e)
{
	for (struct lnl_vm *vm = h->old; vm; vm = vm->next)
		if (keeps(vm, e->tunnel))
			return vm;
	return h->vm;
}

bool lnl_reload_event(struct lnl_host *h, const struct lnl_event *e)
{
	for (struct lnl_vm *vm = h->old; vm; vm = vm->next)
		if (lnl_task_event(vm, e))
			return true;
	return false;
}

void lnl_reload_overhear(struct lnl_host *h, const struct lnl_event *e)
{
	if (e->kind != LNL_EVENT_PEER_CLOSED && e->kind != LNL_EVENT_CLOSED &&
	    e->kind != LNL_EVENT_STATE)
		return;
	for (struct lnl_vm *vm = h->old; vm; vm = vm->next) {
		if (!keeps(vm, e->tunnel))
			lnl_event_overhear(vm, e);
		else if (e->kind == LNL_EVENT_CLOSED)
			let_go(vm, e->tunnel); /* it was told before */
	}
}

/* ---- vars ---- */

int lnl_reload_pass_vars(lua_State *L)
{
	struct lnl_host *h = lnl_vm_of(L)->host;
	size_t len;

	luaL_checknumber(L, 1);
	luaL_checknumber(L, 2);
	luaL_checknumber(L, 3);
	luaL_checktype(L, 4, LUA_TTABLE);
	if (!h || lnl_vm_of(L) == h->vm)
		return 0;
	/* Whole, or not at all. */
	len = h->passed.len;
	for (int i = 1; i <= 4; i++) {
		if (lnl_plain_put(&h->passed, L, i))
			continue;
		h->passed.len = len;
		h->passed.n -= (unsigned)i - 1;
		return luaL_error(L, "vars are too large to pass on");
	}
	return 0;
}

static void pass_vars(struct lnl_host *h)
{
	struct lnl_crossing c = { .name = "take_vars", .in = h->passed };
	struct lnl_fault fault;

	memset(&h->passed, 0, sizeof(h->passed));
	if (h->vm && lnl_cross(h->vm, &c, &fault))
		lnl_host_fault(h, "take_vars", &fault);
	lnl_crossing_clear(&c);
}

/* ---- the end of old ones ---- */

static bool is_done(const struct lnl_vm *vm)
{
	return vm->n_keeps == 0 && !lnl_task_answers(vm);
}

void lnl_reload_run(struct lnl_host *h)
{
	struct lnl_vm **p = &h->old, *vm;

	while ((vm = *p)) {
		lnl_task_run(vm);
		if (h->passed.n > 0)
			pass_vars(h);
		if (!is_done(vm)) {
			p = &vm->next;
			continue;
		}
		*p = vm->next;
		lnl_vm_free(vm);
	}
}

void lnl_reload_clear(struct lnl_host *h)
{
	struct lnl_vm *vm;

	while ((vm = h->old)) {
		h->old = vm->next;
		lnl_vm_free(vm);
	}
	lnl_plain_clear(&h->passed);
}
