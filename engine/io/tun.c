/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/reason.h"

#define NODE "/dev/net/tun"

static int open_node(struct lnl_reason *why)
{
	int fd = open(NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return lnl_reason_set(why, LNL_E_NOTFOUND,
				      "cannot open " NODE ": no such device node"
				      " (is the kernel module \"tun\" there?)");
	if (errno == ENODEV || errno == ENXIO)
		return lnl_reason_set(why, LNL_E_NOTFOUND,
				      "cannot open " NODE ": the kernel has no"
				      " TUN support (module \"tun\" is missing)");
	return lnl_reason_errno(why, errno, "cannot open " NODE);
}

/* A name that the kernel would take; "tun" and "tap" become a pattern that it fills in. */
static int choose_name(char out[IFNAMSIZ], const char *name, struct lnl_reason *why)
{
	size_t len = strlen(name);

	if (strcmp(name, "tun") == 0 || strcmp(name, "tap") == 0) {
		snprintf(out, IFNAMSIZ, "%s%%d", name);
		return 0;
	}
	if (len == 0 || len >= IFNAMSIZ || strpbrk(name, "/: \t\n%") != NULL ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return lnl_reason_set(why, LNL_E_INVAL, "\"%s\" cannot be the name of a device",
				      name);
	memcpy(out, name, len + 1);
	return 0;
}

static int attach(int fd, struct ifreq *ifr, const char *name, bool tap, int more,
		  struct lnl_reason *why)
{
	const char *kind = tap ? "tap" : "tun";

	ifr->ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | more);
	if (ioctl(fd, TUNSETIFF, ifr) == 0)
		return 0;
	if (errno == EBUSY)
		return lnl_reason_set(why, LNL_E_EXIST,
				      "cannot open %s device %s: device busy (another process"
				      " has it)",
				      kind, name);
	if (errno == EPERM || errno == EACCES)
		return lnl_reason_set(why, LNL_E_PERM,
				      "cannot create %s device %s: not permitted (root or"
				      " CAP_NET_ADMIN is needed)",
				      kind, name);
	if (errno == EINVAL && if_nametoindex(ifr->ifr_name) != 0)
		return lnl_reason_set(why, LNL_E_INVAL,
				      "cannot open %s device %s: a device of that name exists and"
				      " is of another kind",
				      kind, name);
	return lnl_reason_errno(why, errno, "cannot open %s device %s", kind, name);
}

static bool has_vnet(int fd)
{
	unsigned features = 0;

	return ioctl(fd, TUNGETFEATURES, &features) == 0 && (features & IFF_VNET_HDR) != 0;
}

static int set_queue(const char *name, int len, struct lnl_reason *why)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return lnl_reason_errno(why, errno, "cannot set txqueuelen of %s", name);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	ifr.ifr_qlen = len;
	if (ioctl(fd, SIOCSIFTXQLEN, &ifr) < 0)
		err = errno;
	close(fd);
	return err == 0 ? 0 : lnl_reason_errno(why, err, "cannot set txqueuelen of %s", name);
}

static int set_up(struct lnl_tun *t, const struct lnl_tun_conf *conf, struct lnl_reason *why)
{
	struct ifreq ifr = { 0 };
	int rc = choose_name(ifr.ifr_name, conf->name, why);
	int vnet = conf->offload == LNL_OFFLOAD_FULL && has_vnet(t->fd) ? IFF_VNET_HDR : 0;

	if (rc == 0)
		rc = attach(t->fd, &ifr, conf->name, conf->tap,
			    vnet | (conf->queues ? IFF_MULTI_QUEUE : 0), why);
	if (rc < 0)
		return rc;
	memcpy(t->name, ifr.ifr_name, IFNAMSIZ);
	t->tap = conf->tap;
	if (vnet != 0)
		t->offload = lnl_offload_tun(t->fd);
	t->index = if_nametoindex(t->name);
	if (t->index == 0)
		return lnl_reason_errno(why, errno, "device %s vanished", t->name);
	return conf->txqueuelen > 0 ? set_queue(t->name, conf->txqueuelen, why) : 0;
}

int lnl_tun_open(struct lnl_tun *out, const struct lnl_tun_conf *conf, struct lnl_reason *why)
{
	struct lnl_tun t = { .fd = conf->node };
	int rc;

	if (t.fd < 0)
		t.fd = open_node(why);
	if (t.fd < 0)
		return t.fd;
	rc = set_up(&t, conf, why);
	if (rc < 0) {
		close(t.fd);
		return rc;
	}
	*out = t;
	return 0;
}
