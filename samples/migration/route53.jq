# SPDX-License-Identifier: GPL-2.0-or-later
#
# Prints the records of Route 53 as a zone file, without the SOA and the name servers of the zone itself.

# Route 53 writes octets in octal, zone files have them in decimal.
def decimal:
	gsub("\\\\(?<a>[0-3])(?<b>[0-7])(?<c>[0-7])";
		"\\" + ("00" + ((.a | tonumber) * 64 + (.b | tonumber) * 8 + (.c | tonumber) | tostring))[-3:]);

(.ResourceRecordSets[] | select(.Type == "SOA").Name) as $apex
| .ResourceRecordSets[]
| select((.Name == $apex and (.Type == "SOA" or .Type == "NS")) | not)
| (.Name | decimal) as $owner
| if .SetIdentifier then
	# A routing policy has no like in DNS. kalias convert names the line.
	"\($owner)\t60\tIN\tROUTING-POLICY\t\(.Type) \(.SetIdentifier | @json)"
elif .AliasTarget and (.Type == "A" or .Type == "AAAA") then
	"\($owner)\t60\tIN\tALIAS\t\(.AliasTarget.DNSName | decimal)"
elif .AliasTarget then
	"\($owner)\t60\tIN\tAWS\tALIAS \(.Type) \(.AliasTarget.DNSName)"
else
	.TTL as $ttl | .Type as $type | .ResourceRecords[] | "\($owner)\t\($ttl)\tIN\t\($type)\t\(.Value | decimal)"
end
