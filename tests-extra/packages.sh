#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The package of samples/packaging as operators meet it: made, installed, used, upgraded, removed and purged; and the
# upgrade of Debian below a server that has it. For a chroot of a fresh system, which it changes: see platforms.sh.

set -eu

usage() {
	cat <<-END
		usage: platforms.sh bookworm trixie forky -- tests-extra/${0##*/}
		       platforms.sh bookworm -- tests-extra/${0##*/} --upgrade trixie forky
		  --upgrade SUITE...  upgrades the system to SUITE, then to the next one, while knotd serves $ZONES zones
		  --forget SUITE...   the same, first without a package of the module for SUITE
	END
}

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

ADDRESS=203.0.113.10
ZONES=50 SIGNED=10
APT=(env DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Use-Pty=0 -o "Dpkg::Path=$PATH" --no-install-recommends)

suites=() forget='' port='' knot='' deb='' pid=''
case ${1-} in
--forget | --upgrade) suites=("${@:2}") ;;
-h | --help) usage && exit ;;
esac
[ "${1-}" != --forget ] || forget=yes
[ $# = 0 ] || [ ${#suites[@]} -gt 0 ] || { usage >&2 && exit 2; }

finish() {
	[ $? = 0 ] || tail -n 20 "$work/log" /var/lib/knot/log >&2 2>/dev/null || :
	! command -v systemctl >/dev/null || systemctl stop knot.service
	stop_jobs TERM
	rm -rf "${temporary[@]}"
}

# make_systemctl: what scripts of packages want of systemd, which a chroot does not have: knot.service, as its unit has it.
make_systemctl() {
	mkdir -p /run/systemd/system
	cat >/usr/local/bin/systemctl <<-'END'
		#!/bin/bash
		words=() pid=''
		for word; do [[ $word == -* ]] || words+=("$word"); done
		[ ! -e /run/knot/knot.pid ] || read -r pid </run/knot/knot.pid || :
		[ "$pid" ] && [ -e "/proc/$pid" ] || pid=''
		end() {
			[ ! "$pid" ] || kill "$pid"
			while [ "$pid" ] && [ -e "/proc/$pid" ]; do sleep 0.05; done
		}
		case "${words[*]}" in
		'is-enabled knot.service') echo enabled ;;
		'is-active knot.service') [ "$pid" ] ;;
		'is-failed knot.service') [ -e /run/knot.failed ] ;;
		'show MainPID knot.service') echo "${pid:-0}" ;;
		'stop knot.service') end ;;
		'start knot.service' | 'restart knot.service')
			[ "${words[0]}" = restart ] || [ ! "$pid" ] || exit 0
			end
			rm -f /run/knot.failed
			mkdir -p /run/knot && chown knot:knot /run/knot
			knotc conf-check >/dev/null && knotd -d && echo "knot.service: ${words[0]}" && exit
			echo 'knot.service: failed' | tee /run/knot.failed
			exit 1
			;;
		is-*) exit 1 ;;
		esac
	END
	chmod 755 /usr/local/bin/systemctl
}

# apt WORD...: with its output in the log.
apt() {
	"${APT[@]}" "$@" </dev/null >>"$work/log" 2>&1
}

# package_of SUITE: makes a package in a system of that release; sets `deb` to it.
package_of() {
	local system=$work/$1 script=/usr/share/debootstrap/scripts/$1
	[ -e "$script" ] || script=${script%/*}/sid
	debootstrap --variant=minbase "$1" "$system" "$mirror" "$script" >>"$work/log" 2>&1
	cp /etc/resolv.conf "$system/etc/"
	cp "$UNDATED" "$system$UNDATED"
	mkdir "$system/tree"
	copy_tree "$system/tree"
	# shellcheck disable=SC2016
	deb=$(unshare --mount bash -euc 'cd "$1"
		mount -t proc proc proc
		mount --rbind /dev dev
		chroot . "${@:2}" update >&2
		chroot . "${@:2}" build-dep /tree/samples/packaging >&2
		chroot . /tree/samples/packaging/deb.sh /root' bash "$system" "${APT[@]}" </dev/null 2>>"$work/log")
	mv "$system$deb" "$work/"
	deb=$work/${deb##*/}
	rm -rf --one-file-system "$system"
}

# configure: zones with ALIAS, the first ones signed, for a resolver that knows their targets.
configure() {
	local i signed resolver=$port
	start_unbound unbound "$resolver" "
    local-zone: \"cdn.example.\" redirect
    local-data: \"cdn.example. 60 A $ADDRESS\""
	free_port
	knot=$port
	cat >"$work/knot.conf" <<-END
		server:
		    rundir: "/run/knot"
		    user: knot:knot
		    listen: 127.0.0.1@$knot
		log:
		  - target: "/var/lib/knot/log"
		    any: info
		database:
		    storage: "/var/lib/knot"
		mod-xalias:
		  - id: default
		    resolver: 127.0.0.1@$resolver
		template:
		  - id: default
		    storage: "/var/lib/knot"
		    module: mod-xalias/default
		zone:
	END
	for ((i = 1; i <= ZONES; i++)); do
		signed=off
		[ "$i" -gt "$SIGNED" ] || signed=on
		printf '  - domain: z%d.example\n    dnssec-signing: %s\n' "$i" $signed >>"$work/knot.conf"
		printf '@ 3600 SOA ns hostmaster 1 10800 3600 1209600 300\n@ 3600 NS ns\nns 3600 A 127.0.0.1\n%s\n' \
			"$(kalias rr @ 3600 "z$i.cdn.example")" >"/var/lib/knot/z$i.example.zone"
	done
	chown knot:knot /var/lib/knot/*.zone
	cat "$work/knot.conf" >/etc/knot/knot.conf
}

# copy_kdig: with its libraries, as those of the system change.
copy_kdig() {
	local files
	mkdir "$work/kdig"
	mapfile -t files < <(ldd "$(command -v kdig)" | grep -o '/[^ ]*')
	cp "${files[@]}" "$(command -v kdig)" "$work/kdig/"
	kdig=("$work"/kdig/ld-linux*.so* --library-path "$work/kdig" "$work/kdig/kdig")
}

# ask NUMBER [OPTION]: A of a zone
ask() {
	"${kdig[@]}" +short +timeout=1 +retry=0 "${@:2}" @127.0.0.1 -p "$knot" "z$1.example" A 2>/dev/null
}

served() {
	[ "$(ask "$1")" = $ADDRESS ]
}

# expect_served: all zones, those that are signed with signatures.
expect_served() {
	local i signed=0
	for ((i = 1; i <= ZONES; i++)); do
		wait_for 10 served "$i" || die "z$i.example is not served: $(ask "$i")"
		! ask "$i" +dnssec | grep -q '^A ' || signed=$((signed + 1))
	done
	[ $signed = $SIGNED ] || die "$signed zones are signed"
	echo "$(knotd --version): $ZONES zones are served, $SIGNED of them signed."
}

# expect TEXT COMMAND...: the command prints it.
expect() {
	"${@:2}" 2>&1 | grep -qF -- "$1" || die "no '$1' from ${*:2}"
}

# refuse TEXT APT-WORD...: apt fails, and says that.
refuse() {
	if apt "${@:2}"; then die "apt ${*:2} works"; fi
	expect "$1" tail -n 20 "$work/log"
	echo "apt-get ${*:2}: refused, with '$1'"
}

read_pid() {
	read -r pid </run/knot/knot.pid || [ "$pid" ]
}

expect_restart() {
	local before=$pid
	read_pid
	[ "$pid" != "$before" ] || die "knotd was not restarted"
	! grep -q 'alias.so (deleted)' "/proc/$pid/maps" || die "knotd has the former module"
}

use() {
	cat "$work/$1" >/etc/knot/knot.conf
}

# name_of_old: knot.conf has mod-alias, which Knot DNS 3.5.5 and later take for their own. A package for these does not go
# in, until it has mod-xalias.
name_of_old() {
	[ -e "$work/old$modules/alias.so" ] || return 0
	say "A package without mod-alias does not go in where knot.conf has that name"
	cp -r "$work/old" "$work/later"
	rm "$work/later$modules/alias.so"
	install "$top/samples/packaging/debian/mod-alias.preinst" "$work/later/DEBIAN/preinst"
	sed -i 's/^Version: .*/Version: 0.1.1/' "$work/later/DEBIAN/control"
	dpkg-deb -b "$work/later" "$work/later.deb" >>"$work/log"
	sed 's/mod-xalias/mod-alias/' "$work/knot.conf" >"$work/alias.conf"
	use alias.conf
	systemctl restart knot.service
	refuse 'knot.conf names mod-alias' install "$work/later.deb"
	expect_served
	use knot.conf
	systemctl restart knot.service
	expect_served
	read_pid
	apt install "$work/later.deb"
	expect_restart
	expect_served
}

# life_of_a_package: on this release of Debian
life_of_a_package() {
	say "Two builds, which are the same"
	apt build-dep "$top/samples/packaging"
	apt install lintian
	mkdir "$work/1" "$work/2"
	deb=$("$top/samples/packaging/deb.sh" "$work/1")
	cmp "$deb" "$("$top/samples/packaging/deb.sh" "$work/2")"
	echo "${deb##*/}"
	dpkg-deb -f "$deb" Depends
	lintian --allow-root --fail-on error "$deb"

	say "A former version is installed, and all zones are served"
	dpkg-deb -R "$deb" "$work/old"
	sed -i 's/^Version: .*/Version: 0.1/' "$work/old/DEBIAN/control"
	dpkg-deb -b "$work/old" "$work/old.deb" >>"$work/log"
	modules=$(pkg-config --variable=module_instdir knotd)
	[ -e "$work/old$modules/alias.so" ] || [ -e "$work/old/DEBIAN/preinst" ] || die "the package has no preinst"
	apt install "$work/old.deb" knot-dnsutils unbound
	begin
	cp /etc/knot/knot.conf "$work/none.conf"
	configure
	systemctl restart knot.service
	expect_served

	name_of_old

	say "An upgrade of the module restarts knotd"
	read_pid
	apt install "$deb"
	expect_restart
	expect_served

	! grep -r /usr/local/sbin /usr/share/doc/mod-alias/samples || die "samples name a program that is not in the package"

	say "The module can't be removed while it is in use"
	refuse 'The running knotd uses this module' remove mod-alias
	refuse 'systemctl stop knot' remove knot
	expect_served
	mv /run/knot/knot.sock /run/knot/away
	refuse 'does not say whether it uses this module' remove mod-alias
	mv /run/knot/away /run/knot/knot.sock
	sed '/^ *module:/d' "$work/knot.conf" >"$work/section.conf"
	use section.conf
	knotc reload
	refuse 'The running knotd uses this module' remove mod-alias

	say "It can once knot.conf does not name it. If it comes back, knotd does as well"
	use none.conf
	knotc reload
	apt remove mod-alias
	use knot.conf
	! systemctl restart knot.service || die "knotd starts"
	apt install "$deb"
	expect_served

	say "Purged while knotd is stopped: the store goes, the records stay, and apt says so"
	systemctl stop knot.service
	[ -e /var/lib/knot/alias/store.db ] || die "no store"
	touch /var/lib/knot/alias/other
	apt purge mod-alias
	expect "knotd does not start" tail -n 20 "$work/log"
	expect "stay in the zones" tail -n 20 "$work/log"
	[ "$(ls /var/lib/knot/alias)" = other ] || die "not only the store is deleted"
	rm /var/lib/knot/alias/other
	DPKG_MAINTSCRIPT_PACKAGE=mod-alias "$work/old/DEBIAN/postrm" purge >>"$work/log"
	[ ! -e /var/lib/knot/alias ] || die "the directory is still there"
	expect TYPE65401 cat "/var/lib/knot/z$ZONES.example.zone"

	say "The first steps of a new user, with the package"
	rmdir /run/systemd/system
	"$top/tests-extra/first-steps.sh" --package "$deb" >>"$work/log" 2>&1
}

# probe: asks all along, and notes when there were answers.
probe() {
	local i
	while :; do
		for ((i = 1; i <= ZONES; i++)); do
			! served "$i" || echo "$EPOCHREALTIME"
			read -rt 0.02 <&9 || :
		done
	done >"$work/answers" 9<> <(:)
}

# upgrade_to SUITE: by apt, with the package for it.
upgrade_to() {
	local probing
	say "The package for $1"
	package_of "$1"
	echo "${deb##*/}"

	say "Upgrade to $1, with a client that asks all along"
	echo "deb $mirror $1 main" >/etc/apt/sources.list
	apt update
	apt --download-only dist-upgrade "$deb"
	read_pid
	probe &
	probing=$!
	if [ "$forget" ]; then
		refuse 'The running knotd uses this module' dist-upgrade
		expect_served
	fi
	apt dist-upgrade "$deb"
	kill "$probing"
	expect_restart
	awk 'NR > 1 && $1 - last > longest { longest = $1 - last } { last = $1 }
		END { printf "%d answers; the longest time without any: %.1f s\n", NR, longest }' "$work/answers"
	expect_served
}

# begin: when knotd is there.
begin() {
	copy_kdig
	mkdir "$work/unbound"
	free_port
}

[ "$(id -u)" = 0 ] || die "installs packages, which takes root"
for path in /usr/sbin/knotd /etc/knot /var/lib/knot; do
	[ ! -e $path ] || die "is for a fresh system, and here is $path: see --help"
done
case $(cat /proc/1/comm) in
systemd | init | runit | openrc-init) die "is for a chroot, see --help" ;;
esac
[ ! -e /run/systemd/system ] || die "is for a chroot, see --help"
make_work
make_systemctl
export DEB_BUILD_OPTIONS=noautodbgsym
UNDATED=/etc/apt/apt.conf.d/undated
echo 'Acquire::Check-Valid-Until "false";' >$UNDATED # as a mirror of testing may be old
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n 1p)
apt update
if [ ${#suites[@]} = 0 ]; then
	life_of_a_package
else
	. /etc/os-release
	say "The package for $VERSION_CODENAME"
	apt install debootstrap
	package_of "$VERSION_CODENAME"
	apt install "$deb" knot-dnsutils unbound
	begin
	configure
	systemctl restart knot.service
	expect_served
	for suite in "${suites[@]}"; do
		upgrade_to "$suite"
	done
fi
say "All as expected."
