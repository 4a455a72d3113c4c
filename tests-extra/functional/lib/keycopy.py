# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of a signed zone on a secondary, by the command of samples/README.md."""

import re
import shutil
import subprocess

from knotd import KEYMGR
from process import preload
from timing import seconds
from tree import TOP

PAGE = (TOP / "samples" / "README.md").read_text()
KEYS = "keys/keys"  # below database.storage


def signing_keys(primary):
    """The files of the keys that sign addresses, by the command that copies them."""
    [listing] = re.findall(r"^    (keymgr example\.com .*) \|\n +rsync ", PAGE, re.M)
    command = listing.replace("keymgr", f"{KEYMGR} -c knot.conf", 1)
    done = subprocess.run([*preload(ASAN_OPTIONS="detect_leaks=0"), "sh", "-c", command], cwd=primary.path, check=True,
                          capture_output=True, text=True, timeout=seconds(20))
    return done.stdout.split()


def copy_keys(primary, secondary, files=None):
    """What the command does, or a copy of these files."""
    store = secondary.path / KEYS
    store.mkdir(parents=True, exist_ok=True)
    for file in files or signing_keys(primary):
        shutil.copyfile(primary.path / KEYS / file, store / f"{file}.new")
        (store / f"{file}.new").rename(store / file)
