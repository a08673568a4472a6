/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/negotiation.h"

#include <string.h>

/* TLVs in the payload of a server's reset packet (PROTOCOL 1.5). */
enum { TLV_EARLY_FLAGS = 1 };
enum { EARLY_RESEND_WKC = 1 };

int lnl_negotiation_init(struct lnl_negotiation *n, const struct lnl_session_conf *conf,
			 uint8_t key_id, uint8_t op, uint64_t now)
{
	int rc;

	n->conf = conf;
	n->key_id = key_id;
	n->step = LNL_NEG_RESET;
	n->deadline = now + conf->hand_window;
	lnl_reliable_init(&n->rel, conf->env, conf->tls_timeout);
	n->keys = lnl_alloc(conf->env, sizeof(*n->keys));
	if (!n->keys)
		return LNL_E_NOMEM;
	rc = lnl_key_source_init(conf->server ? &n->keys->server : &n->keys->client, conf->env,
				 !conf->server);
	if (rc < 0)
		return rc;
	if (op == LNL_NEG_RESUMED) {
		n->peer_reset = true;
		lnl_reliable_resume(&n->rel);
		return 0;
	}
	return lnl_reliable_send(&n->rel, op, NULL, 0);
}

static void release_keys(struct lnl_negotiation *n)
{
	if (n->keys)
		lnl_secret_wipe(n->keys, sizeof(*n->keys));
	lnl_release(n->conf->env, n->keys);
	n->keys = NULL;
}

void lnl_negotiation_took(struct lnl_negotiation *n)
{
	if (n->plain)
		lnl_secret_wipe(n->plain, LNL_KM2_MAX);
	lnl_release(n->conf->env, n->plain);
	n->plain = NULL;
	n->plain_len = 0;
	n->plain_at = 0;
}

void lnl_negotiation_deinit(struct lnl_negotiation *n)
{
	release_keys(n);
	lnl_negotiation_took(n);
	lnl_tls_free(n->tls);
	n->tls = NULL;
	lnl_reliable_deinit(&n->rel);
}

void lnl_negotiation_fail(struct lnl_negotiation *n, int error, const char *why)
{
	if (n->step == LNL_NEG_FAILED)
		return;
	n->step = LNL_NEG_FAILED;
	n->tell_verify = n->tell_record = n->tell_negotiated = false;
	n->tell_failed = true;
	n->error = error;
	n->deadline = LNL_NEVER;
	lnl_text_clean(n->why, sizeof(n->why), why, strlen(why));
}

/* The server's reset packet can carry TLVs; unknown ones are passed over. */
static int read_early_flags(struct lnl_negotiation *n, const uint8_t *data, size_t len)
{
	struct lnl_reader r;

	lnl_reader_init(&r, data, len);
	while (lnl_reader_left(&r) > 0) {
		uint16_t type = lnl_read_u16(&r);
		uint16_t size = lnl_read_u16(&r);

		if (type == TLV_EARLY_FLAGS && size == 2) {
			if (lnl_read_u16(&r) & EARLY_RESEND_WKC)
				n->wkc_wanted = n->conf->wkc != NULL;
		} else {
			lnl_read_bytes(&r, size);
		}
		if (r.error)
			return r.error;
	}
	return 0;
}

static int ensure_tls(struct lnl_negotiation *n)
{
	return n->tls ? 0 : lnl_tls_new(&n->tls, n->conf->tls);
}

/* Hands packets that are in order to TLS. */
static int deliver(struct lnl_negotiation *n)
{
	const struct lnl_reliable_got *got;
	int rc = 0;

	while (rc == 0 && (got = lnl_reliable_next(&n->rel))) {
		if (got->id == 0) {
			n->peer_reset = true;
			if (got->op == LNL_OP_HARD_RESET_SERVER_V2 && !n->conf->server)
				rc = read_early_flags(n, got->data, got->len);
		} else if (got->len > 0) {
			rc = ensure_tls(n);
			if (rc == 0)
				rc = lnl_tls_input(n->tls, got->data, got->len);
			n->readable = true;
		}
		lnl_reliable_took(&n->rel);
	}
	return rc;
}

/* Cuts TLS's output into packets as far as the window allows. */
static int flush(struct lnl_negotiation *n, size_t room)
{
	uint8_t data[LNL_SESSION_PACKET_MAX];

	while (n->tls && lnl_reliable_can_send(&n->rel) && lnl_tls_output_len(n->tls) > 0) {
		uint8_t op = LNL_OP_CONTROL_V1;
		size_t max = room < sizeof(data) ? room : sizeof(data);
		size_t len;
		int rc;

		if (n->wkc_wanted && n->rel.next_send == 1) {
			op = LNL_OP_CONTROL_WKC_V1;
			max = max > n->conf->wkc_len + 16 ? max - n->conf->wkc_len : 16;
		}
		len = lnl_tls_output(n->tls, data, max);
		rc = lnl_reliable_send(&n->rel, op, data, len);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void enter(struct lnl_negotiation *n, enum lnl_neg_step step, uint64_t now)
{
	n->step = step;
	if (step == LNL_NEG_VERIFY)
		n->tell_verify = true;
	if (step == LNL_NEG_DONE) {
		n->tell_negotiated = true;
		n->deadline = LNL_NEVER;
		n->done_at = now;
	}
}

static int step(struct lnl_negotiation *n, uint64_t now)
{
	int rc;

	if (n->step == LNL_NEG_RESET && n->peer_reset && lnl_reliable_idle(&n->rel)) {
		/*
		 * A server makes its TLS object when the first record comes: half-open peers
		 * stay small.
		 */
		if (!n->conf->server && (rc = ensure_tls(n)) < 0)
			return rc;
		n->step = LNL_NEG_TLS;
	}
	if (n->step == LNL_NEG_TLS && n->tls) {
		rc = lnl_tls_step(n->tls);
		if (rc < 0 && rc != LNL_E_PENDING)
			return rc;
		if (rc == 1)
			enter(n, LNL_NEG_VERIFY, now);
	}
	if (n->step == LNL_NEG_RECORD && !n->tell_record && lnl_negotiation_read(n))
		n->tell_record = true;
	return 0;
}

void lnl_negotiation_advance(struct lnl_negotiation *n, size_t room, uint64_t now)
{
	int rc;

	if (n->step == LNL_NEG_FAILED)
		return;
	rc = deliver(n);
	if (rc == 0)
		rc = step(n, now);
	/* An alert that explains a failure is still worth sending. */
	if (flush(n, room) < 0 && rc == 0)
		rc = LNL_E_NOMEM;
	if (rc < 0) {
		const char *why = n->tls ? lnl_tls_why(n->tls) : "";

		lnl_negotiation_fail(n, rc, *why ? why : lnl_error_text(rc));
	}
}

int lnl_negotiation_send_record(struct lnl_negotiation *n, const struct lnl_km2 *km2, uint64_t now)
{
	bool server = n->conf->server;
	struct lnl_writer w;
	uint8_t *data;
	int rc;

	if (n->step != (server ? LNL_NEG_REPLY : LNL_NEG_VERIFY))
		return LNL_E_STATE;
	data = lnl_alloc(n->conf->env, LNL_KM2_MAX);
	if (!data)
		return LNL_E_NOMEM;
	lnl_writer_init(&w, data, LNL_KM2_MAX);
	rc = lnl_km2_write(&w, !server, server ? &n->keys->server : &n->keys->client, km2);
	if (rc == 0)
		rc = lnl_tls_write(n->tls, data, lnl_writer_len(&w));
	lnl_secret_wipe(data, LNL_KM2_MAX);
	lnl_release(n->conf->env, data);
	if (rc == 0)
		enter(n, server ? LNL_NEG_DONE : LNL_NEG_RECORD, now);
	return rc;
}

bool lnl_negotiation_read(struct lnl_negotiation *n)
{
	int got;

	if (n->plain)
		return true;
	if (!n->tls || !n->readable)
		return false;
	n->plain = lnl_alloc(n->conf->env, LNL_KM2_MAX);
	if (!n->plain)
		return false;
	got = lnl_tls_read(n->tls, n->plain, LNL_KM2_MAX - 1);
	if (got > 0) {
		n->plain_len = (size_t)got;
		return true;
	}
	n->readable = false;
	lnl_negotiation_took(n);
	if (got < 0)
		lnl_negotiation_fail(n, got, lnl_tls_why(n->tls));
	return false;
}

int lnl_negotiation_read_record(struct lnl_negotiation *n, struct lnl_km2 *km2, uint64_t now)
{
	bool from_client = n->conf->server;
	int rc;

	n->tell_record = false;
	rc = lnl_km2_read(n->plain, n->plain_len, from_client,
			  from_client ? &n->keys->client : &n->keys->server, km2);
	if (rc < 0) {
		lnl_negotiation_fail(n, rc, "the peer's key-method-2 record is malformed");
		return rc;
	}
	enter(n, from_client ? LNL_NEG_REPLY : LNL_NEG_DONE, now);
	return 0;
}
