-- SPDX-License-Identifier: GPL-3.0-or-later
local schema = require "lunel.schema"

local function conf(more)
  local out = { remotes = { { "192.0.2.1" } }, tls = { ca = "c", cert = "c", key = "k" } }
  for k, v in pairs(more) do out[k] = v end
  return out
end

describe("the settings of the log", function()
  it("are taken in all their forms", function()
    for _, row in ipairs {
      { "log_format", "json" },
      { "log_levels", { tls = "debug", ["*"] = "error" } },
      { "logs", { { to = "journal" }, { to = "./x.json", format = "json", level = "warn" } } },
      { "logs", { { to = "syslog", name = "office" }, { to = "journal", socket = "/s" } } },
      { "metrics", { listen = "127.0.0.1:9176" },
        { listen = { address = "127.0.0.1", port = 9176 } } },
      { "metrics", { listen = "[::1]:80" }, { listen = { address = "::1", port = 80 } } },
    } do
      assert.same(row[3] or row[2], assert(schema.check(conf { [row[1]] = row[2] }))[row[1]])
    end
    assert.equal("text", schema.check(conf {}).log_format)
  end)

  it("are refused with what would do", function()
    for _, row in ipairs {
      { "log_format", "jsn", "did you mean 'json'?" },
      { "log_levels", "debug", "'debug' is not a table, as { tls = \"debug\"" },
      { "log_levels", { tls = "debgu" }, "log_levels.tls: 'debgu' is not one of" },
      { "log_levels", { ["tls.x"] = "debug" }, "this is no subsystem" },
      { "log_levels", { "debug" }, "this is no subsystem" },
      { "logs", { { to = "jornal" } }, "did you mean 'journal'?" },
      { "logs", { { to = "x.log" } }, "nor a path (with a / in it)" },
      { "logs", { {} }, "'to' is missing" },
      { "logs", { { to = "stdout", format = "xml" } }, "logs[1].format: 'xml' is not one of" },
      { "metrics", {}, "'listen' is missing" },
      { "metrics", { listen = "9176" }, "'9176' is no address of this machine with a port" },
      { "metrics", { listen = "vpn.example:9176" }, "is no address" },
      { "metrics", { listen = "127.0.0.1:0" }, "is no address" },
      { "metrics", { listen = "127.0.0.1:65536" }, "is no address" },
      { "metrics", { listen = "::1:9176" }, "is no address" },
    } do
      local _, errors = schema.check(conf { [row[1]] = row[2] })
      assert.truthy(errors and errors[1]:find(row[3], 1, true), errors and errors[1] or row[1])
    end
  end)

  it("are of the folder that cd names", function()
    local c = assert(schema.check(conf { cd = "/etc/vpn",
                                         logs = { { to = "./x" }, { to = "stderr" } } }))
    assert.equal("/etc/vpn/./x", c.logs[1].to)
    assert.equal("stderr", c.logs[2].to)
  end)
end)
