-- SPDX-License-Identifier: GPL-3.0-or-later
--- The program itself, and the same launcher under a stock luajit: what it prints and how it ends.
local lunel, source = os.getenv "LUNEL", os.getenv "LUNEL_SOURCE" or "."

local folder

local function write(name, text)
  local path = folder .. "/" .. name
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

-- Runs |command|; its exit status, what it printed, what it complained.
local function run(command)
  local status = os.execute(("cd %s && { %s; } >out 2>err </dev/null"):format(folder, command))
  local function content(name)
    local f = assert(io.open(folder .. "/" .. name))
    local text = f:read "*a"
    f:close()
    return text
  end
  return math.floor(status / 256), content "out", content "err"
end

local PROFILE = "client\ndev tun\nremote 192.0.2.1 1194\nca ca.pem\ncert ca.pem\nkey ca.pem\n"

describe("the launcher", function()
  setup(function()
    assert(lunel, "LUNEL names the program")
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
  end)
  teardown(function() os.execute("rm -r " .. folder) end)

  it("prints its versions and the help", function()
    local status, out = run(lunel .. " version --features")
    assert.equal(0, status)
    assert.truthy(out:find("^lunel %d+%.%d+%.%d+\nwolfSSL %d"))
    assert.truthy(out:find("LuaJIT 2", 1, true) and out:find("libev %d"))
    assert.truthy(out:find("data ciphers: AES-256-GCM", 1, true))
    status, out = run(lunel .. " --help")
    assert.equal(0, status)
    assert.truthy(out:find("usage: lunel FILE", 1, true))
  end)

  it("ends with 2 for bad usage", function()
    for _, args in ipairs { "", "check", "chekc", "-x", "x.ovpn y" } do
      local status, out, err = run(lunel .. " " .. args)
      assert.equal(2, status, args)
      assert.equal("", out)
      assert.truthy(err:find("\nusage: lunel", 1, true), args)
    end
  end)

  it("says in one line what is wrong with a file, and ends with 2", function()
    write("ca.pem", "nothing\n")
    write("empty.pem", "")
    local rows = {
      { "missing.ovpn", "cannot read 'missing.ovpn': No such file or directory" },
      { ".", "cannot read '.': Is a directory" },
      { write("typo.ovpn", PROFILE .. "verbb 3\n"),
        "typo.ovpn:7: unknown directive 'verbb'; did you mean 'verb'?" },
      { write("cut.ovpn", PROFILE .. "<tls-crypt>\nabc\n"), "cut.ovpn:7: the block <tls-crypt>" },
      { write("nokey.ovpn", (PROFILE:gsub("key ca.pem", "key no.pem"))),
        "nokey.ovpn:6: 'key': cannot read 'no.pem': No such file or directory",
        runs_only = true },
      { write("empty.ovpn", (PROFILE:gsub("key ca.pem", "key empty.pem"))),
        "empty.ovpn:6: 'key': 'empty.pem' is empty" },
      { write("syntax.lua", "local x = (\n"), "syntax.lua:2: unexpected symbol" },
      { write("none.lua", "return 1\n"), "there is no vpn.client{...} or vpn.server{...} in it",
        runs_only = true },
      { write("field.lua", "local vpn = require 'lunel'\nvpn.clinet {}\n"),
        "field.lua:2: there is no vpn.clinet; did you mean 'client'?" },
      { write("global.lua", "x = 1\n"), "global.lua:1: 'x' is not declared" },
    }
    for _, row in ipairs(rows) do
      for _, command in ipairs { " ", " check " } do
        if command == " " or not row.runs_only then
          local status, out, err = run(lunel .. command .. row[1])
          assert.equal(2, status, row[1])
          assert.equal("", out)
          assert.truthy(err:match("^[^\n]*"):find(row[2], 1, true), err)
        end
      end
    end
  end)

  it("tells all errors of a configuration at once, with their places", function()
    local path = write("many.lua", [[
local vpn = require "lunel"
vpn.client {
  remotes = { vpn.remote { "192.0.2.1" } },
  remot_random = true,
  tls = { ca = "ca.pem", cert = "ca.pem", key = "ca.pem", crypt = "ca.pem", auth = "ca.pem" },
  on = { upp = print },
}
]])
    local status, _, err = run(lunel .. " check " .. path)
    assert.equal(2, status)
    for _, text in ipairs {
      "many.lua:2: remot_random: there is no key of this name; did you mean 'remote_random'?",
      "many.lua:2: on.upp: there is no key of this name; did you mean 'up'?",
      "many.lua:2: tls: auth, crypt and crypt_v2 exclude each other",
    } do assert.truthy(err:find(text, 1, true), err) end
  end)

  -- Each file with a misspelt key, a misspelt hook, a wrong type and a value out of range.
  it("has these words for them, all in one run", function()
    local function check(name, text, want)
      local status, out, err = run(lunel .. " check " .. write(name, text))
      assert.equal(2, status, name)
      assert.equal("", out)
      local at = "lunel: " .. folder .. "/" .. name .. ":"
      local lines = {}
      for i, line in ipairs(want) do lines[i] = at .. line .. "\n" end
      assert.equal(table.concat(lines), err)
    end
    write("ca.pem", "nothing\n")
    local tls = "  tls = { ca = 'ca.pem', cert = 'ca.pem', key = 'ca.pem' },\n}\n"
    check("client.lua", [[
local vpn = require "lunel"
vpn.client {
  remotes = { vpn.remote { "192.0.2.1" } }, persist_tunn = true, remote_random = "yes",
  verb = 99, mssfix = "big", on = { reconect = print, down = 5 },
]] .. tls .. [[
vpn.server {
  listen = "1194/udp", server = "10.8.0.0/24", max_client = 5, max_clients = "many",
  topology = "subent", keepalive = { 0, 30 }, on = { authorise = print },
]] .. tls, {
      "2: persist_tunn: there is no key of this name; did you mean 'persist_tun'?",
      "2: remote_random: 'yes' is not true or false",
      "2: mssfix.value: 'big' is not a whole number from 0 to 65535",
      "2: verb: 99 is out of range: a whole number from 0 to 11",
      "2: on.reconect: there is no key of this name; did you mean 'reconnect'?",
      "2: on.down: a hook is a function, not a number",
      "7: max_client: there is no key of this name; did you mean 'max_clients'?",
      "7: topology: 'subent' is not one of \"subnet\", \"net30\", \"p2p\"; did you mean 'subnet'?",
      "7: max_clients: 'many' is not a whole number from 1 to 1000000",
      "7: keepalive.interval: 0 is out of range: a number of seconds from 1 to 86400",
      "7: on.authorise: there is no key of this name; did you mean 'authorize'?",
    })
    check("wrong.ovpn", PROFILE .. "remotee 192.0.2.1\nremote 192.0.2.1 99999\nverb many\n"
      .. "proto sctp\n", {
      "7: unknown directive 'remotee'; did you mean 'remote'?",
      "8: 'remote': port: 99999 is out of range: a whole number from 1 to 65535",
      "9: 'verb': 'many' is not a whole number from 0 to 11",
      "10: 'proto': 'sctp' is not one of \"udp\", \"udp4\", \"udp6\", \"tcp\", \"tcp4\", \"tcp6\"; "
        .. "did you mean 'tcp'?",
    })
    -- Whether it is a lane its keys say, too; it has no lines to name.
    check("wrong_lane.lua", "return { form_peer = function() end, to_peer = 5, "
      .. "overhead = 65, on_error = 'dorp', super = 'yes' }\n", {
      " a lane has no key 'form_peer'; did you mean 'from_peer'?; to_peer: a function expected, "
        .. "got a number; on_error: \"drop\", \"pass\" or \"detach\" expected, not \"dorp\"; "
        .. "did you mean 'drop'?; overhead: a whole number from 0 to 64 expected, not 65; "
        .. "super: true or false expected",
    })
    for name, line in pairs {
      ["vpn.remot { 'x' }"] = "there is no vpn.remot; did you mean 'remote'?",
      ["vpn.remote { 'x', 70000 }"] =
        "vpn.remote: remote.port: 70000 is out of range: a whole number from 1 to 65535",
      ["vpn.remote { 'x', 1, 'sctp' }"] = "vpn.remote: remote.proto: 'sctp' is not one of \"udp\", "
        .. "\"udp4\", \"udp6\", \"tcp\", \"tcp4\", \"tcp6\"; did you mean 'tcp'?",
    } do
      local status, _, err = run(lunel .. " check "
        .. write("module.lua", "local vpn = require 'lunel'\n" .. name .. "\nreturn {}\n"))
      assert.equal(2, status)
      assert.equal("lunel: " .. folder .. "/module.lua:2: " .. line, err:match "^[^\n]*")
    end
    check("near_lane.lua", "return { form_peer = function() end }\n", {
      " a lane has no key 'form_peer'; did you mean 'from_peer'?",
    })
  end)

  it("finds a bad key by its place", function()
    write("ca.pem", "nothing\n")
    local status, _, err = run(lunel .. " check " .. write("bad.ovpn", PROFILE))
    assert.equal(2, status)
    assert.truthy(err:find("^lunel: [^\n]*bad.ovpn:[456]: '%l+': ca.pem: "), err)
    assert.equal("", (err:gsub("^[^\n]*\n", "")))
  end)

  it("takes openvpn's command line", function()
    local path = write("plain.ovpn", PROFILE)
    local status, _, err = run(lunel .. " --config " .. path .. " --nonsense 1")
    assert.equal(2, status)
    assert.truthy(err:find("command line: unknown directive 'nonsense'", 1, true), err)
  end)

  it("accepts what may be there on another machine", function()
    local status, out = run(lunel .. " check " .. write("away.ovpn",
      (PROFILE:gsub("key ca.pem", "key no.pem"))))
    assert.equal(0, status)
    assert.truthy(out:find("warn: [^\n]*away.ovpn:6: 'key': cannot read 'no.pem'"), out)
  end)

  it("says what clients will not take of what is pushed", function()
    write("ca.pem", "nothing\n")
    local status, out, err = run(lunel .. " check " .. write("pushes.lua", [[
require "lunel".server {
  server = "10.8.0.0/24", tls = { ca = "no.pem", cert = "no.pem", key = "no.pem" },
  push = { "rout 10.2.0.0/16", "route 10.2.0.0 255.0.255.0", "route 10.2.0.0 255.255.0.0" },
}]]))
    assert.equal(0, status, err)
    assert.truthy(out:find("warn: [^\n]*pushes.lua:1: push: rout: it is nothing that a server may "
      .. "push; did you mean 'route'%?\n"), out)
    assert.truthy(out:find("pushes.lua:1: push: route 10.2.0.0 255.0.255.0: ", 1, true), out)
    assert.falsy(out:find("route 10.2.0.0 255.255.0.0", 1, true))
  end)

  it("checks a module as one", function()
    local status, out = run(lunel .. " check " .. write("module.lua", "return {}\n"))
    assert.equal(0, status)
    assert.truthy(out:find("no vpn.client or vpn.server in it", 1, true))
  end)

  it("checks a packet lane as one, with and without what its arguments say", function()
    local function check(text)
      local status, out, err = run(lunel .. " check " .. write("lane.lua", text))
      return status, out .. err
    end
    local status, out = check "return { wire_in = function() end, on_error = 'pass' }"
    assert.equal(0, status)
    assert.matches('lane.lua: ok: packet lane (wire_in), on_error = "pass"\n', out, 1, true)
    local head = "local pkt, args = require 'lunel.pkt', ...\n"
    status, out = check(head .. "local net, mask = pkt.cidr4(args.net)\n"
      .. "local limit = args.limit * 2 + pkt.cidr4 '10.0.0.0/8'\n"
      .. "return { from_peer = function() return net, mask, limit end }\n")
    assert.equal(0, status, out)
    assert.matches('packet lane (from_peer), on_error = "drop"; its args are not known', out, 1,
      true)
    status, out = check(head .. "for i = 1, args.n do pkt.counter('a' .. i) end\nreturn { x = 1 }")
    assert.equal(0, status, out) -- how far it goes nobody knows
    status, out = check(head .. "return { form_peer = function() end }")
    assert.equal(2, status)
    assert.matches("a lane has no key 'form_peer'; did you mean 'from_peer'?", out, 1, true)
    status, out = check(head .. "pkt.cidr4 '10.0.0.1/8'")
    assert.equal(2, status)
    assert.matches("lane.lua:2: pkt.cidr4: '10.0.0.1/8' has bits behind its first 8", out, 1, true)
    local _, err
    status, _, err = run(lunel .. " " .. write("lane.lua", head .. "return {}"))
    assert.equal(2, status)
    assert.matches("lane.lua: a packet lane does nothing by itself", err, 1, true)
  end)

  it("takes no policy for a packet lane when it or its module requires lunel.pkt", function()
    write("pkt_helper.lua", "local x = 1\nlocal pkt = require 'lunel.pkt'\nreturn { x, pkt }\n")
    for text, place in pairs {
      ["local vpn = require 'lunel'\nvpn.server(require 'pkt_helper')\n"] = "pkt_helper.lua:2",
      ["vpn = require 'pkt_helper'\n"] = "pkt_helper.lua:2",
      ["local vpn = require 'lunel'\nlocal pkt = require 'lunel.pkt'\n"] = "near_policy.lua:2",
      -- The second time, too: a module that failed is "loop or previous error" to require.
      ["local vpn = require 'lunel'\npcall(require, 'lunel.pkt') require 'lunel.pkt'\n"] =
        "near_policy.lua:2",
    } do
      for _, command in ipairs { " ", " check " } do
        local status, out, err = run(lunel .. command .. write("near_policy.lua", text))
        assert.equal(2, status)
        assert.equal("", out)
        assert.truthy(err:find(("/%s: lunel.pkt is for packet lanes: files of their own, which a "
          .. "policy names as its `filter`"):format(place), 1, true), err)
        assert.falsy(err:find("alone", 1, true), err)
      end
    end
    -- Here its first line alone was run, which a lane's is.
    local status, _, err = run(lunel .. " check " .. write("near_policy.lua",
      "local pkt = require 'lunel.pkt'\nlocal vpn = require 'lunel'\nvpn.server {}\n"))
    assert.equal(2, status)
    assert.matches("near_policy.lua:2: a packet lane can require lunel.pkt alone, not 'lunel'; a "
      .. "policy, which requires that, has no lunel.pkt", err, 1, true)
  end)

  it("says with which arguments a script was checked", function()
    local path = write("argued.lua", "local a, b = ...\nreturn { a, b }\n")
    local _, out = run(lunel .. " check " .. path .. " office.ovpn 'two words'")
    assert.matches('argued.lua: with the arguments "office.ovpn" "two words": no vpn.client', out,
      1, true)
    local status, _, err = run(lunel .. " check " .. path .. " " .. write("other.lua", "x = 1\n"))
    assert.equal(2, status)
    assert.matches("check looks at one file", err, 1, true)
  end)

  it("takes a file of tests for none, and lunel.pkt for no lane", function()
    for text, words in pairs {
      ["local t = require 'lunel.test'\nt.case('x', function() end)\n"] =
        "a_test.lua:1: a file of tests is neither run nor checked as a policy; run it by `lunel "
        .. "test FILE`",
      ["local t = require 'lunel.test'\nlocal pkt = require 'lunel.pkt'\n"] =
        "a_test.lua:1: a file of tests is neither run",
      ["local pkt = require 'lunel.pkt'\nreturn pkt\n"] =
        "a_test.lua: a lane returns a table { from_peer = function(b) ... end, ... }, not "
        .. "lunel.pkt",
    } do
      local status, _, err = run(lunel .. " check " .. write("a_test.lua", text))
      assert.equal(2, status)
      assert.matches(words, err:match "^[^\n]*", 1, true)
    end
    local status, _, err = run(lunel .. " " .. write("a_test.lua", "require 'lunel.test'"))
    assert.equal(2, status)
    assert.matches("a_test.lua:1: a file of tests is neither run", err, 1, true)
  end)

  it("accepts every example", function()
    write("office.ovpn", (PROFILE:gsub("ca.pem", "no.pem"))) -- which some of them name
    local list = assert(io.popen(("cd %s && ls examples/*.lua examples/*/*.lua | grep -v _test")
      :format(source)))
    local n = 0
    for path in list:lines() do
      -- The argument is for those that take a profile's name.
      local status, out, err = run(("%s check %s/%s office.ovpn"):format(lunel, source, path))
      assert.equal(0, status, err)
      assert.truthy(out:find "ok: client" or out:find "ok: server" or out:find "as a module"
        or out:find "ok: packet lane", out)
      n = n + 1
    end
    list:close()
    assert.is_true(n > 0)
  end)

  it("stops a script that never ends loading", function()
    local path = write("loop.lua", "while true do pcall(function() while true do end end) end\n")
    local status, _, err = run(lunel .. " " .. path)
    assert.equal(2, status)
    assert.truthy(err:find("loop.lua:1: the script's main chunk ran for more than its 5000 ms", 1,
      true), err)
  end)

  it("runs under a stock luajit, and from a foreign program", function()
    local path = ("LUA_PATH='%s/scripts/?.lua;%s/scripts/?/init.lua'"):format(source, source)
    local status, out = run(("luajit %s/scripts/launcher.lua version"):format(source))
    assert.equal(0, status)
    assert.truthy(out:find("^lunel "))
    write("foreign.lua", "print(require('lunel').run('missing.ovpn'))\n"
      .. "print(pcall(function() return require('lunel').client end))\n")
    local err
    status, out, err = run(path .. " luajit foreign.lua")
    assert.equal(0, status)
    assert.truthy(out:find("^2\nfalse\tforeign.lua:2: there is no lunel.client"), out)
    assert.truthy(err:find("lunel: cannot read 'missing.ovpn'", 1, true))
  end)
end)
