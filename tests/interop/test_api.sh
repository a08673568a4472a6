#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# Scripts of the API against real peers: examples/failover.lua between Debian's server and ours, and
# userpolicy.lua with jsonlog.lua, a backend on loopback, Debian's client and ours. The examples as they
# stand but for hosts, paths and times. The two run side by side. (The lanes and linkreport.lua: test_api_lanes.sh.)

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program python3
two_ends ec
pki_crypt_v2 "$WORK/pki"
ns_make house near far # of userpolicy
ns_link house 192.0.2.1/24 near 192.0.2.2/24
ns_link house 198.51.100.1/30 far 198.51.100.2/30
EXAMPLES=${LUNEL_SOURCE:-${0%/*}/../..}/examples
HERE=${0%/*}

# changed EXAMPLE TO SED...: the example with one of its words another; each has to be there.
changed() {
	cp "$EXAMPLES/$1.lua" "$2"
	changed_to=$2
	shift 2
	for change in "$@"; do
		sed "$change" "$changed_to" >"$changed_to.new"
		! cmp -s "$changed_to" "$changed_to.new" || fail "nothing to change: $change"
		mv "$changed_to.new" "$changed_to"
	done
}

for name in anna ben carl eve; do
	pki_issue "$WORK/pki" $name client "/O=Lunel Test/CN=$name"
done

# our_server NAME LISTEN NETWORK: which does not let eve in.
our_server() {
	cat >"$WORK/$1.lua" <<-LUA
		local vpn = require "lunel"
		vpn.server {
		  listen = { "192.0.2.1:$2" }, server = "$3", dev = "lnl$1", dev_type = "tun",
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt", key = "$WORK/pki/server.key",
		          crypt_v2 = "$WORK/pki/v2-server.key" },
		  on = { authorize = function(peer) return peer.cn ~= "eve" or vpn.deny "not you" end },
		}
	LUA
	SERVER_NAME=$1 start_lunel server "$WORK/$1.lua"
}

# chooser NAME: the example as NAME's.
chooser() {
	CLIENT_NAME=$1
	changed failover "$WORK/$1.lua" 's/"fra.example.net", 1194/"192.0.2.1", 1301/' \
		's/"ams.example.net", 1194/"192.0.2.1", 1202/' \
		's/"fra.example.net",  443/"192.0.2.1", 1203/' 's/vpn.sleep(60)/vpn.sleep(0.3)/' \
		's/timeout = 1 }/timeout = 0.4 }/' \
		"s#\"ca.pem\", cert = \"me.pem\", key = \"me.key\", crypt_v2 = \"me.tc2\"#\"$WORK/pki/ca.crt\", cert = \"$WORK/pki/$1.crt\", key = \"$WORK/pki/$1.key\", crypt_v2 = \"$WORK/pki/v2-client.key\"#"
	start_client client "$WORK/$1.lua"
}

# ---- failover ----

failover() {
	begin failover
	start_server server "$WORK/pki" --local 192.0.2.1 --port 1201 --server 10.9.1.0 255.255.255.0 \
		--tls-crypt-v2 "$WORK/pki/v2-server.key"
	FRA=$SERVER_PID
	start server delay python3 "$HERE/delay.py" 192.0.2.1 1301 192.0.2.1 1201 0.04
	DELAY=$STARTED
	wait_for "$WORK/delay.log" ready 5 "$DELAY" || fail "no long way"
	our_server last 1203/tcp 10.9.3.0/24

	# Only Debian's answers; then ours does, which is nearer, and wins three times.
	chooser client
	client_says 'failover.selected.* site=fra( |$)'
	wait_up 10
	ping_ok client 10.9.1.1
	grep -q 'failover.migrate' "$WORK/$CLIENT_NAME.log" && fail "there was nowhere to go"
	our_server ams 1202/udp 10.9.2.0/24
	AMS=$SERVER_PID
	client_says 'failover.migrate from=fra .*to=ams'
	wait_ups 2 10
	ping_ok client 10.9.2.1

	# Who is refused does not come again.
	chooser_pid=$CLIENT_PID
	chooser eve
	client_says 'failover.selected.* site=ams( |$)'
	client_says 'Stopped: credentials rejected'
	wait_until 10 client_ended || fail "eve goes on"
	[ "$(says_times "$WORK/eve.log" 'Connecting to')" -eq 1 ] || fail "eve came again"

	# No probe is answered any more: the last resort, over TCP.
	CLIENT_NAME=client CLIENT_PID=$chooser_pid
	stop "$DELAY" TERM 5
	stop "$FRA" TERM 5
	stop "$AMS" TERM 5 || fail "our server did not end cleanly"
	wait_ups 3 15
	client_says 'Connecting to 192.0.2.1:1203 over tcp'
	ping_ok client 10.9.3.1
	end_client
}

# ---- userpolicy, jsonlog ----

cat >"$WORK/backend.py" <<'PY'
import http.server, json, socketserver, threading
ROLES = {"anna": "staff", "ben": "contractor", "carl": "contractor"}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        q = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = self.path == "/vpn/auth" and q["pass"] == "pass of " + q["user"] and q["cn"] == q["user"]
        self.send_response(200 if good else 403)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"role": ROLES[q["user"]]} if good else {}).encode())
    def log_message(self, *_): pass
class Hello(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(b"220 hello\r\n")
for port in (25, 80):
    mail = socketserver.ThreadingTCPServer(("10.20.0.1", port), Hello)
    threading.Thread(target=mail.serve_forever, daemon=True).start()
backend = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler)
print("ready", flush=True)
backend.serve_forever()
PY
cat >"$WORK/reach.py" <<'PY'
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5) as s:
    sys.exit(s.recv(3) != b"220")
PY

# guest NS NAME REMOTE [PASSWORD]: Debian's client.
guest() {
	CLIENT_NAME=$2
	printf '%s\n%s\n' "$2" "${4:-pass of $2}" >"$WORK/$2.txt"
	chmod 600 "$WORK/$2.txt"
	PROFILE_CERT=$2 start_openvpn "$1" "$WORK/pki" "$3" --auth-user-pass "$WORK/$2.txt" \
		--tls-crypt-v2 "$WORK/pki/v2-client.key"
}

# contractor NAME: ours, over TCP.
contractor() {
	CLIENT_NAME=$1
	cat >"$WORK/$1.lua" <<-LUA
		local vpn = require "lunel"
		vpn.client {
		  remotes = { vpn.remote { "192.0.2.1", 443, "tcp" } }, auth_user_pass = true,
		  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/$1.crt", key = "$WORK/pki/$1.key",
		          crypt_v2 = "$WORK/pki/v2-client.key" },
		  on = { credentials = function() return { username = "$1", password = "pass of $1" } end,
		         reconnect = function(_, cause) return vpn.stop(cause.code) end },
		}
	LUA
	start_client near "$WORK/$1.lua"
}

reach() {
	in_ns "$1" python3 "$WORK/reach.py" "$2" "$3" >/dev/null 2>&1
}

userpolicy() {
	begin userpolicy
	in_ns house ip address add 10.20.0.1/32 dev lo
	changed jsonlog "$WORK/jsonlog.lua" "s#/var/log#$WORK#"
	cp "$EXAMPLES/filter.lua" "$WORK/filter.lua"
	changed userpolicy "$WORK/userpolicy.lua" 's/hours = { 8, 18 }/hours = { 0, 48 }/' \
		's/Fri = true/Fri = true, Sat = true, Sun = true/' "s#\"filter.lua\"#\"$WORK/filter.lua\"#" \
		's/expires = left,/expires = peer.user == "carl" and 1 or left,/' \
		's/^local log = .*/require "jsonlog"\n&/' \
		"s#\"ca.pem\", cert = \"srv.pem\", key = \"srv.key\", crypt_v2 = \"srv.tc2\"#\"$WORK/pki/ca.crt\", cert = \"$WORK/pki/server.crt\", key = \"$WORK/pki/server.key\", crypt_v2 = \"$WORK/pki/v2-server.key\"#"
	start house backend python3 "$WORK/backend.py"
	BACKEND=$STARTED
	wait_for "$WORK/backend.log" ready 10 "$BACKEND" || fail "no backend"
	start_lunel house "$WORK/userpolicy.lua"
	start_traffic house 10.20.0.1

	guest far anna "198.51.100.1 1194 udp"
	ANNA=$CLIENT_PID
	contractor ben
	wait_up 10
	CLIENT_NAME=anna CLIENT_PID=$ANNA wait_up 10
	in_ns far ip -br -4 address | grep -q ' 10\.8\.[0-3]\.' || fail "anna has no address of the staff's"
	in_ns near ip -br -4 address | grep -q ' 10\.8\.8\.' || fail "ben has no address of the contractors'"
	# To everywhere, but ben: not into the staff's network, and no mail.
	SERVER_IP=$(in_ns house ip -br -4 address | sed -n 's#.* \(10\.8\.[0-3]\.[0-9]*\)/.*#\1#p')
	for port in 25 80; do reach far 10.20.0.1 $port || fail "anna does not reach port $port"; done
	ping_ok far "$SERVER_IP"
	ping_ok near 10.20.0.1
	reach near 10.20.0.1 80 || fail "ben does not reach port 80"
	reach near 10.20.0.1 25 && fail "ben's mail passes"
	in_ns near ping -n -q -c 2 -i 0.1 -W 0.5 "$SERVER_IP" >/dev/null 2>&1 && fail "ben reaches the staff's network"
	# 3 MB at 20 Mbit a second are 1.2 s, and anna's are not.
	begun=$(now_ms)
	copy far 10.20.0.1 3000000
	took=$(($(now_ms) - begun))
	begun=$(now_ms)
	copy near 10.20.0.1 3000000
	slow=$(($(now_ms) - begun))
	echo "3 MB: $took ms without a rate, $slow ms with 20mbit"
	[ $slow -ge 1000 ] || fail "the rate does not hold"
	[ $took -lt $slow ] || fail "who has no rate is slow, too"
	end_client

	# The engine ends a session whose time is over.
	contractor carl
	wait_up 10
	wait_until 10 client_ended || fail "carl is still there"
	server_says 'policy.session .*user=carl why=session_timeout' 10

	# logrotate needs no signal: once a second it is looked whether the file is still there.
	wait_for "$WORK/vpn.jsonl" '"event":"policy.session"' 5 "$SERVER_PID" || fail "it is not in the file"
	mv "$WORK/vpn.jsonl" "$WORK/vpn.jsonl.1"
	tries=0
	while [ ! -f "$WORK/vpn.jsonl" ]; do
		tries=$((tries + 1))
		[ $tries -le 30 ] || fail "the file was not made anew"
		guest near carl "192.0.2.1 1194 udp" wrong
		client_says 'AUTH_FAILED,bad credentials'
		stop "$CLIENT_PID" TERM 5
	done
	# Without the backend nobody comes in.
	kill -s KILL "$BACKEND"
	guest near carl "192.0.2.1 1194 udp"
	client_says 'AUTH_FAILED,authentication backend unavailable'
	stop "$CLIENT_PID" TERM 5
	wait_for "$WORK/vpn.jsonl" '"event":"policy.backend"' 5 "$SERVER_PID" || fail "it is not in the new file"
	stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
	in_ns house python3 - "$WORK/vpn.jsonl.1" "$WORK/vpn.jsonl" <<'PY' || fail "that is no JSON"
import json, sys
for name in sys.argv[1:]:
    with open(name) as f:
        for line in f:
            r = json.loads(line)
            assert r["event"] and "pass of" not in line, line
PY
}

parallel failover userpolicy
