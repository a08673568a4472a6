/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client does with network options: its own profile's and those that the server pushes go
 * through one reader, which knows which of them a server may push.
 */
#ifndef LNL_CONTROL_PUSH_H
#define LNL_CONTROL_PUSH_H

#include "control/net.h"
#include "crypto/crypto.h"
#include "data/data.h"
#include "wire/options.h"

#define LNL_PUSH_TEXT_MAX 65536 /* all PUSH_REPLY messages of one answer together */
#define LNL_PUSH_MESSAGES 256
#define LNL_PUSH_ENV	  32
#define LNL_TOKEN_MAX	  1024
#define LNL_PULL_FILTERS  64
#define LNL_PUSH_SERVERS  4    /* `dns server` priorities */
#define LNL_PUSH_MTU_MAX  1600 /* a server keeps to the IV_MTU that we announce */

enum lnl_protocol_flag {
	LNL_PROTOCOL_CC_EXIT = 1 << 0,
	LNL_PROTOCOL_TLS_EKM = 1 << 1,
	LNL_PROTOCOL_DYN_TLS_CRYPT = 1 << 2,
	LNL_PROTOCOL_AEAD_EPOCH = 1 << 3,
};

enum lnl_topology { LNL_TOPOLOGY_NET30, LNL_TOPOLOGY_P2P, LNL_TOPOLOGY_SUBNET };

/* Where an option comes from. */
enum lnl_option_source { LNL_FROM_PROFILE, LNL_FROM_SERVER };

/* What `dns server` lines of one priority say. */
struct lnl_dns_server {
	enum lnl_option_source from;
	int priority; /* the lowest is used */
	bool plain;   /* DNS over TLS and HTTPS are not done here */
	unsigned n;
	struct lnl_ip address[LNL_NET_DNS];
	unsigned n_domains;
	char domain[LNL_NET_DOMAINS][LNL_NET_NAME]; /* resolve-domains */
};

/* What all options together say. Times in seconds; numbers that are not set are -1. */
struct lnl_pulled {
	struct lnl_net net; /* complete after lnl_pulled_finish */
	enum lnl_topology topology;
	/* As in `ifconfig`; remote is a netmask with topology subnet. */
	struct lnl_ip ifconfig_local, ifconfig_remote;
	bool has_ifconfig;
	bool has_ifconfig6;
	struct lnl_ip route_gateway;
	struct lnl_ip route_gateway6;
	uint32_t peer_id;	/* LNL_PEER_ID_NONE: not pushed */
	enum lnl_cipher cipher; /* NONE: not pushed */
	unsigned protocol_flags;
	enum lnl_framing framing;
	int ping, ping_restart, ping_exit; /* 0: off; of the last two only one is set, the later */
	bool ping_timer_rem;
	int explicit_exit_notify;
	int inactive;
	int64_t inactive_bytes;
	int session_timeout;
	bool tcp_nodelay;
	int tun_mtu;		       /* pushed or local */
	int mssfix;		       /* as `mssfix`'s number; 0: off; -1: it follows tun_mtu */
	bool mssfix_mtu, mssfix_fixed; /* its words */
	int sndbuf, rcvbuf;
	char token[LNL_TOKEN_MAX];     /* auth-token: a secret, wiped with lnl_pulled_wipe */
	char token_user[LNL_NAME_MAX]; /* auth-token-user, decoded */
	bool route_nopull;
	unsigned n_servers;
	struct lnl_dns_server server[LNL_PUSH_SERVERS];
	/*
	 * "name=value" for hooks and programs: UV_... of the profile, OPENVPN_... of setenv-safe,
	 * and foreign_option_N of dhcp-option lines. A server's hold no characters that a shell
	 * acts on.
	 */
	unsigned n_env;
	char env[LNL_PUSH_ENV][LNL_NET_NAME * 2];
};

/* Starts with nothing set. |tap| of the device. */
void lnl_pulled_init(struct lnl_pulled *p, bool tap);
/* Wipes the token and its user. */
void lnl_pulled_wipe(struct lnl_pulled *p);

/*
 * Takes one option, already split; options of the profile first, then the server's. Returns 0:
 * taken, or known to have no effect here. Else |p| is unchanged, the caller logs |why| (option and
 * cause) and goes on: LNL_E_NOTFOUND (no network option); LNL_E_PERM (nothing that a server may
 * push, or excluded by route-nopull); LNL_E_FORMAT or LNL_E_INVAL (its values: lies about masks
 * and families, ranges); LNL_E_LIMIT (more routes or servers than there is room for).
 * LNL_E_UNSUPPORTED is different: a cipher, compression or packet format of the server's that we do
 * not have, without which no packet can be read, so that the connection has to end. With 0, |why|
 * is empty or says what of the option was passed over.
 */
int lnl_pulled_option(struct lnl_pulled *p, const struct lnl_option *o, enum lnl_option_source from,
		      struct lnl_why *why);

/*
 * Puts `net` together: addresses by topology, gateways, MTU, DNS. LNL_E_INVAL with |why| when
 * options contradict each other (an ifconfig that does not fit the topology). With 0, |why| is
 * empty or says what was left out (a route to a vpn_gateway that nobody named).
 */
int lnl_pulled_finish(struct lnl_pulled *p, struct lnl_why *why);

/* The |i|th name of an option that a server may push, NULL after the last. */
const char *lnl_pulled_name(unsigned i);

enum lnl_filter_action { LNL_FILTER_ACCEPT, LNL_FILTER_IGNORE, LNL_FILTER_REJECT };

/* One pull-filter: |text| is compared with the start of the pushed option. */
struct lnl_pull_filter {
	enum lnl_filter_action action;
	const char *text;
};

/* What the first filter that matches says of |option|; ACCEPT when none does. */
enum lnl_filter_action lnl_pull_filter_match(const struct lnl_pull_filter *filters, unsigned n,
					     const char *option);

/*
 * The MSS for IPv4 TCP inside the tunnel that |mssfix| asks for; 0: none. |mssfix| bytes are a
 * packet with our |overhead| (and the length in front of it, with |tcp|) and, |with_mtu|, with the
 * IP header (|outer_ipv6|) and UDP or TCP header around it; or, |fixed|, the inner packet. With CBC
 * the |overhead| counts a whole block of padding; |padded| bytes are encrypted in front of the
 * packet (AEAD: 0, no padding). Source: OpenVPN mss.c, man page `mssfix`.
 */
unsigned lnl_mss_for(int mssfix, bool with_mtu, bool fixed, bool tcp, bool outer_ipv6,
		     unsigned overhead, unsigned padded);

#endif
