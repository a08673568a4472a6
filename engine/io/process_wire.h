/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the engine and its helper say to each other; private to process*.c. Same program, same
 * machine: plain structs.
 */
#ifndef LNL_IO_PROCESS_WIRE_H
#define LNL_IO_PROCESS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/address.h"

#define LNL_HELPER_MESSAGE (160 * 1024)
#define LNL_HELPER_REQUEST (128 * 1024)
#define LNL_HELPER_PATHS   16
#define LNL_HELPER_PATH	   1024
#define LNL_HELPER_FILE	   (16 * 1024 * 1024) /* the largest that is read or written */
#define LNL_HELPER_SOCKETS 16
#define LNL_HELPER_SOCKET  108 /* sun_path */

/*
 * On the exec socket: a header, then |argc| + |envc| strings with their NULs, then |input_len|
 * bytes.
 */
enum lnl_helper_op { LNL_HELPER_EXEC = 1, LNL_HELPER_KILL };

struct lnl_helper_exec {
	uint32_t op;
	uint32_t id;
	uint32_t timeout_ms; /* 0: none */
	uint32_t argc, envc;
	uint32_t input_len;
};

/* The answer: a header, then both outputs. */
struct lnl_helper_exit {
	uint32_t id;
	int32_t error;
	int32_t status;
	uint32_t timeout;
	uint32_t out_len, err_len;
};

/*
 * On the open socket, asked and answered in turn: a code and a path, or what to bind or to listen
 * on, perhaps with a descriptor; the answer is an errno and perhaps a descriptor.
 */
enum lnl_helper_open {
	LNL_HELPER_TUN = 1,
	LNL_HELPER_ALLOW,
	LNL_HELPER_SEAL,
	LNL_HELPER_READ,
	LNL_HELPER_BIND,
	LNL_HELPER_LISTEN,
	LNL_HELPER_REMOVE,
	LNL_HELPER_ALLOW_WRITE,
	/* with a descriptor of what to write; the first one brings it to disk */
	LNL_HELPER_SAVE,
	LNL_HELPER_WRITE,
	LNL_HELPER_ALLOW_APPEND,
	LNL_HELPER_APPEND /* with `mode` */
};

struct lnl_helper_path {
	uint32_t op;
	uint32_t mode;
	union {
		char path[LNL_HELPER_PATH];
		struct {
			int32_t type;
			uint32_t v6only;
			uint32_t shared; /* UDP's alone */
			struct lnl_addr local;
		} bind;
		struct {
			char path[LNL_HELPER_SOCKET];
			uint32_t uid, gid; /* UINT32_MAX: stays */
			uint32_t mode;
		} listen;
	} u;
};

/* What may be read and, when |is_written|, written: |name| in the folder that is held. */
struct lnl_helper_file {
	bool is_written;
	int folder;
	char name[256];
	char path[LNL_HELPER_PATH];
};

struct lnl_helper_files {
	bool sealed; /* no more of them */
	unsigned n;
	struct lnl_helper_file list[LNL_HELPER_PATHS];
};

/* Each 0 or an errno: EPERM once sealed; EACCES for what was not allowed. |from| has what to write. */
int lnl_helper_allow(struct lnl_helper_files *files, const char *path, bool write);
int lnl_helper_allow_append(struct lnl_helper_files *files, const char *path);
int lnl_helper_append(struct lnl_helper_files *files, const char *path, uint32_t mode, int *fd);
int lnl_helper_read(struct lnl_helper_files *files, const char *path, int *fd);
int lnl_helper_write(struct lnl_helper_files *files, const char *path, int from, bool durable);

/* The helper's life: serves until the sockets close. Never returns. */
void lnl_helper_run(int exec_fd, int open_fd) __attribute__((noreturn));

#endif
