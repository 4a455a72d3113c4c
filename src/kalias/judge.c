/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Pure: findings in, problems out. A judgement of one target, or of one type of the server's answer, adds its
 * problems.
 */

#include "kalias/judge.h"

#define BIT(problem) (1U << (problem))

/* clang-format off */
static const struct {
	const char *name;
	const char *help;
} texts[PROBLEMS + 1] = {
	[PROBLEM_MALFORMED]  = { "malformed",  "A record is ignored: its RDATA is no domain name, or it is the ninth" },
	[PROBLEM_CNAME]      = { "cname",      "The name has a CNAME as well" },
	[PROBLEM_LOOP]       = { "loop",       "A target leads into a loop of ALIAS and CNAME" },
	[PROBLEM_BUILTIN]    = { "builtin",    "The zone has Knot's own module, and the server does not have a target's zone" },
	[PROBLEM_NO_ANSWER]  = { "no-answer",  "The server does not answer" },
	[PROBLEM_UNRESOLVED] = { "unresolved", "The resolver does not answer, or fails: nothing to compare with" },
	[PROBLEM_DANGLING]   = { "dangling",   "A target does not exist (NXDOMAIN)" },
	[PROBLEM_NO_ADDRESS] = { "no-address", "A target has neither A nor AAAA" },
	[PROBLEM_SERVFAIL]   = { "servfail",   "The server answers SERVFAIL" },
	[PROBLEM_NOT_SERVED] = { "not-served", "The server has no address of any target; maybe the zone lacks the module" },
	[PROBLEM_INCOMPLETE] = { "incomplete", "The server lacks A or AAAA, or the owner's own with sibling: override" },
	[PROBLEM_STALE]      = { "stale",      "The server's addresses are old: it could not refresh them (EDE 3)" },
	[PROBLEM_UNSIGNED]   = { "unsigned",   "The zone is signed, the addresses are not" },
	[PROBLEM_DENIED]     = { "denied",     "The section rules a target or all its addresses out; no failure" },
	[PROBLEM_DIFFERS]    = { "differs",    "Server and resolver have no address in common, as with CDNs; no failure" },
	[PROBLEMS]           = { "ok",         "The server has addresses of all targets" },
};
/* clang-format on */

const char *problem_name(problem_t problem)
{
	return texts[problem].name;
}

const char *problem_help(problem_t problem)
{
	return texts[problem].help;
}

problem_t judge_status(unsigned problems)
{
	problem_t problem = 0;
	while (problem < PROBLEMS && !has_problem(problems, problem)) {
		problem++;
	}
	return problem;
}

bool judge_fails(unsigned problems)
{
	return problems & ~(BIT(PROBLEM_DENIED) | BIT(PROBLEM_DIFFERS));
}

bool judge_again(unsigned problems)
{
	return problems & (BIT(PROBLEM_NO_ANSWER) | BIT(PROBLEM_UNRESOLVED) | BIT(PROBLEM_SERVFAIL) |
	                   BIT(PROBLEM_NOT_SERVED) | BIT(PROBLEM_INCOMPLETE) | BIT(PROBLEM_STALE) | BIT(PROBLEM_DIFFERS) |
	                   BIT(PROBLEM_UNSIGNED));
}

bool judge_target_again(unsigned problems, const observed_t observed[ADDR_TYPES])
{
	return has_problem(judge_target(observed), PROBLEM_UNRESOLVED) ||
	       problems & (BIT(PROBLEM_NOT_SERVED) | BIT(PROBLEM_INCOMPLETE) | BIT(PROBLEM_STALE) | BIT(PROBLEM_DIFFERS));
}

static bool is_denied_target(const findings_t *findings, unsigned i)
{
	return findings->rules != NULL && rules_deny_target(findings->rules, findings->name[i]);
}

/*! How many addresses of a target the section rules out. */
static unsigned count_denied(const findings_t *findings, unsigned i, addr_type_t type)
{
	const observed_t *observed = &findings->target[i][type];
	unsigned count = 0;
	for (unsigned k = 0; k < observed->count && findings->rules != NULL; k++) {
		count += address_set_has(&findings->rules->deny_address, observed->addr[k], addr_len(type));
	}
	return count;
}

denied_t judge_denied(const findings_t *findings, unsigned i)
{
	if (is_denied_target(findings, i)) {
		return DENIED_TARGET;
	}
	unsigned all = 0, denied = 0;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		all += findings->target[i][type].count;
		denied += count_denied(findings, i, type);
	}
	return all > 0 && denied == all ? DENIED_ADDRESSES : DENIED_NOT;
}

/*! What the server gets of a target. */
static observed_kind_t kind_of(const findings_t *findings, unsigned i, addr_type_t type)
{
	const observed_t *observed = &findings->target[i][type];
	bool none = is_denied_target(findings, i) ||
	            (observed->count > 0 && count_denied(findings, i, type) == observed->count);
	return none ? OBSERVED_NODATA : observed->kind;
}

/*! How many targets have a kind of reply for a type. */
static unsigned count_kind(const findings_t *findings, addr_type_t type, observed_kind_t kind)
{
	unsigned count = 0;
	for (unsigned i = 0; i < findings->count; i++) {
		count += (kind_of(findings, i, type) == kind);
	}
	return count;
}

/*! How many targets have an address in common with the server. */
static unsigned count_met(const findings_t *findings, addr_type_t type)
{
	unsigned count = 0;
	for (unsigned i = 0; i < findings->count; i++) {
		count += kind_of(findings, i, type) == OBSERVED_ADDRESSES &&
		         observed_meet(&findings->plain[type], &findings->target[i][type]);
	}
	return count;
}

bool judge_meets(const findings_t *findings, addr_type_t type)
{
	return count_met(findings, type) == count_kind(findings, type, OBSERVED_ADDRESSES);
}

unsigned judge_target(const observed_t observed[ADDR_TYPES])
{
	unsigned problems = 0, empty = 0;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		problems |= observed_failed(&observed[type]) ? BIT(PROBLEM_UNRESOLVED) : 0;
		problems |= (observed[type].kind == OBSERVED_NXDOMAIN) ? BIT(PROBLEM_DANGLING) : 0;
		empty += (observed[type].kind == OBSERVED_NODATA);
	}
	return (empty == ADDR_TYPES) ? BIT(PROBLEM_NO_ADDRESS) : problems;
}

/*! Judges addresses that the server has. */
static unsigned judge_addresses(const findings_t *findings, addr_type_t type)
{
	const observed_t *plain = &findings->plain[type], *own = &findings->own[type];
	unsigned stale = (plain->has_ede && plain->ede == KNOT_EDNS_EDE_STALE) ? BIT(PROBLEM_STALE) : 0;
	bool expected = count_kind(findings, type, OBSERVED_ADDRESSES) > 0;
	bool failed = count_kind(findings, type, OBSERVED_NOTHING) + count_kind(findings, type, OBSERVED_ERROR) > 0;

	if (count_met(findings, type) > 0) {
		return stale | (judge_meets(findings, type) ? 0 : BIT(PROBLEM_DIFFERS));
	}
	if (observed_meet(plain, own)) {
		/* `sibling: override` is dealt with already. Else the own addresses are right if the target has none. */
		return (expected && findings->module == MODULE_PRESENT) ? BIT(PROBLEM_NOT_SERVED) : stale;
	}
	if (failed || (stale != 0 && !expected)) {
		return stale; /* The problem of the target says why. */
	}
	return stale | BIT(PROBLEM_DIFFERS);
}

static unsigned judge_type(const findings_t *findings, addr_type_t type)
{
	const observed_t *plain = &findings->plain[type], *own = &findings->own[type];
	switch (plain->kind) {
	case OBSERVED_NOTHING:
		return BIT(PROBLEM_NO_ANSWER);
	case OBSERVED_NXDOMAIN:
		return BIT(PROBLEM_NOT_SERVED);
	case OBSERVED_ERROR:
		return plain->rcode == KNOT_RCODE_SERVFAIL ? BIT(PROBLEM_SERVFAIL) : BIT(PROBLEM_NOT_SERVED);
	case OBSERVED_NODATA:
		if (own->count == 0 && count_kind(findings, type, OBSERVED_ADDRESSES) == 0) {
			return 0;
		}
		/* With addresses of the other type it serves the name, and only lacks these. */
		return findings->plain[ADDR_TYPES - 1 - type].count > 0 ? BIT(PROBLEM_INCOMPLETE) :
		                                                          BIT(PROBLEM_NOT_SERVED);
	default:
		break;
	}

	if (own->count > 0 && findings->module == MODULE_PRESENT && findings->sibling == SIBLING_OVERRIDE) {
		return observed_meet(plain, own) ? 0 : BIT(PROBLEM_INCOMPLETE);
	}
	return judge_addresses(findings, type);
}

static unsigned judge_signed(const findings_t *findings, addr_type_t type)
{
	const observed_t *plain = &findings->plain[type], *secure = &findings->secure[type];
	if (plain->kind != OBSERVED_ADDRESSES) {
		return 0;
	}
	if (secure->kind == OBSERVED_NOTHING) {
		return BIT(PROBLEM_NO_ANSWER);
	}
	/* Signed addresses that differ are the zone's own: the target is not served then. */
	return (secure->is_signed && observed_meet(secure, plain)) ? 0 : BIT(PROBLEM_UNSIGNED);
}

unsigned judge_owner(const findings_t *findings)
{
	unsigned problems = (findings->malformed ? BIT(PROBLEM_MALFORMED) : 0) |
	                    (findings->cname ? BIT(PROBLEM_CNAME) : 0) |
	                    (findings->loop ? BIT(PROBLEM_LOOP) : 0) |
	                    (findings->builtin ? BIT(PROBLEM_BUILTIN) : 0) |
	                    (findings->module == MODULE_ABSENT ? BIT(PROBLEM_NOT_SERVED) : 0);
	for (unsigned i = 0; i < findings->count; i++) {
		problems |= judge_denied(findings, i) != DENIED_NOT ? BIT(PROBLEM_DENIED) : judge_target(findings->target[i]);
	}
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		problems |= judge_type(findings, type);
		if (findings->zone_signed) {
			problems |= judge_signed(findings, type);
		}
	}
	return problems;
}
