/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/line.h"

#include <string.h>

/* "POST /x HTTP/1.1": a word in capitals in front, the version at the end. */
static bool is_http(const char *text, size_t len)
{
	static const char version[] = " HTTP/1.x";
	const size_t n = sizeof(version) - 1;
	size_t i = 0;

	while (i < len && text[i] >= 'A' && text[i] <= 'Z')
		i++;
	return i > 0 && text[i] == ' ' && len >= i + n &&
	       memcmp(text + len - n, version, n - 1) == 0;
}

static enum lnl_line finish(struct lnl_line_reader *r)
{
	size_t i;

	if (r->len > 0 && r->text[r->len - 1] == '\r')
		r->len--;
	if (r->len >= r->room)
		return LNL_LINE_TOO_LONG;
	r->text[r->len] = '\0';
	r->whole = true;
	for (i = 0; i < r->len; i++)
		if (((unsigned char)r->text[i] < ' ' && r->text[i] != '\t') || r->text[i] == 0x7f)
			return LNL_LINE_BINARY;
	return is_http(r->text, r->len) ? LNL_LINE_HTTP : LNL_LINE_TEXT;
}

enum lnl_line lnl_line_take(struct lnl_line_reader *r, const void *data, size_t len, size_t *used)
{
	const char *end = len > 0 ? memchr(data, '\n', len) : NULL;
	size_t n = end ? (size_t)(end - (const char *)data) : len;

	if (r->whole) {
		r->whole = false;
		r->len = 0;
	}
	*used = end ? n + 1 : n;
	/* One byte more than a line has: the "\r" of its end. */
	if (n > r->room - r->len)
		return LNL_LINE_TOO_LONG;
	if (n > 0)
		memcpy(r->text + r->len, data, n);
	r->len += n;
	return end ? finish(r) : LNL_LINE_MORE;
}
