/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST 1024  /* bytes of the longest request */
#define ANSWER	32768 /* of one datagram of an answer */

struct lnl_netlink {
	struct mnl_socket *socket;
	unsigned seq;
	char cause[256];
	_Alignas(8) char request[REQUEST];
	_Alignas(8) char answer[ANSWER];
};

typedef int each_message(void *ctx, const struct nlmsghdr *nlh);

int lnl_netlink_new(struct lnl_netlink **out)
{
	struct lnl_netlink *nl = calloc(1, sizeof(*nl));
	int on = 1;
	int err;

	if (nl == NULL)
		return -ENOMEM;
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl->socket == NULL || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = errno;
		lnl_netlink_free(nl);
		return -err;
	}
	/* Old kernels have neither: then causes are errnos, and dumps are filtered here alone. */
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	*out = nl;
	return 0;
}

void lnl_netlink_free(struct lnl_netlink *nl)
{
	if (nl == NULL)
		return;
	if (nl->socket != NULL)
		mnl_socket_close(nl->socket);
	free(nl);
}

const char *lnl_netlink_cause(const struct lnl_netlink *nl)
{
	return nl->cause;
}

/* ---- talking ---- */

static void set_cause(struct lnl_netlink *nl, int err, const char *words)
{
	char text[128];
	const char *name = strerror_r(err, text, sizeof(text));

	if (words != NULL)
		snprintf(nl->cause, sizeof(nl->cause), "%s (%s)", words, name);
	else
		snprintf(nl->cause, sizeof(nl->cause), "%s", name);
}

/* Attributes of |len| bytes at |base| by type, up to |max|; the last of a type counts. */
static void index_bytes(const uint8_t *base, size_t len, const struct nlattr **out, unsigned max)
{
	size_t at = 0;

	memset(out, 0, (max + 1) * sizeof(*out));
	while (len - at >= sizeof(struct nlattr)) {
		const struct nlattr *attr = (const void *)(base + at);
		unsigned type = attr->nla_type & NLA_TYPE_MASK;

		if (attr->nla_len < sizeof(*attr) || attr->nla_len > len - at)
			return;
		if (type <= max)
			out[type] = attr;
		at += MNL_ALIGN(attr->nla_len);
		if (at > len)
			return;
	}
}

/* Those of a message behind its family header of |skip| bytes. */
static void index_attrs(const struct nlmsghdr *nlh, size_t skip, const struct nlattr **out,
			unsigned max)
{
	const uint8_t *base = mnl_nlmsg_get_payload(nlh);
	size_t len = mnl_nlmsg_get_payload_len(nlh);

	skip = MNL_ALIGN(skip);
	if (skip > len)
		skip = len;
	index_bytes(base + skip, len - skip, out, max);
}

/* The kernel's sentence in an error message, or NULL. */
static const char *words_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[NLMSGERR_ATTR_MSG + 1];
	size_t skip = sizeof(*err);

	if ((nlh->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
		return NULL;
	/* The request comes back before the attributes, unless the kernel was asked to cut it. */
	if ((nlh->nlmsg_flags & NLM_F_CAPPED) == 0)
		skip += err->msg.nlmsg_len - sizeof(err->msg);
	index_attrs(nlh, skip, attrs, NLMSGERR_ATTR_MSG);
	if (attrs[NLMSGERR_ATTR_MSG] == NULL ||
	    mnl_attr_validate(attrs[NLMSGERR_ATTR_MSG], MNL_TYPE_NUL_STRING) < 0)
		return NULL;
	return mnl_attr_get_str(attrs[NLMSGERR_ATTR_MSG]);
}

/* 0: the answer is complete; 1: more follows; or a negative errno. */
static int take_message(struct lnl_netlink *nl, const struct nlmsghdr *nlh, each_message *each,
			void *ctx)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type == NLMSG_DONE)
		return 0;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
			return -EBADMSG;
		if (err->error != 0)
			set_cause(nl, -err->error, words_of(nlh));
		return err->error;
	}
	if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && each != NULL)
		each(ctx, nlh);
	return 1;
}

static int take_answer(struct lnl_netlink *nl, each_message *each, void *ctx)
{
	int rc = 1;

	while (rc == 1) {
		ssize_t n = mnl_socket_recvfrom(nl->socket, nl->answer, sizeof(nl->answer));
		const struct nlmsghdr *nlh = (const void *)nl->answer;
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			set_cause(nl, errno, NULL);
			return -errno;
		}
		for (; rc == 1 && mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			if (nlh->nlmsg_seq == nl->seq)
				rc = take_message(nl, nlh, each, ctx);
	}
	return rc;
}

static struct nlmsghdr *begin(struct lnl_netlink *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->request);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

static int talk(struct lnl_netlink *nl, struct nlmsghdr *nlh, each_message *each, void *ctx)
{
	/* An answer of one message has no end of its own: the acknowledgement is its. */
	if ((nlh->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) < 0) {
		set_cause(nl, errno, NULL);
		return -errno;
	}
	return take_answer(nl, each, ctx);
}

/* ---- attributes ---- */

static uint8_t family_of(const struct lnl_ip *ip)
{
	return ip->family == 6 ? AF_INET6 : AF_INET;
}

static size_t len_of(const struct lnl_ip *ip)
{
	return ip->family == 6 ? 16 : 4;
}

static void put_ip(struct nlmsghdr *nlh, uint16_t type, const struct lnl_ip *ip)
{
	mnl_attr_put(nlh, type, len_of(ip), ip->bytes);
}

/* An address of |family| in an attribute; others are left as they are. */
static void get_ip(const struct nlattr *attr, int family, struct lnl_ip *out)
{
	size_t len = family == AF_INET6 ? 16 : 4;

	if (attr == NULL || mnl_attr_get_payload_len(attr) < len)
		return;
	out->family = family == AF_INET6 ? 6 : 4;
	memcpy(out->bytes, mnl_attr_get_payload(attr), len);
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) >= 4 ? mnl_attr_get_u32(attr) : 0;
}

/* ---- links ---- */

static int read_link(void *ctx, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[IFLA_MTU + 1];
	struct lnl_nl_link *out = ctx;

	index_attrs(nlh, sizeof(*ifi), attrs, IFLA_MTU);
	out->index = (unsigned)ifi->ifi_index;
	out->up = (ifi->ifi_flags & IFF_UP) != 0;
	out->mtu = get_u32(attrs[IFLA_MTU]);
	if (attrs[IFLA_IFNAME] != NULL)
		snprintf(out->name, sizeof(out->name), "%s", mnl_attr_get_str(attrs[IFLA_IFNAME]));
	return 0;
}

int lnl_netlink_link(struct lnl_netlink *nl, const char *name, unsigned index,
		     struct lnl_nl_link *out)
{
	struct nlmsghdr *nlh = begin(nl, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	memset(out, 0, sizeof(*out));
	ifi->ifi_index = (int)index;
	if (name != NULL)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return talk(nl, nlh, read_link, out);
}

int lnl_netlink_set_up(struct lnl_netlink *nl, unsigned index, bool up)
{
	struct nlmsghdr *nlh = begin(nl, RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return talk(nl, nlh, NULL, NULL);
}

int lnl_netlink_set_mtu(struct lnl_netlink *nl, unsigned index, unsigned mtu)
{
	struct nlmsghdr *nlh = begin(nl, RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return talk(nl, nlh, NULL, NULL);
}

int lnl_netlink_set_segments(struct lnl_netlink *nl, unsigned index, unsigned n)
{
	struct nlmsghdr *nlh = begin(nl, RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	mnl_attr_put_u32(nlh, IFLA_GSO_MAX_SEGS, n);
	return talk(nl, nlh, NULL, NULL);
}

/* ---- addresses ---- */

static struct nlmsghdr *address(struct lnl_netlink *nl, uint16_t type, uint16_t flags,
				const struct lnl_nl_address *a)
{
	struct nlmsghdr *nlh = begin(nl, type, flags);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	const struct lnl_ip *ip = &a->prefix.ip;

	ifa->ifa_family = family_of(ip);
	ifa->ifa_index = a->index;
	ifa->ifa_prefixlen = a->peer.family != 0 ? (uint8_t)(len_of(ip) * 8) : a->prefix.bits;
	put_ip(nlh, IFA_LOCAL, ip);
	put_ip(nlh, IFA_ADDRESS, a->peer.family != 0 ? &a->peer : ip);
	return nlh;
}

int lnl_netlink_add_address(struct lnl_netlink *nl, const struct lnl_nl_address *a)
{
	struct nlmsghdr *nlh = address(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, a);
	struct lnl_ip broadcast = a->prefix.ip;
	struct lnl_ip mask;

	if (a->prefix.ip.family == 6) {
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
	} else if (a->peer.family == 0 && a->prefix.bits < 31) {
		mask = lnl_netmask(a->prefix.bits);
		for (unsigned i = 0; i < 4; i++)
			broadcast.bytes[i] |= (uint8_t)~mask.bytes[i];
		put_ip(nlh, IFA_BROADCAST, &broadcast);
	}
	return talk(nl, nlh, NULL, NULL);
}

int lnl_netlink_del_address(struct lnl_netlink *nl, const struct lnl_nl_address *a)
{
	return talk(nl, address(nl, RTM_DELADDR, 0, a), NULL, NULL);
}

struct address_walk {
	unsigned index;
	void *ctx;
	void (*each)(void *ctx, const struct lnl_nl_address *a);
};

static int read_address(void *ctx, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[IFA_LOCAL + 1];
	struct address_walk *walk = ctx;
	struct lnl_nl_address a = { .index = ifa->ifa_index };

	if (ifa->ifa_index != walk->index)
		return 0;
	index_attrs(nlh, sizeof(*ifa), attrs, IFA_LOCAL);
	get_ip(attrs[IFA_ADDRESS], ifa->ifa_family, &a.prefix.ip);
	/* With a peer, that is what IFA_ADDRESS holds. */
	if (attrs[IFA_LOCAL] != NULL) {
		a.peer = a.prefix.ip;
		get_ip(attrs[IFA_LOCAL], ifa->ifa_family, &a.prefix.ip);
		if (lnl_ip_equal(&a.peer, &a.prefix.ip))
			a.peer.family = 0;
	}
	a.prefix.bits = ifa->ifa_prefixlen;
	walk->each(walk->ctx, &a);
	return 0;
}

int lnl_netlink_addresses(struct lnl_netlink *nl, int family, unsigned index, void *ctx,
			  void (*each)(void *ctx, const struct lnl_nl_address *a))
{
	struct nlmsghdr *nlh = begin(nl, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	struct address_walk walk = { index, ctx, each };

	ifa->ifa_family = family == 6 ? AF_INET6 : AF_INET;
	return talk(nl, nlh, read_address, &walk);
}

/* ---- routes ---- */

static uint8_t type_of(enum lnl_nl_kind kind)
{
	if (kind == LNL_NL_UNREACHABLE)
		return RTN_UNREACHABLE;
	return kind == LNL_NL_BLACKHOLE ? RTN_BLACKHOLE : RTN_UNICAST;
}

static enum lnl_nl_kind kind_of(uint8_t type)
{
	switch (type) {
	case RTN_UNICAST:
		return LNL_NL_UNICAST;
	case RTN_UNREACHABLE:
		return LNL_NL_UNREACHABLE;
	case RTN_BLACKHOLE:
		return LNL_NL_BLACKHOLE;
	case RTN_LOCAL:
		return LNL_NL_LOCAL;
	default:
		return LNL_NL_OTHER;
	}
}

/* An IPv4 route by an IPv6 gateway has an attribute of its own: the family, then the address. */
static void put_gateway(struct nlmsghdr *nlh, const struct lnl_nl_route *r)
{
	const uint16_t family = AF_INET6;
	uint8_t via[sizeof(family) + 16];

	if (r->gateway.family == r->dst.ip.family) {
		put_ip(nlh, RTA_GATEWAY, &r->gateway);
	} else if (r->gateway.family == 6) {
		memcpy(via, &family, sizeof(family));
		memcpy(via + sizeof(family), r->gateway.bytes, 16);
		mnl_attr_put(nlh, RTA_VIA, sizeof(via), via);
	}
}

static struct nlmsghdr *route(struct lnl_netlink *nl, uint16_t type, uint16_t flags,
			      const struct lnl_nl_route *r)
{
	struct nlmsghdr *nlh = begin(nl, type, flags);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	bool link = r->kind == LNL_NL_UNICAST && r->gateway.family == 0;

	rtm->rtm_family = family_of(&r->dst.ip);
	rtm->rtm_dst_len = r->dst.bits;
	rtm->rtm_table = RT_TABLE_UNSPEC;
	rtm->rtm_type = type_of(r->kind);
	if (type == RTM_NEWROUTE) {
		rtm->rtm_protocol = RTPROT_STATIC;
		rtm->rtm_scope = link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
		rtm->rtm_flags = r->onlink ? RTNH_F_ONLINK : 0;
	} else {
		rtm->rtm_scope = RT_SCOPE_NOWHERE; /* of any */
	}
	mnl_attr_put_u32(nlh, RTA_TABLE, r->table != 0 ? r->table : RT_TABLE_MAIN);
	if (r->dst.bits > 0)
		put_ip(nlh, RTA_DST, &r->dst.ip);
	put_gateway(nlh, r);
	if (r->index != 0)
		mnl_attr_put_u32(nlh, RTA_OIF, r->index);
	if (r->metric != 0)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, r->metric);
	return nlh;
}

int lnl_netlink_add_route(struct lnl_netlink *nl, const struct lnl_nl_route *r, bool replace)
{
	uint16_t how = replace ? NLM_F_REPLACE : NLM_F_EXCL;

	return talk(nl, route(nl, RTM_NEWROUTE, NLM_F_CREATE | how, r), NULL, NULL);
}

int lnl_netlink_del_route(struct lnl_netlink *nl, const struct lnl_nl_route *r)
{
	return talk(nl, route(nl, RTM_DELROUTE, 0, r), NULL, NULL);
}

static void read_hop(const struct nlattr *attr, int family, struct lnl_nl_route *r)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	const struct nlattr *attrs[RTA_GATEWAY + 1];

	if (mnl_attr_get_payload_len(attr) < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
	    mnl_attr_get_payload_len(attr) < hop->rtnh_len)
		return;
	r->index = (unsigned)hop->rtnh_ifindex;
	index_bytes((const uint8_t *)(hop + 1), hop->rtnh_len - sizeof(*hop), attrs, RTA_GATEWAY);
	get_ip(attrs[RTA_GATEWAY], family, &r->gateway);
}

static void parse_route(const struct nlmsghdr *nlh, struct lnl_nl_route *r)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[RTA_VIA + 1];
	const struct rtvia *via;

	memset(r, 0, sizeof(*r));
	index_attrs(nlh, sizeof(*rtm), attrs, RTA_VIA);
	r->dst.ip.family = rtm->rtm_family == AF_INET6 ? 6 : 4;
	r->dst.bits = rtm->rtm_dst_len;
	r->kind = kind_of(rtm->rtm_type);
	r->table = attrs[RTA_TABLE] != NULL ? get_u32(attrs[RTA_TABLE]) : rtm->rtm_table;
	r->index = get_u32(attrs[RTA_OIF]);
	r->metric = get_u32(attrs[RTA_PRIORITY]);
	get_ip(attrs[RTA_DST], rtm->rtm_family, &r->dst.ip);
	get_ip(attrs[RTA_GATEWAY], rtm->rtm_family, &r->gateway);
	get_ip(attrs[RTA_PREFSRC], rtm->rtm_family, &r->source);
	if (attrs[RTA_MULTIPATH] != NULL)
		read_hop(attrs[RTA_MULTIPATH], rtm->rtm_family, r);
	if (attrs[RTA_VIA] != NULL &&
	    mnl_attr_get_payload_len(attrs[RTA_VIA]) >= sizeof(*via) + 16) {
		via = mnl_attr_get_payload(attrs[RTA_VIA]);
		if (via->rtvia_family == AF_INET6) {
			r->gateway.family = 6;
			memcpy(r->gateway.bytes, via->rtvia_addr, 16);
		}
	}
}

static int read_one_route(void *ctx, const struct nlmsghdr *nlh)
{
	parse_route(nlh, ctx);
	return 0;
}

int lnl_netlink_route_to(struct lnl_netlink *nl, const struct lnl_ip *ip, struct lnl_nl_route *out)
{
	struct nlmsghdr *nlh = begin(nl, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int rc;

	memset(out, 0, sizeof(*out));
	rtm->rtm_family = family_of(ip);
	rtm->rtm_dst_len = (uint8_t)(len_of(ip) * 8);
	put_ip(nlh, RTA_DST, ip);
	rc = talk(nl, nlh, read_one_route, out);
	/* IPv6 answers with an unreachable route instead of an error. */
	if (rc == 0 && out->kind != LNL_NL_UNICAST && out->kind != LNL_NL_LOCAL) {
		set_cause(nl, ENETUNREACH, NULL);
		return -ENETUNREACH;
	}
	return rc;
}

struct route_walk {
	void *ctx;
	void (*each)(void *ctx, const struct lnl_nl_route *r, const struct nlmsghdr *raw);
};

static int read_route(void *ctx, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct route_walk *walk = ctx;
	struct lnl_nl_route r;

	/* What the kernel remembers of one host's path is no route. */
	if (nlh->nlmsg_type != RTM_NEWROUTE || (rtm->rtm_flags & RTM_F_CLONED) != 0)
		return 0;
	parse_route(nlh, &r);
	if (r.table == RT_TABLE_MAIN || r.table == RT_TABLE_LOCAL)
		walk->each(walk->ctx, &r, nlh);
	return 0;
}

int lnl_netlink_routes(struct lnl_netlink *nl, int family, void *ctx,
		       void (*each)(void *ctx, const struct lnl_nl_route *r,
				    const struct nlmsghdr *raw))
{
	struct nlmsghdr *nlh = begin(nl, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct route_walk walk = { ctx, each };

	rtm->rtm_family = family == 6 ? AF_INET6 : AF_INET;
	return talk(nl, nlh, read_route, &walk);
}

/* Sends back what a dump showed, as a request. */
static int resend(struct lnl_netlink *nl, const struct nlmsghdr *raw, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = (void *)nl->request;
	struct rtmsg *rtm;

	if (raw->nlmsg_len > sizeof(nl->request)) {
		set_cause(nl, EMSGSIZE, NULL);
		return -EMSGSIZE;
	}
	memcpy(nlh, raw, raw->nlmsg_len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++nl->seq;
	nlh->nlmsg_pid = 0;
	/* What a dump says of the link's state cannot be said in a request. */
	rtm = mnl_nlmsg_get_payload(nlh);
	rtm->rtm_flags &= RTNH_F_ONLINK;
	return talk(nl, nlh, NULL, NULL);
}

int lnl_netlink_remove(struct lnl_netlink *nl, const struct nlmsghdr *raw)
{
	return resend(nl, raw, RTM_DELROUTE, 0);
}

int lnl_netlink_restore(struct lnl_netlink *nl, const struct nlmsghdr *raw)
{
	return resend(nl, raw, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
}

struct default_search {
	unsigned skip;
	bool found;
	struct lnl_nl_route *best;
};

static void compare_default(void *ctx, const struct lnl_nl_route *r, const struct nlmsghdr *raw)
{
	struct default_search *s = ctx;

	(void)raw;
	if (r->dst.bits != 0 || r->kind != LNL_NL_UNICAST || r->table != RT_TABLE_MAIN ||
	    (s->skip != 0 && r->index == s->skip))
		return;
	if (s->found && s->best->metric <= r->metric)
		return;
	*s->best = *r;
	s->found = true;
}

int lnl_netlink_default(struct lnl_netlink *nl, int family, unsigned skip, struct lnl_nl_route *out)
{
	struct default_search s = { .skip = skip, .best = out };
	int rc;

	memset(out, 0, sizeof(*out));
	rc = lnl_netlink_routes(nl, family, &s, compare_default);
	if (rc == 0 && !s.found) {
		set_cause(nl, ESRCH, "no default route");
		rc = -ESRCH;
	}
	return rc;
}
