/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local sockets that are spoken to in lines, as the host sees them. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine_state.h"

#define ANSWER_BY 30.0

static bool said(void *ctx, uint32_t connection, const char *text)
{
	struct lnl_desk *d = ctx;
	struct lnl_queued *q =
		lnl_event_ask_desk(d->engine, LNL_EVENT_LINE, d, connection, d->answer_by);

	if (!q)
		return false;
	q->event.u.text = lnl_arena_str(&q->arena, text);
	return q->event.u.text != NULL;
}

static void refused(void *ctx, const char *why)
{
	const struct lnl_desk *d = ctx;

	lnl_log(&d->engine->log, LNL_LEVEL_WARN, "desk.refused", LNL_F("socket", d->name),
		LNL_F("why", why));
}

void lnl_desk_default(struct lnl_desk *d, uint32_t connection)
{
	lnl_lines_answer(d->lines, connection, "", 0, true);
}

/* ---- opening ---- */

static int find_owner(const struct lnl_desk_options *o, struct lnl_socket_owner *out,
		      struct lnl_reason *why)
{
	const struct passwd *pw = o->user ? getpwnam(o->user) : NULL;
	const struct group *gr = o->group ? getgrnam(o->group) : NULL;

	if (o->user && !pw)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "there is no user '%s'", o->user);
	if (o->group && !gr)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "there is no group '%s'", o->group);
	out->uid = pw ? pw->pw_uid : UINT32_MAX;
	out->gid = gr ? gr->gr_gid : UINT32_MAX;
	out->mode = gr && !pw ? 0660 : 0600;
	return 0;
}

static int find_address(const struct lnl_desk_options *o, struct lnl_addr *out,
			struct lnl_reason *why)
{
	static const struct lnl_ip nowhere;
	struct lnl_ip ip;

	if (!o->address || lnl_ip_parse(&ip, o->address) < 0)
		return lnl_reason_set(why, LNL_E_INVAL, "'%s' is no address",
				      o->address ? o->address : "");
	if (memcmp(ip.bytes, nowhere.bytes, sizeof(ip.bytes)) == 0)
		return lnl_reason_set(why, LNL_E_INVAL,
				      "%s would let in the whole network; name one address",
				      o->address);
	*out = lnl_addr_from(&ip, o->port);
	return 0;
}

static int start(struct lnl_desk *d, const struct lnl_desk_options *o, struct lnl_reason *why)
{
	struct lnl_lines_conf conf = {
		.path = o->path,
		.helper = d->engine->process,
		.greeting = o->greeting,
		.password = o->password,
		.peer_group = o->user && o->group,
		.peer_user = o->own_user,
		.user = geteuid(),
		.long_lines = o->long_lines,
	};
	char text[LNL_ADDR_TEXT];
	int rc;

	rc = o->path ? find_owner(o, &conf.owner, why) : find_address(o, &conf.local, why);
	if (rc < 0)
		return rc;
	snprintf(d->name, sizeof(d->name), "%s",
		 o->path ? o->path : lnl_addr_text(&conf.local, text));
	rc = lnl_lines_new(&d->lines, d->engine->loop, &conf, said, refused, d, why);
	if (rc == 0)
		lnl_log(&d->engine->log, LNL_LEVEL_INFO, "desk.listening",
			LNL_F("socket", d->name));
	return rc;
}

int lnl_desk_open(struct lnl_engine *e, const struct lnl_desk_options *o, uint32_t *desk,
		  struct lnl_reason *why)
{
	struct lnl_desk *d = calloc(1, sizeof(*d));
	int rc;

	why->text[0] = 0;
	if (!d)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	d->engine = e;
	d->answer_by = o->answer_by > 0 ? o->answer_by : ANSWER_BY;
	rc = start(d, o, why);
	if (rc < 0) {
		free(d);
		return rc;
	}
	d->id = (uint32_t)++e->next_id;
	d->next = e->desks;
	e->desks = d;
	*desk = d->id;
	return 0;
}

/* ---- the end ---- */

void lnl_desk_free(struct lnl_desk *d)
{
	lnl_tickets_drop_desk(d->engine, d);
	lnl_lines_free(d->lines);
	free(d);
}

int lnl_desk_close(struct lnl_engine *e, uint32_t desk)
{
	struct lnl_desk **p = &e->desks, *d;

	while ((d = *p) && d->id != desk)
		p = &d->next;
	if (!d)
		return LNL_E_NOTFOUND;
	*p = d->next;
	lnl_desk_free(d);
	return 0;
}
