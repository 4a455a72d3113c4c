# SPDX-License-Identifier: GPL-2.0-or-later
"""BIND: a validating resolver that uses cached denials for other names and types (RFC 8198)."""

import functools
import pathlib
import shutil
import subprocess

from process import Process

NAMED = "/usr/sbin/named"

# `port` is where it asks, too, and an address of a static-stub zone has no port of its own.
CONFIG = """\
options {{
    directory "{path}";
    pid-file none;
    session-keyfile none;
    {lock}
    port {authority};
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 port {port} {{ ::1; }};
    max-cache-size 16m;
    dnssec-validation yes;
    synth-from-dnssec yes;
    trust-anchor-telemetry no;
    querylog no;
}};
controls {{ }};
{zones}
"""

# With addresses of one family only, it takes others from the A or AAAA of the zone's apex.
ZONE = """\
zone "{zone}" {{ type static-stub; server-addresses {{ 127.0.0.1; ::1; }}; }};
"""


def trust_anchors(lines):
    """DNSKEY lines as a statement of named.conf."""
    def anchor(line):
        zone, _, _, _, flags, protocol, algorithm, key = line.split(maxsplit=7)
        return f'"{zone}" static-key {flags} {protocol} {algorithm} "{key}";'
    return "\n".join(["trust-anchors {", *map(anchor, lines.splitlines()), "};"])


@functools.cache
def no_lock():
    """Several of them may run; BIND 9.20 has no lock any more."""
    defaults = subprocess.run([NAMED, "-C"], capture_output=True, text=True, check=True).stdout
    return "lock-file none;" if "lock-file" in defaults else ""


class Named(Process):
    """It resolves the zones of `anchors`, DNSKEY lines by zone, from the authority on one port, and nothing else."""

    def __init__(self, path, authority, anchors):
        super().__init__(path)
        self.authority = authority
        self.anchors = anchors

    def command(self):
        assert pathlib.Path(NAMED).exists(), f"no {NAMED}: apt-get install bind9"
        zones = "\n".join(ZONE.format(zone=zone) + trust_anchors(lines) for zone, lines in self.anchors.items())
        self.path.joinpath("named.conf").write_text(CONFIG.format(
            path=self.path, port=self.port, authority=self.authority, lock=no_lock(), zones=zones))
        # Debian's AppArmor profile lets it read /etc/bind only, but does not apply to a copy.
        return [shutil.copy(NAMED, self.path), "-g", "-n", "1", "-c", "named.conf"]

    def is_up(self):
        # It listens before it has read its zones.
        return " running\n" in self.log()
