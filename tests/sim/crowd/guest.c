/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One client of the crowd, its data plane, and the numbered packets between it and the server's side. */
#include <stdio.h>
#include <string.h>

#include "sim/crowd/crowd.h"
#include "sim/crowd/loop.h"

#define GUEST	    2 /* the kind in the loop */
#define OUR_PEER    1
#define INNER	    120
#define INNER_START 48 /* of what is numbered, behind either family's header */
#define FIRST_AFTER (5 * LNL_SECOND)

static void leave(struct crowd_guest *g, const char *why)
{
	if (!crowd.guests_closed++ && why && !crowd.why[0])
		snprintf(crowd.why, sizeof(crowd.why), "guest %u: %s", g->index, why);
	crowd.up -= g->up;
	g->up = false;
	g->closed = true;
}

void crowd_guest_free(struct crowd_guest *g)
{
	lnl_client_free(g->c);
	lnl_data_free(g->data);
	g->c = NULL;
	g->data = NULL;
	loop_put(&g->place, LNL_NEVER, GUEST, g);
}

/* ---- numbered packets ---- */

static uint8_t filling(uint32_t index, enum crowd_end from, unsigned number, size_t i)
{
	return (uint8_t)((index * 31 + number * 7 + from * 3 + 1) * (i + 11) >> 3);
}

static struct lnl_ip server_ip(int family)
{
	struct lnl_ip ip;

	lnl_ip_parse(&ip, family == 4 ? "10.64.0.1" : "fd00:64::1");
	return ip;
}

/* Where the addresses of an IP header stand. */
static unsigned source_at(unsigned version)
{
	return version == 4 ? 12 : 8;
}

static unsigned address_len(unsigned version)
{
	return version == 4 ? 4 : 16;
}

static void write_packet(const struct crowd_guest *g, enum crowd_end from, unsigned number,
			 uint8_t *p)
{
	unsigned version = number % 2 ? 6 : 4, len = address_len(version);
	struct lnl_ip own = version == 4 ? g->own4 : g->own6, other = server_ip((int)version);

	memset(p, 0, INNER_START);
	p[0] = version == 4 ? 0x45 : 0x60;
	p[version == 4 ? 3 : 5] = version == 4 ? INNER : INNER - 40;
	p[version == 4 ? 8 : 7] = 64;
	p[version == 4 ? 9 : 6] = 17;
	memcpy(p + source_at(version), from == CROWD_UP ? own.bytes : other.bytes, len);
	memcpy(p + source_at(version) + len, from == CROWD_UP ? other.bytes : own.bytes, len);
	memcpy(p + INNER_START, &g->index, sizeof(g->index));
	p[INNER_START + 4] = (uint8_t)number;
	p[INNER_START + 5] = (uint8_t)from;
	for (size_t i = INNER_START + 6; i < INNER; i++)
		p[i] = filling(g->index, from, number, i);
}

static bool is_whole(const struct crowd_guest *g, enum crowd_end from, const uint8_t *bytes,
		     size_t len)
{
	uint8_t wanted[INNER];

	if (len != INNER || bytes[INNER_START + 4] >= g->sent[from])
		return false;
	write_packet(g, from, bytes[INNER_START + 4], wanted);
	return memcmp(wanted, bytes, len) == 0;
}

static void take_numbered(struct crowd_guest *g, enum crowd_end from, const uint8_t *bytes,
			  size_t len)
{
	uint32_t bit;

	if (!is_whole(g, from, bytes, len)) {
		crowd.wrong++;
		return;
	}
	bit = UINT32_C(1) << bytes[INNER_START + 4];
	crowd.wrong += (g->got[from] & bit) != 0;
	g->got[from] |= bit;
	crowd.payloads_got[from]++;
}

void crowd_tun_write(const uint8_t *bytes, size_t len)
{
	uint32_t index = UINT32_MAX;

	if (len == INNER)
		memcpy(&index, bytes + INNER_START, sizeof(index));
	if (index < crowd.conf.n)
		take_numbered(&crowd.guests[index], CROWD_UP, bytes, len);
	else
		crowd.wrong++;
}

static void send_up(struct crowd_guest *g)
{
	uint8_t buf[LNL_HEADROOM + INNER + LNL_TAILROOM];
	struct lnl_packet p = { .p = buf + LNL_HEADROOM, .len = INNER, .peer = OUR_PEER };
	unsigned number = g->sent[CROWD_UP]++;

	write_packet(g, CROWD_UP, number, p.p);
	if (lnl_data_seal(g->data, &p, 1, loop_now()) == 1)
		crowd_send_up(g, p.p, p.len, (int)number);
	else
		crowd.guest_drops[p.drop]++;
}

/* One each way. */
static void send_numbered(struct crowd_guest *g)
{
	uint8_t bytes[INNER];
	unsigned number = g->sent[CROWD_DOWN]++;

	send_up(g);
	write_packet(g, CROWD_DOWN, number, bytes);
	crowd_tun_read(g, bytes, sizeof(bytes), number);
	g->payload_at = g->sent[CROWD_UP] < crowd.conf.payloads
				? g->payload_at + crowd.conf.payload_every
				: LNL_NEVER;
	/* Its router has given it another port: its next packet is the news. */
	if (crowd.conf.float_every && g->index % crowd.conf.float_every == 3 && !g->moved &&
	    g->sent[CROWD_UP] > crowd.conf.payloads / 2) {
		g->moved = true;
		lnl_addr_set_port(&g->at, (uint16_t)(lnl_addr_port(&g->at) + 1));
		send_up(g);
	}
}

/* ---- the client ---- */

static void send_special(struct crowd_guest *g, enum lnl_special what)
{
	uint8_t buf[LNL_HEADROOM + 64 + LNL_TAILROOM];
	struct lnl_packet p = { .p = buf + LNL_HEADROOM };

	if (lnl_data_special(g->data, OUR_PEER, what, &p, loop_now()) == 0)
		crowd_send_up(g, p.p, p.len, -1);
}

static void take_data_event(struct crowd_guest *g, const struct lnl_client_event *ev)
{
	uint64_t now = loop_now();
	int rc = 0;

	switch (ev->kind) {
	case LNL_CLIENT_PEER_ADD:
		rc = lnl_data_peer_add(g->data, &ev->peer, now);
		g->has_peer = true;
		break;
	case LNL_CLIENT_PEER_SET:
		rc = lnl_data_peer_set(g->data, &ev->peer, now);
		break;
	case LNL_CLIENT_KEY_INSTALL:
		g->keys++;
		rc = lnl_data_key_install(g->data, OUR_PEER, ev->slot, &ev->key);
		break;
	case LNL_CLIENT_KEY_SWAP:
		rc = lnl_data_key_swap(g->data, OUR_PEER);
		break;
	case LNL_CLIENT_KEY_EXPIRE:
		rc = lnl_data_key_expire(g->data, OUR_PEER, ev->slot, ev->when);
		break;
	case LNL_CLIENT_KEY_DEL:
		rc = lnl_data_key_del(g->data, OUR_PEER, ev->slot);
		break;
	case LNL_CLIENT_SPECIAL:
		send_special(g, ev->special);
		break;
	default:
		break;
	}
	sim_require(rc == 0, "a guest's data plane refuses");
}

static void take_up(struct crowd_guest *g)
{
	const struct lnl_net *net = &lnl_client_pulled(g->c)->net;

	g->own4 = net->addr4.ip;
	g->own6 = net->addr6.ip;
	g->up = true;
	crowd.up++;
	if (crowd.conf.payloads > 0)
		g->payload_at = loop_now() + FIRST_AFTER;
}

static void take_event(struct crowd_guest *g, const struct lnl_client_event *ev)
{
	switch (ev->kind) {
	case LNL_CLIENT_PULLED:
		lnl_client_configure(g->c, NULL, 0, NULL, loop_now());
		break;
	case LNL_CLIENT_UP:
		take_up(g);
		break;
	case LNL_CLIENT_CLOSED:
		leave(g, ev->text);
		break;
	default:
		take_data_event(g, ev);
		break;
	}
}

static void talk(struct crowd_guest *g)
{
	uint8_t out[LNL_SESSION_PACKET_MAX];
	struct lnl_client_event ev;
	size_t len;
	bool more;

	do {
		while ((len = lnl_client_output(g->c, out, sizeof(out), loop_now())))
			crowd_send_up(g, out, len, -1);
		more = lnl_client_next(g->c, &ev, loop_now());
		if (more) {
			take_event(g, &ev);
			lnl_client_event_wipe(&ev);
		}
	} while (more);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void arm(struct crowd_guest *g)
{
	uint64_t due = LNL_NEVER;

	if (!g->closed)
		due = earlier(g->payload_at,
			      earlier(lnl_client_next_due(g->c), lnl_data_next_due(g->data)));
	loop_put(&g->place, due, GUEST, g);
}

static void come(struct crowd_guest *g)
{
	char name[32];
	int rc = lnl_data_new(&g->data, &crowd.env, 1);

	snprintf(name, sizeof(name), "user%06u", g->index);
	if (rc == 0)
		rc = lnl_client_new(&g->c, &crowd.kinds[g->index % CROWD_KINDS], name, "password",
				    loop_now());
	sim_require(rc == 0, "no guest");
}

void crowd_guest_turn(struct crowd_guest *g)
{
	struct lnl_notice n;

	if (!g->c)
		come(g);
	while (lnl_data_tick(g->data, loop_now()) != LNL_PEER_ID_NONE)
		send_special(g, LNL_SPECIAL_PING);
	while (lnl_data_notice(g->data, &n))
		lnl_client_notice(g->c, &n, loop_now());
	lnl_client_tick(g->c, loop_now());
	talk(g);
	if (g->up && loop_now() >= g->payload_at)
		send_numbered(g);
	arm(g);
}

static void open_packet(struct crowd_guest *g, uint8_t *bytes, size_t len)
{
	struct lnl_packet p = {
		.p = bytes, .len = (uint32_t)len, .peer = OUR_PEER, .relay = LNL_PEER_ID_NONE
	};

	if (lnl_data_open(g->data, &p, 1, loop_now()) == 1)
		take_numbered(g, CROWD_DOWN, p.p, p.len);
	else if (p.drop != LNL_DROP_EMPTY)
		crowd.guest_drops[p.drop]++;
}

void crowd_guest_input(struct crowd_guest *g, uint8_t *bytes, size_t len)
{
	if (!g->c || g->closed)
		return;
	if (len > 0 && lnl_op_is_data(lnl_op_of(bytes[0]))) {
		open_packet(g, bytes, len);
		return; /* its timers only move back */
	}
	lnl_client_input(g->c, bytes, len, loop_now());
	talk(g);
	arm(g);
}
