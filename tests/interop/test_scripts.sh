#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Programs that a profile names: when they run, with which words and variables (beside OpenVPN as a
# client), when they do not, and DNS by resolvconf.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

# Notes its environment and its arguments under the name of what it runs for.
cat >"$WORK/note" <<SCRIPT
#!/bin/sh
echo "\$script_type \$script_context" >>"$WORK/noted"
env | sort >"$WORK/\$script_type.env"
echo "\$*" >"$WORK/\$script_type.args"
SCRIPT
chmod +x "$WORK/note"

start_scripts_server() {
	: >"$WORK/noted"
	rm -f "$WORK"/*.env "$WORK"/*.args
	start_server server "$WORK/pki" --push "route 198.51.100.0 255.255.255.0" \
		--push "route 203.0.113.0 255.255.255.128 net_gateway" --server-ipv6 fd00:8::/64 \
		--push "dhcp-option DNS 10.8.0.1" --push "dhcp-option DNS fd00:8::1" \
		--push "dhcp-option DOMAIN vpn.example"
}

# The values that programs rely on.
NAMES='dev|dev_type|tun_mtu|script_type|script_context|ifconfig_local|ifconfig_netmask'
NAMES="$NAMES|ifconfig_ipv6_local|ifconfig_ipv6_netbits|ifconfig_ipv6_remote|route_vpn_gateway"
NAMES="$NAMES|route_net_gateway|route_network_[0-9]|route_netmask_[0-9]|route_gateway_[0-9]|trusted_ip|trusted_port"
NAMES="$NAMES|remote_1|remote_port_1|proto_1|foreign_option_[0-9]|MY_OWN|verb"

keep_notes() {
	rm -rf "${WORK:?}/$1"
	mkdir "$WORK/$1"
	mv "$WORK"/*.env "$WORK"/*.args "$WORK/noted" "$WORK/$1"
}

begin beside-openvpn
in_ns client ip route add default via 192.0.2.1
start_scripts_server
profile "$WORK/pki" "192.0.2.1 1194 udp" "dev tun0" "setenv MY_OWN value" \
	"up \"$WORK/note one two\"" "down $WORK/note" "route-up $WORK/note" \
	"route-pre-down $WORK/note" >"$WORK/a.ovpn"
start client openvpn openvpn --config "$WORK/a.ovpn" --script-security 2
wait_for "$WORK/openvpn.log" 'Initialization Sequence Completed' 15 "$STARTED" || fail "openvpn"
stop "$STARTED" TERM 5
keep_notes theirs
: >"$WORK/noted"
start_client client --config "$WORK/a.ovpn" --script-security 2
wait_up 15
end_client
keep_notes ours
for what in up route-up route-pre-down down; do
	for whose in theirs ours; do
		grep -E "^($NAMES)=" "$WORK/$whose/$what.env" >"$WORK/$whose.$what"
	done
	diff -u "$WORK/theirs.$what" "$WORK/ours.$what" || fail "the variables of $what differ"
	diff -u "$WORK/theirs/$what.args" "$WORK/ours/$what.args" || fail "the words of $what differ"
done
grep -q '^foreign_option_3=dhcp-option DOMAIN vpn.example$' "$WORK/ours.up" || fail "no DNS"
diff -u "$WORK/theirs/noted" "$WORK/ours/noted" || fail "other programs, or in another order"

# A file that others may write to permits nothing, and neither does one that says nothing.
begin not-permitted
for owner in 65534 0; do
	cp "$WORK/a.ovpn" "$WORK/b.ovpn"
	[ $owner = 0 ] || echo "script-security 2" >>"$WORK/b.ovpn"
	chown $owner "$WORK/b.ovpn"
	: >"$WORK/noted"
	start_client client "$WORK/b.ovpn"
	wait_up 15
	client_says 'WARNING.*up.*script-security 2'
	end_client
	[ ! -s "$WORK/noted" ] || fail "a program ran"
done

# In a file that only root can write to the profile may say so itself.
begin file-of-root
start_client client "$WORK/a.ovpn" --verb 3
wait_up 15
end_client
[ ! -s "$WORK/noted" ] || fail "a program ran"
echo "script-security 2" >>"$WORK/a.ovpn"
chmod 600 "$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
wait_up 15
end_client
grep -q '^up init$' "$WORK/noted" || fail "the program did not run"

# Over a restart they run again only when that is asked for.
begin up-restart
for asked in no yes; do
	: >"$WORK/noted"
	if [ $asked = yes ]; then set -- --up-restart; else set --; fi
	start_client client "$WORK/a.ovpn" "$@"
	wait_up 15
	kill -s USR1 "$CLIENT_PID"
	wait_ups 2 10
	end_client
	rm -f "$WORK/$CLIENT_NAME.log"
	if [ $asked = yes ]; then
		grep -q '^up restart$' "$WORK/noted" || fail "not run over the restart"
	else
		! grep -q '^up restart$' "$WORK/noted" || fail "run over the restart"
	fi
done

# A program that fails ends the tunnel, and nothing stays.
begin failing-program
start_client client "$WORK/a.ovpn" --up /bin/false
client_fails 'up /bin/false: exit status 1|up .*/false'

# Without root's powers the programs run all the same: a helper has them.
begin unprivileged
: >"$WORK/noted"
start_client client "$WORK/a.ovpn" --user nobody
wait_up 15
ping_ok client 10.8.0.1
grep -q '^Uid:.*65534' "/proc/$CLIENT_PID/status" || fail "still root"
end_client
grep -q '^down init$' "$WORK/noted" || fail "down did not run"
stop "$SERVER_PID" TERM 5
ns_kill server

# DNS: as resolvconf gets it, and takes it back. The programs are put in the place of real ones, for
# this process alone (ip netns exec has mounts of its own).
begin resolvconf
mkdir "$WORK/bin"
for program in resolvconf resolvectl; do
	cat >"$WORK/bin/$program" <<-SCRIPT
		#!/bin/sh
		{ echo "$program \$*"; [ "\$1" != -a ] || cat; } >>"$WORK/noted"
	SCRIPT
	chmod +x "$WORK/bin/$program"
done
start_scripts_server
: >"$WORK/noted"
profile "$WORK/pki" "192.0.2.1 1194 udp" "dev tun0" "up /etc/openvpn/update-resolv-conf" \
	>"$WORK/a.ovpn"
net_state client >"$WORK/$CLIENT_NAME.before"
client_ns=client
# shellcheck disable=SC2016
start client "$CLIENT_NAME" sh -c 'mount --bind "$1" /usr/local/sbin && PATH=/usr/local/sbin:$PATH && exec "$2" "$3"' \
	sh "$WORK/bin" "$LUNEL" "$WORK/a.ovpn"
CLIENT_PID=$STARTED
wait_up 15
if [ -d /run/systemd/resolve ]; then
	grep -q '^resolvectl dns tun0 10.8.0.1 fd00:8::1$' "$WORK/noted" || fail "no servers"
	grep -q '^resolvectl domain tun0 vpn.example' "$WORK/noted" || fail "no domain"
else
	grep -q '^resolvconf -a tun0' "$WORK/noted" || fail "resolvconf was not called"
	grep -q '^nameserver 10.8.0.1$' "$WORK/noted" || fail "no IPv4 server"
	grep -q '^nameserver fd00:8::1$' "$WORK/noted" || fail "no IPv6 server"
	grep -q '^search vpn.example$' "$WORK/noted" || fail "no domain"
fi
end_client
grep -Eq '^(resolvconf -d|resolvectl revert) tun0' "$WORK/noted" || fail "it was not taken back"
