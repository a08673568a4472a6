/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/edit.h"

#include <editline/readline.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST 200 /* words that are offered */

/* The library calls back without a context: the state whose completer it is, while a line is read. */
static lua_State *state;

/* What words end at: not at a dot, as names of names have those. */
static const char breaks[] = " \t\n\"\\'`@$><=;|&{}()[]+-*/%^~#,:";

static const char completer_key;

static int ask(lua_State *L)
{
	const char *text = lua_touserdata(L, 1);

	lua_pushlightuserdata(L, (void *)(uintptr_t)&completer_key);
	lua_rawget(L, LUA_REGISTRYINDEX);
	lua_pushstring(L, text);
	if (lua_pcall(L, 1, 1, 0))
		return lua_error(L);
	luaL_checktype(L, -1, LUA_TTABLE);
	return 1;
}

static size_t common(const char *a, const char *b, size_t most)
{
	size_t n = 0;

	while (n < most && a[n] && a[n] == b[n])
		n++;
	return n;
}

/* The list at the top of the stack as the library has it: what all share, the words, NULL. */
static char **words_of(lua_State *L)
{
	size_t n = lua_objlen(L, -1), len = 0, k = 0;
	char **out;

	if (n == 0)
		return NULL;
	if (n > MOST)
		n = MOST;
	out = calloc(n + 2, sizeof(*out));
	for (size_t i = 1; out && i <= n; i++) {
		const char *word;

		lua_rawgeti(L, -1, (int)i);
		word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
		if (word && (out[k + 1] = strdup(word))) {
			k++;
			len = k == 1 ? strlen(word) : common(out[1], word, len);
		}
		lua_pop(L, 1);
	}
	if (out && k > 0)
		out[0] = strndup(out[1], len);
	if (out && out[0])
		return out;
	for (; out && k > 0; k--)
		free(out[k]);
	free(out);
	return NULL;
}

static char **complete(const char *text, int start, int end)
{
	char *line = strndup(rl_line_buffer, end > 0 ? (size_t)end : 0);
	char **out = NULL;
	int top;

	(void)text;
	(void)start;
	rl_attempted_completion_over = 1; /* no names of files */
	if (!line || !state) {
		free(line);
		return NULL;
	}
	top = lua_gettop(state);
	if (lua_checkstack(state, 8)) {
		lua_pushcfunction(state, ask);
		lua_pushlightuserdata(state, line);
		if (lua_pcall(state, 1, 1, 0) == 0)
			out = words_of(state);
		lua_settop(state, top);
	}
	free(line);
	return out;
}

static int set_completer(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_pushlightuserdata(L, (void *)(uintptr_t)&completer_key);
	lua_pushvalue(L, 1);
	lua_rawset(L, LUA_REGISTRYINDEX);
	rl_attempted_completion_function = complete;
	rl_completer_word_break_characters = (char *)(uintptr_t)breaks;
	return 0;
}

static int read_line(lua_State *L)
{
	const char *prompt = luaL_checkstring(L, 1);
	char *line;

	state = L;
	line = readline(prompt);
	state = NULL;
	if (!line)
		return 0;
	if (*line)
		add_history(line);
	lua_pushstring(L, line);
	explicit_bzero(line, strlen(line));
	free(line);
	return 1;
}

int luaopen_lunel_edit(lua_State *L)
{
	static const luaL_Reg functions[] = { { "read", read_line },
					      { "complete", set_completer },
					      { NULL, NULL } };

	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
