# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything at once: all workers of a knotd busy, while its zones, options, keys and resolver change.

For threads.sh, which watches. What the answers are is judged by other tests; here each way has to be taken.
"""

import contextlib
import itertools
import random
import time

from client import rrset
from common import Load, options, verdict
from knotd import Zone
from stub import alias_record, aliases, stubbed
from timing import until

NAMES = 400
HOT = 5        # of these, for which all workers meet
TARGETS = 250  # in the cache: what leaves it is cold when it is asked for again
RATE = 1500    # queries/s over UDP for a zone
PAUSE = 0.2    # seconds between events
FIRST_NEW = 1000000

UNSIGNED, SIGNED, ONLINE = "example.com", "example.org", "online.example"
ZONES = [Zone(SIGNED, aliases(NAMES), extra="dnssec-signing: on\ndnssec-policy: quick"),
         Zone(ONLINE, aliases(NAMES), module="[ mod-alias/default, mod-onlinesign ]")]
POLICY = """\
policy:
  - id: quick
    dnskey-ttl: 1
    zone-max-ttl: 1
    propagation-delay: 1
"""

# What must have been counted in the end, so that nothing of the module's threads was left out
WAYS = {"answer-a[fresh]", "answer-a[stale]", "answer-a[cold]", "answer-aaaa[failed]", "client-wait",
        "resolver-suppressed", "resolver-query[first]", "resolver-query[refresh]", "resolver-query[probe]",
        "resolver-result[addresses]", "resolver-result[timeout]", "resolver-result[failure]",
        "resolver-limited[max-rate]", "resolver-limited[zone-rate]", "cache-removed[evicted]", "resolver-tcp",
        "cache-store[written]"}


def main():
    limits = options(__doc__, seconds=30)
    with stubbed(aliases(NAMES), ZONES, settings={"ttl": 1, "delay": 10}, udp_workers=3, extra=POLICY, max_targets=TARGETS,
                 failure_ttl="1s", timeout=200, retry=0, cold_wait=50) as (knot, stub):
        until(lambda: rrset(knot.ask(SIGNED, "SOA", do=True), "RRSIG"), 30)
        with contextlib.ExitStack() as stack:
            loads = [stack.enter_context(load) for load in all_loads(knot, limits.seconds)]
            events = Events(knot, stub)
            events.run(time.monotonic() + limits.seconds)
        results = [load.wait() for load in loads]
    for result in results:
        print(f"{result.completed} replies, {result.lost} lost: {result.rcodes}")
    missing = sorted(WAYS - events.seen)
    verdict(not missing and all("NOERROR" in result.rcodes for result in results),
            f"{events.count} events, each way was taken" + "".join(f", but {way}" for way in missing))


def all_loads(knot, seconds):
    """Over UDP and TCP, with DNSSEC and without, each from several clients and in an order of its own."""
    for zone, names, rate, *arguments in (
            (UNSIGNED, NAMES, RATE), (UNSIGNED, NAMES, RATE // 3, "-m", "tcp"), (UNSIGNED, HOT, RATE),
            (SIGNED, NAMES, RATE, "-D"), (SIGNED, NAMES, RATE // 3, "-D", "-m", "tcp"),
            (ONLINE, NAMES, RATE // 5, "-D")):
        questions = [f"n{number}.{zone} {rdtype}" for number in range(names) for rdtype in ("A", "AAAA", "MX")]
        random.Random(str(arguments)).shuffle(questions)
        yield Load(knot, questions, seconds, "-c", "4", "-T", "2", "-t", "2", "-Q", str(rate), *arguments)


class Events:
    """What changes meanwhile, over and over; `seen` has the counters that were ever above zero."""

    def __init__(self, knot, stub):
        self.knot, self.stub = knot, stub
        self.generation, self.count, self.seen = 1, 0, set()
        other = stub.address.replace("127.0.0.1", "127.0.0.2")
        self.faults = itertools.cycle(("silent", "servfail", "truncate"))
        self.settings = itertools.cycle((  # other options, limits, and another cache
            {"zone-rate": 50}, {"max-rate": 200}, {"max-targets": 2 * NAMES}, {"nxdomain": "hold"},
            {"max-targets": TARGETS // 2}, {"resolver": [stub.address, other]}, {"keep-warm": 0},
            {"zone-rate": 0, "max-rate": 1000, "max-targets": TARGETS},
            {"resolver": [stub.address], "keep-warm": "1d"}))

    def run(self, end):
        # A fault lasts until the resolver counts as down and is probed; a reload meanwhile would count from 0 again.
        events = itertools.cycle((self.fault, *(self.add_name, self.roll) * 5, self.reload, self.change_addresses,
                                  *[self.reload] * 3))
        while time.monotonic() < end:
            next(events)()
            self.count += 1
            time.sleep(PAUSE)
            for zone in UNSIGNED, SIGNED, ONLINE:
                self.seen |= {name for name, value in self.knot.stats(zone).items() if value}

    def fault(self):
        self.stub.control(mode=next(self.faults))

    def change_addresses(self):
        self.generation = self.generation % 255 + 1  # an octet of the addresses
        self.stub.control(mode="normal", generation=self.generation)

    def reload(self):
        self.knot.sections["default"] |= next(self.settings)
        self.knot.reload()

    def add_name(self):
        number = FIRST_NEW + self.count
        for zone in UNSIGNED, SIGNED:
            self.knot.add(alias_record(number).replace(" ", f".{zone} 60 ", 1), zone=zone)

    def roll(self):
        """Other keys, which the module looks for; refused while one roll is under way."""
        self.knot.knotc("zone-key-rollover", SIGNED, "zsk", check=False)


if __name__ == "__main__":
    main()
