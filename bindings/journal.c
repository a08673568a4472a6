/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/journal.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TYPE   "lunel.journal"
#define BUFFER (8 * 1024 * 1024) /* as its own library asks for: records may come in thousands */

struct journal {
	int fd;
	struct sockaddr_un to;
};

static int failure(lua_State *L)
{
	lua_pushnil(L);
	lua_pushstring(L, strerror(errno));
	return 2;
}

static bool reach(const struct journal *j)
{
	return connect(j->fd, (const struct sockaddr *)(const void *)&j->to, sizeof(j->to)) == 0;
}

int lnl_journal_open(lua_State *L)
{
	size_t len;
	const char *path = luaL_checklstring(L, 1, &len);
	struct journal *j = lua_newuserdata(L, sizeof(*j));
	int size = BUFFER;

	*j = (struct journal){ .fd = -1, .to = { .sun_family = AF_UNIX } };
	luaL_getmetatable(L, TYPE);
	lua_setmetatable(L, -2);
	luaL_argcheck(L, len > 0 && len < sizeof(j->to.sun_path), 1, "a socket's path expected");
	memcpy(j->to.sun_path, path, len);
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (j->fd < 0)
		return failure(L);
	setsockopt(j->fd, SOL_SOCKET, SO_SNDBUF, &size,
		   sizeof(size)); /* as far as that is allowed */
	return reach(j) ? 1 : failure(L);
}

static int method_send(lua_State *L)
{
	const struct journal *j = luaL_checkudata(L, 1, TYPE);
	size_t len;
	const char *text = luaL_checklstring(L, 2, &len);
	ssize_t n = send(j->fd, text, len, MSG_NOSIGNAL);

	/* It was started anew, and its socket with it. */
	if (n < 0 && (errno == ECONNREFUSED || errno == ENOTCONN || errno == ECONNRESET) &&
	    reach(j))
		n = send(j->fd, text, len, MSG_NOSIGNAL);
	if (n < 0)
		return failure(L);
	lua_pushboolean(L, 1);
	return 1;
}

static int collect(lua_State *L)
{
	struct journal *j = luaL_checkudata(L, 1, TYPE);

	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	return 0;
}

void lnl_journal_register(lua_State *L)
{
	luaL_newmetatable(L, TYPE);
	lua_newtable(L);
	lua_pushcfunction(L, method_send);
	lua_setfield(L, -2, "send");
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, collect);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}
