# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# What the interop tests and the demo share: network namespaces, a throw-away PKI, OpenVPN as the
# other end, waiting by condition. Source it at the top of a script:
#
#   . "${0%/*}/lib.sh"
#
# Everything a script makes carries its process id, so that two can run at once, and goes away
# when it ends, however it ends. $WORK is the script's own directory; logs in it (*.log) are
# shown when the script fails. KEEP=1 leaves $WORK.
#
# The environment: LUNEL the client under test, LUNEL_ALL=1 whole matrices, LUNEL_ROTATE a number
# that picks the part of a thinned matrix, LUNEL_DEMO_CLIENT another client (for valgrind).

set -u
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

LUNEL=${LUNEL:-${LUNEL_BUILD:-$PWD/build}/bin/lunel}
# Where the programs of tests/interop/*.c are.
TOOLS=${LUNEL_BUILD:-${LUNEL%/bin/lunel}}/tests/interop
NS_ID=lnl$$
NS_LIST=
PID_LIST=
SERVER_PID=
CLIENT_PID=
WORK=$(mktemp -d "${TMPDIR:-/tmp}/lunel.XXXXXX") || exit 1

# ---- ending ----

fail() {
	echo "FAILED: $*"
	exit 1
}

# Say why this test cannot run here, for ctest and ./run to see.
skip() {
	echo "SKIPPED: $*"
	exit 77
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	[ -c /dev/net/tun ] || skip "needs /dev/net/tun"
}

need_program() {
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "needs $program"
	done
}

alive() {
	# A zombie is not alive: its parent, this shell, has not asked for its status yet.
	case $(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) in
	'' | Z | X) return 1 ;;
	esac
}

# stop PID [SIGNAL [SECONDS]]: end a process of ours and return its exit status; 1 when it had to
# be killed.
stop() {
	kill -s "${2:-TERM}" "$1" 2>/dev/null
	waited=0
	while alive "$1"; do
		if [ "$waited" -ge $((${3:-5} * 20)) ]; then
			kill -s KILL "$1" 2>/dev/null
			wait "$1" 2>/dev/null
			return 1
		fi
		sleep 0.05
		waited=$((waited + 1))
	done
	wait "$1" 2>/dev/null
}

show_logs() {
	for log in "$WORK"/*.log; do
		[ -s "$log" ] || continue
		echo "---- ${log##*/} (its end)"
		tail -n "${LOG_LINES:-40}" "$log"
	done
}

clean_up() {
	status=$?
	trap - EXIT
	trap '' INT TERM HUP
	case $status in 0 | 77 | 129 | 130 | 143) ;; *) show_logs ;; esac
	for pid in $PID_LIST; do
		alive "$pid" && kill -s TERM "$pid" 2>/dev/null
	done
	for pid in $PID_LIST; do
		stop "$pid" TERM 2
	done
	ns_clean
	if [ "${KEEP:-0}" = 1 ]; then
		echo "kept: $WORK"
	else
		rm -rf "$WORK"
	fi
	exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- namespaces ----

# The system's name of our namespace |$1|.
ns() {
	echo "$NS_ID-$1"
}

# ns_make NAME...: network namespaces with loopback up.
ns_make() {
	for name in "$@"; do
		ip netns add "$(ns "$name")" || fail "cannot make a network namespace"
		NS_LIST="$NS_LIST $name"
		in_ns "$name" ip link set lo up
	done
}

# ns_kill NAME: whatever still runs there is ours: nobody else knows the name.
ns_kill() {
	for pid in $(ip netns pids "$(ns "$1")" 2>/dev/null); do
		kill -s KILL "$pid" 2>/dev/null
	done
}

ns_clean() {
	for name in $NS_LIST; do
		ns_kill "$name"
		ip netns del "$(ns "$name")" 2>/dev/null
	done
	NS_LIST=
}

in_ns() {
	where=$(ns "$1")
	shift
	ip netns exec "$where" "$@"
}

# ns_link A ADDRESSES B ADDRESSES: a cable from A (device to-B) to B (device to-A). ADDRESSES is
# one word or several, each an address with its prefix length, of either family.
ns_link() {
	ip link add "to-$3" netns "$(ns "$1")" type veth peer name "to-$1" netns "$(ns "$3")" ||
		fail "cannot make a veth pair"
	for address in $2; do
		ns_address "$1" "to-$3" "$address"
	done
	for address in $4; do
		ns_address "$3" "to-$1" "$address"
	done
	in_ns "$1" ip link set "to-$3" up
	in_ns "$3" ip link set "to-$1" up
}

ns_address() {
	case $3 in
	*:*) in_ns "$1" ip -6 address add "$3" dev "$2" nodad ;;
	*) in_ns "$1" ip address add "$3" dev "$2" ;;
	esac
}

# start NS LOG COMMAND...: run COMMAND in the background in NS, output to $WORK/LOG.log; its
# process id in $STARTED.
start() {
	where=$(ns "$1")
	log=$WORK/$2.log
	shift 2
	# Before it is started: what an earlier one of that name said is no answer to wait_for.
	: >"$log"
	ip netns exec "$where" "$@" >"$log" 2>&1 </dev/null &
	STARTED=$!
	PID_LIST="$PID_LIST $STARTED"
}

# ---- waiting ----

# wait_for FILE REGEX SECONDS [PID]: until a line of FILE matches; fails when time is up or PID
# has ended.
wait_for() {
	waited=0
	while ! grep -Eq -- "$2" "$1" 2>/dev/null; do
		if [ -n "${4:-}" ] && ! alive "$4"; then
			# It may have said so with its last breath.
			grep -Eq -- "$2" "$1" 2>/dev/null && return 0
			echo "ended while waiting for: $2"
			return 1
		fi
		if [ "$waited" -ge $(($3 * 20)) ]; then
			echo "not seen within $3 s: $2"
			return 1
		fi
		sleep 0.05
		waited=$((waited + 1))
	done
}

# wait_until SECONDS COMMAND...: until COMMAND succeeds.
wait_until() {
	limit=$(($1 * 20))
	shift
	waited=0
	until "$@" >/dev/null 2>&1; do
		[ "$waited" -lt "$limit" ] || return 1
		sleep 0.05
		waited=$((waited + 1))
	done
}

# case_chosen INDEX PARTS: whether case INDEX of a matrix belongs to this run's part.
case_chosen() {
	[ "${LUNEL_ALL:-0}" = 1 ] || [ $((($1 + ${LUNEL_ROTATE:-0}) % $2)) -eq 0 ]
}

# modes_of NUMBER: the ways of moving packets that cell NUMBER of a run is tried with; all in a whole run.
modes_of() {
	if [ "${LUNEL_ALL:-0}" = 1 ]; then
		echo full batch single
		return
	fi
	case $(($1 % 4)) in
	1) echo batch ;;
	3) echo single ;;
	*) echo full ;;
	esac
}

# matrix PARTS: what `cell PROTO WRAP CIPHER`, with `offload` MODE, says of each cell of this run's part,
# in a shell of its own, so that the next one runs whatever happens; a cell that is well leaves its line
# in $WORK/verdict. Fails when one is not.
matrix() {
	matrix_row=0
	matrix_bad=0
	matrix_number=0
	printf '%-4s %-13s %-18s %-7s %8s  %s\n' over wrap cipher offload seconds "10 MB each way"
	for matrix_proto in udp tcp; do
		for matrix_wrap in $WRAPS; do
			matrix_column=0
			for matrix_cipher in $CIPHERS; do
				# A diagonal: each part has every wrapping and every cipher.
				matrix_index=$((matrix_row + matrix_column))
				matrix_column=$((matrix_column + 1))
				case_chosen $matrix_index "$1" || continue
				for MODE in $(modes_of "$matrix_number"); do
					matrix_cell "$matrix_proto" "$matrix_wrap" "$matrix_cipher"
				done
				matrix_number=$((matrix_number + 1))
			done
			matrix_row=$((matrix_row + 1))
		done
	done
	[ "$matrix_bad" -eq 0 ] || fail "$matrix_bad cells failed"
}

matrix_cell() {
	matrix_begin=$(now_ms)
	: >"$WORK/verdict"
	if (cell "$@") >"$WORK/cell.txt" 2>&1; then
		matrix_verdict=$(tr '\n' ' ' <"$WORK/verdict")
	else
		matrix_verdict=$(tail -n 1 "$WORK/cell.txt")
		matrix_bad=$((matrix_bad + 1))
		# The first few say enough.
		[ "$matrix_bad" -gt 2 ] || show_logs
	fi
	rm -f "$WORK"/*.log
	matrix_took=$(($(now_ms) - matrix_begin))
	printf '%-4s %-13s %-18s %-7s %5d.%02d  %s\n' "$@" "$MODE" $((matrix_took / 1000)) \
		$((matrix_took % 1000 / 10)) "$matrix_verdict"
	ns_kill client
	ns_kill server
}

# copied: how long the last copy took.
copied() {
	sed -n 's/.* in \([0-9.]* s\)$/\1/p' "$WORK/copy.txt"
}

# ---- keys and certificates ----

pki_key() {
	case $1 in
	ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
	rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
	ed25519) openssl genpkey -algorithm ED25519 -out "$2" ;;
	*) fail "pki: unknown key type $1" ;;
	esac 2>/dev/null || fail "pki: no $1 key"
}

# pki_make DIR ec|rsa|ed25519 [SUBJECT]: a CA with that subject, certificates "server" and
# "client", and static keys ta.key (tls-auth) and tc.key (tls-crypt), in DIR.
pki_make() {
	mkdir -p "$1/issued"
	echo "$2" >"$1/type"
	: >"$1/index.txt"
	echo 1000 >"$1/serial"
	echo 1000 >"$1/crlnumber"
	case $2 in ed25519) digest=null ;; *) digest=sha256 ;; esac
	cat >"$1/ca.cnf" <<-CNF
		[ca]
		default_ca = ca_default
		[ca_default]
		database = $1/index.txt
		new_certs_dir = $1/issued
		serial = $1/serial
		crlnumber = $1/crlnumber
		certificate = $1/ca.crt
		private_key = $1/ca.key
		default_md = $digest
		default_days = 30
		default_crl_days = 30
		policy = any
		unique_subject = no
		[any]
		countryName = optional
		organizationName = optional
		organizationalUnitName = optional
		commonName = supplied
		emailAddress = optional
		[req]
		distinguished_name = dn
		prompt = no
		[dn]
		CN = unused
		[root]
		basicConstraints = critical, CA:TRUE
		keyUsage = critical, keyCertSign, cRLSign
		subjectKeyIdentifier = hash
		[server]
		basicConstraints = CA:FALSE
		keyUsage = digitalSignature, keyEncipherment
		extendedKeyUsage = serverAuth
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
		[client]
		basicConstraints = CA:FALSE
		keyUsage = digitalSignature
		extendedKeyUsage = clientAuth
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
		[none]
		basicConstraints = CA:FALSE
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
	CNF
	pki_key "$2" "$1/ca.key"
	openssl req -new -x509 -key "$1/ca.key" -days 30 -subj "${3:-/O=Lunel Test/CN=Test CA}" \
		-config "$1/ca.cnf" -extensions root -out "$1/ca.crt" || fail "pki: no CA"
	pki_issue "$1" server server "/O=Lunel Test/CN=server.example"
	pki_issue "$1" client client "/O=Lunel Test/CN=client"
	pki_static "$1/ta.key"
	pki_static "$1/tc.key"
}

# pki_issue DIR NAME server|client|none SUBJECT [NOT-BEFORE NOT-AFTER]: NAME.key and NAME.crt;
# dates as YYYYMMDDHHMMSSZ. PKI_SAN adds a subjectAltName, in openssl's syntax.
pki_issue() {
	[ -f "$1/$2.key" ] || pki_key "$(cat "$1/type")" "$1/$2.key"
	openssl req -new -key "$1/$2.key" -subj "$4" -config "$1/ca.cnf" -out "$1/$2.csr" ||
		fail "pki: no request for $2"
	{
		sed -n "/^\[$3\]/,/^\[/p" "$1/ca.cnf" | grep '='
		[ -z "${PKI_SAN:-}" ] || echo "subjectAltName = $PKI_SAN"
	} >"$1/$2.ext"
	openssl ca -batch -notext -config "$1/ca.cnf" -in "$1/$2.csr" -extfile "$1/$2.ext" \
		${5:+-startdate "$5" -enddate "$6"} -out "$1/$2.crt" >"$1/$2.out" 2>&1 || {
		cat "$1/$2.out"
		fail "pki: $2 not signed"
	}
}

# pki_revoke DIR [NAME...]: revoke those and write DIR/crl.pem.
pki_revoke() {
	pki_dir=$1
	shift
	for name in "$@"; do
		openssl ca -config "$pki_dir/ca.cnf" -revoke "$pki_dir/$name.crt" 2>/dev/null ||
			fail "pki: $name not revoked"
	done
	openssl ca -config "$pki_dir/ca.cnf" -gencrl -out "$pki_dir/crl.pem" 2>/dev/null ||
		fail "pki: no CRL"
}

# A static key file of OpenVPN: 256 random bytes in hex.
pki_static() {
	{
		echo "-----BEGIN OpenVPN Static key V1-----"
		openssl rand -hex 256 | fold -w 32
		echo "-----END OpenVPN Static key V1-----"
	} >"$1"
	chmod 600 "$1"
}

# pki_crypt_v2 DIR: v2-server.key and v2-client.key, for tls-crypt-v2.
pki_crypt_v2() {
	openvpn --genkey tls-crypt-v2-server "$1/v2-server.key" >/dev/null || fail "no v2 server key"
	openvpn --tls-crypt-v2 "$1/v2-server.key" --genkey tls-crypt-v2-client "$1/v2-client.key" \
		>/dev/null || fail "no v2 client key"
}

# ---- the two ends ----

# start_server NS PKI [OPTION...]: Debian's openvpn on UDP port 1194, tunnel 10.8.0.0/24, ready
# when this returns; later options win. Its log is $WORK/${SERVER_NAME:-server}.log, its process
# $SERVER_PID.
start_server() {
	server_ns=$1
	server_pki=$2
	server_log=${SERVER_NAME:-server}
	shift 2
	start "$server_ns" "$server_log" openvpn --verb 4 --dev tun --topology subnet \
		--server 10.8.0.0 255.255.255.0 --proto udp --port 1194 --keepalive 10 60 \
		--ca "$server_pki/ca.crt" --cert "$server_pki/server.crt" --key "$server_pki/server.key" \
		--dh none --persist-key --persist-tun "$@"
	SERVER_PID=$STARTED
	wait_for "$WORK/$server_log.log" 'Initialization Sequence Completed' 15 "$SERVER_PID" ||
		fail "the server did not start"
}

# profile PKI REMOTE [LINE...]: a client's profile with everything inline, on standard output.
# REMOTE is "host port proto".
profile() {
	profile_pki=$1
	printf 'client\ndev tun\nnobind\nverb 3\nremote-cert-tls server\nremote %s\n' "$2"
	shift 2
	for line in "$@"; do
		printf '%s\n' "$line"
	done
	for block in ca cert key; do
		file=$profile_pki/$block.crt
		case $block in
		cert) file=$profile_pki/${PROFILE_CERT:-client}.crt ;;
		key) file=$profile_pki/${PROFILE_CERT:-client}.key ;;
		esac
		printf '<%s>\n%s\n</%s>\n' "$block" "$(cat "$file")" "$block"
	done
}

# inline TAG FILE: an inline block, for a line of |profile|.
inline() {
	printf '<%s>\n%s\n</%s>' "$1" "$(cat "$2")" "$1"
}

# start_client NS PROFILE [ARGUMENT...]: the client under test; its log is
# $WORK/${CLIENT_NAME:-client}.log, its process $CLIENT_PID.
start_client() {
	client_ns=$1
	shift
	net_state "$client_ns" >"$WORK/${CLIENT_NAME:-client}.before"
	# shellcheck disable=SC2086
	start "$client_ns" "${CLIENT_NAME:-client}" ${LUNEL_DEMO_CLIENT:-"$LUNEL"} "$@"
	CLIENT_PID=$STARTED
}

# start_lunel NS FILE [ARGUMENT...]: our own server, ready when this returns; its log is
# $WORK/${SERVER_NAME:-server}.log, its process $SERVER_PID.
start_lunel() {
	lunel_ns=$1
	shift
	start "$lunel_ns" "${SERVER_NAME:-server}" "$LUNEL" "$@"
	SERVER_PID=$STARTED
	wait_for "$WORK/${SERVER_NAME:-server}.log" 'Initialization Sequence Completed' 10 \
		"$SERVER_PID" || fail "our server did not start"
}

# start_openvpn NS PKI REMOTE [OPTION...]: Debian's openvpn as a client; REMOTE is "host port proto".
# Its log is $WORK/${CLIENT_NAME:-client}.log, its process $CLIENT_PID.
start_openvpn() {
	client_ns=$1
	openvpn_pki=$2
	openvpn_remote=$3
	openvpn_cert=${PROFILE_CERT:-client}
	shift 3
	net_state "$client_ns" >"$WORK/${CLIENT_NAME:-client}.before"
	# shellcheck disable=SC2086
	start "$client_ns" "${CLIENT_NAME:-client}" openvpn --verb 4 --client --dev tun --nobind \
		--remote $openvpn_remote --connect-retry 1 2 --remote-cert-tls server \
		--ca "$openvpn_pki/ca.crt" --cert "$openvpn_pki/$openvpn_cert.crt" \
		--key "$openvpn_pki/$openvpn_cert.key" "$@"
	CLIENT_PID=$STARTED
}

# wait_up SECONDS: until the client says the tunnel is up.
wait_up() {
	wait_for "$WORK/${CLIENT_NAME:-client}.log" 'Initialization Sequence Completed' "$1" \
		"$CLIENT_PID" || fail "the tunnel did not come up"
}

# The client is asked to end: with status 0, and no device, address or route left behind.
end_client() {
	stop "$CLIENT_PID" TERM 5 || fail "the client did not end cleanly"
	client_gone
}

client_left_nothing() {
	net_state "$client_ns" >"$WORK/${CLIENT_NAME:-client}.after"
	cmp -s "$WORK/${CLIENT_NAME:-client}.before" "$WORK/${CLIENT_NAME:-client}.after"
}

# client_gone: of a client that has ended nothing is left.
client_gone() {
	client_left_nothing || {
		diff -u "$WORK/${CLIENT_NAME:-client}.before" "$WORK/${CLIENT_NAME:-client}.after"
		fail "the client left something behind"
	}
}

# Devices, addresses and routes of a namespace; but the kernel takes its time with link-local ones.
net_state() {
	in_ns "$1" ip -br address | awk '{ out = $1; for (i = 3; i <= NF; i++) if ($i !~ /^fe80:/) out = out " " $i; print out }'
	in_ns "$1" ip -4 route show table all
	in_ns "$1" ip -6 route show table all | grep -Ev '(^| )(fe80|ff00):'
	in_ns "$1" ip rule
}

# client_says REGEX [SECONDS]: until the client logs it.
client_says() {
	wait_for "$WORK/${CLIENT_NAME:-client}.log" "$1" "${2:-10}" "$CLIENT_PID" ||
		fail "the client did not say: $1"
}

server_says() {
	wait_for "$WORK/${SERVER_NAME:-server}.log" "$1" "${2:-10}" "$SERVER_PID" ||
		fail "the server did not say: $1"
}

# says_times FILE REGEX: in how many lines.
says_times() {
	grep -Ec -- "$2" "$1" 2>/dev/null || :
}

# says_often FILE REGEX TIMES: in at least so many lines.
says_often() {
	[ "$(says_times "$1" "$2")" -ge "$3" ]
}

# wait_ups TIMES SECONDS: until the client was up so many times.
wait_ups() {
	wait_until "$2" says_often "$WORK/${CLIENT_NAME:-client}.log" \
		'Initialization Sequence Completed' "$1" || fail "the client was not up $1 times"
}

client_ended() {
	! alive "$CLIENT_PID"
}

# client_fails REGEX [STATUS]: the client ends by itself with that status (1), has said why, and
# left nothing behind.
client_fails() {
	wait_until 15 client_ended || fail "the client goes on"
	wait "$CLIENT_PID"
	client_status=$?
	[ "$client_status" -eq "${2:-1}" ] || fail "exit status $client_status"
	grep -Eq -- "$1" "$WORK/${CLIENT_NAME:-client}.log" || fail "the client did not say: $1"
	client_gone
}

# two_ends KEYS: what nearly every test begins with: a PKI in $WORK/pki, and namespaces "server"
# and "client" with a cable between them.
two_ends() {
	need_root
	need_program openvpn ip ping openssl
	pki_make "$WORK/pki" "$1"
	ns_make server client
	ns_link server "192.0.2.1/24 fd00:2::1/64" client "192.0.2.2/24 fd00:2::2/64"
}

# begin NAME: a test of several cases; its logs get that name.
begin() {
	SERVER_NAME=server-$1
	CLIENT_NAME=client-$1
	echo "-- $1"
}

# done_with: the end of a case.
done_with() {
	end_client
	stop "$SERVER_PID" TERM 5
	ns_kill server
	rm -f "$WORK"/*.log
}

# parallel CASE...: shell functions that begin a case and start a client, each in a process of its
# own; at the end of each a client that is still there is asked to go. Namespaces have to be made
# before.
parallel() {
	parallel_jobs=
	parallel_bad=
	for job in "$@"; do
		(
			$job
			client_ended || end_client
		) >"$WORK/$job.txt" 2>&1 &
		parallel_jobs="$parallel_jobs $!:$job"
	done
	for job in $parallel_jobs; do
		if wait "${job%%:*}"; then
			printf '%-16s ok\n' "${job#*:}"
		else
			parallel_bad="$parallel_bad ${job#*:}"
			printf '%-16s %s\n' "${job#*:}" "$(tail -n 1 "$WORK/${job#*:}.txt")"
			cat "$WORK/${job#*:}.txt"
		fi
	done
	[ -z "$parallel_bad" ] || fail "$parallel_bad"
}

# ---- wrappings of the control channel ----

# For the tests that source this file.
# shellcheck disable=SC2034
WRAPS="none tls-auth-dir tls-auth tls-crypt tls-crypt-v2"
# shellcheck disable=SC2034
CIPHERS="AES-256-GCM AES-128-GCM CHACHA20-POLY1305 AES-256-CBC"

# What OpenVPN is given on its command line: wrap_openvpn server|client WRAP.
wrap_openvpn() {
	case $2 in
	tls-auth-dir) [ "$1" = server ] && direction=0 || direction=1 ;;
	esac
	case $1:$2 in
	*:tls-auth-dir) echo "--tls-auth $WORK/pki/ta.key $direction" ;;
	*:tls-auth) echo "--tls-auth $WORK/pki/ta.key" ;;
	*:tls-crypt) echo "--tls-crypt $WORK/pki/tc.key" ;;
	server:tls-crypt-v2) echo "--tls-crypt-v2 $WORK/pki/v2-server.key force-cookie" ;;
	client:tls-crypt-v2) echo "--tls-crypt-v2 $WORK/pki/v2-client.key" ;;
	esac
}

# Lines of a client's profile.
wrap_profile() {
	case $1 in
	tls-auth-dir) printf 'key-direction 1\n%s' "$(inline tls-auth "$WORK/pki/ta.key")" ;;
	tls-auth) inline tls-auth "$WORK/pki/ta.key" ;;
	tls-crypt) inline tls-crypt "$WORK/pki/tc.key" ;;
	tls-crypt-v2) inline tls-crypt-v2 "$WORK/pki/v2-client.key" ;;
	esac
}

# Fields of a Lua server's `tls`.
wrap_lua() {
	case $1 in
	tls-auth-dir) echo "auth = \"$WORK/pki/ta.key\", key_direction = 0," ;;
	tls-auth) echo "auth = \"$WORK/pki/ta.key\"," ;;
	tls-crypt) echo "crypt = \"$WORK/pki/tc.key\"," ;;
	tls-crypt-v2) echo "crypt_v2 = \"$WORK/pki/v2-server.key\"," ;;
	esac
}

# now_ms: the time since the start of the machine.
now_ms() {
	read -r uptime _ </proc/uptime
	echo "${uptime%.*}${uptime#*.}0"
}

# ---- through the tunnel ----

# ping_ok NS ADDRESS [ARGUMENT...]: three answers to three pings.
ping_ok() {
	ping_ns=$1
	ping_to=$2
	shift 2
	in_ns "$ping_ns" ping -n -q -c 3 -i 0.02 -W 3 "$@" "$ping_to" >"$WORK/ping-$ping_ns.txt" 2>&1 ||
		{
			cat "$WORK/ping-$ping_ns.txt"
			fail "no answer to pings from $ping_ns to $ping_to"
		}
}

# start_traffic NS ADDRESS: the other end of |copy| and |flood|.
start_traffic() {
	[ -x "$TOOLS/traffic" ] || fail "$TOOLS/traffic is not built"
	start "$1" "traffic-$2" "$TOOLS/traffic" serve "$2" 5201
	TRAFFIC_PID=$STARTED
	wait_for "$WORK/traffic-$2.log" ready 5 "$TRAFFIC_PID" || fail "no traffic server"
}

# copy NS ADDRESS [BYTES]: so many bytes each way (10 MB), checked at both ends. What the program
# said is in $WORK/copy.txt.
copy() {
	in_ns "$1" timeout 60 "$TOOLS/traffic" copy "$2" 5201 "${3:-10485760}" "${3:-10485760}" \
		>"$WORK/copy.txt" 2>&1 || {
		cat "$WORK/copy.txt"
		fail "the copy from $1 to $2 failed"
	}
}
