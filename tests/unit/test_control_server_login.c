/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server makes of old, new and odd clients' records: ciphers, data paths, words. */
#include "test_control_server.h"

#define OCC    "V4,dev-type tun,link-mtu 1541,tun-mtu 1500,proto UDPv4,"
#define ROLE   ",key-method 2,tls-client"
#define SHARED "AUTH_FAILED,Data channel cipher negotiation failed (no shared cipher)"

/* PROTOCOL 1.7, 1.10: whose list counts, and who is told. */
static const struct {
	const char *occ, *info;
	enum lnl_cipher fallback, got;
} cipher_rows[] = {
	/* OpenVPN 2.5 and later */
	{ OCC "cipher AES-256-GCM" ROLE,
	  "IV_PROTO=990\nIV_NCP=2\nIV_CIPHERS=AES-128-GCM:AES-256-GCM\n", LNL_CIPHER_NONE,
	  LNL_CIPHER_AES_256_GCM },
	{ OCC "cipher AES-256-GCM" ROLE, "IV_PROTO=990\nIV_CIPHERS=AES-128-GCM\n", LNL_CIPHER_NONE,
	  LNL_CIPHER_AES_128_GCM },
	/* Its `cipher` counts for nothing beside its list. */
	{ OCC "cipher AES-256-GCM" ROLE, "IV_PROTO=990\nIV_CIPHERS=CHACHA20-POLY1305\n",
	  LNL_CIPHER_AES_256_GCM, LNL_CIPHER_NONE },
	{ "V0 UNDEF", "IV_PROTO=990\nIV_CIPHERS=CHACHA20-POLY1305\n", LNL_CIPHER_AES_256_GCM,
	  LNL_CIPHER_NONE },
	{ OCC "cipher AES-256-GCM" ROLE, "IV_PROTO=990\nIV_CIPHERS=aes-256-gcm\n", LNL_CIPHER_NONE,
	  LNL_CIPHER_NONE },
	{ OCC "cipher AES-256-GCM" ROLE, "IV_PROTO=990\nIV_CIPHERS=AES-256-GCMX\n", LNL_CIPHER_NONE,
	  LNL_CIPHER_NONE },
	/* 2.4: IV_NCP=2 means both GCM sizes */
	{ OCC "cipher BF-CBC" ROLE, "IV_NCP=2\nIV_PROTO=2\n", LNL_CIPHER_NONE,
	  LNL_CIPHER_AES_256_GCM },
	{ OCC "cipher BF-CBC" ROLE, "IV_NCP=3\nIV_PROTO=2\n", LNL_CIPHER_NONE,
	  LNL_CIPHER_AES_256_GCM },
	{ OCC "cipher BF-CBC" ROLE, "IV_NCP=1\nIV_PROTO=2\n", LNL_CIPHER_NONE, LNL_CIPHER_NONE },
	/* without negotiation: OCC says what it has */
	{ OCC "cipher AES-128-GCM" ROLE, "IV_PROTO=2\n", LNL_CIPHER_NONE, LNL_CIPHER_AES_128_GCM },
	{ OCC "cipher AES-256-GCM" ROLE, "", LNL_CIPHER_NONE, LNL_CIPHER_AES_256_GCM },
	{ OCC "cipher AES-256-CBC" ROLE, "", LNL_CIPHER_NONE, LNL_CIPHER_NONE },
	{ OCC "cipher AES-256-CBC" ROLE, "", LNL_CIPHER_AES_256_CBC, LNL_CIPHER_AES_256_CBC },
	{ OCC "cipher AES-256-CBC" ROLE, "", LNL_CIPHER_AES_128_CBC, LNL_CIPHER_NONE },
	{ OCC "cipher BF-CBC" ROLE, "", LNL_CIPHER_AES_256_CBC, LNL_CIPHER_NONE },
	/* disable-occ: nothing is known, the fallback has to do */
	{ "V0 UNDEF", "", LNL_CIPHER_AES_256_CBC, LNL_CIPHER_AES_256_CBC },
	{ "V0 UNDEF", "", LNL_CIPHER_NONE, LNL_CIPHER_NONE },
	{ "", "IV_CIPHERS=\n", LNL_CIPHER_AES_256_CBC, LNL_CIPHER_AES_256_CBC },
	{ OCC "cipher " ROLE, "", LNL_CIPHER_AES_256_CBC, LNL_CIPHER_AES_256_CBC },
};

static void test_cipher_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cipher_rows) / sizeof(cipher_rows[0]); i++) {
		struct server_pair p;
		struct lnl_grant g = { .ping = -1, .ping_restart = -1, .ends_at = LNL_NEVER };

		pair_init(&p);
		p.conf.fallback = cipher_rows[i].fallback;
		pair_judge(&p, cipher_rows[i].occ, cipher_rows[i].info);
		if (cipher_rows[i].got == LNL_CIPHER_NONE) {
			assert_int_equal(p.events[LNL_SERVER_AUTHORIZE], 0);
			assert_string_equal(p.texts[0], SHARED);
			assert_int_equal(p.cause, LNL_CAUSE_CIPHER);
		} else {
			if (p.events[LNL_SERVER_AUTHORIZE] != 1)
				fail_msg("row %zu: %s", i, p.texts[0]);
			assert_int_equal(lnl_server_grant(p.server, &g, p.s.now), 0);
			pair_run(&p);
			assert_int_equal(lnl_server_cipher(p.server), cipher_rows[i].got);
			assert_int_equal(p.key.cipher, cipher_rows[i].got);
			assert_int_equal(p.key.digest, lnl_cipher_is_aead(cipher_rows[i].got)
							       ? LNL_DIGEST_NONE
							       : LNL_DIGEST_SHA1);
			/* Our OCC string names it, for who goes by that. */
			assert_non_null(strstr(p.occ, lnl_cipher_name(cipher_rows[i].got)));
			assert_non_null(strstr(p.occ, "tls-server"));
		}
		lnl_server_event_wipe(&(struct lnl_server_event){ .key = p.key });
		pair_deinit(&p);
	}
}

/* What the plane cannot do is not promised. */
static void test_caps(void **state)
{
	static const struct {
		unsigned caps;
		const char *info;
		enum lnl_cipher first;
		bool good;
	} rows[] = {
		{ LNL_DATA_CAP_DATA_V2, "IV_PROTO=2\nIV_NCP=2\n", LNL_CIPHER_AES_256_GCM, true },
		{ LNL_DATA_CAP_DATA_V2, "IV_NCP=2\n", LNL_CIPHER_AES_256_GCM, false },
		{ LNL_DATA_CAP_DATA_V1, "IV_NCP=2\n", LNL_CIPHER_AES_256_GCM, true },
		{ LNL_DATA_CAP_DATA_V2, "IV_PROTO=2\nIV_CIPHERS=AES-256-CBC\n",
		  LNL_CIPHER_AES_256_CBC, false },
		{ LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_CBC, "IV_PROTO=2\nIV_CIPHERS=AES-256-CBC\n",
		  LNL_CIPHER_AES_256_CBC, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server_pair p;

		pair_init(&p);
		p.conf.caps = rows[i].caps;
		p.conf.ciphers[0] = rows[i].first;
		p.conf.n_ciphers = 1;
		pair_judge(&p, "V4", rows[i].info);
		assert_int_equal(p.events[LNL_SERVER_AUTHORIZE], rows[i].good);
		pair_deinit(&p);
	}
}

/* What of the reply depends on the client's IV_ lines. */
static void test_reply_table(void **state)
{
	static const struct {
		const char *info, *reply;
	} rows[] = {
		{ "IV_PROTO=990\nIV_MTU=1600\nIV_CIPHERS=AES-256-GCM\n",
		  "PUSH_REPLY,ping 10,peer-id 5,cipher AES-256-GCM,protocol-flags cc-exit tls-ekm "
		  "dyn-tls-crypt,tun-mtu 1500" },
		/* without bit 9 */
		{ "IV_PROTO=478\nIV_CIPHERS=AES-256-GCM\n",
		  "PUSH_REPLY,ping 10,peer-id 5,cipher AES-256-GCM,protocol-flags cc-exit "
		  "tls-ekm" },
		/* without bit 7: the older words, and no dyn-tls-crypt */
		{ "IV_PROTO=526\nIV_CIPHERS=AES-256-GCM\n",
		  "PUSH_REPLY,ping 10,peer-id 5,cipher AES-256-GCM,key-derivation tls-ekm" },
		{ "IV_PROTO=6\nIV_NCP=2\n", "PUSH_REPLY,ping 10,peer-id 5,cipher AES-256-GCM" },
		/* MirageVPN: bits 2, 3 and 7, but not 1 */
		{ "IV_PROTO=140\nIV_CIPHERS=AES-256-GCM\n",
		  "PUSH_REPLY,ping 10,cipher AES-256-GCM,protocol-flags cc-exit tls-ekm" },
		{ "IV_PROTO=4\n", "PUSH_REPLY,ping 10" },
		{ "IV_PROTO=4\nIV_MTU=0\n", "PUSH_REPLY,ping 10" },
		{ "IV_PROTO=4\nIV_MTU=none\n", "PUSH_REPLY,ping 10" },
	};
	static const char *const push[] = { "ping 10" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_grant g = { .push = push, .n_push = 1, .ends_at = LNL_NEVER };
		uint32_t proto =
			lnl_peerinfo_number(rows[i].info, strlen(rows[i].info), "IV_PROTO", 0);
		struct lnl_key_conf theirs;
		struct server_pair p;

		pair_init(&p);
		pair_judge(&p, OCC "cipher AES-256-GCM" ROLE, rows[i].info);
		assert_int_equal(lnl_server_grant(p.server, &g, p.s.now), 0);
		pair_run(&p);
		assert_int_equal(p.n_texts, 1);
		assert_string_equal(p.texts[0], rows[i].reply);
		assert_int_equal(p.events[LNL_SERVER_UP], 1);
		assert_int_equal(p.peer.id, 5);
		assert_int_equal(p.peer.wire_id, proto & LNL_IV_DATA_V2 ? 5 : LNL_PEER_ID_NONE);
		assert_int_equal(p.peer.ping_interval, 0);
		/* Both made the same keys, by export or by the PRF. */
		assert_int_equal(lnl_session_derive(p.s.s[CLIENT], 0,
						    (proto & LNL_IV_TLS_KEY_EXPORT) != 0,
						    &theirs.send, &theirs.recv),
				 0);
		assert_memory_equal(&theirs.send, &p.key.recv, sizeof(theirs.send));
		assert_memory_equal(&theirs.recv, &p.key.send, sizeof(theirs.recv));
		pair_deinit(&p);
	}
}

/* Who does not say that it may get a reply unasked has to ask, and then gets it. */
static void test_asks_first(void **state)
{
	struct lnl_grant g = { .ends_at = LNL_NEVER };
	struct server_pair p;

	(void)state;
	pair_init(&p);
	pair_judge(&p, "V4", "IV_PROTO=2\nIV_NCP=2\n");
	assert_int_equal(lnl_server_grant(p.server, &g, p.s.now), 0);
	pair_run(&p);
	assert_int_equal(p.n_texts, 0);
	assert_int_equal(p.events[LNL_SERVER_UP], 1);
	assert_int_equal(lnl_session_send_text(p.s.s[CLIENT], "PUSH_REQUEST", p.s.now), 0);
	pair_run(&p);
	assert_int_equal(p.n_texts, 1);
	pair_deinit(&p);
}

/* ... or asked before it was let in. */
static void test_asked_before(void **state)
{
	struct lnl_grant g = { .ends_at = LNL_NEVER };
	struct server_pair p;

	(void)state;
	pair_init(&p);
	p.record.peer_info = "IV_PROTO=2\nIV_NCP=2\n";
	pair_start(&p);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(lnl_session_send_text(p.s.s[CLIENT], "PUSH_REQUEST", p.s.now), 0);
		pair_run(&p);
	}
	assert_int_equal(p.n_texts, 0);
	assert_int_equal(lnl_server_judged(p.server, LNL_JUDGED_OK, "", p.s.now), 0);
	pair_run(&p);
	assert_int_equal(p.n_texts, 0);
	assert_int_equal(lnl_server_grant(p.server, &g, p.s.now), 0);
	pair_run(&p);
	assert_int_equal(p.n_texts, 1);
	pair_deinit(&p);
}

/* ---- words that not every client understands ---- */

static void test_temp_table(void **state)
{
	static const struct {
		const char *info, *text, *sent;
	} rows[] = {
		{ "IV_PROTO=990\n", "[backoff 42]:full", "AUTH_FAILED,TEMP[backoff 42]:full" },
		{ "IV_PROTO=990\n", ":full", "AUTH_FAILED,TEMP:full" },
		{ "IV_PROTO=990\n", "", "AUTH_FAILED,TEMP" },
		{ "IV_PROTO=2\n", "[backoff 42]:full", "AUTH_FAILED,full" },
		{ "IV_PROTO=2\n", ":full", "AUTH_FAILED,full" },
		{ "IV_PROTO=2\n", "[backoff 42]", "AUTH_FAILED" },
		{ "IV_PROTO=2\n", "", "AUTH_FAILED" },
		{ "IV_PROTO=2\n", "[open", "AUTH_FAILED,[open" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server_pair p;

		pair_init(&p);
		p.record.peer_info = rows[i].info;
		pair_start(&p);
		assert_int_equal(lnl_server_judged(p.server, LNL_JUDGED_TEMP, rows[i].text,
						   p.s.now),
				 0);
		pair_run(&p);
		assert_string_equal(p.texts[0], rows[i].sent);
		assert_int_equal(p.cause, LNL_CAUSE_AUTH_TEMP);
		pair_deinit(&p);
	}
}

static void test_pending_words(void **state)
{
	(void)state;
	for (unsigned kw = 0; kw < 2; kw++) {
		struct server_pair p;

		pair_init(&p);
		p.record.peer_info = kw ? "IV_PROTO=16\n" : "IV_PROTO=2\n";
		pair_start(&p);
		assert_int_equal(lnl_server_pending(p.server, 120, NULL, p.s.now), 0);
		assert_int_equal(lnl_server_pending(p.server, 7, "OPEN_URL:x", p.s.now), 0);
		pair_run(&p);
		assert_int_equal(p.n_texts, 3);
		assert_string_equal(p.texts[0], kw ? "AUTH_PENDING,timeout 120" : "AUTH_PENDING");
		assert_string_equal(p.texts[1], kw ? "AUTH_PENDING,timeout 7" : "AUTH_PENDING");
		assert_string_equal(p.texts[2], "INFO_PRE,OPEN_URL:x");
		pair_deinit(&p);
	}
}

/* Whatever the owner's reason looks like, the client gets one line that fits. */
static void test_reasons(void **state)
{
	static char longest[5000];
	struct server_pair p;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[100] = '\n';
	pair_init(&p);
	pair_start(&p);
	assert_int_equal(lnl_server_judged(p.server, LNL_JUDGED_DENY, longest, p.s.now), 0);
	pair_run(&p);
	assert_int_equal(p.n_texts, 1);
	assert_int_equal(strlen(p.texts[0]), LNL_CONTROL_TEXT_MAX - 1);
	assert_int_equal(p.texts[0][112], '?');
	assert_int_equal(p.cause, LNL_CAUSE_AUTH_FAILED);
	assert_int_equal(p.events[LNL_SERVER_CLOSED], 1);
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cipher_table),  cmocka_unit_test(test_caps),
		cmocka_unit_test(test_reply_table),   cmocka_unit_test(test_asks_first),
		cmocka_unit_test(test_asked_before),  cmocka_unit_test(test_temp_table),
		cmocka_unit_test(test_pending_words), cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
