# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operator reads in the log: each line once, with zone, owner and target."""

import re
import time

import pytest

import lab as labs
from client import STALE, alias, ede, is_answer, is_nodata, is_servfail, is_truncated
from knotd import Zone
from timing import ms, seconds, until
from tree import TOP
from upstream import Upstream, answer, failure, host, nxdomain, root, silence


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    """The other targets keep the resolver up."""
    with labs.lab(place, upstream, timeout=ms(500), cold_wait=ms(2000)) as lab:
        yield lab


def lines(lab, name):
    """Lines of the module about an owner, without time and zone."""
    found = [line for line in lab.knot.log().splitlines() if f"ALIAS at {name}.," in line]
    assert all("[example.com.] module 'mod-alias/default', " in line for line in found)
    return [re.sub(r"^\S+ (\w+): .*?, ALIAS at \S+, ", r"\1: ", line) for line in found]


def wait_lines(lab, name, expected, ask=lambda: None):
    """The line comes with a query, at most one a second."""
    def logged():
        ask()
        return lines(lab, name) == expected
    try:
        until(logged, 10, 0.05)
    except AssertionError:
        assert lines(lab, name) == expected
    ask()
    assert lines(lab, name) == expected


CAUSES = {
    "silent": (silence, "no reply in time"),
    "refused": (failure("REFUSED"), "the resolver fails, refuses or can't be reached"),
    "loop": (answer("@ 60 CNAME @"), "CNAMEs in a loop, or more than 16"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_fails(lab, cause):
    """A target that never was resolved, and why; then it is fine."""
    script, why = CAUSES[cause]
    name, target = lab.alias(f"fails-{cause}")
    lab.upstream.script(target, "A", script)
    lab.upstream.script(target, "AAAA", host("2001:db8::1"))
    first = f"warning: target {target}., A fails to resolve ({why}), there is nothing to serve"
    wait_lines(lab, name, [first], lambda: is_servfail(lab.ask(name)))
    lab.upstream.host(target, "192.0.2.1")
    wait_lines(lab, name, [first, f"notice: target {target}., A is resolved again"],
               lambda: lab.ask(name, tcp=True))


def test_goes_stale(lab):
    """A target whose last good answer is served."""
    name, target = lab.alias("stale", "192.0.2.1", target_ttl=1)
    other, other_target = lab.alias("healthy")
    lab.upstream.both(other_target, host("192.0.2.2", ttl=0))
    until(lambda: is_answer(lab.ask(name, tcp=True), "192.0.2.1"))  # The zone may have waited in vain before.
    lab.upstream.script(target, "A", failure("SERVFAIL"))

    def ask():
        lab.ask(other, tcp=True)  # The resolver is not down.
        return ede(lab.ask(name))
    until(lambda: ask() == STALE)
    wait_lines(lab, name, [f"warning: target {target}., A fails to resolve (the resolver fails, refuses or can't "
                           "be reached), the last good answer is served"], ask)


def test_dangling(lab):
    """A target that does not exist."""
    name, target = lab.alias("dangling")
    lab.upstream.both(target, nxdomain())
    lab.warm(name)
    assert is_nodata(lab.ask(name))
    wait_lines(lab, name, [f"warning: target {target}. does not exist"], lambda: lab.ask(name))


def test_dangling_told_once(lab):
    """That a name does not exist holds for both types."""
    name, target = lab.alias("both")
    lab.upstream.both(target, nxdomain())
    lab.warm(name)
    end = time.monotonic() + seconds(3)
    while time.monotonic() < end:
        lab.ask(name), lab.ask(name, "AAAA")
    assert lines(lab, name) == [f"warning: target {target}. does not exist"]


def test_dangling_held(place, upstream):
    """With nxdomain: hold too, where clients notice nothing."""
    with labs.lab(place, upstream, nxdomain="hold") as lab:
        name, target = lab.alias("held", "192.0.2.1", target_ttl=1)
        assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
        upstream.both(target, nxdomain())
        wait_lines(lab, name, [f"warning: target {target}. does not exist"],
                   lambda: is_answer(lab.ask(name, tcp=True), "192.0.2.1"))


def test_healthy_is_silent(lab):
    """Nothing is logged for a name that does well, whatever is asked."""
    name, _ = lab.alias("quiet", "192.0.2.1")
    log = len(lab.knot.log())
    lab.warm(name)
    for rdtype in ("A", "AAAA", "MX", "TYPE65401", "ANY"):
        for tcp in (False, True):
            lab.ask(name, rdtype, tcp=tcp)
    assert "mod-alias" not in lab.knot.log()[log:]


def test_shared_target(lab):
    """Two owners with one failing target make one line."""
    _, target = lab.alias("first")
    lab.add(f"second 3600 {alias(target)}")
    lab.upstream.both(target, failure("SERVFAIL"))
    names = ("first.example.com", "second.example.com")

    def told():
        for name in names:
            lab.ask(name, tcp=True)
        return [line for name in names for line in lines(lab, name)]
    until(told)
    for _ in range(5):
        assert len(told()) == 1


POLICIES = {
    "stale": (host("192.0.2.1", ttl=1), {"stale_max": 0}),
    "negative": (nxdomain(), {"negative_ttl_max": 1}),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_shared_by_policies(place, upstream, policy):
    """A target that does better in one zone than in another, by their options, is not told of by turns."""
    good, options = POLICIES[policy]
    target = f"{policy}.example.net"
    zones = [Zone("example.com", f"a {alias(target)}"),
             Zone("example.org", f"a {alias(target)}", module="mod-alias/short")]
    upstream.both(target, good)
    upstream.host("other.example.net", "192.0.2.2", ttl=0)
    sections = {"short": labs.options(upstream, **options)}
    with labs.lab(place, upstream, zones=zones, sections=sections) as lab:
        lab.add(f"other 3600 {alias('other.example.net')}")
        lab.warm("a.example.com")
        upstream.both(target, failure("SERVFAIL"))

        def ask():
            lab.ask("other.example.com", tcp=True)  # The resolver is not down.
            lab.ask("a.example.com"), lab.ask("a.example.org")
            return lab.knot.log().count(f"target {target}")
        until(lambda: ask() and f"target {target}., A fails to resolve" in lab.knot.log(), 10)
        end = time.monotonic() + seconds(4)
        while time.monotonic() < end:
            ask()
        assert ask() <= 2


def test_wildcard_owner(lab):
    """The line has the owner in the zone: names below a wildcard are the clients' to choose."""
    target = "wild.example.net"
    lab.upstream.both(target, nxdomain())
    lab.add(f"*.wild 3600 {alias(target)}")
    lab.warm("x1.wild.example.com")
    wait_lines(lab, "*.wild.example.com", [f"warning: target {target}. does not exist"],
               lambda: lab.ask("x2.wild.example.com"))
    assert "x1.wild" not in lab.knot.log().replace("DDNS", "")


def test_rate(place, upstream):
    """Many targets that fail at once do not flood the log, and none is forgotten."""
    with labs.lab(place, upstream) as lab:
        names = []
        for i in range(50):
            name, target = lab.alias(f"many{i}")
            upstream.both(target, nxdomain())
            names.append(name)
        for name in names:
            lab.warm(name)
        log = len(lab.knot.log())
        for _ in range(5):
            for name in names:
                lab.ask(name)
        assert lab.knot.log()[log:].count("does not exist") <= 10
        seen = lab.knot.log().count("does not exist")
        until(lambda: [lab.ask(name) for name in names] and lab.knot.log().count("does not exist") >= seen + 2, 20)


def test_down_and_up(place):
    """A resolver that is gone is one line, however many targets, and so is its return."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=ms(500)) as lab:
        names = [lab.alias(f"d{i}", "192.0.2.1", target_ttl=1) for i in range(10)]
        later, later_target = lab.alias("later", "192.0.2.1", target_ttl=10)
        names.append((later, later_target))
        for name, _ in names:
            assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
        for _, target in names:
            upstream.both(target, failure("SERVFAIL"))

        def ask():
            for name, _ in names:
                assert is_answer(lab.ask(name), "192.0.2.1")
            return lab.knot.log()
        down = f"resolver {upstream.address} is down, nothing has been resolved for 3 s"
        until(lambda: down in ask(), 20, 0.1)
        since = len(lab.knot.log())
        until(lambda: ede(lab.ask(later)) == STALE, 30, 0.1)
        ask()
        assert "fails to resolve" not in lab.knot.log()[since:]
        for _, target in names:
            upstream.host(target, "192.0.2.1")
        up = re.compile(rf"notice: .*resolver {upstream.address} is up again after \d+ s")
        until(lambda: up.search(ask()), 20, 0.1)
        assert lab.knot.log().count(down) == len(up.findall(lab.knot.log())) == 1


NEVER = {
    "silent": (silence, "no reply in time"),
    "refused": (failure("REFUSED"), "the resolver fails, refuses or can't be reached"),
    "fails": (failure("SERVFAIL"), "the resolver fails, refuses or can't be reached"),
}


@pytest.mark.parametrize("cause", NEVER)
def test_never_worked(place, cause):
    """A resolver that has never worked is said so within seconds, with one name only, and is up with the first answer."""
    script, why = NEVER[cause]
    with Upstream() as upstream, labs.lab(place, upstream, timeout=ms(500), cold_wait=ms(100)) as lab:
        name, target = lab.alias("first")
        for each in (target, ""):
            upstream.both(each, script)

        def ask():
            reply = lab.ask(name)
            assert is_truncated(reply) or is_servfail(reply)
            return lab.knot.log()
        down = f"warning: [example.com.] module 'mod-alias/default', resolver {upstream.address} is down, " \
               f"nothing has been resolved since the start ({why})"
        until(lambda: down in ask(), 5, 0.1)
        until(lambda: ask() and lab.knot.stats()["resolver-down"] == 1, 20)
        upstream.host(target, "192.0.2.1")
        up = re.compile(rf"notice: .*resolver {upstream.address} is up again after \d+ s")
        until(lambda: is_answer(lab.ask(name), "192.0.2.1"), 20, 0.1)
        until(lambda: lab.ask(name) and up.search(lab.knot.log()))
        assert lab.knot.log().count(" is down,") == len(up.findall(lab.knot.log())) == 1


def test_up_with_dead_targets(place):
    """A resolver that comes up while all targets are dead is known to be up by its answer about the root."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=ms(500), cold_wait=ms(100)) as lab:
        name, target = lab.alias("dead")
        for each in (target, ""):
            upstream.both(each, silence)
        until(lambda: lab.ask(name) and " is down, nothing has been resolved since" in lab.knot.log(), 5, 0.1)
        upstream.script("", "A", root())
        until(lambda: lab.ask(name) and " is up again after" in lab.knot.log(), 20, 0.1)


@pytest.mark.parametrize("cause", ["silent", "fails"])
def test_first_targets_are_dead(place, cause):
    """Dead targets do not make a good resolver down, though nothing was ever resolved; their lines say what is wrong."""
    script, why = NEVER[cause]
    with Upstream() as upstream, labs.lab(place, upstream, timeout=ms(500), cold_wait=ms(100)) as lab:
        names = []
        for i in range(5):
            name, target = lab.alias(f"dead{i}")
            upstream.both(target, script)
            names.append(name)
        end = time.monotonic() + seconds(3)
        while time.monotonic() < end:
            for name in names:
                lab.ask(name)
        until(lambda: lab.ask(names[0]) and f"fails to resolve ({why})" in lab.knot.log())
        # Failures that come in while the resolver is being tried bring another trial.
        assert " is down," not in lab.knot.log() and 1 <= upstream.count("", "A") <= 2


def test_dead_target_after_restart(place):
    """Nor does a dead target that the store knows."""
    with Upstream() as upstream, labs.lab(place, upstream, zones=[
            Zone("example.com", f"kept {alias('kept.example.net')}")], timeout=ms(500), failure_ttl="1s") as lab:
        upstream.host("kept.example.net", "192.0.2.1", ttl=1)
        lab.warm("kept.example.com")
        until(lambda: lab.knot.stats()["cache-store[written]"] >= 1, 20)
        lab.knot.stop()
        upstream.both("kept.example.net", failure("SERVFAIL"))
        lab.knot.start()
        since = upstream.count("kept.example.net")
        until(lambda: lab.ask("kept.example.com") and upstream.count("kept.example.net") >= since + 4, 20, 0.1)
        assert " is down," not in lab.knot.log()


def test_zone_rate(place, upstream):
    """A zone that reaches its rate says so, once a minute; its neighbour does not notice."""
    greedy = Zone("example.com", "\n".join(f"z{i} {alias(f'z{i}.example.net')}" for i in range(30)),
                  module="mod-alias/slow")
    modest = Zone("example.org", "\n".join(f"z{i} {alias(f'y{i}.example.net')}" for i in range(30)))
    for i in range(30):
        upstream.host(f"z{i}.example.net", "192.0.2.1")
        upstream.host(f"y{i}.example.net", "192.0.2.1")
    sections = {"slow": labs.options(upstream, zone_rate=5)}
    with labs.lab(place, upstream, zones=[greedy, modest], sections=sections) as lab:
        since = upstream.count()
        for i in range(30):
            lab.ask(f"z{i}.example.com")
        for i in range(30):
            assert is_answer(lab.ask(f"z{i}.example.org", tcp=True), "192.0.2.1")
        upstream.wait("y29.example.net", "AAAA")
        assert sum(upstream.count(f"z{i}.example.net") for i in range(30)) < 60 <= upstream.count() - since
        line = "[example.com.] module 'mod-alias/slow', zone-rate of 5 queries/s reached"
        until(lambda: line in (lab.ask("z0.example.com") and lab.knot.log()))
        until(lambda: lab.knot.stats()["resolver-limited[zone-rate]"] > 0)
        assert lab.knot.stats("example.org")["resolver-limited[zone-rate]"] == 0
        assert lab.knot.log().count("zone-rate") == 1
        # In the end all are there.
        for i in range(30):
            until(lambda: is_answer(lab.ask(f"z{i}.example.com"), "192.0.2.1"), 30)


def test_start(place, upstream):
    """What runs, whom it asks and where it keeps answers, once for all zones that share that."""
    zones = [*(Zone(f"{i}.example.com") for i in range(3)), Zone("example.org", module="mod-alias/other")]
    with Upstream() as other, labs.lab(place, upstream, other, zones=zones, store='""',
                                       sections={"other": labs.options(other)}) as lab:
        for _ in range(2):
            found = [line.partition("', ")[2] for line in lab.knot.log().splitlines()
                     if "info: [" in line and ", version " in line]
            assert sorted(found) == sorted([
                f"version {version()}, resolver {upstream.address}, {other.address} from option 'resolver', store off",
                f"version {version()}, resolver {other.address} from option 'resolver', store {lab.knot.path}/alias"])
            lab.knot.reload()


def version():
    return re.search(r"^AC_INIT\(\[[^]]*\], \[(.*?)\]", (TOP / "configure.ac").read_text(), re.M)[1]


def test_restored(place, upstream):
    """How much came back from the store after a restart."""
    zone = Zone("example.com", f"kept {alias('kept.example.net')}")
    upstream.host("kept.example.net", "192.0.2.1")
    with labs.lab(place, upstream, zones=[zone]) as lab:
        lab.warm("kept.example.com")
        lab.knot.stop()
        lab.knot.start()
        lab.knot.wait_log("info: [example.com.] module 'mod-alias/default', 2 answers read back from the store")
