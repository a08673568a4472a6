/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server of the engine proper without sockets, device, threads or time, and guests that come to
 * it. The linker puts this worker in the place of io's (see "lunel-test: house" in CMakeLists.txt):
 * what it is told to send goes to the guest at that address. A guest is control's client.
 */
#ifndef LNL_TEST_ENGINE_HOUSE_H
#define LNL_TEST_ENGINE_HOUSE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/client.h"
#include "engine_service.h"
#include "wire/keyfile.h"

#define HOUSE_UDP 1 /* the number of the one UDP socket */
#define GUESTS	  16
#define QUEUE	  256

/* What a worker was told by the commands of one kind. */
struct house_told {
	unsigned n;
	uint32_t id, peer;
	uint64_t serial;
};

/* A control packet on its way to a guest. */
struct house_packet {
	uint32_t link;
	struct lnl_addr to;
	uint16_t len;
	uint8_t bytes[LNL_DATAGRAM_MAX];
};

struct guest {
	struct lnl_addr at;
	uint32_t link; /* HOUSE_UDP, or a TCP connection's */
	struct lnl_client_conf conf;
	struct lnl_client *c; /* NULL: nobody is there */
	unsigned sent;	      /* packets */
	bool up, closed;
	enum lnl_cause cause;
	char text[256]; /* why it closed */
	bool silent;	/* what it sends is lost */
	struct house_packet last;
};

/* The question that a client's turn waits for. */
struct asked {
	enum lnl_event_kind kind;
	uint64_t ticket;
	uint32_t peer;
	/* Of AUTHENTICATE. */
	bool again;
	enum lnl_token_seen token;
	char password[LNL_NAME_MAX];
};

struct house {
	uint64_t now;
	struct lnl_engine *e;
	struct lnl_service *s;
	struct lnl_server_options o;
	struct lnl_pki_text ca, ca_key, key, v2_key, tls_crypt;
	struct lnl_bytes ca_bytes, ca_key_bytes, key_bytes;
	struct guest guests[GUESTS];
	unsigned n_guests;
	struct asked asked[GUESTS];
	unsigned n_asked;
	bool hold; /* authorize waits; else it is answered at once */
	unsigned established, closed;
	char closed_cause[GUESTS][32]; /* by peer id */
	bool ended;		       /* the server is closed */
	struct house_packet queue[QUEUE];
	unsigned first, n;
	unsigned n_counters;
	uint32_t counters[QUEUE];    /* peers whose counters were asked for */
	struct lnl_counters counted; /* what is answered */
	bool hold_counters;	     /* not yet */
	unsigned peers;		     /* in the data plane */
	struct lnl_peer_conf added;  /* the latest of them */
	uint32_t added_lane;
	void (*wake)(void *ctx); /* of the control thread, with wake_ctx */
	void *wake_ctx;
	unsigned n_workers, connected; /* workers that were made, and that know of one another */
	/* By worker and kind: commands, and what the latest said of whose and which. */
	struct house_told told[LNL_WORKERS_MAX][LNL_CMD_STOP + 1];
	unsigned junk; /* packets of nobody's that wait in the worker's ring */
	struct lnl_addr junk_from;
};

static struct house house;
static char house_workers[LNL_WORKERS_MAX]; /* their addresses are all that counts */
static struct lnl_reason house_why;

/* ---- in the place of io's ---- */

uint64_t __wrap_lnl_clock_now(void);
int __wrap_lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
			  uint32_t max_links, void (*wake)(void *ctx), void *ctx);
void __wrap_lnl_worker_free(struct lnl_worker *w);
void __wrap_lnl_worker_stop(struct lnl_worker *w);
int __wrap_lnl_worker_connect(struct lnl_worker *const *workers, unsigned n);
int __wrap_lnl_worker_command(struct lnl_worker *w, const struct lnl_command *cmd);
bool __wrap_lnl_worker_next(struct lnl_worker *w, struct lnl_ntf *out);
int __wrap_lnl_service_net_up(struct lnl_service *s, struct lnl_reason *why);
int __wrap_lnl_service_listen(struct lnl_service *s, struct lnl_reason *why);

uint64_t __wrap_lnl_clock_now(void)
{
	return house.now;
}

int __wrap_lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
			  uint32_t max_links, void (*wake)(void *ctx), void *ctx)
{
	(void)env;
	(void)max_peers;
	(void)max_links;
	house.wake = wake;
	house.wake_ctx = ctx;
	*out = (struct lnl_worker *)&house_workers[house.n_workers++];
	return 0;
}

void __wrap_lnl_worker_stop(struct lnl_worker *w)
{
	(void)w;
}

int __wrap_lnl_worker_connect(struct lnl_worker *const *workers, unsigned n)
{
	assert_ptr_equal(workers[0], house_workers);
	house.connected = n;
	return 0;
}

void __wrap_lnl_worker_free(struct lnl_worker *w)
{
	(void)w;
}

int __wrap_lnl_worker_command(struct lnl_worker *w, const struct lnl_command *cmd)
{
	struct house_told *told = &house.told[(const char *)w - house_workers][cmd->kind];
	struct house_packet *p;

	told->n++;
	told->id = cmd->kind == LNL_CMD_LINK_ADD ? cmd->u.link.id : cmd->id;
	told->peer = cmd->kind == LNL_CMD_PEER_ADD ? cmd->u.peer.conf.id : cmd->peer;
	if (cmd->kind == LNL_CMD_PEER_ADD)
		told->serial = cmd->u.peer.serial;
	else if (cmd->kind == LNL_CMD_PEER_ELSEWHERE)
		told->serial = cmd->u.elsewhere.serial;
	switch (cmd->kind) {
	case LNL_CMD_LINK_ADD:
		close(cmd->u.link.fd);
		break;
	case LNL_CMD_LINK_SEND:
		assert_true(house.n < QUEUE);
		p = &house.queue[(house.first + house.n++) % QUEUE];
		p->link = cmd->id;
		p->to = cmd->u.datagram.to;
		p->len = cmd->u.datagram.len;
		memcpy(p->bytes, cmd->u.datagram.bytes, p->len);
		break;
	case LNL_CMD_PEER_ADD:
		house.peers++;
		house.added = cmd->u.peer.conf;
		house.added_lane = cmd->u.peer.lane;
		break;
	case LNL_CMD_PEER_DEL:
		house.peers -= (const char *)w == house_workers;
		break;
	case LNL_CMD_COUNTERS:
		assert_true(house.n_counters < QUEUE);
		house.counters[house.n_counters++] = cmd->peer;
		break;
	default:
		break;
	}
	return 0;
}

/* Junk, as much as the test wants; what is worth something is given to the door by hand. */
bool __wrap_lnl_worker_next(struct lnl_worker *w, struct lnl_ntf *out)
{
	(void)w;
	if (house.junk == 0)
		return false;
	house.junk--;
	memset(out, 0, offsetof(struct lnl_ntf, u.datagram.bytes) + 1);
	out->kind = LNL_NTF_PACKET;
	out->id = HOUSE_UDP;
	out->u.datagram.from = house.junk_from;
	out->u.datagram.len = 1;
	return true;
}

int __wrap_lnl_service_net_up(struct lnl_service *s, struct lnl_reason *why)
{
	(void)why;
	snprintf(s->ifname, sizeof(s->ifname), "none");
	s->next_link = HOUSE_UDP;
	return 0;
}

int __wrap_lnl_service_listen(struct lnl_service *s, struct lnl_reason *why)
{
	(void)s;
	(void)why;
	return 0;
}

/* ---- keys ---- */

static inline struct lnl_bytes house_bytes(const struct lnl_pki_text *t)
{
	return (struct lnl_bytes){ (uint8_t *)t->data, t->len };
}

static inline struct lnl_bytes house_cert(enum lnl_pki_role role, const char *cn,
					  struct lnl_pki_text *out)
{
	uint64_t now = lnl_clock_wall(NULL);
	struct lnl_pki_request r = { .role = role,
				     .cn = cn,
				     .not_before = now - 86400,
				     .not_after = now + 86400,
				     .key = house.key_bytes };

	if (role == LNL_PKI_CA) {
		r.key = house.ca_key_bytes;
	} else {
		r.ca_cert = house.ca_bytes;
		r.ca_key = house.ca_key_bytes;
	}
	if (lnl_pki_cert(&r, out, &house_why) < 0)
		fail_msg("%s: %s", cn, house_why.text);
	return house_bytes(out);
}

static inline void house_keys(void)
{
	assert_int_equal(lnl_pki_key("ec", &house.ca_key, &house_why), 0);
	assert_int_equal(lnl_pki_key("ec", &house.key, &house_why), 0);
	assert_int_equal(lnl_pki_v2_server_key(&house.v2_key, &house_why), 0);
	assert_int_equal(lnl_pki_static_key(&house.tls_crypt, &house_why), 0);
	house.ca_key_bytes = house_bytes(&house.ca_key);
	house.key_bytes = house_bytes(&house.key);
	house.ca_bytes = house_cert(LNL_PKI_CA, "Test CA", &house.ca);
}

/* ---- beginning and end ---- */

/* Defaults of a small server with tls-crypt; change house.o, then house_open. */
static inline void house_init(void)
{
	static const struct lnl_listen udp = { .port = 1194, .proto = LNL_PROTO_UDP };
	static const struct lnl_engine_options options = { .level = LNL_LEVEL_INFO,
							   .stay_root = true };

	memset(&house, 0, sizeof(house));
	house.now = 1000 * LNL_SECOND;
	assert_int_equal(lnl_engine_new(&house.e, &options, &house_why), 0);
	house_keys();
	lnl_server_options_init(&house.o);
	house.o.listen = &udp;
	house.o.n_listen = 1;
	house.o.network4 = "10.8.0.0/24";
	house.o.connect_freq_initial = 10000; /* the limiter has tests of its own */
	house.o.sec.tls_crypt = house_bytes(&house.tls_crypt);
	house.o.asks = LNL_ASK_AUTHORIZE;
}

static inline void house_open(void)
{
	struct lnl_pki_text cert = { 0 };
	uint32_t handle;

	house.o.sec.ca = house.ca_bytes;
	house.o.sec.key = house.key_bytes;
	house.o.sec.cert = house_cert(LNL_PKI_SERVER, "server", &cert);
	if (lnl_server_open(house.e, &house.o, &handle, &house_why) < 0)
		fail_msg("%s", house_why.text);
	lnl_pki_text_free(&cert);
	house.s = lnl_service_find(house.e, handle);
	assert_non_null(house.s);
}

static inline void guest_free(struct guest *g)
{
	lnl_client_free(g->c);
	g->c = NULL;
}

static inline void house_close(void)
{
	for (unsigned i = 0; i < house.n_guests; i++) {
		struct guest *g = &house.guests[i];

		guest_free(g);
		lnl_tls_conf_free(g->conf.session.tls);
		lnl_wrap_key_deinit((struct lnl_wrap_key *)(uintptr_t)g->conf.session.wrap);
		free((void *)(uintptr_t)g->conf.session.wrap);
		free((void *)(uintptr_t)g->conf.session.wrap_raw);
		free((void *)(uintptr_t)g->conf.session.wkc);
	}
	lnl_engine_free(house.e);
	lnl_pki_text_free(&house.ca);
	lnl_pki_text_free(&house.ca_key);
	lnl_pki_text_free(&house.key);
	lnl_pki_text_free(&house.v2_key);
	lnl_pki_text_free(&house.tls_crypt);
}

/* ---- guests ---- */

static inline struct lnl_addr house_addr(const char *ip, uint16_t port)
{
	struct lnl_ip a;

	assert_int_equal(lnl_ip_parse(&a, ip), 0);
	return lnl_addr_from(&a, port);
}

static inline void guest_wrap(struct guest *g, bool v2)
{
	struct lnl_wrap_key *wrap = calloc(1, sizeof(*wrap));
	struct lnl_static_key *raw = calloc(1, sizeof(*raw));
	struct lnl_session_conf *s = &g->conf.session;

	assert_true(wrap && raw);
	if (v2) {
		struct lnl_v2_client_key k;
		struct lnl_pki_text text = { 0 };
		uint8_t *wkc = malloc(LNL_WKC_MAX);

		assert_non_null(wkc);
		assert_int_equal(lnl_pki_v2_client_key(house_bytes(&house.v2_key),
						       lnl_clock_wall(NULL), &text, &house_why),
				 0);
		assert_int_equal(lnl_keyfile_v2_client(&k, text.data, text.len), 0);
		lnl_pki_text_free(&text);
		*raw = k.kc;
		memcpy(wkc, k.wkc, k.wkc_len);
		s->wkc = wkc;
		s->wkc_len = k.wkc_len;
	} else {
		assert_int_equal(lnl_keyfile_static(raw, house.tls_crypt.data, house.tls_crypt.len),
				 0);
	}
	assert_int_equal(lnl_wrap_key_crypt(wrap, &house.e->env, raw, false), 0);
	s->wrap = wrap;
	s->wrap_raw = raw;
}

/* A guest with a certificate for |cn| at |ip|, |port| (0: over TCP); it has not come yet. */
static inline struct guest *guest_new(const char *cn, const char *ip, uint16_t port)
{
	struct guest *g = &house.guests[house.n_guests++];
	struct lnl_pki_text cert = { 0 };
	struct lnl_tls_settings tls = {
		.ca = { house.ca.data, house.ca.len },
		.key = { house.key.data, house.key.len },
		.eku = LNL_EKU_SERVER,
	};

	assert_true(house.n_guests <= GUESTS);
	house_cert(LNL_PKI_CLIENT, cn, &cert);
	tls.cert = (struct lnl_blob){ cert.data, cert.len };
	g->at = house_addr(ip, port ? port : 40000);
	g->link = port ? HOUSE_UDP : 0;
	g->conf = (struct lnl_client_conf){
		.session = { .env = &house.e->env,
			     .max_packet = LNL_CONTROL_MAX,
			     .tls_timeout = 2 * LNL_SECOND,
			     .hand_window = 60 * LNL_SECOND,
			     .tran_window = 3600 * LNL_SECOND,
			     .tcp = port == 0 },
		.caps = LNL_DATA_CAP_DATA_V2,
		.ciphers = { LNL_CIPHER_AES_256_GCM },
		.n_ciphers = 1,
		.auth = LNL_DIGEST_SHA1,
		.pull = true,
		.tun_mtu = 1500,
		.mssfix = -1,
		.version = "0.1",
		.platform = "linux",
		.key_direction = -1,
		.ping = -1,
		.ping_restart = -1,
		.ping_exit = -1,
	};
	assert_int_equal(lnl_tls_conf_new(&g->conf.session.tls, &house.e->env, &tls, NULL), 0);
	lnl_pki_text_free(&cert);
	guest_wrap(g, house.o.sec.tls_crypt_v2.data != NULL);
	return g;
}

/* It comes, or comes again: a new session from where it is. */
static inline void guest_come(struct guest *g, const char *user, const char *password)
{
	guest_free(g);
	g->up = g->closed = false;
	g->sent = 0;
	g->text[0] = 0;
	g->conf.auth_user_pass = user != NULL;
	if (g->conf.session.tcp) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		lnl_door_accept(house.s, fd, &g->at);
		g->link = lnl_service_link(house.s, house.s->next_link,
					   house.s->next_link % house.n_workers);
	}
	assert_int_equal(lnl_client_new(&g->c, &g->conf, user, password, house.now), 0);
}

/* ---- a turn ---- */

static inline void house_give(const struct guest *g, const uint8_t *bytes, size_t len)
{
	struct lnl_ntf n = { .kind = LNL_NTF_PACKET, .id = g->link };

	n.u.datagram.len = (uint16_t)len;
	memcpy(n.u.datagram.bytes, bytes, len);
	if (!g->conf.session.tcp)
		n.u.datagram.from = g->at;
	lnl_door_packet(house.s, &n);
}

static inline void guest_events(struct guest *g)
{
	struct lnl_client_event ev;

	while (g->c && lnl_client_next(g->c, &ev, house.now)) {
		if (ev.kind == LNL_CLIENT_PULLED)
			lnl_client_configure(g->c, NULL, 0, NULL, house.now);
		g->up = g->up || ev.kind == LNL_CLIENT_UP;
		if (ev.kind == LNL_CLIENT_CLOSED) {
			g->closed = true;
			g->up = false;
			g->cause = ev.cause;
			snprintf(g->text, sizeof(g->text), "%s", ev.text);
		}
		lnl_client_event_wipe(&ev);
	}
}

static inline bool guest_turn(struct guest *g)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	unsigned before = g->sent;
	size_t len;

	if (!g->c)
		return false;
	lnl_client_tick(g->c, house.now);
	guest_events(g);
	while ((len = lnl_client_output(g->c, packet, sizeof(packet), house.now))) {
		g->sent++;
		g->last.len = (uint16_t)len;
		memcpy(g->last.bytes, packet, len);
		if (!g->silent)
			house_give(g, packet, len);
		guest_events(g);
	}
	return g->sent != before;
}

/* All workers' sockets of a listening address are the same to a guest. */
static inline bool house_is_of(const struct guest *g, uint32_t link)
{
	if (g->conf.session.tcp)
		return g->link == link;
	return g->link / house.n_workers == link / house.n_workers;
}

static inline void house_deliver(const struct house_packet *p)
{
	for (unsigned i = 0; i < house.n_guests; i++) {
		struct guest *g = &house.guests[i];

		if (!g->c || !house_is_of(g, p->link) ||
		    (!g->conf.session.tcp && !lnl_addr_equal(&g->at, &p->to)))
			continue;
		lnl_client_input(g->c, p->bytes, p->len, house.now);
		guest_events(g);
		return;
	}
}

static inline void house_ask(struct asked *a, const struct lnl_event *ev)
{
	*a = (struct asked){ .kind = ev->kind, .ticket = ev->ticket, .peer = ev->peer };
	if (ev->kind != LNL_EVENT_AUTHENTICATE)
		return;
	a->again = ev->u.login.again;
	a->token = ev->u.login.token;
	snprintf(a->password, sizeof(a->password), "%s", ev->u.login.password);
}

static inline bool house_events(void)
{
	static const struct lnl_grant_options plain;
	struct lnl_event ev;
	bool any = false;

	while (lnl_engine_next(house.e, &ev)) {
		any = true;
		house.established += ev.kind == LNL_EVENT_ESTABLISHED;
		if (ev.kind == LNL_EVENT_PEER_CLOSED) {
			house.closed++;
			snprintf(house.closed_cause[ev.peer % GUESTS],
				 sizeof(house.closed_cause[0]), "%s", ev.u.end.cause);
		}
		house.ended = house.ended || ev.kind == LNL_EVENT_CLOSED;
		if (!ev.ticket)
			continue;
		if (ev.kind == LNL_EVENT_AUTHORIZE && !house.hold) {
			lnl_reply_grant(house.e, ev.ticket, &plain, NULL);
			continue;
		}
		assert_true(house.n_asked < GUESTS);
		house_ask(&house.asked[house.n_asked++], &ev);
	}
	return any;
}

static inline void house_timers(void)
{
	for (uint32_t i = 0; i < house.s->n_slots; i++)
		if (house.s->served[i])
			lnl_served_timer(house.e->loop, &house.s->served[i]->timer, 0);
	lnl_service_settle(house.s);
}

/* Until nobody has anything to say at this time. */
static inline void house_turn(void)
{
	bool more = true;

	house_timers();
	while (more) {
		more = house_events();
		for (unsigned i = 0; i < house.n_guests; i++)
			more = guest_turn(&house.guests[i]) || more;
		for (; house.n > 0; house.n--) {
			struct house_packet p = house.queue[house.first];

			house.first = (house.first + 1) % QUEUE;
			more = true;
			house_deliver(&p);
		}
		while (house.n_counters > 0 && !house.hold_counters) {
			struct lnl_served *v =
				lnl_served_find(house.s, house.counters[--house.n_counters]);

			if (v)
				lnl_served_counters(v, &house.counted);
		}
	}
}

static inline void house_run(uint64_t span)
{
	uint64_t end = house.now + span;

	house_turn();
	while (house.now < end) {
		house.now += 50 * LNL_MSEC;
		house_turn();
	}
}

/* ---- who is there ---- */

static inline const struct lnl_served *house_peer(const char *name)
{
	for (uint32_t i = 0; i < house.s->n_slots; i++) {
		const struct lnl_served *v = house.s->served[i];

		if (v && v->up && strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

/* The id that was freed last would be given out last: now it is the next. */
static inline void house_next_id(uint32_t id)
{
	struct lnl_service *s = house.s;
	uint32_t last = (s->first_free + s->n_free - 1) % s->n_slots;

	assert_int_equal(s->free_ids[last], id);
	s->free_ids[last] = s->free_ids[s->first_free];
	s->free_ids[s->first_free] = id;
}

/* The oldest question; there has to be one. */
static inline struct asked house_asked(enum lnl_event_kind kind)
{
	struct asked a = house.asked[0];

	assert_true(house.n_asked > 0);
	assert_int_equal(a.kind, kind);
	memmove(house.asked, house.asked + 1, --house.n_asked * sizeof(a));
	return a;
}

static inline void house_grant(void)
{
	static const struct lnl_grant_options plain;
	struct asked a = house_asked(LNL_EVENT_AUTHORIZE);

	lnl_reply_grant(house.e, a.ticket, &plain, NULL);
}

#endif
