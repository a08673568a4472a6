-- SPDX-License-Identifier: GPL-3.0-or-later
--- A reload as two policy VMs see it: two instances over one core, one after the other.
local server = require "server_stub"
local stub = require "core_stub"

-- What passes from VM to VM: plain data alone.
local function pass(v)
  local kind = type(v)
  if kind ~= "table" then
    assert(kind == "number" or kind == "string" or kind == "boolean" or kind == "nil", kind)
    return v
  end
  assert(getmetatable(v) == nil)
  local out = {}
  for k, x in pairs(v) do out[k] = pass(x) end
  return out
end

describe("a reload", function()
  local core, old, new, handle

  local function write(text)
    local file = os.tmpname()
    local f = assert(io.open(file, "w"))
    f:write(text)
    f:close()
    return file
  end

  -- An instance with |confs| declared: vpn.server where they have `server`, else vpn.client.
  local function load(confs)
    local instance = stub.load(core, "lunel.instance")
    package.loaded.test_confs = confs
    local file = write [[
      local vpn = require "lunel"
      for _, conf in ipairs(package.loaded.test_confs) do
        if conf.server then vpn.server(conf) else vpn.client(conf) end
      end]]
    local plan, errors = instance.load { kind = "script", file = file, args = {} }
    os.remove(file)
    assert(plan, errors and errors[1])
    return instance
  end

  local function conf(more)
    local t = { server = "10.8.0.0/24", tls = { ca = "ca.pem", cert = "s.pem", key = "s.key" } }
    for k, v in pairs(more or {}) do t[k] = v end
    return t
  end

  local function client(more)
    local t = { remotes = { { "a.example", 1194 } }, on = {},
                tls = { ca = "ca.pem", cert = "s.pem", key = "s.key" } }
    for k, v in pairs(more or {}) do t[k] = v end
    return t
  end

  local function start(confs)
    core = server.new()
    core.updates, core.passed = {}, {}
    for _, name in ipairs { "tunnel_update", "server_update" } do
      core[name] = function(h, o, check)
        if core.refuse_update then return nil, core.refuse_update end
        if not check then core.updates[#core.updates + 1] = { h, o } end
        return true
      end
    end
    function core.pass_vars(...) core.passed[#core.passed + 1] = { ... } end
    function core.console_answer() end
    old = load(confs)
    assert(old.prepare {})
    assert(old.open())
    handle = 1
  end

  -- The steps of lunel/launch_reload.lua and bindings/reload.c; or nil and the errors.
  local function reload(confs)
    new = load(confs)
    local result, errors = new.match(pass(old.outline()))
    if not result then return nil, errors end
    local i = 1
    while true do
      local piece = old.hand_over(i)
      if not piece then break end
      new.take_over(pass(piece))
      i = i + 1
    end
    old.retire(unpack(result.gone))
    new.begin()
    return result
  end

  local function establish(instance, id)
    instance.event { kind = "established", tunnel = handle, peer = id or 7 }
    core.run()
  end

  it("keeps a server, and passes on who is there", function()
    start { conf { on = { established = function(p)
      p.vars.n, p.vars.list = 1, { "a", { 2 } }
    end } } }
    establish(old)
    local seen
    local result = reload { conf { push = { "dns 1" },
                                   on = { adopted = function(p) seen = p end } } }
    assert.same({ gone = {}, restart = {}, kept = 1, opened = 0, stopped = 0 }, result)
    core.run()
    assert.equal("anna", seen.name)
    assert.is_true(seen:is_up())
    assert.same({ n = 1, list = { "a", { 2 } } }, seen.vars)
    assert.equal(1, #core.updates)
    assert.same({ "ping 10", "ping-restart 60", "dns 1" }, core.updates[1][2].push)
    assert.equal(1, #stub.calls(core, "server_open"))
    assert.equal(0, #stub.calls(core, "tunnel_stop"))
  end)

  it("tells the new script of ends, and gives no peer to whom it is not", function()
    start { conf {} }
    establish(old)
    local gone
    reload { conf { on = { closed = function(p, why) gone = p.name .. " " .. why end } } }
    new.event { kind = "peer_closed", tunnel = handle, peer = 7, cause = "user", stats = {} }
    core.run()
    assert.equal("anna user", gone)
  end)

  it("drops what is not plain, and says so once a tunnel", function()
    start { conf { on = { established = function(p)
      p.vars.fn, p.vars.big, p.vars.secret = print, ("x"):rep(10), core.secret "geheim"
      p.vars.loop = p.vars
      p.vars.kept = true
    end } } }
    establish(old)
    local seen
    reload { conf { on = { adopted = function(p) seen = p end } } }
    core.run()
    assert.same({ kept = true, big = ("x"):rep(10) }, seen.vars)
    local said = {}
    for _, r in ipairs(core.logged) do
      if r.name == "reload.dropped" then said[#said + 1] = r.fields end
    end
    assert.equal(1, #said)
    assert.equal(2, said[1].more)
    assert.matches("^anna: vars%.", said[1].what)
  end)

  it("drops vars that are too large", function()
    start { conf { on = { established = function(p) p.vars.x = ("x"):rep(70000) end } } }
    establish(old)
    local seen
    reload { conf { on = { adopted = function(p) seen = p end } } }
    core.run()
    assert.same({}, seen.vars)
  end)

  it("leaves an open question to who was asked, and passes on what that left in vars", function()
    local asked
    start { conf { on = { authorize = function(p)
      p.vars.role, asked = "staff", p
      return true
    end } } }
    old.event { kind = "authorize", tunnel = handle, peer = 7, ticket = "1" }
    reload { conf { on = { authorize = function() error "asked again" end } } }
    core.run() -- the old one's task
    assert.equal("grant", core.replies[1].kind)
    assert.is_table(asked)
    assert.same({ { handle, 7, 0, { role = "staff" } } }, core.passed)
    new.take_vars(unpack(core.passed[1]))
    local function role()
      new.hand_over(1)
      return new.hand_over(2).list[1].vars.role
    end
    assert.equal("staff", role())
    -- Of another that has the number by now nothing is changed.
    new.take_vars(handle, 7, 99, { role = "root" })
    assert.equal("staff", role())
  end)

  it("names what needs a restart, and goes on with what runs", function()
    start { conf { listen = { "1194/udp" } } }
    local result = reload { conf { listen = { "1195/udp" }, max_clients = 5000, verb = 4,
                                   tls = { ca = "other.pem", cert = "s.pem", key = "s.key" } } }
    assert.same({ "tun: needs a restart: listen", "tun: needs a restart: max_clients",
                  "tun: needs a restart: tls.ca", "tun: needs a restart: verb" }, result.restart)
    assert.equal(1024, core.updates[1][2].max_clients)
    assert.equal(1194, core.updates[1][2].listen[1].port)
    -- It is still so at the next one, and no more once the file says what runs.
    old = new
    result = reload { conf { listen = { "1195/udp" } } }
    assert.same({ "tun: needs a restart: listen" }, result.restart)
    old = new
    assert.same({}, reload({ conf { listen = { "1194/udp" } } }).restart)
  end)

  it("opens what is new and stops what is gone", function()
    start { conf { name = "a" }, conf { name = "b", listen = "1195" } }
    local result = reload { conf { name = "b", listen = "1195" },
                            conf { name = "c", listen = "1196" } }
    assert.same({ 1 }, result.gone)
    assert.same({ 1, 1, 1 }, { result.kept, result.opened, result.stopped })
    assert.equal(3, #stub.calls(core, "server_open"))
    assert.same({ "tunnel_stop", 1, "a reload has left it out" },
      stub.calls(core, "tunnel_stop")[1])
  end)

  it("changes nothing when one of it is wrong, and tells all that is", function()
    start { conf { name = "a" } }
    core.files["s.key"] = nil
    core.refuse_update = "pools: no"
    local result, errors = reload { conf { name = "a" }, conf { name = "b", listen = "1195" } }
    assert.is_nil(result)
    assert.equal(2, #errors)
    assert.matches("pools: no$", errors[1])
    assert.matches("tls.key: cannot read 's.key'", errors[2])
    assert.equal(0, #core.updates)
    assert.equal(1, #stub.calls(core, "server_open"))
  end)

  it("closes what it opened when the next one cannot be", function()
    start { conf { name = "a" } }
    local open, n = core.server_open, 0
    function core.server_open(o)
      n = n + 1
      if n == 2 then return nil, "listen: in use" end
      return open(o)
    end
    local result, errors = reload {
      conf { name = "a" }, conf { name = "b", listen = "1195", management = { "/m", "unix" } },
      conf { name = "c", listen = "1196" },
    }
    assert.is_nil(result)
    assert.same({ "listen: in use" }, errors)
    assert.same({ "tunnel_stop", 2, "the reload failed" }, stub.calls(core, "tunnel_stop")[1])
    assert.same({ "desk_close", 3 }, stub.calls(core, "desk_close")[1])
  end)

  it("reads no keys of what runs", function()
    start { conf {} }
    core.files["ca.pem"], core.files["s.pem"], core.files["s.key"] = nil, nil, nil
    assert.is_table(reload { conf { push = "dns 1" } })
  end)

  it("keeps a client's session, its remote and what it had", function()
    start { client { on = { up = function(s) s.vars.n = 1 end } } }
    old.event { kind = "state", tunnel = handle, state = "connect", remote = 1 }
    old.event { kind = "state", tunnel = handle, state = "up", remote = 1,
                address = "192.0.2.1:1194" }
    old.event { kind = "up", tunnel = handle, ticket = "1", ifname = "tun0", lines = {} }
    core.run()
    local seen
    local remotes = { { "b.example", 1194 }, { "a.example", 1194, site = "x" } }
    local result = reload { client { remotes = remotes,
                                     on = { adopted = function(s) seen = s end } } }
    core.run()
    assert.equal(1, result.kept)
    assert.equal("x", seen.remote.site)
    assert.equal("192.0.2.1:1194", seen.address)
    assert.same({ n = 1 }, seen.vars)
    assert.is_true(new.is_up())
    assert.equal(2, #core.updates[1][2].remotes)
    assert.equal(0, #stub.calls(core, "prompt"))
  end)

  it("hands the socket for management on, or closes it", function()
    start { conf { management = { "/run/m.sock", "unix" } } }
    reload { conf { management = { "/run/m.sock", "unix" } } }
    assert.equal(1, #stub.calls(core, "desk_open"))
    assert.equal(0, #stub.calls(core, "desk_close"))
    new.event { kind = "line", tunnel = 2, peer = 1, ticket = "5", text = "pid", deadline = 30 }
    core.run()
    assert.equal("SUCCESS: pid=42\r\n", core.replies[#core.replies][1])
    old = new
    reload { conf {} }
    assert.same({ "desk_close", 2 }, stub.calls(core, "desk_close")[1])
  end)

  it("takes a thousand clients over in pieces", function()
    start { conf {} }
    for id = 1, 1000 do
      core.peers_known[id] = { name = "p" .. id, address = "192.0.2.7:" .. id, up = true }
      establish(old, id)
    end
    local n = 0
    reload { conf { on = { adopted = function() n = n + 1 end } } }
    core.run()
    assert.equal(1000, n)
  end)

  -- Lanes of a host, by number: what was read.
  local function with_lanes()
    local lanes, last, renewed = {}, 0, {}
    function core.lane_check(path, args)
      if path:find "bad" then return nil, path .. ":1: bad" end
      last = last + 1
      lanes[last] = path .. " " .. tostring(args and args.n)
      return { id = last, points = 1, overhead = 0, super = false, on_error = "drop" }
    end
    function core.lane_move(from, to)
      lanes[to], lanes[from] = lanes[from], nil
      return true
    end
    function core.lane_forget(id) lanes[id] = nil end
    function core.lane_renew(h, lane)
      renewed[#renewed + 1] = { h, lane.id, lane.name }
      return true
    end
    return lanes, renewed
  end

  it("loads lanes anew, each in its place", function()
    core = server.new()
    local make = server.new
    local lanes, renewed
    server.new = function()
      core = make()
      lanes, renewed = with_lanes()
      return core
    end
    start { conf { filter = "all.lua", filters = { a = { file = "a.lua", args = { n = 1 } },
                                                   b = "b.lua" } } }
    server.new = make
    assert.same({ "all.lua nil", "a.lua 1", "b.lua nil" }, lanes)
    local result = assert(reload { conf { filter = "other.lua", filters = {
      a = { file = "a.lua", args = { n = 2 } }, b = "b.lua" } } })
    assert.same({}, result.restart)
    assert.same({ "other.lua nil", "a.lua 2", "b.lua nil" }, lanes)
    assert.same({ { handle, 1, "filter" }, { handle, 2, "a" }, { handle, 3, "b" } }, renewed)
    -- One that is no good leaves all as it is, and nothing behind.
    old = new
    local none, errors = reload { conf { filter = "bad.lua", filters = { a = "a.lua",
                                                                         b = "b.lua" } } }
    assert.is_nil(none)
    assert.truthy(errors[1]:find("bad.lua:1: bad", 1, true))
    assert.same({ "other.lua nil", "a.lua 2", "b.lua nil" }, lanes)
    -- Which there are needs a restart; those that are there are renewed as they were.
    result = assert(reload { conf { filters = { a = "a.lua" } } })
    assert.same({ "filter", "filters" }, { result.restart[1]:match "restart: (%w+)",
                                           result.restart[2]:match "restart: (%w+)" })
    assert.same({ "other.lua nil", "a.lua 2", "b.lua nil" }, lanes)
  end)
end)
