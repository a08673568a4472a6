-- SPDX-License-Identifier: GPL-3.0-or-later
--- Virtual time over a stubbed core: tasks are coroutines that sleep, and the clock goes on when
-- the spec says so.
local M = {}

--- Gives |core| tasks that wait, and `advance(seconds)`; the core.
function M.install(core)
  local tasks, running = {}, nil
  core.time = 1000

  local function step(task)
    local before, outer = core.owner_now, running
    running, core.owner_now = task, task.owner
    task.at = math.huge -- until it sleeps again
    local result = { coroutine.resume(task.co, unpack(task.args, 1, task.args.n)) }
    running, core.owner_now = outer, before
    task.args = { n = 1, true }
    if coroutine.status(task.co) ~= "dead" then return end
    task.over = true
    if task.done then task.done(unpack(result, 1, 5)) end
  end

  function core.spawn(owner, name, deadline, done, fn, ...)
    local task = { owner = owner, name = name, done = done, co = coroutine.create(fn),
                   args = { n = select("#", ...), ... }, at = core.time, expires = deadline and
                   core.time + deadline }
    tasks[#tasks + 1] = task
    return #tasks
  end

  function core.sleep(seconds)
    running.at = core.time + seconds
    return coroutine.yield()
  end

  function core.cancel_owner(owner)
    for _, task in ipairs(tasks) do
      if task.owner == owner then task.over = true end
    end
  end

  -- What is due first: a task to go on with, or one whose deadline has come.
  local function next_task(until_time)
    local first, at
    for _, task in ipairs(tasks) do
      local due = math.min(task.at, task.expires or math.huge)
      if not task.over and due <= until_time and (not at or due < at) then first, at = task, due end
    end
    return first, at
  end

  --- Runs what is due within |seconds|, and moves the clock.
  function core.advance(seconds)
    local until_time = core.time + seconds
    for task, at in next_task, until_time do
      core.time = math.max(core.time, at)
      if task.expires and task.expires < task.at then
        task.over = true
        if task.done then task.done(false, "its deadline has passed") end
      else
        step(task)
      end
    end
    core.time = until_time
  end

  function core.run() core.advance(0) end

  return core
end

return M
