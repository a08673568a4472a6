/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the headers of older systems (Debian 12's) lack, and their kernels may have. */
#ifndef LNL_IO_COMPAT_H
#define LNL_IO_COMPAT_H

#include <linux/if_tun.h>
#include <netinet/in.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#endif
