-- SPDX-License-Identifier: GPL-3.0-or-later
--- What `vpn.client {...}` may hold, checked whole: every error at once, each with its place.
--
-- M.check gives a new table with defaults filled in and one form for each value: durations in
-- seconds, sizes in bytes, lists as lists, commands as lists of words, lines of network options as
-- texts in OpenVPN's quoting; remotes stay the tables they were (policies compare them), with
-- host, port and proto as fields. M.engine_options reads the files and makes of that what the
-- engine takes: the fields of struct lnl_tunnel_options.
local address = require "lunel.schema_address"
local client = require "lunel.schema_client"
local lanes = require "lunel.schema_lane"
local server = require "lunel.schema_server"
local origins = require "lunel.origin"
local types = require "lunel.schema_types"
local suggest = require "lunel.suggest"

local M = {}

-- A value's place: its path, and the errors of the whole check.
local place = {}
place.__index = place

function place:child(key)
  local path = type(key) == "number" and ("%s[%d]"):format(self.path, key)
    or self.path == "" and tostring(key) or self.path .. "." .. tostring(key)
  return setmetatable({ path = path, report = self.report }, place)
end

function place:fail(text)
  self.report:add(self.path, text)
end

local report = {}
report.__index = report

function report:add(path, text)
  self.errors[#self.errors + 1] = origins.message(self.origin, path, text)
  self.roots[path:match("^[^.%[]*")] = true
end

local function new_report(origin)
  return setmetatable({ errors = {}, roots = {}, origin = origin or {} }, report)
end

-- Checks what a profile's lines say and no remote or socket took: a wrong value is wrong all the
-- same. Each is { kind = "port" or "proto", value }, its place at "spare[n]".
local function check_spare(spare, rep)
  for i, s in ipairs(spare or {}) do
    local at = setmetatable({ path = ("spare[%d]"):format(i), report = rep }, place)
    client.types[s.kind].check(s.value, at)
  end
end

-- |conf| without what is no setting.
local function settings(conf)
  local plain = {}
  for k, v in pairs(conf) do
    if k ~= "origin" and k ~= "is_server" and k ~= "spare" then plain[k] = v end
  end
  return plain
end

local server_keys = {}
for _, key in ipairs(server.keys) do server_keys[key[1]] = true end

-- Why |name| is no key of a client.
local function client_moved(name)
  return client.moved(name)
    or server_keys[name] and "it is a server's: vpn.server { ... }" or nil
end

local root = types.record(client.keys, { text = "a table of settings", moved = client_moved })
local server_root = types.record(server.keys, { text = "a table of settings",
                                                moved = server.moved })

local function given(...)
  local n = 0
  for i = 1, select("#", ...) do
    if select(i, ...) ~= nil then n = n + 1 end
  end
  return n
end

local function check_tls(tls, at, out)
  if given(tls.auth, tls.crypt, tls.crypt_v2) > 1 then
    at:fail("auth, crypt and crypt_v2 exclude each other: which one does the server use?")
  end
  if given(tls.ca, tls.pkcs12, tls.peer_fingerprint) == 0 then
    at:fail("'ca' is missing (or pkcs12, or peer_fingerprint): nobody could be trusted")
  end
  if tls.pkcs12 and (tls.cert or tls.key) then
    at:fail("pkcs12 holds certificate and key already; drop 'cert' and 'key'")
  end
  if given(tls.cert, tls.key) == 1 then
    at:fail(tls.cert and "'cert' needs its private key in 'key'"
      or "'key' needs its certificate in 'cert'")
  elseif given(tls.cert, tls.pkcs12) == 0 and not out.auth_user_pass then
    at:fail("'cert' and 'key' are missing (or pkcs12, or auth_user_pass): who are we?")
  end
  if tls.key_direction and not tls.auth then
    at:child("key_direction"):fail("it belongs to tls.auth, which is not set")
  end
  if tls.version_max and tls.version_min and tls.version_max < tls.version_min then
    at:child("version_max"):fail("it is below version_min")
  end
  if tls.remote_cert == nil and not tls.remote_cert_eku and not tls.peer_fingerprint then
    tls.remote_cert = "server"
  end
end

local function finish_binding(out, at)
  local bound = out["local"] or out.lport or out.bind or out.nobind == false
  if out.nobind and bound then
    at:child("nobind"):fail("it excludes local, lport and bind")
  end
  if out.nobind == nil then out.nobind = not bound end
  if bound and not out.lport then out.lport = 1194 end
end

-- A server's and a client's.
local function check_renegotiation(out, at)
  local least, most = out.reneg_sec_min, out.reneg_sec
  if least and most and most > 0 and least > most then
    at:child("reneg_sec_min"):fail(("it is above reneg_sec, which is %d"):format(most))
  end
end

local function finish_timers(out, at)
  check_renegotiation(out, at)
  local keepalive = out.keepalive
  if keepalive and keepalive.interval and keepalive.timeout then
    if out.ping or out.ping_restart or out.ping_exit then
      at:child("keepalive"):fail("it excludes ping, ping_restart and ping_exit")
    elseif keepalive.timeout < 2 * keepalive.interval then
      at:child("keepalive"):fail("the timeout must be at least twice the interval")
    end
    out.ping, out.ping_restart = keepalive.interval, keepalive.timeout
  end
  out.keepalive = nil
  if out.ping_restart and out.ping_exit and out.ping_restart > 0 and out.ping_exit > 0 then
    at:child("ping_exit"):fail("it excludes ping_restart")
  end
  local retry = out.connect_retry
  if retry and retry.first and retry.max and retry.max < retry.first then
    at:child("connect_retry"):fail("the longest wait is below the first")
  end
end

local function finish_device(out, at)
  if not out.dev_type and out.dev then
    out.dev_type = out.dev:match("^tun") or out.dev:match("^tap")
    if not out.dev_type then
      at:child("dev"):fail(("dev_type is needed: '%s' begins with neither tun nor tap")
        :format(out.dev))
    end
  end
  if not out.mssfix then
    out.mssfix = out.tun_mtu == 1500 and { value = 1492, mode = "mtu" }
      or { value = out.tun_mtu, mode = "fixed" }
  end
  for _, key in ipairs { "redirect_gateway", "redirect_private" } do
    if out[key] == true then out[key] = "" end
  end
end

local UNIX_PATH = 107 -- bytes that the system takes

local function finish_management(out, at)
  local m = out.management
  local function fail(text) at:child("management"):fail(text) end
  for _, key in ipairs { "management_client_user", "management_client_group" } do
    if out[key] and not (m and m.port == "unix") then
      at:child(key):fail("it belongs to management on a Unix socket, which is not set")
    end
  end
  if not m or not m.address or not m.port then return end
  if m.password_file == "stdin" then
    fail("the password cannot be asked for; name a file that has it in its first line")
  end
  if m.port == "unix" then
    m.path, m.address, m.port = m.address, nil, nil
    return
  end
  if m.address == "localhost" then m.address = "127.0.0.1" end
  if m.address == "tunnel" then
    fail("it cannot be reached through the tunnel; name an address of this machine")
  elseif m.address == "0.0.0.0" or m.address:find("^[:0]+$") then
    fail(("'%s' would let in the whole network; name one address, as 127.0.0.1")
      :format(m.address))
  elseif not address.ipv4(m.address) and not address.is_ipv6(m.address) then
    fail(("'%s' is no IP address"):format(m.address))
  end
end

local function finish_credentials(out, at)
  local creds = out.auth_user_pass
  if creds == true then creds = {} end
  if creds == false then creds = nil end
  if creds and creds.file and (creds.username or creds.password) then
    at:child("auth_user_pass"):fail("either the file or the credentials themselves")
  end
  if creds and creds.password and not creds.username then
    at:child("auth_user_pass"):fail("'username' is missing")
  end
  out.auth_user_pass = creds
end

-- Keys of tls that take a file.
local FILES = {}
for _, key in ipairs(client.tls_keys) do
  if key[2].file or key[1] == "askpass" then FILES[key[1]] = true end
end

-- Paths become relative to the working directory, as those that are given without `cd`; where
-- programs start stays in `workdir`.
local function apply_cd(out)
  local cd = out.cd
  out.workdir, out.cd = cd, nil
  if not cd then return end
  local function join(path)
    if type(path) ~= "string" or path:find("^/") or path:find("\n", 1, true) then return path end
    return (cd:gsub("/+$", "")) .. "/" .. path
  end
  for _, key in ipairs { "log", "log_append", "writepid" } do out[key] = join(out[key]) end
  for _, output in ipairs(out.logs or {}) do
    if output.to:find("/", 1, true) then output.to = join(output.to) end
  end
  if out.status then out.status.file = join(out.status.file) end
  if type(out.control) == "table" then out.control.path = join(out.control.path) end
  if out.management then
    out.management.path = join(out.management.path)
    out.management.password_file = join(out.management.password_file)
  end
  if out.ifconfig_pool_persist then
    out.ifconfig_pool_persist.file = join(out.ifconfig_pool_persist.file)
  end
  out.client_config_dir, out.tmp_dir = join(out.client_config_dir), join(out.tmp_dir)
  out.auth_gen_token_secret = join(out.auth_gen_token_secret)
  if out.auth_user_pass then out.auth_user_pass.file = join(out.auth_user_pass.file) end
  for key in pairs(FILES) do out.tls[key] = join(out.tls[key]) end
  lanes.each_path(out, join)
end

local function check_socket_path(out, at)
  local path = out.management and out.management.path
  if path and #path > UNIX_PATH then
    at:child("management"):fail(("the path of a Unix socket has at most %d bytes; this has %d")
      :format(UNIX_PATH, #path))
  end
end

-- ---- a server's ----

local function check_server_tls(tls, at, out)
  if tls.auth and tls.crypt then
    at:fail("auth and crypt exclude each other: clients can have only one")
  end
  if given(tls.ca, tls.pkcs12, tls.peer_fingerprint) == 0 and out.verify_client_cert ~= "none" then
    at:fail("'ca' is missing (or pkcs12, or peer_fingerprint): no certificate could be trusted")
  end
  if given(tls.cert, tls.pkcs12) == 0 then
    at:fail("'cert' and 'key' are missing (or pkcs12): clients could not tell that it is us")
  elseif given(tls.cert, tls.key) == 1 then
    at:fail(tls.cert and "'cert' needs its private key in 'key'"
      or "'key' needs its certificate in 'cert'")
  end
  if tls.remote_cert == nil and not tls.remote_cert_eku and not tls.peer_fingerprint
    and out.verify_client_cert ~= "none" then
    tls.remote_cert = "client"
  end
end

-- Programs that decide who may come: a server without them would let in whom they refuse.
local DECIDE = { "tls_verify", "auth_user_pass_verify", "client_connect", "learn_address" }

local function check_programs(out, at)
  if out.scripts_allowed and out.script_security >= 2 then return end
  for _, key in ipairs(DECIDE) do
    if out[key] then
      at:child(key):fail("the program may not run (script_security), and decides who may come")
    end
  end
end

-- Whoever got another address would reach nobody.
local function check_pools(out, at)
  for name, range in pairs(out.pools or {}) do
    local key = server.network_of(range)
    local network, where = out[key], at:child("pools"):child(name == "" and '[""]' or name)
    if not network then
      where:fail(("its addresses lie in no network: '%s' is missing"):format(key))
    elseif not server.holds(network, range) then
      where:fail(("its addresses do not lie in %s (%s): make that larger, or leave it out"):format(
        key, network))
    end
  end
end

local function finish_server(out, at)
  local on = out.on or {}
  check_programs(out, at)
  check_renegotiation(out, at)
  local judged = on.authenticate ~= nil or out.auth_user_pass_verify ~= nil
  if out.auth_user_pass == nil then out.auth_user_pass = judged end
  if out.auth_user_pass and not judged then
    at:child("auth_user_pass"):fail("nobody judges user names: an authenticate hook is missing")
  end
  if out.verify_client_cert ~= "require" and not out.auth_user_pass then
    at:child("verify_client_cert"):fail("without certificates there has to be an authenticate hook")
  end
  if not out.server then out.server = server.cover(out.pools or {}) end
  if not out.server and not out.server_ipv6 then
    at:fail("'server' is missing (or server_ipv6, or pools that lie in one network): clients would "
      .. "get no address")
  end
  check_pools(out, at)
  local pool6, everybodys = out.ifconfig_ipv6_pool, (out.pools or {})[""]
  if pool6 and everybodys and everybodys.first:find(":", 1, true) then
    at:child("ifconfig_ipv6_pool"):fail("pools[\"\"] has IPv6 addresses for everybody already")
  elseif pool6 and not (out.server_ipv6 and server.holds(out.server_ipv6, pool6)) then
    at:child("ifconfig_ipv6_pool"):fail("its addresses do not lie in server_ipv6"
      .. (out.server_ipv6 and "" or ", which is missing"))
  end
  if out.ccd_exclusive and not out.client_config_dir then
    at:child("ccd_exclusive"):fail("it belongs to client_config_dir, which is not set")
  end
  local keepalive = out.keepalive
  if keepalive and keepalive.timeout < 2 * keepalive.interval then
    at:child("keepalive"):fail("the timeout must be at least twice the interval")
  elseif keepalive then
    out.push = out.push or {}
    table.insert(out.push, 1, ("ping %d"):format(keepalive.interval))
    table.insert(out.push, 2, ("ping-restart %d"):format(keepalive.timeout))
    out.ping = out.ping or keepalive.interval
    out.ping_restart = out.ping_restart or 2 * keepalive.timeout
  end
end

--- The same as check for the table of a server.
function M.check_server(conf, origin)
  if type(conf) ~= "table" then return nil, { "the configuration is not a table" } end
  local rep = new_report(origin or conf.origin)
  local at = setmetatable({ path = "", report = rep }, place)
  check_spare(conf.spare, rep)
  local out = server_root.check(settings(conf), at)
  if not rep.roots.tls then check_server_tls(out.tls, at:child("tls"), out) end
  if #rep.errors == 0 then finish_server(out, at) end
  finish_management(out, at)
  finish_device(out, at)
  if out.dev_type == "tap" then
    at:child("dev"):fail("a server has a tun device; bridging is not supported")
  end
  if #rep.errors == 0 then apply_cd(out) end
  check_socket_path(out, at)
  if #rep.errors > 0 then return nil, origins.texts(rep.errors) end
  return out
end

--- Checks |conf|, the table of a client. |origin| says where things were set: a text
-- ("office.lua:3"), or a table from path ("tls.ca", "remotes[2]") to {file, line}; without it,
-- conf.origin, which the profile importer leaves there. Returns the normalized table, or nil and
-- the list of all errors. The remotes in it are changed in place: they stay the same objects.
function M.check(conf, origin)
  if type(conf) ~= "table" then return nil, { "the configuration is not a table" } end
  if conf.is_server then return M.check_server(conf, origin) end
  local rep = new_report(origin or conf.origin)
  local at = setmetatable({ path = "", report = rep }, place)
  check_spare(conf.spare, rep)
  local out = root.check(settings(conf), at)
  -- What does not fit together; but of a part with errors nothing can be said.
  if not rep.roots.remotes and #out.remotes == 0 and not (out.on and out.on.select_remote) then
    at:child("remotes"):fail("there is no remote to connect to")
  end
  if not rep.roots.auth_user_pass then finish_credentials(out, at) end
  if not rep.roots.tls then check_tls(out.tls, at:child("tls"), out) end
  finish_binding(out, at)
  finish_timers(out, at)
  finish_management(out, at)
  finish_device(out, at)
  if #rep.errors == 0 then apply_cd(out) end
  check_socket_path(out, at)
  if #rep.errors > 0 then return nil, origins.texts(rep.errors) end
  return out
end

--- The errors of the values that |conf| has (a server's with |is_server|), as messages for
-- origin.texts; what is missing or does not fit together is left aside. For a configuration known
-- to be incomplete.
function M.value_errors(conf, origin, is_server)
  local rep = new_report(origin)
  local what = is_server and server_root or root
  check_spare(conf.spare, rep)
  what.check(settings(conf), setmetatable({ path = "", report = rep }, place))
  return rep.errors
end

--- Checks and normalizes one remote in place: host, port, proto also from the places 1, 2, 3.
-- Returns it, or nil and the list of errors.
function M.remote(t)
  local rep = new_report()
  local remote = client.remote.check(t, setmetatable({ path = "remote", report = rep }, place))
  if #rep.errors > 0 then return nil, origins.texts(rep.errors) end
  return remote
end

local function describe_keys(keys, prefix, out)
  for _, key in ipairs(keys) do
    local name, kind = prefix .. key[1], key[2]
    out[#out + 1] = {
      path = name, type = kind.text, default = key.default, doc = key.doc,
      required = key.required,
    }
    if name == "tls" then describe_keys(kind.keys, "tls.", out) end
    if name == "remotes" then describe_keys(client.remote.keys, "remotes[n].", out) end
    if name == "on" then describe_keys(kind.keys, "on.", out) end
  end
  return out
end

--- Every key of a |side| ("server", else a client) in the order of the reference: a list of {path,
-- type, default, doc, required}.
function M.describe(side)
  return describe_keys(side == "server" and server.keys or client.keys, "", {})
end

--- The description of one key of a |side| by its path, or nil and a sentence with the nearest name.
function M.help(path, side)
  local names = {}
  for _, row in ipairs(M.describe(side)) do
    if row.path == path then return row end
    names[#names + 1] = row.path
  end
  return nil, ("there is no key '%s'%s"):format(path, suggest.hint(path, names))
end

return M
