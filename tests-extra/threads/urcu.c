/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Tells ThreadSanitizer what liburcu promises, and no more.
 *
 * Preloaded, after libtsan: stands before the functions of liburcu, does what they do, and says what is ordered by it.
 * liburcu itself synchronises by membarrier() and inline assembler, which ThreadSanitizer can't see.
 *
 * - What was written before a pointer was published, or a node was added or queued, is seen by who gets it from
 *   rcu_dereference(), a look-up or the queue. Nothing else is ordered by that, and not by the pointer itself.
 * - A callback of call_rcu() comes after the read sections that had begun before the call, all of each. Sections that
 *   begin later are not waited for, though they may have ended, too: so what is used outside of its section is found
 *   whether or not the callback comes in between.
 * - knotd exchanges pointers to what it has loaded, zones and modules, and workers read these as they are, of which nothing
 *   is seen here: what had been exchanged when a hook begins is ordered before it. The build has knotd_mod_ctx(), with
 *   which each hook begins, renamed to get there.
 *
 * libtsan lacks some calls of newer C libraries, which are added.
 */

#include <urcu.h>
#include <urcu/rculfhash.h>
#include <urcu/wfcqueue.h>
#include <dlfcn.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <knot/module.h>
#include <sanitizer/tsan_interface.h>

/*! Sections of so many calls of call_rcu() are told apart; those that last longer are taken for others. */
#define EPOCHS 65536

/*! Counts calls of call_rcu() and synchronize_rcu(). */
static atomic_ulong epoch;

/*! Where the end of sections is noted, by the epoch of their begin. */
static char ends[EPOCHS];

/*! What has been seen of that by anybody. */
static struct {
	pthread_mutex_t lock;
	unsigned long next; /*!< First epoch that nobody waited for. */
} past = { .lock = PTHREAD_MUTEX_INITIALIZER };

static char callbacks; /*!< Their ends. */
static char exchanged; /*!< What knotd has published. */

static _Thread_local unsigned depth;
static _Thread_local unsigned long begun;

/*! Calls the function that this one stands before. */
#define REAL(function, ...) ({ \
	static _Atomic(void *) next; \
	if (next == NULL) { \
		next = dlsym(RTLD_NEXT, NAME(function)); \
	} \
	((__typeof__(function) *)next)(__VA_ARGS__); \
})
#define NAME(function) NAME_(function)
#define NAME_(function) #function

/*! knotd is not built for it, so that nobody else starts it before there are threads. No header declares the function. */
__attribute__((constructor)) static void start(void)
{
	void (*init)(void) = dlsym(RTLD_DEFAULT, "__tsan_init");
	init();
}

/* --- publication --- */

static void release(void *object)
{
	if (object != NULL) {
		__tsan_release(object);
	}
}

static void *acquire(void *object)
{
	if (object != NULL) {
		__tsan_acquire(object);
	}
	return object;
}

void *rcu_dereference_sym(void *object)
{
	return acquire(object);
}

void *rcu_set_pointer_sym(void **place, void *object)
{
	release(object);
	return REAL(rcu_set_pointer_sym, place, object);
}

void *rcu_xchg_pointer_sym(void **place, void *object)
{
	release(object);
	release(&exchanged);
	return acquire(REAL(rcu_xchg_pointer_sym, place, object));
}

bool cds_wfcq_enqueue(cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, struct cds_wfcq_node *node)
{
	release(node);
	return REAL(cds_wfcq_enqueue, head, tail, node);
}

struct cds_wfcq_node *__cds_wfcq_dequeue_blocking(cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail)
{
	return acquire(REAL(__cds_wfcq_dequeue_blocking, head, tail));
}

void cds_lfht_add(struct cds_lfht *table, unsigned long hash, struct cds_lfht_node *node)
{
	release(node);
	REAL(cds_lfht_add, table, hash, node);
}

typedef struct {
	cds_lfht_match_fct match;
	const void *key;
} look_t;

static int match_acquired(struct cds_lfht_node *node, const void *key)
{
	const look_t *look = key;
	return look->match(acquire(node), look->key);
}

void cds_lfht_lookup(struct cds_lfht *table, unsigned long hash, cds_lfht_match_fct match, const void *key,
                     struct cds_lfht_iter *iter)
{
	look_t look = { match, key };
	REAL(cds_lfht_lookup, table, hash, match_acquired, &look, iter);
}

/* --- grace periods --- */

void rcu_read_lock(void)
{
	REAL(rcu_read_lock);
	if (depth++ == 0) {
		begun = atomic_load(&epoch);
	}
}

void rcu_read_unlock(void)
{
	if (--depth == 0) {
		__tsan_release(&ends[begun % EPOCHS]);
	}
	REAL(rcu_read_unlock);
}

/*! Sections of up to this epoch have ended: so nothing more is noted there, and each is looked at once. */
static void after_sections(unsigned long last)
{
	pthread_mutex_lock(&past.lock);
	for (; past.next <= last; past.next++) {
		__tsan_acquire(&ends[past.next % EPOCHS]);
	}
	pthread_mutex_unlock(&past.lock);
}

typedef struct {
	struct rcu_head head;
	struct rcu_head *real;
	void (*callback)(struct rcu_head *head);
	unsigned long epoch;
} call_t;

static void run(struct rcu_head *head)
{
	call_t *call = caa_container_of(head, call_t, head);
	acquire(call);
	after_sections(call->epoch);
	call->callback(call->real);
	release(&callbacks);
	free(call);
}

void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *head))
{
	call_t *call = malloc(sizeof(*call));
	if (call == NULL) {
		abort();
	}
	*call = (call_t){ .real = head, .callback = callback, .epoch = atomic_fetch_add(&epoch, 1) };
	release(call);
	REAL(call_rcu, &call->head, run);
}

void rcu_barrier(void)
{
	REAL(rcu_barrier);
	acquire(&callbacks);
}

void synchronize_rcu(void)
{
	/* The thread of call_rcu() waits for more than each of its callbacks may count on. */
	Dl_info caller;
	bool own = dladdr(__builtin_return_address(0), &caller) != 0 && strstr(caller.dli_fname, "/liburcu") != NULL;

	unsigned long last = atomic_fetch_add(&epoch, 1);
	REAL(synchronize_rcu);
	if (!own) {
		after_sections(last);
	}
}

/* --- knotd --- */

void *threads_mod_ctx(knotd_mod_t *mod)
{
	acquire(&exchanged);
	return knotd_mod_ctx(mod);
}

/* --- the C library --- */

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	__tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
	int ret = REAL(pthread_mutex_clocklock, mutex, clock, until);
	__tsan_mutex_post_lock(mutex, __tsan_mutex_try_lock | (ret != 0 ? __tsan_mutex_try_lock_failed : 0), 0);
	return ret;
}

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
	int ret = REAL(sem_clockwait, sem, clock, until);
	if (ret == 0) {
		acquire(sem);
	}
	return ret;
}
