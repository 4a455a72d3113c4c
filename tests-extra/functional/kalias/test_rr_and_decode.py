# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias rr and kalias decode: one record, to its generic form and back."""

import re
import shutil
import subprocess

import dns.name
import pytest

from client import alias, name_of
from kalias import kalias
from knotd import Knotd, Zone

KZONECHECK = shutil.which("kzonecheck")
needs_kzonecheck = pytest.mark.skipif(not KZONECHECK, reason="kzonecheck is not installed")

TARGET = "cdn.provider.example."
HEX = "0363646e0870726f7669646572076578616d706c6500"
RDATA = f"\\# 22 {HEX}"

LONGEST = ".".join(["a" * 63] * 3 + ["a" * 61])  # 255 octets in wire form

# Owners as they may stand in a zone file
OWNERS = ["@", "www", "example.com.", "*", "*.a", "_a._tcp", "a/b", "a\\.b", "a\\032b", "\\@", "\\$x", "-",
          "a\\;b", "A", "a" * 63, ".", "IN", "3600", "TYPE65401"]

TTLS = ["0", "3600", "1h", "1H30m", "1w2d3h4m5s", "30m1h", "2147483647", "3550w"]

# Targets, and the same as dnspython reads it
TARGETS = {
    "absolute": (TARGET, TARGET),
    "no-final-dot": ("cdn.provider.example", TARGET),
    "one-label": ("localhost.", "localhost."),
    "case": ("CDN.Provider.Example", "CDN.Provider.Example."),
    "underscore": ("_a_.b", "_a_.b."),
    "escapes": ("a\\.b\\032\\\\.c", "a\\.b\\032\\\\.c."),
    "octets": ("\\000\\255.c", "\\000\\255.c."),
    "at": ("\\@.", "\\@."),
    "escaped-final-dot": ("b.a\\.", "b.a\\.."),
    "escaped-url": ("a\\:1\\/b.c", "a\\:1\\/b.c."),
    "odd": ("a=b+c.d", "a=b+c.d."),
    "label-63": ("a" * 63 + ".b", "a" * 63 + ".b."),
    "name-255": (LONGEST, LONGEST + "."),
}

# Arguments that are refused, and what the error names
MISUSE = {
    "none": ([], "OWNER and TARGET"),
    "one": (["@"], "OWNER and TARGET"),
    "four": (["@", "1", "a", "b"], "too many"),
    "option": (["-x", "@", "a"], "option"),
    "owner-empty": (["", "a"], "OWNER"),
    "owner-label-empty": (["a..b", "a"], "OWNER"),
    "owner-label-64": (["a" * 64, "a"], "OWNER"),
    "owner-name-256": (["a" + LONGEST, "a"], "OWNER"),
    "owner-blank": (["a b", "a"], "OWNER"),
    "owner-comment": (["a;b", "a"], "OWNER"),
    "owner-directive": (["$TTL", "a"], "OWNER"),
    "owner-quote": (['"a"', "a"], "OWNER"),
    "owner-parenthesis": (["(a", "a"], "OWNER"),
    "owner-newline": (["a\nb", "a"], "OWNER"),
    "owner-idn": (["ä", "a"], "OWNER"),
    "ttl-empty": (["@", "", "a"], "TTL"),
    "ttl-word": (["@", "IN", "a"], "TTL"),
    "ttl-negative": (["@", "-1", "a"], "TTL"),
    "ttl-unit": (["@", "1y", "a"], "TTL"),
    "ttl-mixed": (["@", "1h30", "a"], "TTL"),
    "ttl-unit-alone": (["@", "h", "a"], "TTL"),
    "ttl-blank": (["@", "1 h", "a"], "TTL"),
    "ttl-high": (["@", "2147483648", "a"], "TTL"),
    "ttl-high-units": (["@", "3551w", "a"], "TTL"),
    "ttl-wraps": (["@", "18446744073709551617", "a"], "TTL"),
    "target-empty": (["@", ""], "TARGET"),
    "target-at": (["@", "@"], "TARGET"),
    "target-root": (["@", "."], "root"),
    "target-label-64": (["@", "a" * 64], "TARGET"),
    "target-name-256": (["@", "a" + LONGEST], "TARGET"),
    "target-escape": (["@", "a\\256"], "TARGET"),
    "target-escape-end": (["@", "a\\"], "TARGET"),
    "target-idn": (["@", "bücher.example"], "TARGET"),
    "target-blank": (["@", "a b"], "TARGET"),
    "target-dots": (["@", "a.."], "TARGET"),
    "owner-ttl": (["3600", TARGET], "owner '3600' is a TTL"),
    "owner-ttl-units": (["1h30m", TARGET], "owner '1h30m' is a TTL"),
    "target-ipv4": (["@", "192.0.2.1"], "target '192.0.2.1' is an address"),
    "target-ipv4-dot": (["@", "192.0.2.1."], "is an address"),
    "target-ipv4-high": (["@", "192.0.2.300"], "is an address"),
    "target-ipv6": (["@", "2001:db8::1"], "is an address"),
    "target-url": (["@", "https://cdn.provider.example/x"], "is a URL"),
    "target-path": (["@", "cdn.provider.example/x"], "is a URL"),
    "target-port": (["@", "cdn.provider.example:443"], "has a port"),
    "target-one-label": (["@", "cdn"], "target 'cdn' has one label only"),
    "update-none": (["--update"], "ZONE, OWNER and TARGET"),
    "update-two": (["--update", "example.com", "@"], "ZONE, OWNER and TARGET"),
    "update-five": (["--update", "example.com", "@", "1", "a.b", "c.d"], "too many"),
    "update-zone": (["--update", "a..b", "@", TARGET], "ZONE is not"),
    "update-outside": (["--update", "example.com", "www.example.net.", TARGET], "OWNER is not in ZONE"),
    "update-zone-appended": (["--update", "example.com", "www.Example.com", TARGET], "add the dot"),
    "update-ttl": (["--update", "example.com", "@", "1y", TARGET], "TTL"),
    "update-self": (["--update", "example.com", "www", "www.example.com"], "itself"),
    "self": (["A.example.", "a.example."], "itself"),
    "self-no-final-dot": (["a.example.", "a.EXAMPLE"], "itself"),
}


@pytest.mark.parametrize("target, absolute", TARGETS.values(), ids=TARGETS)
def test_target(target, absolute):
    """The RDATA is the target in wire form, and decodes to the same name."""
    name = dns.name.from_text(absolute)
    assert kalias("rr", "@", target).stdout == f"@\t{alias(name)}\n".replace(" ", "\t", 1)
    decoded = kalias("decode", alias(name).split(maxsplit=1)[1]).stdout.strip()
    assert dns.name.from_text(decoded).to_wire() == name.to_wire()


@pytest.mark.parametrize("owner", OWNERS)
def test_owner(owner):
    """The owner is printed as it was given."""
    assert kalias("rr", owner, "1h", TARGET).stdout == f"{owner}\t1h\tTYPE65401\t{RDATA}\n"


@pytest.mark.parametrize("ttl", TTLS)
def test_ttl(ttl):
    """A TTL is printed as it was given, with the units that zone files know."""
    assert kalias("rr", "@", ttl, TARGET).stdout == f"@\t{ttl}\tTYPE65401\t{RDATA}\n"


@pytest.mark.parametrize("target, odd", [
    (TARGET, ""), ("_a.b-c.d", ""), ("localhost.", "has one label only"), ("a=b.c", "no host name has"),
    ("a\\:1.c", "no host name has"), ("1.2.3.a", ""), ("1.a", "")])
def test_odd_target(target, odd):
    """A target that can hardly be one is printed, with a warning."""
    said = kalias("rr", "@", target).stderr
    assert (odd in said and said.startswith(f"warning: target '{target}' ")) if odd else not said


def test_not_itself():
    """A relative owner is not taken for the target of the same spelling."""
    assert kalias("rr", "a.example", "a.example.").stdout.startswith("a.example\t")


@needs_kzonecheck
def test_zone_loads(tmp_path):
    """Knot reads a zone of all that is printed."""
    zone = tmp_path / "example.com.zone"
    lines = ["$TTL 1h", "@ SOA ns a 1 1 1 1 1", "@ NS ns", "ns A 192.0.2.1"]
    lines += [kalias("rr", owner, "1h", "a.example").stdout for owner in OWNERS if owner != "."]
    lines += [kalias("rr", f"t{index}", ttl, "a.example").stdout for index, ttl in enumerate(TTLS)]
    lines += [kalias("rr", "n", target).stdout for target, _ in TARGETS.values()]
    zone.write_text("\n".join(lines) + "\n")
    done = subprocess.run([KZONECHECK, zone], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments, rule", MISUSE.values(), ids=MISUSE)
def test_misuse(arguments, rule):
    """A wrong argument is named with the rule, and nothing is printed."""
    done = kalias("rr", *arguments, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    error, usage, *_ = done.stderr.splitlines()
    assert error.startswith("error: ") and rule in error
    assert usage.startswith("Usage: kalias [options] rr ")


# Records and what is printed for them
DECODED = {
    "rdata": (RDATA, TARGET),
    "rdata-pieces": ("\\# 22 0363646e 0870726f7669646572 07 6578616d706c65 00", TARGET),
    "rdata-odd-pieces": ("\\# 22 036 3646e0870726f7669646572076578616d706c6500", TARGET),
    "rdata-upper-case": (f"\\# 22 {HEX.upper()}", TARGET),
    "rdata-tabs": (f" \\#\t22\t{HEX}\r\n", TARGET),
    "rdata-parentheses": (f"\\# 22 ( {HEX[:8]} ; cdn\n {HEX[8:]} )", TARGET),
    "hex": (HEX, TARGET),
    "hex-pieces": ("03 63646e 08 70726f7669646572 07 6578616d706c65 00", TARGET),
    "root": ("\\# 1 00", "."),
    "escapes": ("\\# 7 05 2e5c20ff24 00", "\\.\\\\\\032\\255\\$."),
    "record": (f"example.com. 3600 IN TYPE65401 {RDATA}", f"example.com. 3600 ALIAS {TARGET}"),
    "class-first": (f"example.com. IN 3600 TYPE65401 {RDATA}", f"example.com. 3600 ALIAS {TARGET}"),
    "no-class": (f"example.com. 1h TYPE65401 {RDATA}", f"example.com. 1h ALIAS {TARGET}"),
    "no-ttl": (f"@\tTYPE65401\t{RDATA}", f"@ ALIAS {TARGET}"),
    "no-owner": (f"TYPE65401 {RDATA}", f"ALIAS {TARGET}"),
    "no-owner-ttl": (f"\t3600 IN TYPE65401 {RDATA}", f"3600 ALIAS {TARGET}"),
    "lower-case": (f"a in type65401 {RDATA}", f"a ALIAS {TARGET}"),
    "mnemonic": (f"a ALIAS {RDATA}", f"a ALIAS {TARGET}"),
    "owner-class": (f"IN IN TYPE65401 {RDATA}", f"IN ALIAS {TARGET}"),
    "owner-type": (f"TYPE65401 TYPE65401 {RDATA}", f"TYPE65401 ALIAS {TARGET}"),
    "comment": (f"a TYPE65401 {RDATA} ; b", f"a ALIAS {TARGET}"),
    "name": (f"a 60 ALIAS {TARGET}", f"a 60 ALIAS {TARGET}"),
    "knotc": (f"[example.com.] www.example.com. 3600 TYPE65401 {RDATA}", f"www.example.com. 3600 ALIAS {TARGET}"),
    "knotc-name": (f"[example.com.] example.com. 3600 ALIAS {TARGET}", f"example.com. 3600 ALIAS {TARGET}"),
    "knotc-diff": (f"[example.com.] -a.example.com. 3600 TYPE65401 {RDATA}", f"-a.example.com. 3600 ALIAS {TARGET}"),
}

# Records that are refused, and the rule
MALFORMED = {
    "empty": ("", "no record"),
    "comment": ("; a", "no record"),
    "another-type": ("a 3600 IN A 192.0.2.1", "neither"),
    "name": ("cdn.provider.example.", "neither"),
    "no-rdata": ("a TYPE65401", "must begin with \\#"),
    "not-generic": ("a TYPE65401 cdn", "must begin with \\#"),
    "not-absolute": ("a ALIAS cdn.provider.example", "must begin with \\#"),
    "knotc-other": ("[example.com.] a.example.com. 3600 A 192.0.2.1", "neither"),
    "no-length": ("\\#", "must begin with \\# and a space"),
    "no-space": (f"a TYPE65401 \\#22 {HEX}", "must begin with \\# and a space"),
    "length-word": (f"\\# x {HEX}", "number of octets"),
    "length-short": (f"\\# 21 {HEX}", "number of octets"),
    "length-long": (f"\\# 23 {HEX}", "number of octets"),
    "length-wraps": (f"\\# 18446744073709551638 {HEX}", "number of octets"),
    "no-octets": ("\\# 0", "ends within"),
    "not-hex": ("\\# 2 0g", "hexadecimal"),
    "half": ("\\# 2 016", "two hexadecimal digits"),
    "half-hex": ("016", "two hexadecimal digits"),
    "cut": ("\\# 2 0161", "ends within"),
    "cut-label": ("\\# 2 0561", "ends within"),
    "trailing": ("\\# 4 01610000", "octets after"),
    "two-names": ("\\# 6 016100016200", "octets after"),
    "pointer": ("\\# 2 c00c", "compression"),
    "pointer-behind": ("\\# 4 0161c000", "compression"),
    "label-64": ("\\# 66 40" + 64 * "61" + "00", "63 octets"),
    "name-256": ("\\# 256 " + 128 * "0161", "ends within"),
    "name-257": ("\\# 257 " + 128 * "0161" + "00", "255 octets"),
    "octet": ("\\# 3 0161ÿ0", "hexadecimal"),
    "quoted": (f'a TYPE65401 "{RDATA}"', "must begin with \\#"),
    "parenthesis": (f"a TYPE65401 ( {RDATA}", "not closed"),
}


@pytest.mark.parametrize("record, printed", DECODED.values(), ids=DECODED)
def test_decode(record, printed):
    """A record comes out with its target as a name, from an argument and from standard input."""
    assert kalias("decode", record).stdout == printed + "\n"
    assert kalias("decode", input=record).stdout == printed + "\n"


@pytest.mark.parametrize("record, rule", MALFORMED.values(), ids=MALFORMED)
def test_malformed(record, rule):
    """RDATA that is not one name is refused with the rule, other records are printed."""
    done = kalias("decode", RDATA, record, RDATA, check=False)
    assert (done.returncode, done.stdout) == (1, 2 * f"{TARGET}\n")
    assert done.stderr.startswith("error: record 2: ") and done.stderr.count("\n") == 1
    assert rule in done.stderr


def test_lines():
    """Lines without a record are skipped, and errors have the number of the line."""
    done = kalias("decode", input=f";; head\n\n{RDATA}\n\na A 192.0.2.1\nb TYPE65401 {RDATA}", check=False)
    assert (done.returncode, done.stdout) == (1, f"{TARGET}\nb ALIAS {TARGET}\n")
    assert done.stderr.startswith("error: line 5: ")


def test_zone_read(place):
    """What knotc prints of a zone goes in as it comes."""
    with Knotd(place(), [Zone("example.com", f"@ {alias('a.example.net')}\nwww 60 {alias('b.example.net')}",
                              module="")]) as knot:
        shown = "".join(knot.knotc("zone-read", "example.com", owner, "TYPE65401").stdout for owner in ("@", "www"))
    assert shown.startswith("[example.com.] ")
    assert kalias("decode", input=shown).stdout.splitlines() == [
        "example.com. 3600 ALIAS a.example.net.", "www.example.com. 60 ALIAS b.example.net."]


def test_nothing():
    """No input is no record, and no error."""
    assert kalias("decode").stdout == ""


def test_round_trip():
    """What rr prints decodes to what it was given."""
    for target, absolute in TARGETS.values():
        owner, ttl, kind, decoded = kalias("decode", input=kalias("rr", "www", "1h", target).stdout).stdout.split()
        assert (owner, ttl, kind) == ("www", "1h", "ALIAS")
        assert name_of(decoded).to_wire() == name_of(absolute).to_wire()


def test_unknown_option():
    """An option that decode does not have is misuse."""
    done = kalias("decode", "-x", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: kalias [options] decode " in done.stderr


# Help

COMMANDS = re.findall(r"^ ([a-z]+) ", kalias("--help").stdout.partition("Commands:")[2], re.M)
FLAGS = {"convert": ["--to-alias", "--commented", "--flatten", "--origin"], "set": ["--add"], "check": ["--json", "--resolver", "--server"]}


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    """Each command prints its usage and its options, whatever else is given, and does nothing."""
    said = kalias(command, "--help").stdout
    assert said.startswith(f"Usage: kalias [options] {command} ") and "-h, --help" in said
    assert all(re.search(rf"^ +(-., )?{flag} ", said, re.M) for flag in FLAGS.get(command, []))
    assert kalias(command, *FLAGS.get(command, [])[:1], "-h").stdout == said


def test_help_is_no_argument():
    """Behind other arguments it is one of them."""
    assert "too many" in kalias("rr", "@", "1", "a.b", "--help", check=False).stderr
