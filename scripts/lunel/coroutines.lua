-- SPDX-License-Identifier: GPL-3.0-or-later
--- A script's own coroutines in a task that waits. What waits (vpn.sleep and its kin) yields a
-- token that no script has. It is passed on from each resume to the one around it, up to the task,
-- and the answer comes back the same way: the whole task waits, whichever coroutine of it asked.
-- What a script yields itself goes to its own resume, as ever.
local M = {}

local function expect(value, kind, name)
  if type(value) ~= kind then
    error(("bad argument #1 to '%s' (%s expected, got %s)"):format(name, kind, type(value)), 3)
  end
end

local HELD = "cannot resume a coroutine that waits in a task"

--- Puts the functions of |lib|, the coroutine library, in place. |c| is what the core keeps for
-- this: { held, token, bar } (bindings/task.c).
function M.enable(lib, c)
  local create, status, yield, is_yieldable =
    lib.create, lib.status, lib.yield, lib.isyieldable
  local raw_resume, barred_resume = lib.resume, c.bar(lib.resume)
  local held, token = c.held, c.token

  local function go_on(co, ...)
    held[co] = nil
    return raw_resume(co, ...)
  end

  local function pass_on(co, ...)
    local ok, first = ...
    if not ok or first ~= token then return ... end
    held[co] = true
    return pass_on(co, go_on(co, yield(token)))
  end

  local function resume(co, ...)
    expect(co, "thread", "resume")
    if held[co] then return false, HELD end
    if is_yieldable() then return pass_on(co, raw_resume(co, ...)) end
    -- Below something of C, a comparison of table.sort for one, where nothing can wait.
    return barred_resume(co, ...)
  end

  local function give(ok, ...)
    if ok then return ... end
    local err = ...
    error(err, type(err) == "string" and 2 or 0)
  end

  lib.resume = resume

  function lib.wrap(fn)
    expect(fn, "function", "wrap")
    local co = create(fn)
    return function(...) return give(resume(co, ...)) end
  end

  function lib.status(co)
    local s = status(co)
    return s == "suspended" and held[co] and "normal" or s
  end
end

return M
