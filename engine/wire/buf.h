/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded reader and writer over bytes: every access is checked, and the first failure sticks. */
#ifndef LNL_WIRE_BUF_H
#define LNL_WIRE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunel_codes.h"

/*
 * Reads never pass |end|. After a read that would have, `error` is LNL_E_SHORT, the position no
 * longer moves, and every read gives zero (or NULL): code reads a whole message and checks once.
 */
struct lnl_reader {
	const uint8_t *p;
	const uint8_t *end;
	int error;
};

/* Writes never pass |end|. After one that would have, `error` is LNL_E_SPACE; nothing is written.
 */
struct lnl_writer {
	uint8_t *base;
	uint8_t *p;
	uint8_t *end;
	int error;
};

/* Starts |r| on |len| bytes at |data|, which must outlive it. It may be NULL when |len| is 0. */
void lnl_reader_init(struct lnl_reader *r, const void *data, size_t len);
/* Bytes not read yet; 0 after an error. */
size_t lnl_reader_left(const struct lnl_reader *r);
uint8_t lnl_read_u8(struct lnl_reader *r);
/* Big-endian, as all of the protocol's numbers are. */
uint16_t lnl_read_u16(struct lnl_reader *r);
uint32_t lnl_read_u24(struct lnl_reader *r);
uint32_t lnl_read_u32(struct lnl_reader *r);
uint64_t lnl_read_u64(struct lnl_reader *r);
/* The next |len| bytes in place, or NULL when there are fewer. */
const uint8_t *lnl_read_bytes(struct lnl_reader *r, size_t len);
/* Copies the next |len| bytes to |out|; zeroes |out| when there are fewer. */
void lnl_read_copy(struct lnl_reader *r, void *out, size_t len);

/* Starts |w| on |cap| bytes at |data|. */
void lnl_writer_init(struct lnl_writer *w, void *data, size_t cap);
/* Bytes written so far. */
size_t lnl_writer_len(const struct lnl_writer *w);
/* Bytes that still fit; 0 after an error. */
size_t lnl_writer_left(const struct lnl_writer *w);
void lnl_write_u8(struct lnl_writer *w, uint8_t v);
void lnl_write_u16(struct lnl_writer *w, uint16_t v);
void lnl_write_u24(struct lnl_writer *w, uint32_t v);
void lnl_write_u32(struct lnl_writer *w, uint32_t v);
void lnl_write_u64(struct lnl_writer *w, uint64_t v);
void lnl_write_bytes(struct lnl_writer *w, const void *data, size_t len);
/* Room for |len| bytes to be filled in by the caller, or NULL (and the error sticks). */
uint8_t *lnl_write_space(struct lnl_writer *w, size_t len);
/* Text without its NUL. */
void lnl_write_str(struct lnl_writer *w, const char *s);
/* |v| in decimal digits. */
void lnl_write_dec(struct lnl_writer *w, uint64_t v);
/* |len| bytes as lower-case hex. */
void lnl_write_hex(struct lnl_writer *w, const void *data, size_t len);

/*
 * Makes text of a peer printable: copies at most |cap| - 1 bytes of |src| to |dst|, each byte
 * outside 0x20..0x7e becoming '?' (CVE-2024-5594: nothing raw of a peer's reaches a log, a script
 * or a terminal), and terminates. Returns the length written. |cap| must be at least 1.
 */
size_t lnl_text_clean(char *dst, size_t cap, const void *src, size_t len);

/*
 * Reads an unsigned decimal of |len| characters into |*out|. LNL_E_FORMAT, and |*out| unchanged,
 * unless there is at least one, all are digits and the number is at most |max|.
 */
int lnl_text_dec(const char *s, size_t len, uint64_t max, uint64_t *out);
/* What the hex digit |c|, of either case, stands for; -1 when it is none. */
int lnl_hex_digit(char c);

#endif
