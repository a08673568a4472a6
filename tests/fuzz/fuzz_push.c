/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network options: a byte of configuration, then the profile's options up to a line feed, then the
 * server's. What comes of them must keep to its bounds, be terminated, and hold nothing that a
 * program could take for more than text.
 */
#include <string.h>

#include "control/push.h"
#include "fuzz_env.h"

enum { CONFIG_TAP = 1, CONFIG_NOPULL = 2 };

static void check_text(const char *text, size_t cap)
{
	require(memchr(text, 0, cap) != NULL);
	for (; *text; text++)
		require(*text >= 0x20 && *text < 0x7f);
}

/* Of a server's words nothing reaches a program that a shell would act on. */
static void check_word(const char *text)
{
	require(text[0] != '-' && !strpbrk(text, "`$;|&<>()'\"\\*?[]{}!#^~ "));
}

static void check_ip(const struct lnl_ip *ip)
{
	require(ip->family == 0 || ip->family == 4 || ip->family == 6);
}

static void check_route(const struct lnl_route *r)
{
	struct lnl_prefix masked = r->dst;

	check_ip(&r->gateway);
	require(r->metric >= -1);
	require(r->to == LNL_TO_PREFIX || r->to == LNL_TO_REMOTE);
	require(r->dst.bits <= (r->dst.ip.family == 6 ? 128 : 32));
	require((r->to == LNL_TO_PREFIX) == (r->dst.ip.family != 0));
	require(r->via != LNL_VIA_ADDRESS || r->gateway.family != 0);
	require(r->via == LNL_VIA_NET_GATEWAY || r->gateway.family == 0 || r->to == LNL_TO_REMOTE ||
		r->gateway.family == r->dst.ip.family);
	lnl_prefix_mask(&masked);
	require(r->to == LNL_TO_REMOTE || lnl_ip_equal(&masked.ip, &r->dst.ip));
}

static void check_net(const struct lnl_net *net)
{
	require(net->n_routes <= LNL_NET_ROUTES && net->n_dns <= LNL_NET_DNS);
	require(net->n_search <= LNL_NET_DOMAINS && net->n_resolve <= LNL_NET_DOMAINS);
	require(net->mtu >= 68 && net->mtu <= 65535);
	require(net->addr4.ip.family == 0 || (net->addr4.bits >= 8 && net->addr4.bits <= 32));
	require(net->addr6.ip.family == 0 || (net->addr6.bits >= 64 && net->addr6.bits <= 124));
	for (unsigned i = 0; i < net->n_routes; i++)
		check_route(&net->routes[i]);
	for (unsigned i = 0; i < net->n_dns; i++)
		require(net->dns[i].family == 4 || net->dns[i].family == 6);
	check_text(net->domain, LNL_NET_NAME);
	check_word(net->domain);
	for (unsigned i = 0; i < net->n_search; i++)
		check_word(net->search[i]);
	for (unsigned i = 0; i < net->n_resolve; i++)
		check_word(net->resolve[i]);
}

static void check_pulled(const struct lnl_pulled *p)
{
	require(p->peer_id <= LNL_PEER_ID_NONE && p->cipher < LNL_CIPHER_COUNT);
	require(p->ping >= -1 && p->ping_restart >= -1 && p->ping_exit >= -1);
	require(p->ping_restart < 0 || p->ping_exit < 0);
	require(p->explicit_exit_notify >= -1 && p->explicit_exit_notify <= 60);
	require(p->n_env <= LNL_PUSH_ENV && p->n_servers <= LNL_PUSH_SERVERS);
	require(memchr(p->token, 0, sizeof(p->token)) != NULL);
	require(memchr(p->token_user, 0, sizeof(p->token_user)) != NULL);
	for (unsigned i = 0; i < p->n_env; i++) {
		check_text(p->env[i], sizeof(p->env[i]));
		require(strncmp(p->env[i], "OPENVPN_", 8) == 0 ||
			strncmp(p->env[i], "foreign_option_", 15) == 0 ||
			strncmp(p->env[i], "UV_", 3) == 0);
		require(strchr(p->env[i], '=') != NULL);
	}
}

/* Gives all options of a list; one that is refused changes nothing, and says why. */
static void give(struct lnl_pulled *p, const char *list, size_t len, enum lnl_option_source from)
{
	static struct lnl_pulled before;
	struct lnl_why why;
	struct lnl_option o;
	int rc;

	while ((rc = lnl_option_next(&o, &list, &len)) != 0) {
		if (rc < 0)
			continue;
		memcpy(&before, p, sizeof(before));
		memset(&why, 'x', sizeof(why));
		rc = lnl_pulled_option(p, &o, from, &why);
		check_text(why.text, sizeof(why.text));
		if (rc != 0)
			require(why.text[0] && memcmp(&before, p, sizeof(before)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lnl_pulled p;
	const char *text = (const char *)data + 1, *feed;
	struct lnl_why why;
	size_t profile = 0;

	if (size < 1)
		return 0;
	lnl_pulled_init(&p, data[0] & CONFIG_TAP);
	if (data[0] & CONFIG_NOPULL)
		p.route_nopull = true;
	size--;
	feed = size > 0 ? memchr(text, '\n', size) : NULL;
	if (feed) {
		profile = (size_t)(feed - text);
		give(&p, text, profile, LNL_FROM_PROFILE);
		profile++;
	}
	give(&p, text + profile, size - profile, LNL_FROM_SERVER);
	check_pulled(&p);
	if (lnl_pulled_finish(&p, &why) == 0)
		check_net(&p.net);
	check_text(why.text, sizeof(why.text));
	lnl_pulled_wipe(&p);
	return 0;
}
