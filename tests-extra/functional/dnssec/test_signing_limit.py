# SPDX-License-Identifier: GPL-2.0-or-later
"""Many names to sign with RSA, which takes a millisecond each: signing is limited, and clients come back."""

from autosign import is_signed, signed, start
from client import NOT_READY, alias, is_answer, is_servfail, is_truncated
from timing import until

NAMES = 800
LIMITED = "signing takes more than a quarter"
TEXT = "\n".join(["known " + alias("changes.example.net"), "plain A 192.0.2.101", *(
    f"n{i} {alias('both.example.net')}" for i in range(NAMES))])
BOTH, OLD, NEW = ("192.0.2.1", "192.0.2.2"), "192.0.2.11", "192.0.2.12"


def test_flood(place, upstream):
    """Names that were never signed share what the limit leaves; others are answered, and so are they in the end."""
    upstream.host("changes.example.net", OLD, ttl=1)
    with start(place, upstream, ["algorithm: rsasha256", "nsec3: off"], zones=[signed(TEXT)],
               server={"udp_workers": 1}) as lab:
        until(lambda: is_signed(lab), 60)
        lab.warm("known.example.com")
        lab.warm("n0.example.com")
        until(lambda: is_answer(lab.ask("known.example.com", do=True), OLD))
        come_back = []
        for i in range(NAMES):
            reply = lab.ask(f"n{i}.example.com", do=True)
            assert is_answer(reply, *BOTH) or is_truncated(reply)
            if is_truncated(reply):
                come_back.append(f"n{i}.example.com")
            if i == NAMES // 2:
                upstream.host("changes.example.net", NEW, ttl=1)
            if i % 10 == 0:
                # What was signed before is signed again in any case.
                reply = lab.ask("known.example.com", do=True)
                assert is_answer(reply, OLD) or is_answer(reply, NEW), reply
                assert is_answer(lab.ask("plain.example.com", do=True), "192.0.2.101")
                assert is_answer(lab.ask(f"n{i}.example.com"), *BOTH)
        assert NAMES / 20 < len(come_back) < NAMES
        assert lab.knot.log().count(LIMITED) == 1
        assert lab.knot.stats()["answer-a[cold]"] >= len(come_back)
        until(lambda: is_answer(lab.ask("known.example.com", do=True), NEW))

        # Over TCP it is an error.
        reply = lab.ask(come_back[-1], do=True, tcp=True)
        assert is_servfail(reply, NOT_READY) or is_answer(reply, *BOTH)
        for name in come_back:
            until(lambda n=name: is_answer(lab.ask(n, do=True), *BOTH), 20)
