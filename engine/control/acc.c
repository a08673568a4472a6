/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/acc.h"

#include <string.h>

#include "wire/peerinfo.h"

/* Texts that are sent before the peer has acknowledged those before, as of a long PUSH_REPLY. */
#define BURST 4
#define VERB  "custom-control "

const char *lnl_acc_drop_name(enum lnl_acc_drop drop)
{
	static const char *const names[] = {
#define X(name, text) [LNL_ACC_DROP_##name] = text,
		LNL_ACC_DROPS(X)
#undef X
	};

	return (size_t)drop < LNL_ACC_DROP_COUNT ? names[drop] : "unknown";
}

/* A message that is complete, or on its way out. */
struct message {
	struct message *next;
	const char *name; /* of its line in `lines` */
	size_t len;
	struct lnl_acc_cut cut;
	uint8_t data[];
};

/* A protocol that both ends have, and what the peer has sent of a message of it. */
struct line {
	struct lnl_acc_protocol p;
	uint64_t full_at; /* when the peer has its whole number of messages again */
	uint8_t *data;	  /* NULL: none has begun */
	size_t len, cap;
	uint64_t give_up_at;
	bool begun;    /* parts of a message are there */
	bool skipping; /* the rest of a message that was dropped is still to come */
};

struct lnl_acc {
	const struct lnl_env *env;
	struct lnl_acc_offer offer; /* without names */
	char option[sizeof(VERB) + LNL_ACC_OFFER];
	size_t unfinished; /* bytes of all lines */
	struct message *ready, *last_ready, *taken;
	struct message *out, *last_out;
	size_t waiting; /* bytes in `out` */
	struct lnl_acc_counters counters;
	unsigned n;
	struct line lines[];
};

/* ---- what both have ---- */

static int write_names(const struct lnl_acc_conf *conf, char *out, size_t cap)
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, cap);
	for (unsigned i = 0; i < conf->n; i++) {
		if (i > 0)
			lnl_write_u8(&w, ':');
		lnl_write_str(&w, conf->protocol[i].name);
	}
	lnl_write_u8(&w, 0);
	return w.error;
}

int lnl_acc_announce(const struct lnl_acc_conf *conf, char sep, char *out, size_t cap)
{
	char names[LNL_ACC_OFFER];
	int rc = write_names(conf, names, sizeof(names));

	return rc < 0 ? rc : lnl_acc_offer_write(out, cap, sep, names);
}

int lnl_acc_new(struct lnl_acc **out, const struct lnl_env *env, const struct lnl_acc_conf *conf,
		const struct lnl_acc_offer *offer)
{
	struct lnl_acc_conf common = { 0 };
	struct lnl_acc *a;
	size_t verb = sizeof(VERB) - 1;

	*out = NULL;
	for (unsigned i = 0; i < conf->n; i++)
		if (lnl_list_has(offer->names, offer->names_len, ':', conf->protocol[i].name))
			common.protocol[common.n++] = conf->protocol[i];
	if (common.n == 0)
		return 0;
	a = lnl_alloc(env, sizeof(*a) + common.n * sizeof(a->lines[0]));
	if (!a)
		return LNL_E_NOMEM;
	a->env = env;
	a->offer = *offer;
	a->offer.names = NULL;
	a->n = common.n;
	for (unsigned i = 0; i < a->n; i++)
		a->lines[i].p = common.protocol[i];
	memcpy(a->option, VERB, verb);
	lnl_acc_announce(&common, ' ', a->option + verb, sizeof(a->option) - verb);
	*out = a;
	return 0;
}

static void free_message(struct lnl_acc *a, struct message *m)
{
	if (!m)
		return;
	lnl_secret_wipe(m->data, m->len);
	lnl_release(a->env, m);
}

static void free_list(struct lnl_acc *a, struct message *m)
{
	struct message *next;

	for (; m; m = next) {
		next = m->next;
		free_message(a, m);
	}
}

static void clear(struct lnl_acc *a, struct line *l)
{
	if (l->data)
		lnl_secret_wipe(l->data, l->cap);
	lnl_release(a->env, l->data);
	a->unfinished -= l->len;
	l->data = NULL;
	l->len = l->cap = 0;
	l->begun = false;
}

void lnl_acc_free(struct lnl_acc *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < a->n; i++)
		clear(a, &a->lines[i]);
	free_list(a, a->ready);
	free_list(a, a->out);
	free_message(a, a->taken);
	lnl_release(a->env, a);
}

const char *lnl_acc_option(const struct lnl_acc *a)
{
	return a ? a->option : NULL;
}

static struct line *find(struct lnl_acc *a, const char *name, size_t len)
{
	for (unsigned i = 0; a && i < a->n; i++)
		if (strlen(a->lines[i].p.name) == len && memcmp(a->lines[i].p.name, name, len) == 0)
			return &a->lines[i];
	return NULL;
}

bool lnl_acc_supports(const struct lnl_acc *a, const char *name)
{
	for (unsigned i = 0; a && i < a->n; i++)
		if (strcmp(a->lines[i].p.name, name) == 0)
			return true;
	return false;
}

/* ---- receiving ---- */

/* A message more: whether the peer may send it now. All of `count` come back within `per`. */
static bool has_token(struct line *l, uint64_t now)
{
	uint64_t cost = l->p.per / l->p.count;
	uint64_t full = l->full_at > now ? l->full_at : now;

	if (full - now + cost > l->p.per)
		return false;
	l->full_at = full + cost;
	return true;
}

static bool grow(struct lnl_acc *a, struct line *l, size_t len)
{
	size_t cap = l->cap ? l->cap : 256;
	uint8_t *data;

	while (cap < len)
		cap *= 2;
	if (cap == l->cap)
		return true;
	data = lnl_alloc(a->env, cap);
	if (!data)
		return false;
	if (l->data) {
		memcpy(data, l->data, l->len);
		lnl_secret_wipe(l->data, l->cap);
	}
	lnl_release(a->env, l->data);
	l->data = data;
	l->cap = cap;
	return true;
}

static void put(struct message **first, struct message **last, struct message *m)
{
	if (*first)
		(*last)->next = m;
	else
		*first = m;
	*last = m;
}

static struct message *pop(struct message **first)
{
	struct message *m = *first;

	if (m)
		*first = m->next;
	return m;
}

static struct message *new_message(struct lnl_acc *a, const struct line *l, const void *data,
				   size_t len)
{
	struct message *m = lnl_alloc(a->env, sizeof(*m) + len + 1);

	if (!m)
		return NULL;
	m->name = l->p.name;
	m->len = len;
	if (len > 0)
		memcpy(m->data, data, len);
	return m;
}

static enum lnl_acc_drop add(struct lnl_acc *a, struct line *l, const struct lnl_acc_part *p,
			     uint64_t now)
{
	if (!l->begun && !has_token(l, now))
		return LNL_ACC_DROP_RATE;
	if (p->len > l->p.max - l->len || p->len > LNL_ACC_MAX - a->unfinished)
		return LNL_ACC_DROP_LONG;
	if (!grow(a, l, l->len + p->len))
		return LNL_ACC_DROP_NOMEM;
	lnl_acc_part_copy(p, l->data + l->len);
	if (!l->begun)
		l->give_up_at = now + LNL_ACC_WAIT;
	l->begun = true;
	l->len += p->len;
	a->unfinished += p->len;
	return LNL_ACC_DROP_NONE;
}

static bool complete(struct lnl_acc *a, struct line *l)
{
	struct message *m = new_message(a, l, l->data, l->len);

	clear(a, l);
	if (!m)
		return false;
	put(&a->ready, &a->last_ready, m);
	a->counters.received++;
	return true;
}

bool lnl_acc_take(struct lnl_acc *a, const char *text, size_t len, uint64_t now,
		  enum lnl_acc_drop *drop)
{
	struct lnl_acc_part p;
	struct line *l = NULL;
	bool done = false;

	*drop = LNL_ACC_DROP_NONE;
	if (lnl_acc_part_read(&p, text, len) < 0)
		*drop = LNL_ACC_DROP_MALFORMED;
	else if (!(l = find(a, p.name, p.name_len)))
		*drop = LNL_ACC_DROP_UNKNOWN;
	else if (l->skipping)
		l->skipping = p.more;
	else if ((*drop = add(a, l, &p, now)) != LNL_ACC_DROP_NONE)
		l->skipping = p.more;
	else if (!p.more && !(done = complete(a, l)))
		*drop = LNL_ACC_DROP_NOMEM;
	if (*drop != LNL_ACC_DROP_NONE) {
		if (l)
			clear(a, l);
		if (a)
			a->counters.dropped[*drop]++;
	}
	return done;
}

bool lnl_acc_next(struct lnl_acc *a, struct lnl_acc_message *m)
{
	if (!a || !a->ready)
		return false;
	free_message(a, a->taken);
	a->taken = pop(&a->ready);
	m->name = a->taken->name;
	m->data = (const char *)a->taken->data;
	m->len = a->taken->len;
	return true;
}

unsigned lnl_acc_tick(struct lnl_acc *a, uint64_t now)
{
	unsigned late = 0;

	for (unsigned i = 0; a && i < a->n; i++) {
		struct line *l = &a->lines[i];

		if (!l->begun || now < l->give_up_at)
			continue;
		/* What comes of it now is its rest, and must not pass for another message. */
		clear(a, l);
		l->skipping = true;
		a->counters.dropped[LNL_ACC_DROP_LATE]++;
		late++;
	}
	return late;
}

uint64_t lnl_acc_due(const struct lnl_acc *a)
{
	uint64_t due = LNL_NEVER;

	for (unsigned i = 0; a && i < a->n; i++)
		if (a->lines[i].begun)
			due = lnl_earlier(due, a->lines[i].give_up_at);
	return due;
}

/* ---- sending ---- */

int lnl_acc_send(struct lnl_acc *a, const char *name, const void *data, size_t len)
{
	struct line *l = find(a, name, strlen(name));
	struct message *m;
	int rc;

	if (!l)
		return LNL_E_NOTFOUND;
	if (len > l->p.max)
		return LNL_E_INVAL;
	if (len > LNL_ACC_QUEUE - a->waiting)
		return LNL_E_LIMIT;
	m = new_message(a, l, data, len);
	if (!m)
		return LNL_E_NOMEM;
	rc = lnl_acc_cut_init(&m->cut, &a->offer, m->name, m->data, len);
	if (rc < 0) {
		free_message(a, m);
		return rc;
	}
	put(&a->out, &a->last_out, m);
	a->waiting += len;
	return 0;
}

int lnl_acc_flush(struct lnl_acc *a, struct lnl_session *s, uint64_t now)
{
	char text[LNL_ACC_TEXT_MAX + 1];
	int rc = 0;

	/* One message after the other: OpenVPN 3 puts together one at a time. */
	for (unsigned i = 0; a && a->out && i < BURST && rc == 0; i++) {
		if (i == 0 && !lnl_session_idle(s))
			break;
		lnl_acc_cut_next(&a->out->cut, text);
		rc = lnl_session_send_text(s, text, now);
		if (a->out->cut.done) {
			a->waiting -= a->out->len;
			free_message(a, pop(&a->out));
			a->counters.sent++;
		}
	}
	lnl_secret_wipe(text, sizeof(text));
	return rc;
}

const struct lnl_acc_counters *lnl_acc_counters(const struct lnl_acc *a)
{
	return a ? &a->counters : NULL;
}
