# SPDX-License-Identifier: GPL-2.0-or-later
"""Every name, type, way to ask, state of targets and way to sign: each reply is true.

What is true comes of the table below, of a second knotd without the module, and of dnspython: see truth.py.
"""

import collections
import dataclasses
import itertools
import random
import time

import dns.rdatatype
import dns.tsigkeyring
import pytest

import lab as labs
from client import alias, exchange, name_of, query, rrset
from knotd import HEAD, Knotd, Zone
from signedzone import A, AAAA
from timing import seconds, until
from truth import STAND_IN, Judge, Reply, Shown, read
from upstream import Upstream, answer, delayed, failure, nodata, nxdomain, silence
from volley import Asked, Told, ask
from zonecheck import only_malformed

# --- The zone

# What targets have, by their first label, when they are well
TARGETS = {
    "both": ("192.0.2.1", "192.0.2.2", "2001:db8::1"),
    "v4": ("192.0.2.4",),
    "v6": ("2001:db8::6",),
    "none": (),
    "missing": (),
    "many": (*(f"192.0.2.{i}" for i in range(101, 141)), *(f"2001:db8::{i:x}" for i in range(1, 41))),
    "private": ("10.0.0.1", "fd00::1"),
}
BOTH, V4, V6, MANY = (TARGETS[kind] for kind in ("both", "v4", "v6", "many"))
LONG = ".".join(["l" * 63, "o" * 63, "n" * 40])


@dataclasses.dataclass(frozen=True)
class Owner:
    """A name with ALIAS."""
    targets: str         # see TARGETS
    warm: tuple = ()     # addresses that clients get while all targets are well
    own: tuple = ()      # addresses of its own
    records: tuple = ()  # of other types
    ttl: int = 600       # of the ALIAS
    fault: str = ""      # of the record: what clients get because of it


OWNERS = {
    "@": Owner("both", BOTH, records=("TXT apex", "MX 10 both")),
    "both": Owner("both", BOTH),
    "v4": Owner("v4", V4),
    "v6": Owner("v6", V6),
    "none": Owner("none"),
    "missing": Owner("missing"),
    "brief": Owner("v4", V4, ttl=7),
    "several": Owner("both v4 missing", BOTH + V4),
    "own": Owner("both", BOTH, ("192.0.2.200", "2001:db8::200")),
    "own6": Owner("v4", V4 + ("2001:db8::201",), ("2001:db8::201",)),
    "beside": Owner("both", BOTH, records=("TXT beside", "MX 10 both", "MX 20 own")),
    "*.w": Owner("v4", V4),
    "deep.ent": Owner("both", BOTH),
    "dname": Owner("both", BOTH, records=("DNAME w",)),
    "many": Owner("many", MANY),
    LONG: Owner("v6", V6),
    "self": Owner("self", fault="failed"),
    **{name: Owner("malformed", fault="nothing") for name in only_malformed("malformed")},
    "denied": Owner("denied", fault="nothing"),
    "private": Owner("private", fault="nothing if well"),
}

OTHERS = f"""\
to CNAME both
toown CNAME own
towild CNAME x.w
out CNAME host.example.org.
sub NS both
sub NS ns.sub
sub {alias("at.delegation.is.dead")}
ns.sub A 192.0.2.210
ns.sub {alias("below.delegation.is.dead")}
mx MX 10 v4
mx MX 20 own
mx MX 30 plain
srv SRV 0 0 53 v6
srv SRV 0 0 53 x.w
hs HTTPS 1 deep.ent
hs HTTPS 2 v6
hs HTTPS 3 own
hs SVCB 1 v4
hs SVCB 2 own6
plain A 192.0.2.211
plain TXT plain
*.p TXT wildcard
"""

# Names asked for besides the owners; those that own addresses matter to
NAMES = ["x.w", "y.z.w", "w", "ent", "to", "toown", "towild", "out", "x.dname", "sub", "x.sub", "mx", "srv", "hs",
         "plain", "x.p", "nothing", "x.both"]
WITH_OWN = ["@", "own", "own6", "beside", "toown", "mx", "hs", "v4", "none"]

TYPES = ["A", "AAAA", "ANY", "TYPE65401", "MX", "TXT", "NS", "SOA", "HTTPS", "SVCB", "SRV", "CNAME", "NSEC", "RRSIG"]
WAYS = [(512, False), (900, False), (1232, False), (1232, True)]  # payload, whether over TCP

# --- States of the targets, each with a zone of its own


@dataclasses.dataclass(frozen=True)
class State:
    targets: str = "well"
    sibling: str = "fallback"


STATES = {
    "cold": State("silent"),
    "warm": State(),
    "failing": State("failing"),
    "negative": State("negative"),
    "merge": State(sibling="merge"),
    "override": State(sibling="override"),
    # Not asked for before, by type
    "late-a": State("late"), "late-aaaa": State("late"), "late-any": State("late"),
}

TTL = 300
NEGATIVE_TTLS = (90, 30)  # by turns
NEGATIVE_TTL_MAX = 60
DELAY = 0.01              # of late targets, s
SLACK = 2                 # s, between a reply of the resolver and its way into the cache


def of(rdtype, addresses):
    return tuple(address for address in addresses if (":" in address) == (rdtype == AAAA))


def shown(state, label, rdtype, limit=None):
    """What clients get for A or AAAA at an owner; `limit` is for the TTL of what comes of targets."""
    owner, targets, sibling = OWNERS[label], STATES[state].targets, STATES[state].sibling
    own, late = of(rdtype, owner.own), targets == "late"
    addresses = of(rdtype, sum((TARGETS.get(kind, ()) for kind in owner.targets.split()), ()))
    if own and sibling == "override":
        return Shown("override", own)
    if owner.fault in ("nothing", "failed"):
        return Shown(owner.fault)
    if targets == "silent":
        return Shown("unknown", own=bool(own))
    if targets in ("well", "late") and owner.fault:
        return Shown("nothing", late=late)
    if targets in ("well", "late") and addresses:
        return Shown("addresses", addresses + (own if sibling == "merge" else ()), limit, late)
    if own:
        return Shown("own", own, late=late)
    return Shown("failed") if targets == "failing" else Shown("negative", (), limit, late)


def test_table():
    """The last function agrees with the table."""
    for label, owner in OWNERS.items():
        assert shown("warm", label, A).addresses + shown("warm", label, AAAA).addresses == of(A, owner.warm) + of(
            AAAA, owner.warm), label


# --- Servers

# Policies, by the way of signing
SIGNING = {
    "unsigned": None,
    "nsec": {"algorithm": "ecdsap256sha256"},
    "nsec3": {"algorithm": "ed25519", "nsec3": "on", "nsec3-salt-length": 0, "nsec3-iterations": 1},
    "online": {"algorithm": "ed25519"},
}

SECRET = "c2VjcmV0LW9mLXRoZS10ZXN0cw=="


def numbered():
    return ((number, label, owner) for number, (label, owner) in enumerate(OWNERS.items()))


def targets_of(state, number, label, owner):
    """KIND.NUMBER.STATE.test for each target, with its RDATA."""
    for kind in owner.targets.split():
        name = f"{label}.{state}.example" if kind == "self" else f"{kind}.{number}.{state}.test"
        yield name, r"TYPE65401 \# 3 026162" if kind == "malformed" else alias(name)


class Targets(Upstream):
    """A resolver that knows all targets, and when each has been asked for."""

    def __init__(self):
        super().__init__()
        self.default = self.by_name
        self.answered = collections.defaultdict(list)

    async def by_name(self, exchange):
        question = exchange.query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind, number, state, _ = name.split(".")
        await self.script_of(STATES[state].targets, kind, int(number), question.rdtype)(exchange)
        self.answered[name, question.rdtype].append(time.monotonic())

    @staticmethod
    def script_of(state, kind, number, rdtype):
        addresses = of(rdtype, TARGETS[kind])
        ttl = NEGATIVE_TTLS[number % 2]
        negative = (nxdomain if kind == "missing" or state == "negative" and number % 3 else nodata)(ttl, ttl)
        well = answer(*(f"@ {TTL} {dns.rdatatype.to_text(rdtype)} {a}" for a in addresses)) if addresses else negative
        return {"well": well, "late": delayed(DELAY, well), "negative": negative, "silent": silence,
                "failing": (failure("SERVFAIL"), failure("REFUSED"), silence)[number % 3]}[state]


def zone_text(state, plain):
    """The zone of a state; plain: as it would be without ALIAS."""
    lines = [OTHERS]
    for number, label, owner in numbered():
        lines += [f"{label} {record}" for record in owner.records]
        addresses = owner.own
        if plain:
            what = [shown(state, label, rdtype) for rdtype in (A, AAAA)]
            addresses = sum((each.addresses if each.is_known() else of(rdtype, owner.own)
                             for rdtype, each in zip((A, AAAA), what)), ())
            lines.append(rf"{label} {dns.rdatatype.to_text(STAND_IN)} \# 0")
        else:
            lines += [f"{label} {owner.ttl} {rdata}" for _, rdata in targets_of(state, number, label, owner)]
        lines += [f"{label} {'AAAA' if ':' in address else 'A'} {address}" for address in addresses]
    return "\n".join(lines)


def zones(signing, plain):
    automatic = "dnssec-signing: on\ndnssec-policy: test\n" if signing in ("nsec", "nsec3") else ""
    for state in STATES:
        modules = [f"mod-alias/{state}"] * (not plain) + ["mod-onlinesign/test"] * (signing == "online")
        yield Zone(f"{state}.example", zone_text(state, plain), f"[ {', '.join(modules)} ]" if modules else "",
                   automatic + "acl: [local, key]", HEAD.replace("86400 300", "86400 3600"))


def config(signing):
    lines = ["key:", "  - id: test.", "    algorithm: hmac-sha256", f"    secret: {SECRET}",
             "acl:", "  - id: key", "    key: test.", "    action: query"]
    if SIGNING[signing]:
        lines += ["policy:", "  - id: test", *(f"    {key}: {value}" for key, value in SIGNING[signing].items())]
    if signing == "online":
        lines += ["mod-onlinesign:", "  - id: test", "    policy: test"]
    return "\n".join(lines)


def options(state, upstream):
    denied = [name for number, label, owner in numbered() if label == "denied"
              for name, _ in targets_of(state, number, label, owner)]
    return labs.options(upstream, timeout=300 if state == "failing" else 60000, failure_ttl="300s", keep_warm="1d",
                        cold_wait=10 if state == "cold" else 3000, negative_ttl_max=NEGATIVE_TTL_MAX,
                        sibling=STATES[state].sibling, deny_target=denied, deny_address=["10.0.0.0/8", "fd00::/8"])


class World:
    """The zones of all states, signed in one way, on a knotd with the module and on one without it."""

    def __init__(self, knot, plain, upstream, signing):
        self.knot, self.plain, self.upstream = knot, plain, upstream
        self.signing = "" if signing == "unsigned" else signing
        self.judges = {}

    def is_signed(self):
        return not self.signing or all(rrset(server.ask(f"{state}.example", "SOA", tcp=True, do=True), "RRSIG")
                                       for server in (self.knot, self.plain) for state in STATES)

    def judge(self, state):
        if state not in self.judges:
            self.judges[state] = Judge(self.knot, self.plain, f"{state}.example", self.signing,
                                       lambda owner, rdtype: self.shown(state, owner, rdtype))
        return self.judges[state]

    def shown(self, state, owner, rdtype):
        label = owner.relativize(name_of(f"{state}.example")).to_text()
        return shown(state, label, rdtype, lambda *times: self.left(state, label, rdtype, *times))

    def left(self, state, label, rdtype, sent, received):
        """The longest TTL of what comes of targets: a query was sent and its reply received at these times."""
        ttls = [OWNERS[label].ttl]
        for number, _, owner in ((n, l, o) for n, l, o in numbered() if l == label):
            names = [name for name, _ in targets_of(state, number, label, owner)]
            well = [name for name in names if STATES[state].targets != "negative" and of(
                rdtype, TARGETS[name.split(".")[0]])]
            life = TTL if well else min(NEGATIVE_TTLS[number % 2], NEGATIVE_TTL_MAX)
            for name in well or names:
                answered = [when for when in self.upstream.answered.get((name, rdtype), ()) if when < received]
                ttls.append(min(life, life - (sent - answered[-1]) + seconds(SLACK)) if answered else life)
        return min(ttls)

    def settle(self):
        """Have all targets asked for, but for those that are to be unknown."""
        todo = [Asked(name, rdtype, 1232) for state in STATES if STATES[state].targets not in ("silent", "late")
                for name in names(state) for rdtype in (A, AAAA)]

        def settled():
            replies = ask(self.knot.port, todo)
            todo[:] = [told.asked for told in replies if read(told.wire).tc and read(told.wire).is_empty]
            return not todo
        until(settled, 10, 0.1)


@pytest.fixture(scope="module", name="world", params=SIGNING)
def fixture_world(place, request):
    signing = request.param
    with Targets() as upstream, Targets() as failing, \
            Knotd(place(), [*zones(signing, plain=True)], extra=config(signing)) as plain, \
            Knotd(place(), [*zones(signing, plain=False)],
                  {state: options(state, failing if state == "failing" else upstream) for state in STATES},
                  extra=config(signing)) as knot:
        world = World(knot, plain, upstream, signing)
        until(world.is_signed, 20)
        world.settle()
        yield world


# --- The sweep


def name_in(state, label):
    return name_of(f"{state}.example" if label == "@" else f"{label}.{state}.example")


def names(state):
    labels = WITH_OWN if STATES[state].sibling != "fallback" else [label for label in OWNERS if label[0] != "*"] + NAMES
    return [name_in(state, label) for label in labels]


def questions(state, types, ways):
    return [Asked(name, dns.rdatatype.from_text(rdtype), None if payload == 512 and not do else payload, do, tcp)
            for name, rdtype, (payload, tcp), do in itertools.product(names(state), types, ways, (False, True))]


def report(faults):
    """How many faults there are of each kind, and some of them."""
    by_kind = collections.defaultdict(list)
    for asked, kind, what in faults:
        way = f"{'TCP' if asked.tcp else 'UDP'} {asked.payload or 'without EDNS'}{' DO' if asked.do else ''}"
        by_kind[kind].append(f"    {asked.name} {dns.rdatatype.to_text(asked.rdtype)} {way}: {what}")
    lines = [[f"{len(found)} times {kind}", *found[:4]] for kind, found in by_kind.items()]
    return "\n".join(sum(lines, [f"{len(faults)} faults"]))


def sweep(world, state, asked):
    """Ask all this, in any order, judge the replies, and return them."""
    random.Random(state).shuffle(asked)  # what a worker keeps must not get into its next reply
    judge = world.judge(state)
    judge.learn(asked)
    replies = ask(world.knot.port, asked)
    faults = [(told.asked, *fault) for told in replies for fault in judge.judge(told)]
    assert not faults, report(faults)
    return replies


@pytest.mark.parametrize("state", ["cold", "warm", "failing", "negative", "merge", "override"])
def test_state(world, state):
    """All that can be asked for while targets are in a state."""
    sweep(world, state, questions(state, TYPES, WAYS))


@pytest.mark.parametrize("rdtype", ["A", "AAAA", "ANY"])
def test_first_query(world, rdtype):
    """Over TCP the first query gets the answer after a wait, unless too many wait."""
    state = f"late-{rdtype.lower()}"
    replies = sweep(world, state, questions(state, [rdtype], [(1232, True)]))
    assert any(read(told.wire).data[0] for told in replies if told.asked.name == name_in(state, "both"))


# --- Space

PAYLOADS = range(512, 1233, 20)

# What has much in the sections behind the answer: records that lead to names with ALIAS, and denials
LARGE = [("hs", "HTTPS"), ("hs", "SVCB"), ("mx", "MX"), ("beside", "MX"), ("srv", "SRV"), ("sub", "NS"), ("@", "NS"),
         ("v4", "AAAA"), ("x.w", "AAAA"), ("x.w", "MX"), ("none", "ANY")]


def large(state):
    return [Asked(name_in(state, label), dns.rdatatype.from_text(rdtype), payload, do=True)
            for (label, rdtype), payload in itertools.product(LARGE, PAYLOADS)]


@pytest.mark.parametrize("state", ["cold", "warm", "negative"])
def test_space(world, state):
    """Whatever has no space, nothing untrue leaves."""
    sweep(world, state, large(state))


@pytest.mark.parametrize("state", ["warm", "negative"])
def test_space_beside_tsig(world, state):
    """The same with a TSIG, which stays good; a truncated reply may have what could not be corrected any more."""
    judge, keyring, faults, whole = world.judge(state), dns.tsigkeyring.from_text({"test.": SECRET}), [], 0
    judge.learn(large(state))
    for asked in large(state):
        message = query(asked.name, asked.rdtype, edns=asked.payload, do=True, flags=0)
        message.use_tsig(keyring, "test.")
        sent = time.monotonic()
        wire = exchange(message.to_wire(), "127.0.0.1", world.knot.port)
        received = time.monotonic()
        reply = Reply(wire, keyring=keyring, request_mac=message.mac)
        if not reply.tc:
            faults += [(asked, *fault) for fault in judge.judge(Told(asked, wire, sent, received), reply)]
            whole += 1
    assert not faults, report(faults)
    assert whole > 200
