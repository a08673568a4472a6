/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/task_table.h"

#include <stdlib.h>

#define FEW 64

static size_t slot(const struct lnl_marks *m, uint64_t key)
{
	/* Numbers are given out one after the other; the multiplication spreads them. */
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->size - 1);
}

static void hang(struct lnl_mark **chain, struct lnl_mark *mark)
{
	mark->next = *chain;
	mark->at = chain;
	if (mark->next)
		mark->next->at = &mark->next;
	*chain = mark;
}

/* Without memory it stays as small as it is, only slower. */
static void grow(struct lnl_marks *m)
{
	struct lnl_mark **chains = calloc(m->size ? m->size * 2 : FEW, sizeof(*chains)), **old;
	size_t n = m->size;

	if (!chains)
		return;
	old = m->chains;
	m->chains = chains;
	m->size = n ? n * 2 : FEW;
	for (size_t i = 0; i < n; i++)
		while (old[i]) {
			struct lnl_mark *mark = old[i];

			old[i] = mark->next;
			hang(&m->chains[slot(m, mark->key)], mark);
		}
	free(old);
}

bool lnl_marks_put(struct lnl_marks *m, struct lnl_mark *mark, uint64_t key, struct lnl_task *t)
{
	if (m->count >= m->size)
		grow(m);
	if (!m->size)
		return false;
	mark->key = key;
	mark->task = t;
	hang(&m->chains[slot(m, key)], mark);
	m->count++;
	return true;
}

void lnl_marks_take(struct lnl_marks *m, struct lnl_mark *mark)
{
	if (!mark->at)
		return;
	*mark->at = mark->next;
	if (mark->next)
		mark->next->at = mark->at;
	mark->at = NULL;
	m->count--;
}

struct lnl_task *lnl_marks_find(struct lnl_marks *m, uint64_t key)
{
	struct lnl_mark *mark = m->size ? m->chains[slot(m, key)] : NULL;

	while (mark && mark->key != key)
		mark = mark->next;
	return mark ? mark->task : NULL;
}

void lnl_marks_free(struct lnl_marks *m)
{
	free(m->chains);
	*m = (struct lnl_marks){ 0 };
}

struct lnl_task *lnl_task_add(struct lnl_vm *vm, uint64_t owner)
{
	struct lnl_task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (!lnl_marks_put(&vm->numbers, &t->number, vm->last_task + 1, t) ||
	    !lnl_marks_put(&vm->owners, &t->owned_by, owner, t)) {
		lnl_marks_take(&vm->numbers, &t->number);
		free(t);
		return NULL;
	}
	vm->last_task++;
	if (!vm->tasks_end)
		vm->tasks_end = &vm->tasks;
	t->at = vm->tasks_end;
	*t->at = t;
	vm->tasks_end = &t->next;
	return t;
}

struct lnl_task *lnl_task_find(struct lnl_vm *vm, uint64_t number)
{
	return lnl_marks_find(&vm->numbers, number);
}

void lnl_task_ready(struct lnl_vm *vm, struct lnl_task *t)
{
	if (!vm->ready_end)
		vm->ready_end = &vm->ready;
	t->ready = true;
	t->ready_next = NULL;
	t->ready_at = vm->ready_end;
	*t->ready_at = t;
	vm->ready_end = &t->ready_next;
}

static void unqueue(struct lnl_vm *vm, struct lnl_task *t)
{
	*t->ready_at = t->ready_next;
	if (t->ready_next)
		t->ready_next->ready_at = t->ready_at;
	else
		vm->ready_end = t->ready_at;
	t->ready = false;
}

struct lnl_task *lnl_task_next(struct lnl_vm *vm)
{
	struct lnl_task *t = vm->ready;

	if (t)
		unqueue(vm, t);
	return t;
}

void lnl_task_adopt(struct lnl_task *parent, struct lnl_task *t)
{
	if (t->parent) {
		*t->among = t->sibling;
		if (t->sibling)
			t->sibling->among = t->among;
	}
	t->parent = parent;
	if (!parent)
		return;
	t->sibling = parent->child;
	t->among = &parent->child;
	if (t->sibling)
		t->sibling->among = &t->sibling;
	parent->child = t;
}

void lnl_task_target(struct lnl_task *target, struct lnl_task *t)
{
	if (t->target) {
		*t->join_at = t->join_next;
		if (t->join_next)
			t->join_next->join_at = t->join_at;
	}
	t->target = target;
	if (!target)
		return;
	t->join_next = target->joiner;
	t->join_at = &target->joiner;
	if (t->join_next)
		t->join_next->join_at = &t->join_next;
	target->joiner = t;
}

void lnl_task_hide(struct lnl_vm *vm, struct lnl_task *t)
{
	if (!t->at)
		return;
	*t->at = t->next;
	if (t->next)
		t->next->at = t->at;
	else
		vm->tasks_end = t->at;
	t->at = NULL;
	if (t->ready)
		unqueue(vm, t);
	lnl_marks_take(&vm->numbers, &t->number);
	lnl_marks_take(&vm->owners, &t->owned_by);
	lnl_task_adopt(NULL, t);
	lnl_task_target(NULL, t);
}
