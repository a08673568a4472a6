-- SPDX-License-Identifier: GPL-3.0-or-later
--- Every directive of OpenVPN 2.6 and 2.7 by name, and what becomes of it: acted on, ignored with a
-- reason, or refused with a reason and a remedy. Nothing is passed over in silence.
local acted = require "lunel.directives_client"
local other = require "lunel.directives_other"
local server = require "lunel.directives_server"

local M = {}

local rows, names = {}, {}
for _, part in ipairs { acted.rows, other.rows, server.rows } do
  for name, row in pairs(part) do
    rows[name], names[#names + 1] = row, name
  end
end
table.sort(names)

--- The row of |name|: {kind = "act"|"ignore"|"refuse", where = letters as in directives_client,
-- ...}; with "act": min and max words behind the name, act(builder, words, inline); else reason,
-- level (of the note) or remedy. Nil when there is no such directive.
function M.get(name) return rows[name] end

--- All names, sorted.
function M.names() return names end

--- Whether a directive may stand at |letter| (f, c, i, p).
function M.allowed(row, letter) return row.where:find(letter, 1, true) ~= nil end

return M
