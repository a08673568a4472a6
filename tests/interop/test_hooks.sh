#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A client written in Lua: its hooks choose, see, change and refuse, against OpenVPN.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

# script: a script's text on standard input, behind what all of them need.
script() {
	{
		cat <<-LUA
			local vpn = require "lunel"
			local log = vpn.log "test"
			local tls = {
			  ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/client.crt", key = "$WORK/pki/client.key",
			  crypt = "$WORK/pki/tc.key",
			}
		LUA
		cat
	} >"$WORK/$CLIENT_NAME.lua"
}

hook_server() {
	start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key" "$@"
}

begin all-hooks
hook_server --push "route 198.51.100.0 255.255.255.0" --push "dhcp-option DNS 10.8.0.1" \
	--explicit-exit-notify 1
script <<'LUA'
local dead = vpn.remote { "192.0.2.1", 1999, "tcp" }
local live = vpn.remote { "192.0.2.1", 1194, "udp" }
vpn.client {
  remotes = { dead, live }, tls = tls, dev = "lnlhook", dev_type = "tun", keepalive = { 1, 5 },
  explicit_exit_notify = 1,
  on = {
    select_remote = function(ctx)
      log.info("select", { attempt = ctx.attempt, failures = ctx.failures,
                           last = ctx.last_error and ctx.last_error.code or "none" })
      vpn.sleep(0.1)
      if ctx.attempt == 1 then return dead end
      return live, 0.1
    end,
    verify_cert = function(session, chain)
      log.info("verify", { depth0 = chain[1].cn, n = #chain })
      return true
    end,
    pulled = function(session, options)
      local kept = {}
      for _, line in ipairs(options) do
        if not line:find("^route 198") then kept[#kept + 1] = line end
      end
      kept[#kept + 1] = "route 203.0.113.0 255.255.255.0"
      log.info("pulled", { before = #options, after = #kept })
      return kept
    end,
    up = function(session, net)
      local r = vpn.exec { "/bin/echo", "hello from", net.ifname }
      log.info("up", { dev = net.ifname, address = tostring(net.addresses[1]), dns = net.dns[1],
                       mtu = net.mtu, said = (r.out:gsub("\n", "")) })
    end,
    down = function(session, net) log.info("down", { dev = net.ifname }) end,
    reconnect = function(ctx, cause)
      log.info("reconnect", { code = cause.code, phase = cause.phase, failures = ctx.failures })
      if cause.code == "server_restart" then return 0.3 end
      return 0
    end,
    network = function(changes, session)
      for _, c in ipairs(changes) do
        log.info("network", { what = c.what, dev = c.ifname, address = c.address,
                              up = session and session:is_up() and 1 or 0 })
      end
    end,
    closed = function(session, why, stats)
      log.info("closed", { why = why, rx = stats.rx > 0 and "some" or "none" })
    end,
  },
}
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
wait_up 15
client_says 'test.select attempt=1 failures=0 last=none'
client_says 'test.reconnect code=connect_failed failures=1 phase=connect'
client_says 'test.select attempt=2 failures=1 last=connect_failed'
client_says 'test.verify depth0=server.example n='
client_says 'test.pulled'
client_says 'test.up .*said="hello from lnlhook"'
in_ns client ip route get 203.0.113.1 | grep -q 'dev lnlhook' || fail "the added route is missing"
! in_ns client ip route get 198.51.100.1 2>/dev/null | grep -q lnlhook || fail "the route is there"
ping_ok client 10.8.0.1
in_ns client ip address add 198.18.0.1/32 dev lo
client_says 'test.network .*address=198.18.0.1/32 .*up=1'
in_ns client ip address del 198.18.0.1/32 dev lo
grep -q 'test.network .*lnlhook' "$WORK/$CLIENT_NAME.log" && fail "told of our own device"
stop "$SERVER_PID" TERM 5
client_says 'test.reconnect code=server_restart'
hook_server
wait_ups 2 15
ping_ok client 10.8.0.1
end_client
grep -q 'test.down dev=lnlhook' "$WORK/$CLIENT_NAME.log" || fail "no down"
grep -q 'test.closed .*rx=some' "$WORK/$CLIENT_NAME.log" || fail "no closed"
ns_kill server

# Hooks that refuse.
begin certificate-refused
hook_server
script <<'LUA'
vpn.client {
  remotes = { { "192.0.2.1", 1194, "udp" } }, tls = tls,
  on = { verify_cert = function() return false, "I do not know them" end },
}
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
client_fails 'I do not know them'

begin options-refused
script <<'LUA'
vpn.client {
  remotes = { { "192.0.2.1", 1194, "udp" } }, tls = tls, connect_retry_max = 1,
  on = { pulled = function() return false, "not with these options" end },
}
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
client_fails 'not with these options'

begin stopped
script <<'LUA'
vpn.client {
  remotes = { { "192.0.2.1", 1999, "tcp" } }, tls = tls,
  on = {
    reconnect = function(ctx, cause)
      if ctx.failures < 3 then return 0.1 end
      return vpn.stop("three times is enough")
    end,
  },
}
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
client_fails 'three times is enough'
[ "$(says_times "$WORK/$CLIENT_NAME.log" 'Connection failed')" -eq 3 ] || fail "not three attempts"

# Mistakes of a hook cost nobody the tunnel.
begin mistakes
script <<'LUA'
vpn.client {
  remotes = { { "192.0.2.1", 1194, "udp" } }, tls = tls,
  on = {
    select_remote = function() error("oops in select") end,
    pulled = function() while true do end end,
    up = function(session, net) return net.nothing.at_all end,
  },
}
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
wait_up 15
client_says 'oops in select'
client_says "hook 'pulled'"
client_says "hook 'up'"
ping_ok client 10.8.0.1
end_client

# The wrong table is refused before anything happens, all of it at once.
begin wrong-table
script <<'LUA'
vpn.client {
  remotes = { { "192.0.2.1", 99999, "udp" } }, tls = tls, keepalive = "often",
  on = { upp = function() end },
}
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
client_fails 'port' 2
grep -q 'keepalive' "$WORK/$CLIENT_NAME.log" || fail "only one error is named"
grep -q "upp.*up" "$WORK/$CLIENT_NAME.log" || fail "the hook's name is not suggested"

# A profile, and one decision on top of it.
begin profile-and-hook
profile "$WORK/pki" "192.0.2.1 1194 udp" "$(inline tls-crypt "$WORK/pki/tc.key")" >"$WORK/a.ovpn"
script <<LUA
local conf = vpn.profile "$WORK/a.ovpn"
vpn.hook(conf, "up", function(session, net) log.info("hooked", { dev = net.ifname }) end)
vpn.client(conf)
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
wait_up 15
client_says 'test.hooked dev=tun'
ping_ok client 10.8.0.1
done_with
