-- SPDX-License-Identifier: GPL-3.0-or-later
-- A client of a server that is tested: what srv:connect{...} asks for. It comes once.
local o = ...
local vpn = require "lunel"
-- Who shows no certificate has to say something.
local user = o.user or not o.cn and "nobody" or nil
local answer = require("lunel.test.policy").scripted("answer", "the server's question")

vpn.client {
  remotes = { vpn.remote { o.host, o.port, o.proto } },
  explicit_exit_notify = o.proto == "udp" and 1 or nil,
  tls = { ca = "ca", cert = o.cn and "cert" or nil, key = o.cn and "key" or nil,
          [o.wrap or "auth"] = o.wrap and "wrap" or nil, key_direction = o.direction },
  auth_user_pass = user and { username = user, password = o.password or "-" } or nil,
  push_peer_info = true,
  setenv = o.info,
  on = {
    challenge = function(ctx) return answer(ctx.text) end,
    reconnect = function(_, cause) return vpn.stop(cause.text or cause.code) end,
  },
}
