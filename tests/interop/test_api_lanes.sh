#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# The API's lanes and its extension against real peers, each with one end compiled and one interpreted:
# examples/filter.lua as a server's filter for Debian's client, linkreport.lua over a line that loses, beside
# a client that knows nothing of it, xor.lua as transport. The examples as they stand but for times. The two run side by side.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program python3
two_ends ec
ns_make other house near far # the latter of xor
ns_link server 198.51.100.1/30 other 198.51.100.2/30
ns_link house 192.0.2.1/24 near 192.0.2.2/24
ns_link house 198.51.100.1/30 far 198.51.100.2/30
EXAMPLES=${LUNEL_SOURCE:-${0%/*}/../..}/examples
pki_issue "$WORK/pki" ours client "/O=Lunel Test/CN=ours"

# tls NAME: a script's keys.
tls() {
	echo "tls = { ca = \"$WORK/pki/ca.crt\", cert = \"$WORK/pki/$1.crt\", key = \"$WORK/pki/$1.key\","
	echo "crypt = \"$WORK/pki/tc.key\" }"
}

cat >"$WORK/hello.py" <<'PY'
import socket, socketserver, threading
class V6(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
class Hello(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(b"220 hello\r\n")
for kind, host, port in ((socketserver.ThreadingTCPServer, "0.0.0.0", 25), (V6, "fd00:9::1", 80),
                         (socketserver.ThreadingTCPServer, "0.0.0.0", 80)):
    threading.Thread(target=kind((host, port), Hello).serve_forever).start()
print("ready", flush=True)
PY
cat >"$WORK/reach.py" <<'PY'
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5) as s:
    sys.exit(s.recv(3) != b"220")
PY

reach() {
	in_ns "$1" python3 "$WORK/reach.py" "$2" "$3" >/dev/null 2>&1
}

# ---- filter, linkreport ----

report() {
	begin report
	# A minute is a second.
	sed 's/vpn.sleep(30)/vpn.sleep(0.5)/; s/per = 60/per = 1/' "$EXAMPLES/linkreport.lua" >"$WORK/linkreport.lua"
	[ "$(says_times "$WORK/linkreport.lua" 'sleep\(0.5\)|per = 1 }')" -eq 2 ] || fail "the example has other times"
	cat >"$WORK/office.lua" <<LUA
local vpn = require "lunel"
local conf = {
  server = "10.9.0.0/24", server_ipv6 = "fd00:9::/64", keepalive = { 5, 30 },
  filter = { file = "$EXAMPLES/filter.lua", args = { deny_net = "10.99.0.0/16" } },
  $(tls server), on = { closed = function()
    vpn.log "test".info("counted", { smtp = vpn.lane_counters()["filter.smtp"],
                                     lateral = vpn.lane_counters()["filter.lateral"] })
  end },
}
require("linkreport").server(conf)
vpn.server(conf)
LUA
	LUNEL_JIT=off start_lunel server "$WORK/office.lua"
	OFFICE=$SERVER_PID
	start server hello python3 "$WORK/hello.py"
	wait_for "$WORK/hello.log" ready 10 "$STARTED" || fail "nobody says hello"
	CLIENT_NAME=stock start_openvpn other "$WORK/pki" "198.51.100.1 1194 udp" --tls-crypt "$WORK/pki/tc.key"
	STOCK=$CLIENT_PID
	start server relay "$TOOLS/relay" 192.0.2.1 1299 192.0.2.1 1194 1 120 0 0
	wait_for "$WORK/relay.log" ready 5 "$STARTED" || fail "no relay"
	cat >"$WORK/home.lua" <<LUA
local vpn = require "lunel"
local conf = {
  remotes = { vpn.remote { "192.0.2.1", 1299, "udp", site = "fra" },
              vpn.remote { "192.0.2.1", 1194, "udp", site = "ams" } },
  $(tls ours),
}
conf.tls.timeout = 1
require("linkreport").client(conf)
vpn.client(conf)
LUA
	CLIENT_NAME=ours start_client client "$WORK/home.lua"
	OURS=$CLIENT_PID
	CLIENT_NAME=stock CLIENT_PID=$STOCK wait_up 10

	# The filter: SMTP does not pass, nor what goes into that network, nor IPv6; all else does.
	ping_ok other 10.9.0.1
	reach other 10.9.0.1 80 || fail "the client does not reach port 80"
	reach other 10.9.0.1 25 && fail "mail passes"
	reach other fd00:9::1 80 && fail "IPv6 passes"
	in_ns server ip address add 10.99.0.1/32 dev lo
	in_ns other ip route add 10.99.0.0/16 via 10.9.0.1
	reach other 10.99.0.1 80 && fail "the denied network is reached"

	# Who loses packets is sent elsewhere.
	CLIENT_NAME=ours CLIENT_PID=$OURS
	wait_up 20
	in_ns client ping -n -q -i 0.004 -c 2000 -W 1 10.9.0.1 >"$WORK/ping.txt" 2>&1 &
	client_says 'linkreport.moved by server site=ams' 20
	wait_ups 2 10
	client_says 'Connecting to 192.0.2.1:1194 over udp'
	wait_until 10 in_ns client ping -n -q -c 1 -W 1 10.9.0.1 || fail "no ping"
	end_client
	# And the other one has noticed nothing.
	CLIENT_NAME=stock CLIENT_PID=$STOCK
	ping_ok other 10.9.0.1
	[ "$(says_times "$WORK/stock.log" 'Initialization Sequence Completed')" -eq 1 ] || fail "it connected anew"
	grep -E 'ACC|custom-control|WARNING: Received unknown' "$WORK/stock.log" && fail "it heard of the extension"
	stop "$STOCK" TERM 5
	SERVER_PID=$OFFICE
	server_says 'test.counted .*lateral=[1-9].* smtp=[1-9]' 10
	# A machine that stood still sends the reports of that time at once: too many a second, and told.
	grep -E 'acc\.(dropped|refused)|script\.error|lane\.' "$WORK/$SERVER_NAME.log" |
		grep -v 'acc\.dropped .*reason=rate' && fail "something went wrong"
	stop "$OFFICE" TERM 8 || fail "the server did not end cleanly"
}

# ---- xor ----

XOR="transport = { file = \"$EXAMPLES/xor.lua\", args = { key = \"sesame\" } },"

# ends TRANSPORT JIT-OF-THE-SERVER JIT-OF-THE-CLIENT: both ends, a copy, and $MSS.
ends() {
	cat >"$WORK/xor-office.lua" <<-LUA
		require("lunel").server { server = "10.9.0.0/24", $1 $(tls server) }
	LUA
	cat >"$WORK/xor-home.lua" <<-LUA
		require("lunel").client { remotes = { { "192.0.2.1", 1194, "udp" } }, $1 $(tls ours) }
	LUA
	LUNEL_JIT=$2 start_lunel house "$WORK/xor-office.lua"
	LUNEL_JIT=$3 start_client near "$WORK/xor-home.lua"
	wait_up 10
	start_traffic house 10.9.0.1
	copy near 10.9.0.1 4000000
	MSS=$(in_ns near "$TOOLS/traffic" mss 10.9.0.1 5201) || fail "no MSS"
	MSS=${MSS#mss }
}

xor() {
	begin xor
	ends "" on on
	plain=$MSS
	end_client
	for name in house near; do ns_kill $name; done
	for jit in on off; do
		begin "xor-$jit"
		if [ $jit = on ]; then ends "$XOR" on off; else ends "$XOR" off on; fi
		ours=$CLIENT_PID
		echo "MSS: $plain, $MSS with the transport"
		[ "$MSS" -eq $((plain - 15)) ] || fail "MSS is not lowered by 15"
		# Garbage, and somebody who speaks OpenVPN: silence, and who is in stays in.
		if [ $jit = off ]; then
			CLIENT_NAME=xor-stock start_openvpn far "$WORK/pki" "198.51.100.1 1194 udp" \
				--tls-crypt "$WORK/pki/tc.key" --connect-timeout 2
			stock=$CLIENT_PID
		fi
		in_ns far python3 - <<-'PY' || fail "no garbage"
		import os, socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for i in range(2000):
		    s.sendto(os.urandom(i % 1400), ("198.51.100.1", 1194))
	PY
		if [ $jit = off ]; then
			wait_for "$WORK/xor-stock.log" 'TLS Error|SIGUSR1|SIGTERM|timeout' 15 "$stock" || fail "was it answered?"
			grep -q 'Initial packet' "$WORK/xor-stock.log" && fail "the stock client was answered"
			stop "$stock" TERM 5
		fi
		ping_ok near 10.9.0.1
		stop "$ours" TERM 5 || fail "the client did not end cleanly"
		for name in house near far; do ns_kill $name; done
	done
}

parallel report xor
