-- SPDX-License-Identifier: GPL-3.0-or-later
-- A user's tests that fail, each as its name says: testing_spec.lua knows the lines.
local t = require "lunel.test"

local SERVER = [[
local vpn = require "lunel"
vpn.server { listen = { "1194/udp" }, server = "10.9.0.0/24",
  tls = { ca = "ca.pem", cert = "srv.pem", key = "srv.key" },
  on = { authorize = function() %s return vpn.grant {} end } }
]]

local function helper() t.equal("got", "expected") end

t.case("equal", function() t.equal({ 1, a = "x" }, { 2 }, "the table") end)
t.case("in a helper", function()
  helper()
end)
t.case("an error", function() local x = nil; return x.y end)
t.case("nobody answers", function()
  local srv = t.server(SERVER:format "vpn.resolve 'db.example'")
  srv:connect { cn = "anna" }:wait "up"
end)
t.case("it hangs", function()
  local srv = t.server(SERVER:format "vpn.resolve 'db.example'", { resolve = t.never })
  srv:connect { cn = "anna" }:wait("up", 3)
end)
t.case("round and round", function()
  local srv = t.server(SERVER:format "while vpn.sleep(0) do end")
  srv:connect { cn = "anna" }:wait "up"
end)
t.case("a wrong configuration", function()
  t.server [[
    local vpn = require "lunel"
    vpn.server { lsten = "1194" }
  ]]
end)
t.case("a wrong option", function() t.server("x.lua", { htp = 1 }) end)
t.case("it closed", function()
  local srv = t.server(SERVER:format "error 'oops'")
  srv:connect { cn = "anna" }:wait "up"
end)
t.case("a service fails", function()
  local srv = t.server(SERVER:format "vpn.resolve 'db.example'", { resolve = function(name)
    t.equal(name, "other")
  end })
  srv:connect { cn = "anna" }:wait "up"
end)
t.case("a service lets time pass", function()
  local srv = t.server(SERVER:format "vpn.resolve 'db.example'", { resolve = function()
    t.advance(1)
  end })
  srv:connect { cn = "anna" }:wait "up"
end)
t.case("an unknown field", function() return t.server(SERVER:format "").nonsense end)
t.case("a mistyped call", function()
  local srv = t.server(SERVER:format "")
  return srv:conect { cn = "anna" }
end)
t.case("a mistyped word of the tests' own", function() t.eqaul(1, 1) end)
t.case("this one passes", function() end)

-- What decides nothing fails in silence, but for the log.
local QUIET = SERVER:gsub("on = .*$", "on = { %%s } }\n")
local function quiet(on)
  local srv = t.server(QUIET:format("authorize = function() return vpn.grant {} end, " .. on))
  local anna = srv:connect { cn = "anna" }:wait "up"
  return srv, anna
end
t.case("an error in established", function()
  quiet "established = function() error 'boom' end"
end)
t.case("an error in closed", function()
  local _, anna = quiet "closed = function(peer) return peer.nme end"
  anna:disconnect()
  t.advance(10)
end)
t.case("errors of a task, of which one is asked about", function()
  local srv = quiet [[established = function()
    vpn.spawn(function() error "first" end)
    vpn.spawn(function() vpn.sleep(1) error "second" end)
  end]]
  t.equal(#srv:log "^script%.error$", 1)
  t.advance(2)
  t.equal(#srv:log(), #srv:log())
end)
t.case("an error of a lane", function()
  local srv = t.server(SERVER:gsub("listen", "filter = 'mine.lua', %0"):format "", { files = {
    ["mine.lua"] = "return {\n from_peer = function(b) error 'lame' end }" } })
  local anna = srv:connect { cn = "anna" }:wait "up"
  anna:send_packet(t.packet { from = anna.address, to = "10.9.0.1" })
  t.advance(1)
end)
t.case("an error that the case asks about", function()
  local srv = quiet "established = function() error 'boom' end"
  t.match(srv:log "^script%.error$"[1].fields.error, "^the server:4: boom$")
end)
