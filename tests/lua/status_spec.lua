-- SPDX-License-Identifier: GPL-3.0-or-later
--- What monitors read: OpenVPN's status in its three forms.
local server = require "server_stub"
local stub = require "core_stub"

describe("a server's status", function()
  local core, status
  local TIME = 1795667863.7

  before_each(function()
    core = server.new()
    status = stub.load(core, "lunel.status")
  end)

  local function at(time) return os.date("%Y-%m-%d %H:%M:%S", time) end

  local function row(more)
    local r = {
      id = 7, cid = 3, stats = { rx = 1, tx = 2, link_rx = 10, link_tx = 2 ^ 40 },
      info = { name = "anna", address = "192.0.2.7:41194", ipv4 = "10.8.0.2", ipv6 = "fd00::2",
               cipher = "AES-256-GCM", connected_at = 1795667860, up = true },
    }
    for k, v in pairs(more or {}) do r.info[k] = v or nil end
    return r
  end

  it("has OpenVPN 2.6's first form", function()
    assert.equal(table.concat({
      "OpenVPN CLIENT LIST",
      "Updated," .. at(1795667863),
      "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since",
      "anna,192.0.2.7:41194,10,1099511627776," .. at(1795667860),
      "ROUTING TABLE",
      "Virtual Address,Common Name,Real Address,Last Ref",
      "10.8.0.2,anna,192.0.2.7:41194," .. at(1795667863),
      "fd00::2,anna,192.0.2.7:41194," .. at(1795667863),
      "GLOBAL STATS",
      "Max bcast/mcast queue length,0",
      "END", "",
    }, "\n"), status.clients({ row() }, TIME, 1))
  end)

  it("has its second and third", function()
    local want = {
      "TITLE,OpenVPN 2.6.0 Lunel/9.8.7 [AEAD]",
      "TIME," .. at(1795667863) .. ",1795667863",
      "HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,"
        .. "Bytes Received,Bytes Sent,Connected Since,Connected Since (time_t),Username,"
        .. "Client ID,Peer ID,Data Channel Cipher",
      "CLIENT_LIST,anna,192.0.2.7:41194,10.8.0.2,fd00::2,10,1099511627776," .. at(1795667860)
        .. ",1795667860,UNDEF,3,7,AES-256-GCM",
      "HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)",
      "ROUTING_TABLE,10.8.0.2,anna,192.0.2.7:41194," .. at(1795667863) .. ",1795667863",
      "ROUTING_TABLE,fd00::2,anna,192.0.2.7:41194," .. at(1795667863) .. ",1795667863",
      "GLOBAL_STATS,Max bcast/mcast queue length,0",
      "GLOBAL_STATS,dco_enabled,0",
      "END", "",
    }
    assert.equal(table.concat(want, "\n"), status.clients({ row() }, TIME, 2))
    assert.equal((table.concat(want, "\n"):gsub(",", "\t")), status.clients({ row() }, TIME, 3))
    assert.equal("ERROR: bad status format version number\n", status.clients({}, TIME, 4))
  end)

  it("names those without a name, and lets nobody write lines of his own", function()
    local function who(info) return { id = 1, cid = 1, info = info,
                                      stats = { link_rx = 0, link_tx = 0 } } end
    local list = {
      who { address = "192.0.2.8:1", ipv4 = "10.8.0.3", connected_at = 1700000001 },
      who { name = "x,1\nEND", address = "192.0.2.9:1", connected_at = 1700000002 },
    }
    assert.equal(table.concat({
      "OpenVPN CLIENT LIST", "Updated," .. at(1700000100),
      "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since",
      "UNDEF,192.0.2.8:1,0,0," .. at(1700000001),
      "x_1_END,192.0.2.9:1,0,0," .. at(1700000002),
      "ROUTING TABLE", "Virtual Address,Common Name,Real Address,Last Ref",
      "10.8.0.3,UNDEF,192.0.2.8:1," .. at(1700000100),
      "GLOBAL STATS", "Max bcast/mcast queue length,0", "END", "",
    }, "\n"), status.clients(list, 1700000100.9, 1))
    -- Thousands are written piece by piece, and the same comes of it.
    local many, pauses = {}, 0
    for i = 1, 1000 do many[i] = list[1 + i % #list] end
    local function pause() pauses = pauses + 1 end
    for version = 1, 3 do
      pauses = 0
      assert.equal(status.clients(many, 0, version), status.clients(many, 0, version, pause))
      assert.is_true(pauses >= 1000 / status.PIECE)
    end
    assert.equal(table.concat({
      "OpenVPN CLIENT LIST", "Updated," .. at(0),
      "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since", "ROUTING TABLE",
      "Virtual Address,Common Name,Real Address,Last Ref", "GLOBAL STATS",
      "Max bcast/mcast queue length,0", "END", "",
    }, "\n"), status.clients({}, 0, 1))
  end)

  -- Readers split at commas and lines: as many columns as the header says, whatever the names are.
  it("keeps columns and lines apart", function()
    for _, name in ipairs { "a,b", "a\nCLIENT_LIST,mallory", "a\tb", "\1", "a\r\nEND" } do
      for version, sep in pairs { [2] = ",", [3] = "\t" } do
        local text = status.clients({ row { name = name, user = name } }, TIME, version)
        local columns = {}
        for line in text:gmatch "[^\n]+" do
          local n = select(2, line:gsub(sep, sep))
          local kind = line:match("^HEADER" .. sep .. "([%u_]+)")
          if kind then columns[kind] = n - 1 end
          local of = line:match("^[%u_]+")
          if columns[of] and not kind then assert.equal(columns[of], n, line) end
        end
        assert.is_number(columns.CLIENT_LIST)
        assert.equal(1, select(2, text:gsub("\nCLIENT_LIST" .. sep, "")))
        assert.equal(1, select(2, text:gsub("\nEND\n", "")))
        assert.is_nil(text:find("[%z\1-\8\11-\31]"))
      end
      assert.equal(11, select(2, status.clients({ row { name = name } }, TIME, 1):gsub("\n", "")))
    end
  end)

  it("has no more than is known", function()
    local text = status.clients({ row { name = false, ipv4 = false, ipv6 = false, cipher = false,
                                        address = "[fd00:2::2]:41194", user = "Anna" } }, TIME, 2)
    assert.truthy(text:find("\nCLIENT_LIST,UNDEF,fd00:2::2,,,10,", 1, true))
    assert.truthy(text:find(",1795667860,Anna,3,7,\n", 1, true))
    assert.is_nil(text:find("\nROUTING_TABLE,", 1, true))
    assert.equal("10.8.0.2", row().info.ipv4)
  end)

  it("lists those that are up, by the number that they came with", function()
    core.peers_known[8] = { name = "ben", up = false }
    core.peers_known[9] = { name = "carl", up = true, connected_at = 1, address = "192.0.2.9:1" }
    local list = status.collect({ server = true, handle = 1, peers = { [7] = { cid = 12 } } })
    assert.equal(2, #list)
    assert.same({ 7, 12, "anna", 10 }, { list[1].id, list[1].cid, list[1].info.name,
                                         list[1].stats.link_rx })
    assert.same({ 9, 0 }, { list[2].id, list[2].cid })
  end)

  it("is written again and again, and what fails is said once a minute", function()
    local said, now, answers, written = {}, 0, {}, {}
    local t = { server = true, handle = 1, peers = {},
                conf = { status = { file = "/run/s", seconds = 20 }, status_version = 2 } }
    function core.log(level, _, event, fields)
      said[#said + 1] = { level, event, fields.error, now }
    end
    function core.now() return now end
    function core.sleep(seconds)
      if seconds == 0 then return true end
      now = now + seconds
      return now <= 200
    end
    function core.write_again(path, text)
      written[#written + 1] = { path, text }
      local err = answers[#written]
      if err then return nil, err end
      return true
    end
    for i = 2, 8 do answers[i] = "cannot write /run/s: No space left on device" end
    status.keep(t)
    assert.equal(10, #written)
    assert.equal("/run/s", written[1][1])
    assert.truthy(written[1][2]:find("^TITLE,.*\nEND\n$"))
    local why = answers[2]
    assert.same({ { "warn", "unwritable", why, 40 }, { "warn", "unwritable", why, 100 },
                  { "warn", "unwritable", why, 160 } }, said)
  end)

  it("gives others their turn while it looks at thousands", function()
    local asked, longest, run = 0, 0, 0
    core.peers = function()
      local out = {}
      for i = 1, 5000 do out[i] = i end
      return out
    end
    core.peer_info = function()
      asked, run = asked + 1, run + 1
      return nil
    end
    core.sleep = function()
      longest, run = math.max(longest, run), 0
      return true
    end
    status.collect({ server = true, handle = 1, peers = {} }, true)
    assert.equal(5000, asked)
    assert.is_true(longest <= 100)
  end)
end)

describe("a client's status", function()
  it("has OpenVPN's one form", function()
    local core = server.new()
    local status = stub.load(core, "lunel.status")
    local text = status.of({ handle = 1 }, 2)
    assert.matches("^OpenVPN STATISTICS\nUpdated,[%d: -]+\nTUN/TAP read bytes,2\n"
      .. "TUN/TAP write bytes,1\nTCP/UDP read bytes,3\nTCP/UDP write bytes,4\nEND\n$", text)
    core.tunnel_stats = function() return nil end
    assert.is_nil(status.of({ handle = 1 }, 1, true))
  end)
end)
