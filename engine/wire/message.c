/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/message.h"

#include <string.h>

/* A piece of text that is being taken apart. */
struct slice {
	const char *p;
	size_t len;
};

static bool starts_with(struct slice s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && memcmp(s.p, prefix, len) == 0;
}

static struct slice skip(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.len - n };
}

/* Cuts |*s| at the first |sep|: gives what stands before, leaves what stands behind. */
static bool cut(struct slice *s, char sep, struct slice *before)
{
	const char *at = s->len > 0 ? memchr(s->p, sep, s->len) : NULL;

	if (!at)
		return false;
	*before = (struct slice){ s->p, (size_t)(at - s->p) };
	*s = skip(*s, before->len + 1);
	return true;
}

/* Takes the next item off a comma list; false at its end. */
static bool next_item(struct slice *list, struct slice *item)
{
	if (list->len == 0)
		return false;
	if (!cut(list, ',', item)) {
		*item = *list;
		list->len = 0;
	}
	return true;
}

/* "backoff 42" with |key| "backoff": the number, or |*out| unchanged when it is another item or
 * none. */
static void keyed_number(struct slice item, const char *key, uint32_t *out)
{
	size_t len = strlen(key);
	uint64_t v;

	if (!starts_with(item, key) || item.len <= len || item.p[len] != ' ')
		return;
	if (!lnl_text_dec(item.p + len + 1, item.len - len - 1, UINT32_MAX, &v))
		*out = (uint32_t)v;
}

static bool is_text(struct slice s, const char *text)
{
	return s.len == strlen(text) && starts_with(s, text);
}

static void set_text(struct lnl_message *m, struct slice s)
{
	m->text = s.p;
	m->text_len = s.len;
}

/* "R,E" in CRV1 and CR_TEXT. */
static void challenge_flags(struct slice flags, bool *response, bool *echo)
{
	struct slice item;

	while (next_item(&flags, &item)) {
		*response = *response || is_text(item, "R");
		*echo = *echo || is_text(item, "E");
	}
}

/* Behind "CRV1:": flags:state:user in base64:text, of which the text may hold colons. */
static int parse_crv1(struct lnl_message *m, struct slice s)
{
	struct slice flags, state, user;
	int len;

	m->auth_failed = LNL_AUTH_FAILED_CRV1;
	if (!cut(&s, ':', &flags) || !cut(&s, ':', &state) || !cut(&s, ':', &user))
		return LNL_E_FORMAT;
	if (state.len == 0 || state.len > LNL_MESSAGE_FIELD)
		return LNL_E_FORMAT;
	len = lnl_base64_read(m->user, sizeof(m->user) - 1, user.p, user.len);
	if (len < 0 || memchr(m->user, 0, (size_t)len)) {
		memset(m->user, 0, sizeof(m->user));
		return LNL_E_FORMAT;
	}
	m->user_len = (size_t)len;
	challenge_flags(flags, &m->response, &m->echo);
	m->state = state.p;
	m->state_len = state.len;
	set_text(m, s);
	return 0;
}

/* Behind "TEMP": [backoff N,advance no|remote|addr]:message, each part optional. */
static void parse_temp(struct lnl_message *m, struct slice s)
{
	struct slice flags, item;

	m->auth_failed = LNL_AUTH_FAILED_TEMP;
	if (s.len > 0 && s.p[0] == '[') {
		s = skip(s, 1);
		if (!cut(&s, ']', &flags))
			flags = (struct slice){ s.p, 0 };
		while (next_item(&flags, &item)) {
			keyed_number(item, "backoff", &m->backoff);
			if (is_text(item, "advance no"))
				m->advance = LNL_ADVANCE_NO;
			else if (is_text(item, "advance remote"))
				m->advance = LNL_ADVANCE_REMOTE;
			else if (is_text(item, "advance addr"))
				m->advance = LNL_ADVANCE_ADDR;
		}
	}
	if (s.len > 0 && s.p[0] == ':')
		s = skip(s, 1);
	set_text(m, s);
}

static int parse_auth_failed(struct lnl_message *m, struct slice s)
{
	set_text(m, s);
	if (starts_with(s, "CRV1:"))
		return parse_crv1(m, skip(s, 5));
	if (is_text(s, "TEMP") || starts_with(s, "TEMP[") || starts_with(s, "TEMP:")) {
		parse_temp(m, skip(s, 4));
	} else if (is_text(s, "SESSION") || starts_with(s, "SESSION:")) {
		m->auth_failed = LNL_AUTH_FAILED_SESSION;
		set_text(m, skip(s, s.len > 7 ? 8 : 7));
	}
	return 0;
}

/* "[P]", "[N]" or both in front of the reason. */
static int parse_restart(struct lnl_message *m, struct slice s)
{
	struct slice flags;

	set_text(m, s);
	if (s.len == 0 || s.p[0] != '[')
		return 0;
	s = skip(s, 1);
	if (!cut(&s, ']', &flags))
		return 0;
	m->keep_auth = flags.len > 0 && memchr(flags.p, 'P', flags.len);
	m->next_remote = flags.len > 0 && memchr(flags.p, 'N', flags.len);
	set_text(m, s);
	return 0;
}

static int parse_pending(struct lnl_message *m, struct slice s)
{
	struct slice item;

	set_text(m, s);
	while (next_item(&s, &item))
		keyed_number(item, "timeout", &m->timeout);
	return 0;
}

static int parse_text(struct lnl_message *m, struct slice s)
{
	set_text(m, s);
	return 0;
}

static int parse_response(struct lnl_message *m, struct slice s)
{
	set_text(m, s);
	return lnl_base64_count(s.p, s.len) < 0 ? LNL_E_FORMAT : 0;
}

/* INFO_PRE stands before INFO, which it begins with. */
static const struct {
	const char *prefix;
	enum lnl_message_kind kind;
	int (*parse)(struct lnl_message *m, struct slice s);
} kinds[] = {
	{ "AUTH_FAILED", LNL_MSG_AUTH_FAILED, parse_auth_failed },
	{ "PUSH_REQUEST", LNL_MSG_PUSH_REQUEST, parse_text },
	{ "PUSH_REPLY", LNL_MSG_PUSH_REPLY, parse_text },
	{ "PUSH_UPDATE", LNL_MSG_PUSH_UPDATE, parse_text },
	{ "RESTART", LNL_MSG_RESTART, parse_restart },
	{ "HALT", LNL_MSG_HALT, parse_restart },
	{ "INFO_PRE", LNL_MSG_INFO_PRE, parse_text },
	{ "INFO", LNL_MSG_INFO, parse_text },
	{ "CR_RESPONSE", LNL_MSG_CR_RESPONSE, parse_response },
	{ "AUTH_PENDING", LNL_MSG_AUTH_PENDING, parse_pending },
	{ "EXIT", LNL_MSG_EXIT, parse_text },
};

static bool has_control_bytes(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

int lnl_message_parse(struct lnl_message *m, const char *text, size_t len)
{
	struct slice s = { text ? text : "", len };
	bool clean;

	memset(m, 0, sizeof(*m));
	while (s.len > 0 && (s.p[s.len - 1] == '\r' || s.p[s.len - 1] == '\n'))
		s.len--;
	clean = !has_control_bytes(s);
	set_text(m, s);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (!starts_with(s, kinds[i].prefix))
			continue;
		m->kind = kinds[i].kind;
		if (!clean || (s.len > n && s.p[n] != ','))
			return LNL_E_FORMAT;
		return kinds[i].parse(m, skip(s, s.len > n ? n + 1 : n));
	}
	return clean ? 0 : LNL_E_FORMAT;
}

void lnl_message_hide(char *text)
{
	static const char *const before[] = { "auth-token ", "auth-token\t", "CR_RESPONSE," };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *at = text;

		while ((at = strstr(at, before[i])) != NULL) {
			size_t n = strcspn(at += strlen(before[i]), ",");

			memset(at, '*', n);
			at += n;
		}
	}
}

void lnl_info_parse(struct lnl_info *i, const char *text, size_t len)
{
	struct slice s = { text ? text : "", len };
	struct slice flags;

	memset(i, 0, sizeof(*i));
	i->flags = s.p;
	if (starts_with(s, "OPEN_URL:")) {
		i->kind = LNL_INFO_OPEN_URL;
		s = skip(s, 9);
	} else if (starts_with(s, "WEB_AUTH:") || starts_with(s, "CR_TEXT:")) {
		bool web = s.p[0] == 'W';
		struct slice rest = skip(s, web ? 9 : 8);

		if (cut(&rest, ':', &flags)) {
			i->kind = web ? LNL_INFO_WEB_AUTH : LNL_INFO_CR_TEXT;
			i->flags = flags.p;
			i->flags_len = flags.len;
			if (!web)
				challenge_flags(flags, &i->response, &i->echo);
			s = rest;
		}
	}
	i->text = s.p;
	i->text_len = s.len;
}
