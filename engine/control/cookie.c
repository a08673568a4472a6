/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/cookie.h"

#include <string.h>

/* Slots after which a new key is drawn: an hour with OpenVPN's hand-window. */
#define KEY_SLOTS   120
#define KEY_LEN	    32
#define ADDRESS_MAX 64

static int draw_key(const struct lnl_env *env, struct lnl_hmac **out)
{
	uint8_t key[KEY_LEN];
	int rc = env->random(env->ctx, key, sizeof(key));

	if (rc == 0)
		rc = lnl_hmac_new(out, env, LNL_DIGEST_SHA256, key, sizeof(key));
	lnl_secret_wipe(key, sizeof(key));
	return rc;
}

int lnl_cookie_init(struct lnl_cookie *c, const struct lnl_env *env, uint64_t hand_window)
{
	memset(c, 0, sizeof(*c));
	if (hand_window == 0)
		return LNL_E_INVAL;
	c->env = env;
	c->slot_len = (hand_window + 1) / 2;
	return draw_key(env, &c->hmac);
}

void lnl_cookie_deinit(struct lnl_cookie *c)
{
	lnl_hmac_free(c->hmac);
	lnl_hmac_free(c->older);
	lnl_secret_wipe(c, sizeof(*c));
}

/* Draws a new key when it is time, and forgets the one before when its slots are over. */
static int roll(struct lnl_cookie *c, uint64_t slot)
{
	struct lnl_hmac *fresh;
	int rc;

	if (slot - c->since >= KEY_SLOTS) {
		rc = draw_key(c->env, &fresh);
		if (rc < 0)
			return rc;
		lnl_hmac_free(c->older);
		c->older = c->hmac;
		c->hmac = fresh;
		c->since = slot;
	} else if (c->older && slot - c->since >= LNL_COOKIE_SLOTS - 1) {
		lnl_hmac_free(c->older);
		c->older = NULL;
	}
	return 0;
}

static int compute(struct lnl_hmac *h, uint64_t slot, const void *address, size_t len,
		   const uint8_t *client, uint8_t out[LNL_SID_LEN])
{
	uint8_t head[9], tag[LNL_DIGEST_MAX];
	const struct lnl_piece pieces[] = {
		{ head, sizeof(head) },
		{ address, len },
		{ client, LNL_SID_LEN },
	};
	struct lnl_writer w;
	uint8_t any = 0;
	int rc;

	lnl_writer_init(&w, head, sizeof(head));
	lnl_write_u64(&w, slot);
	lnl_write_u8(&w, (uint8_t)len);
	rc = lnl_hmac_run(h, pieces, 3, tag);
	if (rc < 0)
		return rc;
	memcpy(out, tag, LNL_SID_LEN);
	for (unsigned i = 0; i < LNL_SID_LEN; i++)
		any |= out[i];
	/* All zero stands for no session. */
	out[LNL_SID_LEN - 1] |= any == 0;
	return 0;
}

int lnl_cookie_make(struct lnl_cookie *c, const void *address, size_t len,
		    const uint8_t client[LNL_SID_LEN], uint64_t now, uint8_t out[LNL_SID_LEN])
{
	uint64_t slot = now / c->slot_len;
	int rc;

	if (len > ADDRESS_MAX)
		return LNL_E_INVAL;
	rc = roll(c, slot);
	return rc < 0 ? rc : compute(c->hmac, slot, address, len, client, out);
}

bool lnl_cookie_check(struct lnl_cookie *c, const void *address, size_t len,
		      const uint8_t client[LNL_SID_LEN], const uint8_t cookie[LNL_SID_LEN],
		      uint64_t now)
{
	uint64_t slot = now / c->slot_len;
	uint8_t want[LNL_SID_LEN];
	bool found = false;

	if (len > ADDRESS_MAX)
		return false;
	/* All slots every time: how long it takes tells nothing. */
	for (uint64_t back = 0; back < LNL_COOKIE_SLOTS && back <= slot; back++) {
		struct lnl_hmac *h = slot - back >= c->since ? c->hmac : c->older;

		if (h && compute(h, slot - back, address, len, client, want) == 0)
			found |= lnl_secret_equal(want, cookie, LNL_SID_LEN);
	}
	lnl_secret_wipe(want, sizeof(want));
	return found;
}
