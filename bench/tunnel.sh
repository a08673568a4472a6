#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a tunnel carries: our client and server, Debian's openvpn, both mixed, and the bare forwarder of
# bench/limit.c, in turns. bench/README.md says how to read it; bench/tunnel.lua does the reckoning.

if [ -z "${LUNEL_SOURCE:-}" ]; then
	LUNEL_SOURCE=$(cd "${0%/*}/.." && pwd)
fi

usage() {
	cat <<-'HELP'
		usage: ./run bench tunnel [OPTION...]

		Two network namespaces with a cable between them, a tunnel for each pair of client and server,
		and iperf3 through one after the other. Medians over rounds, in which every pair takes its
		turn; ratios to openvpn and to the bare forwarder are those of one round. Asks for root.

		  --seconds N           of each measurement (3; iperf3 takes whole ones)
		  --rounds N            of them (5)
		  --only PAIR,...       client-server: openvpn-openvpn, lunel-openvpn, openvpn-lunel,
		                        lunel-lunel, limit-limit; lunel-filter with --filter
		  --transport NAME,...  udp, tcp
		  --cipher NAME,...     AES-256-GCM (alone by default), CHACHA20-POLY1305 or another AEAD one
		  --load NAME,...       tcp1 (the default), tcp8: so many TCP streams; udp64: datagrams of 64
		                        bytes, more than can pass; ping: see --latency
		  --direction NAME,...  up: the client sends; down: the server does
		  --mtu N,...           tun-mtu: 1420 with mssfix off; 1500, OpenVPN's defaults of both. By
		                        default 1420, and 1500 in short: one stream up, like with like
		  --filter FILE         a pair more, lunel-filter: lunel-lunel with that packet lane in the
		                        server's `filter`, as examples/filter.lua; at tun-mtu 1420
		  --filter-args FIELDS  of the lane's args table (deny_net = "10.255.0.0/16")
		  --congestion NAME     control of all TCP, the tunnel's own and what is in it (the machine's)
		  --latency             round trips at low load, too (beside ping 100 times a second)
		  --all                 both ciphers, all loads, and --latency: 45 minutes
		  --thin                a second of each pair in one direction, to see that they carry
		  --json FILE           the figures for machines
		  --svg FILE            a chart
		  --check               fail where the goals of issue 4 are missed: at tun-mtu 1420, one TCP
		                        stream, lunel-lunel 10 times openvpn-openvpn and 0.95 of limit-limit,
		                        mixed pairs no slower than openvpn-openvpn; of --latency, lunel-lunel
		                        no slower than openvpn-openvpn, median and p99; and of issue 5:
		                        lunel-filter 0.85 of lunel-lunel, one TCP stream
		  --help                this page
	HELP
}

wrong() {
	echo "tunnel: $*; --help lists what there is" >&2
	exit 2
}

pairs="openvpn-openvpn lunel-openvpn openvpn-lunel lunel-lunel limit-limit"
like="openvpn-openvpn lunel-lunel limit-limit"
transports="udp tcp"
ciphers=AES-256-GCM
loads=tcp1
directions="up down"
only=
mtus=
seconds=3
rounds=5
latency=
thin=
json=
svg=
check=
congestion=
filter=
filter_args='deny_net = "10.255.0.0/16"'

# words OPTION LIST [ALLOWED...]: the list with blanks for commas.
words() {
	words_option=$1
	words_list=$(echo "$2" | tr ',' ' ')
	shift 2
	for word in $words_list; do
		case " $* " in
		"  " | *" $word "*) ;;
		*) wrong "$words_option does not know $word" ;;
		esac
	done
	[ -n "$words_list" ] || wrong "$words_option needs something"
}

number() {
	case $2 in
	'' | *[!0-9]* | 0* | ??????*) wrong "$1 needs a whole number from 1 to 99999, not '$2'" ;;
	esac
}

while [ $# -gt 0 ]; do
	option=$1
	case $option in
	--latency) latency=1 ;;
	--all)
		ciphers="AES-256-GCM CHACHA20-POLY1305"
		loads="tcp1 tcp8 udp64"
		latency=1
		;;
	--thin) thin=1 ;;
	--check) check=--check ;;
	--help)
		usage
		exit 0
		;;
	--seconds | --rounds | --only | --transport | --cipher | --load | --direction | --mtu | \
		--congestion | --json | --svg | --filter | --filter-args)
		[ $# -ge 2 ] || wrong "$option needs a value"
		shift
		case $option in
		--seconds)
			number "$option" "$1"
			seconds=$1
			;;
		--rounds)
			number "$option" "$1"
			rounds=$1
			;;
		--only)
			# shellcheck disable=SC2086
			words "$option" "$1" $pairs lunel-filter
			only=$words_list
			;;
		--transport)
			words "$option" "$1" udp tcp
			transports=$words_list
			;;
		--cipher)
			words "$option" "$1" AES-128-GCM AES-192-GCM AES-256-GCM CHACHA20-POLY1305
			ciphers=$words_list
			;;
		--load)
			words "$option" "$1" tcp1 tcp8 udp64 ping
			loads=$words_list
			;;
		--direction)
			words "$option" "$1" up down
			directions=$words_list
			;;
		--mtu)
			words "$option" "$1"
			mtus=$words_list
			for mtu in $mtus; do
				number "$option" "$mtu"
			done
			;;
		--congestion) congestion=$1 ;;
		--filter) filter=$1 ;;
		--filter-args) filter_args=$1 ;;
		--json) json=$1 ;;
		--svg) svg=$1 ;;
		esac
		;;
	*) wrong "there is no option $option" ;;
	esac
	shift
done
if [ -n "$filter" ]; then
	[ -f "$filter" ] || wrong "--filter: there is no file $filter"
	filter=$(cd "$(dirname "$filter")" && pwd)/$(basename "$filter")
	pairs="$pairs lunel-filter"
fi
if [ -n "$only" ]; then
	case "$only " in
	*"lunel-filter "*) [ -n "$filter" ] || wrong "lunel-filter needs --filter FILE" ;;
	esac
	pairs=$only
fi
case " $loads " in
*" ping "*) ;;
*) [ -z "$latency" ] || loads="$loads ping" ;;
esac
if [ -n "$thin" ]; then
	seconds=1
	rounds=1
	directions=up
	mtus=${mtus:-1420}
fi

# shellcheck source=tests/interop/lib.sh
. "$LUNEL_SOURCE/tests/interop/lib.sh"
need_root
need_program openvpn ip ping openssl iperf3 luajit
luajit -e 'require "cjson"' 2>/dev/null || skip "needs lua-cjson"
LIMIT=${TOOLS%/tests/interop}/bench/limit
[ -x "$LIMIT" ] || fail "$LIMIT is not built"
[ -x "$LUNEL" ] || fail "$LUNEL is not built"
LOG_LINES=12

say() {
	echo "tunnel: $*" >&2
}

# ---- the stage ----

pki_make "$WORK/pki" ec
ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24
for end in server client; do
	[ -z "$congestion" ] || in_ns "$end" sysctl -q -w "net.ipv4.tcp_congestion_control=$congestion" ||
		fail "the kernel does not allow --congestion $congestion in a namespace"
done
mkdir "$WORK/runs"
: >"$WORK/runs.tsv"

# ---- tunnels: number N is 10.8.N.0/24 between devices tunN, port 20000 + N ----

tunnels=0

# settings FILE TRANSPORT CIPHER MTU N: lines of both ends.
settings() {
	printf '%s\n' "dev tun$5" "topology subnet" "ca $WORK/pki/ca.crt" "dh none" "data-ciphers $3" \
		"ping 10" "verb 3" "disable-dco" >>"$1"
	# Without mssfix, TCP's segments are the same in every pair.
	[ "$4" = 1500 ] || printf '%s\n' "tun-mtu $4" "mssfix 0" >>"$1"
}

# What mssfix leaves of a packet at tun-mtu 1500, for who has no mssfix: 1492 bytes with IP and
# UDP or TCP, of which our header takes 24, and the length in front of it 2.
device_mtu() {
	case $1:$2 in
	udp:1500) echo $((1492 - 28 - 24)) ;;
	tcp:1500) echo $((1492 - 40 - 26)) ;;
	*) echo "$2" ;;
	esac
}

# run_end NAME KIND FILE: openvpn, lunel, or filter, which is lunel with the lane of --filter; the process id is in $STARTED.
run_end() {
	case $2 in
	openvpn) start "${1%%-*}" "$1" openvpn --config "$3" ;;
	lunel) start "${1%%-*}" "$1" "$LUNEL" "$3" ;;
	filter)
		cat >"$WORK/$1.lua" <<-LUA
			local vpn = require "lunel"
			local conf = vpn.profile "$3"
			conf.filter = { file = "$filter", args = { $filter_args } }
			vpn.server(conf)
		LUA
		start "${1%%-*}" "$1" "$LUNEL" "$WORK/$1.lua"
		;;
	esac
}

begin_server() {
	file=$WORK/server-$n.conf
	printf '%s\n' "port $port" "server 10.8.$n.0 255.255.255.0" "cert $WORK/pki/server.crt" \
		"key $WORK/pki/server.key" >"$file"
	case $transport in udp) echo "proto udp4" ;; tcp) echo "proto tcp4-server" ;; esac >>"$file"
	settings "$file" "$transport" "$cipher" "$mtu" "$n"
	run_end "server-$n" "${pair#*-}" "$file"
}

begin_client() {
	file=$WORK/client-$n.ovpn
	printf '%s\n' client nobind "remote-cert-tls server" "remote 192.0.2.1 $port" \
		"cert $WORK/pki/client.crt" "key $WORK/pki/client.key" >"$file"
	case $transport in udp) echo "proto udp4" ;; tcp) echo "proto tcp4-client" ;; esac >>"$file"
	settings "$file" "$transport" "$cipher" "$mtu" "$n"
	sed -i '/^dh /d; /^topology /d' "$file"
	run_end "client-$n" "${pair%-*}" "$file"
}

limit_server() {
	listen=
	[ "$transport" = udp ] || listen=--listen
	# shellcheck disable=SC2086
	start server "server-$n" "$LIMIT" --tun "tun$n" "--$transport" --local "192.0.2.1:$port" \
		--remote "192.0.2.2:$port" --cipher "$cipher" $listen
}

limit_client() {
	start client "client-$n" "$LIMIT" --tun "tun$n" "--$transport" --local "192.0.2.2:$port" \
		--remote "192.0.2.1:$port" --cipher "$cipher"
}

# tunnel PAIR TRANSPORT CIPHER MTU: as the variables that the functions above know.
tunnel_of() {
	pair=$1
	transport=$2
	cipher=$3
	mtu=$4
	n=$5
	port=$((20000 + n))
}

# Lines of $WORK/tunnels: PAIR TRANSPORT CIPHER MTU N.
list_tunnels() {
	for cipher in $ciphers; do
		for transport in $transports; do
			for mtu in ${mtus:-1420 1500}; do
				for pair in $pairs; do
					wanted "$pair" "$mtu" || continue
					tunnels=$((tunnels + 1))
					echo "$pair $transport $cipher $mtu $tunnels"
				done
			done
		done
	done >"$WORK/tunnels"
	tunnels=$(wc -l <"$WORK/tunnels")
	[ "$tunnels" -le 250 ] || wrong "$tunnels tunnels are too many at once"
}

# wanted PAIR MTU: of the default's second tun-mtu only like with like.
wanted() {
	[ -z "$mtus" ] && [ "$2" = 1500 ] || return 0
	case " $loads " in *" tcp1 "*) ;; *) return 1 ;; esac
	case " $directions " in *" up "*) ;; *) return 1 ;; esac
	case " $like " in *" $1 "*) ;; *) return 1 ;; esac
}

# each_tunnel FUNCTION: reads its list by another descriptor, so that what it starts reads nothing.
each_tunnel() {
	# shellcheck disable=SC2086
	while read -r line <&3; do
		tunnel_of $line
		"$1"
	done 3<"$WORK/tunnels"
}

start_server_end() {
	if [ "$pair" = limit-limit ]; then limit_server; else begin_server; fi
	echo "$STARTED" >"$WORK/server-$n.pid"
}

start_client_end() {
	if [ "$pair" = limit-limit ]; then
		wait_for "$WORK/server-$n.log" 'listening|ready' 10 "$(cat "$WORK/server-$n.pid")" ||
			fail "the forwarder of $line did not start"
		limit_client
	else
		wait_for "$WORK/server-$n.log" 'Initialization Sequence Completed' 15 \
			"$(cat "$WORK/server-$n.pid")" || fail "the server of $line did not start"
		begin_client
	fi
	echo "$STARTED" >"$WORK/client-$n.pid"
}

join_ends() {
	client=$(cat "$WORK/client-$n.pid")
	if [ "$pair" = limit-limit ]; then
		wait_for "$WORK/client-$n.log" ready 10 "$client" || fail "no connection for $line"
		wait_for "$WORK/server-$n.log" ready 10 || fail "no connection for $line"
		for end in server:1 client:2; do
			in_ns "${end%:*}" ip address add "10.8.$n.${end#*:}/24" dev "tun$n"
			in_ns "${end%:*}" ip link set "tun$n" up mtu "$(device_mtu "$transport" "$mtu")"
		done
	else
		wait_for "$WORK/client-$n.log" 'Initialization Sequence Completed' 20 "$client" ||
			fail "the client of $line did not connect"
	fi
	wait_until 10 in_ns client ping -n -q -c 1 -W 1 "10.8.$n.1" || fail "nothing passes through $line"
	start_iperf
}

# ---- measuring ----

# Each tunnel has a server of its own: one that has just measured may be busy for a moment yet.
start_iperf() {
	start server "iperf-$n" iperf3 -s --forceflush -B "10.8.$n.1"
	echo "$STARTED" >"$WORK/iperf-$n.pid"
	wait_for "$WORK/iperf-$n.log" listening 5 "$STARTED" || fail "no iperf3 for $line"
}

# ticks N: CPU time of both ends, all threads; the process's name may hold blanks.
ticks() {
	cat "/proc/$(cat "$WORK/server-$1.pid")/stat" "/proc/$(cat "$WORK/client-$1.pid")/stat" 2>/dev/null |
		awk '{ sub(/.*\) /, ""); sum += $12 + $13 } END { print sum + 0 }'
}

# peak N: KiB that the larger of both ends has ever had resident.
peak() {
	cat "/proc/$(cat "$WORK/server-$1.pid")/status" "/proc/$(cat "$WORK/client-$1.pid")/status" 2>/dev/null |
		awk '/^VmHWM:/ && $2 > most { most = $2 } END { print most + 0 }'
}

ends_alive() {
	[ "$1" = - ] || { alive "$(cat "$WORK/server-$1.pid")" && alive "$(cat "$WORK/client-$1.pid")"; }
}

# traffic FILE ADDRESS: as $load and $direction say.
traffic() {
	case $load in
	ping)
		in_ns client ping -n -i 0.01 -c $PINGS -W 1 "$2" >"$1" 2>&1
		return
		;;
	tcp1) set -- "$1" "$2" ;;
	tcp8) set -- "$1" "$2" -P 8 ;;
	udp64) set -- "$1" "$2" -u -b 0 -l 64 ;;
	esac
	[ "$direction" = up ] || set -- "$@" -R
	out=$1
	to=$2
	shift 2
	in_ns client timeout $((seconds + 20)) iperf3 -c "$to" -t "$seconds" -J "$@" >"$out" 2>&1
}

run_no=0
failures=0

# measure N ADDRESS: one turn of a pair; its line in runs.tsv.
measure() {
	run_no=$((run_no + 1))
	before=0
	after=0
	[ "$1" = - ] || before=$(ticks "$1")
	status=0
	traffic "$WORK/runs/$run_no" "$2" || status=$?
	[ "$1" = - ] || after=$(ticks "$1")
	# Not every release of iperf3 that writes JSON ends with a status when it fails.
	why=$(sed -n 's/^[[:space:]]*"error":[[:space:]]*//p' "$WORK/runs/$run_no" | head -n 1)
	if [ $status -ne 0 ] || [ -n "$why" ] || ! ends_alive "$1"; then
		failures=$((failures + 1))
		say "no figure of $pair over $transport, $load $direction, round $round:" \
			"${why:-exit status $status}"
		if ! ends_alive "$1"; then
			say "an end of it has gone: $(tail -n 1 "$WORK/server-$1.log") /" \
				"$(tail -n 1 "$WORK/client-$1.log")"
		elif [ "$1" != - ]; then
			# It may still be busy with what failed.
			stop "$(cat "$WORK/iperf-$1.pid")" TERM 3
			start_iperf
		fi
		return
	fi
	resident=0
	[ "$1" = - ] || resident=$(peak "$1")
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$run_no" "$round" "$transport" "$cipher" \
		"$mtu" "$load" "$direction" "$pair" $((after - before)) "$resident" >>"$WORK/runs.tsv"
}

# How long a ping takes drifts within seconds, whoever answers: a turn is a fifth of one.
PINGS=20

# turns: every pair of one configuration, beginning with another one in each round.
turns() {
	awk -v t="$transport" -v c="$cipher" -v m="$mtu" '$2 == t && $3 == c && $4 == m' \
		"$WORK/tunnels" >"$WORK/turns"
	count=$(wc -l <"$WORK/turns")
	[ "$count" -gt 0 ] || return 0
	turn=0
	of_turns=1
	[ "$load" != ping ] || of_turns=$((seconds * 100 / PINGS))
	while [ $turn -lt $of_turns ]; do
		one_turn $(((round + turn) % count))
		turn=$((turn + 1))
	done
}

# one_turn N: of each pair of $WORK/turns, from the Nth on.
one_turn() {
	awk -v first="$1" '
		{ line[NR - 1] = $0 }
		END { for (i = 0; i < NR; i++) print line[(i + first) % NR] }' "$WORK/turns" >"$WORK/order"
	if [ "$load" = ping ]; then
		pair=direct
		measure - 192.0.2.1
	fi
	# shellcheck disable=SC2086
	while read -r line <&3; do
		tunnel_of $line
		if [ -z "$mtus" ] && [ "$mtu" = 1500 ] && [ "$load $direction" != "tcp1 up" ]; then
			continue
		fi
		ends_alive "$n" || continue
		measure "$n" "10.8.$n.1"
	done 3<"$WORK/order"
}

one_round() {
	for load in $loads; do
		for cipher in $ciphers; do
			for transport in $transports; do
				for mtu in ${mtus:-1420 1500}; do
					for direction in $directions; do
						# A round trip has both.
						[ "$load" != ping ] || [ "$direction" = "${directions%% *}" ] ||
							continue
						[ "$load" != ping ] || [ "$mtu" = "${mtus%% *}" ] ||
							[ "$mtu" = 1420 ] || continue
						turns
					done
				done
			done
		done
	done
}

# ---- all of it ----

list_tunnels
say "$tunnels tunnels"
each_tunnel start_server_end
each_tunnel start_client_end
each_tunnel join_ends

round=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	say "round $round of $rounds"
	one_round
done

# From here on nothing fails that a log would explain.
show_logs() { :; }
congestion=$(in_ns client cat /proc/sys/net/ipv4/tcp_congestion_control)
set -- --rounds "$rounds" --seconds "$seconds" --tick "$(getconf CLK_TCK)" --failures $failures \
	--congestion "$congestion" --openvpn "$(openvpn --version | sed -n '1s/ x86.*//p; 1q')" \
	--iperf "$(iperf3 --version | head -n 1)" --pairs "$pairs"
[ -z "$json" ] || set -- "$@" --json "$json"
[ -z "$svg" ] || set -- "$@" --svg "$svg"
luajit "$LUNEL_SOURCE/bench/tunnel.lua" "$WORK" "$@" $check || exit 1
[ $failures -eq 0 ] || fail "$failures measurements failed"
