#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# Signals to a server with clients, Debian's and ours: each comes back by itself, and each
# `established` has one `closed`.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec
ns_make other
ns_link server 198.51.100.1/30 other 198.51.100.2/30
pki_issue "$WORK/pki" other client "/O=Lunel Test/CN=other"

# write_server NETWORK
write_server() {
	cat >"$WORK/server.lua" <<-LUA
		local vpn = require "lunel"
		local log = vpn.log "test"
		vpn.server {
		  listen = { "1194/udp" }, reload = false,
		  server = "$1", keepalive = { 2, 20 },
		  user = "nobody", status = { "$STATUS", 1 },
		  ifconfig_pool_persist = { "$WORK/private/leases", 1 },
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
		          key = "$WORK/pki/server.key", crypt = "$WORK/pki/tc.key" },
		  on = {
		    established = function(peer) log.info("came", { name = peer.name }) end,
		    closed = function(peer) log.info("went", { name = peer.name }) end,
		  },
		}
	LUA
}

# came_often TIMES: both clients were let in so many times.
came_often() {
	for cn in client other; do
		says_often "$WORK/server.log" "came.*$cn" "$1" || return 1
	done
}

# The server is nobody, who reads its files again after HUP; the status file's folder is root's alone.
chmod 0755 "$WORK"
chmod -R a+rX "$WORK/pki"
STATUS=$WORK/private/status
mkdir -m 0700 "$WORK/private"
# lunel's own modules are in such a folder as well, where somebody keeps all of it in /root.
cp -R "$LUNEL_SOURCE/scripts" "$WORK/private/scripts"
LUNEL_SCRIPTS=$WORK/private/scripts
export LUNEL_SCRIPTS

# seen_whole SECONDS: whoever reads the status file meanwhile finds a whole one.
seen_whole() {
	end=$(($(date +%s) + $1))
	while [ "$(date +%s)" -lt "$end" ]; do
		text=$(cat "$STATUS") || fail "the status file went away"
		case $text in
		"OpenVPN CLIENT LIST"*END) ;;
		*) fail "half a status file: $text" ;;
		esac
	done
}

# Both reach ADDRESS.
both_answer() {
	in_ns client ping -n -q -c 1 -W 1 "$1" && in_ns other ping -n -q -c 1 -W 1 "$1"
}

begin_all() {
	SERVER_NAME=server
	write_server 10.8.0.0/24
	start_lunel server "$WORK/server.lua"
	CLIENT_NAME=stock PROFILE_CERT=client start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" \
		--tls-crypt "$WORK/pki/tc.key"
	PROFILE_CERT=other profile "$WORK/pki" "198.51.100.1 1194 udp" \
		"$(inline tls-crypt "$WORK/pki/tc.key")" "connect-retry 1 1" >"$WORK/other.ovpn"
	CLIENT_NAME=ours start_client other "$WORK/other.ovpn"
	wait_until 15 came_often 1 || fail "the clients did not come"
	wait_until 10 both_answer 10.8.0.1 || fail "no answer to pings"
}

echo "-- two clients, Debian's and ours"
begin_all

echo "-- nobody writes the status file and the leases into a folder of root's"
wait_for "$STATUS" '^client,192\.0\.2\.2:' 5 "$SERVER_PID" || fail "no status file"
wait_for "$STATUS" '^other,198\.51\.100\.2:' 5 "$SERVER_PID" || fail "the other client is missing"
[ "$(stat -c %U "/proc/$SERVER_PID")" = nobody ] || fail "the server is not nobody"
[ "$(stat -c %U:%a "$STATUS")" = root:600 ] || fail "whose is the status file?"
wait_for "$WORK/private/leases" '^other,10\.8\.0\.' 5 "$SERVER_PID" || fail "no leases"
seen_whole 3

echo "-- usr1: both are told to come again"
kill -s USR1 "$SERVER_PID"
wait_until 20 came_often 2 || fail "they did not come again"
wait_until 10 both_answer 10.8.0.1 || fail "no answer to pings after USR1"

echo "-- usr2: who is there"
kill -s USR2 "$SERVER_PID"
server_says 'client.*other' 5
server_says 'clients=2' 5

echo "-- hup with a bad file: nobody notices"
echo 'require("lunel").server { listn = {} }' >"$WORK/server.lua"
kill -s HUP "$SERVER_PID"
server_says "did you mean .listen" 5
server_says "going on with the old configuration" 5
both_answer 10.8.0.1 >/dev/null || fail "a bad file hurt the clients"
came_often 3 && fail "a bad file sent the clients away"

echo "-- hup with a new one: another network, the same clients"
write_server 10.9.0.0/24
kill -s HUP "$SERVER_PID"
wait_until 20 came_often 3 || fail "they did not come to the new configuration"
wait_until 10 both_answer 10.9.0.1 || fail "no answer to pings in the new network"
wait_for "$STATUS" '^10\.9\.0\.[0-9]+,other,' 5 "$SERVER_PID" || fail "no status after HUP"
wait_for "$WORK/private/leases" '^other,10\.9\.0\.' 5 "$SERVER_PID" || fail "no leases after HUP"

echo "-- each that came went once"
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
for cn in client other; do
	came=$(says_times "$WORK/server.log" "came.*$cn")
	went=$(says_times "$WORK/server.log" "went.*$cn")
	[ "$came" -eq "$went" ] || fail "$cn came $came times and went $went times"
done
