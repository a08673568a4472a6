/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A capture: what passes, as a pcapng file. Packets come from the workers by their rings, the control
 * channel from the sessions' taps. It is off unless it was asked for, and holds up nothing: what cannot
 * be written is lost and counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine_service.h"
#include "wire/message.h"
#include "wire/pcapng.h"

#define INTERVAL 0.02	      /* seconds between two looks into the rings */
#define BUFFER	 (256 * 1024) /* bytes that wait to be written */
#define PORT	 1194	      /* what programs take for OpenVPN's: our own end's */

enum interface { TUNNEL, CONTROL, MESSAGES };

struct lnl_capture {
	struct lnl_engine *engine;
	int fd;
	char who[256]; /* "": everybody */
	unsigned keep;
	uint64_t most;
	ev_timer timer;
	struct lnl_capture_sum sum;
	bool broken; /* it cannot be written any more, or is as long as it may be */
	struct lnl_writer out;
	uint8_t buffer[BUFFER];
	uint8_t packet[LNL_CAPTURED_MAX + 1];
};

/* ---- writing ---- */

static void give_up(struct lnl_capture *c, const char *why)
{
	c->broken = true;
	lnl_log(&c->engine->log, LNL_LEVEL_WARN, "capture.ended", LNL_F("why", why),
		LNL_F("packets", (int64_t)c->sum.packets), LNL_F("lost", (int64_t)c->sum.lost));
}

static void flush(struct lnl_capture *c)
{
	size_t len = lnl_writer_len(&c->out), at = 0;

	while (at < len && !c->broken) {
		ssize_t n = lnl_write_quietly(c->fd, c->buffer + at, len - at);

		if (n > 0)
			at += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n == 0 || errno != EINTR)
			give_up(c, n == 0 ? "nothing can be written" : strerror(errno));
	}
	c->sum.bytes += at;
	memmove(c->buffer, c->buffer + at, len - at);
	lnl_writer_init(&c->out, c->buffer, sizeof(c->buffer));
	lnl_write_space(&c->out, len - at);
	if (!c->broken && c->most && c->sum.bytes >= c->most)
		give_up(c, "it is as long as it was to be");
}

static uint64_t wall_of(uint64_t at)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * LNL_SECOND + (uint64_t)t.tv_nsec / 1000 - lnl_clock_now() + at;
}

static void put(struct lnl_capture *c, enum interface i, uint64_t at, bool out, const uint8_t *data,
		size_t len, size_t whole, const char *note)
{
	struct lnl_pcapng_packet p = {
		.interface = i,
		.time = wall_of(at),
		.direction = out ? LNL_PCAPNG_OUT : LNL_PCAPNG_IN,
		.data = data,
		.len = (uint32_t)len,
		.whole = (uint32_t)whole,
		.note = *note ? note : NULL,
	};

	if (c->broken)
		return;
	if (lnl_writer_left(&c->out) < len + LNL_PCAPNG_AROUND)
		flush(c);
	if (lnl_writer_left(&c->out) < len + LNL_PCAPNG_AROUND) {
		c->sum.lost++;
		return;
	}
	lnl_pcapng_packet(&c->out, &p);
	c->sum.packets++;
}

/* ---- whose it is ---- */

static bool is_wanted(const struct lnl_capture *c, const struct lnl_served *v)
{
	char address[LNL_ADDR_TEXT], ip[LNL_IP_TEXT];
	struct lnl_ip at;

	if (!*c->who)
		return true;
	at = lnl_addr_ip(&v->from);
	return (v->name && strcmp(v->name, c->who) == 0) || (v->cn && strcmp(v->cn, c->who) == 0) ||
	       (v->user && strcmp(v->user, c->who) == 0) ||
	       strcmp(lnl_served_address(v, address), c->who) == 0 ||
	       strcmp(lnl_ip_text(&at, ip), c->who) == 0;
}

/* What stands beside a packet; |v| NULL: of a client's tunnel, or of nobody. */
static void write_note(char *out, size_t size, const struct lnl_served *v, enum lnl_drop drop)
{
	char address[LNL_ADDR_TEXT], who[LNL_PCAPNG_COMMENT / 2] = "";
	const char *name = v && v->name && *v->name ? v->name : "";

	if (v)
		snprintf(who, sizeof(who), "peer %u %.64s %s", v->id, name,
			 lnl_served_address(v, address));
	if (drop != LNL_DROP_NONE)
		snprintf(out, size, "%s%sdropped: %s", who, *who ? ", " : "", lnl_drop_name(drop));
	else
		snprintf(out, size, "%s", who);
}

/* ---- packets ---- */

/* A datagram that was not opened is shown as one, where it came from as far as that is known. */
static void put_dropped(struct lnl_capture *c, const struct lnl_captured *p,
			const struct lnl_addr *from, const char *note)
{
	uint8_t whole[LNL_CAPTURED_MAX + 64];
	struct lnl_ip ip = from ? lnl_addr_ip(from) : (struct lnl_ip){ .family = 4 };
	struct lnl_ip ours = { .family = ip.family };
	struct lnl_writer w;
	size_t kept = p->kept < LNL_CAPTURED_MAX - 64 ? p->kept : LNL_CAPTURED_MAX - 64;

	lnl_writer_init(&w, whole, sizeof(whole));
	lnl_pcapng_datagram(&w, &ip, from ? lnl_addr_port(from) : 0, &ours, PORT, c->packet, kept);
	put(c, CONTROL, p->time, false, whole, lnl_writer_len(&w),
	    lnl_writer_len(&w) - kept + p->len, note);
}

static void put_captured(struct lnl_capture *c, const struct lnl_captured *p,
			 const struct lnl_served *v, const struct lnl_addr *from)
{
	char note[LNL_PCAPNG_COMMENT];

	write_note(note, sizeof(note), v, (enum lnl_drop)p->drop);
	if (p->drop != LNL_DROP_NONE && !p->out)
		put_dropped(c, p, from, note);
	else
		put(c, TUNNEL, p->time, p->out, c->packet, p->kept, p->len, note);
}

static void take_tunnel(struct lnl_capture *c, struct lnl_tunnel *t)
{
	struct lnl_captured p;

	if (lnl_worker_capture(t->worker, LNL_PEER_ID_NONE, c->keep) < 0)
		return;
	while (lnl_worker_captured(t->worker, &p, c->packet))
		put_captured(c, &p, NULL, &t->addresses[t->address]);
	c->sum.lost += lnl_worker_capture_lost(t->worker);
}

static void take_service(struct lnl_capture *c, struct lnl_service *s)
{
	struct lnl_captured p;
	unsigned i;

	for (i = 0; i < s->n_workers; i++) {
		if (lnl_worker_capture(s->workers[i], LNL_PEER_ID_NONE, c->keep) < 0)
			continue;
		while (lnl_worker_captured(s->workers[i], &p, c->packet)) {
			const struct lnl_served *v = p.peer < s->n_slots ? s->served[p.peer] : NULL;

			if (v ? is_wanted(c, v) : !*c->who)
				put_captured(c, &p, v, v ? &v->from : NULL);
		}
		c->sum.lost += lnl_worker_capture_lost(s->workers[i]);
	}
}

static void look(struct lnl_capture *c)
{
	struct lnl_tunnel *t;
	struct lnl_service *s;

	for (t = c->engine->tunnels; t; t = t->next)
		if (t->worker)
			take_tunnel(c, t);
	for (s = c->engine->services; s; s = s->next)
		take_service(c, s);
	flush(c);
}

static void tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct lnl_capture *c = timer->data;

	(void)loop;
	(void)revents;
	look(c);
	if (c->broken)
		lnl_capture_stop(c->engine, NULL);
}

/* ---- the control channel ---- */

static void put_control(struct lnl_capture *c, const struct lnl_addr *peer, bool out,
			const struct lnl_control *packet, const char *note)
{
	uint8_t plain[LNL_WRAP_PACKET_MAX], whole[LNL_WRAP_PACKET_MAX + 64];
	struct lnl_ip theirs = lnl_addr_ip(peer), ours = { .family = theirs.family };
	struct lnl_wrap_key none;
	struct lnl_writer w;
	struct lnl_wrap wrap;
	int len;

	lnl_wrap_key_none(&none);
	lnl_wrap_init(&wrap, &none, 0, 0);
	len = lnl_wrap_write(&wrap, packet, plain, sizeof(plain));
	if (len < 0)
		return;
	lnl_writer_init(&w, whole, sizeof(whole));
	if (out)
		lnl_pcapng_datagram(&w, &ours, PORT, &theirs, lnl_addr_port(peer), plain,
				    (size_t)len);
	else
		lnl_pcapng_datagram(&w, &theirs, lnl_addr_port(peer), &ours, PORT, plain,
				    (size_t)len);
	put(c, CONTROL, lnl_clock_now(), out, whole, lnl_writer_len(&w), lnl_writer_len(&w), note);
}

static void put_text(struct lnl_capture *c, bool out, const char *text, size_t len,
		     const char *note)
{
	uint8_t pdu[LNL_CONTROL_TEXT_MAX + 64];
	char shown[LNL_CONTROL_TEXT_MAX + 1];
	struct lnl_writer w;

	if (len > LNL_CONTROL_TEXT_MAX)
		len = LNL_CONTROL_TEXT_MAX;
	memcpy(shown, text, len);
	shown[len] = '\0';
	lnl_message_hide(shown);
	lnl_writer_init(&w, pdu, sizeof(pdu));
	lnl_pcapng_pdu(&w, "data-text-lines", shown, len);
	put(c, MESSAGES, lnl_clock_now(), out, pdu, lnl_writer_len(&w), lnl_writer_len(&w), note);
}

static void tunnel_packet(void *ctx, bool out, const struct lnl_control *packet, enum lnl_drop drop)
{
	struct lnl_tunnel *t = ctx;
	char note[LNL_PCAPNG_COMMENT];

	if (!t->engine->capture)
		return;
	write_note(note, sizeof(note), NULL, drop);
	put_control(t->engine->capture, &t->addresses[t->address], out, packet, note);
}

static void tunnel_text(void *ctx, bool out, const char *text, size_t len)
{
	struct lnl_tunnel *t = ctx;

	if (t->engine->capture)
		put_text(t->engine->capture, out, text, len, "");
}

static void served_packet(void *ctx, bool out, const struct lnl_control *packet, enum lnl_drop drop)
{
	struct lnl_served *v = ctx;
	struct lnl_capture *c = v->service->engine->capture;
	char note[LNL_PCAPNG_COMMENT];

	if (!c || !is_wanted(c, v))
		return;
	write_note(note, sizeof(note), v, drop);
	put_control(c, &v->from, out, packet, note);
}

static void served_text(void *ctx, bool out, const char *text, size_t len)
{
	struct lnl_served *v = ctx;
	struct lnl_capture *c = v->service->engine->capture;
	char note[LNL_PCAPNG_COMMENT];

	if (!c || !is_wanted(c, v))
		return;
	write_note(note, sizeof(note), v, LNL_DROP_NONE);
	put_text(c, out, text, len, note);
}

void lnl_capture_tunnel(struct lnl_tunnel *t)
{
	t->tap = (struct lnl_session_tap){ t, tunnel_packet, tunnel_text };
	t->conf.client.session.tap = t->engine->capture ? &t->tap : NULL;
}

void lnl_capture_served(struct lnl_served *v)
{
	struct lnl_session_tap *tap;

	if (!v->service->engine->capture || !v->control || lnl_server_watched(v->control))
		return;
	tap = malloc(sizeof(*tap));
	if (!tap)
		return;
	*tap = (struct lnl_session_tap){ v, served_packet, served_text };
	lnl_server_watch(v->control, tap);
}

void lnl_capture_forget(struct lnl_served *v)
{
	const struct lnl_session_tap *tap = lnl_server_watched(v->control);

	if (!tap)
		return;
	lnl_server_watch(v->control, NULL);
	free((void *)(uintptr_t)tap);
}

/* ---- beginning and end ---- */

static void watch_all(struct lnl_engine *e)
{
	struct lnl_tunnel *t;
	struct lnl_service *s;
	uint32_t i;

	for (t = e->tunnels; t; t = t->next)
		lnl_capture_tunnel(t);
	for (s = e->services; s; s = s->next)
		for (i = 0; i < s->n_slots; i++)
			if (s->served[i])
				lnl_capture_served(s->served[i]);
}

static void unwatch_all(struct lnl_engine *e)
{
	struct lnl_tunnel *t;
	struct lnl_service *s;
	uint32_t i;

	for (t = e->tunnels; t; t = t->next) {
		t->conf.client.session.tap = NULL;
		if (t->worker)
			lnl_worker_capture_end(t->worker);
	}
	for (s = e->services; s; s = s->next) {
		for (i = 0; i < s->n_workers; i++)
			lnl_worker_capture_end(s->workers[i]);
		for (i = 0; i < s->n_slots; i++)
			if (s->served[i])
				lnl_capture_forget(s->served[i]);
	}
}

static void begin(struct lnl_capture *c)
{
	lnl_pcapng_section(&c->out, "lunel " LUNEL_VERSION);
	lnl_pcapng_interface(&c->out, LNL_PCAPNG_RAW, "tunnel", "packets inside the tunnel");
	lnl_pcapng_interface(&c->out, LNL_PCAPNG_RAW, "control",
			     "the control channel without its wrapping, and datagrams dropped; our "
			     "end is port 1194");
	lnl_pcapng_interface(&c->out, LNL_PCAPNG_UPPER_PDU, "messages",
			     "texts of the control channel");
}

int lnl_capture_start(struct lnl_engine *e, const struct lnl_capture_options *o,
		      struct lnl_reason *why)
{
	struct lnl_capture *c;
	int flags = fcntl(o->fd, F_GETFL);

	if (e->capture) {
		close(o->fd);
		return lnl_reason_set(why, LNL_E_STATE, "a capture is under way; end that first");
	}
	c = flags >= 0 ? calloc(1, sizeof(*c)) : NULL;
	/* Of a pipe that nobody reads a part is lost; it must not stop us. */
	if (!c || fcntl(o->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int rc = lnl_reason_set(why, c ? LNL_E_SYSTEM : LNL_E_NOMEM,
					"the capture cannot begin: %s", strerror(errno));

		free(c);
		close(o->fd);
		return rc;
	}
	c->engine = e;
	c->fd = o->fd;
	c->keep = o->keep ? o->keep : LNL_CAPTURED_MAX;
	c->most = o->most;
	snprintf(c->who, sizeof(c->who), "%s", o->who ? o->who : "");
	lnl_writer_init(&c->out, c->buffer, sizeof(c->buffer));
	begin(c);
	ev_timer_init(&c->timer, tick, 0, INTERVAL);
	c->timer.data = c;
	ev_timer_start(e->loop, &c->timer);
	ev_unref(e->loop); /* it keeps nothing running */
	e->capture = c;
	watch_all(e);
	lnl_log(&e->log, LNL_LEVEL_INFO, "capture.started", LNL_F("of", *c->who ? c->who : "all"));
	return 0;
}

int lnl_capture_stop(struct lnl_engine *e, struct lnl_capture_sum *out)
{
	struct lnl_capture *c = e->capture;

	if (!c)
		return LNL_E_NOTFOUND;
	look(c);
	if (!c->broken)
		lnl_log(&e->log, LNL_LEVEL_INFO, "capture.ended",
			LNL_F("packets", (int64_t)c->sum.packets),
			LNL_F("lost", (int64_t)c->sum.lost));
	e->capture = NULL;
	unwatch_all(e);
	ev_ref(e->loop);
	ev_timer_stop(e->loop, &c->timer);
	close(c->fd);
	if (out)
		*out = c->sum;
	lnl_secret_wipe(c, sizeof(*c)); /* it held what others said */
	free(c);
	return 0;
}
