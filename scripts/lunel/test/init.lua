-- SPDX-License-Identifier: GPL-3.0-or-later
--- `require "lunel.test"`: what users' tests of their policies are written against, run by
-- `lunel test FILE_test.lua`. scripts/README.md, "Testing policies", is its reference.
local packet = require "lunel.test.packet"
local services = require "lunel.test.services"
local strict = require "lunel.strict"
local suggest = require "lunel.suggest"
local worlds = require "lunel.test.world"

local M = {}

local world -- of the case that runs
local cases -- of the file that is loaded

local function here()
  if not world then error("this belongs into a case: t.case(name, function() ... end)", 3) end
  return world
end

local function expect(value, kind, name)
  if type(value) ~= kind then
    error(("%s: a %s expected, got a %s"):format(name, kind, type(value)), 3)
  end
end

-- ---- for lunel.test.run ----

--- What is declared from now on goes to |list|.
function M.collect(list) cases = list end

--- The world of the case that runs, or nil.
function M.enter(w) world = w end

-- ---- cases and what they say ----

--- Declares a case: |fn| runs in a world of its own.
function M.case(name, fn)
  expect(name, "string", "t.case")
  expect(fn, "function", "t.case")
  if not cases then error("t.case: run this file by `lunel test FILE`", 2) end
  cases[#cases + 1] = { name = name, fn = fn }
end

local function show(v, depth)
  if type(v) == "string" then return ("%q"):format(v) end
  local meta = type(v) == "table" and getmetatable(v)
  if type(v) ~= "table" or meta and meta.__tostring then return tostring(v) end
  if depth > 3 then return "{...}" end
  local names, out = {}, {}
  for k in pairs(v) do names[#names + 1] = k end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(names) do
    local label = type(k) == "string" and k .. " = " or k > #v and ("[%s] = "):format(k) or ""
    out[#out + 1] = label .. show(v[k], depth + 1)
  end
  return "{ " .. table.concat(out, ", ") .. " }"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

--- Fails unless |got| is |expected|; tables are compared by their fields.
function M.equal(got, expected, what)
  if same(got, expected) then return end
  worlds.fail("%sexpected %s, got %s", what and what .. ": " or "", show(expected, 0), show(got, 0))
end

--- Fails unless |value| is true (neither nil nor false); returns it.
function M.ok(value, what)
  if value then return value end
  worlds.fail("%s: got %s", what or "expected a true value", show(value, 0))
end

--- Fails unless |text| matches the pattern.
function M.match(text, pattern, what)
  if type(text) == "string" and text:find(pattern) then return end
  worlds.fail("%sexpected a match of %q, got %s", what and what .. ": " or "", pattern,
    show(text, 0))
end

--- Fails.
function M.fail(text) worlds.fail("%s", tostring(text)) end

-- ---- time ----

--- Sets the wall clock: "2026-11-25 17:30", local time, seconds if they are given.
function M.at(text)
  expect(text, "string", "t.at")
  local y, m, d, h, min, s = text:match "^(%d+)-(%d+)-(%d+) (%d+):(%d+):?(%d*)$"
  if not y then error(("t.at: '%s' is not like \"2026-11-25 17:30\""):format(text), 2) end
  here().sim.wall(os.time { year = y, month = m, day = d, hour = h, min = min,
                            sec = s ~= "" and s or 0 })
end

--- Lets |seconds| pass: all that is due in them happens, in order.
function M.advance(seconds)
  expect(seconds, "number", "t.advance")
  here():advance(seconds)
end

--- Lets time pass until fn() is true, at most |seconds| (60); fails when it never was.
function M.wait(fn, seconds, what)
  expect(fn, "function", "t.wait")
  here():wait(fn, seconds or 60, what or "t.wait")
end

--- Seconds since the case began.
function M.now() return here():now() end

--- The network of the case: { delay = 0.01 (seconds one way), loss = 0 (one in so many packets) }.
function M.network(o)
  expect(o, "table", "t.network")
  here().sim.network(o.delay or 0.01, o.loss or 0)
end

--- Returned by a service: it answers after |seconds|.
M.later = worlds.later

--- Returned by a service: nobody answers; the script hears of it when its own time is up.
M.never = worlds.never

M.packet = packet.build
M.parse = packet.parse

-- ---- what tested scripts are to a test ----

local CASE_OPTIONS = {
  files = "option", args = "option", cn = "option", san = "option", at = "option", level = "option",
}
for _, name in ipairs(services.names()) do CASE_OPTIONS[name] = "service" end
local CLIENT_OPTIONS = { reach = "service", login = "service", push = "option" }

local function check_options(o, name, more)
  if o ~= nil and type(o) ~= "table" then
    error(("%s: a table of options expected, got a %s"):format(name, type(o)), 3)
  end
  local known = { services = {} }
  for k, v in pairs(o or {}) do
    local kind = CASE_OPTIONS[k] or more and more[k]
    if not kind then error(("%s: there is no option '%s'"):format(name, tostring(k)), 3) end
    if kind == "service" then known.services[k] = v else known[k] = v end
  end
  return known
end

local SESSION = { session = true, state = true, pushed = true, net = true, closed = true,
                  cause = true, texts = true }

-- Methods that clients, servers and peers share.
local shared = {}

-- Log records whose name ("sub.event") matches |pattern| (all without one). An error that a pattern
-- has found does not fail the case any more.
function shared.log(self, pattern)
  local out, home = {}, self.host.world
  -- A script that is a text has the name that messages give it, not that of its temporary file.
  local function renamed(fields)
    local t = {}
    for k, v in pairs(fields) do t[k] = type(v) == "string" and home:rename(v) or v end
    return t
  end
  for _, r in ipairs(self.host.log) do
    local event = r.sub .. "." .. r.event
    if not pattern or event:find(pattern) then
      r.asked = r.asked or pattern ~= nil
      out[#out + 1] = { level = r.level, event = event, fields = renamed(r.fields),
                        ts = r.ts }
    end
  end
  return out
end

--- Lets time pass until |what| is so ("up", "closed", or a function), at most |seconds| (60).
function shared.wait(self, what, seconds)
  seconds = seconds or 60
  if type(what) == "function" then
    here():wait(function() return what(self) end, seconds, self.host.name)
    return self
  end
  local function seen() return self[what] and true or false end
  local gone
  here():wait(function()
    gone = what ~= "closed" and not seen() and self.closed
    return gone or seen()
  end, seconds, ("%s is to be '%s' and is '%s'"):format(self.host.name, what, tostring(self.state)))
  if gone then
    worlds.fail("%s is to be '%s', and has closed: %s", self.host.name, what,
      self.closed.text ~= "" and self.closed.text or tostring(self.closed.code))
  end
  return self
end

--- Puts an IP packet into its device, as a program of its machine would.
function shared.send_packet(self, bytes)
  expect(bytes, "string", "send_packet")
  if not here().sim.put(self.host.id, bytes) then
    worlds.fail("%s has no device: it is '%s'", self.host.name, tostring(self.state))
  end
  here():settle()
end

--- The packets that came out of its device since this was asked last.
function shared.packets(self)
  local out = {}
  for p in function() return here().sim.take(self.host.id) end do out[#out + 1] = p end
  return out
end

--- What its tasks wait for, a list of texts.
function shared.waiting(self) return self.host:ask "waiting" end

--- The text of a file that it has written (status, leases), or nil.
function shared.file(self, path)
  return self.host:ask("file", path) or here().sim.file(path)
end

--- Another text in the file |path| that it reads from now on; nil: as on the disk.
function shared.put(self, path, text)
  self.host:ask("put", path, text)
  return self
end

--- What is counted, the script's among it: a list of { name, labels, value }.
function shared.metrics(self)
  local list = self.host:ask "metrics"
  if not list then worlds.fail("this build has no vpn.metrics") end
  return list
end

--- What became of the machine's network, as lines of the engine's event (lunel.h):
-- "default eth0 new 4 192.0.2.1".
function shared.network(self, lines)
  self.host:call("event", { kind = "network", options = lines, tunnel = 0 })
  here():settle()
  return self
end

--- Ends it as SIGTERM does.
function shared.stop(self)
  self.host:call("stop", "SIGTERM")
  here():settle()
end

local function names_of(...)
  local out = {}
  for _, t in ipairs { ... } do
    for name in pairs(t) do out[#out + 1] = name end
  end
  return out
end

local function object(methods, fields)
  return {
    __index = function(self, name)
      local method = methods[name] or shared[name]
      if method then return method end
      local field = fields[name]
      if field == nil then
        error(("there is no '%s' here%s"):format(tostring(name),
          suggest.hint(tostring(name), names_of(methods, shared, fields))), 2)
      end
      local seen = self.host:look() or {}
      if type(field) == "function" then return field(seen) end
      return seen[name]
    end,
  }
end

local function is_up(seen) return seen.state == "up" end

-- In messages a script is called by its file, or by what it is.
local function host_options(known, file, role)
  return { name = file:find("\n", 1, true) and "the " .. role or file, role = role,
           cn = known.cn or role, san = known.san, args = known.args, files = known.files,
           services = known.services, at = known.at, level = known.level }
end

-- ---- lanes ----

local lane = {}
lane.__index = lane

for _, point in ipairs { "from_peer", "to_peer", "wire_in", "wire_out" } do
  -- Runs the lane over packets: a list of { data, verdict = "pass" or "drop", failed }, and the
  -- text of the first error.
  lane[point] = function(self, packets, o)
    expect(packets, "table", "lane:" .. point)
    return self.lane:run(point, packets, o)
  end
end

--- What it has counted: { name = number }.
function lane.counters(self) return self.lane:counters() end

--- What it declares: points, on_error, overhead.
function lane.facts(self) return self.lane:facts() end

--- A packet lane: the file, with what its `...` holds. |o|: jit (true).
function M.lane(file, args, o)
  expect(file, "string", "t.lane")
  local w = here()
  if not w.core.lane_open then worlds.fail("t.lane: this build has no packet lanes") end
  return setmetatable({ lane = w:lane(file, args, o or {}) }, lane)
end

-- ---- clients ----

local client = {}

local fields = { up = is_up }
for name in pairs(SESSION) do fields[name] = true end

local server_meta -- of servers, below

-- A server whose certificate the client accepts, at every address.
local function far_end(w, c)
  local wants = c.host:ask "wants" or {}
  local name = wants.name and wants.name.name
  if name and name:find "=" then name = name:match "CN=([^,/]+)" end
  local h = w:add(w.scripts .. "/lunel/test/far_end.lua", {
    name = "the far end", role = "server", cn = name or "server",
    args = { { wrap = wants.wrap, push = c.options.push,
               direction = wants.direction and 1 - wants.direction } },
    services = { login = c.options.services.login == nil and true or c.options.services.login },
  })
  h:start()
  w.sim.everywhere(h.id)
  return setmetatable({ host = h, is_far_end = true }, server_meta)
end

--- Starts it. Unless the case has a server, one that lets everybody in is at all its remotes.
function client.start(self)
  local w = here()
  if w.server and not w.server.is_far_end
    and (self.options.push or self.options.services.login ~= nil) then
    worlds.fail("%s: 'push' and 'login' are of the far end, and the case has a server of its own",
      self.host.name)
  end
  w.server = w.server or far_end(w, self)
  self.host:start()
  return self
end

--- The server that is there: the first of the case, or the far end.
function client.far_end() return here().server end

-- x:resolve(fn) and its kin say what a service answers from now on.
local function answering(name)
  return function(self, fn)
    self.host.services[name] = fn
    return self
  end
end

for _, name in ipairs(services.names()) do shared[name] = answering(name) end
client.reach = answering "reach"

--- Who may come to the far end, from now on.
function client.login(self, fn)
  local far = here().server
  if far and not far.is_far_end then
    worlds.fail("%s speaks to the case's server, which says itself who may come", self.host.name)
  end
  self.options.services.login = fn
  if far then far.host.services.login = fn end
  return self
end

local client_meta = object(client, fields)

--- A client: the script or profile |file| (a script's text, too), loaded and not started.
function M.client(file, o)
  expect(file, "string", "t.client")
  local w = here()
  local known = check_options(o, "t.client", CLIENT_OPTIONS)
  local h = w:add(file, host_options(known, file, "client"))
  return setmetatable({ host = h, options = known }, client_meta)
end

-- ---- servers and their peers ----

local server, peer = {}, {}

local function denied(seen)
  local cause = seen.cause or seen.closed
  if not cause or cause.code ~= "auth_failed" then return nil end
  return ((cause.text or ""):gsub("^AUTH_FAILED,?", ""))
end

local function address(family)
  return function(seen)
    for _, prefix in ipairs(seen.net and seen.net.addresses or {}) do
      local ip = prefix:match "^[^/]*"
      if (ip:find ":" ~= nil) == (family == 6) then return ip end
    end
  end
end

local peer_fields = { up = is_up, denied = denied, address = address(4), address6 = address(6) }
for name in pairs(SESSION) do peer_fields[name] = peer_fields[name] or true end
local peer_meta = object(peer, peer_fields)

--- Sends a text on the control channel.
function peer.send_text(self, text)
  self.host:ask("send", 1, text)
  here():settle()
end

client.send_text = peer.send_text

--- Goes, with a goodbye.
function peer.disconnect(self)
  shared.stop(self)
  here():wait(function() return self.closed end, 30, self.host.name .. " disconnects")
  return self
end

local PEER_OPTIONS = { cn = true, san = true, user = true, password = true, proto = true, at = true,
                       answer = true, info = true }

local function listening(wants, proto)
  for _, l in ipairs(wants.listen or {}) do
    local tcp = tostring(l.proto):find "tcp" ~= nil
    if not proto or tcp == (proto == "tcp") then return l end
  end
end

--- A client that begins to connect: { cn = "anna" (without one: no certificate), san = { names },
-- user =, password =, proto = "udp" or "tcp", at = its address, answer = text or
-- function(question), info = { UV_NAME = "value" } }.
function server.connect(self, o)
  o = o or {}
  expect(o, "table", "connect")
  for k in pairs(o) do
    if not PEER_OPTIONS[k] then
      error(("connect: there is no option '%s'"):format(tostring(k)), 2)
    end
  end
  local w, wants = here(), self.host:ask "wants" or {}
  local l = listening(wants, o.proto)
  if not l then
    worlds.fail("%s listens on no socket%s", self.host.name, o.proto and " of " .. o.proto or "")
  end
  local tcp = tostring(l.proto):find "tcp" and "tcp" or "udp"
  local h = w:add(w.scripts .. "/lunel/test/peer.lua", {
    name = ("the peer %s"):format(o.cn or o.user or "without a name"), role = "client",
    cn = o.cn or "nobody", san = o.san, at = o.at,
    services = { answer = o.answer },
    args = { { host = "server.example", port = l.port, proto = tcp, cn = o.cn, user = o.user,
               password = o.password, info = o.info,
               wrap = wants.crypt and "crypt" or wants.v2 and "crypt_v2" or wants.auth and "auth",
               direction = wants.direction and 1 - wants.direction } },
  })
  h.target = self.host.at
  h:start()
  return setmetatable({ host = h }, peer_meta)
end

--- Its clients that are up or on their way: name, cn, user, address, ipv4, ipv6, up, vars, ...
function server.peers(self) return (self.host:look() or {}).peers or {} end

local function to_peer(what)
  return function(self, name, text)
    if not self.host:ask(what, 1, name, text) then
      worlds.fail("%s has no client '%s'", self.host.name, tostring(name))
    end
    here():settle()
  end
end

--- Sends its client |name| a text on the control channel.
server.send_text = to_peer "peer_text"

--- Ends the connection of its client |name|, which is told |text| ("HALT,why", "RESTART"; nil:
-- nothing).
server.kill = to_peer "peer_kill"

--- The facts of the certificate of a peer {cn =, san =}: fingerprint, serial, subject, ...
function server.certificate(_, o)
  return require("lunel.test.keys").facts(here().core, "client", o.cn, o.san)
end

local server_fields = { up = is_up, state = true, closed = true }
function server_fields.is_far_end() return false end
server_meta = object(server, server_fields)

--- A server: the script or configuration |file|, started. Clients of the case reach the first at
-- every name, others at their address (the option `at`).
function M.server(file, o)
  expect(file, "string", "t.server")
  local w = here()
  local known = check_options(o, "t.server")
  local h = w:add(file, host_options(known, file, "server"))
  h:start()
  local self = setmetatable({ host = h, options = known }, server_meta)
  if not w.server then
    w.server = self
    w.sim.everywhere(h.id)
  end
  return self
end

return strict.fields(M, "lunel.test")
