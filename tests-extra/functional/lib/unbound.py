# SPDX-License-Identifier: GPL-2.0-or-later
"""A real, validating resolver."""

import shutil

from process import Process
from client import query

UNBOUND = "/usr/sbin/unbound"

CONFIG = """\
server:
    directory: "{path}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    log-queries: yes
    num-threads: 1
    interface: 127.0.0.1@{port}
    interface: ::1@{port}
    do-not-query-localhost: no
    module-config: "validator iterator"
    access-control: ::1 allow
{zones}
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{nowhere}
"""


class Unbound(Process):
    """Stub zones by name and port of their authority; anchors are DNSKEY lines by zone.

    Everything else is forwarded to a port where nobody listens. `more` has further lines of its `server` section.
    """

    def __init__(self, path, stubs, anchors=None, more=()):
        super().__init__(path)
        self.stubs = stubs
        self.anchors = anchors or {}
        self.more = more

    @property
    def address(self):
        return f"127.0.0.1@{self.port}"

    def command(self):
        servers, zones = [f"    {line}" for line in self.more], []
        for zone in self.stubs:
            if self.anchors.get(zone):
                self.path.joinpath(f"{zone}.key").write_text(self.anchors[zone])
                servers.append(f'    trust-anchor-file: "{zone}.key"')
            else:
                servers.append(f'    domain-insecure: "{zone}"')
        for zone, port in self.stubs.items():
            zones += ["stub-zone:", f'    name: "{zone}"', f"    stub-addr: 127.0.0.1@{port}"]
        config = self.path / "unbound.conf"
        config.write_text(CONFIG.format(path=self.path, port=self.port, nowhere=9,
                                        zones="\n".join(servers + zones)))
        # Debian's AppArmor profile lets it read /etc/unbound only, but does not apply to a copy.
        return [shutil.copy(UNBOUND, self.path), "-d", "-p", "-c", str(config)]

    def is_up(self):
        # Its own name is answered without any other server.
        return self.ask_raw(query("localhost").to_wire(), tcp=True)

    def queries(self, name):
        """How many queries for a name came from clients."""
        return self.log().count(f" {name}. ")
