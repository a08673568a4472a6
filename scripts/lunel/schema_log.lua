-- SPDX-License-Identifier: GPL-3.0-or-later
--- Where the log goes and what is counted: the keys of a configuration about it.
local address = require "lunel.schema_address"
local suggest = require "lunel.suggest"
local types = require "lunel.schema_types"

local M = {}

local LEVELS = { "error", "warn", "info", "debug", "trace" }
local level = types.enum(LEVELS)

local MOST_SUBS = 32 -- the engine's, as the length of a name

M.levels = {
  text = 'a table of subsystems and levels ("error", "warn", "info", "debug", "trace")',
  check = function(value, at)
    if type(value) ~= "table" then
      at:fail(types.show(value) .. " is not " .. 'a table, as { tls = "debug", ["*"] = "info" }')
      return nil
    end
    local out, n = {}, 0
    for sub, wanted in pairs(value) do
      local child = at:child(sub)
      if sub ~= "*" and (type(sub) ~= "string" or not sub:find("^[%w_]+$") or #sub > 23) then
        child:fail("this is no subsystem: what stands before the dot of an event, or *")
      else
        out[sub] = level.check(wanted, child)
        n = n + 1
      end
    end
    if n > MOST_SUBS then at:fail(("%d subsystems; at most %d"):format(n, MOST_SUBS)) end
    return out
  end,
}

local PLACES = { "stdout", "stderr", "syslog", "journal" }

local where = {
  text = '"stdout", "stderr", "syslog", "journal", or a path',
  check = function(value, at)
    for _, name in ipairs(PLACES) do
      if value == name then return value end
    end
    if type(value) == "string" and value:find("/", 1, true) and not value:find("%c")
      and #value <= 4096 then return value end
    at:fail(('%s is neither "stdout", "stderr", "syslog", "journal" nor a path (with a / in it)%s')
      :format(types.show(value), type(value) == "string" and suggest.hint(value, PLACES) or ""))
    return nil
  end,
}

M.format = types.enum { "text", "json" }

M.outputs = types.list(types.record({
  { "to", where, required = true, doc = "Where." },
  { "format", M.format, doc = "Form of a record; log_format's." },
  { "level", level, doc = "Nothing below that, of what is kept at all." },
  { "name", types.string { max = 64 }, doc = "Our name in syslog or the journal." },
  { "socket", types.string { max = 107 }, doc = "The journal's socket, when it is elsewhere." },
}, { text = "{ to =, format =, level =, name =, socket = }" }), { max = 8 })

-- "127.0.0.1:9176", "[::1]:9176".
local function endpoint(value)
  local host, port = value:match("^%[(.*)%]:(%d+)$")
  if host then return address.is_ipv6(host) and host, tonumber(port) end
  host, port = value:match("^([^:]*):(%d+)$")
  return host and address.ipv4(host) and host, tonumber(port)
end

M.listen = {
  text = 'an address and a port, as "127.0.0.1:9176"',
  check = function(value, at)
    local host, port
    if type(value) == "string" then host, port = endpoint(value) end
    if host and port >= 1 and port <= 65535 then return { address = host, port = port } end
    at:fail(types.show(value) .. ' is no address of this machine with a port: "127.0.0.1:9176"')
    return nil
  end,
}

M.metrics = types.record({
  { "listen", M.listen, required = true, doc = "Where counters can be read by HTTP." },
}, { text = "{ listen = }" })

return M
