#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: serial
#
# New keys every five seconds, asked for by the server or by the client, while numbered datagrams go
# back and forth: none is lost. All cases run side by side, and nothing else:
# on a machine with twelve busy neighbours packets get lost that no renegotiation has met.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
SECONDS_UNDER_LOAD=17
two_ends ec
CASES=

# reneg NAME NUMBER PROTO SERVER-SECONDS CLIENT-SECONDS CIPHER: a tunnel of its own, number NUMBER.
reneg() {
	SERVER_NAME=server-$1
	CLIENT_NAME=client-$1
	case $3 in tcp) server_proto=tcp-server ;; *) server_proto=$3 ;; esac
	start_server server "$WORK/pki" --server "10.8.$2.0" 255.255.255.0 --proto "$server_proto" \
		--port "119$2" --reneg-sec "$4" --tls-crypt "$WORK/pki/tc.key" --data-ciphers "$6"
	ns_make "c$2"
	ns_link server "198.51.100.$(($2 * 4 + 1))/30" "c$2" "198.51.100.$(($2 * 4 + 2))/30"
	profile "$WORK/pki" "198.51.100.$(($2 * 4 + 1)) 119$2 $3" "reneg-sec $5" "data-ciphers $6" \
		"$(inline tls-crypt "$WORK/pki/tc.key")" >"$WORK/$CLIENT_NAME.ovpn"
	start_client "c$2" "$WORK/$CLIENT_NAME.ovpn"
	wait_up 15
	start_traffic server "10.8.$2.1"
	start "c$2" "flood-$1" "$TOOLS/traffic" flood "10.8.$2.1" 5201 400 1000 $SECONDS_UNDER_LOAD
	CASES="$CASES $1:$STARTED:$CLIENT_PID"
}

reneg by-server-udp 1 udp 5 0 AES-256-GCM
reneg by-client-udp 2 udp 0 5 AES-256-GCM
reneg by-server-cbc 3 udp 5 0 AES-256-CBC
reneg by-client-tcp 4 tcp 0 5 CHACHA20-POLY1305

bad=0
for entry in $CASES; do
	name=${entry%%:*}
	pids=${entry#*:}
	verdict=ok
	wait "${pids%:*}" || verdict="packets were lost"
	renewals=$(($(says_times "$WORK/client-$name.log" 'tls.handshake') - 1))
	[ "$renewals" -ge 3 ] || verdict="only $renewals renegotiations"
	! grep -q 'Connecting.*attempt 2' "$WORK/client-$name.log" || verdict="it connected anew"
	printf '%-14s %s renegotiations, %s: %s\n' "$name" "$renewals" \
		"$(head -n 1 "$WORK/flood-$name.log")" "$verdict"
	[ "$verdict" = ok ] || {
		tail -n +2 "$WORK/flood-$name.log"
		bad=1
	}
	stop "${pids#*:}" TERM 5 || fail "$name did not end cleanly"
done
[ $bad -eq 0 ] || fail "renegotiation disturbs the traffic"
