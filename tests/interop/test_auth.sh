#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# User names and passwords, challenges, sign-in elsewhere, and tokens, against OpenVPN's script
# interface for them.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

b64() {
	printf %s "$1" | openssl base64 -A
}

# The server's judge. What it is asked goes to $WORK/asked.
cat >"$WORK/verify" <<SCRIPT
#!/bin/sh
{
	read -r user
	read -r password
} <"\$1"
echo "\$user \$password" >>"$WORK/asked"
# pending METHOD TEXT: the answer comes later.
pending() {
	printf '30\n%s\n%s\n' "\$1" "\$2" >"\$auth_pending_file"
	echo "\$auth_control_file" >"$WORK/control"
	exit 2
}
case "\$user:\$password" in
alice:wonderland) exit 0 ;;
carol:first)
	echo "CRV1:R,E:$(b64 state-1):$(b64 carol):What is two plus three?" >"\$auth_failed_reason_file"
	;;
carol:CRV1::$(b64 state-1)::5) exit 0 ;;
dave:SCRV1:$(b64 secret):$(b64 4711)) exit 0 ;;
erin:tea) pending crtext "CR_TEXT:R,E:Enter the code" ;;
frank:web) pending openurl "OPEN_URL:https://login.example/?id=42" ;;
gina:soon)
	[ "\$(grep -c gina "$WORK/asked")" -gt 1 ] && exit 0
	echo "TEMP[backoff 1,advance no]: come back in a second" >"\$auth_failed_reason_file"
	;;
*) echo "who are you?" >"\$auth_failed_reason_file" ;;
esac
exit 1
SCRIPT
cat >"$WORK/response" <<SCRIPT
#!/bin/sh
echo "response \$(cat "\$1")" >>"$WORK/asked"
if [ "\$(cat "\$1")" = "$(b64 0815)" ]; then echo 1; else echo 0; fi >"\$auth_control_file"
SCRIPT
chmod +x "$WORK/verify" "$WORK/response"

auth_server() {
	: >"$WORK/asked"
	start_server server "$WORK/pki" --script-security 2 --tmp-dir "$WORK" \
		--auth-user-pass-verify "$WORK/verify" via-file \
		--client-crresponse "$WORK/response"
}

# login USER PASSWORD [LINE...]: a profile with both in it.
login() {
	login_block=$(printf '<auth-user-pass>\n%s\n%s\n</auth-user-pass>' "$1" "$2")
	shift 2
	profile "$WORK/pki" "192.0.2.1 1194 udp" "$login_block" "$@" >"$WORK/a.ovpn"
}

# answers TEXT: the profile as a script whose hook gives that answer, and says what was asked.
answers() {
	cat >"$WORK/a.lua" <<-LUA
		local vpn = require "lunel"
		local log = vpn.log "test"
		local conf = vpn.profile "$WORK/a.ovpn"
		conf.on = {
		  challenge = function(ctx)
		    log.info("asked", { kind = ctx.kind, text = ctx.text, echo = tostring(ctx.echo) })
		    return "$1"
		  end,
		}
		vpn.client(conf)
	LUA
}

begin password
auth_server
login alice wonderland
start_client client "$WORK/a.ovpn"
wait_up 15
ping_ok client 10.8.0.1
done_with

begin password-file
auth_server
printf 'alice\nwonderland\n' >"$WORK/login.txt"
chmod 600 "$WORK/login.txt"
profile "$WORK/pki" "192.0.2.1 1194 udp" "auth-user-pass $WORK/login.txt" "auth-nocache" >"$WORK/a.ovpn"
start_client client "$WORK/a.ovpn"
wait_up 15
ping_ok client 10.8.0.1
done_with

begin wrong-password
auth_server
login alice looking-glass
start_client client "$WORK/a.ovpn"
client_fails 'who are you?.*auth_failed'
[ "$(says_times "$WORK/asked" alice)" -eq 1 ] || fail "it tried more than once"
ns_kill server

begin wrong-password-again
auth_server
login alice looking-glass "auth-retry nointeract" "connect-retry 1 1"
start_client client "$WORK/a.ovpn"
wait_until 10 says_often "$WORK/asked" alice 2 || fail "it did not try again"
end_client
ns_kill server

begin temporarily
auth_server
login gina soon
start_client client "$WORK/a.ovpn"
wait_up 15
ping_ok client 10.8.0.1
done_with

begin dynamic-challenge
auth_server
login carol first
answers 5
start_client client "$WORK/a.lua"
wait_up 15
client_says 'kind=dynamic'
grep -q 'What is two plus three' "$WORK/$CLIENT_NAME.log" || fail "the question was not passed on"
ping_ok client 10.8.0.1
done_with

begin wrong-answer
auth_server
answers 6
start_client client "$WORK/a.lua"
client_fails 'who are you?'
ns_kill server

begin static-challenge
auth_server
login dave secret 'static-challenge "Number on the device" 1'
answers 4711
start_client client "$WORK/a.lua"
wait_up 15
client_says 'kind=static'
ping_ok client 10.8.0.1
done_with

begin cr-text
auth_server
login erin tea
answers 0815
start_client client "$WORK/a.lua"
wait_up 15
client_says 'kind=cr_text'
ping_ok client 10.8.0.1
done_with

begin sign-in-elsewhere
auth_server
login frank web
start_client client "$WORK/a.ovpn"
client_says 'https://login.example/\?id=42'
printf 1 >"$(cat "$WORK/control")"
wait_up 15
ping_ok client 10.8.0.1
done_with

# With a token the judge is asked once; from then on the server knows its token, also after a
# restart, since the secret for them lies in a file.
begin token
token_server() {
	start_server server "$WORK/pki" --script-security 2 --tmp-dir "$WORK" \
		--auth-user-pass-verify "$WORK/verify" via-file --explicit-exit-notify 1 \
		--auth-gen-token 3600 --auth-gen-token-secret "$WORK/token.key"
}
: >"$WORK/asked"
openvpn --genkey auth-token "$WORK/token.key" >/dev/null || fail "no key for tokens"
token_server
login alice wonderland auth-nocache "connect-retry 1 1" "explicit-exit-notify 1"
start_client client "$WORK/a.ovpn"
wait_up 15
ping_ok client 10.8.0.1
kill -s USR1 "$CLIENT_PID"
wait_ups 2 15
ping_ok client 10.8.0.1
stop "$SERVER_PID" TERM 5
token_server
wait_ups 3 15
ping_ok client 10.8.0.1
[ "$(says_times "$WORK/asked" .)" -eq 1 ] || {
	cat "$WORK/asked"
	fail "the password was sent a second time"
}
done_with
