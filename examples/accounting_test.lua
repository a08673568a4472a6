-- Tests of accounting.lua: lunel test examples/accounting_test.lua
local t = require "lunel.test"

-- A database: session -> { name, received, sent, why }, from the SQL that it is given.
local function database(fails)
  local db = { runs = 0, rows = {} }
  function db.exec(run)
    db.runs = db.runs + 1
    t.equal(run.argv[1]:match "[^/]*$", "sqlite3")
    if fails and fails() then return { status = 1, err = "Error: database is locked" } end
    for session, name, received, sent, why in run.input:gmatch
      "values %('(.-)', '(.-)', '[%d.:]+', %d+, %d+, (%d+), (%d+), (.-)%);" do
      db.rows[session] = { name = name, received = tonumber(received), sent = tonumber(sent),
                           why = why }
    end
    return t.later(0.2, { status = 0 })
  end
  return db
end

local function only(rows)
  local _, row = next(rows)
  t.ok(row and not next(rows, next(rows)), "one session")
  return row
end

t.case("a session is written every five minutes, and at its end", function()
  local db = database()
  local srv = t.server("accounting.lua", { exec = db.exec })
  local anna = srv:connect { cn = "anna" }
  anna:wait "up"
  anna:send_packet(t.packet { from = anna.address, to = "10.8.0.1", payload = ("x"):rep(1000) })
  t.advance(301)
  t.equal(only(db.rows).name, "anna")
  t.equal(only(db.rows).why, "null")
  t.ok(only(db.rows).received >= 1000, "bytes that came")
  anna:disconnect()
  t.advance(20)
  t.ok(only(db.rows).why ~= "null", "its end")
end)

t.case("a name cannot become SQL", function()
  local seen
  local srv = t.server("accounting.lua", { exec = function(run)
    seen = run.input
    return { status = 0 }
  end })
  srv:connect { cn = "o'hara'); drop table usage; --" }:wait "up"
  t.advance(301)
  t.match(seen, "'o''hara''%); drop table usage; %-%-'")
end)

t.case("what could not be written is written later", function()
  local broken = true
  local db = database(function() return broken end)
  local srv = t.server("accounting.lua", { exec = db.exec })
  local anna = srv:connect { cn = "anna" }
  anna:wait "up"
  anna:disconnect()
  t.advance(20)
  t.equal(next(db.rows), nil)
  t.equal(#srv:log "accounting.not written", 1)
  broken = false
  t.advance(301)
  t.equal(only(db.rows).name, "anna")
end)
