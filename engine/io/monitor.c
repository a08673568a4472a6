/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/monitor.h"

#include <errno.h>
#include <ev.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER 0.2 /* seconds in which what belongs together comes */
#define LINKS	 256 /* whose state is known; of others each message is a change */
#define TURNS	 16  /* datagrams of the kernel's, before others have their turn */
#define ANSWER	 32768

struct known {
	unsigned index;
	bool up;
	char name[IFNAMSIZ];
};

struct lnl_monitor {
	struct ev_loop *loop;
	struct mnl_socket *socket;
	struct ev_io readable;
	struct ev_timer timer;
	bool asking; /* the links that are there already are told */
	lnl_monitor_changed *changed;
	void *ctx;
	struct known links[LINKS];
	unsigned n_links;
	struct lnl_change changes[LNL_MONITOR_MOST];
	unsigned n;
	_Alignas(8) char answer[ANSWER];
};

/* ---- what changed ---- */

static void add(struct lnl_monitor *m, const struct lnl_change *c)
{
	if (m->n == 0)
		ev_timer_again(m->loop, &m->timer);
	if (m->n == LNL_MONITOR_MOST || (c->kind == LNL_CHANGE_LOST && m->n > 0 &&
					 m->changes[m->n - 1].kind == LNL_CHANGE_LOST))
		return;
	if (m->n == LNL_MONITOR_MOST - 1)
		m->changes[m->n++] = (struct lnl_change){ .kind = LNL_CHANGE_LOST };
	else
		m->changes[m->n++] = *c;
}

static void add_lost(struct lnl_monitor *m)
{
	add(m, &(struct lnl_change){ .kind = LNL_CHANGE_LOST });
}

static void told(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct lnl_monitor *m = timer->data;
	unsigned n = m->n;

	(void)revents;
	ev_timer_stop(loop, timer);
	m->n = 0;
	if (n > 0)
		m->changed(m->ctx, m->changes, n);
}

/* ---- links ---- */

static struct known *find(struct lnl_monitor *m, unsigned index)
{
	for (unsigned i = 0; i < m->n_links; i++)
		if (m->links[i].index == index)
			return &m->links[i];
	return NULL;
}

static void forget(struct lnl_monitor *m, struct known *k)
{
	*k = m->links[--m->n_links];
}

/* The attributes that are looked at have small numbers. */
#define ATTRIBUTES 32

struct attributes {
	const struct nlattr *at[ATTRIBUTES];
};

static int take_attribute(const struct nlattr *a, void *data)
{
	struct attributes *all = data;
	unsigned type = mnl_attr_get_type(a);

	if (type < ATTRIBUTES)
		all->at[type] = a;
	return MNL_CB_OK;
}

static void copy_name(char out[IFNAMSIZ], const struct nlattr *a)
{
	size_t len = a ? mnl_attr_get_payload_len(a) : 0;

	memset(out, 0, IFNAMSIZ);
	if (len > 0)
		memcpy(out, mnl_attr_get_payload(a), len < IFNAMSIZ ? len : IFNAMSIZ - 1);
}

static void take_link(struct lnl_monitor *m, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct lnl_change c = { .kind = LNL_CHANGE_LINK, .gone = h->nlmsg_type == RTM_DELLINK };
	unsigned index = (unsigned)info->ifi_index;
	struct attributes a = { { NULL } };
	struct known *k = find(m, index);

	mnl_attr_parse(h, sizeof(*info), take_attribute, &a);
	copy_name(c.ifname, a.at[IFLA_IFNAME]);
	/* Running says that there is a cable, or a Wi-Fi. */
	c.up = !c.gone && (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	if (k && !c.gone && k->up == c.up && strcmp(k->name, c.ifname) == 0)
		return;
	if (c.gone && k)
		forget(m, k);
	if (!c.gone && !k && m->n_links < LINKS)
		k = &m->links[m->n_links++];
	if (!c.gone && k)
		*k = (struct known){ .index = index, .up = c.up };
	if (!c.gone && k)
		memcpy(k->name, c.ifname, IFNAMSIZ);
	if (!m->asking)
		add(m, &c);
}

/* ---- addresses and routes ---- */

/* Of |family| (AF_*), from an attribute of just its length; family 0 when it is none. */
static struct lnl_ip take_ip(int family, const struct nlattr *a)
{
	struct lnl_ip ip = { .family = family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0 };
	size_t len = ip.family == 4 ? 4 : 16;

	if (!a || ip.family == 0 || mnl_attr_get_payload_len(a) != len)
		return (struct lnl_ip){ 0 };
	memcpy(ip.bytes, mnl_attr_get_payload(a), len);
	return ip;
}

static void name_link(struct lnl_monitor *m, unsigned index, char out[IFNAMSIZ])
{
	const struct known *k = find(m, index);

	if (k)
		memcpy(out, k->name, IFNAMSIZ);
	else if (!if_indextoname(index, out))
		out[0] = '\0';
}

static void take_address(struct lnl_monitor *m, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(h);
	struct lnl_change c = { .kind = LNL_CHANGE_ADDRESS, .gone = h->nlmsg_type == RTM_DELADDR };
	struct attributes a = { { NULL } };

	mnl_attr_parse(h, sizeof(*info), take_attribute, &a);
	/* Of point to point, IFA_ADDRESS is the other end. An IPv6 address that is still tried is none. */
	c.prefix.ip = take_ip(info->ifa_family, a.at[a.at[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS]);
	c.prefix.bits = info->ifa_prefixlen;
	if (c.prefix.ip.family == 0 || (!c.gone && (info->ifa_flags & IFA_F_TENTATIVE)))
		return;
	name_link(m, info->ifa_index, c.ifname);
	add(m, &c);
}

static void take_route(struct lnl_monitor *m, const struct nlmsghdr *h)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(h);
	struct lnl_change c = { .kind = LNL_CHANGE_DEFAULT, .gone = h->nlmsg_type == RTM_DELROUTE };
	struct attributes a = { { NULL } };

	if (info->rtm_dst_len != 0 || info->rtm_table != RT_TABLE_MAIN ||
	    (info->rtm_flags & RTM_F_CLONED) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return;
	mnl_attr_parse(h, sizeof(*info), take_attribute, &a);
	c.prefix.ip.family = info->rtm_family == AF_INET ? 4 : 6;
	c.gateway = take_ip(info->rtm_family, a.at[RTA_GATEWAY]);
	if (a.at[RTA_OIF] && mnl_attr_validate(a.at[RTA_OIF], MNL_TYPE_U32) == 0)
		name_link(m, mnl_attr_get_u32(a.at[RTA_OIF]), c.ifname);
	add(m, &c);
}

static int take(const struct nlmsghdr *h, void *data)
{
	struct lnl_monitor *m = data;
	size_t len = mnl_nlmsg_get_payload_len(h);

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (len >= sizeof(struct ifinfomsg))
			take_link(m, h);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (len >= sizeof(struct ifaddrmsg))
			take_address(m, h);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (len >= sizeof(struct rtmsg))
			take_route(m, h);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* What ends an answer has no callback of its own here: each message is looked at by itself. */
static void take_all(struct lnl_monitor *m, int len)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)m->answer;

	while (mnl_nlmsg_ok(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			m->asking = false;
		else
			take(h, m);
		h = mnl_nlmsg_next(h, &len);
	}
}

static void readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_monitor *m = io->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < TURNS; i++) {
		ssize_t n = mnl_socket_recvfrom(m->socket, m->answer, sizeof(m->answer));

		if (n > 0)
			take_all(m, (int)n);
		else if (n < 0 && errno == ENOBUFS)
			add_lost(m);
		else if (n == 0 || errno != EINTR)
			return;
	}
}

/* ---- beginning and end ---- */

static int ask_links(struct lnl_monitor *m)
{
	_Alignas(8) char request[128];
	struct nlmsghdr *h = mnl_nlmsg_put_header(request);
	struct ifinfomsg *info;

	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	if (mnl_socket_sendto(m->socket, h, h->nlmsg_len) < 0)
		return -errno;
	/* The kernel writes its answer as it is read: nothing is waited for. */
	for (m->asking = true; m->asking;) {
		ssize_t n = mnl_socket_recvfrom(m->socket, m->answer, sizeof(m->answer));

		if (n > 0)
			take_all(m, (int)n);
		else if (n == 0 || errno != EINTR)
			return n < 0 ? -errno : -EPIPE;
	}
	return 0;
}

static int open_socket(struct lnl_monitor *m)
{
	const unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

	m->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->socket || mnl_socket_bind(m->socket, groups, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return ask_links(m);
}

int lnl_monitor_new(struct lnl_monitor **out, struct ev_loop *loop, lnl_monitor_changed *changed,
		    void *ctx, struct lnl_reason *why)
{
	struct lnl_monitor *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	m->loop = loop;
	m->changed = changed;
	m->ctx = ctx;
	ev_init(&m->timer, told);
	ev_init(&m->readable, readable);
	rc = open_socket(m);
	if (rc < 0) {
		lnl_reason_set(why, LNL_E_SYSTEM, "the network cannot be watched: %s",
			       strerror(-rc));
		lnl_monitor_free(m);
		return LNL_E_SYSTEM;
	}
	m->timer.repeat = TOGETHER;
	m->timer.data = m;
	ev_io_set(&m->readable, mnl_socket_get_fd(m->socket), EV_READ);
	m->readable.data = m;
	ev_io_start(loop, &m->readable);
	ev_unref(loop);
	*out = m;
	return 0;
}

void lnl_monitor_free(struct lnl_monitor *m)
{
	if (!m)
		return;
	if (ev_is_active(&m->readable)) {
		ev_ref(m->loop);
		ev_io_stop(m->loop, &m->readable);
	}
	ev_timer_stop(m->loop, &m->timer);
	if (m->socket)
		mnl_socket_close(m->socket);
	free(m);
}
