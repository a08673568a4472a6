/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first bytes of every OpenVPN packet, and the plain layout of control packets. */
#ifndef LNL_WIRE_HEADER_H
#define LNL_WIRE_HEADER_H

#include "wire/buf.h"

/* First byte = opcode << 3 | key id (OpenVPN ssl_pkt.h). 1 and 2 were key method 1: invalid now. */
enum lnl_opcode {
	LNL_OP_SOFT_RESET_V1 = 3,
	LNL_OP_CONTROL_V1 = 4,
	LNL_OP_ACK_V1 = 5,
	LNL_OP_DATA_V1 = 6,
	LNL_OP_HARD_RESET_CLIENT_V2 = 7,
	LNL_OP_HARD_RESET_SERVER_V2 = 8,
	LNL_OP_DATA_V2 = 9,
	LNL_OP_HARD_RESET_CLIENT_V3 = 10,
	LNL_OP_CONTROL_WKC_V1 = 11,
};

#define LNL_SID_LEN	     8 /* a session id */
#define LNL_ACKS_MAX	     8 /* in one packet; a receiver drops packets with more */
#define LNL_ACKS_CONTROL     4 /* of ours in a packet with payload (SoftEther's limit) */
#define LNL_PEER_ID_NONE     UINT32_C(0xffffff) /* in DATA_V2 and as "not negotiated" */
#define LNL_CONTROL_MAX	     1250 /* default max-packet-size: a control packet on the wire */
#define LNL_CONTROL_TEXT_MAX 2048 /* plaintext of one control message (OpenVPN's buffer) */

static inline uint8_t lnl_op_byte(enum lnl_opcode op, unsigned key_id)
{
	return (uint8_t)((unsigned)op << 3 | (key_id & 7));
}

static inline unsigned lnl_op_of(uint8_t byte)
{
	return byte >> 3;
}

static inline unsigned lnl_key_id_of(uint8_t byte)
{
	return byte & 7;
}

/* Whether |op| is a data packet's (DATA_V1, DATA_V2) or a control packet's (the other seven). */
bool lnl_op_is_data(unsigned op);
bool lnl_op_is_control(unsigned op);
/* Whether |op| is one of the three hard resets. */
bool lnl_op_is_hard_reset(unsigned op);

/* A control packet without its wrapping. The payload points into what was read. */
struct lnl_control {
	uint8_t op;
	uint8_t key_id;
	uint8_t n_acks;
	uint8_t sid[LNL_SID_LEN];      /* the sender's */
	uint8_t peer_sid[LNL_SID_LEN]; /* the receiver's, when n_acks > 0; else zero */
	uint32_t acks[LNL_ACKS_MAX];
	uint32_t id; /* message packet id; 0 in an ACK_V1, which has none */
	const uint8_t *payload;
	size_t payload_len;
};

/*
 * The body: n_acks(1) | acks(4 each) | peer sid(8, only if n_acks > 0) | id(4, not in ACK_V1) |
 * payload. `op` of |c| must be set; sets the rest but key_id and sid. LNL_E_SHORT; LNL_E_FORMAT
 * when there are more than LNL_ACKS_MAX acks, when an ACK_V1 has no acks or has bytes behind them,
 * when a reset's id (soft resets included) is not 0, or when `op` is no control opcode. After an
 * error |c| has no acks and no payload.
 */
int lnl_control_read_body(struct lnl_control *c, struct lnl_reader *r);

/* Writes the same. LNL_E_SPACE; LNL_E_INVAL for more than LNL_ACKS_MAX acks. */
int lnl_control_write_body(const struct lnl_control *c, struct lnl_writer *w);

/* Bytes that the body takes before its payload. */
size_t lnl_control_body_len(uint8_t op, unsigned n_acks);

#endif
