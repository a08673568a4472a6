-- SPDX-License-Identifier: GPL-3.0-or-later
--- `lunel status`: asks the process that runs a configuration, where that says it may be asked.
local M = {}

local SECONDS = 5

-- The body of an HTTP answer, or nil and why not.
local function body(answer)
  local status, rest = answer:match("^HTTP/1%.[01] (%d%d%d)[^\r\n]*\r\n(.*)$")
  if status ~= "200" then
    return nil, status and ("it answers with status %s"):format(status) or "it speaks no HTTP"
  end
  return rest:match("^.-\r\n\r\n(.*)$") or rest:match("^\r\n(.*)$")
end

-- What the metrics' /status says, a name and a number a line.
local function by_metrics(listen, core, json)
  local answer, err = core.query(listen.address, listen.port,
    "GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n", SECONDS)
  local text
  if answer then text, err = body(answer) end
  if not text then
    return nil, ("metrics at %s, port %d: %s"):format(listen.address, listen.port, err)
  end
  if json then return text end
  local lines = {}
  -- One level of objects, names without quotes in them.
  local flat = text:gsub('"([%w_]+)":(%b{})', function(group, inner)
    for name, value in inner:gmatch('"([^"]+)":([^,}]+)') do
      if tonumber(value) ~= 0 then lines[#lines + 1] = ("%s.%s %s"):format(group, name, value) end
    end
    return ""
  end)
  for name, value in flat:gmatch('"([%w_]+)":"?([^,}"]+)') do
    lines[#lines + 1] = name .. " " .. value
  end
  table.sort(lines)
  return table.concat(lines, "\n") .. "\n"
end

-- What `status` of the management interface says.
local function by_management(m, core)
  local words = {}
  if m.password_file then
    local text, err = core.read_file(m.password_file)
    if not text then return nil, ("%s: %s"):format(m.password_file, err) end
    words[1] = text:match("^[^\r\n]*")
  end
  words[#words + 1] = "status 2"
  words[#words + 1] = "quit\n"
  local where = m.path or ("%s, port %d"):format(m.address, m.port)
  local answer, err = core.query(m.path or m.address, m.port, table.concat(words, "\n"), SECONDS)
  if not answer then return nil, ("management at %s: %s"):format(where, err) end
  local lines, over = {}, false
  for line in answer:gmatch("([^\r\n]*)\r?\n") do
    line = line:gsub("^ENTER PASSWORD:", "")
    if line:find("^ERROR:") and not lines[1] then
      return nil, ("management at %s: %s"):format(where, line)
    end
    over = over or line == "END"
    if not over and not line:find("^[>S]%u*:") and line ~= "" then lines[#lines + 1] = line end
  end
  if not over then return nil, ("management at %s: it gave no status"):format(where) end
  return table.concat(lines, "\n") .. "\n"
end

--- The text about the process that |sources| (instance.status_sources) lead to; or nil and why not.
function M.text(sources, core, json)
  if sources.metrics then return by_metrics(sources.metrics, core, json) end
  if not sources.management then
    return nil, "its configuration has neither 'metrics' nor 'management': nothing can be asked"
  end
  if json then return nil, "--json is for 'metrics', which its configuration has not" end
  return by_management(sources.management, core)
end

return M
