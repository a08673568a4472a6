/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compares two secrets by the engine's one compare function ("equal"), or the way it must not be
 * done ("leaky"). To be run under valgrind, to which memory that nobody has written is undefined:
 * it complains when a jump or an address depends on the secrets, which is what time could tell.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.c"

static bool leaky_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++)
		if (x[i] != y[i])
			return false;
	return true;
}

/* Memory of which the compiler knows as little as valgrind. */
static void *secret(size_t len)
{
	void *p = malloc(len);

	__asm__ volatile("" : "+r"(p) : : "memory");
	if (!p)
		abort();
	return p;
}

int main(int argc, char **argv)
{
	bool (*equal)(const void *, const void *, size_t) =
		argc == 2 && strcmp(argv[1], "leaky") == 0 ? leaky_equal : lnl_secret_equal;
	/* Tags, fingerprints, the longest HMAC, and lengths that are no multiple of a word. */
	static const size_t lengths[] = { 1, 7, 16, 20, 32, 33, 64, 255 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		void *a = secret(lengths[i]), *b = secret(lengths[i]);

		bool result = equal(a, b, lengths[i]);
		__asm__ volatile("" : : "r"(result));
		free(a);
		free(b);
	}
	puts("compared");
	return 0;
}
