#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every common transport, control channel wrapping and data cipher against OpenVPN 2.6: pings both
# ways, and 10 MB each way, checked byte by byte. 40 cells, of which a run takes a rotating quarter:
# LUNEL_ROTATE says which, LUNEL_ALL=1 takes all.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

PROTOS="udp tcp"
PARTS=4

need_root
need_program openvpn ip ping openssl

# cell PROTO WRAP CIPHER: in a shell of its own, so that the next cell runs whatever happens.
cell() {
	SERVER_NAME=server-$1-$2-$3
	CLIENT_NAME=client-$1-$2-$3
	digest=SHA1
	[ "$3" != AES-256-CBC ] || digest=SHA256
	case $1 in tcp) server_proto=tcp-server ;; *) server_proto=$1 ;; esac
	profile "$WORK/pki" "192.0.2.1 1194 $1" "data-ciphers $3" "auth $digest" \
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
	echo "part $((LUNEL_ROTATE % PARTS)) of $PARTS (LUNEL_ROTATE=$LUNEL_ROTATE; LUNEL_ALL=1 for all)"
fi

index=0
row=0
bad=0
: >"$WORK/failed"
printf '%-4s %-13s %-18s %8s  %s\n' over wrap cipher seconds copied
for proto in $PROTOS; do
	for wrap in $WRAPS; do
		column=0
		for cipher in $CIPHERS; do
			# A diagonal: each part has every wrapping and every cipher.
			index=$((row + column))
			column=$((column + 1))
			case_chosen $index $PARTS || continue
			begin=$(now_ms)
			: >"$WORK/copy.txt"
			if (cell "$proto" "$wrap" "$cipher") >"$WORK/cell.txt" 2>&1; then
				verdict=$(sed -n 's/.* in \([0-9.]* s\)$/10 MB each way in \1/p' "$WORK/copy.txt")
			else
				verdict=$(tail -n 1 "$WORK/cell.txt")
				bad=$((bad + 1))
				# The first few say enough.
				[ "$bad" -gt 2 ] || show_logs
			fi
			rm -f "$WORK"/*.log
			took=$(($(now_ms) - begin))
			printf '%-4s %-13s %-18s %5d.%02d  %s\n' "$proto" "$wrap" "$cipher" \
				$((took / 1000)) $((took % 1000 / 10)) "$verdict"
			ns_kill client
			ns_kill server
		done
		row=$((row + 1))
	done
done
[ "$bad" -eq 0 ] || fail "$bad cells failed"
