/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Randomness, digests, HMAC and the TLS 1.0 PRF against known answers. */
#include "test_crypto_env.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/wolfssl_compat.h"

static struct test_env world;

static int start(void **state)
{
	(void)state;
	test_env_init(&world);
	return lnl_crypto_init(&world.env);
}

static int stop(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return world.live == 0 ? 0 : -1;
}

static void version_is_named(void **state)
{
	unsigned major = 0, minor = 0, patch = 0;

	(void)state;
	assert_int_equal(sscanf(lnl_crypto_version(), "%u.%u.%u", &major, &minor, &patch), 3);
	assert_true(major >= 5);
}

/* The same seed replays the same bytes, another one does not. */
static void random_follows_the_seed(void **state)
{
	uint8_t first[300], again[300];

	(void)state;
	for (unsigned run = 0; run < 3; run++) {
		lnl_crypto_deinit();
		world.seed = run == 2 ? 99 : 7;
		assert_int_equal(lnl_crypto_init(&world.env), 0);
		assert_int_equal(lnl_crypto_random(NULL, run == 0 ? first : again, sizeof(first)),
				 0);
		if (run == 1)
			assert_memory_equal(first, again, sizeof(first));
		if (run == 2)
			assert_memory_not_equal(first, again, sizeof(first));
	}
	/* More than one block of the generator. */
	uint8_t *big = calloc(1, 200000);
	assert_int_equal(lnl_crypto_random(NULL, big, 200000), 0);
	assert_memory_not_equal(big, big + 100000, 100000);
	assert_memory_not_equal(big + 199968, (uint8_t[32]){ 0 }, 32);
	free(big);
}

static void k4_random_fails_closed(void **state)
{
	uint8_t out[16];

	(void)state;
	lnl_crypto_deinit();
	assert_int_equal(lnl_crypto_random(NULL, out, sizeof(out)), LNL_E_RANDOM);
	world.no_random = true;
	assert_int_equal(lnl_crypto_init(&world.env), LNL_E_RANDOM);
	assert_int_equal(lnl_crypto_random(NULL, out, sizeof(out)), LNL_E_RANDOM);
	world.no_random = false;
	assert_int_equal(lnl_crypto_init(&world.env), 0);
	assert_int_equal(lnl_crypto_random(NULL, out, sizeof(out)), 0);
}

/* Without an environment the system's randomness seeds: two children of one parent must differ. */
static void k4_forks_draw_apart(void **state)
{
	enum { DRAWS = 1000, SIZE = 8 };
	static uint8_t drawn[2][DRAWS][SIZE];
	int status;

	(void)state;
	lnl_crypto_deinit();
	assert_int_equal(lnl_crypto_init(NULL), 0);
	for (unsigned child = 0; child < 2; child++) {
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			bool good = true;

			for (unsigned i = 0; i < DRAWS && good; i++) {
				uint8_t id[SIZE];

				good = lnl_crypto_random(NULL, id, SIZE) == 0 &&
				       write(fds[1], id, SIZE) == SIZE;
			}
			_exit(good ? 0 : 1);
		}
		close(fds[1]);
		for (unsigned i = 0; i < DRAWS; i++)
			assert_int_equal(read(fds[0], drawn[child][i], SIZE), SIZE);
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	for (unsigned i = 0; i < DRAWS; i++) {
		for (unsigned k = 0; k < DRAWS; k++)
			assert_memory_not_equal(drawn[0][i], drawn[1][k], SIZE);
	}
	lnl_crypto_deinit();
	assert_int_equal(lnl_crypto_init(&world.env), 0);
}

/*
 * FIPS 180-4 and RFC 1321 ("abc"); RFC 2202 and 4231 test cases 1 and 6 where they define them,
 * else python3 hmac.
 */
static const struct {
	enum lnl_digest digest;
	const char *abc;
	const char *hi; /* HMAC of "Hi There" by 20 x 0x0b */
	const char *long_key;
} answers[] = {
	{ LNL_DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72", "5ccec34ea9656392457fa1ac27f08fbc",
	  "bfecaf4efff90a3a668f3922fec3762d" },
	{ LNL_DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d",
	  "b617318655057264e28bc0b6fb378c8ef146be00", "90d0dace1c1bdc957339307803160335bde6df2b" },
	{ LNL_DIGEST_SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
	  "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
	  "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e" },
	{ LNL_DIGEST_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ LNL_DIGEST_SHA384,
	  "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca1"
	  "34c825a7",
	  "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8"
	  "b2fa9cb6",
	  "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df1"
	  "63f44952" },
	{ LNL_DIGEST_SHA512,
	  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
	  "a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	  "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274e"
	  "aea3f4e4be9d914eeb61f1702e696c203a126854",
	  "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd221"
	  "5d6a1e5295e64f73f63f0aec8b915a985d786598" },
};

#define N_ANSWERS (sizeof(answers) / sizeof(answers[0]))

static void digests_known(void **state)
{
	uint8_t out[LNL_DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < N_ANSWERS; i++) {
		assert_int_equal(lnl_digest(answers[i].digest, "abc", 3, out), 0);
		test_hex_equal(out, answers[i].abc);
	}
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA1, NULL, 0, out), 0);
	test_hex_equal(out, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	assert_int_equal(lnl_digest(LNL_DIGEST_NONE, "abc", 3, out), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_digest((enum lnl_digest)99, "abc", 3, out), LNL_E_UNSUPPORTED);
}

static void hmacs_known(void **state)
{
	static const char larger[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], out[LNL_DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < N_ANSWERS; i++) {
		struct lnl_hmac *h;

		memset(key, 0x0b, 20);
		assert_int_equal(lnl_hmac_new(&h, &world.env, answers[i].digest, key, 20), 0);
		unsigned before = world.allocations;
		/* Twice, in different pieces: the object serves many messages. */
		assert_int_equal(lnl_hmac_run(h, &(struct lnl_piece){ "Hi There", 8 }, 1, out), 0);
		test_hex_equal(out, answers[i].hi);
		const struct lnl_piece pieces[] = {
			{ "Hi", 2 }, { NULL, 0 }, { " The", 4 }, { "re", 2 }
		};
		assert_int_equal(lnl_hmac_run(h, pieces, 4, out), 0);
		test_hex_equal(out, answers[i].hi);
		assert_int_equal(world.allocations, before);
		lnl_hmac_free(h);

		memset(key, 0xaa, sizeof(key));
		assert_int_equal(lnl_hmac_new(&h, &world.env, answers[i].digest, key, sizeof(key)),
				 0);
		assert_int_equal(lnl_hmac_run(h, &(struct lnl_piece){ larger, strlen(larger) }, 1,
					      out),
				 0);
		test_hex_equal(out, answers[i].long_key);
		lnl_hmac_free(h);

		before = world.allocations;
		memset(out, 0, sizeof(out));
		assert_int_equal(lnl_hmac_once(answers[i].digest, key, sizeof(key),
					       &(struct lnl_piece){ larger, strlen(larger) }, 1,
					       out),
				 0);
		test_hex_equal(out, answers[i].long_key);
		memset(key, 0x0b, 20);
		assert_int_equal(lnl_hmac_once(answers[i].digest, key, 20, pieces, 4, out), 0);
		test_hex_equal(out, answers[i].hi);
		assert_int_equal(world.allocations, before);
	}
}

static void hmac_refusals(void **state)
{
	struct lnl_hmac *h = NULL;
	uint8_t out[LNL_DIGEST_MAX];

	(void)state;
	assert_int_equal(lnl_hmac_once(LNL_DIGEST_NONE, (const uint8_t *)"k", 1, NULL, 0, out),
			 LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_hmac_once(LNL_DIGEST_SHA1, (const uint8_t *)"k", 0, NULL, 0, out),
			 LNL_E_KEY);
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_NONE, (const uint8_t *)"k", 1),
			 LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_SHA1, (const uint8_t *)"k", 0),
			 LNL_E_KEY);
	world.fail_at = world.allocations + 1;
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_SHA1, (const uint8_t *)"k", 1),
			 LNL_E_NOMEM);
	world.fail_at = 0;
	assert_null(h);
	lnl_hmac_free(NULL);
}

/* Computed with python3's hashlib and hmac by RFC 2246, section 5. */
static void prf_known(void **state)
{
	uint8_t secret[64], seed[80], out[256], digest[32];

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(0x40 + i);
	assert_int_equal(lnl_prf_tls10(out, 48, secret, 48, "OpenVPN master secret", seed, 64), 0);
	test_hex_equal(out, "0520ed5bef47cd2c1a5bc0e84254a42563fd7fd5caf5ccac49be59e7a71461ae"
			    "9c6876df8467a4fa34cbe95fdc22977f");
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(0x80 + i);
	assert_int_equal(lnl_prf_tls10(out, 256, secret, 48, "OpenVPN key expansion", seed, 80), 0);
	test_hex_equal(out, "8165979a5eb21fb80c8b24c7e0a9beec9a88c326860f8d2f3346a1c0d9d75831");
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, out, 256, digest), 0);
	test_hex_equal(digest, "2e3d1e3a1d584c88c262eff93962e28c91da0e9c9ba0d90a5e568870649a27a5");
	/* An odd secret: its halves share a byte. */
	assert_int_equal(lnl_prf_tls10(out, 20, secret, 47, "test", (const uint8_t *)"\0\1", 2), 0);
	test_hex_equal(out, "d2037de10d0e474c8451782cc279c68c53c9b404");
}

static void prf_refusals(void **state)
{
	uint8_t out[300], secret[48] = { 1 };

	(void)state;
	assert_int_equal(lnl_prf_tls10(out, 257, secret, 48, "l", secret, 48), LNL_E_KEY);
	assert_int_equal(lnl_prf_tls10(out, 0, secret, 48, "l", secret, 48), LNL_E_KEY);
	assert_int_equal(lnl_prf_tls10(out, 16, secret, 0, "l", secret, 48), LNL_E_KEY);
	assert_int_equal(lnl_prf_tls10(out, 16, secret, 48, "l", secret, 256), LNL_E_KEY);
}

/* What stands at |at|, which may be freed, so that it is the kernel that reads it. */
static bool stands_at(int mem, uintptr_t at, const uint8_t *secret, size_t len)
{
	uint8_t seen[256];

	assert_int_equal(pread(mem, seen, len, (off_t)at), (ssize_t)len);
	/* malloc itself writes into the first bytes of what is freed. */
	return memcmp(seen + len / 2, secret + len / 2, len - len / 2) == 0;
}

/* K2: what wolfSSL frees or moves keeps no secret; plain free would have left it. */
static void k2_freed_memory_is_wiped(void **state)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	wolfSSL_Malloc_cb allocate = NULL;
	wolfSSL_Realloc_cb resize = NULL;
	wolfSSL_Free_cb release = NULL;
	uint8_t secret[200];

	(void)state;
	assert_true(mem >= 0);
	world.env.random(world.env.ctx, secret, sizeof(secret));
	wolfSSL_GetAllocators(&allocate, &release, &resize);
	for (unsigned way = 0; way < 3; way++) {
		uint8_t *p = way == 0 ? resize(NULL, sizeof(secret)) : allocate(sizeof(secret));
		uintptr_t at = (uintptr_t)p;

		memcpy(p, secret, sizeof(secret));
		assert_true(stands_at(mem, at, secret, sizeof(secret)));
		if (way == 2) {
			free(p);
			assert_true(stands_at(mem, at, secret, sizeof(secret)));
			continue;
		}
		p = resize(p, 5000);
		assert_memory_equal(p, secret, sizeof(secret));
		assert_false(stands_at(mem, at, secret, sizeof(secret)));
		at = (uintptr_t)p;
		p = resize(p, sizeof(secret));
		assert_memory_equal(p, secret, sizeof(secret));
		assert_false(stands_at(mem, at, secret, sizeof(secret)));
		at = (uintptr_t)p;
		release(p);
		assert_false(stands_at(mem, at, secret, sizeof(secret)));
	}
	release(NULL);
	close(mem);
}

/* Allocators of the program around us stay, those of ours go with the last user. */
static void allocators_of_others_stay(void **state)
{
	wolfSSL_Malloc_cb allocate = NULL;
	wolfSSL_Realloc_cb resize = NULL;
	wolfSSL_Free_cb release = NULL;

	(void)state;
	lnl_crypto_deinit();
	wolfSSL_GetAllocators(&allocate, &release, &resize);
	assert_true(release == NULL);
	wolfSSL_SetAllocators(malloc, free, realloc);
	assert_int_equal(lnl_crypto_init(&world.env), 0);
	wolfSSL_GetAllocators(&allocate, &release, &resize);
	assert_true(release == free);
	lnl_crypto_deinit();
	wolfSSL_GetAllocators(&allocate, &release, &resize);
	assert_true(release == free);
	wolfSSL_SetAllocators(NULL, NULL, NULL);
	assert_int_equal(lnl_crypto_init(&world.env), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(version_is_named, start, stop),
		cmocka_unit_test_setup_teardown(random_follows_the_seed, start, stop),
		cmocka_unit_test_setup_teardown(k4_random_fails_closed, start, stop),
		cmocka_unit_test_setup_teardown(k4_forks_draw_apart, start, stop),
		cmocka_unit_test_setup_teardown(digests_known, start, stop),
		cmocka_unit_test_setup_teardown(hmacs_known, start, stop),
		cmocka_unit_test_setup_teardown(hmac_refusals, start, stop),
		cmocka_unit_test_setup_teardown(prf_known, start, stop),
		cmocka_unit_test_setup_teardown(prf_refusals, start, stop),
		cmocka_unit_test_setup_teardown(k2_freed_memory_is_wiped, start, stop),
		cmocka_unit_test_setup_teardown(allocators_of_others_stay, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
