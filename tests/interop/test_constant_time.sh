#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# K1: how long secrets take to compare does not hang on them. A stopwatch would need a quiet machine;
# valgrind sees every jump and address that depends on what is compared.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program valgrind
[ -x "$TOOLS/constant_time" ] || fail "$TOOLS/constant_time is not built"
case $(nm -D "$TOOLS/constant_time" 2>/dev/null) in
*__asan_* | *__tsan_*) skip "the program has a sanitizer in it" ;;
esac

# compare HOW: the status is 9 when valgrind saw something.
compare() {
	valgrind --quiet --error-exitcode=9 "$TOOLS/constant_time" "$1" >"$WORK/$1.log" 2>&1
	status=$?
	grep -q '^compared$' "$WORK/$1.log" || fail "$1: it did not run"
}

compare equal
[ $status -eq 0 ] || fail "the time of a comparison depends on the secrets"
# The refuse twin: what is not constant in time is seen.
compare leaky
[ $status -eq 9 ] || fail "a comparison that leaks was not seen"
grep -q 'jump or move depends on uninitialised' "$WORK/leaky.log" || fail "seen, but not for that"
