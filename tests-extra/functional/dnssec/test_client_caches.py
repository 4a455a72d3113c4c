# SPDX-License-Identifier: GPL-2.0-or-later
"""What the caches of real resolvers make of names whose targets have no addresses for some seconds, or are not known yet.

Time has to pass, so all resolvers are asked about all zones and names at once, and the tests look at what came of it.
"""

import concurrent.futures
import contextlib
import time
from itertools import product

import dns.rcode
import pytest

import lab as labs
from client import FAILED, addresses, alias, has, is_servfail, is_truncated
from knotd import HEAD, Knotd, Zone
from timing import seconds, until
from upstream import failure, host, nodata, nxdomain
from validators import VALIDATORS, fresh, is_signed

ADDRESS = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}
A, AAAA = (host(address) for address in ADDRESS.values())

# TTLs: of the negative answers of targets, of each ALIAS, and of the SOA of zones
NEGATIVE, ALIAS_TTL, ZONE = 3, 60, 3600

# How zones are signed: the policy
POLICIES = {"nsec": "algorithm: ed25519", "nsec3": "nsec3: on", "optout": "nsec3: on\n    nsec3-opt-out: on"}
KINDS = ["unsigned", *POLICIES, "online"]

# What targets say of A and AAAA at first
TARGETS = {"gone": (nxdomain(NEGATIVE),) * 2, "empty": (nodata(NEGATIVE),) * 2,
           "v4": (A, nodata(NEGATIVE)), "v6": (nodata(NEGATIVE), AAAA)}
OWNERS = {"gone": "gone", "empty": "empty", "v4": "v4", "v6": "v6", "*.wild": "gone", "*.wild6": "v6"}

# Names asked for A and AAAA before the targets change and afterwards, and which of these are there before
NAMES = ["gone", "empty", "v4", "v6", "x.wild", "x.wild6"]
PRESENT = [("v4", "A"), ("v6", "AAAA"), ("x.wild6", "AAAA")]

# Names of wildcards that are only asked for afterwards
LATER = ["y.wild", "y.wild6"]

# What the targets are like when resolvers ask ANY; Knot Resolver answers that by itself, with SERVFAIL.
STATES = ["cold", "failing", "retried"]
ASK_ANY = [sort for sort in VALIDATORS if sort != "kresd"]


def zone_of(kind):
    lines = [f"{owner} {ALIAS_TTL} {alias(f'{target}.example.net')}" for owner, target in OWNERS.items()]
    lines += [f"{state}-{sort} {ALIAS_TTL} {alias(f'{state}.{sort}.{kind}.example.net')}"
              for state, sort in product(STATES, ASK_ANY)]
    signing = {"unsigned": {}, "online": {"module": "[ mod-alias/default, mod-onlinesign ]"}}
    return Zone(f"{kind}.example", "\n".join(lines), head=HEAD.replace("86400 300", f"86400 {ZONE}"),
                **signing.get(kind, {"extra": f"dnssec-signing: on\ndnssec-policy: {kind}"}))


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    """A knotd with all zones, and `clients`: a resolver of each sort."""
    policies = "\n".join(["policy:", *(f"  - id: {kind}\n    {lines}" for kind, lines in POLICIES.items())])
    zones = [zone_of(kind) for kind in KINDS]
    with contextlib.ExitStack() as stack:
        knot = stack.enter_context(Knotd(
            place(), zones, {"default": labs.options(upstream)}, extra=policies))
        for zone in zones[1:]:
            until(lambda: is_signed(knot, zone.name), 20)
        lab = labs.Lab(knot, upstream)
        lab.clients = {sort: stack.enter_context(fresh(place, knot, sort, *(zone.name for zone in zones)))
                       for sort in VALIDATORS}
        yield lab


# Addresses that come back

def deny(client, kind, types, near, names):
    """Have a resolver keep denials of other types of names, and of what is next to them and below."""
    for label in names:
        for rdtype in types:
            assert not client.ask(f"{label}.{kind}.example", rdtype, do=True).answer
        for other in (label + near, near + label, f"{near}.{label}"):
            client.ask(f"{other}.{kind}.example", "A", do=True)


def keep_negative(client, kind):
    """Have it keep what the targets say at first."""
    for label, rdtype in product(NAMES, ADDRESS):
        reply = client.ask(f"{label}.{kind}.example", rdtype, do=True)
        expected = [ADDRESS[rdtype]] if (label, rdtype) in PRESENT else []
        assert reply.rcode() == dns.rcode.NOERROR and addresses(reply, rdtype) == expected, f"{reply}"


def learn(client, kind, missing):
    """Ask for what it did not have yet, and return what it still has not."""
    def is_known(label, rdtype):
        reply = client.ask(f"{label}.{kind}.example", rdtype, do=True)
        found = addresses(reply, rdtype) == [ADDRESS[rdtype]]
        # That no other name matches a wildcard's is not proven in an opt-out span (RFC 5155, section 9.2).
        weak = kind == "unsigned" or kind == "optout" and ".wild" in label
        assert has(reply, "AD") or weak or not found, f"{reply}"
        return found
    return [asked for asked in missing if not is_known(*asked)]


@pytest.fixture(scope="module", name="missing")
def fixture_missing(lab):
    """What each resolver still denied of each zone when the time was over."""
    missing = {case: list(product(NAMES + LATER, ADDRESS)) for case in product(VALIDATORS, KINDS)}

    def of_all(step, *more):
        with concurrent.futures.ThreadPoolExecutor(len(VALIDATORS)) as pool:
            def of_sort(sort):
                return [step(lab.clients[sort], kind, *more) for kind in KINDS]
            list(pool.map(of_sort, VALIDATORS))

    def learn_all(sort):
        for kind in KINDS:
            missing[sort, kind] = learn(lab.clients[sort], kind, missing[sort, kind])

    for target, scripts in TARGETS.items():
        for rdtype, script in zip(ADDRESS, scripts):
            lab.upstream.script(f"{target}.example.net", rdtype, script)
    for label, kind in product(NAMES, KINDS):
        lab.warm(f"{label}.{kind}.example")
    of_all(deny, ["MX", "HTTPS"], "0", NAMES)
    of_all(keep_negative)
    for target in TARGETS:
        lab.upstream.host(f"{target}.example.net", *ADDRESS.values())
    end = time.monotonic() + seconds(NEGATIVE + 2)
    # A newer denial takes the place of an older one at the same name: of some names only.
    of_all(deny, ["TXT", "SRV"], "1", ["gone", "x.wild"])
    with concurrent.futures.ThreadPoolExecutor(len(VALIDATORS)) as pool:
        while any(missing.values()) and time.monotonic() < end:
            list(pool.map(learn_all, VALIDATORS))
            time.sleep(0.02)
    return missing


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", VALIDATORS)
def test_back(missing, sort, kind):
    """Once a target has addresses, resolvers have them within the TTL of its negative answer and 2 s."""
    assert not missing[sort, kind]


# ANY

@pytest.fixture(scope="module", name="asked")
def fixture_asked(lab):
    """What each resolver got that asked ANY, and what it has when the target has addresses."""
    gate = lab.upstream.gate()
    cases = {(state, sort, kind): (f"{state}-{sort}.{kind}.example", f"{state}.{sort}.{kind}.example.net")
             for state, sort, kind in product(STATES, ASK_ANY, KINDS)}

    def of(*states):
        return [(name, target) for (state, _, _), (name, target) in cases.items() if state in states]

    def answer(target, wrap=lambda script: script):
        lab.upstream.script(target, "A", wrap(A))
        lab.upstream.script(target, "AAAA", wrap(AAAA))

    for name, target in of("failing", "retried"):
        lab.upstream.both(target, failure("SERVFAIL"))
        assert is_servfail(lab.settle(name), FAILED)
    for name, target in of("cold", "retried"):
        answer(target, gate)
    for name, _ in of("retried"):
        until(lambda: is_truncated(lab.ask(name)))

    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        replies = {case: pool.submit(lab.clients[case[1]].ask, name, "ANY", do=True)
                   for case, (name, _) in cases.items()}
        for _, target in of("cold"):
            lab.upstream.wait_both(target)
        gate.open()
    for _, target in of("failing"):
        answer(target)

    def all_asked(case):
        _, sort, _ = case
        name, _ = cases[case]
        for rdtype in ADDRESS:
            until(lambda: addresses(lab.ask(name, rdtype), rdtype), 20)
        return replies[case].result(), {rdtype: lab.clients[sort].ask(name, rdtype) for rdtype in ADDRESS}
    return {case: all_asked(case) for case in cases}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", ASK_ANY)
@pytest.mark.parametrize("state", STATES)
def test_any(asked, state, sort, kind):
    """A resolver that asks ANY, when nothing is known of a target, does not take that for a denial of its addresses."""
    reply, later = asked[state, sort, kind]
    assert reply.answer or reply.rcode() != dns.rcode.NOERROR, f"{reply}"
    for rdtype, address in ADDRESS.items():
        assert addresses(later[rdtype], rdtype) == [address], f"{later[rdtype]}"
