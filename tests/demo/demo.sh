#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ./run demo: a server and lunel in two network namespaces of this machine, and a tunnel between.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/../interop/lib.sh"

step() {
	printf '\n== %s\n' "$*"
}

need_root
need_program openvpn ip ping iperf3 openssl
[ -n "${LUNEL_DEMO_CLIENT:-}" ] || [ -x "$LUNEL" ] || fail "$LUNEL is not built"

step "a CA, a server and a client certificate (EC P-256), a tls-crypt key"
pki_make "$WORK/pki" ec
profile "$WORK/pki" "192.0.2.1 1194 udp" "cipher AES-256-GCM" \
	"$(inline tls-crypt "$WORK/pki/tc.key")" >"$WORK/demo.ovpn"
sed "s|office.ovpn|$WORK/demo.ovpn|" "${0%/*}/../../examples/policy.lua" >"$WORK/policy.lua"

step "two network namespaces and a cable between them; in the first, Debian's openvpn as server"
ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24
start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key" \
	--data-ciphers AES-256-GCM --cipher AES-256-GCM --push "route 10.66.0.0 255.255.0.0"
openvpn --version | head -n 1

step "in the second: lunel policy.lua, the profile under a Lua policy (examples/policy.lua)"
if [ -n "${LUNEL_DEMO_CLIENT:-}" ]; then
	start_client client "$WORK/demo.ovpn"
else
	start_client client "$WORK/policy.lua"
fi
# Not through a pipe: tail ends by itself when the client does.
tail -n +1 -s 0.1 --pid="$CLIENT_PID" -f "$WORK/client.log" 2>/dev/null &
shown=$!
PID_LIST="$PID_LIST $shown"
wait_up 20

step "ping through the tunnel"
in_ns client ping -n -c 3 -i 0.2 -W 2 10.8.0.1 || fail "no answer through the tunnel"

step "three seconds of TCP through the tunnel"
start server iperf iperf3 -s -1 -B 10.8.0.1 --forceflush
wait_for "$WORK/iperf.log" 'Server listening' 5 "$STARTED" || fail "iperf3 did not start"
in_ns client iperf3 -c 10.8.0.1 -t 3 -f m >"$WORK/rate.log" 2>&1 || fail "iperf3 failed"
rate=$(awk '/receiver/ { for (i = 1; i <= NF; i++) if ($i == "Mbits/sec") print $(i - 1) }' "$WORK/rate.log")
moved=$(awk '/receiver/ { for (i = 1; i <= NF; i++) if ($i ~ /^[KMG]Bytes$/) print $(i - 1), $i }' "$WORK/rate.log")
[ -n "$rate" ] || fail "iperf3 printed no rate"

step "and down again"
stop "$CLIENT_PID" TERM 10 || fail "the client did not end cleanly"
stop "$shown" TERM 2
stop "$SERVER_PID" TERM 10

printf '\nAES-256-GCM over UDP, client to server: %s moved, %s Mbit/s\n' "$moved" "$rate"
