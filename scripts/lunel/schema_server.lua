-- SPDX-License-Identifier: GPL-3.0-or-later
--- The keys of `vpn.server {...}`: its own, and those that it shares with a client.
local address = require "lunel.schema_address"
local client = require "lunel.schema_client"
local hook_schema = require "lunel.hook_schema"
local lanes = require "lunel.schema_lane"
local types = require "lunel.schema_types"

local M = {}

local integer, seconds, text = types.integer, types.seconds, types.string
local list, boolean, file, enum = types.list, types.boolean, types.file, types.enum
local shared = client.types

--- Hooks that a server may have.
M.hooks = hook_schema.names "server"

-- ---- types of its own ----

-- "0.0.0.0:1194/udp", "[::]:443/tcp", "1194", "*:1194/udp", or { address, port, proto }.
local listen_record = types.record({
  { "address", shared.bind_address, doc = "Address to listen on; none: all." },
  { "port", shared.port, default = 1194, doc = "Port." },
  { "proto", enum({ "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6" },
    { ["tcp-server"] = "tcp", ["tcp4-server"] = "tcp4", ["tcp6-server"] = "tcp6" }),
    default = "udp", doc = "Transport; with 4 or 6 behind it, that family alone." },
}, { text = "a socket: \"ADDRESS:PORT/PROTO\"", positions = { "address", "port", "proto" } })

local function split_listen(value)
  local rest, proto = value:match("^(.-)/([%w-]+)$")
  rest = rest or value
  local host, port = rest:match("^%[([%x:.]+)%]:(%d+)$")
  if not host then host, port = rest:match("^([^:]*):(%d+)$") end
  if not host then host, port = nil, rest:match("^(%d+)$") end
  if not port then host, port = rest, nil end
  if host == "" or host == "*" then host = nil end
  return { address = host, port = tonumber(port), proto = proto }
end

M.listen = {
  text = listen_record.text,
  check = function(value, at)
    if type(value) == "number" then value = { port = value } end
    if type(value) == "string" then value = split_listen(value) end
    return listen_record.check(value, at)
  end,
}

local ADDRESS_BITS = { [4] = 32, [6] = 128 }

local function family_of(ip)
  return address.ipv4(ip) and 4 or address.is_ipv6(ip) and 6 or nil
end

local function parse_prefix(value)
  local ip, bits = tostring(value):match("^([%x:.]+)/(%d%d?%d?)$")
  local family = ip and family_of(ip)
  bits = tonumber(bits)
  if not family or bits > ADDRESS_BITS[family] then return nil end
  return ip, bits, family
end

local function mask_bits(netmask)
  local mask, n = address.ipv4(netmask), 0
  if not mask or not address.is_netmask(mask) then return nil end
  while mask >= 2 ^ 31 do mask, n = (mask - 2 ^ 31) * 2, n + 1 end
  return n
end

-- "10.8.0.0/24", or as in `server`: "10.8.0.0 255.255.255.0".
local function network(family)
  local want = family == 4 and "a network: \"10.8.0.0/24\"" or "a network: \"fd00:8::/64\""
  return {
    text = want,
    check = function(value, at)
      local ip, mask = tostring(value):match("^(%S+)%s+(%S+)$")
      if ip and mask_bits(mask) then value = ("%s/%d"):format(ip, mask_bits(mask)) end
      local _, _, got = parse_prefix(value)
      if got == family then return value end
      at:fail(("%s is not %s"):format(types.show(value), want))
      return nil
    end,
  }
end

-- Two addresses of one family, in order as far as that is told here (the engine compares IPv6).
local function check_ends(first, last, at)
  for _, ip in ipairs { first, last } do
    if type(ip) ~= "string" or not family_of(ip) then
      at:fail(("%s is not an address"):format(types.show(ip)))
      return nil
    end
  end
  if family_of(first) ~= family_of(last) then
    at:fail("its two addresses are not of one family")
    return nil
  elseif family_of(first) == 4 and address.ipv4(last) < address.ipv4(first) then
    at:fail(("its last address, %s, is below its first"):format(types.show(last)))
    return nil
  end
  return { first = first, last = last }
end

-- A pool: "10.8.8.0/24", "10.8.8.10 - 10.8.8.99", or { first, last }.
local range = {
  text = "a network, or { first, last }",
  check = function(value, at)
    if type(value) == "string" and parse_prefix(value) then return { first = value } end
    if type(value) == "string" then
      local first, last = value:match("^(%S+)%s*%-%s*(%S+)$")
      if first then return check_ends(first, last, at) end
    end
    if type(value) == "table" then
      local first, last = value.first or value[1], value.last or value[2]
      if first ~= nil and last ~= nil then return check_ends(first, last, at) end
    end
    at:fail(("%s is neither a network nor { first, last }"):format(types.show(value)))
    return nil
  end,
}

-- "fd00:8::1000/64", as OpenVPN has it: the first address, and the network that it does not leave.
-- At most 65,536 addresses, and never the network's own, nor ours, which is the next.
local POOL6_MOST = 65536
local pool6 = {
  text = "an address with the bits of its network: \"fd00:8::1000/64\"",
  check = function(value, at)
    local ip, bits, family = parse_prefix(value)
    if family ~= 6 or bits < 64 or bits > 124 then
      at:fail(("%s is not %s, of 64 to 124"):format(types.show(value),
        "an IPv6 address with the bits of its network"))
      return nil
    end
    local first = address.ipv6(ip)
    local second = address.ipv6_plus(address.ipv6_fill(first, bits, false), 2)
    if address.ipv6_before(first, second) then first = second end
    local last = address.ipv6_plus(first, POOL6_MOST - 1)
    local edge = address.ipv6_fill(first, bits, true)
    if address.ipv6_before(edge, last) then last = edge end
    return { first = address.ipv6_text(first), last = address.ipv6_text(last) }
  end,
}

-- The first and last address of a pool, and their family.
local function ends_of(p)
  local ip, bits, family = parse_prefix(p.first)
  if not ip then return p.first, p.last, family_of(p.first) end
  if family == 6 then
    local a = address.ipv6(ip)
    return address.ipv6_text(address.ipv6_fill(a, bits, false)),
      address.ipv6_text(address.ipv6_fill(a, bits, true)), 6
  end
  local size = 2 ^ (32 - bits)
  local low = math.floor(address.ipv4(ip) / size) * size
  return address.ipv4_text(low), address.ipv4_text(low + size - 1), 4
end

--- Whether the first and last address of the pool |p| lie in the network |prefix|.
function M.holds(prefix, p)
  local ip, bits, family = parse_prefix(prefix)
  local first, last, of = ends_of(p)
  if family ~= of then return false end
  local function network_of(s)
    if family == 4 then return math.floor(address.ipv4(s) / 2 ^ (32 - bits)) end
    return address.ipv6_text(address.ipv6_fill(address.ipv6(s), bits, false))
  end
  return network_of(first) == network_of(ip) and network_of(last) == network_of(ip)
end

--- The key of the network that the pool |p| has to lie in.
function M.network_of(p)
  local _, _, family = ends_of(p)
  return family == 4 and "server" or "server_ipv6"
end

local pair = function(a, b, what)
  return types.tuple({
    { "n", integer { min = 1, max = 1000000 }, required = true, doc = a },
    { "seconds", seconds { min = 1, max = 86400 }, required = true, doc = b },
  }, { text = what })
end

local hook_keys = hook_schema.keys("server", shared.callable)

-- ---- the keys ----

local own = {
  { "listen", list(M.listen, { single = true, max = 16 }), default = { "1194/udp" },
    doc = "Sockets: \"0.0.0.0:1194/udp\", \"[::]:443/tcp\"; without an address all, IPv4 and "
      .. "IPv6." },
  { "server", network(4), doc = "IPv4 network inside; its first address is ours." },
  { "server_ipv6", network(6), doc = "IPv6 network inside; its first address is ours." },
  { "topology", enum { "subnet", "net30", "p2p" }, default = "subnet",
    doc = "How addresses are given out." },
  { "pools", types.map("^[%w_-]*$", range), default = {},
    doc = "Addresses by name, for `vpn.grant { pool = }`: a network, or { first, last }, within "
      .. "`server` or `server_ipv6`. \"\" is everybody else's; without it they get any address." },
  { "ifconfig_ipv6_pool", pool6,
    doc = "Where the IPv6 addresses for everybody begin, within server_ipv6, instead of at its "
      .. "0x1000th: \"fd00:8::1000/64\"; 65,536 of them." },
  { "ifconfig_pool_persist", types.tuple({
      { "file", text { max = 4096 }, required = true, doc = "File." },
      { "seconds", seconds { min = 0, max = 86400 }, default = 600,
        doc = "How often it is written; 0: only read." },
    }, { text = "{ file, seconds }" }), doc = "File that keeps who had which address." },
  { "filters", lanes.lanes, default = {},
    doc = "Packet lanes by name, for `vpn.grant { filter = }`: { name = { file =, args = } }." },
  { "push", list(text { max = 1000, pattern = "^[^,]+$", want = "an option without commas" },
    { single = true, max = 512 }), default = {}, doc = "Options for every client." },
  { "client_to_client", boolean, default = false, doc = "Clients may reach each other." },
  { "duplicate_cn", boolean, default = false, doc = "One name may be connected several times." },
  { "max_clients", integer { min = 1, max = 1000000 }, default = 1024,
    doc = "Clients at the same time." },
  { "max_routes_per_client", integer { min = 1, max = 254 }, default = 254,
    doc = "Networks behind one client." },
  { "workers", integer { min = 1, max = 16 }, default = 1,
    doc = "Threads that move packets; each client is one's." },
  { "connect_freq", pair("Clients ...", "... in so many seconds.", "{ clients, seconds }"),
    doc = "How many may connect in how many seconds." },
  { "connect_freq_initial", pair("Answers ...", "... in so many seconds.", "{ answers, seconds }"),
    default = { 100, 10 }, doc = "How many first packets are answered in how many seconds, "
      .. "beside those of clients that were let in." },
  { "tls_crypt_v2_cookie", boolean, default = true,
    doc = "Refuse tls-crypt-v2 clients that cannot prove their address first." },
  { "tls_crypt_v2_max_age", seconds { min = 0 }, default = 0,
    doc = "Age at which tls-crypt-v2 keys are refused; 0: none." },
  { "verify_client_cert", enum { "require", "optional", "none" }, default = "require",
    doc = "Whether a client has to have a certificate." },
  { "auth_user_pass", types.either(false, types.either(true, enum { "optional" })),
    doc = "Ask for a user name: true, or \"optional\". Set when there is an authenticate hook and "
      .. "clients need no certificate." },
  { "username_as_common_name", boolean, default = false,
    doc = "The user name counts where else the certificate's name does." },
  { "auth_gen_token", types.either(true, types.tuple({
      { "lifetime", seconds { min = 0 }, default = 0, doc = "Seconds from the login; 0: no end." },
      { "renewal", seconds { min = 0 }, default = 0, doc = "Seconds between new tokens." },
    }, { text = "{ lifetime, renewal }" })),
    doc = "Give tokens instead of asking for the password again." },
  { "auth_gen_token_secret", file, secret = true,
    doc = "Key of the tokens, so that they outlive a restart." },
  { "keepalive", types.either(false, shared.keepalive), default = { 10, 60 },
    doc = "Pings, and how long a client may be silent: pushed, and doubled on our side." },
  { "ping", seconds { min = 0, max = 86400 }, doc = "Our pings, instead of keepalive's." },
  { "ping_restart", seconds { min = 0, max = 86400 },
    doc = "Our time-out, instead of keepalive's." },
  { "session_timeout", seconds { min = 0 }, default = 0,
    doc = "End each connection after so long; 0: never." },
  { "explicit_exit_notify", integer { min = 0, max = 2 }, default = 1,
    doc = "What clients are told when we end: 0 nothing, 1 to come back, 2 to go to the next." },
  { "tcp_nodelay", boolean, default = false,
    doc = "Send small packets over TCP at once: so it is done in any case." },
  { "client_config_dir", text { max = 4096 },
    doc = "Folder with a file for each client, named as it is, or DEFAULT: `ifconfig-push`, "
      .. "`ifconfig-ipv6-push`, `iroute`, `iroute-ipv6`, `push`, `push-reset`, `push-remove`, "
      .. "`disable`." },
  { "ccd_exclusive", boolean, default = false, doc = "Refuse clients without a file there." },
  { "tls_verify", types.command,
    doc = "Program that judges certificates: DEPTH SUBJECT behind it." },
  { "auth_user_pass_verify", types.command,
    doc = "Program that judges user names and passwords." },
  { "auth_user_pass_via", enum { "via-file", "via-env" }, default = "via-file",
    doc = "How it gets them." },
  { "client_connect", types.command,
    doc = "Program that may refuse a client, and write options for it into a file." },
  { "learn_address", types.command,
    doc = "Program that may refuse an address or network: add, update or delete, ADDRESS, and but "
      .. "for delete NAME behind it." },
  { "client_disconnect", types.command, doc = "Program that is told when a client is gone." },
  { "tmp_dir", text { max = 4096 },
    doc = "Folder for the files that programs read and write, instead of TMPDIR or /tmp." },
  { "on", types.record(hook_keys, { text = "a table of hooks" }), default = {},
    doc = "Hooks: functions that decide." },
}

-- Of a client's, those that mean the same here.
local SHARED = {
  "bind_dev", "mark", "sndbuf", "rcvbuf", "dev", "dev_type", "tun_mtu", "mssfix", "txqueuelen",
  "offload", "transport", "filter",
  "ifconfig_noexec", "route", "route_ipv6", "route_noexec", "tls", "data_ciphers",
  "data_ciphers_fallback", "cipher", "auth", "replay_window", "comp_lzo", "compress", "reneg_sec",
  "reneg_sec_min", "reneg_bytes", "reneg_pkts", "tran_window", "hand_window", "inactive", "setenv",
  "max_packet_size", "disable_occ", "user", "group", "nice", "mlock", "daemon", "log",
  "log_append", "syslog", "verb", "mute", "suppress_timestamps", "machine_readable_output",
  "log_format", "log_levels", "logs", "metrics", "writepid", "status", "status_version",
  "management", "management_client_user", "management_client_group", "name", "reload", "control",
  "cd", "up", "down", "route_up", "route_pre_down", "script_security", "scripts_allowed",
}

M.keys = {}
for _, key in ipairs(own) do M.keys[#M.keys + 1] = key end
for _, name in ipairs(SHARED) do
  for _, key in ipairs(client.keys) do
    if key[1] == name then M.keys[#M.keys + 1] = key end
  end
end

local keys_here, clients = {}, {}
for _, key in ipairs(M.keys) do keys_here[key[1]] = true end
for _, key in ipairs(client.keys) do clients[key[1]] = not keys_here[key[1]] end

-- What a server does not do with itself, but asks of its clients.
local PUSHED = { dhcp_option = true, dns = true, redirect_gateway = true, redirect_private = true,
                 block_ipv6 = true, route_gateway = true, route_ipv6_gateway = true,
                 route_metric = true, ping_exit = true }

--- Where the setting |name| of a directive is that is no key here; or nil.
function M.moved(name)
  local here = {
    port = "it is part of 'listen'", proto = "it is part of 'listen'",
    ["local"] = "it is part of 'listen'", remotes = "those are a client's",
  }
  for _, hook in ipairs(M.hooks) do
    here[hook] = ("hooks go into 'on': on = { %s = function ... end }"):format(hook)
  end
  return here[name] or PUSHED[name] and "it is a client's, who gets it by 'push'"
    or clients[name] and "it is a client's" or client.moved(name)
end

-- ---- what follows of the pools ----

local WIDEST = 8 -- bits of the largest network that a server may have

--- The smallest IPv4 network that holds all IPv4 pools; nil when there are none, or none is so
-- large.
function M.cover(pools)
  local low, high
  for _, pool in pairs(pools) do
    local first, last, family = ends_of(pool)
    if family == 4 then
      first, last = address.ipv4(first), address.ipv4(last)
      low, high = math.min(low or first, first), math.max(high or last, last)
    end
  end
  if not low then return nil end
  local bits, size = 30, 4
  while math.floor(low / size) ~= math.floor(high / size) do
    bits, size = bits - 1, size * 2
    if bits < WIDEST then return nil end
  end
  return ("%s/%d"):format(address.ipv4_text(math.floor(low / size) * size), bits)
end

return M
