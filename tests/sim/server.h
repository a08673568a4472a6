/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server that the client's tests talk to: a session in the server's role and a data plane, with
 * as much of a server's behaviour as a client can notice, and the ways in which servers differ.
 */
#ifndef LNL_SIM_SERVER_H
#define LNL_SIM_SERVER_H

#include "control/session.h"
#include "data/data.h"
#include "sim/net.h"

#define SIM_PEER_ID 7 /* ours for the client, and on the wire with DATA_V2 */
#define SIM_TEXTS   8

struct sim_server_conf {
	struct lnl_session_conf session;
	/* tls-crypt-v2: the server's key, Ke and Ka. The session's wrap is then made by the WKc. */
	const uint8_t *v2_key;
	bool ask_wkc;			 /* the reset's answer asks for the WKc again */
	const char *username, *password; /* NULL: anybody */
	const char *options;		 /* OCC string; NULL: a usual one */
	bool ekm, dyn, cc_exit;
	bool ncp;		/* pushes the cipher */
	bool v1;		/* pushes no peer-id */
	bool unasked;		/* pushes as soon as the records are exchanged */
	bool mute;		/* never answers PUSH_REQUEST */
	bool silent_record;	/* never answers the client's record */
	const void *raw_record; /* goes out in front of the record */
	size_t raw_len;
	enum lnl_cipher cipher;
	enum lnl_digest digest;
	enum lnl_framing framing;
	const char *token;	     /* pushed; then good instead of the password */
	const char *extra;	     /* further options, commas between */
	const char *const *push;     /* whole messages instead of all that; NULL at the end */
	const char *refusal;	     /* what wrong credentials get; NULL: AUTH_FAILED */
	const char *const *greeting; /* texts before the verdict; NULL at the end */
	uint64_t verdict_after;	     /* the credentials are judged so long (or for ever) */
	uint64_t swap_after;	     /* a renegotiated key sends so long after it was made */
	uint64_t limit_packets;
	uint32_t first_data_id;
};

struct sim_server {
	const struct sim_server_conf *conf;
	struct sim_net *net;
	struct lnl_session_conf session_conf;
	struct lnl_session *session;
	struct lnl_data *data;
	struct lnl_wrap_key wrap;      /* of tls-crypt-v2's Kc */
	struct lnl_wrap_key wrap_twin; /* the client's view of the same, to rewrite what we sent */
	struct lnl_static_key kc;
	bool has_kc;
	bool wkc_again; /* it came back */
	bool authenticated, negotiated, pushed;
	const char *const *to_push; /* messages not sent yet */
	uint64_t verdict_at;
	uint64_t swap_at;
	bool limit_reached;
	/* what was seen */
	bool failed, said_exit, data_exit, asked_push;
	unsigned negotiations, renegotiations, push_requests, refused, early_packets;
	char username[512], password[2048], peer_info[2048], options[512];
	char texts[SIM_TEXTS][2048];
	unsigned n_texts;
	char why[256];
	unsigned long drops[LNL_DROP_COUNT];
	void (*deliver)(void *ctx, const uint8_t *data, size_t len);
	void *deliver_ctx;
};

/* |conf| and |net| must outlive it. 0 or LNL_E_NOMEM, LNL_E_RANDOM. */
int sim_server_init(struct sim_server *s, const struct sim_server_conf *conf, struct sim_net *net,
		    uint64_t now);
void sim_server_deinit(struct sim_server *s);
void sim_server_input(struct sim_server *s, const uint8_t *data, size_t len, uint64_t now);
/* Events, timers and output, until there is nothing left to do at |now|. */
void sim_server_run(struct sim_server *s, uint64_t now);
uint64_t sim_server_due(const struct sim_server *s);
/* An inner packet to the client. */
void sim_server_send(struct sim_server *s, const uint8_t *data, size_t len, uint64_t now);
/* An OCC EXIT on the data channel. */
void sim_server_exit(struct sim_server *s, uint64_t now);

/* Wraps Kc for a tls-crypt-v2 client: returns WKc's length, 0 when there is no memory. */
size_t sim_wkc_make(uint8_t out[LNL_WKC_MAX], const uint8_t server_key[LNL_V2_SERVER_KEY_LEN],
		    const struct lnl_static_key *kc, const struct lnl_env *env);
/* The same with |metadata|, its type in front. */
size_t sim_wkc_make_with(uint8_t out[LNL_WKC_MAX], const uint8_t server_key[LNL_V2_SERVER_KEY_LEN],
			 const struct lnl_static_key *kc, const void *metadata, size_t len,
			 const struct lnl_env *env);

#endif
