/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP, sockets and JSON as scripts have them, on a real engine, with servers of the test's own in
 * processes beside it.
 */
#include "test_bindings_engine.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bindings/task.h"

/* ---- the servers ---- */

struct servers {
	uint16_t http, lines, udp, shut;
	char path[64]; /* of a Unix socket that speaks as `lines` does */
	pid_t pid;
};

static struct servers servers;
static bool head_only; /* the request was HEAD */

static void say(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void answer(int fd, const char *status, const char *headers, const char *body, size_t len)
{
	char head[512];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
			 len, headers);

	say(fd, head, (size_t)n);
	if (!head_only)
		say(fd, body, len);
}

static void answer_text(int fd, const char *status, const char *headers, const char *body)
{
	answer(fd, status, headers, body, strlen(body));
}

static const char *header(const char *request, const char *name, char *out, size_t cap)
{
	const char *at = strcasestr(request, name);

	snprintf(out, cap, "%.*s", at ? (int)strcspn(at + strlen(name), "\r\n") : 0,
		 at ? at + strlen(name) : "");
	return out;
}

static void echo(int fd, const char *request, const char *body)
{
	char kind[128], auth[128], cookie[128], text[1024];

	snprintf(text, sizeof(text), "%.*s|%s|%s|%s|%s", (int)strcspn(request, " "), request,
		 header(request, "\nContent-Type: ", kind, sizeof(kind)),
		 header(request, "\nAuthorization: ", auth, sizeof(auth)),
		 header(request, "\nCookie: ", cookie, sizeof(cookie)), body);
	answer_text(fd, "200 OK", "", text);
}

static void big(int fd, size_t len)
{
	char *data = calloc(1, len);

	memset(data, 'x', len);
	answer(fd, "200 OK", "", data, len);
	free(data);
}

static void long_json(int fd)
{
	static const char item[] = "1.5,";
	size_t n = 500000, len = n * (sizeof(item) - 1) + 2;
	char *data = malloc(len);

	data[0] = '[';
	for (size_t i = 0; i < n; i++)
		memcpy(data + 1 + i * (sizeof(item) - 1), item, sizeof(item) - 1);
	data[len - 2] = ']';
	answer(fd, "200 OK", "Content-Type: application/json\r\n", data, len - 1);
	free(data);
}

static void long_headers(int fd)
{
	char line[1100];

	say(fd, "HTTP/1.1 200 OK\r\n", 17);
	for (int i = 0; i < 70; i++)
		say(fd, line, (size_t)snprintf(line, sizeof(line), "X-%d: %01000d\r\n", i, i));
	say(fd, "Content-Length: 0\r\n\r\n", 21);
}

/* One request of the |n|th connection; false: the connection ends. */
static bool reply(int fd, int n, const char *request, const char *body)
{
	const char *path = request + strcspn(request, "/");

	head_only = strncmp(request, "HEAD ", 5) == 0;
	char text[256];

#define IS(name) (strncmp(path, name " ", sizeof(name)) == 0)
	if (IS("/hello"))
		answer_text(fd, "200 OK", "X-A: 1\r\nx-a: 2\r\nContent-Type: text/plain\r\n",
			    "hello");
	else if (IS("/json"))
		answer_text(fd, "200 OK", "Content-Type: application/json; charset=utf-8\r\n",
			    "{\"role\":\"staff\",\"n\":[1,null]}");
	else if (IS("/long"))
		long_json(fd);
	else if (IS("/bad"))
		answer_text(fd, "200 OK", "Content-Type: application/problem+json\r\n", "{oops");
	else if (IS("/echo"))
		echo(fd, request, body);
	else if (IS("/big"))
		big(fd, 1048577);
	else if (IS("/fits"))
		big(fd, 1048576);
	else if (IS("/headers"))
		long_headers(fd);
	else if (IS("/count"))
		answer_text(fd, "200 OK", "", (snprintf(text, sizeof(text), "%d", n), text));
	else if (IS("/there"))
		answer_text(fd, "302 Found", "Location: /echo\r\n", "");
	else if (IS("/same"))
		answer_text(fd, "307 Temporary Redirect", "Location: /echo\r\n", "");
	else if (IS("/loop"))
		answer_text(fd, "302 Found", "Location: /loop\r\n", "");
	else if (IS("/file"))
		answer_text(fd, "302 Found", "Location: file:///etc/passwd\r\n", "");
	else if (IS("/away")) {
		snprintf(text, sizeof(text), "Location: http://localhost:%u/echo\r\n",
			 servers.http);
		answer_text(fd, "302 Found", text, "");
	} else if (IS("/silent"))
		pause();
	else if (IS("/cut"))
		return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", 41), false;
	else
		answer_text(fd, "404 Not Found", "", "no");
#undef IS
	return true;
}

static void serve_http(int fd, int n)
{
	static char buffer[65536];
	size_t len = 0;

	for (;;) {
		char *end, *body, length[32];
		size_t want;
		ssize_t got;

		buffer[len] = '\0';
		end = strstr(buffer, "\r\n\r\n");
		want = end ? strtoul(header(buffer, "\nContent-Length: ", length, sizeof(length)),
				     NULL, 10)
			   : 0;
		if (end && len >= (size_t)(end + 4 - buffer) + want) {
			body = end + 4;
			end[2] = '\0';
			body[want] = '\0';
			if (!reply(fd, n, buffer, body))
				return;
			len = 0;
			continue;
		}
		got = read(fd, buffer + len, sizeof(buffer) - 1 - len);
		if (got <= 0)
			return;
		len += (size_t)got;
	}
}

/* Says three lines once it was told a word, the last without an end; "quiet" is told nothing. */
static void serve_lines(int fd)
{
	char word[64] = "";
	ssize_t n = read(fd, word, sizeof(word) - 1);

	if (n > 0 && strncmp(word, "quiet", 5) == 0) {
		while (read(fd, word, sizeof(word)) > 0)
			;
		return;
	}
	if (n > 0 && strncmp(word, "flood", 5) == 0) {
		char *data = calloc(1, 2 << 20);

		say(fd, data, 2 << 20);
		free(data);
		return;
	}
	say(fd, word, (size_t)(n > 0 ? n : 0));
	say(fd, "one\r\ntwo\nthr", 12);
}

static int listen_at(uint16_t *port, int type)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	*port = ntohs(in.sin_port);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int listen_unix(char *path, size_t cap)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, cap, "/tmp/lunel-services-%d", (int)getpid());
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void serve(int http, int lines, int udp, int un)
{
	struct pollfd fds[] = {
		{ http, POLLIN, 0 }, { lines, POLLIN, 0 }, { udp, POLLIN, 0 }, { un, POLLIN, 0 }
	};
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	char data[65536];
	int n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	while (poll(fds, 4, -1) > 0) {
		for (int i = 0; i < 4; i++) {
			int fd;

			if (!fds[i].revents)
				continue;
			if (i == 2) {
				ssize_t len = recvfrom(udp, data, sizeof(data), 0,
						       (struct sockaddr *)&from, &from_len);

				sendto(udp, data, (size_t)len, 0, (struct sockaddr *)&from,
				       from_len);
				continue;
			}
			fd = accept(fds[i].fd, NULL, NULL);
			n += i == 0;
			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				if (i == 0)
					serve_http(fd, n);
				else
					serve_lines(fd);
				_exit(0);
			}
			close(fd);
		}
	}
	_exit(0);
}

static int start_servers(void **state)
{
	int http = listen_at(&servers.http, SOCK_STREAM), udp = listen_at(&servers.udp, SOCK_DGRAM);
	int lines = listen_at(&servers.lines, SOCK_STREAM);
	int un = listen_unix(servers.path, sizeof(servers.path));
	int shut = listen_at(&servers.shut, SOCK_STREAM);

	(void)state;
	close(shut); /* nobody is there any more */
	servers.pid = fork();
	if (servers.pid == 0)
		serve(http, lines, udp, un);
	close(http);
	close(udp);
	close(lines);
	close(un);
	return 0;
}

static int stop_servers(void **state)
{
	(void)state;
	kill(servers.pid, SIGKILL);
	unlink(servers.path);
	return 0;
}

/* ---- the engine ---- */

#define PRELUDE                                                                                    \
	"local core, services = require 'lunel.core', require 'lunel.services'\n"                  \
	"local http, json, connect = services.http, services.json, services.connect\n"             \
	"local HTTP, LINES, UDP, SHUT, PATH = %u, %u, %u, %u, '%s'\n"                              \
	"local BASE = 'http://127.0.0.1:' .. HTTP\n"                                               \
	"local out = {}\n"                                                                         \
	"package.loaded.out = out\n"                                                               \
	"local function put(...) for i = 1, select('#', ...) do\n"                                 \
	"  out[#out + 1] = tostring((select(i, ...))):match('^[^\\n]*') end end\n"                 \
	"local function spawn(fn, ...) return core.spawn(core.owner(), 'task', nil,\n"             \
	"  function(ok, ...) if not ok then put(...) else put(...) end end, fn, ...) end\n"

static void run_tasks(struct lnl_host *h, const char *code, const char *want)
{
	char text[8192], out[1024];
	struct lnl_fault fault;

	snprintf(text, sizeof(text), PRELUDE "%s\n", servers.http, servers.lines, servers.udp,
		 servers.shut, servers.path, code);
	if (run_lua(h->vm, text, LNL_SLICE_LOAD, NULL, 0, &fault))
		fail_msg("%s\nfailed: %s", code, fault.text);
	while (lnl_host_turn(h))
		;
	if (run_lua(h->vm, "return table.concat(package.loaded.out, ' ')", LNL_SLICE_LOAD, out,
		    sizeof(out), &fault))
		fail_msg("%s", fault.text);
	/* A colon in front: it is a part of it. */
	if (*want == ':' ? !strstr(out, want + 1) : strcmp(out, want) != 0)
		fail_msg("%s\ngave: %s\nnot:  %s", code, out, want);
	assert_null(h->vm->tasks);
}

static const struct {
	const char *code, *want;
} rows[] = {
	/* ---- HTTP ---- */
	{ "spawn(function() local r = http.get(BASE .. '/hello')\n"
	  "  return r.status, r.body, r.headers['x-a'], r.json end)",
	  "200 hello 1, 2 nil" },
	{ "spawn(function() local r = http.get(BASE .. '/nothing') return r.status, r.body end)",
	  "404 no" },
	{ "spawn(function() local r = http.get('http://localhost:' .. HTTP .. '/hello')\n"
	  "  return r.body end)",
	  "hello" },
	{ "spawn(function() local r = http.get(BASE .. '/json')\n"
	  "  return r.json.role, r.json.n[1], r.json.n[2] == json.null, r.json_error end)",
	  "staff 1 true nil" },
	/* what takes longer than a task's slice of time */
	{ "spawn(function() local r = http.get(BASE .. '/long', { max = 2 ^ 23 })\n"
	  "  for i = 1, 1e4 do end return #r.json, #r.body > 2 ^ 20 end)",
	  "500000 true" },
	{ "spawn(function() local r = http.get(BASE .. '/bad') return r.json, r.json_error end)",
	  "nil Expected object key string but found invalid token at character 2" },
	{ "spawn(function() return http.post(BASE .. '/echo', { json = { user = 'a\"b' } }).body end)",
	  "POST|application/json|||{\"user\":\"a\\\"b\"}" },
	{ "spawn(function() return http.post(BASE .. '/echo', { form = { b = 'x y&', a = 1 } }).body end)",
	  "POST|application/x-www-form-urlencoded|||a=1&b=x%20y%26" },
	{ "spawn(function() return http.post(BASE .. '/echo', { body = core.secret 's3cret',\n"
	  "  headers = { authorization = core.secret 'Bearer t', ['content-type'] = 'x/y' } }).body end)",
	  "POST|x/y|Bearer t||s3cret" },
	{ "spawn(function() return http.post(BASE .. '/echo', { headers = { cookie = '' } }).body end)",
	  "POST||||" },
	{ "spawn(function() return http.post(BASE .. '/echo').body end)", "POST||||" },
	{ "spawn(function() return http.request { method = 'put', url = BASE .. '/echo',\n"
	  "  body = 'x' }.body end)",
	  "PUT|application/octet-stream|||x" },
	{ "spawn(function() return #http.request { method = 'HEAD', url = BASE .. '/hello' }.body end)",
	  "0" },
	/* a name and password in the URL */
	{ "spawn(function() return assert(http.get('http://u:p@127.0.0.1:' .. HTTP .. '/echo')).body end)",
	  "GET||Basic dTpw||" },
	/* one connection for both */
	{ "spawn(function() return http.get(BASE .. '/count').body == http.get(BASE .. '/count').body end)",
	  "true" },
	/* unless it is marked: libcurl would not see the difference */
	{ "spawn(function() local o = { bind_dev = 'lo' }\n"
	  "  return http.get(BASE .. '/count', o).body == http.get(BASE .. '/count', o).body end)",
	  "false" },
	{ "spawn(function() return http.get(BASE .. '/count', { bind_dev = 'none0' }) end)",
	  "nil connect: cannot bind a socket to device none0: No such device" },
	/* bounds */
	{ "spawn(function() return #http.get(BASE .. '/fits').body end)", "1048576" },
	{ "spawn(function() return http.get(BASE .. '/big') end)",
	  "nil too large: the answer has more bytes than `max` allows" },
	{ "spawn(function() return #http.get(BASE .. '/big', { max = 2e6 }).body end)", "1048577" },
	{ "spawn(function() return http.get(BASE .. '/hello', { max = 4 }) end)",
	  "nil too large: the answer has more bytes than `max` allows" },
	{ "spawn(function() return http.get(BASE .. '/headers') end)",
	  "nil too large: the answer's headers have more than 64 KiB" },
	{ "spawn(function() return http.get(BASE .. '/silent', { timeout = 0.2 }) end)",
	  "nil timeout: no complete answer in time" },
	{ "spawn(function() return http.get(BASE .. '/cut') end)", ":nil http: " },
	{ "spawn(function() return http.get('http://127.0.0.1:' .. SHUT .. '/') end)",
	  ":nil connect: " },
	{ "spawn(function() return http.get('https://127.0.0.1:' .. LINES .. '/') end)",
	  ":nil TLS: " },
	{ "spawn(function() return http.get('http://a..b/') end)",
	  ":nil resolve: cannot resolve 'a..b'" },
	{ "local n = 0\n"
	  "for i = 1, 66 do core.spawn(0, 't', nil, function(_, r, e) n = n + 1\n"
	  "  if e and e:find '^limit' then put(e) end if n == 66 then put 'all' end end,\n"
	  "  http.get, BASE .. '/hello') end",
	  "limit: 64 requests are under way limit: 64 requests are under way all" },
	/* redirects: none, so many, to where they may go, with what they may take along */
	{ "spawn(function() local r = http.get(BASE .. '/there') return r.status, r.headers.location end)",
	  "302 /echo" },
	{ "spawn(function() return http.get(BASE .. '/there', { redirects = 1,\n"
	  "  headers = { Authorization = 'A', Cookie = 'c' } }).body end)",
	  "GET||A|c|" },
	{ "spawn(function() return http.post(BASE .. '/there', { redirects = 1, json = {} }).body end)",
	  "GET||||" },
	{ "spawn(function() return http.post(BASE .. '/same', { redirects = 1, body = 'b' }).body end)",
	  "POST|application/octet-stream|||b" },
	{ "spawn(function() return http.get(BASE .. '/away', { redirects = 1,\n"
	  "  headers = { Authorization = 'A', Cookie = 'c' } }).body end)",
	  "GET||||" },
	{ "spawn(function() return http.get(BASE .. '/loop', { redirects = 5 }).status end)",
	  "302" },
	{ "spawn(function() return http.get(BASE .. '/file', { redirects = 5 }) end)",
	  "nil redirect: it is no URL of http or https" },
	/* what is no request */
	{ "spawn(function() return http.get(BASE, { ca = '/nowhere/ca.pem' }) end)",
	  "nil request: ca: cannot read '/nowhere/ca.pem': No such file or directory" },
	{ "spawn(function() return http.get('file:///etc/passwd') end)",
	  "nil request: it is no URL of http or https" },
	{ "spawn(function() return http.get('http://') end)",
	  "nil request: it is no URL of http or https" },
	{ "spawn(function() return http.get(BASE, { haeders = {} }) end)",
	  ":vpn.http.get: there is no 'haeders'; did you mean 'headers'?" },
	{ "spawn(function() return http.get(BASE, { timeout = 0 }) end)",
	  ":'timeout' is a number; seconds from 0.001 to 86400 expected" },
	{ "spawn(function() return http.get(BASE, { headers = { x = 'a\\r\\nY: b' } }) end)",
	  ":header 'x' has a line end in it" },
	{ "spawn(function() return http.get(BASE, { headers = { ['x y'] = 'a' } }) end)",
	  ":'x y' is no name of a header" },
	{ "spawn(function() return http.post(BASE, { json = 1, body = 'x' }) end)",
	  ":one of json, form and body" },
	{ "spawn(function() return http.post(BASE, { json = { core.secret 'x' } }) end)",
	  ":vpn.http.post: json: Cannot serialise userdata" },
	{ "put(pcall(http.get, BASE))", ":vpn.http cannot wait in the test" },
	/* cancelled: nothing is heard of it, and the loop ends */
	{ "local id = spawn(http.get, BASE .. '/silent')\n"
	  "spawn(function() core.sleep(0.05) return core.cancel(id) end)",
	  "true" },
	{ "local id = spawn(http.get, 'http://a..b/') spawn(function() return core.cancel(id) end)",
	  "true" },
	/* ---- sockets ---- */
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES })\n"
	  "  assert(s:send 'hi\\n') put(s:receive '*l', s:receive(2), s:receive '*l')\n"
	  "  put(s:receive '*l') return s:receive '*l' end)",
	  "hi on e two nil closed thr" },
	{ "spawn(function() local s = assert(connect { host = '127.0.0.1', port = LINES })\n"
	  "  assert(s:send(core.secret 'x')) return (s:receive '*a'):gsub('%s', '_') end)",
	  "xone__two_thr 3" },
	{ "spawn(function() local s = assert(connect { path = PATH, proto = 'unix' })\n"
	  "  assert(s:send 'x\\n') return s:receive '*l', s:receive(30) end)",
	  ":x nil closed one" },
	{ "spawn(function() local s = assert(connect { '127.0.0.1', UDP, proto = 'udp' })\n"
	  "  assert(s:send 'one') assert(s:send 'two') return s:receive(), s:receive '*a' end)",
	  "one two" },
	/* nobody there */
	{ "spawn(function() return connect { '127.0.0.1', SHUT } end)",
	  ":nil connect: cannot connect to 127.0.0.1:" },
	{ "spawn(function() return connect { path = PATH .. '.not', proto = 'unix' } end)",
	  ":nil connect: cannot connect to " },
	{ "spawn(function() return connect { 'a..b', 1 } end)",
	  ":nil resolve: cannot resolve 'a..b'" },
	{ "spawn(function() local s = assert(connect { '127.0.0.1', SHUT, proto = 'udp' })\n"
	  "  s:send 'x' return s:receive(nil, 2) end)",
	  "nil Connection refused" },
	/* what came stays for the next one when the time is over */
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES }) assert(s:send 'x')\n"
	  "  put(s:receive '*l') put(s:receive '*l')\n"
	  "  return s:receive(4, 0.2) end)",
	  "xone two nil closed thr" },
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES }) assert(s:send 'quiet')\n"
	  "  put(s:receive('*l', 0.05)) put(s:receive('*l', 0)) s:close() return s:receive() end)",
	  "nil timeout nil timeout nil closed" },
	/* bounds */
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES }) assert(s:send 'flood')\n"
	  "  return s:receive '*l' end)",
	  "nil too large: a line of more than 64 KiB" },
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES }) assert(s:send 'flood')\n"
	  "  return s:receive '*a' end)",
	  "nil too large: more than 1 MiB before the end" },
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES })\n"
	  "  return s:send(('x'):rep(2 ^ 20 + 1)) end)",
	  "nil too large: more than 1 MiB at once" },
	/* two tasks at one socket */
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES }) assert(s:send 'quiet')\n"
	  "  spawn(function() return s:receive() end) core.sleep(0.01) put(s:receive()) s:close() end)",
	  "nil another task is at it nil closed" },
	{ "spawn(function() local s = assert(connect { '127.0.0.1', LINES }) assert(s:send 'quiet')\n"
	  "  local id = spawn(s.receive, s) core.sleep(0.01) put(core.cancel(id))\n"
	  "  return s:receive(1, 0.01) end)",
	  "true nil timeout" },
	/* it ends with its owner, and when nobody has it any more */
	{ "local s\n"
	  "core.spawn(9, 'a', nil, put, function() s = assert(connect { '127.0.0.1', LINES })\n"
	  "  put(tostring(s)) core.cancel_owner(9) end)\n"
	  "spawn(function() while not s do core.sleep(0.01) end core.sleep(0.01) put(tostring(s))\n"
	  "  return s:receive() end)",
	  "socket closed socket nil closed" },
	{ "spawn(function()\n"
	  "  for i = 1, 300 do assert(connect { '127.0.0.1', UDP, proto = 'udp' })\n"
	  "    if i % 100 == 0 then collectgarbage() end end return 'ok' end)",
	  "ok" },
	{ "local all = {}\n"
	  "spawn(function()\n"
	  "  for i = 1, 256 do all[i] = assert(connect { '127.0.0.1', UDP, proto = 'udp' }) end\n"
	  "  return connect { '127.0.0.1', UDP, proto = 'udp' } end)",
	  "nil limit: 256 sockets are open" },
	{ "local id = spawn(connect, { 'a..b', 1 })\n"
	  "spawn(function() return core.cancel(id) end)",
	  "true" },
	{ "spawn(function() return connect { 'x', 1, proto = 'sctp' } end)",
	  ":\"tcp\", \"udp\" or \"unix\" expected" },
	{ "spawn(function() return connect { 'x', 1, tls = true } end)",
	  ":vpn.connect: there is no 'tls'" },
	{ "spawn(function() return connect { 'x' } end)", ":host and port expected" },
	/* ---- JSON ---- */
	{ "put(json.encode { a = { 1, 2, json.null } })", "{\"a\":[1,2,null]}" },
	{ "put(json.decode '[1') put(pcall(json.encode, print))",
	  ":nil Expected comma or array end" },
	{ "put(require 'cjson'.decode '[7]'[1], (require 'cjson.safe'.decode '['))", "7 nil" },
	{ "put(pcall(json.encode, { core.secret 'x' }))",
	  ":false vpn.json.encode: Cannot serialise" },
};

static void do_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		run_tasks(*state, rows[i].code, rows[i].want);
}

/* A socket that was opened for a task that has ended meanwhile is closed: 256 may be open. */
static void nobody_claims(void **state)
{
	const struct lnl_dial_request r = {
		.proto = LNL_DIAL_UDP, .host = "127.0.0.1", .port = servers.udp, .timeout = 5
	};
	struct lnl_host *h = *state;

	for (int i = 0; i < LNL_DIALS + 1; i++) {
		assert_true(lnl_op_dial_open(h->engine, &r) != 0);
		while (lnl_host_turn(h))
			;
	}
	run_tasks(h, "spawn(function() return connect { '127.0.0.1', UDP, proto = 'udp' } end)",
		  "socket nil");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(do_rows, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(nobody_claims, set_up_engine, tear_down_engine),
	};

	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
