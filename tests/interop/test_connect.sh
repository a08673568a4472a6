#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Connections of every shape: IPv4 and IPv6 outside and inside, topologies, names, files, OpenVPN's
# own command line, frames of compression.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

# through ADDRESS PEER: pings both ways and 1 MB each way.
through() {
	start_traffic server "$1"
	ping_ok client "$1"
	ping_ok server "$2"
	copy client "$1" 1048576
}

for proto in udp6 tcp6; do
	begin "$proto"
	case $proto in tcp6) server_proto=tcp6-server ;; *) server_proto=$proto ;; esac
	start_server server "$WORK/pki" --proto "$server_proto" --tls-crypt "$WORK/pki/tc.key"
	profile "$WORK/pki" "fd00:2::1 1194 $proto" "$(inline tls-crypt "$WORK/pki/tc.key")" \
		>"$WORK/a.ovpn"
	start_client client "$WORK/a.ovpn"
	wait_up 15
	client_says "Connecting to \[?fd00:2::1\]?:1194"
	through 10.8.0.1 10.8.0.2
	done_with
done

begin inner-ipv6
start_server server "$WORK/pki" --server-ipv6 fd00:8::/64 --push "route-ipv6 fd00:9::/64" \
	--push "route 198.51.100.0 255.255.255.0"
in_ns server ip address add 198.51.100.1/32 dev lo
in_ns server ip -6 address add fd00:9::1/128 dev lo
profile "$WORK/pki" "192.0.2.1 1194 udp" >"$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
wait_up 15
through fd00:8::1 fd00:8::1000
ping_ok client fd00:9::1
ping_ok client 198.51.100.1
ping_ok client 10.8.0.1
done_with

begin net30
start_server server "$WORK/pki" --topology net30
start_client client "$WORK/a.ovpn"
wait_up 15
through 10.8.0.1 10.8.0.6
in_ns client ip -br address show type tun | grep -q '10.8.0.6 peer 10.8.0.5' ||
	fail "not a net30 address"
done_with

begin p2p-topology
start_server server "$WORK/pki" --topology p2p
start_client client "$WORK/a.ovpn"
wait_up 15
through 10.8.0.1 10.8.0.4
done_with

# OpenVPN's own command line, with files beside the profile.
begin command-line
start_server server "$WORK/pki" --tls-auth "$WORK/pki/ta.key" 0 --auth SHA256
cat >"$WORK/pki/files.conf" <<-'CONF'
	# relative paths
	client
	dev-type tun
	dev lnltest0
	remote 192.0.2.1
	ca ca.crt
	cert "client.crt"
	key 'client.key'
	tls-auth ta.key 1
	auth SHA256
	remote-cert-tls server
CONF
start_client client --cd "$WORK/pki" --config files.conf --verb 4 --nobind --setenv opt whatever 1
wait_up 15
in_ns client ip link show lnltest0 >/dev/null || fail "the device has another name"
through 10.8.0.1 10.8.0.2
[ "$(tail -n 1 "$WORK/$CLIENT_NAME.log")" != "" ] || fail "no log"
done_with

# Frames of compression, as servers with old configurations have them.
for framing in "comp-lzo no" "compress" "compress stub" "compress stub-v2" "comp-noadapt"; do
	begin "$(echo "$framing" | tr ' ' -)"
	case $framing in
	comp-noadapt)
		# Pushed, to a client that has the old directive.
		server="--comp-lzo no --push"
		pushed="comp-lzo no"
		line="comp-lzo"
		;;
	"compress stub-v2")
		server="--compress stub-v2 --push"
		pushed="compress stub-v2"
		line="# pushed"
		;;
	*)
		server="--$framing"
		pushed=
		line=$framing
		;;
	esac
	# shellcheck disable=SC2086
	start_server server "$WORK/pki" $server ${pushed:+"$pushed"}
	profile "$WORK/pki" "192.0.2.1 1194 udp" "$line" >"$WORK/b.ovpn"
	start_client client "$WORK/b.ovpn"
	wait_up 15
	through 10.8.0.1 10.8.0.2
	done_with
done
