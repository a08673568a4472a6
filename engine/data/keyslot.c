/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/keyslot.h"

#include <string.h>

static bool is_gcm(enum lnl_cipher c)
{
	return c == LNL_CIPHER_AES_128_GCM || c == LNL_CIPHER_AES_192_GCM ||
	       c == LNL_CIPHER_AES_256_GCM;
}

static int fill_half(struct lnl_keyslot_half *h, struct lnl_keyslot_cbc *cbc,
		     const struct lnl_env *env, const struct lnl_key_conf *conf, bool sends)
{
	const struct lnl_direction_key *key = sends ? &conf->send : &conf->recv;

	if (lnl_cipher_is_aead(conf->cipher)) {
		memcpy(h->nonce + LNL_PID_LEN, key->hmac, LNL_IMPLICIT_IV);
		return lnl_aead_new(&h->aead, env, conf->cipher, key->cipher);
	}
	int r = lnl_cbc_new(&cbc->cipher, env, conf->cipher, key->cipher, sends);
	if (r == 0)
		r = lnl_hmac_new(&cbc->hmac, env, conf->digest, key->hmac,
				 lnl_digest_len(conf->digest));
	return r;
}

static void free_half(struct lnl_keyslot_half *h, struct lnl_keyslot_cbc *cbc)
{
	lnl_aead_free(h->aead);
	lnl_cbc_free(cbc->cipher);
	lnl_hmac_free(cbc->hmac);
}

/* Encryption without authentication does not exist here. */
static bool is_usable(const struct lnl_key_conf *conf)
{
	if (conf->cipher <= LNL_CIPHER_NONE || conf->cipher >= LNL_CIPHER_COUNT)
		return false;
	return lnl_cipher_is_aead(conf->cipher) || lnl_digest_len(conf->digest) != 0;
}

int lnl_keyslot_new(struct lnl_keyslot **out, const struct lnl_env *env,
		    const struct lnl_key_conf *conf)
{
	*out = NULL;
	if (conf->key_id >= LNL_KEY_IDS)
		return LNL_E_KEY;
	if (!is_usable(conf))
		return LNL_E_UNSUPPORTED;

	struct lnl_keyslot *k = lnl_alloc(env, sizeof(*k));
	if (k == NULL)
		return LNL_E_NOMEM;
	k->id = conf->key_id;
	k->mac_len = 0;
	if (!lnl_cipher_is_aead(conf->cipher))
		k->mac_len = (uint8_t)lnl_digest_len(conf->digest);
	k->expires = conf->expires;
	k->limit = is_gcm(conf->cipher) ? LNL_GCM_LIMIT : UINT64_MAX;
	k->warn = is_gcm(conf->cipher) ? LNL_GCM_WARN : UINT64_MAX;
	k->limit_bytes = conf->limit_bytes != 0 ? conf->limit_bytes : UINT64_MAX;
	k->limit_packets = conf->limit_packets != 0 ? conf->limit_packets : UINT64_MAX;
	k->next_id = conf->first_id != 0 ? conf->first_id : 1;
	lnl_replay_init(&k->replay,
			conf->replay_window != 0 ? conf->replay_window : LNL_REPLAY_DEFAULT);

	int r = fill_half(&k->send, &k->cbc_send, env, conf, true);
	if (r == 0)
		r = fill_half(&k->recv, &k->cbc_recv, env, conf, false);
	if (r != 0) {
		lnl_keyslot_free(k, env);
		return r;
	}
	*out = k;
	return 0;
}

void lnl_keyslot_free(struct lnl_keyslot *k, const struct lnl_env *env)
{
	if (k == NULL)
		return;
	free_half(&k->send, &k->cbc_send);
	free_half(&k->recv, &k->cbc_recv);
	lnl_secret_wipe(k, sizeof(*k));
	lnl_release(env, k);
}

unsigned lnl_keyslot_overhead(enum lnl_cipher cipher, enum lnl_digest digest, bool data_v2)
{
	unsigned header = data_v2 ? 4 : 1;

	if (lnl_cipher_is_aead(cipher))
		return header + LNL_PID_LEN + LNL_TAG_LEN;
	return header + (unsigned)lnl_digest_len(digest) + LNL_BLOCK_LEN + LNL_PID_LEN +
	       LNL_BLOCK_LEN;
}
