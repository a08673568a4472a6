-- SPDX-License-Identifier: GPL-3.0-or-later
--- Stands for lunel.core in specs: operations answer at once from tables, and what was called is
-- noted. Tasks are coroutines that run when the spec says so.
local M = {}

local function value_or(v, ...)
  if type(v) == "function" then return v(...) end
  return v
end

--- A fresh core. Its tables are the spec's to fill: `programs` (name -> path), `files` (path ->
-- text), `answers` (what prompt gives, in order), `results` (what exec gives, in order).
function M.new()
  local core = {
    policy = true, calls = {}, logged = {}, replies = {}, tasks = {}, programs = {}, files = {},
    answers = {}, results = {}, owner_now = 0, time = 1000, next_handle = 1,
    version = "9.8.7",
    asks = { select_remote = 1, credentials = 2, challenge = 4, verify_cert = 8, pulled = 16,
             up = 32, down = 64, reconnect = 128, control = 256 },
  }

  local function note(name, ...)
    core.calls[#core.calls + 1] = { name, ... }
  end

  function core.log(level, sub, event, fields)
    core.logged[#core.logged + 1] = { level = level, name = sub .. "." .. event,
                                      fields = fields or {} }
  end
  function core.sink(batch, what, owner, level, subs)
    note("sink", batch, what, owner, level, subs)
    return #M.calls(core, "sink")
  end
  function core.sink_close(number)
    note("sink_close", number)
    return true
  end
  function core.log_level(sub, level)
    note("log_level", sub, level)
    return "info"
  end
  -- What a client says of an option: core.push_faults[option] is { why, unknown }.
  core.push_faults = {}
  function core.push_check(option)
    local fault = core.push_faults[option]
    if fault then return fault[1], fault[2] end
  end
  function core.push_names() return { "dhcp-option", "route", "route-gateway" } end
  function core.fallback(text) note("fallback", text) end
  -- What is written to a file is in core.appended[path].
  core.appended = {}
  function core.append(path, mode, moved)
    note("append", path, mode, moved)
    local out = core.appended[path] or {}
    core.appended[path] = out
    return {
      write = function(_, text)
        if core.refuse_append then return nil, core.refuse_append end
        out[#out + 1] = text
        return true
      end,
      close = function() return true end,
      allow = function() note("allow", path) return true end,
    }
  end
  function core.hook_ran() end
  function core.metric(kind, name, labels, buckets)
    note("metric", kind, name, labels, buckets)
    return { add = function() end, set = function() end, observe = function() end }
  end
  function core.metrics() return {} end
  function core.scrape(address, port)
    note("scrape", address, port)
    if core.refuse_scrape then return nil, core.refuse_scrape end
    return true
  end
  function core.now() return core.time end
  function core.wallclock() return core.time + 1.7e9 end
  function core.pid() return 42 end
  function core.hostname() return "test" end
  function core.where() return "spec.lua:1" end
  function core.owner() return core.owner_now end
  function core.as_owner(owner)
    local before = core.owner_now
    core.owner_now = owner
    return before
  end
  function core.secret(text)
    return setmetatable({ reveal = function() return text end },
                        { __tostring = function() return "***" end })
  end
  function core.read_file(path)
    local text = core.files[path]
    if not text then return nil, "No such file or directory" end
    return text, { uid = 0, mode = 384 }
  end
  core.read_again = core.read_file
  function core.temporary(folder, text)
    note("temporary", folder)
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write(text)
    f:close()
    return path
  end
  function core.exists(path) return core.files[path] ~= nil end
  function core.program(name)
    return name:find("/") and (core.files[name] and name) or core.programs[name]
  end
  function core.prompt(text, echo)
    note("prompt", text, echo)
    local answer = table.remove(core.answers, 1)
    if answer == nil then return nil, "no terminal" end
    return answer
  end
  function core.exec(argv, env, input, timeout)
    note("exec", table.concat(argv, " "), env, input, timeout)
    local result = table.remove(core.results, 1)
    if result == nil then result = { status = 0, out = "", err = "" } end
    if type(result) == "string" then return nil, result end
    return value_or(result, argv)
  end
  function core.sleep() return true end

  -- One after the other, as the engine's do.
  function core.spawn(owner, name, deadline, done, fn, ...)
    local args = { n = select("#", ...), ... }
    local task = { owner = owner, name = name, deadline = deadline, fn = fn, args = args }
    function task.run()
      core.owner_now = owner
      local function finish(...) if done then done(...) end end
      finish(pcall(fn, unpack(args, 1, args.n)))
    end
    function task.expire() done(false, "its deadline has passed") end
    core.tasks[#core.tasks + 1] = task
    return #core.tasks
  end
  function core.cancel() return true end
  function core.keep() end
  function core.cancel_owner(owner)
    note("cancel_owner", owner)
    for i = #core.tasks, 1, -1 do
      if core.tasks[i].owner == owner then table.remove(core.tasks, i) end
    end
  end
  --- Runs all tasks, also those that they start.
  function core.run()
    while core.tasks[1] do table.remove(core.tasks, 1).run() end
  end
  core["try"] = function(what, fn, ...)
    if type(fn) ~= "string" then return pcall(fn, ...) end
    return pcall(...) -- that is the place
  end

  for _, kind in ipairs { "remote", "credentials", "answer", "verdict", "options", "reconnect",
                          "default" } do
    core["reply_" .. kind] = function(ticket, ...)
      core.replies[#core.replies + 1] = { kind = kind, ticket = ticket, n = select("#", ...), ... }
      return true
    end
  end
  function core.desk_open(options)
    note("desk_open", options)
    if core.refuse_desk then return nil, core.refuse_desk end
    core.next_handle = core.next_handle + 1
    return core.next_handle - 1
  end
  function core.desk_close(handle)
    note("desk_close", handle)
    return true
  end
  function core.reply_line(ticket, text, over)
    core.replies[#core.replies + 1] = { kind = "line", ticket = ticket, n = 2, text, over }
    return true
  end
  function core.tunnel_open(options)
    note("tunnel_open", options)
    local refusal = core.refuse_open and core.refuse_open(options)
    if refusal then return nil, refusal.text, refusal.passphrase end
    core.next_handle = core.next_handle + 1
    return core.next_handle - 1
  end
  for _, name in ipairs { "stop", "reconnect", "text" } do
    core["tunnel_" .. name] = function(...)
      note("tunnel_" .. name, ...)
      return true
    end
  end
  -- Extensions: those of `known` are the peer's, too; `sent` is what went out.
  core.known, core.sent = {}, {}
  function core.extensions(list)
    note("extensions", list)
    return true
  end
  function core.extension_known(_, _, name) return core.known[name] == true end
  function core.extension_send(handle, peer, name, data)
    if core.refuse_send then return nil, core.refuse_send end
    core.sent[#core.sent + 1] = { handle = handle, peer = peer, name = name, data = data }
    return true
  end
  function core.extension_stats() return { received = 0, sent = #core.sent, dropped = {} } end
  function core.tunnel_stats()
    return { rx = 1, tx = 2, link_rx = 3, link_tx = 4, rx_packets = 1, tx_packets = 1, drops = {} }
  end
  function core.tunnel_chain() return { { depth = 0, cn = "server" } } end
  return core
end

--- The calls of |name|, in order.
function M.calls(core, name)
  local out = {}
  for _, call in ipairs(core.calls) do
    if call[1] == name then out[#out + 1] = call end
  end
  return out
end

--- Loads |modules| anew over |core| (a list of names); returns them.
function M.load(core, ...)
  for name in pairs(package.loaded) do
    if name:find("^lunel") then package.loaded[name] = nil end
  end
  package.loaded["lunel.core"] = core
  -- A spec's own globals stay as they are.
  package.loaded["lunel.coroutines"] = { enable = function() end }
  local methods = require("lunel.strict").methods
  package.loaded["lunel.strict"] = {
    methods = methods,
    enable = function() end,
    fields = function(t, what)
      return setmetatable(t, { __index = function(_, k)
        error("there is no " .. what .. "." .. k, 2)
      end })
    end,
  }
  local out = {}
  for i = 1, select("#", ...) do out[i] = require((select(i, ...))) end
  return unpack(out)
end

return M
