/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One client and one server with a network between them, in virtual time. The client is the
 * engine's own; what the engine does with its events in threads is done here at once.
 */
#ifndef LNL_SIM_WORLD_H
#define LNL_SIM_WORLD_H

#include "control/client.h"
#include "sim/env.h"
#include "sim/server.h"
#include "sim/traffic.h"

#define SIM_OUR_PEER 1

enum sim_wrap {
	SIM_WRAP_NONE,
	SIM_WRAP_AUTH, /* key-direction 1 at the client */
	SIM_WRAP_AUTH_SWAPPED,
	SIM_WRAP_AUTH_BOTH, /* no direction */
	SIM_WRAP_CRYPT,
	SIM_WRAP_V2, /* with the cookie */
	SIM_WRAPS
};

/* What a test may choose before sim_world_start; sim_world_init sets what is usual. */
struct sim_setup {
	enum sim_wrap wrap;
	bool tcp;
	uint64_t seed;
	const char *username, *password;
	const char *client_cert; /* PEM; NULL: none is shown */
	const char *ca;		 /* the client's */
	bool verify_waits;	 /* LNL_CLIENT_VERIFY is answered by the test */
	bool pulled_waits;	 /* so is LNL_CLIENT_PULLED */
	/*
	 * As OpenVPN's, the client hears and answers its newest key state alone: from its
	 * SOFT_RESET on, control packets of the one before are dropped (ssl.c, "key IDs out of
	 * sync").
	 */
	bool newest_only;
};

struct sim_world;

/* Another server than sim/server.h's; all or nothing is set. */
struct sim_far {
	void *ctx;
	int (*start)(void *ctx, struct sim_world *w);
	void (*end)(void *ctx);
	void (*input)(void *ctx, uint8_t *data, size_t len);
	void (*run)(void *ctx);
	uint64_t (*due)(void *ctx);
	void (*send)(void *ctx, const uint8_t *data, size_t len); /* an inner packet */
};

struct sim_world {
	uint64_t now;
	struct sim_env env;
	struct sim_net net;
	struct sim_setup setup;
	struct lnl_client_conf conf;
	struct sim_server_conf server_conf;
	struct lnl_log log;
	struct lnl_tls_conf *tls[SIM_ENDS];
	struct lnl_wrap_key wrap[SIM_ENDS];
	struct lnl_static_key static_key;
	uint8_t v2_key[LNL_V2_SERVER_KEY_LEN];
	uint8_t wkc[LNL_WKC_MAX];

	struct lnl_client *client;
	struct lnl_data *data;
	bool has_peer;
	struct sim_server server;
	bool has_server;
	struct sim_far far;
	/* in the packets that came */
	uint8_t server_sid[LNL_SID_LEN], client_sid[LNL_SID_LEN];

	/* what became of the client */
	bool up, closed, verify_waiting, pulled_waiting;
	enum lnl_phase phase;
	enum lnl_cause cause;
	enum lnl_phase closed_in;
	struct lnl_client_end end;
	char why[2048];
	char text[2048]; /* of the last TEXT, CHALLENGE or OPEN_URL */
	char token[2048], token_user[512];
	unsigned counts[32]; /* events by kind */
	bool challenge_echo, challenge_response;
	unsigned keys_installed, keys_swapped;
	uint8_t last_key_id;
	uint8_t newest_key_id; /* of its last reset */
	unsigned long unheard; /* with newest_only */
	bool mark_secrets;     /* keys of the data channel must not be found in released memory */
	unsigned long drops[LNL_DROP_COUNT]; /* of the client's control packets */
	unsigned long data_drops[LNL_DROP_COUNT];
	struct sim_traffic traffic[SIM_ENDS]; /* by sender */

	/* log records */
	unsigned records;
	unsigned dirty_records; /* with a byte that is not printable */
	char wanted[64];	/* an event to count */
	unsigned wanted_seen;
	char secret[64]; /* must never be logged */
	unsigned secrets_seen;
};

/* Fills in what is usual; change conf, server_conf, setup and net.faults afterwards. */
void sim_world_init(struct sim_world *w, uint64_t seed, enum sim_wrap wrap, bool tcp);
/* The cipher at both ends. */
void sim_world_cipher(struct sim_world *w, enum lnl_cipher cipher, enum lnl_digest digest);
/* Makes both ends. 0 or the first error (out of memory by env.fail_at). */
int sim_world_start(struct sim_world *w);
/* Releases all; afterwards env.live is 0 unless something leaks. */
void sim_world_end(struct sim_world *w);

/* Does what is due, and moves the clock, until |span| has passed. */
void sim_world_run(struct sim_world *w, uint64_t span);
/* Until the client is up and the server knows, or |span| has passed; returns whether. */
bool sim_world_connect(struct sim_world *w, uint64_t span);
/* Until the client has closed; returns whether. */
bool sim_world_closes(struct sim_world *w, uint64_t span);
/* Takes and handles events at the present time only. */
void sim_world_turn(struct sim_world *w);

/* Sends the next numbered inner packet of |len| bytes from |end|. */
void sim_world_send(struct sim_world *w, unsigned end, size_t len);
/* Sends |n| of them from both ends, |gap| apart, running in between. */
void sim_world_traffic(struct sim_world *w, unsigned n, uint64_t gap);
/* Whether all that was sent arrived, each once and whole, in order, since the last call. */
bool sim_world_all_arrived(struct sim_world *w);

#endif
