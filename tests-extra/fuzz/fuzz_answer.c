/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Queries at a name with ALIAS, in a zone, with options and a cache that are all out of the input. */

#include <urcu.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_begin(data, size);
	while (world_query()) {
		rcu_read_lock();
		judge(knotd_answer());
		rcu_read_unlock();
	}
	world_end();
	fuzz_settle();
	return 0;
}
