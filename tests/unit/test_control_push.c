/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network options: the table, scalars, what a server may push (TRUST C2, C3), pull filters. */
#include "test_control_push.h"

#include <stddef.h>

#include "test_control_names.h"

#define FIELD(name) offsetof(struct lnl_pulled, name)
#define SAME	    -12345 /* the field keeps its value */

static int number_at(const struct lnl_pulled *p, size_t field)
{
	int v;

	memcpy(&v, (const char *)p + field, sizeof(v));
	return v;
}

static const struct {
	const char *text;
	int error;
	size_t field;
	int value;
} number_rows[] = {
	{ "ping 10", 0, FIELD(ping), 10 },
	{ "ping 0", 0, FIELD(ping), 0 },
	{ "ping 86400", 0, FIELD(ping), 86400 },
	{ "ping 86401", LNL_E_INVAL, FIELD(ping), SAME },
	{ "ping -1", LNL_E_FORMAT, FIELD(ping), SAME },
	{ "ping 1x", LNL_E_FORMAT, FIELD(ping), SAME },
	{ "ping \"\"", LNL_E_FORMAT, FIELD(ping), SAME },
	{ "ping 99999999999999999999", LNL_E_FORMAT, FIELD(ping), SAME },
	{ "ping", LNL_E_FORMAT, FIELD(ping), SAME },
	{ "ping 1 2", LNL_E_FORMAT, FIELD(ping), SAME },
	{ "ping-restart 60", 0, FIELD(ping_restart), 60 },
	{ "ping-exit 60", 0, FIELD(ping_exit), 60 },
	{ "ping-exit 86401", LNL_E_INVAL, FIELD(ping_exit), SAME },
	{ "explicit-exit-notify", 0, FIELD(explicit_exit_notify), 1 },
	{ "explicit-exit-notify 3", 0, FIELD(explicit_exit_notify), 3 },
	{ "explicit-exit-notify 0", 0, FIELD(explicit_exit_notify), 0 },
	{ "explicit-exit-notify 61", LNL_E_INVAL, FIELD(explicit_exit_notify), SAME },
	{ "inactive 300", 0, FIELD(inactive), 300 },
	{ "inactive 300 9000000000", 0, FIELD(inactive), 300 },
	{ "inactive 300 x", LNL_E_INVAL, FIELD(inactive), SAME },
	{ "inactive 2147483648", LNL_E_INVAL, FIELD(inactive), SAME },
	{ "session-timeout 3600", 0, FIELD(session_timeout), 3600 },
	{ "sndbuf 393216", 0, FIELD(sndbuf), 393216 },
	{ "rcvbuf 0", 0, FIELD(rcvbuf), 0 },
	{ "rcvbuf 67108865", LNL_E_INVAL, FIELD(rcvbuf), SAME },
	{ "route-metric 100", 0, FIELD(net.route_metric), 100 },
	{ "route-metric 2147483648", LNL_E_INVAL, FIELD(net.route_metric), SAME },
	{ "tun-mtu 1400", 0, FIELD(tun_mtu), 1400 },
	{ "tun-mtu 1400 1600", 0, FIELD(tun_mtu), 1400 },
	{ "topology subnet", 0, FIELD(topology), LNL_TOPOLOGY_SUBNET },
	{ "topology p2p", 0, FIELD(topology), LNL_TOPOLOGY_P2P },
	{ "topology net30", 0, FIELD(topology), LNL_TOPOLOGY_NET30 },
	{ "topology Subnet", LNL_E_INVAL, FIELD(topology), SAME },
	{ "peer-id 0", 0, FIELD(peer_id), 0 },
	{ "peer-id 16777215", 0, FIELD(peer_id), 0xffffff },
	{ "peer-id 16777216", LNL_E_INVAL, FIELD(peer_id), SAME },
	{ "cipher aes-256-gcm", 0, FIELD(cipher), LNL_CIPHER_AES_256_GCM },
	{ "cipher BF-CBC", LNL_E_UNSUPPORTED, FIELD(cipher), SAME },
	{ "cipher none", LNL_E_UNSUPPORTED, FIELD(cipher), SAME },
	{ "key-derivation tls-ekm", 0, FIELD(protocol_flags), LNL_PROTOCOL_TLS_EKM },
	{ "key-derivation prf", LNL_E_UNSUPPORTED, FIELD(protocol_flags), SAME },
	{ "protocol-flags cc-exit", 0, FIELD(protocol_flags), LNL_PROTOCOL_CC_EXIT },
	{ "protocol-flags tls-ekm", 0, FIELD(protocol_flags), LNL_PROTOCOL_TLS_EKM },
	{ "protocol-flags dyn-tls-crypt", 0, FIELD(protocol_flags), LNL_PROTOCOL_DYN_TLS_CRYPT },
	{ "protocol-flags aead-epoch", LNL_E_UNSUPPORTED, FIELD(protocol_flags), SAME },
	{ "protocol-flags cc-exit aead-epoch", LNL_E_UNSUPPORTED, FIELD(protocol_flags), SAME },
	{ "protocol-flags tls-ekm of-2031 cc-exit", 0, FIELD(protocol_flags),
	  LNL_PROTOCOL_TLS_EKM | LNL_PROTOCOL_CC_EXIT },
	{ "protocol-flags", LNL_E_FORMAT, FIELD(protocol_flags), SAME },
};

static void numbers(void **state)
{
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(number_rows); i++) {
		int before, after;

		push_reset(t);
		before = number_at(&t->p, number_rows[i].field);
		assert_int_equal(pushed(t, number_rows[i].text), number_rows[i].error);
		after = number_at(&t->p, number_rows[i].field);
		assert_int_equal(after,
				 number_rows[i].value == SAME ? before : number_rows[i].value);
	}
}

/* Only one timeout with one of two actions stands; the later option says which. */
static void ping_action(void **state)
{
	struct push_test *t = *state;

	assert_int_equal(give(t, LNL_FROM_PROFILE, "ping-exit 30"), 0);
	assert_int_equal(pushed(t, "ping-restart 60"), 0);
	assert_int_equal(t->p.ping_exit, -1);
	assert_int_equal(t->p.ping_restart, 60);
	assert_int_equal(pushed(t, "ping-exit 0"), 0);
	assert_int_equal(t->p.ping_exit, 0);
	assert_int_equal(t->p.ping_restart, -1);
	assert_false(t->p.ping_timer_rem);
	assert_int_equal(pushed(t, "ping-timer-rem"), 0);
	assert_true(t->p.ping_timer_rem);
}

static void profile_alone(void **state)
{
	static const struct {
		const char *text;
		int error; /* from the profile; a server's is LNL_E_PERM */
	} rows[] = {
		{ "keepalive 10 60", 0 },
		{ "keepalive 10 20", 0 },
		{ "keepalive 10 19", LNL_E_INVAL },
		{ "keepalive 0 60", LNL_E_INVAL },
		{ "keepalive 10", LNL_E_FORMAT },
		{ "mssfix", 0 },
		{ "mssfix 1300", 0 },
		{ "mssfix 1300 mtu", 0 },
		{ "mssfix 1300 fixed", 0 },
		{ "mssfix 1300 x", LNL_E_INVAL },
		{ "mssfix 65536", LNL_E_INVAL },
		{ "tcp-nodelay", 0 },
		{ "setenv UV_SITE office", 0 },
		{ "setenv PATH /tmp", LNL_E_NOTFOUND },
		{ "route-nopull", 0 },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		assert_int_equal(pushed(t, rows[i].text), LNL_E_PERM);
		assert_int_equal(give(t, LNL_FROM_PROFILE, rows[i].text), rows[i].error);
	}
	push_reset(t);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "keepalive 10 60"), 0);
	assert_int_equal(t->p.ping, 10);
	assert_int_equal(t->p.ping_restart, 60);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "mssfix 1300 mtu"), 0);
	assert_int_equal(t->p.mssfix, 1300);
	assert_true(t->p.mssfix_mtu && !t->p.mssfix_fixed);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "mssfix 1300 fixed"), 0);
	assert_true(!t->p.mssfix_mtu && t->p.mssfix_fixed);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "mssfix"), 0);
	assert_int_equal(t->p.mssfix, -1);
	assert_false(t->p.mssfix_mtu || t->p.mssfix_fixed);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "setenv UV_SITE office"), 0);
	assert_string_equal(t->p.env[0], "UV_SITE=office");
	assert_false(t->p.tcp_nodelay);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "tcp-nodelay"), 0);
	assert_true(t->p.tcp_nodelay);
}

static void socket_flags(void **state)
{
	struct push_test *t = *state;

	assert_int_equal(pushed(t, "socket-flags"), 0);
	assert_int_equal(pushed(t, "socket-flags SO_OTHER"), 0);
	assert_non_null(strstr(t->why.text, "not known"));
	assert_false(t->p.tcp_nodelay);
	assert_int_equal(pushed(t, "socket-flags TCP_NODELAY"), 0);
	assert_string_equal(t->why.text, "");
	assert_true(t->p.tcp_nodelay);
}

/* What only a server says is no option of a profile. */
static void server_alone(void **state)
{
	static const char *const rows[] = { "peer-id 1",
					    "cipher AES-256-GCM",
					    "protocol-flags tls-ekm",
					    "key-derivation tls-ekm",
					    "auth-token x",
					    "push-continuation 1",
					    "verb 3",
					    "no-such-option" };
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(give(t, LNL_FROM_PROFILE, rows[i]), LNL_E_NOTFOUND);
}

static void server_overrides(void **state)
{
	struct push_test *t = *state;

	assert_int_equal(give(t, LNL_FROM_PROFILE, "topology p2p"), 0);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "tun-mtu 1300"), 0);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "ping 5"), 0);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "route 10.1.0.0 255.255.0.0"), 0);
	assert_int_equal(pushed(t, "topology subnet"), 0);
	assert_int_equal(pushed(t, "tun-mtu 1400"), 0);
	assert_int_equal(pushed(t, "ping 10"), 0);
	assert_int_equal(pushed(t, "route 10.2.0.0 255.255.0.0"), 0);
	assert_int_equal(t->p.topology, LNL_TOPOLOGY_SUBNET);
	assert_int_equal(t->p.tun_mtu, 1400);
	assert_int_equal(t->p.ping, 10);
	assert_int_equal(t->p.net.n_routes, 2);
}

static void framing(void **state)
{
	static const struct {
		const char *text;
		int pushed;
		enum lnl_framing framing;
		bool warned; /* taken from a profile, with a warning */
	} rows[] = {
		{ "comp-lzo no", 0, LNL_FRAMING_LZO, false },
		{ "comp-lzo", LNL_E_UNSUPPORTED, LNL_FRAMING_LZO, true },
		{ "comp-lzo yes", LNL_E_UNSUPPORTED, LNL_FRAMING_LZO, true },
		{ "comp-lzo adaptive", LNL_E_UNSUPPORTED, LNL_FRAMING_LZO, true },
		{ "compress", 0, LNL_FRAMING_STUB, false },
		{ "compress stub", 0, LNL_FRAMING_STUB, false },
		{ "compress stub-v2", 0, LNL_FRAMING_STUB_V2, false },
		{ "compress migrate", 0, LNL_FRAMING_NONE, false },
		{ "compress lzo", LNL_E_UNSUPPORTED, LNL_FRAMING_LZO, true },
		{ "compress lz4", LNL_E_UNSUPPORTED, LNL_FRAMING_STUB, true },
		{ "compress lz4-v2", LNL_E_UNSUPPORTED, LNL_FRAMING_STUB_V2, true },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		assert_int_equal(pushed(t, rows[i].text), rows[i].pushed);
		assert_int_equal(t->p.framing,
				 rows[i].pushed == 0 ? rows[i].framing : LNL_FRAMING_NONE);
		push_reset(t);
		assert_int_equal(give(t, LNL_FROM_PROFILE, rows[i].text), 0);
		assert_int_equal(t->p.framing, rows[i].framing);
		assert_int_equal(t->why.text[0] != '\0', rows[i].warned);
	}
	assert_int_equal(pushed(t, "comp-lzo maybe"), LNL_E_UNSUPPORTED);
	assert_int_equal(pushed(t, "compress zstd"), LNL_E_UNSUPPORTED);
	assert_int_equal(pushed(t, "comp-lzo yes"), LNL_E_UNSUPPORTED);
	assert_non_null(strstr(t->why.text, "set `comp-lzo no`"));
}

/* TRUST C3: sizes that no device can have, or that we never announced. */
static void c3_tun_mtu(void **state)
{
	static const struct {
		const char *text;
		int pushed, profile;
	} rows[] = {
		{ "tun-mtu 0", LNL_E_INVAL, LNL_E_INVAL },
		{ "tun-mtu 1", LNL_E_INVAL, LNL_E_INVAL },
		{ "tun-mtu 67", LNL_E_INVAL, LNL_E_INVAL },
		{ "tun-mtu 68", LNL_E_INVAL, 0 },
		{ "tun-mtu 575", LNL_E_INVAL, 0 },
		{ "tun-mtu 576", 0, 0 },
		{ "tun-mtu 1600", 0, 0 },
		{ "tun-mtu 1601", LNL_E_INVAL, 0 },
		{ "tun-mtu 65535", LNL_E_INVAL, 0 },
		{ "tun-mtu 65536", LNL_E_INVAL, LNL_E_INVAL },
		{ "tun-mtu -1", LNL_E_INVAL, LNL_E_INVAL },
		{ "tun-mtu 4294968796", LNL_E_INVAL, LNL_E_INVAL },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		assert_int_equal(pushed(t, rows[i].text), rows[i].pushed);
		assert_int_equal(give(t, LNL_FROM_PROFILE, rows[i].text), rows[i].profile);
	}
	push_reset(t);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "tun-mtu 9000"), 0);
	assert_int_equal(pushed(t, "tun-mtu 9001"), LNL_E_INVAL);
	assert_int_equal(pushed(t, "tun-mtu 8000"), 0);
	assert_int_equal(t->p.tun_mtu, 8000);
}

static void tokens(void **state)
{
	struct push_test *t = *state;
	char text[1100];

	assert_int_equal(pushed(t, "auth-token SESS_ID_AT_c2VjcmV0"), 0);
	assert_string_equal(t->p.token, "SESS_ID_AT_c2VjcmV0");
	assert_int_equal(pushed(t, "auth-token-user YWxpY2U="), 0);
	assert_string_equal(t->p.token_user, "alice");
	assert_int_equal(pushed(t, "auth-token-user YWxpY2U"), LNL_E_FORMAT);
	assert_int_equal(pushed(t, "auth-token-user YQBi"), LNL_E_FORMAT); /* a NUL inside */
	assert_int_equal(pushed(t, "auth-token-user YQpi"), LNL_E_FORMAT); /* a line feed */
	assert_int_equal(pushed(t, "auth-token-user \"\""), LNL_E_FORMAT);
	assert_int_equal(pushed(t, "auth-token-user YSBi"), 0);		   /* "a b" */
	assert_int_equal(pushed(t, "auth-token-user YX8="), LNL_E_FORMAT); /* DEL */
	assert_int_equal(pushed(t, "auth-token \"\""), LNL_E_LIMIT);
	/* 255 bytes are the longest user, 256 are not taken. */
	strcpy(text, "auth-token-user ");
	memset(text + 16, 'A', 340);
	for (unsigned i = 0; i < 340; i += 4)
		memcpy(text + 16 + i, "YWFh", 4);
	text[16 + 340] = '\0';
	assert_int_equal(pushed(t, text), 0);
	assert_int_equal(strlen(t->p.token_user), 255);
	strcat(text, "YQ==");
	assert_int_equal(pushed(t, text), LNL_E_FORMAT);
	lnl_pulled_wipe(&t->p);
	for (size_t i = 0; i < sizeof(t->p.token); i++)
		assert_int_equal(t->p.token[i], 0);
	assert_string_equal(t->p.token_user, "");
}

/* The longest token; and TRUST K3: whatever is wrong with one, it is in no text for a log. */
static void token_limits(void **state)
{
	struct push_test *t = *state;
	struct lnl_option o = { .n = 2, .word = { "auth-token", NULL } };
	char token[LNL_TOKEN_MAX + 1];

	memset(token, 'T', sizeof(token));
	token[LNL_TOKEN_MAX] = '\0';
	o.word[1] = token;
	assert_int_equal(give_words(t, LNL_FROM_SERVER, &o), LNL_E_LIMIT);
	assert_null(strstr(t->why.text, "TT"));
	token[LNL_TOKEN_MAX - 1] = '\0';
	assert_int_equal(give_words(t, LNL_FROM_SERVER, &o), 0);
	assert_int_equal(strlen(t->p.token), LNL_TOKEN_MAX - 1);
	assert_int_equal(pushed(t, "auth-token marker more"), LNL_E_FORMAT);
	assert_null(strstr(t->why.text, "marker"));
	assert_int_equal(pushed(t, "auth-token-user marker!"), LNL_E_FORMAT);
	assert_null(strstr(t->why.text, "marker"));
	assert_int_equal(pushed(t, "unknown-token marker"), LNL_E_NOTFOUND);
	assert_null(strstr(t->why.text, "marker"));
	assert_int_equal(give(t, LNL_FROM_PROFILE, "auth-token marker"), LNL_E_NOTFOUND);
	assert_null(strstr(t->why.text, "marker"));
}

static void reasons(void **state)
{
	struct push_test *t = *state;
	struct lnl_option o = { .n = 2, .word = { "ping", "\x1b[2J" } };
	struct lnl_option none = { .n = 0 };

	assert_int_equal(pushed(t, "route 10.0.0.0 255.0.255.0"), LNL_E_FORMAT);
	assert_string_equal(t->why.text, "route 10.0.0.0 255.0.255.0: the netmask has holes");
	assert_int_equal(pushed(t, "protocol-flags cc-exit new"), 0);
	assert_string_equal(t->why.text,
			    "protocol-flags cc-exit new: a flag is not known; the others apply");
	assert_int_equal(pushed(t, "ping 10"), 0);
	assert_string_equal(t->why.text, "");
	assert_int_equal(pushed(t, "protocol-flags cc-exit aead-epoch"), LNL_E_UNSUPPORTED);
	assert_string_equal(t->why.text,
			    "protocol-flags cc-exit aead-epoch: data packets with epoch keys "
			    "(aead-epoch) are not supported, and were not asked for (IV_PROTO)");
	assert_int_equal(pushed(t, "ping 10"), 0);
	assert_string_equal(t->why.text, "");
	assert_int_equal(pushed(t, "up /bin/sh"), LNL_E_NOTFOUND);
	assert_string_equal(t->why.text, "up: it is nothing that a server may push");
	/* TRUST C1: what did not come through the splitter is cleaned, too. */
	assert_int_equal(give_words(t, LNL_FROM_SERVER, &o), LNL_E_FORMAT);
	assert_string_equal(t->why.text, "ping ?[2J: a number is expected");
	assert_int_equal(lnl_pulled_option(&t->p, &none, LNL_FROM_SERVER, &t->why), LNL_E_FORMAT);
	/* Long ones are cut, and end in the reason. */
	assert_int_equal(pushed(t,
				"route aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
			 LNL_E_FORMAT);
	assert_string_equal(t->why.text, "route: it holds no address of the right family");
}

/* --- C3 --- */

/* What a server may push with effect, and one way to say each. */
static const char *const effective[] = {
	"ifconfig 10.8.0.2 255.255.255.0",
	"ifconfig-ipv6 fd00::2/64 fd00::1",
	"topology subnet",
	"route 10.0.0.0 255.0.0.0",
	"route-ipv6 2001:db8::/32",
	"route-gateway 10.8.0.1",
	"route-ipv6-gateway fd00::1",
	"route-metric 5",
	"redirect-gateway def1",
	"redirect-private def1",
	"block-ipv6",
	"dhcp-option DNS 10.8.0.1",
	"dns search-domains example.net",
	"peer-id 7",
	"cipher AES-256-GCM",
	"protocol-flags tls-ekm",
	"key-derivation tls-ekm",
	"tun-mtu 1400",
	"ping 10",
	"ping-restart 60",
	"ping-exit 60",
	"ping-timer-rem",
	"explicit-exit-notify 1",
	"inactive 300",
	"session-timeout 300",
	"auth-token t",
	"auth-token-user YQ==",
	"comp-lzo no",
	"compress stub",
	"socket-flags TCP_NODELAY",
	"sndbuf 1000",
	"rcvbuf 1000",
	"setenv-safe NAME value",
};

/* What it may push for others than us, or for the log. */
static const char *const without_effect[] = {
	"push-continuation", "echo",	     "parameter",	 "tun-ipv6",
	"persist-tun",	     "persist-key",  "route-delay",	 "max-routes",
	"comp-noadapt",	     "route-method", "ip-win32",	 "tap-sleep",
	"dhcp-renew",	     "dhcp-release", "dhcp-pre-release", "register-dns",
	"block-outside-dns", "show-net-up",
};

static bool begins(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncmp(text, name, len) == 0 && (text[len] == '\0' || text[len] == ' ');
}

static const char *find_name(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (begins(list[i], name))
			return list[i];
	return NULL;
}

static void assert_clean(const char *text)
{
	for (; *text; text++)
		assert_null(strchr("`$;|&<>()'\"\\*?[]{}!#^~\n\r\t", *text));
}

/* Nothing that a shell acts on, or that a program takes for an option, got into a text for them. */
static void assert_harmless(const struct lnl_pulled *p)
{
	assert_clean(p->net.domain);
	for (unsigned i = 0; i < p->net.n_search; i++) {
		assert_clean(p->net.search[i]);
		assert_int_not_equal(p->net.search[i][0], '-');
	}
	for (unsigned i = 0; i < p->net.n_resolve; i++) {
		assert_clean(p->net.resolve[i]);
		assert_int_not_equal(p->net.resolve[i][0], '-');
	}
	for (unsigned i = 0; i < p->n_servers; i++)
		for (unsigned k = 0; k < p->server[i].n_domains; k++)
			assert_clean(p->server[i].domain[k]);
	for (unsigned i = 0; i < p->n_env; i++) {
		assert_clean(p->env[i]);
		assert_true(strncmp(p->env[i], "OPENVPN_", 8) == 0 ||
			    strncmp(p->env[i], "foreign_option_", 15) == 0);
	}
}

static const char *const arguments[] = {
	"",
	"1",
	"x",
	"yes",
	"10.0.0.1 255.0.0.0",
	"/bin/sh",
	"/etc/passwd",
	"'$(reboot)'",
	"'`reboot`'",
	"'x;reboot'",
	"'x|reboot'",
	"'x&reboot'",
	"'x > /etc/passwd'",
	"'DNS' '1.1.1.1;reboot'",
	"DOMAIN '$(reboot)'",
	"DOMAIN -reboot",
	"DOMAIN-SEARCH 'x`reboot`'",
	"DOMAIN-ROUTE '*'",
	"KIND '$(reboot)'",
	"KIND --reboot",
	"'KI$ND' x",
	"NAME '$(reboot)'",
	"'NA;ME' x",
	"LD_PRELOAD /tmp/x.so",
	"PATH /tmp",
	"opt up /bin/sh",
	"search-domains 'a;b'",
	"server 1 resolve-domains 'a$b'",
	"server 1 address '1.1.1.1;x'",
	"%n%s%x",
	"\"a b\"",
	"\\\\",
};

/*
 * TRUST C3 (CVE-2006-1629, CVE-2008-3459, CVE-2026-63649): a rogue server says all that OpenVPN
 * knows.
 */
static void c3_every_option(void **state)
{
	struct push_test *t = *state;
	size_t found = 0;
	char text[200];

	for (size_t i = 0; i < ROWS(openvpn_names); i++) {
		const char *name = openvpn_names[i];
		const char *sample = find_name(effective, ROWS(effective), name);
		bool ignored = find_name(without_effect, ROWS(without_effect), name) != NULL;

		for (size_t k = 0; k < ROWS(arguments); k++) {
			int error;

			push_reset(t);
			strcpy(text, name);
			strcat(text, " ");
			strcat(text, arguments[k]);
			error = pushed(t, text);
			if (ignored)
				assert_int_equal(error, 0);
			else if (!sample)
				assert_true(error == LNL_E_NOTFOUND || error == LNL_E_PERM);
			if (!sample)
				assert_memory_equal(&t->p, &t->before, sizeof(t->p));
			assert_harmless(&t->p);
		}
		if (sample) {
			push_reset(t);
			assert_int_equal(pushed(t, sample), 0);
			assert_memory_not_equal(&t->p, &t->before, sizeof(t->p));
			found++;
		}
	}
	assert_int_equal(found, ROWS(effective));
}

/* TRUST C3, X1: no name that a program or a shell knows can be set. */
static void c3_setenv(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "setenv LD_PRELOAD /tmp/x.so", LNL_E_PERM },
		{ "setenv UV_X y", LNL_E_PERM },
		{ "setenv opt up /bin/sh", LNL_E_PERM },
		{ "setenv FORWARD_COMPATIBLE 1", LNL_E_PERM },
		{ "setenv-safe LD_PRELOAD /tmp/x.so", 0 },
		{ "setenv-safe NAME", 0 },
		{ "setenv-safe NAME \"two words\"", 0 },
		{ "setenv-safe opt up /bin/sh", LNL_E_FORMAT },
		{ "setenv-safe 'A=B' c", LNL_E_FORMAT },
		{ "setenv-safe 'A B' c", LNL_E_FORMAT },
		{ "setenv-safe \"\" c", LNL_E_FORMAT },
		{ "setenv-safe 0A c", LNL_E_FORMAT },
		{ "setenv-safe 9A c", LNL_E_FORMAT },
		{ "setenv-safe A-B c", LNL_E_FORMAT },
		{ "setenv-safe A '() { :;}; reboot'", LNL_E_FORMAT },
		{ "setenv-safe A '$(reboot)'", LNL_E_FORMAT },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(pushed(t, rows[i].text), rows[i].error);
	assert_int_equal(t->p.n_env, 2);
	assert_string_equal(t->p.env[0], "OPENVPN_LD_PRELOAD=/tmp/x.so");
	assert_string_equal(t->p.env[1], "OPENVPN_NAME=two words");
}

/* TRUST C2: many options and endless ones; whatever is said, nothing grows. */
static void c2_bounds(void **state)
{
	struct push_test *t = *state;
	char text[64] = "route 10.0.0.0 255.255.255.255";
	unsigned taken = 0;

	for (unsigned i = 0; i < 127; i++) {
		text[9] = (char)('0' + i % 10);
		text[11] = (char)('0' + i / 10 % 10);
		text[13] = (char)('0' + i / 100);
		assert_int_equal(pushed(t, text), 0);
	}
	assert_int_equal(t->p.net.n_routes, 127);
	for (unsigned i = 0; i < 2000; i++) {
		text[6] = "123456789"[i % 9];
		text[9] = (char)('0' + i % 10);
		text[11] = (char)('0' + i / 10 % 10);
		text[13] = (char)('0' + i / 100 % 10);
		taken += pushed(t, text) == 0;
		assert_true(t->p.net.n_routes <= LNL_NET_ROUTES);
	}
	assert_int_equal(t->p.net.n_routes, LNL_NET_ROUTES);
	assert_true(taken >= LNL_NET_ROUTES - 127);
	for (unsigned i = 0; i < 1000; i++)
		for (size_t k = 0; k < ROWS(effective); k++)
			if (strncmp(effective[k], "route", 5) != 0)
				assert_int_equal(pushed(t, effective[k]), 0);
	assert_int_equal(t->p.n_env, 2);
	assert_int_equal(t->p.net.n_search, 1);
}

static void route_nopull(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "route 10.0.0.0 255.0.0.0", LNL_E_PERM },
		{ "route-ipv6 2001:db8::/32", LNL_E_PERM },
		{ "route-metric 5", LNL_E_PERM },
		{ "redirect-gateway def1", LNL_E_PERM },
		{ "redirect-private", LNL_E_PERM },
		{ "block-ipv6", LNL_E_PERM },
		{ "dhcp-option DNS 10.8.0.1", LNL_E_PERM },
		{ "dns search-domains example.net", LNL_E_PERM },
		{ "route-gateway 10.8.0.1", 0 },
		{ "ifconfig 10.8.0.2 255.255.255.0", 0 },
		{ "topology subnet", 0 },
		{ "ping 10", 0 },
	};
	struct push_test *t = *state;

	assert_int_equal(give(t, LNL_FROM_PROFILE, "route 10.9.0.0 255.255.0.0"), 0);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "route-nopull"), 0);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "dhcp-option DNS 10.9.0.1"), 0);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(pushed(t, rows[i].text), rows[i].error);
	assert_int_equal(t->p.net.n_routes, 1);
	assert_int_equal(t->p.net.n_dns, 1);
}

static void filters(void **state)
{
	static const struct lnl_pull_filter list[] = {
		{ LNL_FILTER_ACCEPT, "route 192.168.1." },
		{ LNL_FILTER_IGNORE, "route 192.168." },
		{ LNL_FILTER_REJECT, "route " },
		{ LNL_FILTER_IGNORE, "dhcp-option DNS" },
	};
	static const struct {
		const char *option;
		enum lnl_filter_action action;
	} rows[] = {
		{ "route 192.168.1.0 255.255.255.0", LNL_FILTER_ACCEPT },
		{ "route 192.168.2.0 255.255.255.0", LNL_FILTER_IGNORE },
		{ "route 10.0.0.0 255.0.0.0", LNL_FILTER_REJECT },
		{ "route-ipv6 2001:db8::/32", LNL_FILTER_ACCEPT },
		{ "dhcp-option DNS6 fd00::1", LNL_FILTER_IGNORE },
		{ "dhcp-option DOMAIN x", LNL_FILTER_ACCEPT },
		{ "Route 10.0.0.0", LNL_FILTER_ACCEPT },
		{ "", LNL_FILTER_ACCEPT },
	};
	static const struct lnl_pull_filter all = { LNL_FILTER_IGNORE, "" };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(lnl_pull_filter_match(list, ROWS(list), rows[i].option),
				 rows[i].action);
		assert_int_equal(lnl_pull_filter_match(&all, 1, rows[i].option), LNL_FILTER_IGNORE);
		assert_int_equal(lnl_pull_filter_match(NULL, 0, rows[i].option), LNL_FILTER_ACCEPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUSH_TEST(numbers),	 PUSH_TEST(ping_action),  PUSH_TEST(profile_alone),
		PUSH_TEST(socket_flags), PUSH_TEST(server_alone), PUSH_TEST(server_overrides),
		PUSH_TEST(framing),	 PUSH_TEST(c3_tun_mtu),	  PUSH_TEST(tokens),
		PUSH_TEST(token_limits), PUSH_TEST(reasons),	  PUSH_TEST(c3_every_option),
		PUSH_TEST(c3_setenv),	 PUSH_TEST(c2_bounds),	  PUSH_TEST(route_nopull),
		PUSH_TEST(filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
