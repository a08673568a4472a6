-- SPDX-License-Identifier: GPL-3.0-or-later
--- Serial numbers and subjects as OpenVPN's programs get them.
local stub = require "core_stub"
local server = require "server_stub"

describe("variables about a certificate", function()
  local script_env

  before_each(function() script_env = stub.load(server.new(), "lunel.script_env") end)

  it("have serial numbers of any size in both forms", function()
    for given, want in pairs {
      ["4097"] = { "4097", "10:01" }, ["0"] = { "0", "00" }, ["255"] = { "255", "ff" },
      ["256"] = { "256", "01:00" }, ["18446744073709551615"] = { "18446744073709551615",
        "ff:ff:ff:ff:ff:ff:ff:ff" }, ["0A"] = { "10", "0a" },
      ["77:0d:dc:f8:b6:12:02:0e:95:ab:ec:75:a9:93:8f:14:6e:b8:45:61"] = {
        "679679060750562783428228189666658120212078413153",
        "77:0d:dc:f8:b6:12:02:0e:95:ab:ec:75:a9:93:8f:14:6e:b8:45:61" },
    } do
      assert.same(want, { script_env.serials(given) }, given)
    end
  end)

  it("number the fields that a subject has twice", function()
    local env = {}
    script_env.add_cert(env, 0, { subject = "O=X, OU=a, OU=b, OU=c, CN=anna" })
    table.sort(env)
    assert.same({ "X509_0_CN=anna", "X509_0_O=X", "X509_0_OU=a", "X509_0_OU_1=b", "X509_0_OU_2=c",
                  "tls_id_0=O=X, OU=a, OU=b, OU=c, CN=anna" }, env)
  end)

  it("share the authorities of all clients", function()
    local t, cert = {}, { depth = 1, cn = "CA", fingerprint = "AA" }
    local other = { depth = 1, cn = "CA", fingerprint = "AA" }
    local first = script_env.authorities(t, { { depth = 0 }, cert })
    local second = script_env.authorities(t, { { depth = 0 }, other })
    assert.equal(1, #first)
    assert.equal(first[1], second[1])
    assert.same({}, script_env.authorities(t, { { depth = 0 } }))
  end)
end)
