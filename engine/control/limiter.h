/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many first packets a server answers: by source (IPv4 /24, IPv6 /64), then in all. Its memory
 * is constant; sources share cells by a hash whose factors nobody outside knows.
 */
#ifndef LNL_CONTROL_LIMITER_H
#define LNL_CONTROL_LIMITER_H

#include "wire/env.h"
#include "wire/ip.h"

struct lnl_limiter_conf {
	unsigned source_rate;  /* at most in any second to one source; 0: no limit (20) */
	unsigned source_burst; /* of those at once (5) */
	unsigned total;	       /* at most in any |period| to all sources; 0: no limit (100) */
	uint64_t period;       /* microseconds (10 s) */
};

struct lnl_limiter;

/* LNL_E_NOMEM, LNL_E_RANDOM. */
int lnl_limiter_new(struct lnl_limiter **out, const struct lnl_env *env,
		    const struct lnl_limiter_conf *conf, uint64_t now);
void lnl_limiter_free(struct lnl_limiter *l);

enum lnl_limit { LNL_LIMIT_PASS, LNL_LIMIT_SOURCE, LNL_LIMIT_TOTAL };

/*
 * Whether a packet from |ip| may be answered; counts it when it may. Of |total| one source gets no
 * more in a period than it leaves to the others, so that one that floods does not shut them out.
 */
enum lnl_limit lnl_limiter_take(struct lnl_limiter *l, const struct lnl_ip *ip, uint64_t now);
/*
 * Who was answered from |ip| at about |at| turned out to be honest: that answer counts no longer,
 * neither for its source nor in all. A source gets back no more than it had, once for each answer,
 * and nothing for one that is out of the period by now.
 */
void lnl_limiter_give_back(struct lnl_limiter *l, const struct lnl_ip *ip, uint64_t at,
			   uint64_t now);

#endif
