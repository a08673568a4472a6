/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All metrics one after the other; as OpenMetrics has them, and as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/host.h"
#include "bindings/metrics.h"
#include "bindings/vm.h"

struct walk {
	bool (*see)(void *ctx, const struct lnl_sample *s);
	void *ctx;
	bool ended;
};

static void see(struct walk *w, const struct lnl_sample *s)
{
	if (!w->ended)
		w->ended = !w->see(w->ctx, s);
}

/* ---- the engine's ---- */

static void engines(struct walk *w, const struct lnl_engine_metrics *m)
{
	static const char *const COUNTER = "counter", *const GAUGE = "gauge";
	const struct {
		const char *name, *kind, *help;
		uint64_t value;
	} list[] = {
#define X(field, name, kind, help) { "lunel_" name, kind, help, m->field },
		LNL_METRICS(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		see(w, &(struct lnl_sample){ .family = list[i].name,
					     .suffix = list[i].kind == COUNTER ? "_total" : "",
					     .help = list[i].help,
					     .kind = list[i].kind,
					     .value = (double)list[i].value });
	for (int i = LNL_DROP_NONE + 1; i < LNL_DROP_COUNT; i++) {
		const char *labels[] = { "reason", lnl_drop_name((enum lnl_drop)i) };

		see(w, &(struct lnl_sample){ .family = "lunel_drops",
					     .suffix = "_total",
					     .help = "Packets that were dropped.",
					     .kind = COUNTER,
					     .labels = labels,
					     .n_labels = 1,
					     .value = (double)m->drops[i] });
	}
}

static void hooks(struct walk *w, const struct lnl_host *h)
{
	static const char *const names[] = { "lunel_hook_runs", "lunel_hook_errors",
					     "lunel_hook_deadlines", "lunel_hook_seconds" };
	static const char *const helps[] = {
		"Hooks that began.", "Hooks that ended with an error.", "Hooks that took too long.",
		"Time that hooks took that ended, their waits among it."
	};

	for (int i = 0; i < 4; i++)
		for (unsigned k = 0; k < h->n_hooks; k++) {
			const struct lnl_hook_metrics *m = &h->hooks[k];
			const char *labels[] = { "hook", m->name };
			const double values[] = { (double)m->run, (double)m->errors,
						  (double)m->deadlines, m->seconds };

			see(w, &(struct lnl_sample){ .family = names[i],
						     .suffix = "_total",
						     .help = helps[i],
						     .kind = "counter",
						     .labels = labels,
						     .n_labels = 1,
						     .value = values[i] });
		}
}

/* ---- scripts' ---- */

static void histogram(struct walk *w, const struct lnl_series *s, struct lnl_sample *out)
{
	uint64_t sum = 0;
	char le[32];

	out->suffix = "_bucket";
	for (unsigned i = 0; i <= s->family->n_buckets; i++) {
		sum += s->buckets[i];
		if (i < s->family->n_buckets)
			snprintf(le, sizeof(le), "%.14g", s->family->bounds[i]);
		else
			snprintf(le, sizeof(le), "+Inf");
		/* As OpenMetrics wants numbers here: 1.0. */
		if (!strpbrk(le, ".eIn"))
			strcat(le, ".0");
		out->le = le;
		out->value = (double)sum;
		see(w, out);
	}
	out->le = NULL;
	out->suffix = "_sum";
	out->value = s->value;
	see(w, out);
	out->suffix = "_count";
	out->value = (double)s->count;
	see(w, out);
}

static void scripts(struct walk *w, const struct lnl_metrics *m)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };

	for (const struct lnl_family *f = m->first; f; f = f->next)
		for (const struct lnl_series *s = f->first; s; s = s->next) {
			struct lnl_sample out = {
				.family = f->name,
				.suffix = f->kind == LNL_METRIC_COUNTER ? "_total" : "",
				.kind = kinds[f->kind],
				.labels = (const char *const *)s->labels,
				.n_labels = s->n_labels,
				.value = s->value,
			};

			if (f->kind == LNL_METRIC_HISTOGRAM)
				histogram(w, s, &out);
			else
				see(w, &out);
		}
}

void lnl_metrics_each(const struct lnl_host *h, bool (*fn)(void *ctx, const struct lnl_sample *s),
		      void *ctx)
{
	const struct lnl_metrics *m = h->vm ? h->vm->metrics : NULL;
	struct walk w = { .see = fn, .ctx = ctx };
	struct lnl_engine_metrics engine;

	if (h->engine) {
		lnl_engine_metrics(h->engine, &engine);
		engines(&w, &engine);
	}
	hooks(&w, h);
	see(&w, &(struct lnl_sample){ .family = "lunel_metrics_dropped",
				      .suffix = "_total",
				      .help = "Calls for a metric beyond the number there can be.",
				      .kind = "counter",
				      .value = m ? (double)m->dropped : 0 });
	if (m)
		scripts(&w, m);
}

/* ---- texts ---- */

static void put(struct lnl_text *t, const char *data, size_t len)
{
	if (t->failed)
		return;
	if (t->len + len > t->cap) {
		size_t cap = (t->len + len) * 2 + 4096;
		char *fresh = realloc(t->data, cap);

		if (!fresh) {
			t->failed = true;
			return;
		}
		t->data = fresh;
		t->cap = cap;
	}
	memcpy(t->data + t->len, data, len);
	t->len += len;
}

static void puts_to(struct lnl_text *t, const char *text)
{
	put(t, text, strlen(text));
}

static void put_number(struct lnl_text *t, double n)
{
	char text[48];

	if (n == floor(n) && fabs(n) < 1e17)
		snprintf(text, sizeof(text), "%.0f", n);
	else
		snprintf(text, sizeof(text), "%.17g", n);
	puts_to(t, text);
}

/* In quotes, as both forms have it; what is no printable ASCII or UTF-8's is a question mark. */
static void put_quoted(struct lnl_text *t, const char *text)
{
	puts_to(t, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			put(t, "\\", 1);
		if (c == '\n')
			puts_to(t, "\\n");
		else
			put(t, c < 0x20 || c == 0x7f ? "?" : text, 1);
	}
	puts_to(t, "\"");
}

struct render {
	struct lnl_text *out;
	const char *family; /* the last one */
	bool more;	    /* JSON: a comma is due */
};

static void put_labels(struct lnl_text *t, const struct lnl_sample *s)
{
	const char *before = "{";

	for (unsigned i = 0; i < s->n_labels; i++, before = ",") {
		puts_to(t, before);
		puts_to(t, s->labels[2 * i]);
		puts_to(t, "=");
		put_quoted(t, s->labels[2 * i + 1]);
	}
	if (s->le) {
		puts_to(t, before);
		puts_to(t, "le=");
		put_quoted(t, s->le);
		before = ",";
	}
	if (*before == ',')
		puts_to(t, "}");
}

static bool line(void *ctx, const struct lnl_sample *s)
{
	struct render *r = ctx;

	if (!r->family || strcmp(r->family, s->family) != 0) {
		puts_to(r->out, "# TYPE ");
		puts_to(r->out, s->family);
		puts_to(r->out, " ");
		puts_to(r->out, s->kind);
		puts_to(r->out, "\n");
		if (s->help) {
			puts_to(r->out, "# HELP ");
			puts_to(r->out, s->family);
			puts_to(r->out, " ");
			puts_to(r->out, s->help);
			puts_to(r->out, "\n");
		}
		r->family = s->family;
	}
	puts_to(r->out, s->family);
	puts_to(r->out, s->suffix);
	put_labels(r->out, s);
	puts_to(r->out, " ");
	put_number(r->out, s->value);
	puts_to(r->out, "\n");
	return !r->out->failed;
}

void lnl_metrics_openmetrics(const struct lnl_host *h, struct lnl_text *out)
{
	struct render r = { .out = out };

	lnl_metrics_each(h, line, &r);
	puts_to(out, "# EOF\n");
}

/* Of the engine's and the hooks' samples alone: "drops": {"reason": n}. */
static bool member(void *ctx, const struct lnl_sample *s)
{
	struct render *r = ctx;
	bool same = r->family && strcmp(r->family, s->family) == 0;

	if (strncmp(s->family, "lunel_", 6) != 0)
		return true;
	if (!same && r->family && r->more)
		puts_to(r->out, "}");
	puts_to(r->out, r->family ? "," : "{");
	if (!same) {
		put_quoted(r->out, s->family + 6);
		puts_to(r->out, ":");
		if (s->n_labels)
			puts_to(r->out, "{");
	}
	if (s->n_labels) {
		put_quoted(r->out, s->labels[1]);
		puts_to(r->out, ":");
	}
	put_number(r->out, s->value);
	r->more = s->n_labels > 0;
	r->family = s->family;
	return !r->out->failed;
}

void lnl_metrics_json(const struct lnl_host *h, struct lnl_text *out)
{
	struct render r = { .out = out };
	char start[96];

	lnl_metrics_each(h, member, &r);
	if (r.more)
		puts_to(out, "}");
	snprintf(start, sizeof(start), ",\"version\":\"%s\",\"time\":%.3f}\n", LUNEL_VERSION,
		 lnl_host_wallclock(h));
	puts_to(out, start);
}
