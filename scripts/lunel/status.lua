-- SPDX-License-Identifier: GPL-3.0-or-later
--- What a tunnel or server does, in OpenVPN's forms, which monitors read: for the file of
-- `status FILE [SECONDS]` and for the management interface.
local core = require "lunel.core"

local M = {}

-- So many clients at a time, and then the task that goes through all of them lets others have their
-- turn: a stretch has 20 ms, in which there is time for a few hundred.
M.PIECE = 50
local FRESH = 200   -- so many are asked for counters that are not a while old

local function moment(time) return os.date("%Y-%m-%d %H:%M:%S", math.floor(time)) end

--- Who we are, as monitors expect it: OpenVPN's name, the version whose forms these are, and ours.
function M.title() return ("OpenVPN 2.6.0 Lunel/%s [AEAD]"):format(core.version) end

--- The text for a client's counters |s| (session:stats) at |time|.
function M.text(s, time)
  return table.concat({
    "OpenVPN STATISTICS",
    "Updated," .. moment(time),
    ("TUN/TAP read bytes,%.0f"):format(s.tx),
    ("TUN/TAP write bytes,%.0f"):format(s.rx),
    ("TCP/UDP read bytes,%.0f"):format(s.link_rx),
    ("TCP/UDP write bytes,%.0f"):format(s.link_tx),
    "END",
  }, "\n") .. "\n"
end

-- A name that keeps to its column and its line.
local function column(name) return name and (name:gsub("[%c,]", "_")) or "UNDEF" end

-- As OpenVPN 2.6 writes where a client is: of an IPv6 address without the port.
local function place(address) return (address or ""):match("^%[(.*)%]:%d+$") or address or "" end

local function addresses(p)
  local out = {}
  if p.ipv4 then out[1] = p.ipv4 end
  if p.ipv6 then out[#out + 1] = p.ipv6 end
  return out
end

local function nothing() end

-- As ipairs, with a pause after each piece.
local function pieces(list, pause)
  return function(_, i)
    i = i + 1
    if i % M.PIECE == 0 then pause() end
    if list[i] ~= nil then return i, list[i] end
  end, list, 0
end

local function first_form(list, time, pause)
  local out = { "OpenVPN CLIENT LIST", "Updated," .. moment(time),
    "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since" }
  for _, row in pieces(list, pause) do
    local p, s = row.info, row.stats
    out[#out + 1] = ("%s,%s,%.0f,%.0f,%s"):format(column(p.name), place(p.address), s.link_rx,
      s.link_tx, moment(p.connected_at))
  end
  out[#out + 1] = "ROUTING TABLE\nVirtual Address,Common Name,Real Address,Last Ref"
  for _, row in pieces(list, pause) do
    local p = row.info
    for _, ip in ipairs(addresses(p)) do
      out[#out + 1] = ("%s,%s,%s,%s"):format(ip, column(p.name), place(p.address), moment(time))
    end
  end
  out[#out + 1] = "GLOBAL STATS\nMax bcast/mcast queue length,0\nEND"
  return table.concat(out, "\n") .. "\n"
end

local CLIENT_LIST = { "HEADER", "CLIENT_LIST", "Common Name", "Real Address", "Virtual Address",
  "Virtual IPv6 Address", "Bytes Received", "Bytes Sent", "Connected Since",
  "Connected Since (time_t)", "Username", "Client ID", "Peer ID", "Data Channel Cipher" }
local ROUTING_TABLE = { "HEADER", "ROUTING_TABLE", "Virtual Address", "Common Name",
  "Real Address", "Last Ref", "Last Ref (time_t)" }

-- Forms 2 and 3: the kind of each line stands in front; |sep| is a comma or a tab.
local function later_form(list, time, pause, sep)
  local function line(...) return table.concat({ ... }, sep) end
  local now = ("%.0f"):format(math.floor(time))
  local out = { line("TITLE", M.title()), line("TIME", moment(time), now),
                table.concat(CLIENT_LIST, sep) }
  for _, row in pieces(list, pause) do
    local p, s = row.info, row.stats
    out[#out + 1] = line("CLIENT_LIST", column(p.name), place(p.address), p.ipv4 or "",
      p.ipv6 or "", ("%.0f"):format(s.link_rx), ("%.0f"):format(s.link_tx),
      moment(p.connected_at), ("%.0f"):format(p.connected_at), column(p.user),
      ("%.0f"):format(row.cid), ("%.0f"):format(row.id), p.cipher or "")
  end
  out[#out + 1] = table.concat(ROUTING_TABLE, sep)
  for _, row in pieces(list, pause) do
    local p = row.info
    for _, ip in ipairs(addresses(p)) do
      out[#out + 1] = line("ROUTING_TABLE", ip, column(p.name), place(p.address), moment(time),
        now)
    end
  end
  out[#out + 1] = line("GLOBAL_STATS", "Max bcast/mcast queue length", "0")
  out[#out + 1] = line("GLOBAL_STATS", "dco_enabled", "0")
  out[#out + 1] = "END"
  return table.concat(out, "\n") .. "\n"
end

--- The text for a server in the form |version|: |list| of { id, cid, info, stats }. |pause|, if it
-- is given, is called after each piece.
function M.clients(list, time, version, pause)
  pause = pause or nothing
  if version == 1 then return first_form(list, time, pause) end
  if version == 2 or version == 3 then
    return later_form(list, time, pause, version == 3 and "\t" or ",")
  end
  return "ERROR: bad status format version number\n"
end

local function pause() core.sleep(0) end

--- The clients of the server |t| that are connected, as M.clients takes them. In a task: a long
-- list is looked at piece by piece. With |fresh| their counters are asked for first, unless they
-- are too many.
function M.collect(t, fresh)
  local ids, list = core.peers(t.handle), {}
  if fresh and #ids <= FRESH then
    for _, id in ipairs(ids) do core.peer_stats(t.handle, id) end
    core.sleep(0.02)
  end
  for i, id in ipairs(ids) do
    if i % M.PIECE == 0 then pause() end
    local p, s = core.peer_info(t.handle, id), core.peer_stats(t.handle, id)
    if p and s and p.up then
      local known = t.peers[id]
      list[#list + 1] = { id = id, cid = known and known.cid or 0, info = p, stats = s }
    end
  end
  return list
end

--- The text about |t| in the form |version|, or nil when it is gone. In a task.
function M.of(t, version, fresh)
  if t.server then
    return M.clients(M.collect(t, fresh), core.wallclock(), version, pause)
  end
  local s = core.tunnel_stats(t.handle)
  if s and fresh then
    core.sleep(0.02)
    s = core.tunnel_stats(t.handle)
  end
  return s and M.text(s, core.wallclock())
end

local COMPLAIN = 60  -- seconds between two complaints about the same file

--- A task's body: writes the file of the tunnel |t| again and again. Whoever reads it sees the
-- whole of an old or of a new text. The engine does it, which asks who may: what only root could
-- write when we started.
function M.keep(t)
  local o = t.conf.status
  local complained
  while core.sleep(o.seconds) do
    local text = M.of(t, t.conf.status_version)
    if not text then return end
    local ok, err = core.write_again(o.file, text)
    local now = core.now()
    if not ok and not (complained and now - complained < COMPLAIN) then
      complained = now
      core.log("warn", "status", "unwritable", { error = err })
    end
  end
end

return M
