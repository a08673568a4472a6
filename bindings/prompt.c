/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks on the controlling terminal, without echo for what is secret, and leaves the terminal as it
 * was, whatever signal comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bindings/objects.h"
#include "bindings/system.h"

/* A handler can reach nothing but what is global: the signal that came while a prompt waits. */
static volatile sig_atomic_t caught;

static void catch (int signo)
{
	caught = signo;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
#define N_SIGNALS (sizeof(signals) / sizeof(*signals))

/* Reads a line: its length, -1 on end or error or signal. */
static int read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		char c;
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR && !caught)
			continue;
		if (got <= 0 || caught)
			return got == 0 && n > 0 ? (int)n : -1;
		if (c == '\n' || c == '\r')
			return (int)n;
		if (n < size - 1)
			line[n++] = c;
	}
}

static void write_text(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

static int ask(int fd, const char *text, bool echo, char *line, size_t size)
{
	struct sigaction sa = { .sa_handler = catch }, old[N_SIGNALS];
	struct termios was, is;
	bool terminal = tcgetattr(fd, &was) == 0;
	int n;

	caught = 0;
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaction(signals[i], &sa, &old[i]);
	if (terminal && !echo) {
		is = was;
		is.c_lflag &= ~(tcflag_t)ECHO;
		is.c_lflag |= ECHONL | ICANON;
		tcsetattr(fd, TCSAFLUSH, &is);
	}
	write_text(fd, text, strlen(text));
	n = read_line(fd, line, size);
	if (terminal && !echo)
		tcsetattr(fd, TCSAFLUSH, &was);
	if (n < 0)
		write_text(fd, "\n", 1);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaction(signals[i], &old[i], NULL);
	return n;
}

int lnl_system_prompt(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	bool echo = lua_toboolean(L, 2);
	char line[1024];
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int n, signo;

	if (fd < 0) {
		lua_pushnil(L);
		lua_pushliteral(L, "no terminal");
		return 2;
	}
	n = ask(fd, text, echo, line, sizeof(line));
	signo = caught;
	close(fd);
	if (n < 0) {
		explicit_bzero(line, sizeof(line));
		if (signo)
			raise(signo); /* the terminal is well again: to whoever handles it */
		lua_pushnil(L);
		lua_pushliteral(L, "interrupted");
		return 2;
	}
	if (echo)
		lua_pushlstring(L, line, (size_t)n);
	else
		lnl_secret_push(L, line, (size_t)n);
	explicit_bzero(line, sizeof(line));
	return 1;
}
