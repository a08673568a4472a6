/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/probe.h"

#include <string.h>

static bool all_zero(const uint8_t sid[LNL_SID_LEN])
{
	static const uint8_t none[LNL_SID_LEN];

	return memcmp(sid, none, LNL_SID_LEN) == 0;
}

int lnl_probe_init(struct lnl_probe *p, const struct lnl_session_conf *conf)
{
	int rc = 0;

	memset(p, 0, sizeof(*p));
	p->conf = conf;
	lnl_wrap_init(&p->wrap, conf->wrap, conf->wkc ? LNL_WRAP_EARLY_ID : 0,
		      (uint32_t)conf->env->wallclock(conf->env->ctx));
	while (rc == 0 && all_zero(p->sid))
		rc = conf->env->random(conf->env->ctx, p->sid, sizeof(p->sid));
	return rc;
}

int lnl_probe_write(struct lnl_probe *p, uint8_t *out, size_t cap)
{
	const struct lnl_session_conf *conf = p->conf;
	struct lnl_control c = { .op = conf->wkc ? LNL_OP_HARD_RESET_CLIENT_V3
						 : LNL_OP_HARD_RESET_CLIENT_V2 };
	int len;

	memcpy(c.sid, p->sid, LNL_SID_LEN);
	len = lnl_wrap_write(&p->wrap, &c, out, cap);
	if (len < 0 || !conf->wkc)
		return len;
	if (cap - (size_t)len < conf->wkc_len)
		return LNL_E_SPACE;
	memcpy(out + len, conf->wkc, conf->wkc_len);
	return len + (int)conf->wkc_len;
}

enum lnl_drop lnl_probe_read(struct lnl_probe *p, const uint8_t *data, size_t len)
{
	uint8_t scratch[LNL_WRAP_PACKET_MAX];
	struct lnl_control c;
	enum lnl_drop drop = lnl_wrap_read(&p->wrap, &c, data, len, scratch, sizeof(scratch));
	unsigned i;

	if (drop != LNL_DROP_NONE)
		return drop;
	if (c.op != LNL_OP_HARD_RESET_SERVER_V2 || c.key_id != 0)
		return LNL_DROP_OPCODE;
	if (c.n_acks == 0 || memcmp(c.peer_sid, p->sid, LNL_SID_LEN) != 0 || all_zero(c.sid))
		return LNL_DROP_SESSION;
	for (i = 0; i < c.n_acks; i++)
		if (c.acks[i] == 0)
			return LNL_DROP_NONE;
	return LNL_DROP_SESSION;
}
