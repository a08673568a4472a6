/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server does to the machine: device, addresses, routes, sockets. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine_service.h"

/* ---- what it wants ---- */

static int add_option(struct lnl_pulled *p, const char *text, struct lnl_reason *why)
{
	struct lnl_option o;
	struct lnl_why cause = { "" };
	int rc = lnl_option_split(&o, text, strlen(text));

	if (rc == 1)
		rc = lnl_pulled_option(p, &o, LNL_FROM_PROFILE, &cause);
	return rc < 0 ? lnl_reason_set(why, LNL_E_INVAL, "%s: %s", text, cause.text) : 0;
}

static int add_own4(const struct lnl_service_conf *c, struct lnl_pulled *p, struct lnl_reason *why)
{
	char own[LNL_IP_TEXT], other[LNL_IP_TEXT], mask[LNL_IP_TEXT], net[LNL_IP_TEXT];
	struct lnl_ip bits = lnl_netmask(c->net4.bits);
	char text[4 * LNL_IP_TEXT];
	int rc;

	lnl_ip_text(&c->own4, own);
	lnl_ip_text(&c->peer4, other);
	lnl_ip_text(&bits, mask);
	lnl_ip_text(&c->net4.ip, net);
	if (c->o.topology == LNL_SERVER_SUBNET) {
		snprintf(text, sizeof(text), "ifconfig %s %s", own, mask);
		return add_option(p, text, why);
	}
	snprintf(text, sizeof(text), "ifconfig %s %s", own, other);
	rc = add_option(p, text, why);
	snprintf(text, sizeof(text), "route %s %s", net, mask);
	return rc < 0 ? rc : add_option(p, text, why);
}

static int plan(struct lnl_service *s, struct lnl_pulled *p, struct lnl_reason *why)
{
	static const char *const topologies[] = { "topology net30", "topology p2p",
						  "topology subnet" };
	const struct lnl_service_conf *c = &s->conf;
	char own[LNL_IP_TEXT], other[LNL_IP_TEXT], text[3 * LNL_IP_TEXT];
	struct lnl_why cause = { "" };
	unsigned i;
	int rc;

	lnl_pulled_init(p, false);
	p->tun_mtu = (int)lnl_lanes_mtu(&c->o.lanes, (unsigned)c->o.tun_mtu);
	rc = add_option(p, topologies[c->o.topology], why);
	if (rc == 0 && c->net4.ip.family)
		rc = add_own4(c, p, why);
	if (rc == 0 && c->net6.ip.family) {
		snprintf(text, sizeof(text), "ifconfig-ipv6 %s/%u %s", lnl_ip_text(&c->own6, own),
			 c->net6.bits, lnl_ip_text(&c->own6, other));
		rc = add_option(p, text, why);
	}
	for (i = 0; rc == 0 && i < c->o.n_network; i++)
		rc = add_option(p, c->o.network[i], why);
	if (rc == 0 && lnl_pulled_finish(p, &cause) < 0)
		rc = lnl_reason_set(why, LNL_E_INVAL, "%s", cause.text);
	return rc;
}

/* What the configuration asked not to be done for it is left out. */
static void leave_out(const struct lnl_server_options *o, struct lnl_net *net)
{
	if (o->ifconfig_noexec) {
		net->addr4.ip.family = 0;
		net->addr6.ip.family = 0;
		net->peer4.family = 0;
	}
	if (o->route_noexec)
		net->n_routes = 0;
}

/* ---- the device ---- */

static void warned(void *ctx, const char *text)
{
	struct lnl_service *s = ctx;

	lnl_log(&s->engine->log, LNL_LEVEL_WARN, "net.warning", LNL_F("why", text));
}

static int open_queue(const struct lnl_service *s, const char *name, bool queues,
		      struct lnl_tun *out, struct lnl_reason *why)
{
	struct lnl_tun_conf conf = {
		.name = name,
		.txqueuelen = s->conf.o.txqueuelen,
		.offload = (enum lnl_offload)s->conf.o.offload,
		.queues = queues,
		.node = lnl_process_open_tun(s->engine->process),
	};

	return lnl_tun_open(out, &conf, why);
}

/* What goes on with fewer queues than workers: those without write into another's. */
static void tell_queues(struct lnl_service *s, const char *name, const struct lnl_reason *why)
{
	lnl_log(&s->engine->log, LNL_LEVEL_WARN, "tun.queues_missing", LNL_F("dev", name),
		LNL_F("workers", s->n_workers), LNL_F("why", why->text));
}

/* The first queue; |*queues|: there can be more. */
static int open_first(struct lnl_service *s, struct lnl_tun *out, bool *queues,
		      struct lnl_reason *why)
{
	struct lnl_reason refused;
	int rc;

	*queues = s->n_workers > 1;
	rc = open_queue(s, s->conf.o.dev, *queues, out, why);
	if (rc == 0 || !*queues)
		return rc;
	*queues = false;
	refused = *why;
	rc = open_queue(s, s->conf.o.dev, false, out, why);
	if (rc == 0)
		tell_queues(s, out->name, &refused);
	return rc;
}

/* Gives each worker the device: its own queue, or what it can only write to. */
static int give_queues(struct lnl_service *s, const struct lnl_tun *first, bool queues)
{
	struct lnl_command cmd = { .kind = LNL_CMD_TUN_ADD };
	struct lnl_reason why;
	struct lnl_tun more;
	unsigned i;

	cmd.u.tun.fd = first->fd;
	cmd.u.tun.routed = true;
	cmd.u.tun.offload = first->offload;
	for (i = s->n_workers - 1; i > 0; i--) {
		struct lnl_command other = cmd;

		if (queues && open_queue(s, first->name, true, &more, &why) < 0) {
			queues = false;
			tell_queues(s, first->name, &why);
		}
		other.u.tun.unread = !queues;
		other.u.tun.fd = queues ? more.fd : fcntl(first->fd, F_DUPFD_CLOEXEC, 0);
		if (other.u.tun.fd < 0)
			return LNL_E_SYSTEM;
		lnl_service_command_to(s, i, &other);
	}
	lnl_service_command_to(s, 0, &cmd);
	return 0;
}

static int open_tun(struct lnl_service *s, struct lnl_reason *why)
{
	struct lnl_tun tun;
	bool queues;
	int rc = open_first(s, &tun, &queues, why);

	if (rc < 0)
		return rc;
	rc = lnl_netconf_new(&s->net, tun.name, tun.index, why);
	if (rc == 0) {
		snprintf(s->ifname, sizeof(s->ifname), "%s", tun.name);
		s->tun_open = true;
		rc = give_queues(s, &tun, queues);
	}
	if (rc < 0) {
		close(tun.fd);
		return rc;
	}
	lnl_engine_fit_tun(s->net, tun.offload, s->conf.o.tun_mtu, s->conf.o.mssfix,
			   s->conf.o.mssfix_mtu);
	lnl_engine_tell_tun(s->engine, s->ifname, (enum lnl_offload)s->conf.o.offload, tun.offload);
	return 0;
}

int lnl_service_net_up(struct lnl_service *s, struct lnl_reason *why)
{
	static const struct lnl_addr nowhere;
	struct lnl_pulled *p = calloc(1, sizeof(*p));
	int rc = p ? plan(s, p, why) : LNL_E_NOMEM;

	if (rc == 0)
		rc = open_tun(s, why);
	if (rc == 0) {
		leave_out(&s->conf.o, &p->net);
		rc = lnl_netconf_apply(s->net, &p->net, &nowhere, warned, s, why);
	}
	free(p);
	return rc;
}

void lnl_service_net_down(struct lnl_service *s)
{
	struct lnl_command cmd = { .kind = LNL_CMD_TUN_DEL };

	if (!s->tun_open)
		return;
	lnl_netconf_free(s->net);
	s->net = NULL;
	lnl_service_command(s, &cmd);
	s->tun_open = false;
	lnl_log(&s->engine->log, LNL_LEVEL_INFO, "tun.closed", LNL_F("dev", s->ifname));
}

/* ---- sockets ---- */

static bool is_tcp(enum lnl_proto p)
{
	return p >= LNL_PROTO_TCP;
}

static int family_of(enum lnl_proto p)
{
	if (p == LNL_PROTO_UDP4 || p == LNL_PROTO_TCP4)
		return 4;
	return p == LNL_PROTO_UDP6 || p == LNL_PROTO_TCP6 ? 6 : 0;
}

/* Where to bind: without an address all of them, of IPv6 and IPv4 unless the proto says one. */
static int bind_address(const struct lnl_listen *l, struct lnl_listen_conf *out,
			struct lnl_reason *why)
{
	int family = family_of(l->proto);
	struct lnl_ip ip = { 0 };

	if (!l->address || !*l->address) {
		ip.family = family == 4 ? 4 : 6;
	} else if (lnl_ip_parse(&ip, l->address) < 0) {
		return lnl_reason_set(why, LNL_E_INVAL, "listen: '%s' is no address", l->address);
	} else if (family && family != ip.family) {
		return lnl_reason_set(why, LNL_E_INVAL, "listen: '%s' is no IPv%d address",
				      l->address, family);
	}
	out->v6only = family == 6;
	out->local = lnl_addr_from(&ip, l->port);
	return 0;
}

static void accepted(void *ctx, int fd, const struct lnl_addr *from)
{
	lnl_door_accept(ctx, fd, from);
}

static void accept_failed(void *ctx, const struct lnl_reason *why)
{
	const struct lnl_service *s = ctx;

	lnl_log(&s->engine->log, LNL_LEVEL_WARN, "server.accept_failed", LNL_F("why", why->text));
}

/* A socket for each worker; all of them, or none. */
static int open_sockets(const struct lnl_service *s, const struct lnl_listen_conf *conf, int *fds,
			struct lnl_reason *why)
{
	struct lnl_listen_conf c = *conf;
	socklen_t len = sizeof(c.local.u);
	unsigned n;

	fds[0] = lnl_listen_udp(conf, why);
	if (fds[0] < 0 || s->n_workers == 1)
		return fds[0] < 0 ? fds[0] : 0;
	/* That one was to find out that nobody else has it, which those that share it cannot. */
	getsockname(fds[0], &c.local.u.sa, &len);
	close(fds[0]);
	c.shared = true;
	for (n = 0; n < s->n_workers; n++) {
		int rc = fds[n] = lnl_listen_udp(&c, why);

		if (rc >= 0)
			continue;
		while (n > 0)
			close(fds[--n]);
		return rc;
	}
	return 0;
}

static int listen_udp(struct lnl_service *s, const struct lnl_listen_conf *conf,
		      struct lnl_reason *why)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	int fds[LNL_WORKERS_MAX];
	int rc = open_sockets(s, conf, fds, why);
	unsigned i;

	if (rc < 0)
		return rc;
	cmd.u.link.kind = LNL_LINK_UDP;
	cmd.u.link.peer = LNL_PEER_ID_NONE;
	cmd.u.link.many = true;
	cmd.u.link.offload = (enum lnl_offload)s->conf.o.offload;
	s->next_link++;
	for (i = 0; i < s->n_workers; i++) {
		cmd.u.link.id = lnl_service_link(s, s->next_link, i);
		cmd.u.link.fd = fds[i];
		lnl_service_command(s, &cmd);
	}
	return 0;
}

static int open_socket(struct lnl_service *s, bool tcp, const struct lnl_listen_conf *conf,
		       struct lnl_reason *why)
{
	struct lnl_listener *l = &s->listeners[s->n_listeners];
	int rc;

	if (!tcp)
		return listen_udp(s, conf, why);
	lnl_listener_init(l);
	rc = lnl_listen_tcp(l, s->engine->loop, conf, accepted, accept_failed, s, why);
	s->n_listeners += rc == 0;
	return rc;
}

static int listen_one(struct lnl_service *s, const struct lnl_listen *l, struct lnl_reason *why)
{
	static const struct lnl_ip any4 = { .family = 4 };
	const struct lnl_server_options *o = &s->conf.o;
	struct lnl_listen_conf conf = {
		.helper = s->engine->process,
		.socket = { .bind_dev = o->bind_dev,
			    .mark = o->mark,
			    .sndbuf = o->sndbuf,
			    .rcvbuf = o->rcvbuf,
			    .mtu_disc = -1,
			    .tcp_nodelay = o->tcp_nodelay },
	};
	bool anywhere = (!l->address || !*l->address) && family_of(l->proto) == 0;
	char address[LNL_ADDR_TEXT];
	int rc = bind_address(l, &conf, why);

	if (rc == 0)
		rc = open_socket(s, is_tcp(l->proto), &conf, why);
	/* Everywhere is everywhere that there is: many a machine has its IPv6 switched off. */
	if (rc == LNL_E_UNSUPPORTED && anywhere) {
		conf.local = lnl_addr_from(&any4, l->port);
		rc = open_socket(s, is_tcp(l->proto), &conf, why);
	}
	if (rc == 0)
		lnl_log(&s->engine->log, LNL_LEVEL_INFO, "server.listening",
			LNL_F("address", lnl_addr_text(&conf.local, address)),
			LNL_F("proto", is_tcp(l->proto) ? "tcp" : "udp"));
	return rc;
}

int lnl_service_listen(struct lnl_service *s, struct lnl_reason *why)
{
	unsigned i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->conf.o.n_listen; i++)
		rc = listen_one(s, &s->conf.o.listen[i], why);
	return rc;
}
