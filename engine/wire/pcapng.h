/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in this machine's byte order: a section, its
 * interfaces, packets with their direction and a comment. Bytes into a bounded writer, no file.
 */
#ifndef LNL_WIRE_PCAPNG_H
#define LNL_WIRE_PCAPNG_H

#include "wire/buf.h"
#include "wire/ip.h"

/* Link types (tcpdump.org's list). */
#define LNL_PCAPNG_RAW	     101 /* an IP packet */
#define LNL_PCAPNG_ETHERNET  1
#define LNL_PCAPNG_UPPER_PDU 252 /* Wireshark's: tags name the dissector, then the payload */

#define LNL_PCAPNG_COMMENT 256 /* bytes of a comment, at most; the rest is cut off */
/* Bytes around the |len| of a packet: block, options, padding. */
#define LNL_PCAPNG_AROUND (64 + LNL_PCAPNG_COMMENT)

enum lnl_pcapng_direction { LNL_PCAPNG_IN = 1, LNL_PCAPNG_OUT = 2 };

struct lnl_pcapng_packet {
	uint32_t interface; /* in the order of their blocks, from 0 */
	uint64_t time;	    /* microseconds since 1970 */
	enum lnl_pcapng_direction direction;
	const uint8_t *data;
	uint32_t len;	  /* bytes at |data| */
	uint32_t whole;	  /* bytes that the packet had */
	const char *note; /* a comment, NULL: none */
};

/* The section that a file begins with; |application| wrote it. LNL_E_SPACE sticks to |w|. */
void lnl_pcapng_section(struct lnl_writer *w, const char *application);
/* An interface of |link| (LNL_PCAPNG_*), its times in microseconds. */
void lnl_pcapng_interface(struct lnl_writer *w, uint16_t link, const char *name,
			  const char *description);
/* A packet: all of it, or nothing and LNL_E_SPACE. */
void lnl_pcapng_packet(struct lnl_writer *w, const struct lnl_pcapng_packet *p);

/*
 * |len| bytes of UDP payload at |data| with headers that make them a datagram from |from| to |to|
 * (both of one family), checksums included: what a program that knows only such reads.
 */
void lnl_pcapng_datagram(struct lnl_writer *w, const struct lnl_ip *from, uint16_t from_port,
			 const struct lnl_ip *to, uint16_t to_port, const uint8_t *data,
			 size_t len);
/* |text| for Wireshark's dissector |dissector| ("data-text-lines"), in LNL_PCAPNG_UPPER_PDU. */
void lnl_pcapng_pdu(struct lnl_writer *w, const char *dissector, const char *text, size_t len);

#endif
