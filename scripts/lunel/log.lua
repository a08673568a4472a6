-- SPDX-License-Identifier: GPL-3.0-or-later
--- The default log: records become lines of text, for a terminal, a file or syslog. A record is
-- { ts, level, sub, event, fields, and the fields' names in order } (bindings/record.h).
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
  ["script.traceback"] = "  {line}",
  ["script.print"] = "{text}",
  ["log.text"] = "{text}",
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
  auth_failed = "the server refused user name and password",
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
  local name = r.sub ~= "" and r.sub .. "." .. r.event or r.event
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
      self:emit("info", ("%d more of them were not logged (mute %d)"):format(n, limit), r.ts)
    end
    return false
  end
  self.repeats = self.repeats + 1
  return self.repeats > limit
end

function Sink:emit(level, text, ts)
  self:put { ts = ts, level = level, sub = "log", event = "text", fields = { text = text }, "text" }
end

function Sink:put(r)
  local o = self.options
  if self.syslog then
    self.syslog(r.level, M.line(r, { suppress_timestamps = true }))
    return
  end
  self.file:write(M.line(r, o), "\n")
end

--- Writes a batch; |lost| records were lost before it.
function Sink:write(records, lost)
  for _, r in ipairs(records) do
    if not muted(self, r) then self:put(r) end
  end
  if lost > 0 and self.last_ts then
    self:emit("warn", ("%d log records were lost"):format(lost), self.last_ts)
  end
  if records[1] then self.last_ts = records[#records].ts end
  if self.file and (records[1] or lost > 0) then self.file:flush() end
end

--- Opens the file anew (SIGHUP, after logrotate); keeps the old one when that fails.
function Sink:reopen()
  local path = self.options.log_append or self.options.log
  if not path or self.syslog then return end
  local file = io.open(path, "ae")
  if file then
    self.file:close()
    self.file = file
  end
end

--- A sink. |o|: log or log_append (path), syslog (name), suppress_timestamps,
-- machine_readable_output, mute. Or nil and why not.
function M.open(o, core)
  local sink = setmetatable({ options = o }, Sink)
  if o.syslog then
    core.openlog(o.syslog)
    sink.syslog = core.syslog
    return sink
  end
  local path = o.log_append or o.log
  if path then
    local file, err = io.open(path, o.log_append and "ae" or "we")
    if not file then return nil, "cannot write the log: " .. err end
    sink.file = file
  else
    sink.file = o.stream or io.stdout
  end
  return sink
end

return M
