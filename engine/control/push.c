/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/push.h"

#include <stddef.h>
#include <string.h>

#include "control/push_part.h"
#include "wire/base64.h"

#define DAY	     86400
#define NUMBER_MAX   INT32_MAX
#define SOCKBUF_MAX  (64 * 1024 * 1024)
#define NOTIFY_MAX   60 /* goodbyes, one a second: what a server may ask of our exit */
#define MTU_PUSH_MIN 576
#define MTU_MIN	     68
#define MTU_MAX	     65535

/* Who may say it, and what else the table has to know. */
enum {
	SERVER = 1 << 0,
	PROFILE = 1 << 1,
	BOTH = SERVER | PROFILE,
	ROUTING =
		1
		<< 2, /* a server's is refused by route-nopull (OpenVPN init.c, permission mask) */
	SECRET = 1 << 3, /* its values must not reach a log */
};

struct row {
	const char *name;
	uint8_t words_min, words_max; /* the name is one */
	uint8_t flags;
	int (*take)(struct lnl_push *x); /* NULL: taken, without effect here */
	size_t field;			 /* with |max|: an int of struct lnl_pulled to set */
	uint32_t min, max;
};

bool lnl_push_number(const char *text, uint64_t max, uint64_t *out)
{
	return lnl_text_dec(text, strlen(text), max, out) == 0;
}

static int *int_at(struct lnl_pulled *p, size_t field)
{
	return (int *)(void *)((char *)p + field);
}

static int take_number(struct lnl_push *x, const struct row *row)
{
	uint64_t v;

	if (!lnl_push_number(x->o->word[1], UINT64_MAX, &v))
		return lnl_push_fail(x, LNL_E_FORMAT, "a number is expected");
	if (v < row->min || v > row->max)
		return lnl_push_fail(x, LNL_E_INVAL, "the number is out of range");
	*int_at(x->p, row->field) = (int)v;
	return 0;
}

static int take_topology(struct lnl_push *x)
{
	static const char *const names[] = { "net30", "p2p", "subnet" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(x->o->word[1], names[i]) == 0) {
			x->p->topology = (enum lnl_topology)i;
			return 0;
		}
	}
	return lnl_push_fail(x, LNL_E_INVAL, "it is net30, p2p or subnet");
}

static int take_block_ipv6(struct lnl_push *x)
{
	x->p->net.block_ipv6 = true;
	return 0;
}

/* --- timers --- */

/* One timeout with one of two actions, as in OpenVPN: the later option decides on both. */
static int take_timeout(struct lnl_push *x, int *wanted, int *other)
{
	uint64_t v;

	if (!lnl_push_number(x->o->word[1], DAY, &v))
		return lnl_push_fail(x, LNL_E_INVAL, "0 to 86400 seconds are expected");
	*wanted = (int)v;
	*other = -1;
	return 0;
}

static int take_ping_restart(struct lnl_push *x)
{
	return take_timeout(x, &x->p->ping_restart, &x->p->ping_exit);
}

static int take_ping_exit(struct lnl_push *x)
{
	return take_timeout(x, &x->p->ping_exit, &x->p->ping_restart);
}

static int take_ping_timer_rem(struct lnl_push *x)
{
	x->p->ping_timer_rem = true;
	return 0;
}

/* A client's keepalive is `ping` and `ping-restart` in one (OpenVPN helper.c). */
static int take_keepalive(struct lnl_push *x)
{
	uint64_t interval, timeout;

	if (!lnl_push_number(x->o->word[1], DAY, &interval) ||
	    !lnl_push_number(x->o->word[2], DAY, &timeout) || interval == 0 || timeout == 0)
		return lnl_push_fail(x, LNL_E_INVAL, "1 to 86400 seconds are expected, twice");
	if (timeout < 2 * interval)
		return lnl_push_fail(x, LNL_E_INVAL, "the timeout is less than two intervals");
	x->p->ping = (int)interval;
	x->p->ping_restart = (int)timeout;
	x->p->ping_exit = -1;
	return 0;
}

static int take_exit_notify(struct lnl_push *x)
{
	uint64_t v = 1;

	if (x->o->n > 1 && !lnl_push_number(x->o->word[1], NOTIFY_MAX, &v))
		return lnl_push_fail(x, LNL_E_INVAL, "0 to 60 messages are expected");
	x->p->explicit_exit_notify = (int)v;
	return 0;
}

static int take_inactive(struct lnl_push *x)
{
	uint64_t seconds, bytes = 0;

	if (!lnl_push_number(x->o->word[1], NUMBER_MAX, &seconds) ||
	    (x->o->n > 2 && !lnl_push_number(x->o->word[2], INT64_MAX, &bytes)))
		return lnl_push_fail(x, LNL_E_INVAL, "seconds, and perhaps bytes, are expected");
	x->p->inactive = (int)seconds;
	x->p->inactive_bytes = (int64_t)bytes;
	return 0;
}

/* --- keys and ciphers --- */

static int take_peer_id(struct lnl_push *x)
{
	uint64_t v;

	if (!lnl_push_number(x->o->word[1], LNL_PEER_ID_NONE, &v))
		return lnl_push_fail(x, LNL_E_INVAL, "a peer id has 24 bits");
	x->p->peer_id = (uint32_t)v;
	return 0;
}

static int take_cipher(struct lnl_push *x)
{
	enum lnl_cipher c;

	if (lnl_cipher_find(x->o->word[1], &c) != 0)
		return lnl_push_fail(x, LNL_E_UNSUPPORTED,
				     "this cipher is not supported: set data-ciphers on the server "
				     "to AES-256-GCM or CHACHA20-POLY1305");
	x->p->cipher = c;
	return 0;
}

static int take_protocol_flags(struct lnl_push *x)
{
	static const char *const names[] = { "cc-exit", "tls-ekm", "dyn-tls-crypt" };
	unsigned flags = 0;

	for (unsigned i = 1; i < x->o->n; i++) {
		unsigned flag = 0;

		/* The data channel's other format: no packet would be read. */
		if (strcmp(x->o->word[i], "aead-epoch") == 0)
			return lnl_push_fail(x, LNL_E_UNSUPPORTED,
					     "data packets with epoch keys (aead-epoch) are not "
					     "supported, and were not asked for (IV_PROTO)");
		for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (strcmp(x->o->word[i], names[k]) == 0)
				flag = 1u << k; /* in the order of enum lnl_protocol_flag */
		if (flag == 0)
			x->reason = "a flag is not known; the others apply";
		flags |= flag;
	}
	x->p->protocol_flags |= flags;
	return 0;
}

static int take_key_derivation(struct lnl_push *x)
{
	if (strcmp(x->o->word[1], "tls-ekm") != 0)
		return lnl_push_fail(x, LNL_E_UNSUPPORTED, "only tls-ekm is known");
	x->p->protocol_flags |= LNL_PROTOCOL_TLS_EKM;
	return 0;
}

static int take_token(struct lnl_push *x)
{
	size_t len = strlen(x->o->word[1]);

	if (len == 0 || len >= sizeof(x->p->token))
		return lnl_push_fail(x, LNL_E_LIMIT, "1 to 1023 characters are expected");
	memcpy(x->p->token, x->o->word[1], len + 1);
	return 0;
}

static int take_token_user(struct lnl_push *x)
{
	const char *text = x->o->word[1];
	uint8_t user[LNL_NAME_MAX];
	int len = lnl_base64_read(user, sizeof(user) - 1, text, strlen(text));

	if (len <= 0)
		return lnl_push_fail(x, LNL_E_FORMAT, "it is no base64 of 1 to 255 bytes");
	for (int i = 0; i < len; i++)
		if (user[i] < 0x20 || user[i] == 0x7f)
			return lnl_push_fail(x, LNL_E_FORMAT, "it holds control characters");
	memcpy(x->p->token_user, user, (size_t)len);
	x->p->token_user[len] = '\0';
	return 0;
}

/* --- framing, sizes, socket --- */

#define NO_COMPRESSION                                                                             \
	"compression is not done here, since it gives away what it compresses: set `comp-lzo no` " \
	"on the server, or remove it"
#define NOT_COMPRESSED                                                                             \
	"nothing is compressed; what the server compresses is dropped: set `comp-lzo no` there"

struct framing {
	const char *name;
	enum lnl_framing framing;
	bool compresses;
};

/* A profile may name compression, as old ones do; it gets the framing alone. */
static int take_framing(struct lnl_push *x, const struct framing *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (rows[i].compresses && x->from == LNL_FROM_SERVER)
			return lnl_push_fail(x, LNL_E_UNSUPPORTED, NO_COMPRESSION);
		if (rows[i].compresses)
			x->reason = NOT_COMPRESSED;
		x->p->framing = rows[i].framing;
		return 0;
	}
	return lnl_push_fail(x, LNL_E_UNSUPPORTED, "this compression is not known");
}

static int take_comp_lzo(struct lnl_push *x)
{
	static const struct framing rows[] = {
		{ "no", LNL_FRAMING_LZO, false },
		{ "yes", LNL_FRAMING_LZO, true },
		{ "adaptive", LNL_FRAMING_LZO, true },
	};

	return take_framing(x, rows, sizeof(rows) / sizeof(rows[0]),
			    x->o->n > 1 ? x->o->word[1] : "adaptive");
}

static int take_compress(struct lnl_push *x)
{
	static const struct framing rows[] = {
		{ "stub", LNL_FRAMING_STUB, false },	{ "stub-v2", LNL_FRAMING_STUB_V2, false },
		{ "migrate", LNL_FRAMING_NONE, false }, { "lzo", LNL_FRAMING_LZO, true },
		{ "lz4", LNL_FRAMING_STUB, true },	{ "lz4-v2", LNL_FRAMING_STUB_V2, true },
	};

	return take_framing(x, rows, sizeof(rows) / sizeof(rows[0]),
			    x->o->n > 1 ? x->o->word[1] : "stub");
}

static int take_tun_mtu(struct lnl_push *x)
{
	bool pushed = x->from == LNL_FROM_SERVER;
	uint64_t max = MTU_MAX, v;

	if (pushed)
		max = x->p->tun_mtu > LNL_PUSH_MTU_MAX ? (uint64_t)x->p->tun_mtu : LNL_PUSH_MTU_MAX;
	if (!lnl_push_number(x->o->word[1], max, &v) || v < (pushed ? MTU_PUSH_MIN : MTU_MIN))
		return lnl_push_fail(x, LNL_E_INVAL,
				     pushed ? "576 to 1600 bytes are expected, or up to tun-mtu"
					    : "68 to 65535 bytes are expected");
	x->p->tun_mtu = (int)v;
	return 0;
}

static int take_mssfix(struct lnl_push *x)
{
	const char *word = lnl_push_word(x, 2);
	uint64_t v;

	if (x->o->n == 1) {
		x->p->mssfix = -1;
		x->p->mssfix_mtu = x->p->mssfix_fixed = false;
		return 0;
	}
	if (!lnl_push_number(x->o->word[1], MTU_MAX, &v))
		return lnl_push_fail(x, LNL_E_INVAL, "0 to 65535 bytes are expected");
	if (word && strcmp(word, "mtu") != 0 && strcmp(word, "fixed") != 0)
		return lnl_push_fail(x, LNL_E_INVAL, "behind the number mtu or fixed may stand");
	x->p->mssfix = (int)v;
	x->p->mssfix_mtu = word && strcmp(word, "mtu") == 0;
	x->p->mssfix_fixed = word && strcmp(word, "fixed") == 0;
	return 0;
}

static int take_socket_flags(struct lnl_push *x)
{
	for (unsigned i = 1; i < x->o->n; i++) {
		if (strcmp(x->o->word[i], "TCP_NODELAY") == 0)
			x->p->tcp_nodelay = true;
		else
			x->reason = "a flag is not known; the others apply";
	}
	return 0;
}

static int take_tcp_nodelay(struct lnl_push *x)
{
	x->p->tcp_nodelay = true;
	return 0;
}

static int take_route_nopull(struct lnl_push *x)
{
	x->p->route_nopull = true;
	return 0;
}

/* --- the table --- */

#define TAKES(name, min, max, flags, take)                                                         \
	{                                                                                          \
		name, min, max, flags, take, 0, 0, 0                                               \
	}
#define NUMBER(name, flags, field, min, max)                                                       \
	{                                                                                          \
		name, 2, 2, flags, NULL, offsetof(struct lnl_pulled, field), min, max              \
	}
#define IGNORED(name, flags)                                                                       \
	{                                                                                          \
		name, 1, LNL_OPTION_WORDS, flags, NULL, 0, 0, 0                                    \
	}
#define REFUSED(name)                                                                              \
	{                                                                                          \
		name, 1, LNL_OPTION_WORDS, 0, NULL, 0, 0, 0                                        \
	}

/*
 * All that has an effect, all that servers push without one here, and what OpenVPN's clients take
 * from a server (options.c, the permissions of each option) but this one does not. Anything else
 * is refused unseen.
 */
static const struct row rows[] = {
	TAKES("ifconfig", 3, 3, BOTH, lnl_push_ifconfig),
	TAKES("ifconfig-ipv6", 3, 3, BOTH, lnl_push_ifconfig6),
	TAKES("topology", 2, 2, BOTH, take_topology),
	TAKES("route", 2, 5, BOTH | ROUTING, lnl_push_route),
	TAKES("route-ipv6", 2, 4, BOTH | ROUTING, lnl_push_route6),
	TAKES("route-gateway", 2, 2, BOTH, lnl_push_route_gateway),
	TAKES("route-ipv6-gateway", 2, 2, BOTH, lnl_push_route_gateway6),
	NUMBER("route-metric", BOTH | ROUTING, net.route_metric, 0, NUMBER_MAX),
	TAKES("redirect-gateway", 1, LNL_OPTION_WORDS, BOTH | ROUTING, lnl_push_redirect),
	TAKES("redirect-private", 1, LNL_OPTION_WORDS, BOTH | ROUTING, lnl_push_redirect),
	TAKES("block-ipv6", 1, 1, BOTH | ROUTING, take_block_ipv6),
	TAKES("dhcp-option", 2, 4, BOTH | ROUTING, lnl_push_dhcp_option),
	TAKES("dns", 3, LNL_OPTION_WORDS, BOTH | ROUTING, lnl_push_dns),
	TAKES("peer-id", 2, 2, SERVER, take_peer_id),
	TAKES("cipher", 2, 2, SERVER, take_cipher),
	TAKES("protocol-flags", 2, LNL_OPTION_WORDS, SERVER, take_protocol_flags),
	TAKES("key-derivation", 2, 2, SERVER, take_key_derivation),
	TAKES("tun-mtu", 2, 3, BOTH, take_tun_mtu),
	TAKES("mssfix", 1, 3, PROFILE, take_mssfix),
	NUMBER("ping", BOTH, ping, 0, DAY),
	TAKES("ping-restart", 2, 2, BOTH, take_ping_restart),
	TAKES("ping-exit", 2, 2, BOTH, take_ping_exit),
	TAKES("ping-timer-rem", 1, 1, BOTH, take_ping_timer_rem),
	TAKES("keepalive", 3, 3, PROFILE, take_keepalive),
	TAKES("explicit-exit-notify", 1, 2, BOTH, take_exit_notify),
	TAKES("inactive", 2, 3, BOTH, take_inactive),
	NUMBER("session-timeout", BOTH, session_timeout, 0, NUMBER_MAX),
	TAKES("auth-token", 2, 2, SERVER | SECRET, take_token),
	TAKES("auth-token-user", 2, 2, SERVER | SECRET, take_token_user),
	TAKES("comp-lzo", 1, 2, BOTH, take_comp_lzo),
	TAKES("compress", 1, 2, BOTH, take_compress),
	TAKES("socket-flags", 1, LNL_OPTION_WORDS, BOTH, take_socket_flags),
	TAKES("tcp-nodelay", 1, 1, PROFILE, take_tcp_nodelay),
	NUMBER("sndbuf", BOTH, sndbuf, 0, SOCKBUF_MAX),
	NUMBER("rcvbuf", BOTH, rcvbuf, 0, SOCKBUF_MAX),
	TAKES("setenv-safe", 2, 3, BOTH, lnl_push_setenv_safe),
	TAKES("setenv", 2, 3, PROFILE, lnl_push_setenv),
	TAKES("route-nopull", 1, 1, PROFILE, take_route_nopull),

	IGNORED("push-continuation", SERVER), /* its reader has heeded it */
	IGNORED("custom-control", SERVER),    /* likewise */
	IGNORED("echo", BOTH | SECRET),
	IGNORED("parameter", BOTH | SECRET),
	IGNORED("tun-ipv6", BOTH),
	IGNORED("persist-tun", BOTH),
	IGNORED("persist-key", BOTH),
	IGNORED("route-delay", BOTH),
	IGNORED("max-routes", BOTH),
	IGNORED("comp-noadapt", BOTH),
	/* Windows, where the profile of all platforms is pushed to. */
	IGNORED("route-method", BOTH),
	IGNORED("ip-win32", BOTH),
	IGNORED("tap-sleep", BOTH),
	IGNORED("dhcp-renew", BOTH),
	IGNORED("dhcp-release", BOTH),
	IGNORED("dhcp-pre-release", BOTH),
	IGNORED("register-dns", BOTH),
	IGNORED("block-outside-dns", BOTH),
	IGNORED("show-net-up", BOTH),

	REFUSED("verb"),
	REFUSED("mute"),
	REFUSED("errors-to-stderr"),
	REFUSED("shaper"),
	REFUSED("client-nat"),
	REFUSED("lladdr"),
	REFUSED("bind-dev"),
	REFUSED("ifconfig-noexec"),
	REFUSED("ifconfig-nowarn"),
};

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* Whether |x|'s source may say it, and says it with a possible number of words. */
static int check_row(struct lnl_push *x, const struct row *row)
{
	bool server = x->from == LNL_FROM_SERVER;

	if (!row && server)
		return lnl_push_fail(x, LNL_E_NOTFOUND, "it is nothing that a server may push");
	if (!row || (!server && !(row->flags & PROFILE)))
		return lnl_push_fail(x, LNL_E_NOTFOUND, "it is no network option");
	if (server && !(row->flags & SERVER))
		return lnl_push_fail(x, LNL_E_PERM, "a server may not push it");
	if (server && x->p->route_nopull && (row->flags & ROUTING))
		return lnl_push_fail(x, LNL_E_PERM, "route-nopull excludes it");
	if (x->o->n < row->words_min || x->o->n > row->words_max)
		return lnl_push_fail(x, LNL_E_FORMAT, "it has too few or too many parameters");
	return 0;
}

/* "route 10.0.0.0 255.0.255.0: the netmask has holes"; only the name of what may be a secret. */
static void explain(const struct lnl_push *x, const struct row *row, struct lnl_why *why)
{
	bool whole = row && !(row->flags & SECRET);
	char option[100];
	struct lnl_writer w;

	lnl_writer_init(&w, why->text, sizeof(why->text) - 1);
	for (unsigned i = 0; i < (whole ? x->o->n : 1); i++) {
		const char *word = x->o->word[i];

		lnl_text_clean(option, sizeof(option), word, strlen(word));
		if (lnl_writer_len(&w) + strlen(option) > sizeof(option))
			break;
		if (i > 0)
			lnl_write_u8(&w, ' ');
		lnl_write_str(&w, option);
	}
	lnl_write_str(&w, ": ");
	lnl_write_str(&w, x->reason);
	why->text[lnl_writer_len(&w)] = '\0';
}

int lnl_pulled_option(struct lnl_pulled *p, const struct lnl_option *o, enum lnl_option_source from,
		      struct lnl_why *why)
{
	struct lnl_push x = { .p = p, .o = o, .from = from, .reason = NULL };
	const struct row *row;
	int error;

	why->text[0] = '\0';
	if (o->n == 0)
		return LNL_E_FORMAT;
	row = find_row(o->word[0]);
	error = check_row(&x, row);
	if (error == 0 && row->take)
		error = row->take(&x);
	else if (error == 0 && row->max > 0)
		error = take_number(&x, row);
	if (x.reason)
		explain(&x, row, why);
	return error;
}

const char *lnl_pulled_name(unsigned i)
{
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		if ((rows[k].flags & SERVER) && i-- == 0)
			return rows[k].name;
	return NULL;
}

void lnl_pulled_init(struct lnl_pulled *p, bool tap)
{
	memset(p, 0, sizeof(*p));
	p->net.tap = tap;
	p->net.route_metric = -1;
	p->peer_id = LNL_PEER_ID_NONE;
	p->ping = p->ping_restart = p->ping_exit = -1;
	p->explicit_exit_notify = -1;
	p->inactive = p->session_timeout = -1;
	p->tun_mtu = p->mssfix = -1;
	p->sndbuf = p->rcvbuf = -1;
}

void lnl_pulled_wipe(struct lnl_pulled *p)
{
	lnl_secret_wipe(p->token, sizeof(p->token));
	lnl_secret_wipe(p->token_user, sizeof(p->token_user));
}

enum lnl_filter_action lnl_pull_filter_match(const struct lnl_pull_filter *filters, unsigned n,
					     const char *option)
{
	for (unsigned i = 0; i < n; i++)
		if (strncmp(option, filters[i].text, strlen(filters[i].text)) == 0)
			return filters[i].action;
	return LNL_FILTER_ACCEPT;
}
