-- SPDX-License-Identifier: GPL-3.0-or-later
--- OpenVPN's management interface: a local socket, commands in lines, answers in OpenVPN 2.6's own
-- words, since programs read them. What it knows serves monitors and those who end connections;
-- what decides belongs into hooks.
local core = require "lunel.core"
local address = require "lunel.schema_address"
local device = require "lunel.policy_device"
local lexer = require "lunel.profile_lexer"
local status = require "lunel.status"

local M = {}

local VERSION = 5
local GREETING = (">INFO:OpenVPN Management Interface Version %d -- type 'help' for more info\r\n")
  :format(VERSION)
local AT_ONCE = 100 -- clients that are looked at before others have their turn

local desks = {} -- tunnels by the handle of their socket
local report     -- set by M.bind

--- |fn(what, err)| logs a script's error.
function M.bind(fn) report = fn end

-- ---- the socket ----

--- What the socket of |conf| is, with the password read by |files| (schema_engine.reading); nil
-- without.
function M.options(conf, files)
  local o = conf.management
  if not o then return nil end
  local password
  if o.password_file then
    local text = files:content("management", o.password_file)
    password = text and lexer.lines(text)[1]
    if password == "" then
      files:fail("management", ("there is no password in the first line of '%s'")
        :format(o.password_file))
    elseif password and password:find("[%z\1-\8\10-\31\127]") then
      -- Nobody could say it, and at a NUL it would end: of UTF-16 one letter is left, or none.
      files:fail("management", ("the first line of '%s' has a control character; write the "
        .. "password as UTF-8 or ASCII text"):format(o.password_file))
    end
  end
  return { path = o.path, address = not o.path and o.address or nil, port = o.port,
           user = conf.management_client_user, group = conf.management_client_group,
           greeting = GREETING, password = password }
end

--- Listens for |t|, as t.desk says: true; or nil and why.
function M.open(t)
  local o = t.desk
  if not o or t.checking then return true end
  local handle, err = core.desk_open(o)
  if not handle then return nil, "management: " .. err end
  if not o.path and not o.password then
    core.log("warn", "management", "unprotected", { address = o.address, port = o.port })
  end
  t.desk_handle = handle
  desks[handle] = t
  return true
end

--- |t| has the socket |handle|, which is open.
function M.adopt(t, handle)
  t.desk_handle = handle
  desks[handle] = t
end

--- The socket of |t| is somebody else's from here on.
function M.forget(t)
  if t.desk_handle then desks[t.desk_handle] = nil end
  t.desk_handle = nil
end

--- |t| is gone, and nobody is answered any more.
function M.close(t)
  if not t.desk_handle then return end
  desks[t.desk_handle] = nil
  core.desk_close(t.desk_handle)
  t.desk_handle = nil
end

-- ---- clients ----

-- Calls |fn(id, info)| for each client of |t|, with pauses; how often it gave true.
local function each(t, fn)
  local n = 0
  for i, id in ipairs(core.peers(t.handle)) do
    if i % AT_ONCE == 0 then core.sleep(0) end
    local p = core.peer_info(t.handle, id)
    if p and fn(id, p) then n = n + 1 end
  end
  return n
end

-- The client is told to come back, which OpenVPN leaves to its time-out.
local function end_client(t, id, p, text)
  local ok = core.peer_kill(t.handle, id, text or "RESTART")
  if ok then
    core.log("info", "management", "killed", { peer = p.name or "unknown", address = p.address })
  end
  return ok
end

local function kill_name(t, name)
  local n = each(t, function(id, p)
    return (p.name or "UNDEF") == name and end_client(t, id, p)
  end)
  if n == 0 then return ("ERROR: common name '%s' not found"):format(name) end
  return ("SUCCESS: common name '%s' found, %d client(s) killed"):format(name, n)
end

-- An address as the engine writes it, however |ip| does, or nil.
local function as_written(ip)
  local six = ip:match("^%[(.*)%]$")
  if six then
    local groups = address.ipv6(six)
    return groups and ("[%s]"):format(address.ipv6_text(groups))
  end
  local four = address.ipv4(ip)
  return four and address.ipv4_text(four)
end

-- |proto| nil: whatever it is.
local function kill_address(t, ip, port, proto)
  local host = as_written(ip)
  if not host then return "ERROR: error parsing IP address: " .. ip end
  local number = port:find("^%d+$") and tonumber(port)
  if not number or number < 1 or number > 65535 then
    return "ERROR: port number is out of range: " .. port
  end
  local where = ("%s:%d"):format(host, number)
  local n = each(t, function(id, p)
    return p.address == where and (not proto or proto == p.proto) and end_client(t, id, p)
  end)
  local shown = proto and proto .. ":" .. where or where
  if n == 0 then return ("ERROR: client at address %s not found"):format(shown) end
  return ("SUCCESS: %d client(s) at address %s killed"):format(n, shown)
end

-- ---- commands ----

local commands = {}

local function kill(t, victim)
  local ip, port = victim:match("^(%[[^%]]*%]):(.+)$")
  if ip then return kill_address(t, ip, port) end
  local proto, rest = victim:match("^(%a+)[46]?:(.+:.+)$")
  if proto == "udp" or proto == "tcp" then
    ip, port = rest:match("^(.+):(.-)$")
    return kill_address(t, ip, port, proto)
  end
  ip, port = victim:match("^([^:]+):([^:]+)")
  if ip then return kill_address(t, ip, port) end
  local name = victim:match("^[^:]+")
  if not name then return "ERROR: kill parse" end
  return kill_name(t, name)
end

commands.kill = { least = 1, server = true, run = function(t, words) return kill(t, words[2]) end }

commands["client-kill"] = { least = 1, more = true, server = true, run = function(t, words)
  local cid, text = words[2]:match("^%d+$"), words[3] or "RESTART"
  if not cid then return "ERROR: cannot parse CID" end
  if not (text:find("^RESTART") or text:find("^HALT")) then
    return "ERROR: client-kill command failed"
  end
  local n = each(t, function(id, p)
    local known = t.peers[id]
    return known and known.cid == tonumber(cid) and end_client(t, id, p, text)
  end)
  if n == 0 then return "ERROR: client-kill command failed" end
  return "SUCCESS: client-kill command succeeded"
end }

commands.status = { run = function(t, words)
  local version = words[2] and tonumber(words[2]:match("^%d+")) or 0
  if version == 0 then version = t.conf.status_version end
  return (status.of(t, version, true) or "END\n"):sub(1, -2)
end }

commands["load-stats"] = { run = function(t)
  local n, rx, tx = 0, 0, 0
  if t.server then
    rx, tx = t.gone.rx, t.gone.tx
    for _, row in ipairs(status.collect(t, true)) do
      n, rx, tx = n + 1, rx + row.stats.link_rx, tx + row.stats.link_tx
    end
  else
    local s = core.tunnel_stats(t.handle)
    if s then rx, tx = s.link_rx, s.link_tx end
  end
  return ("SUCCESS: nclients=%d,bytesin=%.0f,bytesout=%.0f"):format(n, rx, tx)
end }

commands.nclients = { server = true, run = function(t)
  return ("SUCCESS: nclients=%d"):format(each(t, function(_, p) return p.up end))
end }

commands.pid = { run = function() return ("SUCCESS: pid=%d"):format(core.pid()) end }

commands.version = { run = function(_, words)
  if words[2] then return nil end -- which version the other end speaks changes nothing here
  return ("OpenVPN Version: %s\nManagement Version: %d\nEND"):format(status.title(), VERSION)
end }

local STATES = {
  idle = "CONNECTING", wait = "RECONNECTING", resolve = "RESOLVE", connect = "TCP_CONNECT",
  hello = "WAIT", handshake = "AUTH", auth = "AUTH", configure = "GET_CONFIG", up = "CONNECTED",
  closing = "EXITING",
}

-- Time, state, what of it, our addresses inside, the server's address and port, ours, and IPv6's.
commands.state = { run = function(t, words)
  if words[2] and words[2] ~= "all" and not words[2]:find("^%d+$") then return false end
  local own4, own6 = "", ""
  if t.server then own4, own6 = device.own(t.conf) end
  local host, port = "", ""
  if t.session and t.session.address then
    host, port = t.session.address:match("^%[?(.-)%]?:(%d+)$")
  end
  return ("%.0f,%s,%s,%s,%s,%s,,,%s\nEND"):format(math.floor(t.since or 0),
    STATES[t.state] or "?", t.state == "up" and "SUCCESS" or "", own4, host or "", port or "",
    own6)
end }

commands.hold = { run = function(_, words)
  if words[2] == "release" then return "SUCCESS: hold release succeeded" end
  return not words[2] and "SUCCESS: hold=0"
end }

commands.help = { run = function()
  return table.concat({
    "Management Interface for " .. status.title(),
    "Commands:",
    "client-kill CID [M]    : Kill client instance CID with message M (def=RESTART)",
    "exit|quit              : Close management session.",
    "help                   : Print this message.",
    "hold [release]         : Nothing is held.",
    "kill cn                : Kill the client instance(s) having common name cn.",
    "kill IP:port           : Kill the client instance connecting from IP:port.",
    "load-stats             : Show global server load stats.",
    "nclients               : Show how many clients are connected.",
    "pid                    : Show process ID of the current OpenVPN process.",
    "state                  : Show the current state.",
    "status [n]             : Show current daemon status info using format #n.",
    "version                : Show current version of daemon.",
    "END",
  }, "\n")
end }

-- What OpenVPN knows and this does not do.
for name in ([[
  auth-retry bytecount certificate client-auth client-auth-nt client-deny client-pending-auth
  cr-response echo env-filter forget-passwords log mute needok needstr net password pk-sig
  pkcs11-id-count pkcs11-id-get proxy push-update-broad push-update-cid remote remote-entry-count
  remote-entry-get rsa-sig signal test username verb]]):gmatch("%S+") do
  commands[name] = { run = function() return false end }
end

local function need(row, words)
  if not row.least or #words > row.least then return nil end
  return ("ERROR: the '%s' command requires %s%d parameter%s"):format(words[1],
    row.more and "at least " or "", row.least, row.least == 1 and "" or "s")
end

--- The answer to |line| about the tunnel |t|, in lines that end as OpenVPN's do, and whether the
-- connection is over with it. In a task.
function M.answer(t, line)
  local words, wrong = lexer.words(line)
  if not words then return ("ERROR: Options error: %s\r\n"):format(wrong), false end
  if not words[1] then return "", false end
  if words[1] == "quit" or words[1] == "exit" then return "", true end
  local row = commands[words[1]]
  if not row then return "ERROR: unknown command, enter 'help' for more options\r\n", false end
  local text = need(row, words)
  if not text then
    if row.server and not t.server then text = false else text = row.run(t, words) end
  end
  if text == nil then return "", false end
  if not text then
    text = ("ERROR: The '%s' command is not supported by the current daemon mode"):format(words[1])
  end
  return text:gsub("\n", "\r\n") .. "\r\n", false
end

--- The engine's question about a line (bindings/events.c).
function M.event(ev)
  local t = desks[ev.tunnel]
  if not ev.ticket then return end
  if not t then return core.reply_default(ev.ticket) end
  core.spawn(t.owner, "a management command", ev.deadline, function(ok, text, over)
    if ok then return core.reply_line(ev.ticket, text, over) end
    report("a management command", text)
    core.reply_default(ev.ticket)
  end, M.answer, t, ev.text)
end

return M
