/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Very many clients at one server, in memory and in virtual time: the whole engine proper with its
 * data worker on one side of a lossy network, control's clients with a data plane each on the other.
 */
#ifndef LNL_SIM_CROWD_H
#define LNL_SIM_CROWD_H

#include "control/client.h"
#include "engine_service.h"
#include "io/worker_state.h"
#include "sim/env.h"

#define CROWD_LINKS    2  /* UDP sockets: of IPv4, of IPv6 */
#define CROWD_KINDS    4  /* clients of one configuration */
#define CROWD_PAYLOADS 30 /* numbered packets of one guest, each way, at most */

/* Who sends. */
enum crowd_end { CROWD_UP, CROWD_DOWN, CROWD_ENDS };

struct crowd_conf {
	unsigned n;
	uint64_t seed;
	unsigned loss, duplicate, reorder; /* one in so many packets, each way; 0: none */
	uint64_t delay, jitter;
	uint64_t arrive_in; /* they come one after another within this */
	unsigned payloads;  /* each way */
	uint64_t payload_every;
	int64_t reneg_sec;    /* the server's */
	uint64_t think;	      /* the host's answers take up to this */
	unsigned float_every; /* one guest in so many moves to another port at half time; 0: none */
	unsigned answers;     /* to strangers in ten seconds */
	unsigned max_clients; /* 0: as many as there are guests */
	bool noncookie;	      /* the server lets in tls-crypt-v2 clients without the cookie */
	bool v2;	      /* all with tls-crypt-v2; else every fourth, beside tls-crypt */
};

struct crowd_guest {
	uint32_t index;
	int place; /* in the loop */
	struct lnl_addr at;
	uint32_t link;
	struct lnl_client *c; /* NULL: it has not come, or has gone */
	struct lnl_data *data;
	bool has_peer, up, closed, moved;
	uint8_t keys; /* installed */
	uint64_t comes_at, payload_at;
	struct lnl_ip own4, own6;
	/* of the numbered packets, by sender */
	uint8_t sent[CROWD_ENDS];
	uint32_t lost[CROWD_ENDS], got[CROWD_ENDS]; /* a bit each */
};

struct crowd {
	struct crowd_conf conf;
	struct lnl_env env; /* the guests' */
	uint64_t seed, net_seed;
	struct lnl_engine *e;
	struct lnl_service *s;
	struct lnl_worker *w;
	int tun;
	const uint8_t *tun_bytes; /* to be read from the device */
	size_t tun_len;
	uint32_t tun_number; /* whose and which it is */
	struct crowd_guest *tun_for;
	struct crowd_packet *arrived; /* to be received by its link */

	/* Gets what comes for a guest instead; NULL: nobody does. */
	void (*tap)(struct crowd_guest *g, uint8_t *bytes, size_t len);

	struct lnl_static_key tls_crypt, kc;
	uint8_t v2_key[LNL_V2_SERVER_KEY_LEN];
	struct lnl_wrap_key wrap[2]; /* the guests': tls-crypt, tls-crypt-v2 */
	uint8_t wkc[LNL_WKC_MAX];
	struct lnl_tls_conf *tls;
	struct lnl_client_conf kinds[CROWD_KINDS];
	struct crowd_guest *guests;

	/* what was seen */
	unsigned up, guests_closed, established, peers_closed, logins;
	unsigned most_tickets;
	unsigned records, lost_records, warnings;
	char why[512];	     /* why the first one closed */
	char warning[1024];  /* the first */
	unsigned long turns; /* of the loop */
	unsigned long packets[CROWD_ENDS], lost[CROWD_ENDS], nowhere;
	unsigned long payloads[CROWD_ENDS], payloads_lost[CROWD_ENDS], payloads_got[CROWD_ENDS];
	unsigned long wrong; /* payloads that came to somebody else, damaged, or twice */
	unsigned long guest_drops[LNL_DROP_COUNT]; /* of their data packets */
};

extern struct crowd crowd;

/* What is usual for |n| guests. */
struct crowd_conf crowd_usual(unsigned n);
/* Opens the server; guests come as time passes. */
void crowd_start(const struct crowd_conf *conf);
void crowd_end(void);
/* Lets |span| pass. */
void crowd_run(uint64_t span);
/* Until all guests are up, or |span| has passed; returns whether. */
bool crowd_all_up(uint64_t span);
/* Does what is to be done now. */
void crowd_settle(void);
/* Guests and network are no more, without a word: what is left is the server's. */
void crowd_forget(void);

/* ---- guest.c ---- */

/* |bytes| has come to the guest. */
void crowd_guest_input(struct crowd_guest *g, uint8_t *bytes, size_t len);
/* Its time has come. */
void crowd_guest_turn(struct crowd_guest *g);
void crowd_guest_free(struct crowd_guest *g);
/* The device of the server was given this. */
void crowd_tun_write(const uint8_t *bytes, size_t len);

/* ---- crowd.c, for guest.c ---- */

/* From the guest to the server; |number| of a numbered packet, or -1. */
void crowd_send_up(struct crowd_guest *g, const uint8_t *bytes, size_t len, int number);
/* A packet for the server's device to read. */
void crowd_tun_read(struct crowd_guest *g, const uint8_t *bytes, size_t len, unsigned number);

#endif
