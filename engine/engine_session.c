/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection: between the sans-IO client, the worker that has its packets, and the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine_state.h"

static void command(struct lnl_tunnel *t, const struct lnl_command *cmd)
{
	if (lnl_worker_command(t->worker, cmd) < 0)
		lnl_log(&t->engine->log, LNL_LEVEL_ERROR, "worker.command",
			LNL_F("error", lnl_error_text(LNL_E_NOMEM)));
}

static void simple_command(struct lnl_tunnel *t, enum lnl_command_kind kind)
{
	struct lnl_command cmd = { .kind = kind, .id = t->link, .peer = LNL_OUR_PEER };

	command(t, &cmd);
}

/* ---- opening and closing ---- */

static void fit_conf(struct lnl_tunnel *t, bool tcp, const struct lnl_addr *peer)
{
	struct lnl_client_conf *k = &t->conf.client;
	const struct lnl_tunnel_options *o = &t->conf.o;
	const struct lnl_remote *r = t->remote;

	k->session.tcp = tcp;
	k->ipv6_transport = peer->u.sa.sa_family == AF_INET6;
	k->tun_mtu = (unsigned)(r->tun_mtu > 0 ? r->tun_mtu : o->tun_mtu);
	k->mssfix = r->mssfix >= 0 ? r->mssfix : o->mssfix;
	k->mssfix_mtu = o->mssfix_mtu;
	k->mssfix_fixed = o->mssfix_fixed;
	k->explicit_exit_notify =
		r->explicit_exit_notify >= 0 ? r->explicit_exit_notify : o->explicit_exit_notify;
}

void lnl_session_open(struct lnl_tunnel *t, int fd, bool tcp, const struct lnl_addr *peer)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	struct lnl_arena arena = { NULL };
	const char *username, *password;
	char address[LNL_ADDR_TEXT];
	int rc;

	fit_conf(t, tcp, peer);
	lnl_capture_tunnel(t);
	lnl_secured_refresh_crl(&t->conf.secured, &t->conf.o.sec, t->engine);
	rc = lnl_auth_pair(t, &arena, &username, &password);
	if (rc == 0)
		rc = lnl_client_new(&t->client, &t->conf.client, username, password,
				    lnl_clock_now());
	lnl_arena_free(&arena);
	if (rc < 0) {
		close(fd);
		lnl_attempt_failed(t, LNL_CAUSE_INTERNAL, lnl_error_text(rc), LNL_PHASE_CONNECT,
				   NULL);
		return;
	}
	t->link = ++t->next_link;
	t->socket = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	cmd.u.link.id = t->link;
	cmd.u.link.fd = fd;
	cmd.u.link.offload = (enum lnl_offload)t->conf.o.offload;
	cmd.u.link.kind = tcp ? LNL_LINK_TCP : LNL_LINK_UDP;
	cmd.u.link.peer = LNL_OUR_PEER;
	if (t->conf.o.floating && !tcp)
		cmd.u.link.remote = *peer;
	command(t, &cmd);
	t->engine->metrics.attempts++;
	lnl_log(&t->engine->log, LNL_LEVEL_INFO, "tunnel.connecting",
		LNL_F("address", lnl_addr_text(peer, address)), LNL_F("proto", tcp ? "tcp" : "udp"),
		LNL_F("attempt", t->attempt));
	lnl_tunnel_enter(t, LNL_STATE_HELLO, address);
	lnl_session_run(t);
}

void lnl_session_close(struct lnl_tunnel *t)
{
	if (t->peer_added) {
		simple_command(t, LNL_CMD_COUNTERS);
		t->counters_asked++;
		simple_command(t, LNL_CMD_PEER_DEL);
	}
	if (t->link)
		simple_command(t, LNL_CMD_LINK_DEL);
	if (t->socket >= 0)
		close(t->socket);
	t->socket = -1;
	t->peer_added = false;
	t->link = 0;
	lnl_client_free(t->client);
	t->client = NULL;
}

/* ---- the client's events ---- */

static void trace(const struct lnl_tunnel *t, const char *event, const uint8_t *data, size_t len)
{
	static const char *const names[] = {
		[LNL_OP_SOFT_RESET_V1] = "SOFT_RESET_V1",
		[LNL_OP_CONTROL_V1] = "CONTROL_V1",
		[LNL_OP_ACK_V1] = "ACK_V1",
		[LNL_OP_HARD_RESET_CLIENT_V2] = "HARD_RESET_CLIENT_V2",
		[LNL_OP_HARD_RESET_SERVER_V2] = "HARD_RESET_SERVER_V2",
		[LNL_OP_HARD_RESET_CLIENT_V3] = "HARD_RESET_CLIENT_V3",
		[LNL_OP_CONTROL_WKC_V1] = "CONTROL_WKC_V1",
	};
	unsigned op = len ? lnl_op_of(data[0]) : 0;
	const char *name = op < sizeof(names) / sizeof(*names) ? names[op] : NULL;

	lnl_log(&t->engine->log, LNL_LEVEL_TRACE, event, LNL_F("op", name ? name : "unknown"),
		LNL_F("key_id", len ? lnl_key_id_of(data[0]) : 0), LNL_F("bytes", (int64_t)len));
}

static void send_all(struct lnl_tunnel *t, uint64_t now)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = t->link };
	size_t len;

	while ((len = lnl_client_output(t->client, cmd.u.datagram.bytes,
					sizeof(cmd.u.datagram.bytes), now))) {
		cmd.u.datagram.len = (uint16_t)len;
		trace(t, "control.sent", cmd.u.datagram.bytes, len);
		command(t, &cmd);
	}
}

static void take_phase(struct lnl_tunnel *t, enum lnl_phase phase)
{
	static const enum lnl_state states[] = {
		[LNL_PHASE_CONNECT] = LNL_STATE_HELLO, [LNL_PHASE_HANDSHAKE] = LNL_STATE_HANDSHAKE,
		[LNL_PHASE_AUTH] = LNL_STATE_AUTH,     [LNL_PHASE_CONFIGURE] = LNL_STATE_CONFIGURE,
		[LNL_PHASE_UP] = LNL_STATE_CONFIGURE,  [LNL_PHASE_CLOSED] = LNL_STATE_CLOSING,
	};

	t->answer_by = LNL_NEVER;
	lnl_tunnel_enter(t, states[phase], NULL);
}

static void ask_verify(struct lnl_tunnel *t)
{
	if (!lnl_event_ask(t->engine, LNL_EVENT_VERIFY_CERT, t, 10, false))
		lnl_client_verified(t->client, false, lnl_error_text(LNL_E_NOMEM), lnl_clock_now());
}

/* A token is nothing for a log. */
static void log_options(const struct lnl_tunnel *t, unsigned n)
{
	const char *option;
	unsigned i;

	for (i = 0; i < n; i++) {
		option = lnl_client_option(t->client, i);
		if (strncmp(option, "auth-token", 10) == 0)
			option = "auth-token (hidden)";
		lnl_log(&t->engine->log, LNL_LEVEL_DEBUG, "push.option", LNL_F("option", option));
	}
}

static void ask_pulled(struct lnl_tunnel *t)
{
	struct lnl_queued *q = NULL;
	const char **list;
	unsigned n = lnl_client_options_len(t->client), i;

	log_options(t, n);
	if (t->conf.o.asks & LNL_ASK_PULLED)
		q = lnl_event_ask(t->engine, LNL_EVENT_PULLED, t, 0, true);
	list = q ? lnl_arena_alloc(&q->arena, (n + 1) * sizeof(*list)) : NULL;
	if (!list) {
		lnl_client_configure(t->client, NULL, 0, NULL, lnl_clock_now());
		return;
	}
	for (i = 0; i < n; i++)
		list[i] = lnl_arena_str(&q->arena, lnl_client_option(t->client, i));
	q->event.u.options.list = list;
	q->event.u.options.n = n;
}

static void tell_text(struct lnl_tunnel *t, const struct lnl_client_event *ev)
{
	struct lnl_engine *e = t->engine;
	struct lnl_queued *q;

	if (ev->kind == LNL_CLIENT_OPEN_URL) {
		lnl_log(&e->log, LNL_LEVEL_INFO, "auth.open_url", LNL_F("url", ev->text));
		q = lnl_event_add(e, LNL_EVENT_OPEN_URL, t);
		if (q)
			q->event.u.text = lnl_arena_str(&q->arena, ev->text);
		return;
	}
	if (!(t->conf.o.asks & LNL_ASK_CONTROL)) {
		lnl_log(&e->log, LNL_LEVEL_INFO, "control.text", LNL_F("text", ev->text));
		return;
	}
	q = lnl_event_ask(e, LNL_EVENT_CONTROL, t, 0, true);
	if (q)
		q->event.u.text = lnl_arena_str(&q->arena, ev->text);
}

static void ask_challenge(struct lnl_tunnel *t, const struct lnl_client_event *ev)
{
	struct lnl_queued *q;

	lnl_log(&t->engine->log, LNL_LEVEL_INFO, "auth.challenge", LNL_F("text", ev->text));
	if (!ev->response || !(t->conf.o.asks & LNL_ASK_CHALLENGE))
		return;
	q = lnl_event_ask(t->engine, LNL_EVENT_CHALLENGE, t, 0, false);
	if (!q)
		return;
	q->event.u.ask.kind = "cr_text";
	q->event.u.ask.text = lnl_arena_str(&q->arena, ev->text);
	q->event.u.ask.echo = ev->echo;
}

static void take_data(struct lnl_tunnel *t, struct lnl_client_event *ev)
{
	struct lnl_command cmd = { .id = t->link, .peer = LNL_OUR_PEER };

	switch (ev->kind) {
	case LNL_CLIENT_PEER_ADD:
		cmd.kind = LNL_CMD_PEER_ADD;
		cmd.u.peer.conf = ev->peer;
		t->peer_added = true;
		memset(&t->counted, 0, sizeof(t->counted));
		break;
	case LNL_CLIENT_PEER_SET:
		cmd.kind = LNL_CMD_PEER_SET;
		cmd.u.conf = ev->peer;
		break;
	case LNL_CLIENT_KEY_INSTALL:
		t->engine->metrics.keys++;
		cmd.kind = LNL_CMD_KEY_INSTALL;
		cmd.u.key.slot = ev->slot;
		cmd.u.key.key = ev->key;
		break;
	case LNL_CLIENT_KEY_SWAP:
		cmd.kind = LNL_CMD_KEY_SWAP;
		break;
	case LNL_CLIENT_KEY_EXPIRE:
		cmd.kind = LNL_CMD_KEY_EXPIRE;
		cmd.u.key.slot = ev->slot;
		cmd.u.key.when = ev->when;
		break;
	case LNL_CLIENT_KEY_DEL:
		cmd.kind = LNL_CMD_KEY_DEL;
		cmd.u.key.slot = ev->slot;
		break;
	default:
		cmd.kind = LNL_CMD_SPECIAL;
		cmd.u.special = ev->special;
		break;
	}
	command(t, &cmd);
	lnl_secret_wipe(&cmd, sizeof(cmd));
}

static void complete(struct lnl_tunnel *t)
{
	t->in_round = t->failures = 0;
	t->connected_at = t->engine->env.wallclock(NULL);
	t->loss.n = 0; /* what is known is of the connection before */
	t->counters.ids_used = t->counters.ids_came = 0;
	lnl_activity_begin(&t->activity, lnl_clock_now());
	t->engine->metrics.connections++;
	lnl_tunnel_enter(t, LNL_STATE_UP, t->ifname);
	lnl_log(&t->engine->log, LNL_LEVEL_INFO, "tunnel.up", LNL_F("dev", t->ifname));
}

/* What the server pushed beyond the device and its routes. */
static void apply_rest(struct lnl_tunnel *t, const struct lnl_pulled *p)
{
	if (p->inactive > 0)
		lnl_activity_init(&t->activity, p->inactive, p->inactive_bytes);
	if (t->socket >= 0)
		lnl_socket_tune(t->socket, p->sndbuf, p->rcvbuf, p->tcp_nodelay);
}

static void take_up(struct lnl_tunnel *t)
{
	const struct lnl_pulled *p = lnl_client_pulled(t->client);
	bool restart = t->up_told;
	enum lnl_cause cause = LNL_CAUSE_NET;
	struct lnl_queued *q = NULL;
	struct lnl_reason why = { "" };

	if (lnl_net_up(t, p, &cause, &why) < 0) {
		lnl_attempt_failed(t, cause, why.text, LNL_PHASE_CONFIGURE, NULL);
		return;
	}
	apply_rest(t, p);
	t->up_told = true;
	if (t->conf.o.asks & LNL_ASK_UP)
		q = lnl_event_ask(t->engine, LNL_EVENT_UP, t, 10, false);
	if (q)
		lnl_net_describe(t, q, p, restart);
	else
		complete(t);
}

static void take_event(struct lnl_tunnel *t, struct lnl_client_event *ev)
{
	switch (ev->kind) {
	case LNL_CLIENT_PHASE:
		take_phase(t, ev->phase);
		break;
	case LNL_CLIENT_VERIFY:
		ask_verify(t);
		break;
	case LNL_CLIENT_PULLED:
		ask_pulled(t);
		break;
	case LNL_CLIENT_UP:
		take_up(t);
		break;
	case LNL_CLIENT_TOKEN:
		lnl_auth_token(t, lnl_client_pulled(t->client)->token, ev->text2);
		break;
	case LNL_CLIENT_CHALLENGE:
		ask_challenge(t, ev);
		break;
	case LNL_CLIENT_OPEN_URL:
	case LNL_CLIENT_TEXT:
		tell_text(t, ev);
		break;
	case LNL_CLIENT_MESSAGE:
		lnl_session_message(t);
		break;
	case LNL_CLIENT_CLOSED:
		lnl_attempt_failed(t, ev->cause, ev->text, ev->phase, &ev->end);
		break;
	case LNL_CLIENT_NONE:
		break;
	default:
		take_data(t, ev);
		break;
	}
}

void lnl_session_run(struct lnl_tunnel *t)
{
	struct lnl_client_event ev;
	uint64_t now = lnl_clock_now();

	while (t->client) {
		send_all(t, now);
		if (!lnl_client_next(t->client, &ev, now))
			break;
		take_event(t, &ev);
		lnl_client_event_wipe(&ev);
	}
	lnl_tunnel_arm(t);
}

void lnl_session_goodbye(struct lnl_tunnel *t, enum lnl_cause cause)
{
	lnl_client_close(t->client, cause, lnl_clock_now());
	lnl_session_run(t);
}

/* ---- the worker's notifications ---- */

static void link_ended(struct lnl_tunnel *t, const struct lnl_ntf *n)
{
	enum lnl_phase phase = lnl_client_phase(t->client);
	char text[LNL_ADDR_TEXT + 128], address[LNL_ADDR_TEXT];

	lnl_addr_text(&t->addresses[t->address], address);
	if (n->kind == LNL_NTF_LINK_ERROR) {
		/* Nobody listens there: no need to wait for the whole timeout. */
		if (phase != LNL_PHASE_CONNECT || n->error != ECONNREFUSED) {
			lnl_log(&t->engine->log, LNL_LEVEL_WARN, "link.error",
				LNL_F("error", strerror(n->error)));
			return;
		}
		snprintf(text, sizeof(text),
			 "%s refuses UDP packets: no server is there, or one that uses TCP",
			 address);
	} else if (n->error) {
		snprintf(text, sizeof(text), "the connection to %s broke: %s", address,
			 strerror(n->error));
	} else {
		snprintf(text, sizeof(text), "the server at %s closed the connection", address);
	}
	lnl_attempt_failed(t, phase == LNL_PHASE_CONNECT ? LNL_CAUSE_CONNECT : LNL_CAUSE_CLOSED,
			   text, phase, NULL);
}

static void tun_failed(struct lnl_tunnel *t, int error)
{
	char text[sizeof(t->ifname) + 128];

	snprintf(text, sizeof(text), "device %s failed: %s", t->ifname, strerror(error));
	lnl_attempt_failed(t, LNL_CAUSE_TUN, text, lnl_client_phase(t->client), NULL);
}

static void take_counters(struct lnl_tunnel *t, const struct lnl_counters *c)
{
	bool ended;

	t->counters = *c;
	lnl_loss_take(&t->loss, c, lnl_clock_now());
	lnl_metrics_counted(t->engine, &t->counted, c);
	t->counted = *c;
	if (t->counters_asked)
		t->counters_asked--;
	ended = lnl_activity_ended(&t->activity, c->rx_bytes + c->tx_bytes, !t->counters_asked,
				   lnl_clock_now());
	if (t->finishing)
		lnl_tunnel_tell_closed(t);
	else if (ended && t->state == LNL_STATE_UP)
		lnl_attempt_failed(t, LNL_CAUSE_INACTIVE, "no traffic for the time of `inactive`",
				   LNL_PHASE_UP, NULL);
	else
		lnl_tunnel_arm(t);
}

static void take_packet(struct lnl_tunnel *t, const struct lnl_ntf *n, uint64_t now)
{
	enum lnl_drop drop =
		lnl_client_input(t->client, n->u.datagram.bytes, n->u.datagram.len, now);

	trace(t, "control.received", n->u.datagram.bytes, n->u.datagram.len);
	if (drop != LNL_DROP_NONE) {
		t->control_drops[drop]++;
		t->engine->metrics.drops[drop]++;
		lnl_log(&t->engine->log, LNL_LEVEL_TRACE, "control.dropped",
			LNL_F("reason", lnl_drop_name(drop)));
	}
}

void lnl_session_wake(struct lnl_tunnel *t)
{
	struct lnl_ntf n;
	uint64_t now = lnl_clock_now();

	while (lnl_worker_next(t->worker, &n)) {
		bool ours = t->client && n.id == t->link;

		switch (n.kind) {
		case LNL_NTF_PACKET:
			if (ours)
				take_packet(t, &n, now);
			break;
		case LNL_NTF_LINK_CLOSED:
		case LNL_NTF_LINK_ERROR:
			if (ours)
				link_ended(t, &n);
			break;
		case LNL_NTF_LOWERED:
			lnl_engine_lowered(t->engine, &n);
			break;
		case LNL_NTF_TUN_ERROR:
			if (t->client)
				tun_failed(t, n.error);
			break;
		case LNL_NTF_NOTICE:
			if (t->client && t->peer_added)
				lnl_client_notice(t->client, &n.u.notice, now);
			break;
		case LNL_NTF_COUNTERS:
			take_counters(t, &n.u.counters);
			break;
		case LNL_NTF_LANE:
			lnl_lane_told(t->engine, &t->conf.o.lanes, &n);
			break;
		case LNL_NTF_FAILED:
			/* What it should have judged would pass. */
			if (n.id == LNL_CMD_LANE_ADD)
				lnl_tunnel_stop(t->engine, t->id, "a lane failed");
			lnl_log(&t->engine->log, LNL_LEVEL_WARN, "worker.failed",
				LNL_F("command", n.id), LNL_F("error", lnl_error_text(n.error)));
			break;
		case LNL_NTF_FLOAT:
		case LNL_NTF_STOPPED:
			break;
		}
	}
	lnl_session_run(t);
}

int lnl_session_verdict(struct lnl_tunnel *t, enum lnl_event_kind kind, bool ok, const char *reason)
{
	switch (kind) {
	case LNL_EVENT_VERIFY_CERT:
		if (t->client)
			lnl_client_verified(t->client, ok, reason, lnl_clock_now());
		lnl_session_run(t);
		break;
	case LNL_EVENT_UP:
		if (t->client)
			complete(t);
		lnl_tunnel_arm(t);
		break;
	case LNL_EVENT_DOWN:
		lnl_retry_down(t);
		break;
	default:
		if (!ok)
			lnl_log(&t->engine->log, LNL_LEVEL_INFO, "control.unhandled");
		break;
	}
	return 0;
}
