/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The file is text, one line for each thing, those of a zone behind its line, and those of a name behind its:
 *
 *   zone NAME SERIAL CHANGED
 *   name NAME
 *   set TYPE TTL VARIED RETURNS NEGATIVES NEGATIVE-SINCE
 *   address ADDRESS SEEN SINCE WRITTEN
 *
 * Times are Unix times. The file is replaced as a whole, so that there is always one that is complete.
 */

#include "kalias/expand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kalias/kalias.h"

#define HEAD "# kalias expand: the addresses that it has written into zones, version 1\n"

/*! Where the lines that follow belong. */
typedef struct {
	expand_t *expand;
	expand_zone_t *zone;
	expand_name_t *name;
	addrset_t *set;
	int family;
} place_t;

static bool read_name(knot_dname_storage_t name, const char *text)
{
	if (knot_dname_from_str(name, text, sizeof(knot_dname_storage_t)) == NULL) {
		return false;
	}
	knot_dname_to_lower(name);
	return true;
}

static bool read_set(place_t *place, const char *line)
{
	char type[8];
	addrset_t set = { 0 };
	if (place->name == NULL || sscanf(line, "set %7s %" SCNu32 " %" SCNd64 " %u %u %" SCNd64, type, &set.ttl, &set.varied,
	                                  &set.returns, &set.negatives, &set.negative_since) != 6) {
		return false;
	}
	addr_type_t id = strcmp(type, addr_name(ADDR_A)) == 0 ? ADDR_A : ADDR_AAAA;
	place->family = (id == ADDR_A) ? AF_INET : AF_INET6;
	place->set = &place->name->set[id];
	addrset_clear(place->set);
	set.len = place->set->len;
	*place->set = set;
	return strcmp(type, addr_name(id)) == 0;
}

static bool read_address(place_t *place, const char *line)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];
	int64_t seen, since;
	unsigned written;
	if (place->set == NULL ||
	    sscanf(line, "address %45s %" SCNd64 " %" SCNd64 " %u", text, &seen, &since, &written) != 4 ||
	    inet_pton(place->family, text, addr) != 1 || written > 1) {
		return false;
	}
	addrset_item_t *item = addrset_add(place->set, addr);
	if (item != NULL) {
		item->seen = seen;
		item->since = since;
		item->written = written;
	}
	return item != NULL;
}

static bool read_line(place_t *place, const char *line)
{
	static const char format[] = "%*s %1004s"; /* The longest name as text. */
	char text[sizeof(knot_dname_txt_storage_t)];
	knot_dname_storage_t name;
	if (strncmp(line, "set ", 4) == 0) {
		return read_set(place, line);
	} else if (strncmp(line, "address ", 8) == 0) {
		return read_address(place, line);
	}
	bool is_zone = strncmp(line, "zone ", 5) == 0;
	if ((!is_zone && strncmp(line, "name ", 5) != 0) || sscanf(line, format, text) != 1 || !read_name(name, text)) {
		return false;
	}
	place->set = NULL;
	if (!is_zone) {
		place->name = place->zone != NULL ? expand_name(place->zone, name) : NULL;
		if (place->name != NULL) {
			place->name->ours = true;
		}
		return place->name != NULL;
	}
	place->name = NULL;
	place->zone = expand_zone(place->expand, name);
	return sscanf(line, "zone %*s %" SCNu32 " %" SCNd64, &place->zone->serial, &place->zone->changed) == 2;
}

/*! \return 0, or the number of the first line that is wrong. */
static size_t read_lines(expand_t *expand, FILE *file)
{
	place_t place = { .expand = expand };
	char *line = NULL;
	size_t size = 0, number = 0;
	bool valid = true, ended = false;
	while (valid && getline(&line, &size, file) > 0) {
		number++;
		ended = strcmp(line, "end\n") == 0;
		valid = (number == 1) ? strcmp(line, HEAD) == 0 : (ended || read_line(&place, line));
	}
	free(line);
	return valid && ended ? 0 : number + valid;
}

bool expandfile_read(expand_t *expand)
{
	FILE *file = fopen(expand->path, "re");
	if (file == NULL && errno == ENOENT) {
		return true;
	} else if (file == NULL) {
		fail("%s: %s", expand->path, strerror(errno));
		return false;
	}
	size_t wrong = read_lines(expand, file);
	bool failed = ferror(file);
	fclose(file);
	if (failed) {
		fail("%s can't be read", expand->path);
		return false;
	} else if (wrong == 0) {
		return true;
	}
	/* What is behind the line is not known: names are taken over again by what the targets have. */
	for (size_t i = 0; i < expand->count; i++) {
		expand->zones[i]->serial = 0;
	}
	if (expand->options.dry_run) {
		warn("%s: line %zu is damaged", expand->path, wrong);
		return true;
	}
	char bad[PATH_MAX + 8];
	snprintf(bad, sizeof(bad), "%s.bad", expand->path);
	if (rename(expand->path, bad) != 0) {
		fail("%s: line %zu is damaged, and the file can't be moved: %s", expand->path, wrong, strerror(errno));
		return false;
	}
	warn("%s: line %zu is damaged, moved to %s", expand->path, wrong, bad);
	expand->is_dirty = true;
	return true;
}

static void write_set(FILE *file, const addrset_t *set, addr_type_t type, bool ahead)
{
	fprintf(file, "set %s %" PRIu32 " %" PRId64 " %u %u %" PRId64 "\n", addr_name(type), set->ttl, set->varied, set->returns,
	        set->negatives, set->negative_since);
	for (unsigned i = 0; i < set->count; i++) {
		char text[INET6_ADDRSTRLEN];
		fprintf(file, "address %s %" PRId64 " %" PRId64 " %d\n",
		        inet_ntop(type == ADDR_A ? AF_INET : AF_INET6, set->item[i].addr, text, sizeof(text)),
		        set->item[i].seen, set->item[i].since,
		        set->item[i].written || (ahead && set->item[i].wanted));
	}
}

static void write_zone(FILE *file, const expand_zone_t *zone, bool ahead)
{
	fprintf(file, "zone %s %" PRIu32 " %" PRId64 "\n", zone->text, ahead ? 0 : zone->serial, zone->changed);
	for (size_t i = 0; i < zone->count; i++) {
		const expand_name_t *name = zone->names[i];
		if (name->ours) {
			knot_dname_txt_storage_t text;
			fprintf(file, "name %s\n", knot_dname_to_str(text, name->name, sizeof(text)));
			for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
				write_set(file, &name->set[type], type, ahead);
			}
		}
	}
}

/*! Puts the name of a file on disk, too, so that a loss of power does not bring back the file from before. */
static void sync_directory(const char *path)
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
}

bool expandfile_write(expand_t *expand, bool ahead)
{
	char fresh[PATH_MAX + 8];
	snprintf(fresh, sizeof(fresh), "%s.new", expand->path);
	FILE *file = fopen(fresh, "we");
	if (file != NULL) {
		fputs(HEAD, file);
		for (size_t i = 0; i < expand->count; i++) {
			if (expand->zones[i]->count > 0) {
				write_zone(file, expand->zones[i], ahead && expand->zones[i]->is_due);
			}
		}
		fputs("end\n", file);
		bool written = fflush(file) == 0 && fsync(fileno(file)) == 0 && !ferror(file);
		written &= (fclose(file) == 0);
		if (written && rename(fresh, expand->path) == 0) {
			sync_directory(expand->path);
			expand->is_dirty = ahead;
			return true;
		}
	}
	fail("%s: %s; it is tried again", expand->path, strerror(errno));
	return false;
}
