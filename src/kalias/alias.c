/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Functions on text alone: the caller owns all memory. A rule that a text breaks is returned as a constant, which
 * becomes part of an error.
 */

#include "kalias/alias.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/descriptor.h>

#define GENERIC_PREFIX "\\#"
static const char digits[] = "0123456789abcdef";

#define LABEL_POINTER 0xC0 /* RFC 1035, section 4.1.4. */

bool alias_is_known(void)
{
	uint16_t type;
	return knot_rrtype_from_string(TYPE_ALIAS_NAME, &type) == 0 && type == RRTYPE_ALIAS;
}

bool alias_is_absolute(const char *text)
{
	bool dot = false;
	for (const char *pos = text; *pos != '\0'; pos++) {
		dot = (*pos == '.');
		if (*pos == '\\' && pos[1] != '\0') {
			pos++;
		}
	}
	return dot;
}

bool alias_read_name(knot_dname_storage_t name, const char *text, const knot_dname_t *origin)
{
	if (strcmp(text, "@") == 0) {
		return origin != NULL && knot_dname_store(name, origin) > 0;
	}
	for (const char *pos = text; *pos != '\0'; pos++) {
		if (*pos <= ' ' || *pos > '~') {
			return false; /* To be written as \DDD: what a terminal sends for it depends on its encoding. */
		}
	}
	if (knot_dname_from_str(name, text, KNOT_DNAME_MAXLEN) == NULL) {
		return false;
	}
	if (origin == NULL || alias_is_absolute(text)) {
		return true;
	}

	size_t labels_len = knot_dname_size(name) - 1, origin_len = knot_dname_size(origin);
	if (labels_len + origin_len > KNOT_DNAME_MAXLEN) {
		return false;
	}
	memcpy(name + labels_len, origin, origin_len);
	return true;
}

bool alias_read_zone(knot_dname_txt_storage_t zone, const char *text)
{
	knot_dname_storage_t name;
	return alias_read_name(name, text, NULL) && knot_dname_to_str(zone, name, sizeof(knot_dname_txt_storage_t)) != NULL;
}

bool alias_read_ttl(uint32_t *ttl, const char *text)
{
	static const char units[] = "smhdw";
	static const uint32_t seconds[] = { 1, 60, 3600, 86400, 604800 };

	uint64_t total = 0;
	bool with_units = false;
	do {
		char *end = NULL;
		uint64_t value = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
		if (end == NULL || value > ALIAS_TTL_MAX) {
			return false;
		}
		if (*end != '\0' || with_units) {
			const char *unit = memchr(units, tolower((unsigned char)*end), strlen(units));
			if (unit == NULL) {
				return false;
			}
			value *= seconds[unit - units];
			with_units = true;
			end++;
		}
		total += value;
		text = end;
	} while (*text != '\0' && total <= ALIAS_TTL_MAX);

	*ttl = total;
	return total <= ALIAS_TTL_MAX;
}

void alias_write_generic(char out[ALIAS_GENERIC_MAX], const knot_dname_t *target)
{
	size_t len = knot_dname_size(target);
	out += sprintf(out, GENERIC_PREFIX " %zu ", len);
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[target[i] >> 4];
		*out++ = digits[target[i] & 0xF];
	}
	*out = '\0';
}

/*! \return The rule that RDATA breaks, or NULL if it is one uncompressed name. It may be cut after the longest name. */
static const char *check_rdata(const uint8_t *rdata, size_t len)
{
	size_t pos = 0;
	while (pos < len && pos < KNOT_DNAME_MAXLEN && rdata[pos] != 0) {
		if (rdata[pos] >= LABEL_POINTER) {
			return "RDATA must not use name compression";
		} else if (rdata[pos] > KNOT_DNAME_MAXLABELLEN) {
			return "RDATA has a label longer than 63 octets";
		}
		pos += 1 + rdata[pos];
	}

	if (pos >= len) {
		return "RDATA ends within the name";
	} else if (pos >= KNOT_DNAME_MAXLEN) {
		return "RDATA has a name longer than 255 octets";
	} else if (pos + 1 < len) {
		return "RDATA has octets after the name";
	}
	return NULL;
}

/*! Reads a target from hexadecimal digits. If the length is negative, there may be any number of them. */
static const char *read_octets(knot_dname_storage_t target, const char *text, long length)
{
	uint8_t rdata[KNOT_DNAME_MAXLEN] = { 0 };
	long count = 0;
	for (; *text != '\0'; text++) {
		const char *digit = strchr(digits, tolower((unsigned char)*text));
		if (digit == NULL && !isspace((unsigned char)*text)) {
			return "RDATA must be hexadecimal digits";
		} else if (digit != NULL && count / 2 < KNOT_DNAME_MAXLEN) {
			rdata[count / 2] = rdata[count / 2] << 4 | (digit - digits);
		}
		count += (digit != NULL); /* Also what is cut. */
	}
	if (count % 2 != 0) {
		return "RDATA must have two hexadecimal digits for each octet";
	} else if (length >= 0 && count / 2 != length) {
		return "RDATA does not have the number of octets that follows \\#";
	}
	const char *rule = check_rdata(rdata, count / 2);
	if (rule == NULL) {
		memcpy(target, rdata, count / 2);
	}
	return rule;
}

const char *alias_read_hex(knot_dname_storage_t target, const char *text)
{
	return read_octets(target, text, -1);
}

const char *alias_read_generic(knot_dname_storage_t target, const char *text)
{
	text += strspn(text, " \t\r\n");
	size_t prefix_len = strlen(GENERIC_PREFIX);
	if (strncmp(text, GENERIC_PREFIX, prefix_len) != 0 || !isspace((unsigned char)text[prefix_len])) {
		return "RDATA must begin with \\# and a space";
	}
	text += prefix_len + strspn(text + prefix_len, " \t\r\n");

	char *end = NULL;
	long length = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : 0;
	if (end == NULL || (*end != '\0' && !isspace((unsigned char)*end))) {
		return "\\# must be followed by the number of octets";
	}
	return read_octets(target, end, length);
}
