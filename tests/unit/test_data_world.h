/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two planes that share keys the way a client and its server do, and a buffer for one packet. */
#ifndef LNL_TEST_DATA_WORLD_H
#define LNL_TEST_DATA_WORLD_H

#include "test_crypto_env.h"

#include "data/plane.h"

#define CLIENT_PEER 5	     /* the client's handle for its only peer */
#define WIRE_ID	    0x0a0b0c /* its peer-id, and the server's handle for it */

#define BUFFER_ROOM (LNL_HEADROOM + 2048 + LNL_TAILROOM)

struct world {
	struct test_env env;
	struct lnl_data *client;
	struct lnl_data *server;
	struct lnl_key_conf key; /* the client's; the server's has the directions swapped */
	uint64_t now;
};

struct test_buffer {
	uint8_t bytes[BUFFER_ROOM];
};

/* 28 bytes of IPv4 and UDP with right checksums. */
static const uint8_t small_packet[] = {
	0x45, 0x00, 0x00, 0x1c, 0x00, 0x01, 0x00, 0x00, 0x40, 0x11, 0xb6, 0xf3, 0x0a, 0x08,
	0x00, 0x02, 0x0a, 0x08, 0x00, 0x01, 0x04, 0xd2, 0x00, 0x35, 0x00, 0x08, 0xe6, 0xe4,
};

/*
 * Key bytes 00 01 02 ...: the cipher key is the first 64, the HMAC key the second, for sending;
 * receiving has others.
 */
static inline void test_key(struct lnl_key_conf *key, enum lnl_cipher cipher,
			    enum lnl_digest digest)
{
	*key = (struct lnl_key_conf){ .cipher = cipher, .digest = digest, .expires = LNL_NEVER };
	for (unsigned i = 0; i < 64; i++) {
		key->send.cipher[i] = (uint8_t)i;
		key->send.hmac[i] = (uint8_t)(64 + i);
		key->recv.cipher[i] = (uint8_t)(128 + i);
		key->recv.hmac[i] = (uint8_t)(192 + i);
	}
}

static inline struct lnl_key_conf test_key_of_other_end(const struct lnl_key_conf *key)
{
	struct lnl_key_conf other = *key;

	other.send = key->recv;
	other.recv = key->send;
	return other;
}

static inline struct lnl_packet test_packet(struct test_buffer *b, uint32_t peer,
					    const uint8_t *data, size_t len)
{
	assert_true(len <= 2048);
	memset(b->bytes, 0xee, sizeof(b->bytes));
	if (len > 0)
		memcpy(b->bytes + LNL_HEADROOM, data, len);
	return (struct lnl_packet){ b->bytes + LNL_HEADROOM, (uint32_t)len,    peer,
				    LNL_DROP_NONE,	     LNL_PEER_ID_NONE, NULL };
}

/* Both planes with one peer each and no keys. */
static inline void world_init_bare(struct world *w, enum lnl_framing framing, bool v2)
{
	memset(w, 0, sizeof(*w));
	test_env_init(&w->env);
	w->now = 1000 * LNL_SECOND;
	assert_int_equal(lnl_data_new(&w->client, &w->env.env, 1), 0);
	assert_int_equal(lnl_data_new(&w->server, &w->env.env, 10), 0);
	struct lnl_peer_conf conf = { .id = CLIENT_PEER, .framing = framing };
	conf.wire_id = v2 ? WIRE_ID : LNL_PEER_ID_NONE;
	assert_int_equal(lnl_data_peer_add(w->client, &conf, w->now), 0);
	conf.id = WIRE_ID;
	assert_int_equal(lnl_data_peer_add(w->server, &conf, w->now), 0);
}

static inline void world_install(struct world *w, enum lnl_slot slot,
				 const struct lnl_key_conf *key)
{
	struct lnl_key_conf other = test_key_of_other_end(key);

	w->key = *key;
	assert_int_equal(lnl_data_key_install(w->client, CLIENT_PEER, slot, key), 0);
	assert_int_equal(lnl_data_key_install(w->server, WIRE_ID, slot, &other), 0);
}

static inline void world_init(struct world *w, enum lnl_cipher cipher, enum lnl_digest digest,
			      enum lnl_framing framing, bool v2)
{
	struct lnl_key_conf key;

	world_init_bare(w, framing, v2);
	test_key(&key, cipher, digest);
	world_install(w, LNL_SLOT_PRIMARY, &key);
}

static inline void world_init_gcm(struct world *w)
{
	world_init(w, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, LNL_FRAMING_NONE, true);
}

/* Everything that was allocated has been released. */
static inline void world_deinit(struct world *w)
{
	lnl_data_free(w->client);
	lnl_data_free(w->server);
	assert_int_equal(w->env.live, 0);
}

/* Seals |data| at the client; asserts that it worked. */
static inline struct lnl_packet world_seal(struct world *w, struct test_buffer *b,
					   const uint8_t *data, size_t len)
{
	struct lnl_packet pkt = test_packet(b, CLIENT_PEER, data, len);

	assert_int_equal(lnl_data_seal(w->client, &pkt, 1, w->now), 1);
	assert_int_equal(pkt.drop, LNL_DROP_NONE);
	return pkt;
}

/* Opens |pkt| at the server, which knows no address; returns its drop reason. */
static inline uint16_t world_open(struct world *w, struct lnl_packet *pkt)
{
	pkt->peer = LNL_PEER_ID_NONE;
	unsigned n = lnl_data_open(w->server, pkt, 1, w->now);
	assert_int_equal(n, pkt->drop == LNL_DROP_NONE ? 1 : 0);
	return pkt->drop;
}

/* The same for a copy of |pkt|, so that it can be opened again. */
static inline uint16_t world_open_copy(struct world *w, const struct lnl_packet *pkt)
{
	struct test_buffer b;
	struct lnl_packet copy = test_packet(&b, 0, pkt->p, pkt->len);

	return world_open(w, &copy);
}

static inline struct lnl_counters counters_of(const struct lnl_data *d, uint32_t peer)
{
	struct lnl_counters c;

	assert_int_equal(lnl_data_counters(d, peer, &c), 0);
	return c;
}

static inline uint64_t drops_of(const struct lnl_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LNL_DROP_COUNT; i++)
		sum += c->drops[i];
	return sum;
}

/* The next notice is this one. */
static inline void expect_notice(struct lnl_data *d, enum lnl_notice_kind kind, uint32_t peer,
				 uint8_t key_id)
{
	struct lnl_notice n;

	assert_true(lnl_data_notice(d, &n));
	assert_int_equal(n.kind, kind);
	assert_int_equal(n.peer, peer);
	assert_int_equal(n.key_id, key_id);
}

static inline void expect_no_notice(struct lnl_data *d)
{
	struct lnl_notice n;

	assert_false(lnl_data_notice(d, &n));
	assert_int_equal(n.kind, LNL_NOTICE_NONE);
}

static inline int crypto_up(void **state)
{
	(void)state;
	return lnl_crypto_init(NULL);
}

static inline int crypto_down(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return 0;
}

/* The same sequence for the same seed. */
static inline uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

#endif
