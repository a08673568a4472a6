-- SPDX-License-Identifier: GPL-3.0-or-later
--- Strict globals: reading a name that nobody set, or setting a new one, is an error with a hint.
-- What a script shares goes through modules and `local`.
local suggest = require "lunel.suggest"

local M = {}

local function names(t)
  local out = {}
  for k in pairs(t) do
    if type(k) == "string" then out[#out + 1] = k end
  end
  return out
end

-- What scripts are used to and will not find.
local ABSENT = {
  ffi = "there is no ffi in a policy script; packets are for packet lanes",
  jit = "there is no jit in a policy script",
  debug = "there is no debug library in a policy script",
  module = "a module is a table that its file returns",
  setfenv = "function environments are not available",
  getfenv = "function environments are not available",
  newproxy = "newproxy is not available",
}

-- LuaJIT runs an error's handler before it leaves the hook that raised it, and no hook fires
-- inside a hook: a handler that loops could never be stopped. So this one runs once pcall has come
-- back; what it misses, the stack of the error, a policy has no debug library to look at anyway.
local function xpcall(f, handler, ...)
  local function finish(ok, ...)
    if ok then return true, ... end
    return false, select(2, pcall(handler, (...)))
  end
  return finish(pcall(f, ...))
end

--- Makes the globals of |g| strict, and its xpcall one that the time budget can stop. |absent| says
-- of a name why it is not there (of a policy script's otherwise).
function M.enable(g, absent)
  absent = absent or ABSENT
  g.xpcall = xpcall
  setmetatable(g, {
    __index = function(_, name)
      error(absent[name] or ("there is no variable '%s'%s"):format(tostring(name),
        suggest.hint(tostring(name), names(g))), 2)
    end,
    __newindex = function(_, name)
      error(("'%s' is not declared; write: local %s"):format(tostring(name), tostring(name)), 2)
    end,
    __metatable = "strict",
  })
end

--- Makes of the |methods| of |what| such that say so when what stands before them is none of
-- |meta|: mostly a dot was written for a colon. They call by a tail call, so that level 2 of an
-- error is the script.
function M.methods(methods, meta, what)
  for name, fn in pairs(methods) do
    methods[name] = function(self, ...)
      if getmetatable(self) ~= meta then
        error(("%s:%s: a %s expected, got a %s; write it with a colon: x:%s(...)"):format(what,
          name, what, type(self), name), 2)
      end
      return fn(self, ...)
    end
  end
end

--- A table whose unknown fields are errors that name |what|.
function M.fields(t, what)
  return setmetatable(t, {
    __index = function(_, name)
      error(("there is no %s.%s%s"):format(what, tostring(name),
        suggest.hint(tostring(name), names(t))), 2)
    end,
  })
end

return M
