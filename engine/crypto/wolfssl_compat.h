/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How wolfSSL is included, and the only place that asks how it was built: options.h must come
 * first, and what one version or build lacks gets one answer here.
 */
#ifndef LNL_CRYPTO_WOLFSSL_COMPAT_H
#define LNL_CRYPTO_WOLFSSL_COMPAT_H

#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/version.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/chacha.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/kdf.h>
#include <wolfssl/wolfcrypt/poly1305.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/wc_port.h>

#if defined(WOLFSSL_AESNI) || defined(WOLFSSL_ARMASM)
#define LNL_WOLFSSL_ASSEMBLY true
#else
#define LNL_WOLFSSL_ASSEMBLY false
#endif

#endif
