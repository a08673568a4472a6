/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The helper process: forked before threads and keys exist, it runs programs, and opens the few
 * things that only root may. The engine proper never forks.
 */
#ifndef LNL_IO_PROCESS_H
#define LNL_IO_PROCESS_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "io/address.h"
#include "lunel.h"

#define LNL_EXEC_OUTPUT                                                                            \
	65536 /* bytes kept of each of stdout and stderr; the rest is read and dropped */

struct lnl_process;
struct lnl_exec;

/* How a program ended. The texts are valid until the callback returns. */
struct lnl_exit {
	int error; /* LNL_E_*: it could not be run; else 0 */
	/* exit status; 128 + signal when it was killed, 127: no such program, 126: unusable */
	int status;
	bool timeout;
	const char *out, *err;
	size_t out_len, err_len;
};

typedef void lnl_exited(void *ctx, const struct lnl_exit *x);

/*
 * Forks the helper; answers come on |loop|. |wipe| (may be NULL) is called with |ctx| in the helper
 * before it does anything: its copy of the caller's memory need not keep the caller's secrets.
 * LNL_E_NOMEM, LNL_E_SYSTEM.
 */
int lnl_process_new(struct lnl_process **out, struct ev_loop *loop, void (*wipe)(void *ctx),
		    void *ctx, struct lnl_reason *why);
/* Ends the helper, which kills what it runs; no callback follows. |p| may be NULL. */
void lnl_process_free(struct lnl_process *p);

/*
 * Runs |argv| (ended by NULL) without a shell, with descriptors 0, 1 and 2 alone, in a session of
 * its own. argv[0] without '/' is looked for in a fixed PATH. Of |env| (NAME=value, ended by NULL;
 * may be NULL) only names that cannot change how programs are loaded are passed on: no PATH, LD_*,
 * IFS, ENV, BASH_ENV and their like. |input| is its stdin. After |timeout| seconds (0: none) it is
 * killed, with its children. |done| is called from the loop, once. NULL when out of memory or when
 * the request is above 128 KiB.
 */
struct lnl_exec *lnl_process_exec(struct lnl_process *p, const char *const *argv,
				  const char *const *env, const char *input, size_t input_len,
				  double timeout, lnl_exited *done, void *ctx);
/* Kills it; |done| is not called. */
void lnl_process_cancel(struct lnl_exec *x);

/*
 * /dev/net/tun, opened by the helper: a file descriptor, the caller's, or -1 (then try to open it).
 */
int lnl_process_open_tun(struct lnl_process *p);

/*
 * A socket of |type| (SOCK_DGRAM, SOCK_STREAM) bound by the helper as lnl_listen_bind does it: a
 * file descriptor, the caller's, or a negative errno. EPERM once the list below is sealed: no port
 * is taken later that was not asked for at the start.
 */
int lnl_process_bind(struct lnl_process *p, int type, const struct lnl_addr *local, bool v6only);
/* The same as lnl_listen_bind_shared does it. */
int lnl_process_bind_shared(struct lnl_process *p, const struct lnl_addr *local, bool v6only);

/* Who a Unix socket belongs to; UINT32_MAX: to whom the helper is. */
struct lnl_socket_owner {
	uint32_t uid, gid;
	uint32_t mode; /* 0600 */
};

/*
 * A Unix stream socket at |path| that listens, made by the helper: a file descriptor, the caller's, or
 * a negative errno. A socket that nobody listens on any more is replaced. EADDRINUSE: somebody does;
 * EEXIST: something else is there; EPERM once the list below is sealed, but for a path that was asked
 * for before. It is removed by the helper: when asked to, and when the helper ends, which it does
 * however this process ends.
 */
int lnl_process_listen(struct lnl_process *p, const char *path,
		       const struct lnl_socket_owner *owner);
/* Removes what lnl_process_listen made at |path|, if it is still that. */
void lnl_process_unlisten(struct lnl_process *p, const char *path);

/*
 * Before privileges are dropped: |path| may be read through the helper later (a CRL). LNL_E_STATE
 * once the list is sealed, LNL_E_LIMIT, LNL_E_SYSTEM.
 */
int lnl_process_allow(struct lnl_process *p, const char *path);
/*
 * Before privileges are dropped: |path| may be written, and read, through the helper later, in the
 * folder that it is in now and nowhere else. (What a link leads to counts, as it is now.) Once sealed
 * this is fine for a path that was allowed before, else LNL_E_STATE. LNL_E_LIMIT, LNL_E_NOTFOUND (no
 * such folder), LNL_E_PERM, LNL_E_SYSTEM.
 */
int lnl_process_allow_write(struct lnl_process *p, const char *path);
/*
 * Before privileges are dropped: |path| may be added to through the helper later, likewise. A link that
 * somebody else made is not followed: LNL_E_PERM.
 */
int lnl_process_allow_append(struct lnl_process *p, const char *path);
/*
 * Opens |path| to be added to, and makes it with permissions |mode| (0777 at most): |*fd|, which never
 * blocks and is the caller's. Itself, or through the helper where that was allowed; |p| may be NULL.
 * LNL_E_NOTFOUND (no folder), LNL_E_PERM, LNL_E_INVAL (a folder or socket), LNL_E_SYSTEM, with |why|.
 */
int lnl_process_append(struct lnl_process *p, const char *path, unsigned mode, int *fd,
		       struct lnl_reason *why);
/* No further paths, ports and sockets. */
void lnl_process_seal(struct lnl_process *p);
/*
 * Reads the whole file, itself or through the helper: a buffer from malloc with a NUL behind |*len|
 * bytes. LNL_E_NOTFOUND, LNL_E_PERM, LNL_E_LIMIT (above 16 MiB), LNL_E_NOMEM, LNL_E_SYSTEM.
 */
int lnl_process_read(struct lnl_process *p, const char *path, char **out, size_t *len);
/*
 * Makes |len| bytes (at most 16 MiB) the content of |path| as io/store.h does it, by the helper where
 * that is allowed, else with what powers there are. |durable|: waits for the disk. A device or a pipe
 * just gets the bytes, as far as it takes them without waiting. |p| may be NULL. With an error, and
 * |why|, what was there stays: LNL_E_INVAL, LNL_E_EXIST, LNL_E_PERM, LNL_E_NOTFOUND, LNL_E_LIMIT,
 * LNL_E_SYSTEM.
 */
int lnl_process_write(struct lnl_process *p, const char *path, const void *data, size_t len,
		      bool durable, struct lnl_reason *why);

#endif
