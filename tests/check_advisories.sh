#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every test that ADVISORIES.md names is there, and every row says something.
#
#   check_advisories.sh          check the list of this tree, then prove that wrong ones are noticed
#   check_advisories.sh FILE     check the list FILE, whose tests are in this tree
#
# A test is named in backquotes: `unit/test_x.c: function`, `unit/test_x.c: function: row of its
# table`, `lua/x_spec.lua: words of an it()`, `interop/test_x.sh: a line's words` or a file alone.

set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
list=${1:-$here/ADVISORIES.md}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# function_of FILE NAME: a test function that is defined, and given to cmocka.
function_of() {
	grep -Eq "(^|[^A-Za-z0-9_])$2\(void \*\*state\)" "$1" || return 1
	[ "$(grep -Ec "(^|[^A-Za-z0-9_])$2([^A-Za-z0-9_]|\$)" "$1")" -ge 2 ]
}

# there FILE [TEST [ROW]]
there() {
	[ -f "$here/$1" ] || return 1
	[ -n "${2:-}" ] || return 0
	case $1 in
	*.c)
		function_of "$here/$1" "$2" || return 1
		[ -z "${3:-}" ] || grep -qF "\"$3\"" "$here/$1"
		;;
	*.lua) grep -qF "it(\"$2${3:+: $3}\"" "$here/$1" ;;
	*) grep -qF -- "$2${3:+: $3}" "$here/$1" ;;
	esac
}

# "line:name" of whatever looks like the name of a test.
names() {
	awk '{
		n = split($0, part, "`")
		for (i = 2; i <= n; i += 2)
			if (part[i] ~ /^[a-z_\/0-9]+\.(c|sh|lua)(: |$)/)
				print NR ":" part[i]
	}' "$1"
}

# Rows of tables that name no test, and give no reason for it either.
empty_rows() {
	awk -F '|' '/^\|/ && !/^\| *(id|---)/ && ($4 ~ /^ *$/ || NF != 5) {
		print NR ": this row says nothing: " $2
	}' "$1"
}

check() {
	empty_rows "$1"
	names "$1" | while IFS= read -r line; do
		name=${line#*:}
		file=${name%%: *}
		rest=${name#"$file"}
		rest=${rest#: }
		test=${rest%%: *}
		row=${rest#"$test"}
		there "$file" "$test" "${row#: }" || echo "${line%%:*}: there is no such test: $name"
	done
}

refuse_twin() {
	cat >"$work/wrong.md" <<-'LIST'
		| id | what | tests |
		|---|---|---|
		| A | x | `unit/test_nowhere.c: w5` |
		| B | x | `unit/test_wire_reliable.c: w5_no_such_test` |
		| C | x | `unit/test_crypto_wolfssl_verify.c: a3_certificates: no such row` |
		| D | x | `lua/profile_spec.lua: does what nobody wrote` |
		| E | x | `interop/test_secrets.sh: K99` |
		| F | x | server (issue 3); `sim/test_hostile.c: make` |
		| G | x | |
	LIST
	cat >"$work/right.md" <<-'LIST'
		| id | what | tests |
		|---|---|---|
		| A | x | `unit/test_crypto_wolfssl_verify.c: a3_certificates: NUL in the CN` |
		| B | x | server (issue 3) |
		| C | x | `fuzz/fuzz_session.c`, `lua/schema_spec.lua: never shows a secret` |
	LIST
	[ "$(check "$work/wrong.md" | wc -l)" -eq 7 ] || {
		check "$work/wrong.md"
		echo "check_advisories: of seven wrong rows not each was noticed"
		return 1
	}
	check "$work/right.md" >"$work/report"
	[ ! -s "$work/report" ] || {
		cat "$work/report"
		echo "check_advisories: what is right is said to be wrong"
		return 1
	}
}

[ "$(names "$list" | wc -l)" -gt 0 ] || {
	echo "$list names no test"
	exit 1
}
check "$list" >"$work/found"
if [ -s "$work/found" ]; then
	sed "s|^|${list##*/}:|" "$work/found"
	exit 1
fi
if [ $# -eq 0 ]; then
	refuse_twin
fi
echo "check_advisories: ok"
