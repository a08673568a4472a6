-- SPDX-License-Identifier: GPL-3.0-or-later
--- What the project's own door, ./run, says to a word that it does not know.
local SOURCE = os.getenv("LUNEL_SOURCE") or "."

-- What `./run` says to |word|, and its exit status.
local function run(word)
  local quoted = "'" .. word:gsub("'", "'\\''") .. "'"
  local pipe = io.popen(("%s/run %s 2>&1; echo $?"):format(SOURCE, quoted))
  local out = pipe:read("*a")
  pipe:close()
  local text, status = out:match("^(.*)\n(%d+)\n$")
  return text, tonumber(status)
end

describe("./run", function()
  it("names a command that it does not have, and the nearest that it has", function()
    for word, near in pairs {
      tset = "test", biuld = "build", Build = "build", lint2 = "lint", hepl = "help",
      ["clean "] = "clean", benchh = "bench",
    } do
      local text, status = run(word)
      assert.equal(("run: there is no command '%s'; did you mean '%s'?\n./run help lists them")
        :format(word, near), text)
      assert.equal(2, status)
    end
  end)

  it("suggests nothing where nothing is near", function()
    for _, word in ipairs { "nosuch", "x", "--", "-v=1", "'", "a\nb", "*", ("x"):rep(5000) } do
      local text, status = run(word)
      assert.equal(("run: there is no command '%s'\n./run help lists them"):format(word), text)
      assert.equal(2, status)
    end
  end)

  it("knows all the commands that its help names", function()
    local help, status = run("help")
    assert.equal(0, status)
    for name in help:gmatch("\n  (%l+)") do
      local text = run(name .. "q")
      assert.matches("did you mean '" .. name .. "'", text, nil, true)
    end
  end)
end)
