/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's own server as the far end of a sim_world: its door, one connection at a time, and an
 * owner who carries events as the engine does and decides as the test says.
 */
#ifndef LNL_SIM_SERVER_WORLD_H
#define LNL_SIM_SERVER_WORLD_H

#include "control/admission.h"
#include "control/server.h"
#include "sim/world.h"

struct sim_real {
	struct sim_world *w;
	struct lnl_server_conf conf;
	struct lnl_admission_conf door_conf;
	struct lnl_admission *door;
	struct lnl_data *data;
	struct lnl_server *server;
	bool has_peer; /* in the data plane */

	/* what the owner says */
	const char *username, *password; /* NULL: anybody */
	enum lnl_judgement verdict;	 /* of those */
	const char *verdict_text;
	const char *refusal;	/* the text of a denial */
	uint64_t verdict_after; /* or LNL_NEVER: the test answers */
	uint64_t grant_after;	/* likewise */
	bool verify_waits;	/* VERIFY is answered by the test */
	const char *const *push;
	unsigned n_push;
	uint64_t lifetime; /* of a grant; 0: no end */

	/* what is to be done */
	uint64_t verdict_at, grant_at;

	/* what was seen */
	unsigned sessions; /* connections that were begun */
	unsigned counts[32];
	bool up, closed, again, verify_waiting;
	enum lnl_cause cause;
	enum lnl_phase closed_in;
	char why[2048];
	char text[2048]; /* of the last TEXT or RESPONSE */
	char username_seen[512], password_seen[2048], peer_info[2048], cn[256];
	unsigned chain_seen;
	unsigned keys_installed, keys_swapped;
	int rc; /* of the last grant */
	struct lnl_peer_conf peer;
	struct lnl_cipher_seen {
		enum lnl_cipher cipher;
		enum lnl_digest digest;
	} key;
	unsigned long drops[LNL_DROP_COUNT];
	unsigned long data_drops[LNL_DROP_COUNT];
	unsigned early_config; /* a grant's words before anybody was let in: C4 */
};

/* A world whose server is |r|; change |r| and |w| afterwards, then sim_world_start. */
void sim_real_init(struct sim_real *r, struct sim_world *w);
/* What the owner says to AUTHENTICATE, now. */
int sim_real_judge(struct sim_real *r);
int sim_real_grant(struct sim_real *r);
/* Until both ends are up, or |span| has passed; returns whether. */
bool sim_real_connect(struct sim_real *r, uint64_t span);
/* Until the server's connection has closed; returns whether. */
bool sim_real_closes(struct sim_real *r, uint64_t span);

#endif
