#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fuzzes with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, libcore included, and shows what was found and
# what is covered.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [OPTION...] SECONDS [TARGET...]
		  SECONDS       for each target; of all targets without TARGET (fuzz_reply or reply)
		  --corpus DIR  working corpora, kept for the next run (default \$XDG_CACHE_HOME/mod-alias-fuzz)
		  --jobs N      targets at a time (default: processors)
		  --build DIR   builds there, kept for the next run (default: a temporary one)
		  --merge       adds what is small, and new in coverage, to the corpora in the tree
	END
}

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

here=$top/tests-extra/fuzz
corpus=${XDG_CACHE_HOME:-$HOME/.cache}/mod-alias-fuzz
jobs=$(nproc) work='' build='' merge=''
while [ $# -gt 0 ]; do
	case $1 in
	--corpus) corpus=$2 && shift ;;
	--jobs) jobs=$2 && shift ;;
	--build) build=$2 && shift ;;
	--merge) merge=yes ;;
	-h | --help) usage && exit ;;
	-*) usage >&2 && exit 2 ;;
	*) break ;;
	esac
	shift
done
[[ ${1-} =~ ^[1-9][0-9]*$ ]] || { usage >&2 && exit 2; }
seconds=$1
shift

# The source files that each target is about, for their line coverage.
declare -A sources=(
	[fuzz_answer]='cache/filter cache/merge cache/outcome cache/schedule cache/verdict dnssec/signatures module/additional module/answer module/authority module/denial module/log module/negative module/packet module/qctx module/signer'
	[fuzz_convert]='kalias/advice kalias/alias kalias/entries kalias/flatten kalias/foreign kalias/rewrite kalias/sanity kalias/zonefile kalias/zonemap'
	[fuzz_keys]='dnssec/keys'
	[fuzz_nsec]='dnssec/nsec'
	[fuzz_observed]='kalias/observed kalias/onlinesign resolve/reply'
	[fuzz_record]='store/record'
	[fuzz_reply]='cache/cache resolve/reply store/record'
)
# Longest inputs, octets: what a target takes more of says nothing new.
declare -A longest=([fuzz_answer]=512 [fuzz_keys]=1000 [fuzz_nsec]=600 [fuzz_record]=1400)
LONGEST=4096

# Largest file that --merge adds to the tree, octets, and how many of them a target gets.
MERGE_SIZE=400 MERGE_FILES=40

mapfile -t all < <(printf '%s\n' "${!sources[@]}" | sort)
targets=()
for name; do
	[ "${sources[fuzz_${name#fuzz_}]-}" ] || die "no target $name; there are ${all[*]}"
	targets+=("fuzz_${name#fuzz_}")
done
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")

need_packages "${BUILD_PACKAGES[@]}" clang 'libclang-rt-14-dev|libclang-rt-dev' llvm
make_work
# Targets write to memory, where there is such a place.
scratch=$work
[ ! -w /dev/shm ] || scratch=$(mktemp -d /dev/shm/mod-alias.XXXXXX)
temporary+=("$scratch")
mkdir -p "$corpus" "${build:=$work/build}"
build=$(cd "$build" && pwd) corpus=$(cd "$corpus" && pwd)

# compile DIR FLAGS LINK: the targets, with clang.
compile() {
	build_module "$build/$1" CC=clang "CFLAGS=-g -O1 -fno-omit-frame-pointer $2"
	# libFuzzer's main() takes the place of ours; configure must not see it.
	make -s -j "$(nproc)" -C "$build/$1/obj" LDFLAGS="$3" "${targets[@]/#/tests-extra/fuzz/}" \
		>>"$build/$1/build.log" 2>&1 || die "the targets don't build, see $build/$1/build.log"
}

# fuzz TARGET: for its time; the status is that of libFuzzer.
fuzz() {
	mkdir -p "$corpus/$1" "$corpus/findings"
	local dictionary=()
	[ ! -e "$here/dict/$1" ] || dictionary=(-dict="$here/dict/$1")
	TMPDIR=$scratch ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
		"$build/fuzz/obj/tests-extra/fuzz/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-max_len="${longest[$1]-$LONGEST}" -print_final_stats=1 -artifact_prefix="$corpus/findings/$1-" \
		"${dictionary[@]}" "$corpus/$1" "$here/corpus/$1" >"$work/$1.log" 2>&1
}

# cover TARGET: lines of its sources that both corpora reach, in percent.
cover() {
	local target=$build/cover/obj/tests-extra/fuzz/$1 profile=$work/$1.prof
	TMPDIR=$scratch LLVM_PROFILE_FILE=$profile.raw \
		"$target" -runs=0 -artifact_prefix="$scratch/" "$corpus/$1" "$here/corpus/$1" >/dev/null 2>&1 || :
	llvm-profdata merge -sparse "$profile.raw" -o "$profile"
	# Columns of the report: the file, three each for regions and functions, then lines and those that were missed.
	llvm-cov report "$target" -instr-profile="$profile" |
		awk -v names="${sources[$1]}" '
			BEGIN { split(names, list, " "); for (i in list) wanted["src/" list[i] ".c"] = 1 }
			$1 in wanted { lines += $8; missed += $9 }
			END { printf "%.1f%%", lines ? 100 * (lines - missed) / lines : 0 }'
}

# merge TARGET: adds to the tree's corpus.
merge() {
	local found=$work/$1.merged file
	mkdir -p "$found"
	cp "$here/corpus/$1"/* "$found"
	TMPDIR=$scratch "$build/fuzz/obj/tests-extra/fuzz/$1" -merge=1 -max_len=$MERGE_SIZE "$found" "$corpus/$1" \
		>"$work/$1.merge.log" 2>&1
	find "$found" -type f -size -$((MERGE_SIZE + 1))c -printf '%s %f\n' | sort -n | head -n $MERGE_FILES |
		while read -r _ file; do
			cp -n "$found/$file" "$here/corpus/$1/"
		done
}

# stat NAME LOG: one of libFuzzer's final figures.
stat() {
	sed -n "s/^stat::$1: *//p" "$2" | tail -n 1
}

say "Build"
compile fuzz '-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' -fsanitize=fuzzer
compile cover '-fprofile-instr-generate -fcoverage-mapping' -fsanitize=fuzzer

say "Fuzz ${#targets[@]} targets, $seconds s each, $jobs at a time; corpora in $corpus"
declare -A status=() pids=()
for name in "${targets[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n || :
	done
	fuzz "$name" &
	pids[$name]=$!
done
for name in "${targets[@]}"; do
	status[$name]=0
	wait "${pids[$name]}" || status[$name]=$?
done

say "Result"
failed=0
printf '%-14s %12s %8s %7s %9s  %s\n' target executions execs/s edges lines found
for name in "${targets[@]}"; do
	log=$work/$name.log found=nothing
	if [ "${status[$name]}" != 0 ]; then
		failed=1
		found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
		cp "$log" "$corpus/findings/$name.log"
		found="${red}${found:-nothing, but it failed}${plain}, see $corpus/findings/$name.log"
	elif [ "$merge" ]; then
		merge "$name"
	fi
	edges=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
	printf '%-14s %12s %8s %7s %9s  %s\n' "$name" "$(stat number_of_executed_units "$log")" \
		"$(stat average_exec_per_sec "$log")" "${edges:--}" "$(cover "$name")" "$found"
done
if [ $failed != 0 ]; then
	cat <<-END

		To see one again: make check, then tests-extra/fuzz/TARGET FILE in the build tree, configured with
		--enable-sanitizers. With its fix the file belongs in tests-extra/fuzz/corpus/TARGET.
	END
fi
exit $failed
