-- SPDX-License-Identifier: GPL-3.0-or-later
--- scripts/README.md and TUTORIAL.md as documents: every function of the API has its row, links
-- lead somewhere, and the examples are Lua.
local stub = require "core_stub"

local SOURCE = os.getenv "LUNEL_SOURCE" or "."

local function content(path)
  local f = assert(io.open(SOURCE .. "/" .. path))
  local text = f:read "*a"
  f:close()
  return text
end

-- What GitHub makes of headings: small letters, blanks become hyphens, other signs go.
local function anchors_of(text)
  local out = {}
  local fenced
  for line in text:gmatch "[^\n]+" do
    if line:find "^```" then fenced = not fenced end
    local title = not fenced and line:match "^#+ (.*)$"
    if title then
      local name = title:lower():gsub("[^%w%- _]", ""):gsub(" ", "-")
      local n, unique = 0, name
      while out[unique] do
        n = n + 1
        unique = name .. "-" .. n
      end
      out[unique] = true
    end
  end
  return out
end

describe("the reference", function()
  it("has a row for every function, and none for others", function()
    local core = stub.new()
    for _, name in ipairs { "resolve", "lane_counters" } do
      core[name] = core[name] or function() end -- the stub has not all
    end
    local _, vpn = stub.load(core, "lunel.instance", "lunel")
    local glance = content("scripts/README.md"):match "\n## Every function at a glance(.-)\n## "
    local rows, known = {}, {}
    for name in glance:gmatch "`(vpn[%w_.]+)[({]" do rows[name] = true end
    local function walk(t, prefix)
      for key, value in pairs(t) do
        local name = prefix .. "." .. key
        local callable = getmetatable(value)
        if type(value) == "function" or type(callable) == "table" and callable.__call then
          known[name] = true
        end
        if type(value) == "table" and key ~= "null" then walk(value, name) end
      end
    end
    walk(vpn, "vpn")
    assert.is_true(known["vpn.http.get"] and known["vpn.log.sink"] and known["vpn.log"])
    assert.same(known, rows)
  end)

  for _, path in ipairs { "scripts/README.md", "scripts/TUTORIAL.md", "README.md" } do
    it("has no link that leads nowhere: " .. path, function()
      local text = content(path)
      local folder = path:match "^(.*/)[^/]*$" or ""
      local n = 0
      for target in text:gmatch "%]%(([^)]+)%)" do
        local file, anchor = target:match "^([^#]*)#?(.*)$"
        local there = file == "" and text or nil
        if file:find "%.md$" then there = content(folder .. file) end
        if anchor ~= "" then assert.is_true(anchors_of(there)[anchor] or false, target) end
        n = n + 1
      end
      assert.is_true(n > 0 or path == "README.md")
    end)
  end

  -- An example is a chunk, or fields of a table.
  it("has examples that are Lua", function()
    local text, n = content "scripts/README.md", 0
    local block, begun, number = {}, nil, 0
    local function finish()
      local code = table.concat(block, "\n")
      block = {}
      if code:find "^%$ " or code:find "^[%w_]+%.ovpn:%d" then return end -- a terminal's
      code = code:gsub("%-%->[^\n]*", "")
      local ok = loadstring(code) or loadstring("return {" .. code .. "}")
        or loadstring("return {" .. code:gsub("%.%.%.\n", "\n") .. "}")
        or loadstring((code:gsub("\n  %.%.%.,?\n", "\n")))
      assert.is_truthy(ok, ("scripts/README.md:%d:\n%s"):format(begun, code))
      n = n + 1
    end
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
      number = number + 1
      local code = line:match "^    (.*)$"
      if code then
        if #block == 0 then begun = number end
        block[#block + 1] = code
      elseif line == "" and #block > 0 then block[#block + 1] = ""
      elseif #block > 0 then finish()
      end
    end
    assert.is_true(n > 20)
  end)
end)
