/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/keyfile.h"

#include <string.h>

#include "wire/base64.h"

/* Smallest WKc: tag, Kc, no metadata, length (PROTOCOL 1.5). */
#define WKC_MIN (32 + LNL_STATIC_KEY_LEN + 2)

struct lines {
	const char *p;
	size_t len;
};

/* Takes the next line, without blanks at its ends; false when there is none. */
static bool next_line(struct lines *t, struct lines *line)
{
	const char *end = t->len > 0 ? memchr(t->p, '\n', t->len) : NULL;
	size_t len = end ? (size_t)(end - t->p) : t->len;
	size_t taken = end ? len + 1 : len;

	if (t->len == 0)
		return false;
	line->p = t->p;
	t->p += taken;
	t->len -= taken;
	while (len > 0 &&
	       (line->p[len - 1] == '\r' || line->p[len - 1] == ' ' || line->p[len - 1] == '\t'))
		len--;
	while (len > 0 && (line->p[0] == ' ' || line->p[0] == '\t')) {
		line->p++;
		len--;
	}
	line->len = len;
	return true;
}

static bool is_mark(const struct lines *line, const char *begin_or_end, const char *name)
{
	size_t a = strlen(begin_or_end), b = strlen(name);

	return line->len == a + b + 5 && memcmp(line->p, begin_or_end, a) == 0 &&
	       memcmp(line->p + a, name, b) == 0 && memcmp(line->p + a + b, "-----", 5) == 0;
}

/* Leaves |*t| behind the line that begins the block. */
static bool find_block(struct lines *t, const char *name)
{
	struct lines line;

	while (next_line(t, &line))
		if (is_mark(&line, "-----BEGIN ", name))
			return true;
	return false;
}

/*
 * Takes the next line with content: 1, 0 at the block's end, LNL_E_FORMAT when the text ends before. A
 * block without |name| is all of the text.
 */
static int block_line(struct lines *t, const char *name, struct lines *line)
{
	while (next_line(t, line)) {
		if (name != NULL && is_mark(line, "-----END ", name))
			return 0;
		if (line->len > 0 && line->p[0] != '#')
			return 1;
	}
	return name != NULL ? LNL_E_FORMAT : 0;
}

static int read_static(uint8_t *out, const char *text, size_t len)
{
	static const char name[] = "OpenVPN Static key V1";
	struct lines t = { text, len }, line;
	size_t digits = 0;
	int more;

	if (!find_block(&t, name))
		return LNL_E_FORMAT;
	while ((more = block_line(&t, name, &line)) > 0) {
		for (size_t i = 0; i < line.len; i++) {
			int digit = lnl_hex_digit(line.p[i]);

			if (line.p[i] == ' ' || line.p[i] == '\t')
				continue;
			if (digit < 0 || digits == 2 * (size_t)LNL_STATIC_KEY_LEN)
				return LNL_E_FORMAT;
			out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | digit);
			digits++;
		}
	}
	return more == 0 && digits == 2 * (size_t)LNL_STATIC_KEY_LEN ? 0 : LNL_E_FORMAT;
}

int lnl_keyfile_static(struct lnl_static_key *out, const char *text, size_t len)
{
	int code = read_static(out->bytes, text, len);

	if (code)
		memset(out, 0, sizeof(*out));
	return code;
}

/*
 * Where the decoded bytes go: the first |head_len| to |head|, the rest to |tail|, or nowhere when
 * |head| is all that counts.
 */
struct target {
	uint8_t *head;
	size_t head_len;
	uint8_t *tail;
	size_t tail_cap;
	size_t at;
	bool head_only;
};

static int put(struct target *to, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++, to->at++) {
		if (to->at < to->head_len)
			to->head[to->at] = bytes[i];
		else if (to->at - to->head_len < to->tail_cap)
			to->tail[to->at - to->head_len] = bytes[i];
		else if (!to->head_only)
			return LNL_E_FORMAT;
	}
	return 0;
}

/*
 * Decodes the lines of block |name| group by group, since lines need not end with a group, and so that
 * no copy of a whole key is left on the stack.
 */
static int read_lines(struct target *to, const char *name, struct lines t)
{
	struct lines line;
	char four[4];
	uint8_t three[3];
	size_t n = 0;
	bool padded = false;
	int more;

	while ((more = block_line(&t, name, &line)) > 0) {
		for (size_t i = 0; i < line.len; i++) {
			int got;

			if (line.p[i] == ' ' || line.p[i] == '\t')
				continue;
			four[n++] = line.p[i];
			if (n < sizeof(four))
				continue;
			n = 0;
			got = padded ? LNL_E_FORMAT : lnl_base64_read(three, 3, four, 4);
			if (got < 0 || put(to, three, (size_t)got))
				return LNL_E_FORMAT;
			padded = got < 3;
		}
	}
	return more == 0 && n == 0 ? 0 : LNL_E_FORMAT;
}

static int read_base64(struct target *to, const char *name, const char *text, size_t len)
{
	struct lines t = { text, len };

	return find_block(&t, name) ? read_lines(to, name, t) : LNL_E_FORMAT;
}

static int read_v2_client(struct lnl_v2_client_key *out, const char *text, size_t len)
{
	struct target to = { out->kc.bytes, LNL_STATIC_KEY_LEN, out->wkc, LNL_WKC_MAX, 0, false };
	int code = read_base64(&to, "OpenVPN tls-crypt-v2 client key", text, len);
	size_t wkc_len;

	if (code)
		return code;
	if (to.at < LNL_STATIC_KEY_LEN + WKC_MIN)
		return LNL_E_FORMAT;
	wkc_len = to.at - LNL_STATIC_KEY_LEN;
	if (((size_t)out->wkc[wkc_len - 2] << 8 | out->wkc[wkc_len - 1]) != wkc_len)
		return LNL_E_FORMAT;
	out->wkc_len = (uint16_t)wkc_len;
	return 0;
}

int lnl_keyfile_v2_client(struct lnl_v2_client_key *out, const char *text, size_t len)
{
	int code;

	memset(out, 0, sizeof(*out));
	code = read_v2_client(out, text, len);
	if (code)
		memset(out, 0, sizeof(*out));
	return code;
}

int lnl_keyfile_v2_server(uint8_t out[LNL_V2_SERVER_KEY_LEN], const char *text, size_t len)
{
	struct target to = { out, LNL_V2_SERVER_KEY_LEN, NULL, 0, 0, false };
	int code = read_base64(&to, "OpenVPN tls-crypt-v2 server key", text, len);

	if (!code && to.at != LNL_V2_SERVER_KEY_LEN)
		code = LNL_E_FORMAT;
	if (code)
		memset(out, 0, LNL_V2_SERVER_KEY_LEN);
	return code;
}

int lnl_keyfile_token(uint8_t out[LNL_TOKEN_KEY_LEN], const char *text, size_t len)
{
	static const char name[] = "OpenVPN auth-token server key";
	struct target to = { out, LNL_TOKEN_KEY_LEN, NULL, 0, 0, true };
	struct lines t = { text, len };
	int code;

	if (find_block(&t, name))
		code = read_lines(&to, name, t);
	else
		code = read_lines(&to, NULL, (struct lines){ text, len });
	if (!code && to.at < LNL_TOKEN_KEY_LEN)
		code = LNL_E_FORMAT;
	if (code)
		memset(out, 0, LNL_TOKEN_KEY_LEN);
	return code;
}
