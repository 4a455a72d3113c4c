# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# What samples/demo.sh and the tests have in common: packages, the build, servers. To be sourced;
# `top` is the source tree.

# Debian keeps the servers where a user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
unset CDPATH

BUILD_PACKAGES=(autoconf automake gcc libc-ares-dev libc6-dev libknot-dev liblmdb-dev libtool
	liburcu-dev libuv1-dev make pkg-config)
SERVER_PACKAGES=(knot knot-dnsutils unbound)

bold='' green='' red='' plain=''
if [ -t 1 ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

# say TEXT...: a headline.
say() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

die() {
	printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2
	exit 1
}

# need_packages NAME...: installs what is missing, and nothing where nothing is.
need_packages() {
	local name missing=()
	for name; do
		dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q ' installed$' ||
			missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	local root=()
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || die "needs root or sudo to install: ${missing[*]}"
		root=(sudo)
	fi
	say "Installing ${missing[*]}"
	(
		# Debian starts a server as soon as it is installed; these are wanted for later only.
		policy=/usr/sbin/policy-rc.d
		if [ ! -e $policy ]; then
			trap '"${root[@]}" rm -f $policy' EXIT
			printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
			"${root[@]}" chmod 755 $policy
		fi
		apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
		"${apt[@]}" update </dev/null
		"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
	)
}

# copy_tree DIR: copies the sources, without what a build in place may have left among them.
copy_tree() {
	tar -C "$top" --exclude='*.o' --exclude='*.l[ao]' --exclude=.deps --exclude=.dirstamp --exclude=.libs \
		--exclude='unit/test_*[!c]' --exclude='fuzz/fuzz_*[!.]?' -cf - configure.ac Makefile.am COPYING NEWS README.md \
		samples src tests-extra | tar -C "$1" -xf -
}

# build_module DIR [OPTION...]: configures with the options and makes; sets `module` and `kalias` to
# the results.
# It works on a copy in DIR/src, so that the tree may be read-only, or configured in place.
build_module() {
	local dir
	mkdir -p "$1/src" "$1/obj"
	dir=$(cd "$1" && pwd)
	shift
	copy_tree "$dir/src"
	if ! (
		set -e
		[ -e "$dir/src/configure" ] || (cd "$dir/src" && autoreconf -fi)
		cd "$dir/obj"
		[ -e config.status ] || ../src/configure --quiet "$@"
		make -s -j "$(nproc)"
	) >"$dir/build.log" 2>&1; then
		tail -n 30 "$dir/build.log" >&2
		die "the build failed, see $dir/build.log"
	fi
	module=$dir/obj/.libs/alias.so
	kalias=$dir/obj/kalias
}

# installed_module: whether knotd finds a module by itself, and then refuses any other of that name;
# sets `module` to it.
installed_module() {
	local found
	found=$(pkg-config --variable=module_instdir knotd)/alias.so
	[ -e "$found" ] && module=$found
}

# free_port: sets `port` to one that nobody has, below those that clients get.
free_port() {
	while :; do
		port=$((RANDOM % 20000 + 10000))
		grep -qsi ":$(printf %04X "$port") " /proc/net/{tc,ud}p{,6} || return 0
	done
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
