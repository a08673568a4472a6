#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lunel-test: timeout 120
#
# The program around a tunnel: terminal, background, another user, programs of the profile, DNS,
# the notification of a service manager, and what is left afterwards.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program python3
two_ends ec

cat >"$WORK/verify" <<-'SH'
	#!/bin/sh
	[ "$(sed -n 1p "$1")" = joe ] && [ "$(sed -n 2p "$1")" = right ]
SH
# Stands for the system's: notes how it was called, and with what.
mkdir "$WORK/bin"
cat >"$WORK/bin/resolvconf" <<-SH
	#!/bin/sh
	{ echo "resolvconf \$*"; cat; } >>"$WORK/dns"
SH
cat >"$WORK/script" <<-SH
	#!/bin/sh
	{ echo "args \$*"; env | sort; ls -l /proc/self/fd; } >"$WORK/\$script_type.txt"
SH
chmod 755 "$WORK" "$WORK/verify" "$WORK/script" "$WORK/bin/resolvconf"
PATH=$WORK/bin:$PATH
start_server server "$WORK/pki" --tls-crypt "$WORK/pki/tc.key" --script-security 2 \
	--auth-user-pass-verify "$WORK/verify" via-file --push "dhcp-option DNS 10.8.0.1" \
	--push "dhcp-option DOMAIN corp.example"
profile "$WORK/pki" "192.0.2.1 1194 udp" "$(inline tls-crypt "$WORK/pki/tc.key")" \
	auth-user-pass >"$WORK/ask.ovpn"
sed "s|^auth-user-pass|auth-user-pass $WORK/cred|" "$WORK/ask.ovpn" >"$WORK/file.ovpn"
printf 'joe\nright\n' >"$WORK/cred"
chmod 644 "$WORK/cred"

# A terminal: user name and password are asked for, the password without echo; ^C ends it.
cat >"$WORK/terminal.py" <<-'PY'
	import os, pty, select, sys, termios, time

	pid, fd = pty.fork()
	if pid == 0:
	    os.execv(sys.argv[1], sys.argv[1:])
	seen = b""

	def until(text, echo=None):
	    global seen
	    end = time.monotonic() + 20
	    while text not in seen:
	        if time.monotonic() > end:
	            sys.exit("not seen: %r in %r" % (text, seen))
	        if select.select([fd], [], [], 0.1)[0]:
	            try:
	                seen += os.read(fd, 4096)
	            except OSError:
	                break
	    if echo is not None:
	        while bool(termios.tcgetattr(fd)[3] & termios.ECHO) != echo:
	            if time.monotonic() > end:
	                sys.exit("echo is wrong at %r" % text)
	            time.sleep(0.01)

	until(b"User name for tun: ", True)
	os.write(fd, b"joe\n")
	until(b"Password of joe for tun: ", False)
	os.write(fd, b"right\n")
	until(b"Initialization Sequence Completed", True)
	os.write(fd, b"\x03")
	until(b"Exiting")
	status = os.waitpid(pid, 0)[1]
	if status or b"right" in seen:
	    sys.exit("status %d: %r" % (status, seen))
PY
CLIENT_NAME=terminal
in_ns client python3 "$WORK/terminal.py" "$LUNEL" "$WORK/ask.ovpn" || fail "at a terminal"

echo "-- no terminal"
in_ns client setsid -w "$LUNEL" "$WORK/ask.ovpn" >"$WORK/none.log" 2>&1 </dev/null
[ $? -eq 2 ] || fail "without a terminal it should have ended with 2"
grep -q '^lunel: auth-user-pass: .*there is no terminal to ask on$' "$WORK/none.log" ||
	fail "without a terminal it should say so"

echo "-- background"
CLIENT_NAME=daemon
client_ns=client
net_state client >"$WORK/daemon.before"
: >"$WORK/dns"
in_ns client "$LUNEL" --config "$WORK/file.ovpn" --daemon office --log "$WORK/daemon.log" \
	--writepid "$WORK/pid" --script-security 2 --up "$WORK/script" --down "$WORK/script 'a b'" \
	--setenv NAME value --setenv LD_PRELOAD /x.so --status "$WORK/status" 1 --nice 1 \
	--user nobody --group nogroup --verb 4 >"$WORK/parent.log" 2>&1 </dev/null ||
	fail "the background was not reached"
CLIENT_PID=$(cat "$WORK/pid")
PID_LIST="$PID_LIST $CLIENT_PID"
wait_up 15
ping_ok client 10.8.0.1
[ "$(ps -o user=,ni= -p "$CLIENT_PID" | tr -s ' ')" = "nobody 1" ] || fail "not nobody, or not nice"
grep -q '^CapEff:.*0000000000001000' "/proc/$CLIENT_PID/status" || fail "more than CAP_NET_ADMIN"
# By its numbers: in a container its name may be longer.
for fd in 0 1 2; do
	[ "$(stat -L -c %t:%T "/proc/$CLIENT_PID/fd/$fd")" = 1:3 ] || fail "fd $fd is not /dev/null"
done
grep -q '^args tun0 1500 0 10.8.0.2 255.255.255.0 init$' "$WORK/up.txt" || fail "up's arguments"
for line in script_type=up NAME=value dev=tun0 ifconfig_local=10.8.0.2 trusted_ip=192.0.2.1 \
	'foreign_option_1=dhcp-option DNS 10.8.0.1'; do
	grep -qx "$line" "$WORK/up.txt" || fail "up does not know: $line"
done
grep -q LD_PRELOAD "$WORK/up.txt" && fail "up got LD_PRELOAD"
[ "$(grep -c -- '-> ' "$WORK/up.txt")" -le 4 ] || fail "up inherited descriptors"
printf 'resolvconf -a tun0.lunel\nsearch corp.example\nnameserver 10.8.0.1\n' |
	cmp -s - "$WORK/dns" || fail "DNS was not set"
stop_and_wait() {
	kill -s TERM "$CLIENT_PID"
	wait_until 10 sh -c "! kill -0 $CLIENT_PID" || fail "it does not end"
}
stop_and_wait
grep -q "^args a b tun0 1500 0 10.8.0.2 255.255.255.0 init$" "$WORK/down.txt" ||
	fail "down's arguments"
grep -q '^resolvconf -d tun0.lunel$' "$WORK/dns" || fail "DNS was not taken back"
client_gone

echo "-- background that fails"
in_ns client "$LUNEL" --config "$WORK/file.ovpn" --daemon --log "$WORK/failed.log" \
	--writepid /nonexistent/pid >"$WORK/parent.log" 2>&1 </dev/null
[ $? -eq 1 ] || fail "a daemon that cannot start should end with 1"
grep -q '^lunel: writepid /nonexistent/pid: No such file or directory$' "$WORK/parent.log" ||
	fail "the reason should reach who started it"

echo "-- status file, and a program that fails"
CLIENT_NAME=status
start_client client "$WORK/file.ovpn" --status "$WORK/status" 1
wait_up 15
wait_for "$WORK/status" '^TUN/TAP read bytes,[0-9]+$' 5 "$CLIENT_PID" || fail "no status file"
wait_for "$WORK/status" '^END$' 5 "$CLIENT_PID" || fail "the status file has no end"
end_client
CLIENT_NAME=up-fails
start_client client "$WORK/file.ovpn" --script-security 2 --up /bin/false
wait "$CLIENT_PID"
[ $? -eq 1 ] || fail "a failing up should end with 1"
grep -q 'A program failed: up /bin/false: exit status 1' "$WORK/up-fails.log" || fail "no reason"
grep -q 'Sequence Completed' "$WORK/up-fails.log" && fail "up failed, and it said it was complete"
client_gone

# What a profile names does not run because the profile says so.
CLIENT_NAME=untrusted
{
	cat "$WORK/file.ovpn"
	printf 'script-security 2\nup %s\n' "$WORK/script"
} >"$WORK/untrusted.ovpn"
chown nobody "$WORK/untrusted.ovpn"
rm -f "$WORK/up.txt"
start_client client "$WORK/untrusted.ovpn"
wait_up 15
[ ! -e "$WORK/up.txt" ] || fail "a stranger's program ran"
client_says "script-security"
end_client

echo "-- service manager"
CLIENT_NAME=notify
cat >"$WORK/notify.py" <<-'PY'
	import os, socket, subprocess, sys

	path = sys.argv[1]
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(path)
	s.settimeout(20)
	child = subprocess.Popen(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=path))
	said = s.recv(4096)
	child.terminate()
	bye = s.recv(4096)
	if child.wait(20) or not said.startswith(b"READY=1") or bye != b"STOPPING=1":
	    sys.exit("%r %r %r" % (said, bye, child.returncode))
PY
in_ns client python3 "$WORK/notify.py" "$WORK/notify.sock" "$LUNEL" "$WORK/file.ovpn" \
	>"$WORK/notify.log" 2>&1 || fail "the service manager was not told"
echo "launcher: ok"
