/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's addresses: pools of IPv4 and IPv6 prefixes, who has which, and leases by name, so
 * that a client gets the same address again.
 */
#ifndef LNL_CONTROL_POOL_H
#define LNL_CONTROL_POOL_H

#include "wire/env.h"
#include "wire/ip.h"

#define LNL_POOL_NAME 64 /* room for the name of a lease, terminated; longer ones are cut */
#define LNL_POOL_BITS 22 /* a pool has at most 2^22 addresses that are given out */

enum lnl_pool_kind {
	LNL_POOL_SINGLE, /* one address a client: subnet, p2p, IPv6 */
	LNL_POOL_NET30,	 /* four addresses a client: the second is ours, the third the client's */
};

struct lnl_pool_conf {
	enum lnl_pool_kind kind;
	/*
	 * Inclusive, of one family. net30: IPv4, |first| a multiple of four; what is left behind
	 * the last whole four is not given out.
	 */
	struct lnl_ip first, last;
};

struct lnl_pool;

/*
 * Of an IPv6 range only the first 2^LNL_POOL_BITS addresses are given out. LNL_E_NOMEM,
 * LNL_E_RANDOM, LNL_E_INVAL (families differ, last before first, IPv4 range too large, net30 that is
 * not aligned or has no four).
 */
int lnl_pool_new(struct lnl_pool **out, const struct lnl_env *env,
		 const struct lnl_pool_conf *conf);
void lnl_pool_free(struct lnl_pool *p);

/*
 * Below, with net30 any of four addresses stands for all of them; |*out| and what is told is the
 * client's. What a call costs does not grow with the addresses in use, nor with the leases. One that
 * fails changes nothing.
 */

/*
 * An address for |name|, marked as in use: the one leased to it when nobody has it, else the lowest
 * that never was in use or leased, else the longest free one that is leased to nobody, else the
 * longest free one, whose lease ends. (When a few hundred that are leased to nobody are free, the
 * longest free one of them goes first, so that memory does not grow with clients that came and went.)
 * The address becomes |name|'s lease, unless |name| has its lease in use itself or is "". LNL_E_LIMIT
 * when all are in use; LNL_E_NOMEM.
 */
int lnl_pool_take(struct lnl_pool *p, const char *name, struct lnl_ip *out);
/*
 * Marks just |ip| as in use (a fixed address that lies in the pool); a lease of it stays. LNL_E_EXIST
 * when it is; LNL_E_NOTFOUND outside the pool; LNL_E_NOMEM.
 */
int lnl_pool_reserve(struct lnl_pool *p, const struct lnl_ip *ip);
/* |ip| is free again; its lease stays. No-op outside the pool or when it is free. */
void lnl_pool_release(struct lnl_pool *p, const struct lnl_ip *ip);
/*
 * Restores a lease (from a file): |name| shall get |ip| again, and nobody else; a lease that either
 * had ends. LNL_E_NOTFOUND outside the pool, LNL_E_INVAL (no name), LNL_E_NOMEM.
 */
int lnl_pool_lease(struct lnl_pool *p, const char *name, const struct lnl_ip *ip);

/* Tells each lease, in the order of addresses. */
void lnl_pool_each(const struct lnl_pool *p, void *ctx,
		   void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip));
/* Addresses in use, and in all. */
unsigned lnl_pool_used(const struct lnl_pool *p);
unsigned lnl_pool_size(const struct lnl_pool *p);
/* Leases: as many as lnl_pool_each tells. */
unsigned lnl_pool_leases(const struct lnl_pool *p);
/* Changes with every lease that is made, moved or ended: whether the file has to be written. */
unsigned lnl_pool_version(const struct lnl_pool *p);

#endif
