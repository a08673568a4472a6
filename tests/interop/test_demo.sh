#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The demo, and with it examples/demo: what it promises to show. And examples/policy.lua.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_root
need_program openvpn ip ping iperf3 openssl

demo() {
	sh "${0%/*}/../demo/demo.sh" "$@" >"$WORK/demo.log" 2>&1 || fail "the demo failed: $*"
}

# shows REGEX...: the demo's output has lines like these, in this order.
shows() {
	shown=1
	for sign in "$@"; do
		at=$(tail -n "+$shown" "$WORK/demo.log" | grep -nE -m 1 -- "$sign" | cut -d : -f 1)
		[ -n "$at" ] || fail "the demo does not show, or not there: $sign"
		shown=$((shown + at))
	done
}

demo openvpn
shows 'lunel pki init' '^   anna +client +valid' '^   carl +client +revoked' \
	'examples/demo/server.lua' 'examples/demo/client.lua anna.ovpn' \
	'anna +\| nobody listens at 192.0.2.1:443/tcp: the next one' \
	'anna +\| vpn.example.net is the server' 'server +\| anna is staff: address 10.8.0.2' \
	'anna +\| pushed "route 10.66.0.0 255.255.0.0": not taken' 'anna +\| up: tun[0-9]* has 10.8.0.2/24' \
	'ping +\| .* 0% packet loss' 'iperf3 \| [1-9][0-9]* Mbit/s' \
	'server +\| ben is not let in, and is told: "your contract ended' \
	'ben +\| refused by .*your contract ended .*: not again' \
	'carl +\| refused by ' 'otto comes, with OpenVPN 2' 'server +\| otto is staff' \
	'ping +\| .* 0% packet loss' 'server +\| anna has left \(client_exit\): [1-9]' 'That took'
# Two processes say that, in whatever order.
shows 'ben +\| refused by ' 'server +\| certificate is revoked: CN=carl, serial .*by the CRL of CN=Demo CA' \
	'otto comes, with OpenVPN 2'
! grep -q 'ERROR\|SKIPPED' "$WORK/demo.log" || fail "not all went well"

# Who looks away takes nothing back: namespaces and processes go at any end. (What the first one said must
# not be there yet when the second's words are waited for.)
rm "$WORK/demo.log"
sh "${0%/*}/../demo/demo.sh" >"$WORK/demo.log" 2>&1 &
demo_pid=$!
PID_LIST="$PID_LIST $demo_pid"
wait_for "$WORK/demo.log" 'up: tun' 20 "$demo_pid" || fail "the demo does not begin"
ip netns list | grep -q "^lnl$demo_pid-" || fail "the demo has no namespaces"
stop "$demo_pid" TERM 10
! ip netns list | grep -q "^lnl$demo_pid-" || fail "the demo left namespaces behind"

two_ends ec
start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key" --push "route 10.66.0.0 255.255.0.0"
profile "$WORK/pki" "192.0.2.1 1194 udp" "$(inline tls-crypt "$WORK/pki/tc.key")" >"$WORK/office.ovpn"
sed "s|office.ovpn|$WORK/office.ovpn|" "${0%/*}/../../examples/policy.lua" >"$WORK/policy.lua"
start_client client "$WORK/policy.lua"
wait_up 15
for sign in 'policy.server accepted' 'policy.route refused option="route 10.66.0.0' 'policy.tunnel is up'; do
	client_says "$sign" 5
done
end_client
