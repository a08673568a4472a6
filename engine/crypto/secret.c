/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one way to wipe a secret and the one way to compare one. */
#include "crypto/crypto.h"

#include <string.h>

void lnl_secret_wipe(void *p, size_t len)
{
	if (len == 0)
		return;
	memset(p, 0, len);
	/*
	 * The compiler must assume that somebody reads the bytes after this, so the memset stays.
	 */
	__asm__ volatile("" : : "r"(p) : "memory");
}

bool lnl_secret_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a;
	const uint8_t *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++) {
		diff |= (uint8_t)(x[i] ^ y[i]);
		/*
		 * Hides |diff| from the optimiser, which could else leave at the first difference.
		 */
		__asm__ volatile("" : "+r"(diff));
	}
	return diff == 0;
}
