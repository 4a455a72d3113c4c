# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration: defaults, and what is refused and how."""

import subprocess

import pytest

import lab as labs
from client import alias, is_answer, is_servfail, is_truncated
from knotd import Knotd, Zone
from timing import until
from upstream import Upstream

STATIC = "static A 192.0.2.100"

# A bad section and what the complaint must name
BAD = {
    "unix-path": (dict(resolver="/run/resolver.sock"), "resolver"),
    "any": (dict(resolver="0.0.0.0"), "resolver"),
    "any6": (dict(resolver='"::"'), "resolver"),
    "port-0": (dict(resolver="127.0.0.1@0"), "resolver"),
    "multicast": (dict(resolver="224.0.0.251@5353"), "resolver"),
    "multicast6": (dict(resolver="ff02::fb@5353"), "resolver"),
    "broadcast": (dict(resolver="255.255.255.255"), "resolver"),
    "name": (dict(resolver="resolver.example.net"), "resolver"),
    "one-of-two": (dict(resolver=["127.0.0.1@5301", "0.0.0.0"]), "resolver"),
    "ttls": (dict(ttl_min=100, ttl_max=99), "ttl-min"),
    "ttl-max-default": (dict(ttl_min="2d"), "ttl-min"),
    "timeout-0": (dict(timeout=0), "timeout"),
    "timeout-long": (dict(timeout=60001), "timeout"),
    "retry": (dict(retry=6), "retry"),
    "retry-negative": (dict(retry=-1), "retry"),
    "cold-wait": (dict(cold_wait=3600000), "cold-wait"),
    "ttl-negative": (dict(ttl_min=-1), "ttl-min"),
    "negative-ttl": (dict(negative_ttl_max=-1), "negative-ttl-max"),
    "failure-ttl": (dict(failure_ttl="1d"), "failure-ttl"),
    "keep-warm": (dict(keep_warm="8d"), "keep-warm"),
    "stale-max": (dict(stale_max="8d"), "stale-max"),
    "max-rate": (dict(max_rate=0), "max-rate"),
    "max-targets": (dict(max_targets=0), "max-targets"),
    "sibling": (dict(sibling="both"), "sibling"),
    "nxdomain": (dict(nxdomain="refused"), "nxdomain"),
    "expose": (dict(expose="maybe"), "expose"),
    "unknown": (dict(cold_weight=1), "cold-weight"),
}


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    upstream.host("t.example.net", "192.0.2.1")
    text = STATIC + "\nwww " + labs.alias("t.example.net")
    with labs.lab(place, upstream, zones=[Zone("example.com", text)]) as lab:
        yield lab.knot


@pytest.fixture(name="restore")
def fixture_restore(knot):
    """Puts the configuration back that the module's server began with."""
    before = knot.zones, knot.sections, knot.template
    yield
    knot.zones, knot.sections, knot.template = before
    knot.reload()


def serves(knot):
    return is_answer(knot.ask("static.example.com"), "192.0.2.100")


def refused(knot):
    """The complaint about a configuration that the server does not take."""
    knot.write()
    check = knot.knotc("conf-check", check=False)
    assert check.returncode != 0
    assert knot.knotc("reload", check=False).returncode != 0
    return check.stdout + check.stderr


@pytest.mark.parametrize("fault", BAD)
def test_bad_option(knot, restore, fault):
    """conf-check names the item, a reload is refused, and the server goes on as before."""
    section, item = BAD[fault]
    knot.sections = {"default": section}
    assert item in refused(knot)
    assert serves(knot)
    assert is_answer(knot.ask("www.example.com", tcp=True), "192.0.2.1")


@pytest.mark.parametrize("fault, rule", [
    ("any", "unicast"), ("port-0", "port"), ("ttls", "ttl-max")])
def test_rule_is_named(knot, restore, fault, rule):
    """The complaint says what would be right."""
    knot.sections = {"default": BAD[fault][0]}
    assert rule in refused(knot)


def test_good_options(knot, restore, upstream):
    """Every option at the edge of its range is taken."""
    knot.sections = {
        "default": dict(resolver=[upstream.address, "::1@5353", "192.0.2.53"], timeout=60000,
                        retry=0, cold_wait=0, ttl_min="1h", ttl_max="1h", negative_ttl_max=0,
                        failure_ttl=1, keep_warm="7d", stale_max="7d", max_rate=1000000,
                        max_targets=100000000, store='""', sibling="override",
                        nxdomain="servfail", expose="on"),
        "other": dict(ttl_max="28d", retry=5, keep_warm=0, stale_max=0, max_rate=1, max_targets=1,
                      store="cache", sibling="merge", nxdomain="hold", expose="off")}
    knot.write()
    knot.knotc("conf-check")
    knot.knotc("reload")
    assert is_answer(labs.Lab(knot, upstream).settle("www.example.com"), "192.0.2.1")


def test_without_section(knot, restore):
    """`module: mod-alias` alone takes the defaults and the system's resolvers."""
    knot.sections = {}
    knot.zones = [Zone("example.com", STATIC, module="mod-alias")]
    knot.reload()
    until(lambda: serves(knot))


def with_resolv_conf(place, text):
    """A server without `resolver`, for which the system's resolv.conf has this text."""
    path = place()
    path.joinpath("resolv.conf").write_text(text)
    shell = ["unshare", "--mount", "--map-root-user", "sh", "-c",
             'mount --bind resolv.conf /etc/resolv.conf && exec "$@"', "sh"]
    if subprocess.run([*shell, "true"], cwd=path, check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    server = Knotd(path, [Zone("example.com", "@ " + alias("t.example.net"), module="mod-alias")], {})
    server.prefix = shell
    return server


def test_system_resolvers(place):
    """Without `resolver` the system's resolv.conf says whom to ask."""
    address = "127.0.0.77"  # resolv.conf knows no port but 53, and somebody may have that
    server = with_resolv_conf(place, f"nameserver {address}\n")
    try:
        system = Upstream(address, 53).__enter__()
    except OSError:
        pytest.skip("port 53 is not to be had")
    try:
        with server:
            server.wait_log(f"resolver {address}@53 from the system's resolv.conf")
            name, _ = labs.Lab(server, system).alias("system", "192.0.2.7")
            until(lambda: is_answer(server.ask(name, tcp=True), "192.0.2.7"), 10)
    finally:
        system.__exit__()


@pytest.mark.parametrize("text", ["", "search example.net\n", "nameserver\nnameserver fe80::1%eth0\n"])
def test_no_system_resolvers(place, text):
    """A resolv.conf that names no resolver is an error: nobody is asked instead, and so not this server."""
    with with_resolv_conf(place, text) as server:
        server.wait_log("option 'resolver' is not set, and the system's resolv.conf names no usable resolver")
        assert "127.0.0.1@53" not in server.log()
        assert is_servfail(server.ask("example.com"))
        server.sections = {"default": dict(resolver="127.0.0.77")}
        server.zones[0].module = "mod-alias/default"
        server.reload()
        server.wait_log("resolver 127.0.0.77@53 from option 'resolver'")


def test_global_module(knot, restore):
    """Used for all zones at once, the module says that this is out of its scope."""
    knot.template = ["    global-module: mod-alias/default"]
    knot.zones = [Zone("example.com", STATIC, module="")]
    log = len(knot.log())
    knot.write()
    check = knot.knotc("conf-check", check=False)
    knot.knotc("reload", check=False)
    assert "scope" in check.stdout + check.stderr + knot.log()[log:]
    assert serves(knot)


@pytest.mark.parametrize("modules, complains", [
    ("[ mod-onlinesign, mod-alias/default ]", True),
    ("[ mod-alias/default, mod-onlinesign ]", False)])
def test_order_of_modules(place, upstream, modules, complains):
    """mod-onlinesign signs what is there when its turn comes: listed first, it is an error."""
    zones = [Zone("example.com", STATIC, module=modules), Zone("example.org", STATIC, module="")]
    with labs.lab(place, upstream, zones=zones) as lab:
        errors = [line for line in lab.knot.log().splitlines()
                  if "error:" in line and "before mod-onlinesign" in line]
        assert bool(errors) == complains
        assert all("example.com." in line for line in errors)
        assert is_answer(lab.ask("static.example.org"), "192.0.2.100")
        assert lab.knot.knotc("conf-check", check=False).returncode == 0 or complains


@pytest.mark.parametrize("modules", [
    "[ mod-alias/default, mod-alias/other ]",
    "[ mod-alias, mod-stats, mod-alias/other ]",
    "[ mod-alias/default, mod-onlinesign, mod-alias/other ]"])
@pytest.mark.parametrize("template", [False, True], ids=["zone", "template"])
def test_module_twice(place, upstream, modules, template):
    """The module twice in one zone is an error, wherever the list is: the last one would win, or answer unsigned."""
    zones = [Zone("example.com", STATIC, module="" if template else modules),
             Zone("example.org", STATIC, module="mod-stats")]
    with labs.lab(place, upstream, zones=zones, sections={"other": {}},
                  template=[f"    module: {modules}"] if template else []) as lab:
        errors = [line for line in lab.knot.log().splitlines()
                  if "error:" in line and "must be listed only once in option 'module' of the zone" in line]
        assert len(errors) == 2 and all("[example.com.]" in line for line in errors)
        assert is_answer(lab.ask("static.example.com"), "192.0.2.100")
        assert is_answer(lab.ask("static.example.org"), "192.0.2.100")


def test_two_modules_of_one_zone(place, upstream):
    """Another module beside it, before or after, changes nothing."""
    zones = [Zone(f"{i}.example.com", module=modules) for i, modules in enumerate(
        ("[ mod-stats, mod-alias/default ]", "[ mod-alias/default, mod-stats ]"))]
    with labs.lab(place, upstream, zones=zones) as lab:
        for i in range(2):
            zone = labs.Lab(lab.knot, upstream, f"{i}.example.com")
            name, _ = zone.alias("www", "192.0.2.1")
            assert is_truncated(zone.ask(name))
            assert is_answer(zone.ask(name, tcp=True), "192.0.2.1")


def test_start_with_bad_configuration(place):
    """The server does not start with a bad section, and says why."""
    server = Knotd(place(), [Zone("example.com")], {"default": dict(ttl_min=2, ttl_max=1)})
    with pytest.raises(AssertionError, match="ttl-min"):
        server.start()


def test_nsec_bitmap(knot, restore):
    """A bitmap of mod-onlinesign that would deny the addresses is warned of."""
    knot.extra = "mod-onlinesign:\n  - id: narrow\n    nsec-bitmap: [TXT, A]\n"
    try:
        knot.zones = [Zone("example.com", STATIC,
                           module="[ mod-alias/default, mod-onlinesign/narrow ]")]
        knot.reload()
        knot.wait_log("'nsec-bitmap' of mod-onlinesign must have A and AAAA")
    finally:
        knot.extra = ""
