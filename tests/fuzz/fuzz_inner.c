/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inner packets through the MSS clamp: flags(1) mss(2) packet. Whatever the bytes are, the clamp
 * replaces 16-bit values by no larger ones, makes up for it in one checksum, and has nothing left to
 * do the second time.
 */
#include <stdlib.h>
#include <string.h>

#include "data/inner.h"
#include "data/mss.h"
#include "fuzz_env.h"

#define PACKET_MAX 2048

/* The Internet checksum's sum from |p| on, where |p| is as even as the packet's TCP header. */
static uint32_t sum_of(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 != 0 ? p[i] : (uint32_t)p[i] << 8;
	return sum % 0xffff;
}

static void check_one(const uint8_t *packet, size_t len, uint16_t mss, bool tap)
{
	uint8_t *p = fuzz_exact(packet, len);

	(void)lnl_inner_is_sane(p, (uint32_t)len, tap);
	lnl_mss_clamp(p, (uint32_t)len, mss, tap);

	size_t changed = 0;
	for (size_t i = 0; i < len; i++)
		changed += p[i] != packet[i];
	/* At most ten MSS options fit a TCP header; its checksum is the eleventh value. */
	require(changed <= 22);
	require(sum_of(p, len) == sum_of(packet, len));

	uint8_t *again = fuzz_exact(p, len);
	lnl_mss_clamp(again, (uint32_t)len, mss, tap);
	require(memcmp(again, p, len) == 0);
	free(again);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4 || size > PACKET_MAX)
		return 0;
	uint16_t mss = (uint16_t)(data[1] << 8 | data[2]);
	check_one(data + 3, size - 3, mss, data[0] & 1);
	return 0;
}
