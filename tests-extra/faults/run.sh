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

sanitizers=() environment=()
case ${1-} in
--sanitized) sanitizers=("--enable-sanitizers=address,undefined") && shift ;;
-h | --help) usage && exit ;;
esac

need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" "${PYTEST_PACKAGES[@]}" iproute2 libfaketime
refuse_installed
make_work
build_unless_given "$work" "${sanitizers[@]}"
[ ${#sanitizers[@]} = 0 ] || sanitized_environment
export FAULTS_NOMEM=$work/nomem.so
gcc -D_GNU_SOURCE -shared -fPIC -O2 -Wall -Wextra -o "$FAULTS_NOMEM" "$top/tests-extra/faults/nomem.c"

# With a loopback of their own scenarios need no free ports, and may have interfaces.
network=()
if [ "$(id -u)" = 0 ] && unshare -n true; then
	# shellcheck disable=SC2016
	network=(env FAULTS_OWN_NETWORK=yes unshare -n sh -c 'ip link set lo up && exec "$@"' sh)
fi

# Scenarios wait more than they work, but for those with thousands of clients.
WORKERS=2

limited 900 env "${environment[@]}" "${network[@]}" "${PYTHON[@]}" -m pytest -q -p no:cacheprovider -n "$WORKERS" \
	--basetemp="$work/servers" "$top/tests-extra/faults" "$@"
