-- SPDX-License-Identifier: GPL-3.0-or-later
--- The services that a test answers in the world's place. This is where a waiting call of the API
-- becomes one: an entry is all it takes.
--
--   call       how messages call it
--   lead       leads the API's call here, in the policy VM: lead(core, ask), ask(...) being what
--              waits for the test's answer. Without it a service is the harness's own. It returns
--              false when this build has no such call; a function is called with `vpn` later
--   of         what the test's function gets of the arguments
--   title      those that a message shows
--   fill       makes the test's answer complete
--   delay      how long an answer takes, in seconds
--   timeout    what comes of t.never: seconds (nil: nothing ever), and the results
local M = {}

-- What a handler sees of an HTTP request: |req| is what lunel.services gives the core.
local function shown_request(req)
  local body = req.body
  if body ~= nil and type(body) ~= "string" then body = body:reveal() end
  local out = { method = req.method, url = req.url, body = body, timeout = req.timeout,
                headers = {} }
  for _, line in ipairs(req.headers or {}) do
    local name, value = line:match "^([^:;]+)[:;]%s*(.*)$"
    if name then out.headers[name:lower()] = value end
  end
  if body and (out.headers["content-type"] or ""):find "json" then
    out.json = require("cjson").decode(body)
  end
  return out
end

-- And the answer as the core gives it, from what the handler said.
local function told_response(r, err)
  if not r then return nil, err end
  local lines, body, kind = {}, r.body, nil
  for name, value in pairs(r.headers) do
    lines[#lines + 1] = ("%s: %s"):format(name, tostring(value))
    if name:lower() == "content-type" then kind = value end
  end
  if r.json ~= nil then
    body = require("cjson").encode(r.json)
    if not kind then
      kind = "application/json"
      lines[#lines + 1] = "content-type: " .. kind
    end
  end
  local out = { status = r.status, body = body or "", lines = lines }
  -- As bindings/ops_services.c reads it.
  kind = (kind or ""):match "^%s*([^;%s]*)":lower()
  if kind == "application/json" or kind:find ".%+json$" then
    local decoded, value = pcall(require("cjson").decode, out.body)
    out[decoded and "json" or "json_error"] = value
  end
  return out
end

M.list = {
  resolve = {
    call = "vpn.resolve",
    lead = function(core, ask) core.resolve = function(...) return ask(...) end end,
    of = function(args) return args[1], args[2] end,
    timeout = function() return 15, nil, "timed out" end,
  },

  exec = {
    call = "vpn.exec",
    lead = function(core, ask)
      core.exec = function(argv, env, input, timeout)
        -- The machine's names are set by this, and a test is told them by `net`.
        if argv[1] == "resolvconf" then
          return { status = 0, out = "", err = "", timeout = false }
        end
        return ask { argv = argv, env = env, input = input, timeout = timeout }
      end
      core.program = function(name)
        if name == "resolvectl" or name:find "^systemd%-" then return nil end
        return name
      end
    end,
    of = function(args) return args[1] end,
    title = function(args) return table.concat(args[1].argv, " ") end,
    fill = function(r)
      return { status = r.status or 0, out = r.out or "", err = r.err or "",
               timeout = r.timeout or false }
    end,
    timeout = function(args)
      return args[1].timeout, { status = 137, out = "", err = "", timeout = true }
    end,
  },

  http = {
    call = "vpn.http",
    lead = function(core, ask)
      if not core.http then return false end
      core.http = function(req) return told_response(ask(shown_request(req))) end
    end,
    of = function(args) return args[1] end,
    title = function(args) return ("%s %s"):format(args[1].method, args[1].url) end,
    fill = function(r)
      return { status = r.status or 200, headers = r.headers or {}, body = r.body, json = r.json }
    end,
    timeout = function(args)
      return args[1].timeout, nil, "timeout: no complete answer in time"
    end,
  },

  probe = {
    call = "vpn.probe",
    lead = function(core, ask)
      if not core.probe then return false end
      local whole -- the script's remote, with fields of its own
      core.probe = function(_, remote, timeout)
        local out = {}
        for k, v in pairs(whole or remote) do
          if type(v) ~= "function" and type(v) ~= "table" then out[k] = v end
        end
        return ask(out, { timeout = timeout })
      end
      return function(vpn)
        local probe = vpn.probe
        rawset(vpn, "probe", function(remote, ...)
          whole = type(remote) == "table" and remote.host and remote or nil
          return probe(remote, ...)
        end)
      end
    end,
    of = function(args) return args[1], args[2] end,
    title = function(args) return ("%s:%s"):format(args[1].host, args[1].port) end,
    delay = function(rtt) return rtt end, -- a round trip takes its time
    timeout = function(args) return args[2].timeout, nil, "timeout" end,
  },

  connect = {
    call = "vpn.connect",
    lead = function(core, ask)
      if not core.dial then return false end
      core.dial = function(o)
        local ok, err = ask { host = o.host, port = o.port, proto = o.proto, timeout = o.timeout }
        if ok then
          error("a socket of vpn.connect is not simulated: a test answers nil and why", 0)
        end
        return nil, err
      end
    end,
    of = function(args) return args[1] end,
    title = function(args) return ("%s:%s"):format(args[1].host, args[1].port or "") end,
    timeout = function(args) return args[1].timeout or 10, nil, "timeout" end,
  },

  -- The far end's own: what a test says of who logs in, and what a peer answers.
  login = { call = "the login at the far end", of = function(args) return args[1] end },
  answer = { call = "the server's question", of = function(args) return args[1] end },
}

--- How the request |r| is called in a message.
function M.title(r)
  local s = M.list[r.name]
  local first = r.args[1]
  local what = s.title and s.title(r.args) or type(first) == "string" and first
  return what and ("%s(%s)"):format(s.call, what) or s.call
end

--- The names of those that scripts call, sorted.
function M.names()
  local out = {}
  for name, s in pairs(M.list) do
    if s.lead then out[#out + 1] = name end
  end
  table.sort(out)
  return out
end

return M
