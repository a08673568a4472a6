/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two workers with a lane, the link between them of every kind that there is. */
#ifndef LNL_TEST_IO_WORKER_LANE_ENDS_H
#define LNL_TEST_IO_WORKER_LANE_ENDS_H

#include "test_io_worker_lane.h"

#define LANE 3
#define LEN  100

static const struct lnl_worker_lane filter = {
	.of = LNL_LANE_OF_ALL,
	.points = BOTH,
	.on_error = LNL_LANE_ON_ERROR_DROP,
};

static const struct lnl_worker_lane transport = {
	.of = LNL_LANE_OF_WIRE,
	.points = WIRE,
	.overhead = 15,
	.on_error = LNL_LANE_ON_ERROR_DROP,
};

/* How packets may travel. */
static const struct {
	enum lnl_link_kind kind;
	enum lnl_offload how;
	enum lnl_cipher cipher;
} roads[] = {
	{ LNL_LINK_UDP, LNL_OFFLOAD_FULL, LNL_CIPHER_AES_256_GCM },
	{ LNL_LINK_UDP, LNL_OFFLOAD_BATCH, LNL_CIPHER_AES_256_GCM },
	{ LNL_LINK_UDP, LNL_OFFLOAD_SINGLE, LNL_CIPHER_AES_256_CBC },
	{ LNL_LINK_TCP, LNL_OFFLOAD_FULL, LNL_CIPHER_AES_256_GCM },
	{ LNL_LINK_TCP, LNL_OFFLOAD_FULL, LNL_CIPHER_AES_256_CBC },
};

#define ROADS (sizeof(roads) / sizeof(*roads))

/* Two workers, |offload| at their devices; lanes are given before anything else. */
static inline void open_ends(struct side s[2], size_t road, unsigned offload, lane_fn *fn,
			     const struct lnl_worker_lane *conf)
{
	int fds[2];

	lanes_init();
	link_pair(fds, roads[road].kind);
	for (int i = 0; i < 2; i++) {
		open_side(&s[i]);
		if (fn != NULL)
			give_lane(&s[i], LANE, fn, conf);
		command(&s[i], &(struct lnl_command){ .kind = LNL_CMD_LINK_ADD,
						      .u.link = { .id = LINK,
								  .fd = fds[i],
								  .kind = roads[road].kind,
								  .peer = PEER,
								  .offload = roads[road].how } });
		give_peer(&s[i], &plain_peer);
		give_key(&s[i], roads[road].cipher, i == 1);
		s[i].tun_offload = offload;
		give_tun(&s[i]);
		counters(&s[i], PEER, &(struct lnl_counters){ 0 });
	}
}

static inline void close_ends(struct side s[2])
{
	close_side(&s[0]);
	close_side(&s[1]);
	assert_int_equal(atomic_load(&vms), 0);
}

static inline void into(struct side *s, uint32_t number)
{
	struct pollfd p = { .fd = s->tun, .events = POLLOUT };
	uint8_t packet[LEN];

	make_packet(packet, number, LEN);
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(write(s->tun, packet, LEN), LEN);
}

/* Until |s| has counted |n| packets of |reason|. */
static inline void wait_drops(struct side *s, uint32_t peer, enum lnl_drop reason, uint64_t n,
			      struct lnl_counters *c)
{
	do {
		counters(s, peer, c);
	} while (c->drops[reason] < n);
	assert_int_equal(c->drops[reason], n);
}

static inline void nothing_more(int tun)
{
	uint8_t got[2048];

	assert_int_equal(recv(tun, got, sizeof(got), MSG_DONTWAIT), -1);
}

#endif
