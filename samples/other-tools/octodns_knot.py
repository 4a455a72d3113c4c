# SPDX-License-Identifier: GPL-2.0-or-later
"""A provider of octoDNS: Rfc2136 of octodns-bind, with ALIAS as mod-alias has it."""

import types

import dns.rdata
from dns.rdtypes.nsbase import UncompressedNS
from octodns_bind import Rfc2136Provider

TYPE = 65401


class ALIAS(UncompressedNS):
    """RDATA is one name, which is never compressed."""


# By this dnspython has a name for the type, in transfers and in updates.
dns.rdata.register_type(types.SimpleNamespace(ALIAS=ALIAS), TYPE, "ALIAS")


class KnotProvider(Rfc2136Provider):
    """Its options are those of Rfc2136Provider."""

    SUPPORTS = Rfc2136Provider.SUPPORTS | {"ALIAS"}
