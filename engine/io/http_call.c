/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request: its copies, the name, libcurl's handle, redirects, and what came of it. */
#include "io/http_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/socket.h"

#define HOST_MAX    256
#define HEADERS_MAX 64 /* of a request */

/* Bytes that came. */
struct gathered {
	char *data;
	size_t len, cap;
};

struct lnl_http_call {
	struct lnl_http_call *next, **at;
	struct lnl_http *http;
	lnl_http_done *done;
	void *ctx;
	ev_timer timer; /* begins it, then ends it when its time is over */
	bool begun;
	double timeout;

	/* The request. */
	char *method, *url, *bind_dev;
	struct curl_slist *headers;
	struct lnl_bytes body, ca, cert, key; /* copies */
	bool insecure;
	unsigned redirects;
	size_t max;
	uint32_t mark;

	/* Under way. */
	struct lnl_resolve *resolve;
	CURL *easy;
	bool added;
	struct curl_slist *addresses; /* for CURLOPT_RESOLVE */
	char host[HOST_MAX];
	uint16_t port;
	bool secure;
	char error[CURL_ERROR_SIZE];
	const char *broken; /* a bound of ours, instead of what libcurl says of it */
	struct gathered head, answer;
	char why[512];
};

/* ---- copies ---- */

static void wipe_free(char *data, size_t len)
{
	if (data)
		explicit_bzero(data, len);
	free(data);
}

static bool copy_text(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return !text || *out;
}

static bool copy_bytes(struct lnl_bytes *out, struct lnl_bytes in)
{
	char *data;

	*out = (struct lnl_bytes){ NULL, in.len };
	if (!in.data)
		return true;
	data = malloc(in.len + 1);
	if (!data)
		return false;
	memcpy(data, in.data, in.len);
	data[in.len] = '\0';
	out->data = data;
	return true;
}

static void drop_bytes(struct lnl_bytes *b)
{
	wipe_free((char *)(uintptr_t)b->data, b->len);
	b->data = NULL;
}

static void drop_list(struct curl_slist **list)
{
	struct curl_slist *l;

	for (l = *list; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(*list);
	*list = NULL;
}

static bool add_to(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer)
		*list = longer;
	return longer != NULL;
}

static bool copy_headers(struct lnl_http_call *c, const char *const *headers, bool body)
{
	unsigned n = 0;

	/* libcurl's own: it would wait a second for a server that does not know the first. */
	if (!add_to(&c->headers, "Expect:") || (!body && !add_to(&c->headers, "Content-Type:")))
		return false;
	for (; headers && *headers; headers++) {
		/* "Name;" is libcurl's for one that is empty. */
		if (strpbrk(*headers, "\r\n") || !strpbrk(*headers, ":;") || ++n > HEADERS_MAX) {
			c->broken = "request: a header without a name or with a line end in it, or "
				    "more than 64 of them";
			return true;
		}
		if (!add_to(&c->headers, *headers))
			return false;
	}
	return true;
}

static bool copy_request(struct lnl_http_call *c, const struct lnl_http_request *r)
{
	c->insecure = r->insecure;
	c->redirects = r->redirects;
	c->max = r->max;
	c->mark = r->mark;
	return copy_text(&c->method, r->method) && copy_text(&c->url, r->url) &&
	       copy_text(&c->bind_dev, r->bind_dev) && copy_bytes(&c->body, r->body) &&
	       copy_bytes(&c->ca, r->ca) && copy_bytes(&c->cert, r->cert) &&
	       copy_bytes(&c->key, r->key) && copy_headers(c, r->headers, r->body.data);
}

/* ---- the end ---- */

static void drop_gathered(struct gathered *g)
{
	wipe_free(g->data, g->len);
	memset(g, 0, sizeof(*g));
}

/* Lets go of libcurl's handle and of what it points to. */
static void drop_easy(struct lnl_http_call *c)
{
	if (c->added)
		curl_multi_remove_handle(c->http->multi, c->easy);
	c->added = false;
	if (c->easy)
		curl_easy_cleanup(c->easy);
	c->easy = NULL;
	curl_slist_free_all(c->addresses);
	c->addresses = NULL;
}

static void release(struct lnl_http_call *c)
{
	drop_easy(c);
	lnl_resolver_cancel(c->resolve);
	ev_timer_stop(c->http->loop, &c->timer);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	c->http->n_calls--;
	drop_list(&c->headers);
	drop_bytes(&c->body);
	drop_bytes(&c->ca);
	drop_bytes(&c->cert);
	drop_bytes(&c->key);
	drop_gathered(&c->head);
	drop_gathered(&c->answer);
	free(c->method);
	wipe_free(c->url, c->url ? strlen(c->url) : 0); /* a user and password may stand in it */
	free(c->bind_dev);
	free(c);
}

static void fail(struct lnl_http_call *c, const char *what, const char *text)
{
	char all[sizeof(c->why)];
	struct lnl_http_answer a = { .why = all };

	snprintf(all, sizeof(all), "%s%s%s", what, text ? ": " : "", text ? text : "");
	c->done(c->ctx, &a);
	release(c);
}

/* The header lines, cut into texts where they stand. */
static const char **lines_of(struct gathered *head, unsigned *n)
{
	const char **out;
	size_t at, count = 0;

	for (at = 0; at < head->len; at++)
		count += head->data[at] == '\n';
	out = malloc((count + 1) * sizeof(*out));
	*n = 0;
	for (at = 0; out && at < head->len;) {
		char *line = head->data + at;
		char *end = memchr(line, '\n', head->len - at);

		if (!end || *n == count)
			break;
		at = (size_t)(end + 1 - head->data);
		*end = '\0';
		if (end > line && end[-1] == '\r')
			end[-1] = '\0';
		if (strchr(line, ':'))
			out[(*n)++] = line;
	}
	return out;
}

static void succeed(struct lnl_http_call *c)
{
	struct lnl_http_answer a = { 0 };
	const char **lines = lines_of(&c->head, &a.n_headers);

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &a.status);
	a.headers = lines;
	a.body.data = c->answer.data ? c->answer.data : "";
	a.body.len = c->answer.len;
	c->done(c->ctx, &a);
	free(lines);
	release(c);
}

/* ---- what comes in ---- */

static bool gather(struct gathered *g, const char *data, size_t len)
{
	char *more;
	size_t cap = g->cap;

	while (cap < g->len + len + 1)
		cap = cap ? cap * 2 : 4096;
	if (cap != g->cap) {
		more = malloc(cap);
		if (!more)
			return false;
		if (g->len)
			memcpy(more, g->data, g->len);
		wipe_free(g->data, g->len);
		g->data = more;
		g->cap = cap;
	}
	memcpy(g->data + g->len, data, len);
	g->len += len;
	return true;
}

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct lnl_http_call *c = ctx;
	size_t len = size * n;

	if (len > c->max - c->answer.len)
		c->broken = "too large: the answer has more bytes than `max` allows";
	else if (!gather(&c->answer, data, len))
		c->broken = "out of memory";
	return c->broken ? 0 : len;
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
	struct lnl_http_call *c = ctx;
	size_t len = size * n;

	/* A line like this begins another answer: what came before was "100 Continue" or its kin. */
	if (len >= 5 && strncmp(data, "HTTP/", 5) == 0)
		drop_gathered(&c->head);
	if (len > LNL_HTTP_HEADER_BYTES - c->head.len)
		c->broken = "too large: the answer's headers have more than 64 KiB";
	else if (memchr(data, 0, len))
		c->broken = "http: a NUL byte in the answer's headers";
	else if (!gather(&c->head, data, len))
		c->broken = "out of memory";
	return c->broken ? 0 : len;
}

/* ---- libcurl's handle ---- */

/* Device and mark, before it connects. */
static int prepare_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct lnl_http_call *c = ctx;
	struct lnl_socket_conf conf = { .bind_dev = c->bind_dev, .mark = c->mark, .mtu_disc = -1 };
	struct lnl_reason why;

	(void)purpose;
	if (lnl_socket_set(fd, SOCK_STREAM, AF_UNSPEC, &conf, &why) == 0)
		return CURL_SOCKOPT_OK;
	snprintf(c->why, sizeof(c->why), "connect: %.480s", why.text);
	c->broken = c->why;
	return CURL_SOCKOPT_ERROR;
}

static struct curl_blob blob_of(struct lnl_bytes b)
{
	return (struct curl_blob){ (void *)(uintptr_t)b.data, b.len, CURL_BLOB_NOCOPY };
}

static CURLcode set_tls(struct lnl_http_call *c)
{
	struct curl_blob ca = blob_of(c->ca), cert = blob_of(c->cert), key = blob_of(c->key);
	CURLcode rc = CURLE_OK;

	curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, c->insecure ? 0L : 1L);
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, c->insecure ? 0L : 2L);
	if (c->ca.data)
		rc = curl_easy_setopt(c->easy, CURLOPT_CAINFO_BLOB, &ca);
	if (rc == CURLE_OK && c->cert.data)
		rc = curl_easy_setopt(c->easy, CURLOPT_SSLCERT_BLOB, &cert);
	if (rc == CURLE_OK && c->key.data)
		rc = curl_easy_setopt(c->easy, CURLOPT_SSLKEY_BLOB, &key);
	return rc;
}

static void set_method(struct lnl_http_call *c)
{
	if (strcmp(c->method, "HEAD") == 0)
		curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
	else if (c->body.data || strcmp(c->method, "POST") == 0 || strcmp(c->method, "PUT") == 0 ||
		 strcmp(c->method, "PATCH") == 0) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->body.data ? c->body.data : "");
	}
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, c->method);
}

static CURLcode set_up(struct lnl_http_call *c)
{
	CURLcode rc;

	/* No proxy of the environment's, no .netrc, nothing but http and https. */
	curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(c->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "lunel/" LUNEL_VERSION);
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(c->easy, CURLOPT_RESOLVE, c->addresses);
	if (c->mark || c->bind_dev) {
		curl_easy_setopt(c->easy, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
		curl_easy_setopt(c->easy, CURLOPT_SOCKOPTDATA, c);
		/* libcurl does not see that these are not as other connections. */
		curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, 1L);
	}
	set_method(c);
	rc = curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (rc == CURLE_OK)
		rc = set_tls(c);
	return rc == CURLE_OK ? curl_easy_setopt(c->easy, CURLOPT_URL, c->url) : rc;
}

/* The addresses are known, or the host is one. */
static void transfer(struct lnl_http_call *c)
{
	CURLcode rc;

	c->easy = curl_easy_init();
	rc = c->easy ? set_up(c) : CURLE_OUT_OF_MEMORY;
	if (rc == CURLE_OK && curl_multi_add_handle(c->http->multi, c->easy) != CURLM_OK)
		rc = CURLE_OUT_OF_MEMORY;
	c->added = rc == CURLE_OK;
	if (rc != CURLE_OK)
		fail(c, "request", curl_easy_strerror(rc));
}

/* ---- the name ---- */

/* "HOST:PORT:ADDRESS,ADDRESS": with the plus it is forgotten after a while. */
static bool list_addresses(struct lnl_http_call *c, const struct lnl_addr *list, unsigned n)
{
	char text[64 + HOST_MAX + 16 * (LNL_IP_TEXT + 4)], ip_text[LNL_IP_TEXT];
	size_t len = (size_t)snprintf(text, sizeof(text), "+%s:%u:", c->host, c->port);
	unsigned i;

	for (i = 0; i < n && i < 16; i++) {
		struct lnl_ip ip = lnl_addr_ip(&list[i]);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s%s", i ? "," : "",
					ip.family == 6 ? "[" : "", lnl_ip_text(&ip, ip_text),
					ip.family == 6 ? "]" : "");
	}
	return add_to(&c->addresses, text);
}

static void resolved(void *ctx, int error, const struct lnl_addr *list, unsigned n, const char *why)
{
	struct lnl_http_call *c = ctx;
	char text[HOST_MAX + 128];

	c->resolve = NULL;
	if (error < 0 || n == 0) {
		snprintf(text, sizeof(text), "cannot resolve '%s': %s", c->host,
			 why ? why : lnl_error_text(error));
		fail(c, "resolve", text);
	} else if (!list_addresses(c, list, n)) {
		fail(c, "out of memory", NULL);
	} else {
		transfer(c);
	}
}

/* Host, port and scheme of |url| into |c|: NULL, or what is wrong with it. */
static const char *read_url(struct lnl_http_call *c, const char *url)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *u = curl_url();
	const char *wrong = NULL;
	const char *p;

	if (!u)
		return "out of memory";
	if (curl_url_set(u, CURLUPART_URL, url, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		wrong = "it is no URL of http or https";
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		wrong = "only http and https are spoken";
	else if (strlen(host) >= sizeof(c->host))
		wrong = "its host is too long";
	for (p = host; !wrong && *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~' || *p == '%')
			wrong = "its host is no name or address in ASCII";
	if (!wrong) {
		size_t len = strlen(host);
		bool brackets = host[0] == '[' && host[len - 1] == ']';

		snprintf(c->host, sizeof(c->host), "%.*s", (int)(len - 2 * brackets),
			 host + brackets);
		c->port = (uint16_t)strtoul(port, NULL, 10);
		c->secure = strcmp(scheme, "https") == 0;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return wrong;
}

static void begin(struct lnl_http_call *c)
{
	struct lnl_ip ip;

	if (lnl_ip_parse(&ip, c->host) == 0) {
		transfer(c);
		return;
	}
	c->resolve = lnl_resolver_lookup(c->http->resolver, c->host, c->port, 0, resolved, c);
	if (!c->resolve)
		fail(c, "out of memory", NULL);
}

/* ---- redirects ---- */

/* Goes on without the headers of these names. */
static bool drop_headers(struct lnl_http_call *c, const char *const *names)
{
	struct curl_slist *kept = NULL, *l;
	bool ok = true;

	for (l = c->headers; l; l = l->next) {
		const char *const *name = names;

		while (*name && strncasecmp(l->data, *name, strlen(*name)) != 0)
			name++;
		if (!*name)
			ok &= add_to(&kept, l->data);
	}
	drop_list(&c->headers);
	c->headers = kept;
	return ok;
}

/* What was meant for the first server alone. */
static bool drop_credentials(struct lnl_http_call *c)
{
	static const char *const names[] = { "authorization:", "cookie:", "proxy-authorization:",
					     NULL };

	return drop_headers(c, names);
}

/* A body goes on only where the server says so; else it is a GET from here on (RFC 9110, 15.4). */
static bool change_method(struct lnl_http_call *c, long status)
{
	static const char *const names[] = { "content-type:", NULL };

	if (status == 307 || status == 308 || strcmp(c->method, "HEAD") == 0 ||
	    (status != 303 && strcmp(c->method, "POST") != 0))
		return true;
	free(c->method);
	drop_bytes(&c->body);
	return copy_text(&c->method, "GET") && drop_headers(c, names);
}

/* Whether there is a redirect to follow; then |c| is on its way, or has ended. */
static bool redirect(struct lnl_http_call *c)
{
	char *to = NULL, host[HOST_MAX];
	const char *wrong;
	bool secure = c->secure, same;
	uint16_t port = c->port;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &to);
	if (c->redirects == 0 || !to || status < 301 || status > 308)
		return false;
	c->redirects--;
	to = strdup(to);
	drop_easy(c);
	drop_gathered(&c->head);
	drop_gathered(&c->answer);
	if (!to) {
		fail(c, "out of memory", NULL);
		return true;
	}
	wipe_free(c->url, strlen(c->url));
	c->url = to;
	snprintf(host, sizeof(host), "%s", c->host);
	wrong = read_url(c, to);
	if (!wrong && secure && !c->secure)
		wrong = "from https to http";
	same = strcasecmp(host, c->host) == 0 && port == c->port && secure == c->secure;
	if (wrong)
		fail(c, "redirect", wrong);
	else if (!change_method(c, status) || (!same && !drop_credentials(c)))
		fail(c, "out of memory", NULL);
	else
		begin(c);
	return true;
}

/* ---- what came of it ---- */

static const char *part_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "resolve";
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
		return "connect";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ENGINE_INITFAILED:
		return "TLS";
	case CURLE_OPERATION_TIMEDOUT:
		return "timeout";
	case CURLE_OUT_OF_MEMORY:
		return "out of memory";
	default:
		return "http";
	}
}

void lnl_http_call_over(struct lnl_http_call *c, CURLcode code)
{
	if (c->broken)
		fail(c, c->broken, NULL);
	else if (code != CURLE_OK)
		fail(c, part_of(code), c->error[0] ? c->error : curl_easy_strerror(code));
	else if (!redirect(c))
		succeed(c);
}

/* From the loop, at once: it begins, or is told what is wrong with it. Later: its time is over. */
static void fired(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_http_call *c = w->data;
	curl_off_t connected = 0;

	(void)revents;
	if (c->easy)
		curl_easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (c->broken) {
		fail(c, c->broken, NULL);
	} else if (!c->begun) {
		c->begun = true;
		ev_now_update(loop);
		ev_timer_set(w, c->timeout > 0 ? c->timeout : 0, 0);
		ev_timer_start(loop, w);
		begin(c);
	} else if (c->resolve) {
		fail(c, "timeout", "no name server answers");
	} else {
		fail(c, "timeout",
		     connected ? "no complete answer in time" : "no connection in time");
	}
}

struct lnl_http_call *lnl_http_start(struct lnl_http *h, const struct lnl_http_request *r,
				     lnl_http_done *done, void *ctx)
{
	struct lnl_http_call *c = calloc(1, sizeof(*c));
	const char *wrong;

	if (!c)
		return NULL;
	c->http = h;
	c->done = done;
	c->ctx = ctx;
	c->timeout = r->timeout;
	ev_timer_init(&c->timer, fired, 0, 0);
	c->timer.data = c;
	c->next = h->calls;
	c->at = &h->calls;
	if (c->next)
		c->next->at = &c->next;
	h->calls = c;
	h->n_calls++;
	if (!lnl_http_ready(h) || !copy_request(c, r)) {
		release(c);
		return NULL;
	}
	if (h->n_calls > LNL_HTTP_CALLS)
		c->broken = "limit: 64 requests are under way";
	wrong = c->broken ? NULL : read_url(c, c->url);
	if (wrong) {
		snprintf(c->why, sizeof(c->why), "request: %s", wrong);
		c->broken = c->why;
	}
	ev_timer_start(h->loop, &c->timer);
	return c;
}

void lnl_http_cancel(struct lnl_http_call *c)
{
	if (c)
		release(c);
}
