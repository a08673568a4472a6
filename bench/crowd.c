/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clients that connect to a server at 127.0.0.1 and stay, for bench/reload.sh: real handshakes, from an
 * address each. It makes the keys of both ends, waits for FOLDER/go, and says what it has done.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/handshake.h"

#define AT_ONCE 16
#define SECONDS 120

static volatile sig_atomic_t over;

static void end(int signo)
{
	(void)signo;
	over = 1;
}

static void put(const char *folder, const char *name, const struct lnl_pki_text *t)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (!f || fwrite(t->data, 1, t->len, f) != t->len || fclose(f))
		hs_die("cannot write the keys");
}

static void put_keys(const char *folder, const struct hs_pki *p)
{
	umask(077);
	put(folder, "ca.crt", &p->ca);
	put(folder, "server.crt", &p->cert[HS_SERVER]);
	put(folder, "server.key", &p->key[HS_SERVER]);
	put(folder, "client.crt", &p->cert[HS_CLIENT]);
	put(folder, "client.key", &p->key[HS_CLIENT]);
	put(folder, "crypt.key", &p->tls_crypt);
}

static void wait_for_go(const char *folder)
{
	const struct timespec t = { .tv_nsec = 20000000 };
	char path[4096];

	snprintf(path, sizeof(path), "%s/go", folder);
	while (!over && access(path, F_OK) != 0)
		nanosleep(&t, NULL);
}

static void many_files(unsigned n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < n + 64) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int main(int argc, char **argv)
{
	unsigned n = argc == 4 ? (unsigned)atoi(argv[2]) : 0, up, gone;
	unsigned port = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
	struct hs_load *l;
	struct hs_pki p;

	if (n < 1 || n > 50000 || port < 1 || port > 65535) {
		fprintf(stderr, "usage: crowd FOLDER CLIENTS PORT (see bench/reload.sh)\n");
		return 2;
	}
	signal(SIGTERM, end);
	signal(SIGINT, end);
	many_files(n);
	if (lnl_crypto_init(NULL) != 0)
		hs_die("cannot start wolfSSL");
	hs_pki_make(&p);
	put_keys(argv[1], &p);
	printf("keys are written\n");
	fflush(stdout);
	wait_for_go(argv[1]);
	l = hs_load_new(&p, n);
	up = hs_load_hold(l, (uint16_t)port, AT_ONCE, SECONDS);
	printf("%u of %u are connected\n", up, n);
	fflush(stdout);
	do
		gone = hs_load_idle(l);
	while (!over && gone == 0 && up == n);
	printf("%u have lost their connection\n", gone);
	hs_load_free(l);
	hs_pki_free(&p);
	lnl_crypto_deinit();
	return gone == 0 && up == n ? 0 : 1;
}
