#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What strangers can do to a server: our own and Debian's openvpn, with the same server.conf, in turns.
# bench/README.md says how to read it.

if [ -z "${LUNEL_SOURCE:-}" ]; then
	LUNEL_SOURCE=$(cd "${0%/*}/.." && pwd)
fi

usage() {
	cat <<-'HELP'
		usage: ./run bench flood [OPTION...]

		Figures L9 and S1 to S6 of our server and of openvpn, and the throughput of a peer while 50,000
		spoofed first packets a second arrive, beside the same flood at a socket that only discards.
		Asks for root; makes network namespaces of its own.

		  --only NAME     one part: amplification, fairness, resets, cookies, half, cap, flood
		  --seconds N     of each measurement of throughput (10)
		  --rounds N      of them, medians are shown (5)
		  --thin          our server alone, in half a minute, with smaller numbers
		  --check         fail where our server misses a goal
		  --help          this page
	HELP
}

only=
seconds=10
rounds=5
thin=
check=
while [ $# -gt 0 ]; do
	case $1 in
	--only)
		only=$2
		shift
		;;
	--seconds)
		seconds=$2
		shift
		;;
	--rounds)
		rounds=$2
		shift
		;;
	--thin) thin=1 ;;
	--check) check=1 ;;
	--help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift
done

# shellcheck source=tests/interop/lib.sh
. "$LUNEL_SOURCE/tests/interop/lib.sh"
need_root
need_program openvpn ip openssl iperf3
[ -x "$TOOLS/flood" ] || fail "$TOOLS/flood is not built"

# of whole and thinned runs
choose() {
	[ -z "$thin" ] && echo "$1" || echo "$2"
}

bad=

# row FIGURE WHAT GOAL LUNEL OPENVPN
row() {
	printf '%-3s %-50s %8s %9s %9s\n' "$1" "$2" "$3" "$4" "$5"
}

# goal FIGURE WHAT VALUE TEST LIMIT OPENVPN: a row, and whether ours is good enough; TEST is le or ge.
goal() {
	case $4 in le) sign="<=" ;; ge) sign=">=" ;; esac
	row "$1" "$2" "$sign $5" "$3" "$6"
	awk -v v="$3" -v l="$5" -v t="$4" 'BEGIN { exit !(t == "le" ? v + 0 <= l + 0 : v + 0 >= l + 0) }' ||
		bad="$bad; $1 $2: $3"
}

# ---- the stage ----

pki_make "$WORK/pki" ec
pki_crypt_v2 "$WORK/pki"
ns_make server client crowd
ns_link server 192.0.2.1/24 client 192.0.2.2/24
ns_link server 198.51.100.1/30 crowd 198.51.100.2/30
# Answers to everybody else go where the crowd is.
in_ns server ip route add default via 198.51.100.2
AT=198.51.100.1

# serve lunel|openvpn WRAP [LINE...]: the same file for both.
serve() {
	kind=$1
	wrap=$2
	shift 2
	{
		printf '%s\n' "port 1194" "proto udp4" "dev tun" "server 10.8.0.0 255.255.0.0" \
			"topology subnet" "ca $WORK/pki/ca.crt" "cert $WORK/pki/server.crt" \
			"key $WORK/pki/server.key" "dh none" "keepalive 10 60" "duplicate-cn" "verb 3" "$@"
		case $wrap in
		tls-auth) echo "tls-auth $WORK/pki/ta.key" ;;
		tls-crypt) echo "tls-crypt $WORK/pki/tc.key" ;;
		tls-crypt-v2) echo "tls-crypt-v2 $WORK/pki/v2-server.key force-cookie" ;;
		esac
	} >"$WORK/server.conf"
	SERVER_NAME=$kind
	if [ "$kind" = lunel ]; then
		start_lunel server "$WORK/server.conf"
	else
		start server openvpn openvpn --config "$WORK/server.conf"
		SERVER_PID=$STARTED
		server_says 'Initialization Sequence Completed' 15
	fi
}

unserve() {
	stop "$SERVER_PID" TERM 8 || fail "$SERVER_NAME did not end"
}

key_of() {
	case $1 in
	none) ;;
	tls-auth) echo "key=$WORK/pki/ta.key" ;;
	tls-crypt) echo "key=$WORK/pki/tc.key" ;;
	tls-crypt-v2) echo "key=$WORK/pki/v2-client.key" ;;
	esac
}

# crowd WHAT WRAP NAME=VALUE...: waits for the end; what was said is in $WORK/crowd.txt.
crowd() {
	crowd_what=$1
	crowd_wrap=$2
	shift 2
	# shellcheck disable=SC2046
	in_ns crowd "$TOOLS/flood" "$crowd_what" $AT 1194 dev=to-server wrap="$crowd_wrap" \
		$(key_of "$crowd_wrap") "$@" >"$WORK/crowd.txt" 2>&1 || {
		cat "$WORK/crowd.txt"
		fail "flood $crowd_what"
	}
}

# start_crowd LOG PORT WHAT WRAP NAME=VALUE...: the same in the background; $CROWD_PID.
start_crowd() {
	crowd_log=$1
	crowd_port=$2
	crowd_what=$3
	crowd_wrap=$4
	shift 4
	# shellcheck disable=SC2046
	start crowd "$crowd_log" "$TOOLS/flood" "$crowd_what" $AT "$crowd_port" dev=to-server \
		wrap="$crowd_wrap" $(key_of "$crowd_wrap") "$@"
	CROWD_PID=$STARTED
}

# said NAME [FILE]: a number that the crowd told.
said() {
	sed -n "s/^$1 //p" "${2:-$WORK/crowd.txt}"
}

rss() {
	sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$SERVER_PID/status"
}

quotient() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", b ? a / b : 0 }'
}

# middle FILE: the median of its lines.
middle() {
	[ -f "$WORK/$1" ] || {
		echo -
		return 0
	}
	sort -n "$WORK/$1" | awk '
		{ v[NR] = $1 }
		END { printf "%.2f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# honest N WRAP: how many of N openvpn clients are connected 5 s after they were started, ten at once.
honest() {
	honest_left=$1
	honest_in=0
	while [ "$honest_left" -gt 0 ]; do
		pids=
		for i in 1 2 3 4 5 6 7 8 9 10; do
			[ "$honest_left" -gt 0 ] || break
			honest_left=$((honest_left - 1))
			# shellcheck disable=SC2046
			start client "honest$i" openvpn --verb 3 --client --dev tun --nobind --ifconfig-noexec \
				--route-noexec --remote 192.0.2.1 1194 udp4 --remote-cert-tls server \
				--ca "$WORK/pki/ca.crt" --cert "$WORK/pki/client.crt" --key "$WORK/pki/client.key" \
				--explicit-exit-notify 1 $(wrap_openvpn client "${2#none}")
			pids="$pids $i:$STARTED"
		done
		until_ms=$(($(now_ms) + 5000))
		waiting=$pids
		while [ -n "$waiting" ] && [ "$(now_ms)" -lt $until_ms ]; do
			still=
			for one in $waiting; do
				if grep -q 'Initialization Sequence Completed' "$WORK/honest${one%%:*}.log"; then
					honest_in=$((honest_in + 1))
				else
					still="$still $one"
				fi
			done
			waiting=$still
			sleep 0.05
		done
		for one in $pids; do
			kill -s TERM "${one#*:}" 2>/dev/null
		done
		for one in $pids; do
			stop "${one#*:}" TERM 3
		done
		rm -f "$WORK"/honest*.log
	done
}

# both FUNCTION WRAP: for our server and for openvpn, beginning with each in turn.
turn=0
both() {
	turn=$((1 - turn))
	if [ -n "$thin" ]; then
		"$1" lunel "$2"
	elif [ $turn -eq 1 ]; then
		"$1" lunel "$2"
		"$1" openvpn "$2"
	else
		"$1" openvpn "$2"
		"$1" lunel "$2"
	fi
}

keep() {
	echo "$2" >"$WORK/$1.result"
}

got() {
	if [ -f "$WORK/$1.result" ]; then cat "$WORK/$1.result"; else echo -; fi
}

# ---- S1: what one packet brings back ----

probe() {
	serve "$1" "$2" "connect-freq-initial 100000 10"
	crowd probe "$2"
	keep "$1-amp" "$(quotient "$(said reply)" "$(said request)")"
	keep "$1-replies" "$(said replies)"
	keep "$1-changed" "$(said changed_answers)"
	unserve
}

# More than may be answered, from one address and from everywhere.
limits() {
	serve "$1" "$2"
	crowd reset "$2" from=one rate=1000 seconds="$(choose 5 1.5)" linger=0.1
	keep "$1-second" "$(said most_in_1s)"
	unserve
	serve "$1" "$2"
	crowd reset "$2" from=random rate=2000 seconds="$(choose 25 1)"
	keep "$1-ten" "$(said most_in_10s)"
	unserve
}

part_amplification() {
	for wrap in $(choose "none tls-auth tls-crypt tls-crypt-v2" "none tls-crypt-v2"); do
		both probe "$wrap"
		case $wrap in none) most=1.9 ;; tls-crypt-v2) most=0.25 ;; *) most=1.3 ;; esac
		goal S1 "amplification, $wrap" "$(got lunel-amp)" le $most "$(got openvpn-amp)"
		goal S1 "answers to one packet, $wrap" "$(got lunel-replies)" le 1 "$(got openvpn-replies)"
		goal S1 "answers to changed and cut ones, $wrap" "$(got lunel-changed)" le 0 \
			"$(got openvpn-changed)"
	done
	both limits tls-crypt
	goal S1 "answers a second to one address" "$(got lunel-second)" le 20 "$(got openvpn-second)"
	goal S1 "answers in 10 s to all" "$(got lunel-ten)" le 100 "$(got openvpn-ten)"
}

# ---- L9: one address shouts ----

fairness() {
	clients=$(choose 100 10)
	serve "$1" none
	start_crowd "shout-$1" 1194 reset none from=one rate=10000 seconds=600
	wait_until 5 sh -c "[ \$(cat /proc/$CROWD_PID/stat | wc -c) -gt 0 ]"
	honest "$clients" none
	alive "$CROWD_PID" || fail "the flood is over too early"
	stop "$CROWD_PID"
	keep "$1-honest" "$(quotient $((honest_in * 100)) "$clients")"
	unserve
}

part_fairness() {
	both fairness none
	goal L9 "% of honest clients in, 10,000 resets/s" "$(got lunel-honest)" ge 99 "$(got openvpn-honest)"
}

# ---- S2, S3: resets from everywhere ----

resets() {
	serve "$1" "$2"
	before=$(rss)
	crowd reset "$2" from=random rate=50000 count="$(choose 1000000 100000)" linger="$(choose 12 2.5)"
	keep "$1-grown" $(($(rss) - before))
	keep "$1-late" "$(said late)"
	keep "$1-answers" "$(said answers)"
	unserve
}

part_resets() {
	for wrap in $(choose "none tls-crypt tls-crypt-v2" tls-crypt); do
		both resets "$wrap"
		goal S3 "KiB grown, $(choose 10^6 10^5) resets, $wrap" "$(got lunel-grown)" le 1024 \
			"$(got openvpn-grown)"
		goal S2 "packets sent again, $wrap" "$(got lunel-late)" le 0 "$(got openvpn-late)"
	done
}

# ---- S4: wrong cookies ----

cookies() {
	serve "$1" "$2"
	before=$(rss)
	crowd cookie "$2" rate=50000 count="$(choose 1000000 50000)"
	keep "$1-wrong" "$(said wrong_answers)"
	keep "$1-right" "$(said right_answers)"
	keep "$1-grown" $(($(rss) - before))
	unserve
}

part_cookies() {
	for wrap in $(choose "none tls-crypt tls-crypt-v2" tls-crypt); do
		both cookies "$wrap"
		goal S4 "of $(choose 10^6 50,000) wrong cookies taken, $wrap" "$(got lunel-wrong)" le 0 \
			"$(got openvpn-wrong)"
		goal S4 "answers to the right one, $wrap" "$(got lunel-right)" ge 1 "$(got openvpn-right)"
	done
}

# ---- S5: half-open ones ----

half() {
	serve "$1" "$2" "connect-freq-initial 100000 10" "max-clients 5000" "hand-window 10"
	before=$(rss)
	start_crowd "half-$1" 1194 half "$2" from=spread rate=1000 count=400 linger="$(choose 11 2.5)"
	wait_for "$WORK/half-$1.log" ready 10 "$CROWD_PID" || fail "no half-open sessions"
	keep "$1-each" "$(quotient $(($(rss) - before)) "$(said answered "$WORK/half-$1.log")")"
	wait "$CROWD_PID"
	keep "$1-bytes" "$(said silent_bytes "$WORK/half-$1.log")"
	[ -n "$thin" ] || sleep 3
	keep "$1-left" "$(quotient $(($(rss) * 100)) "$before")"
	unserve
}

part_half() {
	# With tls-crypt-v2 only a packet of TLS's would do instead of the bare ack.
	for wrap in $(choose "none tls-auth tls-crypt" tls-crypt); do
		both half "$wrap"
		goal S5 "KiB a half-open session, $wrap" "$(got lunel-each)" le 4 "$(got openvpn-each)"
		goal S2 "bytes sent to them meanwhile, $wrap" "$(got lunel-bytes)" le 0 "$(got openvpn-bytes)"
		[ -n "$thin" ] || goal S6 "% of memory when they are gone, $wrap" "$(got lunel-left)" le 110 \
			"$(got openvpn-left)"
	done
}

# ---- S6: the cap ----

cap() {
	clients=$(choose 100 10)
	serve "$1" "$2" "connect-freq-initial 100000 10" "max-clients 64"
	start_crowd "cap-$1" 1194 half "$2" from=one rate=15 count="$(choose 100 20)" linger=600
	wait_for "$WORK/cap-$1.log" ready 20 "$CROWD_PID" || fail "no half-open sessions"
	honest "$clients" "$2"
	stop "$CROWD_PID"
	keep "$1-honest" "$(quotient $((honest_in * 100)) "$clients")"
	unserve
}

part_cap() {
	both cap tls-crypt
	goal S6 "% of honest clients in, cap full from one" "$(got lunel-honest)" ge 99 \
		"$(got openvpn-honest)"
}

# ---- 50,000 a second beside an established peer ----

# through PORT WRAP: the peer's Mbit/s while first packets arrive at PORT.
through() {
	start_crowd "flood" "$1" reset "$2" from=random rate=50000 seconds=$((seconds + 1))
	sleep 0.5
	in_ns client iperf3 -c 10.8.0.1 -t "$seconds" -J >"$WORK/iperf.json" 2>&1 || {
		cat "$WORK/iperf.json"
		fail "iperf3"
	}
	wait "$CROWD_PID" || fail "the flood failed"
	awk -F'[:,]' '/"sum_received"/ { in_sum = 1 } in_sum && /bits_per_second/ { printf "%.0f\n", $2 / 1e6; exit }' \
		"$WORK/iperf.json"
}

beside() {
	serve "$1" "$2"
	CLIENT_NAME=peer
	# shellcheck disable=SC2046
	start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp4" $(wrap_openvpn client "${2#none}")
	wait_up 15
	start server iperf iperf3 -s --forceflush -B 10.8.0.1
	iperf=$STARTED
	wait_for "$WORK/iperf.log" listening 5 "$iperf" || fail "no iperf3"
	# What traffic alone takes is not the flood's.
	in_ns client iperf3 -c 10.8.0.1 -t 1 >"$WORK/iperf.txt" 2>&1 || fail "iperf3"
	before=$(rss)
	for port in $(if [ $((round % 2)) -eq 0 ]; then echo 1194 9; else echo 9 1194; fi); do
		through "$port" "$2" >"$WORK/$1-$port.mbit"
		rate=$(quotient "$(said sent "$WORK/flood.log")" "$(said took "$WORK/flood.log")")
	done
	cat "$WORK/$1-1194.mbit" >>"$WORK/$1.mbits"
	quotient "$(cat "$WORK/$1-1194.mbit")" "$(cat "$WORK/$1-9.mbit")" >>"$WORK/$1.ratios"
	echo $(($(rss) - before)) >>"$WORK/$1.grown"
	[ -z "${VERBOSE:-}" ] || echo "# $1 $2 round $round: $(cat "$WORK/$1-1194.mbit") Mbit/s, beside" \
		"$(cat "$WORK/$1-9.mbit"), $rate packets/s, $(wc -l <"$WORK/$1.log") lines of log"
	stop "$iperf" TERM 3
	stop "$CLIENT_PID" TERM 5
	unserve
}

part_flood() {
	start server discard "$TOOLS/flood" discard $AT 9
	wait_for "$WORK/discard.log" ready 5 "$STARTED" || fail "nobody discards"
	for wrap in $(choose "none tls-crypt tls-crypt-v2" tls-crypt); do
		rm -f "$WORK"/*.mbits "$WORK"/*.ratios "$WORK"/*.grown
		round=0
		while [ $round -lt "$rounds" ]; do
			both beside "$wrap"
			round=$((round + 1))
			[ -z "$thin" ] || {
				# One short round is as good as its luck: a thin run notices what never is good.
				sort -n "$WORK/lunel.ratios" | tail -n 1 >"$WORK/best"
				mv "$WORK/best" "$WORK/lunel.ratios"
				[ "$(tr -d . <"$WORK/lunel.ratios")" -lt 80 ] || break
			}
		done
		row 6 "Mbit/s in a flood, $wrap" "" "$(middle lunel.mbits)" "$(middle openvpn.mbits)"
		goal 6 "of what is left where it is discarded, $wrap" "$(middle lunel.ratios)" ge 0.8 \
			"$(middle openvpn.ratios)"
		goal 6 "KiB grown in a flood, $wrap" "$(middle lunel.grown)" le 1024 "$(middle openvpn.grown)"
	done
}

# ---- all of it ----

if [ -n "$thin" ]; then
	seconds=2
	rounds=4
fi
row "" "" goal lunel openvpn
for part in amplification fairness resets cookies half cap flood; do
	[ -z "$only" ] || [ "$only" = $part ] || continue
	part_$part
done
[ -z "$bad" ] || {
	echo "missed:${bad#;}"
	[ -z "$check" ] || fail "a goal was missed"
}
