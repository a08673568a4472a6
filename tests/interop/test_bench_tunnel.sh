#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: serial
# lunel-test: timeout 120
#
# ./run bench tunnel does not rot: a second of each pair over both transports, and what it writes for
# machines and for eyes can be read. What it measures here is nothing.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_root
need_program openvpn ip ping openssl iperf3 luajit python3
[ -x "$LUNEL_BUILD/bench/limit" ] || skip "bench/limit is not built"

sh "$LUNEL_SOURCE/bench/tunnel.sh" --thin --filter "$LUNEL_SOURCE/examples/filter.lua" --json "$WORK/out.json" --svg "$WORK/out.svg" \
	>"$WORK/tunnel.log" 2>&1 || fail "bench/tunnel.sh"

python3 - "$WORK/out.json" "$WORK/out.svg" <<'PYTHON' || fail "what it wrote"
import json, sys, xml.dom.minidom

out = json.load(open(sys.argv[1]))
ends = [("openvpn", "openvpn"), ("lunel", "openvpn"), ("openvpn", "lunel"), ("lunel", "lunel"),
        ("limit", "limit"), ("lunel", "filter")]
want = {(transport, "%s-%s" % pair) for transport in ("udp", "tcp") for pair in ends}
got = {(row["transport"], row["pair"]) for row in out["rows"] if row["median"] > 0}
assert got == want, "no traffic: %s" % sorted(want - got)
assert out["failures"] == 0
assert all(row["cpu_s_per_gb"] > 0 for row in out["rows"])
assert {row["mss"] for row in out["rows"]} == {1368}, "pairs have different segments"
bars = [r for r in xml.dom.minidom.parse(sys.argv[2]).getElementsByTagName("rect")
        if float(r.getAttribute("height")) > 0 and r.getAttribute("class") != "paper"]
assert len(bars) >= len(want), "bars are missing"
PYTHON

# What the forwarder cuts is right, by what the kernel checks of each packet that is written alone; and
# so is what it puts together. It would be a poor yardstick that was fast because it was wrong.
ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24

# forward UDP-OR-TCP [OPTION...]: 10.9.0.0/24 and fd00:9::/64 through a pair of forwarders.
forward() {
	over=$1
	shift
	for end in server:1:2 client:2:1; do
		name=${end%%:*}
		ours=${end#*:}
		theirs=${ours#*:}
		ours=${ours%:*}
		listen=
		[ "$over:$name" != tcp:server ] || listen=--listen
		# shellcheck disable=SC2086
		start "$name" "$name" "$LUNEL_BUILD/bench/limit" --tun bare "--$over" \
			--local "192.0.2.$ours:2000" --remote "192.0.2.$theirs:2000" $listen "$@"
		wait_for "$WORK/$name.log" 'ready|listening' 5 "$STARTED" || fail "limit does not start"
		eval "pid_$name=$STARTED"
	done
	for end in server:1 client:2; do
		wait_for "$WORK/${end%:*}.log" ready 5 || fail "limit does not connect"
		ns_address "${end%:*}" bare "10.9.0.${end#*:}/24"
		ns_address "${end%:*}" bare "fd00:9::${end#*:}/64"
		in_ns "${end%:*}" ip link set bare up mtu 1420
	done
	for address in 10.9.0.1 fd00:9::1; do
		ping_ok client $address
		start_traffic server $address
		copy client $address
		stop "$TRAFFIC_PID" TERM 3
	done
}

unforward() {
	# shellcheck disable=SC2154
	if ! alive "$pid_client" || ! alive "$pid_server"; then
		fail "limit has ended"
	fi
	stop "$pid_client"
	stop "$pid_server"
}

# send SIZE: 20 datagrams of that size and one of 77 bytes, in one call.
send() {
	in_ns client python3 -c 'import socket, sys
size = int(sys.argv[1])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, size)  # UDP_SEGMENT
whole = b"".join(bytes([i]) * (size if i < 20 else 77) for i in range(21))
s.sendto(whole, ("10.9.0.1", 7000))' "$1" || fail "cannot send 21 datagrams in one call"
}

# They are cut by the forwarder, and arrive as they were.
datagrams() {
	: >"$WORK/datagrams.log" # the one before says "bound", too
	in_ns server python3 - >"$WORK/datagrams.log" 2>&1 <<-'PYTHON' &
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("10.9.0.1", 7000))
		s.settimeout(10)
		print("bound", flush=True)
		got = [s.recv(2000) for _ in range(21)]
		assert got == [bytes([i]) * (1000 if i < 20 else 77) for i in range(21)], "not the same"
	PYTHON
	receiver=$!
	PID_LIST="$PID_LIST $receiver"
	wait_for "$WORK/datagrams.log" bound 10 "$receiver" || fail "no receiver"
	send 1000
	wait "$receiver" || fail "the datagrams are not the same"
}

for arguments in "udp" "udp --single" "tcp"; do
	# shellcheck disable=SC2086
	forward $arguments
	datagrams
	unforward
done

# Datagrams larger than the path end it, with a reason.
forward udp
in_ns client ip link set bare mtu 1500
send 1440
forwarder_ended() { ! alive "$pid_client"; }
wait_until 5 forwarder_ended || fail "limit goes on"
wait "$pid_client"
[ $? -eq 1 ] || fail "limit ends with another status"
grep -q 'datagrams of 1492 bytes' "$WORK/client.log" || fail "limit does not say why"

# The forwarder says what it cannot do, and what is asked wrongly is refused.
"$LUNEL_BUILD/bench/limit" --help | grep -q 'bare forwarder' || fail "limit --help"
for words in "" "--udp --tun x --local 127.0.0.1:1" "--udp --tcp" "--udp --listen" "--cipher AES-256-CBC"; do
	# shellcheck disable=SC2086
	"$LUNEL_BUILD/bench/limit" $words >"$WORK/refused.txt" 2>&1
	[ $? -eq 2 ] || fail "limit $words"
	[ -s "$WORK/refused.txt" ] || fail "limit $words says nothing"
done
for words in "--seconds 0" "--only lunel-nobody" "--transport sctp" "--nothing" "--json" \
	"--only lunel-filter" "--filter /nowhere.lua"; do
	# shellcheck disable=SC2086
	sh "$LUNEL_SOURCE/bench/tunnel.sh" $words >"$WORK/refused.txt" 2>&1
	[ $? -eq 2 ] || fail "tunnel.sh $words"
done
