#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 150
#
# A server's decisions in Lua: a hook that takes its time holds up nobody else, one that fails denies, one
# that never ends is stopped; passwords, challenges, tokens, denials with their reasons; and each
# connection that was established is closed once, with final counters.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

ns_make quick slow
ns_link server 198.51.100.1/30 quick 198.51.100.2/30
ns_link server 198.51.100.5/30 slow 198.51.100.6/30
for name in quick slow faulty looping wrong; do
	pki_issue "$WORK/pki" $name client "/O=Lunel Test/CN=$name"
done

# lua_server: a server's fields on standard input, behind what all of them have.
lua_server() {
	{
		cat <<-LUA
			local vpn = require "lunel"
			local log = vpn.log "test"
			local conf = {
			  server = "10.8.0.0/24", keepalive = { 5, 30 }, verb = 4,
			  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
			          key = "$WORK/pki/server.key", crypt = "$WORK/pki/tc.key" },
			}
		LUA
		cat
		echo 'vpn.server(conf)'
	} >"$WORK/$SERVER_NAME.lua"
	start_lunel server "$WORK/$SERVER_NAME.lua"
}

# come NS CERT REMOTE-ADDRESS [OPTION...]: a stock client.
come() {
	come_ns=$1
	PROFILE_CERT=$2
	come_to=$3
	CLIENT_NAME=$2-${SERVER_NAME#server-}
	shift 3
	start_openvpn "$come_ns" "$WORK/pki" "$come_to 1194 udp" --tls-crypt "$WORK/pki/tc.key" "$@"
}

begin waiting
lua_server <<'LUA'
conf.on = {
  authorize = function(peer)
    if peer.cn == "slow" then vpn.sleep(20) end
    if peer.cn == "faulty" then local nothing; return nothing.field end
    if peer.cn == "looping" then
      while true do pcall(string.find, ("a"):rep(5000), "(.-)(.-)(.-)(.-)(.-)(.-)b") end
    end
    if peer.cn == "wrong" then return 42 end
    return true
  end,
}
LUA
come quick quick 198.51.100.1
wait_up 10
in_ns quick ping -n -D -i 0.05 -c 240 10.8.0.1 >"$WORK/gap.txt" 2>&1 &
pinging=$!
come slow slow 198.51.100.5
come client faulty 192.0.2.1
server_says "hook 'authorize'.*server-waiting.lua:[0-9]+:.*(nil|field)" 10
server_says 'grant.denied peer=faulty' 5
wait_for "$WORK/$CLIENT_NAME.log" 'AUTH_FAILED' 10 "$CLIENT_PID" || fail "faulty was not refused"
come client looping 192.0.2.1
server_says 'grant.denied peer=looping' 10
come client wrong 192.0.2.1
server_says "authorize' returned a number" 10
server_says 'grant.denied peer=wrong' 5
wait "$pinging"
grep -q "240 packets transmitted, 240 received" "$WORK/gap.txt" || {
	tail -n 4 "$WORK/gap.txt"
	fail "the quick client's pings show a gap"
}
# Its deadline is 10 s, and its default is to deny.
server_says 'grant.denied peer=slow' 15
wait_for "$WORK/slow-waiting.log" 'AUTH_FAILED' 10 || fail "slow was not refused"
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
for name in client quick slow; do ns_kill $name; done

begin logins
lua_server <<'LUA'
conf.auth_gen_token = { 3600, 600 }
conf.on = {
  authenticate = function(peer, cred)
    log.info("login", { user = cred.username, again = tostring(cred.again),
                        code = cred.response and cred.response:reveal() or "none",
                        state = cred.state or "none", password = cred.password })
    if cred.username == "code" and not cred.response then
      return vpn.challenge { "Your code?", state = "st4te", echo = true }
    end
    if cred.username == "code" then
      return cred.response:reveal() == "1234" and cred.state == "st4te" or vpn.deny "wrong code"
    end
    if cred.password:reveal() ~= "right" then return vpn.deny "not this time" end
    return true
  end,
  authorize = function(peer) return vpn.grant { push = { "route 10.77.0.0 255.255.0.0" }, expires = 4 } end,
  established = function(peer) log.info("opened", { who = peer.user, ip = peer.ipv4 }) end,
  closed = function(peer, why, stats)
    vpn.sleep(0.2)
    log.info("ended", { who = peer.user, why = why, rx = stats.rx, tx = stats.tx })
  end,
}
LUA
printf 'joe\nwrong\n' >"$WORK/wrong.txt"
printf 'joe\nright\n' >"$WORK/right.txt"
chmod 600 "$WORK/wrong.txt" "$WORK/right.txt"
come client client 192.0.2.1 --auth-user-pass "$WORK/wrong.txt"
wait_for "$WORK/$CLIENT_NAME.log" 'AUTH_FAILED,not this time' 10 "$CLIENT_PID" ||
	fail "the reason was not told"
wait_until 5 client_ended || stop "$CLIENT_PID"
come client client 192.0.2.1 --auth-user-pass "$WORK/right.txt" --auth-nocache --reneg-sec 2
wait_up 10
ping_ok client 10.8.0.1
wait_for "$WORK/$CLIENT_NAME.log" 'auth-token' 5 "$CLIENT_PID" || fail "no token was pushed"
# It expires after 4 s, renewed keys or not; the token brings the client back without a password.
server_says 'ended rx=[0-9]+ tx=[0-9]+ who=joe why=session_timeout' 12
wait_until 20 says_often "$WORK/$SERVER_NAME.log" 'test.opened' 2 || fail "joe did not come back"
[ "$(says_times "$WORK/$SERVER_NAME.log" 'test.login.*user=joe')" -eq 2 ] ||
	fail "the password was asked for although there was a token"
grep -q 'right' "$WORK/$SERVER_NAME.log" && fail "a password is in the log"
stop "$CLIENT_PID" TERM 5

# Our own client answers the challenge; a wrong code is refused.
for code in 1234 4321; do
	CLIENT_NAME=code-$code
	cat >"$WORK/$CLIENT_NAME.lua" <<-LUA
		local vpn = require "lunel"
		vpn.client {
		  remotes = { vpn.remote { "192.0.2.1", 1194, "udp" } }, auth_user_pass = true,
		  auth_retry = "interact", connect_retry_max = 3,
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/client.crt",
		          key = "$WORK/pki/client.key", crypt = "$WORK/pki/tc.key" },
		  on = {
		    credentials = function() return { username = "code", password = "x" } end,
		    challenge = function(ctx) return ctx.text == "Your code?" and ctx.echo and "$code" or nil end,
		    reconnect = function(ctx, cause)
		      if cause.code == "auth_failed" then return vpn.stop(cause.text) end
		    end,
		  },
		}
	LUA
	start_client client "$WORK/$CLIENT_NAME.lua"
	if [ $code = 1234 ]; then
		wait_up 10
		server_says 'test.login.*code=1234.*state=st4te.*user=code' 5
		stop "$CLIENT_PID" TERM 5
	else
		client_says 'wrong code' 10
		wait_until 10 client_ended || fail "the refused client goes on"
	fi
done
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
opened=$(says_times "$WORK/$SERVER_NAME.log" 'test.opened')
ended=$(says_times "$WORK/$SERVER_NAME.log" 'test.ended')
[ "$opened" -gt 2 ] || fail "only $opened were established"
[ "$opened" -eq "$ended" ] || fail "$opened were established, $ended closed"
for name in client quick slow; do ns_kill $name; done

begin reauth
lua_server <<'LUA'
conf.auth_gen_token = { 3600, 600 }
local renewals = 0
conf.on = {
  authenticate = function(_, cred)
    log.info("login", { user = cred.username, again = tostring(cred.again) })
    return cred.password:reveal() == "right"
  end,
  reauth = function(peer, cred, state)
    renewals = renewals + 1
    log.info("again", { user = cred.username, who = peer.cn, state = state, n = renewals,
                        again = tostring(cred.again), shown = #cred.password:reveal() })
    vpn.sleep(0.1)
    return renewals < 3 or vpn.deny "no more today"
  end,
}
LUA
come client client 192.0.2.1 --auth-user-pass "$WORK/right.txt" --auth-nocache --reneg-sec 1
wait_up 10
for n in 1 2 3; do
	server_says "test.again again=true n=$n shown=0 state=valid user=joe who=client" 15
	[ $n = 3 ] || ping_ok client 10.8.0.1
done
wait_for "$WORK/$CLIENT_NAME.log" 'AUTH_FAILED,no more today' 10 "$CLIENT_PID" ||
	fail "the refusal was not told"
stop "$CLIENT_PID" TERM 5
[ "$(says_times "$WORK/$SERVER_NAME.log" 'test.login.*again=true')" -eq 0 ] ||
	fail "authenticate was asked beside reauth"
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
