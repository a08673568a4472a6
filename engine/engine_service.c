/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's life: open, the worker's notifications, the second's chores, the end. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "engine_service.h"

#define CHORES	  1.0		    /* seconds */
#define CRL_EVERY (60 * LNL_SECOND) /* how long a revocation takes at most to be known */
/* Notifications that are taken before timers, signals and the host have their turn. */
#define AT_ONCE 1024
/* So many half-open clients at once are a crowd. */
#define CROWD 32
/* For acknowledgements of our goodbye; OpenVPN's clients give none. */
#define GOODBYE_BY LNL_SECOND
/* After that, the last counters are waited for. */
#define COUNTERS_BY (2 * LNL_SECOND)

struct lnl_service *lnl_service_find(struct lnl_engine *e, uint32_t id)
{
	struct lnl_service *s;

	for (s = e->services; s; s = s->next)
		if (s->id == id && !s->closed_told)
			return s;
	return NULL;
}

/* ---- the workers' notifications ---- */

/* Each worker that has the device may say so. */
static void tun_failed(struct lnl_service *s, int error)
{
	if (s->exit_status)
		return;
	lnl_log(&s->engine->log, LNL_LEVEL_ERROR, "tun.failed", LNL_F("dev", s->ifname),
		LNL_F("error", strerror(error)));
	s->exit_status = 1;
	lnl_service_stop(s, "the device failed");
}

/* A worker that could not even take note of a lane would let through what it should have judged. */
static void lane_failed(struct lnl_service *s, int error)
{
	if (s->exit_status)
		return;
	lnl_log(&s->engine->log, LNL_LEVEL_ERROR, "lane.failed",
		LNL_F("error", lnl_error_text(error)), LNL_F("then", "the server ends"));
	s->exit_status = 1;
	lnl_service_stop(s, "a lane failed");
}

static void link_closed(struct lnl_service *s, const struct lnl_ntf *n)
{
	struct lnl_served *v = lnl_door_by_link(s, n->id);

	if (v)
		lnl_served_end(v, n->error == EBADMSG ? LNL_CAUSE_DECRYPT : LNL_CAUSE_CLOSED,
			       n->error ? strerror(n->error) : "the client closed the connection");
}

/* What control sent meanwhile went where the client is no more. */
static void moved(struct lnl_served *v, const struct lnl_ntf *n)
{
	lnl_door_moved(v, n->id, &n->u.address);
	if (!v->control || v->ended)
		return;
	lnl_server_moved(v->control, lnl_clock_now());
	lnl_served_run(v);
}

static void take(struct lnl_service *s, unsigned worker, const struct lnl_ntf *n)
{
	struct lnl_served *v = lnl_served_find(s, n->peer);

	switch (n->kind) {
	case LNL_NTF_PACKET:
		lnl_door_packet(s, n);
		break;
	case LNL_NTF_LINK_CLOSED:
		link_closed(s, n);
		break;
	case LNL_NTF_TUN_ERROR:
		tun_failed(s, n->error);
		break;
	case LNL_NTF_NOTICE:
		v = lnl_served_find(s, n->u.notice.peer);
		if (v)
			lnl_served_notice(v, &n->u.notice);
		break;
	case LNL_NTF_COUNTERS:
		if (v)
			lnl_service_counted(v, worker, &n->u.counters);
		break;
	case LNL_NTF_FLOAT:
		if (v)
			moved(v, n);
		break;
	case LNL_NTF_FAILED:
		if (n->id == LNL_CMD_LANE_ADD)
			lane_failed(s, n->error);
		else if (v)
			lnl_served_failed(v, n->id, n->error);
		break;
	case LNL_NTF_LANE:
		lnl_lane_told(s->engine, &s->conf.o.lanes, n);
		break;
	case LNL_NTF_LOWERED:
		lnl_engine_lowered(s->engine, n);
		break;
	case LNL_NTF_LINK_ERROR:
	case LNL_NTF_STOPPED:
		break;
	}
}

/* False: there may be more than |most|. */
static bool take_some(struct lnl_service *s, unsigned worker, unsigned most)
{
	struct lnl_ntf n;

	for (; most > 0; most--) {
		if (!lnl_worker_next(s->workers[worker], &n))
			return true;
		take(s, worker, &n);
	}
	return false;
}

static void woken(struct ev_loop *loop, ev_async *w, int revents)
{
	struct lnl_service *s = w->data;
	unsigned i;

	(void)revents;
	for (i = 0; i < s->n_workers; i++)
		if (!take_some(s, i, AT_ONCE / s->n_workers))
			ev_async_send(loop, w);
	lnl_service_settle(s);
}

/* Called from the workers' threads. */
static void wake(void *ctx)
{
	struct lnl_service *s = ctx;

	ev_async_send(s->engine->loop, &s->wake);
}

/* ---- chores ---- */

static void ask_counters(struct lnl_service *s)
{
	uint32_t looked = 0;
	unsigned i;

	/*
	 * A few a second: all of 1,000 clients are asked within a minute, of 10 within five seconds,
	 * and of none is it looked for twice.
	 */
	for (i = 0; i < 2 + s->n_served / 50 && s->n_served; i++) {
		struct lnl_served *v = NULL;

		for (; !v && looked < s->n_slots; looked++)
			v = s->served[s->search++ % s->n_slots];
		if (v && v->peer_added && !v->counters_asked)
			lnl_service_ask_counters(v);
	}
}

/*
 * Of what a crowd of half-open clients took malloc keeps a good part, in pieces; once the crowd has
 * gone the system gets it back.
 */
static void give_back(struct lnl_service *s)
{
	if (s->n_half_open > s->crowd)
		s->crowd = s->n_half_open;
	if (s->crowd < CROWD || s->n_half_open > s->crowd / 8)
		return;
	malloc_trim(0);
	s->crowd = s->n_half_open;
}

static void chores(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_service *s = w->data;
	uint64_t now = lnl_clock_now();

	(void)loop;
	(void)revents;
	ask_counters(s);
	give_back(s);
	if (now >= s->crl_at) {
		s->crl_at = now + CRL_EVERY;
		lnl_secured_refresh_crl(&s->conf.secured, &s->conf.o.sec, s->engine);
	}
	lnl_leases_save(s, false);
	lnl_quiet_tell(s->engine, now);
	lnl_service_settle(s);
}

/* ---- opening ---- */

static int make_admission(struct lnl_service *s)
{
	const struct lnl_server_options *o = &s->conf.o;
	const struct lnl_secured *k = &s->conf.secured;
	struct lnl_admission_conf conf = {
		.env = &s->engine->env,
		.wrap = &k->wrap,
		.v2_key = k->has_v2 ? k->v2_server : NULL,
		.v2_only = k->has_v2 && !k->has_wrap,
		.v2_force_cookie = o->v2_force_cookie,
		.v2_max_age = (uint64_t)o->v2_max_age,
		.hand_window = s->conf.control.session.hand_window,
		.limits = { .source_rate = 20,
			    .source_burst = 5,
			    .total = o->connect_freq_initial,
			    .period = o->connect_freq_init_sec * LNL_SECOND },
	};

	return lnl_admission_new(&s->admission, &conf, lnl_clock_now());
}

static int make_tokens(struct lnl_service *s, struct lnl_reason *why)
{
	const struct lnl_server_options *o = &s->conf.o;
	uint8_t key[64];
	bool given = o->token_secret.data != NULL;
	int rc = 0;

	if (!o->gen_token)
		return 0;
	if (given && lnl_token_key(key, o->token_secret.data, o->token_secret.len) < 0)
		rc = lnl_reason_set(why, LNL_E_KEY,
				    "auth-gen-token-secret: no auth-token server key in it");
	if (rc == 0)
		rc = lnl_tokens_init(&s->tokens, &s->engine->env, given ? key : NULL,
				     (uint64_t)o->token_lifetime, (uint64_t)o->token_renewal);
	lnl_secret_wipe(key, sizeof(key));
	if (given)
		lnl_secret_wipe((void *)(uintptr_t)o->token_secret.data, o->token_secret.len);
	return rc;
}

/* All that is made without the machine's help. */
static int make_inside(struct lnl_service *s, struct lnl_reason *why)
{
	int rc;

	ev_async_init(&s->wake, woken);
	s->wake.data = s;
	ev_async_start(s->engine->loop, &s->wake);
	ev_timer_init(&s->timer, chores, CHORES, CHORES);
	s->timer.data = s;
	ev_timer_start(s->engine->loop, &s->timer);
	s->crl_at = lnl_clock_now() + CRL_EVERY;
	rc = lnl_door_init(s);
	if (rc == 0)
		rc = make_admission(s);
	if (rc == 0)
		rc = make_tokens(s, why);
	return rc < 0 ? rc : lnl_pools_init(s, why);
}

static int start(struct lnl_service *s, struct lnl_reason *why)
{
	struct lnl_command relay = { .kind = LNL_CMD_RELAY, .u.relay = s->conf.o.client_to_client };
	struct lnl_command cmd;
	unsigned i;
	int rc = make_inside(s, why);

	if (rc == 0)
		rc = lnl_workers_start(s, wake);
	if (rc < 0)
		return rc;
	for (i = 0; i < s->conf.o.lanes.n; i++) {
		lnl_lane_command(&s->conf.o.lanes, s->engine, i, &cmd);
		lnl_service_command(s, &cmd);
	}
	lnl_service_command(s, &relay);
	rc = lnl_service_net_up(s, why);
	return rc < 0 ? rc : lnl_service_listen(s, why);
}

static void tell_state(struct lnl_service *s, enum lnl_state state)
{
	struct lnl_queued *q = lnl_event_add(s->engine, LNL_EVENT_STATE, NULL);

	if (!q)
		return;
	q->event.tunnel = s->id;
	q->event.u.state.state = state;
	q->event.u.state.detail = lnl_arena_str(&q->arena, s->ifname);
	q->event.u.state.remote = -1;
}

/* A service with its options checked, and |begin| done; or an error with |why|. */
static int make(struct lnl_service **out, struct lnl_engine *e, const struct lnl_server_options *o,
		int (*begin)(struct lnl_service *, struct lnl_reason *), struct lnl_reason *why)
{
	struct lnl_service *s = calloc(1, sizeof(*s));
	int rc = s ? 0 : LNL_E_NOMEM;

	why->text[0] = 0;
	if (rc == 0) {
		s->engine = e;
		rc = lnl_service_conf_init(&s->conf, e, o, why);
	}
	if (rc < 0) {
		free(s);
		return why->text[0] ? rc : lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
	}
	rc = begin(s, why);
	if (rc < 0) {
		lnl_service_free(s);
		return why->text[0] ? rc : lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
	}
	*out = s;
	return 0;
}

int lnl_server_check(struct lnl_engine *e, const struct lnl_server_options *o,
		     struct lnl_reason *why)
{
	struct lnl_service *s = NULL;
	int rc = make(&s, e, o, make_inside, why);

	if (rc == 0)
		lnl_service_free(s);
	return rc;
}

int lnl_server_open(struct lnl_engine *e, const struct lnl_server_options *o, uint32_t *server,
		    struct lnl_reason *why)
{
	struct lnl_service *s = NULL;
	int rc = make(&s, e, o, start, why);

	if (rc < 0)
		return rc;
	if (o->sec.crl_file && lnl_process_allow(e->process, o->sec.crl_file) < 0)
		lnl_log(&e->log, LNL_LEVEL_WARN, "crl.not_reread", LNL_F("file", o->sec.crl_file));
	/* Where that fails they are written with the powers that are left, or a warning says why not. */
	if (o->leases)
		(void)lnl_process_allow_write(e->process, o->leases);
	s->id = (uint32_t)++e->next_id;
	s->next = e->services;
	e->services = s;
	*server = s->id;
	tell_state(s, LNL_STATE_UP);
	lnl_log(&e->log, LNL_LEVEL_INFO, "tunnel.up", LNL_F("dev", s->ifname));
	return 0;
}

/* ---- the end ---- */

void lnl_service_free(struct lnl_service *s)
{
	uint32_t i;

	for (i = 0; i < s->n_listeners; i++)
		lnl_listener_stop(&s->listeners[i]);
	for (i = 0; i < s->n_slots; i++)
		if (s->served && s->served[i])
			lnl_door_remove(s->served[i]);
	if (s->conf.o.leases && s->id)
		lnl_leases_save(s, true);
	if (s->n_workers)
		lnl_service_net_down(s);
	ev_timer_stop(s->engine->loop, &s->timer);
	ev_async_stop(s->engine->loop, &s->wake);
	lnl_workers_free(s);
	lnl_admission_free(s->admission);
	lnl_tokens_deinit(&s->tokens);
	lnl_pools_deinit(s);
	lnl_door_deinit(s);
	lnl_service_conf_deinit(&s->conf);
	free(s);
}

void lnl_service_stop(struct lnl_service *s, const char *reason)
{
	static const char *const goodbyes[] = { NULL, "RESTART", "RESTART,[N]" };
	int notify = s->conf.o.explicit_exit_notify;
	uint32_t i;

	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_by = lnl_clock_now() + GOODBYE_BY;
	lnl_log(&s->engine->log, LNL_LEVEL_INFO, "tunnel.stopping", LNL_F("reason", reason));
	for (i = 0; i < s->n_listeners; i++)
		lnl_listener_stop(&s->listeners[i]);
	s->n_listeners = 0;
	for (i = 0; i < s->n_slots; i++)
		if (s->served[i])
			lnl_served_close(s->served[i], LNL_CAUSE_USER,
					 goodbyes[notify < 0 || notify > 2 ? 1 : notify]);
	lnl_service_settle(s);
}

static void tell_closed(struct lnl_service *s)
{
	struct lnl_queued *q = lnl_event_add(s->engine, LNL_EVENT_CLOSED, NULL);

	s->closed_told = true;
	if (!q)
		return;
	q->event.tunnel = s->id;
	q->event.u.end.cause = lnl_cause_name(LNL_CAUSE_USER);
	q->event.u.end.phase = lnl_phase_name(LNL_PHASE_UP);
	q->event.u.end.remote = -1;
	q->event.u.end.exit_status = s->exit_status;
}

/* Whoever has not said goodbye ends as others do: for a reason, and with its last counters. */
static void end_rest(struct lnl_service *s)
{
	enum lnl_cause cause;
	struct lnl_served *v;
	uint32_t i;

	for (i = 0; i < s->n_slots; i++) {
		v = s->served[i];
		if (!v || v->ended)
			continue;
		cause = v->control ? lnl_server_closing(v->control) : LNL_CAUSE_NONE;
		lnl_served_end(v, cause == LNL_CAUSE_NONE ? LNL_CAUSE_USER : cause,
			       "the server ends");
	}
}

void lnl_service_settle(struct lnl_service *s)
{
	uint64_t now = lnl_clock_now();
	uint32_t i;

	if (!s->stopping || s->closed_told)
		return;
	if (s->n_served && now < s->stop_by)
		return;
	end_rest(s);
	if (s->n_served && now < s->stop_by + COUNTERS_BY)
		return;
	for (i = 0; i < s->n_slots; i++)
		if (s->served[i])
			lnl_served_gone(s->served[i]);
	lnl_service_net_down(s);
	tell_closed(s);
}
