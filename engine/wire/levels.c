/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "lunel_record.h"

static int of(const struct lnl_levels *l, const char *sub, size_t len)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		if (strncmp(l->sub[i].sub, sub, len) == 0 && l->sub[i].sub[len] == 0)
			return l->sub[i].level;
	return l->all;
}

int lnl_levels_of(const struct lnl_levels *l, const char *event)
{
	size_t len = strcspn(event, ".");

	return l->n && len < LNL_LEVEL_SUB ? of(l, event, len) : l->all;
}

bool lnl_levels_set(struct lnl_levels *l, const char *sub, int level)
{
	size_t len = sub ? strlen(sub) : 0;
	unsigned i;

	if (!sub || strcmp(sub, "*") == 0) {
		l->all = level;
		return true;
	}
	if (len >= LNL_LEVEL_SUB)
		return false;
	for (i = 0; i < l->n && strcmp(l->sub[i].sub, sub) != 0; i++)
		;
	if (i == LNL_LEVEL_SUBS)
		return false;
	if (i == l->n)
		l->n++;
	memcpy(l->sub[i].sub, sub, len + 1);
	l->sub[i].level = level;
	return true;
}

static int higher(int a, int b)
{
	return a > b ? a : b;
}

void lnl_levels_join(struct lnl_levels *l, const struct lnl_levels *other)
{
	const struct lnl_levels before = *l;
	const char *sub;
	unsigned i;
	int level;

	for (i = 0; i < l->n; i++) {
		sub = l->sub[i].sub;
		l->sub[i].level = higher(l->sub[i].level, of(other, sub, strlen(sub)));
	}
	l->all = higher(l->all, other->all);
	for (i = 0; i < other->n; i++) {
		sub = other->sub[i].sub;
		level = higher(of(&before, sub, strlen(sub)), other->sub[i].level);
		if (!lnl_levels_set(l, sub, level))
			l->all = higher(l->all, level);
	}
}

int lnl_levels_most(const struct lnl_levels *l)
{
	int most = l->all;
	unsigned i;

	for (i = 0; i < l->n; i++)
		most = higher(most, l->sub[i].level);
	return most;
}
