/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's door: packets and connections that arrive, and the tables of who is where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine_service.h"

/* Half-open clients have a cap of their own, and so has each source. */
#define HALF_OPEN_MIN	   100
#define HALF_OPEN_A_SOURCE 8
/* Of those that would have to go for another, so many are looked at. */
#define LOOK_AT 16

/* ---- tables ---- */

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < len; i++) {
		h = (h ^ p[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

/*
 * |from| NULL: a TCP connection, which has a link of its own. Datagrams of a client may come by any
 * worker's link of its listening address.
 */
static struct lnl_served **address_bucket(const struct lnl_service *s, uint32_t link,
					  const struct lnl_addr *from)
{
	uint32_t place = from ? lnl_service_place_of(s, link) : link;
	uint64_t h = mix(s->seed, &place, sizeof(place));
	struct lnl_ip ip;
	uint16_t port;

	if (from) {
		ip = lnl_addr_ip(from);
		port = lnl_addr_port(from);
		h = mix(mix(h, ip.bytes, sizeof(ip.bytes)), &port, sizeof(port));
	}
	return &s->by_address[h & s->mask];
}

static struct lnl_served **bucket_of(const struct lnl_served *v)
{
	return address_bucket(v->service, v->link, v->tcp ? NULL : &v->from);
}

static struct lnl_served **name_bucket(const struct lnl_service *s, const char *name)
{
	return &s->by_name[mix(s->seed, name, strlen(name)) & s->mask];
}

/* Whether |v|'s datagrams come to |link|'s listening address, from |from|. */
static bool is_at(const struct lnl_served *v, uint32_t link, const struct lnl_addr *from)
{
	const struct lnl_service *s = v->service;

	return lnl_service_place_of(s, v->link) == lnl_service_place_of(s, link) &&
	       lnl_addr_equal(&v->from, from);
}

struct lnl_served *lnl_door_by_address(const struct lnl_service *s, uint32_t link,
				       const struct lnl_addr *from)
{
	struct lnl_served *v = *address_bucket(s, link, from);

	while (v && !is_at(v, link, from))
		v = v->next_address;
	return v;
}

static void leave_address(struct lnl_served *v)
{
	struct lnl_served **p = bucket_of(v);

	if (!v->in_table)
		return;
	while (*p != v)
		p = &(*p)->next_address;
	*p = v->next_address;
	v->in_table = false;
}

static void enter_address(struct lnl_served *v)
{
	struct lnl_served **p = bucket_of(v);

	v->next_address = *p;
	*p = v;
	v->in_table = true;
}

void lnl_door_moved(struct lnl_served *v, uint32_t link, const struct lnl_addr *address)
{
	struct lnl_served *there = lnl_door_by_address(v->service, link, address);
	char text[LNL_ADDR_TEXT];

	if (there == v || v->ended)
		return;
	/* Who was there is somewhere else now, or gone: its own packets will tell. */
	if (there)
		leave_address(there);
	leave_address(v);
	v->link = link;
	v->from = *address;
	enter_address(v);
	lnl_log(&v->service->engine->log, LNL_LEVEL_INFO, "peer.moved", LNL_F("peer", v->name),
		LNL_F("address", lnl_served_address(v, text)));
}

struct lnl_served *lnl_door_by_link(struct lnl_service *s, uint32_t link)
{
	struct lnl_served *v = *address_bucket(s, link, NULL);

	while (v && (v->link != link || !v->tcp))
		v = v->next_address;
	return v;
}

struct lnl_served *lnl_served_find(const struct lnl_service *s, uint32_t id)
{
	return id < s->n_slots ? s->served[id] : NULL;
}

void lnl_door_name(struct lnl_served *v)
{
	struct lnl_served **p = name_bucket(v->service, v->name);

	if (v->named || !v->name[0])
		return;
	v->next_name = *p;
	v->at_name = p;
	if (v->next_name)
		v->next_name->at_name = &v->next_name;
	*p = v;
	v->named = true;
}

struct lnl_served *lnl_door_same_name(const struct lnl_served *v)
{
	struct lnl_served *o = *name_bucket(v->service, v->name);

	/* One that is told to go is among them: its client is back before it was heard of again. */
	while (o && (o == v || !o->up || strcmp(o->name, v->name) != 0))
		o = o->next_name;
	return o;
}

/* With duplicate-cn all may have one name: nobody else is looked at. */
static void leave_name(struct lnl_served *v)
{
	if (!v->named)
		return;
	*v->at_name = v->next_name;
	if (v->next_name)
		v->next_name->at_name = v->at_name;
	v->named = false;
}

/* ---- coming and going ---- */

static uint32_t half_open_max(const struct lnl_service *s)
{
	uint32_t tenth = s->most_clients / 10;

	return tenth > HALF_OPEN_MIN ? tenth : HALF_OPEN_MIN;
}

int lnl_door_init(struct lnl_service *s)
{
	uint32_t buckets = 64, id;

	s->most_clients = s->conf.o.max_clients;
	s->n_slots = s->most_clients + half_open_max(s);
	while (buckets < s->n_slots * 2)
		buckets *= 2;
	s->mask = buckets - 1;
	s->served = calloc(s->n_slots, sizeof(struct lnl_served *));
	s->by_address = calloc(buckets, sizeof(struct lnl_served *));
	s->by_name = calloc(buckets, sizeof(struct lnl_served *));
	s->by_source = calloc(buckets, sizeof(struct lnl_served *));
	s->free_ids = calloc(s->n_slots, sizeof(*s->free_ids));
	if (!s->served || !s->by_address || !s->by_name || !s->by_source || !s->free_ids)
		return LNL_E_NOMEM;
	for (id = 0; id < s->n_slots; id++)
		s->free_ids[s->n_free++] = id;
	return s->engine->env.random(NULL, (uint8_t *)&s->seed, sizeof(s->seed));
}

void lnl_door_deinit(struct lnl_service *s)
{
	free(s->served);
	free(s->by_address);
	free(s->by_name);
	free(s->by_source);
	free(s->free_ids);
}

/* Ids are given out in turn, so that one that was just freed is not the next. */
static uint32_t take_id(struct lnl_service *s)
{
	uint32_t id;

	if (s->n_free == 0)
		return LNL_PEER_ID_NONE;
	id = s->free_ids[s->first_free];
	s->first_free = (s->first_free + 1) % s->n_slots;
	s->n_free--;
	return id;
}

static void return_id(struct lnl_service *s, uint32_t id)
{
	s->free_ids[(s->first_free + s->n_free++) % s->n_slots] = id;
}

/* Who counts as one source: an IPv6 host has a whole /64 of addresses. */
static struct lnl_ip source_of(const struct lnl_addr *from)
{
	struct lnl_ip ip = lnl_addr_ip(from);

	if (ip.family == 6)
		memset(ip.bytes + 8, 0, 8);
	return ip;
}

static struct lnl_served **source_bucket(const struct lnl_service *s, const struct lnl_ip *source)
{
	return &s->by_source[mix(s->seed, source->bytes, sizeof(source->bytes)) & s->mask];
}

/* One source has its share and no more. */
static bool is_crowded(const struct lnl_service *s, const struct lnl_addr *from)
{
	struct lnl_ip ip = source_of(from);
	const struct lnl_served *v;
	unsigned same = 0;

	for (v = *source_bucket(s, &ip); v && same < HALF_OPEN_A_SOURCE; v = v->next_source) {
		struct lnl_ip other = source_of(&v->from);

		same += lnl_ip_equal(&ip, &other);
	}
	return same >= HALF_OPEN_A_SOURCE;
}

static struct lnl_queue *queue_of(const struct lnl_served *v)
{
	return v->tcp && !v->control ? &v->service->mute : &v->service->spoke;
}

static void put_newest(struct lnl_queue *q, struct lnl_served *v)
{
	v->older = q->newest;
	v->newer = NULL;
	if (q->newest)
		q->newest->newer = v;
	else
		q->oldest = v;
	q->newest = v;
	v->heard_at = lnl_clock_now();
}

static void take_out(struct lnl_queue *q, struct lnl_served *v)
{
	if (v->older)
		v->older->newer = v->newer;
	else
		q->oldest = v->newer;
	if (v->newer)
		v->newer->older = v->older;
	else
		q->newest = v->older;
}

/* A half-open one has sent something. */
static void heard(struct lnl_served *v)
{
	if (!v->half_open)
		return;
	take_out(queue_of(v), v);
	put_newest(queue_of(v), v);
}

static void enter_source(struct lnl_served *v)
{
	struct lnl_ip ip = source_of(&v->from);
	struct lnl_served **p = source_bucket(v->service, &ip);

	v->next_source = *p;
	*p = v;
	v->half_open = true;
	v->service->n_half_open++;
	put_newest(queue_of(v), v);
}

/* Nobody moves before it has logged in: it is where it entered. */
static void leave_source(struct lnl_served *v)
{
	struct lnl_ip ip = source_of(&v->from);
	struct lnl_served **p = source_bucket(v->service, &ip);

	if (!v->half_open)
		return;
	while (*p != v)
		p = &(*p)->next_source;
	*p = v->next_source;
	v->half_open = false;
	v->service->n_half_open--;
	take_out(queue_of(v), v);
}

/*
 * Where more than half of the places are taken, half of hand-window has to do, for who is neither
 * through with TLS nor about to take another's place.
 */
static void make_room(struct lnl_service *s, uint64_t now)
{
	uint64_t life = s->conf.control.session.hand_window / 2;
	uint32_t i;

	/* Looking at all of them is worth it once a second. */
	if (s->n_half_open <= half_open_max(s) / 2 || now < s->room_at)
		return;
	s->room_at = now + LNL_SECOND;
	for (i = 0; i < s->n_slots && s->n_half_open > half_open_max(s) / 2; i++) {
		struct lnl_served *v = s->served[i];

		if (v && v->half_open && v->in_table && v->waits == LNL_WAIT_NOTHING &&
		    now - v->came_at >= life)
			lnl_served_end(v, LNL_CAUSE_TIMEOUT, "too slow while many come");
	}
}

/*
 * Where all places are taken, who is to go for another: of those that have sent nothing since they
 * connected the one that came first, else the one that is silent for longest, once that is longer than
 * a lost packet makes it. NULL: nobody.
 */
static struct lnl_served *find_silent(struct lnl_service *s, uint64_t now)
{
	uint64_t patience = 4 * s->conf.control.session.tls_timeout;
	unsigned i;

	if (s->mute.oldest)
		return s->mute.oldest;
	for (i = 0; i < LOOK_AT; i++) {
		struct lnl_served *v = s->spoke.oldest;

		if (!v || now - v->heard_at < patience)
			return NULL;
		if (v->in_table && v->waits == LNL_WAIT_NOTHING)
			return v;
		heard(v); /* who waits for our answer is not silent */
	}
	return NULL;
}

static void send_away(struct lnl_served *v)
{
	v->service->control_drops[LNL_DROP_RATE]++;
	v->service->engine->metrics.drops[LNL_DROP_RATE]++;
	if (v->control)
		lnl_served_end(v, LNL_CAUSE_TIMEOUT, "silent while many come");
	else
		lnl_door_remove(v);
}

/* connect-freq: a limit on who was admitted already. */
static bool is_too_often(struct lnl_service *s, uint64_t now)
{
	const struct lnl_server_options *o = &s->conf.o;

	if (!o->connect_freq)
		return false;
	if (now >= s->freq.since + o->connect_freq_sec * LNL_SECOND) {
		s->freq.since = now;
		s->freq.n = 0;
	}
	return s->freq.n++ >= o->connect_freq;
}

static struct lnl_served *add(struct lnl_service *s, uint32_t link, const struct lnl_addr *from,
			      bool tcp)
{
	struct lnl_served *v = NULL;
	bool full;
	uint32_t id;

	if (s->stopping)
		return NULL;
	make_room(s, lnl_clock_now());
	if (is_crowded(s, from))
		return NULL;
	full = s->n_half_open >= half_open_max(s);
	if (full)
		v = find_silent(s, lnl_clock_now());
	if ((full && !v) || is_too_often(s, lnl_clock_now()))
		return NULL;
	if (v)
		send_away(v);
	v = calloc(1, sizeof(*v));
	id = v ? take_id(s) : LNL_PEER_ID_NONE;
	if (id == LNL_PEER_ID_NONE) {
		free(v);
		return NULL;
	}
	v->service = s;
	v->id = id;
	v->link = link;
	v->from = *from;
	v->came_at = lnl_clock_now();
	v->tcp = tcp;
	v->deadline = v->pending_at = LNL_NEVER;
	v->name = v->user = v->cn = "";
	v->replaces = LNL_PEER_ID_NONE;
	ev_timer_init(&v->timer, lnl_served_timer, 0, 0);
	v->timer.data = v;
	s->served[id] = v;
	s->n_served++;
	s->engine->metrics.admitted++;
	enter_source(v);
	enter_address(v);
	return v;
}

void lnl_door_honest(struct lnl_served *v)
{
	struct lnl_service *s = v->service;
	struct lnl_ip ip = lnl_addr_ip(&v->from);

	if (!v->half_open)
		return;
	leave_source(v);
	if (!v->tcp)
		lnl_admission_honest(s->admission, &ip, v->came_at, lnl_clock_now());
}

/*
 * Nothing came of |v|: the packets of who was at its address before find that one again, unless
 * somebody is there by now. That one then replaces both.
 */
static void give_back(struct lnl_served *v)
{
	struct lnl_served *before = lnl_served_find(v->service, v->replaces), *there;

	v->replaces = LNL_PEER_ID_NONE;
	if (!before || before == v || before->ended || before->tcp || before->in_table)
		return;
	there = lnl_door_by_address(v->service, before->link, &before->from);
	if (!there)
		enter_address(before);
	else if (there->replaces == v->id)
		there->replaces = before->id;
}

void lnl_door_leave(struct lnl_served *v)
{
	struct lnl_service *s = v->service;

	leave_address(v);
	give_back(v);
	leave_name(v);
	leave_source(v);
	s->n_up -= v->up;
	v->up = false;
}

void lnl_door_remove(struct lnl_served *v)
{
	struct lnl_service *s = v->service;
	struct lnl_command cmd = { .id = v->link, .peer = v->id };

	lnl_tickets_drop_peer(s->engine, s, v->id);
	if (v->peer_added) {
		cmd.kind = LNL_CMD_PEER_DEL;
		lnl_service_command(s, &cmd);
	}
	if (v->tcp) {
		cmd.kind = LNL_CMD_LINK_DEL;
		lnl_service_command(s, &cmd);
	}
	lnl_grant_release(v);
	lnl_door_leave(v);
	s->served[v->id] = NULL;
	return_id(s, v->id);
	s->n_served--;
	ev_timer_stop(s->engine->loop, &v->timer);
	lnl_capture_forget(v);
	lnl_server_free(v->control);
	free(v->metadata);
	free(v->names);
	free(v->routes);
	free(v->why);
	if (v->counted)
		free(v->counted->loss);
	free(v->counted);
	lnl_arena_free(&v->grant_arena);
	lnl_secret_wipe(v, sizeof(*v));
	free(v);
}

/* ---- packets ---- */

static void drop(struct lnl_service *s, enum lnl_drop why)
{
	s->control_drops[why]++;
	s->engine->metrics.drops[why]++;
	lnl_log(&s->engine->log, LNL_LEVEL_TRACE, "control.dropped",
		LNL_F("reason", lnl_drop_name(why)));
}

/* Its first packet was admitted: from here on control has it. False: there is no room. */
static bool begin(struct lnl_served *v, struct lnl_admitted *a)
{
	struct lnl_service *s = v->service;
	struct lnl_server_start start = {
		.admitted = a,
		.peer = v->id,
		.tcp = v->tcp,
		.ipv6 = lnl_addr_ip(&v->from).family == 6,
	};

	int rc;

	take_out(queue_of(v), v);
	rc = lnl_server_new(&v->control, &s->conf.control, &start, lnl_clock_now());
	put_newest(queue_of(v), v);
	if (rc < 0)
		return false;
	lnl_capture_served(v);
	v->deadline = LNL_NEVER;
	memcpy(v->client_sid, a->client_sid, sizeof(v->client_sid));
	if (!a->has_v2)
		return true;
	v->metadata = malloc(sizeof(*v->metadata) + a->v2.metadata_len);
	if (!v->metadata)
		return false;
	v->metadata->len = a->v2.metadata_len;
	memcpy(v->metadata->bytes, a->v2.metadata, a->v2.metadata_len);
	return true;
}

/* The length of a packet of a session that stands, without the wrapped key that it may repeat. */
static size_t len_of(const struct lnl_served *v, const struct lnl_ntf *n)
{
	const uint8_t *data = n->u.datagram.bytes;
	unsigned op = lnl_op_of(data[0]);

	if (v->metadata && (op == LNL_OP_HARD_RESET_CLIENT_V3 || op == LNL_OP_CONTROL_WKC_V1))
		return lnl_admission_without_wkc(data, n->u.datagram.len);
	return n->u.datagram.len;
}

/* |len| is without a wrapped key: admission took the first one off. */
static void input(struct lnl_served *v, const uint8_t *data, size_t len)
{
	enum lnl_drop why;

	why = len ? lnl_server_input(v->control, data, len, lnl_clock_now()) : LNL_DROP_FORMAT;
	if (why == LNL_DROP_NONE)
		heard(v);
	else
		drop(v->service, why);
	lnl_served_run(v);
}

static void answer(struct lnl_service *s, const struct lnl_ntf *n, struct lnl_command *reply,
		   size_t len)
{
	reply->kind = LNL_CMD_LINK_SEND;
	reply->id = n->id;
	reply->u.datagram.to = n->u.datagram.from;
	reply->u.datagram.len = (uint16_t)len;
	lnl_service_command(s, reply);
}

/* A datagram of which no client is known, or that its client's session did not take. */
static void knock(struct lnl_service *s, const struct lnl_ntf *n, struct lnl_served *before)
{
	const struct lnl_addr *from = &n->u.datagram.from;
	struct lnl_ip ip = lnl_addr_ip(from);
	struct lnl_command reply;
	struct lnl_admitted a;
	struct lnl_served *v;

	/* Our cookie would be worth nothing to who comes back to our successor with it. */
	if (s->stopping)
		return;
	lnl_admission_datagram(s->admission, &ip, lnl_addr_port(from), n->u.datagram.bytes,
			       n->u.datagram.len, reply.u.datagram.bytes,
			       sizeof(reply.u.datagram.bytes), lnl_clock_now(), &a);
	if (a.verdict == LNL_ADMISSION_DROP)
		drop(s, a.drop);
	if (a.verdict == LNL_ADMISSION_REPLY)
		answer(s, n, &reply, a.reply_len);
	if (a.verdict != LNL_ADMISSION_ADMIT)
		return;
	/* A new session from the same place: the old one goes once the new one has proven itself. */
	if (before)
		leave_address(before);
	v = add(s, n->id, from, false);
	if (v && begin(v, &a)) {
		v->replaces = before ? before->id : LNL_PEER_ID_NONE;
		lnl_secret_wipe(&a.v2.kc, sizeof(a.v2.kc));
		input(v, n->u.datagram.bytes, a.len);
		return;
	}
	lnl_secret_wipe(&a.v2.kc, sizeof(a.v2.kc));
	if (v)
		lnl_door_remove(v);
	if (before)
		enter_address(before);
	drop(s, LNL_DROP_RATE);
}

/*
 * Whether a packet is of this client's session: its id stands in front, whatever the wrapping. A
 * client that has started anew has another one.
 */
static bool is_of(const struct lnl_served *v, const struct lnl_ntf *n)
{
	return n->u.datagram.len > LNL_SID_LEN &&
	       memcmp(n->u.datagram.bytes + 1, v->client_sid, LNL_SID_LEN) == 0;
}

/*
 * Whose packet it is: of who has the place, or of who had it before and has it until somebody else
 * is let in. NULL: of neither.
 */
static struct lnl_served *sender(const struct lnl_service *s, const struct lnl_ntf *n,
				 struct lnl_served *v)
{
	unsigned i;

	/* Behind a client stand no more than may knock from one source. */
	for (i = 0; v && i <= HALF_OPEN_A_SOURCE; i++) {
		if (!v->ended && !v->tcp && is_at(v, n->id, &n->u.datagram.from) && is_of(v, n))
			return v;
		v = lnl_served_find(s, v->replaces);
	}
	return NULL;
}

static void datagram(struct lnl_service *s, const struct lnl_ntf *n)
{
	struct lnl_served *there = lnl_door_by_address(s, n->id, &n->u.datagram.from);
	struct lnl_served *v = sender(s, n, there);

	/* Its packets shall be that worker's whose socket they come in by. */
	if (v && !v->peer_added)
		v->link = n->id;
	if (v)
		input(v, n->u.datagram.bytes, len_of(v, n));
	else
		knock(s, n, there);
}

static void stream(struct lnl_served *v, const struct lnl_ntf *n)
{
	struct lnl_admitted a;

	if (n->u.datagram.len == 0)
		return;
	if (v->control) {
		input(v, n->u.datagram.bytes, len_of(v, n));
		return;
	}
	lnl_admission_stream(v->service->admission, n->u.datagram.bytes, n->u.datagram.len,
			     lnl_clock_now(), &a);
	if (a.verdict != LNL_ADMISSION_ADMIT)
		drop(v->service, a.drop);
	if (a.verdict == LNL_ADMISSION_ADMIT && begin(v, &a))
		input(v, n->u.datagram.bytes, a.len);
	else
		lnl_door_remove(v);
	lnl_secret_wipe(&a.v2.kc, sizeof(a.v2.kc));
}

void lnl_door_packet(struct lnl_service *s, const struct lnl_ntf *n)
{
	struct lnl_served *v;

	if (n->u.datagram.from.len) {
		datagram(s, n);
		return;
	}
	v = lnl_door_by_link(s, n->id);
	if (v)
		stream(v, n);
}

void lnl_door_accept(struct lnl_service *s, int fd, const struct lnl_addr *from)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	struct lnl_served *v = add(s, lnl_service_tcp_link(s), from, true);

	if (!v) {
		close(fd);
		drop(s, LNL_DROP_RATE);
		return;
	}
	v->deadline = lnl_clock_now() + s->conf.control.session.hand_window;
	cmd.u.link.id = v->link;
	cmd.u.link.fd = fd;
	cmd.u.link.kind = LNL_LINK_TCP;
	cmd.u.link.offload = (enum lnl_offload)s->conf.o.offload;
	cmd.u.link.peer = LNL_PEER_ID_NONE;
	lnl_service_command(s, &cmd);
	lnl_served_run(v);
}
