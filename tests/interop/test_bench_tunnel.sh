#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: serial
# lunel-test: timeout 120
#
# ./run bench tunnel does not rot: a second of each pair over both transports, and what it writes for
# machines and for eyes can be read. What it measures here is nothing.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_root
need_program openvpn ip ping openssl iperf3 luajit python3
[ -x "$LUNEL_BUILD/bench/limit" ] || skip "bench/limit is not built"

sh "$LUNEL_SOURCE/bench/tunnel.sh" --thin --json "$WORK/out.json" --svg "$WORK/out.svg" \
	>"$WORK/tunnel.log" 2>&1 || fail "bench/tunnel.sh"

python3 - "$WORK/out.json" "$WORK/out.svg" <<'PYTHON' || fail "what it wrote"
import json, sys, xml.dom.minidom

out = json.load(open(sys.argv[1]))
ends = [("openvpn", "openvpn"), ("lunel", "openvpn"), ("openvpn", "lunel"), ("lunel", "lunel"),
        ("limit", "limit")]
want = {(transport, "%s-%s" % pair) for transport in ("udp", "tcp") for pair in ends}
got = {(row["transport"], row["pair"]) for row in out["rows"] if row["median"] > 0}
assert got == want, "no traffic: %s" % sorted(want - got)
assert out["failures"] == 0
assert all(row["cpu_s_per_gb"] > 0 for row in out["rows"])
assert {row["mss"] for row in out["rows"]} == {1368}, "pairs have different segments"
bars = [r for r in xml.dom.minidom.parse(sys.argv[2]).getElementsByTagName("rect")
        if float(r.getAttribute("height")) > 0 and r.getAttribute("class") != "paper"]
assert len(bars) >= len(want), "bars are missing"
PYTHON

# The forwarder says what it cannot do, and what is asked wrongly is refused.
"$LUNEL_BUILD/bench/limit" --help | grep -q 'bare forwarder' || fail "limit --help"
for words in "" "--udp --tun x --local 127.0.0.1:1" "--udp --tcp" "--udp --listen" "--cipher AES-256-CBC"; do
	# shellcheck disable=SC2086
	"$LUNEL_BUILD/bench/limit" $words >"$WORK/refused.txt" 2>&1
	[ $? -eq 2 ] || fail "limit $words"
	[ -s "$WORK/refused.txt" ] || fail "limit $words says nothing"
done
for words in "--seconds 0" "--only lunel-nobody" "--transport sctp" "--nothing" "--json"; do
	# shellcheck disable=SC2086
	sh "$LUNEL_SOURCE/bench/tunnel.sh" $words >"$WORK/refused.txt" 2>&1
	[ $? -eq 2 ] || fail "tunnel.sh $words"
done
