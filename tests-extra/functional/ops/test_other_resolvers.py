# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones that get other resolvers keep what the ones before have said, and only that."""

import contextlib
import time

import pytest

import lab as labs
from client import STALE, addresses, alias, connect, ede, frame, is_answer, is_truncated, query, read_frame
from knotd import Zone
from looped import Background
from timing import until
from upstream import Upstream, forged, host, nodata, nxdomain, silence

ZONES = ["example.com", "example.org", "example.net"]
NAMES = 10
OLD, NEW = "192.0.2.1", "192.0.2.2"


def targets(zone):
    return [f"{i}.{zone}.test" for i in range(NAMES)] + ["shared.test"]


def owners(zone):
    return [f"n{i}.{zone}" for i in range(NAMES + 1)]


def zones(*names, **more):
    return [Zone(name, "\n".join(f"n{i} {alias(target)}" for i, target in enumerate(targets(name))), **more)
            for name in names]


def serve(upstream, address, *names, ttl=3600):
    for name in names:
        for target in targets(name):
            upstream.host(target, address, ttl=ttl)


def warm(lab, *names):
    for name in names:
        for owner in owners(name):
            lab.warm(owner)


class Client(Background):
    """Asks for all names without pause and keeps every reply that is not an address."""

    def __init__(self, lab, tcp, *names):
        super().__init__()
        self.port, self.tcp = lab.knot.port, tcp
        self.wires = [query(owner).to_wire() for name in names for owner in owners(name)]
        self.count, self.bad = 0, []

    def run(self):
        with connect("127.0.0.1", self.port, self.tcp) as sock:
            while not self.ended.is_set():
                wire = self.wires[self.count % len(self.wires)]
                sock.sendall(frame(wire) if self.tcp else wire)
                reply = read_frame(sock) if self.tcp else sock.recv(4096)
                self.count += 1
                truncated, rcode = reply[2] & 2, reply[3] & 15
                if truncated or rcode or not any(bytes([192, 0, 2, i]) in reply for i in (1, 2)):
                    self.bad.append(reply)


@contextlib.contextmanager
def clients(lab, *names):
    """Clients over UDP and TCP, none of whom may notice what goes on meanwhile."""
    with Client(lab, False, *names) as udp, Client(lab, True, *names) as tcp:
        yield
        for client in udp, tcp:
            seen = client.count
            until(lambda client=client, seen=seen: client.count > seen + 100, 10)
    for client in udp, tcp:
        assert not client.bad, (client.tcp, len(client.bad), client.count, client.bad[:3])


@pytest.fixture(name="other")
def fixture_other():
    with Upstream() as other:
        yield other


def is_stale(reply, *expected):
    return is_answer(reply, *expected) and ede(reply) == STALE


@pytest.mark.parametrize("by", ["reload", "transaction"])
def test_fallback_added(place, upstream, other, by):
    """One resolver more, for several zones at once and under load: no SERVFAIL, nobody has to come back over TCP."""
    serve(upstream, OLD, *ZONES)
    with labs.lab(place, upstream, zones=zones(*ZONES), database=by == "transaction", keep_warm="1d") as lab:
        warm(lab, *ZONES)
        asked = upstream.count("0.example.com.test", "A")
        with clients(lab, *ZONES):
            if by == "reload":
                lab.knot.sections["default"]["resolver"] = [upstream.address, other.address]
                lab.knot.reload()
            else:
                lab.knot.knotc("conf-begin")
                lab.knot.knotc("conf-set", "mod-alias[default].resolver", other.address)
                lab.knot.knotc("conf-commit")
            # All names are looked up anew; the answers are no longer stale then.
            until(lambda: upstream.count("0.example.com.test", "A") > asked, 10)
            for zone in ZONES:
                for owner in owners(zone):
                    until(lambda owner=owner: ede(lab.ask(owner)) is None, 10)


def test_rewarmed_unasked(place, upstream, other):
    """A name in use is looked up by the new resolvers before a client asks; one that is not in use waits for that."""
    serve(upstream, OLD, *ZONES)
    serve(other, NEW, *ZONES)
    with labs.lab(place, upstream, zones=zones(*ZONES[:2]), keep_warm="1d") as lab:
        warm(lab, *ZONES[:2])
        lab.knot.sections["default"]["resolver"] = [other.address]
        lab.knot.reload()
        lab.knot.wait_log(f"answers taken over from resolver {upstream.address}")
        for zone in ZONES[:2]:
            for target in targets(zone):
                other.wait_both(target, limit=15)
        until(lambda: is_answer(lab.ask("n0.example.com"), NEW))


def test_zone_that_stays(place, upstream, other):
    """The new resolvers of a zone are not asked for names of another one, which keeps its own."""
    serve(upstream, OLD, *ZONES)
    serve(other, NEW, *ZONES)
    sections = {"one": labs.options(upstream, keep_warm="1d"), "two": labs.options(upstream, keep_warm="1d")}
    both = [*zones("example.com", module="mod-alias/one"), *zones("example.org", module="mod-alias/two")]
    with labs.lab(place, upstream, zones=both, sections=sections) as lab:
        warm(lab, "example.org", "example.com")
        lab.knot.sections["one"]["resolver"] = [other.address]
        lab.knot.reload()
        # The target that both use was charged to the other one. It is there for this one, too.
        assert is_stale(lab.ask(owners("example.com")[-1]), OLD)
        for target in targets("example.com"):
            other.wait_both(target, limit=15)
        assert not [each.name for each in other.queries() if each.name.endswith("example.org.test")]
        assert is_answer(lab.ask("n0.example.org"), OLD) and ede(lab.ask("n0.example.org")) is None


def test_dead_resolver(place, upstream, other):
    """If the new resolvers are dead, the old addresses are served for as long as ever, and negative answers likewise."""
    serve(upstream, OLD, "example.com")
    upstream.both("1.example.com.test", nodata())
    upstream.both("2.example.com.test", nxdomain())
    other.default = silence
    other.script("", "A", silence)
    with labs.lab(place, upstream, zones=zones("example.com"), keep_warm="1d", timeout=500) as lab:
        warm(lab, "example.com")
        lab.knot.sections["default"]["resolver"] = [other.address]
        lab.knot.reload()
        until(lambda: is_stale(lab.ask("n0.example.com"), OLD) and "is down" in lab.knot.log())
        assert is_stale(lab.ask("n0.example.com"), OLD)
        for owner in "n1.example.com", "n2.example.com":
            reply = lab.ask(owner)
            assert not is_truncated(reply) and not reply.answer and reply.rcode() == 0


def test_held_addresses(place, upstream, other):
    """With `nxdomain: hold`, the addresses from before an NXDOMAIN come along."""
    serve(upstream, OLD, "example.com", ttl=1)
    other.default = silence
    with labs.lab(place, upstream, zones=zones("example.com"), keep_warm="1d", nxdomain="hold") as lab:
        warm(lab, "example.com")
        upstream.both("0.example.com.test", nxdomain())
        until(lambda: is_stale(lab.ask("n0.example.com"), OLD))
        lab.knot.sections["default"]["resolver"] = [other.address]
        lab.knot.reload()
        assert is_stale(lab.ask("n0.example.com"), OLD)


@pytest.mark.parametrize("before, after, kept", [("on", "off", True), ("off", "on", False)])
def test_require_ad(place, upstream, before, after, kept):
    """What was validated is good enough for a zone that does not ask for that, but not the other way round."""
    def mark(message):
        message.flags |= 0x20
        return message

    for target in targets("example.com"):
        upstream.both(target, forged(mark, host(OLD)))
    with labs.lab(place, upstream, zones=zones("example.com"), require_ad=before) as lab:
        for owner in owners("example.com"):
            until(lambda owner=owner: is_answer(lab.ask(owner, tcp=True), OLD))
        gate = upstream.gate()
        for target in targets("example.com"):
            upstream.both(target, gate(forged(mark, host(OLD))))
        lab.knot.sections["default"]["require_ad"] = after
        lab.knot.reload()
        for owner in owners("example.com"):
            assert is_stale(lab.ask(owner), OLD) if kept else is_truncated(lab.ask(owner))
        gate.open()


def test_not_from_other_zones(place, upstream, other):
    """Zones that come to the same resolvers see what their own ones said before, not what others' did."""
    with Upstream() as third:
        gate = third.gate()
        for each, address in (upstream, OLD), (other, NEW):
            each.host("shared.test", address)
            for zone in ZONES:
                serve(each, address, zone)
        third.default = gate(host("192.0.2.3"))
        text = [Zone("example.com", "s " + alias("shared.test") + "\no " + alias("0.example.com.test"), "mod-alias/one"),
                Zone("example.org", "s " + alias("shared.test") + "\no " + alias("0.example.com.test"), "mod-alias/two"),
                Zone("example.net", "s " + alias("shared.test") + "\no " + alias("0.example.com.test"), "mod-alias/three")]
        sections = {"one": labs.options(upstream), "two": labs.options(other), "three": labs.options(third)}
        with labs.lab(place, upstream, zones=text, sections=sections) as lab:
            lab.warm("o.example.com")
            lab.warm("s.example.com")
            lab.warm("s.example.org")
            for section in "one", "two":
                lab.knot.sections[section]["resolver"] = [third.address]
            lab.knot.reload()
            assert is_stale(lab.ask("o.example.com"), OLD)
            # Nobody else used those resolvers, and this zone did not know the name.
            assert is_truncated(lab.ask("o.example.org"))
            assert is_truncated(lab.ask("o.example.net"))
            assert is_truncated(lab.ask("s.example.net"))
            for zone, address in ("example.com", OLD), ("example.org", NEW):
                assert addresses(lab.ask(f"s.{zone}")) in ([], [address])
            # A reload forgets nothing of that.
            lab.knot.reload()
            assert is_stale(lab.ask("o.example.com"), OLD)
            assert is_truncated(lab.ask("o.example.org"))
            gate.open()
            for zone in ZONES:
                for owner in "o", "s":
                    until(lambda owner=owner, zone=zone: is_answer(lab.ask(f"{owner}.{zone}"), "192.0.2.3"))


def test_several_changes(place, upstream, other):
    """What has not been looked up yet survives the next change, too."""
    with Upstream() as third:
        other.default = third.default = silence
        serve(upstream, OLD, "example.com")
        with labs.lab(place, upstream, zones=zones("example.com"), keep_warm="1d") as lab:
            warm(lab, "example.com")
            for resolvers in [other], [other, third], [third], [third, other]:
                lab.knot.sections["default"]["resolver"] = [each.address for each in resolvers]
                lab.knot.reload()
                for owner in owners("example.com"):
                    assert is_stale(lab.ask(owner), OLD)


def test_back_to_idle(place, upstream, other):
    """A zone that comes back to resolvers which others still use brings what is newer."""
    serve(upstream, OLD, *ZONES, ttl=1)
    serve(other, NEW, *ZONES)
    sections = {"one": labs.options(upstream), "two": labs.options(upstream)}
    both = [*zones("example.com", module="mod-alias/one"), *zones("example.org", module="mod-alias/two")]
    with labs.lab(place, upstream, zones=both, sections=sections) as lab:
        warm(lab, "example.com")
        lab.knot.sections["one"]["resolver"] = [other.address]
        lab.knot.reload()
        until(lambda: is_answer(lab.ask("n0.example.com"), NEW) and ede(lab.ask("n0.example.com")) is None)
        time.sleep(12)  # Until the answers there are past their grace.
        upstream.both("0.example.com.test", silence)
        lab.knot.sections["one"]["resolver"] = [upstream.address]
        lab.knot.reload()
        assert is_stale(lab.ask("n0.example.com"), NEW)
