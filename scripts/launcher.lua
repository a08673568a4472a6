-- SPDX-License-Identifier: GPL-3.0-or-later
-- What bin/lunel runs, and what a stock luajit can run: luajit scripts/launcher.lua FILE.
local here = (debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or ".")
package.path = here .. "/?.lua;" .. here .. "/?/init.lua;" .. package.path

os.exit(require("lunel.launch").main(arg), true)
