# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of warm names, and reloads, while attackers make TCP workers wait for dead targets.

See attack.py: two pipelines of dead names, and a zone with 600 of them that two clients ask for once a second.
"""

import pathlib
import statistics
import tempfile
import time

from attack import DEAD, WORKERS, attacked
from common import options, percentiles, verdict

MEDIAN, RELOAD = 0.005, 1.5  # the goals, s


def main():
    limits = options(__doc__, seconds=60, pause=5)
    reloads = []
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as path:
        with attacked(lambda: pathlib.Path(path)) as (lab, innocents):
            end = time.monotonic() + limits.seconds
            while time.monotonic() < end:
                time.sleep(limits.pause)
                start = time.monotonic()
                lab.knot.reload()
                reloads.append(time.monotonic() - start)
    took = [each for client in innocents for each in client.took]
    medians = [statistics.median(client.took) for client in innocents]
    print(f"{WORKERS} TCP workers, {DEAD} dead targets in each of two zones")
    print("{} replies to {} others, ms: median {:.2f}, 90 % {:.1f}, 99 % {:.1f}, most {:.0f}; median of the worst client "
          "{:.2f}".format(len(took), len(innocents), *(1000 * value for value in percentiles(took, 0.5, 0.9, 0.99)[1:]),
                          1000 * max(medians)))
    print("{} reloads, s: median {:.2f}, most {:.2f}".format(len(reloads), *percentiles(reloads, 0.5)[1:]))
    verdict(max(medians) < MEDIAN and max(reloads) < RELOAD,
            f"the median of each client is below {1000 * MEDIAN:.0f} ms, each reload takes less than {RELOAD} s")


if __name__ == "__main__":
    main()
