-- SPDX-License-Identifier: GPL-3.0-or-later
local suggest = require "lunel.suggest"

describe("suggest", function()
  it("counts edits, and gives up past the limit", function()
    for _, row in ipairs {
      { "", "", 0 }, { "a", "", 1 }, { "abc", "abc", 0 }, { "abc", "abd", 1 },
      { "abc", "acb", 1 }, { "abc", "xabc", 1 }, { "kitten", "sitting", 3 },
      { "ca", "abc", 3 }, { "abcd", "badc", 2 },
    } do
      assert.equal(row[3], suggest.distance(row[1], row[2], 3), row[1] .. "/" .. row[2])
      assert.equal(row[3], suggest.distance(row[2], row[1], 3), row[2] .. "/" .. row[1])
    end
    assert.is_nil(suggest.distance("kitten", "sitting", 2))
    assert.is_nil(suggest.distance(("x"):rep(1000), ("x"):rep(1000), 3))
  end)

  it("finds what was meant, whatever its case and hyphens", function()
    local names = { "remote", "remote-random", "route", "connect_retry", "verb" }
    for given, meant in pairs {
      remot = "remote", REMOTE = "remote", remtoe = "remote", ruote = "route",
      ["connect-retry"] = "connect_retry", verbose = "verb",
    } do
      assert.equal(meant, suggest.closest(given, names), given)
    end
  end)

  it("does not guess wildly", function()
    for _, word in ipairs { "x", "ab", "certificate", "", ("remote"):rep(200) } do
      assert.is_nil(suggest.closest(word, { "remote", "verb" }), word)
      assert.equal("", suggest.hint(word, { "remote", "verb" }))
    end
  end)

  it("prefers the nearest, and the first by name among equals", function()
    assert.equal("bar", suggest.closest("baz", { "bat", "bar" }))
    assert.equal("; did you mean 'bar'?", suggest.hint("baz", { "bat", "bar" }))
  end)
end)
