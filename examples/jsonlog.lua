-- SPDX-License-Identifier: GPL-3.0-or-later
-- examples/jsonlog.lua: every engine event as one JSON line, in batches.
--
-- A module: put it beside your script, have the script say `require "jsonlog"`, and run that:
--   lunel policy.lua
--   tail -f /var/log/vpn.jsonl | jq .event
-- It needs lua-cjson. Without a script, `lunel --log-format json office.ovpn` says much the same.
local vpn  = require "lunel"
local json = require "cjson"

-- logrotate needs no signal.
local out  = vpn.file.append("/var/log/vpn.jsonl", { reopen = "moved" })
local base = { host = vpn.hostname(), pid = vpn.pid() }

vpn.log.sink {
  level = "info",
  -- Called at most once per loop turn with up to 256 records, never from inside the engine.
  batch = function(recs, n, lost)
    local lines = {}
    for i = 1, n do
      local r = recs[i]                     -- { ts, level, sub, event, sess, fields, src }
      lines[i] = json.encode(vpn.merge(base, r.fields, {
        ts = vpn.iso8601(r.ts), level = r.level, event = r.sub .. "." .. r.event,
        sess = r.sess, src = r.src,
      }))
    end
    if lost > 0 then lines[n + 1] = json.encode { event = "log.lost", count = lost } end
    local ok, err = out:write(table.concat(lines, "\n") .. "\n")
    if not ok then vpn.log.fallback("jsonlog: " .. err) end
  end,
}
