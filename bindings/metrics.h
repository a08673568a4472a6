/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpn.metrics: counters, gauges and histograms of a policy VM, which lie in C so that they can be read
 * while no Lua runs; and all metrics as texts.
 */
#ifndef LNL_BINDINGS_METRICS_H
#define LNL_BINDINGS_METRICS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunel.h"

#define LNL_SERIES_MAX	 10000 /* sets of labels of a VM */
#define LNL_FAMILIES_MAX 500   /* names */
#define LNL_LABELS_MAX	 16    /* of one set */
#define LNL_BUCKETS_MAX	 64
#define LNL_HOOKS_MAX	 32

struct lnl_vm;
struct lnl_host;
struct lnl_metrics;

/* What hooks did, of all VMs of a host. */
struct lnl_hook_metrics {
	char name[32];
	uint64_t run, errors, deadlines;
	double seconds; /* in all, the waits among them */
};

/* lua_CFunction, `metric(kind, name, labels, buckets)`: a value with add, set and observe. */
int lnl_metrics_get(lua_State *L);
/* lua_CFunction, `snapshot()`: a list of { name, labels, value }, the engine's among them. */
int lnl_metrics_snapshot(lua_State *L);
/* lua_CFunction, `hook_ran(name, seconds, outcome)`: "ok", "error" or "deadline"; nil: it begins. */
int lnl_metrics_hook(lua_State *L);
/* Registers the values' type in |L|. */
void lnl_metrics_register(lua_State *L);
void lnl_metrics_free(struct lnl_vm *vm);

/* ---- reading (metrics_text.c) ---- */

struct lnl_sample {
	const char *family, *suffix, *help; /* help NULL: none */
	const char *kind;		    /* "counter", "gauge", "histogram" */
	/* Names and values in turn, |n_labels| pairs; then `le` when |le| is not NULL. */
	const char *const *labels;
	unsigned n_labels;
	const char *le;
	double value;
};

/*
 * Calls |see| for each sample, those of a family one after the other; false from |see| ends it. |h|'s
 * engine may not run.
 */
void lnl_metrics_each(const struct lnl_host *h, bool (*see)(void *ctx, const struct lnl_sample *s),
		      void *ctx);

struct lnl_text {
	char *data; /* from malloc */
	size_t len, cap;
	bool failed; /* out of memory: what there is is not whole */
};
/* All metrics as OpenMetrics has them, and those of the engine as a JSON object. */
void lnl_metrics_openmetrics(const struct lnl_host *h, struct lnl_text *out);
void lnl_metrics_json(const struct lnl_host *h, struct lnl_text *out);

/* ---- the registry, for metrics_text.c ---- */

enum lnl_metric_kind { LNL_METRIC_COUNTER, LNL_METRIC_GAUGE, LNL_METRIC_HISTOGRAM };

struct lnl_series {
	struct lnl_series *next, *next_hash;
	struct lnl_family *family;
	unsigned n_labels;
	char **labels; /* names and values in turn, by name */
	double value;  /* of a histogram its sum */
	uint64_t count, *buckets;
};

struct lnl_family {
	struct lnl_family *next;
	enum lnl_metric_kind kind;
	unsigned n_buckets;
	double bounds[LNL_BUCKETS_MAX];
	struct lnl_series *first, **end;
	char name[];
};

#define LNL_SERIES_HASH 2048
struct lnl_metrics {
	struct lnl_family *first, **end;
	unsigned n_families, n_series;
	uint64_t dropped; /* calls for more series than there can be */
	bool warned;
	struct lnl_series *hash[LNL_SERIES_HASH];
};

#endif
