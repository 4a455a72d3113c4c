# SPDX-License-Identifier: GPL-2.0-or-later
"""samples/deny-address.conf: which addresses it keeps from clients, and which not."""

import ipaddress

import pytest

import lab as labs
from client import addresses, is_answer, is_nodata
from knotd import Knotd, Zone, to_server
from tree import TOP

SAMPLE = TOP / "samples" / "deny-address.conf"

# Of each range of the list, one address or more.
SPECIAL = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255
    169.254.1.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1
    192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.254 255.255.255.255""".split()
SPECIAL6 = """
    :: ::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::a00:1 64:ff9b:1::1 100::1
    2001::1 2001:1ff:: 2001:db8::1 2002:a00:1:: 3fff::1 3fff:fff:: 5f00::1 fc00::1 fd00::1 fe80::1
    febf::1 ff02::1""".split()
# Their neighbours.
PUBLIC = """
    1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255
    192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255
    203.0.114.0 223.255.255.255 8.8.8.8""".split()
PUBLIC6 = """
    64:ff9a:ffff:: 64:ff9b:0:0:0:1:: 64:ff9b:2:: 100:0:0:1:: 2001:200:: 2001:db7:: 2001:db9:: 2003::
    3ffe:: 3fff:1000:: 5eff:: 5f01:: fbff:: 2a00:1450::1 2606:4700::1111""".split()


@pytest.fixture(scope="module", name="sample")
def fixture_sample(place, upstream):
    """A server that includes the file as it is, but for the resolver."""
    text = SAMPLE.read_text()
    line = "#resolver: [ 127.0.0.1@53 ]"
    assert line in text
    path = place()
    path.joinpath("deny-address.conf").write_text(to_server(
        text.replace(line, f"resolver: {upstream.address}\n    cold-wait: {int(1000 * labs.COLD_WAIT)}")))
    with Knotd(path, [Zone("example.com", module="mod-alias/public")], {},
               extra='include: "deny-address.conf"') as knot:
        yield labs.Lab(knot, upstream)


def test_sample_is_valid(place):
    """The file can be included as it is."""
    path = place()
    path.joinpath("deny-address.conf").write_text(to_server(SAMPLE.read_text()))
    server = Knotd(path, [Zone("example.com", module="mod-alias/public")], {}, extra='include: "deny-address.conf"')
    server.write()
    server.knotc("conf-check")


@pytest.mark.parametrize("given, public, rdtype", [
    (SPECIAL, PUBLIC, "A"), (SPECIAL6, PUBLIC6, "AAAA")])
def test_sample(sample, given, public, rdtype):
    """No special-purpose address gets through, and each address next to such a range does."""
    for i, address in enumerate(given):
        name, _ = sample.alias(f"special-{rdtype}-{i}".lower(), address)
        sample.warm(name)
        for tcp in (False, True):
            assert is_nodata(sample.ask(name, rdtype, tcp=tcp)), address
    name, _ = sample.alias(f"public-{rdtype}".lower(), *given, *public)
    sample.warm(name)
    expected = {ipaddress.ip_address(address) for address in public}
    for tcp in (False, True):
        reply = sample.ask(name, rdtype, tcp=tcp)
        assert {ipaddress.ip_address(a) for a in addresses(reply, rdtype)} == expected


@pytest.mark.parametrize("label, given, public", [
    ("loopback", "127.0.0.1", "8.8.8.8"), ("loopback6", "::1", "2606:4700::1111"),
    ("mapped", "::ffff:10.0.0.1", "2606:4700::1111"), ("local", "169.254.1.1", "8.8.8.8")])
def test_rebinding(sample, label, given, public):
    """A target with an inner and a public address: only the public one comes, from cold on."""
    name, _ = sample.alias(label, given, public)
    sample.everywhere(name, lambda reply, rdtype: is_answer(reply, public, rdtype=rdtype),
               "AAAA" if ":" in given else "A")
