/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kalias/report.h"
#include "util/name.h"

/*! Addresses that are listed; more would not fit a line. */
#define LISTED_MAX 4

/*! A text of bounded length; what does not fit is left out. */
typedef struct {
	char *pos;
	size_t room;
} text_t;

static void add(text_t *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(text_t *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text->pos, text->room, format, args);
	va_end(args);
	size_t used = (len < 0) ? 0 : ((size_t)len < text->room ? (size_t)len : text->room - 1);
	text->pos += used;
	text->room -= used;
}

static void add_name(text_t *text, const knot_dname_t *name)
{
	knot_dname_txt_storage_t storage;
	if (knot_dname_to_str(storage, name, sizeof(storage)) != NULL) {
		add(text, "%s", storage);
	}
}

static void add_addresses(text_t *text, const observed_t *observed, addr_type_t type)
{
	for (unsigned i = 0; i < observed->count && i < LISTED_MAX; i++) {
		char addr[INET6_ADDRSTRLEN];
		(void)inet_ntop(type == ADDR_A ? AF_INET : AF_INET6, observed->addr[i], addr, sizeof(addr));
		add(text, "%s%s", i > 0 ? " " : "", addr);
	}
	if (observed->count > LISTED_MAX) {
		add(text, " and %u more", observed->count - LISTED_MAX);
	}
}

static void add_said(text_t *text, const observed_t *observed, addr_type_t type)
{
	const knot_lookup_t *rcode;
	switch (observed->kind) {
	case OBSERVED_ADDRESSES:
		add_addresses(text, observed, type);
		break;
	case OBSERVED_NODATA:
		add(text, "nothing");
		break;
	case OBSERVED_NXDOMAIN:
		add(text, "NXDOMAIN");
		break;
	case OBSERVED_ERROR:
		rcode = knot_lookup_by_id(knot_rcode_names, observed->rcode);
		if (observed->rcode == KNOT_RCODE_NOERROR) {
			add(text, "no answer from the zone, but a referral or the like");
		} else if (rcode != NULL) {
			add(text, "%s", rcode->name);
		} else {
			add(text, "RCODE %u", observed->rcode);
		}
		break;
	case OBSERVED_NOTHING:
		add(text, "no reply (%s)", observed->why != NULL ? observed->why : "not asked");
		break;
	}
	if (observed->has_ede) {
		add(text, ", EDE %u", observed->ede);
	}
}

/*! Which targets a problem is about. */
static bool concerns(const check_target_t *target, problem_t problem)
{
	const observed_kind_t a = target->observed[ADDR_A].kind, aaaa = target->observed[ADDR_AAAA].kind;
	switch (problem) {
	case PROBLEM_UNRESOLVED:
		return a == OBSERVED_NOTHING || a == OBSERVED_ERROR || aaaa == OBSERVED_NOTHING || aaaa == OBSERVED_ERROR;
	case PROBLEM_DANGLING:
		return a == OBSERVED_NXDOMAIN || aaaa == OBSERVED_NXDOMAIN;
	default:
		return a == OBSERVED_NODATA && aaaa == OBSERVED_NODATA;
	}
}

static void add_targets(text_t *text, const check_owner_t *owner, problem_t problem)
{
	const char *separator = "";
	for (unsigned i = 0; i < owner->findings.count; i++) {
		if (concerns(owner->target[i], problem)) {
			add(text, "%s", separator);
			add_name(text, owner->target[i]->name);
			separator = ", ";
		}
	}
}

/*! Why the resolver did not serve. */
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

static void add_server(text_t *text, const observed_t *observed)
{
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		add(text, "%s%s ", type > 0 ? "; " : "", addr_name(type));
		add_said(text, &observed[type], type);
	}
}

/*! Both sides, where they do not meet. */
static void add_both(text_t *text, const check_owner_t *owner)
{
	const findings_t *findings = &owner->findings;
	const char *separator = "";
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		observed_t all = { 0 };
		for (unsigned i = 0; i < findings->count; i++) {
			const observed_t *observed = &findings->target[i][type];
			for (unsigned k = 0; k < observed->count; k++) {
				observed_add_address(&all, observed->addr[k], sizeof(observed->addr[k]));
			}
		}
		if (!judge_meets(findings, type) || (all.count == 0 && findings->plain[type].count > 0)) {
			add(text, "%s%s: server ", separator, addr_name(type));
			add_said(text, &findings->plain[type], type);
			add(text, ", resolver ");
			if (all.count > 0) {
				add_addresses(text, &all, type);
			} else {
				add(text, "nothing");
			}
			separator = "; ";
		}
		observed_clear(&all);
	}
}

void report_detail(char out[DETAIL_MAX], const check_owner_t *owner, problem_t problem)
{
	text_t text = { .pos = out, .room = DETAIL_MAX };
	out[0] = '\0';
	switch (problem) {
	case PROBLEM_MALFORMED:
		add(&text, "has records that the server ignores: RDATA that is not one domain name, or more than %d",
		    ALIAS_TARGETS_MAX);
		break;
	case PROBLEM_CNAME:
		add(&text, "has a CNAME as well");
		break;
	case PROBLEM_LOOP:
		add(&text, "the way of its targets is a loop");
		break;
	case PROBLEM_NO_ANSWER:
		add(&text, "the server does not answer: ");
		add_server(&text, owner->findings.plain);
		break;
	case PROBLEM_UNRESOLVED:
		add(&text, "the resolver %s for ", find_reason(owner));
		add_targets(&text, owner, problem);
		break;
	case PROBLEM_DANGLING:
		add_targets(&text, owner, problem);
		add(&text, " does not exist");
		break;
	case PROBLEM_NO_ADDRESS:
		add_targets(&text, owner, problem);
		add(&text, " has neither A nor AAAA");
		break;
	case PROBLEM_SERVFAIL:
		add(&text, "the server fails: ");
		add_server(&text, owner->findings.plain);
		break;
	case PROBLEM_NOT_SERVED:
		if (owner->findings.module == MODULE_ABSENT) {
			add(&text, "the zone does not have " MODULE_NAME_STR " in its configuration");
		} else {
			add(&text, "the server has none of the target's addresses: ");
			add_both(&text, owner);
		}
		break;
	case PROBLEM_STALE:
		add(&text, "the server's addresses are old ones: ");
		add_server(&text, owner->findings.plain);
		break;
	case PROBLEM_DIFFERS:
		add_both(&text, owner);
		break;
	case PROBLEM_UNSIGNED:
		add(&text, "clients that ask for signatures get none over the addresses: ");
		add_server(&text, owner->findings.secure);
		break;
	case PROBLEMS:
		break;
	}
}
