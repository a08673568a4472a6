#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 60
#
# Who starts the program may have closed its standard streams: what it prints must not end up in a
# socket of its own. That of its helper ends with a line that is no request.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

cd "$WORK" || exit 1
"$LUNEL" pki init >/dev/null
"$LUNEL" pki client anna --remote 127.0.0.1 >anna.ovpn
cat >script.lua <<-LUA
	local vpn = require "lunel"
	local function run() return assert(vpn.exec { "readlink", "/proc/self/fd/0" }).status end
	vpn.spawn(function()
	  local first = run()
	  print "x"
	  io.stderr:write "y\n"
	  local ok, second = pcall(run)
	  local f = assert(io.open("$WORK/result.new", "w"))
	  f:write(("%s %s %s\n"):format(tostring(first), tostring(ok), tostring(second)))
	  f:close()
	  os.rename("$WORK/result.new", "$WORK/result")
	end)
	vpn.client(vpn.profile "anna.ovpn")
LUA

# |$1|: what is closed.
expect_result() {
	rm -f result
	eval "\"\$LUNEL\" script.lua $1 &"
	pid=$!
	PID_LIST="$PID_LIST $pid"
	wait_until 20 test -s result || echo "no result" >result
	stop "$pid"
	[ "$(cat result)" = "0 true 0" ] || fail "with $1: $(cat result)"
}

expect_result "</dev/null >out 2>&1"
expect_result "<&-"
expect_result ">&-"
expect_result "2>&-"
expect_result "<&- >&- 2>&-"
