/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS sessions of every kind of key and version, and what connected ones must agree on. */
#ifndef LNL_TEST_CRYPTO_TLS_H
#define LNL_TEST_CRYPTO_TLS_H

#include "test_crypto_pair.h"

#include "crypto/wolfssl_tls.h"
#include "pki/pki.h"

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

static const struct kind {
	const char *name, *ca, *server, *client, *key;
} kinds[] = {
	{ "RSA", pki_rsa_ca, pki_rsa_server, pki_rsa_client, pki_rsa_key },
	{ "P-256", pki_p256_ca, pki_p256_server, pki_p256_client, pki_p256_key },
	{ "P-384", pki_p384_ca, pki_p384_server, pki_p384_client, pki_p384_key },
	{ "Ed25519", pki_ed_ca, pki_ed_server, pki_ed_client, pki_ed_key },
};

static inline struct lnl_tls_settings settings_of(const struct kind *k, bool server)
{
	return (struct lnl_tls_settings){
		.server = server,
		.ca = test_blob(k->ca),
		.cert = test_blob(server ? k->server : k->client),
		.key = test_blob(k->key),
	};
}

static inline struct lnl_tls_settings version_of(const struct kind *k, bool server,
						 enum lnl_tls_version v)
{
	struct lnl_tls_settings s = settings_of(k, server);

	s.version_min = s.version_max = v;
	return s;
}

static inline void configure_version(struct pair *p, const struct kind *k, enum lnl_tls_version v)
{
	struct lnl_tls_settings client = version_of(k, false, v), server = version_of(k, true, v);

	pair_configure(p, &world.env, &client, &server);
}

static inline void connected(struct pair *p, size_t cut)
{
	pair_connect(p);
	pair_run(p, cut);
	if (p->result[0] != 1 || p->result[1] != 1)
		print_error("client: %s\nserver: %s\n", lnl_tls_why(p->tls[0]),
			    lnl_tls_why(p->tls[1]));
	assert_int_equal(p->result[0], 1);
	assert_int_equal(p->result[1], 1);
}

/* The same keying material at both ends, another one for another label. */
static inline void exporter_agrees(struct pair *p)
{
	static const char *const labels[] = { "EXPORTER-OpenVPN-datakeys",
					      "EXPORTER-OpenVPN-dynamic-tls-crypt" };
	uint8_t keys[2][2][256];

	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(lnl_tls_export(p->tls[end], labels[i], keys[end][i], 256),
					 0);
		lnl_tls_exported(p->tls[end]);
		assert_int_equal(lnl_tls_export(p->tls[end], labels[0], keys[end][0], 256),
				 LNL_E_STATE);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_memory_equal(keys[0][i], keys[1][i], 256);
	assert_memory_not_equal(keys[0][0], keys[0][1], 256);
}

/* Messages of several sizes from |from|, each one record, read whole. */
static inline void talk(struct pair *p, unsigned from)
{
	static const size_t sizes[] = { 1, 2, 255, 2048, 16384 };
	static uint8_t sent[16384], got[16384], records[20000];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(sent, (int)i + 1, sizeof(sent));
		assert_int_equal(lnl_tls_write(p->tls[from], sent, sizes[i]), 0);
		size_t n = lnl_tls_output(p->tls[from], records, sizeof(records));
		/* One record: its header tells the length of all that came. */
		assert_int_equal(records[0], 23);
		assert_int_equal(5 + (records[3] << 8 | records[4]), n);
		assert_int_equal(lnl_tls_input(p->tls[!from], records, n - 1), 0);
		assert_int_equal(lnl_tls_read(p->tls[!from], got, sizeof(got)), 0);
		assert_int_equal(lnl_tls_input(p->tls[!from], records + n - 1, 1), 0);
		assert_int_equal(lnl_tls_read(p->tls[!from], got, sizeof(got)), sizes[i]);
		assert_memory_equal(got, sent, sizes[i]);
		assert_int_equal(lnl_tls_read(p->tls[!from], got, sizeof(got)), 0);
	}
}

#endif
