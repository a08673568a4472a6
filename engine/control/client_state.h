/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's inside, shared by client*.c alone. */
#ifndef LNL_CONTROL_CLIENT_STATE_H
#define LNL_CONTROL_CLIENT_STATE_H

#include "control/client.h"

#define LNL_CLIENT_EVENTS  16
#define LNL_CLIENT_OPTIONS 512 /* in one answer of the server */
#define LNL_CREDENTIAL_MAX 2048

struct lnl_client {
	const struct lnl_client_conf *conf;
	const struct lnl_env *env;
	const struct lnl_log *log;
	struct lnl_session *session;
	enum lnl_phase phase;

	char username[LNL_CREDENTIAL_MAX];
	char password[LNL_CREDENTIAL_MAX]; /* or the token */
	bool has_credentials;
	bool has_token;

	bool verify_waits;
	uint8_t verify_key;
	char occ[LNL_KM2_OPTIONS];  /* the server's OCC string */
	enum lnl_cipher occ_cipher; /* what it names, for servers without negotiation */
	uint64_t push_request_at;   /* LNL_NEVER: none wanted */
	uint64_t push_deadline;
	char *push_text; /* all parts so far, commas between; from env */
	size_t push_len;
	unsigned push_messages;
	const char *options[LNL_CLIENT_OPTIONS];
	unsigned n_options;
	bool configure_waits;
	bool configured; /* a later PUSH_REPLY only renews the token */
	struct lnl_pulled pulled;
	struct lnl_acc *acc; /* NULL: no protocol extension is agreed on */
	enum lnl_cipher cipher;

	uint64_t swap_at;  /* when the newest key starts to send; LNL_NEVER: it does already */
	uint64_t keyed_at; /* when the newest key was made */
	bool by_server;	   /* the newest renegotiation is the server's wish */
	/* the primary key is nearly used up: swap as soon as there is another */
	bool limit_reached;
	uint64_t ends_at; /* session-timeout */

	enum lnl_cause closing; /* goodbyes are being said; NONE: not closing */
	unsigned goodbyes;
	uint64_t goodbye_at;

	struct lnl_client_event events[LNL_CLIENT_EVENTS];
	unsigned first_event, n_events;
	char text[LNL_CONTROL_TEXT_MAX]; /* of the event taken last */
	char texts[LNL_CLIENT_EVENTS][LNL_CONTROL_TEXT_MAX];
};

/*
 * Appends an event; |text| (may be NULL) is copied. NULL when the queue is full (then the
 * client closes).
 */
struct lnl_client_event *lnl_client_emit(struct lnl_client *c, enum lnl_client_event_kind kind,
					 const char *text);
/* Changes the phase, and says so. */
void lnl_client_enter(struct lnl_client *c, enum lnl_phase phase);
/*
 * The end: emits LNL_CLIENT_CLOSED once. Returns the event to add hints to, or NULL when it was
 * closed before.
 */
struct lnl_client_event *lnl_client_end_with(struct lnl_client *c, enum lnl_cause cause,
					     const char *text);

/* Logs where the server's OCC string differs from what we expect; once the cipher is known. */
void lnl_client_compare_occ(struct lnl_client *c);

/* client_text.c: a control message of the server's. */
void lnl_client_take_text(struct lnl_client *c, const char *text, size_t len, uint64_t now);

/* client_acc.c: a pushed custom-control, a control text "ACC,...", and what time brings about. */
bool lnl_client_is_offer(const char *option);
void lnl_client_take_offer(struct lnl_client *c, const char *option);
/* The same in an INFO, "ACC:2048 6:A name", once the client is in; false: it is something else. */
bool lnl_client_take_info_offer(struct lnl_client *c, const char *text);
void lnl_client_take_acc(struct lnl_client *c, const char *text, size_t len, uint64_t now);
void lnl_client_acc_on(struct lnl_client *c, uint64_t now);

/* client_config.c: the list of options is complete; keys of |key_id|, later ones included. */
void lnl_client_split_options(struct lnl_client *c);
void lnl_client_renew_token(struct lnl_client *c);
void lnl_client_install_key(struct lnl_client *c, uint8_t key_id, uint64_t now);
void lnl_client_swap_keys(struct lnl_client *c, uint64_t now);

#endif
