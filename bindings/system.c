/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/system.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "bindings/file.h"
#include "bindings/journal.h"
#include "bindings/query.h"

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

int lnl_system_read_file(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct lnl_file f;

	if (lnl_file_read(path, &f) < 0) {
		lua_pushnil(L);
		lua_pushstring(L, f.why);
		return 2;
	}
	lua_createtable(L, 0, 2);
	lua_pushinteger(L, (lua_Integer)f.uid);
	lua_setfield(L, -2, "uid");
	lua_pushinteger(L, (lua_Integer)f.mode);
	lua_setfield(L, -2, "mode");
	lua_pushlstring(L, f.data, f.len);
	lua_insert(L, -2);
	lnl_file_free(&f);
	return 2;
}

int lnl_system_temporary(lua_State *L)
{
	const char *folder = luaL_checkstring(L, 1), *text;
	char path[PATH_MAX];
	size_t len;

	text = luaL_checklstring(L, 2, &len);
	if (lnl_file_temporary(folder, text, len, path, sizeof(path)) < 0)
		return result(L, -1);
	lua_pushstring(L, path);
	return 1;
}

/* PATH's absolute entries; a program that root runs is never one of the working directory. */
int lnl_system_program(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const char *path = getenv("PATH"), *end;
	char file[PATH_MAX];

	if (strchr(name, '/')) {
		lua_settop(L, 1);
		return access(name, X_OK) == 0;
	}
	if (!path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (; *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, ":");
		if (*path != '/' || snprintf(file, sizeof(file), "%.*s/%s", (int)(end - path), path,
					     name) >= (int)sizeof(file))
			continue;
		if (access(file, X_OK) == 0) {
			lua_pushstring(L, file);
			return 1;
		}
	}
	return 0;
}

int lnl_system_exists(lua_State *L)
{
	lua_pushboolean(L, access(luaL_checkstring(L, 1), F_OK) == 0);
	return 1;
}

int lnl_system_hostname(lua_State *L)
{
	char name[HOST_NAME_MAX + 1];

	if (gethostname(name, sizeof(name)) < 0)
		return luaL_error(L, "hostname: %s", strerror(errno));
	name[sizeof(name) - 1] = '\0';
	lua_pushstring(L, name);
	return 1;
}

int lnl_system_pid(lua_State *L)
{
	lua_pushinteger(L, getpid());
	return 1;
}

static int set_nice(lua_State *L)
{
	return result(L, setpriority(PRIO_PROCESS, 0, (int)luaL_checkinteger(L, 1)));
}

/*
 * Memory stays in RAM; the limit is raised first, where that is allowed, since a process without
 * root may hit it later.
 */
static int lock_memory(lua_State *L)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &r);
	return result(L, mlockall(MCL_CURRENT | MCL_FUTURE));
}

#define READY_PIPE "lunel.ready"

/*
 * The first process waits for the daemon's word, so that who started it sees errors and a true exit
 * status.
 */
static void await_daemon(int fd)
{
	char status = 1;

	while (read(fd, &status, 1) < 0 && errno == EINTR)
		;
	_exit(status);
}

/* Twice forked: no terminal can become ours again. Output stays the caller's until detach(). */
static int become_daemon(lua_State *L)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return result(L, -1);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return result(L, -1);
		if (pid > 0 && i == 0) {
			close(fds[1]);
			await_daemon(fds[0]);
		}
		if (pid > 0)
			_exit(0);
		if (i == 0 && setsid() < 0)
			_exit(1);
	}
	close(fds[0]);
	lua_pushinteger(L, fds[1]);
	lua_setfield(L, LUA_REGISTRYINDEX, READY_PIPE);
	return result(L, 0);
}

/* The daemon stands on its own: whoever waits for it goes on. */
static int detach(lua_State *L)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ready;

	if (null < 0)
		return result(L, -1);
	lua_getfield(L, LUA_REGISTRYINDEX, READY_PIPE);
	ready = lua_isnil(L, -1) ? -1 : (int)lua_tointeger(L, -1);
	if (ready >= 0) {
		ssize_t n = write(ready, "", 1);

		(void)n; /* nobody waits any more: nothing lost */
		close(ready);
	}
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	return result(L, 0);
}

static int create_pid_file(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int rc = -1;

	if (fd >= 0) {
		rc = dprintf(fd, "%ld\n", (long)getpid()) < 0 ? -1 : 0;
		rc |= close(fd);
	}
	return result(L, rc);
}

/* openlog keeps the pointer, so the name has to live as long as the process. */
static int open_syslog(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	lua_pushvalue(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, "lunel.syslog");
	openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	return 0;
}

static int write_syslog(lua_State *L)
{
	static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_DEBUG };
	static const char *const names[] = { "error", "warn", "info", "debug", "trace", NULL };

	syslog(priorities[luaL_checkoption(L, 1, "info", names)], "%s", luaL_checkstring(L, 2));
	return 0;
}

/* The service manager's notification socket, where there is one. */
static int notify(lua_State *L)
{
	size_t len;
	const char *state = luaL_checklstring(L, 1, &len);
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd;

	if (n < 2 || n >= sizeof(to.sun_path))
		return 0;
	memcpy(to.sun_path, path, n);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	lua_pushboolean(L, sendto(fd, state, len, MSG_NOSIGNAL, (struct sockaddr *)(void *)&to,
				  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) >= 0);
	close(fd);
	return 1;
}

static int is_terminal(lua_State *L)
{
	lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
	return 1;
}

static int effective_user(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)geteuid());
	return 1;
}

static int wall_time(lua_State *L)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec / 1e9);
	return 1;
}

static void push_signals(lua_State *L)
{
	static const struct {
		const char *name;
		int number;
	} list[] = {
		{ "term", SIGTERM }, { "int", SIGINT },	  { "hup", SIGHUP },
		{ "usr1", SIGUSR1 }, { "usr2", SIGUSR2 },
	};

	lua_createtable(L, 0, 5);
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		lua_pushinteger(L, list[i].number);
		lua_setfield(L, -2, list[i].name);
	}
	lua_setfield(L, -2, "signals");
}

/* Empties |fd| and makes it its owner's alone; of a device nothing changes. NULL, or what is wrong. */
static const char *take_over(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (S_ISREG(st.st_mode) && (st.st_uid != geteuid() || st.st_nlink > 1))
		return "it is somebody else's file, or has a second name; remove it, or name another";
	if ((S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)) && st.st_uid == geteuid() &&
	    fchmod(fd, 0600) < 0)
		return strerror(errno);
	return S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0 ? strerror(errno) : NULL;
}

/*
 * open_capture(path): a descriptor, or nil and why. For its owner alone, who is us; a link is not
 * followed, so that nobody leads us to another file.
 */
static int open_capture(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1), *why;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	if (fd < 0)
		why = errno == ELOOP ? "it is a symbolic link" : strerror(errno);
	else
		why = take_over(fd);
	if (!why) {
		lua_pushinteger(L, fd);
		return 1;
	}
	if (fd >= 0)
		close(fd);
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

void lnl_system_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "prompt", lnl_system_prompt },
		{ "read_file", lnl_system_read_file },
		{ "program", lnl_system_program },
		{ "exists", lnl_system_exists },
		{ "hostname", lnl_system_hostname },
		{ "pid", lnl_system_pid },
		{ "nice", set_nice },
		{ "mlock", lock_memory },
		{ "daemon", become_daemon },
		{ "detach", detach },
		{ "write_pid", create_pid_file },
		{ "open_capture", open_capture },
		{ "openlog", open_syslog },
		{ "syslog", write_syslog },
		{ "journal", lnl_journal_open },
		{ "query", lnl_query },
		{ "notify", notify },
		{ "isatty", is_terminal },
		{ "euid", effective_user },
		{ "time", wall_time },
		{ NULL, NULL },
	};

	luaL_register(L, NULL, functions);
	lnl_journal_register(L);
	push_signals(L);
}
