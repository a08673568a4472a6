-- SPDX-License-Identifier: GPL-3.0-or-later
--- `lunel test` inside a policy VM: services that the test answers, keys of the test's, the clock,
-- and what the test may look at. Loaded before the script that is tested, by lunel.instance.
local core = require "lunel.core"
local services = require "lunel.test.services"

local M = {}

local requests = {}   -- services that were asked for and not fetched yet
local answers = {}    -- by number
local seen = {}       -- what events said, by tunnel in the order of opening
local tunnels = {}
local waiting = setmetatable({}, { __mode = "k" }) -- coroutine -> what it waits for

local function note(what)
  local co = coroutine.running()
  if co then waiting[co] = what end
end

-- "file:line" of the script that is tested, which called what called us.
local function script_line()
  for level = 3, 20 do
    local place = core.where(level)
    if place and not place:find "/lunel/[%l_/]+%.lua:%d+$" then return place end
  end
end

-- ---- services ----

--- A waiting function that the test answers: |name| is its service (lunel.test.services), |label|
-- what a script calls it.
function M.scripted(name, label)
  return function(...)
    local ok, id, ticket = pcall(core.test_ask, label)
    if not ok then error(("%s: %s"):format(script_line() or name, id), 0) end
    local request = { id = id, name = name, args = { ... }, where = script_line() }
    requests[#requests + 1] = request
    note(services.title(request))
    core.test_await(ticket)
    local answer = answers[id]
    answers[id] = nil
    if answer.fault then
      error(("%s: %s"):format(request.where or name, answer.fault), 0)
    end
    return unpack(answer, 1, answer.n)
  end
end

local led = {} -- names of the services that this build has calls for

local function install_services()
  local later = {}
  for _, name in ipairs(services.names()) do
    local s = services.list[name]
    local more = s.lead(core, M.scripted(name, s.call))
    if more ~= false then led[#led + 1] = name end
    later[#later + 1] = more or nil
  end
  local sleep = core.sleep
  core.sleep = function(seconds)
    note(("vpn.sleep(%s)"):format(tostring(seconds)))
    return sleep(seconds) -- a tail call: its errors name the script's line
  end
  -- vpn.all, channels and their kin say themselves what they are.
  for _, name in ipairs { "park", "join" } do
    local wait = rawget(core, name)
    if wait then
      core[name] = function(label, ...)
        note(label)
        return wait(label, ...)
      end
    end
  end
  local vpn = require "lunel"
  for _, fn in ipairs(later) do fn(vpn) end
end

local asked = {} -- what the test may ask, by name

-- ---- keys and files ----

local GIVEN = { "ca", "cert", "key", "extra_certs", "crl", "auth", "crypt", "crypt_v2", "pkcs12",
                "password", "askpass", "peer_fingerprint" }

-- Files of the configuration become the test's own; what is checked of a certificate stays.
local function change_keys(conf, keys, server)
  local tls, had = conf.tls, {}
  for _, name in ipairs(GIVEN) do
    had[name] = tls[name] ~= nil and tls[name] ~= false
    tls[name] = nil
  end
  tls.ca = keys.ca
  if server or had.cert or had.pkcs12 or had.key then tls.cert, tls.key = keys.cert, keys.key end
  if had.crypt_v2 then tls.crypt_v2 = server and keys.v2_server or keys.v2_client end
  if had.crypt then tls.crypt = keys.static end
  if had.auth then tls.auth = keys.static end
  conf.crl, conf.workers = nil, server and 1 or conf.workers
  return had
end

local wants -- what the other end of the last client has to be

local function install_keys(o)
  local client, server = require "lunel.schema_engine", require "lunel.schema_engine_server"
  local client_options, server_options = client.options, server.options
  client.options = function(conf, ...)
    local had = change_keys(conf, o.keys, false)
    wants = { wrap = had.crypt_v2 and "crypt_v2" or had.crypt and "crypt" or had.auth and "auth",
              name = conf.tls.verify_x509_name, direction = conf.tls.key_direction }
    return client_options(conf, ...)
  end
  server.options = function(conf, ...)
    local had = change_keys(conf, o.keys, true)
    wants = { v2 = had.crypt_v2, crypt = had.crypt, auth = had.auth, listen = conf.listen,
              direction = conf.tls.key_direction }
    return server_options(conf, ...)
  end
end

local added = {} -- what was appended to files, by path

local function install_files(files)
  local read_file = core.read_file
  core.read_file = function(path)
    local text, about = files[path] or files[path:match("[^/]*$")], nil
    if not text then text, about = read_file(path) end
    -- Its programs may be named: none is run here. (0600, root's)
    return text, text and { uid = 0, mode = 384 } or about
  end
  if rawget(core, "lane_check") then
    local check = core.lane_check
    core.lane_check = function(path, args, id)
      return check(path, args, id, files[path] or files[path:match("[^/]*$")])
    end
  end
  core.read_again = function(path) return core.read_file(path) end
  core.exists = function(path) return files[path] ~= nil end
  asked.put = function(path, text) files[path] = text end
  local open = io.open
  rawset(io, "open", function(path, mode)
    local text = files[path]
    if not text or (mode or "r"):find "[wa+]" then return open(path, mode) end
    local f = assert(io.tmpfile())
    f:write(text)
    f:seek "set"
    return f
  end)
  -- vpn.file.append, where this build has it: kept here, for x:file(path).
  if rawget(core, "append") then
    core.append = function(path)
      return {
        write = function(_, text)
          if type(text) ~= "string" and type(text) ~= "number" then
            error("file:write: a text expected, got a " .. type(text), 2)
          end
          added[path] = (added[path] or "") .. text
          return true
        end,
        close = function() return true end,
        allow = function() end,
      }
    end
  end
  core.prompt = function() return nil, "no terminal" end
end

-- ---- the clock ----

-- Nothing listens on this machine.
local function install_sockets()
  if rawget(core, "scrape") then core.scrape = function() return true end end
end

local function install_clock()
  local time, date = os.time, os.date
  rawset(os, "time", function(t) return t and time(t) or math.floor(core.wallclock()) end)
  rawset(os, "date", function(format, t)
    return date(format, t or math.floor(core.wallclock()))
  end)
  rawset(os, "clock", core.now)
  math.randomseed(1)
end

-- ---- what happened ----

local function copy(list)
  local out = {}
  for i, v in ipairs(list or {}) do out[i] = v end
  return out
end

local heard = {}

function heard.state(s, ev) s.state, s.address = ev.state, ev.address or s.address end
function heard.pulled(s, ev) s.pushed = copy(ev.options) end
function heard.up(s, ev) s.net = require("lunel.policy").net(ev) end
function heard.control(s, ev) s.texts[#s.texts + 1] = ev.text end
function heard.reconnect(s, ev) s.cause = { code = ev.cause, text = ev.text, phase = ev.phase } end
function heard.closed(s, ev)
  s.closed = { code = ev.cause, text = ev.text, status = ev.exit_status }
  s.state = "closed"
end

-- Asked of every client, so that the test can see it; the default when the script has no such hook.
local WATCHED = { "pulled", "reconnect", "control" }

local function watch_events(instance)
  local hooks = require "lunel.hooks"
  local asks, event = hooks.asks, instance.event
  hooks.asks = function(t)
    local sum = asks(t)
    for _, name in ipairs(WATCHED) do
      if not t.on[name] then sum = sum + core.asks[name] end
    end
    return sum
  end
  for _, name in ipairs { "tunnel_open", "server_open" } do
    local open = core[name]
    core[name] = function(...)
      local handle, err, more = open(...)
      if handle then
        tunnels[#tunnels + 1] = handle
        seen[handle] = { texts = {}, state = "idle", server = name == "server_open" }
      end
      return handle, err, more
    end
  end
  instance.event = function(ev)
    local s = seen[ev.tunnel]
    if s and heard[ev.kind] then heard[ev.kind](s, ev) end
    return event(ev)
  end
  local by_kind = {}
  for _, name in ipairs(WATCHED) do by_kind[name] = true end
  M.is_default = function(t, ev) return by_kind[ev.kind] and t.on and not t.on[ev.kind] end
  local hook_event = hooks.event
  hooks.event = function(t, ev)
    if M.is_default(t, ev) then return core.reply_default(ev.ticket) end
    return hook_event(t, ev)
  end
end

-- ---- what the test asks ----


function asked.requests()
  local out = requests
  requests = {}
  return out
end

function asked.answer(id, answer)
  answers[id] = answer
  return true
end

function asked.wants() return wants end

function asked.services() return led end

function asked.file(path) return added[path] end

function asked.metrics() return rawget(core, "metrics") and core.metrics() or nil end

-- Fields of |t| that can leave this state.
local function plain(t)
  local out = {}
  for k, v in pairs(t) do
    local kind = type(v)
    if kind ~= "function" and kind ~= "userdata" and kind ~= "table" then out[k] = v end
  end
  return out
end

local function find(instance, handle)
  for _, t in ipairs(instance.test_tunnels()) do
    if t.handle == handle then return t end
  end
end

local function peers(t, handle)
  local out = {}
  for _, id in ipairs(core.peers(handle)) do
    local p = core.peer_info(handle, id) or {}
    local known = t and t.peers and t.peers[id]
    p.id, p.vars = id, known and known.vars or {}
    out[#out + 1] = p
  end
  return out
end

--- What there is to see of tunnel |i|.
function asked.look(instance, i)
  local handle = tunnels[i]
  local s = handle and seen[handle]
  if not s then return nil end
  local t = find(instance, handle)
  local out = { state = s.state, pushed = s.pushed, net = s.net, texts = s.texts, cause = s.cause,
                closed = s.closed, address = s.address }
  if s.server then
    out.peers = s.closed and {} or peers(t, handle)
  elseif t then
    local live = t.session
    if live then
      out.session = { address = live.address, ifname = live.ifname, up = live.up == true,
                      ended = live.ended == true, vars = live.vars,
                      remote = live.remote and plain(live.remote) }
    end
  end
  if t and t.remotes then
    out.remotes = {}
    for n, remote in ipairs(t.remotes) do out.remotes[n] = plain(remote) end
  end
  return out
end

--- What the tasks wait for.
function asked.waiting()
  collectgarbage()
  local out = {}
  for co, what in pairs(waiting) do
    if coroutine.status(co) ~= "dead" then out[#out + 1] = what end
  end
  table.sort(out)
  return out
end

function asked.send(_, i, text) return core.tunnel_text(tunnels[i], text) end

local function about_peer(name)
  local act = core[name]
  return function(i, who, text)
    for _, id in ipairs(core.peers(tunnels[i])) do
      if (core.peer_info(tunnels[i], id) or {}).name == who then
        return act(tunnels[i], id, text)
      end
    end
  end
end

asked.peer_text, asked.peer_kill = about_peer "peer_text", about_peer "peer_kill"

local NEEDS_INSTANCE = { look = true, send = true }

--- Prepares this VM for the test |o|: { keys =, files = }. |tunnels_of|() gives instance's tunnels.
function M.install(instance, o, tunnels_of)
  instance.test_tunnels = tunnels_of
  instance.test = function(what, ...)
    if NEEDS_INSTANCE[what] then return asked[what](instance, ...) end
    return asked[what](...)
  end
  install_clock()
  install_sockets()
  install_keys(o)
  install_files(o.files or {})
  watch_events(instance)
  install_services()
end

return M
