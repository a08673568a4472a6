-- SPDX-License-Identifier: GPL-3.0-or-later
local stub = require "core_stub"

local core, logging, sessions, peers

describe("vpn.log", function()
  local said

  before_each(function()
    core = stub.new()
    said = {}
    function core.log(level, sub, event, fields, depth, sess)
      said[#said + 1] = { level, sub, event, fields, depth, sess }
    end
    logging, sessions, peers = stub.load(core, "lunel.logging", "lunel.session", "lunel.peer")
    logging.bind { new_owner = function() return 77 end }
  end)

  it("says where a script logs, and whom it is about", function()
    local log = logging.log "test"
    log.info "nobody"
    local s = sessions.new({}, 5)
    core.owner_now = 5
    log.warn("no address yet", { a = 1 })
    s.address = "192.0.2.1:1194"
    log.warn "a session"
    local info = { name = "", address = "192.0.2.7:1" }
    function core.peer_info() return info end
    local p = peers.new({ handle = 1 }, 3, 6)
    core.owner_now = 6
    log.error "a stranger"
    info = { name = "anna", address = "192.0.2.7:1" }
    log.error "anna"
    p.ended = true
    log.debug "she was"
    assert.same({
      { "info", "test", "nobody", nil, 2, nil },
      { "warn", "test", "no address yet", { a = 1 }, 2, nil },
      { "warn", "test", "a session", nil, 2, "192.0.2.1:1194" },
      { "error", "test", "a stranger", nil, 2, "192.0.2.7:1" },
      { "error", "test", "anna", nil, 2, "anna" },
      { "debug", "test", "she was", nil, 2, "anna" },
    }, said)
  end)

  it("gives sinks an owner of their own, whose tasks end with the instance", function()
    local batch = function() end
    local first = logging.log.sink { batch = batch }
    logging.log.sink { batch = batch, level = "debug", subs = { "tls" } }
    assert.same({ { "sink", batch, "the log sink of spec.lua:1", 77, "info", nil },
                  { "sink", batch, "the log sink of spec.lua:1", 77, "debug", { "tls" } } },
                stub.calls(core, "sink"))
    assert.is_true(first:close())
    assert.same({ "sink_close", 1 }, stub.calls(core, "sink_close")[1])
    logging.close()
    assert.same({ { "cancel_owner", 77 } }, stub.calls(core, "cancel_owner"))
  end)

  it("tells of misuse where it happened", function()
    for _, row in ipairs {
      { function() logging.log(5) end, "vpn.log: a string expected" },
      { function() logging.log("x").info() end, "log.info: a string expected" },
      { function() logging.log("x").info("a", 5) end, "log.info: a table expected" },
      { function() logging.log.sink {} end, "vpn.log.sink: batch: a function expected" },
      { function() logging.log.level("x", 5) end, "a level expected (error, warn, info" },
      { function() logging.log.fallback() end, "vpn.log.fallback: a string expected" },
      { function() return logging.log.snik end, "did you mean 'sink'?" },
    } do
      local ok, err = pcall(row[1])
      assert.is_false(ok)
      assert.truthy(err:find("logging_spec.lua", 1, true) and err:find(row[2], 1, true), err)
    end
  end)
end)
