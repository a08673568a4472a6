/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Datagrams, streams and devices in memory. Each has a descriptor of /dev/null, so that it can be
 * closed and copied like any; what is read from it or written to it comes here by the linker's --wrap.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sim/sim.h"
#include "wire/env.h"

#define ENDS	   4096
#define HOSTS	   1024
#define GONE	   64
#define DEVICE_MAX 4096 /* packets that a device keeps for who asks */
#define FIRST_PORT 40000

static struct {
	struct lnl_sim_end *ends[ENDS];
	uint64_t serial;
	unsigned host, everywhere;
	struct lnl_ip address[HOSTS]; /* of each host */
	uint16_t port;
	uint64_t delay, seed;
	unsigned loss;
	struct lnl_ip gone[GONE];
	unsigned n_gone;
} net;

struct lnl_sim_end *lnl_sim_end(int fd)
{
	return fd >= 0 && fd < ENDS ? net.ends[fd] : NULL;
}

unsigned lnl_sim_host(void)
{
	return net.host;
}

uint64_t lnl_sim_delay(void)
{
	return net.delay;
}

void lnl_sim_enter(unsigned host, const char *address)
{
	net.host = host;
	if (host < HOSTS)
		lnl_ip_parse(&net.address[host], address);
}

void lnl_sim_everywhere(unsigned host)
{
	net.everywhere = host;
}

void lnl_sim_network(double delay, unsigned loss)
{
	net.delay = delay > 0 ? (uint64_t)(delay * 1e6) : 1;
	net.loss = loss;
}

static struct lnl_ip ip_of_host(unsigned host, int family)
{
	struct lnl_ip ip = { 0 }, four = { 0 };

	if (host < HOSTS)
		four = net.address[host];
	if (family != 6)
		return four;
	/* Its IPv4 address behind a documentation prefix. */
	ip.family = 6;
	memcpy(ip.bytes, "\x20\x01\x0d\xb8", 4);
	memcpy(ip.bytes + 12, four.bytes, 4);
	return ip;
}

struct lnl_addr lnl_sim_own(const struct lnl_addr *like)
{
	struct lnl_ip to = lnl_addr_ip(like), ip = ip_of_host(net.host, to.family);

	net.port = net.port < FIRST_PORT || net.port == 65535 ? FIRST_PORT : net.port + 1;
	return lnl_addr_from(&ip, net.port);
}

/* ---- who is gone ---- */

static unsigned find_gone(const struct lnl_ip *ip)
{
	unsigned i = 0;

	while (i < net.n_gone && !lnl_ip_equal(&net.gone[i], ip))
		i++;
	return i;
}

bool lnl_sim_is_gone(const struct lnl_addr *to)
{
	struct lnl_ip ip = lnl_addr_ip(to);

	return find_gone(&ip) < net.n_gone;
}

void lnl_sim_set_gone(const char *address, bool gone)
{
	struct lnl_ip ip;
	unsigned at;

	if (lnl_ip_parse(&ip, address) < 0)
		return;
	at = find_gone(&ip);
	if (gone && at == net.n_gone && at < GONE)
		net.gone[net.n_gone++] = ip;
	else if (!gone && at < net.n_gone)
		net.gone[at] = net.gone[--net.n_gone];
}

/* ---- ends ---- */

int lnl_sim_open(enum lnl_sim_end_kind kind)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct lnl_sim_end *end;

	if (fd < 0)
		return -errno;
	if (fd >= ENDS) {
		close(fd);
		return -EMFILE;
	}
	end = lnl_sim_alloc(sizeof(*end));
	end->kind = kind;
	end->host = net.host;
	end->serial = ++net.serial;
	end->other = -1;
	end->last = &end->first;
	end->out_last = &end->out;
	net.ends[fd] = end;
	return fd;
}

static void drop_packets(struct lnl_sim_packet *p)
{
	while (p) {
		struct lnl_sim_packet *next = p->next;

		free(p);
		p = next;
	}
}

static void free_end(int fd)
{
	struct lnl_sim_end *end = net.ends[fd];

	net.ends[fd] = NULL;
	drop_packets(end->first);
	drop_packets(end->out);
	free(end);
}

static bool listens_at(const struct lnl_sim_end *e, const struct lnl_addr *to, bool everywhere)
{
	struct lnl_ip ip = lnl_addr_ip(to), local = lnl_addr_ip(&e->local);
	struct lnl_ip own = ip_of_host(e->host, ip.family);
	static const struct lnl_ip any4 = { .family = 4 }, any6 = { .family = 6 };
	bool any = lnl_ip_equal(&local, &any4) || lnl_ip_equal(&local, &any6);

	if (e->remote.len != 0 || e->local.len == 0)
		return false;
	if (everywhere)
		return e->host == net.everywhere;
	return lnl_addr_port(&e->local) == lnl_addr_port(to) &&
	       (any ? lnl_ip_equal(&own, &ip) : lnl_ip_equal(&local, &ip));
}

static struct lnl_sim_end *find(enum lnl_sim_end_kind kind, const struct lnl_addr *to, int *fd,
				bool everywhere, bool same_port)
{
	for (*fd = 0; *fd < ENDS; ++*fd) {
		struct lnl_sim_end *e = net.ends[*fd];

		if (e && e->kind == kind && listens_at(e, to, everywhere) &&
		    (!same_port || lnl_addr_port(&e->local) == lnl_addr_port(to)))
			return e;
	}
	return NULL;
}

struct lnl_sim_end *lnl_sim_at(enum lnl_sim_end_kind kind, const struct lnl_addr *to, int *fd)
{
	struct lnl_sim_end *e;

	if (lnl_sim_is_gone(to))
		return NULL;
	e = find(kind, to, fd, false, true);
	if (!e && net.everywhere)
		e = find(kind, to, fd, true, true);
	if (!e && net.everywhere)
		e = find(kind, to, fd, true, false);
	return e;
}

/* The client's socket that has this address. */
static struct lnl_sim_end *client_at(const struct lnl_addr *to)
{
	for (int fd = 0; fd < ENDS; fd++) {
		struct lnl_sim_end *e = net.ends[fd];

		if (e && e->kind == LNL_SIM_UDP && e->remote.len != 0 &&
		    lnl_addr_equal(&e->local, to))
			return e;
	}
	return NULL;
}

/* ---- packets ---- */

static struct lnl_sim_packet *gather(const struct iovec *iov, size_t n)
{
	struct lnl_sim_packet *p;
	size_t len = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	p = lnl_sim_alloc(sizeof(*p) + len);
	p->len = len;
	for (size_t i = 0; i < n; i++) {
		memcpy(p->bytes + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return p;
}

static void push(struct lnl_sim_packet ***last, struct lnl_sim_packet *p)
{
	p->next = NULL;
	**last = p;
	*last = &p->next;
}

static void give(struct lnl_sim_end *end, struct lnl_sim_packet *p)
{
	push(&end->last, p);
	if (end->reader)
		lnl_sim_feed_io(end->reader, EV_READ);
}

static bool is_lost(void)
{
	if (net.loss == 0)
		return false;
	net.seed = net.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (net.seed >> 33) % net.loss == 0;
}

static ssize_t send_datagram(struct lnl_sim_end *e, const struct iovec *iov, size_t n,
			     const struct lnl_addr *to)
{
	struct lnl_sim_packet *p = gather(iov, n);
	ssize_t len = (ssize_t)p->len;

	p->to_kind = LNL_SIM_UDP;
	p->from = e->local;
	p->to = to ? *to : e->remote;
	if (is_lost() || lnl_sim_is_gone(&p->to))
		free(p);
	else
		lnl_sim_put(NULL, lnl_sim_clock() + net.delay, LNL_SIM_PACKET, p);
	return len;
}

static void send_to_stream(struct lnl_sim_end *e, struct lnl_sim_packet *p)
{
	p->to_kind = LNL_SIM_STREAM;
	p->to_fd = e->other;
	p->serial = e->other_serial;
	lnl_sim_put(NULL, lnl_sim_clock() + net.delay, LNL_SIM_PACKET, p);
}

void lnl_sim_arrive(struct lnl_sim_packet *p)
{
	struct lnl_sim_end *end;
	int fd;

	if (p->to_kind == LNL_SIM_STREAM) {
		end = lnl_sim_end(p->to_fd);
		if (end && end->serial != p->serial)
			end = NULL;
	} else {
		end = client_at(&p->to);
		/* A connected socket hears its server alone, which answers from where it was asked. */
		if (end)
			p->from = end->remote;
		else
			end = lnl_sim_at(LNL_SIM_UDP, &p->to, &fd);
	}
	if (end)
		give(end, p);
	else
		free(p);
}

/* ---- reading ---- */

void lnl_sim_watch(ev_io *w)
{
	struct lnl_sim_end *end = lnl_sim_end(w->fd);

	if (!end)
		return;
	end->reader = w;
	if (end->first)
		lnl_sim_feed_io(w, EV_READ);
}

void lnl_sim_unwatch(ev_io *w)
{
	struct lnl_sim_end *end = lnl_sim_end(w->fd);

	if (end && end->reader == w)
		end->reader = NULL;
}

static struct lnl_sim_packet *take(struct lnl_sim_end *e)
{
	struct lnl_sim_packet *p = e->first;

	if (!p)
		return NULL;
	e->first = p->next;
	if (!e->first)
		e->last = &e->first;
	else if (e->reader) /* who reads a part only is called again */
		lnl_sim_feed_io(e->reader, EV_READ);
	return p;
}

static ssize_t take_stream(struct lnl_sim_end *e, uint8_t *out, size_t len)
{
	size_t n = 0;

	if (!e->first) {
		errno = EAGAIN;
		return -1;
	}
	while (e->first && n < len && !e->first->eof) {
		struct lnl_sim_packet *p = e->first;
		size_t some = p->len - p->at < len - n ? p->len - p->at : len - n;

		memcpy(out + n, p->bytes + p->at, some);
		p->at += some;
		n += some;
		if (p->at == p->len)
			free(take(e));
	}
	if (n > 0 && e->first && e->reader)
		lnl_sim_feed_io(e->reader, EV_READ);
	return (ssize_t)n; /* 0 at the end, which stays there */
}

static int take_message(struct lnl_sim_end *e, struct msghdr *h)
{
	struct lnl_sim_packet *p = take(e);
	size_t len;

	if (!p)
		return -1;
	len = p->len < h->msg_iov[0].iov_len ? p->len : h->msg_iov[0].iov_len;
	memcpy(h->msg_iov[0].iov_base, p->bytes, len);
	if (h->msg_name) {
		memcpy(h->msg_name, &p->from.u, p->from.len);
		h->msg_namelen = p->from.len;
	}
	h->msg_controllen = 0;
	free(p);
	return (int)len;
}

/* ---- by --wrap ---- */

int __wrap_recvmmsg(int fd, struct mmsghdr *heads, unsigned n, int flags, struct timespec *limit);
ssize_t __wrap_recvmsg(int fd, struct msghdr *h, int flags);
ssize_t __wrap_recv(int fd, void *out, size_t len, int flags);
ssize_t __wrap_read(int fd, void *out, size_t len);
ssize_t __real_read(int fd, void *out, size_t len);
int __wrap_sendmmsg(int fd, struct mmsghdr *heads, unsigned n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *h, int flags);
ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);
ssize_t __real_writev(int fd, const struct iovec *iov, int n);
int __wrap_close(int fd);
int __real_close(int fd);

int __wrap_recvmmsg(int fd, struct mmsghdr *heads, unsigned n, int flags, struct timespec *limit)
{
	struct lnl_sim_end *e = lnl_sim_end(fd);
	unsigned got = 0;
	int len;

	(void)flags;
	(void)limit;
	while (e && got < n && (len = take_message(e, &heads[got].msg_hdr)) >= 0)
		heads[got++].msg_len = (unsigned)len;
	errno = e ? EAGAIN : ENOTSOCK;
	return got > 0 ? (int)got : -1;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *h, int flags)
{
	struct lnl_sim_end *e = lnl_sim_end(fd);

	(void)flags;
	errno = e ? EAGAIN : ENOTSOCK;
	return e ? take_message(e, h) : -1;
}

ssize_t __wrap_recv(int fd, void *out, size_t len, int flags)
{
	struct lnl_sim_end *e = lnl_sim_end(fd);

	(void)flags;
	errno = ENOTSOCK;
	return e ? take_stream(e, out, len) : -1;
}

ssize_t __wrap_read(int fd, void *out, size_t len)
{
	struct lnl_sim_end *e = lnl_sim_end(fd);
	struct lnl_sim_packet *p;

	if (!e)
		return __real_read(fd, out, len);
	p = take(e);
	errno = EAGAIN;
	if (!p)
		return -1;
	len = p->len < len ? p->len : len;
	memcpy(out, p->bytes, len);
	free(p);
	return (ssize_t)len;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *h, int flags)
{
	struct lnl_sim_end *e = lnl_sim_end(fd);
	struct lnl_addr to;

	(void)flags;
	errno = e ? EPIPE : ENOTSOCK;
	if (!e || (e->kind == LNL_SIM_STREAM && !lnl_sim_end(e->other)))
		return -1;
	if (e->kind == LNL_SIM_STREAM) {
		struct lnl_sim_packet *p = gather(h->msg_iov, h->msg_iovlen);
		ssize_t len = (ssize_t)p->len;

		send_to_stream(e, p);
		return len;
	}
	errno = EINVAL;
	if (h->msg_name && lnl_addr_from_sockaddr(&to, h->msg_name, h->msg_namelen) < 0)
		return -1;
	return send_datagram(e, h->msg_iov, h->msg_iovlen, h->msg_name ? &to : NULL);
}

int __wrap_sendmmsg(int fd, struct mmsghdr *heads, unsigned n, int flags)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		ssize_t len = __wrap_sendmsg(fd, &heads[i].msg_hdr, flags);

		if (len < 0)
			break;
		heads[i].msg_len = (unsigned)len;
	}
	return i > 0 ? (int)i : -1;
}

ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr h = { .msg_name = (void *)(uintptr_t)to,
			    .msg_namelen = to_len,
			    .msg_iov = &iov,
			    .msg_iovlen = 1 };

	return __wrap_sendmsg(fd, &h, flags);
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
	struct lnl_sim_end *e = lnl_sim_end(fd);
	struct lnl_sim_packet *p;
	ssize_t len;

	if (!e)
		return __real_writev(fd, iov, n);
	p = gather(iov, (size_t)n);
	len = (ssize_t)p->len;
	if (e->n_out == DEVICE_MAX) {
		free(p);
		return len;
	}
	push(&e->out_last, p);
	e->n_out++;
	return len;
}

int __wrap_close(int fd)
{
	struct lnl_sim_end *e = lnl_sim_end(fd);
	struct lnl_sim_packet *p;

	if (e && e->kind == LNL_SIM_STREAM && lnl_sim_end(e->other)) {
		p = lnl_sim_alloc(sizeof(*p));
		p->eof = true;
		send_to_stream(e, p);
	}
	if (e)
		free_end(fd);
	return __real_close(fd);
}

/* ---- devices ---- */

static struct lnl_sim_end *device_of(unsigned host)
{
	for (int fd = 0; fd < ENDS; fd++)
		if (net.ends[fd] && net.ends[fd]->kind == LNL_SIM_TUN && net.ends[fd]->host == host)
			return net.ends[fd];
	return NULL;
}

bool lnl_sim_tun_put(unsigned host, const void *bytes, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct lnl_sim_end *e = device_of(host);

	if (!e)
		return false;
	give(e, gather(&iov, 1));
	return true;
}

size_t lnl_sim_tun_take(unsigned host, void *out, size_t cap)
{
	struct lnl_sim_end *e = device_of(host);
	struct lnl_sim_packet *p = e ? e->out : NULL;
	size_t len;

	if (!p)
		return 0;
	e->out = p->next;
	if (!e->out)
		e->out_last = &e->out;
	e->n_out--;
	len = p->len < cap ? p->len : cap;
	memcpy(out, p->bytes, len);
	free(p);
	return len;
}

void lnl_sim_sockets_reset(void)
{
	for (int fd = 0; fd < ENDS; fd++)
		if (net.ends[fd])
			free_end(fd);
	memset(&net, 0, sizeof(net));
	net.delay = 10 * LNL_MSEC;
	net.seed = 1;
}
