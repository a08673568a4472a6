#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 240
#
# A PKI by `lunel pki`: the stock server runs its configuration, the stock client and ours take its
# profiles, openssl finds nothing wrong, and who is revoked is refused.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_root
need_program openvpn ip ping openssl
ns_make server client
ns_link server "192.0.2.1/24" client "192.0.2.2/24"

# pki DIR COMMAND...: `lunel pki`, which must succeed; its notes go to the log.
pki() {
	pki_folder=$1
	pki_command=$2
	shift 2
	"$LUNEL" pki "$pki_command" "$@" --dir "$pki_folder" 2>>"$WORK/pki.log" ||
		fail "lunel pki $pki_command $*"
}

# serve DIR: the stock server with the configuration that `lunel pki server` printed.
serve() {
	rm -f "$WORK/$SERVER_NAME.log" # what an earlier one said is no answer
	start server "$SERVER_NAME" openvpn --config "$1/vpn.example.net.conf" --verb 4
	SERVER_PID=$STARTED
	wait_for "$WORK/$SERVER_NAME.log" 'Initialization Sequence Completed' 15 "$SERVER_PID" ||
		fail "the server does not start with the configuration"
}

# ours PROFILE [ARGUMENT...]: our client comes up, answers, and ends.
ours() {
	rm -f "$WORK/$CLIENT_NAME.log"
	start_client client "$@"
	wait_up 15
	ping_ok client 10.8.0.1
	end_client
}

# stock PROFILE [ARGUMENT...]: so does openvpn's.
stock() {
	stock_profile=$1
	shift
	rm -f "$WORK/stock-$CLIENT_NAME.log"
	start client "stock-$CLIENT_NAME" openvpn --config "$stock_profile" --verb 4 "$@"
	wait_for "$WORK/stock-$CLIENT_NAME.log" 'Initialization Sequence Completed' 15 "$STARTED" ||
		fail "the stock client does not take the profile"
	ping_ok client 10.8.0.1
	stop "$STARTED" TERM 5
}

# judged DIR: what openssl says of all certificates and the list.
judged() {
	for judged_cert in "$1"/issued/*.crt; do
		openssl verify -x509_strict -CAfile "$1/ca.crt" "$judged_cert" >>"$WORK/openssl.log" 2>&1 ||
			fail "openssl verify $judged_cert"
	done
	openssl verify -x509_strict -check_ss_sig -CAfile "$1/ca.crt" "$1/ca.crt" >>"$WORK/openssl.log" 2>&1 ||
		fail "openssl verify ca.crt"
	openssl crl -in "$1/crl.pem" -CAfile "$1/ca.crt" -noout 2>&1 | grep -q 'verify OK' ||
		fail "openssl crl"
}

# Each kind of key, over both transports.
for kind in ec ed25519 rsa2048; do
	begin "$kind"
	dir=$WORK/$kind
	pki "$dir" init --key "$kind" >/dev/null
	pki "$dir" server vpn.example.net >"$WORK/server.conf"
	cmp -s "$WORK/server.conf" "$dir/vpn.example.net.conf" || fail "another configuration is printed"
	pki "$dir" client anna --remote 192.0.2.1 >"$WORK/anna.ovpn"
	pki "$dir" client bert --remote 192.0.2.1:1194/udp4 >"$WORK/bert.ovpn"
	judged "$dir"
	"$LUNEL" check "$WORK/anna.ovpn" >"$WORK/check.log" || fail "our own check"
	serve "$dir"
	ours "$WORK/anna.ovpn"
	server_says 'CN=anna'
	stock "$WORK/bert.ovpn"
	server_says 'CN=bert'
	says_often "$WORK/$SERVER_NAME.log" 'using tls-crypt-v2 key' 2 || fail "no tls-crypt-v2"
	stop "$SERVER_PID" TERM 5
	ns_kill server
done

dir=$WORK/ec

begin tcp
sed 's/^proto udp/proto tcp-server/; /^explicit-exit-notify/d' "$dir/vpn.example.net.conf" \
	>"$WORK/tcp.conf"
pki "$dir" client tora --remote 192.0.2.1:1194/tcp >"$WORK/tora.ovpn"
# The server learns at once that a client went, by TCP without being told.
grep -q '^explicit-exit-notify 1$' "$WORK/bert.ovpn" || fail "a client over UDP would go without a word"
! grep -q explicit-exit-notify "$WORK/tora.ovpn" || fail "openvpn takes no explicit-exit-notify over TCP"
start server "$SERVER_NAME" openvpn --config "$WORK/tcp.conf" --verb 4
SERVER_PID=$STARTED
server_says 'Initialization Sequence Completed' 15
ours "$WORK/tora.ovpn"
stock "$WORK/tora.ovpn"
stop "$SERVER_PID" TERM 5
ns_kill server

begin password
echo 'correct horse' >"$WORK/password"
echo 'wrong' >"$WORK/wrong"
for kind in ec ed25519 rsa2048; do
	pki "$WORK/$kind" client "carl" --remote 192.0.2.1 --password-file "$WORK/password" \
		>"$WORK/carl-$kind.ovpn"
	grep -q 'BEGIN ENCRYPTED PRIVATE KEY' "$WORK/carl-$kind.ovpn" || fail "the key is not encrypted"
done
for kind in ec ed25519 rsa2048; do
	serve "$WORK/$kind"
	ours "$WORK/carl-$kind.ovpn" --askpass "$WORK/password"
	stock "$WORK/carl-$kind.ovpn" --askpass "$WORK/password"
	stop "$SERVER_PID" TERM 5
	ns_kill server
done
rm -f "$WORK/$CLIENT_NAME.log"
start_client client "$WORK/carl-ec.ovpn" --askpass "$WORK/wrong"
client_fails 'password' 2

begin revoked
pki "$dir" client dora --remote 192.0.2.1 >"$WORK/dora.ovpn"
pki "$dir" client emil --remote 192.0.2.1 >"$WORK/emil.ovpn"
serve "$dir"
stock "$WORK/dora.ovpn"
# The server that runs reads the list again, if its second of change is another one.
second_is_over() {
	[ "$(date +%s)" -gt "$(stat -c %Y "$dir/crl.pem")" ]
}
wait_until 3 second_is_over || fail "time stands still"
pki "$dir" revoke dora >/dev/null
judged "$dir"
openssl verify -crl_check -CAfile "$dir/ca.crt" -CRLfile "$dir/crl.pem" "$dir/issued/dora.crt" \
	>>"$WORK/openssl.log" 2>&1 && fail "openssl takes a revoked certificate"
start client "stock-revoked" openvpn --config "$WORK/dora.ovpn" --verb 4 --tls-exit \
	--hand-window 5
wait_for "$WORK/$SERVER_NAME.log" 'certificate revoked' 15 "$SERVER_PID" ||
	fail "the server does not refuse who is revoked"
! grep -q 'Initialization Sequence Completed' "$WORK/stock-revoked.log" || fail "revoked, and up"
stop "$STARTED" TERM 5
before=$(says_times "$WORK/$SERVER_NAME.log" 'certificate revoked')
rm -f "$WORK/$CLIENT_NAME.log"
start_client client "$WORK/dora.ovpn"
wait_until 15 says_often "$WORK/$SERVER_NAME.log" 'certificate revoked' $((before + 1)) ||
	fail "the server does not refuse our client, who is revoked"
stop "$CLIENT_PID" TERM 5
! grep -q 'Initialization Sequence Completed' "$WORK/$CLIENT_NAME.log" || fail "revoked, and up"
# Others are as they were; so is one whose name was given anew.
ours "$WORK/emil.ovpn"
pki "$dir" client dora --remote 192.0.2.1 >"$WORK/dora-again.ovpn"
ours "$WORK/dora-again.ovpn"
stock "$WORK/dora-again.ovpn"

# A server's certificate that is revoked, and a client that looks.
begin revoked-server
pki "$dir" revoke vpn.example.net >/dev/null
stop "$SERVER_PID" TERM 5
ns_kill server
serve "$dir"
start_client client "$WORK/emil.ovpn" --crl-verify "$dir/crl.pem"
client_fails 'certificate is revoked: CN=vpn.example.net'
stop "$SERVER_PID" TERM 5
ns_kill server

# Key files are OpenVPN's own: it reads the one for tokens.
begin auth-token
start server "$SERVER_NAME" openvpn --config "$dir/vpn.example.net.conf" --verb 4 \
	--auth-gen-token 60 --auth-gen-token-secret "$dir/auth-token.key" \
	--script-security 2 --auth-user-pass-verify /bin/true via-file
SERVER_PID=$STARTED
server_says 'Initialization Sequence Completed' 15
stop "$SERVER_PID" TERM 5

begin usage
"$LUNEL" pki >"$WORK/out" 2>"$WORK/err"
[ $? -eq 2 ] || fail "pki alone does not end with 2"
grep -q '^usage: lunel pki init' "$WORK/err" || fail "no usage"
"$LUNEL" pki init --dir "$dir" >"$WORK/out" 2>"$WORK/err"
[ $? -eq 1 ] || fail "a second init does not end with 1"
grep -q 'is a PKI' "$WORK/err" || fail "the second init does not say why"
[ "$(find "$dir" -name '*.key' ! -perm 600)" = "" ] || fail "a key that others can read"
[ "$(stat -c %a "$dir")" = 700 ] || fail "a folder that others can read"
"$LUNEL" pki list --dir "$dir" | grep -q '^dora .*revoked' || fail "list"
# Where no CA can be read, none can be used.
if command -v runuser >/dev/null; then
	chmod 755 "$WORK"
	runuser -u nobody -- "$LUNEL" pki list --dir "$dir" >"$WORK/out" 2>"$WORK/err"
	[ $? -eq 1 ] || fail "nobody lists"
fi
