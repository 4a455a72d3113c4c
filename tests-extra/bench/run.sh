#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Measures knotd with mod-alias. All load stays on loopback and ends by itself.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [MODE] [OPTION...]
		  --cpu           CPU per query, a warm ALIAS against a static address (the default)
		  --instructions  the same in instructions, with DNSSEC as well: repeatable to 1 %
		  --crowded       instructions at names with thousands of records
		  --sign          CPU per query with DNSSEC, what signatures cost, and many owners that are to be signed
		  --silent        static answers and reply times while the resolver says nothing
		  --cold          the time of the first answer over TCP, without the resolver's
		  --herd          many clients at once for a name never resolved
		  --reload        knotc reload under load: a thousand times with a thousand zones
		  --swap          another resolver for a million warm names
		  --hot           a target with a TTL of a second: no client waits
		  --waits         TCP clients and reloads while attackers make workers wait for dead targets
		  --outage        1000 names while the resolver is silent, fails, is gone, and when it comes back
		  --stress        100,000 targets while the resolver is slow, lossy, failing, flapping or dead
		  --crash         kill -9 and restart with a dead resolver, over and over
		  --scale         a million RRsets: memory, CPU per query, time to start
		  --refresh       refreshes a second, and the CPU of keeping names warm
		  --expand        kalias expand with a thousand zones, and with addresses that rotate
		  --soak          faults at random: memory, descriptors, answers
		  --compare       static addresses, ALIAS with and without DNSSEC, and PowerDNS; CSV files, plots
		MODE --help shows the options. The module is ALIAS_MODULE, or else built from here.
	END
}

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

mode=cpu
case ${1-} in
--cpu | --instructions | --crowded | --sign | --silent | --cold | --herd | --reload | --swap | --hot | --waits | --outage | \
	--stress | --crash | --scale | --refresh | --expand | --soak | --compare)
	mode=${1#--} && shift
	;;
-h | --help) usage && exit ;;
esac

packages=(dnsperf knot-dnssecutils python3-dnspython)
program=$top/tests-extra/bench/$mode.py
if [ "$mode" = instructions ] || [ "$mode" = crowded ]; then
	packages=(knot-dnssecutils python3-dnspython valgrind)
	export SLOW="${SLOW:-5}"
elif [ "$mode" = compare ]; then
	packages+=(gnuplot-nox pdns-server pdns-backend-bind)
	program=$top/tests-extra/bench/compare/main.py
fi
need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" "${packages[@]}"
refuse_installed
make_work
build_unless_given "$work"
gcc -D_GNU_SOURCE -O2 -Wall -Wextra -o "$work/stub" "$top/tests-extra/bench/stub.c"
gcc -D_GNU_SOURCE -shared -fPIC -O2 -Wall -Wextra -o "$work/turns.so" "$top/tests-extra/bench/turns.c"

ALIAS_STUB=$work/stub ALIAS_TURNS=$work/turns.so TMPDIR=$work limited 3600 "${PYTHON[@]}" "$program" "$@"
