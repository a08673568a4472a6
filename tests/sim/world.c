/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

#include "unit/pki/pki.h"

/* At one time no more than this can be left to do; more means that a timer does not move on. */
#define TURNS_MAX 20000

static void take_record(void *ctx, const struct lnl_record *r)
{
	struct sim_world *w = ctx;

	w->records++;
	if (w->wanted[0] && strcmp(r->event, w->wanted) == 0)
		w->wanted_seen++;
	for (unsigned i = 0; i < r->n; i++) {
		const char *text = r->field[i].type == LNL_FIELD_TEXT ? r->field[i].text : "";
		bool dirty = false;

		for (const char *p = text; *p; p++)
			dirty = dirty || (unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e;
		w->dirty_records += dirty;
		if (w->secret[0] && strstr(text, w->secret))
			w->secrets_seen++;
	}
}

static void server_delivers(void *ctx, const uint8_t *data, size_t len)
{
	struct sim_world *w = ctx;

	sim_traffic_take(&w->traffic[SIM_CLIENT], data, len);
}

/* ---- beginning and end ---- */

static void init_session_conf(struct sim_world *w, struct lnl_session_conf *c)
{
	*c = (struct lnl_session_conf){
		.env = &w->env.env,
		.max_packet = LNL_CONTROL_MAX,
		.tls_timeout = 2 * LNL_SECOND,
		.hand_window = 60 * LNL_SECOND,
		.tran_window = 3600 * LNL_SECOND,
		.tcp = w->setup.tcp,
	};
}

void sim_world_init(struct sim_world *w, uint64_t seed, enum sim_wrap wrap, bool tcp)
{
	struct lnl_client_conf *c = &w->conf;

	memset(w, 0, sizeof(*w));
	w->now = 1000 * LNL_SECOND;
	w->setup.seed = seed;
	w->setup.wrap = wrap;
	w->setup.tcp = tcp;
	w->setup.ca = pki_ca;
	w->setup.client_cert = pki_client;
	sim_env_init(&w->env, seed, &w->now);
	sim_net_init(&w->net, seed + 1);
	w->net.stream = tcp;
	w->log = (struct lnl_log){ w, take_record, LNL_LEVEL_TRACE };
	init_session_conf(w, &c->session);
	init_session_conf(w, &w->server_conf.session);
	c->session.log = &w->log;
	c->peer = SIM_OUR_PEER;
	c->pull = true;
	c->tls_auth = wrap >= SIM_WRAP_AUTH && wrap <= SIM_WRAP_AUTH_BOTH;
	c->key_direction = wrap == SIM_WRAP_AUTH ? 1 : wrap == SIM_WRAP_AUTH_SWAPPED ? 0 : -1;
	c->tun_mtu = 1500;
	c->mssfix = -1;
	c->version = "0.1";
	c->platform = "linux";
	c->ping = c->ping_restart = c->ping_exit = -1;
	w->server_conf.session.server = true;
	w->server_conf.ekm = w->server_conf.ncp = w->server_conf.cc_exit = true;
	w->server_conf.dyn = true;
	w->server_conf.ask_wkc = wrap == SIM_WRAP_V2 && !tcp;
	w->server_conf.swap_after = 60 * LNL_SECOND;
	sim_world_cipher(w, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_SHA1);
}

void sim_world_cipher(struct sim_world *w, enum lnl_cipher cipher, enum lnl_digest digest)
{
	w->conf.ciphers[0] = cipher;
	w->conf.n_ciphers = 1;
	w->conf.auth = digest;
	w->server_conf.cipher = cipher;
	w->server_conf.digest = digest;
}

static struct lnl_blob blob(const char *text)
{
	return (struct lnl_blob){ text, text ? strlen(text) : 0 };
}

static int start_tls(struct sim_world *w)
{
	struct lnl_tls_settings client = {
		.ca = blob(w->setup.ca),
		.cert = blob(w->setup.client_cert),
		.key = blob(w->setup.client_cert ? pki_key : NULL),
		.require_ku = true,
		.eku = LNL_EKU_SERVER,
	};
	struct lnl_tls_settings server = {
		.server = true,
		.ca = blob(pki_ca),
		.cert = blob(pki_good),
		.key = blob(pki_key),
		.optional_peer_cert = true,
	};
	struct lnl_why why = { "" };
	int rc = lnl_tls_conf_new(&w->tls[SIM_CLIENT], &w->env.env, &client, &why);

	if (rc == 0)
		rc = lnl_tls_conf_new(&w->tls[SIM_SERVER], &w->env.env, &server, &why);
	w->conf.session.tls = w->tls[SIM_CLIENT];
	w->server_conf.session.tls = w->tls[SIM_SERVER];
	return rc;
}

static int start_auth(struct sim_world *w)
{
	int direction = w->conf.key_direction;
	const struct lnl_env *env = &w->env.env;
	int rc = lnl_wrap_key_auth(&w->wrap[SIM_CLIENT], env, &w->static_key, direction,
				   LNL_DIGEST_SHA1);

	if (rc == 0)
		rc = lnl_wrap_key_auth(&w->wrap[SIM_SERVER], env, &w->static_key,
				       direction < 0 ? -1 : !direction, LNL_DIGEST_SHA1);
	return rc;
}

static int start_crypt(struct sim_world *w)
{
	const struct lnl_env *env = &w->env.env;
	int rc = lnl_wrap_key_crypt(&w->wrap[SIM_CLIENT], env, &w->static_key, false);

	if (w->setup.wrap == SIM_WRAP_CRYPT)
		return rc ? rc
			  : lnl_wrap_key_crypt(&w->wrap[SIM_SERVER], env, &w->static_key, true);
	if (rc)
		return rc;
	w->conf.session.wkc = w->wkc;
	w->conf.session.wkc_len = sim_wkc_make(w->wkc, w->v2_key, &w->static_key, env);
	w->server_conf.v2_key = w->v2_key;
	return w->conf.session.wkc_len ? 0 : LNL_E_NOMEM;
}

static int start_wrap(struct sim_world *w)
{
	enum sim_wrap wrap = w->setup.wrap;

	lnl_wrap_key_none(&w->wrap[SIM_CLIENT]);
	lnl_wrap_key_none(&w->wrap[SIM_SERVER]);
	w->conf.session.wrap = &w->wrap[SIM_CLIENT];
	w->server_conf.session.wrap = &w->wrap[SIM_SERVER];
	if (wrap == SIM_WRAP_NONE)
		return 0;
	for (size_t i = 0; i < sizeof(w->static_key.bytes); i++)
		w->static_key.bytes[i] = (uint8_t)(sim_random(&w->env.seed) >> 16);
	for (size_t i = 0; i < sizeof(w->v2_key); i++)
		w->v2_key[i] = (uint8_t)(sim_random(&w->env.seed) >> 16);
	w->conf.session.wrap_raw = w->server_conf.session.wrap_raw = &w->static_key;
	return wrap <= SIM_WRAP_AUTH_BOTH ? start_auth(w) : start_crypt(w);
}

static int start_server(struct sim_world *w)
{
	int rc = sim_server_init(&w->server, &w->server_conf, &w->net, w->now);

	w->has_server = w->server.net != NULL;
	w->server.deliver = server_delivers;
	w->server.deliver_ctx = w;
	return rc;
}

int sim_world_start(struct sim_world *w)
{
	unsigned long fail_at = w->env.fail_at;
	int rc;

	/* Allocations count from here: the library's own are none of ours. */
	w->env.fail_at = 0;
	sim_require(lnl_crypto_init(&w->env.env) == 0, "no crypto");
	w->env.allocations = 0;
	w->env.fail_at = fail_at;
	rc = start_tls(w);
	if (rc == 0)
		rc = start_wrap(w);
	if (rc == 0)
		rc = w->far.start ? w->far.start(w->far.ctx, w) : start_server(w);
	if (rc == 0)
		rc = lnl_data_new(&w->data, &w->env.env, 1);
	if (rc == 0)
		rc = lnl_client_new(&w->client, &w->conf, w->setup.username, w->setup.password,
				    w->now);
	return rc;
}

void sim_world_end(struct sim_world *w)
{
	lnl_client_free(w->client);
	lnl_data_free(w->data);
	if (w->far.end)
		w->far.end(w->far.ctx);
	if (w->has_server)
		sim_server_deinit(&w->server);
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		lnl_wrap_key_deinit(&w->wrap[i]);
		lnl_tls_conf_free(w->tls[i]);
		w->tls[i] = NULL;
	}
	sim_net_deinit(&w->net);
	lnl_crypto_deinit();
	w->client = NULL;
	w->data = NULL;
	w->has_server = false;
}

/* ---- the client's events, as engine_session.c carries them ---- */

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text ? text : "");
}

static void mark_key(struct sim_world *w, const struct lnl_key_conf *k)
{
	size_t len = lnl_cipher_key_len(k->cipher);

	if (!w->mark_secrets)
		return;
	sim_env_mark(&w->env, k->send.cipher, len);
	sim_env_mark(&w->env, k->recv.cipher, len);
	sim_env_mark(&w->env, k->send.hmac, 32);
	sim_env_mark(&w->env, k->recv.hmac, 32);
}

static int send_special(struct sim_world *w, enum lnl_special what)
{
	uint8_t buf[LNL_HEADROOM + 64 + LNL_TAILROOM];
	struct lnl_packet p = { .p = buf + LNL_HEADROOM };
	int rc = lnl_data_special(w->data, SIM_OUR_PEER, what, &p, w->now);

	if (rc == 0)
		sim_net_send(&w->net, SIM_CLIENT, p.p, p.len, w->now);
	return rc;
}

static int take_data_event(struct sim_world *w, const struct lnl_client_event *e)
{
	switch (e->kind) {
	case LNL_CLIENT_PEER_ADD:
		w->has_peer = true;
		return lnl_data_peer_add(w->data, &e->peer, w->now);
	case LNL_CLIENT_PEER_SET:
		return lnl_data_peer_set(w->data, &e->peer, w->now);
	case LNL_CLIENT_KEY_INSTALL:
		w->keys_installed++;
		w->last_key_id = e->key.key_id;
		mark_key(w, &e->key);
		return lnl_data_key_install(w->data, SIM_OUR_PEER, e->slot, &e->key);
	case LNL_CLIENT_KEY_SWAP:
		w->keys_swapped++;
		return lnl_data_key_swap(w->data, SIM_OUR_PEER);
	case LNL_CLIENT_KEY_EXPIRE:
		return lnl_data_key_expire(w->data, SIM_OUR_PEER, e->slot, e->when);
	case LNL_CLIENT_KEY_DEL:
		return lnl_data_key_del(w->data, SIM_OUR_PEER, e->slot);
	default:
		return send_special(w, e->special);
	}
}

static void take_closed(struct sim_world *w, const struct lnl_client_event *e)
{
	sim_require(!w->closed, "the client closed twice");
	w->closed = true;
	w->up = false;
	w->cause = e->cause;
	w->closed_in = e->phase;
	w->end = e->end;
	copy(w->why, sizeof(w->why), e->text);
}

static void take_event(struct sim_world *w, struct lnl_client_event *e)
{
	sim_require(!w->closed, "an event after the last one");
	w->counts[e->kind]++;
	switch (e->kind) {
	case LNL_CLIENT_PHASE:
		w->phase = e->phase;
		break;
	case LNL_CLIENT_VERIFY:
		w->verify_waiting = true;
		if (!w->setup.verify_waits)
			lnl_client_verified(w->client, true, NULL, w->now);
		break;
	case LNL_CLIENT_PULLED:
		w->pulled_waiting = true;
		if (!w->setup.pulled_waits)
			lnl_client_configure(w->client, NULL, 0, NULL, w->now);
		break;
	case LNL_CLIENT_UP:
		w->up = true;
		break;
	case LNL_CLIENT_TOKEN:
		copy(w->token, sizeof(w->token), e->text);
		copy(w->token_user, sizeof(w->token_user), e->text2);
		break;
	case LNL_CLIENT_CHALLENGE:
		w->challenge_echo = e->echo;
		w->challenge_response = e->response;
		copy(w->text, sizeof(w->text), e->text);
		break;
	case LNL_CLIENT_OPEN_URL:
	case LNL_CLIENT_TEXT:
		copy(w->text, sizeof(w->text), e->text);
		break;
	case LNL_CLIENT_CLOSED:
		take_closed(w, e);
		break;
	case LNL_CLIENT_MESSAGE: /* the test takes it */
	case LNL_CLIENT_NONE:
		break;
	default:
		take_data_event(w, e);
		break;
	}
}

/* A packet of a key state that a client like OpenVPN has left. */
static bool is_left(const struct sim_world *w, const uint8_t *data)
{
	return w->setup.newest_only && lnl_op_of(data[0]) != LNL_OP_SOFT_RESET_V1 &&
	       lnl_key_id_of(data[0]) != w->newest_key_id;
}

static void send_control(struct sim_world *w, const uint8_t *data, size_t len)
{
	unsigned op = lnl_op_of(data[0]);

	if (op == LNL_OP_SOFT_RESET_V1 || lnl_op_is_hard_reset(op))
		w->newest_key_id = (uint8_t)lnl_key_id_of(data[0]);
	if (!is_left(w, data))
		sim_net_send(&w->net, SIM_CLIENT, data, len, w->now);
}

static void run_client(struct sim_world *w)
{
	uint8_t out[LNL_SESSION_PACKET_MAX];
	struct lnl_client_event e;
	struct lnl_notice n;
	size_t len;
	bool more;

	if (w->closed)
		return;
	while (lnl_data_tick(w->data, w->now) != LNL_PEER_ID_NONE)
		send_special(w, LNL_SPECIAL_PING);
	while (lnl_data_notice(w->data, &n))
		lnl_client_notice(w->client, &n, w->now);
	lnl_client_tick(w->client, w->now);
	do {
		while ((len = lnl_client_output(w->client, out, sizeof(out), w->now)))
			send_control(w, out, len);
		more = lnl_client_next(w->client, &e, w->now);
		if (more)
			take_event(w, &e);
		lnl_client_event_wipe(&e);
	} while (more);
}

static void take_packet(struct sim_world *w, struct sim_packet *p)
{
	struct lnl_packet pkt = { p->bytes,	 (uint32_t)p->len, SIM_OUR_PEER,
				  LNL_DROP_NONE, LNL_PEER_ID_NONE, NULL };

	if (p->to == SIM_SERVER) {
		if (p->len > LNL_SID_LEN && lnl_op_is_control(lnl_op_of(p->bytes[0])))
			memcpy(w->client_sid, p->bytes + 1, LNL_SID_LEN);
		if (w->far.input)
			w->far.input(w->far.ctx, p->bytes, p->len);
		else
			sim_server_input(&w->server, p->bytes, p->len, w->now);
	} else if (w->closed) {
		return;
	} else if (p->len > 0 && lnl_op_is_data(lnl_op_of(p->bytes[0]))) {
		if (lnl_data_open(w->data, &pkt, 1, w->now) == 1)
			sim_traffic_take(&w->traffic[SIM_SERVER], pkt.p, pkt.len);
		if (pkt.drop != LNL_DROP_NONE && pkt.drop != LNL_DROP_EMPTY)
			w->data_drops[pkt.drop]++;
	} else if (p->len > 0 && is_left(w, p->bytes)) {
		w->unheard++;
	} else {
		if (p->len > LNL_SID_LEN)
			memcpy(w->server_sid, p->bytes + 1, LNL_SID_LEN);
		w->drops[lnl_client_input(w->client, p->bytes, p->len, w->now)]++;
	}
}

static void run_server(struct sim_world *w)
{
	if (w->far.run)
		w->far.run(w->far.ctx);
	else
		sim_server_run(&w->server, w->now);
}

void sim_world_turn(struct sim_world *w)
{
	struct sim_packet *p;

	run_client(w);
	run_server(w);
	while ((p = sim_net_next(&w->net, w->now))) {
		take_packet(w, p);
		sim_net_took(&w->net, p);
		run_client(w);
		run_server(w);
	}
}

static uint64_t next_due(const struct sim_world *w)
{
	uint64_t far = w->far.due ? w->far.due(w->far.ctx) : sim_server_due(&w->server);
	uint64_t due = lnl_earlier(sim_net_due(&w->net), far);

	if (w->closed)
		return due;
	return lnl_earlier(due,
			   lnl_earlier(lnl_client_next_due(w->client), lnl_data_next_due(w->data)));
}

/* On to the next time at which something is due, at most |until|; false when that is reached. */
static bool advance(struct sim_world *w, uint64_t until, unsigned *still)
{
	uint64_t due = next_due(w);

	*still = due > w->now ? 0 : *still + 1;
	sim_require(*still < TURNS_MAX, "time stands still");
	if (due > until) {
		w->now = until > w->now ? until : w->now;
		return false;
	}
	if (due > w->now)
		w->now = due;
	return true;
}

static bool is_never(const struct sim_world *w)
{
	(void)w;
	return false;
}

static bool is_connected(const struct sim_world *w)
{
	return w->up && (w->far.start || w->server.pushed);
}

static bool is_closed(const struct sim_world *w)
{
	return w->closed;
}

static bool is_over(const struct sim_world *w)
{
	return is_connected(w) || w->closed;
}

static void run_until(struct sim_world *w, bool (*is_done)(const struct sim_world *), uint64_t span)
{
	uint64_t until = w->now + span;
	unsigned still = 0;

	do {
		sim_world_turn(w);
	} while (!is_done(w) && advance(w, until, &still));
}

void sim_world_run(struct sim_world *w, uint64_t span)
{
	run_until(w, is_never, span);
}

bool sim_world_connect(struct sim_world *w, uint64_t span)
{
	run_until(w, is_over, span);
	return is_connected(w);
}

bool sim_world_closes(struct sim_world *w, uint64_t span)
{
	run_until(w, is_closed, span);
	return w->closed;
}

/* ---- packets through the tunnel ---- */

void sim_world_send(struct sim_world *w, unsigned end, size_t len)
{
	uint8_t buf[LNL_HEADROOM + SIM_PACKET_MAX + LNL_TAILROOM];
	struct lnl_packet p = { buf + LNL_HEADROOM, (uint32_t)len,    SIM_OUR_PEER,
				LNL_DROP_NONE,	    LNL_PEER_ID_NONE, NULL };

	sim_require(len >= SIM_PACKET && len <= 1500, "an inner packet's length");
	sim_traffic_fill(p.p, len, w->traffic[end].sent++);
	if (end == SIM_SERVER && w->far.send)
		w->far.send(w->far.ctx, p.p, p.len);
	else if (end == SIM_SERVER)
		sim_server_send(&w->server, p.p, len, w->now);
	else if (lnl_data_seal(w->data, &p, 1, w->now) == 1)
		sim_net_send(&w->net, SIM_CLIENT, p.p, p.len, w->now);
	else
		w->data_drops[p.drop]++;
}

void sim_world_traffic(struct sim_world *w, unsigned n, uint64_t gap)
{
	for (unsigned i = 0; i < n; i++) {
		sim_world_send(w, SIM_CLIENT, SIM_PACKET);
		sim_world_send(w, SIM_SERVER, SIM_PACKET);
		sim_world_run(w, gap);
	}
}

bool sim_world_all_arrived(struct sim_world *w)
{
	bool all = true;

	for (unsigned i = 0; i < SIM_ENDS; i++) {
		struct sim_traffic *t = &w->traffic[i];

		all = all && t->got == t->sent && !t->doubled && !t->damaged && !t->reordered;
		if (t->got != t->sent)
			fprintf(stderr, "end %u: %u sent, %lu arrived\n", i, t->sent, t->got);
		memset(t, 0, sizeof(*t));
	}
	return all;
}
