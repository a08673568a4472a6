/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tls-cipher, tls-ciphersuites and tls-groups: from OpenVPN's, IANA's and OpenSSL's names to
 * wolfSSL's.
 */
#include "crypto/wolfssl_tls.h"

#include <string.h>

/* Forward secrecy and AEAD only; whoever needs more says so with tls-cipher. */
static const char default_tls12[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
				    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				    "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256";
static const char default_tls13[] =
	"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";

/* What one `a:b:c` list is read into, and what was wrong with it. */
struct list {
	const char *setting;
	struct lnl_why *why;
	unsigned found;
};

/*
 * Copies the next name of |*at| to |out| and moves behind it; false at the end. Names too long are
 * cut: unknown, then.
 */
static bool next_name(const char **at, char *out, size_t cap)
{
	size_t len;

	do {
		if (**at == '\0')
			return false;
		len = strcspn(*at, ":");
		size_t n = len < cap ? len : cap - 1;
		memcpy(out, *at, n);
		out[n] = '\0';
		*at += len + ((*at)[len] == ':');
	} while (len == 0);
	return true;
}

/*
 * wolfSSL's name of the suite that IANA calls |name|, where '-' may stand for '_' as in OpenVPN's
 * lists.
 */
static const char *find_by_iana(const char *name)
{
	static const uint8_t firsts[] = { 0x13, 0xc0, 0xcc, 0x00 };
	char wanted[64];
	size_t n = strlen(name);

	if (n >= sizeof(wanted))
		return NULL;
	for (size_t i = 0; i <= n; i++)
		wanted[i] = name[i];
	for (char *p = wanted; *p != '\0'; p++) {
		if (*p == '-')
			*p = '_';
	}
	for (unsigned i = 0; i < sizeof(firsts) * 256; i++) {
		uint8_t first = firsts[i / 256], second = (uint8_t)i;
		const char *iana = wolfSSL_get_cipher_name_iana_from_suite(first, second);

		if (iana != NULL && strcmp(iana, wanted) == 0)
			return wolfSSL_get_cipher_name_from_suite(first, second);
	}
	return NULL;
}

static const char *find_suite(const char *name)
{
	unsigned char first, second;
	int flags;

	if (wolfSSL_get_cipher_suite_from_name(name, &first, &second, &flags) == 0)
		return wolfSSL_get_cipher_name_from_suite(first, second);
	return find_by_iana(name);
}

/* Appends wolfSSL's names of the suites in |text| to |w|. */
static void write_suites(struct lnl_writer *w, struct list *list, const char *text, bool tls13)
{
	char name[64];

	while (next_name(&text, name, sizeof(name))) {
		if (strcmp(name, "DEFAULT") == 0) {
			write_suites(w, list, tls13 ? default_tls13 : default_tls12, tls13);
			continue;
		}
		const char *suite = find_suite(name);
		/* A suite of the other version in this list would switch that version on. */
		if (suite == NULL || (strncmp(suite, "TLS13-", 6) == 0) != tls13) {
			lnl_why_add(list->why, list->setting, ": unknown or not available: ", name,
				    NULL);
			continue;
		}
		if (lnl_writer_len(w) > 0)
			lnl_write_u8(w, ':');
		lnl_write_str(w, suite);
		list->found++;
	}
}

static int set_suites(WOLFSSL_CTX *ctx, const struct lnl_tls_settings *s, struct lnl_why *why)
{
	/* All names that wolfSSL has, and no more, fit. */
	char names[4096];
	struct lnl_writer w;
	struct list tls12 = { .setting = "tls-cipher", .why = why };
	struct list tls13 = { .setting = "tls-ciphersuites", .why = why };

	lnl_writer_init(&w, names, sizeof(names) - 1);
	if (s->version_max != LNL_TLS_1_2)
		write_suites(&w, &tls13, s->ciphersuites != NULL ? s->ciphersuites : "DEFAULT",
			     true);
	if (s->version_min != LNL_TLS_1_3)
		write_suites(&w, &tls12, s->cipher_list != NULL ? s->cipher_list : "DEFAULT",
			     false);
	if ((s->version_max != LNL_TLS_1_2 && tls13.found == 0) ||
	    (s->version_min != LNL_TLS_1_3 && tls12.found == 0) || w.error != 0) {
		lnl_why_add(why,
			    w.error != 0 ? "tls-cipher: the list is too long"
			    : tls12.found == 0 && s->version_min != LNL_TLS_1_3
				    ? "tls-cipher: no known cipher suite is left"
				    : "tls-ciphersuites: no known cipher suite is left",
			    NULL);
		return LNL_E_INVAL;
	}
	names[lnl_writer_len(&w)] = '\0';
	if (wolfSSL_CTX_set_cipher_list(ctx, names) != WOLFSSL_SUCCESS) {
		lnl_why_add(why, "tls-cipher: the list is not accepted", NULL);
		return LNL_E_INVAL;
	}
	return 0;
}

/* By IANA's numbers, which an older wolfSSL need not have names for. */
static const struct {
	const char *name;
	uint16_t id;
} groups[] = {
	{ "X25519", 29 },
	{ "secp256r1", 23 },
	{ "prime256v1", 23 },
	{ "P-256", 23 },
	{ "secp384r1", 24 },
	{ "P-384", 24 },
	{ "secp521r1", 25 },
	{ "P-521", 25 },
	{ "X448", 30 },
	{ "ffdhe2048", 256 },
	{ "ffdhe3072", 257 },
	{ "ffdhe4096", 258 },
	{ "SecP256r1MLKEM768", 4587 },
	{ "X25519MLKEM768", 4588 },
	{ "SecP384r1MLKEM1024", 4589 },
};

/*
 * No post-quantum group: with OpenSSL 3.5 at the other end, to offer it costs another round trip.
 */
static const char default_groups[] = "X25519:secp256r1:secp384r1:secp521r1:ffdhe2048";

static bool same_text(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) {
		char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
		char y = *b >= 'A' && *b <= 'Z' ? (char)(*b + 32) : *b;

		if (x != y)
			return false;
	}
	return *a == *b;
}

static uint16_t find_group(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (same_text(groups[i].name, name))
			return groups[i].id;
	}
	return 0;
}

static int set_groups(WOLFSSL_CTX *ctx, const struct lnl_tls_settings *s, struct lnl_why *why)
{
	const char *at = s->groups != NULL ? s->groups : default_groups;
	int ids[WOLFSSL_MAX_GROUP_COUNT];
	int n = 0;
	char name[64];

	while (next_name(&at, name, sizeof(name))) {
		uint16_t id = find_group(name);

		/* Also what the extension in a TLS 1.2 hello is made from. */
		if (id == 0 || n == WOLFSSL_MAX_GROUP_COUNT ||
		    wolfSSL_CTX_UseSupportedCurve(ctx, id) != WOLFSSL_SUCCESS) {
			lnl_why_add(why, "tls-groups: unknown or not available: ", name, NULL);
			continue;
		}
		ids[n++] = id;
	}
	if (n == 0) {
		lnl_why_add(why, "tls-groups: no known group is left", NULL);
		return LNL_E_INVAL;
	}
	if (s->version_max != LNL_TLS_1_2 &&
	    wolfSSL_CTX_set_groups(ctx, ids, n) != WOLFSSL_SUCCESS) {
		lnl_why_add(why, "tls-groups: the list is not accepted", NULL);
		return LNL_E_INVAL;
	}
	return 0;
}

int lnl_suites_set(WOLFSSL_CTX *ctx, const struct lnl_tls_settings *s, struct lnl_why *why)
{
	int error = set_suites(ctx, s, why);

	return error != 0 ? error : set_groups(ctx, s, why);
}
