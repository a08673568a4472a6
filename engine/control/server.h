/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server's side of one connection: from an admitted client over handshake, credentials and
 * PUSH_REPLY to keys in the data plane, renegotiations and the end. The twin of client.h: packets
 * in, packets and events out. Who may come, with which address, and what the machine does, is the
 * owner's.
 */
#ifndef LNL_CONTROL_SERVER_H
#define LNL_CONTROL_SERVER_H

#include "control/acc.h"
#include "control/admission.h"
#include "control/client.h" /* enum lnl_cause, LNL_CIPHERS_MAX */
#include "control/reply.h"
#include "control/session.h"
#include "data/data.h"

/* What all connections share. Pointers stay the owner's. */
struct lnl_server_conf {
	struct lnl_session_conf session;	  /* `tcp` and `wrap` are each connection's own */
	unsigned caps;				  /* enum lnl_data_cap of the data plane */
	enum lnl_cipher ciphers[LNL_CIPHERS_MAX]; /* data-ciphers: our order decides */
	unsigned n_ciphers;
	enum lnl_cipher fallback; /* for clients that negotiate none; NONE: refuse those */
	enum lnl_digest auth;
	enum lnl_framing framing;
	uint32_t replay_window;
	bool tap;
	bool verify_asks; /* emit LNL_SERVER_VERIFY and wait; else accept what TLS accepted */
	bool user_pass;	  /* who gives no user name is refused before anybody is asked ... */
	bool user_pass_optional; /* ... unless this is set */
	bool tls_auth;		 /* for the OCC string */
	int key_direction;
	unsigned tun_mtu;
	int mssfix;
	bool mssfix_mtu, mssfix_fixed;
	unsigned lanes;			     /* bytes that lanes add to a packet */
	int ping, ping_restart;		     /* our own, in seconds; 0: none */
	uint64_t reneg_bytes, reneg_packets; /* 0: none */
	uint32_t first_data_id;		     /* 0, or a test's start for packet ids */
	bool disable_occ;
	const struct lnl_acc_conf *acc; /* protocol extensions; NULL: none */
};

/* What begins one connection. */
struct lnl_server_start {
	const struct lnl_admitted *admitted;
	uint32_t peer; /* handle in the data plane; also the peer-id on the wire */
	bool tcp, ipv6;
};

enum lnl_server_event_kind {
	LNL_SERVER_NONE,
	/* With verify_asks: the chain is in lnl_server_chain; answer by lnl_server_verified. */
	LNL_SERVER_VERIFY,
	/*
	 * The client's record is there: lnl_server_login. Answer by lnl_server_judged, now or
	 * later; without an answer in hand-window the client is refused. `again`: a renegotiation,
	 * with the same certificate as before, but who logs in is for the owner to compare; the old
	 * keys work on until the answer, at most for tran-window.
	 */
	LNL_SERVER_AUTHENTICATE,
	/*
	 * The client is authenticated: answer by lnl_server_grant (or lnl_server_deny), now or
	 * later. Once a connection.
	 */
	LNL_SERVER_AUTHORIZE,
	/* To the data plane, in this order. */
	LNL_SERVER_PEER_ADD,
	LNL_SERVER_KEY_INSTALL,
	LNL_SERVER_KEY_SWAP,
	LNL_SERVER_KEY_EXPIRE, /* the secondary, at `when` */
	LNL_SERVER_KEY_DEL,
	/*
	 * Granted: packets may flow. PUSH_REPLY is on its way, or waits for a client that has to
	 * ask first. Once a connection.
	 */
	LNL_SERVER_UP,
	LNL_SERVER_RESPONSE, /* CR_RESPONSE: the decoded answer in `text`, a secret */
	LNL_SERVER_TEXT,     /* a control text of a granted client's that nobody here understands */
	/* A message of a protocol extension: lnl_server_message gives it, one for each event. */
	LNL_SERVER_MESSAGE,
	/*
	 * It is over: `cause`, a sentence in `text`. Nothing follows; what lnl_server_output still
	 * has (an alert) is worth sending once.
	 */
	LNL_SERVER_CLOSED,
};

struct lnl_server_event {
	enum lnl_server_event_kind kind;
	bool again;
	enum lnl_cause cause;
	enum lnl_phase phase;
	const char *text; /* valid until the next call on the connection */
	uint64_t when;
	enum lnl_slot slot;
	struct lnl_peer_conf peer;
	struct lnl_key_conf key; /* wiped by the taker: lnl_server_event_wipe */
};

void lnl_server_event_wipe(struct lnl_server_event *e);

/* What a client said in its record; valid until the answer to AUTHENTICATE, then "". */
struct lnl_login {
	const char *username; /* "" for none; control bytes became '_' */
	const char *password; /* a secret */
	const char *peer_info;
};

/* What a granted client gets. Strings are copied. */
struct lnl_grant {
	const char *const *push; /* options in order, complete but for what lnl_reply_facts adds */
	unsigned n_push;
	int ping, ping_restart; /* our side's, in seconds; -1: as configured */
	unsigned lanes;		/* bytes that lanes of its own add to a packet */
	uint64_t ends_at;	/* when the connection ends by itself; LNL_NEVER */
};

struct lnl_server;

/*
 * Begins a connection with who was admitted; the packet that did it has still to be given to
 * lnl_server_input. |conf| must outlive it; the secrets of |start| are copied. LNL_E_NOMEM,
 * LNL_E_RANDOM.
 */
int lnl_server_new(struct lnl_server **out, const struct lnl_server_conf *conf,
		   const struct lnl_server_start *start, uint64_t now);
/* Wipes and releases; |s| may be NULL. */
void lnl_server_free(struct lnl_server *s);
/* From now on |tap| (NULL: nobody), which has to outlive |s|, sees its control channel. */
void lnl_server_watch(struct lnl_server *s, const struct lnl_session_tap *tap);
/* Who does; |s| may be NULL. */
const struct lnl_session_tap *lnl_server_watched(const struct lnl_server *s);

/* A control packet arrived, without a WKc behind it; see lnl_session_input. */
enum lnl_drop lnl_server_input(struct lnl_server *s, const uint8_t *data, size_t len, uint64_t now);
/*
 * The next packet to send; see lnl_session_output. Best asked for once there are no more events:
 * then a key is in the data plane before the client hears that it may use it.
 */
size_t lnl_server_output(struct lnl_server *s, uint8_t *out, size_t cap, uint64_t now);
/* The data plane noticed something of this peer. */
void lnl_server_notice(struct lnl_server *s, const struct lnl_notice *n, uint64_t now);
void lnl_server_tick(struct lnl_server *s, uint64_t now);
uint64_t lnl_server_next_due(const struct lnl_server *s);
/* The next event: true, or false when there is none. */
bool lnl_server_next(struct lnl_server *s, struct lnl_server_event *e, uint64_t now);

/*
 * Answers LNL_SERVER_VERIFY. |reason| says why not, for the log; who is up already is told by
 * AUTH_FAILED. LNL_E_STATE.
 */
int lnl_server_verified(struct lnl_server *s, bool ok, const char *reason, uint64_t now);
/* The peer's chain from VERIFY until AUTHENTICATE is answered. */
unsigned lnl_server_chain_len(struct lnl_server *s);
const struct lnl_cert *lnl_server_chain(struct lnl_server *s, unsigned i);
/* The common name of the peer's certificate, cleaned; "" without one. Valid while |s| is. */
const char *lnl_server_cn(const struct lnl_server *s);
/* The client's record (AUTHENTICATE) and its peer info (for the connection's life). */
const struct lnl_login *lnl_server_login(const struct lnl_server *s);
const char *lnl_server_peer_info(const struct lnl_server *s);

enum lnl_judgement {
	LNL_JUDGED_OK,
	LNL_JUDGED_DENY,      /* |text| is the reason that the client is told, "" for none */
	LNL_JUDGED_CHALLENGE, /* |text| is a whole "CRV1:flags:state:user:text" */
	LNL_JUDGED_TEMP,      /* |text| is what stands behind "AUTH_FAILED,TEMP" */
};
/*
 * Answers LNL_SERVER_AUTHENTICATE. Not OK: the client is told by AUTH_FAILED, and the connection
 * closes a little later, whether it reacts or not. LNL_E_STATE when nothing was asked (a late or
 * second answer changes nothing).
 */
int lnl_server_judged(struct lnl_server *s, enum lnl_judgement j, const char *text, uint64_t now);
/*
 * The answer takes longer: tells the client (AUTH_PENDING and, when |info| is not NULL,
 * INFO_PRE,|info|), if it can understand that, and lets the negotiation wait for |seconds|.
 */
int lnl_server_pending(struct lnl_server *s, unsigned seconds, const char *info, uint64_t now);
/* Answers LNL_SERVER_AUTHORIZE. LNL_E_STATE; LNL_E_INVAL for an option that cannot be pushed. */
int lnl_server_grant(struct lnl_server *s, const struct lnl_grant *g, uint64_t now);
/*
 * |text| beginning with "TEMP[...]" is for now only, as LNL_JUDGED_TEMP; who does not know that is told
 * what stands behind it.
 */
int lnl_server_deny(struct lnl_server *s, const char *text, uint64_t now);

/* Sends a control text. LNL_E_STATE, LNL_E_INVAL. */
int lnl_server_send_text(struct lnl_server *s, const char *text, uint64_t now);

/* The message of LNL_SERVER_MESSAGE, or false; valid until the next call of this. */
bool lnl_server_message(struct lnl_server *s, struct lnl_acc_message *m);
/* Whether both ends have |protocol|: from LNL_SERVER_UP on. */
bool lnl_server_supports(const struct lnl_server *s, const char *protocol);
/* Sends a message, once the client has its PUSH_REPLY. LNL_E_STATE; errors of lnl_acc_send. */
int lnl_server_send_message(struct lnl_server *s, const char *protocol, const void *data,
			    size_t len, uint64_t now);
/* NULL: no protocol is agreed on. */
const struct lnl_acc_counters *lnl_server_messages(const struct lnl_server *s);

int lnl_server_renegotiate(struct lnl_server *s, uint64_t now);
/*
 * The data plane has found the client elsewhere: what it has not acknowledged is sent again at once. (A
 * renegotiation that began just before would else wait for longer than its hand-window has.)
 */
void lnl_server_moved(struct lnl_server *s, uint64_t now);
/*
 * Ends it: sends |text| first ("RESTART", "HALT", "AUTH_FAILED,SESSION:..."; NULL: nothing), then
 * LNL_SERVER_CLOSED with |cause| once that is acknowledged, at latest after 5 s; repeated calls and
 * whatever the client sends do not put it off.
 */
void lnl_server_close(struct lnl_server *s, enum lnl_cause cause, const char *text, uint64_t now);

/* Why it is ending already, though the end is not told yet (CLOSED comes): NONE when it is not. */
enum lnl_cause lnl_server_closing(const struct lnl_server *s);
/* As lnl_session_rtt. */
uint64_t lnl_server_rtt(const struct lnl_server *s);
enum lnl_phase lnl_server_phase(const struct lnl_server *s);
/* What was negotiated: NONE before keys. */
enum lnl_cipher lnl_server_cipher(const struct lnl_server *s);

#endif
