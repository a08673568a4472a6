/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bin/lunel: embeds LuaJIT, offers it the module, and runs scripts/launcher.lua with the command
 * line.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bindings/edit.h"
#include "bindings/module.h"

/* Exit status: DESIGN section 7. */
#define FAILED 1

struct start {
	int argc;
	char **argv;
	char scripts[PATH_MAX];
	char beside[PATH_MAX]; /* the folder above that of the program; "" when it is not known */
};

static int has_launcher(const char *folder)
{
	char file[PATH_MAX];

	return snprintf(file, sizeof(file), "%s/launcher.lua", folder) < (int)sizeof(file) &&
	       access(file, R_OK) == 0;
}

/* The folder above that of the program. */
static int beside_program(char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return 0;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return snprintf(out, size, "%s", self) < (int)size;
}

/*
 * LUNEL_SCRIPTS, then what is installed with this program, then the source tree, then the
 * configured prefix.
 */
static int find_scripts(const char *beside, char *out, size_t size)
{
	const char *given = secure_getenv("LUNEL_SCRIPTS");
	const char *const places[] = { LUNEL_SCRIPTS_DIR, LUNEL_INSTALLED_SCRIPTS_DIR };

	if (given)
		return snprintf(out, size, "%s", given) < (int)size && has_launcher(out);
	if (*beside && snprintf(out, size, "%s/share/lunel", beside) < (int)size &&
	    has_launcher(out))
		return 1;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (snprintf(out, size, "%s", places[i]) < (int)size && has_launcher(out))
			return 1;
	return 0;
}

static int add_traceback(lua_State *L)
{
	const char *text = lua_tostring(L, 1);

	luaL_traceback(L, L, text ? text : "(error object is not a text)", 1);
	return 1;
}

/*
 * Where `lunel test` finds its module, and tests others: in the build tree, beside this program, where it
 * is installed, then where LuaJIT looks. |package| is on top of the stack.
 */
static void set_module_path(lua_State *L, const char *beside)
{
	if (*beside)
		lua_pushfstring(L, "%s/lib/?.so;%s/" LUNEL_MODULES_PLACE "/?.so;", beside, beside);
	else
		lua_pushliteral(L, "");
	lua_pushliteral(L, LUNEL_INSTALLED_MODULES_DIR "/?.so;");
	lua_getfield(L, -3, "cpath");
	lua_concat(L, 3);
	lua_setfield(L, -2, "cpath");
}

static int launch(lua_State *L)
{
	const struct start *s = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_pushcfunction(L, add_traceback);
	luaL_openlibs(L);
	lua_getglobal(L, "package");
	lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", s->scripts, s->scripts);
	lua_setfield(L, -2, "path");
	set_module_path(L, s->beside);
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_lunel_core);
	lua_setfield(L, -2, "lunel.core");
	lua_pushcfunction(L, luaopen_lunel_edit);
	lua_setfield(L, -2, "lunel.edit");
	lua_settop(L, 1);
	lua_createtable(L, s->argc, 0);
	for (int i = 0; i < s->argc; i++) {
		lua_pushstring(L, s->argv[i]);
		lua_rawseti(L, -2, i);
	}
	lua_setglobal(L, "arg");
	lua_pushfstring(L, "%s/launcher.lua", s->scripts);
	if (luaL_loadfile(L, lua_tostring(L, -1)) || lua_pcall(L, 0, 0, 1))
		fprintf(stderr, "lunel: %s\n", lua_tostring(L, -1));
	return 0;
}

/*
 * Standard streams that are closed lead nowhere from here on: else a socket of ours, the next that is
 * opened, would get what is printed.
 */
static int fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	struct start s = { .argc = argc, .argv = argv };
	lua_State *L;

	if (!fill_streams()) {
		fprintf(stderr,
			"lunel: a standard stream is closed, and /dev/null cannot be opened "
			"in its place; open it\n");
		return FAILED;
	}
	if (!beside_program(s.beside, sizeof(s.beside)))
		s.beside[0] = '\0';
	if (!find_scripts(s.beside, s.scripts, sizeof(s.scripts))) {
		fprintf(stderr, "lunel: its scripts are not where they were installed; "
				"LUNEL_SCRIPTS names their folder\n");
		return FAILED;
	}
	L = luaL_newstate();
	if (!L) {
		fprintf(stderr, "lunel: out of memory\n");
		return FAILED;
	}
	/* The launcher ends the process itself, with its status: coming back means an error. */
	if (lua_cpcall(L, launch, &s))
		fprintf(stderr, "lunel: %s\n", lua_tostring(L, -1));
	lua_close(L);
	return FAILED;
}
