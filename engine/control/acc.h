/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protocol extensions of one connection: which protocols both ends have, messages put together from
 * control texts, messages on their way out. What a peer sends is bounded here, in size, number and
 * memory. Nothing of it exists before the peer is authenticated.
 */
#ifndef LNL_CONTROL_ACC_H
#define LNL_CONTROL_ACC_H

#include "control/session.h"
#include "wire/acc.h"

/* A message has so long from its first part to its last. */
#define LNL_ACC_WAIT (60 * LNL_SECOND)
/* Bytes that may wait to be sent to one peer. */
#define LNL_ACC_QUEUE (2 * LNL_ACC_MAX)

/* A protocol of ours. */
struct lnl_acc_protocol {
	char name[LNL_ACC_NAME + 1];
	uint32_t max;	/* bytes of a message, at most LNL_ACC_MAX */
	uint32_t count; /* messages that a peer may send ... */
	uint64_t per;	/* ... in so many microseconds */
};

/* Those that this end has. */
struct lnl_acc_conf {
	unsigned n;
	struct lnl_acc_protocol protocol[LNL_ACC_PROTOCOLS];
};

/* Why a message of a peer's was dropped. X(NAME, "name"). */
#define LNL_ACC_DROPS(X)                                                                           \
	X(NONE, "none")                                                                            \
	X(MALFORMED, "malformed")                                                                  \
	X(UNKNOWN, "unknown_protocol") /* or not agreed on in the handshake */                     \
	X(RATE, "rate")                                                                            \
	X(LONG, "too_long")   /* than its protocol's max; or unfinished ones take too much */      \
	X(LATE, "incomplete") /* its last part did not come in time */                             \
	X(NOMEM, "out_of_memory")

enum lnl_acc_drop {
#define X(name, text) LNL_ACC_DROP_##name,
	LNL_ACC_DROPS(X)
#undef X
		LNL_ACC_DROP_COUNT
};

/* As in LNL_ACC_DROPS; static storage. */
const char *lnl_acc_drop_name(enum lnl_acc_drop drop);

struct lnl_acc_counters {
	uint64_t received, sent; /* messages */
	uint64_t dropped[LNL_ACC_DROP_COUNT];
};

struct lnl_acc;

/* What is announced of |conf|: ours, as IV_ACC (|sep| ',') or custom-control (' '). LNL_E_SPACE. */
int lnl_acc_announce(const struct lnl_acc_conf *conf, char sep, char *out, size_t cap);

/*
 * The protocols that |conf| and the peer's |offer| have in common, in |*out|: NULL when there are none.
 * |conf| and |offer| may go afterwards. LNL_E_NOMEM.
 */
int lnl_acc_new(struct lnl_acc **out, const struct lnl_env *env, const struct lnl_acc_conf *conf,
		const struct lnl_acc_offer *offer);
/* Wipes and releases; |a| may be NULL, as below. */
void lnl_acc_free(struct lnl_acc *a);
/* "custom-control 2047 6:A one:two" with what both have: valid while |a| is; NULL without. */
const char *lnl_acc_option(const struct lnl_acc *a);
bool lnl_acc_supports(const struct lnl_acc *a, const char *name);

/*
 * A control text that begins with "ACC,". True: a message is complete, for lnl_acc_next. Else |*drop|
 * says why a message was dropped (once for each, not for each of its parts), or NONE.
 */
bool lnl_acc_take(struct lnl_acc *a, const char *text, size_t len, uint64_t now,
		  enum lnl_acc_drop *drop);

/* Complete; valid until the next call of lnl_acc_next. The data has a NUL behind it. */
struct lnl_acc_message {
	const char *name;
	const char *data;
	size_t len;
};
/* The oldest complete message, or false. */
bool lnl_acc_next(struct lnl_acc *a, struct lnl_acc_message *m);

/*
 * Queues a message. LNL_E_NOTFOUND: the peer does not have |name|. LNL_E_INVAL: longer than the
 * protocol's max. LNL_E_LIMIT: too much waits. LNL_E_UNSUPPORTED: it takes text alone. LNL_E_NOMEM.
 */
int lnl_acc_send(struct lnl_acc *a, const char *name, const void *data, size_t len);
/* Sends as much as is good at once: again when the peer has acknowledged that. lnl_session_send_text. */
int lnl_acc_flush(struct lnl_acc *a, struct lnl_session *s, uint64_t now);

/* Gives up what is unfinished for too long; how many messages. */
unsigned lnl_acc_tick(struct lnl_acc *a, uint64_t now);
/* When, or LNL_NEVER. */
uint64_t lnl_acc_due(const struct lnl_acc *a);

/* NULL without |a|. */
const struct lnl_acc_counters *lnl_acc_counters(const struct lnl_acc *a);

#endif
