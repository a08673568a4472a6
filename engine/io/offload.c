/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/offload.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/vnet.h"
#include "io/compat.h"

bool lnl_offload_gro(int fd)
{
	const int on = 1;

	return setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) == 0;
}

bool lnl_offload_segment(int fd)
{
	const int off = 0; /* each call says its own size */

	return setsockopt(fd, SOL_UDP, UDP_SEGMENT, &off, sizeof(off)) == 0;
}

unsigned lnl_offload_tun(int fd)
{
	const unsigned long tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int size = sizeof(struct lnl_vnet);

	/* It has been attached with the header: what fails here only leaves it at ten bytes. */
	ioctl(fd, TUNSETVNETHDRSZ, &size);
	/* Either family alone is refused (EINVAL). */
	if (ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6) == 0)
		return LNL_TUN_VNET | LNL_TUN_TSO | LNL_TUN_USO;
	if (ioctl(fd, TUNSETOFFLOAD, tso) == 0)
		return LNL_TUN_VNET | LNL_TUN_TSO;
	return LNL_TUN_VNET;
}

void lnl_offload_probe(struct lnl_offload_probe *out)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned features = 0;

	memset(out, 0, sizeof(*out));
	if (fd >= 0) {
		out->udp_segment = lnl_offload_segment(fd);
		out->udp_gro = lnl_offload_gro(fd);
		close(fd);
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	out->tun = ioctl(fd, TUNGETFEATURES, &features) == 0;
	out->tun_vnet = (features & IFF_VNET_HDR) != 0;
	close(fd);
}

const char *lnl_offload_name(enum lnl_offload o)
{
	static const char *const names[] = { "full", "batch", "single" };

	return names[o];
}
