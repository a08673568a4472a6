/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counts copies of secrets in a process's memory: memory PID NAME=SECRET... prints "NAME count" for
 * each; a secret is text, or bytes in hex after "hex:". Exit status 1 when it cannot look.
 *
 * A long secret is found by its second half: free() writes into the first 16 bytes of a block, and
 * what follows them is there still.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRETS 32
#define BLOCK	((size_t)1 << 20)
#define LONGEST 512

struct secret {
	const char *name;
	size_t name_len;
	uint8_t bytes[LONGEST];
	size_t len;
	unsigned long count;
};

static int read_hex(struct secret *s, const char *hex)
{
	for (; hex[0] && hex[1] && s->len < LONGEST; hex += 2) {
		char two[3] = { hex[0], hex[1], '\0' };

		if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]))
			return -1;
		s->bytes[s->len++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return *hex ? -1 : 0;
}

static int read_secret(struct secret *s, const char *arg)
{
	const char *value = strchr(arg, '=');

	if (!value)
		return -1;
	s->name = arg;
	s->name_len = (size_t)(value++ - arg);
	if (strncmp(value, "hex:", 4) == 0) {
		if (read_hex(s, value + 4) < 0)
			return -1;
	} else {
		s->len = strlen(value);
		if (s->len > LONGEST)
			return -1;
		memcpy(s->bytes, value, s->len);
	}
	if (s->len >= 32) {
		memmove(s->bytes, s->bytes + s->len / 2, s->len - s->len / 2);
		s->len -= s->len / 2;
	}
	return s->len < 8 ? -1 : 0;
}

/* Copies that begin in the first |len| bytes of |block|, which has |have|. */
static void count(struct secret *s, const uint8_t *block, size_t len, size_t have)
{
	const uint8_t *at = block, *end = block + have;

	while ((at = memmem(at, (size_t)(end - at), s->bytes, s->len))) {
		if ((size_t)(at - block) >= len)
			break;
		s->count++;
		at++;
	}
}

static void scan(int mem, unsigned long from, unsigned long to, struct secret *list, unsigned n)
{
	static uint8_t block[BLOCK + LONGEST];

	for (; from < to; from += BLOCK) {
		size_t want = to - from < sizeof(block) ? to - from : sizeof(block);
		ssize_t have = pread(mem, block, want, (off_t)from);

		/* Pages that nobody may read (vvar) hold nothing of ours. */
		for (unsigned i = 0; have > 0 && i < n; i++)
			count(&list[i], block, BLOCK, (size_t)have);
	}
}

static FILE *open_maps(const char *pid, int *mem)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	*mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	return *mem >= 0 ? fopen(path, "re") : NULL;
}

int main(int argc, char **argv)
{
	static struct secret list[SECRETS];
	unsigned n = 0;
	char line[512];
	FILE *maps;
	int mem;

	for (int i = 2; i < argc; i++) {
		if (n == SECRETS || read_secret(&list[n++], argv[i]) < 0) {
			fprintf(stderr, "memory: what is '%s'?\n", argv[i]);
			return 1;
		}
	}
	maps = argc > 2 ? open_maps(argv[1], &mem) : NULL;
	if (!maps) {
		perror("memory");
		return 1;
	}
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char mode;

		if (sscanf(line, "%lx-%lx %c", &from, &to, &mode) == 3 && mode == 'r')
			scan(mem, from, to, list, n);
	}
	for (unsigned i = 0; i < n; i++)
		printf("%.*s %lu\n", (int)list[i].name_len, list[i].name, list[i].count);
	fclose(maps);
	close(mem);
	return 0;
}
