#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mod-alias at work, all on loopback: an authority for the target cdn.provider.example, a
# recursive resolver, and knotd with the zones of samples/knot.conf. Each answer is checked.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [--keep] [--build DIR]
		  --keep       leave the servers running, for an hour at most
		  --build DIR  build there and keep that; otherwise in a temporary directory
	END
}

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

keep='' build='' module='' port='' out='' authority='' resolver='' alias='' kalias=kalias
while [ $# -gt 0 ]; do
	case $1 in
	--keep) keep=yes ;;
	--build) build=${2:?--build needs a directory} && shift ;;
	-h | --help) usage && exit ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done

finish() {
	if [ $? != 0 ]; then
		tail -n 15 "$work"/*/log >&2 2>/dev/null || :
		printf '%sThe demo failed.%s\n' "$red" "$plain" >&2
	elif [ "$keep" ]; then
		return
	fi
	stop_jobs
	rm -rf "$work"
}
make_work
[ ! "$keep" ] || launcher=(timeout 3600)

# matches PATTERN: whether an extended regular expression fits a line of `out`; kdig's columns are
# one space apart for it.
matches() {
	tr -s ' \t' ' ' <<<"$out" | grep -Eq "$1"
}

expect() {
	local pattern
	for pattern; do
		matches "$pattern" || die "the output lacks: $pattern"
	done
}

reject() {
	! matches "$1" || die "the output has: $1"
}

ask() {
	run kdig "@127.0.0.1" -p "$alias" "$@"
}

# answers PORT NAME: whether a server has addresses for a name.
answers() {
	[ -n "$(kdig +short +timeout=1 +retry=0 @127.0.0.1 -p "$1" "$2" A 2>/dev/null)" ]
}

need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}"
if installed_module; then
	say "mod-xalias is installed, and knotd takes that one."
else
	say "Building mod-alias."
	build_module "${build:-$work}"
fi
echo "$module"

say "Starting an authority for the target's zone, a resolver, and knotd with mod-alias."
mkdir "$work/authority" "$work/resolver" "$work/alias"

free_port
authority=$port
cat >"$work/authority/knot.conf" <<END
server:
    rundir: "$work/authority"
    listen: 127.0.0.1@$authority
log:
  - target: stderr
    any: info
database:
    storage: "$work/authority"
zone:
  - domain: provider.example
    storage: "$work/authority"
END
cat >"$work/authority/provider.example.zone" <<'END'
@	3600	SOA	ns hostmaster 1 10800 3600 1209600 300
@	3600	NS	ns
ns	3600	A	127.0.0.1
cdn	5	A	203.0.113.10
cdn	5	AAAA	2001:db8:cd::10
END
start authority knotd -c "$work/authority/knot.conf"

free_port
resolver=$port
start_unbound resolver "$resolver" "
    do-not-query-localhost: no
    domain-insecure: \"provider.example\"
stub-zone:
    name: \"provider.example\"
    stub-addr: 127.0.0.1@$authority"

# The samples as they are, but for addresses and paths.
free_port
alias=$port
sample=()
installed_module || sample=(-e 's|^#module:|module:|' -e 's|^#  - id:|  - id:|'
	-e "s|^#    file:.*|    file: \"$module\"|")
adapt_sample alias "$alias" "$resolver" "${sample[@]}"
cp "$top"/samples/example.{com,net}.zone "$work/alias/"
start alias knotd -c "$work/alias/knot.conf"

wait_for 10 answers "$authority" cdn.provider.example || die "the authority does not answer"
wait_for 10 answers "$resolver" cdn.provider.example || die "the resolver does not answer"
wait_for 10 answers "$alias" ns1.example.com || die "knotd does not answer"
run kdig +short @127.0.0.1 -p "$resolver" cdn.provider.example A
expect '^203\.0\.113\.10$'
tool=("$kalias" -s "$work/alias/knot.sock")
say "The apex of example.com has an ALIAS in the zone file, and so the target's address. It was never asked for: a UDP client is" \
	"told to come back over TCP, while mod-alias resolves the target."
ask example.com A
expect 'WARNING: truncated reply' 'status: NOERROR' 'Flags:.* aa' \
	'^example\.com\. .* A 203\.0\.113\.10$' '\(TCP\)'

say "The next answers come from memory, at once and over UDP."
ask example.com AAAA
expect '^example\.com\. .* AAAA 2001:db8:cd::10$' '\(UDP\)'
ask +noall +answer www.example.com A
expect '^www\.example\.com\. .* CNAME example\.com\.$' '^example\.com\. .* A 203\.0\.113\.10$'

say "The zone is signed, and mod-alias signs the addresses with its keys."
ask +dnssec example.com A
expect '^example\.com\. .* A 203\.0\.113\.10$' '^example\.com\. .* RRSIG A '

say "Other types are as in the zone file."
ask +noall +answer example.com MX example.com TXT
expect '^example\.com\. .* MX 10 mail\.example\.com\.$' '^example\.com\. .* TXT "v=spf1 mx -all"$'

say "example.net, which is not signed, gets an ALIAS on the running server, and answers at once."
run "${tool[@]}" set example.net @ 3600 cdn.provider.example
run "${tool[@]}" list
expect '^example\.com\. .* cdn\.provider\.example\.$' '^example\.net\. .* cdn\.provider\.example\.$'

ask +dnssec example.net A
expect '^example\.net\. .* A 203\.0\.113\.10$'
reject RRSIG

say "The provider moves the target; its TTL is 5 seconds."
control=(knotc -s "$work/authority/knot.sock")
run "${control[@]}" zone-begin provider.example
run "${control[@]}" zone-unset provider.example cdn A 203.0.113.10
run "${control[@]}" zone-set provider.example cdn 5 A 203.0.113.99
run "${control[@]}" zone-commit provider.example
moved=$SECONDS
followed() {
	kdig +short @127.0.0.1 -p "$alias" "$1" A | grep -qx 203.0.113.99
}
wait_for 8 followed example.com || die "example.com does not follow the target"
wait_for 8 followed example.net || die "example.net does not follow the target"
echo "Both zones followed after $((SECONDS - moved)) s."
ask +noall +answer example.com A example.net A
expect '^example\.com\. .* A 203\.0\.113\.99$' '^example\.net\. .* A 203\.0\.113\.99$'
reject '203\.0\.113\.10$'

say "All records and their answers compared, as a monitor does it."
run "${tool[@]}" check

say "What was answered, and what it took."
run knotc -s "$work/alias/knot.sock" zone-stats example.com mod-xalias
expect 'answer-a\[fresh\] = '

if [ "$keep" ]; then
	say "The servers stay, for an hour at most."
	cat <<-END
		To ask:              kdig @127.0.0.1 -p $alias example.com A
		To edit the target:  knotc -s $work/authority/knot.sock
		To edit the zones:   knotc -s $work/alias/knot.sock
		To read the log:     less $work/alias/log
		To stop all:         kill $(jobs -p | xargs); rm -r $work
	END
else
	say "All as expected."
fi
