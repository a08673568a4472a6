-- SPDX-License-Identifier: GPL-3.0-or-later
--- The program of `learn-address`: what it is asked, in which order, and what its answer does.
local server = require "server_stub"
local stub = require "core_stub"

describe("learn-address", function()
  local core, instance, on, handle

  before_each(function()
    core, on = server.new(), {}
    core.peers_known[8] = { name = "ben", cn = "ben", address = "192.0.2.8:1", ipv4 = "10.8.0.3" }
  end)

  local function open(more)
    instance = stub.load(core, "lunel.instance")
    local conf = { learn_address = { "/bin/l", "own" }, on = on }
    for k, v in pairs(more or {}) do conf[k] = v end
    handle = server.open(core, instance, conf)
    core.calls = {}
  end

  -- Passes an event on and runs nothing yet.
  local function tell(kind, fields)
    local ev = { kind = kind, tunnel = handle, peer = 7 }
    for k, v in pairs(fields or {}) do ev[k] = v end
    instance.event(ev)
  end

  local tickets = 0
  local function learn(prefix, peer)
    tickets = tickets + 1
    tell("learn", { ticket = tostring(tickets), prefix = prefix, op = "add", deadline = 10,
                    peer = peer })
    return tostring(tickets)
  end

  local function gone(peer)
    tell("peer_closed", { peer = peer, cause = "user" })
  end

  -- What was run since the last look, without the program's own words.
  local function runs()
    local out = {}
    for _, call in ipairs(stub.calls(core, "exec")) do
      out[#out + 1] = (call[2]:gsub("^/bin/l own ", ""))
    end
    core.calls = {}
    return out
  end

  -- The answers, by ticket.
  local function answers()
    local out = {}
    for _, r in ipairs(core.replies) do
      assert.equal("verdict", r.kind)
      out[r.ticket] = r[1]
    end
    core.replies = {}
    return out
  end

  local failed = { status = 1, out = "", err = "no room\n" }
  local fine = { status = 0, out = "", err = "" }

  it("has the engine wait for it, and tell it the certificate", function()
    instance = stub.load(core, "lunel.instance")
    server.open(core, instance, { learn_address = "/bin/l", on = on })
    assert.equal(2048 + 4096 + 8, stub.calls(core, "server_open")[1][2].asks)
    core = server.new()
    instance = stub.load(core, "lunel.instance")
    server.open(core, instance, { learn_address = "/bin/l", on = { learn = function() end } })
    assert.equal(2048 + 4096 + 8, stub.calls(core, "server_open")[1][2].asks)
  end)

  it("is asked in OpenVPN's words", function()
    open()
    tell("verify_cert", { ticket = "v" })
    core.replies = {}
    local tickets_of = {}
    for _, prefix in ipairs { "10.8.0.2/32", "fd00::2/128", "10.1.0.0/16", "10.8.0.9/32",
                              "fd01::/48" } do
      tickets_of[#tickets_of + 1] = learn(prefix)
    end
    core.run()
    local call = stub.calls(core, "exec")[1]
    assert.same({ "add 10.8.0.2 anna", "add fd00::2 anna", "add 10.1.0.0/16 anna",
                  "add 10.8.0.9/32 anna", "add fd01::/48 anna" }, runs())
    local got = answers()
    for _, ticket in ipairs(tickets_of) do assert.is_true(got[ticket]) end
    local env = table.concat(call[3], "\n") .. "\n"
    for _, line in ipairs { "script_type=learn-address", "common_name=anna", "username=anna@x",
                            "trusted_ip=192.0.2.7", "ifconfig_pool_remote_ip=10.8.0.2",
                            "X509_0_CN=anna", "IV_VER=2.6.14" } do
      assert.truthy(env:find(line .. "\n", 1, true), line)
    end
  end)

  it("says of each address and network that it is gone, in their order, and of no other", function()
    open()
    core.results = { fine, failed }
    learn "10.8.0.2/32"
    learn "10.1.0.0/16"
    learn "10.2.0.0/16"
    core.run()
    tell "established"
    core.calls = {}
    gone()
    core.run()
    local call = stub.calls(core, "exec")[1]
    assert.same({ "delete 10.8.0.2", "delete 10.2.0.0/16" }, runs())
    -- OpenVPN tells it nothing of who it was.
    assert.same({ "script_type=learn-address" }, { unpack(call[3], 2) })
    assert.matches("^PATH=", call[3][1])
    gone()
    core.run()
    assert.same({}, runs())
  end)

  it("refuses by its status, by failing, and when there is no time left", function()
    open()
    for _, result in ipairs { failed, { status = 0, timeout = true, out = "", err = "" },
                              "the helper is gone" } do
      core.results = { result }
      local ticket = learn "10.8.0.2/32"
      core.run()
      assert.is_false(answers()[ticket])
      assert.equal("policy.refused", core.logged[#core.logged].name)
      assert.equal("10.8.0.2/32", core.logged[#core.logged].fields.address)
    end
    runs()
    local first = learn "10.8.0.2/32"
    local second = learn "fd00::2/128"
    core.results = { function()
      core.time = core.time + 11
      return fine
    end }
    core.run()
    assert.same({ "add 10.8.0.2 anna" }, runs())
    assert.same({ [first] = true, [second] = false }, answers())
  end)

  it("is stopped at the deadline of its question", function()
    open()
    local ticket = learn "10.8.0.2/32"
    assert.equal(10, core.tasks[1].deadline)
    core.time = core.time + 4
    learn("10.8.0.3/32", 8)
    assert.equal(10, core.tasks[2].deadline)
    table.remove(core.tasks, 1).expire()
    assert.is_false(answers()[ticket])
    -- What waited goes on.
    core.run()
    runs()
    gone()
    core.run()
    assert.same({}, runs())
  end)

  it("is run once at a time for one client, and nobody else waits", function()
    open()
    learn "10.8.0.2/32"
    learn "fd00::2/128"
    learn("10.8.0.3/32", 8)
    assert.equal(2, #core.tasks) -- anna's first, ben's
    table.remove(core.tasks, 2).run()
    assert.same({ "add 10.8.0.3 ben" }, runs())
    assert.equal(1, #core.tasks)
    table.remove(core.tasks, 1).run()
    assert.same({ "add 10.8.0.2 anna" }, runs())
    table.remove(core.tasks, 1).run()
    assert.same({ "add fd00::2 anna" }, runs())
    assert.equal(0, #core.tasks)
  end)

  it("says update when the address is another client's still, and no delete after that", function()
    core.peers_known[8] = { name = "anna", address = "192.0.2.8:1", ipv4 = "10.8.0.2" }
    open()
    learn "10.8.0.2/32"
    core.run()
    tell "established"
    learn("10.8.0.2/32", 8)
    gone() -- the engine told the end of the one before; the program still runs
    core.run()
    assert.same({ "add 10.8.0.2 anna", "update 10.8.0.2 anna" }, runs())
    gone(8)
    core.run()
    assert.same({ "delete 10.8.0.2" }, runs())
    -- Refused, it stays with whom it was, until that one is gone.
    learn "10.8.0.2/32"
    core.run()
    core.results = { failed }
    learn("10.8.0.2/32", 8)
    core.run()
    gone(8)
    core.run()
    assert.same({ "add 10.8.0.2 anna", "update 10.8.0.2 anna" }, runs())
    gone()
    core.run()
    assert.same({ "delete 10.8.0.2" }, runs())
  end)

  it("gives a network back to who had it before", function()
    open()
    learn "10.1.0.0/16"
    learn("10.1.0.0/16", 8)
    core.run()
    gone(8)
    core.run()
    assert.same({ "add 10.1.0.0/16 anna", "update 10.1.0.0/16 ben", "update 10.1.0.0/16 anna" },
      runs())
    gone()
    core.run()
    assert.same({ "delete 10.1.0.0/16" }, runs())
  end)

  it("asks once for what a client has already", function()
    open()
    learn "10.8.0.2/32"
    local again = learn "10.8.0.2/32"
    core.run()
    assert.same({ "add 10.8.0.2 anna" }, runs())
    assert.is_true(answers()[again])
    gone()
    core.run()
    assert.same({ "delete 10.8.0.2" }, runs())
  end)

  it("tells the end of who left while it was asked, after the answer", function()
    open()
    local ticket = learn "10.8.0.2/32"
    gone()
    assert.equal(1, #core.tasks)
    core.run()
    assert.same({ "add 10.8.0.2 anna", "delete 10.8.0.2" }, runs())
    assert.is_nil(answers()[ticket]) -- nobody asks any more
  end)

  it("goes before the hook, which hears of what it allowed", function()
    local heard = {}
    on.learn = function(p, prefix, op)
      heard[#heard + 1] = table.concat({ p.name, prefix, op }, " ")
      return prefix ~= "10.2.0.0/16"
    end
    open()
    core.results = { fine, failed }
    local a, b, c = learn "10.8.0.2/32", learn "10.1.0.0/16", learn "10.2.0.0/16"
    core.run()
    assert.same({ [a] = true, [b] = false, [c] = false }, answers())
    assert.same({ "anna 10.8.0.2/32 add", "anna 10.2.0.0/16 add" }, heard)
    gone()
    core.run()
    assert.equal("delete 10.2.0.0/16", runs()[5])
  end)

  it("is waited for at the server's end", function()
    open()
    learn "10.8.0.2/32"
    core.run()
    tell "established"
    core.calls = {}
    instance.event { kind = "closed", tunnel = handle, cause = "user", exit_status = 0 }
    local function waits()
      for _, call in ipairs(stub.calls(core, "cancel_owner")) do
        if call[2] == 0 then return false end
      end
      return true
    end
    assert.is_true(waits())
    core.run()
    assert.is_false(waits())
    assert.same({ "delete 10.8.0.2" }, runs())
  end)

  it("goes on when an answer could not be given", function()
    open()
    learn "10.8.0.2/32"
    local second = learn "fd00::2/128"
    local reply = core.reply_verdict
    core.reply_verdict = function() error "no engine" end
    assert.has_error(core.run, "no engine")
    core.reply_verdict = reply
    core.run()
    assert.same({ [second] = true }, answers())
    assert.same({ "add 10.8.0.2 anna", "add fd00::2 anna" }, runs())
  end)

  it("has no name to tell of who has none", function()
    core.peers_known[7].name = ""
    open()
    learn "10.8.0.2/32"
    core.run()
    assert.same({ "add 10.8.0.2 UNDEF" }, runs())
  end)
end)
