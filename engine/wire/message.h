/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts on the control channel, taken apart: AUTH_FAILED, PUSH_REPLY, RESTART, INFO_PRE and
 * their kin. */
#ifndef LNL_WIRE_MESSAGE_H
#define LNL_WIRE_MESSAGE_H

#include "wire/base64.h"

/* Recognised by prefix (OpenVPN forward.c); PROTOCOL 1.9. */
enum lnl_message_kind {
	LNL_MSG_UNKNOWN,
	LNL_MSG_AUTH_FAILED, /* text: the reason, may be empty */
	LNL_MSG_PUSH_REQUEST,
	LNL_MSG_PUSH_REPLY, /* text: the options behind "PUSH_REPLY," */
	LNL_MSG_PUSH_UPDATE,
	LNL_MSG_RESTART, /* text: the reason */
	LNL_MSG_HALT,
	LNL_MSG_INFO_PRE,
	LNL_MSG_INFO,
	LNL_MSG_CR_RESPONSE,  /* text: base64 */
	LNL_MSG_AUTH_PENDING, /* seconds in `timeout` when "timeout N" was given */
	LNL_MSG_EXIT,
};

enum lnl_auth_failed {
	LNL_AUTH_FAILED_PLAIN,	 /* credentials refused; text: reason */
	LNL_AUTH_FAILED_TEMP,	 /* try again: `backoff`, `advance`; text: message */
	LNL_AUTH_FAILED_SESSION, /* the token ran out: log in again; text: reason */
	LNL_AUTH_FAILED_CRV1,	 /* dynamic challenge: flags, state, user, text */
};

enum lnl_advance {
	LNL_ADVANCE_DEFAULT,
	LNL_ADVANCE_NO,	    /* same address again */
	LNL_ADVANCE_REMOTE, /* next remote */
	LNL_ADVANCE_ADDR,   /* next address of this remote */
};

#define LNL_MESSAGE_FIELD 512 /* longest state id or user name of a challenge that is kept */

/* What one message says. Texts point into the message that was parsed, without NUL. */
struct lnl_message {
	enum lnl_message_kind kind;
	const char *text;
	size_t text_len;
	enum lnl_auth_failed auth_failed;
	enum lnl_advance advance;
	uint32_t backoff;  /* seconds, 0: none given */
	bool keep_auth;	   /* RESTART/HALT flag 'P': keep cached credentials, else drop them */
	bool next_remote;  /* RESTART/HALT flag 'N' */
	uint32_t timeout;  /* AUTH_PENDING, seconds; 0: none given */
	bool echo;	   /* CRV1/CR_TEXT flag E: what is typed may be shown */
	bool response;	   /* CRV1/CR_TEXT flag R: an answer is wanted */
	const char *state; /* CRV1: the state id, to be sent back */
	size_t state_len;
	uint8_t user[LNL_MESSAGE_FIELD]; /* CRV1: the user name, decoded from base64, with a NUL */
	size_t user_len;
};

/*
 * Takes apart one message of |len| bytes at |text| (without its NUL; trailing \r and \n are
 * tolerated and left out). LNL_E_FORMAT when a known prefix is followed by what cannot be
 * ("PUSH_REPLYX", a CRV1 without its fields, a bad base64), and when a control byte stands inside
 * (CVE-2024-5594); `kind` tells even then what it began with, so that a malformed AUTH_FAILED can
 * still count as a failure. Unknown messages are LNL_MSG_UNKNOWN with the whole text. Texts may
 * hold UTF-8: who shows them cleans them (lnl_text_clean).
 */
int lnl_message_parse(struct lnl_message *m, const char *text, size_t len);

/*
 * Puts stars over what a message holds that is nobody else's business: the value of each auth-token of
 * a PUSH_REPLY, and the answer of a CR_RESPONSE.
 */
void lnl_message_hide(char *text);

/*
 * What INFO_PRE says: WEB_AUTH:flags:url, OPEN_URL:url, CR_TEXT:flags:text (PROTOCOL 1.9, OpenVPN
 * management-notes).
 */
enum lnl_info_kind { LNL_INFO_OTHER, LNL_INFO_OPEN_URL, LNL_INFO_WEB_AUTH, LNL_INFO_CR_TEXT };

struct lnl_info {
	enum lnl_info_kind kind;
	const char *flags; /* WEB_AUTH: comma list, as sent */
	size_t flags_len;
	const char *text; /* URL or challenge text */
	size_t text_len;
	bool echo;
	bool response;
};

/* Takes apart the text of an INFO_PRE or INFO. Never fails: what is not known is LNL_INFO_OTHER. */
void lnl_info_parse(struct lnl_info *i, const char *text, size_t len);

#endif
