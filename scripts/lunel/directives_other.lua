-- SPDX-License-Identifier: GPL-3.0-or-later
--- Directives that a client knows but does not act on. Ignored: nothing is lost, and the log says
-- why. Refused: without it, other people could connect, something would be less protected than the
-- profile asks, or somebody waits for what would never come.
local M = {}

local rows = {}
M.rows = rows

local function ignore(reason, names, o)
  for name in names:gmatch("%S+") do
    rows[name] = { kind = "ignore", reason = reason, level = o and o.level or "info",
                   where = o and o.where or "fp" }
  end
end

local function refuse(reason, remedy, names, where)
  for name in names:gmatch("%S+") do
    rows[name] = { kind = "refuse", reason = reason, remedy = remedy, where = where or "f" }
  end
end

local warn = { level = "warn" }

-- ---- ignored ----

ignore("it is about Windows", [[
  ip-win32 route-method win-sys windows-driver tap-sleep dhcp-renew dhcp-pre-release dhcp-release
  register-dns pause-exit service allow-nonadmin msg-channel]])
ignore("it is about Windows; here, DNS goes through the tunnel when the server's DNS is set",
       "block-outside-dns")
ignore("packets go through user space, in batches; there is no kernel path to turn off",
       "disable-dco")
ignore("IPv6 needs no permission", "tun-ipv6")
ignore("addresses and routes are set by netlink, without a program", "iproute")
ignore("no such warning is given", "ifconfig-nowarn mute-replay-warnings")
ignore("names are resolved before each attempt, never through a dead tunnel", "preresolve")
ignore("the remote and local addresses are looked up again for each attempt",
       "persist-local-ip persist-remote-ip")
ignore("it damages packets for tests", "gremlin", warn)
ignore("errors go to standard error anyway", "errors-to-stderr")
ignore("use tun-mtu instead; until then it is 1500", "link-mtu udp-mtu",
       { level = "warn", where = "fc" })
ignore("there is always room for it", "tun-mtu-extra", { where = "fc" })
ignore("it only measures", "mtu-test")
ignore("packets go out in batches already", "fast-io")
ignore("it does not limit here; traffic control of the system does (tc)", "shaper", warn)
ignore("it has no meaning without a proxy", "http-proxy-retry http-proxy-timeout socks-proxy-retry",
       { where = "fc" })
ignore("the number of routes has a fixed bound of 256", "max-routes")
ignore("old settings are not made the default again; name what the server needs: "
  .. "data-ciphers-fallback, tls-version-min", "compat-mode", warn)
ignore("TOS bits stay inside the tunnel", "passtos")
ignore("nothing is compressed", "comp-noadapt")
ignore("there is no static key mode to allow", "allow-deprecated-insecure-static-crypto")
ignore("random numbers come from the kernel and wolfSSL's generator",
       "prng use-prediction-resistance")
ignore("TLS refuses packets of former sessions by itself", "replay-persist")
ignore("wolfSSL computes, with the processor's instructions", "engine providers", warn)
ignore("the group is negotiated; tls-groups restricts it", "ecdh-curve")
ignore("the group of the key exchange is negotiated", "dh", { where = "fi" })
ignore("a client takes no connections, so no second one; at a server, who comes anew takes the "
  .. "place of the session before", "single-session")
ignore("it only hands facts to programs or plugins", "x509-track keying-material-exporter "
  .. "tls-export-cert")
ignore("packets to the server never enter the tunnel, whatever the routes say",
       "allow-recursive-routing")
ignore("memory is not counted in a file", "memstats")
ignore("keys are always kept in memory over a reconnect", "persist-key")
ignore("a server may ask for an MTU of at most 1600", "tun-mtu-max",
       { level = "warn", where = "fc" })
ignore("routes are set when the device is up, so that there is nothing to wait for", "route-delay")
ignore("names in options that the server pushes are refused", "allow-pull-fqdn", warn)
ignore("after a failure of TLS the next attempt follows; connect-retry-max bounds them",
       "tls-exit", warn)
ignore("the device is opened when the connection stands anyway", "up-delay")
ignore("`down` runs before the device closes anyway", "down-pre")

-- ---- refused ----

local TOOLS = "it is a command of the openvpn program, not a setting"
refuse("it is a command, not a setting", "`lunel help` and `lunel version` are ours",
       "help version")
refuse(TOOLS, "run openvpn for it", [[
  show-gateway show-adapters show-net show-net-up show-valid-subnets show-ciphers
  show-digests show-engines show-tls show-curves show-groups show-pkcs11-ids test-crypto genkey
  mktun rmtun dhcp-internal rdns-internal]])
refuse("the management socket is listened on, not connected to",
       "remove the line, and let the other program connect", "management-client")
refuse("nothing waits for a management client: it would find the start over",
       "remove the line; start the program when it shall begin", "management-hold")
refuse("passwords are not asked of a management client, who would wait in vain",
       "use auth-user-pass with a file, the terminal, or a `credentials` hook", [[
  management-query-passwords management-forget-disconnect]])
refuse("servers and proxies are not asked of a management client, who would wait in vain",
       "use a `select_remote` hook", "management-query-remote management-query-proxy")
refuse("a management client may judge clients only as `kill` does",
       "use `authenticate` and `authorize` hooks, or programs", "management-client-auth")
refuse("the tunnel goes on when a management client leaves",
       "remove the line, and stop the program itself", "management-signal")
refuse("a management client is not told of addresses and routes",
       "use `up` and `down`, as programs or hooks", "management-up-down")
ignore("the log is not shown to a management client", "management-log-cache", warn)
refuse("keys and certificates of a management client are not supported",
       "give them as files or inline (cert, key)",
       "management-external-key management-external-cert")
refuse("plugins are not supported, and they may decide who connects",
       "use hooks in a Lua configuration", "plugin")
refuse("proxies are not supported, and without it the server would be contacted directly",
       "remove the line if that is meant",
       "http-proxy http-proxy-option http-proxy-user-pass socks-proxy", "fci")
refuse("servers' addresses are not replaced by a hint", "write the address into `remote`",
       "ip-remote-hint")
refuse("packets larger than the path are not split, so that the server's cannot be read",
       "remove fragment on both sides and use mssfix", "fragment", "fc")
refuse("addresses inside the tunnel are not rewritten", "use the system's NAT (nft)",
       "client-nat", "fp")
refuse("routes go into the main table only", "set the routes in the `up` hook (route-noexec)",
       "route-table")
refuse("the process does not change its root, and would be less shut in than asked",
       "use the service manager's means (RootDirectory=, ProtectSystem=)", "chroot")
refuse("the process does not change its SELinux context", "use the service manager's means "
  .. "(SELinuxContext=)", "setcon")
refuse("static keys without TLS are not supported: who has the key reads all, for ever",
       "use TLS, with peer-fingerprint when there is no CA", "secret", "fi")
refuse("a folder of authorities is not supported", "put the certificates into one file for ca",
       "capath")
refuse("keys in Windows' store are out of reach", "give cert and key", "cryptoapicert")
refuse("PKCS#11 tokens are not supported", "give cert and key, or pkcs12", [[
  pkcs11-providers pkcs11-protected-authentication pkcs11-private-mode pkcs11-cert-private
  pkcs11-pin-cache pkcs11-id pkcs11-id-management]])
refuse("pinning an authority by hash is not supported", "use peer-fingerprint, or that authority "
  .. "alone as ca", "verify-hash", "fi")
refuse("it means something only when a server pushes it", "remove the line",
       "push-continuation peer-id key-derivation protocol-flags", "p")

-- ---- removed from OpenVPN ----

local function removed(name, remedy, where)
  refuse("it was removed from OpenVPN, and is not supported here", remedy, name, where)
  rows[name].removed = true
end
removed("ns-cert-type", "use `remote-cert-tls server`")
removed("tls-remote", "use `verify-x509-name`")
removed("keysize", "use a cipher whose name holds the key's size, as AES-256-GCM")
removed("no-iv", "remove the line; packets always have an IV")
removed("no-replay", "remove the line; replayed packets are always refused")
removed("ncp-disable", "remove the line; ciphers are negotiated, data-ciphers says which")
removed("key-method", "remove the line; only method 2 is left")
removed("mtu-dynamic", "use mssfix", "fc")
removed("tun-max-mtu", "use tun-mtu-max", "fc")
removed("compat-names", "use `verify-x509-name` with the name as it is written today")
removed("no-name-remapping", "use `verify-x509-name` with the name as it is written today")
removed("http-proxy-override", "remove the line")
removed("ifconfig-pool-linear", "use `topology p2p`")
removed("management-client-pf", "remove the line")
removed("inetd", "let a service manager start the program")

return M
