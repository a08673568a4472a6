-- SPDX-License-Identifier: GPL-3.0-or-later
--- A flame graph from what perf or callgrind recorded, and the costliest functions.
--
--   luajit bench/flame.lua perf|callgrind INPUT OUTPUT.svg [TITLE [UNIT]]
--
-- INPUT is the text of `perf script -F comm,period,ip,sym`, or callgrind's file of a run with
-- --separate-callers, which makes each chain of callers a function of its own. Each box is a
-- function on top of the one that called it; its width is what it cost with all that it called.
local M = {}

-- ---- stacks ----

-- wolfSSL's assembly has a symbol at each jump: those are one function.
local LABELS = { "^L_([%w_]-_avx%d+)_", "^L_([%w_]-_vaes)_", "^L_([%w_]-_aesni)_",
                 "^L_([%w_]-_sse%d*)_" }

local function clean(name)
  for _, pattern in ipairs(LABELS) do
    local whole = name:match(pattern)
    if whole then return whole end
  end
  return (name:gsub("@.*", ""))
end

local function new() return { name = "all", self = 0, total = 0, children = {} } end

-- Puts |cost| at the stack |names|, the outermost caller first.
local function put(root, names, cost)
  local node = root
  node.total = node.total + cost
  for _, name in ipairs(names) do
    local child = node.children[name]
    if not child then
      child = { name = name, self = 0, total = 0, children = {} }
      node.children[name] = child
    end
    child.total = child.total + cost
    node = child
  end
  node.self = node.self + cost
end

local function reversed(list)
  local out = {}
  for i = #list, 1, -1 do out[#out + 1] = list[i] end
  return out
end

--- The tree of |lines| (an iterator over lines) of perf script; a thread's name is its lowest box.
function M.perf(lines)
  local root, names, comm, period = new(), nil, nil, nil
  local function finish()
    if comm then
      names[#names + 1] = comm
      put(root, reversed(names), period)
    end
    comm = nil
  end
  for line in lines do
    local ip, symbol = line:match "^%s+(%x+)%s+(.+)$"
    if line == "" then finish()
    elseif comm and ip then
      if symbol:sub(1, 1) ~= "[" or #names == 0 then
        names[#names + 1] = clean((symbol:gsub("%s+%(.*%)$", "")))
      end
    elseif not line:find "^#" then
      finish()
      local who, n = line:match "^%s*(.-)%s+(%d+):?%s*$"
      if who then comm, period, names = who, tonumber(n), {} end
    end
  end
  finish()
  return root, "cost"
end

--- The tree of callgrind's file. What a call cost stands at the called one, too, so it is not
-- counted at the caller.
function M.callgrind(lines)
  local root, known, stack, of_call = new(), {}, nil, false
  local function stack_of(text)
    local id, name = text:match "^%((%d+)%)%s*(.*)$"
    if id and name ~= "" then known[id] = name end
    return id and known[id] or text
  end
  for line in lines do
    local key, value = line:match "^(%a+)=(.*)$"
    if key == "fn" then
      local names = {}
      -- A number is how deep a recursion was.
      for name in stack_of(value):gmatch "[^']+" do
        if not name:find "^%d+$" then names[#names + 1] = clean(name) end
      end
      stack = reversed(names)
    elseif key == "cfn" then stack_of(value)
    elseif key == "calls" then of_call = true
    elseif not key and stack then
      local cost = line:match "^[%d+*-]%S*%s+(%d+)"
      if cost and not of_call then put(root, stack, tonumber(cost)) end
      if cost then of_call = false end
    end
  end
  return root, "instructions"
end

--- What each function cost itself, whoever called it: a list of { name, cost }, costliest first.
function M.costliest(root)
  local by_name, list = {}, {}
  local function visit(node)
    if node.self > 0 then by_name[node.name] = (by_name[node.name] or 0) + node.self end
    for _, child in pairs(node.children) do visit(child) end
  end
  visit(root)
  for name, cost in pairs(by_name) do list[#list + 1] = { name = name, cost = cost } end
  table.sort(list, function(a, b)
    if a.cost ~= b.cost then return a.cost > b.cost end
    return a.name < b.name
  end)
  return list
end

-- ---- the picture ----

local WIDTH, HEIGHT, LETTER, MARGIN, TOP = 1200, 17, 6.7, 10, 40
local LEAST = 0.3 -- narrower boxes are not drawn

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub("[%z\1-\31\127-\255]", "?"):gsub('[&<>"]', ENTITIES))
end

-- The same name has the same warm colour in every picture.
local function colour(name)
  local h = 5381
  for i = 1, #name do h = (h * 33 + name:byte(i)) % 16777213 end
  return ("rgb(%d,%d,%d)"):format(205 + h % 50, 90 + math.floor(h / 50) % 130,
    30 + math.floor(h / 6500) % 50)
end

local function sorted(children)
  local list = {}
  for _, child in pairs(children) do list[#list + 1] = child end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function depth_of(node, scale)
  local deepest = 0
  for _, child in pairs(node.children) do
    if child.total * scale >= LEAST then deepest = math.max(deepest, depth_of(child, scale)) end
  end
  return deepest + 1
end

local function box(out, node, x, y, share, scale)
  local width = node.total * scale
  local room = math.floor((width - 6) / LETTER)
  local text = #node.name <= room and node.name or room >= 4 and node.name:sub(1, room - 2) .. ".."
    or ""
  out[#out + 1] = ('<g><title>%s (%.2f%%; itself %.2f%%)</title><rect x="%.1f" y="%d" width="%.1f" '
    .. 'height="%d" fill="%s" rx="1"/><text x="%.1f" y="%d">%s</text></g>'):format(
    escape(node.name), node.total * share, node.self * share, x, y, width, HEIGHT - 1,
    colour(node.name), x + 3, y + HEIGHT - 5, escape(text))
end

local function draw(out, node, x, y, share, scale)
  box(out, node, x, y, share, scale)
  for _, child in ipairs(sorted(node.children)) do
    if child.total * scale >= LEAST then draw(out, child, x, y - HEIGHT, share, scale) end
    x = x + child.total * scale
  end
end

--- The tree as SVG; |unit| is what costs are counted in.
function M.svg(root, title, unit)
  local scale = (WIDTH - 2 * MARGIN) / math.max(root.total, 1)
  local height = TOP + depth_of(root, scale) * HEIGHT + MARGIN
  local out = {
    '<?xml version="1.0" encoding="UTF-8"?>',
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">')
      :format(WIDTH, height, WIDTH, height),
    '<style>text { font: 11px monospace; fill: #000; pointer-events: none } '
      .. 'rect:hover { stroke: #000 }</style>',
    ('<rect width="%d" height="%d" fill="#fffdf6"/>'):format(WIDTH, height),
    ('<text x="%d" y="24" style="font-size: 15px">%s</text>'):format(MARGIN,
      escape(("%s: %.0f %s"):format(title, root.total, unit))),
  }
  draw(out, root, MARGIN, height - MARGIN - HEIGHT, 100 / math.max(root.total, 1), scale)
  out[#out + 1] = "</svg>"
  return table.concat(out, "\n") .. "\n"
end

--- The |n| costliest functions as a table in text.
function M.table(root, n, unit)
  local out = { ("%7s  %14s  function"):format("share", unit) }
  for i, row in ipairs(M.costliest(root)) do
    if i > n then break end
    out[#out + 1] = ("%6.2f%%  %14.0f  %s"):format(100 * row.cost / root.total, row.cost, row.name)
  end
  return table.concat(out, "\n") .. "\n"
end

--- Acts on a command line; the exit status.
function M.main(args)
  local kind, input, output, title = args[1], args[2], args[3], args[4]
  if (kind ~= "perf" and kind ~= "callgrind") or not output then
    io.stderr:write "usage: flame.lua perf|callgrind INPUT OUTPUT.svg [TITLE [UNIT]]\n"
    return 2
  end
  local from, err = io.open(input)
  if not from then
    io.stderr:write("flame.lua: ", err, "\n")
    return 1
  end
  local root, unit = M[kind](from:lines())
  unit = args[5] or unit
  from:close()
  if root.total == 0 then
    io.stderr:write(("flame.lua: %s has no cost in it: did the command run?\n"):format(input))
    return 1
  end
  local to
  to, err = io.open(output, "w")
  if not to then
    io.stderr:write("flame.lua: ", err, "\n")
    return 1
  end
  to:write(M.svg(root, title or kind, unit))
  to:close()
  io.stdout:write(M.table(root, 10, unit))
  return 0
end

if arg and arg[0] and arg[0]:find "flame%.lua$" then os.exit(M.main(arg)) end

return M
