-- SPDX-License-Identifier: GPL-3.0-or-later
--- What OpenVPN's server does by files and programs, as hooks: client-config-dir, tls-verify,
-- auth-user-pass-verify, client-connect, client-disconnect. A script's own hooks come after them.
local core = require "lunel.core"
local lexer = require "lunel.profile_lexer"

local M = {}

local PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
local FORBIDDEN = { PATH = true, IFS = true, BASH_ENV = true, ENV = true, SHELL = true }
local TIMEOUT = 60

-- ---- programs ----

local function add(env, name, value)
  if value ~= nil and value ~= "" then env[#env + 1] = name .. "=" .. tostring(value) end
end

-- The X.509 fields of a subject "C=DE, O=Example, CN=anna" as OpenVPN names them.
local function add_subject(env, depth, cert)
  add(env, ("tls_id_%d"):format(depth), cert.subject)
  add(env, ("tls_serial_%d"):format(depth), cert.serial)
  add(env, ("tls_digest_sha256_%d"):format(depth), cert.fingerprint)
  for name, value in (cert.subject or ""):gmatch("(%w+)=([^,]*)") do
    add(env, ("X509_%d_%s"):format(depth, name), value)
  end
end

local function add_address(env, p)
  local host, port = (p.address or ""):match("^%[?([%x:.]*)%]?:(%d+)$")
  local six = host and host:find(":", 1, true) and "6" or ""
  for _, kind in ipairs { "trusted", "untrusted" } do
    add(env, kind .. "_ip" .. six, host)
    add(env, kind .. "_port", port)
  end
  add(env, "ifconfig_pool_remote_ip", p.ipv4)
  add(env, "ifconfig_pool_remote_ip6", p.ipv6)
end

-- What programs learn of |p|; |stats| once it is gone.
local function environment(t, p, script_type, stats)
  local env = { PATH, "script_type=" .. script_type, "dev_type=tun" }
  for name, value in pairs(t.conf.setenv or {}) do
    if not FORBIDDEN[name] and not name:find("^LD_") then add(env, name, value) end
  end
  add(env, "common_name", p.name)
  add(env, "username", p.user)
  add_address(env, p)
  local since = p.connected_at and p.connected_at > 0 and p.connected_at or core.wallclock()
  add(env, "time_unix", ("%.0f"):format(since))
  for line in (p.peer_info or ""):gmatch("[^\n]+") do
    local name, value = line:match("^([IU]V_[%w_]+)=(.*)$")
    if name then add(env, name, value) end
  end
  if p.cert then add_subject(env, 0, p.cert) end
  if stats then
    add(env, "bytes_received", ("%.0f"):format(stats.rx))
    add(env, "bytes_sent", ("%.0f"):format(stats.tx))
    add(env, "time_duration", ("%.0f"):format(core.wallclock() - since))
  end
  return env
end

-- Runs |command| with |more| words behind it: true, or false and why.
local function run(command, more, env)
  local argv = {}
  for _, word in ipairs(command) do argv[#argv + 1] = word end
  for _, word in ipairs(more) do argv[#argv + 1] = word end
  local program = core.program(argv[1])
  if not program then return false, ("there is no program '%s'"):format(argv[1]) end
  argv[1] = program
  local r, err = core.exec(argv, env, nil, TIMEOUT)
  if not r then return false, err end
  if r.timeout then return false, ("'%s' took too long"):format(command[1]) end
  if r.status ~= 0 then
    local said = (r.err ~= "" and r.err or r.out):match("[^\n]+")
    return false, ("'%s' ended with status %d%s"):format(command[1], r.status,
      said and ": " .. said or "")
  end
  return true
end

-- A file of our own with |text|, for a program; its path.
local function temporary(text)
  local path = os.tmpname() -- made by mkstemp, for us alone
  local file, err = io.open(path, "we")
  if not file then return nil, err end
  file:write(text)
  file:close()
  return path
end

-- ---- lines of client-config-dir and client-connect ----

local BITS = { [255] = 8, [254] = 7, [252] = 6, [248] = 5, [240] = 4, [224] = 3, [192] = 2,
               [128] = 1, [0] = 0 }

local function prefix(words)
  if words[2]:find("/", 1, true) then return words[2] end
  local n = 0
  for octet in (words[3] or "255.255.255.255"):gmatch("%d+") do
    n = n + (BITS[tonumber(octet)] or 0)
  end
  return ("%s/%d"):format(words[2], n)
end

local lines = {
  ["ifconfig-push"] = function(g, w) g.address = w[2] end,
  ["ifconfig-ipv6-push"] = function(g, w) g.address6 = w[2]:gsub("/.*$", "") end,
  iroute = function(g, w) table.insert(g.routes, prefix(w)) end,
  ["iroute-ipv6"] = function(g, w) table.insert(g.routes, w[2]) end,
  push = function(g, w) table.insert(g.push, w[2]) end,
  ["push-reset"] = function(g) g.push_reset = true end,
  ["push-remove"] = function(g, w) table.insert(g.push_remove, w[2]) end,
  disable = function(g) g.disabled = true end,
}
local ALONE = { ["push-reset"] = true, disable = true }

--- Reads options of one client out of |text| into the grant |g|; |where| is what messages call it.
-- True, or nil and what is wrong.
function M.read_options(g, text, where)
  for i, line in ipairs(lexer.lines(text)) do
    local words, err = lexer.words(line)
    if not words then return nil, ("%s:%d: %s"):format(where, i, err) end
    local act = words[1] and lines[words[1]]
    if words[1] and not act then
      return nil, ("%s:%d: '%s' is no option of a client"):format(where, i, words[1])
    elseif act and #words < 2 and not ALONE[words[1]] then
      return nil, ("%s:%d: '%s' needs a value"):format(where, i, words[1])
    elseif act then
      act(g, words)
    end
  end
  return true
end

-- The client's file, or DEFAULT: true, or nil and why it may not come.
local function from_folder(t, p, g)
  local dir = t.conf.client_config_dir
  if not dir then return true end
  local name = (p.name or ""):gsub("[^%w_.@-]", "_")
  if name == "" or name:find("^%.") then name = "DEFAULT" end
  local path = dir .. "/" .. name
  if not core.exists(path) then
    if t.conf.ccd_exclusive then return nil, ("there is no file for it in '%s'"):format(dir) end
    path = dir .. "/DEFAULT"
    if not core.exists(path) then return true end
  end
  -- A file that is there and cannot be read may hold what refuses the client.
  local text, err = core.read_file(path)
  if not text then return nil, ("cannot read '%s': %s"):format(path, err or "unknown error") end
  local ok, wrong = M.read_options(g, text, path)
  if not ok then return nil, wrong end
  if g.disabled then return nil, ("'disable' stands in '%s'"):format(path) end
  return true
end

local function from_program(t, p, g)
  local command = t.conf.client_connect
  if not command then return true end
  local path, err = temporary("")
  if not path then return nil, err end
  local ok, why = run(command, { path }, environment(t, p, "client-connect"))
  local text = ok and core.read_file(path)
  os.remove(path)
  if not ok then return nil, why end
  local read, wrong = M.read_options(g, text or "", "client-connect")
  if not read then return nil, wrong end
  if g.disabled then return nil, "client-connect said 'disable'" end
  return true
end

-- ---- as hooks ----

local function deny(t, p, what, why)
  core.log("warn", "policy", what, { peer = p.name or p.address, why = why })
  return t.make.deny(nil)
end

local LISTS = { push = true, routes = true, push_remove = true }

-- What the script's own hook adds to |g|; its word counts where both say something.
local function merge(g, own)
  for key, value in pairs(own) do
    if LISTS[key] then
      for _, v in ipairs(value) do table.insert(g[key], v) end
    elseif key ~= "kind" then
      g[key] = value
    end
  end
end

local function authorize(t, hook)
  return function(p)
    local g = { push = {}, routes = {}, push_remove = {} }
    for _, source in ipairs { from_folder, from_program } do
      local ok, why = source(t, p, g)
      if not ok then return deny(t, p, "refused", why) end
    end
    if hook then
      local own = hook(p)
      if own ~= true and not t.make.is_grant(own) then return own end
      if own ~= true then merge(g, own) end
    end
    return t.make.grant(g)
  end
end

local function authenticate(t, hook)
  local command, via_env = t.conf.auth_user_pass_verify, t.conf.auth_user_pass_via == "via-env"
  return function(p, cred)
    local env, words, path = environment(t, p, "user-pass-verify"), {}, nil
    local password = cred.password and cred.password:reveal() or ""
    if via_env then
      add(env, "password", password)
    else
      path = temporary((cred.username or "") .. "\n" .. password .. "\n")
      words[1] = path
    end
    local ok, why = run(command, words, env)
    if path then os.remove(path) end
    if not ok then return deny(t, p, "wrong_login", why) end
    if hook then return hook(p, cred) end
    return true
  end
end

local function verify_cert(t, hook)
  return function(p, chain)
    for i = #chain, 1, -1 do
      local env = { PATH, "script_type=tls-verify" }
      for _, cert in ipairs(chain) do add_subject(env, cert.depth, cert) end
      local ok, why = run(t.conf.tls_verify, { tostring(chain[i].depth), chain[i].subject }, env)
      if not ok then return false, why end
    end
    if hook then return hook(p, chain) end
    return true
  end
end

local function closed(t, hook)
  return function(p, why, stats)
    local ok, err = run(t.conf.client_disconnect, {}, environment(t, p, "client-disconnect", stats))
    if not ok then core.log("warn", "script", "failed", { error = err }) end
    if hook then hook(p, why, stats) end
  end
end

--- Puts what the configuration of the server |t| asks for in front of its hooks. |make| has deny,
-- grant and is_grant.
function M.install(t, make)
  local conf, on = t.conf, t.on
  t.make = make
  if conf.tls_verify then on.verify_cert = verify_cert(t, on.verify_cert) end
  if conf.auth_user_pass_verify then on.authenticate = authenticate(t, on.authenticate) end
  if conf.client_config_dir or conf.client_connect then
    on.authorize = authorize(t, on.authorize)
  end
  if conf.client_disconnect then on.closed = closed(t, on.closed) end
end

return M
