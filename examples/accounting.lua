-- Who used how much: bytes and time of each session in an SQLite database, every five minutes and
-- at its end, by the program sqlite3 (Debian's package of that name), in one piece for all
-- sessions.
--   lunel pki init && lunel pki server vpn.example.net >/dev/null && sudo lunel accounting.lua
--   sqlite3 /var/lib/lunel/usage.db "select name, sum(received) from usage group by name"
local vpn = require "lunel"
local log = vpn.log "accounting"

local DATABASE = "/var/lib/lunel/usage.db"
local EVERY = 300
local SCHEMA = [[
create table if not exists usage (session text primary key, name text, address text,
  began integer, seen integer, received integer, sent integer, why text);
]]

local here = {}    -- peer -> its session's name in the database
local pending = {} -- that -> the row that is to be written
local busy = 0     -- somebody writes, until then
local MOST = 10000 -- rows that wait while nothing can be written

-- A text as SQL has it. Names come from certificates: control characters do not belong into them.
local function quoted(text)
  return "'" .. tostring(text):gsub("%c", " "):gsub("'", "''") .. "'"
end

local function put(peer, session, stats, why)
  if not pending[session] and vpn.count(pending) >= MOST then
    return log.error("row lost", { who = peer.name, rx = stats.rx, tx = stats.tx })
  end
  pending[session] = ("insert or replace into usage values (%s, %s, %s, %d, %d, %.0f, %.0f, %s);\n")
    :format(quoted(session), quoted(peer.name), quoted(peer.address), stats.connected_at or 0,
      os.time(), stats.rx, stats.tx, why and quoted(why) or "null")
end

-- Writes what is pending; waits. One at a time; what could not be written stays for the next.
local function write()
  while next(pending) and busy <= vpn.now() do
    busy = vpn.now() + 10
    local rows, lines = {}, {}
    for session, line in pairs(pending) do
      rows[session], lines[#lines + 1] = line, line
    end
    local r, err = vpn.exec { "sqlite3", "-bail", DATABASE, timeout = 8,
      input = SCHEMA .. "begin;\n" .. table.concat(lines) .. "commit;\n" }
    busy = 0
    if not r or r.status ~= 0 then
      return log.error("not written", { rows = #lines,
        why = err or r.timeout and "it took too long" or r.err })
    end
    for session, line in pairs(rows) do
      if pending[session] == line then pending[session] = nil end
    end
  end
end

vpn.server {
  listen = { "1194/udp", "443/tcp" },
  server = "10.8.0.0/22",
  tls = { ca = "pki/ca.crt", crl = "pki/crl.pem", crypt_v2 = "pki/tls-crypt-v2.key",
          cert = "pki/issued/vpn.example.net.crt", key = "pki/private/vpn.example.net.key" },

  on = {
    established = function(peer)
      here[peer] = ("%s %s %d"):format(vpn.iso8601(), peer.address, peer.id)
    end,
    closed = function(peer, why, stats)
      put(peer, here[peer], stats, why)
      here[peer] = nil
      write()
    end,
  },
}

vpn.spawn(function()
  while vpn.sleep(EVERY) do
    for peer, session in pairs(here) do
      local stats = peer:stats()
      if stats then put(peer, session, stats) end
    end
    write()
  end
end)
