/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A table of threads that read keystores, the only state. See reader.h. */

#include "dnssec/reader.h"

#include <urcu.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "util/clock.h"

/*! Most threads in the process, and for one set of keystores: more reads at a time would not be faster. */
#define READERS_MAX 16
#define KEYSTORE_READERS_MAX (READERS_MAX / 2)

/*! Longest wait for threads at the exit of the process, ms. Reading a file takes less than 1 ms, a token some 100. */
#define EXIT_WAIT_MS 500

typedef struct {
	reader_f read; /*!< NULL: the entry is free. */
	void *ctx;
	uint64_t keystore;
} reader_t;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned count;
	reader_t reader[READERS_MAX];
} readers = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
};

static reader_t *take(uint64_t keystore, reader_f read, void *ctx)
{
	pthread_mutex_lock(&readers.lock);
	reader_t *taken = NULL;
	unsigned same = 0;
	for (unsigned i = 0; i < READERS_MAX; i++) {
		reader_t *reader = &readers.reader[i];
		if (reader->read == NULL) {
			taken = reader;
		} else if (reader->keystore == keystore) {
			same++;
		}
	}
	if (same >= KEYSTORE_READERS_MAX) {
		taken = NULL;
	}
	if (taken != NULL) {
		*taken = (reader_t){ .read = read, .ctx = ctx, .keystore = keystore };
		readers.count++;
	}
	pthread_mutex_unlock(&readers.lock);
	return taken;
}

static void give_back(reader_t *reader)
{
	pthread_mutex_lock(&readers.lock);
	reader->read = NULL;
	readers.count--;
	pthread_cond_signal(&readers.ended);
	pthread_mutex_unlock(&readers.lock);
}

static void *run(void *ctx)
{
	reader_t *reader = ctx;
	pthread_setname_np(pthread_self(), "alias-keys");
	rcu_register_thread();
	reader->read(reader->ctx);
	rcu_unregister_thread();
	give_back(reader);
	return NULL;
}

/*! Starts a thread with all signals blocked: knotd's own threads handle signals. */
static bool start_thread(reader_t *reader)
{
	pthread_attr_t attr;
	if (pthread_attr_init(&attr) != 0) {
		return false;
	}
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_t thread;
	int ret = pthread_create(&thread, &attr, run, reader);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return ret == 0;
}

bool reader_start(uint64_t keystore, reader_f read, void *ctx)
{
	reader_t *reader = take(keystore, read, ctx);
	if (reader == NULL) {
		return false;
	}
	if (!start_thread(reader)) {
		give_back(reader);
		return false;
	}
	return true;
}

/*! Runs at the exit of the process, before libraries clean up that the threads use. */
__attribute__((destructor)) static void wait_all(void)
{
	struct timespec until = clock_in(EXIT_WAIT_MS);
	int ret = 0;
	pthread_mutex_lock(&readers.lock);
	while (readers.count > 0 && ret == 0) {
		ret = pthread_cond_clockwait(&readers.ended, &readers.lock, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_unlock(&readers.lock);
}
