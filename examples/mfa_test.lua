-- Tests of mfa.lua: lunel test examples/mfa_test.lua
local t = require "lunel.test"

-- oathtool for whom 123456 is right.
local function oathtool(run)
  t.equal(run.argv[1]:match "[^/]*$", "oathtool")
  t.equal(run.input, "JBSWY3DPEHPK3PXP\n")
  return t.later(0.1, { status = run.argv[#run.argv] == "123456" and 0 or 1 })
end

local function anna(more)
  local out = { cn = "anna", user = "anna", password = "correct horse", answer = "123456" }
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

t.case("a password and a code let in", function()
  local asked
  local srv = t.server("mfa.lua", { exec = oathtool })
  srv:connect(anna { answer = function(question)
    asked = question
    return "123456"
  end }):wait "up"
  t.equal(asked, "Code from your app:")
end)

t.case("a wrong password is not asked for a code", function()
  local srv = t.server "mfa.lua" -- without oathtool: running it would fail the case
  t.equal(srv:connect(anna { password = "x" }):wait "denied".denied, "wrong name or password")
end)

t.case("a code works once, and is six digits", function()
  local srv = t.server("mfa.lua", { exec = oathtool })
  srv:connect(anna()):wait "up"
  t.equal(srv:connect(anna()):wait "denied".denied, "wrong code")
  t.equal(srv:connect(anna { answer = "--help" }):wait "denied".denied, "wrong code")
end)

t.case("after five wrong codes there is a pause", function()
  local srv = t.server("mfa.lua", { exec = oathtool })
  for _ = 1, 5 do
    t.equal(srv:connect(anna { answer = "000000" }):wait "denied".denied, "wrong code")
  end
  t.match(srv:connect(anna()):wait "denied".denied, "^too many")
  t.advance(301)
  srv:connect(anna()):wait "up"
end)

t.case("without oathtool nobody comes in", function()
  local srv = t.server("mfa.lua", { exec = function() return nil, "no such program" end })
  srv:connect(anna()):wait "denied"
  t.match(srv:log "script.error"[1].fields.error, "mfa.lua:%d+: oathtool")
end)
