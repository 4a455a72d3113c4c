# SPDX-License-Identifier: GPL-2.0-or-later
"""kzonecheck, and what this Knot DNS knows of the record by itself."""

import functools
import shutil
import subprocess
import tempfile

KZONECHECK = shutil.which("kzonecheck")
REFUSED = "this Knot DNS takes no ALIAS whose RDATA is no name"  # the reason to skip a test of that


def kzonecheck(file, origin):
    """Run it and return the finished process."""
    return subprocess.run([KZONECHECK, "-o", origin, file], capture_output=True, text=True, check=False)


@functools.cache
def knows_alias():
    """Whether Knot DNS reads and prints ALIAS by its name, and then takes no RDATA that is no name: 3.5.4 and later."""
    with tempfile.NamedTemporaryFile("w", suffix=".zone") as file:
        file.write("@ 1 SOA a a 1 1 1 1 1\n@ 1 NS a.example.\n@ 1 ALIAS a\n")
        file.flush()
        return bool(KZONECHECK) and kzonecheck(file.name, "example.com").returncode == 0


def only_malformed(*records):
    """Records whose RDATA is no name, for a zone: none where Knot DNS would refuse the zone for them."""
    return () if knows_alias() else records
