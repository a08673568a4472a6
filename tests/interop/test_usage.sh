#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The command line: what it prints where, its exit status, the manual page, and the commands of
# README.md as they stand there.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

need_program openssl
top=${LUNEL_SOURCE:-${0%/*}/../..}
[ -f "$top/README.md" ] || fail "no README.md in $top: set LUNEL_SOURCE"
top=$(cd "$top" && pwd)
case $LUNEL in /*) ;; *) LUNEL=$PWD/$LUNEL ;; esac

bad=0
wrong() {
	echo "    WRONG $*"
	bad=$((bad + 1))
}

# says STATUS OUT ERR ARGUMENT...: exit status, what a line of standard output and of standard error
# matches; "-" for nothing at all.
says() {
	want=$1
	out=$2
	err=$3
	shift 3
	"$LUNEL" "$@" >"$WORK/out.txt" 2>"$WORK/err.txt" </dev/null
	status=$?
	printf '%d  lunel %s\n' "$status" "$*"
	[ "$status" -eq "$want" ] || wrong "exit status $status, not $want"
	matches out.txt "$out"
	matches err.txt "$err"
}

matches() {
	if [ "$2" = - ]; then
		[ ! -s "$WORK/$1" ] || wrong "$1: $(head -n 3 "$WORK/$1")"
	else
		grep -Eq -- "$2" "$WORK/$1" || wrong "$1 has no '$2': $(head -n 3 "$WORK/$1")"
	fi
}

cd "$WORK" || exit 1
pki_make "$WORK/pki" ec
profile "$WORK/pki" "192.0.2.1 1194 udp" >office.ovpn
sed 's/^nobind$/no-bind/' office.ovpn >bad.ovpn
sed '/^nobind$/d; /^-----END CERT/,$d' office.ovpn >cut.ovpn
mkdir folder
printf 'local vpn = require "lunel"\nvpn.client { remots = {} }\n' >bad.lua
printf 'local vpn = require "lunel"\nvpn.client(vpn.profile "office.ovpn")\n' >good.lua

# ---- the forms ----

says 2 - '^usage: lunel FILE'
for word in help --help -h; do
	says 0 '^usage: lunel FILE' - $word
done
cp out.txt help.txt
for word in version --version -v; do
	says 0 '^lunel [0-9]+\.[0-9]+\.[0-9]+$' - $word
done
matches out.txt '^wolfSSL [0-9.]+ \(with(out)? assembly.*\), LuaJIT 2\.1[^,]*, libev 4\.[0-9]+, c-ares '
says 0 '^data ciphers: .*AES-256-GCM' - version --features
matches out.txt '^control channel: .*tls-crypt-v2'
says 2 - "version knows --features, not '--feature'" version --feature
says 2 - "unknown option '-x'" -x
says 2 - "no command and no file 'chek'; did you mean 'check'" chek office.ovpn
says 2 - 'a file is missing' check
says 2 - "console knows --json, not '--jason'" console --jason
says 2 - "reload takes one name, not 'b', too" reload a b
says 1 - "./none.sock: No such file or directory" reload ./none.sock
says 1 - "nothing that is called 'no-such-script-runs' runs" console no-such-script-runs
says 2 - '^usage: lunel pki init' pki
says 2 - "no command 'clinet'; did you mean 'client'" pki clinet anna
says 0 '^usage: lunel pki init' - pki --help
cp out.txt pki-help.txt
says 2 - "'other.ovpn' after the file" check office.ovpn other.ovpn

# ---- check ----

says 0 '^office.ovpn: ok: client, 1 remote' - check office.ovpn
says 0 'ok: client' - check ./office.ovpn --verb 4
says 0 'ok: client' - check --config office.ovpn --verb 4
says 0 'ok: client' - check good.lua
says 2 - "^lunel: bad.ovpn:3: unknown directive 'no-bind'; did you mean 'nobind'" check bad.ovpn
says 2 - '^lunel: cut.ovpn:[0-9]+: the block <ca>' check cut.ovpn
says 2 - "^lunel: bad.lua:2: remots: .*did you mean 'remotes'" check bad.lua
says 2 - "^lunel: cannot read 'none.ovpn': No such file" check none.ovpn
says 2 - "^lunel: cannot read './folder': Is a directory" check ./folder
says 2 - "command line: unknown directive 'nonsense'" check office.ovpn --nonsense 1
says 2 - "command line: 'verb': 99 is out of range" office.ovpn --verb 99
says 2 - "command line: an? .*remote|needs|must follow" --config office.ovpn --remote
# Nothing that only looks was ever started.
[ -z "$(find . -newer help.txt -name '*.pid')" ] || wrong "check wrote files"

# ---- the manual page ----

page=$top/scripts/lunel.1
[ -f "$page" ] || fail "there is no manual page"
sed 's/\\-/-/g; s/\\f.//g' "$page" >page.txt
"$LUNEL" capture --help >capture-help.txt || wrong "capture has no help"
"$LUNEL" test --help >test-help.txt || wrong "test has no help"
cat help.txt pki-help.txt capture-help.txt test-help.txt | grep -Eo -- '--[a-z][a-z-]+' | sort -u | while read -r option; do
	grep -q -- "$option" page.txt || echo "$option"
done >missing.txt
for word in check capture test reload console status pki version help SIGTERM SIGINT SIGHUP SIGUSR1 SIGUSR2 "EXIT STATUS"; do
	grep -q "$word" page.txt || echo "$word"
done >>missing.txt
[ ! -s missing.txt ] || wrong "not in lunel.1: $(tr '\n' ' ' <missing.txt)"
# And what the page lists exists.
grep -Eo -- '--[a-z][a-z-]+' page.txt | sort -u | while read -r option; do
	name=${option#--}
	case $name in features | config | json) continue ;; esac
	! cat pki-help.txt capture-help.txt test-help.txt | grep -q -- "$option" || continue
	grep -rqE -- "(\"$name\"|[ {,]$name = )" "$top"/scripts/lunel/directives*.lua || echo "$option"
done >unknown.txt
[ ! -s unknown.txt ] || wrong "lunel.1 has what lunel does not know: $(tr '\n' ' ' <unknown.txt)"
if command -v groff >/dev/null; then
	groff -man -ww -z -Tutf8 "$page" 2>groff.txt
	[ ! -s groff.txt ] || wrong "lunel.1: $(head -n 3 groff.txt)"
fi

# ---- README.md ----

"$top/run" help >run.txt 2>&1 || wrong "./run help failed"
grep -Eo '\./run [a-z]+' "$top/README.md" | sort -u | while read -r _ word; do
	grep -Eq "^[[:space:]]+$word " run.txt || echo "$word"
done >missing.txt
[ ! -s missing.txt ] || wrong "./run does not know: $(tr '\n' ' ' <missing.txt)"

# Its lunel commands: those that look are run, those that connect are checked.
sed -n 's/[[:space:]]*#.*//; s|^\(sudo \)\{0,1\}build/bin/lunel ||p' "$top/README.md" >commands.txt
[ -s commands.txt ] || wrong "README.md shows no lunel command"
# Its scripts, too: each says in its first line how it is called.
# shellcheck disable=SC2016
sed -n '/^```lua$/,/^```$/p' "$top/README.md" | while IFS= read -r line; do
	case $line in
	'```'*) ;;
	'-- '*.lua:*)
		name=${line#-- }
		name=${name%%:*}
		echo "$name" >>scripts.txt
		printf '%s\n' "$line" >"$name"
		;;
	*) printf '%s\n' "$line" >>"$name" ;;
	esac
done
mkdir own
while read -r command; do
	# Those make something, one after the other.
	case $command in pki*)
		(cd own && sh -c "\"\$0\" $command" "$LUNEL" >>out.txt 2>&1) || {
			wrong "lunel $command"
			cat own/out.txt
		}
		[ ! -f own/server.conf ] || cp own/server.conf .
		continue
		;;
	esac
	case $command in capture*) command="check ${command##* }" ;; esac
	case $command in check* | version* | help*) ;; *) command="check $command" ;; esac
	# shellcheck disable=SC2086
	says 0 . - $command
done <commands.txt
# Their paths begin where `pki init` was run.
ln -s own/pki pki
while read -r script; do
	says 0 'ok: (client|server)' - check "$script"
done <scripts.txt
for path in $(tr '`' '\n' <"$top/README.md" | grep -Ex '[a-z]+/[A-Za-z./]*'); do
	[ ! -d "$top/${path%%/*}" ] || [ -e "$top/$path" ] || wrong "README.md: there is no $path"
done

[ "$bad" -eq 0 ] || fail "$bad wrong"
