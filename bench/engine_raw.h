/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What wolfSSL alone needs for the cryptography of a data packet: the yardstick of bench/engine. */
#ifndef LNL_BENCH_ENGINE_RAW_H
#define LNL_BENCH_ENGINE_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

struct raw;

/* Where one packet's parts stand; text is changed in place, or sealed from elsewhere. */
struct raw_packet {
	uint8_t *ad;  /* 8 bytes */
	uint8_t *tag; /* the tag, or the HMAC */
	uint8_t *iv;  /* of CBC; directly in front of text */
	uint8_t *text;
	uint32_t len;	     /* with CBC a multiple of 16 */
	const uint8_t *from; /* AEAD's plaintext where it is not at |text|; not for opening */
};

/* Both directions of one key; NULL when the library lacks the cipher. */
struct raw *raw_new(enum lnl_cipher cipher, const uint8_t key[32], const uint8_t nonce_end[8]);
void raw_free(struct raw *r);
/*
 * Seals, or opens, |n| packets, whose nonces start with |id| and count up. False when a call
 * failed.
 */
bool raw_seal(struct raw *r, const struct raw_packet *pkts, unsigned n, uint32_t id);
bool raw_open(struct raw *r, const struct raw_packet *pkts, unsigned n, uint32_t id);

#endif
