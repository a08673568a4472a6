/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protocol extensions at the server's end: what the client can, messages both ways. */
#include <string.h>

#include "control/server_state.h"

int lnl_server_learn_acc(struct lnl_server *s)
{
	const struct lnl_acc_conf *conf = s->conf->acc;
	struct lnl_acc_offer offer;
	const char *text;
	size_t len;

	if (!conf || conf->n == 0 || s->acc || !s->peer_info)
		return 0;
	if (!lnl_peerinfo_get(s->peer_info, strlen(s->peer_info), "IV_ACC", &text, &len) ||
	    lnl_acc_offer_read(&offer, text, len, ',') < 0)
		return 0;
	return lnl_acc_new(&s->acc, s->env, conf, &offer);
}

static void log_dropped(const struct lnl_server *s, enum lnl_acc_drop drop)
{
	lnl_log(s->log, LNL_LEVEL_WARN, "acc.dropped", LNL_F("peer", s->peer),
		LNL_F("reason", lnl_acc_drop_name(drop)));
}

void lnl_server_take_acc(struct lnl_server *s, const char *text, size_t len, uint64_t now)
{
	enum lnl_acc_drop drop;

	if (lnl_acc_take(s->acc, text, len, now, &drop))
		lnl_server_emit(s, LNL_SERVER_MESSAGE, NULL);
	else if (drop != LNL_ACC_DROP_NONE)
		log_dropped(s, drop);
}

void lnl_server_acc_on(struct lnl_server *s, uint64_t now)
{
	if (lnl_acc_tick(s->acc, now) > 0)
		log_dropped(s, LNL_ACC_DROP_LATE);
	/* A reply that is not through yet comes first: the client knows nothing of us before. */
	if (s->phase != LNL_PHASE_UP || s->closing != LNL_CAUSE_NONE || s->replying ||
	    s->reply_again_at == 0)
		return;
	if (lnl_acc_flush(s->acc, s->session, now) < 0)
		lnl_server_end_with(s, LNL_CAUSE_TLS, "a message could not be sent");
}

bool lnl_server_message(struct lnl_server *s, struct lnl_acc_message *m)
{
	return lnl_acc_next(s->acc, m);
}

bool lnl_server_supports(const struct lnl_server *s, const char *protocol)
{
	return lnl_acc_supports(s->acc, protocol);
}

int lnl_server_send_message(struct lnl_server *s, const char *protocol, const void *data,
			    size_t len, uint64_t now)
{
	int rc;

	if (s->phase != LNL_PHASE_UP || s->closing != LNL_CAUSE_NONE)
		return LNL_E_STATE;
	rc = lnl_acc_send(s->acc, protocol, data, len);
	if (rc == 0)
		lnl_server_acc_on(s, now);
	return rc;
}

const struct lnl_acc_counters *lnl_server_messages(const struct lnl_server *s)
{
	return lnl_acc_counters(s->acc);
}
