/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/options.h"

#include <string.h>

/* --- a pushed list --- */

enum state { BETWEEN, PLAIN, DOUBLE, SINGLE };

/* Where the words of one option go. */
struct split {
	struct lnl_option *o;
	size_t at;
	enum state state;
};

static int begin(struct split *s, enum state state)
{
	if (s->o->n == LNL_OPTION_WORDS)
		return LNL_E_FORMAT;
	s->o->word[s->o->n++] = s->o->text + s->at;
	s->state = state;
	return 0;
}

static int put(struct split *s, char c)
{
	if (s->at >= LNL_OPTION_LEN)
		return LNL_E_FORMAT;
	s->o->text[s->at++] = c;
	return 0;
}

static int end(struct split *s)
{
	s->state = BETWEEN;
	return put(s, '\0');
}

/* A character behind a backslash: only blank, quote and backslash can be meant (OpenVPN options.c).
 */
static int escaped(struct split *s, char c)
{
	int code = 0;

	if (c != ' ' && c != '"' && c != '\\')
		return LNL_E_FORMAT;
	if (s->state == BETWEEN)
		code = begin(s, PLAIN);
	return code ? code : put(s, c);
}

static int step(struct split *s, char c)
{
	int code;

	switch (s->state) {
	case BETWEEN:
		if (c == ' ')
			return 0;
		if (c == '"')
			return begin(s, DOUBLE);
		if (c == '\'')
			return begin(s, SINGLE);
		code = begin(s, PLAIN);
		return code ? code : put(s, c);
	case PLAIN:
		return c == ' ' ? end(s) : put(s, c);
	case DOUBLE:
		return c == '"' ? end(s) : put(s, c);
	case SINGLE:
		return c == '\'' ? end(s) : put(s, c);
	}
	return LNL_E_FORMAT;
}

static int split(struct lnl_option *o, const char *p, size_t len)
{
	struct split s = { .o = o, .state = BETWEEN };
	bool backslash = false;
	int code = 0;

	if (len >= LNL_OPTION_LEN)
		return LNL_E_FORMAT;
	for (size_t i = 0; i < len && !code; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			return LNL_E_FORMAT;
		if (backslash) {
			backslash = false;
			code = escaped(&s, p[i]);
		} else if (p[i] == '\\' && s.state != SINGLE) {
			backslash = true;
		} else if (s.state == BETWEEN && (p[i] == '#' || p[i] == ';')) {
			break;
		} else {
			code = step(&s, p[i]);
		}
	}
	if (code || backslash || s.state == DOUBLE || s.state == SINGLE)
		return LNL_E_FORMAT;
	return s.state == PLAIN ? end(&s) : 0;
}

int lnl_option_split(struct lnl_option *o, const char *text, size_t len)
{
	o->n = 0;
	if (split(o, text, len) < 0) {
		o->n = 0;
		return LNL_E_FORMAT;
	}
	return o->n > 0;
}

int lnl_option_next(struct lnl_option *o, const char **list, size_t *len)
{
	while (*len > 0) {
		const char *item = *list;
		const char *comma = memchr(item, ',', *len);
		size_t n = comma ? (size_t)(comma - item) : *len;
		size_t step_over = comma ? n + 1 : n;
		int rc = lnl_option_split(o, item, n);

		*list += step_over;
		*len -= step_over;
		if (rc)
			return rc;
	}
	o->n = 0;
	return 0;
}

/* --- OCC --- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Whether |name| and |other|, of which |name| may be NULL, are the same but for case. */
static bool is_name(const char *name, const char *other)
{
	if (!name)
		return false;
	while (*name && lower(*name) == lower(*other)) {
		name++;
		other++;
	}
	return lower(*name) == lower(*other);
}

static bool is_aead(const char *cipher)
{
	size_t len = cipher ? strlen(cipher) : 0;

	return is_name(cipher, "CHACHA20-POLY1305") ||
	       (len > 4 && is_name(cipher + len - 4, "-GCM"));
}

static void write_pair(struct lnl_writer *w, const char *key, const char *value)
{
	lnl_write_str(w, key);
	lnl_write_str(w, value);
}

static void write_number(struct lnl_writer *w, const char *key, unsigned value)
{
	lnl_write_str(w, key);
	lnl_write_dec(w, value);
}

int lnl_occ_write(const struct lnl_occ *o, char *out, size_t cap)
{
	bool digest = o->auth && !is_name(o->auth, "none") && !is_aead(o->cipher);
	struct lnl_writer w;

	lnl_writer_init(&w, out, cap);
	write_pair(&w, "V4,dev-type ", o->tap ? "tap" : "tun");
	write_number(&w, ",link-mtu ", o->link_mtu);
	write_number(&w, ",tun-mtu ", o->tun_mtu);
	write_pair(&w, ",proto ", !o->tcp ? "UDPv4" : o->server ? "TCPv4_SERVER" : "TCPv4_CLIENT");
	if (o->comp_lzo)
		lnl_write_str(&w, ",comp-lzo");
	if (o->key_direction >= 0)
		write_number(&w, ",keydir ", (unsigned)o->key_direction);
	if (o->cipher)
		write_pair(&w, ",cipher ", o->cipher);
	write_pair(&w, ",auth ", digest ? o->auth : "[null-digest]");
	write_number(&w, ",keysize ", o->key_bits);
	if (o->tls_auth)
		lnl_write_str(&w, ",tls-auth");
	write_pair(&w, ",key-method 2,", o->server ? "tls-server" : "tls-client");
	lnl_write_u8(&w, 0);
	if (w.error && cap > 0)
		out[0] = '\0';
	return w.error;
}

static unsigned digest_size(const char *auth)
{
	static const struct {
		const char *name;
		unsigned size;
	} digests[] = {
		{ "MD5", 16 },	  { "SHA1", 20 },   { "RSA-SHA1", 20 }, { "RIPEMD160", 20 },
		{ "SHA224", 28 }, { "SHA256", 32 }, { "SHA384", 48 },	{ "SHA512", 64 },
	};

	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		if (is_name(auth, digests[i].name))
			return digests[i].size;
	return 0;
}

/*
 * The sum is OpenVPN's, not the wire's: with AEAD it counts a nonce that is not sent and, for GCM,
 * a block of padding that there is none of.
 */
unsigned lnl_occ_link_mtu(unsigned tun_mtu, bool tcp, const char *cipher, const char *auth,
			  bool comp_lzo)
{
	unsigned opcode = 1, id = 4, tag = 16, nonce = 12;
	unsigned mtu = tun_mtu + opcode + id + (tcp ? 2 : 0) + (comp_lzo ? 1 : 0);

	if (is_aead(cipher))
		return mtu + tag + nonce + (is_name(cipher, "CHACHA20-POLY1305") ? 1 : 16);
	mtu += digest_size(auth);
	if (is_name(cipher, "none"))
		return mtu;
	/* IV and one block of padding; no cipher given means Blowfish, with blocks of 8. */
	return mtu + (!cipher || is_name(cipher, "BF-CBC") ? 16 : 32);
}

/* One item of an OCC string: "tun-mtu 1500" has the key "tun-mtu". */
struct item {
	const char *p;
	size_t len;
	size_t key_len;
};

#define ITEM_TEXT 64
#define REPORTS	  32 /* a peer's string of nothing but commas and letters is not worth more */

static struct item item_of(const char *p, size_t len)
{
	const char *blank = len > 0 ? memchr(p, ' ', len) : NULL;

	return (struct item){ p, len, blank ? (size_t)(blank - p) : len };
}

static bool next_item(const char **s, struct item *item)
{
	*s += strspn(*s, ",");
	*item = item_of(*s, strcspn(*s, ","));
	*s += item->len;
	return item->len > 0;
}

/* Finds |item|'s key in |list|. */
static bool find(const char *list, const struct item *item, struct item *found)
{
	while (next_item(&list, found))
		if (found->key_len == item->key_len &&
		    memcmp(found->p, item->p, item->key_len) == 0)
			return true;
	return false;
}

struct report {
	void *ctx;
	void (*differs)(void *ctx, const char *ours, const char *theirs);
	unsigned left;
};

static void report(struct report *r, struct item ours, struct item theirs)
{
	char a[ITEM_TEXT], b[ITEM_TEXT];

	if (r->left == 0)
		return;
	r->left--;
	lnl_text_clean(a, sizeof(a), ours.p, ours.len);
	lnl_text_clean(b, sizeof(b), theirs.p, theirs.len);
	r->differs(r->ctx, a, b);
}

void lnl_occ_compare(const char *ours, const char *theirs, void *ctx,
		     void (*differs)(void *ctx, const char *ours, const char *theirs))
{
	const struct item none = { "", 0, 0 };
	struct report r = { ctx, differs, REPORTS };
	struct item item, other;

	for (const char *s = ours; next_item(&s, &item);) {
		if (!find(theirs, &item, &other))
			report(&r, item, none);
		else if (other.len != item.len || memcmp(other.p, item.p, item.len) != 0)
			report(&r, item, other);
	}
	for (const char *s = theirs; r.left > 0 && next_item(&s, &item);)
		if (!find(ours, &item, &other))
			report(&r, none, item);
}
