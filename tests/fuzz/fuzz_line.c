/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of a local socket: however the stream is cut, the same lines come out, each clean and within
 * its bound, and none behind the first that makes no sense.
 */
#include "fuzz_env.h"
#include "wire/line.h"

#define LINES 64

struct read_out {
	unsigned n;
	enum lnl_line last;
	uint32_t hash;
};

static void check(const struct lnl_line_reader *r)
{
	require(r->len < r->room && r->text[r->len] == '\0');
	for (size_t i = 0; i < r->len; i++)
		require((unsigned char)r->text[i] >= ' ' || r->text[i] == '\t');
}

static void read_all(const uint8_t *data, size_t size, size_t step, size_t room,
		     struct read_out *out)
{
	struct lnl_line_reader r = { .text = malloc(room), .room = room };
	size_t at = 0;

	require(r.text != NULL && step > 0);
	while (at < size && out->n < LINES) {
		size_t n = size - at < step ? size - at : step, used = 0;
		uint8_t *piece = fuzz_exact(data + at, n);

		out->last = lnl_line_take(&r, piece, n, &used);
		free(piece);
		require(used <= n && (used == n || out->last != LNL_LINE_MORE));
		if (out->last != LNL_LINE_MORE && out->last != LNL_LINE_TEXT)
			break;
		at += used;
		if (out->last != LNL_LINE_TEXT)
			continue;
		check(&r);
		out->n++;
		for (size_t i = 0; i <= r.len; i++)
			out->hash = out->hash * 31 + (unsigned char)r.text[i];
	}
	free(r.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct read_out whole = { 0 }, cut = { 0 };
	size_t room;

	if (size < 1)
		return 0;
	/* A console's lines are longer than a command: its bound is another, and much is below it. */
	room = data[0] & 1 ? LNL_LINE_LONG + 1 : LNL_LINE_MAX + 1;
	read_all(data + 1, size - 1, size, room, &whole);
	read_all(data + 1, size - 1, (size_t)data[0] + 1, room, &cut);
	require(whole.n == cut.n && whole.last == cut.last && whole.hash == cut.hash);
	return 0;
}
