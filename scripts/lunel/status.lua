-- SPDX-License-Identifier: GPL-3.0-or-later
--- The file of `status FILE [SECONDS]`: a client's counters in OpenVPN's form, which monitors read.
local core = require "lunel.core"

local M = {}

--- The file's text for the counters |s| (session:stats) at |time|.
function M.text(s, time)
  return table.concat({
    "OpenVPN STATISTICS",
    "Updated," .. os.date("%Y-%m-%d %H:%M:%S", math.floor(time)),
    ("TUN/TAP read bytes,%.0f"):format(s.tx),
    ("TUN/TAP write bytes,%.0f"):format(s.rx),
    ("TCP/UDP read bytes,%.0f"):format(s.link_rx),
    ("TCP/UDP write bytes,%.0f"):format(s.link_tx),
    "END",
  }, "\n") .. "\n"
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
    local s = core.tunnel_stats(t.handle)
    if not s then return end
    local ok, err = write(o.file, M.text(s, core.wallclock()))
    if not ok and not complained then
      complained = true
      core.log("warn", "status", "unwritable", { file = o.file, error = err })
    end
  end
end

return M
