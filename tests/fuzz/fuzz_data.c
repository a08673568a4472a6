/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Datagrams into lnl_data_open: a byte of configuration, then records of kind(1) len(1) bytes. A
 * record is a raw datagram, a payload that a peer with the key sealed (so that what stands behind
 * authentication is met too), such a datagram with one byte changed, or a jump of the clock. Every
 * packet must be accounted for, and what is delivered must be fit for TUN.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "data/inner.h"
#include "data/special.h"
#include "fuzz_env.h"

#define PEER 0x010203
#define ROOM (LNL_HEADROOM + 256 + LNL_TAILROOM)

enum record { RECORD_RAW, RECORD_SEALED, RECORD_CHANGED, RECORD_TIME, RECORD_KINDS };

struct world {
	struct lnl_data *from;
	struct lnl_data *to;
	bool tap;
	uint64_t now;
	uint64_t given;
};

static struct fuzz_machine machine = { .wallclock = 1, .random = 0x5c };
static const struct lnl_env env = FUZZ_ENV(&machine);

static struct lnl_data *new_plane(const struct lnl_peer_conf *conf, const struct lnl_key_conf *key)
{
	struct lnl_data *d;

	require(lnl_data_new(&d, &env, 2) == 0);
	require(lnl_data_peer_add(d, conf, 0) == 0);
	require(lnl_data_key_install(d, PEER, LNL_SLOT_PRIMARY, key) == 0);
	return d;
}

/* The sender adds no framing: the records say all that stands inside the encryption. */
static void start(struct world *w, uint8_t config)
{
	struct lnl_peer_conf conf = { .id = PEER, .wire_id = PEER };
	struct lnl_key_conf key = { .key_id = 1, .expires = LNL_NEVER };

	*w = (struct world){ .tap = config & 0x08 };
	key.cipher = config & 0x01 ? LNL_CIPHER_AES_128_CBC : LNL_CIPHER_AES_128_GCM;
	key.digest = LNL_DIGEST_SHA1;
	memset(&key.send, 0x11, sizeof(key.send));
	key.recv = key.send;
	if (config & 0x02)
		conf.wire_id = LNL_PEER_ID_NONE;
	w->from = new_plane(&conf, &key);
	conf.tap = w->tap;
	conf.framing = (enum lnl_framing)(config >> 4 & 3);
	conf.mss = config & 0x04 ? 1200 : 0;
	conf.ping_timeout = 100;
	w->to = new_plane(&conf, &key);
	key.key_id = 2;
	key.expires = 1000;
	require(lnl_data_key_install(w->to, PEER, LNL_SLOT_SECONDARY, &key) == 0);
}

static void give(struct world *w, struct lnl_packet *pkt)
{
	uint32_t len = pkt->len;

	w->given++;
	unsigned n = lnl_data_open(w->to, pkt, 1, w->now);
	require(n == (pkt->drop == LNL_DROP_NONE));
	require(pkt->drop < LNL_DROP_COUNT);
	if (n == 0)
		return;
	require(pkt->len > 0 && pkt->len < len);
	require(lnl_inner_is_sane(pkt->p, pkt->len, w->tap));
	require(lnl_special_find(pkt->p, pkt->len) == LNL_MESSAGE_NONE);
}

static void open_raw(struct world *w, const uint8_t *data, uint8_t len, uint32_t peer)
{
	uint8_t *exact = fuzz_exact(data, len);
	struct lnl_packet pkt = { .p = exact, .len = len, .peer = peer };

	give(w, &pkt);
	free(exact);
}

static void open_sealed(struct world *w, const uint8_t *data, uint8_t len, bool change)
{
	uint8_t room[ROOM];
	struct lnl_packet pkt = { .p = room + LNL_HEADROOM, .len = len, .peer = PEER };

	memcpy(pkt.p, data, len);
	if (lnl_data_seal(w->from, &pkt, 1, w->now) == 0)
		return;
	require(pkt.p >= room && pkt.p + pkt.len <= room + ROOM);
	if (change)
		pkt.p[data[0] % pkt.len] ^= (uint8_t)(len | 1);
	pkt.peer = PEER;
	give(w, &pkt);
}

static void check_sums(struct world *w)
{
	struct lnl_counters c;
	uint64_t sum = 0;

	for (int i = 0; i < 2; i++) {
		require(lnl_data_counters(w->to, i == 0 ? PEER : LNL_PEER_ID_NONE, &c) == 0);
		sum += c.rx_packets + c.pings_received + c.occ_received;
		for (unsigned k = 0; k < LNL_DROP_COUNT; k++)
			sum += c.drops[k];
	}
	require(sum == w->given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool up;
	const uint8_t *end = data + size;
	struct world w;
	struct fuzz_record r;
	struct lnl_notice notice;

	if (!up)
		require(lnl_crypto_init(NULL) == 0);
	up = true;
	if (size < 1)
		return 0;
	start(&w, *data++);
	while (fuzz_next(&r, &data, end)) {
		switch (r.kind % RECORD_KINDS) {
		case RECORD_RAW:
			open_raw(&w, r.data, r.len, r.kind & 0x80 ? PEER : LNL_PEER_ID_NONE);
			break;
		case RECORD_SEALED:
		case RECORD_CHANGED:
			if (r.len > 0)
				open_sealed(&w, r.data, r.len,
					    r.kind % RECORD_KINDS == RECORD_CHANGED);
			break;
		case RECORD_TIME:
			w.now += r.len;
			(void)lnl_data_tick(w.to, w.now);
			break;
		}
		while (r.kind & 0x40 && lnl_data_notice(w.to, &notice))
			require(notice.peer == PEER);
	}
	check_sums(&w);
	lnl_data_free(w.from);
	lnl_data_free(w.to);
	return 0;
}
