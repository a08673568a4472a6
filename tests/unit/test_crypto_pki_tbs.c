/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is signed, byte by byte where RFC 5280 leaves no choice. */
#include "test_crypto_env.h"

#include "crypto/pki_tbs.h"

static int start(void **state)
{
	(void)state;
	return lnl_crypto_init(NULL);
}

static int stop(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return 0;
}

/* An Ed25519 key's SubjectPublicKeyInfo. */
static const uint8_t spki[44] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b,
				  0x65, 0x70, 0x03, 0x21, 0x00, 7 };
static const uint8_t name[] = { 0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03,
				0x55, 0x04, 0x03, 0x0c, 0x02, 'C',  'A' };
static const struct lnl_issuer issuer = { .name = name,
					  .name_len = sizeof(name),
					  .spki = spki,
					  .spki_len = sizeof(spki),
					  .key_id = { 0xab, 0xcd },
					  .key_id_len = 2 };

static void expect(const struct lnl_der_writer *w, const char *hex)
{
	static uint8_t want[1024];
	size_t n = test_hex(want, sizeof(want), hex);

	assert_int_equal(w->error, 0);
	assert_int_equal(lnl_der_len(w), n);
	assert_memory_equal(w->p, want, n);
}

#define CRL_HEAD                                                                                   \
	"020101"			     /* v2 */                                              \
	"300506032b6570"		     /* Ed25519 */                                         \
	"300d310b300906035504030c024341"     /* CN=CA */                                           \
	"170d3236303130313030303030305a"     /* this update */                                     \
	"180f32303532303530383035333332305a" /* next update: from 2050 on in four digits */
#define CRL_TAIL                                                                                   \
	"a01d301b"                                                                                 \
	"300d0603551d23040630048002abcd" /* authority key id */                                    \
	"300a0603551d1404030201"                                                                   \
	"05" /* CRL number */

static void test_crl(void **state)
{
	const struct lnl_revoked one = { { 0x00, 0x90 }, 2, TEST_NOW };
	struct lnl_crl_request r = { .number = 5,
				     .this_update = TEST_NOW,
				     .next_update = UINT64_C(2600000000 - 1240800) };
	uint8_t buf[512];
	struct lnl_der_writer w;

	(void)state;
	/* Without entries there is no list, not an empty one. */
	lnl_der_begin(&w, buf, sizeof(buf));
	assert_int_equal(lnl_tbs_crl(&w, &r, LNL_KEY_ED25519, &issuer), 0);
	expect(&w, "3058" CRL_HEAD CRL_TAIL);
	r.revoked = &one;
	r.n_revoked = 1;
	lnl_der_begin(&w, buf, sizeof(buf));
	assert_int_equal(lnl_tbs_crl(&w, &r, LNL_KEY_ED25519, &issuer), 0);
	expect(&w, "306f" CRL_HEAD "301530130202"
		   "0090"
		   "170d3236303130313030303030305a" CRL_TAIL);
}

/* The extension |id| (under 2.5.29) of the certificate in |w|: its value, and whether critical. */
static bool find(const struct lnl_der_writer *w, uint8_t id, struct lnl_der *value, bool *critical)
{
	const uint8_t oid[] = { 0x55, 0x1d, id };
	struct lnl_reader r, tbs, inner, list, extension;
	struct lnl_der d;

	lnl_reader_init(&r, w->p, lnl_der_len(w));
	assert_true(lnl_der_enter(&r, LNL_DER_SEQUENCE, &tbs));
	while (lnl_der_next(&tbs, &d) && d.tag != LNL_DER_CONTEXT(3))
		;
	lnl_reader_init(&inner, d.data, d.len);
	assert_true(lnl_der_enter(&inner, LNL_DER_SEQUENCE, &list));
	while (lnl_der_enter(&list, LNL_DER_SEQUENCE, &extension)) {
		assert_true(lnl_der_take(&extension, LNL_DER_OID, &d));
		bool found = lnl_der_is_oid(&d, oid, sizeof(oid));
		assert_true(lnl_der_next(&extension, value));
		*critical = value->tag == LNL_DER_BOOLEAN;
		if (*critical)
			assert_true(lnl_der_next(&extension, value));
		if (found)
			return true;
	}
	return false;
}

static void test_extensions(void **state)
{
	static const struct {
		enum lnl_cert_role role;
		enum lnl_key_kind kind;
		uint8_t id;
		bool critical;
		const char *hex; /* NULL: it is not there */
	} rows[] = {
		{ LNL_CERT_ROLE_CA, LNL_KEY_EC, 19, true, "30030101ff" },
		{ LNL_CERT_ROLE_CA, LNL_KEY_EC, 15, true, "03020106" },
		{ LNL_CERT_ROLE_CA, LNL_KEY_EC, 37, false, NULL },
		{ LNL_CERT_ROLE_CA, LNL_KEY_EC, 35, false, NULL },
		{ LNL_CERT_ROLE_SERVER, LNL_KEY_EC, 19, false, "3000" },
		{ LNL_CERT_ROLE_SERVER, LNL_KEY_EC, 15, true, "03020388" },
		{ LNL_CERT_ROLE_SERVER, LNL_KEY_RSA2048, 15, true, "030205a0" },
		{ LNL_CERT_ROLE_SERVER, LNL_KEY_ED25519, 15, true, "03020780" },
		{ LNL_CERT_ROLE_SERVER, LNL_KEY_EC, 37, false, "300a06082b06010505070301" },
		{ LNL_CERT_ROLE_SERVER, LNL_KEY_EC, 35, false, "30048002abcd" },
		{ LNL_CERT_ROLE_CLIENT, LNL_KEY_RSA4096, 15, true, "03020780" },
		{ LNL_CERT_ROLE_CLIENT, LNL_KEY_EC, 37, false, "300a06082b06010505070302" },
		{ LNL_CERT_ROLE_CLIENT, LNL_KEY_EC, 17, false, NULL },
	};
	static const uint8_t serial[LNL_SERIAL_LEN] = { 0x40 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct lnl_public subject = { rows[i].kind, spki, sizeof(spki) };
		const struct lnl_cert_request r = { .role = rows[i].role,
						    .cn = "x",
						    .not_before = TEST_NOW,
						    .not_after = TEST_NOW + 1 };
		bool ca = rows[i].role == LNL_CERT_ROLE_CA, critical = false;
		uint8_t buf[1024], want[64];
		struct lnl_der_writer w;
		struct lnl_der value;

		lnl_der_begin(&w, buf, sizeof(buf));
		assert_int_equal(lnl_tbs_cert(&w, &r, serial, &subject, LNL_KEY_EC,
					      ca ? NULL : &issuer),
				 0);
		assert_int_equal(find(&w, rows[i].id, &value, &critical), rows[i].hex != NULL);
		if (rows[i].hex == NULL)
			continue;
		assert_int_equal(critical, rows[i].critical);
		assert_int_equal(value.len, test_hex(want, sizeof(want), rows[i].hex));
		assert_memory_equal(value.data, want, value.len);
	}
}

/* Every room that is too small is told, and a key that is none. */
static void test_refused(void **state)
{
	static const uint8_t serial[LNL_SERIAL_LEN] = { 0x40 };
	static const uint8_t no_key[] = { 0x30, 0x00 };
	struct lnl_public subject = { LNL_KEY_EC, spki, sizeof(spki) };
	const struct lnl_cert_request r = { .role = LNL_CERT_ROLE_CLIENT,
					    .cn = "x",
					    .not_before = TEST_NOW,
					    .not_after = TEST_NOW + 1 };
	uint8_t buf[1024];
	struct lnl_der_writer w;
	size_t needed;

	(void)state;
	lnl_der_begin(&w, buf, sizeof(buf));
	assert_int_equal(lnl_tbs_cert(&w, &r, serial, &subject, LNL_KEY_EC, &issuer), 0);
	needed = lnl_der_len(&w);
	for (size_t cap = 0; cap < needed; cap++) {
		lnl_der_begin(&w, buf, cap);
		assert_int_equal(lnl_tbs_cert(&w, &r, serial, &subject, LNL_KEY_EC, &issuer),
				 LNL_E_SPACE);
	}
	subject.spki = no_key;
	subject.spki_len = sizeof(no_key);
	lnl_der_begin(&w, buf, sizeof(buf));
	assert_int_equal(lnl_tbs_cert(&w, &r, serial, &subject, LNL_KEY_EC, &issuer), LNL_E_FORMAT);
}

/* A CA's certificate cut anywhere, or changed anywhere, is read within its bounds. */
static void test_issuer(void **state)
{
	static const uint8_t serial[LNL_SERIAL_LEN] = { 0x40 };
	const struct lnl_public subject = { LNL_KEY_ED25519, spki, sizeof(spki) };
	const struct lnl_cert_request r = { .role = LNL_CERT_ROLE_CA,
					    .cn = "CA",
					    .not_before = TEST_NOW,
					    .not_after = TEST_NOW + 1 };
	struct lnl_issuer got;
	uint8_t buf[1024], id[20];
	struct lnl_der_writer w;

	(void)state;
	lnl_der_begin(&w, buf, sizeof(buf));
	assert_int_equal(lnl_tbs_cert(&w, &r, serial, &subject, LNL_KEY_ED25519, NULL), 0);
	lnl_der_wrap(&w, LNL_DER_SEQUENCE, 0);
	size_t len = lnl_der_len(&w);
	assert_int_equal(lnl_issuer_read(&got, w.p, len), 0);
	assert_int_equal(got.name_len, sizeof(name));
	assert_memory_equal(got.name, name, sizeof(name));
	assert_int_equal(got.spki_len, sizeof(spki));
	assert_memory_equal(got.spki, spki, sizeof(spki));
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA1, spki + 12, 32, id), 0);
	assert_int_equal(got.key_id_len, 20);
	assert_memory_equal(got.key_id, id, 20);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut + 1);

		memcpy(copy, w.p, cut);
		assert_int_equal(lnl_issuer_read(&got, copy, cut), LNL_E_FORMAT);
		free(copy);
	}
	for (size_t i = 0; i < 8 * len; i++) {
		uint8_t *copy = malloc(len);

		memcpy(copy, w.p, len);
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		if (lnl_issuer_read(&got, copy, len) == 0)
			assert_true(got.name >= copy && got.spki + got.spki_len <= copy + len);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crl),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_issuer),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
