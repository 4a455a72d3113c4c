# SPDX-License-Identifier: GPL-2.0-or-later
"""delv: BIND's validating client, without a cache."""

import pathlib
import re
import subprocess

from bind import trust_anchors
from timing import seconds

DELV = "/usr/bin/delv"

VALIDATED = ("; fully validated", "; negative response, fully validated")


class Answer:
    """What it printed; `status` says what it thinks of it."""

    def __init__(self, text):
        self.text = text
        self.status = next((line for line in text.splitlines() if line.startswith("; ")), "no answer")

    @property
    def is_validated(self):
        return self.status in VALIDATED

    def addresses(self, rdtype):
        return sorted(re.findall(rf"^\S+\s+\d+\s+IN\s+{rdtype}\s+(\S+)$", self.text, re.MULTILINE))


class Delv:
    """Asks the authority on a port; the anchor is the DNSKEY lines of a zone."""

    def __init__(self, path, authority, zone, anchor):
        assert pathlib.Path(DELV).exists(), f"no {DELV}: apt-get install bind9-dnsutils"
        self.command = [DELV, "@127.0.0.1", "-p", str(authority), "-a", "anchor", f"+root={zone}"]
        self.path = path
        path.joinpath("anchor").write_text(trust_anchors(anchor))

    def ask(self, name, rdtype="A"):
        done = subprocess.run([*self.command, name, rdtype], cwd=self.path, capture_output=True, text=True,
                              timeout=seconds(20), check=False)
        return Answer(done.stdout or done.stderr)
