# SPDX-License-Identifier: GPL-2.0-or-later
"""The module under its names, each of which has a file, in configurations that say which one they mean.

They are in a file that knot.conf includes, as tests that are not about names have one name everywhere.
"""

import pathlib

from knotd import MODULE, Knotd, Zone

FILES = {name: path for name in ("mod-xalias", "mod-alias")
         if (path := pathlib.Path(MODULE).with_name(name.removeprefix("mod-") + ".so")).exists()}

TEMPLATE = """\
  - id: {zone}
    storage: {path}
    journal-content: none
    zonefile-sync: 1d
    acl: local
    module: [ {modules} ]
"""


def knotd(path, modules, zones, files=None, options=(), make=Knotd):
    """A server; `modules` has those of each zone. The modules in `files` have a section `default` with the options."""
    files = FILES if files is None else files
    lines = ["module:", *(f'  - id: {name}\n    file: "{file}"' for name, file in files.items())] if files else []
    for name in files if options else ():
        lines += [f"{name}:", "  - id: default", *(f"    {option}" for option in options)]
    lines += ["template:", *(TEMPLATE.format(zone=zone, path=path, modules=", ".join(names))
                             for zone, names in modules.items())]
    path.joinpath("names.conf").write_text("\n".join([*lines, ""]))
    return make(path, [Zone(zone, text, module="", extra=f"template: {zone}" if zone in modules else "")
                       for zone, text in zones.items()], extra='include: "names.conf"')
