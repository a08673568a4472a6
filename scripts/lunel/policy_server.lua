-- SPDX-License-Identifier: GPL-3.0-or-later
--- What OpenVPN's server does by files and programs, as hooks: client-config-dir, tls-verify,
-- auth-user-pass-verify, client-connect, learn-address, client-disconnect. A script's own hooks
-- come after them.
local address = require "lunel.schema_address"
local core = require "lunel.core"
local learn_address = require "lunel.learn_address"
local lexer = require "lunel.profile_lexer"
local script_env = require "lunel.script_env"

local M = {}

local TIMEOUT = 60

-- ---- programs ----

-- Runs |command| of the server |t| with |more| words behind it: true, or false and why.
local function run(t, command, more, env)
  local argv = {}
  for _, word in ipairs(command) do argv[#argv + 1] = word end
  for _, word in ipairs(more) do argv[#argv + 1] = word end
  if t.conf.workdir and argv[1]:find("^[^/]+/") then argv[1] = t.conf.workdir .. "/" .. argv[1] end
  -- A path is for the helper to look at: it may where this process may not.
  local program = argv[1]:find("/", 1, true) and argv[1] or core.program(argv[1])
  if not program then return false, ("there is no program '%s'"):format(argv[1]) end
  argv[1] = program
  local r, err = core.exec(argv, env, nil, TIMEOUT)
  if not r then return false, err end
  if r.timeout then return false, ("'%s' took too long"):format(command[1]) end
  if r.status == 127 then return false, ("there is no program '%s'"):format(program) end
  if r.status ~= 0 then
    local said = (r.err ~= "" and r.err or r.out):match("[^\n]+")
    return false, ("'%s' ended with status %d%s"):format(command[1], r.status,
      said and ": " .. said or "")
  end
  return true
end

-- A file of our own with |text|, for a program about |p|; its path.
local function temporary(t, p, text)
  local folder = t.conf.tmp_dir or os.getenv "TMPDIR" or "/tmp"
  local path, err = core.temporary(folder, text)
  if not path then return nil, ("cannot write a file in '%s': %s"):format(folder, err) end
  p.files[path] = true
  return path
end

--- Removes the files that were written for programs about |p|, whatever ended them.
function M.tidy(p)
  for path in pairs(p.files) do os.remove(path) end
  p.files = {}
end

-- ---- lines of client-config-dir and client-connect ----

-- "10.0.0.0 255.0.0.0" or "10.0.0.0/8" as the latter; or nil and what is wrong.
local function prefix(words)
  local ip, bits = words[2]:match("^([^/]*)/(%d+)$")
  if ip then
    bits = tonumber(bits)
  else
    local mask = address.ipv4(words[3] or "255.255.255.255")
    if not mask or not address.is_netmask(mask) then
      return nil, ("'%s' is not a netmask"):format(words[3])
    end
    ip, bits = words[2], 0
    while mask >= 2 ^ 31 do mask, bits = (mask - 2 ^ 31) * 2, bits + 1 end
  end
  if not address.ipv4(ip) or bits > 32 then
    return nil, ("'%s' is not an IPv4 network"):format(words[2])
  end
  return ("%s/%d"):format(ip, bits)
end

local function fixed(g, key, ip, is_one)
  if not is_one(ip) then return ("'%s' is not an address"):format(ip) end
  g[key] = ip
end

local function network(g, words)
  local text, wrong = prefix(words)
  g.routes[#g.routes + 1] = text
  return wrong
end

-- Name, least and most words behind it, what it does: nil, or what is wrong.
local lines = {
  ["ifconfig-push"] = { 1, 3, function(g, w) return fixed(g, "address", w[2], address.ipv4) end },
  ["ifconfig-ipv6-push"] = { 1, 2, function(g, w)
    return fixed(g, "address6", (w[2]:gsub("/%d+$", "")), address.is_ipv6)
  end },
  iroute = { 1, 2, network },
  ["iroute-ipv6"] = { 1, 1, function(g, w)
    local ip, bits = w[2]:match("^(.-)/(%d+)$")
    if not ip or not address.is_ipv6(ip) or tonumber(bits) > 128 then
      return ("'%s' is not an IPv6 network"):format(w[2])
    end
    table.insert(g.routes, w[2])
  end },
  push = { 1, 1, function(g, w) table.insert(g.push, w[2]) end },
  ["push-reset"] = { 0, 0, function(g) g.push_reset = true end },
  ["push-remove"] = { 1, 1, function(g, w) table.insert(g.push_remove, w[2]) end },
  disable = { 0, 0, function(g) g.disabled = true end },
}

-- One line's words into |g|: nil, or what is wrong.
local function read_line(g, words)
  local name = words[1]
  if not name then return nil end
  local row = lines[name]
  if not row then return ("'%s' is no option of a client"):format(name) end
  local n = #words - 1
  if n < row[1] then return ("'%s' needs a value"):format(name) end
  if n > row[2] then
    return ("'%s' has too many words; what has blanks in it stands in quotes"):format(name)
  end
  return row[3](g, words)
end

--- Reads options of one client out of |text| into the grant |g|; |where| is what messages call it.
-- True, or nil and what is wrong.
function M.read_options(g, text, where)
  for i, line in ipairs(lexer.lines(text)) do
    local words, err = lexer.words(line)
    local wrong = err or read_line(g, words)
    if wrong then return nil, ("%s:%d: %s"):format(where, i, wrong) end
  end
  return true
end

-- The text of the client's file, or of DEFAULT, and its path; false: there is none; nil and why.
local function client_file(t, p)
  local dir = t.conf.client_config_dir
  local name = (p.name or ""):gsub("[^%w_.@-]", "_")
  local own = name ~= "" and not name:find("^%.") -- the latter may be the folder, or above it
  for _, file in ipairs { own and name or "DEFAULT", "DEFAULT" } do
    if file == "DEFAULT" and t.conf.ccd_exclusive then
      return nil, ("there is no file for it in '%s'"):format(dir)
    end
    local path = dir .. "/" .. file
    local text, err = core.read_file(path)
    if text then return text, path end
    -- What cannot be read may be there and refuse the client.
    if err ~= "No such file or directory" then
      return nil, ("cannot read '%s': %s"):format(path, err or "unknown error")
    end
  end
  return false
end

-- What client-config-dir says: true, or nil and why the client may not come.
local function from_folder(t, p, g)
  if not t.conf.client_config_dir then return true end
  local text, path = client_file(t, p)
  if not text then
    if text == nil then return nil, path end
    return true
  end
  local ok, wrong = M.read_options(g, text, path)
  if not ok then return nil, wrong end
  if g.disabled then return nil, ("'disable' stands in '%s'"):format(path) end
  return true
end

local function from_program(t, p, g)
  local command = t.conf.client_connect
  if not command then return true end
  local path, err = temporary(t, p, "")
  if not path then return nil, err end
  local env = script_env.client(t, p, "client-connect")
  script_env.add(env, "client_connect_config_file", path)
  local ok, why = run(t, command, { path }, env)
  local text, unread
  if ok then text, unread = core.read_file(path) end
  M.tidy(p)
  if not ok then return nil, why end
  -- What it wrote may refuse the client.
  if not text then return nil, ("cannot read what client-connect wrote: %s"):format(unread) end
  local read, wrong = M.read_options(g, text, "client-connect")
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

-- For `authenticate` and `reauth`; a token (|token_state|) is no password to be judged.
local function authenticate(t, hook)
  local command, via_env = t.conf.auth_user_pass_verify, t.conf.auth_user_pass_via == "via-env"
  return function(p, cred, token_state)
    if token_state and token_state ~= "none" then return hook(p, cred, token_state) end
    local env, words = script_env.client(t, p, "user-pass-verify"), {}
    local password = cred.password and cred.password:reveal() or ""
    -- A line break would be one more line of the file, and nobody types the others.
    if (cred.username or ""):find("%c") or password:find("%c") then
      return deny(t, p, "wrong_login", "a control character is in the user name or password")
    end
    if via_env then
      script_env.add(env, "password", password)
    else
      words[1] = assert(temporary(t, p, (cred.username or "") .. "\n" .. password .. "\n"))
    end
    local ok, why = run(t, command, words, env)
    M.tidy(p)
    if not ok then return deny(t, p, "wrong_login", why) end
    if hook then return hook(p, cred, token_state) end
    return true
  end
end

local function verify_cert(t, hook)
  return function(p, chain)
    for i = #chain, 1, -1 do
      local env = script_env.chain(t, p, chain, i)
      local ok, why = run(t, t.conf.tls_verify, { tostring(chain[i].depth), chain[i].subject }, env)
      if not ok then return false, why end
    end
    if hook then return hook(p, chain) end
    return true
  end
end

local function closed(t, hook)
  return function(p, why, stats)
    local env = script_env.client(t, p, "client-disconnect", stats)
    local ok, err = run(t, t.conf.client_disconnect, {}, env)
    if not ok then core.log("warn", "script", "failed", { error = err }) end
    if hook then hook(p, why, stats) end
  end
end

-- What asks the program of learn-address. OpenVPN tells it nothing of a client that is gone.
local function learner(t, make)
  return learn_address.new {
    hold = make.hold, release = make.release,
    run = function(words, env) return run(t, t.conf.learn_address, words, env) end,
    environment = function(p)
      return p and script_env.client(t, p, "learn-address")
        or { script_env.PATH, "script_type=learn-address" }
    end,
  }
end

--- Whether programs may run.
function M.may_run(conf)
  return conf.scripts_allowed ~= false and (conf.script_security or 1) >= 2
end

--- Puts what the configuration of the server |t| asks for in front of its hooks. |make| has deny,
-- grant and is_grant, hold and release.
function M.install(t, make)
  local conf, on = t.conf, t.on
  t.make = make
  -- What is above a client's certificate is kept for those that are told of it.
  t.keeps_authorities = (conf.auth_user_pass_verify or conf.client_connect or conf.learn_address
    or conf.client_disconnect) ~= nil
  if conf.tls_verify then on.verify_cert = verify_cert(t, on.verify_cert) end
  if conf.auth_user_pass_verify then
    on.authenticate = authenticate(t, on.authenticate)
    if on.reauth then on.reauth = authenticate(t, on.reauth) end
  end
  if conf.client_config_dir or conf.client_connect then
    on.authorize = authorize(t, on.authorize)
  end
  if conf.learn_address then t.learner = learner(t, make) end
  if not conf.client_disconnect then return end
  -- The programs that decide are refused by the schema when none may run.
  if M.may_run(conf) then
    on.closed = closed(t, on.closed)
  else
    core.log("warn", "script", "not_allowed", {
      directive = "client-disconnect", program = conf.client_disconnect[1],
      why = "needs 'script-security 2' on the command line or in a file that root owns",
    })
  end
end

return M
