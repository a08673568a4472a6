/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a granted client gets: a data plane with keys, and the PUSH_REPLY that tells of it. */
#include <string.h>

#include "control/mssfix.h"
#include "control/server_state.h"

/* A PUSH_REQUEST so soon after another was only late (OpenVPN push.c). */
#define REQUEST_INTERVAL (30 * LNL_SECOND)
/* Messages of a long reply that are sent before the client has acknowledged the ones before. */
#define REPLY_BURST 4
/*
 * From the client's acknowledgement of our record to our first packet with the new key: it has the
 * key, its data plane may need a moment.
 */
#define SWAP_GRACE LNL_SECOND

static bool speaks_v2(const struct lnl_server *s)
{
	return (s->facts.proto & LNL_IV_DATA_V2) != 0;
}

static bool uses_ekm(const struct lnl_server *s)
{
	return (s->facts.proto & LNL_IV_TLS_KEY_EXPORT) != 0;
}

static struct lnl_reply_facts reply_facts(const struct lnl_server *s)
{
	const struct lnl_server_facts *f = &s->facts;
	struct lnl_reply_facts r = {
		.peer_id = speaks_v2(s) ? s->peer : LNL_PEER_ID_NONE,
		.cipher = f->negotiates ? f->cipher : LNL_CIPHER_NONE,
		.flags = uses_ekm(s) ? LNL_PROTOCOL_TLS_EKM : 0,
		.protocol_flags = (f->proto & LNL_IV_CC_EXIT) != 0,
		.tun_mtu = f->knows_mtu ? s->conf->tun_mtu : 0,
		.extensions = lnl_acc_option(s->acc),
	};

	if (r.protocol_flags) {
		r.flags |= LNL_PROTOCOL_CC_EXIT;
		if (f->proto & LNL_IV_DYN_TLS_CRYPT)
			r.flags |= LNL_PROTOCOL_DYN_TLS_CRYPT;
	}
	return r;
}

/* ---- the data plane ---- */

static uint64_t seconds(int value)
{
	return value > 0 ? (uint64_t)value * LNL_SECOND : 0;
}

static enum lnl_digest digest_of(const struct lnl_server *s)
{
	return lnl_cipher_is_aead(s->facts.cipher) ? LNL_DIGEST_NONE : s->conf->auth;
}

void lnl_server_fill_peer(const struct lnl_server *s, struct lnl_peer_conf *p)
{
	const struct lnl_server_conf *conf = s->conf;
	bool v2 = speaks_v2(s);
	const struct lnl_mssfix mss = {
		.cipher = s->facts.cipher,
		.digest = digest_of(s),
		.framing = conf->framing,
		.lanes = conf->lanes + s->lanes,
		.tun_mtu = conf->tun_mtu,
		.mssfix = conf->mssfix,
		.mssfix_mtu = conf->mssfix_mtu,
		.mssfix_fixed = conf->mssfix_fixed,
		.data_v2 = v2,
		.tcp = s->session_conf.tcp,
		.ipv6 = s->ipv6,
	};

	memset(p, 0, sizeof(*p));
	p->id = s->peer;
	p->wire_id = v2 ? s->peer : LNL_PEER_ID_NONE;
	p->framing = conf->framing;
	p->tap = conf->tap;
	p->check_source = !conf->tap;
	p->mss = lnl_mssfix_mss(&mss);
	p->ping_interval = seconds(s->ping);
	p->ping_timeout = seconds(s->ping_restart);
}

int lnl_server_fill_key(struct lnl_server *s, uint8_t key_id, struct lnl_key_conf *k)
{
	const struct lnl_server_conf *conf = s->conf;

	k->key_id = key_id;
	k->cipher = s->facts.cipher;
	k->digest = digest_of(s);
	k->replay_window = conf->replay_window;
	k->first_id = conf->first_data_id;
	k->limit_bytes = conf->reneg_bytes;
	k->limit_packets = conf->reneg_packets;
	k->expires = LNL_NEVER;
	return lnl_session_derive(s->session, key_id, uses_ekm(s), &k->send, &k->recv);
}

static void swap(struct lnl_server *s, uint64_t now)
{
	struct lnl_server_note *e;

	s->swap_at = LNL_NEVER;
	s->limit_reached = false;
	if (!lnl_server_emit(s, LNL_SERVER_KEY_SWAP, NULL))
		return;
	e = lnl_server_emit(s, LNL_SERVER_KEY_EXPIRE, NULL);
	if (!e)
		return;
	e->slot = LNL_SLOT_SECONDARY;
	e->when = now + s->session_conf.tran_window;
}

void lnl_server_install_key(struct lnl_server *s, uint8_t key_id, uint64_t now)
{
	struct lnl_server_note *e;

	/*
	 * Two slots: the key before takes its place now, and the one before that is left. The
	 * client has left it too, when it began this negotiation (OpenVPN), or sends with a newer
	 * one already.
	 */
	if (s->swap_at != LNL_NEVER)
		swap(s, now);
	e = lnl_server_emit(s, LNL_SERVER_KEY_INSTALL, NULL);
	if (!e)
		return;
	e->key_id = key_id;
	e->slot = key_id == 0 ? LNL_SLOT_PRIMARY : LNL_SLOT_SECONDARY;
	if (key_id == 0)
		return;
	s->swap_proven = false;
	s->swap_at = now + s->session_conf.hand_window;
}

void lnl_server_check_swap(struct lnl_server *s, uint64_t now)
{
	if (s->swap_at == LNL_NEVER)
		return;
	/*
	 * Our record is acknowledged: the client, of whatever make, has made the key before it
	 * said so, and receives with it. It sends with it when it likes; both keys receive here.
	 */
	if (!s->swap_proven && lnl_session_idle(s->session)) {
		s->swap_proven = true;
		s->swap_at = s->limit_reached ? now : now + SWAP_GRACE;
	}
	if (now >= s->swap_at)
		swap(s, now);
}

/* ---- the grant ---- */

static int copy_push(struct lnl_server *s, const char *const *options, unsigned n)
{
	size_t len = 1;
	char *p;
	unsigned i;

	for (i = 0; i < n; i++)
		len += strlen(options[i]) + 1;
	s->push_text = lnl_alloc(s->env, len);
	s->push = lnl_alloc(s->env, (n + 1) * sizeof(*s->push));
	if (!s->push_text || !s->push) {
		lnl_release(s->env, s->push_text);
		lnl_release(s->env, s->push);
		s->push_text = NULL;
		s->push = NULL;
		return LNL_E_NOMEM;
	}
	s->push_len = len;
	s->n_push = n;
	for (i = 0, p = s->push_text; i < n; i++) {
		size_t one = strlen(options[i]) + 1;

		memcpy(p, options[i], one);
		s->push[i] = p;
		p += one;
	}
	return 0;
}

int lnl_server_grant(struct lnl_server *s, const struct lnl_grant *g, uint64_t now)
{
	struct lnl_reply_facts facts;
	struct lnl_reply probe;
	unsigned bad;
	int rc;

	if (!s->authorize_waits)
		return LNL_E_STATE;
	rc = lnl_server_learn_acc(s);
	if (rc < 0)
		return rc;
	facts = reply_facts(s);
	rc = lnl_reply_init(&probe, g->push, g->n_push, &facts, &bad);
	if (rc == 0)
		rc = copy_push(s, g->push, g->n_push);
	if (rc < 0)
		return rc;
	s->authorize_waits = false;
	s->deadline = LNL_NEVER;
	s->ends_at = g->ends_at;
	s->lanes = (uint8_t)g->lanes;
	s->ping = g->ping >= 0 ? g->ping : s->conf->ping;
	s->ping_restart = g->ping_restart >= 0 ? g->ping_restart : s->conf->ping_restart;
	if ((facts.flags & LNL_PROTOCOL_DYN_TLS_CRYPT) &&
	    (rc = lnl_session_dyn_crypt(s->session, 0)) < 0) {
		lnl_server_end_with(s, LNL_CAUSE_TLS, "dyn-tls-crypt keys cannot be derived");
		return rc;
	}
	s->phase = LNL_PHASE_UP;
	lnl_server_emit(s, LNL_SERVER_PEER_ADD, NULL);
	lnl_server_install_key(s, 0, now);
	lnl_server_emit(s, LNL_SERVER_UP, NULL);
	lnl_log(s->log, LNL_LEVEL_INFO, "data.keys", LNL_F("peer", s->peer),
		LNL_F("cipher", lnl_cipher_name(s->facts.cipher)),
		LNL_F("derivation", uses_ekm(s) ? "tls-ekm" : "prf"));
	s->asked = s->asked || (s->facts.proto & LNL_IV_REQUEST_PUSH) != 0;
	lnl_server_answer_push(s, now);
	return 0;
}

/* ---- PUSH_REPLY ---- */

/* As much at once as neither the window nor TLS's queue minds. */
static void push_some(struct lnl_server *s, uint64_t now)
{
	char text[LNL_REPLY_MESSAGE];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < REPLY_BURST; i++) {
		s->replying = lnl_reply_next(&s->reply, text) > 0;
		if (!s->replying)
			break;
		rc = lnl_session_send_text(s->session, text, now);
	}
	lnl_secret_wipe(text, sizeof(text)); /* a token may stand in it */
	if (rc < 0)
		lnl_server_end_with(s, LNL_CAUSE_TLS, lnl_error_text(rc));
}

void lnl_server_answer_push(struct lnl_server *s, uint64_t now)
{
	struct lnl_reply_facts facts = reply_facts(s);
	unsigned bad;

	if (!s->asked || s->phase != LNL_PHASE_UP || s->closing != LNL_CAUSE_NONE ||
	    now < s->reply_again_at)
		return;
	s->asked = false;
	s->reply_again_at = now + REQUEST_INTERVAL;
	if (lnl_reply_init(&s->reply, s->push, s->n_push, &facts, &bad) < 0)
		return;
	s->replying = true;
	push_some(s, now);
}

void lnl_server_push_on(struct lnl_server *s, uint64_t now)
{
	if (s->replying && lnl_session_idle(s->session))
		push_some(s, now);
}
