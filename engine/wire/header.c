/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/header.h"

#include <string.h>

bool lnl_op_is_data(unsigned op)
{
	return op == LNL_OP_DATA_V1 || op == LNL_OP_DATA_V2;
}

bool lnl_op_is_control(unsigned op)
{
	return op >= LNL_OP_SOFT_RESET_V1 && op <= LNL_OP_CONTROL_WKC_V1 && !lnl_op_is_data(op);
}

bool lnl_op_is_hard_reset(unsigned op)
{
	return op == LNL_OP_HARD_RESET_CLIENT_V2 || op == LNL_OP_HARD_RESET_SERVER_V2 ||
	       op == LNL_OP_HARD_RESET_CLIENT_V3;
}

static bool is_reset(unsigned op)
{
	return lnl_op_is_hard_reset(op) || op == LNL_OP_SOFT_RESET_V1;
}

static int read_body(struct lnl_control *c, struct lnl_reader *r)
{
	unsigned n = lnl_read_u8(r);

	if (n > LNL_ACKS_MAX)
		return LNL_E_FORMAT;
	for (unsigned i = 0; i < n; i++)
		c->acks[i] = lnl_read_u32(r);
	if (n > 0)
		lnl_read_copy(r, c->peer_sid, LNL_SID_LEN);
	if (c->op != LNL_OP_ACK_V1)
		c->id = lnl_read_u32(r);
	if (r->error)
		return r->error;
	if (c->op == LNL_OP_ACK_V1 && (n == 0 || lnl_reader_left(r) > 0))
		return LNL_E_FORMAT;
	if (is_reset(c->op) && c->id != 0)
		return LNL_E_FORMAT;
	c->n_acks = (uint8_t)n;
	c->payload_len = lnl_reader_left(r);
	c->payload = lnl_read_bytes(r, c->payload_len);
	return 0;
}

int lnl_control_read_body(struct lnl_control *c, struct lnl_reader *r)
{
	c->n_acks = 0;
	memset(c->peer_sid, 0, sizeof(c->peer_sid));
	memset(c->acks, 0, sizeof(c->acks));
	c->id = 0;
	c->payload = NULL;
	c->payload_len = 0;
	if (!lnl_op_is_control(c->op))
		return LNL_E_FORMAT;
	return read_body(c, r);
}

int lnl_control_write_body(const struct lnl_control *c, struct lnl_writer *w)
{
	if (c->n_acks > LNL_ACKS_MAX)
		return LNL_E_INVAL;
	lnl_write_u8(w, c->n_acks);
	for (unsigned i = 0; i < c->n_acks; i++)
		lnl_write_u32(w, c->acks[i]);
	if (c->n_acks > 0)
		lnl_write_bytes(w, c->peer_sid, LNL_SID_LEN);
	if (c->op != LNL_OP_ACK_V1) {
		lnl_write_u32(w, c->id);
		lnl_write_bytes(w, c->payload, c->payload_len);
	}
	return w->error;
}

size_t lnl_control_body_len(uint8_t op, unsigned n_acks)
{
	size_t len = 1;

	if (n_acks > 0)
		len += 4 * (size_t)n_acks + LNL_SID_LEN;
	if (op != LNL_OP_ACK_V1)
		len += 4;
	return len;
}
