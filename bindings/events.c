/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/host.h"
#include "bindings/objects.h"
#include "bindings/ops_services.h"

static void set_text(lua_State *L, const char *name, const char *text)
{
	if (!text)
		return;
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double n)
{
	lua_pushnumber(L, n);
	lua_setfield(L, -2, name);
}

static void set_bool(lua_State *L, const char *name, bool b)
{
	lua_pushboolean(L, b);
	lua_setfield(L, -2, name);
}

/* An index of the engine's, as Lua counts; none below 0. */
static void set_index(lua_State *L, const char *name, int i)
{
	if (i >= 0)
		set_number(L, name, i + 1);
}

static void set_list(lua_State *L, const char *name, const char *const *list, unsigned n)
{
	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushstring(L, list[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, name);
}

void lnl_event_push_stats(lua_State *L, const struct lnl_stats *s)
{
	lua_createtable(L, 0, 8);
	set_number(L, "rx", (double)s->rx_bytes);
	set_number(L, "tx", (double)s->tx_bytes);
	set_number(L, "rx_packets", (double)s->rx_packets);
	set_number(L, "tx_packets", (double)s->tx_packets);
	set_number(L, "link_rx", (double)s->link_rx_bytes);
	set_number(L, "link_tx", (double)s->link_tx_bytes);
	if (s->connected_at)
		set_number(L, "connected_at", (double)s->connected_at);
	if (s->rtt > 0)
		set_number(L, "rtt", s->rtt);
	if (s->loss >= 0)
		set_number(L, "loss", s->loss);
	lua_newtable(L);
	for (int i = LNL_DROP_NONE + 1; i < LNL_DROP_COUNT; i++)
		if (s->drops[i])
			set_number(L, lnl_drop_name((enum lnl_drop)i), (double)s->drops[i]);
	lua_setfield(L, -2, "drops");
}

static const char *kind_name(enum lnl_event_kind kind)
{
	switch (kind) {
	case LNL_EVENT_SELECT_REMOTE:
		return "select_remote";
	case LNL_EVENT_CREDENTIALS:
		return "credentials";
	case LNL_EVENT_CHALLENGE:
		return "challenge";
	case LNL_EVENT_VERIFY_CERT:
		return "verify_cert";
	case LNL_EVENT_PULLED:
		return "pulled";
	case LNL_EVENT_UP:
		return "up";
	case LNL_EVENT_DOWN:
		return "down";
	case LNL_EVENT_RECONNECT:
		return "reconnect";
	case LNL_EVENT_CONTROL:
		return "control";
	case LNL_EVENT_STATE:
		return "state";
	case LNL_EVENT_CLOSED:
		return "closed";
	case LNL_EVENT_OPEN_URL:
		return "open_url";
	case LNL_EVENT_AUTHENTICATE:
		return "authenticate";
	case LNL_EVENT_AUTHORIZE:
		return "authorize";
	case LNL_EVENT_LEARN:
		return "learn";
	case LNL_EVENT_LINE:
		return "line";
	case LNL_EVENT_MESSAGE:
		return "message";
	case LNL_EVENT_ESTABLISHED:
		return "established";
	case LNL_EVENT_PEER_CLOSED:
		return "peer_closed";
	case LNL_EVENT_NETWORK:
		return "network";
	default:
		return "other";
	}
}

static void push_end(lua_State *L, const struct lnl_event *e)
{
	set_text(L, "cause", e->u.end.cause);
	set_text(L, "text", e->u.end.text);
	set_text(L, "phase", e->u.end.phase);
	set_index(L, "remote", e->u.end.remote);
	set_number(L, "failures", e->u.end.failures);
	set_number(L, "backoff", e->u.end.backoff);
	set_bool(L, "fatal", e->u.end.fatal);
	set_number(L, "exit_status", e->u.end.exit_status);
	lnl_event_push_stats(L, &e->u.end.stats);
	lua_setfield(L, -2, "stats");
}

static void push_net(lua_State *L, const struct lnl_event *e)
{
	set_text(L, "ifname", e->u.net.ifname);
	set_list(L, "lines", e->u.net.lines, e->u.net.n);
	set_list(L, "env", e->u.net.env, e->u.net.n_env);
	set_number(L, "mtu", e->u.net.mtu);
	set_bool(L, "restart", e->u.net.restart);
}

static void set_secret(lua_State *L, const char *name, const char *text)
{
	if (!text)
		return;
	lnl_secret_push(L, text, strlen(text));
	lua_setfield(L, -2, name);
}

static void push_login(lua_State *L, const struct lnl_event *e)
{
	static const char *const tokens[] = { "none", "valid", "expired", "invalid" };

	set_text(L, "username", e->u.login.username);
	set_secret(L, "password", e->u.login.password);
	set_secret(L, "response", e->u.login.response);
	set_text(L, "state", e->u.login.state);
	set_text(L, "token_state", tokens[e->u.login.token]);
	set_bool(L, "again", e->u.login.again);
}

static void push_fields(lua_State *L, const struct lnl_event *e)
{
	switch (e->kind) {
	case LNL_EVENT_SELECT_REMOTE:
		set_number(L, "attempt", e->u.select.attempt);
		set_number(L, "failures", e->u.select.failures);
		set_index(L, "last_remote", e->u.select.last_remote);
		set_text(L, "last_cause", e->u.select.last_cause);
		set_text(L, "last_text", e->u.select.last_text);
		break;
	case LNL_EVENT_CREDENTIALS:
	case LNL_EVENT_CHALLENGE:
		set_text(L, "ask", e->u.ask.kind);
		set_text(L, "why", e->u.ask.why);
		set_text(L, "text", e->u.ask.text);
		set_text(L, "user", e->u.ask.user);
		set_bool(L, "echo", e->u.ask.echo);
		break;
	case LNL_EVENT_NETWORK:
	case LNL_EVENT_PULLED:
		set_list(L, "options", e->u.options.list, e->u.options.n);
		break;
	case LNL_EVENT_UP:
	case LNL_EVENT_DOWN:
		push_net(L, e);
		break;
	case LNL_EVENT_AUTHENTICATE:
		push_login(L, e);
		break;
	case LNL_EVENT_LEARN:
		set_text(L, "prefix", e->u.learn.prefix);
		set_text(L, "op", e->u.learn.op);
		break;
	case LNL_EVENT_RECONNECT:
	case LNL_EVENT_CLOSED:
	case LNL_EVENT_PEER_CLOSED:
		push_end(L, e);
		break;
	case LNL_EVENT_STATE:
		set_text(L, "state", lnl_state_name(e->u.state.state));
		set_text(L, "detail", e->u.state.detail);
		set_index(L, "remote", e->u.state.remote);
		set_text(L, "address", e->u.state.address);
		break;
	case LNL_EVENT_CONTROL:
	case LNL_EVENT_LINE:
	case LNL_EVENT_OPEN_URL:
		set_text(L, "text", e->u.text);
		break;
	case LNL_EVENT_MESSAGE:
		set_text(L, "protocol", e->u.message.protocol);
		lua_pushlstring(L, e->u.message.data ? e->u.message.data : "", e->u.message.len);
		lua_setfield(L, -2, "data");
		break;
	default:
		break;
	}
}

static void call_instance(lua_State *L, const struct lnl_event *e, const char *function)
{
	char ticket[24];

	lua_rawgeti(L, LUA_REGISTRYINDEX, lnl_vm_of(L)->instance);
	lua_getfield(L, -1, function);
	lua_createtable(L, 0, 12);
	set_text(L, "kind", kind_name(e->kind));
	set_number(L, "tunnel", e->tunnel);
	if (e->peer != LNL_NO_PEER)
		set_number(L, "peer", e->peer);
	if (e->ticket) {
		snprintf(ticket, sizeof(ticket), "%" PRIx64, e->ticket);
		set_text(L, "ticket", ticket);
	}
	if (e->deadline > 0)
		set_number(L, "deadline", e->deadline);
	push_fields(L, e);
	lnl_call_function(L, 1, 0);
}

static int deliver(lua_State *L)
{
	call_instance(L, lua_touserdata(L, 1), "event");
	return 0;
}

static int overhear(lua_State *L)
{
	call_instance(L, lua_touserdata(L, 1), "overhear");
	return 0;
}

void lnl_event_overhear(struct lnl_vm *vm, const struct lnl_event *e)
{
	struct lnl_fault fault;

	if (lnl_call(vm, kind_name(e->kind), LNL_SLICE_OURS, overhear, (void *)(uintptr_t)e,
		     &fault))
		lnl_host_fault(vm->host, kind_name(e->kind), &fault);
}

void lnl_event_deliver(struct lnl_vm *vm, const struct lnl_event *e)
{
	struct lnl_fault fault;

	/* Not the script's hook, which has its slice in lnl_call_try, but what surrounds it. */
	if (!lnl_call(vm, kind_name(e->kind), LNL_SLICE_OURS, deliver, (void *)(uintptr_t)e,
		      &fault))
		return;
	lnl_host_fault(vm->host, kind_name(e->kind), &fault);
	if (e->ticket)
		lnl_reply_default(vm->host->engine, e->ticket);
}

static int push_exited(lua_State *L, const struct lnl_event *e)
{
	if (e->u.exited.error) {
		lua_pushnil(L);
		lua_pushstring(L, lnl_error_text(e->u.exited.error));
		return 2;
	}
	lua_createtable(L, 0, 4);
	set_number(L, "status", e->u.exited.status);
	set_bool(L, "timeout", e->u.exited.timeout);
	lua_pushlstring(L, e->u.exited.out.data ? e->u.exited.out.data : "", e->u.exited.out.len);
	lua_setfield(L, -2, "out");
	lua_pushlstring(L, e->u.exited.err.data ? e->u.exited.err.data : "", e->u.exited.err.len);
	lua_setfield(L, -2, "err");
	return 1;
}

int lnl_event_result(lua_State *L, const struct lnl_event *e)
{
	switch (e->kind) {
	case LNL_EVENT_RESOLVED:
		if (e->u.resolved.error) {
			lua_pushnil(L);
			lua_pushstring(L, lnl_error_text(e->u.resolved.error));
			return 2;
		}
		lua_createtable(L, (int)e->u.resolved.n, 0);
		for (unsigned i = 0; i < e->u.resolved.n; i++) {
			lua_pushstring(L, e->u.resolved.addresses[i]);
			lua_rawseti(L, -2, (int)i + 1);
		}
		return 1;
	case LNL_EVENT_EXITED:
		return push_exited(L, e);
	case LNL_EVENT_HTTP:
	case LNL_EVENT_DIAL:
	case LNL_EVENT_PROBED:
		return lnl_services_result(L, e);
	default:
		lua_pushboolean(L, 1);
		return 1;
	}
}

uint64_t lnl_event_ticket(lua_State *L, int index)
{
	return strtoull(luaL_checkstring(L, index), NULL, 16);
}
