/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <lauxlib.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST ((size_t)4 << 20)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

/* 0: it is none. */
static socklen_t find(union address *a, const char *where, int port)
{
	memset(a, 0, sizeof(*a));
	if (port == 0) {
		if (strlen(where) >= sizeof(a->local.sun_path))
			return 0;
		a->local.sun_family = AF_UNIX;
		memcpy(a->local.sun_path, where, strlen(where));
		return sizeof(a->local);
	}
	if (inet_pton(AF_INET, where, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)port);
		return sizeof(a->v4);
	}
	if (inet_pton(AF_INET6, where, &a->v6.sin6_addr) != 1)
		return 0;
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons((uint16_t)port);
	return sizeof(a->v6);
}

/* Until |fd| is ready for |events|; 0 or an errno. */
static int wait_for(int fd, short events, double until)
{
	struct pollfd p = { .fd = fd, .events = events };
	double left = until - now();
	int n = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;

	if (n < 0 && errno == EINTR)
		return wait_for(fd, events, until);
	return n > 0 ? 0 : n < 0 ? errno : ETIMEDOUT;
}

static int reach(int fd, const union address *a, socklen_t len, double until)
{
	int error = 0, rc;
	socklen_t size = sizeof(error);

	if (connect(fd, &a->any, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	rc = wait_for(fd, POLLOUT, until);
	if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		rc = errno;
	return rc ? rc : error;
}

static int say(int fd, const char *text, size_t len, double until)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		int rc = n < 0 && errno == EAGAIN ? wait_for(fd, POLLOUT, until)
			 : n < 0		  ? errno
						  : 0;

		if (rc)
			return rc;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int hear(int fd, luaL_Buffer *b, double until)
{
	size_t all = 0;

	for (;;) {
		ssize_t n = recv(fd, luaL_prepbuffer(b), LUAL_BUFFERSIZE, 0);
		int rc = n < 0 && errno == EAGAIN ? wait_for(fd, POLLIN, until) : n < 0 ? errno : 0;

		if (rc || n == 0)
			return rc;
		if (n > 0)
			luaL_addsize(b, (size_t)n);
		all += n > 0 ? (size_t)n : 0;
		if (all > MOST)
			return EFBIG;
	}
}

int lnl_query(lua_State *L)
{
	const char *where = luaL_checkstring(L, 1), *text;
	int port = (int)luaL_optinteger(L, 2, 0), fd, rc;
	double until = now() + luaL_checknumber(L, 4);
	union address a;
	luaL_Buffer b;
	socklen_t size = find(&a, where, port);
	size_t len;

	text = luaL_checklstring(L, 3, &len);
	luaL_argcheck(L, size, 1, "an address or a socket's path expected");
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? errno : reach(fd, &a, size, until);
	if (!rc)
		rc = say(fd, text, len, until);
	luaL_buffinit(L, &b);
	if (!rc)
		rc = hear(fd, &b, until);
	if (fd >= 0)
		close(fd);
	luaL_pushresult(&b);
	if (!rc)
		return 1;
	lua_pushnil(L);
	lua_pushstring(L, strerror(rc));
	return 2;
}
