/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server pushes, looked at as a client will: a mistake is told where it was made. */
#include <stdlib.h>
#include <string.h>

#include "lunel.h"

#include "control/push.h"
#include "io/reason.h"

#define NAME_SIGNS "abcdefghijklmnopqrstuvwxyz0123456789-"

static int take(struct lnl_pulled *p, const char *option, struct lnl_reason *why)
{
	struct lnl_why said = { "" };
	struct lnl_option o;
	int rc = lnl_option_split(&o, option, strlen(option));

	/* Of what cannot be read nobody knows what of it is a secret: its name alone is said. */
	if (rc < 0)
		return lnl_reason_set(why, rc, "%.*s: it cannot be split into words",
				      (int)strspn(option, NAME_SIGNS), option);
	rc = lnl_pulled_option(p, &o, LNL_FROM_SERVER, &said);
	/* Known, and taken by others. */
	if (rc == LNL_E_PERM || rc == LNL_E_UNSUPPORTED)
		return 0;
	return rc < 0 ? lnl_reason_set(why, rc, "%s", said.text) : 0;
}

int lnl_push_check(const char *option, struct lnl_reason *why)
{
	struct lnl_pulled *p = malloc(sizeof(*p));
	int rc;

	if (!p)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	lnl_pulled_init(p, false);
	rc = take(p, option, why);
	lnl_pulled_wipe(p);
	free(p);
	return rc;
}

const char *lnl_push_name(unsigned i)
{
	return lnl_pulled_name(i);
}
