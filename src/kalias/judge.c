/* SPDX-License-Identifier: GPL-2.0-or-later */

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
	[PROBLEM_NO_ANSWER]  = { "no-answer",  "The server does not answer" },
	[PROBLEM_UNRESOLVED] = { "unresolved", "The resolver does not answer, or fails: nothing to compare with" },
	[PROBLEM_DANGLING]   = { "dangling",   "A target does not exist (NXDOMAIN)" },
	[PROBLEM_NO_ADDRESS] = { "no-address", "A target has neither A nor AAAA" },
	[PROBLEM_SERVFAIL]   = { "servfail",   "The server answers SERVFAIL" },
	[PROBLEM_NOT_SERVED] = { "not-served", "The server has no address of any target; maybe the zone lacks the module" },
	[PROBLEM_STALE]      = { "stale",      "The server's addresses are old: it could not refresh them (EDE 3)" },
	[PROBLEM_DIFFERS]    = { "differs",    "Server and resolver have no address of a target in common" },
	[PROBLEM_UNSIGNED]   = { "unsigned",   "The zone is signed, the addresses are not" },
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

bool judge_again(unsigned problems)
{
	return problems & (BIT(PROBLEM_NO_ANSWER) | BIT(PROBLEM_UNRESOLVED) | BIT(PROBLEM_SERVFAIL) |
	                   BIT(PROBLEM_NOT_SERVED) | BIT(PROBLEM_STALE) | BIT(PROBLEM_DIFFERS) |
	                   BIT(PROBLEM_UNSIGNED));
}

/*! How many targets give the same kind of reply for a family. */
static unsigned count_kind(const facts_t *facts, addr_type_t family, said_kind_t kind)
{
	unsigned count = 0;
	for (unsigned i = 0; i < facts->count; i++) {
		count += (facts->target[i][family].kind == kind);
	}
	return count;
}

/*! How many targets have addresses, some of which the server has. */
static unsigned count_met(const facts_t *facts, addr_type_t family)
{
	unsigned count = 0;
	for (unsigned i = 0; i < facts->count; i++) {
		count += said_meet(&facts->plain[family], &facts->target[i][family]);
	}
	return count;
}

bool judge_meets(const facts_t *facts, addr_type_t family)
{
	return count_met(facts, family) == count_kind(facts, family, SAID_ADDRESSES);
}

static unsigned judge_target(const said_t *said)
{
	const said_t *a = &said[ADDR_A], *aaaa = &said[ADDR_AAAA];
	unsigned problems = 0;
	for (addr_type_t family = 0; family < ADDR_TYPES; family++) {
		switch (said[family].kind) {
		case SAID_NOTHING:
		case SAID_ERROR:
			problems |= BIT(PROBLEM_UNRESOLVED);
			break;
		case SAID_NXDOMAIN:
			problems |= BIT(PROBLEM_DANGLING);
			break;
		default:
			break;
		}
	}
	return (a->kind == SAID_NODATA && aaaa->kind == SAID_NODATA) ? BIT(PROBLEM_NO_ADDRESS) : problems;
}

/*! The server has addresses: are they the right ones? */
static unsigned judge_addresses(const facts_t *facts, addr_type_t family)
{
	const said_t *plain = &facts->plain[family], *own = &facts->own[family];
	unsigned stale = (plain->has_ede && plain->ede == KNOT_EDNS_EDE_STALE) ? BIT(PROBLEM_STALE) : 0;
	bool expected = count_kind(facts, family, SAID_ADDRESSES) > 0;
	bool failed = count_kind(facts, family, SAID_NOTHING) + count_kind(facts, family, SAID_ERROR) > 0;

	if (count_met(facts, family) > 0) {
		return stale | (judge_meets(facts, family) ? 0 : BIT(PROBLEM_DIFFERS));
	}
	if (said_meet(plain, own)) {
		/* They serve when the target has none; where they always do has been sorted out before. */
		return (expected && facts->module == MODULE_PRESENT) ? BIT(PROBLEM_NOT_SERVED) : stale;
	}
	if (failed || (stale != 0 && !expected)) {
		return stale; /* What is wrong with the target says it. */
	}
	return stale | BIT(PROBLEM_DIFFERS);
}

static unsigned judge_family(const facts_t *facts, addr_type_t family)
{
	const said_t *plain = &facts->plain[family], *own = &facts->own[family];
	switch (plain->kind) {
	case SAID_NOTHING:
		return BIT(PROBLEM_NO_ANSWER);
	case SAID_NXDOMAIN:
		return BIT(PROBLEM_NOT_SERVED);
	case SAID_ERROR:
		return plain->rcode == KNOT_RCODE_SERVFAIL ? BIT(PROBLEM_SERVFAIL) : BIT(PROBLEM_NOT_SERVED);
	case SAID_NODATA:
		if (own->count == 0 && count_kind(facts, family, SAID_ADDRESSES) == 0) {
			return 0;
		}
		/* With addresses of the other family it does serve, but does not know of these. */
		return facts->plain[ADDR_TYPES - 1 - family].count > 0 ? BIT(PROBLEM_DIFFERS) :
		                                                         BIT(PROBLEM_NOT_SERVED);
	default:
		break;
	}

	if (own->count > 0 && facts->module == MODULE_PRESENT && facts->sibling == SIBLING_OVERRIDE) {
		return said_meet(plain, own) ? 0 : BIT(PROBLEM_DIFFERS);
	}
	return judge_addresses(facts, family);
}

static unsigned judge_signed(const facts_t *facts, addr_type_t family)
{
	const said_t *plain = &facts->plain[family], *secure = &facts->secure[family];
	if (plain->kind != SAID_ADDRESSES) {
		return 0;
	}
	if (secure->kind == SAID_NOTHING) {
		return BIT(PROBLEM_NO_ANSWER);
	}
	/* Other addresses, if signed, are the zone's own, without those of the target. */
	return (secure->is_signed && said_meet(secure, plain)) ? 0 : BIT(PROBLEM_UNSIGNED);
}

unsigned judge(const facts_t *facts)
{
	unsigned problems = (facts->malformed ? BIT(PROBLEM_MALFORMED) : 0) |
	                    (facts->cname ? BIT(PROBLEM_CNAME) : 0) |
	                    (facts->loop ? BIT(PROBLEM_LOOP) : 0) |
	                    (facts->module == MODULE_ABSENT ? BIT(PROBLEM_NOT_SERVED) : 0);
	for (unsigned i = 0; i < facts->count; i++) {
		problems |= judge_target(facts->target[i]);
	}
	for (addr_type_t family = 0; family < ADDR_TYPES; family++) {
		problems |= judge_family(facts, family);
		if (facts->zone_signed) {
			problems |= judge_signed(facts, family);
		}
	}
	return problems;
}
