/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protocol extensions: a peer's offer, then records that are control texts, spells of time and messages
 * to send. What is put together keeps to its protocol's size and to the memory that all may have; what
 * we cut for the peer's offer fits it and comes together again.
 */
#include "control/acc.h"
#include "fuzz_env.h"

enum kind { KIND_TEXT, KIND_AGAIN, KIND_TIME, KIND_SEND, KIND_CUT, KINDS };

static const struct lnl_acc_conf conf = {
	.n = 3,
	.protocol = { { "a", 512, 4, 60 * LNL_SECOND },
		      { "big", LNL_ACC_MAX, 1000, LNL_SECOND },
		      { "lnk1", 40, 1000, LNL_SECOND } },
};

struct story {
	struct fuzz_machine machine;
	struct lnl_env env;
	struct lnl_acc *acc;
	struct lnl_acc_offer offer;
	uint64_t now;
	unsigned heard;
};

static void check_message(struct story *s)
{
	struct lnl_acc_message m;
	unsigned i;

	require(lnl_acc_next(s->acc, &m));
	for (i = 0; i < conf.n && strcmp(conf.protocol[i].name, m.name) != 0; i++)
		;
	require(i < conf.n);
	require(m.len <= conf.protocol[i].max && m.data[m.len] == 0);
	require(!lnl_acc_next(s->acc, &m));
	s->heard++;
}

static void hear(struct story *s, const uint8_t *data, size_t len)
{
	uint8_t *exact = fuzz_exact(data, len);
	const char *text = (const char *)exact;
	struct lnl_acc_part p;
	enum lnl_acc_drop drop;

	if (lnl_acc_part_read(&p, text, len) == 0) {
		uint8_t *out = malloc(p.len + 1);

		require(out != NULL && lnl_acc_is(text, len) && p.text_len <= len);
		require(p.len <= p.text_len && (p.len > 0 || !p.more));
		lnl_acc_part_copy(&p, out);
		free(out);
	}
	if (lnl_acc_take(s->acc, text, len, s->now, &drop)) {
		require(drop == LNL_ACC_DROP_NONE);
		check_message(s);
	}
	free(exact);
}

/* What is cut fits the offer, and is what it was. */
static void cut(const struct story *s, const uint8_t *data, size_t len)
{
	char text[LNL_ACC_TEXT_MAX + 1];
	uint8_t *all = malloc(len + 1);
	struct lnl_acc_cut c;
	size_t at = 0;

	require(all != NULL);
	if (lnl_acc_cut_init(&c, &s->offer, "lnk1", data, len) == 0) {
		while (lnl_acc_cut_next(&c, text)) {
			struct lnl_acc_part p;

			require(strlen(text) <= s->offer.max);
			require(lnl_acc_part_read(&p, text, strlen(text)) == 0);
			require(p.len <= len - at);
			lnl_acc_part_copy(&p, all + at);
			at += p.len;
			require(p.more == (at < len));
		}
		require(at == len && (len == 0 || memcmp(all, data, len) == 0));
	}
	free(all);
}

static void act(struct story *s, const struct fuzz_record *r)
{
	switch (r->kind % KINDS) {
	case KIND_TEXT:
		hear(s, r->data, r->len);
		break;
	case KIND_AGAIN:
		for (unsigned i = 0; i < 300; i++)
			hear(s, r->data, r->len);
		break;
	case KIND_TIME:
		s->now += (uint64_t)r->len * LNL_SECOND;
		lnl_acc_tick(s->acc, s->now);
		require(lnl_acc_due(s->acc) > s->now);
		break;
	case KIND_SEND:
		lnl_acc_send(s->acc, "lnk1", r->data, r->len);
		break;
	case KIND_CUT:
		cut(s, r->data, r->len);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story s = { .now = LNL_SECOND };
	const uint8_t *end = data + size;
	struct fuzz_record r;
	char *offer;
	int rc;

	s.env = (struct lnl_env)FUZZ_ENV(&s.machine);
	if (!fuzz_next(&r, &data, end))
		return 0;
	offer = (char *)fuzz_exact(r.data, r.len);
	rc = lnl_acc_offer_read(&s.offer, offer, r.len, r.kind % 2 ? ' ' : ',');
	if (rc == 0)
		require(lnl_acc_new(&s.acc, &s.env, &conf, &s.offer) == 0);
	require(rc < 0 || (s.offer.max >= LNL_ACC_TEXT_MIN && s.offer.max <= LNL_ACC_TEXT_MAX));
	free(offer);
	s.offer.names = NULL;
	while (rc == 0 && fuzz_next(&r, &data, end))
		act(&s, &r);
	lnl_acc_free(s.acc);
	require(s.machine.live == 0);
	return 0;
}
