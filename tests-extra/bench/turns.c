/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A library to preload, which measures how long the turns of the loop in the thread named "alias" take.
 *
 * A turn is the time from the return of one poll to the next poll. TURNS_FILE is a file of TURNS_MS + 1 numbers of 32 bits in
 * host order, zero at first: how many turns took so many milliseconds, and last how many took longer.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define TURNS_MS 1000

typedef int (*poll_f)(int epoll, struct epoll_event *events, int max, int timeout, const sigset_t *mask);

static volatile uint32_t *turns;
static poll_f real_poll;

__attribute__((constructor)) static void map_turns(void)
{
	const char *name = getenv("TURNS_FILE");
	int fd = (name != NULL) ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *map = (fd >= 0) ? mmap(NULL, (TURNS_MS + 1) * sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	real_poll = (poll_f)dlsym(RTLD_NEXT, "epoll_pwait");
	if (map == MAP_FAILED || real_poll == NULL) {
		abort(); /* A measurement of nothing must not pass. */
	}
	close(fd);
	turns = map;
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static bool is_concerned(void)
{
	char name[16] = "";
	return prctl(PR_GET_NAME, name) == 0 && strcmp(name, "alias") == 0;
}

static int timed_poll(int epoll, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	static __thread uint64_t since; /* Return of the last poll, or 0. */
	if (since != 0) {
		uint64_t took = now_ms() - since;
		turns[took < TURNS_MS ? took : TURNS_MS]++;
	}
	int count = real_poll(epoll, events, max, timeout, mask);
	since = (since != 0 || is_concerned()) ? now_ms() : 0;
	return count;
}

int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	return timed_poll(epoll, events, max, timeout, mask);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	return timed_poll(epoll, events, max, timeout, NULL);
}
