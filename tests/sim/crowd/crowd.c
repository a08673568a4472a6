/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server, its host, and the network before it. */
#include "sim/crowd/crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/crowd/loop.h"
#include "sim/server.h"
#include "unit/pki/pki.h"
#include "wire/base64.h"

enum { PACKET = LOOP_TIMER + 1, GUEST, ANSWER };

/* A datagram on its way. */
struct crowd_packet {
	struct crowd_guest *guest; /* whose, or whom it is for; NULL: nobody is there */
	enum crowd_end from;
	uint32_t link;
	struct lnl_addr at; /* of the guest */
	size_t len;
	uint8_t bytes[];
};

/* An event that the host thinks about. */
struct answer {
	enum lnl_event_kind kind;
	uint64_t ticket;
};

struct crowd crowd;

/* ---- memory, time and chance ---- */

static void *env_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size ? size : 1);
}

static void env_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static int env_random(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(sim_random(&crowd.seed) >> 32);
	return 0;
}

static uint64_t env_wallclock(void *ctx)
{
	(void)ctx;
	return SIM_WALLCLOCK + loop_now() / LNL_SECOND;
}

static bool strikes(unsigned one_in)
{
	return one_in > 0 && sim_random(&crowd.net_seed) % one_in == 0;
}

static uint64_t up_to(uint64_t most)
{
	return most ? sim_random(&crowd.net_seed) % most : 0;
}

/* ---- the network ---- */

static void put(const struct crowd_packet *like, const uint8_t *bytes, size_t len)
{
	const struct crowd_conf *c = &crowd.conf;
	struct crowd_packet *p = malloc(sizeof(*p) + len);
	uint64_t at = loop_now() + c->delay + up_to(c->jitter);

	sim_require(p != NULL, "out of memory");
	*p = *like;
	p->len = len;
	memcpy(p->bytes, bytes, len);
	if (strikes(c->reorder))
		at += c->delay + up_to(3 * c->delay);
	loop_put(NULL, at, PACKET, p);
}

/* |number| of a numbered packet, or -1. */
static void cross(const struct crowd_packet *p, const uint8_t *bytes, size_t len, int number)
{
	enum crowd_end from = p->from;

	crowd.packets[from]++;
	crowd.payloads[from] += number >= 0;
	if (p->guest == NULL || strikes(crowd.conf.loss)) {
		crowd.lost[from]++;
		crowd.nowhere += p->guest == NULL;
		crowd.payloads_lost[from] += number >= 0;
		if (number >= 0)
			(p->guest ? p->guest : crowd.tun_for)->lost[from] |= UINT32_C(1) << number;
		return;
	}
	put(p, bytes, len);
	if (strikes(crowd.conf.duplicate))
		put(p, bytes, len);
}

void crowd_send_up(struct crowd_guest *g, const uint8_t *bytes, size_t len, int number)
{
	const struct crowd_packet p = { g, CROWD_UP, g->link, g->at, 0 };

	cross(&p, bytes, len, number);
}

/* Who is at that address: its last part says. */
static struct crowd_guest *guest_at(uint32_t link, const struct lnl_addr *at)
{
	struct lnl_ip ip = lnl_addr_ip(at);
	const uint8_t *b = ip.bytes + (ip.family == 6 ? 13 : 1);
	uint32_t index = (uint32_t)b[0] << 16 | (uint32_t)b[2] << 8 | b[1];
	struct crowd_guest *g = index < crowd.conf.n ? &crowd.guests[index] : NULL;

	return g && g->link == link && lnl_addr_equal(&g->at, at) ? g : NULL;
}

/* Neighbours in the order of coming have another /24 and /64 each. */
static struct lnl_addr address_of(uint32_t index, int family)
{
	struct lnl_ip ip = { .family = (uint8_t)family };
	uint8_t *b = ip.bytes + (family == 6 ? 13 : 1);

	ip.bytes[0] = family == 6 ? 0x20 : 100;
	ip.bytes[7] = (uint8_t)index;
	b[0] = (uint8_t)(index >> 16);
	b[1] = (uint8_t)index;
	b[2] = (uint8_t)(index >> 8);
	return lnl_addr_from(&ip, (uint16_t)(1024 + index % 60000));
}

static void server_sends(int fd, const void *bytes, size_t len, const struct lnl_addr *to,
			 int number)
{
	struct crowd_packet p = { .from = CROWD_DOWN, .at = *to };
	struct lnl_link *l = NULL;

	for (uint32_t id = 1; id <= CROWD_LINKS && !p.link; id++) {
		l = lnl_worker_link(crowd.w, id);
		if (l && l->conf.fd == fd)
			p.link = id;
	}
	sim_require(p.link != 0, "a datagram by no link");
	p.guest = guest_at(p.link, to);
	cross(&p, bytes, len, number);
}

/* ---- in the place of the worker's sockets and device ---- */

int __wrap_recvmmsg(int fd, struct mmsghdr *heads, unsigned n, int flags, struct timespec *timeout);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);
ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);
int __wrap_lnl_service_net_up(struct lnl_service *s, struct lnl_reason *why);
int __wrap_lnl_service_listen(struct lnl_service *s, struct lnl_reason *why);

int __wrap_recvmmsg(int fd, struct mmsghdr *heads, unsigned n, int flags, struct timespec *timeout)
{
	struct crowd_packet *p = crowd.arrived;
	struct msghdr *h = &heads[0].msg_hdr;

	(void)fd;
	(void)n;
	(void)flags;
	(void)timeout;
	errno = EAGAIN;
	if (p == NULL)
		return -1;
	crowd.arrived = NULL;
	memcpy(h->msg_name, &p->at.u, p->at.len);
	h->msg_namelen = p->at.len;
	h->msg_controllen = 0;
	memcpy(h->msg_iov[0].iov_base, p->bytes, p->len);
	heads[0].msg_len = (unsigned)p->len;
	return 1;
}

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
	if (crowd.w == NULL || fd != crowd.tun)
		return __real_read(fd, bytes, len);
	errno = EAGAIN;
	if (crowd.tun_bytes == NULL)
		return -1;
	sim_require(crowd.tun_len <= len, "a packet longer than is read");
	memcpy(bytes, crowd.tun_bytes, crowd.tun_len);
	crowd.tun_bytes = NULL;
	return (ssize_t)crowd.tun_len;
}

/* Only what the device gave goes out by the batch, and it gives one packet at a time. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct lnl_addr to;

	(void)flags;
	sim_require(msg->msg_iovlen == 1, "more than one packet");
	sim_require(lnl_addr_from_sockaddr(&to, msg->msg_name, msg->msg_namelen) == 0,
		    "a datagram to no address");
	server_sends(fd, msg->msg_iov[0].iov_base, msg->msg_iov[0].iov_len, &to,
		     (int)crowd.tun_number);
	return (ssize_t)msg->msg_iov[0].iov_len;
}

ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len)
{
	struct lnl_addr a;

	(void)flags;
	sim_require(lnl_addr_from_sockaddr(&a, to, to_len) == 0, "a datagram to no address");
	server_sends(fd, bytes, len, &a, -1);
	return (ssize_t)len;
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
	sim_require(fd == crowd.tun && n == 1, "something else is written");
	crowd_tun_write(iov[0].iov_base, iov[0].iov_len);
	return (ssize_t)iov[0].iov_len;
}

static int nothing(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	sim_require(fd >= 0, "there is no /dev/null");
	return fd;
}

int __wrap_lnl_service_net_up(struct lnl_service *s, struct lnl_reason *why)
{
	struct lnl_command cmd = { .kind = LNL_CMD_TUN_ADD };

	(void)why;
	snprintf(s->ifname, sizeof(s->ifname), "none");
	crowd.tun = cmd.u.tun.fd = nothing();
	cmd.u.tun.routed = true;
	lnl_service_command(s, &cmd);
	return 0;
}

int __wrap_lnl_service_listen(struct lnl_service *s, struct lnl_reason *why)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };

	(void)why;
	for (unsigned i = 0; i < CROWD_LINKS; i++) {
		cmd.u.link = (struct lnl_link_conf){
			.id = ++s->next_link,
			.fd = nothing(),
			.kind = LNL_LINK_UDP,
			.peer = LNL_PEER_ID_NONE,
			.many = true,
		};
		lnl_service_command(s, &cmd);
	}
	return 0;
}

void crowd_tun_read(struct crowd_guest *g, const uint8_t *bytes, size_t len, unsigned number)
{
	crowd.tun_for = g;
	crowd.tun_bytes = bytes;
	crowd.tun_len = len;
	crowd.tun_number = number;
	loop_readable(&crowd.w->tun_readable);
	sim_require(crowd.tun_bytes == NULL, "the device is not read");
}

/* ---- the host ---- */

static void give(struct answer *a)
{
	static const struct lnl_grant_options plain;
	int rc;

	if (a->kind == LNL_EVENT_AUTHENTICATE)
		rc = lnl_reply_login(crowd.e, a->ticket, LNL_LOGIN_OK, NULL);
	else
		rc = lnl_reply_grant(crowd.e, a->ticket, &plain, NULL);
	sim_require(rc == 0, "an answer to nobody");
	free(a);
}

static void ask(const struct lnl_event *ev)
{
	struct answer *a = malloc(sizeof(*a));

	sim_require(a != NULL, "out of memory");
	*a = (struct answer){ ev->kind, ev->ticket };
	loop_put(NULL, loop_now() + up_to(crowd.conf.think), ANSWER, a);
}

static void take_event(const struct lnl_event *ev)
{
	switch (ev->kind) {
	case LNL_EVENT_AUTHENTICATE:
		crowd.logins++;
		ask(ev);
		break;
	case LNL_EVENT_AUTHORIZE:
		ask(ev);
		break;
	case LNL_EVENT_LEARN:
		lnl_reply_verdict(crowd.e, ev->ticket, true, NULL);
		break;
	case LNL_EVENT_ESTABLISHED:
		crowd.established++;
		break;
	case LNL_EVENT_PEER_CLOSED:
		if (!crowd.peers_closed++)
			snprintf(crowd.why, sizeof(crowd.why), "%s: %s", ev->u.end.cause,
				 ev->u.end.text);
		break;
	default:
		break;
	}
}

static void take_record(const struct lnl_record *r)
{
	size_t at;

	crowd.records++;
	if (r->level > LNL_LEVEL_WARN || crowd.warnings++)
		return;
	at = (size_t)snprintf(crowd.warning, sizeof(crowd.warning), "%s", r->event);
	for (unsigned i = 0; i < r->n && at < sizeof(crowd.warning); i++)
		at += (size_t)snprintf(crowd.warning + at, sizeof(crowd.warning) - at, " %s=%s",
				       r->field[i].name,
				       r->field[i].type == LNL_FIELD_TEXT ? r->field[i].text : "#");
}

static void take_records(void)
{
	struct lnl_record r;
	uint64_t lost;

	while (lnl_engine_record(crowd.e, &r, &lost)) {
		crowd.lost_records += (unsigned)lost;
		take_record(&r);
	}
}

void crowd_settle(void)
{
	struct lnl_event ev;
	bool more;

	do {
		more = loop_wake();
		crowd.w->prepare.cb(NULL, &crowd.w->prepare, EV_PREPARE);
		while (lnl_engine_next(crowd.e, &ev)) {
			more = true;
			take_event(&ev);
		}
		if (crowd.e->tickets.n > crowd.most_tickets)
			crowd.most_tickets = crowd.e->tickets.n;
		lnl_tickets_settle(crowd.e);
		crowd.turns++;
	} while (more);
	take_records();
}

/* ---- keys ---- */

static void hex_key(char out[2048], const struct lnl_static_key *k)
{
	int at = sprintf(out, "-----BEGIN OpenVPN Static key V1-----\n");

	for (unsigned i = 0; i < LNL_STATIC_KEY_LEN; i++)
		at += sprintf(out + at, "%02x%s", k->bytes[i], i % 16 == 15 ? "\n" : "");
	sprintf(out + at, "-----END OpenVPN Static key V1-----\n");
}

static void base64_key(char out[2048], const uint8_t *key, size_t len)
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, 2048);
	lnl_write_str(&w, "-----BEGIN OpenVPN tls-crypt-v2 server key-----\n");
	lnl_base64_write(&w, key, len);
	lnl_write_str(&w, "\n-----END OpenVPN tls-crypt-v2 server key-----\n");
	lnl_write_u8(&w, 0);
}

static struct lnl_bytes bytes_of(const char *text)
{
	return (struct lnl_bytes){ (const void *)text, strlen(text) };
}

static void make_wraps(void)
{
	const struct lnl_env *env = &crowd.env;
	int rc;

	env_random(NULL, crowd.tls_crypt.bytes, LNL_STATIC_KEY_LEN);
	env_random(NULL, crowd.kc.bytes, LNL_STATIC_KEY_LEN);
	env_random(NULL, crowd.v2_key, LNL_V2_SERVER_KEY_LEN);
	rc = lnl_wrap_key_crypt(&crowd.wrap[0], env, &crowd.tls_crypt, false);
	if (rc == 0)
		rc = lnl_wrap_key_crypt(&crowd.wrap[1], env, &crowd.kc, false);
	sim_require(rc == 0, "no wrapping");
}

/* ---- the server ---- */

static const char *const pushed[] = { "ping 30", "ping-restart 180" };

static void fill_options(struct lnl_server_options *o)
{
	static const struct lnl_listen udp = { .port = 1194, .proto = LNL_PROTO_UDP };

	lnl_server_options_init(o);
	o->listen = &udp;
	o->n_listen = 1;
	o->network4 = "10.64.0.0/14";
	o->network6 = "fd00:64::/64";
	o->push = pushed;
	o->n_push = 2;
	o->ping = 30;
	o->ping_restart = 180;
	o->max_clients = crowd.conf.max_clients ? crowd.conf.max_clients : crowd.conf.n;
	o->v2_force_cookie = !crowd.conf.noncookie;
	o->connect_freq_initial = crowd.conf.answers;
	o->auth_user_pass = o->username_as_common_name = true;
	o->asks = LNL_ASK_AUTHENTICATE | LNL_ASK_AUTHORIZE | LNL_ASK_LEARN;
	o->sec.reneg_sec = crowd.conf.reneg_sec;
	o->sec.ca = bytes_of(pki_ca);
	o->sec.cert = bytes_of(pki_good);
	o->sec.key = bytes_of(pki_key);
}

static void open_server(void)
{
	static const struct lnl_engine_options options = { .level = LNL_LEVEL_INFO,
							   .stay_root = true };
	char tls_crypt[2048], v2[2048];
	struct lnl_server_options o;
	struct lnl_reason why;
	uint32_t handle;
	int rc = lnl_engine_new(&crowd.e, &options, &why);

	fill_options(&o);
	hex_key(tls_crypt, &crowd.tls_crypt);
	base64_key(v2, crowd.v2_key, LNL_V2_SERVER_KEY_LEN);
	o.sec.tls_crypt = bytes_of(tls_crypt);
	o.sec.tls_crypt_v2 = bytes_of(v2);
	if (rc == 0)
		rc = lnl_server_open(crowd.e, &o, &handle, &why);
	if (rc < 0)
		fprintf(stderr, "%s\n", why.text);
	sim_require(rc == 0, "no server");
	crowd.s = lnl_service_find(crowd.e, handle);
	crowd.w = crowd.s->workers[0];
	crowd_settle();
}

/* ---- guests ---- */

static void make_tls(void)
{
	const struct lnl_tls_settings tls = {
		.ca = { pki_ca, strlen(pki_ca) },
		.cert = { pki_client, strlen(pki_client) },
		.key = { pki_key, strlen(pki_key) },
		.eku = LNL_EKU_SERVER,
	};
	struct lnl_why why = { "" };

	sim_require(lnl_tls_conf_new(&crowd.tls, &crowd.env, &tls, &why) == 0, why.text);
}

/* The last has tls-crypt-v2, and so have all with `v2`; the third begins renegotiations itself. */
static void make_kinds(void)
{
	size_t wkc_len = sim_wkc_make(crowd.wkc, crowd.v2_key, &crowd.kc, &crowd.env);

	sim_require(wkc_len > 0, "no wrapped key");
	for (unsigned i = 0; i < CROWD_KINDS; i++) {
		bool v2 = crowd.conf.v2 || i == CROWD_KINDS - 1;

		crowd.kinds[i] = (struct lnl_client_conf){
			.session = { .env = &crowd.env,
				     .tls = crowd.tls,
				     .wrap = &crowd.wrap[v2],
				     .wrap_raw = v2 ? &crowd.kc : &crowd.tls_crypt,
				     .wkc = v2 ? crowd.wkc : NULL,
				     .wkc_len = v2 ? wkc_len : 0,
				     .max_packet = LNL_CONTROL_MAX,
				     .tls_timeout = 2 * LNL_SECOND,
				     .hand_window = 60 * LNL_SECOND,
				     .tran_window = 3600 * LNL_SECOND },
			.peer = 1,
			.caps = LNL_DATA_CAP_DATA_V2,
			.ciphers = { LNL_CIPHER_AES_256_GCM },
			.n_ciphers = 1,
			.auth = LNL_DIGEST_SHA1,
			.pull = true,
			.auth_user_pass = true,
			.tun_mtu = 1500,
			.mssfix = -1,
			.version = "0.1",
			.platform = "linux",
			.key_direction = -1,
			.ping = -1,
			.ping_restart = -1,
			.ping_exit = -1,
		};
	}
	if (crowd.conf.reneg_sec > 0)
		crowd.kinds[2].session.reneg_interval =
			(uint64_t)crowd.conf.reneg_sec * LNL_SECOND * 8 / 9;
}

static void make_guests(void)
{
	const struct crowd_conf *c = &crowd.conf;

	crowd.guests = calloc(c->n, sizeof(*crowd.guests));
	sim_require(crowd.guests != NULL, "out of memory");
	for (uint32_t i = 0; i < c->n; i++) {
		struct crowd_guest *g = &crowd.guests[i];

		g->index = i;
		g->link = 1 + i % CROWD_LINKS;
		g->at = address_of(i, g->link == 1 ? 4 : 6);
		g->comes_at = loop_now() + c->arrive_in * i / c->n;
		g->payload_at = LNL_NEVER;
		loop_put(&g->place, g->comes_at, GUEST, g);
	}
}

struct crowd_conf crowd_usual(unsigned n)
{
	return (struct crowd_conf){
		.n = n,
		.seed = 1,
		.loss = 50,
		.duplicate = 500,
		.reorder = 100,
		.delay = 20 * LNL_MSEC,
		.jitter = 10 * LNL_MSEC,
		.arrive_in = 300 * LNL_SECOND,
		.payloads = 12,
		.payload_every = 280 * LNL_SECOND,
		.reneg_sec = 900,
		.think = 1500 * LNL_MSEC,
		.float_every = 20,
		.answers = 2000,
	};
}

void crowd_start(const struct crowd_conf *conf)
{
	memset(&crowd, 0, sizeof(crowd));
	crowd.conf = *conf;
	crowd.seed = conf->seed;
	crowd.net_seed = conf->seed + 1;
	crowd.env = (struct lnl_env){ NULL, env_alloc, env_release, env_random, env_wallclock };
	loop_init(1000 * LNL_SECOND);
	sim_require(lnl_crypto_init(&crowd.env) == 0, "no crypto");
	make_wraps();
	make_tls();
	make_kinds();
	open_server();
	make_guests();
}

static void drop(unsigned kind, void *what)
{
	if (kind == PACKET || kind == ANSWER)
		free(what);
}

void crowd_forget(void)
{
	for (unsigned i = 0; i < crowd.conf.n; i++)
		crowd_guest_free(&crowd.guests[i]);
	loop_drop(drop);
}

void crowd_end(void)
{
	crowd_forget();
	lnl_engine_free(crowd.e);
	crowd.w = NULL;
	loop_deinit();
	free(crowd.guests);
	lnl_tls_conf_free(crowd.tls);
	lnl_wrap_key_deinit(&crowd.wrap[0]);
	lnl_wrap_key_deinit(&crowd.wrap[1]);
	lnl_crypto_deinit();
}

/* ---- time ---- */

static void deliver(struct crowd_packet *p)
{
	if (p->from == CROWD_DOWN && crowd.tap) {
		crowd.tap(p->guest, p->bytes, p->len);
	} else if (p->from == CROWD_DOWN) {
		crowd_guest_input(p->guest, p->bytes, p->len);
	} else {
		crowd.arrived = p;
		loop_readable(&lnl_worker_link(crowd.w, p->link)->readable);
		sim_require(crowd.arrived == NULL, "the socket is not read");
	}
	free(p);
}

static void happen(const struct lnl_due *d)
{
	switch (d->kind) {
	case PACKET:
		deliver(d->what);
		break;
	case GUEST:
		crowd_guest_turn(d->what);
		break;
	case ANSWER:
		give(d->what);
		break;
	default:
		break;
	}
	crowd_settle();
}

/* Until |is_done| or then. */
static void run_until(uint64_t until, bool (*is_done)(void))
{
	struct lnl_due d;

	while (!(is_done && is_done()) && loop_next(until, &d))
		happen(&d);
}

void crowd_run(uint64_t span)
{
	run_until(loop_now() + span, NULL);
}

static bool are_all_up(void)
{
	return crowd.up == crowd.conf.n && crowd.established == crowd.conf.n;
}

bool crowd_all_up(uint64_t span)
{
	run_until(loop_now() + span, are_all_up);
	return are_all_up();
}
