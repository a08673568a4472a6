-- SPDX-License-Identifier: GPL-3.0-or-later
--- Protocol extensions: declared, checked against their schema both ways, handed to tasks.
local cjson = require "cjson"
local stub = require "core_stub"
local virtual = require "virtual_core"

describe("a protocol extension", function()
  local core, acc, instance, vpn, handle, session

  before_each(function()
    core = virtual.install(stub.new())
    core.files["ca.pem"], core.files["me.pem"], core.files["me.key"] = "CA", "CERT", "KEY"
    acc, instance, vpn = stub.load(core, "lunel.acc", "lunel.instance", "lunel")
    core.known.lnk1 = true
  end)

  -- Opens a client that is up; its session is `session`.
  local function open()
    local file = os.tmpname()
    local f = assert(io.open(file, "w"))
    f:write("require('lunel').client(package.loaded.test_conf)")
    f:close()
    package.loaded.test_conf = {
      remotes = { { "a.example" } }, tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" },
      on = { up = function(s) session = s end },
    }
    assert(instance.load { kind = "script", file = file, args = {} })
    os.remove(file)
    assert(instance.prepare {})
    assert(instance.open())
    handle = core.next_handle - 1
    instance.event { kind = "up", tunnel = handle, ticket = "1", ifname = "tun0", lines = {} }
    core.run()
  end

  local function hear(data, protocol)
    instance.event { kind = "message", tunnel = handle, protocol = protocol or "lnk1", data = data }
    core.run()
  end

  local function refused()
    local out = {}
    for _, r in ipairs(core.logged) do
      if r.name == "acc.refused" then out[#out + 1] = r.fields.reason .. ": " .. r.fields.why end
    end
    return out
  end

  local function last_error()
    for i = #core.logged, 1, -1 do
      if core.logged[i].name == "script.error" then return core.logged[i].fields end
    end
  end

  it("is told to the engine before tunnels open, and later ones at once", function()
    vpn.acc.protocol("lnk1", { max = 512, rate = { count = 4, per = 60 } })
    vpn.acc.protocol("other")
    assert.same({}, stub.calls(core, "extensions"))
    open()
    local calls = stub.calls(core, "extensions")
    assert.equal(1, #calls)
    assert.same({ { name = "lnk1", max = 512, count = 4, per = 60 },
                  { name = "other", max = 4096, count = 10, per = 1 } }, calls[1][2])
    vpn.acc.protocol("late")
    assert.equal("late", stub.calls(core, "extensions")[2][2][3].name)
  end)

  it("refuses what is declared wrongly, with the place and what to do", function()
    vpn.acc.protocol("twice")
    for _, row in ipairs {
      { "", {}, "a name is 1 to 32 letters, digits, '-', '_' and '.'" },
      { "a b", {}, "a name is 1 to 32 letters" }, { "a,b", {}, "a name is" },
      { "a:b", {}, "a name is" }, { ("x"):rep(33), {}, "a name is" }, { 7, {}, "a name is" },
      { "twice", {}, "'twice' is declared already" },
      { "x", { Max = 1 }, "there is no 'Max'; did you mean 'max'?" },
      { "x", { max = 0 }, "max is 1 to 65536 bytes" }, { "x", { max = 65537 }, "max is" },
      { "x", { max = 1.5 }, "max is" }, { "x", { max = "512" }, "max is" },
      { "x", { max = 0 / 0 }, "max is" },
      { "x", { rate = 4 }, "rate is { count =" },
      { "x", { rate = { count = 0, per = 1 } }, "rate" },
      { "x", { rate = { count = 1 } }, "rate is" },
      { "x", { rate = { count = 1, per = 0 } }, "rate is" },
      { "x", { rate = { count = 1, per = 0 / 0 } }, "rate is" },
      { "x", { encoding = "xml" }, "encoding is 'json' or 'raw'" },
      { "x", { schema = "number" }, "schema is a table" },
      { "x", { schema = { a = "integer" } }, "schema.a: 'number', 'string' or 'boolean' expected" },
      { "x", { schema = { a = "number??" } }, "schema.a" },
      { "x", { schema = { a = 1 } }, "schema.a" },
      { "x", { schema = { "number" } }, "schema: a field's name is a text, not a number" },
      { "x", { schema = {}, encoding = "raw" }, "what is raw has no schema" },
      { "x", 5, "a table of options expected" },
    } do
      local ok, err = pcall(vpn.acc.protocol, row[1], row[2])
      assert.is_false(ok)
      assert.truthy(err:find("vpn.acc.protocol: ", 1, true), err)
      assert.truthy(err:find(row[3], 1, true), err)
    end
    for i = 2, 8 do vpn.acc.protocol("p" .. i) end
    assert.has_error(function() vpn.acc.protocol("ninth") end,
      "vpn.acc.protocol: there are 8 already")
  end)

  describe("with a schema", function()
    local ext, got

    before_each(function()
      ext = vpn.acc.protocol("lnk1", { max = 64, schema = {
        rtt = "number", site = "string?", final = "boolean?" } })
      got = {}
      open()
      ext:on_message(function(who, msg) got[#got + 1] = { who, msg } end)
    end)

    it("sends what fits", function()
      assert.is_true(ext:send(session, { rtt = 0.5, site = "ams" }))
      assert.is_true(ext:send(session, { rtt = 1, final = false }))
      assert.same({ rtt = 0.5, site = "ams" }, cjson.decode(core.sent[1].data))
      assert.equal(handle, core.sent[1].handle)
      assert.is_nil(core.sent[1].peer)
      assert.equal("lnk1", core.sent[1].name)
      assert.equal(2, ext:stats().sent)
    end)

    it("does not send what does not", function()
      for _, row in ipairs {
        { {}, "lnk1: 'rtt' is missing" },
        { { rtt = "1" }, "lnk1: rtt: a number expected, got a string" },
        { { rtt = 1, site = 2 }, "lnk1: site: a string expected, got a number" },
        { { rtt = 1, sit = "x" }, "lnk1: there is no field 'sit' in the schema" },
        { { rtt = 0 / 0 }, "is no number that can be sent" }, { { rtt = 1 / 0 }, "no number" },
        { { rtt = 1, site = ("x"):rep(64) }, "bytes, and max is 64" },
        { "text", "a table expected, got a string" },
      } do
        local ok, err = ext:send(session, row[1])
        assert.is_nil(ok)
        assert.truthy(err:find(row[2], 1, true), err)
      end
      assert.same({}, core.sent)
    end)

    it("says why the engine does not take it", function()
      for from, to in pairs {
        ["limit reached"] = "lnk1: too much waits to be sent",
        ["not found"] = "lnk1: the peer does not have it",
        ["not possible in this state"] = "lnk1: the connection is not up",
        ["out of memory"] = "lnk1: out of memory",
      } do
        core.refuse_send = from
        assert.same({ nil, to }, { ext:send(session, { rtt = 1 }) })
      end
    end)

    it("hears what fits, in tasks of the session", function()
      hear '{"rtt":2.5,"site":"ams"}'
      hear '{"rtt":1,"site":null}'
      assert.equal(session, got[1][1])
      assert.same({ rtt = 2.5, site = "ams" }, got[1][2])
      assert.same({ rtt = 1 }, got[2][2])
      assert.equal(2, ext:stats().received)
      assert.same({}, refused())
    end)

    it("drops, counts and logs what does not", function()
      for _, data in ipairs { "", "nonsense", "{", '{"rtt":nan}', '{"rtt":Infinity}',
        ('['):rep(30) .. (']'):rep(30), '{"rtt":1}}' } do
        hear(data)
      end
      for _, data in ipairs { "{}", '{"rtt":"1"}', '{"rtt":true}', '{"rtt":{}}', '{"rtt":null}',
        '{"rtt":1,"x":1}', '{"rtt":1,"site":1}', '[1]', "1", '"rtt"', "null" } do
        hear(data)
      end
      assert.same({}, got)
      assert.same({ malformed = 7, schema = 11 }, ext:stats().dropped)
      assert.equal(10, #refused())
      assert.truthy(refused()[8]:find("'rtt' is missing", 1, true))
      core.advance(2)
      core.logged = {}
      hear('{"' .. ("\195\169"):rep(20) .. '":1}')
      assert.equal("schema: there is no field '" .. ("?"):rep(32) .. "...' in the schema",
        refused()[1])
      core.logged = {}
      core.advance(2)
      for _ = 1, 12 do hear "{}" end
      core.advance(2)
      hear "{}"
      local last = core.logged[#core.logged - 1]
      assert.equal("acc.suppressed", last.name)
      assert.equal(2, last.fields.records)
    end)

    it("has a place for each error of a handler, and goes on", function()
      ext:on_message(function() error("oh no") end)
      hear '{"rtt":1}'
      assert.equal(1, #got)
      assert.equal("hook 'on_message of lnk1'", last_error().what)
      assert.truthy(last_error().error:find("oh no", 1, true))
    end)

    it("does not let handlers pile up", function()
      local ended = 0
      ext:on_message(function()
        vpn.sleep(5)
        ended = ended + 1
      end)
      for _ = 1, 30 do hear '{"rtt":1}' end
      assert.equal(16, #got) -- those end at once; these stay
      assert.same({ busy = 14 }, ext:stats().dropped)
      core.advance(6)
      assert.equal(16, ended)
      hear '{"rtt":1}'
      assert.equal(17, #got)
    end)

    it("ends a handler that takes too long", function()
      ext:on_message(function() vpn.sleep(60) end)
      hear '{"rtt":1}'
      core.advance(11)
      assert.equal("its deadline has passed", last_error().error)
    end)

    it("ends with the session", function()
      local woke = false
      ext:on_message(function()
        vpn.sleep(1)
        woke = true
      end)
      hear '{"rtt":1}'
      instance.event { kind = "state", tunnel = handle, state = "wait" }
      core.advance(5)
      assert.is_false(woke)
      hear '{"rtt":1}'
      assert.equal(1, #got)
      assert.same({ nil, "the connection has ended" }, { ext:send(session, { rtt = 1 }) })
      assert.is_false(ext:peer_supports(session))
      assert.is_nil(vpn.acc.stats(session))
    end)

    it("knows whether the peer has it", function()
      assert.is_true(ext:peer_supports(session))
      core.known.lnk1 = nil
      assert.is_false(ext:peer_supports(session))
      assert.same({ received = 0, sent = 0, dropped = {} }, vpn.acc.stats(session))
    end)

    it("wants to be used rightly", function()
      for _, f in ipairs {
        function() ext:send({}, {}) end, function() ext:send(nil, {}) end,
        function() ext:peer_supports("me") end, function() vpn.acc.stats(5) end,
      } do
        local ok, err = pcall(f)
        assert.is_false(ok)
        assert.truthy(err:find("a session or a peer expected", 1, true), err)
      end
      assert.has_error(function() ext:on_message(5) end,
        "ext:on_message: a function expected, got a number")
      assert.has_error(function() return ext.sned end,
        "an extension has no 'sned'; did you mean 'send'?")
    end)
  end)

  it("may be raw: any bytes", function()
    local ext = vpn.acc.protocol("lnk1", { encoding = "raw" })
    local got
    ext:on_message(function(_, msg) got = msg end)
    open()
    hear "\0\255{"
    assert.equal("\0\255{", got)
    assert.is_true(ext:send(session, "\0x"))
    assert.equal("\0x", core.sent[1].data)
    assert.is_nil(ext:send(session, {}))
  end)

  it("may be any JSON without a schema", function()
    local ext = vpn.acc.protocol("lnk1")
    local got
    ext:on_message(function(_, msg) got = msg end)
    open()
    hear '[1,"x",{"a":[true]}]'
    assert.same({ 1, "x", { a = { true } } }, got)
    assert.is_nil(ext:send(session, { f = print }))
    assert.is_nil(ext:send(session, { [1] = 1, [100] = 3 }))
    local loop = {}
    loop[1] = loop
    assert.is_nil(ext:send(session, loop))
  end)

  it("without a handler says so", function()
    vpn.acc.protocol("lnk1")
    open()
    hear "{}"
    assert.same({ "unheard: there is no on_message" }, refused())
    hear("{}", "nobodys") -- of a script before a reload
    assert.equal(1, #refused())
    assert.is_table(acc)
  end)
end)
