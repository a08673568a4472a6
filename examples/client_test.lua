-- Tests of client.lua: lunel test examples/client_test.lua
local t = require "lunel.test"

t.case("it comes up at the first remote", function()
  local c = t.client "client.lua"
  c:start():wait "up"
  t.equal(c.session.remote.proto, "udp")
end)

t.case("it goes to TCP where UDP does not pass", function()
  local c = t.client "client.lua"
  c:reach(function(remote) return remote.proto == "tcp" end)
  c:start():wait("up", 300)
  t.equal(c.session.remote.port, 443)
end)

t.case("it tries again when the server restarts", function()
  local c = t.client "client.lua"
  c:start():wait "up"
  c:far_end():kill("client", "RESTART")
  c:wait(function() return not c.up end)
  t.equal(c.cause.code, "server_restart")
  c:wait "up"
end)

t.case("it stops when the server refuses it", function()
  local c = t.client "client.lua"
  c:login(function(who)
    t.equal(who.cn, "client")
    return false, "unknown"
  end)
  c:start():wait "closed"
  t.equal(c.cause.code, "auth_failed")
  t.advance(600)
  t.equal(#c:log "^tunnel.connecting$", 1)
end)
