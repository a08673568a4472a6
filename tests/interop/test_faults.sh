#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# Containment, seen from outside: while one client's hooks and lanes do everything wrong that a script
# can do wrong, another client's ping, each 5 ms, loses nothing and waits for nothing. The question gets
# its default, and the log names script, hook, file and line. A lane that loops in compiled code is
# named, and the process ends for its supervisor.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec
LATE=200 # ms that an answer may take

ns_make steady
ns_link server 198.51.100.1/30 steady 198.51.100.2/30
SOCKET=$WORK/server.sock

# What goes wrong: the client's name, which is the marker of the line, too, and what the log says of it.
# The place stands between: "hook 'authorize' of tunnel 1: server.lua:LINE: WHAT".
cat >"$WORK/faults" <<'TABLE'
error      attempt to index local 'nothing' \(a nil value\)
loop       ran for more than its 20 ms
protected  ran for more than its 20 ms
coroutines ran for more than its 20 ms
pattern    ran for more than its 20 ms
tail       ran for more than its 20 ms
memory     not enough memory
sorting    vpn.sleep cannot wait in what 'sort' calls
killer     -
TABLE

# server_script VERSION
server_script() {
	cat >"$WORK/new.lua" <<-LUA
		local vpn = require "lunel"
		local log = vpn.log "test"
		local tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
		              key = "$WORK/pki/server.key" }
		local control, dir, version = { path = "$SOCKET" }, "$WORK/", $1
	LUA
	cat >>"$WORK/new.lua" <<'LUA'
local gone
local faults = {}
function faults.error() local nothing; return nothing.field end -- line of error
function faults.loop() while true do end end -- line of loop
function faults.protected() while true do pcall(function() while true do end end) end end -- line of protected
function faults.coroutines() while true do coroutine.wrap(function() while true do end end)() end end -- line of coroutines
function faults.pattern() local at = ("a"):rep(5000):find "(.-)(.-)(.-)(.-)b" return at end -- line of pattern
-- Of a tail call nothing is left to name but the hook's own function.
function faults.tail() return ("a"):rep(5000):find "(.-)(.-)(.-)(.-)b" end
function faults.memory()
  local kept = {}
  for i = 1, 10240 do
    kept[i] = ("x"):rep(2^20 + i) -- line of memory
    vpn.sleep(0)
  end
end
function faults.sorting() table.sort({ 3, 1, 2 }, function(a, b) vpn.sleep(0.1) return a < b end) end -- line of sorting
function faults.killer(peer)
  gone = peer
  assert(peer:kill("no more")) -- line of killer
  vpn.sleep(0.1)
  return true
end
function faults.ghost() assert(gone:kill("again")) end -- line of ghost
function faults.late() vpn.sleep(20) log.info("after", { who = "late" }) return true end -- line of late
function faults.reload() vpn.sleep(1.5) return vpn.deny("said version " .. version) end

vpn.server {
  name = "office", server = "10.8.0.0/24", keepalive = { 5, 30 }, verb = 4, tls = tls,
  control = control,
  filters = { past = dir .. "past.lua", broken = dir .. "broken.lua", endless = dir .. "endless.lua" },
  on = {
    authorize = function(peer) -- line of tail
      log.info("asked", { who = peer.cn, by = version })
      local lane = peer.cn:match "^lane%-(.*)"
      if lane then return vpn.grant { filter = lane } end
      if faults[peer.cn] then return faults[peer.cn](peer) end
      return true
    end,
  },
}
LUA
	mv "$WORK/new.lua" "$WORK/server.lua"
}

line_of() {
	sed -n "/-- line of $1\$/=" "$WORK/${2:-server}.lua"
}

cat >"$WORK/past.lua" <<'LUA'
return { from_peer = function(b)
  for i = 0, b.n - 1 do
    b.p[i]:set_u8(b.p[i].len, 1) -- line of past
  end
end }
LUA
cat >"$WORK/broken.lua" <<'LUA'
local nothing
return { from_peer = function(b)
  for i = 0, b.n - 1 do
    local p = b.p[i]
    p.verdict = nothing.field -- line of broken
  end
end }
LUA
cat >"$WORK/endless.lua" <<'LUA'
return { from_peer = function(b)
  for i = 0, b.n - 1 do
    local p, n = b.p[i], 0
    while p.len > 0 do n = n + 1 end -- line of endless
  end
end }
LUA

# come CERT: a stock client of that name.
come() {
	CLIENT_NAME=$1
	PROFILE_CERT=$1 start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp"
}

refused() {
	server_says "grant.denied peer=$1" "${2:-10}"
	wait_for "$WORK/$1.log" 'AUTH_FAILED' 10 || fail "$1 was not refused"
}

# The other client, and its pings.
steady() {
	CLIENT_NAME=steady-$1
	PROFILE_CERT=steady start_openvpn steady "$WORK/pki" "198.51.100.1 1194 udp"
	wait_up 10
	STEADY=$CLIENT_PID
	start steady ping ping -n -i 0.005 10.8.0.1
	PINGS=$STARTED
}

# Up to the last one that was answered, each was, and in time.
nothing_was_lost() {
	kill -s INT "$PINGS"
	wait "$PINGS"
	awk -v late=$LATE '
		/bytes from/ {
			sub(/.*icmp_seq=/, ""); n = $1 + 0
			sub(/.*time=/, ""); ms = $1 + 0
			if (n in seen) next
			seen[n] = 1; count++
			if (n > last) last = n
			if (ms > worst) { worst = ms; at = n }
		}
		END {
			printf "%d pings, %d lost, the slowest took %s ms (number %d)\n", last, last - count, worst, at
			exit !(count > 20 && count == last && worst <= late)
		}' "$WORK/ping.log" || fail "the other client did not go on"
}

# The filter that fails costs who has it its packets, and nobody else.
filtered() {
	come "lane-$1"
	wait_up 10
	in_ns client ping -n -q -c 3 -i 0.1 -W 0.2 10.8.0.1 >/dev/null && fail "$1: a packet came through"
	server_says "$1.lua:$(line_of "$1" "$1"): $2" 5
	stop "$CLIENT_PID" TERM 5
}

for name in steady late reload ghost lane-past lane-broken lane-endless \
	$(cut -d ' ' -f 1 "$WORK/faults"); do
	pki_issue "$WORK/pki" "$name" client "/O=Lunel Test/CN=$name" &
	wait # one after the other: openssl's database has no lock
done

begin hooks
server_script 1
start_lunel server "$WORK/server.lua"
steady hooks
come late
server_says 'test.asked by=1 who=late' 10
while read -r name what; do
	echo "   $name"
	come "$name"
	case $what in
	-) server_says "test.asked by=1 who=$name" 10 ;;
	*) server_says "Error in hook 'authorize': .*/server.lua:$(line_of "$name"): .*$what" 10 ;;
	esac
	[ "$name" = killer ] || refused "$name"
	wait_until 10 client_ended || fail "$name goes on"
done <"$WORK/faults"

echo "   ghost"
server_says 'peer.refused peer=killer' 10
come ghost
server_says "Error in hook 'authorize': .*/server.lua:$(line_of ghost): the peer is gone" 10
refused ghost

echo "   reload"
come reload
server_says 'test.asked by=1 who=reload' 10
server_script 2
"$LUNEL" reload "$SOCKET" >"$WORK/reload.log" 2>&1 || fail "reload"
wait_for "$WORK/reload.log" 'AUTH_FAILED,said version 1' 10 || fail "not the old script's answer"

echo "   lanes"
filtered past '.*outside of the packet'
filtered broken "attempt to index upvalue 'nothing'"
server_says "Error in hook 'authorize': .*/server.lua:$(line_of late): its deadline has passed" 15
refused late 5
grep -q 'test.after' "$WORK/$SERVER_NAME.log" && fail "a task went on after its deadline"
grep -q 'peer.up peer=killer' "$WORK/$SERVER_NAME.log" && fail "who was killed was let in"
nothing_was_lost hooks
stop "$STEADY" TERM 5
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"

begin interpreted
export LUNEL_JIT=off
start_lunel server "$WORK/server.lua"
unset LUNEL_JIT
steady interpreted
filtered endless 'the lane ran for more than its 20 ms'
nothing_was_lost interpreted
stop "$STEADY" TERM 5
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"

begin compiled
start_lunel server "$WORK/server.lua"
come lane-endless
wait_up 10
CLIENT_NAME=server CLIENT_PID=$SERVER_PID
# Of its own CPU time: how soon that passes is the machine's affair.
cpu_ms() {
	sed 's/.*) //' "/proc/$SERVER_PID/stat" | awk -v hz="$(getconf CLK_TCK)" '{ print int(($12 + $13) * 1000 / hz) }'
}
began=$(cpu_ms)
in_ns client ping -n -q -c 1 -W 1 10.8.0.1 >/dev/null &
wait_until 15 client_ended || fail "the server goes on"
took=$(($(cpu_ms) - began)) # it is a zombie yet
wait "$SERVER_PID"
status=$?
[ $status -eq 1 ] || fail "the server ended with status $status"
echo "   ended after $took ms"
[ $took -le 1000 ] || fail "the lane was not noticed within a second"
grep -q "lane.stuck: packet lane 'endless' ($WORK/endless.lua)" "$WORK/$SERVER_NAME.log" ||
	fail "standard error does not name the lane"
grep -Eq "ERROR: lane.stuck.*'endless' \($WORK/endless.lua\)" "$WORK/$SERVER_NAME.log" ||
	fail "the log does not name the lane"
