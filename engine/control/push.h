/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client does with network options: its own profile's and those that the server pushes go through one reader, which
 * knows which of them a server may push.
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

enum lnl_protocol_flag {
	LNL_PROTOCOL_CC_EXIT = 1 << 0,
	LNL_PROTOCOL_TLS_EKM = 1 << 1,
	LNL_PROTOCOL_DYN_TLS_CRYPT = 1 << 2,
	LNL_PROTOCOL_AEAD_EPOCH = 1 << 3,
};

enum lnl_topology { LNL_TOPOLOGY_NET30, LNL_TOPOLOGY_P2P, LNL_TOPOLOGY_SUBNET };

/* Where an option comes from. */
enum lnl_option_source { LNL_FROM_PROFILE, LNL_FROM_SERVER };

/* What all options together say. Times in seconds; -1: not set. */
struct lnl_pulled {
	struct lnl_net net; /* complete after lnl_pulled_finish */
	enum lnl_topology topology;
	struct lnl_ip ifconfig_local, ifconfig_remote; /* as in `ifconfig`; remote is a netmask with topology subnet */
	bool has_ifconfig;
	bool has_ifconfig6;
	struct lnl_ip route_gateway;
	uint32_t peer_id; /* LNL_PEER_ID_NONE: not pushed */
	enum lnl_cipher cipher; /* NONE: not pushed */
	unsigned protocol_flags;
	enum lnl_framing framing;
	int ping, ping_restart, ping_exit;
	bool ping_timer_rem;
	int explicit_exit_notify;
	int inactive;
	int64_t inactive_bytes;
	int session_timeout;
	int auth_token_wanted; /* reserved for renewals: 1 when an auth-token was among the options */
	bool tcp_nodelay;
	int tun_mtu; /* pushed or local */
	int mssfix;  /* as `mssfix`'s number; 0: off */
	bool mssfix_mtu, mssfix_fixed; /* its words */
	int sndbuf, rcvbuf;
	char token[LNL_TOKEN_MAX]; /* auth-token: a secret, wiped with lnl_pulled_wipe */
	char token_user[LNL_NAME_MAX]; /* auth-token-user, decoded */
	bool route_nopull;
	unsigned n_env; /* setenv UV_... and dhcp-option lines, for hooks and programs: "name=value" */
	char env[LNL_PUSH_ENV][LNL_NET_NAME * 2];
};

/* Starts with nothing set. |tap| of the device. */
void lnl_pulled_init(struct lnl_pulled *p, bool tap);
/* Wipes the token. */
void lnl_pulled_wipe(struct lnl_pulled *p);

/*
 * Takes one option, already split. Returns 0; LNL_E_NOTFOUND (no such network option: log it, go on); LNL_E_PERM (not one that a
 * server may push, or excluded by route-nopull); LNL_E_FORMAT or LNL_E_INVAL (its values: lies about masks and families,
 * ranges); LNL_E_LIMIT (more routes or servers than there is room for). |why| names option and cause. |p| is unchanged on
 * failure. Options of the profile first, then the server's.
 */
int lnl_pulled_option(struct lnl_pulled *p, const struct lnl_option *o,
		      enum lnl_option_source from, struct lnl_why *why);

/*
 * Puts `net` together: addresses by topology, gateways, MTU, DNS. LNL_E_INVAL with |why| when options contradict each other
 * (an ifconfig that does not fit the topology).
 */
int lnl_pulled_finish(struct lnl_pulled *p, struct lnl_why *why);

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
 * The MSS for IPv4 TCP that |mssfix| asks for: |mssfix| bytes for a whole packet on the wire (outer headers of |outer_ipv6|,
 * |tcp| and |overhead| bytes of ours included with mtu, else without IP headers as OpenVPN counts); 0: none. Source:
 * OpenVPN mss.c, man page `mssfix`.
 */
unsigned lnl_mss_for(int mssfix, bool with_mtu, bool fixed, bool tcp, bool outer_ipv6,
		     unsigned overhead);

#endif
