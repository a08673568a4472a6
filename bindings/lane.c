/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/file.h"
#include "bindings/lane_state.h"
#include "bindings/lane_vm.h"
#include "lunel_codes.h"

/* ---- the VMs' modules ---- */

static bool read_module(struct lnl_lane_module *m, const char *name, const char *scripts, char *why,
			size_t len)
{
	char path[4096];
	struct lnl_file f;

	m->name = name;
	if (snprintf(path, sizeof(path), "%s/lunel/%s.lua", scripts, strchr(name, '.') + 1) >=
	    (int)sizeof(path)) {
		snprintf(why, len, "the path of the scripts is too long");
		return false;
	}
	if (lnl_file_read(path, &f) < 0) {
		snprintf(why, len, "cannot read %s: %s", path, f.why);
		return false;
	}
	m->text = f.data; /* it is ours now */
	m->len = f.len;
	return true;
}

const struct lnl_lane_module *lnl_lanes_modules(const struct lnl_lanes *l)
{
	return l->modules;
}

/* ---- counters ---- */

int lnl_lanes_counter_of(struct lnl_lanes *l, const char *name)
{
	int found = -1;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; i < l->n_counters && found < 0; i++)
		if (strcmp(l->names[i], name) == 0)
			found = (int)i;
	if (found < 0 && l->n_counters < LNL_LANE_COUNTERS) {
		found = (int)l->n_counters++;
		snprintf(l->names[found], LNL_LANE_COUNTER_NAME, "%s", name);
	}
	pthread_mutex_unlock(&l->lock);
	return found;
}

static double counted(const struct lnl_lane_vm *vm, unsigned i)
{
	uint64_t bits = atomic_load_explicit(&vm->counters[i], memory_order_relaxed);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

bool lnl_lanes_counter(struct lnl_lanes *l, unsigned i, char name[LNL_LANE_COUNTER_NAME],
		       double *value)
{
	bool there;

	pthread_mutex_lock(&l->lock);
	there = i < l->n_counters;
	if (there) {
		memcpy(name, l->names[i], LNL_LANE_COUNTER_NAME);
		*value = l->gone[i];
		for (const struct lnl_lane_vm *vm = l->vms; vm; vm = vm->next)
			*value += counted(vm, i);
	}
	pthread_mutex_unlock(&l->lock);
	return there;
}

/* ---- what the engine calls, in workers' threads ---- */

static void *host_vm_new(void *ctx, char *why, size_t len)
{
	struct lnl_lanes *l = ctx;
	struct lnl_lane_vm *vm = lnl_lane_vm_new(l, l->jit, why, len);
	bool watched;

	if (!vm)
		return NULL;
	pthread_mutex_lock(&l->lock);
	watched = lnl_lane_watch(l);
	if (watched) {
		vm->next = l->vms;
		l->vms = vm;
	}
	pthread_mutex_unlock(&l->lock);
	if (watched)
		return vm;
	snprintf(why, len, "the watchdog over packet lanes has no thread");
	lnl_lane_vm_free(vm);
	return NULL;
}

static void host_vm_free(void *arg)
{
	struct lnl_lane_vm *vm = arg;
	struct lnl_lanes *l;

	if (!vm)
		return;
	l = vm->lanes;
	pthread_mutex_lock(&l->lock);
	for (struct lnl_lane_vm **at = &l->vms; *at; at = &(*at)->next)
		if (*at == vm) {
			*at = vm->next;
			break;
		}
	for (unsigned i = 0; i < l->n_counters; i++)
		l->gone[i] += counted(vm, i);
	pthread_mutex_unlock(&l->lock);
	lnl_lane_vm_free(vm);
}

static struct lnl_lane_entry *entry_of(struct lnl_lanes *l, uint32_t id)
{
	struct lnl_lane_entry *e = l->entries;

	while (e && e->id != id)
		e = e->next;
	return e;
}

static void entry_free(struct lnl_lane_entry *e)
{
	if (!e)
		return;
	if (e->text)
		explicit_bzero(e->text, e->len);
	lnl_plain_clear(&e->args);
	free(e->text);
	free(e->path);
	free(e->name);
	free(e);
}

static void entry_unlink(struct lnl_lanes *l, struct lnl_lane_entry *e)
{
	struct lnl_lane_entry **at = &l->entries;

	while (*at && *at != e)
		at = &(*at)->next;
	if (*at)
		*at = e->next;
	e->forgotten = true;
	if (e->users == 0)
		entry_free(e);
}

static int host_load(void *arg, uint32_t id, char *why, size_t len)
{
	struct lnl_lane_vm *vm = arg;
	struct lnl_lanes *l = vm->lanes;
	struct lnl_lane_entry *e;
	int rc;

	pthread_mutex_lock(&l->lock);
	e = entry_of(l, id);
	if (e)
		e->users++;
	pthread_mutex_unlock(&l->lock);
	if (!e || !id) {
		snprintf(why, len, "the host has no lane of the number %u", (unsigned)id);
		return LNL_E_NOTFOUND;
	}
	rc = lnl_lane_vm_load(vm, id,
			      &(struct lnl_lane_text){ e->path, e->text, e->len,
						       e->args.n ? &e->args : NULL, false },
			      NULL, why, len);
	pthread_mutex_lock(&l->lock);
	if (--e->users == 0 && e->forgotten)
		entry_free(e);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static void host_unload(void *vm, uint32_t id)
{
	lnl_lane_vm_unload(vm, id);
}

static bool host_run(void *vm, uint32_t id, struct lnl_lane_batch *b, struct lnl_lane_fault *fault)
{
	return lnl_lane_vm_run(vm, id, b, fault);
}

/* ---- the host's side ---- */

struct lnl_lanes *lnl_lanes_new(const char *scripts, char *why, size_t len)
{
	static const char *const names[LNL_LANE_MODULES] = { "lunel.suggest", "lunel.strict",
							     "lunel.pkt", "lunel.lane" };
	struct lnl_lanes *l = calloc(1, sizeof(*l));
	const char *jit = secure_getenv("LUNEL_JIT");
	pthread_condattr_t attr;

	if (!l) {
		snprintf(why, len, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	l->jit = !jit || strcmp(jit, "off") != 0;
	l->host = (struct lnl_lane_host){
		.ctx = l,
		.vm_new = host_vm_new,
		.vm_free = host_vm_free,
		.load = host_load,
		.unload = host_unload,
		.run = host_run,
	};
	l->scripts = strdup(scripts);
	if (!l->scripts)
		snprintf(why, len, "out of memory");
	for (unsigned i = 0; i < LNL_LANE_MODULES; i++)
		if (!l->scripts || !read_module(&l->modules[i], names[i], l->scripts, why, len)) {
			lnl_lanes_free(l);
			return NULL;
		}
	return l;
}

void lnl_lanes_free(struct lnl_lanes *l)
{
	if (!l)
		return;
	lnl_lane_unwatch(l);
	while (l->entries)
		entry_unlink(l, l->entries);
	for (unsigned i = 0; i < LNL_LANE_MODULES; i++)
		free(l->modules[i].text);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l->scripts);
	free(l);
}

const char *lnl_lanes_scripts(const struct lnl_lanes *l)
{
	return l->scripts;
}

void lnl_lanes_no_jit(struct lnl_lanes *l)
{
	l->jit = false;
}

const struct lnl_lane_host *lnl_lanes_host(const struct lnl_lanes *l)
{
	return &l->host;
}

/* "filter" of "/etc/lunel/filter.lua". */
static char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t n = strlen(base);

	if (n > 4 && strcmp(base + n - 4, ".lua") == 0)
		n -= 4;
	return strndup(base, n);
}

/* A copy of what |f| names; NULL with a sentence in |why|. */
static struct lnl_lane_entry *entry_new(const struct lnl_lane_file *f, char *why, size_t len)
{
	struct lnl_lane_entry *e = calloc(1, sizeof(*e));
	struct lnl_file file;

	if (e && !f->text && lnl_file_read(f->path, &file) < 0) {
		snprintf(why, len, "cannot read %s: %s", f->path, file.why);
		free(e);
		return NULL;
	}
	if (e) {
		e->path = strdup(f->path);
		e->name = name_of(f->path);
		e->len = f->text ? f->text_len : file.len;
		e->text = f->text ? malloc(e->len + 1) : file.data;
		if (f->text && e->text)
			memcpy(e->text, f->text, e->len);
	}
	if (e && e->path && e->name && e->text && (!f->args || lnl_plain_copy(&e->args, f->args)))
		return e;
	entry_free(e);
	snprintf(why, len, "out of memory");
	return NULL;
}

/* What the lane is, from a VM that nobody else has and that ends again. */
static int look(struct lnl_lanes *l, struct lnl_lane_entry *e, bool alone,
		struct lnl_lane_found *found, char *why, size_t len)
{
	struct lnl_lane_vm *vm = lnl_lane_vm_new(l, false, why, len);
	int rc;

	if (!vm)
		return LNL_E_NOMEM;
	rc = lnl_lane_vm_load(vm, 1,
			      &(struct lnl_lane_text){ e->path, e->text, e->len,
						       e->args.n ? &e->args : NULL, alone },
			      found, why, len);
	lnl_lane_vm_free(vm);
	found->conf.name = e->name;
	found->conf.origin = e->path;
	return rc;
}

int lnl_lanes_add(struct lnl_lanes *l, const struct lnl_lane_file *f, uint32_t id,
		  struct lnl_lane_found *found, char *why, size_t len)
{
	struct lnl_lane_entry *e = entry_new(f, why, len), *old;
	int rc = e ? look(l, e, f->alone, found, why, len) : LNL_E_INVAL;

	if (rc) {
		entry_free(e);
		return rc;
	}
	pthread_mutex_lock(&l->lock);
	old = id ? entry_of(l, id) : NULL;
	e->id = id ? id : ++l->last_id;
	found->conf.id = e->id;
	if (old)
		entry_unlink(l, old);
	e->next = l->entries;
	l->entries = e;
	pthread_mutex_unlock(&l->lock);
	return 0;
}

bool lnl_lanes_move(struct lnl_lanes *l, uint32_t from, uint32_t to)
{
	struct lnl_lane_entry *e, *old;

	pthread_mutex_lock(&l->lock);
	e = entry_of(l, from);
	old = e && to != from ? entry_of(l, to) : NULL;
	if (old)
		entry_unlink(l, old);
	if (e)
		e->id = to;
	pthread_mutex_unlock(&l->lock);
	return e != NULL;
}

void lnl_lanes_forget(struct lnl_lanes *l, uint32_t id)
{
	struct lnl_lane_entry *e;

	pthread_mutex_lock(&l->lock);
	e = entry_of(l, id);
	if (e)
		entry_unlink(l, e);
	pthread_mutex_unlock(&l->lock);
}

bool lnl_lanes_stuck(struct lnl_lanes *l, char text[LNL_LANE_STUCK])
{
	switch (atomic_load_explicit(&l->word, memory_order_acquire)) {
	case LNL_LANE_SAID:
		memcpy(text, l->stuck, LNL_LANE_STUCK);
		atomic_store_explicit(&l->word, LNL_LANE_TAKEN, memory_order_release);
		return true;
	case LNL_LANE_TAKEN:
		/* It is asked again: what it was told went out. */
		atomic_store_explicit(&l->word, LNL_LANE_WRITTEN, memory_order_release);
		return false;
	default:
		return false;
	}
}
