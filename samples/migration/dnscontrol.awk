# SPDX-License-Identifier: GPL-2.0-or-later
#
# Prints a zone file of DNSControl without SOA and name servers of the zone itself, and with the owner in each line: it is left
# out there also behind a line that is a comment.

/^;?[^; \t$]/ {
	owner = $1
	sub(/^;/, "", owner)
}

/^[ \t]/ {
	$0 = owner $0
}

!/^@[ \t]+([0-9]+[ \t]+)?IN[ \t]+(SOA|NS)[ \t]/
