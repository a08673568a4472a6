/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sessions cost, and what is left when there is no memory for them. */
#include "test_crypto_tls.h"

/*
 * wolfSSL's memory: counted, failing on demand, and in a list, since 5.5.4 forgets some of its own
 * when an allocation fails.
 */
struct block {
	_Alignas(16) struct block *next;
	struct block **link;
	size_t size;
};

static struct block *blocks;
static size_t library_bytes;
static unsigned library_calls, library_fail_at;

static void *counting_malloc(size_t size)
{
	library_calls++;
	if (library_fail_at != 0 && library_calls >= library_fail_at)
		return NULL;
	struct block *b = malloc(sizeof(*b) + size);
	*b = (struct block){ .next = blocks, .link = &blocks, .size = size };
	if (blocks != NULL)
		blocks->link = &b->next;
	blocks = b;
	library_bytes += size;
	return b + 1;
}

static void counting_free(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (p == NULL)
		return;
	*b->link = b->next;
	if (b->next != NULL)
		b->next->link = b->link;
	library_bytes -= b->size;
	free(b);
}

static void *counting_realloc(void *p, size_t size)
{
	void *other = counting_malloc(size);

	if (other != NULL && p != NULL) {
		size_t old = ((struct block *)p - 1)->size;

		memcpy(other, p, old < size ? old : size);
		counting_free(p);
	}
	return other;
}

static int start_counting(void **state)
{
	library_bytes = 0;
	library_fail_at = 0;
	wolfSSL_SetAllocators(counting_malloc, counting_free, counting_realloc);
	return start(state);
}

static int stop_counting(void **state)
{
	int result = stop(state);

	wolfSSL_SetAllocators(malloc, free, realloc);
	return result == 0 && library_bytes == 0 ? 0 : -1;
}

/* Behind a failure that was made, the library's memory is its own affair. */
static int stop_forgiving(void **state)
{
	int result = stop(state);

	wolfSSL_SetAllocators(malloc, free, realloc);
	while (blocks != NULL)
		counting_free(blocks + 1);
	return result;
}

/* An idle session: nothing of the handshake's is kept. */
static void idle_session_is_small(void **state)
{
	uint8_t got[16];
	struct pair p;

	(void)state;
	for (unsigned v = LNL_TLS_1_2; v <= LNL_TLS_1_3; v++) {
		configure_version(&p, &kinds[1], (enum lnl_tls_version)v);
		size_t ours = world.bytes, library = library_bytes;
		connected(&p, SIZE_MAX);
		for (unsigned e = 0; e < 2; e++)
			lnl_tls_read(p.tls[e], got, sizeof(got));
		size_t before = library_bytes;
		exporter_agrees(&p);
		assert_true(library_bytes + 500 < before);
		talk(&p, 0);
		talk(&p, 1);
		lnl_tls_chain_drop(p.tls[0]);
		lnl_tls_chain_drop(p.tls[1]);
		ours = (world.bytes - ours) / 2;
		library = (library_bytes - library) / 2;
		print_message("TLS 1.%u: %zu bytes of ours, %zu of the library's\n", v + 1, ours,
			      library);
		assert_true(ours <= 1024);
		pair_release(&p);
	}
}

/* One handshake whose |k|-th allocation fails, and all after it. True when none was needed. */
static bool fails_at(struct pair *p, unsigned k, bool library)
{
	world.fail_at = library ? 0 : world.allocations + k;
	library_fail_at = library ? library_calls + k : 0;
	p->result[0] = p->result[1] = 0;
	if (lnl_tls_new(&p->tls[0], p->conf[0]) == 0 && lnl_tls_new(&p->tls[1], p->conf[1]) == 0)
		pair_run(p, SIZE_MAX);
	bool done = p->result[0] == 1 && p->result[1] == 1;
	world.fail_at = library_fail_at = 0;
	pair_disconnect(p);
	return done;
}

static void memory_runs_out_in_handshake(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		configure_version(&p, &kinds[1], i % 2 == 0 ? LNL_TLS_1_2 : LNL_TLS_1_3);
		unsigned k = 1;
		while (!fails_at(&p, k, i >= 2))
			assert_true(++k < 5000);
		/* And afterwards all is well again. */
		connected(&p, SIZE_MAX);
		pair_release(&p);
	}
}

static void memory_runs_out_in_settings(void **state)
{
	/* 5.5.4 itself reads through NULL when there is no memory for a private key. */
	unsigned runs = strncmp(lnl_crypto_version(), "5.5", 3) == 0 ? 2 : 4;

	(void)state;
	for (unsigned i = 0; i < runs; i++) {
		static const uint16_t ku = 0x80;
		struct lnl_tls_settings s = {
			.ca = test_blob(pki_ca),
			.crl = test_blob(pki_crl),
			.cert = test_blob(pki_good),
			.key = test_blob(i % 2 == 0 ? pki_key : pki_ec_pkcs8_aes),
			.password = "secret",
			.fingerprints = &pki_good_sha256,
			.n_fingerprints = 1,
			.name_check = LNL_NAME_CN,
			.name = "x",
			.ku = &ku,
			.n_ku = 1,
		};
		struct lnl_tls_conf *conf;
		struct lnl_why why;
		int error = LNL_E_NOMEM;

		if (i % 2 == 1)
			s.pkcs12 =
				(struct lnl_blob){ (const char *)pki_ec_p12, sizeof(pki_ec_p12) };
		for (unsigned k = 1; error != 0; k++) {
			assert_true(k < 5000);
			world.fail_at = i < 2 ? world.allocations + k : 0;
			library_fail_at = i < 2 ? 0 : library_calls + k;
			error = lnl_tls_conf_new(&conf, &world.env, &s, &why);
			world.fail_at = library_fail_at = 0;
			if (error != 0)
				assert_true(strlen(why.text) > 5);
		}
		lnl_tls_conf_free(conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(idle_session_is_small, start_counting,
						stop_counting),
		cmocka_unit_test_setup_teardown(memory_runs_out_in_handshake, start_counting,
						stop_forgiving),
		cmocka_unit_test_setup_teardown(memory_runs_out_in_settings, start_counting,
						stop_forgiving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
