-- SPDX-License-Identifier: GPL-3.0-or-later
--- The program of `learn-address`: asked whether a client may have an address or network, told when
-- nobody has it any more. Runs about one address follow each other, and so do those about one
-- client; nobody else waits for them.
local core = require "lunel.core"

local M = {}

local DEADLINE = 10 -- seconds; of questions, the engine says

local learner = {}
learner.__index = learner

--- What asks |o.run|(words, env), which waits and gives true, or false and why. |o.environment|(p)
-- is what it is told about the peer |p|, or about nobody; |o.hold| and |o.release| keep the process
-- while there is something to run.
function M.new(o)
  return setmetatable({ with = o, queues = {}, holders = {} }, learner)
end

-- As OpenVPN writes it: an address of the client's own is no prefix.
local function as_word(p, prefix)
  local host = prefix:match("^(.*)/32$") or prefix:match("^(.*)/128$")
  return host and (host == p.ipv4 or host == p.ipv6) and host or prefix
end

-- Runs the program about |job| for as long as |seconds|; |after|(true), or false and why.
function learner:run(job, op, p, seconds, after)
  local name = p and p.name
  local words = { op, job.word, p and (name ~= "" and name or "UNDEF") or nil }
  core.spawn(0, "learn-address", seconds, function(ran, ok, why)
    if not ran then ok, why = false, ok end
    after(ok, why)
    self:finish(job) -- before the answer, whose error must leave no queue behind
    if job.answer then job.answer(ok, why) end
  end, function() return self.with.run(words, self.with.environment(p)) end)
end

local function place_of(list, p)
  for i, holder in ipairs(list or {}) do
    if holder == p then return i end
  end
end

-- ---- the two kinds of jobs ----

-- Whether the client may have it; |job.answer|(true), or false and why.
function learner:ask(job)
  local list, left = self.holders[job.prefix] or {}, job.till - core.now()
  if place_of(list, job.peer) or left <= 0 then
    self:finish(job)
    return job.answer(left > 0, "there was no time left to ask")
  end
  self:run(job, list[1] and "update" or "add", job.peer, left, function(ok)
    if ok then
      list[#list + 1] = job.peer
      self.holders[job.prefix] = list
    end
  end)
end

-- The client is gone. Who had it before and is there yet has it again.
function learner:leave(job)
  local list = self.holders[job.prefix]
  local at = place_of(list, job.peer)
  if not at then return self:finish(job) end
  table.remove(list, at)
  if at <= #list then return self:finish(job) end -- somebody newer has it
  if not list[1] then self.holders[job.prefix] = nil end
  self:run(job, list[1] and "update" or "delete", list[#list], DEADLINE, function(ok, why)
    if not ok then core.log("warn", "script", "failed", { error = why }) end
  end)
end

-- ---- order ----

-- Begins |job| when it is the first one of its client and of its prefix. The oldest job of all is
-- the first of both, so that there is always one that can run.
function learner:try(job)
  if job.begun then return end
  for _, key in ipairs(job.keys) do
    if self.queues[key][1] ~= job then return end
  end
  job.begun = true
  self[job.what](self, job)
end

function learner:put(what, p, prefix, job)
  job.what, job.peer, job.prefix, job.keys = what, p, prefix, { p, prefix }
  for _, key in ipairs(job.keys) do
    self.queues[key] = self.queues[key] or {}
    table.insert(self.queues[key], job)
  end
  self.with.hold()
  self:try(job)
end

function learner:finish(job)
  local following = {}
  for _, key in ipairs(job.keys) do
    local queue = self.queues[key]
    table.remove(queue, 1)
    following[#following + 1] = queue[1]
    if not queue[1] then self.queues[key] = nil end
  end
  for _, other in ipairs(following) do self:try(other) end
  self.with.release()
end

-- ---- from outside ----

--- Asks whether the peer |p| may have |prefix|; |answer|(true), or (false, why), within |seconds|.
function learner:learn(p, prefix, seconds, answer)
  local word = as_word(p, prefix)
  p.learned[#p.learned + 1] = { prefix = prefix, word = word }
  self:put("ask", p, prefix, { word = word, till = core.now() + seconds, answer = answer })
end

--- The peer |p| has what `learned` says, of which another learner knew.
function learner:adopt(p)
  for _, had in ipairs(p.learned) do
    local list = self.holders[had.prefix] or {}
    list[#list + 1] = p
    self.holders[had.prefix] = list
  end
end

--- The peer |p| is gone: tells it of all that it was given.
function learner:forget(p)
  local list = p.learned
  p.learned = {}
  for _, had in ipairs(list) do self:put("leave", p, had.prefix, { word = had.word }) end
end

return M
