#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# TLS: RSA, EC and Ed25519 certificates under TLS 1.2 and 1.3, of which each end may insist on one,
# and data keys by the PRF of TLS 1.0, from a peer that does not export keys.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

# tunnel_works: pings both ways and 1 MB each way.
tunnel_works() {
	start_traffic server 10.8.0.1
	ping_ok client 10.8.0.1
	ping_ok server 10.8.0.2
	copy client 10.8.0.1 1048576
}

for keys in rsa ec ed25519; do
	[ -f "$WORK/$keys/ca.crt" ] || pki_make "$WORK/$keys" "$keys"
	for version in 1.2 1.3; do
		for side in server client; do
			begin "$keys-tls$version-by-$side"
			there=
			here=
			case $side in
			server) there="--tls-version-min $version --tls-version-max $version" ;;
			client) here=$(printf 'tls-version-min %s\ntls-version-max %s' $version $version) ;;
			esac
			# shellcheck disable=SC2086
			start_server server "$WORK/$keys" $there --tls-crypt "$WORK/pki/tc.key"
			profile "$WORK/$keys" "192.0.2.1 1194 udp" "$here" \
				"$(inline tls-crypt "$WORK/pki/tc.key")" >"$WORK/a.ovpn"
			start_client client "$WORK/a.ovpn"
			wait_up 15
			client_says "tls.handshake version=TLSv$version"
			client_says 'derivation=tls-ekm'
			tunnel_works
			done_with
		done
	done
done

# Without --pull the client announces nothing that OpenVPN would negotiate, as peers before 2.4 did:
# keys by the PRF, packets without a peer id, the ciphers as configured.
for cipher in AES-256-CBC AES-256-GCM; do
	begin "prf-$cipher"
	start server "$SERVER_NAME" openvpn --verb 4 --dev tun --proto udp --port 1194 --tls-server \
		--ca "$WORK/pki/ca.crt" --cert "$WORK/pki/server.crt" --key "$WORK/pki/server.key" \
		--dh none --ifconfig 10.8.0.1 10.8.0.2 --cipher $cipher --data-ciphers-fallback $cipher \
		--auth SHA256 --ping 10 --ping-restart 60 --tls-auth "$WORK/pki/ta.key" 0
	SERVER_PID=$STARTED
	server_says 'UDPv4 link remote'
	profile "$WORK/pki" "192.0.2.1 1194 udp" "ifconfig 10.8.0.2 10.8.0.1" "cipher $cipher" \
		"data-ciphers-fallback $cipher" "auth SHA256" "key-direction 1" "explicit-exit-notify 1" \
		"$(inline tls-auth "$WORK/pki/ta.key")" | sed 's/^client$/tls-client/' >"$WORK/a.ovpn"
	start_client client "$WORK/a.ovpn"
	wait_up 15
	client_says 'derivation=prf'
	# Such a peer has its keys only some time after the handshake.
	server_says 'Initialization Sequence Completed'
	tunnel_works
	end_client
	server_says 'SIGUSR1\[soft,remote-exit\]' 3
	stop "$SERVER_PID" TERM 5
	ns_kill server
done
