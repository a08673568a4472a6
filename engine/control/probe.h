/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a server answers: a client's first packet, wrapped as its tunnel wraps it, and the answer to
 * it. No handshake follows: to a server over UDP it was nobody yet. Packets in, packets out.
 */
#ifndef LNL_CONTROL_PROBE_H
#define LNL_CONTROL_PROBE_H

#include "control/session.h"

struct lnl_probe {
	const struct lnl_session_conf *conf;
	struct lnl_wrap wrap;
	uint8_t sid[LNL_SID_LEN];
};

/* A session id and packet ids of its own; |conf| must outlive it. LNL_E_RANDOM. */
int lnl_probe_init(struct lnl_probe *p, const struct lnl_session_conf *conf);

/*
 * Writes the packet to |out| (at least LNL_SESSION_PACKET_MAX): its length. Each call makes another
 * copy with a packet id of its own. LNL_E_SPACE, LNL_E_LIMIT, LNL_E_KEY.
 */
int lnl_probe_write(struct lnl_probe *p, uint8_t *out, size_t cap);

/*
 * LNL_DROP_NONE: |data| is the server's answer to this probe, authentic where there are keys. Else why
 * it is not: those of lnl_wrap_read, OPCODE (another packet), SESSION (the answer to somebody else).
 */
enum lnl_drop lnl_probe_read(struct lnl_probe *p, const uint8_t *data, size_t len);

#endif
