/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/library.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Names that are looked for here and are elsewhere; a script may try as many as it likes. */
#define ABSENT_MAX 256

struct module {
	struct module *next;
	char *path;
	struct lnl_file file; /* or that there is none: ENOENT */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct module *modules; /* as long as the process */
static unsigned absent;	       /* those of them that are none */

static struct module *find(const char *path)
{
	struct module *m = modules;

	while (m && strcmp(m->path, path) != 0)
		m = m->next;
	return m;
}

static int add(const char *path, struct lnl_file *f)
{
	struct module *m;
	int rc = lnl_file_read(path, f);

	if (rc < 0 && (f->error != ENOENT || absent == ABSENT_MAX))
		return -1;
	m = calloc(1, sizeof(*m));
	if (m)
		m->path = strdup(path);
	if (!m || !m->path) {
		free(m);
		if (rc == 0)
			lnl_file_free(f);
		f->error = ENOMEM;
		f->why = "out of memory";
		return -1;
	}
	absent += rc < 0;
	m->file = *f;
	m->next = modules;
	modules = m;
	return rc;
}

int lnl_library_read(const char *path, struct lnl_file *f)
{
	const struct module *m;
	int rc = 0;

	pthread_mutex_lock(&lock);
	m = find(path);
	if (m) {
		*f = m->file;
		rc = f->error == 0 ? 0 : -1;
	} else {
		rc = add(path, f);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}
