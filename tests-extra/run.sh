#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All tests: unit tests, functional tests against a real knotd, the demo, the release; then the
# tests with sanitizers, and some of them under valgrind. All servers stay on loopback.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [--quick] [-- PYTEST-OPTION...]
		  --quick  neither sanitizers nor valgrind
		  --       the rest goes to pytest, e.g. -- -x -k wildcard
	END
}

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

quick='' module='' kalias='' child=''
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=yes ;;
	--) shift && break ;;
	-h | --help) usage && exit ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done

work=$(mktemp -d "${TMPDIR:-/tmp}/mod-alias.XXXXXX")
trap '[ ! "$child" ] || kill "$child" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

passed=0 failed=0

# count PASSED FAILED
count() {
	passed=$((passed + $1))
	failed=$((failed + $2))
}

# Test files at a time; they wait more than they work.
WORKERS=3

# limited SECONDS COMMAND...: in the background, as only `wait` can be interrupted.
limited() {
	timeout -k 10 "$@" </dev/null &
	child=$!
	local status=0
	wait "$child" || status=$?
	child=''
	[ "$status" != 124 ] || printf '%sStopped after %s s.%s\n' "$red" "$1" "$plain"
	return "$status"
}

# sum PATTERN FILE...: adds up the number that each match of a sed pattern has as its group.
sum() {
	sed -nE "s/.*$1.*/\1/p" "${@:2}" 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }'
}

# unit BUILD: the unit tests of a build, and the fuzz targets over their corpora.
unit() {
	local status=0 logs=$work/$1/obj/tests-extra
	limited 120 make -s -C "$work/$1/obj" check VERBOSE=1 || status=$?
	local bad
	bad=$(sum '\[  FAILED  \] ([0-9]+) test\(s\)' "$logs"/{unit,fuzz}/*.log)
	# A crash leaves no count.
	[ $status = 0 ] || [ "$bad" != 0 ] || bad=1
	count "$(sum '\[  PASSED  \] ([0-9]+) test\(s\)' "$logs"/{unit,fuzz}/*.log)" "$bad"
}

# functional SECONDS PATH [PYTEST-OPTION...]: the tests of a file or directory.
functional() {
	local status=0 report=$work/report.xml all bad
	rm -f "$report"
	limited "$1" env ALIAS_MODULE="$module" KALIAS="$kalias" PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 -m pytest -q -p no:cacheprovider -n "$WORKERS" --dist loadfile \
		--basetemp="$work/servers" --junitxml="$report" \
		"$top/tests-extra/functional/$2" "${@:3}" || status=$?
	if [ -e "$report" ]; then
		all=$(sum ' tests="([0-9]+)"' "$report")
		bad=$(($(sum ' errors="([0-9]+)"' "$report") + $(sum ' failures="([0-9]+)"' "$report")))
		count $((all - bad - $(sum ' skipped="([0-9]+)"' "$report"))) "$bad"
	else
		bad=0
	fi
	[ $status = 0 ] || [ "$bad" != 0 ] || count 0 1
}

# The release: a tarball that builds, passes its tests, installs and uninstalls.
release() {
	local status=0
	limited 240 make -s -C "$work/plain/obj" distcheck >"$work/dist.log" 2>&1 || status=$?
	if [ $status = 0 ]; then
		tail -n 3 "$work/dist.log"
		count 1 0
	else
		tail -n 40 "$work/dist.log"
		count 0 1
	fi
}

# script SECONDS COMMAND...: a script that checks what it shows.
script() {
	local status=0
	limited "$@" >"$work/script.log" 2>&1 || status=$?
	if [ $status = 0 ]; then
		tail -n 1 "$work/script.log"
		count 1 0
	else
		cat "$work/script.log"
		count 0 1
	fi
}

need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" bind9-dnsutils libcmocka-dev libasan8 \
	libubsan1 knot-dnssecutils knot-resolver libc6-dbg python3-cryptography python3-docutils \
	python3-dnspython python3-pytest python3-pytest-xdist valgrind
! installed_module || die "knotd would take $module instead of what is tested: make uninstall first"

say "Build"
build_module "$work/plain" --enable-werror
echo "$module"
say "Unit tests"
unit plain
say "Functional tests"
functional 600 . "$@"
say "Demo"
script 60 "$top/samples/demo.sh" --build "$work/plain"
if [ "$(id -u)" = 0 ]; then
	say "First steps of a new user"
	script 120 "$top/tests-extra/first-steps.sh"
fi
say "Release"
release

if [ ! "$quick" ]; then
	say "Tests with AddressSanitizer and UndefinedBehaviorSanitizer"
	build_module "$work/sanitized" --enable-werror --enable-sanitizers=address,undefined
	unit sanitized
	# The runtime has to come first, and knotd itself is not built with it.
	KNOTD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0 UBSAN_OPTIONS=print_stacktrace=1 \
		SLOW=3 functional 600 . "$@"

	say "Some functional tests under valgrind"
	module=$work/plain/obj/.libs/alias.so kalias=$work/plain/obj/kalias
	export KNOTD_WRAPPER="valgrind -q --fair-sched=yes --leak-check=full --error-exitcode=99
		--suppressions=$top/tests-extra/valgrind.supp" SLOW=5
	functional 180 answer/test_flattening.py "$@"
	functional 300 store/test_store.py "$@"
fi

say "$passed passed, $failed failed"
[ "$failed" = 0 ]
