/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client that has come as far as a test wants, against a server's session that hands it packets.
 * Whole connections over a network are the simulator's.
 */
#ifndef LNL_TEST_CONTROL_CLIENT_H
#define LNL_TEST_CONTROL_CLIENT_H

#include "test_control_pair.h"

#include <stdio.h>

#include "control/client_state.h"

#define ROWS(rows)     (sizeof(rows) / sizeof((rows)[0]))
#define ATTEMPT_EVENTS 64

#define USUAL "ifconfig 10.8.0.2 255.255.255.0,topology subnet,peer-id 7,cipher AES-256-GCM"
#define EKM   "protocol-flags tls-ekm"

struct attempt {
	struct sessions p; /* of which only the server's is used */
	struct lnl_client_conf conf;
	struct lnl_client *c;
	struct lnl_log log;
	char logged[8192]; /* "event name=value|" for each record */
	struct lnl_client_event events[ATTEMPT_EVENTS];
	char texts[ATTEMPT_EVENTS][LNL_CONTROL_TEXT_MAX];
	unsigned n;
	bool hold; /* PULLED is not answered */
};

static inline void attempt_log(void *ctx, const struct lnl_record *r)
{
	struct attempt *a = ctx;
	size_t room = sizeof(a->logged) - 1;

	strncat(a->logged, r->event, room - strlen(a->logged));
	for (unsigned i = 0; i < r->n; i++) {
		char number[24];
		bool text = r->field[i].type == LNL_FIELD_TEXT;

		snprintf(number, sizeof(number), "%lld", (long long)r->field[i].number);
		strncat(a->logged, " ", room - strlen(a->logged));
		strncat(a->logged, r->field[i].name, room - strlen(a->logged));
		strncat(a->logged, "=", room - strlen(a->logged));
		strncat(a->logged, text ? r->field[i].text : number, room - strlen(a->logged));
	}
	strncat(a->logged, "|", room - strlen(a->logged));
}

static inline int attempt_up(void **state)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (lnl_crypto_init(NULL) != 0 || a == NULL)
		return -1;
	sessions_init(&a->p);
	a->log = (struct lnl_log){ a, attempt_log, LNL_LEVEL_DEBUG };
	a->conf.session = a->p.conf[CLIENT];
	a->conf.session.log = &a->log;
	a->conf.ciphers[0] = LNL_CIPHER_AES_256_GCM;
	a->conf.ciphers[1] = LNL_CIPHER_CHACHA20_POLY1305;
	a->conf.n_ciphers = 2;
	a->conf.auth = LNL_DIGEST_SHA256;
	a->conf.pull = true;
	a->conf.peer = 3;
	a->conf.tun_mtu = 1500;
	a->conf.mssfix = -1;
	a->conf.key_direction = -1;
	a->conf.ping = a->conf.ping_restart = a->conf.ping_exit = -1;
	a->conf.version = "0.1";
	a->conf.platform = "linux";
	*state = a;
	return 0;
}

/* Forgets the client and what happened; the configuration stays. */
static inline void attempt_reset(struct attempt *a)
{
	lnl_client_free(a->c);
	lnl_session_free(a->p.s[SERVER]);
	a->c = NULL;
	a->p.s[SERVER] = NULL;
	for (unsigned i = 0; i < a->n; i++)
		lnl_client_event_wipe(&a->events[i]);
	a->n = 0;
	a->logged[0] = '\0';
}

static inline int attempt_down(void **state)
{
	struct attempt *a = *state;

	attempt_reset(a);
	sessions_deinit(&a->p);
	free(a);
	lnl_crypto_deinit();
	return 0;
}

#define ATTEMPT_TEST(f) cmocka_unit_test_setup_teardown(f, attempt_up, attempt_down)

/* Takes the client's events, and answers PULLED by the options as they came. */
static inline void attempt_take(struct attempt *a)
{
	struct lnl_client_event e;

	while (lnl_client_next(a->c, &e, a->p.now)) {
		assert_true(a->n < ATTEMPT_EVENTS);
		if (e.text != NULL) {
			strcpy(a->texts[a->n], e.text);
			e.text = a->texts[a->n];
		}
		a->events[a->n++] = e;
		if (e.kind == LNL_CLIENT_PULLED && !a->hold)
			assert_int_equal(lnl_client_configure(a->c, NULL, 0, NULL, a->p.now), 0);
	}
}

/* Packets go to and fro until neither end has any. */
static inline void attempt_run(struct attempt *a)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	struct lnl_session *server = a->p.s[SERVER];
	bool more = true;

	while (more) {
		size_t len;

		more = false;
		lnl_client_tick(a->c, a->p.now);
		lnl_session_tick(server, a->p.now);
		attempt_take(a);
		while ((len = lnl_client_output(a->c, packet, sizeof(packet), a->p.now)) > 0) {
			lnl_session_input(server, packet, len, a->p.now);
			sessions_take(&a->p, SERVER);
			more = true;
		}
		while ((len = lnl_session_output(server, packet, sizeof(packet), a->p.now)) > 0) {
			lnl_client_input(a->c, packet, len, a->p.now);
			attempt_take(a);
			more = true;
		}
	}
}

/* Up to the server's verdict: TLS stands, records are exchanged, PUSH_REQUEST is sent. */
static inline void attempt_connect(struct attempt *a)
{
	attempt_reset(a);
	assert_int_equal(lnl_client_new(&a->c, &a->conf, "user", "password", a->p.now), 0);
	assert_int_equal(lnl_session_new(&a->p.s[SERVER], &a->p.conf[SERVER], a->p.now), 0);
	attempt_run(a);
	assert_int_equal(lnl_client_phase(a->c), a->conf.pull ? LNL_PHASE_AUTH : LNL_PHASE_UP);
}

/* The server says |text|, which has |len| bytes; what comes of it is taken. */
static inline void attempt_hear_bytes(struct attempt *a, const char *text, size_t len)
{
	lnl_client_take_text(a->c, text, len, a->p.now);
	attempt_take(a);
}

static inline void attempt_hear(struct attempt *a, const char *text)
{
	attempt_hear_bytes(a, text, strlen(text));
}

/* The newest event of |kind|, or NULL. */
static inline struct lnl_client_event *attempt_event(struct attempt *a,
						     enum lnl_client_event_kind kind)
{
	for (unsigned i = a->n; i > 0; i--) {
		if (a->events[i - 1].kind == kind)
			return &a->events[i - 1];
	}
	return NULL;
}

static inline unsigned attempt_count(const struct attempt *a, enum lnl_client_event_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		n += a->events[i].kind == kind;
	return n;
}

/* How it ended, or NULL when it did not. */
static inline struct lnl_client_event *attempt_closed(struct attempt *a)
{
	struct lnl_client_event *e = attempt_event(a, LNL_CLIENT_CLOSED);

	assert_int_equal(e != NULL, lnl_client_phase(a->c) == LNL_PHASE_CLOSED);
	return e;
}

/* Up to the tunnel, by a PUSH_REPLY of USUAL and |extra|. */
static inline void bring_up(struct attempt *a, const char *extra)
{
	char text[1024];

	attempt_connect(a);
	snprintf(text, sizeof(text), "PUSH_REPLY," USUAL ",%s", extra);
	attempt_hear(a, text);
	if (attempt_closed(a) != NULL)
		fail_msg("%s", attempt_closed(a)->text);
	assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_UP);
}

#endif
