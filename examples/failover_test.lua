-- Tests of failover.lua: lunel test examples/failover_test.lua
local t = require "lunel.test"

-- What the servers answer is the test's to say: site -> seconds, nil for silence; over TCP nobody.
local function line(rtts)
  local l = { rtts = rtts, asked = {} }
  function l.probe(remote, o)
    t.equal(o.timeout, 1)
    t.ok(not remote.last_resort, "the last resort is never probed")
    l.asked[#l.asked + 1] = { site = remote.site, at = t.now() }
    return l.rtts[remote.site] or t.never
  end
  -- How often |site| was asked from |from| on.
  function l.count(site, from)
    local n = 0
    for _, a in ipairs(l.asked) do
      if a.site == site and a.at >= from then n = n + 1 end
    end
    return n
  end
  return l
end

local function start(l, o)
  o = o or {}
  o.probe = l.probe
  return t.client("failover.lua", o):start()
end

local function selected(c) return c:log "^failover.selected$" end

t.case("the lowest round trip wins", function()
  local l = line { fra = 0.05, ams = 0.02 }
  local c = start(l):wait "up"
  t.equal(c.session.remote.site, "ams")
  t.equal(selected(c)[1].fields.rtt, 0.02)
  t.equal(l.count("fra", 0), 3, "three probes a remote")
end)

t.case("the best of three probes counts", function()
  local l = line {}
  local n = 0
  function l.probe(remote)
    n = n + (remote.site == "fra" and 1 or 0)
    if remote.site == "ams" then return 0.03 end
    return n == 2 and 0.01 or 0.2
  end
  t.equal(start(l):wait "up".session.remote.site, "fra")
end)

t.case("who does not answer is not chosen", function()
  local c = start(line { fra = 0.3 }):wait "up"
  t.equal(c.session.remote.site, "fra")
end)

t.case("a failed remote is skipped while its penalty lasts", function()
  local l = line { fra = 0.05, ams = 0.02 }
  local reach = false
  local c = start(l, { reach = function(remote) return reach or remote.site ~= "ams" end })
  c:wait(function() return c.cause end, 300)
  t.equal(c.cause.code, "timeout")
  local failed = t.now()
  c:wait("up", 300)
  t.equal(c.session.remote.site, "fra")
  t.equal(l.count("ams", failed), 0, "not even probed")
  -- The watch task looks again a minute after `up`, when the penalty is over.
  reach = true
  t.advance(failed + 59 - t.now())
  t.equal(l.count("ams", failed), 0, "within the penalty")
  t.advance(5)
  t.equal(l.count("ams", failed), 3, "after it")
end)

t.case("the last resort is used when every probe fails", function()
  local c = start(line {}):wait("up", 60)
  t.equal(c.session.remote.proto, "tcp")
  t.equal(c.session.remote.port, 443)
  t.equal(selected(c), {})
end)

t.case("auth_failed stops", function()
  local c = start(line { fra = 0.05 }, { login = function() return false, "unknown" end })
  c:wait "closed"
  t.equal(c:log "^tunnel.stopped$"[1].fields.reason, "credentials rejected")
  t.advance(3600)
  t.equal(#c:log "^tunnel.connecting$", 1)
end)

-- The handshake's own round trip is at least 0.4 s on this line.
local function far_away()
  t.network { delay = 0.2 }
  local l = line { fra = 0.4, ams = 0.5 }
  local c = start(l):wait "up"
  t.equal(c.session.remote.site, "fra")
  return c, l, t.now()
end

t.case("it migrates after three wins in a row", function()
  local c, l, began = far_away()
  l.rtts = { fra = 0.4, ams = 0.1 }
  t.advance(180)
  t.equal(c.session.remote.site, "fra", "two wins are not enough")
  t.equal(c:log "^failover.migrate$", {})
  c:wait(function() return c.session.remote.site == "ams" end, 5)
  c:wait "up"
  t.ok(t.now() - began < 190, "the third one is")
  t.equal(c:log "^failover.migrate$"[1].fields, { from = "fra", to = "ams", rtt = 0.1 })
  t.equal(#selected(c), 1, "the remote was named, not selected anew")
end)

t.case("a win in between does not count", function()
  local c, l = far_away()
  l.rtts.ams = 0.1
  t.advance(150)         -- two wins, after 60 and 121 s
  l.rtts.ams = 0.5
  t.advance(60)          -- and a loss
  l.rtts.ams = 0.1
  t.advance(125)         -- two more
  t.equal(c.session.remote.site, "fra")
  t.advance(60)
  t.equal(c.session.remote.site, "ams")
end)

t.case("what is only a little better is no reason to go", function()
  local c, l = far_away()
  l.rtts = { fra = 0.4, ams = 0.35 }
  t.advance(1800)
  t.equal(c:log "^failover.migrate$", {})
end)

t.case("nothing is measured for a session that has ended", function()
  local c, l = far_away()
  c:stop()
  c:wait "closed"
  t.equal(c:waiting(), {})
  local ended = t.now()
  t.advance(600)
  t.equal(l.count("fra", ended), 0)
end)
