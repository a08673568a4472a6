/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control packets into lnl_wrap_read: a byte that chooses the wrapping, then records of kind(1)
 * len(1) bytes. A record is a raw packet; a body that a peer with the key wrapped, so that what
 * stands behind authentication is met, too; or such a packet with one byte changed, which must be
 * refused and change nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "control/wrap.h"
#include "fuzz_env.h"

enum record { RECORD_RAW, RECORD_SEALED, RECORD_CHANGED, RECORD_AGAIN, RECORD_KINDS };

struct world {
	struct lnl_wrap_key keys[2];
	struct lnl_wrap send, recv;
	uint8_t last[LNL_WRAP_PACKET_MAX]; /* packet that was read before */
	size_t last_len;
};

static struct fuzz_machine machine = { .wallclock = 1, .random = 0x5c };
static const struct lnl_env env = FUZZ_ENV(&machine);

static void start(struct world *w, uint8_t config)
{
	static const enum lnl_digest digests[] = { LNL_DIGEST_SHA1, LNL_DIGEST_SHA256,
						   LNL_DIGEST_SHA512 };
	enum lnl_digest digest = digests[config / 4 % 3];
	struct lnl_static_key key;

	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)i;
	for (int i = 0; i < 2; i++) {
		struct lnl_wrap_key *k = &w->keys[i];

		if (config % 4 == 0)
			lnl_wrap_key_none(k);
		else if (config % 4 == 1)
			require(lnl_wrap_key_auth(k, &env, &key, i, digest) == 0);
		else if (config % 4 == 2)
			require(lnl_wrap_key_auth(k, &env, &key, -1, digest) == 0);
		else
			require(lnl_wrap_key_crypt(k, &env, &key, i == 1) == 0);
	}
	lnl_wrap_init(&w->send, &w->keys[0], config & 0x80 ? LNL_WRAP_EARLY_ID : 0, 1000);
	lnl_wrap_init(&w->recv, &w->keys[1], 0, 1000);
}

/* What was taken for a packet is one: writing it again gives its body's length. */
static void check(const struct world *w, const struct lnl_control *c, size_t len)
{
	size_t body = lnl_control_body_len(c->op, c->n_acks) + c->payload_len, sum = 0;

	require(lnl_op_is_control(c->op) && c->key_id < 8 && c->n_acks <= LNL_ACKS_MAX);
	require(lnl_wrap_overhead(w->recv.key) + body == len);
	/* AddressSanitizer sees whether the payload is there. */
	for (size_t i = 0; i < c->payload_len; i++)
		sum += c->payload[i];
	require(sum <= 255 * c->payload_len);
}

static enum lnl_drop give(struct world *w, const uint8_t *packet, size_t len)
{
	static uint8_t scratch[LNL_WRAP_PACKET_MAX];
	struct lnl_wrap before = w->recv;
	uint8_t *exact = fuzz_exact(packet, len);
	struct lnl_control c;
	enum lnl_drop drop;

	drop = lnl_wrap_read(&w->recv, &c, exact, len, scratch, sizeof(scratch));
	require(drop == LNL_DROP_NONE || (c.n_acks == 0 && c.payload_len == 0));
	if (drop == LNL_DROP_NONE)
		check(w, &c, len);
	/* Only what stands behind the tag, the body, may fail and yet be counted. */
	if (drop != LNL_DROP_NONE && drop != LNL_DROP_SHORT && drop != LNL_DROP_FORMAT)
		require(memcmp(&before, &w->recv, sizeof(before)) == 0);
	free(exact);
	return drop;
}

/* A packet of the peer's: op and key id, number of acks, the rest payload. */
static size_t seal(struct world *w, const uint8_t *data, size_t len, uint8_t *out)
{
	static const uint8_t ops[] = { 3, 4, 5, 7, 8, 10, 11 };
	struct lnl_control c = { .op = ops[data[0] % 7], .key_id = data[0] >> 5 };
	int rc;

	c.n_acks = len > 1 ? data[1] % (LNL_ACKS_MAX + 1) : 0;
	memset(c.sid, 0xa5, sizeof(c.sid));
	c.id = len > 2 ? data[2] : 0;
	c.payload = data + (len > 3 ? 3 : len);
	c.payload_len = len > 3 ? len - 3 : 0;
	rc = lnl_wrap_write(&w->send, &c, out, LNL_WRAP_PACKET_MAX);
	require(rc > 0);
	return (size_t)rc;
}

static void run(struct world *w, uint8_t kind, const uint8_t *data, size_t len)
{
	uint8_t packet[LNL_WRAP_PACKET_MAX];
	bool wrapped = w->recv.key->mode != LNL_WRAP_NONE;
	size_t n;

	if (kind == RECORD_AGAIN) {
		if (w->last_len > 0)
			require(give(w, w->last, w->last_len) == LNL_DROP_REPLAY || !wrapped);
		return;
	}
	if (kind == RECORD_RAW || len == 0) {
		enum lnl_drop drop = give(w, data, len);

		require(!wrapped || drop != LNL_DROP_NONE);
		return;
	}
	n = seal(w, data, len, packet);
	if (kind == RECORD_CHANGED) {
		struct lnl_replay before = w->recv.replay;

		packet[data[len - 1] % n] ^= (uint8_t)(data[0] | 1);
		require(give(w, packet, n) != LNL_DROP_NONE || !wrapped);
		require(memcmp(&before, &w->recv.replay, sizeof(before)) == 0);
		return;
	}
	give(w, packet, n);
	memcpy(w->last, packet, n);
	w->last_len = n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	static struct world w;
	struct fuzz_record r;

	if (size < 1)
		return 0;
	start(&w, *data++);
	while (fuzz_next(&r, &data, end))
		run(&w, r.kind % RECORD_KINDS, r.data, r.len);
	lnl_wrap_key_deinit(&w.keys[0]);
	lnl_wrap_key_deinit(&w.keys[1]);
	return 0;
}
