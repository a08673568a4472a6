/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/engine_server.h"
#include "bench/env.h"

#include <stdlib.h>
#include <string.h>

#include "bench/engine_offload.h"
#include "bench/engine_raw.h"
#include "data/split.h"
#include "io/outgoing.h"
#include "tests/unit/test_data_offload.h"

#define BYTES_MAX  1400
#define HEAD	   24 /* op and peer-id, packet id, tag */
#define ROOM	   64 /* before what is read from TUN */
#define SECOND	   UINT64_C(1000000)
#define MSS	   1380
#define IPV4_FROM  12
#define IPV4_TO	   16
#define SUPERS_MAX (SERVER_BATCH / SERVER_TRAIN)

const char *const server_op_names[SERVER_OPS] = { "seal", "split", "open" };

struct server {
	uint32_t peers, bytes;
	unsigned train;
	struct lnl_data *data;
	struct lnl_outgoing out;
	struct raw **raw;     /* what is measured beside the engine, by peer */
	struct raw **clients; /* who seal what is opened */
	uint32_t *ids;	      /* the next that a peer's client sends */
	uint32_t raw_id;
	uint64_t seed;
	uint32_t order[SERVER_BATCH]; /* whose each train is */
	struct lnl_packet in[SERVER_BATCH];
	struct raw_packet sealed[SERVER_BATCH];
	struct lnl_vnet vnet;
	uint32_t super_len, headers;
	uint8_t first[LNL_SPLIT_HEADERS]; /* a super-packet's headers, which cutting writes over */
	uint8_t text[ROOM + SERVER_BATCH * BYTES_MAX];
	uint8_t supers[SUPERS_MAX][ROOM + SUPER_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "bench/engine: server: %s\n", what);
	exit(1);
}

/* ---- the server and its peers ---- */

/* Its address, and a network behind it. */
static void add_routes(struct server *s, uint32_t id)
{
	uint8_t high = (uint8_t)(id >> 8), low = (uint8_t)id;
	const struct lnl_prefix prefixes[] = {
		{ { 4, { 10, 0, high, low } }, 32 },
		{ { 6, { 0xfd, [14] = high, [15] = low } }, 128 },
		{ { 4, { 20, high, low } }, 24 },
	};

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (lnl_data_route_add(s->data, &prefixes[i], id) != 0)
			die("cannot add a route");
}

static void add_peer(struct server *s, uint32_t id)
{
	struct lnl_key_conf key = { .cipher = LNL_CIPHER_AES_256_GCM, .expires = LNL_NEVER };
	struct lnl_peer_conf conf = {
		.id = id,
		.wire_id = id,
		.mss = MSS,
		.ping_interval = 10 * SECOND,
		.ping_timeout = 60 * SECOND,
		.check_source = true,
	};

	if (lnl_crypto_random(NULL, key.send.cipher, sizeof(key.send.cipher)) != 0 ||
	    lnl_crypto_random(NULL, key.send.hmac, sizeof(key.send.hmac)) != 0)
		die("no randomness");
	key.recv = key.send;
	if (lnl_data_peer_add(s->data, &conf, 0) != 0 ||
	    lnl_data_key_install(s->data, id, LNL_SLOT_PRIMARY, &key) != 0)
		die("cannot add a peer");
	add_routes(s, id);
	s->raw[id] = raw_new(key.cipher, key.send.cipher, key.send.hmac);
	s->clients[id] = raw_new(key.cipher, key.send.cipher, key.send.hmac);
	if (s->raw[id] == NULL || s->clients[id] == NULL)
		die("cannot set up wolfSSL");
	s->ids[id] = 1;
}

struct server *server_new(uint32_t peers)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die("out of memory");
	s->peers = peers;
	s->raw_id = 1;
	s->seed = peers;
	s->raw = calloc(peers, sizeof(struct raw *));
	s->clients = calloc(peers, sizeof(struct raw *));
	s->ids = calloc(peers, sizeof(*s->ids));
	if (s->raw == NULL || s->clients == NULL || s->ids == NULL ||
	    lnl_data_new(&s->data, &bench_env, peers) != 0 || lnl_outgoing_init(&s->out) != 0)
		die("out of memory");
	for (uint32_t id = 0; id < peers; id++)
		add_peer(s, id);
	return s;
}

void server_free(struct server *s)
{
	for (uint32_t id = 0; id < s->peers; id++) {
		raw_free(s->raw[id]);
		raw_free(s->clients[id]);
	}
	lnl_data_free(s->data);
	lnl_outgoing_deinit(&s->out);
	free(s->raw);
	free(s->clients);
	free(s->ids);
	free(s);
}

/* ---- packets ---- */

/* Packets lie behind one another, as in a super-packet. */
static uint8_t *text_of(struct server *s, unsigned i)
{
	return s->text + ROOM + i * s->bytes;
}

/* Where packet |i| lies sealed: where the engine's outgoing room puts it, too. */
static uint8_t *sealed_of(struct server *s, unsigned i)
{
	return s->out.memory + i * (HEAD + s->bytes);
}

void server_set(struct server *s, uint32_t bytes, unsigned train)
{
	struct shape shape = { .ipv4 = true, .tcp = true, .tcp_more = 12, .flags = ACK };
	uint32_t headers = shape_headers(&shape);
	struct lnl_vnet none;

	s->bytes = bytes;
	s->train = train;
	s->headers = headers;
	shape.payload = bytes - headers;
	for (unsigned i = 0; i < SERVER_BATCH; i++) {
		uint8_t *p = sealed_of(s, i);

		build_packet(&shape, text_of(s, i), &none);
		s->sealed[i] = (struct raw_packet){ .ad = p,
						    .tag = p + HEAD - LNL_TAG_LEN,
						    .text = p + HEAD,
						    .from = text_of(s, i),
						    .len = bytes };
	}
	shape.gso_size = shape.payload;
	shape.payload *= SERVER_TRAIN;
	for (unsigned i = 0; i < SUPERS_MAX; i++)
		s->super_len = build_packet(&shape, s->supers[i] + ROOM, &s->vnet);
	memcpy(s->first, s->supers[0] + ROOM, headers);
}

static uint32_t peer_of(const struct server *s, unsigned i)
{
	return s->order[i / s->train];
}

/* As source and as destination: what goes to a peer could have come from it. */
static void address(uint8_t *ip, uint32_t peer)
{
	const uint8_t a[4] = { 10, 0, (uint8_t)(peer >> 8), (uint8_t)peer };

	memcpy(ip + IPV4_FROM, a, sizeof(a));
	memcpy(ip + IPV4_TO, a, sizeof(a));
}

void server_choose(struct server *s)
{
	for (unsigned i = 0; i < SERVER_BATCH / s->train; i++)
		s->order[i] = next_random(&s->seed) % s->peers;
	for (unsigned i = 0; i < SERVER_BATCH; i++)
		address(text_of(s, i), peer_of(s, i));
}

/* ---- sealing ---- */

static void seal_one(struct server *s, uint8_t *p, uint32_t len, uint32_t peer, uint64_t now)
{
	if (!lnl_outgoing_has_room(&s->out, len) ||
	    !lnl_outgoing_seal(&s->out, s->data, p, len, peer, 0, now))
		die("a packet was dropped");
}

/*
 * What the worker does with what it reads from TUN, |n| packets that begin trains: their routes and
 * what their peers need, all together, then one by one.
 */
static void seal_drawn(struct server *s, unsigned first, unsigned n, uint64_t now)
{
	struct lnl_packet heads[LNL_DATA_AHEAD];

	for (unsigned i = 0; i < n; i++)
		heads[i] = (struct lnl_packet){ .p = text_of(s, first + i * s->train),
						.len = s->bytes };
	if (lnl_data_route(s->data, heads, n) != n)
		die("no route");
	lnl_data_ahead(s->data, heads, n);
	for (unsigned i = 0; i < n * s->train; i++)
		seal_one(s, text_of(s, first + i), s->bytes, heads[i / s->train].peer, now);
}

static void split_train(struct server *s, uint8_t *p, uint64_t now)
{
	struct lnl_packet head = { .p = p, .len = s->super_len };
	struct lnl_split split;
	uint32_t len;

	if (lnl_data_route(s->data, &head, 1) == 0)
		die("no route");
	lnl_data_ahead(s->data, &head, 1);
	if (lnl_split_init(&split, p, s->super_len, &s->vnet, 0) != 0)
		die("a super-packet was refused");
	while (lnl_split_next(&split, &p, &len))
		seal_one(s, p, len, head.peer, now);
}

static uint64_t run_seal(struct server *s)
{
	lnl_outgoing_clear(&s->out);
	uint64_t start = bench_now_ns();
	for (unsigned i = 0, n; i < SERVER_BATCH; i += n * s->train) {
		n = s->train > 1 ? 1 : SERVER_BATCH - i; /* a super-packet is read alone */
		if (n > LNL_DATA_AHEAD)
			n = LNL_DATA_AHEAD;
		seal_drawn(s, i, n, start / 1000);
	}
	return bench_now_ns() - start;
}

static uint64_t run_split(struct server *s)
{
	for (unsigned i = 0; i < SUPERS_MAX; i++) {
		memcpy(s->supers[i] + ROOM, s->first, s->headers);
		address(s->supers[i] + ROOM, s->order[i]);
	}
	lnl_outgoing_clear(&s->out);
	uint64_t start = bench_now_ns();
	for (unsigned i = 0; i < SUPERS_MAX; i++)
		split_train(s, s->supers[i] + ROOM, start / 1000);
	uint64_t took = bench_now_ns() - start;
	if (s->out.n != SERVER_BATCH)
		die("a super-packet has other segments");
	return took;
}

static uint64_t run_raw_seal(struct server *s)
{
	bool ok = true;
	uint64_t start = bench_now_ns();

	for (unsigned i = 0; i < SERVER_BATCH; i += s->train)
		ok = raw_seal(s->raw[peer_of(s, i)], &s->sealed[i], s->train, s->raw_id + i) && ok;
	uint64_t took = bench_now_ns() - start;
	if (!ok)
		die("wolfSSL failed");
	s->raw_id += SERVER_BATCH;
	return took;
}

/* ---- opening ---- */

/* The clients send. */
static void arrive(struct server *s)
{
	for (unsigned i = 0; i < SERVER_BATCH; i++) {
		uint32_t peer = peer_of(s, i), id = s->ids[peer]++;
		uint8_t *p = sealed_of(s, i);

		put32(p, peer);
		p[0] = lnl_op_byte(LNL_OP_DATA_V2, 0);
		put32(p + 4, id);
		if (!raw_seal(s->clients[peer], &s->sealed[i], 1, id))
			die("wolfSSL failed");
		s->in[i] = (struct lnl_packet){ .p = p,
						.len = HEAD + s->bytes,
						.peer = LNL_PEER_ID_NONE };
	}
}

static uint64_t run_open(struct server *s)
{
	arrive(s);
	uint64_t start = bench_now_ns();
	unsigned n = lnl_data_open(s->data, s->in, SERVER_BATCH, start / 1000);
	uint64_t took = bench_now_ns() - start;

	if (n != SERVER_BATCH)
		die("a packet was not opened");
	return took;
}

static uint64_t run_raw_open(struct server *s)
{
	uint32_t first[SERVER_BATCH];
	bool ok = true;

	arrive(s);
	/* Their ids are used again: the engine shall not find gaps. */
	for (unsigned i = 0; i < SERVER_BATCH; i++) {
		first[i] = get32(sealed_of(s, i) + 4);
		s->ids[peer_of(s, i)]--;
	}
	uint64_t start = bench_now_ns();
	for (unsigned i = 0; i < SERVER_BATCH; i += s->train)
		ok = raw_open(s->raw[peer_of(s, i)], &s->sealed[i], s->train, first[i]) && ok;
	uint64_t took = bench_now_ns() - start;
	if (!ok)
		die("wolfSSL failed");
	return took;
}

uint64_t server_run(struct server *s, enum server_side side, enum server_op op)
{
	switch (op) {
	case SERVER_SEAL:
		return side == SERVER_ENGINE ? run_seal(s) : run_raw_seal(s);
	case SERVER_SPLIT:
		return side == SERVER_ENGINE ? run_split(s) : run_raw_seal(s);
	default:
		return side == SERVER_ENGINE ? run_open(s) : run_raw_open(s);
	}
}
