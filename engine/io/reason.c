/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int lnl_reason_set(struct lnl_reason *why, int code, const char *format, ...)
{
	va_list args;

	if (why == NULL)
		return code;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return code;
}

static int code_of(int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return LNL_E_PERM;
	case ENOMEM:
		return LNL_E_NOMEM;
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return LNL_E_NOTFOUND;
	case EEXIST:
	case EBUSY:
		return LNL_E_EXIST;
	case ETIMEDOUT:
		return LNL_E_TIMEOUT;
	default:
		return LNL_E_SYSTEM;
	}
}

int lnl_reason_errno(struct lnl_reason *why, int err, const char *format, ...)
{
	char cause[128];
	va_list args;
	size_t len;

	if (why == NULL)
		return code_of(err);
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	len = strlen(why->text);
	/* strerror shares a buffer between threads */
	snprintf(why->text + len, sizeof(why->text) - len, ": %s",
		 strerror_r(err, cause, sizeof(cause)));
	return code_of(err);
}
