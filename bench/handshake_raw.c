/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS handshakes by plain wolfSSL calls over memory: the same certificates, suites and groups, both
 * sides' certificates verified. Nothing else is in it: no key export, no record, no wiping of what
 * is freed.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/handshake.h"
#include "crypto/wolfssl_compat.h"

#define QUEUE	  16384
#define TURNS_MAX 100

/* What crypto/wolfssl_suites.c sets by default. */
static const char suites[] =
	"TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
	"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	"DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256";
static int groups[] = { WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1,
			WOLFSSL_ECC_SECP521R1, WOLFSSL_FFDHE_2048 };

struct queue {
	size_t at, len;
	char bytes[QUEUE];
};

struct end {
	WOLFSSL *ssl;
	struct queue in;
	struct queue *out;
	bool done;
};

struct hs_raw {
	WOLFSSL_CTX *ctx[HS_SIDES];
	struct end ends[HS_BATCH][HS_SIDES];
};

static int receive(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct queue *q = &((struct end *)ctx)->in;
	size_t n = q->len - q->at;

	(void)ssl;
	if (n == 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	if (n > (size_t)size)
		n = (size_t)size;
	memcpy(buf, q->bytes + q->at, n);
	q->at += n;
	if (q->at == q->len)
		q->at = q->len = 0;
	return (int)n;
}

static int transmit(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct queue *q = ((struct end *)ctx)->out;

	(void)ssl;
	if (q->len + (size_t)size > QUEUE)
		hs_die("wolfSSL sends more than there is room for");
	memcpy(q->bytes + q->len, buf, (size_t)size);
	q->len += (size_t)size;
	return size;
}

static void must(bool ok)
{
	if (!ok)
		hs_die("cannot set up wolfSSL");
}

static const unsigned char *data(const struct lnl_pki_text *t)
{
	return (const unsigned char *)t->data;
}

static WOLFSSL_CTX *new_context(const struct hs_pki *p, enum hs_side side)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(side == HS_SERVER ? wolfSSLv23_server_method()
							     : wolfSSLv23_client_method());
	const struct lnl_pki_text *cert = &p->cert[side], *key = &p->key[side];

	must(ctx != NULL);
	must(wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_2) == WOLFSSL_SUCCESS);
	must(wolfSSL_CTX_load_verify_buffer(ctx, data(&p->ca), (long)p->ca.len,
					    WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS);
	must(wolfSSL_CTX_use_certificate_chain_buffer(ctx, data(cert), (long)cert->len) ==
	     WOLFSSL_SUCCESS);
	must(wolfSSL_CTX_use_PrivateKey_buffer(ctx, data(key), (long)key->len,
					       WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS);
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			       NULL);
	must(wolfSSL_CTX_set_cipher_list(ctx, suites) == WOLFSSL_SUCCESS);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		must(wolfSSL_CTX_UseSupportedCurve(ctx, (word16)groups[i]) == WOLFSSL_SUCCESS);
	must(wolfSSL_CTX_set_groups(ctx, groups, (int)(sizeof(groups) / sizeof(groups[0]))) ==
	     WOLFSSL_SUCCESS);
	wolfSSL_CTX_SetIORecv(ctx, receive);
	wolfSSL_CTX_SetIOSend(ctx, transmit);
	return ctx;
}

struct hs_raw *hs_raw_new(const struct hs_pki *p)
{
	struct hs_raw *r = calloc(1, sizeof(*r));

	if (!r)
		hs_die("out of memory");
	for (unsigned side = 0; side < HS_SIDES; side++)
		r->ctx[side] = new_context(p, (enum hs_side)side);
	return r;
}

void hs_raw_free(struct hs_raw *r)
{
	for (unsigned side = 0; side < HS_SIDES; side++)
		wolfSSL_CTX_free(r->ctx[side]);
	free(r);
}

/* ---- a batch ---- */

static void begin(struct hs_raw *r, unsigned i, enum hs_side side)
{
	struct end *e = &r->ends[i][side];

	e->ssl = wolfSSL_new(r->ctx[side]);
	must(e->ssl != NULL);
	e->in.at = e->in.len = 0;
	e->out = &r->ends[i][!side].in;
	e->done = false;
	wolfSSL_SetIOReadCtx(e->ssl, e);
	wolfSSL_SetIOWriteCtx(e->ssl, e);
}

static void step(struct end *e, enum hs_side side)
{
	int result;

	if (e->done)
		return;
	result = side == HS_SERVER ? wolfSSL_accept(e->ssl) : wolfSSL_connect(e->ssl);
	e->done = result == WOLFSSL_SUCCESS;
	if (!e->done && wolfSSL_get_error(e->ssl, result) != WOLFSSL_ERROR_WANT_READ)
		hs_die("a handshake of wolfSSL's own fails");
}

static void turn(struct hs_raw *r, enum hs_side side, double *ns)
{
	uint64_t at = hs_cpu_ns();

	for (unsigned i = 0; i < HS_BATCH; i++)
		step(&r->ends[i][side], side);
	*ns += (double)(hs_cpu_ns() - at);
}

static bool all_done(const struct hs_raw *r)
{
	for (unsigned i = 0; i < HS_BATCH; i++)
		if (!r->ends[i][HS_SERVER].done || !r->ends[i][HS_CLIENT].done)
			return false;
	return true;
}

static void check(const struct hs_raw *r)
{
	for (unsigned i = 0; i < HS_BATCH; i++)
		if (strcmp(wolfSSL_get_version(r->ends[i][HS_SERVER].ssl), "TLSv1.3") != 0)
			hs_die("wolfSSL alone did not speak TLS 1.3");
}

static void run_batch(struct hs_raw *r, double ns[HS_SIDES])
{
	unsigned turns = 0;

	for (unsigned side = 0; side < HS_SIDES; side++) {
		uint64_t at = hs_cpu_ns();

		for (unsigned i = 0; i < HS_BATCH; i++)
			begin(r, i, (enum hs_side)side);
		ns[side] = (double)(hs_cpu_ns() - at);
	}
	do {
		turn(r, HS_CLIENT, &ns[HS_CLIENT]);
		turn(r, HS_SERVER, &ns[HS_SERVER]);
		if (++turns == TURNS_MAX)
			hs_die("a handshake of wolfSSL's own does not end");
	} while (!all_done(r));
	check(r);
	for (unsigned side = 0; side < HS_SIDES; side++) {
		uint64_t at = hs_cpu_ns();

		for (unsigned i = 0; i < HS_BATCH; i++)
			wolfSSL_free(r->ends[i][side].ssl);
		ns[side] += (double)(hs_cpu_ns() - at);
		ns[side] /= HS_BATCH;
	}
}

void hs_raw_batch(struct hs_raw *r, double ns[HS_SIDES])
{
	wolfSSL_Malloc_cb allocate = NULL;
	wolfSSL_Free_cb release = NULL;
	wolfSSL_Realloc_cb resize = NULL;

	/* The crypto room's allocator wipes; that is our choice, not the library's price. */
	wolfSSL_GetAllocators(&allocate, &release, &resize);
	wolfSSL_SetAllocators(NULL, NULL, NULL);
	run_batch(r, ns);
	wolfSSL_SetAllocators(allocate, release, resize);
}
