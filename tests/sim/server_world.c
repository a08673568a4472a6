/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/server_world.h"

#include <stdio.h>
#include <string.h>

static const char *const usual_push[] = {
	"route-gateway 10.8.0.1",	   "topology subnet", "ping 10", "ping-restart 60",
	"ifconfig 10.8.0.2 255.255.255.0",
};

/* ---- the owner's words ---- */

int sim_real_judge(struct sim_real *r)
{
	const struct lnl_login *login = lnl_server_login(r->server);
	bool known = !r->username || (strcmp(login->username, r->username) == 0 &&
				      strcmp(login->password, r->password) == 0);

	r->verdict_at = LNL_NEVER;
	return known ? lnl_server_judged(r->server, r->verdict, r->verdict_text, r->w->now)
		     : lnl_server_judged(r->server, LNL_JUDGED_DENY, r->refusal, r->w->now);
}

int sim_real_grant(struct sim_real *r)
{
	const struct lnl_grant g = {
		.push = r->push,
		.n_push = r->n_push,
		.ping = -1,
		.ping_restart = -1,
		.ends_at = r->lifetime ? r->w->now + r->lifetime : LNL_NEVER,
	};

	r->grant_at = LNL_NEVER;
	r->rc = lnl_server_grant(r->server, &g, r->w->now);
	/* As an owner would who has no memory: nobody is let in by halves. */
	if (r->rc == LNL_E_NOMEM)
		lnl_server_deny(r->server, NULL, r->w->now);
	return r->rc;
}

/* ---- the data plane ---- */

static void far_send(void *ctx, const uint8_t *data, size_t len)
{
	struct sim_real *r = ctx;
	uint8_t buf[LNL_HEADROOM + SIM_PACKET_MAX + LNL_TAILROOM];
	struct lnl_packet p = { .p = buf + LNL_HEADROOM,
				.len = (uint32_t)len,
				.peer = SIM_PEER_ID };

	memcpy(p.p, data, len);
	if (lnl_data_seal(r->data, &p, 1, r->w->now) == 1)
		sim_net_send(&r->w->net, SIM_SERVER, p.p, p.len, r->w->now);
	else
		r->data_drops[p.drop]++;
}

static void take_data(struct sim_real *r, uint8_t *data, size_t len)
{
	bool v1 = r->has_peer && r->peer.wire_id == LNL_PEER_ID_NONE;
	struct lnl_packet p = { .p = data,
				.len = (uint32_t)len,
				.peer = v1 ? SIM_PEER_ID : LNL_PEER_ID_NONE };

	if (lnl_data_open(r->data, &p, 1, r->w->now) == 1) {
		sim_require(r->up, "a packet of who was not let in");
		sim_traffic_take(&r->w->traffic[SIM_CLIENT], p.p, p.len);
	} else if (p.drop != LNL_DROP_EMPTY) {
		r->data_drops[p.drop]++;
	}
}

static void send_ping(struct sim_real *r)
{
	uint8_t buf[LNL_HEADROOM + 64 + LNL_TAILROOM];
	struct lnl_packet p = { .p = buf + LNL_HEADROOM };

	if (lnl_data_special(r->data, SIM_PEER_ID, LNL_SPECIAL_PING, &p, r->w->now) == 0)
		sim_net_send(&r->w->net, SIM_SERVER, p.p, p.len, r->w->now);
}

static void take_key(struct sim_real *r, struct lnl_server_event *e)
{
	struct sim_world *w = r->w;

	r->keys_installed++;
	r->key.cipher = e->key.cipher;
	r->key.digest = e->key.digest;
	if (w->mark_secrets) {
		sim_env_mark(&w->env, e->key.send.cipher, lnl_cipher_key_len(e->key.cipher));
		sim_env_mark(&w->env, e->key.recv.cipher, lnl_cipher_key_len(e->key.cipher));
	}
	lnl_data_key_install(r->data, SIM_PEER_ID, e->slot, &e->key);
}

static void take_data_event(struct sim_real *r, struct lnl_server_event *e)
{
	switch (e->kind) {
	case LNL_SERVER_PEER_ADD:
		r->peer = e->peer;
		e->peer.check_source = false; /* there are no routes here */
		r->has_peer = lnl_data_peer_add(r->data, &e->peer, r->w->now) == 0;
		break;
	case LNL_SERVER_KEY_INSTALL:
		take_key(r, e);
		break;
	case LNL_SERVER_KEY_SWAP:
		r->keys_swapped++;
		lnl_data_key_swap(r->data, SIM_PEER_ID);
		break;
	case LNL_SERVER_KEY_EXPIRE:
		lnl_data_key_expire(r->data, SIM_PEER_ID, e->slot, e->when);
		break;
	case LNL_SERVER_KEY_DEL:
		lnl_data_key_del(r->data, SIM_PEER_ID, e->slot);
		break;
	default:
		break;
	}
}

/* ---- events ---- */

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text);
}

static void take_authenticate(struct sim_real *r, const struct lnl_server_event *e)
{
	const struct lnl_login *login = lnl_server_login(r->server);

	r->again = e->again;
	copy(r->username_seen, sizeof(r->username_seen), login->username);
	copy(r->password_seen, sizeof(r->password_seen), login->password);
	copy(r->peer_info, sizeof(r->peer_info), lnl_server_peer_info(r->server));
	copy(r->cn, sizeof(r->cn), lnl_server_cn(r->server));
	r->chain_seen = lnl_server_chain_len(r->server);
	if (r->verdict_after == 0)
		sim_real_judge(r);
	else if (r->verdict_after != LNL_NEVER)
		r->verdict_at = r->w->now + r->verdict_after;
}

static void take_closed(struct sim_real *r, const struct lnl_server_event *e)
{
	sim_require(!r->closed, "the server closed twice");
	r->closed = true;
	r->up = false;
	r->cause = e->cause;
	r->closed_in = e->phase;
	copy(r->why, sizeof(r->why), e->text);
}

static void take_event(struct sim_real *r, struct lnl_server_event *e)
{
	sim_require(!r->closed, "an event after the last one");
	r->counts[e->kind]++;
	switch (e->kind) {
	case LNL_SERVER_VERIFY:
		r->verify_waiting = true;
		if (!r->verify_waits)
			lnl_server_verified(r->server, true, NULL, r->w->now);
		break;
	case LNL_SERVER_AUTHENTICATE:
		take_authenticate(r, e);
		break;
	case LNL_SERVER_AUTHORIZE:
		if (r->grant_after == 0)
			sim_real_grant(r);
		else if (r->grant_after != LNL_NEVER)
			r->grant_at = r->w->now + r->grant_after;
		break;
	case LNL_SERVER_UP:
		r->up = true;
		break;
	case LNL_SERVER_RESPONSE:
	case LNL_SERVER_TEXT:
		copy(r->text, sizeof(r->text), e->text);
		break;
	case LNL_SERVER_MESSAGE: /* the test takes it */
		break;
	case LNL_SERVER_CLOSED:
		take_closed(r, e);
		break;
	default:
		take_data_event(r, e);
		break;
	}
}

/* ---- the turn ---- */

static void begin(struct sim_real *r, struct lnl_admitted *a)
{
	const struct lnl_server_start start = { .admitted = a,
						.peer = SIM_PEER_ID,
						.tcp = r->w->setup.tcp };

	if (lnl_server_new(&r->server, &r->conf, &start, r->w->now) < 0)
		return;
	r->sessions++;
	r->closed = false;
}

/* A packet of nobody: to the door, which may let it in. Returns what of it is for the session. */
static size_t knock(struct sim_real *r, const uint8_t *data, size_t len)
{
	static const struct lnl_ip ip = { .family = 4, .bytes = { 192, 0, 2, 1 } };
	uint8_t reply[LNL_SESSION_PACKET_MAX];
	struct lnl_admitted a;
	struct sim_world *w = r->w;

	if (w->setup.tcp)
		lnl_admission_stream(r->door, data, len, w->now, &a);
	else
		lnl_admission_datagram(r->door, &ip, 1194, data, len, reply, sizeof(reply), w->now,
				       &a);
	if (a.verdict == LNL_ADMISSION_DROP)
		r->drops[a.drop]++;
	if (a.verdict == LNL_ADMISSION_REPLY)
		sim_net_send(&w->net, SIM_SERVER, reply, a.reply_len, w->now);
	if (a.verdict == LNL_ADMISSION_ADMIT)
		begin(r, &a);
	len = a.verdict == LNL_ADMISSION_ADMIT && r->server ? a.len : 0;
	lnl_secret_wipe(&a, sizeof(a));
	return len;
}

static void far_input(void *ctx, uint8_t *data, size_t len)
{
	struct sim_real *r = ctx;
	size_t without;

	if (len > 0 && lnl_op_is_data(lnl_op_of(data[0]))) {
		take_data(r, data, len);
		return;
	}
	if (!r->server) {
		len = knock(r, data, len);
	} else if ((without = lnl_admission_without_wkc(data, len)) > 0) {
		len = without;
	}
	if (len > 0)
		r->drops[lnl_server_input(r->server, data, len, r->w->now)]++;
}

static void forget(struct sim_real *r)
{
	lnl_server_free(r->server);
	r->server = NULL;
	r->verdict_at = r->grant_at = LNL_NEVER;
	if (r->has_peer)
		lnl_data_peer_del(r->data, SIM_PEER_ID);
	r->has_peer = false;
}

static void far_run(void *ctx)
{
	struct sim_real *r = ctx;
	uint8_t out[LNL_SESSION_PACKET_MAX];
	struct lnl_server_event e;
	struct lnl_notice n;
	struct sim_world *w = r->w;
	bool more = r->server != NULL;
	size_t len;

	while (lnl_data_tick(r->data, w->now) != LNL_PEER_ID_NONE)
		send_ping(r);
	while (lnl_data_notice(r->data, &n))
		if (r->server)
			lnl_server_notice(r->server, &n, w->now);
	if (r->server)
		lnl_server_tick(r->server, w->now);
	if (w->now >= r->verdict_at)
		sim_real_judge(r);
	if (w->now >= r->grant_at)
		sim_real_grant(r);
	while (more) {
		more = lnl_server_next(r->server, &e, w->now);
		if (more)
			take_event(r, &e);
		lnl_server_event_wipe(&e);
	}
	while (r->server && (len = lnl_server_output(r->server, out, sizeof(out), w->now)))
		sim_net_send(&w->net, SIM_SERVER, out, len, w->now);
	if (r->server && r->closed)
		forget(r);
}

static uint64_t far_due(void *ctx)
{
	struct sim_real *r = ctx;
	uint64_t due =
		lnl_earlier(lnl_data_next_due(r->data), lnl_earlier(r->verdict_at, r->grant_at));

	return r->server ? lnl_earlier(due, lnl_server_next_due(r->server)) : due;
}

/* ---- beginning and end ---- */

static int far_start(void *ctx, struct sim_world *w)
{
	struct sim_real *r = ctx;
	int rc = lnl_data_new(&r->data, &w->env.env, 4);

	r->conf.session = w->server_conf.session;
	r->conf.session.log = &w->log;
	/* A tls-crypt-v2 client's key comes from its WKc alone. */
	if (w->server_conf.v2_key)
		r->conf.session.wrap_raw = NULL;
	r->door_conf.env = &w->env.env;
	r->door_conf.wrap = w->server_conf.session.wrap;
	r->door_conf.v2_key = w->server_conf.v2_key;
	r->door_conf.v2_only = w->server_conf.v2_key != NULL;
	r->door_conf.hand_window = r->conf.session.hand_window;
	if (rc == 0) {
		r->conf.caps = lnl_data_caps(r->data);
		rc = lnl_admission_new(&r->door, &r->door_conf, w->now);
	}
	return rc;
}

static void far_end(void *ctx)
{
	struct sim_real *r = ctx;

	lnl_server_free(r->server);
	lnl_admission_free(r->door);
	lnl_data_free(r->data);
	r->server = NULL;
	r->door = NULL;
	r->data = NULL;
}

void sim_real_init(struct sim_real *r, struct sim_world *w)
{
	struct lnl_server_conf *c = &r->conf;

	memset(r, 0, sizeof(*r));
	r->w = w;
	r->verdict_at = r->grant_at = LNL_NEVER;
	r->push = usual_push;
	r->n_push = sizeof(usual_push) / sizeof(usual_push[0]);
	w->far = (struct sim_far){ r, far_start, far_end, far_input, far_run, far_due, far_send };
	memcpy(c->ciphers, w->conf.ciphers, sizeof(c->ciphers));
	c->n_ciphers = w->conf.n_ciphers;
	c->auth = w->conf.auth;
	c->tls_auth = w->conf.tls_auth;
	c->key_direction = w->conf.key_direction < 0 ? -1 : !w->conf.key_direction;
	c->tun_mtu = 1500;
	c->mssfix = -1;
	c->ping = 10;
	c->ping_restart = 120;
	c->verify_asks = true;
}

bool sim_real_connect(struct sim_real *r, uint64_t span)
{
	struct sim_world *w = r->w;
	uint64_t until = w->now + span;

	while (!(w->up && r->up) && !w->closed && w->now < until)
		sim_world_run(w, lnl_earlier(10 * LNL_MSEC, until - w->now));
	return w->up && r->up;
}

bool sim_real_closes(struct sim_real *r, uint64_t span)
{
	uint64_t until = r->w->now + span;

	while (!r->closed && r->w->now < until)
		sim_world_run(r->w, lnl_earlier(10 * LNL_MSEC, until - r->w->now));
	return r->closed;
}
