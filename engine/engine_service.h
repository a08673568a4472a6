/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the engine proper: a server and the clients that it serves. A client is a `served` from its
 * first packet that was admitted (over TCP: from accept) to its end.
 */
#ifndef LNL_ENGINE_SERVICE_H
#define LNL_ENGINE_SERVICE_H

#include "control/lease.h"
#include "control/pool.h"
#include "control/server.h"
#include "control/token.h"
#include "engine_state.h"
#include "io/listen.h"
#include "io/store.h"

#define LNL_SERVED_ROUTES LNL_ROUTES_PEER

struct lnl_service;

/* What a tls-crypt-v2 key told: its type and bytes. */
struct lnl_metadata {
	size_t len;
	uint8_t bytes[];
};

/* What a served client waits for of the host. */
enum lnl_served_wait {
	LNL_WAIT_NOTHING,
	LNL_WAIT_VERIFY,
	LNL_WAIT_LOGIN,
	LNL_WAIT_RESPONSE, /* the client is asked by CR_TEXT */
	LNL_WAIT_GRANT,
	LNL_WAIT_LEARN,
};

/* What the data plane told of a client. */
struct lnl_counted {
	struct lnl_counters counters;
	struct lnl_loss *loss; /* from the first time on that the host looks; NULL */
};

/* A server has thousands of them: what few have, or have for a moment, is not in it. */
struct lnl_served {
	struct lnl_service *service;
	uint32_t id; /* the peer's handle, peer-id on the wire, place in `served` */
	struct lnl_served *next_address, *next_name; /* in their buckets */
	struct lnl_served **at_name;		     /* what points to it there */
	struct lnl_served *next_source;		     /* while half-open, likewise */
	struct lnl_served *older, *newer;	     /* while half-open, in `mute` or `spoke` */
	uint32_t link;				     /* the socket's, or a TCP connection's own */
	struct lnl_addr from;			     /* where it is */
	uint32_t replaces;	    /* whose address in the table it took; LNL_PEER_ID_NONE */
	uint64_t came_at, heard_at; /* when it was admitted; while half-open */
	uint8_t worker;		    /* whose it is in the data plane, once it is there */
	bool tcp, half_open, in_table, named, peer_added, up, closing, ended;
	bool again;	   /* the login that is judged is a renegotiation's */
	bool has_token;	   /* `token` */
	bool took4, took6; /* `address4`, `address6`: it has to give them back to the pools */
	bool refused;	   /* `learn` refused one of its addresses */
	bool learned;	   /* `learn` was asked: PEER_CLOSED is owed */
	bool told;	   /* ESTABLISHED was told: PEER_CLOSED is owed */
	struct lnl_server *control; /* NULL: TCP, before its first packet */
	uint8_t client_sid[LNL_SID_LEN];
	struct lnl_metadata *metadata; /* NULL: without tls-crypt-v2 */
	ev_timer timer;
	struct lnl_ticket *tickets; /* open questions about it */
	/* TCP: the first packet has to be there; once it has ended: it goes. Else LNL_NEVER. */
	uint64_t deadline;

	/* Who it is. */
	const char *name;      /* common name or user name: of leases, for duplicates */
	const char *user, *cn; /* "" for none, and before the login */
	char *names;	       /* where those are */
	struct lnl_token_facts token;
	enum lnl_token_seen seen; /* what came with the login that is judged */
	enum lnl_served_wait waits;
	uint64_t pending_at; /* tell the client that it takes longer; LNL_NEVER */
	double wait_seconds; /* of the question that is open */

	/* What it got. */
	struct lnl_ip address4, address6;
	uint32_t lane;		      /* its filter; 0: none */
	struct lnl_prefix *routes;    /* behind it */
	uint64_t rate_down, rate_up;  /* bytes a second; 0: no limit */
	uint16_t n_routes, learning;  /* questions `learn` that are open */
	unsigned counters_asked;      /* of the data plane, and not answered */
	struct lnl_arena grant_arena; /* the push list until it is given to control */
	struct lnl_grant grant;

	/* What it did. */
	uint64_t connected_at;
	struct lnl_counted *counted; /* NULL: nothing yet; a half-open client has none */
	uint64_t lost_elsewhere;     /* packets on their way to it, between workers */
	struct lnl_activity activity;
	enum lnl_cause cause;
	enum lnl_phase phase;
	char *why; /* NULL: nothing is to be said */
};

/* One or two families' addresses under a name. */
struct lnl_named_pool {
	const char *name;
	struct lnl_pool *pool;
	int family;
};

#define LNL_SERVICE_LISTEN 16
#define LNL_SERVICE_POOLS  64

struct lnl_service_conf {
	struct lnl_arena arena;
	struct lnl_arena updated;    /* push list and pools, since lnl_server_update */
	struct lnl_server_options o; /* what it points to is in the arena */
	struct lnl_secured secured;
	struct lnl_server_conf control;
	struct lnl_prefix net4, net6; /* family 0: none */
	struct lnl_ip own4, own6, peer4;
};

/* Half-open clients, by the time at which they were last heard. */
struct lnl_queue {
	struct lnl_served *oldest, *newest;
};

struct lnl_service {
	struct lnl_service *next;
	struct lnl_engine *engine;
	uint32_t id;
	struct lnl_service_conf conf;
	struct lnl_worker *workers[LNL_WORKERS_MAX];
	unsigned n_workers;
	uint64_t serial; /* of the latest peer */
	ev_async wake;
	ev_timer timer; /* seconds: limits, leases, CRL */
	struct lnl_admission *admission;
	struct lnl_tokens tokens;
	struct lnl_listener listeners[LNL_SERVICE_LISTEN]; /* TCP */
	unsigned n_listeners;
	uint32_t
		next_link; /* the number that was given to a listening address or connection last */

	struct lnl_served **served; /* by id */
	uint32_t n_slots, n_served, n_half_open, n_up;
	uint32_t most_clients; /* there is room for, whatever max_clients says now */
	uint32_t *free_ids;    /* a ring of `n_slots`, those that are free longest first */
	uint32_t first_free, n_free;
	uint32_t search; /* where to go on looking */
	struct lnl_served **by_address, **by_name;
	struct lnl_served **by_source; /* the half-open ones */
	struct lnl_queue mute, spoke;  /* likewise: who has sent nothing yet (TCP), and who has */
	uint32_t mask;
	uint64_t seed;
	uint64_t room_at; /* when to look again for half-open clients that are slow */

	struct lnl_named_pool pools[LNL_SERVICE_POOLS];
	unsigned n_pools, leases_version;
	uint64_t leases_at;
	uint32_t crowd; /* the most half-open clients since memory was given back */
	uint64_t crl_at;
	struct {
		uint64_t since;
		unsigned n;
	} freq; /* connect-freq */

	struct lnl_netconf *net;
	char ifname[32];
	bool tun_open, stopping, finishing, closed_told;
	uint64_t stop_by;
	int exit_status;
	uint64_t control_drops[LNL_DROP_COUNT];
};

/* ---- engine_service_conf.c ---- */

/* Checks |o| and makes |c|. Errors and |why| as lnl_server_open. */
int lnl_service_conf_init(struct lnl_service_conf *c, struct lnl_engine *e,
			  const struct lnl_server_options *o, struct lnl_reason *why);
void lnl_service_conf_deinit(struct lnl_service_conf *c);
/* Whether what |o| says fits together; LNL_E_INVAL with |why|. */
int lnl_service_conf_check(const struct lnl_server_options *o, struct lnl_reason *why);

/* ---- engine_service.c ---- */

struct lnl_service *lnl_service_find(struct lnl_engine *e, uint32_t id);
void lnl_service_free(struct lnl_service *s);
/* Begins to end: clients are told; when they are gone, LNL_EVENT_CLOSED. */
void lnl_service_stop(struct lnl_service *s, const char *reason);
/* A client is gone, or a second has passed: whether the service's own end has come. */
void lnl_service_settle(struct lnl_service *s);

/* ---- engine_capture.c ---- */

/* As lnl_capture_tunnel, of a client that control has. */
void lnl_capture_served(struct lnl_served *v);
/* It is not looked at any more. */
void lnl_capture_forget(struct lnl_served *v);

/* ---- engine_workers.c: which worker is told what ---- */

/* As many as the options say. Errors as lnl_worker_new. */
int lnl_workers_start(struct lnl_service *s, void (*wake)(void *ctx));
void lnl_workers_free(struct lnl_service *s);
/* The worker of |link|, and its listening address, which has a link of each worker. */
unsigned lnl_service_worker_of(const struct lnl_service *s, uint32_t link);
uint32_t lnl_service_place_of(const struct lnl_service *s, uint32_t link);
/* The link of |worker|'s that has this number. */
uint32_t lnl_service_link(const struct lnl_service *s, uint32_t number, unsigned worker);
/* A link for another TCP connection; workers have them in turns. */
uint32_t lnl_service_tcp_link(struct lnl_service *s);
/* To the worker or workers that the command concerns. */
void lnl_service_command(struct lnl_service *s, const struct lnl_command *cmd);
void lnl_service_command_to(struct lnl_service *s, unsigned worker, const struct lnl_command *cmd);
void lnl_service_ask_counters(struct lnl_served *v);
/* One worker's answer. */
void lnl_service_counted(struct lnl_served *v, unsigned worker, const struct lnl_counters *c);

/* ---- engine_service_net.c: device, addresses, routes, sockets ---- */

int lnl_service_net_up(struct lnl_service *s, struct lnl_reason *why);
void lnl_service_net_down(struct lnl_service *s);
int lnl_service_listen(struct lnl_service *s, struct lnl_reason *why);

/* ---- engine_door.c: packets that arrive, tables of who is where ---- */

int lnl_door_init(struct lnl_service *s);
void lnl_door_deinit(struct lnl_service *s);
/* A control packet of the worker's. */
void lnl_door_packet(struct lnl_service *s, const struct lnl_ntf *n);
/* A TCP connection. |fd| is ours. */
void lnl_door_accept(struct lnl_service *s, int fd, const struct lnl_addr *from);
/* The peer is at |address| now. */
void lnl_door_moved(struct lnl_served *v, uint32_t link, const struct lnl_addr *address);
/* Whose datagrams come from there, or NULL. */
struct lnl_served *lnl_door_by_address(const struct lnl_service *s, uint32_t link,
				       const struct lnl_addr *from);
struct lnl_served *lnl_door_by_link(struct lnl_service *s, uint32_t link);
struct lnl_served *lnl_served_find(const struct lnl_service *s, uint32_t id);
/* Another one of that name that is up, or NULL. */
struct lnl_served *lnl_door_same_name(const struct lnl_served *v);
/* Enters its name, once it is known. */
void lnl_door_name(struct lnl_served *v);
/* It is who it says: half-open no more, and its first packet counts against nobody. */
void lnl_door_honest(struct lnl_served *v);
/* Takes it out of the tables, so that others can come in its place. */
void lnl_door_leave(struct lnl_served *v);
/* The same, and releases it. */
void lnl_door_remove(struct lnl_served *v);

/* ---- engine_served.c: one client, between control, worker and host ---- */

/* Handles what control has, sends what it wants sent, sets the timer. May end |v|. */
void lnl_served_run(struct lnl_served *v);
void lnl_served_timer(struct ev_loop *loop, ev_timer *w, int revents);
void lnl_served_notice(struct lnl_served *v, const struct lnl_notice *n);
void lnl_served_counters(struct lnl_served *v, const struct lnl_counters *c);
/* The worker could not do what it was told for |v|: LNL_CMD_* and LNL_E_*. */
void lnl_served_failed(struct lnl_served *v, uint32_t command, int error);
/* The end by |cause|: the data plane forgets it; |v| goes once its counters are there. */
void lnl_served_end(struct lnl_served *v, enum lnl_cause cause, const char *why);
/* Nothing more is to be learned: tells the host, and releases |v|. */
void lnl_served_gone(struct lnl_served *v);
/* Tells the client |text| (may be NULL) and ends. */
void lnl_served_close(struct lnl_served *v, enum lnl_cause cause, const char *text);
/* Where it is, as people write it. */
const char *lnl_served_address(const struct lnl_served *v, char out[LNL_ADDR_TEXT]);
void lnl_served_stats(const struct lnl_served *v, struct lnl_stats *out);
/* The default answer to what it waits for. */
void lnl_served_default(struct lnl_served *v, enum lnl_event_kind kind);
/* The host's word on verify_cert, learn or control. */
void lnl_served_verdict(struct lnl_served *v, enum lnl_event_kind kind, bool ok,
			const char *reason);

/* engine_acc.c: a message of a protocol extension is there. */
void lnl_served_message(struct lnl_served *v);

/* ---- engine_login.c: who it is ---- */

/* Control asks to authenticate: token, or the host's question. */
void lnl_login_ask(struct lnl_served *v, bool again);
/* The client's answer to a challenge, a secret. */
void lnl_login_response(struct lnl_served *v, const char *text);
/* A |text| that is empty: denied without a word; NULL: nobody said anything. */
void lnl_login_answer(struct lnl_served *v, enum lnl_login_verdict verdict, const char *text);
/* What was asked raised an error, answered nonsense, or did not answer in time. */
void lnl_login_failed(struct lnl_served *v);
/* The token to push now, or NULL. In |arena|. */
const char *lnl_login_token(struct lnl_served *v, struct lnl_arena *arena);

/* ---- engine_grant.c: what it gets ---- */

void lnl_grant_ask(struct lnl_served *v);
/* |g| NULL: denied with |text|; as of lnl_login_answer, and so is lnl_grant_failed. */
void lnl_grant_failed(struct lnl_served *v);
void lnl_grant_answer(struct lnl_served *v, const struct lnl_grant_options *g, const char *text);
/* The answer to one `learn`. */
void lnl_grant_learned(struct lnl_served *v, bool ok);
/* Leads what the client has to it in the data plane. */
void lnl_grant_routes(struct lnl_served *v);
/* Gives addresses back. */
void lnl_grant_release(struct lnl_served *v);

/* ---- engine_pools.c ---- */

/* Makes the pools of the options, and of the networks where those name none; reads leases. */
int lnl_pools_init(struct lnl_service *s, struct lnl_reason *why);
void lnl_pools_deinit(struct lnl_service *s);
/*
 * Other pools in the place of those that there are. Leases stay where there is such an address, and what
 * clients have is theirs. With |check| nothing changes. After an error nothing has; LNL_E_INVAL,
 * LNL_E_NOMEM with |why|.
 */
int lnl_pools_replace(struct lnl_service *s, const struct lnl_pool_range *pools, unsigned n,
		      bool check, struct lnl_reason *why);
/* The pools of the options lie elsewhere in memory, and are the same. */
void lnl_pools_rename(struct lnl_service *s);
/* The pool of that name (NULL: everybody's) and family, or NULL. */
struct lnl_pool *lnl_pools_find(const struct lnl_service *s, const char *name, int family);
/*
 * Pools may overlap: an address in use is so in each that has it. |from| is one of |s|'s pools;
 * errors of take as lnl_pool_take's, of reserve as lnl_pool_reserve's, but an address that lies in no
 * pool is nobody's to reserve: 0, and |*in| false.
 */
int lnl_pools_take(struct lnl_service *s, struct lnl_pool *from, const char *name,
		   struct lnl_ip *out);
int lnl_pools_reserve(struct lnl_service *s, const struct lnl_ip *ip, bool *in);
void lnl_pools_release(struct lnl_service *s, const struct lnl_ip *ip);
/* Writes leases to their file when they changed and it is time, or |now|. */
void lnl_leases_save(struct lnl_service *s, bool now);

#endif
