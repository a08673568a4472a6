-- The demo's client (./run demo): a profile, whose name is this script's argument, and a policy
-- over it. The profile has two remotes; at the first, nobody listens.
local vpn = require "lunel"

local conf = vpn.profile((...))
conf.machine_readable_output = true -- times to the microsecond: the demo sorts lines by them

local function say(text, ...) print("policy: " .. text:format(...)) end

conf.on = {
  -- After TLS has accepted it.
  verify_cert = function(_, chain)
    local cert = chain[1]
    if cert.not_after < os.time() + 7 * 86400 then return false, "it ends within a week" end
    say("%s is the server, its certificate is good until %s", cert.cn,
      os.date("%Y-%m-%d", cert.not_after))
    return true
  end,

  -- What the server pushed, as texts.
  pulled = function(_, options)
    return vpn.filter(options, function(option)
      if not option:find "^route 10%.66%." then return true end
      say("pushed \"%s\": not taken, that is the network at home", option)
    end)
  end,

  up = function(_, net)
    say("up: %s has %s and %d route%s", net.ifname, net.addresses[1], #net.routes,
      #net.routes == 1 and "" or "s")
  end,

  -- Seconds to wait, or the end.
  reconnect = function(ctx, cause)
    local place = ("%s:%d/%s"):format(ctx.remote.host, ctx.remote.port, ctx.remote.proto)
    if cause.phase == "connect" then
      say("nobody listens at %s: the next one, at once", place)
      return 0
    end
    say("refused by %s (%s): not again", place, cause.text)
    return vpn.stop(cause.text)
  end,
}

vpn.client(conf)
