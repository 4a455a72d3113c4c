#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the tree twice, in places of other names, once beside the sources and once among them, at another time and with
# another language, and compares all files that are installed. Takes about two minutes.

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

# install DIR: what the build in DIR installs goes to DIR/root.
install() {
	make -s -C "$1" install DESTDIR="$1/root" >"$1/install.log" 2>&1 || die "make install failed: $(tail "$1/install.log")"
}

make_work
need_packages "${BUILD_PACKAGES[@]}" python3-docutils

say "Build in a folder of its own"
build_module "$work/one"
install "$work/one/obj"

say "Build in the tree itself"
second=$work/another-place/below
mkdir -p "$second"
copy_tree "$second"
if ! (
	cd "$second"
	export LC_ALL=C.UTF-8 TZ=Pacific/Auckland
	umask 027
	autoreconf -fi
	./configure --quiet
	make -s
) >"$work/build.log" 2>&1; then
	die "the build failed: $(tail -n 30 "$work/build.log")"
fi
install "$second"

say "Compare"
cd "$work/one/obj/root"
find . -type f -exec sha256sum {} + | sort -k 2 >"$work/sums"
(cd "$second/root" && sha256sum --quiet -c "$work/sums" && [ "$(find . -type f | wc -l)" = "$(wc -l <"$work/sums")" ]) ||
	die "two builds differ"
echo "$(wc -l <"$work/sums") files are the same."
