-- SPDX-License-Identifier: GPL-3.0-or-later
--- What happens when a tunnel goes up or down and the script does not say otherwise: DNS settings
-- by resolvectl or resolvconf, and OpenVPN's up and down programs where they are allowed.
local core = require "lunel.core"

local M = {}

--- An event's lines as the table that hooks get: ifname, mtu, restart, addresses, routes, gateways,
-- dns, domains, search, redirect.
function M.net(ev)
  local net = {
    ifname = ev.ifname, mtu = ev.mtu, restart = ev.restart,
    addresses = {}, routes = {}, around = {}, gateways = {}, dns = {}, domains = {}, search = {},
  }
  local lists = { address = net.addresses, route = net.routes, ["route-around"] = net.around,
                  gateway = net.gateways, dns = net.dns, domain = net.domains,
                  search = net.search }
  for _, line in ipairs(ev.lines or {}) do
    local kind, value = line:match("^(%S+) (.*)$")
    if lists[kind] then table.insert(lists[kind], value)
    elseif kind == "redirect" then net.redirect = value end
  end
  return net
end

local function run(argv, env, input, timeout)
  local r, err = core.exec(argv, env, input, timeout or 5)
  if not r then return nil, err end
  if r.timeout then return nil, "it took too long" end
  if r.status == 127 then return nil, "there is no such program" end
  if r.status == 126 then return nil, "it cannot be run" end
  if r.status ~= 0 then
    local said = (r.err ~= "" and r.err or r.out):match("[^\n]+")
    return nil, ("exit status %d%s"):format(r.status, said and ": " .. said or "")
  end
  return r
end

local BASE_ENV = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }

-- ---- DNS ----

local function concat(...)
  local out = {}
  for i = 1, select("#", ...) do
    for _, v in ipairs((select(i, ...))) do out[#out + 1] = v end
  end
  return out
end

local resolvers = {}

function resolvers.resolvectl(program, net)
  local ok, err = run(concat({ program, "dns", net.ifname }, net.dns), BASE_ENV)
  if not ok then return nil, err end
  local domains = concat(net.domains, net.search)
  -- All names go through a tunnel that all packets go through.
  if net.redirect then domains[#domains + 1] = "~." end
  if #domains == 0 then return true end
  return run(concat({ program, "domain", net.ifname }, domains), BASE_ENV)
end

function resolvers.resolvconf(program, net)
  local lines = {}
  local domains = concat(net.domains, net.search)
  if #domains > 0 then lines[1] = "search " .. table.concat(domains, " ") end
  for _, server in ipairs(net.dns) do lines[#lines + 1] = "nameserver " .. server end
  return run({ program, "-a", net.ifname .. ".lunel" }, BASE_ENV, table.concat(lines, "\n") .. "\n")
end

local undo = {
  resolvectl = function(program, ifname)
    return run({ program, "revert", ifname }, BASE_ENV, nil, 3)
  end,
  resolvconf = function(program, ifname)
    return run({ program, "-d", ifname .. ".lunel" }, BASE_ENV, nil, 3)
  end,
}

-- resolvectl without its service is of no use; resolvconf may be a link to resolvectl.
local function find_resolver()
  local resolvectl = core.program "resolvectl"
  if resolvectl and core.exists "/run/systemd/resolve" then return "resolvectl", resolvectl end
  local resolvconf = core.program "resolvconf"
  if resolvconf then return "resolvconf", resolvconf end
end

local function set_dns(t, net)
  if #net.dns == 0 then return end
  local servers = table.concat(net.dns, " ")
  local name, program = find_resolver()
  if not name then
    core.log("warn", "dns", "none", { servers = servers })
    return
  end
  local ok, err = resolvers[name](program, net)
  if ok then
    t.dns_set = { name = name, program = program, ifname = net.ifname }
    core.log("info", "dns", "set", { program = name, servers = servers })
  else
    core.log("warn", "dns", "failed", { program = name, error = err })
  end
end

local function unset_dns(t)
  local set = t.dns_set
  if not set then return end
  t.dns_set = nil
  local ok, err = undo[set.name](set.program, set.ifname)
  if not ok then core.log("warn", "dns", "failed", { program = set.name, error = err }) end
end

-- ---- programs ----

-- What these do is done here already.
local STAND_INS = { ["update-resolv-conf"] = true, ["update-systemd-resolved"] = true,
                    ["update-resolv-conf.sh"] = true }

-- Whether the program of directive |name| shall run.
local function runs(t, name)
  local command = t.conf[name]
  if not command then return false end
  if STAND_INS[command[1]:match("[^/]*$")] then
    core.log("debug", "script", "replaced", { directive = name, program = command[1] })
    return false
  end
  if t.conf.scripts_allowed == false or (t.conf.script_security or 1) < 2 then
    core.log("warn", "script", "not_allowed", {
      directive = name, program = command[1],
      why = "needs 'script-security 2' on the command line or in a file that root owns",
    })
    return false
  end
  return true
end

-- Names that would change what the program is rather than tell it something.
local FORBIDDEN = { PATH = true, IFS = true, BASH_ENV = true, ENV = true, SHELL = true }

local function environment(t, ev, script_type)
  local env = { BASE_ENV[1], "script_type=" .. script_type,
                "script_context=" .. (ev.restart and "restart" or "init"),
                "verb=" .. tostring(t.conf.verb or 1) }
  if t.conf.dev then env[#env + 1] = "config_dev=" .. t.conf.dev end
  for name, value in pairs(t.conf.setenv or {}) do
    if not FORBIDDEN[name] and not name:find("^LD_") then env[#env + 1] = name .. "=" .. value end
  end
  local from_engine = ev.env and #ev.env > 0 and ev.env or t.env or {}
  for _, line in ipairs(from_engine) do
    local name = line:match("^([^=]*)=")
    if name and not FORBIDDEN[name] and not name:find("^LD_") then env[#env + 1] = line end
  end
  return env
end

local function variable(env, name)
  for _, line in ipairs(env) do
    local value = line:match("^" .. name .. "=(.*)$")
    if value then return value end
  end
  return ""
end

-- What the program of |name| gets behind its own arguments.
local function arguments(name, ev, env)
  if name == "ipchange" then return { ev.address, ev.port } end
  if name == "route_up" then return {} end
  local remote = variable(env, "ifconfig_remote")
  if remote == "" then remote = variable(env, "ifconfig_netmask") end
  return { ev.ifname, tostring(ev.mtu or 1500), "0", variable(env, "ifconfig_local"), remote,
           ev.restart and "restart" or "init" }
end

-- Runs the program of |name| with OpenVPN's arguments; true, or nil and why.
local function run_program(t, name, ev)
  local env = environment(t, ev, (name:gsub("_", "-")))
  local command = t.conf[name]
  local argv = {}
  for i, word in ipairs(command) do argv[i] = word end
  if not argv[1]:find("^/") and argv[1]:find("/") and t.conf.workdir then
    argv[1] = t.conf.workdir .. "/" .. argv[1]
  end
  -- A path is for the helper to look at: it may where this process may not.
  local program = argv[1]:find("/") and argv[1] or core.program(argv[1])
  if not program then return nil, ("there is no program '%s'"):format(argv[1]) end
  argv[1] = program
  for _, word in ipairs(arguments(name, ev, env)) do argv[#argv + 1] = word end
  local r, err = run(argv, env, nil, 10)
  if not r then return nil, ("%s %s: %s"):format((name:gsub("_", "-")), program, err) end
  for line in r.out:gmatch("[^\n]+") do
    core.log("debug", "script", "output", { directive = name, line = line })
  end
  return true
end

--- After the hook `up`: DNS as |net| has it now, then the programs. false and why when one failed:
-- the tunnel ends, as with OpenVPN.
function M.up(t, net, ev)
  if not ev.restart or not t.dns_set then set_dns(t, net) end
  if ev.restart and not t.conf.up_restart then return true end
  for _, name in ipairs { "up", "route_up" } do
    if runs(t, name) then
      local ok, err = run_program(t, name, ev)
      if not ok then
        core.log("error", "script", "failed", { error = err })
        return false, err
      end
    end
  end
  return true
end

--- The server was reached at |address| ("192.0.2.1:1194", "[2001:db8::1]:1194").
function M.reached(t, address)
  if not address or not runs(t, "ipchange") then return end
  local ip, port = address:match("^%[?(.-)%]?:(%d+)$")
  local ok, err = run_program(t, "ipchange", { address = ip, port = port })
  if not ok then core.log("warn", "script", "failed", { error = err }) end
end

--- After the hook `down`.
function M.down(t, _, ev)
  for _, name in ipairs { "route_pre_down", "down" } do
    if runs(t, name) then
      local ok, err = run_program(t, name, ev)
      if not ok then core.log("warn", "script", "failed", { error = err }) end
    end
  end
  unset_dns(t)
end

return M
