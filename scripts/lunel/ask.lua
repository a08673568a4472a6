-- SPDX-License-Identifier: GPL-3.0-or-later
--- How a hook is asked: in a task or at once, its answer checked and passed on by ticket. An error
-- is logged with file and line, and the default applies.
local core = require "lunel.core"

local M = {}

local report -- set by M.bind

--- Counts the hook that begins; what its end is told to. What has a blank in its name is no hook.
function M.counted(name)
  if name:find(" ", 1, true) then return function() end end
  local began = core.now()
  core.hook_ran(name)
  return function(ok, err)
    local outcome = ok and "ok" or "error"
    if not ok and type(err) == "string"
      and err:match("^[^\n]*"):find("its deadline has passed$") then
      outcome = "deadline"
    end
    core.hook_ran(name, core.now() - began, outcome)
  end
end

--- |fn(what, err)| logs a script's error.
function M.bind(fn) report = fn end

function M.title(name) return "hook '" .. name .. "'" end
local title = M.title

-- Of a function of ours that is asked in a hook's place, the hook.
local behind = setmetatable({}, { __mode = "k" })

--- |wrapper| answers with what the script's |fn| says.
function M.stands_for(wrapper, fn) behind[wrapper] = fn end

-- Answers by |reply|; when that fails, because the hook |fn| returned what cannot be used, by the
-- default.
local function answer(name, fn, ticket, reply, ...)
  local ok, err = core.try(title(name), core.where(behind[fn] or fn) or "", reply, ...)
  if ok then return end
  report(title(name), err)
  core.reply_default(ticket)
end

--- |M.ended|(who), where a reload has set it, is told what a hook was asked about when it has
-- ended, before its answer is passed on.

--- Asks a hook that may wait. |owner| ends it when it is gone. |ev.finally|, if there is one, is
-- called when the hook has ended, also by its deadline (but not when it was cancelled).
function M.task(name, ev, owner, fn, reply, ...)
  local who = ...
  local over = M.counted(name)
  local id = core.spawn(owner, title(name), ev.deadline, function(ok, ...)
    over(ok, ...)
    if ev.finally then ev.finally() end
    if M.ended then M.ended(who) end
    if ok then
      answer(name, fn, ev.ticket, reply, ...)
    else
      report(title(name), (...))
      core.reply_default(ev.ticket)
    end
  end, fn, ...)
  core.keep(id)
end

--- Asks a hook that must answer now.
function M.now(name, ev, owner, fn, reply, ...)
  local before, over = core.as_owner(owner), M.counted(name)
  local function finish(ok, ...)
    core.as_owner(before)
    over(ok, ...)
    if ok then
      answer(name, fn, ev.ticket, reply, ...)
    else
      report(title(name), (...))
      core.reply_default(ev.ticket)
    end
  end
  finish(core.try(title(name), fn, ...))
end

-- Where what such a hook wants to decide is decided.
local INSTEAD = {
  established = "deny in authorize, or end the connection by peer:kill(why)",
  up = "refuse in verify_cert or pulled, or end the tunnel by session:stop(why)",
}
local warned = setmetatable({}, { __mode = "k" }) -- hooks, once each

-- A __tostring is the script's, and has a hook's time.
local function describe(name, value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    local ok, text = core.try(title(name), tostring, value)
    if ok then return text end
    report(title(name), text)
  end
  return "a " .. type(value)
end

--- The hook |fn|, which decides nothing, returned |value|: if that was meant to do something, its
-- script's writer has to know that it did not.
function M.decides_nothing(name, fn, value)
  if value == nil or warned[fn] or name:find(" ", 1, true) then return end
  warned[fn] = true
  core.log("warn", "script", "ignored", {
    hook = name, where = core.where(behind[fn] or fn) or "vpn.hook",
    returned = describe(name, value),
    instead = INSTEAD[name] or "return nothing",
  })
end

--- Runs a hook that is only told something, for at most |seconds|; then |after| (may be nil).
function M.tell(name, owner, seconds, after, fn, ...)
  local over = M.counted(name)
  core.spawn(owner, title(name), seconds, function(ok, err)
    over(ok, err)
    if not ok then report(title(name), err) else M.decides_nothing(name, fn, err) end
    if after then after() end
  end, fn, ...)
end

--- The error of a hook that returned a |value| where |wanted| is expected.
function M.bad_result(name, value, wanted)
  error(("%s returned a %s; %s expected"):format(title(name), type(value), wanted), 0)
end

return M
