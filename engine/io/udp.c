/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/udp.h"

#include <errno.h>
#include <unistd.h>

#include "io/reason.h"

int lnl_udp_open(const struct lnl_addr *remote, const struct lnl_socket_conf *conf,
		 struct lnl_reason *why)
{
	int fd = lnl_socket_open(SOCK_DGRAM, remote, conf, why);
	char text[LNL_ADDR_TEXT];

	if (fd >= 0 && connect(fd, &remote->u.sa, remote->len) < 0) {
		int rc = lnl_reason_errno(why, errno, "cannot reach %s over UDP",
					  lnl_addr_text(remote, text));

		close(fd);
		return rc;
	}
	return fd;
}
