-- SPDX-License-Identifier: GPL-3.0-or-later
--- What a server needs of the core, on top of core_stub, and a server opened on it.
local stub = require "core_stub"

local M = {}

--- A fresh core that knows servers. `peers_known` (number -> what peer_info gives) and `chain` are
-- the spec's to fill.
function M.new()
  local core = stub.new()
  core.asks.authenticate, core.asks.authorize, core.asks.learn = 512, 1024, 2048
  core.asks.learn_later, core.asks.reauth = 4096, 8192
  core.files["ca.pem"], core.files["s.pem"], core.files["s.key"] = "CA", "CERT", "KEY"
  core.peers_known = { [7] = { name = "anna", cn = "anna", user = "anna@x",
    address = "192.0.2.7:41194", proto = "udp", ipv4 = "10.8.0.2", ipv6 = "fd00::2",
    cipher = "AES-256-GCM", connected_at = 1700000000, up = true, metadata = "\1m",
    peer_info = "IV_VER=2.6.14\nUV_SITE=fra\n" } }
  core.chain = { { depth = 0, cn = "anna", subject = "C=DE, CN=anna", serial = "0A",
                   fingerprint = "AA:BB", sha1 = "EE:FF" },
                 { depth = 1, cn = "CA", subject = "CN=CA", serial = "01", fingerprint = "CC" } }
  local function note(name, ...) core.calls[#core.calls + 1] = { name, ... } end
  for _, kind in ipairs { "login", "grant" } do
    core["reply_" .. kind] = function(ticket, ...)
      core.replies[#core.replies + 1] = { kind = kind, ticket = ticket, n = select("#", ...), ... }
      return true
    end
  end
  function core.server_open(options)
    note("server_open", options)
    core.next_handle = core.next_handle + 1
    return core.next_handle - 1
  end
  function core.server_check(options)
    note("server_check", options)
    return 0
  end
  function core.peer_info(_, id) return core.peers_known[id] end
  function core.peer_stats(_, id)
    return core.peers_known[id] and { rx = 1, tx = 2, link_rx = 10, link_tx = 20, drops = {} }
  end
  function core.peer_chain() return core.chain end
  function core.peers()
    local out = {}
    for id in pairs(core.peers_known) do out[#out + 1] = id end
    table.sort(out)
    return out
  end
  for _, name in ipairs { "kill", "text", "renegotiate", "filter" } do
    core["peer_" .. name] = function(...)
      note("peer_" .. name, ...)
      return true
    end
  end
  return core
end

--- Opens the server |conf| in |instance|, with the fields that every server needs; its handle.
function M.open(core, instance, conf)
  local file = os.tmpname()
  local f = assert(io.open(file, "w"))
  f:write("require('lunel').server(package.loaded.test_conf)")
  f:close()
  local t = { server = "10.8.0.0/24", tls = { ca = "ca.pem", cert = "s.pem", key = "s.key" } }
  for k, v in pairs(conf) do t[k] = v end
  package.loaded.test_conf = t
  local plan, errors = instance.load { kind = "script", file = file, args = {} }
  os.remove(file)
  assert(plan, errors and errors[1])
  local ok, problems = instance.prepare {}
  assert(ok, problems and problems[1])
  assert(instance.open())
  return core.next_handle - 1
end

--- Passes on one event about peer 7 (or |fields.peer|); the last reply.
function M.event(core, instance, handle, kind, fields)
  local ev = { kind = kind, tunnel = handle, peer = 7, ticket = "1" }
  for k, v in pairs(fields or {}) do ev[k] = v end
  core.replies = {}
  instance.event(ev)
  core.run()
  assert(#core.replies <= 1, "one answer")
  return core.replies[1]
end

--- The last error of a script that was logged, or nil.
function M.last_error(core)
  for i = #core.logged, 1, -1 do
    if core.logged[i].name == "script.error" then return core.logged[i].fields.error end
  end
end

return M
