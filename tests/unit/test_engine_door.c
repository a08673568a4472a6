/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* Who comes in at a server's door, and whose place that is. */
#include "test_engine_house.h"

static struct guest *comes(const char *cn, const char *ip, uint16_t port)
{
	struct guest *g = guest_new(cn, ip, port);

	guest_come(g, NULL, NULL);
	house_turn();
	return g;
}

static int open_house(void **state)
{
	(void)state;
	house_init();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

/* ---- the first packet ---- */

/* Without loss and delay nobody has to say anything twice: all is done at the same instant. */
static void test_at_once(void **state)
{
	static const char *const ips[] = { "192.0.2.2", "2001:db8::2" };

	(void)state;
	for (unsigned v2 = 0; v2 < 2; v2++) {
		if (v2) {
			house_close();
			house_init();
			house.o.sec.tls_crypt = (struct lnl_bytes){ NULL, 0 };
			house.o.sec.tls_crypt_v2 = house_bytes(&house.v2_key);
		}
		house_open();
		for (unsigned i = 0; i < 4; i++) {
			struct guest *g = comes("anna", ips[i / 2], i % 2 ? 0 : 40001);

			if (!g->up)
				fail_msg("v2 %u, row %u: not up", v2, i);
			for (unsigned d = 0; d < LNL_DROP_COUNT; d++)
				assert_int_equal(house.s->control_drops[d], 0);
		}
	}
}

/* |g|'s last packet with its wrapped key behind it, as no packet has it but the first two. */
static void with_wkc(struct guest *g, bool changed)
{
	uint8_t packet[LNL_DATAGRAM_MAX];
	size_t len = g->last.len;

	memcpy(packet, g->last.bytes, len);
	if (changed)
		packet[0] = LNL_OP_CONTROL_WKC_V1 << 3;
	memcpy(packet + len, g->conf.session.wkc, g->conf.session.wkc_len);
	house_give(g, packet, len + g->conf.session.wkc_len);
	house_turn();
}

static void renews(struct guest *g);

/* W3, CVE-2025-2704: a wrapped key on any later packet changes nothing, whatever its opcode says. */
static void test_W3_later_packets(void **state)
{
	struct guest *g;

	(void)state;
	house.o.sec.tls_crypt = (struct lnl_bytes){ NULL, 0 };
	house.o.sec.tls_crypt_v2 = house_bytes(&house.v2_key);
	house_open();
	house.hold = true;
	g = comes("anna", "192.0.2.2", 40001);
	for (unsigned i = 0; i < 2; i++) {
		with_wkc(g, false);
		with_wkc(g, true);
	}
	assert_int_equal(house.s->n_served, 1);
	house.hold = false;
	house_grant();
	house_turn();
	assert_true(g->up);
	with_wkc(g, false);
	with_wkc(g, true);
	assert_int_equal(house.s->n_served, 1);
	renews(g);
	with_wkc(g, false);
	with_wkc(g, true);
	renews(g);
	assert_int_equal(house.s->n_served, 1);
}

/* ---- how many may stand there ---- */

/* |n| connections from |ip|, whose byte |varies| (-1: none) counts up. */
static void knock_tcp(const char *text, int varies, unsigned n)
{
	struct lnl_ip ip;

	assert_int_equal(lnl_ip_parse(&ip, text), 0);
	for (unsigned i = 0; i < n; i++) {
		struct lnl_addr at;

		if (varies >= 0)
			ip.bytes[varies]++;
		at = lnl_addr_from(&ip, (uint16_t)(50000 + i));
		lnl_door_accept(house.s, open("/dev/null", O_RDONLY | O_CLOEXEC), &at);
	}
}

/* S6: one source has 8 places of all there are; an IPv6 host's source is its /64. */
static void test_S6_one_source(void **state)
{
	static const struct {
		const char *ip;
		int varies;
		unsigned left;
	} rows[] = {
		{ "192.0.2.0", 3, 102 },      /* hosts of their own: a tenth of max_clients */
		{ "192.0.2.9", -1, 8 },	      /* one address, many ports */
		{ "2001:db8:0:1::", 15, 8 },  /* one host with many addresses */
		{ "2001:db8:0:1::", 8, 8 },   /* the same */
		{ "2001:db8:0:1::", 7, 102 }, /* hosts of their own */
	};

	(void)state;
	house_open();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		knock_tcp(rows[i].ip, rows[i].varies, 200);
		if (house.s->n_half_open != rows[i].left)
			fail_msg("row %zu: %u half-open", i, house.s->n_half_open);
		house_run(61 * LNL_SECOND);
		assert_int_equal(house.s->n_half_open, 0);
		assert_int_equal(house.s->n_served, 0);
	}
	knock_tcp("2001:db8:0:1::", 15, 200);
	assert_true(comes("anna", "2001:db8:0:2::1", 40001)->up);
	assert_true(comes("ben", "192.0.2.2", 40001)->up);
}

/* S6: of the places that strangers hold, those older than half of hand-window go when many come. */
static void test_S6_half_the_time(void **state)
{
	static const struct {
		unsigned strangers, left;
	} rows[] = { { 40, 40 }, { 51, 51 }, { 52, 51 }, { 100, 51 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (i > 0) {
			house_close();
			house_init();
		}
		house_open();
		knock_tcp("192.0.2.0", 3, rows[i].strangers);
		house_run(29 * LNL_SECOND);
		assert_true(comes("anna", "198.51.100.1", 40001)->up);
		assert_int_equal(house.s->n_half_open, rows[i].strangers);
		house_run(2 * LNL_SECOND);
		assert_int_equal(house.s->n_half_open, rows[i].strangers);
		assert_true(comes("ben", "198.51.101.1", 40001)->up);
		assert_int_equal(house.s->n_half_open, rows[i].left);
	}
}

/* Who has shown its certificate, and waits for a verdict on its login, has all the time. */
static void test_S6_not_who_waits(void **state)
{
	(void)state;
	house.o.asks |= LNL_ASK_AUTHENTICATE;
	house_open();
	comes("anna", "198.51.100.1", 40001);
	assert_int_equal(house.n_asked, 1);
	house_run(9 * LNL_SECOND);
	knock_tcp("192.0.2.0", 3, 90);
	house_run(31 * LNL_SECOND);
	assert_int_equal(house.s->n_half_open, 91);
	knock_tcp("203.0.113.0", 3, 1);
	assert_int_equal(house.s->n_half_open, 52);
	assert_int_equal(house.s->served[0]->half_open, true);
	assert_int_equal(house.s->served[0]->waits, LNL_WAIT_LOGIN);
}

/* S6: 13 addresses fill all places with connections that say nothing; who comes then gets in. */
static void test_S6_silent_ones_go(void **state)
{
	char ip[32];

	(void)state;
	house_open();
	for (unsigned i = 0; i < 13; i++) {
		snprintf(ip, sizeof(ip), "192.0.2.%u", i + 1);
		knock_tcp(ip, -1, 8);
		house_run(100 * LNL_MSEC);
	}
	assert_int_equal(house.s->n_half_open, 102);
	/* All places are taken: each newcomer gets that of who is silent for longest. */
	assert_true(comes("anna", "198.51.100.1", 40001)->up);
	assert_true(comes("ben", "198.51.101.1", 0)->up);
	assert_int_equal(house.s->n_half_open, 101);
	/* What comes again from the same addresses does so at their own cost. */
	for (unsigned i = 0; i < 13; i++) {
		snprintf(ip, sizeof(ip), "192.0.2.%u", i + 1);
		knock_tcp(ip, -1, 8);
	}
	assert_int_equal(house.s->n_half_open, 102);
	assert_true(comes("carl", "198.51.102.1", 40001)->up);
	assert_true(house.s->control_drops[LNL_DROP_RATE] > 0);
	house_run(61 * LNL_SECOND);
	assert_int_equal(house.s->n_half_open, 0);
	assert_int_equal(house.s->n_served, 3);
}

/* A connection from |text| that sends one good packet, and then nothing. */
static struct lnl_served *speaks_once(struct guest *g, const char *text)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	struct lnl_served *v;
	size_t len;

	g->at = house_addr(text, 40000);
	guest_come(g, NULL, NULL);
	v = lnl_door_by_link(house.s, g->link);
	len = lnl_client_output(g->c, packet, sizeof(packet), house.now);
	house_give(g, packet, len);
	guest_free(g);
	house.n = 0; /* nobody is there to hear the answer */
	return v;
}

/* Who has said nothing at all goes first, though others came earlier. */
static void test_S6_mute_ones_first(void **state)
{
	struct lnl_served *speaker;
	uint32_t id;

	(void)state;
	house_open();
	speaker = speaks_once(guest_new("slow", "203.0.113.1", 0), "203.0.113.1");
	assert_non_null(speaker);
	id = speaker->id;
	house_run(9 * LNL_SECOND);
	knock_tcp("192.0.2.0", 3, 101);
	assert_int_equal(house.s->n_half_open, 102);
	for (unsigned i = 0; i < 10; i++) {
		knock_tcp("198.51.100.0", 3, 101);
		assert_int_equal(house.s->n_half_open, 102);
		assert_ptr_equal(lnl_served_find(house.s, id), speaker);
		assert_true(speaker->half_open);
	}
}

/* Where all have spoken nobody goes for a newcomer before it was silent for eight seconds. */
static void test_S6_not_who_speaks(void **state)
{
	struct guest *g, *anna;
	char ip[32];

	(void)state;
	house_open();
	g = guest_new("slow", "203.0.113.1", 0);
	for (unsigned i = 0; i < 102; i++) {
		snprintf(ip, sizeof(ip), "203.0.113.%u", i + 1);
		assert_non_null(speaks_once(g, ip));
	}
	assert_int_equal(house.s->n_half_open, 102);
	anna = comes("anna", "198.51.100.1", 40001);
	house_run(5 * LNL_SECOND);
	assert_false(anna->up);
	assert_int_equal(house.s->n_half_open, 102);
	house_run(12 * LNL_SECOND);
	assert_true(anna->up);
	assert_int_equal(house.s->n_half_open, 101);
}

/* ---- what is given back ---- */

/* How many of |n| that come one after the other, each from a network of its own, are let in. */
static unsigned let_in(unsigned n)
{
	unsigned in = 0;

	for (unsigned i = 0; i < n; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "192.0.%u.2", i);
		in += comes("anna", ip, 40001)->up;
	}
	return in;
}

/* Who was let in does not count against who comes next; who was not, does. */
static void test_honest_ones_do_not_count(void **state)
{
	(void)state;
	house.o.connect_freq_initial = 4;
	house.o.duplicate_cn = true;
	house_open();
	assert_int_equal(let_in(12), 12);
	assert_int_equal(house.s->control_drops[LNL_DROP_RATE], 0);
	house_close();

	/* The twin: nobody says yes. */
	house_init();
	house.o.connect_freq_initial = 4;
	house.o.asks |= LNL_ASK_AUTHENTICATE;
	house_open();
	assert_int_equal(let_in(12), 0);
	assert_int_equal(house.s->n_half_open, 4);
	assert_int_equal(house.s->control_drops[LNL_DROP_RATE], 8);
}

/* ---- whose place it is ---- */

static uint32_t id_of(const char *name)
{
	const struct lnl_served *v = house_peer(name);

	if (!v)
		fail_msg("%s is not there", name);
	return v ? v->id : 0;
}

/* Who starts anew from the same place takes it when it is let in, and not before. */
static void test_anew(void **state)
{
	struct guest *g;
	uint32_t first;

	(void)state;
	house_open();
	g = comes("anna", "192.0.2.2", 40001);
	first = id_of("anna");
	house.hold = true;
	guest_come(g, NULL, NULL);
	house_run(LNL_SECOND);
	assert_int_equal(id_of("anna"), first);
	house_grant();
	house_turn();
	assert_true(g->up);
	assert_int_not_equal(id_of("anna"), first);
	assert_int_equal(house.s->n_up, 1);
	assert_int_equal(house.closed, 1);
	assert_int_equal(house.peers, 1);
}

/* A number that somebody else has by now, or who is elsewhere by now, is not who was replaced. */
static void test_not_another(void **state)
{
	(void)state;
	for (unsigned moved = 0; moved < 2; moved++) {
		struct lnl_addr elsewhere;
		struct lnl_served *before;
		struct guest *carl;

		if (moved) {
			house_close();
			house_init();
		}
		house_open();
		elsewhere = house_addr("192.0.2.7", 40007);
		comes("anna", "192.0.2.2", 40001);
		before = house.s->served[id_of("anna")];
		guest_free(&house.guests[0]);
		house.hold = true;
		comes("ben", "192.0.2.2", 40001);
		house.hold = false;
		if (moved) {
			lnl_door_moved(before, HOUSE_UDP, &elsewhere);
		} else {
			uint32_t id = before->id;

			lnl_served_end(before, LNL_CAUSE_PING, "gone");
			house_run(3 * LNL_SECOND);
			house_next_id(id);
			carl = comes("carl", "192.0.2.3", 40001);
			assert_true(carl->up);
			assert_int_equal(id_of("carl"), id);
		}
		house_grant();
		house_turn();
		assert_non_null(house_peer("ben"));
		assert_non_null(house_peer(moved ? "anna" : "carl"));
		assert_int_equal(house.s->n_up, 2);
	}
}

/* Renewing its keys shows whether a client's packets reach its session. */
static void renews(struct guest *g)
{
	assert_int_equal(lnl_client_renegotiate(g->c, house.now), 0);
	house_run(61 * LNL_SECOND);
	assert_false(g->closed);
	assert_true(g->up);
}

/* One that only knocks, with a session of its own, from where somebody is. */
static struct guest *knocks_at(const char *cn, struct guest *there)
{
	struct guest *g = guest_new(cn, "192.0.2.2", 40001);
	struct lnl_client *c = there->c;
	unsigned before = house.s->n_half_open;

	there->c = NULL; /* the answers are for the newcomer */
	guest_come(g, NULL, NULL);
	while (house.s->n_half_open == before) {
		uint8_t packet[LNL_SESSION_PACKET_MAX];
		size_t len = lnl_client_output(g->c, packet, sizeof(packet), house.now);

		assert_true(len > 0);
		house_give(g, packet, len);
		for (; house.n > 0; house.n--) {
			struct house_packet p = house.queue[house.first];

			house.first = (house.first + 1) % QUEUE;
			lnl_client_input(g->c, p.bytes, p.len, house.now);
		}
	}
	guest_free(g);
	there->c = c;
	return g;
}

/* What comes to nothing gives the place back. */
static void test_place_is_given_back(void **state)
{
	struct guest *g;

	(void)state;
	house_open();
	g = comes("anna", "192.0.2.2", 40001);
	knocks_at("ben", g);
	house_run(61 * LNL_SECOND);
	assert_int_equal(house.s->n_served, 1);
	renews(g);
	/* Also when two were there, whichever goes first. */
	knocks_at("carl", g);
	house_run(30 * LNL_SECOND);
	knocks_at("dora", g);
	house_run(100 * LNL_SECOND);
	assert_int_equal(house.s->n_served, 1);
	renews(g);
}

/*
 * Nor is anybody shut out meanwhile: who sees packets can send those again that began an earlier
 * session, and so stand where the client is; but what that one says is heard.
 */
static void test_knocking_shuts_nobody_out(void **state)
{
	(void)state;
	for (unsigned knocks = 0; knocks < 9; knocks++) {
		struct guest *g;

		if (knocks > 0) {
			house_close();
			house_init();
		}
		house_open();
		g = guest_new("anna", "192.0.2.2", 40001);
		g->conf.explicit_exit_notify = 1;
		guest_come(g, NULL, NULL);
		house_turn();
		assert_true(g->up);
		for (unsigned i = 0; i < knocks; i++) {
			house.now += 100 * LNL_MSEC; /* the limiter's */
			knocks_at("ben", g);
		}
		assert_int_equal(lnl_client_renegotiate(g->c, house.now), 0);
		house_run(5 * LNL_SECOND);
		assert_int_equal(house.s->n_half_open, knocks);
		lnl_client_close(g->c, LNL_CAUSE_USER, house.now);
		house_run(6 * LNL_SECOND);
		if (house_peer("anna") || house.closed != 1)
			fail_msg("after %u knocks the client's goodbye is not heard", knocks);
		assert_int_equal(house.s->n_half_open, knocks);
		house_run(61 * LNL_SECOND);
		assert_int_equal(house.s->n_served, 0);
	}
}

/* But not when somebody is there: that one is heard, and who was there first ends with its grant. */
static void test_place_is_taken_twice(void **state)
{
	struct guest *first, *last;

	(void)state;
	house_open();
	first = comes("anna", "192.0.2.2", 40001);
	knocks_at("ben", first);
	house_run(57 * LNL_SECOND);
	guest_free(first);
	house.hold = true;
	last = comes("carl", "192.0.2.2", 40001);
	assert_int_equal(house.s->n_served, 3);
	house_run(6 * LNL_SECOND); /* ben's hand-window ends, while carl waits */
	assert_int_equal(house.s->n_served, 2);
	assert_non_null(house_peer("anna"));
	house_grant();
	house_run(3 * LNL_SECOND);
	assert_true(last->up);
	assert_null(house_peer("anna"));
	assert_int_equal(house.s->n_served, 1);
	assert_int_equal(house.closed, 1);
	house.hold = false;
	renews(last);
}

/* Where a client that has ended is said to be matters to nobody. */
static void test_moved_too_late(void **state)
{
	struct lnl_addr elsewhere;
	struct lnl_served *v;

	(void)state;
	house_open();
	elsewhere = house_addr("192.0.2.7", 40001);
	comes("anna", "192.0.2.2", 40001);
	v = house.s->served[id_of("anna")];
	lnl_served_end(v, LNL_CAUSE_PING, "gone");
	lnl_door_moved(v, HOUSE_UDP, &elsewhere);
	assert_false(v->in_table);
	house_run(3 * LNL_SECOND);
	assert_int_equal(house.s->n_served, 0);
	assert_true(comes("ben", "192.0.2.7", 40001)->up);
}

#define DOOR(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DOOR(test_at_once),
		DOOR(test_W3_later_packets),
		DOOR(test_S6_one_source),
		DOOR(test_S6_half_the_time),
		DOOR(test_S6_not_who_waits),
		DOOR(test_S6_silent_ones_go),
		DOOR(test_S6_mute_ones_first),
		DOOR(test_S6_not_who_speaks),
		DOOR(test_honest_ones_do_not_count),
		DOOR(test_anew),
		DOOR(test_not_another),
		DOOR(test_place_is_given_back),
		DOOR(test_knocking_shuts_nobody_out),
		DOOR(test_place_is_taken_twice),
		DOOR(test_moved_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
