/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TLS client and a TLS server that talk in memory. */
#ifndef LNL_TEST_CRYPTO_PAIR_H
#define LNL_TEST_CRYPTO_PAIR_H

#include "test_crypto_env.h"

struct pair {
	struct lnl_tls_conf *conf[2]; /* client, server */
	struct lnl_tls *tls[2];
	int result[2]; /* of the last step */
};

static inline struct lnl_blob test_blob(const char *text)
{
	return (struct lnl_blob){ text, text != NULL ? strlen(text) : 0 };
}

/* Moves what |from| has to send to the other end, at most |max| bytes; returns how many. */
static inline size_t pair_move(struct pair *p, unsigned from, size_t max)
{
	uint8_t buf[4096];
	size_t moved = 0;

	while (moved < max) {
		size_t cap = max - moved < sizeof(buf) ? max - moved : sizeof(buf);
		size_t n = lnl_tls_output(p->tls[from], buf, cap);

		if (n == 0)
			break;
		moved += n;
		if (lnl_tls_input(p->tls[!from], buf, n) != 0)
			break;
	}
	return moved;
}

static inline void pair_step(struct pair *p, unsigned end)
{
	p->result[end] = lnl_tls_step(p->tls[end]);
}

/* Steps both until neither has anything to say; |cut| bytes at a time. */
static inline void pair_run(struct pair *p, size_t cut)
{
	size_t moved;

	do {
		moved = 0;
		for (unsigned end = 0; end < 2; end++) {
			pair_step(p, end);
			size_t n = pair_move(p, end, cut);
			moved += n;
		}
	} while (moved > 0);
	pair_step(p, 0);
	pair_step(p, 1);
}

/* Both ends' configurations, which must succeed. */
static inline void pair_configure(struct pair *p, const struct lnl_env *env,
				  const struct lnl_tls_settings *client,
				  const struct lnl_tls_settings *server)
{
	struct lnl_why why;

	*p = (struct pair){ 0 };
	int error = lnl_tls_conf_new(&p->conf[0], env, client, &why);
	if (error != 0)
		print_error("client: %d %s\n", error, why.text);
	assert_int_equal(error, 0);
	error = lnl_tls_conf_new(&p->conf[1], env, server, &why);
	if (error != 0)
		print_error("server: %d %s\n", error, why.text);
	assert_int_equal(error, 0);
}

static inline void pair_connect(struct pair *p)
{
	assert_int_equal(lnl_tls_new(&p->tls[0], p->conf[0]), 0);
	assert_int_equal(lnl_tls_new(&p->tls[1], p->conf[1]), 0);
}

static inline void pair_disconnect(struct pair *p)
{
	lnl_tls_free(p->tls[0]);
	lnl_tls_free(p->tls[1]);
	p->tls[0] = p->tls[1] = NULL;
}

static inline void pair_release(struct pair *p)
{
	pair_disconnect(p);
	lnl_tls_conf_free(p->conf[0]);
	lnl_tls_conf_free(p->conf[1]);
	*p = (struct pair){ 0 };
}

#endif
