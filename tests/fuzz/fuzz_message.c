/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One message of the control channel, and what stands in an INFO_PRE. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_env.h"
#include "wire/message.h"

static void check_inside(const char *p, size_t len, const char *text, size_t size)
{
	if (len > 0)
		require(p >= text && len <= size && p + len <= text + size);
}

static void check_base64(const char *text, size_t size)
{
	uint8_t *bytes = malloc(size + 1);
	char *again = malloc(size + 1);
	struct lnl_writer w;
	int n;

	if (bytes && again) {
		n = lnl_base64_read(bytes, size, text, size);
		require(n == lnl_base64_count(text, size));
		lnl_writer_init(&w, again, size);
		if (n >= 0) {
			lnl_base64_write(&w, bytes, (size_t)n);
			require(!w.error && lnl_writer_len(&w) == size);
			require(memcmp(again, text, size) == 0);
		}
	}
	free(bytes);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct lnl_message m;
	struct lnl_info i;
	char clean[64];

	if (lnl_message_parse(&m, text, size) == 0) {
		check_inside(m.state, m.state_len, text, size);
		for (size_t n = 0; n < m.text_len; n++)
			require((unsigned char)m.text[n] >= 0x20 && m.text[n] != 0x7f);
	}
	check_inside(m.text, m.text_len, text, size);
	require(m.user_len < sizeof(m.user) && m.user[m.user_len] == 0);
	lnl_info_parse(&i, m.text, m.text_len);
	check_inside(i.text, i.text_len, text, size);
	check_inside(i.flags, i.flags_len, text, size);
	require(lnl_text_clean(clean, sizeof(clean), data, size) == strlen(clean));
	if (size > 0 && size < 4096)
		check_base64(text, size);
	return 0;
}
