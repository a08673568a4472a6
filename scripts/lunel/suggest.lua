-- SPDX-License-Identifier: GPL-3.0-or-later
--- "Did you mean": the known name that is nearest to a mistyped one.
local M = {}

local floor, min = math.floor, math.min
local LONGEST = 64 -- a longer word is no typing mistake, and comparing costs its length squared

--- How many single-character edits (insert, delete, replace, swap of neighbours) lead from |a| to
-- |b|; nil when it is more than |limit|.
function M.distance(a, b, limit)
  local la, lb = #a, #b
  if la - lb > limit or lb - la > limit or la > LONGEST or lb > LONGEST then return nil end
  local before, last, row = {}, {}, {}
  for j = 0, lb do last[j] = j end
  for i = 1, la do
    row[0] = i
    local best = i
    for j = 1, lb do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local d = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = min(d, before[j - 2] + 1)
      end
      row[j] = d
      best = min(best, d)
    end
    if best > limit then return nil end
    before, last, row = last, row, before
  end
  if last[lb] > limit then return nil end
  return last[lb]
end

--- The one of |names| (a list) that |word| most likely stands for, or nil. Case, and `-` against
-- `_`, count as nothing; a third of the word may be wrong, at most three characters.
function M.closest(word, names)
  local function plain(s) return (s:lower():gsub("-", "_")) end
  local sought = plain(word)
  local limit = min(3, floor((#word + 2) / 3))
  local found, best
  for _, name in ipairs(names) do
    local d = M.distance(sought, plain(name), limit)
    if d and (not best or d < best or (d == best and name < found)) then
      found, best = name, d
    end
  end
  return found
end

--- "; did you mean 'x'?", or "" when nothing is near.
function M.hint(word, names)
  local name = M.closest(word, names)
  return name and ("; did you mean '%s'?"):format(name) or ""
end

return M
