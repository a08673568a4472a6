/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names for the numbers in lunel_codes.h. */
#include "lunel_codes.h"

const char *lnl_error_text(int code)
{
	if (code >= 0)
		return "success";
	switch (code) {
#define X(name, value, text)                                                                       \
	case LNL_E_##name:                                                                         \
		return text;
		LNL_ERRORS(X)
#undef X
	default:
		return "unknown error";
	}
}

const char *lnl_drop_name(enum lnl_drop drop)
{
	switch (drop) {
#define X(name, text)                                                                              \
	case LNL_DROP_##name:                                                                      \
		return text;
		LNL_DROPS(X)
#undef X
	case LNL_DROP_COUNT:
		break;
	}
	return "unknown";
}
