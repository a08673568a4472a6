#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The layer rules that include paths cannot enforce, by reading the sources.
#
#   check_layers.sh            check this tree, then prove on planted violations that each rule bites
#   check_layers.sh ROOT       check the tree at ROOT only
#   LUNEL_BUILD=DIR            also look for mutable globals in the libraries built there

set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
root=${1:-$(dirname "$here")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# Every line of code as "path:line:code", without comments and blank lines.
list_code() {
	(
		cd "$1"
		find engine bindings -name '*.[ch]' -type f 2>/dev/null | sort | while read -r file; do
			awk -v file="$file" '
			{
				line = $0
				out = ""
				while (line != "") {
					if (inside) {
						at = index(line, "*/")
						if (!at) { line = ""; break }
						line = substr(line, at + 2)
						inside = 0
						continue
					}
					block = index(line, "/*")
					slash = index(line, "//")
					if (slash && (!block || slash < block)) {
						# not the slashes of a URL in a string
						if (substr(line, 1, slash - 1) !~ /"[^"]*$/) {
							out = out substr(line, 1, slash - 1)
							line = ""
							break
						}
						out = out substr(line, 1, slash + 1)
						line = substr(line, slash + 2)
					} else if (block) {
						out = out substr(line, 1, block - 1)
						line = substr(line, block + 2)
						inside = 1
					} else {
						out = out line
						line = ""
					}
				}
				if (out ~ /[^ \t]/)
					print file ":" FNR ":" out
			}' "$file"
		done
		find scripts -name '*.lua' -type f 2>/dev/null | sort | while read -r file; do
			sed 's/--.*//' "$file" | awk -v file="$file" '/[^ \t]/ { print file ":" FNR ":" $0 }'
		done
	)
}

# refuse RULE PATH-REGEX CODE-REGEX [ALLOWED-REGEX]: in files whose path matches, no line of code
# matches, unless it matches ALLOWED too. The path regex may exclude: "yes!no".
refuse() {
	awk -v rule="$1" -v where="$2" -v what="$3" -v allowed="${4:-}" '
	BEGIN {
		at = index(where, "!")
		not = at ? substr(where, at + 1) : ""
		where = at ? substr(where, 1, at - 1) : where
	}
	{
		path = $0; sub(/:.*/, "", path)
		if (path !~ where || (not != "" && path ~ not)) next
		code = substr($0, length(path) + 2); sub(/^[0-9]+:/, "", code)
		if (code ~ what && (allowed == "" || code !~ allowed)) print rule ": " $0
	}' "$work/code"
}

check_tree() {
	list_code "$1" >"$work/code"

	sans_io='^engine/(wire|control|data)/'
	refuse 'sans-IO rooms use plain C headers only' "$sans_io" \
		'^[ \t]*#[ \t]*include[ \t]*<' \
		'<(stddef|stdint|stdbool|stdarg|stdalign|stdatomic|stdlib|string|limits|inttypes)\.h>'
	refuse 'sans-IO rooms ask nobody for time, randomness or output' "$sans_io" \
		'(^|[^A-Za-z0-9_.>])(time|clock|clock_gettime|gettimeofday|rand|random|srand|getrandom|printf|fprintf|sprintf|snprintf|vsnprintf|puts|perror|getenv|exit|abort|system) ?\('
	refuse 'no include climbs out of its view' '^(engine|bindings)/' \
		'^[ \t]*#[ \t]*include[ \t]*"[^"]*\.\./'
	refuse 'wire includes wire only' '^engine/wire/' \
		'^[ \t]*#[ \t]*include[ \t]*"' '"(wire/[a-z0-9_]+|lunel_codes|lunel_record)\.h"'
	refuse 'crypto includes crypto and wire/buf only' '^engine/crypto/' \
		'^[ \t]*#[ \t]*include[ \t]*"' '"(crypto/[a-z0-9_]+|wire/buf|wire/env|lunel_codes|lunel_record)\.h"'
	refuse 'control meets data and crypto in their interfaces' '^engine/control/' \
		'^[ \t]*#[ \t]*include[ \t]*"' '"((control|wire)/[a-z0-9_]+|crypto/crypto|data/data|lunel[a-z_]*)\.h"'
	refuse 'data meets crypto in its interface' '^engine/data/' \
		'^[ \t]*#[ \t]*include[ \t]*"' '"((data|wire)/[a-z0-9_]+|crypto/crypto|lunel_[a-z]+)\.h"'
	refuse 'wolfSSL belongs to engine/crypto/wolfssl*' '^(engine|bindings)/!^engine/crypto/wolfssl' \
		'include[ \t]*<wolfssl/|(^|[^A-Za-z0-9_])(wolfSSL|wc)_[A-Za-z]'
	refuse 'Lua belongs to bindings' '^engine/' \
		'include[ \t]*[<"](lua|lauxlib|lualib|luajit)|(^|[^A-Za-z0-9_])luaL?_[a-z]'
	refuse 'libev belongs to io and the engine loop' '^(engine|bindings)/!^engine/(io/|sim/|[a-z_0-9]+\.[ch])' \
		'include[ \t]*[<"]ev\.h'
	refuse 'nobody but lunel test sees the simulator' '^(engine|bindings)/!^(engine/sim/|bindings/sim\.[ch]$)' \
		'^[ \t]*#[ \t]*include[ \t]*"(sim/|lunel_sim\.h|bindings/sim\.h)'
	refuse 'bindings see lunel.h, not the rooms' '^bindings/' \
		'^[ \t]*#[ \t]*include[ \t]*"' '"(lunel[a-z_]*|(bindings/)?[a-z0-9_]+)\.h"'
	refuse 'C enters Lua through the protected door only' '^bindings/!^bindings/call\.c' \
		'(^|[^A-Za-z0-9_])lua_call[ \t]*\('
	refuse 'only task resumes a coroutine' '^bindings/!^bindings/task\.c' \
		'(^|[^A-Za-z0-9_])lua_resume[ \t]*\('
	refuse 'libcurl belongs to engine/io/http*' '^(engine|bindings)/!^engine/io/http' \
		'include[ \t]*<curl/'
	refuse 'nothing a peer sends may reach an assert' '^engine/' \
		'(^|[^A-Za-z0-9_])assert[ \t]*\(|include[ \t]*<assert\.h>'
	# Names and object identifiers are no secrets; these files compare tags and keys.
	refuse 'secrets are compared in constant time' \
		'^engine/(crypto/(secret|fake|wolfssl|wolfssl_cipher)\.c|data/(aead|cbc|epoch|key)|control/(wrap|cookie|keys|token))' '(^|[^A-Za-z0-9_])(memcmp|bcmp|strcmp)[ \t]*\('
	refuse 'no conditional compilation outside io and wolfssl*' \
		'^(engine|bindings)/!^engine/(io/|crypto/wolfssl)' \
		'^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)([^a-z]|$)' \
		'ifndef (LNL|LUNEL)[A-Z0-9_]*_H_?$'
	refuse 'ffi belongs to lunel/pkt.lua' '^scripts/!^scripts/lunel/pkt\.lua' \
		'require[ (]*["'"'"']ffi["'"'"']'
	refuse 'scripts do not block' '^scripts/' '(os\.execute|io\.popen)[ \t]*[("]'

	(
		cd "$1"
		find engine bindings scripts \( -name '*.[ch]' -o -name '*.lua' \) -type f 2>/dev/null |
			while read -r file; do
				lines=$(wc -l <"$file")
				[ "$lines" -le 800 ] || echo "files stay under 800 lines: $file: $lines"
			done
	)
}

# The sans-IO rooms keep all state in what they are given.
check_globals() {
	for room in wire control data; do
		library=$1/liblnl_$room.a
		[ -f "$library" ] || continue
		objdump -t "$library" | awk -v room="$room" '
			/file format/ { object = $1 }
			{
				section = ""
				for (i = 1; i <= NF; i++)
					if ($i ~ /^\.(data|bss|tdata|tbss)/) section = $i
				if (section == "" || section ~ /^\.data\.rel\.ro/ || $NF == section) next
				print "no mutable globals: " room ": " object " " $NF
			}'
	done
}

# One planted violation a rule, each in a file of its own; every one must be reported.
plant() {
	mkdir -p "$work/plant/$(dirname "$1")"
	printf '%s\n' "$2" >"$work/plant/$1"
	echo "$1" >>"$work/planted"
}

refuse_twin() {
	: >"$work/planted"
	plant engine/wire/planted_stdio.c '#include <stdio.h>'
	plant engine/control/planted_socket.c '#include <sys/socket.h>'
	plant engine/data/planted_clock.c '	return time(NULL);'
	plant engine/control/planted_ev.c '#include <ev.h>'
	plant engine/wire/planted_up.c '#include "../control/client.h"'
	plant engine/wire/planted_control.c '#include "control/client.h"'
	plant engine/crypto/planted_data.c '#include "data/data.h"'
	plant engine/control/planted_inside.c '#include "data/keyslot.h"'
	plant engine/data/planted_control.c '#include "control/client.h"'
	plant engine/io/planted_wolfssl.c '#include <wolfssl/ssl.h>'
	plant engine/control/planted_wolfssl.c '	wc_InitRng(&rng);'
	plant engine/engine_planted_lua.c '#include <lauxlib.h>'
	plant bindings/planted_wire.c '#include "wire/buf.h"'
	plant bindings/planted_call.c '	lua_call(L, 1, 0);'
	plant bindings/planted_resume.c '	lua_resume(co, 0);'
	plant bindings/planted_curl.c '#include <curl/curl.h>'
	plant engine/io/planted_sim.c '#include "sim/sim.h"'
	plant bindings/planted_sim.c '#include "lunel_sim.h"'
	plant engine/io/planted_assert.c '	assert(length > 0);'
	plant engine/crypto/wolfssl_cipher.c '	return memcmp(tag, computed, 16);'
	plant engine/data/aead_planted.c '	return memcmp(tag, computed, 16) == 0;'
	plant engine/control/wrap_planted.c '	if (memcmp(tag, computed, 16))'
	plant engine/control/token_planted.c '	return strcmp(token, ours) == 0;'
	plant engine/data/planted_ifdef.c '#ifdef __linux__'
	plant scripts/lunel/planted_ffi.lua 'local ffi = require "ffi"'
	plant scripts/lunel/planted_popen.lua 'io.popen("true")'
	awk 'BEGIN { for (i = 0; i < 801; i++) print "int x;" }' >"$work/long"
	plant engine/wire/planted_long.c "$(cat "$work/long")"
	# What looks like a violation and is none.
	plant engine/wire/planted_innocent.c '// assert(x) with <stdio.h>
/* lua_call(L) */
static_assert(sizeof(int) == 4, "http://example"); set_time(x); t->time(t);
#include "wire/buf.h"'

	check_tree "$work/plant" >"$work/found"
	missed=0
	while read -r file; do
		case $file in
		*planted_innocent*)
			! grep -F ": $file:" "$work/found" || missed=1
			;;
		*)
			grep -qF ": $file:" "$work/found" || {
				echo "a planted violation was not caught: $file"
				missed=1
			}
			;;
		esac
	done <"$work/planted"
	return $missed
}

check_tree "$root" >"$work/report"
if [ -n "${LUNEL_BUILD:-}" ]; then
	check_globals "$LUNEL_BUILD" >>"$work/report"
fi
status=0
if [ -s "$work/report" ]; then
	cat "$work/report"
	echo "check_layers: $(wc -l <"$work/report") violations"
	status=1
fi
if [ $# -eq 0 ]; then
	refuse_twin || status=1
fi
[ $status -ne 0 ] || echo "check_layers: ok"
exit $status
