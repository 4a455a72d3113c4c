# SPDX-License-Identifier: GPL-2.0-or-later
"""The samples: each is complete, loads as it is but for addresses and paths, and does what it says."""

import contextlib
import ipaddress
import json
import os
import re
import shlex
import shutil
import subprocess
import time

import dns.dnssec
import dns.query
import dns.rcode
import dns.rdtypes.dnskeybase
import dns.xfr
import pytest

import proof
from client import FAILED, SILENT, addresses, alias, connect, is_answer, is_servfail, rrset
from kalias import kalias
from keycopy import copy_keys
from knotd import KEYMGR, MODULE, Knotd, Zone
from ports import free_port
from process import Process, preload
from timing import seconds, until
from tree import TOP
from unbound import UNBOUND, Unbound
from upstream import Upstream, failure, silence
from zonecheck import knows_alias

NO_PROMTOOL = "promtool is not installed (package prometheus)"
KZONECHECK = "/usr/bin/kzonecheck"

SAMPLES = TOP / "samples"
TARGET, V4, V6 = "cdn.provider.example", "203.0.113.10", "2001:db8:cd::10"

PACKAGING = SAMPLES / "packaging"  # has a test of its own, packages.sh
FILES = {path for path in SAMPLES.rglob("*") if path.is_file() and PACKAGING not in path.parents}
DROP_INS = {path for path in FILES if path.match("*.service.d/*.conf")}
UNITS = {path for path in FILES if path.suffix in (".service", ".timer")}
INCLUDED = {SAMPLES / "deny-address.conf"}  # a part of a configuration, with tests of its own
CACHEDB_CONF = SAMPLES / "local-unbound" / "cachedb.conf"
UNBOUND_CONFS = {path for path in FILES if path.name == "unbound.conf"} | {CACHEDB_CONF}
KNOT_CONFS = {path for path in FILES if path.suffix == ".conf"} - DROP_INS - UNBOUND_CONFS - INCLUDED
EXPORTS = {SAMPLES / "migration" / name for name in ("powerdns.zone", "cloudflare.zone", "nameservers.zone")}
FILTERS = {path for path in FILES if path.suffix in (".jq", ".awk")}  # kalias/test_migration.py has the recipes
PROVIDERS = {path for path in FILES if path.suffix == ".py"}  # kalias/test_other_tools.py runs them
ZONES = {path for path in FILES if path.suffix == ".zone"} - EXPORTS
PROMETHEUS = {SAMPLES / "monitoring" / name for name in ("prometheus.yml", "alerts.yml", "alerts-test.yml")}
DASHBOARD = SAMPLES / "monitoring" / "dashboard.json"
ALERTS = (SAMPLES / "monitoring" / "alerts.yml").read_text()
SCENARIOS = sorted({str(path.parent.relative_to(SAMPLES)) for path in KNOT_CONFS})
# The README's text for each scenario
SECTIONS = dict(re.findall(r"^## (\S+).*\n((?:(?!## ).*\n)*)", (SAMPLES / "README.md").read_text(), re.M))

ENDPOINT = re.compile(r"[0-9a-f.:]+@\d+")  # an address with its port
RESOLVERS = re.compile(r"^    resolver: (.*)", re.M)
DATABASE = 'database:\n    storage: "/var/lib/knot"\n'
# The default sizes are too much for a sanitizer's address space.
SIZES = "".join(f"    {name}-db-max-size: 16M\n" for name in ("journal", "kasp", "catalog")) + (
    "    timer-db-max-size: 1M\n")


class Endpoints(dict):
    """Addresses of the samples and what stands for them on loopback; all servers of a scenario share it."""

    def __missing__(self, endpoint):
        loopback = ipaddress.ip_address(endpoint.split("@")[0])
        self[endpoint] = f"{'::1' if loopback.version == 6 else '127.0.0.1'}@{free_port()}"
        return self[endpoint]

    def localize(self, text):
        return ENDPOINT.sub(lambda match: self[match[0]], text)


class Sample(Knotd):
    """A knotd with one of the samples."""

    def __init__(self, path, source, endpoints):
        super().__init__(path, [])
        self.source = source
        self.text = endpoints.localize(source.read_text())
        self.port = int(re.search(r"^    listen: \[ [0-9.]+@(\d+)", self.text, re.M)[1])

    def config(self):
        adapted = [f'module:\n  - id: mod-alias\n    file: "{MODULE}"\n', self.text]
        for old, new in ((DATABASE, DATABASE + SIZES), ("/var/lib/knot", str(self.path)),
                         ("/run/knot", str(self.path)), ("target: syslog", "target: stderr")):
            assert old in adapted[1], f"{self.source} lacks {old}"
            adapted[1] = adapted[1].replace(old, new)
        return "".join(adapted)

    def served(self):
        """The zones of the configuration, each with its file or None, and whether clients may ask."""
        blocks = re.split(r"^  - domain: ", self.text, flags=re.M)[1:]
        for domain, block in ((block.split()[0], block) for block in blocks):
            named = re.search(r'^    file: "(.*)"', block, re.M)
            name = named[1] if named else f"{domain}.zone"
            files = [place / name for place in (self.source.parent, SAMPLES)]
            file = next((file for file in files if file.exists()), None)
            yield domain, None if "    master: " in block else file, "catalog-role" not in block

    def write(self):
        super().write()
        for _, file, _ in self.served():
            if file:
                shutil.copyfile(file, self.path / file.name)

    def wait_zone(self, zone):
        until(lambda: rrset(self.ask(zone, "SOA", tcp=True), "SOA"))

    def wait_answer(self, name, address, rdtype="A", limit=5):
        until(lambda: is_answer(self.ask(name, rdtype, tcp=True), address, rdtype=rdtype), limit)


@contextlib.contextmanager
def scenario(name, place, upstream, **known):
    """All servers of a scenario, by the names of their configurations; `upstream` is every resolver."""
    sources = sorted(path for path in KNOT_CONFS if path.parent == SAMPLES / name)
    endpoints = Endpoints(known)
    for source in sources:
        for resolver in ENDPOINT.findall(" ".join(RESOLVERS.findall(source.read_text()))):
            endpoints.setdefault(resolver, upstream.address)
    upstream.host(TARGET, V4, V6)
    with contextlib.ExitStack() as servers:
        yield {source.stem: servers.enter_context(Sample(place(), source, endpoints)) for source in sources}


@contextlib.contextmanager
def powerdns(place):
    """What stands for it: a primary that sends ALIAS as it is."""
    with Knotd(place(), [Zone("example.org", f"@ {alias(TARGET)}", module="")]) as primary:
        yield {"192.0.2.10@53": f"127.0.0.1@{primary.port}"}


def run_tool(path, *arguments):
    """Run a tool that reads the configuration, and so loads the module; return what it prints."""
    done = subprocess.run([*preload(ASAN_OPTIONS="detect_leaks=0"), *arguments], cwd=path,
                          capture_output=True, text=True, timeout=seconds(20), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(name, program):
    """The arguments of a program where the README shows it for a scenario, without redirections."""
    lines = re.findall(rf"^    {program} ([^>\n]*)", SECTIONS[name], re.M)
    return [shlex.split(line) for line in lines]


# All of them

def test_every_file_is_known():
    """A new sample is found, or has to be made known here; the README has them all."""
    known = (INCLUDED | DROP_INS | UNITS | UNBOUND_CONFS | KNOT_CONFS | EXPORTS | FILTERS | ZONES | PROMETHEUS | PROVIDERS
             | {DASHBOARD})
    assert FILES - known == {SAMPLES / "README.md", SAMPLES / "other-tools" / "README.md", SAMPLES / "demo.sh"}
    assert sorted(SECTIONS) == sorted(SCENARIOS + [PACKAGING.name])


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(place, upstream, name):
    """conf-check likes it, every server serves every zone, and the README's commands work on them."""
    with contextlib.ExitStack() as stack:
        known = stack.enter_context(powerdns(place)) if name == "migration" else {}
        servers = stack.enter_context(scenario(name, place, upstream, **known)).values()
        zones = {domain for server in servers for domain, _, public in server.served() if public}
        for server in servers:
            server.knotc("conf-check")
            for domain in zones:
                server.wait_zone(domain)
            for command in commands(name, "kalias"):
                if command[0] in ("set", "list"):
                    kalias("-c", str(server.path / "knot.conf"), *command)
            for domain in zones:
                server.wait_answer(domain, V4)
            server.wait_answer("www.example.com", V6, "AAAA")
            for command in commands(name, "knotc"):
                assert server.knotc(*command).stdout.strip(), command
            # What the scenario's other server was not up for has been tried again; nobody has copied keys here.
            assert not [line for line in server.log().splitlines()
                        if " error: " in line and "] zone event '" not in line and "] refresh, failed (" not in line
                        and not (name == "signed-secondaries" and "copy it to the keystore" in line)]


@pytest.mark.skipif(not shutil.which(KZONECHECK), reason="no kzonecheck here")
@pytest.mark.parametrize("file", sorted(ZONES), ids=lambda file: str(file.relative_to(SAMPLES)))
def test_zone(file):
    """A zone file passes kzonecheck, and is one that some configuration loads."""
    origin = file.stem
    checked = subprocess.run([KZONECHECK, "-o", origin, file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert any(f"- domain: {origin}\n" in conf.read_text() for conf in KNOT_CONFS
               if file.parent in (conf.parent, SAMPLES))


def need_cachedb():
    """Debian 12's unbound does not have it."""
    if not re.search("Linked modules:.* cachedb", subprocess.run([UNBOUND, "-V"], capture_output=True, text=True,
                                                                 check=False).stdout):
        pytest.skip("unbound is built without cachedb here")


@pytest.mark.parametrize("file", sorted(UNBOUND_CONFS), ids=lambda file: file.stem)
def test_unbound_conf(file):
    """unbound-checkconf likes it."""
    if file == CACHEDB_CONF:
        need_cachedb()
    checked = subprocess.run([f"{UNBOUND}-checkconf", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_units(place):
    """systemd likes the units, with the drop-ins where they belong."""
    path = place()
    for unit in UNITS:
        # The program need not be installed.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M)
        path.joinpath(unit.name).write_text(text)
    services = {drop_in.parent.name.removesuffix(".d") for drop_in in DROP_INS}
    for service in services:
        shutil.copy(f"/lib/systemd/system/{service}", path)
    for drop_in in DROP_INS:
        path.joinpath(drop_in.parent.name).mkdir(exist_ok=True)
        shutil.copy(drop_in, path / drop_in.parent.name)
    names = services | {unit.name for unit in UNITS}
    verified = subprocess.run(
        ["systemd-analyze", "--man=no", "verify", *(path / name for name in names)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{path}:/lib/systemd/system"},
        capture_output=True, text=True, check=False)
    assert verified.returncode == 0 and str(path) not in verified.stderr, verified.stderr


def test_alerts():
    """Each rule is whole, and asks for units that the samples know."""
    rules = re.split(r"^      - (?=alert: |record: )", ALERTS, flags=re.M)[1:]
    assert len(rules) == len(re.findall(r"\b(?:alert|record): ", ALERTS))
    for rule in rules:
        keys = re.findall(r"^(?:        (?:  )?)?(alert|record|expr|severity|summary):", rule, re.M)
        assert keys in (["alert", "expr", "severity", "summary"], ["record", "expr"])
    units = {unit.name for unit in UNITS} | {"knot.service", "unbound.service"}
    assert set(re.findall(r'\bname="([^"]*)"', ALERTS)) <= units


@pytest.mark.skipif(not shutil.which("promtool"), reason=NO_PROMTOOL)
@pytest.mark.parametrize("check", [("test", "rules", "alerts-test.yml"), ("check", "config", "prometheus.yml")],
                         ids=lambda check: check[0])
def test_promtool(check):
    """Prometheus takes the configuration and the rules, and each alert fires in a test."""
    done = subprocess.run(["promtool", *check], cwd=SAMPLES / "monitoring", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tested = (SAMPLES / "monitoring" / "alerts-test.yml").read_text()
    fires = re.findall(r"alertname: (\S+)\n +exp_alerts:\n +- exp_labels:", tested)
    assert set(fires) == set(re.findall(r"alert: (\S+)", ALERTS))


@pytest.mark.skipif(not shutil.which("promtool"), reason=NO_PROMTOOL)
def test_dashboard(place):
    """Prometheus takes each expression."""
    exprs = [expr for panel in dashboard().values() for expr in panel]
    rules = [{"record": f"panel:{i}", "expr": expr.replace("$instance", ".*").replace("$zone", ".*")}
             for i, expr in enumerate(exprs)]
    path = place() / "rules.json"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{len(exprs)} rules found" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason=NO_PROMTOOL)
def test_histogram(place):
    """The manual's expression makes a histogram of the latency, over zones of which one has no fast lookups."""
    page = (TOP / "src/mod-alias-monitoring.rst").read_text()
    expr = re.sub(r"\s+", " ", re.search(r"^ +(histogram_quantile\(.*?)\n\n", page, re.M | re.S)[1])
    counts = {("a", "le-0.016"): 50, ("a", "le-0.064"): 90, ("a", "le-+Inf"): 90, ("b", "le-+Inf"): 10}
    series = [{"series": f'knot_resolver_latency_total{{instance="i", type="{part}", zone="{zone}"}}', "values": f"0+{count}x20"}
              for (zone, part), count in counts.items()]
    asked_for = [{"expr": expr, "eval_time": "10m", "exp_samples": [{"labels": '{instance="i"}', "value": 0.064}]}]
    path = place() / "test.json"
    path.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": asked_for}]}))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_automatic_signing_leads():
    """mod-onlinesign, of which older versions have a vulnerability, comes second, and each place says why."""
    module = re.compile(r"^    module: .*\bmod-onlinesign\b", re.M)
    assert {conf.parent.name for conf in KNOT_CONFS if module.search(conf.read_text())} == {"onlinesign"}
    assert "CVE-2026-39155" in (SAMPLES / "onlinesign" / "knot.conf").read_text()
    for page in ("README.md", "src/mod-alias.rst"):
        text = (TOP / page).read_text()
        assert text.index("dnssec-signing: on") < text.index("mod-onlinesign")
        assert "CVE-2026-39155" in text
    assert "onlinesign" not in (SAMPLES / "demo.sh").read_text()


# What some of them say

def test_https(place, upstream):
    """HTTPS is as in the zone file, beside the target's addresses, and has no hints to contradict them."""
    with scenario("https-record", place, upstream) as servers:
        knot = servers["knot"]
        for name, expected in (("example.com", f"0 {TARGET}."), ("shop.example.com", '1 . alpn="h2,h3"')):
            assert [rr.to_text() for rr in rrset(knot.ask(name, "HTTPS"), "HTTPS")] == [expected]
            knot.wait_answer(name, V4)
            knot.wait_answer(name, V6, "AAAA")


def test_onlinesign(place, upstream):
    """Signed by the policy of the sample; denials keep A and AAAA; keymgr prints the DS of the key."""
    with scenario("onlinesign", place, upstream) as servers:
        knot = servers["knot"]
        knot.wait_answer("example.com", V4)
        rrsig = rrset(knot.ask("example.com", do=True), "RRSIG")[0]
        assert rrsig.expiration - time.time() == pytest.approx(3 * 86400, abs=7200)
        nsec = rrset(knot.ask("example.com", "HTTPS", do=True), "NSEC", "authority")[0]
        assert {"A", "AAAA"} <= set(nsec.to_text().split())
        check_ds(knot, "onlinesign")


def check_ds(knot, name):
    """keymgr, as the README calls it for a scenario, prints the DS of the key that signs keys."""
    found = rrset(knot.ask("example.com", "DNSKEY", tcp=True), "DNSKEY")
    [key] = [key for key in found if key.flags & dns.rdtypes.dnskeybase.Flag.SEP]
    [command] = commands(name, "keymgr")
    ds = run_tool(knot.path, KEYMGR, "-c", "knot.conf", *command)
    assert dns.dnssec.make_ds(found.name, key, "SHA256").digest.hex() in ds.lower()


def test_automatic_signing(place, upstream):
    """The target's addresses, signed for who asks for it; the zone file stays, and keymgr prints the DS."""
    with scenario("automatic-signing", place, upstream) as servers:
        knot = servers["knot"]
        until(lambda: rrset(knot.ask("example.com", do=True), "RRSIG"))
        check_ds(knot, "automatic-signing")
        file = "example.com.zone"
        assert (knot.path / file).read_text() == (SAMPLES / "automatic-signing" / file).read_text()
        knot.wait_answer("example.com", V4)
        zone = proof.Zone(knot, owners=[""])
        for name in ("example.com", "www.example.com"):
            assert addresses(knot.ask(name)) == [V4]
            assert addresses(zone.ask(name)) == [V4]
            zone.ask(name, "MX")


def test_several_resolvers(place, upstream):
    """While the first resolver is silent the second one answers; another section has its own resolver."""
    with Upstream() as first, Upstream() as internal:
        first.both(TARGET, silence)
        internal.host(TARGET, "203.0.113.11")
        known = {"127.0.0.1@53": first.address, "192.0.2.3@53": internal.address}
        asked = upstream.count(TARGET, "A")
        with scenario("several-resolvers", place, upstream, **known) as servers:
            servers["knot"].wait_answer("example.com", V4)
            second = upstream.queries(TARGET, "A")[asked]
            assert first.queries(TARGET, "A")[0].time < second.time
            servers["knot"].wait_answer("example.net", "203.0.113.11")


class SampleUnbound(Unbound):
    """The sample, with some zones in reach, and what is beside it."""

    def __init__(self, path, stubs, endpoints, beside=""):
        super().__init__(path, stubs)
        self.text = endpoints.localize((SAMPLES / "local-unbound" / "unbound.conf").read_text()) + beside
        self.port = int(re.search(r"^    interface: .*@(\d+)", self.text, re.M)[1])

    def command(self):
        command = super().command()
        config = self.path / "unbound.conf"
        # It has this address itself.
        frame = config.read_text().replace(f"    interface: 127.0.0.1@{self.port}\n", "")
        config.write_text(frame + self.text)
        return command


def test_local_unbound(place, upstream):
    """An unbound that starts after knotd is found by itself; without it the store's answers are served."""
    endpoints = Endpoints()
    known = {"127.0.0.1@53": endpoints["127.0.0.1@53"]}
    target = Zone("provider.example", f"cdn A {V4}\ncdn AAAA {V6}\ninside A 10.0.0.1", module="")
    with (Knotd(place(), [target]) as authority,
          scenario("local-unbound", place, upstream, **known) as servers):
        knot = servers["knot"]
        until(lambda: is_servfail(knot.ask("example.com", tcp=True), FAILED, SILENT))
        with SampleUnbound(place(), {"provider.example": authority.port}, endpoints) as unbound:
            inside = unbound.ask("inside.provider.example")
            assert inside.rcode() == dns.rcode.NOERROR and not inside.answer
            knot.wait_answer("example.com", V4, limit=20)
        knot.stop()
        knot.start()
        knot.wait_answer("example.com", V4)
        assert (knot.path / "alias" / "store.db").exists()


class Redis(Process):
    """A Redis that keeps nothing on disk."""

    def command(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.path)]

    def is_up(self):
        return self.call("PING") == b"+PONG\r\n"

    def call(self, command):
        with connect("127.0.0.1", self.port, True) as sock:
            sock.sendall(f"{command}\r\n".encode())
            return sock.recv(100)


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server here")
def test_shared_cache(place):
    """What one resolver has looked up another one has, which reaches nobody; without Redis each works on its own."""
    need_cachedb()
    target = Zone("provider.example", f"cdn A {V4}", module="")
    with Redis(place()) as redis, Knotd(place(), [target]) as authority:
        text = CACHEDB_CONF.read_text()
        for old, new in (("host: 192.0.2.60", "host: 127.0.0.1"), ("port: 6379", f"port: {redis.port}")):
            assert old in text
            text = text.replace(old, new)

        def resolver(stubs):
            return SampleUnbound(place(), stubs, Endpoints(), text)
        in_reach = {"provider.example": authority.port}
        with resolver(in_reach) as first, resolver({}) as second:
            assert addresses(first.ask(TARGET)) == [V4]
            until(lambda: redis.call("DBSIZE") != b":0\r\n")
            assert addresses(second.ask(TARGET)) == [V4]
            redis.stop()
            assert addresses(first.ask("ns.provider.example")) == ["127.0.0.1"]


def test_secondaries(place, upstream):
    """The record is transferred as it is, with TSIG only; a zone added to the primary is served by both."""
    asked = upstream.count(TARGET, "A")
    with scenario("secondaries", place, upstream) as servers:
        primary, secondary = servers["primary"], servers["secondary"]
        secondary.wait_zone("example.com")
        rdata = f"{TARGET}.".upper() if knows_alias() else alias(TARGET).split()[-1].upper()
        assert rdata in secondary.knotc("zone-read", "example.com", "@", "TYPE65401").stdout.upper()
        # It was resolved, and not by the primary, which nobody has asked.
        secondary.wait_answer("example.com", V4)
        assert upstream.count(TARGET, "A") > asked
        for server in servers.values():
            with pytest.raises(dns.xfr.TransferError):
                list(dns.query.xfr("127.0.0.1", "example.com", port=server.port, lifetime=seconds(5)))

        primary.text += '\n  - domain: example.org\n    file: "example.com.zone"\n    template: public\n'
        primary.reload()
        secondary.wait_zone("example.org")
        secondary.wait_answer("example.org", V4)

        upstream.host("other.provider.example", "203.0.113.11")
        rdtype, rdata = alias("other.provider.example").split(maxsplit=1)
        primary.knotc("zone-begin", "example.com")
        primary.knotc("zone-unset", "example.com", "@", rdtype)
        primary.knotc("zone-set", "example.com", "@", "60", rdtype, rdata)
        primary.knotc("zone-commit", "example.com")
        secondary.wait_answer("example.com", "203.0.113.11")


def test_signed_secondaries(place, upstream):
    """With the keys copied as the README says, both sign with the same ones."""
    with scenario("signed-secondaries", place, upstream) as servers:
        primary, secondary = servers["primary"], servers["secondary"]
        primary.wait_zone("example.com")
        until(lambda: rrset(primary.ask("example.com", "SOA", tcp=True, do=True), "RRSIG"))
        copy_keys(primary, secondary)
        for server in servers.values():
            server.wait_zone("example.com")
            server.wait_answer("example.com", V4)
            until(lambda server=server: rrset(server.ask("example.com", tcp=True, do=True), "RRSIG"))
            zone = proof.Zone(server, owners=[""])
            for name, rdtype in (("example.com", "A"), ("www.example.com", "AAAA"), ("example.com", "HTTPS")):
                zone.ask(name, rdtype, tcp=True)
        assert "ALIAS is not served" not in secondary.log()


def dashboard():
    """The panels of the dashboard, each with its expressions."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in panels}


def asked(text):
    """The counters that expressions ask for, named as by knotc: "cache-targets", "cache-store[lost-batch]"."""
    recorded = re.findall(r"record: (\S+)\n *expr: .*\?(\w+)\"", ALERTS)
    found = re.findall(r'\(zone_stats_\)\?(\w+)"([^}]*)', text)
    found += [(name, matchers) for record, name in recorded
              for matchers in re.findall(record + r"\{([^}]*)", text)]
    for name, matchers in found:
        name = name.removesuffix("_total").replace("_", "-")
        parts = re.search(r'type=~?"([^"]*)"', matchers)
        yield from (f"{name}[{part}]" for part in parts[1].split("|")) if parts else [name]


def test_monitoring(place, upstream):
    """The check ends well until a target fails, which is counted, too; alerts and the dashboard ask for counters that exist."""
    unit = (SAMPLES / "monitoring" / "kalias-check.service").read_text()
    check = re.search(r"^ExecStart=\S*/kalias (.*)", unit, re.M)[1].split()
    with scenario("monitoring", place, upstream) as servers:
        knot = servers["knot"]
        config = ("-c", str(knot.path / "knot.conf"))
        knot.wait_answer("example.com", V4)
        knot.wait_answer("example.com", V6, "AAAA")
        assert json.loads(kalias(*config, *check).stdout)

        before = knot.stats()
        counters = before.keys() | {name.partition("[")[0] for name in before}
        named = set(asked(ALERTS))
        assert {"answer-a[failed]", "answer-aaaa[failed]", "cache-targets"} <= named <= counters
        queries = {variable["name"]: [variable["query"]] for variable in
                   json.loads(DASHBOARD.read_text())["templating"]["list"] if variable["type"] == "query"}
        shown = {title: set(asked(" ".join(exprs))) for title, exprs in {**queries, **dashboard()}.items()}
        assert [title for title, names in shown.items() if not names or not names <= counters] == []

        rdtype, rdata = alias("failing.provider.example").split(maxsplit=1)
        upstream.both("failing.provider.example", failure("SERVFAIL"))
        knot.knotc("zone-begin", "example.com")
        knot.knotc("zone-set", "example.com", "failing", "60", rdtype, rdata)
        knot.knotc("zone-commit", "example.com")
        assert is_servfail(knot.ask("failing.example.com", tcp=True))
        assert knot.stats()["answer-a[failed]"] == before["answer-a[failed]"] + 1
        done = kalias(*config, *check, check=False)
        assert done.returncode == 1 and json.loads(done.stdout)
