-- SPDX-License-Identifier: GPL-3.0-or-later
--- From a checked server's configuration to what the engine takes: the fields of struct
-- lnl_server_options, with the content of files in place of their paths.
local lanes = require "lunel.schema_lane"
local origins = require "lunel.origin"
local shared = require "lunel.schema_engine"

local M = {}

-- Keys that the engine knows by the same name and in the same form.
local SAME = {
  "verify_client_cert", "bind_dev", "mark", "sndbuf", "rcvbuf", "tcp_nodelay", "dev", "tun_mtu",
  "txqueuelen", "ifconfig_noexec", "route_noexec", "topology", "listen", "push",
  "client_to_client", "duplicate_cn", "max_clients", "max_routes_per_client", "workers", "ping",
  "ping_restart", "explicit_exit_notify", "username_as_common_name", "data_ciphers", "auth",
  "reneg_sec", "reneg_sec_min", "reneg_bytes", "reneg_pkts", "tran_window", "hand_window",
  "max_packet_size", "disable_occ", "session_timeout",
}

--- The server's own routes, as lines.
function M.network(conf)
  local out = {}
  for _, words in ipairs(conf.route or {}) do out[#out + 1] = "route " .. words end
  for _, words in ipairs(conf.route_ipv6 or {}) do out[#out + 1] = "route-ipv6 " .. words end
  return out
end

local function pools(conf)
  local out = {}
  for name, range in pairs(conf.pools) do
    out[#out + 1] = { name = name, first = range.first, last = range.last }
  end
  local six = conf.ifconfig_ipv6_pool
  if six then out[#out + 1] = { name = "", first = six.first, last = six.last } end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

local function limits(out, conf)
  if conf.connect_freq then
    out.connect_freq, out.connect_freq_sec = conf.connect_freq.n, conf.connect_freq.seconds
  end
  out.connect_freq_initial = conf.connect_freq_initial.n
  out.connect_freq_init_sec = conf.connect_freq_initial.seconds
  out.v2_force_cookie, out.v2_max_age = conf.tls_crypt_v2_cookie, conf.tls_crypt_v2_max_age
  if conf.inactive then
    out.inactive, out.inactive_bytes = conf.inactive.seconds, conf.inactive.bytes
  end
  if conf.ifconfig_pool_persist then
    out.leases = conf.ifconfig_pool_persist.file
    out.leases_interval = conf.ifconfig_pool_persist.seconds
  end
end

local function logins(out, conf, files)
  out.auth_user_pass = conf.auth_user_pass ~= false and conf.auth_user_pass ~= nil
  out.auth_user_pass_optional = conf.auth_user_pass == "optional"
  local token = conf.auth_gen_token
  if not token then return end
  out.gen_token = true
  if type(token) == "table" then
    out.token_lifetime, out.token_renewal = token.lifetime, token.renewal
  end
  out.token_secret = files:content("auth_gen_token_secret", conf.auth_gen_token_secret)
end

-- Without its folder, what would refuse a client is not found.
local function check_folder(conf, files)
  local dir = conf.client_config_dir
  if not dir then return end
  local _, err = files.reader(dir)
  if err ~= "Is a directory" then
    files:fail("client_config_dir", ("cannot read '%s': %s"):format(dir,
      type(err) == "string" and err or "it is no folder"))
  end
end

--- The engine's options for |conf|, a result of schema.check_server; |reader| and |origin| as in
-- schema_engine.options. Returns the table, or nil and the errors.
function M.options(conf, reader, origin)
  local files = shared.reading(reader, origin)
  local out = {}
  for _, key in ipairs(SAME) do out[key] = conf[key] end
  out.network4, out.network6 = conf.server, conf.server_ipv6
  out.network, out.pools = M.network(conf), pools(conf)
  out.mssfix = conf.mssfix.value
  out.offload = shared.OFFLOAD[conf.offload]
  out.mssfix_mtu, out.mssfix_fixed = conf.mssfix.mode == "mtu", conf.mssfix.mode == "fixed"
  shared.security(out, conf, files)
  lanes.options(out, conf, files)
  limits(out, conf)
  logins(out, conf, files)
  check_folder(conf, files)
  if #files.errors > 0 then
    lanes.forget(out)
    return nil, origins.texts(files.errors)
  end
  return out
end

return M
