# SPDX-License-Identifier: GPL-2.0-or-later
"""Knot Resolver: a validating resolver that uses cached denials for other names and types (RFC 8198)."""

import pathlib

from process import Process

KRESD = "/usr/sbin/kresd"

CONFIG = """\
log_target("stderr")
modules.unload("detect_time_skew")
modules.unload("priming")
modules.unload("ta_signal_query")
modules.unload("ta_update")
trust_anchors.remove(".")
cache.open(10 * MB, "lmdb://cache")
cache.min_ttl(0)
policy.add(policy.all(policy.FORWARD("127.0.0.1@{authority}")))
{anchors}
net.listen({{"127.0.0.1", "::1"}}, {port}, {{kind = "dns"}})
"""


class Kresd(Process):
    """Every query goes to the authority on one port; anchors are DNSKEY or DS lines by zone."""

    def __init__(self, path, authority, anchors):
        super().__init__(path)
        self.authority = authority
        self.anchors = anchors

    def command(self):
        assert pathlib.Path(KRESD).exists(), f"no {KRESD}: apt-get install knot-resolver"
        anchors = [f"trust_anchors.add([[{line}]])" for lines in self.anchors.values()
                   for line in lines.splitlines()]
        self.path.joinpath("kresd.conf").write_text(CONFIG.format(
            port=self.port, authority=self.authority, anchors="\n".join(anchors)))
        return [KRESD, "--noninteractive", "--config=kresd.conf", str(self.path)]

    def is_up(self):
        # It listens last of all, and has nothing to say by itself.
        self.tcp().close()
        return True
