-- The smallest server: sockets, addresses, keys. Who has a certificate of this CA may come.
--   lunel pki init && lunel pki server vpn.example.net >/dev/null && sudo lunel server.lua
--   lunel pki client anna >anna.ovpn        for the first client, of any kind
local vpn = require "lunel"

vpn.server {
  listen = { "1194/udp", "443/tcp" },
  server = "10.8.0.0/24", server_ipv6 = "fd00:8::/64",
  push = { "route 10.0.0.0 255.255.0.0", "dhcp-option DNS 10.0.0.53" },
  tls = { ca = "pki/ca.crt", crl = "pki/crl.pem", crypt_v2 = "pki/tls-crypt-v2.key",
          cert = "pki/issued/vpn.example.net.crt", key = "pki/private/vpn.example.net.key" },
}
