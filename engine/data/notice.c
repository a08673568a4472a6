/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/plane.h"

void lnl_notice_put(struct lnl_data *d, struct lnl_peer *p, enum lnl_notice_kind kind,
		    uint8_t key_id)
{
	p->notices[kind] |= (uint8_t)(1u << (key_id & (LNL_KEY_IDS - 1)));
	if (p->queued)
		return;
	p->queued = true;
	p->next_noticed = NULL;
	p->prev_noticed = d->last_noticed;
	if (d->last_noticed != NULL)
		d->last_noticed->next_noticed = p;
	else
		d->first_noticed = p;
	d->last_noticed = p;
}

static void unqueue(struct lnl_data *d, struct lnl_peer *p)
{
	if (p->prev_noticed != NULL)
		p->prev_noticed->next_noticed = p->next_noticed;
	else
		d->first_noticed = p->next_noticed;
	if (p->next_noticed != NULL)
		p->next_noticed->prev_noticed = p->prev_noticed;
	else
		d->last_noticed = p->prev_noticed;
	p->queued = false;
}

void lnl_notice_forget(struct lnl_data *d, struct lnl_peer *p)
{
	for (unsigned kind = 0; kind < LNL_NOTICE_KINDS; kind++)
		p->notices[kind] = 0;
	if (p->queued)
		unqueue(d, p);
}

/* Takes one of |p|'s; false when it has none. */
static bool take(struct lnl_peer *p, struct lnl_notice *out)
{
	for (unsigned kind = 0; kind < LNL_NOTICE_KINDS; kind++) {
		for (uint8_t id = 0; id < LNL_KEY_IDS; id++) {
			uint8_t bit = (uint8_t)(1u << id);
			if (!(p->notices[kind] & bit))
				continue;
			p->notices[kind] &= (uint8_t)~bit;
			out->kind = (enum lnl_notice_kind)kind;
			out->peer = p->conf.id;
			out->key_id = id;
			return true;
		}
	}
	return false;
}

bool lnl_data_notice(struct lnl_data *d, struct lnl_notice *out)
{
	while (d->first_noticed != NULL) {
		if (take(d->first_noticed, out))
			return true;
		unqueue(d, d->first_noticed);
	}
	*out = (struct lnl_notice){ .kind = LNL_NOTICE_NONE, .peer = LNL_PEER_ID_NONE };
	return false;
}
