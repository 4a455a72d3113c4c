/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Prints to standard output, and owns nothing. The first part writes the sentences of both forms of the report. The
 * table and JSON follow.
 */

#include "kalias/check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "kalias/kalias.h"
#include "kalias/print.h"
#include "util/name.h"

/*! Addresses that a sentence lists. More would not fit in a line. */
#define LISTED_MAX 4

/*! Columns of the table, with two spaces between. */
#define STATUS_WIDTH 10

static void print_address(FILE *out, const uint8_t addr[16], addr_type_t type)
{
	char text[INET6_ADDRSTRLEN];
	fputs(inet_ntop(type == ADDR_A ? AF_INET : AF_INET6, addr, text, sizeof(text)), out);
}

/* --- what is wrong, as a sentence --- */

static void print_addresses(FILE *out, const observed_t *observed, addr_type_t type, unsigned max)
{
	for (unsigned i = 0; i < observed->count && i < max; i++) {
		fputs(i > 0 ? " " : "", out);
		print_address(out, observed->addr[i], type);
	}
	if (observed->count > max) {
		fprintf(out, " and %u more", observed->count - max);
	}
}

static void print_rcode(FILE *out, uint16_t rcode)
{
	const knot_lookup_t *known = knot_lookup_by_id(knot_rcode_names, rcode);
	if (rcode == KNOT_RCODE_NOERROR) {
		fprintf(out, "no answer from the zone, but a referral or the like");
	} else if (known != NULL) {
		fputs(known->name, out);
	} else {
		fprintf(out, "RCODE %u", rcode);
	}
}

static void print_observed(FILE *out, const observed_t *observed, addr_type_t type)
{
	switch (observed->kind) {
	case OBSERVED_ADDRESSES:
		print_addresses(out, observed, type, LISTED_MAX);
		break;
	case OBSERVED_NODATA:
		fputs("nothing", out);
		break;
	case OBSERVED_NXDOMAIN:
	case OBSERVED_ERROR:
		print_rcode(out, observed->rcode);
		break;
	case OBSERVED_NOTHING:
		fprintf(out, "no reply (%s)", observed->why != NULL ? observed->why : "not asked");
		break;
	}
	if (observed->has_ede) {
		fprintf(out, ", EDE %u", observed->ede);
	}
}

/*! Whether a target has a problem. */
static bool concerns(const check_owner_t *owner, unsigned i, problem_t problem)
{
	switch (problem) {
	case PROBLEM_BUILTIN:
		return owner->target[i]->is_elsewhere;
	case PROBLEM_DENIED:
		return judge_denied(&owner->findings, i) != DENIED_NOT;
	default:
		return has_problem(judge_target(owner->target[i]->observed), problem);
	}
}

/*! Prints the targets that have a problem. */
static void print_targets(FILE *out, const check_owner_t *owner, problem_t problem)
{
	const char *separator = "";
	for (unsigned i = 0; i < owner->findings.count; i++) {
		const check_target_t *target = owner->target[i];
		if (concerns(owner, i, problem)) {
			knot_dname_txt_storage_t name;
			fprintf(out, "%s%s", separator, knot_dname_to_str(name, target->name, sizeof(name)));
			separator = ", ";
		}
	}
}

/*! Prints what the section rules out, and by which option. */
static void print_denied(FILE *out, const check_owner_t *owner)
{
	static const char *const rules[] = {
		[DENIED_TARGET] = "deny-target or allow-target of the section rules out ",
		[DENIED_ADDRESSES] = "deny-address of the section rules out all addresses of ",
	};
	const char *separator = "";
	for (unsigned i = 0; i < owner->findings.count; i++) {
		denied_t denied = judge_denied(&owner->findings, i);
		if (denied != DENIED_NOT) {
			knot_dname_txt_storage_t name;
			const char *text = knot_dname_to_str(name, owner->target[i]->name, sizeof(name));
			fprintf(out, "%s%s%s", separator, rules[denied], text);
			separator = ", ";
		}
	}
}

/*! Why the resolver has not answered. */
static const char *find_reason(const check_owner_t *owner)
{
	for (unsigned i = 0; i < owner->findings.count; i++) {
		for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
			const observed_t *observed = &owner->target[i]->observed[type];
			if (observed->kind == OBSERVED_NOTHING && observed->why != NULL) {
				return observed->why;
			}
		}
	}
	return "fails";
}

static void print_server(FILE *out, const observed_t observed[ADDR_TYPES])
{
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		fprintf(out, "%s%s ", type > 0 ? "; " : "", addr_name(type));
		print_observed(out, &observed[type], type);
	}
}

/*! Prints both sides, for each type for which they have nothing in common. */
static void print_difference(FILE *out, const findings_t *findings)
{
	const char *separator = "";
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		observed_t all = { .kind = OBSERVED_NODATA };
		for (unsigned i = 0; i < findings->count; i++) {
			const observed_t *observed = &findings->target[i][type];
			for (unsigned k = 0; k < observed->count; k++) {
				observed_add_address(&all, observed->addr[k], sizeof(observed->addr[k]));
			}
		}
		if (!judge_meets(findings, type) || (all.count == 0 && findings->plain[type].count > 0)) {
			fprintf(out, "%s%s: server ", separator, addr_name(type));
			print_observed(out, &findings->plain[type], type);
			fputs(", resolver ", out);
			print_observed(out, &all, type);
			separator = "; ";
		}
		observed_clear(&all);
	}
}

/*! What is constant of the sentences. Targets come before it, or what was said after it. */
static const char *const sentences[PROBLEMS] = {
	[PROBLEM_MALFORMED] = "has records that the server ignores: RDATA that is not one domain name, more than ",
	[PROBLEM_CNAME] = "has a CNAME as well",
	[PROBLEM_LOOP] = "the way of its targets is a loop",
	[PROBLEM_BUILTIN] = "the zone has " MODULE_NAME_SHARED " of Knot DNS itself, write " MODULE_NAME_FREE
			    "; only targets in zones of this server are served, not ",
	[PROBLEM_NO_ANSWER] = "the server does not answer: ",
	[PROBLEM_UNRESOLVED] = "the resolver ",
	[PROBLEM_DANGLING] = " does not exist",
	[PROBLEM_NO_ADDRESS] = " has neither A nor AAAA",
	[PROBLEM_SERVFAIL] = "the server fails: ",
	[PROBLEM_NOT_SERVED] = "the server has none of the target's addresses: ",
	[PROBLEM_STALE] = "the server's addresses are old ones: ",
	[PROBLEM_INCOMPLETE] = "the server lacks addresses that it should have: ",
	[PROBLEM_DENIED] = "",
	[PROBLEM_DIFFERS] = "",
	[PROBLEM_UNSIGNED] = "clients that ask for signatures get none over the addresses, see \"Signed elsewhere\" under DNSSEC in "
			     "mod-alias(5): ",
};

static void print_detail(FILE *out, const check_owner_t *owner, problem_t problem)
{
	const findings_t *findings = &owner->findings;
	if (problem == PROBLEM_NOT_SERVED && findings->module == MODULE_ABSENT) {
		fprintf(out, "the zone does not have " MODULE_NAME_STR " in its configuration");
		return;
	}
	if (problem == PROBLEM_DANGLING || problem == PROBLEM_NO_ADDRESS) {
		print_targets(out, owner, problem);
	}
	fputs(sentences[problem], out);
	switch (problem) {
	case PROBLEM_MALFORMED:
		fprintf(out, "%d targets, or %d records", ALIAS_TARGETS_MAX, ALIAS_RECORDS_MAX);
		break;
	case PROBLEM_BUILTIN:
		print_targets(out, owner, problem);
		break;
	case PROBLEM_UNRESOLVED:
		fprintf(out, "%s for ", find_reason(owner));
		print_targets(out, owner, problem);
		break;
	case PROBLEM_NO_ANSWER:
	case PROBLEM_SERVFAIL:
	case PROBLEM_STALE:
		print_server(out, findings->plain);
		break;
	case PROBLEM_DENIED:
		print_denied(out, owner);
		break;
	case PROBLEM_NOT_SERVED:
	case PROBLEM_INCOMPLETE:
	case PROBLEM_DIFFERS:
		print_difference(out, findings);
		break;
	case PROBLEM_UNSIGNED:
		print_server(out, findings->secure);
		break;
	default:
		break;
	}
}

/*! Adds to counts how many owners have each status. */
static void count_statuses(size_t counts[PROBLEMS + 1], const inventory_t *inventory)
{
	for (size_t i = 0; i < inventory->owner_count; i++) {
		counts[judge_status(inventory->owners[i]->problems)]++;
	}
}

/* --- the table --- */

static int owner_width(const inventory_t *inventory)
{
	int width = strlen("OWNER");
	for (size_t i = 0; i < inventory->owner_count; i++) {
		width = print_column(width, inventory->owners[i]->name);
	}
	return width;
}

static void print_row(const check_owner_t *owner, int width)
{
	printf("%-*s  ", STATUS_WIDTH, problem_name(judge_status(owner->problems)));
	print_name(width, owner->name);
	for (unsigned i = 0; i < owner->findings.count; i++) {
		printf("%s", i > 0 ? " " : "  ");
		print_name(0, owner->target[i]->name);
	}
	printf("%s", owner->findings.count == 0 ? "  -" : "");
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		const observed_t *observed = &owner->findings.plain[type];
		if (observed->count > 0) {
			printf("  %u %s ", observed->ttl, addr_name(type));
			print_addresses(stdout, observed, type, observed->count);
		}
	}
	printf("\n");

	for (problem_t problem = 0; problem < PROBLEMS; problem++) {
		if (has_problem(owner->problems, problem)) {
			printf("%-*s  ", STATUS_WIDTH, "");
			print_detail(stdout, owner, problem);
			printf("\n");
		}
	}
}

/*! Prints which resolvers were asked, and those that the server asks. */
static void print_section(const inventory_t *inventory, const check_section_t *section)
{
	char asked[RESOLVERS_TEXT_MAX], own[RESOLVERS_TEXT_MAX];
	resolvers_print(asked, &inventory->sets[section->set].resolvers);
	resolvers_print(own, &section->section.resolvers);
	printf("resolver %s asked for %zu zone%s", asked, section->zones, section->zones == 1 ? "" : "s");
	if (section->section.state == MODULE_UNKNOWN) {
		printf(", whose module knotd does not tell\n");
		return;
	} else if (section->section.state != MODULE_PRESENT) {
		printf(" without " MODULE_NAME_STR "\n");
		return;
	}
	if (inventory->given) {
		printf("; the server asks %s: ", own[0] != '\0' ? own : "nobody");
	} else {
		printf(", as the server does: ");
	}
	printf("%s of %s\n", section->system ? "resolv.conf, without option 'resolver'" : "option 'resolver'",
	       section->section.name);
}

void report_table(const inventory_t *inventory)
{
	int width = owner_width(inventory);
	if (inventory->owner_count > 0) {
		printf("%-*s  %-*s  %s\n", STATUS_WIDTH, "STATUS", width, "OWNER", "TARGETS  TTL TYPE ADDRESSES");
	}
	for (int wrong = 0; wrong <= 1; wrong++) {
		for (size_t i = 0; i < inventory->owner_count; i++) {
			if ((inventory->owners[i]->problems != 0) == wrong) {
				print_row(inventory->owners[i], width);
			}
		}
	}

	for (unsigned i = 0; i < inventory->section_count; i++) {
		print_section(inventory, &inventory->sections[i]);
	}
	size_t counts[PROBLEMS + 1] = { 0 };
	count_statuses(counts, inventory);
	printf("%zu checked: %zu ok", inventory->owner_count, counts[PROBLEMS]);
	for (problem_t problem = 0; problem < PROBLEMS; problem++) {
		if (counts[problem] > 0) {
			printf(", %zu %s", counts[problem], problem_name(problem));
		}
	}
	printf("\n");
}

/* --- JSON --- */

static void print_json_addresses(const observed_t *observed, addr_type_t type)
{
	printf("[");
	for (unsigned i = 0; i < observed->count; i++) {
		printf("%s\"", i > 0 ? "," : "");
		print_address(stdout, observed->addr[i], type);
		printf("\"");
	}
	printf("]");
}

static void print_number(const char *before, bool known, uint32_t number)
{
	if (known) {
		printf("%s%u", before, number);
	} else {
		printf("%snull", before);
	}
}

static void print_json_observed(const char *before, const observed_t *observed, addr_type_t type)
{
	static const char *const kinds[] = {
		[OBSERVED_NOTHING] = "none",
		[OBSERVED_ADDRESSES] = "addresses",
		[OBSERVED_NODATA] = "nodata",
		[OBSERVED_NXDOMAIN] = "nxdomain",
		[OBSERVED_ERROR] = "error",
	};
	printf("%s{\"kind\":\"%s\",\"addresses\":", before, kinds[observed->kind]);
	print_json_addresses(observed, type);
	print_number(",\"ttl\":", observed->kind == OBSERVED_ADDRESSES, observed->ttl);
	print_number(",\"rcode\":", observed->kind != OBSERVED_NOTHING, observed->rcode);
	print_number(",\"ede\":", observed->has_ede, observed->ede);
	printf(",\"signed\":%s}", observed->is_signed ? "true" : "false");
}

static void print_both(const observed_t observed[ADDR_TYPES], const char *a, const char *aaaa)
{
	print_json_observed(a, &observed[ADDR_A], ADDR_A);
	print_json_observed(aaaa, &observed[ADDR_AAAA], ADDR_AAAA);
}

static void print_json_detail(const check_owner_t *owner, problem_t problem)
{
	char *text = NULL;
	size_t len;
	FILE *out = not_null(open_memstream(&text, &len));
	print_detail(out, owner, problem);
	fclose(out);
	print_json_string(not_null(text));
	free(text);
}

static void print_problems(const check_owner_t *owner)
{
	const char *separator = "";
	printf(",\"status\":\"%s\",\"problems\":[", problem_name(judge_status(owner->problems)));
	for (problem_t problem = 0; problem < PROBLEMS; problem++) {
		if (has_problem(owner->problems, problem)) {
			printf("%s\"%s\"", separator, problem_name(problem));
			separator = ",";
		}
	}
	printf("],\"details\":[");
	separator = "";
	for (problem_t problem = 0; problem < PROBLEMS; problem++) {
		if (has_problem(owner->problems, problem)) {
			printf("%s", separator);
			print_json_detail(owner, problem);
			separator = ",";
		}
	}
	printf("]");
}

static void print_record(const check_owner_t *owner)
{
	const findings_t *findings = &owner->findings;
	printf("{\"zone\":");
	print_json_name(owner->zone->name);
	printf(",\"owner\":");
	print_json_name(owner->name);
	printf(",\"asked\":");
	print_json_name(owner->asked);
	printf(",\"ttl\":%u", owner->ttl);
	print_problems(owner);

	printf(",\"targets\":[");
	for (unsigned i = 0; i < findings->count; i++) {
		printf("%s{\"name\":", i > 0 ? "," : "");
		print_json_name(owner->target[i]->name);
		print_both(owner->target[i]->observed, ",\"a\":", ",\"aaaa\":");
		printf("}");
	}
	printf("],\"server\":{");
	print_both(findings->plain, "\"a\":", ",\"aaaa\":");
	if (findings->zone_signed) {
		print_both(findings->secure, ",\"a_dnssec\":", ",\"aaaa_dnssec\":");
	}
	printf("},\"own\":{\"a\":");
	print_json_addresses(&findings->own[ADDR_A], ADDR_A);
	printf(",\"aaaa\":");
	print_json_addresses(&findings->own[ADDR_AAAA], ADDR_AAAA);
	printf("}}");
}

static void print_json_resolvers(const resolvers_t *resolvers)
{
	printf("[");
	for (unsigned i = 0; i < resolvers->count; i++) {
		char text[RESOLVERS_TEXT_MAX];
		resolvers_t one = { .count = 1 };
		one.server[0] = resolvers->server[i];
		resolvers_print(text, &one);
		printf("%s\"%s\"", i > 0 ? "," : "", text);
	}
	printf("]");
}

static void print_zone(const inventory_t *inventory, const check_zone_t *zone)
{
	const check_section_t *section = &inventory->sections[zone->section];
	printf("{\"zone\":");
	print_json_name(zone->name);
	printf(",\"resolver_asked\":");
	print_json_resolvers(&inventory->sets[section->set].resolvers);
	if (section->section.state != MODULE_PRESENT) {
		printf(",\"module\":null,\"resolver\":null,\"resolver_from\":null}");
		return;
	}
	printf(",\"module\":");
	print_json_string(section->section.name);
	printf(",\"resolver\":");
	print_json_resolvers(&section->section.resolvers);
	printf(",\"resolver_from\":\"%s\"}", section->system ? "resolv.conf" : "option");
}

void report_json(const inventory_t *inventory, bool complete)
{
	size_t counts[PROBLEMS + 1] = { 0 };
	count_statuses(counts, inventory);
	printf("{\"complete\":%s,\"checked\":%zu,\"counts\":{", complete ? "true" : "false", inventory->owner_count);
	for (problem_t problem = 0; problem <= PROBLEMS; problem++) {
		printf("%s\"%s\":%zu", problem > 0 ? "," : "", problem_name(problem), counts[problem]);
	}
	printf("},\"zones\":[");
	const check_zone_t *zone = NULL;
	for (size_t i = 0; i < inventory->owner_count; i++) {
		if (inventory->owners[i]->zone != zone) {
			printf("%s\n", zone != NULL ? "," : "");
			zone = inventory->owners[i]->zone;
			print_zone(inventory, zone);
		}
	}
	printf("],\"records\":[");
	for (size_t i = 0; i < inventory->owner_count; i++) {
		printf("%s\n", i > 0 ? "," : "");
		print_record(inventory->owners[i]);
	}
	printf("]}\n");
}
