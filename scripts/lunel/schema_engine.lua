-- SPDX-License-Identifier: GPL-3.0-or-later
--- From a checked configuration to what the engine takes: the fields of struct lnl_tunnel_options,
-- with the content of files in place of their paths.
local lexer = require "lunel.profile_lexer"
local lanes = require "lunel.schema_lane"
local origins = require "lunel.origin"

local M = {}

local BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- The bytes that base64 |text| stands for, or nil; blanks are passed over.
local function from_base64(text)
  local out, bits, n = {}, 0, 0
  text = text:gsub("%s", "")
  local body = text:match("^[%w+/]+=?=?$")
  if not body or #body % 4 ~= 0 then return nil end
  for c in body:gmatch("[^=]") do
    bits, n = bits * 64 + BASE64:find(c, 1, true) - 1, n + 6
    if n >= 8 then
      n = n - 8
      out[#out + 1] = string.char(math.floor(bits / 2 ^ n))
      bits = bits % 2 ^ n
    end
  end
  return table.concat(out)
end

local FRAMING = { ["stub"] = 2, ["stub-v2"] = 3, migrate = 0 }

-- Reads the files, collecting what cannot be read.
local reading = {}
reading.__index = reading

function reading:fail(path, text)
  self.errors[#self.errors + 1] = origins.message(self.origin, path, text)
end

-- The content that |value| of the key |path| gives, or nil.
function reading:content(path, value)
  if not value or value:find("\n", 1, true) then return value end
  local text, err = self.reader(value)
  if not text then
    self:fail(path, ("cannot read '%s': %s"):format(value, err or "unknown error"))
  elseif text == "" then
    self:fail(path, ("'%s' is empty"):format(value))
    return nil
  end
  return text
end

--- The first two lines of a file: user name and password.
function M.first_lines(text)
  text = text:gsub("^\239\187\191", "")
  local lines = lexer.lines(text)
  return lines[1], lines[2]
end

-- Option of the engine, key in tls.
local FILES = {
  { "ca", "ca" }, { "cert", "cert" }, { "key", "key" }, { "pkcs12", "pkcs12" },
  { "extra_certs", "extra_certs" }, { "crl", "crl" }, { "tls_auth", "auth" },
  { "tls_crypt", "crypt" }, { "tls_crypt_v2", "crypt_v2" },
}

local function read_tls(out, tls, files)
  for _, row in ipairs(FILES) do
    out[row[1]] = files:content("tls." .. row[2], tls[row[2]])
  end
  if tls.pkcs12 and tls.pkcs12:find("\n", 1, true) then
    out.pkcs12 = from_base64(tls.pkcs12)
    if not out.pkcs12 then files:fail("tls.pkcs12", "the inline content is not base64") end
  end
  if tls.crl and not tls.crl:find("\n", 1, true) then out.crl_file = tls.crl end
  out.key_password = tls.password
  if type(tls.askpass) == "string" then
    local text = files:content("tls.askpass", tls.askpass)
    out.key_password = text and M.first_lines(text)
  end
end

local function trust(out, tls)
  out.tls_version_min, out.tls_version_max = tls.version_min, tls.version_max
  out.tls_cipher, out.tls_ciphersuites = tls.cipher, tls.ciphersuites
  out.tls_groups, out.tls_timeout = tls.groups, tls.timeout
  out.key_direction = tls.key_direction
  -- The role that the other end's certificate is for: a client's server, a server's clients.
  local usual = out.listen and "client" or "server"
  out.remote_cert_tls = tls.remote_cert == usual
  out.ku = tls.remote_cert_ku
  out.eku = tls.remote_cert_eku
  if not out.eku and tls.remote_cert and tls.remote_cert ~= usual then
    out.eku = tls.remote_cert == "client" and "clientAuth" or "serverAuth"
  end
  if tls.verify_x509_name then
    out.name, out.name_check = tls.verify_x509_name.name, tls.verify_x509_name.type
  end
  if tls.peer_fingerprint then
    out.fingerprints = {}
    for i, hex in ipairs(tls.peer_fingerprint) do
      out.fingerprints[i] = hex:gsub("%x%x", function(byte)
        return string.char(tonumber(byte, 16))
      end)
    end
  end
end

--- What reads the files of a configuration and collects what cannot be read (`errors`).
function M.reading(reader, origin)
  return setmetatable({ reader = reader, origin = origin, errors = {} }, reading)
end

--- What clients and servers share: keys, trust, ciphers, framing.
function M.security(out, conf, files)
  out.cipher = conf.data_ciphers_fallback or conf.cipher
  out.replay_window = conf.replay_window.packets
  out.framing = conf.comp_lzo and 1 or FRAMING[conf.compress]
  read_tls(out, conf.tls, files)
  trust(out, conf.tls)
end

local function credentials(out, conf, files)
  local creds = conf.auth_user_pass
  if not creds then return end
  out.auth_user_pass = true
  out.username, out.password = creds.username, creds.password
  if creds.file then
    local text = files:content("auth_user_pass.file", creds.file)
    if text then
      out.username, out.password = M.first_lines(text)
      if not out.username or out.username == "" then
        files:fail("auth_user_pass.file", ("'%s' has no user name in its first line")
          :format(creds.file))
      end
    end
  end
end

-- Keys that the engine knows by the same name and in the same form.
local SAME = {
  "remote_random", "remote_random_hostname", "connect_timeout", "connect_retry_max",
  "resolv_retry", "bind_dev", "mark", "sndbuf", "rcvbuf", "dev", "persist_tun", "tun_mtu",
  "txqueuelen", "ifconfig_noexec", "route_noexec", "pull", "data_ciphers", "auth", "reneg_sec",
  "reneg_sec_min", "reneg_bytes", "reneg_pkts", "tran_window", "hand_window", "ping",
  "ping_restart", "ping_exit", "ping_timer_rem", "session_timeout", "explicit_exit_notify",
  "auth_nocache", "auth_retry", "auth_token", "auth_token_user", "push_peer_info",
  "max_packet_size", "disable_occ",
}
local REMOTE = {
  "host", "port", "proto", "local", "lport", "connect_timeout", "explicit_exit_notify", "mssfix",
  "tun_mtu",
}
local MTU_DISC = { no = 0, maybe = 1, yes = 2 }
M.OFFLOAD = { full = 0, batch = 1, single = 2 }

--- The network options of |conf| as lines, in the order in which they build on each other.
function M.network(conf)
  local out = {}
  local function add(name, value)
    out[#out + 1] = value == "" and name or name .. " " .. value
  end
  for _, key in ipairs {
    "topology", "ifconfig", "ifconfig_ipv6", "route_gateway", "route_ipv6_gateway",
    "route_metric", "redirect_gateway", "redirect_private", "block_ipv6", "route_nopull",
    "route", "route_ipv6", "dhcp_option", "dns",
  } do
    local name, value = key:gsub("_", "-"), conf[key]
    if value == true then add(name, "")
    elseif type(value) == "table" then
      for _, words in ipairs(value) do add(name, words) end
    elseif value ~= nil and value ~= false then add(name, tostring(value)) end
  end
  return out
end

--- The texts "UV_X=value" that go to the server, sorted, a line each; nil when there are none.
function M.peer_info(conf)
  local out = {}
  local own = conf.peer_info or {}
  for name, value in pairs(conf.setenv or {}) do
    if name:find("^UV_") and own[name] == nil then
      out[#out + 1] = ("%s=%s\n"):format(name, value)
    end
  end
  table.sort(out)
  return out[1] and table.concat(out) or nil
end

--- The lines of `peer_info`, sorted; nil when there are none.
function M.own_peer_info(conf)
  local out = {}
  for name, value in pairs(conf.peer_info or {}) do
    out[#out + 1] = ("%s=%s\n"):format(name, value)
  end
  table.sort(out)
  return out[1] and table.concat(out) or nil
end

--- One checked remote, with the tunnel's own values where it has none: a new table.
function M.remote(remote, conf)
  local out = {}
  for _, key in ipairs(REMOTE) do out[key] = remote[key] end
  out["local"] = out["local"] or conf["local"]
  out.lport = out.lport or conf.lport
  return out
end

--- Those of the remotes that are used: all, or with proto_force those of that transport.
function M.remotes(conf)
  local out = {}
  for _, remote in ipairs(conf.remotes) do
    if not conf.proto_force or remote.proto:sub(1, 3) == conf.proto_force then
      out[#out + 1] = remote
    end
  end
  return out
end

--- The engine's options for |conf|, a result of schema.check. |reader(path)| gives a file's
-- content, or nil and a reason; |origin| says where keys were set, as in schema.check. Returns the
-- table and the list of the remotes behind its `remotes`, place by place; or nil and the errors.
function M.options(conf, reader, origin)
  local files = M.reading(reader, origin)
  local out = {}
  for _, key in ipairs(SAME) do out[key] = conf[key] end
  local used = M.remotes(conf)
  out.remotes = {}
  for i, remote in ipairs(used) do out.remotes[i] = M.remote(remote, conf) end
  if #used == 0 and #conf.remotes > 0 then
    files:fail("proto_force", ("no remote uses %s"):format(conf.proto_force))
  end
  out.connect_retry, out.connect_retry_max_wait = conf.connect_retry.first, conf.connect_retry.max
  out.mtu_disc = MTU_DISC[conf.mtu_disc]
  out.offload = M.OFFLOAD[conf.offload]
  out.tcp_nodelay = conf.socket_flags ~= nil and conf.socket_flags[1] ~= nil or nil
  out.floating, out.tap = conf.float, conf.dev_type == "tap"
  out.mssfix = conf.mssfix.value
  out.mssfix_mtu, out.mssfix_fixed = conf.mssfix.mode == "mtu", conf.mssfix.mode == "fixed"
  out.network = M.network(conf)
  out.pull_filter = {}
  for i, filter in ipairs(conf.pull_filter or {}) do
    out.pull_filter[i] = { filter.action, filter.text }
  end
  out.inactive = conf.inactive and conf.inactive.seconds
  out.inactive_bytes = conf.inactive and conf.inactive.bytes
  out.peer_info_extra, out.peer_info = M.peer_info(conf), M.own_peer_info(conf)
  if conf.static_challenge then
    out.static_challenge = conf.static_challenge.text
    out.static_challenge_echo = conf.static_challenge.echo
  end
  M.security(out, conf, files)
  lanes.options(out, conf, files)
  credentials(out, conf, files)
  if #files.errors > 0 then
    lanes.forget(out)
    return nil, origins.texts(files.errors)
  end
  return out, used
end

return M
