-- SPDX-License-Identifier: GPL-3.0-or-later
--- What scripts ask of others while packets flow: HTTP, sockets, whether a server answers; JSON.
local cjson = require "cjson"
local core = require "lunel.core"
local schema_engine = require "lunel.schema_engine"
local suggest = require "lunel.suggest"

local M = {}

-- What is misused is told where the script calls: |level| counts from the caller of `misuse`.
local function misuse(level, text, ...)
  error(text:format(...), level + 1)
end

local function is_secret(value) return getmetatable(value) == "secret" end

local function is_text(value) return type(value) == "string" or is_secret(value) end

local function number_from(least, most, what)
  return function(value)
    return type(value) == "number" and value >= least and value <= most and value == value, what
  end
end

local function a(kind)
  return function(value) return type(value) == kind, "a " .. kind end
end

local function text(value) return is_text(value), "a text" end

local function flag(value) return type(value) == "boolean", "true or false" end

local SECONDS = number_from(0.001, 86400, "seconds from 0.001 to 86400")
local DEVICE = a "string"
local MARK = number_from(0, 2 ^ 32 - 1, "a number from 0 to 4294967295")

-- Checks the fields of |o| by |rules|: { name = rule }.
local function check(o, rules, what, level)
  for name, value in pairs(o) do
    local rule = rules[name]
    if not rule then
      local names = {}
      for known in pairs(rules) do names[#names + 1] = tostring(known) end
      table.sort(names)
      misuse(level + 1, "%s: there is no '%s'%s", what, tostring(name),
        suggest.hint(tostring(name), names))
    end
    local ok, wanted = rule(value)
    if not ok then
      misuse(level + 1, "%s: '%s' is a %s; %s expected", what, tostring(name), type(value), wanted)
    end
  end
end

-- ---- JSON ----

M.json = {
  --- What JSON's null is in Lua.
  null = cjson.null,
}

--- |value| as JSON. Raises an error for what cannot be written: functions, secrets, NaN.
function M.json.encode(value)
  local ok, out = pcall(cjson.encode, value)
  if not ok then misuse(2, "vpn.json.encode: %s", out) end
  return out
end

--- What the JSON |str| says, or nil and why it cannot be read.
function M.json.decode(str)
  if type(str) ~= "string" then
    misuse(2, "vpn.json.decode: a text expected, got a %s", type(str))
  end
  local ok, out = pcall(cjson.decode, str)
  if not ok then return nil, out end
  return out
end

-- ---- HTTP ----

local HTTP = {
  headers = a "table", json = function() return true end, body = text, form = a "table",
  timeout = SECONDS, max = number_from(0, 64 * 2 ^ 20, "0 to 67108864 bytes"),
  redirects = number_from(0, 20, "a number from 0 to 20"), insecure = flag, ca = text, cert = text,
  key = text, bind_dev = DEVICE, mark = MARK,
}

local REQUEST = setmetatable({ method = a "string", url = text }, { __index = HTTP })

local function reveal(value) return is_secret(value) and value:reveal() or tostring(value) end

-- The texts of |o| that are a path or the content itself, as contents; or nil and why.
local function contents(o)
  local out = {}
  for _, name in ipairs { "ca", "cert", "key" } do
    local value = o[name]
    if value ~= nil and not is_secret(value) and not value:find("\n", 1, true) then
      local str, err = core.read_file(value)
      if not str then return nil, ("request: %s: cannot read '%s': %s"):format(name, value, err) end
      value = str
    end
    out[name] = value
  end
  return out
end

local TOKEN = "^[%w!#$%%&'*+.^_`|~-]+$"

local function header_lines(headers, kind, what, level)
  local out, given = {}, {}
  local function add(name, value)
    if type(name) ~= "string" or not name:find(TOKEN) then
      misuse(level + 2, "%s: '%s' is no name of a header", what, tostring(name))
    end
    local str = reveal(value)
    if str:find("[%c]") and str:find("[\r\n%z]") then
      misuse(level + 2, "%s: header '%s' has a line end in it", what, name)
    end
    given[name:lower()] = true
    -- libcurl's way to say that a header is empty
    out[#out + 1] = str == "" and name .. ";" or name .. ": " .. str
  end
  for name, value in pairs(headers or {}) do
    for _, v in ipairs(type(value) == "table" and value or { value }) do add(name, v) end
  end
  if kind and not given["content-type"] then add("Content-Type", kind) end
  if not given.accept then add("Accept", "*/*") end
  table.sort(out)
  return out
end

local function escape(value)
  return (reveal(value):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function form_text(form)
  local out = {}
  for name, value in pairs(form) do out[#out + 1] = escape(name) .. "=" .. escape(value) end
  table.sort(out)
  return table.concat(out, "&")
end

-- The body and its type.
local function body_of(o, what, level)
  if (o.json ~= nil and 1 or 0) + (o.body and 1 or 0) + (o.form and 1 or 0) > 1 then
    misuse(level + 1, "%s: one of json, form and body", what)
  end
  if o.json ~= nil then
    local ok, str = pcall(cjson.encode, o.json)
    if not ok then misuse(level + 1, "%s: json: %s", what, str) end
    return str, "application/json"
  elseif o.form then
    return form_text(o.form), "application/x-www-form-urlencoded"
  end
  return o.body, o.body and "application/octet-stream"
end

-- Names in lower case; of several lines the values with commas between, as HTTP means them.
local function header_table(lines)
  local out = {}
  for _, line in ipairs(lines) do
    local name, value = line:match("^([^:%s]+):%s*(.-)%s*$")
    if name then
      name = name:lower()
      out[name] = out[name] and out[name] .. ", " .. value or value
    end
  end
  return out
end

local function finish(res, err)
  if not res then return nil, err end
  res.headers = header_table(res.lines)
  res.lines = nil
  return res
end

local function request(method, url, o, what, level)
  local body, kind = body_of(o, what, level + 1)
  local files, err = contents(o)
  if not files then return nil, err end
  return finish(core.http {
    method = method, url = reveal(url), body = body,
    headers = header_lines(o.headers, kind, what, level + 1),
    ca = files.ca, cert = files.cert, key = files.key, insecure = o.insecure,
    redirects = o.redirects, timeout = o.timeout or 10, max = o.max or 2 ^ 20,
    bind_dev = o.bind_dev, mark = o.mark,
  })
end

local function method_of(name)
  return function(url, o)
    local what = "vpn.http." .. name:lower()
    if not is_text(url) then misuse(2, "%s: a URL expected, got a %s", what, type(url)) end
    if o ~= nil and type(o) ~= "table" then
      misuse(2, "%s: a table expected, got a %s", what, type(o))
    end
    check(o or {}, HTTP, what, 2)
    local res, err = request(name, url, o or {}, what, 2)
    return res, err
  end
end

M.http = { get = method_of "GET", post = method_of "POST" }

--- A request of any method: { method = "PUT", url =, ... }.
function M.http.request(o)
  local what = "vpn.http.request"
  if type(o) ~= "table" then misuse(2, "%s: a table expected, got a %s", what, type(o)) end
  check(o, REQUEST, what, 2)
  local method = (o.method or "GET"):upper()
  if not method:find("^%u+$") or method == "CONNECT" or method == "TRACE" then
    misuse(2, "%s: '%s' is no method for this", what, tostring(o.method))
  end
  if not is_text(o.url) then misuse(2, "%s: url expected", what) end
  local res, err = request(method, o.url, o, what, 2)
  return res, err
end

-- ---- sockets ----

local PROTOS = { tcp = true, udp = true, unix = true }

local CONNECT = {
  host = a "string", port = number_from(1, 65535, "a port from 1 to 65535"),
  proto = function(value) return PROTOS[value] == true, '"tcp", "udp" or "unix"' end,
  path = a "string", timeout = SECONDS, bind_dev = DEVICE, mark = MARK,
}

--- A socket to { host =, port =, proto = "tcp" } or { path =, proto = "unix" }; nil and why.
function M.connect(o)
  local what = "vpn.connect"
  if type(o) ~= "table" then misuse(2, "%s: a table expected, got a %s", what, type(o)) end
  local host, port = o[1], o[2]
  local given = {}
  for k, v in pairs(o) do
    if k == 1 then given.host = v elseif k == 2 then given.port = v else given[k] = v end
  end
  if (host and o.host) or (port and o.port) then misuse(2, "%s: host or port twice", what) end
  check(given, CONNECT, what, 2)
  local unix = given.proto == "unix"
  if unix then given.host = given.path or given.host end
  if not given.host or (not unix and (given.path or not given.port)) then
    misuse(2, "%s: host and port expected, or path with proto = \"unix\"", what)
  end
  given.path = nil
  local socket, err = core.dial(given)
  return socket, err
end

-- ---- probes ----

--- vpn.probe with the keys of |tunnel|, a client of lunel/instance.lua.
function M.probe(tunnel, remote, o)
  check(o, { timeout = SECONDS }, "vpn.probe", 3)
  if not tunnel then
    misuse(3, "vpn.probe: whose keys? Call it from a task of a client, or declare one client alone")
  end
  if not tunnel.handle then return nil, "the client is not open yet" end
  local out = schema_engine.remote(remote, tunnel.conf)
  local seconds, err = core.probe(tunnel.handle, out, o.timeout or 1)
  return seconds, err
end

return M
