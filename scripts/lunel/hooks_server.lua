-- SPDX-License-Identifier: GPL-3.0-or-later
--- A server's hooks: the engine's questions about its clients, and their answers. What fails is
-- denied.
local control = require "lunel.control_prefix"
local core = require "lunel.core"
local ask = require "lunel.ask"
local hook_schema = require "lunel.hook_schema"
local peers = require "lunel.peer"
local policy_device = require "lunel.policy_device"
local policy_server = require "lunel.policy_server"
local push = require "lunel.push"
local script_env = require "lunel.script_env"
local suggest = require "lunel.suggest"

local M = {}

local instance -- set by M.bind
local DEADLINE = {
  established = hook_schema.deadline("server", "established"),
  closed = hook_schema.deadline("server", "closed"),
}

function M.bind(m) instance = m end

--- The questions that the server |t| wants asked, as the engine's bits.
function M.asks(t)
  local sum = 0
  for _, row in ipairs(hook_schema.server) do
    local asked = t.on[row.name] or row.name == "control" and control.wanted()
    if row.bit and row.bit ~= "verify_cert" and asked then sum = sum + core.asks[row.bit] end
  end
  if t.learner then -- a program takes its time; the hook does not
    sum = sum + core.asks.learn_later + (t.on.learn and 0 or core.asks.learn)
  end
  -- Any hook may look at peer.cert, and the engine shows the chain only while it asks.
  if next(t.on) or t.learner then sum = sum + core.asks.verify_cert end
  return sum
end

-- ---- what hooks return ----

local verdict = {}
verdict.__index = verdict
verdict.__tostring = function(v) return "vpn." .. v.kind end

-- For the control channel, where a control character would spoil the message.
local function plain(text) return (tostring(text):gsub("%c", " ")) end

--- What `authenticate` and `authorize` return to refuse.
function M.deny(text)
  return setmetatable({ kind = "deny", text = text and plain(text) }, verdict)
end

-- Base64 of a text, for a challenge's user name.
local BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 0, 3 do
      local six = math.floor(n / 2 ^ (18 - 6 * k)) % 64
      out[#out + 1] = (k == 2 and not b or k == 3 and not c) and "="
        or BASE64:sub(six + 1, six + 1)
    end
  end
  return table.concat(out)
end

--- What `authenticate` returns to ask the client a question: { text, state =, echo = false,
-- inside = false }. The client logs in again with the answer in cred.response and |state| in
-- cred.state; with `inside` it answers while it waits.
function M.challenge(o)
  local text = o.text or o[1]
  if type(text) ~= "string" then error("vpn.challenge: a text expected", 3) end
  local state = tostring(o.state or "-")
  if state == "" or state:find("[:%c]") then
    error("vpn.challenge: state has to be some text without colons and line breaks", 3)
  end
  return setmetatable({ kind = "challenge", text = plain(text), state = state,
                        echo = o.echo == true, inside = o.inside == true }, verdict)
end

local GRANT = { pool = "string", address = "string", address6 = "string", routes = "table",
                push = "table", push_remove = "table", push_reset = "boolean",
                expires = "number", rate = true, filter = "string" }
local GRANT_NAMES = {}
for name in pairs(GRANT) do GRANT_NAMES[#GRANT_NAMES + 1] = name end
local UNITS = { [""] = 1, bit = 1, kbit = 1e3, mbit = 1e6, gbit = 1e9 }

-- Bits a second of a number, or of a text like "20mbit".
local function bits(name, value)
  local n, unit = value, ""
  if type(value) == "string" then
    n, unit = value:lower():match("^(%d+%.?%d*)%s*(%a*)$")
    n = tonumber(n)
  end
  local rate = type(n) == "number" and UNITS[unit] and n * UNITS[unit]
  if not rate or not (rate >= 1000 and rate <= 1e12) then
    error(("vpn.grant: %s is bits a second, from 1000 to 1e12, or a text like '20mbit' (kbit, "
      .. "mbit, gbit), not %s"):format(name, type(value) == "string" and "'" .. value .. "'"
        or type(value) == "number" and tostring(value) or "a " .. type(value)), 5)
  end
  return rate
end

-- What `rate` says: for both directions, or { down =, up = }.
local function rates(value)
  if type(value) ~= "table" then
    local rate = bits("rate", value)
    return rate, rate
  end
  for key in pairs(value) do
    if key ~= "down" and key ~= "up" then
      error(("vpn.grant: rate has down and up, not '%s'"):format(tostring(key)), 4)
    end
  end
  return value.down and bits("rate.down", value.down), value.up and bits("rate.up", value.up)
end

-- A hole ends what ipairs sees, and names are not seen: what stands there must not be lost.
local function check_list(key, list)
  local there = 0
  for _ in pairs(list) do there = there + 1 end
  if there ~= #list then
    error(("vpn.grant: %s is no list: it has holes or names"):format(key), 4)
  end
  for _, text in ipairs(list) do
    if type(text) ~= "string" then
      error(("vpn.grant: in %s is a %s, not a string"):format(key, type(text)), 4)
    end
  end
end

--- What `authorize` returns to let a client in.
function M.grant(o)
  for key, value in pairs(o or {}) do
    if not GRANT[key] then
      error(("vpn.grant: there is no '%s'%s"):format(tostring(key),
        suggest.hint(tostring(key), GRANT_NAMES)), 3)
    elseif GRANT[key] ~= true and type(value) ~= GRANT[key] then
      error(("vpn.grant: %s is a %s, not a %s"):format(key, GRANT[key], type(value)), 3)
    end
    if GRANT[key] == "table" then check_list(key, value) end
    if key == "rate" then rates(value) end
    if key == "expires" and not (value > 0 and value < 1e10) then
      error("vpn.grant: expires is not a time to come: " .. tostring(value), 3)
    end
  end
  local out = { kind = "grant" }
  for key, value in pairs(o or {}) do out[key] = value end
  return setmetatable(out, verdict)
end

local function is(value, kind)
  return getmetatable(value) == verdict and value.kind == kind
end

--- Puts what files and programs decide in front of the hooks of the server |t|.
function M.install(t)
  local own = {}
  for name, fn in pairs(t.on) do own[name] = fn end
  policy_server.install(t, {
    deny = M.deny, grant = M.grant, is_grant = function(value) return is(value, "grant") end,
    hold = function() instance.hold() end, release = function() instance.release() end,
  })
  for name, fn in pairs(own) do
    if t.on[name] ~= fn then ask.stands_for(t.on[name], fn) end
  end
end

-- ---- the questions ----

-- Lets go of a peer: its tasks, and what they left behind.
local function forget(t, p)
  t.peers[p.id] = nil
  t.coming[p.id] = nil
  p.ended, p.up = true, false
  core.cancel_owner(p.owner)
  policy_server.tidy(p)
  if t.learner then t.learner:forget(p) end
end

-- The engine tells the end of those that were established alone. Of the others, who are still to
-- come, those that are gone make room here: with each newcomer while they are few, else with every
-- sixty-fourth, so that one costs about the same whoever else is coming.
local FEW, SELDOM = 16, 64

local function sweep(t)
  t.newcomers = t.newcomers + 1
  if t.newcomers < t.interval then return end
  local gone, left = {}, 0
  for _, p in pairs(t.coming) do
    if peers.is_gone(p) then gone[#gone + 1] = p else left = left + 1 end
  end
  for _, p in ipairs(gone) do forget(t, p) end
  t.newcomers, t.interval = 0, left > FEW and SELDOM or 1
end

-- A number may be another's by now: nobody inherits a certificate or `vars`.
local function peer_of(t, ev)
  local p = t.peers[ev.peer]
  if p and (p.up or not peers.is_gone(p)) then return p end
  if p then forget(t, p) end
  sweep(t)
  p = peers.new(t, ev.peer, instance.new_owner())
  t.cids = (t.cids or -1) + 1
  p.cid = t.cids
  t.peers[ev.peer], t.coming[ev.peer] = p, p
  return p
end

local handlers = {}

function handlers.verify_cert(t, ev)
  local p = peer_of(t, ev)
  local chain = core.peer_chain(t.handle, ev.peer)
  p.cert = chain[1]
  if t.keeps_authorities then p.authorities = script_env.authorities(t, chain) end
  if not t.on.verify_cert then return core.reply_verdict(ev.ticket, true) end
  ask.task("verify_cert", ev, p.owner, t.on.verify_cert, function(ok, reason)
    if type(ok) ~= "boolean" then
      ask.bad_result("verify_cert", ok, "true, or false and a reason")
    end
    return core.reply_verdict(ev.ticket, ok, reason or not ok and "refused by verify_cert" or nil)
  end, p, chain)
end

local function reply_login(name, ev, p, value)
  if value == true then return core.reply_login(ev.ticket, "ok") end
  if is(value, "deny") then return core.reply_login(ev.ticket, "deny", value.text or "") end
  if is(value, "challenge") then
    local flags = value.echo and "R,E" or "R"
    if value.inside then
      return core.reply_login(ev.ticket, "challenge", ("CR_TEXT:%s:%s"):format(flags, value.text))
    end
    return core.reply_login(ev.ticket, "challenge", ("CRV1:%s:%s:%s:%s"):format(flags, value.state,
      base64(p.user or ""), value.text))
  end
  if value == false then return core.reply_login(ev.ticket, "deny", "") end
  if value == nil then return core.reply_login(ev.ticket, "deny") end
  ask.bad_result(name, value, "true, vpn.deny(text) or vpn.challenge{}")
end

function handlers.authenticate(t, ev)
  local p = peer_of(t, ev)
  ev.finally = function() policy_server.tidy(p) end
  local cred = { username = ev.username, password = ev.password, response = ev.response,
                 state = ev.state, again = ev.again }
  local name = ev.again and t.on.reauth and "reauth" or "authenticate"
  ask.task(name, ev, p.owner, t.on[name], function(value)
    return reply_login(name, ev, p, value)
  end, p, cred, name == "reauth" and ev.token_state or nil)
end

local function grant_table(value, p)
  local out = {}
  for key in pairs(GRANT) do out[key] = value[key] end
  for _, option in ipairs(out.push or {}) do
    local why = push.fault(option)
    if why then core.log("warn", "grant", "push", { peer = p.name or p.address, why = why }) end
  end
  if out.rate then out.rate, out.rate_down, out.rate_up = nil, rates(out.rate) end
  return out
end

function handlers.authorize(t, ev)
  local p = peer_of(t, ev)
  ev.finally = function() policy_server.tidy(p) end
  ask.task("authorize", ev, p.owner, t.on.authorize, function(value)
    if value == true then return core.reply_grant(ev.ticket, {}) end
    if is(value, "grant") then return core.reply_grant(ev.ticket, grant_table(value, p)) end
    if is(value, "deny") then return core.reply_grant(ev.ticket, nil, value.text or "") end
    if value == false then return core.reply_grant(ev.ticket, nil, "") end
    if value == nil then return core.reply_grant(ev.ticket, nil) end
    ask.bad_result("authorize", value, "vpn.grant{}, vpn.deny(text), or true")
  end, p)
end

local function ask_learn(t, p, ev)
  if not t.on.learn then return core.reply_verdict(ev.ticket, true) end
  ask.now("learn", ev, p.owner, t.on.learn, function(ok)
    return core.reply_verdict(ev.ticket, ok == true)
  end, p, ev.prefix, ev.op)
end

function handlers.learn(t, ev)
  local p = peer_of(t, ev)
  if not t.learner then return ask_learn(t, p, ev) end
  t.learner:learn(p, ev.prefix, ev.deadline, function(ok, why)
    if p.ended then return end
    if ok then return ask_learn(t, p, ev) end
    core.log("warn", "policy", "refused", { peer = p.name or p.address, address = ev.prefix,
                                            why = why })
    core.reply_verdict(ev.ticket, false)
  end)
end

function handlers.control(t, ev)
  local p = peer_of(t, ev)
  ask.now("control", ev, p.owner, control.hook(t.on.control), function(handled)
    return core.reply_verdict(ev.ticket, handled == true)
  end, p, ev.text)
end

-- ---- news ----

function handlers.established(t, ev)
  local p = peer_of(t, ev)
  p.up = true
  t.coming[p.id] = nil
  peers.remember(p)
  if t.on.established then
    ask.tell("established", p.owner, DEADLINE.established, nil, t.on.established, p)
  end
end

function handlers.peer_closed(t, ev)
  local p = t.peers[ev.peer]
  local s = ev.stats or {}
  t.gone.rx, t.gone.tx = t.gone.rx + (s.link_rx or 0), t.gone.tx + (s.link_tx or 0)
  if not p then return end
  local was_up = p.up
  forget(t, p)
  if not was_up or not t.on.closed then return end
  -- It may run on when the server has ended already.
  instance.hold()
  ask.tell("closed", 0, DEADLINE.closed, instance.release, t.on.closed, p, ev.cause, ev.stats)
end

--- The server's own state: its device is there, and programs want to know.
function M.state(t, ev)
  if ev.state ~= "up" or t.ifname then return end
  t.ifname = ev.detail
  core.spawn(t.owner, "the programs of the device", nil, function(ran, ok, why)
    if not ran then instance.report("the programs of the device", ok) end
    if ran and ok then return end
    t.exit_status = 1
    core.tunnel_stop(t.handle, ran and why or "a program could not run")
  end, policy_device.up, t, t.ifname)
end

-- Programs of the device that is gone; the process waits for them.
local function device_gone(t)
  if not t.ifname then return end
  instance.hold()
  ask.tell("the programs of the device", 0, 20, instance.release, policy_device.down, t, t.ifname)
end

--- The server |t| is gone for good, and with it who is left.
function M.closed(t, ev)
  for id in pairs(t.peers) do
    handlers.peer_closed(t, { peer = id, cause = ev.cause, stats = ev.stats })
  end
  device_gone(t)
end

--- An event about a server's client.
function M.event(t, ev)
  local handler = handlers[ev.kind]
  if handler then handler(t, ev)
  elseif ev.ticket then core.reply_default(ev.ticket) end
end

return M
