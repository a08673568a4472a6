/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP addresses and prefixes as the rooms without sockets hold them. */
#ifndef LNL_WIRE_IP_H
#define LNL_WIRE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LNL_IP_TEXT 64 /* room for any address or prefix as text */

/* An address: `family` 4 or 6 (0: none); IPv4 stands in the first four bytes, network order. */
struct lnl_ip {
	uint8_t family;
	uint8_t bytes[16];
};

struct lnl_prefix {
	struct lnl_ip ip;
	uint8_t bits;
};

/* Reads a literal ("10.0.0.1", "fd00::1"; no zone, no port); LNL_E_FORMAT. */
int lnl_ip_parse(struct lnl_ip *out, const char *text);
/*
 * Reads "10.0.0.0/8", "fd00::/64" or an address alone (/32, /128); LNL_E_FORMAT. Host bits are
 * kept.
 */
int lnl_prefix_parse(struct lnl_prefix *out, const char *text);
/* Bits of an IPv4 netmask ("255.255.255.0"): 0..32, or LNL_E_FORMAT when it has holes. */
int lnl_netmask_bits(const struct lnl_ip *mask);
/* The netmask of |bits| (0..32; more is taken as 32). */
struct lnl_ip lnl_netmask(unsigned bits);
/*
 * Writes the address ("fd00::1", RFC 5952), terminated, to |out| of LNL_IP_TEXT bytes; returns
 * |out|. "" for family 0.
 */
char *lnl_ip_text(const struct lnl_ip *ip, char *out);
/* The same with "/bits". */
char *lnl_prefix_text(const struct lnl_prefix *p, char *out);
/* Whether family and address are the same (for IPv4 only its four bytes count). */
bool lnl_ip_equal(const struct lnl_ip *a, const struct lnl_ip *b);
/* Zeroes the host bits. */
void lnl_prefix_mask(struct lnl_prefix *p);
/* Whether |ip| lies in |p|. */
bool lnl_prefix_has(const struct lnl_prefix *p, const struct lnl_ip *ip);

#endif
