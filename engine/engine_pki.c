/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PKI of one's own: keys, certificates and revocation lists for a host that has no engine. */
#include "engine_pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "wire/ip.h"

#define NAMES_MAX 16

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size ? size : 1);
}

static void give_back(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

const struct lnl_env lnl_pki_env = { NULL, take, give_back, lnl_crypto_random, lnl_clock_wall };

int lnl_pki_begin(struct lnl_pki_text *out, struct lnl_reason *why)
{
	int rc = lnl_crypto_init(NULL);

	if (out)
		*out = (struct lnl_pki_text){ 0 };
	why->text[0] = '\0';
	return rc < 0 ? lnl_reason_set(why, rc, "cryptography: %s", lnl_error_text(rc)) : 0;
}

void lnl_pki_text_free(struct lnl_pki_text *t)
{
	struct lnl_text text = { t->data, t->len };

	lnl_text_free(&text, &lnl_pki_env);
	*t = (struct lnl_pki_text){ 0 };
}

static struct lnl_blob blob(struct lnl_bytes b)
{
	return (struct lnl_blob){ b.data, b.len };
}

/* Ends a call: hands |text| over, or says why not. */
static int end(int rc, const struct lnl_text *text, const struct lnl_why *cause,
	       struct lnl_pki_text *out, struct lnl_reason *why)
{
	lnl_crypto_deinit();
	if (rc < 0)
		return lnl_reason_set(why, rc, "%s",
				      cause->text[0] ? cause->text : lnl_error_text(rc));
	if (out)
		*out = (struct lnl_pki_text){ text->data, text->len };
	return 0;
}

/* ---- keys ---- */

int lnl_pki_key(const char *kind, struct lnl_pki_text *out, struct lnl_reason *why)
{
	struct lnl_signer *key = NULL;
	struct lnl_text text = { 0 };
	struct lnl_why cause = { "" };
	enum lnl_key_kind which;
	int rc = lnl_pki_begin(out, why);

	if (rc < 0)
		return rc;
	rc = lnl_key_kind_find(kind, &which);
	if (rc == 0)
		rc = lnl_signer_generate(&key, &lnl_pki_env, which);
	else
		snprintf(cause.text, sizeof(cause.text), "there is no kind of key '%s'", kind);
	if (rc == 0)
		rc = lnl_signer_pem(key, NULL, &text);
	lnl_signer_free(key);
	return end(rc, &text, &cause, out, why);
}

int lnl_pki_key_kind(struct lnl_bytes key, const char **kind, struct lnl_reason *why)
{
	struct lnl_signer *s = NULL;
	struct lnl_why cause = { "" };
	int rc = lnl_pki_begin(NULL, why);

	if (rc < 0)
		return rc;
	rc = lnl_signer_read(&s, &lnl_pki_env, blob(key), &cause);
	if (rc == 0)
		*kind = lnl_key_kind_name(lnl_signer_kind(s));
	lnl_signer_free(s);
	return end(rc, NULL, &cause, NULL, why);
}

int lnl_pki_key_encrypt(struct lnl_bytes key, const char *password, struct lnl_pki_text *out,
			struct lnl_reason *why)
{
	struct lnl_signer *s = NULL;
	struct lnl_text text = { 0 };
	struct lnl_why cause = { "" };
	int rc = lnl_pki_begin(out, why);

	if (rc < 0)
		return rc;
	/* An empty one would leave the key as it is. */
	if (!password || !password[0])
		rc = LNL_E_PASSWORD;
	if (rc == 0)
		rc = lnl_signer_read(&s, &lnl_pki_env, blob(key), &cause);
	if (rc == 0)
		rc = lnl_signer_pem(s, password, &text);
	lnl_signer_free(s);
	return end(rc, &text, &cause, out, why);
}

/* ---- certificates ---- */

struct names {
	struct lnl_san san[NAMES_MAX];
	struct lnl_ip ip[NAMES_MAX];
};

static int read_names(struct names *n, const struct lnl_pki_request *r, struct lnl_why *cause)
{
	if (r->n_names > NAMES_MAX) {
		snprintf(cause->text, sizeof(cause->text), "more than %d alternative names",
			 NAMES_MAX);
		return LNL_E_INVAL;
	}
	for (unsigned i = 0; i < r->n_names; i++) {
		const char *name = r->names[i];
		struct lnl_ip *ip = &n->ip[i];

		if (lnl_ip_parse(ip, name) == 0)
			n->san[i] = (struct lnl_san){ true, ip->bytes, ip->family == 4 ? 4 : 16 };
		else
			n->san[i] = (struct lnl_san){ false, name, strlen(name) };
		for (const char *c = name; *c; c++)
			if (*c <= ' ' || *c > '~')
				n->san[i].len = 0;
		if (n->san[i].len > 0 && strlen(name) < 254)
			continue;
		snprintf(cause->text, sizeof(cause->text),
			 "an alternative name is neither a host's nor an address");
		return LNL_E_INVAL;
	}
	return 0;
}

int lnl_pki_cert(const struct lnl_pki_request *r, struct lnl_pki_text *out, struct lnl_reason *why)
{
	static const enum lnl_cert_role roles[] = { [LNL_PKI_CA] = LNL_CERT_ROLE_CA,
						    [LNL_PKI_SERVER] = LNL_CERT_ROLE_SERVER,
						    [LNL_PKI_CLIENT] = LNL_CERT_ROLE_CLIENT };
	struct names names;
	struct lnl_signer *key = NULL, *issuer = NULL;
	struct lnl_text text = { 0 };
	struct lnl_why cause = { "" };
	int rc = lnl_pki_begin(out, why);

	if (rc < 0)
		return rc;
	rc = read_names(&names, r, &cause);
	if (rc == 0)
		rc = lnl_signer_read(&key, &lnl_pki_env, blob(r->key), &cause);
	if (rc == 0 && r->role != LNL_PKI_CA)
		rc = lnl_signer_read(&issuer, &lnl_pki_env, blob(r->ca_key), &cause);
	if (rc == 0) {
		const struct lnl_cert_request request = {
			.role = roles[r->role],
			.cn = r->cn,
			.san = names.san,
			.n_san = r->n_names,
			.not_before = r->not_before,
			.not_after = r->not_after,
			.key = key,
			.issuer = issuer,
			.issuer_cert = blob(r->ca_cert),
		};

		rc = lnl_cert_issue(&request, &lnl_pki_env, &text, &cause);
	}
	lnl_signer_free(issuer);
	lnl_signer_free(key);
	return end(rc, &text, &cause, out, why);
}

/* lnl_cert's serial numbers in hex: small ones are decimal there. */
static void put_serial(char *out, size_t cap, const char *serial)
{
	if (!strchr(serial, ':')) {
		unsigned long long value = strtoull(serial, NULL, 10);
		int digits = snprintf(out, cap, "%llx", value);

		snprintf(out, cap, "%s%llx", digits % 2 ? "0" : "", value);
		return;
	}
	for (; *serial && cap > 1; serial++) {
		if (*serial == ':')
			continue;
		*out++ = *serial;
		cap--;
	}
	*out = '\0';
}

static void put_fingerprint(char *out, const uint8_t sha256[32])
{
	for (unsigned i = 0; i < 32; i++)
		snprintf(out + 3 * i, 4, "%02X%s", sha256[i], i < 31 ? ":" : "");
}

int lnl_pki_facts(struct lnl_bytes cert, struct lnl_pki_facts *out, struct lnl_reason *why)
{
	struct lnl_why cause = { "there is no certificate in it that can be read" };
	struct lnl_cert *c;
	int rc = lnl_pki_begin(NULL, why);

	*out = (struct lnl_pki_facts){ 0 };
	if (rc < 0)
		return rc;
	c = calloc(1, sizeof(*c));
	rc = c ? lnl_cert_read_pem(c, &lnl_pki_env, blob(cert)) : LNL_E_NOMEM;
	if (rc == 0) {
		snprintf(out->subject, sizeof(out->subject), "%s", c->subject);
		snprintf(out->cn, sizeof(out->cn), "%s", c->cn);
		put_serial(out->serial, sizeof(out->serial), c->serial);
		put_fingerprint(out->fingerprint, c->sha256);
		out->not_before = c->not_before;
		out->not_after = c->not_after;
		out->ca = c->is_ca;
		out->server = c->eku & LNL_EKU_SERVER;
		out->client = c->eku & LNL_EKU_CLIENT;
	}
	free(c);
	return end(rc, NULL, &cause, NULL, why);
}

/* ---- revocation lists ---- */

static int read_serial(struct lnl_revoked *out, const char *hex)
{
	size_t len = strlen(hex);

	if (len == 0 || len % 2 || len / 2 > LNL_SERIAL_MAX)
		return LNL_E_INVAL;
	for (size_t i = 0; i < len; i++) {
		int digit = lnl_hex_digit(hex[i]);

		if (digit < 0)
			return LNL_E_INVAL;
		out->serial[i / 2] = (uint8_t)(out->serial[i / 2] << 4 | digit);
	}
	out->serial_len = len / 2;
	return 0;
}

static int read_revoked(struct lnl_revoked *out, const struct lnl_pki_list *l,
			struct lnl_why *cause)
{
	for (unsigned i = 0; i < l->n_revoked; i++) {
		out[i].when = l->revoked[i].when;
		if (read_serial(&out[i], l->revoked[i].serial) == 0)
			continue;
		snprintf(cause->text, sizeof(cause->text), "'%.64s' is no serial number",
			 l->revoked[i].serial);
		return LNL_E_INVAL;
	}
	return 0;
}

int lnl_pki_crl(const struct lnl_pki_list *l, struct lnl_pki_text *out, struct lnl_reason *why)
{
	struct lnl_revoked *revoked = calloc((size_t)l->n_revoked + 1, sizeof(*revoked));
	struct lnl_signer *issuer = NULL;
	struct lnl_text text = { 0 };
	struct lnl_why cause = { "" };
	int rc = lnl_pki_begin(out, why);

	if (rc < 0) {
		free(revoked);
		return rc;
	}
	rc = revoked ? read_revoked(revoked, l, &cause) : LNL_E_NOMEM;
	if (rc == 0)
		rc = lnl_signer_read(&issuer, &lnl_pki_env, blob(l->ca_key), &cause);
	if (rc == 0) {
		const struct lnl_crl_request request = {
			.issuer = issuer,
			.issuer_cert = blob(l->ca_cert),
			.number = l->number,
			.this_update = l->this_update,
			.next_update = l->next_update,
			.revoked = revoked,
			.n_revoked = l->n_revoked,
		};

		rc = lnl_crl_issue(&request, &lnl_pki_env, &text, &cause);
	}
	lnl_signer_free(issuer);
	free(revoked);
	return end(rc, &text, &cause, out, why);
}
