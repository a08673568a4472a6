/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peer info: the lines NAME=value in which a client says what it is and can. */
#ifndef LNL_WIRE_PEERINFO_H
#define LNL_WIRE_PEERINFO_H

#include "wire/buf.h"

/* IV_PROTO's bits (PROTOCOL 1.7, OpenVPN ssl.h). */
enum lnl_iv_proto {
	LNL_IV_DATA_V2 = 1 << 1,
	LNL_IV_REQUEST_PUSH = 1 << 2,
	LNL_IV_TLS_KEY_EXPORT = 1 << 3,
	LNL_IV_AUTH_PENDING_KW = 1 << 4,
	LNL_IV_NCP_P2P = 1 << 5,
	LNL_IV_DNS = 1 << 6,
	LNL_IV_CC_EXIT = 1 << 7,
	LNL_IV_AUTH_FAIL_TEMP = 1 << 8,
	LNL_IV_DYN_TLS_CRYPT = 1 << 9,
	LNL_IV_DATA_EPOCH = 1 << 10,
	LNL_IV_DNS_V2 = 1 << 11,
	LNL_IV_PUSH_UPDATE = 1 << 12,
};

/* What we tell. Strings are the caller's; NULL leaves a line out. */
struct lnl_peerinfo {
	const char *version;  /* IV_VER */
	const char *platform; /* IV_PLAT */
	uint32_t proto;	      /* IV_PROTO */
	unsigned mtu;	      /* IV_MTU; 0 leaves it out */
	const char *ciphers;  /* IV_CIPHERS, colon list; with both GCM sizes IV_NCP=2 goes along */
	bool comp_stub;	      /* IV_LZO_STUB=1, IV_COMP_STUB=1, IV_COMP_STUBv2=1 */
	const char *gui_ver;  /* IV_GUI_VER */
	const char *sso;      /* IV_SSO: "webauth,openurl,crtext" */
	const char *acc;      /* IV_ACC: "2047,6:A,one:two" */
	const char *own;      /* further complete lines, always */
	const char *hwaddr;   /* IV_HWADDR, only with push-peer-info */
	const char *extra; /* further complete lines ("UV_ASSET=7\n"), only with push-peer-info */
};

/*
 * Writes the lines, each ended by '\n' (IV_TCPNL=1 is always there), and a NUL. LNL_E_SPACE.
 */
int lnl_peerinfo_write(const struct lnl_peerinfo *p, char *out, size_t cap);

/*
 * Finds |name| in a peer's info of |len| bytes: sets |*value| and |*value_len| (pointing into it)
 * and returns true, or returns false. A name counts only at the start of a line; the first wins.
 */
bool lnl_peerinfo_get(const char *info, size_t len, const char *name, const char **value,
		      size_t *value_len);

/* A number from peer info; |fallback| when it is missing or not a number of at most 32 bits. */
uint32_t lnl_peerinfo_number(const char *info, size_t len, const char *name, uint32_t fallback);

/* Whether |item| stands in |list|, separated by |sep|; whole items, case as given. */
bool lnl_list_has(const char *list, size_t len, char sep, const char *item);

#endif
