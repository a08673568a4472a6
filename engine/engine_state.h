/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's inside, shared by engine*.c alone: who owns what, and who may call whom. */
#ifndef LNL_ENGINE_STATE_H
#define LNL_ENGINE_STATE_H

#include <ev.h>

#include "control/client.h"
#include "engine_security.h"
#include "io/clock.h"
#include "io/http.h"
#include "io/lines.h"
#include "io/netconf.h"
#include "io/nodes.h"
#include "io/process.h"
#include "io/reason.h"
#include "io/resolver.h"
#include "io/tcp.h"
#include "io/tun.h"
#include "io/udp.h"
#include "io/worker.h"
#include "lunel.h"
#include "wire/log.h"

#define LNL_RECORDS   1024 /* log records that wait to be taken */
#define LNL_ADDRESSES 16   /* of one remote */
#define LNL_TEXT_(x)  #x
#define LNL_TEXT(x)   LNL_TEXT_(x)
#define LNL_OUR_PEER  1 /* a client's one peer in its data plane */

/* ---- memory that lives and dies with its owner ---- */

struct lnl_arena_block;

struct lnl_arena {
	struct lnl_arena_block *first;
};

/* |size| zeroed bytes, or NULL. */
void *lnl_arena_alloc(struct lnl_arena *a, size_t size);
/* A copy of |len| bytes and a NUL behind them; NULL for NULL, and when out of memory. */
char *lnl_arena_copy(struct lnl_arena *a, const void *data, size_t len);
char *lnl_arena_str(struct lnl_arena *a, const char *s);
/* Printf into the arena, of any length; NULL when out of memory. */
char *lnl_arena_print(struct lnl_arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Wipes and releases everything. */
void lnl_arena_free(struct lnl_arena *a);

/* ---- `inactive` (engine_activity.c) ---- */

struct lnl_activity {
	uint64_t after,
		least; /* microseconds of little use that end it, 0: none; bytes that are use */
	uint64_t at, bytes; /* when it was last seen in use, and what had passed then */
	bool doubted;	    /* counters were asked for to know */
};

/* As `inactive |seconds| |least|`; 0: it never ends. */
void lnl_activity_init(struct lnl_activity *a, int64_t seconds, int64_t least);
/* The connection stands. */
void lnl_activity_begin(struct lnl_activity *a, uint64_t now);
/* When lnl_activity_doubt is to be called, or LNL_NEVER. */
uint64_t lnl_activity_due(const struct lnl_activity *a);
/*
 * Whether it is time to ask for counters. What is known may be older than the whole time of
 * `inactive`: only an answer to this question ends a connection.
 */
bool lnl_activity_doubt(struct lnl_activity *a, uint64_t now);
/* |bytes| have passed in all; |last|: no older question for counters is open. Whether it ends. */
bool lnl_activity_ended(struct lnl_activity *a, uint64_t bytes, bool last, uint64_t now);

/* ---- the other side's packets that do not come (engine_loss.c) ---- */

/* Each client of a server has one: it is small. */
#define LNL_LOSS_SAMPLES 6
struct lnl_loss {
	struct {
		uint32_t at;	     /* in seconds */
		uint32_t used, came; /* modulo 2^32 */
	} past[LNL_LOSS_SAMPLES];    /* oldest first, 12 seconds or more between them */
	unsigned n;
};

/* The counters of a connection, whenever they are told; |c| begins at 0 with each. */
void lnl_loss_take(struct lnl_loss *l, const struct lnl_counters *c, uint64_t now);
/* Of what was sent in the last minute, or somewhat longer: 0 to 1; below 0: not known. */
double lnl_loss_now(const struct lnl_loss *l, const struct lnl_counters *c);

/* ---- events and tickets (engine_ticket.c) ---- */

struct lnl_queued {
	struct lnl_queued *next;
	struct lnl_event event;
	struct lnl_arena arena; /* what the event points to */
};

struct lnl_tunnel;
struct lnl_service;
struct lnl_desk;

/* Whom a question is about: a tunnel, a server's peer, or a connection to a desk. */
struct lnl_asked {
	struct lnl_tunnel *tunnel;
	struct lnl_service *service;
	struct lnl_desk *desk;
	uint32_t peer; /* the connection, of a desk's */
};

/* An open question. */
struct lnl_ticket {
	struct lnl_node node;			 /* by the lower half of its id */
	struct lnl_ticket *next, **at;		 /* about the same */
	struct lnl_ticket *next_sync, **at_sync; /* with `sync` */
	struct lnl_queued *queued;		 /* its event, until that is taken */
	uint64_t id;
	enum lnl_event_kind kind;
	struct lnl_asked about;
	bool sync; /* answered before the next turn, or defaulted */
	ev_timer timer;
	struct lnl_engine *engine;
};

/* An operation of the host's. */
struct lnl_op {
	struct lnl_node node; /* by the lower half of its id */
	struct lnl_op *next, **at;
	uint64_t id;
	struct lnl_engine *engine;
	ev_timer timer;
	struct lnl_resolve *resolve;
	struct lnl_exec *exec;
	/* Of engine_http.c, engine_dial.c, engine_probe.c: what it waits for, and how to give that up. */
	void *what;
	void (*give_up)(struct lnl_op *op);
};

/* Of one kind of record that others bring about. */
#define LNL_QUIET_KINDS 17
#define LNL_QUIET_RATE	10 /* a second */
struct lnl_quiet {
	uint64_t since; /* when the second began */
	unsigned passed;
	int64_t suppressed;   /* and not told yet */
	enum lnl_level level; /* that those had */
};

struct lnl_engine {
	struct ev_loop *loop;
	struct lnl_env env;
	struct lnl_log log;
	struct lnl_process *process; /* the helper that may exec and open; NULL: without */
	struct lnl_lane_host lanes;  /* zeroes: there are none */
	bool sealed, hurry;	     /* the next turn waits for nothing */
	struct lnl_resolver *resolver;
	struct lnl_record *records;
	struct lnl_levels levels; /* of the log; its own is the highest of them */
	unsigned first_record, n_records;
	uint64_t lost_records;
	struct lnl_quiet quiet[LNL_QUIET_KINDS];
	struct lnl_engine_metrics metrics; /* but for what there is now */
	struct lnl_queued *first_event, *last_event, *taken;
	struct lnl_nodes tickets;
	struct lnl_ticket *sync_tickets; /* to be answered before the next turn */
	struct lnl_op *ops;
	struct lnl_nodes op_ids;
	struct lnl_http *http;
	struct lnl_dialled *dials; /* engine_dial.c */
	unsigned n_dials;
	struct lnl_probing *probes; /* engine_probe.c */
	unsigned n_probes;
	struct lnl_tunnel *tunnels;
	struct lnl_service *services;
	struct lnl_desk *desks;
	struct lnl_capture *capture; /* NULL: nobody looks */
	struct lnl_network *network; /* NULL: nobody is told */
	struct lnl_acc_conf acc;     /* of connections that begin from now on */
	struct lnl_arena answers;    /* texts of the last lnl_peer_info */
	ev_signal *signals[65];
	uint64_t next_id;
};

/* engine_metrics.c: |now| are a peer's counters, which were |before|. */
void lnl_metrics_counted(struct lnl_engine *e, const struct lnl_counters *before,
			 const struct lnl_counters *now);

/* ---- engine_quiet.c: what others can make us log ---- */

/* The device |dev| is open; |offload|: enum lnl_tun_offload. */
void lnl_engine_tell_tun(struct lnl_engine *e, const char *dev, enum lnl_offload asked,
			 unsigned offload);
/* Has the device make super-packets that fit a message, as far as the configuration tells. */
void lnl_engine_fit_tun(struct lnl_netconf *net, unsigned offload, int tun_mtu, int mssfix,
			bool mssfix_mtu);
/* LNL_NTF_LOWERED: said a few times a second at most. */
void lnl_engine_lowered(struct lnl_engine *e, const struct lnl_ntf *n);
/* Whether a record of |event| is to be kept; counts it when not. */
bool lnl_quiet_passes(struct lnl_engine *e, const char *event, enum lnl_level level, uint64_t now);
/* Logs what was suppressed in seconds that are over, at its own level. */
void lnl_quiet_tell(struct lnl_engine *e, uint64_t now);

/* A new event of |kind| about |t| (may be NULL) at the queue's end; NULL when out of memory. */
struct lnl_queued *lnl_event_add(struct lnl_engine *e, enum lnl_event_kind kind,
				 struct lnl_tunnel *t);
/* The same about a server's peer. */
struct lnl_queued *lnl_event_add_peer(struct lnl_engine *e, enum lnl_event_kind kind,
				      struct lnl_service *s, uint32_t peer);
/*
 * The same as a question: its ticket is open until a reply, |deadline| seconds (0: none), or,
 * with |sync|, the next turn. Then the default answers it.
 */
struct lnl_queued *lnl_event_ask(struct lnl_engine *e, enum lnl_event_kind kind,
				 struct lnl_tunnel *t, double deadline, bool sync);
struct lnl_queued *lnl_event_ask_peer(struct lnl_engine *e, enum lnl_event_kind kind,
				      struct lnl_service *s, uint32_t peer, double deadline,
				      bool sync);
struct lnl_queued *lnl_event_ask_desk(struct lnl_engine *e, enum lnl_event_kind kind,
				      struct lnl_desk *d, uint32_t connection, double deadline);
/* Closes a ticket of |kind|: whom it is about in |out|, or false when it is dead. */
bool lnl_ticket_take(struct lnl_engine *e, uint64_t id, enum lnl_event_kind kind,
		     struct lnl_asked *out);
/* The event of a question is taken from the queue. */
void lnl_ticket_told(struct lnl_engine *e, uint64_t id);
/* Defaults of the sync questions that nobody answered. */
void lnl_tickets_settle(struct lnl_engine *e);
/* Forgets the questions about |t|, without defaults; events in the queue lose their tickets. */
void lnl_tickets_drop(struct lnl_engine *e, struct lnl_tunnel *t);
/* The same about a server's peer, and about whoever speaks at a desk. */
void lnl_tickets_drop_peer(struct lnl_engine *e, struct lnl_service *s, uint32_t peer);
void lnl_tickets_drop_desk(struct lnl_engine *e, struct lnl_desk *d);

/* ---- engine_capture.c ---- */

/* A connection begins, or a capture: its control channel is looked at if there is one. */
void lnl_capture_tunnel(struct lnl_tunnel *t);

/* ---- engine_network.c ---- */

/* The device |dev| is ours: what becomes of it is not told. */
void lnl_network_ours(struct lnl_engine *e, const char *dev);
void lnl_network_free(struct lnl_engine *e);

/* ---- tunnels ---- */

/* What of the options is used as it came, and what was made of it. */
struct lnl_tunnel_conf {
	struct lnl_arena arena;
	struct lnl_arena updated;    /* remotes and their order, since lnl_tunnel_update */
	struct lnl_tunnel_options o; /* strings in the arena */
	struct lnl_remote *remotes;
	struct lnl_secured secured;
	struct lnl_pull_filter filters[LNL_PULL_FILTERS];
	struct lnl_client_conf client;
};

/* Checks |o| and makes |c|. Errors and |why| as lnl_tunnel_open. */
int lnl_tunnel_conf_init(struct lnl_tunnel_conf *c, struct lnl_engine *e,
			 const struct lnl_tunnel_options *o, struct lnl_reason *why);
void lnl_tunnel_conf_deinit(struct lnl_tunnel_conf *c);

struct lnl_tunnel {
	struct lnl_tunnel *next;
	struct lnl_engine *engine;
	uint32_t id;
	struct lnl_ticket *tickets; /* open questions about it */
	struct lnl_tunnel_conf conf;
	struct lnl_session_tap tap; /* of a capture */
	struct lnl_worker *worker;
	ev_async wake;
	ev_timer timer; /* the next thing to do: client's timers, waits */
	enum lnl_state state;

	/* Choosing (engine_attempt.c). */
	unsigned attempt, failures;
	unsigned in_round; /* failed attempts since the last success, for rounds over the list */
	int remote_index;  /* in use, -1: one that a hook made */
	bool keep_remote;  /* try the same again */
	bool next_address; /* of the same remote */
	struct lnl_remote *remote;
	struct lnl_arena remote_arena;
	struct lnl_arena wanted_arena;
	struct lnl_remote *wanted; /* by lnl_tunnel_reconnect: the next attempt's */
	int wanted_index;
	uint64_t wait_until;
	uint64_t resolving_since;
	struct lnl_resolve *resolve;
	struct lnl_addr addresses[LNL_ADDRESSES];
	unsigned n_addresses, address;
	struct lnl_tcp connect;
	uint64_t answer_by; /* the server has to answer until then */
	unsigned *order;    /* in which remotes are tried */
	unsigned place;	    /* in `order` */
	bool remote_chosen; /* only a delay is left */
	bool stopping, finishing, closed_told;
	bool hard_restart; /* SIGHUP: the device goes, too */
	unsigned counters_asked;
	/* How the last attempt or connection ended. */
	struct {
		enum lnl_cause cause;
		enum lnl_phase phase;
		char text[512];
		struct lnl_client_end hints;
	} end;
	int exit_status;

	/* Credentials (engine_auth.c). */
	char *username, *password, *token, *token_user;
	const char *why_credentials;
	char challenge_state[LNL_MESSAGE_FIELD + 1];
	char challenge_user[LNL_MESSAGE_FIELD + 1];
	bool challenge_echo, challenge_response;
	bool challenge_open; /* a CRV1 to answer before the next attempt */
	char *response;	     /* the answer, for static or dynamic challenges */

	/* The connection (engine_session.c). */
	struct lnl_client *client;
	uint32_t link; /* id of the link in use, 0: none */
	int socket;    /* a duplicate of its descriptor, to tune it by; -1: none */
	uint32_t next_link;
	bool peer_added;
	uint64_t connected_at;
	struct lnl_counters counters;
	struct lnl_counters counted; /* of this connection, in the engine's metrics already */
	uint64_t counted_at;
	uint64_t control_drops[LNL_DROP_COUNT];
	struct lnl_activity activity;
	struct lnl_loss loss;

	/* The machine (engine_net.c). */
	struct lnl_netconf *net;
	bool tun_open;
	bool up_told; /* `up` was told and `down` is owed */
	char ifname[32];
	struct lnl_net applied;
};

/* engine_attempt.c */
void lnl_attempt_start(struct lnl_tunnel *t);
void lnl_attempt_remote(struct lnl_tunnel *t, const struct lnl_remote *remote, int index,
			double delay);
void lnl_attempt_next_remote(struct lnl_tunnel *t);
/* Credentials are there (or not needed): resolve and connect. */
void lnl_attempt_resolve(struct lnl_tunnel *t);
/* This attempt or connection is over; what follows is decided here. |end| may be NULL. */
void lnl_attempt_failed(struct lnl_tunnel *t, enum lnl_cause cause, const char *text,
			enum lnl_phase phase, const struct lnl_client_end *end);
/* Stops resolving and connecting. */
void lnl_attempt_cancel(struct lnl_tunnel *t);

/* The family of addresses that |r| asks for: 4, 6, 0 for both. */
int lnl_attempt_family(const struct lnl_remote *r);
/* How a socket to |r| is set up. LNL_E_INVAL. */
int lnl_attempt_socket(const struct lnl_tunnel *t, const struct lnl_remote *r,
		       struct lnl_socket_conf *s, struct lnl_reason *why);

/* engine_retry.c */
/* `t->end` is set and nothing is open any more: again, or for good? */
void lnl_retry_decide(struct lnl_tunnel *t);
/* The answer to `reconnect`: seconds, or negative to stop. */
void lnl_retry_again(struct lnl_tunnel *t, double seconds, const char *reason);
/* What the engine would do by itself: seconds, negative to stop. */
double lnl_retry_default(const struct lnl_tunnel *t);
/* The answer to `down`, or nobody was asked: takes the device back and goes on. */
void lnl_retry_down(struct lnl_tunnel *t);

/* engine_ops.c */
void lnl_ops_free(struct lnl_engine *e);
/* A new operation; NULL when out of memory. */
struct lnl_op *lnl_op_new(struct lnl_engine *e);
/* It is over: its event of |kind| is queued, and |op| gone. The event, or NULL when out of memory. */
struct lnl_queued *lnl_op_done(struct lnl_op *op, enum lnl_event_kind kind);

/* engine_dial.c: closes what scripts have open, after lnl_ops_free */
void lnl_dials_free(struct lnl_engine *e);

/* engine_probe.c: those of |t| end */
void lnl_probes_drop(struct lnl_tunnel *t);

/* engine_desk.c: a local socket that is spoken to in lines, as the host sees it */
struct lnl_desk {
	struct lnl_desk *next;
	struct lnl_engine *engine;
	uint32_t id;
	struct lnl_lines *lines;
	struct lnl_ticket *tickets; /* lines that wait for an answer */
	double answer_by;	    /* seconds */
	char name[256];		    /* for the log */
};
void lnl_desk_free(struct lnl_desk *d);
/* The default answer to |connection|: it is closed. */
void lnl_desk_default(struct lnl_desk *d, uint32_t connection);

/* engine_auth.c */
/* Sees to credentials, then calls lnl_attempt_resolve; or asks. */
void lnl_auth_prepare(struct lnl_tunnel *t);
void lnl_auth_credentials(struct lnl_tunnel *t, const char *username, const char *password,
			  const char *reason);
void lnl_auth_answer(struct lnl_tunnel *t, const char *answer, const char *reason);
/* What the end of a connection means for what is remembered. */
void lnl_auth_ended(struct lnl_tunnel *t, enum lnl_cause cause, const struct lnl_client_end *end);
void lnl_auth_token(struct lnl_tunnel *t, const char *token, const char *user);
/* User name and password to send, in |arena| (wiped with it); NULL: none. LNL_E_NOMEM. */
int lnl_auth_pair(struct lnl_tunnel *t, struct lnl_arena *arena, const char **username,
		  const char **password);
void lnl_auth_forget(struct lnl_tunnel *t);

/* engine_session.c */
/* The transport stands: |fd| is the session's from now on. */
void lnl_session_open(struct lnl_tunnel *t, int fd, bool tcp, const struct lnl_addr *peer);
/* Handles the client's events and sends what it has; then sets the timer. */
void lnl_session_run(struct lnl_tunnel *t);
/* Notifications of the worker. */
void lnl_session_wake(struct lnl_tunnel *t);
/* Removes peer and link at once. */
void lnl_session_close(struct lnl_tunnel *t);
/* Ends with goodbye where possible. */
void lnl_session_goodbye(struct lnl_tunnel *t, enum lnl_cause cause);
/* The host's word on verify_cert, up, down or control. */
int lnl_session_verdict(struct lnl_tunnel *t, enum lnl_event_kind kind, bool ok,
			const char *reason);

/* engine_acc.c: a message of a protocol extension is there. */
void lnl_session_message(struct lnl_tunnel *t);

/* engine_net.c */
/*
 * Brings device, addresses and routes up for the client's net: 0, or an error with |why|;
 * *cause tells which.
 */
int lnl_net_up(struct lnl_tunnel *t, const struct lnl_pulled *p, enum lnl_cause *cause,
	       struct lnl_reason *why);
/* Fills `u.net` of an up or down event. */
void lnl_net_describe(struct lnl_tunnel *t, struct lnl_queued *q, const struct lnl_pulled *p,
		      bool restart);
/* Routes to |a| must not lead into the tunnel. */
void lnl_net_protect(struct lnl_tunnel *t, const struct lnl_addr *a);
/*
 * Asks `down`, or goes on at once where nobody wants to be asked: lnl_retry_down follows either
 * way.
 */
void lnl_net_ask_down(struct lnl_tunnel *t);
/* Takes everything back and closes the device. */
void lnl_net_down(struct lnl_tunnel *t);

/* engine_lane.c */
/* Checks |o| and copies it into |a|. LNL_E_INVAL, LNL_E_LIMIT, LNL_E_UNSUPPORTED, LNL_E_NOMEM. */
int lnl_lanes_take(struct lnl_lane_options *o, const struct lnl_engine *e, struct lnl_arena *a,
		   struct lnl_reason *why);
/* The lane |id|, or NULL. */
const struct lnl_lane_conf *lnl_lane_find(const struct lnl_lane_options *o, uint32_t id);
/* The lane that a grant calls so; 0: none. */
uint32_t lnl_lane_named(const struct lnl_lane_options *o, const char *name);
/* Bytes that the lane |id| may add; 0 for none. */
unsigned lnl_lane_overhead(const struct lnl_lane_options *o, uint32_t id);
/* And those that every packet meets, together. */
unsigned lnl_lanes_overhead(const struct lnl_lane_options *o);
/* What of |mtu| they leave to the device. */
unsigned lnl_lanes_mtu(const struct lnl_lane_options *o, unsigned mtu);
/* The command that gives a worker lane |i|. */
void lnl_lane_command(const struct lnl_lane_options *o, const struct lnl_engine *e, unsigned i,
		      struct lnl_command *cmd);
/* LNL_NTF_LANE. */
void lnl_lane_told(struct lnl_engine *e, const struct lnl_lane_options *o, const struct lnl_ntf *n);

/* engine_tunnel.c */
/* The order, in |a|, in which |n| remotes are tried; NULL: no memory or randomness. */
unsigned *lnl_tunnel_order(struct lnl_engine *e, struct lnl_arena *a, unsigned n, bool random);
struct lnl_tunnel *lnl_tunnel_find(struct lnl_engine *e, uint32_t id);
void lnl_tunnel_free(struct lnl_tunnel *t);
void lnl_tunnel_enter(struct lnl_tunnel *t, enum lnl_state state, const char *detail);
/* A certificate's facts as a host gets them; texts are |c|'s. */
void lnl_cert_describe(const struct lnl_cert *c, struct lnl_cert_info *out);
/* The default answer to a question about |t|. */
void lnl_tunnel_default(struct lnl_tunnel *t, enum lnl_event_kind kind);
/* For good, with exit status |status|: takes everything back, then tells LNL_EVENT_CLOSED. */
void lnl_tunnel_finish(struct lnl_tunnel *t, int status);
/* Tells LNL_EVENT_CLOSED once the last counters are there. */
void lnl_tunnel_tell_closed(struct lnl_tunnel *t);
/* Sets the timer for what is due next: after every step that may have changed that. */
void lnl_tunnel_arm(struct lnl_tunnel *t);

#endif
