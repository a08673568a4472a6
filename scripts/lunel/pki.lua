-- SPDX-License-Identifier: GPL-3.0-or-later
--- `lunel pki`: a PKI of one's own in a folder. It runs in the launcher's state; cryptography is
-- core.pki's, the command line lunel/pki_args.lua's, the index lunel/pki_index.lua's.
local core = require "lunel.core"
local arguments = require "lunel.pki_args"
local index_file = require "lunel.pki_index"

local M = {}

local OK, FAILED, BAD = 0, 1, 2
local DAY = 86400
local CA_DAYS, DAYS = 3650, 825
-- A clock that is somewhat behind shall find a new certificate valid.
local BACKDATE = 3600
-- Longer ones wolfSSL cuts in a PEM key.
local PASSWORD_MAX = 79

local function complain(text)
  io.stdout:flush()
  for line in (text .. "\n"):gmatch("(.-)\n") do io.stderr:write("lunel: ", line, "\n") end
end

-- Ends the command: `main` says it and returns FAILED.
local function fail(format, ...)
  error({ failure = format:format(...) }, 0)
end

local function say(format, ...)
  io.stderr:write(format:format(...), "\n")
end

local function now()
  return math.floor(core.time())
end

-- ---- the folder ----

local held -- the lock of the command that runs

local Folder = {}
Folder.__index = Folder

function Folder:path(name)
  return self.dir .. "/" .. name
end

function Folder:read(name, remedy)
  local text, err = core.read_file(self:path(name))
  if text then return text end
  return fail("cannot read '%s': %s; %s", self:path(name), err, remedy)
end

-- |secret|: a key, which nobody else may read and nothing is written over. |cn|: whose certificate
-- is recorded already.
function Folder:write(name, text, secret, cn)
  local ok, err = core.write_file(self:path(name), text, secret and 384 or 420, not secret)
  if ok then return end
  fail("cannot write '%s': %s%s", self:path(name), err,
    cn and ("; `lunel pki revoke %s` and issue it anew"):format(cn) or "")
end

-- What has the name already stays, under one with |serial| in it.
function Folder:put_aside(name, serial)
  if not core.exists(self:path(name)) then return end
  local stem, kind = name:match("^(.*)(%.%l+)$")
  local aside = ("%s.%s%s"):format(stem, serial, kind)
  local ok, err = os.rename(self:path(name), self:path(aside))
  if not ok then fail("cannot rename '%s': %s", self:path(name), err) end
end

function Folder:write_index()
  local ok, err = core.write_file(self:path "index", index_file.format(self.index), 384, true)
  if not ok then fail("cannot write '%s': %s", self:path "index", err) end
end

-- A new list, from the index. It lasts as long as the CA: servers that read it refuse everybody
-- once it has run out.
function Folder:write_crl()
  local crl, err = core.pki.crl {
    ca_cert = self.ca_cert, ca_key = self.ca_key, number = self.index.crl_number,
    this_update = now(), next_update = self.ca.not_after,
    revoked = index_file.revoked(self.index),
  }
  if not crl then fail("%s: %s", self:path "crl.pem", err) end
  self:write("crl.pem", crl)
end

function Folder:read_index()
  local text = self:read("index", "without it nobody knows what was issued: restore it")
  local index, line = index_file.parse(text)
  if not index then
    fail("%s:%d: not a line of an index; the file's head says how they look", self:path "index",
      line)
  end
  self.index = index
end

-- Opens the PKI for a command that changes it (|keys|) or not.
local function open(dir, keys)
  local f = setmetatable({ dir = dir }, Folder)
  if not core.exists(f:path "ca.crt") then
    fail("there is no PKI in '%s'; `lunel pki init --dir %s` makes one, --dir names another", dir,
      dir)
  end
  local err
  held, err = core.lock_folder(dir)
  if not held then fail("cannot lock '%s': %s", dir, err) end
  f:read_index()
  f.ca_cert = f:read("ca.crt", "restore it")
  f.ca, err = core.pki.facts(f.ca_cert)
  if not f.ca then fail("%s: %s", f:path "ca.crt", err) end
  if not keys then return f end
  f.ca_key = f:read("ca.key", "only who may read it can issue and revoke")
  if now() >= f.ca.not_after then
    fail("%s: the CA has expired on %s; begin anew with another --dir", f:path "ca.crt",
      index_file.date(f.ca.not_after))
  end
  return f
end

local function make_key(kind)
  local key, err = core.pki.key(kind)
  if not key then fail("no private key: %s", err) end
  return key
end

-- ---- init ----

local commands = {}

local function ca_name()
  return ("VPN CA %s %s"):format(core.hostname():sub(1, 40), index_file.date(now()))
end

local function new_folder(dir)
  local ok, err = core.make_folder(dir)
  if not ok then fail("cannot make the folder '%s': %s; --dir names another", dir, err) end
  local f = setmetatable({ dir = dir, index = { crl_number = 1 } }, Folder)
  for _, name in ipairs { "issued", "private" } do
    ok, err = core.make_folder(f:path(name))
    if not ok then fail("cannot make the folder '%s': %s", f:path(name), err) end
  end
  return f
end

function commands.init(o)
  if core.exists(o.dir .. "/ca.crt") or core.exists(o.dir .. "/ca.key") then
    fail("there is a PKI in '%s' already, which stays as it is; --dir names another folder", o.dir)
  end
  local name = o.name or ca_name()
  local key = make_key(o.key or "ec")
  local cert, err = core.pki.cert {
    role = "ca", cn = name, key = key,
    not_before = now() - BACKDATE, not_after = now() + (o.days or CA_DAYS) * DAY,
  }
  if not cert then fail("no CA '%s': %s", name, err) end
  local f = new_folder(o.dir)
  f.ca_key, f.ca_cert, f.ca = key, cert, core.pki.facts(cert)
  f:write("ca.key", f.ca_key, true)
  f:write("tls-crypt-v2.key", assert(core.pki.v2_server_key()), true)
  f:write("auth-token.key", assert(core.pki.auth_token_key()), true)
  f.index[1] = { serial = f.ca.serial, kind = "ca", name = "-", issued = now(),
                 expires = f.ca.not_after }
  f:write_index()
  f:write_crl()
  f:write("ca.crt", f.ca_cert) -- last: with it, there is a PKI
  local dir = o.dir ~= "pki" and " --dir " .. o.dir or ""
  print(("%s: the CA '%s', valid until %s"):format(o.dir, f.ca.cn,
    index_file.date(f.ca.not_after)))
  print("ca.key in it signs whatever is trusted: keep it safe, best on no server. Next:")
  print(("  lunel pki server vpn.example.net%s       # a certificate and a configuration")
    :format(dir))
  print(("  lunel pki client anna%s >anna.ovpn       # a profile with everything in it")
    :format(dir))
end

-- ---- server and client ----

-- Issues for |o| and records it: the private key, the certificate, what it says.
local function issue(f, o, role)
  local old = index_file.in_the_way(f.index, o.cn, now())
  if old then
    fail("'%s' has a certificate already, valid until %s; `lunel pki revoke %s` takes it back",
      o.cn, index_file.date(old.expires), o.cn)
  end
  local kind, wrong = core.pki.key_kind(f.ca_key)
  if not kind then fail("%s: %s", f:path "ca.key", wrong) end
  local key = make_key(o.key or kind)
  local cert, err = core.pki.cert {
    role = role, cn = o.cn, names = role == "server" and { o.cn } or nil, key = key,
    ca_cert = f.ca_cert, ca_key = f.ca_key, not_before = now() - BACKDATE,
    not_after = math.min(now() + (o.days or DAYS) * DAY, f.ca.not_after),
  }
  if not cert then fail("no certificate for '%s': %s", o.cn, err) end
  local facts = core.pki.facts(cert)
  for i = #f.index, 1, -1 do
    local e = f.index[i]
    if e.name == o.cn then
      f:put_aside(("private/%s.key"):format(o.cn), e.serial)
      f:put_aside(("issued/%s.crt"):format(o.cn), e.serial)
      break
    end
  end
  local kept = f:path(("private/%s.key"):format(o.cn))
  if (role == "server" or o.keep) and core.exists(kept) then
    fail("'%s' is there already, and no key is written over; move it away", kept)
  end
  -- Recorded before it exists anywhere: what nobody knows of, nobody can revoke.
  f.index[#f.index + 1] = { serial = facts.serial, kind = role, name = o.cn, issued = now(),
                            expires = facts.not_after }
  f:write_index()
  return key, cert, facts
end

-- As OpenVPN reads a word of a configuration.
local function quote(path)
  return '"' .. path:gsub('[\\"]', "\\%0") .. '"'
end

local SERVER = [[
# A server of the PKI in %s. `lunel` runs it, and so does `openvpn --config`.
port 1194
proto udp
dev tun
topology subnet
server 10.8.0.0 255.255.255.0
keepalive 10 60
explicit-exit-notify 1
persist-key
persist-tun

ca %s
cert %s
key %s
dh none
tls-crypt-v2 %s
# Read again at each connection. `user nobody` needs a copy where nobody may read it.
crl-verify %s
remote-cert-tls client

# Beside certificates, with passwords: tokens spare asking again, also after a restart.
#auth-gen-token 43200
#auth-gen-token-secret %s
]]

local function server_configuration(f, name)
  local dir, err = core.absolute(f.dir)
  if not dir then fail("cannot tell where '%s' is: %s", f.dir, err) end
  local function path(file) return quote(dir .. "/" .. file) end
  return SERVER:format(dir, path "ca.crt", path(("issued/%s.crt"):format(name)),
    path(("private/%s.key"):format(name)), path "tls-crypt-v2.key", path "crl.pem",
    path "auth-token.key"), dir
end

function commands.server(o)
  local f = open(o.dir, true)
  local key, cert, facts = issue(f, o, "server")
  f:write(("private/%s.key"):format(o.cn), key, true, o.cn)
  f:write(("issued/%s.crt"):format(o.cn), cert, false, o.cn)
  local text, dir = server_configuration(f, o.cn)
  f:write(o.cn .. ".conf", text, false, o.cn)
  io.stdout:write(text)
  io.stdout:flush()
  say("")
  say("issued a server's certificate to '%s', valid until %s", o.cn,
    index_file.date(facts.not_after))
  say("  %s/issued/%s.crt", dir, o.cn)
  say("  %s/private/%s.key", dir, o.cn)
  say("  %s/%s.conf: the configuration above. Next:", dir, o.cn)
  say("  change addresses in it to suit, and start it: lunel %s/%s.conf", dir, o.cn)
  say("  on another machine it needs these files, ca.crt, crl.pem and tls-crypt-v2.key, not ca.key")
end

local function password_of(o)
  local password
  if o.password_file then
    local text, err = core.read_file(o.password_file)
    if not text then fail("--password-file: cannot read '%s': %s", o.password_file, err) end
    password = text:match("^[^\r\n]*")
  elseif o.password then
    local first, err = core.prompt(("Password for the key of %s: "):format(o.cn), false)
    if not first then
      fail("--password: %s; --password-file FILE takes its first line", err)
    end
    local second = core.prompt("Again: ", false)
    if not second then fail("--password: interrupted") end
    password = first:reveal()
    if password ~= second:reveal() then fail("--password: the two are not the same") end
  else
    return nil
  end
  if password == "" then fail("the password is empty") end
  if #password > PASSWORD_MAX or password:find("%z") then
    fail("the password has more than %d characters, or one that is none", PASSWORD_MAX)
  end
  return password
end

local function remotes_of(f, o)
  if #o.remote > 0 then return o.remote end
  local server = index_file.newest(f.index, "server", now())
  if not server then
    error({ failure = "client: --remote HOST says where the server is; none has been issued whose"
      .. " name could be taken", status = BAD }, 0)
  end
  return { { host = server.name, port = 1194, proto = "udp", guessed = true } }
end

local function block(name, text)
  return ("<%s>\n%s</%s>\n"):format(name, text:gsub("%s+$", "") .. "\n", name)
end

local function profile(o, remotes, f, cert, key, wrapped, facts)
  local lines = {
    ("# %s, until %s"):format(o.cn, index_file.date(facts.not_after)),
    "client", "dev tun",
  }
  local udp = true
  for _, r in ipairs(remotes) do
    lines[#lines + 1] = ("remote %s %d %s"):format(r.host, r.port, r.proto)
    udp = udp and r.proto:find "^udp" ~= nil
  end
  lines[#lines + 1] = "nobind"
  -- Else the server has it for connected until its pings time out; TCP's end is seen.
  if udp then lines[#lines + 1] = "explicit-exit-notify 1" end
  lines[#lines + 1] = "remote-cert-tls server\n"
  return table.concat(lines, "\n") .. block("ca", f.ca_cert) .. block("cert", cert)
    .. block("key", key:reveal()) .. block("tls-crypt-v2", wrapped:reveal())
end

function commands.client(o)
  local password = password_of(o)
  local f = open(o.dir, true)
  local remotes = remotes_of(f, o)
  local wrapped, err = core.pki.v2_client_key(f:read("tls-crypt-v2.key", "restore it"), now())
  if not wrapped then fail("%s: %s", f:path "tls-crypt-v2.key", err) end
  local key, cert, facts = issue(f, o, "client")
  if password then
    key, err = core.pki.encrypt(key, password)
    if not key then fail("the key is not encrypted: %s", err) end
  end
  if o.keep then f:write(("private/%s.key"):format(o.cn), key, true, o.cn) end
  f:write(("issued/%s.crt"):format(o.cn), cert, false, o.cn)
  local ok
  ok, err = io.stdout:write(profile(o, remotes, f, cert, key, wrapped, facts))
  if ok then ok, err = io.stdout:flush() end
  if not ok then
    fail("the profile could not be written: %s; `lunel pki revoke %s` and issue it anew", err,
      o.cn)
  end
  say("issued a client's certificate to '%s', valid until %s", o.cn,
    index_file.date(facts.not_after))
  if remotes[1].guessed then
    say("it looks for the server at %s, port 1194, udp; --remote would say otherwise",
      remotes[1].host)
  end
end

-- ---- revoke and list ----

function commands.revoke(o)
  local f = open(o.dir, true)
  local known, revoked = false, 0
  for _, e in ipairs(f.index) do
    if e.name == o.cn then
      known = true
      if not e.revoked then
        e.revoked = now()
        revoked = revoked + 1
      end
    end
  end
  if not known then
    fail("no certificate was issued to '%s'; `lunel pki list --dir %s` shows to whom", o.cn, o.dir)
  end
  f.index.crl_number = f.index.crl_number + 1
  f:write_index()
  -- Also when there was nothing left to revoke: it may have been interrupted here.
  f:write_crl()
  print(revoked > 0 and ("revoked '%s'; %s is written anew"):format(o.cn, f:path "crl.pem")
    or ("'%s' was revoked already; %s is written anew"):format(o.cn, f:path "crl.pem"))
end

function commands.list(o)
  local f = open(o.dir, false)
  for _, e in ipairs(f.index) do
    if e.kind == "ca" then e.name = f.ca.cn end
  end
  for _, line in ipairs(index_file.table(f.index, now())) do print(line) end
end

function commands.help()
  io.stdout:write(arguments.help)
end

--- Acts on |args|, what stands behind `pki`; the exit status.
function M.main(args)
  local o, wrong = arguments.parse(args)
  if not o then
    complain("pki: " .. wrong)
    io.stderr:write(arguments.usage)
    return BAD
  end
  local ok, err = pcall(commands[o.command], o)
  if held then core.unlock(held) end
  held = nil
  if ok then return OK end
  if type(err) ~= "table" or not err.failure then error(err, 0) end
  complain("pki: " .. err.failure)
  return err.status or FAILED
end

return M
