# SPDX-License-Identifier: GPL-2.0-or-later
#
# Prints the ALIAS records of a zone of octoDNS as lines of a zone file.

to_entries[]
| (if .key == "" then "@" else .key end) as $owner
| [.value] | flatten[]
| select(.type == "ALIAS")
| "\($owner)\t\(.ttl // 3600)\tIN\tALIAS\t\(.value // .values[])"
