// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs each file of the folders and files named on the command line through a fuzz target, once,
// so that what the fuzzer found stays found in builds that have no libFuzzer.

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz_env.h"

enum { REPLAY_MAX = 1 << 20 };

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	size_t size;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	data = malloc(REPLAY_MAX);
	if (!data) {
		fclose(file);
		return -1;
	}
	size = fread(data, 1, REPLAY_MAX, file);
	fclose(file);
	// A block of just the input's size lets AddressSanitizer see a read one past its end.
	if (size > 0) {
		uint8_t *exact = realloc(data, size);

		if (exact)
			data = exact;
	}
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int run_dir(const char *path, unsigned *count)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		char file[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (run_file(file) < 0)
			rc = -1;
		(*count)++;
	}
	closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int rc = 0;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0)
			continue; // a target without kept inputs
		if (S_ISDIR(st.st_mode)) {
			if (run_dir(argv[i], &count) < 0)
				rc = 1;
		} else {
			if (run_file(argv[i]) < 0)
				rc = 1;
			count++;
		}
	}
	printf("%u inputs\n", count);
	return rc;
}
