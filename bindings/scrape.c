/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/scrape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <lauxlib.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bindings/host.h"
#include "bindings/vm.h"

#define CONNECTIONS 16
#define SECONDS	    10	 /* of silence, and a connection ends */
#define MEMORY	    8192 /* of a connection's request */
#define FRESH	    0.2	 /* seconds: younger texts are given again */

#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define NOT_HERE    "There are /metrics and /status.\n"

/* A text and when it was made. */
struct page {
	struct MHD_Response *response;
	double made;
};

struct lnl_scrape {
	struct lnl_host *host;
	struct MHD_Daemon *daemon;
	struct lnl_watch *watch;
	struct page metrics, status;
	char address[INET6_ADDRSTRLEN];
	uint16_t port;
};

/* ---- answers ---- */

static struct MHD_Response *make(const char *text, size_t len, enum MHD_ResponseMemoryMode mode,
				 const char *type)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, mode);

	if (r)
		MHD_add_response_header(r, "Content-Type", type);
	return r;
}

/* The page as it is now, or was a moment ago; NULL when out of memory. */
static struct MHD_Response *fresh(struct lnl_scrape *s, struct page *p, const char *type,
				  void (*render)(const struct lnl_host *h, struct lnl_text *out))
{
	double now = lnl_host_now(s->host);
	struct lnl_text text = { 0 };

	if (p->response && now - p->made < FRESH)
		return p->response;
	render(s->host, &text);
	if (text.failed) {
		free(text.data);
		return NULL;
	}
	if (p->response)
		MHD_destroy_response(p->response); /* gone when the last who gets it has it */
	p->response = make(text.data, text.len, MHD_RESPMEM_MUST_FREE, type);
	p->made = now;
	if (!p->response)
		free(text.data);
	return p->response;
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *text)
{
	struct MHD_Response *r = make(text, strlen(text), MHD_RESPMEM_PERSISTENT, "text/plain");
	enum MHD_Result rc;

	if (!r)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result asked(void *ctx, struct MHD_Connection *c, const char *url,
			     const char *method, const char *version, const char *upload,
			     size_t *upload_len, void **connection)
{
	struct lnl_scrape *s = ctx;
	struct MHD_Response *r;

	(void)version;
	(void)upload;
	(void)connection;
	/* Nobody has anything to tell us: what comes is passed over. */
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, NOT_HERE);
	if (strcmp(url, "/metrics") == 0)
		r = fresh(s, &s->metrics, OPENMETRICS, lnl_metrics_openmetrics);
	else if (strcmp(url, "/status") == 0)
		r = fresh(s, &s->status, "application/json", lnl_metrics_json);
	else
		return answer(c, MHD_HTTP_NOT_FOUND, NOT_HERE);
	return r ? MHD_queue_response(c, MHD_HTTP_OK, r)
		 : answer(c, MHD_HTTP_SERVICE_UNAVAILABLE, "Out of memory.\n");
}

/* From inside the engine's turn. */
static double ready(void *ctx)
{
	struct lnl_scrape *s = ctx;
	unsigned long long ms;

	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
		return -1;
	return (double)ms / 1000;
}

/* Its own complaints are of no use to who runs us: strangers cause them. */
static void silent(void *ctx, const char *format, va_list args)
{
	(void)ctx;
	(void)format;
	(void)args;
}

/* ---- beginning and end ---- */

static int listen_at(const char *address, uint16_t port)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr *a = (struct sockaddr *)(void *)&a4;
	socklen_t len = sizeof(a4);
	int fd, on = 1;

	if (inet_pton(AF_INET, address, &a4.sin_addr) != 1) {
		if (inet_pton(AF_INET6, address, &a6.sin6_addr) != 1) {
			errno = EINVAL;
			return -1;
		}
		a = (struct sockaddr *)(void *)&a6;
		len = sizeof(a6);
	}
	fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, a, len) < 0 || listen(fd, CONNECTIONS) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* |fd| is ours from here on. NULL: it cannot be served. */
static struct lnl_scrape *serve(struct lnl_host *h, int fd)
{
	struct lnl_scrape *s = calloc(1, sizeof(*s));
	const union MHD_DaemonInfo *info = NULL;

	if (!s) {
		close(fd);
		return NULL;
	}
	s->host = h;
	s->daemon =
		MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, asked, s, MHD_OPTION_LISTEN_SOCKET,
				 fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
				 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SECONDS,
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
				 MHD_OPTION_EXTERNAL_LOGGER, silent, NULL, MHD_OPTION_END);
	if (!s->daemon)
		close(fd);
	if (s->daemon)
		info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info)
		s->watch = lnl_engine_watch(h->engine, info->epoll_fd, ready, s);
	if (s->watch)
		return s;
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	free(s);
	return NULL;
}

void lnl_scrape_close(struct lnl_host *h)
{
	struct lnl_scrape *s = h->scrape;

	if (!s)
		return;
	h->scrape = NULL;
	lnl_engine_unwatch(s->watch);
	MHD_stop_daemon(s->daemon);
	if (s->metrics.response)
		MHD_destroy_response(s->metrics.response);
	if (s->status.response)
		MHD_destroy_response(s->status.response);
	free(s);
}

int lnl_scrape_open(lua_State *L)
{
	struct lnl_host *h = lnl_vm_of(L)->host;
	const char *address = luaL_checkstring(L, 1);
	int port = (int)luaL_checkinteger(L, 2), fd;

	luaL_argcheck(L, h && h->engine, 1, "the engine does not run yet");
	luaL_argcheck(L, port > 0 && port < 65536, 2, "a port expected");
	luaL_argcheck(L, strlen(address) < INET6_ADDRSTRLEN, 1, "an address expected");
	if (!h->scrape || h->scrape->port != port || strcmp(h->scrape->address, address) != 0) {
		fd = listen_at(address, (uint16_t)port);
		if (fd < 0) {
			lua_pushnil(L);
			lua_pushfstring(L, "cannot listen at %s, port %d: %s", address, port,
					strerror(errno));
			return 2;
		}
		lnl_scrape_close(h);
		h->scrape = serve(h, fd);
		if (!h->scrape) {
			lua_pushnil(L);
			lua_pushliteral(L,
					"metrics cannot be served: libmicrohttpd does not start");
			return 2;
		}
		memcpy(h->scrape->address, address, strlen(address) + 1);
		h->scrape->port = (uint16_t)port;
	}
	lua_pushboolean(L, 1);
	return 1;
}
