# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias convert: zones in the styles of many tools. Each comes out right, or something is said about it."""

import re
import shutil
import subprocess

import dns.name
import pytest

from kalias import kalias
from timing import seconds
from zonefiles import generic

KZONECHECK = shutil.which("kzonecheck")

CDN, APP = "cdn.provider.example.", "app.host.example."
HEAD = """\
$ORIGIN example.com.
$TTL 3600
@ IN SOA ns1.example.com. hostmaster.example.com. 7 3600 600 86400 300
@ IN NS ns1.example.com.
ns1 IN A 192.0.2.53
"""

POWERDNS = """\
$ORIGIN .
*.shop.example.com\t300\tIN\tALIAS\tapp.host.example.
example.com\t60\tIN\tALIAS\tcdn.provider.example.
example.com\t3600\tIN\tNS\tns1.example.com.
example.com\t3600\tIN\tSOA\tns1.example.com hostmaster.example.com 7 3600 600 86400 300
ns1.example.com\t3600\tIN\tA\t192.0.2.53
"""

CLOUDFLARE = """\
;;
;; Domain:     example.com.
;; SOA Record
example.com\t3600\tIN\tSOA\tann.ns.example. dns.ns.example. 7 10000 2400 604800 3600

;; NS Records
example.com.\t86400\tIN\tNS\tann.ns.example.

;; CNAME Records
app.example.com.\t1\tIN\tCNAME\tapp.host.example. ; cf_tags=cf-flatten-cname:true
example.com.\t1\tIN\tCNAME\tcdn.provider.example. ; cf_tags=cf-proxied:false
www.example.com.\t1\tIN\tCNAME\texample.com. ; cf_tags=cf-proxied:false

;; MX Records
example.com.\t1\tIN\tMX\t10 mail.example.com.
"""

DNSIMPLE = """\
$ORIGIN example.com.
$TTL 1h
@ 3600 IN SOA ns1.example.com. admin.example.com. 7 86400 7200 604800 300
@ 3600 IN NS ns1.example.com.
ns1 3600 IN A 192.0.2.53
; example.com. 60 IN ALIAS cdn.provider.example.
; www.example.com. 60 IN URL https://example.com/
mail 3600 IN A 192.0.2.25
"""

DNSCONTROL = """\
$TTL 300
@                IN SOA   ns1.example.com. hostmaster.example.com. 7 3600 600 604800 1440
                 IN NS    ns1.example.com.
;@               IN ALIAS cdn.provider.example.
                 IN CAA   0 issue "letsencrypt.org"
;app             IN R53_ALIAS A zone Z1
ns1              IN A     192.0.2.53
"""

AZURE = HEAD + """\
@ 3600 IN AZURE ALIAS A /resources/cdn
www 3600 IN CNAME cdn.provider.example.
"""

CLI53 = HEAD + """\
@ AWS ALIAS A cdn.provider.example. Z1 false
@ AWS ALIAS AAAA cdn.provider.example. Z1 false
"""

ROUTE_53 = """\
{
    "ResourceRecordSets": [
        { "Name": "example.com.", "Type": "A",
          "AliasTarget": { "HostedZoneId": "Z1", "DNSName": "cdn.provider.example.", "EvaluateTargetHealth": false } }
    ]
}
"""

OCTODNS = """\
---
'':
  - ttl: 60
    type: ALIAS
    value: cdn.provider.example.
"""

TINYDNS = """\
.example.com:192.0.2.53:ns1.example.com:3600
Cwww.example.com:cdn.provider.example:300
"""

TECHNITIUM = f"""\
$ORIGIN example.com.
@\t3600\tIN\tSOA\tns1 hostmaster 7 900 300 604800 900
@\t3600\tIN\tNS\tns1
@\t60\tIN\tTYPE65280\t{generic(CDN)}
ns1\t3600\tIN\tA\t192.0.2.53
"""

NONE = {}
AT_APEX = {"@": CDN}

# The text; more arguments; the ALIAS that come out, by owner, or None for an error; what is said
EXPORTS = {
    "powerdns": (POWERDNS, [], {"*.shop.example.com": APP, "example.com": CDN}, []),
    "powerdns-lua": (POWERDNS + "www.example.com\t60\tIN\tLUA\tA \"ifportup(443, {'192.0.2.1'})\"\n", [],
                     {"*.shop.example.com": APP, "example.com": CDN}, [":7: Knot DNS can't read this LUA"]),
    "powerdns-bind": (HEAD + "@ ALIAS cdn.provider.example.\n\tALIAS ns1\n", [], {"@": CDN, "": "ns1.example.com."}, []),
    "powerdns-api": ('{"name": "example.com.", "rrsets": []}\n', [], None, ["this is JSON"]),
    "cloudflare": (CLOUDFLARE, [], NONE, [":4: owner 'example.com' of the SOA", ":11: example.com. has a CNAME",
                                          "--flatten apex", "0 records converted"]),
    "cloudflare-apex": (CLOUDFLARE, ["--flatten", "apex"], {"example.com.": CDN}, ["TTLs of 1 that became 300: 4"]),
    "cloudflare-tagged": (CLOUDFLARE, ["--flatten", "apex", "--flatten", "tagged"],
                          {"app.example.com.": APP, "example.com.": CDN}, []),
    "dnsimple": (DNSIMPLE, [], NONE, [":6: an ALIAS in a comment", "--commented"]),
    "dnsimple-commented": (DNSIMPLE, ["--commented"], {"example.com.": CDN}, []),
    "dnsimple-url": (HEAD + "www 60 IN URL https://example.com/\n", [], NONE, [":6: Knot DNS can't read this URL"]),
    "dnscontrol": (DNSCONTROL, [], NONE, [":4: an ALIAS in a comment", ":6: R53_ALIAS in a comment"]),
    "dnscontrol-commented": (DNSCONTROL, ["--commented"], AT_APEX, [":6: R53_ALIAS in a comment"]),
    "dnscontrol-javascript": ('var DSP = NewDnsProvider("bind");\n', [], None, ["DNSControl"]),
    "route-53": (ROUTE_53, [], None, ["this is JSON"]),
    "cli53": (CLI53, [], NONE, [":6: Knot DNS can't read this AWS", ":7: Knot DNS can't read this AWS", "see migration"]),
    "octodns": (OCTODNS, [], None, ["octoDNS"]),
    "tinydns": (TINYDNS, [], None, ["tinydns"]),
    "technitium": (TECHNITIUM, [], AT_APEX, [":4: TYPE65280 with one name is taken for an ALIAS of Technitium"]),
    "simple-dns-plus": ("\ufeff" + (HEAD + f"@ 60 TYPE65357 {generic(CDN)}\n").replace("\n", "\r\n"), [], AT_APEX,
                        [":6: TYPE65357 with one name is taken for an ALIAS of Simple DNS Plus"]),
    "azure": (AZURE, [], NONE, [":6: Knot DNS can't read this AZURE", "see migration"]),
    "gandi": (HEAD + "@ 10800 IN ALIAS cdn.provider.example.\n", [], AT_APEX, []),
    "easydns": (HEAD + "@ 300 IN ANAME cdn.provider.example.\nwww\t300\tIN\taname\tns1\n", [],
                {"@": CDN, "www": "ns1.example.com."}, []),
    "by-hand": (HEAD + "@ ALIAS cdn.provider.example\n", [], {"@": CDN + "example.com."},
                [":6: target 'cdn.provider.example' has no final dot"]),
    "by-hand-address": (HEAD + "@ ALIAS 192.0.2.1\n", [], None, [":6: target '192.0.2.1' is an address"]),
    "by-hand-owner": (HEAD + "example.com ALIAS cdn.provider.example.\n", [], None, [":6: owner 'example.com' ends with"]),
    "bind-generate": (HEAD + "$GENERATE 1-9 host$ A 192.0.2.$\n@ ALIAS cdn.provider.example.\n", [], AT_APEX,
                      [":6: Knot DNS has no $GENERATE"]),
    "idn": (HEAD + "bücher A 192.0.2.1\n@ ALIAS cdn.provider.example.\n", [], AT_APEX, [":6: Knot DNS can't", "IDNA"]),
    "spreadsheet": ("Type,Host,Value,TTL\nALIAS,@,cdn.provider.example,60\n", [], None, ["CSV"]),
    "login-page": ("<!DOCTYPE html>\n<html><body>Log in</body></html>\n", [], None, ["HTML"]),
    "no-alias": (HEAD, [], NONE, ["0 records converted"]),
}

READABLE = [name for name, (_, _, aliases, said) in EXPORTS.items()
            if aliases and not any(":" in text and "Knot DNS" in text for text in said)]


@pytest.fixture(name="export")
def fixture_export(libknot):
    """Converts one of them for a Knot that does not know ALIAS."""
    def run(name):
        text, arguments, _, _ = EXPORTS[name]
        return kalias("convert", "-o", "example.com", *arguments, input=text, check=False, env=libknot["old"])
    return run


@pytest.mark.parametrize("name", EXPORTS)
def test_export(export, name):
    """The ALIAS that come out are the right ones, or it is said what is wrong, with the line."""
    text, _, aliases, said = EXPORTS[name]
    done = export(name)
    assert (done.returncode, bool(done.stdout)) == ((1, False) if aliases is None else (0, True))
    converted = re.findall(r"^([^;\s]*)\s.*TYPE65401\s+\\# \d+ ([0-9a-f]+)", done.stdout, re.M)
    found = {owner: dns.name.from_wire(bytes.fromhex(rdata), 0)[0].to_text() for owner, rdata in converted}
    assert found == (aliases or {}) and len(found) == len(converted)
    for part in said:
        assert part in done.stderr
    # Nothing else is said but about private types and the result, and nothing is lost.
    if not said:
        assert re.fullmatch(r"\d+ records? converted\n", re.sub(r"warning: .* of the SOA .*\n|TTLs .*\n", "", done.stderr))
    if aliases is not None:
        assert done.stdout.count("\n") == text.count("\n")


@pytest.mark.skipif(not KZONECHECK, reason="kzonecheck is not installed")
@pytest.mark.parametrize("name", READABLE)
def test_export_loads(export, tmp_path, name):
    """Knot reads what comes out, unless it was said that it will not."""
    path = tmp_path / "example.com.zone"
    path.write_text(export(name).stdout)
    done = subprocess.run([KZONECHECK, "-v", "-o", "example.com", path], capture_output=True, text=True,
                          timeout=seconds(20), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
