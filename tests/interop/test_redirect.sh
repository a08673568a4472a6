#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# redirect-gateway: what has nowhere else to go goes into the tunnel, the way to the server does
# not, and at the end all is as it was. Client and server each have a router for a neighbour, on
# which "the internet" is an address.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_root
need_program openvpn ip ping openssl
INTERNET4=203.0.113.7
INTERNET6=fd00:cafe::7

pki_make "$WORK/pki" ec
ns_make client router server
ns_link client "192.0.2.2/24 fd00:2::2/64" router "192.0.2.1/24 fd00:2::1/64"
ns_link router "198.51.100.1/24 fd00:3::1/64" server "198.51.100.2/24 fd00:3::2/64"
for name in router server; do
	in_ns $name sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
done
in_ns client ip route add default via 192.0.2.1
in_ns client ip -6 route add default via fd00:2::1
in_ns server ip route add default via 198.51.100.1
in_ns server ip -6 route add default via fd00:3::1
in_ns router ip route add 10.8.0.0/24 via 198.51.100.2
in_ns router ip -6 route add fd00:8::/64 via fd00:3::2
in_ns router ip address add $INTERNET4/32 dev lo
in_ns router ip -6 address add $INTERNET6/128 dev lo
start_traffic router $INTERNET4

# way ADDRESS: the device that packets from the client to there leave by.
way() {
	in_ns client ip route get "$1" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p'
}

expect_way() {
	[ "$(way "$1")" = "$2" ] || {
		in_ns client ip route get "$1"
		in_ns client ip -4 route
		in_ns client ip -6 route
		fail "$1 does not go through ${2:-nothing}"
	}
}

no_device() {
	! in_ns client ip link show tun0
}

tunnel_bytes() {
	in_ns client cat /sys/class/net/tun0/statistics/tx_bytes
}

# inside: the internet is reached, and through the tunnel.
inside() {
	expect_way $INTERNET4 tun0
	bytes=$(tunnel_bytes)
	ping_ok client $INTERNET4
	copy client $INTERNET4 524288
	[ $(($(tunnel_bytes) - bytes)) -gt 500000 ] || fail "the tunnel was passed by"
}

redirect_server() {
	start_server server "$WORK/pki" --server-ipv6 fd00:8::/64 "$@"
}

begin def1
redirect_server --push "redirect-gateway def1"
profile "$WORK/pki" "198.51.100.2 1194 udp" "dev tun0" "explicit-exit-notify 1" >"$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
wait_up 15
inside
expect_way 198.51.100.2 to-router
expect_way $INTERNET6 to-router
# Not by replacing the default route: by two halves.
in_ns client ip route show default | grep -q 'via 192.0.2.1' || fail "the default route is gone"
# A new connection while the redirection stands must not go into the tunnel that it replaces.
kill -s USR1 "$CLIENT_PID"
wait_ups 2 15
inside
expect_way 198.51.100.2 to-router
done_with

begin both-families
redirect_server --push "redirect-gateway def1 ipv6"
start_client client "$WORK/a.ovpn"
wait_up 15
inside
expect_way $INTERNET6 tun0
ping_ok client $INTERNET6
expect_way 198.51.100.2 to-router
done_with

begin ipv6-only
redirect_server --push "redirect-gateway ipv6 !ipv4"
start_client client "$WORK/a.ovpn"
wait_up 15
expect_way $INTERNET6 tun0
expect_way $INTERNET4 to-router
ping_ok client $INTERNET6
done_with

# The default route itself is replaced, and put back.
begin replaced
redirect_server --push "redirect-gateway"
start_client client "$WORK/a.ovpn"
wait_up 15
inside
expect_way 198.51.100.2 to-router
done_with

# Around the tunnel: a network of the router's.
begin net-gateway
redirect_server --push "redirect-gateway def1" --push "route 203.0.113.0 255.255.255.128 net_gateway"
start_client client "$WORK/a.ovpn"
wait_up 15
expect_way $INTERNET4 to-router
expect_way 203.0.113.200 tun0
done_with

# The user wants no routes of the server's.
begin route-nopull
redirect_server --push "redirect-gateway def1"
profile "$WORK/pki" "198.51.100.2 1194 udp" "dev tun0" "route-nopull" \
	"route 203.0.113.0 255.255.255.0" >"$WORK/b.ovpn"
start_client client "$WORK/b.ovpn"
wait_up 15
expect_way $INTERNET4 tun0
expect_way 192.0.2.99 to-router
expect_way 203.0.114.1 to-router
done_with

# IPv6 outside, all inside.
begin ipv6-transport
redirect_server --proto udp6 --push "redirect-gateway def1 ipv6"
profile "$WORK/pki" "fd00:3::2 1194 udp6" "dev tun0" >"$WORK/b.ovpn"
start_client client "$WORK/b.ovpn"
wait_up 15
inside
expect_way fd00:3::2 to-router
expect_way $INTERNET6 tun0
ping_ok client $INTERNET6
done_with

# A death without goodbye takes the tunnel's routes along with the device; what is left of it, a
# route to the server, is in nobody's way.
begin killed
redirect_server --push "redirect-gateway def1 ipv6"
start_client client "$WORK/a.ovpn"
wait_up 15
inside
stop "$CLIENT_PID" KILL 5
wait_until 5 no_device || fail "the device is still there"
expect_way $INTERNET4 to-router
expect_way $INTERNET6 to-router
start_client client "$WORK/a.ovpn"
wait_up 15
inside
done_with
