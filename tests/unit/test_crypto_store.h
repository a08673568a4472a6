/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store with a manager of its own, which can be asked directly whom it trusts. */
#ifndef LNL_TEST_CRYPTO_STORE_H
#define LNL_TEST_CRYPTO_STORE_H

#include "test_crypto_pair.h"

#include "crypto/wolfssl_tls.h"
#include "pki/pki.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEST(f)	   cmocka_unit_test_setup_teardown(f, start, stop)

#define CA_NAME	  "O=Lunel, CN=Test CA"
#define CRL_FIRST UINT64_C(1764547200) /* pki_crl: 2025-12-01 */

static struct test_env world;

static inline int start(void **state)
{
	(void)state;
	test_env_init(&world);
	return lnl_crypto_init(&world.env);
}

static inline int stop(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return world.live == 0 ? 0 : -1;
}

static inline void open_store(struct lnl_store *s)
{
	*s = (struct lnl_store){ .env = &world.env, .manager = wolfSSL_CertManagerNew() };
	assert_non_null(s->manager);
}

static inline void close_store(struct lnl_store *s)
{
	wolfSSL_CertManagerFree(s->manager);
	lnl_store_deinit(s);
	assert_null(s->cas);
	assert_null(s->crls);
}

static inline int add(struct lnl_store *s, const char *pem, struct lnl_why *why)
{
	struct lnl_blob blob = test_blob(pem);

	return lnl_store_add(s, &blob, why);
}

/* A PEM text that is fine, of |parts| up to NULL. */
static inline void must_add(struct lnl_store *s, const char *const *parts)
{
	struct lnl_why why = { "" };

	for (; *parts != NULL; parts++) {
		if (add(s, *parts, &why) != 0)
			fail_msg("%s", why.text);
	}
	assert_int_equal(lnl_store_refresh(s), 0);
}

static inline int set_crl(struct lnl_store *s, const char *const *parts, struct lnl_why *why)
{
	char text[8192] = "";
	struct lnl_blob blob = { text, 0 };

	for (; *parts != NULL; parts++)
		strcat(text, *parts);
	blob.len = strlen(text);
	return lnl_store_set_crl(s, &blob, why);
}

#define ADD(s, ...)	must_add(s, (const char *const[]){ __VA_ARGS__, NULL })
#define SET_CRL(s, ...) set_crl(s, (const char *const[]){ __VA_ARGS__, NULL }, NULL)

static inline const struct lnl_ca *ca_at(const struct lnl_store *s, unsigned i)
{
	const struct lnl_ca *ca = s->cas;

	while (ca != NULL && i-- > 0)
		ca = ca->next;
	return ca;
}

static inline unsigned count(const struct lnl_store *s)
{
	unsigned n = 0;

	while (ca_at(s, n) != NULL)
		n++;
	return n;
}

/* What the manager, asked directly, makes of a certificate. */
static inline int verdict(const struct lnl_store *s, const char *pem)
{
	return wolfSSL_CertManagerVerifyBuffer(s->manager, (const unsigned char *)pem,
					       (long)strlen(pem), WOLFSSL_FILETYPE_PEM);
}

static inline bool trusts(const struct lnl_store *s, const char *pem)
{
	return verdict(s, pem) == WOLFSSL_SUCCESS;
}

/* Time goes on, and the store is told. */
static inline void at(struct lnl_store *s, uint64_t now)
{
	world.now = now;
	assert_int_equal(lnl_store_refresh(s), 0);
}

#endif
