#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Reloads of a server's script with a thousand clients connected (bench/crowd.c: real handshakes), while
# another client sends a ping every millisecond: none may be lost.

if [ -z "${LUNEL_SOURCE:-}" ]; then
	LUNEL_SOURCE=$(cd "${0%/*}/.." && pwd)
fi

usage() {
	cat <<-'HELP'
		usage: ./run bench reload [OPTION...]

		A server and a client of ours in two network namespaces, and a crowd that is connected to the
		server; `lunel reload` again and again while the client pings 1,000 times a second. Asks for
		root. bench/README.md says how to read it.

		  --clients N   in the crowd (1000)
		  --reloads N   (5)
		  --json FILE   the figures for machines
		  --check       fail where a ping was lost, or somebody's connection
		  --help        this page
	HELP
}

wrong() {
	echo "reload: $*; --help lists what there is" >&2
	exit 2
}

clients=1000
reloads=5
json=
check=

while [ $# -gt 0 ]; do
	option=$1
	case $option in
	--check) check=1 ;;
	--help)
		usage
		exit 0
		;;
	--clients | --reloads | --json)
		[ $# -ge 2 ] || wrong "$option needs a value"
		shift
		case $option:$1 in
		--json:*) json=$1 ;;
		*:*[!0-9]* | *:0* | *: | *:?????*) wrong "$option needs a whole number from 1 to 9999, not '$1'" ;;
		--clients:*) clients=$1 ;;
		--reloads:*) reloads=$1 ;;
		esac
		;;
	*) wrong "there is no option $option" ;;
	esac
	shift
done

# shellcheck source=tests/interop/lib.sh
. "$LUNEL_SOURCE/tests/interop/lib.sh"
need_root
need_program ip ping
CROWD=${TOOLS%/tests/interop}/bench/crowd
[ -x "$CROWD" ] || fail "$CROWD is not built"
[ -x "$LUNEL" ] || fail "$LUNEL is not built"
SOCKET=$WORK/server.sock
all=$((clients + 1))

# server_script VERSION
server_script() {
	cat >"$WORK/server.new" <<-LUA
		local vpn = require "lunel"
		local log = vpn.log "bench"
		local up, adopted = 0, 0
		vpn.server {
		  name = "bench", listen = "1194/udp", server = "10.8.0.0/18", duplicate_cn = true,
		  max_clients = 16000, connect_freq_initial = { 1000000, 1 }, keepalive = false,
		  control = { path = "$SOCKET" },
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
		          key = "$WORK/pki/server.key", crypt = "$WORK/pki/crypt.key" },
		  on = {
		    authorize = function() return true end,
		    established = function(peer)
		      peer.vars.since, peer.vars.team, up = vpn.now(), { "a", "b" }, up + 1
		      if up == $all then log.info("all_up", { by = $1 }) end
		    end,
		    adopted = function(peer)
		      if peer.vars.since then adopted = adopted + 1 end
		      if adopted == $all then log.info("all_adopted", { by = $1 }) end
		    end,
		  },
		}
	LUA
	mv "$WORK/server.new" "$WORK/server.lua"
}

now_ns() { date +%s%N; }

# cpu_ms: of the server's process, all threads.
cpu_ms() {
	awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / tick }' \
		"/proc/$SERVER_PID/stat"
}

# ---- the stage ----

ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24
mkdir "$WORK/pki"
start server crowd "$CROWD" "$WORK/pki" "$clients" 1194
crowd=$STARTED
wait_for "$WORK/crowd.log" 'keys are written' 10 "$crowd" || fail "the crowd does not start"
server_script 0
start_lunel server "$WORK/server.lua"
touch "$WORK/pki/go"
wait_for "$WORK/crowd.log" "$clients of $clients are connected" 130 "$crowd" || fail "the crowd is not let in"
cat >"$WORK/client.lua" <<-LUA
	require("lunel").client {
	  remotes = { { "192.0.2.1", 1194, "udp" } },
	  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/client.crt",
	          key = "$WORK/pki/client.key", crypt = "$WORK/pki/crypt.key" },
	}
LUA
CLIENT_NAME=client
start_client client "$WORK/client.lua"
client_says 'Initialization Sequence Completed' 20
server_says 'bench.all_up by=0' 10
wait_until 10 in_ns client ping -n -q -c 1 -W 1 10.8.0.1 || fail "nothing passes"

# ---- reloads ----

start client ping ping -n -i 0.001 10.8.0.1
ping=$STARTED
n=0
cpu=$(cpu_ms)
: >"$WORK/times"
while [ $n -lt "$reloads" ]; do
	n=$((n + 1))
	server_script $n
	began=$(now_ns)
	"$LUNEL" reload "$SOCKET" >"$WORK/reload.log" 2>&1 || fail "reload $n"
	echo $((($(now_ns) - began) / 1000)) >>"$WORK/times"
	server_says "bench.all_adopted by=$n" 30
done
cpu=$(awk -v a="$cpu" -v b="$(cpu_ms)" -v n="$reloads" 'BEGIN { printf "%.1f", (b - a) / n }')
kill -s INT "$ping"
wait "$ping"
alive "$crowd" || fail "somebody of the crowd has lost its connection"
[ "$(echo '#peers()' | "$LUNEL" console "$SOCKET")" = "$all" ] || fail "somebody is not there any more"
[ "$(says_times "$WORK/$CLIENT_NAME.log" 'Initialization Sequence Completed')" -eq 1 ] ||
	fail "the client connected anew"

# ---- what it says ----

# Numbers that are missing, up to the highest: the last may have been under way. They have 16 bits.
awk -F 'icmp_seq=' 'NF == 2 {
		n = $2 + 0 + wraps * 65536
		if (n < last - 32768) { n += 65536; wraps++ }
		if (!(n in seen)) got++
		seen[n] = 1
		last = n
		if (n > most) most = n
	}
	END { print most + 0, most - got }' "$WORK/ping.log" >"$WORK/pings"
read -r sent lost <"$WORK/pings"
most=$(sed -n 's|^rtt [^=]*= [^/]*/[^/]*/\([^/]*\)/.*|\1|p' "$WORK/ping.log")
mean=$(sed -n 's|^rtt [^=]*= [^/]*/\([^/]*\)/.*|\1|p' "$WORK/ping.log")
[ "$sent" -gt 0 ] || fail "no ping was answered"
median=$(sort -n "$WORK/times" | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] / 1000 }')
slowest=$(sort -n "$WORK/times" | awk 'END { printf "%.1f", $1 / 1000 }')
cat <<-REPORT
	$clients clients and one that pings every millisecond, $reloads reloads
	lunel reload, ms on the clock         $median   (slowest $slowest)
	CPU of the server a reload, ms        $cpu   (all threads, pings among it, in ticks of 10 ms)
	pings sent, lost                      $sent   $lost
	round trip, ms: mean, slowest         $mean   $most
REPORT
if [ -n "$json" ]; then
	cat >"$json" <<-JSON
		{ "clients": $clients, "reloads": $reloads, "reload_ms": $median, "slowest_ms": $slowest,
		  "cpu_ms": $cpu, "pings": $sent, "lost": $lost, "rtt_ms": $mean, "rtt_most_ms": $most }
	JSON
fi
LOG_LINES=3
if [ -n "$check" ] && [ "$lost" -gt 0 ]; then
	fail "$lost of $sent pings were lost"
fi
