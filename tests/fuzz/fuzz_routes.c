/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Routes added, deleted, looked up and lost with their peers, against a plain list. Records of
 * kind(1) peer(1) length(1) bytes(2): the address has the two bytes where prefixes of both lengths
 * tell them apart.
 */
#include "data/data.h"
#include "fuzz_env.h"

#define PEERS  4
#define ROUTES 64
#define RECORD 5

enum record { RECORD_ADD, RECORD_DEL, RECORD_FIND, RECORD_PEER, RECORD_KINDS };

struct world {
	struct lnl_data *d;
	unsigned n;
	struct {
		struct lnl_prefix prefix;
		uint32_t peer;
	} list[ROUTES];
};

static struct fuzz_machine machine = { .wallclock = 1, .random = 0x5c };
static const struct lnl_env env = FUZZ_ENV(&machine);

static void add_peer(struct world *w, uint32_t id)
{
	struct lnl_peer_conf conf = { .id = id, .wire_id = id };

	require(lnl_data_peer_add(w->d, &conf, 0) == 0);
}

static void take(struct world *w, unsigned at)
{
	w->list[at] = w->list[--w->n];
}

/* Where |p| is in the list, or its length. */
static unsigned at_of(const struct world *w, const struct lnl_prefix *p)
{
	unsigned i = 0;

	while (i < w->n &&
	       (w->list[i].prefix.bits != p->bits || !lnl_ip_equal(&w->list[i].prefix.ip, &p->ip)))
		i++;
	return i;
}

static void add(struct world *w, struct lnl_prefix p, uint32_t peer)
{
	if (w->n == ROUTES)
		return;
	int rc = lnl_data_route_add(w->d, &p, peer);
	lnl_prefix_mask(&p);
	unsigned at = at_of(w, &p);
	if (at < w->n) {
		require(rc == (w->list[at].peer == peer ? 0 : LNL_E_EXIST));
		return;
	}
	require(rc == 0);
	w->list[at].prefix = p;
	w->list[at].peer = peer;
	w->n++;
}

static void del(struct world *w, struct lnl_prefix p)
{
	int rc = lnl_data_route_del(w->d, &p);

	lnl_prefix_mask(&p);
	unsigned at = at_of(w, &p);
	require(rc == (at < w->n ? 0 : LNL_E_NOTFOUND));
	if (at < w->n)
		take(w, at);
}

static void find(const struct world *w, const struct lnl_ip *ip)
{
	uint32_t want = LNL_PEER_ID_NONE;
	int bits = -1;

	for (unsigned i = 0; i < w->n; i++) {
		if (w->list[i].prefix.bits > bits && lnl_prefix_has(&w->list[i].prefix, ip)) {
			bits = w->list[i].prefix.bits;
			want = w->list[i].peer;
		}
	}
	require(lnl_data_route_find(w->d, ip) == want);
}

static void lose_peer(struct world *w, uint32_t peer)
{
	require(lnl_data_peer_del(w->d, peer) == 0);
	for (unsigned i = w->n; i-- > 0;) {
		if (w->list[i].peer == peer)
			take(w, i);
	}
	add_peer(w, peer);
}

static void run(struct world *w, const uint8_t *r)
{
	bool v6 = r[0] & 0x80;
	struct lnl_prefix p = { .ip.family = v6 ? 6 : 4 };

	p.bits = (uint8_t)(r[2] % (v6 ? 129 : 33));
	p.ip.bytes[v6 ? 7 : 1] = r[3];
	p.ip.bytes[v6 ? 15 : 3] = r[4];
	switch (r[0] % RECORD_KINDS) {
	case RECORD_ADD:
		add(w, p, r[1] % PEERS);
		break;
	case RECORD_DEL:
		del(w, p);
		break;
	case RECORD_FIND:
		break;
	case RECORD_PEER:
		lose_peer(w, r[1] % PEERS);
		break;
	}
	find(w, &p.ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { 0 };

	require(lnl_data_new(&w.d, &env, PEERS) == 0);
	for (uint32_t id = 0; id < PEERS; id++)
		add_peer(&w, id);
	for (size_t i = 0; i + RECORD <= size; i += RECORD)
		run(&w, data + i);
	lnl_data_free(w.d);
	return 0;
}
