/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lunel's public interface: an engine that runs tunnels and tells its host what happens. The
 * engine never calls the host: it emits events, and questions among them carry a ticket, a
 * deadline and a default. The host replies with the ticket; if it never does, the default
 * applies. A reply to a dead ticket is a no-op. One thread calls all of this.
 */
#ifndef LUNEL_H
#define LUNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunel_acc.h"
#include "lunel_codes.h"
#include "lunel_files.h"
#include "lunel_metrics.h"
#include "lunel_packet.h"
#include "lunel_record.h"
#include "lunel_update.h"

#define LUNEL_VERSION "0.1.0"

struct lnl_engine;

/* A sentence on what went wrong; always terminated. */
struct lnl_reason {
	char text[512];
};

/* ---- configuration ---- */

enum lnl_proto {
	LNL_PROTO_UDP,
	LNL_PROTO_UDP4,
	LNL_PROTO_UDP6,
	LNL_PROTO_TCP,
	LNL_PROTO_TCP4,
	LNL_PROTO_TCP6,
};

/* Where to connect. Strings are copied by who takes it. */
struct lnl_remote {
	const char *host;
	uint16_t port;
	enum lnl_proto proto;
	const char *local;	  /* address to bind to; NULL: any */
	uint16_t lport;		  /* 0: ephemeral */
	int64_t connect_timeout;  /* seconds, -1: the client's */
	int explicit_exit_notify; /* -1: the client's */
	int mssfix;		  /* -1: the client's */
	int tun_mtu;		  /* -1: the client's */
};

/* Bytes that may be text or binary; data NULL: not given. */
struct lnl_bytes {
	const char *data;
	size_t len;
};

enum lnl_auth_retry { LNL_AUTH_RETRY_NONE, LNL_AUTH_RETRY_NOINTERACT, LNL_AUTH_RETRY_INTERACT };

/*
 * Who we are, whom we trust, and how both ends protect what they send: the same for clients and
 * servers. Times in seconds.
 */
struct lnl_security {
	/* Who we are and whom we trust. */
	struct lnl_bytes ca, cert, extra_certs, key, pkcs12, crl;
	const char *crl_file; /* re-read before each connection; NULL: only `crl` */
	const char *key_password;
	const char *tls_version_min, *tls_version_max; /* "1.2", "1.3"; NULL: default */
	const char *tls_cipher, *tls_ciphersuites, *tls_groups;
	const uint8_t (*fingerprints)[32];
	unsigned n_fingerprints;
	int name_check; /* 0 none, 1 subject, 2 name, 3 name-prefix */
	const char *name;
	bool remote_cert_tls; /* the other role: KU and EKU */
	uint16_t ku[16];
	unsigned n_ku;
	const char *eku; /* "serverAuth", "clientAuth", their long names or OIDs */

	/* Wrapping; at most one of the three. */
	struct lnl_bytes tls_auth, tls_crypt, tls_crypt_v2;
	int key_direction; /* -1: none */

	/* Ciphers. */
	const char *const *data_ciphers;
	unsigned n_data_ciphers;
	const char *cipher; /* data-ciphers-fallback, else `cipher`; NULL: none */
	const char *auth;   /* "SHA1" */
	unsigned replay_window;
	int framing; /* 0 none, 1 comp-lzo no, 2 compress stub, 3 stub-v2 */
	bool disable_occ;

	/* Negotiation. */
	int64_t reneg_sec; /* 3600; 0: never from our side */
	/* Each session draws its time from reneg_sec_min to reneg_sec; -1: a server's 90% of it, else all. */
	int64_t reneg_sec_min;
	int64_t reneg_bytes, reneg_pkts;
	int64_t tran_window, hand_window; /* 3600, 60 */
	int64_t tls_timeout;		  /* 2 */
	unsigned max_packet_size;	  /* 1250 */
};

/*
 * A client's tunnel. lnl_tunnel_options_init sets the defaults of OpenVPN 2.6; the names are
 * those of the directives. Times in seconds. All that it points to is copied by
 * lnl_tunnel_open.
 */
struct lnl_tunnel_options {
	const struct lnl_remote *remotes;
	unsigned n_remotes;
	bool remote_random;
	int64_t connect_timeout;		       /* = server-poll-timeout, 120 */
	int64_t connect_retry, connect_retry_max_wait; /* 1 s, doubled after each round up to 300 */
	unsigned connect_retry_max;		       /* rounds over the list, 0: no end */
	int64_t resolv_retry;			       /* seconds, -1: no end */
	bool remote_random_hostname;

	/* Sockets. */
	const char *bind_dev;
	uint32_t mark;
	int sndbuf, rcvbuf; /* 0: the system's, raised */
	int mtu_disc;	    /* -1: the system's; 0 no, 1 maybe, 2 yes */
	bool tcp_nodelay;
	bool floating; /* take the server's packets from any address (`float`) */

	/* Device and network. */
	const char *dev; /* "tun" or a name */
	bool tap;
	bool persist_tun;
	int tun_mtu; /* 1500 */
	int mssfix;  /* 1492; 0: off */
	bool mssfix_mtu, mssfix_fixed;
	int txqueuelen; /* 0: the system's */
	int offload;	/* 0 full, 1 batch, 2 single: io/offload.h */
	bool ifconfig_noexec, route_noexec;
	const char *const *
		/* the profile's own: "route 10.0.0.0 255.0.0.0", "redirect-gateway def1", ... */
		network;
	unsigned n_network;
	bool pull;
	struct {
		int action; /* 0 accept, 1 ignore, 2 reject */
		const char *text;
	} pull_filter[64];
	unsigned n_pull_filter;

	struct lnl_security sec;
	struct lnl_lane_options lanes;

	/* Timers. */
	int64_t ping, ping_restart,
		ping_exit; /* -1: not set (ping-restart: 120 until the server says) */
	bool ping_timer_rem;
	int64_t inactive, inactive_bytes, session_timeout; /* 0: none */
	int explicit_exit_notify;

	/* Credentials. */
	bool auth_user_pass;
	const char *username, *password; /* NULL: ask */
	bool auth_nocache;
	enum lnl_auth_retry auth_retry;
	const char *static_challenge; /* text; NULL: none */
	bool static_challenge_echo;
	const char *auth_token, *auth_token_user;

	bool push_peer_info;
	const char *peer_info_extra; /* UV_ lines */
	const char *peer_info;	     /* lines that are sent even without push_peer_info */

	/*
	 * Which hooks the host wants asked; a question that is not wanted gets its default at
	 * once. Bits by LNL_ASK_*.
	 */
	unsigned asks;
};

enum lnl_ask {
	LNL_ASK_SELECT_REMOTE = 1 << 0,
	LNL_ASK_CREDENTIALS = 1 << 1,
	LNL_ASK_CHALLENGE = 1 << 2,
	LNL_ASK_VERIFY_CERT = 1 << 3,
	LNL_ASK_PULLED = 1 << 4,
	LNL_ASK_UP =
		1 << 5, /* wait for the answer to `up` before "Initialization Sequence Completed" */
	LNL_ASK_DOWN = 1 << 6,
	LNL_ASK_RECONNECT = 1 << 7,
	LNL_ASK_CONTROL = 1 << 8,
	/* A server's; VERIFY_CERT and CONTROL are, too. */
	LNL_ASK_AUTHENTICATE = 1 << 9,
	LNL_ASK_AUTHORIZE = 1 << 10,
	LNL_ASK_LEARN = 1 << 11,
	LNL_ASK_LEARN_LATER = 1 << 12, /* the answer to LEARN may come later, within 10 s */
	/* AUTHENTICATE is asked at each renegotiation, whatever a token says */
	LNL_ASK_REAUTH = 1 << 13,
};

/* Sets the defaults. */
void lnl_tunnel_options_init(struct lnl_tunnel_options *o);

/* ---- servers ---- */

/* A socket to listen on: UDP or TCP. */
struct lnl_listen {
	const char *address; /* NULL: any */
	uint16_t port;
	enum lnl_proto proto;
};

/* Addresses for clients: a prefix ("10.8.8.0/24"), or from |first| to |last|. */
struct lnl_pool_range {
	const char *name; /* what lnl_grant_options.pool calls it; "" is everybody's */
	const char *first;
	const char *last; /* NULL: |first| is a prefix */
};

enum lnl_server_topology { LNL_SERVER_NET30, LNL_SERVER_P2P, LNL_SERVER_SUBNET };

/* What a client shows: a certificate, one if it has one, or none. */
enum lnl_client_cert { LNL_CLIENT_CERT_REQUIRE, LNL_CLIENT_CERT_OPTIONAL, LNL_CLIENT_CERT_NONE };

/*
 * A server. lnl_server_options_init sets the defaults of OpenVPN 2.6, but for topology (subnet);
 * names are those of the directives. Times in seconds. All that it points to is copied.
 */
struct lnl_server_options {
	struct lnl_security sec;
	enum lnl_client_cert verify_client_cert;

	/* Sockets. */
	const struct lnl_listen *listen;
	unsigned n_listen;
	const char *bind_dev;
	uint32_t mark;
	int sndbuf, rcvbuf;
	bool tcp_nodelay;

	/* Device and network. */
	const char *dev;
	int tun_mtu, mssfix;
	bool mssfix_mtu, mssfix_fixed;
	int txqueuelen, offload;
	bool ifconfig_noexec, route_noexec;
	unsigned workers;		 /* data threads, 1 to 16; each client is one's; 1 */
	const char *network4, *network6; /* `server`, `server-ipv6`: the first address is ours */
	enum lnl_server_topology topology;
	const char *const *network; /* our own "route ..." lines */
	unsigned n_network;
	/* In place of all addresses of the networks, or beside them, by name. */
	const struct lnl_pool_range *pools;
	unsigned n_pools;
	const char *leases;	 /* file (ifconfig-pool-persist); NULL: leases end with us */
	int64_t leases_interval; /* how often it is written, 600; 0: it is only read */

	/* Clients. */
	const char *const *push; /* to all, behind what topology asks for */
	unsigned n_push;
	bool client_to_client, duplicate_cn;
	unsigned max_clients, max_routes_per_client; /* 1024, 256 */
	unsigned connect_freq, connect_freq_sec;     /* new clients; 0: any */
	unsigned connect_freq_initial,
		connect_freq_init_sec;			   /* answers to strangers; 100 in 10 s */
	bool v2_force_cookie;				   /* true */
	int64_t v2_max_age;				   /* 0: any */
	int64_t ping, ping_restart;			   /* our side's; 0: none */
	int64_t inactive, inactive_bytes, session_timeout; /* 0: none */
	int explicit_exit_notify; /* 1: RESTART when we end, 2: with "another server" */
	struct lnl_lane_options lanes;

	/* Who may come. */
	bool auth_user_pass;	      /* a user name is asked for */
	bool auth_user_pass_optional; /* who gives none is judged all the same */
	bool username_as_common_name;
	bool gen_token; /* auth-gen-token */
	int64_t token_lifetime, token_renewal;
	struct lnl_bytes token_secret; /* data NULL: drawn at start */

	unsigned asks; /* enum lnl_ask */
};

/* Sets the defaults. */
void lnl_server_options_init(struct lnl_server_options *o);

/* ---- the engine ---- */

struct lnl_engine_options {
	enum lnl_level level; /* records above it are not made */
	const char *user,
		*group; /* to become at once; NULL: root stays root, with CAP_NET_ADMIN alone */
	bool stay_root; /* keep all of root's powers (a host that is not made for less) */
	/* Called in the helper as it begins, to wipe secrets that the host holds; may be NULL. */
	void (*wipe)(void *ctx);
	void *wipe_ctx;
	const struct lnl_lane_host *lanes; /* copied; NULL: there are none */
};

/*
 * Makes the engine: as root, the helper process for programs is forked first, so call it before
 * any thread exists. LNL_E_NOMEM, LNL_E_SYSTEM, LNL_E_RANDOM, LNL_E_NOTFOUND (user or group);
 * |why| names the cause.
 */
int lnl_engine_new(struct lnl_engine **out, const struct lnl_engine_options *o,
		   struct lnl_reason *why);
/* Stops everything at once, takes back what was set up, releases; |e| may be NULL. */
void lnl_engine_free(struct lnl_engine *e);

/*
 * One turn of the loop: waits for something to happen unless events are queued already. Returns
 * 1, or 0 when there is nothing left that could happen (every client is closed and no operation
 * is under way). Then take events until there are none.
 */
int lnl_engine_turn(struct lnl_engine *e);

/* ---- events ---- */

enum lnl_event_kind {
	LNL_EVENT_NONE,
	/*
	 * Questions: `ticket` is set. Each names its reply function; |deadline| is enforced by
	 * the engine.
	 */
	LNL_EVENT_SELECT_REMOTE, /* lnl_reply_remote; default: the next in the list. `u.select` */
	LNL_EVENT_CREDENTIALS,	 /* lnl_reply_credentials; default: the attempt fails. `u.ask` */
	LNL_EVENT_CHALLENGE,	 /* lnl_reply_answer; default: the attempt fails. `u.ask` */
	/* lnl_reply_verdict; default: reject. lnl_tunnel_cert gives the chain */
	LNL_EVENT_VERIFY_CERT,
	/* lnl_reply_options, before the next turn; default: unchanged. `u.options` */
	LNL_EVENT_PULLED,
	LNL_EVENT_UP, /* lnl_reply_verdict (true; the value is not used); default: go on. `u.net` */
	LNL_EVENT_DOWN, /* lnl_reply_verdict; default: go on. `u.net` */
	/* lnl_reply_reconnect, before the next turn; default: the built-in backoff. `u.end` */
	LNL_EVENT_RECONNECT,
	LNL_EVENT_CONTROL, /* lnl_reply_verdict, before the next turn (true: handled); `u.text` */
	/*
	 * A server's, about `peer`. lnl_reply_login; default: deny. `u.login`
	 */
	LNL_EVENT_AUTHENTICATE,
	LNL_EVENT_AUTHORIZE, /* lnl_reply_grant; default: deny */
	/*
	 * lnl_reply_verdict, before the next turn unless LNL_ASK_LEARN_LATER; default: refuse the
	 * prefix. `u.learn`
	 */
	LNL_EVENT_LEARN,
	/*
	 * lnl_reply_line; default: the connection is closed. `u.text` is the line, `tunnel` the
	 * desk, `peer` the number of the connection
	 */
	LNL_EVENT_LINE,
	/* News. */
	LNL_EVENT_ESTABLISHED, /* of `peer`: packets flow */
	/*
	 * `peer`, who was established or about whom LEARN was asked, is gone: `u.end` with final
	 * counters; its handle is dead afterwards
	 */
	LNL_EVENT_PEER_CLOSED,
	LNL_EVENT_STATE, /* the client's state changed: `u.state` */
	/*
	 * the client is gone for good: `u.end` with final counters; its handle is dead
	 * afterwards
	 */
	LNL_EVENT_CLOSED,
	LNL_EVENT_OPEN_URL, /* `u.text`: the server asks to open a page */
	/*
	 * The machine's network changed (lnl_engine_network), in `u.options`: "link eth0 up", "down" or
	 * "gone", "address eth0 new 192.0.2.2/24" or "gone", "default eth0 new 4 192.0.2.1" or "gone"
	 * (a default route; "-": without link or gateway), "lost" (look for yourself). Not of our devices.
	 */
	LNL_EVENT_NETWORK,
	/* a message of a protocol extension, of the server's or of `peer`: `u.message` */
	LNL_EVENT_MESSAGE,
	/* a signal arrived: `u.signal` (only those that lnl_engine_signal asked for) */
	LNL_EVENT_SIGNAL,
	/* An operation that the host began is complete: `ticket` is the operation's. */
	LNL_EVENT_TIMER,
	LNL_EVENT_RESOLVED, /* `u.resolved` */
	LNL_EVENT_EXITED,   /* a program ended: `u.exited` */
	LNL_EVENT_HTTP,	    /* `u.http`; these are lunel_services.h's */
	LNL_EVENT_DIAL,	    /* `u.dial` */
	LNL_EVENT_PROBED,   /* `u.probe` */
};

enum lnl_state {
	LNL_STATE_IDLE,
	LNL_STATE_WAIT, /* between attempts */
	LNL_STATE_RESOLVE,
	LNL_STATE_CONNECT, /* TCP */
	LNL_STATE_HELLO,   /* first packet sent */
	LNL_STATE_HANDSHAKE,
	LNL_STATE_AUTH,
	LNL_STATE_CONFIGURE,
	LNL_STATE_UP,
	LNL_STATE_CLOSING,
};

/* "up" and so on; static storage. */
const char *lnl_state_name(enum lnl_state s);

struct lnl_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* through TUN */
	uint64_t link_rx_bytes, link_tx_bytes;
	uint64_t drops[LNL_DROP_COUNT];
	uint64_t connected_at; /* seconds since 1970, 0: never */
	double rtt;	       /* seconds, smoothed, by the control channel; 0: not known */
	double loss; /* of the other side's packets, in the last minute; below 0: not known */
};

#define LNL_NO_PEER UINT32_C(0xffffff)

/*
 * What auth-gen-token says of the password that came: NONE, it is no token. Without LNL_ASK_REAUTH
 * nothing else is asked about; with it, a token is not shown as a password.
 */
enum lnl_token_seen {
	LNL_TOKEN_SEEN_NONE,
	LNL_TOKEN_SEEN_VALID,
	LNL_TOKEN_SEEN_EXPIRED,
	LNL_TOKEN_SEEN_INVALID,
};

/* Strings of an event stay valid until the next lnl_engine_next. */
struct lnl_event {
	enum lnl_event_kind kind;
	uint64_t ticket;
	double deadline; /* seconds from now; 0: none */
	uint32_t tunnel; /* handle of a tunnel or server; 0: none */
	uint32_t peer;	 /* of a server's client; LNL_NO_PEER: it is about the whole */
	union {
		struct {
			unsigned attempt;	/* 1 is the first */
			unsigned failures;	/* in a row, since the tunnel was last up */
			int last_remote;	/* index, -1: none */
			const char *last_cause; /* NULL: none */
			const char *last_text;
		} select;
		struct {
			const char *
				/*
				 * credentials: "auth-user-pass", "key" (pass phrase of the
				 * private key); challenge: "static", "dynamic", "cr_text"
				 */
				kind;
			const char *why;  /* credentials: "first", "failed", "expired" */
			const char *text; /* challenge: what to show */
			const char *user; /* known user name, or NULL */
			bool echo;
		} ask;
		struct {
			const char *const *list;
			unsigned n;
		} options;
		struct {
			const char *ifname;
			const char *const *
				/*
				 * "address 10.8.0.2/24", "route 10.0.0.0/8", "dns 10.8.0.1",
				 * "domain x", "search y", "gateway 10.8.0.1", "redirect"
				 */
				lines;
			unsigned n;
			const char *const
				*env; /* NAME=value for programs, as OpenVPN's scripts get them */
			unsigned n_env;
			unsigned mtu;
			bool restart; /* up after a reconnect with persist-tun; down before one */
		} net;
		struct {
			const char *cause; /* "auth_failed" ... */
			const char *text;
			const char *phase; /* "connect", "handshake", "auth", "configure", "up" */
			int remote;	   /* index in the list, -1 for one that a hook made */
			unsigned failures; /* in a row */
			double backoff;	   /* what the engine would wait, seconds */
			bool fatal;	   /* the engine would stop here */
			int exit_status;   /* with CLOSED */
			struct lnl_stats stats;
		} end;
		struct {
			enum lnl_state state;
			const char *detail;
			int remote;
			const char *address; /* of the server, "192.0.2.1:1194", when known */
		} state;
		struct {
			const char *username; /* "" when none came */
			const char
				*password; /* a secret; of a static challenge, without its answer;
					      "" when it is a token */
			const char *response; /* to a challenge, a secret; NULL: none */
			const char *state;    /* of the dynamic challenge that it answers; NULL */
			bool again;	      /* of a renegotiation */
			enum lnl_token_seen token;
		} login;
		struct {
			const char *prefix;
			const char *op; /* "add", "delete" */
		} learn;
		const char *text;
		struct lnl_extension_message message;
		int signal;
		struct {
			int error; /* 0 or LNL_E_* */
			const char *const *addresses;
			unsigned n;
		} resolved;
		struct {
			int error;
			int status; /* exit status; 128 + signal when killed */
			bool timeout;
			struct lnl_bytes out, err; /* at most 64 KiB each */
		} exited;
		const struct lnl_http_answer *http;
		const struct lnl_dial_answer *dial;
		const struct lnl_probe_answer *probe;
	} u;
};

/* Takes the next event: true, or false when there is none. */
bool lnl_engine_next(struct lnl_engine *e, struct lnl_event *ev);

/*
 * Takes the next log record: true, or false; |*lost| is how many were lost before it because
 * nobody took them.
 */
bool lnl_engine_record(struct lnl_engine *e, struct lnl_record *out, uint64_t *lost);

/*
 * ---- replies; each returns 0, or LNL_E_NOTFOUND when the ticket is dead (already answered,
 * timed out, its owner gone) ----
 */

/*
 * |remote| is copied; |index| its place in the client's list, or -1. |delay| in seconds before
 * connecting.
 */
int lnl_reply_remote(struct lnl_engine *e, uint64_t ticket, const struct lnl_remote *remote,
		     int index, double delay);
/* Copied and wiped after use. NULL |username|: there are none, the attempt fails with |reason|. */
int lnl_reply_credentials(struct lnl_engine *e, uint64_t ticket, const char *username,
			  const char *password, const char *reason);
int lnl_reply_answer(struct lnl_engine *e, uint64_t ticket, const char *answer, const char *reason);
int lnl_reply_verdict(struct lnl_engine *e, uint64_t ticket, bool ok, const char *reason);
/* |list| NULL with |reason|: refuse. */
int lnl_reply_options(struct lnl_engine *e, uint64_t ticket, const char *const *list, unsigned n,
		      const char *reason);
/* |seconds| to wait; negative: stop for good with |reason|. */
int lnl_reply_reconnect(struct lnl_engine *e, uint64_t ticket, double seconds, const char *reason);

enum lnl_login_verdict {
	LNL_LOGIN_OK,
	/* |text| is told to the client; empty: nothing; NULL: nothing, and the log says: no answer */
	LNL_LOGIN_DENY,
	LNL_LOGIN_CHALLENGE, /* |text|: "CRV1:flags:state:user:text" */
	LNL_LOGIN_TEMP,	     /* |text|: "[backoff 30]:try later", as OpenVPN has it */
};
int lnl_reply_login(struct lnl_engine *e, uint64_t ticket, enum lnl_login_verdict v,
		    const char *text);

/* What one client gets. */
struct lnl_grant_options {
	const char *pool;		/* name; NULL: everybody's */
	const char *address, *address6; /* fixed ones, instead of the pool's */
	const char *const *routes;	/* prefixes behind the client (iroute) */
	unsigned n_routes;
	bool push_reset;	 /* nothing of the server's own push list */
	const char *const *push; /* more of it */
	unsigned n_push;
	const char *const *push_remove; /* beginnings of options that are left out */
	unsigned n_push_remove;
	double rate_down,
		rate_up;    /* bits a second to the client and from it; 0: none; as `expires` */
	const char *filter; /* a lane of the server's, by name; NULL: none */
	double expires; /* seconds until the connection ends; 0: it does not; below, NaN: denied */
};
/*
 * |g| NULL: denied, and |text| (as of LNL_LOGIN_DENY) told to the client. An address that is taken, a pool or a filter that is
 * not there, a pool that is used up, or an option that cannot be pushed deny, too, and are logged.
 */
int lnl_reply_grant(struct lnl_engine *e, uint64_t ticket, const struct lnl_grant_options *g,
		    const char *text);
/*
 * |len| bytes are the answer to a line; with |end| the connection is closed behind them. LNL_E_LIMIT,
 * LNL_E_NOMEM: too much waits to be read already, and the connection was closed.
 */
int lnl_reply_line(struct lnl_engine *e, uint64_t ticket, const char *text, size_t len, bool end);
/* The default, now: what an errored hook gets. */
int lnl_reply_default(struct lnl_engine *e, uint64_t ticket);

/* ---- tunnels ---- */

/*
 * Checks and copies |o| and makes a client that starts to connect in the next turn. Errors:
 * LNL_E_INVAL, LNL_E_KEY, LNL_E_CERT, LNL_E_PASSWORD (the private key's pass phrase is wrong or
 * missing), LNL_E_UNSUPPORTED, LNL_E_NOMEM; |why| is a sentence that names option and cause.
 * |*tunnel| is a handle, never 0.
 */
int lnl_tunnel_open(struct lnl_engine *e, const struct lnl_tunnel_options *o, uint32_t *tunnel,
		    struct lnl_reason *why);
/* Ends it with goodbye; LNL_EVENT_CLOSED follows. |reason| for the log. LNL_E_NOTFOUND. */
int lnl_tunnel_stop(struct lnl_engine *e, uint32_t tunnel, const char *reason);
/*
 * Connects anew (SIGUSR1; with |hard| also closing the device, SIGHUP). |remote| NULL: by policy.
 */
int lnl_tunnel_reconnect(struct lnl_engine *e, uint32_t tunnel, bool hard,
			 const struct lnl_remote *remote, int index, const char *reason);
/*
 * The certificate at |i| of the peer's chain during VERIFY_CERT, as text fields; false past the
 * end.
 */
struct lnl_cert_info {
	unsigned depth;
	const char *subject, *issuer, *cn, *serial;
	const char *san[16];
	unsigned n_san;
	char fingerprint[96]; /* "AA:BB:..." SHA-256 */
	char sha1[60];	      /* the same by SHA-1, for programs that know no other */
	uint64_t not_before, not_after;
};
bool lnl_tunnel_cert(struct lnl_engine *e, uint32_t tunnel, unsigned i, struct lnl_cert_info *out);
/* Counters as last told by the data plane (asked for every second). LNL_E_NOTFOUND. */
int lnl_tunnel_stats(struct lnl_engine *e, uint32_t tunnel, struct lnl_stats *out);
enum lnl_state lnl_tunnel_state(struct lnl_engine *e, uint32_t tunnel);
/* Sends a control text. LNL_E_NOTFOUND, LNL_E_STATE, LNL_E_INVAL. */
int lnl_tunnel_text(struct lnl_engine *e, uint32_t tunnel, const char *text);
int lnl_tunnel_renegotiate(struct lnl_engine *e, uint32_t tunnel);

/* ---- servers ---- */

/*
 * Checks and copies |o|, opens the device and the sockets, and listens. Errors: those of
 * lnl_tunnel_open; LNL_E_PERM, LNL_E_EXIST (an address in use), LNL_E_NOTFOUND, LNL_E_SYSTEM. The
 * handle is one of the tunnels': lnl_tunnel_stop ends it (clients are told), LNL_EVENT_STATE tells
 * "up", LNL_EVENT_CLOSED its end.
 */
int lnl_server_open(struct lnl_engine *e, const struct lnl_server_options *o, uint32_t *server,
		    struct lnl_reason *why);

/*
 * What lnl_server_open would say of |o| as far as that can be told without device and sockets, which
 * another may have: nothing of the machine is touched.
 */
int lnl_server_check(struct lnl_engine *e, const struct lnl_server_options *o,
		     struct lnl_reason *why);

/* A server's client, as known so far; texts are valid until the next turn. */
struct lnl_peer_info {
	const char *name;    /* what it is called in leases and logs: cn, or user name */
	const char *cn;	     /* "" without a certificate */
	const char *user;    /* "" without one */
	const char *address; /* where it is: "192.0.2.7:41194" */
	const char *proto;   /* "udp" or "tcp" */
	const char *address4, *address6; /* inside; "" for none */
	const char *peer_info;		 /* IV_ and UV_ lines */
	const char *cipher;		 /* "" before keys */
	const uint8_t *metadata;	 /* of its tls-crypt-v2 key: type and bytes */
	size_t metadata_len;
	bool up;
	uint64_t connected_at; /* seconds since 1970; 0: not yet */
};
/* LNL_E_NOTFOUND. */
int lnl_peer_info(struct lnl_engine *e, uint32_t server, uint32_t peer, struct lnl_peer_info *out);
/* Counters as last told by the data plane. LNL_E_NOTFOUND. */
int lnl_peer_stats(struct lnl_engine *e, uint32_t server, uint32_t peer, struct lnl_stats *out);
/* The certificate at |i| of its chain, until authentication is answered; as lnl_tunnel_cert. */
bool lnl_peer_cert(struct lnl_engine *e, uint32_t server, uint32_t peer, unsigned i,
		   struct lnl_cert_info *out);
/*
 * Ends a connection, telling the client |text| first ("HALT,why", "RESTART"; NULL: nothing).
 * LNL_E_NOTFOUND.
 */
int lnl_peer_kill(struct lnl_engine *e, uint32_t server, uint32_t peer, const char *text);
/* Sends a control text. LNL_E_NOTFOUND, LNL_E_STATE, LNL_E_INVAL. */
int lnl_peer_text(struct lnl_engine *e, uint32_t server, uint32_t peer, const char *text);
int lnl_peer_renegotiate(struct lnl_engine *e, uint32_t server, uint32_t peer);
/* The next peer behind |peer| (LNL_NO_PEER: the first) that is not at its end, or LNL_NO_PEER. */
uint32_t lnl_peer_next(struct lnl_engine *e, uint32_t server, uint32_t peer);

/* ---- a capture: packets and control messages as pcapng, for who looks closer ---- */

struct lnl_capture_options {
	int fd;		 /* where it is written: a file or pipe, owned from then on */
	const char *who; /* a server's client by name, user name or address; NULL: everybody */
	unsigned keep;	 /* bytes of each packet, 0: all */
	uint64_t most;	 /* bytes, after which it ends; 0: no end */
};

/*
 * Writes what passes from now on, of all tunnels and servers, as three interfaces: "tunnel" has the
 * packets inside (of a datagram that was dropped what is known of it, and why, as comment), "control"
 * the control channel's packets without their wrapping, as UDP datagrams, "messages" its texts,
 * without tokens and answers to challenges. What cannot be written in time is lost and counted.
 * LNL_E_STATE: one is under way; LNL_E_NOMEM, LNL_E_SYSTEM: |fd| is closed, |why| a sentence.
 */
int lnl_capture_start(struct lnl_engine *e, const struct lnl_capture_options *o,
		      struct lnl_reason *why);

struct lnl_capture_sum {
	uint64_t packets, bytes; /* written */
	uint64_t lost;		 /* packets */
};
/* Ends it, with its sum in |out| (may be NULL). LNL_E_NOTFOUND: there is none. */
int lnl_capture_stop(struct lnl_engine *e, struct lnl_capture_sum *out);

/* ---- desks: local sockets for people and programs, lines in, text out ---- */

/*
 * Who connects to a desk speaks in lines of at most 1,024 bytes (or long ones), each a question to the host
 * (LNL_EVENT_LINE) that is answered before the next one is read. It is no more than 32 connections,
 * of which the one that is silent for the longest makes room, and 16 MiB of answers that are not read
 * yet. A browser's request, what is no text and a longer line end a connection. A desk keeps no engine
 * running.
 */
struct lnl_desk_options {
	const char *path;    /* a Unix socket, for its owner alone; NULL: TCP */
	const char *address; /* TCP: one IP address of this machine */
	uint16_t port;
	/*
	 * Whose |path| is; NULL: the helper's, which is root where we were. With |group| alone its
	 * members may connect, with both the user, by a process of that group.
	 */
	const char *user, *group;
	bool own_user;	      /* who connects is root, or the user that we run as */
	bool long_lines;      /* 16,384 bytes */
	double answer_by;     /* seconds after which a line gets its default; 0: 30 */
	const char *greeting; /* to who is let in; NULL: none */
	const char *password; /* to be said first, of at most 127 bytes; NULL: none */
};

/*
 * Listens. What lies at |path| is replaced only if it is a socket that nobody listens on; it is removed
 * at the end, however that comes. LNL_E_INVAL, LNL_E_EXIST (something is there), LNL_E_PERM,
 * LNL_E_NOTFOUND (folder, user, group), LNL_E_LIMIT, LNL_E_NOMEM, LNL_E_SYSTEM; |why| is a sentence.
 * After the first turn only paths that were opened before.
 */
int lnl_desk_open(struct lnl_engine *e, const struct lnl_desk_options *o, uint32_t *desk,
		  struct lnl_reason *why);
/* Ends its connections at once and removes the socket. LNL_E_NOTFOUND. */
int lnl_desk_close(struct lnl_engine *e, uint32_t desk);

/* Delivers |signo| as LNL_EVENT_SIGNAL from now on. LNL_E_SYSTEM. */
int lnl_engine_signal(struct lnl_engine *e, int signo);
/*
 * Tells of the machine's network by LNL_EVENT_NETWORK from now on; again is fine. LNL_E_NOMEM,
 * LNL_E_SYSTEM with a sentence in |why|.
 */
int lnl_engine_network(struct lnl_engine *e, struct lnl_reason *why);
/* Seconds, monotonic; and since 1970. */
double lnl_engine_now(const struct lnl_engine *e);
double lnl_engine_wallclock(const struct lnl_engine *e);

/* ---- about this build ---- */

struct lnl_build {
	const char *version, *wolfssl, *libev, *cares;
	bool assembly;
	bool udp_segment, udp_gro, tun_vnet; /* what this kernel can */
};
void lnl_build_info(struct lnl_build *out);
/* Comma-separated names, static storage: data ciphers and digests this build knows. */
const char *lnl_cipher_list(void);
/*
 * What a client says of |option|, "route 10.0.0.0 255.0.0.0", when a server pushes it: 0 when it
 * takes it or passes over it knowingly; LNL_E_NOTFOUND with |why| when there is no such option,
 * LNL_E_FORMAT, LNL_E_INVAL or LNL_E_LIMIT when its values are wrong; LNL_E_NOMEM. What OpenVPN's
 * clients take and ours does not is no error.
 */
int lnl_push_check(const char *option, struct lnl_reason *why);
/* The |i|th name of an option that a server may push, NULL after the last. */
const char *lnl_push_name(unsigned i);

#include "lunel_pki.h"
#include "lunel_services.h" /* what scripts wait for */

#endif
