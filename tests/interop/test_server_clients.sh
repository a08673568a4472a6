#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# Our server by server.conf, with three clients at once on UDP and TCP: client-to-client, an entry of
# client-config-dir, a network behind a client, one that moves in mid-stream, one that is revoked,
# one that sends with another's address; status and leases; a restart.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

ns_make anna ben carl
ns_link server 198.51.100.1/30 anna 198.51.100.2/30
ns_link server 198.51.100.5/30 ben 198.51.100.6/30
ns_link server 198.51.100.9/30 carl 198.51.100.10/30
for name in anna ben carl dora; do
	pki_issue "$WORK/pki" $name client "/O=Lunel Test/CN=$name"
done
pki_revoke "$WORK/pki" dora
mkdir "$WORK/ccd"
cat >"$WORK/ccd/anna" <<-CCD
	ifconfig-push 10.8.0.100 255.255.255.0
	iroute 192.168.77.0 255.255.255.0
	push "route 10.99.0.0 255.255.255.0"
CCD
echo disable >"$WORK/ccd/dora2"

cat >"$WORK/server.conf" <<-CONF
	local * 1194 udp
	local * 443 tcp-server
	dev tun
	server 10.8.0.0 255.255.255.0
	topology subnet
	ca $WORK/pki/ca.crt
	cert $WORK/pki/server.crt
	key $WORK/pki/server.key
	dh none
	crl-verify $WORK/pki/crl.pem
	remote-cert-tls client
	tls-crypt $WORK/pki/tc.key
	client-to-client
	client-config-dir $WORK/ccd
	ifconfig-pool-persist $WORK/ipp.txt 1
	keepalive 5 30
	persist-key
	persist-tun
	explicit-exit-notify 1
	push "route 192.168.77.0 255.255.255.0"
	route 192.168.77.0 255.255.255.0
	status $WORK/status.txt 1
	verb 4
CONF

tunnel_address() {
	in_ns "$1" ip -4 -o address show dev tun0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p'
}

start_lunel server "$WORK/server.conf"

echo "-- three clients"
PIDS=
PROFILE_CERT=anna CLIENT_NAME=anna start_openvpn anna "$WORK/pki" "198.51.100.1 1194 udp" \
	--tls-crypt "$WORK/pki/tc.key"
PIDS="$PIDS anna:$CLIENT_PID"
PROFILE_CERT=ben profile "$WORK/pki" "198.51.100.5 1194 udp" \
	"$(inline tls-crypt "$WORK/pki/tc.key")" "explicit-exit-notify 1" >"$WORK/ben.ovpn"
CLIENT_NAME=ben start_client ben "$WORK/ben.ovpn"
PIDS="$PIDS ben:$CLIENT_PID"
PROFILE_CERT=carl CLIENT_NAME=carl start_openvpn carl "$WORK/pki" "198.51.100.9 443 tcp-client" \
	--tls-crypt "$WORK/pki/tc.key"
PIDS="$PIDS carl:$CLIENT_PID"
for pair in $PIDS; do
	CLIENT_NAME=${pair%%:*}
	CLIENT_PID=${pair#*:}
	wait_up 15
done
in_ns anna ip address add 192.168.77.1/32 dev lo
[ "$(tunnel_address anna)" = 10.8.0.100 ] || fail "anna has not her own address"
in_ns anna ip route get 10.99.0.5 | grep -q "dev tun0" || fail "anna's own route was not pushed"
ben=$(tunnel_address ben)
carl=$(tunnel_address carl)
for name in anna ben carl; do ping_ok $name 10.8.0.1; done

echo "-- client to client, and to a network behind one"
ping_ok ben 10.8.0.100
ping_ok carl "$ben"
ping_ok anna "$carl"
ping_ok carl 192.168.77.1
ping_ok server 192.168.77.1
start_traffic ben "$ben"
copy carl "$ben"
stop "$TRAFFIC_PID"

echo "-- a source that is not its own"
in_ns ben ip address add 10.8.0.77/32 dev tun0
if in_ns ben ping -n -q -c 2 -W 1 -I 10.8.0.77 10.8.0.1 >/dev/null 2>&1; then
	fail "ben may send as somebody else"
fi
in_ns ben ip address del 10.8.0.77/32 dev tun0

echo "-- one that moves"
in_ns anna ip address add 198.51.100.130/32 dev to-server
in_ns server ip route add 198.51.100.130/32 dev to-anna
in_ns anna ping -n -q -i 0.02 -c 150 10.8.0.1 >"$WORK/moving.txt" 2>&1 &
moving=$!
wait_until 5 sh -c "[ \$(ip netns exec $(ns anna) cat /sys/class/net/tun0/statistics/tx_packets) -gt 60 ]"
in_ns anna ip address del 198.51.100.2/30 dev to-server
in_ns anna ip route add 198.51.100.0/30 dev to-server
wait $moving
grep -q "150 packets transmitted, 1[45][0-9] received" "$WORK/moving.txt" || {
	cat "$WORK/moving.txt"
	fail "more was lost than what was in flight"
}
server_says "peer.moved peer=anna address=198.51.100.130:" 5

echo "-- one that is revoked"
PROFILE_CERT=dora CLIENT_NAME=dora start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" \
	--tls-crypt "$WORK/pki/tc.key"
server_says 'revoked.*CN=dora|CN=dora.*revoked' 10
stop "$CLIENT_PID" TERM 5

echo "-- status, leases"
wait_until 5 grep -q "^anna,198.51.100.130:" "$WORK/status.txt" || fail "no status of anna"
grep -q "^10.8.0.100,anna," "$WORK/status.txt" || fail "no route of anna in the status"
wait_until 5 grep -q "^ben,$ben" "$WORK/ipp.txt" || fail "no lease of ben"

echo "-- a restart: all come back, with their addresses"
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
[ -z "$(in_ns server ip -o link show type tun)" ] || fail "the server left its device behind"
SERVER_NAME=server2 start_lunel server "$WORK/server.conf"
for name in anna ben carl; do
	wait_until 20 grep -q "peer.up peer=$name" "$WORK/server2.log" || fail "$name did not come back"
done
grep -q "peer.up peer=ben .*ipv4=$ben " "$WORK/server2.log" || fail "ben has another address"
ping_ok ben 10.8.0.1
ping_ok carl "$ben"
