-- Tests of jsonlog.lua: lunel test examples/jsonlog_test.lua
local t = require "lunel.test"
local json = require "cjson"

local FOLDER = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local PATH = "/var/log/vpn.jsonl"

-- A script that has the module; |hook| is what happens at a login.
local function server(hook)
  return t.server(([[
    package.path = "%s?.lua;" .. package.path
    local vpn = require "lunel"
    require "jsonlog"
    local log = vpn.log "test"
    vpn.server {
      listen = { "1194/udp" }, server = "10.8.0.0/24", auth_user_pass = true,
      tls = { ca = "ca.pem", cert = "srv.pem", key = "srv.key" },
      on = { authenticate = function(peer, cred)
        %s
        return true
      end },
    }
  ]]):format(FOLDER, hook or ""))
end

local function come(srv)
  srv:connect { cn = "anna", user = "anna", password = "sesame-open" }:wait "up"
  t.advance(1)
end

-- Its lines, each of them JSON, by event; and their number.
local function lines(srv)
  local text, by, n = srv:file(PATH), {}, 0
  t.match(text, "\n$", "whole lines")
  for line in text:gmatch "([^\n]*)\n" do
    local ok, r = pcall(json.decode, line)
    t.ok(ok and type(r) == "table", "no JSON: " .. line)
    by[r.event], n = r, n + 1
  end
  return by, n
end

t.case("one line an event, and valid JSON", function()
  local srv = server [[ log.info("said", { text = 'a "b" \\ c', n = 1.5, yes = true }) ]]
  come(srv)
  local by, n = lines(srv)
  t.equal(by["test.said"].text, [[a "b" \ c]])
  t.equal(by["test.said"].n, 1.5)
  t.match(by["test.said"].src, ":%d+$")
  t.equal(by["peer.up"].level, "info")
  t.match(by["peer.up"].ts, "^2026%-01%-05T%d%d:%d%d:%d%d%.%d%d%dZ$")
  t.equal(by["peer.up"].sess, "anna")
  t.ok(by["peer.up"].pid and by["peer.up"].host, "host and pid")
  t.ok(by["tls.handshake"], "the engine's own events")
  local wanted = 0
  for _, r in ipairs(srv:log()) do
    if r.level == "info" or r.level == "warn" or r.level == "error" then wanted = wanted + 1 end
  end
  t.equal(n, wanted, "as many as there were")
end)

t.case("secrets are never printed", function()
  local srv = server [[
    log.info("said", { password = cred.password, inside = { cred.password },
                       text = "it is " .. cred.password:reveal() })
    error("no " .. cred.password:reveal())
  ]]
  srv:connect { cn = "anna", user = "anna", password = "sesame-open" }:wait "denied"
  t.advance(1)
  t.ok(not srv:file(PATH):find("sesame", 1, true), "a secret is there")
  local by = lines(srv)
  t.equal(by["test.said"].password, "***")
  t.equal(by["test.said"].text, "it is ***")
  t.ok(by["script.error"], "the error is told")
  t.match(srv:log "^script%.error$"[1].fields.error, "no %*%*%*$")
end)

t.case("lost records are counted", function()
  -- In pieces, each of which has time enough, and more than is kept until the sink's turn.
  local srv = server [[
    for i = 1, 20000 do
      log.info("much", { i = i })
      if i % 1500 == 0 then vpn.sleep(0) end
    end
  ]]
  come(srv)
  local seen, lost = 0, 0
  for line in srv:file(PATH):gmatch "([^\n]*)\n" do
    local r = json.decode(line)
    if r.event == "test.much" then seen = seen + 1 end
    if r.event == "log.lost" then lost = lost + r.count end
  end
  t.ok(lost > 0, "some were lost")
  -- What else happened meanwhile can be among the lost.
  t.ok(seen + lost >= 20000 and seen + lost < 20020, ("%d and %d lost"):format(seen, lost))
end)
