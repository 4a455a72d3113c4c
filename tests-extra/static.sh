#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What can be found without running anything: all static checks, or those that are named.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [--quick] [CHECK...]
		  --quick  all but clang-tidy
		  CHECK    ${CHECKS[*]}
	END
}

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

CHECKS=(format layers cppcheck analyzer tidy shell spelling python)

# The folders of src, from the top, and what each may include from besides itself: the floors below it, or some of them.
FLOORS='module   engine store cache resolve dnssec util
engine   store cache resolve dnssec util
store    cache resolve dnssec util
cache    resolve dnssec util
resolve  util
dnssec   util
util
kalias   cache resolve util'

selected=("${CHECKS[@]}")
while [ $# -gt 0 ]; do
	case $1 in
	--quick) selected=(format layers cppcheck analyzer shell spelling python) ;;
	-h | --help) usage && exit ;;
	*) break ;;
	esac
	shift
done
for name; do
	[[ " ${CHECKS[*]} " == *" $name "* ]] || { usage >&2 && exit 2; }
done
[ $# = 0 ] || selected=("$@")

cd "$top"
for name in .clang-format .clang-tidy; do
	[ -e $name ] || die "needs $name, which is in the repository, but not in a release"
done

# find_files DIR...: sets `files` to those that match; the rest is find's.
find_files() {
	mapfile -t files < <(find "$@" -type f -print | sort)
}

# each COMMAND...: runs it for each of the files, {} in it being the file, on all processors.
each() {
	printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I{} "$@"
}

# Sets `flags` to what a build compiles with.
read_flags() {
	local found
	found=$(pkg-config --cflags cmocka knotd libknot libdnssec libuv libcares liburcu liburcu-cds)
	read -ra flags <<<"$found -D_GNU_SOURCE -DMODULE_NAME=alias -DPACKAGE_VERSION=\"0\" -Isrc"
}

check_format() {
	find_files src tests-extra -name '*.[ch]'
	clang-format-14 --dry-run -Werror "${files[@]}"
}

# Nothing includes from a floor above its own, and each include names the folder. What is of others stands in <>.
check_layers() {
	find_files src -name '*.[ch]'
	awk '
		function tell(text) {
			print FILENAME ":" FNR ": " text
			found = 1
		}
		NR == FNR {
			below[$1] = $0 " "
			next
		}
		{ split(FILENAME, path, "/") }
		FNR == 1 && !(path[2] in below) { tell("src has no floor " path[2]) }
		/^[ \t]*#[ \t]*include[ \t]*"/ {
			split($0, quoted, "\"")
			folder = quoted[2]
			if (!sub(/\/.*/, "", folder) || !(folder in below)) {
				tell("\"" quoted[2] "\" does not begin with a folder of src")
			} else if (folder != path[2] && !index(below[path[2]], " " folder " ")) {
				tell(path[2] " may not use " folder ": \"" quoted[2] "\"")
			}
		}
		END { exit found }
	' - "${files[@]}" <<<"$FLOORS"
}

# With the system's headers, or it takes the macros of lists for functions; with the compiler's macros, or some headers
# fail; without uv.h, which it can't read. Off is:
# badBitmaskCheck, knownConditionTrueFalse: it overlooks what is written by way of a pointer
# constParameter: what is given back need not be constant
# legacyUninitvar: it overlooks designated initializers of an array
# rand_rCalled, readdirCalled, usleepCalled: are neither obsolete nor unsafe in tests
# shadowFunction: a variable may be named stat, link or time
# unusedStructMember: a structure may be written as a whole
# and what there is in headers of the system; but for errors, after which a file is left alone.
check_cppcheck() {
	find_files src tests-extra -name '*.c'
	local off=(badBitmaskCheck constParameter knownConditionTrueFalse legacyUninitvar rand_rCalled readdirCalled
		shadowFunction unusedStructMember usleepCalled
		{integerOverflow,shadowVariable,shiftTooManyBitsSigned}:'/usr/include/*')
	gcc -dM -E - </dev/null >"$work/macros.h"
	cppcheck -j "$(nproc)" --quiet --error-exitcode=1 --enable=warning,performance,portability,style \
		--inline-suppr "${off[@]/#/--suppress=}" --template='{file}:{line}: {severity}: {message} [{id}]' \
		--std=c11 --platform=unix64 --library=posix --library=gnu --include="$work/macros.h" -D_GNU_SOURCE -DUV_H \
		-DMODULE_NAME=alias -Isrc -I/usr/include -I"/usr/include/$(gcc -dumpmachine)" "${files[@]}"
}

# Not the unit tests: an assertion of cmocka's that fails returns, for all that the analyzer knows. It loses what is put
# into an array, and so has leaks everywhere: those are LeakSanitizer's, see run.sh.
check_analyzer() {
	find_files src tests-extra -path tests-extra/unit -prune -o -name '*.c'
	read_flags
	each gcc "${flags[@]}" -O2 -Wall -Wextra -Werror -fdiagnostics-plain-output -fanalyzer -Wno-analyzer-malloc-leak \
		-c -o /dev/null '{}'
}

check_tidy() {
	find_files src tests-extra -name '*.c'
	read_flags
	each clang-tidy-14 --quiet '{}' -- "${flags[@]}" 2>&1 | sed '/warnings\? generated\.$/d'
}

check_shell() {
	find_files . -name .git -prune -o \( -name '*.sh' -o -name '*.bash' -o -path '*/debian/*.p*' -o -path ./.ci/run \)
	shellcheck -x -f gcc "${files[@]}"
}

# EDE is Extended DNS Error (RFC 8914); `statics` are static records; parts of words are in tests: \nown, "ot", ALIASE.
check_spelling() {
	find_files .ci README.md NEWS Makefile.am configure.ac samples src tests-extra ! -path '*/corpus/*' ! -name '*.pyc'
	codespell -L ede,statics,ot,aliase --ignore-regex '\\[nt]' "${files[@]}"
}

check_python() {
	find_files tests-extra -name '*.py'
	/usr/bin/python3 -m pyflakes "${files[@]}"
}

packages=()
for name in "${selected[@]}"; do
	case $name in
	format) packages+=(clang-format-14) ;;
	cppcheck) packages+=("${BUILD_PACKAGES[@]}" libcmocka-dev cppcheck) ;;
	analyzer) packages+=("${BUILD_PACKAGES[@]}" libcmocka-dev) ;;
	tidy) packages+=("${BUILD_PACKAGES[@]}" libcmocka-dev clang-tidy-14) ;;
	shell) packages+=(shellcheck) ;;
	spelling) packages+=(codespell) ;;
	python) packages+=(python3-pyflakes) ;;
	esac
done
need_packages "${packages[@]}"

make_work
set -o pipefail
findings=0
for name in "${selected[@]}"; do
	start=$SECONDS status=0
	check_"$name" >"$work/log" 2>&1 || status=$?
	# All tools have the place first; compilers add notes, without the name of a check. A failure without a place is
	# a finding, too.
	found=$(sed -E '/: note: .*[^]]$/d' "$work/log" | grep -cE '^[^ :]+:[0-9]+:' || :)
	[ $status = 0 ] || [ "$found" -gt 0 ] || found=1
	cat "$work/log"
	printf '%-10s %3d files, %2d s: %d findings\n' "$name" ${#files[@]} $((SECONDS - start)) "$found"
	findings=$((findings + found))
done

say "${#selected[@]} checks, $findings findings"
[ $findings = 0 ]
