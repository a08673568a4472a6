-- SPDX-License-Identifier: GPL-3.0-or-later
--- The command line of `lunel pki`, and the texts about it. Pure; lunel/pki.lua acts.
local suggest = require "lunel.suggest"

local M = {}

M.usage = [=[
usage: lunel pki init [--dir DIR] [--name CN] [--key KIND] [--days N]
       lunel pki server NAME [--dir DIR] [--key KIND] [--days N]
       lunel pki client NAME [--dir DIR] [--key KIND] [--days N] [--keep]
                        [--password | --password-file FILE]
                        [--remote HOST[:PORT[/PROTO]]]...
       lunel pki revoke NAME [--dir DIR]
       lunel pki list [--dir DIR]
       lunel pki --help
]=]

M.help = M.usage .. [=[

A PKI of one's own for OpenVPN, in a folder (./pki unless --dir names one) that
holds a CA, what it has issued, and the keys that servers share.

init      makes the folder: ca.crt, ca.key, crl.pem, index, tls-crypt-v2.key,
          auth-token.key. --name is the CA's common name.
server    issues a certificate for a server; NAME is its host name or address.
          Prints a configuration for it, which openvpn and lunel take.
client    issues a certificate for a client and prints its profile, all in one,
          for any OpenVPN client:  lunel pki client anna > anna.ovpn
          The private key is in that profile and nowhere else, unless --keep
          leaves a copy in the folder. --password encrypts it. --remote says
          where the server is (port 1194, udp); without it, the newest server's
          name is taken. PROTO is udp, tcp, or one of them with 4 or 6 behind.
revoke    takes NAME's certificates back and writes crl.pem anew: servers with
          crl-verify refuse them from the next connection on.
list      shows what was issued, and what has become of it.

--key is ec (P-256, the default; else what the CA has), ed25519, rsa2048,
rsa3072 or rsa4096. --days is how long a certificate lasts: 3650 for the CA,
825 for others, never longer than the CA. A name can be given again once its
certificate is revoked, has expired, or will within 30 days.

Exit status: 0 done, 1 failed, 2 wrong usage.
]=]

-- The options: takes a value, may come again.
local OPTIONS = {
  dir = { value = "DIR" },
  name = { value = "CN" },
  key = { value = "KIND" },
  days = { value = "N" },
  keep = {},
  password = {},
  ["password-file"] = { value = "FILE" },
  remote = { value = "HOST[:PORT[/PROTO]]", many = true },
}

local COMMANDS = {
  init = { "dir", "name", "key", "days" },
  server = { "dir", "key", "days", named = true },
  client = { "dir", "key", "days", "keep", "password", "password-file", "remote", named = true },
  revoke = { "dir", named = true },
  list = { "dir" },
}
local NAMES = { "init", "server", "client", "revoke", "list" }

local KINDS = { "ec", "ed25519", "rsa2048", "rsa3072", "rsa4096" }
local PROTOS = { "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6" }

local function has(list, word)
  for _, w in ipairs(list) do if w == word then return true end end
  return false
end

--- "host:443/tcp", "[fd00::1]:1194" into { host, port, proto }; or nil and what is wrong.
function M.remote(text)
  local host, rest = text:match("^%[([%x:.]+)%](.*)$")
  if not host then host, rest = text:match("^([%w._-]+)(.*)$") end
  if not host then return nil, ("remote '%s': there is no host in it"):format(text) end
  local port, proto = "1194", "udp"
  if rest ~= "" then
    port, rest = rest:match("^:(%d+)(.*)$")
    if not port then
      return nil, ("remote '%s': HOST[:PORT[/PROTO]] is needed; an IPv6 address stands in []")
        :format(text)
    end
    if rest ~= "" then proto = rest:match("^/(.*)$") or "" end
  end
  local number = tonumber(port)
  if number < 1 or number > 65535 then
    return nil, ("remote '%s': a port is 1 to 65535"):format(text)
  end
  if not has(PROTOS, proto) then
    return nil, ("remote '%s': the protocol is one of %s"):format(text, table.concat(PROTOS, ", "))
  end
  return { host = host, port = number, proto = proto }
end

--- nil, or why |name| is not one for a certificate and its files.
function M.bad_name(name)
  if #name > 64 then return "it has more than 64 characters" end
  if not name:find("^%w[%w._@+-]*$") then
    return "it may have letters, digits and . _ @ + - and begins with a letter or digit"
  end
  return nil
end

local function check_values(o)
  if o.key and not has(KINDS, o.key) then
    return ("--key '%s'%s; it is one of %s"):format(o.key, suggest.hint(o.key, KINDS),
      table.concat(KINDS, ", "))
  end
  if o.days then
    local days = o.days:find("^%d+$") and tonumber(o.days) or 0
    if days < 1 or days > 36500 then return ("--days '%s': 1 to 36500"):format(o.days) end
    o.days = days
  end
  local remotes = {}
  for i, text in ipairs(o.remote or {}) do
    local r, err = M.remote(text)
    if not r then return "--" .. err end
    remotes[i] = r
  end
  o.remote = remotes
  if o.password and o.password_file then
    return "--password and --password-file exclude each other"
  end
  if o.dir == "" then return "--dir: it is empty" end
  return nil
end

-- The option at args[i]: its name and value, and where the next word stands; or nil and why not.
local function option(args, i, command)
  local name, value = args[i]:match("^%-%-([%w-]+)=?(.*)$")
  local known = COMMANDS[command]
  local spec = name and has(known, name) and OPTIONS[name]
  if not spec then
    return nil, ("%s: unknown option '%s'%s"):format(command, args[i],
      suggest.hint(name or args[i], known))
  end
  local given = args[i]:find("=", 1, true) ~= nil
  if not spec.value then
    if given then return nil, ("--%s takes no value"):format(name) end
    return name, true, i + 1
  end
  if given then return name, value, i + 1 end
  if not args[i + 1] then return nil, ("--%s: %s is missing"):format(name, spec.value) end
  return name, args[i + 1], i + 2
end

local function add(o, name, value)
  local field = name:gsub("-", "_")
  if not OPTIONS[name].many then
    if o[field] ~= nil then return ("--%s stands there twice"):format(name) end
    o[field] = value
  else
    o[field] = o[field] or {}
    table.insert(o[field], value)
  end
  return nil
end

--- What |args| (behind `pki`) ask for: { command, cn, dir, name, key, days, keep, password,
-- password_file, remote = {} }; or nil and what is wrong.
function M.parse(args)
  local command = args[1]
  if not command then return nil, "a command is missing" end
  if has(args, "--help") or has(args, "-h") or command == "help" then
    return { command = "help" }
  end
  local spec = COMMANDS[command]
  if not spec then
    return nil, ("there is no command '%s'%s"):format(command, suggest.hint(command, NAMES))
  end
  local o = { command = command }
  local i = 2
  while args[i] do
    if args[i]:find("^%-") then
      local name, value, behind = option(args, i, command)
      if not name then return nil, value end
      local err = add(o, name, value)
      if err then return nil, err end
      i = behind
    elseif spec.named and not o.cn then
      o.cn = args[i]
      i = i + 1
    else
      return nil, ("%s: '%s' is one word too many"):format(command, args[i])
    end
  end
  if spec.named and not o.cn then return nil, ("%s: a name is missing"):format(command) end
  local bad = o.cn and M.bad_name(o.cn)
  if not bad and command == "server" and o.cn:find("[^%w.-]") then
    bad = "a server's is a host name or an address"
  end
  if bad then return nil, ("%s: the name '%s': %s"):format(command, o.cn, bad) end
  local err = check_values(o)
  if err then return nil, err end
  o.dir = o.dir or "pki"
  return o
end

return M
