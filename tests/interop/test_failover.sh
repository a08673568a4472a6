#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Remotes that are silent, that refuse or are not there, and the way from UDP to TCP with the profile
# that eduVPN gives out. The cases run side by side: each waits for its timeouts.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ed25519

seconds() {
	read -r uptime _ </proc/uptime
	echo "${uptime%.*}"
}

# silent PORT: takes datagrams and never answers.
silent() {
	start server "silent-$1" "$TOOLS/relay" 192.0.2.1 "$1" 127.0.0.1 9 1 1000 0 0
	wait_for "$WORK/silent-$1.log" ready 5 "$STARTED" || fail "no relay"
}

# The order of the list, each for its own time.
silent_remote() {
	begin silent-remote
	start_server server "$WORK/pki" --server 10.8.1.0 255.255.255.0 --local 192.0.2.1 --port 1201
	silent 1301
	profile "$WORK/pki" "x" "server-poll-timeout 3" | sed '/^remote /d' >"$WORK/$CLIENT_NAME.ovpn"
	cat <<-PROFILE >>"$WORK/$CLIENT_NAME.ovpn"
		<connection>
		remote 192.0.2.1 1301 udp
		connect-timeout 2
		</connection>
		<connection>
		remote 192.0.2.1 1302 tcp
		</connection>
		<connection>
		remote 192.0.2.1 1201 udp
		explicit-exit-notify 1
		</connection>
	PROFILE
	begun=$(seconds)
	start_client c1 "$WORK/$CLIENT_NAME.ovpn"
	wait_up 20
	took=$(($(seconds) - begun))
	[ $took -ge 2 ] || fail "it did not wait for the first remote ($took s)"
	[ $took -le 10 ] || fail "it took $took s"
	client_says 'cannot connect to 192.0.2.1:1302 over TCP: Connection refused'
	ping_ok c1 10.8.1.1
}

# The complete profile of eduVPN (PROTOCOL section 3), with a network that lets no UDP through.
eduvpn() {
	begin eduvpn
	start_server server "$WORK/pki" --server 10.8.2.0 255.255.255.0 --server-ipv6 fd00:8:2::/64 \
		--proto tcp-server --port 1202 --tls-version-min 1.3 --tls-crypt "$WORK/pki/tc.key" \
		--data-ciphers AES-256-GCM:CHACHA20-POLY1305 --reneg-sec 36000 --tcp-nodelay \
		--remote-cert-tls client --push "redirect-gateway def1 ipv6" \
		--push "route 0.0.0.0 0.0.0.0" --push "dhcp-option DNS 9.9.9.9" \
		--push "dhcp-option DNS 2620:fe::fe" --push block-outside-dns \
		--push "dhcp-option DOMAIN-SEARCH vpn.example" --push "route 192.0.2.128 255.255.255.128 net_gateway"
	silent 1202
	{
		cat <<-PROFILE
			dev tun
			client
			nobind
			remote-cert-tls server
			verb 3
			server-poll-timeout 10
			tls-version-min 1.3
			data-ciphers AES-256-GCM:CHACHA20-POLY1305
			reneg-sec 0
		PROFILE
		inline ca "$WORK/pki/ca.crt"
		echo
		inline cert "$WORK/pki/client.crt"
		echo
		inline key "$WORK/pki/client.key"
		echo
		printf '<tls-crypt>\n#\n# 2048 bit OpenVPN static key\n#\n%s\n</tls-crypt>\n' \
			"$(cat "$WORK/pki/tc.key")"
		echo "remote 192.0.2.1 1202 udp"
		echo "remote 192.0.2.1 1202 tcp"
		echo "script-security 0"
	} >"$WORK/$CLIENT_NAME.ovpn"
	begun=$(seconds)
	start_client c2 "$WORK/$CLIENT_NAME.ovpn"
	wait_up 25
	took=$(($(seconds) - begun))
	case $took in 9 | 1[0-4]) ;; *) fail "it took $took s, not 10" ;; esac
	client_says 'Connecting to 192.0.2.1:1202 over udp'
	client_says 'Connecting to 192.0.2.1:1202 over tcp'
	ping_ok c2 10.8.2.1
	ping_ok c2 fd00:8:2::1
}

# All remotes are tried so many times, and that is it.
no_remote() {
	begin no-remote
	profile "$WORK/pki" "192.0.2.1 1304 tcp" "remote 192.0.2.1 1305 tcp" "connect-retry 1 1" \
		"connect-retry-max 2" >"$WORK/$CLIENT_NAME.ovpn"
	start_client c3 "$WORK/$CLIENT_NAME.ovpn"
	client_fails 'Connection refused'
	[ "$(says_times "$WORK/$CLIENT_NAME.log" 'Connection failed')" -eq 4 ] || fail "not four attempts"
}

# TCP to an address where nobody answers at all.
deaf_host() {
	begin deaf-host
	start_server server "$WORK/pki" --server 10.8.4.0 255.255.255.0 --local 192.0.2.1 --port 1204
	profile "$WORK/pki" "192.0.2.99 1204 tcp" "remote 192.0.2.1 1204 udp" "connect-timeout 2" \
		>"$WORK/$CLIENT_NAME.ovpn"
	start_client c4 "$WORK/$CLIENT_NAME.ovpn"
	wait_up 10
	ping_ok c4 10.8.4.1
}

# Clients have a network each, behind the server's machine.
in_ns server sysctl -qw net.ipv4.ip_forward=1
for number in 1 2 3 4; do
	ns_make "c$number"
	ns_link server "198.51.100.$((number * 4 + 1))/30" "c$number" "198.51.100.$((number * 4 + 2))/30"
	in_ns "c$number" ip route add default via "198.51.100.$((number * 4 + 1))"
done
parallel silent_remote eduvpn no_remote deaf_host
