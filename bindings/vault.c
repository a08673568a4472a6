/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bindings/objects.h"

/* ---- files ---- */

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* A new name is on the disk once its folder is. Not every file system can: then it is its best. */
static void sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* Gives |temp| the name |path|. */
static int give_name(const char *temp, const char *path, bool replace)
{
	if (replace)
		return rename(temp, path);
	if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* A file system that cannot; one without links, either, says so now. */
	if (link(temp, path) < 0)
		return -1;
	unlink(temp);
	return 0;
}

int lnl_vault_write(const char *path, const void *data, size_t len, mode_t mode, bool replace)
{
	char temp[PATH_MAX];
	int fd, saved;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >= (int)sizeof(temp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* From here on it is ours to remove. */
	if (fchmod(fd, mode) == 0 && write_all(fd, data, len) == 0 && fsync(fd) == 0) {
		if (close(fd) == 0 && give_name(temp, path, replace) == 0) {
			sync_folder(path);
			return 0;
		}
		saved = errno;
	} else {
		saved = errno;
		close(fd);
	}
	unlink(temp);
	errno = saved;
	return -1;
}

static int result(lua_State *L, int rc)
{
	if (rc == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, strerror(errno));
	return 2;
}

static int write_file(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1), *text;
	mode_t mode = (mode_t)luaL_checkinteger(L, 3) & 0777;
	bool replace = lua_toboolean(L, 4);
	size_t len;

	text = lnl_secret_text(L, 2, &len);
	luaL_argcheck(L, text, 2, "a text or a secret is needed");
	return result(L, lnl_vault_write(path, text, len, mode, replace));
}

/* ---- folders ---- */

/* 1, 0 (something is in it) or -1. */
static int is_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int empty = 1;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = 0;
	closedir(d);
	return empty;
}

static int make_folder(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int empty;

	if (mkdir(path, 0700) == 0)
		return result(L, chmod(path, 0700)); /* whatever the umask said */
	if (errno != EEXIST)
		return result(L, -1);
	empty = is_empty(path);
	if (empty != 0)
		return result(L, empty < 0 ? -1 : chmod(path, 0700));
	lua_pushnil(L);
	lua_pushliteral(L, "it is not empty");
	return 2;
}

static int lock_folder(lua_State *L)
{
	int fd = open(luaL_checkstring(L, 1), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return result(L, -1);
	do
		rc = flock(fd, LOCK_EX);
	while (rc < 0 && errno == EINTR);
	if (rc < 0) {
		rc = errno;
		close(fd);
		errno = rc;
		return result(L, -1);
	}
	lua_pushinteger(L, fd);
	return 1;
}

static int unlock(lua_State *L)
{
	close((int)luaL_checkinteger(L, 1));
	return 0;
}

static int absolute(lua_State *L)
{
	char out[PATH_MAX];

	if (!realpath(luaL_checkstring(L, 1), out))
		return result(L, -1);
	lua_pushstring(L, out);
	return 1;
}

void lnl_vault_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "make_folder", make_folder }, { "lock_folder", lock_folder },
		{ "unlock", unlock },		{ "absolute", absolute },
		{ "write_file", write_file },	{ NULL, NULL },
	};

	luaL_register(L, NULL, functions);
}
