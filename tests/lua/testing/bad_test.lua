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
