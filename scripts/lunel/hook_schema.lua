-- SPDX-License-Identifier: GPL-3.0-or-later
--- Every hook of clients and servers: one description that feeds the check of `on`, deadlines,
-- help(), and the tables of the reference (a test compares those).
--
-- A row: name; context, "task" (may wait) or "sync"; deadline in seconds, or a text where the
-- engine reckons it (nil: none); args, returns and default as the reference says them; `bit`, the
-- question's name among the engine's, for hooks that are asked only when there is one; doc, what it
-- is for.
local suggest = require "lunel.suggest"

local M = {}

M.client = {
  { name = "select_remote", context = "task", deadline = 10, args = "ctx", bit = "select_remote",
    returns = "remote [, delay in seconds], or nil for the default", default = "next of the list",
    doc = "Chooses where to connect, before each attempt." },
  { name = "credentials", context = "task", args = "ctx", bit = "credentials",
    returns = "`{ username =, password = }`, or nil and why",
    default = "asked on the terminal; on error the attempt fails",
    doc = "Gives user name and password." },
  { name = "challenge", context = "task", args = "ctx", bit = "challenge",
    returns = "the answer, or nil and why",
    default = "asked on the terminal; on error the attempt fails",
    doc = "Answers a question of the server's." },
  { name = "verify_cert", context = "task", deadline = 10, args = "session, chain",
    bit = "verify_cert", returns = "true, or false and why",
    default = "without hook: accepted as TLS did; on error refused",
    doc = "Judges the server's certificate, behind TLS and before a password is sent." },
  { name = "pulled", context = "sync", args = "session, options", bit = "pulled",
    returns = "list of options (nil: as changed in place), or false and why",
    default = "unchanged", doc = "Changes or refuses what the server pushes." },
  { name = "up", context = "task", deadline = 10, args = "session, net", bit = "up",
    returns = "-", default = "the default policy goes on",
    doc = "The tunnel's network is there, before DNS and programs." },
  { name = "down", context = "task", deadline = 5, args = "session, net", bit = "down",
    returns = "-", default = "the default policy goes on", doc = "It is about to be taken back." },
  { name = "reconnect", context = "sync", args = "ctx, cause", bit = "reconnect",
    returns = "seconds to wait, `vpn.stop(why)`, or nil for the default",
    default = "doubling waits, `connect-retry`",
    doc = "Decides what follows a failed attempt or a lost connection." },
  { name = "control", context = "sync", args = "session, text", bit = "control",
    returns = "true when handled", default = "logged",
    doc = "A text on the control channel that is not OpenVPN's." },
  { name = "network", context = "task", deadline = 30, args = "changes, session", returns = "-",
    default = "-", doc = "The machine's links, addresses or default routes changed." },
  { name = "closed", context = "task", deadline = 5, args = "session, why, stats", returns = "-",
    default = "-", doc = "The tunnel is over for good." },
  { name = "adopted", context = "task", deadline = 10, args = "session", returns = "-",
    default = "-", doc = "A reload has taken over a session that stands." },
}

M.server = {
  { name = "verify_cert", context = "task", deadline = 10, args = "peer, chain",
    bit = "verify_cert", returns = "true, or false and why",
    default = "without hook: accepted as TLS did; on error refused",
    doc = "Judges the client's certificate, behind TLS." },
  { name = "authenticate", context = "task", deadline = "10 s or half of hand_window",
    args = "peer, cred", bit = "authenticate",
    returns = "true, `vpn.deny(text)`, `vpn.challenge{}`",
    default = "without hook: accepted; on error denied", doc = "Judges user name and password." },
  { name = "reauth", context = "task", deadline = "as `authenticate`",
    args = "peer, cred, token_state", bit = "reauth", returns = "as `authenticate`",
    default = "without hook: a valid token, else `authenticate`; on error denied",
    doc = "Judges whoever renews the keys." },
  { name = "authorize", context = "task", deadline = 10, args = "peer", bit = "authorize",
    returns = "`vpn.grant{}`, true, `vpn.deny(text)`",
    default = "without hook: an address of the pool; on error denied",
    doc = "Says what the client gets: addresses, routes, options, limits." },
  { name = "established", context = "task", deadline = 10, args = "peer", returns = "-",
    default = "-", doc = "The client's packets can flow." },
  { name = "closed", context = "task", deadline = 10, args = "peer, why, stats", returns = "-",
    default = "once for each `established`", doc = "The client is gone." },
  { name = "learn", context = "sync", args = "peer, prefix, op", bit = "learn",
    returns = "whether it may have this address or network",
    default = "without hook: yes; on error no",
    doc = "Allows or refuses an address or network of the client's." },
  { name = "control", context = "sync", args = "peer, text", bit = "control",
    returns = "true when handled", default = "logged",
    doc = "A text on the control channel that is not OpenVPN's." },
  { name = "network", context = "task", deadline = 30, args = "changes", returns = "-",
    default = "-", doc = "The machine's links, addresses or default routes changed." },
  { name = "adopted", context = "task", deadline = 10, args = "peer", returns = "-", default = "-",
    doc = "A reload has taken over a client that is connected." },
}

local by_name = { client = {}, server = {} }
for side, rows in pairs(by_name) do
  for _, row in ipairs(M[side]) do rows[row.name] = row end
end

--- The names of |side|'s hooks ("client", "server"), in order.
function M.names(side)
  local out = {}
  for i, row in ipairs(M[side]) do out[i] = row.name end
  return out
end

--- Seconds that the hook |name| of |side| has, where they are no matter of the engine's.
function M.deadline(side, name)
  local seconds = by_name[side][name].deadline
  return type(seconds) == "number" and seconds or nil
end

--- Keys of a configuration's `on`: types.record's rows, each of the type |callable|.
function M.keys(side, callable)
  local out = {}
  for i, row in ipairs(M[side]) do out[i] = { row.name, callable, doc = row.doc } end
  return out
end

local function when(row)
  local deadline = row.deadline
  if type(deadline) == "number" then deadline = ("%d s"):format(deadline) end
  if deadline and deadline:find("^as ") then return deadline end
  return deadline and row.context .. ", " .. deadline or row.context
end

--- The table of |side| in the reference, as lines.
function M.table(side)
  local out = {
    "| hook | context, deadline | arguments | returns | default, also on error or deadline |",
    "|---|---|---|---|---|",
  }
  for _, row in ipairs(M[side]) do
    out[#out + 1] = ("| `%s` | %s | %s | %s | %s |"):format(row.name, when(row), row.args,
      row.returns, row.default)
  end
  return out
end

local function sentence(side, row)
  local plain = function(text) return (text:gsub("`", "")) end
  return ("a %s's hook %s(%s): %s\n  context: %s\n  returns: %s\n  default: %s"):format(side,
    row.name, row.args, row.doc, plain(when(row)), plain(row.returns), plain(row.default))
end

--- What is to be said about the hook |name|, of one side or both; or nil and a sentence with the
-- nearest name.
function M.help(name)
  local out, names = {}, {}
  for _, side in ipairs { "client", "server" } do
    local row = by_name[side][name]
    if row then out[#out + 1] = sentence(side, row) end
    for _, other in ipairs(M.names(side)) do names[#names + 1] = other end
  end
  if out[1] then return table.concat(out, "\n") end
  name = tostring(name)
  return nil, ("there is no hook '%s'%s"):format(name, suggest.hint(name, names))
end

return M
