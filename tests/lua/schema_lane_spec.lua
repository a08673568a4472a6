-- SPDX-License-Identifier: GPL-3.0-or-later
local stub = require "core_stub"

local POINTS = { from_peer = 1, to_peer = 2, wire_in = 4, wire_out = 8 }

describe("lanes in a configuration", function()
  local core, schema, from_client, from_server, checked

  before_each(function()
    for name in pairs(package.loaded) do
      if name:find("^lunel") then package.loaded[name] = nil end
    end
    core = stub.new()
    package.loaded["lunel.core"] = core
    checked = {}
    function core.lane_check(path, args)
      if path:find("absent") then
        return nil, ("cannot read '%s': No such file or directory"):format(path)
      elseif path:find("broken") then return nil, path .. ":3: unexpected symbol" end
      checked[#checked + 1] = { path = path, args = args }
      local wire = path:find("xor")
      return { id = #checked, origin = path, points = wire and POINTS.wire_in + POINTS.wire_out
        or POINTS.from_peer, overhead = wire and 15 or 0, super = false, on_error = "drop" }
    end
    schema = require "lunel.schema"
    from_client = require "lunel.schema_engine"
    from_server = require "lunel.schema_engine_server"
  end)

  after_each(function()
    for name in pairs(package.loaded) do
      if name:find("^lunel") then package.loaded[name] = nil end
    end
  end)

  local function reader() return "CONTENT" end

  local function client(more)
    local t = { remotes = { { "vpn.example.com" } },
                tls = { ca = "ca.pem", cert = "c.pem", key = "c.key" } }
    for k, v in pairs(more) do t[k] = v end
    return t
  end

  local function server(more)
    local t = { server = "10.8.0.0/24", is_server = true,
                tls = { ca = "ca.pem", cert = "s.pem", key = "s.key" } }
    for k, v in pairs(more) do t[k] = v end
    return t
  end

  it("become the engine's", function()
    local conf = assert(schema.check(client {
      transport = { file = "xor.lua", args = { key = "k" } }, filter = "filter.lua" }, "x.lua:1"))
    local out = assert(from_client.options(conf, reader, "x.lua:1"))
    assert.same({
      { id = 1, name = "transport", origin = "xor.lua", points = 12, overhead = 15, super = false,
        on_error = "drop" },
      { id = 2, name = "filter", origin = "filter.lua", points = 1, overhead = 0, super = false,
        on_error = "drop" },
    }, out.lanes)
    assert.equal(1, out.transport)
    assert.equal(2, out.filter)
    assert.same({ key = "k" }, checked[1].args)
    assert.is_nil(checked[2].args)
  end)

  it("have names on a server", function()
    local conf = assert(schema.check_server(server {
      filters = { no_lateral = { file = "filter.lua", args = { deny_net = "10.8.0.0/22" } },
                  ["b-2"] = { file = "b.lua" } },
      transport = { file = "xor.lua" } }, "x.lua:1"))
    local out = assert(from_server.options(conf, reader, "x.lua:1"))
    assert.equal(3, #out.lanes)
    assert.equal("transport", out.lanes[1].name)
    assert.equal("b-2", out.lanes[2].name)
    assert.equal("no_lateral", out.lanes[3].name)
    assert.equal(1, out.transport)
    assert.is_nil(out.filter)
  end)

  it("leave nothing where there are none", function()
    local out = assert(from_client.options(assert(schema.check(client {})), reader))
    assert.is_nil(out.lanes)
    out = assert(from_server.options(assert(schema.check_server(server {})), reader))
    assert.is_nil(out.lanes)
  end)

  it("are found where other files are, with `cd`", function()
    local conf = assert(schema.check_server(server {
      cd = "/etc/vpn/", filter = "f.lua", transport = "/opt/xor.lua",
      filters = { a = { file = "a.lua" } } }))
    assert.equal("/etc/vpn/f.lua", conf.filter.file)
    assert.equal("/opt/xor.lua", conf.transport.file)
    assert.equal("/etc/vpn/a.lua", conf.filters.a.file)
  end)

  it("say all that is wrong with them, and where", function()
    local _, errors = schema.check_server(server {
      filters = { ["no lateral"] = { file = "a.lua" }, b = { flie = "b.lua" },
                  c = { file = "c.lua", args = { f = print } } },
      filter = { file = "d.lua", args = 5 }, transport = true }, "x.lua:1")
    local text = table.concat(errors, "\n")
    assert.matches("x.lua:1: filters.no lateral: this is no name", text, 1, true)
    assert.matches("filters.b.flie: there is no key of this name", text, 1, true)
    assert.matches("filters.b: 'file' is missing", text, 1, true)
    assert.matches("filters.c.args.f: a function cannot be given to a lane", text, 1, true)
    assert.matches("filter.args: 5 is not a table", text, 1, true)
    assert.matches("transport: ", text, 1, true)
  end)

  it("do not take tables that have no end", function()
    local endless = {}
    endless.more = endless
    local _, errors = schema.check(client { filter = { file = "f.lua", args = endless } })
    assert.matches("more than 16 deep", errors[1], 1, true)
  end)

  it("are looked at when a client or server is opened", function()
    local conf = assert(schema.check_server(server {
      filter = "broken.lua", filters = { a = { file = "absent.lua" } } }, "x.lua:1"))
    local out, errors = from_server.options(conf, reader, "x.lua:1")
    assert.is_nil(out)
    assert.equal("x.lua:1: filter.file: broken.lua:3: unexpected symbol", errors[1])
    -- So that `lunel check` knows that the file may be on another machine.
    assert.matches("^x.lua:1: filters.a.file: .*: No such file or directory$", errors[2])
  end)
end)
