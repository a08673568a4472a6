/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sockets to peers have in common: how they are opened, bound and tuned. */
#ifndef LNL_IO_SOCKET_H
#define LNL_IO_SOCKET_H

#include <stdint.h>

#include "io/address.h"
#include "lunel.h"

/* Zeroed but for mtu_disc = -1: the system's defaults. */
struct lnl_socket_conf {
	struct lnl_addr local; /* address to bind to; none: any. Its port counts, too. */
	uint16_t lport;	       /* with no `local`: port to bind to; 0: the kernel picks one */
	const char *bind_dev;  /* device that packets leave by; NULL: as routes say */
	uint32_t mark;	       /* 0: none */
	int sndbuf, rcvbuf; /* bytes; 0: the system's for TCP, raised as far as allowed for UDP */
	int mtu_disc;	    /* -1: the system's; 0 no, 1 maybe, 2 yes, as OpenVPN counts */
	bool tcp_nodelay;
};

/*
 * A non-blocking, close-on-exec socket of |type| (SOCK_DGRAM, SOCK_STREAM) for packets to |remote|,
 * set up and bound as |conf| says, not connected: the file descriptor, or an error and the cause in
 * |why|: LNL_E_PERM (mark, device), LNL_E_NOTFOUND (device), LNL_E_UNSUPPORTED (address family),
 * LNL_E_INVAL (local address of another family), LNL_E_SYSTEM.
 */
int lnl_socket_open(int type, const struct lnl_addr *remote, const struct lnl_socket_conf *conf,
		    struct lnl_reason *why);

/*
 * Sets what |conf| says of a socket of |type| and |family| (AF_INET, AF_INET6) but the addresses.
 * Errors as above.
 */
int lnl_socket_set(int fd, int type, int family, const struct lnl_socket_conf *conf,
		   struct lnl_reason *why);

/*
 * Changes an open socket as a server's push asks: bytes of buffers (0: leave), no Nagle. A
 * wish: never fails.
 */
void lnl_socket_tune(int fd, int sndbuf, int rcvbuf, bool tcp_nodelay);

#endif
