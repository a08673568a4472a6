/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One key state: a negotiation from its reset packet to the exchanged key-method-2 records, and
 * the control channel that stays. Private to session.c; the session owns ids and wrapping, this
 * owns reliability and TLS.
 */
#ifndef LNL_CONTROL_NEGOTIATION_H
#define LNL_CONTROL_NEGOTIATION_H

#include "control/session.h"

enum lnl_neg_step {
	LNL_NEG_RESET,	/* resets are exchanged */
	LNL_NEG_TLS,	/* handshake */
	LNL_NEG_VERIFY, /* the owner judges the peer's certificate */
	LNL_NEG_RECORD, /* the peer's record is awaited */
	LNL_NEG_REPLY,	/* server: the owner has the client's record and owes ours */
	LNL_NEG_DONE,
	LNL_NEG_FAILED,
};

struct lnl_negotiation {
	const struct lnl_session_conf *conf;
	uint8_t key_id;
	enum lnl_neg_step step;
	bool peer_reset; /* the peer's reset packet arrived */
	bool wkc_wanted; /* the server's cookie asks for the WKc again */
	bool derived;
	bool readable;	  /* TLS got input since it had nothing to read */
	bool tell_verify; /* events not taken yet */
	bool tell_record;
	bool tell_negotiated;
	bool tell_failed;
	int error;
	struct lnl_reliable rel;
	struct lnl_tls *tls; /* made when the first record is due or arrives */
	uint64_t deadline;   /* LNL_NEVER once done */
	uint64_t done_at;
	struct lnl_key_exchange *keys; /* both sides' randomness until the keys are derived */
	uint8_t *plain;		       /* plaintext not taken yet, from env */
	size_t plain_len, plain_at;
	char why[256];
};

struct lnl_key_exchange {
	struct lnl_key_source client, server;
};

#define LNL_NEG_RESUMED 0 /* no opcode: both resets are exchanged and acknowledged already */

/*
 * Starts with reset packet |op| queued, or none with LNL_NEG_RESUMED; |n| is zeroed memory.
 * LNL_E_NOMEM, LNL_E_RANDOM.
 */
int lnl_negotiation_init(struct lnl_negotiation *n, const struct lnl_session_conf *conf,
			 uint8_t key_id, uint8_t op, uint64_t now);
/* Wipes and releases what it holds. */
void lnl_negotiation_deinit(struct lnl_negotiation *n);

/*
 * Goes as far as it can with what has arrived: packets in order to TLS, steps, TLS's output to
 * packets of at most |room| bytes.
 */
void lnl_negotiation_advance(struct lnl_negotiation *n, size_t room, uint64_t now);
/* The negotiation is over with |error| and a sentence. */
void lnl_negotiation_fail(struct lnl_negotiation *n, int error, const char *why);

/* Writes our record into TLS. LNL_E_STATE, LNL_E_TLS, LNL_E_NOMEM, LNL_E_SPACE. */
int lnl_negotiation_send_record(struct lnl_negotiation *n, const struct lnl_km2 *km2, uint64_t now);
/* Parses the peer's record out of `plain`. 0 or an error (then failed). */
int lnl_negotiation_read_record(struct lnl_negotiation *n, struct lnl_km2 *km2, uint64_t now);
/* Fills `plain` with the next decrypted bytes when it is empty. Returns whether there are any. */
bool lnl_negotiation_read(struct lnl_negotiation *n);
/* Drops the plaintext that was taken. */
void lnl_negotiation_took(struct lnl_negotiation *n);

#endif
