# SPDX-License-Identifier: GPL-2.0-or-later
"""The module as a file."""

import subprocess

from knotd import MODULE


def test_exported_symbols():
    """knotd sees nothing of it but its API."""
    symbols = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", MODULE],
                             check=True, capture_output=True, text=True).stdout
    assert [line.split()[0] for line in symbols.splitlines()] == ["knotd_mod_api"]


def test_stays_loaded():
    """dlclose() does not take the code away under the thread that runs it."""
    flags = subprocess.run(["readelf", "--dynamic", MODULE],
                           check=True, capture_output=True, text=True).stdout
    assert "NODELETE" in flags
