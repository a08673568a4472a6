/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/acc.h"

#include <string.h>

#include "wire/peerinfo.h"

#define PREFIX	   "ACC,"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
/* "ACC,", name, and ",2047,6F," */
#define ENVELOPE (PREFIX_LEN + 9)

_Static_assert(LNL_ACC_TEXT_MIN > ENVELOPE + LNL_ACC_NAME + 4, "a part has some bytes");

struct slice {
	const char *p;
	size_t len;
};

/* Takes what stands before the first |sep| off |*s|; false without one. */
static bool cut(struct slice *s, char sep, struct slice *before)
{
	const char *at = s->len > 0 ? memchr(s->p, sep, s->len) : NULL;

	if (!at)
		return false;
	*before = (struct slice){ s->p, (size_t)(at - s->p) };
	s->p = at + 1;
	s->len -= before->len + 1;
	return true;
}

bool lnl_acc_name_ok(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
			return false;
	}
	return len > 0 && len <= LNL_ACC_NAME;
}

/* ---- offers ---- */

int lnl_acc_offer_read(struct lnl_acc_offer *o, const char *text, size_t len, char sep)
{
	struct slice s = { text, len }, max, encodings;
	uint64_t n;

	memset(o, 0, sizeof(*o));
	if (!cut(&s, sep, &max) || !cut(&s, sep, &encodings) || s.len == 0)
		return LNL_E_FORMAT;
	if (memchr(s.p, sep, s.len) || lnl_text_dec(max.p, max.len, UINT32_MAX, &n) < 0)
		return LNL_E_FORMAT;
	o->text = lnl_list_has(encodings.p, encodings.len, ':', "A");
	o->base64 = lnl_list_has(encodings.p, encodings.len, ':', "6");
	o->max = n < LNL_ACC_TEXT_MAX ? (unsigned)n : LNL_ACC_TEXT_MAX;
	o->names = s.p;
	o->names_len = s.len;
	return o->max >= LNL_ACC_TEXT_MIN && (o->text || o->base64) ? 0 : LNL_E_INVAL;
}

int lnl_acc_offer_write(char *out, size_t cap, char sep, const char *names)
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, cap);
	lnl_write_dec(&w, LNL_ACC_TEXT_MAX);
	lnl_write_u8(&w, (uint8_t)sep);
	lnl_write_str(&w, "6:A");
	lnl_write_u8(&w, (uint8_t)sep);
	lnl_write_str(&w, names);
	lnl_write_u8(&w, 0);
	return w.error;
}

/* ---- parts ---- */

bool lnl_acc_is(const char *text, size_t len)
{
	return len >= PREFIX_LEN && memcmp(text, PREFIX, PREFIX_LEN) == 0;
}

static int read_flags(struct lnl_acc_part *p, struct slice flags)
{
	bool text = false;

	for (size_t i = 0; i < flags.len; i++) {
		bool *flag = flags.p[i] == 'A'	 ? &text
			     : flags.p[i] == '6' ? &p->base64
			     : flags.p[i] == 'F' ? &p->more
						 : NULL;

		if (!flag || *flag)
			return LNL_E_FORMAT;
		*flag = true;
	}
	return text != p->base64 ? 0 : LNL_E_FORMAT;
}

int lnl_acc_part_read(struct lnl_acc_part *p, const char *text, size_t len)
{
	struct slice s = { text, len }, name, length, flags;
	uint64_t n;
	int count;

	memset(p, 0, sizeof(*p));
	if (!lnl_acc_is(text, len))
		return LNL_E_FORMAT;
	s = (struct slice){ text + PREFIX_LEN, len - PREFIX_LEN };
	if (!cut(&s, ',', &name) || !cut(&s, ',', &length) || !cut(&s, ',', &flags))
		return LNL_E_FORMAT;
	if (!lnl_acc_name_ok(name.p, name.len) || read_flags(p, flags) < 0)
		return LNL_E_FORMAT;
	if (lnl_text_dec(length.p, length.len, UINT32_MAX, &n) < 0 || n != s.len)
		return LNL_E_FORMAT;
	count = p->base64 ? lnl_base64_count(s.p, s.len) : (int)s.len;
	/* One that brings nothing, again and again, would never reach the message's limit. */
	if (count < 0 || (p->more && count == 0))
		return LNL_E_FORMAT;
	p->name = name.p;
	p->name_len = name.len;
	p->text = s.p;
	p->text_len = s.len;
	p->len = (size_t)count;
	return 0;
}

void lnl_acc_part_copy(const struct lnl_acc_part *p, void *out)
{
	if (p->base64)
		lnl_base64_read(out, p->len, p->text, p->text_len);
	else if (p->len > 0)
		memcpy(out, p->text, p->len);
}

/* ---- sending ---- */

static bool is_printable(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] < 0x20 || data[i] > 0x7e)
			return false;
	return true;
}

int lnl_acc_cut_init(struct lnl_acc_cut *c, const struct lnl_acc_offer *offer, const char *name,
		     const void *data, size_t len)
{
	size_t name_len = strlen(name), room;

	memset(c, 0, sizeof(*c));
	c->done = true;
	if (!lnl_acc_name_ok(name, name_len) || offer->max < LNL_ACC_TEXT_MIN)
		return LNL_E_INVAL;
	if (len > LNL_ACC_MAX)
		return LNL_E_LIMIT;
	c->base64 = !offer->text || !is_printable(data, len);
	if (c->base64 && !offer->base64)
		return LNL_E_UNSUPPORTED;
	room = offer->max < LNL_ACC_TEXT_MAX ? offer->max : LNL_ACC_TEXT_MAX;
	room -= ENVELOPE + name_len;
	c->name = name;
	c->data = data;
	c->len = len;
	c->room = c->base64 ? room / 4 * 3 : room;
	c->done = false;
	return 0;
}

int lnl_acc_cut_next(struct lnl_acc_cut *c, char out[LNL_ACC_TEXT_MAX + 1])
{
	size_t n = c->len - c->at < c->room ? c->len - c->at : c->room;
	bool more = c->at + n < c->len;
	struct lnl_writer w;

	if (c->done)
		return 0;
	lnl_writer_init(&w, out, LNL_ACC_TEXT_MAX + 1);
	lnl_write_str(&w, PREFIX);
	lnl_write_str(&w, c->name);
	lnl_write_u8(&w, ',');
	lnl_write_dec(&w, c->base64 ? (n + 2) / 3 * 4 : n);
	lnl_write_str(&w, c->base64 ? ",6" : ",A");
	lnl_write_str(&w, more ? "F," : ",");
	if (c->base64)
		lnl_base64_write(&w, n ? c->data + c->at : NULL, n);
	else if (n > 0)
		lnl_write_bytes(&w, c->data + c->at, n);
	lnl_write_u8(&w, 0);
	c->at += n;
	c->done = !more;
	return 1;
}
