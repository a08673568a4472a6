#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 240
#
# A server's configuration as eduVPN writes it, every directive of it, unchanged but for paths, keys and
# addresses: over all of its transports, with Debian's openvpn as client. Its client-connect program lets
# in whose organisational unit is the profile's, its daemon speaks with the management socket. Debian's
# openvpn serves the same file in the same way first: what is expected here is what eduVPN knows.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

PARTS=2

two_ends ec
need_program python3
in_ns client ip route add default via 192.0.2.1
in_ns client ip -6 route add default via fd00:2::1
pki_issue "$WORK/pki" anna client "/O=Lunel Test/OU=employees/CN=anna"
pki_issue "$WORK/pki" ben client "/O=Lunel Test/OU=students/CN=ben"
# openvpn runs the programs as nobody.
chmod 711 "$WORK"
mkdir -m 755 "$WORK/libexec"
mkdir -m 710 "$WORK/openvpn-server"

for program in connect disconnect; do
	cat >"$WORK/libexec/client-$program" <<-SH
		#!/bin/sh
		{ echo "script_type=\$script_type"; env; } >>"$WORK/hooks/$program.\$common_name"
	SH
done
cat >>"$WORK/libexec/client-connect" <<-SH
	[ -f "\$1" ] || exit 2
	[ "\$X509_0_OU" = "\$PROFILE_ID" ] || {
		echo "'\$X509_0_OU' is not '\$PROFILE_ID'" >&2
		exit 1
	}
SH
chmod 755 "$WORK/libexec"/*

# eduvpn PROTO LOG: the file, in the order in which eduVPN writes it.
eduvpn() {
	SOCKET=$WORK/openvpn-server/employees-0.sock
	cat <<-CONF
		# OpenVPN Server Config | Automatically Generated | Do NOT modify!
		verb 3
		dev-type tun
		user nobody
		group nogroup
		topology subnet
		persist-key
		persist-tun
		remote-cert-tls client
		dh none
		tls-version-min 1.3
		data-ciphers AES-256-GCM:CHACHA20-POLY1305
		reneg-sec 36000
		client-connect $WORK/libexec/client-connect
		client-disconnect $WORK/libexec/client-disconnect
		server 10.43.7.0 255.255.255.128
		server-ipv6 fd43:7::/112
		max-clients 124
		keepalive 10 60
		script-security 2
		dev tun0
		port 1194
		management $SOCKET unix
		setenv PROFILE_ID employees
		proto $1
		$(inline ca "$WORK/pki/ca.crt")
		$(inline cert "$WORK/pki/server.crt")
		$(inline key "$WORK/pki/server.key")
		$(inline tls-crypt "$WORK/pki/tc.key")
		log $2
	CONF
	case $1 in
	tcp*) echo tcp-nodelay ;;
	*) printf 'explicit-exit-notify 1\npush "explicit-exit-notify 1"\n' ;;
	esac
	case $1 in *6*) ;; *) echo "local 192.0.2.1" ;; esac
	cat <<-CONF
		push "redirect-gateway def1 ipv6 block-local"
		push "route 0.0.0.0 0.0.0.0"
		push "route 10.99.0.0 255.255.0.0"
		push "route-ipv6 fd99::/48"
		push "route 192.168.77.0 255.255.255.0 net_gateway"
		push "route-ipv6 fd77::/48 net_gateway_ipv6"
		push "dhcp-option DNS 10.43.7.1"
		push "dhcp-option DNS fd43:7::1"
		push "block-outside-dns"
		push "dhcp-option DOMAIN-SEARCH example.org"
	CONF
}

PUSHED="redirect-gateway def1 ipv6 block-local
route 0.0.0.0 0.0.0.0
route 10.99.0.0 255.255.0.0
route-ipv6 fd99::/48
route 192.168.77.0 255.255.255.0 net_gateway
route-ipv6 fd77::/48 net_gateway_ipv6
dhcp-option DNS 10.43.7.1
dhcp-option DNS fd43:7::1
block-outside-dns
dhcp-option DOMAIN-SEARCH example.org
route-gateway 10.43.7.1
topology subnet
ping 10
ping-restart 60
ifconfig 10.43.7.2 255.255.255.128
ifconfig-ipv6 fd43:7::2/112 fd43:7::1"

manage() {
	python3 "${LUNEL_SOURCE:-${0%/*}/../..}/tests/interop/manage.py" "$SOCKET" "$@" \
		>"$WORK/said.txt" 2>&1 || {
		cat "$WORK/said.txt"
		fail "the management interface did not answer: $*"
	}
}

# said LINE: one of the lines of the answer.
said() {
	grep -qxF -- "$1" "$WORK/said.txt" || {
		cat "$WORK/said.txt"
		fail "it did not say: $1"
	}
}

# connect CERT PROTO ADDRESS: a stock client.
connect() {
	CLIENT_NAME=$1-$BY-$2
	PROFILE_CERT=$1
	case $2 in
	tcp6*) connect_proto=tcp6-client ;;
	tcp*) connect_proto=tcp-client ;;
	*) connect_proto=$2 ;;
	esac
	start_openvpn client "$WORK/pki" "$3 1194 $connect_proto" --tls-crypt "$WORK/pki/tc.key"
}

all_pushed() {
	reply=$(grep -o "PUSH_REPLY,.*'" "$WORK/$CLIENT_NAME.log" | head -n 1 | tr -d "'")
	{
		echo "$PUSHED"
		case $1 in tcp*) echo "socket-flags TCP_NODELAY" ;; *) echo "explicit-exit-notify 1" ;; esac
	} | while read -r option; do
		case ",$reply," in
		*",$option,"*) ;;
		*) echo "$option" ;;
		esac
	done >"$WORK/missing.txt"
	[ ! -s "$WORK/missing.txt" ] || {
		echo "$reply"
		cat "$WORK/missing.txt"
		fail "that was not pushed"
	}
	# What a Linux client does not know, it says; all else has to be what it takes.
	! grep -F "[PUSH-OPTIONS]" "$WORK/$CLIENT_NAME.log" | grep -v block-outside-dns ||
		fail "the client refuses what was pushed"
}

# told PROGRAM NAME=VALUE...: what the program was told of anna, the last time.
told() {
	program=$1
	shift
	tac "$WORK/hooks/$program.anna" | sed '/^script_type=client-.*/q' >"$WORK/told.txt"
	for pair in "$@"; do
		grep -Eqx -- "$pair" "$WORK/told.txt" || {
			cat "$WORK/told.txt"
			fail "client-$program was not told $pair"
		}
	done
}

called() {
	[ "$(grep -c "^common_name=anna$" "$WORK/hooks/$1.anna" 2>/dev/null)" = "$2" ]
}

once() {
	wait_until 10 called "$1" "$2" || fail "client-$1 did not run $2 times"
}

# whose PROTO: sets what anna's end of the connection is called.
whose() {
	case $1 in
	*6*) END_ADDRESS=fd00:2::2 SERVER_ADDRESS=fd00:2::1 IP=trusted_ip6 ;;
	*) END_ADDRESS=192.0.2.2 SERVER_ADDRESS=192.0.2.1 IP=trusted_ip ;;
	esac
}

# life PROTO: what both servers have to do.
life() {
	whose "$1"
	connect anna "$1" "$SERVER_ADDRESS"
	wait_up 15
	all_pushed "$1"
	ping_ok client 10.43.7.1
	ping_ok client fd43:7::1
	once connect 1
	told connect PROFILE_ID=employees X509_0_OU=employees common_name=anna "$IP=$END_ADDRESS" \
		ifconfig_pool_remote_ip=10.43.7.2 ifconfig_pool_remote_ip6=fd43:7::2 \
		script_type=client-connect 'trusted_port=[0-9]+' 'time_unix=[0-9]+' \
		X509_0_CN=anna 'X509_0_O=Lunel Test' 'tls_serial_0=[0-9]+' dev=tun0 'time_ascii=20.*'
	manage "status 2"
	grep -Eq "^CLIENT_LIST,anna,$END_ADDRESS(:[0-9]+)?,10\.43\.7\.2,fd43:7::2,[1-9][0-9]*,[1-9][0-9]*,20[0-9-]+ [0-9:]+,[0-9]+,UNDEF,0,[0-9]+,AES-256-GCM$" \
		"$WORK/said.txt" || {
		cat "$WORK/said.txt"
		fail "anna is not in status 2"
	}
	grep -q "^ROUTING_TABLE,10.43.7.2,anna,$END_ADDRESS" "$WORK/said.txt" || fail "no route of hers"
	said END
	anna=$CLIENT_PID
	anna_log=$CLIENT_NAME

	connect ben "$1" "$SERVER_ADDRESS"
	client_says 'AUTH_FAILED' 15
	stop "$CLIENT_PID" TERM 5
	manage "kill carl"
	said "ERROR: common name 'carl' not found"
	CLIENT_PID=$anna
	CLIENT_NAME=$anna_log
	manage "kill anna"
	said "SUCCESS: common name 'anna' found, 1 client(s) killed"
	once disconnect 1
	told disconnect PROFILE_ID=employees X509_0_OU=employees common_name=anna "$IP=$END_ADDRESS" \
		ifconfig_pool_remote_ip=10.43.7.2 ifconfig_pool_remote_ip6=fd43:7::2 \
		script_type=client-disconnect 'bytes_received=[1-9][0-9]*' 'bytes_sent=[1-9][0-9]*' \
		'time_duration=[0-9]+'
}

# ---- what eduVPN knows ----

begin() {
	BY=$1
	SERVER_NAME=$1-$2
	rm -rf "$WORK/hooks"
	mkdir -m 1777 "$WORK/hooks"
	chmod 1777 "$WORK/hooks"
	echo "-- $2 by $1"
	eduvpn "$2" "$WORK/$SERVER_NAME.log" >"$WORK/$SERVER_NAME.conf"
}

by_openvpn() {
	begin openvpn "$1"
	start server "$SERVER_NAME" openvpn --config "$WORK/$SERVER_NAME.conf" --verb 4
	SERVER_PID=$STARTED
	server_says 'Initialization Sequence Completed' 15
	life "$1"
	stop "$CLIENT_PID" TERM 8
	stop "$SERVER_PID" TERM 8
	rm -f "$SOCKET"
}

# ---- and what it gets ----

by_lunel() {
	begin lunel "$1"
	"$LUNEL" check "$WORK/$SERVER_NAME.conf" >"$WORK/check.txt" 2>&1 || {
		cat "$WORK/check.txt"
		fail "check"
	}
	! grep -E '^(warn|error)' "$WORK/check.txt" || fail "the file is not taken as it is"
	start_lunel server "$WORK/$SERVER_NAME.conf"
	grep -q "^Uid:.65534.65534.65534.65534$" "/proc/$SERVER_PID/status" || fail "it is not nobody"
	[ "$(stat -c %a,%u "$SOCKET")" = 600,0 ] || fail "others may speak with it"
	life "$1"
	# Who is killed is told, and let in again in the same place.
	wait_ups 2 20
	once connect 2
	ping_ok client 10.43.7.1
	manage "status 2" "load-stats"
	grep -q "^CLIENT_LIST,anna,.*,10.43.7.2,fd43:7::2,.*,[1-9],[0-9]*,AES-256-GCM$" "$WORK/said.txt" ||
		fail "anna is not back"
	[ "$(grep -c '^CLIENT_LIST' "$WORK/said.txt")" = 1 ] || fail "there are more"
	end_by=$(sed -n 's/^CLIENT_LIST,anna,\([0-9.]*:[0-9]*\),.*/\1/p' "$WORK/said.txt")
	case $1 in
	*6*) stop "$CLIENT_PID" TERM 8 ;;
	*)
		manage "kill $end_by"
		said "SUCCESS: 1 client(s) at address $end_by killed"
		wait_ups 3 20
		once disconnect 2
		stop "$CLIENT_PID" TERM 8
		once connect 3
		once disconnect 3
		;;
	esac
	case $1 in
	*6*)
		once disconnect 2
		# One socket for both families, as OpenVPN's.
		whose udp
		IP_PROTO=$(echo "$1" | tr -d 6)
		connect anna "$IP_PROTO" 192.0.2.1
		wait_up 15
		told connect trusted_ip=192.0.2.2
		stop "$CLIENT_PID" TERM 8
		once disconnect 3
		;;
	esac
	[ "$(grep -c '^common_name=ben$' "$WORK/hooks/connect.ben")" -ge 1 ] || fail "ben was not asked about"
	[ ! -e "$WORK/hooks/disconnect.ben" ] || fail "ben, who was never in, has left"
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	[ ! -e "$SOCKET" ] || fail "the socket is left"
}

index=0
for proto in udp udp6 tcp6-server tcp-server; do
	if case_chosen $index $PARTS; then
		by_openvpn $proto
		by_lunel $proto
		rm -f "$WORK"/*.log
	fi
	index=$((index + 1))
done

echo "-- without a log, as eduVPN has it by default"
begin lunel nolog
eduvpn udp6 /dev/null >"$WORK/$SERVER_NAME.conf"
start server "$SERVER_NAME" "$LUNEL" --config "$WORK/$SERVER_NAME.conf"
SERVER_PID=$STARTED
wait_until 10 test -S "$SOCKET" || fail "no socket"
manage state
grep -Eq '^[0-9]+,CONNECTED,SUCCESS,10\.43\.7\.1,,,,,fd43:7::1$' "$WORK/said.txt" || fail "the state"
[ ! -s "$WORK/$SERVER_NAME.log" ] || fail "it says something"
# However it ends, its helper leaves no socket behind.
kill -s KILL "$SERVER_PID"
wait_until 5 test ! -e "$SOCKET" || fail "the socket outlives it"
