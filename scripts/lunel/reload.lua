-- SPDX-License-Identifier: GPL-3.0-or-later
--- A reload: one policy VM takes the place of another while tunnels stay up. The old one says what
-- it has (`outline`), the new one finds its own in it (`match`), is given what is plain of it
-- (`hand_over`, `take_over`), and begins; the old one is left with its open questions (`retire`).
-- bindings/reload.c passes the pieces on, lunel/launch.lua says when.
local ask = require "lunel.ask"
local console_vm = require "lunel.console_vm"
local core = require "lunel.core"
local hook_schema = require "lunel.hook_schema"
local hooks = require "lunel.hooks"
local hooks_server = require "lunel.hooks_server"
local management = require "lunel.management"
local origins = require "lunel.origin"
local outlines = require "lunel.reload_outline"
local peers = require "lunel.peer"
local plain = require "lunel.plain"
local schema_engine = require "lunel.schema_engine"
local schema_engine_server = require "lunel.schema_engine_server"
local sessions = require "lunel.session"

local M = {}

local PIECE = 64 -- peers that are handed over at a time
local AT_ONCE = 100 -- hooks `adopted` that begin before others have their turn

local instance -- set by M.bind: see there
local matched = {} -- handles to this VM's tunnels, until `begin`
local fresh = {} -- what `match` opened

--- |m| is what lunel.instance lends: tunnels(), by_handle, prepare, open, opened(t), adopted(t),
-- begin(t), declare(), closed_all(but), status([least]), new_owner, report, session_state, scrub.
function M.bind(m) instance = m end

-- ---- the old one: what there is ----

--- A list: what each open tunnel is, and is set to.
function M.outline()
  local out = {}
  for _, t in ipairs(instance.tunnels()) do
    if instance.by_handle[t.handle] == t then out[#out + 1] = outlines.of(t) end
  end
  return out
end

-- ---- the new one: what becomes of it ----

-- What the engine is told of |t| that can change while it is up. Keys are not read.
local function changes(t, errors)
  local from = t.server and schema_engine_server or schema_engine
  local options, used = from.options(t.conf, function(path)
    if path == t.conf.client_config_dir then return core.read_file(path) end
    return "-\n"
  end, t.origin)
  if not options then
    for _, e in ipairs(used) do errors[#errors + 1] = e end
    return
  end
  options.asks = (t.server and hooks_server or hooks).asks(t)
  t.remotes, t.changes = used, options
end

local function update(t, check)
  local fn = t.server and core.server_update or core.tunnel_update
  return fn(t.handle, t.changes, check)
end

-- Says which keys of |t| are other than those that run.
local function compare(t, row, restart)
  for _, key in ipairs(outlines.keep(t, row)) do
    restart[#restart + 1] = ("%s: needs a restart: %s"):format(t.name or "?", key)
  end
end

-- What was read of lanes is nobody's when the reload comes to nothing.
local function forget_lanes()
  for _, t in pairs(matched) do
    for _, lane in ipairs(t.changes and t.changes.lanes or {}) do core.lane_forget(lane.id) end
  end
end

-- The lanes of |t| that run are loaded anew, each in its place.
local function renew_lanes(t)
  t.lane_ids = t.row.lanes
  for i, lane in ipairs(t.changes.lanes or {}) do
    core.lane_move(lane.id, t.lane_ids[i])
    lane.id = t.lane_ids[i]
    local ok, why = core.lane_renew(t.handle, lane)
    if not ok then
      core.log("error", "reload", "not_applied", { name = t.name, what = lane.name, why = why })
    end
  end
end

local function undo()
  for _, t in ipairs(fresh) do
    management.close(t)
    core.tunnel_stop(t.handle, "the reload failed")
  end
  fresh = {}
end

local function open_fresh(list)
  for _, t in ipairs(list) do
    local ok, err = instance.open(t)
    if t.handle then fresh[#fresh + 1] = t end
    if not ok then
      undo()
      return nil, { err }
    end
  end
  return true
end

--- Finds this VM's tunnels among those of |list| (of outline), checks all, and opens those that are
-- new. { gone = handles, restart = sentences, kept, opened, stopped }; or nil and the errors, and
-- nothing has changed.
function M.match(list)
  local pairing = outlines.pair(instance.tunnels(), list)
  local errors, restart = {}, {}
  for t, row in pairs(pairing.rows) do
    t.handle, matched[row.handle] = row.handle, t
    compare(t, row, restart)
    changes(t, errors)
    if t.changes then
      local ok, why = update(t, true)
      if not ok then errors[#errors + 1] = origins.tell(t.origin, "", why) end
    end
  end
  local ok, problems = instance.prepare { list = pairing.fresh }
  if not ok then
    for _, e in ipairs(problems) do errors[#errors + 1] = e end
  end
  if #errors == 0 then ok, errors = open_fresh(pairing.fresh) end
  if not ok or errors and #errors > 0 then
    forget_lanes()
    return nil, errors
  end
  table.sort(restart)
  return { gone = pairing.gone, restart = restart, opened = #pairing.fresh,
           kept = #list - #pairing.gone, stopped = #pairing.gone }
end

--- What `match` opened is closed again: the reload came to nothing.
function M.undo()
  forget_lanes()
  undo()
  return true
end

-- ---- from one to the other ----

local function remote_of(r)
  return r and { host = r.host, port = r.port, proto = r.proto } or nil
end

local function session_of(t, dropped)
  local s = t.session
  if not s then return nil end
  return { remote = remote_of(s.remote), address = s.address, ifname = s.ifname, up = s.up,
           ended = s.ended, vars = plain.copy(s.vars, "session.vars", dropped) }
end

local function tunnel_piece(t)
  local dropped, history = {}, {}
  for i, h in ipairs(t.history) do
    history[i] = { remote = remote_of(h.remote), code = h.code, text = h.text, phase = h.phase,
                   at = h.at }
  end
  local out = {
    kind = "tunnel", handle = t.handle, state = t.state, since = t.since, gone = t.gone,
    cids = t.cids, ifname = t.ifname, attempt = t.attempt, exit_status = t.exit_status,
    last_error = t.last_error, history = history, chosen = remote_of(t.chosen), url = t.url,
    told_address = t.told_address, dns_set = t.dns_set, env = t.env,
    login = t.login and { file = t.login.file } or nil, desk = t.desk_handle,
    session = not t.server and session_of(t, dropped) or nil, status = instance.status(),
  }
  plain.tell(t.name, dropped)
  return out
end

local function peer_piece(t, ids, from)
  local out, dropped = {}, {}
  for i = from, math.min(from + PIECE - 1, #ids) do
    local p = t.peers[ids[i]]
    out[#out + 1] = {
      id = p.id, cid = p.cid, up = p.up, from = p.from, coming = t.coming[p.id] ~= nil,
      cert = p.cert, authorities = p.authorities, learned = p.learned,
      vars = plain.copy(p.vars, tostring(p.name or p.id) .. ": vars", dropped),
    }
  end
  plain.tell(t.name, dropped)
  return { kind = "peers", handle = t.handle, list = out }
end

local pieces

local function plan()
  local out = {}
  for _, t in pairs(instance.by_handle) do
    out[#out + 1] = function() return tunnel_piece(t) end
    local ids = {}
    for id in pairs(t.peers or {}) do ids[#ids + 1] = id end
    table.sort(ids)
    for from = 1, #ids, PIECE do
      out[#out + 1] = function() return peer_piece(t, ids, from) end
    end
  end
  return out
end

--- The |i|th piece of what the VM that comes gets; nothing when there are no more.
function M.hand_over(i)
  if i == 1 then pieces = plan() end
  local piece = pieces[i]
  if piece then return piece() end
end

-- The remote of |t| that is |r|, or |r|.
local function find_remote(t, r)
  for _, own in ipairs(r and t.remotes or {}) do
    if own.host == r.host and own.port == r.port and own.proto == r.proto then return own end
  end
  return r
end

local take = {}

function take.tunnel(t, piece)
  for _, name in ipairs { "state", "since", "gone", "cids", "ifname", "attempt", "exit_status",
                          "last_error", "history", "url", "told_address", "dns_set", "env",
                          "login" } do
    if piece[name] ~= nil then t[name] = piece[name] end
  end
  for _, h in ipairs(t.history) do h.remote = find_remote(t, h.remote) end
  t.chosen, t.old_desk = find_remote(t, piece.chosen), piece.desk
  local s = piece.session
  if s then
    t.session = sessions.new(t, instance.new_owner())
    for name, value in pairs(s) do t.session[name] = value end
    t.session.remote, t.session.vars = find_remote(t, s.remote), s.vars or {}
  end
  instance.status(piece.status)
  instance.adopted(t)
end

function take.peers(t, piece)
  for _, row in ipairs(piece.list) do
    local p = peers.new(t, row.id, instance.new_owner())
    for _, name in ipairs { "cid", "up", "from", "cert", "authorities" } do p[name] = row[name] end
    p.vars, p.learned = row.vars or {}, row.learned or {}
    t.peers[p.id] = p
    if row.coming then t.coming[p.id] = p end
    if t.learner then t.learner:adopt(p) end
    if p.up then peers.remember(p) end
  end
end

--- Takes a piece of the old VM's.
function M.take_over(piece)
  local t = matched[piece.handle]
  if t then take[piece.kind](t, piece) end
  return true
end

-- ---- the new one begins ----

local function tell_adopted(t)
  local list = {}
  for _, p in pairs(t.peers) do list[#list + 1] = p end
  for i, p in ipairs(list) do
    if i % AT_ONCE == 0 then core.sleep(0) end
    if p.up and not p.ended then
      ask.tell("adopted", p.owner, hook_schema.deadline("server", "adopted"), nil, t.on.adopted, p)
    end
  end
end

local function adopted(t)
  if not t.on.adopted then return end
  local s = t.session
  if t.server then
    core.spawn(t.owner, "the hooks 'adopted'", nil, function(ok, err)
      if not ok then instance.report("the hooks 'adopted'", err) end
    end, tell_adopted, t)
  elseif s and not s.ended then
    ask.tell("adopted", s.owner, hook_schema.deadline("client", "adopted"), nil, t.on.adopted, s)
  end
end

-- Its socket for management stays where it is, unless it shall be elsewhere.
local function take_desk(t)
  local old = t.old_desk
  t.old_desk = nil
  if old and outlines.same_desk(t) then return management.adopt(t, old) end
  if old then core.desk_close(old) end
  local files = schema_engine.reading(core.read_file, t.origin)
  t.desk = management.options(t.conf, files)
  local why = files.errors[1] and origins.texts(files.errors)[1]
  if not why then
    local ok, err = management.open(t)
    if ok then return end
    why = err
  end
  core.log("error", "reload", "not_applied", { name = t.name, what = "management", why = why })
end

--- This VM gets the events from here on: its settings count, and `adopted` is told.
function M.begin()
  local declared, fault = instance.declare()
  if not declared then
    core.log("error", "reload", "not_applied", { what = "network and extensions", why = fault })
  end
  for _, t in pairs(matched) do
    local ok, why = update(t, false)
    if not ok then
      core.log("error", "reload", "not_applied", { name = t.name, what = "options", why = why })
    end
    renew_lanes(t)
    take_desk(t)
    t.changes, t.row = nil, nil
    instance.begin(t)
    adopted(t)
  end
  matched, fresh = {}, {}
  instance.scrub()
  return true
end

-- ---- the old one is left with its questions ----

-- What a hook of this VM left in `vars` is the other's now.
local function pass_on(who)
  local server = type(who) == "table" and rawget(who, "server")
  local t = type(who) == "table" and rawget(who, "tunnel")
  local dropped = {}
  if not (server or t) or rawget(who, "ended") then return end
  local vars = plain.copy(who.vars, "vars", dropped) or {}
  if server then core.pass_vars(server.handle, who.id, who.cid or -1, vars)
  else core.pass_vars(t.handle, -1, -1, vars) end
end

--- Another VM is in this one's place; the tunnels |...| end with this one.
function M.retire(...)
  local gone = {}
  for i = 1, select("#", ...) do gone[select(i, ...)] = true end
  ask.ended = pass_on
  console_vm.retire()
  for handle, t in pairs(instance.by_handle) do
    if gone[handle] then
      management.close(t)
      core.tunnel_stop(handle, "a reload has left it out")
    else
      management.forget(t)
    end
  end
  instance.closed_all(select("#", ...))
  return true
end

--- Something has ended that this VM, which was replaced, may be asked about.
function M.overhear(ev)
  local t = instance.by_handle[ev.tunnel]
  if not t then return end
  if ev.kind == "peer_closed" then
    local p = t.peers and t.peers[ev.peer]
    if not p then return end
    t.peers[ev.peer] = nil
    p.ended, p.up = true, false
    core.cancel_owner(p.owner)
  elseif ev.kind == "closed" then
    if t.session then core.cancel_owner(t.session.owner) end
    for _, p in pairs(t.peers or {}) do core.cancel_owner(p.owner) end
    core.cancel_owner(t.owner)
  elseif not t.server then
    instance.session_state(t, ev.state)
  end
end

--- Fours of handle, peer, its number of all that came, vars: what hooks of the old VM left there.
function M.take_vars(...)
  for i = 1, select("#", ...), 4 do
    local handle, id, cid, vars = select(i, ...)
    local t = instance.by_handle[handle]
    local who = t and (id < 0 and t.session or t.peers and t.peers[id])
    if who and (id < 0 or who.cid == cid) then
      for k, v in pairs(vars) do who.vars[k] = v end
    end
  end
  return true
end

--- What others call by name in lunel.instance.
M.calls = { "outline", "match", "undo", "hand_over", "take_over", "begin", "retire", "overhear",
            "take_vars" }

return M
