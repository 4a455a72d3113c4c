/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "fuzz.h"

#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

uint8_t *fuzz_copy(const void *data, size_t len)
{
	uint8_t *copy = malloc(len);
	if (len > 0) {
		CHECK(copy != NULL);
		memcpy(copy, data, len);
	}
	return copy;
}

/* --- RCU with one thread: what is freed goes at the end of the input, and not by a thread of liburcu's --- */

static struct rcu_head *first;

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	head->next.next = (struct cds_wfcq_node *)first;
	first = head;
}

void rcu_barrier(void)
{
	while (first != NULL) {
		struct rcu_head *head = first;
		first = (struct rcu_head *)head->next.next;
		head->func(head);
	}
}

void fuzz_settle(void)
{
	rcu_barrier();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	rcu_register_thread();
	return 0;
}

/* --- the input --- */

size_t input_take(input_t *in, size_t len, const uint8_t **data)
{
	len = len < in->len ? len : in->len;
	*data = in->data;
	in->data += len;
	in->len -= len;
	return len;
}

uint8_t input_u8(input_t *in)
{
	const uint8_t *data;
	return input_take(in, 1, &data) == 1 ? *data : 0;
}

uint16_t input_u16(input_t *in)
{
	uint16_t high = input_u8(in);
	return high << 8 | input_u8(in);
}

uint32_t input_u32(input_t *in)
{
	uint32_t high = input_u16(in);
	return high << 16 | input_u16(in);
}
