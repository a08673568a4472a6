#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 400
#
# A server with several workers, and seven clients: five over UDP, two over TCP, OpenVPN's and ours.
# Whoever the kernel gives to whom, all reach each other; 10 MB each way between seven pairs at once
# while keys are renewed and one client moves; kill, restart; each connection's counters at its end.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec
need_program python3

UDP="ann bob cat dan eve"
TCP="tom tim"
MANAGE=${LUNEL_SOURCE:-${0%/*}/../..}/tests/interop/manage.py
MB=1048576
number=0
for name in $UDP $TCP; do
	number=$((number + 1))
	ns_make "$name"
	ns_link server "198.51.100.$((4 * number + 1))/30" "$name" "198.51.100.$((4 * number + 2))/30"
	pki_issue "$WORK/pki" "$name" client "/O=Lunel Test/CN=$name"
done
mkdir -m 755 "$WORK/run"

# server_with WORKERS: its configuration.
server_with() {
	cat <<-LUA
		local vpn = require "lunel"
		local log = vpn.log "test"
		vpn.server {
		  workers = $1, listen = { "1194/udp", "443/tcp" },
		  server = "10.8.0.0/24", client_to_client = true, keepalive = { 5, 30 }, verb = 4,
		  data_ciphers = "AES-256-GCM:AES-256-CBC",
		  management = { "$WORK/run/m$1.sock", "unix" },
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
		          key = "$WORK/pki/server.key", crypt = "$WORK/pki/tc.key" },
		  on = {
		    authorize = function() return true end,
		    closed = function(peer, why, stats)
		      log.info("ended", { who = peer.cn, why = why, rx = stats.rx, tx = stats.tx,
		                          replays = stats.drops.replay or 0 })
		    end,
		  },
		}
	LUA
}

# join NAME REMOTE [OPTION...]: OpenVPN's client.
join() {
	join_name=$1
	join_remote=$2
	shift 2
	PROFILE_CERT=$join_name CLIENT_NAME=$join_name-$CASE start_openvpn "$join_name" "$WORK/pki" \
		"$join_remote" --tls-crypt "$WORK/pki/tc.key" "$@"
	PIDS="$PIDS $join_name:$CLIENT_PID"
}

# join_ours NAME REMOTE: ours.
join_ours() {
	PROFILE_CERT=$1 profile "$WORK/pki" "$2" "$(inline tls-crypt "$WORK/pki/tc.key")" \
		"explicit-exit-notify 1" >"$WORK/$1.ovpn"
	CLIENT_NAME=$1-$CASE start_client "$1" "$WORK/$1.ovpn"
	PIDS="$PIDS $1:$CLIENT_PID"
}

tunnel_address() {
	in_ns "$1" ip -4 -o address show dev tun0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p'
}

sent() {
	in_ns "$1" cat /sys/class/net/tun0/statistics/tx_packets
}

has_sent() {
	[ "$(sent "$1")" -ge "$2" ]
}

# move NAME OLD NEW: its other address.
move() {
	in_ns "$1" ip address add "$3/32" dev to-server
	in_ns server ip route add "$3/32" dev "to-$1"
	in_ns "$1" ip address del "$2" dev to-server
	in_ns "$1" ip route replace "$MOVER_NET" dev to-server
}

# transfer FROM TO BYTES: in the background, so many each way.
transfer() {
	in_ns "$1" timeout 100 "$TOOLS/traffic" copy "$2" 5201 "$3" "$3" \
		>"$WORK/copy-$1-$2.txt" 2>&1 &
	TRANSFERS="$TRANSFERS $!:$1-$2"
}

# transfer_on FROM TO BYTES: again and again, until $WORK/moved is there.
transfer_on() {
	(
		while [ ! -e "$WORK/moved" ]; do
			in_ns "$1" timeout 100 "$TOOLS/traffic" copy "$2" 5201 "$3" "$3" || exit 1
		done
	) >"$WORK/copy-$1-$2.txt" 2>&1 &
	TRANSFERS="$TRANSFERS $!:$1-$2"
}

wait_transfers() {
	for entry in $TRANSFERS; do
		wait "${entry%%:*}" || {
			cat "$WORK/copy-${entry#*:}.txt"
			fail "the copy ${entry#*:} failed"
		}
	done
}

# ended NAME FIELD: what the server's last record of the client's end says.
ended() {
	grep "ended.* who=$1 " "$WORK/$SERVER_NAME.log" | tail -n 1 | sed -n "s/.* $2=\([^ ]*\).*/\1/p"
}

# workers N: a whole life with so many.
workers() {
	CASE=$1
	SERVER_NAME=server-$1
	PIDS=
	TRANSFERS=
	echo "-- $1 workers: seven clients"
	server_with "$1" >"$WORK/server-$1.lua"
	start_lunel server "$WORK/server-$1.lua"
	[ "$(in_ns server ss -uln | grep -c ':1194 ')" -eq "$1" ] || fail "not $1 sockets for UDP"
	! grep -q "tun.queues_missing" "$WORK/$SERVER_NAME.log" || fail "not $1 queues"
	join ann "198.51.100.5 1194 udp" --explicit-exit-notify 1
	join_ours bob "198.51.100.9 1194 udp"
	join cat "198.51.100.13 1194 udp" --reneg-sec 5 --explicit-exit-notify 1
	join_ours dan "198.51.100.17 1194 udp"
	join eve "198.51.100.21 1194 udp" --cipher AES-256-CBC --data-ciphers AES-256-CBC \
		--explicit-exit-notify 1
	join tom "198.51.100.25 443 tcp-client" --reneg-sec 5
	join_ours tim "198.51.100.29 443 tcp"
	for pair in $PIDS; do
		CLIENT_NAME=${pair%%:*}-$CASE
		CLIENT_PID=${pair#*:}
		wait_up 20
	done

	echo "-- all reach each other"
	for from in $UDP $TCP; do
		ping_ok "$from" 10.8.0.1
		for to in $UDP $TCP; do
			[ "$from" = "$to" ] || ping_ok "$from" "$(tunnel_address "$to")"
		done
		ping_ok server "$(tunnel_address "$from")"
	done

	echo "-- 10 MB each way between seven pairs at once, and one of them moves"
	serving=
	for name in $UDP $TCP; do
		start_traffic "$name" "$(tunnel_address "$name")"
		serving="$serving $TRAFFIC_PID"
	done
	start_traffic server 10.8.0.1
	serving="$serving $TRAFFIC_PID"
	rm -f "$WORK/moved"
	transfer_on ann "$(tunnel_address bob)" $((10 * MB))
	transfer bob "$(tunnel_address cat)" $((10 * MB))
	transfer cat "$(tunnel_address dan)" $((10 * MB))
	transfer dan "$(tunnel_address eve)" $((10 * MB))
	transfer eve "$(tunnel_address tom)" $((10 * MB))
	transfer tom "$(tunnel_address tim)" $((10 * MB))
	transfer tim 10.8.0.1 $((10 * MB))
	transfer server "$(tunnel_address ann)" $((10 * MB))
	MOVER_NET=198.51.100.4/30
	old=198.51.100.6/30
	for last in 131 132 133 134; do
		wait_until 20 has_sent ann $(($(sent ann) + 500)) || fail "ann sends nothing"
		move ann "$old" "198.51.100.$last"
		server_says "peer.moved peer=ann address=198.51.100.$last:" 10
		old=198.51.100.$last/32
	done
	: >"$WORK/moved"
	wait_transfers
	for pid in $serving; do stop "$pid"; done

	echo "-- renewed keys, no replays"
	for name in cat tom; do
		wait_until 15 says_often "$WORK/$name-$CASE.log" 'VERIFY OK.*CN=server' 3 ||
			fail "$name has not renewed its keys"
		ping_ok "$name" 10.8.0.1
	done
	for name in ann cat eve tom; do
		! grep -E 'bad packet ID|may be a replay|PID_ERR' "$WORK/$name-$CASE.log" ||
			fail "$name dropped packets as replays"
	done

	echo "-- one is sent away, and comes back"
	in_ns server timeout 20 python3 "$MANAGE" "$WORK/run/m$1.sock" "kill eve" >"$WORK/said.txt" 2>&1 ||
		fail "no answer to kill"
	server_says "ended.* who=eve" 10
	wait_until 20 says_often "$WORK/eve-$CASE.log" 'Initialization Sequence Completed' 2 ||
		fail "eve did not come back"
	for name in $UDP $TCP; do
		[ "$name" = eve ] || ping_ok eve "$(tunnel_address "$name")"
	done

	echo "-- a restart: all come back"
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	[ -z "$(in_ns server ip -o link show type tun)" ] || fail "the server left its device behind"
	for name in ann bob cat dan tom tim; do
		[ "$(ended $name rx)" -ge $((20 * MB)) ] || fail "$name sent $(ended $name rx) bytes"
		[ "$(ended $name tx)" -ge $((20 * MB)) ] || fail "$name received $(ended $name tx) bytes"
		echo "$name: rx $(ended $name rx) tx $(ended $name tx) replays $(ended $name replays)"
		[ $name = ann ] || [ "$(ended $name replays)" -eq 0 ] || fail "replays of $name"
	done
	SERVER_NAME=again-$1
	start_lunel server "$WORK/server-$1.lua"
	for name in $UDP $TCP; do
		wait_until 30 grep -q "peer.up peer=$name" "$WORK/$SERVER_NAME.log" ||
			fail "$name did not come back"
	done
	ping_ok tom "$(tunnel_address bob)"
	ping_ok dan "$(tunnel_address eve)"

	for pair in $PIDS; do
		stop "${pair#*:}" TERM 8 || fail "${pair%%:*} did not end cleanly"
	done
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	in_ns ann ip address flush dev to-server
	in_ns ann ip address add 198.51.100.6/30 dev to-server
}

# A device that was made for one queue: its first worker reads it, all write to it.
one_queue() {
	CASE=one
	SERVER_NAME=server-one
	PIDS=
	echo "-- two workers, a device of one queue"
	in_ns server ip tuntap add dev tun5 mode tun
	{
		server_with 2 | sed 's/workers = 2,/workers = 2, dev = "tun5",/'
	} >"$WORK/server-one.lua"
	start_lunel server "$WORK/server-one.lua"
	server_says 'tun.queues_missing dev=tun5 workers=2' 5
	join tom "198.51.100.25 443 tcp-client"
	join tim "198.51.100.29 443 tcp-client"
	for name in tom tim; do
		wait_for "$WORK/$name-one.log" 'Initialization Sequence Completed' 20 ||
			fail "$name did not come in"
	done
	ping_ok tom 10.8.0.1
	ping_ok tim 10.8.0.1
	ping_ok tom "$(tunnel_address tim)"
	start_traffic server 10.8.0.1
	copy tom 10.8.0.1
	copy tim 10.8.0.1
	for pair in $PIDS; do
		stop "${pair#*:}" TERM 8 || fail "${pair%%:*} did not end cleanly"
	done
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
}

workers 2
for last in 131 132 133 134; do in_ns server ip route del "198.51.100.$last/32" dev to-ann; done
workers 3
one_queue
