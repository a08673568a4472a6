/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/wrap.h"

#include <string.h>

/*
 * PROTOCOL 1.3 and 1.4. tls-auth: op sid | hmac | id time | body, with the HMAC over id time | op
 * sid | body. tls-crypt: op sid id time | tag | body, with the tag over op sid id time | body
 * before encryption.
 */
#define OP_SID_LEN    (1 + LNL_SID_LEN)
#define ID_LEN	      8 /* packet id, time */
#define CRYPT_TAG_LEN 32
#define CRYPT_IV_LEN  16 /* of the tag */

void lnl_wrap_key_none(struct lnl_wrap_key *k)
{
	memset(k, 0, sizeof(*k));
}

void lnl_wrap_key_deinit(struct lnl_wrap_key *k)
{
	lnl_secret_wipe(k, sizeof(*k));
	lnl_wrap_key_none(k);
}

static void take_hmacs(struct lnl_wrap_key *k, const struct lnl_static_key *key, unsigned send,
		       unsigned recv)
{
	size_t len = lnl_digest_len(k->digest);

	memcpy(k->hmac_send, lnl_static_hmac(key, send), len);
	memcpy(k->hmac_recv, lnl_static_hmac(key, recv), len);
}

int lnl_wrap_key_auth(struct lnl_wrap_key *k, const struct lnl_env *env,
		      const struct lnl_static_key *key, int direction, enum lnl_digest digest)
{
	(void)env;
	lnl_wrap_key_none(k);
	if (lnl_digest_len(digest) == 0)
		return LNL_E_UNSUPPORTED;
	k->mode = LNL_WRAP_AUTH;
	k->digest = digest;
	take_hmacs(k, key, direction == 1, direction == 0);
	return 0;
}

int lnl_wrap_key_crypt(struct lnl_wrap_key *k, const struct lnl_env *env,
		       const struct lnl_static_key *key, bool server)
{
	unsigned send = server ? 0 : 1;

	(void)env;
	lnl_wrap_key_none(k);
	k->mode = LNL_WRAP_CRYPT;
	k->digest = LNL_DIGEST_SHA256;
	memcpy(k->ctr_send, lnl_static_cipher(key, send), sizeof(k->ctr_send));
	memcpy(k->ctr_recv, lnl_static_cipher(key, 1 - send), sizeof(k->ctr_recv));
	take_hmacs(k, key, send, 1 - send);
	return 0;
}

void lnl_wrap_init(struct lnl_wrap *w, const struct lnl_wrap_key *key, uint32_t first_id,
		   uint32_t time)
{
	memset(w, 0, sizeof(*w));
	w->key = key;
	w->send_id = first_id;
	w->send_time = time;
	lnl_replay_init(&w->replay, LNL_REPLAY_DEFAULT);
}

/* Bytes of tag in a packet. */
static size_t tag_len(const struct lnl_wrap_key *k)
{
	return k->mode == LNL_WRAP_NONE ? 0 : lnl_digest_len(k->digest);
}

size_t lnl_wrap_overhead(const struct lnl_wrap_key *k)
{
	return k->mode == LNL_WRAP_NONE ? OP_SID_LEN : OP_SID_LEN + ID_LEN + tag_len(k);
}

static int hmac_auth(const struct lnl_wrap_key *k, const uint8_t *key, const uint8_t *packet,
		     const uint8_t *body, size_t body_len, uint8_t *out)
{
	size_t tag = tag_len(k);
	const struct lnl_piece pieces[] = {
		{ packet + OP_SID_LEN + tag, ID_LEN },
		{ packet, OP_SID_LEN },
		{ body, body_len },
	};

	return lnl_hmac_once(k->digest, key, tag, pieces, 3, out);
}

static int hmac_crypt(const uint8_t *key, const uint8_t *packet, const uint8_t *body,
		      size_t body_len, uint8_t *out)
{
	const struct lnl_piece pieces[] = {
		{ packet, OP_SID_LEN + ID_LEN },
		{ body, body_len },
	};

	return lnl_hmac_once(LNL_DIGEST_SHA256, key, CRYPT_TAG_LEN, pieces, 2, out);
}

/* Fills in the tag of the |len| bytes at |packet|, and encrypts where that is asked for. */
static int protect(const struct lnl_wrap_key *k, uint8_t *packet, size_t len)
{
	size_t head = lnl_wrap_overhead(k);
	uint8_t *body = packet + head;
	uint8_t *tag = packet + OP_SID_LEN + ID_LEN;
	int error;

	if (k->mode == LNL_WRAP_AUTH)
		return hmac_auth(k, k->hmac_send, packet, body, len - head, packet + OP_SID_LEN);
	error = hmac_crypt(k->hmac_send, packet, body, len - head, tag);
	if (error == 0)
		error = lnl_ctr_run(k->ctr_send, tag, body, body, len - head);
	return error;
}

int lnl_wrap_write(struct lnl_wrap *w, const struct lnl_control *c, uint8_t *out, size_t cap)
{
	const struct lnl_wrap_key *k = w->key;
	struct lnl_writer writer;
	int error;

	if (k->mode != LNL_WRAP_NONE && w->send_id == UINT32_MAX)
		return LNL_E_LIMIT;
	lnl_writer_init(&writer, out, cap);
	lnl_write_u8(&writer, lnl_op_byte((enum lnl_opcode)c->op, c->key_id));
	lnl_write_bytes(&writer, c->sid, LNL_SID_LEN);
	if (k->mode == LNL_WRAP_AUTH)
		lnl_write_space(&writer, tag_len(k));
	if (k->mode != LNL_WRAP_NONE) {
		lnl_write_u32(&writer, w->send_id + 1);
		lnl_write_u32(&writer, w->send_time);
	}
	if (k->mode == LNL_WRAP_CRYPT)
		lnl_write_space(&writer, CRYPT_TAG_LEN);
	error = lnl_control_write_body(c, &writer);
	if (error != 0)
		return error;
	if (k->mode == LNL_WRAP_NONE)
		return (int)lnl_writer_len(&writer);
	/* Used up even if what follows fails: an id never stands for two packets. */
	w->send_id++;
	error = protect(k, out, lnl_writer_len(&writer));
	return error != 0 ? error : (int)lnl_writer_len(&writer);
}

static enum lnl_drop check_auth(const struct lnl_wrap_key *k, const uint8_t *data,
				const uint8_t *body, size_t body_len)
{
	uint8_t tag[LNL_DIGEST_MAX];

	if (hmac_auth(k, k->hmac_recv, data, body, body_len, tag) != 0)
		return LNL_DROP_AUTH;
	return lnl_secret_equal(tag, data + OP_SID_LEN, tag_len(k)) ? LNL_DROP_NONE : LNL_DROP_AUTH;
}

static enum lnl_drop check_crypt(const struct lnl_wrap_key *k, const uint8_t *data,
				 const uint8_t *body, size_t body_len, uint8_t *scratch)
{
	const uint8_t *theirs = data + OP_SID_LEN + ID_LEN;
	uint8_t tag[LNL_DIGEST_MAX];

	if (lnl_ctr_run(k->ctr_recv, theirs, scratch, body, body_len) != 0)
		return LNL_DROP_AUTH;
	if (hmac_crypt(k->hmac_recv, data, scratch, body_len, tag) != 0)
		return LNL_DROP_AUTH;
	return lnl_secret_equal(tag, theirs, CRYPT_TAG_LEN) ? LNL_DROP_NONE : LNL_DROP_AUTH;
}

/* Believes a packet's id: after its tag only. */
static enum lnl_drop check_id(struct lnl_wrap *w, const uint8_t *id_time)
{
	struct lnl_reader r;
	uint32_t id, time;

	lnl_reader_init(&r, id_time, ID_LEN);
	id = lnl_read_u32(&r);
	time = lnl_read_u32(&r);
	return lnl_replay_accept_long(&w->replay, time, id) ? LNL_DROP_NONE : LNL_DROP_REPLAY;
}

static enum lnl_drop read_body(struct lnl_control *c, const uint8_t *body, size_t len)
{
	struct lnl_reader r;

	lnl_reader_init(&r, body, len);
	switch (lnl_control_read_body(c, &r)) {
	case 0:
		return LNL_DROP_NONE;
	case LNL_E_SHORT:
		return LNL_DROP_SHORT;
	default:
		return LNL_DROP_FORMAT;
	}
}

static enum lnl_drop open_packet(struct lnl_wrap *w, const uint8_t *data, const uint8_t *body,
				 size_t body_len, uint8_t *scratch)
{
	const struct lnl_wrap_key *k = w->key;
	size_t id_at = OP_SID_LEN + (k->mode == LNL_WRAP_AUTH ? tag_len(k) : 0);
	enum lnl_drop drop;

	if (k->mode == LNL_WRAP_AUTH)
		drop = check_auth(k, data, body, body_len);
	else
		drop = check_crypt(k, data, body, body_len, scratch);
	return drop != LNL_DROP_NONE ? drop : check_id(w, data + id_at);
}

enum lnl_drop lnl_wrap_read(struct lnl_wrap *w, struct lnl_control *c, const uint8_t *data,
			    size_t len, uint8_t *scratch, size_t cap)
{
	const struct lnl_wrap_key *k = w->key;
	size_t head = lnl_wrap_overhead(k);
	const uint8_t *body;
	enum lnl_drop drop;

	memset(c, 0, sizeof(*c));
	if (len < 1)
		return LNL_DROP_SHORT;
	if (!lnl_op_is_control(lnl_op_of(data[0])))
		return LNL_DROP_OPCODE;
	if (len < head + 1)
		return LNL_DROP_SHORT;
	if (len > LNL_WRAP_PACKET_MAX || (k->mode == LNL_WRAP_CRYPT && len - head > cap))
		return LNL_DROP_LONG;
	body = data + head;
	if (k->mode != LNL_WRAP_NONE) {
		drop = open_packet(w, data, body, len - head, scratch);
		if (drop != LNL_DROP_NONE)
			return drop;
	}
	c->op = (uint8_t)lnl_op_of(data[0]);
	c->key_id = (uint8_t)lnl_key_id_of(data[0]);
	memcpy(c->sid, data + 1, LNL_SID_LEN);
	return read_body(c, k->mode == LNL_WRAP_CRYPT ? scratch : body, len - head);
}
