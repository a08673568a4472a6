-- SPDX-License-Identifier: GPL-3.0-or-later
--- The keys of `vpn.client {...}`: name, type, default, and a sentence for the reference.
local hook_schema = require "lunel.hook_schema"
local lanes = require "lunel.schema_lane"
local types = require "lunel.schema_types"
local address = require "lunel.schema_address"
local logging = require "lunel.schema_log"
local other = require "lunel.directives_other"

local M = {}

local integer, seconds, size = types.integer, types.seconds, types.size
local text, enum, list, line = types.string, types.enum, types.list, types.line
local boolean, file = types.boolean, types.file

--- Hooks that a client may have.
M.hooks = hook_schema.names "client"

--- Data ciphers, digests, as the engine's library names them.
M.ciphers = {
  "AES-256-GCM", "AES-192-GCM", "AES-128-GCM", "CHACHA20-POLY1305",
  "AES-256-CBC", "AES-192-CBC", "AES-128-CBC",
}
M.default_ciphers = { "AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305" }
M.digests = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "MD5", "none" }

local function find_name(names, wanted)
  for _, name in ipairs(names) do
    if name:lower() == wanted:lower() then return name end
  end
end

--- The digest that |name| means in any of its spellings (SHA-256, RSA-SHA256), or nil.
function M.digest(name)
  local plain = name:upper():gsub("^RSA%-", ""):gsub("^SHA2?%-", "SHA")
  if plain == "SHA" then plain = "SHA1" end
  return find_name(M.digests, plain)
end

--- The data cipher that |name| means, or nil.
function M.cipher(name) return find_name(M.ciphers, name) end

local function name_type(find, names, what)
  local words = enum(names)
  return {
    text = words.text,
    check = function(value, at)
      local known = type(value) == "string" and find(value)
      if known then return known end
      if type(value) == "string" and #value < 64 then return words.check(value, at) end
      at:fail(("%s is no %s"):format(types.show(value), what))
      return nil
    end,
  }
end

local cipher = name_type(M.cipher, M.ciphers, "data cipher")

-- What a server is told. IV_ names are the engine's, but for two that OpenVPN leaves to user
-- interfaces; other clients' peer info goes into 2 KiB with all the rest.
local OWN_IV = { IV_GUI_VER = true, IV_PLAT_VER = true }
local OWN_INFO_MAX = 768
local info_lines = types.map("^%w[%w_]*$", text { max = 255, pattern = "^[\32-\126]*$",
                                                  want = "printable ASCII" })
local own_info = {
  text = "a table of UV_... names and texts",
  check = function(value, at)
    local out = info_lines.check(value, at)
    local total = 0
    for name, line_text in pairs(out or {}) do
      if not name:find("^UV_%w") and not OWN_IV[name] then
        at:child(name):fail(name:find("^IV_")
          and "names with IV_ are the engine's; yours are UV_..., and IV_GUI_VER and IV_PLAT_VER"
          or "a name begins with UV_")
      end
      total = total + #name + #line_text + 2
    end
    if total > OWN_INFO_MAX then
      at:fail(("all lines together are %d bytes; %d can be sent"):format(total, OWN_INFO_MAX))
    end
    return out
  end,
}

-- A list or "A:B:C"; DEFAULT stands for the default list, ?X is taken only if it is known.
local data_ciphers = {
  text = "a list of data ciphers, or their names with colons between them",
  check = function(value, at)
    local given = value
    if type(value) == "string" then
      given = {}
      for name in value:gmatch("[^:]+") do given[#given + 1] = name end
    end
    given = list(text(), { max = 32 }).check(given, at)
    if not given then return nil end
    local out, seen = {}, {}
    local function add(name)
      if name and not seen[name] then out[#out + 1], seen[name] = name, true end
    end
    for i, name in ipairs(given) do
      if name:upper() == "DEFAULT" then
        for _, default in ipairs(M.default_ciphers) do add(default) end
      elseif name:sub(1, 1) == "?" then add(M.cipher(name:sub(2)))
      else
        local known = cipher.check(name, at:child(i))
        if not known then return nil end
        add(known)
      end
    end
    if #out == 0 then at:fail("it names no cipher that is known here") end
    if #out > 8 then at:fail("at most 8 ciphers") end
    return out
  end,
}

local host = text { max = 255, pattern = "^[^%s/]+$", want = "a host name or an address" }
local port = integer { min = 1, max = 65535 }
local bind_address = {
  text = "an address",
  check = function(value, at)
    if type(value) == "string" and (address.is_address(value) or address.is_hostname(value)) then
      return value
    end
    at:fail(("%s is no address"):format(types.show(value)))
    return nil
  end,
}
local proto = enum({ "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6" }, {
  ["tcp-client"] = "tcp", ["tcp4-client"] = "tcp4", ["tcp6-client"] = "tcp6",
})
local connect_timeout = seconds { min = 1, max = 86400 }
local exit_notify = integer { min = 0, max = 60 }
local mtu = integer { min = 100, max = 65535 }

local remote = types.record({
  { "host", host, required = true, doc = "Name or address of the server." },
  { "port", port, default = 1194, doc = "Its port." },
  { "proto", proto, default = "udp",
    doc = "Transport; with 4 or 6 behind it, that family of addresses only." },
  { "local", bind_address, doc = "Local address for this remote, instead of the tunnel's." },
  { "lport", integer { min = 0, max = 65535 }, doc = "Local port for this remote; 0: any." },
  { "connect_timeout", connect_timeout, doc = "Instead of the tunnel's." },
  { "explicit_exit_notify", exit_notify, doc = "Instead of the tunnel's." },
  { "mssfix", integer { min = 0, max = 65535 }, doc = "Instead of the tunnel's." },
  { "tun_mtu", mtu, doc = "Instead of the tunnel's." },
}, { text = "a remote: { host, port, proto }", extra = true, in_place = true,
     positions = { "host", "port", "proto" } })
M.remote = remote

-- 64 hexadecimal digits, with or without colons: one form for all.
local fingerprint = {
  text = "a SHA-256 fingerprint (32 bytes in hexadecimal)",
  check = function(value, at)
    local hex = type(value) == "string" and value:gsub(":", ""):lower() or ""
    if #hex == 64 and not hex:find("%X") then return hex end
    at:fail("this is no SHA-256 fingerprint (32 bytes in hexadecimal)")
    return nil
  end,
}

local key_usage = {
  text = "a key usage in hexadecimal, as \"a0\", or a number",
  check = function(value, at)
    local n = value
    if type(value) == "string" then n = tonumber((value:gsub("^0[xX]", "")), 16) end
    if type(n) == "number" and n >= 1 and n <= 65535 and n % 1 == 0 then return n end
    at:fail(("%s is no key usage"):format(types.show(value)))
    return nil
  end,
}

local function no_version(v)
  return ("TLS %s is not supported; the lowest is 1.2"):format(v)
end

local tls_version = {
  text = "\"1.2\" or \"1.3\"",
  check = function(value, at)
    local v = tostring(value)
    if v == "1.2" or v == "1.3" then return v end
    at:fail((v == "1.0" or v == "1.1") and no_version(v)
      or ("%s is not \"1.2\" or \"1.3\""):format(types.show(value)))
    return nil
  end,
}

-- Lists of names with colons between them, which TLS takes as they are.
local names = {
  text = "names, as a list or with colons between them",
  check = function(value, at)
    if type(value) == "table" then
      local words = list(text()).check(value, at)
      if not words then return nil end
      value = table.concat(words, ":")
    end
    return text({ max = 4096, pattern = "^[%w_@=!+:.-]+$", want = "a list of names" })
      .check(value, at)
  end,
}

local tls = types.record({
  { "ca", file, doc = "Certificates of the authorities that may have signed the server's." },
  { "cert", file, doc = "Our certificate." },
  { "key", file, secret = true, doc = "Our private key." },
  { "pkcs12", file, secret = true,
    doc = "Certificate, key and authorities in one file (inline: in base64)." },
  { "extra_certs", file, doc = "Certificates to send behind ours, for a chain." },
  { "crl", file, doc = "Revoked certificates; a file is read again before each connection." },
  { "password", types.secret { max = 1024 }, doc = "Pass phrase of the private key." },
  { "askpass", types.either(true, file),
    doc = "File whose first line is the pass phrase, or true: ask." },
  { "auth", file, secret = true, doc = "Static key of tls-auth." },
  { "crypt", file, secret = true, doc = "Static key of tls-crypt." },
  { "crypt_v2", file, secret = true, doc = "Client key of tls-crypt-v2." },
  { "key_direction", integer { min = 0, max = 1 },
    doc = "Which half of tls-auth's key is ours; not set: the whole key both ways." },
  { "version_min", tls_version, default = "1.2", doc = "Lowest TLS version." },
  { "version_max", tls_version, doc = "Highest TLS version." },
  { "cipher", names, doc = "Cipher suites of TLS 1.2." },
  { "ciphersuites", names, doc = "Cipher suites of TLS 1.3." },
  { "groups", names, doc = "Groups for the key exchange." },
  { "remote_cert", types.either(false, enum { "server", "client" }),
    doc = "Role that the server's certificate must be for; \"server\" unless another of these "
      .. "checks is set." },
  { "remote_cert_ku", list(key_usage, { single = true, max = 16 }),
    doc = "Key usages, one of which the server's certificate must have." },
  { "remote_cert_eku", text { max = 256 },
    doc = "Extended key usage that it must have: name or OID." },
  { "verify_x509_name", types.tuple({
      { "name", text { max = 512 }, required = true, doc = "What to compare with." },
      { "type", enum { "subject", "name", "name-prefix" }, default = "subject",
        doc = "The whole subject, the common name, or its beginning." },
    }, { text = "{ name, type }" }), doc = "Name that the server's certificate must bear." },
  { "peer_fingerprint", list(fingerprint, { single = true, max = 256 }),
    doc = "SHA-256 fingerprints of the certificates the server may have." },
  { "timeout", seconds { min = 1, max = 3600 }, default = 2,
    doc = "Wait before a control packet is sent again." },
}, { text = "a table of TLS settings" })
M.tls_keys = tls.keys

local function lines(of, max) return list(of, { single = true, max = max or 256 }) end

-- A pair of waits; one number is the first.
local retry = types.tuple({
  { "first", seconds { min = 1 }, required = true, doc = "First wait." },
  { "max", seconds { min = 1 }, default = 300, doc = "Longest wait." },
}, { text = "{ first, longest }" })

local keepalive = types.tuple({
  { "interval", seconds { min = 1, max = 86400 }, required = true, doc = "Between pings." },
  { "timeout", seconds { min = 1, max = 86400 }, required = true, doc = "Without a packet." },
}, { text = "{ interval, timeout }" })

local callable = {
  text = "a function",
  check = function(value, at)
    if type(value) == "function" then return value end
    at:fail("a hook is a function, not a " .. type(value))
    return nil
  end,
}
local hook_keys = hook_schema.keys("client", callable)

local credentials = types.record({
  { "username", text { max = 512 }, doc = "User name." },
  { "password", types.secret { max = 512 }, doc = "Password." },
  { "file", text { max = 4096 }, doc = "File with both, a line each." },
}, { text = "{ file = } or { username =, password = }" })

M.groups = {
  { "Where to connect", {
    { "remotes", list(remote, { max = 1024 }), default = {},
      doc = "Servers, tried in this order: `vpn.remote { host, port, proto }`." },
    { "remote_random", boolean, default = false, doc = "Try them in random order." },
    { "remote_random_hostname", boolean, default = false,
      doc = "Put six random bytes in front of the name, against caches." },
    { "proto_force", enum({ "udp", "tcp" }), doc = "Use only the remotes of this transport." },
    { "connect_timeout", connect_timeout, default = 120,
      doc = "Time for a server to answer before the next is tried (`server-poll-timeout`)." },
    { "connect_retry", retry, default = { 1, 300 },
      doc = "Wait between rounds over the remotes, doubled up to the second number." },
    { "connect_retry_max", integer { min = 0, max = 2 ^ 31 - 1, words = { unlimited = 0 } },
      default = 0, doc = "Rounds over the remotes; 0: without end." },
    { "resolv_retry", seconds { min = 0, words = { infinite = -1, [-1] = -1 } },
      default = "infinite", doc = "How long to go on when a name is not resolved." },
  } },
  { "Sockets", {
    { "nobind", boolean,
      doc = "Use any local port; true unless local, lport or bind say otherwise." },
    { "bind", boolean, default = false,
      doc = "Bind to a local port, 1194 unless lport says otherwise." },
    { "local", bind_address, doc = "Local address to connect from." },
    { "lport", integer { min = 0, max = 65535 }, doc = "Local port to connect from." },
    { "bind_dev", text { max = 15, pattern = "^[%w._-]+$", want = "a device's name" },
      doc = "Device to connect through." },
    { "mark", integer { min = 0, max = 4294967295 }, doc = "Mark on packets to the server." },
    { "float", boolean, default = false,
      doc = "Take the server's packets from any address." },
    { "sndbuf", size { max = 2 ^ 31 - 1 }, default = 0,
      doc = "Send buffer of the socket; 0: by UDP 4 MiB, by TCP the system's." },
    { "rcvbuf", size { max = 2 ^ 31 - 1 }, default = 0,
      doc = "Receive buffer of the socket; 0: by UDP 4 MiB, by TCP the system's." },
    { "mtu_disc", enum { "no", "maybe", "yes" }, doc = "Path MTU discovery." },
    { "socket_flags", list(enum { "TCP_NODELAY" }, { single = true, max = 4 }),
      doc = "Flags of the socket; TCP_NODELAY is set in any case." },
  } },
  { "Device and network", {
    { "dev", text { max = 15, pattern = "^[%w._-]+$", want = "a device's name" },
      default = "tun", doc = "Device: \"tun\" for the next free one, or a name." },
    { "dev_type", enum { "tun", "tap" },
      doc = "What it carries; needed when the name does not begin with it." },
    { "persist_tun", boolean, default = true, doc = "Keep the device over a reconnect." },
    { "tun_mtu", mtu, default = 1500, doc = "MTU of the device." },
    { "mssfix", types.tuple({
        { "value", integer { min = 0, max = 65535 }, required = true, doc = "Bytes; 0: off." },
        { "mode", enum { "mtu", "fixed" }, doc = "What the bytes count." },
      }, { text = "a number, or { number, \"mtu\" or \"fixed\" }" }),
      doc = "Size that TCP inside keeps its packets to; by default { 1492, \"mtu\" }, or "
        .. "tun_mtu when that is not 1500." },
    { "txqueuelen", integer { min = 0, max = 1000000 }, doc = "Length of the device's queue." },
    { "offload", enum { "full", "batch", "single" }, default = "full",
      doc = "How packets are moved: in segments where the kernel can, many a call, one a call." },
    { "filter", lanes.lane,
      doc = "Packet lane that sees all plaintext: { file =, args = } (from_peer, to_peer)." },
    { "transport", lanes.lane,
      doc = "Packet lane that sees datagrams, and packets within a TCP stream: { file =, args = } "
        .. "(wire_in, wire_out). Unsafe: it sees what strangers send." },
    { "topology", enum { "subnet", "net30", "p2p" }, doc = "Meaning of ifconfig's second word." },
    { "ifconfig", line(2, 2, address.ifconfig), doc = "Our address and netmask (or peer)." },
    { "ifconfig_ipv6", line(2, 2, address.ifconfig_ipv6),
      doc = "Our IPv6 address with its bits, and the gateway." },
    { "ifconfig_noexec", boolean, default = false, doc = "Do not set the addresses." },
    { "route", lines(line(1, 4, address.route)),
      doc = "Routes: NETWORK [NETMASK [GATEWAY [METRIC]]], or a prefix." },
    { "route_ipv6", lines(line(1, 3, address.route_ipv6)),
      doc = "IPv6 routes: PREFIX [GATEWAY [METRIC]]." },
    { "route_gateway", line(1, 1, address.route_gateway), doc = "Gateway of the routes." },
    { "route_ipv6_gateway", line(1, 1, address.route_ipv6_gateway),
      doc = "Gateway of the IPv6 routes." },
    { "route_metric", integer { min = 0, max = 2 ^ 31 - 1 }, doc = "Metric of the routes." },
    { "route_nopull", boolean, default = false,
      doc = "Take no routes and no DNS from the server." },
    { "route_noexec", boolean, default = false, doc = "Do not set the routes." },
    { "redirect_gateway", types.either(true, line(0, 8, address.redirect)),
      doc = "Send everything through the tunnel; its flags, or true for none." },
    { "redirect_private", types.either(true, line(0, 8, address.redirect)),
      doc = "As redirect_gateway, but without the default route." },
    { "block_ipv6", boolean, default = false,
      doc = "Answer IPv6 packets with \"unreachable\" instead of leaking them." },
    { "dhcp_option", lines(line(1, 3)), doc = "DNS, DOMAIN, DOMAIN-SEARCH and their kin." },
    { "dns", lines(line(2, 15)), doc = "DNS: `search-domains ...`, `server N address ...`." },
    { "pull", boolean, default = true, doc = "Take options from the server." },
    { "pull_filter", list(types.tuple({
        { "action", enum { "accept", "ignore", "reject" }, required = true,
          doc = "What to do with it." },
        { "text", text { max = 1024 }, required = true, doc = "How the option begins." },
      }, { text = "{ action, text }" }), { max = 64 }),
      doc = "What of the pushed options to take; the first that fits counts." },
  } },
  { "Keys and ciphers", {
    { "tls", tls, default = {}, doc = "Certificates, keys, and the control channel." },
    { "data_ciphers", data_ciphers, default = "DEFAULT",
      doc = "Ciphers for packets, best first; DEFAULT and ?NAME as in OpenVPN." },
    { "data_ciphers_fallback", cipher, doc = "Cipher for servers that do not negotiate." },
    { "cipher", cipher, doc = "The older name of data_ciphers_fallback." },
    { "auth", name_type(M.digest, M.digests, "digest"), default = "SHA1",
      doc = "Digest of CBC packets and of tls-auth." },
    { "replay_window", types.tuple({
        { "packets", integer { min = 0, max = 65536 }, required = true, doc = "Packets." },
        { "seconds", seconds { min = 0, max = 600 }, default = 15, doc = "Not used." },
      }, { text = "{ packets, seconds }" }), default = { 64, 15 },
      doc = "How far packets may come out of order." },
    { "comp_lzo", enum({ "no" }), doc = "Framing of `comp-lzo no`; nothing is compressed." },
    { "compress", enum({ "stub", "stub-v2", "migrate" }),
      doc = "Framing of `compress`; nothing is compressed." },
  } },
  { "Timers", {
    { "reneg_sec", seconds { min = 0 }, default = 3600,
      doc = "Renew keys after this time; 0: when the server does." },
    { "reneg_sec_min", seconds { min = 1 },
      doc = "... or earlier: each session draws a time between the two. Without it a server's draw "
        .. "from 90% of reneg_sec, and a client's take all of it." },
    { "reneg_bytes", size { max = 2 ^ 53 }, default = 0, doc = "... or after so many bytes." },
    { "reneg_pkts", integer { min = 0, max = 2 ^ 53 }, default = 0,
      doc = "... or after so many packets." },
    { "tran_window", seconds { min = 1 }, default = 3600, doc = "How long an old key lives on." },
    { "hand_window", seconds { min = 1 }, default = 60, doc = "Time for a key exchange." },
    { "keepalive", keepalive, doc = "Short for ping and ping_restart." },
    { "ping", seconds { min = 0, max = 86400 }, doc = "Ping after so long without sending." },
    { "ping_restart", seconds { min = 0, max = 86400 },
      doc = "Reconnect after so long without a packet (120 until the server says)." },
    { "ping_exit", seconds { min = 0, max = 86400 },
      doc = "End after so long without a packet." },
    { "ping_timer_rem", boolean, default = false,
      doc = "Count only while the server's address is known." },
    { "inactive", types.tuple({
        { "seconds", seconds { min = 0 }, required = true, doc = "Time." },
        { "bytes", size {}, default = 0, doc = "What counts as nothing." },
      }, { text = "{ seconds, bytes }" }), doc = "End after so long without traffic." },
    { "session_timeout", seconds { min = 0 }, default = 0, doc = "End after so long; 0: never." },
    { "explicit_exit_notify", exit_notify, default = 0,
      doc = "Tell the server so many times that we go." },
  } },
  { "Credentials", {
    { "auth_user_pass", types.either(false, types.either(true, credentials)),
      doc = "User name and password: ask (true), from a file, or as they stand." },
    { "auth_nocache", boolean, default = false, doc = "Forget the password after use." },
    { "auth_retry", enum { "none", "nointeract", "interact" }, default = "none",
      doc = "After a refusal: end, try again, or ask again." },
    { "static_challenge", types.tuple({
        { "text", text { max = 1024 }, required = true, doc = "Question." },
        { "echo", boolean, default = false, doc = "Show what is typed." },
      }, { text = "{ text, echo }" }), doc = "A question asked together with the password." },
    { "auth_token", types.secret { max = 1023 }, doc = "Token instead of a password." },
    { "auth_token_user", text { max = 512 }, doc = "The token's user name, in base64." },
    { "push_peer_info", boolean, default = false, doc = "Tell the server about this machine." },
    { "peer_info", own_info, default = {},
      doc = "Lines for the server, UV_... (IV_GUI_VER, IV_PLAT_VER): sent whatever push_peer_info "
        .. "says." },
    { "setenv", types.map("^[%w_]+$", text { min = 0 }), default = {},
      doc = "Variables for programs; UV_... go to the server with push_peer_info." },
  } },
  { "Protocol", {
    { "max_packet_size", integer { min = 154, max = 2048 }, default = 1250,
      doc = "Largest control packet." },
    { "disable_occ", boolean, default = false, doc = "Send no options string." },
  } },
  { "Process and log", {
    { "user", text { max = 64 }, doc = "User to become once the tunnel is up." },
    { "group", text { max = 64 }, doc = "Group to become." },
    { "nice", integer { min = -20, max = 19 }, doc = "Priority of the process." },
    { "mlock", boolean, default = false, doc = "Keep all memory out of swap." },
    { "daemon", types.either(true, types.either(false, text { max = 64 })), default = false,
      doc = "Go to the background; the name for the log." },
    { "log", text { max = 4096 }, doc = "Log file, emptied at the start." },
    { "log_append", text { max = 4096 }, doc = "Log file, added to." },
    { "syslog", types.either(true, text { max = 64 }),
      doc = "Log to syslog; the name there." },
    { "verb", integer { min = 0, max = 11 }, default = 3,
      doc = "How much is logged; OpenVPN's default is 1, ours shows progress." },
    { "log_format", logging.format, default = "text", doc = "Lines for people, or JSON." },
    { "log_levels", logging.levels,
      doc = "How much of which subsystem is logged; the rest is [\"*\"], or as verb has it." },
    { "logs", logging.outputs, doc = "Where the log goes instead of standard output, or beside "
      .. "log, log_append and syslog." },
    { "metrics", logging.metrics, doc = "Counters for Prometheus and its kin, by HTTP." },
    { "mute", integer { min = 0, max = 2 ^ 31 - 1 }, default = 0,
      doc = "Log at most so many alike records in a row; 0: all." },
    { "suppress_timestamps", boolean, default = false, doc = "Log without times." },
    { "machine_readable_output", boolean, default = false,
      doc = "Log with times as numbers and flags." },
    { "writepid", text { max = 4096 }, doc = "File to write the process id to." },
    { "status", types.tuple({
        { "file", text { max = 4096 }, required = true, doc = "File." },
        { "seconds", seconds { min = 1, max = 86400 }, default = 60, doc = "How often." },
      }, { text = "{ file, seconds }" }),
      doc = "File to write counters to, replaced as a whole each time." },
    { "status_version", integer { min = 1, max = 3 }, default = 1,
      doc = "Form of the status file; a client's is the same in all." },
    { "management", types.tuple({
        { "address", text { max = 4096 }, required = true,
          doc = "IP address to listen on, or path of a Unix socket." },
        { "port", types.either("unix", port), required = true,
          doc = "Port, or \"unix\" for a path." },
        { "password_file", text { max = 4096 }, doc = "File with the password." },
      }, { text = "{ path, \"unix\" }, or { address, port, password_file }" }),
      doc = "Socket for OpenVPN's management commands, as `status` and `kill`." },
    { "management_client_user", text { max = 64 },
      doc = "User that may connect to the Unix socket, beside root." },
    { "management_client_group", text { max = 64 },
      doc = "Group that may connect to it." },
    { "name", text { max = 64, pattern = "^%w[%w._-]*$", want = "a name: letters, digits, . _ -" },
      doc = "What it is called in the log, and known by at a reload." },
    { "reload", boolean, doc = "What SIGHUP does: true, tunnels stay up while the file is read "
        .. "again; false, they begin anew. True for a script." },
    { "control", types.either(false, types.either(true, types.tuple({
        { "path", text { max = 107 }, required = true,
          doc = "Path of the socket, in a folder that is ours alone." },
      }, { text = "{ path }" }))),
      doc = "Socket for `lunel console` and `lunel reload`; true: name.sock in /run/lunel or "
        .. "$XDG_RUNTIME_DIR/lunel. True for a script." },
    { "cd", text { max = 4096 },
      doc = "Folder that the relative paths above, and programs, start from." },
  } },
  { "Programs", {
    { "script_security", integer { min = 0, max = 3 }, default = 2,
      doc = "2 or 3: programs below may run." },
    { "scripts_allowed", boolean, default = true,
      doc = "Whether the programs below may run; the importer says so for a profile's." },
    { "up", types.command, doc = "Program to run when the tunnel is up." },
    { "down", types.command, doc = "Program to run when it is down." },
    { "route_up", types.command, doc = "Program to run when the routes are set." },
    { "route_pre_down", types.command, doc = "Program to run before they are taken back." },
    { "ipchange", types.command, doc = "Program to run when the server's address is known." },
    { "up_restart", boolean, default = false, doc = "Run up and down at reconnects too." },
    { "on", types.record(hook_keys, { text = "a table of hooks" }), default = {},
      doc = "Hooks: functions that decide." },
  } },
}

--- Types that a server's keys have, too.
M.types = {
  port = port, proto = proto, bind_address = bind_address, keepalive = keepalive,
  callable = callable, lines = lines, mtu = mtu,
}

--- All keys in one list.
M.keys = {}
for _, group in ipairs(M.groups) do
  for _, key in ipairs(group[2]) do M.keys[#M.keys + 1] = key end
end

-- Settings of directives that have another name here.
local moved = {
  remote = "remotes go into 'remotes'", host = "remotes go into 'remotes'",
  port = "a port is a field of each remote", rport = "a port is a field of each remote",
  proto = "the transport is a field of each remote",
  server_poll_timeout = "it is named 'connect_timeout'", client = "vpn.client says it",
  crl_verify = "it is 'tls.crl'", remote_cert_tls = "it is 'tls.remote_cert'",
  ncp_ciphers = "it is named 'data_ciphers'",
  workers = "it is a server's: one peer is one worker's, and a client has but one",
}
for _, name in ipairs { "ca", "cert", "key", "pkcs12", "extra_certs", "askpass",
                        "key_direction", "remote_cert_ku", "remote_cert_eku",
                        "verify_x509_name", "peer_fingerprint" } do
  moved[name] = ("it is 'tls.%s'"):format(name)
end
for _, name in ipairs { "auth", "crypt", "crypt_v2", "version_min", "version_max", "cipher",
                        "ciphersuites", "groups", "timeout" } do
  moved["tls_" .. name] = ("it is 'tls.%s'"):format(name)
end
for _, name in ipairs(M.hooks) do
  if name ~= "up" and name ~= "down" then
    moved[name] = ("hooks go into 'on': on = { %s = function ... end }"):format(name)
  end
end

--- Where the setting |name| of a directive is that is no key here, or why it is none; or nil.
function M.moved(name)
  if type(name) ~= "string" then return nil end
  local directive = other.rows[name:gsub("_", "-")]
  return moved[name:gsub("-", "_")] or directive and directive.reason
end

return M
