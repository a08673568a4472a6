/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcapng: blocks as the draft has them, datagrams whose checksums hold, and no half block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/pcapng.h"

static uint8_t memory[4096];
static struct lnl_writer w;

static int set_up(void **state)
{
	(void)state;
	lnl_writer_init(&w, memory, sizeof(memory));
	return 0;
}

static uint32_t at32(size_t at)
{
	uint32_t v;

	memcpy(&v, memory + at, sizeof(v));
	return v;
}

/* The length at both ends of the block at |at|, which is all there is. */
static void is_block(size_t at, uint32_t type)
{
	uint32_t len = at32(at + 4);

	assert_int_equal(at32(at), type);
	assert_int_equal(len % 4, 0);
	assert_int_equal(at + len, lnl_writer_len(&w));
	assert_int_equal(at32(at + len - 4), len);
}

static void a_section_says_its_order_and_version(void **state)
{
	(void)state;
	lnl_pcapng_section(&w, "lunel");
	is_block(0, 0x0a0d0d0a);
	assert_int_equal(at32(8), 0x1a2b3c4d);
	assert_memory_equal(memory + 28, "lunel\0\0\0", 8);
}

static void an_interface_has_its_name(void **state)
{
	(void)state;
	lnl_pcapng_interface(&w, LNL_PCAPNG_RAW, "tun", "inside");
	is_block(0, 1);
	assert_int_equal(at32(8), LNL_PCAPNG_RAW);
	assert_memory_equal(memory + 20, "tun\0", 4);
}

static void a_packet_has_time_lengths_direction_and_comment(void **state)
{
	struct lnl_pcapng_packet p = {
		.interface = 1,
		.time = UINT64_C(0x0005ffff00000007),
		.direction = LNL_PCAPNG_OUT,
		.data = (const uint8_t *)"abcde",
		.len = 5,
		.whole = 1400,
		.note = "why",
	};

	(void)state;
	lnl_pcapng_packet(&w, &p);
	is_block(0, 6);
	assert_int_equal(at32(8), 1);
	assert_int_equal(at32(12), 0x0005ffff);
	assert_int_equal(at32(16), 7);
	assert_int_equal(at32(20), 5);
	assert_int_equal(at32(24), 1400);
	assert_memory_equal(memory + 28, "abcde\0\0\0", 8);
	assert_memory_equal(memory + 40, "why\0", 4);
	assert_int_equal(at32(48), LNL_PCAPNG_OUT);
}

static void what_does_not_fit_leaves_nothing(void **state)
{
	struct lnl_pcapng_packet p = { .data = memory + 2048, .len = 60, .whole = 60 };

	(void)state;
	for (size_t cap = 0; cap < 104; cap++) {
		lnl_writer_init(&w, memory, cap);
		lnl_pcapng_packet(&w, &p);
		assert_int_equal(w.error, LNL_E_SPACE);
		assert_int_equal(lnl_writer_len(&w), 0);
	}
	lnl_writer_init(&w, memory, 104);
	lnl_pcapng_packet(&w, &p);
	assert_int_equal(w.error, 0);
	is_block(0, 6);
}

static void a_long_comment_is_cut(void **state)
{
	char note[1000];
	struct lnl_pcapng_packet p = { .data = memory + 2048, .len = 8, .whole = 8, .note = note };

	(void)state;
	memset(note, 'x', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	lnl_pcapng_packet(&w, &p);
	is_block(0, 6);
	assert_in_range(lnl_writer_len(&w), 1, 8 + LNL_PCAPNG_AROUND);
}

/* The Internet checksum over |len| bytes and |sum|; 0 where it holds. */
static unsigned check(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum ^ 0xffff;
}

static void a_datagram_has_checksums_that_hold(void **state)
{
	static const struct {
		const char *from, *to;
		size_t head;
	} rows[] = { { "192.0.2.1", "10.0.0.1", 20 }, { "2001:db8::1", "fd00::2", 40 } };

	(void)state;
	for (size_t r = 0; r < 2; r++) {
		for (size_t len = 0; len < 40; len++) {
			size_t head = rows[r].head, address = head == 20 ? 4 : 16;
			struct lnl_ip from, to;
			const uint8_t *a;

			lnl_ip_parse(&from, rows[r].from);
			lnl_ip_parse(&to, rows[r].to);
			lnl_writer_init(&w, memory, sizeof(memory));
			lnl_pcapng_datagram(&w, &from, 1194, &to, 7, memory + 2048, len);
			assert_int_equal(lnl_writer_len(&w), head + 8 + len);
			if (head == 20)
				assert_int_equal(check(memory, 20, 0), 0);
			a = memory + (head == 20 ? 12 : 8);
			assert_int_equal(check(a, 2 * address, 17 + 8 + (uint32_t)len) ^ 0xffff,
					 check(memory + head, 8 + len, 0));
		}
	}
}

static void a_text_names_its_dissector(void **state)
{
	(void)state;
	lnl_pcapng_pdu(&w, "lines", "hello", 5);
	assert_memory_equal(memory, "\0\14\0\10lines\0\0\0\0\0\0\0hello", 21);
	assert_int_equal(lnl_writer_len(&w), 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_section_says_its_order_and_version, set_up),
		cmocka_unit_test_setup(an_interface_has_its_name, set_up),
		cmocka_unit_test_setup(a_packet_has_time_lengths_direction_and_comment, set_up),
		cmocka_unit_test_setup(what_does_not_fit_leaves_nothing, set_up),
		cmocka_unit_test_setup(a_long_comment_is_cut, set_up),
		cmocka_unit_test_setup(a_datagram_has_checksums_that_hold, set_up),
		cmocka_unit_test_setup(a_text_names_its_dissector, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
