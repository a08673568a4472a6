/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's door and a client that knocks, in every way to wrap. */
#ifndef LNL_TEST_CONTROL_DOOR_H
#define LNL_TEST_CONTROL_DOOR_H

#include "test_crypto_env.h"

#include "control/admission.h"
#include "control/session.h"

enum door_mode { DOOR_NONE, DOOR_AUTH, DOOR_AUTH_512, DOOR_CRYPT, DOOR_V2, DOOR_MODES };

static const char *const door_names[] = { "plain", "tls-auth SHA1", "tls-auth SHA512", "tls-crypt",
					  "tls-crypt-v2" };

struct door {
	struct test_env env;
	enum door_mode mode;
	struct lnl_static_key key, kc;
	uint8_t v2_key[LNL_V2_SERVER_KEY_LEN];
	struct lnl_wrap_key server; /* of those without tls-crypt-v2 */
	struct lnl_wrap_key client;
	struct lnl_wrap send, recv; /* the client's */
	uint8_t wkc[LNL_WKC_MAX];
	size_t wkc_len;
	struct lnl_admission_conf conf;
	struct lnl_admission *a;
	uint64_t now;
	struct lnl_ip ip;
	uint16_t port;
	uint8_t sid[LNL_SID_LEN];
	uint8_t cookie[LNL_SID_LEN]; /* as the last answer that was read said */
	uint8_t reply[LNL_SESSION_PACKET_MAX];
	struct lnl_admitted got;
};

/* A WKc with |len| bytes of metadata; returns its length. */
static inline size_t door_wkc(struct door *d, const void *metadata, size_t len)
{
	uint8_t plain[LNL_WKC_MAX];
	size_t plain_len = LNL_STATIC_KEY_LEN + len, total = 32 + plain_len + 2;
	uint8_t length[2] = { (uint8_t)(total >> 8), (uint8_t)total };
	const struct lnl_piece pieces[] = { { length, 2 }, { plain, plain_len } };
	struct lnl_hmac *h;

	assert_true(total <= sizeof(d->wkc));
	memcpy(plain, d->kc.bytes, LNL_STATIC_KEY_LEN);
	if (len > 0)
		memcpy(plain + LNL_STATIC_KEY_LEN, metadata, len);
	assert_int_equal(lnl_hmac_new(&h, &d->env.env, LNL_DIGEST_SHA256, d->v2_key + 64, 32), 0);
	assert_int_equal(lnl_hmac_run(h, pieces, 2, d->wkc), 0);
	lnl_hmac_free(h);
	assert_int_equal(lnl_ctr_run(d->v2_key, d->wkc, d->wkc + 32, plain, plain_len), 0);
	memcpy(d->wkc + total - 2, length, 2);
	d->wkc_len = total;
	return total;
}

static inline void door_keys(struct door *d)
{
	const struct lnl_env *env = &d->env.env;
	enum lnl_digest digest = d->mode == DOOR_AUTH ? LNL_DIGEST_SHA1 : LNL_DIGEST_SHA512;
	int rc = 0;

	lnl_wrap_key_none(&d->server);
	lnl_wrap_key_none(&d->client);
	if (d->mode == DOOR_AUTH || d->mode == DOOR_AUTH_512) {
		rc |= lnl_wrap_key_auth(&d->server, env, &d->key, 0, digest);
		rc |= lnl_wrap_key_auth(&d->client, env, &d->key, 1, digest);
	} else if (d->mode != DOOR_NONE) {
		rc |= lnl_wrap_key_crypt(&d->server, env, &d->key, true);
		rc |= lnl_wrap_key_crypt(&d->client, env, d->mode == DOOR_V2 ? &d->kc : &d->key,
					 false);
	}
	assert_int_equal(rc, 0);
}

/* Without limits; a test that wants other things changes `conf` and calls door_reopen. */
static inline void door_open(struct door *d, enum door_mode mode)
{
	memset(d, 0, sizeof(*d));
	test_env_init(&d->env);
	d->mode = mode;
	d->now = 1000 * LNL_SECOND;
	for (unsigned i = 0; i < LNL_STATIC_KEY_LEN; i++) {
		d->key.bytes[i] = (uint8_t)i;
		d->kc.bytes[i] = (uint8_t)(3 * i + 1);
		d->v2_key[i / 2] = (uint8_t)(7 * i + 5);
	}
	door_keys(d);
	door_wkc(d, "\0user", 5);
	lnl_wrap_init(&d->send, &d->client, mode == DOOR_V2 ? LNL_WRAP_EARLY_ID : 0, 1000);
	lnl_wrap_init(&d->recv, &d->client, 0, 0);
	d->ip = (struct lnl_ip){ 4, { 192, 0, 2, 7 } };
	d->port = 40000;
	memcpy(d->sid, "\1client", 8);
	d->conf = (struct lnl_admission_conf){
		.env = &d->env.env,
		.wrap = &d->server,
		.v2_key = mode == DOOR_V2 ? d->v2_key : NULL,
		.hand_window = 60 * LNL_SECOND,
	};
	assert_int_equal(lnl_admission_new(&d->a, &d->conf, d->now), 0);
}

static inline void door_reopen(struct door *d)
{
	lnl_admission_free(d->a);
	assert_int_equal(lnl_admission_new(&d->a, &d->conf, d->now), 0);
}

static inline void door_close(struct door *d)
{
	lnl_admission_free(d->a);
	lnl_wrap_key_deinit(&d->server);
	lnl_wrap_key_deinit(&d->client);
	assert_int_equal(d->env.live, 0);
}

/* A packet to the door, in a copy behind which AddressSanitizer watches. */
static inline enum lnl_drop door_give(struct door *d, const uint8_t *packet, size_t len)
{
	uint8_t *copy = malloc(len + 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy + 1, packet, len);
	lnl_admission_datagram(d->a, &d->ip, d->port, copy + 1, len, d->reply, sizeof(d->reply),
			       d->now, &d->got);
	free(copy);
	assert_true((d->got.verdict == LNL_ADMISSION_DROP) == (d->got.drop != LNL_DROP_NONE));
	assert_true((d->got.verdict == LNL_ADMISSION_REPLY) == (d->got.reply_len > 0));
	return d->got.drop;
}

/* |c| of the client's, wrapped, with its WKc where one belongs. */
static inline size_t door_write(struct door *d, const struct lnl_control *c, uint8_t *out,
				size_t cap)
{
	int len = lnl_wrap_write(&d->send, c, out, cap);

	assert_true(len > 0);
	if (c->op == LNL_OP_HARD_RESET_CLIENT_V3 || c->op == LNL_OP_CONTROL_WKC_V1) {
		assert_true(cap - (size_t)len >= d->wkc_len);
		memcpy(out + len, d->wkc, d->wkc_len);
		len += (int)d->wkc_len;
	}
	return (size_t)len;
}

static inline size_t door_reset(struct door *d, uint8_t *out, size_t cap)
{
	struct lnl_control c = { .op = d->mode == DOOR_V2 ? LNL_OP_HARD_RESET_CLIENT_V3
							  : LNL_OP_HARD_RESET_CLIENT_V2 };

	memcpy(c.sid, d->sid, LNL_SID_LEN);
	return door_write(d, &c, out, cap);
}

/* What a client sends that has seen the answer: the first bytes of TLS, or only the ack. */
static inline struct lnl_control door_return(const struct door *d, bool ack)
{
	struct lnl_control c = { .op = LNL_OP_ACK_V1, .n_acks = 1 };

	memcpy(c.sid, d->sid, LNL_SID_LEN);
	memcpy(c.peer_sid, d->cookie, LNL_SID_LEN);
	if (ack)
		return c;
	c.op = d->mode == DOOR_V2 ? LNL_OP_CONTROL_WKC_V1 : LNL_OP_CONTROL_V1;
	c.id = 1;
	c.payload = (const uint8_t *)"hello";
	c.payload_len = 5;
	return c;
}

/* Reads the answer as the client does, and its cookie. */
static inline void door_read(struct door *d)
{
	uint8_t scratch[LNL_SESSION_PACKET_MAX];
	struct lnl_control c;

	assert_int_equal(d->got.verdict, LNL_ADMISSION_REPLY);
	assert_int_equal(lnl_wrap_read(&d->recv, &c, d->reply, d->got.reply_len, scratch,
				       sizeof(scratch)),
			 LNL_DROP_NONE);
	assert_int_equal(c.op, LNL_OP_HARD_RESET_SERVER_V2);
	assert_int_equal(c.key_id, 0);
	assert_int_equal(c.n_acks, 1);
	assert_int_equal(c.acks[0], 0);
	assert_memory_equal(c.peer_sid, d->sid, LNL_SID_LEN);
	assert_int_equal(c.payload_len, d->mode == DOOR_V2 ? 6 : 0);
	if (c.payload_len > 0)
		assert_memory_equal(c.payload, "\0\1\0\2\0\1", 6);
	memcpy(d->cookie, c.sid, LNL_SID_LEN);
}

/* Knocks and takes the cookie. */
static inline void door_knock(struct door *d)
{
	uint8_t packet[LNL_WRAP_PACKET_MAX];
	size_t len = door_reset(d, packet, sizeof(packet));

	assert_int_equal(door_give(d, packet, len), LNL_DROP_NONE);
	lnl_wrap_init(&d->recv, &d->client, 0, 0);
	door_read(d);
}

#endif
