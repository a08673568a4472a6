/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses, routes and gateways among the network options. */
#include <string.h>

#include "control/push_part.h"

/* What OpenVPN takes for ifconfig-ipv6 (options.c). */
#define IFCONFIG6_BITS_MIN 64
#define IFCONFIG6_BITS_MAX 124

static bool is_word(const char *word, const char *name)
{
	return strcmp(word, name) == 0;
}

static bool parse_family(struct lnl_ip *out, const char *text, unsigned family)
{
	return lnl_ip_parse(out, text) == 0 && out->family == family;
}

/* Whether |ip| can be a host's: no server may make a tunnel address of loopback or multicast. */
static bool is_host(const struct lnl_ip *ip)
{
	static const uint8_t zero[16];
	const uint8_t *b = ip->bytes;

	if (ip->family == 4)
		return b[0] != 0 && b[0] != 127 && b[0] < 224;
	return b[0] != 0xff && (memcmp(b, zero, 15) != 0 || b[15] > 1);
}

/* --- addresses --- */

int lnl_push_ifconfig(struct lnl_push *x)
{
	struct lnl_ip local, remote;

	if (!parse_family(&local, x->o->word[1], 4) || !parse_family(&remote, x->o->word[2], 4))
		return lnl_push_fail(x, LNL_E_FORMAT, "two IPv4 addresses are expected");
	if (!is_host(&local))
		return lnl_push_fail(x, LNL_E_INVAL, "the address is no host's");
	x->p->ifconfig_local = local;
	x->p->ifconfig_remote = remote;
	x->p->has_ifconfig = true;
	return 0;
}

int lnl_push_ifconfig6(struct lnl_push *x)
{
	struct lnl_prefix local;
	struct lnl_ip remote;

	if (lnl_prefix_parse(&local, x->o->word[1]) != 0 || local.ip.family != 6 ||
	    !parse_family(&remote, x->o->word[2], 6))
		return lnl_push_fail(x, LNL_E_FORMAT,
				     "an IPv6 prefix and an IPv6 address are expected");
	if (local.bits < IFCONFIG6_BITS_MIN || local.bits > IFCONFIG6_BITS_MAX)
		return lnl_push_fail(x, LNL_E_INVAL, "64 to 124 bits are expected");
	if (!is_host(&local.ip) || !is_host(&remote))
		return lnl_push_fail(x, LNL_E_INVAL, "the address is no host's");
	x->p->net.addr6 = local;
	x->p->net.gateway6 = remote;
	x->p->has_ifconfig6 = true;
	return 0;
}

int lnl_push_route_gateway(struct lnl_push *x)
{
	struct lnl_ip ip;

	if (is_word(x->o->word[1], "dhcp"))
		return lnl_push_fail(x, LNL_E_INVAL,
				     "no DHCP client runs here: set the gateway's address");
	if (!parse_family(&ip, x->o->word[1], 4))
		return lnl_push_fail(x, LNL_E_FORMAT, "an IPv4 address is expected");
	if (!is_host(&ip))
		return lnl_push_fail(x, LNL_E_INVAL, "the address is no host's");
	x->p->route_gateway = ip;
	return 0;
}

int lnl_push_route_gateway6(struct lnl_push *x)
{
	struct lnl_ip ip;

	if (!parse_family(&ip, x->o->word[1], 6))
		return lnl_push_fail(x, LNL_E_FORMAT, "an IPv6 address is expected");
	if (!is_host(&ip))
		return lnl_push_fail(x, LNL_E_INVAL, "the address is no host's");
	x->p->route_gateway6 = ip;
	return 0;
}

/* --- routes --- */

static bool is_given(const char *word)
{
	return word && !is_word(word, "default");
}

/* |word| is neither an address nor a keyword; who answers for a name may be the server itself. */
static int fail_address(struct lnl_push *x, const char *word)
{
	for (; *word; word++)
		if ((*word >= 'g' && *word <= 'z') || (*word >= 'G' && *word <= 'Z'))
			return lnl_push_fail(
				x, LNL_E_FORMAT,
				"host names in pushed routes are not resolved: give the address");
	return lnl_push_fail(x, LNL_E_FORMAT, "it holds no address of the right family");
}

static int take_network(struct lnl_push *x, struct lnl_route *r)
{
	const char *word = x->o->word[1];

	if (is_word(word, "remote_host"))
		r->to = LNL_TO_REMOTE;
	else if (is_word(word, "vpn_gateway"))
		r->to = LNL_TO_GATEWAY;
	else if (is_word(word, "net_gateway"))
		return lnl_push_fail(x, LNL_E_INVAL, "net_gateway is no destination here");
	else if (!parse_family(&r->dst.ip, word, 4))
		return fail_address(x, word);
	return 0;
}

static int take_netmask(struct lnl_push *x, struct lnl_route *r)
{
	const char *word = lnl_push_word(x, 2);
	struct lnl_ip mask;
	int bits = 32;

	if (is_given(word)) {
		if (!parse_family(&mask, word, 4))
			return lnl_push_fail(x, LNL_E_FORMAT, "the netmask is no IPv4 address");
		bits = lnl_netmask_bits(&mask);
		if (bits < 0)
			return lnl_push_fail(x, LNL_E_FORMAT, "the netmask has holes");
	}
	r->dst.bits = (uint8_t)bits;
	return 0;
}

static int take_gateway(struct lnl_push *x, const char *word, unsigned family, struct lnl_route *r)
{
	bool v6 = family == 6;

	if (!is_given(word) || is_word(word, v6 ? "vpn_gateway_ipv6" : "vpn_gateway"))
		r->via = LNL_VIA_TUNNEL;
	else if (is_word(word, v6 ? "net_gateway_ipv6" : "net_gateway"))
		r->via = LNL_VIA_NET_GATEWAY;
	else if (is_word(word, "remote_host"))
		return lnl_push_fail(x, LNL_E_INVAL, "the server's address is no gateway");
	else if (!parse_family(&r->gateway, word, family))
		return fail_address(x, word);
	else if (!is_host(&r->gateway))
		return lnl_push_fail(x, LNL_E_INVAL, "the gateway is no host");
	else
		r->via = LNL_VIA_ADDRESS;
	return 0;
}

static int take_metric(struct lnl_push *x, const char *word, struct lnl_route *r)
{
	uint64_t v;

	r->metric = -1;
	if (!is_given(word))
		return 0;
	if (!lnl_push_number(word, INT32_MAX, &v))
		return lnl_push_fail(x, LNL_E_FORMAT, "the metric is no number");
	r->metric = (int)v;
	return 0;
}

static bool same_route(const struct lnl_route *a, const struct lnl_route *b)
{
	return a->to == b->to && a->dst.bits == b->dst.bits &&
	       lnl_ip_equal(&a->dst.ip, &b->dst.ip) && a->via == b->via &&
	       lnl_ip_equal(&a->gateway, &b->gateway) && a->metric == b->metric;
}

static int add_route(struct lnl_push *x, struct lnl_route *r)
{
	struct lnl_net *net = &x->p->net;

	if (r->to == LNL_TO_PREFIX)
		lnl_prefix_mask(&r->dst);
	for (unsigned i = 0; i < net->n_routes; i++)
		if (same_route(&net->routes[i], r))
			return 0;
	if (net->n_routes == LNL_NET_ROUTES)
		return lnl_push_fail(x, LNL_E_LIMIT, "256 routes are there already");
	net->routes[net->n_routes++] = *r;
	return 0;
}

int lnl_push_route(struct lnl_push *x)
{
	struct lnl_route r;
	int error;

	memset(&r, 0, sizeof(r));
	error = take_network(x, &r);
	if (error == 0)
		error = take_netmask(x, &r);
	if (error == 0)
		error = take_gateway(x, lnl_push_word(x, 3), 4, &r);
	if (error == 0)
		error = take_metric(x, lnl_push_word(x, 4), &r);
	/* Packets to the server would enter the tunnel, whose packets go to the server. */
	if (error == 0 && r.to == LNL_TO_REMOTE && r.via == LNL_VIA_TUNNEL)
		error = lnl_push_fail(x, LNL_E_INVAL, "the server cannot be behind the tunnel");
	return error != 0 ? error : add_route(x, &r);
}

int lnl_push_route6(struct lnl_push *x)
{
	const char *word = x->o->word[1];
	struct lnl_route r;
	int error;

	memset(&r, 0, sizeof(r));
	if (lnl_prefix_parse(&r.dst, word) != 0 || r.dst.ip.family != 6)
		return fail_address(x, word);
	error = take_gateway(x, lnl_push_word(x, 2), 6, &r);
	if (error == 0)
		error = take_metric(x, lnl_push_word(x, 3), &r);
	return error != 0 ? error : add_route(x, &r);
}

/* --- redirect-gateway --- */

static const struct {
	const char *name;
	unsigned set, clear;
} redirect_flags[] = {
	{ "local", LNL_REDIRECT_LOCAL, 0 },
	{ "autolocal", LNL_REDIRECT_AUTOLOCAL, 0 },
	{ "def1", LNL_REDIRECT_DEF1, 0 },
	{ "bypass-dhcp", LNL_REDIRECT_BYPASS_DHCP, 0 },
	{ "bypass-dns", LNL_REDIRECT_BYPASS_DNS, 0 },
	{ "block-local", LNL_REDIRECT_BLOCK_LOCAL, 0 },
	{ "ipv6", LNL_REDIRECT_IPV6, 0 },
	{ "!ipv4", 0, LNL_REDIRECT_IPV4 | LNL_REDIRECT_PRIVATE },
};

/*
 * Flags of several lines add up, as in OpenVPN. An unknown one does not undo the rest: traffic
 * that was to go into the tunnel would then leave beside it.
 */
int lnl_push_redirect(struct lnl_push *x)
{
	bool gateway = is_word(x->o->word[0], "redirect-gateway");
	unsigned flags = x->p->net.redirect | (gateway ? LNL_REDIRECT_IPV4 : LNL_REDIRECT_PRIVATE);

	for (unsigned i = 1; i < x->o->n; i++) {
		bool known = false;

		for (size_t k = 0; k < sizeof(redirect_flags) / sizeof(redirect_flags[0]); k++) {
			if (!is_word(x->o->word[i], redirect_flags[k].name))
				continue;
			flags = (flags & ~redirect_flags[k].clear) | redirect_flags[k].set;
			known = true;
		}
		if (!known)
			x->reason = "a flag is not known; the others apply";
	}
	x->p->net.redirect = flags;
	return 0;
}
