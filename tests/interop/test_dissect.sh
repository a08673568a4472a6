#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# What we send reads correctly in Wireshark's dissector of OpenVPN, which is not OpenVPN's own code:
# our client and our server, beside OpenVPN and beside each other, by UDP and TCP, in each wrapping.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
for program in tshark dumpcap; do
	command -v $program >/dev/null || skip "optional: needs $program"
done
two_ends ec
CLIENT=192.0.2.2
SERVER=192.0.2.1
pki_crypt_v2 "$WORK/pki"

# server_file PROTO WRAP: a configuration that both kinds of server read.
server_file() {
	cat <<-CONF
		dev tun
		topology subnet
		server 10.8.0.0 255.255.255.0
		proto $1
		port 1194
		ca $WORK/pki/ca.crt
		cert $WORK/pki/server.crt
		key $WORK/pki/server.key
		dh none
		keepalive 10 60
	CONF
	wrap_openvpn server "$2" | sed 's/^--//'
}

# captured WRAP KEY: the capture has data of both ends, with that key id.
captured() {
	read_capture "$1" || return 1
	for at in $CLIENT $SERVER; do
		values "$at" 2 | grep -qx 9 && values "$at" 3 | grep -qx "$2" || return 1
	done
}

begin_capture() {
	rm -f "$WORK/capture.pcapng"
	start server capture dumpcap -q -i to-client -f "port 1194" -w "$WORK/capture.pcapng"
	CAPTURE_PID=$STARTED
	wait_for "$WORK/capture.log" '^File:' 10 "$CAPTURE_PID" || fail "nothing is captured"
}

# read_capture WRAP: one line a frame in $WORK/frames: sender, opcodes, key ids, peer ids, session ids,
# acknowledged sessions, replay ids, message ids, TLS handshake messages, what is malformed.
read_capture() {
	set -- "$1" -r "$WORK/capture.pcapng" -T fields -E separator='|' -E occurrence=a -e ip.src
	for field in openvpn.opcode openvpn.keyid openvpn.peerid openvpn.sessionid openvpn.rsessionid \
		openvpn.pid openvpn.mpid tls.handshake.type _ws.malformed; do
		set -- "$@" -e $field
	done
	case $1 in
	tls-auth) set -- "$@" -o openvpn.tls_auth_detection_override:TRUE -o openvpn.tls_auth:TRUE ;;
	tls-crypt*) set -- "$@" -o openvpn.tls_crypt:TRUE ;;
	esac
	shift
	tshark "$@" -Y openvpn 2>"$WORK/tshark.log" >"$WORK/raw" || return 1
	sed 's/0x0a/10/g; s/0x0b/11/g; s/0x0*//g' "$WORK/raw" >"$WORK/frames"
}

# values SENDER COLUMN: all of them, one a line, in the order of their frames.
values() {
	awk -F'|' -v from="$1" -v column="$2" '
		$1 == from { n = split($column, all, ","); for (i = 1; i <= n; i++) print all[i] }
	' "$WORK/frames"
}

# has SENDER COLUMN VALUE...: each of the values is among them.
has() {
	has_of=$(values "$1" "$2" | sort -u | tr '\n' ' ')
	has_from=$1
	has_column=$2
	shift 2
	for value in "$@"; do
		case " $has_of" in
		*" $value "*) ;;
		*) fail "of $has_from there is no $value in column $has_column, but: $has_of" ;;
		esac
	done
}

# only SENDER COLUMN VALUE...: no other than these is among them, and at least one is.
only() {
	only_of=$(values "$1" "$2" | sort -u)
	[ -n "$only_of" ] || fail "of $1 there is nothing in column $2"
	for value in $only_of; do
		case " $* " in
		*" $value "*) ;;
		*) fail "of $1 there is $value in column $2" ;;
		esac
	done
}

# counts SENDER COLUMN KEY: in the frames of that key id each number from the first one on is there.
counts() {
	gaps=$(awk -F'|' -v from="$1" -v column="$2" -v key="^$3(,$3)*\$" '
		$1 == from && $3 ~ key { n = split($column, all, ","); for (i = 1; i <= n; i++) print all[i] }
	' "$WORK/frames" | sort -nu | awk 'NR > 1 && $1 != last + 1 { print last "-" $1 }
		{ last = $1 } END { if (NR < 3) print "few" }')
	[ -z "$gaps" ] || fail "of $1, column $2, the numbers have gaps: $gaps"
}

# Nothing is malformed, and once OpenVPN's packets have begun there is nothing else.
check_whole() {
	[ -s "$WORK/frames" ] || fail "no frame is OpenVPN's"
	bad=$(awk -F'|' '$10 != ""' "$WORK/frames" | head -n 3)
	[ -z "$bad" ] || fail "malformed: $bad"
	strange=$(tshark -r "$WORK/capture.pcapng" -Y '(udp || tcp.len > 0) && !openvpn' 2>"$WORK/tshark.log")
	[ -z "$strange" ] || fail "not OpenVPN's: $strange"
}

# check_ids WRAP: each end has one session; data has a peer-id, the same for both. What tls-crypt does not
# hide: each acknowledges the other's session and numbers its messages without a gap. What wrapping
# adds: ids against replay, without a gap.
check_ids() {
	for at in $CLIENT $SERVER; do
		for column in 4 5; do
			[ "$(values "$at" $column | sort -u | grep -c .)" -eq 1 ] ||
				fail "of $at, column $column: $(values "$at" $column | sort -u | tr '\n' ' ')"
		done
		case $1 in
		none) counts "$at" 8 0 ;;
		tls-auth) counts "$at" 8 0 && counts "$at" 7 0 ;;
		*) counts "$at" 7 0 && counts "$at" 7 1 ;;
		esac
	done
	only $CLIENT 4 "$(values $SERVER 4 | head -n 1)"
	case $1 in tls-crypt*) return ;; esac
	only $CLIENT 6 "$(values $SERVER 5 | head -n 1)"
	only $SERVER 6 "$(values $CLIENT 5 | head -n 1)"
}

# check WRAP: what both ends sent.
check() {
	check_whole
	check_ids "$1"
	# Resets, control, acknowledgement, data with a peer-id; with a key of its own a client's first reset
	# and first control packet have opcodes of their own.
	case $1 in
	none | tls-auth) only $CLIENT 2 7 4 5 9 && only $CLIENT 3 0 && only $SERVER 3 0 ;;
	tls-crypt) only $CLIENT 2 7 4 5 9 3 && has $CLIENT 2 3 7 ;;
	tls-crypt-v2) only $CLIENT 2 10 11 4 5 9 3 && has $CLIENT 2 3 10 ;;
	esac
	only $SERVER 2 8 4 5 9 3
	has $CLIENT 2 4 9
	has $SERVER 2 8 4 9
	[ "$1" = none ] || return 0
	# ClientHello; ServerHello. What follows them is encrypted in TLS 1.3.
	only $CLIENT 9 1
	only $SERVER 9 2
}

# pair CLIENT-KIND SERVER-KIND PROTO WRAP
pair() {
	begin "$1-$2-$3-$4"
	server_file "$3" "$4" >"$WORK/server.conf"
	reneg=0
	# Elsewhere a renegotiation is wrapped otherwise than what was before it, which no dissector expects.
	case $4 in tls-crypt*) reneg=1 ;; esac
	profile "$WORK/pki" "192.0.2.1 1194 $3" "reneg-sec $reneg" "$(wrap_profile "$4")" \
		>"$WORK/client.ovpn"
	begin_capture
	case $2 in
	ours) start_lunel server --config "$WORK/server.conf" ;;
	theirs)
		start server "$SERVER_NAME" openvpn --config "$WORK/server.conf" --verb 4
		SERVER_PID=$STARTED
		server_says 'Initialization Sequence Completed' 15
		;;
	esac
	case $1 in
	ours) start_client client "$WORK/client.ovpn" ;;
	theirs) start_openvpn client "$WORK/pki" "192.0.2.1 1194 $3" --config "$WORK/client.ovpn" ;;
	esac
	wait_up 15
	ping_ok client 10.8.0.1
	wait_until 2 captured "$4" $((reneg > 0)) || fail "the capture has no data of both"
	stop "$CAPTURE_PID" INT 5
	done_with
	read_capture "$4" || fail "tshark: $(cat "$WORK/tshark.log")"
	check "$4"
}

pair ours theirs udp none
pair theirs ours tcp none
pair ours ours udp tls-crypt-v2
pair ours ours tcp tls-crypt
pair ours theirs tcp tls-auth
pair theirs ours udp tls-crypt
