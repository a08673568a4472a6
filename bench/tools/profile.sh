#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ./run profile: a flame graph of what a command does, or what a running process does.

set -eu
LC_ALL=C.UTF-8
export LC_ALL

usage() {
	cat <<-'HELP'
		usage: ./run profile [OPTION...] [-- COMMAND...]

		Writes a flame graph (SVG: open it in a browser; a box's title shows when the pointer is over it)
		and prints the ten functions that cost most themselves. COMMAND is bench/engine, if none is given.

		  --tool perf|callgrind  perf samples time; callgrind counts instructions, exactly, about 50 times
		                         as slowly. Without it: perf where it works, else callgrind
		  --output FILE          the picture (build/profile.svg)
		  --pid PID              a process that runs, with perf; as its user, or root
		  --seconds N            so long (10), with --pid
	HELP
}

die() {
	echo "profile: $*" >&2
	exit 1
}

is_number() {
	case $1 in '' | *[!0-9]* | 0) return 1 ;; esac
}

# value OPTION VALUE...: what stands behind an option.
value() {
	[ $# -ge 2 ] || die "$1 needs a value; ./run profile --help"
}

tool=
output=$LUNEL_BUILD/profile.svg
pid=
seconds=
while [ $# -gt 0 ]; do
	case $1 in
	--tool) value "$@" && tool=$2 ;;
	--output) value "$@" && output=$2 ;;
	--pid) value "$@" && pid=$2 ;;
	--seconds) value "$@" && seconds=$2 ;;
	--help)
		usage
		exit 0
		;;
	--)
		shift
		break
		;;
	*) die "there is no option '$1'; ./run profile --help" ;;
	esac
	shift 2
done

case $tool in '' | perf | callgrind) ;; *) die "the tool is perf or callgrind, not '$tool'" ;; esac
[ -z "$seconds" ] || [ -n "$pid" ] || die "--seconds belongs to --pid"
[ -z "$seconds" ] || is_number "$seconds" || die "--seconds: '$seconds' is not a number of seconds"
if [ -n "$pid" ]; then
	is_number "$pid" || die "--pid: '$pid' is not the number of a process"
	[ -d "/proc/$pid" ] || die "--pid: there is no process $pid"
	[ "$tool" != callgrind ] || die "callgrind cannot look at a process that runs already: use perf"
	[ $# -eq 0 ] || die "either --pid or a command"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Cycles, where the processor's counters can be had (few virtual machines give them), else time.
event=
find_event() {
	command -v perf >/dev/null || return 1
	for event in cycles:u cpu-clock:u; do
		! perf record -q -e $event -o "$work/probe" -- true >/dev/null 2>&1 || return 0
	done
	event=
	return 1
}

if [ "$tool" != callgrind ]; then
	if find_event; then
		tool=perf
	elif [ "$tool" = perf ] || [ -n "$pid" ]; then
		die "perf is missing (package linux-perf) or may not be used here (kernel.perf_event_paranoid)"
	else
		tool=callgrind
	fi
fi
if [ $# -gt 0 ]; then
	title=$*
elif [ -n "$pid" ]; then
	title="process $pid ($(cat "/proc/$pid/comm"))"
else
	title=bench/engine
	set -- "$LUNEL_BUILD/bench/engine" --rounds
	# Callgrind is slow, and counts the same in every round.
	case $tool in callgrind) set -- "$@" 1 --milliseconds 1 ;; *) set -- "$@" 5 ;; esac
fi

echo "== $title, by $tool" >&2
status=0
case $tool in
perf)
	case $event in cycles*) unit=cycles ;; *) unit=ns ;; esac
	# The stack itself is recorded: what is built for speed keeps no frame pointers.
	set -- -q -e "$event" -F 997 --call-graph dwarf,8192 -o "$work/perf.data" \
		${pid:+-p "$pid"} -- ${pid:+sleep "${seconds:-10}"} "$@"
	perf record "$@" >&2 || status=$?
	input=$work/perf.txt
	perf script -i "$work/perf.data" --no-inline -F comm,period,ip,sym >"$input" 2>"$work/perf.log" || {
		tail -n 3 "$work/perf.log" >&2
		die "perf could not read what it recorded"
	}
	;;
callgrind)
	unit=instructions
	command -v valgrind >/dev/null || die "valgrind is missing (package valgrind)"
	input=$work/callgrind.out
	valgrind -q --tool=callgrind --separate-callers=40 --callgrind-out-file="$input" "$@" >&2 || status=$?
	;;
esac
[ $status -eq 0 ] || echo "profile: the command ended with status $status" >&2
luajit bench/flame.lua "$tool" "$input" "$output" "$title" "$unit"
echo "== $output" >&2
exit $status
