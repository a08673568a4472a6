/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TUN or TAP device: a file whose reads and writes are packets. */
#ifndef LNL_IO_TUN_H
#define LNL_IO_TUN_H

#include <net/if.h>
#include <stdbool.h>

#include "io/offload.h"
#include "lunel.h"

struct lnl_tun_conf {
	/* "tun3": this one, created or attached to; "tun" and "tap": the next free number */
	const char *name;
	bool tap;
	int txqueuelen; /* packets; 0: the system's */
	enum lnl_offload offload;
	bool queues; /* it can be opened again, for a queue more (IFF_MULTI_QUEUE) */
	int node;    /* /dev/net/tun opened by somebody else, ours from now on; -1: open it */
};

struct lnl_tun {
	/*
	 * Non-blocking, close-on-exec; in front of packets stands no packet information, but a struct
	 * lnl_vnet where `offload` says so.
	 */
	int fd;
	char name[IFNAMSIZ];
	unsigned index;
	bool tap;
	unsigned offload; /* enum lnl_tun_offload */
};

/*
 * Opens the device. One that was not persistent goes away with its last file. |why| names the
 * cause: LNL_E_NOTFOUND (no device node, or the kernel has no TUN), LNL_E_PERM, LNL_E_EXIST
 * (another process has it), LNL_E_INVAL (a name that cannot be, or that of a device of another
 * kind), LNL_E_SYSTEM.
 */
int lnl_tun_open(struct lnl_tun *out, const struct lnl_tun_conf *conf, struct lnl_reason *why);

#endif
