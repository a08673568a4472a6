-- SPDX-License-Identifier: GPL-3.0-or-later
--- The control socket: what `lunel console` and `lunel reload` speak to. A request is one JSON
-- object on a line, and so is each answer. In the launcher's own state, so that it outlives a
-- reload; code is evaluated in the policy VM (lunel/console_vm.lua).
--
--   { "op": "hello" }                     { ok, pid, version, connection }
--   { "op": "reload" }                    { ok, said = [...] } or { errors = [...] }
--   { "op": "eval", "code": "..." }       { ok, text, values [, said] } or { error [, said]
--                                         [, incomplete] }; said: what it printed
--   { "op": "complete", "text": "..." }   { ok, list = [...] }
--   { "op": "cancel", "connection": n }   ends what that connection evaluates
--   { "op": "follow", "after": n }        waits for log records: { ok, records, after, lost }
local launch_reload = require "lunel.launch_reload"
local log = require "lunel.log"

local M = {}

local KEPT = 256 -- log records for those who follow
local PATIENCE = 20 -- seconds that one of them waits for a record
local AT_MOST = 900 -- seconds for one request

local Control = {}
Control.__index = Control

-- ---- where it is ----

--- The folder of the sockets, or nil: nobody knows where.
function M.folder(core)
  if core.euid() == 0 then return "/run/lunel" end
  local runtime = os.getenv "XDG_RUNTIME_DIR"
  return runtime and runtime:find("^/") and runtime .. "/lunel" or nil
end

--- What a socket for |what| (of cli.parse) is called.
function M.name(what)
  local base = (what.file or "lunel"):match("([^/]*)$"):gsub("%.%w+$", "")
  base = base:gsub("[^%w._-]", "_"):gsub("^[._-]+", "")
  return base ~= "" and base:sub(1, 64) or "lunel"
end

--- Before privileges are dropped: where the socket of |run| shall be, { paths, asked }; nil without
-- one; or nil and why it cannot be.
function M.prepare(run, o, core)
  local wanted = o.control
  if wanted == nil then wanted = run.what.kind == "script" end
  if not wanted then return nil end
  local asked = o.control ~= nil
  local path = type(wanted) == "table" and wanted.path
  local folder = path and (path:match("^(.*)/[^/]*$") or ".") or M.folder(core)
  if folder == "" then folder = "/" end
  local ok, err = nil, "XDG_RUNTIME_DIR is not set; name a path: control = { path = ... }"
  if folder then
    ok, err = core.socket_folder(folder)
    if not ok then err = ("%s: %s"):format(folder, err) end
  end
  if not ok then return nil, "control: " .. err, asked end
  local name = folder .. "/" .. M.name(run.what)
  return { asked = asked, paths = path and { path }
    or { name .. ".sock", ("%s-%d.sock"):format(name, core.pid()) } }
end

--- Listens for |run|, as |place| says: the control; or nil and why not.
function M.open(run, place, core)
  local found, cjson = pcall(require, "cjson")
  if not found then return nil, "control: the package lua-cjson is not installed" end
  local ok, err, taken
  for _, path in ipairs(place.paths) do
    ok, err, taken = run.host:control { path = path, own_user = true, long_lines = true,
                                        answer_by = AT_MOST }
    if ok or not taken then break end
  end
  if not ok then return nil, "control: " .. err end
  local json = cjson.new()
  json.decode_max_depth(8)
  json.decode_invalid_numbers(false)
  json.encode_sparse_array(true)
  return setmetatable({ run = run, json = json, core = core, records = {}, n = 0, waiting = {} },
    Control)
end

-- ---- answers ----

function Control:answer(ticket, value)
  local ok, text = pcall(self.json.encode, value)
  if not ok then
    text = self.json.encode { ok = false, error = "the answer is no JSON: " .. tostring(text) }
  end
  self.run.host:control_answer(ticket, text .. "\n", false)
end

-- What |fn| of the policy VM has to say, or nil: it answers later.
function Control:vm(ticket, name, ...)
  local ok, answer = self.run.vm:call(name, ...)
  if not ok then answer = { ok = false, error = answer } end
  if answer then self:answer(ticket, answer) end
end

local ops = {}

function ops.hello(self, line)
  self:answer(line.ticket, { ok = true, pid = self.core.pid(), version = self.core.build().version,
                             connection = line.connection })
end

function ops.reload(self, line)
  local ok, list = launch_reload.reload(self.run)
  self:answer(line.ticket, ok and { ok = true, said = list }
    or { ok = false, error = table.concat(list, "\n"), errors = list })
end

function ops.eval(self, line, request)
  self:vm(line.ticket, "console_eval", line.ticket, line.connection, tostring(request.code or ""))
end

function ops.complete(self, line, request)
  self:vm(line.ticket, "console_complete", tostring(request.text or ""))
end

function ops.cancel(self, line, request)
  local connection = request.connection
  self:vm(line.ticket, "console_cancel", type(connection) == "number" and connection or 0)
end

function ops.follow(self, line, request)
  local after = type(request.after) == "number" and request.after or self.n
  if not (after >= 0 and after <= self.n) then after = self.n end -- also what is no number
  self.waiting[#self.waiting + 1] = { ticket = line.ticket, after = math.floor(after),
                                      since = self.core.time() }
  self:tell()
end

--- A line that somebody said.
function Control:line(line)
  local ok, request = pcall(self.json.decode, line.text)
  local op = ok and type(request) == "table" and type(request.op) == "string" and ops[request.op]
  if op then
    -- An error here would end the process for everybody.
    local done, err = xpcall(op, debug.traceback, self, line, request)
    if done then return end
    self.run:complain("control: " .. err)
    return self:answer(line.ticket, { ok = false, error = err:match("^[^\n]*") })
  end
  self:answer(line.ticket, { ok = false,
    error = "a JSON object with \"op\" expected: hello, eval, complete, cancel, follow or reload" })
end

--- Passes on what the policy VM has evaluated.
function Control:tell_answers()
  for _, answer in ipairs(self.run.host:control_told() or {}) do
    local value = answer.value
    for i = 1, value.n or 0 do
      if value.values[i] == nil then value.values[i] = self.json.null end
    end
    if value.action == "reload" then ops.reload(self, answer)
    else self:answer(answer.ticket, value) end
  end
end

-- ---- the log, for those who follow ----

--- |records| that are in the log.
function Control:log(records)
  for _, r in ipairs(records) do
    self.n = self.n + 1
    self.records[self.n] = r
    self.records[self.n - KEPT] = nil
  end
  if records[1] or self.waiting[1] then self:tell() end
end

-- Answers who waits when there are records, or it has waited for long.
function Control:tell()
  local left = {}
  for _, w in ipairs(self.waiting) do
    if w.after < self.n or self.core.time() - w.since > PATIENCE then
      local first = math.max(w.after + 1, self.n - KEPT + 1)
      local out = {}
      for i = first, self.n do
        local r = self.records[i]
        out[#out + 1] = { ts = r.ts, level = r.level, sub = r.sub, event = r.event,
                          fields = next(r.fields) and r.fields or nil, text = log.text(r) }
      end
      self:answer(w.ticket, { ok = true, records = out, after = self.n,
                              lost = first - w.after - 1 })
    else
      left[#left + 1] = w
    end
  end
  self.waiting = left
end

return M
