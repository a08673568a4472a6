/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/append.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bindings/host.h"
#include "bindings/vm.h"

#define TYPE "lunel.append"

struct file {
	int fd; /* -1: not open */
	unsigned mode;
	bool moved;  /* opened anew when it was */
	bool torn;   /* the last text is not there to its end */
	bool closed; /* for good */
	time_t looked;
	char path[];
};

static struct lnl_engine *engine_of(lua_State *L)
{
	const struct lnl_vm *vm = lnl_vm_of(L);

	return vm->host ? vm->host->engine : NULL;
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int lnl_append_new(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	unsigned mode = (unsigned)luaL_checkinteger(L, 2);
	bool moved = lua_toboolean(L, 3);
	char here[PATH_MAX] = "";
	struct file *f;

	/* The working directory may be another by then. */
	if (*path != '/' && !getcwd(here, sizeof(here)))
		return luaL_error(L, "the working directory: %s", strerror(errno));
	f = lua_newuserdata(L, sizeof(*f) + strlen(here) + strlen(path) + 2);
	*f = (struct file){ .fd = -1, .mode = mode, .moved = moved };
	sprintf(f->path, "%s%s%s", here, *here ? "/" : "", path);
	luaL_getmetatable(L, TYPE);
	lua_setmetatable(L, -2);
	return 1;
}

static int answer(lua_State *L, const char *why)
{
	if (!why) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

/* Opens it, and lets go of what was open only then. */
static int open_anew(lua_State *L, struct file *f, struct lnl_reason *why)
{
	int fd, rc = lnl_engine_append(engine_of(L), f->path, f->mode, &fd, why);

	if (rc < 0)
		return rc;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->torn = false;
	return 0;
}

/* Once a second; what is still there under another name is written to until the new one is open. */
static int follow(lua_State *L, struct file *f, struct lnl_reason *why)
{
	struct stat ours, there;
	time_t now = seconds();

	if (!f->moved || now == f->looked)
		return 0;
	f->looked = now;
	if (fstat(f->fd, &ours) == 0 && stat(f->path, &there) == 0 && ours.st_dev == there.st_dev &&
	    ours.st_ino == there.st_ino)
		return 0;
	if (open_anew(L, f, why) == 0 || ours.st_nlink > 0)
		return 0;
	return LNL_E_NOTFOUND;
}

static int put(struct file *f, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = lnl_write_quietly(f->fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		f->torn = true;
		text += n;
		len -= (size_t)n;
	}
	f->torn = false;
	return 0;
}

static int method_write(lua_State *L)
{
	struct file *f = luaL_checkudata(L, 1, TYPE);
	struct lnl_reason why = { "" };
	size_t len;
	const char *text = luaL_checklstring(L, 2, &len);
	int err = 0;

	if (f->closed)
		return answer(L, "it is closed");
	if (f->fd < 0 ? open_anew(L, f, &why) < 0 : follow(L, f, &why) < 0)
		return answer(L, why.text);
	/* Half a line must not become the beginning of the next one. */
	if (f->torn)
		err = put(f, "\n", 1);
	if (!err)
		err = put(f, text, len);
	if (!err)
		return answer(L, NULL);
	snprintf(why.text, sizeof(why.text), "cannot write %s: %s", f->path, strerror(err));
	return answer(L, why.text);
}

static int method_close(lua_State *L)
{
	struct file *f = luaL_checkudata(L, 1, TYPE);

	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->closed = true;
	return answer(L, NULL);
}

static int method_allow(lua_State *L)
{
	const struct file *f = luaL_checkudata(L, 1, TYPE);
	struct lnl_engine *e = engine_of(L);
	int rc = e && !f->closed ? lnl_engine_allow_append(e, f->path) : 0;

	return answer(L, rc < 0 ? lnl_error_text(rc) : NULL);
}

void lnl_append_register(lua_State *L)
{
	static const luaL_Reg methods[] = { { "write", method_write },
					    { "close", method_close },
					    { "allow", method_allow },
					    { NULL, NULL } };

	luaL_newmetatable(L, TYPE);
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, method_close);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "file");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}
