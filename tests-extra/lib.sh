# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# What samples/demo.sh and the tests have in common: packages, the build, Python, servers, and the end of all
# of it. To be sourced; `top` is the source tree.

# Debian keeps the servers where a user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
unset CDPATH

BUILD_PACKAGES=(autoconf automake gcc libc-ares-dev libc6-dev libknot-dev libsqlite3-dev libtool
	liburcu-dev libuv1-dev make pkg-config)
SERVER_PACKAGES=(knot knot-dnsutils unbound)
PYTEST_PACKAGES=(jq libasan8 libubsan1 python3-dnspython python3-pytest python3-pytest-xdist yq)

# Debian's, which has the packages. It finds the helpers of the tests, and leaves no files among them.
PYTHON=(env "PYTHONPATH=$top/tests-extra/functional/lib:$top/tests-extra/bench" PYTHONDONTWRITEBYTECODE=1
	/usr/bin/python3)

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

# make_work: makes a temporary directory, `work`, and has finish() called when the script ends. A script that
# has more to do then has a finish() of its own; what else is to be removed it adds to `temporary`.
make_work() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/mod-alias.XXXXXX")
	temporary=("$work")
	trap finish EXIT
	trap 'exit 130' INT TERM
}

finish() {
	stop_jobs
	rm -rf "${temporary[@]}"
}

# stop_jobs: ends what runs in the background.
stop_jobs() {
	# The shell's own kill, as a fresh Debian has no other.
	local pid
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || :
	done
	wait
}

# limited SECONDS COMMAND...: in the background, as only `wait` can be interrupted.
limited() {
	timeout -k 10 "$@" </dev/null &
	local status=0
	wait $! || status=$?
	[ "$status" != 124 ] || printf '%sStopped after %s s.%s\n' "$red" "$1" "$plain"
	return "$status"
}

# run COMMAND...: shows the command and its output, which stays in `out`.
run() {
	printf '%s$ %s%s\n' "$green" "${*@Q}" "$plain" | sed "s/'\([A-Za-z0-9_.:@+=\/-]*\)'/\1/g"
	out=$("$@" 2>&1) || die "failed: $out"
	printf '%s\n' "$out"
}

# has_package NAME: whether this release of Debian has it, as far as apt knows.
has_package() {
	[ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]
}

# find_missing NAME...: sets `missing` to those that are not installed; of "A|B" the first that this release has.
find_missing() {
	local name
	missing=()
	for name; do
		while [[ $name == *'|'* ]] && ! has_package "${name%%|*}"; do
			name=${name#*|}
		done
		name=${name%%|*}
		dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q ' installed$' || missing+=("$name")
	done
}

# need_packages NAME...: installs what is missing, and nothing where nothing is. A script with PACKAGES_ONLY in
# its environment does no more than that.
need_packages() {
	local missing
	find_missing "$@"
	[ ${#missing[@]} = 0 ] || install_packages "$@"
	[ ! "${PACKAGES_ONLY-}" ] || exit 0
}

# install_packages NAME...: for need_packages().
install_packages() {
	local root=()
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || die "needs root or sudo to install: ${missing[*]}"
		root=(sudo)
	fi
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
		find_missing "$@" # the lists may have been empty
		say "Installing ${missing[*]}"
		"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
	)
}

# copy_tree DIR: copies the sources, without what a build in place may have left among them.
copy_tree() {
	tar -C "$top" --exclude='*.o' --exclude='*.l[ao]' --exclude=.deps --exclude=.dirstamp --exclude=.libs \
		--exclude='unit/test_*[!c]' --exclude='fuzz/fuzz_*[!.]?' -cf - configure.ac Makefile.am COPYING NEWS README.md \
		samples src tests-extra | tar -C "$1" -xf -
}

# build_module DIR [OPTION...]: configures with the options and makes; sets `module` and `kalias` to the results. The
# module is the one with the name that all versions of Knot have free.
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
	module=$dir/obj/.libs/xalias.so
	kalias=$dir/obj/kalias
}

# installed_module [NAME]: whether knotd finds a module by itself, and then refuses any other of that name;
# sets `module` to it.
installed_module() {
	local found
	found=$(pkg-config --variable=module_instdir knotd)/${1-xalias}.so
	[ -e "$found" ] && module=$found
}

# refuse_installed: ends a script whose knotd would not test what is built.
refuse_installed() {
	if installed_module || installed_module alias; then
		die "knotd would take $module instead of what is tested: make uninstall first"
	fi
}

# build_unless_given DIR [OPTION...]: builds, and exports ALIAS_MODULE, unless that says what to test.
build_unless_given() {
	[ ! "${ALIAS_MODULE-}" ] || return 0
	build_module "$@"
	export ALIAS_MODULE=$module
}

# sanitized_environment: sets `environment` to what knotd and the tests need for a module with sanitizers. The
# runtime has to come first, and knotd itself is not built with it.
sanitized_environment() {
	environment=("KNOTD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)"
		ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0 UBSAN_OPTIONS=print_stacktrace=1
		"SLOW=${SLOW-3}")
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

# Servers that are not meant to stay end with this shell, however that ends.
launcher=(setpriv --pdeathsig TERM)

# start DIR COMMAND...: a server with its log in DIR, which is in `work`.
start() {
	"${launcher[@]}" "${@:2}" >"$work/$1/log" 2>&1 </dev/null &
}

# start_unbound DIR PORT SECTION: a resolver; SECTION has the end of its `server` section, and others.
start_unbound() {
	cat >"$work/$1/unbound.conf" <<-END
		remote-control:
		    control-enable: no
		server:
		    directory: "$work/$1"
		    chroot: ""
		    username: ""
		    pidfile: ""
		    use-syslog: no
		    interface: 127.0.0.1@$2
		$3
	END
	# Debian's AppArmor profile lets /usr/sbin/unbound read /etc/unbound only; it leaves a copy alone.
	cp "$(command -v unbound)" "$work/$1/"
	start "$1" "$work/$1/unbound" -d -p -c "$work/$1/unbound.conf"
}

# adapt_sample DIR PORT RESOLVER [SED-OPTION...]: makes a knot.conf of samples/knot.conf, with other addresses and paths.
adapt_sample() {
	sed -e "s|listen: .*|listen: 127.0.0.1@$2|" -e "s|resolver: .*|resolver: 127.0.0.1@$3|" \
		-e "s|/run/knot\"|$work/$1\"|" -e "s|/var/lib/knot\"|$work/$1\"|" \
		-e 's|target: syslog|target: stderr|' "${@:4}" "$top/samples/knot.conf" >"$work/$1/knot.conf"
}
