/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pushed option list; and the same bytes as a peer's OCC string and peer info. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_env.h"
#include "wire/options.h"
#include "wire/peerinfo.h"

static bool is_clean(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

static void note(void *ctx, const char *ours, const char *theirs)
{
	unsigned *left = ctx;

	require((*left)-- > 0);
	require(is_clean(ours) && is_clean(theirs));
}

static void split(const char *list, size_t len)
{
	struct lnl_option o;
	int more;

	do {
		size_t before = len;

		more = lnl_option_next(&o, &list, &len);
		require(more == 0 || len < before);
		require((more == 1) == (o.n > 0) && o.n <= LNL_OPTION_WORDS);
		for (unsigned i = 0; i < o.n; i++) {
			require(o.word[i] >= o.text && o.word[i] < o.text + sizeof(o.text));
			require(memchr(o.word[i], 0,
				       (size_t)(o.text + sizeof(o.text) - o.word[i])) != NULL);
			require(is_clean(o.word[i]));
		}
	} while (more != 0);
	require(len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char ours[] = "V4,dev-type tun,link-mtu 1549,tun-mtu 1500,proto UDPv4,"
				   "cipher AES-256-GCM,auth [null-digest],keysize 256,"
				   "key-method 2,tls-server";
	const char *value;
	size_t value_len;
	unsigned left = 32;
	char *text;

	split((const char *)data, size);
	if (size > 4096)
		return 0;
	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	lnl_occ_compare(ours, text, &left, note);
	left = 32;
	lnl_occ_compare(text, text, &left, note);
	free(text);
	if (lnl_peerinfo_get((const char *)data, size, "IV_PROTO", &value, &value_len))
		require(value + value_len <= (const char *)data + size);
	lnl_peerinfo_number((const char *)data, size, "IV_MTU", 0);
	lnl_list_has((const char *)data, size, ':', "AES-256-GCM");
	return 0;
}
