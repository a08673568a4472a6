-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the profiles beside this file mean, as far as they differ from the defaults; files are given
-- as their first line.
return {
  eduvpn = {
    pull = true, dev = "tun", nobind = true, verb = 3, connect_timeout = 10, reneg_sec = 0,
    script_security = 0, scripts_allowed = false,
    data_ciphers = { "AES-256-GCM", "CHACHA20-POLY1305" },
    remotes = {
      { host = "vpn.example.org", port = 1194, proto = "udp" },
      { host = "vpn.example.org", port = 443, proto = "udp" },
      { host = "vpn.example.org", port = 1194, proto = "tcp" },
      { host = "vpn.example.org", port = 443, proto = "tcp" },
    },
    tls = {
      ca = "-----BEGIN CERTIFICATE-----", cert = "-----BEGIN CERTIFICATE-----",
      key = "-----BEGIN PRIVATE KEY-----", crypt = "#", remote_cert = "server",
      version_min = "1.3", timeout = 2,
    },
    notes = {},
  },
  community = {
    pull = true, remote_random = true, resolv_retry = -1, nobind = true, persist_tun = true,
    cipher = "AES-256-GCM", auth = "SHA256", ping = 10, ping_restart = 30, reneg_sec = 0,
    script_security = 1, scripts_allowed = false,
    up = { "/etc/openvpn/update-resolv-conf" }, down = { "/etc/openvpn/update-resolv-conf" },
    setenv = { UV_CLIENT = "community" },
    pull_filter = { { action = "ignore", text = "block-outside-dns" } },
    remotes = {
      { host = "192.0.2.17", port = 53, proto = "udp4" },
      { host = "192.0.2.17", port = 80, proto = "tcp4" },
      { host = "2001:db8::17", port = 1194, proto = "udp6" },
    },
    tls = {
      ca = "-----BEGIN CERTIFICATE-----", cert = "-----BEGIN CERTIFICATE-----",
      key = "-----BEGIN PRIVATE KEY-----", remote_cert = "server", version_min = "1.2",
      cipher = "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384:"
        .. "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384", timeout = 2,
    },
    notes = { "11 persist-key", "21 up", "22 down", "24 tun-ipv6" },
  },
  provider = {
    pull = true, dev = "tun0", dev_type = "tun", auth_retry = "nointeract",
    auth_user_pass = { file = "credentials.txt" }, cipher = "AES-256-CBC", comp_lzo = "no",
    mssfix = { value = 1200 }, replay_window = { packets = 512, seconds = 60 }, ping = 10,
    ping_restart = 30, explicit_exit_notify = 2,
    remotes = {
      { host = "pw.provider.example", port = 1194, proto = "udp" },
      { host = "pw2.provider.example", port = 1194, proto = "udp" },
    },
    tls = {
      ca = "-----BEGIN CERTIFICATE-----", auth = "-----BEGIN OpenVPN Static key V1-----",
      key_direction = 1, remote_cert = "server", version_min = "1.2", timeout = 2,
      verify_x509_name = { name = "provider server", type = "name-prefix" },
    },
    notes = { "20 comp-lzo", "23 passtos", "24 persist-key", "27 mute-replay-warnings",
              "28 ifconfig-nowarn", "30 route-delay", "35 block-outside-dns",
              "36 register-dns" },
  },
  failover = {
    pull = true, connect_timeout = 5,
    remotes = {
      { host = "one.example", port = 1194, proto = "udp", explicit_exit_notify = 1 },
      { host = "two.example", port = 1195, proto = "tcp", connect_timeout = 9, mssfix = 1300 },
    },
    tls = { ca = "ca.pem", cert = "me.pem", key = "me.key", crypt_v2 = "me.tc2",
            remote_cert = "server", version_min = "1.2", timeout = 2 },
    notes = { "15 proto", "16 remote" },
  },
}
