#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ./run demo [openvpn]: a PKI, a server and clients in network namespaces of this machine, and a Lua
# policy at each end that says what it decides. With the word openvpn, a stock client comes, too.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/../interop/lib.sh"

TOP=$(cd "${0%/*}/../.." && pwd)
SCRIPTS=examples/demo
BEGUN=$(now_ms)

step() {
	printf '\n== %s\n' "$*"
}

# What is typed in a shell.
typed() {
	printf '   $ %s\n' "$*"
}

# story NAME...: what the policies of these said since the last time, in the order of time, each line
# behind its name. Others that make sense without a policy come by `more` (an awk condition).
story() {
	for who in "$@"; do
		awk -v who="$who" -v from="$(cat "$WORK/$who.shown" 2>/dev/null || echo 0)" '
			NR <= from { next }
			{ text = "" }
			/ policy: / { text = $0; sub(/.* policy: /, "", text) }
			/certificate is revoked/ { text = $0; sub(/.*why="/, "", text); sub(/".*/, "", text) }
			text != "" { printf "%s\t%-6s | %s\n", $1, who, text }
		' "$WORK/$who.log"
		wc -l <"$WORK/$who.log" >"$WORK/$who.shown"
	done | sort -n | sed 's/^[^\t]*\t/   /'
}

need_root
need_program ip ping iperf3
[ "${1:-}" != openvpn ] || need_program openvpn
[ -x "$LUNEL" ] || fail "$LUNEL is not built"
cd "$WORK" || fail "no $WORK"

echo "A server and its clients on this machine. Lua decides at both ends, and says what it does."
step "keys and certificates, in a temporary folder: lunel pki"
REMOTES="--remote 192.0.2.1:443/tcp --remote 192.0.2.1:1194/udp"
typed "lunel pki init --name 'Demo CA'; lunel pki server vpn.example.net >server.conf"
"$LUNEL" pki init --name "Demo CA" >pki.log 2>&1 || fail "lunel pki init"
"$LUNEL" pki server vpn.example.net >server.conf 2>>pki.log || fail "lunel pki server"
typed "lunel pki client anna $REMOTES >anna.ovpn; ..."
for name in anna ben carl; do
	# shellcheck disable=SC2086
	"$LUNEL" pki client $name $REMOTES >$name.ovpn 2>>pki.log || fail "lunel pki client $name"
done
"$LUNEL" pki client otto --remote 198.51.100.1 >otto.ovpn 2>>pki.log || fail "lunel pki client otto"
typed "lunel pki revoke carl; lunel pki list"
"$LUNEL" pki revoke carl >>pki.log 2>&1 || fail "lunel pki revoke"
"$LUNEL" pki list >list.txt || fail "lunel pki list"
sed 's/^/   /' list.txt

step "two machines and a cable: network namespaces; in the first, the server: $SCRIPTS/server.lua"
ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24
typed "lunel $SCRIPTS/server.lua"
start_lunel server "$TOP/$SCRIPTS/server.lua"

step "anna comes, under a policy of her own: $SCRIPTS/client.lua"
typed "lunel $SCRIPTS/client.lua anna.ovpn"
CLIENT_NAME=anna
start_client client "$TOP/$SCRIPTS/client.lua" anna.ovpn
wait_up 20
story anna server
ANNA_PID=$CLIENT_PID

in_ns client ping -n -c 3 -i 0.2 -W 2 10.8.0.1 >ping.log 2>&1 || fail "no answer through the tunnel"
printf '   ping   | %s\n' "$(sed -n '/packet loss/s/, time.*//p' ping.log)"
start server iperf iperf3 -s -1 -B 10.8.0.1 --forceflush
wait_for iperf.log 'Server listening' 5 "$STARTED" || fail "iperf3 did not start"
in_ns client iperf3 -c 10.8.0.1 -t 3 -f m >rate.log 2>&1 || fail "iperf3 failed"
rate=$(awk '/receiver/ { for (i = 1; i <= NF; i++) if ($i == "Mbits/sec") print $(i - 1) }' rate.log)
[ -n "$rate" ] || fail "iperf3 printed no rate"
printf '   iperf3 | %s Mbit/s, one TCP stream, 3 s, %s\n' "$rate" \
	"$(sed -n 's/.*data.keys.*cipher=\([^ ]*\).*/\1 over UDP/p' anna.log | head -n 1)"

# comes_in_vain NAME: a client that is not let in, and ends.
comes_in_vain() {
	typed "lunel $SCRIPTS/client.lua $1.ovpn"
	CLIENT_NAME=$1
	start_client client "$TOP/$SCRIPTS/client.lua" "$1.ovpn"
	wait_until 20 client_ended || fail "$1 goes on"
	story "$1" server
}

step "ben comes: he has a certificate, but the server's policy says no"
comes_in_vain ben

step "carl comes: his certificate was revoked, so no policy is asked"
comes_in_vain carl

if [ "${1:-}" = openvpn ]; then
	step "otto comes, with $(openvpn --version | sed -n '1s/^\(OpenVPN [0-9.]*\).*/\1/p') and the profile as it is"
	ns_make otto
	ns_link server 198.51.100.1/24 otto 198.51.100.2/24
	typed "openvpn otto.ovpn"
	CLIENT_NAME=otto
	start otto otto openvpn otto.ovpn
	CLIENT_PID=$STARTED
	wait_up 20
	story server
	in_ns otto ping -n -c 3 -i 0.2 -W 2 10.8.0.1 >ping.log 2>&1 || fail "no answer to otto"
	printf '   ping   | %s\n' "$(sed -n '/packet loss/s/, time.*//p' ping.log)"
	stop "$CLIENT_PID" TERM 10 || fail "otto did not end cleanly"
fi

step "down again"
stop "$ANNA_PID" TERM 10 || fail "anna did not end cleanly"
stop "$SERVER_PID" TERM 10 || fail "the server did not end cleanly"
story anna server

printf '\nThat took %d s. What decided is in %s: change it, and run the demo again.\n' \
	$((($(now_ms) - BEGUN) / 1000)) "$SCRIPTS"
