/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ACC, OpenVPN 3's envelope for messages of an application's own on the control channel: what a peer
 * offers (IV_ACC in peer info, the pushed custom-control), and messages cut into control texts
 * "ACC,protocol,length,flags,text". Source: openvpn3 openvpn/ssl/customcontrolchannel.hpp.
 */
#ifndef LNL_WIRE_ACC_H
#define LNL_WIRE_ACC_H

#include "wire/base64.h"

#define LNL_ACC_NAME	  32	/* longest name of a protocol */
#define LNL_ACC_PROTOCOLS 8	/* that one end may have */
#define LNL_ACC_MAX	  65536 /* bytes of a message, put together */
#define LNL_ACC_TEXT_MAX  2047	/* of a control text that we take, and the most that we send */
#define LNL_ACC_TEXT_MIN  128	/* a peer that takes less is not sent to */
/* Room for an offer of ours: "2047,6:A," and all names. */
#define LNL_ACC_OFFER (16 + LNL_ACC_PROTOCOLS * (LNL_ACC_NAME + 1))

/* A protocol's name: 1 to LNL_ACC_NAME letters, digits, '-', '_' and '.'. */
bool lnl_acc_name_ok(const char *name, size_t len);

/* What a peer can. Texts point into what was parsed. */
struct lnl_acc_offer {
	unsigned max; /* bytes of a control text that it takes, without the NUL */
	bool text, base64;
	const char *names; /* with colons between */
	size_t names_len;
};

/*
 * Reads "2048,6:A,one:two" (|sep| ',', IV_ACC's) or "2048 6:A one:two" (|sep| ' ', custom-control's);
 * encodings that are not known are passed over. LNL_E_FORMAT; LNL_E_INVAL when nothing can be sent: a
 * limit below LNL_ACC_TEXT_MIN, or no encoding that is known. A limit above LNL_ACC_TEXT_MAX counts as
 * that.
 */
int lnl_acc_offer_read(struct lnl_acc_offer *o, const char *text, size_t len, char sep);
/* Writes what we can, with |names| ("one:two"), into |out| with a NUL. LNL_E_SPACE. */
int lnl_acc_offer_write(char *out, size_t cap, char sep, const char *names);

/* One control text, taken apart; texts point into it. */
struct lnl_acc_part {
	const char *name;
	size_t name_len;
	bool base64;
	bool more; /* other parts of the same message follow */
	const char *text;
	size_t text_len;
	size_t len; /* bytes that lnl_acc_part_copy gives */
};

/* Whether |text| is an ACC message at all: it begins with "ACC,". */
bool lnl_acc_is(const char *text, size_t len);
/*
 * LNL_E_FORMAT: a field is missing, the name is none, the length is not the text's, there is an unknown
 * flag, one twice, no encoding or both, bad base64, or a part that is empty though more follow.
 */
int lnl_acc_part_read(struct lnl_acc_part *p, const char *text, size_t len);
/* Copies the part's bytes to |out|, which has room for `len`. */
void lnl_acc_part_copy(const struct lnl_acc_part *p, void *out);

/* A message that is being cut. |data| and |name| stay the caller's until it is done. */
struct lnl_acc_cut {
	const char *name;
	const uint8_t *data;
	size_t len, at;
	size_t room; /* bytes of the message in a text */
	bool base64;
	bool done;
};

/*
 * Begins with |len| bytes for who made |offer|: as text when all bytes are printable ASCII and it takes
 * that, else as base64. LNL_E_INVAL: the name is none. LNL_E_LIMIT: longer than LNL_ACC_MAX.
 * LNL_E_UNSUPPORTED: it takes text alone, and this is none.
 */
int lnl_acc_cut_init(struct lnl_acc_cut *c, const struct lnl_acc_offer *offer, const char *name,
		     const void *data, size_t len);
/* Writes the next text, terminated: 1, or 0 when there are no more. */
int lnl_acc_cut_next(struct lnl_acc_cut *c, char out[LNL_ACC_TEXT_MAX + 1]);

#endif
