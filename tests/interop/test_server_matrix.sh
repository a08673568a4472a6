#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 600
#
# Our server, over every common transport, wrapping and data cipher: Debian's openvpn as client, then
# our own, each pings both ways and copies 10 MB each way, checked byte by byte. 40 cells, of which
# a run takes a rotating quarter, as test_matrix.sh does.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

PARTS=4

two_ends ec
pki_crypt_v2 "$WORK/pki"

serve() {
	cat >"$WORK/$SERVER_NAME.lua" <<-LUA
		local vpn = require "lunel"
		vpn.server {
		  offload = "$MODE", listen = { "1194/$1" }, server = "10.8.0.0/24", data_ciphers = { "$3" }, auth = "$4",
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt", key = "$WORK/pki/server.key",
		          $(wrap_lua "$2") },
		}
	LUA
	start_lunel server "$WORK/$SERVER_NAME.lua"
}

# through CLIENT: what every client has to see.
through() {
	wait_up 15
	ping_ok client 10.8.0.1
	address=$(in_ns client ip -4 -o address show dev tun0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p')
	[ -n "$address" ] || fail "the $1 client has no address"
	ping_ok server "$address"
	copy client 10.8.0.1
	stop "$CLIENT_PID" TERM 8 || fail "the $1 client did not end"
	server_says "peer.closed peer=client" 8
	echo "$1 $(copied)" >>"$WORK/verdict"
}

# cell PROTO WRAP CIPHER: as matrix wants it.
cell() {
	SERVER_NAME=server-$1-$2-$3
	digest=SHA1
	[ "$3" != AES-256-CBC ] || digest=SHA256
	case $1 in tcp) client_proto=tcp-client ;; *) client_proto=$1 ;; esac
	serve "$1" "$2" "$3" $digest
	start_traffic server 10.8.0.1
	CLIENT_NAME=openvpn-$1-$2-$3
	# explicit-exit-notify is for UDP alone: openvpn refuses it over TCP.
	goodbye="--explicit-exit-notify 1"
	[ "$1" != tcp ] || goodbye=
	# shellcheck disable=SC2046,SC2086
	start_openvpn client "$WORK/pki" "192.0.2.1 1194 $client_proto" --data-ciphers "$3" \
		--cipher "$3" --auth $digest $goodbye $(wrap_openvpn client "$2")
	wait_for "$WORK/$CLIENT_NAME.log" "Data Channel: cipher '$3'" 15 "$CLIENT_PID" ||
		fail "openvpn has another cipher"
	through openvpn
	CLIENT_NAME=lunel-$1-$2-$3
	profile "$WORK/pki" "192.0.2.1 1194 $1" "data-ciphers $3" "auth $digest" "offload $MODE" \
		"$(wrap_profile "$2")" >"$WORK/$CLIENT_NAME.ovpn"
	start_client client "$WORK/$CLIENT_NAME.ovpn"
	through lunel
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	[ -z "$(in_ns server ip -o link show type tun)" ] || fail "the server left its device behind"
}

matrix $PARTS
