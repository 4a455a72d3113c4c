/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/style.h"

#include "kalias/alias.h"

#define TYPE_ANAME "ANAME"

bool style_is_alias(const zonefile_t *file, size_t index)
{
	return zonefile_is(file, index, TYPE_ALIAS_NAME) || zonefile_is(file, index, TYPE_ANAME) ||
	       zonefile_is(file, index, TYPE_ALIAS_GENERIC);
}

bool style_is_directive(const zonefile_t *file)
{
	return file->has_owner && file->text[file->words[0].start] == '$';
}

bool style_is_include(const zonefile_t *file)
{
	return style_is_directive(file) && zonefile_is(file, 0, "$INCLUDE") && file->count > 1;
}

bool style_find_change(change_t *change, const style_t *style, const zonefile_t *file)
{
	if (style_is_directive(file)) {
		return false;
	}
	size_t type = zonefile_type(file, file->has_owner ? 1 : 0);
	if (!style_is_alias(file, type)) {
		return false;
	}

	change->type = type;
	change->generic = zonefile_is(file, type + 1, "\\#");
	bool is_numeric = zonefile_is(file, type, TYPE_ALIAS_GENERIC);
	if (style->to_alias) {
		change->change_rdata = change->generic;
		change->change_type = !zonefile_is(file, type, TYPE_ALIAS_NAME);
	} else {
		change->change_rdata = !style->mnemonic && !change->generic;
		change->change_type = style->mnemonic ? zonefile_is(file, type, TYPE_ANAME) : !is_numeric;
	}
	return change->change_type || change->change_rdata;
}
