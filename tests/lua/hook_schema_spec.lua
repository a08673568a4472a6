-- SPDX-License-Identifier: GPL-3.0-or-later
--- The one description of hooks, and all that has to agree with it.
local hook_schema = require "lunel.hook_schema"
local schema = require "lunel.schema"

local SOURCE = os.getenv "LUNEL_SOURCE" or "."

local function content(path)
  local f = assert(io.open(SOURCE .. "/" .. path))
  local text = f:read "*a"
  f:close()
  return text
end

describe("the description of hooks", function()
  it("is what the reference's tables say, line by line", function()
    local text = content "scripts/README.md"
    for side, title in pairs { client = "\n## Hooks\n", server = "\n## Hooks of a server\n" } do
      local from = assert(text:find(title, 1, true))
      local want = table.concat(hook_schema.table(side), "\n")
      local section = text:sub(from, text:find("\n## ", from + 1, true))
      assert.truthy(section:find(want .. "\n\n", 1, true), side)
    end
  end)

  it("is what `on` takes, with a hint for what is none", function()
    for _, row in ipairs { { "client", "schema_client" }, { "server", "schema_server" } } do
      assert.same(hook_schema.names(row[1]), require("lunel." .. row[2]).hooks)
      for _, key in ipairs(hook_schema.keys(row[1], {})) do assert.matches("%.$", key.doc) end
    end
    local tls = { ca = "x", cert = "x", key = "x" }
    local _, errors = schema.check_server { server = "10.8.0.0/24", tls = tls,
                                            on = { adoptd = print, select_remote = print } }
    assert.same({ "on.adoptd: there is no key of this name; did you mean 'adopted'?",
                  "on.select_remote: there is no key of this name" }, errors)
  end)

  it("has the engine's deadlines", function()
    local files = {
      select_remote = "engine_attempt.c", verify_cert = "engine_session.c", up = "engine_session.c",
      down = "engine_net.c",
    }
    for name, file in pairs(files) do
      local text = content("engine/" .. file)
      local seconds = text:match("LNL_EVENT_" .. name:upper() .. ", t, (%d+),")
      assert.equal(hook_schema.deadline("client", name), tonumber(seconds), name)
    end
    local grant = content "engine/engine_grant.c"
    assert.equal(hook_schema.deadline("server", "authorize"),
      tonumber(grant:match "#define ASK_SECONDS%s+([%d.]+)"))
    assert.is_nil(hook_schema.deadline("server", "authenticate"))
    assert.equal(10, hook_schema.deadline("server", "closed"))
  end)

  it("names the engine's questions", function()
    local ops = content "bindings/ops.c"
    for _, side in ipairs { "client", "server" } do
      for _, row in ipairs(hook_schema[side]) do
        local bit = row.bit
        assert.truthy(not bit or ops:find('{ "' .. bit .. '", LNL_ASK_', 1, true), bit)
      end
    end
  end)

  it("helps", function()
    local text = hook_schema.help "verify_cert"
    assert.truthy(text:find("a client's hook verify_cert(session, chain)", 1, true))
    assert.truthy(text:find("a server's hook verify_cert(peer, chain)", 1, true))
    assert.same({ nil, "there is no hook 'autorize'; did you mean 'authorize'?" },
      { hook_schema.help "autorize" })
  end)
end)
