/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PEM block finder. */
#include "crypto/pem.h"

#include <string.h>

static const char begin[] = "-----BEGIN ";
static const char end[] = "-----END ";
static const char dashes[] = "-----";

/* Where |what| starts in |text|, or NULL; both by length, since a blob has no NUL behind it. */
static const char *find(const char *text, size_t len, const char *what, size_t what_len)
{
	for (size_t i = 0; i + what_len <= len; i++) {
		if (memcmp(text + i, what, what_len) == 0)
			return text + i;
	}
	return NULL;
}

bool lnl_pem_next(const struct lnl_blob *b, size_t *at, struct lnl_pem *out)
{
	const char *last = b->data + b->len;

	if (b->data == NULL || *at >= b->len)
		return false;
	const char *start = find(b->data + *at, b->len - *at, begin, sizeof(begin) - 1);
	if (start == NULL)
		return false;
	const char *label = start + sizeof(begin) - 1;
	const char *label_end = find(label, (size_t)(last - label), dashes, sizeof(dashes) - 1);
	if (label_end == NULL)
		return false;
	const char *body = label_end + sizeof(dashes) - 1;
	const char *foot = find(body, (size_t)(last - body), end, sizeof(end) - 1);
	if (foot == NULL)
		return false;
	foot += sizeof(end) - 1;
	const char *foot_end = find(foot, (size_t)(last - foot), dashes, sizeof(dashes) - 1);
	if (foot_end == NULL)
		return false;
	foot_end += sizeof(dashes) - 1;
	*out = (struct lnl_pem){
		.label = label,
		.label_len = (size_t)(label_end - label),
		.text = start,
		.len = (size_t)(foot_end - start),
	};
	*at = (size_t)(foot_end - b->data);
	return true;
}

bool lnl_pem_is(const struct lnl_pem *p, const char *tail)
{
	size_t n = strlen(tail);

	return p->label_len >= n && memcmp(p->label + p->label_len - n, tail, n) == 0;
}

bool lnl_pem_has(const struct lnl_pem *p, const char *text)
{
	return find(p->text, p->len, text, strlen(text)) != NULL;
}
