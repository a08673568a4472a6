/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host whose lanes are functions of the test, and which checks that each VM stays in one thread. */
#ifndef LNL_TEST_IO_WORKER_LANE_H
#define LNL_TEST_IO_WORKER_LANE_H

#include <stdatomic.h>

#include "test_io_worker.h"

#define LANES 8
#define BOTH  (1u << LNL_LANE_FROM_PEER | 1u << LNL_LANE_TO_PEER)
#define WIRE  (1u << LNL_LANE_WIRE_IN | 1u << LNL_LANE_WIRE_OUT)

typedef bool lane_fn(struct lnl_lane_batch *b, struct lnl_lane_fault *f);

/* Lane |id| of the host; what has to be changed while workers run is atomic. */
static struct test_lane {
	_Atomic(lane_fn *) fn;
	atomic_bool refuses; /* to be loaded */
	atomic_uint loads, unloads, runs, packets, largest, segment;
} lanes[LANES];

static atomic_uint vms;
static atomic_bool no_vm;

static inline void *lane_vm_new(void *ctx, char *why, size_t len)
{
	pthread_t *vm;

	assert_ptr_equal(ctx, lanes);
	if (atomic_load(&no_vm)) {
		snprintf(why, len, "no memory for a VM");
		return NULL;
	}
	vm = malloc(sizeof(*vm));
	*vm = pthread_self();
	atomic_fetch_add(&vms, 1);
	return vm;
}

static inline void lane_check(void *vm)
{
	if (!pthread_equal(*(pthread_t *)vm, pthread_self()))
		abort();
}

static inline void lane_vm_free(void *vm)
{
	lane_check(vm);
	atomic_fetch_sub(&vms, 1);
	free(vm);
}

static inline int lane_load(void *vm, uint32_t id, char *why, size_t len)
{
	lane_check(vm);
	if (atomic_load(&lanes[id].refuses)) {
		snprintf(why, len, "lane.lua:3: it does not load");
		return LNL_E_FORMAT;
	}
	atomic_fetch_add(&lanes[id].loads, 1);
	return 0;
}

static inline void lane_unload(void *vm, uint32_t id)
{
	lane_check(vm);
	atomic_fetch_add(&lanes[id].unloads, 1);
}

static inline bool lane_run(void *vm, uint32_t id, struct lnl_lane_batch *b,
			    struct lnl_lane_fault *f)
{
	struct test_lane *l = &lanes[id];

	lane_check(vm);
	if (b->n == 0 || b->n > LNL_LANE_BATCH)
		abort();
	atomic_fetch_add(&l->runs, 1);
	atomic_fetch_add(&l->packets, b->n);
	if (b->n > atomic_load(&l->largest))
		atomic_store(&l->largest, b->n);
	if (b->p[0].segment)
		atomic_store(&l->segment, b->p[0].segment);
	return atomic_load(&l->fn)(b, f);
}

static const struct lnl_lane_host lane_host = {
	.ctx = lanes,
	.vm_new = lane_vm_new,
	.vm_free = lane_vm_free,
	.load = lane_load,
	.unload = lane_unload,
	.run = lane_run,
};

static inline void lanes_init(void)
{
	memset(lanes, 0, sizeof(lanes));
	atomic_store(&no_vm, false);
}

static inline void give_lane(struct side *s, uint32_t id, lane_fn *fn,
			     const struct lnl_worker_lane *conf)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LANE_ADD, .id = id, .peer = LNL_PEER_ID_NONE };

	atomic_store(&lanes[id].fn, fn);
	cmd.u.lane = *conf;
	cmd.u.lane.host = &lane_host;
	command(s, &cmd);
}

static inline void take_lane(struct side *s, uint32_t id)
{
	command(s, &(struct lnl_command){
			   .kind = LNL_CMD_LANE_DEL, .id = id, .peer = LNL_PEER_ID_NONE });
}

/* ---- what lanes do ---- */

static inline uint32_t number_of(const struct lnl_lane_packet *p)
{
	uint32_t number = 0;

	if (p->len >= 24)
		memcpy(&number, p->data + 20, sizeof(number));
	return number;
}

static inline bool lane_passes(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)b;
	(void)f;
	return true;
}

static inline bool lane_drops_odd(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	for (uint32_t i = 0; i < b->n; i++)
		if (number_of(&b->p[i]) & 1)
			b->p[i].verdict = LNL_LANE_DROP;
	return true;
}

static inline bool lane_drops_all(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	for (uint32_t i = 0; i < b->n; i++)
		b->p[i].verdict = LNL_LANE_DROP;
	return true;
}

/* To a peer everything gets 5 bytes in front and 3 behind, which are taken off again there. */
static inline bool lane_wraps(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	for (uint32_t i = 0; i < b->n; i++) {
		struct lnl_lane_packet *p = &b->p[i];

		if (b->point == LNL_LANE_TO_PEER) {
			if (p->head < 5 || p->tail < 3)
				abort();
			p->data -= 5;
			p->len += 8;
			memmove(p->data, p->data + 5, 1); /* it has to look like IP */
			memset(p->data + 1, 0xaa, 4);
			memset(p->data + p->len - 3, 0xbb, 3);
		} else if (p->len > 8 && p->data[1] == 0xaa && p->data[p->len - 1] == 0xbb) {
			p->data += 5;
			p->len -= 8;
		} else {
			p->verdict = LNL_LANE_DROP;
		}
	}
	return true;
}

/* An obfuscated transport: up to 15 bytes in front, and another value for each byte. */
static inline bool lane_hides(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	static _Thread_local unsigned next;

	(void)f;
	for (uint32_t i = 0; i < b->n; i++) {
		struct lnl_lane_packet *p = &b->p[i];

		if (b->point == LNL_LANE_WIRE_OUT) {
			uint8_t pad = (uint8_t)(next++ % 15 + 1);

			if (p->head < 15 || p->peer != LNL_PEER_ID_NONE)
				abort();
			p->data -= pad;
			p->len += pad;
			memset(p->data, pad, pad);
		}
		for (uint32_t k = 0; k < p->len; k++)
			p->data[k] ^= 0x5a;
		if (b->point == LNL_LANE_WIRE_IN) {
			uint8_t pad = p->data[0];

			if (pad < 1 || pad > 15 || pad >= p->len) {
				p->verdict = LNL_LANE_DROP;
				continue;
			}
			p->data += pad;
			p->len -= pad;
		}
	}
	return true;
}

#endif
