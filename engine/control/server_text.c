/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server does with its client's control messages (PROTOCOL 1.9). */
#include <string.h>

#include "control/server_state.h"

/* An answer to a question that was asked while the client is judged, or later by a script. */
static void take_response(struct lnl_server *s, const struct lnl_message *m)
{
	char answer[LNL_CONTROL_TEXT_MAX];
	int len = lnl_base64_read((uint8_t *)answer, sizeof(answer) - 1, m->text, m->text_len);
	bool clean = len >= 0;

	for (int i = 0; i < len; i++)
		clean = clean && (unsigned char)answer[i] >= 0x20 && answer[i] != 0x7f;
	if (clean) {
		answer[len] = 0;
		lnl_server_emit(s, LNL_SERVER_RESPONSE, answer);
	}
	lnl_secret_wipe(answer, sizeof(answer));
}

/* A goodbye that got no ack comes again: this session hears it, so that it opens no new one. */
static void take_exit(struct lnl_server *s, uint64_t now)
{
	lnl_server_linger(s, LNL_CAUSE_EXIT, "the client said goodbye", now);
}

/* Only what stands before the first comma: behind it may be a secret. */
static void log_malformed(const struct lnl_server *s, const char *text, size_t len)
{
	const char *comma = memchr(text, ',', len);
	char clean[64];

	lnl_text_clean(clean, sizeof(clean), text, comma ? (size_t)(comma - text) : len);
	lnl_log(s->log, LNL_LEVEL_WARN, "control.malformed", LNL_F("peer", s->peer),
		LNL_F("text", clean));
}

void lnl_server_take_text(struct lnl_server *s, const char *text, size_t len, uint64_t now)
{
	char clean[LNL_CONTROL_TEXT_MAX];
	struct lnl_message m;

	if (lnl_message_parse(&m, text, len) < 0) {
		/* Before a client is let in, it writes no line of the log. */
		if (s->phase == LNL_PHASE_UP)
			log_malformed(s, text, len);
		return;
	}
	switch (m.kind) {
	case LNL_MSG_PUSH_REQUEST:
		s->asked = true;
		lnl_server_answer_push(s, now);
		return;
	case LNL_MSG_EXIT:
		take_exit(s, now);
		return;
	case LNL_MSG_CR_RESPONSE:
		if (s->auth_waits || s->authorize_waits || s->phase == LNL_PHASE_UP)
			take_response(s, &m);
		return;
	default:
		break;
	}
	/* Before a client is let in, nobody hears its chatter (C4). */
	if (s->phase != LNL_PHASE_UP)
		return;
	if (m.kind == LNL_MSG_UNKNOWN && lnl_acc_is(m.text, m.text_len)) {
		lnl_server_take_acc(s, m.text, m.text_len, now);
		return;
	}
	lnl_text_clean(clean, sizeof(clean), text, (size_t)(m.text - text) + m.text_len);
	lnl_server_emit(s, LNL_SERVER_TEXT, clean);
}
