#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# Packet lanes at both ends: an obfuscated transport over UDP and TCP, which lowers MSS and MTU; nobody
# without it is answered. A filter that is granted by name drops what it should, and that alone; one
# with an error fails closed, and the log names file and line.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec
EXAMPLES=${LUNEL_SOURCE:-${0%/*}/../..}/examples

# server_with LINES: its configuration.
server_with() {
	cat >"$WORK/server.lua" <<-LUA
		local vpn = require "lunel"
		local log = vpn.log "test"
		vpn.server {
		  listen = { "1194/udp", "443/tcp" }, server = "10.8.0.0/24", workers = ${WORKERS:-1},
		  keepalive = { 5, 30 }, verb = 4,
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
		          key = "$WORK/pki/server.key", crypt = "$WORK/pki/tc.key" },
		  $1
		}
	LUA
}

# client_with REMOTE LINES
client_with() {
	cat >"$WORK/client.lua" <<-LUA
		local vpn = require "lunel"
		vpn.client {
		  remotes = { $1 }, verb = 4, connect_retry = { 1, 1 },
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/client.crt",
		          key = "$WORK/pki/client.key", crypt = "$WORK/pki/tc.key" },
		  $2
		}
	LUA
}

join() {
	start client "$CLIENT_NAME" "$LUNEL" "$WORK/client.lua"
	CLIENT_PID=$STARTED
	client_says 'Initialization Sequence Completed' 15
}

mtu_of() {
	in_ns "$1" cat /sys/class/net/tun0/mtu
}

# ended MARKER: the server ends, and tells the client's counters.
ended() {
	stop "$SERVER_PID" TERM 5 || fail "the server did not end cleanly"
	server_says "$1" 1
	stop "$CLIENT_PID" TERM 5 || fail "the client did not end cleanly"
	ns_kill server
	ns_kill client
}

TOLD='closed = function(peer, why, stats) log.info("ended", { drops = stats.drops.lane or 0,
	bad = stats.drops.lane_bad or 0 }) end'
XOR="transport = { file = \"$EXAMPLES/xor.lua\", args = { key = \"sesame\" } },"

for over in udp tcp; do
	port=1194
	[ $over = udp ] || port=443
	begin "transport-$over"
	server_with "$XOR on = { $TOLD }"
	start_lunel server "$WORK/server.lua"
	client_with "{ \"192.0.2.1\", $port, \"$over\" }" "$XOR"
	join
	for end in server client; do
		[ "$(mtu_of $end)" = 1485 ] || fail "the MTU of the $end's device is $(mtu_of $end)"
	done
	start_traffic server 10.8.0.1
	copy client 10.8.0.1
	ping_ok client 10.8.0.1 || fail "no ping"
	ended 'ended.* bad=0.* drops=0|ended.* drops=0.* bad=0'
done

# Who does not speak as the transport has it meets silence.
begin plain
server_with "$XOR"
start_lunel server "$WORK/server.lua"
client_with '{ "192.0.2.1", 1194, "udp", connect_timeout = 2 }' 'connect_retry_max = 1,'
start client "$CLIENT_NAME" "$LUNEL" "$WORK/client.lua"
CLIENT_PID=$STARTED
client_says 'no answer|timed out|timeout' 15
stop "$CLIENT_PID" TERM 5
grep -q 'CONTROL\|handshake' "$WORK/$SERVER_NAME.log" && fail "the server took part"
stop "$SERVER_PID" TERM 5
ns_kill server
ns_kill client

# A filter of its own: nothing to 10.8.0.1's port 25, and all else.
for workers in 1 2; do
	begin "filter-$workers"
	WORKERS=$workers server_with "filters = { f = { file = \"$EXAMPLES/filter.lua\",
		args = { deny_net = \"10.99.0.0/16\" } } },
		on = { authorize = function() return vpn.grant { filter = \"f\" } end, $TOLD }"
	start_lunel server "$WORK/server.lua"
	client_with '{ "192.0.2.1", 1194, "udp" }' ''
	join
	start_traffic server 10.8.0.1
	copy client 10.8.0.1
	in_ns server ip address replace 10.99.0.1/32 dev lo
	in_ns client ip route add 10.99.0.0/16 dev tun0
	in_ns client ping -c 3 -i 0.2 -W 1 10.99.0.1 >/dev/null 2>&1 && fail "the filter let a ping through"
	ping_ok client 10.8.0.1 || fail "no ping"
	ended 'ended.* drops=[3-9]'
done

# Broken in a worker: fails closed, and says where.
begin error
cat >"$WORK/bad.lua" <<'LUA'
return { on_error = "drop", from_peer = function(b)
  for i = 0, b.n - 1 do
    b.p[i]:u8(70000)
  end
end }
LUA
server_with "filter = \"$WORK/bad.lua\", on = { $TOLD }"
start_lunel server "$WORK/server.lua"
client_with '{ "192.0.2.1", 1194, "udp" }' ''
join
in_ns client ping -c 2 -i 0.2 -W 1 10.8.0.1 >/dev/null 2>&1 && fail "a filter with an error let a ping through"
server_says 'bad.lua:3' 10
ended 'ended.* drops=[2-9]'

# Loaded anew by a reload, while the client stays; one that is broken changes nothing; and a script gives one
# client another.
begin renewed
mkdir -m 700 "$WORK/run"
SOCKET=$WORK/run/s.sock
lane() {
	echo "return { from_peer = function(b) for i = 0, b.n - 1 do b.p[i].verdict = $1 end end }" >"$WORK/$2.lua"
}
passes() {
	in_ns client ping -n -q -c 1 -W 1 10.8.0.1 >/dev/null 2>&1
}
is_shut() {
	! passes
}
lane 1 all
lane 1 shut
server_with "control = { path = \"$SOCKET\" }, filter = \"$WORK/all.lua\",
	filters = { shut = \"$WORK/shut.lua\" }, on = { $TOLD }"
start_lunel server "$WORK/server.lua"
client_with '{ "192.0.2.1", 1194, "udp" }' ''
join
passes && fail "what the lane drops passes"
lane 0 all
"$LUNEL" reload "$SOCKET" >"$WORK/reload.txt" 2>&1 || fail "no reload: $(cat "$WORK/reload.txt")"
wait_until 5 passes || fail "the lane that was read again does not count"
echo 'return {' >"$WORK/all.lua"
"$LUNEL" reload "$SOCKET" >"$WORK/reload.txt" 2>&1 && fail "a lane that is no Lua was taken"
grep -q 'all.lua:' "$WORK/reload.txt" || fail "the reload does not say where: $(cat "$WORK/reload.txt")"
passes || fail "the lane that was there is gone"
lane 0 all
echo 'peers()[1]:filter "shut"' | "$LUNEL" console "$SOCKET" >/dev/null
wait_until 5 is_shut || fail "the client's own filter does not count"
echo 'peers()[1]:filter()' | "$LUNEL" console "$SOCKET" >/dev/null
wait_until 5 passes || fail "the client's own filter is there yet"
[ "$(echo 'peers()[1]:filter "nun"' | "$LUNEL" console "$SOCKET" | head -n 1)" = nil ] ||
	fail "a filter that is not there is given"
ended 'ended'
