-- SPDX-License-Identifier: GPL-3.0-or-later
-- examples/linkreport.lua: a protocol extension on the control channel.
-- Clients report link quality; the server may answer "move to another site".
-- Carried as an ACC message (IV_ACC / custom-control), so peers without it are unaffected.
--
-- It is a module: put it beside the scripts of both ends, and in each, before vpn.client or
-- vpn.server,
--
--     require("linkreport").client(conf)      -- in the client's script
--     require("linkreport").server(conf)      -- in the server's
--
-- where conf is the table that vpn.client or vpn.server gets next. The client's remotes have a
-- field `site`: vpn.remote { "ams.example.net", 1194, site = "ams" }.
local vpn = require "lunel"
local log = vpn.log "linkreport"

local ext = vpn.acc.protocol("lnk1", {      -- announced to the peer during the handshake
  max = 512,
  rate = { count = 4, per = 60 },           -- messages a peer may send; excess is dropped in C
  schema = { rtt = "number", loss = "number", site = "string?" },
})

local M = {}

function M.client(conf)
  vpn.hook(conf, "up", function(sess)
    if not ext:peer_supports(sess) then return end
    vpn.spawn(function()                    -- the hook returns; the reports go on with the session
      while vpn.sleep(30) and sess:is_up() do
        ext:send(sess, { rtt = sess:rtt(), loss = sess:loss() })
      end
    end)
  end)
  ext:on_message(function(sess, msg)        -- already decoded and checked against the schema
    if msg.site then
      log.info("moved by server", { site = msg.site })
      sess:reconnect { match = { site = msg.site }, reason = "server request" }
    end
  end)
end

function M.server(conf)
  ext:on_message(function(peer, msg)
    vpn.metrics.gauge("peer_loss", { user = peer.user }):set(msg.loss)
    if msg.loss > 0.05 then ext:send(peer, { rtt = 0, loss = 0, site = "ams" }) end
  end)
end

return M
