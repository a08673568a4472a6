/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/pki_tbs.h"

#include <string.h>

/* Bits of a KeyUsage's one byte. */
enum { DIGITAL_SIGNATURE = 0x80, KEY_ENCIPHERMENT = 0x20, KEY_AGREEMENT = 0x08, CA_SIGNS = 0x06 };

/* Extensions, under 2.5.29. */
enum {
	SUBJECT_KEY_ID = 14,
	KEY_USAGE = 15,
	ALTERNATIVE_NAME = 17,
	BASIC_CONSTRAINTS = 19,
	CRL_NUMBER = 20,
	AUTHORITY_KEY_ID = 35,
	EXTENDED_KEY_USAGE = 37,
};

static bool is_rsa(enum lnl_key_kind kind)
{
	return kind >= LNL_KEY_RSA2048;
}

/* ---- reading the issuer ---- */

/* A subject key identifier among the extensions; false when they are malformed. */
static bool find_key_id(struct lnl_reader *extensions, struct lnl_issuer *out)
{
	static const uint8_t oid[] = { 0x55, 0x1d, SUBJECT_KEY_ID };
	struct lnl_reader list, extension, value;
	struct lnl_der id, d;

	if (!lnl_der_enter(extensions, LNL_DER_SEQUENCE, &list))
		return false;
	while (lnl_der_enter(&list, LNL_DER_SEQUENCE, &extension)) {
		if (!lnl_der_take(&extension, LNL_DER_OID, &id) || !lnl_der_next(&extension, &d))
			return false;
		if (d.tag == LNL_DER_BOOLEAN && !lnl_der_next(&extension, &d))
			return false;
		if (!lnl_der_is_oid(&id, oid, sizeof(oid)))
			continue;
		lnl_reader_init(&value, d.data, d.len);
		if (!lnl_der_take(&value, LNL_DER_OCTETS, &d) || d.len == 0 ||
		    d.len > LNL_KEY_ID_MAX)
			return false;
		memcpy(out->key_id, d.data, d.len);
		out->key_id_len = d.len;
	}
	return lnl_reader_left(&list) == 0;
}

/* SHA-1 over the key's bits (RFC 5280, 4.2.1.2, method 1); LNL_E_FORMAT. */
static int hash_key(const uint8_t *spki, size_t len, uint8_t out[20])
{
	struct lnl_reader r, inner;
	struct lnl_der d;

	lnl_reader_init(&r, spki, len);
	if (!lnl_der_enter(&r, LNL_DER_SEQUENCE, &inner) ||
	    !lnl_der_take(&inner, LNL_DER_SEQUENCE, &d) ||
	    !lnl_der_take(&inner, LNL_DER_BIT_STRING, &d) || d.len < 2)
		return LNL_E_FORMAT;
	return lnl_digest(LNL_DIGEST_SHA1, d.data + 1, d.len - 1, out);
}

/* The next element whole; false unless it has |tag|. */
static bool take_whole(struct lnl_reader *r, uint8_t tag, const uint8_t **out, size_t *len)
{
	struct lnl_der d;

	*out = r->p;
	if (!lnl_der_take(r, tag, &d))
		return false;
	*len = (size_t)(r->p - *out);
	return true;
}

int lnl_issuer_read(struct lnl_issuer *out, const uint8_t *der, size_t len)
{
	struct lnl_reader file, cert, tbs, inner;
	struct lnl_der d;

	*out = (struct lnl_issuer){ 0 };
	lnl_reader_init(&file, der, len);
	if (!lnl_der_enter(&file, LNL_DER_SEQUENCE, &cert) ||
	    !lnl_der_enter(&cert, LNL_DER_SEQUENCE, &tbs) ||
	    !lnl_der_take(&tbs, LNL_DER_CONTEXT(0), &d) ||
	    !lnl_der_take(&tbs, LNL_DER_INTEGER, &d) ||	 /* serial */
	    !lnl_der_take(&tbs, LNL_DER_SEQUENCE, &d) || /* algorithm */
	    !lnl_der_take(&tbs, LNL_DER_SEQUENCE, &d) || /* issuer */
	    !lnl_der_take(&tbs, LNL_DER_SEQUENCE, &d) || /* dates */
	    !take_whole(&tbs, LNL_DER_SEQUENCE, &out->name, &out->name_len) ||
	    !take_whole(&tbs, LNL_DER_SEQUENCE, &out->spki, &out->spki_len))
		return LNL_E_FORMAT;
	while (lnl_der_next(&tbs, &d)) {
		lnl_reader_init(&inner, d.data, d.len);
		if (d.tag == LNL_DER_CONTEXT(3) && !find_key_id(&inner, out))
			return LNL_E_FORMAT;
	}
	if (tbs.error != 0)
		return LNL_E_FORMAT;
	if (out->key_id_len > 0)
		return 0;
	out->key_id_len = 20;
	return hash_key(out->spki, out->spki_len, out->key_id);
}

/* ---- parts; each is written from its end ---- */

static void put_oid(struct lnl_der_writer *w, const char *oid, size_t len)
{
	lnl_der_element(w, LNL_DER_OID, oid, len);
}

#define OID(w, text) put_oid(w, text, sizeof(text) - 1)

/* AlgorithmIdentifier of a signature. */
static void put_algorithm(struct lnl_der_writer *w, enum lnl_key_kind signer)
{
	size_t since = lnl_der_len(w);

	if (is_rsa(signer)) {
		lnl_der_element(w, LNL_DER_NULL, NULL, 0);
		OID(w, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"); /* sha256WithRSAEncryption */
	} else if (signer == LNL_KEY_EC) {
		OID(w, "\x2a\x86\x48\xce\x3d\x04\x03\x02"); /* ecdsa-with-SHA256 */
	} else {
		OID(w, "\x2b\x65\x70"); /* Ed25519 */
	}
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
}

/* A Name of nothing but a common name. */
static void put_name(struct lnl_der_writer *w, const char *cn)
{
	size_t since = lnl_der_len(w);

	lnl_der_element(w, LNL_DER_UTF8, cn, strlen(cn));
	OID(w, "\x55\x04\x03");
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	lnl_der_wrap(w, LNL_DER_SET, since);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
}

/* Ends the extension whose value was written since |since|. */
static void end_extension(struct lnl_der_writer *w, uint8_t id, bool critical, size_t since)
{
	static const uint8_t yes = 0xff;
	const char oid[] = { 0x55, 0x1d, (char)id };

	lnl_der_wrap(w, LNL_DER_OCTETS, since);
	if (critical)
		lnl_der_element(w, LNL_DER_BOOLEAN, &yes, 1);
	put_oid(w, oid, sizeof(oid));
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
}

static void put_authority_key_id(struct lnl_der_writer *w, const struct lnl_issuer *issuer)
{
	size_t since = lnl_der_len(w);

	lnl_der_element(w, LNL_DER_IMPLICIT(0), issuer->key_id, issuer->key_id_len);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	end_extension(w, AUTHORITY_KEY_ID, false, since);
}

static void put_alternative_names(struct lnl_der_writer *w, const struct lnl_cert_request *r)
{
	size_t since = lnl_der_len(w);

	for (unsigned i = r->n_san; i-- > 0;)
		lnl_der_element(w, LNL_DER_IMPLICIT(r->san[i].is_address ? 7 : 2), r->san[i].data,
				r->san[i].len);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	end_extension(w, ALTERNATIVE_NAME, false, since);
}

static void put_extended_usage(struct lnl_der_writer *w, enum lnl_cert_role role)
{
	size_t since = lnl_der_len(w);

	if (role == LNL_CERT_ROLE_SERVER)
		OID(w, "\x2b\x06\x01\x05\x05\x07\x03\x01");
	else
		OID(w, "\x2b\x06\x01\x05\x05\x07\x03\x02");
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	end_extension(w, EXTENDED_KEY_USAGE, false, since);
}

/* What a key may do: also what remote-cert-tls of old OpenVPNs wants of a server. */
static uint8_t usage_bits(enum lnl_cert_role role, enum lnl_key_kind kind)
{
	if (role == LNL_CERT_ROLE_CA)
		return CA_SIGNS;
	if (role == LNL_CERT_ROLE_SERVER && is_rsa(kind))
		return DIGITAL_SIGNATURE | KEY_ENCIPHERMENT;
	/* RFC 8410, 5: an Ed25519 key agrees on nothing. */
	if (role == LNL_CERT_ROLE_SERVER && kind == LNL_KEY_EC)
		return DIGITAL_SIGNATURE | KEY_AGREEMENT;
	return DIGITAL_SIGNATURE;
}

static void put_usage(struct lnl_der_writer *w, uint8_t bits)
{
	size_t since = lnl_der_len(w);
	uint8_t unused = 0;

	while (!(bits >> unused & 1))
		unused++;
	lnl_der_put_byte(w, bits);
	lnl_der_put_byte(w, unused);
	lnl_der_wrap(w, LNL_DER_BIT_STRING, since);
	end_extension(w, KEY_USAGE, true, since);
}

static void put_constraints(struct lnl_der_writer *w, bool ca)
{
	static const uint8_t yes = 0xff;
	size_t since = lnl_der_len(w);

	if (ca)
		lnl_der_element(w, LNL_DER_BOOLEAN, &yes, 1);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	end_extension(w, BASIC_CONSTRAINTS, ca, since);
}

/* ---- what is signed ---- */

static int put_extensions(struct lnl_der_writer *w, const struct lnl_cert_request *r,
			  const struct lnl_public *subject, const struct lnl_issuer *issuer)
{
	size_t since = lnl_der_len(w), at;
	uint8_t id[20];
	int error = hash_key(subject->spki, subject->spki_len, id);

	if (error != 0)
		return error;
	if (r->n_san > 0)
		put_alternative_names(w, r);
	if (r->role != LNL_CERT_ROLE_CA)
		put_extended_usage(w, r->role);
	put_usage(w, usage_bits(r->role, subject->kind));
	if (issuer != NULL)
		put_authority_key_id(w, issuer);
	at = lnl_der_len(w);
	lnl_der_element(w, LNL_DER_OCTETS, id, sizeof(id));
	end_extension(w, SUBJECT_KEY_ID, false, at);
	put_constraints(w, r->role == LNL_CERT_ROLE_CA);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	lnl_der_wrap(w, LNL_DER_CONTEXT(3), since);
	return 0;
}

int lnl_tbs_cert(struct lnl_der_writer *w, const struct lnl_cert_request *r,
		 const uint8_t serial[LNL_SERIAL_LEN], const struct lnl_public *subject,
		 enum lnl_key_kind signer, const struct lnl_issuer *issuer)
{
	size_t since = lnl_der_len(w), at;
	int error = put_extensions(w, r, subject, issuer);

	if (error != 0)
		return error;
	lnl_der_put(w, subject->spki, subject->spki_len);
	put_name(w, r->cn);
	at = lnl_der_len(w);
	lnl_der_put_time(w, r->not_after);
	lnl_der_put_time(w, r->not_before);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, at);
	if (issuer != NULL)
		lnl_der_put(w, issuer->name, issuer->name_len);
	else
		put_name(w, r->cn);
	put_algorithm(w, signer);
	lnl_der_put_integer(w, serial, LNL_SERIAL_LEN);
	at = lnl_der_len(w);
	lnl_der_put_number(w, 2); /* v3 */
	lnl_der_wrap(w, LNL_DER_CONTEXT(0), at);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	return w->error;
}

static void put_revoked(struct lnl_der_writer *w, const struct lnl_revoked *r)
{
	size_t since = lnl_der_len(w);

	lnl_der_put_time(w, r->when);
	lnl_der_put_integer(w, r->serial, r->serial_len);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
}

int lnl_tbs_crl(struct lnl_der_writer *w, const struct lnl_crl_request *r, enum lnl_key_kind signer,
		const struct lnl_issuer *issuer)
{
	size_t since = lnl_der_len(w), at = since;

	lnl_der_put_number(w, r->number);
	end_extension(w, CRL_NUMBER, false, at);
	put_authority_key_id(w, issuer);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, at);
	lnl_der_wrap(w, LNL_DER_CONTEXT(0), at);
	at = lnl_der_len(w);
	for (unsigned i = r->n_revoked; i-- > 0;)
		put_revoked(w, &r->revoked[i]);
	/* RFC 5280, 5.1.2.6: without entries there must be no list. */
	if (r->n_revoked > 0)
		lnl_der_wrap(w, LNL_DER_SEQUENCE, at);
	lnl_der_put_time(w, r->next_update);
	lnl_der_put_time(w, r->this_update);
	lnl_der_put(w, issuer->name, issuer->name_len);
	put_algorithm(w, signer);
	lnl_der_put_number(w, 1); /* v2 */
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	return w->error;
}

/* ---- encrypted keys ---- */

static void put_kdf(struct lnl_der_writer *w, const struct lnl_pbes2 *how)
{
	size_t since = lnl_der_len(w);

	lnl_der_element(w, LNL_DER_NULL, NULL, 0);
	OID(w, "\x2a\x86\x48\x86\xf7\x0d\x02\x09"); /* hmacWithSHA256 */
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	lnl_der_put_number(w, how->rounds);
	lnl_der_element(w, LNL_DER_OCTETS, how->salt, sizeof(how->salt));
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	OID(w, "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"); /* PBKDF2 */
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
}

int lnl_key_sealed(struct lnl_der_writer *w, const struct lnl_pbes2 *how, const uint8_t *sealed,
		   size_t len)
{
	size_t since = lnl_der_len(w), at;

	lnl_der_element(w, LNL_DER_OCTETS, sealed, len);
	at = lnl_der_len(w);
	lnl_der_element(w, LNL_DER_OCTETS, how->iv, sizeof(how->iv));
	OID(w, "\x60\x86\x48\x01\x65\x03\x04\x01\x2a"); /* aes256-CBC */
	lnl_der_wrap(w, LNL_DER_SEQUENCE, at);
	put_kdf(w, how);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, at);
	OID(w, "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"); /* PBES2 */
	lnl_der_wrap(w, LNL_DER_SEQUENCE, at);
	lnl_der_wrap(w, LNL_DER_SEQUENCE, since);
	return w->error;
}
