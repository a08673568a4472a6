/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/incoming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/compat.h"

/* Where opening finds room for a framing byte that moves, and reads a vector beyond the end. */
#define BEFORE 64
#define BEHIND 64
/* Odd in cache lines, so that the messages' first bytes do not all fall into the same cache set. */
#define STRIDE ((size_t)(((BEFORE + LNL_PACKET_MAX + 1 + BEHIND + 63) / 64) | 1) * 64)
/*
 * Messages of up to 64 KiB that are still in the processor's cache when they are opened, and when TUN
 * copies them; a kernel that puts nothing together has then many calls, though short ones.
 */
#define GRO_MESSAGES 4

struct lnl_in_message {
	struct iovec piece;
	struct lnl_addr from;
	uint32_t len;
	uint32_t at; /* bytes that are cut off */
	uint32_t segment;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

int lnl_incoming_init(struct lnl_incoming *in)
{
	memset(in, 0, sizeof(*in));
	/* Mostly untouched, and so never resident: a datagram of 1,400 bytes uses its first page. */
	in->memory = malloc(STRIDE * LNL_IN_MESSAGES);
	in->list = calloc(LNL_IN_MESSAGES, sizeof(*in->list));
	in->heads = calloc(LNL_IN_MESSAGES, sizeof(*in->heads));
	if (in->memory != NULL && in->list != NULL && in->heads != NULL)
		return 0;
	lnl_incoming_deinit(in);
	return LNL_E_NOMEM;
}

void lnl_incoming_deinit(struct lnl_incoming *in)
{
	free(in->memory);
	free(in->list);
	free(in->heads);
	in->memory = NULL;
	in->list = NULL;
	in->heads = NULL;
}

static uint8_t *buffer(struct lnl_incoming *in, unsigned i)
{
	return in->memory + STRIDE * i + BEFORE;
}

static void prepare(struct lnl_incoming *in, unsigned i, bool named, bool gro)
{
	struct lnl_in_message *m = &in->list[i];
	struct msghdr *h = &in->heads[i].msg_hdr;

	m->piece = (struct iovec){ buffer(in, i), LNL_PACKET_MAX };
	*h = (struct msghdr){ .msg_iov = &m->piece, .msg_iovlen = 1 };
	if (named) {
		h->msg_name = &m->from.u;
		h->msg_namelen = sizeof(m->from.u);
	}
	if (gro) {
		h->msg_control = &m->control;
		h->msg_controllen = sizeof(m->control);
	}
}

/* What the kernel says of a message: who sent it, and how long its datagrams are. */
static void note(struct lnl_in_message *m, struct mmsghdr *head)
{
	struct msghdr *h = &head->msg_hdr;
	int size = 0;

	m->from.len = h->msg_namelen;
	m->at = 0;
	m->len = m->segment = head->msg_len;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&size, CMSG_DATA(c), sizeof(size));
	if (size > 0 && (uint32_t)size < m->segment)
		m->segment = (uint32_t)size;
}

static bool refused(int err)
{
	return err == ENOSYS || err == EPERM;
}

/* Messages of the next call; those are few that may be long. */
static unsigned most(const struct lnl_incoming *in, bool gro)
{
	if (in->single)
		return 1;
	return gro ? GRO_MESSAGES : LNL_IN_MESSAGES;
}

static int receive(struct lnl_incoming *in, int fd, bool named, bool gro)
{
	unsigned max = most(in, gro);
	int n;

	for (unsigned i = 0; i < max; i++)
		prepare(in, i, named, gro);
	if (in->single) {
		ssize_t len = recvmsg(fd, &in->heads[0].msg_hdr, MSG_DONTWAIT);

		n = len < 0 ? -1 : 1;
		in->heads[0].msg_len = len < 0 ? 0 : (unsigned)len;
	} else {
		n = recvmmsg(fd, in->heads, max, MSG_DONTWAIT, NULL);
	}
	for (int i = 0; i < n; i++)
		note(&in->list[i], &in->heads[i]);
	return n;
}

int lnl_incoming_receive(struct lnl_incoming *in, int fd, bool named, bool gro)
{
	int n;

	in->n = in->messages = in->message = 0;
	do {
		n = receive(in, fd, named, gro);
		if (n < 0 && !in->single && refused(errno)) {
			in->single = true;
			errno = EINTR;
		}
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	in->messages = (unsigned)n;
	return n;
}

bool lnl_incoming_was_full(const struct lnl_incoming *in, bool gro)
{
	return in->messages == most(in, gro);
}

void lnl_incoming_add(struct lnl_incoming *in, uint8_t *p, uint32_t len,
		      const struct lnl_addr *from)
{
	in->pkts[in->n] = (struct lnl_packet){ .p = p, .len = len, .peer = LNL_PEER_ID_NONE };
	in->from[in->n++] = from;
}

bool lnl_incoming_cut(struct lnl_incoming *in)
{
	in->n = 0;
	while (in->message < in->messages && in->n < LNL_IN_PACKETS) {
		struct lnl_in_message *m = &in->list[in->message];
		uint8_t *p = m->piece.iov_base;
		uint32_t left = m->len - m->at;

		/* An empty datagram is one, too. */
		if (m->at == 0 && left == 0)
			lnl_incoming_add(in, p, 0, &m->from);
		while (left > 0 && in->n < LNL_IN_PACKETS) {
			uint32_t len = left < m->segment ? left : m->segment;

			lnl_incoming_add(in, p + m->at, len, &m->from);
			m->at += len;
			left -= len;
		}
		if (left > 0)
			break;
		in->message++;
	}
	return in->n > 0;
}

void lnl_incoming_compact(struct lnl_incoming *in)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < in->n; i++)
		if (in->pkts[i].drop == LNL_DROP_NONE) {
			in->from[kept] = in->from[i];
			in->pkts[kept++] = in->pkts[i];
		}
	in->n = kept;
}
