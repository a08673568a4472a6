/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's life: memory, randomness, loop, log ring, signals. Tunnels are in
 * engine_tunnel.c, questions in engine_ticket.c.
 */
#include <ares.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aligned.h"
#include "engine_service.h"
#include "io/privilege.h"

/* ---- what the sans-IO rooms are given ---- */

static void *env_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return lnl_aligned_new(size);
}

static void env_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static void take_record(void *ctx, const struct lnl_record *r)
{
	struct lnl_engine *e = ctx;
	struct lnl_record *slot;
	ptrdiff_t moved;
	unsigned i;

	if ((int)r->level > lnl_levels_of(&e->levels, r->event))
		return;
	if (!lnl_quiet_passes(e, r->event, r->level, lnl_clock_now()))
		return;
	if (e->n_records == LNL_RECORDS) {
		e->lost_records++;
		e->metrics.lost++;
		return;
	}
	slot = &e->records[(e->first_record + e->n_records++) % LNL_RECORDS];
	memcpy(slot, r, offsetof(struct lnl_record, store) + r->used);
	slot->time = (uint64_t)(lnl_engine_wallclock(e) * 1e6);
	/* Texts point into the record that holds them. */
	for (i = 0; i < slot->n; i++) {
		if (slot->field[i].type != LNL_FIELD_TEXT)
			continue;
		moved = r->field[i].text - r->store;
		if (moved >= 0 && moved < LNL_RECORD_TEXT)
			slot->field[i].text = slot->store + moved;
	}
}

bool lnl_engine_record(struct lnl_engine *e, struct lnl_record *out, uint64_t *lost)
{
	struct lnl_record *r;
	unsigned i;

	*lost = e->lost_records;
	if (e->n_records == 0)
		return false;
	e->lost_records = 0;
	r = &e->records[e->first_record];
	*out = *r;
	for (i = 0; i < out->n; i++)
		if (out->field[i].type == LNL_FIELD_TEXT && out->field[i].text >= r->store &&
		    out->field[i].text < r->store + LNL_RECORD_TEXT)
			out->field[i].text = out->store + (r->field[i].text - r->store);
	e->first_record = (e->first_record + 1) % LNL_RECORDS;
	e->n_records--;
	return true;
}

void lnl_engine_levels(struct lnl_engine *e, const struct lnl_levels *l)
{
	int most = lnl_levels_most(l);

	e->levels = *l;
	/* Errors are always built: who keeps none drops them above. */
	e->log.level = most > 0 ? (enum lnl_level)most : LNL_LEVEL_ERROR;
}

void lnl_engine_hurry(struct lnl_engine *e)
{
	e->hurry = true;
}

/* ---- start and end ---- */

static int start(struct lnl_engine *e, const struct lnl_engine_options *o, struct lnl_reason *why)
{
	int rc;

	e->env =
		(struct lnl_env){ NULL, env_alloc, env_release, lnl_crypto_random, lnl_clock_wall };
	e->log = (struct lnl_log){ e, take_record, o->level };
	if (o->lanes)
		e->lanes = *o->lanes;
	e->levels.all = (int)o->level;
	e->records = calloc(LNL_RECORDS, sizeof(*e->records));
	e->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!e->records || !e->loop)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	rc = lnl_crypto_init(NULL);
	if (rc < 0)
		return lnl_reason_set(why, rc, "cryptography: %s", lnl_error_text(rc));
	/* The helper is forked while there is neither a thread nor a key. */
	rc = lnl_process_new(&e->process, e->loop, o->wipe, o->wipe_ctx, why);
	if (rc == 0 && !o->stay_root)
		rc = lnl_privilege_drop(o->user, o->group, why);
	lnl_privilege_hide();
	if (rc == 0)
		rc = lnl_resolver_new(&e->resolver, e->loop);
	if (rc < 0 && !why->text[0])
		lnl_reason_set(why, rc, "the resolver does not start: %s", lnl_error_text(rc));
	return rc;
}

int lnl_engine_new(struct lnl_engine **out, const struct lnl_engine_options *o,
		   struct lnl_reason *why)
{
	struct lnl_engine *e = calloc(1, sizeof(*e));
	int rc;

	*out = NULL;
	why->text[0] = 0;
	if (!e)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	rc = start(e, o, why);
	if (rc < 0) {
		lnl_engine_free(e);
		return rc;
	}
	*out = e;
	return 0;
}

static void free_queued(struct lnl_queued *q)
{
	if (!q)
		return;
	lnl_arena_free(&q->arena);
	free(q);
}

void lnl_engine_free(struct lnl_engine *e)
{
	struct lnl_tunnel *t;
	struct lnl_service *s;
	struct lnl_queued *q;
	struct lnl_desk *d;
	size_t i;

	if (!e)
		return;
	lnl_capture_stop(e, NULL);
	while ((t = e->tunnels)) {
		e->tunnels = t->next;
		lnl_tunnel_free(t);
	}
	while ((s = e->services)) {
		e->services = s->next;
		lnl_service_free(s);
	}
	while ((d = e->desks)) {
		e->desks = d->next;
		lnl_desk_free(d);
	}
	lnl_network_free(e);
	lnl_arena_free(&e->answers);
	lnl_ops_free(e);
	lnl_dials_free(e);
	lnl_http_free(e->http);
	while ((q = e->first_event)) {
		e->first_event = q->next;
		free_queued(q);
	}
	free_queued(e->taken);
	lnl_nodes_deinit(&e->tickets);
	lnl_nodes_deinit(&e->op_ids);
	lnl_resolver_free(e->resolver);
	lnl_process_free(e->process);
	for (i = 0; i < sizeof(e->signals) / sizeof(*e->signals); i++) {
		if (!e->signals[i])
			continue;
		ev_signal_stop(e->loop, e->signals[i]);
		free(e->signals[i]);
	}
	if (e->loop)
		ev_loop_destroy(e->loop);
	free(e->records);
	free(e);
}

/* ---- turns ---- */

static void reap_services(struct lnl_engine *e)
{
	struct lnl_service **p = &e->services, *s;

	while ((s = *p)) {
		if (!s->closed_told) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		lnl_service_free(s);
	}
}

/* Tunnels that told their end are gone with the turn after it. */
static void reap(struct lnl_engine *e)
{
	struct lnl_tunnel **p = &e->tunnels, *t;

	while ((t = *p)) {
		if (!t->closed_told) {
			p = &t->next;
			continue;
		}
		*p = t->next;
		lnl_tunnel_free(t);
	}
}

int lnl_engine_turn(struct lnl_engine *e)
{
	/* What may be read through the helper was said when tunnels were opened. */
	if (!e->sealed)
		lnl_process_seal(e->process);
	e->sealed = true;
	lnl_tickets_settle(e);
	if (e->first_event)
		return 1;
	reap(e);
	reap_services(e);
	if (!e->tunnels && !e->services && !e->ops)
		return 0;
	ev_run(e->loop, e->n_records || e->hurry ? EVRUN_NOWAIT : EVRUN_ONCE);
	e->hurry = false;
	return 1;
}

bool lnl_engine_next(struct lnl_engine *e, struct lnl_event *ev)
{
	struct lnl_queued *q = e->first_event;

	free_queued(e->taken);
	e->taken = q;
	if (!q)
		return false;
	e->first_event = q->next;
	if (!e->first_event)
		e->last_event = NULL;
	if (q->event.ticket)
		lnl_ticket_told(e, q->event.ticket);
	*ev = q->event;
	return true;
}

/* ---- signals, files and clocks ---- */

static void signalled(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct lnl_engine *e = w->data;
	struct lnl_queued *q = lnl_event_add(e, LNL_EVENT_SIGNAL, NULL);

	(void)loop;
	(void)revents;
	if (q)
		q->event.u.signal = w->signum;
}

int lnl_engine_signal(struct lnl_engine *e, int signo)
{
	ev_signal *w;

	if (signo < 1 || (size_t)signo >= sizeof(e->signals) / sizeof(*e->signals))
		return LNL_E_INVAL;
	if (e->signals[signo])
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return LNL_E_NOMEM;
	ev_signal_init(w, signalled, signo);
	w->data = e;
	ev_signal_start(e->loop, w);
	e->signals[signo] = w;
	return 0;
}

int lnl_engine_allow(struct lnl_engine *e, const char *path)
{
	return lnl_process_allow(e->process, path);
}

int lnl_engine_read(struct lnl_engine *e, const char *path, char **out, size_t *len)
{
	return lnl_process_read(e->process, path, out, len);
}

int lnl_engine_allow_write(struct lnl_engine *e, const char *path)
{
	return lnl_process_allow_write(e->process, path);
}

int lnl_engine_write(struct lnl_engine *e, const char *path, const void *data, size_t len,
		     struct lnl_reason *why)
{
	return lnl_process_write(e->process, path, data, len, false, why);
}

int lnl_engine_allow_append(struct lnl_engine *e, const char *path)
{
	return lnl_process_allow_append(e->process, path);
}

int lnl_engine_append(struct lnl_engine *e, const char *path, unsigned mode, int *fd,
		      struct lnl_reason *why)
{
	return lnl_process_append(e ? e->process : NULL, path, mode, fd, why);
}

double lnl_engine_now(const struct lnl_engine *e)
{
	(void)e;
	return (double)lnl_clock_now() / 1e6;
}

double lnl_engine_wallclock(const struct lnl_engine *e)
{
	struct timespec ts;

	(void)e;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void lnl_build_info(struct lnl_build *out)
{
	struct lnl_offload_probe probe;

	out->version = LUNEL_VERSION;
	out->wolfssl = lnl_crypto_version();
	out->assembly = lnl_crypto_has_assembly();
	out->libev = ev_version_major() == 4 ? "4." LNL_TEXT(EV_VERSION_MINOR) : "unknown";
	out->cares = ares_version(NULL);
	lnl_offload_probe(&probe);
	out->udp_segment = probe.udp_segment;
	out->udp_gro = probe.udp_gro;
	out->tun_vnet = probe.tun_vnet;
}
