/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEFORE (LNL_HEADROOM + LNL_BATCH_ROOM)
/* Odd in cache lines, so that the packets' first bytes do not all fall into the same cache set. */
#define STRIDE ((size_t)(((BEFORE + LNL_PACKET_MAX + 1 + LNL_TAILROOM + 63) / 64) | 1) * 64)

int lnl_batch_init(struct lnl_batch *b)
{
	memset(b, 0, sizeof(*b));
	/* Mostly untouched, and so never resident: a packet of 1,400 bytes uses its first page. */
	b->memory = malloc(STRIDE * LNL_BATCH);
	return b->memory != NULL ? 0 : LNL_E_NOMEM;
}

void lnl_batch_deinit(struct lnl_batch *b)
{
	free(b->memory);
	b->memory = NULL;
}

static uint8_t *buffer(struct lnl_batch *b, unsigned i)
{
	return b->memory + STRIDE * i + BEFORE;
}

static void set_packet(struct lnl_batch *b, unsigned i, size_t len)
{
	b->pkts[i] = (struct lnl_packet){
		.p = buffer(b, i),
		.len = (uint32_t)len,
		.peer = LNL_PEER_ID_NONE,
		.drop = LNL_DROP_NONE,
	};
}

static bool refused(int err)
{
	return err == ENOSYS || err == EPERM;
}

static int receive_many(struct lnl_batch *b, int fd, bool named)
{
	int n;

	for (unsigned i = 0; i < LNL_BATCH; i++) {
		b->iovs[i] = (struct iovec){ buffer(b, i), LNL_PACKET_MAX };
		b->msgs[i] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &b->iovs[i], .msg_iovlen = 1 } };
		if (named) {
			b->msgs[i].msg_hdr.msg_name = &b->from[i].u;
			b->msgs[i].msg_hdr.msg_namelen = sizeof(b->from[i].u);
		}
	}
	n = recvmmsg(fd, b->msgs, LNL_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		set_packet(b, (unsigned)i, b->msgs[i].msg_len);
		b->from[i].len = b->msgs[i].msg_hdr.msg_namelen;
	}
	return n;
}

static int receive_one(struct lnl_batch *b, int fd)
{
	socklen_t name = sizeof(b->from[0].u);
	ssize_t len =
		recvfrom(fd, buffer(b, 0), LNL_PACKET_MAX, MSG_DONTWAIT, &b->from[0].u.sa, &name);

	if (len < 0)
		return -1;
	set_packet(b, 0, (size_t)len);
	b->from[0].len = name;
	return 1;
}

int lnl_batch_receive(struct lnl_batch *b, int fd, bool named)
{
	int n;

	b->n = 0;
	do {
		n = b->single ? receive_one(b, fd) : receive_many(b, fd, named);
		if (n < 0 && !b->single && refused(errno)) {
			b->single = true;
			errno = EINTR;
		}
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	b->n = (unsigned)n;
	return n;
}

int lnl_batch_read(struct lnl_batch *b, int fd, size_t max_bytes)
{
	size_t bytes = 0;

	b->n = 0;
	while (b->n < LNL_BATCH && bytes < max_bytes) {
		ssize_t len = read(fd, buffer(b, b->n), LNL_PACKET_MAX);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN && b->n == 0)
			return -errno;
		if (len <= 0)
			break;
		bytes += (size_t)len;
		set_packet(b, b->n++, (size_t)len);
	}
	return (int)b->n;
}

static int send_many(struct lnl_batch *b, int fd, unsigned at, unsigned count,
		     const struct lnl_addr *to)
{
	for (unsigned i = at; i < at + count; i++) {
		b->iovs[i] = (struct iovec){ b->pkts[i].p, b->pkts[i].len };
		b->msgs[i] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &b->iovs[i], .msg_iovlen = 1 } };
		if (to) {
			b->msgs[i].msg_hdr.msg_name = (void *)(uintptr_t)&to->u;
			b->msgs[i].msg_hdr.msg_namelen = to->len;
		}
	}
	return sendmmsg(fd, b->msgs + at, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int send_one(struct lnl_batch *b, int fd, unsigned at, const struct lnl_addr *to)
{
	ssize_t n = sendto(fd, b->pkts[at].p, b->pkts[at].len, MSG_DONTWAIT | MSG_NOSIGNAL,
			   to ? &to->u.sa : NULL, to ? to->len : 0);

	return n < 0 ? -1 : 1;
}

int lnl_batch_send(struct lnl_batch *b, int fd, unsigned at, unsigned count,
		   const struct lnl_addr *to)
{
	int n;

	do {
		n = b->single ? send_one(b, fd, at, to) : send_many(b, fd, at, count, to);
		/* A packet filter says EPERM, too: only the single call can tell which it was. */
		if (n < 0 && !b->single && errno == ENOSYS) {
			b->single = true;
			errno = EINTR;
		} else if (n < 0 && !b->single && errno == EPERM) {
			n = send_one(b, fd, at, to);
			b->single = n > 0;
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

struct lnl_packet *lnl_batch_add(struct lnl_batch *b, const uint8_t *data, size_t len)
{
	unsigned i = b->n++;

	set_packet(b, i, len);
	if (len > 0)
		memcpy(b->pkts[i].p, data, len);
	return &b->pkts[i];
}

void lnl_batch_compact(struct lnl_batch *b)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->n; i++)
		if (b->pkts[i].drop == LNL_DROP_NONE) {
			b->from[kept] = b->from[i];
			b->pkts[kept++] = b->pkts[i];
		}
	b->n = kept;
}
