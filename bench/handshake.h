/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of bench/handshake.c know of each other. */
#ifndef BENCH_HANDSHAKE_H
#define BENCH_HANDSHAKE_H

#include "control/admission.h"
#include "control/client.h"
#include "control/server.h"
#include "lunel.h"

#define HS_BATCH 16 /* handshakes that go on side by side in memory */

enum hs_side { HS_SERVER, HS_CLIENT, HS_SIDES };

/* ---- handshake_ends.c: keys, and both ends' configurations ---- */

struct hs_pki {
	struct lnl_pki_text ca, ca_key;
	struct lnl_pki_text cert[HS_SIDES], key[HS_SIDES];
	struct lnl_pki_text tls_crypt;
};

/* One server and one client as the engine configures them; handshakes share it. */
struct hs_ends {
	struct lnl_env env;
	struct lnl_static_key static_key;
	struct lnl_tls_conf *tls[HS_SIDES];
	struct lnl_wrap_key wrap[HS_SIDES];
	struct lnl_client_conf client;
	struct lnl_server_conf server;
	struct lnl_admission_conf door;
};

/* Ends the program with a message. */
_Noreturn void hs_die(const char *what);
/* CPU time of this thread. */
uint64_t hs_cpu_ns(void);
uint64_t hs_clock_ns(void);
/* Certificates of a CA that is made here, EC P-256 all. */
void hs_pki_make(struct hs_pki *p);
void hs_pki_free(struct hs_pki *p);
void hs_ends_init(struct hs_ends *e, const struct hs_pki *p);
void hs_ends_deinit(struct hs_ends *e);

/* ---- handshake_engine.c, handshake_raw.c: handshakes in memory ---- */

struct hs_engine;
struct hs_engine *hs_engine_new(const struct hs_pki *p);
void hs_engine_free(struct hs_engine *e);
/* HS_BATCH handshakes: what each side took for one, in nanoseconds of CPU time. */
void hs_engine_batch(struct hs_engine *e, double ns[HS_SIDES]);

struct hs_raw;
struct hs_raw *hs_raw_new(const struct hs_pki *p);
void hs_raw_free(struct hs_raw *r);
void hs_raw_batch(struct hs_raw *r, double ns[HS_SIDES]);

/* ---- handshake_load.c: many clients at once, over UDP sockets ---- */

struct hs_load;
struct hs_load *hs_load_new(const struct hs_pki *p, unsigned clients);
void hs_load_free(struct hs_load *l);
struct hs_loaded {
	unsigned done, failed; /* handshakes */
	double rate;	       /* a second, until the time was over */
};

/*
 * Connects to 127.0.0.1:|port| and leaves, again and again, with all clients at once, for so long;
 * returns once the last has left.
 */
void hs_load_run(struct hs_load *l, uint16_t port, double seconds, struct hs_loaded *out);
/*
 * Connects all clients to it, |at_once| at a time, and has them stay: how many are up within |seconds|, or
 * until one is refused. They send no data.
 */
unsigned hs_load_hold(struct hs_load *l, uint16_t port, unsigned at_once, double seconds);
/* Some of what they have to do yet, at most 0.1 s; how many have ended. */
unsigned hs_load_idle(struct hs_load *l);

/* ---- handshake_live.c: servers as processes of their own ---- */

enum hs_live { HS_LUNEL, HS_OPENVPN, HS_LIVES };

/* What is measured of one; |why| says what is missing when it is not, or |broken|. */
struct hs_server {
	bool there, broken;
	char name[64];
	char why[128];
	double us;   /* of CPU a handshake, the median */
	double rate; /* handshakes a second, as they came */
	unsigned done, failed;
};

/*
 * Both servers under the same load in turns; |ratio| is the median of openvpn's CPU time by
 * lunel's, 0 without both.
 */
void hs_live_measure(const struct hs_pki *p, unsigned clients, unsigned rounds, double seconds,
		     struct hs_server out[HS_LIVES], double *ratio);

/* Sorts |v|. */
double hs_median(double *v, unsigned n);

#endif
