-- SPDX-License-Identifier: GPL-3.0-or-later
local lexer = require "lunel.profile_lexer"
local profile = require "lunel.profile"
local schema = require "lunel.schema"
local expected = require "profiles.expected"

local HERE = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
local MINE = { uid = 1000, mode = 420 } -- 0644
local ROOTS = { uid = 0, mode = 420 }

local function sample(name)
  local f = assert(io.open(("%s/profiles/%s.ovpn"):format(HERE, name), "rb"))
  local text = f:read("*a")
  f:close()
  return text
end

-- A reader over a table of texts, or of {text, info}.
local function reader(files)
  return function(path)
    local f = files[path]
    if not f then return nil, "No such file or directory" end
    if type(f) == "table" then return f[1], f[2] end
    return f, MINE
  end
end

local function parse(text, files, info)
  return profile.parse(text, "t.ovpn", reader(files or {}), info)
end

-- The errors of a text that is refused.
local function errors_of(text, files)
  local conf, errors = parse(text, files)
  assert.is_nil(conf, text)
  return errors
end

local BASE = "client\nremote a\nremote-cert-tls server\n"

describe("the lexer", function()
  it("splits lines as OpenVPN does", function()
    for line, words in pairs {
      [""] = {}, ["   \t "] = {}, ["# x"] = {}, ["; x"] = {}, ["a b\tc"] = { "a", "b", "c" },
      ["  a  b  "] = { "a", "b" }, ["a # b"] = { "a" }, ["a ;b"] = { "a" },
      ["a b#c;d"] = { "a", "b#c;d" }, ['a "b c"'] = { "a", "b c" }, ["a 'b c'"] = { "a", "b c" },
      ['a "b # c" # d'] = { "a", "b # c" }, ['a "b\\"c"'] = { "a", 'b"c' },
      ['a "b\\\\c"'] = { "a", "b\\c" }, ["a 'b\\c'"] = { "a", "b\\c" },
      ["a 'b\"c'"] = { "a", 'b"c' }, ['a "b\'c"'] = { "a", "b'c" }, ["a b\\ c"] = { "a", "b c" },
      ["a b\\\\c"] = { "a", "b\\c" }, ['a \\"b'] = { "a", '"b' }, ['a b"c'] = { "a", 'b"c' },
      ["a b'c d'"] = { "a", "b'c", "d'" }, ['"a"b c'] = { "a", "b", "c" },
      ['"a""b"'] = { "a", "b" }, ['a ""'] = { "a", "" }, ["a ''"] = { "a", "" },
      ['"a"#b'] = { "a" }, ["a \\#b"] = { "a" }, ["a \\ b"] = { "a", "b" }, ["a \\"] = { "a" },
      ["a\r"] = { "a" }, ["a\11b\12c"] = { "a", "b", "c" }, ['a "b\tc"'] = { "a", "b\tc" },
    } do
      assert.same(words, (lexer.words(line)), line)
    end
  end)

  it("says what is wrong with a line", function()
    for line, text in pairs {
      ['a "b'] = "no closing quote %(\"%)", ["a 'b"] = "no closing quote %('%)",
      ['a "b\\"'] = "no closing quote", ["a b\\n"] = "a backslash before 'n'",
      ["c:\\dir\\file"] = "a backslash before 'd'", ["a b\\"] = "backslash at the end",
      ['a "b\\n"'] = "a backslash before 'n'",
    } do
      local words, err = lexer.words(line)
      assert.is_nil(words, line)
      assert.matches(text, err)
    end
  end)

  it("counts 16 words", function()
    local words, _, cut = lexer.words(("x "):rep(16))
    assert.equal(16, #words)
    assert.is_falsy(cut)
    words, _, cut = lexer.words(("x "):rep(17))
    assert.equal(16, #words)
    assert.is_true(cut)
    words, _, cut = lexer.words(("'x' "):rep(17))
    assert.equal(16, #words)
    assert.is_true(cut)
  end)

  it("quotes what it takes apart again", function()
    for _, words in ipairs { { "a" }, { "a b", "c" }, { 'x"y', "\\", "'" }, { "", "#", ";" } } do
      assert.same(words, (lexer.words(lexer.join(words))))
    end
  end)
end)

describe("profiles", function()
  -- The values of |want| are in |have|; texts with line breaks count by their first line.
  local function assert_within(want, have, path)
    for key, value in pairs(want) do
      local got = have[key]
      if type(got) == "string" then got = got:match("^[^\n]*") end
      if type(value) == "table" then
        assert.is_table(got, path .. "." .. tostring(key))
        assert_within(value, got, path .. "." .. tostring(key))
      else
        assert.equal(value, got, path .. "." .. tostring(key))
      end
    end
  end

  for name, want in pairs(expected) do
    it("of the kind '" .. name .. "' give what they say", function()
      local conf, notes = profile.load(name .. ".ovpn", reader { [name .. ".ovpn"] = sample(name) })
      assert.is_table(conf, tostring(notes and notes[1]))
      local told = {}
      for i, note in ipairs(notes) do
        told[i] = note.line .. " " .. note.text:match("^'([^']*)'")
      end
      assert.same(want.notes, told)
      local checked, errors = schema.check(conf)
      assert.is_table(checked, tostring(errors and errors[1]))
      for key, value in pairs(want) do
        if key ~= "notes" then assert_within({ [key] = value }, checked, name) end
      end
      assert.same(#want.remotes, #checked.remotes)
      for key in pairs(checked.tls) do assert.is_not_nil(want.tls[key], name .. ".tls." .. key) end
    end)
  end

  it("keep inline content byte for byte, line ends aside", function()
    local conf = parse(BASE .. "<ca>\r\n  a \"b\r\n# c\r\n\r\n</ca>\r\n")
    assert.equal("  a \"b\n# c\n\n", conf.tls.ca)
  end)

  it("end a block at its closing tag alone on a line", function()
    local conf = parse(BASE .. "<ca>\nx </ca>\n</ca> x\n</cert>\n<key>\n  </ca>\t\nverb 5\n")
    assert.equal("x </ca>\n</ca> x\n</cert>\n<key>\n", conf.tls.ca)
    assert.equal(5, conf.verb)
  end)

  it("that are cut off are refused, with the block and the line where it began", function()
    local text = sample("eduvpn")
    local _, ca = text:find("<ca>\n", 1, true)
    local closing = text:find("</ca>", 1, true)
    for _, cut in ipairs { ca, ca + 100, closing, closing + 3 } do
      local errors = errors_of(text:sub(1, cut))
      assert.matches("^t%.ovpn:10: the block <ca> that begins here has no </ca>", errors[1])
    end
    assert.matches("t%.ovpn:4: the block <connection>",
      errors_of(BASE .. "<connection>\nremote b\n")[1])
    assert.matches("t%.ovpn:5: the block <tls%-auth>",
      errors_of(BASE .. "<connection>\n<tls-auth>\nx\n</connection>\n")[2])
  end)

  it("tell all errors at once, in order, with file and line", function()
    assert.same({
      "t.ovpn:1: unknown directive 'remot'; did you mean 'remote'?",
      "t.ovpn:3: no closing quote (\")",
      "t.ovpn:4: '</ca>' closes no block",
      "t.ovpn:5: the block <cert> is empty",
      "t.ovpn:7: unknown directive",
    }, errors_of("remot x\nclient\nca \"x\n</ca>\n<cert>\n</cert>\nx\1y\n"))
  end)

  it("that are refused have their wrong values told too", function()
    assert.same({
      "t.ovpn:2: unknown directive 'remot'; did you mean 'remote'?",
      "t.ovpn:3: 'verb': 99 is out of range: a whole number from 0 to 11",
    }, errors_of("client\nremot x\nverb 99\n"))
  end)

  it("keep lines that may be of a key out of their errors", function()
    local text = sample("eduvpn"):gsub("<key>\n", ""):gsub("<tls%-crypt>\n", "")
    local errors = errors_of(text)
    assert.is_true(#errors > 20)
    for _, e in ipairs(errors) do
      local word = e:match("'([^']*)'")
      assert.is_true(not word or #word < 20, e)
    end
  end)

  it("that are no text are refused", function()
    assert.matches("UTF%-16", errors_of("\255\254c\0l\0")[1])
    assert.matches("zero byte", errors_of("client\nremote a\0b\n")[1])
    assert.matches("larger than 1 MiB", errors_of(("#"):rep(2 ^ 20 + 1))[1])
  end)

  it("give a hundred errors or notes, and say how many more", function()
    local errors = errors_of(("x\n"):rep(1000))
    assert.equal(101, #errors)
    assert.equal("... and 900 more errors", errors[101])
    local conf, notes = parse("client\nremote a\nca x\nup x\n" .. ("persist-key\n"):rep(1000))
    assert.is_table(conf)
    assert.equal(103, #notes)
    assert.matches("the program does not run", notes[1].text) -- never among those left out
    assert.matches("could pose as it", notes[102].text)
    assert.equal("and 900 more notes", notes[103].text)
  end)

  it("that are no client's are refused", function()
    assert.matches("neither `client` nor `tls%-client`", errors_of("remote a\n")[1])
    assert.equal(false, (parse("tls-client\nremote a\n")).pull)
  end)

  it("may begin with a byte order mark, and lines with --", function()
    local conf = parse("\239\187\191client\r\n--remote a 5\r\n--verb 4")
    assert.equal("a", conf.remotes[1].host)
    assert.equal(4, conf.verb)
  end)

  it("take the ports and protocols of remotes in any order", function()
    local conf = parse("client\nremote a\nremote b 7\nremote c 8 tcp\nproto tcp6\nrport 9\n")
    assert.same({
      { host = "a", port = 9, proto = "tcp6" }, { host = "b", port = 7, proto = "tcp6" },
      { host = "c", port = 8, proto = "tcp" },
    }, conf.remotes)
  end)

  it("know where each value came from", function()
    local conf = parse("client\nproto sctp\nremote a\nremote b 99999\nca x\ntls-auth k 7\n")
    assert.same({ file = "t.ovpn", line = 5, name = "ca" }, conf.origin["tls.ca"])
    local ok, errors = schema.check(conf)
    assert.is_nil(ok)
    assert.matches("^t%.ovpn:2: 'proto': 'sctp' is not one of", errors[1])
    assert.matches("^t%.ovpn:4: 'remote': port: 99999 is out of range", errors[2])
    assert.matches("^t%.ovpn:6: 'tls%-auth': 7 is out of range", errors[3])
  end)

  it("pass over unknown directives only when told so", function()
    for text, notes in pairs {
      ["ignore-unknown-option foo bar\nfoo 1\n<bar>\nx\n</bar>\n"] = 2,
      ["ignore-unknown-option --foo\nfoo 1\n"] = 1,
      ["setenv opt foo 1\n"] = 1, ["setenv FORWARD_COMPATIBLE 1\nfoo 1\nbar\n"] = 2,
      ["setenv opt verb\n"] = 1, ["setenv opt verb 4\n"] = 0,
    } do
      local conf, list = parse(BASE .. text)
      assert.is_table(conf, text)
      assert.equal(notes, #list, text)
    end
    assert.equal(1, #errors_of(BASE .. "ignore-unknown-option foo\nfoa 1\n"))
    assert.equal(1, #errors_of(BASE .. "setenv FORWARD_COMPATIBLE 0\nfoo 1\n"))
    assert.equal(1, #errors_of(BASE .. "foo\nsetenv FORWARD_COMPATIBLE 1\n"))
    -- What is known and would be missed stays refused.
    assert.equal(1, #errors_of(BASE .. "setenv opt http-proxy h 1\n"))
    assert.equal(1, #errors_of(BASE .. "ignore-unknown-option fragment\nfragment 1400\n"))
  end)

  it("warn when nothing says whose certificate the server's must be", function()
    local start = "client\nremote a\nca x\n"
    for line, warned in pairs {
      [""] = 1, ["remote-cert-tls server\n"] = 0, ["verify-x509-name x name\n"] = 0,
      ["remote-cert-eku serverAuth\n"] = 0, ["key-direction 1\ntls-auth k\n"] = 1,
      ["peer-fingerprint " .. ("AA:"):rep(31) .. "AA\n"] = 0,
    } do
      local conf, notes = parse(start .. line)
      assert.equal(warned, #notes, line)
      assert.equal(line:find("remote-cert", 1, true) == nil and false or conf.tls.remote_cert,
                   conf.tls.remote_cert)
    end
  end)
end)

describe("<connection>", function()
  local function remotes(text) return parse(text).remotes end

  it("inherits what stands before it, and nothing that follows", function()
    assert.same({
      { host = "a", port = 5, proto = "tcp", connect_timeout = 120, tun_mtu = 1500 },
      { host = "b", port = 5, proto = "udp", connect_timeout = 120, tun_mtu = 1500 },
    }, remotes("client\nport 5\nproto tcp\n<connection>\nremote a\n</connection>\nproto udp\n"
      .. "<connection>\nremote b\n</connection>\nport 6\nconnect-timeout 9\ntun-mtu 1400\n"))
  end)

  it("says things for itself alone", function()
    local conf, notes = parse([[
client
mssfix 1400 mtu
<connection>
  remote a 1 udp # comment
  nobind
  mssfix 1200
  explicit-exit-notify
  local 192.0.2.1
  server-poll-timeout 3
</connection>
<connection>
remote b 2 tcp
bind
rport 9
</connection>
]])
    assert.same({
      { host = "a", port = 1, proto = "udp", lport = 0, mssfix = 1200, explicit_exit_notify = 1,
        ["local"] = "192.0.2.1", connect_timeout = 3 },
      { host = "b", port = 2, proto = "tcp", lport = 1194 },
    }, conf.remotes)
    assert.equal(0, #notes)
  end)

  it("tells what holds for all remotes anyway", function()
    local conf, notes = parse("client\n<connection>\nremote a\nfloat\n</connection>\n")
    assert.is_true(conf.float)
    assert.matches("holds for all remotes", notes[1].text)
  end)

  it("is refused when it says nothing, or what cannot be said per remote", function()
    for text, err in pairs {
      ["<connection>\nremote a\nverb 3\n</connection>"] = "t.ovpn:4: 'verb': it cannot stand",
      ["<connection>\nport 3\n</connection>"] = "t.ovpn:2: this <connection> has no remote",
      ["<connection>\nremote a\n<tls-crypt>\nx\n</tls-crypt>\n</connection>"] =
        "t.ovpn:4: 'tls-crypt': one wrapping serves all",
      ["<connection>\nremote a\n<connection>\nremote b\n</connection>\n"] =
        "t.ovpn:4: the block",
      ["<connection>\nremote a\nsocks-proxy x\n</connection>"] = "t.ovpn:4: 'socks-proxy': ",
      ["<connection>\nremote a\ndisable\n</connection>"] = "t.ovpn:4: 'disable': ",
    } do
      local found = errors_of("client\n" .. text .. "\n")[1]
      assert.equal(err, found:sub(1, #err), text)
    end
  end)
end)

describe("a wrong value", function()
  -- The lines that errors name, of a profile or of what the schema says to it.
  local function lines_of(text, files)
    local conf, errors = parse(text, files)
    if conf then conf, errors = schema.check(conf) end
    assert.is_nil(conf, text)
    local lines = {}
    for i, e in ipairs(errors) do lines[i] = e:match("^([^:]+:%d+): ") or e end
    return lines, errors
  end

  it("is told although every remote names its own", function()
    local remotes = "client\nremote a 1 udp\nremote b 2 tcp\nca x\ncert x\nkey x\n"
    for line, said in pairs {
      ["port 99999"] = "'port': 99999 is out of range: a whole number from 1 to 65535",
      ["proto sctp"] = "'proto': 'sctp' is not one of",
      ["rport 0"] = "'rport': 0 is out of range: a whole number from 1 to 65535",
      ["rport x"] = "'rport': 'x' is not a whole number from 1 to 65535",
      ["lport 65536"] = "'lport': 65536 is out of range: a whole number from 0 to 65535",
      ["<connection>\nremote c 3 udp\nport 99999\n</connection>"] = "'port': 99999 is out",
      ["<connection>\nremote c 3 udp\nproto sctp\n</connection>"] = "'proto': 'sctp' is not",
      ["<connection>\nremote c 3 udp\nrport 0\n</connection>"] = "'rport': 0 is out",
      ["<connection>\nremote c 3 udp\nlport -1\n</connection>"] = "'lport': -1 is out",
    } do
      for _, text in ipairs { remotes .. line .. "\n", line .. "\n" .. remotes } do
        local _, errors = lines_of(text)
        assert.equal(1, #errors, text)
        assert.equal(said, errors[1]:match("^t%.ovpn:%d+: (.*)$"):sub(1, #said), text)
      end
    end
    for _, line in ipairs {
      "port 5", "proto tcp4", "rport 65535", "lport 0", "proto tcp-client",
    } do
      assert.is_table(schema.check((parse(remotes .. line .. "\n"))), line)
    end
    -- Nor do <connection> blocks hide what a remote says that they put aside.
    assert.same({ "t.ovpn:2" },
      (lines_of("client\nremote a 99999\n<connection>\nremote b\n</connection>\n"
        .. "ca x\ncert x\nkey x\n")))
  end)

  it("is told although a server's sockets name their own", function()
    local server = "mode server\ntls-server\nlocal 10.0.0.1 1194 udp\n"
      .. "server 10.8.0.0 255.255.255.0\nca x\ncert x\nkey x\n"
    for _, line in ipairs { "port 99999", "proto sctp", "lport 0", "rport 99999" } do
      assert.same({ "t.ovpn:8" }, (lines_of(server .. line .. "\n")), line)
    end
    assert.same({ "t.ovpn:8" }, (lines_of(server .. "local 10.0.0.2 99999 udp\n")))
    for _, line in ipairs { "port 5", "proto tcp-server", "lport 7", "rport 7" } do
      assert.is_table(schema.check((parse(server .. line .. "\n"))), line)
    end
  end)

  it("is told once, however many remotes have it", function()
    assert.same({ "t.ovpn:2", "t.ovpn:3" },
      (lines_of("client\nport 0\nproto x\nremote a\nremote b\nca x\ncert x\nkey x\n")))
  end)

  it("is told in its place among the others, file by file", function()
    assert.same({ "t.ovpn:2", "t.ovpn:3", "t.ovpn:5", "t.ovpn:6", "x.conf:1", "x.conf:2" },
      (lines_of("client\nverb 99\nzzz\nconfig x.conf\nproto sctp\nremote a 0 udp\n",
                { ["x.conf"] = "mute -1\nyyy\n" })))
    local _, errors = lines_of("client\nremote a\nverb 99\nconnect-retry 5 1\nping x\n")
    assert.matches("^t%.ovpn:3: ", errors[1])
    assert.matches("^t%.ovpn:4: ", errors[2])
    assert.matches("^t%.ovpn:5: ", errors[3])
    assert.matches("^t%.ovpn: 'ca' is missing", errors[4])
    local conf, notes = parse(
      "client\nup x\npersist-key\nremote a\ndown y\npersist-key\nca x\n")
    assert.is_table(conf)
    local lines = {}
    for i, n in ipairs(notes) do lines[i] = n.line or 0 end
    assert.same({ 2, 3, 5, 6, 0 }, lines)
  end)
end)

describe("a server's port", function()
  local function listen(text)
    local conf = parse("tls-server\nmode server\nserver 10.8.0.0 255.255.255.0\n" .. text)
    return conf.listen[1].port
  end

  it("is what `port` or `lport` said last, and never `rport`", function()
    assert.equal(1194, listen "")
    assert.equal(5, listen "port 5\n")
    assert.equal(6, listen "port 5\nlport 6\n")
    assert.equal(5, listen "lport 6\nport 5\n")
    assert.equal(1194, listen "rport 7\n")
    assert.equal(5, listen "port 5\nrport 7\n")
    local _, notes = parse("tls-server\nmode server\nserver 10.8.0.0 255.255.255.0\nrport 7\n")
    assert.equal(4, notes[1].line)
    assert.matches("ignored: a server's clients come from any port", notes[1].text)
  end)
end)

describe("config and cd", function()
  it("read other files, in order, from where they are", function()
    local conf = parse("client\nverb 1\nconfig a.conf\ncd /etc\ncd vpn\nconfig b.conf\n"
      .. "config /c.conf\nca x\n", {
      ["a.conf"] = "verb 4\nremote a", ["/etc/vpn/b.conf"] = "remote b", ["/c.conf"] = "mute 5" })
    assert.equal(4, conf.verb)
    assert.equal(5, conf.mute)
    assert.equal("/etc/vpn", conf.cd)
    assert.same({ file = "/etc/vpn/b.conf", line = 1, name = "remote" },
      conf.origin["remotes[2]"])
    conf.auth_user_pass = true
    assert.equal("/etc/vpn/x", assert(schema.check(conf)).tls.ca)
  end)

  it("say where a missing file was asked for, and what is wrong in one", function()
    assert.same({ "t.ovpn:2: cannot read 'x.conf': No such file or directory" },
      errors_of("client\nconfig x.conf\n"))
    assert.same({ "a.conf:2: unknown directive 'zzzzzz'" },
      errors_of("client\nconfig a.conf\n", { ["a.conf"] = "\nzzzzzz 1\n" }))
  end)

  it("go ten files deep, and no further", function()
    local files = {}
    for i = 1, 12 do files[i .. ".conf"] = ("config %d.conf\n"):format(i + 1) end
    files["10.conf"] = "verb 7\n"
    assert.equal(7, (parse("client\nconfig 1.conf\n", files)).verb)
    files["10.conf"] = "config 11.conf\n"
    assert.matches("^10%.conf:1: 'config': files within files",
      errors_of("client\nconfig 1.conf\n", files)[1])
    -- Twice in each of ten depths would be a thousand times.
    local calls = 0
    local conf, errors = profile.parse("client\nconfig x\n", "t.ovpn", function()
      calls = calls + 1
      return "config x\nconfig x\n", MINE
    end)
    assert.is_nil(conf)
    assert.equal(100, calls)
    assert.matches("more than 100 files", errors[#errors - 1])
  end)
end)

describe("scripts", function()
  local LINE = "up /bin/x\n"
  local function allowed(text, info, files)
    local conf, notes = parse(BASE .. text, files, info)
    return conf.scripts_allowed, conf.script_security, notes
  end

  it("of a profile run only by root's word", function()
    for _, row in ipairs {
      { "script-security 2\n", MINE, false, 1 }, { "script-security 2\n", ROOTS, true, 2 },
      { "script-security 3\n", ROOTS, true, 3 }, { "", ROOTS, false, 1 },
      { "script-security 2\n", nil, false, 1 },
      { "script-security 2\n", { uid = 0, mode = 436 }, false, 1 }, -- 0664
      { "script-security 2\n", { uid = 0, mode = 438 }, false, 1 }, -- 0666
      { "script-security 2\nscript-security 0\n", ROOTS, false, 0 },
      { "script-security 0\n", MINE, false, 0 },
    } do
      local may, level, notes = allowed(LINE .. row[1], row[2])
      assert.equal(row[3], may, row[1])
      assert.equal(row[4], level, row[1])
      assert.equal(row[3] and 0 or 1, #notes)
      if not may then
        assert.equal("warn", notes[1].level)
        assert.equal(4, notes[1].line)
        assert.matches("'up': the program does not run", notes[1].text)
      end
    end
  end)

  it("are judged by the file that says script-security", function()
    assert.is_true((allowed(LINE .. "config r.conf\n", MINE,
      { ["r.conf"] = { "script-security 2\n", ROOTS } })))
    assert.is_false((allowed(LINE .. "config m.conf\n", ROOTS,
      { ["m.conf"] = { "script-security 2\n", MINE } })))
    -- Back in root's file after the other.
    assert.is_true((allowed("config m.conf\nscript-security 2\n", ROOTS,
      { ["m.conf"] = { LINE, MINE } })))
  end)

  it("run when the command line says so", function()
    local files = reader { ["p.ovpn"] = BASE .. LINE, ["q.ovpn"] = BASE .. "script-security 0\n" }
    local conf = profile.from_args({ "--config", "p.ovpn", "--script-security", "2" }, files)
    assert.is_true(conf.scripts_allowed)
    assert.is_false(profile.from_args({ "--script-security", "2", "--config", "q.ovpn" }, files)
      .scripts_allowed)
    assert.is_false(profile.from_args({ "--config", "p.ovpn" }, files).scripts_allowed)
  end)

  it("for DNS are not missed", function()
    local _, _, notes = allowed("up /etc/openvpn/update-resolv-conf\n", MINE)
    assert.equal("info", notes[1].level)
    assert.matches("DNS is set here", notes[1].text)
  end)
end)

describe("the command line", function()
  local files = reader {
    ["a.ovpn"] = BASE .. "verb 1\n", ["b.conf"] = "mute 3\nremote b\n",
  }
  local function args(line)
    local list = {}
    for word in line:gmatch("%S+") do list[#list + 1] = word end
    return profile.from_args(list, files)
  end

  it("takes a file, and options that follow it", function()
    assert.equal("a", args("a.ovpn").remotes[1].host)
    local conf = args("a.ovpn --verb 6 --config b.conf --route 10.0.0.0 255.0.0.0 --float")
    assert.equal(6, conf.verb)
    assert.equal(3, conf.mute)
    assert.same({ { "10.0.0.0", "255.0.0.0" } }, conf.route)
    assert.is_true(conf.float)
    assert.equal(2, #conf.remotes)
    assert.same({ file = "command line", name = "verb" }, conf.origin.verb)
  end)

  it("takes options alone", function()
    local conf = args("--client --dev tun --remote h 1 tcp --ca ca.pem --nice -5")
    assert.same({ { host = "h", port = 1, proto = "tcp" } }, conf.remotes)
    assert.equal(-5, conf.nice)
  end)

  it("tells what is wrong with it", function()
    local function wrong(line)
      local conf, errors = args(line)
      assert.is_nil(conf, line)
      return errors[1]
    end
    assert.equal("command line: cannot read 'no.ovpn': No such file or directory",
                 wrong("no.ovpn"))
    assert.equal("command line: unknown directive 'devv'; did you mean 'dev'?",
                 wrong("a.ovpn --devv tun"))
    assert.matches("^command line: 'x': an option begins with %-%-", wrong("a.ovpn x"))
    assert.matches("^command line: 'dev': 1 word must follow it, not 2", wrong("--dev tun x"))
    assert.matches("^command line: 'connection': it must be a block", wrong("--connection x"))
    assert.matches("no client's profile", wrong(""))
  end)

  it("has its values checked with it as their place", function()
    local conf = args("a.ovpn --verb loud")
    local _, errors = schema.check(conf)
    assert.matches("^command line: 'verb': 'loud' is not a whole number", errors[1])
  end)
end)

describe("load", function()
  it("says when there is no such file, and misuse is an error", function()
    assert.same({ "cannot read 'x': No such file or directory" },
      select(2, profile.load("x", reader {})))
    assert.has_error(function() profile.parse(nil, "x") end)
  end)

  it("formats notes", function()
    assert.equal("a:1: b", profile.format { file = "a", line = 1, text = "b" })
    assert.equal("a: b", profile.format { file = "a", text = "b" })
  end)
end)

describe("random damage", function()
  -- A generator of its own, so that a seed replays on every machine.
  local state = 1
  local function random(n)
    state = (state * 16807) % 2147483647
    return state % n + 1
  end

  local NAMES = require("lunel.directives").names()
  local function damaged(text)
    for _ = 1, random(6) do
      local at = random(#text + 1)
      local kind = random(6)
      if kind == 1 then text = text:sub(1, at - 1) .. string.char(random(256) - 1) .. text:sub(at)
      elseif kind == 2 then text = text:sub(1, at - 1) .. text:sub(at + random(40))
      elseif kind == 3 then text = text:sub(1, at - 1) .. text:sub(random(#text + 1))
      elseif kind == 4 then text = text:sub(1, at)
      elseif kind == 5 then
        text = text:gsub("\n", "\n" .. NAMES[random(#NAMES)] .. (" %d"):rep(random(4) - 1)
          :format(random(9), random(99), random(9)):gsub("%%", "%%%%") .. "\n", 1)
      else
        local from = random(#text + 1)
        text = text:sub(1, at - 1) .. text:sub(from, from + random(80)) .. text:sub(at)
      end
    end
    return text
  end

  it("gives errors that name their place, never a Lua error", function()
    local originals = {}
    for name in pairs(expected) do originals[#originals + 1] = name end
    table.sort(originals)
    for i, name in ipairs(originals) do originals[i] = sample(name) end
    local files = reader { ["x"] = "verb 3\nconfig x\n" }
    local taken = 0
    for seed = 1, 10000 do
      state = seed * 7919 % 2147483647
      local text = damaged(originals[seed % #originals + 1])
      local fine, conf, errors = pcall(profile.parse, text, "d.ovpn", files)
      assert.is_true(fine, ("seed %d: %s"):format(seed, tostring(conf)))
      if conf then
        local ok, checked, problems = pcall(schema.check, conf)
        assert.is_true(ok, ("seed %d: %s"):format(seed, tostring(checked)))
        if checked then taken = taken + 1 else assert.is_string(problems[1]) end
      else
        for i, e in ipairs(errors) do
          assert.is_truthy(e:find("^[dx]%S*:%d+: ") or e:find("^d%.ovpn: ") or i == 101, e)
        end
      end
    end
    assert.is_true(taken > 100 and taken < 9900, tostring(taken))
  end)
end)
