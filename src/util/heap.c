/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "util/heap.h"

#include <assert.h>
#include <stdlib.h>
#include <libknot/errcode.h>

#define CAPACITY_MIN 4

void heap_deinit(heap_t *heap)
{
	free(heap->item);
}

int heap_reserve(heap_t *heap, uint32_t count)
{
	if (count <= heap->capacity) {
		return KNOT_EOK;
	}

	uint32_t capacity = heap->capacity > 0 ? heap->capacity : CAPACITY_MIN;
	while (capacity < count) {
		capacity += capacity / 2;
	}
	heap_item_t *item = realloc(heap->item, capacity * sizeof(*item));
	if (item == NULL) {
		return KNOT_ENOMEM;
	}
	heap->item = item;
	heap->capacity = capacity;
	return KNOT_EOK;
}

static void place(heap_t *heap, uint32_t i, heap_item_t item)
{
	heap->item[i] = item;
	item.node->pos = i + 1;
}

static void sift_up(heap_t *heap, uint32_t i, heap_item_t item)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / 2;
		if (heap->item[parent].key <= item.key) {
			break;
		}
		place(heap, i, heap->item[parent]);
		i = parent;
	}
	place(heap, i, item);
}

static void sift_down(heap_t *heap, uint32_t i, heap_item_t item)
{
	uint32_t child;
	while ((child = 2 * i + 1) < heap->count) {
		if (child + 1 < heap->count && heap->item[child + 1].key < heap->item[child].key) {
			child++;
		}
		if (item.key <= heap->item[child].key) {
			break;
		}
		place(heap, i, heap->item[child]);
		i = child;
	}
	place(heap, i, item);
}

int heap_insert(heap_t *heap, heap_node_t *node, uint64_t key)
{
	assert(node->pos == 0);
	int ret = heap_reserve(heap, heap->count + 1);
	if (ret == KNOT_EOK) {
		sift_up(heap, heap->count++, (heap_item_t){ .key = key, .node = node });
	}
	return ret;
}

void heap_remove(heap_t *heap, heap_node_t *node)
{
	assert(node->pos > 0 && heap->item[node->pos - 1].node == node);
	uint32_t i = node->pos - 1;
	node->pos = 0;

	heap_item_t last = heap->item[--heap->count];
	if (i == heap->count) {
		return;
	}
	if (i > 0 && last.key < heap->item[(i - 1) / 2].key) {
		sift_up(heap, i, last);
	} else {
		sift_down(heap, i, last);
	}
}
