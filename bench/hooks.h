/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hooks, waiting and a reload cost: bench/hooks_policy.c, measured by bench/hooks.c. */
#ifndef LNL_BENCH_HOOKS_H
#define LNL_BENCH_HOOKS_H

#define HOOKS_ROUNDS_MAX 101

enum hooks_row {
	HOOKS_CONTROL, /* a sync hook that does nothing */
	HOOKS_LOGIN,   /* a task hook that does nothing (authenticate) */
	HOOKS_SLEEP,   /* the same with vpn.sleep(0) in it */
	HOOKS_ALL,     /* one that waits for vpn.all of 100 vpn.sleep(0) */
	HOOKS_ROWS
};

/* The parts of a reload, in turn. */
enum hooks_part {
	HOOKS_LOAD, /* a VM, the script read, checked and found to be what runs */
	HOOKS_SWAP, /* clients passed over, the new script begun */
	HOOKS_TELL, /* the hook adopted, of each client */
	HOOKS_PARTS
};

struct hooks_costs {
	double us[HOOKS_ROWS];	/* microseconds of CPU time each */
	double ms[HOOKS_PARTS]; /* milliseconds of CPU time */
	double reload;		/* all three */
};

/*
 * Medians over |rounds| rounds, up to HOOKS_ROUNDS_MAX, in which the rows take turns for about so many
 * milliseconds each; reloads with |peers| clients connected. What fails ends the program.
 */
void hooks_measure(unsigned rounds, unsigned milliseconds, unsigned peers, struct hooks_costs *out);

/* Rows of hooks, one batch after the other of |row| alone, for a profiler. */
void hooks_repeat(enum hooks_row row, unsigned batches);

_Noreturn void hooks_die(const char *what, const char *why);

#endif
