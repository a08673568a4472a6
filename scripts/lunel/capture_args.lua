-- SPDX-License-Identifier: GPL-3.0-or-later
--- The command line of `lunel capture`: what is written where, and what is run meanwhile.
local suggest = require "lunel.suggest"

local M = {}

M.help = [[
usage: lunel capture --to FILE [OPTION ...] FILE [--OPTION ...]

Runs what `lunel FILE ...` would and writes what passes as pcapng, which Wireshark and tshark read,
as three interfaces: "tunnel", packets inside; "control", the control channel's packets without
their wrapping, and datagrams that were dropped, the reason as comment; "messages", the texts of
the control channel, without tokens and answers to challenges. It holds nothing up: what cannot be
written in time is lost and counted. What it writes is others' private talk; the file is for its
owner alone (mode 0600).

  --to FILE      where to; a file of yours is replaced, of others refused; a named pipe will do
  --who NAME     a server's client alone: its name, user name or address
  --keep BYTES   of each packet (all)
  --most SIZE    the file's, like 100m, after which the capture ends (none)
  --help         this text
]]

local OPTIONS = { to = true, who = true, keep = true, most = true }
local NAMES = { "to", "who", "keep", "most", "help" }
local UNITS = { [""] = 1, k = 1024, m = 1024 ^ 2, g = 1024 ^ 3 }

local function size(text)
  local n, unit = text:lower():match("^(%d+)([kmg]?)$")
  return n and tonumber(n) * UNITS[unit]
end

--- What |args| from |from| on say: { to, who, keep, most }, and where the rest begins; or nil and
-- what is wrong, nothing when help is wanted.
function M.parse(args, from)
  local out = {}
  local i = from
  while args[i] and args[i]:find("^%-%-") do
    local name, value = args[i]:match("^%-%-([%w-]+)=?(.*)$")
    if name == "help" then return nil end
    if name == "config" then break end -- openvpn's own command line begins
    if not OPTIONS[name] then
      return nil, ("capture has no option '%s'%s"):format(args[i],
        suggest.hint(tostring(name), NAMES))
    end
    if value == "" then
      i = i + 1
      value = args[i]
      if not value then return nil, ("capture: --%s wants a value"):format(name) end
    end
    if name == "keep" or name == "most" then
      local n = size(value)
      if not n or n < 1 or (name == "keep" and n > 65535) then
        return nil, ("capture: --%s %s: %s"):format(name, value,
          name == "keep" and "bytes from 1 to 65535" or "a number of bytes, or one like 100m")
      end
      value = n
    end
    out[name] = value
    i = i + 1
  end
  if not out.to then return nil, "capture: --to FILE is missing" end
  return out, i
end

return M
