/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/outgoing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/compat.h"

/*
 * What a turn seals before it is sent, and the longest that one packet of TUN can be besides, since one
 * that was begun has to fit. Each call wakes the other end, and each wake-up costs as much as a dozen
 * packets: with 96 KiB a stream is 3% slower than with 160, with this 3% faster. More than
 * LNL_OUT_PACKETS there are not, and of a near cache it shall leave something.
 */
#define BYTES  (352 * 1024)
#define MARGIN (LNL_OUT_PREFIX + LNL_HEADROOM + LNL_TAILROOM + 64 + 2 * LNL_LANE_OVERHEAD)
#define MEMORY (BYTES + 65536 + MARGIN + LNL_OUT_RESERVE * MARGIN)
/* Pieces of memory in a call, all messages together: one a packet at most. */
#define PIECES LNL_OUT_PACKETS

struct lnl_out_calls {
	struct mmsghdr heads[LNL_OUT_MESSAGES];
	unsigned packets[LNL_OUT_MESSAGES];
	struct iovec pieces[PIECES];
	unsigned n_pieces;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
	} controls[LNL_OUT_MESSAGES];
};

int lnl_outgoing_init(struct lnl_outgoing *o)
{
	memset(o, 0, sizeof(*o));
	o->memory = malloc(MEMORY);
	o->calls = calloc(1, sizeof(*o->calls));
	if (o->memory != NULL && o->calls != NULL)
		return 0;
	lnl_outgoing_deinit(o);
	return LNL_E_NOMEM;
}

void lnl_outgoing_deinit(struct lnl_outgoing *o)
{
	free(o->memory);
	free(o->calls);
	o->memory = NULL;
	o->calls = NULL;
}

void lnl_outgoing_clear(struct lnl_outgoing *o)
{
	o->n = 0;
	o->used = 0;
	o->shown = 0;
	o->room = o->next_room;
}

void lnl_outgoing_set_room(struct lnl_outgoing *o, uint16_t room)
{
	o->next_room = room;
	if (o->n == 0)
		o->room = room;
}

bool lnl_outgoing_has_room(const struct lnl_outgoing *o, uint32_t len)
{
	return o->n < LNL_OUT_PACKETS - LNL_OUT_RESERVE && o->used < BYTES &&
	       o->used + len + LNL_OUT_RESERVE * MARGIN + MARGIN <= MEMORY;
}

bool lnl_outgoing_append(struct lnl_outgoing *o, const struct lnl_packet *pkt, uint32_t prefix)
{
	struct lnl_packet *to = &o->pkts[o->n];

	if (o->n == LNL_OUT_PACKETS || o->used + prefix + 2u * o->room + pkt->len > MEMORY)
		return false;
	*to = *pkt;
	to->p = o->memory + o->used + prefix + o->room;
	memcpy(to->p, pkt->p, pkt->len);
	o->used += prefix + 2u * o->room + pkt->len;
	o->prefix[o->n++] = (uint8_t)prefix;
	return true;
}

bool lnl_outgoing_seal(struct lnl_outgoing *o, struct lnl_data *d, uint8_t *text, uint32_t len,
		       uint32_t peer, uint32_t prefix, uint64_t now)
{
	struct lnl_packet *pkt = &o->pkts[o->n];

	*pkt = (struct lnl_packet){
		.p = text,
		.len = len,
		.peer = peer,
		.relay = LNL_PEER_ID_NONE,
		.to = o->memory + o->used + prefix + o->room,
	};
	if (lnl_data_seal(d, pkt, 1, now) == 0)
		return false;
	o->used = (uint32_t)(pkt->p + pkt->len - o->memory) + o->room;
	o->prefix[o->n++] = (uint8_t)prefix;
	return true;
}

/* ---- calls ---- */

void lnl_outgoing_begin(struct lnl_outgoing *o)
{
	o->messages = 0;
	o->calls->n_pieces = 0;
}

/*
 * How many of |count| packets from |at| on fit into a message of segments: all of the first's
 * length, the last may be shorter.
 */
static unsigned fitting(const struct lnl_outgoing *o, unsigned at, unsigned count,
			unsigned segments)
{
	const struct lnl_packet *first = &o->pkts[at];
	uint32_t bytes = first->len;
	unsigned n = 1;

	while (n < count && n < segments) {
		uint32_t len = first[n].len;

		if (len > first->len || bytes + len > LNL_UDP_BYTES)
			break;
		bytes += len;
		n++;
		if (len < first->len)
			break;
	}
	return n;
}

/* Lists |n| packets; those that lie behind one another are one piece. */
static void put_pieces(struct lnl_outgoing *o, struct msghdr *h, unsigned at, unsigned n)
{
	struct iovec *piece = &o->calls->pieces[o->calls->n_pieces];

	h->msg_iov = piece;
	h->msg_iovlen = 1;
	*piece = (struct iovec){ o->pkts[at].p, o->pkts[at].len };
	for (unsigned i = at + 1; i < at + n; i++) {
		struct lnl_packet *pkt = &o->pkts[i];

		if (pkt->p == (uint8_t *)piece->iov_base + piece->iov_len) {
			piece->iov_len += pkt->len;
			continue;
		}
		*++piece = (struct iovec){ pkt->p, pkt->len };
		h->msg_iovlen++;
	}
	o->calls->n_pieces += (unsigned)h->msg_iovlen;
}

static void put_segment(struct lnl_outgoing *o, struct msghdr *h, uint16_t len)
{
	struct cmsghdr *c;

	h->msg_control = &o->calls->controls[o->messages];
	h->msg_controllen = sizeof(o->calls->controls[0].bytes);
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(len));
	memcpy(CMSG_DATA(c), &len, sizeof(len));
}

unsigned lnl_outgoing_add(struct lnl_outgoing *o, unsigned at, unsigned count, unsigned segments,
			  const struct lnl_addr *to)
{
	struct msghdr *h;
	unsigned n;

	if (o->messages == (o->single ? 1 : LNL_OUT_MESSAGES))
		return 0;
	n = fitting(o, at, count, segments);
	if (o->calls->n_pieces + n > PIECES)
		return 0;
	h = &o->calls->heads[o->messages].msg_hdr;
	*h = (struct msghdr){ 0 };
	if (to != NULL) {
		h->msg_name = (void *)(uintptr_t)&to->u;
		h->msg_namelen = to->len;
	}
	put_pieces(o, h, at, n);
	if (n > 1)
		put_segment(o, h, (uint16_t)o->pkts[at].len);
	o->calls->packets[o->messages++] = n;
	return n;
}

unsigned lnl_outgoing_packets(const struct lnl_outgoing *o, unsigned i)
{
	return o->calls->packets[i];
}

int lnl_outgoing_send(struct lnl_outgoing *o, int fd)
{
	struct mmsghdr *heads = o->calls->heads;
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	int n;

	do {
		n = -1;
		if (!o->single && o->messages > 1)
			n = sendmmsg(fd, heads, o->messages, flags);
		else if (sendmsg(fd, &heads[0].msg_hdr, flags) >= 0)
			n = 1;
		/* A packet filter says EPERM, too: only the single call can tell which it was. */
		if (n < 0 && !o->single && o->messages > 1 && (errno == ENOSYS || errno == EPERM)) {
			int err = errno;

			n = sendmsg(fd, &heads[0].msg_hdr, flags) >= 0 ? 1 : -1;
			o->single = err == ENOSYS || n > 0;
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
