#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lunel-test: timeout 120
#
# Every hook of a client against OpenVPN, in one script's life: a dead remote, a refused password,
# a reconnect, a configuration read again, the end.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

cat >"$WORK/verify" <<-'SH'
	#!/bin/sh
	[ "$(sed -n 1p "$1")" = joe ] && [ "$(sed -n 2p "$1")" = right ]
SH
chmod 755 "$WORK/verify" "$WORK"

cat >"$WORK/hooks.lua" <<-LUA
	local vpn = require "lunel"
	local log = vpn.log "hook"
	local asked = 0
	local dead = vpn.remote { "192.0.2.77", 1194, "udp", site = "dead", connect_timeout = 1 }
	local good = vpn.remote { "192.0.2.1", 1194, "udp", site = "good" }
	vpn.client {
	  remotes = { dead, good },
	  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/client.crt", key = "$WORK/pki/client.key",
	          crypt = "$WORK/pki/tc.key" },
	  auth_user_pass = true,
	  auth_retry = "interact",
	  on = {
	    select_remote = function(ctx)
	      vpn.sleep(0.01)
	      log.info("select", { attempt = ctx.attempt, after = ctx.last_error and ctx.last_error.code })
	      if ctx.attempt > 1 then return good end
	    end,
	    credentials = function(ctx)
	      asked = asked + 1
	      log.info("credentials", { why = ctx.why })
	      return { username = "joe", password = asked == 1 and "wrong" or "right" }
	    end,
	    verify_cert = function(sess, chain)
	      log.info("verify", { cn = chain[1].cn, length = #chain, site = sess.remote.site })
	      return chain[1].cn == "server.example"
	    end,
	    pulled = function(sess, options)
	      options[#options + 1] = "route 198.51.100.0 255.255.255.0"
	      local ok, err = pcall(vpn.sleep, 1)
	      log.info("pulled", { err = err })
	    end,
	    up = function(sess, net)
	      log.info("up", { dev = net.ifname, routes = table.concat(net.routes, " "), up = sess:is_up() })
	      net.dns = {}
	      vpn.spawn(function()
	        vpn.sleep(0.2)
	        local r = assert(vpn.exec { "sh", "-c", "echo out; exit 3" })
	        log.info("task", { status = r.status, out = r.out, rx = sess:stats().rx })
	        vpn.sleep(1000)
	      end)
	    end,
	    reconnect = function(ctx, cause)
	      log.info("reconnect", { code = cause.code, phase = cause.phase, site = ctx.remote.site })
	      return 0.1
	    end,
	    down = function(sess, net) log.info("down", { dev = net.ifname, up = sess:is_up() }) end,
	    closed = function(sess, why) log.info("closed", { why = why }) error "at the end" end,
	  },
	}
LUA

CLIENT_NAME=hooks
start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key" --script-security 2 \
	--auth-user-pass-verify "$WORK/verify" via-file --push "dhcp-option DNS 10.8.0.1"
start_client client "$WORK/hooks.lua"
wait_up 20
for line in 'hook.select attempt=1$' 'hook.credentials why=first' \
	'hook.reconnect code=timeout phase=connect site=dead' 'hook.select after=timeout attempt=2' \
	'hook.verify cn=server.example length=2 site=good' \
	'hook.reconnect code=auth_failed phase=auth site=good' 'hook.credentials why=failed' \
	"hook.pulled err=\"vpn.sleep cannot wait in hook 'pulled'" \
	'hook.up dev=tun0 routes=198.51.100.0/24 up=true' 'hook.task out="out " rx=0 status=3'; do
	client_says "$line"
done
grep -q 'DNS' "$WORK/hooks.log" && fail "DNS was not left alone"
in_ns client ip route | grep -q '198.51.100.0/24 dev tun0' || fail "no route of the hook's"
ping_ok client 10.8.0.1

# SIGUSR2 counts, SIGUSR1 connects anew: no new password, the device stays.
kill -s USR2 "$CLIENT_PID"
client_says 'tun: up, in [1-9][0-9]* bytes, out [1-9][0-9]* bytes'
kill -s USR1 "$CLIENT_PID"
client_says 'hook.select after=user attempt=4'
wait_until 10 sh -c "[ \$(grep -c 'Sequence Completed' '$WORK/hooks.log') -eq 2 ]" ||
	fail "not up after SIGUSR1"
ping_ok client 10.8.0.1
[ "$(says_times "$WORK/hooks.log" 'tun.opened')" -eq 1 ] || fail "the device was opened again"

# SIGHUP reads the script again; one with an error leaves the running one.
sed 's/"hook"/"again"/; s/asked == 1/false/' "$WORK/hooks.lua" >"$WORK/new.lua"
cp "$WORK/hooks.lua" "$WORK/old.lua"
echo 'vpn.client {' >>"$WORK/hooks.lua"
kill -s HUP "$CLIENT_PID"
client_says 'hooks.lua:[0-9]+: .*unexpected symbol'
client_says 'going on with the old configuration'
wait_until 10 sh -c "[ \$(grep -c 'Sequence Completed' '$WORK/hooks.log') -eq 3 ]" ||
	fail "not up after a SIGHUP with a bad script"
cp "$WORK/new.lua" "$WORK/hooks.lua"
kill -s HUP "$CLIENT_PID"
client_says 'hook.down dev=tun0 up=false'
client_says 'hook.closed why=user'
client_says "Error in hook 'closed': .*hooks.lua:[0-9]+: at the end"
client_says 'again.select attempt=1'
wait_until 10 sh -c "[ \$(grep -c 'Sequence Completed' '$WORK/hooks.log') -eq 4 ]" ||
	fail "not up with the new script"
ping_ok client 10.8.0.1

end_client
grep -q 'again.closed why=user' "$WORK/hooks.log" || fail "closed was not called at the end"
echo "hooks: ok"
