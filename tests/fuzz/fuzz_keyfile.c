/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key files of each kind out of the same text: at most a whole key comes out, else nothing. */
#include <string.h>

#include "fuzz_env.h"
#include "wire/keyfile.h"

static bool is_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct lnl_static_key key;
	struct lnl_v2_client_key client;
	uint8_t server[LNL_V2_SERVER_KEY_LEN];

	memset(&key, 1, sizeof(key));
	memset(&client, 1, sizeof(client));
	memset(server, 1, sizeof(server));
	require(lnl_keyfile_static(&key, text, size) == 0 || is_zero(&key, sizeof(key)));
	if (lnl_keyfile_v2_client(&client, text, size) == 0)
		require(client.wkc_len >= 290 && client.wkc_len <= LNL_WKC_MAX);
	else
		require(is_zero(&client, sizeof(client)));
	require(lnl_keyfile_v2_server(server, text, size) == 0 || is_zero(server, sizeof(server)));
	return 0;
}
