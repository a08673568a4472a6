/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the server's options to a data plane with keys, and what renegotiations change there. */
#include <string.h>

#include "control/client_state.h"
#include "control/mssfix.h"

/*
 * Until the server says otherwise, a pulling client gives up after so long without a packet
 * (OpenVPN init.c).
 */
#define PRE_PULL_PING_RESTART 120

static const char continuation[] = "push-continuation ";
static const char token_option[] = "auth-token";

static bool filtered(struct lnl_client *c, const char *option)
{
	/* A token is nothing for a log. */
	bool secret = strncmp(option, token_option, sizeof(token_option) - 1) == 0;
	const char *shown = secret ? token_option : option;

	switch (lnl_pull_filter_match(c->conf->filters, c->conf->n_filters, option)) {
	case LNL_FILTER_IGNORE:
		lnl_log(c->log, LNL_LEVEL_INFO, "push.ignored", LNL_F("option", shown));
		return true;
	case LNL_FILTER_REJECT:
		lnl_client_end_with(c, LNL_CAUSE_PUSH, shown);
		return true;
	case LNL_FILTER_ACCEPT:
		break;
	}
	return strncmp(option, continuation, sizeof(continuation) - 1) == 0;
}

void lnl_client_split_options(struct lnl_client *c)
{
	char *p = c->push_text, *end = c->push_text ? c->push_text + c->push_len : NULL;

	c->n_options = 0;
	while (p < end && c->phase != LNL_PHASE_CLOSED) {
		char *comma = memchr(p, ',', (size_t)(end - p));

		*comma = 0; /* each message was ended by one */
		if (*p && !filtered(c, p)) {
			if (c->n_options == LNL_CLIENT_OPTIONS) {
				lnl_client_end_with(c, LNL_CAUSE_PUSH,
						    "the server pushed more than 512 options");
				return;
			}
			c->options[c->n_options++] = p;
		}
		p = comma + 1;
	}
}

static void drop_push_text(struct lnl_client *c)
{
	if (c->push_text)
		lnl_secret_wipe(c->push_text, c->push_len);
	lnl_release(c->env, c->push_text);
	c->push_text = NULL;
	c->push_len = 0;
	c->push_messages = 0;
	c->n_options = 0;
}

/*
 * One option of either source; what cannot be used is logged and left out. What the server
 * insists on and we lack (a cipher, compression) ends the connection: no packet could be read.
 */
static int take_option(struct lnl_client *c, const char *text, enum lnl_option_source from)
{
	bool server = from == LNL_FROM_SERVER;
	struct lnl_why why = { "" };
	struct lnl_option o;
	int rc = lnl_option_split(&o, text, strlen(text));

	if (rc == 1)
		rc = lnl_pulled_option(&c->pulled, &o, from, &why);
	else if (rc < 0)
		strcpy(why.text, "an option is malformed");
	lnl_secret_wipe(&o, sizeof(o));
	if (rc < 0 || why.text[0])
		lnl_log(c->log, LNL_LEVEL_WARN, server ? "push.refused" : "profile.refused",
			LNL_F("why", why.text));
	if (rc == LNL_E_UNSUPPORTED && server)
		lnl_client_end_with(c, LNL_CAUSE_PUSH, why.text);
	return rc < 0 ? rc : 0;
}

/* A token takes the password's place, for renegotiations and the next attempt. */
static void take_token(struct lnl_client *c)
{
	struct lnl_client_event *e;

	if (c->pulled.token[0] == 0)
		return;
	c->has_token = true;
	c->has_credentials = true;
	memcpy(c->password, c->pulled.token, sizeof(c->pulled.token));
	if (c->pulled.token_user[0])
		memcpy(c->username, c->pulled.token_user, sizeof(c->pulled.token_user));
	e = lnl_client_emit(c, LNL_CLIENT_TOKEN, c->pulled.token);
	if (e)
		e->text2 = c->pulled.token_user[0] ? c->pulled.token_user : NULL;
}

void lnl_client_renew_token(struct lnl_client *c)
{
	unsigned i;

	lnl_client_split_options(c);
	c->pulled.token[0] = 0;
	for (i = 0; i < c->n_options; i++)
		if (strncmp(c->options[i], token_option, sizeof(token_option) - 1) == 0)
			take_option(c, c->options[i], LNL_FROM_SERVER);
	take_token(c);
	drop_push_text(c);
}

static bool knows_cipher(const struct lnl_client *c, enum lnl_cipher cipher)
{
	unsigned i;

	for (i = 0; i < c->conf->n_ciphers; i++)
		if (c->conf->ciphers[i] == cipher)
			return true;
	return false;
}

/* The server's choice, else what its OCC string says, else the fallback (OpenVPN ssl_ncp.c). */
static bool choose_cipher(struct lnl_client *c)
{
	char text[200] = "the server does not negotiate a cipher: set data-ciphers-fallback to the "
			 "one it uses";

	if (c->pulled.cipher != LNL_CIPHER_NONE) {
		c->cipher = c->pulled.cipher;
		if (knows_cipher(c, c->cipher) || c->cipher == c->conf->fallback)
			return true;
		strcpy(text, "the server chose ");
		strcat(text, lnl_cipher_name(c->cipher));
		strcat(text, ", which data-ciphers does not list");
	} else if (c->occ_cipher != LNL_CIPHER_NONE && knows_cipher(c, c->occ_cipher)) {
		c->cipher = c->occ_cipher;
		return true;
	} else if (c->conf->fallback != LNL_CIPHER_NONE) {
		c->cipher = c->conf->fallback;
		return true;
	}
	lnl_client_end_with(c, LNL_CAUSE_CIPHER, text);
	return false;
}

static uint64_t seconds(int value)
{
	return value > 0 ? (uint64_t)value * LNL_SECOND : 0;
}

static void start_pulled(struct lnl_client *c)
{
	const struct lnl_client_conf *conf = c->conf;
	unsigned i;

	lnl_pulled_wipe(&c->pulled);
	lnl_pulled_init(&c->pulled, conf->tap);
	c->pulled.framing = conf->framing;
	c->pulled.ping = conf->ping;
	c->pulled.ping_exit = conf->ping_exit;
	c->pulled.ping_restart = conf->ping_restart;
	c->pulled.ping_timer_rem = conf->ping_timer_rem;
	if (conf->pull && conf->ping_restart < 0 && conf->ping_exit < 0)
		c->pulled.ping_restart = PRE_PULL_PING_RESTART;
	c->pulled.explicit_exit_notify = conf->explicit_exit_notify;
	c->pulled.session_timeout = conf->session_timeout;
	c->pulled.tun_mtu = (int)conf->tun_mtu;
	for (i = 0; i < conf->n_options; i++)
		take_option(c, conf->options[i], LNL_FROM_PROFILE);
}

static void fill_peer(struct lnl_client *c, struct lnl_peer_conf *p)
{
	const struct lnl_client_conf *conf = c->conf;
	const struct lnl_pulled *u = &c->pulled;
	enum lnl_digest digest = lnl_cipher_is_aead(c->cipher) ? LNL_DIGEST_NONE : conf->auth;
	bool v2 = u->peer_id != LNL_PEER_ID_NONE;
	const struct lnl_mssfix mss = {
		.cipher = c->cipher,
		.digest = digest,
		.framing = u->framing,
		.lanes = conf->lanes,
		.tun_mtu = (unsigned)u->tun_mtu,
		.mssfix = conf->mssfix,
		.mssfix_mtu = conf->mssfix_mtu,
		.mssfix_fixed = conf->mssfix_fixed,
		.data_v2 = v2,
		.tcp = conf->session.tcp,
		.ipv6 = conf->ipv6_transport,
	};

	memset(p, 0, sizeof(*p));
	p->id = conf->peer;
	p->wire_id = u->peer_id;
	p->framing = u->framing;
	p->tap = conf->tap;
	p->mss = lnl_mssfix_mss(&mss);
	p->ping_interval = seconds(u->ping);
	p->ping_timeout = u->ping_exit > 0 ? seconds(u->ping_exit) : seconds(u->ping_restart);
	p->ping_timer_rem = u->ping_timer_rem;
}

void lnl_client_install_key(struct lnl_client *c, uint8_t key_id, uint64_t now)
{
	const struct lnl_session_conf *conf = &c->conf->session;
	bool ekm = (c->pulled.protocol_flags & LNL_PROTOCOL_TLS_EKM) != 0;
	uint64_t wait = conf->hand_window, interval = lnl_session_reneg_interval(c->session);
	uint64_t age = now - c->keyed_at;
	struct lnl_client_event *e;
	int rc;

	/* The key before is proven by its age: it takes its place before the next one comes. */
	if (c->swap_at != LNL_NEVER)
		lnl_client_swap_keys(c, now);
	e = lnl_client_emit(c, LNL_CLIENT_KEY_INSTALL, NULL);
	if (!e)
		return;
	e->slot = key_id == 0 ? LNL_SLOT_PRIMARY : LNL_SLOT_SECONDARY;
	e->key.key_id = key_id;
	e->key.cipher = c->cipher;
	e->key.digest = lnl_cipher_is_aead(c->cipher) ? LNL_DIGEST_NONE : c->conf->auth;
	e->key.replay_window = c->conf->replay_window;
	e->key.first_id = c->conf->first_data_id;
	e->key.limit_bytes = c->conf->reneg_bytes;
	e->key.limit_packets = c->conf->reneg_packets;
	e->key.expires = LNL_NEVER;
	rc = lnl_session_derive(c->session, key_id, ekm, &e->key.send, &e->key.recv);
	if (rc < 0) {
		c->n_events--;
		lnl_client_end_with(c, LNL_CAUSE_TLS,
				    ekm ? "TLS does not export keys"
					: "the key block cannot be derived by the TLS 1.0 PRF");
		return;
	}
	c->keyed_at = now;
	if (key_id == 0)
		return;
	/*
	 * The server may still be judging the credentials that this key came with, and cannot
	 * use it before: go on sending with the old one as long as OpenVPN does
	 * (tls_select_encryption_key).
	 */
	if (interval && interval / 2 < wait)
		wait = interval / 2;
	/* It keeps two keys: one that renews in haste forgets the old one with its next wish. */
	if (c->by_server && age / 2 < wait)
		wait = age / 2;
	c->swap_at = c->limit_reached ? now : now + wait;
	c->limit_reached = false;
}

void lnl_client_swap_keys(struct lnl_client *c, uint64_t now)
{
	struct lnl_client_event *e;

	c->swap_at = LNL_NEVER;
	if (!lnl_client_emit(c, LNL_CLIENT_KEY_SWAP, NULL))
		return;
	e = lnl_client_emit(c, LNL_CLIENT_KEY_EXPIRE, NULL);
	if (!e)
		return;
	e->slot = LNL_SLOT_SECONDARY;
	e->when = now + c->conf->session.tran_window;
}

static int apply_options(struct lnl_client *c, const char *const *options, unsigned n)
{
	struct lnl_why why = { "" };
	unsigned i;
	int rc;

	start_pulled(c);
	for (i = 0; i < n && c->phase != LNL_PHASE_CLOSED; i++)
		if (lnl_client_is_offer(options[i]))
			lnl_client_take_offer(c, options[i]);
		else
			take_option(c, options[i], LNL_FROM_SERVER);
	if (c->phase == LNL_PHASE_CLOSED)
		return LNL_E_UNSUPPORTED;
	rc = lnl_pulled_finish(&c->pulled, &why);
	if (rc < 0)
		lnl_client_end_with(c, LNL_CAUSE_PUSH, why.text);
	else if (why.text[0])
		lnl_log(c->log, LNL_LEVEL_WARN, "push.warning", LNL_F("why", why.text));
	return rc;
}

static void bring_up(struct lnl_client *c, uint64_t now)
{
	struct lnl_client_event *e;

	if (!choose_cipher(c))
		return;
	lnl_client_compare_occ(c);
	if ((c->pulled.protocol_flags & LNL_PROTOCOL_DYN_TLS_CRYPT) &&
	    lnl_session_dyn_crypt(c->session, 0) < 0) {
		lnl_client_end_with(c, LNL_CAUSE_TLS, "dyn-tls-crypt keys cannot be derived");
		return;
	}
	e = lnl_client_emit(c, LNL_CLIENT_PEER_ADD, NULL);
	if (e)
		fill_peer(c, &e->peer);
	lnl_client_install_key(c, 0, now);
	if (c->phase == LNL_PHASE_CLOSED)
		return;
	c->configured = true;
	if (c->pulled.session_timeout > 0)
		c->ends_at = now + seconds(c->pulled.session_timeout);
	lnl_log(c->log, LNL_LEVEL_INFO, "data.keys", LNL_F("cipher", lnl_cipher_name(c->cipher)),
		LNL_F("peer_id", c->pulled.peer_id),
		LNL_F("derivation",
		      c->pulled.protocol_flags & LNL_PROTOCOL_TLS_EKM ? "tls-ekm" : "prf"));
	take_token(c);
	lnl_client_enter(c, LNL_PHASE_UP);
	lnl_client_emit(c, LNL_CLIENT_UP, NULL);
}

int lnl_client_configure(struct lnl_client *c, const char *const *options, unsigned n,
			 const char *reason, uint64_t now)
{
	if (!c->configure_waits)
		return LNL_E_STATE;
	c->configure_waits = false;
	if (reason) {
		lnl_client_end_with(c, LNL_CAUSE_SCRIPT, reason);
		return 0;
	}
	if (!options) {
		options = c->options;
		n = c->n_options;
	}
	if (apply_options(c, options, n) == 0)
		bring_up(c, now);
	drop_push_text(c);
	return 0;
}

unsigned lnl_client_options_len(const struct lnl_client *c)
{
	return c->n_options;
}

const char *lnl_client_option(const struct lnl_client *c, unsigned i)
{
	return i < c->n_options ? c->options[i] : NULL;
}

const struct lnl_pulled *lnl_client_pulled(const struct lnl_client *c)
{
	return &c->pulled;
}
