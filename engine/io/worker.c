/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The worker's thread and its two rings. */
#include "io/worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "io/worker_state.h"

#define COMMANDS (256 * 1024)
#define NOTES	 (512 * 1024)
/* Free bytes that packets leave in the ring of notifications: the rest must not be lost. */
#define NOTES_RESERVE (64 * 1024)
/* And that packets of strangers leave to those of peers. */
#define PEERS_RESERVE (NOTES / 4)
/* So often at most is the control thread woken for packets of strangers alone. */
#define STRANGERS_EVERY LNL_MSEC
/* The longest notification that is no packet, with the ring's own bytes. */
#define NOTE_LONGEST (offsetof(struct lnl_ntf, u) + sizeof(struct lnl_counters) + 16)

_Static_assert(sizeof(((struct lnl_ntf *)0)->u.lane) <= sizeof(struct lnl_counters),
	       "the longest notification that is no packet");

/* ---- notifications, the worker's side ---- */

bool lnl_worker_note(struct lnl_worker *w, const struct lnl_ntf *n, size_t len)
{
	if (!lnl_ring_put(&w->notes, n, len, 0))
		return false;
	w->noted = true;
	return true;
}

void lnl_worker_note_packet(struct lnl_worker *w, uint32_t link, const struct lnl_packet *pkt,
			    const struct lnl_addr *from)
{
	struct lnl_ntf n;
	size_t len = offsetof(struct lnl_ntf, u.datagram.bytes) + pkt->len;
	bool stranger = from != NULL && lnl_worker_at(w, link, from) == NULL &&
			(w->across == NULL || !lnl_worker_across_at(w, link, from));

	n.kind = LNL_NTF_PACKET;
	n.id = link;
	n.peer = LNL_PEER_ID_NONE;
	n.error = 0;
	n.u.datagram.from.len = 0;
	if (from != NULL)
		n.u.datagram.from = *from;
	n.u.datagram.len = (uint16_t)pkt->len;
	memcpy(n.u.datagram.bytes, pkt->p, pkt->len);
	if (!lnl_ring_put(&w->notes, &n, len, NOTES_RESERVE + (stranger ? PEERS_RESERVE : 0)))
		atomic_fetch_add_explicit(&w->lost, 1, memory_order_relaxed);
	else if (stranger)
		w->strange = true;
	else
		w->noted = true;
}

void lnl_worker_note_error(struct lnl_worker *w, enum lnl_ntf_kind kind, uint32_t id, uint32_t peer,
			   int error)
{
	struct lnl_ntf n;

	n.kind = kind;
	n.id = id;
	n.peer = peer;
	n.error = error;
	lnl_worker_note(w, &n, offsetof(struct lnl_ntf, u));
}

bool lnl_worker_has_room(struct lnl_worker *w)
{
	size_t used = atomic_load_explicit(&w->notes.written, memory_order_relaxed) -
		      atomic_load_explicit(&w->notes.read, memory_order_acquire);

	if (w->notes.size - used >= NOTE_LONGEST)
		return true;
	/* Woken now, the control thread takes all there is and then sees the flag. */
	atomic_store(&w->starved, true);
	w->noted = true;
	return false;
}

/* A peer that sends rubbish over UDP must not fill the ring: one such notice a second. */
static bool worth_telling(struct lnl_worker *w, const struct lnl_notice *n, uint64_t now)
{
	if (n->kind != LNL_NOTICE_DECRYPT)
		return true;
	if (w->decrypt_told && now - w->decrypt_at < LNL_SECOND)
		return false;
	w->decrypt_told = true;
	w->decrypt_at = now;
	return true;
}

static void tell_notice(struct lnl_worker *w, const struct lnl_notice *notice)
{
	struct lnl_carrier *c = lnl_worker_carrier(w, notice->peer);
	struct lnl_link *l = c != NULL ? c->link : NULL;
	bool fatal =
		notice->kind == LNL_NOTICE_DECRYPT && l != NULL && l->conf.kind == LNL_LINK_TCP;
	struct lnl_ntf n;

	if (fatal || worth_telling(w, notice, lnl_clock_now())) {
		n.kind = LNL_NTF_NOTICE;
		n.id = 0;
		n.peer = notice->peer;
		n.error = 0;
		n.u.notice = *notice;
		lnl_worker_note(w, &n, offsetof(struct lnl_ntf, u) + sizeof(n.u.notice));
	}
	/*
	 * A stream has no lost or reordered packets: this was an attack or a peer with other keys.
	 */
	if (fatal)
		lnl_worker_link_end(l, true, EBADMSG);
}

static void tell_all(struct lnl_worker *w)
{
	struct lnl_notice notice;

	while (lnl_worker_has_room(w) && lnl_data_notice(w->data, &notice))
		tell_notice(w, &notice);
	lnl_worker_links_tell(w);
	lnl_worker_floats_tell(w);
	if (w->lanes != NULL)
		lnl_worker_lanes_tell(w);
	if (w->tun_error != 0 && lnl_worker_has_room(w)) {
		lnl_worker_note_error(w, LNL_NTF_TUN_ERROR, 0, LNL_PEER_ID_NONE, w->tun_error);
		w->tun_error = 0;
	}
}

/* ---- the loop ---- */

static void ticked(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct lnl_worker *w = timer->data;
	uint64_t now = lnl_clock_now();
	uint32_t peer;

	(void)loop;
	(void)revents;
	w->armed = LNL_NEVER;
	while ((peer = lnl_data_tick(w->data, now)) != LNL_PEER_ID_NONE)
		lnl_worker_special(w, peer, LNL_SPECIAL_PING);
}

static void arm(struct lnl_worker *w)
{
	uint64_t due = lnl_data_next_due(w->data), floats = lnl_worker_floats_due(w);

	if (floats < due)
		due = floats;
	if (w->lanes != NULL) {
		uint64_t lanes = lnl_worker_lanes_due(w);

		due = lanes < due ? lanes : due;
	}
	if (w->strange && w->strange_at + STRANGERS_EVERY < due)
		due = w->strange_at + STRANGERS_EVERY;
	if (due == w->armed)
		return;
	ev_timer_stop(w->loop, &w->timer);
	w->armed = due;
	if (due == LNL_NEVER)
		return;
	ev_now_update(w->loop);
	ev_timer_set(&w->timer, lnl_clock_until(due, lnl_clock_now()), 0);
	ev_timer_start(w->loop, &w->timer);
}

/*
 * In a flood each turn brings packets of strangers; a thread woken for each of them would take more of
 * the machine than they do.
 */
static void wake_for_strangers(struct lnl_worker *w)
{
	uint64_t now;

	if (!w->strange)
		return;
	now = lnl_clock_now();
	if (now - w->strange_at < STRANGERS_EVERY && !w->noted)
		return;
	w->strange = false;
	w->strange_at = now;
	w->noted = true;
}

/* Before the loop waits: what this turn brought about is told, and the timer set. */
static void prepared(struct ev_loop *loop, struct ev_prepare *prepare, int revents)
{
	struct lnl_worker *w = prepare->data;

	(void)loop;
	(void)revents;
	tell_all(w);
	wake_for_strangers(w);
	arm(w);
	if (w->across != NULL)
		lnl_worker_across_wake(w);
	if (w->noted) {
		w->noted = false;
		w->wake(w->wake_ctx);
	}
}

static void stop(struct lnl_worker *w)
{
	tell_all(w);
	lnl_worker_note_error(w, LNL_NTF_STOPPED, 0, LNL_PEER_ID_NONE, 0);
	w->wake(w->wake_ctx);
	ev_break(w->loop, EVBREAK_ALL);
}

/* Commands wait in the ring, there is room for notifications again, or others handed something over. */
static void woken(struct ev_loop *loop, struct ev_async *async, int revents)
{
	struct lnl_worker *w = async->data;
	struct lnl_command cmd;
	size_t len;

	(void)loop;
	(void)revents;
	/* A command may be answered: none is taken while an answer would find no room. */
	while (!w->stopping && (atomic_load(&w->quit) || lnl_worker_has_room(w)) &&
	       lnl_ring_get(&w->commands, &cmd, sizeof(cmd), &len)) {
		if (cmd.kind == LNL_CMD_STOP)
			w->stopping = true;
		else
			lnl_worker_run(w, &cmd);
	}
	if (atomic_exchange(&w->overflowed, false))
		w->noted = true;
	if (w->stopping)
		stop(w);
	else if (w->across != NULL)
		lnl_worker_across_take(w);
}

static void *run(void *arg)
{
	struct lnl_worker *w = arg;

	ev_run(w->loop, 0);
	if (w->lanes != NULL)
		lnl_worker_lanes_stop(w);
	return NULL;
}

/* ---- the control thread's side ---- */

static void put_waiting(struct lnl_worker *w)
{
	while (w->waiting != NULL) {
		struct lnl_waiting *first = w->waiting;

		if (!lnl_ring_put(&w->commands, &first->cmd, first->len, 0))
			break;
		w->waiting = first->next;
		if (w->waiting == NULL)
			w->waiting_end = &w->waiting;
		lnl_secret_wipe(first, offsetof(struct lnl_waiting, cmd) + first->len);
		free(first);
	}
}

static int wait_for_room(struct lnl_worker *w, const struct lnl_command *cmd, size_t len)
{
	struct lnl_waiting *last = malloc(offsetof(struct lnl_waiting, cmd) + len);

	if (last == NULL)
		return LNL_E_NOMEM;
	last->next = NULL;
	last->len = len;
	memcpy(&last->cmd, cmd, len);
	*w->waiting_end = last;
	w->waiting_end = &last->next;
	return 0;
}

int lnl_worker_command(struct lnl_worker *w, const struct lnl_command *cmd)
{
	size_t len = lnl_worker_command_len(cmd);
	int rc = 0;

	if (cmd->kind == LNL_CMD_LINK_SEND && cmd->u.datagram.len > LNL_DATAGRAM_MAX)
		return LNL_E_INVAL;
	put_waiting(w);
	if (w->waiting != NULL || !lnl_ring_put(&w->commands, cmd, len, 0)) {
		rc = wait_for_room(w, cmd, len);
		/*
		 * The worker sees this at the latest when the async below arrives, and wakes us
		 * then.
		 */
		atomic_store(&w->overflowed, true);
	}
	ev_async_send(w->loop, &w->async);
	return rc;
}

bool lnl_worker_next(struct lnl_worker *w, struct lnl_ntf *out)
{
	size_t len;
	bool got = lnl_ring_get(&w->notes, out, sizeof(*out), &len);
	bool signal = !got && atomic_exchange(&w->starved, false);

	if (w->waiting != NULL) {
		put_waiting(w);
		if (w->waiting != NULL)
			atomic_store(&w->overflowed, true);
		signal = true;
	}
	if (signal)
		ev_async_send(w->loop, &w->async);
	return got;
}

uint64_t lnl_worker_lost(const struct lnl_worker *w)
{
	return atomic_load_explicit(&w->lost, memory_order_relaxed);
}

/* ---- beginning and end ---- */

/*
 * Where epoll has a descriptor, each packet that arrives there is told to it, also while we are at
 * work: our own writes to TUN, which the kernel's TCP answers at once, cost the receiving end 3.5% of
 * its time. poll looks when there is nothing else to do, but at all of them.
 */
#define FEW_LINKS 16

static int set_up(struct lnl_worker *w, const struct lnl_env *env, uint32_t max_peers,
		  uint32_t max_links)
{
	int rc = lnl_ring_init(&w->commands, COMMANDS, true);

	if (rc == 0)
		rc = lnl_ring_init(&w->notes, NOTES, false);
	if (rc == 0)
		rc = lnl_incoming_init(&w->in);
	if (rc == 0)
		rc = lnl_outgoing_init(&w->tx);
	if (rc == 0 && (w->super = malloc(LNL_WORKER_SUPER)) == NULL)
		rc = LNL_E_NOMEM;
	if (rc == 0)
		rc = lnl_data_new(&w->data, env, max_peers);
	if (rc == 0)
		rc = env->random(env->ctx, (uint8_t *)w->seeds, sizeof(w->seeds));
	if (rc < 0)
		return rc;
	/* A backend that is not there, or none that was asked for: libev takes the best. */
	if (max_links <= FEW_LINKS)
		w->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_POLL);
	if (w->loop == NULL)
		w->loop = ev_loop_new(EVFLAG_NOENV);
	if (w->loop == NULL)
		return LNL_E_SYSTEM;
	ev_async_init(&w->async, woken);
	ev_prepare_init(&w->prepare, prepared);
	ev_init(&w->timer, ticked);
	w->async.data = w->prepare.data = w->timer.data = w;
	ev_async_start(w->loop, &w->async);
	ev_prepare_start(w->loop, &w->prepare);
	return 0;
}

/* Signals are the control thread's: ours is started with all of them blocked. */
static int start(struct lnl_worker *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		return LNL_E_SYSTEM;
	pthread_setname_np(w->thread, "lunel-data");
	w->started = true;
	return 0;
}

int lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
		   uint32_t max_links, void (*wake)(void *ctx), void *ctx)
{
	struct lnl_worker *w = aligned_alloc(alignof(struct lnl_worker), sizeof(*w));
	int rc;

	if (w == NULL)
		return LNL_E_NOMEM;
	memset(w, 0, sizeof(*w));
	w->waiting_end = &w->waiting;
	w->wake = wake;
	w->wake_ctx = ctx;
	w->tun_fd = w->pace_clock = -1;
	w->armed = LNL_NEVER;
	rc = set_up(w, env, max_peers, max_links);
	if (rc == 0)
		rc = start(w);
	if (rc < 0) {
		lnl_worker_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

/*
 * Lets the worker come to the end of what it was told. It never waits, so this does not take long.
 */
static void join(struct lnl_worker *w)
{
	const struct lnl_command last = { .kind = LNL_CMD_STOP };

	/* From here on nobody reads notifications, and so they hold nothing up. */
	atomic_store(&w->quit, true);
	while (lnl_worker_command(w, &last) < 0)
		sched_yield();
	while (w->waiting != NULL) {
		sched_yield();
		put_waiting(w);
		ev_async_send(w->loop, &w->async);
	}
	pthread_join(w->thread, NULL);
}

static void discard_commands(struct lnl_worker *w)
{
	struct lnl_command cmd;
	size_t len;

	put_waiting(w);
	while (w->commands.data != NULL && lnl_ring_get(&w->commands, &cmd, sizeof(cmd), &len)) {
		lnl_worker_command_discard(&cmd);
		put_waiting(w);
	}
}

void lnl_worker_stop(struct lnl_worker *w)
{
	if (w->started)
		join(w);
	w->started = false;
}

void lnl_worker_free(struct lnl_worker *w)
{
	if (w == NULL)
		return;
	lnl_worker_stop(w);
	discard_commands(w);
	lnl_worker_tun_del(w);
	lnl_worker_links_free(w);
	lnl_worker_pace_deinit(w);
	lnl_worker_carriers_free(w);
	lnl_worker_across_free(w->connected);
	lnl_worker_lanes_free(w);
	if (w->loop != NULL)
		ev_loop_destroy(w->loop);
	lnl_data_free(w->data);
	free(w->stream);
	free(w->spare_queue);
	while (w->spare_n > 0)
		free(w->spare_rests[--w->spare_n]);
	free(w->super);
	lnl_incoming_deinit(&w->in);
	lnl_outgoing_deinit(&w->tx);
	lnl_outgoing_deinit(&w->relay);
	lnl_ring_deinit(&w->commands);
	lnl_ring_deinit(&w->notes);
	lnl_ring_deinit(&w->captured);
	free(w);
}
