# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that make TCP workers wait do not keep the workers from others."""

import statistics
import time

from attack import attacked
from timing import seconds

WAIT = seconds(1.0)  # cold-wait


def test_others_are_not_held_up(place):
    """Half of the workers would have no time for anything but waits."""
    with attacked(place) as (_, innocents):
        time.sleep(4 * WAIT)
    medians = sorted(statistics.median(client.took) for client in innocents)
    assert medians[-1] <= WAIT / 4, medians
