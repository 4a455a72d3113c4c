# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures for tests of kalias: with a running knotd, which each file has as `knot`, and without."""

import subprocess

import pytest

# What a libknot of another version says to kalias
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
int knot_rrtype_from_string(const char *name, uint16_t *type)
{
	int (*next)(const char *, uint16_t *);
	if (strcmp(name, "ALIAS") == 0) {
		*type = 65401;
		return getenv("KNOWS_ALIAS") != NULL ? 0 : -1;
	}
	*(void **)&next = dlsym(RTLD_NEXT, "knot_rrtype_from_string");
	return next(name, type);
}
"""


@pytest.fixture(name="free")
def fixture_free(knot):
    """No command leaves a transaction open."""
    yield
    assert all(knot.is_free(zone.name) for zone in knot.zones)


@pytest.fixture(name="owner")
def fixture_owner(request):
    """A name that no other test uses."""
    return request.node.name.translate({ord(c): "-" for c in "[]_"}).strip("-").lower()


@pytest.fixture(scope="module", name="libknot")
def fixture_libknot(place):
    """Environments in which libknot knows the name ALIAS and does not, whatever its version."""
    path = place()
    (path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "shim.so", "shim.c"], cwd=path, check=True)
    old = {"LD_PRELOAD": str(path / "shim.so"), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    return {"old": old, "new": {**old, "KNOWS_ALIAS": "1"}}
