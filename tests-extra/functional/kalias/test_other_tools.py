# SPDX-License-Identifier: GPL-2.0-or-later
"""samples/other-tools: each command of the page against a live server, and the provider for octoDNS."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import dns.query
import dns.tsigkeyring
import dns.update
import pytest

from kalias import KALIAS
from knotd import KNOTC, Zone
from test_rr_update import Keyed
from timing import seconds
from tree import TOP

SAMPLE = TOP / "samples" / "other-tools"
PAGE = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", (SAMPLE / "README.md").read_text(), re.M))
NEEDED = ("kdig", "keymgr", "knsupdate", "kzonecheck", "nsupdate")
TARGET = "cdn.provider.example."


def commands(title):
    """The commands of a section, and what its Terraform would run."""
    outside = re.sub(r"^```\n.*?^```\n", "", PAGE[title], flags=re.M | re.S)
    lines = re.findall(r"^    (\S.*)", outside, re.M) + re.findall(r'command = "(.*)"', PAGE[title])
    target = re.search(r'triggers_replace = "(.*)"', PAGE[title])
    return [line.replace("${self.triggers_replace}", target[1]) if target else line for line in lines]


def block(title):
    """The first block of a section that is not commands."""
    return textwrap.dedent(re.search(r"^```\n(.*?)^```\n", PAGE[title], re.M | re.S)[1])


class Live(Keyed):
    """A server with a key of the page's making, and the commands run in its directory."""

    def __init__(self, path, extra=""):
        super().__init__(path, [Zone("example.com", "a A 192.0.2.1\ncname CNAME a", extra=extra)], {"default": {}})
        for line in commands("The key"):
            self.run(line)
        self.section = (path / "update.conf").read_text()

    def run(self, line):
        """Run a line with kalias and knotc of this server, which also stands for the address of the page."""
        programs = self.path / "bin"
        programs.mkdir(exist_ok=True)
        for name, program in (("kalias", KALIAS), ("knotc", KNOTC)):
            (programs / name).write_text(f'#!/bin/sh\nexec {program} -s {self.path}/knot.sock "$@"\n')
            (programs / name).chmod(0o755)
        line = line.replace("server 192.0.2.53", f"server 127.0.0.1 {self.port}")
        line = line.replace("@192.0.2.53", f"@127.0.0.1 -p {self.port}")
        assert "192.0.2.53" not in line
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=self.path, capture_output=True, text=True,
                              timeout=seconds(20), check=False,
                              env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin"})
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(name="knot")
def fixture_knot(place, request):
    if not all(map(shutil.which, NEEDED)):
        pytest.skip(f"not all of {', '.join(NEEDED)} are installed")
    with Live(place(), getattr(request, "param", "")) as knot:
        yield knot


def test_all_sections():
    """Each section with commands has a test here."""
    assert {title for title in PAGE if commands(title)} == {
        "The key", "nsupdate and knsupdate", "external-dns", "DNSControl", "Terraform"}


def test_nsupdate(knot):
    """Both set, the transfer shows it, and one is removed."""
    at_apex, at_www, show, remove = commands("nsupdate and knsupdate")
    knot.run(at_apex)
    knot.run(at_www)
    assert sorted(knot.run(show).splitlines()) == [
        f"example.com. 3600 ALIAS {TARGET}", f"www.example.com. 3600 ALIAS {TARGET}"]
    knot.run(remove)
    assert knot.records("example.com") == [(3600, TARGET)]
    assert not knot.records("example.com", "www")
    assert os.stat(knot.path / "update.conf").st_mode & 0o77 == 0


def test_external_dns(knot):
    """The apex points into the zone; updates of external-dns leave it alone; a CNAME beside an ALIAS is ignored."""
    for line in commands("external-dns"):
        knot.run(line)
    name, secret = knot.section.split("\n", 1)[0].removeprefix("# ").split(":")[1:]
    for rdtype, owner, rdata in (("A", "ingress", "192.0.2.7"), ("CNAME", "@", TARGET)):
        update = dns.update.UpdateMessage("example.com", keyring=dns.tsigkeyring.from_text({name: secret}),
                                          keyalgorithm="hmac-sha256")
        update.add(owner, 60, rdtype, rdata)
        assert dns.query.tcp(update, "127.0.0.1", seconds(10), knot.port).rcode() == 0
    assert knot.records("example.com") == [(300, "ingress.example.com.")]
    assert not knot.knotc("zone-read", "example.com", "@", "CNAME", check=False).stdout


def test_terraform(knot):
    """What it runs sets the record."""
    for line in commands("Terraform"):
        knot.run(line)
    assert knot.records("example.com") == [(3600, TARGET)]


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed")
def test_terraform_itself(knot):
    """A change of the target in its one place is a change of the record; without one there is nothing to do."""
    new = "new.provider.example."
    for target, changed in ((TARGET, True), (new, True), (new, False)):
        text = block("Terraform").replace(TARGET[:-1], target[:-1], 1)
        text = text.replace("server 192.0.2.53", f"server 127.0.0.1 {knot.port}")
        (knot.path / "main.tf").write_text(text)
        before = knot.serial("example.com")
        knot.run("CHECKPOINT_DISABLE=1 terraform init -no-color && terraform apply -no-color -auto-approve")
        assert knot.records("example.com") == [(3600, target)]
        assert (knot.serial("example.com") != before) == changed


@pytest.mark.parametrize("knot", [block("DNSControl")], ids=["items"], indirect=True)
def test_dnscontrol(knot):
    """The zone file that DNSControl wrote and the ALIAS beside it become the zone; a change of either raises the serial."""
    (knot.path / "zones").mkdir()
    written = knot.zones[0].file_text()
    # Knot DNS 3.5.8 sees no difference where only a TTL has changed.
    for serial, ttl, target in ((1, 3600, TARGET), (1, 60, "new.provider.example."), (2, 60, "new.provider.example.")):
        text = written.replace("admin 1 ", f"admin {serial} ") + f"serial TXT {serial}\n"
        (knot.path / "zones" / "example.com.zone").write_text(text)
        (knot.path / "alias.zone").write_text(f"@ {ttl} ALIAS {target}\n")
        before = knot.serial("example.com")
        for line in commands("DNSControl"):
            knot.run(line)
        knot.wait(lambda old=before: knot.serial("example.com") > old)
        assert knot.records("example.com") == [(ttl, target)]


# The provider for octoDNS

# What it does with dnspython: a transfer, and changes, without octoDNS. Prints what is transferred.
SCRIPT = """
import sys, types
import dns.query, dns.rdatatype, dns.tsigkeyring, dns.update, dns.zone
sys.modules["octodns_bind"] = types.SimpleNamespace(Rfc2136Provider=type("Rfc2136Provider", (), {"SUPPORTS": {"A"}}))
import octodns_knot
assert octodns_knot.KnotProvider.SUPPORTS == {"A", "ALIAS"}
port, secret, change, *arguments = sys.argv[1:]
auth = {"keyring": dns.tsigkeyring.from_text({"update": secret}), "keyalgorithm": "hmac-sha256"}
update = dns.update.UpdateMessage("example.com.", **auth)
getattr(update, change)("example.com.", *[int(text) if text.isdigit() else text for text in arguments])
assert dns.query.tcp(update, "127.0.0.1", 10, int(port)).rcode() == 0
xfr = dns.query.xfr("127.0.0.1", "example.com.", port=int(port), relativize=False, **auth)
for name, ttl, rdata in dns.zone.from_xfr(xfr, relativize=False).iterate_rdatas():
    if dns.rdatatype.to_text(rdata.rdtype) == "ALIAS":
        print(name, ttl, rdata)
"""
CONFIG = """\
providers:
  config: {{ class: octodns.provider.yaml.YamlProvider, directory: config, enforce_order: false }}
  knot:
    class: octodns_knot.KnotProvider
    host: 127.0.0.1
    port: {port}
    key_name: update
    key_secret: {secret}
    key_algorithm: hmac-sha256
zones:
  example.com.: {{ sources: [ config ], targets: [ knot ] }}
"""
RECORDS = """\
'':
  - {{ type: ALIAS, ttl: 60, value: {target} }}
  - {{ type: NS, value: ns.example.com. }}
'*.app': {{ type: ALIAS, value: app.host.example., octodns: {{ lenient: true }} }}
a: {{ type: A, value: 192.0.2.1 }}
cname: {{ type: CNAME, value: a.example.com. }}
ns: {{ type: A, value: 127.0.0.1 }}
"""


def python(knot, *arguments):
    """Run Python in the directory of the server, with the provider."""
    path = os.pathsep.join(filter(None, (str(SAMPLE), os.environ.get("PYTHONPATH"))))
    done = subprocess.run([sys.executable, *arguments], cwd=knot.path, capture_output=True, text=True,
                          timeout=seconds(60), check=False, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def secret_of(knot):
    return re.search(r"secret: (\S+)", knot.section)[1]


def test_provider(knot):
    """dnspython transfers and writes ALIAS by name as the provider has it do."""
    new = "new.provider.example."
    for change, shown in ((("add", "60", "ALIAS", TARGET), [f"example.com. 60 {TARGET}"]),
                          (("replace", "90", "ALIAS", new), [f"example.com. 90 {new}"]),
                          (("delete", "ALIAS", new), [])):
        assert python(knot, "-c", SCRIPT, str(knot.port), secret_of(knot), *change).splitlines() == shown
        assert knot.records("example.com") == [tuple([int(line.split()[1]), line.split()[2]]) for line in shown]


@pytest.mark.skipif(not find_spec("octodns_bind"), reason="octodns-bind is not installed")
def test_octodns(knot):
    """The zone on the server follows the YAML; what is no longer there is removed; then there is nothing to do."""
    (knot.path / "config").mkdir()
    (knot.path / "octodns.yaml").write_text(CONFIG.format(port=knot.port, secret=secret_of(knot)))
    sync = ("-m", "octodns.cmds.sync", "--config-file", "octodns.yaml", "--doit", "--force")
    for target in (TARGET, "new.provider.example."):
        (knot.path / "config" / "example.com.yaml").write_text(RECORDS.format(target=target))
        python(knot, *sync)
        assert knot.records("example.com") == [(60, target)]
        assert knot.records("example.com", "*.app") == [(3600, "app.host.example.")]
    serial = knot.serial("example.com")
    python(knot, *sync)
    assert knot.serial("example.com") == serial
    text = re.sub(r".*ALIAS.*\n", "", RECORDS.format(target=TARGET))
    (knot.path / "config" / "example.com.yaml").write_text(text)
    python(knot, *sync)
    assert not knot.records("example.com") and not knot.records("example.com", "*.app")
