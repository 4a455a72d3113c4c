# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures for all files: a directory and a scripted resolver for each of them."""

import pytest

from upstream import Upstream


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Makes directories with short names: a control socket's path is limited."""
    return lambda: tmp_path_factory.mktemp("s")


@pytest.fixture(scope="module")
def upstream():
    with Upstream() as server:
        yield server
