/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payloads that are messages between the two engines and never packets: pings and OCC. */
#ifndef LNL_DATA_SPECIAL_H
#define LNL_DATA_SPECIAL_H

#include "data/data.h"

#define LNL_SPECIAL_LEN_MAX 17

enum lnl_message {
	LNL_MESSAGE_NONE, /* a packet */
	LNL_MESSAGE_PING,
	LNL_MESSAGE_OCC_EXIT,
	LNL_MESSAGE_OCC_OTHER, /* a request, a reply, an MTU test: no peer needs our answer */
};

/* What the |len| bytes at |payload| are, after decryption and without framing. */
enum lnl_message lnl_special_find(const uint8_t *payload, uint32_t len);

/* Writes the payload of |what| to |out| (LNL_SPECIAL_LEN_MAX bytes); returns its length. */
uint32_t lnl_special_write(enum lnl_special what, uint8_t *out);

#endif
