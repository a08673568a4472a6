/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a host asks of a server's clients, one by one. */
#include <stdlib.h>
#include <string.h>

#include "engine_service.h"

static struct lnl_served *find(struct lnl_engine *e, uint32_t server, uint32_t peer)
{
	struct lnl_service *s = lnl_service_find(e, server);

	return s ? lnl_served_find(s, peer) : NULL;
}

/* Texts of the answers, until the next one. */
static const char *keep_ip(struct lnl_engine *e, const struct lnl_ip *ip)
{
	char text[LNL_IP_TEXT];
	const char *out = lnl_arena_str(&e->answers, lnl_ip_text(ip, text));

	return out ? out : "";
}

int lnl_peer_info(struct lnl_engine *e, uint32_t server, uint32_t peer, struct lnl_peer_info *out)
{
	const struct lnl_served *v = find(e, server, peer);
	char address[LNL_ADDR_TEXT];

	memset(out, 0, sizeof(*out));
	if (!v)
		return LNL_E_NOTFOUND;
	lnl_arena_free(&e->answers);
	out->name = v->name;
	out->cn = v->cn;
	out->user = v->user;
	out->address = lnl_arena_str(&e->answers, lnl_served_address(v, address));
	out->proto = v->tcp ? "tcp" : "udp";
	out->address4 = keep_ip(e, &v->address4);
	out->address6 = keep_ip(e, &v->address6);
	out->peer_info = v->control ? lnl_server_peer_info(v->control) : "";
	out->cipher = "";
	if (v->control && lnl_server_cipher(v->control) != LNL_CIPHER_NONE)
		out->cipher = lnl_cipher_name(lnl_server_cipher(v->control));
	if (v->metadata) {
		out->metadata = v->metadata->bytes;
		out->metadata_len = v->metadata->len;
	}
	out->up = v->up;
	out->connected_at = v->connected_at;
	return 0;
}

int lnl_peer_stats(struct lnl_engine *e, uint32_t server, uint32_t peer, struct lnl_stats *out)
{
	struct lnl_served *v = find(e, server, peer);

	if (!v)
		return LNL_E_NOTFOUND;
	/* Who looks once will look again; without one it is that of the whole connection. */
	if (v->counted && !v->counted->loss)
		v->counted->loss = calloc(1, sizeof(*v->counted->loss));
	lnl_served_stats(v, out);
	if (v->peer_added && !v->counters_asked)
		lnl_service_ask_counters(v); /* for the next time */
	return 0;
}

bool lnl_peer_cert(struct lnl_engine *e, uint32_t server, uint32_t peer, unsigned i,
		   struct lnl_cert_info *out)
{
	const struct lnl_served *v = find(e, server, peer);
	const struct lnl_cert *c = v && v->control ? lnl_server_chain(v->control, i) : NULL;

	if (c)
		lnl_cert_describe(c, out);
	return c != NULL;
}

int lnl_peer_kill(struct lnl_engine *e, uint32_t server, uint32_t peer, const char *text)
{
	struct lnl_served *v = find(e, server, peer);

	if (!v)
		return LNL_E_NOTFOUND;
	lnl_served_close(v, LNL_CAUSE_USER, text);
	return 0;
}

int lnl_peer_text(struct lnl_engine *e, uint32_t server, uint32_t peer, const char *text)
{
	struct lnl_served *v = find(e, server, peer);
	int rc;

	if (!v)
		return LNL_E_NOTFOUND;
	if (!v->control || v->ended)
		return LNL_E_STATE;
	rc = lnl_server_send_text(v->control, text, lnl_clock_now());
	lnl_served_run(v);
	return rc;
}

int lnl_peer_renegotiate(struct lnl_engine *e, uint32_t server, uint32_t peer)
{
	struct lnl_served *v = find(e, server, peer);
	int rc;

	if (!v)
		return LNL_E_NOTFOUND;
	if (!v->control || v->ended)
		return LNL_E_STATE;
	rc = lnl_server_renegotiate(v->control, lnl_clock_now());
	lnl_served_run(v);
	return rc;
}

uint32_t lnl_peer_next(struct lnl_engine *e, uint32_t server, uint32_t peer)
{
	const struct lnl_service *s = lnl_service_find(e, server);
	uint32_t id = peer == LNL_NO_PEER ? 0 : peer + 1;

	for (; s && id < s->n_slots; id++)
		if (s->served[id] && !s->served[id]->ended && !s->served[id]->closing)
			return id;
	return LNL_NO_PEER;
}
