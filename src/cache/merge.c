/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "cache/merge.h"

#include <stdint.h>
#include <string.h>
#include <libknot/errcode.h>

int merge_rdata(knot_rdataset_t *to, const knot_rdataset_t *other, knot_mm_t *mm)
{
	if (other->count == 0) {
		return KNOT_EOK;
	}
	if (to->count + other->count > UINT16_MAX) {
		return KNOT_ESPACE;
	}
	knot_rdataset_t all = { .rdata = mm->alloc(mm->ctx, to->size + other->size) };
	if (all.rdata == NULL) {
		return KNOT_ENOMEM;
	}

	uint8_t *end = (uint8_t *)all.rdata;
	knot_rdata_t *a = to->rdata, *b = other->rdata;
	for (uint16_t a_left = to->count, b_left = other->count; a_left > 0 || b_left > 0; all.count++) {
		int cmp = (a_left == 0) - (b_left == 0);
		if (cmp == 0) {
			cmp = knot_rdata_cmp(a, b);
		}
		knot_rdata_t *least = (cmp <= 0) ? a : b;
		size_t size = knot_rdata_size(least->len);
		memcpy(end, least, size);
		end += size;
		if (cmp <= 0) {
			a = knot_rdataset_next(a);
			a_left--;
		}
		if (cmp >= 0) {
			b = knot_rdataset_next(b);
			b_left--;
		}
	}
	all.size = end - (uint8_t *)all.rdata;

	knot_rdataset_clear(to, mm);
	*to = all;
	return KNOT_EOK;
}
