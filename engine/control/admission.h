/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's door: what it does with control packets of which no session is known. Over datagrams
 * it keeps nothing before a client has proven its address by the cookie: it answers a reset, or
 * admits who sends the cookie back. Sans-IO, constant memory, no allocation on the way.
 */
#ifndef LNL_CONTROL_ADMISSION_H
#define LNL_CONTROL_ADMISSION_H

#include "control/cookie.h"
#include "control/limiter.h"
#include "control/wrap.h"

#define LNL_V2_METADATA_MAX 734 /* type byte and at most 733 (PROTOCOL 1.5) */

struct lnl_admission_conf {
	const struct lnl_env *env;
	/*
	 * None, tls-auth or tls-crypt, server's direction; clients without tls-crypt-v2 have this.
	 * NULL only with v2_only.
	 */
	const struct lnl_wrap_key *wrap;
	const uint8_t *v2_key; /* LNL_V2_SERVER_KEY_LEN bytes; NULL: no tls-crypt-v2 */
	bool v2_only;	       /* there is nothing beside tls-crypt-v2: |wrap| opens no door */
	bool v2_force_cookie;  /* refuse tls-crypt-v2 clients that cannot do the cookie */
	uint64_t v2_max_age;  /* seconds since the time in the metadata; 0: any, also without one */
	uint64_t hand_window; /* microseconds */
	struct lnl_limiter_conf limits;
};

/* What tls-crypt-v2's wrapped key told. */
struct lnl_v2_facts {
	struct lnl_static_key kc; /* a secret: the taker wipes it */
	uint8_t metadata[LNL_V2_METADATA_MAX];
	size_t metadata_len; /* 0: there is none; the first byte is its type */
};

enum lnl_admission_verdict {
	LNL_ADMISSION_DROP,  /* say nothing; `drop` tells why */
	LNL_ADMISSION_REPLY, /* send `reply_len` bytes of the reply, keep nothing */
	LNL_ADMISSION_ADMIT, /* begin a session, and give it the packet's first `len` bytes */
};

struct lnl_admitted {
	enum lnl_admission_verdict verdict;
	enum lnl_drop drop;
	size_t reply_len;
	size_t len;  /* of the packet without a WKc behind it */
	bool resume; /* the resets are exchanged: lnl_session_resume with the two ids */
	uint8_t client_sid[LNL_SID_LEN];
	uint8_t server_sid[LNL_SID_LEN];
	uint32_t wrap_id; /* the last wrap packet id that our stateless answer used */
	bool has_v2;
	struct lnl_v2_facts v2; /* with has_v2 */
};

struct lnl_admission;

/* |conf| is copied, what it points to must outlive it. LNL_E_NOMEM, LNL_E_RANDOM, LNL_E_KEY. */
int lnl_admission_new(struct lnl_admission **out, const struct lnl_admission_conf *conf,
		      uint64_t now);
void lnl_admission_free(struct lnl_admission *a);

/*
 * A datagram from |ip| and |port| that no session knows. Order of checks: length, opcode, key id
 * (a data packet is dropped: PEER), WKc (AUTH; KEY_LIMIT when it is older than v2_max_age or tells
 * no time), wrapping, form, limits (RATE), cookie (SESSION, WINDOW). No memory is taken, and
 * nothing counted before the packet's tag verified. A reset with id 0 gets the stateless answer,
 * written to |reply| (|cap| of at least LNL_SESSION_PACKET_MAX). An ACK_V1, CONTROL_V1 or
 * CONTROL_WKC_V1 of key id 0 that acknowledges our reset, names the cookie, and has no id above 1
 * is admitted. A tls-crypt-v2 client that
 * announces it (wrap packet id from 0x0f000001 on) is asked for its WKc again, and only a
 * CONTROL_WKC_V1 admits it; one that does not is admitted by its reset, without `resume`, unless
 * v2_force_cookie (STATE). The answer is never longer than 1.9 times the packet plain, 1.3 times
 * wrapped (TRUST S1).
 */
void lnl_admission_datagram(struct lnl_admission *a, const struct lnl_ip *ip, uint16_t port,
			    const uint8_t *data, size_t len, uint8_t *reply, size_t cap,
			    uint64_t now, struct lnl_admitted *out);

/*
 * Who was admitted by a datagram from |ip| at |at| is let in: of the limits, its answer is given
 * back (OpenVPN reflect_filter.c does so for everybody who returns with the cookie). For each
 * session call it once at most.
 */
void lnl_admission_honest(struct lnl_admission *a, const struct lnl_ip *ip, uint64_t at,
			  uint64_t now);

/*
 * The first packet of a TCP connection: a reset, whose WKc, if any, is unwrapped. Never REPLY, no
 * cookie and no rate limit (connect-freq is the owner's).
 */
void lnl_admission_stream(struct lnl_admission *a, const uint8_t *data, size_t len, uint64_t now,
			  struct lnl_admitted *out);

/*
 * A WKc behind a packet of a session that is known (a retransmitted CONTROL_WKC_V1 or
 * HARD_RESET_CLIENT_V3): the length without it, or 0 when there is none that could be.
 */
size_t lnl_admission_without_wkc(const uint8_t *data, size_t len);

#endif
