#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 60
#
# Pools in OpenVPN's longer form (ifconfig, ifconfig-pool and their IPv6 kin): the same configuration gives
# the same addresses as Debian's server does.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec
pki_issue "$WORK/pki" second client "/O=Lunel Test/CN=second"

cat >"$WORK/longer.conf" <<-CONF
	mode server
	tls-server
	dev tun
	topology subnet
	ifconfig 10.8.0.1 255.255.255.0
	ifconfig-pool 10.8.0.20 10.8.0.99
	ifconfig-ipv6 fd00:8::1/64 fd00:8::2
	ifconfig-ipv6-pool fd00:8::2f0/64
	push "topology subnet"
	push "route-gateway 10.8.0.1"
	push tun-ipv6
	keepalive 2 8
	ca $WORK/pki/ca.crt
	cert $WORK/pki/server.crt
	key $WORK/pki/server.key
	tls-crypt $WORK/pki/tc.key
	dh none
CONF

# given WHOSE: two clients come, one after the other; their addresses are left in WHOSE.given.
given() {
	: >"$WORK/$1.given"
	for name in client second; do
		PROFILE_CERT=$name
		CLIENT_NAME=$name-$1
		start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" --tls-crypt "$WORK/pki/tc.key" \
			--dev "tun-$name"
		wait_up 15
		in_ns client ip -br address show dev "tun-$name" |
			awk '{ for (i = 3; i <= NF; i++) if ($i !~ /^fe80:/) print $1, $i }' >>"$WORK/$1.given"
	done
	ping_ok client 10.8.0.1 -I tun-client
	ping_ok client fd00:8::1 -I tun-client
	ns_kill client
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	ns_kill server
}

# beside NAME: the configuration of that name, by both servers.
beside() {
	begin "theirs-$1"
	start server "$SERVER_NAME" openvpn --verb 3 --config "$WORK/$1.conf"
	SERVER_PID=$STARTED
	server_says 'Initialization Sequence Completed' 15
	given "theirs-$1"
	begin "ours-$1"
	start_lunel server --config "$WORK/$1.conf"
	given "ours-$1"
	diff -u "$WORK/theirs-$1.given" "$WORK/ours-$1.given" || fail "other addresses"
	[ "$(wc -l <"$WORK/ours-$1.given")" -eq 4 ] || fail "not two addresses each"
}

beside longer
grep -q '^tun-second fd00:8::2f1/64' "$WORK/ours-longer.given" || fail "not the pool's"

# A small network, whose pool begins at its second address instead of its 0x1000th.
{
	grep -Ev '^(mode|ifconfig|push)' "$WORK/longer.conf"
	echo 'server 10.8.0.0 255.255.255.0'
	echo 'server-ipv6 fd00:8::/112'
} >"$WORK/small.conf"
beside small
