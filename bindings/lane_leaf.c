/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/lane_leaf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

/* Eight bytes at a time: the compiler does not make that of the plain loop at -O2. */
static void mix_piece(uint8_t *data, const uint8_t *key, uint32_t n)
{
	uint64_t a, b;
	uint32_t i = 0;

	for (; i + sizeof(a) <= n; i += sizeof(a)) {
		memcpy(&a, data + i, sizeof(a));
		memcpy(&b, key + i, sizeof(b));
		a ^= b;
		memcpy(data + i, &a, sizeof(a));
	}
	for (; i < n; i++)
		data[i] ^= key[i];
}

static void mix(uint8_t *data, uint32_t len, const uint8_t *key, uint32_t key_len)
{
	while (len > 0) {
		uint32_t n = len < key_len ? len : key_len;

		mix_piece(data, key, n);
		data += n;
		len -= n;
	}
}

static uint32_t csum(const uint8_t *data, uint32_t len, uint32_t start)
{
	uint64_t sum = start;

	for (; len > 1; data += 2, len -= 2)
		sum += (uint32_t)data[0] << 8 | data[1];
	if (len)
		sum += (uint32_t)data[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum ^ 0xffff;
}

static int32_t find(const uint8_t *data, uint32_t len, const char *text, uint32_t text_len)
{
	const uint8_t *at = memmem(data, len, text, text_len);

	return at ? (int32_t)(at - data) : -1;
}

/* getrandom gives up to 256 bytes whole; more may be cut short by a signal. */
static bool refill(struct lnl_lane_random *r)
{
	size_t have = 0;

	while (have < sizeof(r->bytes)) {
		ssize_t n = getrandom(r->bytes + have, sizeof(r->bytes) - have, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	r->left = sizeof(r->bytes);
	return true;
}

static int32_t fill(struct lnl_lane_random *r, uint8_t *data, uint32_t len)
{
	while (len > 0) {
		uint32_t n;

		if (r->left == 0 && !refill(r))
			return 0;
		n = len < r->left ? len : r->left;
		r->left -= n;
		memcpy(data, r->bytes + r->left, n);
		explicit_bzero(r->bytes + r->left, n);
		data += n;
		len -= n;
	}
	return 1;
}

static double number(struct lnl_lane_random *r)
{
	uint32_t bits;

	if (!fill(r, (uint8_t *)&bits, sizeof(bits)))
		return -1;
	return bits;
}

static int32_t address(const char *text, uint8_t *out)
{
	memset(out, 0, 16);
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	memset(out, 0, 16);
	return inet_pton(AF_INET6, text, out) == 1 ? 6 : 0;
}

const struct lnl_lane_leaf lnl_lane_leaf = {
	.mix = mix,
	.csum = csum,
	.find = find,
	.number = number,
	.fill = fill,
	.address = address,
};
