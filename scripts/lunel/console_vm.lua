-- SPDX-License-Identifier: GPL-3.0-or-later
--- The policy VM's part of `lunel console`: lines of Lua evaluated in a task, help, completion.
local core = require "lunel.core"
local hook_schema = require "lunel.hook_schema"
local peer_list = require "lunel.peer_list"
local schema = require "lunel.schema"
local suggest = require "lunel.suggest"

local M = {}

local SECONDS = 300 -- that a line may take, waiting included
local WIDTH, ENTRIES, DEPTH = 8192, 50, 4 -- bytes, entries of a table and its levels that are shown
local CHOICES = 200 -- of a completion

local instance -- set by M.bind: by_handle, tunnels()
local running = {} -- connections to { ticket, task }
local shared = {} -- `var`: what lines leave for later ones
local last

function M.bind(m) instance = m end

-- ---- values, readably ----

local function is_name(k) return type(k) == "string" and k:find("^[%a_][%w_]*$") ~= nil end

local function sorted_keys(t)
  local keys, n = {}, 0
  for k in next, t do
    n = n + 1
    if #keys <= 1000 then keys[#keys + 1] = k end
  end
  table.sort(keys, function(a, b)
    if type(a) == "number" and type(b) == "number" then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys, n
end

local function quoted(text)
  local cut = #text > 1000
  text = text:sub(1, 1000):gsub("[%c\"\\]", function(c)
    if c == "\n" then return "\\n" end
    return (c == '"' or c == "\\") and "\\" .. c or ("\\%03d"):format(c:byte())
  end)
  return '"' .. text .. (cut and '..."' or '"')
end

local function put(out, text)
  if out.left > 0 then out[#out + 1] = text:sub(1, out.left) end
  out.left = out.left - #text
end

local show

local function show_table(v, out, depth, indent)
  if out.seen[v] or depth > DEPTH then return put(out, "{...}") end
  out.seen[v] = true
  local keys, n = sorted_keys(v)
  if n == 0 then put(out, "{}") else
    put(out, "{")
    for i = 1, math.min(#keys, ENTRIES) do
      local k = keys[i]
      put(out, "\n" .. indent .. "  ")
      if k ~= i then put(out, (is_name(k) and k or "[" .. tostring(k) .. "]") .. " = ") end
      show(v[k], out, depth + 1, indent .. "  ")
      put(out, ",")
      if out.left <= 0 then break end
    end
    if n > ENTRIES then put(out, ("\n%s  -- and %d more"):format(indent, n - ENTRIES)) end
    put(out, "\n" .. indent .. "}")
  end
  out.seen[v] = nil
end

function show(v, out, depth, indent)
  local kind = type(v)
  if kind == "string" then return put(out, quoted(v)) end
  local meta = kind == "table" and getmetatable(v)
  -- Peers, sessions and the API say what they are; tables with other tricks are not asked.
  if kind == "table" and (type(meta) ~= "table" or not rawget(meta, "__tostring")) then
    return show_table(v, out, depth, indent)
  end
  return put(out, kind == "function" and "function" or tostring(v))
end

local function text_of(...)
  local out = { left = WIDTH, seen = {} }
  for i = 1, select("#", ...) do
    if i > 1 then put(out, "\n") end
    show((select(i, ...)), out, 1, "")
  end
  if out.left <= 0 then out[#out + 1] = "\n-- cut" end
  return table.concat(out)
end

-- The same for machines: what JSON knows, bounded alike.
local function value_of(v, state, depth)
  local kind = type(v)
  state.left = state.left - 16 - (kind == "string" and #v or 0)
  if state.left < 0 then return "..." end
  if kind == "number" and (v ~= v or v == math.huge or v == -math.huge) then return tostring(v) end
  if kind == "number" or kind == "boolean" or kind == "string" then return v end
  local meta = kind == "table" and getmetatable(v)
  if kind ~= "table" or type(meta) == "table" and rawget(meta, "__tostring") then
    return kind == "function" and "function" or tostring(v)
  end
  if state.seen[v] or depth > DEPTH then return "{...}" end
  state.seen[v] = true
  local out = {}
  local _, n = sorted_keys(v)
  for k, x in next, v do
    out[#v == n and k or tostring(k)] = value_of(x, state, depth + 1)
  end
  state.seen[v] = nil
  return out
end

local function values_of(...)
  local out, state = {}, { left = 4 * WIDTH, seen = {} }
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if v ~= nil then out[i] = value_of(v, state, 1) end
  end
  return out
end

-- ---- what is at hand there ----

local hand = {}

hand.peers = peer_list.list

function hand.sessions()
  local out = {}
  for _, t in ipairs(instance.tunnels()) do
    if t.session and not t.session.ended then out[#out + 1] = t.session end
  end
  return out
end

function hand.tunnels()
  local out = {}
  for _, t in ipairs(instance.tunnels()) do
    if instance.by_handle[t.handle] == t then
      out[#out + 1] = { name = t.name, role = t.server and "server" or "client", state = t.state }
    end
  end
  return out
end

--- Ends a client, or all of that name or address; how many.
function hand.kill(who, reason)
  local list = type(who) == "string" and hand.peers(who) or { who }
  local n = 0
  for _, p in ipairs(list) do
    if type(p) ~= "table" or not p.kill then
      error("kill: a peer, a name or an address expected", 2)
    end
    if p:kill(reason) then n = n + 1 end
  end
  return n
end

local ACTION = {}

function hand.reload() return setmetatable({ "reload" }, ACTION) end
function hand.follow() return setmetatable({ "follow" }, ACTION) end

-- ---- help ----

local ABOUT = {
  { "peers([name])", "the clients that are up" },
  { "sessions()", "the client sessions that stand" },
  { "tunnels()", "what is open, and its state" },
  { "kill(peer or name [, reason])", "ends clients; how many" },
  { "reload()", "reads the configuration again" },
  { "follow()", "shows the log as it comes, until ^C" },
  { "vpn", "the API, as in scripts" },
  { "_", "what the line before gave" },
  { "var", "a table for what lines leave to later ones" },
  { "help 'x'", "about x: a hook ('hooks.authorize'), a setting ('tls.cert'), 'vpn.server'" },
}

local function list_keys(list)
  local out = {}
  for _, row in ipairs(list) do out[#out + 1] = ("  %-26s %s"):format(row.path, row.doc) end
  return table.concat(out, "\n")
end

local function top_level(side)
  local out = {}
  for _, row in ipairs(schema.describe(side)) do
    if not row.path:find("[.%[]") then out[#out + 1] = row end
  end
  return list_keys(out)
end

local function about_key(name)
  local out = {}
  for _, side in ipairs { "client", "server" } do
    local row = schema.help(name, side)
    if row then
      local default = row.default ~= nil and ", by default " .. text_of(row.default) or ""
      local text = ("%s: %s\n  takes %s%s"):format(name, row.doc, row.type, default)
      if out[1] ~= text then out[#out + 1] = text end
    end
  end
  return out[1] and table.concat(out, "\n")
end

-- Whatever there is help about.
local function topics()
  local out, seen = {}, {}
  local function add(name)
    if not seen[name] then
      seen[name] = true
      out[#out + 1] = name
    end
  end
  for _, side in ipairs { "client", "server" } do
    add("vpn." .. side)
    for _, name in ipairs(hook_schema.names(side)) do add("hooks." .. name) end
    for _, row in ipairs(schema.describe(side)) do add(row.path) end
  end
  return out
end

--- What is to be said about |topic|.
function M.help(topic)
  if topic == nil then
    local out = {}
    for _, row in ipairs(ABOUT) do out[#out + 1] = ("  %-30s %s"):format(row[1], row[2]) end
    return table.concat(out, "\n")
  end
  topic = tostring(topic)
  local hook = topic:match("^hooks%.(.*)$") or topic:match("^on%.(.*)$")
  if hook then return (hook_schema.help(hook)) or select(2, hook_schema.help(hook)) end
  local side = topic == "vpn.client" and "client" or topic == "vpn.server" and "server"
  if side then
    return ("vpn.%s { ... } takes:\n%s\nhooks in `on`: %s"):format(side, top_level(side),
      table.concat(hook_schema.names(side), ", "))
  end
  if topic == "hooks" then
    local function list(of) return table.concat(hook_schema.names(of), ", ") end
    return ("of a client: %s\nof a server: %s"):format(list "client", list "server")
  end
  local key = about_key(topic)
  if key then return key end
  return ("there is no help about '%s'%s"):format(topic, suggest.hint(topic, topics()))
end

-- help shows its text as it is.
local TEXT = {}
TEXT.__tostring = function(t) return t[1] end
function hand.help(topic) return setmetatable({ M.help(topic) }, TEXT) end

-- ---- evaluation ----

local PRELUDE = "local peers, sessions, tunnels, kill, reload, follow, help, print, vpn, _, var "
  .. "= ...; "

-- What a line prints, for its answer, and its print; what it still prints when the answer has gone
-- goes to the log, as a script's does.
local function speech()
  local said = { left = WIDTH }
  return said, function(...)
    if said.over then return print(...) end
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    for text in (table.concat(words, " ") .. "\n"):gmatch "(.-)\n" do
      if said.left < 0 then return end
      said.left = said.left - #text - 1
      said[#said + 1] = said.left >= 0 and text or "-- cut"
    end
  end
end

-- The chunk of |code|, an expression or statements; or nil, why, and whether more of it is missing.
local function compile(code)
  local chunk, first = load(PRELUDE .. "return " .. code, "=console")
  if chunk then return chunk end
  local err
  chunk, err = load(PRELUDE .. code, "=console")
  if chunk then return chunk end
  local at_end = "near '<eof>'"
  if first:find(at_end, 1, true) then err = first end
  return nil, err, err:find(at_end, 1, true) ~= nil
end

local function answer(ticket, said, ok, ...)
  local lines = said[1] and { unpack(said) } or nil
  said.over = true
  if not ok then
    local first = tostring((...)):match("^[^\n]*")
    return core.console_answer(ticket, { ok = false, error = first, said = lines })
  end
  local first = ...
  if getmetatable(first) == ACTION then
    return core.console_answer(ticket, { ok = true, action = first[1], said = lines })
  end
  last = first
  core.console_answer(ticket, { ok = true, n = select("#", ...), text = text_of(...),
                                values = values_of(...), said = lines })
end

--- Evaluates |code|, which |connection| sent; the answer comes by the |ticket|, or at once when it
-- is no Lua.
function M.eval(ticket, connection, code)
  local chunk, err, incomplete = compile(code)
  if not chunk then return { ok = false, error = err, incomplete = incomplete } end
  local said, say = speech()
  local id = core.spawn(0, "the console", SECONDS, function(ok, ...)
    running[connection] = nil
    local done, why = core.try("the console", answer, ticket, said, ok, ...)
    if not done then core.console_answer(ticket, { ok = false, error = tostring(why) }) end
  end, chunk, hand.peers, hand.sessions, hand.tunnels, hand.kill, hand.reload, hand.follow,
    hand.help, say, require "lunel", last, shared)
  running[connection] = { ticket = ticket, task = id }
end

--- Ends what |connection| evaluates.
function M.cancel(connection, why)
  local r = running[connection]
  if not r or not core.cancel(r.task) then return { ok = false, error = "nothing is evaluated" } end
  running[connection] = nil
  core.console_answer(r.ticket, { ok = false, error = why or "interrupted" })
  return { ok = true }
end

--- Another VM is in this one's place.
function M.retire()
  local list = {}
  for connection in pairs(running) do list[#list + 1] = connection end
  for _, connection in ipairs(list) do M.cancel(connection, "a reload has ended it") end
end

-- ---- completion ----

local function fields(t)
  local out = {}
  for k in next, t do
    if is_name(k) then out[#out + 1] = k end
  end
  return out
end

-- The table that |path| ("vpn", "string") names, looked at without calling anything.
local function find(path)
  local at
  for name in path:gmatch("[^.]+") do
    if at == nil then
      at = name == "vpn" and require "lunel" or name == "var" and shared or rawget(_G, name)
    else
      at = type(at) == "table" and rawget(at, name) or nil
    end
    if type(at) ~= "table" then return nil end
  end
  return at
end

-- What |text| ends with, and the words that it may become.
local function choices(text)
  local topic = text:match("help%s*%(?%s*[\"']([%w_.]*)$")
  if topic then return topic, topics() end
  local path, word = text:match("([%a_][%w_.]*)%.([%w_]*)$")
  if path then
    local out = {}
    for _, name in ipairs(fields(find(path) or {})) do out[#out + 1] = path .. "." .. name end
    return path .. "." .. word, out
  end
  word = text:match("[%a_][%w_]*$") or ""
  local out = fields(_G)
  for _, name in ipairs(fields(hand)) do out[#out + 1] = name end
  out[#out + 1], out[#out + 2] = "vpn", "var"
  return word, out
end

--- What may follow |text|: { ok, word, list }, the words that begin like its last one.
function M.complete(text)
  local word, all = choices(text)
  local out = {}
  for _, name in ipairs(all) do
    if name:sub(1, #word) == word then out[#out + 1] = name end
  end
  table.sort(out)
  while #out > CHOICES do out[#out] = nil end
  return { ok = true, word = word, list = out }
end

return M
