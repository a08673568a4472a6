/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client's UDP socket. */
#ifndef LNL_IO_UDP_H
#define LNL_IO_UDP_H

#include "io/socket.h"

/*
 * A socket connected to |remote|, so that only its packets arrive and ICMP errors are told: the
 * file descriptor, or an error as lnl_socket_open's, and when no route leads there (LNL_E_SYSTEM).
 */
int lnl_udp_open(const struct lnl_addr *remote, const struct lnl_socket_conf *conf,
		 struct lnl_reason *why);

#endif
