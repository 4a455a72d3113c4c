# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of a signed zone on a secondary, by the sample."""

import os
import re
import shutil
import subprocess

from knotd import KEYMGR, KNOTC
from process import preload
from timing import seconds
from tree import TOP

IMPORT_KEYS = TOP / "samples" / "signed-secondaries" / "import-keys.sh"
PAGE = (TOP / "samples" / "README.md").read_text()


def copy_keys(primary, secondary):
    """As samples/README.md says: the keys with their times."""
    copy = primary.path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    [command] = re.findall(r"^    knotc (.* zone-backup .*)", PAGE, re.M)
    primary.knotc(*command.replace("/var/lib/knot/copy", str(copy)).split())
    programs = secondary.path / "bin"
    programs.mkdir(exist_ok=True)
    for name, program, options in (("knotc", KNOTC, "-s knot.sock"), ("keymgr", KEYMGR, "-c knot.conf")):
        # -D stands alone.
        (programs / name).write_text(f'#!/bin/sh\n[ "$1" = -D ] || set -- {options} "$@"\nexec {program} "$@"\n')
        (programs / name).chmod(0o755)
    done = subprocess.run([*preload(ASAN_OPTIONS="detect_leaks=0"), IMPORT_KEYS, copy, "example.com"], cwd=secondary.path,
                          capture_output=True, text=True, timeout=seconds(20), check=False,
                          env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"})
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr
