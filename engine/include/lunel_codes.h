/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers that every room shares: error codes and the reasons for which a packet is dropped. */
#ifndef LUNEL_CODES_H
#define LUNEL_CODES_H

/*
 * Errors. A function that can fail returns 0 (or a count) on success and one of these, negated,
 * on failure. X(NAME, value, text).
 */
#define LNL_ERRORS(X)                                                                              \
	X(NOMEM, 1, "out of memory")                                                               \
	X(INVAL, 2, "invalid argument or value")                                                   \
	X(SHORT, 3, "message is truncated")                                                        \
	X(SPACE, 4, "buffer is full")                                                              \
	X(FORMAT, 5, "malformed message")                                                          \
	X(AUTH, 6, "authentication tag does not verify")                                           \
	X(REPLAY, 7, "replayed packet id")                                                         \
	X(PENDING, 8, "operation waits for more input")                                            \
	X(CLOSED, 9, "closed")                                                                     \
	X(TLS, 10, "TLS failure")                                                                  \
	X(CERT, 11, "certificate refused")                                                         \
	X(KEY, 12, "key material is unusable")                                                     \
	X(NOTFOUND, 13, "not found")                                                               \
	X(EXIST, 14, "exists already")                                                             \
	X(LIMIT, 15, "limit reached")                                                              \
	X(SYSTEM, 16, "system call failed")                                                        \
	X(PERM, 17, "not permitted")                                                               \
	X(UNSUPPORTED, 18, "not supported by this build or kernel")                                \
	X(STATE, 19, "not possible in this state")                                                 \
	X(RANDOM, 20, "no randomness")                                                             \
	X(PASSWORD, 21, "password is missing or wrong")                                            \
	X(TIMEOUT, 22, "timed out")                                                                \
	X(AGAIN, 23, "would block")

enum lnl_error {
#define X(name, value, text) LNL_E_##name = -(value),
	LNL_ERRORS(X)
#undef X
};

/*
 * Why a packet was dropped: one list for counters, logs and tests. A dropped packet is never an
 * error and never formatted. X(NAME, "metric_name").
 */
#define LNL_DROPS(X)                                                                               \
	X(NONE, "none")                                                                            \
	X(SHORT, "short")                                                                          \
	X(LONG, "long")                                                                            \
	X(OPCODE, "opcode")                                                                        \
	X(KEY_ID, "key_id")                                                                        \
	X(PEER, "unknown_peer")                                                                    \
	X(SESSION, "unknown_session")                                                              \
	X(ADDRESS, "address")                                                                      \
	X(AUTH, "auth")                                                                            \
	X(REPLAY, "replay")                                                                        \
	X(FORMAT, "format")                                                                        \
	X(WINDOW, "window")                                                                        \
	X(STATE, "state")                                                                          \
	X(NO_KEY, "no_key")                                                                        \
	X(KEY_LIMIT, "key_limit")                                                                  \
	X(EMPTY, "empty")                                                                          \
	X(COMPRESSED, "compressed")                                                                \
	X(INNER, "inner_packet")                                                                   \
	X(ROUTE, "no_route")                                                                       \
	X(SOURCE, "source_address")                                                                \
	X(QUEUE, "queue_full")                                                                     \
	X(SEND, "send_failed")                                                                     \
	X(TUN, "tun_failed")                                                                       \
	X(LANE, "lane")                                                                            \
	X(LANE_BAD, "lane_bad")                                                                    \
	X(RATE, "rate")                                                                            \
	X(NOMEM, "out_of_memory")

enum lnl_drop {
#define X(name, text) LNL_DROP_##name,
	LNL_DROPS(X)
#undef X
		LNL_DROP_COUNT
};

/*
 * The text of error |code| (as in LNL_ERRORS), "success" for 0 and up, "unknown error" for others;
 * static storage.
 */
const char *lnl_error_text(int code);

/* The metric name of |drop| (as in LNL_DROPS), "unknown" outside the list; static storage. */
const char *lnl_drop_name(enum lnl_drop drop);

#endif
