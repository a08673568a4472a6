/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protocol extensions at the client's end: what the server offers, messages both ways. */
#include <string.h>

#include "control/client_state.h"

static const char option[] = "custom-control ";

bool lnl_client_is_offer(const char *text)
{
	return strncmp(text, option, sizeof(option) - 1) == 0;
}

static void read_offer(struct lnl_client *c, const char *text)
{
	struct lnl_acc_offer offer;
	int rc;

	/* Nothing of ours was announced, so that it can only be meant for others. */
	if (!c->conf->acc || c->conf->acc->n == 0 || c->acc)
		return;
	rc = lnl_acc_offer_read(&offer, text, strlen(text), ' ');
	if (rc == 0)
		rc = lnl_acc_new(&c->acc, c->env, c->conf->acc, &offer);
	if (rc < 0)
		lnl_log(c->log, LNL_LEVEL_WARN, "push.refused",
			LNL_F("why", rc == LNL_E_NOMEM
					     ? lnl_error_text(rc)
					     : "custom-control: a size of 128 and more, encodings "
					       "(A, 6) and protocols are expected"));
}

void lnl_client_take_offer(struct lnl_client *c, const char *text)
{
	read_offer(c, text + sizeof(option) - 1);
}

/* OpenVPN 3 takes it so, too (cliproto.hpp, recv_info). */
bool lnl_client_take_info_offer(struct lnl_client *c, const char *text)
{
	static const char verb[] = "ACC:";

	if (!c->configured || !c->conf->acc || strncmp(text, verb, sizeof(verb) - 1) != 0)
		return false;
	read_offer(c, text + sizeof(verb) - 1);
	return true;
}

static void log_dropped(const struct lnl_client *c, enum lnl_acc_drop drop)
{
	lnl_log(c->log, LNL_LEVEL_WARN, "acc.dropped", LNL_F("reason", lnl_acc_drop_name(drop)));
}

void lnl_client_take_acc(struct lnl_client *c, const char *text, size_t len, uint64_t now)
{
	enum lnl_acc_drop drop;

	/* Before the client is let in, nothing is believed. */
	if (!c->configured)
		return;
	if (lnl_acc_take(c->acc, text, len, now, &drop))
		lnl_client_emit(c, LNL_CLIENT_MESSAGE, NULL);
	else if (drop != LNL_ACC_DROP_NONE)
		log_dropped(c, drop);
}

void lnl_client_acc_on(struct lnl_client *c, uint64_t now)
{
	if (lnl_acc_tick(c->acc, now) > 0)
		log_dropped(c, LNL_ACC_DROP_LATE);
	if (c->phase != LNL_PHASE_UP || c->closing != LNL_CAUSE_NONE)
		return;
	if (lnl_acc_flush(c->acc, c->session, now) < 0)
		lnl_client_end_with(c, LNL_CAUSE_TLS, "a message could not be sent");
}

bool lnl_client_message(struct lnl_client *c, struct lnl_acc_message *m)
{
	return lnl_acc_next(c->acc, m);
}

bool lnl_client_supports(const struct lnl_client *c, const char *protocol)
{
	return lnl_acc_supports(c->acc, protocol);
}

int lnl_client_send_message(struct lnl_client *c, const char *protocol, const void *data,
			    size_t len, uint64_t now)
{
	int rc;

	if (c->phase != LNL_PHASE_UP || c->closing != LNL_CAUSE_NONE)
		return LNL_E_STATE;
	rc = lnl_acc_send(c->acc, protocol, data, len);
	if (rc == 0)
		lnl_client_acc_on(c, now);
	return rc;
}

const struct lnl_acc_counters *lnl_client_messages(const struct lnl_client *c)
{
	return lnl_acc_counters(c->acc);
}
