# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures for tests of kalias with a running knotd, which each file has as `knot`."""

import pytest


@pytest.fixture(name="free")
def fixture_free(knot):
    """No command leaves a transaction open."""
    yield
    assert all(knot.is_free(zone.name) for zone in knot.zones)


@pytest.fixture(name="owner")
def fixture_owner(request):
    """A name that no other test uses."""
    return request.node.name.translate({ord(c): "-" for c in "[]_"}).strip("-").lower()
