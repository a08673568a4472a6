/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/client.h"

#include <string.h>

#include "control/client_state.h"

#define PUSH_REQUEST_INTERVAL (5 * LNL_SECOND)
#define GOODBYE_INTERVAL      (1 * LNL_SECOND)

const char *lnl_cause_name(enum lnl_cause c)
{
	static const char *const names[] = {
#define X(name, text) [LNL_CAUSE_##name] = text,
		LNL_CAUSES(X)
#undef X
	};

	return (size_t)c < sizeof(names) / sizeof(*names) ? names[c] : "unknown";
}

enum lnl_cause lnl_cause_of(int error)
{
	switch (error) {
	case LNL_E_TIMEOUT:
		return LNL_CAUSE_TIMEOUT;
	case LNL_E_CERT:
		return LNL_CAUSE_CERT;
	default:
		return LNL_CAUSE_TLS;
	}
}

const char *lnl_phase_name(enum lnl_phase p)
{
	static const char *const names[] = { "connect",	  "handshake", "auth",
					     "configure", "up",	       "closed" };

	return (size_t)p < sizeof(names) / sizeof(*names) ? names[p] : "unknown";
}

struct lnl_client_event *lnl_client_emit(struct lnl_client *c, enum lnl_client_event_kind kind,
					 const char *text)
{
	unsigned i = (c->first_event + c->n_events) % LNL_CLIENT_EVENTS;
	struct lnl_client_event *e = &c->events[i];

	if (c->n_events == LNL_CLIENT_EVENTS)
		return NULL;
	/* One place is kept for the last word. */
	if (c->n_events == LNL_CLIENT_EVENTS - 1 && kind != LNL_CLIENT_CLOSED) {
		lnl_client_end_with(c, LNL_CAUSE_INTERNAL, "too many events at once");
		return NULL;
	}
	c->n_events++;
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->phase = c->phase;
	if (text) {
		lnl_text_clean(c->texts[i], sizeof(c->texts[i]), text, strlen(text));
		e->text = c->texts[i];
	}
	return e;
}

void lnl_client_enter(struct lnl_client *c, enum lnl_phase phase)
{
	/* An event that found no place has closed it: nothing comes after that. */
	if (c->phase == phase || c->phase == LNL_PHASE_CLOSED)
		return;
	c->phase = phase;
	lnl_client_emit(c, LNL_CLIENT_PHASE, NULL);
}

struct lnl_client_event *lnl_client_end_with(struct lnl_client *c, enum lnl_cause cause,
					     const char *text)
{
	struct lnl_client_event *e;
	enum lnl_phase phase = c->phase;

	if (c->phase == LNL_PHASE_CLOSED)
		return NULL;
	/* Whatever the server makes of our goodbye: it is over because we wanted it. */
	if (c->closing != LNL_CAUSE_NONE) {
		cause = c->closing;
		text = NULL;
	}
	c->phase = LNL_PHASE_CLOSED;
	c->verify_waits = c->configure_waits = false;
	e = lnl_client_emit(c, LNL_CLIENT_CLOSED, text);
	if (e) {
		e->cause = cause;
		e->phase = phase;
	}
	return e;
}

static int copy_credential(char *out, const char *in)
{
	size_t len = in ? strlen(in) : 0;

	if (len >= LNL_CREDENTIAL_MAX)
		return LNL_E_INVAL;
	if (len)
		memcpy(out, in, len);
	out[len] = 0;
	return 0;
}

int lnl_client_new(struct lnl_client **out, const struct lnl_client_conf *conf,
		   const char *username, const char *password, uint64_t now)
{
	const struct lnl_env *env = conf->session.env;
	struct lnl_client *c = lnl_alloc(env, sizeof(*c));
	int rc;

	*out = NULL;
	if (!c)
		return LNL_E_NOMEM;
	c->conf = conf;
	c->env = env;
	c->log = conf->session.log;
	c->push_request_at = c->push_deadline = LNL_NEVER;
	c->swap_at = c->ends_at = c->goodbye_at = LNL_NEVER;
	c->has_credentials = username != NULL;
	rc = copy_credential(c->username, username);
	if (rc == 0)
		rc = copy_credential(c->password, password);
	if (rc == 0)
		rc = lnl_session_new(&c->session, &conf->session, now);
	if (rc < 0) {
		lnl_client_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void lnl_client_free(struct lnl_client *c)
{
	const struct lnl_env *env;

	if (!c)
		return;
	env = c->env;
	lnl_session_free(c->session);
	lnl_acc_free(c->acc);
	if (c->push_text)
		lnl_secret_wipe(c->push_text, c->push_len);
	lnl_release(env, c->push_text);
	lnl_secret_wipe(c, sizeof(*c));
	lnl_release(env, c);
}

/* ---- what we say of ourselves ---- */

static const char *occ_cipher(const struct lnl_client *c)
{
	enum lnl_cipher cipher = c->cipher != LNL_CIPHER_NONE ? c->cipher : c->conf->fallback;

	if (cipher == LNL_CIPHER_NONE && c->conf->n_ciphers > 0)
		cipher = c->conf->ciphers[0];
	return lnl_cipher_name(cipher);
}

static int write_occ(const struct lnl_client *c, bool server, char *out, size_t cap)
{
	const struct lnl_client_conf *conf = c->conf;
	bool lzo = conf->framing == LNL_FRAMING_LZO || conf->framing == LNL_FRAMING_STUB;
	enum lnl_cipher cipher = LNL_CIPHER_NONE;
	struct lnl_occ occ = {
		.server = server,
		.tcp = conf->session.tcp,
		.ipv6 = conf->ipv6_transport,
		.tap = conf->tap,
		.tls_auth = conf->tls_auth,
		.key_direction = conf->tls_auth ? conf->key_direction : -1,
		.tun_mtu = conf->tun_mtu,
		.cipher = occ_cipher(c),
		.auth = lnl_digest_name(conf->auth),
		.comp_lzo = lzo,
	};

	if (server && occ.key_direction >= 0)
		occ.key_direction = 1 - occ.key_direction;
	if (lnl_cipher_find(occ.cipher, &cipher) == 0)
		occ.key_bits = (unsigned)lnl_cipher_key_len(cipher) * 8;
	occ.link_mtu = lnl_occ_link_mtu(conf->tun_mtu, occ.tcp, occ.cipher, occ.auth, lzo);
	return lnl_occ_write(&occ, out, cap);
}

static uint32_t iv_proto(const struct lnl_client_conf *conf)
{
	uint32_t v = LNL_IV_DATA_V2 | LNL_IV_TLS_KEY_EXPORT | LNL_IV_AUTH_FAIL_TEMP |
		     LNL_IV_DYN_TLS_CRYPT | LNL_IV_CC_EXIT;

	if (conf->pull)
		v |= LNL_IV_REQUEST_PUSH | LNL_IV_AUTH_PENDING_KW | LNL_IV_DNS;
	return v;
}

static int write_peer_info(const struct lnl_client *c, char *out, size_t cap)
{
	const struct lnl_client_conf *conf = c->conf;
	char ciphers[256], acc[LNL_ACC_OFFER];
	bool extends = conf->pull && conf->acc && conf->acc->n > 0;
	struct lnl_writer w;
	struct lnl_peerinfo info = {
		.version = conf->version,
		.platform = conf->platform,
		.proto = iv_proto(conf),
		.mtu = 1600,
		/* Who takes no options cannot be told which one was chosen. */
		.ciphers = conf->pull ? ciphers : NULL,
		.comp_stub = true,
		.sso = "webauth,openurl,crtext",
		.hwaddr = conf->push_peer_info ? conf->hwaddr : NULL,
		.acc = extends ? acc : NULL,
		.own = conf->peer_info_own,
		.extra = conf->push_peer_info ? conf->peer_info_extra : NULL,
	};
	unsigned i;

	lnl_writer_init(&w, ciphers, sizeof(ciphers));
	for (i = 0; i < conf->n_ciphers; i++) {
		if (i)
			lnl_write_u8(&w, ':');
		lnl_write_str(&w, lnl_cipher_name(conf->ciphers[i]));
	}
	lnl_write_u8(&w, 0);
	if (extends && lnl_acc_announce(conf->acc, ',', acc, sizeof(acc)) < 0)
		info.acc = NULL;
	return w.error ? w.error : lnl_peerinfo_write(&info, out, cap);
}

/* The peer's certificate is accepted: our record goes out. */
static void send_record(struct lnl_client *c, uint8_t key_id, uint64_t now)
{
	char options[LNL_KM2_OPTIONS], info[2048];
	struct lnl_km2 km2 = {
		.options = options, .username = "", .password = "", .peer_info = info
	};
	int rc = write_occ(c, false, options, sizeof(options));

	if (rc == 0)
		rc = write_peer_info(c, info, sizeof(info));
	/* A token is sent even by who had no password, if the server named its user. */
	if ((c->conf->auth_user_pass && c->has_credentials) || (c->has_token && c->username[0])) {
		km2.username = c->username;
		km2.password = c->password;
	}
	if (rc == 0)
		rc = lnl_session_verified(c->session, key_id, &km2, now);
	if (rc < 0)
		lnl_client_end_with(c, LNL_CAUSE_TLS, lnl_error_text(rc));
}

/*
 * What follows from the cipher: a server that chose one by its push means that, not its OCC
 * string.
 */
static bool is_negotiated(const char *item)
{
	static const char *const names[] = { "cipher ", "keysize ", "auth ", "link-mtu " };
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(item, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static void log_occ(void *ctx, const char *ours, const char *theirs)
{
	const struct lnl_client *c = ctx;

	if (c->pulled.cipher != LNL_CIPHER_NONE && is_negotiated(*ours ? ours : theirs))
		return;
	lnl_log(c->log, LNL_LEVEL_DEBUG, "occ.differs", LNL_F("ours", ours),
		LNL_F("theirs", theirs));
}

void lnl_client_compare_occ(struct lnl_client *c)
{
	char expected[LNL_KM2_OPTIONS];

	if (!c->conf->disable_occ && write_occ(c, true, expected, sizeof(expected)) == 0)
		lnl_occ_compare(expected, c->occ, c, log_occ);
}

/* The server's record: its OCC string may name the cipher of a server that does not negotiate. */
static void take_record(struct lnl_client *c, const struct lnl_km2 *km2)
{
	const char *at = strstr(km2->options, ",cipher ");
	char name[64];
	size_t len;

	lnl_text_clean(c->occ, sizeof(c->occ), km2->options, strlen(km2->options));
	if (!at)
		return;
	at += 8;
	len = strcspn(at, ",");
	if (len < sizeof(name)) {
		memcpy(name, at, len);
		name[len] = 0;
		if (lnl_cipher_find(name, &c->occ_cipher) < 0)
			c->occ_cipher = LNL_CIPHER_NONE;
	}
}

/* ---- the session's events ---- */

static void take_verify(struct lnl_client *c, uint8_t key_id, uint64_t now)
{
	struct lnl_tls *tls = lnl_session_tls(c->session, key_id);
	const struct lnl_cert *peer = lnl_tls_chain(tls, 0);

	lnl_log(c->log, LNL_LEVEL_INFO, "tls.handshake",
		LNL_F("version", lnl_tls_version_name(tls)),
		LNL_F("cipher", lnl_tls_cipher_name(tls)),
		LNL_F("subject", peer ? peer->subject : ""));
	if (!c->conf->verify_asks) {
		send_record(c, key_id, now);
		return;
	}
	c->verify_waits = true;
	c->verify_key = key_id;
	lnl_client_emit(c, LNL_CLIENT_VERIFY, NULL);
}

static void take_negotiated(struct lnl_client *c, uint8_t key_id, uint64_t now)
{
	if (key_id != 0) {
		lnl_client_install_key(c, key_id, now);
		return;
	}
	if (c->conf->pull) {
		lnl_client_enter(c, LNL_PHASE_AUTH);
		c->push_request_at = now;
		c->push_deadline = now + c->conf->session.hand_window;
		return;
	}
	lnl_client_split_options(c);
	c->configure_waits = true;
	lnl_client_emit(c, LNL_CLIENT_PULLED, NULL);
}

static void take_session_event(struct lnl_client *c, const struct lnl_session_event *e,
			       uint64_t now)
{
	switch (e->kind) {
	case LNL_SESSION_VERIFY:
		take_verify(c, e->key_id, now);
		break;
	case LNL_SESSION_RECORD:
		take_record(c, &e->km2);
		break;
	case LNL_SESSION_NEGOTIATED:
		take_negotiated(c, e->key_id, now);
		break;
	case LNL_SESSION_TEXT:
		lnl_client_take_text(c, e->text, e->text_len, now);
		break;
	case LNL_SESSION_FAILED:
		lnl_client_end_with(c, lnl_cause_of(e->error), e->text);
		break;
	case LNL_SESSION_RENEGOTIATING:
		lnl_log(c->log, LNL_LEVEL_INFO, "tls.renegotiating", LNL_F("key_id", e->key_id));
		c->by_server = e->by_peer;
		break;
	case LNL_SESSION_NONE:
		break;
	}
}

static void pump(struct lnl_client *c, uint64_t now)
{
	struct lnl_session_event e;

	if (c->phase == LNL_PHASE_CONNECT && lnl_session_has_peer(c->session))
		lnl_client_enter(c, LNL_PHASE_HANDSHAKE);
	/* A server that talks much waits for the owner, who takes events until there are none. */
	while (c->phase != LNL_PHASE_CLOSED && !c->configure_waits &&
	       c->n_events < LNL_CLIENT_EVENTS / 2 && lnl_session_next(c->session, &e, now))
		take_session_event(c, &e, now);
}

/* Said by control channel, and received: there is nothing left to wait for. */
static bool exit_is_acknowledged(const struct lnl_client *c)
{
	return c->closing != LNL_CAUSE_NONE && (c->pulled.protocol_flags & LNL_PROTOCOL_CC_EXIT) &&
	       lnl_session_idle(c->session);
}

enum lnl_drop lnl_client_input(struct lnl_client *c, const uint8_t *data, size_t len, uint64_t now)
{
	enum lnl_drop drop;

	if (c->phase == LNL_PHASE_CLOSED)
		return LNL_DROP_STATE;
	drop = lnl_session_input(c->session, data, len, now);
	pump(c, now);
	lnl_client_acc_on(c, now);
	if (c->goodbye_at != LNL_NEVER && exit_is_acknowledged(c))
		lnl_client_end_with(c, c->closing, NULL);
	return drop;
}

static bool awaits(const struct lnl_client *c, enum lnl_client_event_kind kind)
{
	for (unsigned i = 0; i < c->n_events; i++)
		if (c->events[(c->first_event + i) % LNL_CLIENT_EVENTS].kind == kind)
			return true;
	return false;
}

size_t lnl_client_output(struct lnl_client *c, uint8_t *out, size_t cap, uint64_t now)
{
	/* Once the server has our ack of its record it sends with the new key. */
	if (awaits(c, LNL_CLIENT_KEY_INSTALL))
		return 0;
	return lnl_session_output(c->session, out, cap, now);
}

bool lnl_client_next(struct lnl_client *c, struct lnl_client_event *e, uint64_t now)
{
	struct lnl_client_event *from;

	if (c->n_events == 0)
		pump(c, now);
	if (c->n_events == 0)
		return false;
	from = &c->events[c->first_event];
	*e = *from;
	if (from->text) {
		memcpy(c->text, from->text, sizeof(c->texts[0]));
		e->text = c->text;
	}
	lnl_secret_wipe(from, sizeof(*from));
	c->first_event = (c->first_event + 1) % LNL_CLIENT_EVENTS;
	c->n_events--;
	return true;
}

void lnl_client_event_wipe(struct lnl_client_event *e)
{
	lnl_secret_wipe(&e->key, sizeof(e->key));
}

/* ---- time ---- */

static void say_goodbye(struct lnl_client *c, uint64_t now)
{
	struct lnl_client_event *e;

	if (c->goodbyes == 0 || exit_is_acknowledged(c)) {
		lnl_client_end_with(c, c->closing, NULL);
		return;
	}
	c->goodbyes--;
	c->goodbye_at = now + GOODBYE_INTERVAL;
	if (c->pulled.protocol_flags & LNL_PROTOCOL_CC_EXIT)
		return;
	e = lnl_client_emit(c, LNL_CLIENT_SPECIAL, NULL);
	if (e)
		e->special = LNL_SPECIAL_OCC_EXIT;
}

static void push_request(struct lnl_client *c, uint64_t now)
{
	int rc;

	if (now >= c->push_deadline) {
		lnl_client_end_with(c, LNL_CAUSE_PUSH, "no answer from the server to PUSH_REQUEST");
		return;
	}
	if (now < c->push_request_at)
		return;
	rc = lnl_session_send_text(c->session, "PUSH_REQUEST", now);
	if (rc < 0)
		lnl_client_end_with(c, LNL_CAUSE_TLS, lnl_error_text(rc));
	c->push_request_at = now + PUSH_REQUEST_INTERVAL;
}

void lnl_client_tick(struct lnl_client *c, uint64_t now)
{
	if (c->phase == LNL_PHASE_CLOSED)
		return;
	lnl_session_tick(c->session, now);
	pump(c, now);
	if (c->phase == LNL_PHASE_AUTH)
		push_request(c, now);
	lnl_client_acc_on(c, now);
	if (now >= c->swap_at)
		lnl_client_swap_keys(c, now);
	if (now >= c->goodbye_at)
		say_goodbye(c, now);
	else if (now >= c->ends_at)
		lnl_client_end_with(c, LNL_CAUSE_SESSION_TIMEOUT, "session-timeout");
}

uint64_t lnl_client_next_due(const struct lnl_client *c)
{
	uint64_t due = lnl_session_next_due(c->session);

	if (c->phase == LNL_PHASE_CLOSED)
		return LNL_NEVER;
	if (c->phase == LNL_PHASE_AUTH)
		due = lnl_earlier(due, lnl_earlier(c->push_request_at, c->push_deadline));
	due = lnl_earlier(due, lnl_acc_due(c->acc));
	return lnl_earlier(due, lnl_earlier(c->swap_at, lnl_earlier(c->goodbye_at, c->ends_at)));
}

/* ---- the owner's part ---- */

int lnl_client_verified(struct lnl_client *c, bool ok, const char *reason, uint64_t now)
{
	if (!c->verify_waits)
		return LNL_E_STATE;
	c->verify_waits = false;
	if (ok)
		send_record(c, c->verify_key, now);
	else
		lnl_client_end_with(c, LNL_CAUSE_CERT,
				    reason ? reason : "refused by the verify_cert hook");
	pump(c, now);
	return 0;
}

unsigned lnl_client_chain_len(struct lnl_client *c)
{
	return c->verify_waits ? lnl_tls_chain_len(lnl_session_tls(c->session, c->verify_key)) : 0;
}

const struct lnl_cert *lnl_client_chain(struct lnl_client *c, unsigned i)
{
	return c->verify_waits ? lnl_tls_chain(lnl_session_tls(c->session, c->verify_key), i)
			       : NULL;
}

/*
 * The key that sends is nearly used up: a newer one takes over at once, if need be once there
 * is one.
 */
static void take_key_limit(struct lnl_client *c, uint64_t now)
{
	if (c->swap_at != LNL_NEVER) {
		c->swap_at = now;
		return;
	}
	c->limit_reached = true;
	lnl_session_renegotiate(c->session, now);
	pump(c, now);
}

void lnl_client_notice(struct lnl_client *c, const struct lnl_notice *n, uint64_t now)
{
	bool exits = c->pulled.ping_exit > 0 && c->pulled.ping_restart <= 0;

	if (c->phase == LNL_PHASE_CLOSED)
		return;
	switch (n->kind) {
	case LNL_NOTICE_PING_TIMEOUT:
		lnl_client_end_with(
			c, exits ? LNL_CAUSE_PING_EXIT : LNL_CAUSE_PING,
			"nothing heard of the server for the time that ping-restart allows");
		break;
	case LNL_NOTICE_KEY_LIMIT:
		take_key_limit(c, now);
		break;
	case LNL_NOTICE_EXIT:
		lnl_client_end_with(c, LNL_CAUSE_EXIT, "the server said goodbye");
		break;
	case LNL_NOTICE_DECRYPT:
		if (c->conf->session.tcp)
			lnl_client_end_with(c, LNL_CAUSE_DECRYPT,
					    "a data packet does not decrypt: over TCP nothing "
					    "can have been lost, so the keys differ");
		break;
	case LNL_NOTICE_KEY_EXPIRED:
	case LNL_NOTICE_NONE:
		break;
	}
}

int lnl_client_respond(struct lnl_client *c, const char *answer, uint64_t now)
{
	char text[LNL_CONTROL_TEXT_MAX];
	struct lnl_writer w;
	int rc;

	if (c->phase == LNL_PHASE_CLOSED)
		return LNL_E_STATE;
	lnl_writer_init(&w, text, sizeof(text));
	lnl_write_str(&w, "CR_RESPONSE,");
	lnl_base64_write(&w, answer, strlen(answer));
	lnl_write_u8(&w, 0);
	rc = w.error ? LNL_E_INVAL : lnl_session_send_text(c->session, text, now);
	lnl_secret_wipe(text, sizeof(text));
	return rc;
}

int lnl_client_send_text(struct lnl_client *c, const char *text, uint64_t now)
{
	return c->phase == LNL_PHASE_CLOSED ? LNL_E_STATE
					    : lnl_session_send_text(c->session, text, now);
}

int lnl_client_renegotiate(struct lnl_client *c, uint64_t now)
{
	int rc = c->phase == LNL_PHASE_UP ? lnl_session_renegotiate(c->session, now) : LNL_E_STATE;

	pump(c, now);
	return rc;
}

void lnl_client_close(struct lnl_client *c, enum lnl_cause cause, uint64_t now)
{
	bool control = (c->pulled.protocol_flags & LNL_PROTOCOL_CC_EXIT) != 0;

	if (c->phase == LNL_PHASE_CLOSED || c->closing != LNL_CAUSE_NONE)
		return;
	if (c->phase == LNL_PHASE_UP && c->pulled.explicit_exit_notify > 0 &&
	    (control || !c->conf->session.tcp)) {
		c->goodbyes = (unsigned)c->pulled.explicit_exit_notify;
		if (control && lnl_session_send_text(c->session, "EXIT", now) < 0)
			c->goodbyes = 0;
	}
	c->closing = cause;
	c->goodbye_at = now;
	if (c->goodbyes == 0 || !control)
		say_goodbye(c, now);
	else
		c->goodbye_at = now + 50 * LNL_MSEC; /* then look whether it was acknowledged */
}

uint64_t lnl_client_rtt(const struct lnl_client *c)
{
	return lnl_session_rtt(c->session);
}

enum lnl_phase lnl_client_phase(const struct lnl_client *c)
{
	return c->phase;
}
