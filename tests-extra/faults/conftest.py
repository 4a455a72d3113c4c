# SPDX-License-Identifier: GPL-2.0-or-later
"""The stage of a scenario as a fixture, the seed, and the table at the end."""

import functools
import os
import random

import pytest

import stage as stages

COLUMNS = ("queries", "fresh", "stale", "TC", "SERVFAIL", "wrong", "none", "UDP ms", "TCP ms", "back s", "asked")
SEED = "FAULTS_SEED"
OWN_NETWORK = "FAULTS_OWN_NETWORK"  # set where interfaces may be added


def pytest_configure():
    # Workers of pytest-xdist inherit it.
    os.environ.setdefault(SEED, str(random.SystemRandom().randrange(1000000)))


@pytest.fixture(name="place")
def fixture_place(tmp_path_factory):
    """Makes directories with short names: a control socket's path is limited."""
    return lambda: tmp_path_factory.mktemp("s")


@pytest.fixture(name="seed")
def fixture_seed(request):
    """Of one scenario, so that it can be repeated without the others."""
    return f"{os.environ[SEED]} {request.node.name}"


@pytest.fixture(name="report")
def fixture_report(request):
    """Keeps a row of the table, by column."""
    return lambda row: request.node.user_properties.append(("row", row))


@pytest.fixture(name="open_stage")
def fixture_open_stage(place, seed, report):
    return functools.partial(stages.stage, place, seed, report)


def pytest_terminal_summary(terminalreporter):
    rows = {each.nodeid.rpartition("/")[2].replace("test_", "").replace(".py::", " "): row
            for outcome in ("passed", "failed") for each in terminalreporter.getreports(outcome)
            if each.when == "call" for _, row in each.user_properties}
    if rows:
        terminalreporter.section("what clients got from the start of the fault on")
        terminalreporter.write_line(f"{SEED}={os.environ[SEED]}")
        line = "{:31}" + " {:>8}" * len(COLUMNS)
        terminalreporter.write_line(line.format("", *COLUMNS))
        for name, row in sorted(rows.items()):
            terminalreporter.write_line(line.format(name, *(row.get(column, "") for column in COLUMNS)))
