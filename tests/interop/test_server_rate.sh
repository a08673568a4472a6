#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# A grant's rate against Debian's client: TCP fills what it may have, each way, and no more; a client
# without a rate is not slowed by the other's.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec
need_program iperf3
ns_make other
ns_link server 198.51.100.1/30 other 198.51.100.2/30
pki_issue "$WORK/pki" other client "/O=Lunel Test/CN=other"

cat >"$WORK/server.lua" <<-LUA
	local vpn = require "lunel"
	vpn.server {
	  listen = { "1194/udp" }, server = "10.8.0.0/24",
	  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
	          key = "$WORK/pki/server.key", crypt = "$WORK/pki/tc.key" },
	  on = {
	    authorize = function(peer)
	      return vpn.grant { rate = peer.cn == "client" and { down = "12mbit", up = "4mbit" } or nil }
	    end,
	  },
	}
LUA

# kbit NS PORT [ARGUMENT...]: sets $SPEED to what arrives in 4 s, in kbit a second.
kbit() {
	speed_ns=$1
	speed_port=$2
	shift 2
	start server "iperf-$speed_port" iperf3 --forceflush -s -1 -p "$speed_port"
	wait_for "$WORK/iperf-$speed_port.log" listening 5 "$STARTED" || fail "no iperf3"
	in_ns "$speed_ns" iperf3 -c 10.8.0.1 -p "$speed_port" -t 4 -f k "$@" >"$WORK/speed.txt" 2>&1 || {
		cat "$WORK/speed.txt"
		fail "iperf3 from $speed_ns"
	}
	SPEED=$(awk '/receiver/ { print int($7) }' "$WORK/speed.txt")
}

# within WHAT LIMIT: TCP loses some of it to what is dropped, but not much.
within() {
	echo "$1: $SPEED kbit/s of $2"
	[ "$SPEED" -le $(($2 * 115 / 100)) ] || fail "$1 is not limited"
	[ "$SPEED" -ge $(($2 * 70 / 100)) ] || fail "$1 is far below its rate"
}

start_lunel server "$WORK/server.lua"
CLIENT_NAME=slow start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" --tls-crypt "$WORK/pki/tc.key"
CLIENT_NAME=slow wait_up 15
CLIENT_NAME=fast PROFILE_CERT=other start_openvpn other "$WORK/pki" "198.51.100.1 1194 udp" \
	--tls-crypt "$WORK/pki/tc.key"
CLIENT_NAME=fast wait_up 15
kbit client 5201
within up 4000
kbit client 5202 -R
within down 12000
kbit other 5203
echo "without a rate: $SPEED kbit/s"
[ "$SPEED" -ge 24000 ] || fail "who has no rate is slow, too"
