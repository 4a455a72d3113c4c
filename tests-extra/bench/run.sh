#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Measures one knotd with mod-alias. All load stays on loopback and ends by itself.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [MODE] [OPTION...]
		  --cpu     CPU per query, a warm ALIAS against a static address (the default)
		  --silent  static answers and reply times while the resolver says nothing
		  --cold    the time of the first answer over TCP, without the resolver's
		  --herd    many clients at once for a name never resolved
		  --reload  knotc reload under load
		MODE --help shows the options. The module is ALIAS_MODULE, or else built from here.
	END
}

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

mode=cpu
case ${1-} in
--cpu | --silent | --cold | --herd | --reload) mode=${1#--} && shift ;;
-h | --help) usage && exit ;;
esac

need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" dnsperf python3-dnspython
! installed_module || die "knotd would take $module instead of what is built here: make uninstall first"
if [ ! "${ALIAS_MODULE-}" ]; then
	work=$(mktemp -d "${TMPDIR:-/tmp}/mod-alias.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	build_module "$work"
	export ALIAS_MODULE=$module
fi

# The servers are those of the functional tests.
export PYTHONPATH=$top/tests-extra/functional PYTHONDONTWRITEBYTECODE=1
timeout -k 10 600 /usr/bin/python3 "$top/tests-extra/bench/$mode.py" "$@"
