/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Runs a fuzz target over the files of its corpus, or those given: a test that needs no fuzzer. libFuzzer brings a main()
 * of its own, and then this one is left out.
 */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef CORPUS
#define CORPUS "corpus" /* Makefile.am has the one of the source tree. */
#endif

/*! Exit status of a test that could not be run, for automake. */
#define SKIPPED 77

static unsigned inputs;

static void run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	if (file == NULL || fstat(fileno(file), &st) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	/* Named first: it may be the last thing that is done. */
	printf("%s\n", path);
	fflush(stdout);
	uint8_t *data = malloc(st.st_size);
	size_t len = fread(data, 1, st.st_size, file);
	fclose(file);
	CHECK(len == (size_t)st.st_size);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	inputs++;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_corpus(const char *target)
{
	struct stat st;
	if (stat(CORPUS, &st) != 0 && errno == ENOENT) {
		fprintf(stderr, "%s: no corpora, which a release does not have\n", CORPUS);
		exit(SKIPPED);
	}
	char dir[sizeof(CORPUS) + 64];
	snprintf(dir, sizeof(dir), "%s/%s", CORPUS, target);
	struct dirent **entry;
	int count = scandir(dir, &entry, is_input, alphasort);
	for (int i = 0; i < count; i++) {
		char path[sizeof(dir) + sizeof(entry[i]->d_name)];
		snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
		run_file(path);
		free(entry[i]);
	}
	if (count <= 0) {
		fprintf(stderr, "%s: no corpus\n", dir);
		exit(1);
	}
	free(entry);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *target = slash == NULL ? argv[0] : slash + 1;
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		run_file(argv[i]);
	}
	if (argc == 1) {
		run_corpus(target);
	}
	/* As cmocka says it, for who counts. */
	printf("[  PASSED  ] 1 test(s): %s, %u inputs\n", target, inputs);
	return 0;
}
