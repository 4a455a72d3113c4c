/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Binary min-heap of nodes that lie in the caller's structures.
 *
 * Not thread-safe. All operations on a node take O(log n).
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*! A node is in one heap at most; zeroed before first use. */
typedef struct {
	uint32_t pos; /*!< Place in the heap, counted from 1; 0: in no heap. */
} heap_node_t;

typedef struct {
	uint64_t key;
	heap_node_t *node;
} heap_item_t;

/*! Zeroed before first use. */
typedef struct {
	heap_item_t *item;
	uint32_t count;
	uint32_t capacity;
} heap_t;

/*! \brief Frees what the heap allocated, not its nodes. */
void heap_deinit(heap_t *heap);

/*! \brief Allocates space for `count` nodes in total. \return KNOT_ENOMEM, and the heap is unchanged, or KNOT_EOK. */
int heap_reserve(heap_t *heap, uint32_t count);

/*! \brief Inserts a node. \return KNOT_ENOMEM if no space is reserved and memory is out, or KNOT_EOK. */
int heap_insert(heap_t *heap, heap_node_t *node, uint64_t key);

/*! \brief Removes a node. */
void heap_remove(heap_t *heap, heap_node_t *node);

/*! \brief The key of a node that is in the heap. */
static inline uint64_t heap_key(const heap_t *heap, const heap_node_t *node)
{
	return heap->item[node->pos - 1].key;
}

/*! \brief The item with the lowest key, or NULL. */
static inline const heap_item_t *heap_top(const heap_t *heap)
{
	return heap->count > 0 ? &heap->item[0] : NULL;
}
