# SPDX-License-Identifier: GPL-2.0-or-later
"""Secondaries of other makers, which know no ALIAS: BIND, NSD and PowerDNS, each for one zone of a primary on loopback."""

import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3

from bind import NAMED, no_lock
from process import Process

NSD = "/usr/sbin/nsd"
PDNS = "/usr/sbin/pdns_server"
PDNS_SCHEMA = pathlib.Path("/usr/share/pdns-backend-bind/schema/bind-dnssec.schema.sqlite3.sql")

NAMED_CONF = """\
options {{
    directory "{path}";
    pid-file none;
    session-keyfile none;
    {lock}
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    notify no;
    min-refresh-time 1;
}};
controls {{ }};
zone "{zone}" {{ type secondary; file "{zone}.db"; primaries {{ 127.0.0.1 port {primary}; }}; }};
"""

NSD_CONF = """\
server:
    ip-address: 127.0.0.1@{port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{path}"
    database: ""
    pidfile: "{path}/nsd.pid"
    xfrdfile: "{path}/xfrd.state"
    xfrdir: "{path}"
    zonelistfile: "{path}/zone.list"
remote-control:
    control-enable: no
zone:
    name: "{zone}"
    zonefile: "{zone}.db"
    request-xfr: 127.0.0.1@{primary} NOKEY
    allow-notify: 127.0.0.1 NOKEY
    min-refresh-time: 1
"""

PDNS_CONF = """\
launch=bind
bind-config={path}/named.conf
bind-dnssec-db={path}/dnssec.db
local-address=127.0.0.1
local-port={port}
socket-dir={path}
secondary=yes
xfr-cycle-interval=1
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
version-string=anonymous
security-poll-suffix=
webserver=no
"""

PDNS_ZONES = """\
zone "{zone}" {{ type slave; file "{path}/{zone}.db"; masters {{ 127.0.0.1:{primary}; }}; }};
"""


class Secondary(Process):
    """It has the zone once `ask(zone, "SOA")` gets it."""

    def __init__(self, path, primary, zone="example.com"):
        super().__init__(path)
        self.values = {"path": path, "port": self.port, "primary": primary, "zone": zone}

    def write(self, name, text):
        self.path.joinpath(name).write_text(text.format(lock=no_lock(), **self.values))

    def is_up(self):
        return self.ask("version.bind", "TXT") is not None

    def stop(self):
        """With all its processes; how it ends is not judged."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.kill()


class Bind(Secondary):
    def command(self):
        self.write("named.conf", NAMED_CONF)
        # Debian's AppArmor profile lets it read /etc/bind only, but does not apply to a copy.
        return [shutil.copy(NAMED, self.path), "-g", "-n", "1", "-c", "named.conf"]

    def is_up(self):
        return " running\n" in self.log()


class Nsd(Secondary):
    def command(self):
        self.write("nsd.conf", NSD_CONF)
        return [NSD, "-d", "-c", str(self.path / "nsd.conf")]


class Powerdns(Secondary):
    def command(self):
        self.write("named.conf", PDNS_ZONES)
        self.write("pdns.conf", PDNS_CONF)
        # For signatures that it gets by transfer. pdnsutil of 5.1 can't load this backend.
        with contextlib.closing(sqlite3.connect(self.path / "dnssec.db")) as database:
            database.executescript(PDNS_SCHEMA.read_text())
        return [PDNS, f"--config-dir={self.path}", "--daemon=no", "--guardian=no", "--disable-syslog"]


ALL = {"BIND": (Bind, NAMED), "NSD": (Nsd, NSD), "PowerDNS": (Powerdns, PDNS)}


def is_installed(name):
    return pathlib.Path(ALL[name][1]).exists()
