/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who the client is: its certificate, its record, and what the owner says of both. */
#include <string.h>

#include "control/server_state.h"

#define NO_CIPHER "Data channel cipher negotiation failed (no shared cipher)"

static const struct lnl_login no_login = { "", "", "" };

void lnl_server_forget_login(struct lnl_server *s)
{
	struct lnl_tls *tls = s->has_chain ? lnl_session_tls(s->session, s->key_id) : NULL;

	if (s->login_text)
		lnl_secret_wipe(s->login_text, s->login_len);
	lnl_release(s->env, s->login_text);
	s->login_text = NULL;
	s->login = no_login;
	s->auth_waits = false;
	if (tls)
		lnl_tls_chain_drop(tls);
	s->has_chain = false;
}

/* ---- the certificate ---- */

/*
 * A renegotiation has to bring the certificate that the connection began with: nobody takes over
 * what another was granted (OpenVPN ssl_verify.c locks name and hashes too).
 */
static bool is_same(const struct lnl_server *s, const struct lnl_cert *peer)
{
	if (s->has_cert != (peer != NULL))
		return false;
	return !peer || lnl_secret_equal(peer->sha256, s->cert, sizeof(s->cert));
}

static int keep_identity(struct lnl_server *s, const struct lnl_cert *peer)
{
	s->has_cert = peer != NULL;
	if (!peer)
		return 0;
	memcpy(s->cert, peer->sha256, sizeof(s->cert));
	s->cn = lnl_server_copy(s, peer->cn, strlen(peer->cn), true);
	return s->cn ? 0 : LNL_E_NOMEM;
}

static void accept_cert(struct lnl_server *s, uint64_t now)
{
	int rc = lnl_session_verified(s->session, s->key_id, NULL, now);

	if (rc < 0)
		lnl_server_end_with(s, LNL_CAUSE_TLS, lnl_error_text(rc));
}

void lnl_server_finish_verify(struct lnl_server *s, uint8_t key_id, uint64_t now)
{
	lnl_tls_chain_drop(lnl_session_tls(s->session, key_id));
	if (lnl_session_verified(s->session, key_id, NULL, now) < 0)
		lnl_server_end_with(s, s->closing, NULL);
}

void lnl_server_take_verify(struct lnl_server *s, uint8_t key_id, uint64_t now)
{
	struct lnl_tls *tls = lnl_session_tls(s->session, key_id);
	const struct lnl_cert *peer = lnl_tls_chain(tls, 0);
	struct lnl_server_note *e;

	lnl_log(s->log, LNL_LEVEL_INFO, "tls.handshake", LNL_F("peer", s->peer),
		LNL_F("version", lnl_tls_version_name(tls)),
		LNL_F("cipher", lnl_tls_cipher_name(tls)),
		LNL_F("subject", peer ? peer->subject : ""));
	s->key_id = key_id;
	s->has_chain = true;
	if (key_id > 0 && !is_same(s, peer)) {
		lnl_server_refuse(s, LNL_CAUSE_CERT, "",
				  "another certificate than the connection began with", now);
		if (s->closing != LNL_CAUSE_NONE)
			lnl_server_finish_verify(s, key_id, now);
		return;
	}
	if (key_id == 0 && keep_identity(s, peer) < 0) {
		lnl_server_end_with(s, LNL_CAUSE_INTERNAL, lnl_error_text(LNL_E_NOMEM));
		return;
	}
	if (!s->conf->verify_asks) {
		accept_cert(s, now);
		return;
	}
	s->verify_waits = true;
	e = lnl_server_emit(s, LNL_SERVER_VERIFY, NULL);
	if (e)
		e->again = key_id > 0;
}

int lnl_server_verified(struct lnl_server *s, bool ok, const char *reason, uint64_t now)
{
	reason = reason ? reason : "refused by the verify_cert hook";
	if (!s->verify_waits)
		return LNL_E_STATE;
	/* Who is up already hears of it: with it the renegotiation is completed, but without a key. */
	if (!ok && s->key_id > 0) {
		lnl_server_refuse(s, LNL_CAUSE_CERT, "", reason, now);
		return 0;
	}
	s->verify_waits = false;
	if (ok)
		accept_cert(s, now);
	else
		lnl_server_end_with(s, LNL_CAUSE_CERT, reason);
	return 0;
}

unsigned lnl_server_chain_len(struct lnl_server *s)
{
	return s->has_chain ? lnl_tls_chain_len(lnl_session_tls(s->session, s->key_id)) : 0;
}

const struct lnl_cert *lnl_server_chain(struct lnl_server *s, unsigned i)
{
	return s->has_chain ? lnl_tls_chain(lnl_session_tls(s->session, s->key_id), i) : NULL;
}

/* ---- the record: what the client can ---- */

static bool has_data_path(const struct lnl_server *s, enum lnl_cipher c)
{
	bool v2 = (s->facts.proto & LNL_IV_DATA_V2) != 0;
	unsigned wanted = v2 ? LNL_DATA_CAP_DATA_V2 : LNL_DATA_CAP_DATA_V1;

	if (!lnl_cipher_is_aead(c))
		wanted |= LNL_DATA_CAP_CBC;
	return (s->conf->caps & wanted) == wanted;
}

/* The cipher that an OCC string names, its name terminated in |name|; "" without one. */
static void occ_cipher(const char *occ, char *name, size_t cap)
{
	const char *at = strstr(occ, ",cipher ");
	size_t len = at ? strcspn(at + 8, ",") : 0;

	name[0] = 0;
	if (len > 0 && len < cap)
		lnl_text_clean(name, cap, at + 8, len);
}

/* Our order decides (OpenVPN ssl_ncp.c); who does not negotiate says by OCC what it has. */
static enum lnl_cipher choose_cipher(const struct lnl_server *s, const char *occ, const char *list,
				     size_t list_len)
{
	const struct lnl_server_conf *conf = s->conf;
	enum lnl_cipher own = LNL_CIPHER_NONE;
	char name[64];
	unsigned i;

	occ_cipher(occ, name, sizeof(name));
	if (!s->facts.negotiates && lnl_cipher_find(name, &own) < 0)
		own = LNL_CIPHER_NONE;
	for (i = 0; i < conf->n_ciphers; i++) {
		enum lnl_cipher c = conf->ciphers[i];

		if (has_data_path(s, c) &&
		    (c == own || lnl_list_has(list, list_len, ':', lnl_cipher_name(c))))
			return c;
	}
	if (s->facts.negotiates || (name[0] && own != conf->fallback) ||
	    !has_data_path(s, conf->fallback))
		return LNL_CIPHER_NONE;
	return conf->fallback;
}

static void learn_facts(struct lnl_server *s, const char *occ, const char *info)
{
	static const char ncp2[] = "AES-256-GCM:AES-128-GCM";
	size_t len = strlen(info), list_len = 0;
	const char *list = "";
	uint32_t mtu = lnl_peerinfo_number(info, len, "IV_MTU", 0);

	if (!lnl_peerinfo_get(info, len, "IV_CIPHERS", &list, &list_len) &&
	    lnl_peerinfo_number(info, len, "IV_NCP", 0) >= 2) {
		list = ncp2;
		list_len = sizeof(ncp2) - 1;
	}
	s->facts.proto = lnl_peerinfo_number(info, len, "IV_PROTO", 0);
	s->facts.negotiates = list_len > 0;
	s->facts.knows_mtu = mtu > 0;
	s->facts.cipher = choose_cipher(s, occ, list, list_len);
	if (mtu > 0 && mtu < s->conf->tun_mtu)
		lnl_log(s->log, LNL_LEVEL_WARN, "client.mtu", LNL_F("peer", s->peer),
			LNL_F("client", mtu), LNL_F("ours", s->conf->tun_mtu));
}

/* ---- OCC: what we say, and how theirs differs ---- */

static int write_occ(const struct lnl_server *s, bool server, char *out, size_t cap)
{
	const struct lnl_server_conf *conf = s->conf;
	bool lzo = conf->framing == LNL_FRAMING_LZO || conf->framing == LNL_FRAMING_STUB;
	enum lnl_cipher c = s->facts.cipher != LNL_CIPHER_NONE ? s->facts.cipher : conf->fallback;
	struct lnl_occ occ = {
		.server = server,
		.tcp = s->session_conf.tcp,
		.ipv6 = s->ipv6,
		.tap = conf->tap,
		.tls_auth = conf->tls_auth,
		.key_direction = conf->tls_auth ? conf->key_direction : -1,
		.tun_mtu = conf->tun_mtu,
		.auth = lnl_digest_name(conf->auth),
		.comp_lzo = lzo,
	};

	if (c == LNL_CIPHER_NONE && conf->n_ciphers > 0)
		c = conf->ciphers[0];
	occ.cipher = lnl_cipher_name(c);
	if (!server && occ.key_direction >= 0)
		occ.key_direction = 1 - occ.key_direction;
	occ.key_bits = (unsigned)lnl_cipher_key_len(c) * 8;
	occ.link_mtu = lnl_occ_link_mtu(conf->tun_mtu, occ.tcp, occ.cipher, occ.auth, lzo);
	return lnl_occ_write(&occ, out, cap);
}

static void log_occ(void *ctx, const char *ours, const char *theirs)
{
	const struct lnl_server *s = ctx;

	lnl_log(s->log, LNL_LEVEL_DEBUG, "occ.differs", LNL_F("peer", s->peer), LNL_F("ours", ours),
		LNL_F("theirs", theirs));
}

/* Who negotiates still writes here what it would have had without. */
static void compare_occ(struct lnl_server *s, const char *occ)
{
	char expected[LNL_KM2_OPTIONS];

	if (!s->conf->disable_occ && !s->facts.negotiates &&
	    write_occ(s, false, expected, sizeof(expected)) == 0)
		lnl_occ_compare(expected, occ, s, log_occ);
}

void lnl_server_give_record(struct lnl_server *s, uint64_t now)
{
	char options[LNL_KM2_OPTIONS];
	const struct lnl_km2 km2 = {
		.options = options, .username = "", .password = "", .peer_info = ""
	};
	int rc = write_occ(s, true, options, sizeof(options));

	s->record_at = LNL_NEVER;
	if (rc == 0)
		rc = lnl_session_send_record(s->session, s->key_id, &km2, now);
	if (rc < 0)
		lnl_server_end_with(s, rc == LNL_E_NOMEM ? LNL_CAUSE_INTERNAL : LNL_CAUSE_TLS,
				    lnl_error_text(rc));
}

/* ---- the record: who it is ---- */

/* Lines of ASCII; what is none becomes '_'. */
static char *copy_info(struct lnl_server *s, const char *info)
{
	char *copy = lnl_server_copy(s, info, strlen(info), false);

	for (char *p = copy; p && *p; p++)
		if (*p != '\n' && (*p < 0x20 || *p > 0x7e))
			*p = '_';
	return copy;
}

static int keep_login(struct lnl_server *s, const struct lnl_km2 *km2)
{
	size_t user = strlen(km2->username) + 1, password = strlen(km2->password) + 1;
	char *info = copy_info(s, km2->peer_info);

	s->login_len = user + password;
	s->login_text = lnl_alloc(s->env, s->login_len);
	if (!info || !s->login_text) {
		lnl_release(s->env, info);
		return LNL_E_NOMEM;
	}
	for (size_t i = 0; i < user - 1; i++) {
		unsigned char c = (unsigned char)km2->username[i];

		s->login_text[i] = c < 0x20 || c == 0x7f ? '_' : km2->username[i];
	}
	memcpy(s->login_text + user, km2->password, password);
	lnl_server_drop(s, &s->peer_info);
	s->peer_info = info;
	s->login.username = s->login_text;
	s->login.password = s->login_text + user;
	s->login.peer_info = s->peer_info;
	return 0;
}

/*
 * Without our record a client makes no key. The first is given at once: the client wants to hear
 * how it goes on. Later ones wait for the verdict: then both ends have the key, whatever the client
 * does with it, and no packet of its is lost. Who judges slowly gets half a hand-window.
 */
static void schedule_record(struct lnl_server *s, uint8_t key_id, uint64_t now)
{
	s->record_at = key_id == 0 ? now : s->began_at + s->session_conf.hand_window / 2;
	if (now >= s->record_at)
		lnl_server_give_record(s, now);
}

void lnl_server_take_record(struct lnl_server *s, uint8_t key_id, const struct lnl_km2 *km2,
			    uint64_t now)
{
	const struct lnl_session_conf *conf = &s->session_conf;
	struct lnl_server_note *e;

	if (keep_login(s, km2) < 0) {
		lnl_server_end_with(s, LNL_CAUSE_INTERNAL, lnl_error_text(LNL_E_NOMEM));
		return;
	}
	if (key_id == 0) {
		learn_facts(s, km2->options, s->peer_info);
		compare_occ(s, km2->options);
		s->phase = LNL_PHASE_AUTH;
	}
	schedule_record(s, key_id, now);
	if (s->conf->user_pass && !s->conf->user_pass_optional && !s->login.username[0]) {
		lnl_server_refuse(s, LNL_CAUSE_AUTH_FAILED,
				  "a user name and a password are wanted (auth-user-pass)",
				  "the client gave no user name", now);
		return;
	}
	e = lnl_server_emit(s, LNL_SERVER_AUTHENTICATE, NULL);
	if (!e)
		return;
	e->again = key_id > 0;
	s->auth_waits = true;
	s->deadline = now + (key_id == 0 ? conf->hand_window : conf->tran_window);
}

/* ---- the owner's word ---- */

static void authorize(struct lnl_server *s, uint64_t now)
{
	if (s->facts.cipher == LNL_CIPHER_NONE) {
		lnl_server_refuse(s, LNL_CAUSE_CIPHER, NO_CIPHER,
				  "the client has no cipher of data-ciphers, or a data channel "
				  "that is not served",
				  now);
		return;
	}
	s->authorize_waits = true;
	s->phase = LNL_PHASE_CONFIGURE;
	lnl_server_emit(s, LNL_SERVER_AUTHORIZE, NULL);
}

/* Who does not know TEMP gets its message as a plain failure's. */
static void refuse_for_now(struct lnl_server *s, const char *text, uint64_t now)
{
	static const char why[] = "refused for now";
	char temp[LNL_CONTROL_TEXT_MAX];
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	struct lnl_writer w;

	if (s->facts.proto & LNL_IV_AUTH_FAIL_TEMP) {
		lnl_writer_init(&w, temp, sizeof(temp));
		lnl_write_str(&w, "TEMP");
		lnl_write_str(&w, text);
		lnl_write_u8(&w, 0);
		lnl_server_refuse(s, LNL_CAUSE_AUTH_TEMP, w.error ? "TEMP" : temp, why, now);
		return;
	}
	text = end ? end + 1 : text;
	lnl_server_refuse(s, LNL_CAUSE_AUTH_TEMP, text[0] == ':' ? text + 1 : text, why, now);
}

int lnl_server_judged(struct lnl_server *s, enum lnl_judgement j, const char *text, uint64_t now)
{
	if (!s->auth_waits)
		return LNL_E_STATE;
	lnl_server_forget_login(s);
	text = text ? text : "";
	switch (j) {
	case LNL_JUDGED_OK:
		if (s->key_id == 0) {
			authorize(s, now);
			return 0;
		}
		s->deadline = LNL_NEVER;
		if (s->record_at != LNL_NEVER)
			lnl_server_give_record(s, now);
		lnl_server_install_key(s, s->key_id, now);
		return 0;
	case LNL_JUDGED_CHALLENGE:
		lnl_server_refuse(s, LNL_CAUSE_CHALLENGE, text, "a challenge", now);
		return 0;
	case LNL_JUDGED_TEMP:
		refuse_for_now(s, text, now);
		return 0;
	case LNL_JUDGED_DENY:
		break;
	}
	/* Anything else is no yes. */
	lnl_server_refuse(s, LNL_CAUSE_AUTH_FAILED, text, *text ? text : "denied", now);
	return 0;
}

int lnl_server_deny(struct lnl_server *s, const char *text, uint64_t now)
{
	if (!s->authorize_waits)
		return LNL_E_STATE;
	text = text ? text : "";
	if (strncmp(text, "TEMP[", 5) == 0)
		refuse_for_now(s, text + 4, now);
	else
		lnl_server_refuse(s, LNL_CAUSE_AUTH_FAILED, text, *text ? text : "denied", now);
	return 0;
}

int lnl_server_pending(struct lnl_server *s, unsigned seconds, const char *info, uint64_t now)
{
	char text[LNL_CONTROL_TEXT_MAX];
	uint64_t until = now + seconds * LNL_SECOND;
	struct lnl_writer w;
	int rc;

	if (!s->auth_waits && !s->authorize_waits)
		return LNL_E_STATE;
	if (info && strlen(info) > sizeof(text) - sizeof("INFO_PRE,"))
		return LNL_E_INVAL;
	lnl_writer_init(&w, text, sizeof(text));
	lnl_write_str(&w, "AUTH_PENDING");
	if (s->facts.proto & LNL_IV_AUTH_PENDING_KW) {
		lnl_write_str(&w, ",timeout ");
		lnl_write_dec(&w, seconds);
	}
	lnl_write_u8(&w, 0);
	rc = lnl_server_send_text(s, text, now);
	if (rc == 0 && info) {
		lnl_writer_init(&w, text, sizeof(text));
		lnl_write_str(&w, "INFO_PRE,");
		lnl_write_str(&w, info);
		lnl_write_u8(&w, 0);
		rc = lnl_server_send_text(s, text, now);
	}
	if (rc == 0 && until > s->deadline)
		s->deadline = until;
	return rc;
}
