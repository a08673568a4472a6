/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protocol extensions as the host sees them: declared once for all, messages by tunnel or peer. */
#include <string.h>

#include "engine_service.h"

static int take(struct lnl_acc_protocol *p, const struct lnl_extension *x, struct lnl_reason *why)
{
	size_t len = strlen(x->name);

	if (!lnl_acc_name_ok(x->name, len))
		return lnl_reason_set(why, LNL_E_INVAL,
				      "extension '%.64s': a name is 1 to %d letters, digits, '-', "
				      "'_' and '.'",
				      x->name, LNL_ACC_NAME);
	if (x->max < 1 || x->max > LNL_ACC_MAX)
		return lnl_reason_set(why, LNL_E_INVAL, "extension %s: max is 1 to %d bytes",
				      x->name, LNL_ACC_MAX);
	if (x->count < 1 || x->count > 1000000 || !(x->per >= 0.001 && x->per <= 86400))
		return lnl_reason_set(why, LNL_E_INVAL,
				      "extension %s: a rate is 1 to 1000000 messages in 0.001 to "
				      "86400 seconds",
				      x->name);
	memcpy(p->name, x->name, len + 1);
	p->max = x->max;
	p->count = x->count;
	p->per = (uint64_t)(x->per * (double)LNL_SECOND);
	return 0;
}

int lnl_engine_extensions(struct lnl_engine *e, const struct lnl_extension *list, unsigned n,
			  struct lnl_reason *why)
{
	struct lnl_acc_conf conf = { .n = n };

	if (n > LNL_ACC_PROTOCOLS)
		return lnl_reason_set(why, LNL_E_LIMIT, "more than %d extensions",
				      LNL_ACC_PROTOCOLS);
	for (unsigned i = 0; i < n; i++) {
		int rc = take(&conf.protocol[i], &list[i], why);

		if (rc < 0)
			return rc;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(conf.protocol[k].name, list[i].name) == 0)
				return lnl_reason_set(why, LNL_E_EXIST,
						      "extension %s is declared twice",
						      list[i].name);
	}
	e->acc = conf;
	return 0;
}

static struct lnl_served *peer_of(struct lnl_engine *e, uint32_t server, uint32_t peer)
{
	struct lnl_service *s = lnl_service_find(e, server);
	struct lnl_served *v = s ? lnl_served_find(s, peer) : NULL;

	return v && v->control && !v->ended ? v : NULL;
}

static struct lnl_tunnel *tunnel_of(struct lnl_engine *e, uint32_t tunnel)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);

	return t && t->client ? t : NULL;
}

bool lnl_extension_known(struct lnl_engine *e, uint32_t tunnel, uint32_t peer, const char *name)
{
	const struct lnl_tunnel *t;
	const struct lnl_served *v;

	if (peer == LNL_NO_PEER) {
		t = tunnel_of(e, tunnel);
		return t && lnl_client_supports(t->client, name);
	}
	v = peer_of(e, tunnel, peer);
	return v && lnl_server_supports(v->control, name);
}

int lnl_extension_send(struct lnl_engine *e, uint32_t tunnel, uint32_t peer, const char *name,
		       struct lnl_bytes message)
{
	uint64_t now = lnl_clock_now();
	struct lnl_tunnel *t;
	struct lnl_served *v;
	int rc;

	if (peer == LNL_NO_PEER) {
		t = tunnel_of(e, tunnel);
		if (!t)
			return LNL_E_STATE;
		rc = lnl_client_send_message(t->client, name, message.data, message.len, now);
		lnl_session_run(t);
		return rc;
	}
	v = peer_of(e, tunnel, peer);
	if (!v)
		return LNL_E_STATE;
	rc = lnl_server_send_message(v->control, name, message.data, message.len, now);
	lnl_served_run(v);
	return rc;
}

int lnl_extension_stats(struct lnl_engine *e, uint32_t tunnel, uint32_t peer,
			struct lnl_extension_stats *out)
{
	const struct lnl_acc_counters *c = NULL;
	const struct lnl_tunnel *t = peer == LNL_NO_PEER ? tunnel_of(e, tunnel) : NULL;
	const struct lnl_served *v = peer == LNL_NO_PEER ? NULL : peer_of(e, tunnel, peer);

	_Static_assert(LNL_ACC_DROP_COUNT <= sizeof(out->dropped) / sizeof(out->dropped[0]) + 1,
		       "each reason has a place");
	memset(out, 0, sizeof(*out));
	if (!t && !v)
		return LNL_E_STATE;
	c = t ? lnl_client_messages(t->client) : lnl_server_messages(v->control);
	if (!c)
		return 0;
	out->received = c->received;
	out->sent = c->sent;
	for (unsigned i = LNL_ACC_DROP_NONE + 1; i < LNL_ACC_DROP_COUNT; i++) {
		out->dropped[out->n_dropped].reason = lnl_acc_drop_name((enum lnl_acc_drop)i);
		out->dropped[out->n_dropped++].n = c->dropped[i];
	}
	return 0;
}

static void tell(struct lnl_queued *q, const struct lnl_acc_message *m)
{
	q->event.u.message.protocol = lnl_arena_str(&q->arena, m->name);
	q->event.u.message.data = lnl_arena_copy(&q->arena, m->data, m->len);
	q->event.u.message.len = q->event.u.message.data ? m->len : 0;
}

void lnl_session_message(struct lnl_tunnel *t)
{
	struct lnl_acc_message m;
	struct lnl_queued *q;

	if (!lnl_client_message(t->client, &m))
		return;
	q = lnl_event_add(t->engine, LNL_EVENT_MESSAGE, t);
	if (q)
		tell(q, &m);
}

void lnl_served_message(struct lnl_served *v)
{
	struct lnl_acc_message m;
	struct lnl_queued *q;

	if (!lnl_server_message(v->control, &m))
		return;
	q = lnl_event_add_peer(v->service->engine, LNL_EVENT_MESSAGE, v->service, v->id);
	if (q)
		tell(q, &m);
}
