/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets for scripts: io/dial's as handles, and what is done with them as operations. */
#include <stdlib.h>

#include "engine_state.h"
#include "io/dial.h"

struct lnl_dialled {
	struct lnl_dialled *next;
	struct lnl_engine *engine;
	uint32_t id;
	struct lnl_dial *dial;
	struct lnl_op *open, *sending, *receiving; /* who waits */
};

/* ---- answers ---- */

static void tell(struct lnl_op *op, const struct lnl_dial_answer *a, uint32_t id)
{
	static const struct lnl_dial_answer poor = { .why = "out of memory" };
	struct lnl_queued *q = lnl_op_done(op, LNL_EVENT_DIAL);
	struct lnl_dial_answer *copy = q ? lnl_arena_alloc(&q->arena, sizeof(*copy)) : NULL;

	if (!q)
		return;
	q->event.u.dial = &poor;
	if (!copy)
		return;
	copy->dial = id;
	copy->why = lnl_arena_str(&q->arena, a->why);
	copy->bytes.data = lnl_arena_copy(&q->arena, a->bytes.data, a->bytes.len);
	copy->bytes.len = a->bytes.len;
	if ((!a->why || copy->why) && (!a->bytes.data || copy->bytes.data))
		q->event.u.dial = copy;
}

static void tell_why(struct lnl_op *op, const char *why)
{
	const struct lnl_dial_answer a = { .why = why };

	tell(op, &a, 0);
}

static struct lnl_op *take(struct lnl_op **op)
{
	struct lnl_op *taken = *op;

	*op = NULL;
	return taken;
}

static void drop(struct lnl_dialled *d)
{
	struct lnl_dialled **p = &d->engine->dials;

	while (*p != d)
		p = &(*p)->next;
	*p = d->next;
	d->engine->n_dials--;
	lnl_dial_free(d->dial);
	free(d);
}

static struct lnl_dialled *find(struct lnl_engine *e, uint32_t id)
{
	struct lnl_dialled *d = e->dials;

	while (d && d->id != id)
		d = d->next;
	return d && !d->open ? d : NULL; /* nobody knows the handle before it is open */
}

/* ---- opening ---- */

static void opened(void *ctx, const struct lnl_dial_answer *a)
{
	struct lnl_dialled *d = ctx;

	tell(take(&d->open), a, a->why ? 0 : d->id);
	if (a->why)
		drop(d);
}

static void stop_opening(struct lnl_op *op)
{
	drop(op->what);
}

uint64_t lnl_op_dial_open(struct lnl_engine *e, const struct lnl_dial_request *r)
{
	struct lnl_dialled *d;
	struct lnl_op *op = lnl_op_new(e);
	uint64_t id = op ? op->id : 0;

	if (!op)
		return 0;
	if (e->n_dials >= LNL_DIALS) {
		tell_why(op, "limit: 256 sockets are open");
		return id;
	}
	d = calloc(1, sizeof(*d));
	if (d)
		d->dial = lnl_dial_new(e->loop, e->resolver, r, opened, d);
	if (!d || !d->dial) {
		free(d);
		lnl_op_cancel(e, id);
		return 0;
	}
	d->engine = e;
	d->id = (uint32_t)id;
	d->open = op;
	d->next = e->dials;
	e->dials = d;
	e->n_dials++;
	op->what = d;
	op->give_up = stop_opening;
	return id;
}

/* ---- sending and receiving ---- */

static void sent(void *ctx, const struct lnl_dial_answer *a)
{
	struct lnl_dialled *d = ctx;

	tell(take(&d->sending), a, 0);
}

static void received(void *ctx, const struct lnl_dial_answer *a)
{
	struct lnl_dialled *d = ctx;

	tell(take(&d->receiving), a, 0);
}

static void stop_sending(struct lnl_op *op)
{
	struct lnl_dialled *d = op->what;

	d->sending = NULL;
	lnl_dial_cancel_send(d->dial);
}

static void stop_receiving(struct lnl_op *op)
{
	struct lnl_dialled *d = op->what;

	d->receiving = NULL;
	lnl_dial_cancel_receive(d->dial);
}

static const char *refusal(int rc, const struct lnl_op *busy)
{
	switch (rc) {
	case LNL_E_STATE:
		return busy ? "another task is at it" : "a send before was cut short";
	case LNL_E_INVAL:
		return "too large: more than 1 MiB at once";
	default:
		return lnl_error_text(rc);
	}
}

uint64_t lnl_op_dial_send(struct lnl_engine *e, uint32_t dial, struct lnl_bytes data,
			  double timeout)
{
	struct lnl_dialled *d = find(e, dial);
	struct lnl_op *op = lnl_op_new(e);
	uint64_t id = op ? op->id : 0;
	int rc = d && op ? lnl_dial_send(d->dial, data, timeout, sent, d) : 0;

	if (!op)
		return 0;
	if (!d || rc < 0) {
		tell_why(op, d ? refusal(rc, d->sending) : "closed");
		return id;
	}
	d->sending = op;
	op->what = d;
	op->give_up = stop_sending;
	return id;
}

uint64_t lnl_op_dial_receive(struct lnl_engine *e, uint32_t dial, enum lnl_dial_wanted wanted,
			     size_t n, double timeout)
{
	struct lnl_dialled *d = find(e, dial);
	struct lnl_op *op = lnl_op_new(e);
	uint64_t id = op ? op->id : 0;
	int rc = d && op ? lnl_dial_receive(d->dial, wanted, n, timeout, received, d) : 0;

	if (!op)
		return 0;
	if (!d || rc < 0) {
		tell_why(op, d ? refusal(rc, d->receiving) : "closed");
		return id;
	}
	d->receiving = op;
	op->what = d;
	op->give_up = stop_receiving;
	return id;
}

int lnl_dial_close(struct lnl_engine *e, uint32_t dial)
{
	struct lnl_dialled *d = find(e, dial);

	if (!d)
		return LNL_E_NOTFOUND;
	if (d->sending)
		tell_why(take(&d->sending), "closed");
	if (d->receiving)
		tell_why(take(&d->receiving), "closed");
	drop(d);
	return 0;
}

void lnl_dials_free(struct lnl_engine *e)
{
	while (e->dials)
		drop(e->dials);
}
