#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a server tells of itself, without root's powers: a sink of a script's own into a file that is moved
# meanwhile, JSON on standard output, the journal's fields, counters by HTTP, and `lunel status`.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program python3
two_ends ec

# The journal, played: its datagrams one after the other.
cat >"$WORK/journal.py" <<'PY'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
print("listening", flush=True)
while True:
    print(s.recv(65536).decode(), flush=True)
PY
start server journal python3 "$WORK/journal.py" "$WORK/journal.sock"
JOURNAL=$STARTED
wait_for "$WORK/journal.log" listening 10 "$JOURNAL" || fail "no journal"

# Where nobody but root comes: the sink's file is opened by the helper.
mkdir -m 700 "$WORK/logs"
chmod 755 "$WORK"
cat >"$WORK/office.lua" <<LUA
local vpn = require "lunel"
local log = vpn.log "visits"
local visits = vpn.metrics.counter("visits", { office = "north" })
local out = vpn.file.append("$WORK/logs/sink", { reopen = "moved", mode = 640 })

vpn.log.sink { batch = function(recs, n, lost)
  for i = 1, n do
    local r = recs[i]
    local ok, err = out:write(("%s.%s sess=%s src=%s lost=%d\n"):format(r.sub, r.event,
      tostring(r.sess), tostring(r.src), lost))
    if not ok then vpn.log.fallback("the sink: " .. err) end
  end
end }

vpn.server {
  server = "10.8.0.0/24", user = "nobody", group = "nogroup",
  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt", key = "$WORK/pki/server.key",
          crypt = "$WORK/pki/tc.key" },
  verb = 3, log_levels = { tls = "error" },
  logs = { { to = "stdout" }, { to = "stderr", format = "json", level = "info" },
           { to = "journal", socket = "$WORK/journal.sock", name = "office" } },
  metrics = { listen = "127.0.0.1:9176" }, management = { "$WORK/office.sock", "unix" },
  on = {
    established = function(peer)
      visits:add()
      log.info("welcome", { password = require("lunel.core").secret "sesame" })
      while vpn.sleep(0.2) do log.info("tick") end
    end,
  },
}
LUA

begin server
start_lunel server "$WORK/office.lua"
start_openvpn client "$WORK/pki" "192.0.2.1 1194 udp" --tls-crypt "$WORK/pki/tc.key"
wait_up 10

# The sink knows whom a record is about, and where the script logged it.
wait_for "$WORK/logs/sink" '^visits.welcome sess=client src=.*/office.lua:[0-9]+ lost=0$' 5 "$SERVER_PID" ||
	fail "the sink's record of the script"
wait_for "$WORK/logs/sink" '^peer.up sess=client src=nil lost=0$' 5 "$SERVER_PID" ||
	fail "the sink's record of the engine"
[ "$(stat -c '%u %a' "$WORK/logs/sink")" = "0 640" ] || fail "whose file: $(stat -c '%u %a' "$WORK/logs/sink")"

# logrotate needs no signal.
mv "$WORK/logs/sink" "$WORK/logs/sink.1"
wait_for "$WORK/logs/sink" 'visits.tick' 5 "$SERVER_PID" || fail "the file was not made anew"

# In all places and forms; not what log_levels leaves out, and no secret.
wait_for "$WORK/journal.log" '^LUNEL_EVENT=peer.up$' 5 "$JOURNAL" || fail "nothing in the journal"
wait_for "$WORK/journal.log" '^CODE_FILE=.*/office.lua$' 5 "$JOURNAL" || fail "no place in the journal"
grep -q '^SYSLOG_IDENTIFIER=office$' "$WORK/journal.log" || fail "our name in the journal"
server_says '"level":"info","event":"peer.up","sess":"client","peer":"client"'
server_says '^[0-9-]+ [0-9:]+ peer.up peer=client '
! grep -q 'tls.handshake' "$WORK/$SERVER_NAME.log" || fail "log_levels leaves out nothing"
! grep -rq sesame "$WORK"/*.log "$WORK/logs" || fail "a secret was logged"

# Counters, by HTTP and as the command shows them.
ping_ok client 10.8.0.1
status() {
	in_ns server "$LUNEL" status "$@" "$WORK/office.lua"
}
has_packets() {
	status >"$WORK/status.txt" && grep -Eq '^received_packets [1-9]' "$WORK/status.txt"
}
wait_until 15 has_packets || fail "no packets: $(cat "$WORK/status.txt")"
for line in 'peers_up 1' 'peers_established 1' 'key_exchanges 1' 'hook_runs.established 1'; do
	grep -q "^$line\$" "$WORK/status.txt" || fail "not '$line': $(cat "$WORK/status.txt")"
done
status --json >"$WORK/status.json"
python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["peers_up"] == 1' "$WORK/status.json" ||
	fail "status --json"
in_ns server python3 -c '
import urllib.request
a = urllib.request.urlopen("http://127.0.0.1:9176/metrics", timeout=5)
assert a.headers["Content-Type"].startswith("application/openmetrics-text"), a.headers
text = a.read().decode()
assert "\nvisits_total{office=\"north\"} 1\n" in text and text.endswith("# EOF\n"), text
' || fail "metrics"

# By the management socket, where there are no metrics.
sed 's/metrics = {[^}]*},//' "$WORK/office.lua" >"$WORK/other.lua"
in_ns server "$LUNEL" status "$WORK/other.lua" >"$WORK/status2.txt" || fail "status by management"
grep -q '^CLIENT_LIST,client,192.0.2.2' "$WORK/status2.txt" || fail "management said: $(cat "$WORK/status2.txt")"

end_client
stop "$SERVER_PID" TERM 5 || fail "the server's end"
grep -q '^peer.closed sess=client' "$WORK/logs/sink" || fail "the sink missed the end of the peer"
grep -q '^process.exit ' "$WORK/logs/sink" || fail "the sink missed the end"
status=0
"$LUNEL" status "$WORK/office.lua" >"$WORK/none.txt" 2>&1 || status=$?
[ $status -eq 1 ] || fail "status $status of what does not run"
grep -q 'metrics at 127.0.0.1, port 9176: Connection refused' "$WORK/none.txt" || fail "$(cat "$WORK/none.txt")"
