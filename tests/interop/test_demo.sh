#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The demo, and with it examples/policy.lua: what it promises to show.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_root
need_program openvpn iperf3

sh "${0%/*}/../demo/demo.sh" >"$WORK/demo.log" 2>&1 || fail "the demo failed"
for sign in 'policy.server accepted' 'policy.route refused option="route 10.66.0.0' \
	'Initialization Sequence Completed' ' 0% packet loss' 'Mbit/s'; do
	grep -q "$sign" "$WORK/demo.log" || fail "the demo does not show: $sign"
done
