/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/pcapng.h"

#include <string.h>

enum block { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6 };
enum option { END = 0, COMMENT = 1, IF_NAME = 2, IF_DESCRIPTION = 3, FLAGS = 2, APPLICATION = 4 };

/* Numbers are in this machine's order: the section's magic tells a reader which that is. */
static void put16(struct lnl_writer *w, uint16_t v)
{
	lnl_write_bytes(w, &v, sizeof(v));
}

static void put32(struct lnl_writer *w, uint32_t v)
{
	lnl_write_bytes(w, &v, sizeof(v));
}

static void pad(struct lnl_writer *w, size_t len)
{
	static const uint8_t zeros[4];

	lnl_write_bytes(w, zeros, -len & 3);
}

static void put_option(struct lnl_writer *w, enum option code, const void *data, size_t len)
{
	put16(w, (uint16_t)code);
	put16(w, (uint16_t)len);
	lnl_write_bytes(w, data, len);
	pad(w, len);
}

static void put_text(struct lnl_writer *w, enum option code, const char *text)
{
	size_t len = strlen(text);

	put_option(w, code, text, len < LNL_PCAPNG_COMMENT ? len : LNL_PCAPNG_COMMENT);
}

/* Where the block begins, for end_block. */
static uint8_t *begin_block(struct lnl_writer *w, uint32_t type)
{
	uint8_t *start = w->p;

	put32(w, type);
	put32(w, 0);
	return start;
}

/* Its length stands at both ends; of a block that does not fit nothing is left. */
static void end_block(struct lnl_writer *w, uint8_t *start)
{
	uint32_t len = (uint32_t)(w->p - start) + 4;

	put32(w, len);
	if (w->error)
		w->p = start;
	else
		memcpy(start + 4, &len, sizeof(len));
}

void lnl_pcapng_section(struct lnl_writer *w, const char *application)
{
	uint8_t *start = begin_block(w, SECTION);

	put32(w, 0x1a2b3c4d);
	put16(w, 1); /* version 1.0 */
	put16(w, 0);
	put32(w, UINT32_MAX); /* its length is not known */
	put32(w, UINT32_MAX);
	put_text(w, APPLICATION, application);
	put_option(w, END, NULL, 0);
	end_block(w, start);
}

void lnl_pcapng_interface(struct lnl_writer *w, uint16_t link, const char *name,
			  const char *description)
{
	uint8_t *start = begin_block(w, INTERFACE);

	put16(w, link);
	put16(w, 0);
	put32(w, 0); /* packets of any length */
	put_text(w, IF_NAME, name);
	put_text(w, IF_DESCRIPTION, description);
	put_option(w, END, NULL, 0);
	end_block(w, start);
}

void lnl_pcapng_packet(struct lnl_writer *w, const struct lnl_pcapng_packet *p)
{
	uint32_t flags = p->direction;
	uint8_t *start = begin_block(w, PACKET);

	put32(w, p->interface);
	put32(w, (uint32_t)(p->time >> 32));
	put32(w, (uint32_t)p->time);
	put32(w, p->len);
	put32(w, p->whole);
	lnl_write_bytes(w, p->data, p->len);
	pad(w, p->len);
	if (p->note)
		put_text(w, COMMENT, p->note);
	put_option(w, FLAGS, &flags, sizeof(flags));
	put_option(w, END, NULL, 0);
	end_block(w, start);
}

/* ---- what packets are made of ---- */

#define IPV4_LEN 20
#define IPV6_LEN 40
#define UDP_LEN	 8
#define UDP	 17

static uint32_t sum_of(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return i < len ? sum + (uint32_t)(p[i] << 8) : sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_at(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void write_ipv4(struct lnl_writer *w, const struct lnl_ip *from, const struct lnl_ip *to,
		       size_t len)
{
	uint8_t *h;

	lnl_write_u16(w, 0x4500);
	lnl_write_u16(w, (uint16_t)(IPV4_LEN + len));
	lnl_write_u32(w, 0);
	lnl_write_u8(w, 64);
	lnl_write_u8(w, UDP);
	lnl_write_u16(w, 0);
	lnl_write_bytes(w, from->bytes, 4);
	lnl_write_bytes(w, to->bytes, 4);
	if (w->error)
		return;
	h = w->p - IPV4_LEN;
	put_at(h + 10, folded(sum_of(h, IPV4_LEN)));
}

static void write_ipv6(struct lnl_writer *w, const struct lnl_ip *from, const struct lnl_ip *to,
		       size_t len)
{
	lnl_write_u32(w, 0x60000000);
	lnl_write_u16(w, (uint16_t)len);
	lnl_write_u8(w, UDP);
	lnl_write_u8(w, 64);
	lnl_write_bytes(w, from->bytes, 16);
	lnl_write_bytes(w, to->bytes, 16);
}

void lnl_pcapng_datagram(struct lnl_writer *w, const struct lnl_ip *from, uint16_t from_port,
			 const struct lnl_ip *to, uint16_t to_port, const uint8_t *data, size_t len)
{
	bool four = from->family == 4;
	size_t address = four ? 4 : 16;
	uint32_t sum;
	uint8_t *udp;

	(four ? write_ipv4 : write_ipv6)(w, from, to, UDP_LEN + len);
	lnl_write_u16(w, from_port);
	lnl_write_u16(w, to_port);
	lnl_write_u16(w, (uint16_t)(UDP_LEN + len));
	lnl_write_u16(w, 0);
	lnl_write_bytes(w, data, len);
	if (w->error)
		return;
	udp = w->p - len - UDP_LEN;
	sum = sum_of(from->bytes, address) + sum_of(to->bytes, address) + UDP +
	      (uint32_t)(UDP_LEN + len) + sum_of(udp, UDP_LEN + len);
	put_at(udp + 6, folded(sum) ? folded(sum) : 0xffff);
}

void lnl_pcapng_pdu(struct lnl_writer *w, const char *dissector, const char *text, size_t len)
{
	size_t name = strlen(dissector);

	/* EXP_PDU_TAG_DISSECTOR_NAME, then the end of the tags. */
	lnl_write_u16(w, 12);
	lnl_write_u16(w, (uint16_t)((name + 3) & ~(size_t)3));
	lnl_write_bytes(w, dissector, name);
	pad(w, name);
	lnl_write_u32(w, 0);
	lnl_write_bytes(w, text, len);
}
