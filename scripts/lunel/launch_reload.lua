-- SPDX-License-Identifier: GPL-3.0-or-later
--- A reload, as the launcher does it between two turns of the loop: a new policy VM with the file
-- read again takes the place of the one that runs, and tunnels stay up. Whatever is wrong
-- with the file leaves all as it is. In the launcher's own state.
local M = {}

-- The new VM and what becomes of the tunnels; or nil and the errors.
local function make(run)
  local vm, plan = run.load(run.host, run.what, { reload = true })
  if not vm then return nil, plan end
  local ok, result, errors = run.vm:ask("outline", vm, "match")
  if ok and result then return vm, plan, result end
  vm:call("undo")
  vm:close()
  return nil, ok and errors or { result }
end

local function swap(run, vm, result)
  local ok, err = run.host:replace(vm, result.gone)
  if not ok then
    vm:call("undo")
    vm:close()
    return nil, { err }
  end
  run.vm = vm
  local began, why = vm:call("begin")
  -- It has the tunnels by now: there is no way back.
  if not began then run:complain(why) end
  return true
end

--- Reads the configuration of |run| again. True and a list of sentences; or nil and the errors,
-- which are in the log, too.
function M.reload(run)
  if run.stopping then return nil, { "it is ending" } end
  run.sink:reopen()
  local vm, plan, result = make(run)
  local ok, errors = vm ~= nil, plan
  if vm then ok, errors = swap(run, vm, result) end
  if not ok then
    for _, e in ipairs(errors) do run:complain(e) end
    run:note("warn", "reload_failed", { text = "going on with the old configuration" }, "text")
    return nil, errors
  end
  run:choose(plan.options)
  local said = {}
  for _, note in ipairs(plan.notes) do
    run:put(note.level, "config", "note", { text = note.text }, "text")
    said[#said + 1] = note.text
  end
  for _, text in ipairs(result.restart) do
    run:put("warn", "config", "note", { text = text }, "text")
    said[#said + 1] = text
  end
  run:note("info", "reloaded", { kept = result.kept, opened = result.opened,
                                 stopped = result.stopped }, "kept", "opened", "stopped")
  said[#said + 1] = ("reloaded: %d kept, %d opened, %d stopped"):format(result.kept, result.opened,
    result.stopped)
  return true, said
end

return M
