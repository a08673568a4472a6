-- SPDX-License-Identifier: GPL-3.0-or-later
--- What perf and callgrind record, as stacks, figures and a picture.
local HERE = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$"
local flame = dofile(HERE .. "/../../bench/flame.lua")

local PERF = [[
# a comment
engine    2000
	            8fd1 leaf
	            8a2a middle<T&>
	            7dd0 main

engine    1000
	            8fd1 leaf
	            7dd0 main

worker 7    500
	          110532 L_AES_GCM_encrypt_avx2_calc_aad_loop

worker 7    300
	          110538 L_AES_GCM_encrypt_avx2_done_enc
	96e694b061a1bf6b [unknown]

engine    200
	            7249 [unknown]
	            7304 __libc_start_main@@GLIBC_2.34
]]

-- Names are numbered once, also as what is called; what a call cost stands behind `calls`.
local CALLGRIND = [[
# callgrind format
version: 1
positions: line
events: Ir
summary: 161

fl=(1) a.c
fn=(1) main'(below main)
10 5
+1 6
cfi=(2) b.c
cfn=(2) leaf'main'(below main)
calls=2 30
* 100
-2 20

fl=(2)
fn=(2)
30 90
fe=(3) inlined.h
* 10
cfn=(3) leaf'2'leaf'main'(below main)
calls=1 +3
31 30

fn=(3)
33 30
totals: 161
]]

local function lines(text) return text:gmatch "([^\n]*)\n" end

local function costs(root)
  local out = {}
  for _, row in ipairs(flame.costliest(root)) do out[#out + 1] = row.name .. " " .. row.cost end
  return out
end

describe("a flame graph", function()
  it("reads what perf prints", function()
    local root = flame.perf(lines(PERF))
    assert.equal(4000, root.total)
    assert.same({ "leaf 3000", "AES_GCM_encrypt_avx2 800", "[unknown] 200" }, costs(root))
    local main = root.children.engine.children.main
    assert.equal(3000, main.total)
    assert.equal(0, main.self)
    assert.equal(2000, main.children["middle<T&>"].children.leaf.self)
    assert.equal(1000, main.children.leaf.self)
    assert.equal(800, root.children["worker 7"].children.AES_GCM_encrypt_avx2.self)
    assert.equal(200, root.children.engine.children.__libc_start_main.total)
  end)

  it("reads callgrind's file, to the last instruction", function()
    local root, unit = flame.callgrind(lines(CALLGRIND))
    assert.equal("instructions", unit)
    assert.equal(161, root.total)
    assert.same({ "leaf 130", "main 31" }, costs(root))
    local main = root.children["(below main)"].children.main
    assert.equal(161, main.total)
    assert.equal(31, main.self)
    assert.equal(130, main.children.leaf.total)
    assert.equal(30, main.children.leaf.children.leaf.self)
  end)

  it("is drawn the same each time, with widths by cost, and spells names well", function()
    local function picture() return flame.svg(flame.perf(lines(PERF)), "a < b", "ns") end
    local svg = picture()
    assert.equal(svg, picture())
    assert.truthy(svg:find("a &lt; b: 4000 ns", 1, true))
    assert.truthy(svg:find("<title>middle&lt;T&amp;&gt; (50.00%; itself 0.00%)</title>", 1, true))
    assert.truthy(svg:find("<title>leaf (25.00%; itself 25.00%)</title>", 1, true))
    assert.equal(select(2, svg:gsub("<g>", "")), select(2, svg:gsub("</g>", "")))
    local widths, colours = {}, {}
    for name, width, fill in svg:gmatch '<title>(%S+) .-width="([%d.]+)".-fill="(.-)"' do
      widths[name] = math.max(widths[name] or 0, tonumber(width))
      colours[name] = colours[name] or fill
      assert.equal(colours[name], fill)
    end
    assert.equal(1180, widths.all)
    assert.equal(widths.all * 3 / 4, widths.main)
    assert.equal(widths.all / 2, widths["middle&lt;T&amp;&gt;"])
    assert.is_nil(svg:find("[%z\1-\9\11-\31]"))
  end)

  it("has a table of the costliest functions", function()
    assert.equal(table.concat({
      "  share              ns  function",
      " 75.00%            3000  leaf",
      " 20.00%             800  AES_GCM_encrypt_avx2", "",
    }, "\n"), flame.table(flame.perf(lines(PERF)), 2, "ns"))
  end)

  it("is empty where nothing was recorded", function()
    assert.equal(0, flame.perf(lines "").total)
    assert.truthy(flame.svg(flame.callgrind(lines "x\n\n"), "none", "ns"):find "</svg>")
  end)
end)
