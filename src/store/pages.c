/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Checks that the pages of a file are as LMDB writes them.
 *
 * LMDB trusts its file. A page with a wrong header makes LMDB overwrite other memory or pages in use, long after it
 * opened and read the file without an error, and no call of its API reports it. So each page in use is checked here
 * against file format 1 of lmdb.h, the format of all LMDB 0.9: the newer meta page, both trees (records, and lists of free
 * pages), the place, size and order of all nodes, and that no page is used twice.
 */

#include "store/check.h"

#include <lmdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

/* The following is the layout of LMDB's mdb.c, in the byte order and word size of the machine. */
_Static_assert(MDB_VERSION_MAJOR == 0 && MDB_VERSION_MINOR == 9, "another file format");

#define MAGIC 0xBEEFC0DE
#define FORMAT 1
#define PAGE_MIN 4096  /* LMDB takes the system's page size, ... */
#define PAGE_MAX 32768 /* ... up to this. */
#define METAS 2
#define NO_PAGE SIZE_MAX
#define DEPTH_MAX 32 /* CURSOR_STACK */
#define KEY_MAX 511  /* MDB_MAXKEYSIZE */

/*! Most pages at the end that may be free but never written. One transaction leaves at most
 *  MDB_IDL_UM_MAX of them, and LMDB uses these first. */
#define UNWRITTEN_MAX 131071

enum {
	P_BRANCH = 0x01,
	P_LEAF = 0x02,
	P_OVERFLOW = 0x04,
	P_META = 0x08,
};
enum {
	F_BIGDATA = 0x01,
	F_SUBDATA = 0x02,
};
enum {
	DB_FLAGS = MDB_REVERSEKEY | MDB_DUPSORT | MDB_INTEGERKEY | MDB_DUPFIXED | MDB_INTEGERDUP | MDB_REVERSEDUP,
};

typedef struct {
	size_t pgno;
	uint16_t pad;
	uint16_t flags;
	union {
		struct {
			uint16_t lower, upper;
		};              /*!< Bounds of the free space. */
		uint32_t pages; /*!< Number of pages of an overflow page. */
	};
	uint16_t ptrs[]; /*!< Offsets of the nodes, in the order of their keys. */
} page_t;

typedef struct {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint16_t lo, hi; /*!< Size of the data; in a branch, with `flags`, the number of the child page. */
#else
	uint16_t hi, lo;
#endif
	uint16_t flags;
	uint16_t key_len;
	uint8_t data[]; /*!< Key, then data. */
} page_node_t;

typedef struct {
	uint32_t pad; /*!< In the first tree of a meta page: the page size. */
	uint16_t flags;
	uint16_t depth;
	size_t branches;
	size_t leaves;
	size_t overflows;
	size_t entries;
	size_t root;
} tree_t;

typedef struct {
	uint32_t magic;
	uint32_t version;
	void *address;
	size_t map_size;
	tree_t free;
	tree_t main;
	size_t last; /*!< Highest page ever used. */
	size_t txn;
} meta_t;

_Static_assert(sizeof(page_t) == sizeof(size_t) + 8 && sizeof(page_node_t) == 8, "LMDB's layout");

typedef struct {
	const uint8_t *base;
	size_t page_size;
	size_t written; /*!< Pages in the file. */
	size_t pages;   /*!< Pages up to the highest ever used. */
	size_t txn;     /*!< Number of the last transaction. */
	uint8_t *taken; /*!< One bit per page: it is in a tree or free. */
	bool foreign;   /*!< The file has named databases. */
} file_t;

/*! A walk through a tree. */
typedef struct {
	file_t *file;
	bool is_free; /*!< It is the tree of free pages. */
	unsigned depth;
	tree_t found; /*!< Counts of what was found. */
} walk_t;

typedef struct {
	const uint8_t *data;
	size_t len;
} slice_t;

static const page_t *page_at(const file_t *file, size_t pgno)
{
	return (const page_t *)(file->base + pgno * file->page_size);
}

/*! Marks a page as in use or free. \return False if there is no such page, or it was marked before. */
static bool take_page(file_t *file, size_t pgno)
{
	if (pgno < METAS || pgno >= file->pages) {
		return false;
	}
	uint8_t bit = 1 << (pgno % 8);
	bool first = (file->taken[pgno / 8] & bit) == 0;
	file->taken[pgno / 8] |= bit;
	return first;
}

static size_t read_word(const uint8_t *data)
{
	size_t word;
	memcpy(&word, data, sizeof(word));
	return word;
}

/*! Compares keys as LMDB does. The key of a list of free pages is a number in the machine's byte order. */
static int compare_keys(const walk_t *walk, slice_t a, slice_t b)
{
	if (walk->is_free) {
		size_t left = read_word(a.data), right = read_word(b.data);
		return (left > right) - (left < right);
	}
	int cmp = memcmp(a.data, b.data, MIN(a.len, b.len));
	return cmp != 0 ? cmp : (a.len > b.len) - (a.len < b.len);
}

static bool check_key(const walk_t *walk, slice_t key)
{
	return walk->is_free ? key.len == sizeof(size_t) : (key.len > 0 && key.len <= KEY_MAX);
}

static size_t data_len(const page_node_t *node)
{
	return node->lo | (size_t)node->hi << 16;
}

static size_t child_of(const page_node_t *node)
{
	size_t pgno = node->lo | (size_t)node->hi << 16;
#if SIZE_MAX > UINT32_MAX
	pgno |= (size_t)node->flags << 32;
#endif
	return pgno;
}

/*! Octets of a node in its page. */
static size_t node_len(const page_node_t *node, bool is_leaf)
{
	size_t len = sizeof(*node) + node->key_len;
	if (is_leaf) {
		len += (node->flags & F_BIGDATA) ? sizeof(size_t) : data_len(node);
	}
	return len + len % 2;
}

/*! Checks that the nodes fill the space from the end of the free space to the end of the page, without overlap. */
static bool check_nodes(const file_t *file, const page_t *page, unsigned count, bool is_leaf)
{
	uint8_t used[PAGE_MAX / 2 / 8] = { 0 }; /* Nodes are aligned to 2 octets. */
	size_t total = 0;
	for (unsigned i = 0; i < count; i++) {
		size_t at = page->ptrs[i];
		if (at < page->upper || at % 2 != 0 || at + sizeof(page_node_t) > file->page_size) {
			return false;
		}
		size_t len = node_len((const page_node_t *)((const uint8_t *)page + at), is_leaf);
		if (len > file->page_size - at) {
			return false;
		}
		for (size_t half = at / 2; half < (at + len) / 2; half++) {
			if (used[half / 8] & 1 << (half % 8)) {
				return false;
			}
			used[half / 8] |= 1 << (half % 8);
		}
		total += len;
	}
	return total == file->page_size - page->upper;
}

/*! Checks the overflow pages of data that is too long for a node. \return The data, or NULL. */
static const uint8_t *check_overflow(walk_t *walk, size_t pgno, size_t len)
{
	file_t *file = walk->file;
	if (pgno < METAS || pgno >= file->written) {
		return NULL;
	}
	const page_t *page = page_at(file, pgno);
	if (page->pgno != pgno || page->flags != P_OVERFLOW ||
	    page->pages == 0 || page->pages > file->written - pgno ||
	    len > page->pages * file->page_size - sizeof(*page)) {
		return NULL;
	}
	for (size_t i = 0; i < page->pages; i++) {
		if (!take_page(file, pgno + i)) {
			return NULL;
		}
	}
	walk->found.overflows += page->pages;
	return (const uint8_t *)page + sizeof(*page);
}

/*! Checks a list of free pages: their count, then the page numbers from the highest to the lowest. */
static bool check_free(walk_t *walk, slice_t key, const uint8_t *data, size_t len)
{
	size_t txn = read_word(key.data);
	if (txn == 0 || txn > walk->file->txn || len < sizeof(size_t) || len % sizeof(size_t) != 0) {
		return false;
	}
	size_t count = read_word(data), above = SIZE_MAX;
	if (count > len / sizeof(size_t) - 1) {
		return false;
	}
	for (size_t i = 1; i <= count; i++) {
		size_t pgno = read_word(data + i * sizeof(size_t));
		if (pgno >= above || !take_page(walk->file, pgno)) {
			return false;
		}
		above = pgno;
	}
	return true;
}

static bool check_leaf(walk_t *walk, const page_node_t *node, slice_t key)
{
	size_t len = data_len(node);
	const uint8_t *data = node->data + node->key_len;
	walk->found.entries++;
	if (node->flags == F_BIGDATA) {
		data = check_overflow(walk, read_word(data), len);
	} else if (node->flags == F_SUBDATA && len == sizeof(tree_t) && !walk->is_free) {
		walk->file->foreign = true;
	} else if (node->flags != 0) {
		return false;
	}
	return data != NULL && (!walk->is_free || check_free(walk, key, data, len));
}

/*!
 * \brief Checks a page and all pages below it.
 *
 * \param level  1 for the root.
 * \param low    Lower bound of the keys, included; without data there is none.
 * \param high   Upper bound of the keys, excluded; without data there is none.
 */
static bool check_page(walk_t *walk, size_t pgno, unsigned level, slice_t low, slice_t high)
{
	file_t *file = walk->file;
	if (!take_page(file, pgno) || pgno >= file->written) {
		return false;
	}
	const page_t *page = page_at(file, pgno);
	bool is_leaf = (level == walk->depth);
	if (page->pgno != pgno || page->flags != (is_leaf ? P_LEAF : P_BRANCH) ||
	    page->lower < sizeof(*page) || page->lower % 2 != 0 ||
	    page->lower > page->upper || page->upper > file->page_size) {
		return false;
	}
	unsigned count = (page->lower - sizeof(*page)) / sizeof(page->ptrs[0]);
	if (count < (is_leaf ? 1 : 2) || !check_nodes(file, page, count, is_leaf)) {
		return false;
	}
	walk->found.leaves += is_leaf;
	walk->found.branches += !is_leaf;

	const page_node_t *child = NULL;
	for (unsigned i = 0; i < count; i++) {
		const page_node_t *node = (const page_node_t *)((const uint8_t *)page + page->ptrs[i]);
		slice_t key = { node->data, node->key_len };
		/* The first key of a branch has no meaning. */
		if (is_leaf || i > 0) {
			if (!check_key(walk, key) ||
			    (low.data != NULL && compare_keys(walk, key, low) < (i > 0)) ||
			    (high.data != NULL && compare_keys(walk, key, high) >= 0) ||
			    (is_leaf && !check_leaf(walk, node, key)) ||
			    (!is_leaf && !check_page(walk, child_of(child), level + 1, low, key))) {
				return false;
			}
			low = key;
		}
		child = node;
	}
	return is_leaf || check_page(walk, child_of(child), level + 1, low, high);
}

static bool check_tree(file_t *file, const tree_t *tree, bool is_free)
{
	walk_t walk = { .file = file, .is_free = is_free, .depth = tree->depth };
	if (tree->root == NO_PAGE) {
		if (tree->depth != 0) {
			return false;
		}
	} else if (tree->depth == 0 || tree->depth > DEPTH_MAX ||
	           !check_page(&walk, tree->root, 1, (slice_t){ NULL }, (slice_t){ NULL })) {
		return false;
	}

	return walk.found.entries == tree->entries && walk.found.branches == tree->branches &&
	       walk.found.leaves == tree->leaves && walk.found.overflows == tree->overflows;
}

/*! Reads both meta pages. \return The one that LMDB uses, or NULL if it would not open the file. */
static const meta_t *find_meta(const uint8_t *base, size_t size)
{
	if (size < METAS * PAGE_MIN) {
		return NULL;
	}
	const meta_t *first = (const meta_t *)(base + sizeof(page_t));
	size_t page_size = first->free.pad;
	if (page_size < PAGE_MIN || page_size > PAGE_MAX || (page_size & (page_size - 1)) != 0 ||
	    size < METAS * page_size) {
		return NULL;
	}
	const meta_t *meta[METAS] = { first, (const meta_t *)(base + page_size + sizeof(page_t)) };
	for (unsigned i = 0; i < METAS; i++) {
		const page_t *page = (const page_t *)(base + i * page_size);
		if ((page->flags & P_META) == 0 || meta[i]->magic != MAGIC ||
		    meta[i]->version != FORMAT || meta[i]->free.pad != page_size) {
			return NULL;
		}
	}

	/* A transaction writes the meta page of its number modulo 2, so the next one must write the older page. */
	unsigned newer = meta[0]->txn < meta[1]->txn;
	return meta[newer]->txn % METAS == newer ? meta[newer] : NULL;
}

static bool is_lmdb(const uint8_t *base, size_t size)
{
	if (size < sizeof(page_t) + sizeof(meta_t)) {
		return false;
	}
	const meta_t *meta = (const meta_t *)(base + sizeof(page_t));
	return meta->magic == MAGIC && meta->version == FORMAT;
}

check_t check_pages(const uint8_t *base, size_t size)
{
	if (!is_lmdb(base, size)) {
		return CHECK_FOREIGN;
	}
	const meta_t *meta = find_meta(base, size);
	if (meta == NULL || meta->txn > SIZE_MAX / 2 || (meta->free.flags & DB_FLAGS) != MDB_INTEGERKEY) {
		return CHECK_DAMAGED;
	}
	if ((meta->main.flags & DB_FLAGS) != 0) {
		return CHECK_FOREIGN;
	}

	file_t file = { .base = base, .page_size = meta->free.pad, .txn = meta->txn };
	file.written = size / file.page_size;
	file.pages = meta->last + 1;
	if (meta->last < METAS - 1 || meta->last >= file.written + UNWRITTEN_MAX) {
		return CHECK_DAMAGED;
	}
	size_t taken_len = file.pages / 8 + 1;
	file.taken = calloc(1, taken_len);
	if (file.taken == NULL) {
		return CHECK_FAILED;
	}
	bool sound = check_tree(&file, &meta->main, false) && check_tree(&file, &meta->free, true);
	free(file.taken);

	if (!sound) {
		return CHECK_DAMAGED;
	}
	return file.foreign ? CHECK_FOREIGN : CHECK_SOUND;
}
