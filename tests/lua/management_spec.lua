-- SPDX-License-Identifier: GPL-3.0-or-later
--- The management interface, as programs that were written for OpenVPN 2.6 read it.
local server = require "server_stub"
local stub = require "core_stub"

local SOCKET = { "/run/m.sock", "unix" }

describe("the management interface of a server", function()
  local core, instance, desk, handle

  local function open(conf)
    core = server.new()
    core.files.pw = "geheim\r\nwhat stands behind it\n"
    instance = stub.load(core, "lunel.instance")
    local t = { management = SOCKET }
    for k, v in pairs(conf or {}) do t[k] = v or nil end
    desk = server.open(core, instance, t)
    handle = desk - 1 -- which was opened before its socket
  end

  before_each(function() open() end)

  -- The answer to |line|, and whether the connection ends.
  local function say(line, ticket)
    core.replies = {}
    instance.event { kind = "line", tunnel = desk, peer = 1, ticket = ticket or "1", text = line,
                     deadline = 30 }
    core.run()
    local r = core.replies[1]
    assert.equal(1, #core.replies, line)
    if r.kind ~= "line" then return r.kind end
    return r[1], r[2]
  end

  local function establish(id)
    instance.event { kind = "established", tunnel = handle, peer = id or 7 }
    core.run()
  end

  it("listens where it is told to, and greets as OpenVPN does", function()
    assert.same({ path = "/run/m.sock",
      greeting = ">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info\r\n" },
      stub.calls(core, "desk_open")[1][2])
    open { management = { "127.0.0.1", 7505, "pw" } }
    local o = stub.calls(core, "desk_open")[1][2]
    assert.same({ nil, "127.0.0.1", 7505, "geheim" }, { o.path, o.address, o.port, o.password })
    assert.is_nil(core.logged[#core.logged])
    open { management_client_user = "anna", management_client_group = "staff" }
    o = stub.calls(core, "desk_open")[1][2]
    assert.same({ "anna", "staff" }, { o.user, o.group })
  end)

  it("warns of a port that has no password", function()
    open { management = { "127.0.0.1", 7505 } }
    assert.equal("management.unprotected", core.logged[1].name)
    assert.equal("warn", core.logged[1].level)
  end)

  it("says why it cannot listen", function()
    core = server.new()
    core.refuse_desk = "cannot listen on /run/m.sock: another program does"
    instance = stub.load(core, "lunel.instance")
    local ok, err = pcall(server.open, core, instance, { management = SOCKET })
    assert.is_false(ok)
    assert.matches("management: cannot listen on /run/m.sock: another program does",
      err[1])
  end)

  it("answers status in all forms, and in that of status-version", function()
    for line, begins in pairs {
      status = "OpenVPN CLIENT LIST\r\nUpdated,", ["status 1"] = "OpenVPN CLIENT LIST\r\n",
      ["status 2"] = "TITLE,OpenVPN 2.6.0 Lunel/9.8.7", ["status 3"] = "TITLE\tOpenVPN 2.6.0",
      ["status 4"] = "ERROR: bad status format version number\r\n",
      ["status x"] = "OpenVPN CLIENT LIST\r\n", [" status  2 "] = "TITLE,",
    } do
      local text, over = say(line)
      assert.equal(begins, text:sub(1, #begins), line)
      assert.is_false(over)
      assert.is_nil(text:find("[^\r]\n"))
      assert.truthy(line == "status 4" or text:find("\r\nEND\r\n$"))
    end
    assert.truthy(say("status 2"):find("\r\nCLIENT_LIST,anna,192.0.2.7:41194,10.8.0.2,fd00::2,"
      .. "10,20,", 1, true))
    open { status_version = 3 }
    assert.matches("^TITLE\t", (say("status")))
    assert.matches("^OpenVPN CLIENT LIST", (say("status 1")))
  end)

  it("ends clients by name and by address, and tells them to come back", function()
    core.peers_known[9] = { name = "anna", address = "[fd00::9]:5", proto = "tcp", up = true }
    core.peers_known[8] = { address = "192.0.2.8:1", proto = "udp" }
    for line, row in pairs {
      ["kill anna"] = { "SUCCESS: common name 'anna' found, 2 client(s) killed", 7, 9 },
      ["kill UNDEF"] = { "SUCCESS: common name 'UNDEF' found, 1 client(s) killed", 8 },
      ["kill 192.0.2.7:41194"] = { "SUCCESS: 1 client(s) at address 192.0.2.7:41194 killed", 7 },
      ["kill udp:192.0.2.7:41194"] =
        { "SUCCESS: 1 client(s) at address udp:192.0.2.7:41194 killed", 7 },
      ["kill udp4:192.0.2.7:41194"] =
        { "SUCCESS: 1 client(s) at address udp:192.0.2.7:41194 killed", 7 },
      ["kill [fd00::9]:5"] = { "SUCCESS: 1 client(s) at address [fd00::9]:5 killed", 9 },
      ["kill tcp6:[FD00::9]:5"] = { "SUCCESS: 1 client(s) at address tcp:[fd00::9]:5 killed", 9 },
      ["kill [FD00:0:0::0009]:5"] = { "SUCCESS: 1 client(s) at address [fd00::9]:5 killed", 9 },
      ["kill [fd00::0.0.0.9]:05"] = { "SUCCESS: 1 client(s) at address [fd00::9]:5 killed", 9 },
      ["kill 192.0.2.07:41194"] =
        { "SUCCESS: 1 client(s) at address 192.0.2.7:41194 killed", 7 },
      ["kill tcp:192.0.2.7:41194"] =
        { "ERROR: client at address tcp:192.0.2.7:41194 not found" },
      ["kill 192.0.2.7:41195"] = { "ERROR: client at address 192.0.2.7:41195 not found" },
      ["kill nobody"] = { "ERROR: common name 'nobody' not found" },
      ["kill Anna"] = { "ERROR: common name 'Anna' not found" },
      ["kill 'a b'"] = { "ERROR: common name 'a b' not found" },
      ["kill 192.0.2.7"] = { "ERROR: common name '192.0.2.7' not found" },
      ["kill x:5"] = { "ERROR: error parsing IP address: x" },
      ["kill 192.0.2.256:5"] = { "ERROR: error parsing IP address: 192.0.2.256" },
      ["kill [::x]:5"] = { "ERROR: error parsing IP address: [::x]" },
      ["kill 192.0.2.7:99999"] = { "ERROR: port number is out of range: 99999" },
      ["kill 192.0.2.7:0"] = { "ERROR: port number is out of range: 0" },
      ["kill 192.0.2.7:x"] = { "ERROR: port number is out of range: x" },
      ["kill :"] = { "ERROR: kill parse" },
      ["kill anna:"] = { "SUCCESS: common name 'anna' found, 2 client(s) killed", 7, 9 },
      ["kill"] = { "ERROR: the 'kill' command requires 1 parameter" },
    } do
      core.calls = {}
      assert.same({ row[1] .. "\r\n", false }, { say(line) }, line)
      local killed = stub.calls(core, "peer_kill")
      assert.equal(#row - 1, #killed, line)
      for i, call in ipairs(killed) do
        assert.same({ "peer_kill", handle, row[i + 1], "RESTART" }, call)
      end
    end
  end)

  it("ends a client by the number that it came with", function()
    establish(7)
    core.peers_known[9] = { name = "ben", address = "192.0.2.9:1", up = true, connected_at = 1 }
    establish(9)
    assert.truthy(say("status 2"):find(",UNDEF,1,9,", 1, true))
    core.calls = {}
    assert.equal("SUCCESS: client-kill command succeeded\r\n", (say("client-kill 1")))
    assert.equal("SUCCESS: client-kill command succeeded\r\n", (say("client-kill 0 HALT")))
    assert.same({ { "peer_kill", handle, 9, "RESTART" }, { "peer_kill", handle, 7, "HALT" } },
      stub.calls(core, "peer_kill"))
    for line, text in pairs {
      ["client-kill"] = "ERROR: the 'client-kill' command requires at least 1 parameter\r\n",
      ["client-kill 2"] = "ERROR: client-kill command failed\r\n",
      ["client-kill 1 AUTH_FAILED"] = "ERROR: client-kill command failed\r\n",
      ["client-kill x"] = "ERROR: cannot parse CID\r\n",
    } do
      assert.equal(text, (say(line)), line)
    end
    assert.equal(2, #stub.calls(core, "peer_kill"))
  end)

  it("answers the rest as OpenVPN does", function()
    for line, text in pairs {
      pid = "SUCCESS: pid=42\r\n", hold = "SUCCESS: hold=0\r\n",
      nclients = "SUCCESS: nclients=1\r\n",
      ["hold release"] = "SUCCESS: hold release succeeded\r\n",
      version = "OpenVPN Version: OpenVPN 2.6.0 Lunel/9.8.7 [AEAD]\r\n"
        .. "Management Version: 5\r\nEND\r\n",
      ["load-stats"] = "SUCCESS: nclients=1,bytesin=10,bytesout=20\r\n",
      foo = "ERROR: unknown command, enter 'help' for more options\r\n",
      STATUS = "ERROR: unknown command, enter 'help' for more options\r\n",
      ["POST / HTTP/1.1"] = "ERROR: unknown command, enter 'help' for more options\r\n",
      ["kill 'a"] = "ERROR: Options error: no closing quote (')\r\n",
      ["log all"] = "ERROR: The 'log' command is not supported by the current daemon mode\r\n",
      ["hold on"] = "ERROR: The 'hold' command is not supported by the current daemon mode\r\n",
      ["state on"] = "ERROR: The 'state' command is not supported by the current daemon mode\r\n",
      ["signal SIGTERM"] =
        "ERROR: The 'signal' command is not supported by the current daemon mode\r\n",
      [""] = "", ["   "] = "", ["# kill anna"] = "",
    } do
      assert.same({ text, false }, { say(line) }, line)
    end
    for _, line in ipairs { "quit", "exit", "exit now" } do
      assert.same({ "", true }, { say(line) }, line)
    end
    assert.matches("\r\nkill cn +: .+\r\nEND\r\n$", (say("help")))
    assert.same({}, stub.calls(core, "peer_kill"))
  end)

  it("tells the state, with the server's own addresses", function()
    open { server_ipv6 = "fd00:8::/64", server = "10.8.255.0 255.255.255.0" }
    instance.event { kind = "state", tunnel = handle, state = "up" }
    local line = ("%d,CONNECTED,SUCCESS,10.8.255.1,,,,,fd00:8::1\r\nEND\r\n")
      :format(core.wallclock())
    for _, command in ipairs { "state", "state all", "state 3" } do
      assert.equal(line, (say(command)), command)
    end
  end)

  it("tells the server's own addresses, however the networks are written", function()
    for _, row in ipairs {
      { "10.8.0.77/24", "2001:db8:0:1:0:0:0:0/64", "10.8.0.1", "2001:db8:0:1::1" },
      { "10.8.0.9 255.255.255.0", "fd00::100/120", "10.8.0.1", "fd00::101" },
    } do
      open { server = row[1], server_ipv6 = row[2] }
      instance.event { kind = "state", tunnel = handle, state = "up" }
      local text = (",SUCCESS,%s,,,,,%s\r\n"):format(row[3], row[4])
      assert.truthy(say("state"):find(text, 1, true), text)
    end
  end)

  it("counts those that are gone, too", function()
    establish(7)
    core.peers_known[7] = nil
    instance.event { kind = "peer_closed", tunnel = handle, peer = 7, cause = "user",
                     stats = { rx = 1, tx = 1, link_rx = 100, link_tx = 200 } }
    assert.equal("SUCCESS: nclients=0,bytesin=100,bytesout=200\r\n", (say("load-stats")))
  end)

  it("closes the connection when a command fails, and goes on", function()
    core.peers = function() error "broken" end
    assert.equal("default", (say("status")))
    assert.matches("broken", server.last_error(core))
    assert.equal("SUCCESS: pid=42\r\n", (say("pid")))
  end)

  it("answers nothing about what is gone", function()
    instance.event { kind = "line", tunnel = desk, peer = 1, text = "pid" } -- no ticket any more
    core.run()
    assert.same({}, core.replies)
    instance.event { kind = "closed", tunnel = handle, cause = "user", exit_status = 0 }
    core.run()
    assert.same({ { "desk_close", desk } }, stub.calls(core, "desk_close"))
    assert.equal("default", (say("pid")))
  end)

  it("is not opened by a check", function()
    core = server.new()
    instance = stub.load(core, "lunel.instance")
    local file = os.tmpname()
    local f = assert(io.open(file, "w"))
    f:write [[require "lunel".server { server = "10.8.0.0/24", management = { "/m", "unix" },
      tls = { ca = "ca.pem", cert = "s.pem", key = "s.key" } }]]
    f:close()
    assert(instance.load { kind = "script", file = file, args = {} })
    os.remove(file)
    assert(instance.prepare { check = true })
    assert(instance.open())
    assert.same({}, stub.calls(core, "desk_open"))
    assert.same({}, stub.calls(core, "server_open"))
    assert.equal(1, #stub.calls(core, "server_check"))
  end)

  it("needs the file of its password", function()
    for text, want in pairs { [false] = "cannot read 'none'", ["\n"] = "no password in the first",
                              [""] = "'none' is empty", ["\0secret\n"] = "'none' has a control",
                              ["ge\0heim\n"] = "'none' has a control", ["a\tb\n"] = false,
                              ["a\27b\n"] = "'none' has a control" } do
      core = server.new()
      core.files.none = text or nil
      instance = stub.load(core, "lunel.instance")
      local ok, err = pcall(server.open, core, instance, { management = { "::1", 7505, "none" } })
      assert.equal(not want, ok)
      if want then
        assert.truthy((type(err) == "table" and err[1] or tostring(err)):find(want, 1, true), want)
      end
    end
  end)
end)

describe("the management interface of a client", function()
  it("has what a client has", function()
    local core = server.new()
    local management = stub.load(core, "lunel.management")
    local t = { handle = 1, conf = { status_version = 2 }, state = "up", since = 1795667860.2,
                session = { address = "192.0.2.1:1194" } }
    local function say(line)
      local text
      core.spawn(0, "x", nil, function(_, answer) text = answer end, management.answer, t, line)
      core.run()
      return text
    end
    assert.matches("^OpenVPN STATISTICS\r\n.*\r\nEND\r\n$", say "status 2")
    assert.equal("1795667860,CONNECTED,SUCCESS,,192.0.2.1,1194,,,\r\nEND\r\n", say "state")
    assert.equal("SUCCESS: nclients=0,bytesin=3,bytesout=4\r\n", say "load-stats")
    for _, name in ipairs { "kill", "client-kill", "nclients" } do
      assert.equal("ERROR: The '" .. name .. "' command is not supported by the current daemon "
        .. "mode\r\n", say(name .. " x"))
    end
    t.state, t.session.address = "handshake", "[fd00::1]:443"
    assert.equal("1795667860,AUTH,,,fd00::1,443,,,\r\nEND\r\n", say "state")
  end)
end)
