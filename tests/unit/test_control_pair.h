/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two sessions, a client's and a server's, that hand each other their packets. */
#ifndef LNL_TEST_CONTROL_PAIR_H
#define LNL_TEST_CONTROL_PAIR_H

#include "test_crypto_env.h"

#include "control/session.h"
#include "pki/pki.h"

enum { CLIENT, SERVER };

struct sessions {
	struct test_env env;
	struct lnl_tls_conf *tls[2];
	struct lnl_wrap_key wrap[2];
	struct lnl_session_conf conf[2];
	struct lnl_session *s[2];
	uint64_t now;
	unsigned events[2][8]; /* by kind */
	bool hold[2];	       /* VERIFY and RECORD are not answered */
	char text[2][256];
	int error[2];
};

static inline struct lnl_blob pki_blob(const char *text)
{
	return (struct lnl_blob){ text, strlen(text) };
}

static inline void sessions_init(struct sessions *p)
{
	struct lnl_tls_settings settings = { .ca = pki_blob(pki_ca), .key = pki_blob(pki_key) };
	struct lnl_why why;

	memset(p, 0, sizeof(*p));
	test_env_init(&p->env);
	p->now = 5 * LNL_SECOND;
	settings.cert = pki_blob(pki_client);
	assert_int_equal(lnl_tls_conf_new(&p->tls[CLIENT], &p->env.env, &settings, &why), 0);
	settings.cert = pki_blob(pki_good);
	settings.server = true;
	assert_int_equal(lnl_tls_conf_new(&p->tls[SERVER], &p->env.env, &settings, &why), 0);
	for (int i = 0; i < 2; i++) {
		lnl_wrap_key_none(&p->wrap[i]);
		p->conf[i] = (struct lnl_session_conf){
			.env = &p->env.env,
			.tls = p->tls[i],
			.wrap = &p->wrap[i],
			.server = i == SERVER,
			.max_packet = LNL_CONTROL_MAX,
			.tls_timeout = 2 * LNL_SECOND,
			.hand_window = 60 * LNL_SECOND,
			.tran_window = 3600 * LNL_SECOND,
		};
	}
}

static inline void sessions_start(struct sessions *p)
{
	for (int i = 0; i < 2; i++)
		assert_int_equal(lnl_session_new(&p->s[i], &p->conf[i], p->now), 0);
}

static inline void sessions_deinit(struct sessions *p)
{
	for (int i = 0; i < 2; i++) {
		lnl_session_free(p->s[i]);
		lnl_tls_conf_free(p->tls[i]);
	}
	assert_int_equal(p->env.live, 0);
}

static inline void sessions_take(struct sessions *p, int i)
{
	static const struct lnl_km2 km2 = { "V4", "", "", "" };
	struct lnl_session_event e;

	while (lnl_session_next(p->s[i], &e, p->now)) {
		p->events[i][e.kind]++;
		if (e.kind == LNL_SESSION_TEXT)
			lnl_text_clean(p->text[i], sizeof(p->text[i]), e.text, e.text_len);
		if (e.kind == LNL_SESSION_FAILED)
			p->error[i] = e.error;
		if (e.kind == LNL_SESSION_VERIFY && !p->hold[i])
			lnl_session_verified(p->s[i], e.key_id, &km2, p->now);
		if (e.kind == LNL_SESSION_RECORD && i == SERVER && !p->hold[i])
			lnl_session_send_record(p->s[i], e.key_id, &km2, p->now);
	}
}

/* Until neither has anything to send at this time. */
static inline void sessions_run(struct sessions *p)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	bool more = true;

	while (more) {
		more = false;
		for (int i = 0; i < 2; i++) {
			size_t len;

			lnl_session_tick(p->s[i], p->now);
			sessions_take(p, i);
			while ((len = lnl_session_output(p->s[i], packet, sizeof(packet),
							 p->now))) {
				lnl_session_input(p->s[!i], packet, len, p->now);
				sessions_take(p, !i);
				more = true;
			}
		}
	}
}

#endif
