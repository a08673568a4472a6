-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- A packet lane: no mail from the VPN (SMTP), and nothing into one network. It lets no IPv6 and no
-- later fragments past, since it cannot judge them.
--
--   filters = { no_lateral = { file = "filter.lua", args = { deny_net = "10.8.0.0/22" } } }
--   ... vpn.grant { filter = "no_lateral" }
--
-- `...` holds the args table given there. `lunel check filter.lua` looks at it by itself.
local pkt  = require "lunel.pkt"
local args = ...

local DROP, TCP = pkt.DROP, pkt.TCP
local net, mask = pkt.cidr4(args.deny_net)
local smtp = pkt.counter "filter.smtp"
local lateral = pkt.counter "filter.lateral"
local unclassified = pkt.counter "filter.unclassified"

return {
  on_error = "drop",                        -- fail closed: this is a security filter

  from_peer = function(b)                   -- decrypted, before TUN
    for i = 0, b.n - 1 do
      local p = b.p[i]
      if not p:is_ip4() or p:is_later_fragment() then
        p.verdict = DROP; unclassified:add(1) -- what cannot be judged does not pass
      elseif p:ip4_in(16, net, mask) then
        p.verdict = DROP; lateral:add(1)
      elseif p:proto() == TCP and p:dport() == 25 then
        p.verdict = DROP; smtp:add(1)
      end
    end
  end,
}
