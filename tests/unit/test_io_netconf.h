/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A namespace with a network (wan0), a default route and a TUN device, in which a tunnel changes
 * things; iproute2 is the witness: after the end everything is, to the letter, as it was.
 */
#ifndef LNL_TEST_IO_NETCONF_H
#define LNL_TEST_IO_NETCONF_H

#include "test_io_namespace.h"

#include "io/netconf.h"
#include "io/tun.h"

/* All that counts: not what a device's queue has become by having been up. */
#define EVERYTHING                                                                                 \
	"ip -d -4 route show table all; ip -d -6 route show table all;"                            \
	" ip -o link show | sed 's/ qdisc [a-z_]*//'; ip -o addr show"

struct world {
	struct lnl_tun wan;
	struct lnl_tun tun;
	struct lnl_netconf *nc;
	char before[16384];
	char warnings[2048];
};

static inline void capture(const char *command, char *out, size_t cap)
{
	FILE *f = popen(command, "r");

	assert_non_null(f);
	out[fread(out, 1, cap - 1, f)] = '\0';
	pclose(f);
}

static inline bool shows(const char *command, const char *text)
{
	char all[16384];

	capture(command, all, sizeof(all));
	return strstr(all, text) != NULL;
}

#define assert_shows(command, text)                                                                \
	do {                                                                                       \
		if (!shows(command, text))                                                         \
			fail_msg("%s does not show: %s", command, text);                           \
	} while (0)

static inline void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static inline void open_world(struct world *w)
{
	struct lnl_reason why;

	memset(w, 0, sizeof(*w));
	assert_int_equal(lnl_tun_open(&w->wan,
				      &(struct lnl_tun_conf){
					      .name = "wan0", .tap = true, .node = -1 },
				      &why),
			 0);
	assert_int_equal(lnl_tun_open(&w->tun, &(struct lnl_tun_conf){ .name = "tun", .node = -1 },
				      &why),
			 0);
	run("sysctl -qw net.ipv6.conf.wan0.accept_ra=0 net.ipv6.conf.wan0.addr_gen_mode=1"
	    " net.ipv6.conf.tun0.addr_gen_mode=1");
	run("ip link set wan0 up && ip addr add 192.0.2.2/24 dev wan0 &&"
	    " ip addr add 2001:db8::2/64 dev wan0 nodad &&"
	    " ip route add default via 192.0.2.1 dev wan0 proto dhcp src 192.0.2.2 metric 100 &&"
	    " ip -6 route add default via 2001:db8::1 dev wan0 metric 512");
	/* The kernel completes an IPv6 address on its own time, at the latest after a second. */
	for (unsigned i = 0; i < 200; i++) {
		capture(EVERYTHING, w->before, sizeof(w->before));
		if (strstr(w->before, "local 2001:db8::2 dev wan0"))
			break;
		usleep(10000);
	}
	assert_int_equal(lnl_netconf_new(&w->nc, w->tun.name, w->tun.index, &why), 0);
}

static inline void same_lines(const char *before, const char *after)
{
	while (*before != '\0' || *after != '\0') {
		size_t b = strcspn(before, "\n"), a = strcspn(after, "\n");

		if (a != b || memcmp(before, after, a) != 0)
			fail_msg("was: %.*s\n is: %.*s", (int)b, before, (int)a, after);
		before += b + (before[b] == '\n');
		after += a + (after[a] == '\n');
	}
}

/* Takes all back: the world is as it was. */
static inline void close_world(struct world *w)
{
	char after[sizeof(w->before)];

	lnl_netconf_revert(w->nc);
	capture(EVERYTHING, after, sizeof(after));
	same_lines(w->before, after);
	lnl_netconf_revert(w->nc);
	lnl_netconf_free(w->nc);
	close(w->wan.fd);
	close(w->tun.fd);
}

#define need_world(w)                                                                              \
	do {                                                                                       \
		test_need_tun();                                                                   \
		if (!test_namespace())                                                             \
			test_skip("no network namespace");                                         \
		open_world(w);                                                                     \
	} while (0)

static inline struct lnl_ip ip(const char *text)
{
	struct lnl_ip i;

	assert_int_equal(lnl_ip_parse(&i, text), 0);
	return i;
}

static inline struct lnl_addr addr(const char *text)
{
	struct lnl_ip i = ip(text);

	return lnl_addr_from(&i, 1194);
}

/* Topology subnet, IPv4 and IPv6. */
static inline void base_net(struct lnl_net *net)
{
	memset(net, 0, sizeof(*net));
	net->mtu = 1400;
	net->route_metric = -1;
	lnl_prefix_parse(&net->addr4, "10.8.0.2/24");
	lnl_prefix_parse(&net->addr6, "fd00:8::2/64");
	net->gateway4 = ip("10.8.0.1");
	net->gateway6 = ip("fd00:8::1");
}

static inline struct lnl_route *add_route(struct lnl_net *net, const char *dst, enum lnl_via via)
{
	struct lnl_route *r = &net->routes[net->n_routes++];

	memset(r, 0, sizeof(*r));
	assert_int_equal(lnl_prefix_parse(&r->dst, dst), 0);
	r->via = via;
	r->metric = -1;
	return r;
}

static inline void warned(void *ctx, const char *text)
{
	struct world *w = ctx;
	size_t len = strlen(w->warnings);

	snprintf(w->warnings + len, sizeof(w->warnings) - len, "%s\n", text);
}

static inline int apply(struct world *w, const struct lnl_net *net, const char *server,
			struct lnl_reason *why)
{
	struct lnl_addr at = addr(server);

	w->warnings[0] = '\0';
	why->text[0] = '\0';
	return lnl_netconf_apply(w->nc, net, &at, warned, w, why);
}

static inline void apply_well(struct world *w, const struct lnl_net *net, const char *server)
{
	struct lnl_reason why;

	if (apply(w, net, server, &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(w->warnings, "");
}

/* Where the kernel would send a packet to |to|. */
static inline void assert_way(const char *to, const char *way)
{
	char command[128], all[1024];

	snprintf(command, sizeof(command), "ip route get %s 2>&1", to);
	capture(command, all, sizeof(all));
	if (strstr(all, way) == NULL)
		fail_msg("packets to %s do not go %s: %s", to, way, all);
}

#endif
