/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* lunel-test: timeout 14400 */
/*
 * TRUST W9: random stories of many clients at one server. No packet goes to anybody but whose session
 * it is of, and whatever one does, another one is up. Under AddressSanitizer by ./run test; LUNEL_ALL=1
 * has 10^7 events, 10^6 when instrumented; tests/count.h says how to run a part.
 */
#include "count.h"
#include "test_engine_house.h"

#define WANDERERS 8 /* who do everything; two each have one name */
#define WITNESS	  8 /* who does nothing wrong */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WHOLE 1000000
#else
#define WHOLE 10000000
#endif
#define SIDS (1 << 20) /* server's session ids that were seen, and at whose place */

static struct {
	uint64_t seed;
	struct guest *guests[WANDERERS + 1];
	struct {
		uint8_t sid[LNL_SID_LEN];
		uint8_t who; /* 0: nobody */
	} seen[SIDS];
	unsigned events, packets;
} story;

static uint32_t draw(uint32_t below)
{
	story.seed ^= story.seed << 13;
	story.seed ^= story.seed >> 7;
	story.seed ^= story.seed << 17;
	return (uint32_t)(story.seed >> 32) % below;
}

static int open_house(void **state)
{
	(void)state;
	memset(&story, 0, sizeof(story));
	house_init();
	house.o.asks = LNL_ASK_AUTHENTICATE | LNL_ASK_AUTHORIZE;
	house.hold = true;
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

/* ---- whose packets are whose ---- */

/* A session id of the server's is at one place, for ever: guests keep theirs. */
static void check_owner(const struct house_packet *p, unsigned who)
{
	const uint8_t *sid = p->bytes + 1;
	uint64_t h = 14695981039346656037U;
	uint32_t at;

	for (unsigned i = 0; i < LNL_SID_LEN; i++)
		h = (h ^ sid[i]) * 1099511628211U;
	for (at = (uint32_t)(h % SIDS); story.seen[at].who; at = (at + 1) % SIDS)
		if (memcmp(story.seen[at].sid, sid, LNL_SID_LEN) == 0)
			break;
	if (!story.seen[at].who) {
		memcpy(story.seen[at].sid, sid, LNL_SID_LEN);
		story.seen[at].who = (uint8_t)(who + 1);
	}
	if (story.seen[at].who != who + 1)
		fail_msg("event %u: a packet of guest %u's for guest %u", story.events,
			 story.seen[at].who - 1, who);
}

static void deliver(const struct house_packet *p)
{
	for (unsigned i = 0; i <= WANDERERS; i++) {
		struct guest *g = story.guests[i];

		if (g->link != p->link || (!g->conf.session.tcp && !lnl_addr_equal(&g->at, &p->to)))
			continue;
		story.packets++;
		check_owner(p, i);
		if (!g->c)
			return;
		/* All have one tls-crypt key; after the handshake each its own. */
		lnl_client_input(g->c, p->bytes, p->len, house.now);
		guest_events(g);
		return;
	}
}

/* ---- the host ---- */

static void decide(bool yes)
{
	static const struct lnl_grant_options plain;
	struct asked a = house.asked[0];

	memmove(house.asked, house.asked + 1, --house.n_asked * sizeof(a));
	if (a.kind == LNL_EVENT_AUTHENTICATE)
		lnl_reply_login(house.e, a.ticket, yes ? LNL_LOGIN_OK : LNL_LOGIN_DENY, NULL);
	else
		lnl_reply_grant(house.e, a.ticket, yes ? &plain : NULL, "no");
}

/* The witness is always let in, and at once; others may have to wait. */
static void host(void)
{
	const struct lnl_served *v;

	house_events();
	for (unsigned n = house.n_asked; n > 0; n--) {
		v = lnl_served_find(house.s, house.asked[0].peer);
		if (v && strcmp(v->user, "witness") == 0) {
			decide(true);
		} else if (house.n_asked > WANDERERS / 2 || draw(3) == 0) {
			decide(draw(8) != 0);
		} else {
			struct asked a = house.asked[0];

			memmove(house.asked, house.asked + 1, (house.n_asked - 1) * sizeof(a));
			house.asked[house.n_asked - 1] = a;
		}
	}
}

static void turn(void)
{
	bool more = true;

	house_timers();
	while (more) {
		more = false;
		host();
		for (unsigned i = 0; i <= WANDERERS; i++)
			more = guest_turn(story.guests[i]) || more;
		for (; house.n > 0; house.n--) {
			struct house_packet p = house.queue[house.first];

			house.first = (house.first + 1) % QUEUE;
			more = true;
			deliver(&p);
		}
		while (house.n_counters > 0) {
			struct lnl_served *v =
				lnl_served_find(house.s, house.counters[--house.n_counters]);

			if (v)
				lnl_served_counters(v, &house.counted);
		}
	}
}

/* ---- what may happen ---- */

static struct lnl_served *served_at(const struct guest *g)
{
	for (uint32_t i = 0; i < house.s->n_slots; i++) {
		struct lnl_served *v = house.s->served[i];

		if (v && !v->ended && v->link == g->link && lnl_addr_equal(&v->from, &g->at))
			return v;
	}
	return NULL;
}

static void come(struct guest *g)
{
	char user[16];

	snprintf(user, sizeof(user), "user%u", draw(4));
	guest_come(g, user, "secret");
}

/* Something that was sent before, changed or not, from here or from somebody else's place. */
static void forge(const struct guest *g)
{
	struct guest from = *story.guests[draw(WANDERERS + 1)];
	struct house_packet p = g->last;

	if (p.len == 0)
		return;
	if (draw(3))
		p.bytes[draw(p.len)] ^= (uint8_t)(1 + draw(255));
	if (draw(3) == 0)
		p.len = (uint16_t)draw(p.len + 1u);
	if (from.conf.session.tcp)
		from = *g;
	house_give(&from, p.bytes, p.len);
}

/* An authentic packet came from elsewhere. */
static void wander(struct guest *g)
{
	struct lnl_served *v = served_at(g);
	struct lnl_ip ip = lnl_addr_ip(&g->at);

	if (g->conf.session.tcp || !v || !v->up)
		return;
	g->at = lnl_addr_from(&ip, (uint16_t)(41000 + draw(20000)));
	lnl_door_moved(v, HOUSE_UDP, &g->at);
}

static void happen(struct guest *g)
{
	struct lnl_served *v = served_at(g);
	uint32_t what = draw(16);

	if (what <= 3)
		come(g);
	else if (what == 4 && g->c)
		lnl_client_renegotiate(g->c, house.now);
	else if (what == 5 && v)
		lnl_peer_renegotiate(house.e, house.s->id, v->id);
	else if (what == 6 && v)
		lnl_peer_kill(house.e, house.s->id, v->id, draw(2) ? "HALT" : NULL);
	else if (what == 7)
		wander(g);
	else if (what == 8)
		guest_free(g);
	else if (what == 9 && v && v->tcp)
		lnl_served_end(v, LNL_CAUSE_CLOSED, "cut");
	else if (what == 10 && g->c)
		lnl_client_send_text(g->c, draw(2) ? "EXIT" : "X-TEXT,of nobody", house.now);
	else if (what == 11)
		house.now += draw(20 * LNL_SECOND);
	else if (what == 12 && v)
		lnl_served_notice(v, &(struct lnl_notice){ .kind = LNL_NOTICE_PING_TIMEOUT,
							   .peer = v->id });
	else
		forge(g);
}

static void check_tables(void)
{
	uint32_t served = 0, half = 0, up = 0;

	for (uint32_t i = 0; i < house.s->n_slots; i++) {
		const struct lnl_served *v = house.s->served[i];

		if (!v)
			continue;
		served++;
		half += v->half_open;
		up += v->up && !v->ended;
	}
	assert_int_equal(house.s->n_served, served);
	assert_int_equal(house.s->n_half_open, half);
	assert_int_equal(house.s->n_up, up);
}

static void test_W9(void **state)
{
	unsigned n = test_count(6000, WHOLE);
	struct guest *witness;

	(void)state;
	story.seed = test_seed(88172645463325252);
	for (unsigned i = 0; i <= WANDERERS; i++) {
		char ip[32], cn[16];

		snprintf(ip, sizeof(ip), "192.0.%u.2", i);
		snprintf(cn, sizeof(cn), i == WITNESS ? "witness" : "name%u", i / 2);
		story.guests[i] = guest_new(cn, ip, i < 2 ? 0 : 40001);
	}
	witness = story.guests[WITNESS];
	guest_come(witness, "witness", "secret");
	turn();
	assert_true(witness->up);
	for (story.events = 0; story.events < n; story.events++) {
		happen(story.guests[draw(WANDERERS)]);
		if (story.events % 500 == 0)
			lnl_client_renegotiate(witness->c, house.now);
		turn();
		check_tables();
		if (!witness->up || witness->closed || !served_at(witness))
			fail_msg("event %u: the witness is gone: %s", story.events, witness->text);
	}
	print_message("W9: %u events, %u packets to guests, %u connections\n", story.events,
		      story.packets, house.established);
	assert_true(house.established > n / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_W9, open_house, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
