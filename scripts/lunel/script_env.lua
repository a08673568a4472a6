-- SPDX-License-Identifier: GPL-3.0-or-later
--- The variables that OpenVPN's server sets for its programs about one client.
local address = require "lunel.schema_address"
local core = require "lunel.core"
local device = require "lunel.policy_device"

local M = {}

M.PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
local FORBIDDEN = { PATH = true, IFS = true, BASH_ENV = true, ENV = true, SHELL = true }

--- Sets |name| in the list |env|. The later word counts: what is so goes over what `setenv` says.
function M.add(env, name, value)
  if value == nil or value == "" then return end
  for i = #env, 1, -1 do
    if env[i]:sub(1, #name + 1) == name .. "=" then table.remove(env, i) end
  end
  env[#env + 1] = name .. "=" .. tostring(value)
end

local add = M.add

-- ---- certificates ----

-- The number whose digits in base |from| are |digits|, most significant first, in base |to|.
local function convert(digits, from, to)
  local out = {}
  while #digits > 0 do
    local rest, quotient = 0, {}
    for _, digit in ipairs(digits) do
      rest = rest * from + digit
      local q = math.floor(rest / to)
      rest = rest % to
      if #quotient > 0 or q > 0 then quotient[#quotient + 1] = q end
    end
    table.insert(out, 1, rest)
    digits = quotient
  end
  return out
end

--- A serial number, decimal or hex pairs with colons, in both forms, as OpenVPN writes them.
function M.serials(serial)
  local digits = {}
  if not serial:find("[:%a]") then
    for digit in serial:gmatch "%d" do digits[#digits + 1] = tonumber(digit) end
    local pairs_of = convert(digits, 10, 256)
    for i, byte in ipairs(pairs_of) do pairs_of[i] = ("%02x"):format(byte) end
    return serial, pairs_of[1] and table.concat(pairs_of, ":") or "00"
  end
  for byte in serial:gmatch "%x%x" do digits[#digits + 1] = tonumber(byte, 16) end
  local decimal = table.concat(convert(digits, 256, 10))
  return decimal == "" and "0" or decimal, serial:lower()
end

-- The fields of a subject "C=DE, O=Example, CN=anna": of those that are there again the second has
-- _1 behind it.
local function add_subject(env, depth, subject)
  local seen = {}
  for name, value in subject:gmatch "(%w+)=([^,]*)" do
    local n = seen[name] or 0
    seen[name] = n + 1
    local again = n > 0 and "_" .. n or ""
    add(env, ("X509_%d_%s%s"):format(depth, name, again), value)
  end
end

--- What is known of |cert| at |depth|.
function M.add_cert(env, depth, cert)
  local decimal, hex
  if cert.serial then decimal, hex = M.serials(cert.serial) end
  add(env, ("tls_id_%d"):format(depth), cert.subject)
  add(env, ("tls_serial_%d"):format(depth), decimal)
  add(env, ("tls_serial_hex_%d"):format(depth), hex)
  add(env, ("tls_digest_%d"):format(depth), cert.sha1 and cert.sha1:lower())
  add(env, ("tls_digest_sha256_%d"):format(depth), cert.fingerprint and cert.fingerprint:lower())
  add_subject(env, depth, cert.subject or "")
end

--- What is kept of |chain| while the client is there: all but its own, which thousands share.
function M.authorities(t, chain)
  t.authorities = t.authorities or setmetatable({}, { __mode = "v" })
  local out = {}
  for i = 2, #chain do
    local key = chain[i].fingerprint or i
    t.authorities[key] = t.authorities[key] or chain[i]
    out[i - 1] = t.authorities[key]
  end
  return out
end

-- ---- addresses ----

local function add_place(env, p, kind)
  local host, port = (p.address or ""):match("^%[?([%x:.]*)%]?:(%d+)$")
  local six = host and host:find(":", 1, true) and "6" or ""
  add(env, kind .. "_ip" .. six, host)
  add(env, kind .. "_port", port)
end

-- The value that |env| has.
local function of(env, name)
  for _, line in ipairs(env) do
    local value = line:match("^" .. name .. "=(.*)$")
    if value then return value end
  end
end

-- What the client got; the other end of it is as `topology` says.
local function add_pool(env, t, p)
  if p.ipv4 then
    add(env, "ifconfig_pool_remote_ip", p.ipv4)
    if t.conf.topology == "net30" then
      local ip = address.ipv4(p.ipv4)
      add(env, "ifconfig_pool_local_ip", ip and address.ipv4_text(ip - 1))
    elseif t.conf.topology == "p2p" then
      add(env, "ifconfig_pool_local_ip", of(env, "ifconfig_local"))
    else
      add(env, "ifconfig_pool_netmask", of(env, "ifconfig_netmask"))
    end
  end
  if p.ipv6 then
    add(env, "ifconfig_pool_remote_ip6", p.ipv6)
    add(env, "ifconfig_pool_local_ip6", of(env, "ifconfig_ipv6_local"))
    add(env, "ifconfig_pool_ip6_netbits", of(env, "ifconfig_ipv6_netbits"))
  end
end

-- ---- all of it ----

--- What is so of the server |t|, for a program of |script_type|.
function M.server(t, script_type)
  local env = { M.PATH, "script_type=" .. script_type, "script_context=init", "dev_type=tun" }
  for name, value in pairs(t.conf.setenv or {}) do
    if not FORBIDDEN[name] and not name:find("^LD_") then add(env, name, value) end
  end
  add(env, "verb", t.conf.verb)
  for i, at in ipairs(t.conf.listen or {}) do
    add(env, "proto_" .. i, at.proto == "tcp" and "tcp-server" or at.proto)
    add(env, "local_" .. i, at.address)
    add(env, "local_port_" .. i, at.port)
  end
  if t.ifname then
    for _, line in ipairs(device.environment(t)) do add(env, line:match "^([^=]*)=(.*)$") end
  end
  return env
end

-- What the client says about itself. As OpenVPN passes it on: without blanks, without control
-- characters, and without what makes a shell run something.
local function add_peer_info(env, text)
  for line in (text or ""):gmatch "[^\n]+" do
    local name, value = line:match "^([IU]V_[%w_]+)=(.*)$"
    if name then add(env, name, (value:gsub("[^\33-\126]", "_"):gsub("[($`]", "_"))) end
  end
end

--- What programs learn of the client |p|; |stats| once it is gone.
function M.client(t, p, script_type, stats)
  local env = M.server(t, script_type)
  local since = p.connected_at and p.connected_at > 0 and p.connected_at
  add(env, "common_name", p.name)
  add(env, "username", p.user)
  add_place(env, p, "untrusted")
  add_pool(env, t, p)
  add_peer_info(env, p.peer_info)
  if p.cert then M.add_cert(env, 0, p.cert) end
  for i, cert in ipairs(p.authorities or {}) do M.add_cert(env, i, cert) end
  -- Until it has logged in it is not trusted, and has not come.
  if script_type == "user-pass-verify" and not since then return env end
  since = since or core.wallclock()
  add_place(env, p, "trusted")
  add(env, "time_unix", ("%.0f"):format(since))
  add(env, "time_ascii", os.date("%Y-%m-%d %H:%M:%S", math.floor(since)))
  if stats then
    add(env, "bytes_received", ("%.0f"):format(stats.link_rx))
    add(env, "bytes_sent", ("%.0f"):format(stats.link_tx))
    add(env, "time_duration", ("%.0f"):format(core.wallclock() - since))
  end
  return env
end

--- For tls-verify, which judges the certificate |i| of |chain|: those above it are known by then.
function M.chain(t, p, chain, i)
  local env = M.server(t, "tls-verify")
  for k = #chain, i, -1 do M.add_cert(env, chain[k].depth, chain[k]) end
  if chain[i].depth == 0 then add(env, "common_name", chain[i].cn) end
  add_place(env, p, "untrusted")
  return env
end

return M
