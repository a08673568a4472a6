#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# The programs of a server's device (up, route-up, down), beside OpenVPN's server: the same words and
# variables; and one that fails ends the server. Those about a client, and the files that they share with us.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

cat >"$WORK/note" <<SCRIPT
#!/bin/sh
env | sort >"$WORK/\$script_type.env"
echo "\$script_type: \$*" >>"$WORK/noted"
SCRIPT
printf '#!/bin/sh\necho "no luck" >&2\nexit 3\n' >"$WORK/fail"
chmod +x "$WORK/note" "$WORK/fail"

# configuration TOPOLOGY
configuration() {
	cat <<-CONF
		dev tun0
		topology $1
		server 10.8.4.0 255.255.252.0
		server-ipv6 fd00:8::/64
		ca $WORK/pki/ca.crt
		cert $WORK/pki/server.crt
		key $WORK/pki/server.key
		tls-crypt $WORK/pki/tc.key
		dh none
		script-security 2
		setenv MY_OWN value
		up "$WORK/note one two"
		route-up $WORK/note
		down $WORK/note
	CONF
}

NAMES='dev|dev_type|tun_mtu|script_type|script_context|ifconfig_local|ifconfig_netmask|ifconfig_remote'
NAMES="$NAMES|ifconfig_ipv6_local|ifconfig_ipv6_netbits|ifconfig_ipv6_remote|route_vpn_gateway|MY_OWN"

# noted WHOSE: the server ends; what was noted is left in WHOSE.*
noted() {
	wait_for "$WORK/noted" '^route-up' 5 || fail "no route-up"
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	wait_for "$WORK/noted" '^down' 5 || fail "no down"
	for what in up route-up down; do
		echo "-- $what"
		grep -E "^($NAMES)=" "$WORK/$what.env"
	done >"$WORK/$1.env"
	mv "$WORK/noted" "$WORK/$1.noted"
	ns_kill server
}

for topology in subnet net30; do
	configuration $topology >"$WORK/server.conf"
	begin theirs
	start server "$SERVER_NAME" openvpn --verb 3 --config "$WORK/server.conf"
	SERVER_PID=$STARTED
	server_says 'Initialization Sequence Completed' 15
	noted theirs
	begin ours
	start_lunel server --config "$WORK/server.conf"
	noted ours
	diff -u "$WORK/theirs.noted" "$WORK/ours.noted" || fail "$topology: the words differ"
	diff -u "$WORK/theirs.env" "$WORK/ours.env" || fail "$topology: the variables differ"
done

begin failing
configuration subnet | sed "s|^up .*|up $WORK/fail|" >"$WORK/server.conf"
start server "$SERVER_NAME" "$LUNEL" --config "$WORK/server.conf"
SERVER_PID=$STARTED
# Called by wait_until.
# shellcheck disable=SC2317
server_ended() {
	! alive "$SERVER_PID"
}
wait_until 15 server_ended || fail "the server goes on"
wait "$SERVER_PID"
status=$?
[ "$status" -eq 1 ] || fail "exit status $status"
grep -q 'A program failed: up .*status 3' "$WORK/$SERVER_NAME.log" || fail "the reason is not told"
ns_kill server

# The programs about a client: the same words and variables, but for those of what we do not do
# (answering later, by files), of the server's own routes, and of its process and command line.
NOT_OURS='auth_control_file|auth_failed_reason_file|auth_pending_file|client_connect_deferred_file'
NOT_OURS="$NOT_OURS|route_net_gateway|route_(gateway|netmask|network)_[0-9]+"
NOT_OURS="$NOT_OURS|daemon|daemon_.*|config|remote_port_[0-9]+|redirect_gateway"
cat >"$WORK/about" <<SCRIPT
#!/bin/sh
what=\$script_type
case \$what in tls-verify | learn-address) what=\$what.\$1 ;; esac
echo "\$*" >"$WORK/about.\$what.words"
env >"$WORK/about.\$what.env.part"
mv "$WORK/about.\$what.env.part" "$WORK/about.\$what.env"
SCRIPT
chmod +x "$WORK/about"
printf 'joe\nsesame\n' >"$WORK/login.txt"
chmod 600 "$WORK/login.txt"

# about WHOSE: a client comes and goes; what was told is left in WHOSE.*, moments and ports masked.
about() {
	start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" --tls-crypt "$WORK/pki/tc.key" \
		--auth-user-pass "$WORK/login.txt" --explicit-exit-notify 1 --push-peer-info \
		--setenv UV_SITE "a #\$(b)\`c\`~"
	wait_up 15
	wait_until 5 test -s "$WORK/about.learn-address.add.env" || fail "no learn-address"
	end_client
	# OpenVPN lets five seconds pass after a client's goodbye.
	wait_until 12 test -s "$WORK/about.client-disconnect.env" || fail "no client-disconnect"
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	for what in tls-verify.1 tls-verify.0 user-pass-verify client-connect learn-address.add \
		client-disconnect; do
		echo "-- $what: $(sed "s|/.*||" "$WORK/about.$what.words")"
		grep -Ev "^(PATH|PWD|OLDPWD|SHLVL|_|$NOT_OURS)=" "$WORK/about.$what.env" | sort | sed -E \
			-e 's/^((trusted|untrusted)_port|time_.*|bytes_.*|client_connect_config_file)=.+/\1=.../'
	done >"$WORK/$1.about"
	rm "$WORK"/about.*
	ns_kill server
}

for topology in subnet net30; do
	{
		configuration $topology | grep -Ev '^(up|down|route-up) '
		for option in tls-verify client-connect learn-address client-disconnect; do
			echo "$option $WORK/about"
		done
		echo "auth-user-pass-verify $WORK/about via-file"
		echo "verb 3"
		echo "port 1194"
	} >"$WORK/server.conf"
	begin theirs-about
	start server "$SERVER_NAME" openvpn --config "$WORK/server.conf"
	SERVER_PID=$STARTED
	server_says 'Initialization Sequence Completed' 15
	about theirs
	begin ours-about
	start_lunel server --config "$WORK/server.conf"
	about ours
	diff -u "$WORK/theirs.about" "$WORK/ours.about" || fail "$topology: a client's variables differ"
	grep -q '^X509_1_CN=Test CA$' "$WORK/ours.about" || fail "$topology: no word of the authority"
done

begin clients
mkdir -m 700 "$WORK/tmp"
cat >"$WORK/judge" <<SCRIPT
#!/bin/sh
stat -c '%a %n' "\$1" >"$WORK/judge.file"
[ "\$(sed -n 1p "\$1")" = joe ] && [ "\$(sed -n 2p "\$1")" = sesame ]
SCRIPT
cat >"$WORK/greet" <<SCRIPT
#!/bin/sh
case \$script_type in
client-connect) echo 'push "route 10.99.0.0 255.255.0.0"' >"\$1" ;;
esac
echo "\$script_type \$common_name \$username \$ifconfig_pool_remote_ip \$bytes_received" >>"$WORK/greeted"
SCRIPT
chmod +x "$WORK/judge" "$WORK/greet"
{
	configuration subnet | grep -Ev '^(up|down|route-up) '
	echo "auth-user-pass-verify $WORK/judge via-file"
	echo "client-connect $WORK/greet"
	echo "client-disconnect $WORK/greet"
	echo "tmp-dir $WORK/tmp"
	echo "user nobody"
} >"$WORK/server.conf"
chown nobody "$WORK/tmp"
chmod 711 "$WORK"
start_lunel server --config "$WORK/server.conf"
start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" --tls-crypt "$WORK/pki/tc.key" \
	--auth-user-pass "$WORK/login.txt" --explicit-exit-notify 1
wait_up 15
in_ns client ip route show 10.99.0.0/16 | grep -q tun || fail "what client-connect wrote was not pushed"
grep -q "^600 $WORK/tmp/lunel_" "$WORK/judge.file" || fail "the password's file: $(cat "$WORK/judge.file")"
end_client
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
grep -q '^client-connect client joe 10.8.4.2 $' "$WORK/greeted" || fail "client-connect: $(cat "$WORK/greeted")"
grep -Eq '^client-disconnect client joe 10.8.4.2 [0-9]+$' "$WORK/greeted" ||
	fail "client-disconnect: $(cat "$WORK/greeted")"
[ -z "$(ls "$WORK/tmp")" ] || fail "files are left: $(ls "$WORK/tmp")"
