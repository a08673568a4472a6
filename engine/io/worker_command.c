/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the control thread asks of a worker, one command at a time. */
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/worker_state.h"

#define UPTO(member)                                                                               \
	(offsetof(struct lnl_command, member) + sizeof(((struct lnl_command *)0)->member))

size_t lnl_worker_command_len(const struct lnl_command *cmd)
{
	switch (cmd->kind) {
	case LNL_CMD_LINK_ADD:
		return UPTO(u.link);
	case LNL_CMD_LINK_SEND:
		return offsetof(struct lnl_command, u.datagram.bytes) + cmd->u.datagram.len;
	case LNL_CMD_TUN_ADD:
		return UPTO(u.tun);
	case LNL_CMD_PEER_ADD:
		return UPTO(u.peer);
	case LNL_CMD_PEER_ELSEWHERE:
		return UPTO(u.elsewhere);
	case LNL_CMD_CONNECT:
		return UPTO(u.across);
	case LNL_CMD_PEER_SET:
		return UPTO(u.conf);
	case LNL_CMD_ROUTE_ADD:
	case LNL_CMD_ROUTE_DEL:
		return UPTO(u.route);
	case LNL_CMD_RELAY:
		return UPTO(u.relay);
	case LNL_CMD_LANE_ADD:
		return UPTO(u.lane);
	case LNL_CMD_KEY_INSTALL:
	case LNL_CMD_KEY_DEL:
	case LNL_CMD_KEY_EXPIRE:
		return UPTO(u.key);
	case LNL_CMD_SPECIAL:
		return UPTO(u.special);
	default:
		return offsetof(struct lnl_command, u);
	}
}

static void wipe(struct lnl_command *cmd)
{
	if (cmd->kind == LNL_CMD_KEY_INSTALL)
		lnl_secret_wipe(&cmd->u.key.key, sizeof(cmd->u.key.key));
}

void lnl_worker_command_discard(struct lnl_command *cmd)
{
	if (cmd->kind == LNL_CMD_LINK_ADD)
		close(cmd->u.link.fd);
	else if (cmd->kind == LNL_CMD_TUN_ADD)
		close(cmd->u.tun.fd);
	wipe(cmd);
}

static int add_peer(struct lnl_worker *w, const struct lnl_command *cmd)
{
	uint32_t peer = cmd->u.peer.conf.id;
	int rc = lnl_data_peer_add(w->data, &cmd->u.peer.conf, lnl_clock_now());

	if (rc < 0)
		return rc;
	rc = lnl_worker_carrier_add(w, peer, cmd->id, &cmd->u.peer.address, cmd->u.peer.serial);
	if (rc == 0 && cmd->u.peer.lane != 0) {
		rc = lnl_worker_lane_give(w, lnl_worker_carrier(w, peer), cmd->u.peer.lane);
		if (rc < 0)
			lnl_worker_carrier_del(w, peer);
	}
	if (rc < 0)
		lnl_data_peer_del(w->data, peer);
	return rc;
}

static int lane_peer(struct lnl_worker *w, const struct lnl_command *cmd)
{
	struct lnl_carrier *c = lnl_worker_carrier(w, cmd->peer);

	return c != NULL ? lnl_worker_lane_give(w, c, cmd->id) : LNL_E_NOTFOUND;
}

static int link_peer(struct lnl_worker *w, const struct lnl_command *cmd)
{
	struct lnl_carrier *c = lnl_worker_carrier(w, cmd->peer);

	if (c == NULL)
		return LNL_E_NOTFOUND;
	lnl_worker_carrier_link(w, c, cmd->id, NULL);
	return 0;
}

static int del_peer(struct lnl_worker *w, uint32_t peer)
{
	lnl_worker_tun_forget(w, peer);
	if (w->lanes != NULL)
		lnl_worker_stage_forget(w, peer);
	lnl_worker_carrier_del(w, peer);
	if (w->across != NULL)
		lnl_worker_across_del(w, peer);
	return lnl_data_peer_del(w->data, peer);
}

static int send_control(struct lnl_worker *w, const struct lnl_command *cmd)
{
	struct lnl_link *l = lnl_worker_link(w, cmd->id);
	uint8_t room[LNL_OUT_PREFIX + LNL_DATAGRAM_MAX];
	struct lnl_packet pkt = { .p = room + LNL_OUT_PREFIX, .len = cmd->u.datagram.len };

	/* The link may have ended while the command was on its way: the news of that is, too. */
	if (l == NULL)
		return 0;
	memcpy(pkt.p, cmd->u.datagram.bytes, cmd->u.datagram.len);
	lnl_worker_send(l, &pkt, &cmd->u.datagram.to);
	return 0;
}

static int del_link(struct lnl_worker *w, uint32_t id)
{
	struct lnl_link *l = lnl_worker_link(w, id);

	if (l != NULL)
		lnl_worker_link_end(l, false, 0);
	return 0;
}

static int tell_counters(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_ntf n;

	n.kind = LNL_NTF_COUNTERS;
	n.id = 0;
	n.peer = peer;
	n.error = 0;
	lnl_worker_count(w, peer, &n.u.counters);
	lnl_worker_note(w, &n, offsetof(struct lnl_ntf, u) + sizeof(n.u.counters));
	return 0;
}

static int run_key(struct lnl_worker *w, const struct lnl_command *cmd)
{
	switch (cmd->kind) {
	case LNL_CMD_KEY_INSTALL:
		return lnl_data_key_install(w->data, cmd->peer, cmd->u.key.slot, &cmd->u.key.key);
	case LNL_CMD_KEY_SWAP:
		return lnl_data_key_swap(w->data, cmd->peer);
	case LNL_CMD_KEY_DEL:
		return lnl_data_key_del(w->data, cmd->peer, cmd->u.key.slot);
	case LNL_CMD_KEY_EXPIRE:
		return lnl_data_key_expire(w->data, cmd->peer, cmd->u.key.slot, cmd->u.key.when);
	default:
		return LNL_E_INVAL;
	}
}

static int run_lane(struct lnl_worker *w, const struct lnl_command *cmd)
{
	switch (cmd->kind) {
	case LNL_CMD_LANE_ADD:
		return lnl_worker_lane_add(w, cmd);
	case LNL_CMD_LANE_DEL:
		return lnl_worker_lane_del(w, cmd->id);
	default:
		return lane_peer(w, cmd);
	}
}

static int run(struct lnl_worker *w, const struct lnl_command *cmd)
{
	switch (cmd->kind) {
	case LNL_CMD_LINK_ADD:
		return lnl_worker_link_add(w, &cmd->u.link);
	case LNL_CMD_LINK_DEL:
		return del_link(w, cmd->id);
	case LNL_CMD_LINK_SEND:
		return send_control(w, cmd);
	case LNL_CMD_TUN_ADD:
		lnl_worker_tun_add(w, &cmd->u.tun);
		return 0;
	case LNL_CMD_TUN_DEL:
		lnl_worker_tun_del(w);
		return 0;
	case LNL_CMD_PEER_ADD:
		return add_peer(w, cmd);
	case LNL_CMD_PEER_ELSEWHERE:
		return lnl_worker_across_add(w, cmd);
	case LNL_CMD_CONNECT:
		w->across = cmd->u.across;
		return 0;
	case LNL_CMD_PEER_SET:
		return lnl_data_peer_set(w->data, &cmd->u.conf, lnl_clock_now());
	case LNL_CMD_PEER_LINK:
		return link_peer(w, cmd);
	case LNL_CMD_PEER_DEL:
		return del_peer(w, cmd->peer);
	case LNL_CMD_SPECIAL:
		return lnl_worker_special(w, cmd->peer, cmd->u.special);
	case LNL_CMD_ROUTE_ADD:
		return lnl_data_route_add(w->data, &cmd->u.route, cmd->peer);
	case LNL_CMD_ROUTE_DEL:
		return lnl_data_route_del(w->data, &cmd->u.route);
	case LNL_CMD_RELAY:
		return lnl_worker_set_relay(w, cmd->u.relay);
	case LNL_CMD_LANE_ADD:
	case LNL_CMD_LANE_DEL:
	case LNL_CMD_PEER_LANE:
		return run_lane(w, cmd);
	case LNL_CMD_COUNTERS:
		return tell_counters(w, cmd->peer);
	default:
		return run_key(w, cmd);
	}
}

void lnl_worker_run(struct lnl_worker *w, struct lnl_command *cmd)
{
	uint32_t peer = cmd->peer;
	int rc = run(w, cmd);

	if (cmd->kind == LNL_CMD_PEER_ADD)
		peer = cmd->u.peer.conf.id;
	else if (cmd->kind == LNL_CMD_PEER_SET)
		peer = cmd->u.conf.id;
	if (rc < 0)
		lnl_worker_note_error(w, LNL_NTF_FAILED, cmd->kind, peer, rc);
	wipe(cmd);
}
