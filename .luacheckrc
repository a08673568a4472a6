std = "luajit"
max_line_length = 100
codes = true
self = false
unused_args = false
exclude_files = { "build*/", "**/fixtures/bad/**" }

-- Scripts of users, run by the engine: `vpn` is what they are given.
files["examples/**/*.lua"] = { read_globals = { "vpn" } }
files["tests/lua/*_spec.lua"] = { std = "+busted" }
files["tests/lua/**/*.lua"] = { std = "+busted" }
files["tests/interop/**/*.lua"] = { read_globals = { "vpn" } }
