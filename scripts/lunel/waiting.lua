-- SPDX-License-Identifier: GPL-3.0-or-later
--- Tasks that wait for each other: vpn.spawn, all, any, timeout and channel.
--
-- Whoever waits is parked by its number, and woken by whoever brings what it waits for. The tasks
-- that all, any and timeout make belong to the one that asks: they end with it, whatever ends it.
local core = require "lunel.core"

local M = {}

local report -- set by M.bind

--- |fn(what, err)| logs a script's error.
function M.bind(fn) report = fn end

local function pack(...) return { n = select("#", ...), ... } end

-- An error without its traceback: "file:line: what".
local function first_line(err) return (tostring(err):match("^[^\n]*")) end

-- The errors of these checks name the line of the script that called the function of this module.

-- The number of the task that runs, which is about to wait in |name|.
local function waiter(name, level)
  local id, why = core.self(name)
  if not id then error(why, level or 3) end
  return id
end

local function check(value, kind, name)
  if type(value) ~= kind then
    error(("%s: a %s expected, got a %s"):format(name, kind, type(value)), 3)
  end
end

local function check_seconds(value, name, level)
  if type(value) ~= "number" or not (value >= 0 and value < 1e9) then
    error(("%s: seconds from 0 to 10^9 expected, got %s"):format(name,
      type(value) == "number" and tostring(value) or "a " .. type(value)), level or 3)
  end
end

-- ---- tasks ----

local Task = {}
Task.__index = Task

--- Ends the task where it waits, and with it what it waits for; true when it had not ended yet.
function Task:cancel()
  if getmetatable(self) ~= Task then error("task:cancel: a task expected", 2) end
  return core.cancel(self.id)
end

--- Waits for the end of the task, at most |seconds|: true and what its function returned; or nil
-- and "timeout", "cancelled", or its error as "file:line: ...".
function Task:join(seconds)
  if getmetatable(self) ~= Task then error("task:join: a task expected", 2) end
  if seconds ~= nil then check_seconds(seconds, "task:join") end
  local over = self.over
  if not over then
    waiter "task:join"
    local ended, why = core.join("task:join", self.id, seconds)
    if why then error("task:join: " .. why, 2) end
    over = self.over
    if not over then return nil, ended == false and "timeout" or "cancelled" end
  end
  if over[1] then return unpack(over, 1, over.n) end
  return nil, first_line(over[2])
end

--- Runs fn(...) beside what goes on, as long as the session (or instance) that asks for it lives.
function M.spawn(fn, ...)
  check(fn, "function", "vpn.spawn")
  local name = "the task of " .. (core.where(2) or "vpn.spawn")
  local task = setmetatable({}, Task)
  task.id = core.spawn(core.owner(), name, nil, function(...)
    task.over = pack(...)
    if not ... then report(name, (select(2, ...))) end
  end, fn, ...)
  return task
end

-- ---- many at once ----

local PIECE = 256 -- tasks begun in one stretch

local CREW = { limit = true, timeout = true }

local function check_crew(name, list, fn, o)
  if type(list) ~= "table" then
    error(("%s: a list expected, got a %s"):format(name, type(list)), 4)
  end
  if type(fn) ~= "function" then
    error(("%s: a function expected, got a %s"):format(name, type(fn)), 4)
  end
  if o == nil then return end
  if type(o) ~= "table" then
    error(("%s: options are a table, got a %s"):format(name, type(o)), 4)
  end
  for key in pairs(o) do
    if not CREW[key] then
      error(("%s: there is no option '%s'; there are limit and timeout"):format(name,
        tostring(key)), 4)
    end
  end
  if o.limit ~= nil and not (type(o.limit) == "number" and o.limit >= 1) then
    error(("%s: limit is a number from 1, not %s"):format(name, tostring(o.limit)), 4)
  end
  if o.timeout ~= nil then check_seconds(o.timeout, name .. ": timeout", 5) end
end

-- Runs fn(list[i], i) for each in a task of its own, o.limit at once. heed(i, ok, ...) is told of
-- each end, and says true when the others need not be waited for; they are cancelled then, as when
-- o.timeout seconds have passed. Returns whether they had not.
local function crew(name, list, fn, o, heed)
  check_crew(name, list, fn, o)
  local me = waiter(name, 4)
  o = o or {}
  local title = name .. " of " .. (core.where(fn) or core.where(3) or "a script")
  local owner, n, begun, running = core.owner(), #list, 0, 0
  local over, reported, broken = false, false, nil
  if n == 0 then return true end

  local begin
  local function ended(i, ok, ...)
    running = running - 1
    if over then return end
    -- The first alone: they are mostly the same, and there may be many.
    if not ok and not reported then
      reported = true
      report(title, (...))
    end
    if heed(i, ok, ...) then
      over = true
    elseif begun < n then
      local began, err = pcall(begin)
      if not began then over, broken = true, err end
    elseif running == 0 then
      over = true
    end
    if over then core.wake(me) end
  end

  function begin()
    begun, running = begun + 1, running + 1
    local i = begun
    core.belong(core.spawn(owner, title, nil, function(...) ended(i, ...) end, fn, list[i], i), me)
  end

  local in_time
  local ok, err = pcall(function()
    local limit, last = o.limit or n, core.now() + (o.timeout or 0)
    while not over and begun < n and running < limit do
      begin()
      -- Thousands are more than one slice is good for.
      if begun % PIECE == 0 then core.park(name, 0) end
    end
    in_time = over or core.park(name, o.timeout and math.max(0, last - core.now()))
  end)
  over = true
  core.disband()
  if not ok or broken then error(broken or err, 0) end
  return in_time
end

--- Runs fn(entry, index) for each entry of |list| at once and waits for all. Results by index, nil
-- where one failed or took too long; and by index why: "timeout", or its error as "file:line: ...".
function M.all(list, fn, o)
  local out, errors, done = {}, {}, {}
  local in_time = crew("vpn.all", list, fn, o, function(i, ok, value)
    done[i] = true
    if ok then out[i] = value else errors[i] = first_line(value) end
  end)
  for i = 1, in_time and 0 or #list do
    if not done[i] then errors[i] = "timeout" end
  end
  return out, errors
end

--- Runs fn(entry, index) for each entry of |list| at once: the first result that is not nil or
-- false, and its index; the others are cancelled. Or nil and why: "timeout", the first error, or
-- "none".
function M.any(list, fn, o)
  local value, index, err
  local in_time = crew("vpn.any", list, fn, o, function(i, ok, result)
    if ok and result then
      value, index = result, i
      return true
    elseif not ok then
      err = err or first_line(result)
    end
  end)
  if index then return value, index end
  return nil, in_time and (err or "none") or "timeout"
end

--- Runs fn(...) for at most |seconds|: what it returned; or nil and "timeout", or its error as
-- "file:line: ...".
function M.timeout(seconds, fn, ...)
  check_seconds(seconds, "vpn.timeout")
  check(fn, "function", "vpn.timeout")
  local me = waiter "vpn.timeout"
  local title = "vpn.timeout of " .. (core.where(fn) or core.where(2) or "a script")
  local result
  core.belong(core.spawn(core.owner(), title, nil, function(...)
    result = pack(...)
    core.wake(me)
  end, fn, ...), me)
  core.park("vpn.timeout", seconds)
  if not result then
    core.disband()
    return nil, "timeout"
  end
  if result[1] then return unpack(result, 2, result.n) end
  return nil, first_line(result[2])
end

-- ---- channels ----

-- First in, first out.
local Queue = {}
Queue.__index = Queue

local function queue() return setmetatable({ first = 1, last = 0 }, Queue) end

function Queue:length() return self.last - self.first + 1 end

function Queue:put(value)
  self.last = self.last + 1
  self[self.last] = value
end

function Queue:take()
  if self.first > self.last then return nil end
  local value = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  return value
end

-- Those that wait: { id =, value =, answer = }. Some may have given up, or ended, without a word.
local function line() return { queue = queue(), bound = 16 } end

local function join_line(l, who)
  if l.queue:length() >= l.bound then
    local left = queue()
    for w in function() return l.queue:take() end do
      if not w.gone and core.parked(w.id) then left:put(w) end
    end
    l.queue, l.bound = left, math.max(16, 2 * left:length())
  end
  l.queue:put(who)
end

-- Wakes the first that still waits with the answer ...; nil when there is none.
local function call_next(l, ...)
  for w in function() return l.queue:take() end do
    if not w.gone and core.wake(w.id) then
      w.answer = pack(...)
      return w
    end
  end
end

-- Waits in |l| for an answer; nil and "timeout" without one.
local function stand(l, name, who, seconds)
  join_line(l, who)
  core.park(name, seconds)
  who.gone = true
  if who.answer then return unpack(who.answer, 1, who.answer.n) end
  return nil, "timeout"
end

local function answer(value, why)
  if value ~= nil then return value end
  return nil, why
end

local Channel = {}
Channel.__index = Channel

local function check_channel(ch, name)
  if getmetatable(ch) ~= Channel then error(name .. ": a channel expected", 3) end
end

--- A queue between tasks: up to |capacity| values (1) are kept; 0: each is handed from one to the
-- other.
function M.channel(capacity)
  capacity = capacity == nil and 1 or capacity
  if type(capacity) ~= "number" or not (capacity >= 0 and capacity <= 1e6)
     or capacity % 1 ~= 0 then
    error("vpn.channel: a whole number from 0 to 10^6 expected, got " .. tostring(capacity), 2)
  end
  return setmetatable({ capacity = capacity, kept = queue(), closed = false,
                        senders = line(), receivers = line() }, Channel)
end

-- true; or nil and why not, "full" among it.
local function send_now(ch, value, name)
  if value == nil then error(name .. ": nil says that a channel is closed; it is no value", 3) end
  if ch.closed then return nil, "closed" end
  if call_next(ch.receivers, value) then return true end
  if ch.kept:length() >= ch.capacity then return nil, "full" end
  ch.kept:put(value)
  return true
end

--- Puts |value|, waiting while the channel is full: true; or nil and "closed" or "timeout".
function Channel:send(value, seconds)
  check_channel(self, "channel:send")
  if seconds ~= nil then check_seconds(seconds, "channel:send") end
  local ok, why = send_now(self, value, "channel:send")
  if why ~= "full" then return answer(ok, why) end
  local id = waiter "channel:send"
  ok, why = stand(self.senders, "channel:send", { id = id, value = value }, seconds)
  return answer(ok, why)
end

--- Puts |value| if that needs no waiting: true; or nil and "closed" or "full". In any context.
function Channel:try_send(value)
  check_channel(self, "channel:try_send")
  local ok, why = send_now(self, value, "channel:try_send")
  return answer(ok, why)
end

local function receive_now(ch)
  local value = ch.kept:take()
  if value ~= nil or ch.capacity == 0 then
    -- There is room: the first sender that waits has it.
    local sender = call_next(ch.senders, true)
    if sender and value == nil then return sender.value end
    if sender then ch.kept:put(sender.value) end
    if value ~= nil then return value end
  end
  return nil, ch.closed and "closed" or "empty"
end

--- Takes the oldest value, waiting while there is none; or nil and "closed" or "timeout".
function Channel:receive(seconds)
  check_channel(self, "channel:receive")
  if seconds ~= nil then check_seconds(seconds, "channel:receive") end
  local value, why = receive_now(self)
  if why ~= "empty" then return answer(value, why) end
  local id = waiter "channel:receive"
  value, why = stand(self.receivers, "channel:receive", { id = id }, seconds)
  return answer(value, why)
end

--- Takes the oldest value if there is one; or nil and "closed" or "empty". In any context.
function Channel:try_receive()
  check_channel(self, "channel:try_receive")
  local value, why = receive_now(self)
  return answer(value, why)
end

--- Nothing is sent any more; what was sent can still be received. Who waits gets nil and "closed".
function Channel:close()
  check_channel(self, "channel:close")
  self.closed = true
  while call_next(self.senders, nil, "closed") do end
  while call_next(self.receivers, nil, "closed") do end
end

--- How many values are kept.
function Channel:length()
  check_channel(self, "channel:length")
  return self.kept:length()
end

return M
