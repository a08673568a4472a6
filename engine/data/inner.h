/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a decrypted payload must look like before the TUN device sees it. */
#ifndef LNL_DATA_INNER_H
#define LNL_DATA_INNER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether |len| bytes at |packet| start with a whole IPv4 or IPv6 header, or, when |tap|, with an
 * Ethernet one. What the header says is the kernel's to judge.
 */
bool lnl_inner_is_sane(const uint8_t *packet, uint32_t len, bool tap);

#endif
