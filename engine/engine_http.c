/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP for scripts: io/http's answers as events. */
#include "engine_state.h"

static void answered(void *ctx, const struct lnl_http_answer *a)
{
	struct lnl_op *op = ctx;
	struct lnl_queued *q = lnl_op_done(op, LNL_EVENT_HTTP);
	struct lnl_http_answer *copy = q ? lnl_arena_alloc(&q->arena, sizeof(*copy)) : NULL;
	static const struct lnl_http_answer poor = { .why = "out of memory" };

	if (!q)
		return;
	q->event.u.http = copy ? copy : &poor;
	if (!copy)
		return;
	*copy = *a;
	copy->why = lnl_arena_str(&q->arena, a->why);
	copy->headers = lnl_arena_list(&q->arena, a->headers, a->n_headers);
	copy->body.data = lnl_arena_copy(&q->arena, a->body.data, a->body.len);
	if ((a->why && !copy->why) || !copy->headers || (a->body.data && !copy->body.data))
		q->event.u.http = &poor;
}

static void give_up(struct lnl_op *op)
{
	lnl_http_cancel(op->what);
}

uint64_t lnl_op_http(struct lnl_engine *e, const struct lnl_http_request *r)
{
	struct lnl_op *op;

	if (!e->http && lnl_http_new(&e->http, e->loop, e->resolver) < 0)
		return 0;
	op = lnl_op_new(e);
	if (!op)
		return 0;
	op->what = lnl_http_start(e->http, r, answered, op);
	if (!op->what) {
		lnl_op_cancel(e, op->id);
		return 0;
	}
	op->give_up = give_up;
	return op->id;
}
