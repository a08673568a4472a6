/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a certificate says, for records, messages and the checks that OpenVPN adds to TLS. Whether
 * to trust it is the library's business: this only reads, strictly, what the library has verified
 * or is about to.
 */
#include "crypto/cert.h"

#include <string.h>

#include "crypto/der.h"

#define OID_IS(d, text) lnl_der_is_oid(d, text, sizeof(text) - 1)

/* Attribute types by the short names that OpenSSL prints; those under 2.5.4 by their last byte. */
static const struct {
	const char *oid;
	size_t len;
	const char *name;
} attributes[] = {
#define X(oid, name)                                                                               \
	{                                                                                          \
		oid, sizeof(oid) - 1, name                                                         \
	}
	X("\x55\x04\x03", "CN"),
	X("\x55\x04\x04", "SN"),
	X("\x55\x04\x05", "serialNumber"),
	X("\x55\x04\x06", "C"),
	X("\x55\x04\x07", "L"),
	X("\x55\x04\x08", "ST"),
	X("\x55\x04\x09", "street"),
	X("\x55\x04\x0a", "O"),
	X("\x55\x04\x0b", "OU"),
	X("\x55\x04\x0c", "title"),
	X("\x55\x04\x0d", "description"),
	X("\x55\x04\x0f", "businessCategory"),
	X("\x55\x04\x11", "postalCode"),
	X("\x55\x04\x29", "name"),
	X("\x55\x04\x2a", "GN"),
	X("\x55\x04\x2b", "initials"),
	X("\x55\x04\x2c", "generationQualifier"),
	X("\x55\x04\x2d", "x500UniqueIdentifier"),
	X("\x55\x04\x2e", "dnQualifier"),
	X("\x55\x04\x41", "pseudonym"),
	X("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "emailAddress"),
	X("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02", "unstructuredName"),
	X("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "UID"),
	X("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC"),
#undef X
};

/* A text under construction, which notes when it had to change what it was given. */
struct text {
	char *at;
	size_t cap; /* with the NUL */
	size_t len;
	bool lossy;
	bool nul;
};

static struct text text_start(char *at, size_t cap)
{
	at[0] = '\0';
	return (struct text){ .at = at, .cap = cap };
}

static void put_char(struct text *t, uint32_t c)
{
	if (c == 0)
		t->nul = true;
	if (c < 0x20 || c > 0x7e) {
		c = '?';
		t->lossy = true;
	}
	if (t->len + 1 >= t->cap) {
		t->lossy = true;
		return;
	}
	t->at[t->len++] = (char)c;
	t->at[t->len] = '\0';
}

static void put_string(struct text *t, const char *s)
{
	for (; *s != '\0'; s++)
		put_char(t, (uint8_t)*s);
}

static void put_number(struct text *t, uint64_t v)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0)
		put_char(t, (uint8_t)digits[--n]);
}

/* Without leading zeros, as in an IPv6 address, or exactly |width| digits. */
static void put_hex(struct text *t, unsigned v, unsigned width)
{
	for (unsigned i = 4; i-- > 0;) {
		if (i < width || v >> (4 * i) != 0)
			put_char(t, (uint8_t) "0123456789abcdef"[v >> (4 * i) & 15]);
	}
}

/* A string of any of ASN.1's types: characters of one, two or four bytes. */
static void put_value(struct text *t, const struct lnl_der *d)
{
	size_t width = d->tag == LNL_DER_BMP ? 2 : d->tag == LNL_DER_UNIVERSAL ? 4 : 1;

	if (d->len % width != 0)
		t->lossy = true;
	for (size_t i = 0; i + width <= d->len; i += width) {
		uint32_t c = 0;

		for (size_t k = 0; k < width; k++)
			c = c << 8 | d->data[i + k];
		put_char(t, c);
	}
}

static void put_oid(struct text *t, const struct lnl_der *oid)
{
	uint64_t arc = 0;
	bool first = true;

	for (size_t i = 0; i < oid->len; i++) {
		arc = (arc & (UINT64_MAX >> 8)) << 7 | (oid->data[i] & 0x7f);
		if (oid->data[i] & 0x80)
			continue;
		if (first) {
			uint64_t top = arc < 80 ? arc / 40 : 2;

			put_number(t, top);
			arc -= top * 40;
			first = false;
		}
		put_char(t, '.');
		put_number(t, arc);
		arc = 0;
	}
}

static void put_attribute_type(struct text *t, const struct lnl_der *oid)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (lnl_der_is_oid(oid, attributes[i].oid, attributes[i].len)) {
			put_string(t, attributes[i].name);
			return;
		}
	}
	put_oid(t, oid);
}

/*
 * A distinguished name as OpenVPN writes it: "C=DE, O=Example, CN=x", "+" between the parts of one
 * RDN. The last common name goes to |cn|. False when the name is malformed.
 */
static bool read_name(struct lnl_reader *r, struct text *name, struct text *cn)
{
	struct lnl_reader rdns, set, pair;
	struct lnl_der type, value;
	bool first = true;

	if (!lnl_der_enter(r, LNL_DER_SEQUENCE, &rdns))
		return false;
	while (lnl_reader_left(&rdns) > 0) {
		const char *between = first ? "" : ", ";

		if (!lnl_der_enter(&rdns, LNL_DER_SET, &set))
			return false;
		while (lnl_reader_left(&set) > 0) {
			if (!lnl_der_enter(&set, LNL_DER_SEQUENCE, &pair) ||
			    !lnl_der_take(&pair, LNL_DER_OID, &type) ||
			    !lnl_der_next(&pair, &value) || lnl_reader_left(&pair) != 0)
				return false;
			put_string(name, between);
			put_attribute_type(name, &type);
			put_char(name, '=');
			put_value(name, &value);
			if (OID_IS(&type, "\x55\x04\x03")) {
				*cn = text_start(cn->at, cn->cap);
				put_value(cn, &value);
			}
			between = " + ";
			first = false;
		}
		if (set.error != 0)
			return false;
	}
	return rdns.error == 0;
}

static void put_address(struct text *t, const struct lnl_der *d)
{
	if (d->len == 4) {
		for (unsigned i = 0; i < 4; i++) {
			if (i > 0)
				put_char(t, '.');
			put_number(t, d->data[i]);
		}
		return;
	}
	for (unsigned i = 0; i + 1 < d->len; i += 2) {
		if (i > 0)
			put_char(t, ':');
		put_hex(t, (unsigned)d->data[i] << 8 | d->data[i + 1], 1);
	}
}

static bool read_alternative_names(struct lnl_reader *r, struct lnl_cert *out)
{
	static const char *const kinds[] = {
		[1] = "email:", [2] = "DNS:", [6] = "URI:", [7] = "IP:"
	};
	struct lnl_reader names;
	struct lnl_der d;

	if (!lnl_der_enter(r, LNL_DER_SEQUENCE, &names))
		return false;
	while (lnl_der_next(&names, &d)) {
		unsigned kind = d.tag & 0x1f;

		if ((d.tag & 0xe0) != 0x80 || kind >= sizeof(kinds) / sizeof(kinds[0]) ||
		    kinds[kind] == NULL)
			continue;
		if (kind == 7 && d.len != 4 && d.len != 16)
			return false;
		if (kind != 7 && memchr(d.data, 0, d.len) != NULL)
			out->embedded_nul = true;
		if (out->n_san == LNL_SAN_MAX)
			continue;
		struct text t = text_start(out->san[out->n_san], sizeof(out->san[0]));
		put_string(&t, kinds[kind]);
		if (kind == 7)
			put_address(&t, &d);
		else
			put_value(&t, &d);
		out->n_san++;
	}
	return names.error == 0;
}

static bool read_key_usage(struct lnl_reader *r, struct lnl_cert *out)
{
	struct lnl_der d;

	if (!lnl_der_take(r, LNL_DER_BIT_STRING, &d) || d.len < 1 || d.data[0] > 7)
		return false;
	out->has_ku = true;
	if (d.len > 1)
		out->ku = d.data[1];
	if (d.len > 2)
		out->ku = (uint16_t)(out->ku | d.data[2] << 8);
	return true;
}

static bool read_extended_key_usage(struct lnl_reader *r, struct lnl_cert *out)
{
	struct lnl_reader list;
	struct lnl_der d;

	if (!lnl_der_enter(r, LNL_DER_SEQUENCE, &list))
		return false;
	out->has_eku = true;
	while (lnl_der_next(&list, &d)) {
		if (OID_IS(&d, "\x2b\x06\x01\x05\x05\x07\x03\x01"))
			out->eku |= LNL_EKU_SERVER;
		else if (OID_IS(&d, "\x2b\x06\x01\x05\x05\x07\x03\x02"))
			out->eku |= LNL_EKU_CLIENT;
		else if (OID_IS(&d, "\x55\x1d\x25\x00"))
			out->eku |= LNL_EKU_ANY;
	}
	return list.error == 0;
}

static bool read_basic_constraints(struct lnl_reader *r, struct lnl_cert *out)
{
	struct lnl_reader inner;
	struct lnl_der d;

	if (!lnl_der_enter(r, LNL_DER_SEQUENCE, &inner))
		return false;
	if (lnl_der_next(&inner, &d) && d.tag == LNL_DER_BOOLEAN) {
		if (d.len != 1)
			return false;
		out->is_ca = d.data[0] != 0;
	}
	return inner.error == 0;
}

static bool read_extensions(struct lnl_reader *r, struct lnl_cert *out)
{
	static const struct {
		uint8_t id; /* under 2.5.29 */
		bool (*read)(struct lnl_reader *, struct lnl_cert *);
	} readers[] = {
		{ 15, read_key_usage },
		{ 17, read_alternative_names },
		{ 19, read_basic_constraints },
		{ 37, read_extended_key_usage },
	};
	struct lnl_reader list, extension, value;
	struct lnl_der id, d;
	unsigned seen = 0;

	if (!lnl_der_enter(r, LNL_DER_SEQUENCE, &list))
		return false;
	while (lnl_reader_left(&list) > 0) {
		if (!lnl_der_enter(&list, LNL_DER_SEQUENCE, &extension) ||
		    !lnl_der_take(&extension, LNL_DER_OID, &id) || !lnl_der_next(&extension, &d))
			return false;
		if (d.tag == LNL_DER_BOOLEAN && !lnl_der_next(&extension, &d))
			return false;
		if (d.tag != LNL_DER_OCTETS)
			return false;
		for (unsigned i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
			const uint8_t oid[] = { 0x55, 0x1d, readers[i].id };

			if (!lnl_der_is_oid(&id, oid, sizeof(oid)))
				continue;
			/* Of two, which one counts? Nobody shall be able to choose. */
			lnl_reader_init(&value, d.data, d.len);
			if (seen & 1u << i || !readers[i].read(&value, out))
				return false;
			seen |= 1u << i;
		}
	}
	return list.error == 0;
}

static bool read_serial(struct lnl_reader *r, struct lnl_cert *out)
{
	struct lnl_der d;
	struct text t = text_start(out->serial, sizeof(out->serial));
	uint64_t value = 0;

	if (!lnl_der_take(r, LNL_DER_INTEGER, &d) || d.len == 0 || d.len > 21)
		return false;
	while (d.len > 1 && d.data[0] == 0) {
		d.data++;
		d.len--;
	}
	for (size_t i = 0; i < d.len; i++) {
		if (d.len > 8) {
			if (i > 0)
				put_char(&t, ':');
			put_hex(&t, d.data[i], 2);
		}
		value = value << 8 | d.data[i];
	}
	if (d.len <= 8)
		put_number(&t, value);
	return true;
}

static bool read_validity(struct lnl_reader *r, struct lnl_cert *out)
{
	struct lnl_reader times;
	struct lnl_der d;

	return lnl_der_enter(r, LNL_DER_SEQUENCE, &times) && lnl_der_next(&times, &d) &&
	       lnl_der_seconds(&d, &out->not_before) == 0 && lnl_der_next(&times, &d) &&
	       lnl_der_seconds(&d, &out->not_after) == 0;
}

/* Algorithms that nobody may rely on any more: RSA with MD2, MD4 or MD5. */
static bool read_algorithm(struct lnl_reader *r, struct lnl_cert *out)
{
	static const char rsa[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01";
	struct lnl_reader inner;
	struct lnl_der oid;

	if (!lnl_der_enter(r, LNL_DER_SEQUENCE, &inner) || !lnl_der_take(&inner, LNL_DER_OID, &oid))
		return false;
	out->weak_digest = oid.len == sizeof(rsa) && memcmp(oid.data, rsa, sizeof(rsa) - 1) == 0 &&
			   oid.data[oid.len - 1] >= 2 && oid.data[oid.len - 1] <= 4;
	return true;
}

static bool read_names(struct lnl_reader *tbs, struct lnl_cert *out)
{
	struct text issuer = text_start(out->issuer, sizeof(out->issuer));
	struct text subject = text_start(out->subject, sizeof(out->subject));
	struct text cn = text_start(out->cn, sizeof(out->cn));

	/* The issuer's common name is not kept: |cn| starts again for the subject. */
	if (!read_name(tbs, &issuer, &cn))
		return false;
	cn = text_start(out->cn, sizeof(out->cn));
	if (!read_validity(tbs, out) || !read_name(tbs, &subject, &cn))
		return false;
	out->subject_lossy = subject.lossy;
	out->cn_lossy = cn.lossy;
	out->embedded_nul = subject.nul;
	return true;
}

bool lnl_cert_read_name(struct lnl_reader *r, char out[LNL_NAME_MAX])
{
	char ignored[LNL_NAME_MAX];
	struct text name = text_start(out, LNL_NAME_MAX);
	struct text cn = text_start(ignored, sizeof(ignored));

	return read_name(r, &name, &cn);
}

int lnl_cert_read(struct lnl_cert *out, const uint8_t *der, size_t len)
{
	struct lnl_reader file, cert, tbs, inner;
	struct lnl_der d, version = { 0 };

	*out = (struct lnl_cert){ 0 };
	lnl_reader_init(&file, der, len);
	if (!lnl_der_enter(&file, LNL_DER_SEQUENCE, &cert) || lnl_reader_left(&file) != 0 ||
	    !lnl_der_enter(&cert, LNL_DER_SEQUENCE, &tbs))
		return LNL_E_FORMAT;
	if (lnl_reader_left(&tbs) > 0 && tbs.p[0] == LNL_DER_CONTEXT(0) &&
	    (!lnl_der_enter(&tbs, LNL_DER_CONTEXT(0), &inner) ||
	     !lnl_der_take(&inner, LNL_DER_INTEGER, &version) || version.len != 1))
		return LNL_E_FORMAT;
	if (!read_serial(&tbs, out) || !read_algorithm(&tbs, out) || !read_names(&tbs, out) ||
	    lnl_digest(LNL_DIGEST_SHA256, der, len, out->sha256) != 0 ||
	    lnl_digest(LNL_DIGEST_SHA1, der, len, out->sha1) != 0)
		return LNL_E_FORMAT;
	/* After the names, so that the refusal can tell whose it is. */
	if (version.len == 0 || version.data[0] == 0)
		return LNL_E_UNSUPPORTED;
	while (lnl_der_next(&tbs, &d)) {
		lnl_reader_init(&inner, d.data, d.len);
		if (d.tag == LNL_DER_CONTEXT(3) && !read_extensions(&inner, out))
			return LNL_E_FORMAT;
	}
	return tbs.error == 0 ? 0 : LNL_E_FORMAT;
}

bool lnl_cert_name_matches(const struct lnl_cert *c, enum lnl_name_check how, const char *name)
{
	if (how == LNL_NAME_NONE)
		return true;
	const char *text = how == LNL_NAME_SUBJECT ? c->subject : c->cn;
	/* What was cut or replaced could match where the real name does not. */
	bool lossy = how == LNL_NAME_SUBJECT ? c->subject_lossy : c->cn_lossy;

	if (c->embedded_nul || lossy || text[0] == '\0' || name[0] == '\0')
		return false;
	if (how == LNL_NAME_CN_PREFIX)
		return strncmp(text, name, strlen(name)) == 0;
	return strcmp(text, name) == 0;
}
