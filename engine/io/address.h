/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket address: IPv4 or IPv6 with a port, in the form that the kernel takes. */
#ifndef LNL_IO_ADDRESS_H
#define LNL_IO_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "wire/ip.h"

#define LNL_ADDR_TEXT (LNL_IP_TEXT + 24) /* "[2001:db8::1%4294967295]:65535" and its NUL */

struct lnl_addr {
	socklen_t len; /* 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} u;
};

/* |ip| (family 0: none) with |port|. */
struct lnl_addr lnl_addr_from(const struct lnl_ip *ip, uint16_t port);
/* What the kernel wrote: LNL_E_UNSUPPORTED unless it is a whole IPv4 or IPv6 address. */
int lnl_addr_from_sockaddr(struct lnl_addr *out, const struct sockaddr *sa, socklen_t len);
/*
 * The address alone; an IPv4 address mapped into IPv6 comes back as IPv4. Family 0 when there is
 * none.
 */
struct lnl_ip lnl_addr_ip(const struct lnl_addr *a);
uint16_t lnl_addr_port(const struct lnl_addr *a);
void lnl_addr_set_port(struct lnl_addr *a, uint16_t port);
/* Family, address, port and scope. An IPv4 address mapped into IPv6 is not the IPv4 address. */
bool lnl_addr_equal(const struct lnl_addr *a, const struct lnl_addr *b);
/* As people write it: an IPv4 address that is mapped into IPv6 becomes the IPv4 address. */
struct lnl_addr lnl_addr_plain(const struct lnl_addr *a);
/*
 * "192.0.2.1:1194", "[2001:db8::1]:1194", with "%scope" for a link-local address that has one; ""
 * for none. Terminated, to |out| of LNL_ADDR_TEXT bytes; returns |out|.
 */
char *lnl_addr_text(const struct lnl_addr *a, char *out);

#endif
