# SPDX-License-Identifier: GPL-2.0-or-later
"""Running kalias."""

import os
import pathlib
import subprocess

from knotd import MODULE
from process import FINDINGS
from timing import seconds

KALIAS = os.environ.get("KALIAS", str(pathlib.Path(MODULE).parents[1] / "kalias"))


def kalias(*arguments, check=True, input=None, env=None):
    """Run it with a text as input and return the finished process.

    Text is what it was octet for octet, line ends too.
    """
    done = subprocess.run([KALIAS, *arguments], input=_encode(input or ""), capture_output=True,
                          timeout=seconds(20), check=False, env={**os.environ, "LC_ALL": "C", **(env or {})})
    done.stdout, done.stderr = _decode(done.stdout), _decode(done.stderr)
    assert not any(finding in done.stderr for finding in FINDINGS), done.stderr
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def _encode(text):
    return text.encode("utf-8", "surrogateescape")


def _decode(octets):
    return octets.decode("utf-8", "surrogateescape")
