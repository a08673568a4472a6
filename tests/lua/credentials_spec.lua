-- SPDX-License-Identifier: GPL-3.0-or-later
local stub = require "core_stub"

describe("credentials", function()
  local core, credentials, tunnel

  before_each(function()
    core = stub.new()
    credentials = stub.load(core, "lunel.credentials")
    tunnel = { name = "office", on = {}, options = { auth_user_pass = true },
               conf = { auth_user_pass = {} } }
  end)

  it("are not asked for where they are there", function()
    for _, options in ipairs {
      {}, { auth_user_pass = true, username = "joe", password = "x" },
      { auth_user_pass = true, auth_token = "token" },
    } do
      tunnel.options = options
      assert.is_true(credentials.prepare(tunnel))
    end
    tunnel.options, tunnel.on.credentials = { auth_user_pass = true }, function() end
    assert.is_true(credentials.prepare(tunnel))
    assert.same({}, stub.calls(core, "prompt"))
  end)

  it("are asked for before anything runs, the password without echo", function()
    core.answers = { "joe", "secret" }
    assert.is_true(credentials.prepare(tunnel))
    assert.equal("joe", tunnel.options.username)
    assert.equal("secret", tunnel.options.password)
    assert.same({ { "prompt", "User name for office: ", true },
                  { "prompt", "Password of joe for office: ", false } },
                stub.calls(core, "prompt"))
  end)

  it("are kept back from the engine with auth-nocache", function()
    tunnel.options.auth_nocache = true
    core.answers = { "joe", "secret" }
    assert.is_true(credentials.prepare(tunnel))
    assert.is_nil(tunnel.options.password)
    assert.same({ username = "joe", password = "secret" },
                credentials.ask(tunnel, { why = "first" }))
    assert.is_nil(tunnel.login.given)
    core.answers = { "again" } -- the second time they are asked for
    assert.equal("again", credentials.ask(tunnel, { why = "first", username = "joe" }).password)
  end)

  it("are read again from their file with auth-nocache", function()
    tunnel.options = { auth_user_pass = true, auth_nocache = true, username = "joe",
                       password = "secret" }
    tunnel.conf.auth_user_pass.file = "login.txt"
    assert.is_true(credentials.prepare(tunnel))
    assert.is_nil(tunnel.options.password)
    assert.equal("secret", credentials.ask(tunnel, { why = "first" }).password)
    core.files["login.txt"] = "ann\nchanged\n"
    assert.same({ username = "ann", password = "changed" },
                credentials.ask(tunnel, { why = "expired" }))
    core.files["login.txt"] = nil
    local c, err = credentials.ask(tunnel, { why = "expired" })
    assert.is_nil(c)
    assert.equal("auth-nocache: cannot read 'login.txt' again: No such file or directory", err)
    core.answers = { "joe", "typed" } -- what the server refused is not given again
    assert.equal("typed", credentials.ask(tunnel, { why = "failed" }).password)
  end)

  it("are asked for by half when the file has the name alone", function()
    tunnel.options.username = "joe"
    core.answers = { "secret" }
    assert.is_true(credentials.prepare(tunnel))
    assert.equal(1, #stub.calls(core, "prompt"))
  end)

  it("that nobody can give are an error, unless an agent may be asked later", function()
    local ok, err = credentials.prepare(tunnel)
    assert.is_nil(ok)
    assert.equal("auth-user-pass: user name and password are needed, and "
      .. "there is no terminal to ask on", err)
    core.programs["systemd-ask-password"] = "/usr/bin/systemd-ask-password"
    assert.is_nil((credentials.prepare(tunnel))) -- the program alone does not answer
    core.files["/run/systemd/system"] = ""
    assert.is_true(credentials.prepare(tunnel))
  end)

  it("come from the agent where there is no terminal", function()
    core.programs["systemd-ask-password"] = "/usr/bin/systemd-ask-password"
    core.files["/run/systemd/system"] = ""
    core.results = { { status = 0, out = "joe\n", err = "" },
                     { status = 0, out = "pass word\n", err = "" } }
    local c = assert(credentials.ask(tunnel, { why = "first" }))
    assert.equal("joe", c.username)
    assert.equal("***", tostring(c.password))
    assert.equal("pass word", c.password:reveal())
    local calls = stub.calls(core, "exec")
    local program = "/usr/bin/systemd-ask-password --timeout=120 "
    assert.equal(program .. "--echo User name for office:", calls[1][2])
    assert.equal(program .. "Password of joe for office:", calls[2][2])
  end)

  it("that the agent does not give are an error", function()
    core.programs["systemd-ask-password"] = "/usr/bin/systemd-ask-password"
    core.files["/run/systemd/system"] = ""
    core.results = { { status = 1, out = "", err = "Timer expired\n" } }
    local c, err = credentials.ask(tunnel, { why = "first" })
    assert.is_nil(c)
    assert.equal("nobody answered: Timer expired", err)
  end)

  it("are asked for whole again after a refusal", function()
    core.answers = { "ann", "new" }
    local c = assert(credentials.ask(tunnel, { why = "failed", username = "joe" }))
    assert.equal("ann", c.username)
    core.answers = { "newer" }
    c = assert(credentials.ask(tunnel, { why = "expired", username = "joe" }))
    assert.equal("joe", c.username)
  end)

  it("show a challenge as the server put it", function()
    core.answers = { "123456" }
    local ctx = { text = "Code from your phone", echo = true }
    assert.equal("123456", credentials.challenge(tunnel, ctx))
    assert.same({ { "prompt", "Code from your phone: ", true } }, stub.calls(core, "prompt"))
  end)
end)
