/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's worker for tests, and clients with sockets and keys of their own. */
#ifndef LNL_TEST_IO_WORKER_MANY_H
#define LNL_TEST_IO_WORKER_MANY_H

#include "test_io_worker.h"

#define UDP 1 /* the link of many; TCP links have the numbers of their peers */
#define LEN 100

/* Somebody with a socket, and with keys that the worker has, too. */
struct client {
	uint32_t id;
	int fd;
	struct sockaddr_in at;
	struct lnl_data *d;
};

struct server {
	struct side side;
	struct sockaddr_in at;
};

static inline struct lnl_key_conf key_of(uint32_t id)
{
	struct lnl_key_conf k = { .cipher = LNL_CIPHER_AES_256_GCM, .expires = LNL_NEVER };

	memset(&k.send, (int)id, sizeof(k.send));
	memset(&k.recv, (int)id + 100, sizeof(k.recv));
	return k;
}

static inline struct lnl_addr addr_of(const struct sockaddr_in *at)
{
	struct lnl_addr a;

	assert_int_equal(lnl_addr_from_sockaddr(&a, (const struct sockaddr *)at, sizeof(*at)), 0);
	return a;
}

static inline void open_server(struct server *s)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	int fd = nonblocking(SOCK_DGRAM);

	open_side_for(&s->side, 1000);
	bind_loopback(fd, &s->at);
	cmd.u.link = (struct lnl_link_conf){
		.id = UDP, .fd = fd, .peer = LNL_PEER_ID_NONE, .many = true
	};
	command(&s->side, &cmd);
	command(&s->side,
		&(struct lnl_command){ .kind = LNL_CMD_TUN_ADD,
				       .u.tun = { .fd = s->side.tun_given, .routed = true } });
}

/* With an address of its own, and a plane that knows the way to the worker. */
static inline void open_client(struct client *c, uint32_t id, bool v1)
{
	struct lnl_peer_conf conf = { .id = id, .wire_id = v1 ? LNL_PEER_ID_NONE : id };
	struct lnl_key_conf k = key_of(id);

	c->id = id;
	c->fd = nonblocking(SOCK_DGRAM);
	bind_loopback(c->fd, &c->at);
	assert_int_equal(lnl_data_new(&c->d, &env, 1), 0);
	assert_int_equal(lnl_data_peer_add(c->d, &conf, 1), 0);
	assert_int_equal(lnl_data_key_install(c->d, id, LNL_SLOT_PRIMARY, &k), 0);
}

static inline void close_client(struct client *c)
{
	lnl_data_free(c->d);
	close(c->fd);
}

static inline void give_client_key(struct server *s, const struct client *c)
{
	struct lnl_command cmd = { .kind = LNL_CMD_KEY_INSTALL, .peer = c->id };
	struct lnl_key_conf k = key_of(c->id);

	cmd.u.key.slot = LNL_SLOT_PRIMARY;
	cmd.u.key.key = k;
	cmd.u.key.key.send = k.recv;
	cmd.u.key.key.recv = k.send;
	command(&s->side, &cmd);
}

static inline void give_client(struct server *s, const struct client *c, uint32_t link)
{
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_ADD, .id = link };

	cmd.u.peer.conf =
		(struct lnl_peer_conf){ .id = c->id, .wire_id = c->id, .check_source = true };
	cmd.u.peer.address = addr_of(&c->at);
	command(&s->side, &cmd);
	give_client_key(s, c);
	cmd = (struct lnl_command){ .kind = LNL_CMD_ROUTE_ADD, .peer = c->id };
	cmd.u.route = (struct lnl_prefix){ { 4, { 10, 8, 0, (uint8_t)c->id } }, 32 };
	command(&s->side, &cmd);
}

static inline void connect_client(struct server *s, struct client *c, uint32_t id)
{
	open_client(c, id, false);
	give_client(s, c, UDP);
}

static inline void settle(struct server *s)
{
	struct lnl_counters c;

	counters(&s->side, LNL_PEER_ID_NONE, &c);
}

/* ---- packets ---- */

static inline void make(uint8_t *out, uint32_t from, uint32_t to, uint32_t number)
{
	make_packet(out, number, LEN);
	memcpy(out + 12, (uint8_t[]){ 10, 8, 0, (uint8_t)from, 10, 8, 0, (uint8_t)to }, 8);
}

struct sealed {
	uint8_t room[LNL_HEADROOM + LEN + LNL_TAILROOM];
	struct lnl_packet pkt;
};

static inline void seal(struct client *c, struct sealed *s, uint32_t to, uint32_t number)
{
	s->pkt = (struct lnl_packet){ .p = s->room + LNL_HEADROOM, .len = LEN, .peer = c->id };
	make(s->pkt.p, c->id, to, number);
	assert_int_equal(lnl_data_seal(c->d, &s->pkt, 1, 1), 1);
}

static inline void send_from(int fd, const struct server *s, const struct sealed *p)
{
	assert_int_equal(sendto(fd, p->pkt.p, p->pkt.len, 0, (const struct sockaddr *)&s->at,
				sizeof(s->at)),
			 p->pkt.len);
}

static inline void say(struct client *c, const struct server *s, uint32_t to, uint32_t number)
{
	struct sealed p;

	seal(c, &p, to, number);
	send_from(c->fd, s, &p);
}

static inline void expect_tun(struct server *s, uint32_t from, uint32_t to, uint32_t number)
{
	uint8_t want[LEN], got[2048];

	make(want, from, to, number);
	wait_readable(s->side.tun);
	assert_int_equal(read(s->side.tun, got, sizeof(got)), LEN);
	assert_memory_equal(got, want, LEN);
}

static inline void into_tun(struct server *s, uint32_t to, uint32_t number)
{
	uint8_t packet[LEN];

	make(packet, 1, to, number);
	assert_int_equal(write(s->side.tun, packet, LEN), LEN);
}

static inline void open_at(struct client *c, uint8_t *datagram, size_t len, uint32_t from,
			   uint32_t number)
{
	struct lnl_packet pkt = { .p = datagram, .len = (uint32_t)len, .peer = c->id };
	uint8_t want[LEN];

	assert_int_equal(lnl_data_open(c->d, &pkt, 1, 1), 1);
	make(want, from, c->id, number);
	assert_int_equal(pkt.len, LEN);
	assert_memory_equal(pkt.p, want, LEN);
}

static inline void expect_at(struct client *c, int fd, uint32_t from, uint32_t number)
{
	uint8_t got[2048];
	ssize_t n;

	wait_readable(fd);
	n = recv(fd, got, sizeof(got), 0);
	assert_true(n > 0);
	open_at(c, got, (size_t)n, from, number);
}

static inline void expect_nothing(int fd)
{
	uint8_t got[2048];

	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Nothing has been told but what is asked for here. */
static inline void expect_no_float(struct server *s)
{
	struct lnl_ntf n;

	command(&s->side, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 10 });
	do {
		next(&s->side, &n);
		assert_int_not_equal(n.kind, LNL_NTF_FLOAT);
	} while (n.kind != LNL_NTF_COUNTERS);
}

#endif
