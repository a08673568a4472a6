/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Option texts on the wire: the list in a PUSH_REPLY, and the OCC string that both ends compare. */
#ifndef LNL_WIRE_OPTIONS_H
#define LNL_WIRE_OPTIONS_H

#include "wire/buf.h"

#define LNL_OPTION_WORDS 16
#define LNL_OPTION_LEN	 1024

/* What OpenVPN adds to link-mtu with TAP. */
#define LNL_OCC_TAP_EXTRA 32

/* One option, split into words: "route 10.0.0.0 255.0.0.0" has three. */
struct lnl_option {
	unsigned n;
	const char *word[LNL_OPTION_WORDS]; /* each terminated; they point into `text` */
	char text[LNL_OPTION_LEN];
};

/*
 * Takes the next option off a comma-separated list at |*list| with |*len| bytes left, and splits it
 * at blanks; quotes ("..", '..'), backslashes and comments (# or ; at the start of a word) are as
 * in a configuration file, but a comma ends the option wherever it stands. Returns 1, 0 at the end
 * of the list, or LNL_E_FORMAT when this option has more than LNL_OPTION_WORDS words, more than
 * LNL_OPTION_LEN - 1 characters, a byte outside 0x20..0x7e, an open quote, or a backslash before
 * anything but blank, double quote and backslash: |*list| has then moved past it, so that the
 * caller can log it and go on. Empty items are skipped.
 */
int lnl_option_next(struct lnl_option *o, const char **list, size_t *len);

/*
 * Splits |text|, a whole option by itself (a profile's: commas are nothing special). Returns 1, 0 when
 * there is nothing in it, or LNL_E_FORMAT as above.
 */
int lnl_option_split(struct lnl_option *o, const char *text, size_t len);

/* What goes into an OCC string (PROTOCOL 1.10). */
struct lnl_occ {
	bool server; /* our role: tls-server or tls-client at the end */
	bool tcp;
	bool ipv6; /* does not show: OpenVPN 2.4 and later write UDPv4 and TCPv4 always */
	bool tap;
	bool tls_auth;
	int key_direction; /* -1: none */
	unsigned link_mtu; /* a number that peers before 2.6 compare */
	unsigned tun_mtu;
	const char *cipher; /* NULL when it is not one that we would take (not in data-ciphers) */
	const char *auth;   /* left out with AEAD, which has none; NULL or "none": none */
	unsigned key_bits;
	bool comp_lzo; /* any compression framing is configured, stubs included */
};

/*
 * Writes the string, terminated, as 2.6.14 logs it ("Local Options String"): V4, dev-type,
 * link-mtu, tun-mtu, proto, [comp-lzo], [keydir], [cipher], auth, keysize, [tls-auth], key-method,
 * role. LNL_E_SPACE.
 */
int lnl_occ_write(const struct lnl_occ *o, char *out, size_t cap);

/*
 * Compares the peer's string with |ours|, which is what we expect of it: lnl_occ_write with the
 * other role and key direction. Calls |differs| for each key whose values differ, at most 32 times;
 * the side that lacks the key is ""; texts are cleaned. Mismatches only ever warn (PROTOCOL 1.10).
 */
void lnl_occ_compare(const char *ours, const char *theirs, void *ctx,
		     void (*differs)(void *ctx, const char *ours, const char *theirs));

/*
 * The link-mtu that OpenVPN announces for |tun_mtu| with these settings (so that 2.4 does not
 * complain). |cipher| NULL stands for OpenVPN's old default, BF-CBC; |comp_lzo|: framing that takes
 * a byte (stub-v2 does not). TAP counts LNL_OCC_TAP_EXTRA more.
 */
unsigned lnl_occ_link_mtu(unsigned tun_mtu, bool tcp, const char *cipher, const char *auth,
			  bool comp_lzo);

#endif
