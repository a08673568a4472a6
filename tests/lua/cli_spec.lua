-- SPDX-License-Identifier: GPL-3.0-or-later
local cli = require "lunel.cli"

local function parse(line, files)
  local args = {}
  for word in line:gmatch("%S+") do args[#args + 1] = word end
  return cli.parse(args, function(path) return files and files[path] or false end)
end

describe("the command line", function()
  it("reads whom reload and console are about", function()
    assert.same({ command = "reload" }, parse "reload")
    assert.same({ command = "reload", name = "a" }, parse "reload a")
    assert.same({ command = "console", name = "a", json = true }, parse "console --json a")
    assert.same({ nil, "reload knows no options, not '--json'" }, { parse "reload --json" })
    assert.same({ nil, "console takes one name, not 'b', too" }, { parse "console a b" })
  end)

  it("names what to run", function()
    local rows = {
      { "office.ovpn", "run", "profile", "office.ovpn" },
      { "./office", "run", "profile", "./office" },
      { "/etc/openvpn/office.conf", "run", "profile", "/etc/openvpn/office.conf" },
      { "policy.lua", "run", "script", "policy.lua" },
      { "check office.ovpn", "check", "profile", "office.ovpn" },
      { "check policy.lua", "check", "script", "policy.lua" },
      { "status office.ovpn", "status", "profile", "office.ovpn" },
      { "status --json policy.lua", "status", "script", "policy.lua" },
      { "help", "help" }, { "--help", "help" }, { "-h", "help" },
      { "version", "version" }, { "--version", "version" },
    }
    for _, row in ipairs(rows) do
      local what = assert(parse(row[1]))
      assert.equal(row[2], what.command, row[1])
      assert.equal(row[3], what.kind, row[1])
      assert.equal(row[4], what.file, row[1])
    end
  end)

  it("checks one file, whose arguments are not files that it passes over", function()
    assert.same({ "office.ovpn", "x" }, parse("check policy.lua office.ovpn x").args)
    for _, line in ipairs { "check a.lua b.lua", "check a.lua x y/b.lua" } do
      local what, err = parse(line)
      assert.is_nil(what)
      local file = line:match "%S+$"
      assert.equal(("check looks at one file, a.lua, and would pass %s to it as an argument: check "
        .. "that by itself, `lunel check %s`; or put -- in front of the arguments if it is one")
        :format(file, file), err)
    end
    assert.same({ "b.lua" }, parse("check a.lua -- b.lua").args)
    assert.same({ "x", "b.lua" }, parse("check a.lua -- x b.lua").args)
    assert.same({ "b.lua" }, parse("a.lua b.lua").args)
    assert.same({ "--", "b.lua" }, parse("a.lua -- b.lua").args)
    assert.is_nil((parse "check a.ovpn b.ovpn"))
  end)

  it("helps with each command", function()
    for _, flag in ipairs { "--help", "-h" } do
      local what = parse("check " .. flag)
      assert.equal("help", what.command)
      assert.matches("^usage: lunel check FILE", what.text)
      for _, command in ipairs { "status", "reload", "console", "version" } do
        assert.same({ command = "help" }, parse(command .. " " .. flag), command)
      end
    end
  end)

  it("takes openvpn's own", function()
    local what = assert(parse "--config office.ovpn --verb 4")
    assert.same({ command = "run", kind = "args",
                  args = { "--config", "office.ovpn", "--verb", "4" } }, what)
    what = assert(parse "office.ovpn --verb 4")
    assert.same({ "--config", "office.ovpn", "--verb", "4" }, what.args)
    what = assert(parse "check --config office.ovpn")
    assert.equal("check", what.command)
    assert.equal("args", what.kind)
  end)

  it("knows what to capture while it runs", function()
    local what = assert(parse "capture --to x --who=anna --keep 96 --most 2m o.ovpn --verb 4")
    assert.equal("run", what.command)
    assert.same({ "--config", "o.ovpn", "--verb", "4" }, what.args)
    assert.same({ to = "x", who = "anna", keep = 96, most = 2097152 }, what.capture)
    what = assert(parse "capture --to x --config o.ovpn")
    assert.same({ "--config", "o.ovpn" }, what.args)
    what = assert(parse "capture --help")
    assert.equal("help", what.command)
    assert.truthy(what.text:find("usage: lunel capture", 1, true))
  end)

  it("takes the log's form in front", function()
    local what = assert(parse "--log-format json policy.lua a")
    assert.same({ "script", "json", { "a" } }, { what.kind, what.log_format, what.args })
    what = assert(parse "--log-format text --config x.ovpn --verb 4")
    assert.same({ "args", "text" }, { what.kind, what.log_format })
    -- Behind a file it is a directive's.
    what = assert(parse "x.ovpn --log-format json")
    assert.same({ "--config", "x.ovpn", "--log-format", "json" }, what.args)
    local _, err = parse "--log-format jsn x.lua"
    assert.equal("--log-format takes text or json, not 'jsn'; did you mean 'json'?", err)
    _, err = parse "--log-format"
    assert.equal("--log-format takes text or json, not ''", err)
  end)

  it("hands pki its arguments", function()
    assert.same({ command = "pki", args = { "client", "anna", "--dir", "x" } },
      parse "pki client anna --dir x")
    assert.same({ command = "pki", args = {} }, parse "pki")
    assert.equal("pki", assert(parse("pki", { pki = true })).command)
  end)

  it("hands a script its arguments", function()
    assert.same({ "a", "--b" }, assert(parse "policy.lua a --b").args)
  end)

  it("runs a file that is named like nothing else", function()
    assert.equal("profile", assert(parse("office", { office = true })).kind)
  end)

  it("says what is wrong", function()
    local rows = {
      { "", "a file is missing" },
      { "check", "a file is missing" },
      { "chekc", "no command and no file 'chekc'; did you mean 'check'?" },
      { "chek x.ovpn", "no command and no file 'chek'; did you mean 'check'?" },
      { "frobnicate", "no command and no file 'frobnicate'" },
      { "-x", "unknown option '-x'; options begin with --" },
      { "office.ovpn verb 4", "'verb' after the file: options begin with --" },
      { "capture office.ovpn", "capture: --to FILE is missing" },
      { "capture --too x office.ovpn", "capture has no option '--too'; did you mean" },
      { "capture --to", "capture: --to wants a value" },
      { "capture --to x --keep 0 o.ovpn", "capture: --keep 0: bytes from 1 to 65535" },
      { "capture --to x --most 1t o.ovpn", "capture: --most 1t: a number of bytes" },
      { "capture --to x", "a file is missing" },
      { "version --all", "version knows --features, not '--all'" },
    }
    for _, row in ipairs(rows) do
      local what, err = parse(row[1])
      assert.is_nil(what, row[1])
      assert.truthy(err:find(row[2], 1, true), err)
    end
  end)

  it("describes the build", function()
    local build = { version = "0.1.0", wolfssl = "5.9.2", assembly = true, luajit = "LuaJIT 2.1",
                    libev = "4.33", cares = "1.18" }
    local lines = cli.version(build, "AES-256-GCM", true)
    assert.equal("lunel 0.1.0", lines[1])
    assert.truthy(lines[2]:find("wolfSSL 5.9.2 (with assembly), LuaJIT 2.1, libev 4.33", 1, true))
    assert.truthy(table.concat(lines, "\n"):find("data ciphers: AES-256-GCM", 1, true))
    build.assembly = false
    assert.truthy(cli.version(build, "", false)[2]:find("without assembly", 1, true))
    assert.equal(2, #cli.version(build, "", false))
  end)
end)
