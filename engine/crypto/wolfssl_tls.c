/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS sessions over memory: records in, records out, and nothing of wolfSSL's sockets. */
#include "crypto/wolfssl_tls.h"

#include <string.h>

/* The longest TLS record's plaintext (RFC 8446, 5.1). */
#define RECORD_MAX 16384

static int receive(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct lnl_tls *t = ctx;
	size_t n = lnl_queue_take(&t->in, t->conf->env, (uint8_t *)buf, (size_t)size);

	(void)ssl;
	return n > 0 ? (int)n : WOLFSSL_CBIO_ERR_WANT_READ;
}

static int transmit(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct lnl_tls *t = ctx;

	(void)ssl;
	if (lnl_queue_put(&t->out, t->conf->env, buf, (size_t)size) == 0)
		return size;
	t->no_memory = true;
	return WOLFSSL_CBIO_ERR_GENERAL;
}

void lnl_tls_set_io(WOLFSSL_CTX *ctx)
{
	wolfSSL_CTX_SetIORecv(ctx, receive);
	wolfSSL_CTX_SetIOSend(ctx, transmit);
}

int lnl_tls_new(struct lnl_tls **out, struct lnl_tls_conf *c)
{
	int error = lnl_store_refresh(&c->store);
	if (error != 0)
		return error;
	struct lnl_tls *t = lnl_alloc(c->env, sizeof(*t));
	if (t == NULL)
		return LNL_E_NOMEM;
	t->conf = c;
	t->ssl = wolfSSL_new(c->ctx);
	if (t->ssl == NULL) {
		lnl_tls_free(t);
		return LNL_E_NOMEM;
	}
	wolfSSL_SetIOReadCtx(t->ssl, t);
	wolfSSL_SetIOWriteCtx(t->ssl, t);
	wolfSSL_SetCertCbCtx(t->ssl, t);
	/* What the exporter needs, until lnl_tls_exported. */
	wolfSSL_KeepArrays(t->ssl);
	*out = t;
	return 0;
}

void lnl_tls_free(struct lnl_tls *t)
{
	if (t == NULL)
		return;
	const struct lnl_env *env = t->conf->env;
	wolfSSL_free(t->ssl);
	lnl_queue_clear(&t->in, env);
	lnl_queue_clear(&t->out, env);
	lnl_tls_chain_drop(t);
	lnl_secret_wipe(t, sizeof(*t));
	lnl_release(env, t);
}

int lnl_tls_input(struct lnl_tls *t, const void *data, size_t len)
{
	return lnl_queue_put(&t->in, t->conf->env, data, len);
}

size_t lnl_tls_output(struct lnl_tls *t, uint8_t *out, size_t cap)
{
	return lnl_queue_take(&t->out, t->conf->env, out, cap);
}

size_t lnl_tls_output_len(const struct lnl_tls *t)
{
	return t->out.len;
}

/* ---- what went wrong ---- */

static const char *alert_name(int code)
{
	static const struct {
		int code;
		const char *name;
	} rows[] = {
		{ 10, "unexpected message" },
		{ 20, "bad record MAC" },
		{ 22, "record overflow" },
		{ 40, "handshake failure" },
		{ 42, "bad certificate" },
		{ 43, "unsupported certificate" },
		{ 44, "certificate revoked" },
		{ 45, "certificate expired" },
		{ 46, "certificate unknown" },
		{ 47, "illegal parameter" },
		{ 48, "unknown CA" },
		{ 49, "access denied" },
		{ 50, "decode error" },
		{ 51, "decrypt error" },
		{ 70, "protocol version" },
		{ 71, "insufficient security" },
		{ 80, "internal error" },
		{ 90, "user cancelled" },
		{ 109, "missing extension" },
		{ 112, "unrecognized name" },
		{ 116, "certificate required" },
		{ 120, "no application protocol" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code)
			return rows[i].name;
	}
	return "of an unknown kind";
}

static int fail_certificate(struct lnl_tls *t, int code)
{
	if (t->failure == LNL_CERT_OK) {
		t->failure = lnl_verify_failure(code);
		lnl_why_say(&t->why,
			    t->failure == LNL_CERT_MISSING ? "the peer sent no certificate"
							   : "the peer's certificate is refused: ",
			    t->failure == LNL_CERT_MISSING ? NULL : lnl_verify_text(code), NULL);
	}
	t->error = LNL_E_CERT;
	return t->error;
}

/* Ends the session over wolfSSL's error |code| and says why. */
static int fail(struct lnl_tls *t, int code)
{
	WOLFSSL_ALERT_HISTORY alerts;

	if (t->no_memory || code == MEMORY_E) {
		lnl_why_say(&t->why, "out of memory", NULL);
		t->error = LNL_E_NOMEM;
		return t->error;
	}
	if (t->failure != LNL_CERT_OK || (!t->done && lnl_verify_failure(code) != LNL_CERT_OK))
		return fail_certificate(t, code);
	t->error = LNL_E_TLS;
	if (code == FATAL_ERROR && wolfSSL_get_alert_history(t->ssl, &alerts) == WOLFSSL_SUCCESS &&
	    alerts.last_rx.level == alert_fatal)
		lnl_why_say(&t->why, "the peer refused: alert \"", alert_name(alerts.last_rx.code),
			    "\"", NULL);
	else
		lnl_why_say(&t->why, "TLS failed: ", lnl_verify_text(code), NULL);
	return t->error;
}

/* ---- handshake and data ---- */

/* The library says that the handshake is over: was the peer really checked? */
static int finish(struct lnl_tls *t)
{
	bool shown = t->chain_len > 0;

	if ((t->conf->requires_peer || shown) && !t->leaf_good) {
		t->failure = LNL_CERT_MISSING;
		lnl_why_say(&t->why, "the peer's certificate was not verified", NULL);
		t->error = LNL_E_CERT;
		return t->error;
	}
	t->done = true;
	return 1;
}

int lnl_tls_step(struct lnl_tls *t)
{
	if (t->error != 0)
		return t->error;
	if (t->done)
		return 1;
	int result = t->conf->server ? wolfSSL_accept(t->ssl) : wolfSSL_connect(t->ssl);
	if (result == WOLFSSL_SUCCESS)
		return finish(t);
	int code = wolfSSL_get_error(t->ssl, result);
	if (code == WOLFSSL_ERROR_WANT_READ)
		return 0;
	if (code == WC_PENDING_E)
		return LNL_E_PENDING;
	return fail(t, code);
}

int lnl_tls_read(struct lnl_tls *t, uint8_t *out, size_t cap)
{
	if (t->error != 0)
		return t->error;
	if (!t->done)
		return LNL_E_STATE;
	if (cap == 0)
		return 0;
	int n = wolfSSL_read(t->ssl, out, cap < RECORD_MAX ? (int)cap : RECORD_MAX);
	if (n > 0)
		return n;
	int code = wolfSSL_get_error(t->ssl, n);
	if (code == WOLFSSL_ERROR_WANT_READ)
		return 0;
	if (code == WOLFSSL_ERROR_ZERO_RETURN) {
		lnl_why_say(&t->why, "the peer closed the TLS session", NULL);
		t->error = LNL_E_CLOSED;
		return t->error;
	}
	return fail(t, code);
}

int lnl_tls_write(struct lnl_tls *t, const void *data, size_t len)
{
	if (t->error != 0)
		return t->error;
	if (!t->done)
		return LNL_E_STATE;
	if (len == 0 || len > RECORD_MAX)
		return LNL_E_LIMIT;
	int n = wolfSSL_write(t->ssl, data, (int)len);
	if (n == (int)len)
		return 0;
	return fail(t, wolfSSL_get_error(t->ssl, n));
}

int lnl_tls_export(struct lnl_tls *t, const char *label, uint8_t *out, size_t len)
{
	if (t->error != 0 || !t->done || t->exported)
		return LNL_E_STATE;
	if (wolfSSL_export_keying_material(t->ssl, out, len, label, strlen(label), NULL, 0, 0) !=
	    WOLFSSL_SUCCESS)
		return LNL_E_UNSUPPORTED;
	return 0;
}

void lnl_tls_exported(struct lnl_tls *t)
{
	if (t->done && !t->exported)
		wolfSSL_FreeArrays(t->ssl);
	t->exported = t->done;
}

/* ---- what is known of the peer ---- */

unsigned lnl_tls_chain_len(const struct lnl_tls *t)
{
	return t->chain_len;
}

const struct lnl_cert *lnl_tls_chain(const struct lnl_tls *t, unsigned i)
{
	return i < t->chain_len ? t->chain[i] : NULL;
}

void lnl_tls_chain_drop(struct lnl_tls *t)
{
	while (t->chain_len > 0) {
		lnl_release(t->conf->env, t->chain[--t->chain_len]);
		t->chain[t->chain_len] = NULL;
	}
}

enum lnl_cert_failure lnl_tls_cert_failure(const struct lnl_tls *t, unsigned *depth)
{
	if (depth != NULL)
		*depth = t->failure_depth;
	return t->failure;
}

const char *lnl_tls_why(const struct lnl_tls *t)
{
	return t->why.text;
}

const char *lnl_tls_version_name(const struct lnl_tls *t)
{
	return t->done ? wolfSSL_get_version(t->ssl) : "";
}

const char *lnl_tls_cipher_name(const struct lnl_tls *t)
{
	return t->done ? wolfSSL_get_cipher_name(t->ssl) : "";
}
