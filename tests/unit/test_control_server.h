/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server, and a bare session as a client that says whatever a test wants. */
#ifndef LNL_TEST_CONTROL_SERVER_H
#define LNL_TEST_CONTROL_SERVER_H

#include "test_control_pair.h"

#include "control/server.h"

struct server_pair {
	struct sessions s; /* only the client's is used */
	struct lnl_server_conf conf;
	struct lnl_admitted admitted;
	struct lnl_server *server;
	struct lnl_km2 record; /* the client's */
	/* what a test does otherwise */
	void (*take)(const struct lnl_server_event *e); /* sees each event, too; NULL: nobody */
	bool deaf;					/* what the server sends is lost */
	unsigned sent;					/* packets of the server's */
	/* what was seen */
	unsigned events[32];
	char texts[16][LNL_CONTROL_TEXT_MAX]; /* that the client got */
	unsigned n_texts;
	char occ[LNL_KM2_OPTIONS]; /* in the server's record */
	bool negotiated;
	struct lnl_peer_conf peer;
	struct lnl_key_conf key;
	enum lnl_cause cause;
};

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

static inline void pair_init(struct server_pair *p)
{
	memset(p, 0, sizeof(*p));
	sessions_init(&p->s);
	p->conf.session = p->s.conf[SERVER];
	p->conf.caps = LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_DATA_V1 | LNL_DATA_CAP_CBC;
	p->conf.ciphers[0] = LNL_CIPHER_AES_256_GCM;
	p->conf.ciphers[1] = LNL_CIPHER_AES_128_GCM;
	p->conf.n_ciphers = 2;
	p->conf.auth = LNL_DIGEST_SHA1;
	p->conf.tun_mtu = 1500;
	p->conf.mssfix = -1;
	p->conf.key_direction = -1;
	p->record = (struct lnl_km2){ "V4,dev-type tun,tls-client", "", "", "" };
}

static inline void pair_server(struct server_pair *p)
{
	const struct lnl_server_start start = { .admitted = &p->admitted, .peer = 5 };

	assert_int_equal(lnl_server_new(&p->server, &p->conf, &start, p->s.now), 0);
}

static inline void pair_deinit(struct server_pair *p)
{
	lnl_server_free(p->server);
	sessions_deinit(&p->s);
}

static inline void pair_client_events(struct server_pair *p)
{
	struct lnl_session *c = p->s.s[CLIENT];
	struct lnl_session_event e;

	while (lnl_session_next(c, &e, p->s.now)) {
		if (e.kind == LNL_SESSION_VERIFY)
			lnl_session_verified(c, e.key_id, &p->record, p->s.now);
		if (e.kind == LNL_SESSION_RECORD)
			strcpy(p->occ, e.km2.options);
		if (e.kind == LNL_SESSION_NEGOTIATED)
			p->negotiated = true;
		if (e.kind == LNL_SESSION_TEXT)
			lnl_text_clean(p->texts[p->n_texts++ % 16], sizeof(p->texts[0]), e.text,
				       e.text_len);
	}
}

static inline void pair_server_events(struct server_pair *p)
{
	struct lnl_server_event e;

	while (lnl_server_next(p->server, &e, p->s.now)) {
		p->events[e.kind]++;
		if (p->take)
			p->take(&e);
		if (e.kind == LNL_SERVER_PEER_ADD)
			p->peer = e.peer;
		if (e.kind == LNL_SERVER_KEY_INSTALL)
			p->key = e.key;
		if (e.kind == LNL_SERVER_CLOSED)
			p->cause = e.cause;
	}
}

/* Until neither has anything to send at this time. */
static inline void pair_run(struct server_pair *p)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	bool more = true;
	size_t len;

	while (more) {
		more = false;
		lnl_session_tick(p->s.s[CLIENT], p->s.now);
		lnl_server_tick(p->server, p->s.now);
		pair_client_events(p);
		pair_server_events(p);
		while ((len = lnl_session_output(p->s.s[CLIENT], packet, sizeof(packet),
						 p->s.now))) {
			lnl_server_input(p->server, packet, len, p->s.now);
			pair_server_events(p);
			more = true;
		}
		while ((len = lnl_server_output(p->server, packet, sizeof(packet), p->s.now))) {
			p->sent++;
			if (!p->deaf)
				lnl_session_input(p->s.s[CLIENT], packet, len, p->s.now);
			pair_client_events(p);
			more = true;
		}
	}
}

/* Both, up to AUTHENTICATE. */
static inline void pair_start(struct server_pair *p)
{
	pair_server(p);
	assert_int_equal(lnl_session_new(&p->s.s[CLIENT], &p->s.conf[CLIENT], p->s.now), 0);
	pair_run(p);
}

/* Up to AUTHORIZE, where there is a cipher. */
static inline void pair_judge(struct server_pair *p, const char *occ, const char *info)
{
	p->record.options = occ;
	p->record.peer_info = info;
	pair_start(p);
	assert_int_equal(p->events[LNL_SERVER_AUTHENTICATE], 1);
	assert_int_equal(lnl_server_judged(p->server, LNL_JUDGED_OK, NULL, p->s.now), 0);
	pair_run(p);
}

#endif
