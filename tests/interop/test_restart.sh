#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Servers that end, vanish and come back, and goodbyes of either side. The cases run side by side,
# each with a server and a client of its own, since most of the time is waiting.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

# pair NAME NUMBER PROTO SERVER-OPTIONS PROFILE-LINE...
pair() {
	begin "$1"
	pair_number=$2
	pair_proto=$3
	# shellcheck disable=SC2086
	pair_server $4
	pair_remote="198.51.100.$(($2 * 4 + 1)) $((1190 + $2)) $3"
	shift 4
	profile "$WORK/pki" "$pair_remote" "connect-retry 1 2" "server-poll-timeout 4" "$@" \
		>"$WORK/$CLIENT_NAME.ovpn"
	start_client "c$pair_number" "$WORK/$CLIENT_NAME.ovpn"
	wait_up 15
	ping_ok "c$pair_number" "10.8.$pair_number.1"
}

pair_server() {
	case $pair_proto in tcp) server_proto=tcp-server ;; *) server_proto=$pair_proto ;; esac
	start_server server "$WORK/pki" --server "10.8.$pair_number.0" 255.255.255.0 \
		--proto "$server_proto" --port $((1190 + pair_number)) "$@"
}

# again TIMES: the tunnel is up for that time, and the device was never away.
again() {
	wait_ups "$1" 20
	ping_ok "c$pair_number" "10.8.$pair_number.1"
	[ "$(says_times "$WORK/$CLIENT_NAME.log" 'tun.opened')" -eq 1 ] ||
		fail "the device did not persist"
}

# The server says nothing and is back within a moment; its successor does not know the session.
udp_restart() {
	pair udp-restart 1 udp "--keepalive 1 4"
	stop "$SERVER_PID" KILL 5
	pair_server --keepalive 1 4
	client_says 'Connection lost.*ping_restart' 15
	again 2
}

# Nobody answers for longer than an attempt takes.
udp_gone() {
	pair udp-gone 2 udp "--keepalive 1 4"
	stop "$SERVER_PID" KILL 5
	client_says 'Connection lost.*ping_restart' 15
	client_says 'Connecting.*attempt 3' 20
	pair_server --keepalive 1 4
	again 2
}

tcp_restart() {
	pair tcp-restart 3 tcp ""
	stop "$SERVER_PID" TERM 5
	client_says 'Connection lost' 5
	pair_server
	again 2
}

# The server says that it goes; the client does not wait for its timers.
notify() {
	pair notify 4 udp "--explicit-exit-notify 1 --keepalive 10 60"
	stop "$SERVER_PID" TERM 5
	client_says 'Connection lost.*server_restart' 5
	pair_server
	again 2
}

# The other way round: the server knows at once. (The older way to say it is in test_tls.sh.)
goodbye() {
	pair goodbye 5 udp "--keepalive 10 60" "explicit-exit-notify 1"
	kill -s TERM "$CLIENT_PID"
	server_says 'CC-EEN exit message received by peer' 3
}

ping_exit() {
	pair ping-exit 6 udp "" 'pull-filter ignore ping' "ping 1" "ping-exit 3"
	stop "$SERVER_PID" KILL 5
	client_fails 'ping_exit' 0
}

for number in 1 2 3 4 5 6; do
	ns_make "c$number"
	ns_link server "198.51.100.$((number * 4 + 1))/30" "c$number" "198.51.100.$((number * 4 + 2))/30"
done
parallel udp_restart udp_gone tcp_restart notify goodbye ping_exit
