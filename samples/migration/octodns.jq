# SPDX-License-Identifier: GPL-2.0-or-later
#
# Prints a command for each ALIAS of a zone of octoDNS, whose name is $zone. It replaces the targets that the name has.

to_entries[]
| (if .key == "" then "@" else .key end) as $owner
| [.value] | flatten[]
| select(.type == "ALIAS")
| @sh "kalias set \($zone) \($owner) \(.ttl // 3600) \(.value // .values[0])"
