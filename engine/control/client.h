/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's side of one connection: from the first packet over handshake, credentials and
 * PUSH_REPLY to keys in the data plane, renegotiations and the end. It is given a transport
 * that stands (datagrams in, datagrams out) and tells its owner by events. Choosing remotes,
 * waiting between attempts and touching the machine are the owner's.
 */
#ifndef LNL_CONTROL_CLIENT_H
#define LNL_CONTROL_CLIENT_H

#include "control/acc.h"
#include "control/push.h"
#include "control/session.h"
#include "data/data.h"
#include "wire/message.h"
#include "wire/peerinfo.h"

#define LNL_CIPHERS_MAX 8

/*
 * What all attempts share. Pointers stay the owner's. Times in microseconds unless said
 * otherwise.
 */
struct lnl_client_conf {
	struct lnl_session_conf session;
	uint32_t peer;				  /* handle of our one peer in the data plane */
	unsigned caps;				  /* enum lnl_data_cap of the data plane */
	enum lnl_cipher ciphers[LNL_CIPHERS_MAX]; /* data-ciphers, in order */
	unsigned n_ciphers;
	enum lnl_cipher
		/*
		 * data-ciphers-fallback or `cipher`, for servers without negotiation; NONE:
		 * refuse those
		 */
		fallback;
	enum lnl_digest auth;
	enum lnl_framing framing;
	uint32_t replay_window;
	bool pull;
	bool tap;
	bool ipv6_transport;
	bool verify_asks;    /* emit LNL_CLIENT_VERIFY and wait; else accept what TLS accepted */
	bool auth_user_pass; /* credentials are sent, and renewed by token */
	bool push_peer_info;
	bool disable_occ;
	bool tls_auth; /* for the OCC string */
	int key_direction;
	unsigned tun_mtu;
	int mssfix;
	bool mssfix_mtu, mssfix_fixed;
	unsigned lanes; /* bytes that lanes add to a packet */
	const char *const
		*options; /* the profile's network options, as texts: "route 10.0.0.0 255.0.0.0" */
	unsigned n_options;
	const struct lnl_pull_filter *filters;
	unsigned n_filters;
	const char *version;	     /* IV_VER */
	const char *platform;	     /* IV_PLAT */
	const char *peer_info_extra; /* UV_ lines, only with push_peer_info */
	const char *peer_info_own;   /* lines that are always sent */
	const char *hwaddr;
	const struct lnl_acc_conf *acc;	   /* protocol extensions; NULL: none */
	int ping, ping_restart, ping_exit; /* seconds, -1: not set; the server's override them */
	bool ping_timer_rem;
	int explicit_exit_notify;	     /* times; 0: none */
	int session_timeout;		     /* seconds; 0: none */
	uint64_t reneg_bytes, reneg_packets; /* 0: none */
	uint32_t first_data_id;		     /* 0, or a test's start for packet ids */
};

/* Why an attempt or a connection ended; the code that scripts see. */
#define LNL_CAUSES(X)                                                                              \
	X(NONE, "none")                                                                            \
	X(RESOLVE, "resolve_failed")                                                               \
	X(CONNECT, "connect_failed")                                                               \
	X(TIMEOUT, "timeout") /* no answer, or no end of the handshake in time */                  \
	X(TLS, "tls_failed")                                                                       \
	X(CERT, "certificate_refused")                                                             \
	X(AUTH_FAILED, "auth_failed")                                                              \
	X(AUTH_TEMP, "auth_failed_temporarily")                                                    \
	X(AUTH_SESSION, "session_expired")                                                         \
	X(CHALLENGE, "challenge") /* the server wants an answer: try again with it */              \
	X(PUSH, "push_failed")	  /* no PUSH_REPLY, refused by a filter, or unusable */            \
	X(CIPHER, "no_common_cipher")                                                              \
	X(PING, "ping_restart")                                                                    \
	X(PING_EXIT, "ping_exit")                                                                  \
	X(RESTART, "server_restart")                                                               \
	X(HALT, "server_halt")                                                                     \
	X(EXIT, "server_exit")                                                                     \
	X(CLOSED, "connection_closed") /* TCP */                                                   \
	X(DECRYPT, "decrypt_failed")   /* over TCP */                                              \
	X(INACTIVE, "inactive")                                                                    \
	X(SESSION_TIMEOUT, "session_timeout")                                                      \
	X(CREDENTIALS, "no_credentials")                                                           \
	X(TUN, "tun_failed")                                                                       \
	X(NET, "network_setup_failed")                                                             \
	X(SCRIPT, "script_refused")                                                                \
	X(USER, "user") /* asked for: signal, console, script */                                   \
	X(INTERNAL, "internal")

enum lnl_cause {
#define X(name, text) LNL_CAUSE_##name,
	LNL_CAUSES(X)
#undef X
};

/* "auth_failed" and so on; static storage. */
const char *lnl_cause_name(enum lnl_cause c);
/* Why a connection ends whose session failed with this LNL_E_*. */
enum lnl_cause lnl_cause_of(int error);

/* How far it had come. */
enum lnl_phase {
	LNL_PHASE_CONNECT,   /* nothing heard of the server yet */
	LNL_PHASE_HANDSHAKE, /* it answered; TLS and key exchange */
	LNL_PHASE_AUTH,	     /* waiting for its verdict and PUSH_REPLY */
	LNL_PHASE_CONFIGURE, /* options are there; device and routes are the owner's to set */
	LNL_PHASE_UP,
	LNL_PHASE_CLOSED,
};

/* "connect", "handshake", "auth", "configure", "up", "closed"; static storage. */
const char *lnl_phase_name(enum lnl_phase p);

enum lnl_client_event_kind {
	LNL_CLIENT_NONE,
	/* The phase changed (logs, states). */
	LNL_CLIENT_PHASE,
	/* With verify_asks: the chain is in lnl_client_chain; answer by lnl_client_verified. */
	LNL_CLIENT_VERIFY,
	/*
	 * All options of the server are there and passed the filters: lnl_client_options.
	 * Answer by lnl_client_configure in the same turn.
	 */
	LNL_CLIENT_PULLED,
	/* To the data plane, in this order; `data`. */
	LNL_CLIENT_PEER_ADD,
	LNL_CLIENT_PEER_SET,
	LNL_CLIENT_KEY_INSTALL,
	LNL_CLIENT_KEY_SWAP,
	LNL_CLIENT_KEY_EXPIRE, /* the secondary, at `when` */
	LNL_CLIENT_KEY_DEL,
	LNL_CLIENT_SPECIAL, /* OCC EXIT */
	/* The first keys are in place: apply lnl_client_pulled's net, then packets may flow. */
	LNL_CLIENT_UP,
	/*
	 * A new auth-token, in `text` (a secret), user name in `text2` or NULL: for the next
	 * attempt.
	 */
	LNL_CLIENT_TOKEN,
	/*
	 * The server asks: text in `text`, flags echo and response; answer by
	 * lnl_client_respond when response is set.
	 */
	LNL_CLIENT_CHALLENGE,
	/* A page to open, in `text`. */
	LNL_CLIENT_OPEN_URL,
	/* INFO and control texts that nobody here understands. */
	LNL_CLIENT_TEXT,
	/* A message of a protocol extension: lnl_client_message gives it, one for each event. */
	LNL_CLIENT_MESSAGE,
	/* It is over: `cause`, a sentence in `text`, hints in `end`. Nothing follows. */
	LNL_CLIENT_CLOSED,
};

/* What the server said about what comes after. */
struct lnl_client_end {
	enum lnl_advance advance; /* AUTH_FAILED,TEMP; RESTART,[N] */
	uint32_t backoff;	  /* seconds; 0: none given */
	bool keep_auth;		  /* do not drop cached credentials */
	bool drop_token;	  /* the token is no good any more */
	/*
	 * Cause CHALLENGE (CRV1): what to answer with, as it came (not cleaned); empty state
	 * otherwise.
	 */
	bool echo, response;
	char challenge_state[LNL_MESSAGE_FIELD + 1];
	char challenge_user[LNL_MESSAGE_FIELD + 1];
};

struct lnl_client_event {
	enum lnl_client_event_kind kind;
	enum lnl_phase phase;
	enum lnl_cause cause;
	const char *text; /* valid until the next call on the client */
	const char *text2;
	bool echo, response;
	uint64_t when;
	enum lnl_slot slot;
	enum lnl_special special;
	struct lnl_peer_conf peer;
	struct lnl_key_conf key; /* wiped by the taker: lnl_client_event_wipe */
	struct lnl_client_end end;
};

/* Wipes the secrets of an event that was handled. */
void lnl_client_event_wipe(struct lnl_client_event *e);

struct lnl_client;

/*
 * Begins an attempt over a transport that stands. |username| and |password| (NULL: none) are
 * copied, and wiped in the end. |conf| must outlive it. LNL_E_NOMEM, LNL_E_RANDOM.
 */
int lnl_client_new(struct lnl_client **out, const struct lnl_client_conf *conf,
		   const char *username, const char *password, uint64_t now);
/* Wipes and releases; |c| may be NULL. */
void lnl_client_free(struct lnl_client *c);

/* A control packet arrived; see lnl_session_input. */
enum lnl_drop lnl_client_input(struct lnl_client *c, const uint8_t *data, size_t len, uint64_t now);
/*
 * The next packet to send; see lnl_session_output. There is none while LNL_CLIENT_KEY_INSTALL waits
 * to be taken: the key is in its place before the server may use it.
 */
size_t lnl_client_output(struct lnl_client *c, uint8_t *out, size_t cap, uint64_t now);
/* The data plane noticed something of our peer. */
void lnl_client_notice(struct lnl_client *c, const struct lnl_notice *n, uint64_t now);
/* Timers. */
void lnl_client_tick(struct lnl_client *c, uint64_t now);
uint64_t lnl_client_next_due(const struct lnl_client *c);
/* The next event: true, or false when there is none. */
bool lnl_client_next(struct lnl_client *c, struct lnl_client_event *e, uint64_t now);

/* Answers LNL_CLIENT_VERIFY. |reason| says why not (NULL when |ok|). LNL_E_STATE. */
int lnl_client_verified(struct lnl_client *c, bool ok, const char *reason, uint64_t now);
/* The peer's chain while TLS stands. */
unsigned lnl_client_chain_len(struct lnl_client *c);
const struct lnl_cert *lnl_client_chain(struct lnl_client *c, unsigned i);

/* The pushed options, in order, filtered; texts stay valid until lnl_client_configure. */
unsigned lnl_client_options_len(const struct lnl_client *c);
const char *lnl_client_option(const struct lnl_client *c, unsigned i);
/*
 * Answers LNL_CLIENT_PULLED with the options to use (NULL: as they came), or refuses them with
 * |reason|. What may not be pushed is dropped and logged, whoever added it. LNL_E_STATE.
 */
int lnl_client_configure(struct lnl_client *c, const char *const *options, unsigned n,
			 const char *reason, uint64_t now);
/* What came of it; valid from LNL_CLIENT_UP on. */
const struct lnl_pulled *lnl_client_pulled(const struct lnl_client *c);

/* Answers a CR_TEXT challenge. LNL_E_STATE. */
int lnl_client_respond(struct lnl_client *c, const char *answer, uint64_t now);
/* Sends a control text of a script's. LNL_E_STATE, LNL_E_INVAL. */
int lnl_client_send_text(struct lnl_client *c, const char *text, uint64_t now);

/* The message of LNL_CLIENT_MESSAGE, or false; valid until the next call of this. */
bool lnl_client_message(struct lnl_client *c, struct lnl_acc_message *m);
/* Whether both ends have agreed on |protocol|: from LNL_CLIENT_UP on. */
bool lnl_client_supports(const struct lnl_client *c, const char *protocol);
/* Sends a message. LNL_E_STATE (not up); errors of lnl_acc_send. */
int lnl_client_send_message(struct lnl_client *c, const char *protocol, const void *data,
			    size_t len, uint64_t now);
/* NULL: no protocol is agreed on. */
const struct lnl_acc_counters *lnl_client_messages(const struct lnl_client *c);

/* Renegotiates now (console, SIGUSR2-like tools, tests). */
int lnl_client_renegotiate(struct lnl_client *c, uint64_t now);

/*
 * Says goodbye where explicit-exit-notify or cc-exit allow it: after it, packets to send and
 * specials may come until LNL_CLIENT_CLOSED with |cause|, at most a few seconds later.
 */
void lnl_client_close(struct lnl_client *c, enum lnl_cause cause, uint64_t now);

/* As lnl_session_rtt. */
uint64_t lnl_client_rtt(const struct lnl_client *c);
enum lnl_phase lnl_client_phase(const struct lnl_client *c);

#endif
