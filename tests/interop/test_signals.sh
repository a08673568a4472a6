#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Signals: what each of them does to a tunnel that stands, and to one in the making.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

profile_for() {
	profile "$WORK/pki" "192.0.2.1 1194 udp" "connect-retry 1 1" "explicit-exit-notify 1" "$@" \
		>"$WORK/a.ovpn"
}

index_of() {
	in_ns client cat "/sys/class/net/$1/ifindex"
}

client_answers() {
	in_ns client ping -n -q -c 1 -W 1 10.8.0.1
}

begin usr1-soft
start_server server "$WORK/pki"
profile_for "dev lnla" "dev-type tun" persist-tun
start_client client "$WORK/a.ovpn"
wait_up 15
ping_ok client 10.8.0.1
index=$(index_of lnla)
# A change of the file is not for this signal.
profile_for "dev lnlb" "dev-type tun" persist-tun
kill -s USR1 "$CLIENT_PID"
wait_ups 2 10
ping_ok client 10.8.0.1
[ "$(index_of lnla)" = "$index" ] || fail "the device is another one"
server_says 'CC-EEN exit message received|remote-exit' 3

begin hup
CLIENT_NAME=client-usr1-soft
SERVER_NAME=server-usr1-soft
kill -s HUP "$CLIENT_PID"
wait_ups 3 10
index_of lnlb >/dev/null || fail "the file was not read again"
! index_of lnla 2>/dev/null || fail "the old device is still there"
ping_ok client 10.8.0.1

# A file that is no good any more: on with what there is.
echo "remot 1.2.3.4" >>"$WORK/a.ovpn"
kill -s HUP "$CLIENT_PID"
client_says "unknown directive 'remot'"
wait_ups 4 10
ping_ok client 10.8.0.1

kill -s USR2 "$CLIENT_PID"
client_says 'up, in [1-9][0-9]* bytes, out [1-9][0-9]* bytes'
done_with

begin int
start_server server "$WORK/pki"
profile_for
start_client client "$WORK/a.ovpn"
wait_up 15
stop "$CLIENT_PID" INT 5 || fail "not a clean end"
client_gone
server_says 'CC-EEN exit message received|remote-exit' 3
stop "$SERVER_PID" TERM 5

# Signals find it at every stage: nobody answers, the name is looked up, the next attempt is awaited.
for signal in TERM INT; do
	for remote in "192.0.2.1 1999 udp" "192.0.2.1 1999 tcp" "192.0.2.77 1194 tcp" \
		"no-such-host.invalid 1194 udp"; do
		begin "$(echo "$signal $remote" | tr ' ' -)"
		profile "$WORK/pki" "$remote" "connect-retry 5 5" >"$WORK/b.ovpn"
		start_client client "$WORK/b.ovpn"
		client_says 'lunel 0'
		stop "$CLIENT_PID" $signal 3 || fail "not a clean end"
		client_gone
		rm -f "$WORK"/*.log
	done
done

# A new connection is asked for in the middle of the old attempt.
begin usr1-meanwhile
profile "$WORK/pki" "192.0.2.1 1194 udp" "connect-retry 1 1" >"$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
client_says 'attempt 1'
for _ in 1 2 3 4 5; do
	kill -s USR1 "$CLIENT_PID"
done
start_server server "$WORK/pki"
wait_up 15
ping_ok client 10.8.0.1
done_with

# Many at once do not confuse it.
begin many
start_server server "$WORK/pki"
start_client client "$WORK/a.ovpn"
wait_up 15
for signal in USR2 USR1 HUP USR2 HUP USR1 USR1 HUP; do
	kill -s $signal "$CLIENT_PID"
done
wait_until 15 client_answers || fail "it did not come back"
done_with
