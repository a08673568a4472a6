#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 300
#
# A whole life under valgrind: connect, packets, a renegotiation, the end. No access to memory that is not
# ours, no value that was never set, and no byte that is lost when the process and its helper end.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program valgrind
two_ends ec
pki_crypt_v2 "$WORK/pki"

# An instrumented program has its own watchman, and the two do not go together.
case $(nm -D "$LUNEL" 2>/dev/null) in
*__asan_* | *__tsan_*) skip "the program has a sanitizer in it" ;;
esac

# Valgrind's report of each process: the client's own, and its helper's.
LUNEL_DEMO_CLIENT="valgrind --quiet --log-file=$WORK/vg-%p.txt --error-exitcode=0
	--leak-check=full --show-leak-kinds=definite,indirect,possible
	--errors-for-leak-kinds=definite,indirect,possible $LUNEL"

# The helper ends after the client, and only then is all of its report there.
nobody_left() {
	[ -z "$(ip netns pids "$(ns client)")" ]
}

clean_reports() {
	wait_until 10 nobody_left || fail "a process is left"
	[ "$(find "$WORK" -name 'vg-*.txt' | wc -l)" -ge 2 ] || fail "there are not two reports"
	for report in "$WORK"/vg-*.txt; do
		[ -s "$report" ] || continue
		head -n 120 "$report"
		fail "valgrind complains"
	done
	rm -f "$WORK"/vg-*.txt
}

# Slow as it is, a client under valgrind gets more time than others.
life() {
	wait_up 60
	ping_ok client 10.8.0.1
	start_traffic server 10.8.0.1
	copy client 10.8.0.1 262144
	"$@"
	stop "$CLIENT_PID" TERM 30 || fail "the client did not end cleanly"
	client_gone
	clean_reports
	stop "$SERVER_PID" TERM 5
	ns_kill server
}

nothing() {
	:
}

renegotiated() {
	wait_until 60 says_often "$WORK/$CLIENT_NAME.log" 'tls.renegotiating' 2 ||
		fail "there was no renegotiation"
	ping_ok client 10.8.0.1
}

begin udp
start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key" --keepalive 10 120
profile "$WORK/pki" "192.0.2.1 1194 udp" "$(inline tls-crypt "$WORK/pki/tc.key")" \
	"explicit-exit-notify 1" >"$WORK/udp.ovpn"
start_client client "$WORK/udp.ovpn"
life nothing

begin tcp
printf '#!/bin/sh\nexit 0\n' >"$WORK/verify"
chmod 755 "$WORK/verify"
printf 'someone\nsecret\n' >"$WORK/login.txt"
start_server server "$WORK/pki" --proto tcp-server --script-security 2 --reneg-sec 6 \
	--auth-user-pass-verify "$WORK/verify" via-file --tls-crypt-v2 "$WORK/pki/v2-server.key" \
	--keepalive 10 120
profile "$WORK/pki" "192.0.2.1 1194 tcp" "auth-user-pass $WORK/login.txt" \
	"$(inline tls-crypt-v2 "$WORK/pki/v2-client.key")" >"$WORK/tcp.ovpn"
start_client client "$WORK/tcp.ovpn"
life renegotiated

# Hooks, a program that the helper runs (what it forks is watched until the program begins), and a
# second attempt that must not sit on the first one's memory.
again() {
	kill -s USR1 "$CLIENT_PID"
	wait_ups 2 60
	ping_ok client 10.8.0.1
}

begin hooks
start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key" --keepalive 10 120 \
	--push "route 198.51.100.0 255.255.255.0" --push "dhcp-option DNS 10.8.0.1"
cat >"$WORK/hooks.lua" <<-LUA
	local vpn = require "lunel"
	local log = vpn.log "test"
	local conf = vpn.profile "$WORK/udp.ovpn"
	conf.on = {
	  verify_cert = function(session, chain) return #chain > 0 end,
	  pulled = function(session, options) return options end,
	  up = function(session, net)
	    local r = vpn.exec { "/bin/echo", "hello", net.ifname }
	    log.info("up", { said = (r.out:gsub("\n", "")) })
	  end,
	  reconnect = function(ctx, cause) vpn.sleep(0.1) return 0 end,
	  closed = function(session, why) log.info("closed", { why = why }) end,
	}
	vpn.client(conf)
LUA
start_client client "$WORK/hooks.lua"
wait_up 60
client_says 'test.up said="hello tun' 30
life again

# The way out of an error is the one least walked.
begin refused
printf '#!/bin/sh\nexit 1\n' >"$WORK/verify"
start_server server "$WORK/pki" --proto tcp-server --script-security 2 \
	--auth-user-pass-verify "$WORK/verify" via-file --tls-crypt-v2 "$WORK/pki/v2-server.key"
start_client client "$WORK/tcp.ovpn"
wait_until 60 client_ended || fail "the client goes on"
client_fails 'auth_failed'
clean_reports
