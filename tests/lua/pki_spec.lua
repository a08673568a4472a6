-- SPDX-License-Identifier: GPL-3.0-or-later
--- `lunel pki`: its command line, its index, and the command itself on a real folder.
local arguments = require "lunel.pki_args"
local core = require "lunel.core"
local index_file = require "lunel.pki_index"
local pki = require "lunel.pki"

local lunel = os.getenv "LUNEL"

local function split(line)
  local args = {}
  for word in line:gmatch("%S+") do args[#args + 1] = word end
  return args
end

describe("the command line of pki", function()
  local function parse(line) return arguments.parse(split(line)) end

  it("names what to do", function()
    assert.same({ command = "init", dir = "pki", remote = {} }, parse "init")
    assert.same({ command = "init", dir = "d", name = "CA", key = "rsa4096", days = 10,
                  remote = {} }, parse "init --dir d --name CA --key rsa4096 --days 10")
    assert.same({ command = "server", cn = "vpn.example.net", dir = "d", remote = {} },
      parse "server vpn.example.net --dir=d")
    assert.same({ command = "client", cn = "anna", dir = "pki", keep = true, password = true,
                  remote = {} }, parse "client --keep --password anna")
    assert.same({ command = "revoke", cn = "anna", dir = "d", remote = {} },
      parse "revoke --dir d anna")
    assert.same({ command = "list", dir = "pki", remote = {} }, parse "list")
    for _, line in ipairs { "help", "--help", "client --help", "init -h" } do
      assert.equal("help", parse(line).command)
    end
  end)

  it("takes remotes", function()
    local rows = {
      { "vpn.example.net", "vpn.example.net", 1194, "udp" },
      { "192.0.2.1:443", "192.0.2.1", 443, "udp" },
      { "vpn:443/tcp", "vpn", 443, "tcp" },
      { "[fd00::1]", "fd00::1", 1194, "udp" },
      { "[fd00::1]:65535/udp6", "fd00::1", 65535, "udp6" },
    }
    for _, row in ipairs(rows) do
      assert.same({ host = row[2], port = row[3], proto = row[4] }, arguments.remote(row[1]))
    end
    assert.equal(2, #parse("client a --remote x --remote y:1/tcp4").remote)
  end)

  it("says what is wrong", function()
    local rows = {
      { "", "a command is missing" },
      { "clinet anna", "no command 'clinet'; did you mean 'client'?" },
      { "frobnicate", "no command 'frobnicate'" },
      { "server", "server: a name is missing" },
      { "client a b", "client: 'b' is one word too many" },
      { "list x", "list: 'x' is one word too many" },
      { "client a --remot x", "unknown option '--remot'; did you mean 'remote'?" },
      { "init --remote x", "init: unknown option '--remote'" },
      { "list --keep", "list: unknown option '--keep'" },
      { "list -x", "list: unknown option '-x'" },
      { "init --dir", "--dir: DIR is missing" },
      { "init --dir=", "--dir: it is empty" },
      { "client a --keep=1", "--keep takes no value" },
      { "init --dir a --dir b", "--dir stands there twice" },
      { "init --key dsa", "--key 'dsa'; it is one of ec, ed25519" },
      { "init --key rsa1024", "--key 'rsa1024'; did you mean 'rsa2048'?; it is one of" },
      { "init --days 0", "--days '0': 1 to 36500" },
      { "init --days 36501", "--days '36501': 1 to 36500" },
      { "init --days 1.5", "--days '1.5': 1 to 36500" },
      { "client a --password --password-file x", "exclude each other" },
      { "client ../a", "the name '../a': it may have letters, digits and" },
      { "client a/b", "the name 'a/b'" },
      { "client .a", "the name '.a'" },
      { "client " .. ("a"):rep(65), "more than 64 characters" },
      { "server a@b", "a server's is a host name or an address" },
      { "client a --remote x:0", "remote 'x:0': a port is 1 to 65535" },
      { "client a --remote x:65536", "a port is 1 to 65535" },
      { "client a --remote x:y", "HOST[:PORT[/PROTO]] is needed" },
      { "client a --remote x/tcp", "HOST[:PORT[/PROTO]] is needed" },
      { "client a --remote fd00::1", "an IPv6 address stands in []" },
      { "client a --remote x:1/sctp", "the protocol is one of udp" },
      { "client a --remote x:1udp", "the protocol is one of udp" },
      { "client a --remote :1", "there is no host in it" },
    }
    for _, row in ipairs(rows) do
      local o, err = parse(row[1])
      assert.is_nil(o, row[1])
      assert.truthy(err:find(row[2], 1, true), row[1] .. ": " .. err)
    end
    assert.is_nil((arguments.parse { "client", "an na" }))
    assert.is_nil((arguments.parse { "client", "an\nna" }))
  end)
end)

describe("the index", function()
  local now = 1795656000 -- 2026-11-26
  local day = 86400
  local index = {
    crl_number = 7,
    { serial = "4a01", kind = "ca", name = "-", issued = now, expires = now + 3650 * day },
    { serial = "4a02", kind = "server", name = "vpn", issued = now, expires = now + 825 * day },
    { serial = "4a03", kind = "client", name = "anna", issued = now, expires = now + 12 * day },
    { serial = "4a04", kind = "client", name = "bert", issued = now, expires = now - day },
    { serial = "4a05", kind = "client", name = "carl", issued = now, expires = now + 825 * day,
      revoked = now },
  }

  it("is read as it is written", function()
    assert.same(index, index_file.parse(index_file.format(index)))
    assert.same({ crl_number = 0 }, index_file.parse "")
    assert.same({ crl_number = 3 }, index_file.parse "# comment\r\n\r\ncrl-number 3\r\n")
  end)

  it("has times that are seconds", function()
    for _, t in ipairs { 0, 951782399, 951782400, 1709251199, now, 2524608000, 4107542400 } do
      assert.equal(t, index_file.seconds(index_file.time(t)))
    end
    assert.equal("2026-11-26T00:00:00Z", index_file.time(1795651200))
    for _, text in ipairs { "", "2026-11-26", "2026-11-26T00:00:00", "x" } do
      assert.is_nil(index_file.seconds(text))
    end
  end)

  it("tells the line that is none", function()
    local good = index_file.format(index)
    local first = select(2, good:gsub("\n", "")) + 1
    for _, line in ipairs { "x", "4a06 client dora", "4a0 client d 2026-11-26T00:00:00Z "
      .. "2026-11-26T00:00:00Z -", "4a06 client d 2026-11-26T00:00:00Z tomorrow -",
      "4a06 client d 2026-11-26T00:00:00Z 2026-11-26T00:00:00Z yes" } do
      local parsed, n = index_file.parse(good .. line .. "\n")
      assert.is_nil(parsed, line)
      assert.equal(first, n)
    end
  end)

  it("knows what has become of each", function()
    local rows = { "valid", "valid", "soon", "expired", "revoked" }
    for i, state in ipairs(rows) do
      assert.equal(state, (index_file.state(index[i], now)))
    end
    local function text(e, at) return select(2, index_file.state(e, at)) end
    assert.equal("expires in 12 days", text(index[3], now))
    assert.equal("expires in 1 day", text(index[3], now + 11 * day))
    assert.equal("expires in 0 days", text(index[3], now + 12 * day - 1))
    assert.equal("expired 2026-12-08", text(index[3], now + 12 * day))
    assert.equal("revoked 2026-11-26", text(index[5], now))
    assert.equal("valid", (index_file.state({ expires = now + 30 * day }, now)))
    assert.equal("soon", (index_file.state({ expires = now + 30 * day - 1 }, now)))
  end)

  it("lets a name be given again when it may", function()
    assert.equal(index[2], index_file.in_the_way(index, "vpn", now))
    for _, name in ipairs { "anna", "bert", "carl", "dora" } do
      assert.is_nil(index_file.in_the_way(index, name, now))
    end
  end)

  it("finds the newest server, and whom a list must name", function()
    assert.equal("vpn", index_file.newest(index, "server", now).name)
    assert.is_nil(index_file.newest(index, "server", now + 825 * day))
    assert.same({ { serial = "4a05", when = now } }, index_file.revoked(index))
  end)
end)

describe("lunel pki", function()
  local folder, dir

  -- Runs the program in |folder|: its status, what it printed, what it complained.
  local function run(line)
    local status = os.execute(("cd %s && %s pki %s >out 2>err </dev/null"):format(folder, lunel,
      line))
    local function content(name)
      local f = assert(io.open(folder .. "/" .. name))
      local text = f:read "*a"
      f:close()
      return text
    end
    return math.floor(status / 256), content "out", content "err"
  end

  local function shell(line)
    local f = assert(io.popen(("cd %s && { %s; } 2>&1"):format(folder, line)))
    local text = f:read "*a"
    f:close()
    return (text:gsub("\n$", ""))
  end

  local function read(name)
    return (core.read_file(folder .. "/" .. name))
  end

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    dir = folder .. "/pki"
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  it("keeps what is secret to itself, whatever the umask", function()
    os.execute(("cd %s && umask 0 && %s pki init >/dev/null"):format(folder, lunel))
    assert.equal("700 700 700 600 600 600 600 644 644", (shell("cd pki; stat -c %a . private "
      .. "issued ca.key tls-crypt-v2.key auth-token.key index ca.crt crl.pem"):gsub("\n", " ")))
    local status = run "server vpn.example.net"
    assert.equal(0, status)
    assert.equal("600", shell "stat -c %a pki/private/vpn.example.net.key")
    assert.equal("", shell "find pki -name '*.??????'") -- nothing that was on its way
  end)

  it("makes a CA once", function()
    assert.equal(0, (run "init --name Mine --key ed25519 --days 100"))
    local key, facts = read "pki/ca.key", core.pki.facts(read "pki/ca.crt")
    assert.equal("CN=Mine", facts.subject)
    assert.is_true(facts.ca)
    assert.equal(100 * 86400 + 3600, facts.not_after - facts.not_before)
    assert.equal("ed25519", core.pki.key_kind(key))
    local status, out, err = run "init"
    assert.equal(1, status)
    assert.equal("", out)
    assert.equal("lunel: pki: there is a PKI in 'pki' already, which stays as it is; --dir names "
      .. "another folder\n", err)
    assert.equal(key, read "pki/ca.key")
  end)

  it("touches no folder that is not its own", function()
    shell "mkdir other empty; echo x >other/file; echo y >file"
    local status, _, err = run "init --dir other"
    assert.equal(1, status)
    assert.truthy(err:find("cannot make the folder 'other': it is not empty", 1, true), err)
    assert.equal("file", shell "ls other")
    status, _, err = run "init --dir file"
    assert.equal(1, status)
    assert.truthy(err:find("'file': Not a directory", 1, true), err)
    status, _, err = run "init --dir no/where"
    assert.equal(1, status)
    assert.truthy(err:find("'no/where': No such file or directory", 1, true), err)
    assert.equal(0, (run "init --dir empty"))
    assert.equal("700", shell "stat -c %a empty")
    status, _, err = run("init --dir long --name " .. ("x"):rep(65))
    assert.equal(1, status)
    assert.truthy(err:find("a common name has 1 to 64 characters", 1, true), err)
    assert.equal("", shell "ls -d long 2>/dev/null")
  end)

  it("issues, lists, revokes", function()
    run "init"
    local status, conf, err = run "server vpn.example.net"
    assert.equal(0, status)
    assert.truthy(conf:find('\ncert "' .. dir .. '/issued/vpn.example.net.crt"\n', 1, true), conf)
    assert.truthy(err:find("valid until", 1, true))
    assert.equal(conf, read "pki/vpn.example.net.conf")
    local profile
    status, profile, err = run "client anna"
    assert.equal(0, status)
    assert.truthy(err:find("looks for the server at vpn.example.net", 1, true), err)
    assert.truthy(profile:find("\nremote vpn.example.net 1194 udp\n", 1, true))
    for _, name in ipairs { "ca", "cert", "key", "tls-crypt-v2" } do
      local block = profile:match("\n<" .. name:gsub("-", "%%-") .. ">\n(.-)\n</")
      assert.truthy(block and block:find("^%-%-%-%-%-BEGIN .*%-%-%-%-%-$"), name)
    end
    assert.equal("", shell "ls pki/private | grep anna")
    local facts = core.pki.facts(read "pki/issued/anna.crt")
    assert.equal("anna", facts.cn)
    assert.is_true(facts.client and not facts.server and not facts.ca)

    status, conf = run "list"
    assert.equal(0, status)
    assert.truthy(conf:find("\nanna +client  valid until %d+%-%d+%-%d+ +" .. facts.serial .. "\n"))
    status, profile, err = run "client anna --remote x"
    assert.equal(1, status)
    assert.equal("", profile)
    assert.truthy(err:find("'anna' has a certificate already, valid until %d+%-%d+%-%d+; "
      .. "`lunel pki revoke anna` takes it back"), err)

    local crl = read "pki/crl.pem"
    status, conf = run "revoke anna"
    assert.equal(0, status)
    assert.equal("revoked 'anna'; pki/crl.pem is written anew\n", conf)
    assert.not_equal(crl, read "pki/crl.pem")
    status, conf = run "revoke anna"
    assert.equal(0, status)
    assert.truthy(conf:find("was revoked already", 1, true))
    conf = select(2, run "list")
    assert.truthy(conf:find("\nanna +client  revoked "), conf)
    status, conf, err = run "revoke dora"
    assert.equal("", conf)
    assert.equal(1, status)
    assert.truthy(err:find("no certificate was issued to 'dora'", 1, true), err)
    -- The name is free again, and the old certificate still there to look at.
    assert.equal(0, (run "client anna"))
    assert.equal(("anna.%s.crt\nanna.crt"):format(facts.serial), shell "ls pki/issued | grep anna")
  end)

  it("writes over no key", function()
    run "init"
    assert.equal(0, (run "client anna --keep --remote x"))
    local key = read "pki/private/anna.key"
    local serial = core.pki.facts(read "pki/issued/anna.crt").serial
    run "revoke anna"
    assert.equal(0, (run "client anna --keep --remote x"))
    assert.equal(key, read("pki/private/anna." .. serial .. ".key"))
    assert.not_equal(key, read "pki/private/anna.key")
    shell "echo mine >pki/private/bert.key"
    local status, out, err = run "client bert --keep --remote x"
    assert.equal(1, status)
    assert.equal("", out)
    assert.truthy(err:find("'pki/private/bert.key' is there already, and no key is written over; "
      .. "move it away", 1, true), err)
    assert.equal("mine\n", read "pki/private/bert.key")
    assert.falsy(read "pki/index":find("bert", 1, true))
    -- A folder that cannot be written to: what is recorded can be taken back.
    shell "rmdir pki/issued 2>/dev/null; mv pki/issued moved; echo >pki/issued"
    status, out, err = run "client carl --remote x"
    assert.equal(1, status)
    assert.equal("", out)
    assert.truthy(err:find("cannot write 'pki/issued/carl.crt': Not a directory; "
      .. "`lunel pki revoke carl` and issue it anew", 1, true), err)
    assert.equal(0, (run "revoke carl"))
  end)

  it("renews what has expired or soon will", function()
    run "init"
    run "client anna --remote x"
    local text = read "pki/index"
    local soon = index_file.time(os.time() + 29 * 86400 - 100)
    text = text:gsub("(client  anna  %S+)  %S+", "%1  " .. soon)
    assert.is_true(core.write_file(dir .. "/index", text, 384, true))
    assert.truthy(select(2, run "list"):find("\nanna +client  expires in 28 days "))
    assert.equal(0, (run "client anna --remote x"))
    -- Both are taken back.
    run "revoke anna"
    assert.equal(2, select(2, select(2, run "list"):gsub("anna +client  revoked", "")))
  end)

  it("never lets one outlive the CA", function()
    run "init --days 10"
    run "client anna --remote x --days 20"
    assert.equal(core.pki.facts(read "pki/ca.crt").not_after,
      core.pki.facts(read "pki/issued/anna.crt").not_after)
  end)

  it("says what is missing or broken, and where", function()
    local rows = {
      { "rm -r pki", "list", "there is no PKI in 'pki'; `lunel pki init --dir pki` makes one" },
      { "rm pki/index", "list", "cannot read 'pki/index': No such file or directory" },
      { "echo nonsense >>pki/index", "list", "pki/index:5: not a line of an index" },
      { "echo >pki/ca.crt", "list", "pki/ca.crt: there is no certificate in it" },
      { "rm pki/ca.key", "client a --remote x", "cannot read 'pki/ca.key'" },
      { "echo >pki/ca.key", "client a --remote x", "pki/ca.key: there is no private key in it" },
      { "rm pki/tls-crypt-v2.key", "client a --remote x", "cannot read 'pki/tls-crypt-v2.key'" },
      { "echo >pki/tls-crypt-v2.key", "client a --remote x", "pki/tls-crypt-v2.key: key material" },
      { "cp pki/auth-token.key pki/tls-crypt-v2.key", "client a --remote x", "key material" },
      { "cp other/ca.key pki", "client a --remote x", "does not fit its certificate" },
    }
    run "init --dir other"
    for _, row in ipairs(rows) do
      shell "rm -rf pki"
      run "init"
      shell(row[1])
      local status, out, err = run(row[2])
      assert.equal(1, status, row[1])
      assert.equal("", out, row[1])
      assert.truthy(err:find(row[3], 1, true), row[1] .. ": " .. err)
    end
    -- What is broken lets no certificate out.
    assert.equal("", shell "ls pki/issued")
    shell "rm -rf pki"
    run "init"
    run "client anna --remote x"
    shell "cp other/ca.key pki"
    local crl = read "pki/crl.pem"
    local status, _, err = run "revoke anna"
    assert.equal(1, status)
    assert.truthy(err:find("pki/crl.pem: the CA's private key does not fit", 1, true), err)
    assert.equal(crl, read "pki/crl.pem")
  end)

  it("needs to know where the server is", function()
    run "init"
    local status, out, err = run "client anna"
    assert.equal(2, status)
    assert.equal("", out)
    assert.truthy(err:find("--remote HOST says where the server is", 1, true), err)
    local _, profile = run "client anna --remote a --remote [fd00::1]:443/tcp6"
    assert.truthy(profile:find("\nremote a 1194 udp\nremote fd00::1 443 tcp6\n", 1, true))
  end)

  it("ends with 2 and its usage for bad usage", function()
    for _, line in ipairs { "", "frobnicate", "client", "init --key dsa" } do
      local status, out, err = run(line)
      assert.equal(2, status)
      assert.equal("", out)
      assert.truthy(err:find("\nusage: lunel pki init", 1, true), err)
    end
    local status, out = run "--help"
    assert.equal(0, status)
    assert.truthy(out:find("usage: lunel pki init", 1, true))
  end)

  it("tells when a profile could not be written", function()
    run "init"
    local status = os.execute(("cd %s && %s pki client anna --remote x >/dev/full 2>err"):format(
      folder, lunel))
    assert.equal(1, math.floor(status / 256))
    assert.truthy(read "err":find("could not be written: No space left on device; "
      .. "`lunel pki revoke anna`", 1, true))
  end)

  it("lets two at once wait for each other", function()
    run "init"
    shell((("%s pki client $n --remote x >$n.ovpn 2>/dev/null & "):format(lunel)):gsub("^",
      "for n in a b c d e f; do ") .. "done; wait")
    local index = index_file.parse(read "pki/index")
    assert.equal(7, #index)
    for _, n in ipairs { "a", "b", "c", "d", "e", "f" } do
      assert.truthy(read(n .. ".ovpn"):find("</tls-crypt-v2>", 1, true))
    end
  end)

  describe("with a password", function()
    local prompt, stdout, stderr = core.prompt, io.stdout, io.stderr
    local answers

    -- In this process, so that the terminal's answers can be given.
    local function client(line)
      -- luacheck: push ignore 122
      io.stdout = assert(io.open(folder .. "/out", "w"))
      io.stderr = assert(io.open(folder .. "/err", "w"))
      local ok, status = pcall(pki.main, split(line .. " --dir " .. dir .. " --remote x"))
      io.stdout:close()
      io.stderr:close()
      io.stdout, io.stderr = stdout, stderr
      -- luacheck: pop
      assert(ok, status)
      return status, read "out", read "err"
    end

    before_each(function()
      run "init"
      answers = {}
      core.prompt = function() -- luacheck: ignore
        local text = table.remove(answers, 1)
        if not text then return nil, "no terminal" end
        return { reveal = function() return text end }
      end
    end)
    after_each(function() core.prompt = prompt end) -- luacheck: ignore

    it("encrypts the key", function()
      answers = { "secret", "secret" }
      local status, profile = client "client anna --password --keep"
      assert.equal(0, status)
      assert.truthy(profile:find("\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 1, true))
      assert.falsy(profile:find("BEGIN PRIVATE KEY", 1, true))
      assert.truthy(read "pki/private/anna.key":find("^%-+BEGIN ENCRYPTED"))
      local file = assert(io.open(folder .. "/password", "w"))
      file:write("secret\r\nmore\n")
      file:close()
      status, profile = client("client bert --password-file " .. folder .. "/password")
      assert.equal(0, status)
      assert.truthy(profile:find("BEGIN ENCRYPTED", 1, true))
    end)

    it("issues nothing without a good one", function()
      local rows = {
        { {}, "client a --password", "--password: no terminal; --password-file FILE takes" },
        { { "x" }, "client a --password", "interrupted" },
        { { "x", "y" }, "client a --password", "the two are not the same" },
        { { "", "" }, "client a --password", "the password is empty" },
        { { ("x"):rep(80), ("x"):rep(80) }, "client a --password", "more than 79 characters" },
        { { "a\0b", "a\0b" }, "client a --password", "or one that is none" },
        { {}, "client a --password-file /none", "cannot read '/none': No such file" },
        { {}, "client a --password-file /dev/null", "the password is empty" },
      }
      for _, row in ipairs(rows) do
        answers = row[1]
        local status, out, err = client(row[2])
        assert.equal(1, status, row[3])
        assert.equal("", out)
        assert.truthy(err:find(row[3], 1, true), err)
      end
      assert.equal(1, #index_file.parse(read "pki/index"))
    end)
  end)
end)
