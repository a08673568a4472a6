-- SPDX-License-Identifier: GPL-3.0-or-later
--- User names, passwords, pass phrases and answers where no hook gives them: asked on the terminal,
-- or of systemd's password agents where there is none. Asking on the terminal blocks the control
-- thread (no other tunnel of this process can be negotiated meanwhile); packets flow on.
local core = require "lunel.core"
local schema_engine = require "lunel.schema_engine"

local M = {}

local TIMEOUT = 120

-- Asks on the terminal: text or secret, or nil and why.
local function on_terminal(text, echo) return core.prompt(text .. ": ", echo) end

-- systemd-ask-password, where systemd runs: without it nobody would ever answer.
local function agent()
  return core.exists "/run/systemd/system" and core.program "systemd-ask-password" or nil
end

-- Asks an agent (a boot splash, a desktop): needs a task that waits.
local function of_agent(text, echo)
  local program = agent()
  if not program then return nil, "there is no terminal to ask on" end
  local argv = { program, "--timeout=" .. TIMEOUT }
  if echo then argv[#argv + 1] = "--echo" end
  argv[#argv + 1] = text .. ":"
  local r, err = core.exec(argv, { "PATH=/usr/bin:/bin" }, nil, TIMEOUT + 5)
  if not r then return nil, err end
  if r.status ~= 0 then return nil, "nobody answered: " .. (r.err:match("[^\n]+") or "no agent") end
  local answer = r.out:gsub("\r?\n$", "")
  return echo and answer or core.secret(answer)
end

local function ask(text, echo, may_wait)
  local answer, why = on_terminal(text, echo)
  if answer or why ~= "no terminal" then return answer, why end
  if not may_wait then return nil, "there is no terminal to ask on" end
  return of_agent(text, echo)
end

local function pair(t, user, may_wait)
  local err
  if not user or user == "" then
    user, err = ask("User name for " .. t.name, true, may_wait)
    if not user then return nil, err end
  end
  local password
  password, err = ask(("Password of %s for %s"):format(user, t.name), false, may_wait)
  if not password then return nil, err end
  return { username = user, password = password }
end

-- With `auth-nocache`: what was given before the start serves once, then the file is read again.
local function not_cached(t)
  local login = t.login
  if not login then return nil end
  local given = login.given
  if given then
    login.given = nil
    return given
  end
  if not login.file then return nil end
  local text, err = core.read_again(login.file)
  if not text then
    return nil, ("auth-nocache: cannot read '%s' again: %s"):format(login.file, err)
  end
  local user, password = schema_engine.first_lines(text)
  return { username = user, password = password or "" }
end

--- The default of the hook `credentials`.
function M.ask(t, ctx)
  if ctx.why ~= "failed" then
    local given, err = not_cached(t)
    if given or err then return given, err end
  end
  if ctx.why == "failed" then core.log("warn", "auth", "refused", { user = ctx.username }) end
  -- After a refusal the name may be what was wrong.
  return pair(t, ctx.why ~= "failed" and ctx.username or nil, true)
end

--- The default of the hook `challenge`.
function M.challenge(_, ctx)
  return ask(ctx.text ~= "" and ctx.text or "Answer", ctx.echo, true)
end

--- The private key's pass phrase, asked before anything runs.
function M.passphrase(t)
  return ask("Pass phrase of the private key for " .. t.name, false, false)
end

-- Of `auth-nocache` the engine shall not keep what it can ask for again.
local function keep_back(t, file)
  local o = t.options
  if not o.auth_nocache then return end
  t.login = { file = file, given = { username = o.username, password = o.password } }
  o.username, o.password = nil, nil
end

--- Asks for what t.options lacks while the terminal is there for sure: before the process goes to
-- the background. true, or nil and why not.
function M.prepare(t)
  local o = t.options
  if not o.auth_user_pass or t.on.credentials then return true end
  local file = t.conf.auth_user_pass and t.conf.auth_user_pass.file
  if file and o.password then keep_back(t, file) end
  if o.password or t.login or o.auth_token then return true end
  local given, why = pair(t, o.username, false)
  if given then
    o.username, o.password = given.username, given.password
    keep_back(t)
    return true
  end
  if why == "interrupted" then return nil, "auth-user-pass: interrupted" end
  if agent() then return true end -- asked for later
  return nil, "auth-user-pass: user name and password are needed, and " .. why
end

return M
