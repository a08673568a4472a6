/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/fallback.h"

#include <lauxlib.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "bindings/host.h"
#include "bindings/objects.h"
#include "bindings/vm.h"

#define LINE 1000

static bool may_speak(struct lnl_fallback *f)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (t.tv_sec != f->since) {
		f->since = t.tv_sec;
		f->said = 0;
	}
	return f->said++ < LNL_FALLBACK_RATE;
}

static bool leads_nowhere(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) < 0 ||
	       (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static bool put(const char *line, size_t len)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (leads_nowhere()) {
		syslog(LOG_DAEMON | LOG_ERR, "%.*s", (int)len - 1, line);
		return true;
	}
	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) &&
	       lnl_write_quietly(STDERR_FILENO, line, len) == (ssize_t)len;
}

static size_t clean(char *out, size_t cap, const struct lnl_secrets *secrets, const char *text)
{
	size_t at = 0, left = strlen(text), hidden;

	while (left > 0 && at + 4 < cap) {
		hidden = lnl_secrets_match(secrets, text, left);
		if (hidden) {
			memcpy(out + at, "***", 3);
			at += 3;
		} else {
			unsigned char c = (unsigned char)*text;

			out[at++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
			hidden = 1;
		}
		text += hidden;
		left -= hidden;
	}
	out[at++] = '\n';
	return at;
}

void lnl_fallback_say(struct lnl_host *h, const char *text)
{
	struct lnl_fallback unbounded = { 0 }, *f = h ? &h->fallback : &unbounded;
	char line[LINE + 8] = "lunel: ", lost[96];
	size_t n;

	if (!may_speak(f)) {
		f->lost++;
		return;
	}
	if (f->lost) {
		n = (size_t)snprintf(lost, sizeof(lost), "lunel: %lu lines before this were lost\n",
				     f->lost);
		if (put(lost, n))
			f->lost = 0;
	}
	n = 7 + clean(line + 7, LINE - 7, h ? &h->secrets : NULL, text);
	if (!put(line, n))
		f->lost++;
}

int lnl_fallback_call(lua_State *L)
{
	lnl_fallback_say(lnl_vm_of(L)->host, luaL_checkstring(L, 1));
	return 0;
}
