#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 90
#
# Messages of scripts' own: examples/linkreport.lua and a control prefix between our two ends, and a stock
# OpenVPN at either end that notices nothing of them.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

# The example, but with a shorter breath.
sed 's/vpn.sleep(30)/vpn.sleep(0.3)/' "${0%/*}/../../examples/linkreport.lua" >"$WORK/linkreport.lua"
grep -q 'sleep(0.3)' "$WORK/linkreport.lua" || fail "the example has another breath"

cat >"$WORK/server.lua" <<LUA
local vpn = require "lunel"
local log = vpn.log "test"
if not rawget(vpn, "metrics") then
  vpn.metrics = { gauge = function(name, labels)
    return { set = function(_, v) log.info("gauge", { name = name, user = labels.user, v = v }) end }
  end }
end
local conf = {
  server = "10.8.0.0/24", keepalive = { 5, 30 }, verb = 4,
  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt", key = "$WORK/pki/server.key",
          crypt = "$WORK/pki/tc.key" },
  on = { established = function(peer)
    log.info("here", { site = peer.info.UV_SITE or "none", acc = peer.info.IV_ACC or "none" })
    vpn.sleep(0.5)
    peer:send "SITE,hello"
  end },
}
vpn.control("SITE,", function(_, text)
  log.info("site", { text = text })
  return true
end)
require("linkreport").server(conf)
vpn.server(conf)
LUA

cat >"$WORK/client.lua" <<LUA
local vpn = require "lunel"
local log = vpn.log "test"
local conf = {
  remotes = { vpn.remote { "192.0.2.1", 1194, "udp", site = "fra" },
              vpn.remote { "192.0.2.1", 1194, "udp", site = "ams" } },
  peer_info = { UV_SITE = "fra" }, verb = 4,
  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/client.crt", key = "$WORK/pki/client.key",
          crypt = "$WORK/pki/tc.key" },
}
-- What the link is like is the test's to say: bad, until the server has sent us elsewhere.
vpn.hook(conf, "up", function(sess)
  log.info("up", { site = sess.remote.site })
  sess.rtt = function() return 0.01 end
  sess.loss = function() return sess.remote.site == "fra" and 0.2 or 0 end
  sess:send "SITE,here I am"
end)
vpn.control("SITE,", function(_, text)
  log.info("site", { text = text })
  return true
end)
require("linkreport").client(conf)
vpn.client(conf)
LUA

begin both-ours
start_lunel server "$WORK/server.lua"
start_client client "$WORK/client.lua"
wait_up 10
server_says 'test.here acc=2047,6:A,lnk1 site=fra' 5
server_says 'test.site text="?here I am' 5
client_says 'moved by server site=ams' 10
wait_ups 2 10
client_says 'test.up site=ams' 5
client_says 'test.site text="?hello' 5
ping_ok client 10.8.0.1
grep -E 'acc\.(dropped|refused)|script\.error' "$WORK/$SERVER_NAME.log" "$WORK/$CLIENT_NAME.log" &&
	fail "something was dropped"
end_client

# A client that knows nothing of it: no custom-control, and what is sent by name is a line of its log.
begin stock-client
SERVER_NAME=server-both-ours
start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" --tls-crypt "$WORK/pki/tc.key"
wait_up 10
server_says 'test.here acc=none site=none' 5
wait_for "$WORK/$CLIENT_NAME.log" 'SITE,hello' 5 "$CLIENT_PID" || fail "the text did not come"
grep -q 'custom-control' "$WORK/$CLIENT_NAME.log" && fail "custom-control was pushed"
ping_ok client 10.8.0.1
end_client
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
ns_kill server

# A server that knows nothing of it.
begin stock-server
start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key"
start_client client "$WORK/client.lua"
wait_up 10
server_says 'peer info: IV_ACC=2047,6:A,lnk1' 5
server_says 'peer info: UV_SITE=fra' 5
ping_ok client 10.8.0.1
client_says 'test.up site=fra' 5
grep -E 'acc\.|script\.error' "$WORK/$CLIENT_NAME.log" && fail "it does not leave the server alone"
end_client
