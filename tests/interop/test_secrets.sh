#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# K2: of a secret that is needed no more, no copy is in memory a second later.
# K3: no secret is in a log, at the highest verbosity, nor in the status file or what programs get.
# X1, X2: what a server says reaches no shell and no dangerous variable; programs get descriptors
# 0, 1 and 2 alone. And what is left of root's powers after the start.
#
# The secrets are marked, and those that are drawn (data keys) are taken from the server's log.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

need_root
need_program openvpn ip openssl
[ -x "$TOOLS/memory" ] || fail "$TOOLS/memory is not built"
# An instrumented program has terabytes of shadow, which take for ever to look through.
case $(nm -D "$LUNEL" 2>/dev/null) in
*__asan_* | *__tsan_*) skip "the program has a sanitizer in it" ;;
esac

# Long, so that their ends stay in a block that is freed and not wiped: see memory.c.
PASSWORD=PasswordMarker-7f3a91-of-which-the-end-is-looked-for-04be
TOKEN=TokenMarker-52c88e01-of-which-the-end-is-looked-for-too-c81d
PHRASE=PhraseMarker-9b1d77-of-which-the-end-is-looked-for-last-66a0
# So that a message about a secret cannot hide among the markers.
SECRETS="password token phrase private-key key-text control-key control-text data-key-1 data-key-2"

bad=0
wrong() {
	echo "    WRONG: $*"
	bad=$((bad + 1))
}

# ---- memory ----

hex() {
	od -An -v -tx1 | tr -d ' \n'
}

# What to look for, as "name=secret" lines in $WORK/secrets.
write_secrets() {
	scalar=$(openssl ec -in "$WORK/pki/client.key" -noout -text 2>/dev/null |
		sed -n '/^priv:/,/^pub:/p' | grep '^ ' | tr -d ' :\n')
	{
		echo "password=$PASSWORD"
		echo "token=$TOKEN"
		echo "phrase=$PHRASE"
		echo "private-key=hex:${scalar#00}"
		echo "key-text=$(sed -n 2p "$WORK/pki/client.key")"
		echo "control-key=hex:$(sed '/^---/d' "$WORK/pki/v2-client.key" | tr -d '\n' |
			openssl base64 -d -A | head -c 32 | hex)"
		echo "control-text=$(sed -n 2p "$WORK/pki/v2-client.key")"
		sed -n 's/.*Data Channel: CIPHER KEY: *//p' "$WORK/$1.log" | tr -d ' ' | tail -n 2 |
			sed '1s/^/data-key-1=hex:/; 2s/^/data-key-2=hex:/'
	} >"$WORK/secrets"
	[ "$(wc -l <"$WORK/secrets")" -eq 9 ] || fail "not all secrets are known: does $1 log its keys?"
}

# copies PID: counts the secrets, one "name count" a line in $WORK/copies.
copies() {
	# shellcheck disable=SC2046
	"$TOOLS/memory" "$1" $(cat "$WORK/secrets") >"$WORK/copies" || fail "cannot look into $1"
}

no_copy() {
	for name in "$@"; do
		grep -q "^$name 0$" "$WORK/copies" || return 1
	done
}

# gone WHEN PID NAME...: none of these is in memory, at latest in a second.
gone() {
	gone_when=$1
	gone_pid=$2
	shift 2
	tries=0
	copies "$gone_pid"
	until no_copy "$@"; do
		tries=$((tries + 1))
		[ "$tries" -lt 20 ] || break
		sleep 0.05
		copies "$gone_pid"
	done
	printf '%-34s %s\n' "$gone_when" "$(tr '\n' ' ' <"$WORK/copies")"
	no_copy "$@" || wrong "these shall be gone: $*"
}

# there NAME...: the looking itself works.
there() {
	for name in "$@"; do
		grep -q "^$name [1-9]" "$WORK/copies" || wrong "$name is not found where it must be"
	done
}

# once NAME: needed, but in one place.
once() {
	grep -q "^$1 1$" "$WORK/copies" || wrong "$1 is there more often than once, or not at all"
}

# ---- set-up ----

pki_make "$WORK/pki" ec
pki_crypt_v2 "$WORK/pki"
openssl pkcs8 -topk8 -in "$WORK/pki/client.key" -passout "pass:$PHRASE" -out "$WORK/locked.key" ||
	fail "no key with a pass phrase"
mkdir "$WORK/locked"
cp "$WORK/pki/ca.crt" "$WORK/pki/client.crt" "$WORK/locked"
cp "$WORK/locked.key" "$WORK/locked/client.key"
printf 'someone\n%s\n' "$PASSWORD" >"$WORK/login.txt"
printf '%s\n' "$PHRASE" >"$WORK/phrase.txt"
chmod 600 "$WORK/login.txt" "$WORK/phrase.txt"
# The server takes the password, and the token while $WORK/token is there.
cat >"$WORK/verify" <<-SCRIPT
	#!/bin/sh
	given=\$(tail -n 1 "\$1")
	[ "\$given" = $PASSWORD ] || { [ "\$given" = $TOKEN ] && [ -e $WORK/token ]; }
SCRIPT
# What a program of the client's sees: its variables, and its descriptors (3 is ls's own).
cat >"$WORK/up" <<-SCRIPT
	#!/bin/sh
	ls -l /proc/self/fd >$WORK/fds.txt
	env >$WORK/env.txt
	cat /proc/self/environ >$WORK/environ.txt
SCRIPT
# What the server would have run.
cat >"$WORK/deny" <<-SCRIPT
	#!/bin/sh
	touch $WORK/pwned
SCRIPT
chmod 755 "$WORK/verify" "$WORK/up" "$WORK/deny"
touch "$WORK/token"
chmod 755 "$WORK" # nobody has to reach what follows
mkdir "$WORK/out"
chown nobody "$WORK/out"

ns_make server client
ns_link server 192.0.2.1/24 client 192.0.2.2/24
{
	profile "$WORK/locked" "192.0.2.1 1194 udp" "auth-user-pass $WORK/login.txt" auth-nocache \
		"askpass $WORK/phrase.txt" "$(inline tls-crypt-v2 "$WORK/pki/v2-client.key")" \
		"connect-retry 60" "connect-timeout 10" "hand-window 20"
} >"$WORK/client.ovpn"

# Its own name for each log; --verb 9 shows keys.
serve() {
	SERVER_NAME=$1
	shift
	start_server server "$WORK/pki" --verb 9 --script-security 2 \
		--auth-user-pass-verify "$WORK/verify" via-file --explicit-exit-notify 1 \
		--tls-crypt-v2 "$WORK/pki/v2-server.key" \
		--push "dhcp-option DOMAIN \$(touch\${IFS}$WORK/pwned)" \
		--push "dhcp-option DOMAIN-SEARCH a;touch\${IFS}$WORK/pwned" \
		--push "dhcp-option DNS 192.0.2.53;touch $WORK/pwned" \
		--push "dhcp-option PROXY_HTTP \`touch\${IFS}$WORK/pwned\` 80" \
		--push "route 10.1.0.0 255.255.0.0 \$(touch\${IFS}$WORK/pwned)" \
		--push "setenv LD_PRELOAD $WORK/pwned.so" \
		--push "setenv opt up $WORK/deny" \
		--push "setenv-safe LD_PRELOAD $WORK/pwned.so" \
		--push "setenv-safe BASH_ENV $WORK/pwned.sh" \
		--push "setenv-safe GREETING \$(touch\${IFS}$WORK/pwned)" \
		--push "setenv PATH $WORK" --push "script-security 3" --push "up $WORK/deny" "$@"
}

status_of() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

is() {
	[ "$2" = "$3" ] || wrong "$1 is '$2', not '$3'"
}

serve server --push "auth-token $TOKEN"
umask 077
start_client client "$WORK/client.ovpn" --verb 11 --user nobody --group nogroup \
	--script-security 2 --up "$WORK/up" --status "$WORK/out/status.txt" 1
umask 022
wait_up 20
HELPER=$(pgrep -P "$CLIENT_PID" 2>/dev/null | head -n 1)
[ -n "$HELPER" ] || HELPER=$(cat "/proc/$CLIENT_PID/task/$CLIENT_PID/children")
HELPER=${HELPER%% *}
[ -n "$HELPER" ] || fail "the client has no helper process"

# ---- what is left of root ----

is "the user" "$(status_of "$CLIENT_PID" Uid | tr '\t' ' ')" "65534 65534 65534 65534"
is "the groups" "$(status_of "$CLIENT_PID" Groups | tr -d ' ')" ""
is "NoNewPrivs" "$(status_of "$CLIENT_PID" NoNewPrivs)" 1
for kind in CapEff CapPrm; do
	is $kind "$(status_of "$CLIENT_PID" $kind)" 0000000000001000
done
for kind in CapBnd CapInh CapAmb; do
	is $kind "$(status_of "$CLIENT_PID" $kind)" 0000000000000000
done
# Of a process that cannot be dumped, /proc belongs to root, whatever its user.
is "the owner of its memory" "$(stat -c %u "/proc/$CLIENT_PID/mem")" 0
is "its limit of core files" "$(awk '/core file/ { print $5, $6 }' "/proc/$CLIENT_PID/limits")" "0 0"
echo "powers: user $(status_of "$CLIENT_PID" Uid | cut -f 1), CapEff $(status_of "$CLIENT_PID" CapEff)," \
	"NoNewPrivs $(status_of "$CLIENT_PID" NoNewPrivs), not dumpable"

# ---- K2 ----

write_secrets server
gone "up: the client" "$CLIENT_PID" password phrase key-text control-text
there control-key token
once private-key # which was encrypted, and is kept for renegotiations
# AES with the processor's instructions begins its schedule with the key itself.
if "$LUNEL" version | grep -q 'with assembly' && grep -q -w aes /proc/cpuinfo; then
	there data-key-1 data-key-2
fi
# shellcheck disable=SC2086
gone "up: its helper" "$HELPER" $SECRETS
stop "$SERVER_PID" TERM 5
wait_for "$WORK/client.log" 'Next attempt in' 10 "$CLIENT_PID" || fail "the client did not notice"
gone "server gone: the client" "$CLIENT_PID" password phrase key-text control-text data-key-1 data-key-2
once private-key # which is needed for the next attempt, as the token is
there token
serve again --push "auth-token $TOKEN"
kill -s USR1 "$CLIENT_PID"
wait_ups 2 20 # by token
write_secrets again
gone "up by token: the client" "$CLIENT_PID" password phrase key-text control-text
# The token is refused: the password is read again, through the helper since nobody may not.
rm "$WORK/token"
stop "$SERVER_PID" TERM 5
wait_until 10 says_often "$WORK/client.log" 'Next attempt in' 2 || fail "the client did not notice"
serve third
kill -s USR1 "$CLIENT_PID"
wait_ups 3 30 # by the password that was read again
write_secrets third
gone "up by password: the client" "$CLIENT_PID" token phrase key-text control-text
there password # renegotiation needs it
kill -s USR2 "$CLIENT_PID"
wait_for "$WORK/client.log" 'in [0-9]* bytes, out [0-9]* bytes' 5 || fail "no answer to SIGUSR2"
wait_until 5 test -s "$WORK/out/status.txt" || fail "no status file"
# shellcheck disable=SC2086
gone "up by password: its helper" "$HELPER" $SECRETS
stop "$SERVER_PID" TERM 5
wait_until 10 says_often "$WORK/client.log" 'Next attempt in' 3 || fail "the client did not notice"
# shellcheck disable=SC2086
gone "server gone: the client" "$CLIENT_PID" password token phrase key-text control-text \
	data-key-1 data-key-2
stop "$CLIENT_PID" TERM 5 || fail "the client did not end cleanly"

# ---- X1, X2 ----

descriptors=$(sed -n 's/.* \([0-9]*\) -> .*/\1/p' "$WORK/fds.txt" | tr '\n' ' ')
is "descriptors of a program" "$descriptors" "0 1 2 3 "
grep -q ' 3 -> /proc/' "$WORK/fds.txt" || wrong "descriptor 3 is not ls's own"
[ ! -e "$WORK/pwned" ] || wrong "a shell ran what the server said"
if grep -E '^(LD_|BASH_ENV|ENV=|IFS=)' "$WORK/env.txt"; then
	wrong "the server set that"
fi
path=$(sed -n 's/^PATH=//p' "$WORK/env.txt")
is "PATH" "$path" /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for option in 'setenv LD_PRELOAD' 'setenv opt up' 'setenv PATH' 'script-security:' 'up:'; do
	grep -q "Refused what the server pushed: $option" "$WORK/client.log" ||
		wrong "nothing says that '$option' was refused"
done
echo "a program: descriptors $descriptors, $(wc -l <"$WORK/env.txt") variables"

# ---- K3 ----

cat "$WORK/pki/client.key" "$WORK/locked.key" "$WORK/pki/v2-client.key" | grep -v '^-----' >"$WORK/markers"
for log in server again third; do
	sed -n 's/.* KEY: *//p' "$WORK/$log.log" | tr -d ' '
done | sort -u | grep -E '^[0-9a-f]{32,}$' >>"$WORK/markers"
{
	printf '%s\n' "$PASSWORD" "$TOKEN" "$PHRASE"
	printf %s "$PASSWORD" | openssl base64
	printf %s "$PASSWORD" | hex
	echo
	sed -n 's/.*=hex://p' "$WORK/secrets"
} >>"$WORK/markers"
grep -q 'The server pushed: auth-token (hidden)' "$WORK/client.log" || wrong "no trace of the token"
grep -q 'control.sent op=CONTROL_V1' "$WORK/client.log" || wrong "verb 11 does not show packets"
[ "$(wc -l <"$WORK/markers")" -gt 30 ] || fail "too few markers"
# The refuse twin: where secrets are, they are found.
for file in client.ovpn server.log; do
	grep -aiqF -f "$WORK/markers" "$WORK/$file" || wrong "no secret is found in $file"
done
for file in client.log out/status.txt env.txt environ.txt; do
	[ -s "$WORK/$file" ] || fail "there is no $file"
	if grep -aiFn -f "$WORK/markers" "$WORK/$file" >"$WORK/found"; then
		wrong "$file has secrets: $(head -n 2 "$WORK/found")"
	fi
done
echo "$(wc -l <"$WORK/markers") markers in $(wc -l <"$WORK/client.log") lines of log at verb 11: none"

[ "$bad" -eq 0 ] || fail "$bad wrong"
