# SPDX-License-Identifier: GPL-2.0-or-later
"""Time limits and waiting.

SLOW=factor stretches every limit, for servers that run under valgrind or a sanitizer.
"""

import os
import time

SLOW = float(os.environ.get("SLOW", "1"))


def seconds(value):
    """A limit in seconds, stretched by SLOW."""
    return value * SLOW


def ms(value):
    """A time-out for knot.conf in milliseconds, stretched by SLOW."""
    return int(value * SLOW)


def until(condition, limit=5, step=0.01):
    """Poll until condition() is true and return its value; fail after `limit` seconds."""
    end = time.monotonic() + seconds(limit)
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds(limit)} s"
        time.sleep(step)


def undisturbed(attempt, count=3):
    """Whether attempt(i) succeeds once, where a stall of the machine may spoil it."""
    return any(attempt(i) for i in range(count))


def sleep_until(moment):
    """Let real time pass: for records that have to expire."""
    time.sleep(max(0, moment - time.monotonic()))
