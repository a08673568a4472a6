-- SPDX-License-Identifier: GPL-3.0-or-later
--- The file of `status FILE [SECONDS]` in OpenVPN's form, which monitors read: a client's counters,
-- a server's clients.
local core = require "lunel.core"

local M = {}

local function moment(time) return os.date("%Y-%m-%d %H:%M:%S", math.floor(time)) end

--- The file's text for the counters |s| (session:stats) at |time|.
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

--- So many clients at a time, and then the task that looks through all of them lets others have
-- their turn: a stretch has 20 ms, in which there is time for a few hundred.
M.PIECE = 50

local function nothing() end

--- The file's text for a server: |list| of { info, stats }. |pause|, if it is given, is
-- called after each piece.
function M.clients(list, time, pause)
  pause = pause or nothing
  local now = moment(time)
  local out = { "OpenVPN CLIENT LIST", "Updated," .. now,
    "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since" }
  local routes = {}
  for i, row in ipairs(list) do
    if i % M.PIECE == 0 then pause() end
    local p, s = row[1], row[2]
    out[#out + 1] = ("%s,%s,%.0f,%.0f,%s"):format(column(p.name), p.address or "", s.rx, s.tx,
      moment(p.connected_at))
    for _, ip in ipairs { p.ipv4 or false, p.ipv6 or false } do
      if ip then
        routes[#routes + 1] = ("%s,%s,%s,%s"):format(ip, column(p.name), p.address or "", now)
      end
    end
  end
  pause()
  out[#out + 1] = "ROUTING TABLE\nVirtual Address,Common Name,Real Address,Last Ref"
  for _, line in ipairs(routes) do out[#out + 1] = line end
  out[#out + 1] = "GLOBAL STATS\nMax bcast/mcast queue length,0\nEND"
  pause()
  return table.concat(out, "\n") .. "\n"
end

local function pause() core.sleep(0) end

local function text_of(t)
  if not t.server then
    local s = core.tunnel_stats(t.handle)
    return s and M.text(s, core.wallclock())
  end
  local list = {}
  for i, id in ipairs(core.peers(t.handle)) do
    if i % M.PIECE == 0 then pause() end
    local p, s = core.peer_info(t.handle, id), core.peer_stats(t.handle, id)
    if p and s and p.up then list[#list + 1] = { p, s } end
  end
  return M.clients(list, core.wallclock(), pause)
end

local function write(path, text)
  local file, err = io.open(path, "we")
  if not file then return nil, err end
  file:write(text)
  return file:close()
end

--- A task's body: writes the file of the tunnel |t| again and again.
function M.keep(t)
  local o = t.conf.status
  local complained
  while core.sleep(o.seconds) do
    local text = text_of(t)
    if not text then return end
    local ok, err = write(o.file, text)
    if not ok and not complained then
      complained = true
      core.log("warn", "status", "unwritable", { file = o.file, error = err })
    end
  end
end

return M
