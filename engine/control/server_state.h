/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server's inside, shared by server*.c alone. */
#ifndef LNL_CONTROL_SERVER_STATE_H
#define LNL_CONTROL_SERVER_STATE_H

#include "control/server.h"

#define LNL_SERVER_EVENTS 12

/* An event that waits. What is long or secret is put together when it is taken. */
struct lnl_server_note {
	uint8_t kind;  /* enum lnl_server_event_kind */
	uint8_t cause; /* enum lnl_cause */
	uint8_t phase; /* enum lnl_phase */
	uint8_t slot;  /* enum lnl_slot */
	uint8_t key_id;
	bool again;
	uint64_t when;
	char *text; /* from env; wiped */
};

/* tls-crypt-v2: the keys of this client alone. */
struct lnl_server_wrap {
	struct lnl_wrap_key key;
	struct lnl_static_key raw;
};

/* What a client can and wants, by its record. */
struct lnl_server_facts {
	uint32_t proto;		/* IV_PROTO */
	enum lnl_cipher cipher; /* chosen; NONE: there is none that both have */
	bool negotiates;	/* it is told the cipher */
	bool knows_mtu;
};

struct lnl_server {
	const struct lnl_server_conf *conf;
	const struct lnl_env *env;
	const struct lnl_log *log;
	struct lnl_session_conf session_conf;
	struct lnl_server_wrap *wrap; /* NULL: the shared one */
	struct lnl_session *session;
	/* In an order without holes: a server has very many of these. */
	uint32_t peer;
	bool ipv6;
	bool has_cert;
	enum lnl_phase phase;
	struct lnl_server_facts facts;

	char *cn;	     /* NULL: none */
	uint8_t cert[32];    /* its fingerprint, which renegotiations must bring again */
	char *peer_info;     /* NULL: none yet */
	struct lnl_acc *acc; /* NULL: no protocol extension is agreed on */

	/* one negotiation at a time waits for its owner's word */
	bool verify_waits, auth_waits, authorize_waits;
	bool has_chain;
	uint8_t key_id; /* of that negotiation */
	char *login_text;
	size_t login_len;
	struct lnl_login login;
	uint64_t deadline;  /* of what it waits for; LNL_NEVER */
	uint64_t began_at;  /* the newest renegotiation */
	uint64_t record_at; /* our record waits for the verdict, at most so long; LNL_NEVER: sent */

	/* PUSH_REPLY */
	char *push_text;
	const char **push;
	size_t push_len;
	unsigned n_push;
	int ping, ping_restart;
	bool asked;
	bool replying;
	struct lnl_reply reply;
	uint64_t reply_again_at; /* requests before are repeats of one that was answered */

	/* the newest key: when it starts to send; LNL_NEVER: it does already */
	uint64_t swap_at;
	uint64_t ends_at;
	bool swap_proven; /* the client has our record, so it has the key */
	bool limit_reached;
	uint8_t lanes; /* bytes that lanes of its own add to a packet */

	bool lingers;		/* until close_at, whatever is acknowledged */
	enum lnl_cause closing; /* the end was told; NONE: not closing */
	uint64_t close_at;
	char *why;
	char *last_text; /* tells the end; NULL: nothing does */

	struct lnl_server_note events[LNL_SERVER_EVENTS];
	unsigned first_event, n_events;
	char *text; /* of the event taken last */
};

/* Appends an event, or NULL: then the connection has closed. |text| (may be NULL) is copied. */
struct lnl_server_note *lnl_server_emit(struct lnl_server *s, enum lnl_server_event_kind kind,
					const char *text);
/* The end, at once: emits LNL_SERVER_CLOSED once. */
void lnl_server_end_with(struct lnl_server *s, enum lnl_cause cause, const char *why);
/* The end, once |text| is told (at most LNL_CONTROL_TEXT_MAX); |why| is for the log. */
void lnl_server_end_after(struct lnl_server *s, enum lnl_cause cause, const char *text,
			  const char *why, uint64_t now);
/* The end, once goodbyes of the client's that are late have been heard; |why| is for the log. */
void lnl_server_linger(struct lnl_server *s, enum lnl_cause cause, const char *why, uint64_t now);
/* AUTH_FAILED and, unless |text| is empty, a comma and |text|; packets stop at once. */
void lnl_server_refuse(struct lnl_server *s, enum lnl_cause cause, const char *text,
		       const char *why, uint64_t now);
/* A copy of |len| bytes, terminated, with control bytes made '_' when |clean|; NULL. */
char *lnl_server_copy(struct lnl_server *s, const char *text, size_t len, bool clean);
/* Wipes and releases a text; |*text| becomes NULL. */
void lnl_server_drop(struct lnl_server *s, char **text);

/* server_login.c: the certificate, the record, and what is asked about them. */
void lnl_server_take_verify(struct lnl_server *s, uint8_t key_id, uint64_t now);
/* The same while closing: it goes on, so that the client hears of the end. Whoever it is. */
void lnl_server_finish_verify(struct lnl_server *s, uint8_t key_id, uint64_t now);
void lnl_server_take_record(struct lnl_server *s, uint8_t key_id, const struct lnl_km2 *km2,
			    uint64_t now);
/* Our record goes out, if it has not. */
void lnl_server_give_record(struct lnl_server *s, uint64_t now);
/* Forgets password and chain: nobody may look any more. */
void lnl_server_forget_login(struct lnl_server *s);

/* server_text.c: a control message of the client's. */
void lnl_server_take_text(struct lnl_server *s, const char *text, size_t len, uint64_t now);

/* server_acc.c: what the client said of extensions; "ACC,..."; what time brings about. LNL_E_NOMEM. */
int lnl_server_learn_acc(struct lnl_server *s);
void lnl_server_take_acc(struct lnl_server *s, const char *text, size_t len, uint64_t now);
void lnl_server_acc_on(struct lnl_server *s, uint64_t now);

/* server_keys.c: the data plane, and the reply that goes with it. */
void lnl_server_install_key(struct lnl_server *s, uint8_t key_id, uint64_t now);
/* Swaps when the time has come. */
void lnl_server_check_swap(struct lnl_server *s, uint64_t now);
void lnl_server_fill_peer(const struct lnl_server *s, struct lnl_peer_conf *p);
int lnl_server_fill_key(struct lnl_server *s, uint8_t key_id, struct lnl_key_conf *k);
/* A PUSH_REQUEST, or the grant of who needs none; goes on with what did not fit. */
void lnl_server_answer_push(struct lnl_server *s, uint64_t now);
void lnl_server_push_on(struct lnl_server *s, uint64_t now);

#endif
