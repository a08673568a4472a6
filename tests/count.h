/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much of a long test runs: a part in CI, all of it by hand. */
#ifndef LNL_TESTS_COUNT_H
#define LNL_TESTS_COUNT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number in |name| of the environment; 0 without. What is no number ends the test. */
static inline uint64_t test_number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	uint64_t n;

	if (!text || !*text)
		return 0;
	n = strtoull(text, &end, 10);
	if (*end || *text < '0' || *text > '9' || n == 0 || n > UINT32_MAX) {
		fprintf(stderr, "%s=%s: give a whole number from 1 to %u\n", name, text,
			UINT32_MAX);
		exit(2);
	}
	return n;
}

/* LUNEL_COUNT says how many; else LUNEL_ALL=1 means |whole|, and |few| run. */
static inline unsigned test_count(unsigned few, unsigned whole)
{
	const char *all = getenv("LUNEL_ALL");
	unsigned n = (unsigned)test_number("LUNEL_COUNT");

	if (n > 0)
		return n;
	return all && strcmp(all, "1") == 0 ? whole : few;
}

/* |otherwise|, or another story by LUNEL_SEED: so that a whole count can run in parts. */
static inline uint64_t test_seed(uint64_t otherwise)
{
	uint64_t n = test_number("LUNEL_SEED");

	return n ? n * UINT64_C(0x9e3779b97f4a7c15) : otherwise;
}

#endif
