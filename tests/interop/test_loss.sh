#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A path that loses 5% of the datagrams each way, reorders 10% and doubles 2%: connections come up,
# new keys are agreed upon, what arrives is right and arrives once, and TCP gets through.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

SEED=${LUNEL_SEED:-$(date +%s)}
echo "seed $SEED (LUNEL_SEED)"

# number REPORT WORD: the number that follows a word.
number() {
	sed -n "s/.*$2 \([0-9]*\).*/\1/p" "$1" | head -n 1
}

pki_crypt_v2 "$WORK/pki"
start_server server "$WORK/pki" --tls-crypt-v2 "$WORK/pki/v2-server.key" force-cookie
start server relay "$TOOLS/relay" 192.0.2.1 1195 127.0.0.1 1194 "$SEED" 50 100 20
relay=$STARTED
wait_for "$WORK/relay.log" ready 5 "$relay" || fail "no relay"

profile "$WORK/pki" "192.0.2.1 1195 udp" "reneg-sec 4" "tls-timeout 1" \
	"$(inline tls-crypt-v2 "$WORK/pki/v2-client.key")" >"$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
wait_up 30
start_traffic server 10.8.0.1
copy client 10.8.0.1 1048576
cat "$WORK/copy.txt"
# Two renegotiations fall into this time.
in_ns client "$TOOLS/traffic" flood 10.8.0.1 5201 400 1000 10 >"$WORK/flood.txt"
head -n 1 "$WORK/flood.txt"
sent=$(number "$WORK/flood.txt" sent)
received=$(number "$WORK/flood.txt" received)
# Each goes through the bad path twice: 90% should come back.
[ "$received" -ge $((sent * 80 / 100)) ] || fail "too much was lost"
[ "$received" -le $((sent * 97 / 100)) ] || fail "the path was not bad"
[ "$(number "$WORK/flood.txt" twice)" -eq 0 ] || fail "doubled datagrams got through"
[ "$(says_times "$WORK/client.log" tls.handshake)" -ge 2 ] || fail "no renegotiation"
! grep -q 'attempt 2' "$WORK/client.log" || fail "the connection did not last"
end_client
stop "$relay" TERM 5
tail -n 1 "$WORK/relay.log"
