#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lunel-test: timeout 120
#
# A server's script is read again while two clients are connected: no ping is lost, hooks and pushed
# options are the new ones, what was asked of the old script is answered by it, `vars` pass over. A file
# with errors changes nothing, and whoever asked is told all of them. A client's script, too.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
two_ends ec

ns_make stock late
ns_link server 198.51.100.1/30 stock 198.51.100.2/30
ns_link server 198.51.100.5/30 late 198.51.100.6/30
for name in stock late; do
	pki_issue "$WORK/pki" $name client "/O=Lunel Test/CN=$name"
done
SOCKET=$WORK/server.sock

# server_script VERSION LISTEN PUSH: the script, with the fields on standard input added to it.
server_script() {
	{
		cat <<-LUA
			local vpn = require "lunel"
			local log = vpn.log "test"
			local conf = {
			  name = "office", listen = { "$2/udp" }, server = "10.8.0.0/24", keepalive = { 5, 30 },
			  control = { path = "$SOCKET" }, push = { "$3" },
			  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/server.crt",
			          key = "$WORK/pki/server.key" },
			}
			conf.on = {
			  authorize = function(peer)
			    log.info("asked", { by = $1, who = peer.cn })
			    if peer.cn == "late" then
			      peer.vars.before = "wait"
			      vpn.sleep($1 == 1 and 2 or 0)
			      peer.vars.by = $1
			    end
			    return true
			  end,
			  established = function(peer)
			    log.info("up", { by = $1, who = peer.cn, vars = peer.vars.by or 0 })
			    peer.vars.since, peer.vars.list, peer.vars.lost = $1, { "a", { b = true } }, print
			  end,
			  adopted = function(peer)
			    log.info("adopted", { by = $1, who = peer.cn, since = peer.vars.since,
			                          list = peer.vars.list and tostring(peer.vars.list[2].b) })
			  end,
			  closed = function(peer) log.info("gone", { by = $1, who = peer.cn }) end,
			}
		LUA
		cat
		echo 'vpn.server(conf)'
	} >"$WORK/server.new"
	mv "$WORK/server.new" "$WORK/server.lua"
}

reload_ok() {
	"$LUNEL" reload "$SOCKET" >"$WORK/reload.txt" 2>&1 || {
		cat "$WORK/reload.txt"
		fail "reload"
	}
}

reload_says() {
	grep -Eq -- "$1" "$WORK/reload.txt" || {
		cat "$WORK/reload.txt"
		fail "reload did not say: $1"
	}
}

# console CODE: what the console prints.
console() {
	printf '%s\n' "$1" | "$LUNEL" console "$SOCKET"
}

pings() {
	start "$1" "ping-$1" ping -n -i 0.005 10.8.0.1
	PINGS="$PINGS $STARTED"
}

begin server
server_script 1 1194 "route 10.77.0.0 255.255.0.0" </dev/null
start_lunel server "$WORK/server.lua"
[ "$(stat -c %a "$SOCKET")" = 600 ] || fail "the control socket is not for its owner alone"

CLIENT_NAME=ours-$$
cat >"$WORK/$CLIENT_NAME.lua" <<-LUA
	local vpn = require "lunel"
	vpn.client {
	  remotes = { vpn.remote { "192.0.2.1", 1194, "udp" } },
	  tls = { ca = "$WORK/pki/ca.crt", cert = "$WORK/pki/client.crt", key = "$WORK/pki/client.key" },
	  on = {
	    up = function(sess) sess.vars.n = (sess.vars.n or 0) + 1 end,
	    adopted = function(sess)
	      vpn.log("test").info("adopted", { n = sess.vars.n, at = sess.remote.host, up = tostring(sess:is_up()) })
	    end,
	  },
	}
LUA
start_client client "$WORK/$CLIENT_NAME.lua"
wait_up 10
OURS=$CLIENT_PID
PROFILE_CERT=stock CLIENT_NAME=stock start_openvpn stock "$WORK/pki" "198.51.100.1 1194 udp"
CLIENT_NAME=stock wait_up 10
PINGS=
pings client
pings stock

echo "-- a file with errors changes nothing"
cp "$WORK/server.lua" "$WORK/good.lua"
server_script 9 1194 "route 10.9.0.0 255.255.0.0" <<'LUA'
conf.pusch = {}
conf.on.authorise = print
LUA
"$LUNEL" reload "$SOCKET" >"$WORK/reload.txt" 2>&1
[ $? -eq 2 ] || fail "a bad file's exit status is not 2"
reload_says "server.lua:[0-9]+: pusch: there is no key of this name; did you mean 'push'\?"
reload_says "server.lua:[0-9]+: on.authorise: there is no key of this name; did you mean 'authorize'\?"
reload_says 'nothing has changed'
server_says 'The configuration was not reloaded' 5
[ "$(console 'print("said", 1)')" = 'said 1' ] || fail "the console does not show what is printed"
[ "$(console 'vpn.filter(peers(), function(p) return p.cn == "stock" end)[1].cn')" = '"stock"' ] ||
	fail "the console does not find stock"

echo "-- a question that is open is answered by who was asked"
cp "$WORK/good.lua" "$WORK/server.lua"
PROFILE_CERT=late CLIENT_NAME=late start_openvpn late "$WORK/pki" "198.51.100.5 1194 udp"
server_says 'test.asked by=1 who=late' 10
server_script 2 1194 "route 10.78.0.0 255.255.0.0" </dev/null
reload_ok
reload_says 'reloaded: 1 kept, 0 opened, 0 stopped'
server_says 'test.adopted by=2 list=true since=1 who=client' 5
server_says 'test.adopted by=2 list=true since=1 who=stock' 5
server_says 'office: what is not plain data did not pass to the new script: .*vars.lost' 5
# The answer is the old script's, the news is the new one's, and has what the old one left.
server_says 'test.up by=2 vars=1 who=late' 10
CLIENT_NAME=late wait_up 10
[ "$(says_times "$WORK/$SERVER_NAME.log" 'test.asked by=2')" -eq 0 ] || fail "late was asked about twice"
[ "$(console 'peers("late")[1].vars.before')" = '"wait"' ] || fail "vars of who was coming are lost"

echo "-- SIGHUP; what counts at once, and what needs a restart"
stop "$CLIENT_PID" TERM 5
server_script 3 1195 "route 10.79.0.0 255.255.0.0" <<'LUA'
vpn.server { name = "second", listen = "127.0.0.1:1199/udp", server = "10.9.0.0/24", tls = conf.tls }
LUA
kill -s HUP "$SERVER_PID"
server_says 'Reloaded: 1 kept, 1 opened, 0 stopped' 10
server_says 'office: needs a restart: listen' 5
PROFILE_CERT=late CLIENT_NAME=late-again start_openvpn late "$WORK/pki" "198.51.100.5 1194 udp"
CLIENT_NAME=late-again wait_up 10
wait_for "$WORK/late-again.log" 'PUSH_REPLY.*route 10.79.0.0 255.255.0.0' 1 || fail "the old options were pushed"
server_says 'test.asked by=3 who=late' 5
[ "$(console '#tunnels()')" = 2 ] || fail "the second server is not there"
server_script 4 1194 "route 10.80.0.0 255.255.0.0" </dev/null
reload_ok
reload_says 'reloaded: 1 kept, 0 opened, 1 stopped'
[ "$(console '#tunnels()')" = 1 ] || fail "the second server is there yet"

echo "-- the client's own script"
"$LUNEL" reload "ours-$$" >"$WORK/reload.txt" || fail "the client was not reloaded"
CLIENT_PID=$OURS client_says 'test.adopted at=192.0.2.1 n=1 up=true' 5

echo "-- nothing was lost"
for pid in $PINGS; do
	kill -s INT "$pid"
	wait "$pid"
done
for name in client stock; do
	# The last one may be on its way yet when ping is ended; all before it have come back.
	awk '/icmp_seq=/ { sub(/.*icmp_seq=/, ""); seen[$1 + 0] = 1; if ($1 > most) most = $1 + 0 }
		/packets transmitted/ { sent = $1 }
		END { for (i = 1; i <= most; i++) lost += !seen[i]; exit lost > 0 || most < sent - 1 || most < 100 }
	' "$WORK/ping-$name.log" || {
		tail -n 3 "$WORK/ping-$name.log"
		fail "pings of $name were lost"
	}
	sed -n "s/^/$name: /; /transmitted/p" "$WORK/ping-$name.log"
done
[ "$(console 'kill("client", "enough")')" = 1 ] || fail "the console does not kill"
server_says 'test.gone by=4 who=client' 10
stop "$OURS" TERM 5 || fail "our client did not end cleanly"
stop "$SERVER_PID" TERM 8 || fail "the server did not end cleanly"
[ ! -e "$SOCKET" ] || fail "the control socket is there yet"
