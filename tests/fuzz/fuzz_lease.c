/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lease files into a pool and back, tokens and their key files. What is told can be written and is
 * read back; a pool tells what it was told; no bytes are a token but those that were written.
 */
#include <stdlib.h>
#include <string.h>

#include "control/lease.h"
#include "control/pool.h"
#include "control/token.h"
#include "fuzz_env.h"

#define NOW UINT64_C(1767225600)

static struct fuzz_machine machine = { .wallclock = NOW, .random = 0x5a };
static const struct lnl_env env = FUZZ_ENV(&machine);

/* ---- leases ---- */

struct seen {
	struct lnl_pool *pools[3]; /* IPv4, net30, IPv6 */
	const char *name;
	const struct lnl_ip *ip;
	unsigned told;
};

static void same(void *ctx, const char *name, const struct lnl_ip *ip)
{
	struct seen *s = ctx;

	require(strcmp(name, s->name) == 0 && lnl_ip_equal(ip, s->ip));
	s->told++;
}

static void told(void *ctx, const char *name, const struct lnl_ip *ip)
{
	struct seen *s = ctx, back = { .name = name, .ip = ip };
	char line[LNL_LEASE_LINE];
	struct lnl_writer w;

	require(name[0] != '\0' && strlen(name) < LNL_LEASE_NAME && ip->family != 0);
	lnl_writer_init(&w, line, sizeof(line));
	lnl_lease_write(&w, name, ip);
	require(w.error == 0 && lnl_writer_len(&w) == lnl_lease_len(name, ip));
	require(lnl_lease_read(line, lnl_writer_len(&w), &back, same) == 0 && back.told == 1);
	for (unsigned i = 0; i < 3; i++) {
		unsigned before = lnl_pool_leases(s->pools[i]);
		struct lnl_ip got;

		if (lnl_pool_lease(s->pools[i], name, ip) < 0) {
			require(lnl_pool_leases(s->pools[i]) == before);
			continue;
		}
		require(lnl_pool_take(s->pools[i], name, &got) == 0);
		require(i == 1 ? memcmp(got.bytes, ip->bytes, 3) == 0 : lnl_ip_equal(&got, ip));
		lnl_pool_release(s->pools[i], ip);
		require(lnl_pool_used(s->pools[i]) == 0);
	}
}

static void count(void *ctx, const char *name, const struct lnl_ip *ip)
{
	unsigned *n = ctx;

	require(name[0] != '\0' && strlen(name) < LNL_POOL_NAME && ip->family != 0);
	(*n)++;
}

static void leases(const char *text, size_t len)
{
	static const char *const ranges[3][2] = { { "10.8.0.2", "10.8.0.254" },
						  { "10.8.0.4", "10.8.0.255" },
						  { "fd00::2", "fd00::ffff" } };
	struct seen s = { .told = 0 };

	for (unsigned i = 0; i < 3; i++) {
		struct lnl_pool_conf conf = { .kind = i == 1 ? LNL_POOL_NET30 : LNL_POOL_SINGLE };

		require(lnl_ip_parse(&conf.first, ranges[i][0]) == 0);
		require(lnl_ip_parse(&conf.last, ranges[i][1]) == 0);
		require(lnl_pool_new(&s.pools[i], &env, &conf) == 0);
	}
	require(lnl_lease_read(text, len, &s, told) <= len);
	for (unsigned i = 0; i < 3; i++) {
		unsigned n = 0;

		lnl_pool_each(s.pools[i], &n, count);
		require(n == lnl_pool_leases(s.pools[i]) && n <= lnl_pool_size(s.pools[i]));
		lnl_pool_free(s.pools[i]);
	}
}

/* ---- tokens ---- */

/* |data|: a token's facts and user for the writer, and a password for the reader. */
static void tokens(const uint8_t *data, size_t size)
{
	static const uint8_t key[64] = { 1 };
	struct lnl_token_facts f = { .initial = NOW }, got;
	char text[LNL_TOKEN_TEXT], user[17] = "";
	char *password = calloc(1, size + 1);
	struct lnl_tokens t;
	size_t len;

	require(password != NULL && lnl_tokens_init(&t, &env, key, 3600, 600) == 0);
	memcpy(password, data, size);
	require(lnl_token_check(&t, "anna", password, NOW, &got) != LNL_TOKEN_VALID ||
		lnl_token_write(&t, &got, "anna", got.renewed, text) < 0 ||
		strcmp(text, password) == 0);
	memcpy(f.session, data, size < sizeof(f.session) ? size : sizeof(f.session));
	strncpy(user, password, sizeof(user) - 1);
	require(lnl_token_write(&t, &f, user, NOW, text) == 0);
	require(lnl_token_check(&t, user, text, NOW, &got) == LNL_TOKEN_VALID);
	require(memcmp(got.session, f.session, sizeof(f.session)) == 0 && got.renewed == NOW);
	/* One character is another one. */
	len = strlen(text);
	if (size >= 2 && data[1] != 0 && data[1] != (uint8_t)text[data[0] % len]) {
		text[data[0] % len] = (char)data[1];
		require(lnl_token_check(&t, user, text, NOW, &got) != LNL_TOKEN_VALID);
	}
	lnl_tokens_deinit(&t);
	free(password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[64];

	leases((const char *)data, size);
	tokens(data, size);
	memset(key, 1, sizeof(key));
	if (lnl_token_key(key, (const char *)data, size) < 0)
		require(key[0] == 0 && memcmp(key, key + 1, sizeof(key) - 1) == 0);
	return 0;
}
