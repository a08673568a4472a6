/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS's outside without its inside: three flights of the usual sizes in records that notice any
 * change, an exporter on which both ends agree, alerts. A "certificate" is the text of the `cert`
 * setting; it is trusted where the `ca` setting is the same text. Subject is the part behind
 * "subject=" up to a line's end, or else the first line.
 */
#include "crypto/fake.h"

#include <string.h>

#include "crypto/queue.h"
#include "crypto/why.h"

#define RECORD_MAX 16384
#define HEADER_LEN 5
#define CHECK_LEN  16
#define RANDOM_LEN 32
#define HELLO_LEN  300
#define FLIGHT_LEN 2500
#define FINISH_LEN 1200

enum record { ALERT = 21, HANDSHAKE = 22, DATA = 23 };

/* What is shown of a certificate, and what is looked at. */
struct identity {
	char subject[LNL_NAME_MAX];
	uint8_t fingerprint[32];
	uint8_t ca[32];
	bool given;
};

struct lnl_tls_conf {
	const struct lnl_env *env;
	bool server, wants_peer, requires_peer, has_ca;
	uint8_t version_min, version_max; /* 2, 3 */
	struct identity own;
	uint8_t (*fingerprints)[32];
	unsigned n_fingerprints;
	enum lnl_name_check name_check;
	char *name;
};

enum state { START, HELLO_SENT, HELLO_AWAITED, FINISH_AWAITED, DONE };

struct lnl_tls {
	struct lnl_tls_conf *conf;
	enum state state;
	int error;
	bool exported;
	uint8_t version;
	uint8_t randoms[2][RANDOM_LEN]; /* client's, server's */
	struct fake_mix secret;
	uint64_t sent, received; /* records */
	struct lnl_queue in, out, plain;
	uint8_t head[HEADER_LEN];
	bool have_head;
	struct lnl_cert *peer;
	enum lnl_cert_failure failure;
	struct lnl_why why;
};

/* ---- configuration ---- */

static void read_identity(struct identity *id, const struct lnl_blob *cert)
{
	static const char mark[] = "subject=";
	size_t start = 0, len = 0;

	for (size_t i = 0; i + sizeof(mark) - 1 <= cert->len; i++) {
		if (memcmp(cert->data + i, mark, sizeof(mark) - 1) == 0) {
			start = i + sizeof(mark) - 1;
			break;
		}
	}
	while (start + len < cert->len && cert->data[start + len] != '\n')
		len++;
	lnl_text_clean(id->subject, sizeof(id->subject), cert->data + start, len);
	lnl_digest(LNL_DIGEST_SHA256, cert->data, cert->len, id->fingerprint);
	id->given = true;
}

static void *copy(const struct lnl_env *env, const void *from, size_t len)
{
	void *to = lnl_alloc(env, len);

	if (to != NULL)
		memcpy(to, from, len);
	return to;
}

static int check_settings(const struct lnl_tls_settings *s, struct lnl_why *why)
{
	bool bundle = s->pkcs12.data != NULL;

	if (!bundle && (s->cert.data == NULL) != (s->key.data == NULL)) {
		lnl_why_say(why, "cert and key: one without the other", NULL);
		return LNL_E_KEY;
	}
	if ((!s->server || !s->no_peer_cert) && s->ca.data == NULL && s->n_fingerprints == 0) {
		lnl_why_say(why, "ca: neither a CA nor a peer-fingerprint is given", NULL);
		return LNL_E_CERT;
	}
	if (s->version_min == LNL_TLS_1_3 && s->version_max == LNL_TLS_1_2) {
		lnl_why_say(why, "tls-version-min: above tls-version-max", NULL);
		return LNL_E_INVAL;
	}
	return 0;
}

int lnl_tls_conf_new(struct lnl_tls_conf **out, const struct lnl_env *env,
		     const struct lnl_tls_settings *s, struct lnl_why *why)
{
	lnl_why_say(why, "", NULL);
	int error = check_settings(s, why);
	if (error != 0)
		return error;
	struct lnl_tls_conf *c = lnl_alloc(env, sizeof(*c));
	if (c == NULL) {
		lnl_why_say(why, "out of memory", NULL);
		return LNL_E_NOMEM;
	}
	c->env = env;
	c->server = s->server;
	c->wants_peer = !s->server || !s->no_peer_cert;
	c->requires_peer = c->wants_peer && !(s->server && s->optional_peer_cert);
	c->has_ca = s->ca.data != NULL;
	c->version_min = s->version_min == LNL_TLS_1_3 ? 3 : 2;
	c->version_max = s->version_max == LNL_TLS_1_2 ? 2 : 3;
	c->name_check = s->name_check;
	if (s->pkcs12.data != NULL || s->cert.data != NULL)
		read_identity(&c->own, s->pkcs12.data != NULL ? &s->pkcs12 : &s->cert);
	if (c->has_ca)
		lnl_digest(LNL_DIGEST_SHA256, s->ca.data, s->ca.len, c->own.ca);
	if (s->n_fingerprints > 0)
		c->fingerprints = copy(env, s->fingerprints, 32 * s->n_fingerprints);
	c->n_fingerprints = s->n_fingerprints;
	if (s->name_check != LNL_NAME_NONE)
		c->name = copy(env, s->name, strlen(s->name) + 1);
	if ((s->n_fingerprints > 0 && c->fingerprints == NULL) ||
	    (s->name_check != LNL_NAME_NONE && c->name == NULL)) {
		lnl_tls_conf_free(c);
		lnl_why_say(why, "out of memory", NULL);
		return LNL_E_NOMEM;
	}
	*out = c;
	return 0;
}

void lnl_tls_conf_free(struct lnl_tls_conf *c)
{
	if (c == NULL)
		return;
	lnl_release(c->env, c->fingerprints);
	lnl_release(c->env, c->name);
	lnl_release(c->env, c);
}

int lnl_tls_conf_set_crl(struct lnl_tls_conf *c, struct lnl_blob crl, struct lnl_why *why)
{
	(void)c;
	if (crl.len > 0)
		return 0;
	lnl_why_say(why, "crl: no CRL in it", NULL);
	return LNL_E_CERT;
}

/* ---- sessions ---- */

int lnl_tls_new(struct lnl_tls **out, struct lnl_tls_conf *c)
{
	struct lnl_tls *t = lnl_alloc(c->env, sizeof(*t));

	if (t == NULL)
		return LNL_E_NOMEM;
	t->conf = c;
	t->state = c->server ? HELLO_AWAITED : START;
	t->secret = fake_start(0x700);
	*out = t;
	return 0;
}

void lnl_tls_free(struct lnl_tls *t)
{
	if (t == NULL)
		return;
	const struct lnl_env *env = t->conf->env;
	lnl_queue_clear(&t->in, env);
	lnl_queue_clear(&t->out, env);
	lnl_queue_clear(&t->plain, env);
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

/* ---- records ---- */

/*
 * The key of one record: it depends on the direction, the number and, once there is one, the
 * secret.
 */
static struct fake_mix record_mix(const struct lnl_tls *t, bool by_server, uint64_t number,
				  const uint8_t *head)
{
	struct fake_mix m = t->secret;

	fake_absorb(&m, &by_server, sizeof(by_server));
	fake_absorb(&m, &number, sizeof(number));
	fake_absorb(&m, head, HEADER_LEN);
	return m;
}

static int send_record(struct lnl_tls *t, enum record type, const void *data, size_t len)
{
	size_t body = len + CHECK_LEN;
	uint8_t head[HEADER_LEN] = { (uint8_t)type, 3, 3, (uint8_t)(body >> 8), (uint8_t)body };
	uint8_t *record = lnl_alloc(t->conf->env, HEADER_LEN + body);

	if (record == NULL)
		return LNL_E_NOMEM;
	struct fake_mix m = record_mix(t, t->conf->server, t->sent++, head);
	memcpy(record, head, HEADER_LEN);
	fake_stream(&m, record + HEADER_LEN, data, len);
	fake_absorb(&m, record + HEADER_LEN, len);
	fake_squeeze(&m, record + HEADER_LEN + len, CHECK_LEN);
	int error = lnl_queue_put(&t->out, t->conf->env, record, HEADER_LEN + body);
	lnl_release(t->conf->env, record);
	return error;
}

static int fail(struct lnl_tls *t, int error, const char *why)
{
	static const uint8_t alert[2] = { 2, 40 };

	if (t->error == 0) {
		send_record(t, ALERT, alert, sizeof(alert));
		lnl_why_say(&t->why, why, NULL);
		t->error = error;
	}
	return t->error;
}

/*
 * The next record's plaintext into |*out|, to be released, and its length into |*len|. 1, 0 when it
 * has not come whole, or the error with which the session ends.
 */
static int receive_record(struct lnl_tls *t, enum record *type, uint8_t **out, size_t *len)
{
	const struct lnl_env *env = t->conf->env;
	uint8_t expected[CHECK_LEN];

	if (!t->have_head) {
		if (t->in.len < HEADER_LEN)
			return 0;
		lnl_queue_take(&t->in, env, t->head, HEADER_LEN);
		t->have_head = true;
	}
	size_t body = (size_t)(t->head[3] << 8 | t->head[4]);
	if (t->head[1] != 3 || t->head[2] != 3 || t->head[0] < ALERT || t->head[0] > DATA ||
	    body < CHECK_LEN || body > RECORD_MAX + CHECK_LEN)
		return fail(t, LNL_E_TLS, "TLS failed: a malformed record");
	if (t->in.len < body)
		return 0;
	uint8_t *record = lnl_alloc(env, body);
	if (record == NULL)
		return fail(t, LNL_E_NOMEM, "out of memory");
	lnl_queue_take(&t->in, env, record, body);
	t->have_head = false;
	*len = body - CHECK_LEN;
	*type = t->head[0];
	struct fake_mix stream = record_mix(t, !t->conf->server, t->received++, t->head);
	struct fake_mix check = stream;
	fake_absorb(&check, record, *len);
	fake_squeeze(&check, expected, CHECK_LEN);
	bool good = lnl_secret_equal(expected, record + *len, CHECK_LEN);
	if (good)
		fake_stream(&stream, record, record, *len);
	if (!good || *type == ALERT) {
		lnl_release(env, record);
		return fail(t, LNL_E_TLS,
			    good ? "the peer refused: alert \"handshake failure\""
				 : "TLS failed: a record was changed on the way");
	}
	*out = record;
	return 1;
}

/* ---- certificates ---- */

static void write_identity(uint8_t *at, const struct identity *id)
{
	at[0] = id->given;
	memcpy(at + 1, id->subject, LNL_NAME_MAX);
	memcpy(at + 1 + LNL_NAME_MAX, id->fingerprint, 32);
	memcpy(at + 33 + LNL_NAME_MAX, id->ca, 32);
}

static void fill_cert(struct lnl_cert *c, const uint8_t *at)
{
	size_t len = 0;

	while (len < LNL_NAME_MAX - 1 && at[1 + len] != 0)
		len++;
	lnl_text_clean(c->subject, sizeof(c->subject), at + 1, len);
	for (const char *p = c->subject; p != NULL; p = strstr(p, ", ")) {
		p += strncmp(p, ", ", 2) == 0 ? 2 : 0;
		if (strncmp(p, "CN=", 3) == 0)
			lnl_text_clean(c->cn, sizeof(c->cn), p + 3, strcspn(p + 3, ","));
	}
	memcpy(c->issuer, "CN=Fake CA", sizeof("CN=Fake CA"));
	memcpy(c->serial, "1", 2);
	memcpy(c->sha256, at + 1 + LNL_NAME_MAX, 32);
	c->not_after = UINT64_C(4102444800);
}

static enum lnl_cert_failure judge(const struct lnl_tls_conf *conf, const struct lnl_cert *c,
				   const uint8_t *at)
{
	bool found = conf->n_fingerprints == 0;

	if (conf->has_ca && !lnl_secret_equal(at + 33 + LNL_NAME_MAX, conf->own.ca, 32))
		return LNL_CERT_UNTRUSTED;
	for (unsigned i = 0; i < conf->n_fingerprints; i++)
		found |= lnl_secret_equal(conf->fingerprints[i], c->sha256, 32);
	if (!found)
		return LNL_CERT_FINGERPRINT;
	return lnl_cert_name_matches(c, conf->name_check, conf->name) ? LNL_CERT_OK : LNL_CERT_NAME;
}

static int read_identity_of_peer(struct lnl_tls *t, const uint8_t *at)
{
	if (!t->conf->wants_peer)
		return 0;
	if (at[0] == 0) {
		if (!t->conf->requires_peer)
			return 0;
		t->failure = LNL_CERT_MISSING;
		return fail(t, LNL_E_CERT, "the peer sent no certificate");
	}
	t->peer = lnl_alloc(t->conf->env, sizeof(*t->peer));
	if (t->peer == NULL)
		return fail(t, LNL_E_NOMEM, "out of memory");
	fill_cert(t->peer, at);
	t->failure = judge(t->conf, t->peer, at);
	if (t->failure != LNL_CERT_OK)
		return fail(t, LNL_E_CERT, "the peer's certificate is refused");
	return 0;
}

/* ---- the handshake ---- */

/* version range or version, random, identity; the rest of the size is zeros. */
static int send_flight(struct lnl_tls *t, size_t size, uint8_t first, uint8_t second,
		       bool with_identity)
{
	uint8_t *flight = lnl_alloc(t->conf->env, size);

	if (flight == NULL)
		return fail(t, LNL_E_NOMEM, "out of memory");
	flight[0] = first;
	flight[1] = second;
	memcpy(flight + 2, t->randoms[t->conf->server], RANDOM_LEN);
	if (with_identity)
		write_identity(flight + 2 + RANDOM_LEN, &t->conf->own);
	int error = send_record(t, HANDSHAKE, flight, size);
	lnl_release(t->conf->env, flight);
	return error == 0 ? 0 : fail(t, error, "out of memory");
}

static void agree(struct lnl_tls *t)
{
	t->secret = fake_start(0x800 + t->version);
	fake_absorb(&t->secret, t->randoms, sizeof(t->randoms));
}

static int draw_random(struct lnl_tls *t)
{
	if (lnl_crypto_random(NULL, t->randoms[t->conf->server], RANDOM_LEN) != 0)
		return fail(t, LNL_E_TLS, "no randomness");
	return 0;
}

static int take_hello(struct lnl_tls *t, const uint8_t *p)
{
	const struct lnl_tls_conf *c = t->conf;
	uint8_t high = p[1] < c->version_max ? p[1] : c->version_max;
	uint8_t low = p[0] > c->version_min ? p[0] : c->version_min;

	if (low > high)
		return fail(t, LNL_E_TLS, "TLS failed: no version in common");
	t->version = high;
	memcpy(t->randoms[0], p + 2, RANDOM_LEN);
	int error = draw_random(t);
	if (error == 0)
		error = send_flight(t, FLIGHT_LEN, high, high, true);
	agree(t);
	t->state = FINISH_AWAITED;
	return error;
}

static int take_flight(struct lnl_tls *t, const uint8_t *p)
{
	if (p[0] < t->conf->version_min || p[0] > t->conf->version_max)
		return fail(t, LNL_E_TLS, "TLS failed: a version that was not offered");
	t->version = p[0];
	memcpy(t->randoms[1], p + 2, RANDOM_LEN);
	agree(t);
	int error = read_identity_of_peer(t, p + 2 + RANDOM_LEN);
	if (error == 0)
		error = send_flight(t, FINISH_LEN, t->version, t->version, true);
	t->state = DONE;
	return error;
}

static int take_finish(struct lnl_tls *t, const uint8_t *p)
{
	t->state = DONE;
	return read_identity_of_peer(t, p + 2 + RANDOM_LEN);
}

static int take_handshake(struct lnl_tls *t)
{
	static const size_t sizes[] = { [HELLO_SENT] = FLIGHT_LEN,
					[HELLO_AWAITED] = HELLO_LEN,
					[FINISH_AWAITED] = FINISH_LEN };
	enum record type;
	uint8_t *p;
	size_t len;
	int result = receive_record(t, &type, &p, &len);

	if (result <= 0)
		return result;
	if (type != HANDSHAKE || len != sizes[t->state])
		result = fail(t, LNL_E_TLS, "TLS failed: an unexpected message");
	else if (t->state == HELLO_SENT)
		result = take_flight(t, p);
	else if (t->state == HELLO_AWAITED)
		result = take_hello(t, p);
	else
		result = take_finish(t, p);
	lnl_release(t->conf->env, p);
	return result == 0 ? 1 : result;
}

int lnl_tls_step(struct lnl_tls *t)
{
	if (t->error != 0)
		return t->error;
	if (t->state == START) {
		int error = draw_random(t);
		if (error == 0)
			error = send_flight(t, HELLO_LEN, t->conf->version_min,
					    t->conf->version_max, false);
		t->state = HELLO_SENT;
		if (error != 0)
			return error;
	}
	while (t->state != DONE) {
		int result = take_handshake(t);
		if (result <= 0)
			return result;
	}
	return t->error != 0 ? t->error : 1;
}

/* ---- data ---- */

int lnl_tls_read(struct lnl_tls *t, uint8_t *out, size_t cap)
{
	if (t->error != 0)
		return t->error;
	if (t->state != DONE)
		return LNL_E_STATE;
	if (t->plain.len == 0) {
		enum record type;
		uint8_t *p;
		size_t len;
		int result = receive_record(t, &type, &p, &len);

		if (result <= 0)
			return result;
		result = type == DATA ? lnl_queue_put(&t->plain, t->conf->env, p, len) : LNL_E_TLS;
		lnl_secret_wipe(p, len);
		lnl_release(t->conf->env, p);
		if (result != 0)
			return fail(t, result, "TLS failed: an unexpected message");
	}
	if (cap > RECORD_MAX)
		cap = RECORD_MAX;
	return (int)lnl_queue_take(&t->plain, t->conf->env, out, cap);
}

int lnl_tls_write(struct lnl_tls *t, const void *data, size_t len)
{
	if (t->error != 0)
		return t->error;
	if (t->state != DONE)
		return LNL_E_STATE;
	if (len == 0 || len > RECORD_MAX)
		return LNL_E_LIMIT;
	int error = send_record(t, DATA, data, len);
	return error == 0 ? 0 : fail(t, error, "out of memory");
}

int lnl_tls_export(struct lnl_tls *t, const char *label, uint8_t *out, size_t len)
{
	if (t->error != 0 || t->state != DONE || t->exported)
		return LNL_E_STATE;
	struct fake_mix m = t->secret;
	fake_absorb(&m, label, strlen(label));
	fake_squeeze(&m, out, len);
	return 0;
}

void lnl_tls_exported(struct lnl_tls *t)
{
	t->exported = t->state == DONE;
}

/* ---- what is known of the peer ---- */

unsigned lnl_tls_chain_len(const struct lnl_tls *t)
{
	return t->peer != NULL;
}

const struct lnl_cert *lnl_tls_chain(const struct lnl_tls *t, unsigned i)
{
	return i == 0 ? t->peer : NULL;
}

void lnl_tls_chain_drop(struct lnl_tls *t)
{
	lnl_release(t->conf->env, t->peer);
	t->peer = NULL;
}

enum lnl_cert_failure lnl_tls_cert_failure(const struct lnl_tls *t, unsigned *depth)
{
	if (depth != NULL)
		*depth = 0;
	return t->failure;
}

const char *lnl_tls_why(const struct lnl_tls *t)
{
	return t->why.text;
}

const char *lnl_tls_version_name(const struct lnl_tls *t)
{
	if (t->state != DONE)
		return "";
	return t->version == 3 ? "TLSv1.3" : "TLSv1.2";
}

const char *lnl_tls_cipher_name(const struct lnl_tls *t)
{
	return t->state == DONE ? "TLS13-AES256-GCM-SHA384" : "";
}
