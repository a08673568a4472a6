#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: serial
# lunel-test: timeout 180
#
# Figures L9 and S1 to S6 of TRUST section 4, and a peer's throughput in a flood of 50,000 first packets
# a second: thinned, our server alone. The whole, beside openvpn, is ./run bench flood.

exec sh "$LUNEL_SOURCE/bench/flood.sh" --thin --check
