/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's addresses: pools of IPv4 and IPv6 prefixes, who has which, and leases by name, so
 * that a client gets the same address again.
 */
#ifndef LNL_CONTROL_POOL_H
#define LNL_CONTROL_POOL_H

#include "wire/env.h"
#include "wire/ip.h"

#define LNL_POOL_NAME 64 /* of a lease: a common name or user, cut */
#define LNL_POOL_BITS 22 /* a pool has at most 2^22 addresses that are given out */

enum lnl_pool_kind {
	LNL_POOL_SINGLE, /* one address a client: subnet, p2p, IPv6 */
	LNL_POOL_NET30,	 /* four addresses a client: the second is ours, the third the client's */
};

struct lnl_pool_conf {
	enum lnl_pool_kind kind;
	struct lnl_ip first, last; /* inclusive, of one family; net30: aligned to four */
};

struct lnl_pool;

/* LNL_E_NOMEM, LNL_E_INVAL (families differ, last before first, too large, not aligned). */
int lnl_pool_new(struct lnl_pool **out, const struct lnl_env *env,
		 const struct lnl_pool_conf *conf);
void lnl_pool_free(struct lnl_pool *p);

/*
 * An address for |name| (may be ""): the one leased to it when nobody has it, else the next that was
 * never leased, else the free one whose lease is oldest. Marks it as in use. With net30, |*out| is
 * the client's address. LNL_E_LIMIT when all are in use; LNL_E_NOMEM. Its cost does not grow with
 * the number in use.
 */
int lnl_pool_take(struct lnl_pool *p, const char *name, struct lnl_ip *out);
/*
 * Marks just |ip| as in use (a fixed address that lies in the pool). LNL_E_EXIST when it is;
 * LNL_E_NOTFOUND outside the pool.
 */
int lnl_pool_reserve(struct lnl_pool *p, const struct lnl_ip *ip);
/* |ip| is free again; its lease stays. No-op outside the pool or when it is free. */
void lnl_pool_release(struct lnl_pool *p, const struct lnl_ip *ip);
/* Restores a lease (from a file): |name| shall get |ip| again. LNL_E_NOTFOUND, LNL_E_NOMEM. */
int lnl_pool_lease(struct lnl_pool *p, const char *name, const struct lnl_ip *ip);

/* Tells each lease, in the order of addresses. */
void lnl_pool_each(const struct lnl_pool *p, void *ctx,
		   void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip));
/* Addresses in use, and in all. */
unsigned lnl_pool_used(const struct lnl_pool *p);
unsigned lnl_pool_size(const struct lnl_pool *p);
/* Addresses that somebody has or had: at most so many are told by lnl_pool_each. */
unsigned lnl_pool_leases(const struct lnl_pool *p);
/* Changes with every lease that is made or moved: whether the file has to be written. */
unsigned lnl_pool_version(const struct lnl_pool *p);

#endif
