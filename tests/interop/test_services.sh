#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What scripts ask of others: probes of OpenVPN's servers with each kind of wrapping, also around a
# tunnel that takes everything else, and HTTPS; all of it after privileges were dropped.

# shellcheck source=tests/interop/lib.sh
. "${0%/*}/lib.sh"
need_program python3
two_ends ec
FAR=198.51.100.9
pki_crypt_v2 "$WORK/pki"
pki_make "$WORK/other" ec
PKI_SAN=IP:192.0.2.1 pki_issue "$WORK/pki" web server "/CN=web"
in_ns server ip address add $FAR/32 dev lo
in_ns server sysctl -qw net.ipv4.ip_forward=1
in_ns client ip route add default via 192.0.2.1

# a_server NAME PORT [OPTION...]
a_server() {
	SERVER_NAME=$1
	port=$2
	shift 2
	start_server server "$WORK/pki" --port "$port" --server "10.9.$((port - 1200)).0" 255.255.255.0 "$@"
}

# HTTPS, on one port for anybody and on the next for who has a certificate.
cat >"$WORK/https.py" <<'PY'
import http.server, json, ssl, sys, threading
pki = sys.argv[1]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        who = self.connection.getpeercert() or {}
        body = json.dumps({"who": str(who.get("subject", "nobody"))}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
for port in (8443, 8444):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki + "/web.crt", pki + "/web.key")
    if port == 8444:
        context.load_verify_locations(pki + "/ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("192.0.2.1", port), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
PY
start server https python3 "$WORK/https.py" "$WORK/pki"
a_server plain 1201
a_server auth 1202 --tls-auth "$WORK/pki/ta.key" 0
a_server crypt 1203 --multihome --tls-crypt "$WORK/pki/tc.key"
a_server v2 1204 --tls-crypt-v2 "$WORK/pki/v2-server.key"
a_server tcp 1205 --proto tcp-server --tls-crypt "$WORK/pki/tc.key"
wait_for "$WORK/https.log" ready 10 || fail "no HTTPS server"

cat >"$WORK/common.lua" <<-LUA
	local vpn = require "lunel"
	local log = vpn.log "test"
	local pki = "$WORK/pki/"
	local function read(name)
	  local f = assert(io.open(pki .. name))
	  local text = f:read "*a"
	  f:close()
	  return text
	end
	local function client(more)
	  return vpn.merge({ user = "nobody", dev_type = "tun",
	    tls = { ca = pki .. "ca.crt", cert = pki .. "client.crt", key = pki .. "client.key" } }, more)
	end
	local function told(name, seconds, why)
	  log.info("probe", { name = name, ok = seconds ~= nil, why = why,
	                      fine = seconds and seconds > 0 and seconds < 1 })
	end
LUA

begin each-wrapping
{
	cat "$WORK/common.lua"
	cat <<'LUA'
-- Each probes its own server and those that have other keys or are not there; none connects.
local function asker(name, port, proto, tls)
  vpn.client(client { dev = "lnl" .. name, tls = tls, on = {
    select_remote = function()
      told(name, vpn.probe({ "192.0.2.1", port, proto }))
      told(name .. "-closed", vpn.probe({ "192.0.2.1", 1299, proto }, { timeout = 0.5 }))
      local other = proto == "tcp" and 1205 or name == "crypt" and 1202 or 1203
      if other ~= port then
        told(name .. "-other", vpn.probe({ "192.0.2.1", other, proto }, { timeout = 0.3 }))
      end
      log.info("asked", { name = name })
      return vpn.remote { "192.0.2.1", port, proto }, 1000
    end,
  }, remotes = { vpn.remote { "192.0.2.1", port, proto } } })
end
asker("plain", 1201, "udp", {})
asker("auth", 1202, "udp", { auth = pki .. "ta.key", key_direction = 1 })
asker("crypt", 1203, "udp", { crypt = pki .. "tc.key" })
asker("v2", 1204, "udp", { crypt_v2 = pki .. "v2-client.key" })
asker("tcp", 1205, "tcp", { crypt = pki .. "tc.key" })

local ca, other_ca, cert, key = read "ca.crt", read "../other/ca.crt", read "client.crt", read "client.key"
vpn.spawn(function()
  local function ask(name, port, o)
    local res, err = vpn.http.get("https://192.0.2.1:" .. port .. "/", o)
    log.info("https", { name = name, status = res and res.status or 0,
                        said = res and res.json.who or err:match "^[^:]*" })
  end
  ask("known", 8443, { ca = ca })
  ask("stranger", 8443, { ca = other_ca })
  ask("system", 8443)
  ask("insecure", 8443, { insecure = true })
  ask("mark", 8443, { ca = ca, mark = 7 })
  ask("name", 8443, { ca = ca, headers = { Host = "other" } })
  ask("nobody", 8444, { ca = ca })
  ask("client", 8444, { ca = ca, cert = cert, key = key })
  local res, err = vpn.http.get("https://localhost:8443/", { ca = ca, timeout = 1 })
  log.info("https", { name = "elsewhere", said = res and "?" or err:match "^[^:]*" })
end)
LUA
} >"$WORK/$CLIENT_NAME.lua"
start_client client "$WORK/$CLIENT_NAME.lua"
for name in plain auth crypt v2 tcp; do
	wait_for "$WORK/$CLIENT_NAME.log" "test.asked.* name=$name( |\$)" 10 "$CLIENT_PID" || fail "$name did not ask"
	client_says "test.probe.*fine=true.* name=$name ok=true"
	client_says "test.probe.* name=$name-closed ok=false.*refused"
done
for name in plain auth crypt v2; do
	client_says "test.probe.* name=$name-other ok=false .*why=timeout"
done
client_says 'test.https.* name=elsewhere said=connect' 10
client_says 'test.https.* name=known said=nobody status=200'
client_says 'test.https.* name=stranger said=TLS status=0'
client_says 'test.https.* name=system said=TLS status=0'
client_says 'test.https.* name=insecure said=nobody status=200'
client_says 'test.https.* name=mark said=nobody status=200'
client_says 'test.https.* name=name said=nobody status=200'
client_says 'test.https.* name=nobody said=(TLS|http) status=0'
client_says 'test.https.* name=client said=.*client.* status=200'
stop "$CLIENT_PID" TERM 5 || fail "the client did not end cleanly"
# A probe over UDP made nobody of us there.
for name in plain auth crypt v2; do
	! grep 'TLS: Initial packet' "$WORK/$name.log" || fail "for the server $name it was more than a probe"
done

# With everything in the tunnel, a probe goes around it, and the way to our own server stays.
begin around

a_server redirect 1206 --push "redirect-gateway def1" --tls-crypt "$WORK/pki/tc.key"
{
	cat "$WORK/common.lua"
	cat <<-LUA
		vpn.client(client { dev = "lnlaround", tls = { crypt = pki .. "tc.key" },
		  remotes = { vpn.remote { "192.0.2.1", 1206, "udp" } }, explicit_exit_notify = 1, on = {
		  up = function(sess) vpn.spawn(function()
		    told("far", vpn.probe { "$FAR", 1203, "udp" })
		    log.info("line", { rtt = sess:rtt() > 0 and sess:rtt() < 1, loss = tostring(sess:loss()) })
		    while vpn.sleep(0.2) and not sess:loss() do sess:stats() end
		    log.info("lost", { loss = sess:loss() })
		  end) end,
		} })
	LUA
} >"$WORK/$CLIENT_NAME.lua"
start_client client "$WORK/$CLIENT_NAME.lua"
wait_up 10
client_says 'test.probe.*fine=true.* name=far ok=true' 5
client_says 'test.line.*rtt=true'
for address in $FAR 192.0.2.1; do
	in_ns client ip route get "$address" | grep -q ' dev to-server' || fail "$address goes into the tunnel"
done
in_ns client ip route get 203.0.113.1 | grep -q ' dev lnlaround' || fail "nothing goes into the tunnel"
ping_ok client 10.9.6.1
client_says 'test.lost.* loss=0( |$)' 10
end_client

# Both ends know what gets lost on the way: the relay drops one of ten packets in each direction.
begin lossy
{
	cat "$WORK/common.lua"
	cat <<-LUA
		vpn.server {
		  listen = { "192.0.2.1:1207/udp" }, server = "10.9.7.0/24", dev = "lnllossy", dev_type = "tun",
		  tls = { ca = pki .. "ca.crt", cert = pki .. "server.crt", key = pki .. "server.key",
		          crypt = pki .. "tc.key", timeout = 1 },
		  on = { established = function(peer) vpn.spawn(function()
		    while vpn.sleep(0.1) do
		      local rtt, loss, n = peer:rtt(), peer:loss(), peer:stats().rx_packets
		      if rtt and n > 200 and loss then
		        return log.info("peer", { rtt = rtt > 0 and rtt < 10, loss = loss > 0.02 and loss < 0.3 })
		      end
		    end
		  end) end },
		}
	LUA
} >"$WORK/$SERVER_NAME.lua"
start_lunel server "$WORK/$SERVER_NAME.lua"
start server relay-lossy "$TOOLS/relay" 192.0.2.1 1208 192.0.2.1 1207 1 100 0 0
wait_for "$WORK/relay-lossy.log" ready 5 "$STARTED" || fail "no relay"
{
	cat "$WORK/common.lua"
	cat <<-LUA
		vpn.client(client { dev = "lnllossy", tls = { crypt = pki .. "tc.key", timeout = 1 },
		  remotes = { vpn.remote { "192.0.2.1", 1208, "udp" } }, on = { up = function(sess) vpn.spawn(function()
		    while vpn.sleep(0.1) do
		      local loss, n = sess:loss(), sess:stats().rx_packets
		      if n > 200 and loss then
		        return log.info("ours", { loss = loss > 0.02 and loss < 0.3, rtt = sess:rtt() > 0 })
		      end
		    end
		  end) end } })
	LUA
} >"$WORK/$CLIENT_NAME.lua"
start_client client "$WORK/$CLIENT_NAME.lua"
wait_up 30
in_ns client ping -n -q -c 400 -i 0.004 -W 1 10.9.7.1 >"$WORK/ping.txt" 2>&1
client_says 'test.ours.* loss=true rtt=true' 10
server_says 'test.peer.* loss=true rtt=true' 10
end_client
