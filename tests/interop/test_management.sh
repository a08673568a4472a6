#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# The management interface: its answers beside those of Debian's openvpn, over a Unix socket and over
# TCP; who may speak with it; what lies where its socket shall be; SIGHUP, and every end. M1: an HTTP
# request, a line of a MiB, commands before the login, 100 idle connections.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"

need_root
need_program openvpn ip openssl python3
pki_make "$WORK/pki" ec
ns_make server client
ns_link server "192.0.2.1/24 fd00:2::1/64" client "192.0.2.2/24 fd00:2::2/64"
chmod 711 "$WORK"
mkdir -m 755 "$WORK/run"
SOCKET=$WORK/run/m.sock
MANAGE=${LUNEL_SOURCE:-${0%/*}/../..}/tests/interop/manage.py

# config NAME [LINE...]: a server's, with those lines behind the rest.
config() {
	config_name=$1
	shift
	{
		cat <<-CONF
			dev tun
			server 10.8.0.0 255.255.255.0
			server-ipv6 fd00:8::/64
			topology subnet
			proto udp
			keepalive 10 60
			dh none
			ca $WORK/pki/ca.crt
			cert $WORK/pki/server.crt
			key $WORK/pki/server.key
			tls-crypt $WORK/pki/tc.key
			verb 4
		CONF
		printf '%s\n' "$@"
	} >"$WORK/$config_name.conf"
}

# says WHERE COMMAND...: what is answered there, in the server's namespace.
says() {
	in_ns server timeout 20 python3 "$MANAGE" "$@" >"$WORK/said.txt" 2>&1
}

said() {
	grep -Eqx -- "$1" "$WORK/said.txt" || {
		cat "$WORK/said.txt"
		fail "it did not say: $1"
	}
}

# refused REGEX: lunel with $WORK/x.conf ends with status 2 and says why.
refused() {
	in_ns server timeout 20 "$LUNEL" "$WORK/x.conf" >"$WORK/refused.txt" 2>&1
	status=$?
	[ "$status" -eq 2 ] || fail "exit status $status"
	grep -Eq -- "$1" "$WORK/refused.txt" || {
		cat "$WORK/refused.txt"
		fail "it did not say: $1"
	}
}

# ---- the same answers ----

# Who we are, times and counters are each one's own; all else has to be the same.
plain() {
	sed -E -e '/^TITLE|^OpenVPN Version/s/OpenVPN [0-9].*/OpenVPN X/' \
		-e 's/pid=[0-9]+/pid=N/; s/20[0-9]{2}-[0-9-]+ [0-9:]+/TIME/g; s/17[0-9]{8}|18[0-9]{8}/SECONDS/g' \
		-e 's/192\.0\.2\.2:[0-9]+/CLIENT/g; s/bytes(in|out)=[0-9]+/bytes=N/g' \
		-e '/CLIENT_LIST|^client,/s/([,\t])[0-9]+([,\t])[0-9]+([,\t])TIME/\1N\2N\3TIME/' \
		-e 's/(queue length[,\t])[0-9]+/\1N/'
}
# Routes have no order in OpenVPN's.
in_order() {
	awk '/^(ROUTING_TABLE|10\.8\.0\.2,|fd00:8::1000,)/ { r[++n] = $0; next }
		{ if (n == 2) { if (r[1] > r[2]) { t = r[1]; r[1] = r[2]; r[2] = t } print r[1]; print r[2] } n = 0; print }'
}

ask_all() {
	CLIENT_NAME=client-$1
	start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" --tls-crypt "$WORK/pki/tc.key"
	wait_up 15
	says "$SOCKET" status "status 1" "status 2" "status 3" "status 4" pid state load-stats foo \
		"foo bar" kill "kill nobody" "kill a b" "kill 1.2.3.4:5" "kill x:5" \
		"kill 1.2.3.4:99999" "kill :" 'kill "a b"' hold "hold release" client-kill \
		"client-kill 99" "client-kill x" version nclients "kill client" || {
		cat "$WORK/said.txt"
		fail "$1 did not answer"
	}
	plain <"$WORK/said.txt" | in_order >"$WORK/$1.txt"
	stop "$CLIENT_PID" TERM 8
}

echo "-- answers beside OpenVPN's"
config same "management $SOCKET unix"
start server openvpn openvpn --config "$WORK/same.conf"
SERVER_PID=$STARTED
SERVER_NAME=openvpn server_says 'Initialization Sequence Completed' 15
ask_all openvpn
stop "$SERVER_PID" TERM 8
# It left its socket behind, as if it had died: that is replaced.
[ -S "$SOCKET" ] || python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$SOCKET')"
SERVER_NAME=lunel start_lunel server "$WORK/same.conf"
ask_all lunel
diff -u "$WORK/openvpn.txt" "$WORK/lunel.txt" || fail "the answers differ"
[ "$(grep -c . "$WORK/lunel.txt")" -gt 60 ] || fail "those are not all"

echo "-- a second one, and SIGHUP"
config x "management $SOCKET unix" "dev tun9" "port 1195"
refused 'management: cannot listen on .*/m.sock: another program does'
says "$SOCKET" pid && said "SUCCESS: pid=$SERVER_PID"
kill -s HUP "$SERVER_PID"
wait_until 15 says_often "$WORK/lunel.log" 'Listening for commands' 2 || fail "SIGHUP"
says "$SOCKET" state && said '[0-9]+,CONNECTED,SUCCESS,10\.8\.0\.1,,,,,fd00:8::1'

echo "-- M1"
python3 - "$SOCKET" >"$WORK/m1.txt" 2>&1 <<'PY' || { cat "$WORK/m1.txt"; fail "M1"; }
import os, socket, sys

path = sys.argv[1]

def join():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    return s

def rest(s):
    out = b""
    try:
        while True:
            data = s.recv(65536)
            if not data:
                return out
            out += data
    except ConnectionResetError:
        return out

assert os.stat(path).st_mode & 0o777 == 0o600
s = join()
s.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\npid\r\nkill x\r\n")
out = rest(s)
assert b"SUCCESS" not in out and b"ERROR" not in out, out
s = join()
try:
    s.sendall(b"a" * (1 << 20) + b"\npid\n")
except (BrokenPipeError, ConnectionResetError):
    pass
assert b"SUCCESS" not in rest(s)
idle = [join() for _ in range(100)]
s = join()
s.sendall(b"pid\nquit\n")
assert b"SUCCESS: pid=" in rest(s)
# Those that made room are told by the end.
assert sum(1 for i in idle[:50] if rest(i).count(b"\n") <= 1) == 50
PY
says "$SOCKET" pid || fail "it does not live"
[ "$(grep -c 'Ended a connection' "$WORK/lunel.log")" -le 10 ] || fail "that floods the log"
kb=$(awk '/^VmRSS/ { print $2 }' "/proc/$SERVER_PID/status")
[ "$kb" -lt 131072 ] || fail "it has $kb KiB"

stop "$SERVER_PID" TERM 8 || fail "the server did not end"
[ ! -e "$SOCKET" ] || fail "the socket is left"

echo "-- who may speak"
printf 'geheim\nnot this\n' >"$WORK/pw"
config x "management 127.0.0.1 7505 $WORK/pw" "user nobody" "group nogroup"
SERVER_NAME=tcp start_lunel server "$WORK/x.conf"
! grep -q 'Everybody on this machine' "$WORK/tcp.log" || fail "a warning in spite of the password"
says -p geheim 127.0.0.1:7505 "status 2" || fail "the password"
said 'SUCCESS: password is correct'
! says -p falsch 127.0.0.1:7505 pid || fail "a wrong password"
said 'ERROR: bad password'
in_ns server python3 - <<'PY' || fail "commands before the login, or more than three tries"
import socket

s = socket.create_connection(("127.0.0.1", 7505))
s.settimeout(10)
s.sendall(b"pid\r\nkill x\r\nstatus\r\ngeheim\r\npid\r\n")
out = b""
try:
    while True:
        data = s.recv(4096)
        if not data:
            break
        out += data
except ConnectionResetError:
    pass
assert out.count(b"ERROR: bad password") == 3 and b"SUCCESS" not in out and b">INFO" not in out, out
PY
stop "$SERVER_PID" TERM 8 || fail "the server did not end"
config x "management ::1 7505"
SERVER_NAME=tcp6 start_lunel server "$WORK/x.conf"
grep -q 'WARNING: Everybody on this machine may give commands at ::1:7505' "$WORK/tcp6.log" ||
	fail "no warning"
says '[::1]:7505' pid || fail "TCP over IPv6"
stop "$SERVER_PID" TERM 8
config x "management $SOCKET unix" "management-client-user nobody" "user nobody"
SERVER_NAME=user start_lunel server "$WORK/x.conf"
[ "$(stat -c %a,%U "$SOCKET")" = 600,nobody ] || fail "the socket is not nobody's"
# may_come USER GROUP yes|no: whether a process of that user's and group's is let in.
may_come() {
	python3 - "$SOCKET" "$1" "$2" "$3" <<-'PY' || fail "$1 of $2 may come: not $3"
		import grp, os, pwd, socket, sys
		path, user, group, want = sys.argv[1:]
		uid, gid = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
		os.setgroups([])
		os.setgid(gid)
		os.setuid(uid)
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(10)
		try:
		    s.connect(path)
		    came = s.recv(5) == b">INFO"
		except PermissionError:
		    came = False
		sys.exit(came != (want == "yes"))
	PY
}
may_come nobody nogroup yes
may_come daemon nogroup no
stop "$SERVER_PID" TERM 8
config x "management $SOCKET unix" "management-client-group nogroup"
SERVER_NAME=group start_lunel server "$WORK/x.conf"
[ "$(stat -c %a,%G "$SOCKET")" = 660,nogroup ] || fail "the socket is not nogroup's"
may_come daemon nogroup yes
may_come daemon daemon no
stop "$SERVER_PID" TERM 8
config x "management $SOCKET unix" "management-client-user daemon" "management-client-group nogroup"
SERVER_NAME=both start_lunel server "$WORK/x.conf"
may_come nobody nogroup no
may_come daemon nogroup yes
may_come daemon daemon no
stop "$SERVER_PID" TERM 8

echo "-- what lies there"
: >"$SOCKET"
config x "management $SOCKET unix"
refused 'what is there is no socket; remove it'
[ -f "$SOCKET" ] || fail "it took a file away"
rm "$SOCKET"
ln -s "$WORK/pw" "$SOCKET"
refused 'what is there is no socket; remove it'
rm "$SOCKET"
config x "management $WORK/nowhere/m.sock unix"
refused 'management: cannot listen on .*/nowhere/m.sock: No such file or directory'
config x "management 0.0.0.0 7505" "management-hold"
refused "x.conf:13: 'management': '0.0.0.0' would let in the whole network; name one address|x.conf:14: 'management-hold'"
config x "management 0.0.0.0 7505"
refused "x.conf:13: 'management': '0.0.0.0' would let in the whole network; name one address"
config x "management-client-user nobody"
refused 'it belongs to management on a Unix socket'

echo "-- a client's"
config server
SERVER_NAME=plain start_lunel server "$WORK/server.conf"
profile "$WORK/pki" "192.0.2.1 1194 udp" "$(inline tls-crypt "$WORK/pki/tc.key")" \
	"management $SOCKET unix" >"$WORK/client.ovpn"
CLIENT_NAME=client
start_client client "$WORK/client.ovpn"
wait_up 15
says "$SOCKET" status state "kill client" || fail "the client does not answer"
said 'OpenVPN STATISTICS'
said 'TUN/TAP read bytes,[0-9]+'
said '[0-9]+,CONNECTED,SUCCESS,,192\.0\.2\.1,1194,,,'
said "ERROR: The 'kill' command is not supported by the current daemon mode"
end_client
[ ! -e "$SOCKET" ] || fail "the socket is left"
stop "$SERVER_PID" TERM 8
