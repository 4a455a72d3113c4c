# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes of the configuration and of zones while the server runs."""

import concurrent.futures
import time

import pytest

import lab as labs
from client import addresses, alias, connect, is_answer, is_servfail, is_truncated, query, ttl
from knotd import Zone
from looped import Background
from timing import ms, until
from upstream import Upstream, host, silence

TEXT = "\n".join(["static A 192.0.2.100", "www " + alias("warm.example.net")])


@pytest.fixture(name="lab")
def fixture_lab(place, upstream):
    """A server of its own for each test: configurations do not leak from one to the next."""
    upstream.host("warm.example.net", "192.0.2.1")
    with labs.lab(place, upstream, zones=[Zone("example.com", TEXT)]) as lab:
        lab.warm("www.example.com")
        lab.asked = upstream.count("warm.example.net")
        yield lab


def still_warm(lab, zone="example.com"):
    """The answer is there at once over UDP, and no query went out for it."""
    reply = lab.ask(f"www.{zone}")
    assert is_answer(reply, "192.0.2.1"), reply.to_text()
    assert lab.upstream.count("warm.example.net") == lab.asked


class Client(Background):
    """Asks for the warm name without pause over UDP and keeps every reply that is no answer."""

    def __init__(self, lab):
        super().__init__()
        self.port = lab.knot.port
        # The tail of an answer: the address, and the OPT record of the server.
        self.expected = bytes([192, 0, 2, 1]) + lab.ask("www.example.com").raw[-11:]
        self.count, self.bad = 0, []

    def run(self):
        wire = query("www.example.com").to_wire()
        with connect("127.0.0.1", self.port, False) as sock:
            while not self.ended.is_set():
                sock.send(wire)
                try:
                    reply = sock.recv(4096)
                except TimeoutError:
                    self.bad.append("lost")
                    continue
                self.count += 1
                if reply[3] & 15 or not reply.endswith(self.expected):
                    self.bad.append(reply)

    def was_served(self, least):
        assert not self.bad, self.bad[:3]
        assert self.count >= least


def test_reload(lab):
    """A reload with nothing changed keeps the cache."""
    for _ in range(3):
        lab.knot.knotc("reload")
        still_warm(lab)


def test_zone_reload(lab):
    """A zone-reload with a changed zone file keeps it too."""
    zone = lab.knot.zones[0]
    zone.text += "\nmore A 192.0.2.101"
    lab.knot.write_zone(zone)
    lab.knot.knotc("-b", "-f", "zone-reload", "example.com")
    until(lambda: is_answer(lab.ask("more.example.com"), "192.0.2.101"))
    still_warm(lab)


def test_options_change(lab):
    """New options apply at once; the cache stays."""
    lab.knot.sections["default"].update(ttl_max=100, expose="on", cold_wait=1, failure_ttl="2s",
                                        sibling="merge", negative_ttl_max=1)
    lab.knot.reload()
    until(lambda: lab.ask("www.example.com", "TYPE65401").answer)
    still_warm(lab)
    assert ttl(lab.ask("www.example.com")) == 100


def test_zone_rate_raised(place, upstream):
    """Names that a zone-rate holds up do not wait for it any more when it is gone."""
    names = [f"r{i}.example.com" for i in range(60)]
    zone = Zone("example.com", "\n".join(f"r{i} {alias(f'r{i}.rate.example.net')}" for i in range(60)))
    for i in range(60):
        upstream.host(f"r{i}.rate.example.net", "192.0.2.1")
    with labs.lab(place, upstream, zones=[zone], zone_rate=1) as lab:
        for name in names:
            assert is_truncated(lab.ask(name))
        until(lambda: lab.knot.stats()["resolver-limited[zone-rate]"] > 1)
        lab.knot.sections["default"].update(zone_rate=0)
        lab.knot.reload()
        left = set(names)

        def all_there():
            left.difference_update([name for name in left if is_answer(lab.ask(name), "192.0.2.1")])
            return not left
        until(all_there, 20, 0.2)


def test_timeout_change(lab):
    """Also when it is the time-outs that change."""
    lab.knot.sections["default"].update(timeout=ms(300), retry=1)
    lab.knot.reload()
    still_warm(lab)
    name, target = lab.alias("silent")
    lab.upstream.both(target, silence)
    assert is_servfail(lab.settle(name))


def test_two_reloads(place, upstream):
    """Options and counters are those of the last load at once, also of names that stay warm and however soon it comes."""
    upstream.host("warm.example.net", "192.0.2.1", ttl=1)
    with labs.lab(place, upstream, zones=[Zone("example.com", TEXT)], keep_warm="1d") as lab:
        def reload_twice(**options):
            for number in range(2):
                lab.knot.sections["default"].update(options, ttl_max=1000 + number)
                lab.knot.reload()
                time.sleep(0.2)

        def refreshes():
            lab.ask("static.example.com")
            return lab.knot.stats().get("resolver-query[refresh]", 0)

        lab.warm("www.example.com")
        until(lambda: refreshes() >= 3)
        reload_twice()
        assert refreshes() <= 2
        until(lambda: refreshes() >= 3)
        assert ttl(lab.ask("www.example.com")) == 1
        reload_twice(keep_warm=0)
        asked = upstream.count("warm.example.net")
        time.sleep(3)
        assert upstream.count("warm.example.net") == asked


def test_resolver_change(lab):
    """New resolvers have a cache of their own; see test_other_resolvers.py for what it begins with."""
    with Upstream() as other:
        other.host("warm.example.net", "198.51.100.1")
        lab.knot.sections["default"]["resolver"] = [other.address]
        lab.knot.reload()
        until(lambda: is_answer(lab.ask("www.example.com", tcp=True), "198.51.100.1"))
        assert other.count("warm.example.net", "A") == 1
        assert lab.upstream.count("warm.example.net") == lab.asked
        # Back again soon, the old cache is still there.
        lab.knot.sections["default"]["resolver"] = [lab.upstream.address]
        lab.knot.reload()
        until(lambda: addresses(lab.ask("www.example.com")) == ["192.0.2.1"])
        still_warm(lab)


def test_module_taken_from_zone_and_back(lab):
    """Without the module the zone is plain; with it again the cache is still warm."""
    zone = lab.knot.zones[0]
    zone.module = ""
    lab.knot.reload()
    until(lambda: not lab.ask("www.example.com").answer)
    assert lab.ask("www.example.com", "TYPE65401").answer
    zone.module = "mod-alias/default"
    lab.knot.reload()
    until(lambda: lab.ask("www.example.com").answer)
    still_warm(lab)


def transaction(lab, *commands):
    lab.knot.knotc("conf-begin")
    for command in commands:
        lab.knot.knotc(*command.split())
    lab.knot.knotc("conf-commit")


def test_zones_by_transaction(place, upstream):
    """Zones added and removed by conf-begin and conf-commit share the cache; so do new options."""
    add = "conf-set zone[{0}]", "conf-set zone[{0}].module mod-alias/default"
    upstream.host("warm.example.net", "192.0.2.1")
    with labs.lab(place, upstream, zones=[Zone("example.com", TEXT)], database=True) as lab:
        def change(*commands):
            # Knot 3.2 forgets loaded modules in a commit that changes no section of a module.
            transaction(lab, f"conf-set mod-alias[default].comment {time.monotonic()}", *commands)

        lab.warm("www.example.com")
        lab.asked = upstream.count("warm.example.net")
        for zone in ("example.org", "example.net"):
            lab.knot.write_zone(Zone(zone, TEXT))
            change(*(command.format(zone) for command in add))
            lab.knot.wait_zone(zone)
            still_warm(lab, zone)
            still_warm(lab)
        change("conf-set mod-alias[default].ttl-max 77")
        for zone in ("example.com", "example.org", "example.net"):
            assert ttl(lab.ask(f"www.{zone}")) == 77
        change("conf-unset zone[example.com]", "conf-unset zone[example.org]")
        until(lambda: lab.ask("www.example.com").rcode() != 0)
        still_warm(lab, "example.net")
        change("conf-unset zone[example.net]")
        until(lambda: lab.ask("www.example.net").rcode() != 0)
        change(*(command.format("example.com") for command in add))
        lab.knot.wait_zone("example.com")
        still_warm(lab)


def test_other_zone_by_transaction(lab):
    """A commit that is about another zone changes nothing here."""
    lab.knot.write_zone(Zone("example.org", TEXT))
    transaction(lab, "conf-set zone[example.org]")
    lab.knot.wait_zone("example.org")
    still_warm(lab)
    assert lab.ask("www.example.org", "TYPE65401").answer


def test_zone_by_transaction_and_reload(place, upstream):
    """Where the commit alone does not bring the module, a full reload does; the cache stays."""
    upstream.host("warm.example.net", "192.0.2.1")
    with labs.lab(place, upstream, zones=[Zone("example.com", TEXT)], database=True) as lab:
        lab.warm("www.example.com")
        lab.asked = upstream.count("warm.example.net")
        lab.knot.write_zone(Zone("example.org", TEXT))
        with Client(lab) as client:
            transaction(lab, "conf-set zone[example.org]",
                        "conf-set zone[example.org].module mod-alias/default")
            lab.knot.wait_zone("example.org")
            lab.knot.knotc("reload")
            still_warm(lab, "example.org")
        client.was_served(1)
        still_warm(lab)


def test_bad_transaction(lab):
    """A bad option is refused by the commit, which names the rule."""
    lab.knot.knotc("conf-begin")
    lab.knot.knotc("conf-set", "mod-alias[default].ttl-min", "2d")
    refused = lab.knot.knotc("conf-commit", check=False)
    assert refused.returncode != 0 and "ttl-min" in refused.stdout + refused.stderr
    lab.knot.knotc("conf-abort", check=False)  # Knot 3.4.6 says that it is busy, with any module.
    still_warm(lab)


def test_reload_while_resolving(lab):
    """A resolution under way survives a reload, and so does one that waits for it over TCP."""
    name, target = lab.alias("slow")
    gate = lab.upstream.gate()
    lab.upstream.both(target, gate(host("192.0.2.2")))
    assert is_truncated(lab.ask(name))
    lab.upstream.wait_both(target)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(lab.ask, name, tcp=True)
        log = len(lab.knot.log())
        reloading = pool.submit(lab.knot.knotc, "reload")
        until(lambda: "command 'reload'" in lab.knot.log()[log:])
        gate.open()
        reloading.result()
        assert is_answer(waiting.result(), "192.0.2.2")
    assert is_answer(lab.settle(name), "192.0.2.2")
    assert lab.upstream.count(target, "A") == 1


def test_reloads_under_load(lab):
    """20 reloads, each with a changed option: no reply is lost or wrong, nothing is resolved."""
    with Client(lab) as client:
        for i in range(20):
            seen = client.count
            lab.knot.sections["default"]["ttl_max"] = 1000 + i
            lab.knot.reload()
            until(lambda seen=seen: client.count > seen + 100)
    client.was_served(2000)
    still_warm(lab)
