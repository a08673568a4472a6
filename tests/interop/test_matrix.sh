#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every common transport, control channel wrapping and data cipher against OpenVPN 2.6: pings both
# ways, and 10 MB each way, checked byte by byte. 40 cells, of which a run takes a rotating quarter:
# LUNEL_ROTATE says which, LUNEL_ALL=1 takes all.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

PARTS=4

need_root
need_program openvpn ip ping openssl

# cell PROTO WRAP CIPHER: as matrix wants it.
cell() {
	SERVER_NAME=server-$1-$2-$3
	CLIENT_NAME=client-$1-$2-$3
	digest=SHA1
	[ "$3" != AES-256-CBC ] || digest=SHA256
	case $1 in tcp) server_proto=tcp-server ;; *) server_proto=$1 ;; esac
	profile "$WORK/pki" "192.0.2.1 1194 $1" "data-ciphers $3" "auth $digest" "offload $MODE" \
		"$(wrap_profile "$2")" >"$WORK/$CLIENT_NAME.ovpn"
	# shellcheck disable=SC2046
	start_server server "$WORK/pki" --proto "$server_proto" --auth $digest \
		--data-ciphers "$3" --cipher "$3" $(wrap_openvpn server "$2")
	in_ns client ip route >"$WORK/routes"
	start_client client "$WORK/$CLIENT_NAME.ovpn"
	wait_up 10
	start_traffic server 10.8.0.1
	ping_ok client 10.8.0.1
	ping_ok server 10.8.0.2
	copy client 10.8.0.1
	copied >"$WORK/verdict"
	wait_for "$WORK/$CLIENT_NAME.log" "data.keys cipher=$3 " 2 || fail "the client has another cipher"
	wait_for "$WORK/$SERVER_NAME.log" "Data Channel: cipher '$3'" 4 ||
		fail "the server has another cipher"
	stop "$CLIENT_PID" TERM 5 || fail "the client did not end cleanly"
	in_ns client ip route | cmp -s - "$WORK/routes" || fail "the client left routes behind"
	[ -z "$(in_ns client ip -o link show type tun)" ] || fail "the client left its device behind"
}

pki_make "$WORK/pki" ec
pki_crypt_v2 "$WORK/pki"
ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24

if [ "${LUNEL_ALL:-0}" = 1 ]; then
	echo "all 40 cells"
else
	echo "part $((${LUNEL_ROTATE:-0} % PARTS)) of $PARTS (LUNEL_ROTATE=${LUNEL_ROTATE:-0}; LUNEL_ALL=1 for all)"
fi

matrix $PARTS
