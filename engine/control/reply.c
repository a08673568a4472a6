/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/reply.h"

#include <string.h>

#define VERB	 "PUSH_REPLY"
#define MORE	 ",push-continuation 2"
#define LAST	 ",push-continuation 1"
#define RESERVE	 (sizeof(MORE) - 1)
#define FACTS	 5
#define FACT_MAX 80
/* What an option of its own may take beside the verb, its comma and a continuation. */
#define OPTION_MAX (LNL_REPLY_MESSAGE - 1 - (sizeof(VERB) - 1) - 1 - RESERVE)

_Static_assert(sizeof(MORE) == sizeof(LAST), "one reserve for both");

static bool is_pushable(const char *option)
{
	size_t len = strlen(option);

	if (len == 0 || len > OPTION_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (option[i] < 0x20 || option[i] > 0x7e || option[i] == ',')
			return false;
	return true;
}

int lnl_reply_init(struct lnl_reply *r, const char *const *options, unsigned n,
		   const struct lnl_reply_facts *facts, unsigned *bad)
{
	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < n; i++) {
		if (is_pushable(options[i]))
			continue;
		*bad = i;
		r->done = true;
		return LNL_E_INVAL;
	}
	r->options = options;
	r->n = n;
	r->facts = *facts;
	return 0;
}

/* ---- the facts, each an option or nothing ---- */

static void write_flags(const struct lnl_reply_facts *f, struct lnl_writer *w)
{
	static const struct {
		enum lnl_protocol_flag flag;
		const char *name;
	} names[] = {
		{ LNL_PROTOCOL_CC_EXIT, " cc-exit" },
		{ LNL_PROTOCOL_TLS_EKM, " tls-ekm" },
		{ LNL_PROTOCOL_DYN_TLS_CRYPT, " dyn-tls-crypt" },
		{ LNL_PROTOCOL_AEAD_EPOCH, " aead-epoch" },
	};

	if (!f->protocol_flags) {
		if (f->flags & LNL_PROTOCOL_TLS_EKM)
			lnl_write_str(w, "key-derivation tls-ekm");
		return;
	}
	if (f->flags == 0)
		return;
	lnl_write_str(w, "protocol-flags");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (f->flags & (unsigned)names[i].flag)
			lnl_write_str(w, names[i].name);
}

/* In OpenVPN's order; "" for one that is left out. */
static void write_fact(const struct lnl_reply_facts *f, unsigned i, char out[FACT_MAX])
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, FACT_MAX);
	if (i == 0 && f->peer_id != LNL_PEER_ID_NONE) {
		lnl_write_str(&w, "peer-id ");
		lnl_write_dec(&w, f->peer_id);
	} else if (i == 1 && f->cipher != LNL_CIPHER_NONE) {
		lnl_write_str(&w, "cipher ");
		lnl_write_str(&w, lnl_cipher_name(f->cipher));
	} else if (i == 2) {
		write_flags(f, &w);
	} else if (i == 3 && f->tun_mtu > 0) {
		lnl_write_str(&w, "tun-mtu ");
		lnl_write_dec(&w, f->tun_mtu);
	}
	lnl_write_u8(&w, 0);
}

/* Moves over facts that are left out; whether there is an option at `at`, then in |*text|. */
static bool find_option(struct lnl_reply *r, const char **text, char fact[FACT_MAX])
{
	if (r->at < r->n) {
		*text = r->options[r->at];
		return true;
	}
	for (; r->at < r->n + FACTS; r->at++) {
		bool whole = r->at - r->n == FACTS - 1 && r->facts.extensions;

		write_fact(&r->facts, r->at - r->n, fact);
		*text = whole ? r->facts.extensions : fact;
		if ((*text)[0])
			return true;
	}
	return false;
}

/* Whether anything stands behind `at`. */
static bool is_last(const struct lnl_reply *r)
{
	struct lnl_reply rest = *r;
	char fact[FACT_MAX];
	const char *text;

	rest.at++;
	return !find_option(&rest, &text, fact);
}

int lnl_reply_next(struct lnl_reply *r, char out[LNL_REPLY_MESSAGE])
{
	char fact[FACT_MAX];
	struct lnl_writer w;
	const char *text;

	if (r->done)
		return 0;
	lnl_writer_init(&w, out, LNL_REPLY_MESSAGE);
	lnl_write_str(&w, VERB);
	while (find_option(r, &text, fact)) {
		/* Only the last option of an undivided reply may have the room for the mark. */
		size_t reserve = !r->split && is_last(r) ? 0 : RESERVE;

		if (lnl_writer_left(&w) < 1 + strlen(text) + reserve + 1) {
			r->split = true;
			lnl_write_str(&w, MORE);
			lnl_write_u8(&w, 0);
			return 1;
		}
		lnl_write_u8(&w, ',');
		lnl_write_str(&w, text);
		r->at++;
	}
	r->done = true;
	if (r->split)
		lnl_write_str(&w, LAST);
	lnl_write_u8(&w, 0);
	return 1;
}
