-- SPDX-License-Identifier: GPL-3.0-or-later
--- Directives that only a server acts on; in the form of directives_client.lua. Each says by its
-- presence that this is a server's configuration.
local M = {}

local function value_of(word)
  if word and word:find("^[+-]?%d+$") then return tonumber(word, 10) end
  return word
end

local rows = {}
M.rows = rows

local function row(min, max, where, act)
  return { kind = "act", min = min, max = max, where = where, act = function(b, args, inline)
    b:serves()
    act(b, args, inline)
  end }
end

local function flag(key) return row(0, 0, "f", function(b) b:set(key, true) end) end

local function number(key)
  return row(1, 1, "f", function(b, args) b:set(key, value_of(args[1])) end)
end

local function pair(key)
  return row(2, 2, "f", function(b, args) b:set(key, { value_of(args[1]), value_of(args[2]) }) end)
end

local function program(key)
  return row(1, 1, "f", function(b, args) b:script(key, args[1]) end)
end

rows["tls-server"] = row(0, 0, "f", function() end)

-- ---- addresses ----

rows["server"] = row(2, 3, "f", function(b, args)
  b:set("server", args[1] .. " " .. args[2])
  if not args[3] then return end
  if args[3] ~= "nopool" then
    b:fail(("after the netmask may stand nopool, not '%s'"):format(args[3]))
    return
  end
  b:later(function(conf)
    if conf.pools then return end
    b:fail("nopool is not supported without an ifconfig-pool; clients with an ifconfig-push get "
      .. "their own address anyway, and the pool is for others")
  end)
end)
rows["server-ipv6"] = row(1, 1, "f", function(b, args) b:set("server_ipv6", args[1]) end)
rows["ifconfig-pool"] = row(2, 3, "f", function(b, args)
  b:put("pools", "", { first = args[1], last = args[2] })
end)
rows["ifconfig-ipv6-pool"] = row(1, 1, "f", function(b, args)
  b:set("ifconfig_ipv6_pool", args[1])
end)
rows["ifconfig-pool-persist"] = row(1, 2, "f", function(b, args)
  b:set("ifconfig_pool_persist", { args[1], value_of(args[2]) })
end)
rows["push"] = row(1, 1, "f", function(b, args) b:append("push", args[1]) end)
rows["client-to-client"] = flag "client_to_client"
rows["duplicate-cn"] = flag "duplicate_cn"
rows["client-config-dir"] = row(1, 1, "f", function(b, args)
  b:set("client_config_dir", args[1])
end)
rows["ccd-exclusive"] = flag "ccd_exclusive"

-- ---- who may come ----

rows["max-clients"] = number "max_clients"
rows["max-routes-per-client"] = row(1, 1, "f", function(b, args)
  local n = value_of(args[1])
  if type(n) == "number" and n > 254 then n = 254 end -- its own addresses count here, too
  b:set("max_routes_per_client", n)
end)
-- Not a sign of a server: whoever thinks that it makes a client faster shall read why not.
rows["workers"] = { kind = "act", min = 1, max = 1, where = "f", act = function(b, args)
  b:later(function()
    if b.is_server then return b:set("workers", value_of(args[1])) end
    b:fail("it is a server's: one peer is one worker's, and a client has but one; remove the line")
  end)
end }
rows["connect-freq"] = pair "connect_freq"
rows["connect-freq-initial"] = pair "connect_freq_initial"
rows["verify-client-cert"] = row(0, 1, "f", function(b, args)
  b:set("verify_client_cert", args[1] or "require")
end)
rows["username-as-common-name"] = flag "username_as_common_name"
rows["auth-user-pass-optional"] = row(0, 0, "f", function(b)
  b:set("auth_user_pass", "optional")
end)
rows["auth-user-pass-verify"] = row(2, 2, "f", function(b, args)
  if args[2] ~= "via-env" and args[2] ~= "via-file" then
    b:fail(("after the program stands via-env or via-file, not '%s'"):format(args[2]))
    return
  end
  b:script("auth_user_pass_verify", args[1])
  b:set("auth_user_pass_via", args[2])
end)
rows["auth-gen-token"] = row(0, 3, "f", function(b, args)
  local list = {}
  for _, word in ipairs(args) do
    if word == "external-auth" then
      b:fail("external-auth is not supported; use a `reauth` hook in a Lua configuration")
      return
    end
    list[#list + 1] = value_of(word)
  end
  b:set("auth_gen_token", #list > 0 and list or true)
end)
rows["auth-gen-token-secret"] = row(1, 1, "fi", function(b, args)
  b:set("auth_gen_token_secret", args[1])
end)
rows["tls-crypt-v2-max-age"] = row(1, 1, "f", function(b, args)
  local days = value_of(args[1])
  b:set("tls_crypt_v2_max_age", type(days) == "number" and days * 86400 or days)
end)
rows["client-connect"] = program "client_connect"
rows["learn-address"] = program "learn_address"
rows["client-disconnect"] = program "client_disconnect"
rows["tls-verify"] = program "tls_verify"

-- ---- what else is a server's ----

local function refuse(reason, remedy, names, where)
  for name in names:gmatch("%S+") do
    rows[name] = { kind = "refuse", reason = reason, remedy = remedy, where = where or "f" }
  end
end

refuse("bridging is not supported: the device is a tun", "use `server` and routes", "server-bridge")
refuse("VLANs are not supported", "remove the line", "vlan-tagging vlan-accept vlan-pvid")
refuse("the port is not shared with another service", "give the other service a port of its own",
       "port-share")
refuse("it belongs into a file of client-config-dir, or into what client-connect writes",
       "move the line", [[
  push-reset push-remove iroute iroute-ipv6 ifconfig-push ifconfig-ipv6-push disable]])
refuse("a program does not answer challenges", "use an `authenticate` hook in a Lua configuration",
       "client-crresponse")
refuse("a program does not judge tls-crypt-v2 keys",
       "use a `verify_cert` hook (peer.metadata), or tls-crypt-v2-max-age", "tls-crypt-v2-verify")
refuse("addresses by ifconfig-push are not limited", "remove the line", "ifconfig-push-constraint")
refuse("the user's name comes from the client alone", "remove the line", "override-username")
refuse("mismatches of options only warn", "remove the line", "opt-verify")
refuse("keys by TLS export are negotiated with each client", "remove the line",
       "force-tls-key-material-export")
refuse("it was removed from OpenVPN", "use `verify-client-cert none`", "client-cert-not-required")

local function ignore(reason, names)
  for name in names:gmatch("%S+") do
    rows[name] = { kind = "ignore", reason = reason, level = "info", where = "f" }
  end
end

ignore("tables grow by themselves", "hash-size")
ignore("nothing is broadcast over a tun device", "bcast-buffers")
ignore("what a TCP client does not take is dropped at 128 KiB", "tcp-queue-limit")
ignore("routes end with their clients", "stale-routes-check")

return M
