/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CAs and CRLs: kept here, with their dates, and put into wolfSSL's certificate manager while they
 * hold.
 */
#include "crypto/wolfssl_tls.h"

#include <string.h>

#include "crypto/cert.h"
#include "crypto/der.h"

/* Decodes one PEM block into |out|, which has room for its text. Returns the length, or 0. */
static size_t decode(const struct lnl_pem *block, int type, uint8_t *out)
{
	DerBuffer *der = NULL;
	size_t len = 0;

	if (block->len <= INT32_MAX &&
	    wc_PemToDer((const unsigned char *)block->text, (long)block->len, type, &der, NULL,
			NULL, NULL) == 0 &&
	    der->length <= block->len) {
		memcpy(out, der->buffer, der->length);
		len = der->length;
	}
	wc_FreeDer(&der);
	return len;
}

/* ---- CAs ---- */

/* Takes |ca|, whose der is filled in; releases it on error. */
static int add_ca(struct lnl_store *s, struct lnl_ca *ca, struct lnl_why *why)
{
	struct lnl_ca **end = &s->cas;
	struct lnl_cert *facts = lnl_alloc(s->env, sizeof(*facts));

	if (facts == NULL) {
		lnl_release(s->env, ca);
		return LNL_E_NOMEM;
	}
	int error = lnl_cert_read(facts, ca->der, ca->len);
	if (error == LNL_E_UNSUPPORTED)
		ca->out = LNL_CERT_V1;
	else if (!facts->is_ca)
		ca->out = LNL_CERT_BAD;
	ca->unfit = ca->out != LNL_CERT_OK;
	ca->not_before = facts->not_before;
	ca->not_after = facts->not_after;
	memcpy(ca->subject, facts->subject, sizeof(ca->subject));
	memcpy(ca->issuer, facts->issuer, sizeof(ca->issuer));
	lnl_release(s->env, facts);
	if (error != 0 && error != LNL_E_UNSUPPORTED) {
		lnl_release(s->env, ca);
		lnl_why_say(why, "ca: a certificate is malformed", NULL);
		return LNL_E_CERT;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = ca;
	s->dirty = true;
	return 0;
}

int lnl_store_add_der(struct lnl_store *s, const uint8_t *der, size_t len, struct lnl_why *why)
{
	struct lnl_ca *ca = lnl_alloc(s->env, sizeof(*ca) + len);

	if (ca == NULL)
		return LNL_E_NOMEM;
	memcpy(ca->der, der, len);
	ca->len = len;
	return add_ca(s, ca, why);
}

int lnl_store_add(struct lnl_store *s, const struct lnl_blob *pem, struct lnl_why *why)
{
	struct lnl_pem block;
	size_t at = 0;
	unsigned found = 0;

	while (lnl_pem_next(pem, &at, &block)) {
		if (!lnl_pem_is(&block, "CERTIFICATE"))
			continue;
		struct lnl_ca *ca = lnl_alloc(s->env, sizeof(*ca) + block.len);
		if (ca == NULL)
			return LNL_E_NOMEM;
		ca->len = decode(&block, CERT_TYPE, ca->der);
		int error = add_ca(s, ca, why);
		if (error != 0)
			return error;
		found++;
	}
	if (found == 0) {
		lnl_why_say(why, "ca: no certificate in it", NULL);
		return LNL_E_CERT;
	}
	return 0;
}

static const struct lnl_ca *find_out(const struct lnl_store *s, const char *subject)
{
	for (const struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next) {
		if (ca->out != LNL_CERT_OK && strcmp(ca->subject, subject) == 0)
			return ca;
	}
	return NULL;
}

const struct lnl_ca *lnl_store_find_out(const struct lnl_store *s, const char *subject)
{
	const struct lnl_ca *ca = find_out(s, subject);

	/* Bounded, for CAs that certify each other. */
	for (unsigned i = 0; i < LNL_CHAIN_MAX && ca != NULL && ca->below; i++) {
		const struct lnl_ca *above = find_out(s, ca->issuer);

		if (above == NULL)
			break;
		ca = above;
	}
	return ca;
}

/* ---- CRLs ---- */

/* Issuer and dates of a CRL (RFC 5280, 5.1). */
static bool read_crl(struct lnl_crl *crl)
{
	struct lnl_reader file, list, tbs;
	struct lnl_der d;

	lnl_reader_init(&file, crl->der, crl->len);
	if (!lnl_der_enter(&file, LNL_DER_SEQUENCE, &list) ||
	    !lnl_der_enter(&list, LNL_DER_SEQUENCE, &tbs))
		return false;
	if (lnl_reader_left(&tbs) > 0 && tbs.p[0] == LNL_DER_INTEGER && !lnl_der_next(&tbs, &d))
		return false;
	if (!lnl_der_take(&tbs, LNL_DER_SEQUENCE, &d) || !lnl_cert_read_name(&tbs, crl->issuer) ||
	    !lnl_der_next(&tbs, &d) || lnl_der_seconds(&d, &crl->this_update) != 0)
		return false;
	crl->next_update = UINT64_MAX;
	if (lnl_reader_left(&tbs) == 0 ||
	    (tbs.p[0] != LNL_DER_UTC_TIME && tbs.p[0] != LNL_DER_TIME))
		return true;
	return lnl_der_next(&tbs, &d) && lnl_der_seconds(&d, &crl->next_update) == 0;
}

static void release_crls(const struct lnl_env *env, struct lnl_crl *list)
{
	while (list != NULL) {
		struct lnl_crl *next = list->next;

		lnl_release(env, list);
		list = next;
	}
}

/* Puts |crl| into |list|, where of two by one issuer the later one stays. */
static void insert_crl(const struct lnl_env *env, struct lnl_crl **list, struct lnl_crl *crl)
{
	struct lnl_crl **at = list;

	while (*at != NULL && strcmp((*at)->issuer, crl->issuer) != 0)
		at = &(*at)->next;
	struct lnl_crl *other = *at;
	if (other != NULL && other->this_update > crl->this_update) {
		lnl_release(env, crl);
		return;
	}
	crl->next = other != NULL ? other->next : NULL;
	*at = crl;
	lnl_release(env, other);
}

static int parse_crls(const struct lnl_env *env, const struct lnl_blob *pem, struct lnl_crl **list,
		      struct lnl_why *why)
{
	struct lnl_pem block;
	size_t at = 0;

	while (lnl_pem_next(pem, &at, &block)) {
		if (!lnl_pem_is(&block, "X509 CRL"))
			continue;
		struct lnl_crl *crl = lnl_alloc(env, sizeof(*crl) + block.len);
		if (crl == NULL)
			return LNL_E_NOMEM;
		crl->len = decode(&block, CRL_TYPE, crl->der);
		if (!read_crl(crl)) {
			lnl_release(env, crl);
			lnl_why_say(why, "crl: a CRL is malformed", NULL);
			return LNL_E_CERT;
		}
		insert_crl(env, list, crl);
	}
	if (*list == NULL) {
		lnl_why_say(why, "crl: no CRL in it", NULL);
		return LNL_E_CERT;
	}
	return 0;
}

/* Whether a trusted CA has that name: its key must then be the one that signed. */
static bool is_trusted(const struct lnl_store *s, const char *subject)
{
	for (const struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next) {
		if (ca->out == LNL_CERT_OK && strcmp(ca->subject, subject) == 0)
			return true;
	}
	return false;
}

/* What wolfSSL says without memory; FATAL_ERROR where it has none for a context to load by. */
static bool is_out_of_memory(int code)
{
	return code == MEMORY_E || code == MEMORY_ERROR || code == WOLFSSL_FATAL_ERROR;
}

/* Loads the CRLs whose issuers are known. LNL_E_NOMEM. */
static int try_crls(struct lnl_store *s)
{
	uint64_t now = s->env->wallclock(s->env->ctx);

	for (struct lnl_crl *crl = s->crls; crl != NULL; crl = crl->next) {
		if (crl->loaded)
			continue;
		int code = wolfSSL_CertManagerLoadCRLBuffer(s->manager, crl->der, (long)crl->len,
							    WOLFSSL_FILETYPE_ASN1);
		if (is_out_of_memory(code))
			return LNL_E_NOMEM;
		crl->loaded = code == WOLFSSL_SUCCESS;
		crl->bad = !crl->loaded && crl->next_update >= now && is_trusted(s, crl->issuer);
	}
	return 0;
}

void lnl_store_retry_crls(struct lnl_store *s)
{
	/* What was not loaded vouches for nobody. */
	(void)try_crls(s);
}

int lnl_store_set_crl(struct lnl_store *s, const struct lnl_blob *pem, struct lnl_why *why)
{
	struct lnl_crl *list = NULL;
	int error = parse_crls(s->env, pem, &list, why);

	if (error != 0) {
		release_crls(s->env, list);
		return error;
	}
	struct lnl_crl *before = s->crls;
	bool checked = s->check_crl;
	s->crls = list;
	s->check_crl = true;
	s->dirty = true;
	error = lnl_store_refresh(s);
	for (const struct lnl_crl *crl = list; crl != NULL && error == 0; crl = crl->next) {
		if (crl->bad) {
			lnl_why_say(why, "crl: the signature of the CRL of ", crl->issuer,
				    " is wrong", NULL);
			error = LNL_E_CERT;
		}
	}
	if (error != 0) {
		s->crls = before;
		s->check_crl = checked;
		s->dirty = true;
		before = list;
	}
	release_crls(s->env, before);
	return error;
}

const struct lnl_crl *lnl_store_find_crl(const struct lnl_store *s, const char *issuer)
{
	for (const struct lnl_crl *crl = s->crls; crl != NULL; crl = crl->next) {
		if (strcmp(crl->issuer, issuer) == 0)
			return crl;
	}
	return NULL;
}

/* ---- the manager ---- */

/* Loads the CAs that are not out. */
static int load_cas(struct lnl_store *s)
{
	for (struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next) {
		if (ca->out != LNL_CERT_OK)
			continue;
		int code = wolfSSL_CertManagerLoadCABuffer(s->manager, ca->der, (long)ca->len,
							   WOLFSSL_FILETYPE_ASN1);
		if (is_out_of_memory(code))
			return LNL_E_NOMEM;
		if (code == WOLFSSL_SUCCESS)
			continue;
		ca->out = lnl_verify_failure(code);
		if (ca->out == LNL_CERT_OK)
			ca->out = LNL_CERT_BAD;
	}
	return 0;
}

static enum lnl_cert_failure date_failure(const struct lnl_ca *ca, uint64_t now)
{
	if (now < ca->not_before)
		return LNL_CERT_NOT_YET;
	return now > ca->not_after ? LNL_CERT_EXPIRED : LNL_CERT_OK;
}

/* Puts out those that have no good CRL. */
static int check_revocation(struct lnl_store *s)
{
	for (struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next) {
		if (ca->out != LNL_CERT_OK)
			continue;
		int code = wolfSSL_CertManagerCheckCRL(s->manager, ca->der, (int)ca->len);
		if (is_out_of_memory(code))
			return LNL_E_NOMEM;
		if (code == CRL_CERT_REVOKED)
			ca->out = LNL_CERT_REVOKED;
		else if (code != WOLFSSL_SUCCESS)
			ca->out = LNL_CERT_CRL;
	}
	return 0;
}

/* Why no CA named |subject| is trusted; LNL_CERT_OK when one is, or none has that name. */
static enum lnl_cert_failure issuer_failure(const struct lnl_store *s, const char *subject)
{
	const struct lnl_ca *ca = find_out(s, subject);

	return ca == NULL || is_trusted(s, subject) ? LNL_CERT_OK : ca->out;
}

/* An intermediate CA in `ca` falls with the one above it. True when one did. */
static bool put_out_below(struct lnl_store *s)
{
	bool changed = false;

	for (struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next) {
		if (ca->out != LNL_CERT_OK || strcmp(ca->subject, ca->issuer) == 0)
			continue;
		ca->out = issuer_failure(s, ca->issuer);
		ca->below = ca->out != LNL_CERT_OK;
		changed = changed || ca->below;
	}
	return changed;
}

static void note_date(struct lnl_store *s, uint64_t date, uint64_t now)
{
	if (date > now && date < s->recheck_at)
		s->recheck_at = date;
}

static void note_dates(struct lnl_store *s, uint64_t now)
{
	s->recheck_at = UINT64_MAX;
	for (const struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next) {
		note_date(s, ca->not_before, now);
		note_date(s, ca->not_after + 1, now);
	}
	for (const struct lnl_crl *crl = s->crls; crl != NULL; crl = crl->next) {
		/* Like a CA it holds to the end of its last second; not to say when is no date. */
		if (crl->next_update != UINT64_MAX)
			note_date(s, crl->next_update + 1, now);
	}
}

static unsigned count_trusted(const struct lnl_store *s)
{
	unsigned n = 0;

	for (const struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next)
		n += ca->out == LNL_CERT_OK;
	return n;
}

static int load_crls(struct lnl_store *s)
{
	if (!s->check_crl)
		return 0;
	if (wolfSSL_CertManagerEnableCRL(s->manager, WOLFSSL_CRL_CHECKALL) != WOLFSSL_SUCCESS)
		return LNL_E_NOMEM;
	for (struct lnl_crl *crl = s->crls; crl != NULL; crl = crl->next)
		crl->loaded = false;
	int error = try_crls(s);
	return error != 0 ? error : check_revocation(s);
}

static int fill(struct lnl_store *s, uint64_t now)
{
	for (struct lnl_ca *ca = s->cas; ca != NULL; ca = ca->next) {
		if (ca->unfit)
			continue;
		ca->out = date_failure(ca, now);
		ca->below = false;
	}
	wolfSSL_CertManagerUnloadCAs(s->manager);
	/* First: a manager that shall check CRLs and has no place for them crashes. */
	wolfSSL_CertManagerDisableCRL(s->manager);
	wolfSSL_CertManagerFreeCRL(s->manager);
	int error = load_cas(s);
	if (error != 0)
		return error;
	unsigned loaded = count_trusted(s);
	error = load_crls(s);
	if (error != 0)
		return error;
	while (put_out_below(s))
		;
	if (count_trusted(s) == loaded)
		return 0;
	wolfSSL_CertManagerUnloadCAs(s->manager);
	return load_cas(s);
}

int lnl_store_refresh(struct lnl_store *s)
{
	uint64_t now = s->env->wallclock(s->env->ctx);

	if (!s->dirty && now < s->recheck_at)
		return 0;
	int error = fill(s, now);
	note_dates(s, now);
	s->broken = s->dirty = error != 0;
	return error;
}

void lnl_store_deinit(struct lnl_store *s)
{
	while (s->cas != NULL) {
		struct lnl_ca *next = s->cas->next;

		lnl_release(s->env, s->cas);
		s->cas = next;
	}
	release_crls(s->env, s->crls);
	s->crls = NULL;
}
