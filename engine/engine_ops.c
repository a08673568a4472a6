/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations that a host's scripts wait for: what all have in common; timers, names, programs. */
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

struct lnl_op *lnl_op_new(struct lnl_engine *e)
{
	struct lnl_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->engine = e;
	op->id = ++e->next_id;
	ev_init(&op->timer, NULL);
	op->next = e->ops;
	op->at = &e->ops;
	if (op->next)
		op->next->at = &op->next;
	e->ops = op;
	lnl_nodes_put(&e->op_ids, &op->node, (uint32_t)op->id);
	return op;
}

static void drop(struct lnl_op *op)
{
	lnl_nodes_take(&op->engine->op_ids, &op->node);
	*op->at = op->next;
	if (op->next)
		op->next->at = op->at;
	ev_timer_stop(op->engine->loop, &op->timer);
	if (op->resolve)
		lnl_resolver_cancel(op->resolve);
	if (op->exec)
		lnl_process_cancel(op->exec);
	if (op->give_up)
		op->give_up(op);
	free(op);
}

void lnl_ops_free(struct lnl_engine *e)
{
	while (e->ops)
		drop(e->ops);
}

static struct lnl_queued *done(struct lnl_op *op, enum lnl_event_kind kind)
{
	struct lnl_queued *q = lnl_event_add(op->engine, kind, NULL);

	if (q)
		q->event.ticket = op->id;
	return q;
}

struct lnl_queued *lnl_op_done(struct lnl_op *op, enum lnl_event_kind kind)
{
	struct lnl_queued *q = done(op, kind);

	op->give_up = NULL;
	drop(op);
	return q;
}

static void fired(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_op *op = w->data;

	(void)loop;
	(void)revents;
	done(op, LNL_EVENT_TIMER);
	drop(op);
}

uint64_t lnl_op_timer(struct lnl_engine *e, double seconds)
{
	struct lnl_op *op = lnl_op_new(e);

	if (!op)
		return 0;
	ev_timer_init(&op->timer, fired, seconds > 0 ? seconds : 0, 0);
	op->timer.data = op;
	ev_timer_start(e->loop, &op->timer);
	return op->id;
}

static void resolved(void *ctx, int error, const struct lnl_addr *list, unsigned n, const char *why)
{
	struct lnl_op *op = ctx;
	struct lnl_queued *q = done(op, LNL_EVENT_RESOLVED);
	char text[LNL_IP_TEXT];
	const char **out;
	unsigned i;

	(void)why;
	op->resolve = NULL;
	if (q) {
		q->event.u.resolved.error = error;
		out = lnl_arena_alloc(&q->arena, (n + 1) * sizeof(*out));
		for (i = 0; out && i < n; i++) {
			struct lnl_ip ip = lnl_addr_ip(&list[i]);

			out[i] = lnl_arena_str(&q->arena, lnl_ip_text(&ip, text));
		}
		q->event.u.resolved.addresses = out;
		q->event.u.resolved.n = out ? n : 0;
	}
	drop(op);
}

uint64_t lnl_op_resolve(struct lnl_engine *e, const char *host, int family)
{
	struct lnl_op *op = lnl_op_new(e);
	uint64_t id;

	if (!op)
		return 0;
	id = op->id; /* a literal may be answered at once */
	op->resolve = lnl_resolver_lookup(e->resolver, host, 0, family, resolved, op);
	return id;
}

static void exited(void *ctx, const struct lnl_exit *x)
{
	struct lnl_op *op = ctx;
	struct lnl_queued *q = done(op, LNL_EVENT_EXITED);

	op->exec = NULL;
	if (q) {
		q->event.u.exited.error = x->error;
		q->event.u.exited.status = x->status;
		q->event.u.exited.timeout = x->timeout;
		q->event.u.exited.out.data = lnl_arena_copy(&q->arena, x->out, x->out_len);
		q->event.u.exited.out.len = x->out_len;
		q->event.u.exited.err.data = lnl_arena_copy(&q->arena, x->err, x->err_len);
		q->event.u.exited.err.len = x->err_len;
	}
	drop(op);
}

uint64_t lnl_op_exec(struct lnl_engine *e, const char *const *argv, const char *const *env,
		     struct lnl_bytes input, double timeout)
{
	struct lnl_op *op = lnl_op_new(e);

	if (!op)
		return 0;
	op->exec =
		lnl_process_exec(e->process, argv, env, input.data, input.len, timeout, exited, op);
	if (!op->exec) {
		drop(op);
		return 0;
	}
	return op->id;
}

void lnl_op_cancel(struct lnl_engine *e, uint64_t ticket)
{
	struct lnl_node *node = lnl_nodes_find(&e->op_ids, (uint32_t)ticket);

	for (; node; node = lnl_nodes_again(node)) {
		struct lnl_op *op = LNL_NODE_OF(node, struct lnl_op, node);

		if (op->id == ticket) {
			drop(op);
			return;
		}
	}
}
