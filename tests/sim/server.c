/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/server.h"

#include <stdio.h>
#include <string.h>

#include "sim/env.h"

int sim_server_init(struct sim_server *s, const struct sim_server_conf *conf, struct sim_net *net,
		    uint64_t now)
{
	int rc;

	memset(s, 0, sizeof(*s));
	s->conf = conf;
	s->net = net;
	s->session_conf = conf->session;
	s->session_conf.server = true;
	s->verdict_at = s->swap_at = LNL_NEVER;
	lnl_wrap_key_none(&s->wrap);
	lnl_wrap_key_none(&s->wrap_twin);
	rc = lnl_data_new(&s->data, conf->session.env, 4);
	/* With tls-crypt-v2 the session begins once the WKc has told the key. */
	if (rc == 0 && !conf->v2_key)
		rc = lnl_session_new(&s->session, &s->session_conf, now);
	return rc;
}

void sim_server_deinit(struct sim_server *s)
{
	lnl_session_free(s->session);
	lnl_data_free(s->data);
	lnl_wrap_key_deinit(&s->wrap);
	lnl_wrap_key_deinit(&s->wrap_twin);
	s->session = NULL;
	s->data = NULL;
}

/* ---- the data plane ---- */

void sim_server_send(struct sim_server *s, const uint8_t *data, size_t len, uint64_t now)
{
	uint8_t buf[LNL_HEADROOM + SIM_PACKET_MAX + LNL_TAILROOM];
	struct lnl_packet p = { buf + LNL_HEADROOM, (uint32_t)len,    SIM_PEER_ID,
				LNL_DROP_NONE,	    LNL_PEER_ID_NONE, NULL };

	memcpy(p.p, data, len);
	if (lnl_data_seal(s->data, &p, 1, now) == 1)
		sim_net_send(s->net, SIM_SERVER, p.p, p.len, now);
}

static void send_special(struct sim_server *s, enum lnl_special what, uint64_t now)
{
	uint8_t buf[LNL_HEADROOM + 64 + LNL_TAILROOM];
	struct lnl_packet p = { .p = buf + LNL_HEADROOM };

	if (lnl_data_special(s->data, SIM_PEER_ID, what, &p, now) == 0)
		sim_net_send(s->net, SIM_SERVER, p.p, p.len, now);
}

void sim_server_exit(struct sim_server *s, uint64_t now)
{
	send_special(s, LNL_SPECIAL_OCC_EXIT, now);
}

static void swap_keys(struct sim_server *s, uint64_t now)
{
	s->swap_at = LNL_NEVER;
	lnl_data_key_swap(s->data, SIM_PEER_ID);
	lnl_data_key_expire(s->data, SIM_PEER_ID, LNL_SLOT_SECONDARY,
			    now + s->conf->session.tran_window);
}

static void install_key(struct sim_server *s, uint8_t key_id, uint64_t now)
{
	const struct sim_server_conf *conf = s->conf;
	struct lnl_key_conf key = {
		.key_id = key_id,
		.cipher = conf->cipher,
		.digest = lnl_cipher_is_aead(conf->cipher) ? LNL_DIGEST_NONE : conf->digest,
		.first_id = conf->first_data_id,
		.limit_packets = conf->limit_packets,
		.expires = LNL_NEVER,
	};

	if (s->swap_at != LNL_NEVER)
		swap_keys(s, now);
	if (lnl_session_derive(s->session, key_id, conf->ekm, &key.send, &key.recv) == 0)
		lnl_data_key_install(s->data, SIM_PEER_ID,
				     key_id ? LNL_SLOT_SECONDARY : LNL_SLOT_PRIMARY, &key);
	lnl_secret_wipe(&key, sizeof(key));
	if (key_id == 0)
		return;
	s->swap_at = s->limit_reached ? now : now + conf->swap_after;
	s->limit_reached = false;
}

static void take_notices(struct sim_server *s, uint64_t now)
{
	struct lnl_notice n;

	while (lnl_data_notice(s->data, &n)) {
		if (n.kind == LNL_NOTICE_EXIT)
			s->data_exit = true;
		if (n.kind == LNL_NOTICE_KEY_LIMIT) {
			s->limit_reached = true;
			lnl_session_renegotiate(s->session, now);
		}
	}
}

static void take_data(struct sim_server *s, const uint8_t *data, size_t len, uint64_t now)
{
	uint8_t buf[SIM_PACKET_MAX];
	struct lnl_packet p = {
		buf,	       (uint32_t)len,	 s->conf->v1 ? SIM_PEER_ID : LNL_PEER_ID_NONE,
		LNL_DROP_NONE, LNL_PEER_ID_NONE, NULL
	};

	memcpy(buf, data, len);
	if (lnl_data_open(s->data, &p, 1, now) == 1 && s->deliver)
		s->deliver(s->deliver_ctx, p.p, p.len);
	if (p.drop != LNL_DROP_NONE && p.drop != LNL_DROP_EMPTY)
		s->drops[p.drop]++;
}

/* ---- the verdict ---- */

static void send_text(struct sim_server *s, const char *text, uint64_t now)
{
	lnl_session_send_text(s->session, text, now);
}

static void write_reply(const struct sim_server *s, char *out, size_t cap)
{
	const struct sim_server_conf *c = s->conf;
	int n = snprintf(out, cap,
			 "PUSH_REPLY,route-gateway 10.8.0.1,topology subnet,ping 10,"
			 "ping-restart 60,ifconfig 10.8.0.2 255.255.255.0");

	if (!c->v1)
		n += snprintf(out + n, cap - (size_t)n, ",peer-id %d", SIM_PEER_ID);
	if (c->ncp)
		n += snprintf(out + n, cap - (size_t)n, ",cipher %s", lnl_cipher_name(c->cipher));
	if (c->cc_exit || c->dyn)
		n += snprintf(out + n, cap - (size_t)n, ",protocol-flags%s%s%s",
			      c->cc_exit ? " cc-exit" : "", c->ekm ? " tls-ekm" : "",
			      c->dyn ? " dyn-tls-crypt" : "");
	else if (c->ekm)
		n += snprintf(out + n, cap - (size_t)n, ",key-derivation tls-ekm");
	if (c->token)
		n += snprintf(out + n, cap - (size_t)n, ",auth-token %s", c->token);
	if (c->extra)
		n += snprintf(out + n, cap - (size_t)n, ",%s", c->extra);
	sim_require(n > 0 && (size_t)n < cap, "a push does not fit");
}

static void start_data(struct sim_server *s, uint64_t now)
{
	struct lnl_peer_conf peer = {
		.id = SIM_PEER_ID,
		.wire_id = s->conf->v1 ? LNL_PEER_ID_NONE : SIM_PEER_ID,
		.framing = s->conf->framing,
		.ping_interval = 10 * LNL_SECOND,
		.ping_timeout = 120 * LNL_SECOND,
	};

	lnl_data_peer_add(s->data, &peer, now);
	if (s->conf->dyn)
		lnl_session_dyn_crypt(s->session, 0);
	install_key(s, 0, now);
}

static void push(struct sim_server *s, uint64_t now)
{
	char text[2048];

	if (s->pushed)
		return;
	s->pushed = true;
	start_data(s, now);
	if (!s->conf->push) {
		write_reply(s, text, sizeof(text));
		send_text(s, text, now);
		return;
	}
	s->to_push = s->conf->push;
}

/* One by one: more than a window's worth would fill TLS's queue. */
static void push_on(struct sim_server *s, uint64_t now)
{
	while (s->to_push && *s->to_push && lnl_session_idle(s->session))
		send_text(s, *s->to_push++, now);
}

static void judge(struct sim_server *s, uint64_t now)
{
	const struct sim_server_conf *c = s->conf;
	bool token = c->token && s->pushed && strcmp(s->password, c->token) == 0;

	s->verdict_at = LNL_NEVER;
	if (c->username && !token &&
	    (strcmp(s->username, c->username) != 0 || strcmp(s->password, c->password) != 0)) {
		s->refused++;
		send_text(s, c->refusal ? c->refusal : "AUTH_FAILED", now);
		return;
	}
	s->authenticated = true;
	if (c->unasked || s->asked_push)
		push(s, now);
}

static void take_negotiated(struct sim_server *s, uint8_t key_id, uint64_t now)
{
	const char *const *text = s->conf->greeting;

	s->negotiations++;
	if (key_id != 0) {
		install_key(s, key_id, now);
		judge(s, now);
		return;
	}
	s->negotiated = true;
	for (; text && *text; text++)
		send_text(s, *text, now);
	if (s->conf->verdict_after == 0)
		judge(s, now);
	else if (s->conf->verdict_after != LNL_NEVER)
		s->verdict_at = now + s->conf->verdict_after;
}

static void take_text(struct sim_server *s, const char *text, uint64_t now)
{
	if (strcmp(text, "PUSH_REQUEST") == 0) {
		s->push_requests++;
		s->asked_push = true;
		if (s->authenticated && !s->conf->mute)
			push(s, now);
		return;
	}
	if (strcmp(text, "EXIT") == 0)
		s->said_exit = true;
	snprintf(s->texts[s->n_texts % SIM_TEXTS], sizeof(s->texts[0]), "%s", text);
	s->n_texts++;
}

static void take_record(struct sim_server *s, const struct lnl_session_event *e, uint64_t now)
{
	struct lnl_km2 km2 = {
		.options = s->conf->options, .username = "", .password = "", .peer_info = ""
	};

	if (!km2.options)
		km2.options = "V4,dev-type tun,link-mtu 1549,tun-mtu 1500,proto UDPv4,"
			      "cipher AES-256-GCM,auth [null-digest],keysize 256,key-method 2,"
			      "tls-server";
	snprintf(s->username, sizeof(s->username), "%s", e->km2.username);
	snprintf(s->password, sizeof(s->password), "%s", e->km2.password);
	snprintf(s->peer_info, sizeof(s->peer_info), "%s", e->km2.peer_info);
	snprintf(s->options, sizeof(s->options), "%s", e->km2.options);
	if (s->conf->raw_record)
		lnl_tls_write(lnl_session_tls(s->session, e->key_id), s->conf->raw_record,
			      s->conf->raw_len);
	if (!s->conf->silent_record)
		lnl_session_send_record(s->session, e->key_id, &km2, now);
}

static void take_event(struct sim_server *s, const struct lnl_session_event *e, uint64_t now)
{
	switch (e->kind) {
	case LNL_SESSION_VERIFY:
		lnl_session_verified(s->session, e->key_id, NULL, now);
		break;
	case LNL_SESSION_RECORD:
		take_record(s, e, now);
		break;
	case LNL_SESSION_NEGOTIATED:
		take_negotiated(s, e->key_id, now);
		break;
	case LNL_SESSION_TEXT:
		take_text(s, e->text, now);
		break;
	case LNL_SESSION_FAILED:
		s->failed = true;
		snprintf(s->why, sizeof(s->why), "%s", e->text);
		break;
	case LNL_SESSION_RENEGOTIATING:
		s->renegotiations++;
		break;
	case LNL_SESSION_NONE:
		break;
	}
}

/* ---- tls-crypt-v2 ---- */

static int wkc_tag(const uint8_t *server_key, const uint8_t *len, const uint8_t *plain,
		   size_t plain_len, const struct lnl_env *env, uint8_t tag[32])
{
	const struct lnl_piece pieces[] = { { len, 2 }, { plain, plain_len } };
	struct lnl_hmac *h;
	int rc = lnl_hmac_new(&h, env, LNL_DIGEST_SHA256, server_key + 64, 32);

	if (rc == 0)
		rc = lnl_hmac_run(h, pieces, 2, tag);
	if (rc == 0)
		lnl_hmac_free(h);
	return rc;
}

size_t sim_wkc_make_with(uint8_t out[LNL_WKC_MAX], const uint8_t server_key[LNL_V2_SERVER_KEY_LEN],
			 const struct lnl_static_key *kc, const void *metadata, size_t len,
			 const struct lnl_env *env)
{
	uint8_t plain[LNL_WKC_MAX];
	size_t plain_len = LNL_STATIC_KEY_LEN + len, total = 32 + plain_len + 2;
	uint8_t length[2] = { (uint8_t)(total >> 8), (uint8_t)total };

	sim_require(total <= LNL_WKC_MAX, "too much metadata");
	memcpy(plain, kc->bytes, LNL_STATIC_KEY_LEN);
	memcpy(plain + LNL_STATIC_KEY_LEN, metadata, len);
	if (wkc_tag(server_key, length, plain, plain_len, env, out) < 0)
		return 0;
	lnl_ctr_run(server_key, out, out + 32, plain, plain_len);
	memcpy(out + total - 2, length, 2);
	return total;
}

size_t sim_wkc_make(uint8_t out[LNL_WKC_MAX], const uint8_t server_key[LNL_V2_SERVER_KEY_LEN],
		    const struct lnl_static_key *kc, const struct lnl_env *env)
{
	return sim_wkc_make_with(out, server_key, kc, "\0user", 5, env);
}

/* Cuts the WKc off the packet; its key, if it verifies, becomes the session's. */
static bool take_wkc(struct sim_server *s, const uint8_t *data, size_t *len, uint64_t now)
{
	uint8_t plain[LNL_WKC_MAX], tag[32];
	size_t wkc_len = *len > 2 ? (size_t)data[*len - 2] << 8 | data[*len - 1] : 0;
	const uint8_t *wkc;

	if (wkc_len < 32 + LNL_STATIC_KEY_LEN + 2 || wkc_len > LNL_WKC_MAX || wkc_len > *len)
		return false;
	*len -= wkc_len;
	wkc = data + *len;
	lnl_ctr_run(s->conf->v2_key, wkc, plain, wkc + 32, wkc_len - 34);
	if (wkc_tag(s->conf->v2_key, wkc + wkc_len - 2, plain, wkc_len - 34, s->conf->session.env,
		    tag) != 0 ||
	    memcmp(tag, wkc, 32) != 0)
		return false;
	if (s->session)
		return memcmp(plain, s->kc.bytes, sizeof(s->kc.bytes)) == 0;
	/* What a packet before left for which there was no memory then. */
	lnl_wrap_key_deinit(&s->wrap);
	lnl_wrap_key_deinit(&s->wrap_twin);
	memcpy(s->kc.bytes, plain, sizeof(s->kc.bytes));
	if (lnl_wrap_key_crypt(&s->wrap, s->conf->session.env, &s->kc, true) < 0 ||
	    lnl_wrap_key_crypt(&s->wrap_twin, s->conf->session.env, &s->kc, false) < 0)
		return false;
	s->has_kc = true;
	s->session_conf.wrap = &s->wrap;
	s->session_conf.wrap_raw = &s->kc;
	return lnl_session_new(&s->session, &s->session_conf, now) == 0;
}

/*
 * Like a server that keeps nothing until the client has proven its address, this one hears only the
 * packet that it asked for.
 */
static bool admit(struct sim_server *s, const uint8_t *data, size_t *len, uint64_t now)
{
	unsigned op = *len > 0 ? lnl_op_of(data[0]) : 0;

	if (op == LNL_OP_HARD_RESET_CLIENT_V3 || op == LNL_OP_CONTROL_WKC_V1) {
		if (!s->conf->v2_key || !take_wkc(s, data, len, now))
			return false;
		if (op == LNL_OP_CONTROL_WKC_V1)
			s->wkc_again = true;
		return true;
	}
	if (s->conf->v2_key && s->conf->ask_wkc && !s->wkc_again) {
		s->early_packets++;
		return false;
	}
	return s->session != NULL;
}

/* Adds the TLV that asks for the WKc to the reset that the session wants to send. */
static size_t add_tlv(struct sim_server *s, uint8_t *data, size_t len, size_t cap)
{
	static const uint8_t tlv[] = { 0, 1, 0, 2, 0, 1 };
	const struct lnl_wrap_key *key = s->session_conf.wrap;
	uint8_t scratch[SIM_PACKET_MAX];
	struct lnl_control c;
	struct lnl_wrap w;
	uint32_t id = 0;
	int n;

	if (lnl_op_of(data[0]) != LNL_OP_HARD_RESET_SERVER_V2 || key->mode == LNL_WRAP_AUTH)
		return len;
	if (key->mode == LNL_WRAP_CRYPT)
		id = (uint32_t)(data[9] << 24 | data[10] << 16 | data[11] << 8 | data[12]);
	lnl_wrap_init(&w, s->conf->v2_key ? &s->wrap_twin : key, 0, 0);
	if (lnl_wrap_read(&w, &c, data, len, scratch, sizeof(scratch)) != LNL_DROP_NONE)
		return len;
	c.payload = tlv;
	c.payload_len = sizeof(tlv);
	lnl_wrap_init(&w, key, id - 1,
		      (uint32_t)(data[13] << 24 | data[14] << 16 | data[15] << 8 | data[16]));
	n = lnl_wrap_write(&w, &c, data, cap);
	sim_require(n > 0, "the reset cannot be rewritten");
	return (size_t)n;
}

/* ---- the turn ---- */

void sim_server_input(struct sim_server *s, const uint8_t *data, size_t len, uint64_t now)
{
	enum lnl_drop drop;

	if (len > 0 && lnl_op_is_data(lnl_op_of(data[0]))) {
		take_data(s, data, len, now);
		return;
	}
	if (!admit(s, data, &len, now))
		return;
	drop = lnl_session_input(s->session, data, len, now);
	s->drops[drop]++;
}

static void send_output(struct sim_server *s, uint64_t now)
{
	uint8_t out[LNL_SESSION_PACKET_MAX];
	size_t len;

	while ((len = lnl_session_output(s->session, out, sizeof(out), now))) {
		if (s->conf->ask_wkc)
			len = add_tlv(s, out, len, sizeof(out));
		sim_net_send(s->net, SIM_SERVER, out, len, now);
	}
}

void sim_server_run(struct sim_server *s, uint64_t now)
{
	struct lnl_session_event e;

	take_notices(s, now);
	while (lnl_data_tick(s->data, now) != LNL_PEER_ID_NONE)
		send_special(s, LNL_SPECIAL_PING, now);
	if (!s->session)
		return;
	lnl_session_tick(s->session, now);
	while (lnl_session_next(s->session, &e, now))
		take_event(s, &e, now);
	if (now >= s->verdict_at)
		judge(s, now);
	if (now >= s->swap_at)
		swap_keys(s, now);
	push_on(s, now);
	send_output(s, now);
}

uint64_t sim_server_due(const struct sim_server *s)
{
	uint64_t due =
		lnl_earlier(lnl_data_next_due(s->data), lnl_earlier(s->verdict_at, s->swap_at));

	return s->session ? lnl_earlier(due, lnl_session_next_due(s->session)) : due;
}
