# SPDX-License-Identifier: GPL-2.0-or-later
"""Knot DNS with the module, as the tests configure it."""

import dataclasses
import os
import pathlib
import re
import shutil
import socket
import subprocess

import dns.query
import dns.rcode
import dns.update

from client import name_of, query
from process import Process, preload, wrapper
from timing import seconds, until
from tree import TOP

KNOTD = "/usr/sbin/knotd"
KNOTC = "/usr/sbin/knotc"
KEYMGR = shutil.which("keymgr", path="/usr/sbin:/usr/bin") or "keymgr"
MODULE = os.environ.get("ALIAS_MODULE", str(TOP / ".libs" / "xalias.so"))
# mod-xalias, or mod-alias if that file is tested. Tests write mod-alias for both, and read that in what servers and
# kalias say: to_server() and from_server() are at all ends.
NAME = f"mod-{pathlib.Path(MODULE).stem}"

HEAD = """\
$ORIGIN {name}.
$TTL 3600
@ SOA ns admin 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
"""
# Of zones in which nothing lives longer than a second
QUICK_HEAD = HEAD.replace("$TTL 3600", "$TTL 1").replace("86400 300", "86400 1")


def to_server(text):
    """A text for knotd or knotc, with the name that the module has there; paths are left alone."""
    return re.sub(r"(?<![\w./-])mod-x?alias(?![\w-])", NAME, text)


def from_server(text):
    return re.sub(r"\bmod-x?alias\b", "mod-alias", text)


@dataclasses.dataclass
class Zone:
    """A zone and its modules; the text goes without SOA and NS, unless it has its own `head`."""
    name: str
    text: str = ""
    module: str = "mod-alias/default"  # "" for none
    extra: str = ""                    # more lines of its knot.conf section
    head: str = HEAD

    def file_text(self):
        return self.head.format(name=self.name) + self.text + "\n"


class Knotd(Process):
    """A knotd; `sections` has those of mod-alias by id: {"default": {"timeout": 300}}.

    Lists become YAML lists. Without sections the module is not even loaded. With `database`
    the configuration is kept in one, so that transactions can change all of it.
    """

    def __init__(self, path, zones, sections=None, server=None, extra="", template=(), database=False):
        super().__init__(path)
        self.zones = zones
        self.sections = sections
        self.server = dict(server or {})
        self.extra = extra  # more sections
        self.template = template  # more lines of the default template
        self.prefix = []    # a command that runs knotd
        self.database = database

    # Configuration

    def config(self):
        return "\n".join(["server:", *self._server_lines(), *self._module_lines(), self.extra,
                          *self._template_lines(), *self._zone_lines(), ""])

    def _server_lines(self):
        settings = {"rundir": self.path, "listen": [f"127.0.0.1@{self.port}", f"::1@{self.port}"],
                    "udp-workers": 2, "tcp-workers": 4, "background-workers": 2, **self.server}
        # The default sizes of the databases are too much for a sanitizer's address space.
        return [*_lines(settings),
                "control:", "    listen: knot.sock",
                "log:", "  - target: stderr", "    any: debug",
                "database:", f"    storage: {self.path}", "    journal-db-max-size: 16M",
                "    kasp-db-max-size: 16M", "    timer-db-max-size: 1M",
                "acl:", "  - id: local", "    address: [127.0.0.0/8, ::1]",
                "    action: [update, transfer]"]

    def _template_lines(self):
        return ["template:", "  - id: default", f"    storage: {self.path}",
                "    journal-content: none", "    zonefile-sync: -1", "    acl: local",
                *self.template]

    def _module_lines(self):
        if self.sections is None:
            return []
        lines = ["module:", "  - id: mod-alias", f'    file: "{MODULE}"']
        for index, (section, options) in enumerate(self.sections.items()):
            lines += [] if index else ["mod-alias:"]
            lines += [f"  - id: {section}", *_lines(options)]
        return lines

    def _zone_lines(self):
        lines = ["zone:"]
        for zone in self.zones:
            lines.append(f"  - domain: {zone.name}")
            lines += [f"    module: {zone.module}"] if zone.module else []
            lines += [f"    {line}" for line in zone.extra.splitlines()]
        return lines

    def write(self):
        """Write knot.conf and the zone files."""
        self.path.joinpath("knot.conf").write_text(to_server(self.config()))
        for zone in self.zones:
            self.write_zone(zone)

    def write_zone(self, zone):
        """Not touched when it says the same, so that a reload leaves the zone alone."""
        file = self.path / f"{zone.name}.zone"
        if not file.exists() or file.read_text() != zone.file_text():
            file.write_text(zone.file_text())

    # Control

    def command(self):
        self.write()
        if self.database:
            run_knotc(self.path, "-C", "confdb", "-f", "conf-import", "knot.conf")
        config = ["-C", "confdb"] if self.database else ["-c", "knot.conf"]
        return [*self.prefix, *preload(), *wrapper(), KNOTD, *config]

    def start(self):
        self._socket().unlink(missing_ok=True)  # left behind by a knotd that was killed
        super().start()

    def is_up(self):
        # knotd answers anybody, once its zones are loaded; before Knot 3.5 it opens the control socket later.
        return self.ask_raw(query(".", "SOA").to_wire(), tcp=True) and self._has_control()

    def _socket(self):
        return self.path / "knot.sock"

    def _has_control(self):
        """Whether the control socket takes connections, which it does some time after it exists."""
        with socket.socket(socket.AF_UNIX) as control:
            return control.connect_ex(str(self._socket())) == 0

    def log(self):
        return from_server(super().log())

    def knotc(self, *arguments, check=True):
        """Run knotc and return the finished process."""
        done = run_knotc(self.path, "-c", "knot.conf", "-s", "knot.sock", *map(to_server, arguments), check=check)
        done.stdout, done.stderr = from_server(done.stdout), from_server(done.stderr)
        return done

    def stats(self, zone="example.com"):
        """The module's counters of a zone: {"answer-a[fresh]": 2, ...}."""
        lines = self.knotc("-f", "zone-stats", zone, "mod-alias").stdout.splitlines()
        return {name.removeprefix("mod-alias."): int(value) for name, value in
                (line.split("] ", 1)[1].split(" = ") for line in lines)}

    def reload(self):
        self.wait(self._has_control)  # which comes after the first answers
        self.write()
        self.knotc("reload")

    def update(self, zone, add=(), delete=()):
        """Change a zone as a dynamic update does; records are `owner ttl type rdata`."""
        update = dns.update.UpdateMessage(name_of(zone))
        for owner in delete:
            update.delete(owner)
        for record in add:
            owner, ttl, rdtype, rdata = record.split(maxsplit=3)
            update.add(owner, int(ttl), rdtype, rdata)
        reply = dns.query.tcp(update, "127.0.0.1", seconds(10), self.port)
        assert reply.rcode() == dns.rcode.NOERROR, reply

    def add(self, *records, zone="example.com"):
        self.update(zone, add=records)

    def wait_zone(self, zone):
        """Wait until a zone is served."""
        until(lambda: self.ask(zone, "SOA").rcode() == dns.rcode.NOERROR)


def run_knotc(path, *arguments, check=True):
    # It loads the module to check a configuration; what it leaks itself is not ours.
    done = subprocess.run([*preload(ASAN_OPTIONS="detect_leaks=0"), KNOTC, *arguments],
                          cwd=path, capture_output=True, text=True,
                          timeout=seconds(20), check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def _lines(settings):
    def text(value):
        if isinstance(value, (list, tuple)):
            return f"[ {', '.join(value)} ]"
        return value
    return [f"    {key.replace('_', '-')}: {text(value)}" for key, value in settings.items()]
