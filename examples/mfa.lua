-- Two factors: a password, then a code from an app, asked for in OpenVPN's own window while the
-- client waits (`vpn.challenge`). oathtool (Debian's package of that name) knows the codes; any
-- program or service would do, since a hook may wait.
--   lunel pki init && lunel pki server vpn.example.net >/dev/null && sudo lunel mfa.lua
--   lunel pki client anna >anna.ovpn        and in anna.ovpn a line: auth-user-pass
local vpn = require "lunel"
local log = vpn.log "mfa"

-- Passwords and seeds (base32) as they are, so keep this file for root alone: chmod 600 mfa.lua
local MEMBERS = {
  anna = { password = "correct horse", seed = "JBSWY3DPEHPK3PXP" },
  ben = { password = "battery staple", seed = "NB2W45DFOIZA====" },
}

local TRIES, PAUSE = 5, 300 -- wrong codes, then so many seconds without a try
local wrong = {}            -- name -> { n, till }
local used = {}             -- name -> the code that was taken last: nobody uses it again

-- Whether |code| is one of now, or of half a minute ago. Waits.
local function is_right(member, code)
  -- The seed goes in by standard input: arguments can be read by everybody on the machine.
  local r, err = vpn.exec { "oathtool", "--totp", "--base32", "--window=1", "-", code,
                            input = member.seed .. "\n", timeout = 3 }
  if not r then error("oathtool: " .. err) end -- which denies, and is logged
  return r.status == 0
end

local function count_wrong(name)
  local w = wrong[name] or { n = 0 }
  w.n = w.n + 1
  if w.n >= TRIES then w.n, w.till = 0, vpn.now() + PAUSE end
  wrong[name] = w
end

vpn.server {
  listen = { "1194/udp", "443/tcp" },
  server = "10.8.0.0/24",
  tls = { ca = "pki/ca.crt", crl = "pki/crl.pem", crypt_v2 = "pki/tls-crypt-v2.key",
          cert = "pki/issued/vpn.example.net.crt", key = "pki/private/vpn.example.net.key" },
  -- A code is asked for once: renegotiations show a token.
  auth_gen_token = { 12 * 3600, 3600 },

  on = {
    authenticate = function(peer, cred)
      local name = cred.username
      local member = MEMBERS[name]
      if not member or name ~= peer.cn or cred.password:reveal() ~= member.password then
        return vpn.deny "wrong name or password"
      end
      if wrong[name] and (wrong[name].till or 0) > vpn.now() then
        return vpn.deny "too many wrong codes; try again in a few minutes"
      end
      if not cred.response then
        return vpn.challenge { "Code from your app:", inside = true, echo = true }
      end
      local code = cred.response:reveal()
      if not code:find "^%d%d%d%d%d%d$" or code == used[name] or not is_right(member, code) then
        count_wrong(name)
        log.warn("wrong code", { who = name, from = peer.address })
        return vpn.deny "wrong code"
      end
      used[name], wrong[name] = code, nil
      return true
    end,
  },
}
