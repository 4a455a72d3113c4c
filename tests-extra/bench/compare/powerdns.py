# SPDX-License-Identifier: GPL-2.0-or-later
"""PowerDNS with ALIAS, its zones in memory, as fast as its settings make it."""

from process import Process

SERVER = "/usr/sbin/pdns_server"

CONFIG = """\
launch=bind
bind-config={path}/named.conf
local-address=127.0.0.1
local-port={port}
socket-dir={path}
resolver={resolver}
expand-alias=yes
receiver-threads={threads}
distributor-threads={threads}
reuseport=yes
loglevel=3
disable-syslog=yes
security-poll-suffix=
write-pid=no
"""


class Powerdns(Process):
    """The zones are those of Knotd, with ALIAS by its name; resolver and threads are as in knot.conf (udp-workers)."""

    def __init__(self, path, zones, resolver, threads):
        path.mkdir(exist_ok=True)
        super().__init__(path)
        self.zones = zones
        self.resolver = resolver.replace("@", ":")
        self.threads = threads

    def command(self):
        names = []
        for zone in self.zones:
            file = self.path / f"{zone.name}.zone"
            file.write_text(zone.file_text())
            names.append(f'zone "{zone.name}" {{ type master; file "{file}"; }};\n')
        (self.path / "named.conf").write_text("".join(names))
        (self.path / "pdns.conf").write_text(CONFIG.format(
            path=self.path, port=self.port, resolver=self.resolver, threads=self.threads))
        return [SERVER, f"--config-dir={self.path}", "--daemon=no", "--guardian=no"]

    def is_up(self):
        return self.ask(self.zones[-1].name, "SOA").answer

    def forget(self):
        """Starts anew: queries without a reply, lost ones as well, slow it down for a minute."""
        self.kill()
        self.start()

    def stop(self):
        self.kill()
