/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "io/reason.h"
#include "wire/line.h"

#define TRIES	3
#define AT_ONCE 1024 /* bytes that are read before others have their turn */

/* What OpenVPN says on such a socket. */
static const char prompt[] = "ENTER PASSWORD:";
static const char right[] = "SUCCESS: password is correct\r\n";
static const char wrong[] = "ERROR: bad password\r\n";

struct connection {
	struct connection *next; /* the oldest is the last */
	struct lnl_lines *lines;
	uint32_t id;
	bool in, asked, ending; /* logged in; deaf until the answer; to be closed once it is read */
	unsigned tries;
	ev_tstamp heard;
	ev_io readable, writable;
	ev_timer patience;
	struct lnl_line_reader reader;
	char input[AT_ONCE]; /* read, and not a line yet */
	size_t input_at, input_len;
	size_t size; /* of all of it */
	char *out;   /* not written yet */
	size_t out_at, out_len;
	char line[];
};

struct lnl_lines {
	struct ev_loop *loop;
	struct lnl_listener listener;
	struct lnl_process *helper;
	struct connection *first;
	unsigned n;
	uint32_t last_id;
	size_t unread;
	double patience;
	char *path, *greeting;
	bool peer_group, peer_user, locked; /* by a password */
	gid_t gid;
	uid_t user;
	size_t line_room;
	char password[LNL_LINES_PASSWORD];
	lnl_line_said *said;
	lnl_line_refused *refused;
	void *ctx;
	ev_tstamp refused_at;
};

static void refuse(struct lnl_lines *l, const char *why)
{
	ev_tstamp now = ev_now(l->loop);

	if (l->refused == NULL || (l->refused_at > 0 && now - l->refused_at < 1))
		return;
	l->refused_at = now;
	l->refused(l->ctx, why);
}

/* ---- the end of one ---- */

static void forget_output(struct connection *c)
{
	c->lines->unread -= c->out_len;
	free(c->out);
	c->out = NULL;
	c->out_at = c->out_len = 0;
}

static void drop(struct connection *c)
{
	struct lnl_lines *l = c->lines;
	struct connection **p = &l->first;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	l->n--;
	ev_io_stop(l->loop, &c->readable);
	ev_io_stop(l->loop, &c->writable);
	ev_timer_stop(l->loop, &c->patience);
	close(c->readable.fd);
	forget_output(c);
	lnl_secret_wipe(c, c->size); /* a password may have been said */
	free(c);
}

static void turn_out(struct connection *c, const char *why)
{
	refuse(c->lines, why);
	drop(c);
}

static void impatient(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	turn_out(w->data, "it does not read what it asked for");
}

/* ---- answers ---- */

/* False: it is gone. */
static bool flush(struct connection *c)
{
	struct lnl_lines *l = c->lines;
	bool wrote = false;
	ssize_t n = 0;

	while (c->out_at < c->out_len) {
		n = send(c->readable.fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
		if (n < 0)
			break;
		c->out_at += (size_t)n;
		wrote = true;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		drop(c);
		return false;
	}
	if (c->out_at < c->out_len) {
		if (wrote || !ev_is_active(&c->patience))
			ev_timer_again(l->loop, &c->patience);
		ev_io_start(l->loop, &c->writable);
		return true;
	}
	ev_io_stop(l->loop, &c->writable);
	ev_timer_stop(l->loop, &c->patience);
	forget_output(c);
	if (!c->ending)
		return true;
	drop(c);
	return false;
}

/* 0, or it is gone: LNL_E_LIMIT, LNL_E_NOMEM. */
static int put(struct connection *c, const char *text, size_t len)
{
	struct lnl_lines *l = c->lines;
	char *out;

	if (len > LNL_LINES_UNREAD - l->unread) {
		turn_out(c, "too much waits to be read");
		return LNL_E_LIMIT;
	}
	out = len > 0 ? realloc(c->out, c->out_len + len) : c->out;
	if (len > 0 && out == NULL) {
		turn_out(c, "out of memory");
		return LNL_E_NOMEM;
	}
	if (len > 0)
		memcpy(out + c->out_len, text, len);
	c->out = out;
	c->out_len += len;
	l->unread += len;
	return 0;
}

static int say(struct connection *c, const char *text)
{
	return put(c, text, strlen(text));
}

/* ---- lines ---- */

static int greet(struct connection *c)
{
	return c->lines->greeting ? say(c, c->lines->greeting) : 0;
}

/* Compares all bytes there may be, whatever was said. Negative: it is gone. */
static int log_in(struct connection *c, const char *text)
{
	char given[LNL_LINES_PASSWORD] = { 0 };
	size_t len = strlen(text);
	bool fits = len < sizeof(given), ok;

	memcpy(given, text, fits ? len : sizeof(given) - 1);
	ok = lnl_secret_equal(given, c->lines->password, sizeof(given)) && fits;
	lnl_secret_wipe(given, sizeof(given));
	if (ok) {
		c->in = true;
		return say(c, right) < 0 ? LNL_E_LIMIT : greet(c);
	}
	if (++c->tries >= TRIES) {
		refuse(c->lines, "three wrong passwords");
		c->ending = true;
		return say(c, wrong);
	}
	return say(c, wrong) < 0 ? LNL_E_LIMIT : say(c, prompt);
}

/* A whole line. Negative: the connection is gone. */
static int take_line(struct connection *c)
{
	int rc;

	c->heard = ev_now(c->lines->loop);
	if (!c->in) {
		rc = log_in(c, c->reader.text);
		lnl_secret_wipe(c->line, c->lines->line_room);
		return rc;
	}
	c->asked = true;
	if (c->lines->said(c->lines->ctx, c->id, c->reader.text))
		return 0;
	turn_out(c, "out of memory");
	return LNL_E_NOMEM;
}

static const char *fault_of(enum lnl_line kind)
{
	switch (kind) {
	case LNL_LINE_TOO_LONG:
		return "a line is too long";
	case LNL_LINE_HTTP:
		return "it speaks HTTP";
	default:
		return "it is no text";
	}
}

/* Takes lines while nothing waits, then watches for what comes next. |c| may be gone. */
static void go_on(struct connection *c)
{
	struct lnl_lines *l = c->lines;
	enum lnl_line kind;
	size_t used;

	while (!c->asked && !c->ending && c->out_len == 0 && c->input_at < c->input_len) {
		kind = lnl_line_take(&c->reader, c->input + c->input_at, c->input_len - c->input_at,
				     &used);
		if (kind != LNL_LINE_TEXT && kind != LNL_LINE_MORE) {
			turn_out(c, fault_of(kind));
			return;
		}
		if (!c->in) /* it may be of a password */
			lnl_secret_wipe(c->input + c->input_at, used);
		c->input_at += used;
		if (kind == LNL_LINE_TEXT && (take_line(c) < 0 || !flush(c)))
			return;
	}
	if (!c->asked && !c->ending && c->out_len == 0)
		ev_io_start(l->loop, &c->readable);
	else
		ev_io_stop(l->loop, &c->readable);
}

static void writable(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	if (flush(w->data))
		go_on(w->data);
}

static void readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct connection *c = w->data;
	ssize_t n = recv(w->fd, c->input, sizeof(c->input), 0);

	(void)loop;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->input_at = 0;
	c->input_len = (size_t)n;
	go_on(c);
}

/* ---- connecting ---- */

/* Which of two has the least to lose. */
static bool goes_before(const struct connection *a, const struct connection *b)
{
	if (a->in != b->in)
		return !a->in;
	return a->heard <= b->heard;
}

static void make_room(struct lnl_lines *l)
{
	struct connection *c, *out = l->first;

	for (c = l->first; c != NULL; c = c->next)
		if (goes_before(c, out))
			out = c;
	turn_out(out, "there are too many connections, and it was silent for the longest");
}

/* The kernel says who it was that connected. */
static bool may_come(const struct lnl_lines *l, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (!l->peer_group && !l->peer_user)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return false;
	return who.uid == 0 ||
	       ((!l->peer_group || who.gid == l->gid) && (!l->peer_user || who.uid == l->user));
}

static void accepted(void *ctx, int fd, const struct lnl_addr *from)
{
	struct lnl_lines *l = ctx;
	size_t size = sizeof(struct connection) + l->line_room;
	struct connection *c = may_come(l, fd) ? calloc(1, size) : NULL;

	(void)from;
	if (c == NULL) {
		refuse(l, "it is not of the user or group that may connect, or memory is out");
		close(fd);
		return;
	}
	if (l->n == LNL_LINES_MOST)
		make_room(l);
	c->lines = l;
	c->size = size;
	c->reader.text = c->line;
	c->reader.room = l->line_room;
	c->id = ++l->last_id ? l->last_id : ++l->last_id;
	c->in = !l->locked;
	c->heard = ev_now(l->loop);
	ev_io_init(&c->readable, readable, fd, EV_READ);
	ev_io_init(&c->writable, writable, fd, EV_WRITE);
	ev_timer_init(&c->patience, impatient, 0, l->patience);
	c->readable.data = c->writable.data = c->patience.data = c;
	c->next = l->first;
	l->first = c;
	l->n++;
	if ((c->in ? greet(c) : say(c, prompt)) == 0 && flush(c))
		go_on(c);
}

static void accept_failed(void *ctx, const struct lnl_reason *why)
{
	refuse(ctx, why->text);
}

/* ---- life ---- */

static int fail(struct lnl_reason *why, int err, const char *path)
{
	if (err == EADDRINUSE)
		return lnl_reason_set(why, LNL_E_EXIST, "cannot listen on %s: another program does",
				      path);
	if (err == EEXIST)
		return lnl_reason_set(why, LNL_E_EXIST,
				      "cannot listen on %s: what is there is no socket; remove it",
				      path);
	if (err == ENAMETOOLONG)
		return lnl_reason_set(why, LNL_E_LIMIT,
				      "cannot listen on %s: the path is above 107 bytes", path);
	return lnl_reason_errno(why, err, "cannot listen on %s", path);
}

static int open_path(struct lnl_lines *l, struct ev_loop *loop, const struct lnl_lines_conf *conf,
		     struct lnl_reason *why)
{
	int fd = lnl_process_listen(conf->helper, conf->path, &conf->owner);

	if (fd < 0)
		return fail(why, -fd, conf->path);
	l->path = strdup(conf->path);
	if (l->path == NULL) {
		lnl_process_unlisten(conf->helper, conf->path);
		close(fd);
		return lnl_reason_errno(why, ENOMEM, "cannot listen on %s", conf->path);
	}
	return lnl_listen_on(&l->listener, loop, fd, accepted, accept_failed, l);
}

static int open_tcp(struct lnl_lines *l, struct ev_loop *loop, const struct lnl_lines_conf *conf,
		    struct lnl_reason *why)
{
	struct lnl_listen_conf tcp = {
		.local = conf->local,
		.v6only = true,
		.socket = { .mtu_disc = -1, .tcp_nodelay = true },
		.helper = conf->helper,
	};

	return lnl_listen_tcp(&l->listener, loop, &tcp, accepted, accept_failed, l, why);
}

static int set_texts(struct lnl_lines *l, const struct lnl_lines_conf *conf, struct lnl_reason *why)
{
	size_t len = conf->password ? strlen(conf->password) : 0;

	if (len >= sizeof(l->password))
		return lnl_reason_set(why, LNL_E_LIMIT, "the password is above %d bytes",
				      LNL_LINES_PASSWORD - 1);
	l->locked = conf->password != NULL;
	if (len > 0)
		memcpy(l->password, conf->password, len);
	l->greeting = conf->greeting ? strdup(conf->greeting) : NULL;
	return conf->greeting && !l->greeting ? LNL_E_NOMEM : 0;
}

int lnl_lines_new(struct lnl_lines **out, struct ev_loop *loop, const struct lnl_lines_conf *conf,
		  lnl_line_said *said, lnl_line_refused *refused, void *ctx, struct lnl_reason *why)
{
	struct lnl_lines *l = calloc(1, sizeof(*l));
	int rc;

	*out = NULL;
	why->text[0] = '\0';
	if (l == NULL)
		return lnl_reason_errno(why, ENOMEM, "cannot listen");
	lnl_listener_init(&l->listener);
	l->loop = loop;
	l->helper = conf->helper;
	l->said = said;
	l->refused = refused;
	l->ctx = ctx;
	l->peer_group = conf->peer_group;
	l->gid = conf->owner.gid;
	l->peer_user = conf->peer_user;
	l->user = conf->user;
	l->line_room = (conf->long_lines ? LNL_LINE_LONG : LNL_LINE_MAX) + 1;
	l->patience = conf->patience > 0 ? conf->patience : LNL_LINES_PATIENCE;
	rc = set_texts(l, conf, why);
	if (rc == 0)
		rc = conf->path ? open_path(l, loop, conf, why) : open_tcp(l, loop, conf, why);
	if (rc < 0) {
		lnl_lines_free(l);
		return why->text[0] ? rc : lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
	}
	*out = l;
	return 0;
}

void lnl_lines_free(struct lnl_lines *l)
{
	if (l == NULL)
		return;
	while (l->first != NULL)
		drop(l->first);
	lnl_listener_stop(&l->listener);
	if (l->path != NULL)
		lnl_process_unlisten(l->helper, l->path);
	free(l->path);
	free(l->greeting);
	lnl_secret_wipe(l, sizeof(*l));
	free(l);
}

int lnl_lines_answer(struct lnl_lines *l, uint32_t connection, const char *text, size_t len,
		     bool end)
{
	struct connection *c = l->first;
	int rc;

	while (c != NULL && c->id != connection)
		c = c->next;
	if (c == NULL)
		return LNL_E_NOTFOUND;
	if (!c->asked)
		return LNL_E_STATE;
	c->asked = false;
	c->ending = end;
	rc = put(c, text, len);
	if (rc < 0)
		return rc;
	/* Silence counts from here, not from the question. */
	c->heard = ev_now(l->loop);
	if (flush(c))
		go_on(c);
	return 0;
}

unsigned lnl_lines_connected(const struct lnl_lines *l)
{
	return l->n;
}
