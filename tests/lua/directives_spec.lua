-- SPDX-License-Identifier: GPL-3.0-or-later
-- Each directive has a row here that shows what becomes of it. The names are those that
-- `openvpn --help`, its manual and options.c know in 2.6.22, 2.7.6 and the development branch.
local directives = require "lunel.directives"
local profile = require "lunel.profile"

local function parse(text)
  return profile.parse("client\n" .. text .. "\n", "t.ovpn", function(path)
    if path == "other.conf" then return "verb 5\n", { uid = 1000, mode = 420 } end
    return nil, "No such file or directory"
  end)
end

local function at(conf, path)
  local value = conf
  for part in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[tonumber(part) or part]
  end
  return value
end

local FP = ("AB:"):rep(31) .. "AB"

-- Text of the profile, path in the table, what stands there.
local ACTED = {
  { "client", "pull", true }, { "pull", "pull", true }, { "tls-client", "pull", true },
  { "mode p2p", "pull", true },
  { "remote a.example 443 tcp", "remotes.1", { host = "a.example", port = 443, proto = "tcp" } },
  { "remote a.example", "remotes.1", { host = "a.example", port = 1194, proto = "udp" } },
  { "remote-random", "remote_random", true },
  { "remote-random-hostname", "remote_random_hostname", true },
  { "remote a\nport 53", "remotes.1.port", 53 }, { "rport 54\nremote a", "remotes.1.port", 54 },
  { "remote a\nproto tcp-client", "remotes.1.proto", "tcp-client" },
  { "proto-force tcp-client", "proto_force", "tcp" },
  { "connect-timeout 7", "connect_timeout", 7 },
  { "server-poll-timeout 8", "connect_timeout", 8 },
  { "connect-retry 5 60", "connect_retry", { 5, 60 } },
  { "connect-retry-max 3", "connect_retry_max", 3 },
  { "resolv-retry infinite", "resolv_retry", "infinite" }, { "resolv-retry 5", "resolv_retry", 5 },
  { "nobind", "nobind", true }, { "bind", "bind", true },
  { "local 192.0.2.1", "local", "192.0.2.1" }, { "local 192.0.2.1 99", "lport", 99 },
  { "lport 1200", "lport", 1200 }, { "port 53\nbind", "lport", 53 },
  { "bind-dev eth0", "bind_dev", "eth0" }, { "mark 51", "mark", 51 }, { "float", "float", true },
  { "sndbuf 1000000", "sndbuf", 1000000 }, { "rcvbuf 1000000", "rcvbuf", 1000000 },
  { "mtu-disc yes", "mtu_disc", "yes" },
  { "socket-flags TCP_NODELAY", "socket_flags", { "TCP_NODELAY" } },
  { "tcp-nodelay", "socket_flags", { "TCP_NODELAY" } },
  { "status-version 2", "status_version", 2 },
  { "management /run/x.sock unix", "management", { "/run/x.sock", "unix" } },
  { "management 127.0.0.1 7505 pw", "management", { "127.0.0.1", 7505, "pw" } },
  { "management-client-user anna", "management_client_user", "anna" },
  { "management-client-group staff", "management_client_group", "staff" },
  { "dev tun3", "dev", "tun3" }, { "dev-type tap", "dev_type", "tap" },
  { "persist-tun", "persist_tun", true }, { "tun-mtu 1400", "tun_mtu", 1400 },
  { "mssfix 1400 mtu", "mssfix", { 1400, "mtu" } }, { "mssfix 1300", "mssfix", { 1300 } },
  { "mssfix", "mssfix", nil }, { "txqueuelen 500", "txqueuelen", 500 },
  { "offload batch", "offload", "batch" },
  { "topology subnet", "topology", "subnet" },
  { "ifconfig 10.8.0.2 255.255.255.0", "ifconfig", { "10.8.0.2", "255.255.255.0" } },
  { "ifconfig-ipv6 fd00::2/64 fd00::1", "ifconfig_ipv6", { "fd00::2/64", "fd00::1" } },
  { "ifconfig-noexec", "ifconfig_noexec", true },
  { "route 10.0.0.0 255.0.0.0\nroute 10.9.0.0", "route",
    { { "10.0.0.0", "255.0.0.0" }, { "10.9.0.0" } } },
  { "route-ipv6 fd00::/8", "route_ipv6", { { "fd00::/8" } } },
  { "route-gateway 10.8.0.1", "route_gateway", { "10.8.0.1" } },
  { "route-ipv6-gateway fd00::1", "route_ipv6_gateway", { "fd00::1" } },
  { "route-metric 10", "route_metric", 10 }, { "route-nopull", "route_nopull", true },
  { "route-noexec", "route_noexec", true },
  { "redirect-gateway", "redirect_gateway", {} },
  { "redirect-gateway def1\nredirect-gateway ipv6", "redirect_gateway", { "def1", "ipv6" } },
  { "redirect-private def1", "redirect_private", { "def1" } },
  { "block-ipv6", "block_ipv6", true },
  { "dhcp-option DNS 10.8.0.1", "dhcp_option", { { "DNS", "10.8.0.1" } } },
  { "dns server 1 address 10.8.0.1", "dns", { { "server", "1", "address", "10.8.0.1" } } },
  { 'pull-filter ignore "route "', "pull_filter", { { "ignore", "route " } } },
  { "ca ca.pem", "tls.ca", "ca.pem" }, { "<ca>\nx\n</ca>", "tls.ca", "x\n" },
  { "cert c.pem", "tls.cert", "c.pem" }, { "key k.pem", "tls.key", "k.pem" },
  { "pkcs12 p.p12", "tls.pkcs12", "p.p12" }, { "extra-certs e.pem", "tls.extra_certs", "e.pem" },
  { "crl-verify crl.pem", "tls.crl", "crl.pem" },
  { "askpass", "tls.askpass", true }, { "askpass pass", "tls.askpass", "pass" },
  { "tls-auth ta.key 1", "tls.auth", "ta.key" }, { "tls-auth ta.key 1", "tls.key_direction", 1 },
  { "key-direction 0\n<tls-auth>\nx\n</tls-auth>", "tls.key_direction", 0 },
  { "key-direction 1", "tls.key_direction", nil },
  { "tls-crypt tc.key", "tls.crypt", "tc.key" },
  { "tls-crypt-v2 tc2.key", "tls.crypt_v2", "tc2.key" },
  { "tls-version-min 1.3", "tls.version_min", "1.3" },
  { "tls-version-min 1.2 or-highest", "tls.version_min", "1.2" },
  { "tls-version-min 1.0", "tls.version_min", "1.2" },
  { "tls-version-max 1.2", "tls.version_max", "1.2" },
  { "tls-cipher A:B", "tls.cipher", "A:B" },
  { "tls-ciphersuites A:B", "tls.ciphersuites", "A:B" },
  { "tls-groups X25519", "tls.groups", "X25519" },
  { "tls-cert-profile legacy", "tls.cert_profile", nil },
  { "tls-timeout 4", "tls.timeout", 4 },
  { "remote-cert-tls server", "tls.remote_cert", "server" },
  { "remote-cert-eku serverAuth", "tls.remote_cert_eku", "serverAuth" },
  { "remote-cert-ku a0 88", "tls.remote_cert_ku", { "a0", "88" } },
  { "verify-x509-name vpn.example name", "tls.verify_x509_name", { "vpn.example", "name" } },
  { "peer-fingerprint " .. FP, "tls.peer_fingerprint", { FP } },
  { "<peer-fingerprint>\n# two\n" .. FP .. "\n" .. FP .. "\n</peer-fingerprint>",
    "tls.peer_fingerprint", { FP, FP } },
  { "data-ciphers AES-256-GCM:?X", "data_ciphers", "AES-256-GCM:?X" },
  { "ncp-ciphers AES-256-GCM", "data_ciphers", "AES-256-GCM" },
  { "data-ciphers-fallback AES-256-CBC", "data_ciphers_fallback", "AES-256-CBC" },
  { "cipher AES-256-CBC", "cipher", "AES-256-CBC" }, { "cipher BF-CBC", "cipher", nil },
  { "auth SHA256", "auth", "SHA256" }, { "replay-window 128 30", "replay_window", { 128, 30 } },
  { "comp-lzo", "comp_lzo", "no" }, { "comp-lzo no", "comp_lzo", "no" },
  { "compress", "compress", "stub" }, { "compress stub-v2", "compress", "stub-v2" },
  { "compress lzo", "comp_lzo", "no" }, { "compress lz4", "compress", "stub" },
  { "compress lz4-v2", "compress", "stub-v2" }, { "compress migrate", "compress", "migrate" },
  { "comp-lzo\ncompress", "comp_lzo", nil }, { "allow-compression no", "comp_lzo", nil },
  { "reneg-sec 60", "reneg_sec", 60 }, { "reneg-sec 60 30", "reneg_sec", 60 },
  { "reneg-sec 60 30", "reneg_sec_min", 30 }, { "reneg-sec 60", "reneg_sec_min", nil },
  { "reneg-sec 0 0", "reneg_sec_min", nil },
  { "reneg-bytes 1000", "reneg_bytes", 1000 }, { "reneg-pkts 10", "reneg_pkts", 10 },
  { "tran-window 5", "tran_window", 5 }, { "hand-window 6", "hand_window", 6 },
  { "keepalive 10 60", "keepalive", { 10, 60 } }, { "ping 9", "ping", 9 },
  { "ping-exit 5\nping-restart 30", "ping_restart", 30 },
  { "ping-exit 5\nping-restart 30", "ping_exit", nil },
  { "ping-restart 30\nping-exit 5", "ping_exit", 5 }, { "ping-timer-rem", "ping_timer_rem", true },
  { "inactive 100 2000", "inactive", { 100, 2000 } },
  { "session-timeout 100", "session_timeout", 100 },
  { "explicit-exit-notify", "explicit_exit_notify", 1 },
  { "explicit-exit-notify 3", "explicit_exit_notify", 3 },
  { "auth-user-pass", "auth_user_pass", true },
  { "auth-user-pass up.txt", "auth_user_pass", { file = "up.txt" } },
  { "<auth-user-pass>\nme\nsecret\n</auth-user-pass>", "auth_user_pass",
    { username = "me", password = "secret" } },
  { "<auth-user-pass>\nme\n</auth-user-pass>", "auth_user_pass", { username = "me" } },
  { "auth-nocache", "auth_nocache", true }, { "auth-retry interact", "auth_retry", "interact" },
  { "auth-token abc", "auth_token", "abc" }, { "auth-token-user bWU=", "auth_token_user", "bWU=" },
  { 'static-challenge "One-time code" 1', "static_challenge", { "One-time code", true } },
  { "push-peer-info", "push_peer_info", true },
  { "setenv UV_ID 7", "setenv", { UV_ID = "7" } },
  { "setenv PUSH_PEER_INFO", "push_peer_info", true },
  { "setenv REMOTE_RANDOM_HOSTNAME", "remote_random_hostname", true },
  { "setenv SERVER_POLL_TIMEOUT 4", "connect_timeout", 4 },
  { "setenv UV-X.Y a", "setenv", { UVXY = "a" } }, { "setenv EMPTY", "setenv", { EMPTY = "" } },
  { "setenv-safe X 1", "setenv", { OPENVPN_X = "1" } },
  { "max-packet-size 1200", "max_packet_size", 1200 }, { "disable-occ", "disable_occ", true },
  { "user nobody", "user", "nobody" }, { "group nogroup", "group", "nogroup" },
  { "nice -5", "nice", -5 }, { "mlock", "mlock", true }, { "daemon", "daemon", true },
  { "daemon vpn", "daemon", "vpn" }, { "syslog", "syslog", true }, { "syslog x", "syslog", "x" },
  { "log l", "log", "l" }, { "log-append l", "log_append", "l" }, { "verb 4", "verb", 4 },
  { "log-format json", "log_format", "json" },
  { "metrics 127.0.0.1:9176", "metrics", { listen = "127.0.0.1:9176" } },
  { "mute 20", "mute", 20 }, { "suppress-timestamps", "suppress_timestamps", true },
  { "machine-readable-output", "machine_readable_output", true },
  { "status s 5", "status", { "s", 5 } }, { "status s", "status", { "s" } },
  { "ipchange /bin/x", "ipchange", "/bin/x" },
  { "writepid p", "writepid", "p" }, { "cd /etc\ncd vpn", "cd", "/etc/vpn" },
  { "script-security 2", "script_security", 1 }, { "script-security 0", "script_security", 0 },
  { 'up "/bin/x a"', "up", "/bin/x a" }, { "down /bin/x", "down", "/bin/x" },
  { "route-up /bin/x", "route_up", "/bin/x" },
  { "route-pre-down /bin/x", "route_pre_down", "/bin/x" }, { "up-restart", "up_restart", true },
  { "config other.conf", "verb", 5 },
  { "<connection>\nremote b 2 tcp\n</connection>", "remotes.1",
    { host = "b", port = 2, proto = "tcp" } },
  { "ignore-unknown-option foo\nfoo 1\nverb 2", "verb", 2 },
}

-- Directives whose effect hangs on the word behind them: ignored with one, refused with another.
local BOTH = {
  { "dev-node tap0", "dev-node unix:/bin/x", "not supported" },
  { "lladdr 02:00:00:00:00:01", "dev tap\nlladdr 02:00:00:00:00:01", "tap device" },
  { "echo hello", "echo " .. ("x "):rep(3) .. "'", "no closing quote" },
  { "parameter hello", "parameter \\x", "backslash" },
  { "x509-username-field CN", "x509-username-field ext:subjectAltName", "verify%-x509%-name" },
  { "multihome", "mode server\nmultihome", "local ADDRESS" },
  { "remap-usr1 SIGHUP", "remap-usr1 SIGTERM", "connect%-retry%-max" },
  { "dns-updown force", "dns-updown disable", "pull%-filter" },
  { "tls-cert-profile insecure", "tls-cert-profile suiteb", "cannot be asked" },
  { "allow-compression asym", "allow-compression maybe", "no, asym or yes" },
}

local IGNORED = [[
  ip-win32 route-method win-sys windows-driver tap-sleep dhcp-renew dhcp-pre-release dhcp-release
  register-dns pause-exit service allow-nonadmin msg-channel block-outside-dns disable-dco tun-ipv6
  iproute ifconfig-nowarn mute-replay-warnings preresolve persist-local-ip persist-remote-ip
  gremlin errors-to-stderr link-mtu udp-mtu tun-mtu-extra mtu-test fast-io shaper
  http-proxy-retry http-proxy-timeout socks-proxy-retry max-routes compat-mode passtos
  comp-noadapt allow-deprecated-insecure-static-crypto prng use-prediction-resistance replay-persist
  engine providers ecdh-curve dh single-session x509-track keying-material-exporter tls-export-cert
  allow-recursive-routing memstats persist-key tun-mtu-max route-delay allow-pull-fqdn tls-exit
  management-log-cache up-delay down-pre]]

local REFUSED = {
  ["it is a command, not a setting; `lunel help`"] = "help version",
  ["a command of the openvpn program"] = [[
    show-gateway show-adapters show-net show-net-up show-valid-subnets show-ciphers
    show-digests show-engines show-tls show-curves show-groups show-pkcs11-ids test-crypto genkey
    mktun rmtun dhcp-internal rdns-internal]],
  ["management client"] = [[
    management-client-auth management-external-key management-external-cert
    management-forget-disconnect management-hold management-query-passwords
    management-query-proxy management-query-remote management-signal management-up-down]],
  ["not connected to"] = "management-client",
  ["not supported"] = [[
    plugin http-proxy http-proxy-option http-proxy-user-pass socks-proxy secret capath
    pkcs11-providers pkcs11-protected-authentication pkcs11-private-mode pkcs11-cert-private
    pkcs11-pin-cache pkcs11-id pkcs11-id-management verify-hash]],
  [";"] = [[ip-remote-hint fragment client-nat route-table chroot setcon cryptoapicert]],
  ["only when a server pushes it"] = "push-continuation peer-id key-derivation protocol-flags",
  ["was removed from OpenVPN"] = [[
    ns-cert-type tls-remote keysize no-iv no-replay ncp-disable key-method mtu-dynamic tun-max-mtu
    compat-names no-name-remapping http-proxy-override ifconfig-pool-linear management-client-pf
    inetd]],
}

-- A server's: line, key, value.
local SERVER = {
  { "server 10.8.0.0 255.255.255.0", "server", "10.8.0.0 255.255.255.0" },
  { "server-ipv6 fd00:8::/64", "server_ipv6", "fd00:8::/64" },
  { "tls-server", "is_server", true },
  { "push 'route 10.1.0.0 255.255.0.0'", "push", { "route 10.1.0.0 255.255.0.0" } },
  { "ifconfig-pool 10.8.0.9 10.8.0.99", "pools", { [""] = { first = "10.8.0.9",
                                                            last = "10.8.0.99" } } },
  { "ifconfig-ipv6-pool fd00::9/64", "ifconfig_ipv6_pool", "fd00::9/64" },
  { "server 10.8.0.0 255.255.255.0 nopool\nifconfig-pool 10.8.0.9 10.8.0.99", "server",
    "10.8.0.0 255.255.255.0" },
  { "ifconfig-pool-persist ipp.txt 60", "ifconfig_pool_persist", { "ipp.txt", 60 } },
  { "client-to-client", "client_to_client", true },
  { "duplicate-cn", "duplicate_cn", true },
  { "client-config-dir ccd", "client_config_dir", "ccd" },
  { "ccd-exclusive", "ccd_exclusive", true },
  { "max-clients 50", "max_clients", 50 },
  { "workers 4", "workers", 4,
    refused = "it is a server's: one peer is one worker's, and a client has but one" },
  { "max-routes-per-client 9999", "max_routes_per_client", 254 },
  { "connect-freq 5 10", "connect_freq", { 5, 10 } },
  { "connect-freq-initial 50 5", "connect_freq_initial", { 50, 5 } },
  { "verify-client-cert none", "verify_client_cert", "none" },
  { "username-as-common-name", "username_as_common_name", true },
  { "auth-user-pass-optional", "auth_user_pass", "optional" },
  { "auth-gen-token 3600 60", "auth_gen_token", { 3600, 60 } },
  { "auth-gen-token", "auth_gen_token", true },
  { "auth-gen-token-secret t.key", "auth_gen_token_secret", "t.key" },
  { "tls-crypt-v2-max-age 30", "tls_crypt_v2_max_age", 30 * 86400 },
  { "tls-crypt-v2 k force-cookie", "tls_crypt_v2_cookie", true },
  { "tls-crypt-v2 k allow-noncookie", "tls_crypt_v2_cookie", false },
  { "auth-user-pass-verify /bin/x via-env", "auth_user_pass_via", "via-env" },
  { "client-connect /bin/c", "client_connect", "/bin/c" },
  { "tmp-dir /run/x", "tmp_dir", "/run/x", ignored = "no temporary file is written" },
  { "learn-address /bin/l", "learn_address", "/bin/l" },
  { "client-disconnect /bin/d", "client_disconnect", "/bin/d" },
  { "tls-verify /bin/v", "tls_verify", "/bin/v" },
}
local SERVER_REFUSED = [[
  server-bridge vlan-tagging vlan-accept vlan-pvid port-share push-reset push-remove iroute
  iroute-ipv6 ifconfig-push ifconfig-ipv6-push disable client-crresponse
  tls-crypt-v2-verify ifconfig-push-constraint override-username opt-verify
  force-tls-key-material-export client-cert-not-required]]
local SERVER_IGNORED = "hash-size bcast-buffers tcp-queue-limit stale-routes-check"

-- A server's configuration with |line| in it, as root has it with programs allowed.
local function serve(line)
  local text = "mode server\nca x\nscript-security 2\n" .. line .. "\n"
  return profile.parse(text, "t.conf", nil, { uid = 0, mode = 420 })
end

describe("directives of a server", function()
  it("act as they say", function()
    for _, row in ipairs(SERVER) do
      local conf, errors = serve(row[1])
      assert.is_table(conf, row[1] .. ": " .. tostring(errors and errors[1]))
      assert.same(row[3], conf[row[2]], row[1])
    end
  end)

  it("are refused in a client's profile, or ignored where nothing is lost", function()
    for _, row in ipairs(SERVER) do
      local conf, errors = parse(row[1])
      local name = row[1]:match("^%S+"):gsub("%-", "%%-")
      if row.ignored then
        assert.matches("'" .. name .. "': ignored: " .. row.ignored, errors[1].text)
      else
        assert.is_nil(conf, row[1])
        assert.matches("t%.ovpn:2: '" .. name .. "': " .. (row.refused or "it is a server's")
          .. "; remove the line", table.concat(errors, "\n"))
      end
    end
  end)

  it("are refused with a reason and a remedy, or ignored with a reason", function()
    for name in SERVER_REFUSED:gmatch("%S+") do
      local conf, errors = serve(name .. " 1")
      assert.is_nil(conf, name)
      assert.matches("^t%.conf:4: '" .. name:gsub("%-", "%%-") .. "': .+; .+", errors[1])
    end
    for name in SERVER_IGNORED:gmatch("%S+") do
      assert.is_table((serve(name .. " 1")), name)
    end
  end)

  it("name the server's own address where it can have it, and only once", function()
    for _, row in ipairs {
      { "topology subnet\nifconfig 10.8.0.1 255.255.252.0", "server", "10.8.0.0 255.255.252.0" },
      { "ifconfig 10.8.4.1 255.255.252.0\ntopology subnet", "server", "10.8.4.0 255.255.252.0" },
      { "ifconfig-ipv6 fd00:8::1/64 fd00:8::2", "server_ipv6", "fd00:8::/64" },
      { "ifconfig-ipv6 fd00:8::1 fd00:8::2", "server_ipv6", "fd00:8::/64" },
      { "ifconfig-ipv6 fd00::f1/124 fd00::f2", "server_ipv6", "fd00::f0/124" },
    } do
      local conf = assert(serve(row[1]))
      assert.equal(row[3], conf[row[2]])
      assert.is_nil(conf.ifconfig or conf.ifconfig_ipv6)
    end
    for line, want in pairs {
      ["topology subnet\nifconfig 10.8.0.2 255.255.255.0"] =
        "5: 'ifconfig': the server has the first address of its network here: 10.8.0.1",
      ["topology subnet\nifconfig 10.8.0.1 10.8.0.2"] =
        "5: 'ifconfig': the server has the first address of its network here, and '10.8.0.2' is "
        .. "not a netmask",
      ["topology subnet\nifconfig 10.8.0.1 x"] = "5: 'ifconfig': 'x' is not an IPv4 address",
      ["ifconfig 10.8.0.1 10.8.0.2"] = "4: 'ifconfig': without `topology subnet` the server's "
        .. "network is not in it; write `server NETWORK NETMASK`",
      ["topology subnet\nifconfig 10.8.0.1 255.255.255.0\nserver 10.8.0.0 255.255.255.0"] =
        "5: 'ifconfig': `server` sets it already",
      ["server-ipv6 fd00::/64\nifconfig-ipv6 fd00::1/64 fd00::2"] =
        "5: 'ifconfig-ipv6': `server-ipv6` sets it already",
      ["ifconfig-ipv6 fd00::2/64 fd00::1"] = "4: 'ifconfig-ipv6': the server has the first "
        .. "address of its network here: fd00::1",
      ["ifconfig-ipv6 fd00::1/128 fd00::2"] =
        "4: 'ifconfig-ipv6': 'fd00::1/128' is not an IPv6 address with 16 to 124 bits",
      ["ifconfig-ipv6 x fd00::2"] =
        "4: 'ifconfig-ipv6': 'x' is not an IPv6 address with 16 to 124 bits",
      ["server 10.8.0.0 255.255.255.0 nopool"] =
        "4: 'server': nopool is not supported without an ifconfig-pool; clients with an "
        .. "ifconfig-push get their own address anyway, and the pool is for others",
    } do
      local conf, errors = serve(line)
      assert.is_nil(conf, line)
      assert.equal("t.conf:" .. want, errors[1])
    end
  end)

  it("have no wildcard that is to answer from each address", function()
    local notes = select(2, assert(parse "multihome"))
    assert.equal("'multihome': ignored: a client's answer to each packet goes where it came from",
      notes[1].text)
    for _, line in ipairs { "multihome", "multihome\nlocal 192.0.2.1\nlocal * 443 tcp" } do
      local conf, errors = serve(line)
      assert.is_nil(conf)
      assert.equal("t.conf:4: 'multihome': answers go out from the address that the route gives; "
        .. "name each address that clients may ask: one line `local ADDRESS` for each", errors[1])
    end
    assert(serve "multihome\nlocal 192.0.2.1\nlocal 192.0.2.3")
    assert(serve "local 192.0.2.1\nmultihome")
  end)

  it("listen as local, port and proto say", function()
    local function listen(text)
      return assert(profile.parse("mode server\nca x\n" .. text, "t.conf")).listen
    end
    assert.same({ { port = 1194, proto = "udp" } }, listen "")
    assert.same({ { port = 443, proto = "tcp" } }, listen "port 443\nproto tcp-server\n")
    assert.same({ { address = "192.0.2.1", port = 1194, proto = "udp6" } },
      listen "local 192.0.2.1\nproto udp6\n")
    -- OpenVPN's socket for IPv6 takes IPv4's clients, too, on all addresses.
    assert.same({ { port = 1194, proto = "udp" } }, listen "proto udp6\n")
    assert.same({ { port = 1194, proto = "tcp" } }, listen "proto tcp6-server\n")
    assert.same({ { address = "::", port = 1194, proto = "udp" } },
      listen "local ::\nproto udp6\n")
    assert.same({ { port = 1194, proto = "udp6" } }, listen "proto udp6\nbind ipv6only\n")
    assert.same({ { address = "fd00::1", port = 1194, proto = "tcp6" } },
      listen "local fd00::1\nproto tcp6-server\n")
    assert.same({ { port = 1194, proto = "udp" }, { address = "::1", port = 443, proto = "tcp" } },
      listen "local * 1194 udp\nlocal ::1 443 tcp\n")
  end)

  it("push TCP_NODELAY where OpenVPN's `tcp-nodelay` does", function()
    assert.same({ "socket-flags TCP_NODELAY", "x" }, serve("tcp-nodelay\npush x").push)
    assert.is_true(serve("tcp-nodelay").tcp_nodelay)
    assert.is_nil(serve("socket-flags TCP_NODELAY").push)
  end)

  it("fail closed where a program that decides may not run", function()
    for _, line in ipairs { "client-connect /bin/c", "tls-verify /bin/v", "learn-address /bin/l",
                            "auth-user-pass-verify /bin/x via-env" } do
      local conf, errors = profile.parse("mode server\nca x\nscript-security 2\n" .. line, "t.conf",
        nil, { uid = 1000, mode = 420 })
      assert.is_nil(conf, line)
      assert.matches("decides who may come", errors[1])
    end
  end)
end)

describe("directives", function()
  it("act as they say", function()
    for _, row in ipairs(ACTED) do
      local conf, errors = parse(row[1])
      assert.is_table(conf, row[1] .. ": " .. tostring(errors and errors[1]))
      assert.same(row[3], at(conf, row[2]), row[1])
    end
  end)

  it("are ignored with a reason in the notes", function()
    for name in IGNORED:gmatch("%S+") do
      local conf, notes = parse(name .. " 1")
      assert.is_table(conf, name)
      assert.equal(1, #notes, name)
      assert.equal(2, notes[1].line)
      assert.matches("^'" .. name:gsub("%-", "%%-") .. "': ignored: .+ %w+", notes[1].text)
      assert.equal("ignore", directives.get(name).kind)
    end
  end)

  it("are refused with a reason and a remedy", function()
    for reason, list in pairs(REFUSED) do
      for name in list:gmatch("%S+") do
        local conf, errors = parse(name .. " 1")
        assert.is_nil(conf, name)
        assert.equal(1, #errors, name)
        assert.matches("^t%.ovpn:2: '" .. name:gsub("%-", "%%-") .. "': .+; .+", errors[1])
        assert.is_truthy(errors[1]:find(reason, 1, true), errors[1])
      end
    end
  end)

  it("are ignored or refused by what follows", function()
    for _, row in ipairs(BOTH) do
      local conf, notes = parse(row[1])
      assert.is_table(conf, row[1])
      assert.equal(1, #notes, row[1])
      local refused, errors = parse(row[2])
      assert.is_nil(refused, row[2])
      assert.matches(row[3], table.concat(errors, "\n"))
    end
    for _, line in ipairs { "mode server", "remote a 1 tcp-server", "proto tcp6-server",
                            "local 192.0.2.1 1194 udp", "remote-cert-ku", "crl-verify d dir",
                            'static-challenge "Code" 1 concat', "static-challenge Code yes",
                            "setenv GENERIC_CONFIG x", "setenv - x",
                            "tls-version-min 1.2 or-lowest",
                            "dns-updown /bin/x", "script-security maybe",
                            "setenv opt" } do
      assert.is_nil((parse(line)), line)
    end
  end)

  it("each have a row above", function()
    local seen = {}
    local function see(text)
      for line in text:gmatch("[^\n]+") do
        seen[line:match("^<?(/?[%w-]+)") or ""] = true
      end
    end
    for _, row in ipairs(ACTED) do see(row[1]) end
    for _, row in ipairs(SERVER) do see(row[1]) end
    for name in (SERVER_REFUSED .. " " .. SERVER_IGNORED):gmatch("%S+") do seen[name] = true end
    for _, row in ipairs(BOTH) do see(row[1]) end
    for name in IGNORED:gmatch("%S+") do seen[name] = true end
    for _, list in pairs(REFUSED) do
      for name in list:gmatch("%S+") do seen[name] = true end
    end
    for _, name in ipairs(directives.names()) do assert.is_true(seen[name], name) end
    assert.is_true(#directives.names() > 320)
    assert.is_nil(directives.get("remot"))
  end)

  it("take as many words as they take", function()
    for _, name in ipairs(directives.names()) do
      local row = directives.get(name)
      if row.kind == "act" and directives.allowed(row, "f") then
        local conf, errors = parse(name .. (" 1"):rep(row.max + 1))
        if row.max < 15 then
          assert.is_nil(conf, name)
          assert.matches("must follow it, not " .. (row.max + 1), errors[1])
        end
        if row.min > 0 then
          conf, errors = parse(name)
          assert.is_nil(conf, name)
          assert.matches("must follow it, not 0", errors[1])
        end
      end
    end
  end)

  it("stand only where they may", function()
    local function errors_of(text)
      local conf, errors = parse(text)
      assert.is_nil(conf, text)
      return errors[1]
    end
    for _, name in ipairs(directives.names()) do
      local row = directives.get(name)
      if row.kind == "act" and not directives.allowed(row, "i") then
        assert.matches("takes no inline block",
          errors_of(("<%s>\nx\n</%s>"):format(name, name)))
      end
      if row.kind == "act" and not directives.allowed(row, "c") and name ~= "connection" then
        assert.matches("cannot stand in a <connection>",
          errors_of(("<connection>\nremote a\n%s x\n</connection>"):format(name)))
      end
    end
    assert.matches("must be a block", errors_of("connection x"))
  end)
end)
