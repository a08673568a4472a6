#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lunel-test: timeout 300
#
# A table of failures: each ends with exactly one line that names the cause (and file and line where
# the cause is in a file), with exit status 1 (failed) or 2 (configuration), and leaves nothing
# behind: no route, rule, address, device or process. The table is printed.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

need_root
need_program openvpn ip openssl setpriv unshare

LONG_AGO=20200101000000Z
PAST=20210101000000Z
FUTURE=20450101000000Z
FAR=20490101000000Z

# ---- the other ends: one server a port ----

# serve PORT CERTIFICATE [OPTION...]: in the background; |served| waits for all.
serve() {
	serve_port=$1
	serve_cert=$2
	shift 2
	SERVERS="${SERVERS:-} $serve_port"
	start server "server-$serve_port" openvpn --verb 1 --dev tun --topology subnet \
		--server "10.9.$((serve_port - 1200)).0" 255.255.255.0 --proto udp --port "$serve_port" \
		--ca "$WORK/pki/ca.crt" --cert "$WORK/$serve_cert.crt" --key "$WORK/$serve_cert.key" \
		--dh none "$@"
}

served() {
	for server in $SERVERS; do
		wait_for "$WORK/server-$server.log" 'Initialization Sequence Completed' 15 ||
			fail "server $server did not start"
	done
}

# ---- what is there before and after ----

machine() {
	in_ns client ip -o link | sed 's/ state [A-Z]* / /'
	in_ns client ip -o addr
	in_ns client ip route show table all
	in_ns client ip -6 route show table all
	in_ns client ip rule
	in_ns client ip -6 rule
	ip netns pids "$(ns client)" | while read -r pid; do
		echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done
}

# Links change on their own until IPv6 has its address.
settled() {
	in_ns client ip -6 addr show dev to-server | grep -v tentative | grep -q 'inet6 fe80'
}

# ---- one case ----

bad=0
count=0

# refused NAME STATUS PATTERN COMMAND...: COMMAND runs in the client's namespace (with the words of
# RUN before it, when set), exits with STATUS and says one error, which matches PATTERN.
refused() {
	case $1 in ${ONLY:-}*) ;; *) return ;; esac
	name=$1
	want=$2
	pattern=$3
	shift 3
	count=$((count + 1))
	log=$WORK/out-$count.txt
	machine >"$WORK/before.txt"
	# shellcheck disable=SC2086
	in_ns client timeout -s KILL 40 ${RUN:-} "$@" >"$log" 2>&1 </dev/null
	status=$?
	machine >"$WORK/after.txt"
	grep -E '(^| )(ERROR: |lunel: )' "$log" | sed 's/.*\(ERROR\|lunel\): //' >"$WORK/errors.txt"
	lines=$(wc -l <"$WORK/errors.txt")
	said=$(head -n 1 "$WORK/errors.txt" | sed "s|$WORK/||g")
	why=
	[ "$status" -eq "$want" ] || why="$why; exit status $status, not $want"
	[ "$lines" -eq 1 ] || why="$why; $lines error lines"
	printf '%s\n' "$said" | grep -Eq -- "$pattern" || why="$why; does not match $pattern"
	cmp -s "$WORK/before.txt" "$WORK/after.txt" || {
		why="$why; left behind"
		diff "$WORK/before.txt" "$WORK/after.txt"
	}
	printf '%-30s %d  %s\n' "$name" "$status" "$said"
	[ -z "$why" ] && return
	bad=$((bad + 1))
	echo "    WRONG${why#;}"
	[ -z "${VERBOSE:-}" ] || sed 's/^/    /' "$log"
}

# client NAME STATUS PATTERN PORT [LINE...]: a profile for the server at PORT with those lines; PKI
# and CERT choose the keys, PROTO the protocol.
client() {
	client_name=$1
	client_want=$2
	client_pattern=$3
	client_port=$4
	shift 4
	client_file=$WORK/c$((count + 1)).ovpn
	PROFILE_CERT=${CERT:-client} profile "${PKI:-$WORK/pki}" \
		"${HOST:-192.0.2.1} $client_port ${PROTO:-udp}" "connect-retry-max 1" \
		"connect-timeout 3" "$@" >"$client_file"
	refused "$client_name" "$client_want" "$client_pattern" "$LUNEL" "$client_file"
}

# written NAME STATUS PATTERN TEXT: a profile as it stands.
written() {
	file=$WORK/c$((count + 1)).ovpn
	printf '%s\n' "$4" >"$file"
	refused "$1" "$2" "$3" "$LUNEL" "$file"
}

# ---- keys ----

pki_make "$WORK/pki" ec
pki_make "$WORK/other" ec "/O=Other/CN=Other CA"
for name in server client; do
	cp "$WORK/pki/$name.crt" "$WORK/pki/$name.key" "$WORK"
done

# certificate NAME PURPOSE SUBJECT [FROM TO]: signed by the CA, in $WORK.
certificate() {
	pki_issue "$WORK/pki" "$@"
	cp "$WORK/pki/$1.crt" "$WORK/pki/$1.key" "$WORK"
}

certificate expired server "/O=Lunel Test/CN=server.example" $LONG_AGO $PAST
certificate early server "/O=Lunel Test/CN=server.example" $FUTURE $FAR
certificate revoked server "/O=Lunel Test/CN=server.example"
certificate backwards client "/O=Lunel Test/CN=server.example"
certificate old-client client "/O=Lunel Test/CN=client" $LONG_AGO $PAST
openssl ca -config "$WORK/pki/ca.cnf" -gencrl -out "$WORK/stale.pem" -crl_lastupdate $LONG_AGO \
	-crl_nextupdate $PAST 2>/dev/null || fail "no stale CRL"
pki_revoke "$WORK/pki" revoked
cp "$WORK/pki/crl.pem" "$WORK/crl.pem"
pki_revoke "$WORK/other"
# Version 1: without extensions. OpenSSL 3.5 puts some in unless it is told not to, and older ones do not
# know the option.
pki_key ec "$WORK/v1.key"
openssl req -new -key "$WORK/v1.key" -subj "/O=Lunel Test/CN=server.example" \
	-config "$WORK/pki/ca.cnf" -out "$WORK/v1.csr"
openssl req -x509 -x509v1 -config "$WORK/pki/ca.cnf" -in "$WORK/v1.csr" -CA "$WORK/pki/ca.crt" \
	-CAkey "$WORK/pki/ca.key" -days 30 -out "$WORK/v1.crt" 2>/dev/null ||
	openssl x509 -req -in "$WORK/v1.csr" -CA "$WORK/pki/ca.crt" -CAkey "$WORK/pki/ca.key" \
		-CAcreateserial -days 30 -out "$WORK/v1.crt" 2>/dev/null || fail "no version 1 certificate"
openssl x509 -in "$WORK/v1.crt" -noout -text | grep -q 'Version: 1' || fail "not a version 1"
openssl pkcs8 -topk8 -in "$WORK/client.key" -passout pass:right -out "$WORK/locked.key" ||
	fail "no key with a pass phrase"
printf 'user\nwrong\n' >"$WORK/wrong.txt"
printf 'wrong\n' >"$WORK/phrase.txt"
chmod 600 "$WORK/wrong.txt" "$WORK/phrase.txt"
printf '#!/bin/sh\nexit 1\n' >"$WORK/deny"
chmod 755 "$WORK/deny"

# ---- the net ----

ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24
wait_until 5 settled || fail "the link does not settle"
serve 1201 server
serve 1202 expired
serve 1203 early
serve 1204 revoked
serve 1205 backwards
serve 1206 server --tls-crypt "$WORK/pki/tc.key"
serve 1207 server --tls-auth "$WORK/pki/ta.key" 0
serve 1208 server --data-ciphers AES-128-GCM
serve 1209 server --proto tcp-server
serve 1210 v1
serve 1211 server --script-security 2 --auth-user-pass-verify "$WORK/deny" via-file
serve 1212 server --tls-version-max 1.2
serve 1213 server
served

printf '%-30s %s  %s\n' case exit line

# ---- whom we trust ----

# root without its right to read everything
BLIND="setpriv --bounding-set -dac_override,-dac_read_search"

PKI=$WORK/mixed
mkdir "$PKI"
cp "$WORK/other/ca.crt" "$WORK/pki/client.crt" "$WORK/pki/client.key" "$PKI"
client "wrong CA" 1 'CA|issuer' 1201
PKI=$WORK/pki
client "expired" 1 'expired.*2021-01-01' 1202
client "not yet valid" 1 'not yet valid|not valid before' 1203
client "revoked" 1 'revoked' 1204 "crl-verify $WORK/crl.pem"
client "revoked, CRL inline" 1 'revoked' 1204 "$(inline crl-verify "$WORK/crl.pem")"
client "CRL stale" 1 'the CRL of .* is out of date.*2021-01-01' 1201 "crl-verify $WORK/stale.pem"
client "CRL missing" 2 'ovpn:9: .crl-verify.: .*none.pem.*No such file' 1201 "crl-verify $WORK/none.pem"
client "CRL is no CRL" 2 'ovpn:9: .crl-verify.: .*client.crt' 1201 "crl-verify $WORK/client.crt"
client "CRL of another CA" 1 'no CRL of O=Lunel Test, CN=Test CA' 1201 "crl-verify $WORK/other/crl.pem"
cp "$WORK/crl.pem" "$WORK/closed.pem"
chown nobody "$WORK/closed.pem"
chmod 600 "$WORK/closed.pem"
RUN=$BLIND client "CRL not permitted" 2 "ovpn:9: 'crl-verify': .*closed.pem.*Permission denied" \
	1201 "crl-verify $WORK/closed.pem"
client "wrong name" 1 'server\.example.*other\.example|other\.example.*server\.example' 1201 \
	"verify-x509-name other.example name"
client "wrong name prefix" 1 'server\.example.*vpn-|vpn-.*server\.example' 1201 \
	"verify-x509-name vpn- name-prefix"
client "wrong EKU" 1 'serverAuth|extended key usage|TLS Web Server' 1205
client "X.509 version 1" 1 'X.509 v1' 1210
client "wrong fingerprint" 1 'fingerprint' 1201 \
	"peer-fingerprint $(openssl x509 -in "$WORK/client.crt" -noout -fingerprint -sha256 | cut -d= -f2)"


# ---- keys of the control channel, ciphers, versions ----

client "wrong tls-crypt key" 1 'no answer.*tls-crypt' 1206 "$(inline tls-crypt "$WORK/other/tc.key")"
client "no tls-crypt key" 1 'no answer.*tls-crypt' 1206
client "tls-crypt, server has none" 1 'no answer.*tls-crypt' 1201 "$(inline tls-crypt "$WORK/pki/tc.key")"
client "wrong tls-auth direction" 1 'no answer.*tls-auth' 1207 "key-direction 0" \
	"$(inline tls-auth "$WORK/pki/ta.key")"
client "no tls-auth direction" 1 'no answer.*tls-auth' 1207 "$(inline tls-auth "$WORK/pki/ta.key")"
client "no cipher in common" 1 'the server refused: .*cipher' 1208 "data-ciphers CHACHA20-POLY1305"
client "no TLS version in common" 1 'TLS version' 1212 "hand-window 4" "tls-version-min 1.3"
client "no TLS cipher in common" 1 'tls-cipher' 1212 "hand-window 4" \
	"tls-cipher TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256"

# ---- who we are ----

client "wrong password" 1 'user name and password|password' 1211 "auth-user-pass $WORK/wrong.txt"
client "password, nobody to ask" 2 'auth-user-pass: .*no terminal' 1211 auth-user-pass
client "password file missing" 2 "ovpn:9: 'auth-user-pass': .*No such file" 1211 \
	"auth-user-pass $WORK/none.txt"
CERT=old-client client "our certificate expired" 1 'our certificate.*expired' 1201 "hand-window 4"
PKI=$WORK/mixed
cp "$WORK/pki/ca.crt" "$WORK/other/client.crt" "$WORK/other/client.key" "$PKI"
client "our certificate of another CA" 1 'our certificate.*another CA' 1201 "hand-window 4"
cp "$WORK/pki/client.crt" "$WORK/other/client.key" "$PKI"
client "key not of the certificate" 2 "ovpn:[0-9]+: 'key': .*fit" 1201
cp "$WORK/locked.key" "$PKI/client.key"
client "key locked, nobody to ask" 2 "ovpn:[0-9]+: 'key': .*pass" 1201
client "wrong pass phrase" 2 "ovpn:[0-9]+: 'key': wrong pass" 1201 "askpass $WORK/phrase.txt"
cp "$WORK/client.crt" "$PKI/client.key"
client "key is no key" 2 "ovpn:[0-9]+: 'key': " 1201
PKI=$WORK/pki

# ---- files ----

without() {
	grep -v "^$1 " "$WORK/base.ovpn"
}

cat >"$WORK/base.ovpn" <<-PROFILE
	client
	dev tun
	nobind
	remote 192.0.2.1 1201 udp
	connect-retry-max 1
	ca $WORK/pki/ca.crt
	cert $WORK/client.crt
	key $WORK/client.key
PROFILE

refused "missing profile" 2 "none.ovpn'?: No such file" "$LUNEL" "$WORK/none.ovpn"
refused "profile is a folder" 2 "pki'?: Is a directory" "$LUNEL" "$WORK/pki"
refused "profile is empty" 2 'neither .client.' "$LUNEL" --config /dev/null
refused "profile is binary" 2 'no text' "$LUNEL" --config /bin/true
for block in ca cert key; do
	written "missing $block" 2 "ovpn:[0-9]: '$block': cannot read '.*none': No such file" \
		"$(without $block; echo "$block $WORK/none")"
done
written "no ca" 2 "ovpn: 'ca' is missing" "$(without ca)"
written "ca is no certificate" 2 "ovpn:8: 'ca': " "$(without ca; echo "ca $WORK/client.key")"
written "missing tls-crypt key" 2 "ovpn:9: 'tls-crypt': cannot read" \
	"$(cat "$WORK/base.ovpn"; echo "tls-crypt $WORK/none")"
written "tls-crypt key is no key" 2 "ovpn:9: 'tls-crypt': .*static key" \
	"$(cat "$WORK/base.ovpn"; echo "tls-crypt $WORK/client.crt")"
profile "$WORK/pki" "192.0.2.1 1201 udp" >"$WORK/whole.ovpn"
written "truncated profile" 2 'ovpn:[0-9]+: .*<cert>.*cut off' "$(head -n 30 "$WORK/whole.ovpn")"
written "truncated in a line" 2 "ovpn:4: .*'remot'" "$(head -c 27 "$WORK/base.ovpn")"
written "unknown directive" 2 "ovpn:9: .*'conect-timeout'.*connect-timeout" \
	"$(cat "$WORK/base.ovpn"; echo conect-timeout 3)"
written "wrong value" 2 "ovpn:9: 'remote': port: 99999 .* 65535" \
	"$(without remote; echo; echo remote 192.0.2.1 99999)"
written "unknown data cipher" 2 "ovpn:9: 'data-ciphers': 'AES-257-GCM' is not one of" \
	"$(cat "$WORK/base.ovpn"; echo data-ciphers AES-257-GCM)"
written "no remote" 2 "ovpn: there is no remote" "$(without remote)"
cp "$WORK/client.key" "$WORK/closed.key"
chown nobody "$WORK/closed.key"
chmod 600 "$WORK/closed.key"
RUN=$BLIND written "key not permitted" 2 'ovpn:8: .key.: .*closed.key.*Permission denied' \
	"$(without key; echo "key $WORK/closed.key")"
written "no such user" 1 "user.*nosuchuser" "$(cat "$WORK/base.ovpn"; echo user nosuchuser)"
written "log cannot be written" 1 "log.*none/x.log" \
	"$(cat "$WORK/base.ovpn"; echo "log $WORK/none/x.log")"

# ---- the machine ----

RUN="setpriv --bounding-set -net_admin" client "no right to TUN" 1 'tun.*CAP_NET_ADMIN' 1201
chmod 755 "$WORK"
NOBODY="setpriv --reuid 65534 --regid 65534 --clear-groups"
if $NOBODY test -x "$LUNEL" -a -r "${LUNEL_SOURCE:-/}"; then
	RUN=$NOBODY client "not root" 1 '/dev/net/tun: Permission denied|CAP_NET_ADMIN' 1201
else
	echo "not root                       -  (left out: nobody cannot reach $LUNEL)"
fi
client "device of another kind" 1 'device to-server.*kind' 1201 "dev to-server" "dev-type tun"
printf '#!/bin/sh\nmount -t tmpfs none /dev/net && exec "$@"\n' >"$WORK/without-net"
chmod 755 "$WORK/without-net"
RUN="unshare -m $WORK/without-net" client "no /dev/net/tun" 1 '/dev/net/tun: no such device node' 1201
profile "$WORK/pki" "192.0.2.1 1201 udp" "dev tun7" >"$WORK/first.ovpn"
CLIENT_NAME=first start_client client "$WORK/first.ovpn"
wait_for "$WORK/first.log" "Initialization Sequence Completed" 10 "$CLIENT_PID" ||
	fail "no first client"
client "device busy" 1 'tun7: device busy' 1213 "dev tun7"
# A list that vanishes while the client runs: the last one counts, and one line says so.
stop "$CLIENT_PID" TERM 5 || fail "the first client did not end cleanly"
cp "$WORK/crl.pem" "$WORK/passing.pem"
profile "$WORK/pki" "192.0.2.1 1201 udp" "crl-verify $WORK/passing.pem" >"$WORK/passing.ovpn"
CLIENT_NAME=passing start_client client "$WORK/passing.ovpn"
CLIENT_NAME=passing wait_up 10
rm "$WORK/passing.pem"
kill -s USR1 "$CLIENT_PID"
twice() { [ "$(grep -c "Initialization Sequence Completed" "$WORK/passing.log")" -eq 2 ]; }
wait_until 10 twice || fail "no second connection without the CRL's file"
grep -E 'WARNING|ERROR' "$WORK/passing.log" >"$WORK/warnings.txt"
[ "$(wc -l <"$WORK/warnings.txt")" -eq 1 ] || fail "not one warning: $(cat "$WORK/warnings.txt")"
printf '%-30s -  %s\n' "CRL gone at a reconnect" "$(sed "s|.*WARNING: ||; s|$WORK/||" "$WORK/warnings.txt")"
grep -q "Cannot read the revocation list $WORK/passing.pem: ..*" "$WORK/warnings.txt" ||
	fail "the warning names no cause"
stop "$CLIENT_PID" TERM 5 || fail "the client without its CRL did not end cleanly"

# ---- the way ----

HOST=nowhere.invalid client "unresolvable host" 1 "cannot resolve 'nowhere.invalid'" 1201
client "port closed" 1 '192.0.2.1:1199 refuses UDP' 1199
PROTO=tcp client "port closed, TCP" 1 'refused' 1199
client "server speaks TCP" 1 '192.0.2.1:1209 refuses UDP.*TCP' 1209
PROTO=tcp client "server speaks UDP" 1 'refused' 1201
HOST=198.51.100.1 client "no route" 1 'unreachable|no route' 1201
HOST=192.0.2.77 client "nobody there" 1 'no answer|No route to host' 1201
HOST=192.0.2.77 PROTO=tcp client "nobody there, TCP" 1 'no answer|No route to host|timed out' 1201

[ "$bad" -eq 0 ] || fail "$bad of $count cases"
