/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server pushes, and what of it takes effect: TRUST C1, C2, C3. */
/* lunel-test: both */
#include <stdio.h>

#include "sim/check.h"
#include "unit/test_control_names.h"
#include "wire/peerinfo.h"

#define USUAL                                                                                      \
	"route-gateway 10.8.0.1,topology subnet,ping 10,ping-restart 60,"                          \
	"ifconfig 10.8.0.2 255.255.255.0,peer-id 7,cipher AES-256-GCM,"                            \
	"protocol-flags cc-exit tls-ekm dyn-tls-crypt"

static struct sim_world *make(uint64_t seed)
{
	return world_new(seed, SIM_WRAP_CRYPT, false);
}

static void start(struct sim_world *w)
{
	assert_int_equal(sim_world_start(w), 0);
}

static void carries_packets(struct sim_world *w)
{
	sim_world_traffic(w, 3, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
}

static void test_continuation(void **state)
{
	static const char *const rows[][5] = {
		{ "PUSH_REPLY," USUAL, NULL },
		{ "PUSH_REPLY," USUAL ",push-continuation 1", NULL },
		{ "PUSH_REPLY,route 192.168.7.0 255.255.255.0,push-continuation 2",
		  "PUSH_REPLY," USUAL ",push-continuation 1", NULL },
		{ "PUSH_REPLY,push-continuation 2",
		  "PUSH_REPLY,route 192.168.7.0 255.255.255.0,push-continuation 2",
		  "PUSH_REPLY,push-continuation 2", "PUSH_REPLY," USUAL ",push-continuation 1",
		  NULL },
		{ "PUSH_REPLY," USUAL ",push-continuation 2", "PUSH_REPLY", NULL },
		{ "PUSH_REPLY," USUAL ",push-continuation 2", "PUSH_REPLY,", NULL },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = make(i);

		w->server_conf.push = rows[i];
		start(w);
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		assert_int_equal(w->counts[LNL_CLIENT_PULLED], 1);
		assert_int_equal(lnl_client_pulled(w->client)->net.n_routes, i == 2 || i == 3);
		carries_packets(w);
		world_delete(w);
	}
}

/* A part that says that more follows is not the answer. */
static void test_continuation_without_end(void **state)
{
	static const char *const push[] = { "PUSH_REPLY," USUAL ",push-continuation 2", NULL };
	struct sim_world *w = make(1);

	(void)state;
	w->server_conf.push = push;
	start(w);
	assert_true(sim_world_closes(w, 100 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_PUSH);
	assert_int_equal(w->counts[LNL_CLIENT_PULLED], 0);
	world_delete(w);
}

/* C2: 256 messages, 64 KiB, 512 options. */
static void endless(unsigned len, unsigned messages, bool fits)
{
	static char text[2048];
	static const char *push[300];
	struct sim_world *w = make(len);
	unsigned n = 0;

	n = (unsigned)snprintf(text, sizeof(text), "PUSH_REPLY");
	while (n + 30 < len)
		n += (unsigned)snprintf(text + n, sizeof(text) - n, ",echo 1234567890123456789");
	snprintf(text + n, sizeof(text) - n, ",push-continuation 2");
	for (unsigned i = 0; i < messages; i++)
		push[i] = text;
	push[messages] = "PUSH_REPLY," USUAL;
	push[messages + 1] = NULL;
	w->server_conf.push = push;
	start(w);
	assert_int_equal(sim_world_connect(w, 30 * LNL_SECOND), fits);
	if (!fits) {
		assert_true(w->closed);
		assert_int_equal(w->cause, LNL_CAUSE_PUSH);
		assert_true(w->env.live_bytes < 400000);
	}
	world_delete(w);
}

static void test_endless_push(void **state)
{
	(void)state;
	endless(60, 255, true);
	endless(60, 256, false);
	endless(1000, 10, true);
	endless(1000, 14, false); /* options */
	endless(1900, 60, false); /* bytes */
}

static void test_unasked(void **state)
{
	struct sim_world *w = make(3);

	(void)state;
	w->server_conf.unasked = true;
	start(w);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	assert_true(w->server.push_requests <= 1);
	carries_packets(w);
	world_delete(w);
}

/* No PUSH_REPLY is believed twice, no other than the first configures. */
static void test_twice(void **state)
{
	static const char *const push[] = { "PUSH_REPLY," USUAL,
					    "PUSH_REPLY,ifconfig 1.2.3.4 255.255.255.0,peer-id 9",
					    NULL };
	struct sim_world *w = make(4);

	(void)state;
	w->server_conf.push = push;
	start(w);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	sim_world_run(w, LNL_SECOND);
	assert_int_equal(w->counts[LNL_CLIENT_PULLED], 1);
	assert_int_equal(w->counts[LNL_CLIENT_TOKEN], 0);
	assert_int_equal(lnl_client_pulled(w->client)->peer_id, 7);
	carries_packets(w);
	world_delete(w);
}

/* ---- what the owner makes of it ---- */

static void test_edited(void **state)
{
	static const char *const options[] = { "ifconfig 10.8.0.2 255.255.255.0",
					       "topology subnet",
					       "peer-id 7",
					       "cipher AES-256-GCM",
					       "protocol-flags cc-exit tls-ekm dyn-tls-crypt",
					       "route 172.16.0.0 255.240.0.0",
					       "script-security 2" };
	struct sim_world *w = make(5);

	(void)state;
	w->setup.pulled_waits = true;
	strcpy(w->wanted, "push.refused");
	start(w);
	assert_int_equal(lnl_client_configure(w->client, NULL, 0, NULL, w->now), LNL_E_STATE);
	sim_world_run(w, LNL_SECOND);
	assert_true(w->pulled_waiting);
	assert_int_equal(lnl_client_options_len(w->client), 8);
	assert_string_equal(lnl_client_option(w->client, 0), "route-gateway 10.8.0.1");
	assert_null(lnl_client_option(w->client, 8));
	assert_int_equal(w->counts[LNL_CLIENT_UP], 0);
	assert_int_equal(lnl_client_configure(w->client, options, 7, NULL, w->now), 0);
	assert_true(sim_world_connect(w, LNL_SECOND));
	assert_int_equal(lnl_client_pulled(w->client)->net.n_routes, 1);
	/* A script's addition is judged like the server's own. */
	assert_int_equal(w->wanted_seen, 1);
	assert_int_equal(lnl_client_options_len(w->client), 0);
	carries_packets(w);
	world_delete(w);
}

static void test_refused(void **state)
{
	struct sim_world *w = make(6);

	(void)state;
	w->setup.pulled_waits = true;
	start(w);
	sim_world_run(w, LNL_SECOND);
	assert_int_equal(lnl_client_configure(w->client, NULL, 0, "not today", w->now), 0);
	assert_true(sim_world_closes(w, LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_SCRIPT);
	assert_string_equal(w->why, "not today");
	assert_int_equal(w->keys_installed, 0);
	world_delete(w);
}

static void test_filters(void **state)
{
	static const struct lnl_pull_filter rows[][2] = {
		{ { LNL_FILTER_ACCEPT, "route 10." }, { LNL_FILTER_IGNORE, "route " } },
		{ { LNL_FILTER_REJECT, "route 192." }, { LNL_FILTER_ACCEPT, "route " } },
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_world *w = make(7 + i);

		w->conf.filters = rows[i];
		w->conf.n_filters = 2;
		w->server_conf.extra = "route 10.1.0.0 255.255.0.0,route 192.168.0.0 255.255.0.0";
		start(w);
		assert_int_equal(sim_world_connect(w, 10 * LNL_SECOND), i == 0);
		if (i == 0) {
			assert_int_equal(lnl_client_pulled(w->client)->net.n_routes, 1);
		} else {
			assert_int_equal(w->cause, LNL_CAUSE_PUSH);
			assert_string_equal(w->why, "route 192.168.0.0 255.255.0.0");
		}
		world_delete(w);
	}
}

/* ---- ciphers ---- */

static void test_ciphers(void **state)
{
	static const struct {
		const char *pushed, *occ;
		enum lnl_cipher ours[2], fallback, used;
		enum lnl_cause cause;
	} rows[] = {
		{ "AES-128-GCM",
		  NULL,
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_NONE,
		  LNL_CIPHER_AES_128_GCM,
		  LNL_CAUSE_NONE },
		{ "AES-128-GCM",
		  NULL,
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_CHACHA20_POLY1305 },
		  LNL_CIPHER_NONE,
		  LNL_CIPHER_NONE,
		  LNL_CAUSE_CIPHER },
		{ "AES-256-CBC",
		  NULL,
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_AES_256_CBC,
		  LNL_CIPHER_AES_256_CBC,
		  LNL_CAUSE_NONE },
		{ "BF-CBC",
		  NULL,
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_NONE,
		  LNL_CIPHER_NONE,
		  LNL_CAUSE_PUSH },
		/* none pushed: what its OCC string says, if data-ciphers has it */
		{ NULL,
		  "V4,cipher AES-128-GCM,auth [null-digest]",
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_NONE,
		  LNL_CIPHER_AES_128_GCM,
		  LNL_CAUSE_NONE },
		{ NULL,
		  "V4,cipher AES-256-CBC,auth SHA256",
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_NONE,
		  LNL_CIPHER_NONE,
		  LNL_CAUSE_CIPHER },
		/* else the fallback */
		{ NULL,
		  "V4,cipher AES-256-CBC,auth SHA256",
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_AES_256_CBC,
		  LNL_CIPHER_AES_256_CBC,
		  LNL_CAUSE_NONE },
		{ NULL,
		  "V4,dev-type tun",
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_AES_256_CBC,
		  LNL_CIPHER_AES_256_CBC,
		  LNL_CAUSE_NONE },
		{ NULL,
		  "V4,dev-type tun",
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  LNL_CIPHER_NONE,
		  LNL_CIPHER_NONE,
		  LNL_CAUSE_CIPHER },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = make(20 + i);
		char extra[64];

		sim_world_cipher(w, rows[i].used, LNL_DIGEST_SHA256);
		memcpy(w->conf.ciphers, rows[i].ours, sizeof(rows[i].ours));
		w->conf.n_ciphers = 2;
		w->conf.fallback = rows[i].fallback;
		w->server_conf.ncp = false;
		w->server_conf.options = rows[i].occ;
		snprintf(extra, sizeof(extra), "%s%s", rows[i].pushed ? "cipher " : "echo x",
			 rows[i].pushed ? rows[i].pushed : "");
		w->server_conf.extra = extra;
		start(w);
		if (sim_world_connect(w, 10 * LNL_SECOND) != (rows[i].cause == LNL_CAUSE_NONE))
			fail_msg("row %u: %s", i, w->why);
		if (rows[i].cause == LNL_CAUSE_NONE)
			carries_packets(w);
		else
			assert_int_equal(w->cause, rows[i].cause);
		world_delete(w);
	}
}

/* Compression that would be needed ends the connection; stubs do not. */
static void test_compression(void **state)
{
	static const struct {
		const char *option;
		enum lnl_framing framing;
		bool connects;
	} rows[] = {
		{ "comp-lzo no", LNL_FRAMING_LZO, true },
		{ "compress stub", LNL_FRAMING_STUB, true },
		{ "compress stub-v2", LNL_FRAMING_STUB_V2, true },
		{ "compress lz4-v2", LNL_FRAMING_NONE, false },
		{ "comp-lzo yes", LNL_FRAMING_NONE, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = make(40 + i);

		w->server_conf.extra = rows[i].option;
		w->server_conf.framing = rows[i].framing;
		start(w);
		if (sim_world_connect(w, 10 * LNL_SECOND) != rows[i].connects)
			fail_msg("%s: %s", rows[i].option, w->why);
		if (rows[i].connects)
			carries_packets(w);
		world_delete(w);
	}
}

/*
 * The data channel's other format, with its keys that follow each other, is not offered. A server
 * that speaks it all the same is left with one sentence that names the option.
 */
static void test_epoch_is_not_spoken(void **state)
{
	struct sim_world *w = make(45);
	const char *proto;

	(void)state;
	w->server_conf.extra = "protocol-flags tls-ekm aead-epoch";
	strcpy(w->wanted, "push.refused");
	start(w);
	assert_false(sim_world_connect(w, 10 * LNL_SECOND));
	assert_true(w->closed);
	assert_int_equal(w->cause, LNL_CAUSE_PUSH);
	assert_string_equal(w->why,
			    "protocol-flags tls-ekm aead-epoch: data packets with epoch keys "
			    "(aead-epoch) are not supported, and were not asked for (IV_PROTO)");
	assert_int_equal(w->wanted_seen, 1);
	assert_int_equal(w->keys_installed, 0);
	proto = strstr(w->server.peer_info, "IV_PROTO=");
	assert_non_null(proto);
	assert_int_equal(strtoul(proto + 9, NULL, 10) & LNL_IV_DATA_EPOCH, 0);
	world_delete(w);
}

/* What differs in the OCC strings is told, except what a negotiated cipher makes meaningless. */
static void test_occ(void **state)
{
	static const struct {
		const char *options;
		bool ncp;
		unsigned records;
	} rows[] = {
		{ "V4,dev-type tun,link-mtu 1,tun-mtu 1500,proto UDPv4,cipher BF-CBC,auth MD5,"
		  "keysize 1,key-method 2,tls-server",
		  true, 0 },
		{ "V4,dev-type tap,link-mtu 1,tun-mtu 1400,proto UDPv4,cipher BF-CBC,auth MD5,"
		  "keysize 1,key-method 2,tls-server",
		  true, 2 },
		{ "V4,dev-type tun,link-mtu 1559,tun-mtu 1500,proto UDPv4,cipher AES-256-CBC,"
		  "auth MD5,keysize 256,key-method 2,tls-server",
		  false, 1 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = make(50 + i);
		unsigned seen;

		sim_world_cipher(w, LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA1);
		w->server_conf.options = rows[i].options;
		w->server_conf.ncp = rows[i].ncp;
		strcpy(w->wanted, "occ.differs");
		start(w);
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		seen = w->wanted_seen;
		if (i == 2 ? seen < 1 || seen > 2 : seen != rows[i].records)
			fail_msg("row %u: %u records", i, seen);
		world_delete(w);
		w = make(60 + i);
		w->conf.disable_occ = true;
		w->server_conf.options = rows[i].options;
		strcpy(w->wanted, "occ.differs");
		start(w);
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		assert_int_equal(w->wanted_seen, 0);
		world_delete(w);
	}
}

/* ---- hostile texts ---- */

/* What a server can put into the environment has a name of its own and no meaning to a shell. */
static void check_env(const struct lnl_pulled *p)
{
	for (unsigned i = 0; i < p->n_env; i++) {
		assert_true(strncmp(p->env[i], "OPENVPN_", 8) == 0 ||
			    strncmp(p->env[i], "foreign_option_", 15) == 0);
		assert_null(strpbrk(p->env[i], "$`;|&<>(){}*?\"'\\"));
	}
}

/* C3: of all options that OpenVPN has, a server's push makes nothing but the network's change. */
static void test_every_option(void **state)
{
	static const char *const values[] = { "", " 1", " /bin/sh", " x $(id) `id` ;|&", " 1 2 3" };
	/* What ends a connection, since no packet could be read. */
	static const char *const fatal[] = { "cipher",	       "comp-lzo",	 "compress",
					     "key-derivation", "protocol-flags", "ifconfig",
					     "ifconfig-ipv6",  "topology",	 "route-gateway" };
	const unsigned n = sizeof(openvpn_names) / sizeof(openvpn_names[0]);

	(void)state;
	for (unsigned v = 0; v < 5; v++) {
		for (unsigned i = 0; i < n; i++) {
			struct sim_world *w;
			char extra[128];
			bool skip = false;

			for (unsigned k = 0; k < sizeof(fatal) / sizeof(fatal[0]); k++)
				skip = skip || strcmp(openvpn_names[i], fatal[k]) == 0;
			if (skip)
				continue;
			w = make(i);
			snprintf(extra, sizeof(extra), "%s%s", openvpn_names[i], values[v]);
			w->server_conf.extra = extra;
			start(w);
			if (!sim_world_connect(w, 10 * LNL_SECOND))
				fail_msg("%s: %s", extra, w->why);
			check_env(lnl_client_pulled(w->client));
			world_delete(w);
		}
	}
}

/* C3: of each refusal there is a record. */
static void test_refusals_are_logged(void **state)
{
	static const char *const rows[] = {
		"setenv LD_PRELOAD /x",
		"setenv opt block-outside-dns",
		"script-security 2",
		"up /bin/sh",
		"plugin x.so",
		"config /etc/passwd",
		"route-script x",
		"tls-verify x",
		"remote evil.example 1194",
		"tun-mtu 0",
		"tun-mtu 67",
		"tun-mtu 65536",
		"route 10.0.0.0 255.0.255.0",
		"route-ipv6 10.0.0.0/8",
		"ping -1",
		"peer-id 16777216",
		"\"open quote",
		"route 1 2 3 4 5 6 7 8 9",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = make(70 + i);

		strcpy(w->wanted, "push.refused");
		w->server_conf.extra = rows[i];
		start(w);
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		if (w->wanted_seen != 1)
			fail_msg("%s: %u records", rows[i], w->wanted_seen);
		world_delete(w);
	}
}

/* C1: control bytes never come raw to a log, and never as one message to the owner. */
static void test_dirty_texts(void **state)
{
	static const char *const greeting[] = { "INFO,a\x1b[31mb",
						"a\x01",
						"\x7f\x80\xff",
						"INFO,\xc3\xa4",
						"PUSH_REPLY,echo \x02",
						"AUTH_PENDING,\n",
						"x\ny",
						"INFO,tab\t",
						"plain text\r\n",
						NULL };
	struct sim_world *w = make(90);

	(void)state;
	w->server_conf.greeting = greeting;
	start(w);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	assert_int_equal(w->dirty_records, 0);
	assert_string_equal(w->text, "plain text");
	world_delete(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_continuation),
		cmocka_unit_test(test_continuation_without_end),
		cmocka_unit_test(test_endless_push),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_edited),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_ciphers),
		cmocka_unit_test(test_compression),
		cmocka_unit_test(test_epoch_is_not_spoken),
		cmocka_unit_test(test_occ),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_refusals_are_logged),
		cmocka_unit_test(test_dirty_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
