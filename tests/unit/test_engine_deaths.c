/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* lunel-test: timeout 1800 */
/*
 * TRUST R1: connections that die at every stage leave nothing, neither memory nor descriptors; and
 * C5, the end of a client that does not want to go. LUNEL_ALL=1 has 10^5 of them.
 */
#include <dirent.h>
#include <malloc.h>

#include "count.h"
#include "test_engine_house.h"

/* Where a connection dies. Those with `sent` go away after so many packets, and are not heard of. */
static const struct death {
	const char *name;
	unsigned sent;
	bool tcp;
	enum how { SILENT, REFUSED, LEFT, KILLED, CUT, JUNK } how;
	enum lnl_event_kind at; /* the question that is not answered, or with no; 0: none */
} deaths[] = {
	{ "reset", 1, false, SILENT, 0 },
	{ "cookie", 2, false, SILENT, 0 },
	{ "hello", 3, false, SILENT, 0 },
	{ "finished", 4, false, SILENT, 0 },
	{ "certificate unanswered", 0, false, SILENT, LNL_EVENT_VERIFY_CERT },
	{ "certificate refused", 0, false, REFUSED, LNL_EVENT_VERIFY_CERT },
	{ "login unanswered", 0, false, SILENT, LNL_EVENT_AUTHENTICATE },
	{ "login refused", 0, false, REFUSED, LNL_EVENT_AUTHENTICATE },
	{ "grant unanswered", 0, false, SILENT, LNL_EVENT_AUTHORIZE },
	{ "grant refused", 0, false, REFUSED, LNL_EVENT_AUTHORIZE },
	{ "up, killed", 0, false, KILLED, 0 },
	{ "up, goodbye", 0, false, LEFT, 0 },
	{ "TCP, nothing said", 0, true, SILENT, 0 },
	{ "TCP, cut in the handshake", 3, true, CUT, 0 },
	{ "TCP, junk", 0, true, JUNK, 0 },
};

#define DEATHS (sizeof(deaths) / sizeof(deaths[0]))

static int open_house(void **state)
{
	(void)state;
	house_init();
	house.o.duplicate_cn = true;
	house.o.network4 = "10.8.0.0/27"; /* so that soon each address was somebody's */
	house.o.asks = LNL_ASK_VERIFY_CERT | LNL_ASK_AUTHENTICATE | LNL_ASK_AUTHORIZE;
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

/* ---- one connection ---- */

static void answer(const struct asked *a, bool yes)
{
	static const struct lnl_grant_options plain;

	if (a->kind == LNL_EVENT_VERIFY_CERT)
		lnl_reply_verdict(house.e, a->ticket, yes, "not this one");
	else if (a->kind == LNL_EVENT_AUTHENTICATE)
		lnl_reply_login(house.e, a->ticket, yes ? LNL_LOGIN_OK : LNL_LOGIN_DENY, NULL);
	else
		lnl_reply_grant(house.e, a->ticket, yes ? &plain : NULL, NULL);
}

/* Questions that nobody answers; no loop runs here that would tell when their time is up. */
static uint64_t unanswered[DEATHS];
static unsigned n_unanswered;

/* Answers what was asked; false where |d| has it unanswered. */
static bool decide(const struct death *d)
{
	while (house.n_asked > 0) {
		struct asked a = house.asked[--house.n_asked];

		if (a.kind == d->at && d->how == SILENT) {
			unanswered[n_unanswered++] = a.ticket;
			return false;
		}
		answer(&a, a.kind != d->at);
	}
	return true;
}

static void deliver_all(void)
{
	for (; house.n > 0; house.n--) {
		struct house_packet p = house.queue[house.first];

		house.first = (house.first + 1) % QUEUE;
		house_deliver(&p);
	}
}

/* |g| and the server talk until |g| has sent |most| packets, or nobody has anything to say. */
static void talk(struct guest *g, const struct death *d, unsigned most)
{
	bool more = true;

	while (more) {
		uint8_t packet[LNL_SESSION_PACKET_MAX];
		size_t len;

		more = house_events();
		if (!decide(d))
			return;
		guest_events(g);
		while ((len = lnl_client_output(g->c, packet, sizeof(packet), house.now))) {
			house_give(g, packet, len);
			more = true;
			if (++g->sent == most)
				return;
		}
		more = more || house.n > 0;
		deliver_all();
	}
}

static struct lnl_served *served_at(const struct guest *g)
{
	for (uint32_t i = 0; i < house.s->n_slots; i++) {
		struct lnl_served *v = house.s->served[i];

		if (v && !v->ended && v->link == g->link && lnl_addr_equal(&v->from, &g->at))
			return v;
	}
	return NULL;
}

static void die(struct guest *g, const struct death *d)
{
	static const uint8_t junk[200] = { LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1 };
	bool lives = !d->sent && !d->at && !d->tcp;

	guest_come(g, d->at || lives ? "anna" : NULL, "secret");
	if (d->how == JUNK)
		house_give(g, junk, sizeof(junk));
	else if (d->sent || d->at || lives)
		talk(g, d, d->sent);
	if (g->up != lives)
		fail_msg("%s: %s", d->name, lives ? "not up" : "up");
	if (d->how == KILLED)
		lnl_peer_kill(house.e, house.s->id, served_at(g)->id, "HALT");
	if (d->how == LEFT) {
		lnl_client_send_text(g->c, "EXIT", house.now);
		talk(g, d, 0);
	}
	if (d->how == CUT)
		lnl_served_end(served_at(g), LNL_CAUSE_CLOSED, "cut");
	guest_free(g);
	house.n = house.n_asked = 0;
}

/* All of them once, and then a minute and a half: hand-window is over for everybody. */
static void round_of_deaths(struct guest **guests)
{
	for (size_t i = 0; i < DEATHS; i++)
		die(guests[i], &deaths[i]);
	for (unsigned s = 0; s < 18; s++) {
		house.now += 5 * LNL_SECOND;
		while (s == 3 && n_unanswered > 0)
			lnl_reply_default(house.e, unanswered[--n_unanswered]);
		house_turn();
		house.n_asked = 0;
	}
	for (uint32_t i = 0; i < house.s->n_slots; i++) {
		const struct lnl_served *v = house.s->served[i];

		for (size_t k = 0; v && k < DEATHS; k++)
			if (v->link == guests[k]->link && lnl_addr_equal(&v->from, &guests[k]->at))
				fail_msg("%s: it is there still", deaths[k].name);
	}
	assert_int_equal(house.s->n_served, 0);
	assert_int_equal(house.s->n_half_open, 0);
	assert_int_equal(house.s->n_up, 0);
	assert_int_equal(house.peers, 0);
}

/* ---- what is left ---- */

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Of the program's own memory: pages of its file come and go. */
static size_t resident(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	assert_non_null(f);
	malloc_trim(0); /* the heap grows in steps of 128 KiB */
	while (fgets(line, sizeof(line), f) && sscanf(line, "RssAnon: %lu", &kib) != 1)
		;
	fclose(f);
	assert_true(kib > 0);
	return kib * 1024;
}

static void test_R1(void **state)
{
	unsigned rounds = (unsigned)(test_count(60 * DEATHS, 100000) - 1) / DEATHS + 1, fds;
	struct guest *guests[DEATHS];
	size_t used, rss;

	(void)state;
	for (size_t i = 0; i < DEATHS; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "192.0.%zu.2", i);
		guests[i] = guest_new("anna", ip, deaths[i].tcp ? 0 : 40001);
	}
	/* Until everything has been needed once, all the places of the log included. */
	for (unsigned i = 0; i < 80; i++)
		round_of_deaths(guests);
	fds = descriptors();
	used = mallinfo2().uordblks;
	rss = resident();
	for (unsigned i = 0; i < rounds; i++)
		round_of_deaths(guests);
	print_message("R1: %zu connections: in use %zu, then %zu bytes; resident %zu, then %zu\n",
		      rounds * DEATHS, used, mallinfo2().uordblks, rss, resident());
	assert_int_equal(descriptors(), fds);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(mallinfo2().uordblks <= used + used / 100);
	assert_true(resident() <= rss + rss / 100);
#endif
	/* The twin: who does nothing wrong is served. */
	house.hold = false;
	die(guests[10], &(struct death){ "fine", 0, false, SILENT, 0 });
	assert_int_equal(house.s->n_up, 1);
}

/* ---- C5 ---- */

/* Its place is free 5 s after the kill, whatever it sends; and one who is not killed stays. */
static void test_C5_slot_is_freed(void **state)
{
	static const struct death none = { "", 0, false, SILENT, 0 };
	struct guest *g, *stays, *next;
	uint64_t began;

	(void)state;
	g = guest_new("anna", "192.0.2.2", 40001);
	stays = guest_new("ben", "192.0.3.2", 40001);
	next = guest_new("carl", "192.0.4.2", 40001);
	guest_come(g, "anna", "x");
	talk(g, &none, 0);
	guest_come(stays, "ben", "x");
	talk(stays, &none, 0);
	assert_int_equal(house.s->n_up, 2);
	began = house.now;
	lnl_peer_kill(house.e, house.s->id, served_at(g)->id, "HALT");
	for (unsigned i = 0; i < 1000 && served_at(g); i++) {
		uint8_t packet[LNL_SESSION_PACKET_MAX];
		size_t len;

		/* It hears nothing, and says goodbye again and again. */
		house.n = 0;
		lnl_client_send_text(g->c, i % 2 ? "EXIT" : "PUSH_REQUEST", house.now);
		while ((len = lnl_client_output(g->c, packet, sizeof(packet), house.now)))
			house_give(g, packet, len);
		house.now += 10 * LNL_MSEC;
		house_timers();
	}
	assert_null(served_at(g));
	assert_true(house.now - began <= 5 * LNL_SECOND + 20 * LNL_MSEC);
	house.n = 0;
	guest_free(g);
	house_run(3 * LNL_SECOND);
	assert_int_equal(house.s->n_served, 1);
	assert_non_null(served_at(stays));
	guest_come(next, "carl", "x");
	talk(next, &none, 0);
	assert_true(next->up);
}

#define DEATH(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		DEATH(test_R1),
		DEATH(test_C5_slot_is_freed),
	};

	(void)argc;
	/* The C library's cache of free blocks would count as in use. */
	if (!getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
		execv("/proc/self/exe", argv);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
