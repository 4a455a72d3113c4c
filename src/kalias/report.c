/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/report.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void print_name(const knot_dname_t *name)
{
	knot_dname_txt_storage_t text;
	(void)knot_dname_to_str(text, name, sizeof(text));
	printf("%s", text);
}

static void count_statuses(size_t counts[PROBLEMS + 1], const inventory_t *inventory)
{
	memset(counts, 0, (PROBLEMS + 1) * sizeof(counts[0]));
	for (size_t i = 0; i < inventory->owner_count; i++) {
		counts[judge_status(inventory->owners[i]->problems)]++;
	}
}

static void print_address(const uint8_t addr[16], addr_type_t type)
{
	char text[INET6_ADDRSTRLEN];
	(void)inet_ntop(type == ADDR_A ? AF_INET : AF_INET6, addr, text, sizeof(text));
	printf("%s", text);
}

/* --- the table --- */

/*! Columns, with two spaces between. */
#define STATUS_WIDTH 10
#define OWNER_WIDTH_MAX 40

static int width_of(const knot_dname_t *name)
{
	knot_dname_txt_storage_t text;
	(void)knot_dname_to_str(text, name, sizeof(text));
	return strlen(text);
}

static int owner_width(const inventory_t *inventory)
{
	int width = strlen("OWNER");
	for (size_t i = 0; i < inventory->owner_count; i++) {
		int own = width_of(inventory->owners[i]->name);
		width = (own > width && own <= OWNER_WIDTH_MAX) ? own : width;
	}
	return width;
}

static void print_row(const check_owner_t *owner, int width)
{
	knot_dname_txt_storage_t name;
	(void)knot_dname_to_str(name, owner->name, sizeof(name));
	printf("%-*s  %-*s  ", STATUS_WIDTH, problem_name(judge_status(owner->problems)), width, name);
	for (unsigned i = 0; i < owner->findings.count; i++) {
		printf("%s", i > 0 ? " " : "");
		print_name(owner->target[i]->name);
	}
	printf("%s", owner->findings.count == 0 ? "-" : "");
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		const observed_t *observed = &owner->findings.plain[type];
		if (observed->count > 0) {
			printf("  %u %s", observed->ttl, addr_name(type));
		}
		for (unsigned i = 0; i < observed->count; i++) {
			printf(" ");
			print_address(observed->addr[i], type);
		}
	}
	printf("\n");

	for (problem_t problem = 0; problem < PROBLEMS; problem++) {
		if (has_problem(owner->problems, problem)) {
			char detail[DETAIL_MAX];
			report_detail(detail, owner, problem);
			printf("%-*s  %s\n", STATUS_WIDTH, "", detail);
		}
	}
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

	size_t counts[PROBLEMS + 1];
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

static void print_string(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		unsigned char c = *text;
		if (c == '"' || c == '\\') {
			printf("\\%c", c);
		} else if (c < ' ' || c > '~') {
			printf("\\u%04x", c);
		} else {
			putchar(c);
		}
	}
	putchar('"');
}

static void print_json_name(const char *key, const knot_dname_t *name)
{
	knot_dname_txt_storage_t text;
	(void)knot_dname_to_str(text, name, sizeof(text));
	printf("\"%s\":", key);
	print_string(text);
}

static void print_addresses(const observed_t *observed, addr_type_t type)
{
	printf("[");
	for (unsigned i = 0; i < observed->count; i++) {
		printf("%s\"", i > 0 ? "," : "");
		print_address(observed->addr[i], type);
		printf("\"");
	}
	printf("]");
}

static void print_number(const char *key, bool known, uint32_t number)
{
	if (known) {
		printf(",\"%s\":%u", key, number);
	} else {
		printf(",\"%s\":null", key);
	}
}

static void print_said(const char *key, const observed_t *observed, addr_type_t type)
{
	static const char *const kinds[] = {
		[OBSERVED_NOTHING] = "none",
		[OBSERVED_ADDRESSES] = "addresses",
		[OBSERVED_NODATA] = "nodata",
		[OBSERVED_NXDOMAIN] = "nxdomain",
		[OBSERVED_ERROR] = "error",
	};
	printf("\"%s\":{\"kind\":\"%s\",\"addresses\":", key, kinds[observed->kind]);
	print_addresses(observed, type);
	print_number("ttl", observed->kind == OBSERVED_ADDRESSES, observed->ttl);
	print_number("rcode", observed->kind != OBSERVED_NOTHING, observed->rcode);
	print_number("ede", observed->has_ede, observed->ede);
	printf(",\"signed\":%s}", observed->is_signed ? "true" : "false");
}

static void print_both(const observed_t observed[ADDR_TYPES], const char *a, const char *aaaa)
{
	print_said(a, &observed[ADDR_A], ADDR_A);
	printf(",");
	print_said(aaaa, &observed[ADDR_AAAA], ADDR_AAAA);
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
			char detail[DETAIL_MAX];
			report_detail(detail, owner, problem);
			printf("%s", separator);
			print_string(detail);
			separator = ",";
		}
	}
	printf("]");
}

static void print_record(const check_owner_t *owner)
{
	const findings_t *findings = &owner->findings;
	printf("{");
	print_json_name("zone", owner->zone->name);
	printf(",");
	print_json_name("owner", owner->name);
	printf(",");
	print_json_name("asked", owner->asked);
	printf(",\"ttl\":%u", owner->ttl);
	print_problems(owner);

	printf(",\"targets\":[");
	for (unsigned i = 0; i < findings->count; i++) {
		printf("%s{", i > 0 ? "," : "");
		print_json_name("name", owner->target[i]->name);
		printf(",");
		print_both(owner->target[i]->observed, "a", "aaaa");
		printf("}");
	}
	printf("],\"server\":{");
	print_both(findings->plain, "a", "aaaa");
	if (findings->zone_signed) {
		printf(",");
		print_both(findings->secure, "a_dnssec", "aaaa_dnssec");
	}
	printf("},\"own\":{\"a\":");
	print_addresses(&findings->own[ADDR_A], ADDR_A);
	printf(",\"aaaa\":");
	print_addresses(&findings->own[ADDR_AAAA], ADDR_AAAA);
	printf("}}");
}

void report_json(const inventory_t *inventory, bool complete)
{
	size_t counts[PROBLEMS + 1];
	count_statuses(counts, inventory);
	printf("{\"complete\":%s,\"checked\":%zu,\"counts\":{", complete ? "true" : "false", inventory->owner_count);
	for (problem_t problem = 0; problem <= PROBLEMS; problem++) {
		printf("%s\"%s\":%zu", problem > 0 ? "," : "", problem_name(problem), counts[problem]);
	}
	printf("},\"records\":[");
	for (size_t i = 0; i < inventory->owner_count; i++) {
		printf("%s\n", i > 0 ? "," : "");
		print_record(inventory->owners[i]);
	}
	printf("]}\n");
}
