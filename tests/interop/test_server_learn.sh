#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 150
#
# `learn-address`: the same program, beside OpenVPN's server, is asked in the same words; what it refuses is
# not given; who waits for it keeps up nobody else; what it was told of is told as gone.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

ns_make quick
ns_link server 198.51.100.1/30 quick 198.51.100.2/30
pki_issue "$WORK/pki" quick client "/O=Lunel Test/CN=quick"
pki_issue "$WORK/pki" wrong client "/O=Lunel Test/CN=wrong"
pki_issue "$WORK/pki" slow client "/O=Lunel Test/CN=slow"

# Notes its words and its environment; refuses "wrong", and takes its time for "slow".
cat >"$WORK/learn" <<SCRIPT
#!/bin/sh
echo "\$*" >>"$WORK/learned"
env | sort >"$WORK/\$2-\$(echo "\$3" | tr / _).env"
case \$4 in
wrong) exit 1 ;;
slow) while [ ! -e "$WORK/go-on" ]; do sleep 0.05; done ;;
esac
echo "done \$*" >>"$WORK/learned"
SCRIPT
chmod +x "$WORK/learn"
mkdir "$WORK/ccd"
printf 'iroute 10.50.0.0 255.255.0.0\niroute 10.51.0.1\niroute-ipv6 fd00:50::/48\n' >"$WORK/ccd/client"

cat >"$WORK/server.conf" <<-CONF
	dev tun
	topology subnet
	server 10.8.0.0 255.255.255.0
	server-ipv6 fd00:8::/64
	keepalive 2 8
	ca $WORK/pki/ca.crt
	cert $WORK/pki/server.crt
	key $WORK/pki/server.key
	tls-crypt $WORK/pki/tc.key
	dh none
	client-config-dir $WORK/ccd
	script-security 2
	setenv MY_OWN value
	learn-address "$WORK/learn own"
CONF

# come NS CERT REMOTE-ADDRESS [OPTION...]: a stock client.
come() {
	come_ns=$1
	PROFILE_CERT=$2
	come_to=$3
	CLIENT_NAME=$2-${SERVER_NAME#server-}
	shift 3
	start_openvpn "$come_ns" "$WORK/pki" "$come_to 1194 udp" --tls-crypt "$WORK/pki/tc.key" "$@"
}

# learned TIMES REGEX: the program was run so often with words like these.
learned() {
	wait_until 15 says_often "$WORK/learned" "$2" "$1" || {
		cat "$WORK/learned"
		fail "not $1 times: learn-address $2"
	}
}

NAMES='script_type|dev_type|common_name|trusted_ip|untrusted_ip|ifconfig_pool_remote_ip6?'
NAMES="$NAMES|IV_VER|IV_PLAT|tls_serial_0|X509_0_CN|X509_0_O"

# beside WHOSE: a client comes and goes; the words are left in WHOSE.words, variables in WHOSE.env.
beside() {
	: >"$WORK/learned"
	come client client 192.0.2.1 --explicit-exit-notify 1
	wait_up 15
	learned 1 'done own add fd00:50::/48'
	grep -E "^($NAMES)=" "$WORK/add-10.8.0.2.env" >"$WORK/$1.env"
	end_client
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	learned 5 '^own delete'
	ns_kill server
	# Its own addresses come first. The rest comes in the order of OpenVPN's lists and hashes.
	{
		grep -m 2 '^own add' "$WORK/learned"
		grep '^own add' "$WORK/learned" | tail -n +3 | sort
		grep '^own delete' "$WORK/learned" | sort
	} >"$WORK/$1.words"
}

begin theirs
start server "$SERVER_NAME" openvpn --verb 3 --config "$WORK/server.conf"
SERVER_PID=$STARTED
server_says 'Initialization Sequence Completed' 15
beside theirs
begin ours
start_lunel server --config "$WORK/server.conf"
beside ours
diff -u "$WORK/theirs.words" "$WORK/ours.words" || fail "the words differ"
diff -u "$WORK/theirs.env" "$WORK/ours.env" || fail "the variables differ"
[ "$(wc -l <"$WORK/ours.words")" -eq 10 ] || fail "not all was learned"

begin verdicts
: >"$WORK/learned"
start_lunel server --config "$WORK/server.conf" --verb 4
come client wrong 192.0.2.1 --connect-retry-max 1
wait_for "$WORK/$CLIENT_NAME.log" 'AUTH_FAILED' 10 "$CLIENT_PID" || fail "it was not refused"
server_says "policy.refused address=10.8.0.2/32 peer=wrong why=.*ended with status 1" 5
learned 1 '^own add 10.8.0.2 wrong$'
wait_until 10 client_ended || fail "the refused client goes on"

# One whose program takes its time, and another who comes and is served meanwhile.
come client slow 192.0.2.1
learned 1 '^own add 10.8.0.[0-9]+ slow$'
come quick quick 198.51.100.1
wait_up 10
ping_ok quick 10.8.0.1
grep -q 'Initialization Sequence Completed' "$WORK/slow-verdicts.log" && fail "slow is up already"
# It is told to be patient, as with any hook.
wait_for "$WORK/slow-verdicts.log" 'AUTH_PENDING' 5 || fail "slow is not told to wait"
: >"$WORK/go-on"
wait_for "$WORK/slow-verdicts.log" 'Initialization Sequence Completed' 10 || fail "slow is not up"
ping_ok client 10.8.0.1
rm "$WORK/go-on"

# The next session of a name takes its address over: no delete comes behind the update.
kill -s KILL "$CLIENT_PID"
wait_until 5 client_ended || fail "it cannot be killed"
: >"$WORK/learned"
come quick quick 198.51.100.1
wait_up 10
learned 1 '^own update 10.8.0.[0-9]+ quick$'
ping_ok quick 10.8.0.1
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
# At the server's end all are gone, and the process waited for that.
learned 2 '^done own delete 10.8.0'
grep -q '^own delete.*wrong' "$WORK/learned" && fail "what was refused was told as gone"
[ "$(says_times "$WORK/learned" '^own delete')" -eq 4 ] || {
	cat "$WORK/learned"
	fail "not each of two addresses of two clients was told as gone once"
}
exit 0
