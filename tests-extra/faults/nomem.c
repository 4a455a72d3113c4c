/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A library to preload, with which a share of the allocations in threads named "alias" fails.
 *
 * NOMEM_FILE is a file with three numbers of 32 bits in host order, which can be changed at any time: the allocations
 * that fail of a thousand, and the least and the greatest size in octets of those that do.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What is behind the names that this library takes. */
extern void *libc_malloc(size_t size) __asm__("__libc_malloc");
extern void *libc_calloc(size_t count, size_t size) __asm__("__libc_calloc");
extern void *libc_realloc(void *ptr, size_t size) __asm__("__libc_realloc");

typedef struct {
	uint32_t per_mille;
	uint32_t least;
	uint32_t most;
} rule_t;

static const volatile rule_t none, *rule = &none;

__attribute__((constructor)) static void map_rule(void)
{
	const char *name = getenv("NOMEM_FILE");
	int fd = (name != NULL) ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void *map = (fd >= 0) ? mmap(NULL, sizeof(*rule), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (map == MAP_FAILED) {
		abort(); /* A test without a fault must not pass. */
	}
	close(fd);
	rule = map;
}

/*! Every time anew, as threads get their names late; only while there is a rule. */
static bool is_concerned(void)
{
	char name[16] = "";
	return prctl(PR_GET_NAME, name) == 0 && strcmp(name, "alias") == 0;
}

static bool fails(size_t size)
{
	static __thread uint32_t state = 1; /* xorshift: the same sequence with each run */
	if (rule->per_mille == 0 || size < rule->least || size > rule->most || !is_concerned()) {
		return false;
	}
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	if (state % 1000 >= rule->per_mille) {
		return false;
	}
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails(size) ? NULL : libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(count * size) ? NULL : libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
	return fails(size) ? NULL : libc_realloc(ptr, size);
}
