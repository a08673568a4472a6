-- The smallest client: the servers, the keys, and one decision.
local vpn = require "lunel"

vpn.client {
  remotes = { vpn.remote { "vpn.example.net", 1194, "udp" },
              vpn.remote { "vpn.example.net", 443, "tcp" } },
  tls = { ca = "ca.pem", cert = "me.pem", key = "me.key", crypt_v2 = "me.tc2" },
  on = {
    reconnect = function(ctx, cause)
      if cause.code == "auth_failed" then return vpn.stop("credentials rejected") end
      return vpn.backoff(ctx.failures, { base = 0.5, max = 30 })
    end,
  },
}
