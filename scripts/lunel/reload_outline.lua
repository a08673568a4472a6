-- SPDX-License-Identifier: GPL-3.0-or-later
--- What one VM tells another of its tunnels before a reload: enough to know them again, and to say
-- what of their settings cannot change while they are up. Nothing secret is in it.
local M = {}

local function set(text)
  local out = {}
  for name in text:gmatch("%S+") do out[name] = true end
  return out
end

-- Settings that count at once, or from the next connection on. All others need a restart.
local LIVE = set [[
  on name reload up down route_up route_pre_down script_security scripts_allowed status
  status_version management management_client_user management_client_group workdir]]
local LIVE_SERVER = set [[
  push pools ifconfig_ipv6_pool client_to_client duplicate_cn max_clients max_routes_per_client
  connect_freq keepalive ping ping_restart inactive session_timeout explicit_exit_notify
  auth_user_pass client_config_dir ccd_exclusive tls_verify auth_user_pass_verify
  auth_user_pass_via client_connect learn_address client_disconnect tmp_dir setenv]]
local LIVE_CLIENT = set [[
  remotes proto_force remote_random connect_timeout connect_retry connect_retry_max resolv_retry
  auth_retry explicit_exit_notify ipchange up_restart]]
local SECRET = set "password auth_token key_password"

local function keys_of(v)
  local keys = {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- A value as a text that is the same for the same value. What a file has inline may be a key.
local function text_of(v, name)
  if SECRET[name] then return "(secret)" end
  if type(v) == "string" then
    return v:find("\n", 1, true) and ("(%d bytes)"):format(#v) or ("%q"):format(v)
  end
  if type(v) ~= "table" then return type(v) == "userdata" and "(secret)" or tostring(v) end
  local out = {}
  for _, k in ipairs(keys_of(v)) do out[#out + 1] = tostring(k) .. "=" .. text_of(v[k], k) end
  return "{" .. table.concat(out, ",") .. "}"
end

-- Of packet lanes it counts which there are: a file or its args that changed are loaded anew.
local LANES = {
  transport = function() return "a lane" end,
  filter = function() return "a lane" end,
  filters = function(value) return table.concat(keys_of(value), " ") end,
}

--- The numbers of the lanes in the engine's |options|, in their order.
function M.lane_ids(options)
  local out = {}
  for i, lane in ipairs(options.lanes or {}) do out[i] = lane.id end
  return out
end

local function is_live(key, server)
  return LIVE[key] or server and LIVE_SERVER[key] or not server and LIVE_CLIENT[key]
end

--- What |conf| says that needs a restart to change: names ("tls.cert") to texts.
function M.settings(conf, server)
  local out = {}
  for key, value in pairs(conf) do
    if key == "tls" then
      for name, v in pairs(value) do out["tls." .. name] = text_of(v, name) end
    elseif not is_live(key, server) then
      out[key] = (LANES[key] or text_of)(value, key)
    end
  end
  return out
end

local HIDDEN = set "tls auth_user_pass auth_token"

--- The outline of |t|, which runs.
function M.of(t)
  local values = {}
  for key, value in pairs(t.conf) do
    if not is_live(key, t.server) and not HIDDEN[key] then values[key] = value end
  end
  return { handle = t.handle, server = t.server and true or false, name = t.conf.name,
           dev = t.conf.dev, listen = t.conf.listen and text_of(t.conf.listen), most = t.most,
           settings = t.settings, values = values, desk = M.desk(t.conf), lanes = t.lane_ids }
end

--- What tells one management socket from another.
function M.desk(conf)
  return text_of { conf.management or false, conf.management_client_user or false,
                   conf.management_client_group or false }
end

--- Whether the socket that |t| shall have is that of the one before it.
function M.same_desk(t) return t.row.desk == M.desk(t.conf) and t.conf.management ~= nil end

--- Lets |t| have what runs (|row|) where that cannot change; the names of what would.
function M.keep(t, row)
  local out = {}
  t.row = row
  local names = {}
  for name in pairs(t.settings) do names[name] = true end
  for name in pairs(row.settings) do names[name] = true end
  for name in pairs(names) do
    if t.settings[name] ~= row.settings[name] then
      out[#out + 1] = name
      t.settings[name] = row.settings[name]
      if not HIDDEN[name] and not name:find(".", 1, true) then t.conf[name] = row.values[name] end
    end
  end
  t.most = row.most
  if t.most and t.conf.max_clients > t.most then
    out[#out + 1] = "max_clients"
    t.conf.max_clients = t.most
  end
  table.sort(out)
  return out
end

-- ---- which is which ----

local GENERIC = { tun = true, tap = true }

-- What both may be known by, the surest first; nil: not by this.
local MARKS = {
  function(o) return o.name end,
  function(o) return not o.name and o.dev and not GENERIC[o.dev] and o.dev or nil end,
  function(o) return not o.name and o.listen or nil end,
  function(o) return not o.name and "the next one" or nil end,
}

--- Which of |tunnels| is which of the outlines |list|: rows = { [tunnel] = outline }, fresh = those
-- that are none, in order, gone = the handles of outlines that are nobody's.
function M.pair(tunnels, list)
  local rows, taken = {}, {}
  local own = {}
  for i, t in ipairs(tunnels) do
    own[i] = { name = t.conf.name, dev = t.conf.dev, server = t.server and true or false,
               listen = t.conf.listen and text_of(t.conf.listen) }
  end
  for _, mark in ipairs(MARKS) do
    for i, t in ipairs(tunnels) do
      local wanted = mark(own[i])
      for _, row in ipairs(not rows[t] and wanted and list or {}) do
        if not taken[row] and row.server == own[i].server and mark(row) == wanted then
          rows[t], taken[row] = row, true
          break
        end
      end
    end
  end
  local fresh, gone = {}, {}
  for _, t in ipairs(tunnels) do
    if not rows[t] then fresh[#fresh + 1] = t end
  end
  for _, row in ipairs(list) do
    if not taken[row] then gone[#gone + 1] = row.handle end
  end
  return { rows = rows, fresh = fresh, gone = gone }
end

return M
