-- SPDX-License-Identifier: GPL-3.0-or-later
--- Directives that a client acts on: how many words follow, where they may stand, and what they do
-- to the configuration. Values are checked later, by the schema, with the line they came from.
--
-- `where` holds letters: f in a file or on the command line, c in a <connection> block, i as an
-- inline block, p pushed by a server (which the engine's own reader handles). An `act` gets the
-- builder, the words behind the directive's name (of an inline block, its content as the only
-- one), and whether it is inline.
local client = require "lunel.schema_client"

local M = {}

-- Decimal words become numbers, others stay for the schema to refuse.
local function value_of(word)
  if word and word:find("^[+-]?%d+$") then return tonumber(word, 10) end
  return word
end

local function row(min, max, where, act)
  return { kind = "act", min = min, max = max, where = where, act = act }
end

local function flag(key, where)
  return row(0, 0, where or "f", function(b) b:set(key, true) end)
end

local function number(key, where)
  return row(1, 1, where or "f", function(b, args) b:set(key, value_of(args[1])) end)
end

local function text(key, where)
  return row(1, 1, where or "f", function(b, args) b:set(key, args[1]) end)
end

-- A file, by path or inline.
local function file(key, where)
  return row(1, 1, where or "fi", function(b, args) b:set(key, args[1]) end)
end

-- One or more numbers that belong together.
local function numbers(key, min, max, where)
  return row(min, max, where or "f", function(b, args)
    local list = {}
    for i, word in ipairs(args) do list[i] = value_of(word) end
    b:set(key, list)
  end)
end

-- A line for the engine's option reader; the last one counts, or with |many| all do.
local function words(key, min, max, many, where)
  return row(min, max, where or "fp", function(b, args)
    if many then b:append(key, args) else b:set(key, args) end
  end)
end

local function script(key)
  return row(1, 1, "f", function(b, args) b:script(key, args[1]) end)
end

local rows = {}
M.rows = rows

-- ---- where to connect ----

rows["client"] = row(0, 0, "f", function(b)
  b.tls_client = true
  b:set("pull", true)
end)
rows["pull"] = row(0, 0, "f", function(b) b:set("pull", true) end)
rows["tls-client"] = row(0, 0, "f", function(b) b.tls_client = true end)
rows["mode"] = row(1, 1, "f", function(b, args)
  if args[1] == "server" then b:serves()
  elseif args[1] ~= "p2p" then b:fail(("the mode is p2p or server, not '%s'"):format(args[1]))
  else b:note("info", "mode p2p is what a client has") end
end)

local function remote_proto(b, word)
  if word:find("%-server$") then
    b:fail(("'%s' waits for connections: this is a client; write '%s'")
      :format(word, (word:gsub("%-server$", ""))))
    return nil
  end
  return word
end

rows["remote"] = row(1, 3, "fc", function(b, args)
  b:remote(args[1], value_of(args[2]), args[3] and remote_proto(b, args[3]))
end)
rows["remote-random"] = flag "remote_random"
rows["remote-random-hostname"] = flag "remote_random_hostname"
rows["port"] = row(1, 1, "fc", function(b, args)
  b:default("port", value_of(args[1]))
  b:default("bind_port", value_of(args[1]))
end)
rows["rport"] = row(1, 1, "fc", function(b, args)
  b:default("port", value_of(args[1]))
  b:later(function()
    if b.is_server then b:note("info", "ignored: a server's clients come from any port") end
  end)
end)
-- A server's is told apart once all is read.
rows["proto"] = row(1, 1, "fc", function(b, args) b:default("proto", args[1]) end)
rows["proto-force"] = row(1, 1, "f", function(b, args)
  b:set("proto_force", (args[1]:gsub("%-client$", "")))
end)
rows["connect-timeout"] = number("connect_timeout", "fc")
rows["server-poll-timeout"] = rows["connect-timeout"]
rows["connect-retry"] = numbers("connect_retry", 1, 2, "fc")
rows["connect-retry-max"] = number("connect_retry_max", "fc")
rows["resolv-retry"] = number "resolv_retry"

-- ---- sockets ----

rows["nobind"] = row(0, 0, "fc", function(b) b:bind(false) end)
rows["bind"] = row(0, 1, "fc", function(b, args)
  b.ipv6only = args[1] == "ipv6only"
  b:bind(true)
end)
rows["local"] = row(1, 3, "fc", function(b, args)
  if args[3] then b:serves() end
  b.locals[#b.locals + 1] = { args[1], value_of(args[2]), args[3], at = b:place() }
  b:set("local", args[1])
  if args[2] then b:set("lport", value_of(args[2])) end
end)
rows["lport"] = row(1, 1, "fc", function(b, args)
  b:set("lport", value_of(args[1]))
  if not b:in_connection() then b:default("bind_port", value_of(args[1])) end
end)
-- Sockets that are bound to no address answer from the one that the route gives: not always the one
-- that a client has asked.
rows["multihome"] = row(0, 1, "f", function(b)
  b:later(function()
    if not b.is_server then
      return b:note("info", "ignored: a client's answer to each packet goes where it came from")
    end
    local any = not b.locals[1]
    for _, l in ipairs(b.locals) do any = any or l[1] == "*" end
    if any then
      return b:fail("answers go out from the address that the route gives; name each address that "
        .. "clients may ask: one line `local ADDRESS` for each")
    end
    b:note("info", "ignored: each address has a socket of its own")
  end)
end)
rows["tmp-dir"] = row(1, 1, "f", function(b, args)
  b:later(function()
    if b.is_server then return b:set("tmp_dir", args[1]) end
    b:note("info", "ignored: no temporary file is written")
  end)
end)
rows["bind-dev"] = text "bind_dev"
rows["mark"] = number "mark"
rows["float"] = flag("float", "fc")
rows["sndbuf"] = number("sndbuf", "fp")
rows["rcvbuf"] = number("rcvbuf", "fp")
rows["mtu-disc"] = text("mtu_disc", "fc")
rows["offload"] = text "offload"
rows["socket-flags"] = row(0, 15, "fp", function(b, args)
  for _, word in ipairs(args) do b:append("socket_flags", word) end
end)
rows["tcp-nodelay"] = row(0, 0, "f", function(b)
  b:append("socket_flags", "TCP_NODELAY")
  b.pushes_nodelay = true
end)

-- ---- device and network ----

rows["dev"] = text "dev"
rows["dev-type"] = text "dev_type"
rows["dev-node"] = row(1, 1, "f", function(b, args)
  if args[1]:find("^unix:") then
    b:fail("a program in the place of the device is not supported; remove the line")
  else
    b:note("info", "dev-node has no effect: the device is opened through /dev/net/tun")
  end
end)
rows["lladdr"] = row(1, 1, "f", function(b, args)
  b:later(function(conf)
    local tap = conf.dev_type == "tap" or not conf.dev_type and (conf.dev or ""):find("^tap")
    if tap then
      b:fail("the address of a tap device cannot be set here; set it in the `up` hook")
    else
      b:note("info", "lladdr has no effect: a tun device has no link-layer address")
    end
  end)
end)
rows["persist-tun"] = flag("persist_tun", "fp")
rows["tun-mtu"] = row(1, 2, "fcp", function(b, args)
  b:set("tun_mtu", value_of(args[1]))
  if args[2] then b:note("info", "the second number, for the options string, has no effect") end
end)
rows["mssfix"] = row(0, 2, "fc", function(b, args)
  if not args[1] then return b:set("mssfix", nil) end
  if b:in_connection() then
    if args[2] then b:note("warn", "inside <connection>, only the number of mssfix is used") end
    return b:set("mssfix", value_of(args[1]))
  end
  b:set("mssfix", { value_of(args[1]), args[2] })
end)
rows["txqueuelen"] = number "txqueuelen"
rows["topology"] = text("topology", "fp")
rows["ifconfig"] = words("ifconfig", 2, 2)
rows["ifconfig-ipv6"] = words("ifconfig_ipv6", 2, 2)
rows["ifconfig-noexec"] = flag "ifconfig_noexec"
rows["route"] = words("route", 1, 4, true)
rows["route-ipv6"] = words("route_ipv6", 1, 3, true)
rows["route-gateway"] = words("route_gateway", 1, 1)
rows["route-ipv6-gateway"] = words("route_ipv6_gateway", 1, 1)
rows["route-metric"] = number("route_metric", "fp")
rows["route-nopull"] = flag "route_nopull"
rows["route-noexec"] = flag "route_noexec"
-- Flags of several lines add up.
local function redirect(key)
  return row(0, 15, "fp", function(b, args) b:extend(key, args) end)
end
rows["redirect-gateway"] = redirect "redirect_gateway"
rows["redirect-private"] = redirect "redirect_private"
rows["block-ipv6"] = flag("block_ipv6", "fp")
rows["dhcp-option"] = words("dhcp_option", 1, 3, true)
rows["dns"] = words("dns", 2, 15, true)
rows["pull-filter"] = row(2, 2, "f", function(b, args)
  b:append("pull_filter", { args[1], args[2] })
end)

-- ---- keys and ciphers ----

rows["ca"] = file "tls.ca"
rows["cert"] = file "tls.cert"
rows["key"] = file "tls.key"
rows["pkcs12"] = file "tls.pkcs12"
rows["extra-certs"] = file "tls.extra_certs"
rows["crl-verify"] = row(1, 2, "fi", function(b, args)
  if args[2] then
    b:fail("a folder of revoked serial numbers is not supported; give a CRL file")
  else
    b:set("tls.crl", args[1])
  end
end)
rows["askpass"] = row(0, 1, "f", function(b, args) b:set("tls.askpass", args[1] or true) end)

-- Wrapping of the control channel: one for all remotes.
local function wrapping(key, max)
  return row(1, max, "fci", function(b, args)
    if b:in_connection() then
      b:fail("one wrapping serves all remotes: move it out of the <connection> block")
      return
    end
    b:set(key, args[1])
    if args[2] then b:set("tls.key_direction", value_of(args[2])) end
  end)
end
rows["tls-auth"] = wrapping("tls.auth", 2)
rows["tls-crypt"] = wrapping("tls.crypt", 1)
rows["tls-crypt-v2"] = row(1, 2, "fci", function(b, args)
  if b:in_connection() then
    b:fail("one wrapping serves all remotes: move it out of the <connection> block")
    return
  end
  b:set("tls.crypt_v2", args[1])
  if not args[2] then return end
  if args[2] ~= "force-cookie" and args[2] ~= "allow-noncookie" then
    b:fail(("after the file may stand force-cookie or allow-noncookie, not '%s'"):format(args[2]))
    return
  end
  b:serves()
  b:set("tls_crypt_v2_cookie", args[2] == "force-cookie")
end)
rows["key-direction"] = row(1, 1, "fc", function(b, args)
  if b:in_connection() then
    b:fail("one wrapping serves all remotes: move it out of the <connection> block")
    return
  end
  -- It may stand in a profile without tls-auth, where it means nothing.
  b:later(function(conf)
    if conf.tls.auth then b:set("tls.key_direction", value_of(args[1]))
    else b:note("info", "key-direction has no effect without tls-auth") end
  end)
end)
rows["tls-version-min"] = row(1, 2, "f", function(b, args)
  local version = args[1]
  if args[2] and args[2] ~= "or-highest" then
    b:fail(("after the version may stand or-highest, not '%s'"):format(args[2]))
  end
  if version == "1.0" or version == "1.1" then
    b:note("info", ("TLS %s is not supported: the lowest is 1.2"):format(version))
    version = "1.2"
  end
  b:set("tls.version_min", version)
end)
rows["tls-version-max"] = text "tls.version_max"
rows["tls-cipher"] = text "tls.cipher"
rows["tls-ciphersuites"] = text "tls.ciphersuites"
rows["tls-groups"] = text "tls.groups"
rows["tls-cert-profile"] = row(1, 1, "f", function(b, args)
  if args[1] == "insecure" or args[1] == "legacy" then
    b:note("info", "certificates must be at least as strong as wolfSSL asks")
  else
    b:fail(("'%s' cannot be asked for; use tls-cipher, tls-groups and a CA with strong keys")
      :format(args[1]))
  end
end)
rows["tls-timeout"] = number("tls.timeout", "f")
rows["remote-cert-tls"] = text "tls.remote_cert"
rows["remote-cert-eku"] = text "tls.remote_cert_eku"
rows["remote-cert-ku"] = row(0, 15, "f", function(b, args)
  if #args == 0 then
    b:fail("without values it is not supported; name them (a0 88), or use `remote-cert-tls server`")
  else
    b:set("tls.remote_cert_ku", args)
  end
end)
rows["verify-x509-name"] = row(1, 2, "f", function(b, args)
  b:set("tls.verify_x509_name", { args[1], args[2] })
end)
rows["peer-fingerprint"] = row(1, 1, "fi", function(b, args)
  for hex in args[1]:gmatch("[^\n]+") do
    hex = hex:match("^%s*(.-)%s*$")
    if hex ~= "" and not hex:find("^[#;]") then b:append("tls.peer_fingerprint", hex) end
  end
end)
rows["data-ciphers"] = text "data_ciphers"
rows["ncp-ciphers"] = row(1, 1, "f", function(b, args)
  b:note("info", "ncp-ciphers is the old name of data-ciphers")
  b:set("data_ciphers", args[1])
end)
rows["data-ciphers-fallback"] = text "data_ciphers_fallback"
rows["cipher"] = row(1, 1, "fp", function(b, args)
  if client.cipher(args[1]) then return b:set("cipher", args[1]) end
  b:note("warn", ("cipher %s is not supported; it would only be used with a server that does "
    .. "not negotiate"):format(args[1]))
end)
rows["auth"] = text "auth"
rows["replay-window"] = numbers("replay_window", 0, 2)

local PACKETS_LOST = "nothing is compressed here, and packets that the server compresses are lost: "
  .. "set `comp-lzo no` or `compress stub-v2` there"

-- The framing that a kind of compression brings, without the compression.
local function framing(b, key, known, kind)
  local as = known[kind]
  if not as then return b:set(key, kind) end -- the schema says what it takes
  b:set("comp_lzo", nil)
  b:set("compress", nil)
  b:set(as[1], as[2])
  if as[3] then b:note("warn", PACKETS_LOST) end
end
local LZO = {
  no = { "comp_lzo", "no" }, yes = { "comp_lzo", "no", true },
  adaptive = { "comp_lzo", "no", true },
}
local COMPRESS = {
  stub = { "compress", "stub" }, ["stub-v2"] = { "compress", "stub-v2" },
  migrate = { "compress", "migrate" }, lzo = { "comp_lzo", "no", true },
  lz4 = { "compress", "stub", true }, ["lz4-v2"] = { "compress", "stub-v2", true },
}
rows["comp-lzo"] = row(0, 1, "fp", function(b, args)
  framing(b, "comp_lzo", LZO, args[1] or "adaptive")
end)
rows["compress"] = row(0, 1, "fp", function(b, args)
  framing(b, "compress", COMPRESS, args[1] or "stub")
end)
rows["allow-compression"] = row(1, 1, "f", function(b, args)
  if args[1] == "asym" or args[1] == "yes" then b:note("warn", PACKETS_LOST)
  elseif args[1] == "no" then b:note("info", "nothing is ever compressed")
  else b:fail(("it is no, asym or yes, not '%s'"):format(args[1])) end
end)

-- ---- timers ----

rows["reneg-sec"] = row(1, 2, "f", function(b, args)
  b:set("reneg_sec", value_of(args[1]))
  -- Of what never comes there is no earlier.
  if args[2] and value_of(args[1]) ~= 0 then b:set("reneg_sec_min", value_of(args[2])) end
end)
rows["reneg-bytes"] = number "reneg_bytes"
rows["reneg-pkts"] = number "reneg_pkts"
rows["tran-window"] = number "tran_window"
rows["hand-window"] = number "hand_window"
rows["keepalive"] = numbers("keepalive", 2, 2)
rows["ping"] = number("ping", "fp")
-- One timeout with two ends: the later line counts.
rows["ping-restart"] = row(1, 1, "fp", function(b, args)
  b:set("ping_exit", nil)
  b:set("ping_restart", value_of(args[1]))
end)
rows["ping-exit"] = row(1, 1, "fp", function(b, args)
  b:set("ping_restart", nil)
  b:set("ping_exit", value_of(args[1]))
end)
rows["ping-timer-rem"] = flag("ping_timer_rem", "fp")
rows["inactive"] = numbers("inactive", 1, 2, "fp")
rows["session-timeout"] = number("session_timeout", "fp")
rows["explicit-exit-notify"] = row(0, 1, "fcp", function(b, args)
  b:set("explicit_exit_notify", value_of(args[1]) or 1)
end)

-- ---- credentials ----

rows["auth-user-pass"] = row(0, 1, "fi", function(b, args, inline)
  if not args[1] then return b:set("auth_user_pass", true) end
  if not inline then return b:set("auth_user_pass", { file = args[1] }) end
  local name, password = args[1]:match("^%s*([^\n]*)\n?([^\n]*)")
  if name == "" then
    b:fail("the block holds no user name in its first line")
  else
    b:set("auth_user_pass", { username = name, password = password ~= "" and password or nil })
  end
end)
rows["auth-nocache"] = flag "auth_nocache"
rows["auth-retry"] = text "auth_retry"
rows["auth-token"] = text("auth_token", "fp")
rows["auth-token-user"] = text("auth_token_user", "fp")
rows["static-challenge"] = row(2, 3, "f", function(b, args)
  if args[3] and args[3] ~= "scrv1" then
    b:fail(("the answer can only be sent as scrv1, not as '%s'"):format(args[3]))
  elseif args[2] ~= "0" and args[2] ~= "1" then
    b:fail(("behind the text stands 1 (show what is typed) or 0, not '%s'"):format(args[2]))
  else
    b:set("static_challenge", { args[1], args[2] == "1" })
  end
end)
rows["push-peer-info"] = flag "push_peer_info"

local SETENV = {
  REMOTE_RANDOM_HOSTNAME = function(b) b:set("remote_random_hostname", true) end,
  PUSH_PEER_INFO = function(b) b:set("push_peer_info", true) end,
  SERVER_POLL_TIMEOUT = function(b, value) b:set("connect_timeout", value_of(value)) end,
  GENERIC_CONFIG = function(b)
    b:fail("this is a generic configuration, which needs to be personalized first")
  end,
}
-- Characters that a variable cannot have are left out, as OpenVPN does.
local function set_variable(b, prefix, name, value)
  local plain, printable = name:gsub("[^%w_]", ""), (value or ""):gsub("[%z\1-\31\127]", "")
  if plain == "" then return b:fail("this is no name for a variable") end
  if plain ~= name then b:note("warn", ("the name becomes %s"):format(prefix .. plain)) end
  b:put("setenv", prefix .. plain, printable)
end

rows["setenv"] = row(1, 2, "f", function(b, args)
  local special = SETENV[args[1]]
  if special then return special(b, args[2]) end
  if args[1] == "FORWARD_COMPATIBLE" and args[2] == "1" then b.forward_compatible = true end
  set_variable(b, "", args[1], args[2])
end)
rows["setenv-safe"] = row(1, 2, "fp", function(b, args)
  set_variable(b, "OPENVPN_", args[1], args[2])
end)

-- ---- protocol ----

rows["max-packet-size"] = number("max_packet_size", "fc")
rows["disable-occ"] = flag "disable_occ"

-- ---- process and log ----

rows["user"] = text "user"
rows["group"] = text "group"
rows["nice"] = number "nice"
rows["mlock"] = flag "mlock"
rows["daemon"] = row(0, 1, "f", function(b, args) b:set("daemon", args[1] or true) end)
rows["syslog"] = row(0, 1, "f", function(b, args) b:set("syslog", args[1] or true) end)
rows["log"] = text "log"
rows["log-append"] = text "log_append"
rows["verb"] = number("verb", "f")
rows["mute"] = number("mute", "f")
rows["suppress-timestamps"] = flag "suppress_timestamps"
rows["machine-readable-output"] = flag "machine_readable_output"
rows["log-format"] = text "log_format"
rows["metrics"] = row(1, 1, "f", function(b, args) b:set("metrics", { listen = args[1] }) end)
rows["writepid"] = text "writepid"
rows["status"] = row(1, 2, "f", function(b, args)
  b:set("status", { args[1], value_of(args[2]) })
end)
rows["status-version"] = number "status_version"
rows["management"] = row(2, 3, "f", function(b, args)
  b:set("management", { args[1], value_of(args[2]), args[3] })
end)
rows["management-client-user"] = text "management_client_user"
rows["management-client-group"] = text "management_client_group"
rows["cd"] = row(1, 1, "f", function(b, args) b:change_folder(args[1]) end)
rows["echo"] = row(0, 15, "fp", function(b, args)
  b:note("info", "echo " .. table.concat(args, " "))
end)
rows["parameter"] = rows["echo"]

-- ---- programs ----

rows["script-security"] = row(1, 1, "f", function(b, args) b:script_security(value_of(args[1])) end)
rows["up"] = script "up"
rows["down"] = script "down"
rows["route-up"] = script "route_up"
rows["route-pre-down"] = script "route_pre_down"
rows["ipchange"] = script "ipchange"
rows["up-restart"] = flag "up_restart"

-- ---- the file itself; the importer knows these ----

rows["config"] = row(1, 1, "f", function(b, args) b:include(args[1]) end)
rows["connection"] = row(1, 1, "i", function(b, args)
  b:fail("remotes go between <connection> and </connection>, each on its own line")
end)
rows["ignore-unknown-option"] = row(1, 15, "f", function(b, args)
  for _, name in ipairs(args) do b.ignored[name:gsub("^%-%-", "")] = true end
end)
rows["x509-username-field"] = row(1, 15, "f", function(b, args)
  if #args == 1 and args[1]:upper() == "CN" then
    b:note("info", "the common name is what counts anyway")
  else
    b:fail("only the common name can be compared; use `verify-x509-name` with subject instead")
  end
end)
rows["remap-usr1"] = row(1, 1, "f", function(b, args)
  if args[1] == "SIGHUP" then
    b:note("info", "after a failure the tunnel begins anew, with the device kept")
  else
    b:fail(("'%s' in place of a reconnect is not supported; let the `reconnect` hook return "
      .. "vpn.stop(reason), or set connect-retry-max"):format(args[1]))
  end
end)
rows["dns-updown"] = row(1, 1, "f", function(b, args)
  if args[1] == "force" then
    b:note("info", "DNS is set whether or not `up` is there")
  elseif args[1] == "disable" then
    b:fail("write pull-filter ignore \"dhcp-option DNS\" and pull-filter ignore \"dns \" instead")
  else
    b:fail("a program for DNS is not supported; set DNS in the `up` hook")
  end
end)

return M
