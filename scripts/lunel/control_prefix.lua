-- SPDX-License-Identifier: GPL-3.0-or-later
--- Raw control messages of a script's own, by what they begin with.
local ask = require "lunel.ask"
local core = require "lunel.core"

local M = {}

local LONGEST = 32
local MESSAGE = 2047 -- bytes of a control message, as the wire has it

-- What a control message of OpenVPN's begins with (2.x and 3).
local RESERVED = { "ACC", "AUTH_FAILED", "AUTH_PENDING", "CR_RESPONSE", "EXIT", "HALT", "INFO",
                   "INFO_PRE", "PUSH_REPLY", "PUSH_REQUEST", "PUSH_UPDATE", "RELAY", "RESTART" }

local handlers = {} -- { prefix, fn }, longest prefix first
local opened = false
local report = function() end

--- |fn(what, err)| logs a script's error.
function M.bind(fn) report = fn end

-- Whether a message of OpenVPN's may begin like that, or one like that may be OpenVPN's.
local function is_reserved(prefix)
  for _, word in ipairs(RESERVED) do
    if prefix:sub(1, #word) == word or word:sub(1, #prefix) == prefix then return true end
  end
  return false
end

local function check(prefix, fn)
  if type(prefix) ~= "string" or not prefix:find "^[%w_-]+[,:]$" or #prefix > LONGEST then
    return ("a prefix is letters, digits, '_' and '-' with a comma or colon behind them, at most "
      .. "%d in all, as in 'MYEXT,'"):format(LONGEST)
  end
  if is_reserved(prefix) then
    return ("'%s' collides with OpenVPN's own messages: %s"):format(prefix,
      table.concat(RESERVED, ", "))
  end
  if type(fn) ~= "function" then return "a function expected, got a " .. type(fn) end
  for _, h in ipairs(handlers) do
    if h.prefix == prefix then return ("'%s' has a handler already"):format(prefix) end
  end
  if opened then
    return "tunnels are open already: declare it while the script is loaded"
  end
end

--- Hears control messages that begin with |prefix|: fn(who, text), |text| without the prefix; true
-- says that it was handled.
function M.add(prefix, fn)
  local why = check(prefix, fn)
  if why then error("vpn.control: " .. why, 2) end
  handlers[#handlers + 1] = { prefix = prefix, fn = fn }
end

--- Whether there is any, so that the engine asks.
function M.wanted() return #handlers > 0 end

--- Tunnels are opened: what comes later would not be asked.
function M.close() opened = true end

-- Whether a handler has taken |text|.
local function handle(who, text)
  for _, h in ipairs(handlers) do
    if text:sub(1, #h.prefix) == h.prefix and #text <= MESSAGE then
      local title = ask.title("control '" .. h.prefix .. "'")
      local ok, handled = core.try(title, h.fn, who, text:sub(#h.prefix + 1))
      if not ok then report(title, handled) end
      return ok and handled == true
    end
  end
  return false
end

--- The hook `control` with the handlers in front of it: for ask.now; |hook| may be nil.
function M.hook(hook)
  if #handlers == 0 then return hook end
  return function(who, text)
    if handle(who, text) then return true end
    return hook and hook(who, text)
  end
end

return M
