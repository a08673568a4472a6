-- SPDX-License-Identifier: GPL-3.0-or-later
--- Hooks: the engine's questions, asked of the script or of the default policy, and their answers.
-- Each is answered by its ticket. An error in a hook is logged with file and line, and the default
-- applies.
local asking = require "lunel.ask"
local control = require "lunel.control_prefix"
local core = require "lunel.core"
local credentials = require "lunel.credentials"
local hook_schema = require "lunel.hook_schema"
local policy = require "lunel.policy"
local schema_engine = require "lunel.schema_engine"

local M = {}

local ask, ask_now, title, bad_result = asking.task, asking.now, asking.title, asking.bad_result
local instance -- set by M.bind
local DEADLINE = { closed = hook_schema.deadline("client", "closed") }

function M.bind(m)
  instance = m
  asking.bind(function(what, err) instance.report(what, err) end)
end

-- Those have a default here, or another reason to be asked.
local OURS = { challenge = true, up = true, down = true, credentials = true }

--- The questions that |t| wants asked, as the engine's bits.
function M.asks(t)
  local bits = core.asks
  -- These have a default here: terminal, DNS, programs.
  local sum = bits.challenge + bits.up + bits.down
  if t.on.credentials or t.conf.auth_user_pass then sum = sum + bits.credentials end
  for _, row in ipairs(hook_schema.client) do
    local asked = t.on[row.name] or row.name == "control" and control.wanted()
    if row.bit and not OURS[row.bit] and asked then sum = sum + bits[row.bit] end
  end
  return sum
end

-- ---- the questions ----

local handlers = {}

local HISTORY = 20

-- What scripts see of the attempts so far.
local function context(t, ev)
  return {
    attempt = ev.attempt or t.attempt, failures = ev.failures or 0,
    remote = ev.last_remote and t.remotes[ev.last_remote] or t.chosen,
    last_error = t.last_error, history = t.history,
  }
end

local function remember(t, cause, remote)
  t.last_error = cause
  table.insert(t.history, { remote = remote, code = cause.code, text = cause.text,
                            phase = cause.phase, at = core.now() })
  if #t.history > HISTORY then table.remove(t.history, 1) end
end

function handlers.select_remote(t, ev)
  t.attempt = ev.attempt
  if ev.last_cause and not (t.on.reconnect and t.last_error) then
    remember(t, { code = ev.last_cause, text = ev.last_text }, t.chosen)
  end
  local ctx = context(t, ev)
  ask("select_remote", ev, t.owner, t.on.select_remote, function(remote, delay)
    if remote == nil then return core.reply_default(ev.ticket) end
    if type(remote) ~= "table" or not remote.host then
      bad_result("select_remote", remote, "a remote (vpn.remote{...}) or nil")
    end
    t.chosen = remote
    return core.reply_remote(ev.ticket, schema_engine.remote(remote, t.conf),
      t:index_of(remote), delay)
  end, ctx)
end

function handlers.credentials(t, ev)
  local fn = t.on.credentials or function(ctx) return credentials.ask(t, ctx) end
  local ctx = { realm = ev.ask, why = ev.why, username = ev.user }
  ask("credentials", ev, t.owner, fn, function(c, err)
    if c == nil then
      return core.reply_credentials(ev.ticket, nil, nil, err or "no credentials were given")
    end
    if type(c) ~= "table" or type(c.username) ~= "string" or c.password == nil then
      bad_result("credentials", c, "{ username =, password = }, or nil and why")
    end
    local ok, why = core.reply_credentials(ev.ticket, c.username, c.password)
    -- The engine has its copy; what was typed is wiped once it is collected. (A hook's table is its
    -- own affair.)
    if not t.on.credentials then
      c.password = nil
      collectgarbage()
    end
    return ok, why
  end, ctx)
end

function handlers.challenge(t, ev)
  local fn = t.on.challenge or function(ctx) return credentials.challenge(t, ctx) end
  local ctx = { kind = ev.ask, text = ev.text, echo = ev.echo, username = ev.user, url = t.url }
  ask("challenge", ev, t.session and not t.session.ended and t.session.owner or t.owner, fn,
    function(text, err)
      if text == nil then
        return core.reply_answer(ev.ticket, nil, err or "the question was not answered")
      end
      return core.reply_answer(ev.ticket, text)
    end, ctx)
end

function handlers.verify_cert(t, ev)
  local s = instance.begin_session(t)
  ask("verify_cert", ev, s.owner, t.on.verify_cert, function(ok, reason)
    if type(ok) ~= "boolean" then bad_result("verify_cert", ok, "true, or false and a reason") end
    return core.reply_verdict(ev.ticket, ok, reason or not ok and "refused by verify_cert" or nil)
  end, s, core.tunnel_chain(t.handle))
end

function handlers.pulled(t, ev)
  local s = instance.begin_session(t)
  local options = ev.options
  ask_now("pulled", ev, s.owner, t.on.pulled, function(list, reason)
    if list == nil then list = options end -- changed in place, perhaps
    if list == false then
      return core.reply_options(ev.ticket, nil, reason or "refused by a script")
    end
    if type(list) ~= "table" then bad_result("pulled", list, "a list of options, or false") end
    return core.reply_options(ev.ticket, list)
  end, s, options)
end

function handlers.up(t, ev)
  local s = instance.begin_session(t)
  local net = policy.net(ev)
  s.ifname, s.up = net.ifname, true
  t.net, t.env = net, ev.env
  ask("up", ev, s.owner, function()
    if t.on.up then
      local ok, err = pcall(t.on.up, s, net)
      if ok then asking.decides_nothing("up", t.on.up, err)
      else instance.report(title "up", err) end
    end
    return policy.up(t, net, ev)
  end, function(ok, why)
    if ok == false then
      -- Before the answer, which would say that the tunnel is complete.
      t.exit_status = 1
      core.tunnel_stop(t.handle, why)
    end
    core.reply_verdict(ev.ticket, true)
  end, s)
end

function handlers.down(t, ev)
  local s = t.session
  local net = policy.net(ev)
  instance.end_session(t)
  ask("down", ev, 0, function()
    if t.on.down then
      local ok, err = pcall(t.on.down, s, net)
      if ok then asking.decides_nothing("down", t.on.down, err)
      else instance.report(title "down", err) end
    end
    policy.down(t, net, ev)
  end, function() core.reply_verdict(ev.ticket, true) end)
end

function handlers.reconnect(t, ev)
  local cause = { code = ev.cause, text = ev.text, phase = ev.phase, fatal = ev.fatal }
  local remote = ev.remote and t.remotes[ev.remote] or t.chosen
  remember(t, cause, remote)
  local ctx = context(t, ev)
  ctx.remote, ctx.backoff = remote, ev.backoff
  ask_now("reconnect", ev, t.owner, t.on.reconnect, function(wait)
    if wait == nil then return core.reply_default(ev.ticket) end
    if instance.is_stop(wait) then return core.reply_reconnect(ev.ticket, -1, wait.reason) end
    if type(wait) ~= "number" or wait < 0 or wait ~= wait or wait > 86400 then
      bad_result("reconnect", wait, "seconds (0 to 86400), vpn.stop(reason) or nil")
    end
    return core.reply_reconnect(ev.ticket, wait)
  end, ctx, cause)
end

function handlers.control(t, ev)
  ask_now("control", ev, t.session and t.session.owner or t.owner,
    control.hook(t.on.control), function(handled)
    return core.reply_verdict(ev.ticket, handled == true)
  end, t.session, ev.text)
end

function handlers.open_url(t, ev)
  t.url = ev.text
end

--- An event with a question, or one that a hook may want to know.
function M.event(t, ev)
  local handler = handlers[ev.kind]
  if handler then handler(t, ev)
  elseif ev.ticket then core.reply_default(ev.ticket) end
end

--- The tunnel is up: `ipchange` is told of an address that is new.
function M.reached(t, s)
  if not t.conf.ipchange or s.address == t.told_address then return end
  t.told_address = s.address
  core.spawn(s.owner, "ipchange", nil, function(ok, err)
    if not ok then instance.report("ipchange", err) end
  end, policy.reached, t, s.address)
end

--- The tunnel is gone for good; |after| runs once the hook has ended.
function M.closed(t, ev, after)
  if not t.on.closed then return after() end
  asking.tell("closed", 0, DEADLINE.closed, after, t.on.closed, t.session, ev.cause, ev.stats)
end

return M
