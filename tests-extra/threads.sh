#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Looks for data races with ThreadSanitizer: in the unit tests that have threads, and in a knotd under load. All servers
# stay on loopback.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [--seconds N] [--mutants]
		  --seconds N  how long knotd is under load, default 30
		  --mutants    instead: whether the races of threads/mutants are found, each put into a copy of the source
	END
}

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"
here=$top/tests-extra/threads

seconds=30 mutants=''
while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=${2:?} && shift ;;
	--mutants) mutants=yes ;;
	-h | --help) usage && exit ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done

make_work

# watched SECONDS VARIABLE COMMAND...: runs a command that takes what is to be preloaded from a variable. Its output
# is in $work/log then, reports in $work/report.*; sets `status`.
watched() {
	rm -f "$work"/report.*
	status=0
	limited "$1" "${fixed[@]}" env "$2=$(gcc -print-file-name=libtsan.so):$work/urcu.so" \
		TSAN_OPTIONS="suppressions=$here/tsan.supp log_path=$work/report exitcode=0 history_size=4" \
		"${@:3}" >"$work/log" 2>&1 || status=$?
}

# findings PATTERN: leaves the reports in $work/found that have a line that matches, other than of where a thread or a
# lock was made; sets `found` to their number, `others` to that of the rest.
findings() {
	cat "$work"/report.* 2>/dev/null | awk -v pattern="$1" -v count="$work/count" '
		/^WARNING: / { text = ""; matches = 0; made = 0 }
		/^  (Thread|Mutex) .* created / { made = 1 }
		/^$/ { made = 0 }
		!made && $0 ~ pattern { matches = 1 }
		{ text = text $0 "\n" }
		/^SUMMARY: / { if (matches) { print text; found++ } else { others++ } }
		END { print found + 0, others + 0 >count }
	' >"$work/found"
	read -r found others <"$work/count"
}

# unit BUILD TEST: a unit test; all that it does counts.
unit() {
	make -s -C "$work/$1/obj" "tests-extra/unit/$2" >"$work/log" 2>&1 || die "$2: $(tail "$work/log")"
	watched 120 LD_PRELOAD "$work/$1/obj/tests-extra/unit/$2"
	findings ''
}

# load BUILD SECONDS: a knotd under load; what it does by itself is its own affair.
load() {
	ALIAS_STUB=$work/stub ALIAS_MODULE=$work/$1/obj/.libs/xalias.so SLOW=3 TMPDIR=$work \
		watched $(($2 + 120)) KNOTD_PRELOAD "${PYTHON[@]}" "$here/load.py" --seconds "$2"
	findings 'alias\.so'
}

# all: the tests of the source as it is.
all() {
	local test sum=0 failed=0
	for test in $(cd "$top/tests-extra/unit" && grep -lE 'pthread_|rcu_|(sim|storedir)\.h' test_*.c) load; do
		case $test in
		load) load plain "$seconds" && cat "$work/log" ;;
		*) unit plain "${test%.c}" ;;
		esac
		cat "$work/found"
		echo "${test%.c}: $found reports$([ "$others" = 0 ] || echo ", and $others of knotd alone")"
		sum=$((sum + found))
		if [ $status != 0 ]; then
			tail -n 40 "$work/log"
			echo "${test%.c}: exit status $status"
			failed=$((failed + 1))
		fi
	done
	say "$sum reports, $failed failed"
	[ "$sum" = 0 ] && [ "$failed" = 0 ]
}

# mutants: each line of the table makes a race, which its test has to find.
mutants() {
	local test file edit name number=0 missed=0 source=$work/plain/src
	while read -r test file edit; do
		case $test in '' | '#'*) continue ;; esac
		number=$((number + 1))
		cp -p "$source/$file" "$work/kept"
		sed -i "$edit" "$source/$file"
		! cmp -s "$source/$file" "$work/kept" || die "changes nothing: $file $edit"
		make -s -C "$work/plain/obj" >"$work/log" 2>&1 || die "does not build: $file $edit"
		if [ "$test" = load ]; then
			load plain "$seconds"
		else
			unit plain "$test"
		fi
		name="$number $test $file"
		if [ "$found" = 0 ]; then
			missed=$((missed + 1))
			echo "$name: MISSED: $edit"
		else
			echo "$name: $found reports, $(sed -n 's/^SUMMARY: ThreadSanitizer: //p' "$work/found" | sed "s|$work/plain/||;q")"
		fi
		cp "$work/kept" "$source/$file"
	done <"$here/mutants"
	say "$number mutants, $missed missed"
	[ "$missed" = 0 ]
}

need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" dnsperf libcmocka-dev libtsan2 python3-dnspython util-linux
refuse_installed

# libtsan knows some arrangements of the address space only.
fixed=()
! setarch -R true 2>/dev/null || fixed=(setarch -R)

say "Build"
build_module "$work/plain" --enable-sanitizers=thread CPPFLAGS=-Dknotd_mod_ctx=threads_mod_ctx
# shellcheck disable=SC2046
gcc -D_GNU_SOURCE -O1 -g -Wall -Wextra -shared -fPIC $(pkg-config --cflags knotd libknot) -o "$work/urcu.so" \
	"$here/urcu.c" -Wl,--no-as-needed -ltsan -lurcu -lurcu-cds -lurcu-common
gcc -D_GNU_SOURCE -O2 -Wall -Wextra -o "$work/stub" "$top/tests-extra/bench/stub.c"

if [ "$mutants" ]; then
	say "Mutants"
	mutants
else
	say "Data races"
	all
fi
