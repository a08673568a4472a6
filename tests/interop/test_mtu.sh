#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sizes: what mssfix makes of TCP inside, in both directions and just as OpenVPN as a client does it,
# the MTU of the device, pushed or not, and packets as large as it allows.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

# mss_of NS ADDRESS: of a connection from there.
mss_of() {
	in_ns "$1" timeout 10 "$TOOLS/traffic" mss "$2" 5201
}

# sizes CLIENT-COMMAND...: MTU of the device, and the MSS of connections in either direction.
sizes() {
	start client "$CLIENT_NAME" "$@"
	wait_for "$WORK/$CLIENT_NAME.log" 'Initialization Sequence Completed' 15 "$STARTED" ||
		fail "$CLIENT_NAME did not come up"
	sizes_pid=$STARTED
	start_traffic client 10.8.0.2
	sizes_traffic=$TRAFFIC_PID
	sizes_text="$(in_ns client cat /sys/class/net/tun0/mtu), out $(mss_of server 10.8.0.2), in $(mss_of client 10.8.0.1)"
	stop "$sizes_traffic" KILL 2
	stop "$sizes_pid" TERM 5
}

# same NAME SERVER-OPTIONS REMOTE PROFILE-LINE...: lunel and OpenVPN come to the same sizes.
same() {
	SERVER_NAME=server-$1
	name=$1
	remote=$3
	# The server itself changes nothing.
	# shellcheck disable=SC2086
	start_server server "$WORK/pki" --mssfix 0 $2
	start_traffic server 10.8.0.1
	shift 3
	profile "$WORK/pki" "$remote" "$@" >"$WORK/a.ovpn"
	CLIENT_NAME=openvpn-$name
	sizes openvpn --config "$WORK/a.ovpn"
	theirs=$sizes_text
	CLIENT_NAME=lunel-$name
	sizes "$LUNEL" "$WORK/a.ovpn"
	printf '%-16s mtu %s\n' "$name" "$sizes_text"
	[ "$sizes_text" = "$theirs" ] || {
		echo "                 OpenVPN: mtu $theirs"
		different="$different $name"
	}
	stop "$SERVER_PID" TERM 5
	ns_kill server
	rm -f "$WORK"/*.log
}

different=
udp="192.0.2.1 1194 udp"
same default "" "$udp"
same tcp "--proto tcp-server" "192.0.2.1 1194 tcp"
same ipv6 "--proto udp6" "fd00:2::1 1194 udp6"
same cbc "--data-ciphers AES-256-CBC --auth SHA256" "$udp" "data-ciphers AES-256-CBC" "auth SHA256"
same 1300 "" "$udp" "mssfix 1300"
same 1300-mtu "" "$udp" "mssfix 1300 mtu"
same 1300-fixed "" "$udp" "mssfix 1300 fixed"
same off "" "$udp" "mssfix 0"
same tun-mtu "--tun-mtu 1400" "$udp" "tun-mtu 1400"
same pushed-mtu "--tun-mtu 1420" "$udp"
[ -z "$different" ] || fail "sizes differ from OpenVPN's:$different"

# ---- large packets ----

# big NS ADDRESS BYTES [ARGUMENT...]: pings with so many bytes of IP packet.
big() {
	big_ns=$1
	big_to=$2
	big_size=$(($3 - 28))
	shift 3
	ping_ok "$big_ns" "$big_to" -s $big_size "$@"
}

begin big-packets
start_server server "$WORK/pki"
profile "$WORK/pki" "$udp" "dev tun0" >"$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
wait_up 15
# 1500 inside are more than 1500 outside: the outer packets are fragmented.
for size in 100 1000 1400 1448 1449 1500; do
	big client 10.8.0.1 $size -M "do"
	big server 10.8.0.2 $size -M "do"
done
# Inner fragments.
big client 10.8.0.1 9000
big server 10.8.0.2 20000
done_with

begin small-mtu
start_server server "$WORK/pki" --tun-mtu 1400
start_client client "$WORK/a.ovpn"
wait_up 15
big client 10.8.0.1 1400 -M "do"
! in_ns client ping -n -c 1 -W 1 -M "do" -s 1373 10.8.0.1 >/dev/null 2>&1 ||
	fail "a packet larger than the device's MTU"
big client 10.8.0.1 4000
start_traffic server 10.8.0.1
copy client 10.8.0.1 524288
done_with

# A cable of 1400 bytes: TCP fits by mssfix, without a single fragment.
begin narrow-cable
in_ns client ip link set to-server mtu 1400
in_ns server ip link set to-client mtu 1400
start_server server "$WORK/pki" --mssfix 0
profile "$WORK/pki" "$udp" "mssfix 1400 mtu" >"$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
wait_up 15
start_traffic server 10.8.0.1
fragments() {
	in_ns "$1" cat /proc/net/snmp | awk '/^Ip: [0-9]/ { print $18 }'
}
before="$(fragments client) $(fragments server)"
copy client 10.8.0.1 2097152
[ "$(fragments client) $(fragments server)" = "$before" ] || fail "outer packets were fragmented"
# The counter counts.
big client 10.8.0.1 1500
[ "$(fragments client) $(fragments server)" != "$before" ] || fail "nothing was fragmented"
done_with
