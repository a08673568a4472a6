/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/address.h"

#include <stdio.h>
#include <string.h>

#include "lunel_codes.h"

struct lnl_addr lnl_addr_from(const struct lnl_ip *ip, uint16_t port)
{
	struct lnl_addr a = { 0 };

	if (ip->family == 4) {
		a.len = sizeof(a.u.in4);
		a.u.in4.sin_family = AF_INET;
		a.u.in4.sin_port = htons(port);
		memcpy(&a.u.in4.sin_addr, ip->bytes, 4);
	} else if (ip->family == 6) {
		a.len = sizeof(a.u.in6);
		a.u.in6.sin6_family = AF_INET6;
		a.u.in6.sin6_port = htons(port);
		memcpy(&a.u.in6.sin6_addr, ip->bytes, 16);
	}
	return a;
}

int lnl_addr_from_sockaddr(struct lnl_addr *out, const struct sockaddr *sa, socklen_t len)
{
	struct lnl_addr a = { 0 };

	if (len >= sizeof(a.u.in4) && sa->sa_family == AF_INET)
		a.len = sizeof(a.u.in4);
	else if (len >= sizeof(a.u.in6) && sa->sa_family == AF_INET6)
		a.len = sizeof(a.u.in6);
	else
		return LNL_E_UNSUPPORTED;
	memcpy(&a.u, sa, a.len);
	*out = a;
	return 0;
}

struct lnl_ip lnl_addr_ip(const struct lnl_addr *a)
{
	struct lnl_ip ip = { 0 };

	if (a->len == 0)
		return ip;
	if (a->u.sa.sa_family == AF_INET) {
		ip.family = 4;
		memcpy(ip.bytes, &a->u.in4.sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr)) {
		ip.family = 4;
		memcpy(ip.bytes, a->u.in6.sin6_addr.s6_addr + 12, 4);
	} else {
		ip.family = 6;
		memcpy(ip.bytes, &a->u.in6.sin6_addr, 16);
	}
	return ip;
}

uint16_t lnl_addr_port(const struct lnl_addr *a)
{
	if (a->len == 0)
		return 0;
	return ntohs(a->u.sa.sa_family == AF_INET ? a->u.in4.sin_port : a->u.in6.sin6_port);
}

void lnl_addr_set_port(struct lnl_addr *a, uint16_t port)
{
	if (a->len == 0)
		return;
	if (a->u.sa.sa_family == AF_INET)
		a->u.in4.sin_port = htons(port);
	else
		a->u.in6.sin6_port = htons(port);
}

struct lnl_addr lnl_addr_plain(const struct lnl_addr *a)
{
	struct lnl_ip ip = lnl_addr_ip(a);

	return ip.family == 4 ? lnl_addr_from(&ip, lnl_addr_port(a)) : *a;
}

bool lnl_addr_equal(const struct lnl_addr *a, const struct lnl_addr *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return false;
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in4.sin_port == b->u.in4.sin_port &&
		       a->u.in4.sin_addr.s_addr == b->u.in4.sin_addr.s_addr;
	return a->u.in6.sin6_port == b->u.in6.sin6_port &&
	       a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id &&
	       memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, 16) == 0;
}

char *lnl_addr_text(const struct lnl_addr *a, char *out)
{
	struct lnl_ip ip = { 0 };
	char text[LNL_IP_TEXT];

	out[0] = '\0';
	if (a->len == 0)
		return out;
	if (a->u.sa.sa_family == AF_INET) {
		ip = lnl_addr_ip(a);
		snprintf(out, LNL_ADDR_TEXT, "%s:%u", lnl_ip_text(&ip, text), lnl_addr_port(a));
		return out;
	}
	ip.family = 6;
	memcpy(ip.bytes, &a->u.in6.sin6_addr, 16);
	lnl_ip_text(&ip, text);
	if (a->u.in6.sin6_scope_id != 0)
		snprintf(out, LNL_ADDR_TEXT, "[%s%%%u]:%u", text, a->u.in6.sin6_scope_id,
			 lnl_addr_port(a));
	else
		snprintf(out, LNL_ADDR_TEXT, "[%s]:%u", text, lnl_addr_port(a));
	return out;
}
