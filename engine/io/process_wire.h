/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the engine and its helper say to each other; private to process*.c. Same program, same
 * machine: plain structs.
 */
#ifndef LNL_IO_PROCESS_WIRE_H
#define LNL_IO_PROCESS_WIRE_H

#include <stdint.h>

#include "io/address.h"

#define LNL_HELPER_MESSAGE (160 * 1024)
#define LNL_HELPER_REQUEST (128 * 1024)
#define LNL_HELPER_PATHS   16
#define LNL_HELPER_PATH	   1024
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
 * on; the answer is an errno and perhaps a descriptor.
 */
enum lnl_helper_open {
	LNL_HELPER_TUN = 1,
	LNL_HELPER_ALLOW,
	LNL_HELPER_SEAL,
	LNL_HELPER_READ,
	LNL_HELPER_BIND,
	LNL_HELPER_LISTEN,
	LNL_HELPER_REMOVE
};

struct lnl_helper_path {
	uint32_t op;
	union {
		char path[LNL_HELPER_PATH];
		struct {
			int32_t type;
			uint32_t v6only;
			struct lnl_addr local;
		} bind;
		struct {
			char path[LNL_HELPER_SOCKET];
			uint32_t uid, gid; /* UINT32_MAX: stays */
			uint32_t mode;
		} listen;
	} u;
};

/* The helper's life: serves until the sockets close. Never returns. */
void lnl_helper_run(int exec_fd, int open_fd) __attribute__((noreturn));

#endif
