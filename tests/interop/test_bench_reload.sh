#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 60
#
# ./run bench reload does not rot: two reloads with a small crowd, and no ping is lost. What it measures here
# is nothing.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_root
need_program ip ping python3
[ -x "$LUNEL_BUILD/bench/crowd" ] || skip "bench/crowd is not built"

sh "$LUNEL_SOURCE/bench/reload.sh" --clients 20 --reloads 2 --check --json "$WORK/out.json" \
	>"$WORK/reload.log" 2>&1 || fail "bench/reload.sh"
python3 - "$WORK/out.json" <<'PYTHON' || fail "what it wrote"
import json, sys

out = json.load(open(sys.argv[1]))
assert (out["clients"], out["reloads"], out["lost"]) == (20, 2, 0), out
assert out["pings"] > 20 and 0 < out["reload_ms"] <= out["slowest_ms"], out
PYTHON
for words in "--clients 0" "--reloads x" "--json" "--nothing" "--clients 12345"; do
	# shellcheck disable=SC2086
	sh "$LUNEL_SOURCE/bench/reload.sh" $words >"$WORK/refused.txt" 2>&1
	[ $? -eq 2 ] || fail "reload.sh $words"
done
