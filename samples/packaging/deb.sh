#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes a package of mod-alias for the Debian and the Knot DNS that it runs on, in the current directory or
# in DIR. What it needs, `apt-get build-dep ./samples/packaging` installs.

set -eu

case ${1-} in
-*) echo "usage: ${0##*/} [DIR]" >&2 && exit 2 ;;
esac

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"
target=$(cd "${1-.}" && pwd)

make_work
mkdir "$work/mod-alias"
copy_tree "$work/mod-alias"
cp -r "$top/samples/packaging/debian" "$work/mod-alias/"

# All dates in the package are that of the sources, so that two builds of them are the same.
: "${SOURCE_DATE_EPOCH:=$(git -C "$top" log -1 --format=%ct 2>/dev/null || stat -c %Y "$top/NEWS")}"
export SOURCE_DATE_EPOCH

# Two packages of one release differ by the Knot DNS that they were built for. The later Knot's is the later one, so that
# an upgrade of Debian takes it. What is not released yet is told apart by its date.
version=$(sed -n 's/^AC_INIT(\[mod-alias\], \[\(.*\)\])$/\1/p' "$top/configure.ac")
! sed 1q "$top/NEWS" | grep -q unreleased || version+=$(date -u -d "@$SOURCE_DATE_EPOCH" +~%Y%m%d.%H%M%S)
knot=$(pkg-config --modversion knotd | cut -d. -f1,2)
cat >"$work/mod-alias/debian/changelog" <<END
mod-alias ($version-1+knot$knot) unstable; urgency=medium

  * See NEWS.gz.

 -- mod-alias <mod-alias@local.invalid>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END

cd "$work/mod-alias"
if ! dpkg-buildpackage -b -us -uc >"$work/log" 2>&1; then
	tail -n 30 "$work/log" >&2
	die "the build failed"
fi
cp "$work"/mod-alias_*.deb "$target/"
ls "$target/mod-alias_$version-1+knot$knot"_*.deb
