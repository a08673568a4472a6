-- SPDX-License-Identifier: GPL-3.0-or-later
--- Protocol extensions: messages of a script's own on the control channel, in OpenVPN 3's ACC
-- envelope, to peers that have declared the same. The engine bounds what a peer sends in size, rate
-- and memory; here a message is decoded and held against its schema.
local ask = require "lunel.ask"
local core = require "lunel.core"
local suggest = require "lunel.suggest"

local M = {}

local PROTOCOLS, NAME, LARGEST = 8, 32, 65536
local RUNNING = 16   -- messages of one peer that handlers are still at
local DEADLINE = 10  -- seconds that a handler has
local HUGE = math.huge
local RECORDS = 10   -- a second, of messages that were refused

local declared = {}  -- in order
local by_name = {}
local announced = false
local report = function() end

--- |fn(what, err)| logs a script's error.
function M.bind(fn) report = fn end

-- ---- JSON ----

local json

-- An encoder of our own: what a script sets in its cjson is not ours, and what a peer sends is not
-- nested deep.
local function load_json()
  if json then return json end
  local cjson = require "cjson"
  json = cjson.new()
  json.decode_max_depth(16)
  json.encode_max_depth(16)
  json.decode_invalid_numbers(false)
  json.encode_invalid_numbers(false)
  json.encode_sparse_array(false, 1, 1)
  json.null = cjson.null
  return json
end

-- ---- schemas ----

local TYPES = { number = true, string = true, boolean = true }

-- { field = "number" | "string?" ... } as { field = { type, optional } }; or nil and what is wrong.
local function read_schema(schema)
  local out = {}
  for field, spec in pairs(schema) do
    local kind, mark = tostring(spec):match "^(%a+)(%??)$"
    if type(field) ~= "string" then
      return nil, ("schema: a field's name is a text, not a %s"):format(type(field))
    elseif type(spec) ~= "string" or not TYPES[kind] then
      return nil, ("schema.%s: 'number', 'string' or 'boolean' expected, with '?' behind it for "
        .. "what may be missing"):format(field)
    end
    out[field] = { kind = kind, optional = mark == "?" }
  end
  return out
end

-- A field's name for people: a peer chooses it.
local function shown(field)
  local text = tostring(field)
  return (text:sub(1, 32):gsub("[^\32-\126]", "?")) .. (#text > 32 and "..." or "")
end

-- What is wrong with |msg|; nil when nothing is.
local function misfit(schema, msg)
  if type(msg) ~= "table" then return "a table expected, got a " .. type(msg) end
  for field, value in pairs(msg) do
    local want = schema[field]
    if not want then return ("there is no field '%s' in the schema"):format(shown(field)) end
    if type(value) ~= want.kind then
      return ("%s: a %s expected, got a %s"):format(field, want.kind, type(value))
    end
    if want.kind == "number" and (value ~= value or value == HUGE or value == -HUGE) then
      return ("%s: %s is no number that can be sent"):format(field, tostring(value))
    end
  end
  for field, want in pairs(schema) do
    if msg[field] == nil and not want.optional then
      return ("'%s' is missing"):format(field)
    end
  end
end

-- A peer's `null` is what is missing.
local function without_null(msg)
  for field, value in pairs(msg) do
    if value == json.null then msg[field] = nil end
  end
  return msg
end

local function decode(ext, data)
  if ext.encoding == "raw" then return data end
  local ok, msg = pcall(json.decode, data)
  if not ok then return nil, "malformed", tostring(msg):gsub("^.-:%d+: ", "") end
  if not ext.schema then return msg end
  if type(msg) == "table" then msg = without_null(msg) end
  local why = misfit(ext.schema, msg)
  if why then return nil, "schema", why end
  return msg
end

-- The bytes; or nil and why not.
local function encode(ext, msg)
  if ext.encoding == "raw" then
    if type(msg) ~= "string" then return nil, "a text expected, got a " .. type(msg) end
    return msg
  end
  local why = ext.schema and misfit(ext.schema, msg)
  if why then return nil, why end
  local ok, data = pcall(json.encode, msg)
  if not ok then return nil, (tostring(data):gsub("^.-:%d+: ", "")) end
  return data
end

-- ---- who is spoken with ----

-- The engine's names of a session or peer, or nil and why there are none.
local function place(who, what)
  local t = type(who) == "table" and (rawget(who, "tunnel") or rawget(who, "server"))
  if not t then error(what .. ": a session or a peer expected", 3) end
  if rawget(who, "ended") or not t.handle then return nil, "the connection has ended" end
  return t.handle, rawget(who, "id")
end

local ext_methods = {}

--- Whether |who|, a session or peer, has declared it, too; known once that is up.
function ext_methods.peer_supports(ext, who)
  local handle, peer = place(who, "ext:peer_supports")
  return handle ~= nil and core.extension_known(handle, peer, ext.name)
end

local WHY = { ["limit reached"] = "too much waits to be sent",
              ["not found"] = "the peer does not have it",
              ["not possible in this state"] = "the connection is not up",
              ["not supported by this build or kernel"] = "the peer takes plain text alone" }

--- Sends |msg|: true, or nil and why.
function ext_methods.send(ext, who, msg)
  local handle, peer = place(who, "ext:send")
  if not handle then return nil, peer end
  local data, err = encode(ext, msg)
  if not data then return nil, ("%s: %s"):format(ext.name, err) end
  if #data > ext.max then
    return nil, ("%s: the message has %d bytes, and max is %d"):format(ext.name, #data, ext.max)
  end
  local ok
  ok, err = core.extension_send(handle, peer, ext.name, data)
  if not ok then return nil, ("%s: %s"):format(ext.name, WHY[err] or err) end
  ext.sent = ext.sent + 1
  return true
end

--- Runs |fn(who, msg)| for each message, as a task of |who|, the session or peer that it is from.
function ext_methods.on_message(ext, fn)
  if type(fn) ~= "function" then
    error(("ext:on_message: a function expected, got a %s"):format(type(fn)), 2)
  end
  ext.handlers[#ext.handlers + 1] = fn
end

--- Counters since the script began: received and sent; dropped = { reason = number }, of those that
-- the engine let through.
function ext_methods.stats(ext)
  local dropped = {}
  for reason, n in pairs(ext.dropped) do dropped[reason] = n end
  return { received = ext.received, sent = ext.sent, dropped = dropped }
end

local NAMES = { "name", "peer_supports", "send", "on_message", "stats" }
local ext_meta = {
  __index = function(_, name)
    if ext_methods[name] then return ext_methods[name] end
    if name == "schema" then return nil end
    error(("an extension has no '%s'%s"):format(tostring(name),
      suggest.hint(tostring(name), NAMES)), 2)
  end,
  __tostring = function(ext) return "extension " .. ext.name end,
}

-- ---- declaring ----

local OPTIONS = { "max", "rate", "schema", "encoding" }

local function whole(value, low, high)
  return type(value) == "number" and value % 1 == 0 and value >= low and value <= high
end

-- The first thing that is wrong with name and options, or nil.
local function check(name, o)
  if type(name) ~= "string" or not name:find "^[%w%-_.]+$" or #name > NAME then
    return ("a name is 1 to %d letters, digits, '-', '_' and '.'"):format(NAME)
  end
  if by_name[name] then return ("'%s' is declared already"):format(name) end
  if #declared == PROTOCOLS then return ("there are %d already"):format(PROTOCOLS) end
  for key in pairs(o) do
    local known = false
    for _, option in ipairs(OPTIONS) do known = known or key == option end
    if not known then
      return ("there is no '%s'%s"):format(tostring(key), suggest.hint(tostring(key), OPTIONS))
    end
  end
  if o.max ~= nil and not whole(o.max, 1, LARGEST) then
    return ("max is 1 to %d bytes of a message"):format(LARGEST)
  end
  local rate = o.rate
  if rate ~= nil and (type(rate) ~= "table" or not whole(rate.count, 1, 1000000)
      or type(rate.per) ~= "number" or not (rate.per >= 0.001 and rate.per <= 86400)) then
    return "rate is { count = 1 to 1000000 messages, per = 0.001 to 86400 seconds }"
  end
  if o.encoding ~= nil and o.encoding ~= "json" and o.encoding ~= "raw" then
    return "encoding is 'json' or 'raw'"
  end
  if o.schema ~= nil and type(o.schema) ~= "table" then return "schema is a table" end
  if o.schema and o.encoding == "raw" then return "what is raw has no schema" end
end

-- The engine knows what there is, and tells peers that connect from now on.
local function announce()
  local list = {}
  for i, ext in ipairs(declared) do
    list[i] = { name = ext.name, max = ext.max, count = ext.rate.count, per = ext.rate.per }
  end
  return core.extensions(list)
end

--- Before tunnels open: true, or nil and why.
function M.announce()
  announced = true
  return announce()
end

--- Declares a protocol; an extension with peer_supports, send, on_message, stats.
function M.protocol(name, o)
  o = o or {}
  if type(o) ~= "table" then error("vpn.acc.protocol: a table of options expected", 2) end
  local why = check(name, o)
  local schema, err
  if not why and o.schema then
    schema, err = read_schema(o.schema)
    why = err
  end
  if why then error("vpn.acc.protocol: " .. why, 2) end
  if o.encoding ~= "raw" then load_json() end
  local ext = setmetatable({
    name = name, max = o.max or 4096, rate = o.rate or { count = 10, per = 1 }, schema = schema,
    encoding = o.encoding or "json", handlers = {}, received = 0, sent = 0, dropped = {},
    second = 0, records = 0, silent = 0,
  }, ext_meta)
  declared[#declared + 1], by_name[name] = ext, ext
  if announced then announce() end
  return ext
end

--- What became of all messages of |who|'s connection in the engine: { received, sent, dropped =
-- { reason = number } }; or nil and why.
function M.stats(who)
  local handle, peer = place(who, "vpn.acc.stats")
  if not handle then return nil, peer end
  return core.extension_stats(handle, peer)
end

-- ---- messages ----

-- What others can make us log: a few records a second, the rest counted.
local function refuse(ext, who, reason, why)
  ext.dropped[reason] = (ext.dropped[reason] or 0) + 1
  local now = core.now()
  if now - ext.second >= 1 then
    if ext.silent > 0 then
      core.log("warn", "acc", "suppressed", { protocol = ext.name, records = ext.silent })
    end
    ext.second, ext.records, ext.silent = now, 0, 0
  end
  if ext.records >= RECORDS then
    ext.silent = ext.silent + 1
    return
  end
  ext.records = ext.records + 1
  core.log("warn", "acc", "refused", { protocol = ext.name, from = tostring(who),
                                       reason = reason, why = why })
end

local running = setmetatable({}, { __mode = "k" }) -- by session or peer

local function run(ext, who, msg)
  for _, fn in ipairs(ext.handlers) do
    running[who] = (running[who] or 0) + 1
    core.spawn(who.owner, ask.title("on_message of " .. ext.name), DEADLINE, function(ok, err)
      running[who] = running[who] - 1
      if not ok then report(ask.title("on_message of " .. ext.name), err) end
    end, fn, who, msg)
  end
end

--- One message of the engine's, from the session or peer |who|, nil when that is gone.
function M.message(who, ev)
  local ext = by_name[ev.protocol]
  if not ext or not who or rawget(who, "ended") then return end
  if #ext.handlers == 0 then return refuse(ext, who, "unheard", "there is no on_message") end
  if (running[who] or 0) >= RUNNING then
    return refuse(ext, who, "busy", "handlers are still at the messages before")
  end
  local msg, reason, why = decode(ext, ev.data)
  if reason then return refuse(ext, who, reason, why) end
  ext.received = ext.received + 1
  run(ext, who, msg)
end

return M
