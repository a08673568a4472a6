/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In the place of io's resolver.c, process.c, privilege.c, tun.c, netconf.c and offload.c: a machine
 * that has every device and every route, runs nothing, and whose disk is read and not written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/listen.h"
#include "io/netconf.h"
#include "io/offload.h"
#include "io/privilege.h"
#include "io/process.h"
#include "io/reason.h"
#include "io/resolver.h"
#include "io/store.h"
#include "io/tun.h"
#include "sim/sim.h"

/* ---- names ---- */

struct lnl_resolver {
	struct ev_loop *loop;
};

struct lnl_resolve {
	struct lnl_resolve *next;
	struct lnl_resolver *resolver;
	unsigned id, host;
	bool told;
	ev_timer timer; /* the answer comes from the loop */
	char *name;
	uint16_t port;
	int family;
	bool found;
	struct lnl_addr address;
	lnl_resolved *done;
	void *ctx;
};

struct file {
	struct file *next;
	char *path, *data;
	size_t len;
};

static struct {
	struct lnl_resolve *lookups;
	unsigned last_lookup, devices;
	struct file *files;
} machine;

int lnl_resolver_new(struct lnl_resolver **out, struct ev_loop *loop)
{
	*out = lnl_sim_alloc(sizeof(**out));
	(*out)->loop = loop;
	return 0;
}

void lnl_resolver_cancel(struct lnl_resolve *q)
{
	struct lnl_resolve **p = &machine.lookups;

	while (*p && *p != q)
		p = &(*p)->next;
	if (!*p)
		return;
	*p = q->next;
	ev_timer_stop(q->resolver->loop, &q->timer);
	free(q->name);
	free(q);
}

void lnl_resolver_free(struct lnl_resolver *r)
{
	struct lnl_resolve *q = machine.lookups, *next;

	for (; q; q = next) {
		next = q->next;
		if (q->resolver == r)
			lnl_resolver_cancel(q);
	}
	free(r);
}

static void answer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_resolve *q = w->data;
	lnl_resolved *done = q->done;
	void *ctx = q->ctx;
	struct lnl_addr a = q->address;
	bool found = q->found;

	(void)loop;
	(void)revents;
	lnl_resolver_cancel(q);
	done(ctx, found ? 0 : LNL_E_NOTFOUND, &a, found, found ? NULL : "there is no such name");
}

static void schedule(struct lnl_resolve *q)
{
	ev_timer_init(&q->timer, answer, 0, 0);
	q->timer.data = q;
	ev_timer_start(q->resolver->loop, &q->timer);
}

static bool set_address(struct lnl_resolve *q, const char *text)
{
	struct lnl_ip ip;

	q->found = text && lnl_ip_parse(&ip, text) == 0;
	if (q->found)
		q->address = lnl_addr_from(&ip, q->port);
	return q->found;
}

struct lnl_resolve *lnl_resolver_lookup(struct lnl_resolver *r, const char *host, uint16_t port,
					int family, lnl_resolved *done, void *ctx)
{
	struct lnl_resolve *q = lnl_sim_alloc(sizeof(*q));

	*q = (struct lnl_resolve){ .resolver = r,
				   .id = ++machine.last_lookup,
				   .host = lnl_sim_host(),
				   .port = port,
				   .family = family,
				   .done = done,
				   .ctx = ctx };
	q->name = strdup(host);
	if (!q->name)
		abort();
	q->next = machine.lookups;
	machine.lookups = q;
	return q;
}

bool lnl_sim_lookup(struct lnl_sim_lookup *out)
{
	struct lnl_resolve *q = machine.lookups;

	while (q && q->told)
		q = q->next;
	if (!q)
		return false;
	q->told = true;
	*out = (struct lnl_sim_lookup){ q->id, q->host, q->name, q->port, q->family };
	return true;
}

void lnl_sim_found(unsigned id, const char *address)
{
	struct lnl_resolve *q = machine.lookups;

	while (q && q->id != id)
		q = q->next;
	if (!q)
		return;
	set_address(q, address);
	schedule(q);
}

/* ---- programs and files ---- */

struct lnl_process {
	char nothing;
};

int lnl_process_new(struct lnl_process **out, struct ev_loop *loop, void (*wipe)(void *ctx),
		    void *ctx, struct lnl_reason *why)
{
	(void)loop;
	(void)wipe;
	(void)ctx;
	(void)why;
	*out = lnl_sim_alloc(sizeof(**out));
	return 0;
}

void lnl_process_free(struct lnl_process *p)
{
	free(p);
}

/* Scripts' programs are the test's (lunel/test/services.lua); the engine runs none of its own. */
struct lnl_exec *lnl_process_exec(struct lnl_process *p, const char *const *argv,
				  const char *const *env, const char *input, size_t input_len,
				  double timeout, lnl_exited *done, void *ctx)
{
	(void)p;
	(void)argv;
	(void)env;
	(void)input;
	(void)input_len;
	(void)timeout;
	(void)done;
	(void)ctx;
	return NULL;
}

void lnl_process_cancel(struct lnl_exec *x)
{
	(void)x;
}

int lnl_process_open_tun(struct lnl_process *p)
{
	(void)p;
	return -1;
}

int lnl_process_bind(struct lnl_process *p, int type, const struct lnl_addr *local, bool v6only)
{
	(void)p;
	return lnl_listen_bind(type, local, v6only);
}

int lnl_process_bind_shared(struct lnl_process *p, const struct lnl_addr *local, bool v6only)
{
	(void)p;
	return lnl_listen_bind_shared(local, v6only);
}

/* A Unix socket that nobody finds. */
int lnl_process_listen(struct lnl_process *p, const char *path,
		       const struct lnl_socket_owner *owner)
{
	(void)p;
	(void)path;
	(void)owner;
	return lnl_sim_open(LNL_SIM_LISTENER);
}

void lnl_process_unlisten(struct lnl_process *p, const char *path)
{
	(void)p;
	(void)path;
}

int lnl_process_allow(struct lnl_process *p, const char *path)
{
	(void)p;
	(void)path;
	return 0;
}

int lnl_process_allow_write(struct lnl_process *p, const char *path)
{
	(void)p;
	(void)path;
	return 0;
}

int lnl_process_allow_append(struct lnl_process *p, const char *path)
{
	(void)p;
	(void)path;
	return 0;
}

int lnl_process_append(struct lnl_process *p, const char *path, unsigned mode, int *fd,
		       struct lnl_reason *why)
{
	(void)p;
	(void)mode;
	(void)fd;
	return lnl_reason_set(why, LNL_E_UNSUPPORTED, "%s: lunel test opens no file to write",
			      path);
}

void lnl_process_seal(struct lnl_process *p)
{
	(void)p;
}

static struct file *file_at(const char *path)
{
	struct file *f = machine.files;

	while (f && strcmp(f->path, path) != 0)
		f = f->next;
	return f;
}

int lnl_process_read(struct lnl_process *p, const char *path, char **out, size_t *len)
{
	const struct file *f = file_at(path);

	(void)p;
	if (!f)
		return LNL_E_NOTFOUND;
	*out = lnl_sim_alloc(f->len + 1);
	memcpy(*out, f->data, f->len);
	*len = f->len;
	return 0;
}

int lnl_process_write(struct lnl_process *p, const char *path, const void *data, size_t len,
		      bool durable, struct lnl_reason *why)
{
	struct file *f = file_at(path);

	(void)p;
	(void)durable;
	(void)why;
	if (!f) {
		f = lnl_sim_alloc(sizeof(*f));
		f->path = strdup(path);
		if (!f->path)
			abort();
		f->next = machine.files;
		machine.files = f;
	}
	free(f->data);
	f->data = lnl_sim_alloc(len + 1);
	memcpy(f->data, data, len);
	f->len = len;
	return 0;
}

/* Of the disk nothing is kept from one test to the next: leases begin with none. */
int lnl_store_load(const char *path, size_t max, char **out, size_t *len, struct lnl_reason *why)
{
	int rc = lnl_process_read(NULL, path, out, len);

	if (rc == 0 && *len <= max)
		return 0;
	if (rc == 0)
		free(*out);
	*out = NULL;
	return lnl_reason_set(why, rc < 0 ? rc : LNL_E_LIMIT, "%s cannot be read", path);
}

const char *lnl_sim_file(const char *path, size_t *len)
{
	const struct file *f = file_at(path);

	*len = f ? f->len : 0;
	return f ? f->data : NULL;
}

/* ---- rights, device, routes ---- */

int lnl_privilege_drop(const char *user, const char *group, struct lnl_reason *why)
{
	(void)user;
	(void)group;
	(void)why;
	return 0;
}

void lnl_privilege_hide(void)
{
}

int lnl_tun_open(struct lnl_tun *out, const struct lnl_tun_conf *conf, struct lnl_reason *why)
{
	int fd = lnl_sim_open(LNL_SIM_TUN);

	if (fd < 0)
		return lnl_reason_errno(why, -fd, "cannot open device %s", conf->name);
	*out = (struct lnl_tun){ .fd = fd, .index = ++machine.devices, .tap = conf->tap };
	if (strcmp(conf->name, "tun") == 0 || strcmp(conf->name, "tap") == 0)
		snprintf(out->name, sizeof(out->name), "%s%u", conf->name, out->index - 1);
	else
		snprintf(out->name, sizeof(out->name), "%s", conf->name);
	return 0;
}

struct lnl_netconf {
	char nothing;
};

int lnl_netconf_new(struct lnl_netconf **out, const char *name, unsigned index,
		    struct lnl_reason *why)
{
	(void)name;
	(void)index;
	(void)why;
	*out = lnl_sim_alloc(sizeof(**out));
	return 0;
}

void lnl_netconf_fit(struct lnl_netconf *nc, unsigned datagram)
{
	(void)nc;
	(void)datagram;
}

void lnl_netconf_free(struct lnl_netconf *nc)
{
	free(nc);
}

int lnl_netconf_apply(struct lnl_netconf *nc, const struct lnl_net *net,
		      const struct lnl_addr *server, lnl_netconf_warn *warn, void *ctx,
		      struct lnl_reason *why)
{
	(void)nc;
	(void)net;
	(void)server;
	(void)warn;
	(void)ctx;
	(void)why;
	return 0;
}

int lnl_netconf_protect(struct lnl_netconf *nc, const struct lnl_addr *remote,
			struct lnl_reason *why)
{
	(void)nc;
	(void)remote;
	(void)why;
	return 0;
}

bool lnl_netconf_outer_gateway(const struct lnl_netconf *nc, int family, struct lnl_ip *out)
{
	(void)nc;
	(void)family;
	(void)out;
	return false;
}

void lnl_netconf_revert(struct lnl_netconf *nc)
{
	(void)nc;
}

/* ---- offload: packets go one by one ---- */

bool lnl_offload_gro(int fd)
{
	(void)fd;
	return false;
}

bool lnl_offload_segment(int fd)
{
	(void)fd;
	return false;
}

unsigned lnl_offload_tun(int fd)
{
	(void)fd;
	return 0;
}

void lnl_offload_probe(struct lnl_offload_probe *out)
{
	memset(out, 0, sizeof(*out));
}

const char *lnl_offload_name(enum lnl_offload o)
{
	static const char *const names[] = { "full", "batch", "single" };

	return names[o];
}

void lnl_sim_machine_reset(void)
{
	while (machine.files) {
		struct file *f = machine.files;

		machine.files = f->next;
		free(f->path);
		free(f->data);
		free(f);
	}
	machine.devices = 0;
}
