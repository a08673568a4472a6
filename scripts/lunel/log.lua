-- SPDX-License-Identifier: GPL-3.0-or-later
--- The default log: records become lines of text or JSON for a terminal, a file or syslog, or the
-- journal's fields. A record is { ts, level, sub, event, src, sess, fields, and the fields' names
-- in order } (bindings/record.h).
local forms = require "lunel.log_forms"

local M = {}

--- A level of the engine for `verb` 0 to 11.
function M.level(verb)
  if verb <= 0 then return "error" end
  if verb <= 3 then return "info" end
  if verb <= 5 then return "debug" end
  return "trace"
end

-- Sentences for the events that people wait for. {name} is a field; fields that a sentence does not
-- name follow as name=value. Others are written as sub.event name=value.
M.sentences = {
  ["tunnel.up"] = "Initialization Sequence Completed",
  ["tunnel.connecting"] = "Connecting to {address} over {proto}, attempt {attempt}",
  ["tunnel.failed"] = "Connection failed: {text|cause}",
  ["tunnel.lost"] = "Connection lost: {text|cause}",
  ["tunnel.waiting"] = "Next attempt in {milliseconds} ms",
  ["tunnel.stopping"] = "Stopping: {reason}",
  ["tunnel.stopped"] = "Stopped: {reason}",
  ["tunnel.reconnecting"] = "Reconnecting: {reason}",
  ["auth.open_url"] = "Open this page to go on: {url}",
  ["auth.challenge"] = "The server asks: {text}",
  ["auth.pending"] = "The server waits for a sign-in elsewhere, at most {seconds} s",
  ["control.text"] = "The server says: {text}",
  ["control.malformed"] = "A control message makes no sense: {text}",
  ["control.unhandled"] = "Nobody handled a control message",
  ["link.error"] = "The connection's socket: {error}",
  ["net.warning"] = "Network: {why}",
  ["push.warning"] = "The server's options: {why}",
  ["push.refused"] = "Refused what the server pushed: {why}",
  ["profile.refused"] = "Cannot use an option of the profile: {why}",
  ["hook.deadline"] = "A hook did not answer in time (question {ticket}); the default applies",
  ["push.option"] = "The server pushed: {option}",
  ["push.ignored"] = "Ignored an option of the server: {option}",
  ["crl.unreadable"] = "Cannot read the revocation list {file}: {why}",
  ["crl.not_reread"] = "The revocation list {file} will not be read again before each connection",
  ["tls.settings"] = "TLS: {why}",
  ["script.error"] = "Error in {what}: {error}",
  ["script.ignored"] = "Hook '{hook}' ({where}) returned {returned}, but it decides nothing: "
    .. "{instead}",
  ["script.traceback"] = "  {line}",
  ["script.print"] = "{text}",
  ["log.text"] = "{text}",
  ["log.lost"] = "{count} log records were lost",
  ["log.unsent"] = "{count} records could not be written to {to}: {error}",
  ["log.sink_removed"] = "{sink} failed too often and gets no more records: {error}",
  ["log.suppressed"] = "{records} more records of {kind} were not logged",
  ["config.note"] = "{text}",
  ["config.error"] = "{text}",
  ["process.signal"] = "{signal} received",
  ["process.reloaded"] = "Reloaded: {kept} kept, {opened} opened, {stopped} stopped",
  ["process.reload_failed"] = "The configuration was not reloaded: {text}",
  ["process.no_control"] = "No control socket: {why}",
  ["reload.dropped"] = "{name}: what is not plain data did not pass to the new script: {what}",
  ["reload.not_applied"] = "{name}: {what} could not be changed: {why}",
  ["process.exit"] = "Exiting",
  ["process.start"] = "lunel {version}, wolfSSL {wolfssl}, {luajit}",
  ["process.daemon"] = "Running in the background as process {pid}",
  ["status.counters"] = "{name}: {state}, in {rx} bytes, out {tx} bytes",
  ["status.unwritable"] = "The status file: {error}",
  ["desk.listening"] = "Listening for commands on {socket}",
  ["metrics.listening"] = "Metrics are at http://{address}:{port}/metrics",
  ["metrics.exposed"] = "Everybody who reaches {address}, port {port}, can read the metrics: "
    .. "nothing asks for a password there",
  ["metrics.dropped"] = "No room for the metric {metric}: {why}",
  ["desk.refused"] = "Ended a connection to {socket}: {why}",
  ["management.unprotected"] = "Everybody on this machine may give commands at {address}:{port}: "
    .. "name a password file behind the port, or use a Unix socket",
  ["management.killed"] = "Ended the connection of {peer} ({address}), as the management "
    .. "interface asked",
  ["script.failed"] = "A program failed: {error}",
  ["script.not_allowed"] = "Did not run {program} ({directive}): {why}",
  ["dns.set"] = "DNS by {program}: {servers}",
  ["dns.failed"] = "DNS by {program} failed: {error}",
  ["dns.none"] = "The server named DNS servers ({servers}), but neither resolvectl nor resolvconf "
    .. "is there to set them",
}

-- {text|cause}: the engine's sentence with the cause behind it, or where it has none, ours.
M.causes = {
  auth_failed = "the server refused us and did not say why; a password may be wrong",
  auth_failed_temporarily = "the server cannot authenticate now",
  session_expired = "the server wants a new sign-in",
  server_restart = "the server restarts",
  server_halt = "the server ended the connection",
  server_exit = "the server ends",
  connection_closed = "the server closed the connection",
  ping_restart = "nothing was heard of the server for too long",
  ping_exit = "nothing was heard of the server for too long",
  challenge = "the server asks a question",
  user = "asked for",
}

-- Words of the server's go behind these.
M.quotes = {
  auth_failed = "the server refused: ",
  auth_failed_temporarily = "the server refused for now: ",
  session_expired = "the server wants a new sign-in: ",
  server_restart = "the server restarts: ",
  server_halt = "the server ended the connection: ",
}

local function value_text(v)
  if type(v) == "number" then
    return v % 1 == 0 and ("%.0f"):format(v) or tostring(v)
  end
  return tostring(v)
end

local function pair(name, v)
  v = value_text(v)
  if v == "" or v:find("[%s\"=]") then v = '"' .. v:gsub('[\\"]', "\\%0") .. '"' end
  return name .. "=" .. v
end

--- The record as a sentence, without time.
function M.text(r)
  local name = forms.name(r)
  local sentence, used = M.sentences[name], {}
  local out
  if sentence then
    out = sentence:gsub("{([%w_|]+)}", function(field)
      if field == "text|cause" then
        used.text, used.cause = true, true
        local text, cause = r.fields.text or "", r.fields.cause or ""
        if text == "" then text = M.causes[cause] or "for an unknown reason"
        else text = (M.quotes[cause] or "") .. text end
        return ("%s [%s]"):format(text, cause)
      end
      used[field] = true
      local v = r.fields[field]
      return v ~= nil and value_text(v) or "?"
    end)
    if name == "tunnel.up" then return out end -- the whole line: supervisors compare it
  else
    out = name
  end
  for _, field in ipairs(r) do
    if not used[field] then out = out .. " " .. pair(field, r.fields[field]) end
  end
  return out
end

-- OpenVPN's message flags: M_FATAL and its kin, else the verbosity.
local FLAGS = { error = "20", warn = "40", info = "1", debug = "4", trace = "6" }

--- The line for |r|; |o|: suppress_timestamps, machine_readable_output.
function M.line(r, o)
  local text = M.text(r)
  if r.level == "error" or r.level == "warn" then
    local mark = r.level == "error" and "ERROR: " or "WARNING: "
    text = mark .. text
  end
  if o.machine_readable_output then
    return ("%.6f %s %s"):format(r.ts, FLAGS[r.level] or "1", text)
  end
  if o.suppress_timestamps then return text end
  return os.date("%Y-%m-%d %H:%M:%S ", math.floor(r.ts)) .. text
end

-- ---- outputs: where records go ----

local RANK = { error = 0, warn = 1, info = 2, debug = 3, trace = 4 }

local Output = {}
Output.__index = Output

-- What could not be written is told once a minute.
local COMPLAIN = 60

function Output:wants(r) return not self.rank or (RANK[r.level] or 4) <= self.rank end

function Output:failed(n, err)
  self.unsent, self.error = (self.unsent or 0) + n, err
end

function Output:put(r)
  local ok, err = self.write(r.level, self.form(r), r)
  if not ok then self:failed(1, err) elseif self.file then self.buffered = self.buffered + 1 end
end

-- A full disk shows here.
function Output:flush()
  if not self.file or self.buffered == 0 then return end
  local ok, err = self.file:flush()
  if not ok then self:failed(self.buffered, err) end
  self.buffered = 0
end
-- Compiled, LuaJIT calls a flush that failed a second time, which then does not fail.
jit.off(Output.flush)

-- The record about what was not written since the last one, or nil.
function Output:complaint(ts)
  if not self.unsent or self.complained and ts - self.complained < COMPLAIN then return nil end
  local r = { ts = ts, level = "warn", sub = "log", event = "unsent", "count", "error", "to",
              fields = { count = self.unsent, error = tostring(self.error), to = self.to } }
  self.unsent, self.complained = nil, ts
  return r
end

local makers = {}

local function lines_to(output, file)
  output.file, output.buffered = file, 0
  function output.write(_, line)
    local ok, err = output.file:write(line, "\n")
    return ok, err
  end
  jit.off(output.write) -- for the same reason as flush
end

function makers.stdout(output, o) lines_to(output, o.stream or io.stdout) end
function makers.stderr(output) lines_to(output, io.stderr) end

function makers.file(output, o, _, path)
  local file, err = io.open(path, o.anew and "we" or "ae")
  if not file then return nil, "cannot write the log: " .. err end
  lines_to(output, file)
  output.path = path
end

function makers.syslog(output, o, core)
  core.openlog(o.name or "lunel")
  function output.write(level, line)
    core.syslog(level, line)
    return true
  end
end

function makers.journal(output, o, core)
  local journal, err = core.journal(o.socket or "/run/systemd/journal/socket")
  if not journal then
    return nil, ("cannot reach the journal at %s: %s"):format(
      o.socket or "/run/systemd/journal/socket", err)
  end
  local name = o.name or "lunel"
  function output.form(r) return forms.journal(r, M.text(r), name) end
  function output.write(_, message) return journal:send(message) end
end

-- An output to o.to ("stdout", "stderr", "syslog", "journal" or a path); o.anew empties the file.
local function new_output(o, common, core)
  local output = setmetatable({ to = o.to, rank = o.level and RANK[o.level] }, Output)
  local bare = o.to == "syslog" and { suppress_timestamps = true } or common
  output.is_text = o.format ~= "json" and o.to ~= "journal"
  output.form = o.format == "json" and forms.json or function(r) return M.line(r, bare) end
  local name = o.to:find("/", 1, true) and "file" or o.to
  local _, err = (makers[name] or makers.file)(output, o, core, o.to)
  if err then return nil, err end
  return output
end

-- What the options of OpenVPN's name say, then `logs`.
local function wanted(o)
  local out = {}
  if o.syslog then
    out[1] = { to = "syslog", name = o.syslog, format = o.log_format }
  elseif o.log_append or o.log then
    local path = o.log_append or o.log
    -- A name without a slash is a file's, too.
    out[1] = { to = path:find("/", 1, true) and path or "./" .. path, format = o.log_format,
               anew = not o.log_append }
  elseif not (o.logs and o.logs[1]) then
    out[1] = { to = "stdout", stream = o.stream, format = o.log_format }
  end
  for _, more in ipairs(o.logs or {}) do
    out[#out + 1] = { to = more.to, format = more.format or o.log_format, level = more.level,
                      name = more.name, socket = more.socket }
  end
  return out
end

-- ---- the sink ----

local Sink = {}
Sink.__index = Sink

-- `mute N`: of more than N records of one event in a row, the rest is counted.
local function muted(self, r)
  local limit = self.options.mute
  if not limit or limit < 1 then return false end
  local name = r.sub .. "." .. r.event
  if name ~= self.last then
    local n = self.repeats and self.repeats - limit or 0
    self.last, self.repeats = name, 1
    if n > 0 then
      self:put({ ts = r.ts, level = "info", sub = "log", event = "text", "text", fields = {
        text = ("%d more of them were not logged (mute %d)"):format(n, limit) } }, "text")
    end
    return false
  end
  self.repeats = self.repeats + 1
  return self.repeats > limit
end

-- To all outputs; |only| "text": to those alone that people read, "other": to the rest.
function Sink:put(r, only)
  for _, output in ipairs(self.outputs) do
    if output:wants(r) and (not only or output.is_text == (only == "text")) then output:put(r) end
  end
end

--- Writes a batch; |lost| records were lost before it.
function Sink:write(records, lost)
  -- Machines do not mind repetition.
  for _, r in ipairs(records) do self:put(r, muted(self, r) and "other" or nil) end
  if records[1] then self.last_ts = records[#records].ts end
  if lost > 0 and self.last_ts then
    self:put { ts = self.last_ts, level = "warn", sub = "log", event = "lost",
               fields = { count = lost }, "count" }
  end
  if not records[1] and lost == 0 then return end
  for _, output in ipairs(self.outputs) do
    local complaint = output:complaint(self.last_ts or 0)
    if complaint then self:put(complaint) end
  end
  for _, output in ipairs(self.outputs) do
    output:flush()
  end
end

--- Opens the files anew (SIGHUP, after logrotate); keeps an old one when that fails.
function Sink:reopen()
  for _, output in ipairs(self.outputs) do
    local file = output.path and io.open(output.path, "ae")
    if file then
      output.file:close()
      output.file = file
    end
  end
end

--- Whether one of its outputs is standard output.
function Sink:is_seen()
  for _, output in ipairs(self.outputs) do
    if output.file == io.stdout then return true end
  end
  return false
end

--- A sink. |o|: log or log_append (path), syslog (name), log_format, logs, suppress_timestamps,
-- machine_readable_output, mute. Or nil and why not.
function M.open(o, core)
  local sink = setmetatable({ options = o, outputs = {} }, Sink)
  for i, each in ipairs(wanted(o)) do
    local output, err = new_output(each, o, core)
    if not output then return nil, err end
    sink.outputs[i] = output
  end
  return sink
end

return M
