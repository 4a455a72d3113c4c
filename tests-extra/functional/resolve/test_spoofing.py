# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody has to guess who forges replies (RFC 5452): source port, ID, and the case of the letters in the name."""

import collections
import time

import dns.name
import pytest

import lab as labs
from batch import Batch
from client import SILENT, alias, is_answer, is_servfail
from knotd import Zone
from timing import ms, sleep_until, until
from upstream import Upstream, delayed, forged, hosts, silence, together

GOOD = hosts("192.0.2.1")
EVIL = hosts("192.0.2.66")

PORT_QUERIES = 64  # a source port carries at most so many queries,
PORT_AGE = 4       # and within so many seconds


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    """Its resolver keeps the case of letters, and the module knows that."""
    sections = {"brief": labs.options(upstream, timeout=ms(500), failure_ttl="60s")}
    zones = [Zone("example.com"), Zone("example.org", module="mod-alias/brief")]
    with labs.lab(place, upstream, zones=zones, sections=sections) as lab:
        for reply in Batch(lab, "first", 4, GOOD).resolve():
            assert is_answer(reply, "192.0.2.1")
        yield lab


# Ports and IDs

def test_port_carries_few_queries(lab):
    """However many queries are under way, a forger who hits a port can only meet a few of them."""
    batch = Batch(lab, "port", 200, delayed(0.5, GOOD))
    for reply in batch.resolve():
        assert is_answer(reply, "192.0.2.1")
    queries = [query for queries in batch.sent() for query in queries]
    by_port = collections.Counter(query.port for query in queries)
    assert max(by_port.values()) <= PORT_QUERIES
    # Of 400 random numbers some are the same.
    assert len({query.id for query in queries}) >= 0.95 * len(queries)


def test_port_is_soon_another(lab):
    """A port that is never idle, since a new query is under way before the reply to the last one, is given up all the same."""
    batch = Batch(lab, "age", 24, delayed(0.5, GOOD))
    start = time.monotonic()
    for i, name in enumerate(batch.names):
        sleep_until(start + 0.25 * i)
        lab.ask(name)
    times = collections.defaultdict(list)
    for reply in batch.replies():
        assert is_answer(reply, "192.0.2.1")
    for queries in batch.sent():
        for query in queries:
            times[query.port].append(query.time)
    assert max(moments[-1] - moments[0] for moments in times.values()) <= PORT_AGE


def test_retransmission(place):
    """A query that is sent again has another ID and comes from another port."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=2000, retry=2, failure_ttl="60s") as lab:
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        batch = Batch(lab, "again", 5, silence)
        for reply in batch.resolve():
            assert is_servfail(reply, SILENT)
        for queries in batch.sent():
            assert len(queries) >= 2
            assert len({query.id for query in queries}) == len({query.port for query in queries}) == len(queries)


# The case of letters

def with_name(change):
    """Changes the name in the question; names of records go on pointing there."""
    def edit(message):
        record = message.question[0]
        record.name = dns.name.Name([change(label) for label in record.name.labels])
        return message
    return edit


def swap_first(label):
    return label[:1].swapcase() + label[1:]


def lower_case(script):
    return forged(with_name(bytes.lower), script)


OTHER_CASE = {"all": bytes.swapcase, "one": swap_first, "lower": bytes.lower}


def is_lower(query):
    return query.question == query.question.lower()


def test_mixed_case(lab):
    """Names are sent with letters in random case, in each query anew."""
    batch = Batch(lab, "mixed", 20, GOOD)
    for reply in batch.resolve():
        assert is_answer(reply, "192.0.2.1")
    queries = [query for queries in batch.sent() for query in queries]
    assert not any(is_lower(query) for query in queries)
    assert len({query.question for query in queries}) == len(queries)


@pytest.mark.parametrize("case", OTHER_CASE)
def test_other_case(lab, case):
    """A reply with other letters is not taken for the resolver's; the true one, behind it, is."""
    forgery = forged(with_name(OTHER_CASE[case]), EVIL)
    batch = Batch(lab, f"other-{case}", 5, together(forgery, delayed(0.1, GOOD)))
    for reply in batch.resolve():
        assert is_answer(reply, "192.0.2.1")
    assert set(batch.counts()) == {1}


def test_other_case_alone(lab):
    """Without the true one there is no answer."""
    brief = labs.Lab(lab.knot, lab.upstream, "example.org")
    batch = Batch(brief, "alone", 3, forged(with_name(bytes.swapcase), EVIL))
    for reply in batch.resolve():
        assert is_servfail(reply, SILENT)


def test_lower_case_resolver(place):
    """A resolver that changes letters works all the same. After the first replies it gets lower case only."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        first = Batch(lab, "first", 1, lower_case(GOOD))
        assert is_answer(*first.resolve(), "192.0.2.1")
        assert not is_lower(upstream.queries(first.targets[0])[0])
        batch = Batch(lab, "then", 20, lower_case(GOOD))
        for reply in batch.resolve():
            assert is_answer(reply, "192.0.2.1")
        assert all(is_lower(query) for queries in batch.sent() for query in queries)
        assert set(first.counts() + batch.counts()) == {1}


def test_names_with_one_letter(place):
    """A name that happens to be sent in lower case shows nothing of the resolver."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        upstream.default = lower_case(GOOD)
        for i in range(6):
            lab.add(f"short{i} 3600 " + alias(f"{i}.a."))
            assert is_answer(lab.settle(f"short{i}.example.com"), "192.0.2.1")
        for reply in Batch(lab, "then", 5).resolve():
            assert is_answer(reply, "192.0.2.1")


def test_resolver_begins_to_change_letters(place):
    """Another program at the resolver's address, say: that is found out."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=ms(500)) as lab:
        upstream.default = GOOD
        for reply in Batch(lab, "keeps", 4).resolve():
            assert is_answer(reply, "192.0.2.1")
        upstream.default = lower_case(GOOD)
        batch = Batch(lab, "changes", 30)

        def answered():
            return all([is_answer(lab.ask(name), "192.0.2.1") for name in batch.names])
        until(answered, 10, 0.1)
        for reply in Batch(lab, "after", 5).resolve():
            assert is_answer(reply, "192.0.2.1")
