#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Faults of all that the module relies on, while clients of all kinds ask. Ends with a table of what they got.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [--sanitized] [PYTEST-OPTION...]
		  --sanitized  builds the module with AddressSanitizer and UndefinedBehaviorSanitizer
		  The rest goes to pytest, e.g. -k weather. The module is ALIAS_MODULE, or else built from here; what is
		  random goes by FAULTS_SEED, which each run prints.
	END
}

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

sanitizers=()
case ${1-} in
--sanitized) sanitizers=("--enable-sanitizers=address,undefined") && shift ;;
-h | --help) usage && exit ;;
esac

need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" iproute2 libasan8 libfaketime libubsan1 \
	python3-dnspython python3-pytest python3-pytest-xdist
! installed_module || die "knotd would take $module instead of what is built here: make uninstall first"
work=$(mktemp -d "${TMPDIR:-/tmp}/mod-alias.XXXXXX")
trap 'rm -rf "$work"' EXIT
if [ ! "${ALIAS_MODULE-}" ]; then
	build_module "$work" "${sanitizers[@]}"
	export ALIAS_MODULE=$module
fi
if [ ${#sanitizers[@]} -gt 0 ]; then
	# The runtime has to come first, and knotd itself is not built with it.
	KNOTD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)
	export KNOTD_PRELOAD ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0 \
		UBSAN_OPTIONS=print_stacktrace=1 SLOW=${SLOW-3}
fi
export FAULTS_NOMEM=$work/nomem.so
gcc -D_GNU_SOURCE -shared -fPIC -O2 -Wall -Wextra -o "$FAULTS_NOMEM" "$top/tests-extra/faults/nomem.c"

# With a loopback of their own scenarios need no free ports, and may have interfaces.
network=()
if [ "$(id -u)" = 0 ] && unshare -n true; then
	# shellcheck disable=SC2016
	network=(env FAULTS_OWN_NETWORK=yes unshare -n sh -c 'ip link set lo up && exec "$@"' sh)
fi

# Scenarios wait more than they work.
WORKERS=4

export PYTHONDONTWRITEBYTECODE=1
timeout -k 10 900 "${network[@]}" /usr/bin/python3 -m pytest -q -p no:cacheprovider -n "$WORKERS" \
	--basetemp="$work/servers" "$top/tests-extra/faults" "$@"
