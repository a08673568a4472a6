/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/attach.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TYPE	   "lunel.attached"
#define ROOM	   4096
#define ANSWER_MAX ((size_t)16 << 20) /* as much as a desk lets wait */

struct attached {
	int fd; /* -1: closed */
	char *data;
	size_t len, cap;
};

/* A handler can reach nothing but what is global. */
static volatile sig_atomic_t interrupted;

static void catch (int signo)
{
	(void)signo;
	interrupted = 1;
}

static int failed(lua_State *L, const char *why)
{
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

static struct attached *check(lua_State *L)
{
	return luaL_checkudata(L, 1, TYPE);
}

/* Who listens is root, or we ourselves: to nobody else is anything said. */
static bool is_ours(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

static int do_attach(lua_State *L)
{
	size_t len;
	const char *path = luaL_checklstring(L, 1, &len);
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct attached *a;

	luaL_argcheck(L, len > 0 && len < sizeof(to.sun_path), 1, "1 to 107 bytes expected");
	memcpy(to.sun_path, path, len);
	a = lua_newuserdata(L, sizeof(*a));
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	luaL_getmetatable(L, TYPE);
	lua_setmetatable(L, -2);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->fd < 0 || connect(a->fd, (struct sockaddr *)(void *)&to, sizeof(to)) < 0)
		return failed(L, strerror(errno));
	if (!is_ours(a->fd))
		return failed(L, "who listens there is neither root nor you");
	return 1;
}

static int do_send(lua_State *L)
{
	struct attached *a = check(L);
	size_t len, at = 0;
	const char *text;

	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	lua_pushliteral(L, "\n");
	lua_concat(L, 2);
	text = lua_tolstring(L, -1, &len);
	while (a->fd >= 0 && at < len) {
		ssize_t n = send(a->fd, text + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return failed(L, errno == EPIPE ? "closed" : strerror(errno));
		if (n > 0)
			at += (size_t)n;
	}
	if (a->fd < 0)
		return failed(L, "closed");
	lua_pushboolean(L, 1);
	return 1;
}

/* Pushes the first line of what came, if there is a whole one. */
static bool take_line(lua_State *L, struct attached *a)
{
	char *end = a->len > 0 ? memchr(a->data, '\n', a->len) : NULL;
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - a->data);
	lua_pushlstring(L, a->data, n);
	a->len -= n + 1;
	memmove(a->data, end + 1, a->len);
	return true;
}

/* NULL, or what went wrong. */
static const char *read_more(struct attached *a)
{
	ssize_t n;

	if (a->cap - a->len < ROOM) {
		size_t cap = a->cap * 2 + ROOM;
		char *grown = cap <= ANSWER_MAX + ROOM ? realloc(a->data, cap) : NULL;

		if (!grown)
			return "its answer is too long";
		a->data = grown;
		a->cap = cap;
	}
	n = recv(a->fd, a->data + a->len, a->cap - a->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? "closed" : strerror(errno);
	a->len += (size_t)n;
	return NULL;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* NULL once there may be more, or what ended the wait. ^C counts between the two masks alone. */
static const char *wait(struct attached *a, double until)
{
	double left = until - seconds();
	struct timespec t = { 0, 0 };
	struct pollfd p = { .fd = a->fd, .events = POLLIN };
	sigset_t block, old;
	const char *why = NULL;
	int n;

	if (left > 0) {
		t.tv_sec = (time_t)left;
		t.tv_nsec = (long)((left - (double)t.tv_sec) * 1e9);
	}
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &old);
	if (interrupted)
		why = "interrupted";
	n = why ? 0 : ppoll(&p, 1, &t, &old);
	if (!why && interrupted)
		why = "interrupted";
	else if (!why && n == 0)
		why = "timeout";
	sigprocmask(SIG_SETMASK, &old, NULL);
	return why;
}

static const char *await_line(lua_State *L, struct attached *a, double until)
{
	const char *why = NULL;

	while (!why && !take_line(L, a)) {
		why = a->fd < 0 ? "closed" : wait(a, until);
		if (!why)
			why = read_more(a);
	}
	return why;
}

static int do_receive(lua_State *L)
{
	struct attached *a = check(L);
	double limit = luaL_checknumber(L, 2);
	struct sigaction sa = { .sa_handler = catch }, old;
	const char *why;

	luaL_argcheck(L, limit >= 0 && limit < 1e6, 2, "seconds from 0 to 10^6 expected");
	interrupted = 0;
	sigaction(SIGINT, &sa, &old);
	why = await_line(L, a, seconds() + limit);
	sigaction(SIGINT, &old, NULL);
	return why ? failed(L, why) : 1;
}

static int do_close(lua_State *L)
{
	struct attached *a = check(L);

	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	free(a->data);
	a->data = NULL;
	a->len = a->cap = 0;
	return 0;
}

/* ---- the folder ---- */

static int make_folder(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return failed(L, strerror(errno));
	if (lstat(path, &st) < 0)
		return failed(L, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return failed(L, "it is no folder");
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return failed(L, "it is somebody else's, or others may write in it");
	lua_pushboolean(L, 1);
	return 1;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_socket(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".sock") == 0;
}

static int push_names(lua_State *L)
{
	struct dirent **list = lua_touserdata(L, 1);
	int n = (int)lua_tointeger(L, 2);

	lua_createtable(L, n > 0 ? n : 0, 0);
	for (int i = 0; i < n; i++) {
		lua_pushlstring(L, list[i]->d_name, strlen(list[i]->d_name) - 5);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int list_sockets(lua_State *L)
{
	struct dirent **list = NULL;
	int n = scandir(luaL_checkstring(L, 1), &list, is_socket, by_name), rc;

	lua_pushcfunction(L, push_names);
	lua_pushlightuserdata(L, list);
	lua_pushinteger(L, n);
	rc = lua_pcall(L, 2, 1, 0);
	while (n > 0)
		free(list[--n]);
	free(list);
	return rc ? lua_error(L) : 1;
}

void lnl_attach_open(lua_State *L)
{
	static const luaL_Reg methods[] = { { "send", do_send },
					    { "receive", do_receive },
					    { "close", do_close },
					    { NULL, NULL } };
	static const luaL_Reg functions[] = { { "attach", do_attach },
					      { "socket_folder", make_folder },
					      { "sockets", list_sockets },
					      { NULL, NULL } };

	luaL_newmetatable(L, TYPE);
	lua_pushcfunction(L, do_close);
	lua_setfield(L, -2, "__gc");
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	luaL_register(L, NULL, functions);
}
