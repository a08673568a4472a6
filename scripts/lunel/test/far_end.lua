-- SPDX-License-Identifier: GPL-3.0-or-later
-- The other end of a client that is tested: a server at every address, which asks the test who may
-- come (its service "login").
local o = ...
local vpn = require "lunel"
local login = require("lunel.test.policy").scripted("login", "login")

vpn.server {
  listen = { "1194/udp", "1194/tcp" },
  server = "10.8.0.0/24", server_ipv6 = "fd00:8::/64",
  push = o.push,
  auth_user_pass = "optional",
  tls = { ca = "ca", cert = "cert", key = "key", [o.wrap or "auth"] = o.wrap and "wrap" or nil,
          key_direction = o.direction },
  on = {
    authenticate = function(peer, cred)
      local password = cred.password
      local ok, text = login { cn = peer.cn, username = cred.username,
                               password = password and password:reveal() }
      if ok then return true end
      return vpn.deny(text)
    end,
  },
}
