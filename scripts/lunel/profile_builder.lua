-- SPDX-License-Identifier: GPL-3.0-or-later
--- A configuration in the making: what directives set, with the line that each value came from, the
-- notes for the log, and the errors.
local lexer = require "lunel.profile_lexer"

local M = {}

local floor = math.floor

local MOST = 100 -- errors, and notes: more say nothing new; a binary file would have thousands

-- What a <connection> block may say for its own remote, and what OpenVPN takes when neither the
-- block nor a line before it says it.
local PER_REMOTE = {
  ["local"] = false, lport = 0, connect_timeout = 120, explicit_exit_notify = 0,
  mssfix = 1492, tun_mtu = 1500,
}

local builder = {}
builder.__index = builder

--- |reader(path)| gives a file's text and {uid, mode}, or nil and a reason; may be nil.
function M.new(reader)
  return setmetatable({
    reader = reader,
    conf = { tls = {} }, origin = {}, notes = {}, errors = {}, more_errors = 0, more_notes = 0,
    bare = {}, blocks = {}, defaults = {}, -- remotes; `port` and `proto` lines
    ignored = {}, scripts = {}, late = {}, locals = {},
    numbers = {}, n_files = 0, -- files in the order of their reading
    security = 1,    -- script-security as far as trusted places raise it
    trusted = false, -- is the place being read one that may raise it?
    depth = 0, files = 0,
  }, builder)
end

-- ---- what is said about the profile ----

local function place_text(at)
  return at.line and ("%s:%d"):format(at.file, at.line) or at.file
end

--- The file |name| is read from now on.
function builder:begin_file(name)
  if self.numbers[name] then return end
  self.n_files = self.n_files + 1
  self.numbers[name] = self.n_files
end

--- Whether a further error would only be counted, so that its text can be spared.
function builder:is_full() return #self.errors >= MOST end

function builder:fail(text)
  if self:is_full() then
    self.more_errors = self.more_errors + 1
    return
  end
  if self.name then text = ("'%s': %s"):format(self.name, text) end
  self.errors[#self.errors + 1] = {
    text = ("%s: %s"):format(place_text(self.at), text),
    line = self.at.line, nth = self.numbers[self.at.file],
  }
end

function builder:note(level, text)
  if #self.notes >= MOST and not self.is_read then
    self.more_notes = self.more_notes + 1
    return
  end
  if self.name then text = ("'%s': %s"):format(self.name, text) end
  self.notes[#self.notes + 1] = {
    level = level, file = self.at.file, line = self.at.line, text = text,
    nth = self.numbers[self.at.file],
  }
end

-- ---- values ----

-- The table and key that |path| ("verb", "tls.ca") means.
local function slot(conf, path)
  local part = path:match("^tls%.(.*)$")
  if part then return conf.tls, part end
  return conf, path
end

-- The place of now, for messages about a value: the directive too.
function builder:place()
  return { file = self.at.file, line = self.at.line, name = self.name }
end

function builder:in_connection() return self.block ~= nil end

function builder:set(path, value)
  if self.block and PER_REMOTE[path] ~= nil then
    self.block.values[path], self.block.origin[path] = value, self:place()
    return
  end
  if self.block then
    self:note("warn", "it holds for all remotes, not only for this <connection>")
  elseif #self.blocks > 0 and PER_REMOTE[path] then
    self:note("warn", "it has no effect on the <connection> blocks before it")
  end
  local t, key = slot(self.conf, path)
  t[key], self.origin[path] = value, value ~= nil and self:place() or nil
end

function builder:append(path, value)
  local t, key = slot(self.conf, path)
  local list = t[key] or {}
  t[key], list[#list + 1] = list, value
  local at = self:place()
  self.origin[path] = self.origin[path] or at
  self.origin[("%s[%d]"):format(path, #list)] = at
end

--- Adds |words| to the list of words at |path|.
function builder:extend(path, words)
  local t, key = slot(self.conf, path)
  local list = t[key] or {}
  for _, word in ipairs(words) do list[#list + 1] = word end
  t[key], self.origin[path] = list, self:place()
end

function builder:put(path, name, value)
  local map = self.conf[path] or {}
  self.conf[path], map[name] = map, value
  self.origin[path .. "." .. name] = self:place()
end

--- Calls |fn(conf)| once everything is read, with the place of now.
function builder:later(fn)
  self.late[#self.late + 1] = { fn = fn, at = self.at, name = self.name }
end

-- ---- remotes ----

function builder:remote(host, port, proto)
  local entry = { host = host, port = port, proto = proto, at = self:place() }
  if self.block then self.block.remote = entry
  else self.bare[#self.bare + 1] = entry end
end

--- `port`, `rport`, `lport`, `proto`: what remotes that do not say it themselves get.
function builder:default(what, value)
  if not self.block and #self.blocks > 0 and what ~= "bind_port" then
    self:note("warn", "it has no effect on the <connection> blocks before it")
  end
  local defaults = self.block and self.block.defaults or self.defaults
  defaults[what] = { value = value, at = self:place() }
  if what ~= "bind_port" then self:spare(what, value, self:place()) end
end

-- A port or transport that perhaps nothing takes; it is checked all the same.
function builder:spare(kind, value, at)
  local list = self.conf.spare or {}
  if #list >= MOST then return end
  if kind == "proto" and type(value) == "string" then value = value:gsub("%-server$", "") end
  self.conf.spare, list[#list + 1] = list, { kind = kind, value = value }
  self.origin[("spare[%d]"):format(#list)] = at
end

--- `nobind` (false), `bind` (true or "ipv6only").
function builder:bind(how)
  if not self.block then return self:set(how and "bind" or "nobind", how or true) end
  self.block.bind = how
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

--- Between <connection> and </connection>, which inherit what stands before them.
function builder:open_connection()
  local inherited = {}
  for key in pairs(PER_REMOTE) do inherited[key] = self.conf[key] end
  self.block = { at = self.at, defaults = copy(self.defaults), inherited = inherited,
                 values = {}, origin = {} }
end

function builder:close_connection()
  local block = self.block
  self.block, self.at, self.name = nil, block.at, nil
  if block.remote then self.blocks[#self.blocks + 1] = block
  else self:fail("this <connection> has no remote") end
end

local function plain_mssfix(value)
  return type(value) == "table" and value[1] or value
end

-- The block's own values, and of the inherited ones those that changed later.
function builder:connection_values(block, remote, path)
  for key, default in pairs(PER_REMOTE) do
    local value, before = block.values[key], block.inherited[key]
    if value ~= nil then
      self.origin[path .. "." .. key] = block.origin[key]
    elseif before ~= self.conf[key] then
      value = before
      if before == nil and default then value = default end
    end
    if key == "mssfix" then value = plain_mssfix(value) end
    remote[key] = value
  end
  if block.bind == false then remote.lport = 0
  elseif block.bind and not remote.lport then
    local port = block.defaults.bind_port
    remote.lport = port and port.value or 1194
  end
end

function builder:add_remote(entry, defaults, block)
  local remotes = self.conf.remotes
  local path = ("remotes[%d]"):format(#remotes + 1)
  local port, proto = defaults.port, defaults.proto
  local remote = {
    host = entry.host,
    port = entry.port or port and port.value or 1194,
    proto = entry.proto or proto and proto.value or "udp",
  }
  self.origin[path] = entry.at
  if not entry.port and port then self.origin[path .. ".port"] = port.at end
  if not entry.proto and proto then self.origin[path .. ".proto"] = proto.at end
  if block then self:connection_values(block, remote, path) end
  remotes[#remotes + 1] = remote
end

function builder:finish_remotes()
  local conf = self.conf
  conf.remotes = {}
  for _, block in ipairs(self.blocks) do
    self:add_remote(block.remote, block.defaults, block)
  end
  for _, entry in ipairs(self.bare) do
    if #self.blocks == 0 then
      self:add_remote(entry, self.defaults)
    else
      self.at, self.name = entry.at, "remote"
      self:note("warn", "it is not used, because there are <connection> blocks")
      if entry.port then self:spare("port", entry.port, entry.at) end
      if entry.proto then self:spare("proto", entry.proto, entry.at) end
    end
  end
  local port = self.defaults.bind_port
  if port and not conf.lport and (conf.bind or conf["local"]) then
    conf.lport, self.origin.lport = port.value, port.at
  end
end

-- ---- a server ----

-- What a client has, or what is so for every server, and means nothing more here.
local MEANINGLESS = {
  persist_tun = "the device stays as long as the server runs",
  nobind = "a server listens", bind = "a server listens",
  float = "a client that proves itself may always come from another address",
  ping_timer_rem = "the time-out begins with the client", pull = "a server pulls nothing",
  resolv_retry = "a server resolves nothing", auth_nocache = "passwords are forgotten once judged",
}

--- This is a server's configuration: the first line that says so is remembered.
function builder:serves()
  self.is_server = self.is_server or self:place()
end

--- The sockets that `local`, `port` and `proto` mean.
function builder:finish_server()
  local conf, defaults = self.conf, self.defaults
  local bound = defaults.bind_port
  if bound then self:spare("port", bound.value, bound.at) end
  conf.listen = {}
  if #self.locals == 0 then self.locals[1] = { "*" } end
  for i, l in ipairs(self.locals) do
    local path = ("listen[%d]"):format(i)
    self.origin[path] = l.at
    if not l[2] then self.origin[path .. ".port"] = bound and bound.at end
    if not l[3] then self.origin[path .. ".proto"] = defaults.proto and defaults.proto.at end
    conf.listen[i] = {
      address = l[1] ~= "*" and l[1] or nil,
      port = l[2] or bound and bound.value or 1194,
      proto = (l[3] or defaults.proto and defaults.proto.value or "udp"):gsub("%-server$", ""),
    }
  end
  conf["local"], conf.lport, conf.pull, conf.remotes = nil, nil, nil, nil
  if conf.socket_flags then conf.tcp_nodelay, conf.socket_flags = true, nil end
  for key, reason in pairs(MEANINGLESS) do
    if conf[key] ~= nil then
      self.at, self.name = self.origin[key] or self.at, (key:gsub("_", "-"))
      self:note("info", "ignored: " .. reason)
      conf[key] = nil
    end
  end
  if #self.bare + #self.blocks > 0 then
    self.at, self.name = (self.bare[1] or self.blocks[1]).at, "remote"
    self:fail("a server waits for clients and has no remote")
  end
  -- What a Lua configuration has by default, OpenVPN's does not.
  if conf.keepalive == nil then conf.keepalive = false end
  conf.topology = conf.topology or "net30"
  conf.explicit_exit_notify = conf.explicit_exit_notify or 0
  conf.is_server = true
end

-- `proto tcp-server` in what is no server's configuration.
function builder:check_client_proto()
  local proto = self.defaults.proto
  local word = proto and type(proto.value) == "string" and proto.value or ""
  if not word:find("%-server$") then return end
  self.at, self.name = proto.at, "proto"
  self:fail(("'%s' waits for connections: this is a client; write '%s'")
    :format(word, (word:gsub("%-server$", ""))))
  self.defaults.proto = nil
end

-- ---- programs ----

function builder:script(key, command)
  self:set(key, command)
  self.scripts[key] = { command = command, at = self.at, name = self.name }
end

--- A number above what is so only counts from a place that is trusted.
function builder:script_security(level)
  if type(level) ~= "number" or level < 0 or level > 3 then
    self:fail("it is a number from 0 to 3")
  elseif self.trusted or level < self.security then
    self.security = level
  end
end

--- Whether a file with |info| ({uid, mode}) can have been written by root only.
function M.is_root_only(info)
  if type(info) ~= "table" or info.uid ~= 0 then return false end
  local mode = info.mode or 0
  return floor(mode / 16) % 2 == 0 and floor(mode / 2) % 2 == 0
end

-- Programs whose work (DNS) is done here without them.
local STAND_INS = { ["update-resolv-conf"] = true, ["update-resolv-conf.sh"] = true,
                    ["update-systemd-resolved"] = true }

local function is_replaced(command)
  local words = lexer.words(command)
  return words and words[1] and STAND_INS[words[1]:match("[^/]*$")] or false
end

function builder:tell_not_run(script)
  self.at, self.name = script.at, script.name
  if is_replaced(script.command) then
    self:note("info", "the program is not needed: DNS is set here")
  else
    self:note("warn", "the program does not run: script-security 2 must stand on the command "
      .. "line or in a file that only root can write")
  end
end

-- Programs that decide who may come: a server without them would let in whom they refuse.
local DECIDE = { "auth_user_pass_verify", "client_connect", "tls_verify" }

function builder:finish_scripts()
  local allowed = self.security >= 2
  self.conf.script_security, self.conf.scripts_allowed = self.security, allowed
  if allowed then return end
  for _, key in ipairs(DECIDE) do
    local script = self.scripts[key]
    if script then
      self.at, self.name = script.at, script.name
      self:fail("the program may not run, and decides who may come: script-security 2 must stand "
        .. "on the command line or in a file that only root can write")
    end
  end
  for _, key in ipairs { "up", "route_up", "route_pre_down", "down", "ipchange",
                         "client_disconnect" } do
    local script = self.scripts[key]
    if script then self:tell_not_run(script) end
  end
end

-- ---- the end ----

function builder:finish_trust()
  local tls = self.conf.tls
  if tls.remote_cert ~= nil or tls.remote_cert_eku then return end
  -- A Lua configuration checks the role by default; a profile means what it says.
  tls.remote_cert = false
  if self.is_server then return end
  if tls.verify_x509_name or tls.peer_fingerprint or not (tls.ca or tls.pkcs12) then return end
  self.name = nil
  self:note("warn", "no check says that the certificate is the server's: any holder of a "
    .. "certificate of this CA could pose as it; add `remote-cert-tls server`")
end

--- Puts the configuration together. Returns it and the notes; or nil, the errors (messages for
-- origin.texts) and the notes.
function builder:finish(whole)
  local conf = self.conf
  if not self.is_server then
    self:check_client_proto()
    self:finish_remotes()
  end
  for _, entry in ipairs(self.late) do
    self.at, self.name = entry.at, entry.name
    entry.fn(conf)
  end
  self.is_read = true -- what follows is told however many notes there are
  self:finish_scripts()
  self.at, self.name = whole, nil
  self:finish_trust()
  if self.is_server then
    self:finish_server()
    if self.tls_client then
      self.at, self.name = self.is_server, self.is_server.name
      self:fail("it is a server's; remove the line from a client's profile")
    end
  elseif conf.pull == nil then
    conf.pull = false
  end
  if not self.is_server and not self.tls_client and not conf.pull and #self.errors == 0 then
    self:fail("this is no client's profile: neither `client` nor `tls-client` is in it")
  end
  if self.more_errors > 0 then
    self.errors[#self.errors + 1] = {
      text = ("... and %d more errors"):format(self.more_errors),
    }
  end
  if self.more_notes > 0 then
    self.notes[#self.notes + 1] = { level = "warn", file = whole.file,
                                    text = ("and %d more notes"):format(self.more_notes) }
  end
  self.origin[""] = { file = whole.file, numbers = self.numbers }
  if #self.errors > 0 then return nil, self.errors, self.notes end
  conf.origin = self.origin
  return conf, self.notes
end

return M
