#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 60
#
# lunel capture: a file that Wireshark reads, at either end, with what passed inside, the control channel
# without its wrapping, texts without tokens, and why packets were dropped.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program luajit bash
two_ends ec
READ="${0%/*}/pcapng.lua"

# until_read FILE PATTERN: what is written so far has such a line; all lines are in $WORK/lines.
until_read() {
	luajit "$READ" "$1" >"$WORK/lines" 2>"$WORK/read.err" && grep -qE "$2" "$WORK/lines"
}

wants() {
	wait_until 10 until_read "$1" "$2" || {
		cut -c 1-200 "$WORK/lines"
		cat "$WORK/read.err"
		fail "$1 has no line like $2"
	}
}

cat >"$WORK/server.conf" <<-CONF
	dev tun
	topology subnet
	server 10.8.0.0 255.255.255.0
	port 1194
	ca $WORK/pki/ca.crt
	cert $WORK/pki/server.crt
	key $WORK/pki/server.key
	dh none
	auth-gen-token
	tls-crypt $WORK/pki/tc.key
	push "route 10.99.0.0 255.255.0.0"
CONF
profile "$WORK/pki" "192.0.2.1 1194 udp" "$(inline tls-crypt "$WORK/pki/tc.key")" >"$WORK/client.ovpn"

start server server "$LUNEL" capture --to "$WORK/server.pcapng" "$WORK/server.conf"
SERVER_PID=$STARTED
wait_for "$WORK/server.log" 'Initialization Sequence Completed' 10 "$SERVER_PID" || fail "no server"
[ "$(stat -c %a "$WORK/server.pcapng")" = 600 ] || fail "others may read the capture"
start client client "$LUNEL" capture --to "$WORK/client.pcapng" --keep 40 "$WORK/client.ovpn"
CLIENT_PID=$STARTED
wait_up 15
ping_ok client 10.8.0.1 -s 200 -p a1b2c3d4

# Inside: whole at the server (20 of IP, 8 of ICMP, 200), 40 bytes of it at the client.
wants "$WORK/server.pcapng" '^tunnel in 228 45.*a1b2c3d4.* peer 0 client 192\.0\.2\.2:'
wants "$WORK/server.pcapng" '^tunnel out 228 45'
wants "$WORK/client.pcapng" '^tunnel out 228 45[0-9a-f]{78} *$'
# The control channel: resets (7 and 8 in the five upper bits) and TLS records (20) behind IP and UDP.
reset='45[0-9a-f]{54}'
wants "$WORK/client.pcapng" "^control out [0-9]+ ${reset}38"
wants "$WORK/client.pcapng" "^control in [0-9]+ ${reset}40"
wants "$WORK/server.pcapng" "^control in [0-9]+ ${reset}20[0-9a-f]+1603"
# Texts; what a token is worth is nobody's business.
push=$(printf 'PUSH_REPLY,' | od -An -tx1 | tr -d ' \n')
wants "$WORK/server.pcapng" "^messages out [0-9]+ .*$push"
wants "$WORK/client.pcapng" "^messages in [0-9]+ .*$push"
for file in server client; do
	grep -aq SESS_ID "$WORK/$file.pcapng" && fail "the $file's capture has a token"
done

# A datagram that is nobody's: as it came, and why it was dropped. (9 << 3, peer 77.)
in_ns client bash -c "printf 'H\\0\\0\\115\\0\\0\\0\\1 nothing else, but longer than a tag' >/dev/udp/192.0.2.1/1194"
wants "$WORK/server.pcapng" '^control in .*4800004d00000001.*dropped: unknown_peer'

if command -v tshark >/dev/null; then
	tshark -r "$WORK/server.pcapng" -Y 'openvpn && tls.handshake.type == 1' -T fields -e frame.interface_name \
		-e openvpn.opcode 2>"$WORK/tshark.log" | grep -q '^control' || fail "tshark sees no ClientHello"
	tshark -r "$WORK/server.pcapng" -Y '_ws.malformed' 2>/dev/null | grep . && fail "malformed"
	tshark -r "$WORK/server.pcapng" -Y 'icmp' 2>/dev/null | grep -q 'Echo (ping) request' ||
		fail "tshark sees no ping"
fi

# Whose file it is may read it: it is nobody else's, and none that has a second name.
echo kept >"$WORK/theirs"
chmod 666 "$WORK/theirs"
chown 65534 "$WORK/theirs"
ln "$WORK/server.conf" "$WORK/linked"
for file in theirs linked; do
	"$LUNEL" capture --to "$WORK/$file" "$WORK/server.conf" >"$WORK/refused.log" 2>&1 &&
		fail "it writes to $file"
	grep -q "cannot write .*/$file: it is somebody else's file, or has a second name" "$WORK/refused.log" || {
		cat "$WORK/refused.log"
		fail "$file: another refusal was expected"
	}
	[ -s "$WORK/$file" ] || fail "$file is empty"
done

# One client alone, and an end that was asked for.
stop "$CLIENT_PID" TERM 5
stop "$SERVER_PID" TERM 5
server_says 'capture.ended' || fail "the sum is not told"
start server server2 "$LUNEL" capture --to "$WORK/one.pcapng" --who 192.0.2.2 --most 4k "$WORK/server.conf"
SERVER_PID=$STARTED
wait_for "$WORK/server2.log" 'Initialization Sequence Completed' 10 "$SERVER_PID" || fail "no server"
CLIENT_NAME=again start_client client "$WORK/client.ovpn"
CLIENT_NAME=again wait_up 15
ping_ok client 10.8.0.1 -s 1000
wait_for "$WORK/server2.log" 'capture.ended.*as long as' 10 "$SERVER_PID" || fail "it has no end"
until_read "$WORK/one.pcapng" '^control in' || fail "nothing of the client"
ping_ok client 10.8.0.1
