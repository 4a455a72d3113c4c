#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The demo and all tests on other releases of Debian, as on a fresh system: each time in a new copy of a chroot that has
# nothing but Debian's base. For root.

set -eu

usage() {
	cat <<-END
		usage: ${0##*/} [--dir DIR] [--jobs N] [--quick] [--tolerate SUITE]... [SUITE...] [-- COMMAND...]
		  --dir DIR         where systems, packages and logs are kept for the next time (default \$PLATFORMS_DIR, else
		                    mod-alias-platforms in \$XDG_CACHE_HOME or ~/.cache)
		  --jobs N          suites at a time, default 1
		  --quick           for run.sh
		  --tolerate SUITE  its failures are shown, and not in the exit status
		  SUITE             such as bookworm, trixie (Debian 13), forky (testing); default trixie forky
		  --                runs COMMAND in the source tree there, with the machine's network, instead of the tests
	END
}

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

dir=${PLATFORMS_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/mod-alias-platforms}
jobs=1 options=() tolerated=' ' suites=() command=()
while [ $# -gt 0 ]; do
	case $1 in
	--dir) dir=${2:?--dir needs a directory} && shift ;;
	--jobs) jobs=${2:?--jobs needs a number} && shift ;;
	--quick) options+=("$1") ;;
	--tolerate) tolerated+="${2:?--tolerate needs a suite} " && shift ;;
	--) shift && command=("$@") && break ;;
	-h | --help) usage && exit ;;
	-*) usage >&2 && exit 2 ;;
	*) suites+=("$1") ;;
	esac
	shift
done
[ ${#suites[@]} -gt 0 ] || suites=(trixie forky)

# The place of the tree in a chroot
TREE=/usr/local/src/mod-alias

# What a shell does in its own namespaces, before it becomes the command: ROOT PACKAGES LOOPBACK COMMAND... Unlike after
# chroot, more namespaces can be made there, and entered.
# shellcheck disable=SC2016
ENTER='
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in full null random tty urandom zero; do
	touch "dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mount --bind "$2" var/cache/apt/archives
[ ! "$3" ] || ip link set lo up
pivot_root . .
umount -l .
exec /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${@:4}"
'

# within ROOT COMMAND...: runs a command in a chroot, with mounts and processes of its own, which end with it or with
# this script; with `loopback` set, it has nothing but a loopback.
within() {
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child ${loopback:+--net} \
		bash -euc "$ENTER" bash "$1" "$dir/$suite/packages" "$loopback" "${@:2}" </dev/null &
	wait $!
}

# mirrors LABEL: from where this machine takes Debian's packages
mirrors() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$1 //p" | head -n 1
}

APT=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)

# make_system: a fresh system in $system, of the base only.
make_system() {
	# Debian's are all alike; releases that are newer than this machine's debootstrap have none yet.
	local scripts=/usr/share/debootstrap/scripts mirror
	local script=$scripts/$suite
	[ -e "$script" ] || script=$scripts/sid
	mirror=$(mirrors Debian)
	rm -rf --one-file-system "$system.new"
	if ! unshare --mount debootstrap --variant=minbase "$suite" "$system.new" "$mirror" "$script" \
		>"$dir/$suite/debootstrap.log" 2>&1; then
		tail -n 5 "$dir/$suite/debootstrap.log"
		rm -rf --one-file-system "$system.new"
		return 1
	fi
	echo force-unsafe-io >"$system.new/etc/dpkg/dpkg.cfg.d/unsafe-io" # as nobody needs it after a crash
	# Of testing and unstable a mirror may have an old state.
	! grep -q / "$system.new/etc/debian_version" ||
		echo 'Acquire::Check-Valid-Until "false";' >"$system.new/etc/apt/apt.conf.d/valid-until"
	rm -rf --one-file-system "$system"
	mv "$system.new" "$system"
}

# fetch_updates: without those lists that the mirror does not have.
fetch_updates() {
	within "$system" "${APT[@]}" update || {
		sed -i '1!d' "$system/etc/apt/sources.list"
		within "$system" "${APT[@]}" update
	} && within "$system" "${APT[@]}" dist-upgrade -y --download-only >/dev/null
}

# refresh_system: what there is by now of this release, with updates where there are any. Fails if the system is broken,
# as an interrupted upgrade may leave it.
refresh_system() {
	local security
	cp -L /etc/resolv.conf "$system/etc/"
	security=$(mirrors Debian-Security)
	printf 'deb %s main\n' "$(mirrors Debian) $suite" "$(mirrors Debian) $suite-updates" \
		${security:+"$security $suite-security"} >"$system/etc/apt/sources.list"
	within "$system" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a || return
	within "$system" "${APT[@]}" check && [ ! "$(within "$system" dpkg --audit)" ] || return
	if ! fetch_updates; then
		echo "None, as the mirror does not answer."
		return 0
	fi
	within "$system" "${APT[@]}" dist-upgrade -y >/dev/null || return
	within "$system" "${APT[@]}" autoclean || :
}

# progress TEXT...: also for whoever waits for the log.
progress() {
	say "$@"
	echo "$suite: $*" >&3
}

# try_suite: makes the system and runs everything in a copy of it; sets `verdict` to passed, failed, or why neither.
try_suite() {
	local system=$dir/$suite/system place=$dir/$suite/run loopback='' absent='not to be had'
	mkdir -p "$dir/$suite/packages/partial"
	verdict=$absent
	if [ ! -e "$system" ]; then
		progress "A fresh system"
		make_system || return 0
	fi
	if ! loopback=yes within "$system" true; then
		progress "Nothing can be run in it: are namespaces and mounts allowed here?"
		return 0
	fi
	verdict=failed
	progress "Updates"
	if ! refresh_system; then
		progress "A fresh system, as the former one can't be updated"
		verdict=$absent
		make_system || return 0
		verdict=failed
		refresh_system || return 0
	fi
	rm -rf --one-file-system "$place"
	cp -a --reflink=auto "$system" "$place" || return 0
	mkdir -p "$place$TREE"
	copy_tree "$place$TREE"
	run_here && verdict=passed
	loopback=''
	found=$(chroot "$place" pkg-config --modversion knotd libcares libuv liburcu 2>/dev/null | xargs) || :
}

# run_here: runs everything. The machine's network is there for as long as packages are missing.
run_here() {
	local slow=()
	if [ ${#command[@]} -gt 0 ]; then
		progress "${command[*]}"
		# shellcheck disable=SC2016
		within "$place" sh -c 'cd "$0" && exec "$@"' "$TREE" "${command[@]}"
	else
		progress "Demo"
		within "$place" "$TREE/samples/demo.sh" || return
		progress "Packages of the tests"
		within "$place" PACKAGES_ONLY=yes "$TREE/tests-extra/run.sh" || return
		progress "Tests"
		# Suites that share the processors are slow.
		[ "$jobs" = 1 ] || slow=(SLOW=3)
		loopback=yes within "$place" "${slow[@]}" "$TREE/tests-extra/run.sh" "${options[@]}"
	fi
}

# run_suite SUITE: with a file for sum_up().
run_suite() {
	local suite=$1 verdict='' found='' start=$SECONDS
	# unshare ignores TERM
	trap 'kill -KILL $(jobs -p) 2>/dev/null || :; wait; rm -rf --one-file-system "$dir/$suite/run"' EXIT
	trap 'exit 130' INT TERM
	try_suite
	echo "${found:-- - - -}" >"$work/$suite"
	printf '%s\n' "$(date -u -d @$((SECONDS - start)) +%-H:%M:%S)" "$verdict" >>"$work/$suite"
}

# sum_up: a table, and what was skipped why. Fails if a suite did that is not tolerated.
sum_up() {
	local suite versions counts time verdict log bad=0 row='%-9s %-8s %-8s %-8s %-8s %7s %7s %7s %8s  %s\n'
	# shellcheck disable=SC2059
	printf "$row" suite Knot c-ares libuv liburcu passed failed skipped time ''
	for suite in "${suites[@]}"; do
		versions=(- - - -) time=- verdict=failed
		{ read -ra versions && read -r time && read -r verdict; } <"$work/$suite" || :
		log=$dir/$suite/log
		read -ra counts < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" |
			tail -n 1) || counts=(- - -)
		# shellcheck disable=SC2059
		printf "$row" "$suite" "${versions[@]}" "${counts[@]}" "$time" "$verdict"
		[ "$verdict" != failed ] || [[ $tolerated == *" $suite "* ]] || bad=1
	done
	for suite in "${suites[@]}"; do
		sed -nE "s|^SKIPPED (\[[0-9]+\]) .*/functional/|$suite skipped \1 |p" "$dir/$suite/log"
	done
	return $bad
}

[ "$(id -u)" = 0 ] || die "makes chroots, which takes root"
need_packages debootstrap iproute2
make_work
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
running=()
for suite in "${suites[@]}"; do
	if [ ${#running[@]} -ge "$jobs" ]; then
		wait "${running[0]}" || :
		running=("${running[@]:1}")
	fi
	mkdir -p "$dir/$suite"
	echo "$suite: see $dir/$suite/log"
	run_suite "$suite" 3>&1 >"$dir/$suite/log" 2>&1 &
	running+=($!)
done
wait

for suite in "${suites[@]}"; do
	if [ "$(tail -n 1 "$work/$suite" 2>/dev/null)" != passed ]; then
		say "$suite"
		cat "$dir/$suite/log"
	fi
done
say "All suites"
sum_up
