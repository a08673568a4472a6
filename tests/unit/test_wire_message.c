/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control texts taken apart; C1 by name: control bytes inside, line ends behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

/* Parses a copy of exactly |len| bytes; texts are moved back into |text|, which outlives it. */
static int parse(struct lnl_message *m, const char *text, size_t len)
{
	char *copy = malloc(len + (len == 0));
	int code;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(m, 0x5a, sizeof(*m));
	code = lnl_message_parse(m, copy, len);
	assert_non_null(m->text);
	if (m->text_len > 0) {
		assert_true(m->text >= copy && m->text + m->text_len <= copy + len);
		m->text = text + (m->text - copy);
	}
	if (m->state_len > 0) {
		assert_true(m->state >= copy && m->state + m->state_len <= copy + len);
		m->state = text + (m->state - copy);
	}
	assert_true(m->user_len < sizeof(m->user));
	assert_int_equal(m->user[m->user_len], 0);
	free(copy);
	return code;
}

static void assert_text(const char *p, size_t len, const char *text)
{
	assert_int_equal(len, strlen(text));
	if (len > 0)
		assert_memory_equal(p, text, len);
}

static void kinds_by_prefix(void **state)
{
	static const struct {
		const char *from;
		int code;
		enum lnl_message_kind kind;
		const char *text;
	} row[] = {
		{ "AUTH_FAILED", 0, LNL_MSG_AUTH_FAILED, "" },
		{ "AUTH_FAILED,no such user", 0, LNL_MSG_AUTH_FAILED, "no such user" },
		{ "AUTH_FAILED,", 0, LNL_MSG_AUTH_FAILED, "" },
		{ "PUSH_REQUEST", 0, LNL_MSG_PUSH_REQUEST, "" },
		{ "PUSH_REPLY", 0, LNL_MSG_PUSH_REPLY, "" },
		{ "PUSH_REPLY,ping 10,x", 0, LNL_MSG_PUSH_REPLY, "ping 10,x" },
		{ "PUSH_UPDATE,-dns", 0, LNL_MSG_PUSH_UPDATE, "-dns" },
		{ "RESTART", 0, LNL_MSG_RESTART, "" },
		{ "HALT,bye", 0, LNL_MSG_HALT, "bye" },
		{ "INFO_PRE,OPEN_URL:https://x/", 0, LNL_MSG_INFO_PRE, "OPEN_URL:https://x/" },
		{ "INFO,bye,all", 0, LNL_MSG_INFO, "bye,all" },
		{ "CR_RESPONSE,Zm9v", 0, LNL_MSG_CR_RESPONSE, "Zm9v" },
		{ "CR_RESPONSE", 0, LNL_MSG_CR_RESPONSE, "" },
		{ "AUTH_PENDING", 0, LNL_MSG_AUTH_PENDING, "" },
		{ "EXIT", 0, LNL_MSG_EXIT, "" },
		{ "", 0, LNL_MSG_UNKNOWN, "" },
		{ "HELLO,world", 0, LNL_MSG_UNKNOWN, "HELLO,world" },
		{ "PUSH_", 0, LNL_MSG_UNKNOWN, "PUSH_" },
		{ "PUSH_REPL", 0, LNL_MSG_UNKNOWN, "PUSH_REPL" },
		{ "push_reply,x", 0, LNL_MSG_UNKNOWN, "push_reply,x" },
		{ " EXIT", 0, LNL_MSG_UNKNOWN, " EXIT" },
		{ "INF", 0, LNL_MSG_UNKNOWN, "INF" },

		{ "PUSH_REPLYX", LNL_E_FORMAT, LNL_MSG_PUSH_REPLY, "PUSH_REPLYX" },
		{ "PUSH_REPLY ,x", LNL_E_FORMAT, LNL_MSG_PUSH_REPLY, "PUSH_REPLY ,x" },
		{ "INFO_PREX", LNL_E_FORMAT, LNL_MSG_INFO_PRE, "INFO_PREX" },
		{ "INFOX", LNL_E_FORMAT, LNL_MSG_INFO, "INFOX" },
		{ "EXITED", LNL_E_FORMAT, LNL_MSG_EXIT, "EXITED" },
		{ "AUTH_FAILED:x", LNL_E_FORMAT, LNL_MSG_AUTH_FAILED, "AUTH_FAILED:x" },
		{ "CR_RESPONSE,Zm9", LNL_E_FORMAT, LNL_MSG_CR_RESPONSE, "Zm9" },
		{ "CR_RESPONSE,Zm9v=", LNL_E_FORMAT, LNL_MSG_CR_RESPONSE, "Zm9v=" },
	};
	struct lnl_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (parse(&m, row[i].from, strlen(row[i].from)) != row[i].code)
			fail_msg("%s", row[i].from);
		assert_int_equal(m.kind, row[i].kind);
		assert_text(m.text, m.text_len, row[i].text);
	}
}

/* What a message says stands in it, be it as short as can be: who counts from its start may. */
static void texts_point_into_the_message(void **state)
{
	static const char *const row[] = { "", "\n", "x", "EXIT", "PUSH_REPLY,a", "AUTH_FAILED" };
	struct lnl_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = strlen(row[i]);
		char own[32]; /* a literal's address need not be its own */

		strcpy(own, row[i]);
		assert_int_equal(lnl_message_parse(&m, own, len), 0);
		assert_true(m.text >= own && m.text + m.text_len <= own + len);
	}
	/* Nothing at all is an empty text, too. */
	assert_int_equal(lnl_message_parse(&m, NULL, 0), 0);
	assert_int_equal(m.text_len, 0);
}

static void auth_failed_forms(void **state)
{
	static const struct {
		const char *from;
		enum lnl_auth_failed what;
		uint32_t backoff;
		enum lnl_advance advance;
		const char *text;
	} row[] = {
		{ "TEMP", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "" },
		{ "TEMP:busy", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "busy" },
		{ "TEMP[]:busy: now", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "busy: now" },
		{ "TEMP[backoff 42]:x", LNL_AUTH_FAILED_TEMP, 42, LNL_ADVANCE_DEFAULT, "x" },
		{ "TEMP[backoff 42,advance no]:x", LNL_AUTH_FAILED_TEMP, 42, LNL_ADVANCE_NO, "x" },
		{ "TEMP[advance remote]:", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_REMOTE, "" },
		{ "TEMP[advance addr,backoff 1]", LNL_AUTH_FAILED_TEMP, 1, LNL_ADVANCE_ADDR, "" },
		{ "TEMP[backoff 4294967295]:x", LNL_AUTH_FAILED_TEMP, UINT32_MAX,
		  LNL_ADVANCE_DEFAULT, "x" },
		/* what is not understood of the flags is left out */
		{ "TEMP[backoff 4294967296]:x", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "x" },
		{ "TEMP[backoff -1]:x", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "x" },
		{ "TEMP[backoff ]:x", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "x" },
		{ "TEMP[backoff]:x", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "x" },
		{ "TEMP[backoffs 3]:x", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "x" },
		{ "TEMP[advance north,,new 1]:x", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT,
		  "x" },
		{ "TEMP[backoff 3", LNL_AUTH_FAILED_TEMP, 0, LNL_ADVANCE_DEFAULT, "backoff 3" },
		{ "TEMPORARY trouble", LNL_AUTH_FAILED_PLAIN, 0, LNL_ADVANCE_DEFAULT,
		  "TEMPORARY trouble" },
		{ "SESSION", LNL_AUTH_FAILED_SESSION, 0, LNL_ADVANCE_DEFAULT, "" },
		{ "SESSION:", LNL_AUTH_FAILED_SESSION, 0, LNL_ADVANCE_DEFAULT, "" },
		{ "SESSION: token expired", LNL_AUTH_FAILED_SESSION, 0, LNL_ADVANCE_DEFAULT,
		  " token expired" },
		{ "SESSIONS", LNL_AUTH_FAILED_PLAIN, 0, LNL_ADVANCE_DEFAULT, "SESSIONS" },
		{ "Data channel cipher negotiation failed (no shared cipher)",
		  LNL_AUTH_FAILED_PLAIN, 0, LNL_ADVANCE_DEFAULT,
		  "Data channel cipher negotiation failed (no shared cipher)" },
		{ "x,TEMP", LNL_AUTH_FAILED_PLAIN, 0, LNL_ADVANCE_DEFAULT, "x,TEMP" },
	};
	struct lnl_message m;
	char text[128] = "AUTH_FAILED,";

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		strcpy(text + 12, row[i].from);
		assert_int_equal(parse(&m, text, strlen(text)), 0);
		assert_int_equal(m.kind, LNL_MSG_AUTH_FAILED);
		if (m.auth_failed != row[i].what || m.advance != row[i].advance)
			fail_msg("%s", row[i].from);
		assert_int_equal(m.backoff, row[i].backoff);
		assert_text(m.text, m.text_len, row[i].text);
	}
}

static void dynamic_challenges(void **state)
{
	static const struct {
		const char *from;
		bool response, echo;
		const char *id, *user, *text;
	} row[] = {
		{ "CRV1:R,E:Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l:Y3Ix:Please enter token PIN", true,
		  true, "Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l", "cr1", "Please enter token PIN" },
		{ "CRV1:R:id:Zm9vYmFy:a:b", true, false, "id", "foobar", "a:b" },
		{ "CRV1:E:id::", false, true, "id", "", "" },
		{ "CRV1::id:Zg==:x", false, false, "id", "f", "x" },
		{ "CRV1:r,Echo:id:Zg==:x", false, false, "id", "f", "x" },
	};
	struct lnl_message m;
	char text[128] = "AUTH_FAILED,";

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		strcpy(text + 12, row[i].from);
		assert_int_equal(parse(&m, text, strlen(text)), 0);
		assert_int_equal(m.auth_failed, LNL_AUTH_FAILED_CRV1);
		assert_int_equal(m.response, row[i].response);
		assert_int_equal(m.echo, row[i].echo);
		assert_text(m.state, m.state_len, row[i].id);
		assert_string_equal(m.user, row[i].user);
		assert_int_equal(m.user_len, strlen(row[i].user));
		assert_text(m.text, m.text_len, row[i].text);
	}
}

static void bad_challenges_are_refused(void **state)
{
	static const char *const bad[] = {
		"CRV1:",
		"CRV1:R,E",
		"CRV1:R,E:id",
		"CRV1:R,E:id:Y3Ix",
		"CRV1:R,E::Y3Ix:x",
		"CRV1:R:id:Y3I:x",
		"CRV1:R:id:Y3I*:x",
		"CRV1:R:id:Y3Ix=:x",
		"CRV1:R:id:YQBi:x", /* a NUL in the user name */
	};
	struct lnl_message m;
	char text[128] = "AUTH_FAILED,";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(text + 12, bad[i]);
		if (parse(&m, text, strlen(text)) != LNL_E_FORMAT)
			fail_msg("%s", bad[i]);
		assert_int_equal(m.kind, LNL_MSG_AUTH_FAILED); /* it is a failure all the same */
		assert_int_equal(m.user_len, 0);
		assert_int_equal(m.state_len, 0);
	}
}

/* State and user name at the length that is kept, and one above. */
static void challenge_fields_are_bounded(void **state)
{
	static const struct {
		size_t id, user;
		int code;
	} row[] = {
		{ LNL_MESSAGE_FIELD, 3, 0 },
		{ LNL_MESSAGE_FIELD + 1, 3, LNL_E_FORMAT },
		{ 3, 510, 0 },
		{ 3, 513, LNL_E_FORMAT },
		{ 3, 1500, LNL_E_FORMAT },
		{ 2000, 3, LNL_E_FORMAT },
	};
	char text[4096];
	struct lnl_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct lnl_writer w;

		lnl_writer_init(&w, text, sizeof(text));
		lnl_write_str(&w, "AUTH_FAILED,CRV1:R:");
		memset(lnl_write_space(&w, row[i].id), 'i', row[i].id);
		lnl_write_str(&w, ":");
		for (size_t n = 0; n < row[i].user; n += 3)
			lnl_write_str(&w, "YWJj");
		lnl_write_str(&w, ":text");
		assert_int_equal(w.error, 0);
		assert_int_equal(parse(&m, text, lnl_writer_len(&w)), row[i].code);
		if (!row[i].code) {
			assert_int_equal(m.state_len, row[i].id);
			assert_int_equal(m.user_len, row[i].user);
		}
	}
}

static void restart_flags(void **state)
{
	static const struct {
		const char *from;
		bool keep, next;
		const char *text;
	} row[] = {
		{ "RESTART", false, false, "" },
		{ "RESTART,", false, false, "" },
		{ "RESTART,[P]", true, false, "" },
		{ "RESTART,[N]", false, true, "" },
		{ "RESTART,[PN]server moves", true, true, "server moves" },
		{ "HALT,[NP]x", true, true, "x" },
		{ "HALT,[]x", false, false, "x" },
		{ "HALT,[xyz]", false, false, "" },
		{ "RESTART,P", false, false, "P" },
		{ "RESTART,[PN", false, false, "[PN" }, /* unfinished: credentials are not kept */
		{ "RESTART,x[P]", false, false, "x[P]" },
		{ "RESTART,[p]", false, false, "" },
	};
	struct lnl_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(parse(&m, row[i].from, strlen(row[i].from)), 0);
		if (m.keep_auth != row[i].keep || m.next_remote != row[i].next)
			fail_msg("%s", row[i].from);
		assert_text(m.text, m.text_len, row[i].text);
	}
}

static void pending_timeouts(void **state)
{
	static const struct {
		const char *from;
		uint32_t timeout;
	} row[] = {
		{ "AUTH_PENDING", 0 },
		{ "AUTH_PENDING,timeout 180", 180 },
		{ "AUTH_PENDING,new x,timeout 7", 7 },
		{ "AUTH_PENDING,timeout 4294967295", UINT32_MAX },
		{ "AUTH_PENDING,timeout 4294967296", 0 },
		{ "AUTH_PENDING,timeout -1", 0 },
		{ "AUTH_PENDING,timeout", 0 },
		{ "AUTH_PENDING,timeout  5", 0 },
		{ "AUTH_PENDING,,,", 0 },
	};
	struct lnl_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(parse(&m, row[i].from, strlen(row[i].from)), 0);
		assert_int_equal(m.kind, LNL_MSG_AUTH_PENDING);
		assert_int_equal(m.timeout, row[i].timeout);
	}
}

static void C1_trailing_line_ends_are_tolerated(void **state)
{
	static const char *const tail[] = { "", "\n", "\r\n", "\r", "\n\n\r\n" };
	struct lnl_message m;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(tail) / sizeof(tail[0]); i++) {
		strcpy(text, "AUTH_FAILED,no");
		strcat(text, tail[i]);
		assert_int_equal(parse(&m, text, strlen(text)), 0);
		assert_int_equal(m.kind, LNL_MSG_AUTH_FAILED);
		assert_text(m.text, m.text_len, "no");
		assert_int_equal(parse(&m, tail[i], strlen(tail[i])), 0);
		assert_int_equal(m.kind, LNL_MSG_UNKNOWN);
		assert_int_equal(m.text_len, 0);
	}
}

/* Every byte value at every place of a message that is known and of one that is not. */
static void C1_control_bytes_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum lnl_message_kind kind;
	} row[] = {
		{ "INFO,abc", LNL_MSG_INFO },
		{ "AUTH_FAILED,abc", LNL_MSG_AUTH_FAILED },
		{ "HELLO abc", LNL_MSG_UNKNOWN },
	};
	struct lnl_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = strlen(row[i].text);

		for (unsigned byte = 0; byte < 256; byte++) {
			bool bad = byte < 0x20 || byte == 0x7f;
			char text[32];

			memcpy(text, row[i].text, len);
			text[len - 2] = (char)byte;
			assert_int_equal(parse(&m, text, len), bad ? LNL_E_FORMAT : 0);
			assert_int_equal(m.kind, row[i].kind);
		}
	}
}

/* A message of 1 MiB is bounded work and no more than a message. */
static void C1_a_very_long_message(void **state)
{
	size_t len = 1 << 20;
	char *text = malloc(len);
	struct lnl_message m;

	(void)state;
	assert_non_null(text);
	memset(text, ',', len);
	memcpy(text, "AUTH_PENDING", 12);
	assert_int_equal(parse(&m, text, len), 0);
	assert_int_equal(m.text_len, len - 13);
	memcpy(text, "AUTH_FAILED,CRV1", 16);
	assert_int_equal(parse(&m, text, len), 0);
	assert_int_equal(m.auth_failed, LNL_AUTH_FAILED_PLAIN);
	memset(text, '\n', len);
	assert_int_equal(parse(&m, text, len), 0);
	assert_int_equal(m.text_len, 0);
	free(text);
}

static void info_forms(void **state)
{
	static const struct {
		const char *from;
		enum lnl_info_kind kind;
		const char *flags, *text;
		bool response, echo;
	} row[] = {
		{ "OPEN_URL:https://sso.example/x?y=1:2", LNL_INFO_OPEN_URL, "",
		  "https://sso.example/x?y=1:2", false, false },
		{ "WEB_AUTH::https://sso.example/", LNL_INFO_WEB_AUTH, "", "https://sso.example/",
		  false, false },
		{ "WEB_AUTH:proxy,hidden:https://a/", LNL_INFO_WEB_AUTH, "proxy,hidden",
		  "https://a/", false, false },
		{ "CR_TEXT:R,E:Enter: it", LNL_INFO_CR_TEXT, "R,E", "Enter: it", true, true },
		{ "CR_TEXT:R:PIN", LNL_INFO_CR_TEXT, "R", "PIN", true, false },
		{ "CR_TEXT::PIN", LNL_INFO_CR_TEXT, "", "PIN", false, false },
		{ "CR_TEXT:E,x,R:", LNL_INFO_CR_TEXT, "E,x,R", "", true, true },
		{ "OPEN_URL:", LNL_INFO_OPEN_URL, "", "", false, false },
		{ "OPEN_URL", LNL_INFO_OTHER, "", "OPEN_URL", false, false },
		{ "WEB_AUTH:x", LNL_INFO_OTHER, "", "WEB_AUTH:x", false, false },
		{ "CR_TEXT:R", LNL_INFO_OTHER, "", "CR_TEXT:R", false, false },
		{ "CR_TEXT", LNL_INFO_OTHER, "", "CR_TEXT", false, false },
		{ "bye", LNL_INFO_OTHER, "", "bye", false, false },
		{ "", LNL_INFO_OTHER, "", "", false, false },
	};
	struct lnl_info i;

	(void)state;
	for (size_t n = 0; n < sizeof(row) / sizeof(row[0]); n++) {
		memset(&i, 0x5a, sizeof(i));
		lnl_info_parse(&i, row[n].from, strlen(row[n].from));
		if (i.kind != row[n].kind)
			fail_msg("%s", row[n].from);
		assert_text(i.flags, i.flags_len, row[n].flags);
		assert_text(i.text, i.text_len, row[n].text);
		assert_int_equal(i.response, row[n].response);
		assert_int_equal(i.echo, row[n].echo);
	}
	lnl_info_parse(&i, NULL, 0);
	assert_int_equal(i.kind, LNL_INFO_OTHER);
}

static void secrets_are_hidden(void **state)
{
	static const struct {
		const char *from, *want;
	} row[] = {
		{ "PUSH_REPLY,auth-token SESS_ID_x,ping 10",
		  "PUSH_REPLY,auth-token *********,ping 10" },
		{ "PUSH_REPLY,auth-token ab,auth-token cd",
		  "PUSH_REPLY,auth-token **,auth-token **" },
		{ "PUSH_REPLY,auth-token\tab,x", "PUSH_REPLY,auth-token\t**,x" },
		{ "PUSH_REPLY,auth-token ", "PUSH_REPLY,auth-token " },
		{ "PUSH_REPLY,auth-token-user YQ==", "PUSH_REPLY,auth-token-user YQ==" },
		{ "CR_RESPONSE,MTIz", "CR_RESPONSE,****" },
		{ "INFO_PRE,CR_TEXT:R:PIN", "INFO_PRE,CR_TEXT:R:PIN" },
		{ "", "" },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(row) / sizeof(row[0]); n++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", row[n].from);
		lnl_message_hide(text);
		assert_string_equal(text, row[n].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_by_prefix),
		cmocka_unit_test(texts_point_into_the_message),
		cmocka_unit_test(auth_failed_forms),
		cmocka_unit_test(dynamic_challenges),
		cmocka_unit_test(bad_challenges_are_refused),
		cmocka_unit_test(challenge_fields_are_bounded),
		cmocka_unit_test(restart_flags),
		cmocka_unit_test(pending_timeouts),
		cmocka_unit_test(C1_trailing_line_ends_are_tolerated),
		cmocka_unit_test(C1_control_bytes_are_refused),
		cmocka_unit_test(C1_a_very_long_message),
		cmocka_unit_test(info_forms),
		cmocka_unit_test(secrets_are_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
