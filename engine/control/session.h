/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One OpenVPN session, either role: session ids, wrapping, and up to two negotiations (key
 * states) at a time, each a reliable layer under a TLS connection. Packets in, packets and
 * events out; it knows neither sockets nor policy.
 */
#ifndef LNL_CONTROL_SESSION_H
#define LNL_CONTROL_SESSION_H

#include "control/keys.h"
#include "control/wrap.h"
#include "wire/log.h"
#include "wire/reliable.h"

#define LNL_SESSION_PACKET_MAX 1600 /* room for any packet that we send */

/*
 * Who looks at a session's control channel (a capture): packets as they are without their wrapping,
 * and texts. What is sent passes once for each transmission.
 */
struct lnl_session_tap {
	void *ctx;
	void (*packet)(void *ctx, bool out, const struct lnl_control *c, enum lnl_drop drop);
	void (*text)(void *ctx, bool out, const char *text, size_t len);
};

/* What sessions of one kind share; the session keeps a pointer. Times in microseconds. */
struct lnl_session_conf {
	const struct lnl_env *env;
	const struct lnl_log *log;	   /* may be NULL */
	const struct lnl_session_tap *tap; /* NULL: nobody looks */
	struct lnl_tls_conf *tls;
	const struct lnl_wrap_key *wrap;
	const struct lnl_static_key *
		/* the tls-auth or tls-crypt key itself, for dyn-tls-crypt; NULL without */
		wrap_raw;
	const uint8_t *wkc; /* a tls-crypt-v2 client's wrapped key; NULL without */
	size_t wkc_len;
	bool server;
	bool tcp;
	uint16_t max_packet; /* control packets on the wire, IP header included (LNL_CONTROL_MAX) */
	uint64_t tls_timeout;	 /* first retransmission */
	uint64_t hand_window;	 /* a negotiation takes at most that long */
	uint64_t tran_window;	 /* an old key lives so long beside the new one */
	uint64_t reneg_interval; /* 0: only the peer renegotiates, or limits do */
	/*
	 * Each session renegotiates up to so much earlier, drawn when it begins: those that came all at
	 * once do not come again all at once. Less than reneg_interval.
	 */
	uint64_t reneg_spread;
	/*
	 * The peer's renegotiations begin at least so long after each other; an earlier one is dropped
	 * (LNL_DROP_RATE) and not answered, until the peer sends it again. 0: no such bound.
	 */
	uint64_t peer_interval;
};

enum lnl_session_event_kind {
	LNL_SESSION_NONE,
	/*
	 * TLS stands and the peer's chain is known (lnl_session_tls): nothing is sent or
	 * believed before the owner calls lnl_session_verified.
	 */
	LNL_SESSION_VERIFY,
	/* The peer's record is there, in `km2`. A server answers with lnl_session_send_record. */
	LNL_SESSION_RECORD,
	/* Both records are exchanged: lnl_session_derive can give the keys. */
	LNL_SESSION_NEGOTIATED,
	/* A text of the peer's, in `text`, printable and terminated. */
	LNL_SESSION_TEXT,
	/*
	 * The negotiation of key_id failed: `error` and a sentence in `text`. With key 0 the
	 * session is dead.
	 */
	LNL_SESSION_FAILED,
	/* A renegotiation began, by us or by the peer. */
	LNL_SESSION_RENEGOTIATING,
};

struct lnl_session_event {
	enum lnl_session_event_kind kind;
	uint8_t key_id;
	bool by_peer;	    /* with RENEGOTIATING */
	int error;	    /* LNL_E_* with FAILED */
	struct lnl_km2 km2; /* valid until the next call on the session */
	const char *text;   /* likewise */
	size_t text_len;
};

struct lnl_session;

/*
 * A client sends its first packet with the next lnl_session_output; a server waits for one.
 * |conf| must outlive it. LNL_E_NOMEM, LNL_E_RANDOM.
 */
int lnl_session_new(struct lnl_session **out, const struct lnl_session_conf *conf, uint64_t now);
/*
 * A server's session with a client that has sent the cookie back: both resets count as exchanged
 * and acknowledged, |sid| is the cookie, |peer_sid| the client's id, and wrap packet ids go on
 * behind |wrap_id|. Errors as above.
 */
int lnl_session_resume(struct lnl_session **out, const struct lnl_session_conf *conf,
		       const uint8_t sid[LNL_SID_LEN], const uint8_t peer_sid[LNL_SID_LEN],
		       uint32_t wrap_id, uint64_t now);
/* Wipes and releases; |s| may be NULL. */
void lnl_session_free(struct lnl_session *s);

/*
 * A control packet arrived. Returns LNL_DROP_NONE when it was used (a duplicate too), or why it
 * was dropped. Look for events and output afterwards.
 */
enum lnl_drop lnl_session_input(struct lnl_session *s, const uint8_t *data, size_t len,
				uint64_t now);

/*
 * Writes the next packet to send to |out| (at least LNL_SESSION_PACKET_MAX): its length, 0 when
 * there is none. Call until 0.
 */
size_t lnl_session_output(struct lnl_session *s, uint8_t *out, size_t cap, uint64_t now);

/* Timers: call at lnl_session_next_due; then look for events and output. */
void lnl_session_tick(struct lnl_session *s, uint64_t now);
/* A time, possibly past, or LNL_NEVER. */
uint64_t lnl_session_next_due(const struct lnl_session *s);

/* Takes the next event: true and |*e|, or false. */
bool lnl_session_next(struct lnl_session *s, struct lnl_session_event *e, uint64_t now);

/* The TLS connection of |key_id| (its chain, version), or NULL. */
struct lnl_tls *lnl_session_tls(struct lnl_session *s, uint8_t key_id);

/*
 * The owner's word on the peer's certificate, after LNL_SESSION_VERIFY. A client gives its
 * record |km2| at once (copied into TLS), and the chain is dropped; a server gives NULL, then reads
 * the client's, and drops the chain itself.
 * LNL_E_STATE when key_id does not wait for it, LNL_E_TLS.
 */
int lnl_session_verified(struct lnl_session *s, uint8_t key_id, const struct lnl_km2 *km2,
			 uint64_t now);
/*
 * A server's record, after LNL_SESSION_RECORD, and what waited for it. LNL_E_STATE, LNL_E_NOMEM,
 * LNL_E_TLS; after the latter two the negotiation has failed, which is told as well.
 */
int lnl_session_send_record(struct lnl_session *s, uint8_t key_id, const struct lnl_km2 *km2,
			    uint64_t now);

/*
 * The keys of a negotiated key_id, by TLS export (|ekm|) or by the PRF. The caller wipes them.
 * What they were made from is wiped, so it works once. LNL_E_STATE, LNL_E_UNSUPPORTED,
 * LNL_E_KEY.
 */
int lnl_session_derive(struct lnl_session *s, uint8_t key_id, bool ekm,
		       struct lnl_direction_key *send, struct lnl_direction_key *recv);
/*
 * From now on negotiations other than the first are wrapped by a key drawn from key_id's TLS
 * (dyn-tls-crypt). Before lnl_session_derive. LNL_E_STATE, LNL_E_UNSUPPORTED, LNL_E_NOMEM.
 */
int lnl_session_dyn_crypt(struct lnl_session *s, uint8_t key_id);

/*
 * Sends |text| as one control message over the newest key state: while a renegotiation runs, once it
 * is through, since OpenVPN hears no other (ssl.c, "key IDs out of sync"). LNL_E_STATE (not
 * negotiated, or failed), LNL_E_TLS, LNL_E_INVAL (too long), LNL_E_LIMIT (too much waits),
 * LNL_E_NOMEM.
 */
int lnl_session_send_text(struct lnl_session *s, const char *text, uint64_t now);

/* The interval of this session's own: what was drawn. 0: none. */
uint64_t lnl_session_reneg_interval(const struct lnl_session *s);
/* The peer is elsewhere now: what it has not acknowledged went where it was, and goes out again. */
void lnl_session_moved(struct lnl_session *s, uint64_t now);
/* Starts a renegotiation: a no-op when one runs or the session is not negotiated. LNL_E_NOMEM. */
int lnl_session_renegotiate(struct lnl_session *s, uint64_t now);
/* Grants key_id's negotiation time until |deadline| (AUTH_PENDING). */
void lnl_session_extend(struct lnl_session *s, uint8_t key_id, uint64_t deadline);
/* Whether everything sent was acknowledged, and nothing waits to be sent. */
bool lnl_session_idle(const struct lnl_session *s);
/* How long the peer's acks take, smoothed, microseconds; 0: not known yet (wire/reliable.h). */
uint64_t lnl_session_rtt(const struct lnl_session *s);
/* Whether the peer answered at all (its session id is known). */
bool lnl_session_has_peer(const struct lnl_session *s);

#endif
