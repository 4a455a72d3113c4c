/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/flatten.h"

#include <string.h>

#include "kalias/alias.h"

/*! The comment behind the record, up to the end of the line. */
static const char *find_comment(const entries_t *in, size_t *len)
{
	const char *start = in->file.text + in->file.end;
	size_t left = in->file.len - in->file.end;
	const char *end = memchr(start, '\n', left);
	*len = (end == NULL) ? left : (size_t)(end - start);
	return start;
}

bool flatten_has_tag(const entries_t *in, const char *tag)
{
	static const char mark[] = "cf_tags=", no[] = ":false";
	size_t len;
	const char *comment = find_comment(in, &len), *end = comment + len;
	const char *tags = memmem(comment, len, mark, strlen(mark));
	const char *found = (tags == NULL) ? NULL : memmem(tags, end - tags, tag, strlen(tag));
	if (found == NULL) {
		return false;
	}
	found += strlen(tag);
	while (found < end && strchr(":, \t", *found) == NULL) {
		found++;
	}
	return (size_t)(end - found) < strlen(no) || memcmp(found, no, strlen(no)) != 0;
}

/*! Whether one of the values of the option is about the current record. */
static bool is_meant(const rewrite_t *rewrite, const char *what)
{
	const entries_t *in = &rewrite->in;
	knot_dname_storage_t name;
	if (strcmp(what, FLATTEN_ALL) == 0) {
		return true;
	} else if (strcmp(what, FLATTEN_TAGGED) == 0) {
		return flatten_has_tag(in, "flatten");
	} else if (!in->has_name) {
		return false;
	} else if (strcmp(what, FLATTEN_APEX) == 0) {
		return rewrite->map.has_apex && knot_dname_is_equal(in->name, rewrite->map.apex);
	}
	return alias_read_name(name, what, rewrite->map.apex) && knot_dname_is_case_equal(name, in->name);
}

/*! Whether a label of the owner begins with "_": no host has such a name. */
static bool is_attribute(const entries_t *in)
{
	const knot_dname_t *label = in->name;
	while (in->has_name && label[0] != '\0' && label[1] != '_') {
		label += 1 + label[0];
	}
	return in->has_name && label[0] != '\0';
}

bool flatten_wants(rewrite_t *rewrite)
{
	const entries_t *in = &rewrite->in;
	bool meant = false, left = false;
	for (size_t i = 0; i < rewrite->flatten_count; i++) {
		const char *what = rewrite->flatten[i].what;
		if (!zonefile_is(&in->file, in->type, "CNAME") || !is_meant(rewrite, what)) {
			continue;
		}
		rewrite->flatten[i].used = true;
		if ((strcmp(what, FLATTEN_ALL) == 0 || strcmp(what, FLATTEN_TAGGED) == 0) && is_attribute(in)) {
			left = true;
		} else {
			meant = true;
		}
	}
	rewrite->left += left && !meant;
	zonemap_name_t *here = (meant && in->has_name) ? zonemap_find(&rewrite->map, in->name) : NULL;
	if (here != NULL) {
		here->kinds = (here->kinds & ~AT_CNAME) | AT_ALIAS;
	}
	return meant;
}

void flatten_warn(const rewrite_t *rewrite)
{
	const entries_t *in = &rewrite->in;
	zonemap_name_t *here = in->has_name ? zonemap_find(&rewrite->map, in->name) : NULL;
	if (here == NULL || here->told || (here->kinds & ~AT_CNAME) == 0) {
		return;
	}
	here->told = true;
	bool at_apex = rewrite->map.has_apex && knot_dname_is_equal(in->name, rewrite->map.apex);
	knot_dname_txt_storage_t name;
	(void)knot_dname_to_str(name, in->name, sizeof(name));
	warn("%s:%zu: %s has a CNAME and other records, which Knot DNS refuses: --flatten %s makes it an ALIAS",
	     rewrite->path, in->file.words[in->type].line, name, at_apex ? FLATTEN_APEX : name);
}

void flatten_warn_unused(const rewrite_t *rewrite)
{
	for (size_t i = 0; i < rewrite->flatten_count; i++) {
		if (!rewrite->flatten[i].used) {
			warn("%s: --flatten %s: there is no such CNAME", rewrite->path, rewrite->flatten[i].what);
		}
	}
}
