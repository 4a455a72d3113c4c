# SPDX-License-Identifier: GPL-2.0-or-later
"""The recipes of samples/README.md for moving here: all that runs kalias, with exports of each tool's style."""

import json
import os
import re
import shutil
import subprocess

import dns.zone
import pytest

import lab as labs
from client import alias, is_answer
from kalias import KALIAS, Knot
from knotd import Knotd, Zone
from test_convert_exports import AT_APEX, DNSCONTROL, DNSIMPLE, TECHNITIUM
from timing import seconds, until
from tree import TOP
from zonefiles import generic

SAMPLES = TOP / "samples" / "migration"
PAGE = (TOP / "samples" / "README.md").read_text().partition("\n## migration\n")[2].partition("\n## ")[0]
# The commands of each recipe; what goes on in the next line is one
RECIPES = {title.strip(): re.sub(r"\|\n +", "| ", "".join(re.findall(r"^    .*\n", text, re.M))).split("\n    ")
           for title, text in re.findall(r"^### (.*)\n((?:(?!### ).*\n)*)", PAGE + "\n", re.M)}
EXPORTERS = ("pdnsutil ", "aws ", "curl ", "dnscontrol ")  # what is at another place
NEEDED = ("jq", "yq", "kzonecheck")


def route_53(owner, rrtype, *values, **more):
    return {"Name": owner, "Type": rrtype, "TTL": 300, "ResourceRecords": [{"Value": value} for value in values], **more}


def route_53_alias(owner, rrtype, target, **more):
    return {"Name": owner, "Type": rrtype, **more,
            "AliasTarget": {"HostedZoneId": "Z1", "DNSName": target, "EvaluateTargetHealth": False}}


ROUTE_53 = json.dumps({"ResourceRecordSets": [
    route_53("example.com.", "SOA", "ns-1.awsdns-01.example. hostmaster.example. 1 7200 900 1209600 86400"),
    route_53("example.com.", "NS", "ns-1.awsdns-01.example.", "ns-2.awsdns-02.example."),
    route_53_alias("example.com.", "A", "cdn.provider.example."),
    route_53_alias("example.com.", "AAAA", "cdn.provider.example."),
    route_53("example.com.", "MX", "10 mail.example.com.", "20 mail.host.example."),
    route_53("example.com.", "TXT", '"a\\042b" "c"'),
    route_53_alias("\\052.example.com.", "A", "app.host.example."),
    route_53("sub.example.com.", "NS", "ns-3.awsdns-03.example."),
    route_53("ns1.example.com.", "A", "192.0.2.53"),
    route_53("ns2.example.com.", "A", "192.0.2.54"),
]})
ROUTE_53_AFTER = f"""\
@ 60 TYPE65401 {generic("cdn.provider.example.")}
@ 300 MX 10 mail
@ 300 MX 20 mail.host.example.
@ 300 TXT "a\\034b" "c"
* 60 TYPE65401 {generic("app.host.example.")}
sub 300 NS ns-3.awsdns-03.example.
ns1 300 A 192.0.2.53
ns2 300 A 192.0.2.54
"""

OCTODNS = """\
---
'':
  - type: ALIAS
    ttl: 60
    value: cdn.provider.example.
  - type: MX
    values:
      - exchange: mail.example.com.
        preference: 10
'*.app':
  type: ALIAS
  value: app.host.example.
"""

# Exports whose zones have the name servers of the sample
NS2 = "ns2 3600 IN A 192.0.2.54\n"
DNSCONTROL_MORE = """\
sub              IN NS    ns-3.awsdns-03.example.
                 IN NS    ns-4.awsdns-04.example.
;www             IN CF_REDIRECT x,y
                 IN MX    10 mail.host.example.
"""
DNSCONTROL_AFTER = """\
$TTL 300
sub NS ns-3.awsdns-03.example.
sub NS ns-4.awsdns-04.example.
www MX 10 mail.host.example.
"""


def sample(name):
    return (SAMPLES / name).read_text()


def alias_of(text):
    """The text with its only ALIAS, at the apex, in generic form, and without comments."""
    text = re.sub(r"^;+ *((?:@|example.com.) .*ALIAS cdn.*)", r"\1", text, flags=re.M)
    return re.sub(r"\bALIAS cdn.*|TYPE65280.*", f"TYPE65401 {generic(AT_APEX['@'])}", text)


def moved(text):
    """That, with the name servers of the sample."""
    return sample("nameservers.zone") + re.sub(r"^(@| ) .*\b(SOA|NS) .*\n", "", alias_of(text), flags=re.M)


# The zone; the files that are there, those that another tool wrote among them; and what becomes of them
CASES = {
    "PowerDNS": ("example.com", {"powerdns.zone": sample("powerdns.zone")}, sample("example.com.zone")),
    "Cloudflare": ("example.net", {"cloudflare.zone": sample("cloudflare.zone")}, sample("example.net.zone")),
    "Route 53": ("example.com", {"route53.json": ROUTE_53}, sample("nameservers.zone") + ROUTE_53_AFTER),
    "DNSimple": ("example.com", {"dnsimple.zone": DNSIMPLE.replace("@ 3600 IN NS", "example.com. 3600 IN NS") + NS2},
                 moved(DNSIMPLE + NS2)),
    "DNSControl": ("example.com", {"dnscontrol.zone": DNSCONTROL + NS2 + DNSCONTROL_MORE},
                   moved(DNSCONTROL + NS2) + DNSCONTROL_AFTER),
    "Technitium": ("example.com", {"technitium.zone": TECHNITIUM}, alias_of(TECHNITIUM)),
}


@pytest.fixture(name="run")
def fixture_run(libknot, tmp_path):
    """Runs a line in a directory that has the files of the sample, with kalias as for a Knot that does not know ALIAS."""
    programs = tmp_path / "bin"
    programs.mkdir()
    exports = "\n".join(f"export {name}='{value}'" for name, value in libknot["old"].items())
    (programs / "kalias").write_text(f'#!/bin/sh\n{exports}\nexec {KALIAS} ${{SOCKET:+-s "$SOCKET"}} "$@"\n')
    (programs / "kalias").chmod(0o755)
    for path in (*SAMPLES.glob("*.jq"), *SAMPLES.glob("*.awk"), SAMPLES / "nameservers.zone"):
        shutil.copy(path, tmp_path)

    def run(line, **more):
        return subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=tmp_path, capture_output=True, text=True,
                              timeout=seconds(20), check=False,
                              env={**os.environ, **more, "PATH": f"{programs}:{os.environ['PATH']}"})
    return run


def records(text, origin):
    """The records of a zone file, whatever their order and their form. dnspython doesn't know ALIAS."""
    text = re.sub(r"\tALIAS\t(\S+\.)", lambda match: f"\t{alias(match[1])}", text)
    zone = dns.zone.from_text(text, origin, relativize=False)
    return {(name, ttl, rdata) for name, ttl, rdata in zone.iterate_rdatas()}


def follow(run, path, name):
    """Follows a recipe in the directory of run(); what it makes of the export."""
    origin, files, _ = CASES[name]
    for file, text in files.items():
        (path / file).write_text(text)
    for line in map(str.strip, RECIPES[name]):
        if not line.startswith(EXPORTERS):
            done = run(line)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return (path / f"{origin}.zone").read_text()


def test_every_recipe():
    """Each has a case here, and runs kalias."""
    assert RECIPES.keys() == {*CASES, "octoDNS"}
    assert all(any("kalias convert " in line for line in RECIPES[name]) for name in CASES)


needs_all = pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"not all of {', '.join(NEEDED)} are installed")


@needs_all
@pytest.mark.parametrize("name", CASES)
def test_recipe(run, tmp_path, name):
    """The commands give a zone file with all records, which Knot reads."""
    origin, _, expected = CASES[name]
    assert records(follow(run, tmp_path, name), origin) == records(expected, origin)


@needs_all
def test_octodns(run, tmp_path, place, upstream):
    """The zone on the server follows the YAML, as often as the recipe is run."""
    for target in ("cdn.provider.example", "new.provider.example", "app.host.example"):
        upstream.host(target, "203.0.113.10")
    with Knot(place(), [Zone("example.com")], {"default": labs.options(upstream)}) as knot:
        for target in ("cdn.provider.example.", "cdn.provider.example.", "new.provider.example."):
            (tmp_path / "example.com.yaml").write_text(OCTODNS.replace("cdn.provider.example.", target))
            for line in map(str.strip, RECIPES["octoDNS"]):
                done = run(line, SOCKET=str(knot.path / "knot.sock"))
                assert done.returncode == 0 and not done.stderr, f"{line}\n{done.stderr}"
            assert knot.records("example.com") == [(60, target)]
            assert knot.records("example.com", "*.app") == [(3600, "app.host.example.")]


@pytest.mark.skipif(not shutil.which("kzonecheck"), reason="kzonecheck is not installed")
def test_answers(run, tmp_path, place, upstream):
    """From the exports of PowerDNS and Cloudflare to answers, with nothing typed in between."""
    upstream.host("cdn.provider.example", "203.0.113.10")
    zones = [Zone(CASES[name][0], follow(run, tmp_path, name), head="") for name in ("PowerDNS", "Cloudflare")]
    with Knotd(place(), zones, {"default": {"resolver": [upstream.address]}}) as knot:
        for name in ("example.com", "www.example.com", "example.net"):
            until(lambda owner=name: is_answer(knot.ask(owner, tcp=True), "203.0.113.10"))


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_route_53_policies(run, tmp_path):
    """What has a routing policy, or is an alias of another type, is named by convert."""
    odd = [route_53("w.example.com.", "A", "192.0.2.1", SetIdentifier="one", Weight=1),
           route_53_alias("w.example.com.", "A", "x.y.", SetIdentifier="two", Weight=1),
           route_53_alias("m.example.com.", "MX", "x.y.")]
    soa = route_53("example.com.", "SOA", "a. b. 1 2 3 4 5")
    (tmp_path / "route53.json").write_text(json.dumps({"ResourceRecordSets": [soa, *odd]}))
    done = run("jq -r -f route53.jq route53.json | kalias convert -o example.com -")
    assert re.findall(r"^warning: stdin:(\d): Knot DNS can't read this (\S+):", done.stderr, re.M) == [
        ("1", "ROUTING-POLICY"), ("2", "ROUTING-POLICY"), ("3", "AWS")]
