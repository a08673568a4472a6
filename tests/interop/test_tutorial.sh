#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 60
#
# scripts/TUTORIAL.md, literally: its files are written, its commands run in one shell, and what they
# print is what stands there. Without root up to where it says that root is needed.

SOURCE=${LUNEL_SOURCE:-$PWD}

# As root in namespaces of its own, with a /run of its own: the tutorial's names (of namespaces,
# control sockets) are nobody else's, and all of it goes away with the last process.
if [ "$(id -u)" -eq 0 ] && [ -c /dev/net/tun ] && [ "${1:-}" != inside ]; then
	exec unshare --mount --net --pid --fork --kill-child --mount-proc sh "$0" inside
fi

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program luajit
CUT="$SOURCE/tests/interop/tutorial.lua"
if [ "${1:-}" = inside ]; then
	need_program ip ping
	mount -t tmpfs tmpfs /run || fail "cannot have a /run of its own"
	mkdir -p /run/netns /run/lock
fi

HOME=$WORK/home
mkdir -p "$WORK/steps" "$HOME" "$WORK/source"
export HOME
unset XDG_RUNTIME_DIR
ln -s "${LUNEL_BUILD:-$SOURCE/build}" "$WORK/source/build"
luajit "$CUT" cut "$SOURCE/scripts/TUTORIAL.md" "$WORK/steps" || fail "the tutorial cannot be cut"
cd "$WORK/source" || fail "no $WORK/source"

# A command that fails ends this shell: say where, and what it had printed.
broken() {
	status=$?
	if [ -n "$STEP" ]; then
		echo "FAILED: $STEP: exit status $status"
		cat "$step.got"
		tail -n 20 "$HOME"/*/*.log 2>/dev/null
	fi
	(exit "$status")
	clean_up
}
STEP=
trap broken EXIT

# All steps in this shell, which keeps folder, PATH and variables, as a reader's does.
for step in "$WORK"/steps/*.line "$WORK"/steps/*.root; do echo "$step"; done | sort >"$WORK/order"
while read -r step <&3; do
	case $step in
	*.root)
		[ "${1:-}" = inside ] && continue
		echo "the rest needs root and /dev/net/tun"
		break
		;;
	esac
	step=${step%.line}
	if [ -e "$step.file" ]; then
		cp "$step.file" "$(cat "$step.name")" || fail "cannot write $step"
		continue
	fi
	STEP="TUTORIAL.md, the block that ends at line $(cat "$step.line")"
	set -e
	# shellcheck source=/dev/null
	. "$step.sh" >"$step.got" 2>&1
	set +e
	[ ! -e "$step.want" ] || luajit "$CUT" compare "$step.want" "$step.got" || {
		step=$STEP STEP=
		fail "$step"
	}
	STEP=
done 3<"$WORK/order"
