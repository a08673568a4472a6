/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/reason.h"

static bool number(const char *text, unsigned *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *end || v > 0xfffffffeUL)
		return false;
	*out = (unsigned)v;
	return true;
}

static int find_ids(const char *user, const char *group, uid_t *uid, gid_t *gid,
		    struct lnl_reason *why)
{
	struct passwd *pw;
	struct group *gr;

	*uid = getuid();
	*gid = getgid();
	if (user) {
		pw = getpwnam(user);
		if (pw) {
			*uid = pw->pw_uid;
			*gid = pw->pw_gid;
		} else if (!number(user, uid)) {
			return lnl_reason_set(why, LNL_E_NOTFOUND, "there is no user '%s'", user);
		}
	}
	if (group) {
		gr = getgrnam(group);
		if (gr)
			*gid = gr->gr_gid;
		else if (!number(group, gid))
			return lnl_reason_set(why, LNL_E_NOTFOUND, "there is no group '%s'", group);
	}
	return 0;
}

int lnl_privilege_drop(const char *user, const char *group, struct lnl_reason *why)
{
	uid_t uid;
	gid_t gid;
	int rc = find_ids(user, group, &uid, &gid, why);

	if (rc < 0)
		return rc;
	if (geteuid() == 0) {
		/* A container's root may lack it: then it is missed where it is needed, by name. */
		bool may_configure = capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN) != 0;

		capng_clear(CAPNG_SELECT_BOTH);
		if (may_configure)
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
		rc = user || group ? capng_change_id((int)uid, (int)gid,
						     CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)
				   : capng_apply(CAPNG_SELECT_BOTH);
		if (rc)
			return lnl_reason_set(why, LNL_E_PERM, "cannot become user %u, group %u",
					      (unsigned)uid, (unsigned)gid);
	} else if (uid != getuid() || gid != getgid()) {
		return lnl_reason_set(why, LNL_E_PERM,
				      "user and group can be changed only when started as root");
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return lnl_reason_errno(why, errno, "no_new_privs");
	return 0;
}

void lnl_privilege_hide(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak checker traces the process */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
