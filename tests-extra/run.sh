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

quick='' module='' kalias='' environment=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=yes ;;
	--) shift && break ;;
	-h | --help) usage && exit ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done

make_work

passed=0 failed=0 skipped=0 retried=0

# count PASSED FAILED [SKIPPED]
count() {
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + ${3-0}))
}

# Test files at a time; they wait more than they work.
WORKERS=3
RETRIED=5

# sum PATTERN FILE...: adds up the number that each match of a sed pattern has as its group.
sum() {
	sed -nE "s/.*$1.*/\1/p" "${@:2}" 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }'
}

# unit BUILD: the unit tests of a build, and the fuzz targets over their corpora.
unit() {
	local status=0 logs=$work/$1/obj/tests-extra
	limited 300 make -s -C "$work/$1/obj" check VERBOSE=1 || status=$?
	local bad
	bad=$(sum '\[  FAILED  \] ([0-9]+) test\(s\)' "$logs"/{unit,fuzz}/*.log)
	# A crash leaves no count.
	[ $status = 0 ] || [ "$bad" != 0 ] || bad=1
	count "$(sum '\[  PASSED  \] ([0-9]+) test\(s\)' "$logs"/{unit,fuzz}/*.log)" "$bad"
}

# pytest_run SECONDS PATH [PYTEST-OPTION...]: the tests of a file or directory, with `environment`; sets `status`, and from
# the report `all`, `bad` and `left`.
pytest_run() {
	local report=$work/report.xml
	status=0 all=0 bad=0 left=0
	rm -f "$report"
	limited "$1" env "${environment[@]}" ALIAS_MODULE="$module" KALIAS="$kalias" "${PYTHON[@]}" -m pytest -q -rfEs \
		-o cache_dir="$work/pytest" --dist loadfile --basetemp="$work/servers" --junitxml="$report" \
		"$top/tests-extra/functional/$2" "${@:3}" || status=$?
	if [ -e "$report" ]; then
		all=$(sum ' tests="([0-9]+)"' "$report")
		bad=$(($(sum ' errors="([0-9]+)"' "$report") + $(sum ' failures="([0-9]+)"' "$report")))
		left=$(sum ' skipped="([0-9]+)"' "$report")
	fi
	[ $status = 0 ] || [ "$bad" != 0 ] || bad=1
}

# functional SECONDS PATH [PYTEST-OPTION...]: the same, into the counts. Of thousands of tests in real time a busy machine
# may spoil one: up to RETRIED that fail are run once more, one at a time, and a pass then is told.
functional() {
	local status all bad left
	pytest_run "$1" "$2" -n "$WORKERS" "${@:3}"
	local passes=$((all - bad - left)) failures=$bad skips=$left
	if [ "$status" = 1 ] && [ "$bad" -le "$RETRIED" ]; then
		say "Once more, one at a time"
		pytest_run 300 "$2" -n 0 --last-failed "${@:3}"
		passes=$((passes + failures - bad)) retried=$((retried + failures - bad)) failures=$bad
	fi
	count "$passes" "$failures" "$skips"
}

# checked LINES SECONDS COMMAND...: a command that checks what it does; so much of its output is shown when all is well.
checked() {
	if limited "${@:2}" >"$work/checked.log" 2>&1; then
		tail -n "$1" "$work/checked.log"
		count 1 0
	else
		tail -n 200 "$work/checked.log"
		count 0 1
	fi
}

need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" "${PYTEST_PACKAGES[@]}" bind9 bind9-dnsutils \
	libcmocka-dev knot-dnssecutils 'knot-exporter|knot' 'knot-keymgr|knot' 'knot-resolver6|knot-resolver' libc6-dbg \
	nsd pdns-backend-bind pdns-server procps python3-cryptography python3-docutils redis-server systemd valgrind
refuse_installed

say "Build"
build_module "$work/plain" --enable-werror
echo "$module"
say "Unit tests"
unit plain
say "Functional tests"
functional 1200 . "$@"
say "Demo"
checked 1 120 "$top/samples/demo.sh" --build "$work/plain"
if [ "$(id -u)" = 0 ]; then
	say "First steps of a new user"
	checked 1 300 "$top/tests-extra/first-steps.sh"
fi
say "Release: a tarball that builds, passes its tests, installs and uninstalls"
checked 3 600 make -s -C "$work/plain/obj" distcheck

if [ ! "$quick" ]; then
	say "Tests with AddressSanitizer and UndefinedBehaviorSanitizer"
	build_module "$work/sanitized" --enable-werror --enable-sanitizers=address,undefined
	unit sanitized
	sanitized_environment
	functional 1200 . "$@"

	say "Some functional tests under valgrind"
	module=$work/plain/obj/.libs/xalias.so kalias=$work/plain/obj/kalias
	environment=(SLOW=5 "KNOTD_WRAPPER=valgrind -q --fair-sched=yes --leak-check=full --error-exitcode=99
		--suppressions=$top/tests-extra/valgrind.supp")
	functional 180 answer/test_flattening.py "$@"
	functional 480 store/test_store.py "$@"
fi

[ $retried = 0 ] || say "Of those that passed, $retried failed at first: see above."
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
