/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/traffic.h"

#include <string.h>

void sim_traffic_take(struct sim_traffic *t, const uint8_t *data, size_t len)
{
	uint32_t number;
	bool whole = len >= SIM_PACKET && data[0] == 0x45;

	for (size_t i = 32; whole && i < len; i++)
		whole = data[i] == (uint8_t)(i * 7 + data[31]);
	if (!whole) {
		t->damaged++;
		return;
	}
	number = (uint32_t)data[28] << 24 | (uint32_t)data[29] << 16 | (uint32_t)data[30] << 8 |
		 data[31];
	if (number >= t->sent || number >= SIM_NUMBERS) {
		t->damaged++;
		return;
	}
	if (t->seen[number / 8] & 1U << number % 8) {
		t->doubled++;
		return;
	}
	t->seen[number / 8] |= (uint8_t)(1U << number % 8);
	if (t->got > 0 && number < t->highest)
		t->reordered++;
	else
		t->highest = number;
	t->got++;
}

void sim_traffic_fill(uint8_t *p, size_t len, uint32_t number)
{
	memset(p, 0, 32);
	p[0] = 0x45;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	p[8] = 64;
	p[9] = 17;
	p[12] = p[16] = 10;
	p[28] = (uint8_t)(number >> 24);
	p[29] = (uint8_t)(number >> 16);
	p[30] = (uint8_t)(number >> 8);
	p[31] = (uint8_t)number;
	for (size_t i = 32; i < len; i++)
		p[i] = (uint8_t)(i * 7 + p[31]);
}
