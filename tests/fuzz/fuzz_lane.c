/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A lane that does what the input says to a packet: flags(1) n(1) n times { call(1) x(1) y(1) }
 * packet. Flags: 1 the packet is at the page's beginning, 2 compiled, 4 there is no room. Whatever is called with whatever numbers, nothing outside of the packet is touched (it ends, or
 * begins, where the next page is not there), the packet stays in its room, and numbers are read as
 * they stand. lunel-test: lanes
 */
#include <lauxlib.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bindings/host.h"
#include "bindings/lane_vm.h"
#include "bindings/sink.h"
#include "fuzz_env.h"
#include "fuzz_lua.h"

/* What the door tells a policy VM's host; here there is none. */
double lnl_host_wallclock(const struct lnl_host *h)
{
	(void)h;
	return 0;
}

struct lnl_record_tap *lnl_sinks_heard(const struct lnl_vm *vm)
{
	(void)vm;
	return NULL;
}

void lnl_record_text(struct lnl_record_queue *q, struct lnl_record_tap *tap, enum lnl_level level,
		     const char *event, double when, const char *name1, const char *text1,
		     const char *name2, const char *text2)
{
	(void)q, (void)tap, (void)level, (void)event, (void)when;
	(void)name1, (void)text1, (void)name2, (void)text2;
	abort();
}

#define PACKET_MAX 1500
#define ROOM	   64

/* The program is packet 0, what it is done to packet 1. */
static const char text[] =
	"local pkt = require 'lunel.pkt'\n"
	"local odd = { nil, 0/0, 1/0, -1/0, 2^31, 2^32, 2^53, -2^31, 0.5, 'x', {}, true, 1e308, -0.0,\n"
	"              65535, 65536, 2^31 - 1, -1.5, 'abc', 1399.5, 1500, 1536, 63, 64, 65 }\n"
	"local keys = { pkt.key 'a', pkt.key(('key'):rep(100)) }\n"
	"local nets = { pkt.prefix '10.0.0.0/8', pkt.cidr6 '2001:db8::/33', pkt.prefix '::/0' }\n"
	"local net, mask = pkt.cidr4 '10.0.0.0/8'\n"
	"local calls = {\n"
	"  function(p, x) local t = p:u8(x) assert(t == p:text(x, 1):byte(), 'MISMATCH') end,\n"
	"  function(p, x) local t = p:u16(x) local a, b = p:text(x, 2):byte(1, 2)\n"
	"    assert(t == a * 256 + b, 'MISMATCH') end,\n"
	"  function(p, x) local t = p:u32(x) local a, b, c, d = p:text(x, 4):byte(1, 4)\n"
	"    assert(t == a * 2^24 + b * 2^16 + c * 2^8 + d, 'MISMATCH') end,\n"
	"  function(p, x, y) p:set_u8(x, y) assert(p:u8(x) == math.floor(y), 'MISMATCH') end,\n"
	"  function(p, x, y) p:set_u16(x, y) end,\n"
	"  function(p, x, y) p:set_u32(x, y) end,\n"
	"  function(p, x, y) assert(#p:text(x, y) == math.floor(y), 'MISMATCH') end,\n"
	"  function(p, x, y) p:set(x, tostring(y)) end,\n"
	"  function(p, x, y) local _ = p:equals(x, tostring(y)) end,\n"
	"  function(p, x, y) local at = p:find(tostring(y), x)\n"
	"    assert(not at or p:equals(at, tostring(y)), 'MISMATCH') end,\n"
	"  function(p, x, y) p:copy(x, y, 3) end,\n"
	"  function(p, x, y) p:copy(3, x, y) end,\n"
	"  function(p, x, y) p:xor(keys[1], x, y) end,\n"
	"  function(p, x) p:xor(keys[2], x) end,\n"
	"  function(p, x) local n = p.len p:prepend(x) assert(p.len == n + math.floor(x), 'MISMATCH') end,\n"
	"  function(p, x) local n = p.len p:append(x) assert(p.len == n + math.floor(x), 'MISMATCH') end,\n"
	"  function(p, x) local n = p.len p:trim_front(x) assert(p.len == n - math.floor(x), 'MISMATCH') end,\n"
	"  function(p, x) local n = p.len p:trim_back(x) assert(p.len == n - math.floor(x), 'MISMATCH') end,\n"
	"  function(p) assert(not (p:is_ip4() and p:is_ip6()), 'MISMATCH') end,\n"
	"  function(p) local _ = p:proto(), p:payload_offset() end,\n"
	"  function(p) local _ = p:is_later_fragment() end,\n"
	"  function(p) local at, port = p:payload_offset(), p:dport()\n"
	"    assert(not port or port == p:u16(at + 2), 'MISMATCH') end,\n"
	"  function(p) local at, port = p:payload_offset(), p:sport()\n"
	"    assert(not port or port == p:u16(at), 'MISMATCH') end,\n"
	"  function(p) local _ = p:tcp_flags() end,\n"
	"  function(p, x) assert(p:ip4_in(x, net, mask) == (p:u8(x) == 10), 'MISMATCH') end,\n"
	"  function(p, x) local _ = p:ip6_in(x, nets[2]) end,\n"
	"  function(p, x, y) local n = nets[y % 3 + 1] local _ = p:src_in(n), p:dst_in(n) end,\n"
	"  function(p, x, y) local _ = pkt.csum(p, x, y) end,\n"
	"  function(p, x, y) p.verdict = x end,\n"
	"  function(p, x, y) local n = pkt.random(x, y) assert(n >= x and n <= y, 'MISMATCH') end,\n"
	"}\n"
	"local function number(n) if n < 224 then return n - 8 end return odd[n - 223] end\n"
	"return { from_peer = function(b)\n"
	"  local program, p = b.p[0], b.p[1]\n"
	"  for i = 0, program.len - 3, 3 do\n"
	"    local call = calls[program:u8(i) % #calls + 1]\n"
	"    local ok, err = pcall(call, p, number(program:u8(i + 1)), number(program:u8(i + 2)))\n"
	"    if not ok and tostring(err):find 'MISMATCH' then error(err) end\n"
	"  end\n"
	"end }\n";

/* LeakSanitizer does not see through LuaJIT's references, which have tags in them. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

struct world {
	void *vm[2]; /* interpreted, compiled */
	uint8_t *page;
	size_t size; /* of what can be touched from |page| on */
};

static void make(struct world *w)
{
	size_t unit = (size_t)sysconf(_SC_PAGESIZE);
	char why[512];

	w->size = (PACKET_MAX + 2 * ROOM + unit - 1) / unit * unit;
	w->page = mmap(NULL, w->size + 2 * unit, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	require(w->page != MAP_FAILED);
	w->page += unit;
	require(mprotect(w->page, w->size, PROT_READ | PROT_WRITE) == 0);
	for (int i = 0; i < 2; i++) {
		struct lnl_lanes *l = lnl_lanes_new(LUNEL_SCRIPTS_DIR, why, sizeof(why));
		struct lnl_lane_file f = { .path = "fuzz.lua", .text = text };
		struct lnl_lane_found found;
		const struct lnl_lane_host *h;

		require(l != NULL);
		if (i == 0)
			lnl_lanes_no_jit(l);
		f.text_len = strlen(text);
		h = lnl_lanes_host(l);
		if (lnl_lanes_add(l, &f, 0, &found, why, sizeof(why)) ||
		    !(w->vm[i] = h->vm_new(h->ctx, why, sizeof(why))) ||
		    h->load(w->vm[i], found.conf.id, why, sizeof(why))) {
			fprintf(stderr, "%s\n", why);
			abort();
		}
	}
	lua_sethook(((struct lnl_lane_vm *)w->vm[0])->L, fuzz_count_line, LUA_MASKLINE, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct lnl_lane_packet p[2] = { 0 };
	struct lnl_lane_batch b = { .n = 2, .point = LNL_LANE_FROM_PEER, .p = p };
	struct lnl_lane_fault fault;
	size_t program, len, whole;
	uint16_t free_bytes = data && size && data[0] & 4 ? 0 : ROOM;
	uint8_t *room;

	if (size < 2 || size > PACKET_MAX)
		return 0;
	if (!w.page)
		make(&w);
	program = (size_t)data[1] * 3 < size - 2 ? (size_t)data[1] * 3 : size - 2;
	len = size - 2 - program;
	whole = free_bytes + len + free_bytes;
	room = data[0] & 1 ? w.page : w.page + w.size - whole;
	memset(room, 0, whole);
	memcpy(room + free_bytes, data + 2 + program, len);
	p[0] = (struct lnl_lane_packet){ .data = fuzz_exact(data + 2, program) };
	p[0].len = (uint32_t)program;
	p[1] = (struct lnl_lane_packet){ .data = room + free_bytes };
	p[1].head = p[1].tail = free_bytes;
	p[1].len = (uint32_t)len;

	uint8_t *exact = p[0].data;
	if (!lnl_lane_vm_run(w.vm[data[0] >> 1 & 1], 1, &b, &fault)) {
		fprintf(stderr, "%s\n", fault.text);
		abort();
	}
	require(p[1].data - p[1].head == room);
	require(p[1].head + p[1].len + p[1].tail == whole);
	free(exact);
	return 0;
}
