-- SPDX-License-Identifier: GPL-3.0-or-later
--- Keys and certificates of a test's world: one CA, made when it is needed first, and a certificate
-- for each name that a test gives. Real ones, so that both ends check them.
local M = {}

-- From 2001 to 2049: every wall clock that a test may set.
local FROM, TILL = 978307200, 2493072000

local made

local function need(value, err)
  if value == nil then error("lunel test: " .. tostring(err), 0) end
  return type(value) == "string" and value or value:reveal()
end

local function make(core)
  local pki = core.pki
  local m = { certs = {}, pki = pki }
  m.ca_key, m.key = need(pki.key "ec"), need(pki.key "ec")
  m.ca = need(pki.cert { role = "ca", cn = "lunel test", key = m.ca_key, not_before = FROM,
                         not_after = TILL })
  m.static = need(pki.static_key())
  m.v2_server = need(pki.v2_server_key())
  m.v2_client = need(pki.v2_client_key(m.v2_server, FROM))
  return m
end

--- What a host needs whose role is |role| ("server", "client") and whose certificate has the name
-- |cn| and the alternative names |san| (a list, or nil).
function M.of(core, role, cn, san)
  made = made or make(core)
  local id = table.concat({ role, cn, unpack(san or {}) }, "\n")
  local cert = made.certs[id]
  if not cert then
    cert = need(made.pki.cert { role = role, cn = cn, names = san, key = made.key,
                                ca_cert = made.ca, ca_key = made.ca_key, not_before = FROM,
                                not_after = TILL })
    made.certs[id] = cert
  end
  return { ca = made.ca, cert = cert, key = made.key, static = made.static,
           v2_server = made.v2_server, v2_client = made.v2_client }
end

--- The facts of the certificate that such a host shows: fingerprint, subject, serial and others.
function M.facts(core, role, cn, san)
  return core.pki.facts(M.of(core, role, cn, san).cert)
end

return M
