/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The toy behind the fake: a mixer that is fast, the same everywhere, and protects nothing. */
#ifndef LNL_CRYPTO_FAKE_H
#define LNL_CRYPTO_FAKE_H

#include "crypto/crypto.h"

struct fake_mix {
	uint64_t a, b;
};

/* Starts a mix that differs by |purpose|. */
struct fake_mix fake_start(uint64_t purpose);
/* Mixes |len| bytes and their number in. */
void fake_absorb(struct fake_mix *m, const void *data, size_t len);
/* Writes |len| bytes that depend on all that was mixed in. */
void fake_squeeze(const struct fake_mix *m, uint8_t *out, size_t len);
/* As fake_squeeze, but xors into |dst| from |src|. */
void fake_stream(const struct fake_mix *m, uint8_t *dst, const uint8_t *src, size_t len);

#endif
