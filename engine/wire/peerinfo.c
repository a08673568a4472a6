/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/peerinfo.h"

#include <string.h>

static void line(struct lnl_writer *w, const char *name, const char *value)
{
	if (!value)
		return;
	lnl_write_str(w, name);
	lnl_write_str(w, value);
	lnl_write_u8(w, '\n');
}

static void number(struct lnl_writer *w, const char *name, uint32_t value)
{
	lnl_write_str(w, name);
	lnl_write_dec(w, value);
	lnl_write_u8(w, '\n');
}

int lnl_peerinfo_write(const struct lnl_peerinfo *p, char *out, size_t cap)
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, cap);
	line(&w, "IV_VER=", p->version);
	line(&w, "IV_PLAT=", p->platform);
	line(&w, "IV_TCPNL=", "1");
	if (p->mtu > 0)
		number(&w, "IV_MTU=", p->mtu);
	if (p->ciphers) {
		size_t len = strlen(p->ciphers);

		/* What servers before 2.5 understand of negotiation; it promises both GCM sizes. */
		if (lnl_list_has(p->ciphers, len, ':', "AES-128-GCM") &&
		    lnl_list_has(p->ciphers, len, ':', "AES-256-GCM"))
			line(&w, "IV_NCP=", "2");
		line(&w, "IV_CIPHERS=", p->ciphers);
	}
	number(&w, "IV_PROTO=", p->proto);
	if (p->comp_stub) {
		line(&w, "IV_LZO_STUB=", "1");
		line(&w, "IV_COMP_STUB=", "1");
		line(&w, "IV_COMP_STUBv2=", "1");
	}
	line(&w, "IV_HWADDR=", p->hwaddr);
	line(&w, "IV_GUI_VER=", p->gui_ver);
	line(&w, "IV_SSO=", p->sso);
	line(&w, "IV_ACC=", p->acc);
	if (p->own)
		lnl_write_str(&w, p->own);
	if (p->extra)
		lnl_write_str(&w, p->extra);
	lnl_write_u8(&w, 0);
	if (w.error && cap > 0)
		out[0] = '\0';
	return w.error;
}

bool lnl_peerinfo_get(const char *info, size_t len, const char *name, const char **value,
		      size_t *value_len)
{
	size_t name_len = strlen(name);

	while (len > 0) {
		const char *end = memchr(info, '\n', len);
		size_t n = end ? (size_t)(end - info) : len;

		if (n > name_len && info[name_len] == '=' && memcmp(info, name, name_len) == 0) {
			*value = info + name_len + 1;
			*value_len = n - name_len - 1;
			return true;
		}
		info += end ? n + 1 : n;
		len -= end ? n + 1 : n;
	}
	return false;
}

uint32_t lnl_peerinfo_number(const char *info, size_t len, const char *name, uint32_t fallback)
{
	const char *value;
	size_t value_len;
	uint64_t v;

	if (!lnl_peerinfo_get(info, len, name, &value, &value_len) ||
	    lnl_text_dec(value, value_len, UINT32_MAX, &v))
		return fallback;
	return (uint32_t)v;
}

bool lnl_list_has(const char *list, size_t len, char sep, const char *item)
{
	size_t item_len = strlen(item);

	for (;;) {
		const char *end = len > 0 ? memchr(list, sep, len) : NULL;
		size_t n = end ? (size_t)(end - list) : len;

		if (n == item_len && item_len > 0 && memcmp(list, item, n) == 0)
			return true;
		if (!end)
			return false;
		list += n + 1;
		len -= n + 1;
	}
}
