/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * First byte and body of a control packet: what is read is written back as it came. Then the same
 * bytes as a conversation with the reliable layer and the TCP framing: acks, packets, time.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_env.h"
#include "wire/header.h"
#include "wire/reliable.h"
#include "wire/stream.h"

static void there_and_back(uint8_t op, const uint8_t *data, size_t size)
{
	struct lnl_control c = { .op = op };
	struct lnl_reader r;
	struct lnl_writer w;
	uint8_t *out;

	lnl_reader_init(&r, data, size);
	if (lnl_control_read_body(&c, &r)) {
		require(c.n_acks == 0 && c.payload_len == 0);
		return;
	}
	require(lnl_op_is_control(op) && c.n_acks <= LNL_ACKS_MAX);
	out = malloc(size);
	if (!out)
		return;
	lnl_writer_init(&w, out, size);
	require(lnl_control_write_body(&c, &w) == 0);
	require(lnl_writer_len(&w) == size && memcmp(out, data, size) == 0);
	free(out);
}

static void converse(const uint8_t *data, size_t size)
{
	struct fuzz_machine machine = { 0 };
	const struct lnl_env env = FUZZ_ENV(&machine);
	uint32_t acks[LNL_ACKS_MAX], expected = 0;
	uint64_t now = 0;
	struct lnl_reader in;
	struct lnl_reliable r;

	lnl_reliable_init(&r, &env, LNL_SECOND);
	lnl_reader_init(&in, data, size);
	while (lnl_reader_left(&in) > 0) {
		uint8_t what = lnl_read_u8(&in);
		const struct lnl_reliable_sent *s;

		switch (what & 7) {
		case 0:
			lnl_reliable_send(&r, LNL_OP_CONTROL_V1, data, size < 32 ? size : 32);
			break;
		case 1:
			lnl_reliable_acked(&r, what >> 3, now);
			break;
		case 2:
			lnl_reliable_acked(&r, lnl_read_u32(&in), now);
			break;
		case 3:
			lnl_reliable_receive(&r, LNL_OP_CONTROL_V1, what >> 3, data,
					     size < 255 ? size : 255);
			break;
		case 4:
			lnl_reliable_receive(&r, LNL_OP_CONTROL_V1, lnl_read_u32(&in), data, 1);
			break;
		case 5:
			require(lnl_reliable_take_acks(&r, acks, LNL_ACKS_MAX, what >> 7) <=
				LNL_ACKS_MAX);
			break;
		case 6:
			now += (uint64_t)lnl_read_u16(&in) * LNL_MSEC;
			while ((s = lnl_reliable_due(&r, now)))
				require(s->timeout > 0 && s->timeout <= LNL_RELIABLE_TIMEOUT_MAX);
			break;
		default:
			for (const struct lnl_reliable_got *g; (g = lnl_reliable_next(&r));) {
				require(g->id == expected++);
				lnl_reliable_took(&r);
			}
		}
		require(lnl_reliable_idle(&r) == (lnl_reliable_next_due(&r) == LNL_NEVER));
	}
	lnl_reliable_deinit(&r);
}

static void cut(const uint8_t *data, size_t size)
{
	uint8_t buffer[258];
	struct lnl_stream s;
	size_t at = 0, room, len;
	int more = 0;

	lnl_stream_init(&s, buffer, sizeof(buffer), 256);
	while (at < size && more >= 0) {
		uint8_t *to = lnl_stream_room(&s, &room);
		size_t n = 1 + data[at] % 64;

		require(room > 0);
		n = n < room ? n : room;
		n = n < size - at ? n : size - at;
		memcpy(to, data + at, n);
		lnl_stream_added(&s, n);
		at += n;
		for (uint8_t *packet; (more = lnl_stream_next(&s, &packet, &len)) > 0;)
			require(len > 0 && len <= 256 && packet >= buffer &&
				packet + len <= buffer + sizeof(buffer));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	require(lnl_op_byte(lnl_op_of(data[0]), lnl_key_id_of(data[0])) == data[0]);
	there_and_back((uint8_t)lnl_op_of(data[0]), data + 1, size - 1);
	converse(data, size);
	cut(data, size);
	return 0;
}
