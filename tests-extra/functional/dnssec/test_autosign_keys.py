# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of zones with automatic signing: rolled, lost, hanging, elsewhere, and those of the default policy."""

import dataclasses

import pytest

import lab as labs
import proof
from autosign import BRIEF, BRIEF_HEAD, OWNERS, TEXT, hosts, is_ready, is_signed, policy, signed, start
from client import ALIAS, is_answer, is_nodata, rrset
from knotd import Zone
from timing import until


def test_roll(place, upstream):
    """A new ZSK signs once it signs the zone, not before, and then alone."""
    with start(place, upstream, BRIEF, zones=[dataclasses.replace(signed(), head=BRIEF_HEAD)]) as lab:
        is_signed(lab)
        assert is_ready(lab, "both.example.com")
        zone = proof.Zone(lab.knot, owners=OWNERS)
        first = proof.signers(zone.ask("example.com", "SOA"))
        lab.knot.knotc("zone-key-rollover", "example.com", "zsk")

        def rolled():
            before, names = proof.signers(zone.ask("example.com", "SOA")), []
            for name, rdtype in (("both.example.com", "A"), ("both.example.com", "MX"), ("x.wild.example.com", "A")):
                names.append(proof.signers(zone.ask(name, rdtype)))
                # The old one serves while the new one is read.
                assert names[-1] in (first, proof.signers(zone.ask("example.com", "SOA")))
            return before != first and names == [before] * 3 and len(zone.keys()) == 2
        until(rolled, 20, 0.05)


@pytest.mark.parametrize("lost", ["directory", "content"])
def test_lost_keys(place, upstream, lost):
    """Without the private key: the zone's own reply, one error that says so, and addresses again once the key is back."""
    keys = []
    with start(place, upstream, ["nsec3: off"]) as lab:
        # A query at a name with ALIAS would have the keys read.
        until(lambda: rrset(lab.ask("plain.example.com", do=True), "RRSIG"), 20)
        store = lab.knot.path / "keys" / "keys"
        aside = lab.knot.path / "aside"
        if lost == "directory":
            store.rename(aside)
        else:
            keys = [(path, path.read_bytes()) for path in store.iterdir()]
            for path, _ in keys:
                path.write_text("garbage")
        lab.warm("both.example.com")
        for _ in range(3):
            reply = lab.settle("both.example.com", do=True)
            assert is_nodata(reply) and rrset(reply, "NSEC", "authority")
            assert is_answer(lab.ask("both.example.com"), "192.0.2.1", "192.0.2.2")
        for rdtype in ("TYPE65401", "ANY", "RRSIG"):
            reply = lab.ask("deep.under.example.com", rdtype, do=True)
            assert not any(ALIAS in (found.rdtype, found.covers) for found in reply.answer)
        assert lab.knot.log().count("make it readable for knotd") == 1
        if lost == "directory":
            aside.rename(store)
        for path, text in keys:
            path.write_bytes(text)
        lab.add("new 3600 TXT text")
        lab.settle("both.example.com", do=True)
        zone = proof.Zone(lab.knot, owners=OWNERS)
        assert is_answer(zone.ask("both.example.com"), "192.0.2.1", "192.0.2.2")
        assert lab.knot.log().count("ALIAS is not served") == 1


def test_lost_keys_reload(place, upstream):
    """A reload has lost keys looked for at once, and says again that they are lost."""
    with start(place, upstream, ["nsec3: off"]) as lab:
        until(lambda: rrset(lab.ask("plain.example.com", do=True), "RRSIG"), 20)
        store, aside = lab.knot.path / "keys" / "keys", lab.knot.path / "aside"
        store.rename(aside)
        lab.warm("both.example.com")
        assert is_nodata(lab.settle("both.example.com", do=True))
        lab.knot.reload()
        assert is_nodata(lab.settle("both.example.com", do=True))
        assert lab.knot.log().count("make it readable for knotd") == 2
        store.rmdir()  # which Knot has made
        aside.rename(store)
        lab.knot.reload()
        assert is_answer(lab.settle("both.example.com", do=True), "192.0.2.1", "192.0.2.2")


def test_reload(place, upstream):
    """Keys and signatures survive a reload: not even one reply is truncated. With other options all is signed anew."""
    with start(place, upstream, ["nsec3: off"]) as lab:
        is_signed(lab)
        assert is_ready(lab, "both.example.com")
        shown = [lab.ask("both.example.com", rdtype, do=True) for rdtype in ("A", "MX")]
        for path in (lab.knot.path / "keys" / "keys").iterdir():
            path.rename(path.with_suffix(".aside"))
        lab.knot.reload()
        for before in shown:
            [question] = before.question
            reply = lab.ask(question.name, question.rdtype, do=True)
            assert (reply.answer, reply.authority) == (before.answer, before.authority)
        lab.knot.sections["default"]["expose"] = "on"
        lab.knot.reload()
        assert is_nodata(lab.settle("both.example.com", do=True))


def test_keystore(place, upstream):
    """A keystore elsewhere, and policies by way of a template."""
    with labs.lab(place, upstream, zones=[Zone("example.com", TEXT)]) as lab:
        knot = lab.knot
        knot.template = ["    dnssec-signing: on", "    dnssec-policy: test"]
        knot.extra = "\n".join([
            "keystore:", "  - id: other", f"    config: {knot.path}/elsewhere", policy("keystore: other")])
        knot.reload()
        hosts(upstream)
        is_signed(lab)
        assert is_ready(lab, "both.example.com")
        assert list((knot.path / "elsewhere").glob("*.pem"))
        assert is_answer(proof.Zone(knot, owners=OWNERS).ask("both.example.com"), "192.0.2.1", "192.0.2.2")


def test_default_policy(place, upstream):
    """Without a policy of its own a zone has the default one; so has a zone that is signed from now on."""
    with labs.lab(place, upstream, zones=[Zone("example.com", TEXT)]) as lab:
        hosts(upstream)
        lab.warm("both.example.com")
        assert is_answer(lab.ask("both.example.com", do=True), "192.0.2.1", "192.0.2.2")
        lab.knot.zones[0].extra = "dnssec-signing: on"
        lab.knot.reload()
        is_signed(lab)
        until(lambda: is_answer(lab.ask("both.example.com", do=True), "192.0.2.1", "192.0.2.2"))  # keys are read
        assert is_answer(proof.Zone(lab.knot, owners=OWNERS).ask("both.example.com"), "192.0.2.1", "192.0.2.2")
