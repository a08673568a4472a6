/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One client of a server: between sans-IO control, the worker that has its packets, and the host. */
#include <stdlib.h>
#include <string.h>

#include "engine_service.h"

#define WHY_MAX 255
/* The last counters are waited for, but not longer than this. */
#define COUNTERS_BY (2 * LNL_SECOND)

static struct lnl_log *log_of(const struct lnl_served *v)
{
	return &v->service->engine->log;
}

static void command(struct lnl_served *v, struct lnl_command *cmd)
{
	cmd->peer = v->id;
	lnl_service_command(v->service, cmd);
}

const char *lnl_served_address(const struct lnl_served *v, char out[LNL_ADDR_TEXT])
{
	struct lnl_addr plain = lnl_addr_plain(&v->from);

	return lnl_addr_text(&plain, out);
}

/* ---- time ---- */

static void arm(struct lnl_served *v)
{
	uint64_t due = lnl_earlier(v->deadline, v->pending_at);
	struct ev_loop *loop = v->service->engine->loop;

	if (v->up && !v->ended)
		due = lnl_earlier(due, lnl_activity_due(&v->activity));
	if (v->control && !v->ended)
		due = lnl_earlier(due, lnl_server_next_due(v->control));
	ev_timer_stop(loop, &v->timer);
	if (due == LNL_NEVER)
		return;
	ev_timer_set(&v->timer, lnl_clock_until(due, lnl_clock_now()), 0);
	ev_timer_start(loop, &v->timer);
}

/*
 * A hook takes its time: who can understand it is told, and waits longer. OpenVPN's clients count from
 * when their first key was established (push.c), which may be one question ago already; and what we
 * say must not be shorter than the hand-window that they would have waited anyway.
 */
static void tell_pending(struct lnl_served *v, uint64_t now)
{
	double seconds = (double)v->service->conf.o.sec.hand_window + v->wait_seconds + 1;

	v->pending_at = LNL_NEVER;
	if (v->waits == LNL_WAIT_LOGIN || v->waits == LNL_WAIT_GRANT || v->waits == LNL_WAIT_LEARN)
		lnl_server_pending(v->control, (unsigned)seconds, NULL, now);
}

void lnl_served_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_served *v = w->data;
	uint64_t now = lnl_clock_now();

	(void)loop;
	(void)revents;
	if (v->ended) {
		if (now >= v->deadline)
			lnl_served_gone(v);
		else
			arm(v);
		return;
	}
	if (now >= v->deadline) {
		lnl_served_end(v, LNL_CAUSE_TIMEOUT, "no first packet came");
		return;
	}
	if (now >= v->pending_at)
		tell_pending(v, now);
	if (v->up && lnl_activity_doubt(&v->activity, now))
		lnl_service_ask_counters(v);
	if (v->control)
		lnl_server_tick(v->control, now);
	lnl_served_run(v);
}

/* ---- what control wants ---- */

static void send_all(struct lnl_served *v, uint64_t now)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = v->link };
	size_t len;

	if (!v->tcp)
		cmd.u.datagram.to = v->from;
	while ((len = lnl_server_output(v->control, cmd.u.datagram.bytes,
					sizeof(cmd.u.datagram.bytes), now))) {
		cmd.u.datagram.len = (uint16_t)len;
		command(v, &cmd);
	}
}

static void ask_verify(struct lnl_served *v)
{
	struct lnl_service *s = v->service;

	v->waits = LNL_WAIT_VERIFY;
	if (!lnl_event_ask_peer(s->engine, LNL_EVENT_VERIFY_CERT, s, v->id, 10, false))
		lnl_served_default(v, LNL_EVENT_VERIFY_CERT);
}

static void add_peer(struct lnl_served *v, const struct lnl_server_event *ev)
{
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_ADD, .id = v->link };

	/* From here on that worker has its packets, wherever else they come to. */
	v->worker = lnl_service_worker_of(v->service, v->link);
	cmd.u.peer.serial = ++v->service->serial;
	cmd.u.peer.conf = ev->peer;
	cmd.u.peer.conf.rate_down = v->rate_down;
	cmd.u.peer.conf.rate_up = v->rate_up;
	cmd.u.peer.lane = v->lane;
	if (!v->tcp)
		cmd.u.peer.address = v->from;
	command(v, &cmd);
	v->peer_added = true;
	lnl_grant_routes(v);
}

static void pass_to_data(struct lnl_served *v, struct lnl_server_event *ev)
{
	struct lnl_command cmd = { .id = v->link };

	switch (ev->kind) {
	case LNL_SERVER_KEY_INSTALL:
		v->service->engine->metrics.keys++;
		cmd.kind = LNL_CMD_KEY_INSTALL;
		cmd.u.key.slot = ev->slot;
		cmd.u.key.key = ev->key;
		break;
	case LNL_SERVER_KEY_SWAP:
		cmd.kind = LNL_CMD_KEY_SWAP;
		break;
	case LNL_SERVER_KEY_EXPIRE:
		cmd.kind = LNL_CMD_KEY_EXPIRE;
		cmd.u.key.slot = ev->slot;
		cmd.u.key.when = ev->when;
		break;
	default:
		cmd.kind = LNL_CMD_KEY_DEL;
		cmd.u.key.slot = ev->slot;
		break;
	}
	command(v, &cmd);
	lnl_secret_wipe(&cmd, sizeof(cmd));
}

static void established(struct lnl_served *v)
{
	struct lnl_service *s = v->service;
	char ip4[LNL_IP_TEXT], ip6[LNL_IP_TEXT], address[LNL_ADDR_TEXT];

	v->up = true;
	s->n_up++;
	s->engine->metrics.established++;
	v->connected_at = s->engine->env.wallclock(NULL);
	lnl_activity_init(&v->activity, s->conf.o.inactive, s->conf.o.inactive_bytes);
	lnl_activity_begin(&v->activity, lnl_clock_now());
	lnl_log(log_of(v), LNL_LEVEL_INFO, "peer.up", LNL_F("peer", v->name),
		LNL_F("address", lnl_served_address(v, address)),
		LNL_F("ipv4", lnl_ip_text(&v->address4, ip4)),
		LNL_F("ipv6", lnl_ip_text(&v->address6, ip6)),
		LNL_F("cipher", lnl_cipher_name(lnl_server_cipher(v->control))));
	v->told = lnl_event_add_peer(s->engine, LNL_EVENT_ESTABLISHED, s, v->id) != NULL;
}

static void tell_text(struct lnl_served *v, const char *text)
{
	struct lnl_service *s = v->service;
	struct lnl_queued *q = NULL;

	if (s->conf.o.asks & LNL_ASK_CONTROL)
		q = lnl_event_ask_peer(s->engine, LNL_EVENT_CONTROL, s, v->id, 0, true);
	if (q)
		q->event.u.text = lnl_arena_str(&q->arena, text);
	else
		lnl_log(log_of(v), LNL_LEVEL_INFO, "control.text", LNL_F("peer", v->name),
			LNL_F("text", text));
}

static void take_event(struct lnl_served *v, struct lnl_server_event *ev)
{
	switch (ev->kind) {
	case LNL_SERVER_VERIFY:
		ask_verify(v);
		break;
	case LNL_SERVER_AUTHENTICATE:
		lnl_login_ask(v, ev->again);
		break;
	case LNL_SERVER_RESPONSE:
		lnl_login_response(v, ev->text);
		break;
	case LNL_SERVER_AUTHORIZE:
		lnl_door_honest(v);
		lnl_grant_ask(v);
		break;
	case LNL_SERVER_PEER_ADD:
		add_peer(v, ev);
		break;
	case LNL_SERVER_UP:
		established(v);
		break;
	case LNL_SERVER_TEXT:
		tell_text(v, ev->text);
		break;
	case LNL_SERVER_MESSAGE:
		lnl_served_message(v);
		break;
	case LNL_SERVER_CLOSED:
		v->phase = ev->phase;
		send_all(v, lnl_clock_now()); /* an alert may be left */
		lnl_served_end(v, ev->cause, ev->text);
		break;
	case LNL_SERVER_NONE:
		break;
	default:
		pass_to_data(v, ev);
		break;
	}
}

void lnl_served_run(struct lnl_served *v)
{
	struct lnl_server_event ev;
	uint64_t now = lnl_clock_now();

	/* What control wants sent comes last: the client's packets find their key installed. */
	while (v->control && !v->ended && lnl_server_next(v->control, &ev, now)) {
		take_event(v, &ev);
		lnl_server_event_wipe(&ev);
	}
	if (v->control && !v->ended)
		send_all(v, now);
	arm(v);
}

/* ---- what the data plane says ---- */

void lnl_served_notice(struct lnl_served *v, const struct lnl_notice *n)
{
	if (v->ended || !v->control)
		return;
	lnl_server_notice(v->control, n, lnl_clock_now());
	lnl_served_run(v);
}

void lnl_served_counters(struct lnl_served *v, const struct lnl_counters *c)
{
	bool ended;

	if (v->counters_asked)
		v->counters_asked--;
	if (!v->counted)
		v->counted = calloc(1, sizeof(*v->counted));
	if (v->counted) {
		lnl_metrics_counted(v->service->engine, &v->counted->counters, c);
		v->counted->counters = *c;
		if (v->counted->loss)
			lnl_loss_take(v->counted->loss, c, lnl_clock_now());
	}
	ended = lnl_activity_ended(&v->activity, c->rx_bytes + c->tx_bytes, !v->counters_asked,
				   lnl_clock_now());
	if (v->ended && !v->counters_asked)
		lnl_served_gone(v);
	else if (ended && !v->ended)
		lnl_served_close(v, LNL_CAUSE_INACTIVE, NULL);
	else
		arm(v);
}

/*
 * Up without packets is the worst of states: who cannot have what it was granted is sent away for a
 * while. The rest (a key that has expired just before it was to be removed) is for the curious.
 */
void lnl_served_failed(struct lnl_served *v, uint32_t kind, int error)
{
	bool vital = kind == LNL_CMD_PEER_ADD || kind == LNL_CMD_PEER_ELSEWHERE ||
		     kind == LNL_CMD_ROUTE_ADD || kind == LNL_CMD_KEY_INSTALL;
	const char *why = error == LNL_E_EXIST ? "an address or network of it is another client's"
					       : lnl_error_text(error);

	if (v->ended)
		return;
	lnl_log(log_of(v), vital ? LNL_LEVEL_WARN : LNL_LEVEL_DEBUG, "worker.failed",
		LNL_F("peer", v->name), LNL_F("command", kind), LNL_F("why", why));
	if (vital)
		lnl_served_close(v, LNL_CAUSE_INTERNAL, "RESTART");
}

void lnl_served_stats(const struct lnl_served *v, struct lnl_stats *out)
{
	static const struct lnl_counted none;
	static const struct lnl_loss unknown;
	const struct lnl_counted *told = v->counted ? v->counted : &none;
	const struct lnl_counters *c = &told->counters;

	memset(out, 0, sizeof(*out));
	out->rx_packets = c->rx_packets;
	out->rx_bytes = c->rx_bytes;
	out->tx_packets = c->tx_packets;
	out->tx_bytes = c->tx_bytes;
	out->link_rx_bytes = c->link_rx_bytes;
	out->link_tx_bytes = c->link_tx_bytes;
	memcpy(out->drops, c->drops, sizeof(out->drops));
	out->drops[LNL_DROP_QUEUE] += v->lost_elsewhere;
	out->connected_at = v->connected_at;
	out->rtt = v->control ? (double)lnl_server_rtt(v->control) / LNL_SECOND : 0;
	out->loss = lnl_loss_now(told->loss ? told->loss : &unknown, c);
}

/* ---- the end ---- */

/* Here it is the other end that says goodbye. */
static const char *cause_name(enum lnl_cause cause)
{
	return cause == LNL_CAUSE_EXIT ? "client_exit" : lnl_cause_name(cause);
}

void lnl_served_gone(struct lnl_served *v)
{
	struct lnl_service *s = v->service;
	struct lnl_queued *q = NULL;

	if (v->told || v->learned)
		q = lnl_event_add_peer(s->engine, LNL_EVENT_PEER_CLOSED, s, v->id);
	if (q) {
		q->event.u.end.cause = cause_name(v->cause);
		q->event.u.end.text = lnl_arena_str(&q->arena, v->why ? v->why : "");
		q->event.u.end.phase = lnl_phase_name(v->phase);
		q->event.u.end.remote = -1;
		lnl_served_stats(v, &q->event.u.end.stats);
	}
	lnl_door_remove(v);
}

static void set_why(struct lnl_served *v, const char *why)
{
	free(v->why);
	v->why = strndup(why, WHY_MAX);
}

/*
 * Lets go of what others may want at once, addresses above all; the rest goes when the last counters
 * have come, or with the next turn: whoever called this still looks at |v|.
 */
void lnl_served_end(struct lnl_served *v, enum lnl_cause cause, const char *why)
{
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_DEL, .id = v->link };
	char address[LNL_ADDR_TEXT];

	if (v->ended)
		return;
	v->ended = true;
	v->cause = cause;
	if (why && *why)
		set_why(v, why);
	*(v->up ? &v->service->engine->metrics.closed : &v->service->engine->metrics.refused) += 1;
	lnl_log(log_of(v), LNL_LEVEL_INFO, v->told ? "peer.closed" : "peer.refused",
		LNL_F("peer", v->name[0] ? v->name : "unknown"),
		LNL_F("address", lnl_served_address(v, address)), LNL_F("cause", cause_name(cause)),
		LNL_F("why", v->why ? v->why : ""));
	lnl_tickets_drop_peer(v->service->engine, v->service, v->id);
	v->deadline = lnl_clock_now();
	if (v->peer_added) {
		v->deadline += COUNTERS_BY;
		lnl_service_ask_counters(v);
		command(v, &cmd);
		v->peer_added = false;
	}
	lnl_grant_release(v);
	lnl_door_leave(v);
	v->pending_at = LNL_NEVER;
	arm(v);
}

void lnl_served_close(struct lnl_served *v, enum lnl_cause cause, const char *text)
{
	const char *reason;

	if (v->ended)
		return;
	/* "HALT,reason": what the client is told is why it goes. ("RESTART,[N]": no reason.) */
	reason = text ? strchr(text, ',') : NULL;
	if (reason && reason[1] != '[')
		set_why(v, reason + 1);
	if (!v->control) {
		lnl_served_end(v, cause, NULL);
		return;
	}
	v->closing = true;
	lnl_server_close(v->control, cause, text, lnl_clock_now());
	lnl_served_run(v);
}

/* ---- the host's word ---- */

void lnl_served_verdict(struct lnl_served *v, enum lnl_event_kind kind, bool ok, const char *reason)
{
	if (v->ended)
		return;
	if (kind == LNL_EVENT_VERIFY_CERT && v->waits == LNL_WAIT_VERIFY) {
		v->waits = LNL_WAIT_NOTHING;
		lnl_server_verified(v->control, ok, reason, lnl_clock_now());
		lnl_served_run(v);
	} else if (kind == LNL_EVENT_LEARN) {
		lnl_grant_learned(v, ok);
	} else if (kind == LNL_EVENT_CONTROL && !ok) {
		lnl_log(log_of(v), LNL_LEVEL_INFO, "control.unhandled", LNL_F("peer", v->name));
	}
}

void lnl_served_default(struct lnl_served *v, enum lnl_event_kind kind)
{
	switch (kind) {
	case LNL_EVENT_AUTHENTICATE:
		lnl_login_failed(v);
		break;
	case LNL_EVENT_AUTHORIZE:
		lnl_grant_failed(v);
		break;
	case LNL_EVENT_VERIFY_CERT:
		lnl_served_verdict(v, kind, false, "verify_cert failed");
		break;
	default:
		lnl_served_verdict(v, kind, false, NULL);
		break;
	}
}
